/* test_exec_legacy.c - 32-bit protected mode: sizes, wrap-around, segment bases, PUSHA, ENTER, and what
 * only 64-bit mode lacks. */
#include "exec_bench.h"

static struct exec_bench *b;

#define PUT(at, ...) exec_bench_put(b, at, (const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))
#define STEP(...)    (PUT(EXEC_CODE, __VA_ARGS__), b->h.reg[REG_RIP] = EXEC_CODE, exec_bench_step(b))

static int set_up(void **state)
{
    (void)state;
    b = exec_bench_new();
    exec_bench_32bit(b);
    for (unsigned r = 0; r < 8; r++) b->h.reg[r] = 0x11111111u * r;
    b->h.reg[REG_RSP] = EXEC_STACK;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    exec_bench_free(b);
    return 0;
}

static u32 data(u64 at)
{
    u32 v;
    memcpy(&v, b->mem.host + at, 4);
    return v;
}

static void addresses_wrap_at_4_gib(void **state)
{
    (void)state;
    b->h.reg[REG_RDI] = 0xfffff000;
    b->h.reg[REG_RCX] = EXEC_DATA + 0x1000;
    assert_int_equal(STEP(0x89, 0x04, 0x0f), OUT_NEXT); /* mov [edi + ecx], eax */
    assert_int_equal(data(EXEC_DATA), (u32)b->h.reg[REG_RAX]);
    b->h.reg[REG_RAX] = 0x0000fff0;
    assert_int_equal(STEP(0x66, 0x05, 0x20, 0x00), OUT_NEXT); /* add ax */
    assert_int_equal(b->h.reg[REG_RAX], 0x10);
}

static void sixteen_bit_addresses_wrap_at_64_kib(void **state)
{
    (void)state;
    b->h.reg[REG_RBX] = 0x1fff0;
    b->h.reg[REG_RSI] = 0x8020;
    assert_int_equal(STEP(0x67, 0x89, 0x00), OUT_NEXT); /* mov [bx + si], eax */
    assert_int_equal(data(0x8010), (u32)b->h.reg[REG_RAX]);
}

static void every_segment_has_its_base(void **state)
{
    (void)state;
    b->h.seg[SEG_DS].base = EXEC_DATA;
    b->h.seg[SEG_ES].base = EXEC_DATA + 0x1000;
    b->h.reg[REG_RDI] = 0x20;
    b->h.reg[REG_RAX] = 0xcafe;
    assert_int_equal(STEP(0x89, 0x07), OUT_NEXT);
    assert_int_equal(data(EXEC_DATA + 0x20), 0xcafe);
    assert_int_equal(STEP(0x26, 0x89, 0x07), OUT_NEXT);
    assert_int_equal(data(EXEC_DATA + 0x1020), 0xcafe);
    assert_int_equal(STEP(0xa3, 0x30, 0, 0, 0), OUT_NEXT); /* mov [0x30], eax */
    assert_int_equal(data(EXEC_DATA + 0x30), 0xcafe);
}

static void pusha_and_popa_carry_eight_registers_but_not_esp(void **state)
{
    (void)state;
    u64 before[8];
    memcpy(before, b->h.reg, sizeof before);
    assert_int_equal(STEP(0x60), OUT_NEXT);
    assert_int_equal(b->h.reg[REG_RSP], EXEC_STACK - 32);
    assert_int_equal(data(EXEC_STACK - 4), before[REG_RAX]);
    assert_int_equal(data(EXEC_STACK - 20), EXEC_STACK);
    assert_int_equal(data(EXEC_STACK - 32), before[REG_RDI]);
    for (unsigned r = 0; r < 8; r++)
        if (r != REG_RSP) b->h.reg[r] = 0;
    assert_int_equal(STEP(0x61), OUT_NEXT);
    assert_memory_equal(before, b->h.reg, sizeof before);
}

static void a_pusha_that_faults_leaves_esp(void **state)
{
    (void)state;
    b->flat.absent_page = EXEC_STACK - PAGE_BYTES;
    b->h.reg[REG_RSP] = EXEC_STACK + 8;
    assert_int_equal(STEP(0x60), OUT_FAULT);
    assert_int_equal(b->h.reg[REG_RSP], EXEC_STACK + 8);
    assert_int_equal(b->h.fault.error, PF_W);
}

