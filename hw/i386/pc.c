/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Machine type `pc`: memory map, processor, chip set devices and the start of the kernel.
 * What is where: docs/system/pc.md.
 */

#include <inttypes.h>
#include <string.h>

#include "accel/accel.h"
#include "acpi-tables.h"
#include "hw/acpi/pm.h"
#include "hw/char/serial.h"
#include "hw/core/machine.h"
#include "hw/input/i8042.h"
#include "hw/intc/apic.h"
#include "hw/intc/gsi.h"
#include "hw/intc/i8259.h"
#include "hw/intc/ioapic.h"
#include "hw/isa/isa.h"
#include "hw/isa/piix3.h"
#include "hw/misc/port92.h"
#include "hw/pci/i440fx.h"
#include "hw/rtc/mc146818.h"
#include "hw/timer/hpet.h"
#include "hw/timer/i8254.h"
#include "linux-boot.h"
#include "migration/vmstate.h"
#include "pci-setup.h"
#include "system/reset.h"
#include "system/runstate.h"
#include "system/serial.h"
#include "trace-hw-i386.h"
#include "util/report.h"

#define MIB UINT64_C(0x100000)
#define GIB UINT64_C(0x40000000)

#define PC_RAM_DEFAULT (128 * MIB)
#define PC_RAM_MIN     (2 * MIB)
#define PC_RAM_MAX     (1024 * GIB)

#define BASE_MEMORY_END   UINT64_C(0x9fc00) /* behind it the extended BIOS data area */
#define VIDEO_MEMORY      UINT64_C(0xa0000)
#define VIDEO_MEMORY_END  UINT64_C(0xc0000)
#define FIRMWARE_AREA     UINT64_C(0xe0000) /* ACPI tables */
#define FIRMWARE_AREA_END UINT64_C(0x100000)
#define LOW_RAM_MAX       UINT64_C(0xe0000000)
#define HIGH_RAM_BASE     (4 * GIB)
#define PCI_WINDOW        LOW_RAM_MAX
#define PCI_WINDOW_END    UINT64_C(0xfec00000) /* I/O APIC */
#define ADDRESSES_END     (UINT64_C(1) << 40)  /* processors have 40 address bits */

enum {
    CMOS_EQUIPMENT = 0x14,
    EQUIPMENT_FPU = 0x02,
    EQUIPMENT_POINTER = 0x04,
};

/* Who holds the A20 gate open; one is enough. */
enum {
    A20_KEYBOARD_CONTROLLER,
    A20_PORT92,
    A20_SOURCES,
};

typedef struct PCMachine {
    Machine parent;
    MemoryRegion base_memory, extended_memory, high_memory;
    uint64_t low_ram_size, high_ram_size;
    E820Map e820;
    X86CPU *cpu;
    GSIRouter *gsi;
    Bus *isa_bus;
    Bus *pci_bus;
    PCIWindows pci_windows;
    Device *hpet;
    IRQ a20[A20_SOURCES];
    uint32_t a20_open; /* one bit a source */
    GByteArray *acpi_tables;
    LinuxBoot *boot; /* NULL: no kernel */
} PCMachine;

OBJECT_DEFINE_TYPE(PCMachine, MachineClass, pc_machine, "pc-i440fx-7.2" MACHINE_TYPE_SUFFIX,
                   TYPE_MACHINE);

#define PC_MACHINE(o) (G_TYPE_CHECK_INSTANCE_CAST((o), pc_machine_get_type(), PCMachine))

/* ---- what was asked for ---- */

static bool check_kernel_options(const Machine *machine, GError **error)
{
    if (machine->firmware_path) {
        qc_error_set(error, "firmware (-bios '%s') is not supported: boot a kernel with -kernel",
                     machine->firmware_path);
        return false;
    }
    if (!machine->kernel_path && (machine->initrd_path || machine->kernel_command_line)) {
        qc_error_set(error, "%s is only allowed with -kernel",
                     machine->initrd_path ? "-initrd" : "-append");
        return false;
    }
    return true;
}

static bool pc_check_boot(Machine *machine, GError **error)
{
    if (!machine->kernel_path && accel_ops()->runs_guest_code) {
        qc_error_set(error, "nothing to boot: machine 'pc' has no firmware, give it a bzImage with "
                            "-kernel");
        return false;
    }
    return true;
}

static bool check_configuration(const Machine *machine, GError **error)
{
    if (machine->cpu_count != 1) {
        qc_error_set(error, "machine 'pc' supports 1 processor, -smp asks for %u",
                     machine->cpu_count);
        return false;
    }
    if (machine->ram_size < PC_RAM_MIN || machine->ram_size > PC_RAM_MAX) {
        qc_error_set(error,
                     "machine 'pc' cannot have %" PRIu64 " bytes of memory (-m), expected 2 MiB to "
                     "1 TiB",
                     machine->ram_size);
        return false;
    }
    return check_kernel_options(machine, error);
}

/* ---- memory ---- */

