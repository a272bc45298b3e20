/* test_debug.c - breakpoints on instructions, data and ports, RF, general detect, steps from branch to branch, alignment. */
#include "hart_bench.h"
#include "isa/debug.h"
#include "isa/icache.h"

enum { ON_EXECUTION, ON_WRITE, ON_PORT, ON_ACCESS };
enum { LEN1, LEN2, LEN8, LEN4 };

/* A hart that isa_run runs: the one of hart_bench.h with a decoded-instruction cache. */
static struct icache icache;

static int setup(void **state)
{
    struct hart_bench *b = bench_new();
    icache_init(&icache, &b->mem);
    icache_attach(&icache, &b->h);
    b->h.icache = &icache;
    b->h.fetch.alone = false;
    b->h.dr[7] = 0x400;
    b->h.reg[REG_RAX] = DATA_AT;
    memset(b->mem.host + HANDLER_AT, 0xf4, 0x1000); /* handlers halt */
    return *state = b, 0;
}

static int teardown(void **state)
{
    icache_destroy(&icache);
    return bench_teardown(state);
}

static void put(struct hart_bench *b, const u8 *bytes, size_t length)
{
    memset(b->mem.host + CODE_AT, 0x90, 64);
    memcpy(b->mem.host + CODE_AT, bytes, length);
    physmem_note_write(&b->mem, HPA(CODE_AT), 64);
}
#define PUT(b, ...) put(b, (const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))

static void breakpoint(struct hart_bench *b, unsigned n, u64 at, unsigned condition, unsigned length)
{
    b->h.dr[n] = at;
    b->h.dr[7] |= BIT(2 * n) | (u64)(condition | length << 2) << (16 + 4 * n);
    hart_state_changed(&b->h);
}

/* Runs until something halts, as a #DB's handler does; where it came from. */
static u64 run_to_trap(struct hart_bench *b)
{
    while (b->h.activity == ACTIVITY_ACTIVE && b->h.run_steps < 1000)
        isa_run(&b->h, 200);
    return bench_read(b, b->h.reg[REG_RSP], 8);
}

static void assert_trap(struct hart_bench *b, u64 at, u64 dr6)
{
    assert_int_equal(run_to_trap(b), at);
    assert_int_equal(b->h.reg[REG_RIP], HANDLER_AT + 16 * VEC_DB + 1);
    assert_int_equal(b->h.dr[6], 0xffff0ff0 | dr6);
}

static u64 image(const struct hart_bench *b) { return bench_read(b, b->h.reg[REG_RSP] + 16, 8); }

/* --- instructions --- */

static void an_instruction_breakpoint_faults_before_its_instruction(void **state)
{
    struct hart_bench *b = *state;
    PUT(b, 0x90, 0x90, 0xff, 0x00); /* nop; nop; inc dword [rax] */
    breakpoint(b, 1, CODE_AT + 2, ON_EXECUTION, LEN1);
    assert_trap(b, CODE_AT + 2, BIT(1));
    assert_int_equal(bench_read(b, DATA_AT, 4), 0);
    assert_false(image(b) & RFLAGS_RF);
}

static void rf_covers_one_instruction(void **state)
{
    struct hart_bench *b = *state;
    PUT(b, 0x90, 0x90, 0xeb, 0xfc); /* nop; nop; jmp to the first */
    breakpoint(b, 0, CODE_AT, ON_EXECUTION, LEN1);
    hart_set_rflags(&b->h, RFLAGS_RF);
    u64 before = b->h.instructions;
    assert_trap(b, CODE_AT, BIT(0));
    assert_int_equal(b->h.instructions - before, 3 + 1); /* once around, and the handler's HLT */
}

