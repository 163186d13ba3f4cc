# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Migration streams that are wrong, cut or made by an enemy: refused, never a crash."""

import struct

import pytest

from colotest.waiting import wait_for

HEADER = struct.Struct(">II")
MAGIC = 0x5145564D
VERSION = 3


@pytest.fixture(scope="module")
def stream(booted_state):
    with open(booted_state, "rb") as file:
        data = file.read()
    assert HEADER.unpack_from(data) == (MAGIC, VERSION)
    return data


@pytest.fixture
def load(make_vm, guest, tmp_path):
    """Loads bytes into a new emulator; returns its VM when it has ended or runs."""
    def load_bytes(data):
        path = tmp_path / "stream"
        path.write_bytes(data)
        vm = make_vm([*guest.arguments("chain"), "-S", "-incoming", f"exec:cat {path}"],
                     start=False).start(connect=False)
        return vm
    return load_bytes


def refusal(vm):
    """The one line with which the emulator ended."""
    assert vm.wait_exit(30) == 1, vm.describe()
    return vm.log()


def test_not_a_stream(load):
    assert "magic" in refusal(load(b"This is not a migration stream.\n" * 10)).lower()


def test_empty(load):
    assert refusal(load(b""))


def test_old_version(load, stream):
    text = refusal(load(HEADER.pack(MAGIC, 2) + stream[HEADER.size:]))
    assert "version" in text and "2" in text and "3" in text


def test_other_machine_type(load, stream):
    name = b"pc-i440fx-7.2"
    place = stream.index(name)
    assert place < 64, "the machine type is in the configuration section"
    text = refusal(load(stream[:place] + b"pc-i440fx-9.9" + stream[place + len(name):]))
    assert "pc-i440fx-9.9" in text and "pc-i440fx-7.2" in text


def test_unknown_section(load, stream):
    place = stream.index(b"\x03ram")
    text = refusal(load(stream[:place] + b"\x03rom" + stream[place + 4:]))
    assert "rom" in text


def test_ram_block_of_other_size(load, stream):
    place = stream.index(struct.pack(">Q", 256 << 20), stream.index(b"\x03ram"))
    assert refusal(load(stream[:place] + struct.pack(">Q", 1 << 50) + stream[place + 8:]))


@pytest.mark.parametrize("number", range(8))
def test_truncated(load, stream, rng, number):
    """Small offsets too: headers are dense there."""
    size = rng.randrange(1, len(stream) if number % 2 else 2000)
    text = refusal(load(stream[:size]))
    assert "offset" in text, text


@pytest.mark.parametrize("number", range(16))
def test_random_damage(load, stream, rng, number):
    """Damage to a page cannot be noticed; damage elsewhere is refused. Nothing ends by a signal."""
    data = bytearray(stream)
    limit = 3000 if number % 4 == 0 else len(data)
    # The device state is at the end, behind the pages.
    start = len(data) - 20000 if number % 4 == 1 else 0
    for _ in range(rng.randrange(1, 8)):
        data[rng.randrange(start, limit)] = rng.randrange(256)
    vm = load(bytes(data))
    wait_for("the stream to be loaded or refused", lambda: not vm.is_alive() or loaded(vm), 60,
             vm.describe, interval=0.1)
    if not vm.is_alive():
        assert vm.process.returncode == 1, vm.describe()
        assert vm.log().strip()


def loaded(vm):
    if vm.qmp is None:
        try:
            vm.connect()
        except AssertionError:
            return False
    try:
        return vm.status() != "inmigrate"
    except ConnectionError:
        return False
