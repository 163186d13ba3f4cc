# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""How long the proxy keeps a frame: two emulators without a guest, whose part is played here.

Each emulator has a back end `hn0` (the wire) and a back end `guest` that stands for the card, with
a hub between them. Both are datagram sockets of ours. A frame of the client goes into the primary's
wire; it arrives at the primary's guest, and through the mirror at the secondary's. Both answer the
same, the comparator agrees, and the answer leaves by the primary's wire. What sockets, hub and we
cost ourselves is in `plain`, which is measured with the primary alone, without a proxy.
"""

import os
import socket
import struct
import time
from dataclasses import dataclass

from .net_pair import primary_wiring, secondary_wiring
from .ports import free_port
from .vm import VM
from .waiting import wait_for

MACHINE = ["-accel", "qtest", "-machine", "none", "-m", "16"]
CLIENT_MAC, GUEST_MAC = bytes.fromhex("525400c01001"), bytes.fromhex("525400c01002")
CLIENT_IP, GUEST_IP = bytes([198, 18, 0, 1]), bytes([198, 18, 0, 2])
#: So that no checkpoint comes in between.
LONGEST_DELAY_MS = 3600000
CLIENT_PORT, ECHO_PORT = 40000, 7


@dataclass
class PathTimes:
    """Microseconds of each exchange."""

    #: From the client's frame on the wire to the last guest that has it.
    request: list
    #: From the last guest's answer to the wire.
    answer: list


class Port:
    """Our end of a datagram back end."""

    def __init__(self, folder, name):
        self.path = os.path.join(folder, name)
        self.peer = self.path + ".emulator"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.path)
        self.socket.settimeout(10)

    def option(self, netdev):
        return (f"dgram,id={netdev},local.type=unix,local.path={self.peer},"
                f"remote.type=unix,remote.path={self.path}")

    def send(self, frame):
        self.socket.sendto(frame, self.peer)

    def receive(self):
        return self.socket.recv(65536)


class Side:
    """One emulator with its two ports."""

    def __init__(self, emulator, name, *arguments):
        self.vm = VM(emulator, [], name=name)
        self.wire = Port(self.vm.folder, "wire")
        self.guest = Port(self.vm.folder, "guest")
        self.vm.arguments += [
            *MACHINE, "-netdev", self.wire.option("hn0"), "-netdev", self.guest.option("guest"),
            "-netdev", "hubport,id=hub-hn0,hubid=0,netdev=hn0",
            "-netdev", "hubport,id=hub-guest,hubid=0,netdev=guest", *arguments]


def internet_checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def datagram(from_client, number, size=1400):
    """An Ethernet frame with a UDP datagram (checksum not used) that carries `number`."""
    ends = ((CLIENT_IP, CLIENT_PORT), (GUEST_IP, ECHO_PORT))
    (source, source_port), (target, target_port) = ends if from_client else ends[::-1]
    macs = GUEST_MAC + CLIENT_MAC if from_client else CLIENT_MAC + GUEST_MAC
    payload = struct.pack("!Q", number) * (size // 8)
    udp = struct.pack("!HHHH", source_port, target_port, 8 + len(payload), 0) + payload
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(udp), number & 0xffff, 0, 64, 17, 0)
    checksum = internet_checksum(head + source + target)
    return (macs + b"\x08\x00" + head[:10] + struct.pack("!H", checksum) + source + target + udp)


def exchange(primary, guests, count):
    """PathTimes of `count` exchanges; each of `guests` answers."""
    times = PathTimes([], [])
    for number in range(count):
        request, answer = datagram(True, number), datagram(False, number)
        began = time.perf_counter()
        primary.wire.send(request)
        seen = [guest.receive() for guest in guests]
        arrived = time.perf_counter()
        assert seen == [request] * len(guests), f"{seen} where {request} was sent"
        for guest in guests[:-1]:
            guest.send(answer)
        answered = time.perf_counter()
        guests[-1].send(answer)
        seen = primary.wire.receive()
        released = time.perf_counter()
        assert seen == answer, f"{seen} where {answer} was sent"
        times.request.append((arrived - began) * 1e6)
        times.answer.append((released - answered) * 1e6)
    return times


def measure_path(emulator, direct, count):
    """PathTimes of `count` exchanges without a proxy, and as many with one."""
    uri = f"tcp:127.0.0.1:{free_port()}"
    primary = Side(emulator, "primary")
    secondary = Side(emulator, "secondary", "-incoming", uri)
    with primary.vm, secondary.vm:
        primary.vm.start()
        secondary.vm.start()
        plain = exchange(primary, [primary.guest], count)
        primary_wiring("127.0.0.1", direct).apply(primary.vm)
        secondary_wiring("127.0.0.1").apply(secondary.vm)
        primary.vm.set_parameters(x_checkpoint_delay=LONGEST_DELAY_MS)
        primary.vm.set_capability("x-colo")
        primary.vm.qmp.command("migrate", uri=uri)
        wait_for("the first checkpoint", lambda: primary.vm.qmp.command(
            "x-query-colo-stats")["checkpoints"] >= 1, 20, primary.vm.describe)
        secondary.vm.wait_status("running")
        proxied = exchange(primary, [primary.guest, secondary.guest], count)
        return plain, proxied
