/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Addresses in the network in user space that lead to character devices or commands of the host:
 * guestfwd.
 */
#include <string.h>

#include "chardev/char.h"
#include "net/user-internal.h"
#include "util/report.h"

/* What a character device that does not read may leave waiting, in bytes. */
#define WAITING_MAX (1024 * 1024)

typedef struct GuestForward {
    UserNet *user;
    struct in_addr address;
    int port;
    CharFrontend frontend;
    char *made;          /* id of a character device that was made for this; else NULL */
    GByteArray *waiting; /* from the guest, the device takes no more */
    guint watch;
    bool overflowed;
} GuestForward;

/* ---- from the character device to the guest ---- */

static int can_receive(void *opaque)
{
    GuestForward *self = opaque;
    size_t room = slirp_socket_can_recv(self->user->slirp, self->address, self->port);

    return (int)MIN(room, G_MAXINT);
}

static void receive(void *opaque, const uint8_t *data, int size)
{
    GuestForward *self = opaque;

    slirp_socket_recv(self->user->slirp, self->address, self->port, data, size);
}

void user_guest_forwards_accept_input(UserNet *user)
{
    for (guint i = 0; i < user->guest_forwards->len; i++) {
        GuestForward *self = g_ptr_array_index(user->guest_forwards, i);
        if (self->frontend.chardev) {
            char_frontend_accept_input(&self->frontend);
        }
    }
}

/* ---- from the guest to the character device ---- */

static gboolean write_waiting(void *opaque)
{
    GuestForward *self = opaque;
    int done = char_frontend_write(&self->frontend, self->waiting->data, (int)self->waiting->len);

    if (done > 0) {
        g_byte_array_remove_range(self->waiting, 0, (guint)done);
    }
    if (self->waiting->len) {
        return G_SOURCE_CONTINUE;
    }
    self->watch = 0;
    self->overflowed = false;
    return G_SOURCE_REMOVE;
}

/* Slirp has told the guest already that this has arrived: it is sent, waits, or is lost. */
static ssize_t write_from_guest(const void *data, size_t size, void *opaque)
{
    GuestForward *self = opaque;
    size_t done = 0;

    if (!self->waiting->len) {
        int written = char_frontend_write(&self->frontend, data, (int)size);
        done = written > 0 ? (size_t)written : 0;
    }
    if (size - done > WAITING_MAX - self->waiting->len) {
        if (!self->overflowed) {
            report_warning("%s: the character device of a guestfwd does not read: data from the "
                           "guest is lost",
                           self->user->client->name);
        }
        self->overflowed = true;
        return (ssize_t)size;
    }
    g_byte_array_append(self->waiting, (const guint8 *)data + done, (guint)(size - done));
    if (self->waiting->len && !self->watch) {
        self->watch = char_frontend_add_watch(&self->frontend, write_waiting, self);
    }
    if (!self->watch) { /* the peer has gone */
        g_byte_array_set_size(self->waiting, 0);
    }
    return (ssize_t)size;
}

static void on_event(void *opaque, CharEvent event)
{
    GuestForward *self = opaque;

    if (event == CHAR_EVENT_CLOSED) {
        g_byte_array_set_size(self->waiting, 0);
        self->watch = 0;
    }
}

/* ---- life ---- */

/* "[tcp]:ADDRESS:PORT-TARGET"; *@target points into @rule. */
static bool parse_rule(const char *rule, GuestForward *self, const char **target, GError **error)
{
    g_auto(GStrv) parts = g_strsplit(rule, ":", 3);
    char *dash = g_strv_length(parts) == 3 ? strchr(parts[2], '-') : NULL;
    guint64 port;

    if (dash) {
        *dash = '\0';
    }
    if (!dash || (*parts[0] && strcmp(parts[0], "tcp") != 0) ||
        (*parts[1] && inet_pton(AF_INET, parts[1], &self->address) != 1) ||
        !g_ascii_string_to_unsigned(parts[2], 10, 1, G_MAXUINT16, &port, NULL) || !dash[1]) {
        qc_error_set(error,
                     "Invalid guest forwarding rule '%s': expected tcp:ADDRESS:PORT-CHARDEV or "
                     "tcp:ADDRESS:PORT-cmd:COMMAND",
                     rule);
        return false;
    }
    self->port = (int)port;
    *target = rule + strlen(parts[0]) + 1 + strlen(parts[1]) + 1 + (dash - parts[2]) + 1;
    return true;
}

static bool connect_chardev(GuestForward *self, const char *text, GError **error)
{
    g_autofree char *id = g_strdup_printf("guestfwd.%s.%d", self->user->client->name, self->port);
    Chardev *chardev = chardev_new_from_shorthand(id, text, error);

    if (!chardev) {
        return false;
    }
    if (!g_str_has_prefix(text, "chardev:")) {
        self->made = g_strdup(id);
    }
    if (!char_frontend_init(&self->frontend, chardev, error)) {
        return false;
    }
    char_frontend_set_handlers(&self->frontend, can_receive, receive, on_event, self, NULL);
    return true;
}

void user_guest_forward_free(gpointer forward)
{
    GuestForward *self = forward;

    if (self->watch) {
        g_source_remove(self->watch);
    }
    if (self->frontend.chardev) {
        char_frontend_deinit(&self->frontend);
    }
    if (self->made) {
        chardev_remove(self->made, NULL);
    }
    g_byte_array_unref(self->waiting);
    g_free(self->made);
    g_free(self);
}

bool user_guest_forward_add(UserNet *user, const char *rule, GError **error)
{
    GuestForward *self = g_new0(GuestForward, 1);
    const char *target;

    self->user = user;
    self->waiting = g_byte_array_new();
    if (!parse_rule(rule, self, &target, error)) {
        user_guest_forward_free(self);
        return false;
    }
    bool command = g_str_has_prefix(target, "cmd:");
    int status =
        command
            ? slirp_add_exec(user->slirp, target + strlen("cmd:"), &self->address, self->port)
            : slirp_add_guestfwd(user->slirp, write_from_guest, self, &self->address, self->port);
    if (status < 0) {
        qc_error_set(error,
                     "Could not set up guest forwarding rule '%s': the address must be in the "
                     "network, not the router's or name server's, and not taken",
                     rule);
        user_guest_forward_free(self);
        return false;
    }
    g_ptr_array_add(user->guest_forwards, self);
    return command || connect_chardev(self, target, error);
}
