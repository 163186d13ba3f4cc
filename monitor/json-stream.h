/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * JSON values out of a stream of bytes from a client that is not trusted.
 *
 * The stream finds where a value ends and hands it to the JSON library. It bounds nesting, number
 * of tokens and size before anything is built. Strings may also be in single quotes. After a
 * value that is malformed beyond its brackets, it skips to the end of the line.
 */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdint.h>

#define JSON_STREAM_NESTING_MAX 1024
#define JSON_STREAM_TOKENS_MAX  (256 * 1024)
#define JSON_STREAM_SIZE_MAX    (16 * 1024 * 1024) /* bytes of one value */

typedef struct JsonStream JsonStream;

typedef enum JsonStreamResult {
    JSON_STREAM_MORE,  /* all bytes were taken; a value may be incomplete */
    JSON_STREAM_VALUE, /* a value is complete */
    JSON_STREAM_ERROR, /* what came is not JSON or exceeds a limit; go on with the rest */
} JsonStreamResult;

JsonStream *json_stream_new(void);
void json_stream_free(JsonStream *stream);
/* Forget a value that is incomplete. */
void json_stream_reset(JsonStream *stream);

/*
 * Look at @size bytes of @data. *@taken tells how many were used: up to the end of the first
 * value or error, so call again with the rest. *@value is a new reference.
 */
JsonStreamResult json_stream_feed(JsonStream *stream, const uint8_t *data, size_t size,
                                  size_t *taken, json_t **value, GError **error);
