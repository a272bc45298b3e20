/* test_ooo_instructions.c - on every family, an instruction takes what the row of its operation says: a chain of it the
 * latency, independent ones what the ports allow. instructions.def holds the instructions.
 *
 * The front end is wide here, so that ports and dependences alone decide. */
#include "tests/timing/instruction_bench.h"
#include <math.h>

struct part {
    u8 kind, row;
};

#define MOST_PARTS 3

struct timed_code {
    const char *name;
    bool chain;
    u8 mode;
    struct part part[MOST_PARTS];
    u8 bytes[24], n_bytes;
};

/* clang-format off */
#define ALONE
#define AND(kind, row) {UOP_##kind, ROW_##row},
#define BYTES(...) {__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__})
#define CHAIN(kind, row, mode, others, ...)                                                                  \
    {#kind " " #row, true, mode, {{UOP_##kind, ROW_##row}, others}, BYTES(__VA_ARGS__)},
#define STREAM(kind, row, mode, others, ...)                                                                 \
    {#kind " " #row, false, mode, {{UOP_##kind, ROW_##row}, others}, BYTES(__VA_ARGS__)},
static const struct timed_code samples[] = {
#include "tests/timing/instructions.def"
};
/* clang-format on */

/* --- what the tables say --- */

static const struct operation *part_operation(enum operation_table table, const struct part *p)
{
    return p->kind == UOP_LOAD ? NULL : operation_find(table, (enum uop_kind)p->kind, (enum uop_row)p->row);
}

static double chain_cycles(enum operation_table table, const struct timed_code *s)
{
    u32 cycles = 0;
    for (unsigned n = 0; n < MOST_PARTS; n++) {
        const struct operation *o = part_operation(table, &s->part[n]);
        if (o) cycles += operation_latency(o);
    }
    return cycles;
}

/* Micro-operations of one copy that execute nowhere but on these ports, and the cycles of units that are not
 * pipelined. */
static void count_ports(enum operation_table table, const struct timed_code *s, unsigned ports, u32 *uops, u32 *busy)
{
    *uops = *busy = 0;
    for (unsigned n = 0; n < MOST_PARTS; n++) {
        const struct operation *o = part_operation(table, &s->part[n]);
        for (unsigned i = 0; o && i < OPERATION_STEPS; i++) {
            const struct execution *by = &o->step[i].by;
            if (o->step[i].count == 0 || by->ports == 0 || (by->ports & ~ports)) continue;
            *uops += o->step[i].count;
            *busy += by->busy > 1 ? o->step[i].count * by->busy : 0;
        }
    }
}

/* No set of ports can do more than one micro-operation a cycle and port: the tightest set decides. */
static double stream_cycles(enum operation_table table, const struct timed_code *s)
{
    double most = 0;
    for (unsigned ports = 1; ports < 1u << OOO_PORTS; ports++) {
        u32 uops, busy;
        count_ports(table, s, ports, &uops, &busy);
        most = fmax(most, (double)uops / __builtin_popcount(ports));
        if (__builtin_popcount(ports) == 1) most = fmax(most, busy);
    }
    return most;
}

/* Operations that others time: memory and branches (test_ooo_memory.c, test_ooo_window.c), those with memory operands
 * only, and those whose result no later one can take. */
static const u8 elsewhere[] = {
    UOP_LOAD,        UOP_STORE,       UOP_BRANCH,       UOP_FENCE,       UOP_FLUSH,        UOP_MICROCODE,
    UOP_CMPXCHG_STORE, UOP_MASK_LOAD, UOP_MASK_STORE,   UOP_MASK_BYTES,  UOP_GATHER,       UOP_ZERO_ALL,
    UOP_LOAD_MXCSR,  UOP_STORE_MXCSR, UOP_X87_EXCHANGE, UOP_X87_CONSTANT, UOP_X87_ADD_INT, UOP_X87_MUL_INT,
    UOP_X87_DIV_INT, UOP_X87_FROM_INT, UOP_X87_TO_INT,  UOP_X87_STATUS,  UOP_X87_LOAD_CONTROL, UOP_X87_EXTRACT};

static void every_operation_has_an_instruction(void **state)
{
    (void)state;
    bool timed[UOP_KINDS] = {false};
    for (unsigned n = 0; n < ARRAY_LEN(samples); n++)
        for (unsigned i = 0; i < MOST_PARTS; i++) timed[samples[n].part[i].kind] = true;
    timed[UOP_LOAD] = false; /* what a part that is not there is called */
    for (unsigned n = 0; n < ARRAY_LEN(elsewhere); n++) {
        assert_false(timed[elsewhere[n]]);
        timed[elsewhere[n]] = true;
    }
    for (unsigned kind = 0; kind < UOP_KINDS; kind++) assert_true(timed[kind]);
}

/* --- what the core does --- */

/* Of one copy, with those that rename does alone, and two moves beside them. */
static u32 slots_of(enum operation_table table, const struct timed_code *s)
{
    u32 slots = 2;
    for (unsigned n = 0; n < MOST_PARTS; n++) {
        const struct operation *o = part_operation(table, &s->part[n]);
        for (unsigned i = 0; o && i < OPERATION_STEPS; i++) slots += o->step[i].count;
    }
    return slots;
}

/* The front end takes a window of 32 bytes a cycle; the decoders, one instruction of several micro-operations, where
 * the micro-op cache does not hold a window's. */
static double front_cycles(const struct pc_cfg *cfg, enum operation_table table, const struct timed_code *s)
{
    u32 slots = slots_of(table, s), windows = s->n_bytes / 32 + 1;
    bool cached = slots * 32 / s->n_bytes <= 3 * cfg->ooo.uop_cache_line;
    double sequenced = slots > cfg->ooo.complex_slots + 2 ? slots / 8.0 + 2 : 0;
    return fmax(fmax(sequenced, slots / 8.0), cached ? windows * s->n_bytes / 32.0 : 1);
}

/* Binding to the emptiest port is not always the best one: a part of a cycle may be lost. */
static bool takes_what_its_row_says(const struct pc_cfg *cfg, enum operation_table table, const struct timed_code *s)
{
    struct bench_code code = {.name = s->name, .mode = s->mode, .bytes = s->bytes, .n_bytes = s->n_bytes};
    double row = s->chain ? chain_cycles(table, s) : stream_cycles(table, s), got = instruction_cost(cfg, &code).cycles;
    double most = s->chain ? row : fmax(row, front_cycles(cfg, table, s)) * 1.1 + 0.15;
    if (got >= row - 0.13 && got <= most + 0.01) return true;
    print_error("%s %s: %.2f cycles, %.2f by its row\n", s->name, s->chain ? "chain" : "stream", got, row);
    return false;
}

static void check_table(enum operation_table table)
{
    struct pc_cfg cfg = instruction_cfg(table);
    unsigned wrong = 0;
    for (unsigned n = 0; n < ARRAY_LEN(samples); n++) wrong += !takes_what_its_row_says(&cfg, table, &samples[n]);
    assert_int_equal(wrong, 0);
}

static void skylake_takes_what_its_table_says(void **state)
{
    (void)state;
    check_table(TABLE_SKYLAKE);
}
static void haswell_takes_what_its_table_says(void **state)
{
    (void)state;
    check_table(TABLE_HASWELL);
}
static void sandy_bridge_takes_what_its_table_says(void **state)
{
    (void)state;
    check_table(TABLE_SANDY_BRIDGE);
}
static void nehalem_takes_what_its_table_says(void **state)
{
    (void)state;
    check_table(TABLE_NEHALEM);
}
static void zen2_takes_what_its_table_says(void **state)
{
    (void)state;
    check_table(TABLE_ZEN2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_operation_has_an_instruction),
        cmocka_unit_test(skylake_takes_what_its_table_says),      cmocka_unit_test(haswell_takes_what_its_table_says),
        cmocka_unit_test(sandy_bridge_takes_what_its_table_says), cmocka_unit_test(nehalem_takes_what_its_table_says),
        cmocka_unit_test(zen2_takes_what_its_table_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
