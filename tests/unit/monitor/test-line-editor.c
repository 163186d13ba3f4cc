/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* The line editor: what is run, and what a terminal would show. */
#include "monitor/line-editor.h"
#include <stdbool.h>
#include <string.h>

#define UP    "\033[A"
#define DOWN  "\033[B"
#define RIGHT "\033[C"
#define LEFT  "\033[D"

/* An editor with a one-line terminal. */
typedef struct Fixture {
    LineEditor *editor;
    GString *screen; /* the terminal's line */
    size_t column;
    GString *ran; /* lines, each behind a '|' */
    GString *bells;
    bool in_escape; /* within an escape sequence */
} Fixture;

/* Understands what the editor uses: \r \n \b \a, ESC [ K, text. */
static void terminal_byte(Fixture *f, char c)
{
    if (f->in_escape) {
        if (c == 'K') {
            g_string_truncate(f->screen, f->column);
            f->in_escape = false;
        }
        return;
    }
    switch (c) {
    case '\033':
        f->in_escape = true;
        break;
    case '\r':
        f->column = 0;
        break;
    case '\n':
        g_string_truncate(f->screen, 0);
        break;
    case '\b':
        f->column--;
        break;
    case '\a':
        g_string_append_c(f->bells, 'a');
        break;
    default:
        if (f->column < f->screen->len) {
            f->screen->str[f->column] = c;
        } else {
            g_string_append_c(f->screen, c);
        }
        f->column++;
    }
}

static void show(void *opaque, const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        terminal_byte(opaque, text[i]);
    }
}

static void run(void *opaque, const char *line)
{
    Fixture *f = opaque;

    g_string_append_printf(f->ran, "|%s", line);
    line_editor_show_prompt(f->editor);
}

static GPtrArray *complete(void *opaque, const char *line)
{
    static const char *const words[] = { "migrate", "migrate_cancel", "stop", "dir/" };
    GPtrArray *list = g_ptr_array_new_with_free_func(g_free);
    const char *space = strrchr(line, ' ');

    for (size_t i = 0; i < G_N_ELEMENTS(words); i++) {
        if (g_str_has_prefix(words[i], space ? space + 1 : line)) {
            g_ptr_array_add(list, g_strdup(words[i]));
        }
    }
    return list;
}

static const LineEditorOps ops = { show, run, complete };

static void set_up(Fixture *f, const void *data)
{
    f->screen = g_string_new(NULL);
    f->ran = g_string_new(NULL);
    f->bells = g_string_new(NULL);
    f->editor = line_editor_new("> ", &ops, f);
    line_editor_show_prompt(f->editor);
}

static void tear_down(Fixture *f, const void *data)
{
    line_editor_free(f->editor);
    g_string_free(f->screen, TRUE);
    g_string_free(f->ran, TRUE);
    g_string_free(f->bells, TRUE);
}

static void type(Fixture *f, const char *keys)
{
    for (; *keys; keys++) {
        line_editor_key(f->editor, (unsigned char)*keys);
    }
}

static void assert_screen(Fixture *f, const char *text, size_t column)
{
    g_assert_cmpstr(f->screen->str, ==, text);
    g_assert_cmpuint(f->column, ==, column);
}

static void test_enter(Fixture *f, const void *data)
{
    type(f, "stop\rcont\ncr lf\r\n\r");
    g_assert_cmpstr(f->ran->str, ==, "|stop|cont|cr lf|");
    assert_screen(f, "> ", 2);
}

static void test_editing(Fixture *f, const void *data)
{
    type(f, "stxop" LEFT LEFT "\b");
    assert_screen(f, "> stop", 4);
    type(f, "\001a\005z");
    assert_screen(f, "> astopz", 8);
    type(f, "\002\002\004"); /* back, back, delete */
    assert_screen(f, "> astoz", 6);
    type(f, "\013"); /* to the end */
    assert_screen(f, "> asto", 6);
    type(f, " two three\027");
    assert_screen(f, "> asto two ", 11);
    type(f, "\025");
    assert_screen(f, "> ", 2);
    type(f, "abc\033[H1\033[F2\033[1~3\033[4~4" LEFT "\033[3~" RIGHT "5\r");
    g_assert_cmpstr(f->ran->str, ==, "|31abc25");
}

