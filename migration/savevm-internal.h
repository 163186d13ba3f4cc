/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The register of sections, shared by saving and loading. */
#pragma once

#include "migration/savevm.h"

/* Longest device part of a stream that is taken into memory, bytes. */
#define SAVEVM_DEVICES_MAX (256u * 1024 * 1024)

/* One registered section. */
typedef struct SaveEntry {
    char *name; /* as it travels: "BUS-PATH/NAME" */
    uint32_t instance;
    uint32_t section_id;
    int version;
    int priority;
    const SavevmLiveOps *live; /* or */
    const VMStateDescription *description;
    void *opaque;
    /* Loading: the number that the stream has given the section, from its start on. */
    bool load_started;
    uint32_t load_section_id;
    int load_version;
    bool load_complete; /* the full section or the end section has been loaded */
} SaveEntry;

/* In the order in which they are saved. Borrowed. */
const GPtrArray *savevm_entries(void);
/* NULL when there is none. */
SaveEntry *savevm_find(const char *name, uint32_t instance);
/* The machine type in the configuration section. */
const char *savevm_machine_name(void);
