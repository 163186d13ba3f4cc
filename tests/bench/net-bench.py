#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Speed of a protected guest's network, beside the same guest without protection. Needs root.

Nothing passes or fails here. The goals that are printed beside the figures are those of
docs/devel/testing.md; ratios compare figures of one run.

Usage: net-bench.py [--emulator PATH] [--proxy documented|direct] [--no-vnet] [--kills N]
                    [requests] [bulk] [stall] [path]
"""

import argparse
import os
import statistics
import sys
import time
from dataclasses import dataclass

SOURCE_DIR = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(SOURCE_DIR, "tests", "functional"))

from colotest.guest import guest_image  # noqa: E402
from colotest.net import GUEST_IPV4, TestBed, missing_for_namespaces  # noqa: E402
from colotest.net_pair import NetPair  # noqa: E402
from colotest.proxy_path import measure_path  # noqa: E402

#: Downloads and seconds of requests of a sample. Samples without and with protection are taken by
#: turns and compared with their neighbours, since the machine's own speed changes by the minute.
DOWNLOADS = 2
REQUEST_SECONDS = 3
#: Clients at a time: one tells how long a request takes, several how many a guest serves.
REQUEST_CLIENTS = (1, 4)
ROUNDS = 9
MIB = 64
#: The path is measured by several pairs of emulators: where the scheduler puts the threads of one
#: stays as it is.
PATH_PAIRS = 9
PATH_PACKETS = 2000


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(percent / 100 * (len(ordered) - 1)))]


def report(text):
    print(text, flush=True)


def checkpoint_counts(pair):
    return {entry["reason"]: entry["count"] for entry in pair.stats()["reasons"]}


class CheckpointRate:
    """Adds up checkpoints and time of several stretches."""

    def __init__(self):
        self.counts = {}
        self.seconds = 0.0

    def measure(self, pair, body):
        before, began = checkpoint_counts(pair), time.monotonic()
        result = body()
        for name, count in checkpoint_counts(pair).items():
            self.counts[name] = self.counts.get(name, 0) + count - before[name]
        self.seconds += time.monotonic() - began
        return result

    def text(self):
        reasons = ", ".join(f"{count} {name}" for name, count in self.counts.items() if count)
        return (f"{sum(self.counts.values()) / self.seconds:.2f} checkpoints/s"
                f" ({reasons or 'none'} in {self.seconds:.1f} s)")


@dataclass
class Alternating:
    """Samples without protection, one more than those with it, which lie between them."""

    plain: list
    protected: list
    rate: CheckpointRate

    def ratios(self):
        return [2 * protected / (before + after) for before, protected, after
                in zip(self.plain, self.protected, self.plain[1:])]

    def text(self, unit):
        ratios = self.ratios()
        return (f"{statistics.median(self.plain):.0f} {unit}, protected "
                f"{statistics.median(self.protected):.0f} {unit}, ratio "
                f"{statistics.median(ratios):.2f} (quartiles {percentile(ratios, 25):.2f} and "
                f"{percentile(ratios, 75):.2f}) of {len(ratios)} rounds")


class NetBench:
    def __init__(self, emulator, proxy, kills):
        self.emulator = emulator
        self.proxy = proxy
        self.kills = kills
        self.guest = guest_image()

    def pair(self, bed):
        return NetPair(bed, self.emulator, self.guest, mib=MIB, **self.proxy)

    def alternately(self, sample):
        """Values of `sample(bed)` without and with protection, and the checkpoints meanwhile."""
        result = Alternating([], [], CheckpointRate())
        with TestBed() as bed, self.pair(bed) as pair:
            pair.boot()
            sample(bed)
            result.plain.append(sample(bed))
            for _ in range(ROUNDS):
                pair.protect()
                sample(bed)
                result.protected.append(result.rate.measure(pair, lambda: sample(bed)))
                pair.go_on_alone()
                result.plain.append(sample(bed))
        return result

    def requests(self):
        for clients in REQUEST_CLIENTS:
            self._requests(clients)

    def _requests(self, clients):
        def sample(bed):
            processes = [bed.start_client("requests", host=GUEST_IPV4, seconds=REQUEST_SECONDS)
                         for _ in range(clients)]
            results = [process.result(REQUEST_SECONDS + 60) for process in processes]
            return sum(result["done"] / result["seconds"] for result in results)
        result = self.alternately(sample)
        report(f"HTTP requests, {clients} at a time: {result.text('/s')} (goal: at least 0.70); "
               f"{result.rate.text()}")

    def bulk(self):
        def sample(bed):
            results = [bed.run_client("download", limit=120, host=GUEST_IPV4)
                       for _ in range(DOWNLOADS)]
            return DOWNLOADS * MIB * 1.048576 / sum(result["seconds"] for result in results)
        result = self.alternately(sample)
        report(f"bulk download: {result.text('MB/s')} (goal: at least 0.50); {result.rate.text()}")

    def stall(self):
        """A download's longest time without a byte, in which or after which the primary dies."""
        stalls, failovers, earlier = [], [], []
        with TestBed() as bed, self.pair(bed) as pair:
            pair.boot()
            for _ in range(self.kills):
                pair.protect()
                client = bed.start_client("download", host=GUEST_IPV4, report=0.005)
                client.wait_progress("size", MIB << 18)
                killed = time.time()
                pair.kill_primary()
                exit_time = pair.take_over()
                result = client.result(120)
                stalls.append(1000 * max([length for begin, length in result["stalls"]
                                          if begin + length >= killed], default=0))
                earlier += [1000 * length for begin, length in result["stalls"]
                            if begin + length < killed]
                failovers.append((exit_time - killed) * 1000)
        report(f"client-visible stall of a download at failover: p50 {percentile(stalls, 50):.0f} "
               f"ms, longest {max(stalls):.0f} ms of {len(stalls)} kills (goal: p50 at most 300 "
               f"ms, all at most 1000 ms); kill to the end of COLO: p50 "
               f"{percentile(failovers, 50):.0f} ms; stalls of 100 ms and more before the kill: "
               + (", ".join(f"{length:.0f}" for length in earlier) or "none"))

    def path(self):
        for name in ("documented", "direct"):
            runs = [measure_path(self.emulator, name == "direct", PATH_PACKETS)
                    for _ in range(PATH_PAIRS)]
            report(f"proxy path, {name}: " + "; ".join((
                _path_text("to the secondary's guest", runs, lambda times: times.request),
                _path_text("back through the comparator", runs, lambda times: times.answer)))
                + " (goal: at most 60 us)")


