/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* bzImage headers (Linux, Documentation/arch/x86/boot.rst, "The Real-Mode Kernel Header"). */

#include "bzimage.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "util/bytes.h"
#include "util/report.h"

#define SECTOR_SIZE  512u
#define PROTOCOL_MIN 0x020cu

enum {
    HEADER_SETUP_SECTORS = 0x1f1,
    HEADER_SYSTEM_SIZE = 0x1f4, /* payload in units of 16 bytes */
    HEADER_BOOT_FLAG = 0x1fe,
    HEADER_JUMP = 0x200, /* its second byte tells where the header ends */
    HEADER_MAGIC = 0x202,
    HEADER_VERSION = 0x206,
    HEADER_LOAD_FLAGS = 0x211,
    HEADER_INITRD_LAST = 0x22c,
    HEADER_ALIGNMENT = 0x230,
    HEADER_EXTENDED_LOAD_FLAGS = 0x236,
    HEADER_COMMAND_LINE_SIZE = 0x238,
    HEADER_PREFERRED_ADDRESS = 0x258,
    HEADER_INIT_SIZE = 0x260,

    BOOT_FLAG = 0xaa55,
    LOAD_FLAG_HIGH = 0x01,
    EXTENDED_LOAD_FLAG_64 = 0x0001,
    SETUP_SECTORS_DEFAULT = 4,
};

int boot_file_open(const char *what, const char *path, uint64_t *size, GError **error)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0) {
        qc_error_set_errno(error, errno, "cannot open %s '%s'", what, path);
        return -1;
    }
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
        qc_error_set(error, "%s '%s' is not a regular file", what, path);
        close(fd);
        return -1;
    }
    *size = (uint64_t)status.st_size;
    return fd;
}

bool boot_file_read(int fd, const char *path, uint64_t offset, void *buffer, uint64_t size,
                    GError **error)
{
    uint64_t done = 0;

    while (done < size) {
        ssize_t count = pread(fd, (char *)buffer + done, size - done, (off_t)(offset + done));
        if (count < 0 && errno == EINTR) {
            continue;
        }
        if (count < 0) {
            qc_error_set_errno(error, errno, "cannot read '%s'", path);
            return false;
        }
        if (count == 0) {
            qc_error_set(error, "'%s' ends at byte %" PRIu64 ", expected %" PRIu64, path,
                         offset + done, offset + size);
            return false;
        }
        done += (uint64_t)count;
    }
    return true;
}

static bool check_identity(const BzImage *image, GError **error)
{
    const uint8_t *header = image->header;
    unsigned version = load_le16(header + HEADER_VERSION);

    if (load_le16(header + HEADER_BOOT_FLAG) != BOOT_FLAG) {
        qc_error_set(error, "kernel '%s' is not a bzImage: no boot signature 0xaa55 at byte 0x%x",
                     image->path, HEADER_BOOT_FLAG);
        return false;
    }
    if (memcmp(header + HEADER_MAGIC, "HdrS", 4) != 0) {
        qc_error_set(error, "kernel '%s' is not a bzImage: no 'HdrS' at byte 0x%x", image->path,
                     HEADER_MAGIC);
        return false;
    }
    if (version < PROTOCOL_MIN) {
        qc_error_set(error, "kernel '%s' speaks boot protocol %u.%02u, expected at least %u.%02u",
                     image->path, version >> 8, version & 0xff, PROTOCOL_MIN >> 8,
                     PROTOCOL_MIN & 0xff);
        return false;
    }
    if (!(header[HEADER_LOAD_FLAGS] & LOAD_FLAG_HIGH) ||
        !(load_le16(header + HEADER_EXTENDED_LOAD_FLAGS) & EXTENDED_LOAD_FLAG_64)) {
        qc_error_set(error, "kernel '%s' has no 64-bit entry point, expected an x86-64 bzImage",
                     image->path);
        return false;
    }
    return true;
}

/* Take the numbers out of the header and check that they make sense together. */
static bool parse_layout(BzImage *image, uint64_t file_size, GError **error)
{
    const uint8_t *header = image->header;
    uint32_t sectors = header[HEADER_SETUP_SECTORS];
    uint64_t payload_size = (uint64_t)load_le32(header + HEADER_SYSTEM_SIZE) * 16;
    uint64_t alignment = load_le32(header + HEADER_ALIGNMENT);

    image->header_end = HEADER_MAGIC + header[HEADER_JUMP + 1];
    image->payload_offset =
        (uint64_t)(sectors ? sectors : SETUP_SECTORS_DEFAULT) * SECTOR_SIZE + SECTOR_SIZE;
    image->payload_size = payload_size;
    image->load_address = load_le64(header + HEADER_PREFERRED_ADDRESS);
    image->memory_size = MAX(load_le32(header + HEADER_INIT_SIZE), payload_size);
    image->initrd_last = load_le32(header + HEADER_INITRD_LAST);
    image->command_line_max = load_le32(header + HEADER_COMMAND_LINE_SIZE);
    if (file_size < image->payload_offset + payload_size) {
        qc_error_set(error,
                     "kernel '%s' is truncated: %" PRIu64 " bytes, its header promises %" PRIu64,
                     image->path, file_size, image->payload_offset + payload_size);
        return false;
    }
    if (image->header_end < HEADER_INIT_SIZE + 4 || image->header_end > BZIMAGE_HEADER_MAX ||
        payload_size <= BZIMAGE_ENTRY_64 || image->load_address < 0x100000 ||
        image->load_address > UINT32_MAX || (alignment && image->load_address % alignment != 0)) {
        qc_error_set(error,
                     "kernel '%s' has a damaged header: ends at 0x%x, %" PRIu64
                     " bytes to load at 0x%" PRIx64,
                     image->path, image->header_end, payload_size, image->load_address);
        return false;
    }
    return true;
}

BzImage *bzimage_open(const char *path, GError **error)
{
    g_autoptr(BzImage) image = g_new0(BzImage, 1);
    uint64_t file_size;

    image->path = g_strdup(path);
    image->fd = boot_file_open("kernel", path, &file_size, error);
    if (image->fd < 0) {
        return NULL;
    }
    if (file_size < BZIMAGE_HEADER_MAX) {
        qc_error_set(error, "kernel '%s' is not a bzImage: %" PRIu64 " bytes, the header has %u",
                     path, file_size, BZIMAGE_HEADER_MAX);
        return NULL;
    }
    if (!boot_file_read(image->fd, path, 0, image->header, sizeof(image->header), error) ||
        !check_identity(image, error) || !parse_layout(image, file_size, error)) {
        return NULL;
    }
    return g_steal_pointer(&image);
}

void bzimage_free(BzImage *image)
{
    if (image->fd >= 0) {
        close(image->fd);
    }
    g_free(image->path);
    g_free(image);
}
