/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Console device (OASIS virtio 1.2, section 5.3): queues of up to 31 ports and the control messages
 * about them. What the driver has to be told is a few bits for each port, not a list of messages,
 * so a driver that takes none cannot make it grow.
 */
#include "virtio-serial.h"

#include <string.h>

#include "hw/virtio/virtio-pci.h"
#include "trace-hw-virtio.h"
#include "util/bytes.h"
#include "util/report.h"

enum {
    QUEUE_SIZE = 128,
    CONTROL_QUEUE_SIZE = 32,
    QUEUE_CONTROL_TO_GUEST = 2,
    QUEUE_CONTROL_FROM_GUEST = 3,
    HANDLER_BUDGET = 256, /* chains of one call: the driver may add as fast as we take */
    VECTORS = 2,
    F_MULTIPORT = 1,
    CONFIG_SIZE = 12,
    CONFIG_PORTS = 4,
    MESSAGE_SIZE = 8,
    NAME_MAX_BYTES = 255,
};

/* Control messages (section 5.3.6.2). */
enum {
    MESSAGE_DEVICE_READY = 0,
    MESSAGE_PORT_ADD = 1,
    MESSAGE_PORT_READY = 3,
    MESSAGE_CONSOLE_PORT = 4,
    MESSAGE_PORT_OPEN = 6,
    MESSAGE_PORT_NAME = 7,
};

OBJECT_DEFINE_TYPE(VirtIOSerial, VirtIODeviceClass, virtio_serial, TYPE_VIRTIO_SERIAL,
                   TYPE_VIRTIO_DEVICE);

#define VIRTIO_SERIAL(o) (G_TYPE_CHECK_INSTANCE_CAST((o), virtio_serial_get_type(), VirtIOSerial))

bool virtio_serial_multiport(const VirtIOSerial *serial)
{
    return virtio_has_feature(&serial->parent, F_MULTIPORT);
}

/* ---- to the driver ---- */

/* Put one message into the driver's next buffer; false when there is none. */
static bool send_message(VirtIOSerial *self, uint32_t port, uint16_t event, uint16_t value,
                         const char *name)
{
    VirtQueue *queue = self->parent.queues[QUEUE_CONTROL_TO_GUEST];
    uint8_t message[MESSAGE_SIZE + NAME_MAX_BYTES];
    size_t name_size = name ? MIN(strlen(name), NAME_MAX_BYTES) : 0;
    VirtQueueElement *element = virtqueue_pop(queue);

    if (!element) {
        return false;
    }
    store_le32(message, port);
    store_le16(message + 4, event);
    store_le16(message + 6, value);
    if (name) {
        memcpy(message + MESSAGE_SIZE, name, name_size);
    }
    size_t written = virtqueue_element_write(element, 0, message, MESSAGE_SIZE + name_size);
    virtqueue_push(queue, element, (uint32_t)written);
    virtqueue_element_free(element);
    trace_virtio_serial_send(self, port, event, value);
    return true;
}

static bool send_bit(VirtIOSerial *self, VirtIOSerialPort *port, uint8_t bit)
{
    switch (bit) {
    case PORT_TELL_ADD:
        return send_message(self, port->number, MESSAGE_PORT_ADD, 1, NULL);
    case PORT_TELL_CONSOLE:
        return send_message(self, port->number, MESSAGE_CONSOLE_PORT, 1, NULL);
    case PORT_TELL_NAME:
        return send_message(self, port->number, MESSAGE_PORT_NAME, 1, port->name);
    default:
        return send_message(self, port->number, MESSAGE_PORT_OPEN, port->host_open, NULL);
    }
}

/* False: the driver has no more buffers. */
static bool tell_port(VirtIOSerial *self, VirtIOSerialPort *port, bool *sent)
{
    for (uint8_t bit = PORT_TELL_ADD; bit <= PORT_TELL_OPEN; bit = (uint8_t)(bit << 1)) {
        if (!(port->tell & bit)) {
            continue;
        }
        if (!send_bit(self, port, bit)) {
            return false;
        }
        port->tell &= (uint8_t)~bit;
        *sent = true;
    }
    return true;
}

