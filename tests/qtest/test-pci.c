/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The PCI bus of machine `pc` over the qtest protocol: what is on it, and how it was set up. */
#include <string.h>

#include "libqtest.h"

#define ARGUMENTS "-machine pc -m 16 -nodefaults"

#define HOST_BRIDGE 0x00
#define ISA_BRIDGE  0x08
#define PM          0x0b

#define PM_BASE 0x40
#define PM_MISC 0x80
#define ROUTES  0x60

static uint32_t config_read(QTestState *qtest, uint8_t devfn, uint8_t offset)
{
    qtest_outl(qtest, 0xcf8, 0x80000000u | (uint32_t)devfn << 8 | offset);
    return qtest_inl(qtest, 0xcfc);
}

static void config_write(QTestState *qtest, uint8_t devfn, uint8_t offset, uint32_t value)
{
    qtest_outl(qtest, 0xcf8, 0x80000000u | (uint32_t)devfn << 8 | offset);
    qtest_outl(qtest, 0xcfc, value);
}

static void test_enumeration(void)
{
    QTestState *qtest = qtest_start(ARGUMENTS);

    for (unsigned devfn = 0; devfn < 256; devfn++) {
        uint32_t expected = devfn == HOST_BRIDGE  ? 0x12378086
                            : devfn == ISA_BRIDGE ? 0x70008086
                            : devfn == PM         ? 0x71138086
                                                  : 0xffffffff;
        g_assert_cmphex(config_read(qtest, (uint8_t)devfn, 0), ==, expected);
    }
    g_assert_cmphex(config_read(qtest, HOST_BRIDGE, 0x08) >> 8, ==, 0x060000);
    g_assert_cmphex(config_read(qtest, ISA_BRIDGE, 0x08) >> 8, ==, 0x060100);
    g_assert_cmphex(config_read(qtest, ISA_BRIDGE, 0x0c) >> 16 & 0xff, ==, 0x80);
    g_assert_cmphex(config_read(qtest, PM, 0x08) >> 8, ==, 0x068000);
    qtest_quit(qtest);
}

static void check_setup(QTestState *qtest)
{
    g_assert_cmphex(config_read(qtest, ISA_BRIDGE, ROUTES), ==, 0x0b0b0a0a);
    g_assert_cmphex(qtest_inb(qtest, 0x4d0), ==, 0x00);
    g_assert_cmphex(qtest_inb(qtest, 0x4d1), ==, 0x0c);
    g_assert_cmphex(config_read(qtest, PM, PM_BASE), ==, 0x601);
    g_assert_cmphex(config_read(qtest, PM, PM_MISC), ==, 1);
    g_assert_cmphex(config_read(qtest, PM, 0x3c) & 0xffff, ==, 0x0109);
    g_assert_cmphex(qtest_inl(qtest, 0x60c), ==, 0xffffffff);
    g_assert_cmphex(qtest_inl(qtest, 0x608), <=, 0xffffff);
}

static void test_setup(void)
{
    QTestState *qtest = qtest_start(ARGUMENTS);

    check_setup(qtest);
    config_write(qtest, ISA_BRIDGE, ROUTES, 0x80808080);
    config_write(qtest, PM, PM_MISC, 0);
    qtest_outb(qtest, 0x4d1, 0);
    qtest_outb(qtest, 0xcf9, 0x06);
    json_decref(qtest_qmp_event(qtest, "RESET"));
    check_setup(qtest);
    qtest_quit(qtest);
}

/* The function says where the power management registers are. */
static void test_power_management_ports(void)
{
    QTestState *qtest = qtest_start(ARGUMENTS);

    qtest_outw(qtest, 0x602, 0x0100);
    config_write(qtest, PM, PM_BASE, 0x700);
    g_assert_cmphex(qtest_inw(qtest, 0x602), ==, 0xffff);
    g_assert_cmphex(qtest_inw(qtest, 0x702), ==, 0x0100);
    config_write(qtest, PM, PM_MISC, 0);
    g_assert_cmphex(qtest_inw(qtest, 0x702), ==, 0xffff);
    config_write(qtest, PM, PM_BASE, 0xffffffff);
    g_assert_cmphex(config_read(qtest, PM, PM_BASE), ==, 0xffc1);
    config_write(qtest, PM, PM_MISC, 1);
    g_assert_cmphex(qtest_inw(qtest, 0xffc2), ==, 0x0100);
    /* The board's own ports win. */
    config_write(qtest, PM, PM_BASE, 0x40);
    g_assert_cmphex(qtest_inw(qtest, 0x42), !=, 0x0100);
    qtest_quit(qtest);
}

