#!/bin/bash
# determinism.sh BUILD - two runs of the same thing write the same bytes: statistics and console, on both cores, native and
# under both monitors, with timer interrupts; whatever the output is called, whether clock domains run on in batches, and
# whether anybody watches (waveform, traces, ledgers, an alarm for the progress line).
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"
results="stats.json stats.txt stats-all.json stats-all.txt console.log"

# What may not change the results; each is "NAME ARGUMENT...", DIR stands for a place for files.
variants() {
    cat <<'VARIANTS'
again
unbatched -s board.batching=false
waveform --vcd DIR/wave
traced --trace=exec,core,except,vmx,irq,dev,board
watched --trace=mem,walk --ledger DIR/ledger.csv
quiet --quiet
VARIANTS
}

# compare CASE ARGUMENT...: the case once, then in every variant.
compare() {
    local case=$1 variant arguments
    shift
    rm -rf "${work:?}/base"
    simulate_well base "$@" || return
    verdict "$case: interrupts came" [ "$(value base pic.interrupts stats-all)" -ge 2 ]
    while read -r variant arguments; do
        rm -rf "$work/a rather long path/with/$variant"
        # shellcheck disable=SC2086 # words are split on purpose
        simulate_well "a rather long path/with/$variant" ${arguments//DIR/$work} "$@" || continue
        # shellcheck disable=SC2086
        verdict "$case: $variant" same_files base "a rather long path/with/$variant" $results
    done < <(variants)
}
mkdir -p "$work/a rather long path/with"

for core in fast inorder; do
    on="-s board.core=$core"
    # shellcheck disable=SC2086 # $on is two words
    {
        compare "$core, native" $on "$images/bench-hashjoin.elf" -- pages=64 iters=2000 timer=100000
        compare "$core, halts" $on "$images/bench-exits.elf" -- iters=4 timer=100000
        compare "$core, ept" $on -s run.switch_at=warm -m "$images/monitor-ept.elf:host=2M" "$images/bench-fork.elf" -- pages=37 iters=2 timer=100000
        compare "$core, shadow" $on -s run.switch_at=warm -m "$images/monitor-shadow.elf" "$images/bench-fork.elf" -- pages=37 iters=2 timer=100000
    }
done

# Without an output directory there are no files, but the same console and the same end.
"$build/gigogne" run "$images/bench-hashjoin.elf" -- pages=64 iters=2000 timer=100000 >"$work/plain.out" 2>"$work/plain.err"
simulate_well stored "$images/bench-hashjoin.elf" -- pages=64 iters=2000 timer=100000
verdict "without output directory: console" cmp "$work/plain.out" "$work/stored.out"
verdict "console.log is what stdout got" cmp "$work/stored/console.log" "$work/stored.out"

finish
