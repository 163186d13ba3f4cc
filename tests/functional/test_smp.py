# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Guests with several processors, which do work that fails when the processors do not agree."""

import os
import re
import time

import pytest

from colotest.chain import ChainError, check_unbroken, model_for, read_chain
from colotest.pair import Pair, after_failover
from colotest.ports import free_port
from colotest.vm import VM, run_to_exit
from colotest.waiting import wait_for

CPUS = 4
#: Checks what processors promise each other (tests/guest/smp.c) beside the chain.
WORKLOAD = f"smp:threads={CPUS},pages=16"
MODEL = model_for(1, 16, 32)
FAST = 1 << 40
#: Failovers of one guest.
IN_A_ROW = 10


def arguments(guest, workload=WORKLOAD, cpus=CPUS, **kwargs):
    return [*guest.arguments(workload, **kwargs), "-smp", str(cpus)]


@pytest.fixture(scope="module")
def smp_state(emulator, guest, tmp_path_factory):
    """A stream with a guest of 4 processors that are at work."""
    path = str(tmp_path_factory.mktemp("state") / "smp")
    with VM(emulator, arguments(guest), name="booting") as vm:
        vm.start()
        vm.console.wait_for(f"smp CPUS {CPUS}\\b", 240)
        vm.wait_lines(r"^chain \d+ ", 3, seconds=120)
        vm.set_parameters(max_bandwidth=FAST)
        vm.migrate(f"exec:cat > {path}")
    return path


@pytest.fixture
def resume_smp(make_vm, guest, smp_state):
    def resume(name="vm"):
        vm = make_vm([*arguments(guest), "-incoming", f"exec:cat {smp_state}"], name=name)
        vm.wait_status("running", seconds=60)
        return vm
    return resume


@pytest.fixture
def make_smp_secondary(make_vm, guest):
    def make(name="secondary"):
        uri = f"tcp:127.0.0.1:{free_port()}"
        return make_vm([*arguments(guest), "-incoming", uri], name=name), uri
    return make


def check_work(vm, start=0):
    """No thread of the guest has found anything wrong, and all go on."""
    vm.wait_lines(r"^smp ROUND \d+", 2, seconds=120, start=vm.console.position())
    failed = re.search("^chain FAIL.*", vm.console.text(start), re.MULTILINE)
    assert not failed, f"{failed[0]}\n{vm.describe()}"


# The machine


@pytest.mark.parametrize("smp", ["2", "3,sockets=1", "4,sockets=2,cores=2", "4,cores=2,threads=2",
                                 "8"])
def test_all_processors_work(make_vm, guest, smp):
    count = int(smp.split(",")[0])
    vm = make_vm(arguments(guest, f"smp:threads={count},rounds=21", smp))
    vm.console.wait_for(f"smp CPUS {count}\\b", 240)
    vm.console.wait_for("^smp END", 120)
    assert "chain FAIL" not in vm.console.text()


def guest_shell(vm):
    vm.console.wait_for("guest: shell", 240)
    vm.console.wait_for("[#$] ", 30)

    def run(command):
        start = vm.console.position()
        vm.console.write(f"{command}; echo 'th''e end'\n")
        vm.console.wait_for("^the end", 60, start=start)
        return vm.console.text(start).replace("\r", "")
    return run


@pytest.mark.parametrize("smp,sockets,siblings", [("4", 1, 4), ("4,sockets=2", 2, 2),
                                                  ("6,sockets=2,cores=3", 2, 3)])
def test_topology_as_the_guest_sees_it(make_vm, guest, smp, sockets, siblings):
    run = guest_shell(make_vm(arguments(guest, "shell", smp)))
    text = run("cat /proc/cpuinfo")
    count = sockets * siblings
    assert re.findall(r"^processor\s*: (\d+)", text, re.MULTILINE) == [
        str(i) for i in range(count)]
    packages = re.findall(r"^physical id\s*: (\d+)", text, re.MULTILINE)
    assert packages == sorted(packages) and len(set(packages)) == sockets
    assert set(re.findall(r"^siblings\s*: (\d+)", text, re.MULTILINE)) == {str(siblings)}
    assert set(re.findall(r"^cpu cores\s*: (\d+)", text, re.MULTILINE)) == {str(siblings)}
    kernel = run("dmesg")
    assert "TSC_ADJUST" not in kernel and "unstable" not in kernel, "TSCs that do not agree"


