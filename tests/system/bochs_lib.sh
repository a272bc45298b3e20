# shellcheck shell=bash
# bochs_lib.sh - for what boots images on Bochs: its configuration, a GRUB image, one run. Source it.

# The emulated clock runs fast (few instructions a second), which shortens what firmware and
# GRUB wait for.
write_bochsrc() { # write_bochsrc DIR MODEL MEGABYTES
    cat >"$1/bochsrc" <<BOCHSRC
memory: guest=$3, host=2048
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
cpu: model=$2, count=1, ips=4000000, reset_on_triple_fault=0, ignore_bad_msrs=1
ata0-master: type=cdrom, path=$1/boot.iso, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=$1/console.txt
log: $1/bochs.log
display_library: rfb, options="timeout=0"
plugin_ctrl: speaker=0
panic: action=fatal
error: action=ignore
info: action=ignore
BOCHSRC
}

# boot.iso in DIR: GRUB, which loads the Multiboot kernel and its modules.
write_iso() { # write_iso DIR KERNEL WORDS [MODULE WORDS]...
    local dir=$1 command=multiboot name
    shift
    mkdir -p "$dir/iso/boot/grub"
    {
        echo "set timeout=0"
        echo "menuentry guest {"
        while [ $# -gt 0 ]; do
            name=$(basename "$1")
            cp "$1" "$dir/iso/"
            echo "$command /$name $name $2"
            command=module
            shift 2
        done
        echo "}"
    } >"$dir/iso/boot/grub/grub.cfg"
    grub-mkrescue --fonts= --themes= --locales= \
        --install-modules="multiboot normal iso9660 biosdisk search search_fs_uuid search_fs_file search_label" \
        -o "$dir/boot.iso" "$dir/iso" >"$dir/grub.log" 2>&1 || cat "$dir/grub.log"
}

# Runs DIR's bochsrc and boot.iso; the console is console.txt there. Bochs ends when the guest writes to its shutdown
# port. Where it was built with its debugger, as Debian's, it has to be told to continue.
run_bochs() { # run_bochs DIR SECONDS_MAX
    local debugger=()
    if bochs --help 2>&1 | grep -q -- '-rc filename'; then
        echo c >"$1/rc"
        debugger=(-rc "$1/rc")
    fi
    timeout "$2" bochs -q -f "$1/bochsrc" "${debugger[@]}" </dev/null >"$1/out.log" 2>&1
}
