/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Where delta comes from: the guest's SYN says what its number is; the first ACK that the client
 * sends says what the primary's is, whether it ends a passive open or answers an active one. They
 * may come in either order, since the primary may be ahead.
 *
 * The same two segments carry timestamps (RFC 7323), whose origin a guest chooses by a secret of
 * its own: the client's echo is the primary's. They are translated likewise, because after a
 * failover the client would drop segments that seem to be old, and a guest may drop echoes of
 * what it has not sent.
 */
#include "net/checksum.h"
#include "net/connection.h"
#include "net/tcp-rewrite.h"
#include "util/bytes.h"

typedef struct Translation {
    ConnectionEntry entry;
    uint32_t delta;
    uint32_t guest_initial;  /* the guest's SYN, when has_guest */
    uint32_t client_initial; /* the client's SYN, when has_client_syn */
    uint32_t first_ack;      /* the client's, when has_ack: the primary's number + 1 */
    uint32_t timestamp_delta;
    uint32_t guest_timestamp; /* of the guest's SYN, when has_guest_timestamp */
    uint32_t first_echo;      /* that came with first_ack, when has_echo */
    bool has_guest, has_client_syn, has_ack;
    bool has_guest_timestamp, has_echo;
    bool ack_from_syn; /* first_ack came with a SYN: it answers an active open */
    bool reopening;    /* a translated connection, and a client's SYN that the guest may accept */
    bool inherited;    /* the deltas are the primary's, with the guest; nothing is to be learnt */
} Translation;

struct TcpRewriter {
    ConnectionTable *table;
    unsigned limit;
    unsigned translated;
    bool alone; /* new connections need no translation any more */
};

static bool is_translated(const Translation *translation)
{
    return translation->delta != 0 || translation->timestamp_delta != 0;
}

static void set_deltas(TcpRewriter *rewriter, Translation *translation, uint32_t delta,
                       uint32_t timestamp_delta)
{
    bool before = is_translated(translation);

    translation->delta = delta;
    translation->timestamp_delta = timestamp_delta;
    rewriter->translated += is_translated(translation) - before;
}

static void translation_removed(ConnectionEntry *entry, void *opaque)
{
    set_deltas(opaque, (Translation *)entry, 0, 0);
}

TcpRewriter *tcp_rewriter_new(unsigned limit)
{
    TcpRewriter *rewriter = g_new0(TcpRewriter, 1);

    rewriter->limit = limit;
    rewriter->table =
        connection_table_new(sizeof(Translation), limit, translation_removed, rewriter);
    return rewriter;
}

void tcp_rewriter_free(TcpRewriter *rewriter)
{
    if (rewriter) {
        connection_table_free(rewriter->table);
        g_free(rewriter);
    }
}

/* Add @delta to the 32-bit number @at bytes into the frame. */
static void add_at(const Packet *packet, uint8_t *frame, uint32_t at, uint32_t delta, bool partial)
{
    uint8_t *checksum = frame + packet->transport_offset + TCP_CHECKSUM_AT;
    uint32_t before = load_be32(frame + at);

    store_be32(frame + at, before + delta);
    if (!partial) {
        store_be16(checksum, checksum_update32_at(load_be16(checksum), before, before + delta,
                                                  at - packet->transport_offset));
    }
}

/* A connection is followed from its SYN on; others have delta 0 and need no entry. */
static Translation *find(TcpRewriter *rewriter, const Packet *packet)
{
    ConnectionKey key = connection_key(packet);

    return (Translation *)(packet->tcp.flags & TCP_SYN && !rewriter->alone
                               ? connection_table_get(rewriter->table, &key)
                               : connection_table_find(rewriter->table, &key));
}

static void learn(TcpRewriter *rewriter, Translation *translation)
{
    if (translation->has_guest && translation->has_ack && !translation->inherited) {
        bool timestamps = translation->has_guest_timestamp && translation->has_echo;
        set_deltas(rewriter, translation, translation->guest_initial + 1 - translation->first_ack,
                   timestamps ? translation->guest_timestamp - translation->first_echo : 0);
    }
}

static void forget(TcpRewriter *rewriter, Translation *translation)
{
    set_deltas(rewriter, translation, 0, 0);
    translation->has_guest_timestamp = translation->has_echo = false;
    translation->has_guest = translation->has_client_syn = translation->has_ack = false;
    translation->ack_from_syn = translation->reopening = translation->inherited = false;
}

/*
 * A new SYN of the client's ends the old connection only if the guest accepts it: anybody can
 * send one that does not fit, and the guest will not (RFC 5961, section 4).
 */
static void client_opens(TcpRewriter *rewriter, Translation *translation, uint32_t sequence)
{
    if (translation->has_client_syn && translation->client_initial == sequence) {
        return;
    }
    if (is_translated(translation)) {
        translation->reopening = true;
    } else {
        forget(rewriter, translation);
    }
    translation->has_client_syn = true;
    translation->client_initial = sequence;
}

/*
 * The other end has answered another SYN of the primary's than the one that is known. A translated
 * connection is not given up for it, since anybody can send one; the guest's own SYN ends it.
 */