static void iret_with_rf_goes_on_behind_the_breakpoint(void **state)
{
    struct hart_bench *b = *state;
    const u64 frame[5] = {CODE_AT + 8, SEL_CODE, RFLAGS_RF, STACK_NOW - 64, SEL_DATA};
    PUT(b, 0x48, 0xcf);
    memcpy(b->mem.host + STACK_NOW, frame, sizeof frame);
    breakpoint(b, 0, CODE_AT + 8, ON_EXECUTION, LEN1);
    breakpoint(b, 1, CODE_AT + 9, ON_EXECUTION, LEN1);
    assert_trap(b, CODE_AT + 9, BIT(1));
}

static void mov_ss_holds_off_the_breakpoint_behind_it(void **state)
{
    struct hart_bench *b = *state;
    b->h.reg[REG_RAX] = SEL_DATA;
    PUT(b, 0x8e, 0xd0, 0x90, 0x90); /* mov ss, eax */
    breakpoint(b, 0, CODE_AT + 2, ON_EXECUTION, LEN1);
    breakpoint(b, 1, CODE_AT + 3, ON_EXECUTION, LEN1);
    assert_trap(b, CODE_AT + 3, BIT(1));
}

static void a_repeated_string_instruction_meets_its_breakpoint_once(void **state)
{
    struct hart_bench *b = *state;
    PUT(b, 0xf3, 0xaa, 0x90); /* rep stosb */
    b->h.reg[REG_RDI] = DATA_AT;
    b->h.reg[REG_RCX] = 300;
    breakpoint(b, 0, CODE_AT, ON_EXECUTION, LEN1);
    breakpoint(b, 1, CODE_AT + 2, ON_EXECUTION, LEN1);
    hart_set_rflags(&b->h, RFLAGS_RF);
    assert_trap(b, CODE_AT + 2, BIT(1));
    assert_int_equal(b->h.reg[REG_RCX], 0);
}

static void an_interrupt_inside_a_repeated_instruction_has_rf_in_its_image(void **state)
{
    struct hart_bench *b = *state;
    PUT(b, 0xf3, 0xaa);
    b->h.reg[REG_RDI] = DATA_AT;
    b->h.reg[REG_RCX] = 300;
    isa_run(&b->h, 1);
    assert_true(b->h.reg[REG_RCX] < 300);
    hart_raise_nmi(&b->h);
    assert_int_equal(run_to_trap(b), CODE_AT);
    assert_true(image(b) & RFLAGS_RF);
    bench_set_state(b);
    hart_set_activity(&b->h, ACTIVITY_ACTIVE);
    b->h.nmi_blocked = false;
    hart_set_rflags(&b->h, 0);
    hart_raise_nmi(&b->h); /* now it has not begun */
    b->h.instructions++;
    run_to_trap(b);
    assert_false(image(b) & RFLAGS_RF);
}

/* --- data --- */

static void a_data_breakpoint_traps_behind_the_instruction(void **state)
{
    static const struct { unsigned condition; bool load, store; } rows[] = {
        {ON_WRITE, false, true}, {ON_ACCESS, true, true}};
    for (unsigned n = 0; n < ARRAY_LEN(rows); n++)
        for (unsigned store = 0; store < 2; store++) {
            struct hart_bench *b = *state;
            bool traps = store ? rows[n].store : rows[n].load;
            PUT(b, store ? 0x89 : 0x8b, 0x08, 0x90, 0xf4); /* mov [rax], ecx or mov ecx, [rax] */
            breakpoint(b, 2, DATA_AT, rows[n].condition, LEN4);
            run_to_trap(b);
            assert_int_equal(b->h.dr[6] & 0xf, traps ? BIT(2) : 0);
            if (traps)
                assert_int_equal(bench_read(b, b->h.reg[REG_RSP], 8), CODE_AT + 2);
            teardown(state);
            setup(state);
        }
}