void virtio_serial_send_control(VirtIOSerial *self)
{
    bool sent = false;

    if (!self->running || !virtio_serial_multiport(self)) {
        return;
    }
    for (unsigned i = 0; i < self->max_ports; i++) {
        if (self->ports[i] && !tell_port(self, self->ports[i], &sent)) {
            break;
        }
    }
    if (sent) {
        virtqueue_notify(self->parent.queues[QUEUE_CONTROL_TO_GUEST]);
    }
}

/* ---- from the driver ---- */

static void device_ready(VirtIOSerial *self, uint16_t value)
{
    for (unsigned i = 0; value == 1 && i < self->max_ports; i++) {
        if (self->ports[i]) {
            self->ports[i]->tell |= PORT_TELL_ADD;
        }
    }
}

static void take_message(VirtIOSerial *self, const uint8_t *message)
{
    uint32_t number = load_le32(message);
    uint16_t event = load_le16(message + 4);
    uint16_t value = load_le16(message + 6);
    VirtIOSerialPort *port = number < self->max_ports ? self->ports[number] : NULL;

    trace_virtio_serial_receive(self, number, event, value);
    if (event == MESSAGE_DEVICE_READY) {
        device_ready(self, value);
    } else if (!port) {
        log_write(LOG_GUEST_ERRORS, "virtio-serial: message %u about port %u, which is not there\n",
                  event, number);
    } else if (event == MESSAGE_PORT_READY && value == 1) {
        virtio_serial_port_ready(port);
    } else if (event == MESSAGE_PORT_OPEN) {
        virtio_serial_port_guest_open(port, value != 0);
    } else {
        log_write(LOG_GUEST_ERRORS, "virtio-serial: message %u, value %u, about port %u\n", event,
                  value, number);
    }
}

static void handle_control_from_guest(VirtIODevice *device, VirtQueue *queue)
{
    VirtIOSerial *self = VIRTIO_SERIAL(device);
    VirtQueueElement *element = NULL;
    unsigned budget = HANDLER_BUDGET;

    while (budget && (element = virtqueue_pop(queue))) {
        uint8_t message[MESSAGE_SIZE];
        if (virtqueue_element_read(element, 0, message, sizeof(message)) == sizeof(message)) {
            take_message(self, message);
        } else {
            log_write(LOG_GUEST_ERRORS, "virtio-serial: control message of less than %u bytes\n",
                      MESSAGE_SIZE);
        }
        virtqueue_push(queue, element, 0);
        virtqueue_element_free(element);
        budget--;
    }
    virtqueue_notify(queue);
    if (!budget) {
        virtqueue_schedule(queue);
    }
    virtio_serial_send_control(self);
}

static void handle_control_to_guest(VirtIODevice *device, VirtQueue *queue)
{
    virtio_serial_send_control(VIRTIO_SERIAL(device));
}

/* ---- data ---- */

/* Queues 0 and 1 are port 0's; from 4 on two for each port. */
static unsigned first_queue(unsigned port)
{
    return port == 0 ? 0 : 2 * (port + 1);
}

static VirtIOSerialPort *port_of_queue(VirtIOSerial *self, VirtQueue *queue)
{
    unsigned index = virtqueue_index(queue);

    return self->ports[index < 2 ? 0 : index / 2 - 1];
}

/* Output of a port that is not there goes nowhere. */
static void discard(VirtQueue *queue)
{
    VirtQueueElement *element = NULL;
    unsigned budget = HANDLER_BUDGET;

    while (budget && (element = virtqueue_pop(queue))) {
        virtqueue_push(queue, element, 0);
        virtqueue_element_free(element);
        budget--;
    }
    virtqueue_notify(queue);
    if (!budget) {
        virtqueue_schedule(queue);
    }
}

static void handle_from_guest(VirtIODevice *device, VirtQueue *queue)
{
    VirtIOSerialPort *port = port_of_queue(VIRTIO_SERIAL(device), queue);

    if (port) {
        virtio_serial_port_output(port);
    } else {
        discard(queue);
    }
}

static void handle_to_guest(VirtIODevice *device, VirtQueue *queue)
{
    VirtIOSerialPort *port = port_of_queue(VIRTIO_SERIAL(device), queue);

    if (port) {
        virtio_serial_port_input(port);
    }
}

