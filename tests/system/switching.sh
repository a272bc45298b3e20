#!/bin/bash
# switching.sh BUILD - where a run changes from the fast core to the timed one (run.switch_at) decides what is warm and what is
# measured, never what the guest does: the same output and the same instructions, in the region and in all.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"

# The statistics that the guest's work alone decides.
guest_work() {
    echo "cpu0.instructions cpu0.bpred.branches cpu0.$core.loads cpu0.$core.stores cpu0.vmx.exits_total cpu0.vmx.entries"
}
places="start instructions warm begin"

run_at() { # run_at PLACE ARGUMENT...
    local place=$1
    shift
    case $place in
    instructions) simulate_well "$place" -s board.core="$core" -s run.switch_at=instructions -s run.switch_instructions=20000 "$@" ;;
    *) simulate_well "$place" -s board.core="$core" -s "run.switch_at=$place" "$@" ;;
    esac
}

same_values() { # same_values A B FILE PATH...
    local a=$1 b=$2 file=$3 path
    shift 3
    for path; do
        [ "$(value "$a" "$path" "$file")" = "$(value "$b" "$path" "$file")" ] && continue
        echo "    $path: $a $(value "$a" "$path" "$file"), $b $(value "$b" "$path" "$file")" >&2
        return 1
    done
}

# grows STATISTIC PLACE PLACE...: from place to place not less.
grows() {
    local path=$1 last=0 place now
    shift
    for place; do
        now=$(value "$place" "$path")
        [ "$now" -ge "$last" ] || { echo "    $path: $now at $place, $last before" >&2; return 1; }
        last=$now
    done
}

# compare CASE ARGUMENT...: a bench without timer at every place.
compare() {
    local case=$1 place
    shift
    for place in $places; do run_at "$place" "$@" || return; done
    for place in instructions warm begin; do
        verdict "$case: output of $place" cmp "$work/start.out" "$work/$place.out"
        # shellcheck disable=SC2086 # a list of paths
        verdict "$case: work in the region of $place" same_values start "$place" stats $(guest_work)
        verdict "$case: instructions of the whole run of $place" same_values start "$place" stats-all cpu0.instructions
        verdict "$case: $place adds up" adds_up "$place"
    done
    # The later the timed core starts, the less is warm when the region begins.
    verdict "$case: the colder, the slower" grows cpu0.cycles instructions warm begin
    verdict "$case: the colder, the more TLB misses" grows cpu0.stlb.misses start warm begin
    verdict "$case: the colder, the more cache misses" grows l3.misses start warm begin
    verdict "$case: a cold start walks" [ "$(value begin cpu0.walker.walks)" -gt 0 ]
    verdict "$case: the timed core runs only behind the switch" \
        [ "$(value begin "cpu0.$core.loads" stats-all)" -lt "$(value warm "cpu0.$core.loads" stats-all)" ]
}

hashjoin="$images/bench-hashjoin.elf -- pages=64 iters=500"
# shellcheck disable=SC2086 # words are split on purpose
for core in inorder ooo; do
    compare "$core, native" $hashjoin
    compare "$core, ept" -m "$images/monitor-ept.elf:host=2M" $hashjoin
    compare "$core, shadow" -m "$images/monitor-shadow.elf" $hashjoin
done

# The fast core measures nothing: whatever the place, a cycle for an instruction and no cache is touched.
for place in start begin; do
    simulate_well fast -s board.core=fast -s run.switch_at=$place "$images/bench-hashjoin.elf" -- pages=64 iters=500
    verdict "fast, $place: an instruction a cycle" [ "$(value fast cpu0.cycles)" = "$(value fast cpu0.instructions)" ]
    verdict "fast, $place: no cache, no TLB" [ "$(value fast cpu0.l1d.lookups stats-all) $(value fast cpu0.dtlb.lookups stats-all)" = "0 0" ]
done

finish
