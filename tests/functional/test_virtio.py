# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Debian's kernel with virtio devices: random numbers, ports, a console, and all of it moved."""

import os
import re
import socket
import time

import pytest
from colotest.vm import run_to_exit


def boot(make_vm, guest, *devices, name="vm"):
    """A shell in a guest that has loaded its virtio drivers."""
    arguments = guest.net_arguments("shell", "none")
    vm = make_vm([*arguments, *[word for device in devices for word in device.split()]], name=name)
    vm.console.wait_for("guest: shell", 240)
    vm.console.wait_for("[#$] ", 60)
    return vm


def shell(vm, command, pattern, seconds=60):
    """Run `command` and wait for `pattern` at the start of a line of its output."""
    start = vm.console.position()
    vm.console.write(command + "\n")
    return vm.console.wait_for("(?m)^" + pattern, seconds, start=start)


INTERRUPTS = "grep virtio /proc/interrupts | sed 's/  */ /g; s/^/irq /'; echo e''nd"


def interrupts(vm):
    """The virtio lines of /proc/interrupts as (count, controller)."""
    start = vm.console.position()
    vm.console.write(INTERRUPTS + "\n")
    vm.console.wait_for(r"(?m)^end", 30, start=start)
    return [(int(count), kind) for count, kind in
            re.findall(r"(?m)^irq +\d+: (\d+) (PCI-MSI|IO-APIC)", vm.console.text(start))]


@pytest.mark.parametrize("options, device_id, kind", [
    ("", "0x1005", "PCI-MSI"),
    (",disable-modern=on", "0x1005", "PCI-MSI"),
    (",disable-legacy=on,vectors=0", "0x1044", "IO-APIC"),
    (",disable-modern=on,vectors=0", "0x1005", "IO-APIC"),
    (",event_idx=off,indirect_desc=off", "0x1005", "PCI-MSI"),
])
def test_random_numbers(make_vm, guest, options, device_id, kind):
    vm = boot(make_vm, guest, f"-device virtio-rng-pci{options}")
    shell(vm, "cat /sys/bus/pci/devices/0000:00:02.0/device", device_id)
    shell(vm, "cat /sys/class/misc/hw_random/rng_current", "virtio_rng.0")
    before = sum(count for count, _ in interrupts(vm))
    sums = {shell(vm, "dd if=/dev/hwrng bs=4k count=4 2>/dev/null | md5sum", r"([0-9a-f]{32}) ")[1]
            for _ in range(3)}
    assert len(sums) == 3
    after = interrupts(vm)
    assert {found for _, found in after} == {kind}
    assert sum(count for count, _ in after) > before


def connect(path, seconds=20):
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(seconds)
    client.connect(path)
    return client


def read_until(client, mark, limit=1 << 24):
    """What comes up to `mark` and whatever came with it."""
    data = b""
    while mark not in data:
        part = client.recv(65536)
        assert part, f"the other side closed after {data[-100:]!r}"
        data += part
        assert len(data) < limit
    return data


def port_devices(folder, name):
    path = os.path.join(folder, f"{name}.sock")
    return path, ("-device virtio-serial-pci,id=vs "
                  f"-chardev socket,id={name},path={path},server=on,wait=off ")


def test_port(make_vm, guest, tmp_path):
    """A hundred thousand bytes there and back, and the port's name, opening and closing."""
    path, devices = port_devices(tmp_path, "agent")
    vm = boot(make_vm, guest, devices + "-device virtserialport,bus=vs.0,chardev=agent,"
              "name=org.example.agent,id=port")
    shell(vm, "cat /sys/class/virtio-ports/vport0p1/name", "org.example.agent")
    with connect(path, 60) as client:
        vm.console.write('while read x; do echo "got $x"; done 0<>/dev/vport0p1 1>&0 &\n')
        assert vm.qmp.wait_event("VSERPORT_CHANGE", 30)["data"] == {"id": "port", "open": True}
        client.sendall(b"hello\n")
        assert read_until(client, b"\n") == b"got hello\n"
        line = b"x" * 100000 + b"\n"
        client.sendall(line)
        assert read_until(client, b"\n") == b"got " + line