/* ---- ports ---- */

static bool choose_number(VirtIOSerial *self, VirtIOSerialPort *port, GError **error)
{
    /* Number 0 is for a console: drivers without control messages know it alone. */
    unsigned first = virtio_serial_port_is_console(port) ? 0 : 1;

    if (port->number == UINT32_MAX) {
        for (port->number = first; port->number < self->max_ports; port->number++) {
            if (!self->ports[port->number]) {
                return true;
            }
        }
        qc_error_set(error, "virtio-serial-bus: Maximum port limit for this device reached");
        return false;
    }
    if (port->number < first) {
        qc_error_set(error, "Port number 0 on virtio-serial devices reserved for virtconsole "
                            "devices for backward compatibility.");
        return false;
    }
    if (port->number >= self->max_ports) {
        qc_error_set(error, "virtio-serial-bus: Out-of-range port id specified, max. allowed: %u",
                     self->max_ports - 1);
        return false;
    }
    if (self->ports[port->number]) {
        qc_error_set(error, "virtio-serial-bus: A port already exists at id %u", port->number);
        return false;
    }
    return true;
}

bool virtio_serial_add_port(VirtIOSerial *self, VirtIOSerialPort *port, GError **error)
{
    if (port->name && strlen(port->name) > NAME_MAX_BYTES) {
        qc_error_set(error, "virtio-serial-bus: the name of a port has at most %u bytes",
                     NAME_MAX_BYTES);
        return false;
    }
    for (unsigned i = 0; port->name && i < self->max_ports; i++) {
        if (self->ports[i] && !g_strcmp0(self->ports[i]->name, port->name)) {
            qc_error_set(error, "virtio-serial-bus: A port already exists by name %s", port->name);
            return false;
        }
    }
    if (!choose_number(self, port, error)) {
        return false;
    }
    unsigned queue = first_queue(port->number);
    port->serial = self;
    port->to_guest = self->parent.queues[queue];
    port->from_guest = self->parent.queues[queue + 1];
    self->ports[port->number] = port;
    return true;
}

typedef Bus VirtIOSerialBus;
typedef BusClass VirtIOSerialBusClass;

OBJECT_DEFINE_TYPE(VirtIOSerialBus, VirtIOSerialBusClass, virtio_serial_bus, TYPE_VIRTIO_SERIAL_BUS,
                   TYPE_BUS);

static bool virtio_serial_bus_plug(Bus *bus, Device *device, GError **error)
{
    return virtio_serial_add_port(VIRTIO_SERIAL(bus->owner), VIRTIO_SERIAL_PORT(device), error);
}

static void virtio_serial_bus_unplug(Bus *bus, Device *device)
{
    VIRTIO_SERIAL(bus->owner)->ports[VIRTIO_SERIAL_PORT(device)->number] = NULL;
}

/* "0000:00:04.0/port3". */
static char *virtio_serial_bus_device_path(Bus *bus, Device *device)
{
    Bus *outer = bus->owner->parent_bus;
    BusClass *outer_class = outer ? G_TYPE_INSTANCE_GET_CLASS(outer, TYPE_BUS, BusClass) : NULL;
    g_autofree char *path = outer_class && outer_class->device_path
                                ? outer_class->device_path(outer, bus->owner)
                                : NULL;

    return g_strdup_printf("%s/port%u", path ? path : "", VIRTIO_SERIAL_PORT(device)->number);
}

static void virtio_serial_bus_init(VirtIOSerialBus *bus)
{
}

static void virtio_serial_bus_class_init(VirtIOSerialBusClass *klass)
{
    klass->plug = virtio_serial_bus_plug;
    klass->unplug = virtio_serial_bus_unplug;
    klass->device_path = virtio_serial_bus_device_path;
}

/* ---- device ---- */

static void make_bus(VirtIOSerial *self)
{
    Bus *outer = self->parent.parent.parent_bus;
    const char *id = outer && outer->owner ? outer->owner->id : NULL;
    g_autofree char *name = g_strdup_printf("%s.0", id ? id : TYPE_VIRTIO_SERIAL_BUS);

    self->bus = bus_new(TYPE_VIRTIO_SERIAL_BUS, DEVICE(self), name);
}

