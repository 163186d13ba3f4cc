/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * virtio-net: the device (virtio 1.2, section 5.1). One pair of queues and the control queue.
 */
#include "hw/net/virtio-net-internal.h"

#include <string.h>

#include "system/runstate.h"
#include "trace-hw-net.h"
#include "util/bytes.h"
#include "util/report.h"

OBJECT_DEFINE_TYPE(VirtIONet, VirtIODeviceClass, virtio_net, TYPE_VIRTIO_NET, TYPE_VIRTIO_DEVICE);

#define RX_QUEUE_SIZE_MIN  256
#define TX_QUEUE_SIZE_MIN  256
#define TX_QUEUE_SIZE_MAX  256 /* where the back end is in this process */
#define CONTROL_QUEUE_SIZE 64
#define TX_BURST_DEFAULT   256
#define HOST_MTU_MIN       68 /* RFC 791: what every link carries */

/* Configuration, section 5.1.4. */
#define CONFIG_MAC         0
#define CONFIG_STATUS      6
#define CONFIG_QUEUE_PAIRS 8
#define CONFIG_MTU         10
#define CONFIG_SPEED       12
#define CONFIG_DUPLEX      16
#define CONFIG_SIZE        17

#define DUPLEX_HALF    0
#define DUPLEX_FULL    1
#define DUPLEX_UNKNOWN 0xff

#define BIT64(n) (UINT64_C(1) << (n))

/* ---- work for the main loop ---- */

/* Tell the guest of the frames that it was given since the last time. */
static void notify_receive(VirtIONet *net)
{
    if (net->work_pending & VIRTIO_NET_WORK_NOTIFY_RECEIVE) {
        net->work_pending &= ~(unsigned)VIRTIO_NET_WORK_NOTIFY_RECEIVE;
        virtqueue_notify(net->rx);
    }
}

static void do_work(void *opaque)
{
    VirtIONet *net = opaque;
    unsigned work = net->work_pending;

    net->work_pending = 0;
    if (work & VIRTIO_NET_WORK_CONTROL) {
        virtio_net_control_run(net);
    }
    if (work & VIRTIO_NET_WORK_TRANSMIT) {
        virtio_net_transmit(net);
    }
    if (work & VIRTIO_NET_WORK_RECEIVE && virtio_net_can_receive(net->client)) {
        net_flush(net->client);
    }
    /* Last, so that one interrupt tells of all frames. */
    net->work_pending |= work & VIRTIO_NET_WORK_NOTIFY_RECEIVE;
    notify_receive(net);
}

void virtio_net_schedule(VirtIONet *net, unsigned work)
{
    net->work_pending |= work;
    bottom_half_schedule(net->work);
}

/* ---- features ---- */

static const struct {
    uint8_t guest, host; /* feature bits */
    uint32_t offload;    /* NET_OFFLOAD_* */
} offload_features[] = {
    { VIRTIO_NET_F_GUEST_CSUM, VIRTIO_NET_F_CSUM, NET_OFFLOAD_CHECKSUM },
    { VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_HOST_TSO4, NET_OFFLOAD_TSO4 },
    { VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_HOST_TSO6, NET_OFFLOAD_TSO6 },
    { VIRTIO_NET_F_GUEST_ECN, VIRTIO_NET_F_HOST_ECN, NET_OFFLOAD_ECN },
    { VIRTIO_NET_F_GUEST_UFO, VIRTIO_NET_F_HOST_UFO, NET_OFFLOAD_UFO },
};

uint32_t virtio_net_guest_offloads(uint64_t features)
{
    uint32_t offloads = 0;

    for (size_t i = 0; i < G_N_ELEMENTS(offload_features); i++) {
        if (features >> offload_features[i].guest & 1) {
            offloads |= offload_features[i].offload;
        }
    }
    return offloads;
}

