# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""The packet path through the host's kernel: colo_nicname=, colo_script=, and the script itself."""

import os
import re
import subprocess

import pytest

from colotest.net import GUEST_ADDRESSES, GUEST_IPV4, GUEST_IPV6, GUEST_MAC
from colotest.net_pair import NETDEV, NetPair, Witness
from colotest.waiting import wait_for

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "scripts",
                      "colo-proxy-script.sh")
#: The interfaces of the two hosts that lead to the other one, for COLO's packets alone.
FORWARD = "forward"


def run_in(namespace, *command, check=True):
    return subprocess.run([*namespace.prefix, *command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=check, timeout=30)


def missing_for_kernel_path(namespace):
    """Why the kernel cannot queue bridged packets here, or None."""
    for command in (["iptables", "-t", "mangle", "-S"], ["ip6tables", "-t", "mangle", "-S"],
                    ["tc", "qdisc", "add", "dev", "lo", "clsact"]):
        done = run_in(namespace, *command, check=False)
        if done.returncode:
            return f"{' '.join(command)}: {done.stdout.strip()}"
    if not os.path.exists("/proc/sys/net/bridge"):
        return "no /proc/sys/net/bridge (kernel module br_netfilter)"
    return None


@pytest.fixture(scope="module")
def kernel_bed(net_bed):
    """The test bed with one more link between the hosts."""
    reason = missing_for_kernel_path(net_bed.primary)
    if reason:
        pytest.skip(reason)
    net_bed.primary.ip("link", "add", FORWARD, "type", "veth", "peer", "name", FORWARD, "netns",
                       net_bed.secondary.name)
    for host in (net_bed.primary, net_bed.secondary):
        host.ip("link", "set", FORWARD, "up")
    return net_bed


class KernelPair(NetPair):
    """Nothing is wired by hand: the tap's options are the whole proxy."""

    def __init__(self, bed, emulator, guest, script=SCRIPT, **options):
        super().__init__(bed, emulator, guest, **options)
        self.arguments = [
            *guest.net_arguments("http:mb=16+peer", GUEST_ADDRESSES, 256), "-netdev",
            f"tap,id={NETDEV},ifname=tap0,script=no,downscript=no,colo_nicname={FORWARD},"
            f"colo_script={script}",
            "-device", f"virtio-net-pci,netdev={NETDEV},mac={GUEST_MAC}"]
        self.mib = 16

    def boot(self, seconds=120):
        self.primary = self._new_vm(self.bed.primary).start()
        for service in ("http", "peer"):
            self.primary.console.wait_for(f"guest: {service} ready", seconds)
        self.bed.run_client("ping", host=GUEST_IPV4, count=3)

    def connect_proxy(self):
        self._new_secondary()
        self.secondary.start()

    def unwire(self, vm):
        pass


@pytest.fixture
def kernel_pair(kernel_bed, emulator, guest):
    with KernelPair(kernel_bed, emulator, guest) as pair:
        pair.boot()
        yield pair


def host_state(namespace):
    """What a script could leave behind on a host."""
    texts = [run_in(namespace, *command).stdout for command in (
        ["iptables", "-t", "mangle", "-S"], ["ip6tables", "-t", "mangle", "-S"],
        ["ip", "-o", "link", "show"], ["tc", "filter", "show", "dev", "tap0", "ingress"],
        ["tc", "filter", "show", "dev", "tap0", "egress"],
        ["tc", "filter", "show", "dev", FORWARD, "ingress"])]
    # The state of a carrier is nobody's doing, and `lo` has the probe's qdisc.
    return [[re.sub(r"^\d+: ", "", line).split("<")[0] + ("master" if " master " in line else "")
             for line in text.splitlines()] for text in texts]


@pytest.mark.parametrize("side", ["master", "slave"])
def test_script_is_idempotent(kernel_bed, side):
    host = kernel_bed.primary
    before = host_state(host)
    run_in(host, SCRIPT, side, "uninstall", FORWARD, "tap0", "3")
    assert host_state(host) == before
    run_in(host, SCRIPT, side, "install", FORWARD, "tap0", "3")
    installed = host_state(host)
    assert installed != before
    run_in(host, SCRIPT, side, "install", FORWARD, "tap0", "3")
    assert host_state(host) == installed
    run_in(host, SCRIPT, side, "uninstall", FORWARD, "tap0", "3")
    assert host_state(host) == before


@pytest.mark.parametrize("arguments, text", [
    (["master", "install", "nowhere", "tap0", "0"], "there is no interface 'nowhere'"),
    (["master", "install", FORWARD, "nowhere", "0"], "there is no interface 'nowhere'"),
    (["middle", "install", FORWARD, "tap0", "0"], "'middle' is neither master nor slave"),
    (["slave", "break", FORWARD, "tap0", "0"], "'break' is neither install nor uninstall"),
    (["slave", "install", FORWARD, "tap0", "x"], "INDEX is 'x', expected a number"),
    (["slave", "install"], "Usage:"),
])
def test_script_mistake(kernel_bed, arguments, text):
    before = host_state(kernel_bed.primary)
    done = run_in(kernel_bed.primary, SCRIPT, *arguments, check=False)
    assert done.returncode == 1
    assert text in done.stdout
    assert host_state(kernel_bed.primary) == before


@pytest.mark.parametrize("host", [GUEST_IPV4, GUEST_IPV6], ids=["ipv4", "ipv6"])
def test_download_primary_killed(kernel_bed, kernel_pair, host):
    pair = kernel_pair
    clean = host_state(kernel_bed.secondary)
    pair.protect()
    witness = Witness(pair)
    client = kernel_bed.start_client("download", host=host, report=0.01)
    client.wait_progress("size", 4 << 20)
    reasons = {entry["reason"]: entry["count"] for entry in pair.stats()["reasons"]}
    print(f"checkpoints by reason: {reasons}")
    assert client.is_running()
    pair.kill_primary()
    pair.take_over()
    witness.moved()
    result = client.result(120)
    assert result["sha256"] == pair.guest.content_sha256(pair.mib)
    print(f"longest stall {result['longest_stall'] * 1000:.0f} ms")
    witness.check()
    wait_for("the path to be undone", lambda: host_state(kernel_bed.secondary) == clean, 20)
    # A killed primary could undo nothing; its host is cleaned by whoever fences it.
    run_in(kernel_bed.primary, SCRIPT, "master", "uninstall", FORWARD, "tap0", "0")


def test_secondary_killed(kernel_bed, kernel_pair):
    pair = kernel_pair
    clean = host_state(kernel_bed.primary)
    pair.protect()
    client = kernel_bed.start_client("download", host=GUEST_IPV4, report=0.01)
    client.wait_progress("size", 2 << 20)
    pair.secondary.kill()
    pair.go_on_alone(asked=False)
    result = client.result(120)
    assert result["sha256"] == pair.guest.content_sha256(pair.mib)
    wait_for("the path to be undone", lambda: host_state(kernel_bed.primary) == clean, 20)
    run_in(kernel_bed.secondary, SCRIPT, "slave", "uninstall", FORWARD, "tap0", "0")


def test_script_that_fails(kernel_bed, emulator, guest):
    """COLO does not begin, and says why; the guest goes on."""
    with KernelPair(kernel_bed, emulator, guest, script="/bin/false") as pair:
        pair.boot()
        pair.connect_proxy()
        pair.primary.set_capability("x-colo")
        pair.primary.set_parameters(max_bandwidth=1 << 34)
        pair.primary.qmp.command("migrate", uri=pair.uri)
        pair.primary.wait_migration("failed", seconds=60)
        error = pair.primary.qmp.command("query-migrate")["error-desc"]
        assert "colo_script: '/bin/false' failed with exit status 1" in error
        pair.primary.wait_status("running")
        assert kernel_bed.run_client("ping", host=GUEST_IPV4, count=3)["lost"] == 0
