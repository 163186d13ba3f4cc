/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Standard input and output. A terminal is switched to pass every key on as it is typed, and
 * back at the end of the process, however that comes about short of a fatal signal.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "char-internal.h"
#include "system/options.h"
#include "util/report.h"

typedef struct StdioChardev {
    ChardevStream parent;
} StdioChardev;

typedef struct StdioChardevClass {
    ChardevStreamClass parent;
} StdioChardevClass;

OBJECT_DEFINE_TYPE(StdioChardev, StdioChardevClass, chardev_stdio, "chardev-stdio",
                   TYPE_CHARDEV_STREAM);

/* There is one terminal, and handlers without arguments need it. */
static struct {
    bool in_use;
    bool is_terminal;
    struct termios former, ours;
} terminal;

/* ---- the terminal ---- */

static void restore_terminal(void)
{
    if (terminal.is_terminal) {
        tcsetattr(STDIN_FILENO, TCSANOW, &terminal.former);
        terminal.is_terminal = false;
    }
}

/* Stopped and continued by the shell, which has set the terminal its own way meanwhile. */
static void on_continue(int signal)
{
    int errnum = errno;

    if (terminal.is_terminal) {
        tcsetattr(STDIN_FILENO, TCSANOW, &terminal.ours);
    }
    errno = errnum;
}

static void stdio_set_echo(Chardev *chardev, bool on)
{
    if (!terminal.is_terminal) {
        return;
    }
    terminal.ours.c_lflag = on ? terminal.ours.c_lflag | ECHO : terminal.ours.c_lflag & ~ECHO;
    if (tcsetattr(STDIN_FILENO, TCSANOW, &terminal.ours) < 0) {
        report_warning("chardev '%s': cannot set the terminal: %s", chardev->id, g_strerror(errno));
    }
}

/* No line editing and no echo; output stays as it is, so that "\n" begins a line. */
static void set_terminal(Chardev *chardev, bool signals)
{
    static gsize registered;

    if (tcgetattr(STDIN_FILENO, &terminal.former) < 0) {
        return; /* not a terminal */
    }
    terminal.ours = terminal.former;
    terminal.ours.c_iflag &= ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    terminal.ours.c_lflag &= ~(ECHO | ECHONL | ICANON | IEXTEN);
    terminal.ours.c_lflag &= signals ? ~(tcflag_t)0 : ~(tcflag_t)ISIG;
    terminal.ours.c_cc[VMIN] = 1;
    terminal.ours.c_cc[VTIME] = 0;
    terminal.is_terminal = true;
    if (g_once_init_enter(&registered)) {
        struct sigaction action = { .sa_handler = on_continue, .sa_flags = SA_RESTART };
        sigaction(SIGCONT, &action, NULL);
        atexit(restore_terminal);
        g_once_init_leave(&registered, 1);
    }
    stdio_set_echo(chardev, false);
}

/* ---- the device ---- */

/* A descriptor of our own, so that closing the device leaves the standard ones open. */
static Channel *open_standard(int standard_fd, const char *name, GError **error)
{
    int fd = fcntl(standard_fd, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);

    if (fd < 0) {
        qc_error_set_errno(error, errno, "Cannot use %s", name);
        return NULL;
    }
    return channel_new_fd(fd, name);
}

static bool stdio_open(Chardev *chardev, json_t *options, GError **error)
{
    bool signals = true;

    if (vm_options()->daemonize) {
        qc_error_set(error, "cannot use stdio with -daemonize");
        return false;
    }
    if (terminal.in_use) {
        qc_error_set(error, "cannot use stdio by multiple character devices");
        return false;
    }
    if (!char_option_bool(options, "signal", &signals, error)) {
        return false;
    }
    g_autoptr(Channel) in = open_standard(STDIN_FILENO, "standard input", error);
    Channel *out = in ? open_standard(STDOUT_FILENO, "standard output", error) : NULL;
    if (!out) {
        return false;
    }
    terminal.in_use = true;
    set_terminal(chardev, signals);
    chardev_stream_attach(CHARDEV_STREAM(chardev), g_steal_pointer(&in), out);
    return true;
}

static void stdio_close(Chardev *chardev)
{
    if (CHARDEV_STREAM(chardev)->out) { /* else it never was opened */
        chardev_stream_close(chardev);
        restore_terminal();
        terminal.in_use = false;
    }
}

static void chardev_stdio_init(StdioChardev *self)
{
}

static void chardev_stdio_class_init(StdioChardevClass *klass)
{
    static const char *const options[] = { "signal", NULL };

    klass->parent.parent.backend = "stdio";
    klass->parent.parent.options = options;
    klass->parent.parent.open_backend = stdio_open;
    klass->parent.parent.close_backend = stdio_close;
    klass->parent.parent.set_echo = stdio_set_echo;
}
