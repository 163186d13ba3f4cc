/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The object iothread: its loop, its properties, its life. */
#include "system/iothread.h"

#include <unistd.h>

#include "qapi/qapi-commands-machine.h"
#include "system/main-loop.h"
#include "util/report.h"

static IOThread *create(const char *properties, GError **error)
{
    json_t *values = json_loads(properties, 0, NULL);
    GObject *object = object_user_create("iothread", "io1", values, error);

    json_decref(values);
    return object ? IOTHREAD(object) : NULL;
}

static void must_delete(void)
{
    g_autoptr(GError) error = NULL;

    object_user_delete("io1", &error);
    g_assert_no_error(error);
}

/* ---- calls and sources ---- */

typedef struct Seen {
    GThread *thread;
    GMainContext *context;
    unsigned count; /* atomic */
} Seen;

static void look(void *opaque)
{
    Seen *seen = opaque;

    seen->thread = g_thread_self();
    seen->context = g_main_context_get_thread_default();
    __atomic_fetch_add(&seen->count, 1, __ATOMIC_RELEASE);
}

static gboolean look_in_source(gpointer opaque)
{
    look(opaque);
    return G_SOURCE_REMOVE;
}

static void do_nothing(void *opaque)
{
}

static void wait_for_count(Seen *seen, unsigned count)
{
    gint64 end = g_get_monotonic_time() + 20 * G_TIME_SPAN_SECOND;

    while (__atomic_load_n(&seen->count, __ATOMIC_ACQUIRE) < count) {
        g_assert_cmpint(g_get_monotonic_time(), <, end);
        g_usleep(1000);
    }
}

static void test_runs(void)
{
    g_autoptr(GError) error = NULL;
    IOThread *iothread = create("{}", &error);
    Seen seen = { 0 };

    g_assert_no_error(error);
    iothread_run_and_wait(iothread, look, &seen);
    g_assert_true(seen.thread && seen.thread != g_thread_self());
    g_assert_true(seen.context == iothread_context(iothread));
    g_assert_cmpint(iothread_thread_id(iothread), >, 0);
    g_assert_cmpint(iothread_thread_id(iothread), !=, getpid());
    must_delete();
}

/* Sources that become ready in turn all run, whether the loop looks for events or blocks. */
static void test_sources(void)
{
    static const char *const properties[] = {
        "{\"poll-max-ns\": 0}",
        "{\"poll-max-ns\": 1000000, \"poll-grow\": 3, \"poll-shrink\": 4}",
        "{\"poll-max-ns\": 1, \"poll-grow\": 9223372036854775807}",
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(properties); i++) {
        g_autoptr(GError) error = NULL;
        IOThread *iothread = create(properties[i], &error);
        Seen seen = { 0 };
        g_assert_no_error(error);
        for (unsigned n = 0; n < 300; n++) {
            GSource *source = g_timeout_source_new(n % 3);
            g_source_set_callback(source, look_in_source, &seen, NULL);
            g_source_attach(source, iothread_context(iothread));
            g_source_unref(source);
            g_usleep(n % 7 * 10);
        }
        for (unsigned n = 0; n < 1000; n++) {
            iothread_run_and_wait(iothread, do_nothing, NULL);
        }
        wait_for_count(&seen, 300);
        must_delete();
    }
}

/* ---- properties and monitor ---- */

static void test_properties(void)
{
    g_autoptr(GError) error = NULL;
    IOThread *iothread = create("{\"poll-max-ns\": 7, \"poll-grow\": 2}", &error);

    g_assert_no_error(error);
    json_t *three = json_string("3");
    g_assert_true(object_set_json(G_OBJECT(iothread), "poll-shrink", three, &error));
    json_decref(three);
    g_autoptr(GPtrArray) list = qmp_query_iothreads(&error);
    g_assert_cmpuint(list->len, ==, 1);
    const IOThreadInfo *info = list->pdata[0];
    g_assert_cmpstr(info->id, ==, "io1");
    g_assert_cmpint(info->thread_id, ==, iothread_thread_id(iothread));
    g_assert_cmpint(info->poll_max_ns, ==, 7);
    g_assert_cmpint(info->poll_grow, ==, 2);
    g_assert_cmpint(info->poll_shrink, ==, 3);
    g_assert_cmpint(info->aio_max_batch, ==, 0);
    must_delete();
}

static void test_refused(void)
{
    static const char *const properties[] = {
        "{\"poll-grow\": -1}",
        "{\"poll-max-ns\": \"much\"}",
        "{\"polls\": 1}",
    };

    for (unsigned i = 0; i < G_N_ELEMENTS(properties); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(create(properties[i], &error));
        g_assert_error(error, QC_ERROR, 0);
    }
    g_autoptr(GError) error = NULL;
    g_autoptr(GPtrArray) list = qmp_query_iothreads(&error);
    g_assert_cmpuint(list->len, ==, 0);
}

static void test_in_use(void)
{
    g_autoptr(GError) error = NULL;
    IOThread *iothread = create("{}", &error);

    iothread_use(iothread);
    g_assert_false(object_user_delete("io1", &error));
    g_assert_cmpstr(error->message, ==, "object 'io1' is in use, can not be deleted");
    iothread_unuse(iothread);
    must_delete();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init();
    g_test_add_func("/iothread/runs", test_runs);
    g_test_add_func("/iothread/sources", test_sources);
    g_test_add_func("/iothread/properties", test_properties);
    g_test_add_func("/iothread/refused", test_refused);
    g_test_add_func("/iothread/in-use", test_in_use);
    return g_test_run();
}
