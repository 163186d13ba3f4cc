#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Turn the trace-events file of one folder into C.

An event is one line: ``name(type arg, type arg) "format" [PRIxxx "more" ...]``.
Blank lines and lines that begin with ``#`` are passed over.  For the folder
``hw/intc`` the header is ``trace-hw-intc.h`` and declares ``trace_<name>()`` for
each event.  Two back ends are called from it: the log (when the event is on) and
a SystemTap probe of provider ``qemu_colo`` (when sys/sdt.h is there).
"""

import argparse
import re
import sys

MAX_ARGUMENTS = 12  # sys/sdt.h knows probes of up to twelve arguments
STRING = r'"(?:[^"\\]|\\.)*"'
FORMAT = rf'{STRING}(?:\s*(?:{STRING}|PRI[A-Za-z0-9]+))*'
EVENT = re.compile(
    rf'^(?P<name>[a-z_][a-z0-9_]*)\((?P<args>[^)]*)\)\s*(?P<format>{FORMAT})$')
ARGUMENT = re.compile(r'^(?P<type>.*[\s*])(?P<name>[A-Za-z_][A-Za-z0-9_]*)$')

HEADER = """/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Generated from {source}; do not edit. */
"""


class TraceSyntaxError(Exception):
    """A line of a trace-events file that is not an event."""


class Event:
    """One trace event: name, arguments as (type, name) pairs, C format expression."""

    def __init__(self, name, arguments, format_text):
        self.name = name
        self.arguments = arguments
        self.format = format_text

    @property
    def parameters(self):
        """The C parameter list, ``void`` when there is none."""
        return ', '.join(f'{kind} {name}' for kind, name in self.arguments) or 'void'

    @property
    def values(self):
        """The argument names, each after a comma."""
        return ''.join(f', {name}' for _, name in self.arguments)


def parse_arguments(text, where):
    """Return [(type, name)] for the text between the parentheses."""
    if text.strip() in ('', 'void'):
        return []
    arguments = []
    for part in text.split(','):
        match = ARGUMENT.match(part.strip())
        if not match:
            raise TraceSyntaxError(f'{where}: argument {part.strip()!r} is not "type name"')
        arguments.append((match['type'].strip(), match['name']))
        if match['name'] in (name for _, name in arguments[:-1]):
            raise TraceSyntaxError(f'{where}: argument {match["name"]!r} is there twice')
    if len(arguments) > MAX_ARGUMENTS:
        raise TraceSyntaxError(f'{where}: {len(arguments)} arguments, at most {MAX_ARGUMENTS}')
    return arguments


def parse_events(lines, source):
    """Return the Events of an iterable of lines; TraceSyntaxError names the line."""
    events = []
    seen = set()
    for number, line in enumerate(lines, 1):
        line = line.strip()
        if not line or line.startswith('#'):
            continue
        where = f'{source}:{number}'
        match = EVENT.match(line)
        if not match:
            raise TraceSyntaxError(f'{where}: expected name(args) "format", found {line!r}')
        if match['name'] in seen:
            raise TraceSyntaxError(f'{where}: event {match["name"]!r} is defined twice')
        seen.add(match['name'])
        events.append(Event(match['name'], parse_arguments(match['args'], where), match['format']))
    return events


def header_text(events, source):
    """The C header of a folder's events."""
    out = [HEADER.format(source=source), '#pragma once', '', '#include <inttypes.h>',
           '#include "config-host.h"', '#include "util/trace.h"', '#ifdef CONFIG_SDT',
           '#include <sys/sdt.h>', '#endif', '']
    for event in events:
        count = len(event.arguments)
        probe = f'DTRACE_PROBE{count or ""}(qemu_colo, {event.name}{event.values});'
        out += [f'extern TraceEvent trace_event_{event.name};',
                f'static inline void trace_{event.name}({event.parameters})',
                '{',
                '#ifdef CONFIG_SDT',
                f'    {probe}',
                '#endif',
                f'    if (trace_event_is_on(&trace_event_{event.name})) {{',
                f'        trace_event_log(&trace_event_{event.name}, '
                f'{event.format}{event.values});',
                '    }',
                '}',
                '']
    return '\n'.join(out)


def source_text(events, source, header):
    """The C file that defines and registers a folder's events."""
    out = [HEADER.format(source=source), f'#include "{header}"', '']
    for event in events:
        out.append(f'TraceEvent trace_event_{event.name} = {{ .name = "{event.name}" }};')
    out += ['', '__attribute__((constructor)) static void register_events(void)', '{']
    out += [f'    trace_event_register(&trace_event_{event.name});' for event in events]
    out += ['}', '']
    return '\n'.join(out)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', maxsplit=1)[0])
    parser.add_argument('input', help='a trace-events file')
    parser.add_argument('--source-name', required=True, help='how messages call the input')
    parser.add_argument('--header', required=True)
    parser.add_argument('--source', required=True)
    options = parser.parse_args()
    try:
        with open(options.input, encoding='utf-8') as lines:
            events = parse_events(lines, options.source_name)
    except TraceSyntaxError as error:
        sys.exit(str(error))
    header_name = options.header.rsplit('/', maxsplit=1)[-1]
    with open(options.header, 'w', encoding='utf-8') as out:
        out.write(header_text(events, options.source_name))
    with open(options.source, 'w', encoding='utf-8') as out:
        out.write(source_text(events, options.source_name, header_name))


if __name__ == '__main__':
    main()
