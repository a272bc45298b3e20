# Run time of every bench in every mode, native = 1.    gnuplot -c runtime.gp DATA.csv OUTPUT.svg|png
data = ARG1; output = ARG2; width = 1600; height = 720
load "style.gp"

top = 2.0                      # taller bars are cut, and say how tall they are
modes = 4; bar = 0.2
at(place, mode) = place + (mode - (modes - 1) / 2.0) * bar
cut(v) = v > top ? top : v

stats data index 0 using 1 nooutput
benches = STATS_max + 1
stats data index 1 using (read_label($1, strcol(2))) nooutput

set title "Run time of the same guest binary over its native run time" font ",19"
set ylabel "run time / native run time"
set yrange [0:top * 1.09]
set xrange [-0.6:benches - 0.4]
set ytics 0.25 format "%.2f"
unset xtics
set bmargin 3
set key outside top center horizontal samplen 2.5
set boxwidth bar * 0.92
set style fill solid 1.0 border rgb "#303030"
set arrow from graph 0, first 1 to graph 1, first 1 nohead linecolor rgb "#404040" dashtype 2 front

plot for [m = 0:modes - 1] data index 0 using ($3 == m ? at($1, m) : NaN):(cut($5)) with boxes fillcolor rgb mode_color[m + 1] \
         title mode_label[m + 1], \
     data index 0 using ($3 == 0 ? $1 : NaN):(0):2 with labels offset 0, -1.2, \
     data index 0 using (at($1, $3)):(cut($5)):($5 > top ? sprintf("%.1f", $5) : "") with labels offset 0, 0.7 font ",13", \
     data index 0 using (at($1, $3)):(0):(sprintf($5 > top ? "" : "%.2f", $5)):($3 == 3 ? 0x202020 : 0xffffff) \
         with labels rotate by 90 left offset 0, 0.5 font ",12" textcolor rgb variable
