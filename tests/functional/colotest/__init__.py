# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Harness of the functional tests: emulator processes, their monitors and consoles, the guest.

Also used by tests/bench and scripts/demo.py. Python's standard library only.
"""
