/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* -netdev stream: frames over a TCP or UNIX stream socket, addresses in the newer syntax. */
#include "net/socket-options.h"
#include "net/stream-client.h"
#include "util/report.h"

#define RECONNECT_MAX 86400 /* seconds */

static NetClient *stream_create(const char *id, json_t *options, GError **error)
{
    bool server = false;
    uint64_t reconnect = 0;

    if (!net_option_bool(options, "server", &server, error) ||
        !net_option_number(options, "reconnect", 0, RECONNECT_MAX, &reconnect, error)) {
        return NULL;
    }
    if (server && reconnect) {
        qc_error_set(error, "'reconnect' option is incompatible with socket in server mode");
        return NULL;
    }
    g_autoptr(ChannelAddress) address = net_option_address(options, "addr", NULL, error);
    return address ? stream_client_new("stream", id, address, server, (unsigned)reconnect, error)
                   : NULL;
}

static const NetBackendType stream_type = {
    .name = "stream",
    .options = (const char *const[]){ "addr", "server", "reconnect", NULL },
    .description = "frames over a stream socket",
    .create = stream_create,
};

__attribute__((constructor)) static void stream_register(void)
{
    net_backend_register(&stream_type);
}
