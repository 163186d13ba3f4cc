/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Options and life of character devices; the back ends null, ringbuf, file and pipe. */
#include <fcntl.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "char-test.h"
#include "chardev/char-internal.h"

/* ---- options ---- */

static void check_refused(const char *text, const char *message)
{
    g_autoptr(GError) error = NULL;

    g_assert_null(new_chardev(text, &error));
    g_assert_nonnull(error);
    g_assert_cmpstr(error->message, ==, message);
    g_assert_null(chardev_find("a"));
}

static void test_refused(void)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        { "zzz,id=a", "'zzz' is not a valid char driver name" },
        { "udp,id=a", "'udp' is not a valid char driver name" },
        { "fd,id=a", "'fd' is not a valid char driver name" },
        { "id=a", "Parameter 'backend' is missing" },
        { "null", "chardev: no id specified" },
        { "null,id=1a", "Parameter 'id' expects an identifier: letters, digits, '-', '.', '_', "
                        "starting with a letter; it is '1a'" },
        { "null,id=a/b", "Parameter 'id' expects an identifier: letters, digits, '-', '.', '_', "
                         "starting with a letter; it is 'a/b'" },
        { "null,id=a,zzz=1", "Invalid parameter 'zzz' for chardev backend 'null'" },
        { "null,id=a,path=/x", "Invalid parameter 'path' for chardev backend 'null'" },
        { "null,id=a,mux=maybe", "Parameter 'mux' expects 'on' or 'off'" },
        { "null,id=a,logfile.x=1", "Parameter 'logfile' expects a single value" },
        { "null,id=a,logfile=/nonexistent/x",
          "Could not open '/nonexistent/x': No such file or directory" },
        { "ringbuf,id=a,size=1000", "size of ringbuf chardev must be power of two" },
        { "ringbuf,id=a,size=0", "size of ringbuf chardev must be power of two" },
        { "ringbuf,id=a,size=2T", "size of ringbuf chardev must be at most 1073741824 bytes" },
        { "ringbuf,id=a,size=x",
          "Parameter 'size' expects a size, a number with or without K, M, G" },
        { "file,id=a", "chardev: file: no filename given" },
        { "file,id=a,path=/nonexistent/x",
          "Could not open '/nonexistent/x': No such file or directory" },
        { "file,id=a,path=/dev/null,append=2", "Parameter 'append' expects 'on' or 'off'" },
        { "pipe,id=a", "chardev: pipe: no device path given" },
        { "pipe,id=a,path=/nonexistent/x",
          "Could not open '/nonexistent/x': No such file or directory" },
        { "serial,id=a", "chardev: serial/tty: no device path given" },
        { "tty,id=a,path=/dev/null",
          "'/dev/null' is not a terminal line: Inappropriate ioctl for device" },
        { "mux,id=a", "chardev: mux: no chardev given" },
        { "mux,id=a,chardev=zzz", "mux: base chardev zzz not found" },
        { "socket,id=a", "chardev: socket: no 'path', 'host' or 'fd' given" },
        { "socket,id=a,host=127.0.0.1", "chardev: socket: no port given" },
        { "socket,id=a,path=/tmp/x,host=1",
          "None or one of 'path', 'fd' or 'host' option required." },
        { "socket,id=a,path=/tmp/x,server=maybe", "Parameter 'server' expects 'on' or 'off'" },
        { "socket,id=a,path=/tmp/x,wait=on",
          "'wait' option is incompatible with socket in client connect mode" },
        { "socket,id=a,path=/tmp/x,server=on,reconnect=1",
          "'reconnect' option is incompatible with socket in server listen mode" },
        { "socket,id=a,path=/tmp/x,reconnect=x",
          "Parameter 'reconnect' expects a number from 0 to 2147483647" },
        { "socket,id=a,path=/tmp/x,tls-creds=c",
          "Invalid parameter 'tls-creds' for chardev backend 'socket'" },
        { "socket,id=a,path=/tmp/x,websocket=on",
          "Invalid parameter 'websocket' for chardev backend 'socket'" },
        { "socket,id=a,path=/nonexistent/x",
          "Failed to connect to '/nonexistent/x': No such file or directory" },
        { "socket,id=a,fd=7777", "File descriptor 7777 cannot be used: Bad file descriptor" },
        { "socket,id=a,fd=x", "File descriptor named 'x' has not been found" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        check_refused(cases[i].text, cases[i].message);
    }
}

