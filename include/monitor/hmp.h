/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Commands for people. Each room registers its own with HMP_COMMAND in the file that implements
 * them; most call the qmp_ function and print what it returns. Handlers run with the BQL held.
 */
#pragma once

#include "monitor/monitor.h"

typedef struct HmpCommand {
    /*
     * Name, and other names behind it: "quit|q". A name of two words is a subcommand:
     * "info status".
     */
    const char *name;
    /*
     * Arguments: "name:type" joined by commas, empty for none. A type followed by `?` is
     * optional and comes after those that are not. Types:
     *   s   a word; quotes keep spaces          -> string
     *   S   all that is left of the line        -> string
     *   F   a file name, completed as such      -> string
     *   i   32-bit integer expression           -> integer
     *   l   64-bit integer expression           -> integer
     *   o   size with suffix, default M         -> integer (bytes)
     *   b   on or off                           -> boolean
     *   -x  the flag -x, before other arguments -> boolean, absent when not given
     */
    const char *arguments;
    const char *parameters; /* as help shows them: "[-d] uri" */
    const char *help;       /* one line */
    /*
     * Do it. @arguments is an object with those that were given, borrowed. What is put into
     * @error is printed as "Error: text".
     */
    void (*handler)(Monitor *monitor, json_t *arguments, GError **error);
    /* Add candidates for argument number @index (from 0) that begin with @prefix; may be NULL. */
    void (*complete)(unsigned index, const char *prefix, GPtrArray *candidates);
    struct HmpCommand *next; /* used by the registry */
} HmpCommand;

/* Make @command known; it is kept, not copied. */
void hmp_register(HmpCommand *command);

/* Define and register a command: HMP_COMMAND(info_colo, .name = "info colo", ...); */
#define HMP_COMMAND(identifier, ...)                                         \
    static HmpCommand hmp_command_##identifier = { __VA_ARGS__ };            \
    static void __attribute__((constructor)) hmp_register_##identifier(void) \
    {                                                                        \
        hmp_register(&hmp_command_##identifier);                             \
    }                                                                        \
    typedef int hmp_command_##identifier##_defined G_GNUC_UNUSED

/* Print to the monitor; each \n leaves as CR LF. */
void hmp_printf(Monitor *monitor, const char *format, ...) G_GNUC_PRINTF(2, 3);

/*
 * Take no input and show no prompt until hmp_resume(): for a command whose work goes on after its
 * handler has returned. False where that is impossible: a command run by human-monitor-command.
 */
bool hmp_suspend(Monitor *monitor);
/* Undo it; nothing happens when the user has gone meanwhile. */
void hmp_resume(Monitor *monitor);

/* Add @text to @candidates when it begins with @prefix. */
void hmp_complete_one(GPtrArray *candidates, const char *prefix, const char *text);

/*
 * Run one command line as human-monitor-command does; returns all that it prints, to be freed.
 */
char *hmp_run_captured(const char *line);
