/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * CPU models, features and CPUID (AMD APM vol. 3 appendix E, Intel SDM vol. 2 CPUID). A feature is
 * in the table only if the engine implements it.
 */
#include "cpu-model.h"
#include "cpu-topology.h"

#include <stdio.h>
#include <string.h>

#include "target/i386/vector-ops.h"
#include "util/report.h"

typedef struct Feature {
    const char *name;
    X86FeatureWord word;
    unsigned bit;
} Feature;

static const Feature features[] = {
    { "fpu", X86_FEATURES_1_EDX, 0 },
    { "de", X86_FEATURES_1_EDX, 2 },
    { "pse", X86_FEATURES_1_EDX, 3 },
    { "tsc", X86_FEATURES_1_EDX, 4 },
    { "msr", X86_FEATURES_1_EDX, 5 },
    { "pae", X86_FEATURES_1_EDX, 6 },
    { "mce", X86_FEATURES_1_EDX, 7 },
    { "cx8", X86_FEATURES_1_EDX, 8 },
    { "apic", X86_FEATURES_1_EDX, 9 },
    { "sep", X86_FEATURES_1_EDX, 11 },
    { "mtrr", X86_FEATURES_1_EDX, 12 },
    { "pge", X86_FEATURES_1_EDX, 13 },
    { "mca", X86_FEATURES_1_EDX, 14 },
    { "cmov", X86_FEATURES_1_EDX, 15 },
    { "pat", X86_FEATURES_1_EDX, 16 },
    { "pse36", X86_FEATURES_1_EDX, 17 },
    { "clflush", X86_FEATURES_1_EDX, 19 },
    { "mmx", X86_FEATURES_1_EDX, 23 },
    { "fxsr", X86_FEATURES_1_EDX, 24 },
    { "sse", X86_FEATURES_1_EDX, 25 },
    { "sse2", X86_FEATURES_1_EDX, 26 },
    { "pni", X86_FEATURES_1_ECX, 0 },
    { "pclmulqdq", X86_FEATURES_1_ECX, 1 },
    { "ssse3", X86_FEATURES_1_ECX, 9 },
    { "cx16", X86_FEATURES_1_ECX, 13 },
    { "sse4.1", X86_FEATURES_1_ECX, 19 },
    { "sse4.2", X86_FEATURES_1_ECX, 20 },
    { "x2apic", X86_FEATURES_1_ECX, 21 },
    { "movbe", X86_FEATURES_1_ECX, 22 },
    { "popcnt", X86_FEATURES_1_ECX, 23 },
    { "tsc-deadline", X86_FEATURES_1_ECX, 24 },
    { "aes", X86_FEATURES_1_ECX, 25 },
    { "hypervisor", X86_FEATURES_1_ECX, 31 },
    { "fsgsbase", X86_FEATURES_7_EBX, 0 },
    { "tsc_adjust", X86_FEATURES_7_EBX, 1 },
    { "smep", X86_FEATURES_7_EBX, 7 },
    { "erms", X86_FEATURES_7_EBX, 9 },
    { "smap", X86_FEATURES_7_EBX, 20 },
    { "umip", X86_FEATURES_7_ECX, 2 },
    { "rdpid", X86_FEATURES_7_ECX, 22 },
    { "syscall", X86_FEATURES_80000001_EDX, 11 },
    { "nx", X86_FEATURES_80000001_EDX, 20 },
    { "pdpe1gb", X86_FEATURES_80000001_EDX, 26 },
    { "rdtscp", X86_FEATURES_80000001_EDX, 27 },
    { "lm", X86_FEATURES_80000001_EDX, 29 },
    { "lahf_lm", X86_FEATURES_80000001_ECX, 0 },
    { "cr8legacy", X86_FEATURES_80000001_ECX, 4 },
    { "3dnowprefetch", X86_FEATURES_80000001_ECX, 8 },
    { "invtsc", X86_FEATURES_80000007_EDX, 8 },
};

