/* What `gigogne walk` and `gigogne vmcs` print: the references of a real walk in their order, faults named, nothing changed; fields by area. */
#include "mmu_bench.h"
#include "models/board/inspect.h"
#include <stdio.h>

#define VA_PAGE  0x00007f1234567000ull
#define VA_OTHER 0x0000123400000000ull
#define PAGE_A   (4 * MiB)

static char *walk_text(struct bench *b, u64 va, bool translates)
{
    static char *text;
    static size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(inspect_walk(&b->m, &b->h, VA(va), out), translates);
    fclose(out);
    return text;
}

static void assert_says(const char *text, const char *words)
{
    if (!strstr(text, words)) fail_msg("\"%s\" is not in:\n%s", words, text);
}

/* The host-physical addresses of the steps, in their order, are those of the ledger. */
static void assert_same_references(const char *text, const struct walk_ledger *l)
{
    for (unsigned i = 0; i < l->n_refs; i++) {
        text = strstr(text, "hpa 0x");
        assert_non_null(text);
        assert_int_equal(strtoull(text + 4, NULL, 16), l->ref[i].at.v);
        text += 6;
    }
    assert_null(strstr(text, "hpa 0x"));
}

static void the_steps_are_the_references_of_a_walk_without_caches(void **unused)
{
    (void)unused;
    for (unsigned guest = 4; guest <= 5; guest++)
        for (unsigned host = 0; host <= 5; host += host ? 1 : 4) {
            struct mmu_cfg cfg = bench_bare_cfg();
            struct bench *b = bench_new(&cfg, guest, host, true);
            if (host) bench_map_ept_identity(b, 12);
            bench_map(b, VA_PAGE, PAGE_A, 12, PTE_ALL);
            char *text = walk_text(b, VA_PAGE | 0x18, true);
            bench_expect(b, VA_PAGE | 0x18, ACCESS_READ, false, PAGE_A | 0x18);
            assert_int_equal(bench_ledger(b)->n_refs, (guest + 1) * (host + 1) - 1);
            assert_same_references(text, bench_ledger(b));
            assert_says(text, "host-physical address 0x400018\n");
            free(text);
            bench_free(b);
        }
}

static void the_drawing_numbers_the_references_of_each_level(void **unused)
{
    (void)unused;
    struct bench *b = bench_new(&bench_default_cfg, 4, 4, false);
    bench_map_ept_identity(b, 21);
    bench_map(b, VA_PAGE, PAGE_A, 12, PTE_ALL);
    char *text = walk_text(b, VA_PAGE, true);
    assert_says(text, ": 19 references\n");
    assert_says(text, "                  EPT 4  EPT 3  EPT 2  EPT 1  entry\n"
                      "  level 4             1      2      3      .      4\n"
                      "  level 3             5      6      7      .      8\n"
                      "  level 2             9     10     11      .     12\n"
                      "  level 1            13     14     15      .     16\n"
                      "  address            17     18     19      .      .\n");
    free(text);
    bench_free(b);
}

static void flags_are_decoded(void **unused)
{
    (void)unused;
    struct bench *b = bench_new(&bench_default_cfg, 4, 0, false);
    bench_map(b, VA_PAGE, PAGE_A, 12, PTE_P | PTE_U | PTE_A | PTE_G | PTE_XD);
    char *text = walk_text(b, VA_PAGE, true);
    assert_says(text, "0x8000000000400125  P U G XD A  maps the page\n");
    free(text);
    bench_free(b);
}

static void a_walk_that_ends_early_says_why(void **unused)
{
    (void)unused;
    struct bench *b = bench_new(&bench_default_cfg, 4, 4, false);
    bench_map_ept_identity(b, 12);
    char *text = walk_text(b, VA_OTHER, false);
    assert_says(text, "not present  page fault\nno translation\n");
    free(text);
    bench_map(b, VA_PAGE, PAGE_A, 12, PTE_ALL);
    *bench_ept_entry(b, PAGE_A, 1) = 0;
    text = walk_text(b, VA_PAGE, false);
    assert_says(text, "  ---  EPT violation\nguest-physical address 0x400000\nno translation\n");
    free(text);
    *bench_ept_entry(b, PAGE_A, 1) = PAGE_A | 2; /* writes without reads */
    text = walk_text(b, VA_PAGE, false);
    assert_says(text, "EPT misconfiguration\n");
    free(text);
    bench_map(b, VA_PAGE, 1ull << 50, 12, PTE_ALL);
    text = walk_text(b, VA_PAGE, false);
    assert_says(text, "page fault: reserved bit\nno translation\n");
    free(text);
    bench_free(b);
}

