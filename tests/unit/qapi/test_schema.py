#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Bad schemas must be refused with a text that names the place, and good ones understood."""

import os
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(__file__), '..', '..', '..', 'scripts'))

from qapi import document, introspect_c  # pylint: disable=wrong-import-position
from qapi.builder import load_schema  # pylint: disable=wrong-import-position
from qapi.names import c_name, c_upper, camel  # pylint: disable=wrong-import-position
from qapi.source import SchemaError  # pylint: disable=wrong-import-position


def doc(name, members=(), extra=()):
    """A documentation block that suits a definition."""
    lines = ['', '##', f'# @{name}:', '#', '# Text.', '#']
    for member in members:
        lines += [f'# @{member}: text', '#']
    lines += list(extra)
    return '\n'.join(lines + ['# Since: 0.1', '##', ''])


class SchemaCase(unittest.TestCase):
    """Loads schemas from text."""

    def load(self, text, **files):
        """The model of @text; further files by name without extension."""
        with tempfile.TemporaryDirectory() as folder:
            for name, content in dict(files, main=text).items():
                with open(os.path.join(folder, name + '.json'), 'w', encoding='utf-8') as file:
                    file.write(content)
            return load_schema(os.path.join(folder, 'main.json'),
                               {'CONFIG_ON': True, 'CONFIG_OFF': False})

    def refuse(self, expected, text, **files):
        """@text must be refused with a message that holds @expected."""
        with self.assertRaises(SchemaError) as caught:
            self.load(text, **files)
        self.assertIn(expected, str(caught.exception))
        return str(caught.exception)


class LexerTest(SchemaCase):
    """Tokens."""

    def test_stray_character(self):
        self.assertIn('main.json:2: ', self.refuse("stray '@'", '# comment\n@'))

    def test_stray_word(self):
        self.refuse("stray 'null'", "{ 'enum': null }")

    def test_unclosed_string(self):
        self.refuse('lacks its closing quote', "{ 'enum: 3")

    def test_backslash(self):
        self.refuse('backslash', "{ 'a\\n': true }")

    def test_number(self):
        self.refuse("stray '3'", "{ 'enum': 3 }")

    def test_doc_unclosed(self):
        self.refuse("lacks its closing '##'", '##\n# @A:\n')

    def test_doc_line_without_hash(self):
        self.refuse("begins with '# '", '##\n# @A:\ntext\n##\n')

    def test_doc_opening_with_text(self):
        self.refuse('holds nothing else', '## @A:\n##\n')


class ParserTest(SchemaCase):
    """Structure and directives."""

    def test_not_an_object(self):
        self.refuse("expected '{' instead of '['", "[ 'a' ]")

    def test_missing_comma(self):
        self.refuse("expected ','", "{ 'a': 'b' 'c': 'd' }")

    def test_missing_colon(self):
        self.refuse("expected ':'", "{ 'a' 'b' }")

    def test_missing_value(self):
        self.refuse('expected a value', "{ 'a': }")

    def test_trailing_comma(self):
        self.refuse("expected 'string'", "{ 'a': 'b', }")

    def test_trailing_comma_in_list(self):
        self.refuse('expected a value', "{ 'a': [ 'b', ] }")

    def test_end_of_file(self):
        self.refuse('end of file', "{ 'a': 'b'")

    def test_duplicate_key(self):
        self.refuse("duplicate key 'a'", "{ 'a': 'b', 'a': 'c' }")

    def test_include_loop(self):
        self.refuse("inclusion loop for 'main.json'", "{ 'include': 'other.json' }",
                    other="{ 'include': 'main.json' }")

    def test_include_itself(self):
        self.refuse('inclusion loop', "{ 'include': 'main.json' }")

    def test_include_missing(self):
        self.assertIn('main.json:1', self.refuse("cannot read", "{ 'include': 'none.json' }"))

    def test_include_not_a_string(self):
        self.refuse('must be a string', "{ 'include': [ 'a' ] }")

    def test_include_with_more(self):
        self.refuse('stand alone', "{ 'include': 'a.json', 'if': 'CONFIG_ON' }")

    def test_include_twice_is_fine(self):
        enum = doc('E', ['a']) + "{ 'enum': 'E', 'data': ['a'] }"
        schema = self.load("{ 'include': 'a.json' }\n{ 'include': 'a.json' }", a=enum)
        self.assertEqual([t.name for t in schema.types], ['E'])

    def test_unknown_pragma(self):
        self.refuse("unknown pragma 'zork'", "{ 'pragma': { 'zork': [] } }")

    def test_pragma_not_an_object(self):
        self.refuse('must be an object', "{ 'pragma': [] }")

    def test_pragma_bad_list(self):
        self.refuse('list of strings', "{ 'pragma': { 'command-name-exceptions': 'a' } }")


