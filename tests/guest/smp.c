/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Threads on all processors that rely on what processors promise each other. They work in rounds
 * of a few phases; each phase has an invariant that breaks when
 *
 *   locks    a LOCK-prefixed instruction is not atomic, or time stamps run backwards
 *   relay    a wake-up (futex, which means interprocessor interrupts) is lost
 *   code     a processor runs instructions that another one has overwritten
 *   mapping  a processor uses a translation that another one has taken away
 *   fences   a store is seen later than a fence allows
 */
#define _GNU_SOURCE
#include "smp.h"

#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum {
    THREADS_MAX = 64,
    LOCK_STEPS = 500,
    RELAY_LAPS = 8,
    CODE_VERSIONS = 20,
    MAPPING_VERSIONS = 16,
    MAPPING_PAGES = 4 * MAPPING_VERSIONS,
    FENCE_STEPS = 200,
    ROUNDS_BETWEEN_LINES = 20,
    PAUSE_NS = 2 * 1000 * 1000,
    PAGE = 4096,
    CODE_OFFSET = 3, /* makes the constant in the code aligned */
};

/* Two words that change together, for CMPXCHG16B. */
typedef struct Pair {
    uint64_t number, inverse;
} __attribute__((aligned(16))) Pair;

static struct {
    const SmpReport *report;
    unsigned threads;
    uint64_t rounds;
    pthread_t handles[THREADS_MAX];
    pthread_barrier_t barrier;

    /* locks */
    uint64_t counter;          /* by LOCK XADD */
    uint64_t bits;             /* by LOCK BTC: each thread's own bit */
    uint32_t ticket, serving;  /* a spin lock, which protects: */
    uint64_t plain, same_too;  /* .. these, always equal */
    Pair pair;                 /* by LOCK CMPXCHG16B */
    uint64_t newest_timestamp; /* by LOCK CMPXCHG */

    /* relay */
    pthread_mutex_t mutex;
    pthread_cond_t passed;
    uint64_t baton;

    /* code, mapping: what is published is in force */
    uint32_t code_version;
    uint8_t *code;
    uint32_t mapped_version;
    volatile uint32_t *mapping;
    int mapping_fd;

    /* fences */
    uint64_t flags[THREADS_MAX];
    uint64_t words[THREADS_MAX][2];
} smp;

static void pause_instruction(void)
{
    __asm__ volatile("pause");
}

static uint64_t read_timestamp(void)
{
    uint32_t low, high;

    __asm__ volatile("lfence; rdtsc" : "=a"(low), "=d"(high)::"memory");
    return (uint64_t)high << 32 | low;
}

