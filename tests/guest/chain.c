/*
 * The test guest's workload: a chain of SHA-256 digests over memory that is rewritten all the time.
 *
 * Whoever reads the serial line can recompute every digest from the seed alone, so a guest that was
 * moved to another process proves with each line that nothing it relies on was lost: its memory
 * (the digests cover pages written many steps ago), its registers and its floating point state. The
 * definition, which tests/functional/colotest/chain.py follows independently:
 *
 *   mix(a, b, c)  a 64-bit hash, see mix() below
 *   pattern[512]  the words mix(0, 0, 0) .. mix(0, 0, 511); a page with key K holds pattern[i] ^ K
 *   at the start  page p of the buffer has the key mix(seed, 0, p); digest 0 is 32 zero bytes
 *   step n >= 1   x = 64 rounds of x = 3.75 * x * (1 - x) in double precision, from 0.25 at step 1
 *                 digest n = SHA-256(digest n-1, be64 n, be64 bits of x, page, page, ..)
 *                 over the old content of the pages mix(seed, n, 2 * slot) % page count, and each
 * page gets the key mix(seed, n, 2 * slot + 1) before the next one is read
 *
 * Lines: "chain START seed=.. pages=.. mb=..", "chain N DIGEST SUM" where SUM is the Adler-32 of
 * "N DIGEST" (a console that is cut in two by a failover can splice lines; the sum tells a spliced
 * line from a wrong digest) and "chain FAIL ..." when a check inside the guest fails.
 *
 * Usage: chain SPEC, where SPEC is one of
 *   chain[:seed=N,pages=N,interval=MS,mb=N,steps=N]  the above; N pages a step, MS between steps
 *   dirty[:mb=N,rate=MBPS]    keep storing to each page of N MiB, at most MBPS MiB a second
 *   mips[:seconds=N]          count the instructions a second of a loop of known length
 *   smp[:threads=N,rounds=N,..]  threads on all processors that check what processors promise
 *                             each other (smp.c), beside the chain; with rounds=N without it
 *
 * SPDX-License-Identifier: GPL-2.0-or-later
 * Copyright The qemu-colo authors
 */
#include <errno.h>
#include <inttypes.h>
#include <nettle/sha2.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "smp.h"

enum {
    PAGE_SIZE = 4096,
    WORDS_PER_PAGE = PAGE_SIZE / sizeof(uint64_t),
    PAGES_PER_MB = (1024 * 1024) / PAGE_SIZE,
    CHECKED_PAGES_PER_STEP = 256,
    LOGISTIC_ROUNDS = 64,
    MIPS_LOOPS = 1000 * 1000,
    MIPS_INSTRUCTIONS_PER_LOOP = 4,
};

typedef struct {
    uint64_t words[WORDS_PER_PAGE];
} Page;

typedef struct {
    uint64_t seed;
    uint64_t pages;
    uint64_t interval_ms;
    uint64_t mb;
    uint64_t steps;
    uint64_t rate;
    uint64_t seconds;
    uint64_t threads;
    uint64_t rounds;
} Settings;

typedef struct {
    Settings settings;
    Page *buffer;
    uint64_t *keys;
    uint64_t page_count;
    uint64_t next_checked_page;
    uint64_t counter;
    uint8_t digest[SHA256_DIGEST_SIZE];
    double logistic;
    long double x87_reference;
} Chain;

static uint64_t pattern[WORDS_PER_PAGE];

static uint64_t mix_round(uint64_t value)
{
    value += 0x9e3779b97f4a7c15;
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
}

static uint64_t mix(uint64_t a, uint64_t b, uint64_t c)
{
    return mix_round(mix_round(mix_round(a) ^ b) ^ c);
}

/* One write() per line, so that lines of two programs do not interleave. */
static void print_line(const char *line)
{
    size_t left = strlen(line);

    while (left > 0) {
        ssize_t written = write(STDOUT_FILENO, line, left);
        if (written < 0 && errno != EINTR) {
            exit(1);
        }
        if (written > 0) {
            line += written;
            left -= written;
        }
    }
}

static void fail(const char *what, uint64_t where, uint64_t expected, uint64_t found)
{
    char line[160];

    snprintf(line, sizeof(line),
             "chain FAIL %s %" PRIu64 " expected %016" PRIx64 " found %016" PRIx64 "\n", what,
             where, expected, found);
    print_line(line);
}

static void put_be64(uint8_t *bytes, uint64_t value)
{
    for (int i = 0; i < 8; i++) {
        bytes[i] = value >> (56 - 8 * i);
    }
}

