/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Announcements: after a guest has come to this host, switches must learn where its addresses are.
 *
 * We send a RARP request (RFC 903) from each network device's address: any frame would do, and this
 * one asks nobody for anything. It takes the way of the guest's own frames. A device whose driver
 * can is asked to announce by itself, which reaches those who know IP addresses.
 */
#include "net/announce-internal.h"

#include <string.h>

#include "monitor/hmp.h"
#include "qapi/qapi-commands-migration.h"
#include "qapi/qapi-commands-net.h"
#include "system/bql.h"
#include "trace-net.h"
#include "util/bytes.h"
#include "util/report.h"

#define WAIT_MAX_MS 100000
#define STEP_MAX_MS 10000
#define ROUNDS_MAX  1000

#define ETHERTYPE_RARP     0x8035
#define ETHERTYPE_IPV4     0x0800
#define HARDWARE_ETHERNET  1
#define RARP_OPCODE_ASK_IP 3 /* "request reverse" */

typedef struct AnnounceSeries {
    char *id;
    char **interfaces; /* NULL: all */
    AnnounceTiming timing;
    unsigned done; /* rounds */
    ClockType clock;
    Timer *timer;
} AnnounceSeries;

/* Those that run, and those that ended since the last began. */
static GPtrArray *all_series;

unsigned announce_wait_ms(const AnnounceTiming *timing, unsigned round)
{
    uint64_t wait = timing->initial_ms + (uint64_t)round * timing->step_ms;

    return (unsigned)MIN(wait, timing->max_ms);
}

void announce_frame(const uint8_t mac[6], uint8_t frame[ANNOUNCE_FRAME_SIZE])
{
    memset(frame, 0, ANNOUNCE_FRAME_SIZE);
    memset(frame, 0xff, 6);
    memcpy(frame + 6, mac, 6);
    store_be16(frame + 12, ETHERTYPE_RARP);
    store_be16(frame + 14, HARDWARE_ETHERNET);
    store_be16(frame + 16, ETHERTYPE_IPV4);
    frame[18] = 6; /* bytes of a hardware address */
    frame[19] = 4; /* bytes of a protocol address */
    store_be16(frame + 20, RARP_OPCODE_ASK_IP);
    memcpy(frame + 22, mac, 6); /* sender; its IP address stays 0 */
    memcpy(frame + 32, mac, 6); /* the one whose IP address is asked for: the sender too */
}

/* ---- a series ---- */

static void announce_client(NetClient *client, void *opaque)
{
    const AnnounceSeries *series = opaque;
    uint8_t frame[ANNOUNCE_FRAME_SIZE];

    if (!net_client_is_nic(client) ||
        (series->interfaces &&
         !g_strv_contains((const char *const *)series->interfaces, client->name))) {
        return;
    }
    trace_net_announce(client->name, series->done);
    announce_frame(client->mac, frame);
    net_send_buffer(client, frame, sizeof(frame), NULL);
    if (client->ops->announce) {
        client->ops->announce(client);
    }
}

static void announce_round(void *opaque)
{
    AnnounceSeries *series = opaque;
    unsigned wait_ms = announce_wait_ms(&series->timing, series->done);

    net_client_foreach(announce_client, series);
    series->done++;
    if (series->done < series->timing.rounds) {
        timer_mod_ns(series->timer,
                     clock_get_ns(series->clock) + wait_ms * NANOSECONDS_PER_MILLISECOND);
    }
}

static void series_free(void *data)
{
    AnnounceSeries *series = data;

    timer_free(series->timer);
    g_strfreev(series->interfaces);
    g_free(series->id);
    g_free(series);
}

/* Remove the series @id and those that have ended: not from a timer, which could be its own. */
static void remove_old(const char *id)
{
    if (!all_series) {
        all_series = g_ptr_array_new_with_free_func(series_free);
    }
    for (unsigned i = all_series->len; i-- > 0;) {
        const AnnounceSeries *series = g_ptr_array_index(all_series, i);
        if (!timer_pending(series->timer) || strcmp(series->id, id) == 0) {
            g_ptr_array_remove_index(all_series, i);
        }
    }
}