/* Other names that people use. */
static const struct {
    const char *alias, *name;
} feature_aliases[] = {
    { "sse3", "pni" },
    { "sse4_1", "sse4.1" },
    { "sse4-1", "sse4.1" },
    { "sse4_2", "sse4.2" },
    { "sse4-2", "sse4.2" },
    { "clfsh", "clflush" },
    { "lahf-lm", "lahf_lm" },
    { "tsc-adjust", "tsc_adjust" },
    { "tsc_deadline", "tsc-deadline" },
    { "xd", "nx" },
    { "i64", "lm" },
    { "ffxsr", "fxsr" },
};

/* Bits of leaf 1 EDX that AMD repeats in 0x80000001 EDX. */
#define AMD_REPEATED_BITS UINT32_C(0x0183f3ff)

static const X86CPUModel models[] = {
    { "qemu64", "qemu64-x86_64-cpu", "baseline x86-64, close to QEMU's qemu64", 15, 107, 1,
      "QEMU Virtual CPU version 2.5+", "fsgsbase smep smap umip rdpid movbe" },
    { "max", "max-x86_64-cpu", "everything that the engine implements", 15, 107, 1,
      "QEMU TCG CPU version 2.5+", "" },
};

static const struct {
    const char *name;
    X86VectorFeature feature;
} host_dependent[] = {
    { "pni", X86_VECTOR_SSE3 },      { "ssse3", X86_VECTOR_SSSE3 },
    { "sse4.1", X86_VECTOR_SSE4_1 }, { "sse4.2", X86_VECTOR_SSE4_2 },
    { "aes", X86_VECTOR_AES },       { "pclmulqdq", X86_VECTOR_PCLMULQDQ },
};

/* ---- features ---- */

static const Feature *find_feature(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(feature_aliases); i++) {
        if (!strcmp(feature_aliases[i].alias, name)) {
            name = feature_aliases[i].name;
        }
    }
    for (size_t i = 0; i < G_N_ELEMENTS(features); i++) {
        if (!strcmp(features[i].name, name)) {
            return &features[i];
        }
    }
    return NULL;
}

bool x86_cpu_has_feature(const X86CPU *cpu, const char *name)
{
    const Feature *feature = find_feature(name);

    return feature && (cpu->features[feature->word] >> feature->bit) & 1;
}

static void set_feature(X86CPU *cpu, const Feature *feature, bool on)
{
    uint32_t mask = UINT32_C(1) << feature->bit;

    cpu->features[feature->word] &= ~mask;
    cpu->features[feature->word] |= on ? mask : 0;
}

/* Vector instructions are run by the host's own: it must have them. */
static bool host_has(const Feature *feature)
{
    for (size_t i = 0; i < G_N_ELEMENTS(host_dependent); i++) {
        if (!strcmp(host_dependent[i].name, feature->name)) {
            return x86_vector_feature_supported(host_dependent[i].feature);
        }
    }
    return true;
}

void x86_cpu_model_apply(X86CPU *cpu, const X86CPUModel *model)
{
    g_auto(GStrv) without = g_strsplit(model->without, " ", -1);

    for (size_t i = 0; i < G_N_ELEMENTS(features); i++) {
        bool lacks = g_strv_contains((const char *const *)without, features[i].name);
        set_feature(cpu, &features[i], !lacks && host_has(&features[i]));
    }
}

bool x86_cpu_feature_change(X86CPU *cpu, const char *item, GError **error)
{
    g_autofree char *name = g_strdup(item + (*item == '+' || *item == '-'));
    bool on = *item != '-';
    char *equals = strchr(name, '=');

    if (equals) {
        *equals = '\0';
        on = !strcmp(equals + 1, "on");
        if (!on && strcmp(equals + 1, "off") != 0) {
            qc_error_set(error, "CPU feature %s: value '%s' is neither 'on' nor 'off'", name,
                         equals + 1);
            return false;
        }
    }
    const Feature *feature = find_feature(name);
    if (!feature) {
        qc_error_set(error, "CPU feature '%s' is not supported (-cpu help lists those that are)",
                     name);
        return false;
    }
    if (on && !host_has(feature)) {
        qc_error_set(error, "CPU feature '%s' needs a host processor that has it", name);
        return false;
    }
    set_feature(cpu, feature, on);
    return true;
}