static void map_ram(PCMachine *pc, MemoryRegion *region, const char *name, hwaddr address,
                    uint64_t block_offset, uint64_t size)
{
    if (size > 0) {
        memory_region_init_ram(region, name, pc->parent.ram, block_offset, size);
        address_space_map(address_space_memory(), address, region, 0);
    }
}

/* The RAM block is one piece; the part behind LOW_RAM_MAX shows up above 4 GiB. */
static bool make_memory(PCMachine *pc, GError **error)
{
    Machine *machine = &pc->parent;

    machine->ram = ram_block_new("pc.ram", machine->ram_size, error);
    if (!machine->ram) {
        return false;
    }
    pc->low_ram_size = MIN(machine->ram->size, LOW_RAM_MAX);
    pc->high_ram_size = machine->ram->size - pc->low_ram_size;
    trace_pc_memory(pc->low_ram_size, pc->high_ram_size);
    map_ram(pc, &pc->base_memory, "pc.ram.base", 0, 0, VIDEO_MEMORY);
    map_ram(pc, &pc->extended_memory, "pc.ram.low", VIDEO_MEMORY_END, VIDEO_MEMORY_END,
            pc->low_ram_size - VIDEO_MEMORY_END);
    map_ram(pc, &pc->high_memory, "pc.ram.high", HIGH_RAM_BASE, pc->low_ram_size,
            pc->high_ram_size);

    e820_add(&pc->e820, 0, BASE_MEMORY_END, E820_RAM);
    e820_add(&pc->e820, BASE_MEMORY_END, VIDEO_MEMORY - BASE_MEMORY_END, E820_RESERVED);
    e820_add(&pc->e820, FIRMWARE_AREA, FIRMWARE_AREA_END - FIRMWARE_AREA, E820_RESERVED);
    e820_add(&pc->e820, FIRMWARE_AREA_END, pc->low_ram_size - FIRMWARE_AREA_END, E820_RAM);
    e820_add(&pc->e820, HIGH_RAM_BASE, pc->high_ram_size, E820_RAM);
    return true;
}

/* ---- A20 ---- */

static void apply_a20(VCPU *vcpu, void *opaque)
{
    PCMachine *pc = opaque;
    const AccelOps *accel = accel_ops();

    if (accel->synchronize_state) {
        accel->synchronize_state(vcpu);
    }
    pc->cpu->state.a20_enabled = pc->a20_open != 0;
    if (accel->state_changed) {
        accel->state_changed(vcpu);
    }
}

static void a20_changed(void *opaque, int source, int level)
{
    PCMachine *pc = opaque;

    pc->a20_open = (pc->a20_open & ~(1u << source)) | (level ? 1u << source : 0);
    if (pc->cpu->state.a20_enabled != (pc->a20_open != 0)) {
        trace_pc_a20(pc->a20_open != 0);
        vcpu_run_on(&pc->cpu->vcpu, apply_a20, pc);
    }
}

static IRQ *a20_input(PCMachine *pc, int source)
{
    pc->a20[source] = (IRQ){ .handler = a20_changed, .opaque = pc, .n = source };
    return &pc->a20[source];
}

static bool pc_board_post_load(void *opaque, int version, GError **error)
{
    PCMachine *pc = opaque;

    pc->a20_open &= (1u << A20_SOURCES) - 1;
    return true;
}

/* State of the board's own wires; the rest is in its devices. */
static const VMStateDescription vmstate_pc_board = {
    .name = "pc-board",
    .version = 1,
    .minimum_version = 1,
    .post_load = pc_board_post_load,
    .fields = (const VMStateField[]){ VMSTATE_UINT32(a20_open, PCMachine), VMSTATE_END },
};

/* ---- processor and devices ---- */

static bool make_processor(PCMachine *pc, GError **error)
{
    Machine *machine = &pc->parent;
    const char *model =
        machine->cpu_type ? machine->cpu_type : MACHINE_GET_CLASS(machine)->default_cpu_type;

    pc->cpu = x86_cpu_new(model, 0, error);
    if (!pc->cpu) {
        return false;
    }
    apic_create(pc->cpu);
    return true;
}

static void make_interrupts(PCMachine *pc)
{
    IRQ *lines[ISA_IRQ_COUNT];

    pc->isa_bus = isa_bus_new(NULL, "isa.0");
    Device *pic = i8259_pair_create(pc->isa_bus);
    apic_connect_pic(pic);
    pc->gsi = gsi_router_new(pic, ioapic_create(IOAPIC_DEFAULT_BASE));
    for (unsigned i = 0; i < ISA_IRQ_COUNT; i++) {
        lines[i] = gsi_router_line(pc->gsi, i);
    }
    isa_bus_connect_irqs(pc->isa_bus, lines);
}

/* Behind memory, at a multiple of 1 GiB, there is room for 64-bit BARs. */
static void make_pci_windows(PCMachine *pc)
{
    uint64_t high = (HIGH_RAM_BASE + pc->high_ram_size + GIB - 1) / GIB * GIB;

    pc->pci_windows = (PCIWindows){
        .low_base = PCI_WINDOW,
        .low_size = PCI_WINDOW_END - PCI_WINDOW,
        .high_base = high,
        .high_size = high < ADDRESSES_END ? ADDRESSES_END - high : 0,
    };
}

