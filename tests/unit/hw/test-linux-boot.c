/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Kernel files good and bad, and guest memory and processor after loading a good one. */
#include <glib/gstdio.h>
#include <string.h>
#include <unistd.h>

#include "hw/i386/bzimage.h"
#include "hw/i386/linux-boot.h"
#include "system/main-loop.h"
#include "util/bytes.h"

#define MIB UINT64_C(0x100000)

#define KERNEL_SIZE   (1024 + 0x8000) /* one setup sector besides the boot sector, 32 KiB payload */
#define PAYLOAD       1024
#define INIT_SIZE     (8 * MIB)
#define LOAD_ADDRESS  (16 * MIB)
#define COMMAND_LIMIT 64

static char *directory;
static RAMBlock *ram;

static void make_kernel(uint8_t *file)
{
    memset(file, 0, KERNEL_SIZE);
    file[0x1f1] = 1;
    store_le32(file + 0x1f4, 0x8000 / 16);
    store_le16(file + 0x1fe, 0xaa55);
    file[0x201] = 0x66;
    memcpy(file + 0x202, "HdrS", 4);
    store_le16(file + 0x206, 0x020f);
    file[0x211] = 0x01;
    store_le32(file + 0x22c, 0x7fffffff);
    store_le32(file + 0x230, 0x200000);
    store_le16(file + 0x236, 0x0003);
    store_le32(file + 0x238, COMMAND_LIMIT);
    store_le64(file + 0x258, LOAD_ADDRESS);
    store_le32(file + 0x260, (uint32_t)INIT_SIZE);
    for (size_t i = PAYLOAD; i < KERNEL_SIZE; i++) {
        file[i] = (uint8_t)(i * 13);
    }
}

static char *write_file(const char *name, const void *data, size_t size)
{
    char *path = g_build_filename(directory, name, NULL);
    g_autoptr(GError) error = NULL;

    g_file_set_contents(path, data, (gssize)size, &error);
    g_assert_no_error(error);
    return path;
}

static char *write_kernel(void)
{
    uint8_t file[KERNEL_SIZE];

    make_kernel(file);
    return write_file("vmlinuz", file, sizeof(file));
}

/* ---- files that are refused ---- */

static void expect_refused(const char *path, const char *text)
{
    g_autoptr(GError) error = NULL;
    BzImage *image = bzimage_open(path, &error);

    g_assert_null(image);
    g_assert_nonnull(error);
    g_assert_nonnull(strstr(error->message, path));
    if (!strstr(error->message, text)) {
        g_error("expected \"%s\" in \"%s\"", text, error->message);
    }
}

typedef struct Damage {
    size_t offset;
    unsigned size;
    uint64_t value;
    const char *text;
} Damage;

