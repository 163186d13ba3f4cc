/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * -netdev tap and bridge: an Ethernet interface of the host (Linux:
 * Documentation/networking/tuntap.rst). Frames carry a vnet header where the kernel and the user
 * agree, so that checksums and segmentation can be left to the host's stack or its card.
 */
#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <limits.h>
#include <net/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "net/colo-nic.h"
#include "net/fd-watch.h"
#include "net/net.h"
#include "net/tap-options.h"
#include "net/tap-script.h"
#include "trace-net.h"
#include "util/report.h"

#define TUN_DEVICE "/dev/net/tun"

/* Frames that are taken from the kernel before others get their turn in the main loop. */
#define READ_BURST 64

#define IOV_MAX_FRAME 64

typedef struct Tap {
    NetClient *client;
    int fd;
    FdWatch *watch;
    bool vnet_header;
    uint32_t kernel_offloads; /* as last told to the kernel, TUN_F_* */
    char *ifname;
    char *downscript;  /* NULL: none */
    ColoNic *colo_nic; /* NULL: no packet path through the kernel */
    uint8_t buffer[VNET_HEADER_SIZE + NET_FRAME_MAX];
} Tap;

/* ---- frames ---- */

static void tap_sent(NetClient *client)
{
    Tap *tap = client->opaque;

    fd_watch_read(tap->watch, true);
}

/* One frame of @size bytes in the buffer to the guest; false: wait until it has been taken. */
static bool pass_to_guest(Tap *tap, size_t size)
{
    size_t header = tap->vnet_header ? VNET_HEADER_SIZE : 0;

    if (size < header) {
        return true;
    }
    struct iovec iov = { tap->buffer + header, size - header };
    NetFrame frame = { .iov = &iov, .iov_count = 1 };
    if (tap->vnet_header) {
        vnet_header_unpack(&frame.header, tap->buffer);
    }
    return net_send(tap->client, &frame, tap_sent) == NET_DONE;
}

static void tap_readable(void *opaque)
{
    Tap *tap = opaque;

    for (unsigned i = 0; i < READ_BURST; i++) {
        ssize_t size = read(tap->fd, tap->buffer, sizeof(tap->buffer));
        if (size < 0) {
            if (errno != EAGAIN && errno != EINTR) {
                report_warning("netdev '%s': cannot read from tap '%s': %s; it gets no more frames",
                               tap->client->name, tap->ifname, g_strerror(errno));
                fd_watch_read(tap->watch, false);
            }
            return;
        }
        if (!pass_to_guest(tap, size)) {
            fd_watch_read(tap->watch, false);
            return;
        }
    }
}

static void tap_writable(void *opaque)
{
    Tap *tap = opaque;

    fd_watch_write(tap->watch, false);
    net_flush(tap->client);
}

static NetResult tap_receive(NetClient *client, const NetFrame *frame)
{
    Tap *tap = client->opaque;
    uint8_t header[VNET_HEADER_SIZE];
    struct iovec iov[IOV_MAX_FRAME + 1];
    int count = 0;
    ssize_t written;

    if (tap->vnet_header) {
        vnet_header_pack(&frame->header, header);
        iov[count++] = (struct iovec){ header, sizeof(header) };
    }
    if (frame->iov_count > IOV_MAX_FRAME) {
        g_autofree uint8_t *data = g_malloc(net_frame_size(frame));
        iov[count++] =
            (struct iovec){ data, net_frame_copy(frame, 0, data, net_frame_size(frame)) };
        written = writev(tap->fd, iov, count);
    } else {
        memcpy(iov + count, frame->iov, frame->iov_count * sizeof(*iov));
        written = writev(tap->fd, iov, count + frame->iov_count);
    }
    if (written < 0 && (errno == EAGAIN || errno == EINTR)) {
        fd_watch_write(tap->watch, true);
        return NET_PENDING;
    }
    if (written < 0) {
        /* An interface that is down, a frame that the kernel finds wrong: lost, as on a wire. */
        trace_net_tap_write_failed(client->name, net_frame_size(frame), errno);
    }
    return NET_DONE;
}

/* ---- offloads ---- */

