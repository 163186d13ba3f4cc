# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""A guest's serial line: everything it printed, and when."""

import os
import re
import select
import socket
import threading

from .qmp import now
from .waiting import wait_for


class Console:
    """Listens on a unix socket, which the emulator connects its serial line to.

    A thread of its own reads, so that a guest that prints a lot never waits for the test.
    """

    def __init__(self, path):
        self.path = path
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(path)
        self._listener.listen(1)
        self._wake_read, self._wake_write = os.pipe()
        self._connection = None
        self._lock = threading.Lock()
        self._data = bytearray()
        self._chunks = []  # (offset of the end, time)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        if not self._readable(self._listener):
            return
        connection, _ = self._listener.accept()
        self._connection = connection
        while self._readable(connection):
            try:
                data = connection.recv(65536)
            except ConnectionResetError:
                return
            if not data:
                return
            with self._lock:
                self._data += data
                self._chunks.append((len(self._data), now()))

    def _readable(self, source):
        ready, _, _ = select.select([source, self._wake_read], [], [])
        return self._wake_read not in ready

    def write(self, text):
        wait_for("the serial line to be connected", lambda: self._connection, 20)
        self._connection.sendall(text.encode())

    def position(self):
        with self._lock:
            return len(self._data)

    def text(self, start=0):
        with self._lock:
            return self._data[start:].decode(errors="replace")

    def lines(self, start=0):
        """The complete lines from offset `start` on, as (time of arrival of their end, text)."""
        with self._lock:
            data = bytes(self._data[start:])
            chunks = list(self._chunks)
        result = []
        offset = start
        chunk = 0
        for line in data.split(b"\n")[:-1]:
            offset += len(line) + 1
            while chunks[chunk][0] < offset:
                chunk += 1
            result.append((chunks[chunk][1], line.decode(errors="replace").rstrip("\r")))
        return result

    def tail(self, count=15):
        lines = self.text().replace("\r", "").split("\n")[-count:]
        return "\n".join(["--- end of the console:"] + lines + ["---"])

    def wait_for(self, pattern, seconds, start=0):
        """Wait until the regular expression `pattern` matches; returns the match."""
        expression = re.compile(pattern, re.MULTILINE)
        return wait_for(f"/{pattern}/ on the console", lambda: expression.search(self.text(start)),
                        seconds, self.tail)

    def close(self):
        os.write(self._wake_write, b"x")
        self._thread.join()
        for descriptor in (self._wake_read, self._wake_write):
            os.close(descriptor)
        self._listener.close()
        if self._connection:
            self._connection.close()
        if os.path.exists(self.path):
            os.unlink(self.path)
