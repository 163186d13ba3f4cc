# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""-netdev, -nic and -net: mistakes are named in one line, and what was asked for is there."""

import json
import re

import pytest

from colotest.vm import VM, QmpError, run_to_exit


@pytest.fixture
def run(emulator, guest, tmp_path):
    """Run with a command line in which {missing} and {kernel} stand for files."""
    def run_command(command_line):
        names = {"missing": tmp_path / "missing", "kernel": guest.kernel}
        arguments = command_line if isinstance(command_line, list) else [
            word.format(**names) for word in command_line.split()]
        return run_to_exit([emulator, "-nodefaults", "-display", "none", "-kernel", guest.kernel,
                            *arguments], 30)
    return run_command


@pytest.fixture
def start(emulator, guest):
    """Start a VM that does not run; ends with the test."""
    machines = []

    def start_vm(*arguments):
        vm = VM(emulator, ["-S", "-kernel", guest.kernel, *arguments], name="net")
        machines.append(vm)
        return vm.start()
    yield start_vm
    for vm in machines:
        vm.close()


MISTAKES = [
    ("-netdev foo,id=x", "Parameter 'type' does not accept value 'foo'"),
    ("-netdev user", "Parameter 'id' is missing"),
    ("-netdev id=a", "Parameter 'type' is missing"),
    ("-netdev user,id=1a", "Parameter 'id' expects an identifier"),
    ("-netdev user,id=a -netdev user,id=a", "Duplicate ID 'a' for netdev"),
    ("-netdev user,id=a,bogus=1", "Invalid parameter 'bogus'"),
    ("-netdev user,id=a,restrict=maybe", "Parameter 'restrict' expects 'on' or 'off'"),
    ("-netdev user,id=a,net=foo", "'foo'"),
    ("-netdev user,id=a,net=10.0.0.0/33", "Invalid netmask '33'"),
    ("-netdev user,id=a,net=10.0.0.0/255.0.255.0", "255.0.255.0"),
    ("-netdev user,id=a,host=10.1.1.1", "Host doesn't belong to network"),
    ("-netdev user,id=a,dns=10.1.1.1", "DNS doesn't belong to network"),
    ("-netdev user,id=a,dns=foo", "'foo'"),
    ("-netdev user,id=a,dns=10.0.2.2", "DNS must be different from host"),
    ("-netdev user,id=a,dhcpstart=1.1.1.1", "DHCP doesn't belong to network"),
    ("-netdev user,id=a,ipv4=off,ipv6=off", "IPv4 and IPv6 disabled"),
    ("-netdev user,id=a,ipv4=off,net=10.0.0.0/8", "'net'"),
    ("-netdev user,id=a,ipv6=off,ipv6-prefix=fd00::", "'ipv6-prefix'"),
    ("-netdev user,id=a,ipv6-prefix=foo", "'foo'"),
    ("-netdev user,id=a,ipv6-prefixlen=200", "'ipv6-prefixlen'"),
    ("-netdev user,id=a,ipv6-host=fd00::1", "IPv6 host doesn't belong to network"),
    ("-netdev user,id=a,tftp={missing}", "missing"),
    ("-netdev user,id=a,smb={missing}", "Parameter 'smb' is not supported"),
    ("-netdev user,id=a,hostfwd=foo", "Invalid host forwarding rule 'foo'"),
    ("-netdev user,id=a,hostfwd=tcp::99999-:22", "Bad host port"),
    ("-netdev user,id=a,guestfwd=foo", "Invalid guest forwarding rule 'foo'"),
    ("-netdev user,id=a,guestfwd=tcp:10.0.2.9:80-chardev:nope", "'nope'"),
    ("-netdev user,id=a,guestfwd=tcp:10.0.2.2:80-null", "10.0.2.2:80"),
    ("-netdev hubport,id=a", "Parameter 'hubid' is missing"),
    ("-netdev hubport,id=a,hubid=0,netdev=nope", "netdev 'nope' not found"),
    ("-netdev hubport,id=a,hubid=-1", "'hubid'"),
    ("-device virtio-net-pci,netdev=nope", "Property 'virtio-net-pci.netdev' can't find value"),
    ("-netdev user,id=a -device virtio-net-pci,netdev=a -device virtio-net-pci,netdev=a",
     "can't take value 'a', it's in use"),
    ("-device virtio-net-pci,mac=xx", "Property 'virtio-net-pci.mac' doesn't take value 'xx'"),
    ("-nic user,mac=xx", "Property 'virtio-net-pci.mac' doesn't take value 'xx'"),
    ("-nic user,mac=01:00:5e:00:00:01", "multicast"),
    ("-nic foo", "Parameter 'type' does not accept value 'foo'"),
    ("-nic user,model=e1000", "Unsupported NIC model: e1000"),
    ("-nic user,bogus=1", "Invalid parameter 'bogus'"),
    ("-nic none,bogus=1", "'none' takes no parameters"),
    ("-nic user,id=a -nic user,id=a", "Duplicate ID 'a' for netdev"),
    ("-net foo", "Parameter 'type' does not accept value 'foo'"),
    ("-net nic,model=rtl8139", "Unsupported NIC model: rtl8139"),
    ("-net nic,bogus=1", "Invalid parameter 'bogus'"),
    ("-net nic,netdev=nope", "netdev 'nope' not found"),
    ("-net user,bogus=1", "Invalid parameter 'bogus'"),
    ("-object filter-dump,id=f,netdev=nope,file={missing}", "nope"),
]


