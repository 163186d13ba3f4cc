# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""The comparator and two real TCP transfers of the same bytes, over a network that loses, repeats
and reorders frames: what one host sent has to match what the other sent, though not two segments
need be alike. Each test makes its captures itself."""

import os
import re
import signal
import subprocess
import threading
import time

import pytest

from colotest.guest import SOURCE_DIR

PORT = 8080
SIZE = 4 << 20
CLIENT = "compare-c"
MIDDLE = "compare-m"
SERVER = "compare-s"

SERVE = """
import socket, sys
size, seed, family, address, port = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), *sys.argv[4:6]
import random
data = random.Random(seed).randbytes(size)
listener = socket.socket(socket.AddressFamily(family))
listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
listener.bind((address, int(port)))
listener.listen()
print("ready", flush=True)
peer, _ = listener.accept()
request = b""
while len(request) < 1000:
    request += peer.recv(1000)
peer.sendall(data)
peer.shutdown(socket.SHUT_WR)
while peer.recv(1000):
    pass
"""

FETCH = """
import random, socket, sys
size, seed, family, address, port = int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), *sys.argv[4:6]
peer = socket.socket(socket.AddressFamily(family))
peer.settimeout(60)
peer.connect((address, int(port)))
peer.sendall(b"x" * 1000)
data = b""
while True:
    part = peer.recv(65536)
    if not part:
        break
    data += part
assert data == random.Random(seed).randbytes(size)
"""


#: Between two interfaces: frames get lost, come twice, or later than others. Their vnet header
#: travels along, so that the kernels may leave checksums and segmentation to each other.
HARM = """
import random, select, socket, sys
rng = random.Random(sys.argv[1])
ends = []
for name in ("server", "client"):
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    end.setsockopt(263, 15, 1)  # SOL_PACKET, PACKET_VNET_HDR
    end.bind((name, 3))
    ends.append(end)
print("ready", flush=True)
late = []

def send(end, frame):
    try:
        end.send(frame)
    except OSError:
        pass  # lost, too

while True:
    ready = select.select(ends, [], [], 0.005)[0]
    for end in ready:
        frame, address = end.recvfrom(1 << 17)
        if address[2] == socket.PACKET_OUTGOING:
            continue
        other = ends[1 - ends.index(end)]
        draw = rng.random()
        if draw < 0.02:
            continue
        if draw < 0.10:
            late.append((other, frame))
            continue
        send(other, frame)
        if draw > 0.98:
            send(other, frame)
    if not ready or rng.random() < 0.2:
        for entry in late:
            send(*entry)
        late.clear()
"""


def run(*command, check=True):
    return subprocess.run(command, check=check, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=120)


def inside(namespace, *command):
    return ("ip", "netns", "exec", namespace, *command)


def wait_for_line(process, text):
    """Read @process's output until a line has @text; a process that says nothing is ended."""
    timer = threading.Timer(30, process.kill)
    timer.start()
    seen = ""
    for line in process.stdout:
        seen += line
        if text in line:
            timer.cancel()
            return
    timer.cancel()
    raise AssertionError(f"no {text!r} from {process.args}: {seen}")


def start(*command):
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def add_host(namespace, number, link):
    """A namespace with an interface whose other end is @link in the middle."""
    run("ip", "netns", "add", namespace)
    run(*inside(namespace, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", link))
    run(*inside(namespace, "ip", "link", "set", link, "netns", MIDDLE))
    run(*inside(namespace, "ip", "address", "add", f"10.0.0.{number}/24", "dev", "eth0"))
    run(*inside(namespace, "ip", "address", "add", f"fd00::{number}/64", "dev", "eth0", "nodad"))
    run(*inside(namespace, "ip", "link", "set", "eth0", "up", "gso_max_segs", "8"))
    run(*inside(MIDDLE, "ip", "link", "set", link, "up"))


@pytest.fixture
def network(rng):
    """Two hosts, and between them a network that does harm in both directions."""
    if os.geteuid() != 0 or run("ip", "netns", "add", MIDDLE, check=False).returncode:
        pytest.skip("network namespaces need root")
    harm = None
    try:
        add_host(SERVER, 1, "server")
        add_host(CLIENT, 2, "client")
        harm = start(*inside(MIDDLE, "python3", "-c", HARM, str(rng.randrange(1 << 32))))
        wait_for_line(harm, "ready")
        yield
    finally:
        if harm:
            harm.kill()
            harm.wait()
        for namespace in (SERVER, CLIENT, MIDDLE):
            run("ip", "netns", "del", namespace, check=False)


def capture_transfer(path, seed, family, address):
    """One transfer, and what the server's host sent and received in @path."""
    arguments = (str(SIZE), str(seed), str(int(family)), address, str(PORT))
    capture = start(*inside(SERVER, "tcpdump", "-i", "eth0", "-s", "16384", "-B", "65536", "-U",
                            "-w", str(path), "tcp"))
    server = start(*inside(SERVER, "python3", "-c", SERVE, *arguments))
    try:
        wait_for_line(capture, "listening on")
        wait_for_line(server, "ready")
        run(*inside(CLIENT, "python3", "-c", FETCH, *arguments))
        assert server.wait(60) == 0
        time.sleep(1)  # what the kernels still say to each other belongs to it
        capture.send_signal(signal.SIGINT)
        assert "\n0 packets dropped by kernel" in capture.communicate(timeout=30)[0]
    finally:
        for process in (capture, server):
            if process.poll() is None:
                process.kill()
                process.wait()


def compare(first, second, seed, *changed):
    program = os.path.join(SOURCE_DIR, "build", "tests", "functional", "compare-captures")
    result = run(program, str(first), str(second), str(PORT), str(seed), *map(str, changed))
    print(result.stdout)
    return {name: int(value) for name, value in re.findall(r"(\w+) (\d+)", result.stdout)}


@pytest.mark.parametrize("family, address", [(2, "10.0.0.1"), (10, "fd00::1")],
                         ids=["ipv4", "ipv6"])
def test_real_transfers(network, tmp_path, rng, family, address):
    seed = rng.randrange(1 << 32)
    captures = [tmp_path / "first.pcap", tmp_path / "second.pcap"]
    for capture in captures:
        capture_transfer(capture, seed, family, address)

    for primary, secondary in (captures, reversed(captures)):
        same = compare(primary, secondary, rng.randrange(1 << 32))
        assert same["primary"] > SIZE // 65536 and same["secondary"] > SIZE // 65536
        assert same["asked"] == 0
        assert same["held"] == 0 and same["dropped"] == 0
        assert same["released"] == same["primary"] + same["cut"]

        for _ in range(20):
            changed = compare(primary, secondary, rng.randrange(1 << 32), rng.randrange(SIZE))
            assert changed["asked"] == 1
            assert changed["left"] == 0
