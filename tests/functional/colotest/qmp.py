# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""A QMP client over a unix socket."""

import json
import socket
import time

from .waiting import Deadline, WaitTimeout, wait_for


class QmpError(Exception):
    """The error answer to a command."""

    def __init__(self, command, error):
        super().__init__(f"{command}: {error['class']}: {error['desc']}")
        self.error_class = error["class"]
        self.desc = error["desc"]


class QmpClosed(ConnectionError):
    """The other side closed the session."""


class QmpConnection:
    """One session, message by message. `greeting` is the server's first message."""

    def __init__(self, path, seconds=20, alive=lambda: True):
        self._buffer = b""
        self._socket = self._connect(path, seconds, alive)
        self.greeting = self.receive(seconds)

    @staticmethod
    def _connect(path, seconds, alive):
        def attempt():
            client = socket.socket(socket.AF_UNIX)
            try:
                client.connect(path)
                return client
            except (FileNotFoundError, ConnectionRefusedError):
                client.close()
                if not alive():
                    raise
                return None
        return wait_for(f"a QMP server on {path}", attempt, seconds)

    def send_bytes(self, data):
        try:
            self._socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise QmpClosed(str(error)) from error

    def send(self, message, fds=()):
        data = json.dumps(message).encode() + b"\n"
        if fds:
            socket.send_fds(self._socket, [data], list(fds))
        else:
            self.send_bytes(data)

    def receive(self, seconds=20):
        """The next message; the server ends each with CRLF."""
        deadline = Deadline(seconds)
        while b"\n" not in self._buffer:
            if deadline.expired():
                raise WaitTimeout(f"waited {deadline.seconds:g} s for a QMP message")
            self._socket.settimeout(deadline.left() + 0.001)
            try:
                data = self._socket.recv(65536)
            except socket.timeout:
                continue
            except ConnectionResetError as error:
                raise QmpClosed(str(error)) from error
            if not data:
                raise QmpClosed("the QMP session was closed")
            self._buffer += data
        line, self._buffer = self._buffer.split(b"\n", 1)
        return json.loads(line)

    def close(self):
        self._socket.close()


class QmpClient:
    """Commands and events. Not for use by several threads at once."""

    def __init__(self, path, seconds=20, alive=lambda: True):
        self.connection = QmpConnection(path, seconds, alive)
        self.greeting = self.connection.greeting
        self.events = []
        self._next_id = 0
        self.command("qmp_capabilities")

    def command(self, name, fds=(), seconds=20, **arguments):
        """Run a command and return its result; underscores in argument names stand for dashes."""
        return self.command_raw(name, {key.replace("_", "-"): value
                                       for key, value in arguments.items()}, fds, seconds)

    def command_raw(self, name, arguments, fds=(), seconds=20):
        """The same with a dictionary of arguments, sent as it is."""
        self._next_id += 1
        request = {"execute": name, "id": self._next_id}
        if arguments:
            request["arguments"] = arguments
        self.connection.send(request, fds)
        return self._answer(name, self._next_id, Deadline(seconds))

    def _answer(self, name, request_id, deadline):
        while True:
            try:
                message = self.connection.receive(deadline.left())
            except WaitTimeout as error:
                raise WaitTimeout(f"{error}, the answer to {name}") from None
            if "event" in message:
                self.events.append(message)
            elif message.get("id") == request_id:
                if "error" in message:
                    raise QmpError(name, message["error"])
                return message["return"]

    def hmp(self, command_line, seconds=20):
        """A human monitor command; returns what it printed."""
        return self.command("human-monitor-command", seconds=seconds, command_line=command_line)

    def poll_events(self):
        """Collect the events that have arrived, without waiting."""
        while True:
            try:
                message = self.connection.receive(0)
            except WaitTimeout:
                return self.events
            if "event" in message:
                self.events.append(message)

    def wait_event(self, name, seconds=20, match=lambda data: True, start=0):
        """The first event `name` from position `start` of the list whose data match."""
        deadline = Deadline(seconds)
        while True:
            for event in self.events[start:]:
                if event["event"] == name and match(event.get("data", {})):
                    return event
            if deadline.expired():
                seen = ", ".join(event["event"] for event in self.events[start:]) or "none"
                raise WaitTimeout(f"waited {deadline.seconds:g} s for the event {name}; "
                                  f"seen: {seen}")
            try:
                message = self.connection.receive(min(0.1, deadline.left()))
            except WaitTimeout:
                continue
            if "event" in message:
                self.events.append(message)

    def close(self):
        self.connection.close()


def event_time(event):
    """Seconds since the epoch."""
    stamp = event["timestamp"]
    return stamp["seconds"] + stamp["microseconds"] / 1e6


def now():
    """The clock that event times, trace times and console times are on."""
    return time.time()
