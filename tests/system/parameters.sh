#!/bin/bash
# parameters.sh BUILD - every parameter at every end of its documented range (`gigogne list params`): either the machine is built,
# gives the guest the same results, and its accounts add up; or one message with the key says why not, with status 2.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"
guest=("$images/bench-fork.elf" -- pages=16 iters=1)

# Lines "PATH VALUE": both ends of an interval, every choice, each position of a switch.
extremes() {
    "$build/gigogne" list params | awk '
        /^[a-z]/ { path = $1; next }
        /allowed: up to/ { next }
        {
            sub(/.*allowed: /, "")
            sub(/a power of two, /, "")
            if (sub(/^at least /, "")) n = split($0, end, " ")
            else if (/\.\./) n = split($0, end, /\.\./)
            else n = split($0, end, "|")
            for (i = 1; i <= n; i++) if (end[i] !~ /^(on|off)$/) print path, end[i]
        }'
}

# What a guest or its monitor says of a processor that lacks what it needs.
is_lacking() {
    [ $status = 1 ] && [ "$(wc -l <"$work/run.out")" = 1 ] && grep -qE "^the (processor|firmware|guest)" "$work/run.out"
}

is_refused() { # is_refused PATH
    [ $status = 2 ] && [ "$(wc -l <"$work/run.err")" = 1 ] && grep -qE "(^| )${1%.*}[.:]|board.ram_bytes" "$work/run.err" && [ ! -e "$work/run" ]
}

is_same() {
    [ $status = 0 ] && cmp -s "$work/run.out" "$work/base.out" && adds_up_when_cut run && adds_up_when_cut run stats-all
}

check() { # check PATH VALUE
    rm -rf "$work/run"
    simulate run --quiet --max-cycles=10000000000 -s run.switch_at=warm -m "$images/monitor-ept.elf:host=2M" -s "$1=$2" "${guest[@]}"
    if is_same || is_refused "$1" || is_lacking; then
        echo "ok $1=$2 (status $status)"
    else
        fail "$1=$2" "status $status" "$(head -3 "$work/run.err" "$work/run.out")"
    fi
}

simulate_well base --quiet --max-cycles=10000000000 -s run.switch_at=warm -m "$images/monitor-ept.elf:host=2M" "${guest[@]}"
extremes >"$work/extremes"
verdict "a range for every parameter" [ "$(cut -d ' ' -f 1 "$work/extremes" | sort -u | wc -l)" -ge 130 ]
while read -r path value; do check "$path" "$value"; done <"$work/extremes"

finish
