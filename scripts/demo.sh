#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
#
# Shows a guest that outlives its host: installs what is needed, builds, and runs scripts/demo.py.
set -eu

source_dir=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
cd "$source_dir"

scripts/install-deps.sh build guest
[ -f build/build.ninja ] || ./configure
ninja -C build

exec /usr/bin/python3 scripts/demo.py "$@"
