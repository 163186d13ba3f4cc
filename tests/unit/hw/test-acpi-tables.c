/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The board's ACPI tables: linked, summed up, and what ACPICA's disassembler makes of them. */
#include <glib/gstdio.h>
#include <string.h>

#include "hw/i386/acpi-tables.h"
#include "util/bytes.h"

#define ADDRESS UINT64_C(0xe0000)

static const ACPITablesConfig config = {
    .address = ADDRESS,
    .cpu_count = 1,
    .hpet_block_id = 0x8086a201,
    .pci = { 0xe0000000, 0x1ec00000, UINT64_C(0x140000000), UINT64_C(0xfec0000000) },
    .serial = { true, true },
};

static uint8_t sum(const uint8_t *bytes, size_t size)
{
    uint8_t total = 0;

    for (size_t i = 0; i < size; i++) {
        total += bytes[i];
    }
    return total;
}

/* The table at guest address @address: its length is inside, its sum is zero. */
static const uint8_t *table_at(GByteArray *tables, uint64_t address, const char *signature)
{
    g_assert_cmpuint(address, >=, ADDRESS);
    g_assert_cmpuint(address + 36, <=, ADDRESS + tables->len);
    const uint8_t *table = tables->data + (address - ADDRESS);
    uint32_t length = load_le32(table + 4);
    g_assert_cmpuint(address + length, <=, ADDRESS + tables->len);
    g_assert_cmpmem(table, 4, signature, 4);
    if (strcmp(signature, "FACS") != 0) {
        g_assert_cmphex(sum(table, length), ==, 0);
    }
    return table;
}

static uint64_t xsdt_entry(GByteArray *tables, unsigned number)
{
    const uint8_t *xsdt = table_at(tables, load_le64(tables->data + 24), "XSDT");

    return load_le64(xsdt + 36 + 8 * number);
}

static void test_links(void)
{
    GByteArray *tables = acpi_tables_build(&config);
    const uint8_t *rsdp = tables->data;

    g_assert_cmpmem(rsdp, 8, "RSD PTR ", 8);
    g_assert_cmphex(sum(rsdp, 20), ==, 0);
    g_assert_cmphex(sum(rsdp, 36), ==, 0);
    const uint8_t *fadt = table_at(tables, xsdt_entry(tables, 0), "FACP");
    table_at(tables, load_le32(fadt + 40), "DSDT");
    table_at(tables, load_le64(fadt + 140), "DSDT");
    table_at(tables, load_le32(fadt + 36), "FACS");
    g_assert_cmpuint(load_le32(fadt + 36) % 64, ==, 0);
    g_assert_cmphex(load_le32(fadt + 56), ==, 0x600);
    g_assert_cmphex(load_le32(fadt + 64), ==, 0x604);
    g_assert_cmphex(load_le32(fadt + 76), ==, 0x608);
    table_at(tables, xsdt_entry(tables, 1), "APIC");
    const uint8_t *hpet = table_at(tables, xsdt_entry(tables, 2), "HPET");
    g_assert_cmphex(load_le32(hpet + 36), ==, 0x8086a201);
    g_assert_cmphex(load_le64(hpet + 44), ==, 0xfed00000);
    g_byte_array_unref(tables);
}

/* Each processor has an entry with its own APIC ID (section 5.2.12.2). */
static void test_processors(void)
{
    static const uint8_t apic_ids[] = { 0, 1, 2, 4, 5, 6 };
    ACPITablesConfig many = config;
    unsigned found = 0;

    many.cpu_count = sizeof(apic_ids);
    memcpy(many.apic_ids, apic_ids, sizeof(apic_ids));
    GByteArray *tables = acpi_tables_build(&many);
    const uint8_t *madt = table_at(tables, xsdt_entry(tables, 1), "APIC");
    const uint8_t *end = madt + load_le32(madt + 4);
    for (const uint8_t *entry = madt + 44; entry < end; entry += entry[1]) {
        if (entry[0] == 0) {
            g_assert_cmpuint(found, <, sizeof(apic_ids));
            g_assert_cmpuint(entry[2], ==, found);
            g_assert_cmpuint(entry[3], ==, apic_ids[found]);
            g_assert_cmpuint(load_le32(entry + 4), ==, 1);
            found++;
        }
    }
    g_assert_cmpuint(found, ==, sizeof(apic_ids));
    g_byte_array_unref(tables);
}

/* ---- what another program reads out of them ---- */

typedef struct Workshop {
    char *directory, *iasl;
} Workshop;

static char *run_iasl(const Workshop *workshop, const char *option, const char *file)
{
    const char *arguments[] = { workshop->iasl, option, file, NULL };
    g_autofree char *output = NULL;
    g_autofree char *errors = NULL;
    g_autoptr(GError) error = NULL;
    int status;

    g_assert_true(g_spawn_sync(workshop->directory, (char **)arguments, NULL, G_SPAWN_DEFAULT, NULL,
                               NULL, &output, &errors, &status, &error));
    g_assert_no_error(error);
    g_assert_cmpint(status, ==, 0);
    return g_strconcat(output, errors, NULL);
}

