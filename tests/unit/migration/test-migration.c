/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Whole migrations in small: the source is this process, the destination a forked one or a
 * peer that misbehaves. Every end must leave the VM where it belongs.
 */
#include <glib/gstdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "migration/blocker.h"
#include "migration/incoming.h"
#include "migration/init.h"
#include "migration/migration.h"
#include "migration/notifier.h"
#include "migration/vmstate.h"
#include "qapi/qapi-commands-migration.h"
#include "system/bql.h"
#include "system/exit-notifier.h"
#include "system/main-loop.h"
#include "system/memory.h"
#include "system/reset.h"
#include "system/runstate.h"
#include "util/bytes.h"
#include "util/timer.h"

#define PAGE      ((size_t)TARGET_PAGE_SIZE)
#define WAIT_US   (20 * G_USEC_PER_SEC)
#define RAM_PAGES 4096u

static RAMBlock *ram;

typedef struct Device {
    uint32_t value;
} Device;
static Device device;
static bool device_refuses;

static bool device_post_load(void *opaque, int version, GError **error)
{
    if (device_refuses) {
        g_set_error(error, g_quark_from_static_string("test"), 0, "the device is in a bad mood");
    }
    return !device_refuses;
}

static const VMStateField device_fields[] = { VMSTATE_UINT32(value, Device), VMSTATE_END };
static const VMStateDescription device_description = {
    .name = "device",
    .version = 1,
    .minimum_version = 1,
    .post_load = device_post_load,
    .fields = device_fields,
};

/* ---- helpers ---- */

static gboolean on_tick(void *opaque)
{
    return G_SOURCE_CONTINUE;
}

/* Run the main loop until the outgoing migration has @status. */
static void wait_status(MigrationStatus status)
{
    gint64 deadline = g_get_monotonic_time() + WAIT_US;
    while (migration_status(migration_state()) != status) {
        if (g_get_monotonic_time() > deadline) {
            g_autoptr(MigrationInfo) info = qmp_query_migrate(NULL);
            g_error("status %s does not come, it is %s (%s)", MigrationStatus_str(status),
                    MigrationStatus_str(info->status), info->error_desc ? info->error_desc : "");
        }
        main_loop_iterate(true);
    }
}

static void run_main_loop_ms(int milliseconds)
{
    gint64 deadline = g_get_monotonic_time() + milliseconds * 1000;
    while (g_get_monotonic_time() < deadline) {
        main_loop_iterate(true);
    }
}

static void fill_memory(void)
{
    for (size_t i = 0; i < ram->size / 8; i++) {
        ((uint64_t *)ram->host)[i] = i * 8 / PAGE % 4 ? i * UINT64_C(0x9e3779b97f4a7c15) : 0;
    }
    device.value = 4711;
}

static bool memory_is_filled(void)
{
    for (size_t i = 0; i < ram->size / 8; i++) {
        uint64_t expected = i * 8 / PAGE % 4 ? i * UINT64_C(0x9e3779b97f4a7c15) : 0;
        if (((uint64_t *)ram->host)[i] != expected) {
            return false;
        }
    }
    return device.value == 4711;
}

static void make_running(void)
{
    g_autoptr(GError) error = NULL;
    vm_start(&error);
    g_assert_no_error(error);
    fill_memory();
}

static void socket_pair(int fds[2])
{
    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
}

static void start(const char *uri)
{
    g_autoptr(GError) error = NULL;
    qmp_migrate(uri, false, false, false, false, false, false, false, false, &error);
    g_assert_no_error(error);
}

static void start_to_fd(int fd)
{
    g_autofree char *uri = g_strdup_printf("fd:%d", fd);
    start(uri);
}

static void set_capability(MigrationCapability capability, bool state)
{
    g_autoptr(GPtrArray) list = MigrationCapabilityStatus_list_new();
    MigrationCapabilityStatus *item = MigrationCapabilityStatus_new();
    g_autoptr(GError) error = NULL;
    item->capability = capability;
    item->state = state;
    g_ptr_array_add(list, item);
    qmp_migrate_set_capabilities(list, &error);
    g_assert_no_error(error);
}

static void assert_error_contains(const char *part)
{
    g_autoptr(MigrationInfo) info = qmp_query_migrate(NULL);
    g_assert_nonnull(info->error_desc);
    if (!strstr(info->error_desc, part)) {
        g_error("'%s' lacks '%s'", info->error_desc, part);
    }
}

