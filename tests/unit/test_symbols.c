/* Symbols are read from this very program: a function with a size, static or not, its line, and what is in no function. */
#include "models/board/symbols.h"
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

/* Assembly labels without type or size, and data that no name of code may claim. */
__asm__(".pushsection .text\n"
        ".globl first_label\nfirst_label: nop; nop; nop; nop\n"
        ".globl second_label\nsecond_label: nop\n"
        ".popsection\n");
extern const char first_label[], second_label[];
int some_data = 1;

enum { LANDMARK_LINE = __LINE__ + 1 };
__attribute__((noinline, used)) static int landmark(int x) { return x * 3 + some_data; }

/* Programs are loaded where the loader likes; symbols say what the linker said. */
static int note_base(struct dl_phdr_info *info, size_t size, void *base)
{
    (void)size;
    *(u64 *)base = info->dlpi_addr;
    return 1; /* the first is the program itself */
}

static u64 linked(const volatile void *place)
{
    u64 base = 0;
    dl_iterate_phdr(note_base, &base);
    return (u64)(uintptr_t)place - base;
}

static u64 landmark_address(void)
{
    int (*f)(int) = landmark;
    void *at;
    memcpy(&at, &f, sizeof at);
    return linked(at);
}

static struct symbols *own(void)
{
    struct symbols *s = symbols_open("/proc/self/exe");
    assert_non_null(s);
    return s;
}

static void a_function_is_named_with_its_file_and_line(void **state)
{
    (void)state;
    struct symbols *s = own();
    char text[SYMBOL_TEXT_BYTES], expected[SYMBOL_TEXT_BYTES];
    snprintf(expected, sizeof expected, "landmark (test_symbols.c:%d)", LANDMARK_LINE);
    assert_string_equal(symbols_name(s, landmark_address(), text), expected);
    symbols_close(s);
}

static void inside_a_function_the_distance_is_told(void **state)
{
    (void)state;
    struct symbols *s = own();
    char text[SYMBOL_TEXT_BYTES];
    symbols_name(s, landmark_address() + 2, text);
    assert_memory_equal(text, "landmark+0x2", 12);
    assert_int_equal(symbols_find_function(s, landmark_address()), symbols_find_function(s, landmark_address() + 2));
    symbols_close(s);
}

static void a_label_without_size_reaches_to_the_next(void **state)
{
    (void)state;
    struct symbols *s = own();
    char text[SYMBOL_TEXT_BYTES];
    assert_memory_equal(symbols_name(s, linked(first_label) + 3, text), "first_label+0x3", 15);
    assert_memory_equal(symbols_name(s, linked(second_label), text), "second_label", 12);
    symbols_close(s);
}

static void data_and_wild_addresses_have_no_name(void **state)
{
    (void)state;
    struct symbols *s = own();
    char text[SYMBOL_TEXT_BYTES] = "old";
    assert_string_equal(symbols_name(s, linked(&some_data), text), "");
    assert_int_equal(symbols_find_function(s, 0), -1);
    assert_int_equal(symbols_find_function(s, UINT64_MAX), -1);
    symbols_close(s);
}

static void what_is_no_image_has_no_symbols(void **state)
{
    (void)state;
    char text[SYMBOL_TEXT_BYTES] = "old";
    assert_null(symbols_open("/nowhere/image.elf"));
    assert_null(symbols_open("/dev/null"));
    assert_null(symbols_open(GIGOGNE_SOURCE "/README.md"));
    assert_string_equal(symbols_name(NULL, 0x1000, text), "");
    assert_int_equal(symbols_find_function(NULL, 0x1000), -1);
    symbols_close(NULL);
}

/* The image says nothing; beside it lies this program as its twin. */
static void the_debug_twin_beside_the_image_is_taken(void **state)
{
    (void)state;
    char folder[] = "/tmp/symbols-XXXXXX", image[64], twin[64], program[4096] = "", text[SYMBOL_TEXT_BYTES];
    assert_non_null(mkdtemp(folder));
    snprintf(image, sizeof image, "%s/guest.elf", folder);
    snprintf(twin, sizeof twin, "%s/guest.debug", folder);
    assert_true(readlink("/proc/self/exe", program, sizeof program - 1) > 0);
    assert_int_equal(symlink(program, twin), 0);
    struct symbols *s = symbols_open(image);
    assert_non_null(s);
    assert_memory_equal(symbols_name(s, landmark_address(), text), "landmark (", 10);
    symbols_close(s);
    unlink(twin);
    rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_function_is_named_with_its_file_and_line),
        cmocka_unit_test(inside_a_function_the_distance_is_told),
        cmocka_unit_test(a_label_without_size_reaches_to_the_next),
        cmocka_unit_test(data_and_wild_addresses_have_no_name),
        cmocka_unit_test(what_is_no_image_has_no_symbols),
        cmocka_unit_test(the_debug_twin_beside_the_image_is_taken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
