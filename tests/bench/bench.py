#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Speed and size, as figures and as ratios to a reference that is measured in the same run.

Nothing passes or fails here: a time says as much about the machine as about the program. The goals
that are printed beside the figures are those of docs/devel/testing.md.

Usage: bench.py [--emulator PATH] [--reference PATH] [boot] [pause] [migration] [failover] [memory]
"""

import argparse
import os
import statistics
import subprocess
import sys
import time

SOURCE_DIR = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(SOURCE_DIR, "tests", "functional"))

from colotest.guest import INIT_REACHED, guest_image  # noqa: E402
from colotest.pair import Pair  # noqa: E402
from colotest.ports import free_port  # noqa: E402
from colotest.qmp import event_time, now  # noqa: E402
from colotest.vm import VM  # noqa: E402
from colotest.waiting import wait_for  # noqa: E402

UNLIMITED = 1 << 40


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, round(percent / 100 * (len(ordered) - 1)))]


def report(text):
    print(text, flush=True)


class Bench:
    def __init__(self, emulator, reference, guest):
        self.emulator = emulator
        self.reference = reference
        self.guest = guest
        self.socket_program = os.path.join(SOURCE_DIR, "build", "socket-reference")
        source = os.path.join(SOURCE_DIR, "tests", "bench", "socket-reference.c")
        subprocess.run(["gcc", "-O2", "-Wall", "-Wextra", "-o", self.socket_program, source],
                       check=True)

    def socket_times_ms(self, megabytes, rounds=15):
        output = subprocess.run([self.socket_program, str(megabytes), str(rounds)], check=True,
                                stdout=subprocess.PIPE, text=True, timeout=300).stdout
        return [int(line) / 1000 for line in output.split()]

    # Boot

    def boot_seconds(self, emulator):
        with VM(emulator, ["-accel", "tcg", *self.guest.arguments("idle")]) as vm:
            start = time.monotonic()
            vm.start(connect=False)
            vm.console.wait_for(INIT_REACHED, 300)
            return time.monotonic() - start

    def boot_mips(self):
        """Guest instructions of a boot per second of the processor time that it took."""
        with VM(self.emulator, ["-accel", "tcg", *self.guest.arguments("idle")]) as vm:
            vm.start()
            vm.console.wait_for(INIT_REACHED, 300)
            text = vm.qmp.hmp("info jit")
            ticks = sum(int(field) for field in
                        open(f"/proc/{vm.process.pid}/stat").read().rsplit(")")[1].split()[11:13])
        instructions = int(text.split("guest instructions:")[1].split()[0])
        return instructions / 1e6 / (ticks / os.sysconf("SC_CLK_TCK"))

    def guest_mips(self, emulator):
        """Of a loop of four simple instructions, in the guest's user mode."""
        with VM(emulator, ["-accel", "tcg", *self.guest.arguments("mips:seconds=3")]) as vm:
            vm.start(connect=False)
            vm.console.wait_for("mips END", 300)
            return statistics.median(int(text.split()[1]) for _, text in vm.console.lines()
                                     if text.startswith("mips ") and text[5].isdigit())

    def boot(self):
        ours, theirs = [], []
        for _ in range(3):
            ours.append(self.boot_seconds(self.emulator))
            theirs.append(self.boot_seconds(self.reference))
        ratio = statistics.median(ours) / statistics.median(theirs)
        report(f"boot to /init: {statistics.median(ours):.2f} s, reference "
               f"{statistics.median(theirs):.2f} s, ratio {ratio:.2f} (goal: at most 6)")
        report(f"boot: {self.boot_mips():.0f} million guest instructions/s of processor time")
        report(f"guest loop: {self.guest_mips(self.emulator):.0f} million instructions/s, "
               f"reference {self.guest_mips(self.reference):.0f}")

    # Pairs

    def protected(self, workload, ready, delay_ms, memory_mb, body):
        """Run `body` with a protected pair whose guest has printed `ready`."""
        uri = f"tcp:127.0.0.1:{free_port()}"
        arguments = self.guest.arguments(workload, memory_mb)
        with VM(self.emulator, arguments, name="primary") as primary, \
                VM(self.emulator, [*arguments, "-incoming", uri], name="secondary") as secondary:
            primary.start()
            secondary.start()
            primary.console.wait_for(ready, 300)
            pair = Pair(primary, secondary, uri)
            pair.protect(delay_ms=delay_ms, bandwidth=UNLIMITED, seconds=120)
            return body(pair)

    @staticmethod
    def sample_pauses(pair, count, megabytes):
        """(pause in ms, pages) of `count` checkpoints with at least that much memory."""
        samples = {}

        def enough():
            stats = pair.poll()
            if stats["last-pages"] >= megabytes * 256 * 0.98:
                samples[stats["checkpoints"]] = (stats["pause"]["last"] / 1000, stats["last-pages"])
            return len(samples) >= count
        wait_for(f"{count} checkpoints of {megabytes} MB", enough, 240, pair.describe)
        return list(samples.values())

    def pause(self):
        samples = self.protected("idle", "guest: idle", 100, 256,
                                 lambda pair: self.sample_pauses(pair, 100, 0))
        pauses = [pause for pause, _ in samples]
        report(f"checkpoint pause, idle guest: p50 {percentile(pauses, 50):.2f} ms, p99 "
               f"{percentile(pauses, 99):.2f} ms, {statistics.median(p for _, p in samples):.0f} "
               "pages (goal: p50 at most 2 ms, p99 at most 10 ms)")
        for megabytes in (8, 54, 128):
            self.pause_with(megabytes)

    def pause_with(self, megabytes):
        before = self.socket_times_ms(megabytes)
        samples = self.protected(f"dirty:mb={megabytes}", "dirty ROUND", 500, 512,
                                 lambda pair: self.sample_pauses(pair, 30, megabytes))
        socket = percentile(before + self.socket_times_ms(megabytes), 50)
        pauses = [pause for pause, _ in samples]
        p50 = percentile(pauses, 50)
        report(f"checkpoint pause, {megabytes} MB dirty: p50 {p50:.1f} ms, p99 "
               f"{percentile(pauses, 99):.1f} ms, {statistics.median(p for _, p in samples):.0f} "
               f"pages; socket p50 {socket:.1f} ms, ratio {p50 / socket:.2f} (goal: at most 1.3)")

    # Migration

    def migration(self):
        megabytes = 320
        uri = f"tcp:127.0.0.1:{free_port()}"
        arguments = self.guest.arguments(f"dirty:mb={megabytes},rate=1", 512)
        rates = []
        for _ in range(3):
            with VM(self.emulator, arguments, name="source") as source, \
                    VM(self.emulator, [*arguments, "-incoming", uri], name="target") as target:
                source.start()
                target.start()
                source.console.wait_for("dirty START", 300)
                source.set_parameters(max_bandwidth=UNLIMITED)
                answer = source.migrate(uri)
                seconds = (answer["total-time"] - answer["setup-time"]) / 1000
                rates.append(answer["ram"]["transferred"] / 1e6 / seconds)
        socket = megabytes * 1.048576 / (percentile(self.socket_times_ms(megabytes), 50) / 1000)
        rate = statistics.median(rates)
        report(f"live migration: {rate:.0f} MB/s, socket {socket:.0f} MB/s, ratio "
               f"{rate / socket:.2f} (goal: at least 0.8)")

    # Failover

    def failover_ms(self):
        def body(pair):
            pair.wait_checkpoints(3)
            pair.kill_primary()
            survivor = pair.secondary
            asked = now()
            survivor.qmp.command("x-colo-lost-heartbeat")
            exited = event_time(survivor.qmp.wait_event("COLO_EXIT"))
            survivor.wait_status("running")
            resumed = [event_time(event) for event in survivor.qmp.poll_events()
                       if event["event"] == "RESUME" and event_time(event) >= asked]
            return (max([exited] + resumed) - asked) * 1000
        return self.protected("chain", "^chain 3 ", 200, 256, body)

    def failover(self):
        times = [self.failover_ms() for _ in range(10)]
        report(f"failover, command to guest running: p50 {percentile(times, 50):.1f} ms, "
               f"longest {max(times):.1f} ms of {len(times)} (goal: p50 at most 20 ms)")

    # Memory

    def memory(self):
        """A guest that has touched most of its memory, after many checkpoints."""
        guest_mb = 256

        def body(pair):
            pair.wait_checkpoints(20)
            for name, factor in (("primary", 1), ("secondary", 2)):
                usage = getattr(pair, name).memory_kib()
                over = usage["Rss"] / 1024 - factor * guest_mb
                report(f"memory, {name}: resident {usage['Rss'] / 1024:.0f} MiB, proportional "
                       f"{usage['Pss'] / 1024:.0f} MiB; guest has {guest_mb} MiB: {over:+.0f} MiB "
                       f"to {factor} x guest memory (goal: at most +64)")
            for side in ("primary", "secondary"):
                report(f"checkpoint buffers, {side}: "
                       f"{pair.stats(side)['buffer-bytes'] / 1048576:.1f} MiB")
        self.protected("dirty:mb=180", "dirty ROUND", 300, guest_mb, body)


PARTS = ("boot", "pause", "migration", "failover", "memory")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--emulator",
                        default=os.path.join(SOURCE_DIR, "build", "qemu-system-x86_64"))
    parser.add_argument("--reference", default="/usr/bin/qemu-system-x86_64",
                        help="the emulator to compare boot times with")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)} [all]")
    arguments = parser.parse_args()
    for part in arguments.parts:
        if part not in PARTS:
            parser.error(f"no part '{part}', expected some of: {', '.join(PARTS)}")
    bench = Bench(arguments.emulator, arguments.reference, guest_image())
    for part in arguments.parts or PARTS:
        getattr(bench, part)()


if __name__ == "__main__":
    main()
