#!/bin/bash
# monitors_on_bochs.sh BUILD - the monitors on Bochs, whose VMX knows nothing of Gigogne: every guest must print under
# each monitor what it prints natively on QEMU, and every VM exit but interrupts must be the one that Gigogne has there: reason,
# qualification, RIP, instruction length or interruption information (exit_log.h). The paging guest, whose work under shadow paging is nearly all emulated, and
# the kit's own test run in more variants. A monitor that cannot run must say why in one line.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed. Two Bochs at a time, about two seconds each.
set -u
here=$(cd "$(dirname "$0")" && pwd)
. "$here/guests_lib.sh"
. "$here/bochs_lib.sh"
images=$(cd "${1:?usage: monitors_on_bochs.sh BUILD}/workloads" && pwd) || exit 1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
haswell=corei7_haswell_4770
nehalem=corei5_lynnfield_750 # no 1 GiB pages, no PCID
penryn=core2_penryn_t9600    # VMX without EPT and VPID, and without loading EFER
seconds_max=240
megs=3072 # of the machine: what the largest guest needs under a monitor
jobs_max=2

for tool in bochs grub-mkrescue xorriso qemu-system-x86_64; do
    if ! command -v "$tool" >/dev/null; then
        echo "FAIL $tool is not installed"
        exit 1
    fi
done

monitor_image() { # monitor_image MONITOR: of the product, or of the tests
    ls "$images/monitor-$1.elf" "$images/test-monitor-$1.elf" 2>/dev/null
}

# The console's text on stdout. The monitor is the Multiboot kernel, the guest its first module, and the guest of a guest
# that is a monitor the second; without a monitor the guest is the kernel.
bochs_output() { # bochs_output MODEL MONITOR MONITOR_ARGS GUEST WORDS [INNER_GUEST WORDS]
    local dir boot=()
    [ "$2" = none ] || boot=("$(monitor_image "$2")" "$3")
    [ "$4" = none ] || boot+=("$images/$4.elf" "$5")
    [ -z "${6:-}" ] || boot+=("$images/$6.elf" "$7")
    dir=$(mktemp -d -p "$work")
    write_bochsrc "$dir" "$1" $megs
    write_iso "$dir" "${boot[@]}"
    run_bochs "$dir" "$seconds_max"
    cat "$dir/console.txt" 2>/dev/null || tail -n 3 "$dir/bochs.log" "$dir/out.log"
    rm -rf "$dir"
}

native_output() { # native_output GUEST WORDS
    # shellcheck disable=SC2086 -- words are split on purpose
    guest_output_qemu "$images/$1.elf" $2
}

verdict() { # verdict NAME EXPECTED FOUND
    if [ -n "$2" ] && [ "$2" = "$3" ]; then
        echo "ok $1"
    else
        echo "FAIL $1"
        printf 'expected: %s\nfound:    %s\n' "$2" "$3" >&2
        touch "$work/failed"
    fi
}

check_same_as_native() { # check_same_as_native MODEL MONITOR MONITOR_ARGS GUEST WORDS
    local found
    found=$(bochs_output "$1" "$2" "$3 $(log_of "$2")" "${@:4}")
    verdict "bochs $1: $2 $3: $4 $5" "$(native_output "$4" "$5")" "$(grep -v '^exit ' <<<"$found")"
    check_same_exits "$found" "$@"
}

# --- the same exits in the same order ---

log_of() { # the words that make a monitor log every exit
    case $1 in ept | shadow) echo log=100000 ;; esac
}

preset_of() { # preset_of MODEL: the simulator's
    case $1 in $nehalem) echo nehalem ;; *) echo haswell ;; esac
}

