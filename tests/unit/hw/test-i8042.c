/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The keyboard controller, the devices behind it and port 92. */
#include "hw/input/i8042.h"
#include "hw/misc/port92.h"
#include "isa-harness.h"

#define DATA    0x60
#define COMMAND 0x64
#define PORT92  0x92

#define OUTPUT_FULL 0x01
#define MOUSE_DATA  0x20

static Device *controller, *port92;
static int a20_level[2];
static IRQ a20_lines[2];

static void record_a20(void *opaque, int n, int level)
{
    a20_level[n] = level;
}

/* Power-on state, but without translation of the keyboard's answers. */
static void reset_controller(void)
{
    DEVICE_GET_CLASS(controller)->reset(controller);
    port_write8(COMMAND, 0x60);
    port_write8(DATA, 0x03);
}

static uint8_t answer_of(uint8_t command)
{
    port_write8(COMMAND, command);
    g_assert_cmphex(port_read8(COMMAND) & OUTPUT_FULL, ==, OUTPUT_FULL);
    return port_read8(DATA);
}

static void expect_bytes(bool from_mouse, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint8_t status = port_read8(COMMAND);
        g_assert_cmphex(status & OUTPUT_FULL, ==, OUTPUT_FULL);
        g_assert_cmpint(!!(status & MOUSE_DATA), ==, from_mouse);
        g_assert_cmphex(port_read8(DATA), ==, bytes[i]);
    }
    g_assert_cmphex(port_read8(COMMAND) & OUTPUT_FULL, ==, 0);
}

#define EXPECT(from_mouse, ...)                                \
    expect_bytes(from_mouse, (const uint8_t[]){ __VA_ARGS__ }, \
                 sizeof((const uint8_t[]){ __VA_ARGS__ }))

static void write_mouse(uint8_t value)
{
    port_write8(COMMAND, 0xd4);
    port_write8(DATA, value);
}

static void set_mode(uint8_t mode)
{
    port_write8(COMMAND, 0x60);
    port_write8(DATA, mode);
}

static void test_controller_commands(void)
{
    DEVICE_GET_CLASS(controller)->reset(controller);
    g_assert_cmphex(port_read8(COMMAND), ==, 0x1c);
    g_assert_cmphex(answer_of(0x20), ==, 0x47);
    reset_controller();
    g_assert_cmphex(port_read8(COMMAND), ==, 0x10);
    g_assert_cmphex(answer_of(0xaa), ==, 0x55);
    g_assert_cmphex(port_read8(COMMAND) & 0x04, ==, 0x04);
    g_assert_cmphex(answer_of(0xab), ==, 0x00);
    g_assert_cmphex(answer_of(0xa9), ==, 0x00);
    g_assert_cmphex(answer_of(0xc0), ==, 0x80);
    g_assert_cmphex(answer_of(0x20), ==, 0x03);
    set_mode(0x47);
    g_assert_cmphex(answer_of(0x20), ==, 0x47);
    port_write8(COMMAND, 0xad);
    port_write8(COMMAND, 0xa7);
    g_assert_cmphex(answer_of(0x20), ==, 0x77);
    port_write8(COMMAND, 0xae);
    port_write8(COMMAND, 0xa8);
    g_assert_cmphex(answer_of(0x20), ==, 0x47);
    port_write8(COMMAND, 0xd3); /* how a driver finds out that there is a mouse port */
    port_write8(DATA, 0x5a);
    EXPECT(true, 0x5a);
    port_write8(COMMAND, 0xd2);
    port_write8(DATA, 0xa5);
    EXPECT(false, 0xa5);
}

