# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""A client, two hosts and the network between them, in network namespaces. Needs root.

    client namespace                          primary and secondary namespace, each
      br0  198.18.0.1, fd18::1                  br0 --- tap0 --- emulator
       |-- to-primary   ---- uplink ------------|
       `-- to-secondary ---- uplink             sync  198.19.0.1 / .2, to the other host

The client's bridge is the switch: what comes in by `to-primary` and `to-secondary` tells which host
a guest's frame comes from. Migration, mirrored and compared packets go over `sync`.
"""

import json
import os
import re
import signal
import subprocess
import sys
import threading

from .vm import die_with_parent
from .waiting import TIMEOUT_SCALE, Deadline, WaitTimeout, wait_for

CLIENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "clients.py")

#: Namespaces are called PREFIX-PID-NUMBER-ROLE.
NAME_PREFIX = os.environ.get("COLO_TEST_NAMESPACE_PREFIX", "colo")

GUEST_MAC = "52:54:00:c0:10:02"
GUEST_IPV4 = "198.18.0.2"
GUEST_IPV6 = "fd18::2"
CLIENT_IPV4 = "198.18.0.1"
CLIENT_IPV6 = "fd18::1"
#: What the guest takes as colo_net=.
GUEST_ADDRESSES = f"{GUEST_IPV4}/24,{CLIENT_IPV4},{GUEST_IPV6}/64"
SWITCH_PORTS = ("to-primary", "to-secondary")


def missing_for_namespaces():
    """Why the test bed cannot be set up here, or None."""
    if os.geteuid() != 0:
        return "network namespaces and taps need root"
    for path in ("/dev/net/tun", "/usr/sbin/ip"):
        if not os.path.exists(path):
            return f"no {path} (package iproute2; device of the kernel's module tun)"
    probe = f"{NAME_PREFIX}-{os.getpid()}-0-probe"
    done = subprocess.run(["ip", "netns", "add", probe], stderr=subprocess.PIPE, text=True)
    if done.returncode != 0:
        return f"no network namespaces here: {done.stderr.strip()}"
    _run("netns", "delete", probe)
    return None


def _run(*arguments):
    done = subprocess.run(["ip", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, timeout=30)
    assert done.returncode == 0, f"ip {' '.join(arguments)}: {done.stdout.strip()}"


def remove_left_overs():
    """Delete the namespaces of test processes that were killed."""
    listed = subprocess.run(["ip", "netns", "list"], stdout=subprocess.PIPE, text=True, check=True)
    for line in listed.stdout.splitlines():
        match = re.match(rf"{NAME_PREFIX}-(\d+)-\d+-\w+\b", line)
        if match and not os.path.exists(f"/proc/{match[1]}"):
            _run("netns", "delete", match[0])


class Namespace:
    """A network namespace; `remove` takes its interfaces with it."""

    def __init__(self, name):
        self.name = name
        _run("netns", "add", name)

    @property
    def prefix(self):
        """In front of a command: it runs inside. `ip` replaces itself by the command."""
        return ["ip", "netns", "exec", self.name]

    def ip(self, *arguments):
        _run("-n", self.name, *arguments)

    def set_sysctl(self, name, value):
        path = "/proc/sys/" + name
        subprocess.run([*self.prefix, "sh", "-c", f"echo {value} > {path}"], check=True, timeout=30)

    def add_bridge(self, name="br0"):
        self.ip("link", "add", name, "type", "bridge", "stp_state", "0", "forward_delay", "0",
                "mcast_snooping", "0")
        self.ip("link", "set", name, "up")

    def remove(self):
        _run("netns", "delete", self.name)


class TestBed:
    """Use as a context manager; whatever happens, no namespace is left."""

    __test__ = False  # not a test, though pytest might think so
    _count = 0

    def __init__(self):
        TestBed._count += 1
        prefix = f"{NAME_PREFIX}-{os.getpid()}-{TestBed._count}"
        remove_left_overs()
        self._namespaces = []
        self._processes = []
        try:
            self.client = self._namespace(f"{prefix}-client")
            self.primary = self._namespace(f"{prefix}-primary")
            self.secondary = self._namespace(f"{prefix}-secondary")
            self._connect()
        except BaseException:
            self.close()
            raise

    def _namespace(self, name):
        namespace = Namespace(name)
        self._namespaces.append(namespace)
        # Interfaces say nothing by themselves; br0 of the client is switched on below.
        namespace.set_sysctl("net/ipv6/conf/default/disable_ipv6", 1)
        namespace.ip("link", "set", "lo", "up")
        return namespace

    def _connect(self):
        self.client.add_bridge()
        self.client.set_sysctl("net/ipv6/conf/br0/disable_ipv6", 0)
        self.client.ip("address", "add", f"{CLIENT_IPV4}/24", "dev", "br0")
        self.client.ip("address", "add", f"{CLIENT_IPV6}/64", "dev", "br0", "nodad")
        for host, port in zip((self.primary, self.secondary), SWITCH_PORTS):
            host.add_bridge()
            self.client.ip("link", "add", port, "type", "veth", "peer", "name", "uplink", "netns",
                           host.name)
            self.client.ip("link", "set", port, "master", "br0", "up")
            host.ip("link", "set", "uplink", "master", "br0", "up")
            host.ip("tuntap", "add", "dev", "tap0", "mode", "tap", "vnet_hdr")
            host.ip("link", "set", "tap0", "master", "br0", "up")
        self.primary.ip("link", "add", "sync", "type", "veth", "peer", "name", "sync", "netns",
                        self.secondary.name)
        for host, address in ((self.primary, "198.19.0.1/24"), (self.secondary, "198.19.0.2/24")):
            host.ip("address", "add", address, "dev", "sync")
            host.ip("link", "set", "sync", "up")

    def address(self, host):
        """Of a host on the link between the hosts."""
        return "198.19.0.1" if host is self.primary else "198.19.0.2"

    def other(self, host):
        return self.secondary if host is self.primary else self.primary

    def cut_sync(self):
        """The link between the hosts is down: nothing passes, nothing is closed."""
        self.primary.ip("link", "set", "sync", "down")

    def mend_sync(self):
        self.primary.ip("link", "set", "sync", "up")

    def start_client(self, command, **options):
        """Start a client of clients.py in the client's namespace."""
        process = ClientProcess(self.client, command, options)
        self._processes.append(process)
        return process

    def run_client(self, command, limit=60, **options):
        """Its result; it may take `limit` seconds."""
        return self.start_client(command, **options).result(limit)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        for process in self._processes:
            process.close()
        for namespace in self._namespaces:
            namespace.remove()
        self._processes, self._namespaces = [], []


class ClientError(AssertionError):
    """A client has ended with an error."""


class ClientProcess:
    """One client of clients.py; a thread collects what it prints."""

    def __init__(self, namespace, command, options):
        self.command = command
        self.events = []
        self._process = subprocess.Popen(
            [*namespace.prefix, sys.executable, CLIENTS, command, json.dumps(options)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=die_with_parent)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        for line in self._process.stdout:
            self.events.append(json.loads(line))

    def last(self, event):
        """The newest event of that name, or None."""
        return next((entry for entry in reversed(self.events) if entry["event"] == event), None)

    def wait_event(self, event, seconds=60, match=lambda entry: True):
        """Wait for an event of that name that matches."""
        def seen():
            found = next((entry for entry in self.events
                          if entry["event"] == event and match(entry)), None)
            if not found and self._process.poll() is not None and not self._thread.is_alive():
                raise ClientError(f"{self.describe()} and had no such '{event}'")
            return found
        return wait_for(f"'{event}' of client {self.command}", seen, seconds, self.describe,
                        interval=0.005)

    def wait_progress(self, field, value, seconds=60):
        return self.wait_event("progress", seconds, lambda entry: entry[field] >= value)

    def is_running(self):
        return self._process.poll() is None

    def stop(self):
        """Ask it to end; `result` waits for what it says."""
        if self.is_running():
            self._process.send_signal(signal.SIGTERM)

    def result(self, seconds=60):
        """What it found out, once it has ended."""
        deadline = Deadline(seconds)
        try:
            self._process.wait(deadline.left())
        except subprocess.TimeoutExpired:
            raise WaitTimeout(f"waited {seconds * TIMEOUT_SCALE:g} s for client {self.command} to "
                              f"end; {self.describe()}") from None
        self._thread.join()
        result = self.last("result")
        if not result:
            raise ClientError(self.describe())
        return result

    def describe(self):
        state = "runs" if self.is_running() else f"ended with {self._process.returncode}"
        error = "" if self.is_running() else self._process.stderr.read()
        return f"client {self.command} {state}; its last events: {self.events[-3:]} {error}"

    def close(self):
        if self.is_running():
            self._process.kill()
        self._process.wait()
        self._thread.join()
        self._process.stdout.close()
        self._process.stderr.close()
