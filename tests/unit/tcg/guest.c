/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
#include <signal.h>
#include <string.h>
#include <sys/time.h>

#include "guest.h"
#include "migration/stream.h"
#include "system/bql.h"
#include "target/i386/cpu-vmstate.h"

#define HLT           0xf4
#define HANDLER_BYTES 16
#define VECTORS       256

/* How often the engine may come back without HLT. */
#define RUNS_MAX 100000

#define CR0_VALUE  0x80010033u /* PG WP NE ET MP PE */
#define CR4_VALUE  0x620u      /* OSXMMEXCPT OSFXSR PAE */
#define EFER_VALUE 0xd01u      /* NXE LMA LME SCE */

static void check(bool success, GError *error)
{
    if (!success) {
        g_error("%s", error ? error->message : "no reason given");
    }
}

static MemoryRegion ram_region;

static Guest *guest_new(void)
{
    Guest *guest = g_new0(Guest, 1);
    GError *error = NULL;

    bql_lock();
    check(accel_select("tcg", &error), error);
    if (accel_ops()->init) {
        g_autoptr(GHashTable) options = g_hash_table_new(g_str_hash, g_str_equal);

        check(accel_ops()->init(options, &error), error);
    }
    guest->ram = ram_block_new("test.ram", GUEST_RAM_BYTES, &error);
    check(guest->ram != NULL, error);
    memory_region_init_ram(&ram_region, "test.ram", guest->ram, 0, GUEST_RAM_BYTES);
    address_space_map(address_space_memory(), 0, &ram_region, 0);
    guest->memory = guest->ram->host;
    guest->cpu = x86_cpu_new("max", &(CPUTopology){ 1, 1, 1, 1 }, 0, &error);
    check(guest->cpu != NULL, error);
    guest->state = &guest->cpu->state;
    bql_unlock();
    return guest;
}

Guest *guest_get(void)
{
    static Guest *guest;

    if (!guest) {
        guest = guest_new();
    }
    return guest;
}

void guest_write(Guest *guest, uint64_t address, const void *bytes, uint64_t count)
{
    g_assert(address + count <= GUEST_RAM_BYTES);
    memcpy(guest->memory + address, bytes, count);
    ram_block_written(guest->ram, address, count);
}

uint64_t guest_read_64(const Guest *guest, uint64_t address)
{
    uint64_t value;

    g_assert(address + sizeof(value) <= GUEST_RAM_BYTES);
    memcpy(&value, guest->memory + address, sizeof(value));
    return value;
}

void guest_write_64(Guest *guest, uint64_t address, uint64_t value)
{
    guest_write(guest, address, &value, sizeof(value));
}

void guest_map(Guest *guest, uint64_t table, uint64_t linear, uint64_t physical, unsigned pages,
               uint64_t bits)
{
    guest_write_64(guest, GUEST_PD + (linear >> 21) * 8, table | PTE_U | PTE_W | PTE_P);
    for (unsigned i = 0; i < pages; i++) {
        uint64_t entry = table + ((linear >> 12) + i) % 512 * 8;

        guest_write_64(guest, entry, (physical + (uint64_t)i * 4096) | bits | PTE_P);
    }
}

static void write_gate(Guest *guest, unsigned vector)
{
    uint64_t handler = GUEST_HANDLERS + vector * HANDLER_BYTES;
    uint64_t low = (handler & 0xffff) | GUEST_KERNEL_CS << 16 | UINT64_C(0xee) << 40 |
                   (handler >> 16 & 0xffff) << 48;

    guest_write_64(guest, GUEST_IDT + vector * 16, low);
    guest_write_64(guest, GUEST_IDT + vector * 16 + 8, handler >> 32);
}

