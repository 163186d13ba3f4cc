# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Back end: one function for each event, which builds it and hands it to the emitter."""

from .commands_c import parameters, private_type
from .names import c_name
from .types_c import object_struct, object_table


def declarations(schema, module):
    """Header text for the events of @module."""
    return ''.join(_prototype(event) + ';\n' for event in schema.of_module(schema.events, module))


def definitions(schema, module):
    """C text for the events of @module."""
    return '\n'.join(_sender(event) for event in schema.of_module(schema.events, module))


def _prototype(event):
    params = ', '.join(parameters(event.arguments, event.boxed)) or 'void'
    return f'void qapi_event_send_{c_name(event.name.lower())}({params})'


def _sender(event):
    if event.boxed:
        data = f'qapi_write(&{event.arguments.c_descriptor}, &arguments)'
        return f'{_prototype(event)}\n{{\n    qapi_event_emit("{event.name}", {data});\n}}\n'
    if not event.arguments.members:
        return f'{_prototype(event)}\n{{\n    qapi_event_emit("{event.name}", NULL);\n}}\n'
    kind = private_type(event)
    rows = []
    for member in event.arguments.members:
        if member.c_flag:
            rows.append(f'        .{member.c_flag} = {member.c_flag},')
        cast = '(char *)' if member.type.name == 'str' else ''
        rows.append(f'        .{member.c_name} = {cast}{member.c_name},')
    body = '\n'.join([f'    {kind.name} data = {{', *rows, '    };',
                      f'    {kind.name} *slot = &data;', '',
                      f'    qapi_event_emit("{event.name}", '
                      f'qapi_write(&{kind.c_descriptor}, &slot));'])
    return (f'typedef struct {kind.name} {kind.name};\n{object_struct(kind)}\n'
            f"{object_table(kind, storage='static')}\n{_prototype(event)}\n{{\n{body}\n}}\n")
