/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * The secondary's RAM cache: guest memory as it was at the last complete checkpoint, plus the
 * pages of the checkpoint that is being received. Guest memory itself is only touched when a
 * checkpoint has arrived whole.
 *
 * Which pages differ is recorded in the migration dirty bitmaps (migration/ram.h): received
 * pages are marked by the load destination, pages that the SVM has dirtied by the dirty log.
 */
#pragma once

#include <glib.h>
#include <stdbool.h>
#include <stdint.h>

typedef struct RAMCache RAMCache;

/* An empty cache of the size of guest memory. Errors: memory not to be had, naming the block. */
RAMCache *ram_cache_new(GError **error);
/* Copy guest memory (all pages that are not zero) into the empty cache. VM stopped. */
void ram_cache_fill(RAMCache *cache);
void ram_cache_free(RAMCache *cache);
G_DEFINE_AUTOPTR_CLEANUP_FUNC(RAMCache, ram_cache_free)

/* Send loaded pages here from now on, or (NULL) to guest memory again. Incoming thread. */
void ram_cache_receive(RAMCache *cache);

/*
 * Make guest memory equal to the cache: copy exactly the pages whose bit is set, and clear the
 * bits. VM stopped; BQL not needed. Returns the number of pages.
 */
uint64_t ram_cache_flush(RAMCache *cache);

/* Bytes that the cache occupies at most. */
uint64_t ram_cache_bytes(const RAMCache *cache);
