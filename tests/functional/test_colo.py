# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""COLO between the start of protection and its end."""

import signal
import time

import pytest

from colotest.chain import read_chain
from colotest.qmp import QmpClosed, QmpError
from colotest.waiting import wait_for

QUIT_SECONDS = 5  # a second is asked for; the rest is for a busy test machine


def test_both_sides_say_what_they_are(make_pair):
    pair = make_pair()
    pair.protect()
    for vm, mode in ((pair.primary, "primary"), (pair.secondary, "secondary")):
        assert vm.migration()["status"] == "colo"
        status = vm.qmp.command("query-colo-status")
        assert status == {"mode": mode, "last-mode": "none", "reason": "processing"}
        assert "colo" in vm.qmp.hmp("info migrate")
        assert mode in vm.qmp.hmp("info colo")
        assert vm.qmp.command("x-query-colo-stats")["mode"] == mode


def test_statistics(make_pair):
    pair = make_pair()
    pair.protect(delay_ms=100)
    pair.wait_checkpoints(10)
    stats = pair.stats()
    assert sum(reason["count"] for reason in stats["reasons"]) >= stats["checkpoints"]
    assert 0 < stats["pause"]["p50"] <= stats["pause"]["p99"]
    assert stats["total-pages"] >= stats["last-pages"] > 32, "the chain rewrites 32 pages a step"
    assert stats["last-bytes"] > 4096 * 32
    assert stats["total-bytes"] > 4096 * stats["total-pages"] * 0.5
    assert 0 <= stats["since-last"] < 5
    assert stats["phases"]
    secondary = pair.stats("secondary")
    assert abs(secondary["checkpoints"] - pair.stats()["checkpoints"]) <= 2


@pytest.mark.parametrize("name", ["colo", "x-colo"])
def test_by_hmp(make_pair, name):
    pair = make_pair()
    hmp = pair.primary.qmp.hmp
    assert hmp(f"migrate_set_capability {name} on") == ""
    assert hmp("migrate_set_parameter x-checkpoint-delay 200") == ""
    assert hmp(f"migrate -d {pair.uri}") == ""
    pair.primary.wait_migration("colo")
    pair.wait_checkpoints(2)


def test_primary_chain_is_unbroken(make_pair):
    pair = make_pair()
    pair.protect(delay_ms=50)
    pair.wait_checkpoints(40)
    pair.check_primary_chain()


def test_hybrid_mode_runs_the_secondary(make_pair):
    pair = make_pair()
    pair.protect(delay_ms=1000, mode="hybrid")
    pair.secondary.wait_lines(r"^chain \d+ ", 20)
    read_chain(pair.secondary.console.lines(), pair.model)


def test_periodic_mode_keeps_the_secondary_waiting(make_pair):
    pair = make_pair()
    pair.protect(delay_ms=200, mode="periodic")
    pair.wait_checkpoints(5)
    assert "chain" not in pair.secondary.console.text()


def test_delay_changes_at_run_time(make_pair):
    pair = make_pair()
    pair.protect(delay_ms=100000)
    before = pair.stats()["checkpoints"]
    time.sleep(1.5)
    assert pair.stats()["checkpoints"] == before
    pair.primary.set_parameters(x_checkpoint_delay=100)
    pair.wait_checkpoints(5, seconds=20)


def count_of(pair, reason):
    return {entry["reason"]: entry["count"] for entry in pair.stats()["reasons"]}.get(reason, 0)


def test_checkpoint_on_demand(make_pair):
    pair = make_pair()
    pair.protect(delay_ms=100000)
    before = count_of(pair, "request")
    pair.primary.qmp.command("x-colo-checkpoint")
    wait_for("a requested checkpoint", lambda: count_of(pair, "request") > before, 20,
             pair.describe)


def test_refused_without_colo(resume_vm):
    vm = resume_vm()
    with pytest.raises(QmpError, match="(?i)colo"):
        vm.qmp.command("x-colo-lost-heartbeat")
    with pytest.raises(QmpError, match="(?i)colo"):
        vm.qmp.command("x-colo-checkpoint")
    assert vm.qmp.command("query-colo-status") == {"mode": "none", "last-mode": "none",
                                                   "reason": "none"}


