#!/bin/bash
# random_guest.sh BUILD [CASES [SEED [CORE]]] - random system instructions with random descriptors, gates, pages and rings: random_guest.c
# prints here, byte for byte, what it prints on QEMU. Without CASES a sample: 6000 on the fast core, 300 on inorder.
# A long run, of about 3 minutes: tests/system/random_guest.sh build 400000 7
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/guests_lib.sh"
build=${1:?usage: random_guest.sh BUILD [CASES [SEED [CORE]]]}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0
image=$work/random.elf

if ! gcc -m32 -O1 -ffreestanding -fno-pic -mno-sse -mno-mmx -fno-stack-protector -fcf-protection=none -Wall -Wextra -Werror \
    -c "$here/random_guest.c" -o "$work/random.o" ||
    ! ld -m elf_i386 -Ttext=0x100000 -e _start -z noexecstack --no-warn-rwx-segments -N "$work/random.o" -o "$image"; then
    echo "FAIL random_guest.c does not build"
    exit 1
fi

on_qemu() { # on_qemu WORDS...: without a time limit that a long run would meet
    qemu-system-x86_64 -accel tcg -cpu max -m 64 -display none -no-reboot -monitor none -serial "file:$work/qemu" \
        -device isa-debug-exit,iobase=0xf4,iosize=1 -kernel "$image" -append "$*" </dev/null >/dev/null 2>&1
}

compare() { # compare CASES SEED CORE
    on_qemu "cases=$1" "seed=$2"
    guest_output_gigogne "$build" "$3" "$image" "cases=$1" "seed=$2" >"$work/out" 2>"$work/messages"
    if [ $? -eq 0 ] && [ "$(tail -n 1 "$work/qemu")" = done ] && cmp -s "$work/qemu" "$work/out"; then
        echo "ok $3 prints what qemu prints: $1 random cases, seed $2"
    else
        echo "FAIL $3 prints what qemu prints: $1 random cases, seed $2"
        diff "$work/qemu" "$work/out" | head -20
        head -5 "$work/messages"
        failures=1
    fi
}

if [ -n "${2:-}" ]; then
    compare "$2" "${3:-1}" "${4:-fast}"
else
    compare 6000 1 fast
    compare 300 2 inorder
fi
exit $failures
