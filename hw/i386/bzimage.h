/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Kernel files in bzImage format (Linux, Documentation/arch/x86/boot.rst). */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

/* The setup header as it lies in the file and in boot_params: from here to BZIMAGE_HEADER_MAX. */
#define BZIMAGE_HEADER_START 0x1f1u
#define BZIMAGE_HEADER_MAX   0x290u

/* Where the 64-bit entry point lies in the payload. */
#define BZIMAGE_ENTRY_64 0x200u

/* An open kernel whose header was found to be right. */
typedef struct BzImage {
    char *path;
    int fd;
    uint8_t header[BZIMAGE_HEADER_MAX]; /* the first bytes of the file */
    uint32_t header_end;                /* offset in `header` behind the setup header */
    uint64_t payload_offset;            /* in the file: the protected-mode kernel */
    uint64_t payload_size;              /* bytes */
    uint64_t load_address;              /* where it wants to be in guest memory */
    uint64_t memory_size;      /* bytes from there that it needs before it knows the memory map */
    uint32_t initrd_last;      /* highest address that the initrd may have */
    uint32_t command_line_max; /* bytes, without the terminating zero */
} BzImage;

/*
 * Open the kernel @path, which must speak boot protocol 2.12 or later and have a 64-bit entry
 * point. Errors name the file and what was expected.
 */
BzImage *bzimage_open(const char *path, GError **error);
void bzimage_free(BzImage *image);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(BzImage, bzimage_free)

/* Open a regular file for loading: @what ("kernel", "initrd") is for the error text. -1: error. */
int boot_file_open(const char *what, const char *path, uint64_t *size, GError **error);

/* Read exactly @size bytes at @offset of @fd into @buffer. */
bool boot_file_read(int fd, const char *path, uint64_t offset, void *buffer, uint64_t size,
                    GError **error);
