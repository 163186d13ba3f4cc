/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The human monitor: registry of commands, running a line, help, completion. */
#include "monitor/hmp.h"
#include "monitor/hmp-arguments.h"
#include "monitor/monitor-internal.h"
#include "util/report.h"
#include <string.h>

static HmpCommand *commands; /* sorted by name; filled before main() */

/* Text of a command name without its other names. */
static char *first_name(const HmpCommand *command)
{
    return g_strndup(command->name, strcspn(command->name, "|"));
}

void hmp_register(HmpCommand *command)
{
    HmpCommand **place = &commands;

    while (*place && strcmp((*place)->name, command->name) < 0) {
        place = &(*place)->next;
    }
    command->next = *place;
    *place = command;
}

/* Whether one of the names in "a|b" is the first @length bytes of @text. */
static bool is_named(const HmpCommand *command, const char *text, size_t length)
{
    const char *name = command->name;

    while (*name) {
        size_t size = strcspn(name, "|");
        if (size == length && !strncmp(name, text, length)) {
            return true;
        }
        name += size;
        name += *name == '|';
    }
    return false;
}

static const char *skip_spaces(const char *text)
{
    while (g_ascii_isspace(*text)) {
        text++;
    }
    return text;
}

/* The command called by the first @words words (1 or 2) of @line; *@rest is what follows. */
static HmpCommand *find_words(const char *line, unsigned words, const char **rest)
{
    g_autoptr(GString) name = g_string_new(NULL);
    const char *p = line;

    for (unsigned i = 0; i < words; i++) {
        size_t length;
        p = skip_spaces(p);
        length = strcspn(p, " \t\r\n");
        if (!length || (i == 0 && *p == '/')) {
            return NULL;
        }
        g_string_append_printf(name, "%s%.*s", i ? " " : "", (int)length, p);
        p += length;
    }
    for (HmpCommand *command = commands; command; command = command->next) {
        if (is_named(command, name->str, name->len)) {
            *rest = p;
            return command;
        }
    }
    return NULL;
}

/* The command that @line calls; subcommands go before commands. */
static HmpCommand *find(const char *line, const char **rest)
{
    HmpCommand *command = find_words(line, 2, rest);

    return command ? command : find_words(line, 1, rest);
}

static void print_unknown(Monitor *monitor, const char *line, unsigned words)
{
    const char *p = skip_spaces(line);
    const char *end = p;

    for (unsigned i = 0; i < words; i++) {
        end = skip_spaces(end);
        end += strcspn(end, " \t\r\n");
    }
    hmp_printf(monitor, "unknown command: '%.*s'\n", (int)(end - p), p);
}

/* "info" alone lists its subcommands; "info zork" names both words as unknown. */
static bool has_subcommand_typed(const HmpCommand *command, const char *rest)
{
    g_autofree char *prefix = first_name(command);
    size_t length = strlen(prefix);

    if (!*skip_spaces(rest)) {
        return false;
    }
    for (HmpCommand *other = commands; other; other = other->next) {
        if (!strncmp(other->name, prefix, length) && other->name[length] == ' ') {
            return true;
        }
    }
    return false;
}

void hmp_run_line(Monitor *monitor, const char *line)
{
    const char *rest;
    HmpCommand *command;
    g_autofree char *name = NULL;
    g_autoptr(GError) error = NULL;
    json_t *arguments;

    line = skip_spaces(line);
    if (!*line || *line == '#') {
        return;
    }
    command = find(line, &rest);
    if (!command) {
        print_unknown(monitor, line, 1);
        return;
    }
    if (has_subcommand_typed(command, rest)) {
        print_unknown(monitor, line, 2);
        return;
    }
    name = first_name(command);
    arguments = hmp_parse_arguments(name, command->arguments, rest, &error);
    if (!arguments) {
        hmp_printf(monitor, "%s\nTry \"help %s\" for more information\n", error->message, name);
        return;
    }
    command->handler(monitor, arguments, &error);
    if (error) {
        hmp_printf(monitor, "Error: %s\n", error->message);
    }
    json_decref(arguments);
}

static void print_help_line(Monitor *monitor, const HmpCommand *command)
{
    hmp_printf(monitor, "%s %s -- %s\n", command->name,
               command->parameters ? command->parameters : "", command->help);
}

static void print_help_group(Monitor *monitor, const char *prefix)
{
    for (HmpCommand *command = commands; command; command = command->next) {
        const char *name = command->name;
        bool in_group = prefix ? g_str_has_prefix(name, prefix) : !strchr(name, ' ');
        if (in_group) {
            print_help_line(monitor, command);
        }
    }
}

static void run_help(Monitor *monitor, json_t *arguments, GError **error)
{
    const char *topic = json_string_value(json_object_get(arguments, "name"));
    const char *rest;
    HmpCommand *command;

    if (!topic) {
        print_help_group(monitor, NULL);
        return;
    }
    if (!strcmp(topic, "info")) {
        print_help_group(monitor, "info ");
        return;
    }
    command = find(topic, &rest);
    if (!command) {
        print_unknown(monitor, topic, 1);
        return;
    }
    if (has_subcommand_typed(command, rest)) {
        print_unknown(monitor, topic, 2);
        return;
    }
    print_help_line(monitor, command);
}

static void run_info(Monitor *monitor, json_t *arguments, GError **error)
{
    print_help_group(monitor, "info ");
}

static void complete_command(unsigned index, const char *prefix, GPtrArray *candidates)
{
    for (HmpCommand *command = commands; command; command = command->next) {
        g_auto(GStrv) names = g_strsplit(command->name, "|", -1);
        for (char **name = names; *name; name++) {
            if (!strchr(*name, ' ')) {
                hmp_complete_one(candidates, prefix, *name);
            }
        }
    }
}

static void complete_info(unsigned index, const char *prefix, GPtrArray *candidates)
{
    for (HmpCommand *command = commands; command; command = command->next) {
        if (index == 0 && g_str_has_prefix(command->name, "info ")) {
            hmp_complete_one(candidates, prefix, command->name + strlen("info "));
        }
    }
}

void hmp_complete_one(GPtrArray *candidates, const char *prefix, const char *text)
{
    if (g_str_has_prefix(text, prefix)) {
        g_ptr_array_add(candidates, g_strdup(text));
    }
}

/* How many words @text begins before its last one. */
static unsigned count_finished_words(const char *text)
{
    unsigned count = 0;

    for (;;) {
        text = skip_spaces(text);
        text += strcspn(text, " \t");
        if (!*text) {
            return count;
        }
        count++;
    }
}

GPtrArray *hmp_complete_line(const char *line)
{
    GPtrArray *candidates = g_ptr_array_new_with_free_func(g_free);
    const char *prefix = line + strlen(line);
    const char *rest;
    HmpCommand *command;

    while (prefix > line && prefix[-1] != ' ' && prefix[-1] != '\t') {
        prefix--;
    }
    if (!count_finished_words(line)) {
        complete_command(0, prefix, candidates);
        return candidates;
    }
    command = find(line, &rest);
    if (command && rest > prefix) { /* the last word is still part of the command's name */
        command = find_words(line, 1, &rest);
    }
    if (command && command->complete) {
        command->complete(count_finished_words(rest), prefix, candidates);
    }
    return candidates;
}

HMP_COMMAND(help, .name = "help|?", .arguments = "name:S?", .parameters = "[cmd]",
            .help = "show the help", .handler = run_help, .complete = complete_command);

HMP_COMMAND(info, .name = "info", .parameters = "[subcommand]",
            .help = "show various information about the system state", .handler = run_info,
            .complete = complete_info);
