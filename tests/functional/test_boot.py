# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Debian's kernel boots, the guest works, and can be controlled."""

from colotest.chain import check_unbroken, model_for, read_chain


def test_boot_to_chain(make_vm, guest):
    vm = make_vm(guest.arguments("chain"))
    vm.wait_boot()
    vm.wait_lines(r"^chain \d+ ", 20)
    report = read_chain(vm.console.lines(), model_for(1, 32, 32))
    check_unbroken(report)
    assert report.lines[0].counter == 1
    assert vm.status() == "running"


def test_shell_on_the_serial_line(make_vm, guest):
    vm = make_vm(guest.arguments("shell"))
    vm.console.wait_for("guest: shell", 120)
    vm.console.wait_for("[#$] ", 30)
    vm.console.write("echo $((6 * 7)) $(uname -s)\n")
    vm.console.wait_for("^42 Linux", 30)
    vm.console.write("grep MemTotal /proc/meminfo\n")
    total_kib = int(vm.console.wait_for(r"MemTotal: +(\d+) kB", 30)[1])
    assert 200 * 1024 < total_kib < 256 * 1024


def test_stop_and_cont(resume_vm):
    vm = resume_vm()
    vm.qmp.command("stop")
    vm.qmp.wait_event("STOP")
    assert vm.status() == "paused"
    while_stopped = vm.console.position()
    vm.qmp.command("cont")
    vm.qmp.wait_event("RESUME")
    vm.wait_lines(r"^chain \d+ ", 5, start=while_stopped)
    check_unbroken(read_chain(vm.console.lines()[1:], model_for(1, 32, 32)))


def test_guest_powers_off(make_vm, guest):
    vm = make_vm(guest.arguments("idle"))
    vm.console.wait_for("guest: idle", 120)
    vm.console.write("poweroff\n")
    assert vm.qmp.wait_event("SHUTDOWN", 60)["data"] == {"guest": True, "reason": "guest-shutdown"}
    assert vm.wait_exit() == 0


def test_no_shutdown_keeps_the_process(make_vm, guest):
    vm = make_vm([*guest.arguments("poweroff"), "-no-shutdown"])
    vm.qmp.wait_event("SHUTDOWN", 120)
    vm.wait_status("shutdown")
    assert vm.quit() == 0


def test_guest_reboots(make_vm, guest):
    vm = make_vm(guest.arguments("idle"))
    vm.console.wait_for("guest: idle", 120)
    vm.console.write("reboot\n")
    assert vm.qmp.wait_event("RESET", 60)["data"] == {"guest": True, "reason": "guest-reset"}
    vm.wait_lines("^guest: idle", 2, seconds=120)


def test_no_reboot_exits(make_vm, guest):
    vm = make_vm([*guest.arguments("reboot"), "-no-reboot"])
    assert vm.wait_exit(120) == 0


def test_system_reset(make_vm, guest):
    vm = make_vm(guest.arguments("chain"))
    vm.wait_lines(r"^chain \d+ ", 3, seconds=120)
    reset_at = vm.console.position()
    vm.qmp.command("system_reset")
    assert vm.qmp.wait_event("RESET")["data"]["guest"] is False
    vm.console.wait_for("guest: init reached", 120, start=reset_at)
    vm.wait_lines(r"^chain 3 ", 1, start=reset_at)


def test_quit_while_the_guest_runs(resume_vm):
    assert resume_vm().quit() == 0
