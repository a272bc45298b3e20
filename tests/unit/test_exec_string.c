/* test_exec_string.c - exec_string.c: parts, directions, overlaps, faults in the middle, ports. */
#include "exec_bench.h"

static struct exec_bench *b;

#define PUT(at, ...) exec_bench_put(b, at, (const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))
#define STEP(...)    (PUT(EXEC_CODE, __VA_ARGS__), b->h.reg[REG_RIP] = EXEC_CODE, exec_bench_step(b))

static int set_up(void **state)
{
    (void)state;
    b = exec_bench_new();
    b->flat.absent_page = EXEC_DATA + 2 * PAGE_BYTES;
    for (unsigned n = 0; n < 2 * PAGE_BYTES; n++) b->mem.host[EXEC_DATA + n] = (u8)(n * 7 + (n >> 8));
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    exec_bench_free(b);
    return 0;
}

static void set(u64 rsi, u64 rdi, u64 rcx, bool down)
{
    b->h.reg[REG_RSI] = EXEC_DATA + rsi;
    b->h.reg[REG_RDI] = EXEC_DATA + rdi;
    b->h.reg[REG_RCX] = rcx;
    hart_set_rflags(&b->h, RFLAGS_ONE | (down ? RFLAGS_DF : 0));
}

/* What the manual's loop, one element at a time, would leave. */
static void reference_movs(u8 *memory, u64 from, u64 to, u64 count, unsigned bytes, bool down)
{
    for (u64 n = 0; n < count; n++) {
        u64 by = down ? 0 - n * bytes : n * bytes;
        memmove(memory + to + by, memory + from + by, bytes);
    }
}

static void movs_moves_element_by_element_whatever_the_overlap(void **state)
{
    (void)state;
    static const struct {
        u64 from, to, count;
        bool down;
    } rows[] = {
        {0x100, 0x800, 500, false}, {0x100, 0x101, 200, false}, {0x101, 0x100, 200, false},
        {0x100, 0x108, 300, false}, {0x13c, 0x93e, 77, false},  {0x400, 0x900, 200, true},
        {0x400, 0x403, 100, true},  {0x403, 0x400, 100, true},
    };
    static const u8 opcode[4][2] = {{0xf3, 0xa4}, {0x66, 0xf3}, {0xf3, 0xa5}, {0xf3, 0x48}};
    for (unsigned r = 0; r < ARRAY_LEN(rows); r++)
        for (unsigned log2 = 0; log2 < 4; log2++) {
            u64 count = rows[r].count >> log2, moved = count << log2;
            u8 expected[2 * PAGE_BYTES];
            memcpy(expected, b->mem.host + EXEC_DATA, sizeof expected);
            reference_movs(expected, rows[r].from, rows[r].to, count, 1u << log2, rows[r].down);
            set(rows[r].from, rows[r].to, count, rows[r].down);
            assert_int_equal(STEP(opcode[log2][0], opcode[log2][1], 0xa5, 0x90), OUT_NEXT);
            assert_memory_equal(b->mem.host + EXEC_DATA, expected, sizeof expected);
            assert_int_equal(b->h.reg[REG_RCX], 0);
            assert_int_equal(b->h.reg[REG_RSI],
                             EXEC_DATA + rows[r].from + (rows[r].down ? 0 - moved : moved));
            assert_int_equal(b->h.reg[REG_RDI], EXEC_DATA + rows[r].to + (rows[r].down ? 0 - moved : moved));
        }
}

static void a_fault_in_the_middle_leaves_the_registers_at_the_element(void **state)
{
    (void)state;
    set(0, 2 * PAGE_BYTES - 100, 200, false);
    assert_int_equal(STEP(0xf3, 0xa4), OUT_FAULT);
    assert_int_equal(b->h.reg[REG_RCX], 100);
    assert_int_equal(b->h.reg[REG_RSI], EXEC_DATA + 100);
    assert_int_equal(b->h.reg[REG_RDI], EXEC_DATA + 2 * PAGE_BYTES);
    assert_int_equal(b->h.reg[REG_RIP], EXEC_CODE);
    assert_int_equal(b->h.fault.va.v, EXEC_DATA + 2 * PAGE_BYTES);
    b->flat.absent_page = FLAT_NO_PAGE;
    assert_int_equal(exec_bench_step(b), OUT_NEXT);
    assert_int_equal(b->h.reg[REG_RCX], 0);
}

static void a_count_of_zero_touches_nothing(void **state)
{
    (void)state;
    static const u8 opcodes[] = {0xa4, 0xa6, 0xaa, 0xac, 0xae};
    for (unsigned n = 0; n < sizeof opcodes; n++) {
        set(2 * PAGE_BYTES, 2 * PAGE_BYTES, 0, false); /* the page is absent */
        assert_int_equal(STEP(0xf3, opcodes[n]), OUT_NEXT);
        assert_int_equal(b->h.reg[REG_RSI], EXEC_DATA + 2 * PAGE_BYTES);
    }
}

