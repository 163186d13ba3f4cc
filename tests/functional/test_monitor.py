# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""The human monitor on a terminal, and file descriptors sent to QMP."""

import array
import json
import os
import pty
import select
import signal
import socket
import subprocess
import time

import pytest

from colotest.qmp import QmpConnection

ESCAPE = b"\x01"  # Ctrl-a


class Terminal:
    """An emulator on a pseudo terminal."""

    def __init__(self, command):
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(command, stdin=slave, stdout=slave, stderr=slave,
                                        start_new_session=True)
        os.close(slave)
        self.text = ""

    def type(self, data):
        os.write(self.master, data)

    def wait_for(self, text, seconds=20):
        """Wait for @text; what came up to its end is taken and returned."""
        end = time.monotonic() + seconds
        while text not in self.text:
            left = end - time.monotonic()
            assert left > 0, f"waited {seconds} s for {text!r}, got {self.text!r}"
            if select.select([self.master], [], [], left)[0]:
                self.text += os.read(self.master, 65536).decode(errors="replace")
        at = self.text.index(text) + len(text)
        taken, self.text = self.text[:at], self.text[at:]
        return taken

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        os.close(self.master)


@pytest.fixture
def run(emulator):
    terminals = []

    def start(*arguments):
        terminals.append(Terminal([emulator, "-machine", "none", "-S", "-nodefaults", "-display",
                                   "none", *arguments]))
        return terminals[-1]

    yield start
    for terminal in terminals:
        terminal.close()


def test_monitor_on_a_terminal(run):
    terminal = run("-monitor", "stdio", "-name", "fred")
    terminal.wait_for("QEMU 7.2.0 monitor - type 'help' for more information")
    terminal.wait_for("(qemu) ")
    terminal.type(b"info na\t\n")
    assert "fred" in terminal.wait_for("(qemu) ")
    terminal.type(b"zork\n")
    assert "unknown command: 'zork'" in terminal.wait_for("(qemu) ")
    terminal.type(b"\x1b[A\n")  # the line before, from the history
    assert "unknown command: 'zork'" in terminal.wait_for("(qemu) ")
    terminal.type(b"quit\n")
    assert terminal.process.wait(10) == 0


def test_help_lists_what_can_be_typed(run):
    terminal = run("-monitor", "stdio")
    terminal.wait_for("(qemu) ")
    terminal.type(b"help\n")
    text = terminal.wait_for("(qemu) ")
    for command in ("migrate [-d] uri", "migrate_set_capability capability state", "quit|q",
                    "x_colo_lost_heartbeat", "device_add", "info [subcommand]"):
        assert command in text
    terminal.type(b"help info status\n")
    assert "info status  -- show the current VM status" in terminal.wait_for("(qemu) ")


def test_escape_ends_the_process(run):
    terminal = run("-serial", "mon:stdio")
    terminal.wait_for("(qemu) ")
    terminal.type(ESCAPE + b"h")
    terminal.wait_for("print this help")
    terminal.type(ESCAPE + b"x")
    assert terminal.process.wait(10) == 0


def test_two_monitors_share_a_terminal(run):
    terminal = run("-chardev", "stdio,id=c,mux=on", "-mon", "chardev=c",
                   "-mon", "chardev=c,mode=control")
    terminal.wait_for('"capabilities": ["oob"]}}')
    terminal.type(ESCAPE + b"c")
    terminal.wait_for("(qemu) ")
    terminal.type(b"info version\n")
    terminal.wait_for("7.2.0 qemu-colo")


class DescriptorSession(QmpConnection):
    """A session that can send a descriptor along with a command."""

    def ask(self, execute, descriptor=None, **arguments):
        text = json.dumps({"execute": execute, "arguments": arguments}).encode()
        ancillary = [] if descriptor is None else [
            (socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [descriptor]))]
        self._socket.sendmsg([text], ancillary)
        return self.receive()


@pytest.fixture
def session(make_vm):
    vm = make_vm(["-S", "-machine", "none"], start=False).start(connect=False)
    connection = DescriptorSession(vm.qmp_path, alive=vm.is_alive)
    assert connection.ask("qmp_capabilities") == {"return": {}}
    yield connection
    connection.close()


@pytest.fixture
def descriptor():
    read_end, write_end = os.pipe()
    yield write_end
    os.close(read_end)
    os.close(write_end)


def test_named_descriptors(session, descriptor):
    assert "SCM_RIGHTS" in session.ask("getfd", fdname="x")["error"]["desc"]
    assert session.ask("getfd", descriptor, fdname="x") == {"return": {}}
    assert "digit" in session.ask("getfd", descriptor, fdname="1x")["error"]["desc"]
    assert session.ask("closefd", fdname="x") == {"return": {}}
    assert "'x' not found" in session.ask("closefd", fdname="x")["error"]["desc"]


def test_descriptor_sets(session, descriptor):
    first = session.ask("add-fd", descriptor, opaque="note")["return"]
    second = session.ask("add-fd", descriptor, **{"fdset-id": first["fdset-id"]})["return"]
    other = session.ask("add-fd", descriptor)["return"]
    assert first["fdset-id"] == second["fdset-id"] == 0 and other["fdset-id"] == 1
    assert session.ask("query-fdsets")["return"] == [
        {"fdset-id": 0, "fds": [{"fd": first["fd"], "opaque": "note"}, {"fd": second["fd"]}]},
        {"fdset-id": 1, "fds": [{"fd": other["fd"]}]}]
    assert session.ask("remove-fd", **{"fdset-id": 0, "fd": first["fd"]}) == {"return": {}}
    assert session.ask("remove-fd", **{"fdset-id": 1}) == {"return": {}}
    assert len(session.ask("query-fdsets")["return"]) == 1
    assert "error" in session.ask("remove-fd", **{"fdset-id": 1})


def test_human_command_gets_the_descriptor(session, descriptor):
    answer = session.ask("human-monitor-command", descriptor, **{"command-line": "getfd y"})
    assert answer == {"return": ""}
    assert session.ask("closefd", fdname="y") == {"return": {}}


def test_command_line_is_described(session):
    options = {option["option"]: {p["name"]: p["type"] for p in option["parameters"]}
               for option in session.ask("query-command-line-options")["return"]}
    assert options["mon"] == {"chardev": "string", "mode": "string", "pretty": "boolean"}
    assert options["smp"]["cpus"] == "number"
    assert "zork" in session.ask("query-command-line-options", option="zork")["error"]["desc"]
