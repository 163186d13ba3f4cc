/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* From a command line to a command's arguments. */
#pragma once

#include <glib.h>
#include <jansson.h>

/*
 * Read the arguments that @declarations (see HmpCommand) tells from @text. Returns an object, or
 * NULL with an error that is written for the person who typed @text. @command is for errors.
 */
json_t *hmp_parse_arguments(const char *command, const char *declarations, const char *text,
                            GError **error);

/*
 * Take the next word off *@text, which moves behind it: up to a blank, or in double quotes with
 * the escapes \n \r \\ \' \". Returns "" at the end; NULL with @error set where quotes are wrong.
 */
char *hmp_take_word(const char **text, GError **error);
