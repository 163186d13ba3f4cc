# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Bounded waits that say what they waited for."""

import os
import time

#: Everything that has a time limit is multiplied by this: slow machines and sanitizer builds set
#: it in the environment.
TIMEOUT_SCALE = float(os.environ.get("COLO_TEST_TIMEOUT_SCALE", "1"))


class WaitTimeout(AssertionError):
    """Something did not happen in time."""


class Deadline:
    """A point in time by which something must have happened."""

    def __init__(self, seconds):
        self.seconds = seconds * TIMEOUT_SCALE
        self.end = time.monotonic() + self.seconds

    def left(self):
        return max(0.0, self.end - time.monotonic())

    def expired(self):
        return time.monotonic() >= self.end


def wait_for(what, condition, seconds, context=None, interval=0.02):
    """Call `condition` until it returns something true, and return that.

    `what` completes the sentence "waited N s for ..."; `context` is called for what to show when
    the time is over (a console's tail, say).
    """
    deadline = Deadline(seconds)
    while True:
        result = condition()
        if result:
            return result
        if deadline.expired():
            text = f"waited {deadline.seconds:g} s for {what}"
            if context:
                text += "\n" + context()
            raise WaitTimeout(text)
        time.sleep(min(interval, deadline.left() + 0.001))
