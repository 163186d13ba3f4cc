# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Back end: C types, the tables that describe them, and their typed helpers."""

from . import model
from .names import c_name, c_upper


def declarations(schema, module):
    """Header text for the types of @module."""
    types = schema.of_module(schema.types, module)
    objects = [t for t in types if not isinstance(t, model.EnumType)]
    parts = [_enum_declaration(t) for t in types if isinstance(t, model.EnumType)]
    names = {t.name for t in objects} | {n for t in objects for n in _object_names(t)}
    parts.append(''.join(f'typedef struct {name} {name};\n' for name in sorted(names)))
    for item in objects:
        struct = _alternate_struct if isinstance(item, model.AlternateType) else object_struct
        parts.append(struct(item) + _helper_declarations(item))
    return '\n'.join(parts)


def definitions(schema, module):
    """C text for the types of @module."""
    parts = []
    for item in schema.of_module(schema.types, module):
        if isinstance(item, model.EnumType):
            parts.append(_enum_definition(item))
            continue
        if isinstance(item, model.AlternateType):
            parts.append(_alternate_table(item))
        else:
            parts.append(object_table(item))
        parts.append(_helper_definitions(item))
    return '\n'.join(parts)


def used_modules(kinds):
    """Modules that define the types which @kinds refer to, in order of appearance."""
    found = {}
    for kind in kinds:
        while isinstance(kind, model.ArrayType):
            kind = kind.element
        if kind is not None and kind.module:
            found[kind.module] = True
    return list(found)


def references(item):
    """Types that the C declaration of @item mentions."""
    if isinstance(item, model.ObjectType):
        return [m.type for m in item.members] + list(item.branches.values())
    if isinstance(item, model.AlternateType):
        return [b.type for b in item.branches]
    return []


def _object_names(item):
    for kind in references(item):
        while isinstance(kind, model.ArrayType):
            kind = kind.element
        if isinstance(kind, (model.ObjectType, model.AlternateType)):
            yield kind.name


def _enum_declaration(enum):
    lines = [f'typedef enum {enum.name} {{']
    lines += [f'    {enum.constant(value.name)},' for value in enum.values]
    lines += [f'    {enum.count_constant},', f'}} {enum.name};', '']
    lines += [f'extern const QapiType {enum.c_descriptor}, {enum.c_descriptor}_list;',
              f'const char *{enum.name}_str({enum.name} value);',
              f'bool {enum.name}_parse(const char *text, {enum.name} *value, GError **error);', '']
    return '\n'.join(lines)


def _enum_definition(enum):
    table = f'{enum.name}_names'
    lines = [f'static const char *const {table}[] = {{']
    lines += [f'    [{enum.constant(value.name)}] = "{value.name}",' for value in enum.values]
    lines += ['    NULL,', '};', '']
    lines += [_descriptor(enum, 'QAPI_KIND_ENUM', enum.name, f'.names = {table}',
                          f'.count = {enum.count_constant}'),
              f'const char *{enum.name}_str({enum.name} value)',
              '{',
              f'    return qapi_enum_str(&{enum.c_descriptor}, value);',
              '}', '',
              f'bool {enum.name}_parse(const char *text, {enum.name} *value, GError **error)',
              '{',
              '    unsigned index;', '',
              f'    if (!qapi_enum_parse(&{enum.c_descriptor}, text, &index, error)) {{',
              '        return false;',
              '    }',
              '    *value = index;',
              '    return true;',
              '}', '']
    return '\n'.join(lines)


def _descriptor(item, kind, c_type, *fields):
    text = f'const QapiType {item.c_descriptor} = {{\n'
    for row in (f'.name = "{item.name}"', f'.kind = {kind}', f'.size = sizeof({c_type})') + fields:
        text += f'    {row},\n'
    return text + f'}};\n\n{list_descriptor(item)}'


def list_descriptor(element):
    """Definition of the table for a list of @element."""
    array = 'GPtrArray *' if element.pointer else 'GArray *'
    return (f'const QapiType {element.c_descriptor}_list = {{\n'
            f'    .name = "[{element.name}]",\n'
            '    .kind = QAPI_KIND_LIST,\n'
            f'    .size = sizeof({array}),\n'
            f'    .element = &{element.c_descriptor},\n'
            '};\n')


def object_struct(item):
    """The C struct of an object type."""
    lines = [f'struct {item.name} {{']
    for member in item.members:
        if member.c_flag:
            lines.append(f'    bool {member.c_flag};')
        comment = _member_comment(member)
        lines.append(f'    {member.type.c_type}{member.c_name};{comment}')
    if item.branches:
        lines.append(f'    union {{ /* by {item.tag.c_name} */')
        lines += [f'        {branch.c_type}{c_name(name)};'
                  for name, branch in item.branches.items()]
        lines.append('    } u;')
    if len(lines) == 1:
        lines.append('    char empty; /* the schema gives it no members */')
    return '\n'.join(lines + ['};', ''])


