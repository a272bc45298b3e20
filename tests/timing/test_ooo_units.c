/* test_ooo_units.c - latencies and throughputs: what reference/cascade-lake-measured.csv says of one instruction. */
#include "tests/timing/ooo_bench.h"

static struct pc_cfg cfg;

static int setup(void **state)
{
    (void)state;
    cfg = bench_cfg();
    return 0;
}

#define EMIT(name, ...)                                            \
    static void name(struct core_bench *b, unsigned n)             \
    {                                                              \
        while (n--) CODE(b, __VA_ARGS__);                          \
    }

/* --- chains --- */

EMIT(chain_add, 0x83, 0xc3, 0x01)                   /* add ebx, 1 */
EMIT(chain_imul, 0x0f, 0xaf, 0xd2)                  /* imul edx, edx */
EMIT(chain_lea3, 0x8d, 0x5c, 0x1b, 0x01)            /* lea ebx, [ebx + ebx + 1] */
EMIT(chain_shl_cl, 0xd3, 0xe3)                      /* shl ebx, cl */
EMIT(chain_div, 0x31, 0xd2, 0xbf, 1, 0, 0, 0, 0xf7, 0xf7) /* xor edx, edx; mov edi, 1; div edi */
/* mov edi, divisor; mov or xor edx; div or idiv rdi: RAX gives RAX */
EMIT(chain_div64, 0xbf, 1, 0, 0, 0, 0x31, 0xd2, 0x48, 0xf7, 0xf7)
EMIT(chain_div64_wide, 0xbf, 3, 0, 0, 0, 0xba, 1, 0, 0, 0, 0x48, 0xf7, 0xf7)
EMIT(chain_idiv64, 0xbf, 1, 0, 0, 0, 0x31, 0xd2, 0x48, 0xf7, 0xff)
EMIT(chain_idiv64_wide, 0xbf, 3, 0, 0, 0, 0xba, 1, 0, 0, 0, 0x48, 0xf7, 0xff)
EMIT(chain_cmov, 0x48, 0x0f, 0x44, 0xdf)            /* cmovz rbx, rdi */
EMIT(chain_addsd, 0xf2, 0x0f, 0x58, 0xc0)           /* addsd xmm0, xmm0 */
EMIT(chain_divsd, 0xf2, 0x0f, 0x5e, 0xc0)
EMIT(chain_sqrtsd, 0xf2, 0x0f, 0x51, 0xc0)
EMIT(chain_mov, 0x89, 0xd9, 0x89, 0xcb)             /* mov ecx, ebx; mov ebx, ecx */
EMIT(chain_load, 0x8b, 0x9b, IMM32(LINE(1)))        /* mov ebx, [ebx + LINE(1)] */
EMIT(chain_indexed, 0x8b, 0x9c, 0x0b, IMM32(LINE(1))) /* mov ebx, [ebx + ecx + LINE(1)] */
EMIT(chain_split, 0x8b, 0x9b, IMM32(LINE(2) - 2))
EMIT(chain_page_split, 0x8b, 0x9b, IMM32(P0 + 0x1000 - 2))
EMIT(chain_forward, 0x89, 0x1c, 0x25, IMM32(LINE(1)), 0x8b, 0x1c, 0x25, IMM32(LINE(1)))
/* mov [LINE(1)], ebx; imul ecx, ebx, 0; mov ebx, [ecx + LINE(1)] */
EMIT(chain_forward_late, 0x89, 0x1c, 0x25, IMM32(LINE(1)), 0x6b, 0xcb, 0x00, 0x8b, 0x99, IMM32(LINE(1)))
/* mov [LINE(1)], eax; mov [LINE(1) + 4], eax; mov rax, [LINE(1)] */
EMIT(chain_forward_fail, 0x89, 0x04, 0x25, IMM32(LINE(1)), 0x89, 0x04, 0x25, IMM32(LINE(1) + 4), 0x48, 0x8b, 0x04, 0x25,
     IMM32(LINE(1)))
EMIT(chain_lock_add, 0xf0, 0x83, 0x04, 0x25, IMM32(LINE(1)), 0x01) /* lock add dword [LINE(1)], 1 */
EMIT(chain_mfence, 0x0f, 0xae, 0xf0)
EMIT(chain_lfence, 0x0f, 0xae, 0xe8)

