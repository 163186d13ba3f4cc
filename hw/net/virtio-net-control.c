/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * virtio-net: the control queue (virtio 1.2, section 5.1.6.5). A command is a class byte, a
 * command byte and data that the driver wrote; one byte of answer is the device's.
 */
#include "hw/net/virtio-net-internal.h"
#include "trace-hw-net.h"
#include "util/bytes.h"

#include <string.h>

#define COMMAND_BURST 64 /* commands in one go; what comes then waits for the main loop */
#define ACK_SIZE      1

enum {
    ACK_OK = 0,
    ACK_ERROR = 1,
};

enum {
    CLASS_RECEIVE = 0,
    CLASS_MAC = 1,
    CLASS_VLAN = 2,
    CLASS_ANNOUNCE = 3,
    CLASS_GUEST_OFFLOADS = 5,
};

enum {
    RECEIVE_PROMISCUOUS = 0,
    RECEIVE_ALL_MULTICAST = 1,
    RECEIVE_ALL_UNICAST = 2,
    RECEIVE_NO_MULTICAST = 3,
    RECEIVE_NO_UNICAST = 4,
    RECEIVE_NO_BROADCAST = 5,
};

enum {
    MAC_TABLE_SET = 0,
    MAC_ADDRESS_SET = 1,
};

enum {
    VLAN_ADD = 0,
    VLAN_REMOVE = 1,
};

enum {
    ANNOUNCE_ACK = 0,
    GUEST_OFFLOADS_SET = 0,
};

/* The data of a command, read piece by piece. */
typedef struct CommandData {
    const VirtQueueElement *element;
    size_t offset;
    size_t left; /* bytes */
} CommandData;

/* Exactly the @size bytes that are left. */
static bool take_all(CommandData *data, void *buffer, size_t size)
{
    return data->left == size &&
           virtqueue_element_read(data->element, data->offset, buffer, size) == size;
}

static bool receive_mode(VirtIONet *net, uint8_t command, CommandData *data)
{
    bool *const modes[] = {
        [RECEIVE_PROMISCUOUS] = &net->filter.promiscuous,
        [RECEIVE_ALL_MULTICAST] = &net->filter.all_multicast,
        [RECEIVE_ALL_UNICAST] = &net->filter.all_unicast,
        [RECEIVE_NO_MULTICAST] = &net->filter.no_multicast,
        [RECEIVE_NO_UNICAST] = &net->filter.no_unicast,
        [RECEIVE_NO_BROADCAST] = &net->filter.no_broadcast,
    };
    unsigned feature =
        command < RECEIVE_ALL_UNICAST ? VIRTIO_NET_F_CTRL_RX : VIRTIO_NET_F_CTRL_RX_EXTRA;
    uint8_t on;

    if (command >= G_N_ELEMENTS(modes) || !virtio_has_feature(&net->parent, feature) ||
        !take_all(data, &on, sizeof(on))) {
        return false;
    }
    *modes[command] = on != 0;
    virtio_net_rx_filter_changed(net);
    return true;
}

/* A list of addresses in the command: kept in @list, or counted only when there are more. */
typedef struct MacList {
    uint32_t count;
    bool overflow;
    uint8_t list[RX_FILTER_MAC_MAX][6];
} MacList;

static bool take_mac_list(CommandData *data, uint32_t room, MacList *macs)
{
    uint8_t count[4];

    if (data->left < sizeof(count) || virtqueue_element_read(data->element, data->offset, count,
                                                             sizeof(count)) != sizeof(count)) {
        return false;
    }
    data->offset += sizeof(count);
    data->left -= sizeof(count);
    macs->count = load_le32(count);
    if (macs->count > data->left / 6) {
        return false;
    }
    size_t size = (size_t)macs->count * 6;
    macs->overflow = macs->count > room;
    if (macs->overflow) {
        macs->count = 0;
    } else if (virtqueue_element_read(data->element, data->offset, macs->list, size) != size) {
        return false;
    }
    data->offset += size;
    data->left -= size;
    return true;
}

static bool mac_table_set(VirtIONet *net, CommandData *data)
{
    MacList unicast, multicast;

    if (!virtio_has_feature(&net->parent, VIRTIO_NET_F_CTRL_RX) ||
        !take_mac_list(data, RX_FILTER_MAC_MAX, &unicast) ||
        !take_mac_list(data, RX_FILTER_MAC_MAX - unicast.count, &multicast) || data->left != 0) {
        return false;
    }
    rx_filter_set_table(&net->filter, unicast.overflow ? NULL : (void *)unicast.list, unicast.count,
                        multicast.overflow ? NULL : (void *)multicast.list, multicast.count);
    virtio_net_rx_filter_changed(net);
    return true;
}

