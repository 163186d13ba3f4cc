/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The process: wires the parts together, runs the main loop, takes everything down again. */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "accel/accel.h"
#include "accel/qtest.h"
#include "chardev/char.h"
#include "hw/core/device.h"
#include "hw/core/machine.h"
#include "hw/rtc/mc146818.h"
#include "migration/init.h"
#include "monitor/monitor.h"
#include "net/net.h"
#include "system/bql.h"
#include "system/cpus.h"
#include "system/daemon.h"
#include "system/exit-notifier.h"
#include "system/help.h"
#include "system/main-loop.h"
#include "system/options.h"
#include "system/reset.h"
#include "system/runstate.h"
#include "system/serial.h"
#include "util/keyval.h"
#include "util/named-fd.h"
#include "util/report.h"

#define DEFAULT_MACHINE "pc"

/* Complain about @option's @argument and leave. */
static void G_GNUC_NORETURN bad_option(const char *option, const char *argument, GError *error)
{
    g_autofree char *context = g_strdup_printf("-%s %s", option, argument);

    report_fatal(error, context);
}

/* Run @create on each use of an option; leave with an error that names it. */
static void for_each_use(GPtrArray *uses, bool (*create)(OptionUse *use, GError **error))
{
    for (guint i = 0; uses && i < uses->len; i++) {
        OptionUse *use = g_ptr_array_index(uses, i);
        GError *error = NULL;
        if (!create(use, &error)) {
            bad_option(use->option, use->argument, error);
        }
    }
}

/* ---- accelerator ---- */

static void select_accelerator(const VMOptions *options)
{
    const char *from_machine = json_string_value(json_object_get(options->machine, "accel"));
    GError *error = NULL;

    if (options->accelerators) {
        for (guint i = 0; i < options->accelerators->len; i++) {
            OptionUse *use = g_ptr_array_index(options->accelerators, i);
            g_clear_error(&error);
            if (accel_select(use->argument, &error)) {
                return;
            }
            if (i + 1 < options->accelerators->len) {
                report_warning("%s; trying the next accelerator", error->message);
            }
        }
        report_fatal(error, NULL);
    }
    g_auto(GStrv) names = g_strsplit(from_machine ? from_machine : "tcg", ":", -1);
    for (char **name = names; *name; name++) {
        g_clear_error(&error);
        if (accel_select(*name, &error)) {
            return;
        }
    }
    report_fatal(error, NULL);
}

/* ---- machine ---- */

static void set_machine_property(Machine *machine, const char *name, json_t *value)
{
    GError *error = NULL;

    if (!strcmp(name, "type") || !strcmp(name, "accel")) {
        return;
    }
    if (!object_set_json(G_OBJECT(machine), name, value, &error)) {
        report_fatal(error, "-machine");
    }
}

static void check_processors(const VMOptions *options, const MachineClass *klass)
{
    unsigned count = cpu_topology_count(&options->topology);
    const AccelOps *ops = accel_ops();
    GError *error = NULL;

    if (count > klass->maximum_cpus) {
        report_error("Invalid SMP CPUs %u. The max CPUs supported by machine '%s' is %u", count,
                     klass->name, klass->maximum_cpus);
        exit(EXIT_FAILURE);
    }
    if (ops->check_vcpu_count && !ops->check_vcpu_count(count, &error)) {
        report_fatal(error, NULL);
    }
}

static Machine *create_machine(const VMOptions *options)
{
    const char *type = json_string_value(json_object_get(options->machine, "type"));
    GError *error = NULL;
    Machine *machine = machine_new(type ? type : DEFAULT_MACHINE, &error);

    if (!machine) {
        report_fatal(error, NULL);
    }
    const char *name;
    json_t *value;
    json_object_foreach(options->machine, name, value)
    {
        set_machine_property(machine, name, value);
    }
    MachineClass *klass = MACHINE_GET_CLASS(machine);
    check_processors(options, klass);
    if (!options->kernel && (options->initrd || options->append)) {
        report_error("-%s only allowed with -kernel option", options->initrd ? "initrd" : "append");
        exit(EXIT_FAILURE);
    }
    machine->topology = options->topology;
    machine->ram_size = options->ram_size ? options->ram_size : machine->ram_size;
    machine->cpu_type = g_strdup(options->cpu_model);
    machine->kernel_path = g_strdup(options->kernel);
    machine->initrd_path = g_strdup(options->initrd);
    machine->kernel_command_line = g_strdup(options->append);
    machine->firmware_path = g_strdup(options->firmware);
    return machine;
}

