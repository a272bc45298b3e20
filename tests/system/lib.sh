# shellcheck shell=bash
# lib.sh - what the tests of whole runs share: a run with its files, values of its statistics, verdicts.
#
# Source it with the script's own arguments: . "$(dirname "$0")/lib.sh" "$@". The first is the build directory.
# A script ends with `finish`; each check prints "ok NAME" or "FAIL NAME", details go to stderr.
build=${1:?usage: $(basename "$0") BUILD}
# shellcheck disable=SC2034 # for the scripts
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
# NAME.err there, the exit status is $status (124: it would not end).
simulate() {
    local name=$1
    shift
    timeout 300 "$build/gigogne" run -o "$work/$name" "$@" </dev/null >"$work/$name.out" 2>"$work/$name.err"
    status=$?
}

# simulate_well NAME ARGUMENT...: the same, and it must end with status 0; otherwise that is a failure.
simulate_well() {
    simulate "$@"
    [ $status = 0 ] && return 0
    fail "run $1 ends with status 0" "status $status" "$(head -3 "$work/$1.out" "$work/$1.err")"
    return 1
}

# sweep NAME ARGUMENT...: gigogne sweep with its results in $work/NAME; table and verdicts are NAME.out and messages NAME.err
# there, the exit status is $status.
sweep() {
    local name=$1
    shift
    "$build/gigogne" sweep -o "$work/$name" "$@" >"$work/$name.out" 2>"$work/$name.err" </dev/null
    status=$?
}

# says FILE TEXT: the file in $work holds the text.
says() {
    grep -qF -- "$2" "$work/$1" && return 0
    echo "    not found: $2" >&2
    sed 's/^/    found: /' "$work/$1" | head -5 >&2
    return 1
}

# value NAME PATH [FILE]: one statistic of a run, of its region (stats) or of the whole (stats-all).
value() {
    awk -v "path=\"$2\":" '$1 == path { sub(",", "", $2); print $2; found = 1 } END { exit !found }' "$work/$1/${3:-stats}.json"
}