static void a_range_is_aligned_to_its_length_and_any_common_byte_counts(void **state)
{
    static const struct { u64 at; unsigned length; u64 access; bool hit; } rows[] = {
        {DATA_AT + 4, LEN1, DATA_AT + 1, true},   {DATA_AT + 5, LEN1, DATA_AT + 1, false},
        {DATA_AT + 5, LEN2, DATA_AT + 1, true},   {DATA_AT + 7, LEN4, DATA_AT + 1, true},
        {DATA_AT + 15, LEN8, DATA_AT + 5, true},  {DATA_AT + 8, LEN8, DATA_AT + 4, false},
        {DATA_AT + 8, LEN8, DATA_AT + 16, false}, {DATA_AT + 0xfff, LEN1, DATA_AT + 0xffe, true},
        {DATA_AT + 0x1001, LEN1, DATA_AT + 0xffe, true}, /* the access splits a page */
    };
    for (unsigned n = 0; n < ARRAY_LEN(rows); n++) {
        struct hart_bench *b = *state;
        PUT(b, 0x89, 0x08, 0x90, 0xf4);
        b->h.reg[REG_RAX] = rows[n].access;
        breakpoint(b, 0, rows[n].at, ON_WRITE, rows[n].length);
        run_to_trap(b);
        assert_int_equal(b->h.dr[6] & 1, rows[n].hit);
        teardown(state);
        setup(state);
    }
}

static void pushes_read_modify_writes_and_vector_stores_are_seen(void **state)
{
    static const struct { u8 code[5]; unsigned bytes; u64 at; } rows[] = {
        {{0x50}, 1, STACK_NOW - 8}, {{0xf0, 0xff, 0x00}, 3, DATA_AT}, {{0x0f, 0x11, 0x00}, 3, DATA_AT + 12},
        {{0xe8, 0, 0, 0, 0}, 5, STACK_NOW - 8}};
    for (unsigned n = 0; n < ARRAY_LEN(rows); n++) {
        struct hart_bench *b = *state;
        b->h.cr4 |= CR4_OSFXSR;
        put(b, rows[n].code, rows[n].bytes);
        breakpoint(b, 3, rows[n].at, ON_WRITE, LEN1);
        assert_trap(b, CODE_AT + rows[n].bytes, BIT(3));
        teardown(state);
        setup(state);
    }
}

static void a_string_instruction_traps_behind_the_element_that_matches(void **state)
{
    struct hart_bench *b = *state;
    PUT(b, 0xf3, 0xaa, 0x90);
    b->h.reg[REG_RDI] = DATA_AT;
    b->h.reg[REG_RCX] = 300;
    breakpoint(b, 0, DATA_AT + 70, ON_WRITE, LEN1);
    assert_trap(b, CODE_AT, BIT(0));
    assert_int_equal(b->h.reg[REG_RDI], DATA_AT + 71);
    assert_true(image(b) & RFLAGS_RF);
}

static void an_instruction_that_faults_leaves_no_trap(void **state)
{
    struct hart_bench *b = *state;
    PUT(b, 0xff, 0x30); /* push [rax], whose push faults */
    b->flat.absent_page = 0x13000;
    b->h.reg[REG_RSP] = 0x13ff8;
    bench_gate(b, VEC_PF, TYPE_INT_GATE, SEL_CODE, 0, 1);
    breakpoint(b, 0, DATA_AT, ON_ACCESS, LEN1);
    run_to_trap(b);
    assert_int_equal(b->h.reg[REG_RIP], HANDLER_AT + 16 * VEC_PF + 1);
    assert_int_equal(b->h.dr[6], 0xffff0ff0);
}

static void mov_ss_from_watched_memory_traps_one_instruction_later(void **state)
{
    struct hart_bench *b = *state;
    PUT(b, 0x8e, 0x10, 0x90, 0x90); /* mov ss, [rax] */
    bench_write(b, DATA_AT, 2, SEL_DATA);
    breakpoint(b, 0, DATA_AT, ON_ACCESS, LEN2);
    assert_trap(b, CODE_AT + 3, BIT(0));
}

