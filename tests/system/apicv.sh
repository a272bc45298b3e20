#!/bin/bash
# apicv.sh BUILD - one guest, driven by its local APIC, natively and under each technique of APIC virtualization, in xAPIC
# and x2APIC mode, on both cores: it must print the same, and exit exactly where its technique says.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"
n=40 # iterations
all=$((n + 1)) # with the one that warms up
low=$((3 * all)) same=$all high=$all ticks=$all
eois=$((low + same + high + ticks)) ipis=$((low + same + high))
expected="apic: $low low, $same same, $high high, $ticks ticks"

# apic NAME CORE MODE TECHNIQUE [WORDS...]: the guest under the monitor, or natively (TECHNIQUE native).
apic() {
    local name=$1 core=$2 mode=$3 technique=$4 monitor=()
    shift 4
    [ "$technique" = native ] || monitor=(-m "$images/monitor-apicv.elf:apic=$technique")
    [ "$technique" = ipi ] && monitor+=(-s cpu.vmx.ipi_virtualization=true)
    simulate_well "$name" -s board.core="$core" "${monitor[@]}" "$images/bench-interrupts.elf" -- "mode=$mode" "iters=$n" "$@" || return 1
    verdict "$core $mode $technique: the guest's own checks" grep -q "^$expected, .* ok\$" "$work/$name.out"
}

counts() { # counts NAME COUNTER
    value "$1" "cpu0.vmx.$2" stats-all
}

is() { # is NAME COUNTER EXPECTED
    local found
    found=$(counts "$1" "$2")
    [ "$found" = "$3" ] && return 0
    echo "    $1: cpu0.vmx.$2 is $found, not $3" >&2
    return 1
}

none_of() { # none_of NAME COUNTER...
    local name=$1 counter
    shift
    for counter; do is "$name" "$counter" 0 || return 1; done
}

without_exits() { # without_exits NAME: EOI, TPR and self IPI stay in the guest
    none_of "$1" exits.tpr_below_threshold.count exits.virtualized_eoi.count exits.apic_access.count \
        exits.interrupt_window.count injections && is "$1" virtual_eois $eois && is "$1" virtual_interrupts $eois
}

for core in fast inorder; do
    for mode in xapic x2apic; do
        run=$core-$mode
        apic $run-native $core $mode native

        # Each access exits: by page or by MSR. With the shadow, TPR exits only when it lets something in.
        apic $run-none $core $mode none &&
            verdict "$core $mode none: interrupts are injected" is $run-none injections $eois &&
            verdict "$core $mode none: the timer's interrupts exit" is $run-none exits.external_interrupt.count $ticks
        apic $run-shadow $core $mode shadow &&
            verdict "$core $mode shadow: TPR exits where it lets an interrupt in" is $run-shadow exits.tpr_below_threshold.count $all &&
            verdict "$core $mode shadow: fewer accesses of CR8 exit" \
                [ "$(counts $run-shadow exits.cr_access.count)" -lt $(($(counts $run-none exits.cr_access.count) - 3 * n)) ]

        apic $run-apicv $core $mode apicv &&
            verdict "$core $mode apicv: no exit for EOI, TPR, self IPI" without_exits $run-apicv &&
            verdict "$core $mode apicv: the timer's interrupts exit" is $run-apicv exits.external_interrupt.count $ticks &&
            verdict "$core $mode apicv: self IPIs" is $run-apicv virtual_self_ipis $ipis
        apic $run-posted $core $mode posted &&
            verdict "$core $mode posted: no exit for EOI, TPR, self IPI" without_exits $run-posted &&
            verdict "$core $mode posted: nor for the timer's interrupts" \
                is $run-posted exits.external_interrupt.count 0 &&
            verdict "$core $mode posted: which are all posted" is $run-posted posted_vectors $ticks
        apic $run-ipi $core $mode ipi ipi=id &&
            verdict "$core $mode ipi: no exit for EOI, TPR, IPI" without_exits $run-ipi &&
            verdict "$core $mode ipi: IPIs are posted" is $run-ipi virtual_ipis $ipis &&
            verdict "$core $mode ipi: the accounts add up" adds_up $run-ipi stats-all
    done
done

# Each technique costs less than the one before. Cycles in which the guest waits for its timer do not count.
busy() { # busy MODE TECHNIQUE
    echo $(($(value "inorder-$1-$2" cpu0.cycles) - $(sum_of "$work/inorder-$1-$2/stats.json" "cpu0.account.*.idle")))
}
declining() { # declining NUMBER...
    while [ $# -gt 1 ]; do
        [ "$1" -gt "$2" ] || return 1
        shift
    done
}
for mode in xapic x2apic; do
    cycles="$(busy $mode none) $(busy $mode shadow) $(busy $mode apicv) $(busy $mode posted) $(busy $mode native)"
    echo "$mode: cycles besides waiting, for $((6 * n)) interrupts: none, shadow, apicv, posted, native: $cycles"
    # shellcheck disable=SC2086  # split on purpose
    verdict "$mode: each technique costs less than the one before" declining $cycles
done

# The experiment: its shapes hold.
"$build/gigogne" sweep -j2 -o "$work/sweep" "$(dirname "$0")/../../results/experiments/apicv.yaml" >"$work/sweep.out" 2>"$work/sweep.err" </dev/null
status=$?
grep -E '^(ok|FAIL) ' "$work/sweep.out"
verdict "the experiment apicv succeeds" [ $status = 0 ]

# A processor without it says so.
simulate haswell -c haswell -s board.core=fast -m "$images/monitor-apicv.elf:apic=apicv" "$images/bench-interrupts.elf"
verdict "haswell has no APIC-register virtualization" \
    grep -q 'the processor has no VMX control "APIC-register virtualization"' "$work/haswell.out"

finish
