# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""The guest's network without protection: a card on a tap, IPv4 and IPv6."""

import pytest

from colotest.net import GUEST_IPV4, GUEST_IPV6, GUEST_MAC
from colotest.net_pair import Witness

FAMILIES = pytest.mark.parametrize("host", [GUEST_IPV4, GUEST_IPV6], ids=["ipv4", "ipv6"])


@FAMILIES
def test_download(net_pair, host):
    pair = net_pair()
    result = pair.bed.run_client("download", host=host)
    assert result["size"] == pair.mib << 20
    assert result["sha256"] == pair.guest.content_sha256(pair.mib)


@FAMILIES
def test_short_requests(net_pair, host):
    result = net_pair().bed.run_client("requests", host=host, count=50)
    assert result["done"] == 50 and not result["errors"]


@FAMILIES
def test_redis(net_pair, host):
    bed = net_pair().bed
    assert bed.run_client("redis_write", host=host, count=200)["acknowledged"] == 199
    assert bed.run_client("redis_check", host=host, last=199)["lost"] == []


@FAMILIES
def test_parallel_connections(net_pair, net_size, host):
    result = net_pair().bed.run_client("parallel", host=host, connections=net_size.connections,
                                       rounds=3)
    assert result["rounds"] == 3


@FAMILIES
def test_guest_connects(net_pair, host):
    pair = net_pair()
    result = pair.bed.run_client("active_open", host=host, mib=2, token=f"plain-{host}")
    assert result["sha256"] == pair.guest.content_sha256(2, 7)


@FAMILIES
@pytest.mark.parametrize("client", ["ping", "udp_echo"])
def test_datagrams(net_pair, host, client):
    result = net_pair().bed.run_client(client, host=host, count=20, interval=0.02)
    assert (result["answered"], result["duplicates"]) == (20, 0)


def test_checker_sees_what_is_missing(net_pair):
    """The checks that other tests rely on can fail."""
    bed = net_pair().bed
    bed.run_client("redis_write", host=GUEST_IPV4, count=10)
    lost = bed.run_client("redis_check", host=GUEST_IPV4, last=100000)["lost"]
    assert lost[-1] == 100000 and 9 not in lost


def test_witness_sees_the_port(net_pair):
    pair = net_pair()
    witness = Witness(pair)
    pair.bed.run_client("ping", host=GUEST_IPV4, count=3)
    ports = witness.check()["ports"]
    assert ports["to-primary"]["frames"] >= 3
    assert ports["to-secondary"]["frames"] == 0


def test_card_is_listed(net_pair):
    text = net_pair().primary.qmp.hmp("info network")
    assert GUEST_MAC in text and "tap0" in text


def test_live_migration(net_pair, rng):
    """To the other host and back, with connections that go on; the switch learns where it is."""
    pair = net_pair()
    witness = Witness(pair)
    clients = [pair.bed.start_client("parallel", host=GUEST_IPV6, connections=20),
               pair.bed.start_client("redis_write", host=GUEST_IPV4, count=3000)]
    for _ in range(2):
        download = pair.bed.start_client("download", host=GUEST_IPV4, report=0.01)
        download.wait_progress("size", rng.randrange(1, pair.mib << 18))
        pair.migrate()
        witness.moved()
        assert download.result(120)["sha256"] == pair.guest.content_sha256(pair.mib)
    clients[0].stop()
    assert clients[0].result(60)["connections"] == 20
    assert clients[1].result(120)["acknowledged"] == 2999
    assert pair.bed.run_client("redis_check", host=GUEST_IPV4, last=2999)["lost"] == []
    witness.check()
