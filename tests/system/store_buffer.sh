#!/bin/bash
# store_buffer.sh BUILD - stores that other processors cannot see yet (board.store_buffer_entries): the litmus tests show the outcomes that
# x86-TSO allows and sequential consistency does not, and no other; one processor does what it does without, at the same time.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"

allowed_seen() { # allowed_seen RUN TEST: how often
    sed -n "s/^litmus $2 (.* 0 forbidden, \([0-9]*\) that only TSO allows: ok$/\1/p" "$work/$1.out"
}

for core in fast inorder ooo; do
    for entries in 8 64; do
        run=litmus-$core-$entries
        simulate_well $run --quiet -s board.core=$core -s board.cores=4 -s board.quantum_instructions=1 -s run.switch_at=begin \
            -s board.store_buffer_entries=$entries \
            "$images/test-litmus.elf" -- iters=150 || continue
        verdict "$core, $entries entries: twelve tests, no forbidden outcome" test "$(grep -c ' 0 forbidden, .*: ok$' "$work/$run.out")" = 12
        shown="SB SB+rfi"
        [ $core = ooo ] || shown+=" R" # there its processors hardly meet
        for test in $shown; do
            verdict "$core, $entries entries: $test shows that stores wait" test "$(allowed_seen $run $test)" -gt 0
        done
        for test in SB+mfence SB+xchg MP LB S 2+2W CoRR WRC IRIW; do
            verdict "$core, $entries entries: $test shows nothing" test "$(allowed_seen $run $test)" = 0
        done
    done
done

# Several processors, and several virtual ones, still agree about locks, messages, page tables and interrupts.
for core in fast inorder; do
    simulate_well smp-$core --quiet -s board.core=$core -s board.cores=4 -s run.switch_at=begin -s board.store_buffer_entries=16 "$images/test-smp.elf" -- iters=100
    simulate_well smp-ept-$core --quiet -s board.core=$core -s board.cores=3 -s run.switch_at=begin -s board.store_buffer_entries=16 \
        -m "$images/monitor-ept.elf:cpus=4 ipi=posted host=4K" "$images/test-smp.elf" -- iters=50 exchange=on
done

# One processor: nothing changes but the buffer's own counts.
same_but_the_buffer() { # same_but_the_buffer RUN
    cmp <(grep -v '"cpu0.stores\.' "$work/$1-without/stats-all.json") <(grep -v '"cpu0.stores\.' "$work/$1-with/stats-all.json") &&
        cmp "$work/$1-without/console.log" "$work/$1-with/console.log"
}
alone() { # alone NAME ARGUMENTS...
    local name=$1
    shift
    simulate_well "$name-without" --quiet "$@"
    simulate_well "$name-with" --quiet -s board.store_buffer_entries=16 "$@"
    verdict "$name: the same statistics and console" same_but_the_buffer "$name"
    verdict "$name: stores have waited" test "$(value "$name-with" cpu0.stores.buffered stats-all)" -gt 1000
}
for core in inorder ooo; do
    alone $core-native -s board.core=$core "$images/bench-btree.elf" -- pages=300 iters=300
    alone $core-timer -s board.core=$core "$images/bench-fork.elf" -- pages=37 iters=2 timer=1000
    alone $core-ept -s board.core=$core -s run.switch_at=warm -m "$images/monitor-ept.elf" "$images/bench-fork.elf" -- pages=37 iters=2
done
alone fast-shadow -s board.core=fast -m "$images/monitor-shadow.elf" "$images/bench-fork.elf" -- pages=37 iters=2
simulate refused --quiet -s board.store_buffer_entries=65 "$images/bench-compute.elf"
verdict "more entries than there can be are refused" test $status = 2
finish
