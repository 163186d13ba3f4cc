/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The command line: what the options store, and what each refuses. */
#include "system/options.h"

#include <string.h>

static bool parse(const char *line, GError **error)
{
    g_autofree char *all = g_strdup_printf("qemu-system-x86_64 %s", line);
    g_auto(GStrv) words = g_strsplit(all, " ", -1);

    options_clear();
    return options_parse((int)g_strv_length(words), words, error);
}

static const struct {
    const char *line;
    const char *error;
} refusals[] = {
    { "disk.img", "disk.img: disk images by position are not supported" },
    { "-", "-: disk images by position are not supported" },
    { "--", "--: invalid option" },
    { "-hda x", "-hda: invalid option" },
    { "-m", "-m: requires an argument" },
    { "-m 1x", "-m 1x: '1x' is not a size: expected a number with an optional suffix (B, K, M, G, "
               "T, P, E)" },
    { "-m 1K", "-m 1K: memory size '1K' is too small: expected at least 1M" },
    { "-m 16384P", "-m 16384P: size '16384P' is too large" },
    { "-m maxmem=4G", "-m maxmem=4G: Invalid parameter 'maxmem'" },
    { "-m size.a=4G", "-m size.a=4G: Parameter 'size' expects a single value" },
    { "-smp 0", "-smp 0: Parameter 'cpus' expects a number from 1 to 1024, found '0'" },
    { "-smp cores=-1",
      "-smp cores=-1: Parameter 'cores' expects a number from 1 to 1024, found '-1'" },
    { "-smp sockets=1024,dies=1024,cores=1024,threads=4",
      "-smp sockets=1024,dies=1024,cores=1024,threads=4: Invalid CPU topology: sockets * dies * "
      "cores * threads is 4294967296, expected at most 1024" },
    { "-smp 4,sockets=3",
      "-smp 4,sockets=3: Invalid CPU topology: product of the hierarchy must match maxcpus: "
      "sockets (3) * dies (1) * cores (1) * threads (1) != maxcpus (4)" },
    { "-smp 4,sockets=1,cores=2,threads=1",
      "-smp 4,sockets=1,cores=2,threads=1: Invalid CPU topology: product of the hierarchy must "
      "match maxcpus: sockets (1) * dies (1) * cores (2) * threads (1) != maxcpus (4)" },
    { "-smp 5,cores=2",
      "-smp 5,cores=2: Invalid CPU topology: product of the hierarchy must match maxcpus: sockets "
      "(2) * dies (1) * cores (2) * threads (1) != maxcpus (5)" },
    { "-smp 2,maxcpus=4",
      "-smp 2,maxcpus=4: Invalid CPU topology: maxcpus (4) must equal cpus (2): "
      "processors cannot be added later" },
    { "-smp nodes=2", "-smp nodes=2: Invalid parameter 'nodes'" },
    { "-smp =2", "-smp =2: '=2': invalid key ''" },
    { "-name a,debug-threads=maybe",
      "-name a,debug-threads=maybe: Parameter 'debug-threads' expects 'on' or 'off'" },
    { "-uuid 1234", "-uuid 1234: failed to parse UUID string: wrong format" },
    { "-echr 256", "-echr 256: expected the number of a character, 0 to 255; 1 is Ctrl-a" },
    { "-d int,nonsense",
      "-d int,nonsense: -d int,nonsense: unknown log item 'nonsense' (see -d help)" },
    { "-D /nonexistent/log",
      "-D /nonexistent/log: cannot open log file '/nonexistent/log': No such file or directory" },
    { "-trace events=/nonexistent",
      "-trace events=/nonexistent: cannot read trace events file '/nonexistent': Failed to open "
      "file “/nonexistent”: No such file or directory" },
    { "-trace file=/nonexistent/t",
      "-trace file=/nonexistent/t: cannot open trace file '/nonexistent/t': No such file or "
      "directory" },
    { "-msg timestamp=maybe", "-msg timestamp=maybe: Parameter 'timestamp' expects 'on' or 'off'" },
    { "-action reboot=no", "-action reboot=no: Parameter 'reboot' expects 'reset' or 'shutdown'" },
    { "-action shutdown=no",
      "-action shutdown=no: Parameter 'shutdown' expects 'poweroff' or 'pause'" },
    { "-action panic=none", "-action panic=none: Invalid parameter 'panic'" },
    { "-add-fd fd=3,fdset=1", "-add-fd fd=3,fdset=1: Invalid parameter 'fdset'" },
    { "-display gtk", "-display gtk: 'gtk' is not supported, only 'none'" },
    { "-chardev {", "-chardev {: '{': JSON syntax: " },
};

