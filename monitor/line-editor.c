/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Line editing: Emacs-like control keys and the cursor keys of ANSI terminals (ECMA-48). */
#include "monitor/line-editor.h"
#include <stdbool.h>
#include <string.h>

#define CONTROL(letter) ((letter)&0x1f)
#define KEY_ESCAPE      0x1b
#define KEY_DELETE      0x7f

typedef enum EscapeState {
    ESCAPE_NONE,
    ESCAPE_BEGUN, /* ESC */
    ESCAPE_CSI,   /* ESC [ or ESC O, then digits */
} EscapeState;

struct LineEditor {
    char *prompt;
    const LineEditorOps *ops;
    void *opaque;
    GString *line;
    size_t cursor; /* byte in line */
    GPtrArray *history;
    unsigned history_index; /* line shown; history->len: a new one */
    char *draft;            /* the new line while an old one is shown */
    EscapeState escape;
    unsigned escape_number;
    bool after_return; /* the last key was CR: an LF that follows belongs to it */
};

LineEditor *line_editor_new(const char *prompt, const LineEditorOps *ops, void *opaque)
{
    LineEditor *editor = g_new0(LineEditor, 1);

    editor->prompt = g_strdup(prompt);
    editor->ops = ops;
    editor->opaque = opaque;
    editor->line = g_string_new(NULL);
    editor->history = g_ptr_array_new_with_free_func(g_free);
    return editor;
}

void line_editor_free(LineEditor *editor)
{
    g_free(editor->prompt);
    g_string_free(editor->line, TRUE);
    g_ptr_array_unref(editor->history);
    g_free(editor->draft);
    g_free(editor);
}

const char *line_editor_history(const LineEditor *editor, unsigned index)
{
    return index < editor->history->len ? g_ptr_array_index(editor->history, index) : NULL;
}

static void show(LineEditor *editor, const char *text)
{
    editor->ops->show(editor->opaque, text, strlen(text));
}

static bool continues_character(char c)
{
    return ((unsigned char)c & 0xc0) == 0x80; /* UTF-8 */
}

/* Terminal columns that @size bytes of @text take. */
static unsigned columns(const char *text, size_t size)
{
    unsigned count = 0;

    for (size_t i = 0; i < size; i++) {
        count += !continues_character(text[i]);
    }
    return count;
}

static void show_left(LineEditor *editor, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        show(editor, "\b");
    }
}

/* Show the line anew from byte @from on; the terminal's cursor is there. */
static void show_from(LineEditor *editor, size_t from)
{
    GString *line = editor->line;

    editor->ops->show(editor->opaque, line->str + from, line->len - from);
    show(editor, "\033[K");
    show_left(editor, columns(line->str + editor->cursor, line->len - editor->cursor));
}

void line_editor_show_prompt(LineEditor *editor)
{
    GString *line = editor->line;

    show(editor, editor->prompt);
    editor->ops->show(editor->opaque, line->str, line->len);
    show_left(editor, columns(line->str + editor->cursor, line->len - editor->cursor));
}

void line_editor_reset(LineEditor *editor)
{
    g_string_truncate(editor->line, 0);
    editor->cursor = 0;
    editor->history_index = editor->history->len;
    g_clear_pointer(&editor->draft, g_free);
    editor->escape = ESCAPE_NONE;
}

static void insert(LineEditor *editor, const char *text, size_t size)
{
    GString *line = editor->line;
    size_t from = editor->cursor;

    if (line->len + size > LINE_EDITOR_SIZE_MAX) {
        show(editor, "\a");
        return;
    }
    g_string_insert_len(line, from, text, size);
    editor->cursor += size;
    if (editor->cursor == line->len) {
        editor->ops->show(editor->opaque, text, size);
    } else {
        show_from(editor, from);
    }
}

/* The byte where the character before @position begins. */
static size_t before(const LineEditor *editor, size_t position)
{
    do {
        position -= position > 0;
    } while (position > 0 && continues_character(editor->line->str[position]));
    return position;
}

/* The byte behind the character at @position. */
static size_t behind(const LineEditor *editor, size_t position)
{
    size_t size = editor->line->len;

    do {
        position += position < size;
    } while (position < size && continues_character(editor->line->str[position]));
    return position;
}

static void move_to(LineEditor *editor, size_t position)
{
    GString *line = editor->line;

    if (position < editor->cursor) {
        show_left(editor, columns(line->str + position, editor->cursor - position));
    } else {
        editor->ops->show(editor->opaque, line->str + editor->cursor, position - editor->cursor);
    }
    editor->cursor = position;
}

/* Remove from byte @from to byte @to. */
static void erase(LineEditor *editor, size_t from, size_t to)
{
    if (from == to) {
        return;
    }
    move_to(editor, from);
    g_string_erase(editor->line, from, to - from);
    show_from(editor, from);
}

static size_t word_start(const LineEditor *editor)
{
    const char *text = editor->line->str;
    size_t position = editor->cursor;

    while (position > 0 && text[position - 1] == ' ') {
        position--;
    }
    while (position > 0 && text[position - 1] != ' ') {
        position--;
    }
    return position;
}

static void replace_line(LineEditor *editor, const char *text)
{
    move_to(editor, 0);
    g_string_assign(editor->line, text);
    editor->cursor = editor->line->len;
    show_from(editor, 0);
}

static void history_move(LineEditor *editor, int step)
{
    unsigned count = editor->history->len;
    unsigned index = editor->history_index + step;

    if ((step < 0 && !editor->history_index) || index > count) {
        return;
    }
    if (editor->history_index == count) {
        g_free(editor->draft);
        editor->draft = g_strdup(editor->line->str);
    }
    editor->history_index = index;
    replace_line(editor,
                 index == count ? editor->draft : g_ptr_array_index(editor->history, index));
}

