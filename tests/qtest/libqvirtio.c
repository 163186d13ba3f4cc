/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
#include "libqvirtio.h"

#include <string.h>

#define F_VERSION_1 (UINT64_C(1) << 32)

uint32_t qpci_config_read(QTestState *qtest, uint8_t devfn, uint8_t offset)
{
    qtest_outl(qtest, 0xcf8, 0x80000000u | (uint32_t)devfn << 8 | (offset & 0xfc));
    return qtest_inl(qtest, 0xcfc);
}

void qpci_config_write(QTestState *qtest, uint8_t devfn, uint8_t offset, uint32_t value)
{
    qtest_outl(qtest, 0xcf8, 0x80000000u | (uint32_t)devfn << 8 | (offset & 0xfc));
    qtest_outl(qtest, 0xcfc, value);
}

static uint8_t config_byte(const QVirtIO *device, unsigned offset)
{
    uint32_t word = qpci_config_read(device->qtest, device->devfn, (uint8_t)offset);

    return (uint8_t)(word >> (8 * (offset & 3)));
}

static uint32_t config_long(const QVirtIO *device, unsigned offset)
{
    return qpci_config_read(device->qtest, device->devfn, (uint8_t)offset);
}

static void take_capability(QVirtIO *device, uint8_t position)
{
    uint8_t id = config_byte(device, position);
    uint64_t address = device->memory + config_long(device, position + 8u);

    if (id == 0x11) {
        device->msix_capability = position;
    }
    if (id != 0x09) {
        return;
    }
    switch (config_byte(device, position + 3u)) {
    case 1:
        device->common = address;
        break;
    case 2:
        device->notify = address;
        device->notify_multiplier = config_long(device, position + 16u);
        break;
    case 3:
        device->isr = address;
        break;
    case 4:
        device->config = address;
        break;
    case 5:
        device->window = position;
        break;
    default:
        g_assert_not_reached();
    }
}

QVirtIO qvirtio_find(QTestState *qtest, uint8_t devfn, bool legacy)
{
    QVirtIO device = { .qtest = qtest, .devfn = devfn, .legacy = legacy };
    uint32_t low = qpci_config_read(qtest, devfn, 0x20);

    g_assert_cmphex(qpci_config_read(qtest, devfn, 0) & 0xffff, ==, 0x1af4);
    device.ports = (uint16_t)(qpci_config_read(qtest, devfn, 0x10) & 0xfffc);
    device.msix = qpci_config_read(qtest, devfn, 0x14) & ~0xfu;
    if (low & 4) {
        device.memory = (uint64_t)qpci_config_read(qtest, devfn, 0x24) << 32 | (low & ~0xfu);
    }
    qpci_config_write(qtest, devfn, 0x04, 0x7);
    for (uint8_t position = config_byte(&device, 0x34); position;
         position = config_byte(&device, position + 1u)) {
        take_capability(&device, position);
    }
    return device;
}

uint8_t qvirtio_status(const QVirtIO *device)
{
    return device->legacy ? qtest_inb(device->qtest, device->ports + 18)
                          : qtest_readb(device->qtest, device->common + 20);
}

void qvirtio_set_status(const QVirtIO *device, uint8_t status)
{
    if (device->legacy) {
        qtest_outb(device->qtest, device->ports + 18, status);
    } else {
        qtest_writeb(device->qtest, device->common + 20, status);
    }
}

uint64_t qvirtio_offered(const QVirtIO *device)
{
    if (device->legacy) {
        return qtest_inl(device->qtest, device->ports);
    }
    qtest_writel(device->qtest, device->common, 1);
    uint64_t high = qtest_readl(device->qtest, device->common + 4);
    qtest_writel(device->qtest, device->common, 0);
    return high << 32 | qtest_readl(device->qtest, device->common + 4);
}

uint8_t qvirtio_negotiate(const QVirtIO *device, uint64_t features)
{
    qvirtio_set_status(device, 0);
    g_assert_cmphex(qvirtio_status(device), ==, 0);
    qvirtio_set_status(device, QVIRTIO_ACKNOWLEDGE);
    qvirtio_set_status(device, QVIRTIO_ACKNOWLEDGE | QVIRTIO_DRIVER);
    if (device->legacy) {
        qtest_outl(device->qtest, device->ports + 4, (uint32_t)features);
        return qvirtio_status(device);
    }
    for (unsigned half = 0; half < 2; half++) {
        qtest_writel(device->qtest, device->common + 8, half);
        qtest_writel(device->qtest, device->common + 12, (uint32_t)(features >> (32 * half)));
    }
    qvirtio_set_status(device, QVIRTIO_ACKNOWLEDGE | QVIRTIO_DRIVER | QVIRTIO_FEATURES_OK);
    return qvirtio_status(device);
}

