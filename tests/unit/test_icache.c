/* test_icache.c - icache.c and fetch.c: code found again, dropped when written, across pages, pools that
 * fill. */
#include "exec_bench.h"

static struct exec_bench *b;

#define PUT(at, ...) exec_bench_put(b, at, (const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))

static int set_up(void **state)
{
    (void)state;
    b = exec_bench_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    exec_bench_free(b);
    return 0;
}

static void run_from(u64 rip, u64 steps)
{
    b->h.reg[REG_RIP] = rip;
    for (u64 done = 0; done < steps;) done += isa_run(&b->h, steps - done);
}

static void code_is_decoded_once(void **state)
{
    (void)state;
    PUT(EXEC_CODE, 0xff, 0xc0, 0xeb, 0xfc); /* l: inc eax; jmp l */
    run_from(EXEC_CODE, 1000);
    assert_int_equal(b->h.reg[REG_RAX], 500);
    assert_int_equal(b->icache.decoded, 2);
    fetch_restart(&b->h);
    run_from(EXEC_CODE, 10);
    assert_int_equal(b->icache.decoded, 2);
}

static void a_store_into_the_running_block_is_seen_by_the_next_instruction(void **state)
{
    (void)state;
    /* mov byte [rip + 1], 0xc8 makes the inc eax behind it a dec eax */
    PUT(EXEC_CODE, 0xc6, 0x05, 0x01, 0, 0, 0, 0xc8, 0xff, 0xc0, 0xeb, 0xfe);
    run_from(EXEC_CODE, 3);
    assert_int_equal((u32)b->h.reg[REG_RAX], 0xffffffff);
    assert_int_equal(b->h.reg[REG_RIP], EXEC_CODE + 9);
    assert_int_equal(b->h.instructions, 3);
}

static void code_written_through_the_soft_tlb_is_heard(void **state)
{
    (void)state;
    static const u8 store[] = {0x88, 0x07, 0xc3};       /* mov [rdi], al; ret */
    static const u8 value[] = {0xb8, 1, 0, 0, 0, 0xc3}; /* mov eax, 1; ret */
    static const u8 caller[] = {0xff, 0xd6, 0xff, 0xd2,
                                0xff, 0xd6, 0xeb, 0xfe}; /* call rsi; call rdx; call rsi */
    exec_bench_put(b, EXEC_CODE, caller, sizeof caller);
    exec_bench_put(b, EXEC_CODE + 0x100, store, sizeof store);
    exec_bench_put(b, EXEC_DATA + 0x100, value, sizeof value);
    b->h.reg[REG_RDI] = EXEC_DATA; /* the page is written first: the soft TLB holds it */
    b->h.reg[REG_RDX] = EXEC_CODE + 0x100;
    b->h.reg[REG_RSI] = EXEC_CODE + 0x100;
    run_from(EXEC_CODE, 3);
    b->h.reg[REG_RSI] = EXEC_DATA + 0x100; /* now it holds code, which the call of rdx changes */
    b->h.reg[REG_RDI] = EXEC_DATA + 0x101;
    b->h.reg[REG_RAX] = 7;
    run_from(EXEC_CODE, 3);
    assert_int_equal(b->h.reg[REG_RAX], 1);
    b->h.reg[REG_RAX] = 9;
    run_from(EXEC_CODE + 2, 3);
    assert_int_equal(b->mem.host[EXEC_DATA + 0x101], 9);
    run_from(EXEC_CODE + 4, 3);
    assert_int_equal(b->h.reg[REG_RAX], 9);
}

static void writes_beside_code_drop_nothing(void **state)
{
    (void)state;
    PUT(EXEC_CODE, 0x89, 0x07, 0xeb, 0xfc); /* l: mov [rdi], eax; jmp l */
    b->h.reg[REG_RDI] = EXEC_CODE + 0x800;
    run_from(EXEC_CODE, 100);
    assert_int_equal(b->icache.dropped_blocks, 0);
    assert_int_equal(b->icache.decoded, 2);
    b->h.reg[REG_RDI] = EXEC_CODE + 4; /* same line, other bytes */
    run_from(EXEC_CODE, 100);
    assert_int_equal(b->icache.dropped_blocks, 0);
}

static void devices_that_write_code_are_heard(void **state)
{
    (void)state;
    PUT(EXEC_CODE, 0xff, 0xc0, 0xeb, 0xfe);
    run_from(EXEC_CODE, 1);
    assert_int_equal(b->mem.has_code[EXEC_CODE >> PAGE_SHIFT], 1);
    physmem_write64(&b->mem, HPA(EXEC_CODE), 0xfeebc8ff); /* dec eax */
    assert_int_equal(b->mem.has_code[EXEC_CODE >> PAGE_SHIFT], 0);
    run_from(EXEC_CODE, 1);
    assert_int_equal(b->h.reg[REG_RAX], 0);
}

