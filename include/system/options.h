/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The command line, parsed but not yet acted on. */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "system/topology.h"

/* One use of an option that may be given several times. */
typedef struct OptionUse {
    const char *option; /* without the dash */
    char *argument;     /* as given */
    json_t *values;     /* parsed, for key=value options; else NULL */
} OptionUse;

typedef struct VMOptions {
    json_t *machine;         /* {"type": .., ..}; the strings of all -machine options merged */
    GPtrArray *accelerators; /* OptionUse: tried in order */
    char *cpu_model;
    CPUTopology topology;
    uint64_t ram_size;   /* bytes; 0: the machine's default */
    GPtrArray *chardevs; /* OptionUse */
    GPtrArray *objects;  /* OptionUse */
    GPtrArray *devices;  /* OptionUse */
    GPtrArray *netdevs;  /* OptionUse */
    GPtrArray *network;  /* OptionUse of nic, net */
    GPtrArray *globals;  /* OptionUse */
    GPtrArray *serials;  /* OptionUse */
    GPtrArray *monitors; /* OptionUse of monitor, qmp, qmp-pretty, mon */
    GPtrArray *fds;      /* OptionUse of add-fd */
    json_t *rtc;         /* or NULL */
    char *kernel, *initrd, *append, *firmware;
    char *incoming;
    char *name, *process_name;
    char *uuid;
    char *pid_file;
    char *qtest, *qtest_log;
    bool nographic, no_defaults, daemonize, start_paused, only_migratable;
    bool no_reboot, no_shutdown;
    bool name_in_messages; /* -msg guest-name=on */
} VMOptions;

/*
 * Parse @argv into the options of this process. Options that only ask for information
 * (-version, -help, "X help") print it and exit with 0. Errors name the option and what was
 * expected.
 */
bool options_parse(int argc, char **argv, GError **error);
/* Free what options_parse() made. */
void options_clear(void);

/* The options of this process. Borrowed; empty before options_parse(). */
const VMOptions *vm_options(void);

/*
 * Call @visit for each option that exists, in alphabetical order. @argument is its syntax, like
 * "[chardev=]ID[,pretty=on|off]", or NULL when it takes none.
 */
void options_foreach(void (*visit)(const char *name, const char *argument, const char *help,
                                   void *opaque),
                     void *opaque);