/* Nothing that was fetched before is run after it. */
static void serialize(void)
{
    uint32_t eax = 0, ebx, ecx = 0, edx;

    __asm__ volatile("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx)::"memory");
}

static void expect(const char *what, uint64_t where, uint64_t expected, uint64_t found)
{
    if (expected != found) {
        smp.report->fail(what, where, expected, found);
    }
}

/* ---- locks ---- */

static void spin_lock(void)
{
    uint32_t mine = __atomic_fetch_add(&smp.ticket, 1, __ATOMIC_SEQ_CST);

    while (__atomic_load_n(&smp.serving, __ATOMIC_ACQUIRE) != mine) {
        pause_instruction();
    }
}

static void spin_unlock(void)
{
    __atomic_store_n(&smp.serving, smp.serving + 1, __ATOMIC_RELEASE);
}

/* The two halves are loaded one after the other: the exchange fails if they do not match. */
static void pair_increment(void)
{
    bool done = false;

    while (!done) {
        uint64_t number = *(volatile uint64_t *)&smp.pair.number;
        uint64_t inverse = *(volatile uint64_t *)&smp.pair.inverse;
        uint64_t next = number + 1, next_inverse = ~next;
        __asm__ volatile("lock cmpxchg16b %1"
                         : "=@ccz"(done), "+m"(smp.pair), "+a"(number), "+d"(inverse)
                         : "b"(next), "c"(next_inverse)
                         : "memory");
    }
}

/* A time stamp is never older than one that was taken before on another processor. */
static void timestamp_check(uint64_t where)
{
    uint64_t before = __atomic_load_n(&smp.newest_timestamp, __ATOMIC_SEQ_CST);
    uint64_t mine = read_timestamp();

    if (mine < before) {
        smp.report->fail("smp-timestamp", where, before, mine);
    }
    while (mine > before &&
           !__atomic_compare_exchange_n(&smp.newest_timestamp, &before, mine, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST)) {
    }
}

static void phase_locks(unsigned self, uint64_t round)
{
    for (unsigned i = 0; i < LOCK_STEPS; i++) {
        __atomic_fetch_add(&smp.counter, 1, __ATOMIC_SEQ_CST);
        __asm__ volatile("lock btcq %1, %0" : "+m"(smp.bits) : "r"((uint64_t)self) : "cc");
        spin_lock();
        smp.plain++;
        expect("smp-spinlock", round, smp.plain, smp.same_too + 1);
        smp.same_too++;
        spin_unlock();
        pair_increment();
        timestamp_check(round);
    }
}

static void check_locks(uint64_t round)
{
    uint64_t steps = (round + 1) * smp.threads * LOCK_STEPS;

    expect("smp-xadd", round, steps, smp.counter);
    expect("smp-btc", round, 0, smp.bits);
    expect("smp-spinlock-sum", round, steps, smp.plain);
    expect("smp-cmpxchg16b", round, steps, smp.pair.number);
    expect("smp-cmpxchg16b-pair", round, ~steps, smp.pair.inverse);
}

/* ---- relay ---- */

/* The baton goes round; it is this thread's when it is @self modulo the number of threads. */
static void phase_relay(unsigned self, uint64_t round)
{
    for (unsigned lap = 0; lap < RELAY_LAPS; lap++) {
        pthread_mutex_lock(&smp.mutex);
        while (smp.baton % smp.threads != self) {
            pthread_cond_wait(&smp.passed, &smp.mutex);
        }
        expect("smp-relay", round, (round * RELAY_LAPS + lap) * smp.threads + self, smp.baton);
        smp.baton++;
        pthread_cond_broadcast(&smp.passed);
        pthread_mutex_unlock(&smp.mutex);
    }
}

/* ---- code ---- */

static void code_publish(uint32_t version)
{
    __atomic_store_n((uint32_t *)(smp.code + CODE_OFFSET + 1), version, __ATOMIC_SEQ_CST);
    __atomic_store_n(&smp.code_version, version, __ATOMIC_SEQ_CST);
}

static void code_init(void)
{
    static const uint8_t function[] = { 0xb8, 0, 0, 0, 0, 0xc3 }; /* mov eax, VERSION; ret */

    smp.code =
        mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (smp.code == MAP_FAILED) {
        abort();
    }
    memcpy(smp.code + CODE_OFFSET, function, sizeof(function));
}

/* One thread writes versions, the others call what is there. */
static void phase_code(unsigned self, uint64_t round)
{
    uint32_t (*function)(void) = (uint32_t(*)(void))(uintptr_t)(smp.code + CODE_OFFSET);
    uint32_t last = (uint32_t)(round + 1) * CODE_VERSIONS;
    uint32_t published, found;

    if (round % smp.threads == self) {
        for (uint32_t version = last - CODE_VERSIONS + 1; version <= last; version++) {
            code_publish(version);
            sched_yield();
        }
        return;
    }
    do {
        published = __atomic_load_n(&smp.code_version, __ATOMIC_SEQ_CST);
        serialize();
        found = function();
        if (found < published) {
            smp.report->fail("smp-code", round, published, found);
        }
        pause_instruction();
    } while (published != last);
}

/* ---- mapping ---- */

/* Page n of the file contains n. */
static void mapping_publish(uint32_t version)
{
    off_t offset = (off_t)(version % MAPPING_PAGES) * PAGE;

    if (mmap((void *)smp.mapping, PAGE, PROT_READ, MAP_SHARED | MAP_FIXED, smp.mapping_fd,
             offset) == MAP_FAILED) {
        abort();
    }
    __atomic_store_n(&smp.mapped_version, version, __ATOMIC_SEQ_CST);
}

static void mapping_init(void)
{
    smp.mapping_fd = memfd_create("smp", 0);
    for (uint32_t page = 0; page < MAPPING_PAGES; page++) {
        if (pwrite(smp.mapping_fd, &page, sizeof(page), (off_t)page * PAGE) != sizeof(page) ||
            ftruncate(smp.mapping_fd, (off_t)(page + 1) * PAGE) != 0) {
            abort();
        }
    }
    smp.mapping = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, smp.mapping_fd, 0);
    if (smp.mapping == MAP_FAILED) {
        abort();
    }
}

