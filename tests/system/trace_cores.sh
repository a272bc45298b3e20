#!/bin/bash
# trace_cores.sh BUILD - ledger, timeline, waveform and traces tell of every processor, each what its statistics say; --cpus chooses some.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"
four="-s board.cores=4 $images/test-smp.elf -- iters=60"

# of_ledger CPU DIM: references and their cycles.
of_ledger() {
    awk -F, -v "cpu=$1" -v "dim=$2" 'NR > 1 && $1 == cpu && $6 == dim { n++; cycles += $11 } END { print n + 0, cycles + 0 }' "$work/ledger.csv"
}

# of_timeline CPU THREADS: the cycles of slices of a processor, in threads that match.
of_timeline() {
    grep -E "^\{\"ph\":\"X\",\"pid\":$(($1 + 1)),\"tid\":$2," "$work/timeline.json" | grep -oE '"cycles":[0-9]+' | awk -F: '{ n += $2 } END { print n + 0 }'
}

signals() { awk '$1 == "$var" { print $5 }' "$work/wave.vcd" | tr '\n' ' '; }
units() { awk '{ print $2 }' "$work/$1/trace.log" | sort -u | tr '\n' ' '; }

for core in inorder ooo; do
    # shellcheck disable=SC2086 # words are split on purpose
    simulate_well plain -s board.core=$core $four
    # shellcheck disable=SC2086
    simulate_well watched -s board.core=$core --ledger "$work/ledger.csv" --timeline "$work/timeline.json" --vcd "$work/wave" --trace=walk,except $four
    verdict "$core: watching changes nothing" same_files plain watched stats.json stats-all.json histograms.json console.log
    for cpu in 0 1 2 3; do
        verdict "$core: the ledger of cpu$cpu" \
            [ "$(of_ledger $cpu guest)" = "$(value watched cpu$cpu.walker.refs_guest) $(value watched cpu$cpu.walker.cycles_guest)" ]
        verdict "$core: the timeline of cpu$cpu holds every cycle" [ "$(of_timeline $cpu 1)" = "$(value watched cpu$cpu.cycles)" ]
        verdict "$core: and every walk's" [ "$(of_timeline $cpu '[2-9]')" = "$(value watched cpu$cpu.walker.cycles)" ]
    done
    verdict "$core: processors' walks are numbered together" \
        [ "$(awk -F, 'NR > 1 { print $2 }' "$work/ledger.csv" | sort -un | wc -l)" = "$(sum_of "$work/watched/stats.json" 'cpu*.walker.walks')" ]
done
verdict "the waveform has three signals of each processor" \
    [ "$(signals)" = "$(for cpu in 0 1 2 3; do echo cpu${cpu}_world cpu${cpu}_walkers_busy cpu${cpu}_exit_reason; done | tr '\n' ' ')" ]
verdict "the trace names its processors" [ "$(units watched)" = "cpu0 cpu0.walker cpu1 cpu1.walker cpu2 cpu2.walker cpu3 cpu3.walker " ]

# shellcheck disable=SC2086
simulate_well some --cpus 1,3-3 --ledger "$work/ledger.csv" --timeline "$work/timeline.json" --vcd "$work/wave.vcd" --trace=walk,except $four
verdict "--cpus: ledger" [ "$(awk -F, 'NR > 1 { print $1 }' "$work/ledger.csv" | sort -u | tr '\n' ' ')" = "1 3 " ]
verdict "--cpus: timeline" [ "$(grep -oE '"pid":[0-9]+' "$work/timeline.json" | sort -u | tr '\n' ' ')" = '"pid":2 "pid":4 ' ]
verdict "--cpus: waveform, and a suffix is no second one" [ "$(signals)" = "cpu1_world cpu1_walkers_busy cpu1_exit_reason cpu3_world cpu3_walkers_busy cpu3_exit_reason " ]
verdict "--cpus: trace" [ "$(units some)" = "cpu1 cpu1.walker cpu3 cpu3.walker " ]

# shellcheck disable=SC2086
simulate_well pipe --pipeline-cpu 2 --kanata "$work/pipe.kanata" -s board.core=ooo $four
verdict "--pipeline-cpu: another processor's pipeline" grep -qx $'I\t0\t[0-9]*\t2' "$work/pipe.kanata"

# refused NAME MESSAGE ARGUMENT...
refused() {
    local name=$1 message=$2
    shift 2
    simulate refused "$@" "$images/bench-compute.elf" -- iters=100
    verdict "refused: $name" grep -qF -- "$message" "$work/refused.err"
    verdict "refused: $name: status 2" [ "$status" = 2 ]
}
refused "a processor that is not there" "there is no processor 2 to watch (board.cores=2)" -s board.cores=2 --cpus 0,2 --timeline "$work/t.json"
refused "a list that is none" "--cpus: '1,,2' is no list of processors" --cpus 1,,2
refused "a range that goes backwards" "--cpus: '3-1' is no list of processors" --cpus 3-1
refused "another processor's pipeline" "there is no processor 1 to watch (board.cores=1)" --pipeline-cpu 1 --kanata "$work/t.kanata" -s board.core=ooo
refused "no processor" "--pipeline-cpu: '16' is no processor (allowed: 0..15)" --pipeline-cpu 16
finish
