/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Making character devices from options, finding them, and taking them down. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "char-internal.h"
#include "trace-chardev.h"
#include "util/report.h"

#define CHARDEV_PATH "/chardevs"

/* What every kind knows. */
static const char *const common_options[] = {
    "backend", "id", "mux", "logfile", "logappend", NULL
};

/* ---- kinds ---- */

static void visit_types(void (*visit)(GType type, ChardevClass *klass, void *opaque), void *opaque)
{
    g_autoptr(GArray) types = object_types_below(TYPE_CHARDEV, false);

    for (guint i = 0; i < types->len; i++) {
        GType type = g_array_index(types, GType, i);
        ChardevClass *klass = g_type_class_ref(type);
        visit(type, klass, opaque);
        g_type_class_unref(klass);
    }
}

typedef struct TypeSearch {
    const char *backend;
    GType type;
} TypeSearch;

static void match_type(GType type, ChardevClass *klass, void *opaque)
{
    TypeSearch *search = opaque;

    if (g_str_equal(klass->backend, search->backend) ||
        g_strcmp0(klass->alias, search->backend) == 0) {
        search->type = type;
    }
}

static GType find_type(const char *backend, GError **error)
{
    TypeSearch search = { backend, 0 };

    if (!backend) {
        qc_error_set(error, "Parameter 'backend' is missing");
        return 0;
    }
    visit_types(match_type, &search);
    if (!search.type) {
        qc_error_set(error, "'%s' is not a valid char driver name", backend);
    }
    return search.type;
}

/* ---- help ---- */

typedef struct BackendVisit {
    void (*visit)(const char *name, void *opaque);
    void *opaque;
} BackendVisit;

static void visit_names(GType type, ChardevClass *klass, void *opaque)
{
    BackendVisit *backends = opaque;

    backends->visit(klass->backend, backends->opaque);
}

void chardev_foreach_backend(void (*visit)(const char *name, void *opaque), void *opaque)
{
    BackendVisit backends = { visit, opaque };

    visit_types(visit_names, &backends);
}

static void print_name(const char *name, void *opaque)
{
    printf("  %s\n", name);
}

void chardev_print_backends(void)
{
    printf("Available chardev backend types: \n");
    chardev_foreach_backend(print_name, NULL);
}

static void print_names(const char *const *names)
{
    for (; names && *names; names++) {
        printf("  %s\n", *names);
    }
}

bool chardev_print_options(const char *backend, GError **error)
{
    GType type = find_type(backend, error);

    if (!type) {
        return false;
    }
    ChardevClass *klass = g_type_class_ref(type);
    printf("%s options:\n", backend);
    print_names(common_options + 1); /* without `backend` itself */
    print_names(klass->options);
    g_type_class_unref(klass);
    return true;
}

/* ---- checks ---- */

/* Letters, digits, '-', '.', '_', starting with a letter. */
static bool is_identifier(const char *id)
{
    if (!g_ascii_isalpha(id[0])) {
        return false;
    }
    for (const char *p = id; *p; p++) {
        if (!g_ascii_isalnum(*p) && !strchr("-._", *p)) {
            return false;
        }
    }
    return true;
}

static bool check_id(const char *id, GError **error)
{
    if (!id) {
        qc_error_set(error, "chardev: no id specified");
        return false;
    }
    if (!is_identifier(id)) {
        qc_error_set(error,
                     "Parameter 'id' expects an identifier: letters, digits, '-', '.', '_', "
                     "starting with a letter; it is '%s'",
                     id);
        return false;
    }
    if (chardev_find(id)) {
        qc_error_set(error, "Duplicate ID '%s' for chardev", id);
        return false;
    }
    return true;
}

static bool check_names(ChardevClass *klass, json_t *options, GError **error)
{
    const char *name;
    json_t *value;

    json_object_foreach(options, name, value)
    {
        if (!g_strv_contains(common_options, name) &&
            (!klass->options || !g_strv_contains(klass->options, name))) {
            qc_error_set(error, "Invalid parameter '%s' for chardev backend '%s'", name,
                         klass->backend);
            return false;
        }
        if (json_is_object(value) || json_is_array(value) || json_is_null(value)) {
            qc_error_set(error, "Parameter '%s' expects a single value", name);
            return false;
        }
    }
    return true;
}

/* ---- making ---- */

static bool open_log(Chardev *chardev, json_t *options, GError **error)
{
    const char *path = char_option_string(options, "logfile");
    bool append = false;

    if (!char_option_bool(options, "logappend", &append, error)) {
        return false;
    }
    if (!path) {
        return true;
    }
    int flags = O_WRONLY | O_CREAT | (append ? O_APPEND : O_TRUNC);
    chardev->log = channel_new_file(path, flags, 0666, error);
    return chardev->log && channel_set_blocking(chardev->log, false, error);
}

