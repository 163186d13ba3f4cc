/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The pcap file: as pcap-savefile(5) has it, and as tcpdump reads it where there is one. */
#include <glib/gstdio.h>
#include <string.h>

#include "filter-bench.h"
#include "frame.h"
#include "net/packet.h"
#include "system/main-loop.h"

static FilterBench bench;

typedef struct Pcap {
    uint32_t magic;
    uint16_t major, minor;
    uint32_t zone, accuracy, snap_length, link_type;
    struct {
        uint32_t seconds, microseconds, captured, length;
        uint8_t data[5];
    } __attribute__((packed)) record[2];
} __attribute__((packed)) Pcap;

static char *dump_path(void)
{
    g_autofree char *folder = g_dir_make_tmp("filter-dump-XXXXXX", NULL);

    return g_build_filename(folder, "pcap", NULL);
}

static void remove_path(const char *path)
{
    g_autofree char *folder = g_path_get_dirname(path);

    g_assert_cmpint(g_unlink(path), ==, 0);
    g_assert_cmpint(g_rmdir(folder), ==, 0);
}

static void test_format(void)
{
    g_autofree char *path = dump_path();
    g_autofree char *options = g_strdup_printf("filter-dump,id=d,queue=rx,maxlen=5,file=%s", path);
    g_autofree char *text = NULL;
    gsize size;
    gint64 before = g_get_real_time();

    filter_bench_init(&bench);
    filter_bench_add(options);
    fake_client_send(bench.backend, "not this one");
    fake_client_send(bench.nic, "five+");
    fake_client_send(bench.nic, "more than that");
    filter_bench_assert_got(bench.backend, "five+ more than that");
    filter_bench_clear(&bench);
    g_assert_true(g_file_get_contents(path, &text, &size, NULL));
    g_assert_cmpuint(size, ==, sizeof(Pcap));
    const Pcap *pcap = (const Pcap *)text;
    g_assert_cmphex(pcap->magic, ==, 0xa1b2c3d4);
    g_assert_cmpuint(pcap->major, ==, 2);
    g_assert_cmpuint(pcap->minor, ==, 4);
    g_assert_cmpuint(pcap->snap_length, ==, 5);
    g_assert_cmpuint(pcap->link_type, ==, 1);
    for (int i = 0; i < 2; i++) {
        gint64 time =
            (gint64)pcap->record[i].seconds * G_USEC_PER_SEC + pcap->record[i].microseconds;
        g_assert_cmpint(time, >=, before);
        g_assert_cmpint(time, <=, g_get_real_time());
        g_assert_cmpuint(pcap->record[i].captured, ==, 5);
        g_assert_cmpuint(pcap->record[i].length, ==, i ? 14 : 5);
        g_assert_cmpmem(pcap->record[i].data, 5, i ? "more " : "five+", 5);
    }
    remove_path(path);
}

static void test_tcpdump(void)
{
    g_autofree char *program = g_find_program_in_path("tcpdump");
    g_autofree char *path = dump_path();
    g_autofree char *options = g_strdup_printf("filter-dump,id=d,file=%s", path);
    g_autofree char *command = g_strdup_printf("tcpdump -n -r %s", path);
    g_autofree char *text = NULL;
    int status;
    FrameSpec spec = { .protocol = PROTOCOL_UDP,
                       .source = 1,
                       .destination = 2,
                       .source_port = 1234,
                       .destination_port = 4321,
                       .payload = "abc",
                       .payload_size = 3 };
    g_autoptr(GByteArray) frame = frame_new(&spec);

    if (!program) {
        g_test_skip("there is no tcpdump");
        return;
    }
    filter_bench_init(&bench);
    filter_bench_add(options);
    net_send_buffer(bench.nic->client, frame->data, frame->len, NULL);
    filter_bench_clear(&bench);
    g_assert_true(g_spawn_command_line_sync(command, &text, NULL, &status, NULL));
    g_assert_true(g_spawn_check_wait_status(status, NULL));
    g_assert_nonnull(strstr(text, "10.0.0.1.1234 > 10.0.0.2.4321: UDP, length 3"));
    remove_path(path);
}

static void test_errors(void)
{
    static const struct {
        const char *options, *error;
    } cases[] = {
        { "filter-dump,id=d", "Parameter 'file' is missing" },
        { "filter-dump,id=d,file=/,maxlen=0",
          "Property 'filter-dump.maxlen' doesn't take value '0'" },
        { "filter-dump,id=d,file=/nonexistent/x",
          "net dump: can't open /nonexistent/x: No such file or directory" },
    };

    filter_bench_init(&bench);
    for (guint i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autofree char *error = filter_bench_error(cases[i].options);
        g_assert_cmpstr(error, ==, cases[i].error);
    }
    filter_bench_clear(&bench);
}

/* The guest goes on when the disk is full. */
static void test_full(void)
{
    filter_bench_init(&bench);
    g_autofree char *error = filter_bench_error("filter-dump,id=d,file=/dev/full");
    g_assert_nonnull(strstr(error, "No space left on device"));
    fake_client_send(bench.nic, "A");
    filter_bench_assert_got(bench.backend, "A");
    filter_bench_clear(&bench);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init();
    g_test_add_func("/net/filter-dump/format", test_format);
    g_test_add_func("/net/filter-dump/tcpdump", test_tcpdump);
    g_test_add_func("/net/filter-dump/errors", test_errors);
    g_test_add_func("/net/filter-dump/full", test_full);
    return g_test_run();
}
