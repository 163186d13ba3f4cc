/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* IP reassembly, bounded in bytes, datagrams, fragments and time. */
#include <string.h>

#include "net/checksum.h"
#include "net/reassembly.h"
#include "util/bytes.h"

#define MAX_DATAGRAM 65535
#define IPV4_HEADER  20
#define IPV6_HEADER  40
#define IPV4_KEEP    0x4000 /* "do not fragment" is all that stays of the fragment word */

/* Compared byte by byte. */
typedef struct DatagramKey {
    uint8_t source[16];
    uint8_t destination[16];
    uint32_t id;
    uint16_t vlan[PACKET_MAX_VLANS]; /* identifier + 1; 0: no tag */
    uint16_t ip_version;
    uint16_t protocol; /* IPv4 only: identifiers are per protocol there */
} DatagramKey;

G_STATIC_ASSERT(sizeof(DatagramKey) == 44);

typedef struct Part {
    uint32_t offset, size;
    const uint8_t *data; /* in one of the frames */
} Part;

typedef struct Datagram {
    DatagramKey key;
    int64_t since;
    GPtrArray *frames; /* GBytes, order of arrival */
    GArray *parts;     /* Part, by offset, without overlaps */
    size_t bytes;      /* of the frames */
    uint32_t received; /* bytes of the parts */
    uint32_t end;      /* where the last fragment ends; 0: not seen */
    Packet first;      /* of the fragment with offset 0, when first.frame is set */
} Datagram;

struct Reassembly {
    ReassemblyLimits limits;
    ReassemblyDropped *dropped;
    void *opaque;
    GQueue datagrams; /* oldest first */
    size_t bytes;
};

static const char *const result_texts[REASSEMBLY_RESULT_COUNT] = {
    [REASSEMBLY_WAITING] = "more fragments are needed",
    [REASSEMBLY_COMPLETE] = "complete",
    [REASSEMBLY_OVERLAP] = "IP fragments overlap",
    [REASSEMBLY_CONFLICTING_END] = "IP fragments disagree about the end of the datagram",
    [REASSEMBLY_TOO_MANY_FRAGMENTS] = "too many fragments in one IP datagram",
    [REASSEMBLY_TOO_LONG] = "IP fragments make more than 65535 bytes",
    [REASSEMBLY_TOO_MANY_BYTES] = "too many bytes in IP fragments",
    [REASSEMBLY_TIMEOUT] = "IP fragments did not complete in time",
    [REASSEMBLY_TOO_MANY_DATAGRAMS] = "too many incomplete IP datagrams",
};

const char *reassembly_result_text(ReassemblyResult result)
{
    return result < REASSEMBLY_RESULT_COUNT ? result_texts[result] : "unknown reassembly result";
}

static Datagram *datagram_new(Reassembly *reassembly, const DatagramKey *key, int64_t now)
{
    Datagram *datagram = g_new0(Datagram, 1);

    datagram->key = *key;
    datagram->since = now;
    datagram->frames = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    datagram->parts = g_array_new(false, false, sizeof(Part));
    g_queue_push_tail(&reassembly->datagrams, datagram);
    return datagram;
}

static void datagram_free(Datagram *datagram)
{
    if (datagram->frames) {
        g_ptr_array_unref(datagram->frames);
    }
    g_array_unref(datagram->parts);
    g_free(datagram);
}

/* Out of the books; the caller frees it. */
static void forget(Reassembly *reassembly, Datagram *datagram)
{
    reassembly->bytes -= datagram->bytes;
    g_queue_remove(&reassembly->datagrams, datagram);
}

static void drop(Reassembly *reassembly, Datagram *datagram, ReassemblyResult reason)
{
    forget(reassembly, datagram);
    if (reassembly->dropped) {
        reassembly->dropped(datagram->frames, reason, reassembly->opaque);
    }
    datagram_free(datagram);
}

Reassembly *reassembly_new(const ReassemblyLimits *limits, ReassemblyDropped *dropped, void *opaque)
{
    Reassembly *reassembly = g_new0(Reassembly, 1);

    reassembly->limits = *limits;
    reassembly->dropped = dropped;
    reassembly->opaque = opaque;
    g_queue_init(&reassembly->datagrams);
    return reassembly;
}

