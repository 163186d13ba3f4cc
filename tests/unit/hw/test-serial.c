/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The 16550A: registers, FIFOs, interrupts, and what happens when the back end stalls. */
#include <errno.h>
#include <fcntl.h>
#include <glib/gstdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hw/char/serial.h"
#include "isa-harness.h"

#define BASE 0x3f8

enum { DATA, IER, IIR, LCR, MCR, LSR, MSR, SCRATCH, FCR = IIR };

#define COM_IRQ 4

static Device *com;
static int to_guest = -1, from_guest = -1; /* our ends of the line */

static uint8_t get(unsigned reg)
{
    return port_read8((uint16_t)(BASE + reg));
}

static void put(unsigned reg, uint8_t value)
{
    port_write8((uint16_t)(BASE + reg), value);
}

static int irq_level(void)
{
    return isa_harness()->level[COM_IRQ];
}

/* Take what the guest has sent and what earlier tests have left. */
static void drain_line(void)
{
    char buffer[4096];

    for (unsigned i = 0; i < 20; i++) {
        g_usleep(500);
        run_pending();
        while (read(from_guest, buffer, sizeof(buffer)) > 0) {
        }
    }
}

static void fresh(void)
{
    DEVICE_GET_CLASS(com)->reset(com);
}

static void fresh_loop(void)
{
    fresh();
    put(MCR, 0x10);
}

static void test_reset_values(void)
{
    fresh();
    g_assert_cmphex(get(IER), ==, 0x00);
    g_assert_cmphex(get(IIR), ==, 0x01);
    g_assert_cmphex(get(LCR), ==, 0x00);
    g_assert_cmphex(get(MCR), ==, 0x00);
    g_assert_cmphex(get(LSR), ==, 0x60);
    g_assert_cmphex(get(MSR), ==, 0xb0);
    put(IER, 0xff);
    g_assert_cmphex(get(IER), ==, 0x0f);
    put(MCR, 0xff);
    g_assert_cmphex(get(MCR), ==, 0x1f);
    put(SCRATCH, 0xa5);
    g_assert_cmphex(get(SCRATCH), ==, 0xa5);
}

static void test_divisor(void)
{
    fresh();
    put(LCR, 0x83);
    g_assert_cmphex(get(0), ==, 12);
    g_assert_cmphex(get(1), ==, 0);
    put(0, 0x34);
    put(1, 0x12);
    g_assert_cmphex(get(0), ==, 0x34);
    g_assert_cmphex(get(1), ==, 0x12);
    put(0, 0);
    put(1, 0); /* no division by zero */
    put(LCR, 0x03);
    g_assert_cmphex(get(IER), ==, 0);
}

static void test_loop_fifo(void)
{
    fresh_loop();
    put(FCR, 0x81); /* trigger at 8 */
    g_assert_cmphex(get(IIR), ==, 0xc1);
    put(IER, 0x01);
    for (uint8_t i = 0; i < 7; i++) {
        put(DATA, i);
    }
    g_assert_cmphex(get(LSR), ==, 0x61);
    g_assert_cmpint(irq_level(), ==, 0);
    put(DATA, 7);
    g_assert_cmpint(irq_level(), ==, 1);
    g_assert_cmphex(get(IIR), ==, 0xc4);
    for (uint8_t i = 0; i < 8; i++) {
        g_assert_cmphex(get(DATA), ==, i);
    }
    g_assert_cmpint(irq_level(), ==, 0);
    g_assert_cmphex(get(LSR), ==, 0x60);
}

static void test_overrun(void)
{
    fresh_loop();
    put(FCR, 0x01);
    put(IER, 0x04);
    for (uint8_t i = 0; i < 17; i++) {
        put(DATA, i);
    }
    g_assert_cmphex(get(IIR), ==, 0xc6);
    g_assert_cmphex(get(LSR), ==, 0x63);
    g_assert_cmphex(get(LSR), ==, 0x61); /* reading clears */
    g_assert_cmpint(irq_level(), ==, 0);
    g_assert_cmphex(get(DATA), ==, 0);
    put(FCR, 0x03);
    g_assert_cmphex(get(LSR), ==, 0x60);
    put(FCR, 0x00); /* without FIFO the newer character wins */
    put(DATA, 1);
    put(DATA, 2);
    g_assert_cmphex(get(LSR), ==, 0x63);
    g_assert_cmphex(get(DATA), ==, 2);
}

