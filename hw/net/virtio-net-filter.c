/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Receive filter of a network device. */
#include "hw/net/virtio-net-filter.h"

#include <string.h>

#include "util/bytes.h"
#include "util/report.h"

#define ETHERNET_TYPE_OFFSET 12
#define ETHERTYPE_VLAN       0x8100
#define VLAN_ID_MASK         0x0fff
#define GROUP_BIT            1 /* of the first byte of an address */

void rx_filter_reset(RxFilter *filter, const uint8_t mac[6])
{
    memset(filter, 0, sizeof(*filter));
    memcpy(filter->mac, mac, sizeof(filter->mac));
    filter->promiscuous = true;
    rx_filter_set_all_vlans(filter, true);
}

void rx_filter_set_all_vlans(RxFilter *filter, bool pass)
{
    memset(filter->vlans, pass ? 0xff : 0, sizeof(filter->vlans));
}

void rx_filter_set_vlan(RxFilter *filter, uint16_t vlan, bool pass)
{
    uint32_t bit = UINT32_C(1) << (vlan % 32);
    uint32_t *word = &filter->vlans[(vlan & VLAN_ID_MASK) / 32];

    *word = pass ? *word | bit : *word & ~bit;
}

bool rx_filter_vlan_passes(const RxFilter *filter, uint16_t vlan)
{
    return filter->vlans[(vlan & VLAN_ID_MASK) / 32] >> (vlan % 32) & 1;
}

void rx_filter_set_table(RxFilter *filter, const uint8_t (*unicast)[6], uint32_t unicast_count,
                         const uint8_t (*multicast)[6], uint32_t multicast_count)
{
    g_assert(unicast_count + multicast_count <= RX_FILTER_MAC_MAX);
    memset(filter->table, 0, sizeof(filter->table));
    filter->unicast_overflow = unicast == NULL;
    filter->multicast_overflow = multicast == NULL;
    filter->unicast_count = unicast ? unicast_count : 0;
    filter->multicast_count = multicast ? multicast_count : 0;
    if (unicast) {
        memcpy(filter->table, unicast, (size_t)unicast_count * 6);
    }
    if (multicast) {
        memcpy(filter->table[filter->unicast_count], multicast, (size_t)multicast_count * 6);
    }
}

static bool table_has(const RxFilter *filter, uint32_t first, uint32_t count,
                      const uint8_t address[6])
{
    for (uint32_t i = first; i < first + count; i++) {
        if (memcmp(filter->table[i], address, 6) == 0) {
            return true;
        }
    }
    return false;
}

static bool group_accepts(const RxFilter *filter, const uint8_t address[6])
{
    static const uint8_t broadcast[6] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };

    if (memcmp(address, broadcast, 6) == 0) {
        return !filter->no_broadcast;
    }
    if (filter->no_multicast) {
        return false;
    }
    return filter->all_multicast || filter->multicast_overflow ||
           table_has(filter, filter->unicast_count, filter->multicast_count, address);
}

static bool unicast_accepts(const RxFilter *filter, const uint8_t address[6])
{
    if (filter->no_unicast) {
        return false;
    }
    return filter->all_unicast || filter->unicast_overflow ||
           memcmp(filter->mac, address, 6) == 0 ||
           table_has(filter, 0, filter->unicast_count, address);
}

bool rx_filter_accepts(const RxFilter *filter, const uint8_t head[RX_FILTER_HEAD_SIZE])
{
    if (filter->promiscuous) {
        return true;
    }
    if (load_be16(head + ETHERNET_TYPE_OFFSET) == ETHERTYPE_VLAN &&
        !rx_filter_vlan_passes(filter, load_be16(head + ETHERNET_TYPE_OFFSET + 2))) {
        return false;
    }
    return head[0] & GROUP_BIT ? group_accepts(filter, head) : unicast_accepts(filter, head);
}

/* ---- migration ---- */

static bool rx_filter_post_load(void *opaque, int version, GError **error)
{
    const RxFilter *filter = opaque;

    if (filter->unicast_count > RX_FILTER_MAC_MAX ||
        filter->multicast_count > RX_FILTER_MAC_MAX - filter->unicast_count) {
        qc_error_set(error,
                     "receive filter has %u unicast and %u multicast addresses, expected at "
                     "most %d together",
                     filter->unicast_count, filter->multicast_count, RX_FILTER_MAC_MAX);
        return false;
    }
    return true;
}

static const VMStateField rx_filter_fields[] = {
    VMSTATE_BUFFER(mac, RxFilter),
    VMSTATE_BOOL(promiscuous, RxFilter),
    VMSTATE_BOOL(all_multicast, RxFilter),
    VMSTATE_BOOL(all_unicast, RxFilter),
    VMSTATE_BOOL(no_multicast, RxFilter),
    VMSTATE_BOOL(no_unicast, RxFilter),
    VMSTATE_BOOL(no_broadcast, RxFilter),
    VMSTATE_BOOL(unicast_overflow, RxFilter),
    VMSTATE_BOOL(multicast_overflow, RxFilter),
    VMSTATE_UINT32(unicast_count, RxFilter),
    VMSTATE_UINT32(multicast_count, RxFilter),
    VMSTATE_BUFFER(table, RxFilter),
    VMSTATE_UINT32_ARRAY(vlans, RxFilter),
    VMSTATE_END,
};

const VMStateDescription vmstate_rx_filter = {
    .name = "virtio-net/rx-filter",
    .version = 1,
    .minimum_version = 1,
    .post_load = rx_filter_post_load,
    .fields = rx_filter_fields,
};
