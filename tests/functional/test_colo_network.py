# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Broken, silent and lying connections, at each message that the secondary sends."""

import time

import pytest

from colotest.proxy import Proxy, message
from colotest.waiting import wait_for

ANSWERS = ["checkpoint-ready", "checkpoint-reply", "vmstate-received", "vmstate-loaded"]
#: The checkpoint whose messages are harmed; checkpoint-ready comes once, before the first.
VICTIM = 4


@pytest.fixture
def make_proxied_pair(make_pair):
    proxies = []

    def make(harm=None):
        pair = make_pair()
        proxy = Proxy(int(pair.uri.rsplit(":", 1)[1]), harm)
        proxies.append(proxy)
        pair.uri = proxy.uri
        return pair, proxy

    yield make
    for proxy in proxies:
        proxy.close()


class Harm:
    """Does `action` to one message; `done` tells whether that has happened."""

    def __init__(self, victim, action):
        self.victim = victim
        self.action = action
        self.proxy = None
        self.done = False

    def __call__(self, name, sequence, value):
        wanted = name == self.victim and (name == "checkpoint-ready" or sequence >= VICTIM)
        if self.done or not wanted:
            return message(name, sequence, value)
        self.done = True
        return self.action(self.proxy, name, sequence, value)


def start(make_proxied_pair, victim, action):
    """Begins protection through a proxy, and waits until the harm is done."""
    harm = Harm(victim, action)
    pair, harm.proxy = make_proxied_pair(harm)
    pair.primary.set_parameters(x_checkpoint_delay=100, max_bandwidth=1 << 34)
    pair.primary.set_capability("x-colo")
    pair.primary.qmp.command("migrate", uri=pair.uri)
    wait_for(f"{victim} to pass the proxy", lambda: harm.done, 60, pair.describe)
    return pair


def check_primary_alone(pair):
    """The primary left COLO because of an error and runs on; the secondary did not take over."""
    primary = pair.primary
    assert primary.qmp.wait_event("COLO_EXIT", 30)["data"] == {"mode": "primary",
                                                               "reason": "error"}
    primary.wait_status("running")
    primary.wait_lines(r"^chain \d+ ", 5, start=primary.console.position())
    pair.check_primary_chain()
    if pair.secondary.is_alive():
        assert "COLO_EXIT" not in [event["event"] for event in pair.secondary.qmp.poll_events()]


def cut(proxy, name, sequence, value):
    proxy.cut()
    return b""


def stall(proxy, name, sequence, value):
    proxy.stall()
    return b""


def unknown_id(proxy, name, sequence, value):
    return b"\x00\x00\x00\x63" + message(name, sequence, value)[4:]


def out_of_order(proxy, name, sequence, value):
    other = "vmstate-loaded" if name != "vmstate-loaded" else "checkpoint-reply"
    return message(other, sequence, value)


def wrong_number(proxy, name, sequence, value):
    return message(name, sequence + 1, value)


def cut_short(proxy, name, sequence, value):
    proxy._primary.sendall(message(name, sequence, value)[:7])
    proxy.cut()
    return b""


@pytest.mark.parametrize("victim", ANSWERS)
@pytest.mark.parametrize("action", [cut, cut_short, unknown_id, out_of_order, wrong_number])
def test_answer_is_lost_or_wrong(make_proxied_pair, victim, action):
    pair = start(make_proxied_pair, victim, action)
    check_primary_alone(pair)


@pytest.mark.parametrize("victim", ANSWERS)
def test_silence_then_primary_goes_on_by_command(make_proxied_pair, victim):
    pair = start(make_proxied_pair, victim, stall)
    time.sleep(0.5)
    pair.failover(pair.primary)
    pair.primary.wait_lines(r"^chain \d+ ", 5, start=pair.primary.console.position())
    pair.check_primary_chain()


@pytest.mark.parametrize("victim", ANSWERS[1:])
def test_silence_then_secondary_takes_over_by_command(make_proxied_pair, victim):
    pair = start(make_proxied_pair, victim, stall)
    time.sleep(0.5)
    pair.primary.kill()
    pair.check_survivor(pair.failover())


@pytest.mark.parametrize("data", [
    message("vmstate-send", 1), message("checkpoint-request", 1),
    message("vmstate-size", 99, 1 << 62),
    b"\xff" * 20, b"\x00" * 4000,
], ids=["out-of-order", "old-number", "huge-size", "garbage", "zeros"])
def test_forged_message_to_the_secondary(make_proxied_pair, data):
    """The secondary refuses it; it neither crashes nor takes over, and can still take over."""
    pair, proxy = make_proxied_pair()
    pair.protect(delay_ms=100)
    pair.wait_checkpoints(3)
    pair.primary.set_parameters(x_checkpoint_delay=100000)
    time.sleep(0.5)
    pair.poll()
    proxy.inject_to_secondary(data)
    time.sleep(0.5)
    assert pair.secondary.is_alive(), pair.describe()
    assert pair.secondary.qmp.command("query-colo-status")["mode"] == "secondary"
    pair.primary.kill()
    pair.check_survivor(pair.failover())
