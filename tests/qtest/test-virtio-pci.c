/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Virtio over PCI as a driver sees it: identity, both interfaces, both kinds of interrupts, with
 * the entropy device behind.
 */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "libqvirtio.h"

#define BOARD "-machine pc -m 16 -nodefaults "
#define RNG   0x10 /* devfn: slot 2 */

#define RING   UINT64_C(0x100000)
#define BUFFER UINT64_C(0x200000)

#define F_VERSION_1 (UINT64_C(1) << 32)
#define F_EVENT_IDX (UINT64_C(1) << 29)

#define NO_VECTOR 0xffff

#define FUZZ_SEED   0x71be
#define FUZZ_ROUNDS 6000

/* ---- identity ---- */

static void test_identity(void)
{
    static const struct {
        const char *device;
        uint32_t id, subsystem;
        uint8_t revision;
        bool ports, memory, msix;
    } kinds[] = {
        { "virtio-rng-pci", 0x10051af4, 0x00041af4, 0, true, true, true },
        { "virtio-rng-pci,disable-legacy=on", 0x10441af4, 0x11001af4, 1, false, true, true },
        { "virtio-rng-pci,disable-modern=on", 0x10051af4, 0x00041af4, 0, true, false, true },
        { "virtio-rng-pci,vectors=0", 0x10051af4, 0x00041af4, 0, true, true, false },
        { "virtio-rng-pci-transitional", 0x10051af4, 0x00041af4, 0, true, true, true },
        { "virtio-rng-pci-non-transitional", 0x10441af4, 0x11001af4, 1, false, true, true },
        { "virtio-serial-pci", 0x10031af4, 0x00031af4, 0, true, true, true },
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(kinds); i++) {
        g_autofree char *arguments = g_strconcat(BOARD "-device ", kinds[i].device, NULL);
        QTestState *qtest = qtest_start(arguments);
        g_assert_cmphex(qpci_config_read(qtest, RNG, 0), ==, kinds[i].id);
        g_assert_cmphex(qpci_config_read(qtest, RNG, 8) & 0xff, ==, kinds[i].revision);
        g_assert_cmphex(qpci_config_read(qtest, RNG, 0x2c), ==, kinds[i].subsystem);
        g_assert_cmphex(qpci_config_read(qtest, RNG, 0x3c) >> 8 & 0xff, ==, 1);
        QVirtIO device = qvirtio_find(qtest, RNG, kinds[i].ports);
        g_assert_cmpint(device.ports != 0, ==, kinds[i].ports);
        g_assert_cmpint(device.memory != 0, ==, kinds[i].memory);
        g_assert_cmpint(device.common != 0, ==, kinds[i].memory);
        g_assert_cmpint(device.msix_capability != 0, ==, kinds[i].msix);
        qtest_quit(qtest);
    }
}

/* ---- drivers ---- */

static void expect_random(QTestState *qtest, uint64_t address, size_t size)
{
    g_autofree uint8_t *data = g_malloc(size);
    unsigned zeroes = 0;

    qtest_memread(qtest, address, data, size);
    for (size_t i = 0; i < size; i++) {
        zeroes += data[i] == 0;
    }
    g_assert_cmpuint(zeroes, <, size / 4);
}

/* Offer @length bytes; they come back full of random numbers. */
static void get_random(QVirtQueue *queue, uint32_t length)
{
    QTestState *qtest = queue->device->qtest;
    uint16_t used = qvirtio_used_index(queue);
    g_autofree uint8_t *zeroes = g_malloc0(length);

    qtest_memwrite(qtest, BUFFER, zeroes, length);
    qvirtio_offer(queue, BUFFER, length, QVIRTIO_F_WRITE);
    qvirtio_notify(queue);
    g_assert_cmpuint(qvirtio_used_index(queue), ==, (uint16_t)(used + 1));
    g_assert_cmpuint(qvirtio_used_length(queue, used), ==, length);
    expect_random(qtest, BUFFER, length);
}