static void test_refusals(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(refusals); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_false(parse(refusals[i].line, &error));
        g_autofree char *start = g_strndup(error->message, strlen(refusals[i].error));
        g_assert_cmpstr(start, ==, refusals[i].error);
    }
}

static const struct {
    const char *argument;
    CPUTopology topology;
} processors[] = {
    { "4", { 1, 1, 4, 1 } }, /* cores are preferred */
    { "cpus=4,maxcpus=4", { 1, 1, 4, 1 } },
    { "maxcpus=3", { 1, 1, 3, 1 } },
    { "sockets=2,cores=3,threads=2", { 2, 1, 3, 2 } },
    { "cores=3", { 1, 1, 3, 1 } },
    { "8,sockets=2", { 2, 1, 4, 1 } },
    { "8,threads=2", { 1, 1, 4, 2 } },
    { "8,cores=2", { 4, 1, 2, 1 } },
    { "8,dies=2", { 1, 2, 4, 1 } },
    { "8,sockets=2,cores=2", { 2, 1, 2, 2 } },
    { "8,sockets=2,dies=1,cores=2,threads=2", { 2, 1, 2, 2 } },
};

static void test_processors(void)
{
    for (size_t i = 0; i < G_N_ELEMENTS(processors); i++) {
        g_autoptr(GError) error = NULL;
        g_autofree char *line = g_strdup_printf("-smp %s", processors[i].argument);
        parse(line, &error);
        g_assert_no_error(error);
        g_assert_cmpmem(&vm_options()->topology, sizeof(CPUTopology), &processors[i].topology,
                        sizeof(CPUTopology));
    }
}

static void test_fields(void)
{
    const VMOptions *options = vm_options();
    g_autoptr(GError) error = NULL;

    parse("-m 512 --machine pc,accel=tcg -M graphics=off -S -no-shutdown -name vm,process=p "
          "-device a,id=x -device b -qmp stdio -kernel k1 -kernel k2 -action reboot=shutdown",
          &error);
    g_assert_no_error(error);
    g_assert_cmpuint(options->ram_size, ==, UINT64_C(512) << 20);
    g_assert_cmpuint(cpu_topology_count(&options->topology), ==, 1);
    g_assert_cmpstr(json_string_value(json_object_get(options->machine, "type")), ==, "pc");
    g_assert_cmpstr(json_string_value(json_object_get(options->machine, "graphics")), ==, "off");
    g_assert_true(options->start_paused && options->no_shutdown && options->no_reboot);
    g_assert_cmpstr(options->name, ==, "vm");
    g_assert_cmpstr(options->process_name, ==, "p");
    g_assert_cmpstr(options->kernel, ==, "k2");
    g_assert_cmpuint(options->devices->len, ==, 2);
    OptionUse *use = g_ptr_array_index(options->devices, 0);
    g_assert_cmpstr(json_string_value(json_object_get(use->values, "driver")), ==, "a");
    g_assert_cmpstr(json_string_value(json_object_get(use->values, "id")), ==, "x");
    options_clear();
    g_assert_null(options->machine);
    g_assert_null(options->kernel);
}

static void visit_option(const char *name, const char *argument, const char *help, void *opaque)
{
    const char **last = opaque;

    g_assert_cmpint(strcmp(*last, name), <, 0);
    g_assert_cmpstr(help, !=, "");
    *last = name;
}

static void test_table(void)
{
    const char *last = "";

    options_foreach(visit_option, &last);
    g_assert_cmpstr(last, ==, "vga");
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/options/refusals", test_refusals);
    g_test_add_func("/options/processors", test_processors);
    g_test_add_func("/options/fields", test_fields);
    g_test_add_func("/options/table", test_table);
    return g_test_run();
}
