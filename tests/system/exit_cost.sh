#!/bin/bash
# exit_cost.sh BUILD - what a VM exit costs: the bare round trip of each preset (transition out and in, whatever the handler
# does in between) against the measurements in results/reference/vm-transitions.csv, and what VPID saves.
# Prints the numbers, and "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"
root=$(cd "$(dirname "$0")/../.." && pwd)
reference=$root/results/reference/vm-transitions.csv
shared=${GIGOGNE_SHARED:-$root/../shared}/reference/vm-transitions.csv
tolerance=15 # percent

# --- the bare round trip ---

cycles_measured() { # cycles_measured MICROARCHITECTURE
    awk -F, -v name="$1" 'index($1, name " (") == 1 { print $2; n++ } END { exit n != 1 }' "$reference"
}

within() { # within FOUND EXPECTED PERCENT
    local difference=$(($1 > $2 ? $1 - $2 : $2 - $1))
    ((100 * difference <= $3 * $2))
}

# bare_round_trip PRESET MICROARCHITECTURE
bare_round_trip() {
    local preset=$1 expected exits out root in trip exit=cpu0.vmx.exits.vmcall
    expected=$(cycles_measured "$2") || { fail "$preset: a measurement of $2"; return; }
    simulate_well trip -c "$preset" -s run.switch_at=warm -m "$images/monitor-ept.elf:host=2M" "$images/bench-exits.elf" -- op=vmcall iters=200 || return
    exits=$(value trip $exit.count) out=$(value trip $exit.cycles_out) in=$(value trip $exit.cycles_in) root=$(value trip $exit.cycles_root)
    verdict "$preset: 200 exits in the region" [ "$exits" = 200 ]
    trip=$(((out + in) / exits))
    echo "$preset: out $((out / exits)) + in $((in / exits)) = $trip cycles, measured on $2: $expected; hypervisor: $((root / exits))"
    verdict "$preset: round trip within $tolerance % of $2" within $trip "$expected" $tolerance
}

bare_round_trip cascade-lake "Cascade Lake"
bare_round_trip haswell Haswell
bare_round_trip nehalem Nehalem
bare_round_trip sandy-bridge "Sandy Bridge"
bare_round_trip skylake-sp Skylake-SP

# The copy that the checkout carries says what the original says.
if [ -f "$shared" ]; then
    verdict "reference rows are copies" diff <(grep -v '^#' "$reference") <(sed '/^# components/,$d' "$shared" | grep -v '^#')
fi

# --- VPID ---

# vpid_saves MONITOR BENCH WORDS...: the region takes fewer cycles with VPID than without.
vpid_saves() {
    local monitor=$1 bench=$2 vpid
    shift 2
    for vpid in on off; do
        simulate_well $vpid -s run.switch_at=warm -m "$images/monitor-$monitor.elf:vpid=$vpid" "$images/bench-$bench.elf" -- "$@" || return
    done
    echo "$monitor, $bench $*: $(value on cpu0.cycles) cycles with VPID, $(value off cpu0.cycles) without"
    verdict "VPID saves cycles: $monitor, $bench" [ "$(value on cpu0.cycles)" -lt "$(value off cpu0.cycles)" ]
    verdict "VPID saves walks: $monitor, $bench" [ "$(value on cpu0.walker.walks)" -lt "$(value off cpu0.walker.walks)" ]
}

for monitor in ept shadow; do
    vpid_saves $monitor exits op=cpuid iters=500
    vpid_saves $monitor chase pages=32 iters=20000 timer=100000
done
# (Not ctxswitch under shadow paging: MOV CR3 drops the entries either way, and with VPID it takes an INVVPID to do so.)
vpid_saves shadow faults pages=64 iters=4

# Without exits VPID changes nothing that can be seen.
for vpid in on off; do
    simulate_well $vpid -s run.switch_at=warm -m "$images/monitor-ept.elf:vpid=$vpid" "$images/bench-syscall.elf" -- iters=1000
done
echo "ept, syscall: $(value on cpu0.cycles) cycles with VPID, $(value off cpu0.cycles) without, $(value off cpu0.vmx.exits_total) exits"
verdict "without exits, VPID saves nothing" within "$(value on cpu0.cycles)" "$(value off cpu0.cycles)" 1

finish
