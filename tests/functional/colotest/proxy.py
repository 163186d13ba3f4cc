# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""A TCP proxy between primary and secondary that does harm at a chosen message.

It understands what the secondary says: the return path of the first migration, and after its
last message ("shut") the control messages of COLO, 20 bytes each: id, checkpoint number, value.
"""

import select
import socket
import struct
import threading

from .ports import free_port

MESSAGES = ("checkpoint-ready", "checkpoint-request", "checkpoint-reply", "vmstate-send",
            "vmstate-size", "vmstate-received", "vmstate-loaded", "guest-shutdown")
MESSAGE = struct.Struct(">IQQ")
RETURN_PATH_HEADER = struct.Struct(">HH")
RETURN_PATH_SHUT = 1


def message(name, sequence, value=0):
    return MESSAGE.pack(MESSAGES.index(name), sequence, value)


class Proxy:
    """Connects whoever connects to `uri` to `target_port`, one connection, in a thread.

    `harm(name, sequence, value)` is called for each COLO message of the secondary, before it is
    passed on; it returns the bytes to pass on instead. It may call `stall` or `cut`.
    """

    def __init__(self, target_port, harm=None):
        self.harm = harm or message
        self.messages = []
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", free_port()))
        self.uri = "tcp:127.0.0.1:%d" % self._listener.getsockname()[1]
        self._primary = None
        self._secondary = None
        self._pending = b""
        self._in_colo = False
        self._stalled = False
        self._ended = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def stall(self):
        """From now on nothing passes, and nothing is closed."""
        self._stalled = True

    def cut(self):
        """Close both connections."""
        self._ended.set()

    def inject_to_secondary(self, data):
        with self._lock:
            self._secondary.sendall(data)

    def _run(self):
        while not self._ended.is_set():
            if select.select([self._listener], [], [], 0.05)[0]:
                break
        else:
            return
        self._primary, _ = self._listener.accept()
        self._secondary = socket.create_connection(("127.0.0.1", self._target_port))
        for side in (self._primary, self._secondary):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._primary, self._secondary:
            while not self._ended.is_set():
                if self._stalled:
                    self._ended.wait(0.05)
                    continue
                ready, _, _ = select.select([self._primary, self._secondary], [], [], 0.05)
                for source in ready:
                    if not self._pass(source):
                        return

    def _pass(self, source):
        """Move what `source` has; false when a side is gone."""
        try:
            data = source.recv(1 << 20)
            if not data:
                return False
            if source is self._primary:
                with self._lock:
                    self._secondary.sendall(data)
            else:
                self._pass_answers(data)
            return True
        except OSError:
            return False

    def _pass_answers(self, data):
        self._pending += data
        while True:
            size = self._next_size()
            if size is None or len(self._pending) < size:
                return
            chunk, self._pending = self._pending[:size], self._pending[size:]
            if self._in_colo:
                number, sequence, value = MESSAGE.unpack(chunk)
                name = MESSAGES[number]
                self.messages.append((name, sequence))
                chunk = self.harm(name, sequence, value)
            elif RETURN_PATH_HEADER.unpack_from(chunk)[0] == RETURN_PATH_SHUT:
                self._in_colo = True
            if self._stalled or self._ended.is_set():
                return
            self._primary.sendall(chunk)

    def _next_size(self):
        if self._in_colo:
            return MESSAGE.size
        if len(self._pending) < RETURN_PATH_HEADER.size:
            return None
        return RETURN_PATH_HEADER.size + RETURN_PATH_HEADER.unpack_from(self._pending)[1]

    def close(self):
        self._ended.set()
        self._thread.join()
        self._listener.close()