/* ---- models ---- */

const X86CPUModel *x86_cpu_model_find(const char *name)
{
    for (size_t i = 0; i < G_N_ELEMENTS(models); i++) {
        if (!strcmp(models[i].name, name) || !strcmp(models[i].type_name, name)) {
            return &models[i];
        }
    }
    return NULL;
}

const X86CPUModel *x86_cpu_model_of(const X86CPU *cpu)
{
    return x86_cpu_model_find(object_type_name(G_OBJECT_TYPE(cpu)));
}

char *x86_cpu_model_names(void)
{
    g_autoptr(GString) names = g_string_new(NULL);

    for (size_t i = 0; i < G_N_ELEMENTS(models); i++) {
        g_string_append_printf(names, "%s%s", i ? ", " : "", models[i].name);
    }
    return g_string_free(g_steal_pointer(&names), FALSE);
}

void x86_cpu_print_models(void)
{
    printf("Available CPUs:\n");
    for (size_t i = 0; i < G_N_ELEMENTS(models); i++) {
        printf("x86 %-20s  %s\n", models[i].name, models[i].description);
    }
    printf("\nRecognized CPUID flags:\n ");
    for (size_t i = 0, column = 1; i < G_N_ELEMENTS(features); i++) {
        column += strlen(features[i].name) + 1;
        if (column > 78) {
            printf("\n ");
            column = strlen(features[i].name) + 2;
        }
        printf(" %s", features[i].name);
    }
    printf("\n");
}

/* ---- CPUID ---- */

#define VENDOR_EBX     UINT32_C(0x68747541) /* AuthenticAMD */
#define VENDOR_EDX     UINT32_C(0x69746e65)
#define VENDOR_ECX     UINT32_C(0x444d4163)
#define HYPERVISOR_EBX UINT32_C(0x54474354) /* TCGTCGTCGTCG */
#define HYPERVISOR_ECX UINT32_C(0x43544743)
#define HYPERVISOR_EDX UINT32_C(0x47435447)

#define BASIC_MAX      0xb
#define HYPERVISOR_MAX UINT32_C(0x40000010)
#define EXTENDED_MAX   UINT32_C(0x80000008)

#define CR4_OSXSAVE (UINT64_C(1) << 18)
#define APIC_ENABLE (UINT64_C(1) << 11)

/* Bits that follow from the number of processors. */
#define FEATURE_HTT        (UINT32_C(1) << 28) /* leaf 1 EDX */
#define FEATURE_CMP_LEGACY (UINT32_C(1) << 1)  /* leaf 0x80000001 ECX */

static uint32_t signature(const X86CPU *cpu)
{
    const X86CPUModel *model = x86_cpu_model_of(cpu);

    return model->stepping | (model->model & 0xf) << 4 | MIN(model->family, 15u) << 8 |
           (model->model >> 4) << 16 | (model->family > 15 ? model->family - 15 : 0) << 20;
}

/* The APIC feature bit is there while the APIC is switched on. */
static uint32_t features_edx(const X86CPU *cpu, X86FeatureWord word)
{
    uint32_t bits = cpu->features[word];
    bool apic_on = !cpu->interrupt_ops || !cpu->interrupt_ops->get_base ||
                   (cpu->interrupt_ops->get_base(cpu->interrupt_opaque) & APIC_ENABLE);

    return apic_on ? bits : bits & ~(UINT32_C(1) << 9);
}

static X86CPUIDResult leaf_1(const X86CPU *cpu)
{
    unsigned threads = x86_topology_package_threads(&cpu->topology);

    return (X86CPUIDResult){
        .eax = signature(cpu),
        /* APIC id, logical processors of the package, CLFLUSH line of 64 bytes. */
        .ebx = cpu->apic_id << 24 | threads << 16 | 8 << 8,
        .ecx = cpu->features[X86_FEATURES_1_ECX],
        .edx = features_edx(cpu, X86_FEATURES_1_EDX) | (threads > 1 ? FEATURE_HTT : 0),
    };
}