# sum_of FILE PATTERN: the sum of the statistics whose paths match, "*" for any text.
sum_of() {
    awk -v "pattern=$2" 'BEGIN { gsub(/\./, "\\.", pattern); gsub(/\*/, ".*", pattern) }
        NF == 2 { gsub(/[":,]/, ""); if ($1 ~ "^" pattern "$") total += $2 }
        END { printf "%d\n", total }' "$1"
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

# What must add up at any moment (ARCHITECTURE.md, section 8): sums of the paths that the patterns match.
identities() {
    cat <<'SUMS'
cpu0.cycles = cpu0.account.*
cpu0.vmx.exits_total = cpu0.vmx.exits.*.count
cpu0.account.*.vm_exit = cpu0.vmx.exits.*.cycles_out
cpu0.account.*.vm_entry = cpu0.vmx.exits.*.cycles_in + cpu0.vmx.first_entry_cycles
cpu0.stlb.lookups = cpu0.itlb.misses + cpu0.dtlb.misses
cpu0.mmu.walks = cpu0.stlb.misses + cpu0.mmu.rewalks + cpu0.mmu.ahead_walks
cpu0.mmu.walks = cpu0.mmu.walks_done + cpu0.mmu.walks_page_fault + cpu0.mmu.walks_ept_violation + cpu0.mmu.walks_ept_misconfig
cpu0.mmu.host_lookups = cpu0.mmu.ntlb_hits + cpu0.mmu.host_walks
cpu0.mmu.ledger_refs = cpu0.mmu.refs_guest + cpu0.mmu.refs_host
cpu0.walker.refs_guest = cpu0.walker.refs_guest_*
cpu0.walker.refs_host = cpu0.walker.refs_host_*
cpu0.l1i.lookups = cpu0.l1i.hits + cpu0.l1i.misses + cpu0.l1i.mshr_merges
cpu0.l1d.lookups = cpu0.l1d.hits + cpu0.l1d.misses + cpu0.l1d.mshr_merges
cpu0.l1i.lookups = cpu0.l1i.lookups_*
cpu0.l1d.lookups = cpu0.l1d.lookups_*
cpu0.l2.lookups = cpu0.l2.lookups_*
l3.lookups = l3.lookups_*
cpu0.l1d.misses = cpu0.l1d.misses_*
dram.row_hits + dram.row_misses + dram.row_conflicts + dram.forwarded = dram.reads + dram.writes
SUMS
}

# The same with what is under way counted on one side only: holds where the pipe has been drained, as at markers and at
# the write to the exit port.
identities_at_rest() {
    cat <<'SUMS'
cpu0.walker.walks = cpu0.mmu.walks
cpu0.walker.refs_guest = cpu0.mmu.refs_guest
cpu0.walker.refs_host = cpu0.mmu.refs_host
cpu0.walker.cycles = cpu0.walker.cycles_caches + cpu0.walker.cycles_guest + cpu0.walker.cycles_host
cpu0.inorder.loads = cpu0.inorder.served_*
cpu0.ooo.loads = cpu0.ooo.served_*
SUMS
}

# Traffic between the caches, where the pipe has been drained. "~": prefetches may still be under way then, or have come from before
# the region; without prefetches both sides are equal.
identities_of_traffic() {
    cat <<'SUMS'
cpu0.l2.lookups ~ cpu0.l2.hits + cpu0.l2.misses + cpu0.l2.mshr_merges
l3.lookups ~ l3.hits + l3.misses + l3.mshr_merges
cpu0.l2.lookups ~ cpu0.l1i.misses + cpu0.l1d.misses + cpu0.l1i.prefetches + cpu0.l1d.prefetches
l3.lookups ~ cpu0.l2.misses + cpu0.l2.prefetches
crossbar.requests ~ cpu0.l2.misses + cpu0.l2.prefetches
crossbar.requests ~ crossbar.answers
dram.reads ~ l3.misses
SUMS
}

# adds_up RUN [FILE]: every identity of a run that went to its end holds; those that do not are printed.
adds_up() {
    { identities; identities_at_rest; identities_of_traffic; } | check_sums "$work/$1/${2:-stats}.json"
}

# adds_up_when_cut RUN [FILE]: the same for a run that was stopped somewhere.
adds_up_when_cut() {
    identities | check_sums "$work/$1/${2:-stats}.json"
}

# How many prefetches of a run can be under way: the registers that its caches have for them, 0 without prefetchers.
prefetches_under_way() { # prefetches_under_way RUN-DIRECTORY
    if grep -E 'prefetcher2?:' "$1/config.yaml" | grep -qv none; then echo 32; else echo 0; fi
}

check_sums() { # check_sums STATS [LEAST]: the identities are on stdin, at least so many (15)
    awk -v "least=${2:-15}" -v "under_way=$(prefetches_under_way "$(dirname "$1")")" '
        function sum(terms,    n, i, term, path, total) {
            n = split(terms, term, / \+ /)
            for (i = 1; i <= n; i++) {
                gsub(/\./, "\\.", term[i])
                gsub(/\*/, ".*", term[i])
                for (path in stat) if (path ~ "^" term[i] "$") total += stat[path]
            }
            return total + 0
        }
        FNR == NR { if (NF == 2) { gsub(/[":,]/, ""); stat[$1] = $2 } next }
        {
            split($0, side, / [=~] /)
            apart = sum(side[1]) - sum(side[2])
            slack = / ~ / ? under_way : 0
            if (apart <= slack && -apart <= slack) next
            printf "    %s: %d and %d\n", $0, sum(side[1]), sum(side[2]) > "/dev/stderr"
            broken = 1
        }
        END { exit broken + (FNR < least) }' "$1" -
}
