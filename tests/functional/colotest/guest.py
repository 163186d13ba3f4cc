# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""The test guest: where its files are, and its command line."""

import os
import subprocess
from dataclasses import dataclass

SOURCE_DIR = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))

INIT_REACHED = "guest: init reached"


@dataclass
class GuestImage:
    kernel: str
    initrd: str
    #: The guest's test program, which also runs on the host.
    chain: str

    def arguments(self, workload, memory_mb=256, append=""):
        """Emulator arguments; `workload` is what tests/guest/init takes as colo_test=."""
        command_line = f"console=ttyS0 quiet panic=-1 colo_test={workload} {append}".strip()
        return ["-m", str(memory_mb), "-kernel", self.kernel, "-initrd", self.initrd,
                "-append", command_line]


def guest_image(folder=None):
    """The guest in `folder` [build/guest], put together first if it is not there."""
    folder = folder or os.path.join(SOURCE_DIR, "build", "guest")
    image = GuestImage(*(os.path.join(folder, name) for name in ("vmlinuz", "initrd.gz", "chain")))
    if not all(os.path.exists(path) for path in (image.kernel, image.initrd, image.chain)):
        script = os.path.join(SOURCE_DIR, "scripts", "build-guest.sh")
        subprocess.run([script, folder], check=True, timeout=600)
    return image
