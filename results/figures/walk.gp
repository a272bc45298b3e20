# The ledger of one two-dimensional page walk: every reference, in its order, what served it, and its cycles.
# gnuplot -c walk.gp DATA.csv OUTPUT.svg|png
data = ARG1; output = ARG2; width = 1600; height = 900
load "style.gp"

# From light to dark as the answer comes from farther away.
array level_name[4]  = ["l1", "l2", "l3", "dram"]
array level_title[4] = ["L1", "L2", "L3", "DRAM"]
array level_color[4] = ["#e4eef6", "#9dc3de", "#4d86b5", "#1b2f4a"]
is_at(served, level) = served eq level_name[level]
text_color(served) = served eq "dram" || served eq "l3" ? 0xffffff : 0x101010

array panel_title[2] = ["translation caches off", "translation caches on"]
stats data using 1 nooutput
panels = STATS_max + 1
array references[2]; array cycles[2]
do for [p = 1:2] { references[p] = 0; cycles[p] = 0 }
stats data using (p = int($1) + 1, references[p] = references[p] + 1, cycles[p] = cycles[p] + $7, $1) nooutput

set xrange [-0.55:4.55]
set yrange [4.55:-0.55]
unset grid
set border 0 linecolor rgb "#ffffff"
set tics scale 0 textcolor rgb "#404040"
set xtics ("host\nL4" 0, "host\nL3" 1, "host\nL2" 2, "host\nL1" 3, "guest\nentry" 4)
set ytics ("guest L4" 0, "guest L3" 1, "guest L2" 2, "guest L1" 3, "final\naddress" 4)
set style fill solid 1.0 border rgb "#404040"
# What a full walk would take; empty where a translation cache saved the reference.
do for [r = 0:4] { do for [c = 0:4] { if (r < 4 || c < 4) {
    set object rectangle from c - 0.46, r - 0.46 to c + 0.46, r + 0.46 behind fillstyle empty border rgb "#b0b0b0" dashtype 3
} } }
set multiplot layout 1, panels margins 0.075, 0.99, 0.10, 0.80 spacing 0.09, 0 title "One nested page walk: row by row, the host walks of a guest entry's address, then the entry itself" font ",19"
do for [p = 0:panels - 1] {
    set title sprintf("%s: %d references, %d cycles", panel_title[p + 1], references[p + 1], cycles[p + 1])
    if (p == 0) { set key at screen 0.5, 0.905 center vertical maxrows 1 samplen 2.5 } else { unset key }
    plot for [l = 1:4] data using ($1 == p && is_at(strcol(6), l) ? $3 : NaN):4:(0.46):(0.46) with boxxyerror fillcolor rgb level_color[l] \
             linecolor rgb "#404040" title (l == 1 ? "served by L1" : level_title[l]), \
         data using ($1 == p ? $3 : NaN):4:(sprintf("%d", $7)):(text_color(strcol(6))) with labels font ",22" textcolor rgb variable, \
         data using ($1 == p ? $3 - 0.36 : NaN):($4 - 0.34):(sprintf("%d", $5)):(text_color(strcol(6))) with labels font ",11" \
             textcolor rgb variable
}
unset multiplot
