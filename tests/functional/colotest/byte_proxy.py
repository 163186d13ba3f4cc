# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""A TCP proxy on 127.0.0.1 that can change what passes, or cut the connection."""

import socket
import threading

BUFFER = 1 << 20


class ByteProxy:
    """Passes one connection on to 127.0.0.1:`target`. `port` is where it listens.

    "up" is from who connects to the target, "down" the other way.
    """

    def __init__(self, target):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._target = target
        self._lock = threading.Lock()
        self._changes = {"up": None, "down": None}
        self._sockets = []
        self._threads = []
        self._start(self._accept)

    def _start(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        try:
            client, _ = self._listener.accept()
            server = socket.create_connection(("127.0.0.1", self._target))
        except OSError:
            return
        for end in (client, server):
            end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with self._lock:
            self._sockets = [client, server]
        self._start(self._pass_on, "up", client, server)
        self._start(self._pass_on, "down", server, client)

    def _pass_on(self, direction, source, sink):
        try:
            while data := source.recv(BUFFER):
                sink.sendall(self._changed(direction, data))
        except OSError:
            pass
        self.cut()

    def _changed(self, direction, data):
        with self._lock:
            wanted = self._changes[direction]
            if wanted is None or len(data) != wanted[0]:
                return data
            self._changes[direction] = None
        return wanted[1](data)

    def change_next(self, direction, size, change):
        """Replace the next piece of exactly `size` bytes by `change(piece)`."""
        with self._lock:
            self._changes[direction] = (size, change)

    def cut(self):
        """Break the connection, both ways."""
        with self._lock:
            for end in self._sockets:
                try:
                    end.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def close(self):
        self._listener.close()
        self.cut()
        for end in self._sockets:
            end.close()
