#!/bin/bash
# peers.sh BUILD [RUNS] - millions of instructions of one guest image (hashjoin) per second of host processor time:
# the fast and the in-order core beside Bochs and QEMU's TCG (with and without -icount), and each over Bochs. Median
# of RUNS (5) rounds, in each of which all of them run in turn, so that what else the host does falls on all alike.
#
# Each is measured in the same way: a run of `long` iterations less one of `short`, in user and system time of the
# process, over the difference of the instructions that Gigogne counts for the two. So firmware, loader, and the
# translation of code that both run do not count. Bochs is Debian's package: release 2.7, built with its debugger,
# which costs it some speed; its own configuration is tests/system/bochs_lib.sh. Not a test: nothing is asserted about
# time.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../system/bochs_lib.sh"
build=$(cd "${1:?usage: peers.sh BUILD [RUNS]}" && pwd) || exit 2
rounds=${2:-5}
image=$build/workloads/bench-hashjoin.elf
pages=4096 short=10000
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# Name, iterations of its long run: a few seconds each. Each is a function below.
peers() {
    cat <<'PEERS'
fast        1500000
inorder     150000
bochs       600000
qemu        4000000
qemu_icount 2000000
PEERS
}

fast() { "$build/gigogne" run --quiet -s board.core=fast "$image" -- "$@"; }
inorder() { "$build/gigogne" run --quiet -s board.core=inorder "$image" -- "$@"; }

qemu() {
    qemu-system-x86_64 -accel tcg -cpu max -m 2048 -display none -no-reboot -monitor none -serial null \
        -device isa-debug-exit,iobase=0xf4,iosize=1 -kernel "$image" -append "$*"
}

qemu_icount() {
    qemu-system-x86_64 -accel tcg -icount shift=0,sleep=off -cpu max -m 2048 -display none -no-reboot -monitor none \
        -serial null -device isa-debug-exit,iobase=0xf4,iosize=1 -kernel "$image" -append "$*"
}

bochs_directory() { # bochs_directory WORDS...: where such an image is ready to run
    local dir
    dir=$work/$(tr -c 'a-z0-9' _ <<<"$*")
    if [ ! -d "$dir" ]; then
        mkdir "$dir"
        write_bochsrc "$dir" corei7_haswell_4770 2048
        write_iso "$dir" "$image" "$*"
    fi
    echo "$dir"
}

bochs_peer() { run_bochs "$(bochs_directory "$@")" 300; }

median() { # of the lines on stdin
    sort -g | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

instructions_of() { # instructions_of ITERATIONS
    "$build/gigogne" run --quiet -s board.core=fast -o "$work/out" "$image" -- \
        pages=$pages iters="$1" </dev/null >/dev/null
    awk '$1 == "\"instructions\":" { sub(",", "", $2); print $2 }' "$work/out/run.json"
}

cpu_seconds() { # cpu_seconds FUNCTION ITERATIONS
    local TIMEFORMAT='%U %S'
    { time "$1" pages=$pages iters="$2" </dev/null >/dev/null 2>&1; } 2>&1 | awk '{ print $1 + $2 }'
}

measure() { # measure NAME ITERATIONS: one more line of its MIPS
    local runner=$1
    [ "$runner" = bochs ] && runner=bochs_peer && bochs_directory pages=$pages iters="$2" >/dev/null &&
        bochs_directory pages=$pages iters=$short >/dev/null
    awk -v n=$((${instructions[$2]} - ${instructions[$short]})) -v t="$(cpu_seconds $runner "$2")" \
        -v t_short="$(cpu_seconds $runner $short)" 'BEGIN { printf "%.2f\n", n / (t - t_short) / 1e6 }' \
        >>"$work/$1.mips"
}

for tool in bochs grub-mkrescue qemu-system-x86_64; do
    command -v $tool >/dev/null || { echo "peers.sh: $tool is not installed" >&2; exit 2; }
done
declare -A instructions
instructions[$short]=$(instructions_of $short)
while read -r name iterations; do instructions[$iterations]=$(instructions_of "$iterations"); done < <(peers)
for ((round = 0; round < rounds; round++)); do
    while read -r name iterations; do measure "$name" "$iterations"; done < <(peers)
done

bochs_mips=$(median <"$work/bochs.mips")
printf '%-12s %9s %9s %9s %11s\n' "hashjoin" MIPS lowest highest "over Bochs"
while read -r name iterations; do
    sort -g "$work/$name.mips" | awk -v name="$name" -v bochs="$bochs_mips" '{ mips[NR] = $1 }
        END { m = mips[int((NR + 1) / 2)]; printf "%-12s %9s %9s %9s %11.1f\n", name, m, mips[1], mips[NR], m / bochs }'
done < <(peers)
