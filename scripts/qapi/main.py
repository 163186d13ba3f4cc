# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Command line of the generator."""

import argparse
import sys

from . import commands_c, document, events_c, introspect_c, types_c
from .builder import load_schema
from .output import c_file, write_file
from .source import SchemaError


def main(arguments):
    """Generate everything; returns the exit status."""
    options = _parse_options(arguments)
    try:
        schema = load_schema(options.schema, dict(options.define))
    except SchemaError as error:
        print(error, file=sys.stderr)
        return 1
    if options.modules is not None and set(options.modules) != set(_contents(schema)):
        print(f"{options.schema}: modules are {' '.join(_contents(schema))}, but the build lists "
              f"{' '.join(options.modules)}", file=sys.stderr)
        return 1
    for name, text in _files(schema, options):
        write_file(options.output, name, text)
    return 0


def _parse_options(arguments):
    parser = argparse.ArgumentParser(prog='qapi-gen', description=__doc__)
    parser.add_argument('schema', help='schema file that includes the others')
    parser.add_argument('-o', '--output', default='.', help='directory to write to')
    parser.add_argument('-i', '--include', default='qapi', metavar='DIR',
                        help='directory that generated files name in #include lines')
    parser.add_argument('-p', '--prefix', default='', help='prefix of the tables of the schema')
    parser.add_argument('-m', '--modules', nargs='+', metavar='MODULE',
                        help='the modules that the build expects')
    parser.add_argument('-D', '--define', action='append', default=[], type=_define,
                        metavar='NAME=true|false', help="value of a condition used in an 'if'")
    return parser.parse_args(arguments)


def _define(text):
    name, _, value = text.partition('=')
    if not name or value not in ('true', 'false'):
        raise argparse.ArgumentTypeError(f"expected NAME=true or NAME=false instead of '{text}'")
    return name, value == 'true'


def _contents(schema):
    """Modules that define something."""
    return [module for module in schema.modules
            if any(schema.of_module(items, module)
                   for items in (schema.types, schema.commands, schema.events))]


def _files(schema, options):
    for module in _contents(schema):
        yield from _module_files(schema, module, options.include)
    prefix = options.prefix
    commands = [f'{options.include}/qapi-commands-{module}.h' for module in _contents(schema)]
    yield 'qapi-tables.c', c_file(
        ['qapi/dispatch.h', f'{options.include}/qapi-tables.h', *commands],
        commands_c.table(schema, prefix) + '\n' + introspect_c.definitions(schema, prefix))
    yield 'qapi-tables.h', c_file(['qapi/dispatch.h'], _tables_header(prefix), header=True)
    yield 'qemu-qmp-ref.md', document.manual(schema)


def _tables_header(prefix):
    return ('/* Every command, sorted by name. */\n'
            f'extern const QapiCommandTable {prefix}qapi_commands;\n\n'
            '/* What query-qmp-schema answers. */\n'
            f'extern const char {prefix}qapi_schema_json[];\n')


def _module_files(schema, module, include):
    types = schema.of_module(schema.types, module)
    commands = schema.of_module(schema.commands, module)
    events = schema.of_module(schema.events, module)
    needed = [kind for item in types for kind in types_c.references(item)]
    yield f'qapi-types-{module}.h', c_file(
        ['qapi/type-info.h', *_type_headers(needed, include, module)],
        types_c.declarations(schema, module), header=True)
    needed = [kind for c in commands for kind in types_c.references(c.arguments) + [c.returns]]
    needed += [c.arguments for c in commands if c.boxed]
    yield f'qapi-commands-{module}.h', c_file(
        ['qapi/type-info.h', *_type_headers(needed, include)],
        commands_c.declarations(schema, module), header=True)
    needed = [kind for e in events for kind in types_c.references(e.arguments)]
    needed += [e.arguments for e in events if e.boxed]
    yield f'qapi-events-{module}.h', c_file(
        ['qapi/type-info.h', *_type_headers(needed, include)],
        events_c.declarations(schema, module), header=True)
    yield f'qapi-{module}.c', c_file(
        ['qapi/event.h', *(f'{include}/qapi-{part}-{module}.h'
                           for part in ('types', 'commands', 'events'))],
        '\n'.join(back_end.definitions(schema, module)
                  for back_end in (types_c, commands_c, events_c)))


def _type_headers(kinds, include, own=None):
    return [f'{include}/qapi-types-{module}.h' for module in types_c.used_modules(kinds)
            if module != own]
