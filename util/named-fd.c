/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* File descriptors under names and in sets. */
#include "util/named-fd.h"
#include "util/report.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static GMutex lock;
static GHashTable *names; /* char * to int; under lock */
static GTree *sets;       /* int64_t to GPtrArray of FdsetEntry; under lock */

static void close_value(void *fd)
{
    close(GPOINTER_TO_INT(fd));
}

static void free_entry(void *opaque)
{
    FdsetEntry *entry = opaque;

    close(entry->fd);
    g_free(entry->opaque);
    g_free(entry);
}

static int compare_ids(const void *a, const void *b, void *opaque)
{
    int64_t left = *(const int64_t *)a;
    int64_t right = *(const int64_t *)b;

    return (left > right) - (left < right);
}

/* Lock and make the containers. */
static void enter(void)
{
    g_mutex_lock(&lock);
    if (!names) {
        names = g_hash_table_new_full(g_str_hash, g_str_equal, g_free, close_value);
        sets = g_tree_new_full(compare_ids, NULL, g_free, (GDestroyNotify)g_ptr_array_unref);
    }
}

void named_fd_set(const char *name, int fd)
{
    enter();
    g_hash_table_replace(names, g_strdup(name), GINT_TO_POINTER(fd));
    g_mutex_unlock(&lock);
}

bool named_fd_close(const char *name, GError **error)
{
    bool found;

    enter();
    found = g_hash_table_remove(names, name);
    g_mutex_unlock(&lock);
    if (!found) {
        qc_error_set(error, "File descriptor named '%s' not found", name);
    }
    return found;
}

static int take_named(const char *name, GError **error)
{
    g_autofree char *key = NULL;
    void *fd;
    bool found;

    enter();
    found = g_hash_table_steal_extended(names, name, (void **)&key, &fd);
    g_mutex_unlock(&lock);
    if (!found) {
        qc_error_set(error, "File descriptor named '%s' has not been found", name);
        return -1;
    }
    return GPOINTER_TO_INT(fd);
}

int named_fd_take(const char *text, GError **error)
{
    guint64 fd;

    if (!g_ascii_isdigit(*text)) {
        return take_named(text, error);
    }
    if (!g_ascii_string_to_unsigned(text, 10, 0, G_MAXINT, &fd, NULL)) {
        qc_error_set(error, "'%s' is not the number of a file descriptor", text);
        return -1;
    }
    if (fcntl(fd, F_GETFD) < 0) {
        qc_error_set_errno(error, errno, "File descriptor %s cannot be used", text);
        return -1;
    }
    return fd;
}

static int64_t lowest_free_id(void)
{
    int64_t id = 0;

    while (g_tree_lookup(sets, &id)) {
        id++;
    }
    return id;
}

int64_t fdset_add(int64_t id, int fd, const char *opaque)
{
    FdsetEntry *entry = g_new0(FdsetEntry, 1);
    GPtrArray *set;

    entry->fd = fd;
    entry->opaque = g_strdup(opaque);
    enter();
    if (id < 0) {
        id = lowest_free_id();
    }
    set = g_tree_lookup(sets, &id);
    if (!set) {
        set = g_ptr_array_new_with_free_func(free_entry);
        g_tree_insert(sets, g_memdup2(&id, sizeof(id)), set);
    }
    g_ptr_array_add(set, entry);
    g_mutex_unlock(&lock);
    return id;
}

static bool remove_entry(GPtrArray *set, int fd)
{
    for (unsigned i = 0; i < set->len; i++) {
        FdsetEntry *entry = g_ptr_array_index(set, i);
        if (entry->fd == fd) {
            g_ptr_array_remove_index(set, i);
            return true;
        }
    }
    return false;
}

bool fdset_remove(int64_t id, int fd, GError **error)
{
    g_autofree char *suffix = fd < 0 ? g_strdup("") : g_strdup_printf(", fd:%d", fd);
    GPtrArray *set;
    bool found;

    enter();
    set = g_tree_lookup(sets, &id);
    found = set && (fd < 0 || remove_entry(set, fd));
    if (found && (fd < 0 || !set->len)) {
        g_tree_remove(sets, &id);
    }
    g_mutex_unlock(&lock);
    if (!found) {
        qc_error_set(error, "File descriptor named 'fdset-id:%" G_GINT64_FORMAT "%s' not found", id,
                     suffix);
    }
    return found;
}

void fdset_foreach(void (*visit)(int64_t id, const FdsetEntry *entry, void *opaque), void *opaque)
{
    enter();
    for (GTreeNode *node = g_tree_node_first(sets); node; node = g_tree_node_next(node)) {
        int64_t id = *(int64_t *)g_tree_node_key(node);
        GPtrArray *set = g_tree_node_value(node);
        for (unsigned i = 0; i < set->len; i++) {
            visit(id, g_ptr_array_index(set, i), opaque);
        }
    }
    g_mutex_unlock(&lock);
}

/* A duplicate of the first descriptor of @set with the access mode of @flags, or -1. */
static int duplicate_matching(GPtrArray *set, int flags)
{
    for (unsigned i = 0; i < set->len; i++) {
        FdsetEntry *entry = g_ptr_array_index(set, i);
        if ((fcntl(entry->fd, F_GETFL) & O_ACCMODE) == (flags & O_ACCMODE)) {
            return fcntl(entry->fd, F_DUPFD_CLOEXEC, 0);
        }
    }
    errno = EACCES;
    return -1;
}

int fdset_open(int64_t id, int flags, GError **error)
{
    GPtrArray *set;
    int fd = -1;
    int code = ENOENT;

    enter();
    set = g_tree_lookup(sets, &id);
    if (set) {
        fd = duplicate_matching(set, flags);
        code = errno;
    }
    g_mutex_unlock(&lock);
    if (fd < 0) {
        qc_error_set_errno(error, code, "Could not open '/dev/fdset/%" G_GINT64_FORMAT "'", id);
    }
    return fd;
}

int named_fd_open_path(const char *path, int flags, int mode, GError **error)
{
    static const char prefix[] = "/dev/fdset/";
    guint64 id;
    int fd;

    if (g_str_has_prefix(path, prefix)) {
        if (!g_ascii_string_to_unsigned(path + strlen(prefix), 10, 0, G_MAXINT64, &id, NULL)) {
            qc_error_set(error, "Could not open '%s': expected the number of a set behind %s", path,
                         prefix);
            return -1;
        }
        return fdset_open(id, flags, error);
    }
    fd = open(path, flags | O_CLOEXEC, mode);
    if (fd < 0) {
        qc_error_set_errno(error, errno, "Could not open '%s'", path);
    }
    return fd;
}