/* The VM goes on here, and another migration can begin. */
static void assert_still_here(void)
{
    g_assert_true(runstate_is(RUN_STATE_RUNNING));
    g_assert_false(dirty_log_enabled(DIRTY_MIGRATION));
    g_assert_true(memory_is_filled());
}

/* ---- destinations ---- */

/* In a child: load from @uri; exits 0 when memory and run state have arrived, 2 on a refusal. */
static pid_t fork_destination(const char *uri, bool refuse)
{
    pid_t pid = fork();
    g_assert_cmpint(pid, >=, 0);
    if (pid > 0) {
        return pid;
    }
    alarm(30);
    g_autoptr(GError) error = NULL;
    memset(ram->host, 0x55, ram->size);
    device.value = 0;
    device_refuses = refuse;
    vm_stop(RUN_STATE_PAUSED);
    g_assert_true(migration_incoming_begin("defer", true, &error));
    qmp_migrate_incoming(uri, &error);
    g_assert_no_error(error);
    MigrationStatus status;
    do {
        main_loop_iterate(true);
        status = migration_incoming_status(migration_incoming());
    } while (status != MIGRATION_STATUS_COMPLETED && status != MIGRATION_STATUS_FAILED);
    bool arrived = memory_is_filled() && runstate_is(RUN_STATE_RUNNING);
    migration_incoming_shutdown(g_get_monotonic_time() + G_USEC_PER_SEC);
    _exit(status == MIGRATION_STATUS_FAILED ? 2 : arrived ? 0 : 1);
}

static void assert_destination(pid_t pid, int exit_status)
{
    int status;
    g_assert_cmpint(waitpid(pid, &status, 0), ==, pid);
    g_assert_true(WIFEXITED(status));
    g_assert_cmpint(WEXITSTATUS(status), ==, exit_status);
}

/* A thread that reads what comes and answers with @answer once that many bytes have come. */
typedef struct Peer {
    int fd;
    size_t after;
    const void *answer;
    size_t answer_size;
    GThread *thread;
} Peer;

static gpointer peer_thread(gpointer opaque)
{
    Peer *peer = opaque;
    static uint8_t buffer[65536];
    size_t total = 0;
    bool answered = false;
    for (ssize_t got; (got = read(peer->fd, buffer, sizeof(buffer))) > 0;) {
        total += got;
        if (!answered && peer->answer && total >= peer->after) {
            g_assert_cmpint(write(peer->fd, peer->answer, peer->answer_size), ==,
                            peer->answer_size);
            answered = true;
        }
    }
    close(peer->fd);
    return NULL;
}

static void peer_start(Peer *peer)
{
    peer->thread = g_thread_new("peer", peer_thread, peer);
}

/* ---- the table ---- */

static void test_transitions(void)
{
    static const char *const legal[] = {
        "none>setup",
        "setup>active",
        "setup>failed",
        "setup>cancelling",
        "active>pre-switchover",
        "active>colo",
        "active>completed",
        "active>failed",
        "active>cancelling",
        "pre-switchover>device",
        "pre-switchover>failed",
        "pre-switchover>cancelling",
        "device>colo",
        "device>completed",
        "device>failed",
        "device>cancelling",
        "colo>completed",
        "colo>failed",
        "cancelling>cancelled",
        "cancelled>setup",
        "completed>setup",
        "failed>setup",
        NULL,
    };
    for (unsigned from = 0; from < MIGRATION_STATUS__MAX; from++) {
        for (unsigned to = 0; to < MIGRATION_STATUS__MAX; to++) {
            g_autofree char *pair =
                g_strdup_printf("%s>%s", MigrationStatus_str(from), MigrationStatus_str(to));
            g_assert_true(migration_transition_legal(from, to) == g_strv_contains(legal, pair));
        }
    }
    g_assert_false(migration_transition_legal(MIGRATION_STATUS__MAX, MIGRATION_STATUS_SETUP));
}

/* ---- success ---- */

static void assert_moved(void)
{
    wait_status(MIGRATION_STATUS_COMPLETED);
    g_assert_true(runstate_is(RUN_STATE_POSTMIGRATE));
    g_autoptr(MigrationInfo) info = qmp_query_migrate(NULL);
    g_assert_true(info->has_downtime);
    g_assert_cmpint(info->ram->total, ==, ram->size);
    g_assert_cmpint(info->ram->remaining, ==, 0);
    g_assert_cmpint(info->ram->normal, >=, RAM_PAGES * 3 / 4);
    g_assert_cmpint(info->ram->duplicate, >=, RAM_PAGES / 4);
    g_assert_cmpint(info->ram->transferred, >, RAM_PAGES * 3 / 4 * PAGE);
    g_assert_cmpint(info->ram->dirty_sync_count, >=, 2);
}

