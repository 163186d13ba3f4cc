# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Options and fixtures of the functional tests."""

import contextlib
import os
import random
import sys

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from colotest.guest import SOURCE_DIR, guest_image  # noqa: E402
from colotest.pair import Pair  # noqa: E402
from colotest.ports import free_port  # noqa: E402
from colotest.vm import VM  # noqa: E402


def pytest_addoption(parser):
    parser.addoption("--emulator", help="the binary under test",
                     default=os.path.join(SOURCE_DIR, "build", "qemu-system-x86_64"))
    parser.addoption("--guest", default=os.path.join(SOURCE_DIR, "build", "guest"),
                     help="folder with the test guest (scripts/build-guest.sh)")
    parser.addoption("--failovers", type=int, default=10,
                     help="how often the guest with several processors fails over")
    parser.addoption("--seed", type=int, default=None,
                     help="seed of everything that is random, to repeat a failure")


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
