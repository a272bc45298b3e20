#!/usr/bin/env bash
# demo.sh: from an empty Debian 12 machine to the shadow-versus-EPT figures: installs, builds, runs the experiment, prints a table.
set -eu
cd "$(dirname "$0")"
.ci/install build figures
cmake -S . -B build >build.log 2>&1 && cmake --build build -j2 >>build.log 2>&1 || { tail -n 30 build.log >&2; exit 1; }
rm -f build.log
build/gigogne sweep results/experiments/shadow-vs-ept.yaml -j 2 -o results/shadow-vs-ept
build/gigogne sweep results/experiments/nested.yaml -j 2 -o results/nested
echo "figures: $(ls results/shadow-vs-ept/*.png results/nested/*.png | tr '\n' ' ')"
