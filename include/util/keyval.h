/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Option strings: "implied,key=value,a.b=c,text=one,,two" to JSON. */
#pragma once

#include <glib.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/*
 * Parse @text into a new JSON object of strings. `,,` is a literal comma; dotted keys nest
 * objects, and objects whose keys are 0..n-1 become arrays; a first item without `=` is the
 * value of @implied_key (when not NULL), a later one KEY means KEY=on and noKEY means KEY=off.
 * A text that begins with `{` is parsed as JSON. "help" and "?" become the key "help".
 */
json_t *keyval_parse(const char *text, const char *implied_key, GError **error);
/*
 * The same for options of which some may be repeated: the values of each key of @list_keys
 * (NULL-terminated) become an array of strings.
 */
json_t *keyval_parse_lists(const char *text, const char *implied_key, const char *const *list_keys,
                           GError **error);

/* "512", "0x200", "1.5G", "4k" to bytes; @default_unit for a number without a suffix. */
bool size_parse(const char *text, uint64_t default_unit, uint64_t *size, GError **error);
