/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Ethernet frames as a typed struct: the one place where the bytes of a frame are checked.
 * Ethernet II and IEEE 802.1Q, RFC 826 (ARP), 791 (IPv4), 8200 (IPv6), 9293 (TCP), 2018 (SACK),
 * 7323 (timestamps), 768 (UDP), 792 (ICMP), 4443 (ICMPv6).
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PACKET_MAX_SIZE       (68 * 1024) /* a frame with the largest segmentation offload */
#define PACKET_MAX_VLANS      2
#define PACKET_MAX_EXTENSIONS 8 /* IPv6 headers between the fixed one and the transport */
#define PACKET_MAX_SACKS      4 /* what fits in 40 bytes of options */

#define ETHERTYPE_IPV4_VALUE 0x0800
#define ETHERTYPE_ARP_VALUE  0x0806
#define ETHERTYPE_VLAN_VALUE 0x8100
#define ETHERTYPE_QINQ_VALUE 0x88a8
#define ETHERTYPE_IPV6_VALUE 0x86dd

enum {
    PROTOCOL_ICMP = 1,
    PROTOCOL_TCP = 6,
    PROTOCOL_UDP = 17,
    PROTOCOL_FRAGMENT = 44, /* IPv6 only */
    PROTOCOL_ICMPV6 = 58,
};

/* Places in the TCP header (RFC 9293, section 3.1). */
enum { TCP_SEQUENCE_AT = 4, TCP_ACK_AT = 8, TCP_FLAGS_AT = 13, TCP_CHECKSUM_AT = 16 };

enum {
    TCP_FIN = 0x01,
    TCP_SYN = 0x02,
    TCP_RST = 0x04,
    TCP_PSH = 0x08,
    TCP_ACK = 0x10,
    TCP_URG = 0x20,
};

typedef enum PacketKind {
    PACKET_OTHER, /* another ethertype, or another protocol over IP when ip_version is set */
    PACKET_ARP,
    PACKET_TCP,
    PACKET_UDP,
    PACKET_ICMP,
    PACKET_ICMPV6,
    PACKET_FRAGMENT, /* part of an IP datagram; to be reassembled before a closer look */
} PacketKind;

/* Why a frame was refused; packet_status_text() says it in words. */
typedef enum PacketStatus {
    PACKET_OK,
    PACKET_FRAME_TOO_LONG,
    PACKET_ETHERNET_SHORT,
    PACKET_VLAN_SHORT,
    PACKET_VLAN_DEPTH,
    PACKET_ARP_SHORT,
    PACKET_ARP_TYPES,
    PACKET_IPV4_SHORT,
    PACKET_IPV4_VERSION,
    PACKET_IPV4_HEADER_LENGTH,
    PACKET_IPV4_TOTAL_LENGTH,
    PACKET_IPV4_TRUNCATED,
    PACKET_IPV4_OPTION,
    PACKET_IPV6_SHORT,
    PACKET_IPV6_VERSION,
    PACKET_IPV6_TRUNCATED,
    PACKET_IPV6_EXTENSION_SHORT,
    PACKET_IPV6_EXTENSION_COUNT,
    PACKET_FRAGMENT_EMPTY,
    PACKET_FRAGMENT_ALIGNMENT,
    PACKET_FRAGMENT_RANGE,
    PACKET_TCP_SHORT,
    PACKET_TCP_HEADER_LENGTH,
    PACKET_TCP_OPTION,
    PACKET_TCP_SACK,
    PACKET_UDP_SHORT,
    PACKET_UDP_LENGTH,
    PACKET_ICMP_SHORT,
    PACKET_ICMPV6_SHORT,
    PACKET_STATUS_COUNT,
} PacketStatus;

typedef struct PacketFragment {
    uint32_t id;
    uint16_t offset; /* bytes, a multiple of 8 */
    bool more;
    uint32_t header_end;         /* IPv6: offset of the fragment header; IPv4: end of the header */
    uint32_t next_header_offset; /* IPv6: the byte that names the fragment header */
} PacketFragment;

typedef struct PacketSack {
    uint32_t begin, end; /* sequence numbers, end is exclusive */
    uint32_t offset;     /* of the two numbers in the frame */
} PacketSack;

typedef struct PacketTcp {
    uint32_t sequence;
    uint32_t ack; /* meaningful with TCP_ACK */
    uint16_t window;
    uint8_t flags;
    uint8_t sack_count;
    bool has_mss, has_window_scale, has_timestamps;
    uint16_t mss;
    uint8_t window_scale;
    uint32_t timestamp, timestamp_echo;
    uint32_t timestamps_offset;        /* of the two in the frame */
    PacketSack sack[PACKET_MAX_SACKS]; /* the first sack_count, the others are not set */
} PacketTcp;

typedef struct Packet {
    const uint8_t *frame; /* borrowed */
    uint32_t size;
    PacketKind kind;
    uint8_t ip_version; /* 4, 6, or 0 when this is not IP */
    uint8_t protocol;   /* of the transport, IP only */
    uint8_t vlan_count;
    uint16_t vlan_id[PACKET_MAX_VLANS]; /* outermost first */
    uint16_t ethertype;                 /* behind the tags */
    uint32_t network_offset;
    uint32_t transport_offset;
    uint32_t payload_offset; /* behind the transport header; for fragments, of the part */
    uint32_t payload_size;   /* Ethernet padding is not payload */
    uint8_t source[16];      /* IPv4 uses the first four bytes, the rest is zero */
    uint8_t destination[16];
    uint16_t source_port; /* ICMP echo: the identifier, in both */
    uint16_t destination_port;
    PacketFragment fragment; /* PACKET_FRAGMENT only */
    PacketTcp tcp;           /* PACKET_TCP only; the last member */
} Packet;

/*
 * Parse @size bytes at @frame, which must outlive @packet. Lengths are checked, checksums are
 * not: a guest with checksum offload leaves them to the card. On a refusal @packet holds what
 * was understood so far and must not be used but for frame and size.
 */
PacketStatus packet_parse(Packet *packet, const uint8_t *frame, size_t size);

/* What a refusal means, for people. Never NULL. */
const char *packet_status_text(PacketStatus status);

static inline const uint8_t *packet_payload(const Packet *packet)
{
    return packet->frame + packet->payload_offset;
}

/* a - b of sequence numbers modulo 2^32: negative when @a is before @b. */
static inline int32_t tcp_sequence_difference(uint32_t a, uint32_t b)
{
    return (int32_t)(a - b);
}
