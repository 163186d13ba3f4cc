#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Makes the manual page from a template and from what the emulator says about its options.

Usage: make-man-page.py EMULATOR TEMPLATE VERSION OUTPUT

The line @OPTIONS@ of the template becomes a list of all options, taken from `EMULATOR -h`, so
that the page cannot name an option that does not exist, or forget one.
"""

import os
import subprocess
import sys


def escape(text):
    """Characters that have a meaning in reStructuredText."""
    return "".join("\\" + c if c in "*`|_\\" else c for c in text)


def option_list(help_text):
    result = []
    for line in help_text.splitlines():
        if line.startswith("-"):
            name, _, argument = line.partition(" ")
            result.append(f"**{escape(name)}** {escape(argument)}".rstrip())
        elif line.startswith(" ") and result:
            result.append("    " + escape(line.strip()) + "\n")
    return "\n".join(result)


def main():
    emulator, template, version, output = sys.argv[1:]
    # A build with the address sanitizer is asked for its options, not for its leaks.
    environment = dict(os.environ, ASAN_OPTIONS="detect_leaks=0")
    help_text = subprocess.run([emulator, "-h"], check=True, stdout=subprocess.PIPE,
                               text=True, timeout=60, env=environment).stdout
    with open(template, encoding="utf-8") as file:
        page = file.read().replace("@VERSION@", version)
    before, after = page.split("@OPTIONS@\n")
    options = option_list(help_text)
    if "**-kernel**" not in options:
        sys.exit(f"make-man-page.py: {emulator} -h printed no list of options")
    page = before + options + after
    subprocess.run(["rst2man", "--strict", "-", output], input=page, text=True, check=True)


if __name__ == "__main__":
    main()