void announce_begin(const char *id, const char *const *interfaces, const AnnounceTiming *timing,
                    ClockType clock)
{
    g_assert(bql_locked());
    remove_old(id);
    if (timing->rounds == 0) {
        return;
    }
    AnnounceSeries *series = g_new0(AnnounceSeries, 1);
    series->id = g_strdup(id);
    series->interfaces = g_strdupv((char **)interfaces);
    series->timing = *timing;
    series->clock = clock;
    series->timer = timer_new_ns(clock, announce_round, series);
    g_ptr_array_add(all_series, series);
    announce_round(series);
}

void net_announce_start(const char *const *ids, unsigned initial_ms, unsigned max_ms,
                        unsigned rounds, unsigned step_ms)
{
    AnnounceTiming timing = { initial_ms, max_ms, rounds, step_ms };

    announce_begin("", ids, &timing, CLOCK_TYPE_REALTIME);
}

/* ---- commands ---- */

static bool take_number(const char *name, int64_t value, unsigned maximum, unsigned *number,
                        GError **error)
{
    if (value < 0 || value > maximum) {
        qc_error_set(error, "Parameter '%s' is %" PRId64 ", expected 0 to %u", name, value,
                     maximum);
        return false;
    }
    *number = (unsigned)value;
    return true;
}

typedef struct Search {
    const char *name;
    bool found;
} Search;

static void match_nic(NetClient *client, void *opaque)
{
    Search *search = opaque;

    search->found |= net_client_is_nic(client) && strcmp(client->name, search->name) == 0;
}

/* The list as a NULL-terminated array; an error names who is no NIC. */
static bool take_interfaces(const GPtrArray *list, GPtrArray *interfaces, GError **error)
{
    for (unsigned i = 0; i < list->len; i++) {
        Search search = { .name = g_ptr_array_index(list, i) };
        net_client_foreach(match_nic, &search);
        if (!search.found) {
            qc_error_set(error, "Parameter 'interfaces': there is no network device '%s'",
                         search.name);
            return false;
        }
        g_ptr_array_add(interfaces, (void *)search.name);
    }
    g_ptr_array_add(interfaces, NULL);
    return true;
}

void qmp_announce_self(AnnounceParameters *arguments, GError **error)
{
    g_autoptr(GPtrArray) interfaces = g_ptr_array_new();
    AnnounceTiming timing;

    if (!take_number("initial", arguments->initial, WAIT_MAX_MS, &timing.initial_ms, error) ||
        !take_number("max", arguments->max, WAIT_MAX_MS, &timing.max_ms, error) ||
        !take_number("rounds", arguments->rounds, ROUNDS_MAX, &timing.rounds, error) ||
        !take_number("step", arguments->step, STEP_MAX_MS, &timing.step_ms, error) ||
        (arguments->interfaces && !take_interfaces(arguments->interfaces, interfaces, error))) {
        return;
    }
    announce_begin(arguments->id ? arguments->id : "",
                   arguments->interfaces ? (const char *const *)interfaces->pdata : NULL, &timing,
                   CLOCK_TYPE_REALTIME);
}

static GPtrArray *split_names(const char *text)
{
    g_auto(GStrv) names = g_strsplit(text, ",", -1);
    GPtrArray *list = qapi_str_list_new();

    for (char **name = names; *name; name++) {
        g_ptr_array_add(list, g_strdup(*name));
    }
    return list;
}

/* Timing as the migration parameters announce-* have it. */
static void run_announce_self(Monitor *monitor, json_t *arguments, GError **error)
{
    const char *interfaces = json_string_value(json_object_get(arguments, "interfaces"));
    const char *id = json_string_value(json_object_get(arguments, "id"));
    g_autoptr(MigrationParameters) parameters = qmp_query_migrate_parameters(error);
    g_autoptr(AnnounceParameters) announce = AnnounceParameters_new();

    if (!parameters) {
        return;
    }
    announce->initial = (int64_t)parameters->announce_initial;
    announce->max = (int64_t)parameters->announce_max;
    announce->rounds = (int64_t)parameters->announce_rounds;
    announce->step = (int64_t)parameters->announce_step;
    announce->interfaces = interfaces ? split_names(interfaces) : NULL;
    announce->id = g_strdup(id);
    qmp_announce_self(announce, error);
}

HMP_COMMAND(announce_self, .name = "announce_self", .arguments = "interfaces:s?,id:s?",
            .parameters = "[interfaces] [id]", .help = "Trigger GARP/RARP announcements",
            .handler = run_announce_self);
