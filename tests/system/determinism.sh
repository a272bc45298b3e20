#!/bin/bash
# determinism.sh BUILD - two runs of the same thing write the same bytes: statistics and console, on both cores, native and
# under both monitors, with timer interrupts; whatever the output is called, whether clock domains run on in batches, and
# whether anybody watches (waveform, traces, ledgers, an alarm for the progress line).
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"
results="stats.json stats.txt stats-all.json stats-all.txt histograms.json histograms-all.json console.log"

# What may not change the results; each is "NAME ARGUMENT...", DIR stands for a place for files.
variants() {
    cat <<'VARIANTS'
again
unbatched -s board.batching=false
waveform --vcd DIR/wave
traced --trace=exec,core,except,vmx,irq,dev,board
watched --trace=mem,walk --ledger DIR/ledger.csv
quiet --quiet
reconfigured -c DIR/base/config.yaml
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

for core in fast inorder ooo; do
    on="-s board.core=$core"
    # shellcheck disable=SC2086 # $on is two words
    {
        compare "$core, native" $on "$images/bench-hashjoin.elf" -- pages=64 iters=2000 timer=100000
        compare "$core, halts" $on "$images/bench-exits.elf" -- iters=4 timer=100000
        compare "$core, ept" $on -s run.switch_at=warm -m "$images/monitor-ept.elf:host=2M" "$images/bench-fork.elf" -- pages=37 iters=2 timer=100000
        compare "$core, shadow" $on -s run.switch_at=warm -m "$images/monitor-shadow.elf" "$images/bench-fork.elf" -- pages=37 iters=2 timer=100000
    }
done

compare "inorder, tiny" -c tiny "$images/bench-fork.elf" -- pages=16 iters=2 timer=100000

# The same for runs that are cut short: at an instruction, at a cycle.
cut_short() { # cut_short CORE STATUS PATH VALUE ARGUMENT...
    local core=$1 expected=$2 path=$3 limit=$4 batching
    shift 4
    for batching in true false; do
        rm -rf "${work:?}/cut-$batching"
        simulate cut-$batching -s "board.core=$core" -s board.batching=$batching "$@"
        verdict "$core, $*, batching $batching: status $expected" [ $status = "$expected" ]
        verdict "$core, $*, batching $batching: $path is $limit" [ "$(value cut-$batching "$path" stats-all)" = "$limit" ]
    done
    verdict "$core, $*: batching changes nothing" same_files cut-true cut-false stats-all.json
}

for core in fast inorder ooo; do
    cut_short $core 0 cpu0.instructions 23456 --max-instructions=23456 "$images/bench-hashjoin.elf"
    cut_short $core 3 cpu0.cycles 1234567 --max-cycles=1234567 "$images/bench-hashjoin.elf"
    cut_short $core 3 cpu0.cycles 2345678 --max-cycles=2345678 "$images/test-misbehave.elf" -- how=sleep timer=1000
done

# The progress line, drawn from an alarm that stops the kernel, is shown on terminals only: `script` makes one.
simulate_well unseen "$images/bench-hashjoin.elf" -- pages=1024 iters=200000
script -qec "'$build/gigogne' run -o '$work/seen' '$images/bench-hashjoin.elf' -- pages=1024 iters=200000" /dev/null </dev/null >"$work/terminal"
verdict "progress is shown on a terminal" grep -q ' done, .* ms simulated' "$work/terminal"
verdict "progress changes nothing" same_files unseen seen stats.json stats-all.json console.log

# Without an output directory there are no files, but the same console and the same end.
"$build/gigogne" run "$images/bench-hashjoin.elf" -- pages=64 iters=2000 timer=100000 >"$work/plain.out" 2>"$work/plain.err"
simulate_well stored "$images/bench-hashjoin.elf" -- pages=64 iters=2000 timer=100000
verdict "without output directory: console" cmp "$work/plain.out" "$work/stored.out"
verdict "console.log is what stdout got" cmp "$work/stored/console.log" "$work/stored.out"

finish
