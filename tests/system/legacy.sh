#!/bin/bash
# legacy.sh BUILD [CORE...] - legacy_guest.c (task switches, call gates, breakpoints) prints on the simulator's cores (fast and
# inorder), byte for byte, what it prints on QEMU.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/guests_lib.sh"
build=${1:?usage: legacy.sh BUILD [CORE...]}
shift
cores=${*:-fast inorder}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

if ! gcc -m32 -O1 -ffreestanding -fno-pic -mgeneral-regs-only -fno-stack-protector -fcf-protection=none -Wall -Wextra -Werror \
    -c "$here/legacy_guest.c" -o "$work/legacy.o" ||
    ! ld -m elf_i386 -Ttext=0x100000 -e _start -z noexecstack --no-warn-rwx-segments -N "$work/legacy.o" -o "$work/legacy.elf"; then
    echo "FAIL legacy_guest.c does not build"
    exit 1
fi
guest_output_qemu "$work/legacy.elf" >"$work/qemu"
if [ $? -eq 0 ] && grep -q '^done$' "$work/qemu"; then
    echo "ok qemu: legacy"
else
    echo "FAIL qemu: legacy"
    cat "$work/qemu"
    failures=1
fi
for core in $cores; do
    guest_output_gigogne "$build" "$core" "$work/legacy.elf" >"$work/out" 2>"$work/messages"
    if [ $? -eq 0 ] && diff "$work/qemu" "$work/out"; then
        echo "ok $core prints what qemu prints: legacy"
    else
        cat "$work/messages"
        echo "FAIL $core prints what qemu prints: legacy"
        failures=1
    fi
done
exit $failures
