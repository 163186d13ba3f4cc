# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Back end: what query-qmp-schema answers, as one JSON text in a C file."""

import json

from . import model
from .output import c_string

_JSON_NAMES = {'int': 'int', 'string': 'str', 'number': 'number', 'boolean': 'bool',
               'value': 'any', 'null': 'null'}


def definitions(schema, prefix):
    """C text that defines the schema's description."""
    entries = describe(schema)
    lines = [c_string((',' if index else '[') + json.dumps(entry))
             for index, entry in enumerate(entries)]
    text = '\n    '.join(lines + ['"]"'])
    return f'const char {prefix}qapi_schema_json[] =\n    {text};\n'


def describe(schema):
    """List of SchemaInfo objects: commands and events, then every type they reach."""
    return _Describer().describe(schema)


class _Describer:
    def __init__(self):
        self._entries = []
        self._seen = {}

    def describe(self, schema):
        """See describe() of the module."""
        for command in schema.commands:
            self._command(command)
        for event in schema.events:
            entry = {'name': event.name, 'meta-type': 'event',
                     'arg-type': self._arguments(event)}
            self._add(entry, event.features)
        return self._entries

    def _add(self, entry, features):
        if features:
            entry['features'] = [feature.name for feature in features]
        self._entries.append(entry)

    def _command(self, command):
        entry = {'name': command.name, 'meta-type': 'command',
                 'arg-type': self._arguments(command),
                 'ret-type': self._use(command.returns) if command.returns else self._empty()}
        if command.allow_oob:
            entry['allow-oob'] = True
        self._add(entry, command.features)

    def _empty(self):
        return self._use(model.ObjectType('q_empty', ''))

    def _arguments(self, item):
        arguments = item.arguments
        if not arguments.implicit:
            return self._use(arguments)
        if not arguments.members:
            return self._empty()
        kind = model.ObjectType(f'q_obj_{item.name}-arg', item.module)
        kind.own_members = arguments.members
        return self._use(kind)

    def _use(self, kind):
        """Name of @kind in the description; describes it first if it is new."""
        if isinstance(kind, model.BuiltinType):
            return self._use_builtin(kind)
        if kind.name not in self._seen:
            self._seen[kind.name] = True
            describe_kind = {model.ArrayType: self._array, model.EnumType: self._enum,
                             model.ObjectType: self._object, model.AlternateType: self._alternate}
            self._add(describe_kind[type(kind)](kind), kind.features)
        return kind.name

    def _use_builtin(self, kind):
        name = _JSON_NAMES[kind.json]
        if name not in self._seen:
            self._seen[name] = True
            self._entries.append({'name': name, 'meta-type': 'builtin', 'json-type': kind.json})
        return name

    def _array(self, kind):
        element = kind.element
        while isinstance(element, model.ArrayType):
            element = element.element
        return {'name': kind.name, 'meta-type': 'array', 'element-type': self._use(element)}

    @staticmethod
    def _enum(kind):
        members = []
        for value in kind.values:
            member = {'name': value.name}
            if value.features:
                member['features'] = [feature.name for feature in value.features]
            members.append(member)
        return {'name': kind.name, 'meta-type': 'enum', 'members': members,
                'values': [value.name for value in kind.values]}

    def _object(self, kind):
        entry = {'name': kind.name, 'meta-type': 'object', 'members': []}
        for member in kind.members:
            row = {'name': member.name, 'type': self._use(member.type)}
            if member.optional:
                row['default'] = None
            if member.features:
                row['features'] = [feature.name for feature in member.features]
            entry['members'].append(row)
        if kind.tag:
            entry['tag'] = kind.tag.name
            empty = self._empty
            entry['variants'] = [
                {'case': value.name,
                 'type': self._use(kind.branches[value.name]) if value.name in kind.branches
                 else empty()} for value in kind.tag.type.values]
        return entry

    def _alternate(self, kind):
        return {'name': kind.name, 'meta-type': 'alternate',
                'members': [{'type': self._use(branch.type)} for branch in kind.branches]}
