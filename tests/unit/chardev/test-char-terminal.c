/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Back ends for people: mux, pty, stdio. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "char-test.h"
#include "io/channel.h"

#define ESCAPE "\001"

/* A socket whose other end is the terminal, with a mux and two users in front of it. */
typedef struct Desk {
    Channel *terminal;
    Recorder monitor, console;
} Desk;

static void desk_start(Desk *desk)
{
    int fds[2];

    g_assert_cmpint(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
    g_autofree char *options = g_strdup_printf("socket,id=a,fd=%d,mux=on", fds[0]);
    desk->terminal = channel_new_fd(fds[1], "terminal");
    Chardev *mux = must_new_chardev(options);
    recorder_start(&desk->monitor, mux);
    recorder_start(&desk->console, mux);
}

static void desk_stop(Desk *desk)
{
    recorder_stop(&desk->monitor);
    recorder_stop(&desk->console);
    channel_unref(desk->terminal);
    must_remove("a");
    g_assert_null(chardev_find("a-base"));
}

static void type(Desk *desk, const char *text)
{
    g_assert_true(channel_write_all(desk->terminal, text, strlen(text), NULL));
}

/* What has arrived at the terminal by now. */
static char *seen(Desk *desk)
{
    char buffer[4096];
    struct iovec iov = { buffer, sizeof(buffer) - 1 };

    if (channel_wait_readable(desk->terminal, 0) == 0) {
        return g_strdup("");
    }
    ssize_t n = channel_readv(desk->terminal, &iov, 1, NULL);
    g_assert_cmpint(n, >=, 0);
    buffer[n] = '\0';
    return g_strdup(buffer);
}

/* ---- mux ---- */

static void test_mux_focus(void)
{
    Desk desk;
    desk_start(&desk);
    g_assert_cmpint(desk.monitor.opened, ==, 1);
    g_assert_cmpint(desk.console.opened, ==, 1);
    g_assert_cmpint(desk.monitor.focus_in, ==, 1);
    g_assert_cmpint(desk.monitor.focus_out, ==, 1);
    g_assert_cmpint(desk.console.focus_in, ==, 1);

    type(&desk, "ls" ESCAPE "cinfo" ESCAPE "ccd");
    run_until(desk.console.input->len == 4);
    g_assert_cmpstr(desk.console.input->str, ==, "lscd");
    g_assert_cmpstr(desk.monitor.input->str, ==, "info");
    g_assert_cmpint(desk.console.focus_out, ==, 1);
    g_assert_cmpint(desk.console.focus_in, ==, 2);

    char_frontend_take_focus(&desk.monitor.frontend);
    type(&desk, "x");
    run_until(desk.monitor.input->len == 5);
    type(&desk, ESCAPE ESCAPE);
    run_until(desk.monitor.input->len == 6);
    g_assert_cmpint(desk.monitor.input->str[5], ==, 1);

    /* All may write, whoever has the focus. */
    g_assert_true(char_frontend_write_all(&desk.console.frontend, "from console,", 13));
    g_assert_true(char_frontend_write_all(&desk.monitor.frontend, "from monitor", 12));
    g_autofree char *text = seen(&desk);
    g_assert_cmpstr(text, ==, "from console,from monitor");
    desk_stop(&desk);
}

static void test_mux_keys(void)
{
    Desk desk;
    desk_start(&desk);
    type(&desk, ESCAPE "b" ESCAPE "h" ESCAPE "zq");
    run_until(desk.console.input->len == 1); /* unknown keys are swallowed */
    g_assert_cmpstr(desk.console.input->str, ==, "q");
    g_assert_cmpint(desk.console.breaks, ==, 1);
    g_assert_cmpint(desk.monitor.breaks, ==, 0);
    g_autofree char *help = seen(&desk);
    g_assert_nonnull(strstr(help, "C-a x    exit emulator\r\n"));
    g_assert_nonnull(strstr(help, "C-a c    switch between console and monitor\r\n"));

    chardev_mux_set_escape(2);
    type(&desk, ESCAPE "c\002c?");
    run_until(desk.monitor.input->len == 1);
    g_assert_cmpstr(desk.console.input->str, ==, "q\001c");
    chardev_mux_set_escape(1);
    desk_stop(&desk);
}

static void test_mux_stamps(void)
{
    Desk desk;
    desk_start(&desk);
    type(&desk, ESCAPE "t");
    run_for_ms(20);
    g_assert_true(char_frontend_write_all(&desk.console.frontend, "one\ntwo\n", 8));
    g_assert_true(char_frontend_write_all(&desk.console.frontend, "three", 5));
    g_autofree char *stamped = seen(&desk);
    /* The line that was begun before has no stamp. */
    g_assert_true(g_regex_match_simple(
        "^one\n\\[00:00:0\\d\\.\\d{3}\\] two\n\\[00:00:0\\d\\.\\d{3}\\] three$", stamped, 0, 0));
    type(&desk, ESCAPE "t");
    run_for_ms(20);
    g_assert_true(char_frontend_write_all(&desk.console.frontend, "\nfour", 5));
    g_autofree char *plain = seen(&desk);
    g_assert_cmpstr(plain, ==, "\nfour");
    desk_stop(&desk);
}

/* A user that does not take input leaves the escape keys within reach, and loses nothing. */
static void test_mux_stalled_user(void)
{
    Desk desk;
    desk_start(&desk);
    desk.console.room = 0;
    type(&desk, "typed ahead" ESCAPE "cm");
    run_until(desk.monitor.input->len == 1);
    g_assert_cmpuint(desk.console.input->len, ==, 0);
    desk.console.room = 4;
    char_frontend_accept_input(&desk.console.frontend);
    run_until(desk.console.input->len == 11);
    g_assert_cmpstr(desk.console.input->str, ==, "typed ahead");

    /* Far more than is kept: flow control, not loss. */
    g_autofree char *big = g_strnfill(20000, 'x');
    char_frontend_take_focus(&desk.console.frontend);
    desk.console.room = 0;
    type(&desk, big);
    run_for_ms(30);
    desk.console.room = 7;
    char_frontend_accept_input(&desk.console.frontend);
    run_until(desk.console.input->len == 11 + 20000);
    desk_stop(&desk);
}

static void test_mux_users(void)
{
    Desk desk;
    CharFrontend more[3];
    g_autoptr(GError) error = NULL;
    desk_start(&desk);
    g_assert_false(chardev_remove("a", &error));
    g_assert_cmpstr(error->message, ==, "Chardev 'a' is busy");
    g_clear_error(&error);
    g_assert_false(chardev_remove("a-base", &error));
    g_assert_cmpstr(error->message, ==, "Chardev 'a-base' is busy");
    g_clear_error(&error);
    g_assert_true(char_frontend_init(&more[0], chardev_find("a"), NULL));
    g_assert_true(char_frontend_init(&more[1], chardev_find("a"), NULL));
    g_assert_false(char_frontend_init(&more[2], chardev_find("a"), &error));
    g_assert_cmpstr(error->message, ==, "Device 'a' is in use by 4 users, the most it can have");
    char_frontend_deinit(&more[0]);
    char_frontend_deinit(&more[1]);

    /* The focus of one that leaves goes to another. */
    CharFrontend *console = &desk.console.frontend;
    char_frontend_deinit(console);
    type(&desk, "y");
    run_until(desk.monitor.input->len == 1);
    g_assert_true(char_frontend_init(console, chardev_find("a"), NULL));
    desk_stop(&desk);
}

static void test_mux_quit(void)
{
    Desk desk;
    desk_start(&desk);
    g_assert_false(main_loop_quitting());
    type(&desk, ESCAPE "x");
    run_until(main_loop_quitting());
    g_assert_cmpint(main_loop_exit_status(), ==, EXIT_SUCCESS);
    g_autofree char *text = seen(&desk);
    g_assert_cmpstr(text, ==, "QEMU: Terminated\r\n");
    desk_stop(&desk);
}

static void test_mux_peer(void)
{
    Desk desk;
    desk_start(&desk);
    channel_shutdown(desk.terminal);
    run_until(desk.monitor.closed == 1 && desk.console.closed == 1);
    g_assert_false(char_frontend_is_open(&desk.console.frontend));
    desk_stop(&desk);
}

/* ---- pty ---- */

static int open_pty_side(Chardev *chardev)
{
    g_autofree char *filename = chardev_filename(chardev);

    g_assert_true(g_str_has_prefix(filename, "pty:/dev/pts/"));
    int fd = open(filename + 4, O_RDWR | O_NOCTTY | O_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    return fd;
}

static void test_pty(void)
{
    Chardev *chardev = must_new_chardev("pty,id=a");
    Recorder recorder;
    char buffer[16];

    recorder_start(&recorder, chardev);
    g_assert_cmpint(recorder.opened, ==, 0);
    g_assert_cmpint(char_frontend_write(&recorder.frontend, "lost", 4), ==, 4);
    for (int i = 1; i <= 2; i++) {
        int fd = open_pty_side(chardev);
        run_until(recorder.opened == i);
        g_assert_cmpint(write(fd, "a\r\001\004b", 5), ==, 5);
        run_until(recorder.input->len == 5);
        g_assert_cmpmem(recorder.input->str, 5, "a\r\001\004b", 5);
        g_string_truncate(recorder.input, 0);
        g_assert_cmpint(char_frontend_write(&recorder.frontend, "c\n\rd", 4), ==, 4);
        g_assert_cmpint(read(fd, buffer, sizeof(buffer)), ==, 4);
        g_assert_cmpmem(buffer, 4, "c\n\rd", 4);
        close(fd);
        run_until(recorder.closed == i);
    }
    recorder_stop(&recorder);
    must_remove("a");
    run_for_ms(250);
}

static void test_pty_stalled(void)
{
    Chardev *chardev = must_new_chardev("pty,id=a");
    Recorder recorder;
    g_autofree uint8_t *data = g_malloc0(1 << 20);

    recorder_start(&recorder, chardev);
    int fd = open_pty_side(chardev);
    run_until(recorder.opened == 1);
    int written = 0, n;
    while ((n = char_frontend_write(&recorder.frontend, data, 1 << 20)) > 0) {
        written += n;
        g_assert_cmpint(written, <, 1 << 24);
    }
    close(fd);
    run_until(recorder.closed == 1);
    recorder_stop(&recorder);
    must_remove("a");
}

/* ---- stdio ---- */

/* Our standard input and output become a terminal until terminal_end(). */
static struct {
    int master, saved_in, saved_out;
} terminal;

static void terminal_begin(void)
{
    terminal.master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    g_assert_cmpint(grantpt(terminal.master), ==, 0);
    g_assert_cmpint(unlockpt(terminal.master), ==, 0);
    int fd = open(ptsname(terminal.master), O_RDWR | O_NOCTTY | O_CLOEXEC);
    g_assert_cmpint(fd, >=, 0);
    terminal.saved_in = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    fflush(stdout);
    terminal.saved_out = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
    g_assert_cmpint(dup2(fd, STDIN_FILENO), ==, STDIN_FILENO);
    g_assert_cmpint(dup2(fd, STDOUT_FILENO), ==, STDOUT_FILENO);
    close(fd);
}

static void terminal_end(void)
{
    dup2(terminal.saved_in, STDIN_FILENO);
    dup2(terminal.saved_out, STDOUT_FILENO);
    close(terminal.saved_in);
    close(terminal.saved_out);
    close(terminal.master);
}

static tcflag_t local_flags(void)
{
    struct termios settings;
    g_assert_cmpint(tcgetattr(STDIN_FILENO, &settings), ==, 0);
    return settings.c_lflag & (ICANON | ECHO | ISIG);
}

static void test_stdio(void)
{
    g_autoptr(GError) error = NULL;
    Recorder recorder;
    char buffer[16];

    terminal_begin();
    recorder_start(&recorder, must_new_chardev("stdio,id=a"));
    g_assert_cmpint(local_flags(), ==, ISIG);
    g_assert_null(new_chardev("stdio,id=b", &error));
    g_assert_cmpstr(error->message, ==, "cannot use stdio by multiple character devices");
    g_assert_cmpint(write(terminal.master, "k\r", 2), ==, 2);
    run_until(recorder.input->len == 2);
    g_assert_cmpstr(recorder.input->str, ==, "k\r");
    g_assert_cmpint(char_frontend_write(&recorder.frontend, "x\n", 2), ==, 2);
    g_assert_cmpint(read(terminal.master, buffer, sizeof(buffer)), ==, 3);
    g_assert_cmpmem(buffer, 3, "x\r\n", 3);
    char_frontend_set_echo(&recorder.frontend, true);
    g_assert_cmpint(local_flags(), ==, ISIG | ECHO);
    raise(SIGCONT);
    g_assert_cmpint(local_flags(), ==, ISIG | ECHO);
    recorder_stop(&recorder);
    must_remove("a");
    g_assert_cmpint(local_flags(), ==, ICANON | ECHO | ISIG);
    g_assert_cmpint(fcntl(STDIN_FILENO, F_GETFL) & O_NONBLOCK, ==, 0);

    must_new_chardev("stdio,id=a,signal=off");
    g_assert_cmpint(local_flags(), ==, 0);
    chardev_cleanup();
    g_assert_cmpint(local_flags(), ==, ICANON | ECHO | ISIG);
    terminal_end();
}

/* What the shell changed while we were stopped is put right. */
static void test_stdio_continued(void)
{
    terminal_begin();
    must_new_chardev("stdio,id=a");
    struct termios settings;
    g_assert_cmpint(tcgetattr(STDIN_FILENO, &settings), ==, 0);
    settings.c_lflag |= ICANON | ECHO;
    g_assert_cmpint(tcsetattr(STDIN_FILENO, TCSANOW, &settings), ==, 0);
    raise(SIGCONT);
    g_assert_cmpint(local_flags(), ==, ISIG);
    must_remove("a");
    terminal_end();
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    main_loop_init();
    g_test_add_func("/chardev/mux/focus", test_mux_focus);
    g_test_add_func("/chardev/mux/keys", test_mux_keys);
    g_test_add_func("/chardev/mux/stamps", test_mux_stamps);
    g_test_add_func("/chardev/mux/stalled-user", test_mux_stalled_user);
    g_test_add_func("/chardev/mux/users", test_mux_users);
    g_test_add_func("/chardev/mux/quit", test_mux_quit);
    g_test_add_func("/chardev/mux/peer", test_mux_peer);
    g_test_add_func("/chardev/pty", test_pty);
    g_test_add_func("/chardev/pty-stalled", test_pty_stalled);
    g_test_add_func("/chardev/stdio", test_stdio);
    g_test_add_func("/chardev/stdio-continued", test_stdio_continued);
    return g_test_run();
}