/* add eax, imm32 of which the last `behind` bytes lie in the second page */
static u64 put_crossing(unsigned behind)
{
    u64 at = EXEC_CODE + PAGE_BYTES - 5 + behind;
    PUT(at, 0x05, 1, 0, 0, 0);
    PUT(EXEC_CODE + PAGE_BYTES + behind, 0xeb, 0xfe);
    return at;
}

static void an_instruction_may_cross_a_page_at_any_byte(void **state)
{
    (void)state;
    for (unsigned behind = 1; behind < 5; behind++) {
        u64 at = put_crossing(behind);
        b->h.reg[REG_RAX] = 0;
        run_from(at, 2);
        assert_int_equal(b->h.reg[REG_RAX], 1);
    }
}

static void a_write_to_the_second_page_drops_a_crossing_instruction(void **state)
{
    (void)state;
    u64 at = put_crossing(2);
    run_from(at, 1);
    PUT(EXEC_CODE + PAGE_BYTES + 1, 0x01); /* the immediate's top byte */
    run_from(at, 1);
    assert_int_equal(b->h.reg[REG_RAX], 0x01000002);
}

static bool remapped;

/* The page behind EXEC_CODE's moves to EXEC_DATA when `remapped`. */
static bool remapping_translate(void *self, struct hart *h, va_t va, enum access access, enum access_by by,
                                struct translation *out)
{
    bool moves = remapped && va.v >> PAGE_SHIFT == (EXEC_CODE >> PAGE_SHIFT) + 1;
    u64 to = EXEC_DATA + (va.v & (PAGE_BYTES - 1));
    if (!flat_translate(self, h, va, access, by, out)) return false;
    if (moves) {
        out->at = HPA(to);
        out->host = h->mem->host + to;
    }
    return true;
}

static void a_crossing_instruction_follows_its_second_page(void **state)
{
    (void)state;
    static const struct mmu_ops ops = {remapping_translate, flat_invalidate, flat_context_changed, flat_allows,
                                      flat_read_pdptes};
    u64 at = put_crossing(2);
    PUT(EXEC_DATA, 0x00, 0x02, 0xeb, 0xfe);
    b->h.mmu = &ops;
    remapped = false;
    run_from(at, 1);
    assert_int_equal(b->h.reg[REG_RAX], 1);
    remapped = true;
    soft_tlb_flush(&b->h.soft);
    run_from(at, 1);
    assert_int_equal(b->h.reg[REG_RAX], 0x02000002);
}

static void two_linear_pages_may_share_one_frame(void **state)
{
    (void)state;
    struct icache *ic = &b->icache;
    hpa_t page = HPA(EXEC_CODE), at = HPA(EXEC_CODE + PAGE_BYTES - 2);
    PUT(at.v, 0x05, 1);
    PUT(page.v, 0, 0, 0);
    assert_null(icache_decode(ic, at, MODE_LONG64, NULL));
    assert_non_null(icache_decode(ic, at, MODE_LONG64, &page));
    physmem_write64(&b->mem, HPA(page.v + 8), 0); /* neither part */
    assert_non_null(icache_lookup(ic, at, MODE_LONG64));
    physmem_write64(&b->mem, page, 0);
    assert_null(icache_lookup(ic, at, MODE_LONG64));
    assert_int_equal(b->mem.has_code[page.v >> PAGE_SHIFT], 0);
}

static void the_same_bytes_are_other_instructions_in_another_mode(void **state)
{
    (void)state;
    PUT(EXEC_CODE, 0x40, 0x90); /* 64-bit: rex nop; 32-bit: inc eax; nop */
    run_from(EXEC_CODE, 1);
    assert_int_equal(b->h.reg[REG_RIP], EXEC_CODE + 2);
    exec_bench_32bit(b);
    run_from(EXEC_CODE, 1);
    assert_int_equal(b->h.reg[REG_RAX], 1);
    assert_int_equal(b->h.reg[REG_RIP], EXEC_CODE + 1);
}

