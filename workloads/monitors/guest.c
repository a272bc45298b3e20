#include "monitors/guest.h"
#include "kit/boot.h"
#include "kit/console.h"
#include "kit/memory.h"
#include "kit/paging.h"

struct guest guest;

enum {
    INFO_GPA = 64 * 1024,
    LOWER_MEMORY_BYTES = 0x9f000,
    UPPER_MEMORY_GPA = 0x100000,
    IDENTITY_GIB = 4,
    IDENTITY_PAGES = 2 + IDENTITY_GIB, /* PML4, PDPT, page directories */
};
#define GUEST_BYTES_MIN (16 * MiB)
#define GUEST_BYTES_MAX (2 * GiB) /* enough for a monitor and its own guest */

/* --- memory --- */

static void divide_memory(void)
{
    if (boot.ram_bytes < GUEST_HOST_BASE + GUEST_BYTES_MIN)
        panic("%llu MiB of memory; the guest's begins at 1 GiB", (unsigned long long)(boot.ram_bytes / MiB));
    for (u32 i = 0; i < boot.module_count; i++)
        if (boot.modules[i].end > GUEST_HOST_BASE) panic("module %u was loaded above 1 GiB", i);
    u64 first_free = (u64)heap_page(); /* what the heap has given out stays as it is */
    heap_init(first_free, smaller(heap_end(), GUEST_HOST_BASE));
    guest.bytes = round_down(smaller(boot.ram_bytes - GUEST_HOST_BASE, GUEST_BYTES_MAX), PAGE_2M);
    guest.usable_bytes = guest.bytes - IDENTITY_PAGES * PAGE_4K;
}

/* All entries allow everything and are marked as used already, so nothing ever writes to them. */
static void build_identity_mapping(void)
{
    u64 flags = PTE_P | PTE_W | PTE_A;
    guest.identity_cr3 = guest.usable_bytes;
    u64 pdpt_gpa = guest.identity_cr3 + PAGE_4K, pd_gpa = pdpt_gpa + PAGE_4K;
    u64 *pml4 = guest_pointer(guest.identity_cr3), *pdpt = guest_pointer(pdpt_gpa),
        *pds = guest_pointer(pd_gpa);
    memset(pml4, 0, IDENTITY_PAGES * PAGE_4K);
    pml4[0] = pdpt_gpa | flags;
    for (u64 i = 0; i < IDENTITY_GIB; i++) pdpt[i] = (pd_gpa + i * PAGE_4K) | flags;
    for (u64 i = 0; i < IDENTITY_GIB * TABLE_ENTRIES; i++) pds[i] = i * PAGE_2M | flags | PTE_D | PTE_PS;
}

/* --- ELF, 32- and 64-bit, little-endian --- */

enum {
    ELF_CLASS = 4,
    ELF_CLASS32 = 1,
    ELF_CLASS64 = 2,
    ELF_MACHINE = 18,
    MACHINE_386 = 3,
    MACHINE_X86_64 = 62,
    PT_LOAD = 1,
};

struct image {
    const u8 *start;
    u64 bytes;
};

struct segment {
    u64 type, offset, address, file_bytes, memory_bytes;
};

/* Where the two classes keep what is needed: offset and size of each field. */
struct field {
    u8 offset, bytes;
};
struct elf_format {
    u8 header_bytes;
    struct field entry, segments, segment_bytes, segment_count;
    struct field type, offset, address, file_bytes, memory_bytes;
};

// clang-format off
static const struct elf_format elf32 = {
    52, {24, 4}, {28, 4}, {42, 2}, {44, 2}, {0, 4}, {4, 4}, {12, 4}, {16, 4}, {20, 4}};
static const struct elf_format elf64 = {
    64, {24, 8}, {32, 8}, {54, 2}, {56, 2}, {0, 4}, {8, 8}, {24, 8}, {32, 8}, {40, 8}};
// clang-format on

static u64 read_field(const u8 *record, struct field field)
{
    u64 value = 0;
    memcpy(&value, record + field.offset, field.bytes);
    return value;
}

static const struct elf_format *check_header(struct image image)
{
    if (image.bytes < 64 || memcmp(image.start, "\177ELF", 4) != 0) panic("the guest's image is not ELF");
    u64 machine = read_field(image.start, (struct field){ELF_MACHINE, 2});
    if (machine != MACHINE_386 && machine != MACHINE_X86_64) panic("the guest's image is not for x86");
    u8 class = image.start[ELF_CLASS];
    if (class != ELF_CLASS32 && class != ELF_CLASS64) panic("the guest's image has no ELF class");
    return class == ELF_CLASS32 ? &elf32 : &elf64;
}

static void check_segment(struct image image, const struct segment *s)
{
    if (s->offset > image.bytes || s->file_bytes > image.bytes - s->offset)
        panic("the guest's image is truncated");
    if (s->address < UPPER_MEMORY_GPA || s->memory_bytes > guest.usable_bytes ||
        s->file_bytes > s->memory_bytes || s->address > guest.usable_bytes - s->memory_bytes)
        panic("the guest's image does not fit: segment at 0x%llx", (unsigned long long)s->address);
}

