# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Names: which a schema may use, and what they become in C."""

import re

UPPER_NAME = re.compile(r'[A-Z][A-Z0-9_]*$')
CAMEL_NAME = re.compile(r'[A-Z][A-Za-z0-9]*$')
LOWER_NAME = re.compile(r'[a-z][a-z0-9-]*$')
LOOSE_NAME = re.compile(r'[A-Za-z][\w-]*$')
VALUE_NAME = re.compile(r'[A-Za-z0-9][\w.-]*$')

_C_WORDS = frozenset('''
    auto break case char const continue default do double else enum extern float for goto if
    inline int long register restrict return short signed sizeof static struct switch typedef
    union unsigned void volatile while bool true false linux unix errno
    '''.split())


def c_name(name):
    """A member, argument or command name as a C identifier."""
    identifier = re.sub(r'[^A-Za-z0-9_]', '_', name)
    if identifier in _C_WORDS or identifier[0].isdigit():
        return 'q_' + identifier
    return identifier


def c_upper(name):
    """A name as the start of a constant: MigrationStatus gives MIGRATION_STATUS."""
    spaced = re.sub(r'([a-z0-9])([A-Z])', r'\1_\2', name)
    spaced = re.sub(r'([A-Z]+)([A-Z][a-z])', r'\1_\2', spaced)
    return re.sub(r'[^A-Za-z0-9]', '_', spaced).upper()


def camel(name):
    """A command name as part of a type name: query-status gives QueryStatus."""
    return ''.join(part[:1].upper() + part[1:] for part in re.split(r'[-_]', name))