static void what_is_not_enabled_is_not_watched(void **state)
{
    struct hart_bench *b = *state;
    PUT(b, 0x89, 0x08, 0xf4);
    breakpoint(b, 0, DATA_AT, ON_WRITE, LEN4);
    assert_int_equal(b->h.watch, WATCH_DATA);
    assert_int_equal(b->h.soft.lookup_class, SOFT_CLASS_EMPTY);
    b->h.dr[7] &= ~(u64)DR7_ENABLED;
    hart_state_changed(&b->h);
    assert_int_equal(b->h.soft.lookup_class, 0);
    assert_int_equal(b->h.attention, 0);
    run_to_trap(b);
    assert_int_equal(b->h.dr[6], 0xffff0ff0);
}

/* --- ports --- */

static void a_port_breakpoint_needs_de(void **state)
{
    for (unsigned de = 0; de < 2; de++) {
        struct hart_bench *b = *state;
        b->h.cr4 |= de ? CR4_DE : 0;
        PUT(b, 0xe5, 0x5e, 0x90, 0xf4); /* in eax, 0x5e: ports 5e to 61 */
        breakpoint(b, 0, 0x60, ON_PORT, LEN2);
        run_to_trap(b);
        assert_int_equal(b->h.dr[6] & 1, de);
        if (de)
            assert_int_equal(bench_read(b, b->h.reg[REG_RSP], 8), CODE_AT + 2);
        teardown(state);
        setup(state);
    }
}

/* --- the registers --- */

static void general_detect_faults_and_is_cleared(void **state)
{
    struct hart_bench *b = *state;
    PUT(b, 0x0f, 0x21, 0xf8); /* mov rax, dr7 */
    b->h.dr[7] |= DR7_GD;
    assert_trap(b, CODE_AT, DR6_BD);
    assert_true(image(b) & RFLAGS_RF);
    assert_false(b->h.dr[7] & DR7_GD);
}

static void dr4_and_dr5_are_dr6_and_dr7_without_de(void **state)
{
    struct hart_bench *b = *state;
    b->h.dr[6] = 0xffff4ff0;
    assert_int_equal(STEP(b, 0x0f, 0x21, 0xe3), OUT_NEXT); /* mov rbx, dr4 */
    assert_int_equal(b->h.reg[REG_RBX], 0xffff4ff0);
    b->h.cr4 |= CR4_DE;
    assert_int_equal(STEP(b, 0x0f, 0x21, 0xe3), OUT_FAULT);
    assert_fault(b, VEC_UD, 0);
}

static void writing_dr7_watches_from_the_next_instruction_on(void **state)
{
    struct hart_bench *b = *state;
    b->h.dr[0] = DATA_AT;
    b->h.reg[REG_RCX] = 0x000d0401; /* write, 4 bytes, L0 */
    PUT(b, 0x0f, 0x23, 0xf9, 0x89, 0x08, 0x90); /* mov dr7, rcx; mov [rax], ecx */
    assert_trap(b, CODE_AT + 5, BIT(0));
}

static void dr6_is_sticky(void **state)
{
    struct hart_bench *b = *state;
    b->h.dr[6] |= BIT(3);
    PUT(b, 0x90);
    breakpoint(b, 0, CODE_AT, ON_EXECUTION, LEN1);
    assert_trap(b, CODE_AT, BIT(0) | BIT(3));
}

/* --- steps --- */

static void btf_steps_to_the_branch_that_is_taken(void **state)
{
    struct hart_bench *b = *state;
    PUT(b, 0x90, 0x70, 0x02, 0x90, 0x71, 0x10, 0x90); /* jo (not taken), jno +0x10 */
    hart_set_rflags(&b->h, RFLAGS_TF);
    b->h.debugctl = DEBUGCTL_BTF;
    assert_trap(b, CODE_AT + 0x16, DR6_BS);
    assert_int_equal(b->h.debugctl, 0);
}

static void a_step_through_a_repeated_instruction_is_one_element(void **state)
{
    struct hart_bench *b = *state;
    PUT(b, 0xf3, 0xaa, 0x90);
    b->h.reg[REG_RDI] = DATA_AT;
    b->h.reg[REG_RCX] = 8;
    hart_set_rflags(&b->h, RFLAGS_TF);
    assert_trap(b, CODE_AT, DR6_BS);
    assert_int_equal(b->h.reg[REG_RCX], 7);
}

