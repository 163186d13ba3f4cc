/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * What GLib's main loops and reference counts order, told to ThreadSanitizer; for builds with
 * -fsanitize=thread only. GLib is not instrumented, so it would not see that what was written
 * before a source was attached is there for the thread that runs it, nor that the last of several
 * owners may free. These definitions take the place of GLib's for calls from this program.
 */
#include <dlfcn.h>
#include <glib-object.h>
#include <sanitizer/tsan_interface.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

/* ---- sources: each function of one is behind its being attached ---- */

typedef struct Wrapper {
    GSourceFuncs funcs; /* what the source has */
    const GSourceFuncs *original;
    struct Wrapper *next; /* never freed */
} Wrapper;

/* Not instrumented: that GLib itself holds the source meanwhile is not seen. */
static __attribute__((noinline, no_sanitize_thread)) const GSourceFuncs *
original_of(GSource *source)
{
    __tsan_acquire(source);
    return ((Wrapper *)source->source_funcs)->original;
}

/* Whoever lets go of the source last may free it. The context has its own lock inside GLib. */
static gboolean done_with(GSource *source, gboolean result)
{
    GMainContext *context = REAL(g_source_get_context)(source);

    __tsan_release(source);
    if (context) {
        __tsan_acquire(context);
        __tsan_release(context);
    }
    return result;
}

static gboolean prepare(GSource *source, gint *timeout)
{
    return done_with(source, original_of(source)->prepare(source, timeout));
}

static gboolean check(GSource *source)
{
    return done_with(source, original_of(source)->check(source));
}

static gboolean dispatch(GSource *source, GSourceFunc callback, gpointer data)
{
    return done_with(source, original_of(source)->dispatch(source, callback, data));
}

static void finalize(GSource *source)
{
    original_of(source)->finalize(source);
}

static Wrapper *wrapper_of(const GSourceFuncs *original)
{
    static Wrapper *wrappers;
    static GMutex lock;

    g_mutex_lock(&lock);
    Wrapper *wrapper = wrappers;
    while (wrapper && wrapper->original != original) {
        wrapper = wrapper->next;
    }
    if (!wrapper) {
        wrapper = g_new0(Wrapper, 1);
        wrapper->original = original;
        wrapper->funcs = *original;
        wrapper->funcs.prepare = original->prepare ? prepare : NULL;
        wrapper->funcs.check = original->check ? check : NULL;
        wrapper->funcs.dispatch = dispatch;
        wrapper->funcs.finalize = original->finalize ? finalize : NULL;
        wrapper->next = wrappers;
        wrappers = wrapper;
    }
    g_mutex_unlock(&lock);
    return wrapper;
}

static GSource *wrapped(GSource *source)
{
    g_source_set_funcs(source, &wrapper_of(source->source_funcs)->funcs);
    return source;
}

GSource *g_source_new(GSourceFuncs *funcs, guint size)
{
    return wrapped(REAL(g_source_new)(funcs, size));
}

GSource *g_idle_source_new(void)
{
    return wrapped(REAL(g_idle_source_new)());
}

GSource *g_timeout_source_new(guint interval)
{
    return wrapped(REAL(g_timeout_source_new)(interval));
}

guint g_source_attach(GSource *source, GMainContext *context)
{
    GMainContext *owner = context ? context : g_main_context_default();

    __tsan_release(source);
    __tsan_acquire(owner);
    guint id = REAL(g_source_attach)(source, context);
    __tsan_release(owner);
    return id;
}

/* ---- owners ---- */

static void gives_up(gpointer object)
{
    if (object) {
        __tsan_release(object);
        __tsan_acquire(object);
    }
}

void g_source_destroy(GSource *source)
{
    gives_up(source);
    REAL(g_source_destroy)(source);
}

void g_source_unref(GSource *source)
{
    gives_up(source);
    REAL(g_source_unref)(source);
}

void g_main_context_unref(GMainContext *context)
{
    gives_up(context);
    REAL(g_main_context_unref)(context);
}

/* GLib makes a macro of it that keeps the type. */
#undef g_object_unref
void g_object_unref(gpointer object)
{
    gives_up(object);
    REAL(g_object_unref)(object);
}
