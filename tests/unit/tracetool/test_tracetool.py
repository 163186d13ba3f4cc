#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""What the trace event generator takes, what it refuses, and that its C compiles."""

import os
import pathlib
import shlex
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / 'scripts' / 'tracetool'))

# pylint: disable-next=wrong-import-position
import tracetool  # noqa: E402

GOOD = '''# a comment

nothing() "no arguments"
void_too(void) "none here either"
numbers(int a, uint64_t b, unsigned long c) "a %d b 0x%" PRIx64 " c %lu"
pointers(const char *name, void *p) "%s %p"
quoted(const char *text) "said \\"%s\\" (100%%)"
many(int a, int b, int c, int d, int e, int f, int g, int h, int i, int j, int k, int l) \
"%d %d %d %d %d %d %d %d %d %d %d %d"
'''

BAD = {
    'nameless': ('(int a) "x"', 'expected name(args) "format"'),
    'capital': ('Event(int a) "x"', 'expected name(args) "format"'),
    'no parentheses': ('event "x"', 'expected name(args) "format"'),
    'open parenthesis': ('event(int a "x"', 'expected name(args) "format"'),
    'no format': ('event(int a)', 'expected name(args) "format"'),
    'open quote': ('event(int a) "a %d', 'expected name(args) "format"'),
    'open second quote': ('event(uint64_t a) "a %" PRIx64 "', 'expected name(args) "format"'),
    'code behind the format': ('event(int a) "a %d"; exit(0)', 'expected name(args) "format"'),
    'no type': ('event(a) "%d"', "argument 'a' is not \"type name\""),
    'no name': ('event(char *) "%s"', "argument 'char *' is not \"type name\""),
    'empty argument': ('event(int a,) "%d"', "argument '' is not \"type name\""),
    'thirteen': ('event(' + ', '.join(f'int a{i}' for i in range(13)) + ') "x"',
                 '13 arguments, at most 12'),
    'same name twice': ('event(int a, int a) "%d %d"', "argument 'a' is there twice"),
}

CALLS = '''
#include "trace-test.h"
int main(void)
{
    trace_nothing();
    trace_void_too();
    trace_numbers(1, 2, 3);
    trace_pointers("a", 0);
    trace_quoted("b");
    trace_many(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12);
    return 0;
}
'''


def parse(text):
    """The events of @text, as a file called here/trace-events."""
    return tracetool.parse_events(text.splitlines(), 'here/trace-events')


class ParseTest(unittest.TestCase):
    """The lines of a trace-events file."""

    def test_good(self):
        events = parse(GOOD)
        self.assertEqual([event.name for event in events],
                         ['nothing', 'void_too', 'numbers', 'pointers', 'quoted', 'many'])
        self.assertEqual(events[0].parameters, 'void')
        self.assertEqual(events[2].arguments,
                         [('int', 'a'), ('uint64_t', 'b'), ('unsigned long', 'c')])
        self.assertEqual(events[2].format, '"a %d b 0x%" PRIx64 " c %lu"')
        self.assertEqual(events[3].arguments, [('const char *', 'name'), ('void *', 'p')])

    def test_bad(self):
        for case, (line, message) in BAD.items():
            with self.subTest(case), self.assertRaises(tracetool.TraceSyntaxError) as caught:
                parse(f'# first\n\n{line}\n')
            text = str(caught.exception)
            self.assertTrue(text.startswith('here/trace-events:3: '), text)
            self.assertIn(message, text)

    def test_duplicate(self):
        with self.assertRaises(tracetool.TraceSyntaxError) as caught:
            parse('event() "a"\nother() "b"\nevent(int a) "c %d"\n')
        self.assertEqual(str(caught.exception),
                         "here/trace-events:3: event 'event' is defined twice")


class GenerateTest(unittest.TestCase):
    """The program as the build calls it."""

    def generate(self, folder, text):
        """Run the generator on @text; the finished process."""
        source = pathlib.Path(folder, 'trace-events')
        source.write_text(text, encoding='utf-8')
        return subprocess.run(
            [sys.executable, tracetool.__file__, str(source), '--source-name', 'here/trace-events',
             '--header', f'{folder}/trace-test.h', '--source', f'{folder}/trace-test.c'],
            capture_output=True, text=True, check=False, timeout=60)

    def test_compiles(self):
        with tempfile.TemporaryDirectory() as folder:
            result = self.generate(folder, GOOD)
            self.assertEqual(result.returncode, 0, result.stderr)
            pathlib.Path(folder, 'calls.c').write_text(CALLS, encoding='utf-8')
            pathlib.Path(folder, 'config-host.h').write_text('', encoding='utf-8')
            flags = subprocess.run(['pkg-config', '--cflags', 'glib-2.0'], capture_output=True,
                                   text=True, check=True, timeout=60).stdout
            compiler = shlex.split(os.environ.get('CC', 'cc'))
            for name in ('trace-test.c', 'calls.c'):
                command = compiler + ['-std=gnu11', '-Wall', '-Wextra', '-Werror', '-fsyntax-only',
                                      f'-I{ROOT}/include', f'-I{folder}', *shlex.split(flags),
                                      f'{folder}/{name}']
                built = subprocess.run(command, capture_output=True, text=True, check=False,
                                       timeout=120)
                self.assertEqual(built.returncode, 0, built.stderr)

    def test_error_names_the_line(self):
        with tempfile.TemporaryDirectory() as folder:
            result = self.generate(folder, 'good() "x"\nbad\n')
            self.assertEqual(result.returncode, 1)
            self.assertEqual(result.stderr, 'here/trace-events:2: expected name(args) "format", '
                                            "found 'bad'\n")
            self.assertFalse(pathlib.Path(folder, 'trace-test.h').exists())


if __name__ == '__main__':
    unittest.main()
