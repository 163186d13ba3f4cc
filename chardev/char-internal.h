/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* What back ends of character devices are made of; only for chardev/. */
#pragma once

#include "chardev/char.h"
#include "io/channel.h"
#include "system/object.h"

/*
 * Locks of a device, taken in this order: dispatch, then lock. Neither is held while waiting
 * for a peer.
 *   dispatch  held while the front end's handlers run and while they are changed
 *   lock      the fields so marked, and one call of write()
 */
struct Chardev {
    GObject parent;
    char *id;
    GRecMutex dispatch;
    GMutex lock;
    GMutex whole_write; /* held by char_frontend_write_all(), outside of the others */
    CharFrontend *frontend;
    GMainContext *context; /* dispatch; of the handlers; NULL: main loop */
    bool open;             /* lock */
    bool closed;           /* BQL; chardev_close() was called */
    Channel *log;          /* lock; copy of the output; may be NULL */
    char *base_id;         /* of the device made along with a mux=on one; may be NULL */
};

typedef struct ChardevClass {
    GObjectClass parent;
    const char *backend; /* name for -chardev; NULL: abstract */
    const char *alias;   /* another one; may be NULL */
    /* Names of the options it knows besides the common ones, NULL at the end. */
    const char *const *options;
    /* BQL. Errors name the option. */
    bool (*open_backend)(Chardev *chardev, json_t *options, GError **error);
    /* BQL; drop the peer, sources, descriptors. Later calls of the others are harmless. */
    void (*close_backend)(Chardev *chardev);
    /* Lock held. What is taken now, without blocking; 0 when it would block. */
    int (*write)(Chardev *chardev, const uint8_t *data, int size);
    /* Lock held. A new reference to what to wait for after write() gave 0, or NULL. */
    Channel *(*ref_output)(Chardev *chardev);

    /* The front end's side; BQL and dispatch held unless said otherwise. */
    bool (*attach)(Chardev *chardev, CharFrontend *frontend, GError **error);
    void (*detach)(Chardev *chardev, CharFrontend *frontend);
    void (*handlers_changed)(Chardev *chardev, CharFrontend *frontend, GMainContext *context);
    void (*accept_input)(Chardev *chardev, CharFrontend *frontend); /* any thread, no lock */
    void (*take_focus)(Chardev *chardev, CharFrontend *frontend);
    bool (*has_frontend)(Chardev *chardev);

    /* May be NULL. */
    void (*set_break)(Chardev *chardev, bool on);
    void (*set_echo)(Chardev *chardev, bool on);
    int (*take_fd)(Chardev *chardev);
    void (*disconnect)(Chardev *chardev);
    /* For query-chardev; NULL: the name of the back end. */
    char *(*filename)(Chardev *chardev);
    /* To the front end(s); see chardev_event(). */
    void (*deliver_event)(Chardev *chardev, CharEvent event);
} ChardevClass;

#define CHARDEV_GET_CLASS(o) (G_TYPE_INSTANCE_GET_CLASS((o), TYPE_CHARDEV, ChardevClass))

/* chardev_new_from_options() without a word at the terminal. */
Chardev *chardev_create(json_t *options, GError **error);

/* ---- for back ends ---- */

/* How much the front end takes now; its context's thread, dispatch held. */
int chardev_can_receive(Chardev *chardev);
void chardev_receive(Chardev *chardev, const uint8_t *data, int size);
/* Deliver @event in the context of the front end; now, when called there or for the main loop. */
void chardev_event(Chardev *chardev, CharEvent event);
/* Note that a peer is there or not; the event follows when that is news. */
void chardev_set_open(Chardev *chardev, bool open);
/* Write to @chardev, logged; any thread. */
int chardev_write(Chardev *chardev, const uint8_t *data, int size);
void chardev_close(Chardev *chardev);

/* ---- options ---- */

/* The text of option @name, or NULL. Borrowed. */
const char *char_option_string(json_t *options, const char *name);
/* Leave *@value alone when the option is not there; false with an error when it is bad. */
bool char_option_bool(json_t *options, const char *name, bool *value, GError **error);
bool char_option_number(json_t *options, const char *name, uint64_t maximum, uint64_t *value,
                        GError **error);
bool char_option_size(json_t *options, const char *name, uint64_t *value, GError **error);

/* ---- streams: back ends that read and write channels ---- */

typedef struct ChardevStream {
    Chardev parent;
    Channel *in, *out; /* lock; may be NULL */
    GSource *watch;    /* lock; input, or a hang-up while the front end takes no input */
    bool paused;       /* lock; the front end takes no input: accept_input() shall resume */
    uint8_t *buffer;
} ChardevStream;

typedef struct ChardevStreamClass {
    ChardevClass parent;
    /*
     * The input has ended or failed. Context's thread, dispatch held. The default forgets the
     * input and goes on with the output.
     */
    void (*ended)(ChardevStream *stream);
    /*
     * Change @data in place before it is received; returns how much is left. NULL: nothing to
     * change. Context's thread, dispatch held.
     */
    size_t (*filter)(ChardevStream *stream, uint8_t *data, size_t size);
} ChardevStreamClass;

GType chardev_stream_get_type(void);
#define TYPE_CHARDEV_STREAM (chardev_stream_get_type())
#define CHARDEV_STREAM(o)   (G_TYPE_CHECK_INSTANCE_CAST((o), TYPE_CHARDEV_STREAM, ChardevStream))
#define CHARDEV_STREAM_GET_CLASS(o) \
    (G_TYPE_INSTANCE_GET_CLASS((o), TYPE_CHARDEV_STREAM, ChardevStreamClass))

/* A peer is there: begin to read @in and write @out (both taken over; either may be NULL). */
void chardev_stream_attach(ChardevStream *stream, Channel *in, Channel *out);
/* The peer has gone. Breaks waits for it. */
void chardev_stream_detach(ChardevStream *stream);
/* The type's own close_backend, for those that have one, too. */
void chardev_stream_close(Chardev *chardev);

/* ---- terminals ---- */

struct termios;
/* Set the line @fd raw: no echo, no line editing, keys make no signals. */
bool char_tty_set_raw(int fd, const char *name, GError **error);

/* ---- mux ---- */

GType chardev_mux_get_type(void);
#define TYPE_CHARDEV_MUX (chardev_mux_get_type())

/* ---- ring buffer ---- */

GType chardev_ringbuf_get_type(void);
#define TYPE_CHARDEV_RINGBUF (chardev_ringbuf_get_type())
/* Take up to @size of the oldest bytes out. Returns how many. */
size_t chardev_ringbuf_take(Chardev *chardev, uint8_t *data, size_t size);
size_t chardev_ringbuf_count(Chardev *chardev);
