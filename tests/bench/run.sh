#!/bin/bash
# run.sh BUILD [--runs N] [--small] [--profile] [--peers] - the simulator's own speed: thousands of simulated instructions per
# second of host time (KIPS) on each core, the median of N runs (5), with the host's own speed beside it, since hosts differ and
# share their cores; and per simulated instruction what its model had to do, which is what limits it.
#   --small    a hundredth of the work: does it run?
#   --profile  the host functions that take most of the time (Linux perf)
#   --peers    hashjoin beside Bochs and QEMU: peers.sh
# Not a test: nothing is asserted about time.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:?usage: run.sh BUILD [--runs N] [--small] [--profile] [--peers]}" && pwd) || exit 2
shift
runs=5 divisor=1 profile=false peers=false
while [ $# -gt 0 ]; do
    case $1 in
    --runs) runs=${2:?--runs N} && shift ;;
    --small) divisor=100 ;;
    --profile) profile=true ;;
    --peers) peers=true ;;
    *) echo "run.sh: unknown option '$1'" >&2 && exit 2 ;;
    esac
    shift
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Bench, words, and iterations on `fast` and on `inorder`: about a second each on a machine of 2019.
cases() {
    cat <<'CASES'
compute  20000000  2000000  seed=1
hashjoin  1000000   100000  pages=4096
chase     6000000   600000  pages=4096
CASES
}

median() { # of the lines on stdin
    sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

from_json() { # from_json FILE KEY
    awk -v "key=\"$2\":" '$1 == key { gsub(/,/, "", $2); print $2 }' "$1"
}

per_instruction() { # per_instruction PATH...: their sum, over the instructions
    local path total=0
    for path; do total=$((total + $(from_json "$work/out/stats-all.json" "$path"))); done
    awk -v n="$(from_json "$work/out/run.json" instructions)" -v total=$total 'BEGIN { printf "%.4f", total / n }'
}

simulate() { # simulate CORE BENCH WORDS...: one run; appends its KIPS by wall clock and by processor time
    local core=$1 bench=$2 TIMEFORMAT='%U %S'
    shift 2
    { time "$build/gigogne" run --quiet -s "board.core=$core" -o "$work/out" "$build/workloads/bench-$bench.elf" -- "$@" \
        </dev/null >/dev/null 2>"$work/messages"; } 2>"$work/time" || { cat "$work/messages" >&2; exit 1; }
    awk -v mips="$(from_json "$work/out/run.json" mips)" 'BEGIN { printf "%.0f\n", mips * 1000 }' >>"$work/wall"
    awk -v n="$(from_json "$work/out/run.json" instructions)" '{ printf "%.0f\n", n / ($1 + $2 + 1e-3) / 1000 }' "$work/time" >>"$work/cpu"
}

measure() { # measure CORE BENCH WORDS...
    local n
    rm -f "$work/wall" "$work/cpu"
    for ((n = 0; n < runs; n++)); do simulate "$@"; done
    printf '%-8s %-9s %9s %9s %11s %11s %11s %11s %11s\n' "$1" "$2" "$(median <"$work/wall")" "$(median <"$work/cpu")" \
        "$(per_instruction cpu0.cycles)" "$(per_instruction cpu0.inorder.loads cpu0.inorder.stores cpu0.inorder.fetches)" \
        "$(per_instruction cpu0.l1i.misses cpu0.l1d.misses)" "$(per_instruction l3.lookups)" "$(per_instruction cpu0.walker.walks)"
}

print_profile() { # print_profile CORE BENCH WORDS...
    local core=$1 bench=$2
    shift 2
    echo "where the time goes: $core, $bench"
    perf record -o "$work/perf" "$build/gigogne" run --quiet -s "board.core=$core" "$build/workloads/bench-$bench.elf" -- "$@" \
        </dev/null >/dev/null 2>&1 || { echo "  perf does not run here" && return; }
    perf report -i "$work/perf" --stdio --percent-limit 2 2>/dev/null | grep -E '^ +[0-9]' | head -12 | sed 's/^/  /'
}

# --- the report ---

cc -O2 -std=c11 -D_GNU_SOURCE -o "$work/hostspeed" "$here/hostspeed.c" && "$work/hostspeed"
printf '%-8s %-9s %9s %9s %11s %11s %11s %11s %11s\n' core bench KIPS "KIPS/CPU" "per insn:" "" "" "" ""
printf '%-8s %-9s %9s %9s %11s %11s %11s %11s %11s\n' "" "" "(wall)" "(user+sys)" cycles references "L1 misses" "L3 lookups" walks
for core in fast inorder; do
    while read -r bench fast inorder word; do
        iterations=$((${!core} / divisor))
        measure $core "$bench" "iters=$iterations" "$word"
    done < <(cases)
done
"$work/hostspeed"

if $profile; then
    while read -r bench fast inorder word; do
        for core in fast inorder; do print_profile $core "$bench" "iters=$((${!core} / divisor))" "$word"; done
    done < <(cases)
fi
if $peers; then "$here/peers.sh" "$build" "$runs"; fi
exit 0
