#!/usr/bin/env bash
# Layering: a folder may include itself and what stands left of it (ARCHITECTURE.md, section 2).
#   models/sim < isa < caches < interconnect < virt-ext < models/{core,mem,dev} < models/board
# One line per offending #include; exit status 1 if there is any.
set -u
cd "$(dirname "$0")/.." || exit 1
layers="models/sim isa caches interconnect virt-ext models/core,models/mem,models/dev models/board"

rank_of() { # FOLDER -> its place, counted from 0; nothing if it is not a layer
    local n=0 group part
    for group in $layers; do
        for part in ${group//,/ }; do
            case "$1/" in "$part"/*) echo $n; return ;; esac
        done
        n=$((n + 1))
    done
}

bad=0
while IFS=: read -r file line include; do
    target=$(sed -E 's/.*"([^"]+)".*/\1/' <<<"$include")
    from=$(rank_of "$(dirname "$file")")
    to=$(rank_of "$(dirname "$target")")
    [ -n "$from" ] || continue
    if [ -z "$to" ]; then
        [ -e "$(dirname "$file")/$target" ] && continue # beside it
        echo "$file:$line: includes $target, which is in no layer"; bad=1
    elif [ "$to" -gt "$from" ]; then
        echo "$file:$line: includes $target, which stands right of it"; bad=1
    fi
done < <(grep -rnE '^ *# *include *"' --include='*.c' --include='*.h' --include='*.cpp' --include='*.def' models isa caches interconnect virt-ext)

# C++ is one file.
for f in $(git ls-files '*.cpp' '*.cc' '*.hpp' '*.cxx'); do
    [ "$f" = models/sim/kernel_systemc.cpp ] || { echo "$f: C++ outside the SystemC bridge"; bad=1; }
done
[ $bad = 0 ] && echo "layering: every include points left"
exit $bad