static bool virtio_serial_realize(VirtIODevice *device, GError **error)
{
    VirtIOSerial *self = VIRTIO_SERIAL(device);

    if (self->max_ports == 0) {
        qc_error_set(error, "Maximum number of serial ports not specified");
        return false;
    }
    if (self->max_ports > VIRTIO_SERIAL_PORTS_MAX) {
        qc_error_set(error, "maximum ports supported: %u", VIRTIO_SERIAL_PORTS_MAX);
        return false;
    }
    for (unsigned port = 0; port < self->max_ports; port++) {
        virtio_add_queue(device, QUEUE_SIZE, handle_to_guest);
        virtio_add_queue(device, QUEUE_SIZE, handle_from_guest);
        if (port == 0) {
            virtio_add_queue(device, CONTROL_QUEUE_SIZE, handle_control_to_guest);
            virtio_add_queue(device, CONTROL_QUEUE_SIZE, handle_control_from_guest);
        }
    }
    make_bus(self);
    return true;
}

static uint64_t virtio_serial_get_features(VirtIODevice *device, uint64_t features)
{
    return features | (VIRTIO_SERIAL(device)->max_ports > 1 ? UINT64_C(1) << F_MULTIPORT : 0);
}

static void virtio_serial_get_config(VirtIODevice *device, uint8_t *config)
{
    store_le32(config + CONFIG_PORTS, VIRTIO_SERIAL(device)->max_ports);
}

static void virtio_serial_set_status(VirtIODevice *device, uint8_t status)
{
    VirtIOSerial *self = VIRTIO_SERIAL(device);

    /* Without control messages nobody says when the port is open. */
    if (status & VIRTIO_STATUS_DRIVER_OK && !virtio_serial_multiport(self) && self->ports[0] &&
        !self->ports[0]->guest_open) {
        virtio_serial_port_guest_open(self->ports[0], true);
    }
}

static void virtio_serial_reset(VirtIODevice *device)
{
    VirtIOSerial *self = VIRTIO_SERIAL(device);

    for (unsigned i = 0; i < self->max_ports && i < VIRTIO_SERIAL_PORTS_MAX; i++) {
        if (self->ports[i]) {
            virtio_serial_port_reset(self->ports[i]);
        }
    }
}

static void virtio_serial_vm_running(VirtIODevice *device, bool running)
{
    VIRTIO_SERIAL(device)->running = running;
}

static const VMStateDescription vmstate_virtio_serial = {
    .name = "virtio-serial",
    .version = 1,
    .minimum_version = 1,
    .fields =
        (const VMStateField[]){
            VMSTATE_VIRTIO_DEVICE(parent, VirtIOSerial),
            VMSTATE_UINT32_EQUAL(max_ports, VirtIOSerial),
            VMSTATE_END,
        },
};

static const DeviceProperty virtio_serial_properties[] = {
    { "max_ports", "how many ports can be added", DEVICE_PROPERTY_UINT32,
      offsetof(VirtIOSerial, max_ports), .default_value = VIRTIO_SERIAL_PORTS_MAX },
};

static void virtio_serial_init(VirtIOSerial *self)
{
}

static void virtio_serial_class_init(VirtIODeviceClass *klass)
{
    klass->device_type = VIRTIO_ID_CONSOLE;
    klass->config_size = CONFIG_SIZE;
    klass->realize = virtio_serial_realize;
    klass->get_features = virtio_serial_get_features;
    klass->get_config = virtio_serial_get_config;
    klass->set_status = virtio_serial_set_status;
    klass->reset = virtio_serial_reset;
    klass->vm_running = virtio_serial_vm_running;
    klass->parent.vmsd = &vmstate_virtio_serial;
    device_class_set_properties(&klass->parent, virtio_serial_properties,
                                G_N_ELEMENTS(virtio_serial_properties));
}

VIRTIO_PCI_DEFINE(virtio_serial, .name = "virtio-serial", .device_type = TYPE_VIRTIO_SERIAL,
                  .description = "Controller of virtio serial ports and consoles",
                  .category = "Input", .class_id = PCI_CLASS_COMMUNICATION_OTHER,
                  .transitional_id = PCI_DEVICE_ID_VIRTIO_CONSOLE, .vectors = VECTORS);
