/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Link and network layer of the frame parser: Ethernet, VLAN tags, ARP, IPv4, IPv6. */
#include <string.h>

#include "net/packet-internal.h"
#include "util/bytes.h"

#define ETHERNET_HEADER 14
#define VLAN_TAG        4
#define ARP_IPV4_SIZE   28
#define IPV4_HEADER     20
#define IPV6_HEADER     40
#define FRAGMENT_HEADER 8
#define MAX_DATAGRAM    65535

#define IPV4_MORE   0x2000
#define IPV4_OFFSET 0x1fff

#define IPV6_HOP_BY_HOP     0
#define IPV6_ROUTING        43
#define IPV6_AUTHENTICATION 51
#define IPV6_DESTINATION    60
#define IPV6_MOBILITY       135

static const char *const status_texts[PACKET_STATUS_COUNT] = {
    [PACKET_OK] = "valid",
    [PACKET_FRAME_TOO_LONG] = "frame longer than 69632 bytes",
    [PACKET_ETHERNET_SHORT] = "frame shorter than an Ethernet header",
    [PACKET_VLAN_SHORT] = "VLAN tag cut off",
    [PACKET_VLAN_DEPTH] = "more than two VLAN tags",
    [PACKET_ARP_SHORT] = "ARP message cut off",
    [PACKET_ARP_TYPES] = "ARP for other than Ethernet and IPv4",
    [PACKET_IPV4_SHORT] = "IPv4 header cut off",
    [PACKET_IPV4_VERSION] = "IPv4 ethertype, but another IP version",
    [PACKET_IPV4_HEADER_LENGTH] = "IPv4 header length below 20 bytes or beyond the frame",
    [PACKET_IPV4_TOTAL_LENGTH] = "IPv4 total length below the header length",
    [PACKET_IPV4_TRUNCATED] = "IPv4 total length beyond the frame",
    [PACKET_IPV4_OPTION] = "IPv4 option with a wrong length",
    [PACKET_IPV6_SHORT] = "IPv6 header cut off",
    [PACKET_IPV6_VERSION] = "IPv6 ethertype, but another IP version",
    [PACKET_IPV6_TRUNCATED] = "IPv6 payload length beyond the frame",
    [PACKET_IPV6_EXTENSION_SHORT] = "IPv6 extension header cut off",
    [PACKET_IPV6_EXTENSION_COUNT] = "more than 8 IPv6 extension headers",
    [PACKET_FRAGMENT_EMPTY] = "IP fragment without data",
    [PACKET_FRAGMENT_ALIGNMENT] = "IP fragment before the last is no multiple of 8 bytes",
    [PACKET_FRAGMENT_RANGE] = "IP fragment reaches beyond 65535 bytes",
    [PACKET_TCP_SHORT] = "TCP header cut off",
    [PACKET_TCP_HEADER_LENGTH] = "TCP header length below 20 bytes or beyond the packet",
    [PACKET_TCP_OPTION] = "TCP option with a wrong length",
    [PACKET_TCP_SACK] = "TCP SACK option is not a list of one to four ranges",
    [PACKET_UDP_SHORT] = "UDP header cut off",
    [PACKET_UDP_LENGTH] = "UDP length below 8 bytes or beyond the packet",
    [PACKET_ICMP_SHORT] = "ICMP header cut off",
    [PACKET_ICMPV6_SHORT] = "ICMPv6 header cut off",
};

const char *packet_status_text(PacketStatus status)
{
    return status < PACKET_STATUS_COUNT ? status_texts[status] : "unknown packet status";
}

static PacketStatus parse_arp(Packet *packet)
{
    const uint8_t *arp = packet->frame + packet->network_offset;

    if (packet->size - packet->network_offset < ARP_IPV4_SIZE) {
        return PACKET_ARP_SHORT;
    }
    if (load_be16(arp) != 1 || load_be16(arp + 2) != ETHERTYPE_IPV4_VALUE || arp[4] != 6 ||
        arp[5] != 4) {
        return PACKET_ARP_TYPES;
    }
    memcpy(packet->source, arp + 14, 4);
    memcpy(packet->destination, arp + 24, 4);
    packet->kind = PACKET_ARP;
    packet->payload_offset = packet->network_offset;
    packet->payload_size = ARP_IPV4_SIZE;
    return PACKET_OK;
}

