#!/bin/bash
# explain.sh BUILD - the machine that explains: names of addresses, failed VM entries, the timeline of a run.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"
place='[A-Za-z_][A-Za-z0-9_.]*(\+0x[0-9a-f]+)? \([A-Za-z0-9_]+\.[chS]:[0-9]+\)'
exits="-m $images/monitor-ept.elf:host=4K -s run.switch_at=warm $images/bench-exits.elf -- iters=3 timer=2000"

# --- names ---

simulate dead -s board.core=fast "$images/test-misbehave.elf" -- how=halt
verdict "a guest that dies: its function, file and line" grep -qE "^guest died: .*, in $place$" "$work/dead.err"
simulate badfield -s board.core=fast -m "$images/test-monitor-badfield.elf:field=cr3_target_count" "$images/bench-compute.elf"
verdict "a VM entry that fails: where the monitor was" grep -qE "^  where:       $place$" "$work/badfield.err"
simulate guest_state -s board.core=fast -m "$images/test-monitor-badfield.elf:field=guest_rflags" "$images/bench-compute.elf"
verdict "a VM entry that fails on guest state: where the guest was" grep -qE "^  guest:       " "$work/guest_state.err"
verdict "...and what the rule asks" grep -q "^  it asks:     RFLAGS bits" "$work/guest_state.err"
simulate locked -s cpu.vmx.bios_enabled=false -s board.core=fast -m "$images/monitor-ept.elf" "$images/bench-compute.elf"
verdict "VMX that the BIOS has locked off: the monitor says so" grep -q "the firmware has locked VMX off" "$work/locked.out"
simulate never --explain=never -s board.core=fast -m "$images/test-monitor-badfield.elf:field=host_rip" "$images/bench-compute.elf"
verdict "--explain=never: no word" [ "$(grep -c "broken rule" "$work/never.err")" = 0 ]
simulate expected -s board.core=fast "$images/bench-exits.elf" -- iters=8 op=vmcall
verdict "a #UD that the guest expected is no news" [ "$(grep -c VMCALL "$work/expected.err")" = 0 ]
simulate each --explain=always -s board.core=fast "$images/bench-exits.elf" -- iters=8 op=vmcall
verdict "--explain=always: each as it happens, with its reason and place" \
    [ "$(grep -cE "^  it asks:     VMX operation|^  where:       labelled_vmcall" "$work/each.err")" = 18 ]
simulate_well names --trace=exec,vmx --max-instructions 120000 -s board.core=fast -m "$images/monitor-ept.elf:host=2M" "$images/bench-exits.elf" -- iters=1
verdict "exec: functions of the monitor in the root world" grep -qE "^[0-9]+ cpu0 root .*  ; vm_[a-z_]+" "$work/names/trace.log"
verdict "exec: functions of the guest in the guest world" grep -qE "^[0-9]+ cpu0 guest .*  ; paging_init " "$work/names/trace.log"
verdict "vmx: qualification in words, and the guest's function" \
    grep -qE "^[0-9]+ cpu0\.vmx exit io_instruction, qualification 0x[0-9a-f]+ OUT 1 byte to port 0x[0-9a-f]+.*, RIP 0x[0-9a-f]+ $place," "$work/names/trace.log"
rm -f "$work/names/trace.log"

# --- the timeline ---

# is_whole FILE: a JSON array with one object a line, as Perfetto reads it; the unit test parses the same lines.
is_whole() {
    awk 'NR == 1 { bad += $0 != "["; next }
         $0 == "]" { closed++; next }
         { bad += closed; comma = sub(/,$/, ""); bad += !/^\{"ph":"[XM]".*\}\}$/; if (NR > 2) bad += !last_comma; last_comma = comma }
         END { exit bad || closed != 1 || last_comma }' "$1"
}

# slices CATEGORY REASON: how many, and their cycles; an empty reason means any.
slices() {
    awk -v "category=\"cat\":\"$1\"," -v "reason=${2:+\"reason\":\"$2\"}" '
        index($0, category) && (reason == "" || index($0, reason)) { n++; match($0, /"cycles":[0-9]+/); cycles += substr($0, RSTART + 9, RLENGTH - 9) }
        END { print n + 0, cycles + 0 }' "$work/timeline.json"
}

# shellcheck disable=SC2086 # words are split on purpose
simulate_well plain $exits
# shellcheck disable=SC2086
simulate_well watched --timeline "$work/timeline.json" $exits
verdict "timeline: results are those of a run without it" same_files plain watched stats.json stats-all.json console.log
verdict "timeline: the file is whole" is_whole "$work/timeline.json"
for reason in cpuid io_instruction vmcall external_interrupt; do
    path=cpu0.vmx.exits.$reason
    verdict "timeline: exits by $reason add up" [ "$(slices exit $reason)" = "$(value watched $path.count) $(value watched $path.cycles_out)" ]
    verdict "timeline: hypervisor after $reason adds up" [ "$(slices hypervisor $reason)" = "$(value watched $path.count) $(value watched $path.cycles_root)" ]
    verdict "timeline: entries after $reason add up" [ "$(slices entry $reason)" = "$(value watched $path.count) $(value watched $path.cycles_in)" ]
done
verdict "timeline: walks are the walker's" [ "$(slices walk '')" = "$(value watched cpu0.walker.walks) $(value watched cpu0.walker.cycles)" ]
verdict "timeline: guest, exits, hypervisor and entries are every cycle" \
    [ "$(grep '"tid":1,' "$work/timeline.json" | grep -oE '"cycles":[0-9]+' | awk -F: '{ n += $2 } END { print n }')" = "$(value watched cpu0.cycles)" ]

"$build/gigogne" run --quiet --timeline "$work/cut.json" "$images/bench-chase.elf" -- pages=64K iters=100000000 >/dev/null 2>"$work/cut.err" &
sleep 2
kill -INT $!
wait $!
verdict "timeline: whole in a run that is interrupted" is_whole "$work/cut.json"
finish
