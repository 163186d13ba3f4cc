/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The console device and its ports, each a device on the console device's bus. */
#pragma once

#include "chardev/char.h"
#include "util/timer.h"
#include "virtio-internal.h"

#define TYPE_VIRTIO_SERIAL      "virtio-serial-device"
#define TYPE_VIRTIO_SERIAL_BUS  "virtio-serial-bus"
#define TYPE_VIRTIO_SERIAL_PORT (virtio_serial_port_get_type()) /* abstract */
#define VIRTIO_SERIAL_PORT(o) \
    (G_TYPE_CHECK_INSTANCE_CAST((o), TYPE_VIRTIO_SERIAL_PORT, VirtIOSerialPort))

/* Two queues for each port and two for control messages. */
#define VIRTIO_SERIAL_PORTS_MAX 31u

typedef struct VirtIOSerialPort VirtIOSerialPort;

typedef struct VirtIOSerial {
    VirtIODevice parent;
    Bus *bus;
    uint32_t max_ports;
    VirtIOSerialPort *ports[VIRTIO_SERIAL_PORTS_MAX]; /* by number; borrowed */
    bool running;
} VirtIOSerial;

/* What the driver still has to be told about a port, sent in this order (section 5.3.6.2). */
enum {
    PORT_TELL_ADD = 1,
    PORT_TELL_CONSOLE = 2,
    PORT_TELL_NAME = 4,
    PORT_TELL_OPEN = 8, /* whether the host's side is open */
    PORT_TELL_ALL = 15,
};

struct VirtIOSerialPort {
    Device parent;
    VirtIOSerial *serial;
    uint32_t number;  /* property "nr" */
    char *name;       /* property */
    Chardev *chardev; /* property */
    CharFrontend frontend;
    VirtQueue *to_guest, *from_guest;
    bool guest_open;
    bool host_open;        /* as the driver was told */
    uint8_t tell;          /* PORT_TELL_* */
    uint32_t write_offset; /* bytes of the next chain that the back end has taken already */
    guint watch;           /* source id while the back end is full, else 0 */
    Timer *retry;          /* for back ends that cannot be watched */
};

typedef struct VirtIOSerialPortClass {
    DeviceClass parent;
    bool is_console;
} VirtIOSerialPortClass;

GType virtio_serial_port_get_type(void);

/* ---- virtio-serial.c ---- */

/* Find a number for @port and put it in its place. */
bool virtio_serial_add_port(VirtIOSerial *serial, VirtIOSerialPort *port, GError **error);
/* Tell the driver what `tell` of the ports says, as far as it has buffers for it. */
void virtio_serial_send_control(VirtIOSerial *serial);
/* Is there a control channel? Otherwise port 0 is all there is, and always open. */
bool virtio_serial_multiport(const VirtIOSerial *serial);

/* ---- virtio-serial-port.c ---- */

bool virtio_serial_port_is_console(VirtIOSerialPort *port);
/* The driver has opened or closed its side. */
void virtio_serial_port_guest_open(VirtIOSerialPort *port, bool open);
/* The driver is ready for the port's messages. */
void virtio_serial_port_ready(VirtIOSerialPort *port);
/* Send what the driver offers to the back end. */
void virtio_serial_port_output(VirtIOSerialPort *port);
/* The driver has offered buffers. */
void virtio_serial_port_input(VirtIOSerialPort *port);
void virtio_serial_port_reset(VirtIOSerialPort *port);
