#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
"""Counts the tests in JUnit files and prints "N passed, N failed[, N skipped]" as the last line.

Usage: summarize-tests.py [--meson BUILD_DIR] [JUNIT_FILE...]

Each subtest that a TAP test program reports counts as one test. A program that did not end well
although none of its subtests failed (it crashed, or ran into its time limit) counts as one failed
test; so does a file that is missing, because then tests were not run. The exit status is 1 if any
test failed or none passed.
"""

import argparse
import json
import os
import sys
import xml.etree.ElementTree

GOOD_RESULTS = ("OK", "SKIP", "EXPECTEDFAIL")


class Summary:
    def __init__(self):
        self.passed = 0
        self.failed = []
        self.skipped = 0

    def add_junit(self, path):
        """Returns the names of the suites with a failed test."""
        bad_suites = set()
        try:
            root = xml.etree.ElementTree.parse(path).getroot()
        except (OSError, xml.etree.ElementTree.ParseError) as error:
            self.failed.append(f"{path}: {error}")
            return bad_suites
        for suite in root.iter("testsuite"):
            for case in suite.iter("testcase"):
                if case.find("failure") is not None or case.find("error") is not None:
                    self.failed.append(f"{case.get('classname')} {case.get('name')}")
                    bad_suites.add(suite.get("name"))
                elif case.find("skipped") is not None:
                    self.skipped += 1
                else:
                    self.passed += 1
        return bad_suites

    def add_meson(self, build_dir):
        logs = os.path.join(build_dir, "meson-logs")
        bad_suites = self.add_junit(os.path.join(logs, "testlog.junit.xml"))
        try:
            with open(os.path.join(logs, "testlog.json")) as log:
                tests = [json.loads(line) for line in log]
        except OSError as error:
            self.failed.append(f"{logs}: {error}")
            return
        for test in tests:
            reported = any(suite.endswith("." + test["name"]) for suite in bad_suites)
            if test["result"] not in GOOD_RESULTS and not reported and \
                    not any(name.endswith(" " + test["name"]) for name in self.failed):
                self.failed.append(f"{test['name']}: {test['result']}")

    def print(self):
        for name in self.failed:
            print(f"FAILED {name}")
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        print(f"{self.passed} passed, {len(self.failed)} failed{skipped}")
        return 1 if self.failed or not self.passed else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--meson", metavar="BUILD_DIR", help="the results of `meson test` there")
    parser.add_argument("junit", nargs="*", metavar="JUNIT_FILE")
    arguments = parser.parse_args()
    summary = Summary()
    if arguments.meson:
        summary.add_meson(arguments.meson)
    for path in arguments.junit:
        summary.add_junit(path)
    return summary.print()


if __name__ == "__main__":
    sys.exit(main())
