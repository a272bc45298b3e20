#!/bin/bash
# nested_walk.sh BUILD - what hot and cold page walks take, by the page sizes of both dimensions: references of each, as
# results/experiments/nested-walk.yaml predicts them (the whole table: `gigogne sweep` of that file).
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"

# per_walk RUN STATISTIC: hundredths
per_walk() {
    echo $(($(value "$1" "cpu0.walker.$2") * 100 / $(value "$1" cpu0.walker.walks)))
}

between() { # between LEAST VALUE MOST
    [ "$1" -le "$2" ] && [ "$2" -le "$3" ] && return 0
    echo "    $2, not within $1 .. $3" >&2
    return 1
}

# walks PAGE TABLES HOST GUEST-REFERENCES HOST-REFERENCES CYCLES: each LEAST..MOST, references in hundredths of a walk
walks() {
    local name="$1 pages, $2, host $3" monitor=(-m "$images/monitor-ept.elf:host=$3")
    [ "$3" != none ] || monitor=()
    simulate_well run -s board.core=ooo -s board.ram_bytes=3GiB -s run.switch_at=warm "${monitor[@]}" \
        "$images/bench-walk.elf" -- page="$1" tables="$2" laps=1 || return
    verdict "$name: references of the guest's dimension" between "${4%..*}" "$(per_walk run refs_guest)" "${4#*..}"
    verdict "$name: references of the host's dimension" between "${5%..*}" "$(per_walk run refs_host)" "${5#*..}"
    verdict "$name: cycles" between "${6%..*}" "$(($(per_walk run cycles) / 100))" "${6#*..}"
}

# Hot: the last level alone; a nested TLB that holds all of the guest's memory saves the host's dimension.
walks 4K hot none 100..101 0..0 6..16
walks 4K hot 4K 100..101 100..102 12..40
walks 1G hot 2M 100..101 0..1 6..17
# Cold: three entries from DRAM natively, and as many again with small pages in the host.
walks 4K cold none 395..400 0..0 640..860
walks 4K cold 4K 395..400 700..800 1300..1800
walks 2M cold 2M 295..300 260..300 440..620

finish
