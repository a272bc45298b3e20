#!/bin/bash
# flush.sh BUILD - flush and reload, as a guest sees it, on both timed cores, on one processor and on two, with an L3 that keeps victims, one that includes the
# other caches and one that does neither.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"

# A prefetcher brings back what was flushed.
without_prefetchers=()
for cache in l1d l2; do without_prefetchers+=(-s cpu.$cache.prefetcher=none -s cpu.$cache.prefetcher2=none); done

# guest CORE CORES INCLUSION: each line that the guest judges is a check.
guest() {
    local name=$1-$2-$3
    simulate_well "$name" --quiet "${without_prefetchers[@]}" -s l3.inclusion="$3" -s board.core="$1" -s board.cores="$2" "$images/test-flush.elf" || return
    while IFS= read -r line; do
        verdict "$2 $1, L3 $3: ${line%: *}" test "${line##*: }" = ok
    done < <(grep -E ': (ok|FAILED)$' "$work/$name.out")
}

for core in inorder ooo; do
    guest $core 1 victim
    guest $core 2 non_inclusive
done
guest ooo 2 inclusive
finish
