# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Checks each definition on its own: its keys, the shape of their values, the names it uses.

What needs to see other definitions (types that must exist, clashes, discriminators) is checked
when the model is built.
"""

from . import names
from .source import SchemaError

_COMMON = {'if', 'features'}
_REQUIRED = {
    'enum': {'data'},
    'struct': {'data'},
    'union': {'base', 'discriminator', 'data'},
    'alternate': {'data'},
    'command': set(),
    'event': set(),
}
_OPTIONAL = {
    'enum': {'prefix'},
    'struct': {'base'},
    'union': set(),
    'alternate': set(),
    'command': {'data', 'returns', 'boxed', 'gen', 'allow-oob'},
    'event': {'data', 'boxed'},
}
_FLAGS = ('boxed', 'allow-oob')


class Checker:
    """Checks one expression; errors name the definition."""

    def __init__(self, pragma):
        self._exceptions = pragma.exceptions
        self._position = None
        self._what = ''

    def check(self, expression):
        """Return (kind, name) of a well-formed @expression."""
        self._position = expression.position
        self._what = ''
        data = expression.data
        kinds = [kind for kind in _REQUIRED if kind in data]
        if len(kinds) != 1:
            self._fail("a definition has exactly one of the keys " +
                       ', '.join(f"'{kind}'" for kind in _REQUIRED))
        kind = kinds[0]
        name = data[kind]
        if not isinstance(name, str):
            self._fail(f"name of the {kind} must be a string")
        self._what = f"{kind} '{name}'"
        self._check_keys(kind, data)
        self._check_definition_name(kind, name)
        self._check_doc(name, expression.doc)
        self._check_features(data.get('features', []), 'features')
        getattr(self, '_check_' + kind)(data)
        return kind, name

    def _fail(self, message):
        raise SchemaError(self._position, message, self._what)

    def _check_keys(self, kind, data):
        allowed = {kind} | _REQUIRED[kind] | _OPTIONAL[kind] | _COMMON
        for key in data:
            if key not in allowed:
                self._fail(f"unknown key '{key}'")
        for key in sorted(_REQUIRED[kind]):
            if key not in data:
                self._fail(f"key '{key}' is missing")
        for flag in _FLAGS:
            if flag in data and data[flag] is not True:
                self._fail(f"flag '{flag}' may only be true")
        if 'gen' in data and data['gen'] is not False:
            self._fail("flag 'gen' may only be false")

    def _check_definition_name(self, kind, name):
        if kind == 'command':
            pattern, rule = names.LOWER_NAME, 'lower case with hyphens'
            if name in self._exceptions['command-name-exceptions']:
                pattern = names.LOOSE_NAME
        elif kind == 'event':
            pattern, rule = names.UPPER_NAME, 'UPPER_CASE'
        else:
            pattern, rule = names.CAMEL_NAME, 'CamelCase'
        if not pattern.match(name):
            self._fail(f"name must be {rule}")
        if kind not in ('command', 'event') and name.endswith('List'):
            self._fail("names that end in 'List' are reserved")

    def _check_doc(self, name, doc):
        if doc is None:
            self._fail('documentation is missing')
        if doc.symbol != name:
            self._fail(f"documentation is for '{doc.symbol}'")
        if not ''.join(doc.body).strip():
            self._fail('documentation lacks a description')
        if not doc.since:
            self._fail("documentation lacks a 'Since:' section")

    def _check_features(self, features, where):
        if not isinstance(features, list):
            self._fail(f"'{where}' must be a list")
        seen = set()
        for feature in features:
            if isinstance(feature, dict) and set(feature) <= {'name', 'if'} and 'name' in feature:
                feature = feature['name']
            if not isinstance(feature, str) or not names.LOWER_NAME.match(feature):
                self._fail(f"'{where}' holds a bad feature {feature!r}")
            if feature in seen:
                self._fail(f"feature '{feature}' appears twice")
            seen.add(feature)

    def _check_member_name(self, name):
        plain = name[1:] if name.startswith('*') else name
        if plain in self._exceptions['member-name-exceptions']:
            return
        if not names.LOWER_NAME.match(plain):
            self._fail(f"member name '{name}' must be lower case with hyphens")
        if plain == 'u' or plain.startswith('has-'):
            self._fail(f"member name '{name}' is reserved")

    def _check_type(self, value, where, allow_list=True):
        if isinstance(value, str):
            return
        if isinstance(value, list) and allow_list:
            if len(value) != 1 or not isinstance(value[0], str):
                self._fail(f"{where}: a list type must hold exactly one type name")
            return
        self._fail(f"{where} must be a type name" + (' or a list of one' if allow_list else ''))

    def _check_members(self, members, where):
        if not isinstance(members, dict):
            self._fail(f"'{where}' must be an object or a type name")
        for name, value in members.items():
            self._check_member_name(name)
            what = f"type of member '{name}'"
            if isinstance(value, dict):
                self._check_long_form(value, {'type', 'if', 'features'}, 'type', what)
                self._check_features(value.get('features', []), f"features of '{name}'")
                value = value['type']
            self._check_type(value, what)

    def _check_long_form(self, value, allowed, needed, what):
        for key in value:
            if key not in allowed:
                self._fail(f"{what} has the unknown key '{key}'")
        if needed not in value:
            self._fail(f"{what} lacks the key '{needed}'")

    def _check_enum(self, data):
        if not isinstance(data['data'], list):
            self._fail("'data' must be a list")
        if 'prefix' in data and not isinstance(data['prefix'], str):
            self._fail("'prefix' must be a string")
        for value in data['data']:
            if isinstance(value, dict):
                self._check_long_form(value, {'name', 'if', 'features'}, 'name', 'a value')
                self._check_features(value.get('features', []), 'features of a value')
                value = value['name']
            if not isinstance(value, str) or not names.VALUE_NAME.match(value):
                self._fail(f"bad value name {value!r}")

    def _check_struct(self, data):
        self._check_members(data['data'], 'data')
        if 'base' in data:
            self._check_type(data['base'], "'base'", allow_list=False)

    def _check_union(self, data):
        if not isinstance(data['base'], str):
            self._check_members(data['base'], 'base')
        if not isinstance(data['discriminator'], str):
            self._fail("'discriminator' must be a string")
        self._check_branches(data['data'])

    def _check_alternate(self, data):
        self._check_branches(data['data'])
        if not data['data']:
            self._fail("'data' must not be empty")

    def _check_branches(self, branches):
        if not isinstance(branches, dict):
            self._fail("'data' must be an object")
        for name, value in branches.items():
            if isinstance(value, dict):
                self._check_long_form(value, {'type', 'if'}, 'type', f"branch '{name}'")
                value = value['type']
            self._check_type(value, f"branch '{name}'", allow_list=False)

    def _check_command(self, data):
        self._check_arguments(data)
        if 'returns' in data:
            self._check_type(data['returns'], "'returns'")

    def _check_event(self, data):
        self._check_arguments(data)

    def _check_arguments(self, data):
        arguments = data.get('data', {})
        if isinstance(arguments, str):
            if not data.get('boxed'):
                self._fail("'data' may name a type only with 'boxed': true")
        else:
            if data.get('boxed'):
                self._fail("'boxed': true needs a type name in 'data'")
            self._check_members(arguments, 'data')
