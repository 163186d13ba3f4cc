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


EDU_VECTOR = 0xd3
# Without a driver: where the message goes and what it says, by the configuration space; then its
# cause.
EDU_MESSAGE = (
    "d=/sys/bus/pci/devices/0000:00:05.0; echo 1 > $d/enable; set -- $(cat $d/resource)\n"
    "put() { printf \"$2\" | dd of=$d/config bs=1 seek=$1 conv=notrunc 2> /dev/null; }\n"
    "put 4 '\\006\\000'; put 68 '\\000\\000\\340\\376'; put 76 '\\323\\000'; put 66 '\\201\\000'\n"
    "devmem $(($1 + 4)) 32 0x0f0f0f0f; echo edu $(devmem $(($1 + 4)) 32)\n"
    "devmem $(($1 + 0x60)) 32 1; echo edu $(devmem $(($1 + 0x24)) 32)\n"
    "devmem $(($1 + 0x64)) 32 1; echo edu $(devmem $(($1 + 0x24)) 32) end\n"
)


def test_msi_reaches_the_guest(make_vm, guest):
    """Nobody waits for that vector, and the kernel says so."""
    vm = make_vm([*guest.arguments("shell"), "-device", "edu,addr=5"])
    vm.console.wait_for("guest: shell", 120)
    vm.console.wait_for("[#$] ", 30)
    vm.console.write(EDU_MESSAGE)
    vm.console.wait_for("^edu 0xF0F0F0F0", 30)
    vm.console.wait_for("^edu 0x00000001", 30)
    vm.console.wait_for("^edu 0x00000000 end", 30)
    vm.console.wait_for(rf"0\.{EDU_VECTOR} No irq handler for vector", 30)
