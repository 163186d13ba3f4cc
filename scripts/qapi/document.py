# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Back end: the reference manual of the monitor protocol, in Markdown."""

from . import model

_HEAD = '''<!-- SPDX-License-Identifier: GPL-2.0-or-later -->
<!-- Copyright The qemu-colo authors -->
<!-- Made by scripts/qapi from the interface schema. -->

# QMP reference
'''


def manual(schema):
    """Text of the whole manual: modules in order, in each what it defines as it stands there."""
    parts = [_HEAD]
    for module in schema.modules:
        blocks = [(block.position.line, _free_text(block))
                  for block in schema.free_text.get(module, [])]
        blocks += [(item.doc.position.line, _entry('Command', item, item.arguments))
                   for item in schema.of_module(schema.commands, module)]
        blocks += [(item.doc.position.line, _entry('Event', item, item.arguments))
                   for item in schema.of_module(schema.events, module)]
        blocks += [(item.doc.position.line, _type_entry(item))
                   for item in schema.of_module(schema.types, module)]
        parts += [text for _, text in sorted(blocks)]
    return '\n'.join(parts)


def _free_text(block):
    lines = []
    for line in block.body:
        if line.startswith('== '):
            line = '### ' + line[3:]
        elif line.startswith('= '):
            line = '## ' + line[2:]
        lines.append(line)
    return '\n'.join(lines) + '\n'


def _type_name(kind):
    if isinstance(kind, model.ArrayType):
        return f'list of {_type_name(kind.element)}'
    return f'`{kind.name}`'


def _joined(lines):
    return ' '.join(line.strip() for line in lines).strip()


def _type_entry(item):
    if isinstance(item, model.EnumType):
        rows = [f'- `{value.name}`: {_joined(item.doc.members[value.name])}'
                for value in item.values]
        return _page('Enum', item, 'Values', rows)
    if isinstance(item, model.AlternateType):
        rows = [f'- {_type_name(branch.type)}: {_joined(item.doc.members[branch.name])}'
                for branch in item.branches]
        return _page('Alternate', item, 'One of', rows)
    return _entry('Object', item, item)


def _entry(kind, item, members_of):
    rows = []
    if members_of.name != item.name:
        rows.append(f'- the members of `{members_of.name}`')
    else:
        if members_of.base:
            rows.append(f'- the members of `{members_of.base.name}`')
        rows += [_member_row(member, item.doc) for member in members_of.own_members]
        for value, branch in members_of.branches.items():
            rows.append(f'- where `{members_of.discriminator}` is `{value}`: '
                        f'the members of `{branch.name}`')
    return _page(kind, item, 'Members' if kind == 'Object' else 'Arguments', rows)


def _member_row(member, doc):
    optional = ', optional' if member.optional else ''
    return (f'- `{member.name}` ({_type_name(member.type)}{optional}): '
            f'{_joined(doc.members[member.name])}')


def _page(kind, item, heading, rows):
    lines = [f'### {kind} `{item.name}`', '', '\n'.join(item.doc.body).strip(), '']
    if rows:
        lines += [f'{heading}:', '', *rows, '']
    if item.doc.features:
        lines += ['Features:', '']
        lines += [f'- `{name}`: {_joined(text)}' for name, text in item.doc.features.items()]
        lines.append('')
    if isinstance(item, model.Command) and item.returns:
        lines += [f'Result: {_type_name(item.returns)}', '']
    for tag, text in item.doc.sections:
        if tag.startswith('Example'):
            lines += ['Example:', '', '```', *_trimmed(text), '```', '']
        else:
            lines += [f'{tag}: {_joined(text)}', '']
    return '\n'.join(lines)


def _trimmed(lines):
    text = '\n'.join(lines).strip('\n')
    return text.split('\n')
