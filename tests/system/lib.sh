# shellcheck shell=bash
# lib.sh - what the tests of whole runs share: a run with its files, values of its statistics, verdicts.
#
# Source it with the script's own arguments: . "$(dirname "$0")/lib.sh" "$@". The first is the build directory.
# A script ends with `finish`; each check prints "ok NAME" or "FAIL NAME", details go to stderr.
build=${1:?usage: $(basename "$0") BUILD}
images=$build/workloads
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failures=0

finish() {
    exit $((failures > 0))
}

fail() { # fail NAME [DETAILS...]
    local name=$1
    shift
    echo "FAIL $name"
    [ $# = 0 ] || printf '    %s\n' "$@" >&2
    failures=$((failures + 1))
}

# verdict NAME COMMAND...: the check holds if the command succeeds.
verdict() {
    local name=$1
    shift
    if "$@"; then echo "ok $name"; else fail "$name"; fi
}

# simulate NAME ARGUMENT...: gigogne run with its results in $work/NAME; console and messages are NAME.out and
# NAME.err there, the exit status is $status.
simulate() {
    local name=$1
    shift
    "$build/gigogne" run -o "$work/$name" "$@" </dev/null >"$work/$name.out" 2>"$work/$name.err"
    status=$?
}

# simulate_well NAME ARGUMENT...: the same, and it must end with status 0; otherwise that is a failure.
simulate_well() {
    simulate "$@"
    [ $status = 0 ] && return 0
    fail "run $1 ends with status 0" "status $status" "$(head -3 "$work/$1.out" "$work/$1.err")"
    return 1
}

# value NAME PATH [FILE]: one statistic of a run, of its region (stats) or of the whole (stats-all).
value() {
    awk -v "path=\"$2\":" '$1 == path { sub(",", "", $2); print $2; found = 1 } END { exit !found }' "$work/$1/${3:-stats}.json"
}

# percent_of A B: 100 A / B, as an integer, rounded to nearest.
percent_of() {
    echo $(((200 * $1 + $2) / (2 * $2)))
}

# same_files A B FILE...: the files are there and hold the same bytes in both runs.
same_files() {
    local a=$1 b=$2 file
    shift 2
    for file; do
        [ -s "$work/$a/$file" ] || { echo "    $a/$file: missing or empty" >&2; return 1; }
        cmp -s "$work/$a/$file" "$work/$b/$file" && continue
        diff "$work/$a/$file" "$work/$b/$file" | head -6 | sed 's/^/    /' >&2
        return 1
    done
}
