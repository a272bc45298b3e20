# The out-of-order core: CPI stacks by cause, and below each the top-down categories of its rename slots. One panel a bench, with a scale of
# its own.    gnuplot -c ooo_accounts.gp DATA.csv OUTPUT.svg|png
data = ARG1; output = ARG2; width = 1600; height = 1400
load "style.gp"

causes = 12; first_cause = 5; categories = 7; first_category = 17     # columns
# Neighbours in a stack differ in lightness; those that both stacks have share their colour.
array cause_color[causes] = ["#f7f2e4", "#c9b68a", "#8a6d2f", "#f2cf5b", "#cfe3f2", "#4d8fc0", "#b9d08c", "#33602f", "#dfc4dd", "#d9722f", \
                             "#7d1414", "#ffffff"]
array category_color[categories] = ["#57616b", "#f2cf5b", "#8a6d2f", "#4d8fc0", "#c9b68a", "#dfc4dd", "#ffffff"]

columns = 6
stats data using 1 nooutput
benches = int(STATS_max) + 1
rows = (benches + columns - 1) / columns
array name[benches]; array top[benches]
do for [b = 1:benches] { top[b] = 0 }
sum_to(first, c) = sum [i = first:c] column(i)
stats data using (b = int($1) + 1, name[b] = strcol(2), h = sum_to(first_cause, first_cause + causes - 1), top[b] = h > top[b] ? h : top[b], 0) nooutput

left = 0.055; right = 0.995; upper = 0.865; lower = -0.005
step_x = (right - left) / columns; step_y = (upper - lower) / rows
set style fill solid 1.0 border rgb "#303030"
set boxwidth 0.78
set border 3
set tics font ",12"
set multiplot title "The out-of-order core: cycles per native instruction by cause, and rename slots by top-down category" font ",19"

# The keys, in empty plots.
unset tics; unset border; unset grid
set xrange [0:1]; set yrange [0:1]
set lmargin at screen 0.03; set rmargin at screen 0.99
set tmargin at screen 0.5; set bmargin at screen 0.49
set label 1 "cycles" at screen 0.01, 0.94 font ",15"
set label 2 "slots" at screen 0.01, 0.893 font ",15"
set key at screen 0.56, 0.962 center top horizontal maxrows 2 samplen 2 width 1 Left reverse font ",14"
plot for [c = first_cause:first_cause + causes - 1] data using (NaN):(NaN) with boxes fillcolor rgb cause_color[c - first_cause + 1] \
     title columnheader(c)
unset label
set key at screen 0.56, 0.914 center top horizontal maxrows 1
plot for [c = first_category:first_category + categories - 1] data using (NaN):(NaN) with boxes \
     fillcolor rgb category_color[c - first_category + 1] title columnheader(c)
unset key
set border 3; set grid ytics; set tics nomirror out scale 0.6

do for [b = 0:benches - 1] {
    x0 = left + (b % columns) * step_x; x1 = x0 + step_x - 0.034
    y1 = upper - (b / columns) * step_y - 0.02; y0 = y1 - step_y + 0.075; split = y0 + (y1 - y0) * 0.40
    set lmargin at screen x0; set rmargin at screen x1
    set xrange [-0.6:3.6]
    set tmargin at screen y1; set bmargin at screen split + 0.012
    set title name[b + 1] font ",16" offset 0, -0.7
    set yrange [0:top[b + 1] * 1.04]
    set ytics autofreq nomirror format "%g"
    unset xtics
    if (b % columns == 0) { set ylabel "CPI" offset 1, 0 } else { unset ylabel }
    plot for [c = first_cause + causes - 1:first_cause:-1] data using ($1 == b ? $3 : NaN):(sum_to(first_cause, c)) with boxes \
         fillcolor rgb cause_color[c - first_cause + 1]
    unset title
    set tmargin at screen split - 0.006; set bmargin at screen y0
    set yrange [0:1]
    set ytics 0.5 nomirror format "%.1f"
    if (b % columns == 0) { set ylabel "slots" offset 1, 0 }
    plot for [c = first_category + categories - 1:first_category:-1] data using ($1 == b ? $3 : NaN):(sum_to(first_category, c)) with boxes \
         fillcolor rgb category_color[c - first_category + 1], \
         data using ($1 == b ? $3 : NaN):(0):4 with labels font ",12" rotate by 45 right offset 0.5, -0.4
}
unset multiplot
