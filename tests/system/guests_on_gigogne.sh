#!/bin/bash
# guests_on_gigogne.sh BUILD [CORE...] - every bench, and the kit's own test, on the simulator's cores (fast
# and inorder): each must give status 0 and print, byte for byte, what it prints on QEMU.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/guests_lib.sh"
build=${1:?usage: guests_on_gigogne.sh BUILD [CORE...]}
shift
cores=${*:-fast inorder}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

agrees() { # agrees STATUS TEXT REFERENCE
    [ "$1" -eq 0 ] && [ -s "$3" ] && cmp -s "$2" "$3"
}

compare() { # compare IMAGE WORDS...
    local image="$build/workloads/$1.elf" name="$*" core status
    shift
    guest_output_qemu "$image" "$@" >"$work/qemu"
    for core in $cores; do
        guest_output_gigogne "$build" "$core" "$image" "$@" >"$work/gigogne" 2>"$work/messages"
        status=$?
        if agrees "$status" "$work/gigogne" "$work/qemu"; then
            echo "ok $core prints what qemu prints: $name"
        else
            echo "FAIL $core prints what qemu prints: $name (status $status)"
            diff "$work/qemu" "$work/gigogne" | sed 's/^/    /'
            sed 's/^/    /' "$work/messages" | head -20
            failures=$((failures + 1))
        fi
    done
}

compare test-kit
while read -r line; do
    # shellcheck disable=SC2086  # words are split on purpose
    compare bench-$line
done < <(guest_cases)

exit $((failures > 0))