static void looking_changes_nothing(void **unused)
{
    (void)unused;
    struct bench *b = bench_new(&bench_default_cfg, 4, 4, true);
    bench_map_ept_identity(b, 12);
    bench_map(b, VA_PAGE, PAGE_A, 12, PTE_P | PTE_W);
    u8 *before = malloc(RAM_BYTES);
    struct mmu *m = malloc(sizeof *m);
    memcpy(before, b->mem.host, RAM_BYTES);
    *m = b->m;
    free(walk_text(b, VA_PAGE, true));
    assert_memory_equal(before, b->mem.host, RAM_BYTES);
    assert_memory_equal(m, &b->m, sizeof *m);
    free(m);
    free(before);
    bench_free(b);
}

/* --- the VMCS --- */

static char *vmcs_text(struct vmx *x, const struct vmcs *at_entry, bool current)
{
    static char *text;
    static size_t size;
    FILE *out = open_memstream(&text, &size);
    assert_int_equal(inspect_vmcs(x, at_entry, out), current);
    fclose(out);
    return text;
}

static void fields_stand_by_area_with_what_they_were_at_the_last_entry(void **unused)
{
    (void)unused;
    struct bench *b = bench_new(&bench_default_cfg, 4, 0, false);
    struct vmx *x = calloc(1, sizeof *x);
    struct vmcs *v = (struct vmcs *)(void *)(b->mem.host + PAGE_A);
    x->hart = &b->h;
    x->on = true;
    x->current = PAGE_A;
    v->guest_rip = 0x1000;
    v->pin_controls = 0x9;
    struct vmcs before = *v;
    v->guest_rip = 0x1002;
    v->exit_reason = EXIT_io_instruction;
    v->exit_qualification = 0x00f40000;
    char *text = vmcs_text(x, &before, true);
    assert_says(text,
                "* guest_rip                  0x681e  0x0000000000001002  (0x1000 at the last VM entry)\n");
    assert_says(text, "  OUT 1 byte to port 0xf4\n");
    assert_says(text, "  IN, OUT, INS, OUTS\n");
    assert_says(text,
                "  pin_controls               0x4000  0x00000009  external_interrupt_exiting, nmi_exiting\n");
    const char *guest = strstr(text, "\nGuest-State Area\n"), *host = strstr(text, "\nHost-State Area\n");
    const char *control = strstr(text, "\nControl Fields\n"),
               *exit = strstr(text, "\nVM-Exit Information Fields");
    assert_true(guest && guest < host && host < control && control < exit);
    assert_true(strstr(text, "  host_rip ") > host && strstr(text, "  host_rip ") < control);
    free(text);
    text = vmcs_text(x, NULL, true);
    assert_null(strstr(text, "\n*"));
    assert_says(text, "no VM entry has succeeded yet");
    free(text);
    free(x);
    bench_free(b);
}

static void without_a_current_vmcs_that_is_said(void **unused)
{
    (void)unused;
    struct vmx *x = calloc(1, sizeof *x);
    char *text = vmcs_text(x, NULL, false);
    assert_string_equal(text, "the processor is not in VMX operation\n");
    free(text);
    x->on = true;
    x->current = VMCS_NONE;
    text = vmcs_text(x, NULL, false);
    assert_string_equal(text, "no VMCS is current\n");
    free(text);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_steps_are_the_references_of_a_walk_without_caches),
        cmocka_unit_test(the_drawing_numbers_the_references_of_each_level),
        cmocka_unit_test(flags_are_decoded),
        cmocka_unit_test(a_walk_that_ends_early_says_why),
        cmocka_unit_test(looking_changes_nothing),
        cmocka_unit_test(fields_stand_by_area_with_what_they_were_at_the_last_entry),
        cmocka_unit_test(without_a_current_vmcs_that_is_said),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
