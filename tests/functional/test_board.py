# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""What a real kernel makes of the board: its devices, and every way to reset it."""

import re
import subprocess

import pytest

from colotest.vm import run_to_exit


@pytest.fixture
def shell(make_vm, guest):
    vm = make_vm(guest.arguments("shell"))
    wait_shell(vm, 0)
    return vm


def wait_shell(vm, start):
    vm.console.wait_for("guest: shell", 240, start=start)
    vm.console.wait_for("/ # ", 60, start=start)


def run(vm, command):
    """What `command` prints in the guest's shell."""
    start = vm.console.position()
    vm.console.write(f"{command}; echo '<'done'>'\n")
    vm.console.wait_for("<done>", 60, start=start)
    return vm.console.text(start)


def test_devices_are_found(shell):
    log = run(shell, "dmesg")
    for line in (r"ACPI: PM: \(supports S0 S5\)", r"Using ACPI \(MADT\) for SMP configuration",
                 r"00:0\d: ttyS0 at I/O 0x3f8 \(irq = 4.*is a 16550A",
                 r"PS/2 Controller \[PNP0303:KBD,PNP0f13:MOU\] at 0x60,0x64 irq 1,12",
                 r"AT Translated Set 2 keyboard", r"rtc_cmos .*registered as rtc0",
                 r"hpet0: at MMIO 0xfed00000"):
        assert re.search(line, log), f"{line} is not in\n{log}"
    for complaint in ("ACPI Error", "ACPI BIOS", "Firmware Bug", "Call Trace"):
        assert complaint not in log, log


@pytest.mark.parametrize("way", ["acpi", "kbd", "pci", "triple"])
def test_reset(shell, way):
    for _ in range(2):
        run(shell, f"echo {way} > /sys/kernel/reboot/type")
        start = shell.console.position()
        shell.console.write("reboot -f\n")
        shell.qmp.wait_event("RESET", 60)
        wait_shell(shell, start)


def test_debug_exit(emulator):
    result = subprocess.run(
        [emulator, "-nodefaults", "-display", "none", "-accel", "qtest", "-qtest", "stdio",
         "-device", "isa-debug-exit"], input="outb 0x501 0x10\n", text=True, timeout=30,
        stdout=subprocess.PIPE, check=False)
    assert result.returncode == 2 * 0x10 + 1


@pytest.mark.parametrize("arguments, text", [
    ("-device isa-serial,index=0", "index 0 exists already"),
    ("-device isa-serial,index=7", "at most 4 serial ports"),
    ("-device isa-serial,irq=99", "irq 99 does not exist"),
    ("-device isa-serial,iobase=0xffff", "iobase 0xffff"),
    ("-device isa-debugcon", "property 'chardev' is required"),
    ("-device isa-debug-exit,iosize=9", "9 ports from 0x501"),
    ("-device i8042", "pluggable"),
    ("-m 1", "2 MiB"),
    ("-kernel {kernel} -m 64", "there are 64 MiB"),
    ("-kernel {kernel} -m 68 -initrd {initrd}", "initrd"),
    ("-machine none -kernel {kernel}", "machine 'none'"),
])
def test_refused(emulator, guest, arguments, text):
    arguments = arguments.format(kernel=guest.kernel, initrd=guest.initrd).split()
    result = run_to_exit([emulator, "-nodefaults", "-display", "none", "-accel", "qtest",
                          "-serial", "null", *arguments], 30)
    assert result.returncode == 1
    assert text in result.stderr and len(result.stderr.splitlines()) == 1


def test_nothing_to_boot(emulator):
    result = run_to_exit([emulator, "-nodefaults", "-display", "none"], 30)
    assert result.returncode == 1
    assert "nothing to boot" in result.stderr and "-kernel" in result.stderr
