#!/bin/bash
# bad_input.sh BUILD - what users, images and guests can do wrong: each must end with its documented exit status and one
# clear message, and leave nothing half-written. Exit statuses: the guest's own, 2 error of use, 3 the guest died,
# 4 interrupted.
# Prints "ok <name>" or "FAIL <name>" per check; exit 1 if any failed.
set -u
. "$(dirname "$0")/lib.sh" "$@"
good=$images/bench-compute.elf
misbehave=$images/test-misbehave.elf
result_files="config.yaml console.log histograms-all.json histograms.json run.json stats-all.json stats-all.txt stats.json stats.txt"

# What is on stderr, without the hint that argp puts under its messages.
messages() {
    grep -v "^Try \`gigogne " "$work/$1.err"
}

holds_text() { # holds_text FILE TEXT
    grep -qF -- "$2" "$1" && return 0
    echo "    not found: $2" >&2
    sed 's/^/    found: /' "$1" | head -5 >&2
    return 1
}

has_status() { # has_status EXPECTED
    [ "$status" = "$1" ] && return 0
    echo "    status $status, expected $1" >&2
    return 1
}

is_refused() { # is_refused RUN TEXT: status 2, one message, no file
    messages "$1" >"$work/message"
    has_status 2 && holds_text "$work/message" "$2" && [ "$(wc -l <"$work/message")" = 1 ] && no_files "$work/$1"
}

no_files() {
    [ -z "$(find "$1" -type f 2>/dev/null)" ] && return 0
    echo "    files were written" >&2
    return 1
}

all_files() { # every result is there, and none in part
    [ "$(cd "$work/$1" && echo *)" = "$result_files" ] && return 0
    echo "    files: $(cd "$work/$1" && echo *)" >&2
    return 1
}

refused() { # refused NAME TEXT ARGUMENT...: gigogne run with these is an error of use
    local name=$1 text=$2
    shift 2
    rm -rf "$work/refused"
    simulate refused "$@"
    verdict "$name" is_refused refused "$text"
}

# --- the command line ---

refused "no image" "gigogne run: no guest image"
refused "unknown option" "unrecognized option '--frobnicate'" --frobnicate "$good"
refused "option without its argument" "option '--max-cycles' requires an argument" "$good" --max-cycles
for count in 12q 0 -1 "" 1e6 99999999999999999999; do
    refused "--max-cycles=$count" "--max-cycles: '$count' is not a number (allowed: 1..18446744073709551615)" \
        "--max-cycles=$count" "$good"
done
refused "--max-instructions=x" "--max-instructions: 'x' is not a number" --max-instructions=x "$good"
refused "trace of an image that is refused" "$work/none.elf: No such file" --trace=exec "$work/none.elf"
refused "unknown trace category" "'frob' is not a category (allowed: all exec state core" --trace=exec,frob "$good"
refused "VCD file that cannot be written" "$work/no/such/place.vcd" --vcd "$work/no/such/place" "$good"
refused "ledger file that cannot be written" "$work/no/such/place: No such file" --ledger "$work/no/such/place" "$good"

command_is_refused() { # command_is_refused TEXT ARGUMENT...
    local text=$1
    shift
    "$build/gigogne" "$@" >/dev/null 2>"$work/message"
    status=$?
    has_status 2 && holds_text "$work/message" "$text"
}
verdict "unknown command" command_is_refused "there is no command 'frob' (allowed: run, sweep, walk, vmcs, list)" frob
verdict "no command" command_is_refused "Usage: gigogne COMMAND"
verdict "list of an unknown thing" command_is_refused "Usage: gigogne list params|stats|presets" list frob

touch "$work/file"
"$build/gigogne" run -o "$work/file" "$good" >/dev/null 2>"$work/message"
status=$?
verdict "output directory is a file: status" has_status 2
verdict "output directory is a file: message" holds_text "$work/message" "$work/file: Not a directory"

# --- the configuration ---