static struct segment read_segment(const struct elf_format *elf, const u8 *record)
{
    return (struct segment){
        .type = read_field(record, elf->type),
        .offset = read_field(record, elf->offset),
        .address = read_field(record, elf->address),
        .file_bytes = read_field(record, elf->file_bytes),
        .memory_bytes = read_field(record, elf->memory_bytes),
    };
}

/* Returns the first byte behind the segment. */
static u64 load_segment(struct image image, const struct segment *s)
{
    check_segment(image, s);
    u8 *to = guest_pointer(s->address);
    memcpy(to, image.start + s->offset, s->file_bytes);
    memset(to + s->file_bytes, 0, s->memory_bytes - s->file_bytes);
    return s->address + s->memory_bytes;
}

static u64 load_image(struct image image)
{
    const struct elf_format *elf = check_header(image);
    u64 at = read_field(image.start, elf->segments), step = read_field(image.start, elf->segment_bytes);
    u64 count = read_field(image.start, elf->segment_count), end = UPPER_MEMORY_GPA;
    if (at > image.bytes || count * step > image.bytes - at) panic("the guest's image is truncated");
    for (u64 i = 0; i < count; i++) {
        struct segment s = read_segment(elf, image.start + at + i * step);
        if (s.type != PT_LOAD || s.memory_bytes == 0) continue;
        u64 segment_end = load_segment(image, &s);
        if (segment_end > end) end = segment_end;
    }
    guest.entry = (u32)read_field(image.start, elf->entry);
    return end;
}

/* --- Multiboot information --- */

enum { INFO_MEMORY = 1 << 0, INFO_CMDLINE = 1 << 2, INFO_MODS = 1 << 3, INFO_MEM_MAP = 1 << 6 };
enum { MEMORY_AVAILABLE = 1, MEMORY_RESERVED = 2 };

struct info {
    u32 flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4], mmap_length,
        mmap_addr;
};

struct module {
    u32 start, end, string, reserved;
};

struct memory_range {
    u32 size; /* of the rest */
    u64 base, length;
    u32 type;
} __attribute__((packed));

/* Everything that the loader hands over, in one block at INFO_GPA. */
struct loader_block {
    struct info info;
    struct memory_range memory[3];
    struct module modules[BOOT_MODULES_MAX];
    char words[BOOT_MODULES_MAX][BOOT_WORDS_BYTES]; /* command line, then the modules' strings */
};

static u32 block_gpa(const struct loader_block *block, const void *part)
{
    return INFO_GPA + (u32)((const u8 *)part - (const u8 *)block);
}

static struct memory_range memory_range(u64 base, u64 end, u32 type)
{
    return (struct memory_range){sizeof(struct memory_range) - sizeof(u32), base, end - base, type};
}

static void copy_words(char *to, const char *from)
{
    memcpy(to, from, string_length(from) + 1);
}

/* Modules behind the first are the guest's; they follow its image, page by page. */
static void pass_modules(struct loader_block *block, u64 gpa)
{
    for (u32 i = 1; i < boot.module_count; i++) {
        u64 bytes = boot.modules[i].end - boot.modules[i].start;
        gpa = round_up(gpa, PAGE_4K);
        if (bytes > guest.usable_bytes - gpa) panic("the guest's memory is too small for its module %u", i);
        memcpy(guest_pointer(gpa), (const void *)boot.modules[i].start, bytes);
        copy_words(block->words[i], boot.modules[i].words);
        block->modules[i - 1] =
            (struct module){(u32)gpa, (u32)(gpa + bytes), block_gpa(block, block->words[i]), 0};
        gpa += bytes;
    }
}

static void write_info(u64 first_free)
{
    struct loader_block *block = guest_pointer(INFO_GPA);
    memset(block, 0, sizeof *block);
    block->memory[0] = memory_range(0, LOWER_MEMORY_BYTES, MEMORY_AVAILABLE);
    block->memory[1] = memory_range(UPPER_MEMORY_GPA, guest.usable_bytes, MEMORY_AVAILABLE);
    block->memory[2] = memory_range(guest.usable_bytes, guest.bytes, MEMORY_RESERVED);
    copy_words(block->words[0], boot.modules[0].words);
    pass_modules(block, first_free);
    block->info = (struct info){
        .flags = INFO_MEMORY | INFO_CMDLINE | INFO_MODS | INFO_MEM_MAP,
        .mem_lower = LOWER_MEMORY_BYTES / KiB,
        .mem_upper = (u32)((guest.usable_bytes - UPPER_MEMORY_GPA) / KiB),
        .cmdline = block_gpa(block, block->words[0]),
        .mods_count = boot.module_count - 1,
        .mods_addr = block_gpa(block, block->modules),
        .mmap_length = sizeof block->memory,
        .mmap_addr = block_gpa(block, block->memory),
    };
    guest.multiboot_info = INFO_GPA;
}

void guest_load(void)
{
    if (boot.module_count == 0) panic("no guest: the first Multiboot module must be its image");
    divide_memory();
    build_identity_mapping();
    const struct boot_module *module = &boot.modules[0];
    write_info(load_image((struct image){(const u8 *)module->start, module->end - module->start}));
}
