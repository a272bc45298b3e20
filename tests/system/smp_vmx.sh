#!/bin/bash
# smp_vmx.sh BUILD - one hypervisor with several virtual processors: the guests of smp.sh under the ept monitor, on every core model, with
# each technique of passing IPIs; as many logical processors as virtual ones, and fewer, so that each VMCS moves from one to another.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"

# guest NAME CORE PROCESSORS "MONITOR WORDS" IMAGE WORDS...: it must print what it prints natively (reference IMAGE). Timed from the
# guest's region on; IPI virtualization is there.
guest() {
    local name=$1 core=$2 processors=$3 monitor=$4 image=$5
    shift 5
    simulate_well "$name" --quiet -s board.core="$core" -s board.cores="$processors" -s run.switch_at=begin \
        -s cpu.vmx.ipi_virtualization=true \
        -m "$images/monitor-ept.elf:$monitor" "$images/test-$image.elf" -- "$@" || return
    verdict "$name: the guest prints what it prints natively" cmp "$work/reference-$image/console.log" "$work/$name/console.log"
}

# reference IMAGE CORES WORDS...: natively; what the monitor does for it is not there.
reference() {
    local image=$1 cores=$2
    shift 2
    simulate_well "reference-$image" --quiet -s board.core=fast -s board.cores="$cores" "$images/test-$image.elf" -- "$@"
}

over_all() { # over_all RUN STATISTIC: its sum over the processors, of the whole run
    sum_of "$work/$1/stats-all.json" "cpu*.vmx.$2"
}
is() { # is EXPECTED RUN STATISTIC
    local found
    found=$(over_all "$2" "$3")
    [ "$found" = "$1" ] || { echo "    $2: $3 is $found, not $1" >&2; return 1; }
}
more_than() { # more_than LEAST RUN STATISTIC
    [ "$(over_all "$2" "$3")" -gt "$1" ] || { echo "    $2: $3 is $(over_all "$2" "$3")" >&2; return 1; }
}

# Each on its own processor.
for cpus in 2 4; do
    reference smp $cpus iters=100
    for core in fast inorder ooo; do
        for ipi in passed posted virtual; do guest $core-$cpus-$ipi $core $cpus "cpus=$cpus ipi=$ipi" smp iters=100; done
    done
done
for core in fast inorder ooo; do
    run=$core-4
    verdict "$core passed: INIT and start-up IPI exit, once a processor" eval "is 3 $run-passed exits.init_signal.count && is 3 $run-passed exits.sipi.count"
    verdict "$core passed: IPIs exit where they arrive" eval "more_than 100 $run-passed exits.external_interrupt.count && is 0 $run-passed exits.apic_write.count"
    verdict "$core posted: IPIs exit where they leave" eval "is 0 $run-posted exits.external_interrupt.count && more_than 100 $run-posted exits.apic_write.count"
    verdict "$core posted: each arrives once" test "$(over_all $run-posted posted_vectors)" = "$(over_all $run-posted virtual_interrupts)"
    verdict "$core virtual: IPIs do not exit: four SVRs, six messages of start-up do" eval "is 0 $run-virtual exits.external_interrupt.count && is 10 $run-virtual exits.apic_write.count && more_than 100 $run-virtual virtual_ipis"
    for ipi in passed posted virtual; do verdict "$core $ipi: no VMX instruction fails or breaks ownership" eval "is 0 $run-$ipi vmfails && is 0 $run-$ipi hazards"; done
done

# Processors are shared; the monitor changes EPT under all of them; halted ones are woken.
cat "$work/reference-smp/console.log" >"$work/expected" && echo 'smp pages exchanged by the monitor: ok' >>"$work/expected"
cp "$work/expected" "$work/reference-smp/console.log"
for core in fast inorder ooo; do
    guest $core-exchange $core 4 "cpus=4 ipi=passed host=4K" smp iters=50 exchange=on
    verdict "$core: every processor does INVEPT" eval "more_than 0 $core-exchange exits.vmcall.count && more_than 20 $core-exchange exits.external_interrupt.count"
    for shared in 1-posted 3-posted 3-virtual; do
        guest $core-4-on-$shared $core ${shared%-*} "cpus=4 ipi=${shared#*-} host=4K" smp iters=50 exchange=on
        verdict "$core, 4 on $shared: slices end, VMCSs are loaded" \
            eval "more_than 20 $core-4-on-$shared exits.preemption_timer.count && more_than 20 $core-4-on-$shared vmcs_loads"
        verdict "$core, 4 on $shared: no VMX instruction fails or breaks ownership" eval "is 0 $core-4-on-$shared vmfails && is 0 $core-4-on-$shared hazards"
    done
done

# What it does depends on nothing but its input.
for core in fast inorder ooo; do
    simulate_well again --quiet -s board.core=$core -s board.cores=3 -s run.switch_at=begin -s cpu.vmx.ipi_virtualization=true -s board.batching=off \
        -m "$images/monitor-ept.elf:cpus=4 ipi=posted host=4K" "$images/test-smp.elf" -- iters=50 exchange=on
    verdict "$core: the same statistics once more, without batching" cmp "$work/again/stats.json" "$work/$core-4-on-3-posted/stats.json"
done

# The experiment: its shapes hold.
"$build/gigogne" sweep -j2 -o "$work/sweep" "$(dirname "$0")/../../results/experiments/smp.yaml" >"$work/sweep.out" 2>"$work/sweep.err" </dev/null
status=$?
grep -E '^(ok|FAIL) ' "$work/sweep.out"
verdict "the experiment smp succeeds" [ $status = 0 ]

# x86-TSO under a monitor; what the monitor cannot do, it says.
reference litmus 4 iters=10
for core in fast inorder ooo; do guest $core-litmus $core 4 "cpus=4 ipi=posted" litmus iters=10; done
refused() { # refused NAME MESSAGE ARGUMENTS...
    local name=$1 message=$2
    shift 2
    simulate "$name" --quiet -s board.core=fast "$@"
    verdict "$name: refused" test $status = 1
    verdict "$name: and told why" grep -q "$message" "$work/$name.out"
}
refused passed-shared 'ipi=passed needs a processor for each of cpus=' -s board.cores=2 -m "$images/monitor-ept.elf:cpus=4" "$images/test-smp.elf"
refused haswell-posted 'the processor has no VMX control "APIC-register virtualization"' -c haswell -s board.cores=2 \
    -m "$images/monitor-ept.elf:cpus=2 ipi=posted" "$images/test-smp.elf"
refused log 'cpus=N goes without nested=on and log=N' -s board.cores=2 -m "$images/monitor-ept.elf:cpus=2 log=5" "$images/test-smp.elf"
finish
