/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The command line: the table of options, and parsing each into VMOptions. */
#include "system/options.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "chardev/char.h"
#include "config-host.h"
#include "net/net.h"
#include "util/keyval.h"
#include "util/report.h"
#include "util/trace.h"

#define MEBIBYTE (UINT64_C(1) << 20)

typedef struct Option {
    const char *name;
    const char *argument; /* for -help; NULL: takes none */
    const char *help;
    bool (*parse)(VMOptions *options, const struct Option *option, const char *argument,
                  GError **error);
    size_t offset;           /* of the field that the generic parsers fill in */
    const char *implied_key; /* of key=value lists */
} Option;

static VMOptions process_options;

const VMOptions *vm_options(void)
{
    return &process_options;
}

static void *field(VMOptions *options, const Option *option)
{
    return (char *)options + option->offset;
}

/* ---- generic parsers ---- */

static bool parse_string(VMOptions *options, const Option *option, const char *argument,
                         GError **error)
{
    char **target = field(options, option);

    g_free(*target);
    *target = g_strdup(argument);
    return true;
}

static bool parse_flag(VMOptions *options, const Option *option, const char *argument,
                       GError **error)
{
    *(bool *)field(options, option) = true;
    return true;
}

static bool parse_ignored(VMOptions *options, const Option *option, const char *argument,
                          GError **error)
{
    return true;
}

static void option_use_free(gpointer data)
{
    OptionUse *use = data;

    json_decref(use->values);
    g_free(use->argument);
    g_free(use);
}

static void add_use(VMOptions *options, const Option *option, const char *argument, json_t *values)
{
    GPtrArray **list = field(options, option);
    OptionUse *use = g_new0(OptionUse, 1);

    use->option = option->name;
    use->argument = g_strdup(argument);
    use->values = values;
    if (!*list) {
        *list = g_ptr_array_new_with_free_func(option_use_free);
    }
    g_ptr_array_add(*list, use);
}

static bool parse_list(VMOptions *options, const Option *option, const char *argument,
                       GError **error)
{
    add_use(options, option, argument, NULL);
    return true;
}

static bool parse_keyval_list(VMOptions *options, const Option *option, const char *argument,
                              GError **error)
{
    json_t *values = keyval_parse(argument, option->implied_key, error);

    if (!values) {
        return false;
    }
    add_use(options, option, argument, values);
    return true;
}

static bool parse_netdev(VMOptions *options, const Option *option, const char *argument,
                         GError **error)
{
    json_t *values = net_options_parse(argument, error);

    if (!values) {
        return false;
    }
    add_use(options, option, argument, values);
    return true;
}

static bool parse_keyval_merged(VMOptions *options, const Option *option, const char *argument,
                                GError **error)
{
    json_t **target = field(options, option);
    json_t *values = keyval_parse(argument, option->implied_key, error);

    if (!values) {
        return false;
    }
    if (*target) {
        json_object_update(*target, values);
        json_decref(values);
    } else {
        *target = values;
    }
    return true;
}

/* Complain about the first key of @values that @known does not list. */
static bool only_known_keys(json_t *values, const char *const *known, GError **error)
{
    const char *key;
    json_t *value;

    json_object_foreach(values, key, value)
    {
        if (!g_strv_contains(known, key)) {
            qc_error_set(error, "Invalid parameter '%s'", key);
            return false;
        }
        if (!json_is_string(value)) {
            qc_error_set(error, "Parameter '%s' expects a single value", key);
            return false;
        }
    }
    return true;
}

static bool parse_on_off(json_t *values, const char *key, bool *on, GError **error)
{
    const char *text = json_string_value(json_object_get(values, key));

    if (!text) {
        return true;
    }
    *on = !strcmp(text, "on");
    if (!*on && strcmp(text, "off")) {
        qc_error_set(error, "Parameter '%s' expects 'on' or 'off'", key);
        return false;
    }
    return true;
}

/* ---- single options ---- */

