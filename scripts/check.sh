#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
#
# Installs what is needed, builds, and runs every test there is. The last line says how many
# passed and failed; the exit status is 0 only if none failed.
set -u

source_dir=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
build_dir=$source_dir/build
sanitizers=
seed=1162907526
net_size=small
install=yes

usage() {
    cat <<USAGE
Usage: scripts/check.sh [options]
  --sanitizers=LIST   build with 'address,undefined' or 'thread', in a build folder of its own
  --build-dir=DIR     build in DIR [build]
  --seed=N            seed of the random choices in the functional tests; the same one each time
  --net-size=SIZE     small or full: how much the tests of the network do [small]
  --no-install        do not install missing packages
USAGE
}

for option in "$@"; do
    value=${option#*=}
    case "$option" in
    --sanitizers=*) sanitizers=$value ;;
    --build-dir=*) build_dir=$value ;;
    --seed=*) seed=$value ;;
    --net-size=*) net_size=$value ;;
    --no-install) install=no ;;
    -h | --help) usage; exit 0 ;;
    *)
        echo "check.sh: unknown option '$option'" >&2
        usage >&2
        exit 1 ;;
    esac
done

# A step that the tests cannot do without.
need() {
    "$@" && return
    echo "check.sh: $* failed"
    echo "0 passed, 1 failed"
    exit 1
}

cd "$source_dir" || exit 1
guest_dir=$source_dir/build/guest
if [ -n "$sanitizers" ]; then
    [ "$build_dir" = "$source_dir/build" ] &&
        build_dir=$source_dir/build-$(echo "$sanitizers" | tr , -)
    COLO_TEST_TIMEOUT_SCALE=${COLO_TEST_TIMEOUT_SCALE:-4}
    # Sanitizers see neither blocks within GLib's slices nor the locks of these.
    G_SLICE=always-malloc
    export COLO_TEST_TIMEOUT_SCALE G_SLICE
fi

if [ "$install" = yes ]; then
    need scripts/install-deps.sh build guest test
fi
need ./configure --build-dir="$build_dir" ${sanitizers:+--enable-sanitizers="$sanitizers"}
need ninja -C "$build_dir"
if [ ! -f "$guest_dir/initrd-net" ] ||
    [ -n "$(find tests/guest scripts/build-guest.sh -newer "$guest_dir/initrd-net")" ]; then
    need scripts/build-guest.sh "$guest_dir"
fi

# The guest writes its memory while migration reads it: that is what the dirty log is for.
# Tests fork; to the child the parent's threads look leaked.
TSAN_OPTIONS="suppressions=$source_dir/tests/tsan-suppressions.txt report_thread_leaks=0 \
    ${TSAN_OPTIONS:-}"
export TSAN_OPTIONS

results=$build_dir/test-results
rm -rf "$results" "$build_dir/meson-logs/testlog.json" "$build_dir/meson-logs/testlog.junit.xml"
mkdir -p "$results"
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 130' INT TERM HUP

# The exit statuses of these two are in what summarize-tests.py counts. /usr/bin/python3 is
# Debian's, which has Debian's pytest.
meson test -C "$build_dir" --no-rebuild --print-errorlogs \
    --timeout-multiplier "${COLO_TEST_TIMEOUT_SCALE:-1}"
/usr/bin/python3 -m pytest -p no:cacheprovider tests/functional tests/style \
    --junitxml="$results/pytest.xml" --emulator="$build_dir/qemu-system-x86_64" \
    --guest="$guest_dir" --net-size="$net_size" --basetemp="$scratch/pytest" \
    ${seed:+--seed="$seed"}

/usr/bin/python3 scripts/summarize-tests.py --meson "$build_dir" "$results/pytest.xml"