/* Make one device, without another mux in front. */
static Chardev *make_device(json_t *options, GError **error)
{
    const char *id = char_option_string(options, "id");
    GType type = find_type(char_option_string(options, "backend"), error);

    if (!type || !check_id(id, error)) {
        return NULL;
    }
    g_autoptr(GObject) object = g_object_new(type, NULL);
    Chardev *chardev = CHARDEV(object);
    ChardevClass *klass = CHARDEV_GET_CLASS(chardev);

    chardev->id = g_strdup(id);
    if (!check_names(klass, options, error) || !open_log(chardev, options, error) ||
        !klass->open_backend(chardev, options, error) ||
        !object_tree_add(CHARDEV_PATH, id, object, error)) {
        return NULL;
    }
    trace_chardev_new(id, klass->backend);
    return chardev; /* the tree's reference keeps it */
}

/* The device itself as ID-base, and a mux in front of it as ID. */
static Chardev *make_with_mux(json_t *options, GError **error)
{
    const char *id = char_option_string(options, "id");
    g_autofree char *base_id = NULL;

    if (!check_id(id, error)) {
        return NULL;
    }
    base_id = g_strdup_printf("%s-base", id);
    json_t *base_options = json_copy(options);
    json_object_set_new(base_options, "id", json_string(base_id));
    json_object_del(base_options, "mux");
    Chardev *base = make_device(base_options, error);
    json_decref(base_options);
    if (!base) {
        return NULL;
    }
    json_t *mux_options =
        json_pack("{s:s, s:s, s:s}", "backend", "mux", "id", id, "chardev", base_id);
    Chardev *mux = make_device(mux_options, error);
    json_decref(mux_options);
    if (!mux) {
        chardev_remove(base_id, NULL);
        return NULL;
    }
    mux->base_id = g_steal_pointer(&base_id);
    return mux;
}

Chardev *chardev_create(json_t *options, GError **error)
{
    bool mux = false;

    if (!char_option_bool(options, "mux", &mux, error)) {
        return NULL;
    }
    return mux ? make_with_mux(options, error) : make_device(options, error);
}

/* Whoever gave the option at the terminal needs to know which pseudo terminal it became. */
static void announce_pty(Chardev *chardev)
{
    Chardev *device = chardev->base_id ? chardev_find(chardev->base_id) : chardev;
    g_autofree char *filename = chardev_filename(device);

    if (g_str_has_prefix(filename, "pty:")) {
        printf("char device redirected to %s (label %s)\n", filename + strlen("pty:"),
               chardev_id(chardev));
        fflush(stdout);
    }
}

Chardev *chardev_new_from_options(json_t *options, GError **error)
{
    Chardev *chardev = chardev_create(options, error);

    if (chardev) {
        announce_pty(chardev);
    }
    return chardev;
}

/* ---- finding and removing ---- */

Chardev *chardev_find(const char *id)
{
    g_autofree char *path = g_strdup_printf("%s/%s", CHARDEV_PATH, id);
    GObject *object = strchr(id, '/') ? NULL : object_tree_find(path);

    return object ? CHARDEV(object) : NULL;
}

static void collect(const char *name, GObject *object, void *opaque)
{
    if (object) {
        g_ptr_array_add(opaque, g_object_ref(object));
    }
}

/* A copy, so that devices can come and go meanwhile. */
static GPtrArray *all_devices(void)
{
    GPtrArray *devices = g_ptr_array_new_with_free_func(g_object_unref);

    object_tree_foreach(CHARDEV_PATH, collect, devices);
    return devices;
}

void chardev_foreach(void (*visit)(Chardev *chardev, void *opaque), void *opaque)
{
    g_autoptr(GPtrArray) devices = all_devices();

    for (guint i = 0; i < devices->len; i++) {
        visit(g_ptr_array_index(devices, i), opaque);
    }
}

bool chardev_remove(const char *id, GError **error)
{
    Chardev *chardev = chardev_find(id);

    if (!chardev) {
        qc_error_set(error, "Chardev '%s' not found", id);
        return false;
    }
    if (chardev_has_frontend(chardev)) {
        qc_error_set(error, "Chardev '%s' is busy", id);
        return false;
    }
    g_autofree char *base_id = g_strdup(chardev->base_id);
    chardev_close(chardev);
    object_tree_remove(G_OBJECT(chardev));
    return !base_id || chardev_remove(base_id, error);
}

void chardev_cleanup(void)
{
    g_autoptr(GPtrArray) devices = all_devices();

    for (guint i = devices->len; i > 0; i--) {
        Chardev *chardev = g_ptr_array_index(devices, i - 1);
        chardev_close(chardev);
        object_tree_remove(G_OBJECT(chardev));
    }
}