static bool answers_anew(const Translation *translation, const PacketTcp *tcp)
{
    return (tcp->flags & TCP_SYN) && !is_translated(translation) && translation->has_ack &&
           translation->first_ack != tcp->ack;
}

static void learn_from_client(TcpRewriter *rewriter, Translation *translation, const PacketTcp *tcp)
{
    bool opens = (tcp->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;

    if (opens) {
        client_opens(rewriter, translation, tcp->sequence);
    }
    if (!(tcp->flags & TCP_ACK) || (tcp->flags & TCP_RST)) {
        return;
    }
    if (answers_anew(translation, tcp)) {
        forget(rewriter, translation);
    }
    if (!translation->has_ack) {
        translation->has_ack = true;
        translation->ack_from_syn = tcp->flags & TCP_SYN;
        translation->first_ack = tcp->ack;
        translation->has_echo = tcp->has_timestamps;
        translation->first_echo = tcp->timestamp_echo;
        learn(rewriter, translation);
    }
}

static void learn_from_guest(TcpRewriter *rewriter, Translation *translation, const PacketTcp *tcp)
{
    bool opens = (tcp->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;

    if (!(tcp->flags & TCP_SYN) ||
        (translation->has_guest && translation->guest_initial == tcp->sequence)) {
        return;
    }
    bool accepts = translation->reopening && tcp->ack == translation->client_initial + 1;
    /* The primary's own SYN can have been answered before this guest sends it. */
    bool answered = translation->has_ack && translation->ack_from_syn && !translation->has_guest;
    if (opens ? !answered : accepts) {
        forget(rewriter, translation);
    } else if (opens) {
        translation->inherited = false;
    }
    translation->has_guest = true;
    translation->guest_initial = tcp->sequence;
    translation->has_guest_timestamp = tcp->has_timestamps;
    translation->guest_timestamp = tcp->timestamp;
    learn(rewriter, translation);
}

bool tcp_rewriter_to_guest(TcpRewriter *rewriter, uint8_t *frame, size_t size, bool partial)
{
    Packet packet;

    if (packet_parse(&packet, frame, size) != PACKET_OK || packet.kind != PACKET_TCP) {
        return false;
    }
    Translation *translation = find(rewriter, &packet);
    if (!translation) {
        return false;
    }
    learn_from_client(rewriter, translation, &packet.tcp);
    uint32_t delta = translation->delta;
    if (!is_translated(translation) || !(packet.tcp.flags & TCP_ACK)) {
        return false;
    }
    add_at(&packet, frame, packet.transport_offset + TCP_ACK_AT, delta, partial);
    for (unsigned i = 0; i < packet.tcp.sack_count; i++) {
        add_at(&packet, frame, packet.tcp.sack[i].offset, delta, partial);
        add_at(&packet, frame, packet.tcp.sack[i].offset + 4, delta, partial);
    }
    if (packet.tcp.has_timestamps) {
        add_at(&packet, frame, packet.tcp.timestamps_offset + 4, translation->timestamp_delta,
               partial);
    }
    return true;
}

bool tcp_rewriter_from_guest(TcpRewriter *rewriter, uint8_t *frame, size_t size, bool partial)
{
    Packet packet;

    if (packet_parse(&packet, frame, size) != PACKET_OK || packet.kind != PACKET_TCP) {
        return false;
    }
    Translation *translation = find(rewriter, &packet);
    if (!translation) {
        return false;
    }
    learn_from_guest(rewriter, translation, &packet.tcp);
    if (!is_translated(translation)) {
        return false;
    }
    add_at(&packet, frame, packet.transport_offset + TCP_SEQUENCE_AT, -translation->delta, partial);
    if (packet.tcp.has_timestamps) {
        add_at(&packet, frame, packet.tcp.timestamps_offset, -translation->timestamp_delta,
               partial);
    }
    return true;
}

void tcp_rewriter_checkpoint(TcpRewriter *rewriter, const GArray *translations)
{
    connection_table_clear(rewriter->table);
    rewriter->alone = false;
    for (guint i = 0; translations && i < MIN(translations->len, rewriter->limit); i++) {
        const TcpTranslation *given = &g_array_index(translations, TcpTranslation, i);
        Translation *translation =
            (Translation *)connection_table_get(rewriter->table, &given->key);
        translation->inherited = true;
        set_deltas(rewriter, translation, given->delta, given->timestamp_delta);
    }
}

static void append_translation(const ConnectionEntry *entry, void *opaque)
{
    const Translation *translation = (const Translation *)entry;

    if (is_translated(translation)) {
        TcpTranslation given = { entry->key, translation->delta, translation->timestamp_delta };
        g_array_append_val((GArray *)opaque, given);
    }
}

GArray *tcp_rewriter_translations(const TcpRewriter *rewriter)
{
    GArray *translations = g_array_new(FALSE, FALSE, sizeof(TcpTranslation));

    if (rewriter->translated > 0) {
        connection_table_foreach(rewriter->table, append_translation, translations);
    }
    return translations;
}

void tcp_rewriter_failover(TcpRewriter *rewriter)
{
    rewriter->alone = true;
}

unsigned tcp_rewriter_translated(const TcpRewriter *rewriter)
{
    return rewriter->translated;
}
