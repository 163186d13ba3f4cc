/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Writing ACPI machine language (ACPI 6.4, chapter 20) and resource descriptors (chapter 6.4).
 * Each function appends one object to @out. A @name is a segment of up to four characters, or
 * several with dots between them, with a backslash in front for the root. Bodies are taken over.
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
/* Name (NAME, Package (@count) { @elements }) */
void aml_name_package(GByteArray *out, const char *name, GByteArray *elements, unsigned count);
/* Package (@count) { @elements }, to stand in another package. */
void aml_package(GByteArray *out, GByteArray *elements, unsigned count);
/* An integer, or a reference to an object, to stand in a package. */
void aml_integer(GByteArray *out, uint64_t value);
void aml_reference(GByteArray *out, const char *name);
/* A ResourceTemplate of the descriptors below; the end tag is added here. */
void aml_name_resources(GByteArray *out, const char *name, GByteArray *resources);

/* Ports [@base, @base + @length), 16 bits decoded. */
void aml_resource_io(GByteArray *resources, uint16_t base, uint8_t length);
/* ISA interrupt 0..15, edge triggered, active high. */
void aml_resource_irq(GByteArray *resources, unsigned irq);
/* Read-only memory range. */
void aml_resource_memory(GByteArray *resources, uint32_t base, uint32_t length);
/* Interrupts of a PCI link: level triggered, active high, shared. */
void aml_resource_link(GByteArray *resources, const uint8_t *irqs, unsigned count);

/* Ranges that a bridge hands on to its bus. */
void aml_resource_bus_numbers(GByteArray *resources, uint16_t first, uint16_t last);
void aml_resource_io_window(GByteArray *resources, uint16_t first, uint16_t last);
void aml_resource_memory_window(GByteArray *resources, uint32_t first, uint32_t last);
void aml_resource_memory_window_64(GByteArray *resources, uint64_t first, uint64_t last);

/* ---- code ---- */

/* Method (@name, @arguments, Serialized) */
void aml_method(GByteArray *out, const char *name, unsigned arguments, GByteArray *body);
/* OperationRegion (@name, PCI_Config, @offset, @length) */
void aml_pci_config_region(GByteArray *out, const char *name, uint8_t offset, uint8_t length);
/* Field (@region, ByteAcc, NoLock, Preserve) with @count fields of one byte each. */
void aml_byte_fields(GByteArray *out, const char *region, const char *const *fields,
                     unsigned count);
/* CreateDWordField (@buffer, @offset, @name); "Arg0" is the method's first argument. */
void aml_create_dword_field(GByteArray *out, const char *buffer, uint8_t offset, const char *name);
/* @target = @source & @mask; @target = @source | @mask; @target = @source */
void aml_assign_and(GByteArray *out, const char *target, const char *source, uint64_t mask);
void aml_assign_or(GByteArray *out, const char *target, const char *source, uint64_t mask);
void aml_assign(GByteArray *out, const char *target, const char *source);
/* If (@name & @mask) { @body } */
void aml_if_bits(GByteArray *out, const char *name, uint64_t mask, GByteArray *body);
void aml_return_integer(GByteArray *out, uint64_t value);
void aml_return_object(GByteArray *out, const char *name);