class DocTest(SchemaCase):
    """Documentation that does not fit."""

    def test_missing(self):
        self.refuse('documentation is missing', "{ 'enum': 'E', 'data': ['a'] }")

    def test_other_name(self):
        self.refuse("documentation is for 'F'", doc('F', ['a']) + "{ 'enum': 'E', 'data': ['a'] }")

    def test_orphan(self):
        self.refuse('not followed', doc('E', ['a']))

    def test_orphan_before_doc(self):
        self.refuse('not followed',
                    doc('E', ['a']) + doc('F', ['a']) + "{ 'enum': 'F', 'data': ['a'] }")

    def test_bad_symbol(self):
        self.refuse("expected '@NAME:'", '##\n# @E\n##\n')

    def test_unknown_member(self):
        self.refuse("documented member 'b' does not exist",
                    doc('E', ['a', 'b']) + "{ 'enum': 'E', 'data': ['a'] }")

    def test_undocumented_member(self):
        self.refuse("member 'x' is not documented",
                    doc('S') + "{ 'struct': 'S', 'data': { '*x': 'int' } }")

    def test_member_twice(self):
        self.refuse('documented twice', doc('E', ['a', 'a']) + "{ 'enum': 'E', 'data': ['a'] }")

    def test_empty_member(self):
        self.refuse("documentation of member 'a' is empty",
                    '##\n# @E:\n#\n# T.\n#\n# @a:\n#\n# Since: 1\n##\n'
                    "{ 'enum': 'E', 'data': ['a'] }")

    def test_no_description(self):
        self.refuse('lacks a description',
                    "##\n# @c:\n#\n# Since: 1\n##\n{ 'command': 'c' }")

    def test_no_since(self):
        self.refuse("lacks a 'Since:'", "##\n# @c:\n#\n# T.\n##\n{ 'command': 'c' }")

    def test_section_twice(self):
        self.refuse("section 'Since' appears twice",
                    doc('c', extra=['# Since: 2', '#']) + "{ 'command': 'c' }")

    def test_todo(self):
        self.refuse("'TODO' has no place",
                    doc('c', extra=['# TODO: more', '#']) + "{ 'command': 'c' }")

    def test_feature_mismatch(self):
        self.refuse("documented feature 'f' does not exist",
                    doc('c', extra=['# Features:', '# @f: text', '#']) + "{ 'command': 'c' }")
        self.refuse("feature 'f' is not documented",
                    doc('c') + "{ 'command': 'c', 'features': ['f'] }")