static void make_pci(PCMachine *pc)
{
    IRQ *lines[ISA_IRQ_COUNT];

    for (unsigned i = 0; i < ISA_IRQ_COUNT; i++) {
        lines[i] = gsi_router_line(pc->gsi, i);
    }
    pc->pci_bus = i440fx_create();
    PCIDevice *bridge = piix3_create(pc->pci_bus, lines);
    i440fx_set_reset_control(pc->pci_bus, piix3_reset_control(bridge));
    piix4_pm_create(pc->pci_bus, PCI_DEVFN(1, 3),
                    acpi_pm_create(gsi_router_line(pc->gsi, ACPI_PM_SCI_IRQ)));
    make_pci_windows(pc);
}

static void make_timers(PCMachine *pc)
{
    pc->hpet = hpet_create(pc->gsi);
    i8254_create(pc->isa_bus, device_get_gpio_in(pc->hpet, "legacy", HPET_INPUT_PIT));
    Device *rtc =
        mc146818_create(pc->isa_bus, device_get_gpio_in(pc->hpet, "legacy", HPET_INPUT_RTC));
    mc146818_set_memory_size(rtc, pc->low_ram_size, pc->high_ram_size);
    mc146818_set_cmos(rtc, CMOS_EQUIPMENT, EQUIPMENT_FPU | EQUIPMENT_POINTER);
}

static void make_ports(PCMachine *pc)
{
    for (unsigned i = 0; i < ISA_SERIAL_COUNT; i++) {
        if (serial_hd(i)) {
            isa_serial_create(pc->isa_bus, i, serial_hd(i));
        }
    }
    i8042_create(pc->isa_bus, a20_input(pc, A20_KEYBOARD_CONTROLLER));
    port92_create(pc->isa_bus, a20_input(pc, A20_PORT92));
}

/* ---- boot ---- */

static void make_acpi_tables(PCMachine *pc)
{
    ACPITablesConfig config = {
        .address = FIRMWARE_AREA,
        .cpu_count = pc->parent.cpu_count,
        .hpet_block_id = hpet_block_id(pc->hpet),
        .pci = pc->pci_windows,
    };

    for (unsigned i = 0; i < ACPI_SERIAL_PORTS; i++) {
        config.serial[i] = serial_hd(i) != NULL;
    }
    pc->acpi_tables = acpi_tables_build(&config);
    g_assert(pc->acpi_tables->len <= FIRMWARE_AREA_END - FIRMWARE_AREA);
}

/* What firmware does at each reset. A VM that comes in brings its memory along. */
static void load_guest(void *opaque)
{
    PCMachine *pc = opaque;
    g_autoptr(GError) error = NULL;

    if (runstate_is(RUN_STATE_INMIGRATE)) {
        return;
    }
    pci_setup(pc->pci_bus, &pc->pci_windows);
    memcpy(pc->parent.ram->host + FIRMWARE_AREA, pc->acpi_tables->data, pc->acpi_tables->len);
    ram_block_written(pc->parent.ram, FIRMWARE_AREA, pc->acpi_tables->len);
    if (!pc_check_boot(&pc->parent, &error) || (pc->boot && !linux_boot_load(pc->boot, &error))) {
        report_error("the machine cannot start: %s", error->message);
        runstate_request_panic();
    }
}

static bool prepare_boot(PCMachine *pc, GError **error)
{
    Machine *machine = &pc->parent;

    make_acpi_tables(pc);
    if (machine->kernel_path) {
        LinuxBootConfig config = {
            .kernel_path = machine->kernel_path,
            .initrd_path = machine->initrd_path,
            .command_line = machine->kernel_command_line,
            .ram = machine->ram,
            .low_ram_size = pc->low_ram_size,
            .e820 = &pc->e820,
            .rsdp_address = FIRMWARE_AREA,
            .cpu = pc->cpu,
        };
        pc->boot = linux_boot_new(&config, error);
        if (!pc->boot) {
            return false;
        }
    }
    reset_register_firmware(load_guest, pc);
    return true;
}

static bool pc_init(Machine *machine, GError **error)
{
    PCMachine *pc = PC_MACHINE(machine);

    if (!check_configuration(machine, error) || !make_memory(pc, error) ||
        !make_processor(pc, error)) {
        return false;
    }
    make_interrupts(pc);
    make_pci(pc);
    make_timers(pc);
    make_ports(pc);
    vmstate_register(NULL, 0, &vmstate_pc_board, pc);
    return prepare_boot(pc, error);
}

static void pc_machine_init(PCMachine *self)
{
}

static void pc_machine_class_init(MachineClass *klass)
{
    klass->name = "pc-i440fx-7.2";
    klass->alias = "pc";
    klass->description = "Standard PC (i440FX + PIIX, 1996)";
    klass->default_cpu_type = "qemu64";
    klass->default_ram_size = PC_RAM_DEFAULT;
    klass->maximum_cpus = 1;
    klass->is_default = true;
    klass->init = pc_init;
    klass->check_boot = pc_check_boot;
}
