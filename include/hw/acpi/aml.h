/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Writing ACPI machine language (ACPI 6.4, chapter 20) and resource descriptors (chapter 6.4).
 * Each function appends one object to @out. A @name is one segment of up to four characters,
 * with a backslash in front for the root. Bodies are taken over.
 */
#pragma once

#include <glib.h>
#include <stddef.h>
#include <stdint.h>

void aml_scope(GByteArray *out, const char *name, GByteArray *body);
void aml_device(GByteArray *out, const char *name, GByteArray *body);

/* Name (NAME, value) */
void aml_name_integer(GByteArray *out, const char *name, uint64_t value);
void aml_name_string(GByteArray *out, const char *name, const char *value);
/* @id such as "PNP0501", in the compressed form of EISAID(). */
void aml_name_eisa_id(GByteArray *out, const char *name, const char *id);
void aml_name_integer_package(GByteArray *out, const char *name, const uint64_t *values,
                              size_t count);
/* A ResourceTemplate of the descriptors below; the end tag is added here. */
void aml_name_resources(GByteArray *out, const char *name, GByteArray *resources);

/* Ports [@base, @base + @length), 16 bits decoded. */
void aml_resource_io(GByteArray *resources, uint16_t base, uint8_t length);
/* ISA interrupt 0..15, edge triggered, active high. */
void aml_resource_irq(GByteArray *resources, unsigned irq);
/* Read-only memory range. */
void aml_resource_memory(GByteArray *resources, uint32_t base, uint32_t length);
