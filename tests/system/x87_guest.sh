#!/bin/bash
# x87_guest.sh BUILD [CORE...] - the self-checking guest for the system side of the x87 unit: on QEMU and on the simulator's cores
# (fast and inorder), which must print the same.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/guests_lib.sh"
build=${1:?usage: x87_guest.sh BUILD [CORE...]}
shift
cores=${*:-fast inorder}
image="$build/workloads/test-x87.elf"
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
    ! grep FAILED "$2" && [ "$1" -eq 0 ] && grep -q '^x87: [0-9]* checks ok$' "$2"
}

guest_output_qemu "$image" >"$work/qemu"
verdict "qemu: x87" passes $? "$work/qemu"
for core in $cores; do
    guest_output_gigogne "$build" "$core" "$image" >"$work/gigogne" 2>"$work/messages"
    verdict "$core: x87" passes $? "$work/gigogne"
    verdict "$core prints what qemu prints: x87" diff "$work/qemu" "$work/gigogne"
done
exit $((failures > 0))
