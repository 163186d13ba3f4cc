#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
#
# Puts the test guest together: Debian's cloud kernel (taken out of its package, which is not
# installed) and an initial RAM disk with busybox, tests/guest/init and tests/guest/chain.c.
set -eu

source_dir=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
output_dir=${1:-$source_dir/build/guest}
kernel_package=linux-image-cloud-amd64
applets="sh mount stty poweroff reboot setsid cttyhack"

case "$output_dir" in
-*)
    echo "Usage: scripts/build-guest.sh [OUTPUT_DIR]   [build/guest]"
    echo "Makes OUTPUT_DIR/vmlinuz and OUTPUT_DIR/initrd.gz; packages are kept in OUTPUT_DIR/cache."
    [ "$output_dir" = --help ] || [ "$output_dir" = -h ] || exit 1
    exit 0 ;;
esac

fail() {
    echo "build-guest.sh: $*" >&2
    exit 1
}

# The package with the kernel itself, which the meta package depends on.
kernel_dependency() {
    apt-cache depends --no-recommends --no-suggests "$kernel_package" 2>/dev/null |
        sed -n 's/^ *Depends: \(linux-image-.*\)/\1/p' | head -n 1
}

fetch_kernel() {
    package=$(kernel_dependency)
    if [ -z "$package" ]; then
        apt-get update -q
        package=$(kernel_dependency)
    fi
    [ -n "$package" ] || fail "no package $kernel_package: is this Debian 12 on amd64?"
    mkdir -p "$output_dir/cache"
    rm -rf "$output_dir/cache/kernel"
    (cd "$output_dir/cache" && apt-get -q -o APT::Sandbox::User="$(id -un)" download "$package")
    dpkg-deb -x "$output_dir"/cache/"$package"_*.deb "$output_dir/cache/kernel"
    mv "$output_dir"/cache/kernel/boot/vmlinuz-* "$output_dir/vmlinuz"
    rm -rf "$output_dir/cache/kernel"
}

build_initrd() {
    root=$output_dir/root
    rm -rf "$root"
    mkdir -p "$root/bin" "$root/dev" "$root/proc" "$root/sys"
    cp /bin/busybox "$root/bin/busybox"
    for applet in $applets; do
        ln -s busybox "$root/bin/$applet"
    done
    ${CC:-gcc} -O2 -Wall -Wextra -Werror -march=x86-64 -static -o "$root/bin/chain" \
        "$source_dir/tests/guest/chain.c" "$source_dir/tests/guest/smp.c" -lnettle -lpthread
    cp "$root/bin/chain" "$output_dir/chain"
    strip "$root/bin/chain"
    cp "$source_dir/tests/guest/init" "$root/init"
    (cd "$root" && find . | LC_ALL=C sort | cpio --quiet -o -H newc -R 0:0) > "$output_dir/initrd"
    gzip -9nf "$output_dir/initrd"
    rm -rf "$root"
}

/bin/busybox --list 2>/dev/null | grep -qx cttyhack ||
    fail "/bin/busybox has no cttyhack: busybox-static is needed (scripts/install-deps.sh)"
mkdir -p "$output_dir"
output_dir=$(CDPATH='' cd -- "$output_dir" && pwd)
[ -f "$output_dir/vmlinuz" ] || fetch_kernel
build_initrd
echo "build-guest.sh: $output_dir/vmlinuz $output_dir/initrd.gz"
