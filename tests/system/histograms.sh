#!/bin/bash
# histograms.sh BUILD - histograms.json holds what the ledger, the timeline and the counters say: each value of them is in its bucket, and no other.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"

# field RUN PATH FIELD [FILE]: count, sum or max of a histogram.
field() {
    awk -v "head=  \"$2\": {" -v "key=\"$3\":" '$0 == head { inside = 1 } inside && $1 == key { sub(",", "", $2); print $2; found = 1; exit }
        END { exit !found }' "$work/$1/${4:-histograms}.json"
}

# holds RUN PATH: the histogram is that of the values on stdin, bucket by bucket; at least one.
holds() {
    awk -v "head=  \"$2\": {" '
        FNR == NR { value[++n] = $1; sum += $1; if ($1 > max) max = $1; next }
        $0 == head { inside = 1; seen = 1; next }
        /^  }/ { inside = 0 }
        !inside { next }
        { gsub(/[":,{}]/, " "); $0 = $0 }
        $1 == "count" { bad += $2 != n }
        $1 == "sum" { bad += $2 != sum }
        $1 == "max" { bad += $2 != max }
        $1 == "mean" { bad += $2 < sum / n - 0.001 || $2 > sum / n + 0.001 }
        $1 ~ /^p[0-9]+$/ {
            percent = substr($1, 2); below = within = 0
            for (i = 1; i <= n; i++) { below += value[i] < $3; within += value[i] <= $5 }
            bad += below * 100 >= n * percent || within * 100 < n * percent
        }
        $1 == "from" {
            count = 0
            for (i = 1; i <= n; i++) count += value[i] >= $2 && ($4 == "null" || value[i] <= $4)
            bad += count != $6; total += $6
        }
        bad && !told { print "    at: " $0 > "/dev/stderr"; told = 1 }
        END { exit !seen || !n || bad || total != n }' - "$work/$1/histograms.json"
}

# walk_cycles DIM: a line for each walk of the ledger: the cycles of its references of this dimension.
walk_cycles() {
    awk -F, -v "dim=$1" 'NR > 1 { seen[$2]; if ($6 == dim) cycles[$2] += $11 } END { for (walk in seen) print cycles[walk] + 0 }' "$work/ledger.csv"
}

# slices PART REASON: the cycles of each slice of the timeline; "whole": of exit, hypervisor and entry together.
slices() {
    awk -v "part=$1" -v "reason=\"reason\":\"$2\"" '
        !/"tid":1,/ || !match($0, /"cycles":[0-9]+/) { next }
        { cycles = substr($0, RSTART + 9, RLENGTH - 9); match($0, /"cat":"[a-z]+"/); category = substr($0, RSTART + 7, RLENGTH - 8) }
        category == "exit" { whole = 0 }
        { whole += cycles }
        !index($0, reason) { next }
        category == part { print cycles }
        category == "entry" && part == "whole" { print whole }' "$work/timeline.json"
}

for core in inorder ooo; do
    simulate_well chase -s board.core=$core --ledger "$work/ledger.csv" -m "$images/monitor-ept.elf:host=4K" -s run.switch_at=warm \
        "$images/bench-chase.elf" -- pages=4096 iters=2000
    verdict "$core: every walk's cycles in the guest dimension" holds chase cpu0.walker.latency_guest_cycles < <(walk_cycles guest)
    verdict "$core: every walk's cycles in the host dimension" holds chase cpu0.walker.latency_host_cycles < <(walk_cycles host)
    verdict "$core: walks by page size are all of them" [ "$(field chase cpu0.walker.latency_4k_on_4k_cycles count)" = "$(value chase cpu0.walker.walks)" ]
    verdict "$core: walks and their cycles are the walker's" \
        [ "$(field chase cpu0.walker.latency_cycles count) $(field chase cpu0.walker.latency_cycles sum)" = \
          "$(value chase cpu0.walker.walks) $(value chase cpu0.walker.cycles)" ]
    simulate_well exits -s board.core=$core --timeline "$work/timeline.json" -m "$images/monitor-ept.elf:host=4K" -s run.switch_at=warm \
        "$images/bench-exits.elf" -- iters=5 timer=3000
    for reason in cpuid io_instruction external_interrupt; do
        path=cpu0.vmx.exits.$reason
        verdict "$core: out of the guest by $reason, exit by exit" holds exits $path.latency_out_cycles < <(slices exit $reason)
        verdict "$core: the hypervisor after $reason" holds exits $path.latency_root_cycles < <(slices hypervisor $reason)
        verdict "$core: into the guest after $reason" holds exits $path.latency_in_cycles < <(slices entry $reason)
        verdict "$core: $reason as a whole" holds exits $path.latency_cycles < <(slices whole $reason)
        verdict "$core: as many as $reason exits" [ "$(field exits $path.latency_cycles count)" = "$(value exits $path.count)" ]
    done
    verdict "$core: loads that stores answered" [ "$(field exits cpu0.$core.load_to_use_forwarded_cycles count)" = "$(value exits cpu0.$core.forwards)" ]
    levels=0
    for level in forwarded l1 l2 l3 peer dram; do
        levels=$((levels + $(field exits cpu0.$core.load_to_use_${level}_cycles count histograms-all)))
    done
    verdict "$core: loads are the sum over what served them" [ "$(field exits cpu0.$core.load_to_use_cycles count histograms-all)" = $levels ]
done

# Two dimensions, page size by page size: what the guest's words and the monitor's ask for.
sizes() { # sizes GUEST HOST NAME
    simulate_well "$3" -s run.switch_at=warm -m "$images/monitor-ept.elf:host=$2" "$images/bench-chase.elf" -- pages=4096 iters=500 page="$1"
    verdict "walks of $1 on $2" [ "$(field "$3" cpu0.walker.latency_$3_cycles count)" = "$(value "$3" cpu0.walker.walks)" ]
}
sizes 4K 2M 4k_on_2m
sizes 2M 1G 2m_on_1g
verdict "every histogram of the file is listed, and no other" \
    diff <("$build/gigogne" list stats | awk '$2 == "histogram:" { print $1 }') <(awk -F'"' '/^  "/ { print $2 }' "$work/exits/histograms.json")
finish
