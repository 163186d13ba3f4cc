/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The virtio device (OASIS virtio 1.2, chapter 2): status, features, configuration, its queues and
 * when their handlers run. Where the driver's accesses come from is the transport's business.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "system/main-loop.h"
#include "system/runstate.h"
#include "trace-hw-virtio.h"
#include "util/bytes.h"
#include "util/report.h"
#include "virtio-internal.h"

/* A guest that breaks its device again and again must not fill the host's log. */
#define ERRORS_PRINTED 16u

OBJECT_DEFINE_ABSTRACT_TYPE(VirtIODevice, VirtIODeviceClass, virtio_device, "virtio-device",
                            TYPE_DEVICE);

/* ---- messages ---- */

char *virtio_device_label(VirtIODevice *device)
{
    Bus *bus = device->parent.parent_bus;
    Device *named = bus && bus->owner ? bus->owner : &device->parent;
    const char *type = object_type_name(G_OBJECT_TYPE(named));

    return named->id ? g_strdup_printf("%s '%s'", type, named->id) : g_strdup(type);
}

void virtio_error(VirtIODevice *device, const char *format, ...)
{
    va_list arguments;

    if (device->broken) {
        return;
    }
    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_autofree char *label = virtio_device_label(device);
    trace_virtio_error(label, text);
    if (device->error_count < ERRORS_PRINTED) {
        device->error_count++;
        report_error("%s: %s; the device does nothing until the guest resets it", label, text);
    }
    device->broken = true;
    if (virtio_has_feature(device, VIRTIO_F_VERSION_1)) {
        device->status |= VIRTIO_STATUS_NEEDS_RESET;
        virtio_notify_config(device);
    }
}

void virtio_notify_config(VirtIODevice *device)
{
    device->config_generation++;
    if (!(device->status & VIRTIO_STATUS_DRIVER_OK)) {
        return; /* it will read the configuration when it begins */
    }
    device->isr |= VIRTIO_ISR_CONFIG;
    if (device->transport) {
        device->transport->notify_config(device->transport_opaque, device->config_vector);
    }
}

/* ---- queues ---- */

static VirtQueue *add_queue(VirtIODevice *device, uint16_t size, bool deferred,
                            void (*handle)(VirtIODevice *device, VirtQueue *queue))
{
    g_assert(size > 0 && size <= VIRTQUEUE_SIZE_MAX && (size & (size - 1)) == 0);
    g_assert(device->queue_count < VIRTIO_QUEUE_MAX);
    if (!device->queue_storage) {
        device->queue_storage = g_new0(VirtQueue, VIRTIO_QUEUE_MAX);
    }
    VirtQueue *queue = &device->queue_storage[device->queue_count];
    queue->device = device;
    queue->index = (uint16_t)device->queue_count;
    queue->maximum = size;
    queue->handle = handle;
    queue->deferred = deferred;
    virtqueue_reset(queue);
    device->queues[device->queue_count++] = queue;
    return queue;
}

VirtQueue *virtio_add_queue(VirtIODevice *device, uint16_t size,
                            void (*handle)(VirtIODevice *device, VirtQueue *queue))
{
    return add_queue(device, size, false, handle);
}

VirtQueue *virtio_add_queue_deferred(VirtIODevice *device, uint16_t size,
                                     void (*handle)(VirtIODevice *device, VirtQueue *queue))
{
    return add_queue(device, size, true, handle);
}

static void run_handler(VirtQueue *queue)
{
    /* While the VM is stopped nothing moves; its start calls every handler. */
    if (!queue->device->stopped && virtqueue_ready(queue) && queue->handle) {
        queue->handle(queue->device, queue);
    }
}

static void run_scheduled(void *opaque)
{
    VirtQueue *queue = opaque;
    VirtIODevice *device = queue->device;

    queue->scheduled = false;
    run_handler(queue);
    g_object_unref(device);
}

void virtqueue_schedule(VirtQueue *queue)
{
    if (!queue->scheduled) {
        queue->scheduled = true;
        g_object_ref(queue->device);
        main_loop_schedule(run_scheduled, queue);
    }
}

