# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""What docs/system/colo.md tells people to type, typed as it stands there."""

import os
import re
import shlex
import socket
import subprocess

import pytest

from colotest.guest import SOURCE_DIR
from colotest.net import GUEST_ADDRESSES, GUEST_IPV4, TestBed, missing_for_namespaces
from colotest.vm import die_with_parent
from colotest.waiting import wait_for

WORKLOAD = f"quiet panic=-1 colo_test=http:mb=8+redis+peer colo_net={GUEST_ADDRESSES}"
SECONDS = 60


def code_blocks(path, heading):
    """The indented blocks of one section of a document, as text with joined lines."""
    with open(os.path.join(SOURCE_DIR, path)) as file:
        text = file.read()
    section = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", text, re.M | re.S)
    assert section, f"{path} has no section '{heading}'"
    blocks = re.findall(r"(?:^    .+\n)+", section[1], re.M)
    return [re.sub(r"\\\n *", "", re.sub(r"^    ", "", block, flags=re.M)) for block in blocks]


class Emulator:
    """A documented command line, run on a host of the test bed in a folder of its own."""

    def __init__(self, command, host, folder, emulator, guest, **names):
        """`names`: what stands for the words of the documentation."""
        self.folder = folder
        os.makedirs(folder)
        names = {"qemu-system-x86_64": emulator, "vmlinuz": guest.kernel,
                 "initrd.gz": guest.net_initrd, "console=ttyS0": f"console=ttyS0 {WORKLOAD}",
                 **names}
        words = [re.sub(rf"^({'|'.join(map(re.escape, names))})$|PRIMARY",
                        lambda match: names[match[0]], word) for word in shlex.split(command)]
        self.monitor_path = os.path.join(
            folder, re.search(r"-monitor unix:([^, ]+)", command)[1])
        self.log_path = os.path.join(folder, "log")
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                [*host.prefix, *words], cwd=folder, stdin=subprocess.PIPE, stdout=log,
                stderr=subprocess.STDOUT, preexec_fn=die_with_parent)

    def log(self):
        with open(self.log_path, errors="replace") as log:
            return log.read()

    def wait_for_text(self, text):
        wait_for(f"'{text}'", lambda: text in self.log(), SECONDS, self.log)

    def hmp(self, *lines):
        """Type lines at the monitor; returns what each has printed."""
        wait_for("the monitor's socket", lambda: os.path.exists(self.monitor_path), SECONDS,
                 self.log)
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.settimeout(SECONDS)
            monitor.connect(self.monitor_path)
            self._until_prompt(monitor)
            return [self._type(monitor, line) for line in lines]

    def _type(self, monitor, line):
        monitor.sendall(line.encode() + b"\n")
        return self._until_prompt(monitor).partition("\n")[2].strip()

    @staticmethod
    def _until_prompt(monitor):
        data = b""
        while not data.endswith(b"(qemu) "):
            part = monitor.recv(65536)
            assert part, f"the monitor has closed the connection behind {data!r}"
            data += part
        return data.decode().replace("\r", "").removesuffix("(qemu) ")

    def hmp_silent(self, *lines):
        """Lines that print nothing unless they fail."""
        for line, answer in zip(lines, self.hmp(*lines)):
            assert answer == "", f"'{line}' answered: {answer}"

    def kill(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        self.kill()
        self.process.stdin.close()


@pytest.fixture
def run(emulator, guest, tmp_path):
    """Runs documented command lines; all processes are gone when the test ends."""
    emulators = []

    def start(command, host, **names):
        folder = str(tmp_path / str(len(emulators)))
        emulators.append(Emulator(command, host, folder, emulator, guest, **names))
        return emulators[-1]

    yield start
    for process in emulators:
        process.close()


@pytest.fixture
def bed():
    reason = missing_for_namespaces()
    if reason:
        pytest.skip(reason)
    with TestBed() as bed:
        yield bed


def protect(primary, secondary, address):
    """The lines of "How to run it", at the primary's monitor, once the secondary listens."""
    assert "inmigrate" in secondary.hmp("info status")[0]
    commands = code_blocks("docs/system/colo.md", "How to run it")[1]
    primary.hmp_silent(*commands.replace("SECONDARY", address).splitlines())
    wait_for("protection", lambda: "Migration status: colo" in primary.hmp("info migrate")[0],
             SECONDS, lambda: "\n".join(primary.hmp("info migrate", "info chardev")))


def test_pair_and_a_new_secondary(run, bed):
    """Two failovers, one after the other; a client's connection comes through both."""
    _, primary_command, secondary_command = code_blocks("docs/system/colo.md", "With a network")
    again = code_blocks("docs/system/colo.md", "A new secondary after a failover")
    first_address, second_address = map(bed.address, (bed.primary, bed.secondary))

    first = run(primary_command, bed.primary)
    first.wait_for_text("guest: redis ready")
    second = run(secondary_command, bed.secondary, PRIMARY=first_address)
    protect(first, second, second_address)
    client = bed.start_client("redis_write", host=GUEST_IPV4, count=2000, pause=0.002)
    client.wait_progress("acknowledged", 200)
    first.kill()
    second.hmp_silent("x_colo_lost_heartbeat")
    client.wait_progress("acknowledged", 500)

    second.hmp_silent(*"".join(again).splitlines())
    third = run(secondary_command, bed.primary, PRIMARY=second_address)
    protect(second, third, first_address)
    acknowledged = client.last("progress")["acknowledged"]
    assert acknowledged < 1500, "the client was done too early to prove anything"
    client.wait_progress("acknowledged", acknowledged + 200)
    second.kill()
    third.hmp_silent("x_colo_lost_heartbeat")
    assert client.result(120)["acknowledged"] == 1999
    assert bed.run_client("redis_check", host=GUEST_IPV4, last=1999)["lost"] == []
