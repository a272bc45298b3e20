#!/bin/bash
# trace.sh BUILD - traces and the ledger file say what happened: each category has its lines, and the ledger adds up to the statistics.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"
guest="-m $images/monitor-ept.elf:host=2M -s run.switch_at=warm $images/bench-exits.elf -- iters=2 timer=2000"

# category NAME PATTERN: a trace of this category alone has lines that match, and no others.
category() {
    # shellcheck disable=SC2086 # words are split on purpose
    simulate_well "$1" --trace="$1" --max-instructions 16700000 $guest || return
    verdict "$1 writes its lines" grep -qE "^[0-9]+ $2" "$work/$1/trace.log"
    verdict "$1 writes no others" awk -v "pattern=^[0-9]+ $2" '$0 !~ pattern { print "    " $0 > "/dev/stderr"; exit 1 }' "$work/$1/trace.log"
    rm -f "$work/$1/trace.log"
}

category except 'cpu0 vector [0-9]+ at RIP 0x[0-9a-f]+, handler 0x[0-9a-f]+$'
category state 'cpu0 [0-9]+ instructions 0x[0-9a-f]+$'
category vmx 'cpu0\.vmx exit [a-z_]+, qualification 0x[0-9a-f]+( [^,]+)?, RIP 0x[0-9a-f]+( [^,]+)?, GLA 0x[0-9a-f]+, GPA 0x[0-9a-f]+$'
category walk 'cpu0\.walker (read|write|fetch) va 0x[0-9a-f]+: [0-9]+ references, [0-9]+ cycles'
category mem 'cpu0 (read|write|fetch) va 0x[0-9a-f]+ hpa 0x[0-9a-f]+ [0-9]+ bytes'
category irq 'cpu0 INTR (up|down)$'
category dev 'bus (in|out|load|store) 0x[0-9a-f]+, [0-9]+ bytes: 0x[0-9a-f]+$'
category board 'board marker 0x47[0-9a-f]+$'
category core 'core cpu0 is inorder from here on$'

simulate_well exec --trace=exec --max-instructions 2000 -s run.switch_at=start "$images/bench-compute.elf"
# The parts of a REP string have a line each at one address.
verdict "exec: one line an instruction" [ "$(awk '{ print $4 }' "$work/exec/trace.log" | uniq | wc -l)" = "$(value exec cpu0.instructions stats-all)" ]
simulate_well exec-fast --trace=exec --max-instructions 2000 -s board.core=fast "$images/bench-compute.elf"
verdict "exec: both cores run the same instructions" cmp -s <(awk '{ print $4 }' "$work/exec/trace.log") <(awk '{ print $4 }' "$work/exec-fast/trace.log")

simulate_well ledger --ledger "$work/ledger.csv" -m "$images/monitor-ept.elf:host=4K" -s run.switch_at=warm "$images/bench-chase.elf" -- pages=4096 iters=500
column_sum() { awk -F, -v "dim=$1" 'NR > 1 && $6 == dim { n++; cycles += $11 } END { print n + 0, cycles + 0 }' "$work/ledger.csv"; }
verdict "ledger: guest references and their cycles are the walker's" \
    [ "$(column_sum guest)" = "$(value ledger cpu0.walker.refs_guest) $(value ledger cpu0.walker.cycles_guest)" ]
verdict "ledger: host references and their cycles are the walker's" \
    [ "$(column_sum host)" = "$(value ledger cpu0.walker.refs_host) $(value ledger cpu0.walker.cycles_host)" ]
finish
