/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Ports of a virtio console device: virtserialport, and virtconsole, which the guest uses as a
 * terminal. A port keeps no data: input is taken from the back end as far as the driver has buffers
 * for it, and of output that the back end does not take the rest stays in the ring.
 */
#include "virtio-serial.h"

#include "qapi/qapi-events-char.h"
#include "trace-hw-virtio.h"
#include "util/report.h"

#define INPUT_MAX   4096 /* bytes taken from the back end at once */
#define OUTPUT_MAX  4096 /* bytes given to it at once */
#define CHAIN_MAX   256  /* chains of one call */
#define NUMBER_NEXT UINT32_MAX
#define RETRY_NS    (50 * NANOSECONDS_PER_MILLISECOND)

OBJECT_DEFINE_ABSTRACT_TYPE(VirtIOSerialPort, VirtIOSerialPortClass, virtio_serial_port,
                            "virtio-serial-port", TYPE_DEVICE);

bool virtio_serial_port_is_console(VirtIOSerialPort *port)
{
    return G_TYPE_INSTANCE_GET_CLASS(port, TYPE_VIRTIO_SERIAL_PORT, VirtIOSerialPortClass)
        ->is_console;
}

/* ---- open and closed ---- */

/* A console is there whether or not anybody watches it. */
static bool host_is_open(VirtIOSerialPort *port)
{
    return virtio_serial_port_is_console(port) ||
           (port->chardev && char_frontend_is_open(&port->frontend));
}

static void follow_host(VirtIOSerialPort *port)
{
    bool open = host_is_open(port);

    if (open != port->host_open) {
        port->host_open = open;
        port->tell |= PORT_TELL_OPEN;
        virtio_serial_send_control(port->serial);
    }
}

void virtio_serial_port_guest_open(VirtIOSerialPort *port, bool open)
{
    if (open == port->guest_open) {
        return;
    }
    port->guest_open = open;
    trace_virtio_serial_port_open(port->number, open);
    if (port->parent.id && !virtio_serial_port_is_console(port)) {
        qapi_event_send_vserport_change(port->parent.id, open);
    }
    if (open) {
        char_frontend_accept_input(&port->frontend);
    }
}

void virtio_serial_port_ready(VirtIOSerialPort *port)
{
    port->host_open = host_is_open(port);
    port->tell |= virtio_serial_port_is_console(port) ? PORT_TELL_CONSOLE : 0;
    port->tell |= port->name ? PORT_TELL_NAME : 0;
    port->tell |= port->host_open ? PORT_TELL_OPEN : 0;
}

/* ---- from the guest ---- */

static void wait_for_backend(VirtIOSerialPort *port);

static gboolean backend_writable(void *opaque)
{
    VirtIOSerialPort *port = opaque;

    port->watch = 0;
    virtqueue_schedule(port->from_guest);
    return G_SOURCE_REMOVE;
}

static void retry_over(void *opaque)
{
    virtqueue_schedule(((VirtIOSerialPort *)opaque)->from_guest);
}

static void wait_for_backend(VirtIOSerialPort *port)
{
    if (!port->watch) {
        port->watch = char_frontend_add_watch(&port->frontend, backend_writable, port);
    }
    timer_mod_ns(port->retry, clock_get_ns(CLOCK_TYPE_REALTIME) + RETRY_NS);
}

/* Write the rest of @element; false when the back end is full. */
static bool write_element(VirtIOSerialPort *port, const VirtQueueElement *element)
{
    uint8_t data[OUTPUT_MAX];
    size_t size;

    while ((size = virtqueue_element_read(element, port->write_offset, data, sizeof(data))) > 0) {
        int written =
            port->chardev ? char_frontend_write(&port->frontend, data, (int)size) : (int)size;
        port->write_offset += (uint32_t)MAX(written, 0);
        if (written < (int)size) {
            return false;
        }
    }
    return true;
}

void virtio_serial_port_output(VirtIOSerialPort *port)
{
    VirtQueueElement *element = NULL;
    unsigned budget = CHAIN_MAX;

    while (budget && (element = virtqueue_pop(port->from_guest))) {
        if (!write_element(port, element)) {
            trace_virtio_serial_port_stalled(port->number, port->write_offset);
            virtqueue_unpop(port->from_guest, element);
            wait_for_backend(port);
            break;
        }
        port->write_offset = 0;
        virtqueue_push(port->from_guest, element, 0);
        virtqueue_element_free(element);
        budget--;
    }
    virtqueue_notify(port->from_guest);
    if (!budget) {
        virtqueue_schedule(port->from_guest);
    }
}

/* ---- to the guest ---- */

static int port_can_receive(void *opaque)
{
    VirtIOSerialPort *port = opaque;

    if (!port->serial->running || !port->guest_open) {
        return 0;
    }
    for (int size = INPUT_MAX; size > 0; size /= 4) {
        if (virtqueue_has_room(port->to_guest, (size_t)size)) {
            return size;
        }
    }
    return 0;
}

