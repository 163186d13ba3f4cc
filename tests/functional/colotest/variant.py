# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Builds of the emulator with other configure options than the one under test."""

import os
import subprocess

from .guest import SOURCE_DIR

#: A whole build on a slow machine, in seconds.
BUILD_SECONDS = 900


def build_variant(folder, *options):
    """Configure with `options` and build in `folder`; returns the path of the binary.

    Fails with what the build printed. A folder that is there already is brought up to date.
    """
    steps = ([os.path.join(SOURCE_DIR, "configure"), f"--build-dir={folder}", *options],
             ["ninja", "-C", folder, "qemu-system-x86_64"])
    for step in steps:
        done = subprocess.run(step, cwd=SOURCE_DIR, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=BUILD_SECONDS)
        assert done.returncode == 0, f"{' '.join(step)}:\n{done.stdout[-4000:]}"
    return os.path.join(folder, "qemu-system-x86_64")
