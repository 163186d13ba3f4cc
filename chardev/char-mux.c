/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Several users of one device, a serial line and a monitor on a terminal, say. All may write;
 * input goes to the one that has the focus. Keys behind the escape character move the focus,
 * send a break, end the process. Everything here happens in the main loop, with the BQL, but
 * for writing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "char-internal.h"
#include "system/main-loop.h"
#include "trace-chardev.h"
#include "util/report.h"

#define MUX_MAX_USERS 4
/* Input kept for a user who does not take it, so that the escape keys stay within reach. */
#define MUX_BUFFER_SIZE 1024

typedef struct MuxUser {
    CharFrontend *frontend; /* NULL: free slot */
    uint8_t buffer[MUX_BUFFER_SIZE];
    int used;
} MuxUser;

typedef struct MuxChardev {
    Chardev parent;
    CharFrontend base; /* our use of the shared device */
    MuxUser users[MUX_MAX_USERS];
    int focus;    /* -1: nobody */
    bool escaped; /* the escape character came last */
    guint flush;  /* GSource id */
    /* Time stamps; lock. */
    bool stamping;
    bool at_line_start;
    gint64 stamp_origin_us;
    char stamp[40]; /* what is still to be written of the current one */
} MuxChardev;

typedef struct MuxChardevClass {
    ChardevClass parent;
} MuxChardevClass;

OBJECT_DEFINE_TYPE(MuxChardev, MuxChardevClass, chardev_mux, "chardev-mux", TYPE_CHARDEV);

static uint8_t escape_character = 1;

void chardev_mux_set_escape(uint8_t character)
{
    escape_character = character;
}

static MuxChardev *to_mux(void *chardev)
{
    return G_TYPE_CHECK_INSTANCE_CAST(chardev, TYPE_CHARDEV_MUX, MuxChardev);
}

static MuxUser *focused_user(MuxChardev *self)
{
    return self->focus >= 0 ? &self->users[self->focus] : NULL;
}

static void user_event(MuxUser *user, CharEvent event)
{
    if (user && user->frontend && user->frontend->event) {
        user->frontend->event(user->frontend->opaque, event);
    }
}

/* ---- output ---- */

static void make_stamp(MuxChardev *self)
{
    gint64 ms = (g_get_monotonic_time() - self->stamp_origin_us) / 1000;

    snprintf(self->stamp, sizeof(self->stamp), "[%02d:%02d:%02d.%03d] ", (int)(ms / 3600000),
             (int)(ms / 60000 % 60), (int)(ms / 1000 % 60), (int)(ms % 1000));
    self->at_line_start = false;
}

/* Whether the rest of the stamp, if any, was taken. */
static bool write_stamp(MuxChardev *self)
{
    int size = (int)strlen(self->stamp);
    int written = size ? char_frontend_write(&self->base, self->stamp, size) : 0;

    memmove(self->stamp, self->stamp + written, size - written + 1);
    return written == size;
}

static int write_stamped(MuxChardev *self, const uint8_t *data, int size)
{
    int done = 0;

    while (done < size) {
        if (self->at_line_start) {
            make_stamp(self);
        }
        if (!write_stamp(self)) {
            break;
        }
        const uint8_t *newline = memchr(data + done, '\n', size - done);
        int part = newline ? (int)(newline - data) + 1 - done : size - done;
        int written = char_frontend_write(&self->base, data + done, part);
        done += written;
        if (written < part) {
            break;
        }
        self->at_line_start = newline != NULL;
    }
    return done;
}

static int mux_write(Chardev *chardev, const uint8_t *data, int size)
{
    MuxChardev *self = to_mux(chardev);

    return self->stamping ? write_stamped(self, data, size)
                          : char_frontend_write(&self->base, data, size);
}

static Channel *mux_ref_output(Chardev *chardev)
{
    Chardev *base = to_mux(chardev)->base.chardev;

    if (!base) {
        return NULL;
    }
    g_mutex_lock(&base->lock);
    Channel *output = CHARDEV_GET_CLASS(base)->ref_output(base);
    g_mutex_unlock(&base->lock);
    return output;
}

/* For the person at the terminal; dropped when the terminal is stalled. */
static void print(MuxChardev *self, const char *text)
{
    chardev_write(&self->parent, (const uint8_t *)text, (int)strlen(text));
}

/* ---- escape keys ---- */

static char *escape_name(void)
{
    return escape_character < 0x20 ? g_strdup_printf("C-%c", escape_character + 'a' - 1)
                                   : g_strdup_printf("%c", escape_character);
}

