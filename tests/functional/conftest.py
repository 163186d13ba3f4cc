# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Options and fixtures of the functional tests."""

import contextlib
import dataclasses
import os
import random
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from colotest.guest import SOURCE_DIR, guest_image  # noqa: E402
from colotest.net import TestBed, missing_for_namespaces  # noqa: E402
from colotest.net_pair import NetPair  # noqa: E402
from colotest.pair import Pair  # noqa: E402
from colotest.ports import free_port  # noqa: E402
from colotest.variant import build_variant  # noqa: E402
from colotest.vm import VM  # noqa: E402


@dataclasses.dataclass
class NetSize:
    """How much the tests of the network do."""

    download_mib: int
    requests: int
    redis_writes: int
    redis_kills: int
    connections: int


NET_SIZES = {"small": NetSize(64, 300, 1500, 3, 200), "full": NetSize(64, 1000, 5000, 5, 200)}


def pytest_addoption(parser):
    parser.addoption("--emulator", help="the binary under test",
                     default=os.path.join(SOURCE_DIR, "build", "qemu-system-x86_64"))
    parser.addoption("--guest", default=os.path.join(SOURCE_DIR, "build", "guest"),
                     help="folder with the test guest (scripts/build-guest.sh)")
    parser.addoption("--failovers", type=int, default=10,
                     help="how often the guest with several processors fails over")
    parser.addoption("--seed", type=int, default=None,
                     help="seed of everything that is random, to repeat a failure")
    parser.addoption("--net-size", choices=sorted(NET_SIZES), default="small",
                     help="how much the tests of the network do")


def pytest_configure(config):
    if config.getoption("--seed") is None:
        config.option.seed = random.SystemRandom().randrange(1 << 32)


def pytest_report_header(config):
    return (f"emulator: {config.getoption('--emulator')}, "
            f"random seed: {config.getoption('--seed')} (--seed repeats)")


@pytest.fixture(scope="session")
def emulator(request):
    path = request.config.getoption("--emulator")
    assert os.access(path, os.X_OK), f"{path} is not there: build it, or name one by --emulator"
    return path


@pytest.fixture(scope="session")
def guest(request):
    return guest_image(request.config.getoption("--guest"))


@pytest.fixture(scope="session")
def fault_emulator():
    """A build that can be told to fail at a step of a checkpoint (migration/colo-fault.h)."""
    return build_variant(os.path.join(SOURCE_DIR, "build-fault"), "--enable-fault-injection")


@pytest.fixture
def rng(request):
    """Random numbers of this test: they depend on --seed and the test's name only."""
    seed = request.config.getoption("--seed")
    print(f"--seed {seed}")
    return random.Random(f"{seed} {request.node.nodeid}")


@pytest.fixture
def make_vm(emulator):
    """Starts emulators; all are gone when the test ends."""
    machines = []

    def make(arguments, name="vm", start=True, **kwargs):
        vm = VM(emulator, arguments, name=name, **kwargs)
        machines.append(vm)
        return vm.start() if start else vm

    yield make
    with contextlib.ExitStack() as stack:
        for vm in machines:
            stack.callback(vm.close)


@pytest.fixture(scope="session")
def booted_state(emulator, guest, tmp_path_factory):
    """A stream with a guest whose chain runs: tests that are not about booting start here."""
    path = str(tmp_path_factory.mktemp("state") / "booted")
    with VM(emulator, guest.arguments("chain"), name="booting") as vm:
        vm.start()
        vm.wait_lines(r"^chain \d+ ", 3, seconds=240)
        vm.set_parameters(max_bandwidth=1 << 40)
        vm.migrate(f"exec:cat > {path}")
    return path


@pytest.fixture
def resume_vm(make_vm, guest, booted_state):
    """Starts an emulator whose guest goes on from `booted_state`."""
    def resume(name="vm", arguments=(), **kwargs):
        vm = make_vm([*guest.arguments("chain"), "-incoming", f"exec:cat {booted_state}",
                      *arguments], name=name, **kwargs)
        vm.wait_status("running", seconds=60)
        return vm
    return resume


@pytest.fixture
def make_secondary(make_vm, guest):
    """Starts an emulator that waits for a primary; returns it and its URI."""
    def make(name="secondary", uri=None):
        uri = uri or f"tcp:127.0.0.1:{free_port()}"
        return make_vm([*guest.arguments("chain"), "-incoming", uri], name=name), uri
    return make


@pytest.fixture
def make_pair(resume_vm, make_secondary):
    """A primary whose guest runs and a secondary that waits; not yet protected."""
    def make():
        secondary, uri = make_secondary()
        return Pair(resume_vm("primary"), secondary, uri)
    return make


@pytest.fixture(scope="session")
def net_size(request):
    return NET_SIZES[request.config.getoption("--net-size")]


@pytest.fixture(scope="module")
def net_bed():
    """A client and two hosts in network namespaces."""
    reason = missing_for_namespaces()
    if reason:
        pytest.skip(reason)
    with TestBed() as bed:
        yield bed


@pytest.fixture(scope="module")
def net_pair_keeper(net_bed, emulator, guest, net_size):
    """Hands out guests that nobody protects; booted once, and anew after a test broke it."""
    with NetPairKeeper(net_bed, emulator, guest, net_size.download_mib) as keeper:
        yield keeper


@pytest.fixture
def net_pair(net_pair_keeper):
    """A guest with a network that nobody protects, see NetPair; `net_pair(direct=True)`."""
    yield net_pair_keeper.get
    net_pair_keeper.check()


class NetPairKeeper:
    """Booting takes seconds: a guest that came through a test is used by the next one too."""

    def __init__(self, bed, emulator, guest, mib):
        self._make = lambda: NetPair(bed, emulator, guest, mib=mib)
        self._pair = None

    def get(self, direct=False, vnet_header=False, compare=None):
        if self._pair is None:
            self._pair = self._make()
            self._pair.boot()
        self._pair.set_proxy(direct, vnet_header, compare)
        return self._pair

    def check(self):
        """After a test: keep the guest if it is as it was handed out."""
        if self._pair and not self._pair.is_healthy():
            self.close()

    def close(self):
        pair, self._pair = self._pair, None
        if pair:
            pair.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
