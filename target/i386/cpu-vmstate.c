/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The processor's migration description: the whole X86State and what waits for delivery. */
#include "cpu-vmstate.h"

#include "accel/accel.h"
#include "util/report.h"

#include <inttypes.h>

#define U64(f, s) VMSTATE_UINT64(f, s)

static const VMStateDescription vmstate_segment = {
    .name = "cpu/segment",
    .version = 1,
    .minimum_version = 1,
    .fields = (const VMStateField[]){ VMSTATE_UINT16(selector, X86Segment),
                                      VMSTATE_UINT16(attributes, X86Segment),
                                      VMSTATE_UINT32(limit, X86Segment),
                                      VMSTATE_UINT64(base, X86Segment), VMSTATE_END },
};

static const VMStateDescription vmstate_descriptor_table = {
    .name = "cpu/descriptor-table",
    .version = 1,
    .minimum_version = 1,
    .fields = (const VMStateField[]){ VMSTATE_UINT16(limit, X86DescriptorTable),
                                      VMSTATE_UINT64(base, X86DescriptorTable), VMSTATE_END },
};

static const VMStateDescription vmstate_fpu = {
    .name = "cpu/fpu",
    .version = 1,
    .minimum_version = 1,
    .fields =
        (const VMStateField[]){ VMSTATE_BUFFER(registers, X86FPU), VMSTATE_UINT16(control, X86FPU),
                                VMSTATE_UINT16(status, X86FPU), VMSTATE_UINT8(tag_valid, X86FPU),
                                VMSTATE_UINT16(opcode, X86FPU),
                                VMSTATE_UINT64(instruction_pointer, X86FPU),
                                VMSTATE_UINT64(data_pointer, X86FPU), VMSTATE_END },
};

static const VMStateDescription vmstate_vector = {
    .name = "cpu/vector",
    .version = 1,
    .minimum_version = 1,
    .fields = (const VMStateField[]){ VMSTATE_UINT64_ARRAY(u64, X86Vector), VMSTATE_END },
};

static const VMStateDescription vmstate_msr = {
    .name = "cpu/msr",
    .version = 1,
    .minimum_version = 1,
    .fields =
        (const VMStateField[]){
            U64(efer, X86MSRs),
            U64(star, X86MSRs),
            U64(lstar, X86MSRs),
            U64(cstar, X86MSRs),
            U64(syscall_mask, X86MSRs),
            U64(kernel_gs_base, X86MSRs),
            U64(sysenter_cs, X86MSRs),
            U64(sysenter_esp, X86MSRs),
            U64(sysenter_eip, X86MSRs),
            U64(pat, X86MSRs),
            U64(misc_enable, X86MSRs),
            U64(tsc_aux, X86MSRs),
            U64(tsc_adjust, X86MSRs),
            U64(tsc_deadline, X86MSRs),
            U64(mtrr_default, X86MSRs),
            VMSTATE_UINT64_ARRAY(mtrr_fixed, X86MSRs),
            VMSTATE_UINT64_ARRAY(mtrr_base, X86MSRs),
            VMSTATE_UINT64_ARRAY(mtrr_mask, X86MSRs),
            U64(debug_control, X86MSRs),
            U64(spec_ctrl, X86MSRs),
            U64(microcode_version, X86MSRs),
            VMSTATE_END,
        },
};

static const VMStateDescription vmstate_state = {
    .name = "cpu/state",
    .version = 1,
    .minimum_version = 1,
    .fields =
        (const VMStateField[]){
            VMSTATE_UINT64_ARRAY(registers, X86State),
            U64(rip, X86State),
            U64(rflags, X86State),
            VMSTATE_STRUCT_ARRAY(segments, X86State, vmstate_segment, X86Segment),
            VMSTATE_STRUCT(ldt, X86State, vmstate_segment, X86Segment),
            VMSTATE_STRUCT(task, X86State, vmstate_segment, X86Segment),
            VMSTATE_STRUCT(gdt, X86State, vmstate_descriptor_table, X86DescriptorTable),
            VMSTATE_STRUCT(idt, X86State, vmstate_descriptor_table, X86DescriptorTable),
            U64(cr0, X86State),
            U64(cr2, X86State),
            U64(cr3, X86State),
            U64(cr4, X86State),
            VMSTATE_UINT64_ARRAY(dr, X86State),
            VMSTATE_STRUCT(fpu, X86State, vmstate_fpu, X86FPU),
            VMSTATE_STRUCT_ARRAY(vectors, X86State, vmstate_vector, X86Vector),
            VMSTATE_UINT32(mxcsr, X86State),
            U64(xcr0, X86State),
            VMSTATE_STRUCT(msr, X86State, vmstate_msr, X86MSRs),
            VMSTATE_INT64(tsc_offset, X86State),
            VMSTATE_BOOL(interrupt_shadow, X86State),
            VMSTATE_BOOL(nmi_blocked, X86State),
            VMSTATE_BOOL(smm, X86State),
            VMSTATE_BOOL(a20_enabled, X86State),
            VMSTATE_BOOL(waiting_for_sipi, X86State),
            VMSTATE_UINT8(sipi_vector, X86State),
            VMSTATE_END,
        },
};

static void pre_save(void *opaque)
{
    X86CPU *cpu = opaque;
    const AccelOps *ops = accel_ops();

    if (ops && ops->synchronize_state && cpu->engine) {
        ops->synchronize_state(&cpu->vcpu);
    }
}

/* Values that no processor can have would confuse the engine. */
static bool check_loaded(const X86State *s, GError **error)
{
    static const uint64_t paging = UINT64_C(0x80000000), protection = 1, long_active = 0x400;

    if ((s->cr0 & paging) && !(s->cr0 & protection)) {
        qc_error_set(error, "cpu: CR0 0x%" PRIx64 " has paging without protection", s->cr0);
        return false;
    }
    if ((s->msr.efer & long_active) && !(s->cr0 & paging)) {
        qc_error_set(error,
                     "cpu: EFER 0x%" PRIx64 " says long mode, but CR0 0x%" PRIx64 " has no paging",
                     s->msr.efer, s->cr0);
        return false;
    }
    if (s->mxcsr & ~UINT32_C(0xffff)) {
        qc_error_set(error, "cpu: MXCSR 0x%x has reserved bits set", s->mxcsr);
        return false;
    }
    return true;
}

static bool post_load(void *opaque, int version, GError **error)
{
    X86CPU *cpu = opaque;
    const AccelOps *ops = accel_ops();

    if (!check_loaded(&cpu->state, error)) {
        return false;
    }
    if (ops && ops->state_changed && cpu->engine) {
        ops->state_changed(&cpu->vcpu);
    }
    return true;
}

const VMStateDescription vmstate_x86_cpu = {
    .name = "cpu",
    .version = 1,
    .minimum_version = 1,
    .pre_save = pre_save,
    .post_load = post_load,
    .fields =
        (const VMStateField[]){
            VMSTATE_UINT32_EQUAL(apic_id, X86CPU),
            {
                .name = "features",
                .offset = VMSTATE_OFFSET_ARRAY(X86CPU, features, uint32_t),
                .size = 4,
                .count = X86_FEATURE_WORD_COUNT,
                .flags = VMSTATE_FIELD_ARRAY | VMSTATE_FIELD_MUST_EQUAL,
                .type = &vmstate_type_u32,
            },
            VMSTATE_STRUCT(state, X86CPU, vmstate_state, X86State),
            VMSTATE_UINT32(vcpu.interrupt_request, X86CPU),
            VMSTATE_BOOL(vcpu.halted, X86CPU),
            VMSTATE_END,
        },
};
