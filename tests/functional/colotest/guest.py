# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""The test guest: where its files are, and its command line."""

import glob
import hashlib
import os
import subprocess
from dataclasses import dataclass

SOURCE_DIR = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", "..", ".."))

INIT_REACHED = "guest: init reached"


@dataclass
class GuestImage:
    kernel: str
    initrd: str
    #: The larger initial RAM disk, with network drivers and services.
    net_initrd: str
    #: The guest's test programs, which also run on the host.
    chain: str
    netpeer: str

    def arguments(self, workload, memory_mb=256, append=""):
        """Emulator arguments; `workload` is what tests/guest/init takes as colo_test=."""
        return self._arguments(self.initrd, f"colo_test={workload} {append}", memory_mb)

    def net_arguments(self, workload, addresses, memory_mb=256, append=""):
        """The same for the guest with a network; `addresses` is what it takes as colo_net=."""
        append = f"colo_test={workload} colo_net={addresses} {append}"
        return self._arguments(self.net_initrd, append, memory_mb)

    def _arguments(self, initrd, append, memory_mb):
        command_line = f"console=ttyS0 quiet panic=-1 {append}".strip()
        return ["-m", str(memory_mb), "-kernel", self.kernel, "-initrd", initrd,
                "-append", command_line]

    def content_sha256(self, mib, seed=1):
        """Of what the guest generates with that seed (tests/guest/netpeer.c)."""
        with subprocess.Popen([self.netpeer, "file", str(mib), str(seed)],
                              stdout=subprocess.PIPE) as process:
            digest = hashlib.sha256()
            for block in iter(lambda: process.stdout.read(1 << 20), b""):
                digest.update(block)
        assert process.returncode == 0
        return digest.hexdigest()


def guest_image(folder=None):
    """The guest in `folder` [build/guest], put together first if it is not there or not up to date.
    """
    folder = folder or os.path.join(SOURCE_DIR, "build", "guest")
    image = GuestImage(*(os.path.join(folder, name) for name in
                         ("vmlinuz", "initrd.gz", "initrd-net", "chain", "netpeer")))
    script = os.path.join(SOURCE_DIR, "scripts", "build-guest.sh")
    sources = [script, *glob.glob(os.path.join(SOURCE_DIR, "tests", "guest", "*"))]
    newest = max(os.path.getmtime(path) for path in sources)
    results = (image.initrd, image.net_initrd, image.chain, image.netpeer)
    if not os.path.exists(image.kernel) or not all(
            os.path.exists(path) and os.path.getmtime(path) >= newest for path in results):
        subprocess.run([script, folder], check=True, timeout=600)
    return image
