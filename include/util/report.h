/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Messages for the person at the terminal, and the -d/-D log. Any thread. */
#pragma once

#include <glib.h>
#include <stdbool.h>

/* "PROGRAM: text" on standard error, one line; with -msg timestamp=on a time in front. */
void report_error(const char *format, ...) G_GNUC_PRINTF(1, 2);
void report_warning(const char *format, ...) G_GNUC_PRINTF(1, 2);
void report_info(const char *format, ...) G_GNUC_PRINTF(1, 2);
/* Report @error (taken over) with @context in front when that is not NULL, and exit with 1. */
void report_fatal(GError *error, const char *context) G_GNUC_NORETURN;
void report_set_timestamps(bool on);
void report_set_guest_name(const char *name);

/* General failures of this project's own code: domain for g_set_error(). */
#define QC_ERROR (qc_error_quark())
GQuark qc_error_quark(void);
/* g_set_error(error, QC_ERROR, 0, ...) */
void qc_error_set(GError **error, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* The same with ": strerror(errnum)" behind. */
void qc_error_set_errno(GError **error, int errnum, const char *format, ...) G_GNUC_PRINTF(3, 4);

/* Topics of `-d`. */
typedef enum LogTopic {
    LOG_GUEST_ERRORS = 1 << 0,  /* guest_errors: the guest did something undefined */
    LOG_UNIMPLEMENTED = 1 << 1, /* unimp */
    LOG_INTERRUPTS = 1 << 2,    /* int: exceptions and interrupts */
    LOG_CPU_RESET = 1 << 3,     /* cpu_reset */
    LOG_IN_ASM = 1 << 4,        /* in_asm: guest code as it is translated */
    LOG_EXEC = 1 << 5,          /* exec: each block as it is entered */
    LOG_CPU = 1 << 6,           /* cpu: registers before each block */
    LOG_MMU = 1 << 7,           /* mmu */
} LogTopic;

extern unsigned log_topics;

static inline bool log_enabled(LogTopic topic)
{
    return __builtin_expect(__atomic_load_n(&log_topics, __ATOMIC_RELAXED) & topic, 0);
}

/* Write to the log when @topic is on. */
void log_write(LogTopic topic, const char *format, ...) G_GNUC_PRINTF(2, 3);
/* "a,b,c" to topics; the error names the unknown one. "help" is the caller's business. */
bool log_parse_topics(const char *list, unsigned *topics, GError **error);
void log_print_topics(void);
bool log_set_file(const char *path, GError **error);
void log_vprint(const char *format, va_list arguments);
