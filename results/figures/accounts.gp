# Where the cycles go: the accounts of every run in ten classes, native run time = 1.
# Two panels, since some benches take many times as long under shadow paging.    gnuplot -c accounts.gp DATA.csv OUTPUT.svg|png
data = ARG1; output = ARG2; width = 1600; height = 1200
load "style.gp"

modes = 4; bar = 0.21; classes = 10; first = 6      # column of the first class
# Neighbours in the stack differ in lightness.
array class_color[classes] = ["#f3ecd8", "#b89a4e", "#cfe3f2", "#4d8fc0", "#b9d08c", "#33602f", "#dfc4dd", "#d9722f", "#7d1414", "#ffffff"]
at(place, mode) = place + (mode - (modes - 1) / 2.0) * bar

stats data index 0 using ($5 == 0 ? $1 : NaN) nooutput
benches_quick = STATS_max + 1
stats data index 0 using ($5 == 1 ? $1 : NaN) nooutput
benches_slow = STATS_max + 1
stats data index 1 using (read_label($1, strcol(2))) nooutput

set ylabel "cycles / native cycles"
unset xtics
set boxwidth bar * 0.9
set style fill solid 1.0 border rgb "#303030"
set bmargin 5.5
set lmargin 9
set multiplot

# Painted from the whole bar down to its first class, so that each class shows what it adds.
sum_to(c) = sum [i = first:c] column(i)

set size 1, 0.52; set origin 0, 0.46
set title "Where the cycles go: the cycles of every run over those of the native run" font ",19"
set key outside top center horizontal maxrows 2 samplen 2.5 width 1 Left reverse
set yrange [0:*]
set xrange [-0.55:benches_quick - 0.45]
plot for [c = first + classes - 1:first:-1] data index 0 using ($5 == 0 ? at($1, $3) : NaN):(sum_to(c)) with boxes \
         fillcolor rgb class_color[c - first + 1] title columnheader(c), \
     data index 0 using ($5 == 0 && $3 == 0 ? $1 : NaN):(0):2 with labels offset 0, -3.9, \
     data index 0 using ($5 == 0 ? at($1, $3) : NaN):(0):4 with labels font ",11" rotate by 90 right offset 0, -0.2

set size 1, 0.46; set origin 0, 0
unset title
unset key
set xrange [-0.55:benches_slow - 0.45]
plot for [c = first + classes - 1:first:-1] data index 0 using ($5 == 1 ? at($1, $3) : NaN):(sum_to(c)) with boxes \
         fillcolor rgb class_color[c - first + 1], \
     data index 0 using ($5 == 1 && $3 == 0 ? $1 : NaN):(0):2 with labels offset 0, -2.6, \
     data index 0 using ($5 == 1 ? at($1, $3) : NaN):(0):4 with labels font ",12" offset 0, -0.9
unset multiplot
