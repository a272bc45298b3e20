# How latencies are distributed on the out-of-order core: page walks by mode and by dimension, VM exits by reason and part, loads.
# gnuplot -c latencies.gp DATA.csv OUTPUT.svg|png
data = ARG1; output = ARG2; width = 1800; height = 720
load "style.gp"

most = 6
array name[2 * most]
stats data index 0 using (name[int($1) * most + int($2) + 1] = strcol(3), 0) nooutput
stats data index 1 using 1 nooutput
reasons = int(STATS_max) + 1
array reason[reasons]
stats data index 1 using (reason[int($1) + 1] = strcol(2), 0) nooutput

array color[most] = ["#1c2a3a", "#a83a26", "#4596cf", "#d9b93f", "#33602f", "#9a5fa8"]
dash_of(p, s) = p == 0 && s == 1 ? 2 : 1       # shadow lies on native
array part_name[4] = ["out of the guest", "hypervisor", "into the guest", "whole"]
array part_color[4] = ["#d9722f", "#7d1414", "#e3a857", "#1c2a3a"]

set logscale x
set grid xtics
set xlabel "cycles"
set multiplot title "Latencies on the out-of-order core" font ",19"
set tmargin at screen 0.86; set bmargin at screen 0.11

# Distributions: straight between the ends of buckets.
do for [p = 0:1] {
    set lmargin at screen (p == 0 ? 0.045 : 0.755); set rmargin at screen (p == 0 ? 0.315 : 0.99)
    set title (p == 0 ? "page walks of chase over 64K pages" : "loads, from issue to data (native)") font ",15"
    set ylabel (p == 0 ? "share that took at most so many cycles" : "") offset 1, 0
    widest = p == 0 ? 30000 : 4000
    set xrange [3:widest]
    set yrange [0:1.01]
    set ytics 0.25
    set key bottom right samplen 1.8 spacing 1.05 font ",12" Left reverse opaque box linecolor rgb "#d0d0d0"
    plot for [s = 0:most - 1] data index 0 using ($1 == p && $2 == s ? ($4 < 3 ? 3 : $4) : NaN):5 with lines linewidth 1.9 \
         dashtype dash_of(p, s) linecolor rgb color[s + 1] title name[p * most + s + 1]
}

# Exits: from the 5th to the 95th percentile, and the median, as far as their buckets tell.
set lmargin at screen 0.485; set rmargin at screen 0.715
set title "VM exits: median, 5th to 95th percentile" font ",15"
unset ylabel
set xrange [150:15000]
set yrange [reasons - 0.4:-0.6]
unset ytics
set key at graph 0.98, 0.995 top right Left reverse samplen 1.5
y(place, part) = place + (part - 1.5) * 0.19
do for [r = 0:reasons - 1] { set label reason[r + 1] at graph -0.02, first r right font ",12" }
plot for [q = 0:3] data index 1 using ($3 == q ? $4 : NaN):(y($1, q)):($7 - $4):(0) with vectors nohead linewidth 4 linecolor rgb part_color[q + 1], \
     for [q = 0:3] data index 1 using ($3 == q ? ($5 + $6) / 2 : NaN):(y($1, q)) with points pointtype 7 pointsize 0.9 \
         linecolor rgb part_color[q + 1] title part_name[q + 1]
unset multiplot
