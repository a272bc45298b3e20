/* test_boot.c - the Multiboot loader: what it puts where, and one clear message for every image that cannot be loaded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "flat_mmu.h"
#include "isa/cpu_model.h"
#include "models/board/boot.h"
#include <elf.h>
#include <stdlib.h>
#include <unistd.h>

#define RAM_BYTES  (16 * MiB)
#define LOAD       0x100000u
#define HEADER_AT  0x200u /* of the Multiboot header in the file, and in the segment */
#define SEGMENT_AT 0x1000u
#define SEGMENT_BYTES 0x1000u

struct machine {
    struct physmem mem;
    struct flat_mmu flat;
    struct cpu_model model;
    struct hart *hart;
};

static u8 image[0x4000];
static size_t image_bytes;
static char message[4096];

static void machine_init(struct machine *m)
{
    flat_mmu_init(&m->flat, &m->mem, RAM_BYTES);
    cpu_model_init(&m->model, "tiny");
    m->hart = calloc(1, sizeof *m->hart);
    m->hart->mmu = &flat_mmu_ops;
    m->hart->mmu_self = &m->flat;
    m->hart->mem = &m->mem;
    m->hart->model = &m->model;
}

static void machine_fini(struct machine *m)
{
    free(m->mem.host);
    free(m->mem.has_code);
    free(m->hart);
}

static void put32(size_t at, u32 v) { memcpy(image + at, &v, sizeof v); }

static void put_multiboot_header(size_t at, u32 flags)
{
    put32(at, 0x1BADB002u);
    put32(at + 4, flags);
    put32(at + 8, 0u - 0x1BADB002u - flags);
}

/* An ELF32 image of one segment, or two if `second` is not 0. */
static void make_elf32(u32 second)
{
    Elf32_Ehdr eh = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS32, ELFDATA2LSB, EV_CURRENT}, .e_type = ET_EXEC, .e_machine = EM_386,
                     .e_version = EV_CURRENT, .e_entry = LOAD + 0x10, .e_phoff = sizeof eh, .e_ehsize = sizeof eh,
                     .e_phentsize = sizeof(Elf32_Phdr), .e_phnum = second ? 2 : 1};
    Elf32_Phdr ph[2] = {{.p_type = PT_LOAD, .p_offset = SEGMENT_AT, .p_vaddr = LOAD, .p_paddr = LOAD, .p_filesz = SEGMENT_BYTES,
                         .p_memsz = SEGMENT_BYTES + 0x800, .p_flags = PF_R | PF_X}};
    ph[1] = ph[0];
    ph[1].p_vaddr = ph[1].p_paddr = second;
    memset(image, 0, sizeof image);
    memcpy(image, &eh, sizeof eh);
    memcpy(image + sizeof eh, ph, sizeof ph);
    memset(image + SEGMENT_AT, 0x90, SEGMENT_BYTES);
    put_multiboot_header(HEADER_AT, 3);
    image_bytes = SEGMENT_AT + SEGMENT_BYTES;
}

static void make_elf64(void)
{
    Elf64_Ehdr eh = {.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT}, .e_type = ET_EXEC, .e_machine = EM_X86_64,
                     .e_version = EV_CURRENT, .e_entry = 0xffffffff80000010ull, .e_phoff = sizeof eh, .e_ehsize = sizeof eh,
                     .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1};
    Elf64_Phdr ph = {.p_type = PT_LOAD, .p_offset = SEGMENT_AT, .p_vaddr = 0xffffffff80000000ull, .p_paddr = LOAD,
                     .p_filesz = SEGMENT_BYTES, .p_memsz = SEGMENT_BYTES, .p_flags = PF_R | PF_X};
    memset(image, 0, sizeof image);
    memcpy(image, &eh, sizeof eh);
    memcpy(image + sizeof eh, &ph, sizeof ph);
    put_multiboot_header(HEADER_AT, 0);
    image_bytes = SEGMENT_AT + SEGMENT_BYTES;
}

