/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Driving devices over the qtest protocol (docs/devel/qtest.md).
 *
 * A test starts $QTEST_QEMU_BINARY with the accelerator `qtest`: no guest code runs and time
 * moves only when the test says so. Whatever goes wrong with the connection (an answer other
 * than OK, none in time, a program that died) ends the test program with a message, so that
 * callers need no checks.
 */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct QTestState QTestState;

/* Start the program; @arguments are split like a shell does, NULL: none. */
QTestState *qtest_start(const char *arguments);
/* End it (SIGTERM) and check that it ended well. */
void qtest_quit(QTestState *qtest);

/* Send @line and return the answer, whatever it is. Free with g_free(). */
char *qtest_raw(QTestState *qtest, const char *line);

/* ---- ports and memory ---- */

void qtest_outb(QTestState *qtest, uint16_t port, uint8_t value);
void qtest_outw(QTestState *qtest, uint16_t port, uint16_t value);
void qtest_outl(QTestState *qtest, uint16_t port, uint32_t value);
uint8_t qtest_inb(QTestState *qtest, uint16_t port);
uint16_t qtest_inw(QTestState *qtest, uint16_t port);
uint32_t qtest_inl(QTestState *qtest, uint16_t port);
void qtest_writeb(QTestState *qtest, uint64_t address, uint8_t value);
void qtest_writew(QTestState *qtest, uint64_t address, uint16_t value);
void qtest_writel(QTestState *qtest, uint64_t address, uint32_t value);
void qtest_writeq(QTestState *qtest, uint64_t address, uint64_t value);
uint8_t qtest_readb(QTestState *qtest, uint64_t address);
uint16_t qtest_readw(QTestState *qtest, uint64_t address);
uint32_t qtest_readl(QTestState *qtest, uint64_t address);
uint64_t qtest_readq(QTestState *qtest, uint64_t address);
void qtest_memwrite(QTestState *qtest, uint64_t address, const void *data, size_t size);
void qtest_memread(QTestState *qtest, uint64_t address, void *data, size_t size);

/* ---- time: nanoseconds of the virtual clock; all return what it shows afterwards ---- */

int64_t qtest_clock_step(QTestState *qtest, int64_t step_ns);
/* To the next timer. */
int64_t qtest_clock_step_next(QTestState *qtest);
int64_t qtest_clock_set(QTestState *qtest, int64_t time_ns);

/* ---- interrupt lines ---- */

/* Watch the unnamed inputs (outputs) of the device at @path. */
void qtest_irq_intercept_in(QTestState *qtest, const char *path);
void qtest_irq_intercept_out(QTestState *qtest, const char *path);
/* Level of the watched line @number, and how often it rose so far. */
bool qtest_get_irq(QTestState *qtest, unsigned number);
unsigned qtest_irq_raised_count(QTestState *qtest, unsigned number);
/* Drive input @number of the group @name (NULL: the unnamed one). */
void qtest_set_irq_in(QTestState *qtest, const char *path, const char *name, unsigned number,
                      bool level);

/*
 * What comes of migrating @source through a file: @destination, which was started with `-incoming
 * defer`, runs, and @source has ended.
 */
void qtest_migrate(QTestState *source, QTestState *destination);

/* ---- QMP ---- */

/* Execute @command with @arguments (taken over, NULL: none); returns the value of "return",
 * which the caller owns. */
json_t *qtest_qmp(QTestState *qtest, const char *command, json_t *arguments);
/* Wait for the event @name and return its object, which the caller owns. Events that came
 * earlier and were not asked for are kept. */
json_t *qtest_qmp_event(QTestState *qtest, const char *name);
