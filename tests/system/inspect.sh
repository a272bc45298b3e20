#!/bin/bash
# inspect.sh BUILD - gigogne walk and gigogne vmcs: the right point, the right numbers, and errors of use.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"
chase="$images/bench-chase.elf -- pages=64 iters=50"
va=0x101000 # the guest's kernel, in a page of 1 GiB

# look COMMAND ARGUMENT...: what it prints goes to $work/look, messages to $work/look.err, the exit status is $status.
look() {
    timeout 300 "$build/gigogne" "$@" </dev/null >"$work/look" 2>"$work/look.err"
    status=$?
}

# walk_has REFERENCES ARGUMENT...: a walk of that many references that ends in a translation.
walk_has() {
    local references=$1
    shift
    look walk --va $va -s board.core=fast "$@"
    [ $status = 0 ] && grep -q ": $references references$" "$work/look" && grep -q '^host-physical address 0x' "$work/look" &&
        [ "$(grep -cE '^ +[0-9]+ .* level [1-5] ' "$work/look")" = "$references" ]
}

# (levels of the guest + 1) (levels of the host + 1) - 1
# shellcheck disable=SC2086 # words are split on purpose
{
    verdict "walk: native, 1-GiB page" walk_has 2 --at marker:begin $chase
    verdict "walk: two dimensions, host pages of 4 KiB" walk_has 14 --at marker:begin -m "$images/monitor-ept.elf:host=4K" $chase
    verdict "walk: two dimensions, host pages of 2 MiB" walk_has 11 --at marker:warm -m "$images/monitor-ept.elf:host=2M" $chase
    look walk --va $va --at instructions:100 -s board.core=fast $chase
    verdict "walk: at an instruction" grep -q "^linear address $va, native world" "$work/look"
    look vmcs --at marker:begin -m "$images/monitor-ept.elf:host=4K" -s run.switch_at=warm $chase
    verdict "vmcs: in the guest nothing has changed since the entry" [ "$(grep -c '^\*' "$work/look")" = 0 ]
    verdict "vmcs: every field is there" \
        [ "$(grep -cE '^[* ] [a-z0-9_]+ +0x[0-9a-f]{4}  0x' "$work/look")" = "$(grep -c '^FIELD(' "$(dirname "$0")/../../virt-ext/vmcs.def")" ]
    look vmcs -m "$images/monitor-ept.elf:host=4K" -s board.core=fast $chase
    verdict "vmcs: behind the last exit the guest has moved on" grep -qE '^\* guest_rip .*\(0x[0-9a-f]+ at the last VM entry\)$' "$work/look"
    look vmcs -s board.core=fast $chase
    verdict "vmcs: outside VMX operation" [ "$status $(cat "$work/look")" = "0 the processor is not in VMX operation" ]
}

# refused NAME MESSAGE ARGUMENT...: exit status 2 and this message.
refused() {
    local name=$1 message=$2
    shift 2
    look "$@"
    verdict "refused: $name" [ "$status $(grep -cF -e "$message" "$work/look.err")" = "2 1" ]
}
refused "no address" "no address (--va)" walk "$images/bench-chase.elf"
refused "a wrong address" "--va: 'here' is not an address" walk --va here "$images/bench-chase.elf"
refused "a wrong point" "--at: 'lunch' is no point (allowed: marker:begin marker:end marker:warm instructions:N)" vmcs --at lunch "$images/bench-chase.elf"
refused "a point that is never reached" "--at instructions:100000000000: the run ended before: guest exited with status 0" \
    vmcs --at instructions:100000000000 -s board.core=fast "$images/bench-compute.elf" -- iters=10
refused "no image" "no guest image" walk --va 0
finish