static void test_legacy(void)
{
    QTestState *qtest = qtest_start(BOARD "-device virtio-rng-pci");
    QVirtIO device = qvirtio_find(qtest, RNG, true);

    g_assert_cmphex(qvirtio_offered(&device) & (1u << 24 | 1u << 28 | 1u << 29), ==,
                    1u << 24 | 1u << 28 | 1u << 29);
    /* What was not offered cannot be had. */
    qvirtio_negotiate(&device, 0xffffffff);
    g_assert_cmphex(qtest_inl(qtest, device.ports + 4), ==, qvirtio_offered(&device));
    qvirtio_negotiate(&device, 0);
    QVirtQueue queue = qvirtio_queue(&device, 0, RING, NO_VECTOR);
    g_assert_cmpuint(queue.size, ==, 8);
    g_assert_cmphex(qtest_inl(qtest, device.ports + 8), ==, RING >> 12);
    qtest_outw(qtest, device.ports + 14, 1);
    g_assert_cmpuint(qtest_inw(qtest, device.ports + 12), ==, 0);
    qtest_outw(qtest, device.ports + 14, 0);
    get_random(&queue, 64); /* before DRIVER_OK, as old drivers do */
    qvirtio_driver_ok(&device);
    for (unsigned i = 0; i < 20; i++) {
        get_random(&queue, 64 + i);
    }
    qvirtio_set_status(&device, 0);
    g_assert_cmphex(qtest_inl(qtest, device.ports + 8), ==, 0);
    g_assert_cmphex(qtest_inl(qtest, device.ports + 4), ==, 0);
    qtest_quit(qtest);
}

static void test_modern(void)
{
    QTestState *qtest = qtest_start(BOARD "-device virtio-rng-pci");
    QVirtIO device = qvirtio_find(qtest, RNG, false);
    uint64_t offered = qvirtio_offered(&device);
    uint8_t before_ok = QVIRTIO_ACKNOWLEDGE | QVIRTIO_DRIVER;

    g_assert_cmphex(offered, ==, F_VERSION_1 | F_EVENT_IDX | 1u << 28);
    qtest_writel(qtest, device.common, 2);
    g_assert_cmphex(qtest_readl(qtest, device.common + 4), ==, 0);
    /* Choices that are refused: without VERSION_1, with what is not offered. */
    g_assert_cmphex(qvirtio_negotiate(&device, 0), ==, before_ok);
    g_assert_cmphex(qvirtio_negotiate(&device, offered | 1), ==, before_ok);
    g_assert_cmphex(qvirtio_negotiate(&device, offered | 1u << 24), ==, before_ok);
    g_assert_cmphex(qvirtio_negotiate(&device, offered | UINT64_C(1) << 34), ==, before_ok);
    /* And no DRIVER_OK without FEATURES_OK. */
    qvirtio_set_status(&device, before_ok | QVIRTIO_DRIVER_OK);
    g_assert_cmphex(qvirtio_status(&device), ==, before_ok);
    g_assert_cmphex(qvirtio_negotiate(&device, F_VERSION_1), ==, before_ok | QVIRTIO_FEATURES_OK);

    g_assert_cmpuint(qtest_readw(qtest, device.common + 18), ==, 1);
    qtest_writew(qtest, device.common + 22, 1);
    g_assert_cmpuint(qtest_readw(qtest, device.common + 24), ==, 0);
    QVirtQueue queue = qvirtio_queue(&device, 0, RING, NO_VECTOR);
    qvirtio_offer(&queue, BUFFER, 16, QVIRTIO_F_WRITE);
    qvirtio_notify(&queue);
    g_assert_cmpuint(qvirtio_used_index(&queue), ==, 0); /* not yet */
    qvirtio_driver_ok(&device);
    qvirtio_notify(&queue);
    g_assert_cmpuint(qvirtio_used_index(&queue), ==, 1);
    get_random(&queue, 300);
    /* An enabled queue's registers stay. */
    qtest_writel(qtest, device.common + 32, 0);
    g_assert_cmphex(qtest_readl(qtest, device.common + 32), ==, RING);
    qtest_quit(qtest);
}

/* A smaller ring than the device offers. */
static void test_modern_small_queue(void)
{
    QTestState *qtest = qtest_start(BOARD "-device virtio-rng-pci");
    QVirtIO device = qvirtio_find(qtest, RNG, false);

    qvirtio_negotiate(&device, F_VERSION_1);
    qtest_writew(qtest, device.common + 22, 0);
    qtest_writew(qtest, device.common + 24, 2);
    QVirtQueue queue = qvirtio_queue(&device, 0, RING, NO_VECTOR);
    g_assert_cmpuint(queue.size, ==, 2);
    qvirtio_driver_ok(&device);
    for (unsigned i = 0; i < 5; i++) {
        get_random(&queue, 40);
    }
    qtest_quit(qtest);
}

/* ---- interrupts ---- */

