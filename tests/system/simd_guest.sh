#!/bin/bash
# simd_guest.sh BUILD [CORE...] - the self-checking guest for the system side of SSE and AVX: every check on the simulator's
# cores (fast and inorder), and those that QEMU can do on QEMU, which must print the same.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/guests_lib.sh"
build=${1:?usage: simd_guest.sh BUILD [CORE...]}
shift
cores=${*:-fast inorder}
image="$build/workloads/test-simd.elf"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

verdict() { # verdict NAME CONDITION...
    local name=$1
    shift
    if "$@"; then
        echo "ok $name"
    else
        echo "FAIL $name"
        failures=$((failures + 1))
    fi
}

passes() { # passes STATUS TEXT
    ! grep FAILED "$2" && [ "$1" -eq 0 ] && grep -q '^simd: [0-9]* checks ok$' "$2"
}

guest_output_qemu "$image" strict=off >"$work/qemu"
verdict "qemu: simd" passes $? "$work/qemu"
for core in $cores; do
    guest_output_gigogne "$build" "$core" "$image" strict=off >"$work/same" 2>"$work/messages"
    verdict "$core prints what qemu prints: simd" diff "$work/qemu" "$work/same"
    guest_output_gigogne "$build" "$core" "$image" >"$work/strict" 2>"$work/messages"
    verdict "$core: simd" passes $? "$work/strict"
done
exit $((failures > 0))
