# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""A build without COLO refuses the capability by name, and does everything else."""

import os

import pytest

from colotest.guest import SOURCE_DIR
from colotest.qmp import QmpError
from colotest.variant import build_variant
from colotest.vm import VM


@pytest.fixture(scope="module")
def build_without_colo():
    """Kept from run to run, as any build folder."""
    return build_variant(os.path.join(SOURCE_DIR, "build-without-colo"), "--disable-colo")


@pytest.mark.timeout(1500)
def test_capability_is_refused(build_without_colo):
    with VM(build_without_colo, ["-S", "-machine", "none"]) as vm:
        vm.start()
        for name in ("x-colo", "colo"):
            with pytest.raises(QmpError, match="(?i)colo"):
                vm.set_capability(name)
            assert "olo" in vm.qmp.hmp(f"migrate_set_capability {name} on")
        with pytest.raises(QmpError) as refused:
            vm.qmp.command("x-colo-lost-heartbeat")
        assert refused.value.error_class == "CommandNotFound"
        names = {item["name"] for item in vm.qmp.command("query-commands")}
        assert "migrate" in names and "query-colo-status" not in names
