#!/bin/bash
# pipeline.sh BUILD - the pipeline traces are what their formats' documents say (Kanata 0004, O3PipeView), hold what the statistics count, and
# agree with each other: read by small parsers of their own.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"

# parse_kanata FILE: complaints on stderr; on stdout a line "ID FIRST RETIRED" for each row, then "count NAME N" lines.
#   Order: cycles go forward, ids and retirement ids count up, rows retire in the order of ids, a row's stages follow each other.
#   Overlap: one stall at a time, inside its stage; arrows from producers that are not done, to consumers that issue behind them; microcode on
#   an empty window; at most 8 micro-operations issue in a cycle.
parse_kanata() {
    awk -F'\t' '
        function bad(what) { if (++complaints < 6) print "    line " NR ": " what ": " $0 > "/dev/stderr" }
        function alive(id) { if (!(id in began) || id in ended) { bad("no such row"); return 0 } return 1 }
        BEGIN {
            path = "F Dr Dc Rn Ex Cm|F Dc Rn Ex Cm|F Dr Dc Rn Cm|F Dc Rn Cm|Dc Rn Ex Cm|Dc Rn Cm|F Mc Cm|F Dr Mc Cm|F Fu|F Dr Fu"
            n = split(path, one, "|"); for (i = 1; i <= n; i++) legal[one[i] " "] = 1
            n = split("Rs Dc,Tl Ex,Tl F,Tl Mc,Wk Ex,Wk F,Wk Mc,Lk Ex,So Ex,Bz Ex,Ms Ex,Ms F,Ms Mc", one, ","); for (i = 1; i <= n; i++) within[one[i]] = 1
        }
        NR == 1 { if ($0 != "Kanata\t0004") bad("header"); next }
        NR == 2 { if ($1 != "C=" || $2 !~ /^[0-9]+$/) bad("no first cycle"); now = $2; next }
        $1 == "C" { if (NF != 2 || $2 !~ /^[1-9][0-9]*$/) bad("time stands still"); now += $2; issued = 0; next }
        $1 == "I" {
            if (NF != 4 || $2 != rows + 0 || $3 < instruction || $4 != 0) bad("begin")
            began[$2] = now; rows++; instruction = $3; next
        }
        $1 == "L" {
            if (!alive($2)) next
            if (NF != 4 || $3 !~ /^[01]$/ || $4 == "") bad("label")
            if ($3 == 0) label[$2] = label[$2] $4
            if ($3 == 1 && $4 ~ /^page walk/) count["walks"]++
            if ($3 == 1 && $4 !~ /\\n$/) bad("a detail without its end")
            next
        }
        $1 == "S" && $3 == 0 {
            if (!alive($2)) next
            if ($2 in stalled) bad("a stage inside a stall")
            stages[$2] = stages[$2] $4 " "; stage[$2] = $4; at[$2, $4] = now; count[$4]++
            if ($4 == "Ex") {
                if (++issued > 8) bad("more than 8 issue")
                n = split(producers[$2], p, " ")
                for (i = 1; i <= n; i++) if (!((p[i], "Cm") in at)) bad("issues before its producer " p[i] " is done")
            }
            if ($4 == "Rn") { if ($2 < renamed) bad("renames out of order"); renamed = $2; window++ }
            if ($4 == "Mc" && window) bad("microcode on a window that is not empty")
            next
        }
        $1 == "S" && $3 == 1 {
            if (!alive($2)) next
            if ($2 in stalled) bad("a stall inside another")
            if (!(($4 " " stage[$2]) in within)) bad("a stall in stage " stage[$2])
            stalled[$2] = $4; count[$4]++; next
        }
        $1 == "E" { if (!alive($2)) next; if ($3 != 1 || stalled[$2] != $4) bad("the end of no stall"); delete stalled[$2]; next }
        $1 == "W" {
            if (!alive($2)) next
            if (!($3 in began) || $3 + 0 >= $2 + 0 || ($3, "Cm") in at || stage[$2] != "Rn" || $4 != 0) bad("arrow")
            producers[$2] = producers[$2] $3 " "; count["arrows"]++; next
        }
        $1 == "R" {
            if (!alive($2)) next
            if ($2 != retired + 0 || $3 != retired + 0 || $4 != 0) bad("retires out of order")
            if (!(stages[$2] in legal)) bad("stages " stages[$2])
            if ($2 in stalled) bad("stalled for ever")
            if (label[$2] !~ /^0x[0-9a-f]+\.[0-9]+  ./) bad("no label")
            if (label[$2] ~ /\[mispredicted/) count["mispredicted"]++
            if (stages[$2] ~ /Rn/) { window--; count["uops"]++ }
            if (stages[$2] ~ /Mc/ && label[$2] ~ /  VM exit /) count["exits"]++
            if (stages[$2] ~ /Mc/ && label[$2] ~ /  VM entry /) count["entries"]++
            ended[$2] = now; retired++; print $2, began[$2], now; next
        }
        { bad("no command") }
        END { for (c in count) print "count", c, count[c]; exit complaints > 0 || retired < 100 }' "$1"
}

# parse_o3pipeview FILE: as above; seven lines a micro-operation, no tick of 0 (which means flushed), stages in order.
parse_o3pipeview() {
    awk -F: '
        function bad(what) { if (++complaints < 6) print "    line " NR ": " what ": " $0 > "/dev/stderr" }
        BEGIN { split("fetch decode rename dispatch issue complete retire", name, " ") }
        {
            i = (NR - 1) % 7 + 1
            if ($1 != "O3PipeView" || $2 != name[i]) bad("not " name[i])
            if ($3 !~ /^[1-9][0-9]*000$/) bad("tick")
            if (i > 1 && $3 + 0 < tick + 0) bad("goes back in time")
            tick = $3
        }
        i == 1 { if (NF != 7 || $4 !~ /^0x[0-9a-f]+$/ || $5 !~ /^[0-9]+$/ || $6 != rows + 0) bad("fetch"); first = $3; rows++ }
        i == 7 { if (NF != 5 || $4 != "store" || $3 + 0 < last + 0) bad("retire"); last = $3; printf "%d %d %d\n", rows - 1, first / 1000 - 1, $3 / 1000 - 1 }
        i > 1 && i < 7 && NF != 3 { bad("fields") }
        END { exit complaints > 0 || rows < 100 || NR % 7 }' "$1"
}

counted() { awk -v "name=$1" '$1 == "count" && $2 == name { n = $3 } END { print n + 0 }' "$work/kanata.rows"; }
rows() { grep -v count "$1"; }

# check NAME ARGUMENT...: the whole region in both formats.
check() {
    local name=$1 walks
    shift
    set -- -s board.core=ooo -s run.switch_at=warm --pipeline-window 0:10000000 "$@"
    simulate_well run --kanata "$work/pipe.kanata" --ledger "$work/ledger.csv" "$@"
    parse_kanata "$work/pipe.kanata" >"$work/kanata.rows"
    verdict "$name: Kanata's format, order and overlap" [ $? = 0 ]
    simulate_well again --pipeview "$work/pipe.o3" "$@"
    verdict "$name: both formats leave the results alone" same_files run again stats.json histograms.json
    parse_o3pipeview "$work/pipe.o3" >"$work/o3.rows"
    verdict "$name: O3PipeView's format and order" [ $? = 0 ]
    verdict "$name: both tell of the same rows at the same cycles" cmp -s <(rows "$work/kanata.rows") "$work/o3.rows"
    verdict "$name: micro-operations" [ "$(counted uops)" = "$(value run cpu0.ooo.uops)" ]
    verdict "$name: fused jumps" [ "$(counted Fu)" = "$(value run cpu0.ooo.macro_fused)" ]
    verdict "$name: mispredicts" [ "$(counted mispredicted)" = "$(value run cpu0.bpred.mispredicts)" ]
    verdict "$name: VM exits and entries" [ "$(counted exits) $(counted entries)" = "$(value run cpu0.vmx.exits_total) $(value run cpu0.vmx.entries)" ]
    walks=$(value run cpu0.walker.walks)
    verdict "$name: every page walk is marked" [ "$(counted walks)" -ge "$walks" ]
}

check chase -m "$images/monitor-ept.elf:host=4K" "$images/bench-chase.elf" -- pages=4096 iters=300 timer=20000
check exits -m "$images/monitor-ept.elf:host=2M vpid=off" "$images/bench-exits.elf" -- iters=2 timer=3000
check btree "$images/bench-btree.elf" -- pages=64 iters=20
check faults -m "$images/monitor-shadow.elf" "$images/bench-faults.elf" -- pages=8 iters=1

simulate_well window --kanata "$work/window.kanata" --pipeline-window 100:50 -s board.core=ooo -s run.switch_at=warm "$images/bench-btree.elf" -- pages=64 iters=20
verdict "a window tells of as many instructions as it asks for" [ "$(awk -F'\t' '$1 == "I" { print $3 }' "$work/window.kanata" | sort -u | wc -l)" = 50 ]
verdict "a place in the program stands beside a row" grep -qE $'^L\t[0-9]+\t1\tnative world, [a-z_]+(\\+0x[0-9a-f]+)? \\([a-z]+\\.c:[0-9]+\\)' "$work/window.kanata"
finish
