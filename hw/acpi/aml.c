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
    ROOT_CHARACTER = 0x5c,

    /* Small and large resource descriptors with their lengths. */
    RESOURCE_IRQ = 0x22,
    RESOURCE_IO = 0x47,
    RESOURCE_END = 0x79,
    RESOURCE_MEMORY32_FIXED = 0x86,
    RESOURCE_IO_DECODE16 = 0x01,
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

static void append_name(GByteArray *out, const char *name)
{
    if (*name == '\\') {
        append_u8(out, ROOT_CHARACTER);
        name++;
    }
    size_t length = strlen(name);
    g_assert(length >= 1 && length <= NAME_SEGMENT_SIZE);
    for (size_t i = 0; i < NAME_SEGMENT_SIZE; i++) {
        append_u8(out, i < length ? (uint8_t)name[i] : '_');
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

void aml_name_integer_package(GByteArray *out, const char *name, const uint64_t *values,
                              size_t count)
{
    GByteArray *content = g_byte_array_new();

    g_assert(count <= UINT8_MAX);
    append_u8(content, (uint8_t)count);
    for (size_t i = 0; i < count; i++) {
        append_integer(content, values[i]);
    }
    begin_name(out, name);
    append_u8(out, OP_PACKAGE);
    append_package_length(out, content->len);
    g_byte_array_append(out, content->data, content->len);
    g_byte_array_unref(content);
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