class DefinitionTest(SchemaCase):
    """Keys, names and shapes of single definitions."""

    def bad(self, expected, definition, name='c', members=()):
        """A documented definition that must be refused."""
        self.refuse(expected, doc(name, members) + definition)

    def test_no_kind(self):
        self.refuse('exactly one of the keys', doc('c') + "{ 'data': {} }")

    def test_two_kinds(self):
        self.bad('exactly one of the keys', "{ 'command': 'c', 'event': 'C' }")

    def test_name_not_a_string(self):
        self.bad('name of the command must be a string', "{ 'command': ['c'] }")

    def test_unknown_key(self):
        self.bad("unknown key 'zork'", "{ 'command': 'c', 'zork': true }")

    def test_missing_key(self):
        self.bad("key 'data' is missing", "{ 'enum': 'E' }", 'E')
        self.bad("key 'discriminator' is missing", "{ 'union': 'U', 'base': {}, 'data': {} }", 'U')
        self.bad("key 'base' is missing", "{ 'union': 'U', 'discriminator': 'a', 'data': {} }", 'U')

    def test_flags(self):
        self.bad("flag 'boxed' may only be true", "{ 'command': 'c', 'boxed': false }")
        self.bad("flag 'gen' may only be false", "{ 'command': 'c', 'gen': true }")
        self.bad("flag 'allow-oob' may only be true", "{ 'command': 'c', 'allow-oob': 'on' }")

    def test_names(self):
        self.bad('lower case with hyphens', "{ 'command': 'do_it' }", 'do_it')
        self.bad('UPPER_CASE', "{ 'event': 'Done' }", 'Done')
        self.bad('CamelCase', "{ 'enum': 'my-enum', 'data': ['a'] }", 'my-enum', ['a'])
        self.bad('reserved', "{ 'enum': 'MyList', 'data': ['a'] }", 'MyList', ['a'])

    def test_name_exception(self):
        schema = self.load("{ 'pragma': { 'command-name-exceptions': ['do_it'] } }\n" +
                           doc('do_it') + "{ 'command': 'do_it' }")
        self.assertEqual(schema.commands[0].name, 'do_it')

    def test_member_names(self):
        self.bad("member name 'A' must be lower case",
                 "{ 'struct': 'S', 'data': { 'A': 'int' } }", 'S', ['A'])
        self.bad("member name '*a_b' must be", "{ 'struct': 'S', 'data': { '*a_b': 'int' } }",
                 'S', ['a_b'])
        self.bad('is reserved', "{ 'struct': 'S', 'data': { 'u': 'int' } }", 'S', ['u'])
        self.bad('is reserved', "{ 'struct': 'S', 'data': { 'has-x': 'int' } }", 'S', ['has-x'])

    def test_enum_shape(self):
        self.bad("'data' must be a list", "{ 'enum': 'E', 'data': {} }", 'E')
        self.bad('bad value name', "{ 'enum': 'E', 'data': ['a b'] }", 'E')
        self.bad('bad value name', "{ 'enum': 'E', 'data': [true] }", 'E')
        self.bad("unknown key 'x'", "{ 'enum': 'E', 'data': [{'name': 'a', 'x': 'y'}] }", 'E')
        self.bad("lacks the key 'name'", "{ 'enum': 'E', 'data': [{'if': 'CONFIG_ON'}] }", 'E')
        self.bad("'prefix' must be a string", "{ 'enum': 'E', 'data': [], 'prefix': true }", 'E')
        self.bad("clashes with 'a-b'", "{ 'enum': 'E', 'data': ['a-b', 'a_b'] }", 'E')

    def test_struct_shape(self):
        self.bad('must be an object', "{ 'struct': 'S', 'data': ['a'] }", 'S')
        self.bad('must be a type name', "{ 'struct': 'S', 'data': {'a': true} }", 'S', ['a'])
        self.bad('exactly one type name', "{ 'struct': 'S', 'data': {'a': ['int', 'str']} }", 'S',
                 ['a'])
        self.bad("lacks the key 'type'", "{ 'struct': 'S', 'data': {'a': {'if': 'CONFIG_ON'}} }",
                 'S', ['a'])
        self.bad("unknown key 'x'", "{ 'struct': 'S', 'data': {'a': {'type': 'int', 'x': 'y'}} }",
                 'S', ['a'])
        self.bad("'base' must be a type name", "{ 'struct': 'S', 'base': ['A'], 'data': {} }", 'S')

    def test_arguments(self):
        self.bad("only with 'boxed'", "{ 'command': 'c', 'data': 'S' }")
        self.bad('needs a type name', "{ 'command': 'c', 'boxed': true, 'data': {'a': 'int'} }",
                 members=['a'])
        self.bad("'returns' must be a type name", "{ 'command': 'c', 'returns': {} }")

    def test_features(self):
        self.bad("'features' must be a list", "{ 'command': 'c', 'features': 'f' }")
        self.bad('bad feature', "{ 'command': 'c', 'features': ['F F'] }")
        self.bad('appears twice', "{ 'command': 'c', 'features': ['f', 'f'] }")


