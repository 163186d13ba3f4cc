/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Commands that take file descriptors from clients (SCM_RIGHTS). */
#include "monitor/monitor-internal.h"
#include "qapi/error.h"
#include "qapi/qapi-commands-control.h"
#include "util/named-fd.h"
#include <unistd.h>

/* The descriptor that came with the running command. */
static int take_fd(GError **error)
{
    Monitor *monitor = monitor_current();
    int fd;

    while (monitor && monitor->captured) {
        monitor = monitor->caller;
    }
    fd = monitor ? char_frontend_take_fd(&monitor->frontend) : -1;
    if (fd < 0) {
        qapi_error_set(error, "No file descriptor supplied via SCM_RIGHTS");
    }
    return fd;
}

void qmp_getfd(const char *fdname, GError **error)
{
    int fd = take_fd(error);

    if (fd < 0) {
        return;
    }
    if (!*fdname || g_ascii_isdigit(*fdname)) {
        close(fd);
        qapi_error_set(error, "Parameter 'fdname' expects a name not starting with a digit");
        return;
    }
    named_fd_set(fdname, fd);
}

void qmp_closefd(const char *fdname, GError **error)
{
    named_fd_close(fdname, error);
}

AddfdInfo *qmp_add_fd(bool has_fdset_id, int64_t fdset_id, const char *opaque, GError **error)
{
    int fd = take_fd(error);
    AddfdInfo *info;

    if (fd < 0) {
        return NULL;
    }
    if (has_fdset_id && fdset_id < 0) {
        close(fd);
        qapi_error_set(error, "Parameter 'fdset-id' expects a non-negative value");
        return NULL;
    }
    info = AddfdInfo_new();
    info->fd = fd;
    info->fdset_id = fdset_add(has_fdset_id ? fdset_id : -1, fd, opaque);
    return info;
}

void qmp_remove_fd(int64_t fdset_id, bool has_fd, int64_t fd, GError **error)
{
    if (has_fd && (fd < 0 || fd > G_MAXINT)) {
        qapi_error_set(error, "Parameter 'fd' expects the number of a file descriptor");
        return;
    }
    fdset_remove(fdset_id, has_fd ? (int)fd : -1, error);
}

/* The descriptors of a set come one behind the other. */
static void list_fd(int64_t id, const FdsetEntry *entry, void *opaque)
{
    GPtrArray *list = opaque;
    FdsetInfo *set = list->len ? g_ptr_array_index(list, list->len - 1) : NULL;
    FdsetFdInfo *info = FdsetFdInfo_new();

    if (!set || set->fdset_id != id) {
        set = FdsetInfo_new();
        set->fdset_id = id;
        set->fds = FdsetFdInfo_list_new();
        g_ptr_array_add(list, set);
    }
    info->fd = entry->fd;
    info->opaque = g_strdup(entry->opaque);
    g_ptr_array_add(set->fds, info);
}

GPtrArray *qmp_query_fdsets(GError **error)
{
    GPtrArray *list = FdsetInfo_list_new();

    fdset_foreach(list_fd, list);
    return list;
}
