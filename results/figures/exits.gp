# The anatomy of a VM exit: cycles out of the guest, in the hypervisor and back in, by exit reason.
# gnuplot -c exits.gp DATA.csv OUTPUT.svg|png
data = ARG1; output = ARG2; width = 1600; height = 800
load "style.gp"

array part_color[3] = ["#d9722f", "#7d1414", "#f3c79b"]
parts = 3; first = 5                                # column of the first part
sum_to(c) = sum [i = first:c] column(i)

stats data index 0 using 1 nooutput
panels = STATS_max + 1
stats data index 0 using 3 nooutput
reasons = STATS_max + 1
array panel_label[panels]
stats data index 0 using (panel_label[int($1) + 1] = strcol(2), $1) nooutput

set xrange [-0.7:reasons - 0.3]
set yrange [0:*]
set boxwidth 0.7
set style fill solid 1.0 border rgb "#303030"
unset xtics
set multiplot layout 1, panels margins 0.06, 0.99, 0.24, 0.80 spacing 0.05, 0 title "One VM exit by its reason, in core cycles" font ",19"
stats data index 0 using ($5 + $6 + $7) nooutput
set yrange [0:STATS_max * 1.08]
do for [p = 0:panels - 1] {
    set title panel_label[p + 1]
    if (p == 0) { set ylabel "cycles / exit" } else { unset ylabel }
    if (p == int(panels / 2)) { set key at screen 0.5, 0.905 center vertical maxrows 1 samplen 2.5 } else { unset key }
    plot for [c = first + parts - 1:first:-1] data index 0 using ($1 == p ? $3 : NaN):(sum_to(c)) with boxes fillcolor rgb part_color[c - first + 1] \
             title columnheader(c), \
         data index 0 using ($1 == p ? $3 : NaN):(sum_to(first + parts - 1)):(sprintf("%.0f", sum_to(first + parts - 1))) \
             with labels offset 0, 0.7 font ",13", \
         data index 0 using ($1 == p ? $3 : NaN):(0):4 with labels rotate by 45 right offset 0.5, -0.5 font ",14" noenhanced
}
unset multiplot
