/* test_exec_memory.c - mem.c, softtlb.c and the memory side of handlers: faults change nothing, splits,
 * order of faults, bit strings. */
#include "exec_bench.h"

static struct exec_bench *b;

#define PUT(at, ...) exec_bench_put(b, at, (const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))
#define STEP(...)    (PUT(EXEC_CODE, __VA_ARGS__), b->h.reg[REG_RIP] = EXEC_CODE, exec_bench_step(b))

static int set_up(void **state)
{
    (void)state;
    b = exec_bench_new();
    b->flat.absent_page = EXEC_DATA + PAGE_BYTES;
    b->flat.readonly_page = EXEC_DATA + 3 * PAGE_BYTES;
    for (unsigned r = 0; r < 16; r++) b->h.reg[r] = r * 0x0101010101010101ull;
    b->h.reg[REG_RSP] = EXEC_STACK;
    hart_set_rflags(&b->h, RFLAGS_ONE | RFLAGS_CF | RFLAGS_OF | RFLAGS_AF);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    exec_bench_free(b);
    return 0;
}

static u64 data(u64 at, unsigned bytes)
{
    u64 v = 0;
    memcpy(&v, b->mem.host + at, bytes);
    return v;
}

/* Registers and flags before and after a faulting instruction. */
struct snapshot {
    u64 reg[REG_FILE], rflags;
};

static struct snapshot snapshot(void)
{
    struct snapshot s;
    memcpy(s.reg, b->h.reg, sizeof s.reg);
    s.reg[REG_RIP] = EXEC_CODE;
    s.rflags = hart_rflags(&b->h);
    return s;
}

static void assert_unchanged(const struct snapshot *s)
{
    assert_memory_equal(s->reg, b->h.reg, sizeof s->reg);
    assert_int_equal(s->rflags, hart_rflags(&b->h));
}

static void a_faulting_instruction_changes_no_register_and_no_flag(void **state)
{
    (void)state;
    static const u8 code[][8] = {
        {0x01, 0x07},             /* add [rdi], eax */
        {0x03, 0x07},             /* add eax, [rdi] */
        {0x0f, 0xc1, 0x07},       /* xadd */
        {0x87, 0x07},             /* xchg */
        {0x0f, 0xb1, 0x0f},       /* cmpxchg */
        {0xd3, 0x27},             /* shl [rdi], cl */
        {0x0f, 0xa5, 0x07},       /* shld [rdi], eax, cl */
        {0x0f, 0xba, 0x2f, 0x05}, /* bts [rdi], 5 */
        {0xf7, 0x27},             /* mul */
        {0x8f, 0x07},             /* pop [rdi] */
        {0xff, 0x37},             /* push [rdi] */
        {0xff, 0x17},             /* call [rdi] */
        {0xff, 0x0f},             /* dec [rdi] */
        {0x0f, 0xbc, 0x07},       /* bsf */
        {0x0f, 0xc7, 0x0f},       /* cmpxchg8b */
    };
    b->h.reg[REG_RDI] = EXEC_DATA + PAGE_BYTES + 0x100;
    for (unsigned n = 0; n < ARRAY_LEN(code); n++) {
        struct snapshot before = snapshot();
        exec_bench_put(b, EXEC_CODE, code[n], sizeof code[n]);
        b->h.reg[REG_RIP] = EXEC_CODE;
        assert_int_equal(exec_bench_step(b), OUT_FAULT);
        assert_int_equal(b->h.fault.vector, VEC_PF);
        assert_unchanged(&before);
    }
}

static void a_read_modify_write_faults_as_a_write(void **state)
{
    (void)state;
    b->h.reg[REG_RDI] = EXEC_DATA + 3 * PAGE_BYTES;
    assert_int_equal(STEP(0x3b, 0x07), OUT_NEXT); /* cmp only reads */
    assert_int_equal(STEP(0x01, 0x07), OUT_FAULT);
    assert_int_equal(b->h.fault.error, PF_P | PF_W);
    b->h.reg[REG_RCX] = 0;
    assert_int_equal(STEP(0xd3, 0x27), OUT_FAULT); /* a shift by 0 writes too */
    b->h.reg[REG_RAX] = 1;
    assert_int_equal(STEP(0x0f, 0xb1, 0x0f), OUT_FAULT); /* so does a CMPXCHG that fails */
}

static void a_store_that_splits_a_page_writes_all_or_nothing(void **state)
{
    (void)state;
    b->h.reg[REG_RDI] = EXEC_DATA + PAGE_BYTES - 4; /* the second half is absent */
    assert_int_equal(STEP(0x48, 0x89, 0x07), OUT_FAULT);
    assert_int_equal(b->h.fault.va.v, EXEC_DATA + PAGE_BYTES);
    assert_int_equal(data(EXEC_DATA + PAGE_BYTES - 4, 4), 0);
    b->h.reg[REG_RDI] = EXEC_DATA + 2 * PAGE_BYTES - 4; /* the first half is */
    assert_int_equal(STEP(0x48, 0x89, 0x07), OUT_FAULT);
    assert_int_equal(b->h.fault.va.v, EXEC_DATA + 2 * PAGE_BYTES - 4);
    b->h.reg[REG_RDI] = EXEC_DATA + 5 * PAGE_BYTES - 3;
    b->h.reg[REG_RAX] = 0x1122334455667788;
    assert_int_equal(STEP(0x48, 0x89, 0x07), OUT_NEXT);
    assert_int_equal(data(EXEC_DATA + 5 * PAGE_BYTES - 3, 8), 0x1122334455667788);
    assert_int_equal(STEP(0x48, 0x29, 0x07), OUT_NEXT); /* sub in place, split */
    assert_int_equal(data(EXEC_DATA + 5 * PAGE_BYTES - 3, 8), 0);
}