static void test_socket(void)
{
    int fds[2];
    make_running();
    socket_pair(fds);
    g_autofree char *uri = g_strdup_printf("fd:%d", fds[1]);
    pid_t pid = fork_destination(uri, false);
    close(fds[1]);
    start_to_fd(fds[0]);
    assert_moved();
    assert_destination(pid, 0);
}

static void test_file(void)
{
    g_autofree char *directory = g_dir_make_tmp("migration-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(directory, "state", NULL);
    g_autofree char *uri = g_strconcat("file:", path, NULL);
    make_running();
    start(uri);
    assert_moved();
    assert_destination(fork_destination(uri, false), 0);
    g_autofree char *command = g_strdup_printf("exec:cat %s", path);
    assert_destination(fork_destination(command, false), 0);
    g_unlink(path);
    g_rmdir(directory);
}

static void test_unix_listener(void)
{
    g_autofree char *directory = g_dir_make_tmp("migration-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(directory, "socket", NULL);
    g_autofree char *uri = g_strconcat("unix:", path, NULL);
    make_running();
    pid_t pid = fork_destination(uri, false);
    while (!g_file_test(path, G_FILE_TEST_EXISTS)) {
        g_usleep(1000);
    }
    /* The file is there a moment before listen() has been called. */
    g_usleep(50000);
    start(uri);
    assert_moved();
    assert_destination(pid, 0);
    g_unlink(path);
    g_rmdir(directory);
}

static void test_pause_before_switchover(void)
{
    int fds[2];
    g_autoptr(GError) error = NULL;
    make_running();
    set_capability(MIGRATION_CAPABILITY_PAUSE_BEFORE_SWITCHOVER, true);
    socket_pair(fds);
    g_autofree char *uri = g_strdup_printf("fd:%d", fds[1]);
    pid_t pid = fork_destination(uri, false);
    close(fds[1]);
    start_to_fd(fds[0]);
    wait_status(MIGRATION_STATUS_PRE_SWITCHOVER);
    g_assert_true(runstate_is(RUN_STATE_FINISH_MIGRATE));
    qmp_migrate_continue(MIGRATION_STATUS_ACTIVE, &error);
    g_assert_nonnull(error);
    g_clear_error(&error);
    qmp_migrate_continue(MIGRATION_STATUS_PRE_SWITCHOVER, &error);
    g_assert_no_error(error);
    assert_moved();
    assert_destination(pid, 0);
    set_capability(MIGRATION_CAPABILITY_PAUSE_BEFORE_SWITCHOVER, false);
}

/* ---- requests around the end ---- */

static int resets;

static void on_reset(void *opaque)
{
    resets++;
    device.value = 4711;
}

/* A reset that was asked for before the VM stopped travels with it. */
static void test_reset_before_the_end(void)
{
    int fds[2];
    make_running();
    socket_pair(fds);
    g_autofree char *uri = g_strdup_printf("fd:%d", fds[1]);
    pid_t pid = fork_destination(uri, false);
    close(fds[1]);
    device.value = 1;
    resets = 0;
    reset_register(on_reset, NULL);
    start_to_fd(fds[0]);
    /* The main loop stands still meanwhile. */
    while (!runstate_is(RUN_STATE_FINISH_MIGRATE)) {
        bql_unlock();
        g_usleep(1000);
        bql_lock();
    }
    runstate_request_reset(SHUTDOWN_CAUSE_GUEST_RESET);
    assert_moved();
    assert_destination(pid, 0);
    g_assert_cmpint(resets, ==, 1);
    reset_unregister(on_reset, NULL);
}

static void cancel_and_check(void);

/* One that comes while the VM is being handed over waits, and happens if it stays here. */
static void test_reset_while_handed_over(void)
{
    int fds[2];
    make_running();
    socket_pair(fds);
    Peer peer = { .fd = fds[1] };
    peer_start(&peer);
    resets = 0;
    reset_register(on_reset, NULL);
    start_to_fd(fds[0]);
    while (!runstate_is(RUN_STATE_FINISH_MIGRATE)) {
        main_loop_iterate(true);
    }
    run_main_loop_ms(50);
    runstate_request_reset(SHUTDOWN_CAUSE_HOST_QMP_SYSTEM_RESET);
    run_main_loop_ms(50);
    g_assert_cmpint(resets, ==, 0);
    g_assert_true(runstate_is(RUN_STATE_FINISH_MIGRATE));
    cancel_and_check();
    run_main_loop_ms(20);
    g_assert_cmpint(resets, ==, 1);
    g_assert_true(runstate_is(RUN_STATE_RUNNING));
    reset_unregister(on_reset, NULL);
    g_thread_join(peer.thread);
}

/* ---- failure ---- */

static void test_destination_refuses(void)
{
    int fds[2];
    make_running();
    socket_pair(fds);
    g_autofree char *uri = g_strdup_printf("fd:%d", fds[1]);
    pid_t pid = fork_destination(uri, true);
    close(fds[1]);
    start_to_fd(fds[0]);
    wait_status(MIGRATION_STATUS_FAILED);
    assert_still_here();
    assert_error_contains("section 'device' instance 0: the device is in a bad mood");
    assert_destination(pid, 2);
}

static void test_destination_dies(void)
{
    int fds[2];
    make_running();
    socket_pair(fds);
    close(fds[1]);
    start_to_fd(fds[0]);
    wait_status(MIGRATION_STATUS_FAILED);
    assert_still_here();
}

static void answer_and_fail(const void *answer, size_t size, size_t after, const char *part)
{
    int fds[2];
    make_running();
    socket_pair(fds);
    Peer peer = { fds[1], after, answer, size, NULL };
    peer_start(&peer);
    start_to_fd(fds[0]);
    wait_status(MIGRATION_STATUS_FAILED);
    assert_still_here();
    assert_error_contains(part);
    g_thread_join(peer.thread);
}

static void test_return_path_garbage(void)
{
    answer_and_fail("\0\7\0\4abcd", 8, 1, "return path: unknown message type 7");
    answer_and_fail("\0\2\0\5abcde", 9, 1, "message type 2 of 5 bytes, 4 to 4 expected");
    answer_and_fail("\0\1\0\5\0\0\0\3x", 9, 100000, "the destination failed with error 3: x");
    /* Success before everything was sent is none. */
    answer_and_fail("\0\1\0\4\0\0\0\0", 8, 1, "the destination has not answered");
}

static void test_connection_refused(void)
{
    make_running();
    start("unix:/nonexistent/socket");
    wait_status(MIGRATION_STATUS_FAILED);
    assert_error_contains("/nonexistent/socket");
    assert_still_here();
}

/* ---- cancelling ---- */

static void cancel_and_check(void)
{
    gint64 begin = g_get_monotonic_time();
    g_autoptr(GError) error = NULL;
    qmp_migrate_cancel(&error);
    g_assert_no_error(error);
    wait_status(MIGRATION_STATUS_CANCELLED);
    g_assert_cmpint(g_get_monotonic_time() - begin, <, G_USEC_PER_SEC);
    assert_still_here();
}

/* A listener whose queue is full: connecting does not come to an end. */
static void test_cancel_setup(void)
{
    g_autofree char *directory = g_dir_make_tmp("migration-XXXXXX", NULL);
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    g_snprintf(address.sun_path, sizeof(address.sun_path), "%s/socket", directory);
    int listener = socket(AF_UNIX, SOCK_STREAM, 0);
    g_assert_cmpint(bind(listener, (struct sockaddr *)&address, sizeof(address)), ==, 0);
    g_assert_cmpint(listen(listener, 0), ==, 0);
    int clients[8], count = 0;
    do {
        clients[count] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    } while (connect(clients[count++], (struct sockaddr *)&address, sizeof(address)) == 0 &&
             count < 8);
    g_assert_cmpint(count, <, 8);
    make_running();
    g_autofree char *uri = g_strconcat("unix:", address.sun_path, NULL);
    start(uri);
    g_usleep(50000);
    g_assert_cmpint(migration_status(migration_state()), ==, MIGRATION_STATUS_SETUP);
    cancel_and_check();
    for (int i = 0; i < count; i++) {
        close(clients[i]);
    }
    close(listener);
    g_unlink(address.sun_path);
    g_rmdir(directory);
}

/* Nobody reads: the thread hangs in writev(). */
static void test_cancel_active(void)
{
    int fds[2];
    make_running();
    socket_pair(fds);
    start_to_fd(fds[0]);
    wait_status(MIGRATION_STATUS_ACTIVE);
    g_usleep(50000);
    cancel_and_check();
    close(fds[1]);
}

/* Everything was sent, the answer does not come. */
static void test_cancel_unanswered(void)
{
    int fds[2];
    make_running();
    socket_pair(fds);
    Peer peer = { .fd = fds[1] };
    peer_start(&peer);
    start_to_fd(fds[0]);
    while (!runstate_is(RUN_STATE_FINISH_MIGRATE)) {
        main_loop_iterate(true);
    }
    run_main_loop_ms(50);
    cancel_and_check();
    g_thread_join(peer.thread);
}

static void test_cancel_pre_switchover(void)
{
    int fds[2];
    make_running();
    set_capability(MIGRATION_CAPABILITY_PAUSE_BEFORE_SWITCHOVER, true);
    socket_pair(fds);
    Peer peer = { .fd = fds[1] };
    peer_start(&peer);
    start_to_fd(fds[0]);
    wait_status(MIGRATION_STATUS_PRE_SWITCHOVER);
    cancel_and_check();
    set_capability(MIGRATION_CAPABILITY_PAUSE_BEFORE_SWITCHOVER, false);
    g_thread_join(peer.thread);
}

/* The destination has been told to go on and then falls silent: never two VMs. */
static void test_lost_after_commit(void)
{
    int fds[2];
    make_running();
    socket_pair(fds);
    /* The pong for the last ping, given early, and then nothing. */
    Peer peer = { fds[1], 1, "\0\2\0\4load", 8, NULL };
    peer_start(&peer);
    start_to_fd(fds[0]);
    while (!runstate_is(RUN_STATE_FINISH_MIGRATE)) {
        main_loop_iterate(true);
    }
    run_main_loop_ms(100);
    qmp_migrate_cancel(NULL);
    run_main_loop_ms(100);
    g_assert_cmpint(migration_status(migration_state()), ==, MIGRATION_STATUS_ACTIVE);
    shutdown(fds[1], SHUT_RDWR);
    wait_status(MIGRATION_STATUS_FAILED);
    g_assert_true(runstate_is(RUN_STATE_POSTMIGRATE));
    assert_error_contains("it may run there");
    g_thread_join(peer.thread);
}

/* ---- refusals, limits, others ---- */

static void assert_migrate_refused(const char *uri, const char *part)
{
    g_autoptr(GError) error = NULL;
    qmp_migrate(uri, false, false, false, false, false, false, false, false, &error);
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, part));
    g_assert_true(runstate_is(RUN_STATE_RUNNING));
}

