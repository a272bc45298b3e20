#include "kit/boot.h"
#include "kit/console.h"
#include "kit/memory.h"
#include "kit/paging.h"
#include "kit/trap.h"
#include "kit/user.h"

struct boot boot;

enum { MULTIBOOT_MAGIC = 0x2badb002 };

struct multiboot_info {
    u32 flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr;
};

enum { INFO_MEMORY = 1 << 0, INFO_CMDLINE = 1 << 2, INFO_MODS = 1 << 3 };

struct multiboot_module {
    u32 start, end, string, reserved;
};

static void copy_words(char *to, u32 from)
{
    const char *s = (const char *)(u64)from;
    size_t length = s ? string_length(s) : 0;
    if (length >= BOOT_WORDS_BYTES) panic("command line longer than %d bytes", BOOT_WORDS_BYTES - 1);
    memcpy(to, s, length);
    to[length] = 0;
}

static void read_modules(const struct multiboot_info *info)
{
    const struct multiboot_module *from = (const void *)(u64)info->mods_addr;
    if (info->mods_count > BOOT_MODULES_MAX) panic("more than %d modules", BOOT_MODULES_MAX);
    boot.module_count = info->mods_count;
    for (u32 i = 0; i < info->mods_count; i++) {
        boot.modules[i].start = from[i].start;
        boot.modules[i].end = from[i].end;
        copy_words(boot.modules[i].words, from[i].string);
    }
}

static void read_info(const struct multiboot_info *info)
{
    if (!(info->flags & INFO_MEMORY)) panic("the loader gave no memory size");
    boot.ram_bytes = smaller(MiB + info->mem_upper * KiB, IDENTITY_RAM_BYTES);
    if (info->flags & INFO_CMDLINE) copy_words(boot.words, info->cmdline);
    if (info->flags & INFO_MODS) read_modules(info);
}

/* The first start of the image or of a module at or above `from`, or the end of RAM. */
static u64 next_obstacle(u64 from)
{
    u64 next = boot.ram_bytes;
    if ((u64)image_start >= from) next = smaller(next, (u64)image_start);
    for (u32 i = 0; i < boot.module_count; i++)
        if (boot.modules[i].start >= from) next = smaller(next, boot.modules[i].start);
    return next;
}

struct gap {
    u64 start, end;
};

static void keep_larger(struct gap *best, u64 start)
{
    u64 end = next_obstacle(start);
    if (end - start > best->end - best->start) *best = (struct gap){start, end};
}

/* A gap starts at 1 MiB or behind an obstacle; obstacles do not overlap. */
static void choose_heap(void)
{
    struct gap best = {0, 0};
    keep_larger(&best, MiB);
    keep_larger(&best, (u64)image_end);
    for (u32 i = 0; i < boot.module_count; i++) keep_larger(&best, round_up(boot.modules[i].end, PAGE_4K));
    heap_init(best.start, best.end);
}

void kit_start(u32 magic, u32 info)
{
    console_init();
    if (magic != MULTIBOOT_MAGIC) panic("not started by a Multiboot loader");
    read_info((const void *)(u64)info);
    choose_heap();
    paging_init();
    trap_init();
    user_init();
    exit_run((u8)main());
}
