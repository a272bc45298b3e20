#include "models/board/boot.h"
#include <errno.h>
#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <sys/stat.h>

/* Multiboot Specification 0.6.96, "The layout of Multiboot header" and "Boot information format". */
#define HEADER_MAGIC      0x1BADB002u
#define HEADER_SEARCH     8192u
#define HEADER_AOUT       BIT(16)
#define BOOT_MAGIC        0x2BADB002u
#define INFO_MEMORY       BIT(0)
#define INFO_CMDLINE      BIT(2)
#define INFO_MODS         BIT(3)
#define INFO_MMAP         BIT(6)
#define INFO_LOADER_NAME  BIT(9)
#define MMAP_AVAILABLE    1u
#define MMAP_RESERVED     2u
#define LOW_MEMORY_END    0xA0000ull
#define HIGH_MEMORY_START MiB
#define MODULES_END       GiB
#define MAX_SEGMENTS      32

struct info {
    u32 flags, mem_lower, mem_upper, boot_device, cmdline, mods_count, mods_addr, syms[4];
    u32 mmap_length, mmap_addr, drives_length, drives_addr, config_table, boot_loader_name, apm_table;
};

struct module_entry {
    u32 start, end, string, reserved;
};

struct mmap_entry {
    u32 size; /* of what follows this field */
    u32 base_low, base_high, length_low, length_high, type;
};

/* A file's bytes. */
struct blob {
    const char *path;
    u8 *bytes;
    u64 size;
};

/* Where the loader has got to. */
struct loader {
    struct physmem *mem;
    u64 top; /* first free address above what is loaded */
    struct { u64 start, end; } segment[MAX_SEGMENTS];
    unsigned n_segments;
};

static bool refuse(const char *path, const char *what)
{
    fprintf(stderr, "%s: %s\n", path, what);
    return false;
}

static bool read_whole(FILE *f, struct blob *b)
{
    struct stat status;
    if (fstat(fileno(f), &status) != 0 || !S_ISREG(status.st_mode)) return refuse(b->path, "not a regular file");
    b->size = (u64)status.st_size;
    b->bytes = malloc(b->size ? b->size : 1);
    if (!b->bytes || fread(b->bytes, 1, b->size, f) != b->size) return refuse(b->path, "cannot be read");
    return true;
}

static bool blob_read(struct blob *b, const char *path)
{
    *b = (struct blob){.path = path};
    FILE *f = fopen(path, "rb");
    if (!f) return refuse(path, strerror(errno));
    bool ok = read_whole(f, b);
    fclose(f);
    return ok;
}

/* --- Multiboot header --- */

static u32 read32(const struct blob *b, u64 at)
{
    u32 v;
    memcpy(&v, b->bytes + at, sizeof v);
    return v;
}

static bool header_check(const struct blob *b)
{
    for (u64 at = 0; at + 12 <= b->size && at + 12 <= HEADER_SEARCH; at += 4) {
        u32 flags = read32(b, at + 4);
        if (read32(b, at) != HEADER_MAGIC || read32(b, at) + flags + read32(b, at + 8) != 0) continue;
        if (flags & HEADER_AOUT) return refuse(b->path, "Multiboot header asks for the a.out layout (flag 16); only ELF images are loaded");
        return true;
    }
    return refuse(b->path, "no Multiboot 1 header in the first 8192 bytes");
}

/* --- ELF --- */

static bool segment_fits(const struct loader *l, const struct blob *b, const GElf_Phdr *ph)
{
    if (ph->p_offset > b->size || ph->p_filesz > b->size - ph->p_offset)
        return refuse(b->path, "truncated: a segment's bytes lie behind the end of the file");
    if (ph->p_filesz > ph->p_memsz) return refuse(b->path, "malformed: a segment has more bytes in the file than in memory");
    if (physmem_has(l->mem, HPA(ph->p_paddr), ph->p_memsz)) return true;
    fprintf(stderr, "%s: segment 0x%llx..0x%llx does not fit into %llu MiB of RAM (board.ram_bytes)\n", b->path,
            (unsigned long long)ph->p_paddr, (unsigned long long)(ph->p_paddr + ph->p_memsz),
            (unsigned long long)(l->mem->size_bytes / MiB));
    return false;
}

