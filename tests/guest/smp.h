/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Threads that would notice if the processors did not agree with each other; see smp.c. */
#pragma once

#include <stdint.h>

typedef struct SmpReport {
    void (*print)(const char *line);
    void (*fail)(const char *what, uint64_t where, uint64_t expected, uint64_t found);
} SmpReport;

/*
 * Start @threads threads, tied to the processors in turn, that go on for ever, or for @rounds
 * rounds if that is not 0. Prints "smp CPUS n" with the number of processors that are online, and
 * "smp ROUND n" now and then. @report must be usable by any thread and stay.
 */
void smp_start(uint64_t threads, uint64_t rounds, const SmpReport *report);
/* Wait until the rounds are over. */
void smp_wait(void);