static void addresses_that_are_not_canonical_are_gp_or_ss_through_the_stack(void **state)
{
    (void)state;
    b->h.reg[REG_RDI] = 0x0000800000000000ull;
    assert_int_equal(STEP(0x8b, 0x07), OUT_FAULT);
    assert_int_equal(b->h.fault.vector, VEC_GP);
    assert_true(b->h.fault.has_error && b->h.fault.error == 0);
    b->h.reg[REG_RBP] = 0xffff7fffffffffffull;
    assert_int_equal(STEP(0x8b, 0x45, 0x00), OUT_FAULT);
    assert_int_equal(b->h.fault.vector, VEC_SS);
    b->h.reg[REG_RDI] = 0x00007ffffffffffeull; /* the last bytes are over the edge */
    assert_int_equal(STEP(0x8b, 0x07), OUT_FAULT);
    assert_int_equal(b->h.fault.vector, VEC_GP);
}

static void a_branch_to_an_address_that_is_not_canonical_is_its_own_fault(void **state)
{
    (void)state;
    b->h.reg[REG_RAX] = 0x0000800000000000ull;
    assert_int_equal(STEP(0xff, 0xe0), OUT_FAULT);
    assert_int_equal(b->h.fault.vector, VEC_GP);
    assert_int_equal(b->h.reg[REG_RIP], EXEC_CODE);
    assert_int_equal(STEP(0xff, 0xd0), OUT_FAULT); /* call: nothing pushed */
    assert_int_equal(b->h.reg[REG_RSP], EXEC_STACK);
    memcpy(b->mem.host + EXEC_STACK, &b->h.reg[REG_RAX], 8);
    assert_int_equal(STEP(0xc3), OUT_FAULT);
    assert_int_equal(b->h.reg[REG_RSP], EXEC_STACK);
    b->h.cr4 |= CR4_LA57;
    assert_int_equal(STEP(0xff, 0xe0), OUT_JUMP);
}

static void a_register_bit_offset_reaches_beyond_its_operand(void **state)
{
    (void)state;
    b->h.reg[REG_RDI] = EXEC_DATA + 0x100;
    b->h.reg[REG_RAX] = 8 * 0x10 + 3;
    assert_int_equal(STEP(0x48, 0x0f, 0xab, 0x07), OUT_NEXT); /* bts [rdi], rax */
    assert_int_equal(data(EXEC_DATA + 0x110, 1), 8);
    b->h.reg[REG_RAX] = (u64)-1;
    assert_int_equal(STEP(0x48, 0x0f, 0xab, 0x07), OUT_NEXT);
    assert_int_equal(data(EXEC_DATA + 0xff, 1), 0x80);
    b->h.reg[REG_RAX] = 64 + 1;
    assert_int_equal(STEP(0x48, 0x0f, 0xba, 0x2f, 65), OUT_NEXT); /* an immediate wraps */
    assert_int_equal(data(EXEC_DATA + 0x100, 8), 2);
}

static void division_faults_exactly_when_the_quotient_does_not_fit(void **state)
{
    (void)state;
    b->h.reg[REG_RCX] = 2;
    b->h.reg[REG_RDX] = 1;
    b->h.reg[REG_RAX] = ~0ull;
    assert_int_equal(STEP(0x48, 0xf7, 0xf1), OUT_NEXT); /* (2^65 - 1) / 2 */
    assert_int_equal(b->h.reg[REG_RAX], ~0ull);
    assert_int_equal(b->h.reg[REG_RDX], 1);
    b->h.reg[REG_RDX] = 2;
    assert_int_equal(STEP(0x48, 0xf7, 0xf1), OUT_FAULT);
    assert_int_equal(b->h.fault.vector, VEC_DE);
    assert_false(b->h.fault.has_error);
    b->h.reg[REG_RCX] = (u64)-1;
    b->h.reg[REG_RDX] = ~0ull;
    b->h.reg[REG_RAX] = BIT(63);
    assert_int_equal(STEP(0x48, 0xf7, 0xf9), OUT_FAULT); /* -2^63 / -1 */
    b->h.reg[REG_RAX] = BIT(63) + 1;
    assert_int_equal(STEP(0x48, 0xf7, 0xf9), OUT_NEXT);
    assert_int_equal(b->h.reg[REG_RAX], BIT(63) - 1);
    b->h.reg[REG_RDX] = BIT(63);
    b->h.reg[REG_RAX] = 0;
    assert_int_equal(STEP(0x48, 0xf7, 0xf9), OUT_FAULT); /* -2^127 / -1 */
    b->h.reg[REG_RCX] = 0;
    assert_int_equal(STEP(0xf6, 0xf1), OUT_FAULT);
}

