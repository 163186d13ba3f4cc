/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The options of -netdev tap: which go together, and what each may be. */
#include "net/tap-options.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "net/net.h"
#include "util/keyval.h"
#include "util/named-fd.h"
#include "util/report.h"

const char *const tap_option_names[] = {
    "ifname", "fd",      "fds",        "script",       "downscript",  "br",
    "helper", "sndbuf",  "vnet_hdr",   "vhost",        "vhostfd",     "vhostfds",
    "queues", "poll-us", "vhostforce", "colo_nicname", "colo_script", NULL,
};

/* What would need the host kernel's virtio-net, or more than one queue. */
static bool refuse_unsupported(json_t *options, GError **error)
{
    static const char *const kernel_options[] = { "vhostfd", "vhostfds", "poll-us" };
    bool vhost = false;
    bool force = false;
    uint64_t queues = 1;

    if (!net_option_bool(options, "vhost", &vhost, error) ||
        !net_option_bool(options, "vhostforce", &force, error) ||
        !net_option_number(options, "queues", 1, 1024, &queues, error)) {
        return false;
    }
    if (vhost || force) {
        qc_error_set(error, "vhost=on is not supported: frames would bypass filters and COLO");
        return false;
    }
    for (size_t i = 0; i < G_N_ELEMENTS(kernel_options); i++) {
        if (json_object_get(options, kernel_options[i])) {
            qc_error_set(error, "%s= needs vhost=on, which is not supported", kernel_options[i]);
            return false;
        }
    }
    if (queues > 1 || json_object_get(options, "fds")) {
        qc_error_set(error, "%s: a tap with several queues is not supported",
                     queues > 1 ? "queues=" : "fds=");
        return false;
    }
    return true;
}

/* Options of interfaces that we open, which make no sense with @other. */
static bool refuse_interface_options(json_t *options, const char *other, GError **error)
{
    static const char *const names[] = { "ifname", "script", "downscript", "vnet_hdr" };

    for (size_t i = 0; i < G_N_ELEMENTS(names); i++) {
        if (json_object_get(options, names[i])) {
            qc_error_set(error, "%s= is invalid with %s=", names[i], other);
            return false;
        }
    }
    return true;
}

static bool parse_fd(TapOptions *parsed, json_t *options, const char *text, GError **error)
{
    if (!refuse_interface_options(options, "fd", error)) {
        return false;
    }
    if (json_object_get(options, "helper") || json_object_get(options, "br")) {
        qc_error_set(error, "helper= and br= are invalid with fd=");
        return false;
    }
    parsed->source = TAP_SOURCE_FD;
    parsed->fd = named_fd_take(text, error);
    return parsed->fd >= 0;
}

static const char *script_option(json_t *options, const char *name, const char *standard)
{
    const char *path = net_option_string(options, name);

    if (!path) {
        return standard;
    }
    return strcmp(path, "no") ? path : NULL;
}

static bool parse_interface(TapOptions *parsed, json_t *options, GError **error)
{
    bool vnet = false;

    if (json_object_get(options, "br")) {
        qc_error_set(error, "br= needs helper=");
        return false;
    }
    parsed->ifname = net_option_string(options, "ifname");
    parsed->script = script_option(options, "script", TAP_DEFAULT_SCRIPT);
    parsed->downscript = script_option(options, "downscript", TAP_DEFAULT_DOWNSCRIPT);
    if (!net_option_bool(options, "vnet_hdr", &vnet, error)) {
        return false;
    }
    if (json_object_get(options, "vnet_hdr")) {
        parsed->vnet_header = vnet ? TAP_VNET_ON : TAP_VNET_OFF;
    }
    return true;
}

static bool parse_sndbuf(TapOptions *parsed, json_t *options, GError **error)
{
    json_t *value = json_object_get(options, "sndbuf");

    parsed->has_sndbuf = value != NULL;
    if (json_is_integer(value) && json_integer_value(value) >= 0) {
        parsed->sndbuf = json_integer_value(value);
        return true;
    }
    if (value && (!json_is_string(value) ||
                  !size_parse(json_string_value(value), 1, &parsed->sndbuf, NULL))) {
        qc_error_set(error, "Parameter 'sndbuf' expects a size in bytes");
        return false;
    }
    return true;
}

static bool parse_colo(TapOptions *parsed, json_t *options, GError **error)
{
    parsed->colo_nicname = net_option_string(options, "colo_nicname");
    parsed->colo_script = net_option_string(options, "colo_script");
    if (parsed->colo_script && !parsed->colo_nicname) {
        qc_error_set(error, "colo_script= needs colo_nicname=");
        return false;
    }
    if (parsed->colo_script && access(parsed->colo_script, X_OK) < 0) {
        qc_error_set_errno(error, errno, "colo_script '%s' cannot be run", parsed->colo_script);
        return false;
    }
    return true;
}

bool tap_options_parse(TapOptions *parsed, json_t *options, GError **error)
{
    const char *fd = net_option_string(options, "fd");
    const char *helper = net_option_string(options, "helper");

    *parsed = (TapOptions){ .fd = -1 };
    if (!refuse_unsupported(options, error) || !parse_sndbuf(parsed, options, error) ||
        !parse_colo(parsed, options, error)) {
        return false;
    }
    if (fd) {
        return parse_fd(parsed, options, fd, error);
    }
    if (!helper) {
        return parse_interface(parsed, options, error);
    }
    const char *bridge = net_option_string(options, "br");
    parsed->source = TAP_SOURCE_HELPER;
    parsed->helper = helper;
    parsed->bridge = bridge ? bridge : TAP_DEFAULT_BRIDGE;
    return refuse_interface_options(options, "helper", error);
}
