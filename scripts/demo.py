#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""A guest runs in two processes on this host; one is killed, and the guest goes on.

Shows what both guests print on their serial lines, and each checkpoint. Everything that it starts
or writes is gone when it ends, also after Ctrl-C.
"""

import argparse
import os
import signal
import sys
import time

SOURCE_DIR = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
sys.path.insert(0, os.path.join(SOURCE_DIR, "tests", "functional"))

from colotest.guest import guest_image  # noqa: E402
from colotest.pair import Pair  # noqa: E402
from colotest.ports import free_port  # noqa: E402
from colotest.qmp import now  # noqa: E402
from colotest.vm import VM  # noqa: E402

DELAY_MS = 500
WORKLOAD = "chain:interval=300"
LABEL_WIDTH = 10


def say(label, text):
    print(f"{label:>{LABEL_WIDTH}} | {text}", flush=True)


class Follower:
    """Prints what a guest prints, as it comes."""

    def __init__(self, vm):
        self.vm = vm
        self.shown = 0

    def show(self):
        for _, text in self.vm.console.lines(self.shown):
            if text.strip():
                say(self.vm.name, text if len(text) < 60 else text[:56] + " ..")
        text = self.vm.console.text(self.shown)
        self.shown += len(text[:text.rfind("\n") + 1].encode())


class CheckpointWatcher:
    """Prints a line for each checkpoint."""

    def __init__(self, pair):
        self.pair = pair
        self.seen = 0
        self.counts = {}

    def show(self):
        stats = self.pair.poll()
        if stats["checkpoints"] == self.seen:
            return
        self.seen = stats["checkpoints"]
        counts = {entry["reason"]: entry["count"] for entry in stats["reasons"]}
        reasons = [name for name, count in counts.items() if count > self.counts.get(name, 0)]
        self.counts = counts
        say("checkpoint", f"number {self.seen}, {'+'.join(reasons)}, {stats['last-pages']} pages, "
            f"pause {stats['pause']['last'] / 1000:.1f} ms")


def watch(shows, until, seconds):
    """Keep showing until `until()` is true."""
    end = time.monotonic() + seconds
    while not until():
        for show in shows:
            show()
        if time.monotonic() > end:
            raise SystemExit("demo: that took too long")
        time.sleep(0.02)
    for show in shows:
        show()


def run(emulator, checkpoints):
    guest = guest_image()
    uri = f"tcp:127.0.0.1:{free_port()}"
    arguments = guest.arguments(WORKLOAD)
    with VM(emulator, arguments, name="primary") as primary, \
            VM(emulator, [*arguments, "-incoming", uri], name="secondary") as secondary:
        secondary.start()
        primary.start()
        say("demo", f"primary is process {primary.process.pid}, secondary {secondary.process.pid}")
        consoles = [Follower(primary).show, Follower(secondary).show]
        watch(consoles, lambda: "chain 3 " in primary.console.text(), 300)

        say("demo", f"turning COLO on: capability x-colo, x-checkpoint-delay {DELAY_MS}, "
            f"migrate {uri}")
        pair = Pair(primary, secondary, uri)
        pair.protect(delay_ms=DELAY_MS)
        checkpoint_lines = CheckpointWatcher(pair).show
        last = pair.stats()["checkpoints"] + checkpoints
        watch([*consoles, checkpoint_lines], lambda: pair.committed.checkpoints >= last, 120)
        stats = pair.stats()

        say("demo", f"killing the primary: kill -9 {primary.process.pid}")
        pair.kill_primary()
        killed = now()
        say("demo", "telling the secondary: x-colo-lost-heartbeat")
        asked = now()
        exit_time = pair.failover()
        position = secondary.console.position()
        watch(consoles, lambda: secondary.console.text(position).count("\nchain ") >= 8, 120)
        lines = pair.check_survivor(exit_time, lines=3)
        summarize(stats, lines, asked, killed, exit_time)


def summarize(stats, lines, asked, killed, exit_time):
    pause = stats["pause"]
    first_line = next((line.time for line in lines if line.time >= killed), None)
    say("measured", f"{stats['checkpoints']} checkpoints, {stats['total-pages']} pages, "
        f"{stats['total-bytes'] / 1e6:.1f} MB")
    say("measured", f"guest paused per checkpoint: p50 {pause['p50'] / 1000:.1f} ms, "
        f"p99 {pause['p99'] / 1000:.1f} ms")
    say("measured", f"failover: {(exit_time - asked) * 1000:.1f} ms from the command to the end of "
        "COLO")
    if first_line:
        say("measured", f"first line of the survivor: {(first_line - killed) * 1000:.0f} ms after "
            "the kill")
    say("measured", f"the chain goes on unbroken from {lines[0].counter} to {lines[-1].counter}, "
        "every digest recomputed outside the guest")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--emulator",
                        default=os.path.join(SOURCE_DIR, "build", "qemu-system-x86_64"))
    parser.add_argument("--checkpoints", type=int, default=12, metavar="N",
                        help="kill the primary after that many [12]")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    try:
        run(arguments.emulator, arguments.checkpoints)
    except KeyboardInterrupt:
        say("demo", "interrupted")
        sys.exit(130)


if __name__ == "__main__":
    main()
