/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Network clients for tests (fake-client.h). */
#include "fake-client.h"

#include <string.h>

static bool can_receive(NetClient *client)
{
    FakeClient *fake = client->opaque;

    return !fake->closed;
}

static NetResult receive(NetClient *client, const NetFrame *frame)
{
    FakeClient *fake = client->opaque;
    size_t size = net_frame_size(frame);

    g_assert_false(fake->closed);
    if (fake->room == 0) {
        return NET_PENDING;
    }
    fake->room -= fake->room > 0;
    uint8_t *data = g_malloc(size + 1);
    net_frame_copy(frame, 0, data, size);
    data[size] = '\0';
    g_ptr_array_add(fake->frames, g_bytes_new_take(data, size + 1));
    g_array_append_val(fake->headers, frame->header);
    fake->depth++;
    fake->deepest = MAX(fake->deepest, fake->depth);
    if (fake->on_receive) {
        fake->on_receive(fake);
    }
    fake->depth--;
    return NET_DONE;
}

static void link_changed(NetClient *client)
{
    ((FakeClient *)client->opaque)->link_changes++;
}

static void cleanup(NetClient *client)
{
    ((FakeClient *)client->opaque)->client = NULL;
}

FakeClient *fake_client_new(bool nic, const char *name, uint32_t offloads)
{
    static const NetClientOps nic_ops = { .type = "nic",
                                          .receive = receive,
                                          .can_receive = can_receive,
                                          .link_changed = link_changed,
                                          .cleanup = cleanup };
    static const NetClientOps backend_ops = { .type = "fake",
                                              .receive = receive,
                                              .can_receive = can_receive,
                                              .link_changed = link_changed,
                                              .cleanup = cleanup };
    FakeClient *fake = g_new0(FakeClient, 1);
    g_autoptr(GError) error = NULL;

    fake->frames = g_ptr_array_new_with_free_func((GDestroyNotify)g_bytes_unref);
    fake->headers = g_array_new(FALSE, FALSE, sizeof(VnetHeader));
    fake->room = -1;
    fake->client = net_client_new(nic ? &nic_ops : &backend_ops, "fake", name, fake, &error);
    g_assert_no_error(error);
    fake->client->offloads = offloads;
    return fake;
}

void fake_client_free(FakeClient *fake)
{
    if (fake->client) {
        net_client_free(fake->client);
    }
    g_array_unref(fake->headers);
    g_ptr_array_unref(fake->frames);
    g_free(fake);
}

void fake_client_sent(NetClient *client)
{
    FakeClient *fake = client->opaque;

    fake->sent++;
    if (fake->on_sent) {
        fake->on_sent(fake);
    }
}

NetResult fake_client_send(FakeClient *fake, const char *text)
{
    return net_send_buffer(fake->client, text, strlen(text), fake_client_sent);
}

const char *fake_client_text(FakeClient *fake, guint index)
{
    return index < fake->frames->len ? g_bytes_get_data(fake->frames->pdata[index], NULL) : NULL;
}
