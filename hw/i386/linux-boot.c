/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The 64-bit boot protocol of Linux. The files stay open and are read straight into guest memory
 * at each reset, so that they cost no memory of their own.
 */

#include "linux-boot.h"

#include <string.h>
#include <unistd.h>

#include "accel/accel.h"
#include "bzimage.h"
#include "trace-hw-i386.h"
#include "util/bytes.h"
#include "util/report.h"

/* Guest memory below 640 KiB that is ours until the kernel has taken over. */
enum {
    STACK_TOP = 0x6ff0,
    BOOT_PARAMS_ADDRESS = 0x7000,
    GDT_ADDRESS = 0x8000,
    PAGE_TABLES_ADDRESS = 0x9000,
    COMMAND_LINE_ADDRESS = 0x20000,
    COMMAND_LINE_ROOM = 0x10000,

    BOOT_PARAMS_SIZE = 0x1000,
    COMMAND_LINE_MIN = 255, /* what a header without a limit stands for */
};

/* struct boot_params (Linux, Documentation/arch/x86/zero-page.rst). */
enum {
    PARAMS_RSDP_ADDRESS = 0x070,
    PARAMS_E820_COUNT = 0x1e8,
    PARAMS_VIDEO_MODE = 0x1fa,
    PARAMS_LOADER_TYPE = 0x210,
    PARAMS_INITRD_ADDRESS = 0x218,
    PARAMS_INITRD_SIZE = 0x21c,
    PARAMS_COMMAND_LINE = 0x228,
    PARAMS_E820_TABLE = 0x2d0,

    VIDEO_MODE_NORMAL = 0xffff,
    LOADER_UNDEFINED = 0xff,
};

/* The selectors that the protocol demands, and their descriptors. */
enum {
    SELECTOR_CODE = 0x10,
    SELECTOR_DATA = 0x18,
    GDT_ENTRIES = 4,
    CODE_ATTRIBUTES = 0xa09b, /* execute/read, accessed, present, 64 bit, pages */
    DATA_ATTRIBUTES = 0xc093, /* read/write, accessed, present, 32 bit, pages */
};

#define PAGE_PRESENT_WRITABLE UINT64_C(0x03)
#define PAGE_LARGE            UINT64_C(0x80)
#define PAGE_DIRECTORIES      4u /* 1 GiB each */
#define PAGE_TABLE_ENTRIES    512u
#define LARGE_PAGE_SIZE       (UINT64_C(2) << 20)

struct LinuxBoot {
    BzImage *kernel;
    char *initrd_path;
    int initrd_fd; /* -1: no initrd */
    uint64_t initrd_size, initrd_address;
    char *command_line;
    RAMBlock *ram;
    E820Map e820;
    hwaddr rsdp_address;
    X86CPU *cpu;
};

void linux_boot_free(LinuxBoot *boot)
{
    if (boot->kernel) {
        bzimage_free(boot->kernel);
    }
    if (boot->initrd_fd >= 0) {
        close(boot->initrd_fd);
    }
    g_free(boot->initrd_path);
    g_free(boot->command_line);
    g_free(boot);
}

/* ---- layout ---- */

static bool check_command_line(const LinuxBoot *boot, GError **error)
{
    uint32_t limit = boot->kernel->command_line_max;
    size_t length = strlen(boot->command_line);

    if (limit == 0) {
        limit = COMMAND_LINE_MIN;
    }
    limit = MIN(limit, COMMAND_LINE_ROOM - 1);
    if (length > limit) {
        qc_error_set(error,
                     "the kernel command line (-append) has %zu bytes, kernel '%s' takes at most "
                     "%u",
                     length, boot->kernel->path, limit);
        return false;
    }
    return true;
}

static bool check_memory(const LinuxBoot *boot, uint64_t low_ram_size, GError **error)
{
    const BzImage *kernel = boot->kernel;
    uint64_t end = kernel->load_address + kernel->memory_size;

    if (end > low_ram_size) {
        qc_error_set(error,
                     "kernel '%s' needs guest memory up to %" PRIu64 " MiB, there are %" PRIu64
                     " MiB: give more with -m",
                     kernel->path, (end + 0xfffff) >> 20, low_ram_size >> 20);
        return false;
    }
    return true;
}