static void test_shorthand_refused(void)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        { "zzz", "'zzz' is not a valid char driver" },
        { "vc", "'vc' is not a valid char driver" },
        { "udp:1:2", "'udp:1:2' is not a valid char driver" },
        { "mon:zzz", "'zzz' is not a valid char driver" },
        { "chardev:nope", "Chardev 'nope' not found" },
        { "tcp:nothing", "address 'nothing': expected HOST:PORT, :PORT or [IPV6]:PORT" },
        { "tcp:", "address '': expected HOST:PORT, :PORT or [IPV6]:PORT" },
        { "unix:", "chardev: socket: no 'path', 'host' or 'fd' given" },
        { "unix:/nonexistent/x,zzz=1", "Invalid parameter 'zzz' for chardev backend 'socket'" },
    };

    for (size_t i = 0; i < G_N_ELEMENTS(cases); i++) {
        g_autoptr(GError) error = NULL;
        g_assert_null(chardev_new_from_shorthand("serial0", cases[i].text, &error));
        g_assert_cmpstr(error->message, ==, cases[i].message);
        g_assert_null(chardev_find("serial0"));
    }
}

static void test_shorthand(void)
{
    g_autoptr(GError) error = NULL;
    Chardev *chardev = chardev_new_from_shorthand("serial0", "null", &error);

    g_assert_no_error(error);
    g_assert_cmpstr(chardev_id(chardev), ==, "serial0");
    g_assert_true(chardev_new_from_shorthand("serial1", "chardev:serial0", &error) == chardev);
    g_assert_null(chardev_find("serial1"));
    must_remove("serial0");

    chardev = chardev_new_from_shorthand("serial0", "tcp:127.0.0.1:0,server,nowait", &error);
    g_assert_no_error(error);
    g_autofree char *name = chardev_filename(chardev);
    g_assert_true(g_str_has_prefix(name, "disconnected:tcp:127.0.0.1:"));
    g_assert_true(g_str_has_suffix(name, ",server=on"));
    must_remove("serial0");

    chardev = chardev_new_from_shorthand("serial0", "mon:null", &error);
    g_assert_no_error(error);
    g_assert_cmpstr(object_type_name(G_OBJECT_TYPE(chardev)), ==, "chardev-mux");
    g_assert_nonnull(chardev_find("serial0-base"));
    must_remove("serial0");
    g_assert_null(chardev_find("serial0-base"));
}

/* ---- life ---- */

static void count_one(Chardev *chardev, void *opaque)
{
    (*(int *)opaque)++;
}

static void test_life(void)
{
    g_autoptr(GError) error = NULL;
    Chardev *chardev = must_new_chardev("null,id=a");
    gpointer watched = chardev;
    int count = 0;

    g_object_add_weak_pointer(G_OBJECT(chardev), &watched);
    g_assert_true(chardev_find("a") == chardev);
    g_assert_true(object_tree_find("/chardevs/a") == G_OBJECT(chardev));
    g_assert_null(new_chardev("null,id=a", &error));
    g_assert_cmpstr(error->message, ==, "Duplicate ID 'a' for chardev");
    g_clear_error(&error);
    must_new_chardev("null,id=b");
    chardev_foreach(count_one, &count);
    g_assert_cmpint(count, ==, 2);

    must_remove("a");
    g_assert_null(watched);
    g_assert_false(chardev_remove("a", &error));
    g_assert_cmpstr(error->message, ==, "Chardev 'a' not found");
    chardev_cleanup();
    g_assert_null(chardev_find("b"));
}

static void test_in_use(void)
{
    g_autoptr(GError) error = NULL;
    Chardev *chardev = must_new_chardev("null,id=a");
    CharFrontend other;
    Recorder recorder;

    recorder_start(&recorder, chardev);
    g_assert_cmpint(recorder.opened, ==, 1);
    g_assert_true(char_frontend_is_open(&recorder.frontend));
    g_assert_false(char_frontend_init(&other, chardev, &error));
    g_assert_cmpstr(error->message, ==, "Device 'a' is in use");
    g_clear_error(&error);
    g_assert_null(new_chardev("mux,id=m,chardev=a", &error));
    g_assert_cmpstr(error->message, ==, "Device 'a' is in use");
    g_clear_error(&error);
    g_assert_false(chardev_remove("a", &error));
    g_assert_cmpstr(error->message, ==, "Chardev 'a' is busy");
    g_assert_true(chardev_find("a") == chardev);
    recorder_stop(&recorder);
    must_remove("a");
}