static void phase_mapping(unsigned self, uint64_t round)
{
    uint32_t last = (uint32_t)(round + 1) * MAPPING_VERSIONS;
    uint32_t published;

    if ((round + 1) % smp.threads == self) {
        for (uint32_t version = last - MAPPING_VERSIONS + 1; version <= last; version++) {
            mapping_publish(version);
        }
        return;
    }
    do {
        published = __atomic_load_n(&smp.mapped_version, __ATOMIC_SEQ_CST);
        /* It may have gone on since, to the end of this round. */
        uint32_t ahead = (*smp.mapping - published) % MAPPING_PAGES;
        if (ahead > MAPPING_VERSIONS) {
            smp.report->fail("smp-mapping", round, published, *smp.mapping);
        }
        pause_instruction();
    } while (published != last);
}

/* ---- fences ---- */

/*
 * Neighbours raise their flags, then look at the other's: one of them must see it. Each tells
 * what it has seen, twice the step plus whether it was there, and waits for the other's word; so
 * neither is more than a step ahead, and two places for the word are enough.
 */
static void phase_fences(unsigned self, uint64_t round)
{
    unsigned other = self ^ 1;

    if (other >= smp.threads) {
        return;
    }
    for (uint64_t step = round * FENCE_STEPS + 1; step <= (round + 1) * FENCE_STEPS; step++) {
        const uint64_t *word = &smp.words[other][step % 2];
        *(volatile uint64_t *)&smp.flags[self] = step;
        __asm__ volatile("mfence" ::: "memory");
        bool seen = *(volatile uint64_t *)&smp.flags[other] == step;
        __atomic_store_n(&smp.words[self][step % 2], 2 * step + seen, __ATOMIC_SEQ_CST);
        while (__atomic_load_n(word, __ATOMIC_SEQ_CST) < 2 * step) {
            pause_instruction();
        }
        if (!seen && __atomic_load_n(word, __ATOMIC_SEQ_CST) == 2 * step) {
            smp.report->fail("smp-fence", round, step, 0);
        }
    }
}

/* ---- threads ---- */

static void tie_to_processor(unsigned self)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET(self % (unsigned)online, &set);
    sched_setaffinity(0, sizeof(set), &set);
}

static void print_round(uint64_t round)
{
    char line[64];

    snprintf(line, sizeof(line), "smp ROUND %llu\n", (unsigned long long)round);
    smp.report->print(line);
}

static void *worker(void *opaque)
{
    unsigned self = (unsigned)(uintptr_t)opaque;
    struct timespec pause = { .tv_nsec = PAUSE_NS };

    tie_to_processor(self);
    for (uint64_t round = 0; smp.rounds == 0 || round < smp.rounds; round++) {
        phase_locks(self, round);
        phase_relay(self, round);
        pthread_barrier_wait(&smp.barrier);
        if (self == 0) {
            check_locks(round);
        }
        phase_code(self, round);
        phase_mapping(self, round);
        phase_fences(self, round);
        pthread_barrier_wait(&smp.barrier);
        if (self == 0 && round % ROUNDS_BETWEEN_LINES == 0) {
            print_round(round);
        }
        nanosleep(&pause, NULL);
    }
    return NULL;
}

void smp_start(uint64_t threads, uint64_t rounds, const SmpReport *report)
{
    char line[64];

    smp.report = report;
    smp.threads = threads < THREADS_MAX ? (unsigned)threads : THREADS_MAX;
    smp.rounds = rounds;
    smp.pair.inverse = ~UINT64_C(0);
    pthread_barrier_init(&smp.barrier, NULL, smp.threads);
    pthread_mutex_init(&smp.mutex, NULL);
    pthread_cond_init(&smp.passed, NULL);
    code_init();
    mapping_init();
    snprintf(line, sizeof(line), "smp CPUS %ld\n", sysconf(_SC_NPROCESSORS_ONLN));
    report->print(line);
    for (unsigned i = 0; i < smp.threads; i++) {
        if (pthread_create(&smp.handles[i], NULL, worker, (void *)(uintptr_t)i) != 0) {
            report->fail("smp-thread", i, 0, 1);
        }
    }
}

void smp_wait(void)
{
    for (unsigned i = 0; i < smp.threads; i++) {
        pthread_join(smp.handles[i], NULL);
    }
}