static void a_full_pool_starts_over_and_old_descriptions_stay_for_half_of_it(void **state)
{
    (void)state;
    struct icache *ic = &b->icache;
    memset(b->mem.host + EXEC_CODE, 0x90, 64 * PAGE_BYTES);
    const struct block *first = icache_decode(ic, HPA(EXEC_CODE), MODE_LONG64, NULL);
    const struct insn_info *info = &ic->info[first->first];
    for (u64 n = 1; ic->flushes == 0; n++) icache_decode(ic, HPA(EXEC_CODE + n), MODE_LONG64, NULL);
    assert_null(icache_lookup(ic, HPA(EXEC_CODE), MODE_LONG64));
    assert_int_equal(info->mnemonic, ZYDIS_MNEMONIC_NOP);
    run_from(EXEC_CODE, 100);
    assert_int_equal(b->h.reg[REG_RIP], EXEC_CODE + 100);
}

static void a_hart_notices_that_the_pool_started_over(void **state)
{
    (void)state;
    PUT(EXEC_CODE, 0xff, 0xc0, 0xeb, 0xfc);
    run_from(EXEC_CODE, 4);
    icache_flush(&b->icache);
    PUT(EXEC_CODE, 0xff, 0xc8); /* nobody watches the page now */
    b->h.reg[REG_RAX] = 0;
    run_from(EXEC_CODE, 4);
    assert_int_equal((u32)b->h.reg[REG_RAX], (u32)-2);
}

static void code_outside_ram_is_undefined(void **state)
{
    (void)state;
    b->h.reg[REG_RIP] = EXEC_RAM;
    assert_int_equal(exec_bench_step(b), OUT_FAULT);
    assert_int_equal(b->h.fault.vector, VEC_UD);
    assert_int_equal(b->h.reg[REG_RIP], EXEC_RAM);
    PUT(EXEC_RAM - 3, 0x05, 1, 2); /* the second page is not RAM */
    b->h.reg[REG_RIP] = EXEC_RAM - 3;
    assert_int_equal(exec_bench_step(b), OUT_FAULT);
    assert_int_equal(b->h.fault.vector, VEC_UD);
}

static void a_fetch_that_faults_names_the_page_it_needs(void **state)
{
    (void)state;
    u64 at = put_crossing(2);
    b->flat.absent_page = EXEC_CODE + PAGE_BYTES;
    b->h.reg[REG_RIP] = at;
    assert_int_equal(exec_bench_step(b), OUT_FAULT);
    assert_int_equal(b->h.fault.va.v, EXEC_CODE + PAGE_BYTES);
    assert_int_equal(b->h.fault.error, PF_I);
    b->h.reg[REG_RIP] = 0x0000800000000000ull;
    assert_int_equal(exec_bench_step(b), OUT_FAULT);
    assert_int_equal(b->h.fault.vector, VEC_GP);
}

static void unmodelled_instructions_are_counted_and_named(void **state)
{
    (void)state;
    char text[80];
    PUT(EXEC_CODE, 0x62, 0xf1, 0x74, 0x48, 0x58, 0xc2); /* AVX-512 */
    PUT(EXEC_CODE + 16, 0x0f, 0x0b);  /* ud2 is no such thing */
    for (unsigned n = 0; n < 3; n++) {
        b->h.reg[REG_RIP] = EXEC_CODE;
        assert_int_equal(exec_bench_step(b), OUT_FAULT);
        assert_int_equal(b->h.fault.vector, VEC_UD);
    }
    b->h.reg[REG_RIP] = EXEC_CODE + 16;
    exec_bench_step(b);
    assert_int_equal(b->h.unmodelled, 3);
    assert_int_equal(isa_unmodelled_count(&b->icache), 1);
    const struct unmodelled *u = isa_unmodelled_get(&b->icache, 0);
    assert_int_equal(u->count, 3);
    assert_int_equal(u->rip, EXEC_CODE);
    isa_disassemble(u->bytes, u->length, u->mode, u->rip, text, sizeof text);
    assert_string_equal(text, "vaddps zmm0, zmm1, zmm2");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(code_is_decoded_once),
        TEST(a_store_into_the_running_block_is_seen_by_the_next_instruction),
        TEST(code_written_through_the_soft_tlb_is_heard),
        TEST(writes_beside_code_drop_nothing),
        TEST(devices_that_write_code_are_heard),
        TEST(an_instruction_may_cross_a_page_at_any_byte),
        TEST(a_write_to_the_second_page_drops_a_crossing_instruction),
        TEST(a_crossing_instruction_follows_its_second_page),
        TEST(two_linear_pages_may_share_one_frame),
        TEST(the_same_bytes_are_other_instructions_in_another_mode),
        TEST(a_full_pool_starts_over_and_old_descriptions_stay_for_half_of_it),
        TEST(a_hart_notices_that_the_pool_started_over),
        TEST(code_outside_ram_is_undefined),
        TEST(a_fetch_that_faults_names_the_page_it_needs),
        TEST(unmodelled_instructions_are_counted_and_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