static uint32_t adler32(const char *text)
{
    uint32_t a = 1;
    uint32_t b = 0;

    for (; *text; text++) {
        a = (a + (uint8_t)*text) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

static uint64_t now_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * UINT64_C(1000000000) + now.tv_nsec;
}

static void sleep_ms(uint64_t ms)
{
    struct timespec time = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000 };

    nanosleep(&time, NULL);
}

static void *allocate(size_t size)
{
    void *memory =
        mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

    if (memory == MAP_FAILED) {
        fail("allocating", size, 0, errno);
        exit(1);
    }
    return memory;
}

static void page_write(Chain *chain, uint64_t page, uint64_t key)
{
    uint64_t *words = chain->buffer[page].words;

    for (int i = 0; i < WORDS_PER_PAGE; i++) {
        words[i] = pattern[i] ^ key;
    }
    chain->keys[page] = key;
}

static void page_check(const Chain *chain, uint64_t page)
{
    const uint64_t *words = chain->buffer[page].words;
    uint64_t key = chain->keys[page];
    uint64_t difference = 0;

    for (int i = 0; i < WORDS_PER_PAGE; i++) {
        difference |= words[i] ^ pattern[i] ^ key;
    }
    if (difference) {
        fail("page", page, key, key ^ difference);
    }
}

/* The x87 unit: Python has no 80-bit numbers, so this result is compared with its first value. */
static long double x87_logistic(void)
{
    volatile long double start = 0.25L;
    long double x = start;

    for (int i = 0; i < LOGISTIC_ROUNDS; i++) {
        x = 3.75L * x * (1 - x);
    }
    return x;
}

static void chain_check(Chain *chain)
{
    for (int i = 0; i < CHECKED_PAGES_PER_STEP; i++) {
        page_check(chain, chain->next_checked_page);
        chain->next_checked_page = (chain->next_checked_page + 1) % chain->page_count;
    }
    if (x87_logistic() != chain->x87_reference) {
        fail("x87", chain->counter, (uint64_t)(chain->x87_reference * 1e18L),
             (uint64_t)(x87_logistic() * 1e18L));
    }
}

static void chain_step(Chain *chain)
{
    uint64_t seed = chain->settings.seed;
    struct sha256_ctx context;
    uint8_t number[8];
    uint64_t bits;

    chain->counter++;
    for (int i = 0; i < LOGISTIC_ROUNDS; i++) {
        chain->logistic = 3.75 * chain->logistic * (1 - chain->logistic);
    }
    sha256_init(&context);
    sha256_update(&context, sizeof(chain->digest), chain->digest);
    put_be64(number, chain->counter);
    sha256_update(&context, sizeof(number), number);
    memcpy(&bits, &chain->logistic, sizeof(bits));
    put_be64(number, bits);
    sha256_update(&context, sizeof(number), number);
    for (uint64_t slot = 0; slot < chain->settings.pages; slot++) {
        uint64_t page = mix(seed, chain->counter, 2 * slot) % chain->page_count;
        sha256_update(&context, PAGE_SIZE, (const uint8_t *)chain->buffer[page].words);
        page_write(chain, page, mix(seed, chain->counter, 2 * slot + 1));
    }
    sha256_digest(&context, sizeof(chain->digest), chain->digest);
}

static void chain_print(const Chain *chain)
{
    char text[96];
    char line[128];
    int length = snprintf(text, sizeof(text), "%" PRIu64 " ", chain->counter);

    for (int i = 0; i < SHA256_DIGEST_SIZE; i++) {
        length += snprintf(text + length, sizeof(text) - length, "%02x", chain->digest[i]);
    }
    snprintf(line, sizeof(line), "chain %s %08x\n", text, adler32(text));
    print_line(line);
}

static void chain_init(Chain *chain)
{
    char line[128];

    chain->page_count = chain->settings.mb * PAGES_PER_MB;
    chain->buffer = allocate(chain->page_count * PAGE_SIZE);
    chain->keys = allocate(chain->page_count * sizeof(uint64_t));
    chain->logistic = 0.25;
    chain->x87_reference = x87_logistic();
    for (uint64_t page = 0; page < chain->page_count; page++) {
        page_write(chain, page, mix(chain->settings.seed, 0, page));
    }
    snprintf(line, sizeof(line), "chain START seed=%" PRIu64 " pages=%" PRIu64 " mb=%" PRIu64 "\n",
             chain->settings.seed, chain->settings.pages, chain->settings.mb);
    print_line(line);
}

static void chain_run(const Settings *settings)
{
    Chain chain = { .settings = *settings };

    chain_init(&chain);
    while (settings->steps == 0 || chain.counter < settings->steps) {
        chain_step(&chain);
        chain_print(&chain);
        chain_check(&chain);
        sleep_ms(settings->interval_ms);
    }
}