static void an_addition_takes_one_cycle(void **state)
{
    (void)state;
    assert_int_equal(bench_slope(&cfg, false, chain_add, 100), 100);
}
static void a_multiplication_and_a_long_lea_take_three(void **state)
{
    (void)state;
    assert_int_equal(bench_slope(&cfg, false, chain_imul, 50), 150);
    assert_int_equal(bench_slope(&cfg, false, chain_lea3, 50), 150);
}
static void a_shift_by_cl_takes_two(void **state)
{
    (void)state;
    assert_int_equal(bench_slope(&cfg, false, chain_shl_cl, 50), 100);
}
static void a_division_takes_25(void **state)
{
    (void)state;
    assert_int_equal(bench_slope(&cfg, false, chain_div, 10), 25 * 10);
}
static void a_64_bit_division_takes_what_its_dividend_needs(void **state)
{
    (void)state;
    assert_int_equal(bench_slope(&cfg, true, chain_div64, 10), 34 * 10);
    assert_int_equal(bench_slope(&cfg, true, chain_div64_wide, 10), 87 * 10);
    assert_int_equal(bench_slope(&cfg, true, chain_idiv64, 10), 40 * 10);
    assert_int_equal(bench_slope(&cfg, true, chain_idiv64_wide, 10), 94 * 10);
}
static void a_conditional_move_waits_for_what_it_may_keep(void **state)
{
    (void)state;
    assert_int_equal(bench_slope(&cfg, true, chain_cmov, 100), 100);
}
static void floating_point_takes_4_14_18(void **state)
{
    (void)state;
    assert_int_equal(bench_slope(&cfg, false, chain_addsd, 20), 4 * 20);
    assert_int_equal(bench_slope(&cfg, false, chain_divsd, 20), 14 * 20);
    assert_int_equal(bench_slope(&cfg, false, chain_sqrtsd, 20), 18 * 20);
}
static void an_eliminated_move_takes_no_time(void **state)
{
    (void)state;
    assert_int_equal(bench_slope(&cfg, false, chain_mov, 100), 200 / 4);
    cfg.ooo.move_elimination = false;
    assert_int_equal(bench_slope(&cfg, false, chain_mov, 100), 200);
}
static void a_load_that_hits_takes_4_and_5_with_an_index(void **state)
{
    (void)state;
    assert_int_equal(bench_slope(&cfg, false, chain_load, 50), 4 * 50);
    assert_int_equal(bench_slope(&cfg, false, chain_indexed, 50), 5 * 50);
}
static void a_load_that_splits_a_line_takes_11_a_page_12(void **state)
{
    (void)state;
    assert_int_equal(bench_slope(&cfg, false, chain_split, 20), 11 * 20);
    assert_int_equal(bench_slope(&cfg, false, chain_page_split, 20), 12 * 20);
}
static void a_forwarded_load_takes_forward_cycles(void **state)
{
    (void)state;
    assert_int_equal(bench_slope(&cfg, false, chain_forward_late, 50), (3 + cfg.ooo.forward_cycles) * 50);
}
static void a_load_that_came_before_the_data_may_find_its_port_taken(void **state)
{
    (void)state;
    assert_int_equal(bench_slope(&cfg, false, chain_forward, 120), 4.5 * 120); /* measured 4.4 */
}
static void a_load_of_two_buffered_stores_takes_16(void **state)
{
    (void)state;
    assert_int_equal(bench_slope(&cfg, true, chain_forward_fail, 20), 16 * 20); /* measured 16.2 */
}
static void a_locked_instruction_takes_18(void **state)
{
    (void)state;
    assert_int_equal(bench_slope(&cfg, false, chain_lock_add, 20), 18 * 20);
}
static void fences_take_what_their_class_costs(void **state)
{
    (void)state;
    assert_int_equal(bench_slope(&cfg, false, chain_mfence, 20), 33 * 20);
    assert_int_equal(bench_slope(&cfg, false, chain_lfence, 20), 5 * 20);
}

/* --- throughputs --- */

EMIT(constants, 0xb9, 1, 0, 0, 0)                         /* mov ecx, 1 */
EMIT(independent_imuls, 0x6b, 0xd1, 0x03)                 /* imul edx, ecx, 3 */
EMIT(independent_loads, 0x8b, 0x1c, 0x25, IMM32(LINE(1)))
EMIT(independent_stores, 0x89, 0x1c, 0x25, IMM32(LINE(1)))
EMIT(zeroes, 0x31, 0xdb)                                  /* xor ebx, ebx */
EMIT(nops, 0x90)
EMIT(load_ops, 0x03, 0x1c, 0x25, IMM32(LINE(1)), 0x90)    /* add ebx, [LINE(1)]; nop */

static void rename_takes_four_a_cycle(void **state)
{
    (void)state;
    assert_int_equal(bench_slope(&cfg, false, nops, 160), 40);
    assert_int_equal(bench_slope(&cfg, false, zeroes, 160), 40);
    cfg.ooo.rename_width = 2;
    assert_int_equal(bench_slope(&cfg, false, nops, 160), 80);
}
static void four_ports_take_an_alu_operation_each(void **state)
{
    (void)state;
    cfg.ooo.rename_width = cfg.ooo.uop_cache_width = cfg.ooo.decoders = 8;
    cfg.ooo.retire_width = 8;
    cfg.ooo.fetch_bytes = 64;
    assert_int_equal(bench_slope(&cfg, false, constants, 160), 40);
    cfg.ooo.units = 2; /* Nehalem: three */
    assert_in_range(bench_slope(&cfg, false, constants, 159), 53, 54);
}
static void one_port_multiplies(void **state)
{
    (void)state;
    assert_int_equal(bench_slope(&cfg, false, independent_imuls, 100), 100);
}
static void two_loads_a_cycle_one_store(void **state)
{
    (void)state;
    assert_int_equal(bench_slope(&cfg, false, independent_loads, 100), 50);
    assert_int_equal(bench_slope(&cfg, false, independent_stores, 100), 100);
}
static void micro_fusion_saves_slots(void **state)
{
    (void)state;
    assert_int_equal(bench_slope(&cfg, false, load_ops, 100), 100); /* the chain of additions */
    cfg.ooo.rename_width = 1;
    assert_int_equal(bench_slope(&cfg, false, load_ops, 100), 200);
    cfg.ooo.micro_fusion = false;
    assert_int_equal(bench_slope(&cfg, false, load_ops, 100), 300);
}

