#!/bin/bash
# vmx_features.sh BUILD - VMX beyond what the monitors need, in whole runs: the preemption timer and the monitor trap flag take
# the processor from a guest that must not notice (test-monitor-slices.elf); an unrestricted guest goes through every mode;
# page-modification logging names the pages that a guest writes.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"
rate=7 # of the preemption timer, cascade-lake: TSC cycles per count = 2^7

# sliced NAME CORE MONITOR-WORDS GUEST WORDS...
sliced() {
    local name=$1 core=$2 monitor=$3 guest=$4
    shift 4
    simulate_well "$name" -s board.core="$core" -m "$images/test-monitor-slices.elf:$monitor" "$images/bench-$guest.elf" -- "$@"
}

exits() { # exits NAME REASON
    value "$1" "cpu0.vmx.exits.$2.count" stats-all
}

same_output() { # same_output NAME NAME
    cmp -s "$work/$1.out" "$work/$2.out"
}

for core in fast inorder; do
    sliced plain $core slice=0 compute iters=20000 || continue

    # Every slice of a guest that never leaves by itself is a whole one, and the transitions take their part of it.
    sliced sliced $core slice=100 compute iters=20000 || continue
    verdict "$core: a guest in slices computes what it computes" same_output plain sliced
    slices=$(exits sliced preemption_timer)
    guest=$(sum_of "$work/sliced/stats-all.json" "cpu0.account.guest.*")
    most=$((guest / (99 << rate) + 1)) least=$((guest / (110 << rate)))
    echo "$core: $slices slices of $((100 << rate)) cycles in $guest guest cycles"
    verdict "$core: as many slices as fit" [ "$slices" -ge $least ] && verdict "$core: and no more" [ "$slices" -le $((most * 2)) ]

    sliced stepped $core steps=1000 compute iters=20000 || continue
    verdict "$core: a guest in steps computes what it computes" same_output plain stepped
    verdict "$core: every step exits" [ "$(exits stepped monitor_trap_flag)" = 1000 ]
done

# A guest with interrupts of its own.
sliced interrupted inorder slice=0 chase pages=16 iters=20000 timer=20000 &&
    sliced both inorder slice=50 chase pages=16 iters=20000 timer=20000 &&
    verdict "slices and the guest's own interrupts" same_output interrupted both &&
    verdict "slices between interrupts" [ "$(exits both preemption_timer)" -gt 10 ]

# Real, virtual-8086, 16- and 32-bit protected mode, 32-bit and PAE paging: as native, and a CPUID in each exits.
for core in fast inorder; do
    simulate_well native -s board.core=$core "$images/test-modes.elf" &&
        simulate_well modes -s board.core=$core -m "$images/test-monitor-unrestricted.elf" "$images/test-modes.elf" &&
        verdict "$core: an unrestricted guest in every mode prints what it prints natively" same_output native modes
    verdict "$core: each mode exits and is entered again" [ "$(exits modes cpuid)" = 10 ]
done

# Page-modification logging: the log names each page once whose dirty flag is set, and is emptied when it is full.
for core in fast inorder; do
    simulate_well logged -s board.core=$core -m "$images/test-monitor-dirty_log.elf:verbose=on" "$images/bench-chase.elf" -- pages=2000 iters=3000 || continue
    read -r _ pages _ dirty _ full < <(grep '^logged' "$work/logged.out")
    echo "$core: $pages pages logged, $dirty dirty, log full $full times"
    verdict "$core: the log names the dirty pages" [ "$pages" = "$dirty" ] && verdict "$core: more than the guest's own" [ "$pages" -gt 2000 ]
    verdict "$core: every 512 pages the log is full" [ "$full" = $((pages / 512)) ]
    verdict "$core: the processor counts what the monitor reads" [ "$pages/$full" = "$(value logged cpu0.vmx.pages_logged stats-all)/$(exits logged page_modification_log_full)" ]
done

finish
