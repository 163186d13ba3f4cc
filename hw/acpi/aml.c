/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* ACPI machine language (ACPI 6.4, chapter 20.2 "AML Grammar Definition"). */

#include "hw/acpi/aml.h"

#include <string.h>

#include "util/bytes.h"

enum {
    OP_ZERO = 0x00,
    OP_ONE = 0x01,
    OP_NAME = 0x08,
    OP_BYTE = 0x0a,
    OP_WORD = 0x0b,
    OP_DWORD = 0x0c,
    OP_STRING = 0x0d,
    OP_QWORD = 0x0e,
    OP_SCOPE = 0x10,
    OP_BUFFER = 0x11,
    OP_PACKAGE = 0x12,
    OP_EXTENDED = 0x5b,
    OP_EXTENDED_DEVICE = 0x82,
    OP_EXTENDED_REGION = 0x80,
    OP_EXTENDED_FIELD = 0x81,
    OP_METHOD = 0x14,
    OP_ARG0 = 0x68,
    OP_STORE = 0x70,
    OP_AND = 0x7b,
    OP_OR = 0x7d,
    OP_CREATE_DWORD_FIELD = 0x8a,
    OP_IF = 0xa0,
    OP_RETURN = 0xa4,
    ROOT_CHARACTER = 0x5c,
    DUAL_NAME_PREFIX = 0x2e,
    MULTI_NAME_PREFIX = 0x2f,

    METHOD_SERIALIZED = 0x08,
    REGION_PCI_CONFIG = 2,
    FIELD_BYTE_ACCESS = 1, /* no lock, other bits preserved */
    FIELD_BITS = 8,

    /* Small and large resource descriptors with their lengths. */
    RESOURCE_IRQ = 0x22,
    RESOURCE_IO = 0x47,
    RESOURCE_END = 0x79,
    RESOURCE_MEMORY32_FIXED = 0x86,
    RESOURCE_IO_DECODE16 = 0x01,
    RESOURCE_ADDRESS32 = 0x87,
    RESOURCE_ADDRESS16 = 0x88,
    RESOURCE_INTERRUPT = 0x89,
    RESOURCE_ADDRESS64 = 0x8a,
    INTERRUPT_CONSUMER_LEVEL_HIGH_SHARED = 0x09,

    ADDRESS_MEMORY = 0,
    ADDRESS_IO = 1,
    ADDRESS_BUS = 2,
    ADDRESS_FIXED = 0x0c, /* minimum and maximum */
    ADDRESS_ENTIRE_RANGE = 0x03,
    ADDRESS_READ_WRITE = 0x01,
};

#define NAME_SEGMENT_SIZE 4u

static void append_u8(GByteArray *out, uint8_t value)
{
    g_byte_array_append(out, &value, 1);
}

static void append_le16(GByteArray *out, uint16_t value)
{
    uint8_t bytes[2];

    store_le16(bytes, value);
    g_byte_array_append(out, bytes, sizeof(bytes));
}

static void append_le32(GByteArray *out, uint32_t value)
{
    uint8_t bytes[4];

    store_le32(bytes, value);
    g_byte_array_append(out, bytes, sizeof(bytes));
}

static void append_segment(GByteArray *out, const char *segment, size_t length)
{
    g_assert(length >= 1 && length <= NAME_SEGMENT_SIZE);
    for (size_t i = 0; i < NAME_SEGMENT_SIZE; i++) {
        append_u8(out, i < length ? (uint8_t)segment[i] : '_');
    }
}

static void append_name(GByteArray *out, const char *name)
{
    if (*name == '\\') {
        append_u8(out, ROOT_CHARACTER);
        name++;
    }
    g_auto(GStrv) segments = g_strsplit(name, ".", 0);
    guint count = g_strv_length(segments);
    if (count == 2) {
        append_u8(out, DUAL_NAME_PREFIX);
    } else if (count > 2) {
        append_u8(out, MULTI_NAME_PREFIX);
        append_u8(out, (uint8_t)count);
    }
    for (guint i = 0; i < count; i++) {
        append_segment(out, segments[i], strlen(segments[i]));
    }
}