def _path_text(name, runs, way):
    """What the proxy itself costs on one way: of all packets, and of each pair of emulators."""
    plain, proxied = ([way(run[i]) for run in runs] for i in (0, 1))
    own = sorted(percentile(times, 50) - percentile(without, 50)
                 for without, times in zip(plain, proxied))
    p50, p50_plain = (percentile(sum(times, []), 50) for times in (proxied, plain))
    return (f"{name} p50 {p50:.0f} us, without a proxy {p50_plain:.0f} us: the proxy's own "
            f"{p50 - p50_plain:.0f} us, of {len(runs)} pairs " + ", ".join(f"{t:.0f}" for t in own))


PARTS = ("requests", "bulk", "stall", "path")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--emulator",
                        default=os.path.join(SOURCE_DIR, "build", "qemu-system-x86_64"))
    parser.add_argument("--proxy", choices=("documented", "direct"), default="direct")
    parser.add_argument("--no-vnet", action="store_true",
                        help="frames between the hosts without a virtio-net header")
    parser.add_argument("--kills", type=int, default=20, metavar="N")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} [all]")
    arguments = parser.parse_args()
    for part in arguments.parts:
        if part not in PARTS:
            parser.error(f"no part '{part}', expected some of: {', '.join(PARTS)}")
    reason = missing_for_namespaces()
    if reason:
        parser.error(reason)
    proxy = {"direct": arguments.proxy == "direct", "vnet_header": not arguments.no_vnet}
    bench = NetBench(arguments.emulator, proxy, arguments.kills)
    for part in arguments.parts or PARTS:
        getattr(bench, part)()


if __name__ == "__main__":
    main()
