/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The object `filter-dump`: frames to a file in pcap format (libpcap's pcap-savefile(5), version
 * 2.4, microseconds, Ethernet). Frames are written as they pass: a checksum that is left to the
 * card is not there yet, and segmentation may still be due.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "net/filter-internal.h"
#include "util/report.h"
#include "util/timer.h"

#define PCAP_MAGIC         UINT32_C(0xa1b2c3d4)
#define PCAP_LINK_ETHERNET 1

typedef struct PcapFileHeader {
    uint32_t magic;
    uint16_t version_major, version_minor;
    int32_t zone; /* seconds west of UTC; nobody uses it */
    uint32_t accuracy;
    uint32_t snap_length;
    uint32_t link_type;
} PcapFileHeader;

typedef struct PcapRecordHeader {
    uint32_t seconds, microseconds;
    uint32_t captured; /* bytes that follow */
    uint32_t length;   /* of the frame */
} PcapRecordHeader;

typedef struct DumpFilter {
    NetFilter parent;
    char *file;
    guint maxlen; /* bytes of each frame that are written */
    int fd;       /* -1: not open, or given up after an error */
} DumpFilter;

typedef struct DumpFilterClass {
    NetFilterClass parent;
} DumpFilterClass;

enum { PROPERTY_FILE = 1, PROPERTY_MAXLEN };

OBJECT_DEFINE_TYPE(DumpFilter, DumpFilterClass, dump_filter, "filter-dump", TYPE_NET_FILTER);

static DumpFilter *to_dump(void *object)
{
    return G_TYPE_CHECK_INSTANCE_CAST(object, dump_filter_get_type(), DumpFilter);
}

static void close_file(DumpFilter *self)
{
    if (self->fd >= 0) {
        close(self->fd);
        self->fd = -1;
    }
}

/* The guest goes on when the disk is full; the file ends before the record that did not fit. */
static void write_record(DumpFilter *self, const void *data, size_t size)
{
    off_t begin = lseek(self->fd, 0, SEEK_CUR);
    ssize_t written = write(self->fd, data, size);

    if (written == (ssize_t)size) {
        return;
    }
    report_warning("filter '%s': cannot write to '%s', the dump ends: %s",
                   net_filter_name(&self->parent), self->file,
                   written < 0 ? g_strerror(errno) : "no space");
    if (begin >= 0 && ftruncate(self->fd, begin) < 0) {
        report_warning("filter '%s': '%s' ends in the middle of a record",
                       net_filter_name(&self->parent), self->file);
    }
    close_file(self);
}

static NetVerdict dump_receive(NetFilter *filter, NetFilterQueue direction, NetClient *sender,
                               const NetFrame *frame)
{
    DumpFilter *self = to_dump(filter);
    size_t length = net_frame_size(frame);
    uint32_t captured = (uint32_t)MIN(length, self->maxlen);
    int64_t now_us = clock_get_ns(CLOCK_TYPE_HOST) / NANOSECONDS_PER_MICROSECOND;
    PcapRecordHeader header = {
        .seconds = (uint32_t)(now_us / G_USEC_PER_SEC),
        .microseconds = (uint32_t)(now_us % G_USEC_PER_SEC),
        .captured = captured,
        .length = (uint32_t)length,
    };

    if (self->fd >= 0) {
        g_autofree uint8_t *record = g_malloc(sizeof(header) + captured);
        memcpy(record, &header, sizeof(header));
        net_frame_copy(frame, 0, record + sizeof(header), captured);
        write_record(self, record, sizeof(header) + captured);
    }
    return NET_VERDICT_PASS;
}

static bool dump_setup(NetFilter *filter, GError **error)
{
    DumpFilter *self = to_dump(filter);
    PcapFileHeader header = {
        .magic = PCAP_MAGIC,
        .version_major = 2,
        .version_minor = 4,
        .snap_length = self->maxlen,
        .link_type = PCAP_LINK_ETHERNET,
    };

    if (!self->file) {
        return net_filter_missing("file", error);
    }
    if (self->maxlen == 0) {
        qc_error_set(error, "Property 'filter-dump.maxlen' doesn't take value '0'");
        return false;
    }
    self->fd = open(self->file, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0644);
    if (self->fd < 0) {
        qc_error_set_errno(error, errno, "net dump: can't open %s", self->file);
        return false;
    }
    if (write(self->fd, &header, sizeof(header)) != sizeof(header)) {
        qc_error_set_errno(error, errno, "net dump: can't write to %s", self->file);
        close_file(self);
        return false;
    }
    return true;
}

static void dump_cleanup(NetFilter *filter)
{
    close_file(to_dump(filter));
}

static void dump_set_property(GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
    DumpFilter *self = to_dump(object);

    switch (id) {
    case PROPERTY_FILE:
        g_free(self->file);
        self->file = g_value_dup_string(value);
        break;
    case PROPERTY_MAXLEN:
        self->maxlen = g_value_get_uint(value);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

static void dump_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec)
{
    DumpFilter *self = to_dump(object);

    switch (id) {
    case PROPERTY_FILE:
        g_value_set_string(value, self->file);
        break;
    case PROPERTY_MAXLEN:
        g_value_set_uint(value, self->maxlen);
        break;
    default:
        G_OBJECT_WARN_INVALID_PROPERTY_ID(object, id, spec);
    }
}

static void dump_filter_finalize(GObject *object)
{
    g_free(to_dump(object)->file);
    G_OBJECT_CLASS(g_type_class_peek(TYPE_NET_FILTER))->finalize(object);
}

static void dump_filter_init(DumpFilter *self)
{
    self->parent.vnet_header = true;
    self->fd = -1;
    self->maxlen = 65536;
}

static void dump_filter_class_init(DumpFilterClass *klass)
{
    GObjectClass *base = G_OBJECT_CLASS(klass);

    base->finalize = dump_filter_finalize;
    base->set_property = dump_set_property;
    base->get_property = dump_get_property;
    klass->parent.setup = dump_setup;
    klass->parent.receive = dump_receive;
    klass->parent.cleanup = dump_cleanup;
    g_object_class_install_property(
        base, PROPERTY_FILE,
        g_param_spec_string("file", NULL, "path of the pcap file", NULL, G_PARAM_READWRITE));
    g_object_class_install_property(base, PROPERTY_MAXLEN,
                                    g_param_spec_uint("maxlen", NULL,
                                                      "bytes of each frame that are written", 0,
                                                      G_MAXUINT, 65536, G_PARAM_READWRITE));
}
