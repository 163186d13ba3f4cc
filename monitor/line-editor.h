/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/*
 * Editing of one input line on an ANSI terminal, with history and completion. It knows nothing
 * of monitors: keys come in by line_editor_key(), what the terminal must show goes out by a
 * callback.
 */
#pragma once

#include <glib.h>
#include <stddef.h>

#define LINE_EDITOR_SIZE_MAX    4095 /* bytes of a line */
#define LINE_EDITOR_HISTORY_MAX 64   /* lines */

typedef struct LineEditor LineEditor;

typedef struct LineEditorOps {
    /* Show @size bytes of @text. */
    void (*show)(void *opaque, const char *text, size_t size);
    /* The user has entered @line. */
    void (*run)(void *opaque, const char *line);
    /* Possible last words of @line: a new array of strings that it frees. */
    GPtrArray *(*complete)(void *opaque, const char *line);
} LineEditorOps;

LineEditor *line_editor_new(const char *prompt, const LineEditorOps *ops, void *opaque);
void line_editor_free(LineEditor *editor);

/* Show the prompt and the line as it is so far. */
void line_editor_show_prompt(LineEditor *editor);

/* Forget the line, keep the history. */
void line_editor_reset(LineEditor *editor);

/* A byte from the keyboard. */
void line_editor_key(LineEditor *editor, unsigned char key);

/* Line @index of the history, the oldest is 0; NULL behind the last. */
const char *line_editor_history(const LineEditor *editor, unsigned index);
