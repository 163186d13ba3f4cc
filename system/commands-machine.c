/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Monitor commands about the machine, its processors and the command line. */
#include <string.h>

#include "accel/accel.h"
#include "hw/core/machine.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-introspect.h"
#include "qapi/qapi-commands-machine.h"
#include "system/cpus.h"
#include "system/options.h"
#include "target/i386/cpu.h"

TargetInfo *qmp_query_target(GError **error)
{
    TargetInfo *info = TargetInfo_new();

    info->arch = SYS_EMU_TARGET_X86_64;
    return info;
}

static MachineInfo *machine_info(const MachineClass *klass)
{
    MachineInfo *info = MachineInfo_new();

    info->name = g_strdup(klass->name);
    info->alias = g_strdup(klass->alias);
    info->has_is_default = info->is_default = klass->is_default;
    info->cpu_max = klass->maximum_cpus;
    info->default_cpu_type = g_strdup(klass->default_cpu_type);
    return info;
}

GPtrArray *qmp_query_machines(GError **error)
{
    g_autoptr(GArray) types = object_types_below(TYPE_MACHINE, false);
    GPtrArray *list = MachineInfo_list_new();

    for (unsigned i = 0; i < types->len; i++) {
        MachineClass *klass = g_type_class_ref(g_array_index(types, GType, i));
        g_ptr_array_add(list, machine_info(klass));
        g_type_class_unref(klass);
    }
    return list;
}

static CpuInstanceProperties *cpu_properties(const X86CPU *cpu)
{
    CpuInstanceProperties *properties = CpuInstanceProperties_new();

    properties->has_socket_id = properties->has_core_id = properties->has_thread_id = true;
    properties->has_die_id = cpu->topology.dies > 1;
    properties->socket_id = cpu->place.socket;
    properties->die_id = cpu->place.die;
    properties->core_id = cpu->place.core;
    properties->thread_id = cpu->place.thread;
    return properties;
}

GPtrArray *qmp_query_cpus_fast(GError **error)
{
    GPtrArray *list = CpuInfoFast_list_new();

    for (unsigned i = 0; i < vcpu_count(); i++) {
        CpuInfoFast *info = CpuInfoFast_new();
        X86CPU *cpu = X86_CPU_FROM_VCPU(vcpu_get(i));
        info->cpu_index = i;
        info->qom_path = object_tree_path(G_OBJECT(cpu));
        info->thread_id = vcpu_thread_id(vcpu_get(i));
        info->props = cpu_properties(cpu);
        info->target = SYS_EMU_TARGET_X86_64;
        g_ptr_array_add(list, info);
    }
    return list;
}

GPtrArray *qmp_query_hotpluggable_cpus(GError **error)
{
    if (!vcpu_count()) {
        qapi_error_set(error, "machine does not support hot-plugging CPUs");
        return NULL;
    }
    GPtrArray *list = HotpluggableCPU_list_new();
    for (unsigned i = vcpu_count(); i-- > 0;) {
        HotpluggableCPU *info = HotpluggableCPU_new();
        X86CPU *cpu = X86_CPU_FROM_VCPU(vcpu_get(i));
        info->type = g_strdup(object_type_name(G_OBJECT_TYPE(cpu)));
        info->vcpus_count = 1;
        info->props = cpu_properties(cpu);
        info->qom_path = object_tree_path(G_OBJECT(cpu));
        g_ptr_array_add(list, info);
    }
    return list;
}

static void note_kvm(const AccelOps *ops, void *opaque)
{
    KvmInfo *info = opaque;

    info->present |= !strcmp(ops->name, "kvm");
}

KvmInfo *qmp_query_kvm(GError **error)
{
    KvmInfo *info = KvmInfo_new();

    accel_foreach(note_kvm, info);
    info->enabled = accel_ops() && !strcmp(accel_ops()->name, "kvm");
    return info;
}

NameInfo *qmp_query_name(GError **error)
{
    NameInfo *info = NameInfo_new();

    info->name = g_strdup(vm_options()->name);
    return info;
}

UuidInfo *qmp_query_uuid(GError **error)
{
    UuidInfo *info = UuidInfo_new();
    const char *uuid = vm_options()->uuid;

    info->UUID = g_strdup(uuid ? uuid : "00000000-0000-0000-0000-000000000000");
    return info;
}

void qmp_inject_nmi(GError **error)
{
    if (!vcpu_count()) {
        qapi_error_set(error, "this machine has no processor to interrupt");
    }
    for (unsigned i = 0; i < vcpu_count(); i++) {
        vcpu_interrupt(vcpu_get(i), VCPU_INTERRUPT_NMI);
    }
}

/* ---- the command line ---- */

#define PARAMETER_LETTERS "abcdefghijklmnopqrstuvwxyz-"

/* What a parameter takes, by the syntax behind its "=". */
static CommandLineParameterType parameter_type(const char *value)
{
    value += *value == ']';
    if (g_str_has_prefix(value, "on|off")) {
        return COMMAND_LINE_PARAMETER_TYPE_BOOLEAN;
    }
    if (*value == 'N' && !g_ascii_isalpha(value[1])) {
        return COMMAND_LINE_PARAMETER_TYPE_NUMBER;
    }
    if (g_str_has_prefix(value, "MEGS")) {
        return COMMAND_LINE_PARAMETER_TYPE_SIZE;
    }
    return COMMAND_LINE_PARAMETER_TYPE_STRING;
}

/* The parameters in the syntax of an option: words followed by "=", but for "prop=value". */
static GPtrArray *parameters_of(const char *syntax)
{
    GPtrArray *list = CommandLineParameterInfo_list_new();

    while (*syntax) {
        size_t length = strspn(syntax, PARAMETER_LETTERS);
        if (length && syntax[length] == '=' && !g_str_has_prefix(syntax, "prop=")) {
            CommandLineParameterInfo *info = CommandLineParameterInfo_new();
            info->name = g_strndup(syntax, length);
            info->type = parameter_type(syntax + length + 1);
            g_ptr_array_add(list, info);
        }
        syntax += MAX(length, 1);
    }
    return list;
}

/* Gathers options for query-command-line-options. */
typedef struct OptionSearch {
    const char *wanted; /* NULL: all */
    GPtrArray *list;
} OptionSearch;

static void add_option(const char *name, const char *argument, const char *help, void *opaque)
{
    OptionSearch *search = opaque;
    CommandLineOptionInfo *info;

    if (!argument || (search->wanted && strcmp(search->wanted, name) != 0)) {
        return;
    }
    info = CommandLineOptionInfo_new();
    info->option = g_strdup(name);
    info->parameters = parameters_of(argument);
    if (info->parameters->len) {
        g_ptr_array_add(search->list, info);
    } else {
        CommandLineOptionInfo_free(info);
    }
}

GPtrArray *qmp_query_command_line_options(const char *option, GError **error)
{
    OptionSearch search = { option, CommandLineOptionInfo_list_new() };

    options_foreach(add_option, &search);
    if (option && !search.list->len) {
        qapi_error_set(error, "invalid option name: %s", option);
        g_clear_pointer(&search.list, g_ptr_array_unref);
    }
    return search.list;
}