static json_t *device_of(json_t *devices, int slot, int function)
{
    size_t i;
    json_t *device;

    json_array_foreach(devices, i, device)
    {
        if (json_integer_value(json_object_get(device, "slot")) == slot &&
            json_integer_value(json_object_get(device, "function")) == function) {
            return device;
        }
    }
    g_error("no device at %d.%d", slot, function);
}

static void test_query(void)
{
    QTestState *qtest = qtest_start(ARGUMENTS);
    json_t *buses = qtest_qmp(qtest, "query-pci", NULL);
    json_t *devices = json_object_get(json_array_get(buses, 0), "devices");
    json_t *pm = device_of(devices, 1, 3);

    g_assert_cmpuint(json_array_size(buses), ==, 1);
    g_assert_cmpuint(json_array_size(devices), ==, 3);
    g_assert_cmpint(json_integer_value(json_object_get(pm, "irq")), ==, 9);
    g_assert_cmpint(json_integer_value(json_object_get(pm, "irq_pin")), ==, 1);
    json_t *class_info = json_object_get(device_of(devices, 0, 0), "class_info");
    g_assert_cmpint(json_integer_value(json_object_get(class_info, "class")), ==, 0x0600);
    g_assert_cmpstr(json_string_value(json_object_get(class_info, "desc")), ==, "Host bridge");
    json_decref(buses);

    json_t *text =
        qtest_qmp(qtest, "human-monitor-command", json_pack("{s:s}", "command-line", "info pci"));
    g_assert_nonnull(strstr(json_string_value(text), "  Bus  0, device   1, function 3:\r\n"
                                                     "    Bridge: PCI device 8086:7113\r\n"
                                                     "      PCI subsystem 1af4:1100\r\n"
                                                     "      IRQ 9, pin A\r\n"
                                                     "      id \"\"\r\n"));
    json_decref(text);
    qtest_quit(qtest);
}

/* Nothing is set up in a VM that comes in: all of it is in the stream. */
static void test_migration(void)
{
    QTestState *source = qtest_start(ARGUMENTS);

    config_write(source, PM, PM_BASE, 0x700);
    config_write(source, ISA_BRIDGE, ROUTES, 0x0505800a);
    qtest_outw(source, 0x702, 0x0100);

    QTestState *destination = qtest_start(ARGUMENTS " -incoming defer");
    g_assert_cmphex(config_read(destination, PM, PM_MISC), ==, 0);
    g_assert_cmphex(config_read(destination, ISA_BRIDGE, ROUTES), ==, 0x80808080);
    qtest_migrate(source, destination);
    /* The last register that was selected there is selected here. */
    g_assert_cmphex(qtest_inl(destination, 0xcf8), ==, 0x80000000u | ISA_BRIDGE << 8 | ROUTES);
    g_assert_cmphex(qtest_inl(destination, 0xcfc), ==, 0x0505800a);
    g_assert_cmphex(config_read(destination, PM, PM_BASE), ==, 0x701);
    g_assert_cmphex(qtest_inw(destination, 0x702), ==, 0x0100);
    g_assert_cmphex(qtest_inw(destination, 0x602), ==, 0xffff);
    qtest_quit(destination);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/pci/enumeration", test_enumeration);
    g_test_add_func("/pci/setup", test_setup);
    g_test_add_func("/pci/power-management-ports", test_power_management_ports);
    g_test_add_func("/pci/query", test_query);
    g_test_add_func("/pci/migration", test_migration);
    return g_test_run();
}