static void tap_set_offloads(NetClient *client, uint32_t offloads)
{
    Tap *tap = client->opaque;
    unsigned flags = 0;

    if (!tap->vnet_header) {
        return;
    }
    if (offloads & NET_OFFLOAD_CHECKSUM) {
        flags |= TUN_F_CSUM;
        flags |= offloads & NET_OFFLOAD_TSO4 ? TUN_F_TSO4 : 0;
        flags |= offloads & NET_OFFLOAD_TSO6 ? TUN_F_TSO6 : 0;
        flags |=
            (offloads & NET_OFFLOAD_ECN) && (flags & (TUN_F_TSO4 | TUN_F_TSO6)) ? TUN_F_TSO_ECN : 0;
    }
    if (ioctl(tap->fd, TUNSETOFFLOAD, flags) < 0) {
        report_warning("netdev '%s': tap '%s' does not take offloads 0x%x: %s", client->name,
                       tap->ifname, flags, g_strerror(errno));
    }
    tap->kernel_offloads = flags;
    trace_net_tap_offloads(client->name, flags);
}

/* ---- life ---- */

static char *tap_describe(NetClient *client)
{
    Tap *tap = client->opaque;

    return tap->downscript
               ? g_strdup_printf("ifname=%s,downscript=%s", tap->ifname, tap->downscript)
               : g_strdup_printf("ifname=%s,script=no,downscript=no", tap->ifname);
}

static void tap_free(Tap *tap)
{
    fd_watch_free(tap->watch);
    if (tap->fd >= 0) {
        close(tap->fd);
    }
    g_free(tap->ifname);
    g_free(tap->downscript);
    g_free(tap);
}

static void tap_cleanup(NetClient *client)
{
    Tap *tap = client->opaque;
    g_autoptr(GError) error = NULL;

    g_clear_pointer(&tap->colo_nic, colo_nic_free);
    if (tap->downscript) {
        const char *argv[] = { tap->downscript, tap->ifname, NULL };
        if (!net_script_run(argv, &error)) {
            report_error("netdev '%s': downscript: %s", client->name, error->message);
        }
    }
    tap_free(tap);
}

static const NetClientOps tap_ops = {
    .type = "tap",
    .receive = tap_receive,
    .set_offloads = tap_set_offloads,
    .describe = tap_describe,
    .cleanup = tap_cleanup,
};

/* ---- the interface ---- */

/* Does the kernel put vnet headers in front of frames? Of @fd when it is a tap already. */
static bool kernel_has_vnet_header(int fd)
{
    unsigned features = 0;

    return ioctl(fd, TUNGETFEATURES, &features) == 0 && (features & IFF_VNET_HDR);
}