static void check_boot(Machine *machine)
{
    MachineClass *klass = MACHINE_GET_CLASS(machine);
    GError *error = NULL;

    if (klass->check_boot && !klass->check_boot(machine, &error)) {
        report_fatal(error, NULL);
    }
}

static void build_machine(Machine *machine)
{
    GError *error = NULL;

    if (!MACHINE_GET_CLASS(machine)->init(machine, &error)) {
        report_fatal(error, NULL);
    }
}

/* ---- file descriptors that the parent process has opened for this one ---- */

static bool parse_descriptor_number(json_t *values, const char *name, int *number, GError **error)
{
    const char *text = json_string_value(json_object_get(values, name));
    guint64 value;

    if (!text) {
        qc_error_set(error, "%s option is required and must be non-negative", name);
        return false;
    }
    if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT, &value, NULL)) {
        qc_error_set(error, "Parameter '%s' expects a number", name);
        return false;
    }
    *number = (int)value;
    return true;
}

/* -add-fd: into a set goes a duplicate, so that one descriptor can be in several. */
static bool add_fd(OptionUse *use, GError **error)
{
    const char *opaque = json_string_value(json_object_get(use->values, "opaque"));
    int fd, set;

    if (!parse_descriptor_number(use->values, "fd", &fd, error) ||
        !parse_descriptor_number(use->values, "set", &set, error)) {
        return false;
    }
    if (fd <= STDERR_FILENO) {
        qc_error_set(error, "fd cannot be a standard I/O stream");
        return false;
    }
    int copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
        qc_error_set(error, "fd is not valid or already in use");
        return false;
    }
    fdset_add(set, copy, opaque);
    return true;
}

/* ---- character devices and monitors ---- */

static bool create_chardev(OptionUse *use, GError **error)
{
    return chardev_new_from_options(use->values, error) != NULL;
}

static bool create_serial(OptionUse *use, GError **error)
{
    static unsigned count;
    g_autofree char *id = g_strdup_printf("serial%u", count++);
    Chardev *chardev = NULL;

    if (strcmp(use->argument, "none")) {
        chardev = chardev_new_from_shorthand(id, use->argument, error);
        if (!chardev || (g_str_has_prefix(use->argument, "mon:") &&
                         !monitor_init(chardev, MONITOR_MODE_READLINE, false, error))) {
            return false;
        }
    }
    if (!serial_hd_add(chardev)) {
        qc_error_set(error, "too many serial ports: at most %d", SERIAL_PORTS_MAX);
        return false;
    }
    return true;
}

static bool create_monitor(OptionUse *use, GError **error)
{
    if (use->values) {
        return monitor_init_from_options(use->values, error);
    }
    bool human = !strcmp(use->option, "monitor");
    bool pretty = !strcmp(use->option, "qmp-pretty");

    return monitor_init_from_shorthand(
        use->argument, human ? MONITOR_MODE_READLINE : MONITOR_MODE_CONTROL, pretty, error);
}

static void create_default_monitor(void)
{
    GError *error = NULL;

    if (!monitor_init_from_shorthand("stdio", MONITOR_MODE_READLINE, false, &error)) {
        report_fatal(error, "monitor");
    }
}

/*
 * With -nographic the terminal is the first serial line and a monitor, or whichever of them no
 * option speaks of. Any monitor option, QMP too, counts as speaking of monitors.
 */
static void create_default_terminal(const VMOptions *options)
{
    if (options->no_defaults || !options->nographic || (options->serials && options->monitors)) {
        return;
    }
    if (options->serials) {
        create_default_monitor();
        return;
    }
    const char *text = options->monitors ? "stdio" : "mon:stdio";
    OptionUse use = { "serial", (char *)text, NULL };
    GError *error = NULL;
    if (!create_serial(&use, &error)) {
        bad_option("serial", text, error);
    }
}

/* ---- devices and objects ---- */

/*
 * Objects that look for character devices or network back ends are made after these; all others,
 * which these may look for themselves, before.
 */
static bool object_needs_backends(const OptionUse *use)
{
    static const char *const late[] = { "colo-compare", "rng-egd", NULL };
    const char *type = json_string_value(json_object_get(use->values, "qom-type"));

    return type && (g_str_has_prefix(type, "filter-") || g_strv_contains(late, type));
}

static bool create_object(OptionUse *use, GError **error)
{
    g_autofree char *type = g_strdup(json_string_value(json_object_get(use->values, "qom-type")));
    g_autofree char *id = g_strdup(json_string_value(json_object_get(use->values, "id")));

    if (!type || !id) {
        qc_error_set(error, "Parameter '%s' is missing", type ? "id" : "qom-type");
        return false;
    }
    json_object_del(use->values, "qom-type");
    json_object_del(use->values, "id");
    return object_user_create(type, id, use->values, error) != NULL;
}

