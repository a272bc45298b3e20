#!/bin/bash
# isa_guests.sh BUILD [CORE...] - the self-checking guests of the system side of the instruction set, on QEMU, and on
# the simulator's cores (fast and inorder), natively and under the monitors: each must give status 0, and the
# simulator must print, byte for byte, what QEMU prints. What QEMU does not do runs on the simulator alone.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/guests_lib.sh"
build=${1:?usage: isa_guests.sh BUILD [CORE...]}
shift
cores=${*:-fast inorder}

# Guest, its words, and its words under a monitor ("-": none; "no": not run there). The shadow monitor does not model
# CR0.WP clear.
compared_guests() {
    cat <<'GUESTS'
isa_events    -          wp=off
isa_privilege -          -
simd          strict=off no
x87           -          no
GUESTS
}
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
    ! grep FAILED "$2" && [ "$1" -eq 0 ] && grep -q '^[a-z0-9_]*: [0-9]* checks ok$' "$2"
}

agrees() { # agrees STATUS TEXT REFERENCE MESSAGES
    if [ "$1" -ne 0 ]; then cat "$4"; fi
    [ "$1" -eq 0 ] && [ -s "$3" ] && diff "$3" "$2"
}

on_qemu() { # on_qemu GUEST WORDS...
    local out="$work/$1.qemu" name=$*
    guest_output_qemu "$build/workloads/test-$1.elf" "${@:2}" >"$out"
    verdict "qemu: $name" passes $? "$out"
}

on_gigogne() { # on_gigogne CORE GUEST WORDS...
    local core=$1 guest=$2
    guest_output_gigogne "$build" "$core" "$build/workloads/test-$guest.elf" "${@:3}" >"$work/out" 2>"$work/messages"
    verdict "$core prints what qemu prints: ${*:2}" agrees $? "$work/out" "$work/$guest.qemu" "$work/messages"
}

on_gigogne_alone() { # on_gigogne_alone CORE GUEST
    guest_output_gigogne "$build" "$1" "$build/workloads/test-$2.elf" >"$work/out" 2>"$work/messages"
    verdict "$1: $2" passes $? "$work/out"
}

under_monitor() { # under_monitor MONITOR CORE GUEST WORDS...
    local monitor=$1 core=$2 guest=$3
    "$build/gigogne" run -s "board.core=$core" -m "$build/workloads/monitor-$monitor.elf" -o "$work/run" \
        "$build/workloads/test-$guest.elf" -- "${@:4}" </dev/null >/dev/null 2>"$work/messages"
    verdict "$core under $monitor prints what qemu prints: ${*:3}" \
        agrees $? "$work/run/console.log" "$work/$guest.qemu" "$work/messages"
    rm -rf "$work/run"
}

if ! command -v qemu-system-x86_64 >/dev/null; then
    echo "FAIL qemu-system-x86_64 is not installed"
    exit 1
fi
while read -r guest words monitored; do
    words=${words#-}
    # shellcheck disable=SC2086 # no word or one
    {
        on_qemu "$guest" $words
        for core in $cores; do on_gigogne "$core" "$guest" $words; done
        [ "$monitored" = no ] && continue
        monitored=${monitored#-}
        on_qemu "$guest" $monitored
        for core in $cores; do
            for monitor in ept shadow; do under_monitor "$monitor" "$core" "$guest" $monitored; done
        done
    }
done < <(compared_guests)
for core in $cores; do
    for guest in isa_refused simd; do on_gigogne_alone "$core" "$guest"; done
done
exit $((failures > 0))