/* Bits that make no sense without another one (section 5.1.3.1). */
static const struct {
    uint8_t bit, needs;
} feature_dependencies[] = {
    { VIRTIO_NET_F_GUEST_TSO4, VIRTIO_NET_F_GUEST_CSUM },
    { VIRTIO_NET_F_GUEST_TSO6, VIRTIO_NET_F_GUEST_CSUM },
    { VIRTIO_NET_F_GUEST_UFO, VIRTIO_NET_F_GUEST_CSUM },
    { VIRTIO_NET_F_HOST_TSO4, VIRTIO_NET_F_CSUM },
    { VIRTIO_NET_F_HOST_TSO6, VIRTIO_NET_F_CSUM },
    { VIRTIO_NET_F_GSO, VIRTIO_NET_F_CSUM },
    { VIRTIO_NET_F_CTRL_RX, VIRTIO_NET_F_CTRL_VQ },
    { VIRTIO_NET_F_CTRL_RX_EXTRA, VIRTIO_NET_F_CTRL_VQ },
    { VIRTIO_NET_F_CTRL_VLAN, VIRTIO_NET_F_CTRL_VQ },
    { VIRTIO_NET_F_GUEST_ANNOUNCE, VIRTIO_NET_F_CTRL_VQ },
    { VIRTIO_NET_F_GUEST_ANNOUNCE, VIRTIO_NET_F_STATUS },
    { VIRTIO_NET_F_CTRL_MAC_ADDR, VIRTIO_NET_F_CTRL_VQ },
    { VIRTIO_NET_F_CTRL_GUEST_OFFLOADS, VIRTIO_NET_F_CTRL_VQ },
};

/*
 * What is offered does not depend on the back end or its filters: what they cannot take is done in
 * software on the way (net_offload_resolve()), faster than by the guest. So a guest can be
 * migrated, or protected again, to a host whose back end or filters are others.
 */
static uint64_t virtio_net_get_features(VirtIODevice *device, uint64_t transport_features)
{
    VirtIONet *net = VIRTIO_NET(device);
    uint64_t features = BIT64(VIRTIO_NET_F_MAC);

    for (unsigned bit = 0; bit < G_N_ELEMENTS(net->wanted); bit++) {
        features |= net->wanted[bit] ? BIT64(bit) : 0;
    }
    if (transport_features & BIT64(VIRTIO_F_VERSION_1)) {
        features &= ~BIT64(VIRTIO_NET_F_GSO); /* legacy devices alone have it */
    }
    if (net->host_mtu) {
        features |= BIT64(VIRTIO_NET_F_MTU);
    }
    if (net->speed >= 0 || net->duplex) {
        features |= BIT64(VIRTIO_NET_F_SPEED_DUPLEX);
    }
    for (size_t i = 0; i < G_N_ELEMENTS(feature_dependencies); i++) {
        if (!(features >> feature_dependencies[i].needs & 1)) {
            features &= ~BIT64(feature_dependencies[i].bit);
        }
    }
    return transport_features | features;
}

void virtio_net_apply_offloads(VirtIONet *net)
{
    uint32_t offloads = virtio_net_guest_offloads(net->guest_offloads);

    /* Each checkpoint loads the features again: do not bother the host's kernel every time. */
    if (offloads != net->told_offloads) {
        trace_virtio_net_offloads(offloads);
        net->told_offloads = offloads;
        net_set_offloads(net->client, offloads);
    }
}

void virtio_net_features_changed(VirtIONet *net)
{
    VirtIODevice *device = &net->parent;

    net->mergeable = virtio_has_feature(device, VIRTIO_NET_F_MRG_RXBUF);
    net->header_size = net->mergeable || virtio_has_feature(device, VIRTIO_F_VERSION_1)
                           ? VNET_HEADER_MERGEABLE_SIZE
                           : VNET_HEADER_SIZE;
}

