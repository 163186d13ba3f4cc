# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Takes a documentation block apart: symbol, text, members, features, tagged sections.

    ##
    # @Name:
    #
    # Text.
    #
    # @member: text, continued
    #          on the next line
    #
    # Features:
    # @feature: text
    #
    # Returns: text
    #
    # Since: 1.0
    ##

A block without a symbol line is free text for the reference manual; in it, `= Title` and
`== Title` are headings.
"""

import re

from .source import SchemaError

_SYMBOL = re.compile(r'@([A-Za-z][\w-]*):$')
_MEMBER = re.compile(r'@([\w*-]+):(?: +(.*))?$')
_TAG = re.compile(r'(Returns|Errors|Since|Note|Notes|Example|Examples|TODO):(?: +(.*))?$')


class DocBlock:
    """The documentation of one definition, or free text when `symbol` is None."""

    def __init__(self, lines, position):
        self.position = position
        self.symbol = None
        self.body = []
        self.members = {}
        self.features = {}
        self.sections = []
        body = list(lines)
        if body and body[0].startswith('@'):
            self._read_symbol(body.pop(0))
            self._read_sections(body)
        else:
            self.body = body

    @property
    def since(self):
        """The text of the Since section, or ''."""
        return next((' '.join(text).strip() for tag, text in self.sections if tag == 'Since'), '')

    def _read_symbol(self, line):
        match = _SYMBOL.match(line)
        if not match:
            raise SchemaError(self.position, f"expected '@NAME:' instead of '{line}'")
        self.symbol = match.group(1)

    def _read_sections(self, lines):
        current = self.body
        in_features = False
        for line in lines:
            member = _MEMBER.match(line)
            tag = _TAG.match(line)
            if line == 'Features:':
                in_features = True
                current = []
            elif member:
                current = self._open(self.features if in_features else self.members,
                                     member.group(1), member.group(2))
            elif tag:
                current = [tag.group(2) or '']
                self._add_section(tag.group(1), current)
            elif line.startswith('@'):
                raise SchemaError(self.position, f"expected '@NAME: text' instead of '{line}'")
            else:
                current.append(line)

    def _open(self, table, name, text):
        if name in table:
            raise SchemaError(self.position, f"'@{name}' is documented twice")
        table[name] = [text or '']
        return table[name]

    def _add_section(self, tag, text):
        if tag == 'TODO':
            raise SchemaError(self.position, "'TODO' has no place in the documentation")
        seen = {other for other, _ in self.sections}
        if tag in ('Returns', 'Errors', 'Since') and tag in seen:
            raise SchemaError(self.position, f"section '{tag}' appears twice")
        self.sections.append((tag, text))