static void print_help(MuxChardev *self)
{
    static const struct {
        char key;
        const char *text;
    } keys[] = {
        { 'h', "print this help" },
        { 'x', "exit emulator" },
        { 't', "toggle console timestamps" },
        { 'b', "send break (magic sysrq)" },
        { 'c', "switch between console and monitor" },
    };
    g_autofree char *name = escape_name();
    g_autoptr(GString) help = g_string_new("\r\n");

    for (size_t i = 0; i < G_N_ELEMENTS(keys); i++) {
        g_string_append_printf(help, "%s %c    %s\r\n", name, keys[i].key, keys[i].text);
    }
    g_string_append_printf(help, "%s %s  sends %s\r\n", name, name, name);
    print(self, help->str);
}

static void toggle_stamps(MuxChardev *self)
{
    g_mutex_lock(&self->parent.lock);
    self->stamping = !self->stamping;
    self->stamp_origin_us = g_get_monotonic_time();
    self->at_line_start = false;
    self->stamp[0] = '\0';
    g_mutex_unlock(&self->parent.lock);
}

static void set_focus(MuxChardev *self, int index)
{
    if (index == self->focus) {
        return;
    }
    user_event(focused_user(self), CHAR_EVENT_FOCUS_OUT);
    self->focus = index;
    trace_chardev_mux_focus(self->parent.id, index);
    user_event(focused_user(self), CHAR_EVENT_FOCUS_IN);
}

static bool wants_input(const MuxUser *user)
{
    return user->frontend && user->frontend->receive;
}

/* The next user behind @index who wants input; @index itself if there is no other, else -1. */
static int next_user(MuxChardev *self, int index)
{
    for (int i = 1; i <= MUX_MAX_USERS; i++) {
        int candidate = (index + i + MUX_MAX_USERS) % MUX_MAX_USERS;
        if (wants_input(&self->users[candidate])) {
            return candidate;
        }
    }
    return -1;
}

/* Returns whether the key is to be passed on. */
static bool escape_key(MuxChardev *self, uint8_t key)
{
    trace_chardev_mux_escape(self->parent.id, key);
    if (key == escape_character) {
        return true;
    }
    switch (key) {
    case 'h':
    case '?':
        print_help(self);
        break;
    case 'x':
        print(self, "QEMU: Terminated\r\n");
        main_loop_quit(EXIT_SUCCESS);
        break;
    case 's':
        print(self, "saving disks is not supported: there is no -snapshot\r\n");
        break;
    case 't':
        toggle_stamps(self);
        break;
    case 'b':
        user_event(focused_user(self), CHAR_EVENT_BREAK);
        break;
    case 'c':
        set_focus(self, next_user(self, self->focus));
        break;
    }
    return false;
}

/* ---- input ---- */

/* Pass on what @user takes. Its handlers can change the users. */
static void flush_user(MuxUser *user)
{
    while (user->used > 0 && wants_input(user) && user->frontend->can_receive) {
        int room = user->frontend->can_receive(user->frontend->opaque);
        int size = MIN(room, user->used);
        uint8_t data[MUX_BUFFER_SIZE];

        if (size <= 0) {
            return;
        }
        memcpy(data, user->buffer, size);
        user->used -= size;
        memmove(user->buffer, user->buffer + size, user->used);
        user->frontend->receive(user->frontend->opaque, data, size);
    }
}

static int base_can_receive(void *opaque)
{
    MuxUser *user = focused_user(opaque);

    return user ? MUX_BUFFER_SIZE - user->used : 0;
}

static void put_byte(MuxChardev *self, uint8_t byte)
{
    MuxUser *user = focused_user(self);

    /* A change of the focus within one piece of input can lead to a user without room. */
    if (user && user->used < MUX_BUFFER_SIZE) {
        user->buffer[user->used++] = byte;
    }
}

static void base_receive(void *opaque, const uint8_t *data, int size)
{
    MuxChardev *self = opaque;

    for (int i = 0; i < size; i++) {
        if (self->escaped) {
            MuxUser *user = focused_user(self);
            self->escaped = false;
            if (user) {
                flush_user(user); /* what came before the key comes first */
            }
            if (escape_key(self, data[i])) {
                put_byte(self, data[i]);
            }
        } else if (data[i] == escape_character && escape_character) {
            self->escaped = true;
        } else {
            put_byte(self, data[i]);
        }
    }
    if (focused_user(self)) {
        flush_user(focused_user(self));
    }
}

static void base_event(void *opaque, CharEvent event)
{
    MuxChardev *self = opaque;

    if (event == CHAR_EVENT_OPENED || event == CHAR_EVENT_CLOSED) {
        chardev_set_open(&self->parent, event == CHAR_EVENT_OPENED);
    } else {
        chardev_event(&self->parent, event);
    }
}

static void mux_deliver_event(Chardev *chardev, CharEvent event)
{
    MuxChardev *self = to_mux(chardev);

    if (event == CHAR_EVENT_BREAK) {
        user_event(focused_user(self), event);
        return;
    }
    for (int i = 0; i < MUX_MAX_USERS; i++) {
        user_event(&self->users[i], event);
    }
}

