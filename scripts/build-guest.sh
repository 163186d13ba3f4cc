#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
#
# Puts the test guest together: Debian's cloud kernel (taken out of its package, which is not
# installed), an initial RAM disk with busybox, tests/guest/init and tests/guest/chain.c, and a
# second, larger one for the guest with a network: the kernel's virtio modules,
# tests/guest/netpeer.c, and redis-server with the libraries that it needs, from their packages.
set -eu

source_dir=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
output_dir=${1:-$source_dir/build/guest}
kernel_package=linux-image-cloud-amd64
applets="sh mount stty poweroff reboot setsid cttyhack"
net_applets="$applets insmod ip httpd nc sleep echo tr mkdir"
net_modules="virtio/virtio virtio/virtio_ring virtio/virtio_pci_legacy_dev
    virtio/virtio_pci_modern_dev virtio/virtio_pci net/net_failover net/virtio_net
    char/virtio_console char/hw_random/virtio-rng"
# redis-server is a link to redis-check-rdb; the rest is what that is linked with.
redis_packages="redis-server redis-tools libatomic1 libc6 libcap2 libgcc-s1 libgcrypt20
    libgpg-error0 libjemalloc2 liblz4-1 liblzf1 liblzma5 libssl3 libstdc++6
    libsystemd0 libzstd1"

case "$output_dir" in
-*)
    echo "Usage: scripts/build-guest.sh [OUTPUT_DIR]   [build/guest]"
    echo "Makes OUTPUT_DIR/vmlinuz, OUTPUT_DIR/initrd.gz, OUTPUT_DIR/initrd-net, and the guest's"
    echo "programs that also run on the host; packages are kept in OUTPUT_DIR/cache."
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

# Download packages into the cache, those that are not there yet.
download() (
    cd "$output_dir/cache"
    for package in "$@"; do
        ls "$package"_*.deb > /dev/null 2>&1 && continue
        apt-get -q -o APT::Sandbox::User="$(id -un)" download "$package" || {
            # The lists know a version that the archive has no more.
            apt-get update -q
            apt-get -q -o APT::Sandbox::User="$(id -un)" download "$package"
        }
    done
)

fetch_kernel() {
    package=$(kernel_dependency)
    if [ -z "$package" ]; then
        apt-get update -q
        package=$(kernel_dependency)
    fi
    [ -n "$package" ] || fail "no package $kernel_package: is this Debian 12 on amd64?"
    # Kernel and modules belong together: never two versions in the cache.
    [ -f "$output_dir/vmlinuz" ] || rm -f "$output_dir"/cache/linux-image-*.deb
    ls "$output_dir"/cache/linux-image-*.deb > /dev/null 2>&1 || download "$package"
    rm -rf "$output_dir/cache/kernel"
    dpkg-deb -x "$output_dir"/cache/linux-image-*.deb "$output_dir/cache/kernel"
    cp "$output_dir"/cache/kernel/boot/vmlinuz-* "$output_dir/vmlinuz"
    rm -rf "$output_dir/cache/modules"
    mv "$output_dir"/cache/kernel/lib/modules/*/kernel "$output_dir/cache/modules"
    rm -rf "$output_dir/cache/kernel"
}

fetch_redis() {
    # shellcheck disable=SC2086 # a list of words
    download $redis_packages
    rm -rf "$output_dir/cache/redis.new"
    for package in $redis_packages; do
        dpkg-deb -x "$output_dir/cache/$package"_*.deb "$output_dir/cache/redis.new"
    done
    echo "$redis_packages" > "$output_dir/cache/redis.new/packages"
    rm -rf "$output_dir/cache/redis"
    mv "$output_dir/cache/redis.new" "$output_dir/cache/redis"
}

# A static program of tests/guest, for the guest and the host.
compile() {
    name=$1
    shift
    ${CC:-gcc} -O2 -Wall -Wextra -Werror -march=x86-64 -static -o "$output_dir/$name" \
        "$source_dir/tests/guest/$name.c" "$@"
    strip -o "$root/bin/$name" "$output_dir/$name"
}

# Start an initial RAM disk: busybox with the applets $@, init, the chain.
begin_root() {
    rm -rf "$root"
    mkdir -p "$root/bin" "$root/dev" "$root/proc" "$root/sys"
    cp /bin/busybox "$root/bin/busybox"
    for applet in "$@"; do
        ln -s busybox "$root/bin/$applet"
    done
    compile chain "$source_dir/tests/guest/smp.c" -lnettle -lpthread
    cp "$source_dir/tests/guest/init" "$root/init"
}

# The same bytes each time for the same files.
pack_root() {
    find "$root" -exec touch -h -d @0 {} +
    (cd "$root" && find . | LC_ALL=C sort | cpio --quiet --reproducible -o -H newc -R 0:0) > "$1"
    rm -rf "$root"
}

# The libraries that a program is linked with, and those that they are, into $root/lib.
copy_libraries() {
    readelf -d "$1" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | while read -r library; do
        [ -f "$root/lib/$library" ] && continue
        found=$(find "$output_dir/cache/redis" -name "$library" | head -n 1)
        [ -n "$found" ] || fail "$library, which $1 needs, is in none of the packages"
        cp -L "$found" "$root/lib/$library"
        copy_libraries "$root/lib/$library"
    done
}

build_initrd() {
    # shellcheck disable=SC2086 # a list of words
    begin_root $applets
    pack_root "$output_dir/initrd"
    gzip -9nf "$output_dir/initrd"
}

# Not compressed: the software CPU would take longer to unpack it than the file is worth.
build_initrd_net() {
    # shellcheck disable=SC2086 # a list of words
    begin_root $net_applets
    mkdir -p "$root/lib/modules" "$root/lib64"
    cp "$source_dir/tests/guest/net-init" "$root/lib/net-init"
    for module in $net_modules; do
        cp "$output_dir/cache/modules/drivers/$module.ko" "$root/lib/modules/"
    done
    cp "$output_dir/cache/modules/net/core/failover.ko" "$root/lib/modules/"
    compile netpeer
    cp "$output_dir/cache/redis/usr/bin/redis-check-rdb" "$root/bin/redis-server"
    copy_libraries "$root/bin/redis-server"
    ln -sf ../lib/ld-linux-x86-64.so.2 "$root/lib64/ld-linux-x86-64.so.2"
    pack_root "$output_dir/initrd-net"
}

/bin/busybox --list 2>/dev/null | grep -qx cttyhack ||
    fail "/bin/busybox has no cttyhack: busybox-static is needed (scripts/install-deps.sh)"
mkdir -p "$output_dir/cache"
output_dir=$(CDPATH='' cd -- "$output_dir" && pwd)
root=$output_dir/root
if [ ! -f "$output_dir/vmlinuz" ] || [ ! -d "$output_dir/cache/modules" ]; then
    fetch_kernel
fi
[ "$(cat "$output_dir/cache/redis/packages" 2>/dev/null)" = "$redis_packages" ] || fetch_redis
build_initrd
build_initrd_net
echo "build-guest.sh: $output_dir/vmlinuz $output_dir/initrd.gz $output_dir/initrd-net"