/* The logical processors that leaf 1 counts are cores, not threads of one core. */
static uint32_t extended_ecx(const X86CPU *cpu)
{
    bool many = x86_topology_package_threads(&cpu->topology) > 1;

    return cpu->features[X86_FEATURES_80000001_ECX] | (many ? FEATURE_CMP_LEGACY : 0);
}

static X86CPUIDResult leaf_brand(const X86CPU *cpu, unsigned part)
{
    char brand[48] = "";
    X86CPUIDResult result;

    g_strlcpy(brand, x86_cpu_model_of(cpu)->brand, sizeof(brand));
    memcpy(&result, brand + part * sizeof(result), sizeof(result));
    return result;
}

static X86CPUIDResult leaf_basic(const X86CPU *cpu, uint32_t leaf, uint32_t subleaf)
{
    switch (leaf) {
    case 0:
        return (X86CPUIDResult){ BASIC_MAX, VENDOR_EBX, VENDOR_ECX, VENDOR_EDX };
    case 1:
        return leaf_1(cpu);
    case 4:
        return x86_topology_leaf_4(cpu, subleaf);
    case 7:
        if (subleaf == 0) {
            return (X86CPUIDResult){ .ebx = cpu->features[X86_FEATURES_7_EBX],
                                     .ecx = cpu->features[X86_FEATURES_7_ECX] };
        }
        return (X86CPUIDResult){ 0 };
    case 0xb:
        return x86_topology_leaf_b(cpu, subleaf);
    default:
        return (X86CPUIDResult){ 0 };
    }
}

/* Leaf 0x40000010: frequencies of TSC and APIC bus in kHz. */
static X86CPUIDResult leaf_hypervisor(uint32_t leaf)
{
    switch (leaf) {
    case 0x40000000:
        return (X86CPUIDResult){ HYPERVISOR_MAX, HYPERVISOR_EBX, HYPERVISOR_ECX, HYPERVISOR_EDX };
    case 0x40000010:
        return (X86CPUIDResult){ .eax = x86_tsc_frequency_hz() / 1000, .ebx = 1000000 };
    default:
        return (X86CPUIDResult){ 0 };
    }
}

static X86CPUIDResult leaf_extended(const X86CPU *cpu, uint32_t leaf)
{
    switch (leaf) {
    case 0x80000000:
        return (X86CPUIDResult){ EXTENDED_MAX, VENDOR_EBX, VENDOR_ECX, VENDOR_EDX };
    case 0x80000001:
        return (X86CPUIDResult){
            .eax = signature(cpu),
            .ecx = extended_ecx(cpu),
            .edx = cpu->features[X86_FEATURES_80000001_EDX] |
                   (features_edx(cpu, X86_FEATURES_1_EDX) & AMD_REPEATED_BITS),
        };
    case 0x80000002:
    case 0x80000003:
    case 0x80000004:
        return leaf_brand(cpu, leaf - 0x80000002);
    case 0x80000005: /* L1: 64 KiB each, 2-way, 64-byte lines; TLB 255 entries */
        return (X86CPUIDResult){ 0x01ff01ff, 0x01ff01ff, 0x40020140, 0x40020140 };
    case 0x80000006: /* L2: 512 KiB, 16-way */
        return (X86CPUIDResult){ 0, 0x42004200, 0x02008140, 0 };
    case 0x80000007:
        return (X86CPUIDResult){ .edx = cpu->features[X86_FEATURES_80000007_EDX] };
    case 0x80000008: /* 40 physical, 48 linear address bits */
        return (X86CPUIDResult){ .eax = 0x3028, .ecx = x86_topology_amd_size(&cpu->topology) };
    default:
        return (X86CPUIDResult){ 0 };
    }
}

X86CPUIDResult x86_cpuid(const X86CPU *cpu, uint32_t leaf, uint32_t subleaf)
{
    if (leaf >= 0x80000000) {
        return leaf_extended(cpu, leaf);
    }
    if (leaf >= 0x40000000) {
        bool hypervisor = x86_cpu_has_feature(cpu, "hypervisor");
        return hypervisor ? leaf_hypervisor(leaf) : (X86CPUIDResult){ 0 };
    }
    return leaf_basic(cpu, leaf, subleaf);
}
