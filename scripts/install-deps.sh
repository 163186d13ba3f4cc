#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
#
# Installs the Debian packages that scripts/dependencies.txt lists. Does nothing, and needs neither
# root nor a network, when they are all there.
set -eu

list=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)/dependencies.txt
known_groups="build guest test bench"

usage() {
    cat <<USAGE
Usage: scripts/install-deps.sh [--list] [GROUP...]
Installs the packages of each GROUP of scripts/dependencies.txt [all of them].
  --list   print the packages, install nothing
Groups: $known_groups
USAGE
}

# Prints the packages of one group, one a line.
packages_of() {
    awk -v group="$1" '{ sub(/#.*/, "") } $1 == group { print $2 }' "$list"
}

is_installed() {
    [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

only_list=no
groups=
for argument in "$@"; do
    case "$argument" in
    --list) only_list=yes ;;
    -h | --help) usage; exit 0 ;;
    *)
        case " $known_groups " in
        *" $argument "*) groups="$groups $argument" ;;
        *)
            echo "install-deps.sh: unknown group '$argument', expected one of: $known_groups" >&2
            exit 1 ;;
        esac ;;
    esac
done
[ -n "$groups" ] || groups=$known_groups

packages=$(for group in $groups; do packages_of "$group"; done)
if [ "$only_list" = yes ]; then
    echo "$packages"
    exit 0
fi

missing=
for package in $packages; do
    is_installed "$package" || missing="$missing $package"
done
if [ -z "$missing" ]; then
    exit 0
fi
if [ "$(id -u)" -ne 0 ]; then
    echo "install-deps.sh: not installed, and only root can install them:$missing" >&2
    exit 1
fi

echo "install-deps.sh: installing$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# shellcheck disable=SC2086 # a list of words
apt-get install -q -y --no-install-recommends $missing