def _member_comment(member):
    notes = []
    if isinstance(member.type, model.ArrayType):
        notes.append(f'of {member.type.element.name}')
    if member.optional and not member.c_flag:
        notes.append('optional')
    return f" /* {', '.join(notes)} */" if notes else ''


def _alternate_struct(item):
    prefix = c_upper(item.name) + '_KIND_'
    lines = [f'typedef enum {item.name}Kind {{']
    lines += [f'    {prefix}{c_upper(branch.name)},' for branch in item.branches]
    lines += [f'}} {item.name}Kind;', '', f'struct {item.name} {{', f'    {item.name}Kind kind;']
    stored = [b for b in item.branches if b.type.name != 'null']
    lines.append('    union { /* by kind */')
    lines += [f'        {branch.type.c_type}{branch.c_name};' for branch in stored]
    return '\n'.join(lines + ['    } u;', '};', ''])


def _member_rows(item, members, prefix=''):
    rows = []
    for member in members:
        fields = [f'"{member.name}"', f'&{member.type.c_descriptor}']
        if member.type.name == 'null':
            fields.append('0')
        else:
            fields.append(f'offsetof({item.name}, {prefix}{member.c_name})')
        flag = f'offsetof({item.name}, {member.c_flag})' if member.c_flag else 'QAPI_NO_FLAG'
        fields += [flag, 'true' if member.optional else 'false']
        rows.append('    { ' + ', '.join(fields) + ' },')
    return rows


def object_table(item, storage=''):
    """The run-time description of an object type."""
    lines = []
    fields = [f'.object_size = sizeof({item.name})']
    if item.members:
        table = f'{item.name}_members'
        lines += [f'static const QapiMember {table}[] = {{', *_member_rows(item, item.members),
                  '};', '']
        fields += [f'.members = {table}', f'.count = G_N_ELEMENTS({table})']
    if item.tag:
        enum = item.tag.type
        branches = f'{item.name}_branches'
        lines.append(f'static const QapiType *const {branches}[{enum.count_constant}] = {{')
        lines += [f'    [{enum.constant(name)}] = &{branch.c_descriptor},'
                  for name, branch in item.branches.items()]
        lines += ['};', '']
        index = [m.name for m in item.members].index(item.tag.name)
        fields += [f'.tag = &{item.name}_members[{index}]', f'.branches = {branches}']
        if item.branches:
            fields.append(f'.branch_offset = offsetof({item.name}, u)')
    text = '\n'.join(lines) + '\n' if lines else ''
    if storage:
        return text + _private_descriptor(item, fields)
    fields.append(f'.release = (GDestroyNotify){item.name}_free')
    return text + _descriptor(item, 'QAPI_KIND_OBJECT', f'{item.name} *', *fields)


def _private_descriptor(item, fields):
    rows = [f'.name = "{item.name}"', '.kind = QAPI_KIND_OBJECT', f'.size = sizeof({item.name} *)']
    body = ''.join(f'    {row},\n' for row in rows + fields)
    return f'static const QapiType {item.c_descriptor} = {{\n{body}}};\n'


def _alternate_table(item):
    table = f'{item.name}_members'
    rows = _member_rows(item, item.branches, 'u.')
    return '\n'.join([f'static const QapiMember {table}[] = {{', *rows, '};', '']) + '\n' + \
        _descriptor(item, 'QAPI_KIND_ALTERNATE', f'{item.name} *',
                    f'.object_size = sizeof({item.name})',
                    f'.release = (GDestroyNotify){item.name}_free', f'.members = {table}',
                    f'.count = G_N_ELEMENTS({table})')


def _helper_declarations(item):
    name = item.name
    return (f'\nextern const QapiType {item.c_descriptor}, {item.c_descriptor}_list;\n'
            f'{name} *{name}_new(void);\n'
            f'void {name}_free({name} *value);\n'
            f'GPtrArray *{name}_list_new(void);\n'
            f'json_t *{name}_to_json(const {name} *value);\n'
            f'{name} *{name}_from_json(json_t *json, GError **error);\n'
            f'G_DEFINE_AUTOPTR_CLEANUP_FUNC({name}, {name}_free)\n')


def _helper_definitions(item):
    name = item.name
    table = item.c_descriptor
    return f'''
{name} *{name}_new(void)
{{
    return g_new0({name}, 1);
}}

void {name}_free({name} *value)
{{
    qapi_clear(&{table}, &value);
}}

GPtrArray *{name}_list_new(void)
{{
    return g_ptr_array_new_with_free_func((GDestroyNotify){name}_free);
}}

json_t *{name}_to_json(const {name} *value)
{{
    return qapi_write(&{table}, &value);
}}

{name} *{name}_from_json(json_t *json, GError **error)
{{
    {name} *value = NULL;

    return qapi_read(&{table}, json, &value, error) ? value : NULL;
}}
'''