static bool create_early_object(OptionUse *use, GError **error)
{
    return object_needs_backends(use) || create_object(use, error);
}

static bool create_late_object(OptionUse *use, GError **error)
{
    return !object_needs_backends(use) || create_object(use, error);
}

static bool create_netdev(OptionUse *use, GError **error)
{
    return net_backend_create(use->values, error) != NULL;
}

static bool add_network_option(OptionUse *use, GError **error)
{
    return net_option_add(use->option, use->argument, error);
}

static void create_network_cards(void)
{
    GError *error = NULL;

    if (!net_options_create_nics(&error)) {
        report_fatal(error, NULL);
    }
}

static bool create_device(OptionUse *use, GError **error)
{
    return device_create_from_options(use->values, error) != NULL;
}

static bool add_global(OptionUse *use, GError **error)
{
    return device_global_add(use->argument, error);
}

/* ---- the process ---- */

static gboolean on_signal(gpointer data)
{
    runstate_request_shutdown(SHUTDOWN_CAUSE_HOST_SIGNAL);
    return G_SOURCE_CONTINUE;
}

static void watch_signals(void)
{
    static const int signals[] = { SIGINT, SIGTERM, SIGHUP };
    struct sigaction ignore = { .sa_handler = SIG_IGN };

    sigaction(SIGPIPE, &ignore, NULL);
    for (size_t i = 0; i < G_N_ELEMENTS(signals); i++) {
        g_unix_signal_add(signals[i], on_signal, NULL);
    }
}

static void start_vm(const VMOptions *options)
{
    GError *error = NULL;

    if (options->incoming) {
        if (!migration_incoming_begin(options->incoming, !options->start_paused, &error)) {
            bad_option("incoming", options->incoming, error);
        }
        return;
    }
    if (!options->start_paused && !vm_start(&error)) {
        report_fatal(error, NULL);
    }
}

static void set_up(const VMOptions *options)
{
    GError *error = NULL;

    for_each_use(options->fds, add_fd);
    for_each_use(options->globals, add_global);
    select_accelerator(options);
    if (options->rtc && !mc146818_configure(options->rtc, &error)) {
        report_fatal(error, "-rtc");
    }
    runstate_set_reboot_action(!options->no_reboot);
    runstate_set_shutdown_action(!options->no_shutdown);
    for_each_use(options->objects, create_early_object);
    for_each_use(options->chardevs, create_chardev);
    Machine *machine = create_machine(options);
    for_each_use(options->netdevs, create_netdev);
    for_each_use(options->network, add_network_option);
    for_each_use(options->objects, create_late_object);
    for_each_use(options->serials, create_serial);
    create_default_terminal(options);
    for_each_use(options->monitors, create_monitor);
    build_machine(machine);
    create_network_cards();
    for_each_use(options->devices, create_device);
    net_warn_of_loose_ends();
    migration_init();
    if (options->incoming) {
        /* Before the reset: the board loads nothing into the memory of a VM that comes in. */
        runstate_set(RUN_STATE_INMIGRATE);
    } else {
        check_boot(machine);
    }
    reset_all();
    if (options->qtest && !qtest_server_start(options->qtest, options->qtest_log, &error)) {
        bad_option("qtest", options->qtest, error);
    }
    start_vm(options);
}

static void take_down(void)
{
    exit_notifiers_run();
    vcpus_shutdown();
    monitor_cleanup();
    chardev_cleanup();
    daemon_remove_pid_file();
}

int main(int argc, char **argv)
{
    GError *error = NULL;

    g_set_prgname("qemu-system-x86_64");
    if (!options_parse(argc, argv, &error)) {
        report_fatal(error, NULL);
    }
    const VMOptions *options = vm_options();
    help_print_and_exit_if_asked(options);
    if (options->process_name) {
        prctl(PR_SET_NAME, options->process_name);
    }
    if (options->daemonize && options->nographic) {
        report_error("-nographic cannot be used with -daemonize");
        return EXIT_FAILURE;
    }
    if (options->daemonize) {
        daemon_fork();
    }
    main_loop_init();
    watch_signals();
    if (options->pid_file && !daemon_write_pid_file(options->pid_file, &error)) {
        report_fatal(error, NULL);
    }
    set_up(options);
    if (options->daemonize) {
        daemon_detach();
    }
    main_loop_run();
    take_down();
    options_clear();
    return main_loop_exit_status();
}
