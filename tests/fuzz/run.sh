#!/bin/bash
# run.sh BUILD [SECONDS [CORPUS]] - the fuzzers of a build with GIGOGNE_FUZZ=ON: a seeded run of fixed length each,
# about a minute in all; or, with SECONDS, as long as that each, whose corpus is kept in CORPUS and gone on with.
# Prints "ok <name>" or "FAIL <name>" per fuzzer, and what was said of the input if one fails; exit 1 if any failed.
set -u
here=$(cd "$(dirname "$0")" && pwd)
top=$(cd "$here/../.." && pwd)
build=$(cd "${1:?usage: run.sh BUILD [SECONDS [CORPUS]]}" && pwd) || exit 2
seconds=${2:-} corpus=${3:-}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
corpus=${corpus:-$work/corpus}
failures=0

# Fuzzer, inputs of the short run, longest input in bytes.
fuzzers() {
    cat <<'FUZZERS'
execute   24000   160
translate 120000  160
load      150000  8192
FUZZERS
}

seed_file() { # seed_file KIND FILE: KIND is the first byte of fuzz_load's input
    { printf "\\x0$1"; head -c 8000 "$2"; } >"$corpus/load/$(basename "$2")"
}

# What fuzz_load starts from: the presets, the experiments, a guest image if one is built.
seed_files() {
    local file
    for file in "$top"/models/board/presets/*.yaml; do seed_file 0 "$file"; done
    for file in "$top"/results/experiments/*.yaml; do seed_file 1 "$file"; done
    for file in "$top"/build/workloads/test-misbehave.elf; do [ -f "$file" ] && seed_file 2 "$file"; done
}

# What an earlier run found comes first.
past_findings() { # past_findings NAME
    local file
    for file in "$here/findings/$1"-*; do [ -f "$file" ] && cp "$file" "$corpus/$1"; done
}

run_fuzzer() { # run_fuzzer NAME RUNS BYTES
    local length=(-runs="$2")
    [ -n "$seconds" ] && length=(-max_total_time="$seconds")
    mkdir -p "$corpus/$1"
    [ "$1" = load ] && seed_files
    past_findings "$1"
    "$build/fuzz/fuzz_$1" -seed=1 "${length[@]}" -max_len="$3" -len_control=0 -timeout=10 -rss_limit_mb=2048 \
        -close_fd_mask=1 -artifact_prefix="$corpus/$1-" -print_final_stats=1 "$corpus/$1" >"$work/$1.log" 2>&1
}

while read -r name runs bytes; do
    if run_fuzzer "$name" "$runs" "$bytes"; then
        echo "ok fuzz_$name: $(awk '/number_of_executed_units/ { print $2 }' "$work/$name.log") inputs," \
            "$(grep -oE 'cov: [0-9]+' "$work/$name.log" | tail -1 | cut -c 6-) edges"
    else
        echo "FAIL fuzz_$name"
        grep -aE '^(gigogne|SUMMARY|Base64|.*runtime error)' "$work/$name.log"
        failures=$((failures + 1))
    fi
done < <(fuzzers)
exit $((failures > 0))