static void check_intx(bool legacy)
{
    QTestState *qtest = qtest_start(BOARD "-device virtio-rng-pci,vectors=0");
    QVirtIO device = qvirtio_find(qtest, RNG, legacy);
    unsigned line = qpci_config_read(qtest, RNG, 0x3c) & 0xff;

    qtest_irq_intercept_in(qtest, "/machine/ioapic");
    qvirtio_negotiate(&device, legacy ? 0 : F_VERSION_1);
    QVirtQueue queue = qvirtio_queue(&device, 0, RING, NO_VECTOR);
    qvirtio_driver_ok(&device);
    g_assert_false(qtest_get_irq(qtest, line));
    get_random(&queue, 64);
    g_assert_true(qtest_get_irq(qtest, line));
    g_assert_cmphex(qvirtio_isr(&device), ==, 1);
    g_assert_false(qtest_get_irq(qtest, line));
    g_assert_cmphex(qvirtio_isr(&device), ==, 0);
    qtest_writew(qtest, queue.available, 1); /* no interrupts, please */
    get_random(&queue, 64);
    g_assert_false(qtest_get_irq(qtest, line));
    qtest_writew(qtest, queue.available, 0);
    get_random(&queue, 64);
    g_assert_true(qtest_get_irq(qtest, line));
    qvirtio_set_status(&device, 0);
    g_assert_false(qtest_get_irq(qtest, line));
    qtest_quit(qtest);
}

static void test_intx_legacy(void)
{
    check_intx(true);
}

static void test_intx_modern(void)
{
    check_intx(false);
}

#define INTERRUPT 0x51

static bool interrupt_requested(QTestState *qtest)
{
    uint32_t word = qtest_readl(qtest, 0xfee00200 + INTERRUPT / 32 * 0x10);

    return word >> INTERRUPT % 32 & 1;
}

static void check_msix(bool legacy)
{
    QTestState *qtest = qtest_start(BOARD "-device virtio-rng-pci");
    QVirtIO device = qvirtio_find(qtest, RNG, legacy);
    uint64_t pending = device.msix + 0x800;

    qvirtio_enable_msix(&device, 1, INTERRUPT);
    qvirtio_negotiate(&device, legacy ? 0 : F_VERSION_1);
    /* A vector that the function does not have. */
    if (legacy) {
        qtest_outw(qtest, device.ports + 20, 2);
        g_assert_cmphex(qtest_inw(qtest, device.ports + 20), ==, NO_VECTOR);
    } else {
        qtest_writew(qtest, device.common + 16, 2);
        g_assert_cmphex(qtest_readw(qtest, device.common + 16), ==, NO_VECTOR);
    }
    QVirtQueue queue = qvirtio_queue(&device, 0, RING, 1);
    qvirtio_driver_ok(&device);
    qtest_writel(qtest, device.msix + 16 + 12, 1); /* masked */
    get_random(&queue, 64);
    g_assert_cmphex(qtest_readl(qtest, pending), ==, 2);
    g_assert_false(interrupt_requested(qtest));
    qtest_writel(qtest, device.msix + 16 + 12, 0);
    g_assert_true(interrupt_requested(qtest));
    g_assert_cmphex(qtest_readl(qtest, pending), ==, 0);
    qtest_quit(qtest);
}

static void test_msix_legacy(void)
{
    check_msix(true);
}

static void test_msix_modern(void)
{
    check_msix(false);
}

/* ---- the window in configuration space ---- */

static uint32_t window_read(QVirtIO *device, uint32_t offset, uint32_t length)
{
    qpci_config_write(device->qtest, RNG, (uint8_t)(device->window + 4), 4);
    qpci_config_write(device->qtest, RNG, (uint8_t)(device->window + 8), offset);
    qpci_config_write(device->qtest, RNG, (uint8_t)(device->window + 12), length);
    return qpci_config_read(device->qtest, RNG, (uint8_t)(device->window + 16));
}

static void window_write(QVirtIO *device, uint32_t offset, uint32_t length, uint32_t value)
{
    window_read(device, 0, 4);
    qpci_config_write(device->qtest, RNG, (uint8_t)(device->window + 8), offset);
    qpci_config_write(device->qtest, RNG, (uint8_t)(device->window + 12), length);
    qpci_config_write(device->qtest, RNG, (uint8_t)(device->window + 16), value);
}

