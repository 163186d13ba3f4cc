# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""The schema as connected objects: what the back ends walk over."""

from dataclasses import dataclass, field

from . import names


@dataclass
class Feature:
    """A mark that tells clients of a behaviour they cannot see otherwise."""

    name: str


class Type:
    """What every type answers.

    pointer: a value is held by a pointer, so that NULL can mean absent.
    """

    pointer = True

    def __init__(self, name, module, doc=None, features=()):
        self.name = name
        self.module = module
        self.doc = doc
        self.features = list(features)

    @property
    def c_type(self):
        """The C type of a member of this type."""
        raise NotImplementedError

    @property
    def c_descriptor(self):
        """The C name of the table that describes this type at run time."""
        return f'qapi_type_{self.name}'


class BuiltinType(Type):
    """A type that every schema has. json: which JSON type a client sends."""

    def __init__(self, name, c_type, json, pointer):
        super().__init__(name, None)
        self._c_type = c_type
        self.json = json
        self.pointer = pointer

    @property
    def c_type(self):
        return self._c_type


class ArrayType(Type):
    """A list. In C a GPtrArray of pointers or a GArray of scalars."""

    def __init__(self, element):
        super().__init__(f'[{element.name}]', element.module)
        self.element = element

    @property
    def c_type(self):
        return 'GPtrArray *' if self.element.pointer else 'GArray *'

    @property
    def c_descriptor(self):
        return f'{self.element.c_descriptor}_list'


@dataclass
class EnumValue:
    """One value of an enum."""

    name: str
    features: list


class EnumType(Type):
    """A set of names."""

    pointer = False

    def __init__(self, name, module, doc, features, values, prefix):
        super().__init__(name, module, doc, features)
        self.values = values
        self._prefix = prefix or names.c_upper(name)

    @property
    def c_type(self):
        return self.name + ' '

    def constant(self, value_name):
        """The C constant of a value."""
        return f'{self._prefix}_{names.c_upper(value_name)}'

    @property
    def count_constant(self):
        """The C constant that counts the values."""
        return f'{self._prefix}__MAX'


@dataclass
class Member:
    """A member of an object, or a branch of an alternate."""

    name: str
    type: Type
    optional: bool = False
    features: list = field(default_factory=list)

    @property
    def c_name(self):
        return names.c_name(self.name)

    @property
    def c_flag(self):
        """Name of the flag that says whether an optional scalar is there, or None."""
        return f'has_{names.c_name(self.name)}' if self.optional and not self.type.pointer else None


class ObjectType(Type):
    """A struct, or a union when it has a discriminator; also a command's arguments.

    members: own and inherited. branches: value of the discriminator to object type.
    """

    def __init__(self, name, module, doc=None, features=()):
        super().__init__(name, module, doc, features)
        self.base = None
        self.own_members = []
        self.discriminator = None
        self.branches = {}
        self.implicit = False

    @property
    def members(self):
        """Members of the base, then own ones."""
        return (self.base.members if self.base else []) + self.own_members

    @property
    def tag(self):
        """The member that tells the branch, or None."""
        return next((m for m in self.members if m.name == self.discriminator), None)

    @property
    def c_type(self):
        return self.name + ' *'


class AlternateType(Type):
    """A value that may be of one of several JSON types."""

    def __init__(self, name, module, doc, features, branches):
        super().__init__(name, module, doc, features)
        self.branches = branches

    @property
    def c_type(self):
        return self.name + ' *'


@dataclass
class Command:
    """A QMP command. generated: arguments are unpacked; else the handler sees raw JSON."""

    name: str
    module: str
    doc: object
    features: list
    arguments: ObjectType
    returns: Type
    boxed: bool
    generated: bool
    allow_oob: bool


@dataclass
class Event:
    """A QMP event."""

    name: str
    module: str
    doc: object
    features: list
    arguments: ObjectType
    boxed: bool


@dataclass
class Schema:
    """All of it, in the order of the files."""

    modules: list
    free_text: dict
    builtins: dict
    types: list
    commands: list
    events: list

    def of_module(self, items, module):
        """Those of @items that are defined in @module."""
        return [item for item in items if item.module == module]