void virtio_queue_notified(VirtIODevice *device, unsigned index)
{
    if (index >= device->queue_count) {
        log_write(LOG_GUEST_ERRORS, "virtio: notification of queue %u of %u\n", index,
                  device->queue_count);
        return;
    }
    VirtQueue *queue = device->queues[index];
    trace_virtio_queue_notified(device, index);
    if (queue->deferred) {
        virtqueue_schedule(queue);
    } else {
        run_handler(queue);
    }
}

void virtio_queue_set_legacy_page(VirtQueue *queue, uint32_t page)
{
    uint64_t address = (uint64_t)page << VIRTIO_LEGACY_PAGE_SHIFT;
    uint64_t available = address + UINT64_C(16) * queue->maximum;
    uint64_t available_end = available + 4 + UINT64_C(2) * queue->maximum + 2;

    queue->size = queue->maximum;
    queue->descriptors = address;
    queue->available = available;
    queue->used = (available_end + VIRTIO_LEGACY_ALIGN - 1) & ~(uint64_t)(VIRTIO_LEGACY_ALIGN - 1);
    queue->enabled = page != 0;
    virtqueue_unmap(queue);
}

/* ---- status and features ---- */

static VirtIODeviceClass *class_of(VirtIODevice *device)
{
    return VIRTIO_DEVICE_GET_CLASS(device);
}

void virtio_reset(VirtIODevice *device)
{
    VirtIODeviceClass *klass = class_of(device);

    if (device->status != 0) {
        device->status = 0;
        if (klass->set_status) {
            klass->set_status(device, 0);
        }
    }
    device->isr = 0;
    device->guest_features = 0;
    device->config_vector = VIRTIO_NO_VECTOR;
    device->broken = false;
    for (unsigned i = 0; i < device->queue_count; i++) {
        virtqueue_reset(device->queues[i]);
    }
    if (klass->reset) {
        klass->reset(device);
    }
}

void virtio_set_status(VirtIODevice *device, uint8_t status)
{
    VirtIODeviceClass *klass = class_of(device);

    trace_virtio_set_status(device, device->status, status);
    if (status == 0) {
        virtio_reset(device);
        return;
    }
    /* The driver cannot take it back. */
    device->status = status | (device->status & VIRTIO_STATUS_NEEDS_RESET);
    if (klass->set_status) {
        klass->set_status(device, device->status);
    }
}

bool virtio_set_guest_features(VirtIODevice *device, uint64_t features)
{
    VirtIODeviceClass *klass = class_of(device);

    trace_virtio_set_features(device, device->host_features, features);
    if (device->status & (VIRTIO_STATUS_FEATURES_OK | VIRTIO_STATUS_DRIVER_OK) ||
        features & ~device->host_features ||
        (features >> VIRTIO_F_VERSION_1 & 1 && features & VIRTIO_LEGACY_FEATURES)) {
        return false;
    }
    device->guest_features = features;
    if (klass->set_features) {
        klass->set_features(device, features);
    }
    return true;
}

static void offer_features(VirtIODevice *device)
{
    uint64_t features = device->transport_features | VIRTIO_LEGACY_FEATURES;

    features |= device->indirect_desc ? UINT64_C(1) << VIRTIO_F_INDIRECT_DESC : 0;
    features |= device->event_idx ? UINT64_C(1) << VIRTIO_F_EVENT_IDX : 0;
    device->host_features = class_of(device)->get_features(device, features);
}

/* ---- configuration ---- */

void virtio_read_config(VirtIODevice *device, uint8_t *config)
{
    VirtIODeviceClass *klass = class_of(device);

    memset(config, 0, VIRTIO_CONFIG_MAX);
    if (klass->get_config) {
        klass->get_config(device, config);
    }
}

uint64_t virtio_config_load(VirtIODevice *device, uint64_t offset, unsigned size)
{
    uint8_t config[VIRTIO_CONFIG_MAX];
    uint64_t value = 0;

    if (offset + size > class_of(device)->config_size) {
        return UINT64_MAX;
    }
    virtio_read_config(device, config);
    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)config[offset + i] << (8 * i);
    }
    return value;
}

void virtio_config_store(VirtIODevice *device, uint64_t offset, uint64_t value, unsigned size)
{
    VirtIODeviceClass *klass = class_of(device);
    uint8_t config[VIRTIO_CONFIG_MAX];

    if (offset + size > klass->config_size || !klass->set_config) {
        log_write(LOG_GUEST_ERRORS, "virtio: configuration byte %" PRIu64 " cannot be written\n",
                  offset);
        return;
    }
    virtio_read_config(device, config);
    for (unsigned i = 0; i < size; i++) {
        config[offset + i] = (uint8_t)(value >> (8 * i));
    }
    klass->set_config(device, config);
}