/*
 * PkgLength: counts its own bytes. One byte up to 63; else the low four bits in the first byte,
 * whose bits 7:6 say how many bytes of eight bits follow.
 */
static void append_package_length(GByteArray *out, size_t content)
{
    if (content + 1 < 0x40) {
        append_u8(out, (uint8_t)(content + 1));
        return;
    }
    unsigned following = content + 2 < 0x1000 ? 1 : content + 3 < 0x100000 ? 2 : 3;
    size_t length = content + 1 + following;
    append_u8(out, (uint8_t)(following << 6 | (length & 0x0f)));
    for (unsigned i = 0; i < following; i++) {
        append_u8(out, (uint8_t)(length >> (4 + 8 * i)));
    }
}

static void append_integer(GByteArray *out, uint64_t value)
{
    uint8_t bytes[8];
    unsigned size = value <= UINT8_MAX ? 1 : value <= UINT16_MAX ? 2 : value <= UINT32_MAX ? 4 : 8;

    if (value <= 1) {
        append_u8(out, value ? OP_ONE : OP_ZERO);
        return;
    }
    append_u8(out, size == 1 ? OP_BYTE : size == 2 ? OP_WORD : size == 4 ? OP_DWORD : OP_QWORD);
    store_le64(bytes, value);
    g_byte_array_append(out, bytes, size);
}

/* A name and a body in a package of their own. */
static void append_named_package(GByteArray *out, const char *name, GByteArray *body)
{
    GByteArray *content = g_byte_array_new();

    append_name(content, name);
    g_byte_array_append(content, body->data, body->len);
    append_package_length(out, content->len);
    g_byte_array_append(out, content->data, content->len);
    g_byte_array_unref(content);
    g_byte_array_unref(body);
}

void aml_scope(GByteArray *out, const char *name, GByteArray *body)
{
    append_u8(out, OP_SCOPE);
    append_named_package(out, name, body);
}

void aml_device(GByteArray *out, const char *name, GByteArray *body)
{
    append_u8(out, OP_EXTENDED);
    append_u8(out, OP_EXTENDED_DEVICE);
    append_named_package(out, name, body);
}

static void begin_name(GByteArray *out, const char *name)
{
    append_u8(out, OP_NAME);
    append_name(out, name);
}

void aml_name_integer(GByteArray *out, const char *name, uint64_t value)
{
    begin_name(out, name);
    append_integer(out, value);
}

void aml_name_string(GByteArray *out, const char *name, const char *value)
{
    begin_name(out, name);
    append_u8(out, OP_STRING);
    g_byte_array_append(out, (const guint8 *)value, (guint)strlen(value) + 1);
}

void aml_name_eisa_id(GByteArray *out, const char *name, const char *id)
{
    g_assert(strlen(id) == 7);
    uint32_t value = (uint32_t)(id[0] - 0x40) << 26 | (uint32_t)(id[1] - 0x40) << 21 |
                     (uint32_t)(id[2] - 0x40) << 16 | (uint32_t)g_ascii_strtoull(id + 3, NULL, 16);

    begin_name(out, name);
    append_u8(out, OP_DWORD);
    append_le32(out, GUINT32_SWAP_LE_BE(value));
}

void aml_integer(GByteArray *out, uint64_t value)
{
    append_integer(out, value);
}

void aml_reference(GByteArray *out, const char *name)
{
    append_name(out, name);
}

void aml_package(GByteArray *out, GByteArray *elements, unsigned count)
{
    uint8_t number = (uint8_t)count;

    g_assert(count <= UINT8_MAX);
    append_u8(out, OP_PACKAGE);
    append_package_length(out, elements->len + 1);
    append_u8(out, number);
    g_byte_array_append(out, elements->data, elements->len);
    g_byte_array_unref(elements);
}