static void virtio_net_set_features(VirtIODevice *device, uint64_t features)
{
    VirtIONet *net = VIRTIO_NET(device);

    virtio_net_features_changed(net);
    net->guest_offloads = features & VIRTIO_NET_GUEST_OFFLOADS;
    virtio_net_apply_offloads(net);
    rx_filter_set_all_vlans(&net->filter, !(features & BIT64(VIRTIO_NET_F_CTRL_VLAN)));
}

/* ---- configuration ---- */

static uint8_t duplex_code(const char *duplex)
{
    if (!duplex) {
        return DUPLEX_UNKNOWN;
    }
    return strcmp(duplex, "full") == 0 ? DUPLEX_FULL : DUPLEX_HALF;
}

static void virtio_net_get_config(VirtIODevice *device, uint8_t *config)
{
    VirtIONet *net = VIRTIO_NET(device);

    memcpy(config + CONFIG_MAC, net->filter.mac, 6);
    store_le16(config + CONFIG_STATUS, net->link_status);
    store_le16(config + CONFIG_QUEUE_PAIRS, 1);
    store_le16(config + CONFIG_MTU, net->host_mtu);
    store_le32(config + CONFIG_SPEED, (uint32_t)net->speed);
    config[CONFIG_DUPLEX] = duplex_code(net->duplex);
}

void virtio_net_set_mac(VirtIONet *net, const uint8_t mac[6])
{
    g_autofree char *text = net_mac_to_string(mac);

    if (memcmp(net->filter.mac, mac, 6) == 0) {
        return;
    }
    trace_virtio_net_mac(text);
    memcpy(net->filter.mac, mac, 6);
    memcpy(net->client->mac, mac, 6);
    virtio_net_rx_filter_changed(net);
}

/* Legacy drivers set the address so; those who can use the control queue, or are modern, do not. */
static void virtio_net_set_config(VirtIODevice *device, const uint8_t *config)
{
    VirtIONet *net = VIRTIO_NET(device);

    if (!virtio_has_feature(device, VIRTIO_NET_F_CTRL_MAC_ADDR) &&
        !virtio_has_feature(device, VIRTIO_F_VERSION_1)) {
        virtio_net_set_mac(net, config + CONFIG_MAC);
    }
}

/* ---- link and announcements ---- */

bool virtio_net_update_link(VirtIONet *net)
{
    uint16_t before = net->link_status;

    if (net_link_up(net->client)) {
        net->link_status |= VIRTIO_NET_STATUS_LINK_UP;
    } else {
        net->link_status &= (uint16_t)~VIRTIO_NET_STATUS_LINK_UP;
    }
    return net->link_status != before;
}

static void link_changed(NetClient *client)
{
    VirtIONet *net = client->opaque;

    if (virtio_net_update_link(net)) {
        trace_virtio_net_link(net->link_status & VIRTIO_NET_STATUS_LINK_UP);
        virtio_notify_config(&net->parent);
    }
    /* A peer that has gone will not say that a frame has left. */
    if (net->transmit_waiting && !client->peer) {
        net->transmit_waiting = false;
    }
    virtio_net_schedule(net, VIRTIO_NET_WORK_TRANSMIT);
}

/* The guest announces itself by ARP and ND, and acknowledges (section 5.1.6.5.4). */
static void announce(NetClient *client)
{
    VirtIONet *net = client->opaque;

    if (!virtio_has_feature(&net->parent, VIRTIO_NET_F_GUEST_ANNOUNCE) ||
        !(net->parent.status & VIRTIO_STATUS_DRIVER_OK)) {
        return;
    }
    net->link_status |= VIRTIO_NET_STATUS_ANNOUNCE;
    virtio_notify_config(&net->parent);
}

static char *describe(NetClient *client)
{
    g_autofree char *mac = net_mac_to_string(client->mac);

    return g_strdup_printf("model=%s,macaddr=%s", client->model, mac);
}

const NetClientOps virtio_net_client_ops = {
    .type = "nic",
    .receive = virtio_net_receive,
    .can_receive = virtio_net_can_receive,
    .link_changed = link_changed,
    .announce = announce,
    .describe = describe,
};

