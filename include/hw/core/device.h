/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Devices and buses.
 *
 * A device is described by tables: GObject properties, a migration description, reset and
 * realize functions. Life: new -> properties set -> realize -> (reset)* -> unrealize.
 * All functions need the BQL.
 */
#pragma once

#include <stdint.h>

#include "hw/core/irq.h"
#include "system/object.h"

typedef struct VMStateDescription VMStateDescription;
typedef struct Bus Bus;
typedef struct Device Device;

#define TYPE_DEVICE         (device_get_type())
#define DEVICE(o)           (G_TYPE_CHECK_INSTANCE_CAST((o), TYPE_DEVICE, Device))
#define DEVICE_GET_CLASS(o) (G_TYPE_INSTANCE_GET_CLASS((o), TYPE_DEVICE, DeviceClass))
#define TYPE_BUS            (bus_get_type())
#define BUS(o)              (G_TYPE_CHECK_INSTANCE_CAST((o), TYPE_BUS, Bus))

struct Device {
    GObject parent;
    char *id;        /* the user's, or NULL */
    Bus *parent_bus; /* NULL for devices without a bus */
    bool realized;
    GPtrArray *child_buses; /* Bus, owned */
    GPtrArray *gpio;        /* named groups of lines, see device_init_gpio_*() */
};

typedef struct DeviceClass {
    GObjectClass parent;
    const char *description; /* for `-device help` */
    const char *category;    /* heading in `-device help`: "Input", "Network", "Misc", ... */
    const char *bus_type;    /* user-visible name of the bus it sits on, NULL: none */
    bool user_creatable;     /* by -device and device_add */
    bool hotpluggable;
    const VMStateDescription *vmsd; /* NULL: nothing to migrate */
    bool (*realize)(Device *device, GError **error);
    void (*unrealize)(Device *device); /* NULL: cannot be removed */
    void (*reset)(Device *device);     /* power-on state; called after realize and on each reset */
} DeviceClass;

GType device_get_type(void);

struct Bus {
    GObject parent;
    char *name;          /* "isa.0", "pci.0" */
    Device *owner;       /* the bridge, NULL for the main system bus */
    GPtrArray *children; /* Device, in order of plugging; the bus holds a reference on each */
};

typedef struct BusClass {
    GObjectClass parent;
    /* Before a child's realize: assign an address; may refuse. May be NULL. */
    bool (*plug)(Bus *bus, Device *device, GError **error);
    void (*unplug)(Bus *bus, Device *device);
    /* How the bus names a child in migration section names, e.g. "0000:00:03.0"; newly
     * allocated; NULL (function or result): the section is named by the device alone. */
    char *(*device_path)(Bus *bus, Device *device);
} BusClass;

GType bus_get_type(void);

/* A bus of the user-visible type @type_name below @owner (or the main system bus). */
Bus *bus_new(const char *type_name, Device *owner, const char *name);
/* By name, or the first of that type when @name is NULL. Borrowed. */
Bus *bus_find(const char *type_name, const char *name);

/* An unrealized device of that type; never fails for types in the build (asserts). */
Device *device_new(const char *type_name);

/*
 * Plug into @bus (NULL: none), add to the object tree (/machine/peripheral/ID for an id,
 * /machine/unattached otherwise, unless the board has given it a place), realize, register its
 * migration description and its reset, and reset it. Takes over the caller's reference also on
 * failure.
 */
bool device_realize(Device *device, Bus *bus, GError **error);
/* The same for devices of the board, whose failure is fatal: exits with the message. */
void device_realize_or_exit(Device *device, Bus *bus);
/* The same, found at /machine/@name in the object tree. */
void device_realize_named_or_exit(Device *device, Bus *bus, const char *name);
/* Take it out again: unrealize, unregister, drop. */
void device_unplug(Device *device);

/*
 * What `-device` and device_add do. @options is a JSON object with "driver", "id", "bus" and
 * properties. Errors name the driver or the property.
 */
Device *device_create_from_options(json_t *options, GError **error);

/*
 * Remember a default for devices made later: "DRIVER.PROPERTY=VALUE" (-global). The driver may be
 * any ancestor type.
 */
bool device_global_add(const char *text, GError **error);
/* Set the defaults that concern @device; device_new() and -device do it. */
bool device_globals_apply(Device *device, GError **error);

/* ---- properties ---- */

typedef enum DevicePropertyKind {
    DEVICE_PROPERTY_BOOL,
    DEVICE_PROPERTY_UINT8,
    DEVICE_PROPERTY_UINT16,
    DEVICE_PROPERTY_UINT32,
    DEVICE_PROPERTY_UINT64,
    DEVICE_PROPERTY_INT32,
    DEVICE_PROPERTY_SIZE,    /* uint64_t bytes, suffixes accepted */
    DEVICE_PROPERTY_STRING,  /* char *, owned by the instance */
    DEVICE_PROPERTY_CHARDEV, /* Chardev *, given by id */
    DEVICE_PROPERTY_LINK,    /* GObject *, given by path or id; `link_type` */
} DevicePropertyKind;

/*
 * One row of a class's table of properties: a GObject property that lives in a field of the
 * instance. It can be set only before realize.
 */
typedef struct DeviceProperty {
    const char *name;
    const char *description;
    DevicePropertyKind kind;
    size_t offset;
    uint64_t default_value; /* numbers and booleans */
    uint64_t maximum;       /* numbers; 0: as far as the type goes */
    const char *link_type;
} DeviceProperty;

/* Install @count rows; call from class_init. The table must be static. */
void device_class_set_properties(DeviceClass *klass, const DeviceProperty *properties,
                                 size_t count);

/* ---- lines ---- */

/* @count inputs that call @handler with this device as opaque. @name may be NULL. */
void device_init_gpio_in(Device *device, const char *name, IRQHandler *handler, unsigned count);
/* @count outputs kept in the array @pins of the instance, NULL until connected. */
void device_init_gpio_out(Device *device, const char *name, IRQ **pins, unsigned count);
/* Input number @n; asserts that it exists. Borrowed. */
IRQ *device_get_gpio_in(Device *device, const char *name, unsigned n);
void device_connect_gpio_out(Device *device, const char *name, unsigned n, IRQ *input);

/* How many lines the group of inputs (outputs) has; 0: there is no such group. */
unsigned device_gpio_count(Device *device, const char *name, bool outputs);

/*
 * qtest: report changes of all inputs (outputs) of the group @name to @observer. False when
 * there is no such group.
 */
bool device_observe_gpio(Device *device, const char *name, bool outputs,
                         void (*observer)(IRQ *irq, int level, void *opaque), void *opaque);
