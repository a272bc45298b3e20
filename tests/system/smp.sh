#!/bin/bash
# smp.sh BUILD - several processors start, share memory, send each other interrupts and keep to x86-TSO, on every core model; what
# they do does not depend on the batching of clock domains.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"

# guest CORE CORES IMAGE WORDS...: each line that the guest judges is a check.
guest() {
    local core=$1 cores=$2 image=$3 name=$1-$2-$3
    shift 3
    simulate_well "$name" --quiet -s board.core="$core" -s board.cores="$cores" "$images/test-$image.elf" -- "$@" || return
    while IFS= read -r line; do
        verdict "$image on $cores $core cores: ${line%: *}" test "${line##*: }" = ok
    done < <(grep -E ': (ok|FAILED)$' "$work/$name.out")
}

more_than() { # more_than LEAST RUN PATH
    test "$(value "$2" "$3")" -gt "$1"
}

for core in fast inorder ooo; do
    for cores in 1 2 4; do guest $core $cores smp iters=300; done
    guest $core 4 litmus iters=40
done
guest inorder 16 smp iters=40

for core in inorder ooo; do
    verdict "$core: lines go from cache to cache" more_than 100 $core-4-smp directory.from_peer
    verdict "$core: stores take lines from others" more_than 100 $core-4-smp cpu0.l1d.invalidations
    verdict "$core: loads wait for others' caches" more_than 100 $core-4-smp cpu1.$core.served_peer
done
for core in fast inorder ooo; do
    simulate_well unbatched --quiet -s board.core=$core -s board.cores=4 -s board.batching=off "$images/test-smp.elf" -- iters=300
    verdict "$core: the same statistics without batching" cmp "$work/unbatched/stats.json" "$work/$core-4-smp/stats.json"
done

# On the fast core processors take turns of a quantum; with one instruction each, they interleave exactly.
guest fast 3 smp iters=300
for quantum in 1 16 65536; do
    simulate_well quantum --quiet -s board.core=fast -s board.cores=3 -s board.quantum_instructions=$quantum "$images/test-smp.elf" -- iters=300
    verdict "fast, turns of $quantum instructions: every part is ok" test "$(grep -c ': ok$' "$work/quantum.out")" = "$(grep -c ': ok$' "$work/fast-3-smp.out")"
done
finish
