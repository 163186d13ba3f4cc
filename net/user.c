/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * -netdev user: a network in user space, by libslirp. Its clock is the virtual one, so that its
 * connections do not time out while the guest is stopped; frames for a stopped guest wait in the
 * NIC's queue.
 */
#include "net/user-internal.h"

#include <string.h>

#include "monitor/hmp.h"
#include "net/net-internal.h"
#include "system/main-loop.h"
#include "util/report.h"
#include "util/timer.h"

/* ---- what slirp calls ---- */

static ssize_t send_packet(const void *data, size_t size, void *opaque)
{
    UserNet *user = opaque;

    net_send_buffer(user->client, data, size, NULL);
    return (ssize_t)size;
}

static void guest_error(const char *message, void *opaque)
{
    UserNet *user = opaque;

    log_write(LOG_GUEST_ERRORS, "%s: %s\n", user->client->name, message);
}

static int64_t clock_ns(void *opaque)
{
    return clock_get_ns(CLOCK_TYPE_VIRTUAL);
}

typedef struct UserTimer {
    UserNet *user;
    SlirpTimerId id;
    void *opaque;
    Timer *timer;
} UserTimer;

static void fire_timer(void *opaque)
{
    UserTimer *self = opaque;

    slirp_handle_timer(self->user->slirp, self->id, self->opaque);
}

static void *new_timer(SlirpTimerId id, void *timer_opaque, void *opaque)
{
    UserTimer *self = g_new0(UserTimer, 1);

    self->user = opaque;
    self->id = id;
    self->opaque = timer_opaque;
    self->timer = timer_new_ns(CLOCK_TYPE_VIRTUAL, fire_timer, self);
    return self;
}

static void free_timer(void *timer, void *opaque)
{
    UserTimer *self = timer;

    timer_free(self->timer);
    g_free(self);
}

static void modify_timer(void *timer, int64_t expire_ms, void *opaque)
{
    UserTimer *self = timer;

    timer_mod_ns(self->timer, expire_ms * NANOSECONDS_PER_MILLISECOND);
}

/* Slirp tells its descriptors before each poll (user-poll.c). */
static void ignore_descriptor(int fd, void *opaque)
{
}

/* The main loop may be polling with an old set of descriptors. */
static void wake_main_loop(void *opaque)
{
    main_loop_wake();
}

static void init_completed(Slirp *slirp, void *opaque)
{
    UserNet *user = opaque;

    user->slirp = slirp;
}

static const SlirpCb callbacks = {
    .send_packet = send_packet,
    .guest_error = guest_error,
    .clock_get_ns = clock_ns,
    .timer_free = free_timer,
    .timer_mod = modify_timer,
    .register_poll_fd = ignore_descriptor,
    .unregister_poll_fd = ignore_descriptor,
    .notify = wake_main_loop,
    .init_completed = init_completed,
    .timer_new_opaque = new_timer,
};

/* ---- the client ---- */

static NetResult user_receive(NetClient *client, const NetFrame *frame)
{
    UserNet *user = client->opaque;

    if (frame->iov_count == 1) {
        slirp_input(user->slirp, frame->iov->iov_base, (int)frame->iov->iov_len);
    } else {
        size_t size = net_frame_size(frame);
        g_autofree uint8_t *copy = g_malloc(size);
        net_frame_copy(frame, 0, copy, size);
        slirp_input(user->slirp, copy, (int)size);
    }
    wake_main_loop(user);
    return NET_DONE;
}

static char *user_describe(NetClient *client)
{
    const UserNet *user = client->opaque;
    char network[INET_ADDRSTRLEN];

    inet_ntop(AF_INET, &user->network, network, sizeof(network));
    return g_strdup_printf("net=%s,restrict=%s", network, user->restricted ? "on" : "off");
}

static void user_cleanup(NetClient *client)
{
    UserNet *user = client->opaque;

    if (user->source) {
        g_source_destroy(user->source);
        g_source_unref(user->source);
    }
    g_ptr_array_unref(user->guest_forwards);
    slirp_cleanup(user->slirp);
    g_free(user);
}

static const NetClientOps user_ops = {
    .type = "user",
    .receive = user_receive,
    .describe = user_describe,
    .cleanup = user_cleanup,
};

static bool add_forwards(UserNet *user, const UserOptions *options, GError **error)
{
    for (guint i = 0; i < options->host_forwards->len; i++) {
        if (!user_host_forward_add(user, g_ptr_array_index(options->host_forwards, i), error)) {
            return false;
        }
    }
    for (guint i = 0; i < options->guest_forwards->len; i++) {
        if (!user_guest_forward_add(user, g_ptr_array_index(options->guest_forwards, i), error)) {
            return false;
        }
    }
    return true;
}