/* A part of a datagram in [transport_offset, end): PACKET_FRAGMENT. */
static PacketStatus accept_fragment(Packet *packet, uint32_t end)
{
    const PacketFragment *fragment = &packet->fragment;
    uint32_t length = end - packet->transport_offset;

    if (length == 0) {
        return PACKET_FRAGMENT_EMPTY;
    }
    if (fragment->more && length % 8 != 0) {
        return PACKET_FRAGMENT_ALIGNMENT;
    }
    if (fragment->offset + length > MAX_DATAGRAM) {
        return PACKET_FRAGMENT_RANGE;
    }
    packet->kind = PACKET_FRAGMENT;
    packet->payload_offset = packet->transport_offset;
    packet->payload_size = length;
    return PACKET_OK;
}

static bool ipv4_options_valid(const uint8_t *option, uint32_t left)
{
    while (left > 0 && option[0] != 0) {
        uint32_t length = 1;
        if (option[0] != 1) {
            if (left < 2 || option[1] < 2 || option[1] > left) {
                return false;
            }
            length = option[1];
        }
        option += length;
        left -= length;
    }
    return true;
}

static PacketStatus validate_ipv4(const Packet *packet, uint32_t *header_size, uint32_t *total)
{
    const uint8_t *ip = packet->frame + packet->network_offset;
    uint32_t left = packet->size - packet->network_offset;

    if (left < IPV4_HEADER) {
        return PACKET_IPV4_SHORT;
    }
    if (ip[0] >> 4 != 4) {
        return PACKET_IPV4_VERSION;
    }
    *header_size = (ip[0] & 15) * 4;
    *total = load_be16(ip + 2);
    if (*header_size < IPV4_HEADER || *header_size > left) {
        return PACKET_IPV4_HEADER_LENGTH;
    }
    if (*total < *header_size) {
        return PACKET_IPV4_TOTAL_LENGTH;
    }
    if (*total > left) {
        return PACKET_IPV4_TRUNCATED;
    }
    if (!ipv4_options_valid(ip + IPV4_HEADER, *header_size - IPV4_HEADER)) {
        return PACKET_IPV4_OPTION;
    }
    return PACKET_OK;
}

static PacketStatus parse_ipv4(Packet *packet)
{
    const uint8_t *ip = packet->frame + packet->network_offset;
    uint32_t header_size;
    uint32_t total;
    PacketStatus status = validate_ipv4(packet, &header_size, &total);

    if (status != PACKET_OK) {
        return status;
    }
    uint16_t fragment = load_be16(ip + 6);
    uint32_t end = packet->network_offset + total;
    packet->ip_version = 4;
    packet->protocol = ip[9];
    memcpy(packet->source, ip + 12, 4);
    memcpy(packet->destination, ip + 16, 4);
    packet->transport_offset = packet->network_offset + header_size;
    if (fragment & (IPV4_MORE | IPV4_OFFSET)) {
        packet->fragment = (PacketFragment){
            .id = load_be16(ip + 4),
            .offset = (fragment & IPV4_OFFSET) * 8,
            .more = fragment & IPV4_MORE,
            .header_end = packet->transport_offset,
        };
        return accept_fragment(packet, end);
    }
    return packet_parse_transport(packet, end);
}

static bool ipv6_is_extension(uint8_t header)
{
    return header == IPV6_HOP_BY_HOP || header == IPV6_ROUTING || header == IPV6_DESTINATION ||
           header == IPV6_AUTHENTICATION || header == IPV6_MOBILITY || header == PROTOCOL_FRAGMENT;
}

static uint32_t ipv6_extension_size(uint8_t header, const uint8_t *bytes)
{
    if (header == PROTOCOL_FRAGMENT) {
        return FRAGMENT_HEADER;
    }
    return header == IPV6_AUTHENTICATION ? (bytes[1] + 2u) * 4 : (bytes[1] + 1u) * 8;
}