static bool open_interface(Tap *tap, const TapOptions *options, GError **error)
{
    struct ifreq request = { .ifr_flags = IFF_TAP | IFF_NO_PI };
    const char *name = options->ifname ? options->ifname : "tap%d";

    if (strlen(name) >= IFNAMSIZ) {
        qc_error_set(error, "ifname '%s' is too long for an interface: at most %d characters", name,
                     IFNAMSIZ - 1);
        return false;
    }
    tap->fd = open(TUN_DEVICE, O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (tap->fd < 0) {
        qc_error_set_errno(error, errno, "could not open " TUN_DEVICE);
        return false;
    }
    bool possible = kernel_has_vnet_header(tap->fd);
    if (options->vnet_header == TAP_VNET_ON && !possible) {
        qc_error_set(error, "vnet_hdr=on requested, but no kernel support for IFF_VNET_HDR "
                            "available");
        return false;
    }
    tap->vnet_header = possible && options->vnet_header != TAP_VNET_OFF;
    request.ifr_flags |= tap->vnet_header ? IFF_VNET_HDR : 0;
    memcpy(request.ifr_name, name, strlen(name));
    if (ioctl(tap->fd, TUNSETIFF, &request) < 0) {
        qc_error_set_errno(error, errno, "could not configure " TUN_DEVICE " (%s)", name);
        return false;
    }
    tap->ifname = g_strndup(request.ifr_name, IFNAMSIZ);
    return true;
}

static bool run_up_script(Tap *tap, const TapOptions *options, GError **error)
{
    if (options->script) {
        const char *argv[] = { options->script, tap->ifname, NULL };
        g_autoptr(GError) local = NULL;
        if (!net_script_run(argv, &local)) {
            qc_error_set(error, "network script %s", local->message);
            return false;
        }
    }
    tap->downscript = g_strdup(options->downscript);
    return true;
}

/* A descriptor that somebody else has opened: is it a tap, and how are its frames? */
static bool adopt_interface(Tap *tap, int fd, GError **error)
{
    struct ifreq request = { 0 };

    tap->fd = fd;
    if (!g_unix_set_fd_nonblocking(fd, TRUE, error)) {
        return false;
    }
    if (ioctl(fd, TUNGETIFF, &request) < 0) {
        qc_error_set_errno(error, errno, "file descriptor %d is not a tap", fd);
        return false;
    }
    if (!(request.ifr_flags & IFF_TAP) || !(request.ifr_flags & IFF_NO_PI)) {
        qc_error_set(error, "interface '%.*s' is not a tap without packet information", IFNAMSIZ,
                     request.ifr_name);
        return false;
    }
    tap->vnet_header = request.ifr_flags & IFF_VNET_HDR;
    tap->ifname = g_strndup(request.ifr_name, IFNAMSIZ);
    return true;
}

static bool tap_open(Tap *tap, const TapOptions *options, GError **error)
{
    int fd;

    switch (options->source) {
    case TAP_SOURCE_FD:
        return adopt_interface(tap, options->fd, error);
    case TAP_SOURCE_HELPER:
        fd = net_bridge_helper_run(options->helper, options->bridge, error);
        return fd >= 0 && adopt_interface(tap, fd, error);
    case TAP_SOURCE_IFNAME:
        return open_interface(tap, options, error) && run_up_script(tap, options, error);
    }
    g_assert_not_reached();
}

static bool tap_configure(Tap *tap, const TapOptions *options, GError **error)
{
    int header_size = VNET_HEADER_SIZE;

    if (tap->vnet_header && ioctl(tap->fd, TUNSETVNETHDRSZ, &header_size) < 0) {
        qc_error_set_errno(error, errno, "tap '%s': cannot set the size of the vnet header",
                           tap->ifname);
        return false;
    }
    if (options->has_sndbuf) {
        int limit = options->sndbuf == 0 ? INT_MAX : (int)MIN(options->sndbuf, INT_MAX);
        if (ioctl(tap->fd, TUNSETSNDBUF, &limit) < 0) {
            qc_error_set_errno(error, errno, "tap '%s': cannot set sndbuf", tap->ifname);
            return false;
        }
    }
    return true;
}

static NetClient *tap_new(const char *model, const char *id, const TapOptions *options,
                          GError **error)
{
    Tap *tap = g_new0(Tap, 1);

    tap->fd = -1;
    NetClient *client = NULL;
    if (tap_open(tap, options, error) && tap_configure(tap, options, error)) {
        client = net_client_new(&tap_ops, model, id, tap, error);
    }
    if (!client) {
        tap_free(tap);
        return NULL;
    }
    tap->client = client;
    if (tap->vnet_header) {
        client->offloads =
            NET_OFFLOAD_CHECKSUM | NET_OFFLOAD_TSO4 | NET_OFFLOAD_TSO6 | NET_OFFLOAD_ECN;
    }
    tap_set_offloads(client, 0);
    tap->watch = fd_watch_new(tap->fd, "tap", tap_readable, tap_writable, tap);
    fd_watch_read(tap->watch, true);
    trace_net_tap_open(id, tap->ifname, tap->vnet_header);
    if (options->colo_nicname) {
        tap->colo_nic =
            colo_nic_new(client, tap->ifname, options->colo_nicname, options->colo_script, error);
        if (!tap->colo_nic) {
            net_client_free(client);
            return NULL;
        }
    }
    return client;
}

static NetClient *tap_create(const char *id, json_t *options, GError **error)
{
    TapOptions parsed = { 0 };

    return tap_options_parse(&parsed, options, error) ? tap_new("tap", id, &parsed, error) : NULL;
}

static NetClient *bridge_create(const char *id, json_t *options, GError **error)
{
    const char *helper = net_option_string(options, "helper");
    const char *bridge = net_option_string(options, "br");
    TapOptions parsed = {
        .source = TAP_SOURCE_HELPER,
        .helper = helper ? helper : TAP_DEFAULT_HELPER,
        .bridge = bridge ? bridge : TAP_DEFAULT_BRIDGE,
    };

    return tap_new("bridge", id, &parsed, error);
}

static const NetBackendType tap_type = {
    .name = "tap",
    .options = tap_option_names,
    .description = "interface of the host",
    .create = tap_create,
};

static const NetBackendType bridge_type = {
    .name = "bridge",
    .options = (const char *const[]){ "br", "helper", NULL },
    .description = "interface of the host, opened on a bridge by a helper program",
    .create = bridge_create,
};

__attribute__((constructor)) static void tap_register(void)
{
    net_backend_register(&tap_type);
    net_backend_register(&bridge_type);
}
