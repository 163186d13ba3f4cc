# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Every mistake on the command line: exit status 1 and one line that names the thing."""

import socket

import pytest

from colotest.vm import run_to_exit


@pytest.fixture
def run(emulator, guest, tmp_path):
    """Run with a command line in which {names} stand for files and ports; returns the outcome."""
    def run_command(command_line):
        text = tmp_path / "text"
        text.write_text("This is not a kernel.\n" * 100)
        with socket.socket() as busy:
            busy.bind(("127.0.0.1", 0))
            busy.listen()
            names = {"kernel": guest.kernel, "initrd": guest.initrd, "text": text,
                     "busy": f"127.0.0.1:{busy.getsockname()[1]}",
                     "missing": tmp_path / "missing" / "file"}
            arguments = [word.format(**names) for word in command_line.split()]
            if not {"-kernel", "-initrd", "-append", "-bios"} & set(arguments):
                arguments = ["-kernel", guest.kernel, *arguments]
            return run_to_exit([emulator, "-nodefaults", "-display", "none", *arguments], 30)
    return run_command


MISTAKES = [
    ("-bogus", "-bogus"),
    ("-machine bogus", "machine"),
    ("-machine pc,bogus=on", "bogus"),
    ("-accel bogus", "bogus"),
    ("-cpu bogus", "bogus"),
    ("-cpu qemu64,+bogus", "bogus"),
    ("-m 1q", "1q"),
    ("-m -5", "-5"),
    ("-m bogus=1", "bogus"),
    ("-m 1 -kernel {kernel}", "memory"),
    ("-smp 300", "300"),
    ("-smp bogus", "bogus"),
    ("-kernel {missing}", "missing/file"),
    ("-kernel {text}", "text"),
    ("-kernel {kernel} -initrd {missing}", "missing/file"),
    ("-initrd {initrd}", "-initrd"),
    ("-append console=ttyS0", "-append"),
    ("-bios {missing}", "missing/file"),
    ("-device bogus", "bogus"),
    ("-device isa-serial,bogus=1", "bogus"),
    ("-device isa-serial,iobase=bogus", "iobase"),
    ("-device isa-serial,chardev=bogus", "bogus"),
    ("-object bogus,id=x", "bogus"),
    ("-chardev bogus,id=x", "bogus"),
    ("-chardev null", "id"),
    ("-chardev null,id=x -chardev null,id=x", "x"),
    ("-chardev socket,id=x", "x"),
    ("-chardev socket,id=x,path={missing},server=on,wait=off", "missing/file"),
    ("-chardev file,id=x,path={missing}", "missing/file"),
    ("-serial chardev:bogus", "bogus"),
    ("-serial bogus", "bogus"),
    ("-monitor bogus", "bogus"),
    ("-mon chardev=bogus", "bogus"),
    ("-mon chardev=bogus,mode=control", "bogus"),
    ("-qmp unix:{missing},server=on,wait=off", "missing/file"),
    ("-qmp tcp:{busy},server=on,wait=off", "in use"),
    ("-incoming bogus:somewhere", "bogus"),
    ("-incoming tcp:{busy}", "in use"),
    ("-incoming tcp:nowhere", "nowhere"),
    ("-incoming file:{missing}", "missing/file"),
    ("-incoming fd:99", "99"),
    ("-D {missing}", "missing/file"),
    ("-d bogus", "bogus"),
    ("-display bogus", "bogus"),
    ("-vga bogus", "bogus"),
    ("-rtc base=bogus", "bogus"),
    ("-uuid bogus", "bogus"),
    ("-boot bogus=1", "-boot"),
    ("-action bogus=1", "bogus"),
    ("-name x,bogus=1", "bogus"),
    ("-pidfile {missing}", "missing/file"),
    ("-global bogus", "bogus"),
    ("-add-fd fd=99,set=1", "-add-fd"),
    ("-add-fd fd=9,bogus=1", "bogus"),
    ("-readconfig {missing}", "-readconfig"),
    ("disk.img", "disk.img"),
]


@pytest.mark.parametrize("command_line, name", MISTAKES, ids=[line for line, _ in MISTAKES])
def test_mistake(run, command_line, name):
    result = run(command_line)
    assert result.returncode == 1, f"exit status {result.returncode}: {result.stderr}"
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert name in lines[0]
    assert lines[0].startswith("qemu-system-x86_64: "), lines[0]
    assert result.stdout == ""


@pytest.mark.parametrize("option", ["-machine", "-accel", "-cpu", "-device", "-chardev"])
def test_help_lists(run, option):
    result = run(f"{option} help")
    assert result.returncode == 0 and result.stderr == ""
    assert len(result.stdout.splitlines()) >= 2


def test_unknown_trace_event_is_named(run):
    """A warning, as events come and go between versions; the error behind it ends the run."""
    warning, error = run("-trace bogus_event_name -incoming bogus:x").stderr.strip().splitlines()
    assert "warning" in warning and "bogus_event_name" in warning
    assert "bogus:x" in error


def test_object_help_says_that_it_lists(run):
    result = run("-object help")
    assert result.returncode == 0 and "objects" in result.stdout


def test_machine_help_names_pc(run):
    assert "pc-i440fx-7.2" in run("-machine help").stdout


def test_device_help_names_properties(run):
    assert "iobase" in run("-device isa-serial,help").stdout


def test_version(run):
    assert "7.2.0" in run("-version").stdout


def test_usage(run):
    usage = run("-h").stdout
    for option in ("-kernel", "-incoming", "-qmp", "-chardev", "-trace"):
        assert option in usage
