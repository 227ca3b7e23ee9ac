#!/bin/sh
# Runs a command on a network of its own, which has loopback and nothing else, and where the system's
# resolver asks 127.0.0.1: Asterisk's TXTCIDNAME asks that resolver and can be told of no other, and
# a resolver asks port 53. No root is needed, and nothing of it is seen outside.
set -eu

if [ "${1:-}" = inside ]; then
    shift
    ip link set lo up
    mount --bind "$1" /etc/resolv.conf
    shift
    exec "$@"
fi

unshare --user --map-root-user --net --mount true 2>/dev/null || {
    echo "alone: this machine lets nobody make a network of his own (unshare --user --net --mount);" >&2
    echo "in a container that needs --privileged, elsewhere kernel.unprivileged_userns_clone=1" >&2
    exit 1
}
resolver=$(mktemp)
trap 'rm -f "$resolver"' EXIT
echo "nameserver 127.0.0.1" >"$resolver"
unshare --user --map-root-user --net --mount "$0" inside "$resolver" "$@"
