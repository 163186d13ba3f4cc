#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""A client downloads a file from a guest; the host under the guest is killed; the download goes on.

Client, primary and secondary are in three network namespaces, which needs root. Without root, or
with --user-net, the guest's network is in the emulator's process and the client's connections end
with it. Everything that it starts or makes is gone when it ends, also after Ctrl-C.
"""

import argparse
import os
import signal
import sys
import time

SOURCE_DIR = os.path.abspath(os.path.join(os.path.dirname(__file__), ".."))
sys.path.insert(0, os.path.join(SOURCE_DIR, "tests", "functional"))

from colotest.guest import guest_image  # noqa: E402
from colotest.net import (ClientProcess, GUEST_IPV4, TestBed,  # noqa: E402
                          missing_for_namespaces)
from colotest.net_pair import NetPair, Witness  # noqa: E402
from colotest.pair import Pair  # noqa: E402
from colotest.ports import free_port  # noqa: E402
from colotest.vm import VM  # noqa: E402

LABEL_WIDTH = 10
#: How long requests are counted, in seconds.
COUNTED = 3
#: The guest is killed when that part of the file has been downloaded.
KILLED_AT = 0.4


def say(label, text):
    print(f"{label:>{LABEL_WIDTH}} | {text}", flush=True)


def checkpoint_counts(pair):
    stats = pair.poll()
    return {entry["reason"]: entry["count"] for entry in stats["reasons"]}, stats


class CheckpointRate:
    """Checkpoints since it was made, by reason."""

    def __init__(self, pair):
        self.pair = pair
        self.before, _ = checkpoint_counts(pair)
        self.began = time.monotonic()

    def text(self):
        counts, stats = checkpoint_counts(self.pair)
        seconds = time.monotonic() - self.began
        reasons = ", ".join(f"{count - self.before[name]} {name}" for name, count in counts.items()
                            if count > self.before[name]) or "none"
        total = sum(counts.values()) - sum(self.before.values())
        return (f"{total / seconds:.1f} checkpoints a second ({reasons}), guest paused "
                f"{stats['pause']['p50'] / 1000:.1f} ms each (median)")


def request_rate(run_client, when):
    result = run_client("requests", seconds=COUNTED)
    rate = result["done"] / result["seconds"]
    say("client", f"{rate:.0f} requests a second {when}, {len(result['errors'])} failed")
    return rate


class DownloadView:
    """Shows the progress of a download."""

    def __init__(self, client):
        self.client = client
        self.shown = 0
        self.size = None
        self.step = None

    def follow(self, until=1.0):
        """Show what comes until that part of the file is there, or the client has ended."""
        while True:
            while self.shown < len(self.client.events):
                event = self.client.events[self.shown]
                self.shown += 1
                if event["event"] == "started":
                    self.size = event["size"]
                elif event["event"] == "progress" and self._show(event["size"]) >= until:
                    return
            if not self.client.is_running():
                return
            time.sleep(0.005)

    def _show(self, size):
        part = size / self.size
        if int(part * 10) != self.step:
            self.step = int(part * 10)
            say("client", f"[{'#' * int(part * 20):<20}] {size / 1e6:.1f} MB")
        return part


def demo_with_namespaces(emulator, mib):
    with TestBed() as bed, NetPair(bed, emulator, guest_image(), mib=mib, direct=True,
                                   vnet_header=True) as pair:
        def run_client(command, **options):
            return bed.run_client(command, host=GUEST_IPV4, **options)
        say("demo", "three network namespaces: the client with a switch, and two hosts")
        pair.boot()
        say("demo", f"the guest runs in process {pair.primary.process.pid} on the first host, its "
            f"address is {GUEST_IPV4}")
        rates = [request_rate(run_client, "before protection")]

        say("demo", "protecting it: a secondary on the second host, mirror, comparator, rewriter")
        pair.protect()
        witness = Witness(pair)
        watched = CheckpointRate(pair)
        rates.append(request_rate(run_client, "while protected"))
        say("measured", watched.text())

        say("demo", f"downloading {mib} MiB")
        watched = CheckpointRate(pair)
        client = bed.start_client("download", host=GUEST_IPV4, report=0.01)
        view = DownloadView(client)
        view.follow(until=KILLED_AT)
        say("measured", watched.text())
        say("demo", f"kill -9 {pair.primary.process.pid}, and x-colo-lost-heartbeat to the other")
        killed = time.time()
        pair.kill_primary()
        exit_time = pair.take_over()
        witness.moved()
        view.follow()
        summarize_download(client.result(), pair, mib, killed, exit_time)
        rates.append(request_rate(run_client, "after the failover"))
        ports = witness.check()["ports"]
        say("measured", "requests a second before, during, after protection: "
            + ", ".join(f"{rate:.0f}" for rate in rates))
        say("measured", "frames of the guest seen by the switch: "
            + ", then ".join(f"{entry['frames']} {port}" for port, entry in ports.items())
            + "; never from both at once")


def summarize_download(result, pair, mib, killed, exit_time):
    wanted = pair.guest.content_sha256(mib)
    if result["sha256"] != wanted:
        raise SystemExit(f"demo: SHA-256 {result['sha256']}, but the file has {wanted}")
    say("client", f"the download is complete: {result['size']} bytes, SHA-256 "
        f"{result['sha256'][:16]}.. is right")
    say("measured", f"failover: {(exit_time - killed) * 1000:.1f} ms from the kill to the end of "
        "COLO")
    say("measured", f"the client's longest stall: {result['longest_stall'] * 1000:.0f} ms")


class LocalClients:
    """Clients on this host, for the guest behind a forwarded port."""

    prefix = ()


def demo_with_user_network(emulator, reason):
    say("demo", f"{reason}: the guest's network is in the emulator's process (-netdev user)")
    say("demo", "What is different: a client reaches each process by a port of its own, its "
        "connections end with the process, and checkpoints are periodic. The guest outlives the "
        "kill as ever.")
    guest = guest_image()
    ports = [free_port(), free_port()]
    uri = f"tcp:127.0.0.1:{free_port()}"

    def arguments(port):
        return [*guest.net_arguments("http", "10.0.2.15/24,10.0.2.2"), "-netdev",
                f"user,id=hn0,hostfwd=tcp:127.0.0.1:{port}-:80", "-device",
                "virtio-net-pci,netdev=hn0"]

    def run_client(port, **options):
        client = ClientProcess(LocalClients, "requests",
                               {"host": "127.0.0.1", "port": port, **options})
        try:
            return client.result()
        finally:
            client.close()
    with VM(emulator, arguments(ports[0]), name="primary") as primary, \
            VM(emulator, [*arguments(ports[1]), "-incoming", uri], name="secondary") as secondary:
        secondary.start()
        primary.start()
        primary.console.wait_for("http ready", 300)
        pair = Pair(primary, secondary, uri)
        request_rate(lambda _, **options: run_client(ports[0], **options), "before protection")
        pair.protect(delay_ms=100, mode="periodic")
        watched = CheckpointRate(pair)
        request_rate(lambda _, **options: run_client(ports[0], **options), "while protected")
        say("measured", watched.text())
        say("demo", f"kill -9 {primary.process.pid}, and x-colo-lost-heartbeat to the other")
        killed = time.time()
        pair.kill_primary()
        exit_time = pair.failover()
        run_client(ports[1], count=1)
        say("measured", f"failover: {(exit_time - killed) * 1000:.1f} ms from the kill to the end "
            f"of COLO; a page from the survivor {(time.time() - killed) * 1000:.0f} ms after it")
        request_rate(lambda _, **options: run_client(ports[1], **options), "after the failover")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--emulator",
                        default=os.path.join(SOURCE_DIR, "build", "qemu-system-x86_64"))
    parser.add_argument("--size", type=int, default=64, metavar="MIB",
                        help="size of the file that is downloaded [64]")
    parser.add_argument("--user-net", action="store_true",
                        help="do without network namespaces, as happens without root")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(129))
    reason = "as asked" if arguments.user_net else missing_for_namespaces()
    try:
        if reason:
            demo_with_user_network(arguments.emulator, reason)
        else:
            demo_with_namespaces(arguments.emulator, arguments.size)
    except KeyboardInterrupt:
        say("demo", "interrupted")
        sys.exit(130)


if __name__ == "__main__":
    main()
