# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""The guest's test program against its independent verifier, on the host."""

import subprocess
import zlib

import pytest

from colotest.chain import ChainError, ChainModel, check_unbroken, last_counter_at, read_chain
from colotest.pair import after_failover


@pytest.fixture(scope="module")
def host_lines(guest):
    result = subprocess.run([guest.chain, "chain:seed=7,pages=16,mb=2,interval=0,steps=100"],
                            stdout=subprocess.PIPE, text=True, check=True, timeout=60)
    return list(enumerate(result.stdout.splitlines()))


@pytest.fixture(scope="module")
def model():
    return ChainModel(seed=7, pages=16, mb=2)


def line_of(lines, counter):
    return next(text for _, text in lines if text.startswith(f"chain {counter} "))


def test_program_and_verifier_agree(host_lines, model):
    report = read_chain(host_lines, model)
    check_unbroken(report)
    assert [line.counter for line in report.lines] == list(range(1, 101))
    assert report.starts == 1


def test_buffer_of_32_mb_agrees(guest):
    result = subprocess.run([guest.chain, "chain:interval=0,steps=300"], stdout=subprocess.PIPE,
                            text=True, check=True, timeout=60)
    report = read_chain(list(enumerate(result.stdout.splitlines())), ChainModel())
    assert report.lines[-1].counter == 300


def test_digest_depends_on_the_seed(host_lines):
    with pytest.raises(ChainError, match="^digest 1 is"):
        read_chain(host_lines, ChainModel(seed=8, pages=16, mb=2))


def test_wrong_digest_is_found(host_lines, model):
    """A digest that is wrong although its line is whole: the guest computed it from bad memory."""
    other = line_of(host_lines, 51).split(" ")
    text = f"50 {other[2]}"
    lines = [(0, f"chain {text} {zlib.adler32(text.encode()):08x}")]
    with pytest.raises(ChainError, match="^digest 50 is"):
        read_chain(lines, model)


def test_missing_repeated_and_spliced_lines_are_found(host_lines, model):
    without = [line for line in host_lines if not line[1].startswith("chain 40 ")]
    with pytest.raises(ChainError, match="41 follows 39"):
        check_unbroken(read_chain(without, model))

    twice = host_lines[:41] + host_lines[40:]
    with pytest.raises(ChainError, match="40 follows 40"):
        check_unbroken(read_chain(twice, model))

    head, tail = line_of(host_lines, 10), line_of(host_lines, 11)
    spliced = host_lines + [(200, head[:30] + tail[30:])]
    with pytest.raises(ChainError, match="spliced"):
        check_unbroken(read_chain(spliced, model))


def test_failed_check_in_the_guest_is_found(model):
    with pytest.raises(ChainError, match="inside the guest"):
        read_chain([(0, "chain FAIL page 3 expected 00 found 01")], model)


def test_last_counter_at(host_lines, model):
    report = read_chain(host_lines, model)
    assert last_counter_at(report, -1) == 0
    assert last_counter_at(report, 50) == 50


def console_of_a_survivor(lines, *parts):
    """Ranges of counters (one line a second) and, as text, spliced lines."""
    result = []
    for part in parts:
        for item in [part] if isinstance(part, str) else part:
            text = item if isinstance(item, str) else line_of(lines, item)
            result.append((len(result), text))
    return result


def test_survivor_is_set_back_until_the_failover(host_lines, model):
    lines = console_of_a_survivor(host_lines, range(10, 20), "chain 1", range(15, 30))
    after = after_failover(read_chain(lines, model), exit_time=10.5)
    assert [line.counter for line in after] == list(range(15, 30))


def test_line_spliced_by_the_failover_hides_one_counter(host_lines, model):
    head, tail = line_of(host_lines, 20), line_of(host_lines, 15)
    lines = console_of_a_survivor(host_lines, range(10, 20), head[:20] + tail[20:], range(16, 30))
    after = after_failover(read_chain(lines, model), exit_time=9.5)
    assert after[0].counter == 16


def test_gap_after_the_failover_is_found(host_lines, model):
    lines = console_of_a_survivor(host_lines, range(10, 20), range(21, 30))
    with pytest.raises(ChainError, match="21 follows 19"):
        after_failover(read_chain(lines, model), exit_time=4)


def test_cut_line_after_the_failover_is_found(host_lines, model):
    lines = console_of_a_survivor(host_lines, range(10, 20), "chain 20 ab", range(21, 30))
    with pytest.raises(ChainError, match="cut after"):
        after_failover(read_chain(lines, model), exit_time=4)


def test_checkpoints_that_leave_no_trace_are_no_start(host_lines, model):
    """A secondary that is level with the primary shows no set-back."""
    lines = console_of_a_survivor(host_lines, range(10, 40))
    assert after_failover(read_chain(lines, model), exit_time=19.5)[0].counter == 30


def test_silent_survivor_is_found(host_lines, model):
    lines = console_of_a_survivor(host_lines, range(10, 20))
    with pytest.raises(ChainError, match="printed nothing"):
        after_failover(read_chain(lines, model), exit_time=9.5)
