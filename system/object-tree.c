/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The tree of objects and their paths. */
#include <string.h>

#include "system/object.h"
#include "util/report.h"

typedef struct Node {
    char *name;
    GObject *object; /* NULL: a container */
    struct Node *parent;
    GPtrArray *children; /* Node, owned, in order of addition */
} Node;

static GQuark node_quark;

static void node_free(gpointer data)
{
    Node *node = data;

    if (node->object) {
        g_object_set_qdata(node->object, node_quark, NULL);
        g_object_unref(node->object);
    }
    g_ptr_array_unref(node->children);
    g_free(node->name);
    g_free(node);
}

static Node *node_new(Node *parent, const char *name)
{
    Node *node = g_new0(Node, 1);

    node->name = g_strdup(name);
    node->parent = parent;
    node->children = g_ptr_array_new_with_free_func(node_free);
    if (parent) {
        g_ptr_array_add(parent->children, node);
    }
    return node;
}

static Node *tree_root(void)
{
    static Node *root;

    if (!root) {
        node_quark = g_quark_from_static_string("qemu-colo-object-node");
        root = node_new(NULL, "");
    }
    return root;
}

static Node *node_child(const Node *node, const char *name, size_t length)
{
    for (guint i = 0; i < node->children->len; i++) {
        Node *child = g_ptr_array_index(node->children, i);
        if (strlen(child->name) == length && !memcmp(child->name, name, length)) {
            return child;
        }
    }
    return NULL;
}

/* Walk @path from @node on; make missing containers when @create. */
static Node *node_below(Node *node, const char *path, bool create)
{
    while (node) {
        path += strspn(path, "/");
        size_t length = strcspn(path, "/");
        if (!length) {
            break;
        }
        Node *child = node_child(node, path, length);
        if (!child && create) {
            g_autofree char *name = g_strndup(path, length);
            child = node_new(node, name);
        }
        node = child;
        path += length;
    }
    return node;
}

static Node *node_at(const char *path, bool create)
{
    return node_below(tree_root(), path, create);
}

/* "name[*]" to the first free "name[N]". */
static char *resolve_name(const Node *parent, const char *name)
{
    if (!g_str_has_suffix(name, "[*]")) {
        return g_strdup(name);
    }
    for (unsigned index = 0;; index++) {
        char *candidate = g_strdup_printf("%.*s[%u]", (int)strlen(name) - 3, name, index);
        if (!node_child(parent, candidate, strlen(candidate))) {
            return candidate;
        }
        g_free(candidate);
    }
}

bool object_tree_add(const char *parent_path, const char *name, GObject *object, GError **error)
{
    Node *parent = node_at(parent_path, true);
    g_autofree char *resolved = resolve_name(parent, name);
    Node *node = node_child(parent, resolved, strlen(resolved));

    if (node && node->object) {
        qc_error_set(error, "attempt to add duplicate property '%s' to object '%s'", resolved,
                     parent_path);
        return false;
    }
    if (!node) {
        node = node_new(parent, resolved);
    }
    node->object = g_object_ref(object);
    g_object_set_qdata(object, node_quark, node);
    return true;
}

void object_tree_remove(GObject *object)
{
    tree_root();
    Node *node = g_object_get_qdata(object, node_quark);

    if (node) {
        g_ptr_array_remove(node->parent->children, node);
    }
}

typedef struct PartialSearch {
    const char *path;
    GType type;
    GObject *found;
    unsigned count;
} PartialSearch;

/* Look for the partial path at @node and at any depth below it. */
static void find_partial(Node *node, PartialSearch *search)
{
    Node *end = node_below(node, search->path, false);

    if (end && end->object && g_type_is_a(G_OBJECT_TYPE(end->object), search->type)) {
        search->found = end->object;
        search->count++;
    }
    for (guint i = 0; i < node->children->len; i++) {
        find_partial(g_ptr_array_index(node->children, i), search);
    }
}

GObject *object_tree_find_type(const char *path, GType type)
{
    if (*path == '/') {
        Node *node = node_at(path, false);
        bool fits = node && node->object && g_type_is_a(G_OBJECT_TYPE(node->object), type);
        return fits ? node->object : NULL;
    }
    if (!*path) {
        return NULL;
    }
    PartialSearch search = { .path = path, .type = type };
    find_partial(tree_root(), &search);
    return search.count == 1 ? search.found : NULL;
}

GObject *object_tree_find(const char *path)
{
    return object_tree_find_type(path, G_TYPE_OBJECT);
}

char *object_tree_path(GObject *object)
{
    tree_root();
    Node *node = g_object_get_qdata(object, node_quark);

    if (!node) {
        return NULL;
    }
    GString *path = g_string_new(NULL);
    for (; node->parent; node = node->parent) {
        g_string_prepend(path, node->name);
        g_string_prepend_c(path, '/');
    }
    return g_string_free(path, FALSE);
}

bool object_tree_foreach(const char *path,
                         void (*visit)(const char *name, GObject *object, void *opaque),
                         void *opaque)
{
    Node *node = node_at(path, false);

    if (!node) {
        return false;
    }
    for (guint i = 0; i < node->children->len; i++) {
        Node *child = g_ptr_array_index(node->children, i);
        visit(child->name, child->object, opaque);
    }
    return true;
}