def test_console(make_vm, guest, tmp_path):
    path, devices = port_devices(tmp_path, "console1")
    vm = boot(make_vm, guest, devices + "-device virtconsole,chardev=console1")
    with connect(path, 60) as client:
        vm.console.write("setsid sh < /dev/hvc0 > /dev/hvc0 2>&1 &\n")
        read_until(client, b"# ")
        client.sendall(b"echo the answer is $((6 * 7))\n")
        read_until(client, b"the answer is 42\r\n")


def test_migration(make_vm, guest, tmp_path):
    """A guest that counts on a port and reads random numbers is moved: no number is lost."""
    first, devices = port_devices(tmp_path, "first")
    port = "-device virtserialport,chardev={} -device virtio-rng-pci,id=rng"
    source = boot(make_vm, guest, devices + port.format("first"), name="source")
    with connect(first, 60) as client:
        source.console.write("(i=0; while true; do echo $i; i=$((i+1)); done > /dev/vport0p1) &\n")
        source.console.write("(while true; do cat /dev/hwrng | head -c 4096 > /dev/null; done) &\n")
        data = read_until(client, b"\n500\n")
        second, devices = port_devices(tmp_path, "second")
        uri = f"unix:{tmp_path}/migration.sock"
        words = (devices + port.format("second")).split()
        destination = make_vm([*guest.net_arguments("shell", "none"), *words, "-incoming", uri],
                              name="destination")
        with connect(second, 60) as other:
            source.qmp.command("migrate", uri=uri)
            # Keep reading, so that the guest is in the middle of writing when it is stopped.
            deadline = time.monotonic() + 120
            client.settimeout(0.2)
            while source.migration()["status"] not in ("completed", "failed"):
                assert time.monotonic() < deadline
                try:
                    data += client.recv(65536)
                except TimeoutError:
                    pass
            assert source.migration()["status"] == "completed"
            source.quit()
            client.settimeout(20)
            while part := client.recv(65536):
                data += part
            destination.wait_status("running", seconds=60)
            enough = data.count(b"\n") + 1000
            while data.count(b"\n") < enough:
                data += other.recv(65536)
    numbers = [int(number) for number in data.decode().split("\n")[:-1]]
    assert numbers == list(range(len(numbers)))
    shell(destination, "dd if=/dev/hwrng bs=64 count=1 2>/dev/null | wc -c", "64")


@pytest.mark.parametrize("device, message", [
    ("virtio-rng-pci,disable-legacy=maybe",
     "'disable-legacy' does not accept 'maybe', expected 'on', 'off' or 'auto'"),
    ("virtio-rng-pci,disable-legacy=on,disable-modern=on",
     "neither modern nor legacy mode is enabled"),
    ("virtio-rng-pci,vectors=2049", "'vectors' is 2049, expected at most 2048"),
    ("virtio-rng-pci,ioeventfd=on", "ioeventfd"),
    ("virtio-rng-pci,packed=on", "packed"),
    ("virtio-rng-pci,period=0", "'period' parameter expects a positive integer"),
    ("virtio-rng-pci,rng=nobody", "Device 'nobody' not found"),
    ("virtio-serial-pci,max_ports=32", "maximum ports supported: 31"),
    ("virtio-serial-pci,max_ports=0", "Maximum number of serial ports not specified"),
    ("virtserialport", "No 'virtio-serial-bus' bus found"),
    ("virtio-serial-pci,max_ports=2 -device virtserialport,nr=0", "reserved for virtconsole"),
    ("virtio-serial-pci,max_ports=2 -device virtserialport,nr=2",
     "Out-of-range port id specified, max. allowed: 1"),
    ("virtio-serial-pci -device virtserialport,nr=3 -device virtserialport,nr=3",
     "A port already exists at id 3"),
    ("virtio-serial-pci -device virtserialport,name=a -device virtserialport,name=a",
     "A port already exists by name a"),
    ("virtio-serial-pci,max_ports=2 -device virtserialport -device virtserialport",
     "Maximum port limit"),
    ("virtio-rng-device", "pluggable"),
])
def test_refused(emulator, device, message):
    ended = run_to_exit([emulator, "-accel", "qtest", "-display", "none", "-nodefaults",
                         *f"-device {device}".split()])
    assert ended.returncode == 1
    assert message in ended.stderr


def test_object_refused(emulator):
    ended = run_to_exit([emulator, "-accel", "qtest", "-display", "none",
                         "-object", "rng-random,id=r,filename=/nonexistent"])
    assert ended.returncode == 1
    assert "Could not open '/nonexistent': No such file or directory" in ended.stderr
