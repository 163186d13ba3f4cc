# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Plain live migration of a guest that is at work."""

import os
import signal
import socket
import time

import pytest

from colotest.chain import ChainError, check_unbroken, model_for, read_chain
from colotest.ports import free_port
from colotest.qmp import QmpError
from colotest.waiting import wait_for

MODEL = model_for(1, 32, 32)
FAST = 1 << 40  # bytes a second
SLOW = 1 << 20


@pytest.fixture
def destination(make_vm, guest):
    def make(uri, name="destination", **kwargs):
        return make_vm([*guest.arguments("chain"), "-incoming", uri], name=name, **kwargs)
    return make


def joined_lines(*vms):
    """The console lines of a guest that moved from one process to the next.

    A line that the move has cut is put together again, so nothing that is lost is overlooked. The
    first line is dropped: the guest's own first move (booted_state) cut it.
    """
    lines = []
    rest = ""
    for vm in vms:
        text = rest + vm.console.text().replace("\r", "")
        *complete, rest = text.split("\n")
        lines += [(0, line) for line in complete]
    return lines[1:]


def check_chain(*vms):
    try:
        check_unbroken(read_chain(joined_lines(*vms), MODEL))
    except ChainError as error:
        raise ChainError("\n".join([str(error)] + [vm.describe() for vm in vms])) from None


def test_live_migration_under_load(resume_vm, destination):
    source = resume_vm("source")
    uri = f"tcp:127.0.0.1:{free_port()}"
    target = destination(uri)
    source.set_parameters(max_bandwidth=64 << 20, downtime_limit=300)
    source.wait_lines(r"^chain \d+ ", 10)
    answer = source.migrate(uri)
    assert source.status() == "postmigrate"
    target.wait_status("running")
    target.wait_lines(r"^chain \d+ ", 20)
    check_chain(source, target)

    ram = answer["ram"]
    assert ram["total"] >= 256 << 20
    assert ram["transferred"] > 32 << 20, "the chain's buffer does not compress to nothing"
    assert ram["page-size"] == 4096 and ram["remaining"] == 0
    assert ram["dirty-sync-count"] >= 2
    assert answer["total-time"] >= answer["downtime"] >= 0


def test_ten_moves_in_a_row(resume_vm, destination, rng):
    machines = [resume_vm("source")]
    for move in range(10):
        source = machines[-1]
        uri = f"tcp:127.0.0.1:{free_port()}"
        target = destination(uri, f"move{move}")
        source.set_parameters(max_bandwidth=FAST)
        start = source.console.position()
        source.wait_lines(r"^chain \d+ ", rng.randrange(1, 8), start=start)
        source.migrate(uri)
        target.wait_status("running")
        machines.append(target)
        source.quit()
    machines[-1].wait_lines(r"^chain \d+ ", 5)
    check_chain(*machines)


def test_moves_while_booting(make_vm, guest, destination, rng):
    """Interrupt controllers and timers are set up, calibrated and switched over meanwhile."""
    machines = [make_vm(guest.arguments("chain"), name="booting")]
    for move in range(6):
        source = machines[-1]
        uri = f"tcp:127.0.0.1:{free_port()}"
        target = destination(uri, f"move{move}")
        source.set_parameters(max_bandwidth=FAST)
        time.sleep(rng.random() * 0.6)
        source.migrate(uri)
        target.wait_status("running")
        machines.append(target)
        source.quit()
    machines[-1].wait_lines(r"^chain \d+ ", 5, seconds=240)
    console = "".join(vm.console.text() for vm in machines)
    assert console.count("guest: init reached") == 1
    for complaint in ("BUG:", "WARNING:", "Oops", "Kernel panic"):
        assert complaint not in console


def move_over(source, target, uri):
    source.set_parameters(max_bandwidth=FAST)
    source.migrate(uri)
    target.wait_status("running")
    target.wait_lines(r"^chain \d+ ", 5)
    check_chain(source, target)


def test_unix_channel(resume_vm, destination, tmp_path):
    uri = f"unix:{tmp_path}/migrate.sock"
    target = destination(uri)
    move_over(resume_vm("source"), target, uri)


def test_exec_channel(resume_vm, destination, tmp_path):
    """A pipeline of commands on both sides; the data pass through a FIFO."""
    fifo = str(tmp_path / "fifo")
    os.mkfifo(fifo)
    target = destination(f"exec:cat {fifo} | cat", start=True)
    move_over(resume_vm("source"), target, f"exec:cat | cat > {fifo}")