/* ---- the VM stops and starts ---- */

void virtio_vm_state_changed(VirtIODevice *device, bool running)
{
    VirtIODeviceClass *klass = class_of(device);

    device->stopped = !running;
    if (klass->vm_running) {
        klass->vm_running(device, running);
    }
    /* What the driver notified of meanwhile, or on the other host before a migration. */
    for (unsigned i = 0; running && i < device->queue_count; i++) {
        if (virtqueue_ready(device->queues[i])) {
            virtqueue_schedule(device->queues[i]);
        }
    }
}

static void vm_state_changed(void *opaque, bool running, RunState state)
{
    virtio_vm_state_changed(opaque, running);
}

/* ---- device ---- */

static bool virtio_device_realize(Device *parent, GError **error)
{
    VirtIODevice *device = VIRTIO_DEVICE(parent);
    VirtIODeviceClass *klass = class_of(device);

    g_assert(klass->config_size <= VIRTIO_CONFIG_MAX && klass->get_features);
    device->config_vector = VIRTIO_NO_VECTOR;
    device->stopped = !runstate_is_running();
    if (klass->realize && !klass->realize(device, error)) {
        return false;
    }
    offer_features(device);
    vm_state_change_add(vm_state_changed, device);
    return true;
}

static void virtio_device_unrealize(Device *parent)
{
    VirtIODevice *device = VIRTIO_DEVICE(parent);
    VirtIODeviceClass *klass = class_of(device);

    vm_state_change_remove(vm_state_changed, device);
    virtio_reset(device);
    if (klass->unrealize) {
        klass->unrealize(device);
    }
}

static void virtio_device_reset(Device *device)
{
    virtio_reset(VIRTIO_DEVICE(device));
}

static void virtio_device_finalize(GObject *object)
{
    VirtIODevice *device = (VirtIODevice *)object;

    g_free(device->queue_storage);
    G_OBJECT_CLASS(g_type_class_peek(TYPE_DEVICE))->finalize(object);
}

static const DeviceProperty virtio_device_properties[] = {
    { "indirect_desc", "offer indirect descriptors", DEVICE_PROPERTY_BOOL,
      offsetof(VirtIODevice, indirect_desc), .default_value = true },
    { "event_idx", "offer notification by index", DEVICE_PROPERTY_BOOL,
      offsetof(VirtIODevice, event_idx), .default_value = true },
};

static void virtio_device_init(VirtIODevice *device)
{
}

static void virtio_device_class_init(VirtIODeviceClass *klass)
{
    DeviceClass *device_class = &klass->parent;

    G_OBJECT_CLASS(klass)->finalize = virtio_device_finalize;
    device_class->bus_type = TYPE_VIRTIO_BUS;
    device_class->realize = virtio_device_realize;
    device_class->unrealize = virtio_device_unrealize;
    device_class->reset = virtio_device_reset;
    device_class_set_properties(device_class, virtio_device_properties,
                                G_N_ELEMENTS(virtio_device_properties));
}

/* ---- the bus between a transport and its device ---- */

typedef Bus VirtIOBus;
typedef BusClass VirtIOBusClass;

OBJECT_DEFINE_TYPE(VirtIOBus, VirtIOBusClass, virtio_bus, TYPE_VIRTIO_BUS, TYPE_BUS);

/* The device is found in a migration stream by the place of its transport. */
static char *virtio_bus_device_path(Bus *bus, Device *device)
{
    Device *transport = bus->owner;
    Bus *outer = transport ? transport->parent_bus : NULL;
    BusClass *outer_class = outer ? G_TYPE_INSTANCE_GET_CLASS(outer, TYPE_BUS, BusClass) : NULL;

    return outer_class && outer_class->device_path ? outer_class->device_path(outer, transport)
                                                   : NULL;
}

static void virtio_bus_init(VirtIOBus *bus)
{
}

static void virtio_bus_class_init(VirtIOBusClass *klass)
{
    klass->device_path = virtio_bus_device_path;
}
