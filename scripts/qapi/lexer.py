# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Splits a schema file into tokens.

The language is JSON with single-quoted strings and `#` comments. A line that is exactly `##`
opens a documentation block, which the next such line closes.
"""

import re
from dataclasses import dataclass

from .source import Position, SchemaError

_STRING = re.compile(r"'([^'\\\n]*)'")
_WORD = re.compile(r'[A-Za-z0-9_]+')
_KEYWORDS = {'true': True, 'false': False}


@dataclass(frozen=True)
class Token:
    """kind: one of {}[]:, or 'string', 'bool', 'doc', 'end'."""

    kind: str
    value: object
    position: Position

    def __str__(self):
        return {'end': 'end of file', 'doc': 'documentation'}.get(self.kind, repr(self.value))


class Lexer:
    """Tokens of one schema text, in order."""

    def __init__(self, text, path):
        self._lines = text.removesuffix('\n').split('\n')
        self._path = path

    def tokens(self):
        """Yield every token, and one of kind 'end' after the last."""
        number = 0
        while number < len(self._lines):
            line = self._lines[number]
            if line == '##':
                block, number = self._doc_block(number)
                yield block
            else:
                yield from self._line_tokens(line, number + 1)
                number += 1
        yield Token('end', '', Position(self._path, len(self._lines)))

    def _doc_block(self, first):
        position = Position(self._path, first + 1)
        content = []
        for number in range(first + 1, len(self._lines)):
            line = self._lines[number]
            if line == '##':
                return Token('doc', content, position), number + 1
            if line != '#' and not line.startswith('# '):
                raise SchemaError(Position(self._path, number + 1),
                                  "a line of documentation begins with '# '")
            content.append(line[2:])
        raise SchemaError(position, "documentation block lacks its closing '##'")

    def _line_tokens(self, line, number):
        position = Position(self._path, number)
        if line.startswith('##'):
            raise SchemaError(position, "a line that begins with '##' holds nothing else")
        column = 0
        while column < len(line):
            char = line[column]
            if char == '#':
                return
            if char in ' \t':
                column += 1
            elif char in '{}[]:,':
                yield Token(char, char, position)
                column += 1
            else:
                token, column = self._scalar(line, column, position)
                yield token

    @staticmethod
    def _scalar(line, column, position):
        if line[column] == "'":
            match = _STRING.match(line, column)
            if not match:
                raise SchemaError(position, 'string lacks its closing quote or holds a backslash')
            return Token('string', match.group(1), position), match.end()
        match = _WORD.match(line, column)
        if match and match.group() in _KEYWORDS:
            return Token('bool', _KEYWORDS[match.group()], position), match.end()
        stray = match.group() if match else line[column]
        raise SchemaError(position, f"stray '{stray}'")
