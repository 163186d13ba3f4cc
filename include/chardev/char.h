/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Character devices: the host side of serial lines, monitors and packet streams.
 *
 * A Chardev (back end) has at most one CharFrontend, but for `mux`, which has several and gives
 * one of them the input focus. Handlers run in the GMainContext that the front end chose
 * (the main loop, with the BQL, by default). Writing is allowed from any thread.
 */
#pragma once

#include <glib-object.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct Chardev Chardev; /* a GObject; user-visible type names "chardev-socket", ... */

#define TYPE_CHARDEV (chardev_get_type())
#define CHARDEV(o)   (G_TYPE_CHECK_INSTANCE_CAST((o), TYPE_CHARDEV, Chardev))
GType chardev_get_type(void);

typedef enum CharEvent {
    CHAR_EVENT_OPENED, /* a peer is there */
    CHAR_EVENT_CLOSED,
    CHAR_EVENT_BREAK,
    CHAR_EVENT_FOCUS_IN, /* mux */
    CHAR_EVENT_FOCUS_OUT,
} CharEvent;

typedef struct CharFrontend {
    Chardev *chardev; /* NULL: not connected; writes vanish */
    /* How many bytes can be taken now; 0 stops reading until char_frontend_accept_input(). */
    int (*can_receive)(void *opaque);
    void (*receive)(void *opaque, const uint8_t *data, int size);
    void (*event)(void *opaque, CharEvent event);
    void *opaque;
    int mux_tag;
} CharFrontend;

/* ---- life of back ends; BQL ---- */

/*
 * Create from parsed options {"backend": "socket", "id": .., ...} as -chardev gives them.
 * Errors name the id and the option.
 */
Chardev *chardev_new_from_options(json_t *options, GError **error);
/*
 * Create from the short form of -serial, -monitor, -qmp: stdio, mon:stdio, null, pty, vc,
 * file:PATH, pipe:PATH, tcp:HOST:PORT,server=on,wait=off, unix:PATH,..., chardev:ID.
 */
Chardev *chardev_new_from_shorthand(const char *id, const char *text, GError **error);
Chardev *chardev_find(const char *id);
const char *chardev_id(Chardev *chardev);
/* Remove by id; error when it does not exist or is in use. */
bool chardev_remove(const char *id, GError **error);
void chardev_foreach(void (*visit)(Chardev *chardev, void *opaque), void *opaque);
/* Close all on the way out of the process (restores the terminal, removes sockets). */
void chardev_cleanup(void);

/* ---- front ends ---- */

/* Connect @frontend; error when the back end is taken. BQL. */
bool char_frontend_init(CharFrontend *frontend, Chardev *chardev, GError **error);
/* Disconnect and forget the handlers. BQL. */
void char_frontend_deinit(CharFrontend *frontend);
/*
 * Set the handlers and the context they run in (NULL: main loop). An OPENED event follows when a
 * peer is there already.
 */
void char_frontend_set_handlers(CharFrontend *frontend, int (*can_receive)(void *),
                                void (*receive)(void *, const uint8_t *, int),
                                void (*event)(void *, CharEvent), void *opaque,
                                GMainContext *context);
/* Room for input again. */
void char_frontend_accept_input(CharFrontend *frontend);
/* Mux: take the input focus. */
void char_frontend_take_focus(CharFrontend *frontend);

/* Write what the back end takes now; returns the number of bytes, 0 when it would block. */
int char_frontend_write(CharFrontend *frontend, const void *data, int size);
/* Write all, waiting for the back end for at most its own write timeout. Not for guests' output
 * on the BQL when the back end can stall: use _write and char_frontend_add_watch(). */
bool char_frontend_write_all(CharFrontend *frontend, const void *data, int size);
/* Call @writable once output is possible again; returns a source id, 0 when never needed. */
guint char_frontend_add_watch(CharFrontend *frontend, gboolean (*writable)(void *opaque),
                              void *opaque);
/* Serial line settings and breaks. */
void char_frontend_set_break(CharFrontend *frontend, bool on);
/* The fd that came with the last received bytes (SCM_RIGHTS), or -1. */
int char_frontend_take_fd(CharFrontend *frontend);
bool char_frontend_is_open(const CharFrontend *frontend);
