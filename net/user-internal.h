/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* What the files of the network in user space share. BQL. */
#pragma once

#include <libslirp.h>

#include "net/net.h"

typedef struct UserNet {
    NetClient *client;
    Slirp *slirp;
    GSource *source;           /* polls the sockets of slirp */
    GPtrArray *guest_forwards; /* GuestForward, owned */
    struct in_addr network;
    bool restricted;
} UserNet;

/* ---- user-options.c ---- */

/* The options of -netdev user, checked. */
typedef struct UserOptions {
    SlirpConfig config;    /* its strings belong to the options that it was made from */
    GPtrArray *dns_search; /* NULL-terminated */
    GPtrArray *host_forwards, *guest_forwards;
} UserOptions;

extern const char *const user_option_names[];

bool user_options_parse(json_t *json, UserOptions *options, GError **error);
void user_options_clear(UserOptions *options);

/* ---- user-poll.c ---- */

/* A source in the main loop that calls @user's slirp whenever one of its sockets is ready. */
GSource *user_poll_source_new(UserNet *user);

/* ---- user-forward.c ---- */

/* "[tcp|udp]:[HOSTADDRESS]:HOSTPORT-[GUESTADDRESS]:GUESTPORT" */
bool user_host_forward_add(UserNet *user, const char *rule, GError **error);
/* "[tcp|udp]:[HOSTADDRESS]:HOSTPORT"; *@found: there was such a rule. */
bool user_host_forward_remove(UserNet *user, const char *rule, bool *found, GError **error);

/* ---- user-guest-forward.c ---- */

/* "[tcp]:ADDRESS:PORT-CHARDEV" or "[tcp]:ADDRESS:PORT-cmd:COMMAND" */
bool user_guest_forward_add(UserNet *user, const char *rule, GError **error);
void user_guest_forward_free(gpointer forward);
/* Slirp may have room for what character devices have to say. */
void user_guest_forwards_accept_input(UserNet *user);
