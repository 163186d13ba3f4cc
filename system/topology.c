/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The arrangement of processors that -smp asks for. */
#include "system/topology.h"

#include <errno.h>

#include "util/report.h"

#define PROCESSORS_MAX 1024

CPUPlace cpu_topology_place(const CPUTopology *topology, unsigned index)
{
    CPUPlace place;

    place.thread = index % topology->threads;
    index /= topology->threads;
    place.core = index % topology->cores;
    index /= topology->cores;
    place.die = index % topology->dies;
    place.socket = index / topology->dies;
    return place;
}

/* The number under @key; 0: not given. */
static bool parse_count(json_t *values, const char *key, unsigned *count, GError **error)
{
    const char *text = json_string_value(json_object_get(values, key));
    char *end;

    *count = 0;
    if (!text) {
        return true;
    }
    errno = 0;
    guint64 number = g_ascii_strtoull(text, &end, 10);
    if (end == text || *end || errno || number < 1 || number > PROCESSORS_MAX) {
        qc_error_set(error, "Parameter '%s' expects a number from 1 to %d, found '%s'", key,
                     PROCESSORS_MAX, text);
        return false;
    }
    *count = (unsigned)number;
    return true;
}

/* The member that is 0 gets what @count leaves for it. */
static void complete(CPUTopology *topology, unsigned count)
{
    unsigned others;

    if (!topology->cores) {
        topology->sockets = MAX(topology->sockets, 1);
        topology->threads = MAX(topology->threads, 1);
        others = topology->sockets * topology->dies * topology->threads;
        topology->cores = MAX(count / others, 1);
    } else if (!topology->sockets) {
        topology->threads = MAX(topology->threads, 1);
        others = topology->dies * topology->cores * topology->threads;
        topology->sockets = MAX(count / others, 1);
    } else if (!topology->threads) {
        others = topology->sockets * topology->dies * topology->cores;
        topology->threads = MAX(count / others, 1);
    }
}

static bool check_product(const CPUTopology *topology, unsigned count, GError **error)
{
    guint64 product = (guint64)topology->sockets * topology->dies;

    product = MIN(product * topology->cores, G_MAXUINT32) * topology->threads;
    if (product > PROCESSORS_MAX) {
        qc_error_set(error,
                     "Invalid CPU topology: sockets * dies * cores * threads is %" G_GUINT64_FORMAT
                     ", expected at most %d",
                     product, PROCESSORS_MAX);
        return false;
    }
    if (count && product != count) {
        qc_error_set(error,
                     "Invalid CPU topology: product of the hierarchy must match maxcpus: sockets "
                     "(%u) * dies (%u) * cores (%u) * threads (%u) != maxcpus (%u)",
                     topology->sockets, topology->dies, topology->cores, topology->threads, count);
        return false;
    }
    return true;
}

bool cpu_topology_parse(json_t *values, CPUTopology *topology, GError **error)
{
    unsigned count, maximum;

    if (!parse_count(values, "cpus", &count, error) ||
        !parse_count(values, "maxcpus", &maximum, error) ||
        !parse_count(values, "sockets", &topology->sockets, error) ||
        !parse_count(values, "dies", &topology->dies, error) ||
        !parse_count(values, "cores", &topology->cores, error) ||
        !parse_count(values, "threads", &topology->threads, error)) {
        return false;
    }
    if (count && maximum && count != maximum) {
        qc_error_set(error,
                     "Invalid CPU topology: maxcpus (%u) must equal cpus (%u): processors cannot "
                     "be added later",
                     maximum, count);
        return false;
    }
    count = MAX(count, maximum);
    topology->dies = MAX(topology->dies, 1);
    complete(topology, count);
    return check_product(topology, count, error);
}
