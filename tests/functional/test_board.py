# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""What a real kernel makes of the board: its devices, and every way to reset it."""

import re

import pytest


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