static void test_uris(void)
{
    make_running();
    assert_migrate_refused("bogus:1", "expects a valid migration protocol");
    assert_migrate_refused("tcp:", "nothing behind 'tcp:'");
    assert_migrate_refused("tcp:localhost", "localhost");
    assert_migrate_refused("fd:no-such-fd", "no-such-fd");
    assert_migrate_refused("file:/nonexistent/file", "/nonexistent/file");
}

static void test_blocker(void)
{
    g_autoptr(GError) error = NULL;
    make_running();
    MigrationBlocker *blocker = migration_blocker_add("device 'x' cannot be moved", &error);
    g_assert_no_error(error);
    assert_migrate_refused("exec:cat >/dev/null", "device 'x' cannot be moved");
    g_autoptr(MigrationInfo) info = qmp_query_migrate(NULL);
    g_assert_cmpuint(info->blocked_reasons->len, ==, 1);
    migration_blocker_remove(blocker);
}

static int stages[3];

static bool count_stage(MigrationStage stage, void *opaque, GError **error)
{
    stages[stage]++;
    if (stage == MIGRATION_STAGE_SETUP && opaque) {
        g_set_error(error, g_quark_from_static_string("test"), 0, "not now");
        return false;
    }
    return true;
}

static void test_notifier(void)
{
    make_running();
    MigrationNotifier *first = migration_notifier_add(count_stage, NULL);
    MigrationNotifier *refuser = migration_notifier_add(count_stage, &stages);
    assert_migrate_refused("exec:cat >/dev/null", "not now");
    g_assert_cmpint(stages[MIGRATION_STAGE_SETUP], ==, 2);
    g_assert_cmpint(stages[MIGRATION_STAGE_FAILED], ==, 1);
    migration_notifier_remove(refuser);
    start("exec:cat >/dev/null");
    wait_status(MIGRATION_STATUS_COMPLETED);
    g_assert_cmpint(stages[MIGRATION_STAGE_DONE], ==, 1);
    migration_notifier_remove(first);
}

