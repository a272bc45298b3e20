#!/usr/bin/env bash
# sample.sh BUILD - run --sample: on every bench, native and under both monitors, the full run's cycles lie within the stated interval, which is
# narrow enough to say something; two runs write the same bytes; bad requests end with status 2 and one message.
set -u
build=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
failed=0
say() { if [ "$2" = 0 ]; then echo "ok $1"; else echo "FAIL $1"; failed=1; fi; }

value() { sed -n "s/^ *\"$2\": \([0-9]*\),\?/\1/p" "$1/stats.json"; }

# compare NAME WIDEST-PERCENT [run options] IMAGE [words]
compare() {
    local name=$1 widest=$2; shift 2
    "$build/gigogne" run --quiet -s board.core=ooo -o "$dir/full" "$@" >/dev/null 2>"$dir/err" &&
        "$build/gigogne" run --quiet -s board.core=ooo --sample=4000 -s sample.detailed_instructions=1000 -s sample.window_instructions=500 \
            -s sample.max_windows=4096 -o "$dir/sample" "$@" >/dev/null 2>>"$dir/err" || { cat "$dir/err"; say "$name" 1; return; }
    local full estimate interval
    full=$(value "$dir/full" cpu0.cycles)
    estimate=$(value "$dir/sample" cpu0.sample.cycles)
    interval=$(value "$dir/sample" cpu0.sample.cycles_interval)
    local off=$((full > estimate ? full - estimate : estimate - full))
    [ "$off" -le "$interval" ] && [ $((interval * 100)) -le $((estimate * widest)) ]
    local status=$?
    [ $status = 0 ] || echo "full $full, estimate $estimate +- $interval, at most $widest % wide"
    say "$name" $status
}

bench() { echo "$build/workloads/bench-$1.elf"; }
under() { echo "-m $build/workloads/monitor-$1.elf"; }

compare "bfs" 25 "$(bench bfs)" iters=10000
compare "btree" 18 "$(bench btree)" iters=1500
compare "chase" 6 "$(bench chase)" iters=20000
compare "compute" 2 "$(bench compute)" iters=30000
compare "ctxswitch" 10 "$(bench ctxswitch)" iters=1000
compare "faults" 15 "$(bench faults)" iters=4
compare "fork" 60 "$(bench fork)" iters=4
compare "gups" 15 "$(bench gups)" iters=12000
compare "hashjoin" 18 "$(bench hashjoin)" iters=4000 pages=4096
compare "interrupts" 20 "$(bench interrupts)"
compare "ptemod" 10 "$(bench ptemod)"
compare "stream" 15 "$(bench stream)" iters=20000
compare "syscall" 6 "$(bench syscall)" iters=2000
for monitor in ept shadow; do
    # shellcheck disable=SC2046
    compare "exits under $monitor" 20 $(under $monitor) "$(bench exits)" iters=80
    compare "ctxswitch under $monitor" 16 $(under $monitor) "$(bench ctxswitch)" iters=800
    compare "hashjoin under $monitor" 22 $(under $monitor) "$(bench hashjoin)" iters=2000 pages=2048
done
compare "the in-order core" 12 -s board.core=inorder "$(bench hashjoin)" iters=4000 pages=4096

again() { "$build/gigogne" run --quiet -s board.core=ooo --sample=4000 -o "$dir/$1" "$(bench btree)" iters=1000 >/dev/null; }
again one && again two && cmp -s "$dir/one/stats.json" "$dir/two/stats.json" && cmp -s "$dir/one/stats-all.json" "$dir/two/stats-all.json"
say "two runs write the same bytes" $?

# refuse NAME WORDS [run options]
refuse() {
    local name=$1 words=$2; shift 2
    "$build/gigogne" run "$@" "$(bench compute)" >/dev/null 2>"$dir/err"
    [ $? = 2 ] && grep -q -- "$words" "$dir/err" || { cat "$dir/err"; say "$name" 1; return; }
    say "$name" 0
}
refuse "the fast core cannot be sampled" "allowed: inorder ooo" --sample -s board.core=fast
refuse "nor can several processors" "allowed: board.cores=1" --sample -s board.core=ooo -s board.cores=2
refuse "a period holds its window" "sample: period_instructions must be more" --sample=3000 -s board.core=ooo
refuse "a period is a number" "not a number" --sample=often -s board.core=ooo
exit $failed