static void write_tables(Guest *guest)
{
    static const uint64_t gdt[] = {
        0,
        0x00af9a000000ffff, /* 08: kernel code, 64 bit */
        0x00cf92000000ffff, /* 10: kernel data */
        0x00cff2000000ffff, /* 18: user data */
        0x00affa000000ffff, /* 20: user code, 64 bit */
        0x0000890030000067, /* 28: TSS at GUEST_TSS, 0x68 bytes */
        0,
    };
    static const uint8_t zeros[0x3000];
    static const uint16_t no_ports = 0x68; /* I/O permission bitmap behind the TSS's end */
    uint8_t handlers[VECTORS * HANDLER_BYTES];

    guest_write(guest, GUEST_GDT, gdt, sizeof(gdt));
    memset(handlers, HLT, sizeof(handlers));
    guest_write(guest, GUEST_HANDLERS, handlers, sizeof(handlers));
    for (unsigned vector = 0; vector < VECTORS; vector++) {
        write_gate(guest, vector);
    }
    guest_write(guest, GUEST_TSS, zeros, 0x68);
    guest_write_64(guest, GUEST_TSS + 4, GUEST_KERNEL_STACK);
    guest_write(guest, GUEST_TSS + 0x66, &no_ports, sizeof(no_ports));
    guest_write(guest, GUEST_PML4, zeros, sizeof(zeros));
    guest_write_64(guest, GUEST_PML4, GUEST_PDPT | PTE_U | PTE_W | PTE_P);
    guest_write_64(guest, GUEST_PDPT, GUEST_PD | PTE_U | PTE_W | PTE_P);
    guest_write_64(guest, GUEST_PD, PTE_PS | PTE_W | PTE_P);
}

static X86Segment flat_segment(uint16_t selector, uint16_t attributes)
{
    return (X86Segment){ .selector = selector, .attributes = attributes, .limit = UINT32_MAX };
}

void guest_reset(Guest *guest, unsigned cpl)
{
    X86State *state = guest->state;
    X86Segment data =
        cpl == 3 ? flat_segment(GUEST_USER_DS, 0xc0f3) : flat_segment(GUEST_KERNEL_DS, 0xc093);

    write_tables(guest);
    bql_lock();
    x86_cpu_reset(guest->cpu, false);
    bql_unlock();
    memset(state->registers, 0, sizeof(state->registers));
    state->rflags = 2;
    for (unsigned i = 0; i < X86_SEGMENT_COUNT; i++) {
        state->segments[i] = data;
    }
    state->segments[X86_CS] =
        cpl == 3 ? flat_segment(GUEST_USER_CS, 0xa0fb) : flat_segment(GUEST_KERNEL_CS, 0xa09b);
    state->gdt = (X86DescriptorTable){ .base = GUEST_GDT, .limit = 0x37 };
    state->idt = (X86DescriptorTable){ .base = GUEST_IDT, .limit = VECTORS * 16 - 1 };
    state->task =
        (X86Segment){ .selector = GUEST_TR, .attributes = 0x8b, .limit = 0x67, .base = GUEST_TSS };
    state->ldt = (X86Segment){ .attributes = 0x82 };
    state->cr0 = CR0_VALUE;
    state->cr3 = GUEST_PML4;
    state->cr4 = CR4_VALUE;
    state->msr.efer = EFER_VALUE;
}

void guest_code(Guest *guest, uint64_t physical, uint64_t linear, const uint8_t *code,
                unsigned count)
{
    guest_write(guest, physical, code, count);
    guest->state->rip = linear;
}

/* Run until the vCPU stops by itself; @between is called each time it had to leave before. */
static VCPUExit run_until_stop(Guest *guest, void (*between)(Guest *guest))
{
    VCPU *vcpu = &guest->cpu->vcpu;
    const AccelOps *ops = accel_ops();
    VCPUExit reason = VCPU_EXIT_INTERRUPTED;

    bql_lock();
    vcpu->halted = false;
    bql_unlock();
    if (ops->state_changed) {
        ops->state_changed(vcpu);
    }
    for (unsigned i = 0; i < RUNS_MAX && reason == VCPU_EXIT_INTERRUPTED; i++) {
        __atomic_store_n(&vcpu->exit_request, 0, __ATOMIC_SEQ_CST);
        reason = ops->vcpu_run(vcpu);
        if (ops->synchronize_state) {
            ops->synchronize_state(vcpu);
        }
        if (reason == VCPU_EXIT_INTERRUPTED && between) {
            between(guest);
        }
    }
    g_assert_cmpint(reason, !=, VCPU_EXIT_INTERRUPTED);
    return reason;
}