class ReferenceTest(SchemaCase):
    """What spans several definitions."""

    ENUM = doc('E', ['a', 'b']) + "{ 'enum': 'E', 'data': ['a', 'b'] }\n"
    STRUCT = doc('S', ['x']) + "{ 'struct': 'S', 'data': { 'x': 'int' } }\n"

    def union(self, text, members=('e',)):
        """A union over E and S."""
        return self.ENUM + self.STRUCT + doc('U', members) + text

    def test_duplicate_name(self):
        self.refuse('exists already', self.ENUM + self.ENUM)
        self.refuse('exists already', self.STRUCT.replace("'x'", "'x'") + self.STRUCT)

    def test_missing_type(self):
        text = self.refuse("type 'T' does not exist",
                           doc('S', ['x']) + "{ 'struct': 'S', 'data': { 'x': 'T' } }")
        self.assertIn("in struct 'S'", text)
        self.refuse("type 'T' does not exist", doc('c') + "{ 'command': 'c', 'returns': ['T'] }")

    def test_type_left_out(self):
        off = doc('E', ['a']) + "{ 'enum': 'E', 'data': ['a'], 'if': 'CONFIG_OFF' }\n"
        self.refuse("type 'E' does not exist in this build",
                    off + doc('S', ['x']) + "{ 'struct': 'S', 'data': { 'x': 'E' } }")

    def test_command_as_type(self):
        self.refuse("'c' is a command, not a type",
                    doc('c') + "{ 'command': 'c' }" + doc('d') +
                    "{ 'command': 'd', 'returns': 'c' }")

    def test_base(self):
        self.refuse("base 'E' is not a struct",
                    self.ENUM + doc('S') + "{ 'struct': 'S', 'base': 'E', 'data': {} }")
        self.refuse('inherits from itself', doc('S') + "{ 'struct': 'S', 'base': 'S', 'data': {} }")
        self.refuse('inherits from itself',
                    doc('A') + "{ 'struct': 'A', 'base': 'B', 'data': {} }" +
                    doc('B') + "{ 'struct': 'B', 'base': 'A', 'data': {} }")

    def test_clash(self):
        self.refuse("member 'x' clashes",
                    self.STRUCT + doc('T', ['x']) +
                    "{ 'struct': 'T', 'base': 'S', 'data': { 'x': 'int' } }")
        self.refuse("member 'a_b' clashes",
                    "{ 'pragma': { 'member-name-exceptions': ['a_b'] } }" +
                    doc('T', ['a-b', 'a_b']) +
                    "{ 'struct': 'T', 'data': { 'a-b': 'int', 'a_b': 'int' } }")

    def test_discriminator(self):
        self.refuse("discriminator 'f' is not a member of 'base'", self.union(
            "{ 'union': 'U', 'base': {'e': 'E'}, 'discriminator': 'f', 'data': {} }"))
        self.refuse('must be of an enum type', self.union(
            "{ 'union': 'U', 'base': {'e': 'str'}, 'discriminator': 'e', 'data': {} }"))
        self.refuse('must not be optional', self.union(
            "{ 'union': 'U', 'base': {'*e': 'E'}, 'discriminator': 'e', 'data': {} }"))
        self.refuse("'discriminator' must be a string", self.union(
            "{ 'union': 'U', 'base': {'e': 'E'}, 'discriminator': ['e'], 'data': {} }"))

    def test_branches(self):
        self.refuse("branch 'z' is not a value of enum 'E'", self.union(
            "{ 'union': 'U', 'base': {'e': 'E'}, 'discriminator': 'e', 'data': {'z': 'S'} }"))
        self.refuse("branch 'a' must be a struct", self.union(
            "{ 'union': 'U', 'base': {'e': 'E'}, 'discriminator': 'e', 'data': {'a': 'int'} }"))
        self.refuse("branch 'a' must be a type name", self.union(
            "{ 'union': 'U', 'base': {'e': 'E'}, 'discriminator': 'e', 'data': {'a': ['S']} }"))
        self.refuse("member 'x' clashes", self.union(
            "{ 'union': 'U', 'base': {'e': 'E', 'x': 'int'}, 'discriminator': 'e', "
            "'data': {'a': 'S'} }", ('e', 'x')))

    def test_alternate(self):
        head = self.ENUM + doc('A', ['p', 'q'])
        self.refuse("branch 'q' cannot be told from 'p'",
                    head + "{ 'alternate': 'A', 'data': { 'p': 'str', 'q': 'E' } }")
        self.refuse("cannot be told", head +
                    "{ 'alternate': 'A', 'data': { 'p': 'int', 'q': 'number' } }")
        self.refuse("cannot have a branch of type 'any'", head +
                    "{ 'alternate': 'A', 'data': { 'p': 'str', 'q': 'any' } }")
        self.refuse('must not be empty', doc('A') + "{ 'alternate': 'A', 'data': {} }")
        self.refuse("'AKind' is needed",
                    doc('AKind', ['a']) + "{ 'enum': 'AKind', 'data': ['a'] }\n" +
                    doc('A', ['p']) + "{ 'alternate': 'A', 'data': { 'p': 'str' } }")

    def test_null(self):
        self.refuse("only a branch of an alternate can be 'null'",
                    doc('S', ['x']) + "{ 'struct': 'S', 'data': { 'x': 'null' } }")
        self.refuse("list of 'null'",
                    doc('S', ['x']) + "{ 'struct': 'S', 'data': { 'x': ['null'] } }")

    def test_returns(self):
        self.refuse("must be an object or a list of objects, not 'str'",
                    doc('c') + "{ 'command': 'c', 'returns': 'str' }")

    def test_boxed_scalar(self):
        self.refuse('not a struct or a union',
                    self.ENUM + doc('c') + "{ 'command': 'c', 'boxed': true, 'data': 'E' }")