void aml_name_package(GByteArray *out, const char *name, GByteArray *elements, unsigned count)
{
    begin_name(out, name);
    aml_package(out, elements, count);
}

void aml_name_integer_package(GByteArray *out, const char *name, const uint64_t *values,
                              size_t count)
{
    GByteArray *elements = g_byte_array_new();

    for (size_t i = 0; i < count; i++) {
        append_integer(elements, values[i]);
    }
    aml_name_package(out, name, elements, (unsigned)count);
}

void aml_name_resources(GByteArray *out, const char *name, GByteArray *resources)
{
    GByteArray *content = g_byte_array_new();

    append_u8(resources, RESOURCE_END);
    append_u8(resources, 0); /* no checksum */
    append_integer(content, resources->len);
    g_byte_array_append(content, resources->data, resources->len);
    begin_name(out, name);
    append_u8(out, OP_BUFFER);
    append_package_length(out, content->len);
    g_byte_array_append(out, content->data, content->len);
    g_byte_array_unref(content);
    g_byte_array_unref(resources);
}

void aml_resource_io(GByteArray *resources, uint16_t base, uint8_t length)
{
    append_u8(resources, RESOURCE_IO);
    append_u8(resources, RESOURCE_IO_DECODE16);
    append_le16(resources, base); /* lowest and highest base */
    append_le16(resources, base);
    append_u8(resources, 1); /* alignment */
    append_u8(resources, length);
}

void aml_resource_irq(GByteArray *resources, unsigned irq)
{
    append_u8(resources, RESOURCE_IRQ);
    append_le16(resources, (uint16_t)(1u << irq));
}

void aml_resource_memory(GByteArray *resources, uint32_t base, uint32_t length)
{
    append_u8(resources, RESOURCE_MEMORY32_FIXED);
    append_le16(resources, 9); /* bytes that follow */
    append_u8(resources, 0);   /* read-only */
    append_le32(resources, base);
    append_le32(resources, length);
}

void aml_resource_link(GByteArray *resources, const uint8_t *irqs, unsigned count)
{
    append_u8(resources, RESOURCE_INTERRUPT);
    append_le16(resources, (uint16_t)(2 + 4 * count)); /* bytes that follow */
    append_u8(resources, INTERRUPT_CONSUMER_LEVEL_HIGH_SHARED);
    append_u8(resources, (uint8_t)count);
    for (unsigned i = 0; i < count; i++) {
        append_le32(resources, irqs[i]);
    }
}

/* An address space descriptor of @width bytes a number: ACPI 6.4, section 6.4.3.5. */
static void append_window(GByteArray *resources, uint8_t tag, unsigned width, uint8_t type,
                          uint8_t type_flags, uint64_t first, uint64_t last)
{
    /* Granularity, first, last, translation, length. */
    const uint64_t numbers[] = { 0, first, last, 0, last - first + 1 };

    append_u8(resources, tag);
    append_le16(resources, (uint16_t)(3 + G_N_ELEMENTS(numbers) * width));
    append_u8(resources, type);
    append_u8(resources, ADDRESS_FIXED);
    append_u8(resources, type_flags);
    for (unsigned i = 0; i < G_N_ELEMENTS(numbers); i++) {
        uint8_t bytes[8];
        store_le64(bytes, numbers[i]);
        g_byte_array_append(resources, bytes, width);
    }
}

void aml_resource_bus_numbers(GByteArray *resources, uint16_t first, uint16_t last)
{
    append_window(resources, RESOURCE_ADDRESS16, 2, ADDRESS_BUS, 0, first, last);
}

void aml_resource_io_window(GByteArray *resources, uint16_t first, uint16_t last)
{
    append_window(resources, RESOURCE_ADDRESS16, 2, ADDRESS_IO, ADDRESS_ENTIRE_RANGE, first, last);
}

