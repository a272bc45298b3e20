#!/bin/bash
# ideal.sh BUILD - the switches that take one cost out (cpu.ideal.*) and the pipeline traces: the guest does and prints the same,
# in no more time; traces hold every micro-operation, page walks and VM transitions, and change nothing.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"
guest="-s run.switch_at=warm -m $images/monitor-ept.elf:host=4K $images/bench-fork.elf -- pages=37 iters=2"

at_most() { [ "$1" -le "$2" ] || { echo "    $1 is more than $2" >&2; return 1; }; }

for core in inorder ooo; do
    # shellcheck disable=SC2086 # words are split on purpose
    simulate_well real -s board.core=$core $guest || continue
    for switch in tlb nested_tlb exits walkers branches; do
        # shellcheck disable=SC2086
        simulate_well ideal -s board.core=$core -s cpu.ideal.$switch=true $guest || continue
        verdict "$core, $switch: same output" cmp "$work/real.out" "$work/ideal.out"
        verdict "$core, $switch: same instructions" [ "$(value real cpu0.instructions)" = "$(value ideal cpu0.instructions)" ]
        verdict "$core, $switch: not slower" at_most "$(value ideal cpu0.cycles)" "$(value real cpu0.cycles)"
        verdict "$core, $switch: same walks decided" [ "$(value real cpu0.mmu.walks)" = "$(value ideal cpu0.mmu.walks)" ]
        case $switch in
        tlb) verdict "$core, $switch: none played" [ "$(value ideal cpu0.walker.walks)" = 0 ] ;;
        nested_tlb) verdict "$core, $switch: no host reference" [ "$(value ideal cpu0.walker.refs_host)" = 0 ] ;;
        exits) verdict "$core, $switch: free" [ "$(sum_of "$work/ideal/stats.json" 'cpu0.account.*.vm_exit')" = 0 ] ;;
        branches) verdict "$core, $switch: none mispredicted" [ "$(value ideal cpu0.bpred.mispredicts)" = 0 ] ;;
        esac
    done
done

# Pipeline traces: of the region, and whole: every micro-operation that begins ends, in order.
traced="-s board.core=ooo -s run.switch_at=warm -m $images/monitor-ept.elf:host=4K $images/bench-exits.elf -- iters=2 op=cpuid"
# shellcheck disable=SC2086
{
    simulate_well untraced $traced
    simulate_well kanata --kanata "$work/kanata.log" --pipeline-window 0:1000000 $traced
    simulate_well walks --kanata "$work/walks.log" --pipeline-window 1000:20000 -s board.core=ooo $guest
    simulate_well pipeview --pipeview "$work/pipeview.log" --pipeline-window 0:1000000 $traced
}
verdict "traces change nothing" same_files untraced kanata stats.json stats-all.json
verdict "nor do the others" same_files untraced pipeview stats.json stats-all.json
verdict "kanata: what begins ends" awk '/^I\t/ { began++ } /^R\t/ { ended++ } END { exit !(began > 100 && began - ended < 64) }' "$work/kanata.log"
verdict "kanata: VM transitions" grep -qE '^L.*VM exit cpuid$' "$work/kanata.log"
verdict "kanata: page walks" grep -qE '^S.*Wk$' "$work/walks.log"
verdict "pipeview: seven lines a micro-operation" awk -F: '$1 != "O3PipeView" || (NR % 7 == 1) != ($2 == "fetch") { exit 1 }' "$work/pipeview.log"
verdict "pipeview: VM transitions" grep -q 'VM entry behind cpuid' "$work/pipeview.log"
simulate refused --kanata "$work/none.log" -s board.core=inorder "$images/bench-compute.elf"
verdict "the in-order core has none" [ $status = 2 ]
verdict "and says so" grep -q "only the out-of-order core has a pipeline to trace" "$work/refused.err"

finish