static bool parse_memory(VMOptions *options, const Option *option, const char *argument,
                         GError **error)
{
    static const char *const known[] = { "size", NULL };
    json_t *values = keyval_parse(argument, "size", error);

    if (!values) {
        return false;
    }
    const char *size = json_string_value(json_object_get(values, "size"));
    bool ok = only_known_keys(values, known, error);
    if (ok && !size) {
        qc_error_set(error, "missing 'size' option value");
        ok = false;
    }
    ok = ok && size_parse(size, MEBIBYTE, &options->ram_size, error);
    if (ok && options->ram_size < MEBIBYTE) {
        qc_error_set(error, "memory size '%s' is too small: expected at least 1M", size);
        ok = false;
    }
    json_decref(values);
    return ok;
}

static bool parse_smp(VMOptions *options, const Option *option, const char *argument,
                      GError **error)
{
    static const char *const known[] = { "cpus",  "maxcpus", "sockets", "dies",
                                         "cores", "threads", NULL };
    json_t *values = keyval_parse(argument, "cpus", error);
    bool ok = values && only_known_keys(values, known, error) &&
              cpu_topology_parse(values, &options->topology, error);

    json_decref(values);
    return ok;
}

static bool parse_name(VMOptions *options, const Option *option, const char *argument,
                       GError **error)
{
    static const char *const known[] = { "guest", "process", "debug-threads", NULL };
    json_t *values = keyval_parse(argument, "guest", error);
    bool named_threads; /* they always are */

    if (!values || !only_known_keys(values, known, error) ||
        !parse_on_off(values, "debug-threads", &named_threads, error)) {
        json_decref(values);
        return false;
    }
    g_free(options->name);
    g_free(options->process_name);
    options->name = g_strdup(json_string_value(json_object_get(values, "guest")));
    options->process_name = g_strdup(json_string_value(json_object_get(values, "process")));
    json_decref(values);
    return true;
}

static bool parse_uuid(VMOptions *options, const Option *option, const char *argument,
                       GError **error)
{
    if (!g_uuid_string_is_valid(argument)) {
        qc_error_set(error, "failed to parse UUID string: wrong format");
        return false;
    }
    return parse_string(options, option, argument, error);
}

static bool parse_escape_character(VMOptions *options, const Option *option, const char *argument,
                                   GError **error)
{
    char *end;
    guint64 character = g_ascii_strtoull(argument, &end, 0);

    if (end == argument || *end || character > 255) {
        qc_error_set(error, "expected the number of a character, 0 to 255; 1 is Ctrl-a");
        return false;
    }
    chardev_mux_set_escape((uint8_t)character);
    return true;
}

static bool parse_log_topics(VMOptions *options, const Option *option, const char *argument,
                             GError **error)
{
    if (!strcmp(argument, "help")) {
        log_print_topics();
        exit(EXIT_SUCCESS);
    }
    return log_parse_topics(argument, &log_topics, error);
}

static bool parse_log_file(VMOptions *options, const Option *option, const char *argument,
                           GError **error)
{
    return log_set_file(argument, error);
}

static void print_trace_event(TraceEvent *event, void *opaque)
{
    printf("%s\n", event->name);
}

static bool parse_trace(VMOptions *options, const Option *option, const char *argument,
                        GError **error)
{
    static const char *const known[] = { "enable", "events", "file", "help", NULL };
    json_t *values = keyval_parse(argument, "enable", error);
    bool ok = values && only_known_keys(values, known, error);
    const char *pattern = ok ? json_string_value(json_object_get(values, "enable")) : NULL;
    const char *events = ok ? json_string_value(json_object_get(values, "events")) : NULL;
    const char *file = ok ? json_string_value(json_object_get(values, "file")) : NULL;

    if (ok && json_object_get(values, "help")) {
        trace_events_foreach(print_trace_event, NULL);
        exit(EXIT_SUCCESS);
    }
    if (pattern && !trace_events_set(pattern, true)) {
        report_warning("no trace event matches '%s'", pattern);
    }
    ok = ok && (!events || trace_events_load(events, error));
    ok = ok && (!file || trace_set_file(file, error));
    json_decref(values);
    return ok;
}

