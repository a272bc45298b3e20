# Each measure's error against the real machine, and the band that is allowed.    gnuplot -c validate.gp DATA.csv OUTPUT.svg|png
data = ARG1; output = ARG2; width = 1500
set datafile separator comma
stats data skip 1 using 1 nooutput
rows = STATS_records
height = 130 + 27 * rows
load "style.gp"

edge = 30                                           # errors beyond are drawn there, with their number
clip(x) = x > edge ? edge : x < -edge ? -edge : x
set xrange [-edge * 1.1:edge * 2]                  # the numbers stand on the right
set yrange [-0.7:rows - 0.3]
set lmargin 24; set rmargin 3
set border 2
set ytics noenhanced
unset grid
set xtics -edge, 10, edge format "%+.0f %%"
set xtics add ("0" 0)
set style fill solid 1.0 noborder
set arrow from 0, graph 0 to 0, graph 1 nohead linecolor rgb "#404040" linewidth 0.8 front
set key at screen 0.5, 1 - 62.0 / height center center maxrows 1 samplen 1.5 font ",14"
set tmargin at screen 1 - 85.0 / height
set label "Error of each probe against the real machine" at screen 0.5, 1 - 28.0 / height center font ",19"
set label "simulated / measured" at edge * 1.12, rows - 0.3 left offset 0, 0.6 font ",14"
plot data using 3:1:(-$4):(+$4):($1 - 0.34):($1 + 0.34):ytic(2) with boxxyerror fillcolor rgb "#dbe8f2" title "allowed", \
     data using ($7 == 0 ? clip($3) : NaN):1 with points pointtype 7 pointsize 1.3 linecolor rgb "#1c5a8a" title "within", \
     data using ($7 == 1 ? clip($3) : NaN):1 with points pointtype 5 pointsize 1.3 linecolor rgb "#a83a26" title "outside", \
     data using ($3 > edge ? edge - 0.8 : NaN):1:(sprintf("%+.0f %%", $3)) with labels right font ",12" notitle, \
     data using ($3 < -edge ? -edge + 0.8 : NaN):1:(sprintf("%+.0f %%", $3)) with labels left font ",12" notitle, \
     data using (edge * 1.12):1:(strcol(5) . " / " . strcol(6)) with labels left font ",13" notitle
