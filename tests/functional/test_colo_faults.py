# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Faults at each step of a checkpoint.

The emulators here are built with --enable-fault-injection (migration/colo-fault.h) and run without
a CPU (-accel qtest, machine none): the protocol is the same, and each step is hit exactly.
"""

import signal
import time

import pytest

from colotest.byte_proxy import ByteProxy
from colotest.ports import free_port
from colotest.qmp import QmpError
from colotest.vm import VM
from colotest.waiting import wait_for

#: The checkpoint in which the fault strikes.
VICTIM = 3
MACHINE = ["-accel", "qtest", "-machine", "none", "-m", "16", "-trace", "colo_*"]

PRIMARY_POINTS = ["primary-request", "primary-replied", "primary-saved", "primary-ram-sent",
                  "primary-sent", "primary-received"]
SECONDARY_POINTS = ["secondary-requested", "secondary-receiving", "secondary-received",
                    "secondary-committed", "secondary-loaded"]
#: Once the primary has passed one of these, the secondary has the whole checkpoint.
SENT = {"primary-sent", "primary-received"}


class FaultPair:
    """Two emulators, one of which may carry a fault; protected by `protect`."""

    def __init__(self, emulator, faults, through=None):
        port = free_port()
        target = through(port) if through else port
        self.uri = f"tcp:127.0.0.1:{target}"
        self.secondary = self._vm(emulator, "secondary", faults,
                                  ["-incoming", f"tcp:127.0.0.1:{port}"])
        self.primary = self._vm(emulator, "primary", faults, [])

    @staticmethod
    def _vm(emulator, name, faults, arguments):
        environment = {"QEMU_COLO_FAULT": faults[name]} if name in faults else {}
        return VM(emulator, [*MACHINE, *arguments], name=name, environment=environment)

    def start(self):
        self.secondary.start()
        self.primary.start()

    def protect(self, delay_ms=50, **parameters):
        self.primary.set_parameters(x_checkpoint_delay=delay_ms, **parameters)
        self.primary.set_capability("x-colo")
        self.primary.qmp.command("migrate", uri=self.uri)

    def close(self):
        self.primary.close()
        self.secondary.close()

    def describe(self):
        return f"{self.primary.describe()}\n{self.secondary.describe()}"


@pytest.fixture
def fault_pair(fault_emulator):
    pairs = []

    def make(through=None, **faults):
        pair = FaultPair(fault_emulator, faults, through)
        pairs.append(pair)
        pair.start()
        return pair

    yield make
    for pair in pairs:
        pair.close()


def colo_status(vm):
    return vm.qmp.command("query-colo-status")


def checkpoints(vm):
    return vm.qmp.command("x-query-colo-stats")["checkpoints"]


def wait_fault(vm):
    wait_for(f"the fault in {vm.name}", lambda: "fault '" in vm.log(), 20, vm.describe,
             interval=0.005)


def wait_alone(vm, mode, reason):
    def left():
        status = colo_status(vm)
        return status["mode"] == "none" and status["last-mode"] != "none"
    wait_for(f"{vm.name} to leave COLO", left, 20, vm.describe, interval=0.005)
    assert colo_status(vm) == {"mode": "none", "last-mode": mode, "reason": reason}
    vm.wait_status("running")


def take_over(pair):
    """The secondary waits for the word, gets it, and runs."""
    secondary = pair.secondary
    wait_for("the secondary to notice", lambda: "lost its peer" in secondary.log(), 20,
             secondary.describe, interval=0.005)
    assert colo_status(secondary)["mode"] == "secondary"
    secondary.qmp.command("x-colo-lost-heartbeat")
    wait_alone(secondary, "secondary", "request")


@pytest.mark.parametrize("point", PRIMARY_POINTS)
def test_primary_killed(fault_pair, point):
    pair = fault_pair(primary=f"{point}@{VICTIM}=kill")
    pair.protect()
    wait_for("the primary's death", lambda: not pair.primary.is_alive(), 20, pair.describe)
    take_over(pair)
    # A checkpoint that was sent whole is there, one that was not has left no trace.
    assert checkpoints(pair.secondary) == (VICTIM if point in SENT else VICTIM - 1)


@pytest.mark.parametrize("point", PRIMARY_POINTS)
def test_primary_hangs(fault_pair, point):
    pair = fault_pair(primary=f"{point}@{VICTIM}=stop")
    pair.protect()
    wait_fault(pair.primary)
    time.sleep(0.2)
    # The stream is open: nobody but the heartbeat can know.
    assert colo_status(pair.secondary)["mode"] == "secondary"
    pair.secondary.qmp.command("x-colo-lost-heartbeat")
    wait_alone(pair.secondary, "secondary", "request")
    # When it comes to again it finds itself alone; fencing it is the cluster manager's task.
    pair.primary.signal(signal.SIGCONT)
    wait_alone(pair.primary, "primary", "error")


@pytest.mark.parametrize("point", PRIMARY_POINTS)
@pytest.mark.parametrize("action", ["close", "fail"])
def test_primary_breaks_the_stream(fault_pair, point, action):
    pair = fault_pair(primary=f"{point}@{VICTIM}={action}")
    pair.protect()
    wait_alone(pair.primary, "primary", "error")
    # One of the two goes on by itself, the other waits for the word: never both.
    wait_for("the secondary to notice", lambda: "lost its peer" in pair.secondary.log(), 20,
             pair.describe)
    time.sleep(0.2)
    assert colo_status(pair.secondary)["mode"] == "secondary"
    assert pair.secondary.quit() == 0
    assert pair.primary.status() == "running"


@pytest.mark.parametrize("point", SECONDARY_POINTS)
def test_secondary_killed(fault_pair, point):
    pair = fault_pair(secondary=f"{point}@{VICTIM}=kill")
    pair.protect()
    wait_alone(pair.primary, "primary", "error")
    assert pair.primary.migration()["status"] == "failed"


@pytest.mark.parametrize("point", SECONDARY_POINTS)
def test_secondary_hangs(fault_pair, point):
    pair = fault_pair(secondary=f"{point}@{VICTIM}=stop")
    pair.protect()
    wait_fault(pair.secondary)
    pair.primary.qmp.command("x-colo-lost-heartbeat")
    wait_alone(pair.primary, "primary", "request")
    pair.secondary.signal(signal.SIGCONT)
    wait_for("the secondary to notice", lambda: "lost its peer" in pair.secondary.log(), 20,
             pair.describe)
    assert colo_status(pair.secondary)["mode"] == "secondary"


@pytest.mark.parametrize("point", [p for p in SECONDARY_POINTS if p != "secondary-committed"])
@pytest.mark.parametrize("action", ["close", "fail"])
def test_secondary_breaks_the_stream(fault_pair, point, action):
    pair = fault_pair(secondary=f"{point}@{VICTIM}={action}")
    pair.protect()
    wait_for("the secondary to notice", lambda: "lost its peer" in pair.secondary.log(), 20,
             pair.describe)
    if action == "fail":
        # The stream itself is whole until the secondary gets the word.
        pair.primary.qmp.command("x-colo-lost-heartbeat")
        wait_alone(pair.primary, "primary", "request")
    else:
        wait_alone(pair.primary, "primary", "error")
    assert colo_status(pair.secondary)["mode"] == "secondary"


def test_secondary_cannot_load(fault_pair):
    """A state that cannot be loaded leaves no VM on the secondary; the primary goes on."""
    pair = fault_pair(secondary=f"secondary-committed@{VICTIM}=fail")
    pair.protect()
    wait_alone(pair.primary, "primary", "error")
    pair.secondary.wait_status("internal-error")
    assert pair.secondary.migration()["status"] == "failed"


@pytest.mark.parametrize("side,point", [("primary", p) for p in PRIMARY_POINTS] +
                         [("secondary", p) for p in SECONDARY_POINTS])
def test_stall_breaks_nothing(fault_pair, side, point):
    pair = fault_pair(**{side: f"{point}@{VICTIM}=stall:300"})
    pair.protect()
    wait_for("checkpoints behind the stall", lambda: checkpoints(pair.primary) >= VICTIM + 2, 20,
             pair.describe)
    assert colo_status(pair.primary)["mode"] == "primary"
    assert colo_status(pair.secondary)["mode"] == "secondary"


@pytest.mark.parametrize("side,point", [("primary", p) for p in PRIMARY_POINTS] +
                         [("secondary", p) for p in SECONDARY_POINTS])
def test_quit_at_each_step(fault_pair, side, point):
    """The other side quits at once while this one hangs in a checkpoint."""
    pair = fault_pair(**{side: f"{point}@{VICTIM}=stop"})
    pair.protect()
    wait_fault(getattr(pair, side))
    other = pair.secondary if side == "primary" else pair.primary
    begin = time.monotonic()
    assert other.quit() == 0
    print(f"quit took {time.monotonic() - begin:.3f} s")


def test_failover_during_load(fault_pair):
    """Asked for while the SVM is being loaded: done when it is loaded."""
    pair = fault_pair(secondary=f"secondary-committed@{VICTIM}=stall:700")
    pair.protect()
    wait_fault(pair.secondary)
    pair.secondary.qmp.command("x-colo-lost-heartbeat")
    with pytest.raises(QmpError, match="already under way.*relaunch"):
        pair.secondary.qmp.command("x-colo-lost-heartbeat")
    assert colo_status(pair.secondary)["mode"] == "secondary"
    wait_alone(pair.secondary, "secondary", "request")
    moves = [text for _, name, text in pair.secondary.trace() if name == "colo_failover_move"]
    assert moves == ["none -> require", "require -> relaunch", "relaunch -> require",
                     "require -> active", "active -> completed"]
    assert checkpoints(pair.secondary) == VICTIM
    with pytest.raises(QmpError, match="not in COLO mode"):
        pair.secondary.qmp.command("x-colo-lost-heartbeat")


def test_stop_and_cont_during_a_checkpoint(fault_pair):
    """They choose what comes after the checkpoint; a paused guest stays protected."""
    pair = fault_pair(primary=f"primary-saved@{VICTIM}=stall:500")
    pair.protect()
    primary = pair.primary
    wait_fault(primary)
    assert primary.status() == "colo"
    primary.qmp.command("stop")
    primary.wait_status("paused")
    wait_for("checkpoints of the paused guest", lambda: checkpoints(primary) >= VICTIM + 2, 20,
             pair.describe)
    wait_for("the guest to be paused again", lambda: primary.status() == "paused", 20,
             pair.describe, interval=0)
    pair.secondary.wait_status("colo")
    primary.qmp.command("cont")
    primary.wait_status("running")
    pair.secondary.wait_status("running")
    names = [event["event"] for event in primary.qmp.poll_events()]
    assert [name for name in names if name in ("STOP", "RESUME")][-2:] == ["STOP", "RESUME"]


def test_primary_dies_while_the_secondary_loads(fault_pair):
    """Received is committed: the load is finished first."""
    pair = fault_pair(secondary=f"secondary-committed@{VICTIM}=stall:500")
    pair.protect()
    wait_fault(pair.secondary)
    pair.primary.kill()
    take_over(pair)
    assert checkpoints(pair.secondary) == VICTIM


@pytest.mark.parametrize("policy", ["wait", "takeover"])
def test_error_policy(fault_pair, policy):
    pair = fault_pair(primary=f"primary-saved@{VICTIM}=close")
    pair.secondary.set_parameters(x_colo_error_policy=policy)
    pair.protect(x_colo_error_policy=policy)
    if policy == "takeover":
        wait_alone(pair.secondary, "secondary", "error")
        wait_alone(pair.primary, "primary", "error")
        return
    wait_for("both to notice", lambda: "lost its peer" in pair.primary.log() and
             "lost its peer" in pair.secondary.log(), 20, pair.describe)
    assert pair.primary.status() == "colo"
    assert colo_status(pair.primary)["mode"] == "primary"
    pair.primary.qmp.command("x-colo-lost-heartbeat")
    wait_alone(pair.primary, "primary", "request")
    assert colo_status(pair.secondary)["mode"] == "secondary"


# Messages that are not what they should be: a proxy between the two changes them

MESSAGE_BYTES = 20


@pytest.fixture
def proxied_pair(fault_pair):
    proxies = []

    def through(port):
        proxies.append(ByteProxy(port))
        return proxies[0].port

    pair = fault_pair(through=through)
    pair.protect(delay_ms=100)
    wait_for("two checkpoints", lambda: checkpoints(pair.primary) >= 2, 20, pair.describe)
    yield pair, proxies[0]
    proxies[0].close()


def set_bytes(first, data):
    """A change that overwrites the bytes of a message from `first` on."""
    return lambda message: message[:first] + data + message[first + len(data):]


@pytest.mark.parametrize("change,complaint", [
    (set_bytes(0, b"\0\0\0\x63"), "unknown id 99"),
    (set_bytes(0, b"\0\0\0\6"), "'vmstate-loaded' where 'checkpoint-request'"),
    (set_bytes(4, b"\0" * 7 + b"\x01"), "of checkpoint 1 where checkpoint"),
    (set_bytes(12, b"\xff" * 8), "'checkpoint-request' with value 18446744073709551615"),
    (lambda message: message + message, "lost its peer"),
], ids=["unknown-id", "wrong-order", "old-sequence", "wild-value", "twice"])
def test_secondary_gets_nonsense(proxied_pair, change, complaint):
    pair, proxy = proxied_pair
    proxy.change_next("up", MESSAGE_BYTES, change)
    wait_for("the complaint", lambda: complaint in pair.secondary.log() or
             (complaint == "lost its peer" and "lost its peer" in pair.primary.log()), 20,
             pair.describe)
    assert pair.secondary.is_alive()
    proxy.cut()
    wait_alone(pair.primary, "primary", "error")
    assert colo_status(pair.secondary)["mode"] == "secondary"
    pair.secondary.qmp.command("x-colo-lost-heartbeat")
    wait_alone(pair.secondary, "secondary", "request")


def test_secondary_without_memory_for_the_cache(fault_emulator, tmp_path):
    """The secondary says what it lacks; the primary's guest goes on."""
    port = free_port()
    limited = ["/usr/bin/prlimit", "--as=1200000000", fault_emulator]
    wrapper = tmp_path / "limited"
    wrapper.write_text("#!/bin/sh\nexec " + " ".join(limited) + ' "$@"\n')
    wrapper.chmod(0o755)
    memory = ["-accel", "qtest", "-machine", "none", "-m", "700"]
    with VM(str(wrapper), [*memory, "-incoming", f"tcp:127.0.0.1:{port}"],
            name="secondary") as secondary, VM(fault_emulator, memory, name="primary") as primary:
        secondary.start()
        primary.start()
        primary.set_capability("x-colo")
        primary.qmp.command("migrate", uri=f"tcp:127.0.0.1:{port}")
        answer = primary.wait_migration("failed")
        assert "RAM cache" in answer["error-desc"], answer
        assert primary.status() == "running"
        assert secondary.wait_exit() == 1
        assert "cannot set up the RAM cache of memory block" in secondary.log()
