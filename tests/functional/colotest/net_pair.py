# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""A protected guest with a network card, its hosts in the namespaces of net.TestBed.

The proxy's objects are made and removed by monitor commands, since a survivor gets them while its
guest runs; docs/system/net.md has the same as options of the command line.
"""

from .net import GUEST_ADDRESSES, GUEST_IPV4, GUEST_MAC, SWITCH_PORTS
from .pair import Pair
from .qmp import event_time
from .vm import VM
from .waiting import wait_for

NETDEV = "hn0"
MIRROR_PORT, COMPARE_PORT, LOOP_PORT, OUT_PORT, MIGRATION_PORT = 9003, 9004, 9001, 9005, 9998

SERVICES = "http:mb={mib}+redis+peer"
READY = ("http", "redis", "peer")


def listening(host, port):
    return {"type": "socket", "data": {
        "addr": {"type": "inet", "data": {"host": host, "port": str(port)}},
        "server": True, "wait": False, "nodelay": True}}


def connecting(host, port):
    return {"type": "socket", "data": {
        "addr": {"type": "inet", "data": {"host": host, "port": str(port)}},
        "server": False, "nodelay": True, "reconnect": 1}}


class Wiring:
    """Chardevs and objects of one side, in the order in which they are made."""

    def __init__(self, chardevs, objects, kept=()):
        self.chardevs = chardevs
        self.objects = objects
        #: Objects that stay when the rest is removed.
        self.kept = kept

    def apply(self, vm, before=None):
        """`before`: the id of a filter in front of which all filters are put."""
        for name, backend in self.chardevs.items():
            vm.qmp.command("chardev-add", id=name, backend=backend)
        for name, properties in self.objects.items():
            place = {}
            if before and "netdev" in properties and properties["qom_type"] != "colo-compare":
                place = {"position": f"id={before}", "insert": "before"}
            add_object(vm, name, {**properties, **place})

    def remove(self, vm):
        for name in reversed([name for name in self.objects if name not in self.kept]):
            vm.qmp.command("object-del", id=name)
        for name in reversed(list(self.chardevs)):
            vm.qmp.command("chardev-remove", id=name)


def add_object(vm, name, properties):
    """object-add; the names of filters' properties have underscores."""
    properties = dict(properties)
    vm.qmp.command_raw("object-add", {"qom-type": properties.pop("qom_type"), "id": name,
                                      **properties})


def primary_wiring(address, direct=False, vnet_header=False, compare=None):
    """Of a primary whose secondary reaches it at `address`.

    `direct`: the comparator is attached to the netdev; otherwise it is connected by chardevs in
    the way that is documented for QEMU. `compare`: more properties of the comparator.
    """
    vnet = {"vnet_hdr_support": True} if vnet_header else {}
    chardevs = {"mirror0": listening(address, MIRROR_PORT),
                "compare1": listening(address, COMPARE_PORT)}
    mirror = {"qom_type": "filter-mirror", "netdev": NETDEV, "queue": "tx", "outdev": "mirror0",
              **vnet}
    iothread = {"qom_type": "iothread"}
    comparator = {"qom_type": "colo-compare", "secondary_in": "compare1", "iothread": "iothread1",
                  **vnet, **(compare or {})}
    if direct:
        return Wiring(chardevs, {"m0": mirror, "iothread1": iothread,
                                 "comp0": {**comparator, "netdev": NETDEV}})
    chardevs.update({"compare0": listening("127.0.0.1", LOOP_PORT),
                     "compare0-0": connecting("127.0.0.1", LOOP_PORT),
                     "compare_out": listening("127.0.0.1", OUT_PORT),
                     "compare_out0": connecting("127.0.0.1", OUT_PORT)})
    redirector = {"qom_type": "filter-redirector", "netdev": NETDEV, "queue": "rx", **vnet}
    return Wiring(chardevs, {
        "m0": mirror,
        "redire0": {**redirector, "indev": "compare_out"},
        "redire1": {**redirector, "outdev": "compare0"},
        "iothread1": iothread,
        "comp0": {**comparator, "primary_in": "compare0-0", "outdev": "compare_out0"}})


