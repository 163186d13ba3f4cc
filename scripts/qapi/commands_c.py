# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Back end: prototypes of command functions and the code that calls them."""

from . import model
from .names import c_name, camel
from .types_c import object_struct, object_table


def declarations(schema, module):
    """Header text for the commands of @module."""
    return ''.join(_prototype(command) + ';\n'
                   for command in schema.of_module(schema.commands, module)) + \
        ''.join(f'json_t *{_marshal_name(command)}(json_t *arguments, GError **error);\n'
                for command in schema.of_module(schema.commands, module))


def definitions(schema, module):
    """C text for the commands of @module."""
    return '\n'.join(_marshal(command) for command in schema.of_module(schema.commands, module))


def table(schema, prefix):
    """C text of the table of all commands, sorted by name."""
    rows = [f'    {{ "{c.name}", {_marshal_name(c)}, {_flag(c.allow_oob)} }},\n'
            for c in sorted(schema.commands, key=lambda c: c.name)]
    body = ''.join(rows)
    if not rows:
        return f'const QapiCommandTable {prefix}qapi_commands = {{ NULL, 0 }};\n'
    return (f'static const QapiCommand commands[] = {{\n{body}}};\n\n'
            f'const QapiCommandTable {prefix}qapi_commands = '
            '{ commands, G_N_ELEMENTS(commands) };\n')


def parameters(arguments, boxed):
    """C parameter list (without an error parameter) for @arguments."""
    if boxed:
        return [f'{arguments.c_type}arguments']
    result = []
    for member in arguments.members:
        if member.c_flag:
            result.append(f'bool {member.c_flag}')
        const = 'const ' if member.type.name == 'str' else ''
        result.append(f'{const}{member.type.c_type}{member.c_name}')
    return result


def private_type(command):
    """The object type of @command's arguments under a C name of its own."""
    kind = model.ObjectType(camel(command.name.lower()) + 'Arguments', command.module)
    kind.own_members = command.arguments.members
    return kind


def _flag(value):
    return 'true' if value else 'false'


def _marshal_name(command):
    return f'qmp_marshal_{c_name(command.name)}'


def _prototype(command):
    if command.generated:
        result = command.returns.c_type if command.returns else 'void '
        params = parameters(command.arguments, command.boxed)
    else:
        result = 'json_t *' if command.returns else 'void '
        params = ['json_t *arguments']
    return f"{result}qmp_{c_name(command.name)}({', '.join(params + ['GError **error'])})"


def _marshal(command):
    head = ''
    body = ['    GError *local_error = NULL;']
    call_arguments = []
    clean_up = []
    if not command.generated:
        call_arguments.append('arguments')
    elif command.boxed or command.arguments.members:
        kind = command.arguments
        if not command.boxed:
            kind = private_type(command)
            head = f'typedef struct {kind.name} {kind.name};\n' + object_struct(kind) + '\n' + \
                object_table(kind, storage='static') + '\n'
        body += [f'    {kind.name} *unpacked = NULL;']
        read = f'qapi_read(&{kind.c_descriptor}, arguments, &unpacked, error)'
        clean_up = [f'    qapi_clear(&{kind.c_descriptor}, &unpacked);']
        call_arguments += _call_arguments(command)
    else:
        read = 'qapi_read_no_arguments(arguments, error)'
    if command.returns:
        c_type = command.returns.c_type if command.generated else 'json_t *'
        body.append(f'    {c_type}result;')
        body.append('    json_t *json;')
    body.append('')
    if command.generated:
        body += [f'    if (!{read}) {{', '        return NULL;', '    }']
    assign = 'result = ' if command.returns else ''
    call = ', '.join(call_arguments + ['&local_error'])
    body += [f'    {assign}qmp_{c_name(command.name)}({call});', *clean_up,
             '    if (local_error) {', '        g_propagate_error(error, local_error);',
             '        return NULL;', '    }', *_result(command)]
    return (f'{head}json_t *{_marshal_name(command)}(json_t *arguments, GError **error)\n{{\n' +
            '\n'.join(body) + '\n}\n')


def _call_arguments(command):
    if command.boxed:
        return ['unpacked']
    result = []
    for member in command.arguments.members:
        if member.c_flag:
            result.append(f'unpacked->{member.c_flag}')
        result.append(f'unpacked->{member.c_name}')
    return result


def _result(command):
    if not command.returns:
        return ['    return json_object();']
    if not command.generated:
        return ['    json = result;', '    return json;']
    descriptor = command.returns.c_descriptor
    lines = [f'    json = qapi_write(&{descriptor}, &result);']
    if command.returns.pointer:
        lines.append(f'    qapi_clear(&{descriptor}, &result);')
    return lines + ['    return json;']