static void cmpxchg16b_wants_alignment_and_compares_both_halves(void **state)
{
    (void)state;
    b->h.reg[REG_RDI] = EXEC_DATA + 8;
    assert_int_equal(STEP(0x48, 0x0f, 0xc7, 0x0f), OUT_FAULT);
    assert_int_equal(b->h.fault.vector, VEC_GP);
    b->h.reg[REG_RDI] = EXEC_DATA;
    b->h.reg[REG_RAX] = 0;
    b->h.reg[REG_RDX] = 1;
    assert_int_equal(STEP(0x48, 0x0f, 0xc7, 0x0f), OUT_NEXT);
    assert_false(hart_rflags(&b->h) & RFLAGS_ZF);
    assert_int_equal(b->h.reg[REG_RDX], 0);
    assert_int_equal(STEP(0x48, 0x0f, 0xc7, 0x0f), OUT_NEXT);
    assert_true(hart_rflags(&b->h) & RFLAGS_ZF);
    assert_int_equal(data(EXEC_DATA, 8), b->h.reg[REG_RBX]);
    assert_int_equal(data(EXEC_DATA + 8, 8), b->h.reg[REG_RCX]);
}

static void fs_and_gs_keep_their_base_in_64_bit_mode_and_the_others_do_not(void **state)
{
    (void)state;
    b->h.seg[SEG_GS].base = EXEC_DATA;
    b->h.seg[SEG_DS].base = 0x5000;
    b->h.reg[REG_RDI] = 0x10;
    assert_int_equal(STEP(0x65, 0x89, 0x07), OUT_NEXT);
    assert_int_equal(data(EXEC_DATA + 0x10, 4), (u32)b->h.reg[REG_RAX]);
    b->h.reg[REG_RDI] = EXEC_DATA + 0x20;
    assert_int_equal(STEP(0x3e, 0x89, 0x07), OUT_NEXT);
    assert_int_equal(data(EXEC_DATA + 0x20, 4), (u32)b->h.reg[REG_RAX]);
    assert_int_equal(STEP(0x65, 0x48, 0x8d, 0x07), OUT_NEXT); /* lea has no segment */
    assert_int_equal(b->h.reg[REG_RAX], EXEC_DATA + 0x20);
}

static void implicit_accesses_are_the_supervisor_s(void **state)
{
    (void)state;
    u64 v;
    b->h.soft.user = true;
    b->flat.absent_page = EXEC_DATA;
    assert_false(mem_load_system(&b->h, VA(EXEC_DATA), 8, &v));
    assert_int_equal(b->h.fault.error, 0);
    assert_false(mem_load(&b->h, SEG_DS, VA(EXEC_DATA), 8, &v));
    assert_int_equal(b->h.fault.error, PF_U);
}

static void dropping_a_page_forgets_it_in_every_table(void **state)
{
    (void)state;
    u64 v, at = EXEC_DATA + 2 * PAGE_BYTES;
    mem_load(&b->h, SEG_DS, VA(at), 8, &v);
    mem_store(&b->h, SEG_DS, VA(at), 8, 1);
    unsigned before = b->flat.translations;
    mem_load(&b->h, SEG_DS, VA(at + 8), 8, &v);
    mem_store(&b->h, SEG_DS, VA(at + 8), 8, 1);
    assert_int_equal(b->flat.translations, before);
    soft_tlb_drop(&b->h.soft, VA(at));
    mem_load(&b->h, SEG_DS, VA(at), 8, &v);
    mem_store(&b->h, SEG_DS, VA(at), 8, 1);
    assert_int_equal(b->flat.translations, before + 2);
    soft_tlb_protect(&b->h.soft, b->mem.host + at);
    mem_load(&b->h, SEG_DS, VA(at), 8, &v);
    assert_int_equal(b->flat.translations, before + 2);
    mem_store(&b->h, SEG_DS, VA(at), 8, 1);
    assert_int_equal(b->flat.translations, before + 3);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_faulting_instruction_changes_no_register_and_no_flag),
        TEST(a_read_modify_write_faults_as_a_write),
        TEST(a_store_that_splits_a_page_writes_all_or_nothing),
        TEST(addresses_that_are_not_canonical_are_gp_or_ss_through_the_stack),
        TEST(a_branch_to_an_address_that_is_not_canonical_is_its_own_fault),
        TEST(a_register_bit_offset_reaches_beyond_its_operand),
        TEST(division_faults_exactly_when_the_quotient_does_not_fit),
        TEST(cmpxchg16b_wants_alignment_and_compares_both_halves),
        TEST(fs_and_gs_keep_their_base_in_64_bit_mode_and_the_others_do_not),
        TEST(implicit_accesses_are_the_supervisor_s),
        TEST(dropping_a_page_forgets_it_in_every_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
