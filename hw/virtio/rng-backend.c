/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * rng-builtin takes the host kernel's random numbers from getrandom(), rng-random from a file,
 * which may be a device that has some only from time to time.
 */
#include "rng-backend.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "util/report.h"

#define DEFAULT_FILE "/dev/urandom"

/* ---- what all have in common ---- */

OBJECT_DEFINE_ABSTRACT_TYPE(RngBackend, RngBackendClass, rng_backend, "rng-backend", G_TYPE_OBJECT);

static bool rng_backend_complete(UserCreatable *object, GError **error)
{
    RngBackend *backend = RNG_BACKEND(object);
    RngBackendClass *klass = G_TYPE_INSTANCE_GET_CLASS(backend, TYPE_RNG_BACKEND, RngBackendClass);

    return !klass->open || klass->open(backend, error);
}

static bool rng_backend_can_be_deleted(UserCreatable *object, GError **error)
{
    if (RNG_BACKEND(object)->users) {
        qc_error_set(error, "the random number generator is in use by a device");
        return false;
    }
    return true;
}

static void creatable_init(void *interface_pointer, void *data)
{
    UserCreatableInterface *interface = interface_pointer;

    interface->complete = rng_backend_complete;
    interface->can_be_deleted = rng_backend_can_be_deleted;
}

/* Before the types below are registered, which inherit it. */
__attribute__((constructor)) static void rng_backend_add_interface(void)
{
    static const GInterfaceInfo info = { .interface_init = creatable_init };

    g_type_add_interface_static(TYPE_RNG_BACKEND, TYPE_USER_CREATABLE, &info);
}

static void rng_backend_init(RngBackend *backend)
{
}

static void rng_backend_class_init(RngBackendClass *klass)
{
}

bool rng_backend_attach(RngBackend *backend, void (*ready)(void *opaque), void *opaque,
                        GError **error)
{
    if (backend->users) {
        qc_error_set(error, "the random number generator is used by another device already");
        return false;
    }
    backend->users++;
    backend->ready = ready;
    backend->opaque = opaque;
    return true;
}

void rng_backend_detach(RngBackend *backend)
{
    RngBackendClass *klass = G_TYPE_INSTANCE_GET_CLASS(backend, TYPE_RNG_BACKEND, RngBackendClass);

    if (klass->watch) {
        klass->watch(backend, false);
    }
    backend->ready = NULL;
    backend->users--;
}

size_t rng_backend_read(RngBackend *backend, void *buffer, size_t size)
{
    RngBackendClass *klass = G_TYPE_INSTANCE_GET_CLASS(backend, TYPE_RNG_BACKEND, RngBackendClass);
    size_t count = klass->read(backend, buffer, size);

    if (count == 0 && klass->watch) {
        klass->watch(backend, true);
    }
    return count;
}

/* ---- rng-builtin ---- */

typedef RngBackend RngBuiltin;
typedef RngBackendClass RngBuiltinClass;

OBJECT_DEFINE_TYPE(RngBuiltin, RngBuiltinClass, rng_builtin, TYPE_RNG_BUILTIN, TYPE_RNG_BACKEND);

static size_t rng_builtin_read(RngBackend *backend, void *buffer, size_t size)
{
    ssize_t count;

    do {
        count = getrandom(buffer, size, 0);
    } while (count < 0 && errno == EINTR);
    g_assert(count > 0);
    return (size_t)count;
}

static void rng_builtin_init(RngBuiltin *self)
{
}

static void rng_builtin_class_init(RngBuiltinClass *klass)
{
    klass->read = rng_builtin_read;
}

/* ---- rng-random ---- */

typedef struct RngRandom {
    RngBackend parent;
    char *filename;
    int fd;
    guint source; /* while somebody waits, else 0 */
    bool failed;  /* told already */
} RngRandom;

typedef RngBackendClass RngRandomClass;

OBJECT_DEFINE_TYPE(RngRandom, RngRandomClass, rng_random, "rng-random", TYPE_RNG_BACKEND);

static bool rng_random_open(RngBackend *backend, GError **error)
{
    RngRandom *self = (RngRandom *)backend;

    self->fd = open(self->filename, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (self->fd < 0) {
        qc_error_set_errno(error, errno, "Could not open '%s'", self->filename);
        return false;
    }
    return true;
}

static size_t rng_random_read(RngBackend *backend, void *buffer, size_t size)
{
    RngRandom *self = (RngRandom *)backend;
    ssize_t count;

    do {
        count = read(self->fd, buffer, size);
    } while (count < 0 && errno == EINTR);
    if (count > 0) {
        self->failed = false;
        return (size_t)count;
    }
    if (!self->failed && (count == 0 || errno != EAGAIN)) {
        self->failed = true;
        report_warning("rng-random: '%s' gives no more random numbers: %s", self->filename,
                       count == 0 ? "end of file" : strerror(errno));
    }
    return 0;
}

static gboolean rng_random_readable(int fd, GIOCondition condition, void *opaque)
{
    RngRandom *self = opaque;

    self->source = 0;
    if (self->parent.ready) {
        self->parent.ready(self->parent.opaque);
    }
    return G_SOURCE_REMOVE;
}

static void rng_random_watch(RngBackend *backend, bool on)
{
    RngRandom *self = (RngRandom *)backend;

    if (on && !self->source && !self->failed) {
        self->source = g_unix_fd_add(self->fd, G_IO_IN, rng_random_readable, self);
    } else if (!on && self->source) {
        g_source_remove(self->source);
        self->source = 0;
    }
}

enum {
    PROPERTY_FILENAME = 1,
};

static void rng_random_set(GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
    RngRandom *self = (RngRandom *)object;

    if (self->fd >= 0) {
        report_warning("rng-random: 'filename' cannot change while the file is open");
        return;
    }
    g_free(self->filename);
    self->filename = g_value_dup_string(value);
}

static void rng_random_get(GObject *object, guint id, GValue *value, GParamSpec *spec)
{
    g_value_set_string(value, ((RngRandom *)object)->filename);
}

static void rng_random_finalize(GObject *object)
{
    RngRandom *self = (RngRandom *)object;

    rng_random_watch(&self->parent, false);
    if (self->fd >= 0) {
        close(self->fd);
    }
    g_free(self->filename);
    G_OBJECT_CLASS(g_type_class_peek(TYPE_RNG_BACKEND))->finalize(object);
}

static void rng_random_init(RngRandom *self)
{
    self->fd = -1;
    self->filename = g_strdup(DEFAULT_FILE);
}

static void rng_random_class_init(RngRandomClass *klass)
{
    GObjectClass *object_class = G_OBJECT_CLASS(klass);

    klass->open = rng_random_open;
    klass->read = rng_random_read;
    klass->watch = rng_random_watch;
    object_class->set_property = rng_random_set;
    object_class->get_property = rng_random_get;
    object_class->finalize = rng_random_finalize;
    g_object_class_install_property(object_class, PROPERTY_FILENAME,
                                    g_param_spec_string("filename", "filename",
                                                        "where random numbers are read from",
                                                        DEFAULT_FILE, G_PARAM_READWRITE));
}
