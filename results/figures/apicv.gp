# What an interrupt costs a guest by the technique that virtualizes its APIC: exits and cycles.    gnuplot -c apicv.gp DATA.csv OUTPUT.svg|png
data = ARG1; output = ARG2; width = 1600; height = 1100
load "style.gp"

first = 5                                           # column of the first part
array parts[2] = [4, 3]
array part_color[4] = ["#4d8fc0", "#d9b93f", "#d9722f", "#cfe3f2"]
array cycle_color[3] = ["#cfe3f2", "#d9722f", "#7d1414"]
array panel_label[2] = ["xAPIC: a page", "x2APIC: MSRs"]
array axis[2] = ["VM exits / interrupt", "cycles / interrupt"]
color(row, part) = row == 0 ? part_color[part] : cycle_color[part]
sum_to(c) = sum [i = first:c] column(i)

stats data index 0 using 2 nooutput
places = STATS_max + 1
set xrange [-0.6:places - 0.4]
set boxwidth 0.65
set style fill solid 1.0 border rgb "#303030"
unset xtics
set multiplot title "One interrupt of the guest: request, delivery, handler, EOI" font ",19"
do for [row = 0:1] {
    last = first + parts[row + 1] - 1
    set yrange [*:*]
    stats data index row using (sum_to(last)) nooutput
    set yrange [0:STATS_max * 1.1]
    do for [p = 0:1] {
        set size 0.47, 0.42; set origin 0.03 + 0.485 * p, row == 0 ? 0.505 : 0.02
        set title panel_label[p + 1]
        set ylabel axis[row + 1]
        if (p == 0) { set key at screen 0.5, row == 0 ? 0.95 : 0.463 center vertical maxrows 1 samplen 2 font ",14" } else { unset key }
        plot for [c = last:first:-1] data index row using ($1 == p ? $2 : NaN):(sum_to(c)) with boxes \
                 fillcolor rgb color(row, c - first + 1) title columnheader(c), \
             data index row using ($1 == p ? $2 : NaN):(sum_to(last)):(sprintf(row == 0 ? "%.2f" : "%.0f", sum_to(last))) \
                 with labels offset 0, 0.7 font ",13", \
             data index row using ($1 == p ? $2 : NaN):(0):3 with labels offset 0, -1.1 font ",13" noenhanced
    }
}
unset multiplot
