#!/bin/bash
# sweep.sh BUILD - gigogne sweep: the main experiment twice (its shapes, figures, and the same bytes with
# batching on and off, at -j2 and -j1), and what goes wrong: bad experiments, a run that fails, a shape that does
# not hold, Ctrl-C.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"
top=$(cd "$(dirname "$0")/../.." && pwd)
main=$top/results/experiments/shadow-vs-ept.yaml
figures="accounts exits footprint runtime walk"

has_status() { # has_status EXPECTED
    [ "$status" = "$1" ] && return 0
    echo "    status $status, expected $1" >&2
    return 1
}

# --- the main experiment ---

sweep first -j2 "$main"
verdict "the main experiment succeeds" has_status 0
grep -E '^(ok|FAIL) ' "$work/first.out"
grep -qE '^FAIL ' "$work/first.out" && failures=$((failures + 1))
one_line() {
    [ "$(wc -l <"$work/first.err")" = 1 ] && says first.err " 0 failed: " && return
    sed 's/^/    /' "$work/first.err" >&2
    return 1
}
verdict "in a pipe it is quiet but for one line" one_line

drawn() { # drawn FIGURE: a PNG and a whole SVG
    [ "$(head -c 4 "$work/first/$1.png" | tail -c 3)" = PNG ] && grep -qx '</svg>' "$work/first/$1.svg"
}
for figure in $figures; do verdict "figure $figure is drawn" drawn "$figure"; done

# Paths in the copy are absolute, since it lies elsewhere.
absolute="s#\.\./figures#$top/results/figures#"
sed "$absolute; s/^set:/set:\n  board.batching: false/" "$main" >"$work/unbatched.yaml"
sweep second -j1 "$work/unbatched.yaml"
verdict "the main experiment succeeds without batching, one run at a time" has_status 0
for file in results.csv results.db table.csv; do
    verdict "batching and -j change nothing in $file" same_files first second "$file"
done
stats_files=$(cd "$work/first" && find runs -name 'stats*.json' | sort)
# shellcheck disable=SC2086  # split on purpose
verdict "batching and -j change nothing in the statistics" same_files first second $stats_files
figure_files=$(printf 'data/%s.csv %s.svg ' $(for figure in $figures; do echo "$figure" "$figure"; done))
# shellcheck disable=SC2086
verdict "batching and -j change nothing in the figures" same_files first second $figure_files

# --- experiments that are refused: status 2, one message, nothing written ---

small() { # small GROUP-KEYS...: a small experiment on standard output
    cat <<'YAML'
name: small
preset: tiny
modes: {native: {label: native}}
groups:
  g:
    modes: [native]
YAML
    local line
    for line; do echo "    $line"; done
}

is_refused() { # is_refused TEXT
    has_status 2 && says refused.err "$1" && [ "$(wc -l <"$work/refused.err")" = 1 ] && [ ! -e "$work/refused" ]
}

refused() { # refused NAME TEXT: the experiment on standard input
    cat >"$work/refused.yaml"
    rm -rf "$work/refused"
    sweep refused "$work/refused.yaml"
    verdict "refused: $1" is_refused "$2"
}

benches='benches: {compute: "iters=500"}'
small "$benches" 'speed: 5' | refused "unknown key" "refused.yaml:8: groups.g.speed: unknown key (allowed: modes"
small "$benches" "$benches" | refused "duplicate key" "refused.yaml:8: groups.g.benches: duplicate key (first on line 7)"
small 'benches: [compute]' | refused "wrong type" "refused.yaml:7: groups.g.benches: a list where a map is expected"
small 'benches: {chse: ""}' | refused "unknown bench" "refused.yaml:7: chse: there is no image"
small "$benches" 'set: {cpu.l1d.wayz: 8}' | refused "unknown parameter" "refused.yaml:8: cpu.l1d.wayz:"
small "$benches" 'set: {cpu.l1d.ways: 0}' | refused "parameter out of range" "refused.yaml:8: cpu.l1d.ways:"
small "$benches" 'vary: {cpu.l1d.size_bytes: [32KiB, 32KHz]}' | refused "wrong unit" "refused.yaml:8: cpu.l1d.size_bytes:"
{ small "$benches"; echo 'figures: [no-such.gp]'; } | refused "no such figure" "no-such."
sed 's/^preset: .*/preset: pentium/' <(small "$benches") | refused "unknown preset" "'pentium'"
refused "empty file" "refused.yaml:1: the file is empty" </dev/null
sweep refused "$work/no-such.yaml"
verdict "refused: no such file" is_refused "no-such.yaml: can't be read"
sweep refused -j0 "$main"
verdict "refused: no runs at once" has_status 2

# --- what fails later: status 1, the rest is kept ---

{
    small 'benches: {compute: "iters=500", chase: "pages=banana"}'
    echo 'assert:'
    echo '  - {name: compute is compute, ratio: [g/compute.native, g/compute.native], max: 1}'
    echo '  - {name: compute is twice compute, ratio: [g/compute.native, g/compute.native], min: 2}'
    echo '  - {name: chase ran, ratio: [g/chase.native, g/compute.native], min: 0.01}'
} >"$work/failing.yaml"
sweep failing "$work/failing.yaml"
verdict "a failing run and a failing shape give status 1" has_status 1
verdict "the failing run is named with its status" says failing.err "runs/g/chase.native: exit status 1"
verdict "a shape that holds is ok" says failing.out "ok compute is compute: 1 "
verdict "a shape that does not hold is FAIL" says failing.out "FAIL compute is twice compute: 1 "
verdict "a shape of a run that failed is FAIL" says failing.out "FAIL chase ran: g/chase.native has no cpu0.cycles"
kept() { [ "$(cut -d, -f1 "$work/failing/results.csv" | tr '\n' ' ')" = "run g/compute.native " ]; }
verdict "the good run's results are kept" kept

# --- Ctrl-C ---

small 'benches: {compute: "iters=400000000"}' >"$work/long.yaml"
set -m # a job with signals of its own
"$build/gigogne" sweep -o "$work/long" "$work/long.yaml" >"$work/long.out" 2>"$work/long.err" </dev/null &
pid=$!
set +m
until [ -e "$work/long/runs/g/compute.native/console.log" ]; do sleep 0.1; done
sleep 0.5
kill -INT "$pid"
wait "$pid"
status=$?
verdict "Ctrl-C gives status 4" has_status 4
verdict "Ctrl-C says that it was one" says long.err ", interrupted"
stopped() { [ -s "$work/long/runs/g/compute.native/stats.json" ]; }
verdict "Ctrl-C lets running guests write their statistics" stopped

finish
