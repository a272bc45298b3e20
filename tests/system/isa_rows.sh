#!/bin/bash
# isa_rows.sh BUILD [CORE...] - the self-checking assembly of tests/isa passes on the host's processor, as a static
# program of user mode, and in the simulator as a guest of the same source, on its cores (fast, inorder and ooo). A
# group for which the host lacks a feature runs in the simulator only, which says so.
# Prints "ok <name>" or "FAIL <name>" per group and machine; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"
shift
cores=${*:-fast inorder ooo}
sources=$(cd "$(dirname "$0")/../isa" && pwd)

# report MACHINE FILE: the lines of a run, with the machine in front; what was skipped is no failure on the host.
report() {
    local verdict group rest
    while read -r verdict group rest; do
        case $verdict in
        ok) echo "ok $1: isa $group" ;;
        FAIL) fail "$1: isa $group" "$rest" ;;
        skip)
            if [ "$1" = host ]; then echo "not on the host: $group $rest" >&2; else fail "$1: isa $group" "$rest"; fi
            ;;
        esac
    done <"$2"
}

# complete MACHINE FILE: every group has its line; a machine that dies in one leaves the rest out.
complete() {
    local groups
    groups=$(grep -cE '^ +G\(' "$sources/groups.c")
    verdict "$1: all $groups groups ran" [ "$(wc -l <"$2")" = "$groups" ]
}

if ! gcc -static -no-pie -O2 -o "$work/host" "$sources"/*.S "$sources"/groups.c "$sources"/on_linux.c; then
    fail "tests/isa builds for Linux"
    finish
fi
"$work/host" >"$work/host.out"
report host "$work/host.out"
complete host "$work/host.out"
for core in $cores; do
    simulate "$core" -s board.core="$core" "$images/test-isa.elf"
    report "$core" "$work/$core.out"
    complete "$core" "$work/$core.out"
done
finish
