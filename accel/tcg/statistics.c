/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* `info jit`: what the engine has run and translated. */
#include <inttypes.h>
#include <string.h>

#include "accel/accel.h"
#include "accel/tcg/block.h"
#include "monitor/hmp.h"
#include "util/report.h"

/* On the vCPU's thread, which alone changes these. */
static void collect(VCPU *vcpu, void *opaque)
{
    const Engine *e = X86_CPU_FROM_VCPU(vcpu)->engine;

    code_cache_statistics(e->code, opaque);
}

static void print_vcpu(Monitor *monitor, VCPU *vcpu)
{
    const Engine *e = X86_CPU_FROM_VCPU(vcpu)->engine;
    CodeCacheStatistics statistics;

    vcpu_run_on(vcpu, collect, &statistics);
    hmp_printf(monitor, "CPU #%u:\n", vcpu->index);
    hmp_printf(monitor, "guest instructions:      %" PRIu64 "\n",
               __atomic_load_n(&e->instructions, __ATOMIC_RELAXED));
    hmp_printf(monitor, "translated blocks:       %" PRIu64 "\n", statistics.blocks_translated);
    hmp_printf(monitor, "translated instructions: %" PRIu64 "\n",
               statistics.instructions_translated);
    hmp_printf(monitor, "code cache:              %zu KiB, emptied %" PRIu64 " times\n",
               statistics.bytes_used / 1024, statistics.flushes);
}

static void info_jit(Monitor *monitor, json_t *arguments, GError **error)
{
    if (strcmp(accel_ops()->name, "tcg") != 0) {
        qc_error_set(error, "info jit is only there with -accel tcg, not with %s",
                     accel_ops()->name);
        return;
    }
    for (unsigned i = 0; i < vcpu_count(); i++) {
        print_vcpu(monitor, vcpu_get(i));
    }
}

HMP_COMMAND(info_jit, .name = "info jit",
            .help = "show what the software CPU has run and translated", .handler = info_jit);