/* ---- life ---- */

static void virtio_net_set_status(VirtIODevice *device, uint8_t status)
{
    VirtIONet *net = VIRTIO_NET(device);

    if (status & VIRTIO_STATUS_DRIVER_OK) {
        virtio_net_schedule(net, VIRTIO_NET_WORK_TRANSMIT | VIRTIO_NET_WORK_CONTROL |
                                     VIRTIO_NET_WORK_RECEIVE);
    }
}

void virtio_net_forget_sent(VirtIONet *net)
{
    if (net->client->peer) {
        net_purge(net->client->peer, net->client);
    }
    net->transmit_waiting = false;
}

static void virtio_net_reset(VirtIODevice *device)
{
    VirtIONet *net = VIRTIO_NET(device);

    virtio_net_forget_sent(net);
    net->receive_asked = true;
    net->work_pending = 0;
    bottom_half_cancel(net->work);

    rx_filter_reset(&net->filter, net->nic.mac);
    memcpy(net->client->mac, net->nic.mac, 6);
    net->link_status = 0;
    virtio_net_update_link(net);
    net->guest_offloads = 0;
    virtio_net_features_changed(net);
    virtio_net_apply_offloads(net);
}

static void virtio_net_vm_running(VirtIODevice *device, bool running)
{
    VirtIONet *net = VIRTIO_NET(device);

    net->vm_running = running;
    if (!running) {
        notify_receive(net); /* an interrupt that is owed belongs to the state that is saved now */
    } else if (net->link_changed_untold) {
        net->link_changed_untold = false;
        virtio_notify_config(device);
    }
    /* Once it runs, the queues' handlers are called, which go on with what is in the rings. */
}

static void receive_notified(VirtIODevice *device, VirtQueue *queue)
{
    virtqueue_disable_notification(queue);
    virtio_net_schedule(VIRTIO_NET(device), VIRTIO_NET_WORK_RECEIVE);
}

static bool check_queue_size(const char *property, uint16_t size, unsigned minimum,
                             unsigned maximum, GError **error)
{
    if (size < minimum || size > maximum || (size & (size - 1)) != 0) {
        qc_error_set(error, "Invalid %s (= %u), must be a power of 2 between %u and %u.", property,
                     size, minimum, maximum);
        return false;
    }
    return true;
}

static bool check_link_properties(const VirtIONet *net, GError **error)
{
    if (net->host_mtu && net->host_mtu < HOST_MTU_MIN) {
        qc_error_set(error, "'host_mtu' is %u, expected at least %d", net->host_mtu, HOST_MTU_MIN);
        return false;
    }
    if (net->duplex && strcmp(net->duplex, "half") != 0 && strcmp(net->duplex, "full") != 0) {
        qc_error_set(error, "'duplex' must be 'half' or 'full'");
        return false;
    }
    if (net->speed < -1) {
        qc_error_set(error, "'speed' must be between 0 and INT_MAX");
        return false;
    }
    return true;
}

static bool check_properties(const VirtIONet *net, GError **error)
{
    /* Today's hosts cannot cut datagrams, nor can we for those back ends that have no card. */
    if (net->wanted[VIRTIO_NET_F_HOST_UFO]) {
        qc_error_set(error, "'host_ufo=on' is not supported");
        return false;
    }
    if (net->multiqueue) {
        qc_error_set(error, "'mq=on' is not supported: the device has one pair of queues");
        return false;
    }
    if (net->tx_mode && strcmp(net->tx_mode, "bh") != 0) {
        qc_error_set(error, "'tx=%s' is not supported, expected 'bh'", net->tx_mode);
        return false;
    }
    if (net->tx_burst < 1) {
        qc_error_set(error, "'x-txburst' is %d, expected at least 1", net->tx_burst);
        return false;
    }
    return check_queue_size("rx_queue_size", net->rx_queue_size, RX_QUEUE_SIZE_MIN,
                            VIRTQUEUE_SIZE_MAX, error) &&
           check_queue_size("tx_queue_size", net->tx_queue_size, TX_QUEUE_SIZE_MIN,
                            TX_QUEUE_SIZE_MAX, error) &&
           check_link_properties(net, error);
}