/* The disassembly of @table; it has no complaint of any kind. */
static char *disassemble(const Workshop *workshop, const uint8_t *table)
{
    g_autofree char *name = g_strdup_printf("%.4s.dat", (const char *)table);
    g_autofree char *source_name = g_strdup_printf("%.4s.dsl", (const char *)table);
    g_autofree char *file = g_build_filename(workshop->directory, name, NULL);
    g_autofree char *source_file = g_build_filename(workshop->directory, source_name, NULL);
    g_autoptr(GError) error = NULL;
    char *text;

    g_file_set_contents(file, (const char *)table, load_le32(table + 4), &error);
    g_assert_no_error(error);
    g_autofree char *output = run_iasl(workshop, "-d", name);
    g_file_get_contents(source_file, &text, NULL, &error);
    g_assert_no_error(error);
    for (const char *const *word =
             (const char *const[]){ "Warning", "Error", "incorrect", "Unknown", "beyond", NULL };
         *word; word++) {
        if (strstr(output, *word) || strstr(text, *word)) {
            g_error("iasl complains about %s:\n%s\n%s", name, output, text);
        }
    }
    return text;
}

static void expect_lines(const char *text, const char *const *lines)
{
    for (; *lines; lines++) {
        if (!strstr(text, *lines)) {
            g_error("expected \"%s\" in\n%s", *lines, text);
        }
    }
}

static void check_dsdt(const Workshop *workshop, const uint8_t *dsdt)
{
    g_autofree char *text = disassemble(workshop, dsdt);

    expect_lines(text, (const char *const[]){ "Name (\\_S5, Package (0x04)",
                                              "Scope (\\_SB)",
                                              "Device (C000)",
                                              "Name (_HID, \"ACPI0007\"",
                                              "Device (COM1)",
                                              "Device (COM2)",
                                              "EisaId (\"PNP0501\")",
                                              "EisaId (\"PNP0B00\")",
                                              "EisaId (\"PNP0103\")",
                                              "0xFED00000,         // Address Base",
                                              "0x03F8,             // Range M",
                                              "IRQNoFlags ()",
                                              "{12}",
                                              "EisaId (\"PNP0A03\")",
                                              "0xE0000000,         // Range Minimum",
                                              "0xFEBFFFFF,         // Range M",
                                              "0x0000000140000000, // Range Minimum",
                                              "0x000000FFFFFFFFFF, // Range Maximum",
                                              "OperationRegion (ROUT, PCI_Config, 0x60, 0x04)",
                                              "CreateDWordField (Arg0, 0x05, PRRI)",
                                              "Device (LNKD)",
                                              NULL });
    g_autofree char *compiled = run_iasl(workshop, "-tc", "DSDT.dsl");
    expect_lines(compiled, (const char *const[]){ "0 Errors", "0 Warnings", NULL });
}

static void test_disassembly(void)
{
    Workshop workshop = { .iasl = g_find_program_in_path("iasl") };

    if (!workshop.iasl) {
        g_test_skip("iasl (package acpica-tools) is not installed");
        return;
    }
    workshop.directory = g_dir_make_tmp("qemu-colo-acpi-XXXXXX", NULL);
    GByteArray *tables = acpi_tables_build(&config);
    const uint8_t *fadt = table_at(tables, xsdt_entry(tables, 0), "FACP");
    g_autofree char *fadt_text = disassemble(&workshop, fadt);
    expect_lines(fadt_text, (const char *const[]){
                                "SCI Interrupt : 0009", "Reset Register Supported (V2) : 1",
                                "Value to cause reset : 06", "Hardware Reduced (V5) : 0", NULL });
    g_autofree char *madt = disassemble(&workshop, table_at(tables, xsdt_entry(tables, 1), "APIC"));
    expect_lines(madt, (const char *const[]){ "Address : FEC00000", "Local Apic Address : FEE00000",
                                              "Interrupt : 00000002", "Processor ID : FF", NULL });
    g_autofree char *hpet = disassemble(&workshop, table_at(tables, xsdt_entry(tables, 2), "HPET"));
    expect_lines(hpet, (const char *const[]){ "Address : 00000000FED00000", NULL });
    check_dsdt(&workshop, table_at(tables, load_le32(fadt + 40), "DSDT"));

    g_autoptr(GDir) files = g_dir_open(workshop.directory, 0, NULL);
    for (const char *name; (name = g_dir_read_name(files));) {
        g_autofree char *path = g_build_filename(workshop.directory, name, NULL);
        g_unlink(path);
    }
    g_rmdir(workshop.directory);
    g_byte_array_unref(tables);
    g_free(workshop.directory);
    g_free(workshop.iasl);
}

static void test_absent_serial(void)
{
    ACPITablesConfig without = config;

    without.serial[1] = false;
    GByteArray *tables = acpi_tables_build(&without);
    g_assert_nonnull(memmem(tables->data, tables->len, "COM1", 4));
    g_assert_null(memmem(tables->data, tables->len, "COM2", 4));
    g_byte_array_unref(tables);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/acpi-tables/links", test_links);
    g_test_add_func("/acpi-tables/processors", test_processors);
    g_test_add_func("/acpi-tables/disassembly", test_disassembly);
    g_test_add_func("/acpi-tables/absent-serial", test_absent_serial);
    return g_test_run();
}
