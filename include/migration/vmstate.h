/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Declarative description of device state for migration and checkpoints.
 *
 * A description is a table of fields, each a place in the device's struct and a wire type.
 * Everything on the wire is big-endian. A newer version may add fields (with the version from
 * which they exist); state that is there only sometimes goes into subsections with a `needed`
 * function.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct MigrationWriter MigrationWriter; /* migration/stream.h */
typedef struct MigrationReader MigrationReader;
typedef struct VMStateField VMStateField;
typedef struct VMStateDescription VMStateDescription;

/* A wire type: how one element travels. */
typedef struct VMStateType {
    const char *name;
    bool (*get)(MigrationReader *reader, void *element, size_t size, const VMStateField *field,
                GError **error);
    void (*put)(MigrationWriter *writer, const void *element, size_t size,
                const VMStateField *field);
} VMStateType;

typedef enum VMStateFieldFlags {
    VMSTATE_FIELD_POINTER = 1 << 0,    /* the field holds a pointer to the (first) element */
    VMSTATE_FIELD_ARRAY = 1 << 1,      /* `count` elements */
    VMSTATE_FIELD_VARRAY = 1 << 2,     /* as many as the uint32_t at `count_offset` says,
                                          which must be at most `count` */
    VMSTATE_FIELD_STRUCT = 1 << 3,     /* each element is described by `vmsd` */
    VMSTATE_FIELD_MUST_EQUAL = 1 << 4, /* not loaded but compared: configuration */
} VMStateFieldFlags;

struct VMStateField {
    const char *name;
    size_t offset;
    size_t size; /* bytes of one element */
    unsigned count;
    size_t count_offset;
    unsigned flags;
    int version; /* there from this version on */
    const VMStateType *type;
    const VMStateDescription *vmsd;
    bool (*exists)(void *opaque, int version); /* NULL: always */
};

struct VMStateDescription {
    const char *name; /* at most 255 bytes */
    int version;
    int minimum_version; /* the oldest that can still be loaded */
    int priority;        /* higher ones are saved and loaded first; default 0 */
    bool unmigratable;
    void (*pre_save)(void *opaque);
    bool (*pre_load)(void *opaque, GError **error);
    /* Check what was loaded (it came from outside) and derive the rest. */
    bool (*post_load)(void *opaque, int version, GError **error);
    bool (*needed)(void *opaque);                 /* subsections; NULL: always */
    const VMStateField *fields;                   /* ends with VMSTATE_END */
    const VMStateDescription *const *subsections; /* NULL-terminated, or NULL */
};

/* Save and restore priorities: interrupt controllers before who drives them. */
#define VMSTATE_PRIORITY_DEFAULT 0
#define VMSTATE_PRIORITY_IRQCHIP 10

extern const VMStateType vmstate_type_bool, vmstate_type_u8, vmstate_type_u16, vmstate_type_u32,
    vmstate_type_u64, vmstate_type_buffer, vmstate_type_timer;

/* A compile-time check that the field has the C type that the macro is for. */
#define VMSTATE_OFFSET(state, field, ctype) \
    (offsetof(state, field) + 0 * sizeof((ctype *)0 == (__typeof__(&((state *)0)->field))0))
#define VMSTATE_OFFSET_ARRAY(state, field, ctype) \
    (offsetof(state, field) + 0 * sizeof((ctype *)0 == (__typeof__(&((state *)0)->field[0]))0))
#define VMSTATE_ARRAY_COUNT(state, field) \
    (sizeof(((state *)0)->field) / sizeof(((state *)0)->field[0]))

#define VMSTATE_SINGLE(fld, state, since, test, wire, ctype)                              \
    {                                                                                     \
        .name = #fld, .offset = VMSTATE_OFFSET(state, fld, ctype), .size = sizeof(ctype), \
        .version = (since), .type = &(wire), .exists = (test)                             \
    }
#define VMSTATE_ARRAY_OF(fld, state, since, wire, ctype)                                        \
    {                                                                                           \
        .name = #fld, .offset = VMSTATE_OFFSET_ARRAY(state, fld, ctype), .size = sizeof(ctype), \
        .count = VMSTATE_ARRAY_COUNT(state, fld), .flags = VMSTATE_FIELD_ARRAY,                 \
        .version = (since), .type = &(wire)                                                     \
    }

