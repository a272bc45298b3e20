#!/bin/bash
# bench.sh BUILD - the speed measurement (tests/bench/run.sh) runs and prints a row for each core and bench. Its figures are not
# judged: no test depends on how busy the host is.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"

"$(dirname "$0")/../bench/run.sh" "$build" --small --ooo --cores --runs 1 >"$work/report" 2>"$work/messages"
verdict "the speed measurement runs" [ $? = 0 ]
verdict "and says nothing on stderr" [ ! -s "$work/messages" ]
verdict "host speed, before and after" [ "$(grep -c '^host: .* ns per step of xorshift64, .* ns per dependent load' "$work/report")" = 2 ]
has_row() { # has_row CORE BENCH
    grep -qE "^$1 +$2 +[1-9][0-9]+ +[1-9][0-9]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+$" "$work/report"
}
for core in fast inorder; do
    for bench in compute hashjoin chase; do verdict "a row for $core, $bench" has_row $core $bench; done
done
for bench in hashjoin bfs; do verdict "a row for ooo, $bench" has_row ooo $bench; done
for core in fast inorder ooo; do
    for cores in 1 2 4 8; do
        verdict "a row for $core on $cores cores" grep -qE "^$core +$cores +[1-9][0-9]+ +[1-9][0-9]+ +[0-9]+\.[0-9]+$" "$work/report"
    done
done
verdict "the fast core takes a cycle for an instruction" [ "$(awk '$1 == "fast" && $5 > 1.01' "$work/report")" = "" ]

finish