def test_refused_while_protected(make_pair, make_secondary):
    pair = make_pair()
    pair.protect()
    with pytest.raises(QmpError, match="(?i)colo"):
        pair.primary.qmp.command("device_add", driver="isa-debug-exit", id="late")
    with pytest.raises(QmpError):
        pair.primary.set_capability("x-colo", False)
    with pytest.raises(QmpError):
        pair.primary.qmp.command("migrate", uri=make_secondary("other")[1])
    pair.wait_checkpoints(2)


def test_guest_powers_off(make_pair):
    """Both sides agree: both end, by way of a last checkpoint."""
    pair = make_pair()
    pair.protect()
    pair.primary.console.write("poweroff\n")
    for vm in (pair.primary, pair.secondary):
        assert vm.wait_exit(60) == 0
    report = read_chain(pair.primary.console.lines(), pair.model)
    assert report.lines


def test_guest_reboots(make_pair):
    pair = make_pair()
    pair.protect()
    position = pair.primary.console.position()
    pair.primary.console.write("reboot\n")
    pair.primary.qmp.wait_event("RESET", 60)
    pair.primary.console.wait_for("guest: init reached", 240, start=position)
    pair.primary.wait_lines(r"^chain 3 ", 1, seconds=120, start=position)
    assert pair.primary.migration()["status"] == "colo"
    pair.wait_checkpoints(2)
    pair.kill_primary()
    exit_time = pair.failover()
    pair.secondary.wait_lines(r"^chain \d+ ", 10, start=pair.secondary.console.position())
    assert exit_time
    read_chain(pair.secondary.console.lines(), pair.model)


def test_system_reset(make_pair):
    pair = make_pair()
    pair.protect()
    position = pair.primary.console.position()
    pair.primary.qmp.command("system_reset")
    pair.primary.console.wait_for("guest: init reached", 240, start=position)
    assert pair.primary.migration()["status"] == "colo"
    pair.wait_checkpoints(2)


@pytest.mark.parametrize("number", range(4))
def test_primary_quits(make_pair, rng, number):
    pair = make_pair()
    pair.protect(delay_ms=50)
    pair.run_until(time.monotonic() + rng.uniform(0, 0.5))
    assert pair.primary.quit(QUIT_SECONDS) == 0
    pair.failover()
    pair.secondary.wait_lines(r"^chain \d+ ", 5, start=pair.secondary.console.position())
    assert pair.secondary.quit(QUIT_SECONDS) == 0


@pytest.mark.parametrize("number", range(4))
def test_secondary_quits(make_pair, rng, number):
    pair = make_pair()
    pair.protect(delay_ms=50)
    pair.run_until(time.monotonic() + rng.uniform(0, 0.5))
    assert pair.secondary.quit(QUIT_SECONDS) == 0
    pair.primary.qmp.wait_event("COLO_EXIT")
    pair.primary.wait_lines(r"^chain \d+ ", 5, start=pair.primary.console.position())
    pair.check_primary_chain()


@pytest.mark.parametrize("side", ["primary", "secondary"])
def test_quit_with_a_peer_that_hangs(make_pair, side):
    pair = make_pair()
    pair.protect(delay_ms=50)
    stopped = pair.secondary if side == "primary" else pair.primary
    stopped.signal(signal.SIGSTOP)
    time.sleep(0.5)
    assert getattr(pair, side).quit(QUIT_SECONDS) == 0
    stopped.kill()


def test_quit_during_the_first_copy(make_pair):
    pair = make_pair()
    pair.primary.set_parameters(max_bandwidth=4 << 20)
    pair.primary.set_capability("x-colo")
    pair.primary.qmp.command("migrate", uri=pair.uri)
    pair.primary.wait_migration("active")
    assert pair.primary.quit(QUIT_SECONDS) == 0
    try:
        pair.secondary.quit(QUIT_SECONDS)
    except (QmpClosed, BrokenPipeError):
        pair.secondary.wait_exit(QUIT_SECONDS)