/*
 * Take the extension headers up to the transport header, or to a fragment header that says that
 * this is a part only. An atomic fragment (RFC 6946) is a whole datagram.
 */
static PacketStatus parse_ipv6_extensions(Packet *packet, uint32_t next_offset, uint32_t end)
{
    uint32_t offset = packet->network_offset + IPV6_HEADER;
    uint8_t header = packet->frame[next_offset];

    for (unsigned count = 0; ipv6_is_extension(header); count++) {
        const uint8_t *bytes = packet->frame + offset;
        if (count == PACKET_MAX_EXTENSIONS) {
            return PACKET_IPV6_EXTENSION_COUNT;
        }
        if (end - offset < 8 || ipv6_extension_size(header, bytes) > end - offset) {
            return PACKET_IPV6_EXTENSION_SHORT;
        }
        uint32_t size = ipv6_extension_size(header, bytes);
        if (header == PROTOCOL_FRAGMENT && (load_be16(bytes + 2) & 0xfff9) != 0) {
            packet->protocol = bytes[0];
            packet->transport_offset = offset + size;
            packet->fragment = (PacketFragment){
                .id = load_be32(bytes + 4),
                .offset = load_be16(bytes + 2) & 0xfff8,
                .more = bytes[3] & 1,
                .header_end = offset,
                .next_header_offset = next_offset,
            };
            return accept_fragment(packet, end);
        }
        header = bytes[0];
        next_offset = offset;
        offset += size;
    }
    packet->protocol = header;
    packet->transport_offset = offset;
    return packet_parse_transport(packet, end);
}

static PacketStatus parse_ipv6(Packet *packet)
{
    const uint8_t *ip = packet->frame + packet->network_offset;
    uint32_t left = packet->size - packet->network_offset;

    if (left < IPV6_HEADER) {
        return PACKET_IPV6_SHORT;
    }
    if (ip[0] >> 4 != 6) {
        return PACKET_IPV6_VERSION;
    }
    uint32_t total = IPV6_HEADER + load_be16(ip + 4);
    if (total > left) {
        return PACKET_IPV6_TRUNCATED;
    }
    packet->ip_version = 6;
    memcpy(packet->source, ip + 8, 16);
    memcpy(packet->destination, ip + 24, 16);
    return parse_ipv6_extensions(packet, packet->network_offset + 6,
                                 packet->network_offset + total);
}

static PacketStatus parse_tags(Packet *packet)
{
    uint32_t offset = 12;

    packet->ethertype = load_be16(packet->frame + offset);
    while (packet->ethertype == ETHERTYPE_VLAN_VALUE || packet->ethertype == ETHERTYPE_QINQ_VALUE) {
        if (packet->vlan_count == PACKET_MAX_VLANS) {
            return PACKET_VLAN_DEPTH;
        }
        if (packet->size - offset < VLAN_TAG + 2) {
            return PACKET_VLAN_SHORT;
        }
        packet->vlan_id[packet->vlan_count++] = load_be16(packet->frame + offset + 2) & 0xfff;
        offset += VLAN_TAG;
        packet->ethertype = load_be16(packet->frame + offset);
    }
    packet->network_offset = offset + 2;
    return PACKET_OK;
}

PacketStatus packet_parse(Packet *packet, const uint8_t *frame, size_t size)
{
    memset(packet, 0, offsetof(Packet, tcp.sack));
    packet->frame = frame;
    packet->size = size;
    if (size > PACKET_MAX_SIZE) {
        return PACKET_FRAME_TOO_LONG;
    }
    if (size < ETHERNET_HEADER) {
        return PACKET_ETHERNET_SHORT;
    }
    PacketStatus status = parse_tags(packet);
    if (status != PACKET_OK) {
        return status;
    }
    switch (packet->ethertype) {
    case ETHERTYPE_ARP_VALUE:
        return parse_arp(packet);
    case ETHERTYPE_IPV4_VALUE:
        return parse_ipv4(packet);
    case ETHERTYPE_IPV6_VALUE:
        return parse_ipv6(packet);
    default:
        packet->payload_offset = packet->network_offset;
        packet->payload_size = packet->size - packet->network_offset;
        return PACKET_OK;
    }
}
