#!/bin/bash
# random_guest.sh BUILD [CASES [SEED [CORE]]] - random system instructions with random descriptors, gates, pages and rings, in
# protected and virtual-8086 mode (random_guest.c) and in 64-bit and compatibility mode (random_guest64.c): here they
# print, byte for byte, what they print on QEMU. Without CASES a sample of each: 5000 on the fast core, 300 on inorder.
# A long run, of about 3 minutes: tests/system/random_guest.sh build 400000 7
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/guests_lib.sh"
build=${1:?usage: random_guest.sh BUILD [CASES [SEED [CORE]]]}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

build_guest() { # build_guest NAME BITS EMULATION: $work/NAME.elf, in the 32-bit form that Multiboot loaders take
    gcc "-m$2" -O1 -ffreestanding -fno-pic -mno-red-zone -mgeneral-regs-only -fno-stack-protector -fcf-protection=none \
        -Wall -Wextra -Werror -Wno-main -c "$here/$1.c" -o "$work/$1.o" &&
        ld -m "$3" -Ttext=0x100000 -e _start -z noexecstack --no-warn-rwx-segments -N "$work/$1.o" -o "$work/$1.tmp" &&
        objcopy -O elf32-i386 "$work/$1.tmp" "$work/$1.elf"
}

on_qemu() { # on_qemu IMAGE WORDS...: without a time limit that a long run would meet
    local image=$1
    shift
    qemu-system-x86_64 -accel tcg -cpu max -m 64 -display none -no-reboot -monitor none -serial "file:$work/qemu" \
        -device isa-debug-exit,iobase=0xf4,iosize=1 -kernel "$image" -append "$*" </dev/null >/dev/null 2>&1
}

compare() { # compare GUEST CASES SEED CORE
    local image=$work/$1.elf name=$1
    shift
    on_qemu "$image" "cases=$1" "seed=$2"
    guest_output_gigogne "$build" "$3" "$image" "cases=$1" "seed=$2" >"$work/out" 2>"$work/messages"
    if [ $? -eq 0 ] && [ "$(tail -n 1 "$work/qemu")" = done ] && cmp -s "$work/qemu" "$work/out"; then
        echo "ok $3 prints what qemu prints: $name, $1 cases, seed $2"
    else
        echo "FAIL $3 prints what qemu prints: $name, $1 cases, seed $2"
        diff "$work/qemu" "$work/out" | head -20
        head -5 "$work/messages"
        failures=1
    fi
}

if ! build_guest random_guest 32 elf_i386 || ! build_guest random_guest64 64 elf_x86_64; then
    echo "FAIL the random guests do not build"
    exit 1
fi
for guest in random_guest random_guest64; do
    if [ -n "${2:-}" ]; then
        compare $guest "$2" "${3:-1}" "${4:-fast}"
    else
        compare $guest 5000 1 fast
        compare $guest 300 2 inorder
    fi
done
exit $failures