static void test_keyboard_commands(void)
{
    reset_controller();
    port_write8(DATA, 0xff);
    EXPECT(false, 0xfa, 0xaa);
    port_write8(DATA, 0xf2);
    EXPECT(false, 0xfa, 0xab, 0x83);
    port_write8(DATA, 0xee);
    EXPECT(false, 0xee);
    port_write8(DATA, 0xed);
    EXPECT(false, 0xfa);
    port_write8(DATA, 0x07);
    EXPECT(false, 0xfa);
    port_write8(DATA, 0xf0);
    port_write8(DATA, 0x00);
    EXPECT(false, 0xfa, 0xfa, 0x02);
    port_write8(DATA, 0xf0);
    port_write8(DATA, 0x04);
    EXPECT(false, 0xfa, 0xfe);
    port_write8(DATA, 0x01);
    EXPECT(false, 0xfe);
    port_write8(DATA, 0xf4);
    EXPECT(false, 0xfa);
    port_write8(DATA, 0xfe);
    EXPECT(false, 0xfa);
}

static void test_translation(void)
{
    reset_controller();
    set_mode(0x40);
    port_write8(DATA, 0xf2);
    EXPECT(false, 0xfa, 0xab, 0x41);
    port_write8(DATA, 0xf0);
    port_write8(DATA, 0x00);
    EXPECT(false, 0xfa, 0xfa, 0x41);
}

static void test_mouse_commands(void)
{
    reset_controller();
    write_mouse(0xff);
    EXPECT(true, 0xfa, 0xaa, 0x00);
    write_mouse(0xf2);
    EXPECT(true, 0xfa, 0x00);
    write_mouse(0xf4);
    write_mouse(0xe7);
    write_mouse(0xe8);
    write_mouse(0x03);
    write_mouse(0xe9);
    EXPECT(true, 0xfa, 0xfa, 0xfa, 0xfa, 0xfa, 0x30, 0x03, 100);
    write_mouse(0xe8);
    write_mouse(0x04);
    EXPECT(true, 0xfa, 0xfc);
    write_mouse(0xee);
    write_mouse(0x12);
    write_mouse(0xec);
    EXPECT(true, 0xfa, 0x12, 0xfa);
    write_mouse(0x00);
    EXPECT(true, 0xfc);
}

static void test_mouse_extensions(void)
{
    static const uint8_t knocks[2][3] = { { 200, 100, 80 }, { 200, 200, 80 } };
    static const uint8_t ids[2] = { 3, 4 };

    reset_controller();
    for (unsigned knock = 0; knock < 2; knock++) {
        for (unsigned i = 0; i < 3; i++) {
            write_mouse(0xf3);
            write_mouse(knocks[knock][i]);
            EXPECT(true, 0xfa, 0xfa);
        }
        write_mouse(0xf2);
        EXPECT(true, 0xfa, ids[knock]);
    }
    write_mouse(0xeb);
    EXPECT(true, 0xfa, 0x08, 0, 0, 0);
}

static void test_interrupts(void)
{
    ISAHarness *harness = isa_harness();

    reset_controller();
    set_mode(0x03);
    unsigned keyboard = harness->rises[1], mouse = harness->rises[12];
    port_write8(DATA, 0xf2);
    write_mouse(0xf2);
    g_assert_cmpint(harness->level[1], ==, 1);
    g_assert_cmpint(harness->level[12], ==, 0);
    for (unsigned i = 0; i < 5; i++) {
        port_read8(DATA);
    }
    /* An edge for each byte, on the line of the device that it comes from. */
    g_assert_cmpuint(harness->rises[1] - keyboard, ==, 3);
    g_assert_cmpuint(harness->rises[12] - mouse, ==, 2);
    g_assert_cmpint(harness->level[1] | harness->level[12], ==, 0);
    set_mode(0x00);
    port_write8(DATA, 0xee);
    g_assert_cmpint(harness->level[1], ==, 0);
    set_mode(0x01);
    g_assert_cmpint(harness->level[1], ==, 1);
    EXPECT(false, 0xee);
}

static void test_disabled_keyboard_waits(void)
{
    reset_controller();
    port_write8(DATA, 0xf2);
    g_assert_cmphex(port_read8(DATA), ==, 0xfa);
    port_write8(COMMAND, 0xad);
    g_assert_cmphex(port_read8(DATA), ==, 0xab); /* was in the output buffer already */
    g_assert_cmphex(port_read8(COMMAND) & OUTPUT_FULL, ==, 0);
    port_write8(COMMAND, 0xae);
    EXPECT(false, 0x83);
}

