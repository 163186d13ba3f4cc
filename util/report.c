/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Messages on standard error and the -d/-D log. */
#include "util/report.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

unsigned log_topics;

static struct {
    bool timestamps;
    char *guest_name;
    FILE *log_file; /* NULL: standard error */
} report;

static const struct {
    const char *name;
    LogTopic topic;
    const char *help;
} topic_table[] = {
    { "cpu", LOG_CPU, "show CPU registers before entering a TB" },
    { "cpu_reset", LOG_CPU_RESET, "show CPU state before CPU resets" },
    { "exec", LOG_EXEC, "show trace before each executed TB" },
    { "guest_errors", LOG_GUEST_ERRORS, "log when the guest OS does something invalid" },
    { "in_asm", LOG_IN_ASM, "show guest code as it is translated" },
    { "int", LOG_INTERRUPTS, "show interrupts/exceptions in short format" },
    { "mmu", LOG_MMU, "log MMU-related activities" },
    { "unimp", LOG_UNIMPLEMENTED, "log unimplemented functionality" },
};

G_DEFINE_QUARK(qemu - colo - error, qc_error)

void qc_error_set(GError **error, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error_literal(error, QC_ERROR, 0, text);
}

void qc_error_set_errno(GError **error, int errnum, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    g_autofree char *text = g_strdup_vprintf(format, arguments);
    va_end(arguments);
    g_set_error(error, QC_ERROR, errnum, "%s: %s", text, g_strerror(errnum));
}

void report_set_timestamps(bool on)
{
    report.timestamps = on;
}

void report_set_guest_name(const char *name)
{
    g_free(report.guest_name);
    report.guest_name = g_strdup(name);
}

static void G_GNUC_PRINTF(2, 0) print_line(const char *severity, const char *format, va_list args)
{
    g_autofree char *text = g_strdup_vprintf(format, args);
    g_autofree char *stamp = NULL;

    if (report.timestamps) {
        g_autoptr(GDateTime) now = g_date_time_new_now_utc();
        stamp = g_date_time_format(now, "%Y-%m-%dT%H:%M:%S.%fZ ");
    }
    fprintf(stderr, "%s%s%s%s: %s%s\n", stamp ? stamp : "",
            report.guest_name ? report.guest_name : "", report.guest_name ? " " : "",
            g_get_prgname() ? g_get_prgname() : "qemu-system-x86_64", severity, text);
}

void report_error(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_line("", format, arguments);
    va_end(arguments);
}

void report_warning(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_line("warning: ", format, arguments);
    va_end(arguments);
}

void report_info(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    print_line("info: ", format, arguments);
    va_end(arguments);
}

void report_fatal(GError *error, const char *context)
{
    if (context) {
        report_error("%s: %s", context, error->message);
    } else {
        report_error("%s", error->message);
    }
    g_error_free(error);
    exit(EXIT_FAILURE);
}

void log_vprint(const char *format, va_list arguments)
{
    FILE *out = report.log_file ? report.log_file : stderr;

    vfprintf(out, format, arguments);
}

void log_write(LogTopic topic, const char *format, ...)
{
    if (!log_enabled(topic)) {
        return;
    }
    va_list arguments;

    va_start(arguments, format);
    log_vprint(format, arguments);
    va_end(arguments);
}

bool log_parse_topics(const char *list, unsigned *topics, GError **error)
{
    g_auto(GStrv) names = g_strsplit(list, ",", -1);

    *topics = 0;
    for (char **name = names; *name; name++) {
        bool found = false;
        for (size_t i = 0; i < G_N_ELEMENTS(topic_table); i++) {
            if (!strcmp(*name, topic_table[i].name)) {
                *topics |= topic_table[i].topic;
                found = true;
            }
        }
        if (!found) {
            qc_error_set(error, "-d %s: unknown log item '%s' (see -d help)", list, *name);
            return false;
        }
    }
    return true;
}

void log_print_topics(void)
{
    printf("Log items (comma separated):\n");
    for (size_t i = 0; i < G_N_ELEMENTS(topic_table); i++) {
        printf("%-15s %s\n", topic_table[i].name, topic_table[i].help);
    }
}

bool log_set_file(const char *path, GError **error)
{
    FILE *file = fopen(path, "we");

    if (!file) {
        qc_error_set_errno(error, errno, "cannot open log file '%s'", path);
        return false;
    }
    setvbuf(file, NULL, _IOLBF, 0);
    if (report.log_file) {
        fclose(report.log_file);
    }
    report.log_file = file;
    return true;
}
