# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Debian's kernel finds the PCI bus of machine `pc`, whichever way it looks."""

import re

import pytest

COMPLAINTS = (
    r"PCI: Fatal|ACPI (BIOS )?(Error|Warning)|can't (claim|assign)|no compatible bridge window"
)

# One line a function: address, vendor, device, class, interrupt.
LIST = (
    "for d in /sys/bus/pci/devices/*; do echo pci ${d##*/}"
    " $(cat $d/vendor $d/device $d/class $d/irq); done; echo pci end\n"
)
BOARD = {
    "0000:00:00.0": ["0x8086", "0x1237", "0x060000"],
    "0000:00:01.0": ["0x8086", "0x7000", "0x060100"],
    "0000:00:01.3": ["0x8086", "0x7113", "0x068000"],
}


def list_devices(vm):
    start = vm.console.position()
    vm.console.write(LIST)
    vm.console.wait_for("^pci end", 30, start=start)
    found = re.findall(r"^pci (\S+) (\S+) (\S+) (\S+) \d+", vm.console.text(start), re.MULTILINE)
    return {address: identity for address, *identity in found}


def boot_shell(make_vm, guest, extra):
    vm = make_vm(guest.arguments("shell", append=f"loglevel=7 {extra}"))
    vm.console.wait_for("guest: shell", 120)
    vm.console.wait_for("[#$] ", 30)
    return vm


@pytest.mark.parametrize("extra", ["", "acpi=noirq", "pci=nomsi noapic", "acpi=off"])
def test_enumeration(make_vm, guest, extra):
    vm = boot_shell(make_vm, guest, extra)
    assert list_devices(vm) == BOARD
    vm.console.write('dmesg > /log; echo "complaints: $(grep -E -c \"' + COMPLAINTS + '" /log)"\n')
    assert vm.console.wait_for(r"^complaints: (\d+)", 30)[1] == "0"


def test_acpi_says_what_is_where(make_vm, guest):
    vm = boot_shell(make_vm, guest, "")
    for expected in (
        r"root bus resource \[mem 0xe0000000-0xfebfffff window\]",
        "Interrupt link LNKA configured for IRQ 10",
        "Interrupt link LNKD configured for IRQ 11",
        r"0000:00:01\.3: quirk: \[io  0x0600-0x063f\] claimed by PIIX4 ACPI",
        "Using ACPI for IRQ routing",
    ):
        vm.console.wait_for(expected, 1, start=0)