static void test_refused_files(void)
{
    static const Damage damages[] = {
        { 0x1fe, 2, 0xaa54, "not a bzImage" },
        { 0x202, 4, 0, "no 'HdrS'" },
        { 0x206, 2, 0x020b, "protocol 2.11, expected at least 2.12" },
        { 0x211, 1, 0, "no 64-bit entry point" },
        { 0x236, 2, 0, "no 64-bit entry point" },
        { 0x1f4, 4, 0x801, "truncated" },
        { 0x1f4, 4, 0xffffffff, "truncated" },
        { 0x1f1, 1, 200, "truncated" },
        { 0x1f4, 4, 0x20, "damaged header" },
        { 0x201, 1, 0x10, "damaged header" },
        { 0x201, 1, 0xff, "damaged header" },
        { 0x258, 8, 0x1000, "damaged header" },
        { 0x258, 8, UINT64_MAX - 0xfffff, "damaged header" },
        { 0x258, 8, LOAD_ADDRESS + 1, "damaged header" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(damages); i++) {
        uint8_t file[KERNEL_SIZE];
        uint8_t value[8];
        make_kernel(file);
        store_le64(value, damages[i].value);
        memcpy(file + damages[i].offset, value, damages[i].size);
        g_autofree char *path = write_file("damaged", file, sizeof(file));
        expect_refused(path, damages[i].text);
    }
}

static void test_refused_paths(void)
{
    g_autofree char *missing = g_build_filename(directory, "missing", NULL);
    g_autofree char *tiny = write_file("tiny", "hello", 5);

    expect_refused(missing, "No such file or directory");
    expect_refused(directory, "not a regular file");
    expect_refused(tiny, "not a bzImage");
}

/* Random headers: refused or taken, but never trusted beyond the file. */
static void test_random_headers(void)
{
    g_autoptr(GRand) random = g_rand_new_with_seed(0xb2);
    unsigned taken = 0;

    for (unsigned i = 0; i < 500; i++) {
        uint8_t file[KERNEL_SIZE];
        make_kernel(file);
        file[g_rand_int_range(random, 0x1f1, 0x268)] = (uint8_t)g_rand_int(random);
        g_autofree char *path = write_file("random", file, sizeof(file));
        g_autoptr(GError) error = NULL;
        g_autoptr(BzImage) image = bzimage_open(path, &error);
        g_assert_true(!image == !!error);
        if (image) {
            taken++;
            g_assert_cmpuint(image->payload_offset + image->payload_size, <=, KERNEL_SIZE);
            g_assert_cmpuint(image->header_end, <=, BZIMAGE_HEADER_MAX);
        }
    }
    g_assert_cmpuint(taken, >, 0);
    g_assert_cmpuint(taken, <, 500);
}

/* ---- loading ---- */

static LinuxBoot *new_boot(LinuxBootConfig *config, X86CPU *cpu, GError **error)
{
    static E820Map map;

    map.count = 0;
    e820_add(&map, 0, 0x9fc00, E820_RAM);
    e820_add(&map, MIB, config->low_ram_size - MIB, E820_RAM);
    config->ram = ram;
    config->e820 = &map;
    config->rsdp_address = 0xe0000;
    config->cpu = cpu;
    return linux_boot_new(config, error);
}

static void check_loaded(const X86CPU *cpu, const uint8_t *initrd, size_t initrd_size)
{
    uint8_t file[KERNEL_SIZE];
    const uint8_t *params = ram->host + cpu->state.registers[X86_RSI];

    make_kernel(file);
    g_assert_cmpmem(ram->host + LOAD_ADDRESS, 0x8000, file + PAYLOAD, 0x8000);
    g_assert_cmphex(cpu->state.rip, ==, LOAD_ADDRESS + 0x200);
    g_assert_cmpmem(params + 0x202, 4, "HdrS", 4);
    g_assert_cmphex(params[0x210], ==, 0xff);
    g_assert_cmphex(load_le64(params + 0x070), ==, 0xe0000);
    g_assert_cmpstr((const char *)ram->host + load_le32(params + 0x228), ==, "console=ttyS0");
    g_assert_cmpuint(params[0x1e8], ==, 2);
    g_assert_cmphex(load_le64(params + 0x2d0 + 20), ==, MIB);
    uint32_t address = load_le32(params + 0x218);
    g_assert_cmpuint(load_le32(params + 0x21c), ==, initrd_size);
    g_assert_cmpuint(address % 4096, ==, 0);
    g_assert_cmpuint(address + initrd_size, <=, ram->size);
    g_assert_cmpuint(address + initrd_size + 4096, >, ram->size);
    g_assert_cmpmem(ram->host + address, initrd_size, initrd, initrd_size);
}

/* Walk the page tables as the processor does. */
static uint64_t translate(const X86CPU *cpu, uint64_t address)
{
    uint64_t table = cpu->state.cr3;

    for (int shift = 39; shift >= 21; shift -= 9) {
        uint64_t entry = load_le64(ram->host + table + (address >> shift & 0x1ff) * 8);
        g_assert_cmphex(entry & 3, ==, 3);
        if (entry & 0x80) {
            return (entry & ~UINT64_C(0x1fffff)) | (address & 0x1fffff);
        }
        table = entry & ~UINT64_C(0xfff);
    }
    g_assert_not_reached();
}

static void check_entry_state(const X86CPU *cpu)
{
    const X86State *state = &cpu->state;

    g_assert_cmphex(state->segments[X86_CS].selector, ==, 0x10);
    g_assert_cmphex(state->segments[X86_CS].attributes, ==, 0xa09b);
    for (unsigned i = X86_SS; i < X86_SEGMENT_COUNT; i++) {
        g_assert_cmphex(state->segments[i].selector, ==, 0x18);
    }
    g_assert_cmphex(load_le64(ram->host + state->gdt.base + 0x10), ==, 0x00af9b000000ffff);
    g_assert_cmphex(state->rflags, ==, 2);
    g_assert_cmphex(state->msr.efer, ==, 0x500);
    static const uint64_t addresses[] = { 0, 0x7123, LOAD_ADDRESS, 0x7fffffff, 0xffffffff };
    for (size_t i = 0; i < G_N_ELEMENTS(addresses); i++) {
        g_assert_cmphex(translate(cpu, addresses[i]), ==, addresses[i]);
    }
}

static void test_load(void)
{
    static const uint8_t initrd[] = "an initial RAM disk of odd size";
    g_autofree char *kernel_path = write_kernel();
    g_autofree char *initrd_path = write_file("initrd", initrd, sizeof(initrd));
    g_autofree X86CPU *cpu = g_new0(X86CPU, 1);
    g_autoptr(GError) error = NULL;
    LinuxBootConfig config = { .kernel_path = kernel_path,
                               .initrd_path = initrd_path,
                               .command_line = "console=ttyS0",
                               .low_ram_size = ram->size };
    g_autoptr(LinuxBoot) boot = new_boot(&config, cpu, &error);

    g_assert_no_error(error);
    for (unsigned i = 0; i < 2; i++) { /* a reset finds memory and registers changed */
        memset(ram->host, 0xa5, ram->size);
        memset(&cpu->state, 0, sizeof(cpu->state));
        g_assert_true(linux_boot_load(boot, &error));
        check_loaded(cpu, initrd, sizeof(initrd));
        check_entry_state(cpu);
    }
    g_assert_cmpint(truncate(initrd_path, 3), ==, 0);
    g_assert_false(linux_boot_load(boot, &error));
    g_assert_nonnull(strstr(error->message, initrd_path));
}

static void expect_no_room(LinuxBootConfig *config, const char *text)
{
    g_autofree X86CPU *cpu = g_new0(X86CPU, 1);
    g_autoptr(GError) error = NULL;

    g_assert_null(new_boot(config, cpu, &error));
    if (!strstr(error->message, text)) {
        g_error("expected \"%s\" in \"%s\"", text, error->message);
    }
}

static void test_no_room(void)
{
    g_autofree char *kernel_path = write_kernel();
    g_autofree char *big = g_malloc0(9 * MIB);
    g_autofree char *initrd_path = write_file("big", big, 9 * MIB);
    char line[COMMAND_LIMIT + 2] = { 0 };

    LinuxBootConfig small = { .kernel_path = kernel_path, .low_ram_size = 20 * MIB };
    expect_no_room(&small, "needs guest memory up to 24 MiB, there are 20 MiB");
    LinuxBootConfig tight = { .kernel_path = kernel_path,
                              .initrd_path = initrd_path,
                              .low_ram_size = 32 * MIB };
    expect_no_room(&tight, "must lie between 24 MiB");
    memset(line, 'x', COMMAND_LIMIT + 1);
    LinuxBootConfig wordy = { .kernel_path = kernel_path,
                              .command_line = line,
                              .low_ram_size = 32 * MIB };
    expect_no_room(&wordy, "has 65 bytes");
    g_autofree char *missing = g_build_filename(directory, "missing", NULL);
    LinuxBootConfig absent = { .kernel_path = kernel_path,
                               .initrd_path = missing,
                               .low_ram_size = 32 * MIB };
    expect_no_room(&absent, "cannot open initrd");
}

static void remove_directory(void)
{
    g_autoptr(GDir) files = g_dir_open(directory, 0, NULL);

    for (const char *name; (name = g_dir_read_name(files));) {
        g_autofree char *path = g_build_filename(directory, name, NULL);
        g_unlink(path);
    }
    g_rmdir(directory);
    g_free(directory);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init();
    directory = g_dir_make_tmp("qemu-colo-boot-XXXXXX", NULL);
    ram = ram_block_new("pc.ram", 64 * MIB, NULL);
    g_assert_nonnull(ram);
    g_test_add_func("/linux-boot/refused-files", test_refused_files);
    g_test_add_func("/linux-boot/refused-paths", test_refused_paths);
    g_test_add_func("/linux-boot/random-headers", test_random_headers);
    g_test_add_func("/linux-boot/load", test_load);
    g_test_add_func("/linux-boot/no-room", test_no_room);
    int status = g_test_run();
    remove_directory();
    return status;
}