/*
 * Stores one word to every page, round and round. The pages have content that does not compress to
 * the zero-page case. A word on the console every second shows that the guest is alive.
 */
static void dirty_run(const Settings *settings)
{
    uint64_t page_count = settings->mb * PAGES_PER_MB;
    Page *buffer = allocate(page_count * PAGE_SIZE);
    uint64_t start = now_ns();
    uint64_t reported = start;
    uint64_t stores = 0;

    for (uint64_t page = 0; page < page_count; page++) {
        memcpy(buffer[page].words, pattern, PAGE_SIZE);
    }
    print_line("dirty START\n");
    for (uint64_t round = 1;; round++) {
        for (uint64_t page = 0; page < page_count; page++) {
            buffer[page].words[round % WORDS_PER_PAGE] = round;
            stores++;
            if (settings->rate && stores % PAGES_PER_MB == 0) {
                uint64_t due = start + stores / PAGES_PER_MB * 1000000000 / settings->rate;
                uint64_t now = now_ns();
                sleep_ms(due > now ? (due - now) / 1000000 : 0);
            }
        }
        if (now_ns() - reported >= 1000000000) {
            char line[64];
            reported = now_ns();
            snprintf(line, sizeof(line), "dirty ROUND %" PRIu64 "\n", round);
            print_line(line);
        }
    }
}

static void mips_run(const Settings *settings)
{
    for (uint64_t second = 0; second < settings->seconds; second++) {
        uint64_t start = now_ns();
        uint64_t loops = 0;
        char line[64];

        while (now_ns() - start < 1000000000) {
            uint64_t count = MIPS_LOOPS;
            uint64_t value = count;
            __asm__ volatile("1: lea 3(%1), %1\n\txor %0, %1\n\tdec %0\n\tjnz 1b"
                             : "+r"(count), "+r"(value)
                             :
                             : "cc");
            loops++;
        }
        uint64_t instructions = loops * MIPS_LOOPS * MIPS_INSTRUCTIONS_PER_LOOP;
        snprintf(line, sizeof(line), "mips %" PRIu64 "\n",
                 instructions * 1000 / (now_ns() - start));
        print_line(line);
    }
    print_line("mips END\n");
}

static void smp_run(const Settings *settings)
{
    static const SmpReport report = { print_line, fail };

    smp_start(settings->threads, settings->rounds, &report);
    if (settings->rounds) {
        smp_wait();
        print_line("smp END\n");
    } else {
        chain_run(settings);
    }
}

static bool settings_parse(Settings *settings, char *text)
{
    const struct {
        const char *name;
        uint64_t *value;
    } names[] = {
        { "seed", &settings->seed },       { "pages", &settings->pages },
        { "mb", &settings->mb },           { "interval", &settings->interval_ms },
        { "steps", &settings->steps },     { "rate", &settings->rate },
        { "seconds", &settings->seconds }, { "threads", &settings->threads },
        { "rounds", &settings->rounds },
    };

    for (char *item = strtok(text, ","); item; item = strtok(NULL, ",")) {
        bool known = false;
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
            size_t length = strlen(names[i].name);
            if (strncmp(item, names[i].name, length) == 0 && item[length] == '=') {
                char *end;
                *names[i].value = strtoull(item + length + 1, &end, 10);
                known = *end == '\0' && end != item + length + 1;
            }
        }
        if (!known) {
            fprintf(stderr, "chain: bad setting '%s', expected NAME=NUMBER\n", item);
            return false;
        }
    }
    if (settings->mb == 0 || settings->mb > 65536) {
        fprintf(stderr, "chain: mb=%" PRIu64 " is out of range, expected 1 to 65536\n",
                settings->mb);
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    const struct {
        const char *name;
        void (*run)(const Settings *settings);
    } modes[] = {
        { "chain", chain_run }, { "dirty", dirty_run }, { "mips", mips_run }, { "smp", smp_run }
    };
    Settings settings = {
        .seed = 1, .pages = 32, .interval_ms = 20, .mb = 32, .seconds = 5, .threads = 4
    };
    char *mode = argc == 2 ? strtok(argv[1], ":") : NULL;
    char *rest = mode ? strtok(NULL, "") : NULL;

    for (int i = 0; i < WORDS_PER_PAGE; i++) {
        pattern[i] = mix(0, 0, i);
    }
    if (rest && !settings_parse(&settings, rest)) {
        return 1;
    }
    for (size_t i = 0; mode && i < sizeof(modes) / sizeof(modes[0]); i++) {
        if (strcmp(mode, modes[i].name) == 0) {
            modes[i].run(&settings);
            return 0;
        }
    }
    fprintf(stderr, "usage: chain chain|dirty|mips|smp[:NAME=NUMBER,..]\n");
    return 1;
}
