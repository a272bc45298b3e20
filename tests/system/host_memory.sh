#!/bin/bash
# host_memory.sh BUILD - the simulator takes the host's memory for what the guest touches: not for the RAM that the board has, and
# little for processors that sleep. By the peak resident size that the kernel tells (getrusage, through GNU time).
# The limits leave room for what libraries of other versions take; what they forbid is a table that is touched as a whole: the
# board's RAM, or tables per processor.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"

# peak_mib ARGUMENT...: of one run, in MiB; nothing if the run failed.
peak_mib() {
    /usr/bin/time -f '%M' -o "$work/peak" "$build/gigogne" run --quiet "$@" </dev/null >"$work/out" 2>"$work/err" &&
        echo $(($(tail -1 "$work/peak") / 1024))
}

# at_most NAME MIB ARGUMENT...
at_most() {
    local name=$1 limit=$2 peak
    shift 2
    peak=$(peak_mib "$@")
    verdict "$name: ${peak:-?} MiB at most $limit" test "${peak:-$((limit + 1))}" -le "$limit"
}

for core in fast inorder ooo; do
    at_most "$core, a small guest on the largest board" 64 -s board.core=$core -s board.ram_bytes=3GiB "$images/bench-compute.elf" -- iters=1000
    at_most "$core, 16 processors, 15 of them asleep" 160 -s board.core=$core -s board.cores=16 "$images/bench-compute.elf" -- iters=1000
    at_most "$core, a guest of 64 MiB" 160 -s board.core=$core "$images/bench-hashjoin.elf" -- pages=16384 iters=10
done
finish