def test_fd_channel(resume_vm, destination):
    """The source gets its end of a socket pair by getfd, the destination by inheritance."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        target = destination(f"fd:{theirs.fileno()}", pass_fds=[theirs.fileno()])
        source = resume_vm("source")
        source.qmp.command("getfd", fds=[ours.fileno()], fdname="channel")
    move_over(source, target, "fd:channel")


def test_file_channel(resume_vm, destination, tmp_path):
    path = tmp_path / "state"
    source = resume_vm("source")
    source.set_parameters(max_bandwidth=FAST)
    source.migrate(f"file:{path}")
    assert path.stat().st_size > 32 << 20
    target = destination(f"file:{path}")
    target.wait_status("running")
    target.wait_lines(r"^chain \d+ ", 5)
    check_chain(source, target)


def test_incoming_defer(resume_vm, destination):
    uri = f"tcp:127.0.0.1:{free_port()}"
    target = destination("defer")
    assert target.status() == "inmigrate"
    target.qmp.command("migrate-incoming", uri=uri)
    move_over(resume_vm("source"), target, uri)


def test_hmp_migration(resume_vm, destination):
    uri = f"tcp:127.0.0.1:{free_port()}"
    target = destination(uri)
    source = resume_vm("source")
    assert source.qmp.hmp("migrate_set_parameter max-bandwidth 1000M") == ""
    assert source.qmp.hmp(f"migrate -d {uri}") == ""
    source.wait_migration("completed")
    assert "Migration status: completed" in source.qmp.hmp("info migrate")
    target.wait_status("running")
    target.wait_lines(r"^chain \d+ ", 5)
    check_chain(source, target)


def test_bandwidth_limit_holds(resume_vm, destination):
    """Above 32 MiB travel; at 20 MiB/s that takes at least a second and a half."""
    uri = f"tcp:127.0.0.1:{free_port()}"
    destination(uri)
    source = resume_vm("source")
    source.set_parameters(max_bandwidth=20 << 20)
    answer = source.migrate(uri)
    seconds = answer["total-time"] / 1000
    assert answer["ram"]["transferred"] / seconds < 1.25 * (20 << 20)


def start_slow_migration(source, uri):
    """A migration that does not end by itself: slower than the guest dirties its memory."""
    source.set_parameters(max_bandwidth=SLOW)
    source.qmp.command("migrate", uri=uri)
    source.wait_migration("active")


def check_goes_on(source):
    position = source.console.position()
    assert source.status() == "running"
    source.wait_lines(r"^chain \d+ ", 5, start=position)
    check_chain(source)


def test_cancel_then_migrate(resume_vm, destination):
    uri = f"tcp:127.0.0.1:{free_port()}"
    destination(uri, "cancelled")
    source = resume_vm("source")
    start_slow_migration(source, uri)
    source.qmp.command("migrate_cancel")
    source.wait_migration("cancelled")
    check_goes_on(source)

    uri = f"tcp:127.0.0.1:{free_port()}"
    move_over(source, destination(uri), uri)


def test_cancel_at_random_moments(resume_vm, destination, rng):
    source = resume_vm("source")
    source.set_parameters(max_bandwidth=40 << 20)
    for attempt in range(5):
        uri = f"tcp:127.0.0.1:{free_port()}"
        target = destination(uri, f"target{attempt}")
        source.qmp.command("migrate", uri=uri)
        moment = rng.random()
        wait_until = source.console.position()
        source.wait_lines(r"^chain \d+ ", 1 + int(moment * 10), start=wait_until)
        source.qmp.command("migrate_cancel")
        source.wait_migration("cancelled")
        target.close()
    check_goes_on(source)


def test_destination_killed(resume_vm, destination):
    uri = f"tcp:127.0.0.1:{free_port()}"
    target = destination(uri)
    source = resume_vm("source")
    start_slow_migration(source, uri)
    target.kill()
    source.wait_migration("failed")
    check_goes_on(source)


def test_destination_hangs_then_cancel(resume_vm, destination):
    uri = f"tcp:127.0.0.1:{free_port()}"
    target = destination(uri)
    source = resume_vm("source")
    source.set_parameters(max_bandwidth=FAST)
    target.signal(signal.SIGSTOP)
    source.qmp.command("migrate", uri=uri)
    source.wait_migration("active")
    source.qmp.command("migrate_cancel")
    source.wait_migration("cancelled")
    check_goes_on(source)


def test_nobody_listens(resume_vm):
    source = resume_vm("source")
    source.qmp.command("migrate", uri=f"tcp:127.0.0.1:{free_port()}")
    answer = source.wait_migration("failed")
    assert "refused" in answer["error-desc"].lower()
    check_goes_on(source)


def test_source_killed_while_sending(resume_vm, destination):
    """The destination must not run a guest of which it has a part only."""
    uri = f"tcp:127.0.0.1:{free_port()}"
    target = destination(uri)
    source = resume_vm("source")
    start_slow_migration(source, uri)
    wait_for("some memory to be sent",
             lambda: source.migration()["ram"]["transferred"] > 1 << 20, 20)
    source.kill()
    assert target.wait_exit() == 1
    assert "load" in target.log().lower()
    assert "chain" not in target.console.text()


def test_second_migration_is_refused(resume_vm, destination):
    uri = f"tcp:127.0.0.1:{free_port()}"
    destination(uri)
    source = resume_vm("source")
    start_slow_migration(source, uri)
    with pytest.raises(QmpError, match="(?i)already|in progress"):
        source.qmp.command("migrate", uri=uri)
    with pytest.raises(QmpError, match="(?i)in progress|active|process"):
        source.set_capability("events")


def test_peer_with_other_memory(resume_vm, guest, make_vm):
    uri = f"tcp:127.0.0.1:{free_port()}"
    target = make_vm([*guest.arguments("chain", memory_mb=128), "-incoming", uri])
    source = resume_vm("source")
    source.qmp.command("migrate", uri=uri)
    assert target.wait_exit() == 1
    log = target.log()
    assert str(128 << 20) in log and str(256 << 20) in log and "offset" in log, log
    source.wait_migration("failed")
    check_goes_on(source)