def test_interrupts_go_where_the_guest_sends_them(make_vm, guest):
    """The I/O APIC delivers the serial line's interrupt to another processor than the first."""
    run = guest_shell(make_vm(arguments(guest, "shell")))
    text = run("echo 4 > /proc/irq/4/smp_affinity; echo a; echo b; cat /proc/interrupts")
    row = re.search(r"^ *4:((?: +\d+)+) ", text, re.MULTILINE)
    before = [int(number) for number in row[1].split()]
    text = run("echo c; cat /proc/interrupts")
    row = re.search(r"^ *4:((?: +\d+)+) ", text, re.MULTILINE)
    after = [int(number) for number in row[1].split()]
    assert len(after) == CPUS
    assert after[2] > before[2] and [*after[:2], after[3]] == [*before[:2], before[3]]
    timers = re.search(r"^ *LOC:((?: +\d+)+) ", text, re.MULTILINE)
    assert all(int(number) for number in timers[1].split()), "each has its own timer"


def test_processor_goes_off_and_on(make_vm, guest):
    """INIT and SIPI for a processor that has run before."""
    run = guest_shell(make_vm(arguments(guest, "shell")))
    for _ in range(3):
        run("echo 0 > /sys/devices/system/cpu/cpu2/online")
        assert "\n0-1,3\n" in run("cat /sys/devices/system/cpu/online")
        run("echo 1 > /sys/devices/system/cpu/cpu2/online")
        assert "\n0-3\n" in run("cat /sys/devices/system/cpu/online")


def test_monitor_lists_them(make_vm, guest):
    vm = make_vm([*guest.arguments("idle"), "-smp", "4,sockets=2", "-S"])
    cpus = vm.qmp.command("query-cpus-fast")
    assert [cpu["cpu-index"] for cpu in cpus] == [0, 1, 2, 3]
    assert [(cpu["props"]["socket-id"], cpu["props"]["core-id"], cpu["props"]["thread-id"])
            for cpu in cpus] == [(0, 0, 0), (0, 1, 0), (1, 0, 0), (1, 1, 0)]
    threads = {cpu["thread-id"] for cpu in cpus}
    assert len(threads) == 1, "one host thread runs them all"
    assert str(threads.pop()) in os.listdir(f"/proc/{vm.process.pid}/task")
    places = vm.qmp.command("query-hotpluggable-cpus")
    assert [place["qom-path"] for place in places] == [
        cpu["qom-path"] for cpu in reversed(cpus)]
    assert all(place["type"] == "qemu64-x86_64-cpu" and place["vcpus-count"] == 1
               for place in places)
    for cpu in cpus:
        assert vm.qmp.command("qom-get", path=cpu["qom-path"], property="type") == places[0]["type"]
    assert vm.qmp.hmp("info cpus").count("CPU #") == 4
    assert vm.qmp.hmp("info hotpluggable-cpus").count("core-id") == 4


@pytest.mark.parametrize("options,texts", [
    (["-smp", "2", "-accel", "tcg,thread=multi"], ["thread=multi", "2 processors"]),
    (["-smp", "9"], ["Invalid SMP CPUs 9", "is 8"]),
    (["-smp", "2,maxcpus=4"], ["maxcpus (4)", "cpus (2)"]),
])
def test_refused(emulator, guest, options, texts):
    result = run_to_exit([emulator, "-display", "none", "-nodefaults",
                          *guest.arguments("idle"), *options])
    assert result.returncode == 1
    assert all(text in result.stderr for text in texts), result.stderr


def processor_seconds(vm):
    with open(f"/proc/{vm.process.pid}/stat") as stat:
        fields = stat.read().rsplit(")")[1].split()
    return sum(int(field) for field in fields[11:13]) / os.sysconf("SC_CLK_TCK")


def test_halted_processors_cost_nothing(make_vm, guest):
    """If one of them span, or the slices went on, the host would be busy all the time."""
    vm = make_vm(arguments(guest, "idle"))
    vm.console.wait_for("guest: idle", 240)
    time.sleep(1)
    before = processor_seconds(vm)
    time.sleep(4)
    assert processor_seconds(vm) - before < 2


# Reset