static bool mac_command(VirtIONet *net, uint8_t command, CommandData *data)
{
    uint8_t mac[6];

    switch (command) {
    case MAC_TABLE_SET:
        return mac_table_set(net, data);
    case MAC_ADDRESS_SET:
        if (!virtio_has_feature(&net->parent, VIRTIO_NET_F_CTRL_MAC_ADDR) ||
            !take_all(data, mac, sizeof(mac))) {
            return false;
        }
        virtio_net_set_mac(net, mac);
        return true;
    default:
        return false;
    }
}

static bool vlan_command(VirtIONet *net, uint8_t command, CommandData *data)
{
    uint8_t wire[2];

    if (command > VLAN_REMOVE || !virtio_has_feature(&net->parent, VIRTIO_NET_F_CTRL_VLAN) ||
        !take_all(data, wire, sizeof(wire)) || load_le16(wire) >= RX_FILTER_VLAN_MAX) {
        return false;
    }
    rx_filter_set_vlan(&net->filter, load_le16(wire), command == VLAN_ADD);
    virtio_net_rx_filter_changed(net);
    return true;
}

static bool announce_command(VirtIONet *net, uint8_t command, CommandData *data)
{
    if (command != ANNOUNCE_ACK || data->left != 0 ||
        !(net->link_status & VIRTIO_NET_STATUS_ANNOUNCE)) {
        return false;
    }
    net->link_status &= (uint16_t)~VIRTIO_NET_STATUS_ANNOUNCE;
    return true;
}

static bool offloads_command(VirtIONet *net, uint8_t command, CommandData *data)
{
    uint64_t agreed = net->parent.guest_features & VIRTIO_NET_GUEST_OFFLOADS;
    uint8_t wire[8];

    if (command != GUEST_OFFLOADS_SET ||
        !virtio_has_feature(&net->parent, VIRTIO_NET_F_CTRL_GUEST_OFFLOADS) ||
        !take_all(data, wire, sizeof(wire)) || load_le64(wire) & ~agreed) {
        return false;
    }
    net->guest_offloads = load_le64(wire);
    virtio_net_apply_offloads(net);
    return true;
}

static bool run_command(VirtIONet *net, uint8_t class, uint8_t command, CommandData *data)
{
    switch (class) {
    case CLASS_RECEIVE:
        return receive_mode(net, command, data);
    case CLASS_MAC:
        return mac_command(net, command, data);
    case CLASS_VLAN:
        return vlan_command(net, command, data);
    case CLASS_ANNOUNCE:
        return announce_command(net, command, data);
    case CLASS_GUEST_OFFLOADS:
        return offloads_command(net, command, data);
    default: /* queue pairs too, which are not offered */
        return false;
    }
}

static size_t pieces_size(const struct iovec *pieces, unsigned count)
{
    size_t size = 0;

    for (unsigned i = 0; i < count; i++) {
        size += pieces[i].iov_len;
    }
    return size;
}

/* False: the device is broken now. */
static bool handle_element(VirtIONet *net, VirtQueueElement *element)
{
    uint8_t head[2], ack;
    CommandData data = { .element = element, .offset = sizeof(head) };
    size_t size = pieces_size(element->out, element->out_count);

    if (size < sizeof(head) || pieces_size(element->in, element->in_count) < ACK_SIZE) {
        virtio_error(&net->parent, "control queue: chain %u has no room for command and answer",
                     element->head);
        return false;
    }
    virtqueue_element_read(element, 0, head, sizeof(head));
    data.left = size - sizeof(head);
    ack = run_command(net, head[0], head[1], &data) ? ACK_OK : ACK_ERROR;
    trace_virtio_net_control(head[0], head[1], size - sizeof(head), ack);
    virtqueue_element_write(element, 0, &ack, ACK_SIZE);
    virtqueue_push(net->control, element, ACK_SIZE);
    return true;
}

void virtio_net_control_run(VirtIONet *net)
{
    unsigned count = 0;
    VirtQueueElement *element;

    if (!virtio_net_can_use(net, net->control)) {
        return;
    }
    while (count < COMMAND_BURST && (element = virtqueue_pop(net->control))) {
        bool ok = handle_element(net, element);
        virtqueue_element_free(element);
        if (!ok) {
            return;
        }
        count++;
    }
    if (count > 0) {
        virtqueue_notify(net->control);
    }
    if (count == COMMAND_BURST) {
        virtio_net_schedule(net, VIRTIO_NET_WORK_CONTROL);
    }
}

void virtio_net_control_notified(VirtIODevice *device, VirtQueue *queue)
{
    /* The driver waits for the answer in a loop: it does not pay to make it wait longer. */
    virtio_net_control_run(VIRTIO_NET(device));
}
