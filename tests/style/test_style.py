# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Rules of CONTRIBUTING.md that a program can check, over every file that git tracks."""

import os
import re
import subprocess

import pytest

SOURCE_DIR = os.path.abspath(os.path.join(os.path.dirname(__file__), "..", ".."))
LONGEST_LINE = 100
#: No comments in these, or a text of others.
NO_HEADER = ("COPYING",)


def tracked(*patterns):
    output = subprocess.run(["git", "-c", f"safe.directory={SOURCE_DIR}", "ls-files", "-z", "--",
                             *patterns], cwd=SOURCE_DIR, check=True, stdout=subprocess.PIPE).stdout
    return [path for path in output.decode().split("\0")
            if path and os.path.exists(os.path.join(SOURCE_DIR, path))]


def read(path):
    with open(os.path.join(SOURCE_DIR, path), encoding="utf-8") as file:
        return file.read()


def shell_scripts():
    return [path for path in tracked("*.sh", ".ci/*", "configure", "tests/guest/init")
            if read(path).startswith("#!/bin/sh")]


def run_tool(arguments):
    result = subprocess.run(arguments, cwd=SOURCE_DIR, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)
    assert result.returncode == 0, result.stdout


def test_c_code_is_formatted():
    run_tool(["clang-format", "--dry-run", "-Werror", *tracked("*.c", "*.h")])


@pytest.mark.parametrize("path", shell_scripts())
def test_shellcheck(path):
    run_tool(["shellcheck", path])


def test_every_file_has_a_header():
    missing = []
    for path in tracked():
        head = read(path)[:4000]
        if os.path.basename(path) not in NO_HEADER and not (
                "SPDX-License-Identifier: GPL-2.0-or-later" in head
                and "Copyright The qemu-colo authors" in head):
            missing.append(path)
    assert not missing


def test_no_long_lines_or_trailing_blanks():
    bad = []
    for path in tracked("*.c", "*.h", "*.py", "*.sh"):
        for number, line in enumerate(read(path).split("\n"), 1):
            if len(line) > LONGEST_LINE or line != line.rstrip():
                bad.append(f"{path}:{number}")
    assert not bad


def test_no_work_left_in_the_code():
    """What is not supported says so with an error; notes to ourselves go to the issue tracker."""
    words = re.compile(r"^\s*(#|//|/?\*|--).*\b(TODO|FIXME|XXX)\b", re.MULTILINE)
    found = [path for path in tracked("*.c", "*.h", "*.py", "*.sh", "*.json")
             if words.search(read(path))]
    assert not found


def links(path):
    """Files that a Markdown file links to, relative to the top."""
    folder = os.path.dirname(path)
    return {os.path.normpath(os.path.join(folder, target.split("#")[0]))
            for target in re.findall(r"\]\(([^)#][^)]*)\)", read(path)) if "://" not in target}


@pytest.mark.parametrize("path", tracked("*.md"))
def test_links_lead_somewhere(path):
    missing = [target for target in links(path)
               if not os.path.exists(os.path.join(SOURCE_DIR, target))]
    assert not missing


def test_index_names_every_document():
    assert set(tracked("docs/*.md")) - links("docs/index.md") == {"docs/index.md"}