static void test_window(void)
{
    QTestState *qtest = qtest_start(BOARD "-device virtio-rng-pci");
    QVirtIO device = qvirtio_find(qtest, RNG, false);

    g_assert_cmpuint(window_read(&device, 18, 2), ==, 1); /* queues */
    window_write(&device, 20, 1, QVIRTIO_ACKNOWLEDGE);
    g_assert_cmphex(qvirtio_status(&device), ==, QVIRTIO_ACKNOWLEDGE);
    window_write(&device, 20, 1, 0);
    g_assert_cmphex(qvirtio_status(&device), ==, 0);
    /* A whole driver that way: only the notification. */
    qvirtio_negotiate(&device, F_VERSION_1);
    QVirtQueue queue = qvirtio_queue(&device, 0, RING, NO_VECTOR);
    qvirtio_driver_ok(&device);
    qvirtio_offer(&queue, BUFFER, 16, QVIRTIO_F_WRITE);
    window_write(&device, (uint32_t)(device.notify - device.memory), 2, 0);
    g_assert_cmpuint(qvirtio_used_index(&queue), ==, 1);
    /* What makes no sense has no effect. */
    window_write(&device, 0xfffffffc, 4, 1);
    window_write(&device, 0x4000, 4, 1);
    window_write(&device, 20, 3, 0);
    g_assert_cmphex(qvirtio_status(&device) & QVIRTIO_DRIVER_OK, ==, QVIRTIO_DRIVER_OK);
    qtest_quit(qtest);
}

/* ---- what goes wrong ---- */

static void test_bad_ring(void)
{
    QTestState *qtest = qtest_start(BOARD "-device virtio-rng-pci -device virtio-rng-pci");
    QVirtIO bad = qvirtio_find(qtest, RNG, false);
    QVirtIO good = qvirtio_find(qtest, RNG + 8, false);

    for (unsigned i = 0; i < 3; i++) {
        qvirtio_negotiate(&bad, F_VERSION_1);
        QVirtQueue queue = qvirtio_queue(&bad, 0, RING, NO_VECTOR);
        queue.offered = 0;
        qtest_writew(qtest, queue.available + 2, 0);
        qtest_writew(qtest, queue.used + 2, 0);
        qvirtio_driver_ok(&bad);
        get_random(&queue, 64);
        qvirtio_isr(&bad);
        qvirtio_offer(&queue, UINT64_C(0xfffff0000000), 64, QVIRTIO_F_WRITE);
        qvirtio_notify(&queue);
        g_assert_cmphex(qvirtio_status(&bad) & QVIRTIO_NEEDS_RESET, ==, QVIRTIO_NEEDS_RESET);
        g_assert_cmphex(qvirtio_isr(&bad), ==, 2);
        qvirtio_offer(&queue, BUFFER, 64, QVIRTIO_F_WRITE);
        qvirtio_notify(&queue);
        g_assert_cmpuint(qvirtio_used_index(&queue), ==, 1);
    }
    qvirtio_negotiate(&good, F_VERSION_1);
    QVirtQueue queue = qvirtio_queue(&good, 0, RING + 0x10000, NO_VECTOR);
    qvirtio_driver_ok(&good);
    get_random(&queue, 64);
    json_t *status = qtest_qmp(qtest, "query-status", NULL);
    g_assert_cmpstr(json_string_value(json_object_get(status, "status")), ==, "running");
    json_decref(status);
    qtest_quit(qtest);
}

/* Without bus mastering the function leaves memory alone; what was asked is done afterwards. */
static void test_bus_master(void)
{
    QTestState *qtest = qtest_start(BOARD "-device virtio-rng-pci");
    QVirtIO device = qvirtio_find(qtest, RNG, false);

    qvirtio_negotiate(&device, F_VERSION_1);
    QVirtQueue queue = qvirtio_queue(&device, 0, RING, NO_VECTOR);
    qvirtio_driver_ok(&device);
    qpci_config_write(qtest, RNG, 0x04, 0x3);
    qvirtio_offer(&queue, BUFFER, 16, QVIRTIO_F_WRITE);
    qvirtio_notify(&queue);
    g_assert_cmpuint(qvirtio_used_index(&queue), ==, 0);
    qpci_config_write(qtest, RNG, 0x04, 0x7);
    for (unsigned i = 0; i < 1000 && qvirtio_used_index(&queue) == 0; i++) {
        g_usleep(1000);
    }
    g_assert_cmpuint(qvirtio_used_index(&queue), ==, 1);
    qtest_quit(qtest);
}

