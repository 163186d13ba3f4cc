/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Where random numbers for guests come from: the objects rng-builtin and rng-random. Need the BQL.
 */
#pragma once

#include "system/object.h"

#define TYPE_RNG_BACKEND (rng_backend_get_type()) /* abstract, "rng-backend" */
#define RNG_BACKEND(o)   (G_TYPE_CHECK_INSTANCE_CAST((o), TYPE_RNG_BACKEND, RngBackend))
#define TYPE_RNG_BUILTIN "rng-builtin"

typedef struct RngBackend {
    GObject parent;
    unsigned users; /* devices; it cannot be deleted meanwhile */
    /* Who waits for bytes; NULL: nobody. */
    void (*ready)(void *opaque);
    void *opaque;
} RngBackend;

typedef struct RngBackendClass {
    GObjectClass parent;
    bool (*open)(RngBackend *backend, GError **error); /* NULL: nothing to do */
    size_t (*read)(RngBackend *backend, void *buffer, size_t size);
    void (*watch)(RngBackend *backend, bool on); /* NULL: there always are bytes */
} RngBackendClass;

GType rng_backend_get_type(void);

/* One device at a time. Error: taken. */
bool rng_backend_attach(RngBackend *backend, void (*ready)(void *opaque), void *opaque,
                        GError **error);
void rng_backend_detach(RngBackend *backend);
/*
 * Up to @size bytes that are there now. 0: none; `ready` is called in the main loop when there are
 * some again.
 */
size_t rng_backend_read(RngBackend *backend, void *buffer, size_t size);