void aml_resource_memory_window(GByteArray *resources, uint32_t first, uint32_t last)
{
    append_window(resources, RESOURCE_ADDRESS32, 4, ADDRESS_MEMORY, ADDRESS_READ_WRITE, first,
                  last);
}

void aml_resource_memory_window_64(GByteArray *resources, uint64_t first, uint64_t last)
{
    append_window(resources, RESOURCE_ADDRESS64, 8, ADDRESS_MEMORY, ADDRESS_READ_WRITE, first,
                  last);
}

/* ---- code ---- */

/* The name of an object, or the method's argument. */
static void append_operand(GByteArray *out, const char *name)
{
    if (strcmp(name, "Arg0") == 0) {
        append_u8(out, OP_ARG0);
    } else {
        append_name(out, name);
    }
}

void aml_method(GByteArray *out, const char *name, unsigned arguments, GByteArray *body)
{
    uint8_t flags = (uint8_t)(arguments | METHOD_SERIALIZED);

    g_byte_array_prepend(body, &flags, 1);
    append_u8(out, OP_METHOD);
    append_named_package(out, name, body);
}

void aml_pci_config_region(GByteArray *out, const char *name, uint8_t offset, uint8_t length)
{
    append_u8(out, OP_EXTENDED);
    append_u8(out, OP_EXTENDED_REGION);
    append_name(out, name);
    append_u8(out, REGION_PCI_CONFIG);
    append_integer(out, offset);
    append_integer(out, length);
}

void aml_byte_fields(GByteArray *out, const char *region, const char *const *fields, unsigned count)
{
    GByteArray *body = g_byte_array_new();

    append_u8(body, FIELD_BYTE_ACCESS);
    for (unsigned i = 0; i < count; i++) {
        append_segment(body, fields[i], strlen(fields[i]));
        append_u8(body, FIELD_BITS); /* a package length that does not count itself */
    }
    append_u8(out, OP_EXTENDED);
    append_u8(out, OP_EXTENDED_FIELD);
    append_named_package(out, region, body);
}

void aml_create_dword_field(GByteArray *out, const char *buffer, uint8_t offset, const char *name)
{
    append_u8(out, OP_CREATE_DWORD_FIELD);
    append_operand(out, buffer);
    append_integer(out, offset);
    append_name(out, name);
}

static void append_binary(GByteArray *out, uint8_t operation, const char *source, uint64_t mask)
{
    append_u8(out, operation);
    append_operand(out, source);
    append_integer(out, mask);
}

void aml_assign_and(GByteArray *out, const char *target, const char *source, uint64_t mask)
{
    append_binary(out, OP_AND, source, mask);
    append_operand(out, target);
}

void aml_assign_or(GByteArray *out, const char *target, const char *source, uint64_t mask)
{
    append_binary(out, OP_OR, source, mask);
    append_operand(out, target);
}

void aml_assign(GByteArray *out, const char *target, const char *source)
{
    append_u8(out, OP_STORE);
    append_operand(out, source);
    append_operand(out, target);
}

void aml_if_bits(GByteArray *out, const char *name, uint64_t mask, GByteArray *body)
{
    GByteArray *content = g_byte_array_new();

    append_binary(content, OP_AND, name, mask);
    append_u8(content, OP_ZERO); /* no target */
    g_byte_array_append(content, body->data, body->len);
    append_u8(out, OP_IF);
    append_package_length(out, content->len);
    g_byte_array_append(out, content->data, content->len);
    g_byte_array_unref(content);
    g_byte_array_unref(body);
}

void aml_return_integer(GByteArray *out, uint64_t value)
{
    append_u8(out, OP_RETURN);
    append_integer(out, value);
}

void aml_return_object(GByteArray *out, const char *name)
{
    append_u8(out, OP_RETURN);
    append_operand(out, name);
}
