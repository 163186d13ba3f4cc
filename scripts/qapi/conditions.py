# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Evaluates the 'if' of a definition or member against what the build has switched on."""

from .source import SchemaError


class Conditions:
    """@defines maps every name that an 'if' may use to True or False."""

    def __init__(self, defines):
        self._defines = defines

    def holds(self, condition, position, definition):
        """Whether @condition, as written in the schema, is true in this build."""
        if isinstance(condition, str):
            if condition not in self._defines:
                raise SchemaError(position, f"unknown condition '{condition}'", definition)
            return self._defines[condition]
        if not isinstance(condition, dict) or len(condition) != 1:
            raise SchemaError(position, "'if' must be a name or one of "
                              "{'all': [..]}, {'any': [..]}, {'not': ..}", definition)
        (operator, operand), = condition.items()
        if operator == 'not':
            return not self.holds(operand, position, definition)
        if operator not in ('all', 'any'):
            raise SchemaError(position, f"unknown operator '{operator}' in 'if'", definition)
        if not isinstance(operand, list) or not operand:
            raise SchemaError(position, f"'{operator}' in 'if' needs a list", definition)
        combine = all if operator == 'all' else any
        return combine([self.holds(part, position, definition) for part in operand])
