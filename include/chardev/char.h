/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Character devices: the host side of serial lines, monitors and packet streams.
 *
 * A Chardev (back end) has at most one CharFrontend, but for `mux`, which has several and gives
 * one of them the input focus. Handlers run in the GMainContext that the front end chose
 * (the main loop, with the BQL, by default). Writing is allowed from any thread.
 *
 * A peer that does not read never holds anybody up: char_frontend_write() takes nothing then.
 * What is written while there is no peer is dropped.
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
 * Values are strings, or of the option's own type. The object is found at /chardevs/ID and
 * borrowed by the caller. Errors name the id or the option. Tells the path of a new pty on
 * standard output. A socket that connects, or listens
 * with wait=on, waits for its peer here, giving up the BQL meanwhile.
 */
Chardev *chardev_new_from_options(json_t *options, GError **error);
/*
 * Create from the short form of -serial, -monitor, -qmp: stdio, mon:stdio, null, pty,
 * file:PATH, pipe:PATH, tcp:HOST:PORT,server=on,wait=off, telnet:HOST:PORT,...,
 * unix:PATH,..., /dev/DEVICE, chardev:ID (which exists and is returned). With mon: in front the
 * device is a mux; connecting a monitor to it is up to the caller.
 */
Chardev *chardev_new_from_shorthand(const char *id, const char *text, GError **error);
Chardev *chardev_find(const char *id);
const char *chardev_id(Chardev *chardev);
/* What it is connected to, as query-chardev tells it. Free with g_free(). */
char *chardev_filename(Chardev *chardev);
bool chardev_has_frontend(Chardev *chardev);
/* Remove by id; error when it does not exist or is in use. */
bool chardev_remove(const char *id, GError **error);
void chardev_foreach(void (*visit)(Chardev *chardev, void *opaque), void *opaque);
/* Close all on the way out of the process (restores the terminal, removes sockets). */
void chardev_cleanup(void);
/* The names of the back ends that there are. */
void chardev_foreach_backend(void (*visit)(const char *name, void *opaque), void *opaque);
/* -chardev help, on standard output. */
void chardev_print_backends(void);
/* -chardev BACKEND,help; the error says that there is no such back end. */
bool chardev_print_options(const char *backend, GError **error);
/* -echr: the character that begins an escape sequence of mux devices; 1 (Ctrl-a) by default. */
void chardev_mux_set_escape(uint8_t character);
/* A break arrived on the line, as if the peer had sent it. */
void chardev_send_break(Chardev *chardev);

/* ---- front ends ---- */

/* Connect @frontend; error when the back end is taken. BQL. */
bool char_frontend_init(CharFrontend *frontend, Chardev *chardev, GError **error);
/* Disconnect and forget the handlers; none is running any more on return. BQL. */
void char_frontend_deinit(CharFrontend *frontend);
/*
 * Set the handlers and the context they run in (NULL: main loop). An OPENED event follows when a
 * peer is there already. Of the front ends of a mux, the last to call this has the input focus;
 * they all live in the main loop.
 */
void char_frontend_set_handlers(CharFrontend *frontend, int (*can_receive)(void *),
                                void (*receive)(void *, const uint8_t *, int),
                                void (*event)(void *, CharEvent), void *opaque,
                                GMainContext *context);
/* Room for input again. Any thread. */
void char_frontend_accept_input(CharFrontend *frontend);
/* Mux: take the input focus. BQL. */
void char_frontend_take_focus(CharFrontend *frontend);

/* Write what the back end takes now; returns the number of bytes, 0 when it would block. */
int char_frontend_write(CharFrontend *frontend, const void *data, int size);
/*
 * Write all, waiting for the back end for at most CHAR_WRITE_TIMEOUT_MS without progress; false
 * when it took longer and the rest was dropped. Calls from several threads do not mix. Not for
 * guests' output on the BQL when the back end can stall: use _write and
 * char_frontend_add_watch().
 */
#define CHAR_WRITE_TIMEOUT_MS 5000
bool char_frontend_write_all(CharFrontend *frontend, const void *data, int size);
/*
 * Call @writable in the front end's context when output is possible again, or the peer has gone,
 * until it returns G_SOURCE_REMOVE or the peer has gone (see CHAR_EVENT_CLOSED). Returns a source
 * id, 0 when there is nothing to wait for.
 */
guint char_frontend_add_watch(CharFrontend *frontend, gboolean (*writable)(void *opaque),
                              void *opaque);
/* Serial line settings and breaks. */
void char_frontend_set_break(CharFrontend *frontend, bool on);
/* A terminal: show what is typed (off at first). */
void char_frontend_set_echo(CharFrontend *frontend, bool on);
/* The fd that came with the last received bytes (SCM_RIGHTS), or -1. */
int char_frontend_take_fd(CharFrontend *frontend);
/* Drop the peer of a socket, as if it had closed the connection. Not for others. */
void char_frontend_disconnect(CharFrontend *frontend);
bool char_frontend_is_open(const CharFrontend *frontend);
