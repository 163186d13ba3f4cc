/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Migration URIs. */
#include "migration/uri.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>

#include "util/named-fd.h"
#include "util/report.h"

typedef enum UriKind {
    URI_TCP,
    URI_UNIX,
    URI_FD,
    URI_EXEC,
    URI_FILE,
} UriKind;

static const char *const uri_prefixes[] = {
    [URI_TCP] = "tcp:",   [URI_UNIX] = "unix:", [URI_FD] = "fd:",
    [URI_EXEC] = "exec:", [URI_FILE] = "file:",
};

/* Split @uri; what is behind the prefix is not empty. */
static bool parse_uri(const char *uri, UriKind *kind, const char **rest, GError **error)
{
    for (unsigned i = 0; i < G_N_ELEMENTS(uri_prefixes); i++) {
        if (g_str_has_prefix(uri, uri_prefixes[i])) {
            *kind = i;
            *rest = uri + strlen(uri_prefixes[i]);
            if (**rest == '\0') {
                qc_error_set(error, "migration URI '%s' has nothing behind '%s'", uri,
                             uri_prefixes[i]);
                return false;
            }
            return true;
        }
    }
    qc_error_set(error,
                 "Parameter 'uri' expects a valid migration protocol, one of tcp:HOST:PORT, "
                 "unix:PATH, fd:NUMBER-OR-NAME, exec:COMMAND, file:PATH; got '%s'",
                 uri);
    return false;
}

static ChannelAddress *socket_address(UriKind kind, const char *rest, GError **error)
{
    return kind == URI_TCP ? channel_address_parse_inet(rest, error)
                           : channel_address_new_unix(rest);
}

static Channel *open_fd(const char *text, GError **error)
{
    int fd = named_fd_take(text, error);
    if (fd < 0) {
        return NULL;
    }
    g_autofree char *name = g_strdup_printf("fd:%s", text);
    return channel_new_fd(fd, name);
}

/* ---- outgoing ---- */

MigrationTarget *migration_target_new(const char *uri, GError **error)
{
    g_autoptr(MigrationTarget) target = g_new0(MigrationTarget, 1);
    UriKind kind;
    const char *rest;
    if (!parse_uri(uri, &kind, &rest, error)) {
        return NULL;
    }
    switch (kind) {
    case URI_TCP:
    case URI_UNIX:
        target->address = socket_address(kind, rest, error);
        target->channel = target->address ? channel_new_unconnected(target->address) : NULL;
        break;
    case URI_FD:
        target->channel = open_fd(rest, error);
        break;
    case URI_EXEC:
        target->channel = channel_new_command(rest, false, true, error);
        break;
    case URI_FILE:
        target->channel = channel_new_file(rest, O_WRONLY | O_CREAT | O_TRUNC, 0660, error);
        break;
    }
    return target->channel ? g_steal_pointer(&target) : NULL;
}

void migration_target_free(MigrationTarget *target)
{
    if (target) {
        channel_unref(target->channel);
        g_clear_pointer(&target->address, channel_address_free);
        g_free(target);
    }
}

bool migration_target_open(MigrationTarget *target, GError **error)
{
    return !target->address || channel_open(target->channel, target->address, -1, error);
}

/* ---- incoming ---- */

Channel *migration_source_open(const char *uri, ChannelListener **listener, GError **error)
{
    UriKind kind;
    const char *rest;
    *listener = NULL;
    if (!parse_uri(uri, &kind, &rest, error)) {
        return NULL;
    }
    g_autoptr(ChannelAddress) address = NULL;
    switch (kind) {
    case URI_TCP:
    case URI_UNIX:
        address = socket_address(kind, rest, error);
        *listener = address ? channel_listen(address, error) : NULL;
        return NULL;
    case URI_FD:
        return open_fd(rest, error);
    case URI_EXEC:
        return channel_new_command(rest, true, false, error);
    case URI_FILE:
        return channel_new_file(rest, O_RDONLY, 0, error);
    }
    g_assert_not_reached();
}

bool migration_channel_two_way(Channel *channel)
{
    int type;
    socklen_t length = sizeof(type);
    int fd = channel_fd(channel);
    return fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &length) == 0;
}
