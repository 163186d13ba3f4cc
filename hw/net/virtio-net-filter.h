/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Which frames a network device hands to its guest (virtio 1.2, section 5.1.6.5 "Control
 * Virtqueue": receive mode, MAC address filtering, VLAN filtering). No lock of its own: belongs to
 * the device.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "migration/vmstate.h"

#define RX_FILTER_MAC_MAX   64 /* addresses in the table, unicast and multicast together */
#define RX_FILTER_VLAN_MAX  4096
#define RX_FILTER_HEAD_SIZE 16 /* bytes of a frame that decide: addresses, type, VLAN tag */

typedef struct RxFilter {
    uint8_t mac[6];
    /* Receive mode, section 5.1.6.5.1. */
    bool promiscuous, all_multicast, all_unicast, no_multicast, no_unicast, no_broadcast;
    /* The driver's table was too long to keep: every such address passes. */
    bool unicast_overflow, multicast_overflow;
    uint32_t unicast_count;   /* first in `table` */
    uint32_t multicast_count; /* behind them */
    uint8_t table[RX_FILTER_MAC_MAX][6];
    uint32_t vlans[RX_FILTER_VLAN_MAX / 32]; /* a bit for each identifier that passes */
} RxFilter;

/* Power-on state: promiscuous, address @mac, empty table, every VLAN. */
void rx_filter_reset(RxFilter *filter, const uint8_t mac[6]);

/* Let every VLAN pass, or none until the driver names them. */
void rx_filter_set_all_vlans(RxFilter *filter, bool pass);
void rx_filter_set_vlan(RxFilter *filter, uint16_t vlan, bool pass);
bool rx_filter_vlan_passes(const RxFilter *filter, uint16_t vlan);

/*
 * Replace the table. A list of NULL has overflowed. Needs unicast_count and multicast_count
 * (0 for a list that has overflowed) to fit together.
 */
void rx_filter_set_table(RxFilter *filter, const uint8_t (*unicast)[6], uint32_t unicast_count,
                         const uint8_t (*multicast)[6], uint32_t multicast_count);

/*
 * Is a frame for the guest whose first bytes are @head? Fewer than RX_FILTER_HEAD_SIZE bytes are
 * followed by zeros.
 */
bool rx_filter_accepts(const RxFilter *filter, const uint8_t head[RX_FILTER_HEAD_SIZE]);

/* Loading refuses counts that the table could not hold. */
extern const VMStateDescription vmstate_rx_filter;