static void test_overflow(void)
{
    reset_controller();
    for (unsigned i = 0; i < 100; i++) {
        port_write8(DATA, 0xf2);
        write_mouse(0xe9);
        port_write8(COMMAND, 0xaa);
    }
    unsigned bytes = 0;
    while (port_read8(COMMAND) & OUTPUT_FULL) {
        port_read8(DATA);
        bytes++;
        g_assert_cmpuint(bytes, <, 100);
    }
    g_assert_cmpuint(bytes, >=, 64);
    g_assert_cmphex(answer_of(0xaa), ==, 0x55);
}

static void test_a20(void)
{
    reset_controller();
    g_assert_cmpint(a20_level[0], ==, 1);
    port_write8(COMMAND, 0xdd);
    g_assert_cmpint(a20_level[0], ==, 0);
    port_write8(COMMAND, 0xdf);
    g_assert_cmpint(a20_level[0], ==, 1);
    port_write8(COMMAND, 0xd1);
    port_write8(DATA, 0xdd);
    g_assert_cmpint(a20_level[0], ==, 0);
    g_assert_cmphex(answer_of(0xd0), ==, 0xcd);
    port_write8(COMMAND, 0xd1);
    port_write8(DATA, 0xdf);
    g_assert_cmpint(a20_level[0], ==, 1);
    g_assert_cmphex(answer_of(0xd0), ==, 0xcf);
    port_write8(PORT92, 0x02);
    g_assert_cmpint(a20_level[1], ==, 1);
    g_assert_cmphex(port_read8(PORT92), ==, 0x02);
    port_write8(PORT92, 0x00);
    g_assert_cmpint(a20_level[1], ==, 0);
}

static void expect_resets(unsigned *seen, unsigned more)
{
    run_pending();
    g_assert_cmpuint(isa_harness()->reset_requests - *seen, ==, more);
    *seen += more;
}

static void test_resets(void)
{
    unsigned seen;

    reset_controller();
    run_pending();
    seen = isa_harness()->reset_requests;
    port_write8(COMMAND, 0xfe);
    expect_resets(&seen, 1);
    for (unsigned i = 0; i < 10; i++) { /* what an impatient guest does */
        port_write8(COMMAND, 0xfe);
    }
    expect_resets(&seen, 1);
    port_write8(COMMAND, 0xff);
    expect_resets(&seen, 0);
    port_write8(COMMAND, 0xd1);
    port_write8(DATA, 0x02);
    expect_resets(&seen, 1);
    port_write8(PORT92, 0x01);
    expect_resets(&seen, 1);
    port_write8(PORT92, 0x01); /* only the edge counts */
    expect_resets(&seen, 0);
    port_write8(PORT92, 0x00);
    port_write8(PORT92, 0x03);
    expect_resets(&seen, 1);
}

static void test_state(void)
{
    reset_controller();
    check_state_round_trip(controller, DATA, 5);
    check_hostile_states(controller, DATA, 5);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    for (int i = 0; i < 2; i++) {
        a20_lines[i] = (IRQ){ .handler = record_a20, .n = i };
    }
    controller = i8042_create(isa_harness()->bus, &a20_lines[0]);
    port92 = port92_create(isa_harness()->bus, &a20_lines[1]);
    g_test_add_func("/i8042/controller-commands", test_controller_commands);
    g_test_add_func("/i8042/keyboard-commands", test_keyboard_commands);
    g_test_add_func("/i8042/translation", test_translation);
    g_test_add_func("/i8042/mouse-commands", test_mouse_commands);
    g_test_add_func("/i8042/mouse-extensions", test_mouse_extensions);
    g_test_add_func("/i8042/interrupts", test_interrupts);
    g_test_add_func("/i8042/disabled-keyboard-waits", test_disabled_keyboard_waits);
    g_test_add_func("/i8042/overflow", test_overflow);
    g_test_add_func("/i8042/a20", test_a20);
    g_test_add_func("/i8042/resets", test_resets);
    g_test_add_func("/i8042/state", test_state);
    return g_test_run();
}
