#!/bin/bash
# run.sh BUILD [--runs N] [--small] [--ooo] [--cores] [--profile] [--peers] - the simulator's own speed: thousands of simulated instructions per
# second of host time (KIPS) on each core, the median of N runs (5), with the host's own speed beside it, since hosts differ and
# share their cores; and per simulated instruction what its model had to do, which is what limits it.
#   --small    a hundredth of the work: does it run?
#   --ooo      the out-of-order core too, on hashjoin and bfs
#   --cores    one piece of work shared by 1, 2, 4 and 8 processors (parallel): KIPS of all together, and over those of one
#   --profile  the host functions that take most of the time (Linux perf)
#   --peers    hashjoin beside Bochs and QEMU: peers.sh
# Not a test: nothing is asserted about time.
set -u
here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:?usage: run.sh BUILD [--runs N] [--small] [--ooo] [--cores] [--profile] [--peers]}" && pwd) || exit 2
shift
runs=5 divisor=1 ooo=false by_cores=false profile=false peers=false
while [ $# -gt 0 ]; do
    case $1 in
    --runs) runs=${2:?--runs N} && shift ;;
    --small) divisor=100 ;;
    --ooo) ooo=true ;;
    --cores) by_cores=true ;;
    --profile) profile=true ;;
    --peers) peers=true ;;
    *) echo "run.sh: unknown option '$1'" >&2 && exit 2 ;;
    esac
    shift
done
work=$(mktemp -d) processors=1
trap 'rm -rf "$work"' EXIT

# Core, bench, iterations, word: about a second each on a machine of 2019; `ooo` with its start, about two.
cases() {
    cat <<'CASES'
fast     compute   20000000  seed=1
fast     hashjoin   1000000  pages=4096
fast     chase      6000000  pages=4096
inorder  compute    2000000  seed=1
inorder  hashjoin    100000  pages=4096
inorder  chase       600000  pages=4096
CASES
    if $ooo; then
        cat <<'CASES'
ooo      hashjoin     20000  pages=16384
ooo      bfs          60000  pages=8192
CASES
    fi
}

# Core, rounds: the work that processors share.
shared_work() {
    cat <<'CASES'
fast     200
inorder  10
ooo      4
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
    { time "$build/gigogne" run --quiet -s "board.core=$core" -s "board.cores=$processors" -o "$work/out" "$build/workloads/bench-$bench.elf" -- "$@" \
        </dev/null >/dev/null 2>"$work/messages"; } 2>"$work/time" || { cat "$work/messages" >&2; exit 1; }
    awk -v mips="$(from_json "$work/out/run.json" mips)" 'BEGIN { printf "%.0f\n", mips * 1000 }' >>"$work/wall"
    awk -v n="$(from_json "$work/out/run.json" instructions)" '{ printf "%.0f\n", n / ($1 + $2 + 1e-3) / 1000 }' "$work/time" >>"$work/cpu"
}

measure() { # measure CORE BENCH WORDS...
    local n
    rm -f "$work/wall" "$work/cpu"
    for ((n = 0; n < runs; n++)); do simulate "$@"; done
    printf '%-8s %-9s %9s %9s %11s %11s %11s %11s %11s\n' "$1" "$2" "$(median <"$work/wall")" "$(median <"$work/cpu")" \
        "$(per_instruction cpu0.cycles)" "$(per_instruction cpu0.{inorder,ooo}.{loads,stores,fetches})" \
        "$(per_instruction cpu0.l1i.misses cpu0.l1d.misses)" "$(per_instruction l3.lookups)" "$(per_instruction cpu0.walker.walks)"
}

measure_cores() { # measure_cores CORE ROUNDS: a row for each number of processors
    local n one=
    for processors in 1 2 4 8; do
        rm -f "$work/wall" "$work/cpu"
        for ((n = 0; n < runs; n++)); do simulate "$1" parallel part=work "iters=$2" "pages=$((divisor > 1 ? 16 : 256))"; done
        : "${one:=$(median <"$work/cpu")}"
        printf '%-8s %-9s %9s %9s %11s\n' "$1" $processors "$(median <"$work/wall")" "$(median <"$work/cpu")" \
            "$(awk -v all="$(median <"$work/cpu")" -v one="$one" 'BEGIN { printf "%.2f", all / one }')"
    done
    processors=1
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
while read -r core bench iterations word; do measure "$core" "$bench" "iters=$((iterations / divisor))" "$word"; done < <(cases)
"$work/hostspeed"

if $by_cores; then
    printf '%-8s %-9s %9s %9s %11s\n' core cores KIPS "KIPS/CPU" "over one"
    while read -r core rounds; do measure_cores "$core" $(((rounds + divisor - 1) / divisor)); done < <(shared_work)
fi

if $profile; then
    while read -r core bench iterations word; do print_profile "$core" "$bench" "iters=$((iterations / divisor))" "$word"; done < <(cases)
fi
if $peers; then "$here/peers.sh" "$build" "$runs"; fi
exit 0