void reassembly_clear(Reassembly *reassembly)
{
    g_queue_clear_full(&reassembly->datagrams, (GDestroyNotify)datagram_free);
    reassembly->bytes = 0;
}

void reassembly_free(Reassembly *reassembly)
{
    if (reassembly) {
        reassembly_clear(reassembly);
        g_free(reassembly);
    }
}

static DatagramKey datagram_key(const Packet *fragment)
{
    DatagramKey key = {
        .id = fragment->fragment.id,
        .ip_version = fragment->ip_version,
        .protocol = fragment->ip_version == 4 ? fragment->protocol : 0,
    };

    memcpy(key.source, fragment->source, sizeof(key.source));
    memcpy(key.destination, fragment->destination, sizeof(key.destination));
    for (unsigned i = 0; i < fragment->vlan_count; i++) {
        key.vlan[i] = fragment->vlan_id[i] + 1;
    }
    return key;
}

/* The datagram of @key, or a new one, for which the oldest makes room. */
static Datagram *datagram_get(Reassembly *reassembly, const DatagramKey *key, int64_t now)
{
    for (GList *item = reassembly->datagrams.tail; item; item = item->prev) {
        Datagram *datagram = item->data;
        if (memcmp(&datagram->key, key, sizeof(*key)) == 0) {
            return datagram;
        }
    }
    if (g_queue_get_length(&reassembly->datagrams) >= reassembly->limits.datagrams) {
        drop(reassembly, reassembly->datagrams.head->data, REASSEMBLY_TOO_MANY_DATAGRAMS);
    }
    return datagram_new(reassembly, key, now);
}

/* Keep a copy of the frame; the copy parses like the original. */
static const uint8_t *keep_frame(Reassembly *reassembly, Datagram *datagram, const Packet *packet)
{
    GBytes *frame = g_bytes_new(packet->frame, packet->size);

    g_ptr_array_add(datagram->frames, frame);
    datagram->bytes += packet->size;
    reassembly->bytes += packet->size;
    return g_bytes_get_data(frame, NULL);
}

static bool is_repetition(const Part *part, const Packet *fragment)
{
    return part->offset == fragment->fragment.offset && part->size == fragment->payload_size &&
           memcmp(part->data, packet_payload(fragment), part->size) == 0;
}

/* Where the fragment belongs among the parts; false when it overlaps. */
static bool find_place(const Datagram *datagram, const Packet *fragment, unsigned *place,
                       bool *repetition)
{
    uint32_t begin = fragment->fragment.offset;
    uint32_t end = begin + fragment->payload_size;
    unsigned i = datagram->parts->len;

    *repetition = false;
    while (i > 0 && g_array_index(datagram->parts, Part, i - 1).offset >= end) {
        i--;
    }
    *place = i;
    if (i == 0) {
        return true;
    }
    const Part *before = &g_array_index(datagram->parts, Part, i - 1);
    *repetition = is_repetition(before, fragment);
    return *repetition || before->offset + before->size <= begin;
}

static bool end_agrees(const Datagram *datagram, const Packet *fragment)
{
    uint32_t end = fragment->fragment.offset + fragment->payload_size;
    const GArray *parts = datagram->parts;

    if (datagram->end != 0) {
        return fragment->fragment.more ? end < datagram->end : end == datagram->end;
    }
    if (fragment->fragment.more || parts->len == 0) {
        return true;
    }
    const Part *last = &g_array_index(parts, Part, parts->len - 1);
    return last->offset + last->size < end;
}

/* Header and data must fit in the 16-bit length of the IP header. */
static bool fits(const Datagram *datagram)
{
    const Packet *first = &datagram->first;
    uint32_t header = first->fragment.header_end - first->network_offset;

    header -= first->ip_version == 6 ? IPV6_HEADER : 0;
    return header + datagram->end <= MAX_DATAGRAM;
}