static void test_machine_reset(void)
{
    QTestState *qtest = qtest_start(BOARD "-device virtio-rng-pci");
    QVirtIO device = qvirtio_find(qtest, RNG, false);

    qvirtio_negotiate(&device, F_VERSION_1);
    qvirtio_queue(&device, 0, RING, NO_VECTOR);
    qvirtio_driver_ok(&device);
    qtest_outb(qtest, 0xcf9, 0x06);
    json_decref(qtest_qmp_event(qtest, "RESET"));
    device = qvirtio_find(qtest, RNG, false);
    g_assert_cmphex(qvirtio_status(&device), ==, 0);
    g_assert_cmphex(qtest_readw(qtest, device.common + 28), ==, 0);
    qvirtio_negotiate(&device, F_VERSION_1);
    QVirtQueue queue = qvirtio_queue(&device, 0, RING, NO_VECTOR);
    qtest_writew(qtest, queue.available + 2, 0);
    qtest_writew(qtest, queue.used + 2, 0);
    qvirtio_driver_ok(&device);
    get_random(&queue, 64);
    qtest_quit(qtest);
}

/* ---- limits ---- */

static void test_rng_quota(void)
{
    QTestState *qtest = qtest_start(BOARD "-device virtio-rng-pci,max-bytes=100,period=1000");
    QVirtIO device = qvirtio_find(qtest, RNG, false);

    qvirtio_negotiate(&device, F_VERSION_1);
    QVirtQueue queue = qvirtio_queue(&device, 0, RING, NO_VECTOR);
    qvirtio_driver_ok(&device);
    for (unsigned i = 0; i < 3; i++) {
        qvirtio_offer(&queue, BUFFER, 64, QVIRTIO_F_WRITE);
    }
    qvirtio_notify(&queue);
    g_assert_cmpuint(qvirtio_used_index(&queue), ==, 2);
    g_assert_cmpuint(qvirtio_used_length(&queue, 1), ==, 36);
    qtest_clock_step(qtest, 999 * 1000000);
    g_assert_cmpuint(qvirtio_used_index(&queue), ==, 2);
    qtest_clock_step(qtest, 2 * 1000000);
    for (unsigned i = 0; i < 1000 && qvirtio_used_index(&queue) == 2; i++) {
        g_usleep(1000);
    }
    g_assert_cmpuint(qvirtio_used_index(&queue), ==, 3);
    g_assert_cmpuint(qvirtio_used_length(&queue, 2), ==, 64);
    qtest_quit(qtest);
}

/* ---- migration ---- */

static void migrate_to_file(QTestState *qtest, const char *path)
{
    g_autofree char *uri = g_strdup_printf("exec:cat > %s", path);

    json_decref(qtest_qmp(qtest, "migrate", json_pack("{s:s}", "uri", uri)));
    for (unsigned i = 0;; i++) {
        json_t *info = qtest_qmp(qtest, "query-migrate", NULL);
        const char *status = json_string_value(json_object_get(info, "status"));
        bool done = !g_strcmp0(status, "completed");
        g_assert_cmpstr(status, !=, "failed");
        json_decref(info);
        if (done) {
            break;
        }
        g_assert_cmpuint(i, <, 3000);
        g_usleep(10000);
    }
}

static void wait_running(QTestState *qtest)
{
    for (unsigned i = 0;; i++) {
        json_t *info = qtest_qmp(qtest, "query-status", NULL);
        bool running = json_is_true(json_object_get(info, "running"));
        json_decref(info);
        if (running) {
            return;
        }
        g_assert_cmpuint(i, <, 3000);
        g_usleep(10000);
    }
}

/* A driver goes on where it was, with a request that nobody had looked at yet. */
static void test_migration(void)
{
    g_autofree char *path = g_strdup_printf("%s/virtio-%d", g_get_tmp_dir(), getpid());
    g_autofree char *incoming =
        g_strdup_printf(BOARD "-device virtio-rng-pci -incoming 'exec:cat %s'", path);
    QTestState *qtest = qtest_start(BOARD "-device virtio-rng-pci");
    QVirtIO device = qvirtio_find(qtest, RNG, false);

    qvirtio_enable_msix(&device, 1, INTERRUPT);
    qvirtio_negotiate(&device, F_VERSION_1);
    QVirtQueue queue = qvirtio_queue(&device, 0, RING, 1);
    qvirtio_driver_ok(&device);
    for (unsigned i = 0; i < 13; i++) {
        get_random(&queue, 64);
    }
    qtest_writel(qtest, 0xfee000b0, 0);
    qvirtio_offer(&queue, BUFFER, 64, QVIRTIO_F_WRITE);
    migrate_to_file(qtest, path);
    qtest_quit(qtest);

    device.qtest = qtest_start(incoming);
    wait_running(device.qtest);
    for (unsigned i = 0; i < 1000 && qvirtio_used_index(&queue) == 13; i++) {
        g_usleep(1000);
    }
    g_assert_cmpuint(qvirtio_used_index(&queue), ==, 14);
    for (unsigned i = 0; i < 10; i++) {
        get_random(&queue, 64);
    }
    g_assert_true(interrupt_requested(device.qtest));
    g_assert_cmphex(qvirtio_status(&device), ==, 15);
    qtest_quit(device.qtest);
    g_unlink(path);
}