EMIT(indexed_additions, 0x03, 0x9c, 0x09, IMM32(LINE(1)))                /* add ebx, [ecx + ecx + LINE(1)] */
EMIT(indexed_stores, 0x89, 0x9c, 0x09, IMM32(LINE(1)))                   /* mov [ecx + ecx + LINE(1)], ebx */
EMIT(indexed_shuffles, 0x66, 0x0f, 0x70, 0x84, 0x09, IMM32(LINE(1)), 0)  /* pshufd xmm0, [ecx + ecx + LINE(1)], 0 */
EMIT(long_immediates, 0x81, 0xc1, 1, 0, 0, 0)                            /* add ecx, 1 with 32 bits */
EMIT(short_immediates, 0x66, 0x81, 0xc1, 1, 0)                           /* add cx, 1 with 16 bits */

/* One slot a cycle: a cycle for each that rename takes. */
static u64 slots_of(emit_fn emit, unsigned unlamination)
{
    cfg.ooo.rename_width = 1;
    cfg.ooo.unlamination = unlamination;
    return bench_slope(&cfg, false, emit, 100) / 100;
}

static void what_is_fused_with_an_indexed_load_may_come_apart(void **state)
{
    (void)state;
    assert_int_equal(slots_of(indexed_additions, UNLAMINATE_NEVER), 1);
    assert_int_equal(slots_of(indexed_additions, UNLAMINATE_THREE_INPUTS), 1); /* EBX is an operand, too */
    assert_int_equal(slots_of(indexed_additions, UNLAMINATE_INDEXED), 2);
    assert_int_equal(slots_of(indexed_stores, UNLAMINATE_THREE_INPUTS), 1);
    assert_int_equal(slots_of(indexed_stores, UNLAMINATE_INDEXED), 2);
    assert_int_equal(slots_of(indexed_shuffles, UNLAMINATE_NEVER), 1);
    assert_int_equal(slots_of(indexed_shuffles, UNLAMINATE_THREE_INPUTS), 2);
    assert_int_equal(slots_of(indexed_shuffles, UNLAMINATE_INDEXED), 2);
}
static void a_length_changing_prefix_stops_the_decoders(void **state)
{
    (void)state;
    cfg.ooo.uop_cache_ways = 0;
    cfg.ooo.decoders = 1;
    assert_int_equal(bench_slope(&cfg, false, long_immediates, 32), 32);
    assert_int_equal(bench_slope(&cfg, false, short_immediates, 32), 32 * (1 + cfg.ooo.length_change_cycles));
    cfg.ooo.uop_cache_ways = 8;
    assert_int_equal(bench_slope(&cfg, false, short_immediates, 32), 32 * (1 + cfg.ooo.length_change_cycles)); /* cold */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_addition_takes_one_cycle, setup),
        cmocka_unit_test_setup(a_multiplication_and_a_long_lea_take_three, setup),
        cmocka_unit_test_setup(a_shift_by_cl_takes_two, setup),
        cmocka_unit_test_setup(a_division_takes_25, setup),
        cmocka_unit_test_setup(a_64_bit_division_takes_what_its_dividend_needs, setup),
        cmocka_unit_test_setup(a_conditional_move_waits_for_what_it_may_keep, setup),
        cmocka_unit_test_setup(floating_point_takes_4_14_18, setup),
        cmocka_unit_test_setup(an_eliminated_move_takes_no_time, setup),
        cmocka_unit_test_setup(a_load_that_hits_takes_4_and_5_with_an_index, setup),
        cmocka_unit_test_setup(a_load_that_splits_a_line_takes_11_a_page_12, setup),
        cmocka_unit_test_setup(a_forwarded_load_takes_forward_cycles, setup),
        cmocka_unit_test_setup(a_load_that_came_before_the_data_may_find_its_port_taken, setup),
        cmocka_unit_test_setup(a_load_of_two_buffered_stores_takes_16, setup),
        cmocka_unit_test_setup(a_locked_instruction_takes_18, setup),
        cmocka_unit_test_setup(fences_take_what_their_class_costs, setup),
        cmocka_unit_test_setup(rename_takes_four_a_cycle, setup),
        cmocka_unit_test_setup(four_ports_take_an_alu_operation_each, setup),
        cmocka_unit_test_setup(one_port_multiplies, setup),
        cmocka_unit_test_setup(two_loads_a_cycle_one_store, setup),
        cmocka_unit_test_setup(micro_fusion_saves_slots, setup),
        cmocka_unit_test_setup(what_is_fused_with_an_indexed_load_may_come_apart, setup),
        cmocka_unit_test_setup(a_length_changing_prefix_stops_the_decoders, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
