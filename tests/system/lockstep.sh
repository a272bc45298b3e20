#!/bin/bash
# lockstep.sh BUILD - timing computes no values: the functional core instruction by instruction, the in-order core, the
# out-of-order core, and a run that changes from the functional one to one of the others (in turns) at an arbitrary
# instruction agree on the architectural state behind every single instruction (trace category "state": a digest that goes
# on from instruction to instruction, written every 256), on what every guest prints, natively and under both monitors, and
# on the number of instructions that it took; and the functional core by whole blocks on the latter two. (Without timer
# interrupts: those come at other instructions where time is another.)
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"
. "$(dirname "$0")/guests_lib.sh"

digests() { # digests RUN: without the cycle in front
    cut -d ' ' -f 2- "$work/$1/trace.log"
}

same_states() { # same_states RUN: as the functional core, one instruction after the other
    [ -s "$work/fast/trace.log" ] && cmp <(digests fast) <(digests "$1")
}

same_result() { # same_result RUN: what `fast` printed, in as many instructions
    local fast other
    fast=$(value fast cpu0.instructions stats-all)
    other=$(value "$1" cpu0.instructions stats-all)
    cmp "$work/fast.out" "$work/$1.out" && [ "$fast" = "$other" ] && return 0
    echo "    instructions: fast $fast, $1 $other" >&2
    return 1
}

same() { same_result "$1" && same_states "$1"; }

# compare CASE ARGUMENT... (with memory for the largest guest under a monitor)
compare() {
    local case=$1 core
    shift
    set -- -s board.ram_bytes=3GiB "$@"
    simulate_well fast --trace state -s board.core=fast "$@" || return
    simulate_well blocks -s board.core=fast "$@" && verdict "blocks: $case" same_result blocks
    for core in inorder ooo; do
        simulate_well $core --trace state -s board.core=$core "$@" && verdict "$core: $case" same $core
    done
    core=$([ $((switch % 2)) = 0 ] && echo inorder || echo ooo)
    simulate_well switched --trace state -s board.core="$core" -s run.switch_at=instructions -s run.switch_instructions="$switch" "$@" &&
        verdict "switched to $core at $switch: $case" same switched
}

# A bench that waits for a timer of its own takes as many instructions as time allows: same output, other count.
is_timed() {
    case $1 in *timer=* | *op=hlt* | "exits iters=8") return 0 ;; *) return 1 ;; esac
}

switch=7001
while read -r line; do
    is_timed "$line" && continue
    image=$images/bench-${line%% *}.elf
    switch=$((switch * 3 % 65537))
    # shellcheck disable=SC2086 # words are split on purpose
    {
        compare "$line, native" "$image" -- ${line#* }
        compare "$line, ept" -m "$images/monitor-ept.elf:host=2M" "$image" -- ${line#* }
        compare "$line, shadow" -m "$images/monitor-shadow.elf" "$image" -- ${line#* }
    }
done < <(guest_cases)
for test in isa isa_privilege isa_refused simd x87; do # isa_events waits for timers
    switch=$((switch * 3 % 65537))
    compare "test $test" "$images/test-$test.elf"
done
for op in cpuid vmcall out in rdmsr wrmsr mov_cr3 invlpg page_fault undefined; do
    switch=$((switch * 3 % 65537))
    compare "exits op=$op, native" "$images/bench-exits.elf" -- iters=8 op=$op
    compare "exits op=$op, ept" -m "$images/monitor-ept.elf:host=2M" "$images/bench-exits.elf" -- iters=8 op=$op
    compare "exits op=$op, shadow" -m "$images/monitor-shadow.elf" "$images/bench-exits.elf" -- iters=8 op=$op
done

finish