static bool segment_claim(struct loader *l, const struct blob *b, u64 start, u64 end)
{
    if (l->n_segments == MAX_SEGMENTS) return refuse(b->path, "more than 32 loadable segments");
    for (unsigned i = 0; i < l->n_segments; i++)
        if (start < l->segment[i].end && l->segment[i].start < end) {
            fprintf(stderr, "%s: segment 0x%llx..0x%llx overlaps segment 0x%llx..0x%llx\n", b->path, (unsigned long long)start,
                    (unsigned long long)end, (unsigned long long)l->segment[i].start, (unsigned long long)l->segment[i].end);
            return false;
        }
    l->segment[l->n_segments].start = start;
    l->segment[l->n_segments++].end = end;
    l->top = max_u64(l->top, end);
    return true;
}

static bool segment_load(struct loader *l, const struct blob *b, const GElf_Phdr *ph)
{
    if (ph->p_type != PT_LOAD || ph->p_memsz == 0) return true;
    if (!segment_fits(l, b, ph) || !segment_claim(l, b, ph->p_paddr, ph->p_paddr + ph->p_memsz)) return false;
    memcpy(l->mem->host + ph->p_paddr, b->bytes + ph->p_offset, ph->p_filesz);
    memset(l->mem->host + ph->p_paddr + ph->p_filesz, 0, ph->p_memsz - ph->p_filesz);
    return true;
}

/* The entry point is a virtual address; with paging off the hart needs the physical one. */
static u64 entry_physical(u64 entry, const GElf_Phdr *ph)
{
    bool inside = ph->p_type == PT_LOAD && entry >= ph->p_vaddr && entry - ph->p_vaddr < ph->p_memsz;
    return inside ? entry - ph->p_vaddr + ph->p_paddr : UINT64_MAX;
}

static bool segments_load(struct loader *l, const struct blob *b, Elf *elf, u64 entry_virtual, u32 *entry)
{
    size_t n = 0;
    u64 found = UINT64_MAX;
    if (elf_getphdrnum(elf, &n) != 0 || n == 0) return refuse(b->path, "truncated or not executable: no program headers");
    for (size_t i = 0; i < n; i++) {
        GElf_Phdr ph;
        if (!gelf_getphdr(elf, (int)i, &ph)) return refuse(b->path, "truncated: program headers lie behind the end of the file");
        if (!segment_load(l, b, &ph)) return false;
        found = min_u64(found, entry_physical(entry_virtual, &ph));
    }
    if (found > UINT32_MAX) return refuse(b->path, "entry point is in no loadable segment below 4 GiB");
    *entry = (u32)found;
    return true;
}

static bool elf_load(struct loader *l, const struct blob *b, Elf *elf, u32 *entry)
{
    GElf_Ehdr eh;
    if (elf_kind(elf) != ELF_K_ELF || !gelf_getehdr(elf, &eh)) return refuse(b->path, "truncated ELF header");
    if (eh.e_machine != EM_386 && eh.e_machine != EM_X86_64) {
        fprintf(stderr, "%s: ELF machine %u is not x86 (3: EM_386 or 62: EM_X86_64)\n", b->path, eh.e_machine);
        return false;
    }
    if (eh.e_type != ET_EXEC) return refuse(b->path, "not an executable ELF file (ET_EXEC)");
    return segments_load(l, b, elf, eh.e_entry, entry) && header_check(b);
}

static bool image_load(struct loader *l, const struct blob *b, u32 *entry)
{
    elf_version(EV_CURRENT);
    if (b->size < 4 || memcmp(b->bytes, ELFMAG, 4) != 0) return refuse(b->path, "not an ELF file");
    Elf *elf = elf_memory((char *)b->bytes, b->size);
    if (!elf) return refuse(b->path, "truncated ELF header");
    bool ok = elf_load(l, b, elf, entry);
    elf_end(elf);
    return ok;
}

/* --- modules and boot information, above the image --- */

/* Room for `bytes` at `top`, aligned; UINT64_MAX if there is none. */
static u64 claim(struct loader *l, u64 bytes, u64 align)
{
    u64 at = (l->top + align - 1) & ~(align - 1);
    if (at + bytes > MODULES_END || !physmem_has(l->mem, HPA(at), bytes ? bytes : 1)) return UINT64_MAX;
    l->top = at + bytes;
    return at;
}

static bool put(struct loader *l, const char *path, const void *bytes, u64 size, u64 align, u32 *at)
{
    u64 where = claim(l, size, align);
    if (where == UINT64_MAX) return refuse(path, "does not fit into RAM below 1 GiB behind the image");
    memcpy(l->mem->host + where, bytes, size);
    *at = (u32)where;
    return true;
}

