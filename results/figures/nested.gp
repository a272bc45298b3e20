# What one exit of the inner guest costs when its hypervisor runs under another: exits and cycles.    gnuplot -c nested.gp DATA.csv OUTPUT.svg|png
data = ARG1; output = ARG2; width = 1600; height = 1100
load "style.gp"

bars = 3; bar = 0.27; parts = 4; first = 6         # column of the first part
array part_color[4] = ["#d9722f", "#7d1414", "#4d8fc0", "#cfe3f2"]
array bar_name[3] = ["1", "2", "2s"]
at(place, which) = place + (which - (bars - 1) / 2.0) * bar
sum_to(c) = sum [i = first:c] column(i)

stats data index 0 using 2 nooutput
kinds = STATS_max + 1
set xrange [-0.55:kinds - 0.45]
set yrange [0:*]
set offsets 0, 0, graph 0.07, 0
set boxwidth bar * 0.9
set style fill solid 1.0 border rgb "#303030"
unset xtics
set lmargin 11
set multiplot title "One exit of the guest: 1 with one hypervisor, 2 with two, 2s with two and VMCS shadowing" font ",19"
do for [p = 0:1] {
    set size 1, 0.45; set origin 0, p == 0 ? 0.465 : 0
    set bmargin p == 0 ? 3 : 4.5
    if (p == 0) { set key at screen 0.52, 0.93 center vertical maxrows 1 samplen 2 width -3 font ",14" } else { unset key }
    set ylabel p == 0 ? "exits to level 0" : "cycles"
    plot for [c = first + parts - 1:first:-1] data index 0 using ($1 == p ? at($2, $4) : NaN):(sum_to(c)) with boxes \
             fillcolor rgb part_color[c - first + 1] title columnheader(c), \
         data index 0 using ($1 == p ? at($2, $4) : NaN):(sum_to(first + parts - 1)):(sprintf("%.0f", sum_to(first + parts - 1))) \
             with labels offset 0, 0.7 font ",13", \
         data index 0 using ($1 == p ? at($2, $4) : NaN):(0):(bar_name[int($4) + 1]) with labels offset 0, -0.8 font ",13", \
         data index 0 using ($1 == p && $4 == 1 ? $2 : NaN):(0):3 with labels offset 0, -2.1 font ",15" noenhanced
}
unset multiplot