static void port_receive(void *opaque, const uint8_t *data, int size)
{
    VirtIOSerialPort *port = opaque;
    size_t done = 0;

    while (done < (size_t)size) {
        VirtQueueElement *element = virtqueue_pop(port->to_guest);
        if (!element) {
            break; /* the driver has changed its buffers meanwhile, or closed the port */
        }
        size_t part = virtqueue_element_write(element, 0, data + done, (size_t)size - done);
        virtqueue_push(port->to_guest, element, (uint32_t)part);
        virtqueue_element_free(element);
        done += part;
    }
    virtqueue_notify(port->to_guest);
    trace_virtio_serial_port_receive(port->number, size, done);
}

static void port_event(void *opaque, CharEvent event)
{
    if (event == CHAR_EVENT_OPENED || event == CHAR_EVENT_CLOSED) {
        follow_host(opaque);
    }
}

void virtio_serial_port_input(VirtIOSerialPort *port)
{
    char_frontend_accept_input(&port->frontend);
}

/* ---- device ---- */

void virtio_serial_port_reset(VirtIOSerialPort *port)
{
    virtio_serial_port_guest_open(port, false);
    port->tell = 0;
    port->write_offset = 0;
    timer_del(port->retry);
}

static bool virtio_serial_port_realize(Device *device, GError **error)
{
    VirtIOSerialPort *port = VIRTIO_SERIAL_PORT(device);

    if (!char_frontend_init(&port->frontend, port->chardev, error)) {
        return false;
    }
    port->retry = timer_new_ns(CLOCK_TYPE_REALTIME, retry_over, port);
    port->host_open = host_is_open(port);
    char_frontend_set_handlers(&port->frontend, port_can_receive, port_receive, port_event, port,
                               NULL);
    return true;
}

static bool virtio_serial_port_post_load(void *opaque, int version, GError **error)
{
    VirtIOSerialPort *port = opaque;

    port->tell &= PORT_TELL_ALL;
    if (!port->name) {
        port->tell &= (uint8_t)~PORT_TELL_NAME;
    }
    if (port->host_open != host_is_open(port)) { /* this host's peer is not that host's */
        port->host_open = !port->host_open;
        port->tell |= PORT_TELL_OPEN;
    }
    return true;
}

static const VMStateDescription vmstate_virtio_serial_port = {
    .name = "virtio-serial-port",
    .version = 1,
    .minimum_version = 1,
    .post_load = virtio_serial_port_post_load,
    .fields =
        (const VMStateField[]){
            VMSTATE_UINT32_EQUAL(number, VirtIOSerialPort),
            VMSTATE_BOOL(guest_open, VirtIOSerialPort),
            VMSTATE_BOOL(host_open, VirtIOSerialPort),
            VMSTATE_UINT8(tell, VirtIOSerialPort),
            VMSTATE_UINT32(write_offset, VirtIOSerialPort),
            VMSTATE_END,
        },
};

static const DeviceProperty virtio_serial_port_properties[] = {
    { "nr", "number of the port; the next free one when not given", DEVICE_PROPERTY_UINT32,
      offsetof(VirtIOSerialPort, number), .default_value = NUMBER_NEXT },
    { "name", "by which the guest finds it", DEVICE_PROPERTY_STRING,
      offsetof(VirtIOSerialPort, name) },
    { "chardev", "character device behind it", DEVICE_PROPERTY_CHARDEV,
      offsetof(VirtIOSerialPort, chardev) },
};

static void virtio_serial_port_init(VirtIOSerialPort *port)
{
}

static void virtio_serial_port_class_init(VirtIOSerialPortClass *klass)
{
    DeviceClass *device_class = &klass->parent;

    device_class->bus_type = TYPE_VIRTIO_SERIAL_BUS;
    device_class->category = "Input";
    device_class->vmsd = &vmstate_virtio_serial_port;
    device_class->realize = virtio_serial_port_realize;
    device_class_set_properties(device_class, virtio_serial_port_properties,
                                G_N_ELEMENTS(virtio_serial_port_properties));
}

/* ---- the two kinds ---- */

typedef VirtIOSerialPort VirtSerialPort;
typedef VirtIOSerialPortClass VirtSerialPortClass;

OBJECT_DEFINE_TYPE(VirtSerialPort, VirtSerialPortClass, virtserialport, "virtserialport",
                   TYPE_VIRTIO_SERIAL_PORT);

static void virtserialport_init(VirtSerialPort *port)
{
}

static void virtserialport_class_init(VirtSerialPortClass *klass)
{
    klass->parent.description = "Port between host and guest";
    klass->parent.user_creatable = true;
}

typedef VirtIOSerialPort VirtConsole;
typedef VirtIOSerialPortClass VirtConsoleClass;

OBJECT_DEFINE_TYPE(VirtConsole, VirtConsoleClass, virtconsole, "virtconsole",
                   TYPE_VIRTIO_SERIAL_PORT);

static void virtconsole_init(VirtConsole *port)
{
}

static void virtconsole_class_init(VirtConsoleClass *klass)
{
    klass->parent.description = "Console of the guest";
    klass->parent.user_creatable = true;
    klass->is_console = true;
}
