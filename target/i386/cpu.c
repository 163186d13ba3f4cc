/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The processor as a device: making, reset, INIT and SIPI, its time stamp counter. */
#include "target/i386/cpu.h"

#include <string.h>

#include "accel/accel.h"
#include "cpu-model.h"
#include "cpu-topology.h"
#include "cpu-vmstate.h"
#include "system/bql.h"
#include "target/i386/fpu-ops.h"
#include "util/report.h"
#include "util/timer.h"

#define TYPE_X86_CPU "x86_64-cpu"
#define X86_CPU(o)   (G_TYPE_CHECK_INSTANCE_CAST((o), x86_cpu_get_type(), X86CPU))

OBJECT_DEFINE_ABSTRACT_TYPE(X86CPU, DeviceClass, x86_cpu, TYPE_X86_CPU, TYPE_DEVICE);
OBJECT_DEFINE_TYPE(X86CPU, DeviceClass, x86_cpu_qemu64, "qemu64-" TYPE_X86_CPU, x86_cpu_get_type());
OBJECT_DEFINE_TYPE(X86CPU, DeviceClass, x86_cpu_max, "max-" TYPE_X86_CPU, x86_cpu_get_type());

/* ---- reset ---- */

#define CR0_AFTER_RESET   UINT64_C(0x60000010)
#define CR0_KEPT_BY_INIT  UINT64_C(0x60000000)
#define DR6_AFTER_RESET   UINT64_C(0xffff0ff0)
#define DR7_AFTER_RESET   UINT64_C(0x400)
#define PAT_AFTER_RESET   UINT64_C(0x0007040600070406)
#define SEGMENT_DATA      0x93 /* present, data, writable, accessed */
#define SEGMENT_CODE      0x9b
#define SYSTEM_LDT        0x82
#define SYSTEM_TSS        0x8b
#define MISC_FAST_STRINGS 1
#define RFLAGS_IF         UINT64_C(0x200)

static void reset_segments(X86State *s)
{
    for (unsigned i = 0; i < X86_SEGMENT_COUNT; i++) {
        s->segments[i] = (X86Segment){ .attributes = SEGMENT_DATA, .limit = 0xffff };
    }
    s->segments[X86_CS] = (X86Segment){
        .selector = 0xf000,
        .attributes = SEGMENT_CODE,
        .limit = 0xffff,
        .base = UINT32_C(0xffff0000),
    };
    s->ldt = (X86Segment){ .attributes = SYSTEM_LDT, .limit = 0xffff };
    s->task = (X86Segment){ .attributes = SYSTEM_TSS, .limit = 0xffff };
    s->gdt = s->idt = (X86DescriptorTable){ .limit = 0xffff };
}

/* What INIT leaves alone (SDM vol. 3, table 9-1). */
static void keep_over_init(X86State *fresh, const X86State *old)
{
    fresh->cr0 |= old->cr0 & CR0_KEPT_BY_INIT;
    fresh->fpu = old->fpu;
    memcpy(fresh->vectors, old->vectors, sizeof(fresh->vectors));
    fresh->mxcsr = old->mxcsr;
    fresh->xcr0 = old->xcr0;
    fresh->msr = old->msr;
    fresh->msr.efer = 0;
    fresh->tsc_offset = old->tsc_offset;
    fresh->a20_enabled = old->a20_enabled;
}

static void fresh_state(X86CPU *cpu, X86State *s)
{
    *s = (X86State){
        .rip = 0xfff0,
        .rflags = 2,
        .cr0 = CR0_AFTER_RESET,
        .mxcsr = X86_MXCSR_INIT,
        .xcr0 = 1,
        .a20_enabled = true,
    };
    s->registers[X86_RDX] = x86_cpuid(cpu, 1, 0).eax;
    s->dr[6] = DR6_AFTER_RESET;
    s->dr[7] = DR7_AFTER_RESET;
    s->msr.pat = PAT_AFTER_RESET;
    s->msr.misc_enable = MISC_FAST_STRINGS;
    reset_segments(s);
    x86_fpu_init(&s->fpu);
    /* Power-up leaves the control word at 0x40; firmware and kernels run FNINIT. */
    s->fpu.control = 0x40;
    s->tsc_offset = -clock_get_ns(CLOCK_TYPE_VIRTUAL);
}

static void tell_engine(X86CPU *cpu)
{
    const AccelOps *ops = accel_ops();

    if (ops && ops->state_changed && cpu->engine) {
        ops->state_changed(&cpu->vcpu);
    }
}

void x86_cpu_reset(X86CPU *cpu, bool init)
{
    bool bootstrap = cpu->apic_id == 0;
    X86State fresh;

    fresh_state(cpu, &fresh);
    if (init) {
        fresh.cr0 &= ~CR0_KEPT_BY_INIT;
        keep_over_init(&fresh, &cpu->state);
    }
    fresh.waiting_for_sipi = !bootstrap;
    cpu->state = fresh;
    cpu->vcpu.halted = !bootstrap;
    vcpu_interrupt_clear(&cpu->vcpu, UINT32_MAX);
    log_write(LOG_CPU_RESET, "CPU %u: %s\n", cpu->vcpu.index, init ? "INIT" : "reset");
    tell_engine(cpu);
}