#define VMSTATE_BOOL(f, s)   VMSTATE_SINGLE(f, s, 0, NULL, vmstate_type_bool, bool)
#define VMSTATE_UINT8(f, s)  VMSTATE_SINGLE(f, s, 0, NULL, vmstate_type_u8, uint8_t)
#define VMSTATE_UINT16(f, s) VMSTATE_SINGLE(f, s, 0, NULL, vmstate_type_u16, uint16_t)
#define VMSTATE_UINT32(f, s) VMSTATE_SINGLE(f, s, 0, NULL, vmstate_type_u32, uint32_t)
#define VMSTATE_UINT64(f, s) VMSTATE_SINGLE(f, s, 0, NULL, vmstate_type_u64, uint64_t)
#define VMSTATE_INT32(f, s)  VMSTATE_SINGLE(f, s, 0, NULL, vmstate_type_u32, int32_t)
#define VMSTATE_INT64(f, s)  VMSTATE_SINGLE(f, s, 0, NULL, vmstate_type_u64, int64_t)
/* Timer *: armed or not, and when. */
#define VMSTATE_TIMER_PTR(f, s)       VMSTATE_SINGLE(f, s, 0, NULL, vmstate_type_timer, Timer *)
#define VMSTATE_UINT8_ARRAY(f, s)     VMSTATE_ARRAY_OF(f, s, 0, vmstate_type_u8, uint8_t)
#define VMSTATE_UINT16_ARRAY(f, s)    VMSTATE_ARRAY_OF(f, s, 0, vmstate_type_u16, uint16_t)
#define VMSTATE_UINT32_ARRAY(f, s)    VMSTATE_ARRAY_OF(f, s, 0, vmstate_type_u32, uint32_t)
#define VMSTATE_UINT64_ARRAY(f, s)    VMSTATE_ARRAY_OF(f, s, 0, vmstate_type_u64, uint64_t)
#define VMSTATE_BOOL_ARRAY(f, s)      VMSTATE_ARRAY_OF(f, s, 0, vmstate_type_bool, bool)
#define VMSTATE_TIMER_PTR_ARRAY(f, s) VMSTATE_ARRAY_OF(f, s, 0, vmstate_type_timer, Timer *)
/* A whole array field as opaque bytes. */
#define VMSTATE_BUFFER(fld, state)                                                       \
    {                                                                                    \
        .name = #fld, .offset = offsetof(state, fld), .size = sizeof(((state *)0)->fld), \
        .type = &vmstate_type_buffer                                                     \
    }
/* Configuration that must agree on both sides. */
#define VMSTATE_UINT32_EQUAL(fld, state)                                         \
    {                                                                            \
        .name = #fld, .offset = VMSTATE_OFFSET(state, fld, uint32_t), .size = 4, \
        .flags = VMSTATE_FIELD_MUST_EQUAL, .type = &vmstate_type_u32             \
    }
#define VMSTATE_STRUCT(fld, state, description, ctype)                                    \
    {                                                                                     \
        .name = #fld, .offset = VMSTATE_OFFSET(state, fld, ctype), .size = sizeof(ctype), \
        .flags = VMSTATE_FIELD_STRUCT, .vmsd = &(description)                             \
    }
#define VMSTATE_STRUCT_ARRAY(fld, state, description, ctype)                                    \
    {                                                                                           \
        .name = #fld, .offset = VMSTATE_OFFSET_ARRAY(state, fld, ctype), .size = sizeof(ctype), \
        .count = VMSTATE_ARRAY_COUNT(state, fld),                                               \
        .flags = VMSTATE_FIELD_STRUCT | VMSTATE_FIELD_ARRAY, .vmsd = &(description)             \
    }
/* The first `num` (a uint32_t field) elements of an array of structs. */
#define VMSTATE_STRUCT_VARRAY(fld, state, num, description, ctype)                              \
    {                                                                                           \
        .name = #fld, .offset = VMSTATE_OFFSET_ARRAY(state, fld, ctype), .size = sizeof(ctype), \
        .count = VMSTATE_ARRAY_COUNT(state, fld),                                               \
        .count_offset = VMSTATE_OFFSET(state, num, uint32_t),                                   \
        .flags = VMSTATE_FIELD_STRUCT | VMSTATE_FIELD_VARRAY, .vmsd = &(description)            \
    }
/* The first `num` (a uint32_t field) elements of the array field. */
#define VMSTATE_VARRAY_UINT8(fld, state, num)                                                \
    {                                                                                        \
        .name = #fld, .offset = VMSTATE_OFFSET_ARRAY(state, fld, uint8_t), .size = 1,        \
        .count = VMSTATE_ARRAY_COUNT(state, fld),                                            \
        .count_offset = VMSTATE_OFFSET(state, num, uint32_t), .flags = VMSTATE_FIELD_VARRAY, \
        .type = &vmstate_type_u8                                                             \
    }
#define VMSTATE_END  \
    {                \
        .name = NULL \
    }

/*
 * Register state that is no device (devices are registered by device_realize()).
 * @prefix: the bus's name for the device, or NULL. @instance < 0: the next free number.
 * Need the BQL.
 */
void vmstate_register(const char *prefix, int instance, const VMStateDescription *description,
                      void *opaque);
void vmstate_unregister(const VMStateDescription *description, void *opaque);

/* One object to and from the stream, without section framing. BQL, vCPUs stopped. */
void vmstate_save(MigrationWriter *writer, const VMStateDescription *description, void *opaque);
bool vmstate_load(MigrationReader *reader, const VMStateDescription *description, void *opaque,
                  int version, GError **error);
