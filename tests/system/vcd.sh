#!/bin/bash
# vcd.sh BUILD - the waveform (--vcd): world, busy walkers and exit reason change when statistics and accounts say that they do,
# and watching changes no result.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"
frequency_khz=3100000 # of the default preset

# summarize VCD END_PS: what the waveform adds up to, a line "NAME VALUE" each:
#   changes.WORLD.WORLD  times in WORLD in cycles.WORLD  walker_cycles  most_walkers  reason.N (seen)
summarize() {
    awk -v end="$2" -v khz="$frequency_khz" '
        function number(bits,    i, v) { for (i = 2; i <= length(bits); i++) v = 2 * v + substr(bits, i, 1); return v + 0 }
        function account() {
            time_in[value["cpu0_world"]] += now - before
            walker_ps += value["cpu0_walkers_busy"] * (now - before)
            before = now
        }
        $1 == "$var" { name[$4] = $5 }
        /^#/ { now = substr($1, 2) + 0; if (now < before) print "backwards 1"; account() }
        /^b[01]+ / {
            signal = name[$2]
            if (signal == "cpu0_world") changes[value[signal] + 0 "." number($1)]++
            if (signal == "cpu0_exit_reason" && now) reason[number($1)]++
            value[signal] = number($1)
            if (signal == "cpu0_walkers_busy" && value[signal] > most) most = value[signal]
        }
        END {
            now = end; account()
            for (c in changes) print "changes." c, changes[c]
            for (w in time_in) printf "cycles.%d %d\n", w, time_in[w] * khz / 1e9 + 0.5
            for (r in reason) print "reason." r, reason[r]
            printf "walker_cycles %d\nmost_walkers %d\n", walker_ps * khz / 1e9 + 0.5, most
        }' "$1"
}

from_wave() { # from_wave NAME: 0 if it is not there
    awk -v "name=$1" '$1 == name { n = $2 } END { print n + 0 }' "$work/summary"
}

near() { # near A B SLACK
    local difference=$(($1 > $2 ? $1 - $2 : $2 - $1))
    [ $difference -le "$3" ] && return 0
    echo "    $1 and $2 differ by more than $3" >&2
    return 1
}

within() { # within BUSY CYCLES WALKS SEARCH: CYCLES, and up to SEARCH more for each walk; edges are rounded
    [ "$1" -ge $(($2 - $3)) ] && [ "$1" -le $(($2 + $3 * ($4 + 1))) ] && return 0
    echo "    $1 is not $2 and up to $4 for each of $3" >&2
    return 1
}

has_signals() { # has_signals VCD
    [ "$(awk '$1 == "$var" { print $5 }' "$1" | tr '\n' ' ')" = "cpu0_world cpu0_walkers_busy cpu0_exit_reason " ] && grep -q '^ *1 ps$' "$1"
}

# The exit reasons by name, from the statistics.
reasons_counted() { # reasons_counted RUN
    awk -F'[".]' '/vmx\.exits\..*\.count/ && !/: 0,?$/ { print $5 }' "$work/$1/stats-all.json" | sort
}

reasons_seen() { # by name, from the waveform; what stands there from the beginning is none
    awk '/^reason\./ { sub("reason.", "", $1); print $1 }' "$work/summary" | while read -r number; do
        "$build/gigogne" list exits | awk -v n="$number" '$1 == n { print $2 }'
    done | sort
}

# check NAME ARGUMENT...: with a monitor.
check() {
    local name=$1 end_ps cycles exits in_guest
    shift
    simulate_well plain "$@" || return
    simulate_well watched --vcd "$work/wave" "$@" || return
    verdict "$name: the results are the same" same_files plain watched stats.json stats-all.json console.log
    verdict "$name: three signals, in picoseconds" has_signals "$work/wave.vcd"
    cycles=$(value watched cpu0.cycles stats-all)
    end_ps=$(awk -v c="$cycles" -v khz=$frequency_khz 'BEGIN { printf "%d", c * 1e9 / khz }')
    summarize "$work/wave.vcd" "$end_ps" >"$work/summary"
    exits=$(value watched cpu0.vmx.exits_total stats-all)
    verdict "$name: every exit is seen" [ "$(from_wave changes.2.1)" = "$exits" ]
    verdict "$name: every entry is seen" [ "$(from_wave changes.1.2)" = "$(value watched cpu0.vmx.entries stats-all)" ]
    in_guest=$(sum_of "$work/watched/stats-all.json" 'cpu0.account.guest.*')
    verdict "$name: time in the guest" near "$(from_wave cycles.2)" "$in_guest" 1
    verdict "$name: walkers are busy as long as they say, and while the STLB is searched for a walk that has its walker" \
        within "$(from_wave walker_cycles)" "$(value watched cpu0.walker.cycles stats-all)" "$(value watched cpu0.walker.walks stats-all)" \
        "$(awk '$1 == "stlb_hit_cycles:" { print $2 }' "$work/watched/config.yaml")"
    verdict "$name: a walker was busy" [ "$(from_wave most_walkers)" -ge 1 ]
    verdict "$name: the exit reasons" diff <(reasons_seen) <(reasons_counted watched)
}

check ept -s run.switch_at=warm -m "$images/monitor-ept.elf:host=2M vpid=off" "$images/bench-exits.elf" -- iters=4
check shadow -s run.switch_at=warm -m "$images/monitor-shadow.elf" "$images/bench-fork.elf" -- pages=16 iters=2

# A name with its suffix is taken as it is meant.
simulate_well suffix --vcd "$work/other" "$images/bench-compute.elf" -- iters=100
verdict "natively the world stays native" [ "$(grep -c '^b1*0* aaaaa$' "$work/other.vcd")" = 1 ]

finish
