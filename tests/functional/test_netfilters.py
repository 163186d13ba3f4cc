# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Network filters in a whole process: they come and go while frames flow."""

import shutil
import socket
import struct
import subprocess

import pytest

from colotest.ports import free_port
from colotest.qmp import QmpError
from colotest.waiting import wait_for

PCAP_HEADER_SIZE = 24


def udp_frame(number):
    """A broadcast whose UDP source port is `number`."""
    payload = struct.pack(">I", number)
    udp = struct.pack(">HHHH", number, 9, 8 + len(payload), 0) + payload
    ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0,
                     bytes([10, 0, 0, 1]), bytes([10, 0, 0, 255]))
    return b"\xff" * 6 + b"\x52\x54\x00\x00\x00\x01\x08\x00" + ip + udp


class Wire:
    """The other end of a socket back end."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.sent = 0

    def send(self, count):
        """Send that many frames, numbered on from the last."""
        for _ in range(count):
            self.sent += 1
            frame = udp_frame(self.sent)
            self.socket.sendall(struct.pack(">I", len(frame)) + frame)

    def close(self):
        self.socket.close()


@pytest.fixture
def wired(make_vm, guest):
    """A VM, and the wire that its back end hangs on. A hub takes the frames, as no guest runs."""
    port = free_port()
    vm = make_vm(["-S", "-kernel", guest.kernel, "-netdev",
                  f"socket,id=hn0,listen=127.0.0.1:{port}",
                  "-netdev", "hubport,hubid=0,id=port,netdev=hn0"], name="filters")
    wire = Wire(port)
    yield vm, wire
    wire.close()


def add(vm, kind, name, **properties):
    vm.qmp.command("object-add", **{"qom-type": kind, "id": name, "netdev": "hn0", **properties})


def numbers_in(path):
    """The UDP source ports of the frames in a pcap file, as another program reads them."""
    if shutil.which("tshark") is None:
        pytest.skip("there is no tshark")
    output = subprocess.run(["tshark", "-n", "-r", path, "-T", "fields", "-e", "udp.srcport"],
                            check=True, capture_output=True, text=True, timeout=60)
    return [int(line) for line in output.stdout.split()]


def test_dump_is_what_others_can_read(wired, tmp_path):
    vm, wire = wired
    path = tmp_path / "pcap"
    add(vm, "filter-dump", "dump", file=str(path))
    wire.send(50)
    record = 16 + len(udp_frame(1))
    wait_for("all frames in the file",
             lambda: path.stat().st_size == PCAP_HEADER_SIZE + 50 * record, 20, vm.describe)
    vm.qmp.command("object-del", id="dump")
    assert numbers_in(path) == list(range(1, 51))


def test_filters_come_and_go_while_frames_flow(wired, tmp_path):
    vm, wire = wired
    path = tmp_path / "pcap"
    vm.qmp.command("chardev-add", id="out",
                   backend={"type": "socket",
                            "data": {"addr": {"type": "unix",
                                              "data": {"path": str(tmp_path / "out")}},
                                     "server": True, "wait": False}})
    add(vm, "filter-dump", "last", file=str(path))
    for turn in range(30):
        add(vm, "filter-mirror", "mirror", outdev="out")
        wire.send(20)
        add(vm, "filter-buffer", "buffer", interval=0, position="head" if turn % 2 else "id=mirror",
            insert="before")
        wire.send(20)
        vm.qmp.command("object-del", id="mirror")
        wire.send(20)
        vm.qmp.command("qom-set", path="/objects/buffer", property="status", value="off")
        vm.qmp.command("object-del", id="buffer")
    record = 16 + len(udp_frame(1))
    wait_for("each frame once",
             lambda: path.stat().st_size == PCAP_HEADER_SIZE + wire.sent * record, 20,
             vm.describe)
    assert sorted(numbers_in(path)) == list(range(1, wire.sent + 1))
    # The back end may go before its filter.
    add(vm, "filter-mirror", "mirror", outdev="out")
    vm.qmp.command("netdev_del", id="hn0")
    vm.qmp.command("object-del", id="mirror")
    assert vm.is_alive()


def test_nonsense_on_the_redirectors_socket(wired, tmp_path):
    vm, _ = wired
    path = tmp_path / "in"
    vm.qmp.command("chardev-add", id="in",
                   backend={"type": "socket",
                            "data": {"addr": {"type": "unix", "data": {"path": str(path)}},
                                     "server": True, "wait": False}})
    add(vm, "filter-redirector", "redirector", indev="in", queue="tx")
    with socket.socket(socket.AF_UNIX) as peer:
        peer.settimeout(20)
        peer.connect(str(path))
        peer.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert peer.recv(1) == b""
    assert "'in'" in vm.log()
    assert vm.is_alive()
    with pytest.raises(QmpError, match="busy"):
        vm.qmp.command("chardev-remove", id="in")
    vm.qmp.command("object-del", id="redirector")
    vm.qmp.command("chardev-remove", id="in")
