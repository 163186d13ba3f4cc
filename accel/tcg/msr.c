/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Model specific registers (Intel SDM vol. 4, AMD APM vol. 2 appendix A). */
#include "accel/tcg/control.h"
#include "accel/tcg/exception.h"
#include "accel/tcg/memory.h"
#include "accel/tcg/mmu.h"
#include "accel/tcg/segment.h"
#include "system/bql.h"
#include "util/report.h"

enum {
    MSR_TSC = 0x10,
    MSR_PLATFORM_ID = 0x17,
    MSR_APIC_BASE = 0x1b,
    MSR_FEATURE_CONTROL = 0x3a,
    MSR_TSC_ADJUST = 0x3b,
    MSR_MICROCODE_VERSION = 0x8b,
    MSR_MTRR_CAPABILITIES = 0xfe,
    MSR_SYSENTER_CS = 0x174,
    MSR_SYSENTER_ESP = 0x175,
    MSR_SYSENTER_EIP = 0x176,
    MSR_MCG_CAPABILITIES = 0x179,
    MSR_MCG_STATUS = 0x17a,
    MSR_PERF_STATUS = 0x198,
    MSR_MISC_ENABLE = 0x1a0,
    MSR_DEBUG_CONTROL = 0x1d9,
    MSR_MTRR_BASE_0 = 0x200,
    MSR_MTRR_FIXED_64K = 0x250,
    MSR_MTRR_FIXED_16K = 0x258,
    MSR_MTRR_FIXED_4K = 0x268,
    MSR_PAT = 0x277,
    MSR_MTRR_DEFAULT = 0x2ff,
    MSR_TSC_DEADLINE = 0x6e0,
    MSR_X2APIC_FIRST = 0x800,
    MSR_X2APIC_LAST = 0x8ff,
    MSR_K7_HWCR = 0xc0010015,
    MSR_K8_SYSCFG = 0xc0010010,
    MSR_K8_INT_PENDING = 0xc0010055,
    MSR_K8_PATCH_LEVEL = 0xc0010062,
    MSR_VM_CR = 0xc0010114,
    MSR_DE_CFG = 0xc0011029,
    MSR_EFER = 0xc0000080,
    MSR_STAR = 0xc0000081,
    MSR_LSTAR = 0xc0000082,
    MSR_CSTAR = 0xc0000083,
    MSR_SYSCALL_MASK = 0xc0000084,
    MSR_FS_BASE = 0xc0000100,
    MSR_GS_BASE = 0xc0000101,
    MSR_KERNEL_GS_BASE = 0xc0000102,
    MSR_TSC_AUX = 0xc0000103,
};

/* Eight variable ranges, fixed ranges, write combining. */
#define MTRR_CAPABILITIES (X86_MTRR_VARIABLE_COUNT | 0x100 | 0x400)

/* Where a plain 64-bit register lives, or NULL. */
static uint64_t *plain_register(X86MSRs *m, uint32_t number)
{
    switch (number) {
    case MSR_SYSENTER_CS:
        return &m->sysenter_cs;
    case MSR_SYSENTER_ESP:
        return &m->sysenter_esp;
    case MSR_SYSENTER_EIP:
        return &m->sysenter_eip;
    case MSR_MISC_ENABLE:
        return &m->misc_enable;
    case MSR_DEBUG_CONTROL:
        return &m->debug_control;
    case MSR_PAT:
        return &m->pat;
    case MSR_MTRR_DEFAULT:
        return &m->mtrr_default;
    case MSR_STAR:
        return &m->star;
    case MSR_LSTAR:
        return &m->lstar;
    case MSR_CSTAR:
        return &m->cstar;
    case MSR_SYSCALL_MASK:
        return &m->syscall_mask;
    case MSR_KERNEL_GS_BASE:
        return &m->kernel_gs_base;
    case MSR_TSC_AUX:
        return &m->tsc_aux;
    case MSR_MTRR_FIXED_64K:
        return &m->mtrr_fixed[0];
    case MSR_MTRR_FIXED_16K:
    case MSR_MTRR_FIXED_16K + 1:
        return &m->mtrr_fixed[1 + number - MSR_MTRR_FIXED_16K];
    default:
        break;
    }
    if (number >= MSR_MTRR_FIXED_4K && number < MSR_MTRR_FIXED_4K + 8) {
        return &m->mtrr_fixed[3 + number - MSR_MTRR_FIXED_4K];
    }
    if (number >= MSR_MTRR_BASE_0 && number < MSR_MTRR_BASE_0 + 2 * X86_MTRR_VARIABLE_COUNT) {
        unsigned range = (number - MSR_MTRR_BASE_0) / 2;
        return number & 1 ? &m->mtrr_mask[range] : &m->mtrr_base[range];
    }
    return NULL;
}

/* Registers whose value must be a canonical address. */
static bool holds_address(uint32_t number)
{
    switch (number) {
    case MSR_SYSENTER_ESP:
    case MSR_SYSENTER_EIP:
    case MSR_LSTAR:
    case MSR_CSTAR:
    case MSR_KERNEL_GS_BASE:
    case MSR_FS_BASE:
    case MSR_GS_BASE:
        return true;
    default:
        return false;
    }
}

