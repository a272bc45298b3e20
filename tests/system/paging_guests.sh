#!/bin/bash
# paging_guests.sh BUILD [CORE...] - guest32_paging.c (32-bit paging with PSE, PAE paging) and guest_protection.c (SMAP, protection keys)
# pass on QEMU, and the simulator's cores (fast and inorder) print, byte for byte, what they print there.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/guests_lib.sh"
build=${1:?usage: paging_guests.sh BUILD [CORE...]}
shift
cores=${*:-fast inorder}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

verdict() { # verdict STATUS NAME
    if [ "$1" -eq 0 ]; then echo "ok $2"; else echo "FAIL $2"; failures=1; fi
}

for guest in paging32 protection; do
    image=$build/workloads/test-$guest.elf
    guest_output_qemu "$image" >"$work/qemu" && grep -q "^$guest: [0-9]* checks ok\$" "$work/qemu"
    verdict $? "qemu: $guest"
    grep FAILED "$work/qemu"
    for core in $cores; do
        guest_output_gigogne "$build" "$core" "$image" >"$work/out" 2>"$work/messages" && diff "$work/qemu" "$work/out"
        verdict $? "$core prints what qemu prints: $guest"
    done
done
exit $failures
