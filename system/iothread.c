/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The object `iothread`. Before its loop blocks it may look for events for a while without
 * blocking: that saves the time of a wake-up where events follow each other closely. For how long
 * follows from the waits before: it grows while an event came soon after the loop had given up,
 * and falls when events are rare, so that an idle thread takes no processor time.
 */
#include "system/iothread.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "qapi/qapi-commands-machine.h"
#include "system/bql.h"
#include "util/report.h"
#include "util/timer.h"

#define POLL_MAX_NS_DEFAULT 32768
#define POLL_FIRST_NS       4000 /* where growing begins */
#define POLL_FACTOR         2    /* for poll-grow=0 */

struct IOThread {
    GObject parent;
    gint64 poll_max_ns, poll_grow, poll_shrink, aio_max_batch; /* atomic */
    gint64 poll_ns;                                            /* the thread's own */
    GMainContext *context;
    GThread *thread; /* NULL before complete */
    gint quitting;   /* atomic */
    int thread_id;   /* fixed after complete */
    unsigned users;  /* BQL */
};

typedef struct IOThreadClass {
    GObjectClass parent;
} IOThreadClass;

OBJECT_DEFINE_TYPE(IOThread, IOThreadClass, iothread, "iothread", G_TYPE_OBJECT);

enum { PROPERTY_POLL_MAX_NS = 1, PROPERTY_POLL_GROW, PROPERTY_POLL_SHRINK, PROPERTY_AIO_MAX_BATCH };

/* GLib's poll functions have no argument of their own. */
static _Thread_local IOThread *this_thread;

static gint64 load(const gint64 *value)
{
    return __atomic_load_n(value, __ATOMIC_RELAXED);
}

/* ---- the loop ---- */

static gint64 now_ns(void)
{
    return clock_get_ns(CLOCK_TYPE_REALTIME);
}

/* The loop was without an event for @waited nanoseconds: how long to look the next time? */
static void adapt(IOThread *self, gint64 waited)
{
    gint64 maximum = load(&self->poll_max_ns);
    gint64 grow = load(&self->poll_grow);
    gint64 shrink = load(&self->poll_shrink);

    if (waited > maximum) {
        self->poll_ns = shrink ? self->poll_ns / shrink : 0;
    } else if (waited > self->poll_ns) {
        gint64 factor = grow ? grow : POLL_FACTOR;
        gint64 next = self->poll_ns > maximum / factor ? maximum : self->poll_ns * factor;
        self->poll_ns = MIN(MAX(next, POLL_FIRST_NS), maximum);
    }
}

static gint poll_events(GPollFD *fds, guint count, gint timeout)
{
    IOThread *self = this_thread;

    if (timeout == 0 || load(&self->poll_max_ns) == 0) {
        return g_poll(fds, count, timeout);
    }
    gint64 begin = now_ns();
    gint64 end = begin + MIN(self->poll_ns, load(&self->poll_max_ns));
    gint ready = 0;
    while (ready == 0 && now_ns() < end) {
        ready = g_poll(fds, count, 0);
    }
    ready = ready ? ready : g_poll(fds, count, timeout);
    adapt(self, now_ns() - begin);
    return ready;
}

static gpointer run_loop(gpointer opaque)
{
    IOThread *self = opaque;

    this_thread = self;
    g_main_context_push_thread_default(self->context);
    while (!g_atomic_int_get(&self->quitting)) {
        g_main_context_iteration(self->context, TRUE);
    }
    g_main_context_pop_thread_default(self->context);
    return NULL;
}

GMainContext *iothread_context(IOThread *iothread)
{
    return iothread->context;
}

int iothread_thread_id(IOThread *iothread)
{
    return iothread->thread_id;
}

/* ---- calls into the thread ---- */

typedef struct Call {
    void (*function)(void *opaque);
    void *opaque;
    GMutex lock;
    GCond done_cond;
    bool done;
} Call;

static gboolean run_call(gpointer opaque)
{
    Call *call = opaque;

    call->function(call->opaque);
    g_mutex_lock(&call->lock);
    call->done = true;
    g_cond_signal(&call->done_cond);
    g_mutex_unlock(&call->lock);
    return G_SOURCE_REMOVE;
}

void iothread_run_and_wait(IOThread *iothread, void (*function)(void *opaque), void *opaque)
{
    Call call = { .function = function, .opaque = opaque };
    GSource *source = g_idle_source_new();

    g_assert(iothread->thread && iothread->thread != g_thread_self());
    g_mutex_init(&call.lock);
    g_cond_init(&call.done_cond);
    g_source_set_priority(source, G_PRIORITY_DEFAULT);
    g_source_set_callback(source, run_call, &call, NULL);
    g_source_attach(source, iothread->context);
    g_source_unref(source); /* the loop frees it */
    g_mutex_lock(&call.lock);
    while (!call.done) {
        g_cond_wait(&call.done_cond, &call.lock);
    }
    g_mutex_unlock(&call.lock);
    g_mutex_clear(&call.lock);
    g_cond_clear(&call.done_cond);
}

void iothread_use(IOThread *iothread)
{
    g_assert(bql_locked());
    g_object_ref(G_OBJECT(iothread));
    iothread->users++;
}

void iothread_unuse(IOThread *iothread)
{
    g_assert(bql_locked() && iothread->users > 0);
    iothread->users--;
    g_object_unref(G_OBJECT(iothread));
}

