# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Reads the interface schema in qapi/ and writes the C code and documents made from it."""