/* A line that is there already moves to the end. */
static void history_add(LineEditor *editor, const char *line)
{
    GPtrArray *history = editor->history;

    if (!*line) {
        return;
    }
    for (unsigned i = 0; i < history->len; i++) {
        if (!strcmp(g_ptr_array_index(history, i), line)) {
            g_ptr_array_remove_index(history, i);
            break;
        }
    }
    if (history->len == LINE_EDITOR_HISTORY_MAX) {
        g_ptr_array_remove_index(history, 0);
    }
    g_ptr_array_add(history, g_strdup(line));
}

static void enter(LineEditor *editor)
{
    g_autofree char *line = g_strdup(editor->line->str);

    move_to(editor, editor->line->len);
    show(editor, "\r\n");
    history_add(editor, line);
    line_editor_reset(editor);
    editor->ops->run(editor->opaque, line);
}

/* Bytes that all candidates begin with. */
static size_t common_length(const GPtrArray *candidates)
{
    const char *first = g_ptr_array_index(candidates, 0);
    size_t length = strlen(first);

    for (unsigned i = 1; i < candidates->len; i++) {
        const char *other = g_ptr_array_index(candidates, i);
        size_t same = 0;
        while (same < length && other[same] == first[same]) {
            same++;
        }
        length = same;
    }
    return length;
}

static void list_candidates(LineEditor *editor, const GPtrArray *candidates)
{
    show(editor, "\r\n");
    for (unsigned i = 0; i < candidates->len; i++) {
        show(editor, g_ptr_array_index(candidates, i));
        show(editor, i + 1 < candidates->len ? "  " : "\r\n");
    }
    line_editor_show_prompt(editor);
}

static void complete(LineEditor *editor)
{
    g_autofree char *head = g_strndup(editor->line->str, editor->cursor);
    g_autoptr(GPtrArray) candidates = editor->ops->complete(editor->opaque, head);
    const char *space = strrchr(head, ' ');
    size_t typed = strlen(space ? space + 1 : head);
    const char *first;
    size_t common;

    if (!candidates->len) {
        return;
    }
    first = g_ptr_array_index(candidates, 0);
    common = common_length(candidates);
    if (common > typed) {
        insert(editor, first + typed, common - typed);
    } else if (candidates->len > 1) {
        list_candidates(editor, candidates);
    }
    if (candidates->len == 1 && !g_str_has_suffix(first, "/")) {
        insert(editor, " ", 1);
    }
}

static void control_key(LineEditor *editor, unsigned char key)
{
    switch (key) {
    case CONTROL('A'):
        move_to(editor, 0);
        break;
    case CONTROL('B'):
        move_to(editor, before(editor, editor->cursor));
        break;
    case CONTROL('D'):
        erase(editor, editor->cursor, behind(editor, editor->cursor));
        break;
    case CONTROL('E'):
        move_to(editor, editor->line->len);
        break;
    case CONTROL('F'):
        move_to(editor, behind(editor, editor->cursor));
        break;
    case CONTROL('H'):
    case KEY_DELETE:
        erase(editor, before(editor, editor->cursor), editor->cursor);
        break;
    case CONTROL('I'):
        complete(editor);
        break;
    case CONTROL('K'):
        erase(editor, editor->cursor, editor->line->len);
        break;
    case CONTROL('N'):
        history_move(editor, 1);
        break;
    case CONTROL('P'):
        history_move(editor, -1);
        break;
    case CONTROL('U'):
        erase(editor, 0, editor->cursor);
        break;
    case CONTROL('W'):
        erase(editor, word_start(editor), editor->cursor);
        break;
    case KEY_ESCAPE:
        editor->escape = ESCAPE_BEGUN;
        break;
    default:
        break;
    }
}

static void csi_key(LineEditor *editor, unsigned char key)
{
    if (g_ascii_isdigit(key)) {
        editor->escape_number = (editor->escape_number * 10 + (key - '0')) % 1000;
        return;
    }
    editor->escape = ESCAPE_NONE;
    switch (key) {
    case 'A':
        history_move(editor, -1);
        break;
    case 'B':
        history_move(editor, 1);
        break;
    case 'C':
        control_key(editor, CONTROL('F'));
        break;
    case 'D':
        control_key(editor, CONTROL('B'));
        break;
    case 'F':
        control_key(editor, CONTROL('E'));
        break;
    case 'H':
        control_key(editor, CONTROL('A'));
        break;
    case '~':
        if (editor->escape_number == 1) {
            control_key(editor, CONTROL('A'));
        } else if (editor->escape_number == 3) {
            control_key(editor, CONTROL('D'));
        } else if (editor->escape_number == 4) {
            control_key(editor, CONTROL('E'));
        }
        break;
    default:
        break;
    }
}

void line_editor_key(LineEditor *editor, unsigned char key)
{
    bool after_return = editor->after_return;
    char text = (char)key;

    editor->after_return = key == '\r';
    switch (editor->escape) {
    case ESCAPE_BEGUN:
        editor->escape = key == '[' || key == 'O' ? ESCAPE_CSI : ESCAPE_NONE;
        editor->escape_number = 0;
        return;
    case ESCAPE_CSI:
        csi_key(editor, key);
        return;
    case ESCAPE_NONE:
        break;
    }
    if (key == '\r' || (key == '\n' && !after_return)) {
        enter(editor);
    } else if (key >= ' ' && key != KEY_DELETE) {
        insert(editor, &text, 1);
    } else if (key != '\n') {
        control_key(editor, key);
    }
}
