# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Common to the back ends that write C."""

import os

_BANNER = '''/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Copyright The qemu-colo authors */
/* Made by scripts/qapi from the interface schema: change that, not this. */
'''


def c_file(includes, body, header=False):
    """Text of a C file. @includes are paths for quoted #include lines."""
    pragma = '#pragma once\n' if header else ''
    lines = ''.join(f'#include "{path}"\n' for path in includes)
    return f'{_BANNER}{pragma}\n{lines}\n{body}'


def c_string(text):
    """@text as a C string literal."""
    return '"' + text.replace('\\', '\\\\').replace('"', '\\"').replace('\n', '\\n') + '"'


def write_file(directory, name, text):
    """Write @text unless the file holds it already, so that nothing is rebuilt in vain."""
    path = os.path.join(directory, name)
    try:
        with open(path, encoding='utf-8') as file:
            if file.read() == text:
                return
    except FileNotFoundError:
        pass
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)
