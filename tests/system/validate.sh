#!/bin/bash
# validate.sh BUILD - probes find what the machine has: every core row of Cascade Lake within its band (the whole table is
# `gigogne sweep results/experiments/validate-cascade-lake.yaml`), other numbers on another machine, and what a sweep says of rows
# that are off.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"
top=$(cd "$(dirname "$0")/../.." && pwd)

# --- the core of Cascade Lake: the part of the experiment up to the rows of other groups ---

awk -v figures="$top/results/figures" -v reference="$top/results/reference" '
    /^  [a-z]+:$/ { group = $1 }
    /^    # / { rows = $2 }
    /^reference:/ { group = "" }
    /^[a-z]/ { section = $1 }
    section == "groups:" && /^  / && group != "core:" { next }
    section == "reference:" && /^    / && rows != "core" { next }
    { gsub(/\.\.\/figures/, figures); gsub(/\.\.\/reference/, reference); print }' \
    "$top/results/experiments/validate-cascade-lake.yaml" >"$work/core.yaml"
sweep core "$work/core.yaml"
verdict "the core of Cascade Lake is within its bands" [ "$status" = 0 ]
grep -E '^(ok|FAIL|miss) ' "$work/core.out"
all_there() { # every measure of the rows has a verdict, and there are not fewer rows than the core's
    local expected
    expected=$(sed -n 's/.*measures: \[\([^]]*\)\].*/\1/p' "$work/core.yaml" | tr ',' '\n' | wc -l)
    [ "$expected" -ge 42 ] && [ "$(grep -cE '^(ok|miss) ' "$work/core.out")" = "$expected" ]
}
verdict "every core row has a verdict" all_there
drawn() { [ "$(head -c 4 "$work/core/validate.png" | tail -c 3)" = PNG ] && grep -qx '</svg>' "$work/core/validate.svg"; }
verdict "the figure is drawn" drawn

# Of the experiment as a whole: no item of the reference is left out.
every_item_has_a_row() {
    local item missing=0
    while IFS=, read -r item _; do
        grep -qF "{item: \"$item\"," "$top/results/experiments/validate-cascade-lake.yaml" && continue
        echo "    no row: $item" >&2
        missing=1
    done < <(sed '/^#/d; /^item,/d' "$top/results/reference/cascade-lake-measured.csv")
    [ $missing = 0 ]
}
verdict "every item of the reference has a row" every_item_has_a_row

# --- another machine: the probes know nothing of the simulator ---

finds() { # finds ITEM VALUE: of the last run; the value is a pattern
    grep -qE "^measure: $1 $2 " "$work/other.out" && return 0
    sed 's/^/    found: /' "$work/other.out" | head -5 >&2
    return 1
}
probe() { # probe IMAGE ITEM VALUE SETTING...
    local image=$1 item=$2 value=$3 setting
    shift 3
    local options=()
    for setting; do options+=(-s "$setting"); done
    simulate other -s board.core=ooo -s run.switch_at=warm "${options[@]}" "$images/probe-$image.elf" -- item="$item"
    verdict "with $* the probe finds $item $value" finds "$item" "$value"
}
probe window rob 100.00 cpu.ooo.rob_entries=100
probe window load_buffer 40.00 cpu.ooo.load_buffer_entries=40
probe window store_buffer 20.00 cpu.ooo.store_buffer_entries=20
probe window scheduler 50.00 cpu.ooo.scheduler_entries=50
probe window fill_buffers 6.00 cpu.l1d.mshrs=6
probe branch return_stack 8.00 cpu.bpred.return_entries=8
probe latency l1d_hit 7.00 cpu.l1d.hit_cycles=7
probe memory l2_hit "(19.9|20.0)." cpu.l2.hit_cycles=16
probe memory l1d_bytes 16384.00 cpu.l1d.size_bytes=16KiB
probe tlb dtlb_entries 32.00 cpu.mmu.dtlb_4k_entries=32
probe tlb dtlb_ways 8.00 cpu.mmu.dtlb_4k_ways=8
probe tlb dtlb_2m_entries 16.00 cpu.mmu.dtlb_2m_entries=16
probe tlb dtlb_1g_entries 8.00 cpu.mmu.dtlb_1g_entries=8
probe tlb stlb_hit 15.00 cpu.mmu.stlb_hit_cycles=15
probe tlb stlb_ways 6.00 cpu.mmu.stlb_entries=768 cpu.mmu.stlb_ways=6
probe tlb stlb_xor_distance 7.00 cpu.mmu.stlb_hashed=true
probe tlb stlb_xor_distance 0.00 cpu.mmu.stlb_hashed=false
probe tlb walkers "(0.9|1.0)." cpu.walker.walkers=1 cpu.walker.queue_entries=130

# --- how the DRAM is reached: about 250 cycles on Cascade Lake, 15 % allowed ---

simulate dram -s board.core=ooo -s run.switch_at=warm "$images/probe-memory.elf" -- item=dram
near_250() { awk '/^measure: dram / { found = $3 >= 212.5 && $3 <= 287.5 } END { exit !found }' "$work/dram.out"; }
verdict "DRAM is as far as on Cascade Lake, within 15 %" near_250

# --- what is said of rows that are off ---

printf '%s\n' item,value,unit one,1,cycles two,2,cycles >"$work/numbers.csv"
small() { # small ROW...
    cat <<YAML
name: small
preset: cascade-lake
set: {board.core: ooo, run.switch_at: warm}
modes: {native: {label: native}}
groups: {g: {modes: [native], probes: {latency: "item=add"}}}
reference:
  file: $work/numbers.csv
  rows:
YAML
    printf '    - %s\n' "$@"
}
concludes() { # concludes STATUS TEXT ROW...
    local expected=$1 text=$2
    shift 2
    small "$@" >"$work/small.yaml"
    sweep small "$work/small.yaml"
    [ "$status" = "$expected" ] && says small.out "$text"
}
verdict "a row within its band is ok" \
    concludes 0 "ok one: add 1, measured 1 cycles: +0.0 % (allowed: 5 %)" '{item: one, measures: [add], within: 5}'
verdict "a row outside fails" \
    concludes 1 "FAIL two: add 1, measured 2 cycles: -50.0 % (allowed: 5 %)" '{item: two, measures: [add], within: 5}'
verdict "a known miss is named with its reason" \
    concludes 0 "miss two: add 1, measured 2 cycles: -50.0 % (allowed: 5 %): too fast" \
    '{item: two, measures: [add], within: 5, misses: "too fast"}'
verdict "a known miss that does not miss fails" \
    concludes 1 "no miss any more" '{item: one, measures: [add], within: 5, misses: "too fast"}'
verdict "a measure that no run has made fails" \
    concludes 1 "FAIL one: 0 runs have measured imul (allowed: one)" '{item: one, measures: [imul], within: 5}'

finish
