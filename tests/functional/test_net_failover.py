# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""The proof: what clients of a guest have begun goes on when a host under it dies."""

import time

import pytest

from colotest.net import GUEST_IPV4, GUEST_IPV6, TestBed
from colotest.net_pair import NetPair, Witness
from colotest.waiting import wait_for

FAMILIES = pytest.mark.parametrize("host", [GUEST_IPV4, GUEST_IPV6], ids=["ipv4", "ipv6"])

#: The ways in which the proxy can be put together.
PROXIES = pytest.mark.parametrize("proxy", [
    {}, {"direct": True}, {"vnet_header": True}, {"direct": True, "vnet_header": True},
], ids=["documented", "direct", "documented-vnet", "direct-vnet"])

#: No checkpoint comes to the help of a comparison or a translation that does not work.
NO_HELP = {"compare_timeout": 600000}
NO_HELP_DELAY_MS = 600000

#: How long a client is without an answer, in seconds: a TCP backs off while nobody answers, and
#: no test fails by a clock, so this only tells a stall from a hang.
HANG = 30


def kill_primary(pair, witness):
    """The cluster manager's part is ours: the word comes right after the death."""
    pair.kill_primary()
    pair.take_over()
    witness.moved()


def check_stalls(result):
    print(f"longest stall {result['longest_stall'] * 1000:.0f} ms")
    assert result["longest_stall"] < HANG


def wait_within_second(fraction):
    """Return where a client that is started now asks in the middle of the guest's second.

    The server tells the time: two guests that answer on either side of a second differ.
    `fraction`: when a second begins there, on the clock here.
    """
    start_up = 0.1
    time.sleep((fraction + 0.5 - start_up - time.time()) % 1)


@PROXIES
@FAMILIES
def test_download_primary_killed(net_pair, rng, host, proxy):
    """The connection is younger than the last checkpoint: the survivor has it by its own doing."""
    pair = net_pair(**proxy, compare=NO_HELP)
    second = pair.bed.run_client("http_clock", host=GUEST_IPV4)["fraction"]
    pair.protect(delay_ms=NO_HELP_DELAY_MS)
    witness = Witness(pair)
    wait_within_second(second)
    client = pair.bed.start_client("download", host=host, report=0.01)
    client.wait_progress("size", rng.randrange(1 << 20, pair.mib << 19))
    assert client.is_running()
    stats = pair.stats()
    assert stats["checkpoints"] == 1, stats["reasons"]
    kill_primary(pair, witness)
    result = client.result(120)
    assert result["sha256"] == pair.guest.content_sha256(pair.mib)
    check_stalls(result)
    witness.check()


@PROXIES
def test_download_secondary_killed(net_pair, rng, proxy):
    pair = net_pair(**proxy)
    pair.protect()
    witness = Witness(pair)
    client = pair.bed.start_client("download", host=GUEST_IPV4, report=0.01)
    client.wait_progress("size", rng.randrange(1 << 20, pair.mib << 19))
    pair.secondary.kill()
    pair.go_on_alone(asked=False)
    result = client.result(120)
    assert result["sha256"] == pair.guest.content_sha256(pair.mib)
    check_stalls(result)
    witness.check()