@pytest.mark.parametrize("command_line, text", MISTAKES, ids=[line for line, _ in MISTAKES])
def test_mistake(run, command_line, text):
    result = run(command_line)
    assert result.returncode == 1, f"exit status {result.returncode}: {result.stderr}"
    lines = result.stderr.strip().splitlines()
    assert len(lines) == 1, result.stderr
    assert text in lines[0]
    option = [word for word in command_line.split() if word.startswith("-")][-1]
    assert lines[0].startswith(f"qemu-system-x86_64: {option} "), lines[0]


JSON_MISTAKES = [
    ({"type": "user"}, "Parameter 'id' is missing"),
    ({"type": "foo", "id": "a"}, "does not accept value 'foo'"),
    ({"type": "user", "id": "a", "bogus": 1}, "Parameter 'bogus' is unexpected"),
    ({"type": "user", "id": "a", "restrict": "on"},
     "Invalid parameter type for 'restrict', expected: boolean"),
]


@pytest.mark.parametrize("options, text", JSON_MISTAKES)
def test_mistake_in_json(run, start, options, text):
    """-netdev in JSON and netdev_add have the same types and the same errors."""
    result = run(["-netdev", json.dumps(options)])
    assert result.returncode == 1 and text in result.stderr
    vm = start()
    with pytest.raises(QmpError, match=re.escape(text)):
        vm.qmp.command("netdev_add", **options)


@pytest.mark.parametrize("arguments, lines", [
    ("-netdev help", ["hubport", "socket", "tap", "user"]),
    ("-netdev user,help", ["hostfwd", "restrict"]),
    ("-nic help", ["hubport", "user"]),
    ("-nic user,model=help", ["virtio-net-pci"]),
    ("-net nic,model=help", ["virtio-net-pci"]),
])
def test_help(run, arguments, lines):
    result = run(arguments)
    assert result.returncode == 0 and result.stderr == ""
    words = [line.split()[0] for line in result.stdout.splitlines()]
    assert set(lines) <= set(words)


def human(vm, line):
    return vm.qmp.command("human-monitor-command", **{"command-line": line})


def info_network(vm):
    return human(vm, "info network")


def nic_line(name, last):
    return f"{name}: index=0,type=nic,model=virtio-net-pci,macaddr=52:54:00:12:34:{last}\r\n"