VCPUExit guest_run_any(Guest *guest)
{
    return run_until_stop(guest, NULL);
}

void guest_run(Guest *guest)
{
    VCPUExit reason = guest_run_any(guest);

    if (reason != VCPU_EXIT_HALTED) {
        g_error("the vCPU stopped for reason %d at 0x%" G_GINT64_MODIFIER "x", reason,
                guest->state->rip);
    }
}

void guest_migrate(Guest *guest)
{
    g_autoptr(MigrationWriter) writer = migration_writer_new_buffer(0);
    g_autoptr(MigrationReader) reader = NULL;
    GError *error = NULL;
    const void *data;
    size_t size;

    if (accel_ops()->state_changed) { /* saving asks the engine for what it has */
        accel_ops()->state_changed(&guest->cpu->vcpu);
    }
    bql_lock();
    vmstate_save(writer, &vmstate_x86_cpu, guest->cpu);
    g_assert(!migration_writer_failed(writer));
    memset(guest->state, 0, sizeof(*guest->state));
    data = migration_writer_data(writer, &size);
    reader = migration_reader_new_memory(data, size);
    check(vmstate_load(reader, &vmstate_x86_cpu, guest->cpu, 1, &error), error);
    check(migration_reader_check(reader, &error), error);
    bql_unlock();
}

static Guest *timer_guest;
static unsigned migrations;

static void on_timer(int number)
{
    Guest *guest = __atomic_load_n(&timer_guest, __ATOMIC_ACQUIRE); /* in any thread */

    __atomic_store_n(&guest->cpu->vcpu.exit_request, 1, __ATOMIC_SEQ_CST);
}

static void set_timer(unsigned period_us)
{
    struct itimerval timer = { .it_interval.tv_usec = period_us, .it_value.tv_usec = period_us };

    g_assert(setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

static void migrate_between(Guest *guest)
{
    migrations++;
    guest_migrate(guest);
}

unsigned guest_run_migrating(Guest *guest, unsigned period_us)
{
    struct sigaction action = { .sa_handler = on_timer, .sa_flags = SA_RESTART };

    __atomic_store_n(&timer_guest, guest, __ATOMIC_RELEASE);
    migrations = 0;
    g_assert(sigaction(SIGALRM, &action, NULL) == 0);
    set_timer(period_us);
    g_assert_cmpint(run_until_stop(guest, migrate_between), ==, VCPU_EXIT_HALTED);
    set_timer(0);
    return migrations;
}

static bool has_error_code(unsigned vector)
{
    return vector == 8 || (vector >= 10 && vector <= 14) || vector == 17;
}

GuestException guest_exception(const Guest *guest)
{
    const X86State *state = guest->state;
    uint64_t offset = state->rip - 1 - GUEST_HANDLERS;
    uint64_t frame = state->registers[X86_RSP];
    GuestException exception = { .vector = -1 };

    if (offset >= VECTORS * HANDLER_BYTES) {
        return exception;
    }
    exception.vector = offset / HANDLER_BYTES;
    if (has_error_code(exception.vector)) {
        exception.error_code = guest_read_64(guest, frame);
        frame += 8;
    }
    exception.rip = guest_read_64(guest, frame);
    exception.cs = guest_read_64(guest, frame + 8);
    exception.rflags = guest_read_64(guest, frame + 16);
    exception.rsp = guest_read_64(guest, frame + 24);
    exception.ss = guest_read_64(guest, frame + 32);
    return exception;
}
