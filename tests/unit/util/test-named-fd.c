/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* File descriptors under names and in sets. */
#include "util/named-fd.h"
#include <fcntl.h>
#include <unistd.h>

static int open_null(int flags)
{
    int fd = open("/dev/null", flags | O_CLOEXEC);

    g_assert_cmpint(fd, >=, 0);
    return fd;
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

#define ASSERT_ERROR(call, failure, text)          \
    do {                                           \
        g_autoptr(GError) error = NULL;            \
        g_assert_true((call) == (failure));        \
        g_assert_nonnull(error);                   \
        g_assert_cmpstr(error->message, ==, text); \
    } while (0)

static void test_names(void)
{
    int fd = open_null(O_RDONLY);
    int other = open_null(O_RDONLY);

    named_fd_set("a", fd);
    named_fd_set("a", other);
    g_assert_false(is_open(fd)); /* replaced */
    g_assert_cmpint(named_fd_take("a", NULL), ==, other);
    g_assert_true(is_open(other));
    ASSERT_ERROR(named_fd_take("a", &error), -1, "File descriptor named 'a' has not been found");
    named_fd_set("b", other);
    g_assert_true(named_fd_close("b", NULL));
    g_assert_false(is_open(other));
    ASSERT_ERROR(named_fd_close("b", &error), false, "File descriptor named 'b' not found");
}

static void test_numbers(void)
{
    int fd = open_null(O_RDONLY);
    g_autofree char *text = g_strdup_printf("%d", fd);
    g_autofree char *message =
        g_strdup_printf("File descriptor %d cannot be used: Bad file descriptor", fd);

    g_assert_cmpint(named_fd_take(text, NULL), ==, fd);
    close(fd);
    ASSERT_ERROR(named_fd_take(text, &error), -1, message);
    ASSERT_ERROR(named_fd_take("12x", &error), -1, "'12x' is not the number of a file descriptor");
    ASSERT_ERROR(named_fd_take("99999999999", &error), -1,
                 "'99999999999' is not the number of a file descriptor");
}

static void count_entry(int64_t id, const FdsetEntry *entry, void *opaque)
{
    int *count = opaque;

    g_assert_true(is_open(entry->fd));
    (*count)++;
}

static int count_entries(void)
{
    int count = 0;

    fdset_foreach(count_entry, &count);
    return count;
}

static void test_sets(void)
{
    int a = open_null(O_RDONLY);
    int b = open_null(O_WRONLY);
    int c = open_null(O_RDWR);
    g_autofree char *text = NULL;

    g_assert_cmpint(fdset_add(-1, a, "note"), ==, 0);
    g_assert_cmpint(fdset_add(5, c, NULL), ==, 5);
    g_assert_cmpint(fdset_add(0, b, NULL), ==, 0);
    g_assert_cmpint(count_entries(), ==, 3);
    text = g_strdup_printf("File descriptor named 'fdset-id:0, fd:%d' not found", c);
    ASSERT_ERROR(fdset_remove(0, c, &error), false, text);
    g_assert_true(fdset_remove(0, a, NULL));
    g_assert_false(is_open(a));
    g_assert_true(fdset_remove(5, -1, NULL));
    g_assert_false(is_open(c));
    g_assert_true(fdset_remove(0, b, NULL)); /* the last one: the set goes too */
    ASSERT_ERROR(fdset_remove(0, -1, &error), false,
                 "File descriptor named 'fdset-id:0' not found");
    g_assert_cmpint(count_entries(), ==, 0);
}

static void test_open(void)
{
    int64_t id = fdset_add(7, open_null(O_WRONLY), NULL);
    int fd = named_fd_open_path("/dev/fdset/7", O_WRONLY | O_CREAT, 0600, NULL);

    g_assert_cmpint(fd, >=, 0);
    g_assert_cmpint(fcntl(fd, F_GETFL) & O_ACCMODE, ==, O_WRONLY);
    g_assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    g_assert_cmpint(write(fd, "x", 1), ==, 1);
    close(fd);
    ASSERT_ERROR(named_fd_open_path("/dev/fdset/7", O_RDONLY, 0, &error), -1,
                 "Could not open '/dev/fdset/7': Permission denied");
    ASSERT_ERROR(named_fd_open_path("/dev/fdset/8", O_WRONLY, 0, &error), -1,
                 "Could not open '/dev/fdset/8': No such file or directory");
    ASSERT_ERROR(named_fd_open_path("/dev/fdset/x", O_WRONLY, 0, &error), -1,
                 "Could not open '/dev/fdset/x': expected the number of a set behind /dev/fdset/");
    ASSERT_ERROR(named_fd_open_path("/nonexistent/file", O_RDONLY, 0, &error), -1,
                 "Could not open '/nonexistent/file': No such file or directory");
    g_assert_true(fdset_remove(id, -1, NULL));
    fd = named_fd_open_path("/dev/null", O_RDWR, 0, NULL);
    g_assert_cmpint(fd, >=, 0);
    close(fd);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    g_test_add_func("/util/named-fd/names", test_names);
    g_test_add_func("/util/named-fd/numbers", test_numbers);
    g_test_add_func("/util/named-fd/sets", test_sets);
    g_test_add_func("/util/named-fd/open", test_open);
    return g_test_run();
}