class ConditionTest(SchemaCase):
    """Parts that depend on the build."""

    def test_unknown(self):
        self.refuse("unknown condition 'CONFIG_X'",
                    doc('c') + "{ 'command': 'c', 'if': 'CONFIG_X' }")

    def test_malformed(self):
        for condition, expected in (("['CONFIG_ON']", 'must be a name or one of'),
                                    ("{ 'xor': 'CONFIG_ON' }", "unknown operator 'xor'"),
                                    ("{ 'all': 'CONFIG_ON' }", "'all' in 'if' needs a list"),
                                    ("{ 'any': [] }", "'any' in 'if' needs a list")):
            self.refuse(expected, doc('c') + "{ 'command': 'c', 'if': " + condition + ' }')

    def test_evaluation(self):
        cases = {"'CONFIG_ON'": 1, "'CONFIG_OFF'": 0, "{ 'not': 'CONFIG_OFF' }": 1,
                 "{ 'all': ['CONFIG_ON', 'CONFIG_OFF'] }": 0,
                 "{ 'any': ['CONFIG_ON', 'CONFIG_OFF'] }": 1}
        for condition, count in cases.items():
            schema = self.load(doc('c') + "{ 'command': 'c', 'if': " + condition + ' }')
            self.assertEqual(len(schema.commands), count, condition)

    def test_members_and_values(self):
        schema = self.load(
            doc('E', ['a', 'b']) +
            "{ 'enum': 'E', 'data': ['a', {'name': 'b', 'if': 'CONFIG_OFF'}] }" +
            doc('S', ['x', 'y']) + "{ 'struct': 'S', 'data': { 'x': 'int', "
            "'y': {'type': 'int', 'if': 'CONFIG_OFF'} } }")
        self.assertEqual([value.name for value in schema.types[0].values], ['a'])
        self.assertEqual([member.name for member in schema.types[1].members], ['x'])