static gboolean flush_all(gpointer opaque)
{
    MuxChardev *self = opaque;

    self->flush = 0;
    g_rec_mutex_lock(&self->parent.dispatch);
    for (int i = 0; i < MUX_MAX_USERS; i++) {
        flush_user(&self->users[i]);
    }
    g_rec_mutex_unlock(&self->parent.dispatch);
    char_frontend_accept_input(&self->base);
    return G_SOURCE_REMOVE;
}

/* Later, because the caller is in the middle of something that receiving would change. */
static void mux_accept_input(Chardev *chardev, CharFrontend *frontend)
{
    MuxChardev *self = to_mux(chardev);
    MuxUser *user = &self->users[frontend->mux_tag];

    if ((user->used > 0 || user == focused_user(self)) && !self->flush) {
        self->flush = g_idle_add_full(G_PRIORITY_DEFAULT, flush_all, self, NULL);
    }
}

/* ---- users ---- */

static bool mux_attach(Chardev *chardev, CharFrontend *frontend, GError **error)
{
    MuxChardev *self = to_mux(chardev);

    for (int i = 0; i < MUX_MAX_USERS; i++) {
        if (!self->users[i].frontend) {
            self->users[i] = (MuxUser){ .frontend = frontend };
            frontend->mux_tag = i;
            return true;
        }
    }
    qc_error_set(error, "Device '%s' is in use by %d users, the most it can have", chardev->id,
                 MUX_MAX_USERS);
    return false;
}

static void mux_detach(Chardev *chardev, CharFrontend *frontend)
{
    MuxChardev *self = to_mux(chardev);
    int index = frontend->mux_tag;

    self->users[index].frontend = NULL;
    self->users[index].used = 0;
    if (self->focus == index) {
        set_focus(self, next_user(self, index));
    }
}

static void mux_take_focus(Chardev *chardev, CharFrontend *frontend)
{
    set_focus(to_mux(chardev), frontend->mux_tag);
    mux_accept_input(chardev, frontend);
}

static void mux_handlers_changed(Chardev *chardev, CharFrontend *frontend, GMainContext *context)
{
    g_assert(!context || context == g_main_context_default());
    if (chardev->open && frontend->event) {
        frontend->event(frontend->opaque, CHAR_EVENT_OPENED);
    }
    if (frontend->receive) {
        mux_take_focus(chardev, frontend);
    }
}

static bool mux_has_frontend(Chardev *chardev)
{
    MuxChardev *self = to_mux(chardev);

    for (int i = 0; i < MUX_MAX_USERS; i++) {
        if (self->users[i].frontend) {
            return true;
        }
    }
    return false;
}

/* ---- life ---- */

static bool mux_open(Chardev *chardev, json_t *options, GError **error)
{
    MuxChardev *self = to_mux(chardev);
    const char *id = char_option_string(options, "chardev");
    Chardev *base = id ? chardev_find(id) : NULL;

    if (!id) {
        qc_error_set(error, "chardev: mux: no chardev given");
        return false;
    }
    if (!base) {
        qc_error_set(error, "mux: base chardev %s not found", id);
        return false;
    }
    if (!char_frontend_init(&self->base, base, error)) {
        return false;
    }
    char_frontend_set_handlers(&self->base, base_can_receive, base_receive, base_event, self, NULL);
    return true;
}

static void mux_close(Chardev *chardev)
{
    MuxChardev *self = to_mux(chardev);

    g_clear_handle_id(&self->flush, g_source_remove);
    char_frontend_deinit(&self->base);
}

static void mux_set_break(Chardev *chardev, bool on)
{
    char_frontend_set_break(&to_mux(chardev)->base, on);
}

static void mux_set_echo(Chardev *chardev, bool on)
{
    char_frontend_set_echo(&to_mux(chardev)->base, on);
}

static void chardev_mux_init(MuxChardev *self)
{
    self->focus = -1;
}

static void chardev_mux_class_init(MuxChardevClass *klass)
{
    static const char *const options[] = { "chardev", NULL };
    ChardevClass *base = &klass->parent;

    base->backend = "mux";
    base->options = options;
    base->open_backend = mux_open;
    base->close_backend = mux_close;
    base->write = mux_write;
    base->ref_output = mux_ref_output;
    base->attach = mux_attach;
    base->detach = mux_detach;
    base->handlers_changed = mux_handlers_changed;
    base->accept_input = mux_accept_input;
    base->take_focus = mux_take_focus;
    base->has_frontend = mux_has_frontend;
    base->set_break = mux_set_break;
    base->set_echo = mux_set_echo;
    base->deliver_event = mux_deliver_event;
}
