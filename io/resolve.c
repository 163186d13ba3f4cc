/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Host names to addresses. getaddrinfo(3) can hang for minutes and cannot be broken, so a name
 * is looked up by a thread that the waiting one leaves behind when it gives up.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "channel-internal.h"
#include "trace-io.h"
#include "util/report.h"

/* What the two threads share; freed by whoever lets go last. */
typedef struct Lookup {
    gint references;
    char *host, *port;
    struct addrinfo hints;
    int done_fd; /* eventfd: result and status are valid */
    struct addrinfo *result;
    int status; /* of getaddrinfo() */
    int status_errno;
} Lookup;

static void lookup_unref(Lookup *lookup)
{
    if (!g_atomic_int_dec_and_test(&lookup->references)) {
        return;
    }
    if (lookup->result) {
        freeaddrinfo(lookup->result);
    }
    close(lookup->done_fd);
    g_free(lookup->host);
    g_free(lookup->port);
    g_free(lookup);
}

static int lookup_run(Lookup *lookup, int extra_flags)
{
    struct addrinfo hints = lookup->hints;

    hints.ai_flags |= extra_flags;
    lookup->status =
        getaddrinfo(lookup->host[0] ? lookup->host : NULL, lookup->port, &hints, &lookup->result);
    lookup->status_errno = errno;
    return lookup->status;
}

static gpointer lookup_thread(gpointer opaque)
{
    Lookup *lookup = opaque;

    lookup_run(lookup, 0);
    if (eventfd_write(lookup->done_fd, 1) < 0) {
        report_warning("look-up of host '%s': %s", lookup->host, g_strerror(errno));
    }
    lookup_unref(lookup);
    return NULL;
}

static int address_family(const ChannelAddress *address)
{
    if (address->ipv4 == address->ipv6) {
        return AF_UNSPEC;
    }
    return address->ipv4 ? AF_INET : AF_INET6;
}

static Lookup *lookup_new(const ChannelAddress *address, bool passive)
{
    Lookup *lookup = g_new0(Lookup, 1);

    lookup->references = 1;
    lookup->host = g_strdup(address->host);
    lookup->port = g_strdup(address->port);
    lookup->hints.ai_family = address_family(address);
    lookup->hints.ai_socktype = SOCK_STREAM;
    lookup->hints.ai_flags = passive ? AI_PASSIVE : 0;
    lookup->done_fd = eventfd(0, EFD_CLOEXEC);
    return lookup;
}

/* Wait for the thread; false with errno when it took too long or @channel was shut down. */
static bool lookup_wait(Channel *channel, Lookup *lookup, gint64 deadline_us)
{
    g_autoptr(Channel) own = channel ? channel_ref(channel) : channel_new_buffer(0);

    lookup->references++;
    g_thread_unref(g_thread_new("io-resolve", lookup_thread, lookup));
    int ready = channel_poll(own, lookup->done_fd, POLLIN, deadline_us);
    if (ready == 0) {
        errno = ETIMEDOUT;
    }
    eventfd_t times;
    return ready > 0 && eventfd_read(lookup->done_fd, &times) == 0;
}

static struct addrinfo *lookup_finish(Lookup *lookup, GError **error)
{
    if (lookup->status == 0) {
        return g_steal_pointer(&lookup->result);
    }
    const char *why = lookup->status == EAI_SYSTEM ? g_strerror(lookup->status_errno)
                                                   : gai_strerror(lookup->status);
    qc_error_set(error, "address resolution failed for %s:%s: %s", lookup->host, lookup->port, why);
    return NULL;
}

struct addrinfo *channel_resolve(Channel *channel, const ChannelAddress *address, bool passive,
                                 gint64 deadline_us, GError **error)
{
    Lookup *lookup = lookup_new(address, passive);
    struct addrinfo *result = NULL;

    trace_channel_resolve(address->host, address->port, passive);
    if (lookup->done_fd < 0) {
        qc_error_set_errno(error, errno, "look-up of host '%s'", address->host);
    } else if (lookup_run(lookup, AI_NUMERICHOST) == EAI_NONAME && address->host[0] &&
               !lookup_wait(channel, lookup, deadline_us)) {
        qc_error_set_errno(error, errno, "look-up of host '%s'", address->host);
    } else {
        result = lookup_finish(lookup, error);
    }
    lookup_unref(lookup);
    return result;
}