def rewriter(vnet_header=False):
    vnet = {"vnet_hdr_support": True} if vnet_header else {}
    return {"qom_type": "filter-rewriter", "netdev": NETDEV, "queue": "all", **vnet}


def secondary_wiring(primary_address, vnet_header=False):
    vnet = {"vnet_hdr_support": True} if vnet_header else {}
    redirector = {"qom_type": "filter-redirector", "netdev": NETDEV, **vnet}
    return Wiring(
        {"red0": connecting(primary_address, MIRROR_PORT),
         "red1": connecting(primary_address, COMPARE_PORT)},
        {"f1": {**redirector, "queue": "tx", "indev": "red0"},
         "f2": {**redirector, "queue": "rx", "outdev": "red1"},
         "rew0": rewriter(vnet_header)},
        kept=("rew0",))


class NetPair(Pair):
    """A guest on one of the two hosts, protected and moved again and again.

    `primary` is the VM whose guest the client sees, `secondary` its replica while there is one.
    Use as a context manager: the VMs are owned by this object.
    """

    def __init__(self, bed, emulator, guest, mib=64, memory_mb=256, environment=None, **proxy):
        """`environment`: more variables for the first emulator, the one that boots."""
        super().__init__(None, None, None)
        self.bed = bed
        self.emulator = emulator
        self.guest = guest
        self.mib = mib
        self.set_proxy(**proxy)
        self.arguments = [
            *guest.net_arguments(SERVICES.format(mib=mib), GUEST_ADDRESSES, memory_mb),
            "-netdev", f"tap,id={NETDEV},ifname=tap0,script=no,downscript=no",
            "-device", f"virtio-net-pci,netdev={NETDEV},mac={GUEST_MAC}"]
        self._environment = environment
        self.hosts = {}
        self._wirings = {}
        #: VMs with a rewriter. A survivor goes on translating connections of its predecessor's.
        self._rewriting = set()
        self._vms = []
        self._number = 0

    def set_proxy(self, direct=False, vnet_header=False, compare=None):
        """How the next protection is to be wired, see primary_wiring()."""
        self.direct = direct
        self.vnet_header = vnet_header
        self.compare = compare

    # Where things are

    def host(self, vm):
        return self.hosts[vm]

    def port(self, vm):
        """The switch port that the host of `vm` is connected to."""
        return SWITCH_PORTS[0] if self.hosts[vm] is self.bed.primary else SWITCH_PORTS[1]

    def _new_vm(self, host, *arguments, environment=None):
        self._number += 1
        vm = VM(self.emulator, [*self.arguments, *arguments], name=f"guest{self._number}",
                prefix=host.prefix, environment=environment)
        self._vms.append(vm)
        self.hosts[vm] = host
        return vm

    # The life of a pair

    def boot(self, seconds=120):
        """A guest that nobody protects, on the primary's host."""
        self.primary = self._new_vm(self.bed.primary, environment=self._environment).start()
        for service in READY:
            self.primary.console.wait_for(f"guest: {service} ready", seconds)
        self.bed.run_client("ping", host=GUEST_IPV4, count=3)

    def protect(self, delay_ms=10000, mode="hybrid", seconds=60, **arguments):
        """Start a secondary on the other host, connect the proxy, and turn COLO on."""
        self.connect_proxy()
        super().protect(delay_ms=delay_ms, mode=mode, seconds=seconds, **arguments)

    def _new_secondary(self):
        """On the other host; not yet started."""
        other = self.bed.other(self.hosts[self.primary])
        self.uri = f"tcp:{self.bed.address(other)}:{MIGRATION_PORT}"
        self.secondary = self._new_vm(other, "-incoming", self.uri)

    def migrate(self, seconds=60):
        """Move the unprotected guest to the other host by a live migration."""
        self._new_secondary()
        self.secondary.start()
        if self.primary in self._rewriting:
            add_object(self.secondary, "rew0", rewriter(self.vnet_header))
            self._rewriting.add(self.secondary)
        self.primary.set_parameters(max_bandwidth=1 << 34)
        self.primary.migrate(self.uri, seconds)
        self.secondary.wait_status("running", seconds=seconds)
        old, self.primary, self.secondary = self.primary, self.secondary, None
        old.close()

    def connect_proxy(self):
        address = self.bed.address(self.hosts[self.primary])
        self._new_secondary()
        wiring = primary_wiring(address, self.direct, self.vnet_header, self.compare)
        wiring.apply(self.primary, before="rew0" if self.primary in self._rewriting else None)
        self._wirings.setdefault(self.primary, []).append(wiring)
        self.secondary.start()
        wiring = secondary_wiring(address, self.vnet_header)
        wiring.apply(self.secondary)
        self._wirings[self.secondary] = [wiring]
        self._rewriting.add(self.secondary)
        wait_for("the proxy's connections", self._proxy_connected, 20, self.describe)

    def _proxy_connected(self):
        for vm in (self.primary, self.secondary):
            for entry in vm.qmp.command("query-chardev"):
                if entry["filename"].startswith("disconnected:"):
                    return False
        return True

    def take_over(self, seconds=20):
        """The secondary takes over from a primary that is dead or cannot be reached.

        Returns when COLO ended there. The old primary's process is killed if it still exists.
        """
        exit_time = self.failover(self.secondary, seconds)
        self.finish_take_over()
        return exit_time

    def finish_take_over(self):
        """After the failover: the survivor is the primary, what the proxy had there is gone."""
        old, self.primary, self.secondary = self.primary, self.secondary, None
        old.close()
        self.unwire(self.primary)
        self.committed = type(self.committed)(0, 0.0)

    def go_on_alone(self, asked=True, seconds=20):
        """The primary goes on without its secondary; returns when COLO ended there."""
        if asked:
            exit_time = self.failover(self.primary, seconds)
        else:
            event = self.primary.qmp.wait_event("COLO_EXIT", seconds)
            self.primary.wait_status("running", seconds=seconds)
            exit_time = event_time(event)
        self.primary.qmp.events.clear()
        self.secondary.close()
        self.secondary = None
        self.unwire(self.primary)
        return exit_time

    def unwire(self, vm):
        self._wirings[vm].pop().remove(vm)

    def forget_wired(self, *names):
        """These parts of the secondary's proxy are gone already."""
        wiring = self._wirings[self.secondary][-1]
        for name in names:
            wiring.objects.pop(name, None)
            wiring.chardevs.pop(name, None)

    def is_healthy(self):
        """One guest runs, unprotected: another test can use it."""
        return self.primary is not None and self.primary.is_alive() and self.secondary is None \
            and self.primary.status() == "running"

    def describe(self):
        return "\n".join(vm.describe() for vm in (self.primary, self.secondary) if vm)

    def close(self):
        for vm in self._vms:
            vm.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Witness:
    """The sniffer at the switch: never do two hosts answer, and who does is who should."""

    def __init__(self, pair):
        self.pair = pair
        self.expected = [pair.port(pair.primary)]
        self._sniffer = pair.bed.start_client("sniff", ports=list(SWITCH_PORTS), mac=GUEST_MAC)
        self._sniffer.wait_event("started")

    def moved(self):
        """The guest is now on the host of pair.primary."""
        port = self.pair.port(self.pair.primary)
        if port != self.expected[-1]:
            self.expected.append(port)

    def check(self):
        """Frames came from the expected ports in the expected order, one port at a time."""
        self._sniffer.stop()
        result = self._sniffer.result(20)
        seen = [switch["port"] for switch in result["switches"]]
        assert seen == self.expected[:len(seen)], (
            f"the guest answered at {seen}, expected {self.expected}: {result}")
        assert seen == self.expected, f"the guest was seen at {seen}, expected {self.expected}"
        return result