/* A front end outlives its device at the end of the process. */
static void test_cleanup_in_use(void)
{
    Chardev *chardev = must_new_chardev("socket,id=a,host=127.0.0.1,port=0,server=on,wait=off");
    Recorder recorder;

    recorder_start(&recorder, chardev);
    chardev_cleanup();
    g_assert_cmpint(char_frontend_write(&recorder.frontend, "x", 1), ==, 1);
    g_assert_true(char_frontend_write_all(&recorder.frontend, "x", 1));
    g_assert_cmpuint(char_frontend_add_watch(&recorder.frontend, NULL, NULL), ==, 0);
    char_frontend_accept_input(&recorder.frontend);
    recorder_stop(&recorder);
}

static void test_no_chardev(void)
{
    CharFrontend frontend;

    g_assert_true(char_frontend_init(&frontend, NULL, NULL));
    char_frontend_set_handlers(&frontend, recorder_can_receive, recorder_receive, NULL, NULL, NULL);
    g_assert_cmpint(char_frontend_write(&frontend, "xyz", 3), ==, 3);
    g_assert_true(char_frontend_write_all(&frontend, "xyz", 3));
    g_assert_false(char_frontend_is_open(&frontend));
    g_assert_cmpint(char_frontend_take_fd(&frontend), ==, -1);
    char_frontend_accept_input(&frontend);
    char_frontend_deinit(&frontend);
}

/* ---- ring buffer ---- */

static void check_ring(Chardev *chardev, const char *expected)
{
    uint8_t data[64];

    g_assert_cmpuint(chardev_ringbuf_count(chardev), ==, strlen(expected));
    size_t size = chardev_ringbuf_take(chardev, data, sizeof(data));
    g_assert_cmpmem(data, size, expected, strlen(expected));
}

static void test_ringbuf(void)
{
    Chardev *chardev = must_new_chardev("ringbuf,id=a,size=8");
    CharFrontend frontend;
    uint8_t two[2];

    g_assert_true(char_frontend_init(&frontend, chardev, NULL));
    check_ring(chardev, "");
    g_assert_true(char_frontend_write_all(&frontend, "12345", 5));
    g_assert_cmpuint(chardev_ringbuf_take(chardev, two, 2), ==, 2);
    g_assert_cmpmem(two, 2, "12", 2);
    g_assert_true(char_frontend_write_all(&frontend, "6789", 4));
    check_ring(chardev, "3456789");
    g_assert_true(char_frontend_write_all(&frontend, "abcdefghijklmnop", 16));
    check_ring(chardev, "ijklmnop");
    g_assert_true(char_frontend_write_all(&frontend, "q", 1));
    g_assert_true(char_frontend_write_all(&frontend, "rstuvwxyz", 9));
    check_ring(chardev, "stuvwxyz");
    char_frontend_deinit(&frontend);
    must_remove("a");
    must_remove((must_new_chardev("memory,id=a,size=64K"), "a"));
}

/* ---- files ---- */

static char *read_file(const char *path)
{
    char *contents;
    g_assert_true(g_file_get_contents(path, &contents, NULL, NULL));
    return contents;
}

static void write_through(const char *options, const char *text)
{
    CharFrontend frontend;

    g_assert_true(char_frontend_init(&frontend, must_new_chardev(options), NULL));
    g_assert_true(char_frontend_write_all(&frontend, text, strlen(text)));
    char_frontend_deinit(&frontend);
    must_remove("a");
}