/* As high as the kernel and the memory below 4 GiB allow, page aligned, above the kernel. */
static bool place_initrd(LinuxBoot *boot, uint64_t low_ram_size, GError **error)
{
    const BzImage *kernel = boot->kernel;
    uint64_t lowest = kernel->load_address + kernel->memory_size;
    uint64_t end = MIN((uint64_t)kernel->initrd_last + 1, low_ram_size);

    if (boot->initrd_size > end || ((end - boot->initrd_size) & TARGET_PAGE_MASK) < lowest) {
        qc_error_set(error,
                     "initrd '%s' has %" PRIu64 " bytes and must lie between %" PRIu64
                     " MiB (the end of the kernel) and %" PRIu64 " MiB: give more memory with -m",
                     boot->initrd_path, boot->initrd_size, (lowest + 0xfffff) >> 20, end >> 20);
        return false;
    }
    boot->initrd_address = (end - boot->initrd_size) & TARGET_PAGE_MASK;
    return true;
}

LinuxBoot *linux_boot_new(const LinuxBootConfig *config, GError **error)
{
    g_autoptr(LinuxBoot) boot = g_new0(LinuxBoot, 1);

    boot->initrd_fd = -1;
    boot->initrd_path = g_strdup(config->initrd_path);
    boot->command_line = g_strdup(config->command_line ? config->command_line : "");
    boot->ram = config->ram;
    boot->e820 = *config->e820;
    boot->rsdp_address = config->rsdp_address;
    boot->cpu = config->cpu;
    boot->kernel = bzimage_open(config->kernel_path, error);
    if (!boot->kernel || !check_command_line(boot, error) ||
        !check_memory(boot, config->low_ram_size, error)) {
        return NULL;
    }
    if (boot->initrd_path) {
        boot->initrd_fd = boot_file_open("initrd", boot->initrd_path, &boot->initrd_size, error);
        if (boot->initrd_fd < 0 || !place_initrd(boot, config->low_ram_size, error)) {
            return NULL;
        }
    }
    return g_steal_pointer(&boot);
}

/* ---- loading ---- */

static void ram_store(LinuxBoot *boot, hwaddr address, const void *data, uint64_t size)
{
    memcpy(boot->ram->host + address, data, size);
    ram_block_written(boot->ram, address, size);
}

static bool ram_load_file(LinuxBoot *boot, hwaddr address, int fd, const char *path,
                          uint64_t offset, uint64_t size, GError **error)
{
    bool ok = boot_file_read(fd, path, offset, boot->ram->host + address, size, error);

    ram_block_written(boot->ram, address, size);
    return ok;
}

static void store_boot_params(LinuxBoot *boot)
{
    const BzImage *kernel = boot->kernel;
    uint8_t params[BOOT_PARAMS_SIZE] = { 0 };

    memcpy(params + BZIMAGE_HEADER_START, kernel->header + BZIMAGE_HEADER_START,
           kernel->header_end - BZIMAGE_HEADER_START);
    store_le64(params + PARAMS_RSDP_ADDRESS, boot->rsdp_address);
    store_le16(params + PARAMS_VIDEO_MODE, VIDEO_MODE_NORMAL);
    params[PARAMS_LOADER_TYPE] = LOADER_UNDEFINED;
    store_le32(params + PARAMS_COMMAND_LINE, COMMAND_LINE_ADDRESS);
    store_le32(params + PARAMS_INITRD_ADDRESS, (uint32_t)boot->initrd_address);
    store_le32(params + PARAMS_INITRD_SIZE, (uint32_t)boot->initrd_size);
    params[PARAMS_E820_COUNT] = (uint8_t)boot->e820.count;
    e820_store(&boot->e820, params + PARAMS_E820_TABLE);
    ram_store(boot, BOOT_PARAMS_ADDRESS, params, sizeof(params));
}

