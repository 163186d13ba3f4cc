/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Network clients: the two ends of each guest network connection. A NIC (the guest's end) and a
 * back end (tap, user, socket, hub port, ...) are peers; a frame that one sends is received by
 * the other. The filters of the back end lie between them (net/filter.h).
 *
 * All functions need the BQL. Frames are borrowed for the time of a call.
 */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <sys/uio.h>

#include "net/vnet-header.h"

#define NET_FRAME_MAX (68 * 1024) /* bytes, vnet header not counted; as PACKET_MAX_SIZE */

/* A frame on its way, in pieces. `header` is all zero for frames that need nothing done. */
typedef struct NetFrame {
    VnetHeader header;
    const struct iovec *iov;
    int iov_count;
} NetFrame;

size_t net_frame_size(const NetFrame *frame);
/* Copy at most @size bytes from @offset on; returns how many. */
size_t net_frame_copy(const NetFrame *frame, size_t offset, void *buffer, size_t size);

/* What a receiver can be given beyond plain frames. */
typedef enum NetOffload {
    NET_OFFLOAD_CHECKSUM = 1 << 0, /* checksum left to be computed */
    NET_OFFLOAD_TSO4 = 1 << 1,
    NET_OFFLOAD_TSO6 = 1 << 2,
    NET_OFFLOAD_ECN = 1 << 3,
    NET_OFFLOAD_UFO = 1 << 4,
} NetOffload;

typedef struct NetClient NetClient;

/* What net_send() and the receive functions return. */
typedef enum NetResult {
    NET_DONE,    /* taken, or dropped for good */
    NET_PENDING, /* no room: net_send() has queued a copy; see there */
} NetResult;

/* Called when a frame that was NET_PENDING has left @sender's queue: send on. */
typedef void NetSent(NetClient *sender);

typedef struct NetClientOps {
    const char *type; /* "nic", "tap", "user", "socket", "stream", "dgram", "hubport" */
    /*
     * A frame for this client. NET_PENDING: it has no room and took nothing; it calls
     * net_flush() when there is. It gets only offloads that `offloads` names: others are
     * resolved in software first.
     */
    NetResult (*receive)(NetClient *client, const NetFrame *frame);
    /* Cheap look before receive: false means NET_PENDING. NULL: always. */
    bool (*can_receive)(NetClient *client);
    /* The peer's or the own link went up or down (net_link_up()). May be NULL. */
    void (*link_changed)(NetClient *client);
    /* Back ends: the guest accepts these offloads from now on (NetOffload bits). May be NULL. */
    void (*set_offloads)(NetClient *client, uint32_t offloads);
    /* NICs: send announcements of the address through the guest, where it can. May be NULL. */
    void (*announce)(NetClient *client);
    /* Text for `info network`, newly allocated; NULL function: nothing to tell. */
    char *(*describe)(NetClient *client);
    /* The client goes: close descriptors, remove sources. May be NULL. */
    void (*cleanup)(NetClient *client);
} NetClientOps;

struct NetClient {
    const NetClientOps *ops;
    char *name;  /* the netdev's id, or the NIC's: "hn0", "virtio-net-pci.0" */
    char *model; /* as `info network` shows it: "tap", "virtio-net-pci" */
    NetClient *peer;
    void *opaque;           /* the owner's */
    uint32_t offloads;      /* NetOffload bits that receive() understands; fixed after creation */
    bool link_down;         /* set_link */
    struct NetQueue *queue; /* frames that wait for this client */
    GPtrArray *filters;     /* NetFilter, borrowed, head first; back ends only */
    uint8_t mac[6];         /* NICs */
    bool has_mac;
    GList link; /* in the list of all clients */
};

/*
 * A new client without a peer. @name must not be taken by a client of the same kind (NIC or back
 * end). @opaque is the owner's, found at client->opaque.
 */
NetClient *net_client_new(const NetClientOps *ops, const char *model, const char *name,
                          void *opaque, GError **error);
/* Make them peers of each other. Neither has one. */
void net_client_connect(NetClient *nic, NetClient *backend);
/* Unlink, drop queued frames, detach filters' reference, clean up, free. */
void net_client_free(NetClient *client);

/* The back end with that id (-netdev id=), or NULL. */
NetClient *net_backend_find(const char *id);
/* All clients in order of creation. @visit must not create or free clients. */
void net_client_foreach(void (*visit)(NetClient *client, void *opaque), void *opaque);
bool net_client_is_nic(const NetClient *client);

/*
 * Send @frame from @sender through the filters to its peer. NET_DONE: delivered or dropped (no
 * peer, link down). NET_PENDING: a copy waits in the peer's queue (bounded; when full the frame
 * is dropped and NET_DONE returned); with @sent not NULL, @sender should send nothing more until
 * @sent was called.
 */
NetResult net_send(NetClient *sender, const NetFrame *frame, NetSent *sent);
/* The same for contiguous bytes without offloads. */
NetResult net_send_buffer(NetClient *sender, const void *data, size_t size, NetSent *sent);
/*
 * For filters: deliver @frame to @receiver as if it came from @sender, beyond all filters.
 */
NetResult net_deliver(NetClient *sender, NetClient *receiver, const NetFrame *frame, NetSent *sent);
/* @client has room again: deliver what waits for it. */
void net_flush(NetClient *client);
/* Drop what waits for @receiver and came from @sender. */
void net_purge(NetClient *receiver, NetClient *sender);

/* Both the client's own and the peer's link are up. */
bool net_link_up(const NetClient *client);

/* Offloads that frames sent by @nic may carry: what its peer and all filters can pass on. */
uint32_t net_peer_offloads(const NetClient *nic);
/* The guest behind @nic accepts these (NetOffload bits): told to the back end. */
void net_set_offloads(NetClient *nic, uint32_t offloads);

/* ---- configuration ---- */

typedef struct NICConfig {
    char *mac_text; /* property "mac", or NULL: the next free 52:54:00:12:34:xx */
    char *netdev;   /* property "netdev": id of the back end, or NULL: not connected */
    uint8_t mac[6]; /* filled in by net_nic_new() */
    uint32_t bootindex;
} NICConfig;

/* DeviceProperty rows for a NIC whose struct @state has a NICConfig @field. */
#define NIC_PROPERTIES(state, field)                                            \
    { .name = "mac",                                                            \
      .description = "Ethernet address, like 52:54:00:12:34:56",                \
      .kind = DEVICE_PROPERTY_STRING,                                           \
      .offset = offsetof(state, field.mac_text) },                              \
    {                                                                           \
        .name = "netdev", .description = "id of the network back end",          \
        .kind = DEVICE_PROPERTY_STRING, .offset = offsetof(state, field.netdev) \
    }

/*
 * The client of a NIC device: checks and completes @config, connects to the back end. Errors
 * name the property: no such netdev, netdev taken, malformed or multicast address.
 */
NetClient *net_nic_new(const NetClientOps *ops, NICConfig *config, const char *model,
                       const char *device_id, void *opaque, GError **error);

/* "52:54:00:12:34:56" to bytes; false when malformed. */
bool net_mac_parse(const char *text, uint8_t mac[6]);
/* Newly allocated. */
char *net_mac_to_string(const uint8_t mac[6]);

/* A kind of -netdev. Back ends register themselves by constructor. */
typedef struct NetBackendType {
    const char *name; /* "tap" */
    /* Option names that exist, NULL-terminated; others are refused by name before `create`. */
    const char *const *options;
    /* For `-netdev help`-like output. */
    const char *description;
    /*
     * Make the client called @id from @options (an object without "type" and "id"; values are
     * strings as on the command line, or JSON types). BQL.
     */
    NetClient *(*create)(const char *id, json_t *options, GError **error);
} NetBackendType;
void net_backend_register(const NetBackendType *type);

/* -netdev and netdev_add: {"type": .., "id": .., ...}. */
NetClient *net_backend_create(json_t *options, GError **error);
/* netdev_del. */
bool net_backend_delete(const char *id, GError **error);
/*
 * Option text of -netdev or HMP netdev_add, key=value or JSON, to an object for
 * net_backend_create(). Options that may be repeated (hostfwd, ..) become arrays.
 */
json_t *net_options_parse(const char *text, GError **error);
/*
 * One -nic or -net option, before the machine is made: its back end or hub port is made, its
 * network card remembered. "model=help" lists the models and exits.
 */
bool net_option_add(const char *option, const char *argument, GError **error);
/* The machine is there: make the network cards of the remembered options. */
bool net_options_create_nics(GError **error);
/* All devices are there: warn of ends without a peer. */
void net_warn_of_loose_ends(void);

/* -netdev help and -netdev TYPE,help, on standard output. */
void net_backend_print_types(void);
bool net_backend_print_options(const char *type, GError **error);

/* Helpers for `create`: an option as string (NULL: absent), boolean, number; errors name it. */
const char *net_option_string(json_t *options, const char *name);
bool net_option_bool(json_t *options, const char *name, bool *value, GError **error);
bool net_option_number(json_t *options, const char *name, uint64_t minimum, uint64_t maximum,
                       uint64_t *value, GError **error);

/* ---- offloads in software (net/offload.c) ---- */

/*
 * Resolve in @frame what @offloads does not allow: compute the checksum, cut into segments. @emit
 * is called for each resulting frame. False when the header makes no sense for the frame: it is
 * to be dropped. No lock.
 */
bool net_offload_resolve(const NetFrame *frame, uint32_t offloads,
                         void (*emit)(const NetFrame *frame, void *opaque), void *opaque);

/* ---- announcements (net/announce.c) ---- */

/*
 * Tell the switches where every NIC (or those of @ids, NULL-terminated, NULL: all) is now: RARP
 * by us, and ARP or ND by the guest where it can; in rounds as migration parameters announce-*
 * say.
 */
void net_announce_start(const char *const *ids, unsigned initial_ms, unsigned max_ms,
                        unsigned rounds, unsigned step_ms);
