/* operation.c - the tables of operations. */
#include "models/core/operation.h"

/* clang-format off */
/* Port numbers, and the sets of them that tables name. F0 to F3 are 8 to 11, the floating-point pipes of AMD's. */
enum {
    P0 = 1 << 0, P1 = 1 << 1, P2 = 1 << 2, P3 = 1 << 3, P4 = 1 << 4, P5 = 1 << 5, P6 = 1 << 6, P7 = 1 << 7,
    P01 = P0 | P1, P03 = P0 | P3, P05 = P0 | P5, P06 = P0 | P6, P12 = P1 | P2, P15 = P1 | P5, P23 = P2 | P3,
    P45 = P4 | P5, P015 = P01 | P5, P237 = P23 | P7, P0123 = P01 | P23, P0156 = P015 | P6,
    F0 = 1 << 8, F1 = 1 << 9, F2 = 1 << 10, F3 = 1 << 11,
    F01 = F0 | F1, F03 = F0 | F3, F12 = F1 | F2, F13 = F1 | F3, F23 = F2 | F3, F013 = F01 | F3, F0123 = F01 | F23
};

#define STEP(count, ports, latency)       {count, {ports, latency, 1}, false}
#define BUSY(count, ports, latency, busy) {count, {ports, latency, busy}, false}
#define ASIDE(count, ports)               {count, {ports, 1, 1}, true}
#define RENAMED(count)                    {count, {0, 0, 1}, false}
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
    if (s->count == 0 || ports == 0 || s->aside) return 0;
    return s->by.latency + (s->count - 1) / ports * s->by.busy;
}

u32 operation_latency(const struct operation *o)
{
    u32 cycles = 0;
    for (unsigned n = 0; n < OPERATION_STEPS; n++) cycles += step_latency(&o->step[n]);
    return cycles;
}
