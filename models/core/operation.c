/* operation.c - the tables of operations. */
#include "models/core/operation.h"

/* clang-format off */
/* Ports of Intel's: 0, 1, 5, 6 execute, 2 and 3 load, 4 stores, 7 (3 on Nehalem) has the addresses of stores. */
enum {
    P0 = 1 << 0, P1 = 1 << 1, P2 = 1 << 2, P3 = 1 << 3, P4 = 1 << 4, P5 = 1 << 5, P6 = 1 << 6, P7 = 1 << 7,
    P01 = P0 | P1, P05 = P0 | P5, P06 = P0 | P6, P15 = P1 | P5, P23 = P2 | P3,
    P015 = P01 | P5, P237 = P23 | P7, P0156 = P015 | P6,
    P8 = 1 << 8, P9 = 1 << 9, P03 = P0 | P3, P12 = P1 | P2, P0123 = P01 | P23, P45 = P4 | P5, P89 = P8 | P9
};

#define STEP(count, ports, latency)       {count, {ports, latency, 1}}
#define BUSY(count, ports, latency, busy) {count, {ports, latency, busy}}
#define OPERATION(kind, ...) [UOP_##kind][ROW_NARROW] = {{__VA_ARGS__}},
#define WIDE(kind, ...)      [UOP_##kind][ROW_WIDE] = {{__VA_ARGS__}},
#define FURTHER(kind, ...)   [UOP_##kind][ROW_FURTHER] = {{__VA_ARGS__}},
const struct operation operation_tables[TABLE_COUNT][UOP_KINDS][ROW_COUNT] = {
    [TABLE_SKYLAKE] = {
#include "models/core/uops_skylake.def"
    },
    [TABLE_HASWELL] = {
#include "models/core/uops_haswell.def"
    },
    [TABLE_NEHALEM] = {
#include "models/core/uops_nehalem.def"
    },
    [TABLE_SANDY_BRIDGE] = {
#include "models/core/uops_sandy_bridge.def"
    },
    [TABLE_ZEN2] = {
#include "models/core/uops_zen2.def"
    },
};
/* clang-format on */

/* Of those abreast, as many a cycle as there are ports. */
static u32 step_latency(const struct operation_step *s)
{
    u32 ports = (u32)__builtin_popcount(s->by.ports);
    if (s->count == 0 || ports == 0) return 0;
    return s->by.latency + (s->count - 1) / ports * s->by.busy;
}

u32 operation_latency(const struct operation *o)
{
    u32 cycles = 0;
    for (unsigned n = 0; n < OPERATION_STEPS; n++) cycles += step_latency(&o->step[n]);
    return cycles;
}
