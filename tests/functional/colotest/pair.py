# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""A protected guest: a primary, a secondary, and the proof that a failover lost nothing."""

import time
from dataclasses import dataclass

from .chain import (ChainError, check_unbroken, last_counter_at, model_for,
                    read_chain)
from .qmp import event_time, now
from .waiting import wait_for

#: Output that a process wrote before an event is read this many seconds after it, as a rule ..
READER_LAG = 0.02
#: .. and at most, on a busy machine.
CONSOLE_LAG = 0.5


@dataclass
class Committed:
    """A checkpoint that both sides had when we asked."""

    checkpoints: int
    #: When the primary's guest was stopped for it.
    stopped_at: float


class Pair:
    """Use `protect` to begin. Both VMs are owned (and closed) by whoever made them."""

    def __init__(self, primary, secondary, uri, seed=1, pages=32, mb=32):
        self.primary = primary
        self.secondary = secondary
        self.uri = uri
        self.model = model_for(seed, pages, mb)
        self.committed = Committed(0, 0.0)

    def protect(self, delay_ms=200, mode="hybrid", bandwidth=1 << 34, seconds=60):
        """Turn COLO on and wait for the first checkpoint."""
        self.primary.set_parameters(x_checkpoint_delay=delay_ms, x_colo_mode=mode,
                                    max_bandwidth=bandwidth)
        self.primary.set_capability("x-colo")
        self.primary.qmp.command("migrate", uri=self.uri)
        self.primary.wait_migration("colo", seconds=seconds)
        self.secondary.wait_migration("colo", seconds=seconds)
        wait_for("the first checkpoint", lambda: self.poll()["checkpoints"] >= 1, seconds,
                 self.describe)

    def stats(self, side="primary"):
        return getattr(self, side).qmp.command("x-query-colo-stats")

    def poll(self):
        """Take note of the last committed checkpoint; returns the statistics."""
        stats = self.stats()
        # The guest was stopped before the checkpoint was complete, by no more than its pause.
        stopped_at = now() - stats["since-last"] - stats["pause"]["last"] / 1e6
        if stats["checkpoints"] > self.committed.checkpoints:
            self.committed = Committed(stats["checkpoints"], stopped_at)
        return stats

    def wait_checkpoints(self, count, seconds=60):
        """Wait until `count` more checkpoints are complete than when it was called."""
        wanted = self.poll()["checkpoints"] + count
        wait_for(f"checkpoint {wanted}", lambda: self.poll()["checkpoints"] >= wanted, seconds,
                 self.describe)

    def run_until(self, end):
        """Poll until the time `end` (time.monotonic())."""
        while time.monotonic() < end:
            self.poll()
            time.sleep(max(0, min(0.02, end - time.monotonic())))

    def wait_inside_checkpoint(self, seconds=30):
        """Return when the primary's guest is stopped for a checkpoint."""
        def stopped():
            self.poll()
            return self.primary.status() == "colo"
        wait_for("the primary to be inside a checkpoint", stopped, seconds, self.describe,
                 interval=0)

    def kill_primary(self):
        self.primary.kill()

    def failover(self, survivor=None, seconds=20):
        """Tell a side that its peer is lost; returns when its guest runs and since when."""
        survivor = survivor or self.secondary
        events = len(survivor.qmp.events)
        survivor.qmp.command("x-colo-lost-heartbeat")
        exit_event = survivor.qmp.wait_event("COLO_EXIT", seconds, start=events)
        survivor.wait_status("running", seconds=seconds)
        self.exit_event = exit_event
        return event_time(exit_event)

    # The proof

    def check_primary_chain(self):
        """What the primary printed is an unbroken chain of right digests."""
        try:
            report = read_chain(self.primary.console.lines()[1:], self.model)
            check_unbroken(report)
            return report
        except ChainError as error:
            raise ChainError(f"{error}\n{self.primary.describe()}") from None

    def check_survivor(self, exit_time, lines=10, seconds=60):
        """The secondary's guest went on from the last committed checkpoint or later.

        Waits for `lines` more lines. Until the failover the secondary's console shows a guest that
        is set back by each checkpoint, so that only digests are checked there; from then on, after
        at most one line that the failover spliced, no line may be missing or cut.
        """
        secondary = self.secondary
        secondary.wait_lines(r"^chain \d+ ", lines, seconds, secondary.console.position())
        try:
            primary = self.check_primary_chain()
            survivor = read_chain(secondary.console.lines(), self.model)
            after = after_failover(survivor, exit_time)
            oldest = last_counter_at(primary, self.committed.stopped_at)
            if after[0].counter < oldest:
                raise ChainError(f"the survivor goes on with {after[0].counter}, but the "
                                 f"committed checkpoint {self.committed.checkpoints} had {oldest}")
            return after
        except ChainError as error:
            raise ChainError(f"{error}\n{secondary.describe()}") from None

    def describe(self):
        return f"{self.primary.describe()}\n{self.secondary.describe()}"


def after_failover(report, exit_time):
    """The lines of a survivor's console from the failover on.

    At the time of the failover one line may be cut or spliced; later than `CONSOLE_LAG` after it no
    line may be cut or missing.
    """
    settled = exit_time + CONSOLE_LAG
    if any(time > settled for time, _ in report.torn):
        raise ChainError(f"a line was cut after the failover: {report.torn[-1][1]!r}")
    first = next((index for index, line in enumerate(report.lines)
                  if line.time > exit_time + READER_LAG), len(report.lines))
    for index in report.breaks():
        line, before = report.lines[index], report.lines[index - 1]
        spliced_between = any(before.time <= time <= line.time for time, _ in report.torn)
        if line.time > settled and not spliced_between:
            raise ChainError(f"counter {line.counter} follows {before.counter} "
                             "after the failover")
        first = max(first, index)
    if first == len(report.lines):
        raise ChainError("the survivor's guest printed nothing after the failover")
    return report.lines[first:]
