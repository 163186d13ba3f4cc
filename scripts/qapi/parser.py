# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Reads schema files into a list of raw definitions, following includes."""

import os
from dataclasses import dataclass, field

from .docblock import DocBlock
from .lexer import Lexer
from .source import Position, SchemaError

_PRAGMA_LISTS = ('command-name-exceptions', 'member-name-exceptions',
                 'command-returns-exceptions')


@dataclass
class Expression:
    """One definition as written: its keys and values, its documentation, its place."""

    data: dict
    doc: DocBlock
    position: Position
    module: str


@dataclass
class Pragma:
    """Names that may break a naming rule, because clients know them so."""

    exceptions: dict = field(default_factory=lambda: {key: set() for key in _PRAGMA_LISTS})


class SchemaReader:
    """All definitions of a schema, in the order of the files that hold them."""

    def __init__(self):
        self.expressions = []
        self.free_text = {}
        self.pragma = Pragma()
        self.modules = []
        self._open_files = []

    def read(self, path, included_at=None):
        """Read @path and whatever it includes."""
        real = os.path.realpath(path)
        if real in self._open_files:
            raise SchemaError(included_at, f"inclusion loop for '{os.path.basename(path)}'")
        module = os.path.splitext(os.path.basename(path))[0]
        if module in self.modules:
            return
        try:
            with open(path, encoding='utf-8') as file:
                text = file.read()
        except (OSError, UnicodeDecodeError) as error:
            where = included_at or Position(path, 1)
            raise SchemaError(where, f"cannot read '{path}': {error}") from error
        self._open_files.append(real)
        _FileParser(self, text, path, module).parse()
        self._open_files.pop()
        self.modules.append(module)


class _FileParser:
    def __init__(self, reader, text, path, module):
        self._reader = reader
        self._path = path
        self._module = module
        self._tokens = Lexer(text, path).tokens()
        self._token = next(self._tokens)

    def parse(self):
        doc = None
        while self._token.kind != 'end':
            if self._token.kind == 'doc':
                self._no_orphan(doc)
                doc = self._doc()
                continue
            position = self._token.position
            if self._token.kind != '{':
                raise SchemaError(position, f"expected '{{' instead of {self._token}")
            data = self._object()
            if 'include' in data or 'pragma' in data:
                self._no_orphan(doc)
                self._directive(data, position)
            else:
                self._reader.expressions.append(Expression(data, doc, position, self._module))
                doc = None
        self._no_orphan(doc)

    @staticmethod
    def _no_orphan(doc):
        if doc:
            raise SchemaError(doc.position, f"documentation of '{doc.symbol}' is not followed "
                              "by its definition")

    def _doc(self):
        doc = DocBlock(self._token.value, self._token.position)
        self._advance()
        if doc.symbol:
            return doc
        self._reader.free_text.setdefault(self._module, []).append(doc)
        return None

    def _directive(self, data, position):
        if len(data) != 1:
            raise SchemaError(position, "'include' and 'pragma' stand alone in their object")
        if 'include' in data:
            self._include(data['include'], position)
        else:
            self._pragma(data['pragma'], position)

    def _include(self, name, position):
        if not isinstance(name, str):
            raise SchemaError(position, "value of 'include' must be a string")
        self._reader.read(os.path.join(os.path.dirname(self._path), name), position)

    def _pragma(self, pragma, position):
        if not isinstance(pragma, dict):
            raise SchemaError(position, "value of 'pragma' must be an object")
        for key, names in pragma.items():
            if key not in _PRAGMA_LISTS:
                raise SchemaError(position, f"unknown pragma '{key}'")
            if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
                raise SchemaError(position, f"pragma '{key}' must be a list of strings")
            self._reader.pragma.exceptions[key].update(names)

    def _advance(self):
        self._token = next(self._tokens)

    def _expect(self, kind):
        if self._token.kind != kind:
            raise SchemaError(self._token.position, f"expected '{kind}' instead of {self._token}")
        value = self._token.value
        self._advance()
        return value

    def _value(self):
        if self._token.kind == '{':
            return self._object()
        if self._token.kind == '[':
            return self._list()
        if self._token.kind in ('string', 'bool'):
            value = self._token.value
            self._advance()
            return value
        raise SchemaError(self._token.position, f'expected a value instead of {self._token}')

    def _object(self):
        result = {}
        self._expect('{')
        if self._token.kind == '}':
            self._advance()
            return result
        while True:
            position = self._token.position
            key = self._expect('string')
            self._expect(':')
            if key in result:
                raise SchemaError(position, f"duplicate key '{key}'")
            result[key] = self._value()
            if self._token.kind == '}':
                self._advance()
                return result
            self._expect(',')

    def _list(self):
        result = []
        self._expect('[')
        if self._token.kind == ']':
            self._advance()
            return result
        while True:
            result.append(self._value())
            if self._token.kind == ']':
                self._advance()
                return result
            self._expect(',')
