/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* How processors are arranged: sockets of dies of cores of threads. */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>

/* Each at least 1. */
typedef struct CPUTopology {
    unsigned sockets;
    unsigned dies;    /* in a socket */
    unsigned cores;   /* in a die */
    unsigned threads; /* in a core */
} CPUTopology;

/* One processor's place; each number counts within the level above. */
typedef struct CPUPlace {
    unsigned socket, die, core, thread;
} CPUPlace;

/* How many processors there are. */
static inline unsigned cpu_topology_count(const CPUTopology *topology)
{
    return topology->sockets * topology->dies * topology->cores * topology->threads;
}

/* Where processor @index, below cpu_topology_count(), is: threads are filled first. */
CPUPlace cpu_topology_place(const CPUTopology *topology, unsigned index);

/*
 * From -smp's values: cpus, maxcpus, sockets, dies, cores, threads, all strings and optional.
 * What was left out is worked out, cores before sockets before threads. The error names what does
 * not fit.
 */
bool cpu_topology_parse(json_t *values, CPUTopology *topology, GError **error);