# Bochs' firmware keeps the end of RAM for itself, of which a monitor then loses 2 MiB.
gigogne_output() { # gigogne_output MODEL MONITOR MONITOR_ARGS GUEST WORDS [INNER_GUEST WORDS]
    local inner=()
    [ $# -gt 5 ] && inner=(--module "$images/$6.elf:$7")
    # shellcheck disable=SC2086 # words are split on purpose
    "$images/../gigogne" run --quiet -c "$(preset_of "$1")" -s board.core=fast -s "board.ram_bytes=$((megs - 2))MiB" "${inner[@]}" \
        -m "$images/monitor-$2.elf:$3" "$images/$4.elf" -- $5 </dev/null 2>/dev/null
}

# Interrupts (reason 1) and their windows (7) come by time, which differs; what a guest with a timer does differs with them.
synchronous_exits() { grep '^exit ' | grep -vE '^exit [17] '; }

# results/reference/bochs-differences.md says who is right where the two differ, by the numbers used here.
as_the_manual_says() { sed 's/^exit 30 82 /exit 30 83 /'; }                      # 1
differs_for_good() { [[ "$*" == "$haswell shadow pool=16 test-paging "* ]]; }    # 2

check_same_exits() { # check_same_exits BOCHS_OUTPUT MODEL MONITOR MONITOR_ARGS GUEST WORDS [INNER_GUEST WORDS]
    local log exits
    log=$(log_of "$3")
    [ -n "$log" ] && [[ "$*" != *timer=* ]] && ! differs_for_good "${@:2}" || return 0
    exits=$(synchronous_exits <<<"$1" | as_the_manual_says)
    verdict "bochs $2: $3 $4: $5 $6 ${7:-} ${8:-}: the exits of gigogne, in the same order" \
        "$(gigogne_output "$2" "$3" "$4 $log" "${@:5}" | synchronous_exits)" "$exits"
}

# The paging guest makes fewer checks where there are no 1 GiB pages, so the same Bochs without monitor is the measure.
check_same_as_bochs() { # check_same_as_bochs MODEL MONITOR MONITOR_ARGS GUEST WORDS
    local found
    found=$(bochs_output "$1" "$2" "$3 $(log_of "$2")" "${@:4}")
    verdict "bochs $1: $2 $3: $4 $5" "$(bochs_output "$1" none "" "$4" "$5" | grep ' checks ok$')" "$(grep -v '^exit ' <<<"$found")"
    check_same_exits "$found" "$@"
}

# A monitor under a monitor: what the innermost guest prints, and every exit that the outermost takes.
check_nested() { # check_nested MODEL OUTER_ARGS MIDDLE MIDDLE_ARGS GUEST WORDS
    local found
    found=$(bochs_output "$1" ept "nested=on $2 $(log_of ept)" "monitor-$3" "$4" "$5" "$6")
    verdict "bochs $1: nested=on $2 $3 $4: $5 $6" "$(native_output "$5" "$6")" "$(grep -v '^exit ' <<<"$found")"
    check_same_exits "$found" "$1" ept "nested=on $2" "monitor-$3" "$4" "$5" "$6"
}

check_says() { # check_says TEXT MODEL MONITOR MONITOR_ARGS GUEST
    local text=$1
    shift
    verdict "bochs $1: $2 $3: $4: \"$text\"" "$text" "$(bochs_output "$@" "")"
}

# Counts that must be what the guest did: 1 + 8 VMCALLs (one of eight is warm-up).
check_statistics() { # check_statistics MODEL MONITOR
    verdict "bochs $1: $2 verbose=on counts exits" "       9 VMCALL" \
        "$(bochs_output "$1" "$2" verbose=on bench-exits "iters=8 op=vmcall" | grep VMCALL | cut -c 3-)"
}

# The same images on Gigogne: the guest prints the same, and the monitor has counted the same exits.
check_same_console() { # check_same_console MODEL MONITOR MONITOR_ARGS GUEST WORDS
    local expected
    # shellcheck disable=SC2086 -- words are split on purpose
    expected=$("$images/../gigogne" run -s board.core=fast -m "$(monitor_image "$2"):$3" "$images/$4.elf" -- $5 2>/dev/null </dev/null)
    verdict "bochs $1: $2 $3: $4 $5: exits as on Gigogne" "$expected" "$(bochs_output "$@")"
}

start() { # start CHECK ARGUMENTS...: in the background, jobs_max at a time
    while (($(jobs -rp | wc -l) >= jobs_max)); do wait -n; done
    "$@" &
}

for monitor in ept shadow; do
    while read -r bench words; do
        start check_same_as_native $haswell $monitor "" "bench-$bench" "$words"
    done < <(guest_cases)
    start check_same_as_native $haswell $monitor "" test-kit ""
    start check_same_as_native $nehalem $monitor "vpid=off" bench-fork "pages=37 iters=2 touch=3 timer=1000"
    start check_same_as_bochs $nehalem $monitor "" test-paging "timer=2000"
    start check_same_as_bochs $haswell $monitor "vpid=off" test-paging "timer=1000"
    start check_statistics $haswell $monitor
    start check_says "no guest: the first Multiboot module must be its image" $haswell $monitor "" none
done
start check_same_as_native $haswell ept host=4K bench-chase "pages=1024 iters=2000"
start check_same_as_native $haswell ept host=2M bench-chase "pages=1024 iters=2000"
start check_same_as_native $haswell ept host=1G bench-chase "pages=1024 iters=2000"
start check_same_as_bochs $haswell ept host=1G test-paging ""
start check_same_as_bochs $haswell shadow "" test-paging ""
start check_same_as_bochs $haswell shadow pool=16 test-paging ""
start check_same_as_native $haswell shadow pool=16 bench-fork "pages=16 iters=3"

start check_nested $haswell shadowing=on ept host=2M bench-exits "iters=8"
start check_nested $haswell shadowing=off ept host=2M bench-exits "iters=3"
start check_nested $haswell "" shadow "" bench-fork "pages=16 iters=3"
for mode in xapic x2apic; do
    for technique in none shadow apicv; do
        start check_same_console $haswell apicv "apic=$technique verbose=on" bench-interrupts "mode=$mode iters=20"
    done
done

start check_says "the processor's EPT has no 1 GiB pages" $nehalem ept host=1G bench-compute
start check_says 'the processor has no VMX control "load IA32_EFER (on entry)"' $penryn shadow "" bench-compute
start check_says "the processor has no VMX" ryzen ept "" bench-compute
start check_says '"host=3K": not one of the choices; words: host=4K|2M|1G vpid=on|off verbose=on|off log=0..1048576 nested=on|off shadowing=on|off cpus=0..16 ipi=passed|posted|virtual slice=1000..4294967295' \
    $haswell ept host=3K bench-compute
start check_says '"host=2M": no such word; words: vpid=on|off verbose=on|off log=0..1048576 pool=16..65536' \
    $haswell shadow host=2M bench-compute

# Every mode under "unrestricted guest", which the haswell model has.
start check_same_as_native $haswell unrestricted "" test-modes ""

wait
[ ! -e "$work/failed" ]
