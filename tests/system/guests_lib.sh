# shellcheck shell=bash
# guests_lib.sh - for tests that run guest images: the cases, and one run on QEMU. Source it.
#
# A case is a line "bench words..."; sizes are small, so that every bench ends in a second or two on any
# emulator.

# The cases whose output must be the same on every machine, real, emulated or simulated.
guest_cases() {
    cat <<'CASES'
compute iters=5000
compute iters=5000 seed=7 timer=1000
stream pages=12 iters=3000
stream pages=600 iters=2000 page=2M
chase pages=64 iters=2000
chase pages=1024 iters=2000 page=2M seed=3
walk laps=1
walk page=2M laps=1
walk page=2M tables=cold
gups pages=64 iters=2000
gups pages=1024 iters=2000 page=2M
hashjoin pages=64 iters=500
hashjoin pages=600 iters=500 page=2M
bfs pages=32 iters=2000
bfs pages=600 iters=2000 page=2M
btree pages=300 iters=300
btree pages=600 iters=300 page=2M
ptemod pages=64 iters=300
ptemod pages=4096 iters=300 page=2M
faults pages=16 iters=4
faults pages=16 iters=4 zero=on timer=1000
fork pages=16 iters=3
fork pages=37 iters=2 touch=3 timer=1000
fork pages=16 iters=3 pcid=on
ctxswitch procs=4 pages=8 iters=200
ctxswitch procs=4 pages=8 iters=200 pcid=off timer=1000
syscall iters=200
syscall iters=200 entry=int timer=1000
exits iters=8
exits iters=8 op=hlt timer=1000
parallel part=work pages=8 iters=3
parallel part=ipi
parallel part=shootdown
CASES
}

# guest_output_qemu IMAGE WORDS...: the console's text on stdout; the status that the guest gave, or 99 if it
# gave none.
# GUEST_CPU chooses QEMU's processor model (max).
guest_output_qemu() {
    local image=$1 log status
    shift
    log=$(mktemp)
    timeout 60 qemu-system-x86_64 -accel tcg -cpu "${GUEST_CPU:-max}" -m 2048 -display none -no-reboot \
        -monitor none -serial "file:$log" -device isa-debug-exit,iobase=0xf4,iosize=1 \
        -kernel "$image" -append "$*" </dev/null >/dev/null 2>&1
    status=$?
    cat "$log"
    rm -f "$log"
    # isa-debug-exit turns N into 2 N + 1; timeout's 124 and QEMU's own 0 are even.
    if ((status % 2 == 0)); then return 99; fi
    return $((status / 2))
}

# guest_output_gigogne BUILD CORE IMAGE WORDS...: the same on the simulator. 2, 3 and 4 are the simulator's
# own statuses (error of use, guest died, interrupted); its messages go to stderr.
guest_output_gigogne() {
    local build=$1 core=$2 image=$3 dir status
    shift 3
    dir=$(mktemp -d)
    "$build/gigogne" run -s "board.core=$core" -o "$dir" "$image" -- "$@" </dev/null >/dev/null
    status=$?
    [ -f "$dir/console.log" ] && cat "$dir/console.log"
    rm -rf "$dir"
    return $status
}