static void test_file(void)
{
    g_autofree char *directory = g_dir_make_tmp("chardev-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(directory, "out", NULL);
    g_autofree char *in = g_build_filename(directory, "in", NULL);
    g_autofree char *plain = g_strdup_printf("file,id=a,path=%s", path);
    g_autofree char *append = g_strdup_printf("file,id=a,path=%s,append=on", path);
    g_autofree char *input = g_strdup_printf("file,id=a,path=%s,input-path=%s", path, in);
    Recorder recorder;

    write_through(plain, "first");
    write_through(append, ", second");
    g_autofree char *both = read_file(path);
    g_assert_cmpstr(both, ==, "first, second");
    write_through(plain, "third");
    g_autofree char *third = read_file(path);
    g_assert_cmpstr(third, ==, "third");

    g_assert_true(g_file_set_contents(in, "typed", -1, NULL));
    recorder_start(&recorder, must_new_chardev(input));
    run_until(recorder.input->len == 5);
    g_assert_cmpstr(recorder.input->str, ==, "typed");
    run_for_ms(30); /* the end of the input is not the end of the output */
    g_assert_true(char_frontend_write_all(&recorder.frontend, "still", 5));
    recorder_stop(&recorder);
    must_remove("a");
    g_autofree char *still = read_file(path);
    g_assert_cmpstr(still, ==, "still");
    g_unlink(path);
    g_unlink(in);
    g_rmdir(directory);
}

static void test_log(void)
{
    g_autofree char *directory = g_dir_make_tmp("chardev-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(directory, "log", NULL);
    g_autofree char *plain = g_strdup_printf("null,id=a,logfile=%s", path);
    g_autofree char *append = g_strdup_printf("null,id=a,logfile=%s,logappend=on", path);

    write_through(plain, "one ");
    write_through(append, "two");
    g_autofree char *both = read_file(path);
    g_assert_cmpstr(both, ==, "one two");
    write_through(plain, "three");
    g_autofree char *three = read_file(path);
    g_assert_cmpstr(three, ==, "three");
    g_unlink(path);
    g_rmdir(directory);
}

static void test_pipe(void)
{
    g_autofree char *directory = g_dir_make_tmp("chardev-XXXXXX", NULL);
    g_autofree char *path = g_build_filename(directory, "p", NULL);
    g_autofree char *in = g_strconcat(path, ".in", NULL);
    g_autofree char *out = g_strconcat(path, ".out", NULL);
    g_autofree char *options = g_strdup_printf("pipe,id=a,path=%s", path);
    char buffer[4];
    Recorder recorder;

    g_assert_cmpint(mkfifo(in, 0600), ==, 0);
    g_assert_cmpint(mkfifo(out, 0600), ==, 0);
    recorder_start(&recorder, must_new_chardev(options));
    g_autoptr(Channel) to = channel_new_file(in, O_WRONLY, 0, NULL);
    g_autoptr(Channel) from = channel_new_file(out, O_RDONLY, 0, NULL);
    g_assert_true(channel_write_all(to, "ping", 4, NULL));
    run_until(recorder.input->len == 4);
    g_assert_cmpstr(recorder.input->str, ==, "ping");
    g_assert_true(char_frontend_write_all(&recorder.frontend, "pong", 4));
    g_assert_true(channel_read_all(from, buffer, 4, NULL));
    g_assert_cmpmem(buffer, 4, "pong", 4);
    recorder_stop(&recorder);
    must_remove("a");
    g_unlink(in);
    g_unlink(out);
    g_rmdir(directory);
}

/* Whatever is in an option string, there is an answer, and what was made can be removed. */
static void test_garbage_options(void)
{
    static const char *const words[] = {
        "null",
        "ringbuf",
        "mux",
        "file",
        "pipe",
        "id",
        "a",
        "=",
        ",",
        ",,",
        "size",
        "path",
        "on",
        "off",
        "0",
        "-1",
        "99999999999999999999",
        "{",
        "}",
        ".",
        "mux",
        "logfile",
        "\xff",
        "chardev",
        "1",
        "backend",
        "=/nonexistent/",
        "server",
    };
    g_autoptr(GRand) rand = g_rand_new_with_seed(20240607);

    for (int i = 0; i < 3000; i++) {
        g_autoptr(GString) text = g_string_new(NULL);
        g_autoptr(GError) error = NULL;
        int count = g_rand_int_range(rand, 1, 12);
        for (int j = 0; j < count; j++) {
            g_string_append(text, words[g_rand_int_range(rand, 0, G_N_ELEMENTS(words))]);
        }
        if (strstr(text->str, "file") && strstr(text->str, "=")) {
            continue; /* could make files of arbitrary names */
        }
        Chardev *chardev = new_chardev(text->str, &error);
        g_assert_true((chardev != NULL) != (error != NULL));
        if (chardev) {
            g_autofree char *id = g_strdup(chardev_id(chardev));
            must_remove(id);
        }
    }
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init();
    g_test_add_func("/chardev/options/refused", test_refused);
    g_test_add_func("/chardev/options/shorthand-refused", test_shorthand_refused);
    g_test_add_func("/chardev/options/shorthand", test_shorthand);
    g_test_add_func("/chardev/options/garbage", test_garbage_options);
    g_test_add_func("/chardev/life", test_life);
    g_test_add_func("/chardev/in-use", test_in_use);
    g_test_add_func("/chardev/cleanup-in-use", test_cleanup_in_use);
    g_test_add_func("/chardev/no-chardev", test_no_chardev);
    g_test_add_func("/chardev/ringbuf", test_ringbuf);
    g_test_add_func("/chardev/file", test_file);
    g_test_add_func("/chardev/log", test_log);
    g_test_add_func("/chardev/pipe", test_pipe);
    return g_test_run();
}