# refused_file NAME TEXT LINE...: a configuration file of these lines; TEXT follows its path.
refused_file() {
    local name=$1 text=$2
    shift 2
    printf '%s\n' "$@" >"$work/machine.yaml"
    refused "file: $name" "$work/machine.yaml:$text" -c "$work/machine.yaml" "$good"
}

refused_set() { # refused_set NAME TEXT ASSIGNMENT
    refused "--set: $1" "--set: $2" -s "$3" "$good"
}

based="based_on: cascade-lake"
bytes="(allowed: 64B..1GiB; units B KiB MiB GiB TiB)"
refused_file "unknown key" "3: cpu.l1d.wayz: unknown key, nothing in this machine uses it (allowed below cpu.l1d: hit_cycles" \
    "$based" "cpu:" "  l1d: {wayz: 8}"
refused_file "unknown group" "2: l4: unknown key, nothing in this machine uses it (allowed: board cpu crossbar directory dram l3 run sample)" "$based" "l4: 1"
refused_file "unused setting: a second processor" "2: cpu1.l1d.ways: unknown key, nothing in this machine uses it" "$based" "cpu1: {l1d: {ways: 8}}"
refused_file "duplicate key" "4: cpu.l1d.ways: duplicate key (first on line 3)" "$based" "cpu:" "  l1d: {ways: 8}" "  l1d: {ways: 4}"
refused_file "wrong unit" "2: cpu.l1d.size_bytes: '32MHz' has the wrong unit $bytes" "$based" "cpu: {l1d: {size_bytes: 32MHz}}"
refused_file "out of range" "2: cpu.l1d.size_bytes: '2GiB' is out of range $bytes" "$based" "cpu: {l1d: {size_bytes: 2GiB}}"
refused_file "wrong type: not a number" "2: cpu.l1d.ways: 'many' is not a number (allowed: 1..64)" "$based" "cpu: {l1d: {ways: many}}"
refused_file "wrong type: not an integer" "2: cpu.l1d.ways: '7.5' is not a whole number" "$based" "cpu: {l1d: {ways: 7.5}}"
refused_file "wrong type: not a switch" "2: board.batching: '2' is not a switch (allowed: true|false|on|off)" "$based" "board: {batching: 2}"
refused_file "wrong type: not a choice" "2: board.core: 'slow' is not one of the choices (allowed: fast|inorder|ooo)" "$based" "board: {core: slow}"
refused_file "wrong type: a list" "2: cpu.l1d.ways: a list where one value is expected" "$based" "cpu: {l1d: {ways: [8]}}"
refused_file "wrong type: a map" "2: board.core.fast: unknown key" "$based" "board: {core: {fast: 1}}"
refused_file "value is missing" "2: board.core: the value is missing" "$based" "board: {core: }"
refused_file "unknown base" "1: based_on: 'atom' is neither a preset nor a YAML file (presets: cascade-lake haswell nehalem sandy-bridge skylake-sp tiny zen2)" "based_on: atom"
refused_file "based on itself" "1: based_on: the files are based on each other in a circle" "based_on: machine.yaml"
refused_file "not YAML" "3: not YAML" "$based" "cpu: {l1d: 3"
refused_file "not a map" "1: 'key: value' lines are expected" "just text"
refused "unknown preset" "'atom' is neither a preset nor a YAML file (presets: cascade-lake haswell nehalem sandy-bridge skylake-sp tiny zen2)" -c atom "$good"
refused "missing file" "'$work/none.yaml' is neither a preset nor a YAML file" -c "$work/none.yaml" "$good"
refused_set "no value" "'board.core' is not of the form path=value" board.core
refused_set "unknown key" "board.cor: unknown key, nothing in this machine uses it (allowed below board: batching core cores quantum_instructions ram_bytes seed store_buffer_entries)" board.cor=fast
refused_set "unused setting" "cpu1.frequency_hz: unknown key, nothing in this machine uses it" cpu1.frequency_hz=1GHz
refused_set "wrong unit" "cpu.frequency_hz: '3KiB' has the wrong unit (allowed: 1MHz..100GHz; units Hz kHz MHz GHz)" cpu.frequency_hz=3KiB
refused_set "out of range" "board.ram_bytes: '4KiB' is out of range (allowed: 16MiB..3GiB; units B KiB MiB GiB TiB)" board.ram_bytes=4KiB
refused_set "wrong type" "cpu.inorder.issue_width: 'wide' is not a number (allowed: 1..4)" cpu.inorder.issue_width=wide

