# Several processors: how work scales; what an IPI and a shoot-down cost, natively and by technique.    gnuplot -c smp.gp DATA.csv OUTPUT.svg|png
data = ARG1; output = ARG2; width = 1600; height = 1150
load "style.gp"

bars = 4; bar = 0.19
at(place, position) = place + (position - (bars - 1) / 2.0) * bar
array part_color[3] = ["#d9722f", "#7d1414", "#d9b93f"]
sum_to(c) = sum [i = 4:c] column(i)
stats data index 3 using (read_label($1, strcol(2))) nooutput

set style fill solid 1.0 border rgb "#303030"
set lmargin 11
set multiplot title "One guest on several processors: native, and under EPT by the way that its IPIs take" font ",19"

# Work.
set size 0.5, 0.46; set origin 0, 0.485
set title "shared work"
set ylabel "speed over one processor"; set xlabel "processors"
set xrange [0:8.8]; set yrange [0:8.8]; set xtics (1, 2, 4, 8)
set key top left samplen 2 font ",14"
plot x with lines linecolor rgb "#b0b0b0" dashtype 3, \
     for [m = 0:bars - 1] data index 0 using ($2 == m ? $1 : NaN):4 with linespoints linecolor rgb mode_color[m + 1] \
         pointtype mode_point[m + 1] dashtype mode_dash[m + 1] pointsize 1.3 title mode_label[m + 1]
unset xlabel

# Messages: cycles by the number of processors.
set xrange [-0.5:2.5]; set yrange [0:*]; set boxwidth bar * 0.92
set xtics ("2 processors" 0, "4" 1, "8" 2) scale 0
do for [kind = 0:1] {
    set size 0.5, 0.46; set origin kind == 0 ? 0.5 : 0, kind == 0 ? 0.485 : 0.01
    set title kind == 0 ? "an IPI, from one processor to the next" : "a TLB shoot-down, until the last processor has answered"
    set ylabel "cycles"
    if (kind == 0) { set key top right maxrows 2 samplen 2 width -1 font ",14"; set offsets 0, 0, graph 0.3, 0 } else { unset key; set offsets 0, 0, graph 0.08, 0 }
    plot for [m = 0:bars - 1] data index 1 using ($1 == kind && $4 == m ? at($2, $4) : NaN):5 with boxes \
             fillcolor rgb mode_color[m + 1] title mode_label[m + 1], \
         data index 1 using ($1 == kind ? at($2, $4) : NaN):5:(sprintf("%.0f", $5)) with labels offset 0, 0.7 font ",12"
}

# Where the hypervisor's part goes, with 4 processors.
bars = 3; bar = 0.27
set size 0.5, 0.46; set origin 0.5, 0.01
set title "outside the guest: all of 4 processors together"
set ylabel "cycles of processors"; set boxwidth bar * 0.92; set offsets 0, 0, graph 0.08, 0
set xtics ("an IPI" 0, "a shoot-down" 1, "an EPT shoot-down" 2) scale 0 offset 0, -1
set bmargin 4.5
set key top left samplen 2 font ",14"
plot for [c = 6:4:-1] data index 2 using (at($1, $2 - 1)):(sum_to(c)) with boxes fillcolor rgb part_color[c - 3] title columnheader(c), \
     data index 2 using (at($1, $2 - 1)):(sum_to(6)):(sprintf("%.0f", sum_to(6))) with labels offset 0, 0.7 font ",11", \
     data index 2 using (at($1, $2 - 1)):(0):(word("receipt posted virtual", int($2))) with labels offset 0, -0.8 font ",11"
unset multiplot
