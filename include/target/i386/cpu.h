/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The architectural state of an x86-64 processor (Intel SDM vol. 1 and 3, AMD APM vol. 2), as
 * it is migrated, reset, shown by the monitor and exchanged with accelerators.
 */
#pragma once

#include "hw/core/device.h"
#include "system/cpus.h"
#include "system/topology.h"

enum X86Register {
    X86_RAX,
    X86_RCX,
    X86_RDX,
    X86_RBX,
    X86_RSP,
    X86_RBP,
    X86_RSI,
    X86_RDI,
    X86_R8,
    X86_R15 = 15,
    X86_REGISTER_COUNT,
};

/* In the order of the ModRM reg field of MOV Sreg. */
typedef enum X86SegmentIndex {
    X86_ES,
    X86_CS,
    X86_SS,
    X86_DS,
    X86_FS,
    X86_GS,
    X86_SEGMENT_COUNT,
} X86SegmentIndex;

/* Selector and hidden part. `attributes` are descriptor bits 40-47 and 52-55 shifted down by 40
 * (type 3:0, S 4, DPL 6:5, P 7, AVL 12, L 13, D/B 14, G 15). */
typedef struct X86Segment {
    uint16_t selector;
    uint16_t attributes;
    uint32_t limit; /* bytes, granularity already applied */
    uint64_t base;
} X86Segment;

typedef struct X86DescriptorTable {
    uint16_t limit;
    uint64_t base;
} X86DescriptorTable;

/* x87 state. Registers are physical (R0..R7, not stack order), 80 bits little endian. */
typedef struct X86FPU {
    uint8_t registers[8][16]; /* bytes 10..15 are zero */
    uint16_t control;
    uint16_t status;   /* TOP in bits 11-13 */
    uint8_t tag_valid; /* one bit a physical register, set: not empty (FXSAVE form) */
    uint16_t opcode;
    uint64_t instruction_pointer;
    uint64_t data_pointer;
} X86FPU;

typedef union X86Vector {
    uint8_t u8[16];
    uint16_t u16[8];
    uint32_t u32[4];
    uint64_t u64[2];
    int8_t s8[16];
    int16_t s16[8];
    int32_t s32[4];
    int64_t s64[2];
    float f32[4];
    double f64[2];
} __attribute__((aligned(16))) X86Vector;

#define X86_MTRR_VARIABLE_COUNT 8
#define X86_MTRR_FIXED_COUNT    11

typedef struct X86MSRs {
    uint64_t efer, star, lstar, cstar, syscall_mask, kernel_gs_base;
    uint64_t sysenter_cs, sysenter_esp, sysenter_eip;
    uint64_t pat, misc_enable, tsc_aux, tsc_adjust, tsc_deadline;
    uint64_t mtrr_default, mtrr_fixed[X86_MTRR_FIXED_COUNT];
    uint64_t mtrr_base[X86_MTRR_VARIABLE_COUNT], mtrr_mask[X86_MTRR_VARIABLE_COUNT];
    uint64_t debug_control, spec_ctrl, microcode_version;
} X86MSRs;

/* The state that a fresh look at the processor would see. All exact while it is not running
 * (after AccelOps.synchronize_state). */
typedef struct X86State {
    uint64_t registers[X86_REGISTER_COUNT];
    uint64_t rip;
    uint64_t rflags; /* all architectural bits, bit 1 set */
    X86Segment segments[X86_SEGMENT_COUNT];
    X86Segment ldt, task;
    X86DescriptorTable gdt, idt;
    uint64_t cr0, cr2, cr3, cr4; /* CR8 lives in the local APIC's task priority */
    uint64_t dr[8];              /* 4 and 5 unused */
    X86FPU fpu;
    X86Vector vectors[16];
    uint32_t mxcsr;
    uint64_t xcr0;
    X86MSRs msr;
    int64_t tsc_offset; /* guest TSC = scaled virtual clock + offset */
    /* Interrupt delivery state between instructions. */
    bool interrupt_shadow; /* after STI or a load of SS: no interrupt before the next instruction */
    bool nmi_blocked;      /* an NMI handler has not returned by IRET yet */
    bool smm;
    bool a20_enabled;
    bool waiting_for_sipi;
    uint8_t sipi_vector;
} X86State;

typedef struct X86CPU X86CPU;