static NetClient *user_start(const char *id, const UserOptions *options, GError **error)
{
    UserNet *user = g_new0(UserNet, 1);

    user->client = net_client_new(&user_ops, "user", id, user, error);
    if (!user->client) {
        g_free(user);
        return NULL;
    }
    user->guest_forwards = g_ptr_array_new_with_free_func(user_guest_forward_free);
    user->network = options->config.vnetwork;
    user->restricted = options->config.restricted;
    user->slirp = slirp_new(&options->config, &callbacks, user);
    g_assert(user->slirp);
    if (!add_forwards(user, options, error)) {
        net_client_free(user->client);
        return NULL;
    }
    user->source = user_poll_source_new(user);
    return user->client;
}

static NetClient *user_create(const char *id, json_t *json, GError **error)
{
    UserOptions options;
    NetClient *client =
        user_options_parse(json, &options, error) ? user_start(id, &options, error) : NULL;

    user_options_clear(&options);
    return client;
}

static const NetBackendType user_type = {
    .name = "user",
    .options = user_option_names,
    .description = "a network in user space with router, DHCP and name server",
    .create = user_create,
};

__attribute__((constructor)) static void user_register(void)
{
    net_backend_register(&user_type);
}

/* ---- monitor ---- */

typedef struct UserSearch {
    const char *id; /* NULL: any */
    UserNet *found;
} UserSearch;

static void look_for_user(NetClient *client, void *opaque)
{
    UserSearch *search = opaque;

    if (!search->found && client->ops == &user_ops &&
        (!search->id || !strcmp(client->name, search->id))) {
        search->found = client->opaque;
    }
}

static UserNet *find_user(const char *id, GError **error)
{
    UserSearch search = { .id = id };

    net_client_foreach(look_for_user, &search);
    if (!search.found && id) {
        qc_error_set(error, "unrecognized netdev id '%s'", id);
    } else if (!search.found) {
        qc_error_set(error, "user mode network stack not in use");
    }
    return search.found;
}

/* One argument is the rule, of two the first is the id. */
static UserNet *find_user_and_rule(json_t *arguments, const char **rule, GError **error)
{
    const char *first = net_option_string(arguments, "first");
    const char *second = net_option_string(arguments, "second");

    *rule = second ? second : first;
    return find_user(second ? first : NULL, error);
}

static void run_hostfwd_add(Monitor *monitor, json_t *arguments, GError **error)
{
    const char *rule;
    UserNet *user = find_user_and_rule(arguments, &rule, error);

    if (user) {
        user_host_forward_add(user, rule, error);
    }
}

static void run_hostfwd_remove(Monitor *monitor, json_t *arguments, GError **error)
{
    const char *rule;
    bool found;
    UserNet *user = find_user_and_rule(arguments, &rule, error);

    if (user && user_host_forward_remove(user, rule, &found, error)) {
        hmp_printf(monitor, "host forwarding rule for %s %s\n", rule,
                   found ? "removed" : "not found");
    }
}

static void print_connections(NetClient *client, void *opaque)
{
    UserNet *user = client->opaque;
    unsigned hub;

    if (client->ops != &user_ops) {
        return;
    }
    bool at_hub = client->peer && net_hub_of_port(client->peer, &hub);
    g_autofree char *text = slirp_connection_info(user->slirp);
    hmp_printf(opaque, "Hub %d (%s):\n%s", at_hub ? (int)hub : -1, client->name, text);
}

static void run_info_usernet(Monitor *monitor, json_t *arguments, GError **error)
{
    net_client_foreach(print_connections, monitor);
}

HMP_COMMAND(hostfwd_add, .name = "hostfwd_add", .arguments = "first:s,second:s?",
            .parameters = "[netdev_id] [tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport",
            .help = "redirect TCP or UDP connections from host to guest (requires -net user)",
            .handler = run_hostfwd_add);
HMP_COMMAND(hostfwd_remove, .name = "hostfwd_remove", .arguments = "first:s,second:s?",
            .parameters = "[netdev_id] [tcp|udp]:[hostaddr]:hostport",
            .help = "remove host-to-guest TCP or UDP redirection", .handler = run_hostfwd_remove);
HMP_COMMAND(info_usernet, .name = "info usernet",
            .help = "show user network stack connection states", .handler = run_info_usernet);
