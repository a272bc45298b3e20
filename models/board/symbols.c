#include "models/board/symbols.h"
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct function {
    u64 start, end; /* [start, end) */
    const char *name; /* in the ELF file's own memory */
};

struct symbols {
    int fd;
    Elf *elf;
    Dwarf *dwarf; /* NULL: no lines */
    struct function *function; /* by start */
    size_t n_functions;
};

/* --- the symbol table --- */

/* A function, or a label of assembly code: those have no type. */
static bool names_code(Elf *elf, const GElf_Sym *symbol)
{
    unsigned type = GELF_ST_TYPE(symbol->st_info);
    if ((type != STT_FUNC && type != STT_NOTYPE) || symbol->st_shndx == SHN_UNDEF || symbol->st_shndx >= SHN_LORESERVE) return false;
    GElf_Shdr section;
    Elf_Scn *scn = elf_getscn(elf, symbol->st_shndx);
    return scn && gelf_getshdr(scn, &section) && (section.sh_flags & SHF_EXECINSTR);
}

static bool read_table(struct symbols *s, Elf_Scn *scn, const GElf_Shdr *header)
{
    Elf_Data *data = elf_getdata(scn, NULL);
    size_t n = header->sh_entsize ? header->sh_size / header->sh_entsize : 0;
    s->function = calloc(n ? n : 1, sizeof *s->function);
    if (!data || !s->function) return false;
    for (size_t i = 0; i < n; i++) {
        GElf_Sym symbol;
        if (!gelf_getsym(data, (int)i, &symbol) || !names_code(s->elf, &symbol)) continue;
        const char *name = elf_strptr(s->elf, header->sh_link, symbol.st_name);
        if (name && *name)
            s->function[s->n_functions++] =
                (struct function){.start = symbol.st_value, .end = symbol.st_value + symbol.st_size, .name = name};
    }
    return s->n_functions > 0;
}

static bool read_functions(struct symbols *s)
{
    GElf_Shdr header;
    for (Elf_Scn *scn = elf_nextscn(s->elf, NULL); scn; scn = elf_nextscn(s->elf, scn))
        if (gelf_getshdr(scn, &header) && header.sh_type == SHT_SYMTAB) return read_table(s, scn, &header);
    return false;
}

/* By start; of two names for one place the one with a size comes last, and is found. */
static int compare_functions(const void *a, const void *b)
{
    const struct function *x = a, *y = b;
    if (x->start != y->start) return x->start < y->start ? -1 : 1;
    if (x->end != y->end) return x->end < y->end ? -1 : 1;
    return strcmp(x->name, y->name);
}

/* A label without a size reaches to the next one; the last of all, to the end of its page. */
static void close_gaps(struct symbols *s)
{
    for (size_t i = s->n_functions; i-- > 0;) {
        struct function *f = &s->function[i];
        if (f->end > f->start) continue;
        bool last = i + 1 == s->n_functions;
        f->end = last ? (f->start | (PAGE_BYTES - 1)) + 1 : s->function[i + 1].start;
    }
}

/* --- life --- */

/* NAME.debug for NAME.elf. */
static int open_twin(const char *path)
{
    char twin[4096];
    size_t length = strlen(path);
    if (length < 4 || strcmp(path + length - 4, ".elf") != 0 || length + 3 > sizeof twin) return -1;
    snprintf(twin, sizeof twin, "%.*s.debug", (int)(length - 4), path);
    return open(twin, O_RDONLY | O_CLOEXEC);
}

static struct symbols *symbols_read(int fd)
{
    struct symbols *s = calloc(1, sizeof *s);
    if (!s) {
        close(fd);
        return NULL;
    }
    s->fd = fd;
    elf_version(EV_CURRENT);
    s->elf = elf_begin(fd, ELF_C_READ, NULL);
    if (!s->elf || elf_kind(s->elf) != ELF_K_ELF || !read_functions(s)) {
        symbols_close(s);
        return NULL;
    }
    qsort(s->function, s->n_functions, sizeof *s->function, compare_functions);
    close_gaps(s);
    s->dwarf = dwarf_begin_elf(s->elf, DWARF_C_READ, NULL);
    return s;
}

struct symbols *symbols_open(const char *image_path)
{
    int twin = open_twin(image_path);
    struct symbols *s = twin < 0 ? NULL : symbols_read(twin);
    if (s) return s;
    int fd = open(image_path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? NULL : symbols_read(fd);
}

void symbols_close(struct symbols *s)
{
    if (!s) return;
    if (s->dwarf) dwarf_end(s->dwarf);
    if (s->elf) elf_end(s->elf);
    close(s->fd);
    free(s->function);
    free(s);
}

/* --- answers --- */

int symbols_find_function(const struct symbols *s, u64 address)
{
    if (!s) return -1;
    size_t low = 0, high = s->n_functions; /* the last one that starts at or before the address is in [low - 1, high) */
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (s->function[middle].start <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 && address < s->function[low - 1].end ? (int)(low - 1) : -1;
}

static Dwarf_Line *find_line(const struct symbols *s, u64 address)
{
    Dwarf_CU *unit = NULL;
    Dwarf_Die die;
    while (s->dwarf && dwarf_get_units(s->dwarf, unit, &unit, NULL, NULL, &die, NULL) == 0)
        if (dwarf_haspc(&die, address) == 1) return dwarf_getsrc_die(&die, address);
    return NULL;
}

static void add_line(const struct symbols *s, u64 address, char *text, size_t bytes)
{
    Dwarf_Line *line = find_line(s, address);
    const char *file = line ? dwarf_linesrc(line, NULL, NULL) : NULL;
    int number = 0;
    if (!file || dwarf_lineno(line, &number) != 0) return;
    const char *slash = strrchr(file, '/');
    snprintf(text, bytes, " (%s:%d)", slash ? slash + 1 : file, number);
}

const char *symbols_name(const struct symbols *s, u64 address, char text[SYMBOL_TEXT_BYTES])
{
    int found = symbols_find_function(s, address);
    text[0] = '\0';
    if (found < 0) return text;
    const struct function *f = &s->function[found];
    int used = address == f->start ? snprintf(text, SYMBOL_TEXT_BYTES, "%s", f->name)
                                   : snprintf(text, SYMBOL_TEXT_BYTES, "%s+0x%llx", f->name, (unsigned long long)(address - f->start));
    if (used > 0 && used < SYMBOL_TEXT_BYTES) add_line(s, address, text + used, SYMBOL_TEXT_BYTES - (size_t)used);
    return text;
}
