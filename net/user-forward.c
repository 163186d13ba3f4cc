/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Ports of the host that lead to the guest: hostfwd. */
#include <string.h>

#include "net/user-internal.h"
#include "util/report.h"

typedef struct HostEnd {
    bool udp;
    struct in_addr address; /* 0: any */
    int port;
} HostEnd;

/* An empty address leaves *@address as it is. */
static bool parse_address(const char *text, struct in_addr *address)
{
    return !*text || inet_pton(AF_INET, text, address) == 1;
}

static bool parse_port(const char *text, unsigned minimum, int *port)
{
    guint64 number;

    if (!g_ascii_string_to_unsigned(text, 10, minimum, G_MAXUINT16, &number, NULL)) {
        return false;
    }
    *port = (int)number;
    return true;
}

/* "tcp", "127.0.0.1", "2222"; returns what is wrong, NULL: nothing. */
static const char *parse_host_end(char **parts, HostEnd *end)
{
    *end = (HostEnd){ .udp = !strcmp(parts[0], "udp") };
    if (*parts[0] && !end->udp && strcmp(parts[0], "tcp") != 0) {
        return "Bad protocol name";
    }
    if (!parse_address(parts[1], &end->address)) {
        return "Bad host address";
    }
    return parse_port(parts[2], 0, &end->port) ? NULL : "Bad host port";
}

/* "10.0.2.15:22" */
static const char *parse_guest_end(const char *text, struct in_addr *address, int *port)
{
    const char *colon = strchr(text, ':');

    if (!colon) {
        return "Missing guest address";
    }
    g_autofree char *host = g_strndup(text, (gsize)(colon - text));
    if (!parse_address(host, address)) {
        return "Bad guest address";
    }
    return parse_port(colon + 1, 1, port) ? NULL : "Bad guest port";
}

static const char *parse_rule(const char *rule, HostEnd *host, struct in_addr *guest,
                              int *guest_port)
{
    g_auto(GStrv) parts = g_strsplit(rule, ":", 3);
    guint count = g_strv_length(parts);

    if (count < 3) {
        return count < 2 ? "No : separators" : "Missing : separator";
    }
    char *dash = strchr(parts[2], '-');
    if (!dash) {
        return "Bad host port separator";
    }
    *dash = '\0';
    const char *wrong = parse_host_end(parts, host);
    return wrong ? wrong : parse_guest_end(dash + 1, guest, guest_port);
}

bool user_host_forward_add(UserNet *user, const char *rule, GError **error)
{
    HostEnd host;
    struct in_addr guest = { 0 }; /* slirp: the first that DHCP gives away */
    int guest_port;
    const char *wrong = parse_rule(rule, &host, &guest, &guest_port);

    if (wrong) {
        qc_error_set(error, "Invalid host forwarding rule '%s' (%s)", rule, wrong);
        return false;
    }
    if (slirp_add_hostfwd(user->slirp, host.udp, host.address, host.port, guest, guest_port) < 0) {
        qc_error_set_errno(error, errno, "Could not set up host forwarding rule '%s'", rule);
        return false;
    }
    return true;
}

bool user_host_forward_remove(UserNet *user, const char *rule, bool *found, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(rule, ":", 3);
    HostEnd host;
    const char *wrong =
        g_strv_length(parts) == 3 ? parse_host_end(parts, &host) : "Missing : separator";

    if (wrong) {
        qc_error_set(error, "Invalid host forwarding rule '%s' (%s)", rule, wrong);
        return false;
    }
    *found = slirp_remove_hostfwd(user->slirp, host.udp, host.address, host.port) == 0;
    return true;
}
