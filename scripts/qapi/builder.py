# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Builds the model from raw definitions and checks what spans several of them."""

from . import model
from .checker import Checker
from .conditions import Conditions
from .parser import SchemaReader
from .source import SchemaError

_BUILTINS = (
    ('str', 'char *', 'string', True),
    ('int', 'int64_t ', 'int', False),
    ('number', 'double ', 'number', False),
    ('bool', 'bool ', 'boolean', False),
    ('int8', 'int8_t ', 'int', False),
    ('int16', 'int16_t ', 'int', False),
    ('int32', 'int32_t ', 'int', False),
    ('int64', 'int64_t ', 'int', False),
    ('uint8', 'uint8_t ', 'int', False),
    ('uint16', 'uint16_t ', 'int', False),
    ('uint32', 'uint32_t ', 'int', False),
    ('uint64', 'uint64_t ', 'int', False),
    ('size', 'uint64_t ', 'int', False),
    ('any', 'json_t *', 'value', True),
    ('null', '', 'null', True),
)


def load_schema(path, defines):
    """Read the schema that @path includes; @defines gives the conditions of this build."""
    reader = SchemaReader()
    reader.read(path)
    return _Builder(reader, Conditions(defines)).build()


class _Builder:
    def __init__(self, reader, conditions):
        self._reader = reader
        self._conditions = conditions
        self._definitions = {}
        self._types = {}
        self._arrays = {}
        self._building = []
        self._position = None
        self._what = ''
        self._builtins = {row[0]: model.BuiltinType(*row) for row in _BUILTINS}

    def build(self):
        """Return the whole model."""
        checker = Checker(self._reader.pragma)
        chosen = []
        for expression in self._reader.expressions:
            kind, name = checker.check(expression)
            self._enter(expression, kind, name)
            if name in self._definitions or name in self._builtins:
                self._fail('a definition of this name exists already')
            self._definitions[name] = (kind, expression)
            if self._holds(expression.data):
                chosen.append((kind, name, expression))
            else:
                self._definitions[name] = (None, expression)
        commands = []
        events = []
        for kind, name, expression in chosen:
            self._enter(expression, kind, name)
            if kind == 'command':
                commands.append(self._command(name, expression))
            elif kind == 'event':
                events.append(self._event(name, expression))
            else:
                self._type(name)
        types = [self._types[name] for kind, name, _ in chosen if kind not in ('command', 'event')]
        return model.Schema(self._reader.modules, self._reader.free_text, self._builtins, types,
                            commands, events)

    def _enter(self, expression, kind, name):
        self._position = expression.position
        self._what = f"{kind} '{name}'"

    def _fail(self, message):
        raise SchemaError(self._position, message, self._what)

    def _holds(self, data):
        return 'if' not in data or self._conditions.holds(data['if'], self._position, self._what)

    def _type(self, name):
        """The type called @name, built when first asked for."""
        if name in self._builtins:
            return self._builtins[name]
        if name in self._types:
            return self._types[name]
        kind, expression = self._definitions.get(name, (None, None))
        if kind is None:
            absent = ' in this build' if expression else ''
            self._fail(f"type '{name}' does not exist{absent}")
        if kind in ('command', 'event'):
            self._fail(f"'{name}' is a {kind}, not a type")
        outer = self._position, self._what
        self._enter(expression, kind, name)
        getattr(self, '_' + kind)(name, expression)
        self._position, self._what = outer
        return self._types[name]

    def _type_of(self, value):
        if isinstance(value, str):
            return self._type(value)
        element = self._type(value[0])
        if element.name == 'null':
            self._fail("a list of 'null' makes no sense")
        return self._arrays.setdefault(element.name, model.ArrayType(element))

    def _features(self, data):
        chosen = []
        for feature in data.get('features', []):
            if isinstance(feature, str):
                chosen.append(model.Feature(feature))
            elif self._holds(feature):
                chosen.append(model.Feature(feature['name']))
        return chosen

    def _enum(self, name, expression):
        values = []
        seen = {}
        for value in expression.data['data']:
            long_form = value if isinstance(value, dict) else {'name': value}
            value = model.EnumValue(long_form['name'], self._features(long_form))
            enum = model.EnumType(name, None, None, (), [], expression.data.get('prefix'))
            constant = enum.constant(value.name)
            if constant in seen:
                self._fail(f"value '{value.name}' clashes with '{seen[constant]}'")
            seen[constant] = value.name
            if self._holds(long_form):
                values.append(value)
        self._check_doc(expression, {v for v in seen.values()})
        self._types[name] = model.EnumType(name, expression.module, expression.doc,
                                           self._features(expression.data), values,
                                           expression.data.get('prefix'))

    def _members(self, data):
        members = []
        for name, value in data.items():
            long_form = value if isinstance(value, dict) else {'type': value}
            kind = self._type_of(long_form['type'])
            if kind.name == 'null':
                self._fail(f"member '{name}': only a branch of an alternate can be 'null'")
            member = model.Member(name.lstrip('*'), kind, name.startswith('*'),
                                  self._features(long_form))
            if self._holds(long_form):
                members.append(member)
        return members

    def _check_clashes(self, members):
        seen = {}
        for member in members:
            for name in filter(None, (member.c_name, member.c_flag)):
                if name in seen:
                    self._fail(f"member '{member.name}' clashes with '{seen[name]}'")
                seen[name] = member.name

    def _struct(self, name, expression):
        data = expression.data
        result = model.ObjectType(name, expression.module, expression.doc, self._features(data))
        self._types[name] = result
        if 'base' in data:
            result.base = self._base(name, data['base'])
        result.own_members = self._members(data['data'])
        self._check_clashes(result.members)
        self._check_doc(expression, {key.lstrip('*') for key in data['data']})

    def _base(self, name, base_name):
        if base_name in self._building or base_name == name:
            self._fail(f"'{base_name}' inherits from itself")
        self._building.append(name)
        base = self._type(base_name)
        self._building.pop()
        if not isinstance(base, model.ObjectType) or base.discriminator:
            self._fail(f"base '{base_name}' is not a struct")
        return base

    def _union(self, name, expression):
        data = expression.data
        result = model.ObjectType(name, expression.module, expression.doc, self._features(data))
        self._types[name] = result
        documented = set()
        if isinstance(data['base'], str):
            result.base = self._base(name, data['base'])
        else:
            result.own_members = self._members(data['base'])
            documented = {key.lstrip('*') for key in data['base']}
        self._check_clashes(result.members)
        result.discriminator = data['discriminator']
        result.branches = self._branches(result, data['data'])
        self._check_doc(expression, documented)

    def _branches(self, union, data):
        tag = union.tag
        if tag is None:
            self._fail(f"discriminator '{union.discriminator}' is not a member of 'base'")
        if not isinstance(tag.type, model.EnumType):
            self._fail(f"discriminator '{union.discriminator}' must be of an enum type")
        if tag.optional:
            self._fail(f"discriminator '{union.discriminator}' must not be optional")
        allowed = [value.name for value in tag.type.values]
        branches = {}
        for name, value in data.items():
            long_form = value if isinstance(value, dict) else {'type': value}
            if not self._holds(long_form):
                continue
            if name not in allowed:
                self._fail(f"branch '{name}' is not a value of enum '{tag.type.name}'")
            branch = self._type(long_form['type'])
            if not isinstance(branch, model.ObjectType):
                self._fail(f"branch '{name}' must be a struct or a union")
            self._check_clashes(union.members + branch.members)
            branches[name] = branch
        return branches

    def _alternate(self, name, expression):
        branches = []
        taken = {}
        if name + 'Kind' in self._definitions:
            self._fail(f"the name '{name}Kind' is needed for the kinds of its branches")
        result = model.AlternateType(name, expression.module, expression.doc,
                                     self._features(expression.data), branches)
        self._types[name] = result
        for key, value in expression.data['data'].items():
            long_form = value if isinstance(value, dict) else {'type': value}
            if not self._holds(long_form):
                continue
            kind = self._type(long_form['type'])
            json = self._json_type(kind)
            if json in taken:
                self._fail(f"branch '{key}' cannot be told from '{taken[json]}'")
            taken[json] = key
            branches.append(model.Member(key, kind))
        self._check_doc(expression, set(expression.data['data']))

    def _json_type(self, kind):
        if isinstance(kind, model.ObjectType):
            return 'object'
        if isinstance(kind, model.EnumType):
            return 'string'
        if isinstance(kind, model.BuiltinType) and kind.json != 'value':
            return 'number' if kind.json == 'int' else kind.json
        self._fail(f"an alternate cannot have a branch of type '{kind.name}'")
        return None

    def _arguments(self, name, expression):
        data = expression.data.get('data', {})
        if isinstance(data, str):
            self._check_doc(expression, set())
            kind = self._type(data)
            if not isinstance(kind, model.ObjectType):
                self._fail(f"'data' names '{data}', which is not a struct or a union")
            return kind
        arguments = model.ObjectType(name, expression.module)
        arguments.implicit = True
        arguments.own_members = self._members(data)
        self._check_clashes(arguments.members)
        self._check_doc(expression, {key.lstrip('*') for key in data})
        return arguments

    def _command(self, name, expression):
        data = expression.data
        returns = self._type_of(data['returns']) if 'returns' in data else None
        exceptions = self._reader.pragma.exceptions['command-returns-exceptions']
        if returns and name not in exceptions and not isinstance(
                returns.element if isinstance(returns, model.ArrayType) else returns,
                model.ObjectType):
            self._fail(f"'returns' must be an object or a list of objects, not '{returns.name}'")
        return model.Command(name, expression.module, expression.doc, self._features(data),
                             self._arguments(name, expression), returns, 'boxed' in data,
                             'gen' not in data, 'allow-oob' in data)

    def _event(self, name, expression):
        data = expression.data
        return model.Event(name, expression.module, expression.doc, self._features(data),
                           self._arguments(name, expression), 'boxed' in data)

    def _check_doc(self, expression, members):
        doc = expression.doc
        for name in doc.members:
            if name not in members:
                self._fail(f"documented member '{name}' does not exist")
        for name in sorted(members):
            if name not in doc.members:
                self._fail(f"member '{name}' is not documented")
            if not ''.join(doc.members[name]).strip():
                self._fail(f"documentation of member '{name}' is empty")
        features = self._feature_names(expression.data)
        for name in doc.features:
            if name not in features:
                self._fail(f"documented feature '{name}' does not exist")
        for name in sorted(features):
            if name not in doc.features:
                self._fail(f"feature '{name}' is not documented")

    @staticmethod
    def _feature_names(data):
        def own(part):
            return {f if isinstance(f, str) else f['name'] for f in part.get('features', [])}

        found = own(data)
        content = data.get('data')
        parts = content if isinstance(content, list) else (
            content.values() if isinstance(content, dict) else [])
        for part in parts:
            if isinstance(part, dict):
                found |= own(part)
        return found