static void enter_builds_frames_and_leave_takes_them_down(void **state)
{
    (void)state;
    b->h.reg[REG_RBP] = EXEC_STACK + 0x100;
    assert_int_equal(STEP(0xc8, 0x20, 0x00, 0x00), OUT_NEXT); /* enter 32, 0 */
    assert_int_equal(b->h.reg[REG_RBP], EXEC_STACK - 4);
    assert_int_equal(b->h.reg[REG_RSP], EXEC_STACK - 4 - 32);
    assert_int_equal(data(EXEC_STACK - 4), EXEC_STACK + 0x100);
    assert_int_equal(STEP(0xc9), OUT_NEXT);
    assert_int_equal(b->h.reg[REG_RSP], EXEC_STACK);
    assert_int_equal(b->h.reg[REG_RBP], EXEC_STACK + 0x100);
    u32 outer[2] = {0xaaaa, 0xbbbb}; /* the display below the caller's frame pointer */
    memcpy(b->mem.host + EXEC_STACK + 0x100 - 8, outer, 8);
    assert_int_equal(STEP(0xc8, 0x10, 0x00, 0x03), OUT_NEXT); /* enter 16, 3 */
    assert_int_equal(data(EXEC_STACK - 4), EXEC_STACK + 0x100);
    assert_int_equal(data(EXEC_STACK - 8), 0xbbbb);
    assert_int_equal(data(EXEC_STACK - 12), 0xaaaa);
    assert_int_equal(data(EXEC_STACK - 16), EXEC_STACK - 4);
    assert_int_equal(b->h.reg[REG_RSP], EXEC_STACK - 16 - 16);
}

static void enter_in_64_bit_mode_checks_the_new_top(void **state)
{
    (void)state;
    exec_bench_64bit(b);
    b->h.reg[REG_RSP] = EXEC_STACK + 0x100;
    b->flat.absent_page = EXEC_STACK - PAGE_BYTES;
    assert_int_equal(STEP(0xc8, 0x00, 0x02, 0x00), OUT_FAULT); /* enter 512, 0 */
    assert_int_equal(b->h.reg[REG_RSP], EXEC_STACK + 0x100);
    assert_int_equal(STEP(0xc8, 0x10, 0x00, 0x00), OUT_NEXT);
    assert_int_equal(b->h.reg[REG_RSP], EXEC_STACK + 0x100 - 8 - 16);
    assert_int_equal(b->h.reg[REG_RBP], EXEC_STACK + 0x100 - 8);
}

static void calls_and_returns_push_four_bytes(void **state)
{
    (void)state;
    assert_int_equal(STEP(0xe8, 0x10, 0, 0, 0), OUT_JUMP);
    assert_int_equal(b->h.reg[REG_RIP], EXEC_CODE + 0x15);
    assert_int_equal(b->h.reg[REG_RSP], EXEC_STACK - 4);
    assert_int_equal(data(EXEC_STACK - 4), EXEC_CODE + 5);
    PUT(EXEC_CODE + 0x15, 0xc2, 0x08, 0x00);
    assert_int_equal(exec_bench_step(b), OUT_JUMP);
    assert_int_equal(b->h.reg[REG_RIP], EXEC_CODE + 5);
    assert_int_equal(b->h.reg[REG_RSP], EXEC_STACK + 8);
    assert_int_equal(STEP(0xe9, 0xfb, 0xff, 0xfe, 0xff), OUT_JUMP); /* backwards to 0 */
    assert_int_equal(b->h.reg[REG_RIP], EXEC_CODE - 0x10000);
}

static void a_16_bit_operand_size_truncates_a_branch(void **state)
{
    (void)state;
    b->h.reg[REG_RAX] = 0x12345678;
    assert_int_equal(STEP(0x66, 0xff, 0xe0), OUT_JUMP);
    assert_int_equal(b->h.reg[REG_RIP], 0x5678);
}

static void inc_and_dec_have_their_one_byte_forms(void **state)
{
    (void)state;
    assert_int_equal(STEP(0x41), OUT_NEXT);
    assert_int_equal(b->h.reg[REG_RCX], 0x11111112);
    assert_int_equal(STEP(0x66, 0x4f), OUT_NEXT);
    assert_int_equal(b->h.reg[REG_RDI], 0x77777776);
}

static void loop_counts_by_address_size(void **state)
{
    (void)state;
    b->h.reg[REG_RCX] = 0x10001;
    assert_int_equal(STEP(0xe2, 0x10), OUT_JUMP);
    assert_int_equal(b->h.reg[REG_RCX], 0x10000);
    b->h.reg[REG_RCX] = 0x10001;
    assert_int_equal(STEP(0x67, 0xe2, 0x10), OUT_NEXT);
    assert_int_equal(b->h.reg[REG_RCX], 0x10000);
    assert_int_equal(STEP(0x67, 0xe3, 0x10), OUT_JUMP); /* jcxz */
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(addresses_wrap_at_4_gib),
        TEST(sixteen_bit_addresses_wrap_at_64_kib),
        TEST(every_segment_has_its_base),
        TEST(pusha_and_popa_carry_eight_registers_but_not_esp),
        TEST(a_pusha_that_faults_leaves_esp),
        TEST(enter_builds_frames_and_leave_takes_them_down),
        TEST(enter_in_64_bit_mode_checks_the_new_top),
        TEST(calls_and_returns_push_four_bytes),
        TEST(a_16_bit_operand_size_truncates_a_branch),
        TEST(inc_and_dec_have_their_one_byte_forms),
        TEST(loop_counts_by_address_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