static void test_edges(Fixture *f, const void *data)
{
    type(f, "\b" LEFT RIGHT "\004\025\027\013" UP DOWN "a" RIGHT "\r");
    g_assert_cmpstr(f->ran->str, ==, "|a");
}

static void test_utf8(Fixture *f, const void *data)
{
    type(f, "a\xc3\xa9z" LEFT "\b\r");
    g_assert_cmpstr(f->ran->str, ==, "|az");
}

static void test_history(Fixture *f, const void *data)
{
    type(f, "one\rtwo\rone\rdra" UP);
    assert_screen(f, "> one", 5);
    type(f, UP);
    assert_screen(f, "> two", 5);
    type(f, UP);
    assert_screen(f, "> two", 5);
    type(f, DOWN DOWN);
    assert_screen(f, "> dra", 5);
    type(f, DOWN "\025\020\016\020\r");
    g_assert_cmpstr(f->ran->str, ==, "|one|two|one|one");
    g_assert_cmpstr(line_editor_history(f->editor, 0), ==, "two");
    g_assert_cmpstr(line_editor_history(f->editor, 1), ==, "one");
    g_assert_null(line_editor_history(f->editor, 2));
}

static void test_history_is_bounded(Fixture *f, const void *data)
{
    for (int i = 0; i < LINE_EDITOR_HISTORY_MAX + 10; i++) {
        g_autofree char *line = g_strdup_printf("line %d\r", i);
        type(f, line);
    }
    g_assert_cmpstr(line_editor_history(f->editor, 0), ==, "line 10");
    g_assert_null(line_editor_history(f->editor, LINE_EDITOR_HISTORY_MAX));
}

static void test_completion(Fixture *f, const void *data)
{
    type(f, "m\t");
    assert_screen(f, "> migrate", 9);
    type(f, "\t"); /* lists both */
    assert_screen(f, "> migrate", 9);
    type(f, "_\t");
    assert_screen(f, "> migrate_cancel ", 17);
    type(f, "s\t");
    assert_screen(f, "> migrate_cancel stop ", 22);
    type(f, "di\t");
    assert_screen(f, "> migrate_cancel stop dir/", 26);
    type(f, " zork\t\r");
    g_assert_cmpstr(f->ran->str, ==, "|migrate_cancel stop dir/ zork");
}

static void test_length(Fixture *f, const void *data)
{
    for (int i = 0; i < LINE_EDITOR_SIZE_MAX + 5; i++) {
        type(f, "x");
    }
    g_assert_cmpuint(f->bells->len, ==, 5);
    type(f, "\r");
    g_assert_cmpuint(f->ran->len, ==, LINE_EDITOR_SIZE_MAX + 1);
}

static void test_garbage(Fixture *f, const void *data)
{
    GRand *random = g_rand_new_with_seed(7);

    for (int i = 0; i < 20000; i++) {
        line_editor_key(f->editor, (unsigned char)g_rand_int_range(random, 0, 256));
    }
    g_rand_free(random);
    type(f, "xx\r\025stop\r"); /* ends an escape sequence, empties the line */
    g_assert_true(g_str_has_suffix(f->ran->str, "|stop"));
}

static void add(const char *path, void (*test)(Fixture *f, const void *data))
{
    g_test_add(path, Fixture, NULL, set_up, test, tear_down);
}

int main(int argc, char **argv)
{
    g_test_init(&argc, &argv, NULL);
    add("/monitor/line-editor/enter", test_enter);
    add("/monitor/line-editor/editing", test_editing);
    add("/monitor/line-editor/edges", test_edges);
    add("/monitor/line-editor/utf8", test_utf8);
    add("/monitor/line-editor/history", test_history);
    add("/monitor/line-editor/history-bounded", test_history_is_bounded);
    add("/monitor/line-editor/completion", test_completion);
    add("/monitor/line-editor/length", test_length);
    add("/monitor/line-editor/garbage", test_garbage);
    return g_test_run();
}
