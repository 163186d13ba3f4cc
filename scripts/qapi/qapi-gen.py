#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Generates C code and documents from the interface schema."""

import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from qapi.main import main  # pylint: disable=wrong-import-position

sys.exit(main(sys.argv[1:]))
