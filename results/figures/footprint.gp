# Page walks and run time of `chase` against its footprint.    gnuplot -c footprint.gp DATA.csv OUTPUT.svg|png
data = ARG1; output = ARG2; width = 1600; height = 760
load "style.gp"

modes = 5
stats data index 1 using (read_label($1, strcol(2))) nooutput

set logscale x 2
set xrange [12:90000]
set xtics ("16" 16, "64" 64, "256" 256, "1K" 1024, "4K" 4096, "16K" 16384, "64K" 65536)
set grid xtics ytics linecolor rgb "#d8d8d8" linewidth 0.6
set xlabel "footprint (pages of 4 KiB)"
set yrange [0:*]
set offsets 0, 0, graph 0.05, 0
set pointsize 1.4
set bmargin 4
set multiplot layout 1, 3 margins 0.065, 0.99, 0.12, 0.82 spacing 0.075, 0 \
    title "Random pointer chase: one load in each page, in random order" font ",19"

# Widths differ so that lines on top of each other still show.
line_of(m) = 4.6 - 0.8 * m
unset key
set title "cycles of a page walk, where there are any"
set ylabel "cycles / walk" offset 1, 0
plot for [m = 0:modes - 1] data index 0 using ($2 == m ? $1 : NaN):4 with linespoints linewidth line_of(m) linecolor rgb mode_color[m + 1] \
         pointtype mode_point[m + 1] dashtype mode_dash[m + 1]
set title "cycles of page walks in an access"
set ylabel "walk cycles / access"
set key at screen 0.5, 0.905 center vertical maxrows 1 samplen 4
plot for [m = 0:modes - 1] data index 0 using ($2 == m ? $1 : NaN):5 with linespoints linewidth line_of(m) linecolor rgb mode_color[m + 1] \
         pointtype mode_point[m + 1] dashtype mode_dash[m + 1] title mode_label[m + 1]
unset key
set title "run time of an access"
set ylabel "cycles / access"
plot for [m = 0:modes - 1] data index 0 using ($2 == m ? $1 : NaN):6 with linespoints linewidth line_of(m) linecolor rgb mode_color[m + 1] \
         pointtype mode_point[m + 1] dashtype mode_dash[m + 1]
unset multiplot