void qvirtio_driver_ok(const QVirtIO *device)
{
    qvirtio_set_status(device, qvirtio_status(device) | QVIRTIO_DRIVER_OK);
}

uint8_t qvirtio_isr(const QVirtIO *device)
{
    return device->legacy ? qtest_inb(device->qtest, device->ports + 19)
                          : qtest_readb(device->qtest, device->isr);
}

void qvirtio_enable_msix(const QVirtIO *device, unsigned vector, uint8_t interrupt)
{
    uint64_t entry = device->msix + 16 * vector;
    uint32_t flags = config_long(device, device->msix_capability);

    qtest_writel(device->qtest, 0xfee000f0, 0x1ff); /* the local APIC takes interrupts */
    qtest_writel(device->qtest, entry, 0xfee00000);
    qtest_writel(device->qtest, entry + 4, 0);
    qtest_writel(device->qtest, entry + 8, interrupt);
    qtest_writel(device->qtest, entry + 12, 0);
    qpci_config_write(device->qtest, device->devfn, device->msix_capability, flags | 0x80000000u);
}

static void place_modern(QVirtQueue *queue, uint16_t vector)
{
    QTestState *qtest = queue->device->qtest;
    uint64_t common = queue->device->common;
    const uint64_t parts[] = { queue->descriptors, queue->available, queue->used };

    for (unsigned i = 0; i < 3; i++) {
        qtest_writel(qtest, common + 32 + 8 * i, (uint32_t)parts[i]);
        qtest_writel(qtest, common + 36 + 8 * i, (uint32_t)(parts[i] >> 32));
    }
    qtest_writew(qtest, common + 26, vector);
    g_assert_cmphex(qtest_readw(qtest, common + 26), ==, vector);
    qtest_writew(qtest, common + 28, 1);
    g_assert_cmphex(qtest_readw(qtest, common + 28), ==, 1);
}

QVirtQueue qvirtio_queue(QVirtIO *device, uint16_t index, uint64_t address, uint16_t vector)
{
    QVirtQueue queue = { .device = device, .index = index, .descriptors = address };
    QTestState *qtest = device->qtest;

    if (device->legacy) {
        qtest_outw(qtest, device->ports + 14, index);
        queue.size = qtest_inw(qtest, device->ports + 12);
        queue.available = address + 16 * (uint64_t)queue.size;
        queue.used = (queue.available + 6 + 2 * (uint64_t)queue.size + 4095) & ~UINT64_C(4095);
        qtest_outl(qtest, device->ports + 8, (uint32_t)(address >> 12));
        if (vector != 0xffff) {
            qtest_outw(qtest, device->ports + 22, vector);
            g_assert_cmphex(qtest_inw(qtest, device->ports + 22), ==, vector);
        }
        return queue;
    }
    qtest_writew(qtest, device->common + 22, index);
    queue.size = qtest_readw(qtest, device->common + 24);
    queue.available = address + 0x2000;
    queue.used = address + 0x3000;
    place_modern(&queue, vector);
    return queue;
}

uint16_t qvirtio_offer(QVirtQueue *queue, uint64_t address, uint32_t length, uint16_t flags)
{
    QTestState *qtest = queue->device->qtest;
    uint16_t head = queue->next_descriptor++ % queue->size;
    uint64_t descriptor = queue->descriptors + 16 * (uint64_t)head;

    qtest_writeq(qtest, descriptor, address);
    qtest_writel(qtest, descriptor + 8, length);
    qtest_writew(qtest, descriptor + 12, flags);
    qtest_writew(qtest, queue->available + 4 + 2 * (uint64_t)(queue->offered % queue->size), head);
    qtest_writew(qtest, queue->available + 2, ++queue->offered);
    return head;
}

void qvirtio_notify(const QVirtQueue *queue)
{
    const QVirtIO *device = queue->device;

    if (device->legacy) {
        qtest_outw(device->qtest, device->ports + 16, queue->index);
        return;
    }
    qtest_writew(device->qtest, device->common + 22, queue->index);
    uint16_t offset = qtest_readw(device->qtest, device->common + 30);
    qtest_writew(device->qtest, device->notify + (uint64_t)offset * device->notify_multiplier,
                 queue->index);
}

uint16_t qvirtio_used_index(const QVirtQueue *queue)
{
    return qtest_readw(queue->device->qtest, queue->used + 2);
}

uint32_t qvirtio_used_length(const QVirtQueue *queue, uint16_t n)
{
    return qtest_readl(queue->device->qtest, queue->used + 8 + 8 * (uint64_t)(n % queue->size));
}
