#!/bin/bash
# bench.sh BUILD - the speed measurement (tests/bench/run.sh) runs and prints a row for each core and bench. Its figures are not
# judged: no test depends on how busy the host is.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"

"$(dirname "$0")/../bench/run.sh" "$build" --small --runs 1 >"$work/report" 2>"$work/messages"
verdict "the speed measurement runs" [ $? = 0 ]
verdict "and says nothing on stderr" [ ! -s "$work/messages" ]
verdict "host speed, before and after" [ "$(grep -c '^host: .* ns per step of xorshift64, .* ns per dependent load' "$work/report")" = 2 ]
for core in fast inorder; do
    for bench in compute hashjoin chase; do
        verdict "a row for $core, $bench" grep -qE "^$core +$bench +[1-9][0-9]+ +[1-9][0-9]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+$" "$work/report"
    done
done
verdict "the fast core takes a cycle for an instruction" [ "$(awk '$1 == "fast" && $5 > 1.01' "$work/report")" = "" ]

finish