/* The Multiboot string: the file's name without its folders, then the words. */
static bool put_string(struct loader *l, const struct boot_image *i, u32 *at)
{
    const char *slash = strrchr(i->path, '/');
    const char *name = slash ? slash + 1 : i->path;
    const char *words = i->words ? i->words : "";
    size_t size = strlen(name) + strlen(words) + 2;
    char *text = malloc(size);
    if (!text) return refuse(i->path, "out of memory");
    snprintf(text, size, "%s%s%s", name, *words ? " " : "", words);
    bool ok = put(l, i->path, text, strlen(text) + 1, 1, at);
    free(text);
    return ok;
}

static bool put_module(struct loader *l, const struct boot_image *i, struct module_entry *entry)
{
    struct blob b;
    bool ok = blob_read(&b, i->path) && put(l, i->path, b.bytes, b.size, PAGE_BYTES, &entry->start);
    entry->end = entry->start + (u32)b.size;
    free(b.bytes);
    return ok && put_string(l, i, &entry->string);
}

static struct mmap_entry mmap_row(u64 base, u64 length, u32 type)
{
    return (struct mmap_entry){.size = sizeof(struct mmap_entry) - 4, .base_low = (u32)base, .base_high = (u32)(base >> 32),
                               .length_low = (u32)length, .length_high = (u32)(length >> 32), .type = type};
}

static bool put_memory_map(struct loader *l, const char *path, struct info *info)
{
    struct mmap_entry map[] = {mmap_row(0, LOW_MEMORY_END, MMAP_AVAILABLE),
                               mmap_row(LOW_MEMORY_END, HIGH_MEMORY_START - LOW_MEMORY_END, MMAP_RESERVED),
                               mmap_row(HIGH_MEMORY_START, l->mem->size_bytes - HIGH_MEMORY_START, MMAP_AVAILABLE)};
    info->mem_lower = LOW_MEMORY_END / KiB;
    info->mem_upper = (u32)((l->mem->size_bytes - HIGH_MEMORY_START) / KiB);
    info->mmap_length = sizeof map;
    return put(l, path, map, sizeof map, 8, &info->mmap_addr);
}

static bool put_modules(struct loader *l, const struct boot_image *const *modules, unsigned n, struct info *info)
{
    struct module_entry entry[BOARD_MAX_MODULES + 1] = {0};
    for (unsigned i = 0; i < n; i++)
        if (!put_module(l, modules[i], &entry[i])) return false;
    info->mods_count = n;
    return n == 0 || put(l, modules[0]->path, entry, n * sizeof entry[0], 8, &info->mods_addr);
}

static bool put_info(struct loader *l, const struct boot_image *image, const struct boot_image *const *modules, unsigned n, u32 *at)
{
    static const struct boot_image loader_name = {"Gigogne", ""};
    struct info info = {.flags = INFO_MEMORY | INFO_CMDLINE | INFO_MODS | INFO_MMAP | INFO_LOADER_NAME};
    l->top = (l->top + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    return put_modules(l, modules, n, &info) && put_string(l, image, &info.cmdline) &&
           put_string(l, &loader_name, &info.boot_loader_name) && put_memory_map(l, image->path, &info) &&
           put(l, image->path, &info, sizeof info, 8, at);
}

/* --- the boot protocol --- */

static const struct segment flat_code = {.limit = UINT32_MAX, .ar = 0xc09b, .selector = 0x08};
static const struct segment flat_data = {.limit = UINT32_MAX, .ar = 0xc093, .selector = 0x10};

void boot_enter_multiboot(struct hart *h, u32 entry, u32 info)
{
    for (unsigned s = 0; s < SEG_COUNT; s++) h->seg[s] = s == SEG_CS ? flat_code : flat_data;
    h->cr0 = CR0_PE | CR0_ET;
    h->reg[REG_RAX] = BOOT_MAGIC;
    h->reg[REG_RBX] = info;
    h->reg[REG_RIP] = entry;
    hart_state_changed(h);
}

bool boot_multiboot(struct physmem *mem, struct hart *h, const struct board_options *o)
{
    const struct boot_image *boot = o->monitor.path ? &o->monitor : &o->image;
    const struct boot_image *modules[BOARD_MAX_MODULES + 1];
    unsigned n = 0;
    if (o->monitor.path) modules[n++] = &o->image;
    for (unsigned i = 0; i < o->n_modules; i++) modules[n++] = &o->module[i];

    struct loader l = {.mem = mem};
    struct blob b;
    u32 entry = 0, info = 0;
    bool ok = blob_read(&b, boot->path) && image_load(&l, &b, &entry) && put_info(&l, boot, modules, n, &info);
    free(b.bytes);
    if (ok) boot_enter_multiboot(h, entry, info);
    return ok;
}
