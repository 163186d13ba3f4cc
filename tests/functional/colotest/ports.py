# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""TCP ports on loopback."""

import socket


def free_port():
    """A port nobody listens on now. The kernel hands each out once before it starts again."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
