#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Copyright The qemu-colo authors
#
# Prepares the kernel's packet path of one protected network card, and undoes it: what
# -netdev tap,colo_nicname=PHYSICAL_IF,colo_script=THIS runs when COLO starts and ends.
# docs/system/colo-nic.md shows the path. Install twice, or uninstall without install, does no harm.
set -eu

# Priority of our filters among those of others on the same interface.
priority=4096

usage() {
    cat <<USAGE
Usage: colo-proxy-script.sh master|slave install|uninstall PHYSICAL_IF TAP_IF INDEX
  master       the primary's host; slave: the secondary's
  PHYSICAL_IF  the interface that leads to the other host; it is for COLO's packets alone
  TAP_IF       the guest's tap
  INDEX        number of the network card, 0 to 1000: packets of the guest are in queue 2 * INDEX,
               those of the other host's guest in queue 2 * INDEX + 1
USAGE
}

fail() {
    echo "colo-proxy-script.sh: $*" >&2
    exit 1
}

need_interface() {
    ip link show dev "$1" >/dev/null 2>&1 || fail "there is no interface '$1'"
}

# Add a filter that hands all packets of DEVICE's HOOK (ingress, egress) to mirred as told.
add_filter() {
    device=$1
    hook=$2
    shift 2
    tc qdisc show dev "$device" | grep -q clsact || tc qdisc add dev "$device" clsact
    tc filter add dev "$device" "$hook" protocol all prio "$priority" u32 match u32 0 0 \
        action mirred egress "$@"
}

# Without our filter, and where no others are left without the qdisc that held them.
remove_filter() {
    device=$1
    hook=$2
    tc filter del dev "$device" "$hook" protocol all prio "$priority" 2>/dev/null || true
    if [ -z "$(tc filter show dev "$device" ingress 2>/dev/null)" ] &&
        [ -z "$(tc filter show dev "$device" egress 2>/dev/null)" ]; then
        tc qdisc del dev "$device" clsact 2>/dev/null || true
    fi
}

# The rule that queues IP packets which arrive at the bridge port DEVICE in queue NUMBER.
queue_rule() {
    action=$1
    device=$2
    number=$3
    shift 3
    for tables in iptables ip6tables; do
        "$tables" -w -t mangle "$action" PREROUTING -m physdev --physdev-in "$device" \
            -j NFQUEUE --queue-num "$number" "$@" || return 1
    done
}

remove_rule() {
    for _ in 1 2 3 4; do
        queue_rule -D "$@" 2>/dev/null || return 0
    done
}

# Bridged packets visit iptables only when asked to.
filter_bridged_packets() {
    [ -d /proc/sys/net/bridge ] || modprobe br_netfilter 2>/dev/null ||
        fail "the kernel does not filter bridged packets: br_netfilter is needed"
    for name in iptables ip6tables; do
        [ "$(cat "/proc/sys/net/bridge/bridge-nf-call-$name")" = 1 ] ||
            echo 1 > "/proc/sys/net/bridge/bridge-nf-call-$name"
    done
}

# A bridge of its own for the interface to the other host, only so that its packets are queued.
install_queue_bridge() {
    ip link show dev "$bridge" >/dev/null 2>&1 || ip link add name "$bridge" type bridge
    ip link set dev "$bridge" addrgenmode none
    ip link set dev "$physical" master "$bridge"
    ip link set dev "$physical" up
    ip link set dev "$bridge" up
}

master_uninstall() {
    remove_filter "$tap" egress
    remove_rule "$tap" "$((2 * index))" --queue-bypass
    remove_rule "$physical" "$((2 * index + 1))"
    ip link del dev "$bridge" 2>/dev/null || true
}

master_install() {
    filter_bridged_packets
    install_queue_bridge
    # Without a listener the guest's own packets pass, the other guest's are nobody's.
    queue_rule -I "$tap" "$((2 * index))" --queue-bypass
    queue_rule -I "$physical" "$((2 * index + 1))"
    add_filter "$tap" egress mirror dev "$physical"
}

# The bridge that an interface is a port of, or nothing.
master_of() {
    basename "$(readlink "/sys/class/net/$1/master" 2>/dev/null)" 2>/dev/null || true
}

slave_uninstall() {
    remove_filter "$physical" ingress
    remove_filter "$tap" ingress
    alias=$(cat "/sys/class/net/$tap/ifalias" 2>/dev/null || true)
    case "$alias" in
    colo-proxy:*)
        ip link set dev "$tap" alias ""
        [ "$alias" = colo-proxy: ] || ip link set dev "$tap" master "${alias#colo-proxy:}"
        ;;
    esac
}

# The guest hears and is heard through the other host only; its place in the bridge is noted.
slave_install() {
    ip link set dev "$tap" alias "colo-proxy:$(master_of "$tap")"
    ip link set dev "$tap" nomaster
    ip link set dev "$physical" up
    ip link set dev "$tap" up
    add_filter "$physical" ingress redirect dev "$tap"
    add_filter "$tap" ingress redirect dev "$physical"
}

if [ "${1:-}" = -h ] || [ "${1:-}" = --help ]; then
    usage
    exit 0
fi
if [ $# -ne 5 ]; then
    usage >&2
    exit 1
fi
side=$1
action=$2
physical=$3
tap=$4
index=$5
case "$side" in
master | slave) ;;
*) fail "'$side' is neither master nor slave" ;;
esac
case "$index" in
'' | *[!0-9]*) fail "INDEX is '$index', expected a number" ;;
esac
[ "$index" -le 1000 ] || fail "INDEX is $index, expected at most 1000"
bridge=colobr$index

case "$action" in
install)
    need_interface "$physical"
    need_interface "$tap"
    "${side}_uninstall"
    if ! ("${side}_install"); then
        "${side}_uninstall"
        fail "cannot install the packet path of '$tap'; what was done is undone"
    fi
    ;;
uninstall) "${side}_uninstall" ;;
*) fail "'$action' is neither install nor uninstall" ;;
esac
