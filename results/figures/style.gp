# style.gp - what all figures share. A script sets `data`, `output`, `width` and `height`, then loads this:
# the terminal (by the suffix of `output`), fonts, and colours whose lightness differs, so that they also read in grey.
set encoding utf8
set datafile separator comma
set datafile columnheaders
if (output[strlen(output) - 3:] eq ".png") {
    set terminal pngcairo size width, height font "DejaVu Sans,15" linewidth 1.5 rounded
} else {
    set terminal svg size width, height font "DejaVu Sans,15" linewidth 1.5 rounded background "#ffffff"
}
set output output

set border 3 linecolor rgb "#404040" linewidth 0.8
set tics nomirror out scale 0.6
set grid ytics linecolor rgb "#d8d8d8" linewidth 0.6
set key noautotitle

# Modes, by their position in the experiment plus one: native, shadow, EPT 4K, EPT 2M, EPT 1G, others. Lightness differs.
array mode_color[8] = ["#1c2a3a", "#a83a26", "#4596cf", "#a9d8f2", "#d9b93f", "#9a9a9a", "#9a9a9a", "#9a9a9a"]
array mode_point[8] = [7, 5, 9, 11, 13, 4, 6, 8]
array mode_dash[8]  = [1, 1, 1, 2, 4, 3, 3, 3]

# Reads the labels of the modes: a result set with the columns position, label.
array mode_label[8]
read_label(position, label) = (mode_label[int(position) + 1] = label, position)