bool x86_cpu_handle_init(X86CPU *cpu)
{
    VCPU *vcpu = &cpu->vcpu;
    uint32_t pending = vcpu_interrupts_pending(vcpu);

    g_assert(bql_locked());
    if (pending & VCPU_INTERRUPT_RESET) {
        vcpu_interrupt_clear(vcpu, VCPU_INTERRUPT_RESET);
        vcpu->halted = cpu->state.waiting_for_sipi;
        return true;
    }
    if (pending & VCPU_INTERRUPT_INIT) {
        uint32_t sipi = pending & VCPU_INTERRUPT_SIPI;
        uint8_t vector = cpu->state.sipi_vector;
        x86_cpu_reset(cpu, true);
        if (sipi) {
            cpu->state.sipi_vector = vector;
            vcpu_interrupt(vcpu, sipi);
        }
        return vcpu->halted;
    }
    vcpu_interrupt_clear(vcpu, VCPU_INTERRUPT_SIPI);
    if (cpu->state.waiting_for_sipi) {
        X86State *s = &cpu->state;
        s->waiting_for_sipi = false;
        s->segments[X86_CS].selector = (uint16_t)(s->sipi_vector << 8);
        s->segments[X86_CS].base = (uint64_t)s->sipi_vector << 12;
        s->rip = 0;
        vcpu->halted = false;
        tell_engine(cpu);
    }
    return false;
}

bool x86_cpu_has_work(const VCPU *vcpu)
{
    const X86CPU *cpu = X86_CPU_FROM_VCPU(vcpu);
    uint32_t pending = vcpu_interrupts_pending(vcpu);

    if (pending & (VCPU_INTERRUPT_INIT | VCPU_INTERRUPT_SIPI | VCPU_INTERRUPT_RESET)) {
        return true;
    }
    if (cpu->state.waiting_for_sipi) {
        return false;
    }
    if ((pending & VCPU_INTERRUPT_NMI) && !cpu->state.nmi_blocked) {
        return true;
    }
    /* The engine leaves its state behind when it returns. */
    return (pending & VCPU_INTERRUPT_HARD) && (cpu->state.rflags & RFLAGS_IF);
}

/* ---- time stamp counter: 1 GHz, so that a tick is a nanosecond of the virtual clock ---- */

uint64_t x86_tsc_frequency_hz(void)
{
    return NANOSECONDS_PER_SECOND;
}

uint64_t x86_tsc_read(const X86CPU *cpu)
{
    return (uint64_t)(clock_get_ns(CLOCK_TYPE_VIRTUAL) + cpu->state.tsc_offset);
}

void x86_tsc_write(X86CPU *cpu, uint64_t value)
{
    cpu->state.tsc_offset = (int64_t)(value - (uint64_t)clock_get_ns(CLOCK_TYPE_VIRTUAL));
}

int64_t x86_tsc_to_virtual_ns(const X86CPU *cpu, uint64_t tsc)
{
    return (int64_t)(tsc - (uint64_t)cpu->state.tsc_offset);
}

/* ---- the device ---- */

static bool change_features(X86CPU *cpu, char **items, GError **error)
{
    for (; *items; items++) {
        if (!x86_cpu_feature_change(cpu, *items, error)) {
            return false;
        }
    }
    return true;
}

X86CPU *x86_cpu_new(const char *model, const CPUTopology *topology, unsigned index, GError **error)
{
    g_auto(GStrv) items = g_strsplit(model, ",", -1);
    const X86CPUModel *found = items[0] ? x86_cpu_model_find(items[0]) : NULL;

    if (!found) {
        g_autofree char *names = x86_cpu_model_names();
        qc_error_set(error, "unable to find CPU model '%s' (there are: %s)",
                     items[0] ? items[0] : "", names);
        return NULL;
    }
    Device *device = device_new(found->type_name);
    X86CPU *cpu = X86_CPU(device);
    cpu->topology = *topology;
    cpu->place = cpu_topology_place(topology, index);
    cpu->apic_id = x86_topology_apic_id(topology, &cpu->place);
    x86_cpu_model_apply(cpu, found);
    if (!change_features(cpu, items + 1, error) ||
        !object_tree_add("/machine/unattached", "cpu[*]", G_OBJECT(cpu), error)) {
        g_object_unref(device);
        return NULL;
    }
    if (!device_realize(device, NULL, error)) {
        return NULL;
    }
    return cpu;
}

static bool x86_cpu_realize(Device *device, GError **error)
{
    X86CPU *cpu = X86_CPU(device);

    x86_cpu_reset(cpu, false);
    return vcpu_add(&cpu->vcpu, error);
}

static void x86_cpu_device_reset(Device *device)
{
    x86_cpu_reset(X86_CPU(device), false);
}

static void x86_cpu_init(X86CPU *self)
{
}

static void x86_cpu_class_init(DeviceClass *klass)
{
    klass->description = "x86-64 processor";
    klass->category = "CPU";
    klass->vmsd = &vmstate_x86_cpu;
    klass->realize = x86_cpu_realize;
    klass->reset = x86_cpu_device_reset;
}

static void x86_cpu_qemu64_init(X86CPU *self)
{
}

static void x86_cpu_qemu64_class_init(DeviceClass *klass)
{
    klass->description = x86_cpu_model_find("qemu64")->description;
}

static void x86_cpu_max_init(X86CPU *self)
{
}

static void x86_cpu_max_class_init(DeviceClass *klass)
{
    klass->description = x86_cpu_model_find("max")->description;
}
