#!/bin/bash
# ooo_accounts.sh BUILD - the experiment ooo-accounts with small benches: every run adds up, and its table and figures are drawn; walks that
# references share.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"
top=$(cd "$(dirname "$0")/../.." && pwd)

# Paths in the copy are absolute, since it lies elsewhere; shapes are those of the full size.
sed "s#\.\./figures#$top/results/figures#; s/64K/512/g; s/\"\"/\"iters=4\"/; s/timer=20000/iters=20 timer=20000/; /^assert:/,\$d" \
    "$top/results/experiments/ooo-accounts.yaml" >"$work/small.yaml"
"$build/gigogne" sweep -j2 -o "$work/sweep" "$work/small.yaml" >"$work/sweep.out" 2>"$work/sweep.err" </dev/null
verdict "the experiment succeeds" [ $? = 0 ]
# shellcheck disable=SC2046 # split on purpose
verdict "a table with a row a run" [ $(wc -l <"$work/sweep/table.csv") = 49 ]
drawn() { # drawn FIGURE: a PNG and a whole SVG
    [ "$(head -c 4 "$work/sweep/$1.png" | tail -c 3)" = PNG ] && grep -qx '</svg>' "$work/sweep/$1.svg"
}
verdict "figure ooo_accounts is drawn" drawn ooo_accounts
verdict "figure latencies is drawn" drawn latencies
verdict "gnuplot has nothing to complain of" [ ! -s <(grep -i "warning" "$work/sweep.err") ]

# The figure's stacks are the whole of each run: cycles over the native run's instructions, and all of its slots.
stacks_are_whole() {
    awk -F, 'FNR > 1 { stack = slots = 0
                       for (i = 5; i <= 16; i++) stack += $i
                       for (i = 17; i <= 23; i++) slots += $i
                       bad += slots < 0.9999 || slots > 1.0001 || stack <= 0; rows++ }
             END { exit bad || rows != 48 }' "$work/sweep/data/ooo_accounts.csv"
}
verdict "shares of slots add up in every bar" stacks_are_whole
native_stack=$(awk -F, '$2 == "chase" && $4 == "native" { for (i = 5; i <= 16; i++) stack += $i; printf "%.3f", stack }' "$work/sweep/data/ooo_accounts.csv")
cp -r "$work/sweep/runs/bars/chase.native" "$work/chase"
verdict "the stack of chase is its cycles per instruction" \
    [ "$native_stack" = "$(awk -v c="$(value chase cpu0.cycles)" -v n="$(value chase cpu0.instructions)" 'BEGIN { printf "%.3f", c / n }')" ]

# Large pages of a guest on small ones of the host are small ones: only an update's own store joins its load's walk.
simulate_well fractured -s board.core=ooo -s run.switch_at=warm -s cpu.mmu.ntlb_entries=8192 -s cpu.mmu.ntlb_ways=8 \
    -m "$images/monitor-ept.elf:host=4K" "$images/bench-gups.elf" -- page=2M pages=4K iters=4K
verdict "references join the walk of their own page, not of the guest's large one" \
    [ "$(($(value fractured cpu0.ooo.walks_merged) * 100))" -le "$(($(value fractured cpu0.walker.walks) * 105))" ]
finish
