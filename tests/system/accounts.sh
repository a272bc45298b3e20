#!/bin/bash
# accounts.sh BUILD - every cycle, exit, walk and reference belongs to exactly one place (ARCHITECTURE.md, section 8): the
# identities over statistics files, of the measured region and of the whole run, for benches x modes x presets. The simulator
# asserts its own identities in every run; here they are seen from outside, with those that span several models.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"
ept=$images/monitor-ept.elf
shadow=$images/monitor-shadow.elf

# No statistic of the region is larger than that of the whole run.
region_within_whole() { # region_within_whole RUN
    awk 'FNR == NR { all[$1] = $2 + 0; next }
         NF == 2 && !($1 in all) || $2 + 0 > all[$1] { print "    " $0 " in the region, " all[$1] " in all" > "/dev/stderr"; bad = 1 }
         END { exit bad + (FNR < 100) }' "$work/$1/stats-all.json" "$work/$1/stats.json"
}

worlds_fit() { # worlds_fit RUN MODE: natively there is one world and no exit; under a monitor the region is not native
    local file=$work/$1/stats.json native root guest
    native=$(sum_of "$file" 'cpu0.account.native.*')
    root=$(sum_of "$file" 'cpu0.account.root.*')
    guest=$(sum_of "$file" 'cpu0.account.guest.*')
    case $2 in
    native) [ "$root" = 0 ] && [ "$guest" = 0 ] && [ "$(value "$1" cpu0.vmx.exits_total)" = 0 ] ;;
    *) [ "$native" = 0 ] && [ "$guest" -gt 0 ] ;;
    esac
}

# check NAME MODE ARGUMENT...
check() {
    local name=$1 mode=$2
    shift 2
    simulate_well run "$@" || return
    verdict "$name: the region adds up" adds_up run
    verdict "$name: the whole run adds up" adds_up run stats-all
    verdict "$name: region within the whole" region_within_whole run
    verdict "$name: worlds" worlds_fit run "$mode"
}

modes() { # name, preset, core, monitor with its words
    cat <<MODES
native cascade-lake ooo
ept-2M cascade-lake ooo -m $ept:host=2M
shadow nehalem ooo -m $shadow
ept-4K haswell ooo -m $ept:host=4K
native tiny ooo
ept-2M zen2 ooo -m $ept:host=2M
native cascade-lake inorder
shadow cascade-lake inorder -m $shadow
ept-4K cascade-lake inorder -m $ept:host=4K
ept-2M cascade-lake inorder -m $ept:host=2M
ept-1G cascade-lake inorder -m $ept:host=1G
ept-2M-without-VPID cascade-lake inorder -m $ept:host=2M vpid=off
native haswell inorder
ept-2M haswell inorder -m $ept:host=2M
native nehalem inorder
ept-4K nehalem inorder -m $ept:host=4K
shadow nehalem inorder -m $shadow
native tiny inorder
ept-2M tiny inorder -m $ept:host=2M
shadow tiny inorder -m $shadow
MODES
}

benches() {
    cat <<'BENCHES'
chase pages=512 iters=3000
fork pages=37 iters=2 touch=3 timer=50000
faults pages=16 iters=4
ctxswitch procs=4 pages=8 iters=100
exits iters=4
syscall iters=100 entry=int timer=50000
BENCHES
}

while read -r mode preset core monitor; do
    while read -r bench words; do
        set -- -c "$preset" -s board.core="$core" -s run.switch_at=warm
        [ -z "$monitor" ] || set -- "$@" -m "${monitor#-m }"
        # shellcheck disable=SC2086 # words are split on purpose
        check "$preset $core $mode $bench" "$mode" "$@" "$images/bench-$bench.elf" -- $words
    done < <(benches)
done < <(modes)

# Timed from the very first instruction, monitor and its set-up included.
check "from the start, shadow" shadow -s run.switch_at=start -m "$shadow" "$images/bench-ptemod.elf" -- pages=64 iters=300
check "from the start, ept, ooo" ept -s board.core=ooo -s run.switch_at=start -m "$ept:host=2M" "$images/bench-btree.elf" -- pages=300 iters=300

# Several processors: each adds up by itself. Markers bring only their own to rest.
of_cpu() { # of_cpu N: the identities on stdin, of one processor
    grep -vE '(^| )(l3|dram)\.' | sed "s/cpu0/cpu$1/g"
}
slots_of_cpu() { # slots_of_cpu N: four rename slots a cycle, each of one top-down category
    local sum="" category
    for category in retiring bad_speculation front_end memory core microcode idle; do sum="$sum + cpu$1.topdown.$category"; done
    echo "${sum# + } = cpu$1.topdown.cycles + cpu$1.topdown.cycles + cpu$1.topdown.cycles + cpu$1.topdown.cycles"
}
# Slots of the cycle that another processor's marker falls into are counted as soon as one of them is used, the cycle when it is over.
cycles_are_slots_of() { # cycles_are_slots_of N
    local apart=$(($(value run "cpu$1.topdown.cycles") - $(value run "cpu$1.cycles")))
    [ $apart -ge -1 ] && [ $apart -le 1 ] || { echo "    cpu$1: $apart cycles more have slots" >&2; return 1; }
}
for core in inorder ooo; do
    simulate_well run -s board.core=$core -s board.cores=4 "$images/test-smp.elf" -- iters=100 || continue
    for cpu in 0 1 2 3; do
        verdict "cpu$cpu of 4 $core cores: the region adds up" check_sums "$work/run/stats.json" < <(identities | of_cpu $cpu)
        verdict "cpu$cpu of 4 $core cores: the whole run adds up" \
            check_sums "$work/run/stats-all.json" < <({ identities; identities_at_rest; } | of_cpu $cpu)
        [ $core = inorder ] && continue
        verdict "cpu$cpu of 4 $core cores: four slots a cycle" check_sums "$work/run/stats.json" 1 < <(slots_of_cpu $cpu)
        verdict "cpu$cpu of 4 $core cores: slots of every cycle" cycles_are_slots_of $cpu
    done
done

# The guest's own work is the same everywhere: a bench without exits takes the same instructions in its region.
simulate_well native -s run.switch_at=warm "$images/bench-hashjoin.elf" -- pages=64 iters=500
simulate_well guest -s run.switch_at=warm -m "$ept:host=2M" "$images/bench-hashjoin.elf" -- pages=64 iters=500
verdict "hashjoin takes the same instructions natively and under ept" \
    [ "$(value native cpu0.instructions)" = "$(value guest cpu0.instructions)" ]
verdict "hashjoin walks in one dimension natively, in two under ept" \
    [ "$(value native cpu0.walker.refs_host) $(value native cpu0.walker.walks)" = "0 $(value guest cpu0.walker.walks)" ]
verdict "and is without exits" [ "$(value guest cpu0.vmx.exits_total)" = 0 ]

finish
