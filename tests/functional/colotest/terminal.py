# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""A process on a pseudo terminal, and a person at it."""

import os
import select
import signal
import subprocess
import termios

from .waiting import Deadline, WaitTimeout, wait_for


class Terminal:
    """Runs a command on a terminal of its own. Use as a context manager."""

    def __init__(self, arguments):
        self.master, self._other = os.openpty()
        self.initial = self.settings()
        self.output = b""
        self.process = subprocess.Popen(
            arguments, stdin=self._other, stdout=self._other, stderr=self._other,
            preexec_fn=self._take_terminal)

    def _take_terminal(self):
        os.setsid()
        # The first terminal that a session's leader opens becomes its own: ^C arrives.
        os.close(os.open(os.ttyname(0), os.O_RDWR))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self.master)
        os.close(self._other)

    def settings(self):
        """The terminal's settings, as the shell would find them."""
        return termios.tcgetattr(self._other)

    def has(self, flag):
        """Is a local flag (termios.ECHO, ...) set?"""
        return bool(self.settings()[3] & flag)

    def type(self, text):
        """Press keys."""
        os.write(self.master, text.encode())

    def _read_some(self, deadline):
        ready, _, _ = select.select([self.master], [], [], min(0.1, deadline.left()))
        if ready:
            self.output += os.read(self.master, 4096)

    def expect(self, text, seconds=15):
        """Wait until `text` is shown; forgets what was shown up to its end and returns it."""
        deadline = Deadline(seconds)
        wanted = text.encode()
        while wanted not in self.output:
            if deadline.expired():
                raise WaitTimeout(f"waited {seconds} s for {text!r}; seen: {self.output!r}")
            self._read_some(deadline)
        end = self.output.index(wanted) + len(wanted)
        seen, self.output = self.output[:end], self.output[end:]
        return seen.decode(errors="replace")

    def shows_nothing(self, seconds):
        """Read for a while; is nothing new shown?"""
        deadline = Deadline(seconds)
        while not deadline.expired() and not self.output:
            self._read_some(deadline)
        return not self.output

    def wait_exit(self, seconds=15):
        """Wait for the end of the process; returns its exit status."""
        deadline = Deadline(seconds)

        def ended():
            self._read_some(deadline)
            return self.process.poll() is not None
        wait_for("the process to exit", ended, seconds, lambda: repr(self.output))
        self._read_some(Deadline(0))
        return self.process.returncode

    def is_stopped(self):
        """Has a signal stopped the process?"""
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii") as stat:
            return stat.read().rsplit(")", 1)[1].split()[0] == "T"

    def stop_and_continue(self):
        """What ^Z and fg do, with a shell that sets the terminal its own way in between."""
        self.process.send_signal(signal.SIGSTOP)
        wait_for("the process to stop", self.is_stopped, 5)
        termios.tcsetattr(self._other, termios.TCSANOW, self.initial)
        self.process.send_signal(signal.SIGCONT)
