#!/usr/bin/env bash
# test.sh: installs what it needs, builds, runs every test. Last line: "N passed, N failed".
#   ./test.sh            everything
#   ./test.sh NAME...    only the steps whose name contains one of the words
# Each step below is a line `step NAME COMMAND`; a step that prints "ok NAME"/"FAIL NAME" lines counts each of them.
set -u
cd "$(dirname "$0")" || exit 1
top=$PWD
only="$*"
passed=0 failed=0
logs=$top/build/test-logs

wanted() {
    [ -z "$only" ] && return 0
    local word
    for word in $only; do case "$1" in *"$word"*) return 0 ;; esac; done
    return 1
}

# step NAME COMMAND...: runs it, its output to a log. Counts ok/FAIL lines, or the step itself if it prints none.
step() {
    local name=$1 log ok bad status
    shift
    wanted "$name" || return 0
    log=$logs/$name.log
    "$@" >"$log" 2>&1
    status=$?
    ok=$(grep -cE '^ok ' "$log")
    bad=$(grep -cE '^FAIL ' "$log")
    if [ $((ok + bad)) = 0 ]; then
        if [ $status = 0 ]; then ok=1; else bad=1; fi
    elif [ $status != 0 ] && [ "$bad" = 0 ]; then
        bad=1
    fi
    passed=$((passed + ok))
    failed=$((failed + bad))
    if [ "$bad" = 0 ]; then
        printf '%-28s %4d passed\n' "$name" "$ok"
    else
        printf '%-28s %4d passed, %d FAILED\n' "$name" "$ok" "$bad"
        grep -E '^FAIL ' "$log" | sed 's/^/    /'
        grep -vE "^ok |^\[=|^\[ " "$log" | tail -n 15 | sed 's/^/    | /'
    fi
}

build() { # DIRECTORY CMAKE-OPTION...
    local dir=$1
    shift
    cmake -S "$top" -B "$dir" "$@" && cmake --build "$dir" -j2
}

# Every unit and timing program in DIRECTORY/tests: one ok/FAIL line for each cmocka test.
unit() {
    local program status=0
    for program in "$1"/tests/test_*; do
        "$program" >"$logs/program.out" 2>&1 || status=1
        sed -nE 's/^\[       OK \] (.*)/ok \1/p; s/^\[  FAILED  \] ([A-Za-z_0-9]+)$/FAIL \1/p' "$logs/program.out" | sort -u
        grep -qE '^\[  PASSED  \]' "$logs/program.out" || { echo "FAIL $(basename "$program") (did not finish)"; status=1; }
        grep -vE '^\[ ' "$logs/program.out" | tail -n 40
    done
    return $status
}

.ci/install build figures test || { echo "0 passed, 1 failed"; exit 1; }
mkdir -p "$logs"

step layering        tests/layering.sh
step build-gcc       build "$top/build" -DCMAKE_C_COMPILER=gcc
step unit            unit "$top/build"
for script in tests/system/*.sh; do
    case $script in *lib.sh) continue ;; esac
    step "$(basename "$script" .sh)" "$script" "$top/build"
done
step build-clang     build "$top/build-clang" -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++
step build-sanitize  build "$top/build-sanitize" -DGIGOGNE_SANITIZE=ON
step unit-sanitize   unit "$top/build-sanitize"
step build-fuzz      build "$top/build-fuzz" -DGIGOGNE_FUZZ=ON -DGIGOGNE_WORKLOADS=OFF -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++
step fuzz            tests/fuzz/run.sh "$top/build-fuzz"
step system-sanitize tests/system/guests_on_gigogne.sh "$top/build-sanitize"

echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