static void test_receive_timeout(void)
{
    /* 8n1 at 115200: ten bits a character, four characters. */
    int64_t timeout_ns = 4 * 10 * NANOSECONDS_PER_SECOND / 115200;

    fresh_loop();
    put(LCR, 0x83);
    put(0, 1);
    put(LCR, 0x03);
    put(FCR, 0xc1);
    put(IER, 0x01);
    put(DATA, 'x');
    put(DATA, 'y');
    clock_advance_ns(timeout_ns - 1000);
    g_assert_cmpint(irq_level(), ==, 0);
    clock_advance_ns(2000);
    g_assert_cmpint(irq_level(), ==, 1);
    g_assert_cmphex(get(IIR), ==, 0xcc);
    g_assert_cmphex(get(DATA), ==, 'x');
    g_assert_cmpint(irq_level(), ==, 0);
    clock_advance_ns(timeout_ns + 1000);
    g_assert_cmphex(get(IIR), ==, 0xcc);
    g_assert_cmphex(get(DATA), ==, 'y');
    clock_advance_ns(timeout_ns + 1000);
    g_assert_cmphex(get(IIR), ==, 0xc1);
}

static void test_transmitter_interrupt(void)
{
    fresh_loop();
    put(FCR, 0x01);
    put(IER, 0x02);
    g_assert_cmphex(get(IIR), ==, 0xc2);
    g_assert_cmphex(get(IIR), ==, 0xc1); /* reading it was the acknowledgement */
    put(DATA, 'a');
    g_assert_cmpint(irq_level(), ==, 1);
    put(IER, 0x03);
    g_assert_cmphex(get(IIR), ==, 0xc4); /* received data come first */
    get(DATA);
    g_assert_cmphex(get(IIR), ==, 0xc2);
    put(IER, 0x00);
    put(IER, 0x02); /* enabling it anew asks again */
    g_assert_cmpint(irq_level(), ==, 1);
}

static void test_modem_lines(void)
{
    fresh();
    put(IER, 0x08);
    put(MCR, 0x10);
    g_assert_cmphex(get(IIR), ==, 0x00);
    g_assert_cmphex(get(MSR), ==, 0x0b);
    g_assert_cmphex(get(MSR), ==, 0x00);
    g_assert_cmphex(get(IIR), ==, 0x01);
    put(MCR, 0x1f);
    g_assert_cmphex(get(MSR), ==, 0xfb); /* RI rising is no event */
    put(MCR, 0x1b);
    g_assert_cmphex(get(MSR), ==, 0xb4); /* RI falling is */
    put(MCR, 0x0b);
    g_assert_cmphex(get(MSR), ==, 0xb0);
}

static void test_break(void)
{
    fresh_loop();
    put(FCR, 0x01);
    put(IER, 0x04);
    put(DATA, 'a');
    put(LCR, 0x43);
    put(LCR, 0x03);
    /* The break is behind 'a': only the summary bit tells of it. */
    g_assert_cmphex(get(LSR), ==, 0xe1);
    g_assert_cmphex(get(DATA), ==, 'a');
    g_assert_cmphex(get(IIR), ==, 0xc6);
    g_assert_cmphex(get(LSR), ==, 0xf9);
    g_assert_cmphex(get(DATA), ==, 0);
    g_assert_cmphex(get(LSR), ==, 0x60);
}

/* Wait up to five seconds for @count more bytes from the guest; their number so far. */
static size_t read_line(uint8_t *buffer, size_t count)
{
    size_t done = 0;

    for (unsigned i = 0; i < 5000 && done < count; i++) {
        run_pending();
        ssize_t part = read(from_guest, buffer + done, count - done);
        if (part > 0) {
            done += (size_t)part;
        } else {
            g_usleep(1000);
        }
    }
    return done;
}

static void test_output(void)
{
    enum { LINES = 5000, LENGTH = 80 };
    g_autofree uint8_t *seen = g_malloc(LINES * LENGTH);
    size_t done = 0;

    fresh();
    drain_line();
    put(FCR, 0x01);
    for (unsigned i = 0; i < LINES * LENGTH; i++) {
        g_assert_cmphex(get(LSR) & 0x20, ==, 0x20);
        put(DATA, (uint8_t)(i * 7 + i / 251));
        if (i % 1000 == 999) {
            done += read_line(seen + done, i + 1 - done);
        }
    }
    g_assert_cmpuint(done, ==, LINES * LENGTH);
    for (unsigned i = 0; i < LINES * LENGTH; i++) {
        g_assert_cmphex(seen[i], ==, (uint8_t)(i * 7 + i / 251));
    }
}