static void write_image(char *path)
{
    strcpy(path, "/tmp/gigogne-boot-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, image, image_bytes), image_bytes);
    close(fd);
}

/* Loads with stderr caught in `message`. */
static bool load(struct machine *m, const struct board_options *o)
{
    FILE *capture = tmpfile();
    int saved = dup(2);
    dup2(fileno(capture), 2);
    bool ok = boot_multiboot(&m->mem, m->hart, o);
    fflush(stderr);
    dup2(saved, 2);
    close(saved);
    rewind(capture);
    message[fread(message, 1, sizeof message - 1, capture)] = '\0';
    fclose(capture);
    return ok;
}

static bool load_image(struct machine *m)
{
    char path[64];
    write_image(path);
    struct board_options o = {.image = {path, "a=1 b=2"}};
    bool ok = load(m, &o);
    unlink(path);
    return ok;
}

static void expect_refused(const char *what)
{
    struct machine m;
    machine_init(&m);
    assert_false(load_image(&m));
    if (!strstr(message, what)) fail_msg("'%s' is not in: %s", what, message);
    assert_ptr_equal(strchr(message, '\n'), message + strlen(message) - 1); /* one line */
    machine_fini(&m);
}

static u32 read32(const struct machine *m, u64 at)
{
    u32 v;
    memcpy(&v, m->mem.host + at, sizeof v);
    return v;
}

static void an_elf32_image_is_loaded_and_entered_as_multiboot_says(void **state)
{
    (void)state;
    struct machine m;
    machine_init(&m);
    make_elf32(0);
    assert_true(load_image(&m));
    assert_int_equal(m.mem.host[LOAD], 0x90);
    assert_int_equal(m.mem.host[LOAD + SEGMENT_BYTES], 0);
    assert_int_equal(m.hart->reg[REG_RAX], 0x2BADB002);
    assert_int_equal(m.hart->reg[REG_RIP], LOAD + 0x10);
    assert_int_equal(m.hart->cr0 & (CR0_PE | CR0_PG), CR0_PE);
    u64 info = m.hart->reg[REG_RBX];
    const char *cmdline = (const char *)m.mem.host + read32(&m, info + 16);
    assert_non_null(strstr(cmdline, " a=1 b=2"));
    assert_null(strchr(cmdline, '/'));
    assert_int_equal(read32(&m, info + 8), (RAM_BYTES - MiB) / KiB); /* mem_upper */
    assert_int_equal(read32(&m, info + 20), 0);                     /* no modules */
    machine_fini(&m);
}

static void an_elf64_image_is_entered_at_its_physical_address(void **state)
{
    (void)state;
    struct machine m;
    machine_init(&m);
    make_elf64();
    assert_true(load_image(&m));
    assert_int_equal(m.hart->reg[REG_RIP], LOAD + 0x10);
    machine_fini(&m);
}

static void a_monitor_finds_its_guest_as_the_first_module(void **state)
{
    (void)state;
    struct machine m;
    machine_init(&m);
    make_elf32(0);
    char monitor[64], guest[64];
    write_image(monitor);
    write_image(guest);
    struct board_options o = {.monitor = {monitor, "host=2M"}, .image = {guest, "pages=64"}};
    assert_true(load(&m, &o));
    u64 info = m.hart->reg[REG_RBX];
    assert_non_null(strstr((const char *)m.mem.host + read32(&m, info + 16), " host=2M"));
    assert_int_equal(read32(&m, info + 20), 1);
    u32 entry = read32(&m, info + 24);
    u32 start = read32(&m, entry), end = read32(&m, entry + 4);
    assert_int_equal(start % PAGE_BYTES, 0);
    assert_int_equal(end - start, image_bytes);
    assert_memory_equal(m.mem.host + start, image, image_bytes);
    assert_non_null(strstr((const char *)m.mem.host + read32(&m, entry + 8), " pages=64"));
    unlink(monitor);
    unlink(guest);
    machine_fini(&m);
}

static void a_missing_image_is_named(void **state)
{
    (void)state;
    struct machine m;
    machine_init(&m);
    struct board_options o = {.image = {"/nonexistent/guest.elf", ""}};
    assert_false(load(&m, &o));
    assert_string_equal(message, "/nonexistent/guest.elf: No such file or directory\n");
    machine_fini(&m);
}

static void files_that_are_not_images_are_refused(void **state)
{
    (void)state;
    make_elf32(0);
    image_bytes = 0;
    expect_refused("not an ELF file");
    make_elf32(0);
    image[0] = 'x';
    expect_refused("not an ELF file");
    make_elf32(0);
    put_multiboot_header(HEADER_AT, 3);
    put32(HEADER_AT, 0);
    expect_refused("no Multiboot 1 header");
    make_elf32(0);
    put_multiboot_header(HEADER_AT, 0x10003);
    expect_refused("a.out layout");
}

static void truncated_images_are_refused(void **state)
{
    (void)state;
    make_elf32(0);
    image_bytes = 40; /* in the ELF header */
    expect_refused("truncated");
    make_elf32(0);
    image_bytes = SEGMENT_AT + 16;
    expect_refused("truncated: a segment's bytes");
}

static void a_foreign_machine_is_refused(void **state)
{
    (void)state;
    make_elf32(0);
    ((Elf32_Ehdr *)(void *)image)->e_machine = EM_ARM;
    expect_refused("ELF machine 40 is not x86");
}

static void overlapping_segments_are_refused(void **state)
{
    (void)state;
    make_elf32(LOAD + SEGMENT_BYTES); /* inside the first one's zero-filled tail */
    expect_refused("overlaps segment 0x100000..0x101800");
}

static void an_image_outside_ram_is_refused(void **state)
{
    (void)state;
    make_elf32((u32)RAM_BYTES - 0x100);
    expect_refused("does not fit into 16 MiB of RAM");
}

static void an_entry_point_outside_the_segments_is_refused(void **state)
{
    (void)state;
    make_elf32(0);
    ((Elf32_Ehdr *)(void *)image)->e_entry = 0x40;
    expect_refused("entry point is in no loadable segment");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_elf32_image_is_loaded_and_entered_as_multiboot_says),
        cmocka_unit_test(an_elf64_image_is_entered_at_its_physical_address),
        cmocka_unit_test(a_monitor_finds_its_guest_as_the_first_module),
        cmocka_unit_test(a_missing_image_is_named),
        cmocka_unit_test(files_that_are_not_images_are_refused),
        cmocka_unit_test(truncated_images_are_refused),
        cmocka_unit_test(a_foreign_machine_is_refused),
        cmocka_unit_test(overlapping_segments_are_refused),
        cmocka_unit_test(an_image_outside_ram_is_refused),
        cmocka_unit_test(an_entry_point_outside_the_segments_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
