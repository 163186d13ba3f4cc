# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""One emulator process with its monitor and its guest's console."""

import ctypes
import os
import re
import shutil
import signal
import subprocess
import tempfile

from .console import Console
from .guest import INIT_REACHED
from .qmp import QmpClient, QmpClosed, QmpError
from .waiting import WaitTimeout, wait_for

#: What the sanitizers of a --enable-sanitizers build print.
SANITIZER_REPORT = re.compile(r"runtime error:|(ERROR|WARNING): \w+Sanitizer")

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def die_with_parent():
    """For a child between fork and exec: it is killed when the process that started it ends."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def run_to_exit(arguments, seconds=20, **kwargs):
    """Run a command that is expected to end by itself; returns its CompletedProcess."""
    try:
        return subprocess.run(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True, errors="replace",
                              timeout=seconds, preexec_fn=die_with_parent, **kwargs)
    except subprocess.TimeoutExpired as error:
        raise WaitTimeout(f"waited {seconds} s for {' '.join(arguments)} to exit; it printed "
                          f"{(error.stderr or b'')!r}") from None


class VM:
    """Use as a context manager: whatever happens, the process and its files are gone afterwards.

    A stopped (SIGSTOP) or hung process is killed too. The process also ends when the test process
    does, even if that is killed.
    """

    def __init__(self, emulator, arguments, name="vm", pass_fds=(), folder=None,
                 environment=None, prefix=()):
        self.name = name
        self.folder = tempfile.mkdtemp(prefix=f"colo-{name}-", dir=folder)
        self.log_path = os.path.join(self.folder, "log")
        self.console = Console(os.path.join(self.folder, "console.sock"))
        self.qmp_path = os.path.join(self.folder, "qmp.sock")
        # `prefix` is a command that replaces itself by the emulator (ip netns exec, for instance).
        self.arguments = [
            *prefix, emulator, "-name", name, "-nodefaults", "-display", "none",
            "-chardev", f"socket,id=console,path={self.console.path}", "-serial", "chardev:console",
            "-qmp", f"unix:{self.qmp_path},server=on,wait=off", *arguments]
        self.process = None
        self.qmp = None
        self._pass_fds = pass_fds
        self._environment = {**os.environ, **(environment or {})}
        self._closed = False

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def start(self, connect=True):
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                self.arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                pass_fds=self._pass_fds, env=self._environment, preexec_fn=die_with_parent)
        if connect:
            self.connect()
        return self

    def connect(self):
        try:
            self.qmp = QmpClient(self.qmp_path, alive=self.is_alive)
        except (OSError, WaitTimeout) as error:
            raise AssertionError(
                f"{self.name}: no QMP session: {error}\n{self.log()}") from error

    # The process

    def is_alive(self):
        return self.process is not None and self.process.poll() is None

    def log(self):
        """What the process wrote to stdout and stderr, traces too."""
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def trace(self):
        """The trace events in the log as (time, event name, text)."""
        return [(float(match[1]), match[2], match[3]) for match in
                re.finditer(r"^\d+@(\d+\.\d+):(\w+) ?(.*)$", self.log(), re.MULTILINE)]

    def signal(self, number):
        os.kill(self.process.pid, number)

    def kill(self):
        """SIGKILL, and wait until the process is gone."""
        self.process.kill()
        self.process.wait()

    def wait_exit(self, seconds=20):
        """Wait for the process to end by itself; returns its exit status."""
        wait_for(f"{self.name} to exit", lambda: not self.is_alive(), seconds, self.describe,
                 interval=0.005)
        return self.process.returncode

    def quit(self, seconds=20):
        """The quit command; returns the exit status. The answer may be lost in the exit."""
        try:
            self.qmp.command("quit", seconds=seconds)
        except QmpClosed:
            pass
        return self.wait_exit(seconds)

    def memory_kib(self):
        """{"Rss": .., "Pss": ..} and the rest of smaps_rollup, in KiB."""
        with open(f"/proc/{self.process.pid}/smaps_rollup") as rollup:
            return {match[1]: int(match[2]) for match in
                    re.finditer(r"^(\w+):\s+(\d+) kB", rollup.read(), re.MULTILINE)}

    def describe(self):
        """For failure messages."""
        state = "running" if self.is_alive() else f"ended with {self.process.returncode}"
        log = "\n".join(self.log().splitlines()[-20:])
        return f"{self.name} is {state}\n{self.console.tail()}\n--- end of its log:\n{log}\n---"

    def close(self):
        if self._closed:
            return
        self._closed = True
        if self.is_alive():
            self.kill()
        if self.qmp:
            self.qmp.close()
        self.console.close()
        log = self.log() if os.path.exists(self.log_path) else ""
        shutil.rmtree(self.folder)
        assert not SANITIZER_REPORT.search(log), f"{self.name}: {log}"

    # The guest

    def wait_boot(self, seconds=120):
        self.console.wait_for(re.escape(INIT_REACHED), seconds)

    def wait_lines(self, pattern, count, seconds=60, start=0):
        """Wait until `count` matches of `pattern` are on the console from `start` on."""
        expression = re.compile(pattern, re.MULTILINE)
        wait_for(f"{count} lines with /{pattern}/ on the console of {self.name}",
                 lambda: len(expression.findall(self.console.text(start))) >= count, seconds,
                 self.describe)

    def status(self):
        return self.qmp.command("query-status")["status"]

    def wait_status(self, *states, seconds=20):
        wait_for(f"{self.name} to be {' or '.join(states)}", lambda: self.status() in states,
                 seconds, self.describe)

    # Migration

    def set_capability(self, name, state=True):
        self.qmp.command("migrate-set-capabilities",
                         capabilities=[{"capability": name, "state": state}])

    def set_parameters(self, **parameters):
        self.qmp.command("migrate-set-parameters", **parameters)

    def migration(self):
        return self.qmp.command("query-migrate")

    def wait_migration(self, *states, seconds=60):
        """Wait until the migration has one of `states`; returns query-migrate's answer.

        Fails at once when it has failed and that is not what was waited for.
        """
        final = {"completed", "failed", "cancelled"} - set(states)

        def reached():
            answer = self.migration()
            status = answer.get("status", "none")
            assert status not in final, f"the migration is {answer}\n{self.describe()}"
            return answer if status in states else None
        return wait_for(f"the migration of {self.name} to be {' or '.join(states)}", reached,
                        seconds, self.describe)

    def migrate(self, uri, seconds=60):
        """Migrate and wait until that has completed."""
        self.qmp.command("migrate", uri=uri)
        return self.wait_migration("completed", seconds=seconds)


__all__ = ["VM", "QmpError", "QmpClosed", "run_to_exit"]