# The command line is one more layer over the files, and the last word counts: no error, but it must be seen.
simulate_well twice -s cpu.l1d.ways=4 -s cpu.l1d.ways=2 "$good" -- iters=100
verdict "--set twice: the last one counts" grep -q '^    ways: 2$' "$work/twice/config.yaml"

# --- images ---

# poke FILE OFFSET BYTES: overwrites bytes, given as printf escapes.
poke() {
    # shellcheck disable=SC2059 # escapes are the point
    printf "$3" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

bad_image() { # bad_image NAME: a copy of a good image, to be spoilt; its path is $image
    image=$work/$1.elf
    cp "$good" "$image"
}

# Offsets in an ELF32 file with its program headers right behind the file header, as the guests' are.
e_machine=18 e_entry=24 first_header=52 header_bytes=32 e_phnum=44 p_paddr=12 p_memsz=20

echo "#!/bin/true, or any other text that is no image" >"$work/text"
: >"$work/empty"
refused "image: missing" "$work/none.elf: No such file or directory" "$work/none.elf"
refused "image: a directory" "$work: not a regular file" "$work"
refused "image: empty" "$work/empty: not an ELF file" "$work/empty"
refused "image: not ELF" "$work/text: not an ELF file" "$work/text"
for bytes in 20 60; do
    head -c $bytes "$good" >"$work/cut.elf"
    refused "image: truncated to $bytes bytes" "$work/cut.elf: truncated" "$work/cut.elf"
done
head -c 9000 "$good" >"$work/cut.elf"
refused "image: truncated in a segment" "$work/cut.elf: truncated: a segment's bytes lie behind the end of the file" "$work/cut.elf"
bad_image arm && poke "$image" $e_machine '\x28'
refused "image: wrong machine" "$image: ELF machine 40 is not x86 (3: EM_386 or 62: EM_X86_64)" "$image"
bad_image high && poke "$image" $((first_header + p_paddr + 3)) '\xf0'
refused "image: outside of memory" "$image: segment 0xf0100000..0xf01" "$image"
bad_image large && poke "$image" $((first_header + p_memsz + 3)) '\x7f'
refused "image: larger than memory" "does not fit into 64 MiB of RAM (board.ram_bytes)" -s board.ram_bytes=64MiB "$image"
refused "image: behind the end of memory" "does not fit into 16 MiB of RAM (board.ram_bytes)" -s board.ram_bytes=16MiB "$images/monitor-ept.elf"
bad_image twice && poke "$image" $e_phnum '\x02'
dd if="$good" of="$image" bs=1 skip=$first_header seek=$((first_header + header_bytes)) count=$header_bytes conv=notrunc status=none
refused "image: overlapping segments" "overlaps segment 0x100000..0x" "$image"
bad_image headless && poke "$image" "$(grep -abo $'\x02\xb0\xad\x1b' "$image" | head -1 | cut -d: -f1)" 'none'
refused "image: no Multiboot header" "$image: no Multiboot 1 header in the first 8192 bytes" "$image"
bad_image lost && poke "$image" $e_entry '\x00\x00\x00\x70'
refused "image: entry point outside" "$image: entry point is in no loadable segment below 4 GiB" "$image"

# --- monitors and modules ---

refused "monitor: missing" "$work/none.elf: No such file or directory" -m "$work/none.elf" "$good"
refused "monitor: not ELF" "$work/text: not an ELF file" -m "$work/text" "$good"
refused "monitor: missing guest" "$work/none.elf: No such file or directory" -m "$images/monitor-ept.elf" "$work/none.elf"
refused "module: missing" "$work/none.bin: No such file or directory" --module "$work/none.bin" "$good"
truncate -s 20M "$work/large.bin"
refused "module: larger than memory" "$work/large.bin: does not fit into RAM below 1 GiB behind the image" \
    -s board.ram_bytes=16MiB --module "$work/large.bin" "$good"

# says NAME STATUS TEXT ARGUMENT...: the guest ends with a status of its own and one line on its console.
says() {
    local name=$1 expected=$2 text=$3
    shift 3
    rm -rf "$work/said"
    simulate said "$@"
    verdict "$name: status $expected" has_status "$expected"
    verdict "$name: message" holds_text "$work/said.out" "$text"
    verdict "$name: one line" [ "$(wc -l <"$work/said.out")" = 1 ]
    verdict "$name: results" all_files said
}

for monitor in ept shadow; do
    file=$images/monitor-$monitor.elf
    says "monitor-$monitor without guest" 1 "no guest: the first Multiboot module must be its image" "$file"
    says "monitor-$monitor with text for a guest" 1 "the guest's image" -m "$file" "$work/text"
    says "monitor-$monitor with a truncated guest" 1 "the guest's image" -m "$file" "$work/cut.elf"
    says "monitor-$monitor with a word that it does not know" 1 '"frob=1": no such word' -m "$file:frob=1" "$good"
    says "a guest of monitor-$monitor exits with 77" 77 misbehave -m "$file" "$misbehave" -- status=77
done
says "a processor without VMX" 1 "the processor has no VMX" -s cpu.vmx.present=false -m "$images/monitor-ept.elf" "$good"
says "VMX locked off" 1 "the firmware has locked VMX off" -s cpu.vmx.bios_enabled=false -m "$images/monitor-ept.elf" "$good"

# --- guests that go wrong ---

# dies NAME TEXT ARGUMENT...: status 3, what happened and where in one line, all results.
dies() {
    local name=$1 text=$2
    shift 2
    rm -rf "$work/dead"
    simulate dead "$@"
    verdict "$name: status 3" has_status 3
    verdict "$name: message" holds_text "$work/dead.err" "guest died: $text"
    verdict "$name: place" grep -qE "^guest died: .* world, CPL 0, RIP 0x[0-9a-f]+, [0-9]+ instructions, cycle [0-9]+" "$work/dead.err"
    verdict "$name: one message" [ "$(grep -c "guest died" "$work/dead.err")" = 1 ]
    verdict "$name: results" all_files dead
    verdict "$name: accounts add up" adds_up_when_cut dead stats-all
}

for core in fast inorder ooo; do
    on="-s board.core=$core"
    # shellcheck disable=SC2086 # $on is two words
    {
        says "$core: exit status" 77 misbehave $on "$misbehave" -- status=77
        dies "$core: triple fault" "triple fault (shutdown); native world" $on "$misbehave" -- how=triple_fault
        dies "$core: runs off into unmapped memory" "triple fault (shutdown); native world, CPL 0, RIP 0xd0000000" $on "$misbehave" -- how=run_off
        dies "$core: halts with interrupts off" "halted, and no interrupt can come" $on "$misbehave" -- how=halt
        dies "$core: halts with interrupts off while a timer runs" "halted, and no interrupt can come" $on "$misbehave" -- how=halt timer=1000
        dies "$core: halts, and no timer runs" "halted, and no interrupt can come" $on "$misbehave" -- how=sleep
        dies "$core: sleeps between timer interrupts" "hang limit reached (--max-cycles)" $on --max-cycles=30000000 "$misbehave" -- how=sleep timer=1000
        dies "$core: hangs" "hang limit reached (--max-cycles)" $on --max-cycles=300000 "$misbehave" -- how=hang
        says "$core: unmodelled instruction" 5 misbehave $on "$misbehave" -- how=unmodelled status=5
    }
    verdict "$core: unmodelled instructions are counted" [ "$(value said cpu0.unmodelled stats-all)" = 3 ]
    verdict "$core: and named, with bytes and disassembly" grep -qE '^ +2 x +0x[0-9a-f]{16}  62 f1 74 48 58 c2  vaddps zmm0, zmm1, zmm2$' "$work/said.err"
    verdict "$core: each of them" grep -qE '^ +1 x +0x[0-9a-f]{16}  62 f1 6d 48 ef d2  vpxord zmm2, zmm2, zmm2$' "$work/said.err"
done
dies "a hang under a monitor" "hang limit reached (--max-cycles); guest world" -s run.switch_at=warm --max-cycles=5000000 \
    -m "$images/monitor-ept.elf:host=2M" "$misbehave" -- how=hang

for monitor in ept shadow; do
    dies "monitor-$monitor: its guest halts with interrupts off" "halted, and no interrupt can come" -s run.switch_at=warm \
        -m "$images/monitor-$monitor.elf" "$misbehave" -- how=halt
done

# --- VM entries that fail ---

fails_entry() { # fails_entry FIELD RULE SECTION CONSOLE
    says "VM entry with a bad $1" 1 "$4" -m "$images/test-monitor-badfield.elf:field=$1" "$good"
    verdict "VM entry with a bad $1: rule" holds_text "$work/said.err" "broken rule: $2"
    verdict "VM entry with a bad $1: section" holds_text "$work/said.err" "SDM Vol. 3C, \"$3\""
    verdict "VM entry with a bad $1: counted" [ "$(value said "cpu0.vmx.failed.$2" stats-all)" = 1 ]
}

fails_entry cr3_target_count cr3_target_count "VM-Execution Control Fields" "VM-instruction error 7"
fails_entry host_rip host_64bit_rip_canonical "Checks Related to Address-Space Size" "VM-instruction error 8"
fails_entry guest_rflags guest_rflags_reserved_bits "Checks on Guest RIP, RFLAGS, and SSP" "reason 33"
fails_entry vmcs_link_pointer link_pointer_address "Checks on Guest Non-Register State" "reason 33"

# --- interruption ---

# The handler is there as soon as the process says that it catches the signal (bit 1: SIGINT, bit 14: SIGTERM).
wait_for_handlers() { # wait_for_handlers PID
    local caught
    while caught=$(awk '$1 == "SigCgt:" { print $2 }' "/proc/$1/status" 2>/dev/null) && [ -n "$caught" ]; do
        (((0x$caught & 0x4002) == 0x4002)) && return 0
        sleep 0.05
    done
    return 1
}

# interrupted CORE SIGNAL...: a run that would last for hours gets the signals, one right behind the other.
interrupted() {
    local core=$1 name="$1: interrupted by ${*:2}" signal pid
    shift
    rm -rf "$work/cut"
    "$build/gigogne" run -s "board.core=$core" -s run.switch_at=begin -o "$work/cut" "$good" -- iters=4294967295 \
        </dev/null >"$work/cut.out" 2>"$work/cut.err" &
    pid=$!
    wait_for_handlers $pid
    sleep 0.2
    for signal; do kill "-$signal" $pid 2>/dev/null; done
    timeout 60 tail --pid=$pid -f /dev/null || kill -KILL $pid
    wait $pid
    status=$?
    verdict "$name: status 4" has_status 4
    verdict "$name: message" holds_text "$work/cut.err" "interrupted; native world"
    verdict "$name: results" all_files cut
    verdict "$name: accounts add up" adds_up_when_cut cut
    verdict "$name: accounts of the whole run add up" adds_up_when_cut cut stats-all
    verdict "$name: work was done" [ "$(value cut cpu0.instructions stats-all)" -gt 1000 ]
}

for core in fast inorder ooo; do
    interrupted $core INT
    interrupted $core TERM
    interrupted $core INT INT TERM INT
done

finish
