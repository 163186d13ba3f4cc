/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Network clients for tests: they keep what they get as long as they have room. */
#pragma once

#include "net/net.h"

typedef struct FakeClient FakeClient;
struct FakeClient {
    NetClient *client; /* NULL once it was freed */
    GPtrArray *frames; /* GBytes */
    GArray *headers;   /* VnetHeader of each */
    int room;          /* frames that receive() still takes; negative: any number */
    bool closed;       /* can_receive() says no */
    unsigned sent;     /* calls of fake_client_sent() for it */
    unsigned link_changes;
    unsigned depth, deepest;                /* nested calls of receive() */
    void (*on_receive)(FakeClient *client); /* called within receive() */
    void (*on_sent)(FakeClient *client);
};

FakeClient *fake_client_new(bool nic, const char *name, uint32_t offloads);
/* Frees the network client too, unless that is done. */
void fake_client_free(FakeClient *fake);
/* A NetSent that counts. */
void fake_client_sent(NetClient *client);
/* Send the bytes of @text from it. */
NetResult fake_client_send(FakeClient *fake, const char *text);
/* Frame number @index as text, for comparing; NULL when there is none. Borrowed. */
const char *fake_client_text(FakeClient *fake, guint index);
