/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Instruction tests against the host processor: the same bytes run natively and through our own
 * code from the same random state, and the states afterwards must agree.
 *
 * Code and data are at the same addresses in both worlds.
 */
#pragma once

#include <Zydis/Zydis.h>
#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

#include "target/i386/fpu-image.h"

#define HARNESS_CODE       0x10000000u
#define HARNESS_CODE_BYTES 0x2000u
#define HARNESS_DATA       0x20000000u
#define HARNESS_DATA_BYTES 0x4000u

/* Where generated instructions point their base registers: room on either side. */
#define HARNESS_OPERAND (HARNESS_DATA + 0x1000u)
#define HARNESS_STACK   (HARNESS_DATA + 0x3000u)

#define FLAG_CF        0x001u
#define FLAG_PF        0x004u
#define FLAG_AF        0x010u
#define FLAG_ZF        0x040u
#define FLAG_SF        0x080u
#define FLAG_DF        0x400u
#define FLAG_OF        0x800u
#define FLAGS_STATUS   (FLAG_CF | FLAG_PF | FLAG_AF | FLAG_ZF | FLAG_SF | FLAG_OF)
#define FLAGS_COMPARED (FLAGS_STATUS | FLAG_DF)

#define NO_TRAP (-1)

/* What a user program can see of the processor. The assembly in native.c knows the layout. */
typedef struct CPUSnapshot {
    uint64_t registers[16]; /* in the order of enum X86Register */
    uint64_t rflags;
    uint64_t rip; /* after a trap only: where it happened */
    int64_t trap; /* exception vector, or NO_TRAP */
    uint64_t reserved;
    FXSaveImage fx;
} CPUSnapshot;

/* A piece of code and the state it starts from. */
typedef struct TestCase {
    uint8_t code[1024];
    unsigned code_bytes;
    CPUSnapshot start;
    uint8_t data[HARNESS_DATA_BYTES];
    /* What the architecture leaves undefined. */
    uint32_t ignored_flags;
    bool ignore_data; /* memory is compared by the test itself */
    bool code_32;     /* 32-bit code, in compatibility mode; see test_case_init_32() */
} TestCase;

/* What came out. */
typedef struct TestResult {
    CPUSnapshot end;
    uint8_t data[HARNESS_DATA_BYTES];
} TestResult;

typedef void TestExecutor(const TestCase *test, TestResult *result);

/* Run on the host processor; faults in the code come back as traps. */
void native_execute(const TestCase *test, TestResult *result);

/* Does the host's kernel let a 64-bit program switch to 32-bit code? */
bool native_runs_32(void);

/* Run vector and x87 instructions, one a test, through target/i386's tables directly. */
void direct_execute(const TestCase *test, TestResult *result);

/* Run any user-mode code on a vCPU of the software engine, in 64-bit mode at CPL 3. */
void engine_execute(const TestCase *test, TestResult *result);

/* The same with a debug trap after each instruction, the vCPU's state taken out and put back. */
void engine_execute_stepped(const TestCase *test, TestResult *result);

/* The same, the vCPU leaving the engine and migrating at moments that a timer chooses. */
void engine_execute_migrating(const TestCase *test, TestResult *result);
/* How often it did so far. */
unsigned engine_migrations(void);

/* Set up; @argc, @argv as for g_test_init(). Prints the seed (HARNESS_SEED overrides it). */
void harness_init(int *argc, char ***argv);

/* Random numbers. */
uint32_t random_below(uint32_t limit);
bool one_in(uint32_t n);
uint64_t random_64(void);
uint64_t random_integer(void); /* with many corner values of all sizes */
uint32_t random_f32(void);
uint64_t random_f64(void);
void random_f80(uint8_t value[10]);
void random_vector(X86Vector *vector);

/* A start state with everything random that may be; masked exceptions; stack in place. */
void test_case_init(TestCase *test);

/* The same for 32-bit code: registers of 32 bits, of which only eight are compared. */
void test_case_init_32(TestCase *test);

void test_case_append(TestCase *test, const void *bytes, unsigned count);

/* Append one instruction; false: there is no such encoding. */
bool test_case_encode(TestCase *test, const ZydisEncoderRequest *request);

/*
 * Run natively and with @executor and compare. On a difference: a message with the code and each
 * value that differs, and the test is marked failed. Returns whether they agreed.
 */
bool test_case_compare(const TestCase *test, TestExecutor *executor);

/* Begin counting comparisons; then say how many there were and how many ended in an exception. */
void comparisons_begin(void);
void comparisons_report(void);