/* Model specific extras that read as 0 and swallow writes. */
static bool reads_as_zero(uint32_t number)
{
    switch (number) {
    case MSR_PLATFORM_ID:
    case MSR_FEATURE_CONTROL:
    case MSR_MCG_CAPABILITIES:
    case MSR_MCG_STATUS:
    case MSR_PERF_STATUS:
    case MSR_K7_HWCR:
    case MSR_K8_SYSCFG:
    case MSR_K8_INT_PENDING:
    case MSR_K8_PATCH_LEVEL:
    case MSR_VM_CR:
    case MSR_DE_CFG:
        return true;
    default:
        return false;
    }
}

static bool belongs_to_apic(uint32_t number)
{
    return number == MSR_TSC_DEADLINE || (number >= MSR_X2APIC_FIRST && number <= MSR_X2APIC_LAST);
}

static bool apic_access(Engine *e, uint32_t number, uint64_t *value, bool write)
{
    const X86InterruptOps *ops = e->cpu->interrupt_ops;
    void *opaque = e->cpu->interrupt_opaque;
    bool good;

    if (!ops) {
        return false;
    }
    bql_lock();
    if (number == MSR_APIC_BASE) {
        good = true;
        if (write) {
            good = ops->set_base(opaque, *value);
        } else {
            *value = ops->get_base(opaque);
        }
    } else {
        good =
            write ? ops->write_msr(opaque, number, *value) : ops->read_msr(opaque, number, value);
    }
    bql_unlock();
    return good;
}

static bool msr_lookup(Engine *e, uint32_t number, uint64_t *value)
{
    X86State *s = e->state;
    const uint64_t *plain = plain_register(&s->msr, number);

    if (plain) {
        *value = *plain;
        return true;
    }
    switch (number) {
    case MSR_TSC:
        *value = x86_tsc_read(e->cpu);
        return true;
    case MSR_TSC_ADJUST:
        *value = s->msr.tsc_adjust;
        return true;
    case MSR_EFER:
        *value = s->msr.efer;
        return true;
    case MSR_FS_BASE:
        *value = s->segments[X86_FS].base;
        return true;
    case MSR_GS_BASE:
        *value = s->segments[X86_GS].base;
        return true;
    case MSR_MTRR_CAPABILITIES:
        *value = MTRR_CAPABILITIES;
        return true;
    case MSR_MICROCODE_VERSION:
        *value = s->msr.microcode_version;
        return true;
    default:
        *value = 0;
        return reads_as_zero(number);
    }
}

bool msr_read(Engine *e, uint32_t number, uint64_t *value)
{
    bool good = number == MSR_APIC_BASE || belongs_to_apic(number)
                    ? apic_access(e, number, value, false)
                    : msr_lookup(e, number, value);

    if (!good) {
        log_write(LOG_UNIMPLEMENTED, "RDMSR 0x%x: no such register\n", number);
    }
    return good;
}

static bool write_efer(Engine *e, uint64_t value)
{
    X86State *s = e->state;
    uint64_t old = s->msr.efer;

    if ((value & ~(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE)) ||
        ((s->cr0 & CR0_PG) && ((old ^ value) & EFER_LME))) {
        return false;
    }
    s->msr.efer = (value & ~EFER_LMA) | (old & EFER_LMA);
    if ((old ^ value) & EFER_NXE) {
        tlb_flush_all(e);
    }
    engine_update_mode(e);
    return true;
}

static bool is_memory_type(uint8_t type)
{
    return type <= 7 && type != 2 && type != 3;
}

static bool write_pat(Engine *e, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++) {
        if (!is_memory_type(value >> (8 * i))) {
            return false;
        }
    }
    e->state->msr.pat = value;
    return true;
}

static void set_segment_base(Engine *e, X86SegmentIndex index, uint64_t value)
{
    e->state->segments[index].base = value;
    e->r[SLOT_SEGMENT_BASE + index] = value;
}

static bool msr_store(Engine *e, uint32_t number, uint64_t value)
{
    X86State *s = e->state;
    uint64_t *plain;

    if (holds_address(number) && !mmu_canonical(value)) {
        return false;
    }
    switch (number) {
    case MSR_TSC:
        s->msr.tsc_adjust += value - x86_tsc_read(e->cpu);
        x86_tsc_write(e->cpu, value);
        return true;
    case MSR_TSC_ADJUST:
        x86_tsc_write(e->cpu, x86_tsc_read(e->cpu) + (value - s->msr.tsc_adjust));
        s->msr.tsc_adjust = value;
        return true;
    case MSR_EFER:
        return write_efer(e, value);
    case MSR_PAT:
        return write_pat(e, value);
    case MSR_FS_BASE:
        set_segment_base(e, X86_FS, value);
        return true;
    case MSR_GS_BASE:
        set_segment_base(e, X86_GS, value);
        return true;
    case MSR_MICROCODE_VERSION:
        return true;
    default:
        break;
    }
    plain = plain_register(&s->msr, number);
    if (plain) {
        *plain = value;
        return true;
    }
    return reads_as_zero(number);
}

bool msr_write(Engine *e, uint32_t number, uint64_t value)
{
    bool good = number == MSR_APIC_BASE || belongs_to_apic(number)
                    ? apic_access(e, number, &value, true)
                    : msr_store(e, number, value);

    if (!good) {
        log_write(LOG_UNIMPLEMENTED, "WRMSR 0x%x: 0x%" PRIx64 " refused\n", number, value);
    }
    return good;
}
