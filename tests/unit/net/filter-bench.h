/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* A card "nic" and a back end "hn0" with filters between them, for tests. */
#pragma once

#include "fake-client.h"
#include "net/filter.h"

typedef struct FilterBench {
    FakeClient *nic, *backend;
} FilterBench;

void filter_bench_init(FilterBench *bench);
/* Deletes the filters that are left, too. */
void filter_bench_clear(FilterBench *bench);

/* `-object OPTIONS,netdev=hn0`, unless @options name a netdev. */
NetFilter *filter_bench_add(const char *options);
/* What the attempt is refused with. Free with g_free(). */
char *filter_bench_error(const char *options);
void filter_bench_delete(const char *id);
void filter_bench_set_status(const char *id, bool on);

/* What @client got since the last call, as texts with a space between. */
void filter_bench_assert_got(FakeClient *client, const char *expected);

/* A chardev called @id, connected to the descriptor that is returned. */
int filter_bench_chardev(const char *id);
/* Read @size bytes from @fd while the main loop runs; fails after some seconds. */
GByteArray *filter_bench_read(int fd, size_t size);
