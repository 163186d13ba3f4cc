# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""virtio-net with Debian's driver, on a network in user space."""

import contextlib
import hashlib
import struct
import urllib.request

import pytest

from colotest.ports import free_port
from colotest.vm import run_to_exit
from colotest.waiting import wait_for

ADDRESSES = "10.0.2.15/24,10.0.2.2"
MIB = 8

#: Ways to negotiate: legacy and modern headers, with and without what makes them short or long.
VARIANTS = {
    "default": "virtio-net-pci",
    "transitional": "virtio-net-pci-transitional",
    "modern": "virtio-net-pci-non-transitional",
    "legacy-10-bytes": "virtio-net-pci,disable-modern=on,mrg_rxbuf=off",
    "one-buffer-a-frame": "virtio-net-pci,mrg_rxbuf=off",
    "no-offloads": "virtio-net-pci,csum=off,guest_csum=off",
    "flags": "virtio-net-pci,event_idx=off,indirect_desc=off",
    "no-control-queue": "virtio-net-pci,ctrl_vq=off",
    "intx": "virtio-net-pci,vectors=0",
    "large-ring": "virtio-net-pci,rx_queue_size=1024,host_mtu=1400,speed=1000,duplex=full",
    "frame-by-frame": "virtio-net-pci,x-txburst=1",
}


class NetGuest:
    """A guest with an HTTP server, and the port of this host that leads there."""

    def __init__(self, make_vm, guest, device="virtio-net-pci", name="vm", arguments=()):
        self.guest = guest
        self.port = free_port()
        self.vm = make_vm([
            *guest.net_arguments(f"http:mb={MIB}", ADDRESSES),
            "-netdev", f"user,id=hn0,hostfwd=tcp:127.0.0.1:{self.port}-:80",
            "-device", f"{device},netdev=hn0,id=net0", *arguments], name=name)

    def wait_ready(self):
        self.vm.wait_lines(r"^guest: http ready", 1, seconds=240)
        return self

    def open(self, path="file", seconds=120):
        return urllib.request.urlopen(f"http://127.0.0.1:{self.port}/{path}", timeout=seconds)

    def check_download(self):
        with self.open() as response:
            content = response.read()
        assert len(content) == MIB << 20
        assert hashlib.sha256(content).hexdigest() == self.guest.content_sha256(MIB)

    def set_link(self, up):
        self.vm.qmp.command_raw("set_link", {"name": "net0", "up": up})

    def rx_filter(self):
        [answer] = self.vm.qmp.command_raw("query-rx-filter", {"name": "net0"})
        return answer


@pytest.fixture
def net_guest(make_vm, guest):
    def make(*arguments, **options):
        return NetGuest(make_vm, guest, *arguments, **options)
    return make


@pytest.mark.parametrize("device", VARIANTS.values(), ids=VARIANTS.keys())
def test_download(net_guest, device):
    net_guest(device).wait_ready().check_download()


def test_stops_in_a_download(net_guest):
    """Neither a frame in the ring nor one on its way is lost or doubled by stops."""
    target = net_guest().wait_ready()
    digest = hashlib.sha256()
    with target.open() as response:
        for _ in range(16):
            digest.update(response.read(64 << 10))
            target.vm.qmp.command("stop")
            target.vm.qmp.command("cont")
        digest.update(response.read())
    assert digest.hexdigest() == target.guest.content_sha256(MIB)


def test_filter_as_the_guest_set_it(net_guest):
    target = net_guest(name="source").wait_ready()
    # What the driver sets last is the group of its own IPv6 address.
    before = wait_for("the guest's groups",
                      lambda: "33:33:ff:12:34:56" in target.rx_filter()["multicast-table"] and
                      target.rx_filter(), 60, target.vm.describe)
    assert before["name"] == "net0" and not before["promiscuous"] and before["broadcast-allowed"]
    assert before["main-mac"] == "52:54:00:12:34:56"
    assert "33:33:00:00:00:01" in before["multicast-table"], "all nodes of IPv6"
    # The same behind a migration, and the guest can be reached.
    arrived = net_guest(name="destination", arguments=["-incoming", "defer"])
    uri = f"unix:{arrived.vm.folder}/migration"
    arrived.vm.qmp.command("migrate-incoming", uri=uri)
    target.vm.migrate(uri)
    arrived.vm.wait_status("running")
    assert arrived.rx_filter() == before
    arrived.check_download()


def pcap_frames(path):
    """The frames in a capture file; an incomplete one at its end does not count."""
    with contextlib.suppress(FileNotFoundError), open(path, "rb") as capture:
        data = capture.read()
        position = 24
        while position + 16 <= len(data):
            size = struct.unpack_from("=I", data, position + 8)[0]
            position += 16 + size
            if position <= len(data):
                yield data[position - size:position]


def test_announce_self(net_guest, tmp_path):
    """RARP from us, and ARP from the guest's own driver, whose address we do not know."""
    capture = str(tmp_path / "capture")
    target = net_guest(arguments=[
        "-object", f"filter-dump,id=dump0,netdev=hn0,file={capture}"]).wait_ready()
    source = bytes.fromhex("525400123456")
    own_arp = bytes.fromhex("0806") + bytes.fromhex("0001080006040001") + source + \
        bytes([10, 0, 2, 15]) + bytes(6) + bytes([10, 0, 2, 15])

    def announced():
        # The destination of a gratuitous ARP's inner address is left open by RFC 5227.
        frames = [frame for frame in pcap_frames(capture) if frame[6:12] == source]
        rarp = sum(frame[12:14] == b"\x80\x35" for frame in frames)
        arp = sum(frame[12:32] == own_arp[:20] and frame[38:42] == own_arp[26:30]
                  for frame in frames)
        return rarp, arp

    assert announced()[0] == 0
    arp_before = announced()[1]
    target.vm.qmp.command("announce-self", initial=20, max=50, rounds=3, step=10)
    wait_for("the announcements", lambda: announced()[0] == 3 and announced()[1] > arp_before, 60,
             lambda: f"{announced()}, before {arp_before}\n{target.vm.describe()}")


def test_link(net_guest):
    target = net_guest().wait_ready()
    target.set_link(False)
    with pytest.raises(OSError):
        target.open("index.html", seconds=2)
    target.set_link(True)
    target.check_download()


@pytest.mark.parametrize("option, message", [
    ("mq=on", "'mq=on' is not supported"),
    ("tx=timer", "'tx=timer' is not supported"),
    ("rx_queue_size=100", "Invalid rx_queue_size (= 100), must be a power of 2"),
    ("duplex=both", "'duplex' must be 'half' or 'full'"),
    ("rss=on", "rss"),
    ("failover=on", "failover"),
], ids=lambda value: value.split("=")[0] if "=" in value else "")
def test_refused(emulator, option, message):
    done = run_to_exit([emulator, "-machine", "pc", "-nodefaults", "-display", "none", "-S",
                        "-device", f"virtio-net-pci,{option}"])
    assert done.returncode == 1
    assert message in done.stderr, done.stderr