static void store_gdt(LinuxBoot *boot)
{
    uint8_t gdt[GDT_ENTRIES * 8] = { 0 };

    store_le64(gdt + SELECTOR_CODE, UINT64_C(0x00af9b000000ffff));
    store_le64(gdt + SELECTOR_DATA, UINT64_C(0x00cf93000000ffff));
    ram_store(boot, GDT_ADDRESS, gdt, sizeof(gdt));
}

/* The first 4 GiB, one to one, in large pages: PML4, one PDPT, four directories. */
static void store_page_tables(LinuxBoot *boot)
{
    g_autofree uint64_t *tables = g_new0(uint64_t, (2 + PAGE_DIRECTORIES) * PAGE_TABLE_ENTRIES);
    uint64_t *directory_pointers = tables + PAGE_TABLE_ENTRIES;
    uint64_t *directories = tables + 2 * PAGE_TABLE_ENTRIES;
    uint64_t address = PAGE_TABLES_ADDRESS + TARGET_PAGE_SIZE;

    store_le64(&tables[0], address | PAGE_PRESENT_WRITABLE);
    for (unsigned i = 0; i < PAGE_DIRECTORIES; i++) {
        address += TARGET_PAGE_SIZE;
        store_le64(&directory_pointers[i], address | PAGE_PRESENT_WRITABLE);
    }
    for (unsigned i = 0; i < PAGE_DIRECTORIES * PAGE_TABLE_ENTRIES; i++) {
        store_le64(&directories[i], i * LARGE_PAGE_SIZE | PAGE_LARGE | PAGE_PRESENT_WRITABLE);
    }
    ram_store(boot, PAGE_TABLES_ADDRESS, tables, (2 + PAGE_DIRECTORIES) * TARGET_PAGE_SIZE);
}

static void set_entry_state(LinuxBoot *boot)
{
    static const X86Segment code = { .selector = SELECTOR_CODE,
                                     .attributes = CODE_ATTRIBUTES,
                                     .limit = UINT32_MAX };
    static const X86Segment data = { .selector = SELECTOR_DATA,
                                     .attributes = DATA_ATTRIBUTES,
                                     .limit = UINT32_MAX };
    X86State *state = &boot->cpu->state;
    const AccelOps *accel = accel_ops();

    for (unsigned i = 0; i < X86_SEGMENT_COUNT; i++) {
        state->segments[i] = i == X86_CS ? code : data;
    }
    state->gdt = (X86DescriptorTable){ .base = GDT_ADDRESS, .limit = GDT_ENTRIES * 8 - 1 };
    state->cr0 = UINT64_C(0x80000011); /* PG, ET, PE */
    state->cr3 = PAGE_TABLES_ADDRESS;
    state->cr4 = UINT64_C(0x20);       /* PAE */
    state->msr.efer = UINT64_C(0x500); /* LMA, LME */
    state->rflags = UINT64_C(0x02);
    state->rip = boot->kernel->load_address + BZIMAGE_ENTRY_64;
    state->registers[X86_RSI] = BOOT_PARAMS_ADDRESS;
    state->registers[X86_RSP] = STACK_TOP;
    state->a20_enabled = true;
    if (accel && accel->state_changed) {
        accel->state_changed(&boot->cpu->vcpu);
    }
}

bool linux_boot_load(LinuxBoot *boot, GError **error)
{
    const BzImage *kernel = boot->kernel;

    trace_linux_boot_load(kernel->load_address, kernel->payload_size, boot->initrd_address,
                          boot->initrd_size);
    if (!ram_load_file(boot, kernel->load_address, kernel->fd, kernel->path, kernel->payload_offset,
                       kernel->payload_size, error)) {
        return false;
    }
    if (boot->initrd_fd >= 0 && !ram_load_file(boot, boot->initrd_address, boot->initrd_fd,
                                               boot->initrd_path, 0, boot->initrd_size, error)) {
        return false;
    }
    ram_store(boot, COMMAND_LINE_ADDRESS, boot->command_line, strlen(boot->command_line) + 1);
    store_boot_params(boot);
    store_gdt(boot);
    store_page_tables(boot);
    set_entry_state(boot);
    return true;
}