static void test_bandwidth_limit(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MigrationParameters) parameters = MigrationParameters_new();
    make_running();
    parameters->has_max_bandwidth = true;
    parameters->max_bandwidth = 16 * 1024 * 1024;
    qmp_migrate_set_parameters(parameters, &error);
    g_assert_no_error(error);
    gint64 begin = g_get_monotonic_time();
    start("exec:cat >/dev/null");
    wait_status(MIGRATION_STATUS_COMPLETED);
    /* 12 MiB, of which what the downtime limit allows goes at once. */
    gint64 elapsed = g_get_monotonic_time() - begin;
    g_assert_cmpint(elapsed, >, 200000);
    parameters->max_bandwidth = 0;
    qmp_migrate_set_parameters(parameters, &error);
}

static void test_parameter_ranges(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MigrationParameters) parameters = MigrationParameters_new();
    parameters->has_downtime_limit = true;
    parameters->downtime_limit = 3000000;
    parameters->has_max_bandwidth = true;
    parameters->max_bandwidth = 1;
    qmp_migrate_set_parameters(parameters, &error);
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, "'downtime-limit'"));
    g_assert_cmpuint(migration_parameter_max_bandwidth(), !=, 1);
}

/* The capability is there when COLO is built in, under both names. */
static void test_colo_capability(void)
{
    g_autoptr(GError) error = NULL;
    g_autoptr(MigrationCapabilityStatus) item = MigrationCapabilityStatus_new();
    g_autoptr(GPtrArray) list = g_ptr_array_new();
    make_running();
    item->capability = MIGRATION_CAPABILITY_COLO;
    item->state = true;
    g_ptr_array_add(list, item);
    qmp_migrate_set_capabilities(list, &error);
    if (migration_colo_ops()) {
        g_assert_no_error(error);
        g_assert_true(migration_colo_enabled());
        item->capability = MIGRATION_CAPABILITY_X_COLO;
        item->state = false;
        qmp_migrate_set_capabilities(list, &error);
        g_assert_false(migration_capability(MIGRATION_CAPABILITY_COLO));
    } else {
        g_assert_nonnull(strstr(error->message, "'colo'"));
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init();
    g_timeout_add(5, on_tick, NULL);
    ram = ram_block_new("ram", RAM_PAGES * PAGE, NULL);
    vmstate_register(NULL, 0, &device_description, &device);
    migration_init();
    g_test_add_func("/migration/transitions", test_transitions);
    g_test_add_func("/migration/socket", test_socket);
    g_test_add_func("/migration/file-exec", test_file);
    g_test_add_func("/migration/unix", test_unix_listener);
    g_test_add_func("/migration/pause-before-switchover", test_pause_before_switchover);
    g_test_add_func("/migration/reset-before-the-end", test_reset_before_the_end);
    g_test_add_func("/migration/reset-while-handed-over", test_reset_while_handed_over);
    g_test_add_func("/migration/destination-refuses", test_destination_refuses);
    g_test_add_func("/migration/destination-dies", test_destination_dies);
    g_test_add_func("/migration/return-path-garbage", test_return_path_garbage);
    g_test_add_func("/migration/connection-refused", test_connection_refused);
    g_test_add_func("/migration/cancel-setup", test_cancel_setup);
    g_test_add_func("/migration/cancel-active", test_cancel_active);
    g_test_add_func("/migration/cancel-unanswered", test_cancel_unanswered);
    g_test_add_func("/migration/cancel-pre-switchover", test_cancel_pre_switchover);
    g_test_add_func("/migration/lost-after-commit", test_lost_after_commit);
    g_test_add_func("/migration/uris", test_uris);
    g_test_add_func("/migration/blocker", test_blocker);
    g_test_add_func("/migration/notifier", test_notifier);
    g_test_add_func("/migration/bandwidth-limit", test_bandwidth_limit);
    g_test_add_func("/migration/parameter-ranges", test_parameter_ranges);
    g_test_add_func("/migration/colo-capability", test_colo_capability);
    int failed = g_test_run();
    exit_notifiers_run();
    return failed;
}