static ReassemblyResult take_in(Reassembly *reassembly, Datagram *datagram, const Packet *fragment)
{
    unsigned place;
    bool repetition;

    if (!find_place(datagram, fragment, &place, &repetition)) {
        return REASSEMBLY_OVERLAP;
    }
    if (!repetition && !end_agrees(datagram, fragment)) {
        return REASSEMBLY_CONFLICTING_END;
    }
    if (datagram->frames->len > reassembly->limits.fragments) {
        return REASSEMBLY_TOO_MANY_FRAGMENTS;
    }
    if (reassembly->bytes > reassembly->limits.bytes) {
        return REASSEMBLY_TOO_MANY_BYTES;
    }
    if (repetition) {
        return REASSEMBLY_WAITING;
    }
    Part part = { fragment->fragment.offset, fragment->payload_size, packet_payload(fragment) };
    g_array_insert_val(datagram->parts, place, part);
    datagram->received += part.size;
    if (!fragment->fragment.more) {
        datagram->end = part.offset + part.size;
    }
    if (part.offset == 0) {
        datagram->first = *fragment;
    }
    if (datagram->end == 0 || datagram->received != datagram->end) {
        return REASSEMBLY_WAITING;
    }
    return fits(datagram) ? REASSEMBLY_COMPLETE : REASSEMBLY_TOO_LONG;
}

static void fix_ipv4_header(uint8_t *ip, uint32_t size)
{
    uint32_t header = (ip[0] & 15) * 4;

    store_be16(ip + 2, size);
    store_be16(ip + 6, load_be16(ip + 6) & IPV4_KEEP);
    store_be16(ip + 10, 0);
    store_be16(ip + 10, checksum_finish(checksum_add(0, ip, header)));
}

static GByteArray *assemble(const Datagram *datagram)
{
    const Packet *first = &datagram->first;
    uint32_t head = first->fragment.header_end;
    GByteArray *whole = g_byte_array_sized_new(head + datagram->end);

    g_byte_array_append(whole, first->frame, head);
    for (unsigned i = 0; i < datagram->parts->len; i++) {
        const Part *part = &g_array_index(datagram->parts, Part, i);
        g_byte_array_append(whole, part->data, part->size);
    }
    uint8_t *ip = whole->data + first->network_offset;
    uint32_t size = whole->len - first->network_offset;
    if (first->ip_version == 4) {
        fix_ipv4_header(ip, size);
    } else {
        store_be16(ip + 4, size - IPV6_HEADER);
        whole->data[first->fragment.next_header_offset] = first->protocol;
    }
    return whole;
}

ReassemblyResult reassembly_add(Reassembly *reassembly, const Packet *fragment, int64_t now,
                                GByteArray **whole, GPtrArray **frames)
{
    g_assert(fragment->kind == PACKET_FRAGMENT);
    reassembly_expire(reassembly, now);

    DatagramKey key = datagram_key(fragment);
    Datagram *datagram = datagram_get(reassembly, &key, now);
    Packet kept = *fragment;
    kept.frame = keep_frame(reassembly, datagram, fragment);

    ReassemblyResult result = take_in(reassembly, datagram, &kept);
    if (result == REASSEMBLY_WAITING) {
        return result;
    }
    if (result != REASSEMBLY_COMPLETE) {
        drop(reassembly, datagram, result);
        return result;
    }
    *whole = assemble(datagram);
    *frames = g_steal_pointer(&datagram->frames);
    forget(reassembly, datagram);
    datagram_free(datagram);
    return REASSEMBLY_COMPLETE;
}

void reassembly_expire(Reassembly *reassembly, int64_t now)
{
    Datagram *oldest;

    while ((oldest = g_queue_peek_head(&reassembly->datagrams)) &&
           now - oldest->since >= reassembly->limits.timeout) {
        drop(reassembly, oldest, REASSEMBLY_TIMEOUT);
    }
}

void reassembly_set_timeout(Reassembly *reassembly, int64_t timeout)
{
    reassembly->limits.timeout = timeout;
}

size_t reassembly_bytes(const Reassembly *reassembly)
{
    return reassembly->bytes;
}

unsigned reassembly_datagrams(const Reassembly *reassembly)
{
    return g_queue_get_length((GQueue *)&reassembly->datagrams);
}