static bool parse_message(VMOptions *options, const Option *option, const char *argument,
                          GError **error)
{
    static const char *const known[] = { "timestamp", "guest-name", NULL };
    json_t *values = keyval_parse(argument, NULL, error);
    bool timestamps = false;
    bool guest_name = false;
    bool ok = values && only_known_keys(values, known, error) &&
              parse_on_off(values, "timestamp", &timestamps, error) &&
              parse_on_off(values, "guest-name", &guest_name, error);

    if (ok) {
        report_set_timestamps(timestamps);
        options->name_in_messages = guest_name;
    }
    json_decref(values);
    return ok;
}

static bool parse_action(VMOptions *options, const Option *option, const char *argument,
                         GError **error)
{
    static const char *const known[] = { "reboot", "shutdown", NULL };
    json_t *values = keyval_parse(argument, NULL, error);
    bool ok = values && only_known_keys(values, known, error);
    const char *reboot = ok ? json_string_value(json_object_get(values, "reboot")) : NULL;
    const char *shutdown = ok ? json_string_value(json_object_get(values, "shutdown")) : NULL;

    if (reboot) {
        options->no_reboot = !strcmp(reboot, "shutdown");
        if (!options->no_reboot && strcmp(reboot, "reset")) {
            qc_error_set(error, "Parameter 'reboot' expects 'reset' or 'shutdown'");
            ok = false;
        }
    }
    if (ok && shutdown) {
        options->no_shutdown = !strcmp(shutdown, "pause");
        if (!options->no_shutdown && strcmp(shutdown, "poweroff")) {
            qc_error_set(error, "Parameter 'shutdown' expects 'poweroff' or 'pause'");
            ok = false;
        }
    }
    json_decref(values);
    return ok;
}

static bool parse_add_fd(VMOptions *options, const Option *option, const char *argument,
                         GError **error)
{
    static const char *const known[] = { "fd", "set", "opaque", NULL };
    json_t *values = keyval_parse(argument, NULL, error);

    if (!values || !only_known_keys(values, known, error)) {
        json_decref(values);
        return false;
    }
    add_use(options, option, argument, values);
    return true;
}

static bool parse_none_only(VMOptions *options, const Option *option, const char *argument,
                            GError **error)
{
    if (strcmp(argument, "none")) {
        qc_error_set(error, "'%s' is not supported, only 'none'", argument);
        return false;
    }
    return true;
}

static bool parse_version(VMOptions *options, const Option *option, const char *argument,
                          GError **error)
{
    printf("QEMU emulator version 7.2.0 (qemu-colo " QEMU_COLO_VERSION ")\n"
           "Copyright (c) The qemu-colo authors\n");
    exit(EXIT_SUCCESS);
}

static bool parse_help(VMOptions *options, const Option *option, const char *argument,
                       GError **error);

#define FIELD(name) .offset = offsetof(VMOptions, name)

