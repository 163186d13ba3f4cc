/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The options of -netdev tap, checked. */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define TAP_DEFAULT_SCRIPT     "/etc/qemu-ifup"
#define TAP_DEFAULT_DOWNSCRIPT "/etc/qemu-ifdown"
#define TAP_DEFAULT_HELPER     "/usr/lib/qemu/qemu-bridge-helper"
#define TAP_DEFAULT_BRIDGE     "br0"

typedef enum TapSource {
    TAP_SOURCE_IFNAME,
    TAP_SOURCE_FD,
    TAP_SOURCE_HELPER,
} TapSource;

typedef enum TapVnet {
    TAP_VNET_AUTO, /* when the kernel can */
    TAP_VNET_ON,
    TAP_VNET_OFF,
} TapVnet;

/* Strings are borrowed from the JSON object. */
typedef struct TapOptions {
    TapSource source;
    const char *ifname; /* NULL: the next free tapN */
    int fd;             /* TAP_SOURCE_FD: for the tap to take */
    const char *helper, *bridge;
    const char *script, *downscript; /* NULL: none */
    TapVnet vnet_header;
    bool has_sndbuf;
    uint64_t sndbuf;          /* bytes, 0: no limit */
    const char *colo_nicname; /* interface to the other host; NULL: no kernel packet path */
    const char *colo_script;  /* NULL: none */
} TapOptions;

/* NULL-terminated. */
extern const char *const tap_option_names[];

/* Errors name the option. What is not supported (vhost, several queues) is refused by name. */
bool tap_options_parse(TapOptions *parsed, json_t *options, GError **error);