/*
 * What the local APIC (or the PIC pair on a machine without one) offers its processor. The
 * functions are called with the BQL held.
 */
typedef struct X86InterruptOps {
    /* The vector to deliver now, or -1 when the request went away. Acknowledges it. */
    int (*acknowledge)(void *opaque);
    uint8_t (*get_tpr)(void *opaque); /* CR8 view: bits 7:4 of TPR in bits 3:0 */
    void (*set_tpr)(void *opaque, uint8_t cr8);
    uint64_t (*get_base)(void *opaque); /* IA32_APIC_BASE */
    /* False: #GP. */
    bool (*set_base)(void *opaque, uint64_t value);
    /* x2APIC MSRs 0x800-0x8ff and IA32_TSC_DEADLINE; false: #GP. */
    bool (*read_msr)(void *opaque, uint32_t msr, uint64_t *value);
    bool (*write_msr)(void *opaque, uint32_t msr, uint64_t value);
} X86InterruptOps;

/* One CPUID leaf as the guest sees it. */
typedef struct X86CPUIDResult {
    uint32_t eax, ebx, ecx, edx;
} X86CPUIDResult;

/* Words of feature bits as CPUID gives them. */
typedef enum X86FeatureWord {
    X86_FEATURES_1_EDX,
    X86_FEATURES_1_ECX,
    X86_FEATURES_7_EBX,
    X86_FEATURES_7_ECX,
    X86_FEATURES_80000001_EDX,
    X86_FEATURES_80000001_ECX,
    X86_FEATURES_80000007_EDX,
    X86_FEATURE_WORD_COUNT,
} X86FeatureWord;

/* A processor: a device of the object model ("qemu64-x86_64-cpu" and its sisters). */
struct X86CPU {
    Device parent;
    VCPU vcpu;
    X86State state;
    CPUTopology topology;                      /* of the machine */
    CPUPlace place;                            /* in it */
    uint32_t apic_id;                          /* from the place */
    uint32_t features[X86_FEATURE_WORD_COUNT]; /* of the model, with -cpu's changes */
    const X86InterruptOps *interrupt_ops;      /* set by the local APIC */
    void *interrupt_opaque;
    void *engine; /* the accelerator's own part */
};

#define X86_CPU_FROM_VCPU(v) ((X86CPU *)((char *)(v)-offsetof(X86CPU, vcpu)))

/*
 * Make processor @index of @topology as -cpu @model asks for it ("qemu64", "max,-avx"; features
 * behind commas), realize it, which also makes its vCPU (stopped), and give it its reset state.
 * Processor 0 is the bootstrap processor. The object tree owns it. Errors name the model or the
 * feature and list what exists. BQL.
 */
X86CPU *x86_cpu_new(const char *model, const CPUTopology *topology, unsigned index, GError **error);

/* INIT or power-up state (SDM vol. 3, table 9-1). The bootstrap processor starts at the reset
 * vector, others wait for SIPI. BQL, vCPU stopped. */
void x86_cpu_reset(X86CPU *cpu, bool init);

/*
 * Act on pending INIT, SIPI and RESET requests. BQL, on the vCPU's thread. Returns whether the
 * vCPU must leave the engine (it waits for SIPI now, or a reset is on its way).
 */
bool x86_cpu_handle_init(X86CPU *cpu);

/* Does a halted vCPU have a reason to run? Called by the vCPU thread with the BQL. */
bool x86_cpu_has_work(const VCPU *vcpu);

/* CPUID as this CPU model answers it. @cpu's state gives the dynamic bits (OSXSAVE, APIC). */
X86CPUIDResult x86_cpuid(const X86CPU *cpu, uint32_t leaf, uint32_t subleaf);

/* Whether the CPU model has the feature named @name (as in -cpu). Unknown names: false. */
bool x86_cpu_has_feature(const X86CPU *cpu, const char *name);

/* Print the models and features that -cpu knows. */
void x86_cpu_print_models(void);

/* Guest TSC now, in ticks; frequency in x86_tsc_frequency_hz(). */
uint64_t x86_tsc_read(const X86CPU *cpu);
void x86_tsc_write(X86CPU *cpu, uint64_t value);
uint64_t x86_tsc_frequency_hz(void);
/* The virtual-clock time, ns, at which the guest's TSC will be @tsc (for TSC deadline timers). */
int64_t x86_tsc_to_virtual_ns(const X86CPU *cpu, uint64_t tsc);
