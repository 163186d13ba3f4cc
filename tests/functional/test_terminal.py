# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Monitors and serial lines on a terminal, as a person meets them."""

import os
import re
import socket
import termios

import pytest

from colotest.terminal import Terminal
from colotest.vm import run_to_exit
from colotest.waiting import wait_for

PROMPT = "(qemu) "
BANNER = "monitor - type 'help' for more information"
COM1 = 0x3f8


@pytest.fixture
def terminal(emulator):
    """Starts a VM without guest code on a terminal."""
    started = []

    def start(*arguments):
        started.append(Terminal([emulator, "-accel", "qtest", "-S", *arguments]))
        return started[-1]
    yield start
    for term in started:
        term.__exit__()


class Board:
    """The other end of -qtest: speaks to the devices of the VM."""

    def __init__(self, folder):
        self.path = str(folder / "qtest")
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(self.path)
        self._listener.listen()
        self._listener.settimeout(15)
        self._socket = None

    def connect(self):
        self._socket, _ = self._listener.accept()
        self._socket.settimeout(30)

    def close(self):
        self._listener.close()
        if self._socket:
            self._socket.close()

    def command(self, line):
        self._socket.sendall(line.encode() + b"\n")
        answer = b""
        while not answer.endswith(b"\n"):
            answer += self._socket.recv(4096)
        words = answer.decode().split()
        assert words[0] == "OK", answer
        return int(words[1], 16) if len(words) > 1 else None

    def print(self, text):
        """Send text out of the first serial port."""
        for character in text.encode():
            self.command(f"outb {COM1:#x} {character:#x}")

    def typed(self, count):
        """The next bytes that arrive at the first serial port."""
        got = b""
        while len(got) < count:
            wait_for(f"byte {len(got) + 1} at the serial port",
                     lambda: self.command(f"inb {COM1 + 5:#x}") & 1, 10)
            got += bytes([self.command(f"inb {COM1:#x}")])
        return got.decode()


@pytest.fixture
def board(tmp_path):
    other_end = Board(tmp_path)
    yield other_end
    other_end.close()


def is_raw(term):
    return not term.has(termios.ICANON) and not term.has(termios.ECHO)


def test_monitor_stdio(terminal):
    """The monitor has the keys; at the end the terminal is as it was."""
    term = terminal("-machine", "none", "-display", "none", "-monitor", "stdio")
    term.expect(BANNER)
    term.expect(PROMPT)
    assert is_raw(term)
    assert term.has(termios.ISIG)
    term.type("info status\r")
    term.expect("VM status: paused")
    term.expect(PROMPT)
    term.type("quit\r")
    assert term.wait_exit() == 0
    assert term.settings() == term.initial


def test_interrupt_key(terminal):
    """^C ends a VM whose terminal sends signals, in an orderly way."""
    term = terminal("-machine", "none", "-display", "none", "-monitor", "stdio")
    term.expect(PROMPT)
    term.type("\x03")
    assert term.wait_exit() == 0
    assert term.settings() == term.initial


def test_stopped_and_continued(terminal):
    """After ^Z and fg the terminal is raw again."""
    term = terminal("-machine", "none", "-display", "none", "-monitor", "stdio")
    term.expect(PROMPT)
    term.stop_and_continue()
    wait_for("a raw terminal", lambda: is_raw(term), 5)
    term.type("quit\r")
    assert term.wait_exit() == 0
    assert term.settings() == term.initial


def test_wait_interrupted(terminal):
    """^C while a socket waits for its first client, with the terminal raw already."""
    term = terminal("-machine", "none", "-display", "none", "-chardev", "stdio,id=t",
                    "-chardev", "socket,id=a,host=127.0.0.1,port=0,server=on")
    term.expect("waiting for connection on: disconnected:tcp:127.0.0.1:")
    assert is_raw(term)
    term.type("\x03")
    assert term.wait_exit() == 1
    term.expect("interrupted while waiting for a connection")
    assert term.settings() == term.initial


@pytest.mark.parametrize("arguments", [
    ["-nographic"],
    ["-display", "none", "-serial", "mon:stdio"],
    ["-display", "none", "-chardev", "stdio,id=t,mux=on,signal=off", "-serial", "chardev:t",
     "-mon", "chardev=t,mode=readline"],
], ids=["nographic", "mon:stdio", "mux=on"])
def test_shared_terminal(terminal, board, arguments):
    """Console and monitor share a terminal; the console has it first."""
    term = terminal("-machine", "pc", "-qtest", f"unix:{board.path}", *arguments)
    board.connect()
    board.print("hello from the guest\n")
    assert BANNER not in term.expect("hello from the guest")
    assert is_raw(term) and not term.has(termios.ISIG)
    term.type("a\x03\x01\x01z")
    assert board.typed(4) == "a\x03\x01z"

    term.type("\x01c")
    term.expect(BANNER)
    term.expect(PROMPT)
    term.type("info status\r")
    term.expect("VM status: paused")
    board.print("still here\n")
    term.expect("still here")
    assert board.command(f"inb {COM1 + 5:#x}") & 1 == 0

    term.type("\x01c" + "b")
    assert board.typed(1) == "b"
    term.type("\x01h")
    term.expect("C-a c    switch between console and monitor")
    term.type("\x01x")
    term.expect("QEMU: Terminated")
    assert term.wait_exit() == 0
    assert term.settings() == term.initial