/* ---- anything at all ---- */

/* Random accesses to the registers of both interfaces, over memory full of random numbers. */
static void test_random_accesses(void)
{
    QTestState *qtest =
        qtest_start(BOARD "-device virtio-rng-pci -device virtio-serial-pci,max_ports=3 "
                          "-chardev ringbuf,id=ring,size=256 -device virtserialport,chardev=ring");
    g_autoptr(GRand) random = g_rand_new_with_seed(FUZZ_SEED);
    QVirtIO devices[] = { qvirtio_find(qtest, RNG, false), qvirtio_find(qtest, RNG + 8, false) };
    uint8_t noise[4096];

    for (unsigned i = 0; i < sizeof(noise); i++) {
        noise[i] = g_rand_int_range(random, 0, 3) ? 0 : (uint8_t)g_rand_int_range(random, 0, 20);
    }
    for (uint64_t address = RING; address < RING + 0x10000; address += sizeof(noise)) {
        qtest_memwrite(qtest, address, noise, sizeof(noise));
    }
    for (unsigned i = 0; i < FUZZ_ROUNDS; i++) {
        QVirtIO *device = &devices[g_rand_int_range(random, 0, 2)];
        uint32_t value = g_rand_boolean(random) ? (uint32_t)g_rand_int_range(random, 0, 16)
                                                : (uint32_t)RING + (g_rand_int(random) & 0xfff0);
        switch (g_rand_int_range(random, 0, 6)) {
        case 0:
            qtest_outl(qtest, device->ports + (uint16_t)g_rand_int_range(random, 0, 32),
                       g_rand_boolean(random) ? value : value >> 12);
            break;
        case 1:
            qtest_inl(qtest, device->ports + (uint16_t)g_rand_int_range(random, 0, 32));
            break;
        case 2:
            qtest_writel(qtest, device->common + (uint64_t)g_rand_int_range(random, 0, 64), value);
            break;
        case 3:
            qtest_readl(qtest, device->memory + (uint64_t)g_rand_int_range(random, 0, 0x4000));
            break;
        case 4:
            qtest_writew(qtest, device->notify + 4 * (uint64_t)g_rand_int_range(random, 0, 10), 0);
            break;
        default:
            qtest_writeb(qtest, device->common + 20, (uint8_t)(value & 0x0f));
            break;
        }
    }
    for (unsigned i = 0; i < 2; i++) {
        g_assert_cmphex(qvirtio_negotiate(&devices[i], F_VERSION_1) & QVIRTIO_FEATURES_OK, ==,
                        QVIRTIO_FEATURES_OK);
    }
    qtest_quit(qtest);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/virtio-pci/identity", test_identity);
    g_test_add_func("/virtio-pci/legacy", test_legacy);
    g_test_add_func("/virtio-pci/modern", test_modern);
    g_test_add_func("/virtio-pci/modern-small-queue", test_modern_small_queue);
    g_test_add_func("/virtio-pci/intx/legacy", test_intx_legacy);
    g_test_add_func("/virtio-pci/intx/modern", test_intx_modern);
    g_test_add_func("/virtio-pci/msix/legacy", test_msix_legacy);
    g_test_add_func("/virtio-pci/msix/modern", test_msix_modern);
    g_test_add_func("/virtio-pci/window", test_window);
    g_test_add_func("/virtio-pci/bad-ring", test_bad_ring);
    g_test_add_func("/virtio-pci/bus-master", test_bus_master);
    g_test_add_func("/virtio-pci/machine-reset", test_machine_reset);
    g_test_add_func("/virtio-pci/rng-quota", test_rng_quota);
    g_test_add_func("/virtio-pci/migration", test_migration);
    g_test_add_func("/virtio-pci/random-accesses", test_random_accesses);
    return g_test_run();
}