/* In alphabetical order. */
static const Option option_table[] = {
    { "D", "FILE", "write the log to FILE", parse_log_file },
    { "L", "PATH", "accepted for compatibility; there is no firmware to look for", parse_ignored },
    { "M", "[type=]NAME[,prop=value...]", "same as -machine", parse_keyval_merged, FIELD(machine),
      "type" },
    { "S", NULL, "do not start the guest; use 'cont' in the monitor", parse_flag,
      FIELD(start_paused) },
    { "accel", "[accel=]NAME[,prop=value...]", "choose the accelerator (help lists them)",
      parse_list, FIELD(accelerators) },
    { "action", "reboot=reset|shutdown,shutdown=poweroff|pause", "what guest events lead to",
      parse_action },
    { "add-fd", "fd=N,set=SET[,opaque=TEXT]", "add file descriptor N to the set SET", parse_add_fd,
      FIELD(fds) },
    { "append", "CMDLINE", "kernel command line", parse_string, FIELD(append) },
    { "bios", "FILE", "firmware image", parse_string, FIELD(firmware) },
    { "chardev", "BACKEND,id=ID[,...]", "add a character device (help lists the back ends)",
      parse_keyval_list, FIELD(chardevs), "backend" },
    { "cpu", "MODEL[,+feature][,-feature]", "choose the CPU model (help lists them)", parse_string,
      FIELD(cpu_model) },
    { "d", "ITEM,...", "log these items (help lists them)", parse_log_topics },
    { "daemonize", NULL, "go to the background once the VM is set up", parse_flag,
      FIELD(daemonize) },
    { "device", "DRIVER[,prop=value...]", "add a device (help lists them)", parse_keyval_list,
      FIELD(devices), "driver" },
    { "display", "none", "kind of display", parse_none_only },
    { "echr", "CHARACTER", "number of the key that begins an escape on a terminal; 1: Ctrl-a",
      parse_escape_character },
    { "global", "DRIVER.PROPERTY=VALUE", "default of a device's property", parse_list,
      FIELD(globals) },
    { "h", NULL, "this text", parse_help },
    { "help", NULL, "this text", parse_help },
    { "incoming", "URI|defer",
      "wait for a migration: tcp:HOST:PORT unix:PATH fd:FD exec:CMD "
      "file:PATH defer",
      parse_string, FIELD(incoming) },
    { "initrd", "FILE", "initial RAM disk", parse_string, FIELD(initrd) },
    { "kernel", "FILE", "bzImage to boot", parse_string, FIELD(kernel) },
    { "m", "[size=]MEGS", "guest memory, with an optional suffix K, M, G or T", parse_memory },
    { "machine", "[type=]NAME[,prop=value...]", "choose the machine (help lists them)",
      parse_keyval_merged, FIELD(machine), "type" },
    { "mon", "[chardev=]ID[,mode=readline|control][,pretty=on|off]", "monitor on a chardev",
      parse_keyval_list, FIELD(monitors), "chardev" },
    { "monitor", "DEV", "human monitor on a character device", parse_list, FIELD(monitors) },
    { "msg", "[timestamp=on|off][,guest-name=on|off]", "format of messages", parse_message },
    { "name", "[guest=]NAME[,process=NAME][,debug-threads=on|off]", "name of the guest",
      parse_name },
    { "net", "nic[,model=MODEL]|TYPE[,...]|none",
      "network card or back end at a hub (model=help lists the cards)", parse_list,
      FIELD(network) },
    { "netdev", "TYPE,id=ID[,prop=value...]", "add a network back end (help lists the types)",
      parse_netdev, FIELD(netdevs) },
    { "nic", "TYPE[,model=MODEL][,mac=ADDRESS][,prop=value...]|none",
      "network card with its back end (model=help lists the cards)", parse_list, FIELD(network) },
    { "no-reboot", NULL, "exit instead of rebooting", parse_flag, FIELD(no_reboot) },
    { "no-shutdown", NULL, "stop instead of exiting when the guest shuts down", parse_flag,
      FIELD(no_shutdown) },
    { "no-user-config", NULL, "accepted: there are no user configuration files", parse_ignored },
    { "nodefaults", NULL, "no default devices", parse_flag, FIELD(no_defaults) },
    { "nographic", NULL, "serial line and monitor on the terminal", parse_flag, FIELD(nographic) },
    { "object", "TYPE,id=ID[,prop=value...]", "create an object (help lists the types)",
      parse_keyval_list, FIELD(objects), "qom-type" },
    { "only-migratable", NULL, "refuse devices that cannot be migrated", parse_flag,
      FIELD(only_migratable) },
    { "pidfile", "FILE", "write the process id to FILE", parse_string, FIELD(pid_file) },
    { "qmp", "DEV", "QMP on a character device", parse_list, FIELD(monitors) },
    { "qmp-pretty", "DEV", "QMP with indented answers", parse_list, FIELD(monitors) },
    { "qtest", "DEV", "device test protocol on a character device", parse_string, FIELD(qtest) },
    { "qtest-log", "FILE", "log of the device test protocol", parse_string, FIELD(qtest_log) },
    { "rtc", "[base=utc|localtime|DATE][,clock=vm][,driftfix=none]", "real time clock",
      parse_keyval_merged, FIELD(rtc), NULL },
    { "serial", "DEV", "connect the next serial port to a character device", parse_list,
      FIELD(serials) },
    { "smp", "[cpus=]N[,maxcpus=N][,sockets=N][,dies=N][,cores=N][,threads=N]",
      "number of processors", parse_smp },
    { "trace", "[[enable=]PATTERN][,events=FILE][,file=FILE]", "switch trace events on",
      parse_trace },
    { "uuid", "UUID", "UUID of the machine", parse_uuid, FIELD(uuid) },
    { "version", NULL, "print the version", parse_version },
    { "vga", "none", "video card; none is what there is", parse_none_only },
};

