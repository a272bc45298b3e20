#!/bin/bash
# guests_on_qemu.sh BUILD [OUTPUT_DIR] - every bench on QEMU, which knows nothing of Gigogne: each must check
# its own result, say ok and give status 0; a wrong word must give one message and status 1. With OUTPUT_DIR,
# what each case printed is kept there as <number>.txt, in the order of guest_cases, for comparison with other
# machines.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/guests_lib.sh"
build=${1:?usage: guests_on_qemu.sh BUILD [OUTPUT_DIR]}
if [ -n "${2:-}" ]; then
    keep=$2
    mkdir -p "$keep"
else
    keep=$(mktemp -d)
    trap 'rm -rf "$keep"' EXIT
fi
failures=0
printf_sample='kit: [-7|  -42|-0042|4294967295|beef|0123456789abcdef|c|  str|%]'

verdict() { # verdict NAME CONDITION...
    local name=$1
    shift
    if "$@"; then echo "ok $name"; else echo "FAIL $name"; failures=$((failures + 1)); fi
}

one_line() { [ "$(wc -l <"$1")" -eq 1 ]; }
succeeds() { [ "$1" -eq 0 ] && one_line "$2" && grep -q "^$3: .* ok$" "$2"; }
same_text() { [ -s "$1" ] && cmp -s "$1" "$2"; }
is_kit_ok() { [ "$1" -eq 0 ] && grep -q '^kit: 32 checks ok$' "$2" && grep -qF "$printf_sample" "$2"; }
is_refused() { [ "$1" -eq 1 ] && one_line "$2" && grep -qF "$3" "$2"; }

run_case() { # run_case NUMBER BENCH WORDS...
    local out="$keep/$1.txt" bench=$2
    shift 2
    guest_output_qemu "$build/workloads/bench-$bench.elf" "$@" >"$out"
    verdict "qemu $bench $*" succeeds $? "$out" "$bench"
}

run_same_on_old_processor() { # no PCID, no 1 GiB pages, no SMEP
    local out="$keep/$1.txt" old="$keep/$1-qemu64.txt" bench=$2
    shift 2
    GUEST_CPU=qemu64,-nx,-pdpe1gb guest_output_qemu "$build/workloads/bench-$bench.elf" "$@" >"$old"
    verdict "qemu, old processor: $bench $*" same_text "$out" "$old"
}

run_kit() { # run_kit PROCESSOR
    local out="$keep/kit-$1.txt"
    GUEST_CPU=$1 guest_output_qemu "$build/workloads/test-kit.elf" >"$out"
    verdict "qemu -cpu $1: the kit's own test" is_kit_ok $? "$out"
}

run_refused() { # run_refused MESSAGE WORDS...
    local out="$keep/refused.txt" message=$1
    shift
    guest_output_qemu "$build/workloads/bench-chase.elf" "$@" >"$out"
    verdict "qemu refuses $*" is_refused $? "$out" "$message"
}

if ! command -v qemu-system-x86_64 >/dev/null; then
    echo "FAIL qemu-system-x86_64 is not installed"
    exit 1
fi

for cpu in max qemu64,-nx Nehalem; do run_kit "$cpu"; done
number=0
while read -r line; do
    number=$((number + 1))
    # shellcheck disable=SC2086  # words are split on purpose
    run_case "$number" $line
    case $line in
    chase* | ptemod* | fork* | ctxswitch* | exits*) run_same_on_old_processor "$number" $line ;;
    esac
done < <(guest_cases)

run_refused '"page=3K": not one of the choices' pages=64 page=3K
run_refused '"pagse=64": no such word' pagse=64
run_refused '"pages=1": out of range' pages=1
run_refused '"iters=12q": not a number' iters=12q
run_refused '"iters": not key=value' pages=64 iters
run_refused '"iters=2": given twice' iters=1 iters=2

exit $((failures > 0))