/* Users know the device by what they gave to -device: the one that the bus belongs to. */
static Device *visible_device(VirtIONet *net)
{
    Device *device = DEVICE(net);
    Bus *bus = device->parent_bus;

    return bus && bus->owner ? bus->owner : device;
}

static bool virtio_net_realize(VirtIODevice *device, GError **error)
{
    VirtIONet *net = VIRTIO_NET(device);
    Device *visible = visible_device(net);

    if (!check_properties(net, error)) {
        return false;
    }
    net->client = net_nic_new(&virtio_net_client_ops, &net->nic,
                              object_type_name(G_OBJECT_TYPE(visible)), visible->id, net, error);
    if (!net->client) {
        return false;
    }
    /* receive() resolves what the guest does not take. */
    net->client->offloads = NET_OFFLOAD_CHECKSUM | NET_OFFLOAD_TSO4 | NET_OFFLOAD_TSO6 |
                            NET_OFFLOAD_ECN | NET_OFFLOAD_UFO;
    net->rx = virtio_add_queue(device, net->rx_queue_size, receive_notified);
    net->tx = virtio_add_queue(device, net->tx_queue_size, virtio_net_transmit_notified);
    net->control = virtio_add_queue(device, CONTROL_QUEUE_SIZE, virtio_net_control_notified);
    net->vm_running = runstate_is_running();
    net->rx_filter_event = true;
    net_set_offloads(net->client, 0); /* as told_offloads says */
    net->work = bottom_half_new(do_work, net);
    return true;
}

static void virtio_net_unrealize(VirtIODevice *device)
{
    VirtIONet *net = VIRTIO_NET(device);

    g_clear_pointer(&net->work, bottom_half_free);
    g_clear_pointer(&net->client, net_client_free);
}

/* ---- type ---- */

#define FEATURE(property, bit, text)                                                        \
    {                                                                                       \
        .name = (property), .description = (text), .kind = DEVICE_PROPERTY_BOOL,            \
        .offset = offsetof(VirtIONet, wanted) + (bit) * sizeof(bool), .default_value = true \
    }

