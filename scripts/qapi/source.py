# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Where a piece of schema stands, and the error that points there."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Position:
    """A line of a schema file."""

    path: str
    line: int

    def __str__(self):
        return f'{self.path}:{self.line}'


class SchemaError(Exception):
    """What is wrong with a schema, where, and in which definition."""

    def __init__(self, position, message, definition=''):
        where = f'{position}: in {definition}: ' if definition else f'{position}: '
        super().__init__(where + message)
