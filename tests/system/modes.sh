#!/bin/bash
# modes.sh BUILD [CORE...] - guest_modes.S prints on the simulator's cores (fast and inorder), byte for byte, what it prints on QEMU.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/guests_lib.sh"
build=${1:?usage: modes.sh BUILD [CORE...]}
shift
cores=${*:-fast inorder}
image=$build/workloads/test-modes.elf
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

guest_output_qemu "$image" >"$work/qemu"
if [ $? -eq 0 ] && grep -q '^done$' "$work/qemu"; then
    echo "ok qemu: modes"
else
    echo "FAIL qemu: modes"
    cat "$work/qemu"
    failures=1
fi
for core in $cores; do
    guest_output_gigogne "$build" "$core" "$image" >"$work/out" 2>"$work/messages"
    if [ $? -eq 0 ] && diff "$work/qemu" "$work/out"; then
        echo "ok $core prints what qemu prints: modes"
    else
        cat "$work/messages"
        echo "FAIL $core prints what qemu prints: modes"
        failures=1
    fi
done
exit $failures