static void stos_fills_in_both_directions(void **state)
{
    (void)state;
    b->h.reg[REG_RAX] = 0x1122334455667788;
    set(0, 0x10, 100, false);
    assert_int_equal(STEP(0xf3, 0x48, 0xab), OUT_NEXT);
    for (unsigned n = 0; n < 100; n++)
        assert_memory_equal(b->mem.host + EXEC_DATA + 0x10 + 8 * n, &b->h.reg[REG_RAX], 8);
    set(0, 0x800, 10, true);
    assert_int_equal(STEP(0xf3, 0x66, 0xab), OUT_NEXT);
    assert_int_equal(b->mem.host[EXEC_DATA + 0x800 - 18], 0x88);
    assert_int_equal(b->h.reg[REG_RDI], EXEC_DATA + 0x800 - 20);
}

static void scas_stops_behind_the_byte_that_it_looks_for(void **state)
{
    (void)state;
    memset(b->mem.host + EXEC_DATA, 'x', 300);
    b->mem.host[EXEC_DATA + 200] = 0;
    b->h.reg[REG_RAX] = 0;
    set(0, 0, ~0ull, false);
    assert_int_equal(STEP(0xf2, 0xae), OUT_NEXT); /* repne scasb: strlen */
    assert_int_equal(~b->h.reg[REG_RCX] - 1, 200);
    assert_int_equal(b->h.reg[REG_RDI], EXEC_DATA + 201);
    assert_true(hart_rflags(&b->h) & RFLAGS_ZF);
}

static void cmps_stops_at_the_first_difference(void **state)
{
    (void)state;
    memcpy(b->mem.host + EXEC_DATA + 0x800, b->mem.host + EXEC_DATA, 200);
    b->mem.host[EXEC_DATA + 0x800 + 150]++;
    set(0, 0x800, 200, false);
    assert_int_equal(STEP(0xf3, 0xa6), OUT_NEXT);
    assert_int_equal(b->h.reg[REG_RCX], 200 - 151);
    assert_int_equal(b->h.reg[REG_RSI], EXEC_DATA + 151);
    assert_true(hart_rflags(&b->h) & RFLAGS_CF);
    set(0, 0x800, 150, false);
    assert_int_equal(STEP(0xf3, 0xa6), OUT_NEXT);
    assert_int_equal(b->h.reg[REG_RCX], 0);
    assert_true(hart_rflags(&b->h) & RFLAGS_ZF);
}

static void a_32_bit_address_size_counts_in_ecx_and_clears_upper_halves(void **state)
{
    (void)state;
    set(0, 0x800, 0xabcd000000000004, false);
    assert_int_equal(STEP(0x67, 0xf3, 0xa4), OUT_NEXT);
    assert_int_equal(b->h.reg[REG_RCX], 0);
    assert_int_equal(b->h.reg[REG_RSI], EXEC_DATA + 4);
}

static void strings_onto_code_are_heard(void **state)
{
    (void)state;
    PUT(EXEC_CODE + 0x100, 0xff, 0xc0);
    b->h.reg[REG_RIP] = EXEC_CODE + 0x100;
    exec_bench_step(b);
    b->mem.host[EXEC_DATA] = 0xff;
    b->mem.host[EXEC_DATA + 1] = 0xc8;
    set(0, 0, 2, false);
    b->h.reg[REG_RDI] = EXEC_CODE + 0x100;
    assert_int_equal(STEP(0xf3, 0xa4), OUT_NEXT);
    b->h.reg[REG_RAX] = 5;
    b->h.reg[REG_RIP] = EXEC_CODE + 0x100;
    exec_bench_step(b);
    assert_int_equal(b->h.reg[REG_RAX], 4);
}

static void ins_and_outs_move_one_element_at_a_time(void **state)
{
    (void)state;
    b->h.reg[REG_RDX] = 0x12;
    set(0, 0x40, 3, false);
    assert_int_equal(STEP(0xf3, 0x6d), OUT_NEXT); /* rep insd */
    assert_int_equal(b->device_accesses, 3);
    assert_int_equal(b->mem.host[EXEC_DATA + 0x40 + 11], 0x12);
    b->mem.host[EXEC_DATA + 2] = 0x77;
    set(0, 0, 3, false);
    assert_int_equal(STEP(0xf3, 0x6e), OUT_NEXT); /* rep outsb */
    assert_int_equal(b->device_accesses, 6);
    assert_int_equal(b->device_value, 0x77);
    assert_int_equal(b->h.reg[REG_RSI], EXEC_DATA + 3);
}

static void ins_reads_no_port_when_its_destination_faults(void **state)
{
    (void)state;
    set(0, 2 * PAGE_BYTES, 1, false);
    assert_int_equal(STEP(0x6c), OUT_FAULT);
    assert_int_equal(b->device_accesses, 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(movs_moves_element_by_element_whatever_the_overlap),
        TEST(a_fault_in_the_middle_leaves_the_registers_at_the_element),
        TEST(a_count_of_zero_touches_nothing),
        TEST(stos_fills_in_both_directions),
        TEST(scas_stops_behind_the_byte_that_it_looks_for),
        TEST(cmps_stops_at_the_first_difference),
        TEST(a_32_bit_address_size_counts_in_ecx_and_clears_upper_halves),
        TEST(strings_onto_code_are_heard),
        TEST(ins_and_outs_move_one_element_at_a_time),
        TEST(ins_reads_no_port_when_its_destination_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
