# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Recomputes, outside the guest, what the guest's chain program must print.

The definition is at the top of tests/guest/chain.c. This is written from that definition, with
hashlib and Python's integers, and shares nothing with the guest's program.
"""

import hashlib
import re
import struct
import zlib
from dataclasses import dataclass

PAGE_SIZE = 4096
WORDS_PER_PAGE = PAGE_SIZE // 8
PAGES_PER_MB = 256
MASK = (1 << 64) - 1

LINE = re.compile(r"chain (\d+) ([0-9a-f]{64}) ([0-9a-f]{8})")
START = re.compile(r"chain START seed=(\d+) pages=(\d+) mb=(\d+)")


def mix_round(value):
    value = (value + 0x9E3779B97F4A7C15) & MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & MASK
    return value ^ (value >> 31)


def mix(a, b, c):
    return mix_round(mix_round(mix_round(a) ^ b) ^ c)


def _repeat(word):
    """A page full of `word`, as one little-endian number."""
    return word * _ONES


_ONES = sum(1 << (64 * index) for index in range(WORDS_PER_PAGE))
_PATTERN = sum(mix(0, 0, index) << (64 * index) for index in range(WORDS_PER_PAGE))


def page_content(key):
    return (_PATTERN ^ _repeat(key)).to_bytes(PAGE_SIZE, "little")


class ChainModel:
    """The digests of one chain, computed as far as they are asked for."""

    def __init__(self, seed=1, pages=32, mb=32):
        self.seed = seed
        self.pages = pages
        self.page_count = mb * PAGES_PER_MB
        self._keys = [mix(seed, 0, page) for page in range(self.page_count)]
        self._digests = [bytes(32)]
        self._logistic = 0.25

    def digest(self, counter):
        while len(self._digests) <= counter:
            self._step()
        return self._digests[counter]

    def _step(self):
        counter = len(self._digests)
        for _ in range(64):
            self._logistic = 3.75 * self._logistic * (1 - self._logistic)
        sha = hashlib.sha256(self._digests[-1])
        sha.update(struct.pack(">Qd", counter, self._logistic))
        for slot in range(self.pages):
            page = mix(self.seed, counter, 2 * slot) % self.page_count
            sha.update(page_content(self._keys[page]))
            self._keys[page] = mix(self.seed, counter, 2 * slot + 1)
        self._digests.append(sha.digest())


_models = {}


def model_for(seed, pages, mb):
    """Models are kept: many tests run the same chain."""
    key = (seed, pages, mb)
    if key not in _models:
        _models[key] = ChainModel(*key)
    return _models[key]


@dataclass
class ChainLine:
    time: float
    counter: int
    digest: str


class ChainError(AssertionError):
    """The guest printed something that an unharmed guest would not print."""


@dataclass
class ChainReport:
    """What a console holds of a chain.

    `lines`: the well-formed lines in order; `torn`: (time, text) of lines that start like a chain
    line but are cut or spliced; `starts`: how often the program started.
    """

    lines: list
    torn: list
    starts: int

    def breaks(self):
        """The indexes into `lines` whose counter does not follow the one before."""
        return [index for index in range(1, len(self.lines))
                if self.lines[index].counter != self.lines[index - 1].counter + 1]


def read_chain(lines, model):
    """Sort the lines of a console, (time, text) each, and check every digest.

    Raises ChainError for a wrong digest or a failed check inside the guest.
    """
    report = ChainReport([], [], 0)
    for time, text in lines:
        if "chain FAIL" in text:
            raise ChainError(f"a check inside the guest failed: {text}")
        match = LINE.fullmatch(text)
        if match and int(match[3], 16) == zlib.adler32(f"{match[1]} {match[2]}".encode()):
            counter = int(match[1])
            expected = model.digest(counter).hex()
            if match[2] != expected:
                raise ChainError(f"digest {counter} is {match[2]}, expected {expected}")
            report.lines.append(ChainLine(time, counter, match[2]))
        elif START.search(text):
            report.starts += 1
        elif "chain " in text and "running" not in text:
            report.torn.append((time, text))
    return report


def check_unbroken(report):
    """No line is missing, repeated, cut or spliced."""
    if report.torn:
        raise ChainError(f"spliced line on the console: {report.torn[0][1]!r}")
    if report.breaks():
        index = report.breaks()[0]
        raise ChainError(f"counter {report.lines[index].counter} follows "
                         f"{report.lines[index - 1].counter}")


def last_counter_at(report, time):
    """The last counter that had been printed at `time`; 0 if none."""
    counters = [line.counter for line in report.lines if line.time <= time]
    return counters[-1] if counters else 0