def test_nographic_with_a_serial_option(terminal):
    """The terminal is for the monitor when -serial speaks of the serial line."""
    term = terminal("-machine", "none", "-nographic", "-serial", "null")
    term.expect(BANNER)
    term.type("quit\r")
    assert term.wait_exit() == 0


@pytest.mark.parametrize("option", ["-monitor", "-qmp"])
def test_nographic_with_a_monitor_option(terminal, tmp_path, option):
    """The terminal is for the serial line alone when there is a monitor elsewhere."""
    term = terminal("-machine", "none", "-nographic",
                    option, f"unix:{tmp_path}/monitor,server=on,wait=off")
    wait_for("a raw terminal", lambda: is_raw(term), 15)
    term.type("\x01h")
    assert term.shows_nothing(0.5)
    term.type("\x03")
    assert term.wait_exit() == 0


def test_nographic_nodefaults(terminal):
    """-nodefaults leaves the terminal alone."""
    term = terminal("-machine", "none", "-nographic", "-nodefaults")
    term.type("x")
    term.expect("x")  # the terminal's own echo
    assert term.settings() == term.initial


def test_daemonize(emulator, tmp_path):
    """In the background there is no terminal to use; relative paths hold all the same."""
    common = [emulator, "-accel", "qtest", "-machine", "none", "-S", "-daemonize"]
    outcome = run_to_exit([*common, "-display", "none", "-monitor", "stdio"])
    assert outcome.returncode == 1
    assert "cannot use stdio with -daemonize" in outcome.stderr
    outcome = run_to_exit([*common, "-nographic"])
    assert outcome.returncode == 1
    assert "-nographic cannot be used with -daemonize" in outcome.stderr

    outcome = run_to_exit([*common, "-display", "none", "-pidfile", "pid",
                           "-monitor", "unix:monitor,server=on,wait=off"], cwd=tmp_path)
    assert outcome.returncode == 0, outcome.stderr
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(15)
        client.connect(str(tmp_path / "monitor"))
        client.sendall(b"quit\r\n")
        wait_for("the pid file to go", lambda: not (tmp_path / "pid").exists(), 15)
    assert not (tmp_path / "monitor").exists()


def test_serial_pty(terminal, board):
    """-serial pty tells where it is; console output arrives there."""
    term = terminal("-machine", "pc", "-display", "none", "-qtest", f"unix:{board.path}",
                    "-serial", "pty")
    board.connect()
    match = re.search(r"char device redirected to (\S+) \(label serial0\)",
                      term.expect("(label serial0)"))
    side = os.open(match[1], os.O_RDWR | os.O_NOCTTY)
    try:
        os.write(side, b"k")
        assert board.typed(1) == "k"
        board.print("hi")
        os.set_blocking(side, True)
        assert os.read(side, 1) == b"h"
    finally:
        os.close(side)


def test_serial_file(terminal, board, tmp_path):
    """-serial file: keeps what the guest said, also its last words before the end."""
    out = tmp_path / "out,with comma"
    term = terminal("-machine", "pc", "-display", "none", "-qtest", f"unix:{board.path}",
                    "-serial", f"file:{out}")
    board.connect()
    board.print("last words")
    term.type("\x03")
    assert term.wait_exit() == 0
    assert out.read_text() == "last words"


@pytest.mark.parametrize("kind", ["tcp", "telnet"])
def test_monitor_socket(terminal, kind):
    """-monitor on a TCP port, with and without the telnet protocol."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    terminal("-machine", "none", "-display", "none",
             "-monitor", f"{kind}:127.0.0.1:{port},server=on,wait=off")

    def connect():
        try:
            return socket.create_connection(("127.0.0.1", port), 10)
        except ConnectionRefusedError:
            return None
    for _ in range(2):
        with wait_for("the monitor's port", connect, 15) as client:
            seen = b""
            while PROMPT.encode() not in seen:
                seen += client.recv(4096)
            assert seen.startswith(b"\xff\xfb\x01") == (kind == "telnet")
            client.sendall(b"info status\r\n")
            while b"VM status: paused" not in seen:
                seen += client.recv(4096)
