#!/bin/bash
# modes.sh BUILD [CORE...] - guest_modes.S prints on the simulator's cores (fast and inorder), byte for byte, what it prints on QEMU.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/guests_lib.sh"
build=${1:?usage: modes.sh BUILD [CORE...]}
shift
cores=${*:-fast inorder}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

if ! gcc -m32 -c "$here/guest_modes.S" -o "$work/modes.o" ||
    ! ld -m elf_i386 -Ttext=0x100000 -e _start -z noexecstack --no-warn-rwx-segments -N "$work/modes.o" -o "$work/modes.elf"; then
    echo "FAIL guest_modes.S does not build"
    exit 1
fi
guest_output_qemu "$work/modes.elf" >"$work/qemu"
if [ $? -eq 0 ] && grep -q '^done$' "$work/qemu"; then
    echo "ok qemu: modes"
else
    echo "FAIL qemu: modes"
    cat "$work/qemu"
    failures=1
fi
for core in $cores; do
    guest_output_gigogne "$build" "$core" "$work/modes.elf" >"$work/out" 2>"$work/messages"
    if [ $? -eq 0 ] && diff "$work/qemu" "$work/out"; then
        echo "ok $core prints what qemu prints: modes"
    else
        cat "$work/messages"
        echo "FAIL $core prints what qemu prints: modes"
        failures=1
    fi
done
exit $failures