/* ---- the object ---- */

static void note_thread_id(void *opaque)
{
    ((IOThread *)opaque)->thread_id = (int)syscall(SYS_gettid);
}

static bool iothread_complete(UserCreatable *object, GError **error)
{
    IOThread *self = IOTHREAD(object);

    self->thread = g_thread_try_new("iothread", run_loop, self, error);
    if (!self->thread) {
        return false;
    }
    iothread_run_and_wait(self, note_thread_id, self);
    return true;
}

IOThread *iothread_new(GError **error)
{
    IOThread *self = g_object_new(TYPE_IOTHREAD, NULL);

    if (!iothread_complete(USER_CREATABLE(self), error)) {
        g_object_unref(self);
        return NULL;
    }
    return self;
}

static bool iothread_can_be_deleted(UserCreatable *object, GError **error)
{
    IOThread *self = IOTHREAD(object);

    if (self->users > 0) {
        g_autofree char *path = object_tree_path(G_OBJECT(self));
        qc_error_set(error, "object '%s' is in use, can not be deleted", strrchr(path, '/') + 1);
        return false;
    }
    return true;
}

static gint64 *property_field(IOThread *self, guint id)
{
    gint64 *const fields[] = {
        [PROPERTY_POLL_MAX_NS] = &self->poll_max_ns,
        [PROPERTY_POLL_GROW] = &self->poll_grow,
        [PROPERTY_POLL_SHRINK] = &self->poll_shrink,
        [PROPERTY_AIO_MAX_BATCH] = &self->aio_max_batch,
    };
    return fields[id];
}

static void iothread_set_property(GObject *object, guint id, const GValue *value, GParamSpec *spec)
{
    __atomic_store_n(property_field(IOTHREAD(object), id), g_value_get_int64(value),
                     __ATOMIC_RELAXED);
}

static void iothread_get_property(GObject *object, guint id, GValue *value, GParamSpec *spec)
{
    g_value_set_int64(value, load(property_field(IOTHREAD(object), id)));
}

static void iothread_finalize(GObject *object)
{
    IOThread *self = IOTHREAD(object);

    if (self->thread) {
        g_atomic_int_set(&self->quitting, 1);
        g_main_context_wakeup(self->context);
        g_thread_join(self->thread);
    }
    g_main_context_unref(self->context);
    G_OBJECT_CLASS(g_type_class_peek(G_TYPE_OBJECT))->finalize(object);
}

static void iothread_init(IOThread *self)
{
    self->poll_max_ns = POLL_MAX_NS_DEFAULT;
    self->context = g_main_context_new();
    g_main_context_set_poll_func(self->context, poll_events);
}

static void install(GObjectClass *klass, guint id, const char *name, const char *help,
                    gint64 initial)
{
    g_object_class_install_property(klass, id,
                                    g_param_spec_int64(name, NULL, help, 0, G_MAXINT64, initial,
                                                       G_PARAM_READWRITE | G_PARAM_STATIC_STRINGS));
}

static void iothread_class_init(IOThreadClass *klass)
{
    GObjectClass *object = G_OBJECT_CLASS(klass);

    object->set_property = iothread_set_property;
    object->get_property = iothread_get_property;
    object->finalize = iothread_finalize;
    install(object, PROPERTY_POLL_MAX_NS, "poll-max-ns",
            "longest time to look for events before blocking, ns; 0: block at once",
            POLL_MAX_NS_DEFAULT);
    install(object, PROPERTY_POLL_GROW, "poll-grow",
            "factor by which that time grows when it was too short; 0: 2", 0);
    install(object, PROPERTY_POLL_SHRINK, "poll-shrink",
            "divisor by which it falls when events are rare; 0: to nothing at once", 0);
    install(object, PROPERTY_AIO_MAX_BATCH, "aio-max-batch",
            "kept and told; nothing submits requests in batches", 0);
}

static void user_creatable_init(UserCreatableInterface *interface)
{
    interface->complete = iothread_complete;
    interface->can_be_deleted = iothread_can_be_deleted;
}

__attribute__((constructor)) static void iothread_register_interface(void)
{
    static const GInterfaceInfo info = { .interface_init = (GInterfaceInitFunc)(void (*)(
                                             void))user_creatable_init };
    g_type_add_interface_static(TYPE_IOTHREAD, TYPE_USER_CREATABLE, &info);
}

/* ---- monitor ---- */

static void add_info(const char *name, GObject *object, void *opaque)
{
    if (!object || !g_type_is_a(G_OBJECT_TYPE(object), TYPE_IOTHREAD)) {
        return;
    }
    IOThread *self = IOTHREAD(object);
    IOThreadInfo *info = IOThreadInfo_new();
    info->id = g_strdup(name);
    info->thread_id = iothread_thread_id(self);
    info->poll_max_ns = load(&self->poll_max_ns);
    info->poll_grow = load(&self->poll_grow);
    info->poll_shrink = load(&self->poll_shrink);
    info->aio_max_batch = load(&self->aio_max_batch);
    g_ptr_array_add(opaque, info);
}

GPtrArray *qmp_query_iothreads(GError **error)
{
    GPtrArray *list = IOThreadInfo_list_new();

    object_tree_foreach("/objects", add_info, list);
    return list;
}