static const DeviceProperty virtio_net_properties[] = {
    NIC_PROPERTIES(VirtIONet, nic),
    FEATURE("csum", VIRTIO_NET_F_CSUM, "the guest may leave checksums to the host"),
    FEATURE("guest_csum", VIRTIO_NET_F_GUEST_CSUM, "the host may leave checksums to the guest"),
    FEATURE("gso", VIRTIO_NET_F_GSO, "the guest may leave segmentation to the host (legacy)"),
    FEATURE("guest_tso4", VIRTIO_NET_F_GUEST_TSO4, "the guest takes TCP/IPv4 segments uncut"),
    FEATURE("guest_tso6", VIRTIO_NET_F_GUEST_TSO6, "the guest takes TCP/IPv6 segments uncut"),
    FEATURE("guest_ecn", VIRTIO_NET_F_GUEST_ECN, "uncut segments to the guest may have ECN"),
    FEATURE("guest_ufo", VIRTIO_NET_F_GUEST_UFO, "the guest takes UDP datagrams uncut"),
    FEATURE("host_tso4", VIRTIO_NET_F_HOST_TSO4, "the host takes TCP/IPv4 segments uncut"),
    FEATURE("host_tso6", VIRTIO_NET_F_HOST_TSO6, "the host takes TCP/IPv6 segments uncut"),
    FEATURE("host_ecn", VIRTIO_NET_F_HOST_ECN, "uncut segments from the guest may have ECN"),
    { "host_ufo", "the host takes UDP datagrams uncut; only off is supported", DEVICE_PROPERTY_BOOL,
      offsetof(VirtIONet, wanted) + VIRTIO_NET_F_HOST_UFO },
    FEATURE("mrg_rxbuf", VIRTIO_NET_F_MRG_RXBUF, "a frame may fill several receive buffers"),
    FEATURE("status", VIRTIO_NET_F_STATUS, "the guest sees whether the link is up"),
    FEATURE("ctrl_vq", VIRTIO_NET_F_CTRL_VQ, "control queue"),
    FEATURE("ctrl_rx", VIRTIO_NET_F_CTRL_RX, "receive modes and address table"),
    FEATURE("ctrl_rx_extra", VIRTIO_NET_F_CTRL_RX_EXTRA, "more receive modes"),
    FEATURE("ctrl_vlan", VIRTIO_NET_F_CTRL_VLAN, "VLAN filter"),
    FEATURE("ctrl_mac_addr", VIRTIO_NET_F_CTRL_MAC_ADDR, "the guest may change its address"),
    FEATURE("ctrl_guest_offloads", VIRTIO_NET_F_CTRL_GUEST_OFFLOADS,
            "the guest may change guest_* while it runs"),
    FEATURE("guest_announce", VIRTIO_NET_F_GUEST_ANNOUNCE,
            "the guest announces its addresses when asked"),
    { "mq", "several pairs of queues; only off is supported", DEVICE_PROPERTY_BOOL,
      offsetof(VirtIONet, multiqueue) },
    { "tx", "how frames from the guest are sent; only bh is supported", DEVICE_PROPERTY_STRING,
      offsetof(VirtIONet, tx_mode) },
    { "x-txburst", "frames from the guest at a time", DEVICE_PROPERTY_INT32,
      offsetof(VirtIONet, tx_burst), .default_value = TX_BURST_DEFAULT },
    { "rx_queue_size", "descriptors of the receive queue", DEVICE_PROPERTY_UINT16,
      offsetof(VirtIONet, rx_queue_size), .default_value = RX_QUEUE_SIZE_MIN },
    { "tx_queue_size", "descriptors of the transmit queue", DEVICE_PROPERTY_UINT16,
      offsetof(VirtIONet, tx_queue_size), .default_value = TX_QUEUE_SIZE_MIN },
    { "host_mtu", "largest packet that the network carries, bytes; 0: not told",
      DEVICE_PROPERTY_UINT16, offsetof(VirtIONet, host_mtu) },
    { "speed", "link speed shown to the guest, Mbit/s; -1: not told", DEVICE_PROPERTY_INT32,
      offsetof(VirtIONet, speed), .default_value = (uint64_t)-1 },
    { "duplex", "duplex mode shown to the guest: half or full", DEVICE_PROPERTY_STRING,
      offsetof(VirtIONet, duplex) },
};

static void virtio_net_init(VirtIONet *net)
{
}

static void virtio_net_class_init(VirtIODeviceClass *klass)
{
    DeviceClass *device_class = (DeviceClass *)klass;

    device_class->description = "Network device (virtio)";
    device_class->category = "Network";
    device_class->bus_type = TYPE_VIRTIO_BUS;
    device_class->vmsd = &vmstate_virtio_net;
    klass->device_type = VIRTIO_ID_NET;
    klass->config_size = CONFIG_SIZE;
    klass->realize = virtio_net_realize;
    klass->unrealize = virtio_net_unrealize;
    klass->get_features = virtio_net_get_features;
    klass->set_features = virtio_net_set_features;
    klass->get_config = virtio_net_get_config;
    klass->set_config = virtio_net_set_config;
    klass->set_status = virtio_net_set_status;
    klass->reset = virtio_net_reset;
    klass->vm_running = virtio_net_vm_running;
    device_class_set_properties(device_class, virtio_net_properties,
                                G_N_ELEMENTS(virtio_net_properties));
}