static void a_trap_of_data_and_the_step_come_together(void **state)
{
    struct hart_bench *b = *state;
    PUT(b, 0x89, 0x08, 0x90);
    hart_set_rflags(&b->h, RFLAGS_TF);
    breakpoint(b, 0, DATA_AT, ON_WRITE, LEN1);
    assert_trap(b, CODE_AT + 2, BIT(0) | DR6_BS);
}

static void int1_clears_general_detect_and_sets_no_bit_of_dr6(void **state)
{
    struct hart_bench *b = *state;
    PUT(b, 0xf1);
    b->h.dr[7] |= DR7_GD;
    assert_trap(b, CODE_AT + 1, 0);
    assert_false(b->h.dr[7] & DR7_GD);
}

/* --- alignment --- */

static void misaligned_accesses_of_ring_3_are_ac_if_both_am_and_ac_ask(void **state)
{
    for (unsigned asked = 0; asked < 8; asked++) {
        struct hart_bench *b = *state;
        bool checked = asked == 7;
        b->h.cr0 |= asked & 1 ? CR0_AM : 0;
        if (asked & 4)
            bench_user(b, true);
        hart_state_changed(&b->h);
        hart_set_rflags(&b->h, asked & 2 ? RFLAGS_AC : 0);
        b->h.reg[REG_RAX] = DATA_AT + 2;
        assert_int_equal(STEP(b, 0x89, 0x08), checked ? OUT_FAULT : OUT_NEXT);
        if (checked) {
            assert_fault(b, VEC_AC, 0);
            assert_true(b->h.fault.has_error);
        }
        assert_int_equal(STEP(b, 0x66, 0x89, 0x08), OUT_NEXT); /* two bytes are aligned there */
        teardown(state);
        setup(state);
    }
}

#define DEBUG_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        DEBUG_TEST(an_instruction_breakpoint_faults_before_its_instruction),
        DEBUG_TEST(rf_covers_one_instruction),
        DEBUG_TEST(iret_with_rf_goes_on_behind_the_breakpoint),
        DEBUG_TEST(mov_ss_holds_off_the_breakpoint_behind_it),
        DEBUG_TEST(a_repeated_string_instruction_meets_its_breakpoint_once),
        DEBUG_TEST(an_interrupt_inside_a_repeated_instruction_has_rf_in_its_image),
        DEBUG_TEST(a_data_breakpoint_traps_behind_the_instruction),
        DEBUG_TEST(a_range_is_aligned_to_its_length_and_any_common_byte_counts),
        DEBUG_TEST(pushes_read_modify_writes_and_vector_stores_are_seen),
        DEBUG_TEST(a_string_instruction_traps_behind_the_element_that_matches),
        DEBUG_TEST(an_instruction_that_faults_leaves_no_trap),
        DEBUG_TEST(mov_ss_from_watched_memory_traps_one_instruction_later),
        DEBUG_TEST(what_is_not_enabled_is_not_watched),
        DEBUG_TEST(a_port_breakpoint_needs_de),
        DEBUG_TEST(general_detect_faults_and_is_cleared),
        DEBUG_TEST(dr4_and_dr5_are_dr6_and_dr7_without_de),
        DEBUG_TEST(writing_dr7_watches_from_the_next_instruction_on),
        DEBUG_TEST(dr6_is_sticky),
        DEBUG_TEST(btf_steps_to_the_branch_that_is_taken),
        DEBUG_TEST(a_step_through_a_repeated_instruction_is_one_element),
        DEBUG_TEST(a_trap_of_data_and_the_step_come_together),
        DEBUG_TEST(int1_clears_general_detect_and_sets_no_bit_of_dr6),
        DEBUG_TEST(misaligned_accesses_of_ring_3_are_ac_if_both_am_and_ac_ask),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