/* Nobody reads: the guest sees a transmitter that stays full, and goes on. */
static void test_stalled_output(void)
{
    enum { LIMIT = 4 << 20 };
    unsigned sent = 0;

    fresh();
    drain_line();
    put(FCR, 0x01);
    while ((get(LSR) & 0x20) && sent < LIMIT) {
        put(DATA, (uint8_t)(sent++ % 253));
    }
    g_assert_cmpuint(sent, <, LIMIT);
    for (unsigned i = 0; i < 15; i++) { /* one is in the FIFO already */
        put(DATA, (uint8_t)(sent++ % 253));
    }
    put(IER, 0x02);
    g_assert_cmpint(irq_level(), ==, 0);
    /* Saved and loaded in this state nothing is lost. */
    check_state_round_trip(com, BASE + SCRATCH, 1);

    g_autofree uint8_t *seen = g_malloc(sent);
    g_assert_cmpuint(read_line(seen, sent), ==, sent);
    for (unsigned i = 0; i < sent; i++) {
        g_assert_cmphex(seen[i], ==, i % 253);
    }
    run_pending();
    g_assert_cmpint(irq_level(), ==, 1);
    g_assert_cmphex(get(LSR), ==, 0x60);
}

static void test_input(void)
{
    uint8_t text[1000];
    unsigned received = 0;

    fresh();
    put(FCR, 0xc1);
    for (unsigned i = 0; i < sizeof(text); i++) {
        text[i] = (uint8_t)(i * 3);
    }
    g_assert_cmpint(write(to_guest, text, sizeof(text)), ==, sizeof(text));
    for (unsigned i = 0; i < 5000 && received < sizeof(text); i++) {
        run_pending();
        uint8_t status = get(LSR);
        g_assert_cmphex(status & 0x02, ==, 0); /* never more than the FIFO takes */
        if (status & 0x01) {
            g_assert_cmphex(get(DATA), ==, text[received]);
            received++;
        } else {
            g_usleep(1000);
        }
    }
    g_assert_cmpuint(received, ==, sizeof(text));
}

static void test_state(void)
{
    fresh_loop();
    check_state_round_trip(com, BASE, 8);
    fresh();
    check_hostile_states(com, BASE, 8);
    drain_line();
}

static void open_line(const char *directory)
{
    g_autofree char *path = g_build_filename(directory, "line", NULL);
    g_autofree char *in = g_strconcat(path, ".in", NULL);
    g_autofree char *out = g_strconcat(path, ".out", NULL);
    g_autofree char *text = g_strconcat("pipe:", path, NULL);
    g_autoptr(GError) error = NULL;

    g_assert_cmpint(mkfifo(in, 0600), ==, 0);
    g_assert_cmpint(mkfifo(out, 0600), ==, 0);
    Chardev *chardev = chardev_new_from_shorthand("line", text, &error);
    g_assert_no_error(error);
    com = isa_serial_create(isa_harness()->bus, 0, chardev);
    to_guest = open(in, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
    from_guest = open(out, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    g_assert_true(to_guest >= 0 && from_guest >= 0);
    g_unlink(in);
    g_unlink(out);
}

int main(int argc, char **argv)
{
    g_autofree char *directory = g_dir_make_tmp("qemu-colo-serial-XXXXXX", NULL);

    g_test_init(&argc, &argv, NULL);
    isa_harness();
    open_line(directory);
    g_rmdir(directory);
    g_test_add_func("/serial/reset-values", test_reset_values);
    g_test_add_func("/serial/divisor", test_divisor);
    g_test_add_func("/serial/loop-fifo", test_loop_fifo);
    g_test_add_func("/serial/overrun", test_overrun);
    g_test_add_func("/serial/receive-timeout", test_receive_timeout);
    g_test_add_func("/serial/transmitter-interrupt", test_transmitter_interrupt);
    g_test_add_func("/serial/modem-lines", test_modem_lines);
    g_test_add_func("/serial/break", test_break);
    g_test_add_func("/serial/output", test_output);
    g_test_add_func("/serial/stalled-output", test_stalled_output);
    g_test_add_func("/serial/input", test_input);
    g_test_add_func("/serial/state", test_state);
    return g_test_run();
}