@FAMILIES
def test_short_requests(net_pair, net_size, host):
    pair = net_pair()
    pair.protect()
    witness = Witness(pair)
    client = pair.bed.start_client("requests", host=host, count=net_size.requests, report=0.05)
    client.wait_progress("done", net_size.requests // 3)
    kill_primary(pair, witness)
    result = client.result(180)
    assert (result["done"], result["errors"]) == (net_size.requests, [])
    check_stalls(result)
    witness.check()


@pytest.mark.parametrize("proxy", [{}, {"direct": True, "vnet_header": True}],
                         ids=["documented", "direct-vnet"])
def test_redis_kills(net_pair, net_size, rng, proxy):
    """Every write that was acknowledged is there after each of several failovers.

    The connection is one and the same: each survivor translates it as its predecessor did.
    """
    pair = net_pair(**proxy)
    witness = Witness(pair)
    client = None
    share = net_size.redis_writes // (net_size.redis_kills + 1)
    for number in range(net_size.redis_kills):
        pair.protect(delay_ms=rng.choice([200, 1000, 10000]))
        client = client or pair.bed.start_client(
            "redis_write", host=GUEST_IPV4, count=net_size.redis_writes, pause=0.002)
        client.wait_progress("acknowledged", share * number + rng.randrange(share))
        time.sleep(rng.uniform(0, 0.3))
        kill_primary(pair, witness)
        acknowledged = (client.last("progress") or {"acknowledged": 0})["acknowledged"]
        check = pair.bed.run_client("redis_check", host=GUEST_IPV4, last=acknowledged)
        assert check["lost"] == []
    result = client.result(240)
    assert result["acknowledged"] == net_size.redis_writes - 1
    check = pair.bed.run_client("redis_check", host=GUEST_IPV4, last=result["acknowledged"])
    assert check["lost"] == []
    check_stalls(result)
    witness.check()


def test_survivor_moves(net_pair):
    """A connection that a survivor translates goes on where its guest is migrated to."""
    pair = net_pair(compare=NO_HELP)
    pair.protect(delay_ms=NO_HELP_DELAY_MS)
    witness = Witness(pair)
    client = pair.bed.start_client("redis_write", host=GUEST_IPV4, count=2000, pause=0.002)
    client.wait_progress("acknowledged", 200)
    kill_primary(pair, witness)
    client.wait_progress("acknowledged", 800)
    pair.migrate()
    witness.moved()
    result = client.result(120)
    assert result["acknowledged"] == 1999
    check_stalls(result)
    witness.check()


@FAMILIES
def test_parallel_connections(net_pair, net_size, host):
    pair = net_pair()
    pair.protect()
    witness = Witness(pair)
    client = pair.bed.start_client("parallel", host=host, connections=net_size.connections)
    client.wait_progress("rounds", 3)
    kill_primary(pair, witness)
    rounds = client.last("progress")["rounds"]
    client.wait_progress("rounds", rounds + 3, 120)
    client.stop()
    result = client.result()
    assert result["connections"] == net_size.connections
    check_stalls(result)
    witness.check()


@FAMILIES
def test_guest_connects(net_pair, host):
    """A connection that the guest has opened, to a client that reads what it sends."""
    pair = net_pair()
    pair.protect()
    witness = Witness(pair)
    client = pair.bed.start_client("active_open", host=host, mib=32, token=f"failover-{host}")
    client.wait_progress("size", 4 << 20, 120)
    kill_primary(pair, witness)
    assert client.result(120)["sha256"] == pair.guest.content_sha256(32, 7)
    witness.check()


@FAMILIES
@pytest.mark.parametrize("kind", ["ping", "udp_echo"])
def test_datagrams(net_pair, host, kind):
    """What is lost is lost around the failover, and little; nothing is answered twice."""
    pair = net_pair()
    pair.protect()
    witness = Witness(pair)
    client = pair.bed.start_client(kind, host=host, interval=0.05)
    client.wait_progress("answered", 20)
    killed = time.time()
    kill_primary(pair, witness)
    answered = client.last("progress")["answered"]
    client.wait_progress("answered", answered + 40)
    client.stop()
    result = client.result()
    print(f"{kind}: {result['lost']} of {result['sent']} lost, longest silence "
          f"{result['longest_stall'] * 1000:.0f} ms")
    assert result["duplicates"] == 0
    # Held or on its way when the host died, or sent while nobody was there.
    back = max(killed, result["longest_stall_at"] + result["longest_stall"])
    late = [moment for moment in result["lost_at"] if not killed - 1 <= moment <= back + 1]
    assert not late
    witness.check()


@pytest.mark.parametrize("point", ["primary-saved", "primary-received"])
@pytest.mark.usefixtures("net_bed")
def test_connection_begun_in_a_checkpoint(fault_emulator, guest, point):
    """A client connects while the guest stands still, and the primary dies soon after.

    The checkpoint takes a second here, so that the client's first packets are surely sent in it.
    """
    fault = {"QEMU_COLO_FAULT": f"{point}@2=stall:1000"}
    with TestBed() as bed, NetPair(bed, fault_emulator, guest, environment=fault) as pair:
        pair.boot()
        pair.protect(delay_ms=500)
        witness = Witness(pair)
        wait_for("the long checkpoint", lambda: "fault '" in pair.primary.log(), 30,
                 pair.describe, interval=0.005)
        client = pair.bed.start_client("download", host=GUEST_IPV4, report=0.01)
        requests = pair.bed.run_client("requests", host=GUEST_IPV4, count=20)
        assert (requests["done"], requests["errors"]) == (20, [])
        client.wait_event("started")
        kill_primary(pair, witness)
        assert client.result(120)["sha256"] == pair.guest.content_sha256(pair.mib)
        witness.check()


def test_connections_during_many_checkpoints(net_pair):
    pair = net_pair()
    pair.protect(delay_ms=20)
    witness = Witness(pair)
    before = pair.stats()["checkpoints"]
    client = pair.bed.start_client("requests", host=GUEST_IPV4, count=100)
    result = client.result(120)
    assert (result["done"], result["errors"]) == (100, [])
    assert pair.stats()["checkpoints"] > before
    pair.go_on_alone()
    witness.check()


def test_periodic_mode(net_pair):
    """The secondary's guest does not run: all output waits for the next checkpoint."""
    pair = net_pair()
    pair.protect(delay_ms=50, mode="periodic")
    witness = Witness(pair)
    client = pair.bed.start_client("requests", host=GUEST_IPV4, count=60)
    client.wait_progress("done", 20)
    kill_primary(pair, witness)
    result = client.result(120)
    assert (result["done"], result["errors"]) == (60, [])
    witness.check()
