# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Faults between the hosts while clients use the guest: one side goes on, never both answer."""

import signal
import time

import pytest

from colotest.net import GUEST_IPV4
from colotest.net_pair import Witness


@pytest.fixture
def busy_pair(net_pair):
    """A protected guest with a client that asks for pages until it is stopped, and the witness."""
    pair = net_pair()
    pair.protect()
    witness = Witness(pair)
    client = pair.bed.start_client("requests", host=GUEST_IPV4, report=0.05)
    client.wait_progress("done", 30)
    yield pair, client, witness
    pair.bed.mend_sync()


def check_service(pair, client, witness):
    """The client goes on, has seen no error, and only one host has answered at a time."""
    done = client.last("progress")["done"]
    client.wait_progress("done", done + 50)
    client.stop()
    result = client.result()
    assert result["errors"] == []
    print(f"longest stall {result['longest_stall'] * 1000:.0f} ms")
    witness.check()
    assert pair.is_healthy()


def test_primary_stopped(busy_pair):
    """SIGSTOP: it neither answers nor closes anything."""
    pair, client, witness = busy_pair
    pair.primary.signal(signal.SIGSTOP)
    time.sleep(0.3)
    pair.take_over()
    witness.moved()
    check_service(pair, client, witness)


def test_secondary_stopped(busy_pair):
    pair, client, witness = busy_pair
    pair.secondary.signal(signal.SIGSTOP)
    time.sleep(0.3)
    pair.go_on_alone()
    check_service(pair, client, witness)


def test_link_down_primary_goes_on(busy_pair):
    pair, client, witness = busy_pair
    pair.bed.cut_sync()
    time.sleep(0.3)
    pair.go_on_alone()
    check_service(pair, client, witness)


def test_link_down_secondary_takes_over(busy_pair):
    """The primary is fenced first, as a cluster manager does."""
    pair, client, witness = busy_pair
    pair.bed.cut_sync()
    time.sleep(0.3)
    pair.kill_primary()
    pair.take_over()
    witness.moved()
    check_service(pair, client, witness)


def test_link_down_for_a_moment(busy_pair):
    """Shorter than anybody's patience: the protection goes on."""
    pair, client, witness = busy_pair
    pair.bed.cut_sync()
    time.sleep(0.5)
    pair.bed.mend_sync()
    pair.wait_checkpoints(1)
    done = client.last("progress")["done"]
    client.wait_progress("done", done + 30)
    pair.kill_primary()
    pair.take_over()
    witness.moved()
    check_service(pair, client, witness)


def test_comparator_channel_closed(busy_pair):
    """The secondary's frames reach the primary no more; then the secondary is given up."""
    pair, client, witness = busy_pair
    pair.secondary.qmp.command("object-del", id="f2")
    pair.secondary.qmp.command("chardev-remove", id="red1")
    time.sleep(0.3)
    pair.go_on_alone()
    check_service(pair, client, witness)


def test_mirror_channel_closed(busy_pair):
    """The secondary's guest hears nothing more; it can take over all the same."""
    pair, client, witness = busy_pair
    pair.secondary.qmp.command("object-del", id="f1")
    pair.secondary.qmp.command("chardev-remove", id="red0")
    pair.forget_wired("f1", "red0")
    time.sleep(0.3)
    pair.kill_primary()
    pair.take_over()
    witness.moved()
    check_service(pair, client, witness)
