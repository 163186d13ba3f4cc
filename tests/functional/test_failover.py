# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""The proof: a guest outlives its host, wherever in a checkpoint that is killed."""

import signal
import time

import pytest

from colotest.chain import read_chain
from colotest.pair import Pair, after_failover
from colotest.qmp import QmpError, event_time

FAILOVERS = 20


def status_of(vm):
    return vm.qmp.command("query-colo-status")


def check_survivor(pair, exit_time):
    pair.check_survivor(exit_time)
    assert pair.exit_event["data"] == {"mode": "secondary", "reason": "request"}
    assert status_of(pair.secondary) == {"mode": "none", "last-mode": "secondary",
                                         "reason": "request"}
    assert pair.secondary.status() == "running"


@pytest.mark.parametrize("number", range(FAILOVERS))
def test_primary_killed(make_pair, rng, number):
    """Even numbers: at a random moment; odd ones: while the guest is stopped for a checkpoint."""
    pair = make_pair()
    delay_ms = rng.randrange(50, 400)
    mode = "periodic" if number % 5 == 4 else "hybrid"
    pair.protect(delay_ms, mode)
    moment = time.monotonic() + rng.uniform(0.2, 2.0)
    print(f"{mode}, a checkpoint every {delay_ms} ms")
    pair.run_until(moment)
    if number % 2:
        pair.wait_inside_checkpoint()
        time.sleep(rng.uniform(0, 0.01))
    pair.kill_primary()
    time.sleep(rng.choice([0, 0, 0.2]))
    check_survivor(pair, pair.failover())


def test_failover_after_failover(make_pair, make_secondary):
    """The survivor gets a new secondary, and its guest outlives the second host too."""
    pair = make_pair()
    pair.protect()
    pair.wait_checkpoints(3)
    pair.kill_primary()
    check_survivor(pair, pair.failover())

    third, uri = make_secondary("third")
    second_pair = Pair(pair.secondary, third, uri)
    second_pair.protect()
    second_pair.wait_checkpoints(3)
    second_pair.kill_primary()
    exit_time = second_pair.failover()
    third.wait_lines(r"^chain \d+ ", 10, start=third.console.position())
    report = read_chain(third.console.lines(), second_pair.model)
    assert len(after_failover(report, exit_time)) >= 5
    assert status_of(third)["last-mode"] == "secondary"


def test_second_failover_command_is_refused(make_pair):
    pair = make_pair()
    pair.protect()
    pair.kill_primary()
    exit_time = pair.failover()
    with pytest.raises(QmpError, match="(?i)colo"):
        pair.secondary.qmp.command("x-colo-lost-heartbeat")
    check_survivor(pair, exit_time)


def test_two_failover_commands_at_once(make_pair):
    """Both are sent before the first is answered; one of them may be refused."""
    pair = make_pair()
    pair.protect()
    pair.kill_primary()
    connection = pair.secondary.qmp.connection
    connection.send({"execute": "x-colo-lost-heartbeat", "id": "first"})
    connection.send({"execute": "x-colo-lost-heartbeat", "id": "second"})
    pair.exit_event = pair.secondary.qmp.wait_event("COLO_EXIT")
    pair.secondary.wait_status("running")
    check_survivor(pair, event_time(pair.exit_event))
    exits = [event for event in pair.secondary.qmp.events if event["event"] == "COLO_EXIT"]
    assert len(exits) == 1


@pytest.mark.parametrize("command", ["x_colo_lost_heartbeat", "colo_lost_heartbeat"])
def test_failover_by_hmp(make_pair, command):
    pair = make_pair()
    pair.protect()
    pair.kill_primary()
    assert pair.secondary.qmp.hmp(command) == ""
    pair.exit_event = pair.secondary.qmp.wait_event("COLO_EXIT")
    pair.secondary.wait_status("running")
    check_survivor(pair, event_time(pair.exit_event))


def test_secondary_waits_for_the_word(make_pair):
    """A broken socket alone makes no second active guest."""
    pair = make_pair()
    pair.protect()
    pair.kill_primary()
    time.sleep(2)
    assert not [event for event in pair.secondary.qmp.poll_events()
                if event["event"] == "COLO_EXIT"]
    assert status_of(pair.secondary)["mode"] == "secondary"
    check_survivor(pair, pair.failover())


def check_primary_goes_on(pair, reason):
    primary = pair.primary
    event = primary.qmp.wait_event("COLO_EXIT")
    assert event["data"] == {"mode": "primary", "reason": reason}
    primary.wait_status("running")
    primary.wait_lines(r"^chain \d+ ", 10, start=primary.console.position())
    pair.check_primary_chain()
    assert status_of(primary) == {"mode": "none", "last-mode": "primary", "reason": reason}


def test_secondary_killed(make_pair):
    pair = make_pair()
    pair.protect()
    pair.wait_checkpoints(2)
    pair.secondary.kill()
    check_primary_goes_on(pair, "error")


def test_secondary_killed_inside_a_checkpoint(make_pair):
    pair = make_pair()
    pair.protect()
    pair.wait_inside_checkpoint()
    pair.secondary.kill()
    check_primary_goes_on(pair, "error")


def test_new_secondary_after_the_first_was_killed(make_pair, make_secondary):
    pair = make_pair()
    pair.protect()
    pair.secondary.kill()
    check_primary_goes_on(pair, "error")
    pair.secondary, pair.uri = make_secondary("replacement")
    pair.protect()
    pair.wait_checkpoints(2)
    pair.kill_primary()
    check_survivor(pair, pair.failover())


def test_primary_stopped_by_sigstop(make_pair):
    """The failover must not wait for a primary that neither answers nor closes its socket."""
    pair = make_pair()
    pair.protect()
    pair.wait_checkpoints(2)
    pair.primary.signal(signal.SIGSTOP)
    time.sleep(0.5)
    exit_time = pair.failover()
    check_survivor(pair, exit_time)
    pair.kill_primary()


def test_secondary_stopped_by_sigstop(make_pair):
    """The primary's guest hangs in a checkpoint until the primary is told to go on alone."""
    pair = make_pair()
    pair.protect(delay_ms=100)
    pair.wait_checkpoints(2)
    pair.secondary.signal(signal.SIGSTOP)
    time.sleep(1)
    pair.failover(pair.primary)
    check_primary_goes_on(pair, "request")
    pair.secondary.kill()


def test_failover_of_the_primary_with_a_healthy_secondary(make_pair):
    pair = make_pair()
    pair.protect()
    pair.wait_checkpoints(2)
    pair.failover(pair.primary)
    check_primary_goes_on(pair, "request")


def test_primary_killed_before_the_first_checkpoint(make_pair):
    """The secondary has a part of a guest only: it must not run it."""
    pair = make_pair()
    pair.primary.set_parameters(max_bandwidth=4 << 20)
    pair.primary.set_capability("x-colo")
    pair.primary.qmp.command("migrate", uri=pair.uri)
    pair.primary.wait_migration("active")
    time.sleep(1)
    pair.kill_primary()
    try:
        with pytest.raises(QmpError):
            pair.secondary.qmp.command("x-colo-lost-heartbeat")
    except ConnectionError:
        pass
    time.sleep(0.5)
    assert "chain" not in pair.secondary.console.text()