def test_system_reset(resume_smp):
    vm = resume_smp()
    check_work(vm)
    for _ in range(2):
        position = vm.console.position()
        vm.qmp.command("system_reset")
        vm.console.wait_for(f"smp CPUS {CPUS}\\b", 240, start=position)
        vm.wait_lines(r"^smp ROUND \d+", 1, seconds=120, start=position)


def test_guest_reboots(make_vm, guest):
    vm = make_vm(arguments(guest))
    vm.console.wait_for(f"smp CPUS {CPUS}\\b", 240)
    position = vm.console.position()
    vm.console.write("reboot\n")
    assert vm.qmp.wait_event("RESET", 60)["data"]["reason"] == "guest-reset"
    vm.console.wait_for(f"smp CPUS {CPUS}\\b", 240, start=position)


def test_stop_and_cont(resume_smp):
    vm = resume_smp()
    for _ in range(10):
        vm.qmp.command("stop")
        assert vm.status() == "paused"
        vm.qmp.command("cont")
    check_work(vm)


# Migration


def test_moves_in_a_row(resume_smp, make_smp_secondary, rng):
    vm = resume_smp("source")
    for move in range(4):
        target, uri = make_smp_secondary(f"move{move}")
        vm.set_parameters(max_bandwidth=FAST, downtime_limit=1000)
        vm.wait_lines(r"^chain \d+ ", rng.randrange(1, 5), start=vm.console.position())
        vm.migrate(uri)
        vm.quit()
        vm = target
        vm.wait_status("running")
        check_work(vm)


def expect_refusal(vm, *texts):
    wait_for("the refusal", lambda: not vm.is_alive(), 60, vm.describe)
    assert all(text in vm.log() for text in texts), vm.log()


@pytest.mark.parametrize("smp,texts", [("2", ["count", "has 4", "with 2"]),
                                       ("8", ["count", "has 4", "with 8"]),
                                       ("4,sockets=4", ["sockets", "has 1", "with 4"])])
def test_other_number_of_processors_is_refused(make_vm, guest, smp_state, smp, texts):
    vm = make_vm([*arguments(guest, cpus=smp), "-incoming", f"exec:cat {smp_state}"],
                 start=False).start(connect=False)
    expect_refusal(vm, *texts)


# Failover


def check_survivor(pair, exit_time):
    """Digests and counters as Pair.check_survivor() has them, for a guest that was one before."""
    vm = pair.secondary
    vm.wait_lines(r"^chain \d+ ", 8, 60, vm.console.position())
    try:
        return after_failover(read_chain(vm.console.lines(), MODEL), exit_time)
    except ChainError as error:
        raise ChainError(f"{error}\n{pair.describe()}") from None


def pytest_generate_tests(metafunc):
    if "failovers" in metafunc.fixturenames:
        count = metafunc.config.getoption("--failovers")
        metafunc.parametrize("failovers", [range(first, min(first + IN_A_ROW, count))
                                           for first in range(0, count, IN_A_ROW)],
                             ids=lambda numbers: f"{numbers.start + 1}-{numbers.stop}")


def test_failovers(resume_smp, make_smp_secondary, rng, failovers):
    """The survivor of each failover is the primary of the next one."""
    primary = resume_smp("first")
    for number in failovers:
        secondary, uri = make_smp_secondary(f"host{number}")
        pair = Pair(primary, secondary, uri, pages=16)
        pair.protect(rng.randrange(50, 300), "hybrid")
        pair.wait_checkpoints(rng.randrange(1, 4))
        if number % 2:
            pair.wait_inside_checkpoint()
            time.sleep(rng.uniform(0, 0.01))
        pair.kill_primary()
        exit_time = pair.failover()
        after = check_survivor(pair, exit_time)
        print(f"failover {number + 1}: goes on with {after[0].counter}")
        failed = re.search("^chain FAIL.*", secondary.console.text(), re.MULTILINE)
        assert not failed, failed and failed[0]
        primary.close()
        primary = secondary
    check_work(primary)


def test_secondary_killed(resume_smp, make_smp_secondary):
    primary = resume_smp("primary")
    secondary, uri = make_smp_secondary()
    pair = Pair(primary, secondary, uri, pages=16)
    pair.protect(100)
    pair.wait_checkpoints(3)
    secondary.kill()
    assert primary.qmp.wait_event("COLO_EXIT")["data"]["mode"] == "primary"
    primary.wait_status("running")
    check_work(primary)
    check_unbroken(read_chain(primary.console.lines()[1:], MODEL))