void options_foreach(void (*visit)(const char *name, const char *argument, const char *help,
                                   void *opaque),
                     void *opaque)
{
    for (size_t i = 0; i < G_N_ELEMENTS(option_table); i++) {
        visit(option_table[i].name, option_table[i].argument, option_table[i].help, opaque);
    }
}

static bool parse_help(VMOptions *options, const Option *unused, const char *argument,
                       GError **error)
{
    printf("usage: qemu-system-x86_64 [options]\n\n");
    for (size_t i = 0; i < G_N_ELEMENTS(option_table); i++) {
        const Option *option = &option_table[i];
        printf("-%s%s%s\n        %s\n", option->name, option->argument ? " " : "",
               option->argument ? option->argument : "", option->help);
    }
    exit(EXIT_SUCCESS);
}

static const Option *find_option(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(option_table); i++) {
        if (!strcmp(option_table[i].name, name)) {
            return &option_table[i];
        }
    }
    return NULL;
}

bool options_parse(int argc, char **argv, GError **error)
{
    VMOptions *options = &process_options;

    options->topology = (CPUTopology){ 1, 1, 1, 1 };
    for (int i = 1; i < argc; i++) {
        const char *word = argv[i];
        if (*word != '-' || !word[1]) {
            qc_error_set(error, "%s: disk images by position are not supported", word);
            return false;
        }
        const Option *option = find_option(word[1] == '-' ? word + 2 : word + 1);
        if (!option) {
            qc_error_set(error, "%s: invalid option", word);
            return false;
        }
        const char *argument = NULL;
        if (option->argument) {
            if (++i == argc) {
                qc_error_set(error, "%s: requires an argument", word);
                return false;
            }
            argument = argv[i];
        }
        g_autoptr(GError) local = NULL;
        if (!option->parse(options, option, argument, &local)) {
            qc_error_set(error, "%s%s%s: %s", word, argument ? " " : "", argument ? argument : "",
                         local->message);
            return false;
        }
    }
    /* -msg may come before -name. */
    report_set_guest_name(options->name_in_messages ? options->name : NULL);
    return true;
}

static void clear_list(GPtrArray **list)
{
    g_clear_pointer(list, g_ptr_array_unref);
}

void options_clear(void)
{
    VMOptions *options = &process_options;

    clear_list(&options->accelerators);
    clear_list(&options->chardevs);
    clear_list(&options->objects);
    clear_list(&options->devices);
    clear_list(&options->netdevs);
    clear_list(&options->network);
    clear_list(&options->globals);
    clear_list(&options->serials);
    clear_list(&options->monitors);
    clear_list(&options->fds);
    json_decref(options->machine);
    json_decref(options->rtc);
    char *strings[] = { options->cpu_model, options->kernel,       options->initrd,
                        options->append,    options->firmware,     options->incoming,
                        options->name,      options->process_name, options->uuid,
                        options->pid_file,  options->qtest,        options->qtest_log };
    for (size_t i = 0; i < G_N_ELEMENTS(strings); i++) {
        g_free(strings[i]);
    }
    *options = (VMOptions){ 0 };
}