USER = "index=0,type=user,net=10.0.2.0,restrict=off\r\n"


def test_netdev_and_device(start):
    vm = start("-netdev", "user,id=a", "-device", "virtio-net-pci,netdev=a,id=n")
    assert info_network(vm) == nic_line("n", "56") + f" \\ a: {USER}"
    assert "no peer" not in vm.log()


def test_nic_makes_both_ends(start):
    vm = start("-nic", "user,id=a,mac=52:54:00:12:34:99", "-nic", "user,model=virtio")
    text = info_network(vm)
    first, second = nic_line("virtio-net-pci.0", "99"), nic_line("virtio-net-pci.1", "56")
    assert text.startswith(f"{first} \\ a: {USER}{second} \\ #net")
    assert text.endswith(USER)


def test_net_connects_at_a_hub(start):
    vm = start("-net", "nic,macaddr=52:54:00:12:34:99", "-net", "user,id=a")
    card = nic_line("virtio-net-pci.0", "99")
    assert info_network(vm) == f"hub 0\r\n \\ hub0port0: {card} \\ hub0port1: a: {USER}"


def test_no_card_by_itself(start):
    """No card is made when none is asked for, and -nic none says so."""
    assert info_network(start()) == ""
    assert info_network(start("-nic", "none", "-net", "none")) == ""


@pytest.mark.parametrize("arguments, warning", [
    ("-netdev user,id=a", "netdev a has no peer"),
    ("-device virtio-net-pci,id=n", "nic n has no peer"),
    ("-net user", "hub 0 with no nics"),
    ("-net nic", "hub 0 is not connected to host network"),
])
def test_loose_ends_are_told(start, arguments, warning):
    assert f"warning: {warning}\n" in start(*arguments.split()).log()


def test_netdev_add_and_del(start):
    vm = start()
    vm.qmp.command("netdev_add", type="user", id="a",
                   hostfwd=[{"str": "tcp:127.0.0.1:0-:22"}, {"str": "udp:127.0.0.1:0-:53"}])
    assert info_network(vm) == f"a: {USER}"
    text = human(vm, "info usernet")
    assert "TCP[HOST_FORWARD]" in text and "UDP[HOST_FORWARD]" in text
    with pytest.raises(QmpError, match="Duplicate ID 'a' for netdev"):
        vm.qmp.command("netdev_add", type="user", id="a")
    vm.qmp.command("netdev_del", id="a")
    assert info_network(vm) == ""
    with pytest.raises(QmpError, match="Device 'a' not found"):
        vm.qmp.command("netdev_del", id="a")


def test_card_survives_its_back_end(start):
    vm = start("-netdev", "user,id=a", "-device", "virtio-net-pci,netdev=a,id=n")
    vm.qmp.command("netdev_del", id="a")
    assert info_network(vm) == nic_line("n", "56")
    assert human(vm, "set_link n off") == ""
    assert human(vm, "set_link a off") == "Error: Device 'a' not found\r\n"
    assert vm.quit() == 0


def test_schema_tells_the_back_ends(start):
    """What clients look for to learn which back ends there are."""
    entities = {entity["name"]: entity for entity in start().qmp.command("query-qmp-schema")}
    netdev = entities[entities["netdev_add"]["arg-type"]]
    assert netdev["tag"] == "type"
    assert {"user", "tap", "socket", "stream", "dgram", "hubport"} <= {
        variant["case"] for variant in netdev["variants"]}


def test_filters_find_back_ends_whatever_the_order(start, tmp_path):
    """Objects that need a back end are made after it, though they come first on the line."""
    vm = start("-object", f"filter-dump,id=f,netdev=a,file={tmp_path}/dump", "-netdev", "user,id=a",
               "-device", "virtio-net-pci,netdev=a,id=n")
    assert "  - f: type=filter-dump" in info_network(vm)
