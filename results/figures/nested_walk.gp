# What one page walk costs, hot and cold, by the page sizes of both dimensions.    gnuplot -c nested_walk.gp DATA.csv OUTPUT.svg|png
data = ARG1; output = ARG2; width = 1500; height = 1100
load "style.gp"

parts = 3; first = 7                               # column of the first part
array part_color[3] = ["#9a9a9a", "#1c5a8a", "#d9722f"]
array bar_name[4] = ["native", "EPT 4K", "EPT 2M", "EPT 1G"]
stats data skip 1 using 2 nooutput
places = STATS_max + 1
stats data skip 1 using 4 nooutput
bars = STATS_max + 1
bar = 0.84 / bars
at(place, which) = place + (which - (bars - 1) / 2.0) * bar
sum_to(c) = sum [i = first:c] column(i)

set xrange [-0.55:places - 0.45]
set yrange [0:*]
set offsets 0, 0, graph 0.1, 0
set boxwidth bar * 0.88
set style fill solid 1.0 border rgb "#303030"
unset xtics
set lmargin 11
set multiplot title "One page walk: cycles, and references above the bars" font ",19"
do for [p = 0:1] {
    set size 1, 0.45; set origin 0, p == 0 ? 0.465 : 0
    set bmargin p == 0 ? 3 : 4.5
    if (p == 0) { set key at screen 0.52, 0.935 center vertical maxrows 1 samplen 2 font ",14" } else { unset key }
    set ylabel p == 0 ? "cycles of a hot walk" : "cycles of a cold walk"
    plot for [c = first + parts - 1:first:-1] data using ($1 == p ? at($2, $4) : NaN):(sum_to(c)) with boxes \
             fillcolor rgb part_color[c - first + 1] title columnheader(c), \
         data using ($1 == p ? at($2, $4) : NaN):(sum_to(first + parts - 1)):(sprintf("%.0f (%.1f)", sum_to(first + parts - 1), $6)) \
             with labels offset 0, 0.7 font ",13", \
         data using ($1 == p ? at($2, $4) : NaN):(0):(bar_name[int($4) + 1]) with labels offset 0, -0.8 font ",12", \
         data using ($1 == p && $4 == 0 ? $2 : NaN):(0):(strcol(3) . " pages of the guest") with labels offset 0, -2.1 font ",15" noenhanced
}
unset multiplot
