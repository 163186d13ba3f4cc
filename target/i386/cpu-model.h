/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* CPU models and features; see cpu-model.c. */
#pragma once

#include "target/i386/cpu.h"

typedef struct X86CPUModel {
    const char *name; /* as in -cpu */
    const char *type_name;
    const char *description;
    uint32_t family, model, stepping;
    const char *brand;   /* at most 47 bytes */
    const char *without; /* features of the engine that the model lacks, separated by spaces */
} X86CPUModel;

/* NULL: no such model. */
const X86CPUModel *x86_cpu_model_find(const char *name);
const X86CPUModel *x86_cpu_model_of(const X86CPU *cpu);

/* Give @cpu the features of @model. */
void x86_cpu_model_apply(X86CPU *cpu, const X86CPUModel *model);
/* Change them: "+name", "-name", "name=on|off". The error names what is unknown. */
bool x86_cpu_feature_change(X86CPU *cpu, const char *item, GError **error);

/* Comma-separated names of models, for error messages. Free with g_free(). */
char *x86_cpu_model_names(void);
