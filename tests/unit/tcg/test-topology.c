/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* APIC IDs and CPUID of processors in sockets, dies, cores and threads. */
#include "accel/accel.h"
#include "system/bql.h"
#include "system/main-loop.h"
#include "target/i386/cpu.h"

#define PROCESSORS_MAX 8

#define HTT        (UINT32_C(1) << 28)
#define CMP_LEGACY (UINT32_C(1) << 1)

static const struct {
    CPUTopology topology;
    uint32_t apic_ids[PROCESSORS_MAX];
    unsigned thread_bits, package_bits; /* widths of the fields below core and package */
} arrangements[] = {
    { { 1, 1, 1, 1 }, { 0 }, 0, 0 },
    { { 1, 1, 4, 1 }, { 0, 1, 2, 3 }, 0, 2 },
    { { 4, 1, 1, 1 }, { 0, 1, 2, 3 }, 0, 0 },
    { { 2, 1, 3, 1 }, { 0, 1, 2, 4, 5, 6 }, 0, 2 },
    { { 2, 1, 2, 2 }, { 0, 1, 2, 3, 4, 5, 6, 7 }, 1, 2 },
    { { 1, 1, 2, 3 }, { 0, 1, 2, 4, 5, 6 }, 2, 3 },
    { { 1, 2, 3, 1 }, { 0, 1, 2, 4, 5, 6 }, 0, 3 },
};

/* What software works out from leaf 4: the size of a field of APIC IDs, in bits. */
static unsigned bits_of(uint32_t maximum_minus_one)
{
    return maximum_minus_one ? 32 - __builtin_clz(maximum_minus_one) : 0;
}

static void check_leaves(const X86CPU *cpu, unsigned thread_bits, unsigned package_bits)
{
    unsigned package = cpu->topology.dies * cpu->topology.cores * cpu->topology.threads;
    X86CPUIDResult one = x86_cpuid(cpu, 1, 0);
    X86CPUIDResult threads = x86_cpuid(cpu, 0xb, 0), cores = x86_cpuid(cpu, 0xb, 1);

    g_assert_cmpuint(x86_cpuid(cpu, 0, 0).eax, >=, 0xb);
    g_assert_cmpuint(one.ebx >> 24, ==, cpu->apic_id);
    g_assert_cmpuint(one.ebx >> 16 & 0xff, ==, package);
    g_assert_true(!(one.edx & HTT) == (package == 1));
    g_assert_true(!(x86_cpuid(cpu, 0x80000001, 0).ecx & CMP_LEGACY) == (package == 1));

    for (uint32_t cache = 0; cache < 3; cache++) {
        uint32_t eax = x86_cpuid(cpu, 4, cache).eax;
        g_assert_cmpuint(eax & 0x1f, !=, 0);
        g_assert_cmpuint(bits_of(eax >> 14 & 0xfff), ==, thread_bits);
        g_assert_cmpuint(bits_of(eax >> 26), ==, package_bits - thread_bits);
    }
    g_assert_cmpuint(x86_cpuid(cpu, 4, 3).eax, ==, 0);

    g_assert_cmphex(threads.ecx, ==, 0x100);
    g_assert_cmpuint(threads.eax, ==, thread_bits);
    g_assert_cmpuint(threads.ebx, ==, cpu->topology.threads);
    g_assert_cmphex(cores.ecx, ==, 0x201);
    g_assert_cmpuint(cores.eax, ==, package_bits);
    g_assert_cmpuint(cores.ebx, ==, package);
    g_assert_cmpuint(threads.edx, ==, cpu->apic_id);
    g_assert_cmpuint(x86_cpuid(cpu, 0xb, 2).ebx, ==, 0);

    uint32_t size = x86_cpuid(cpu, 0x80000008, 0).ecx;
    g_assert_cmpuint((size & 0xff) + 1, ==, package);
    g_assert_cmpuint(size >> 12 & 0xf, ==, package_bits);
}

static void check_arrangement(unsigned n)
{
    const CPUTopology *topology = &arrangements[n].topology;

    for (unsigned i = 0; i < cpu_topology_count(topology); i++) {
        GError *error = NULL;
        X86CPU *cpu = x86_cpu_new("qemu64", topology, i, &error);
        g_assert_no_error(error);
        g_assert_cmpuint(cpu->apic_id, ==, arrangements[n].apic_ids[i]);
        g_assert_cmpuint(((cpu->place.socket * topology->dies + cpu->place.die) * topology->cores +
                          cpu->place.core) *
                                 topology->threads +
                             cpu->place.thread,
                         ==, i);
        check_leaves(cpu, arrangements[n].thread_bits, arrangements[n].package_bits);
    }
}

static void test_arrangements(void)
{
    for (unsigned n = 0; n < G_N_ELEMENTS(arrangements); n++) {
        check_arrangement(n);
    }
}

/* Each has a time stamp counter that shows the same, until the guest sets one. */
static void test_timestamps(void)
{
    static const CPUTopology topology = { 1, 1, 2, 1 };
    GError *error = NULL;
    X86CPU *first = x86_cpu_new("qemu64", &topology, 0, &error);
    X86CPU *second = x86_cpu_new("qemu64", &topology, 1, &error);

    g_assert_cmpuint(x86_tsc_read(first), ==, x86_tsc_read(second));
    x86_tsc_write(second, 1000000);
    g_assert_cmpuint(x86_tsc_read(second), ==, 1000000);
    g_assert_cmpuint(x86_tsc_read(first), !=, 1000000);
}

int main(int argc, char **argv)
{
    GError *error = NULL;

    g_test_init(&argc, &argv, NULL);
    main_loop_init();
    g_assert_true(accel_select("qtest", &error));
    g_test_add_func("/topology/arrangements", test_arrangements);
    g_test_add_func("/topology/timestamps", test_timestamps);
    int result = g_test_run();
    vcpus_shutdown();
    return result;
}