class OutputTest(SchemaCase):
    """Introspection and manual."""

    TEXT = (doc('E', ['a']) + "{ 'enum': 'E', 'data': ['a'] }\n" +
            doc('S', ['x']) + "{ 'struct': 'S', 'data': { '*x': 'uint8' } }\n" +
            doc('U', ['e']) + "{ 'union': 'U', 'base': {'e': 'E'}, 'discriminator': 'e', "
            "'data': {'a': 'S'} }\n" +
            doc('c', ['p'], ['# Features:', '# @f: text of feature', '#']) +
            "{ 'command': 'c', 'data': { 'p': 'U' }, 'returns': ['S'], 'features': ['f'], "
            "'allow-oob': true }\n" + doc('EV') + "{ 'event': 'EV' }")

    def test_introspection(self):
        entries = {entry['name']: entry
                   for entry in introspect_c.describe(self.load(self.TEXT))}
        self.assertEqual(entries['c'], {
            'name': 'c', 'meta-type': 'command', 'arg-type': 'q_obj_c-arg', 'ret-type': '[S]',
            'allow-oob': True, 'features': ['f']})
        self.assertEqual(entries['S']['members'],
                         [{'name': 'x', 'type': 'int', 'default': None}])
        self.assertEqual(entries['U']['tag'], 'e')
        self.assertEqual(entries['U']['variants'], [{'case': 'a', 'type': 'S'}])
        self.assertEqual(entries['EV']['arg-type'], 'q_empty')
        self.assertEqual(entries['int']['json-type'], 'int')

    def test_every_name_is_described(self):
        entries = introspect_c.describe(self.load(self.TEXT))
        names = [entry['name'] for entry in entries]
        self.assertEqual(len(names), len(set(names)))
        for entry in entries:
            for key in ('arg-type', 'ret-type', 'element-type'):
                if key in entry:
                    self.assertIn(entry[key], names)
            for member in entry.get('members', []):
                self.assertIn(member.get('type', 'int'), names)

    def test_manual(self):
        manual = document.manual(self.load(self.TEXT))
        for part in ('### Command `c`', '- `p` (`U`): text', 'Result: list of `S`',
                     'text of feature', '### Event `EV`', '### Enum `E`',
                     'where `e` is `a`: the members of `S`'):
            self.assertIn(part, manual)

    def test_manual_keeps_the_order(self):
        manual = document.manual(self.load(doc('A') + "{ 'struct': 'A', 'data': {} }" +
                                           '\n##\n# = Title\n##\n' +
                                           doc('c') + "{ 'command': 'c' }" +
                                           doc('B') + "{ 'struct': 'B', 'data': {} }"))
        places = [manual.index(text) for text in ('`A`', '## Title', '`c`', '`B`')]
        self.assertEqual(places, sorted(places))

    def test_names(self):
        self.assertEqual(c_name('max-bandwidth'), 'max_bandwidth')
        self.assertEqual(c_name('default'), 'q_default')
        self.assertEqual(c_upper('MigrationStatus'), 'MIGRATION_STATUS')
        self.assertEqual(c_upper('COLOExitReason'), 'COLO_EXIT_REASON')
        self.assertEqual(c_upper('guest-reset'), 'GUEST_RESET')
        self.assertEqual(camel('query-status'), 'QueryStatus')


if __name__ == '__main__':
    unittest.main()
