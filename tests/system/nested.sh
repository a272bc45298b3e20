#!/bin/bash
# nested.sh BUILD - a hypervisor under a hypervisor: the ept monitor as a guest of itself, with and without VMCS shadowing, and the shadow
# monitor under it. Every guest must print what it prints natively; what the monitor in the middle counts of its guest's exits must be what the
# one below passed on to it; and VMCS shadowing must be what takes VMREAD and most of VMWRITE away from it.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"
. "$(dirname "$0")/guests_lib.sh"

# nested NAME OUTER_WORDS MIDDLE MIDDLE_WORDS GUEST WORDS
nested() {
    # shellcheck disable=SC2086 # words are split on purpose
    simulate "$1" -s board.ram_bytes=3GiB ${core:--s board.core=fast} -m "$images/monitor-ept.elf:nested=on $2" \
        --module "$images/$5.elf:$6" "$images/monitor-$3.elf" -- $4
}

# The guest's own lines: the monitors' come behind them.
prints_what_it_prints_natively() { # RUN GUEST WORDS
    # shellcheck disable=SC2086
    simulate native -s board.core=fast "$images/$2.elf" -- $3
    [ -s "$work/native/console.log" ] && head -n "$(wc -l <"$work/native/console.log")" "$work/$1/console.log" | cmp -s - "$work/native/console.log"
}

check() { # check OUTER_WORDS MIDDLE MIDDLE_WORDS GUEST WORDS
    nested run "$@"
    verdict "nested=on $1: $2 $3: $4 $5" prints_what_it_prints_natively run "$4" "$5"
}

while read -r bench words; do
    check host=2M ept host=2M "bench-$bench" "$words"
done < <(guest_cases | grep -v page=2M)
for words in shadowing=off vpid=off host=4K host=1G; do
    check "$words" ept host=2M bench-fork "pages=37 iters=2 touch=3 timer=1000"
    check "$words" ept host=1G bench-exits "iters=8"
    check "$words" ept vpid=off test-kit ""
    check "$words" shadow "" bench-ctxswitch "procs=4 pages=8 iters=200 pcid=off timer=1000"
done
check "" shadow vpid=off bench-faults "pages=16 iters=4 zero=on timer=1000"
check shadowing=off ept "" test-paging "timer=2000"

# --- exits by level ---

# count RUN LEVEL REASON: of the table that a monitor prints behind the line "level N: ..." or, for level 0's guest's guest as the middle
# monitor sees it, behind the first "VM exits by reason".
count() {
    awk -v "level=$2" -v "reason=$3" '
        /VM exits by reason/ { table = ++tables == 1 ? "middle" : "all"; next }
        /^level [12]:/ { table = substr($2, 1, 1); next }
        table == level && $0 ~ "^ +[0-9]+ " reason "$" { n = $1 }
        END { print n + 0 }' "$work/$1/console.log"
}

agree() { # agree RUN: reason by reason; an interrupt may end a stay of level 2 by the preemption timer
    local reason
    for reason in CPUID VMCALL HLT RDMSR WRMSR 'I/O instruction' 'interrupt window'; do
        [ "$(count "$1" middle "$reason")" = "$(count "$1" 2 "$reason")" ] || return 1
    done
    [ "$(count "$1" middle 'external interrupt')" = \
        $(($(count "$1" 2 'external interrupt') + $(count "$1" 2 'VMX-preemption timer expired'))) ]
}

core="-s board.core=inorder"
for shadowing in off on; do
    nested "counts-$shadowing" "shadowing=$shadowing verbose=on" ept verbose=on bench-exits "iters=12 timer=100000"
    verdict "shadowing=$shadowing: the middle monitor sees the exits that are reflected to it" agree "counts-$shadowing"
    verdict "shadowing=$shadowing: interrupts end level 2's stay behind the event that level 1 injects" \
        [ "$(count "counts-$shadowing" 2 'VMX-preemption timer expired')" -gt 0 ]
    verdict "shadowing=$shadowing: all identities hold" adds_up "counts-$shadowing" stats-all
done
verdict "without VMCS shadowing VMREADs of level 1 exit" [ "$(count counts-off 1 VMREAD)" -gt 300 ]
verdict "with VMCS shadowing none does" [ "$(count counts-on 1 VMREAD)" = 0 ]
verdict "and VMWRITEs do only while level 1 sets up its guest" [ "$(count counts-on 1 VMWRITE)" -lt 100 ]
verdict "the processor counts them" [ "$(value counts-on cpu0.vmx.shadow_accesses stats-all)" -gt 300 ]
finish
