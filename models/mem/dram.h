/* dram.h - DRAM channels behind a memory controller: banks, row buffers, data buses.
 *
 * Models:       open-page policy; per bank one open row; hit (tCL), miss in a closed bank (tRCD + tCL),
 *               conflict (tRP + tRCD + tCL); banks served first come, first served; one data bus per channel,
 *               given out in order of arrival; its own clock: commands start at edges of frequency_hz.
 * Not modelled: refresh, tRAS, tFAW, write recovery, read/write turnaround, reordering (FR-FCFS), ranks,
 *               power states.
 * Addresses:    line number = row | bank | column | channel, from the top; the bank is XORed with the row's
 *               low bits so that strides of a power of two spread over the banks, as Intel's controllers do.
 * Because order of arrival decides everything, a request's time is known when it arrives: the port always
 * answers PORT_HIT.
 * Neighbours:   the last cache level (or crossbar) through dram_port(); `core` clock converts core cycles to
 *               ps and back.
 * Checked by:   tests/unit/test_dram.c, tests/timing/test_memory_latency.c
 */
#ifndef MEM_DRAM_H
#define MEM_DRAM_H

#include "caches/port.h"
#include "models/sim/clock.h"
#include "models/sim/params.h"
#include "models/sim/stats.h"

/* Defaults: DDR4-2933 CL21-21-21, six channels of one rank (Cascade Lake). */
/* clang-format off */
#define DRAM_PARAMS(P)                                                                                       \
    P(u64, frequency_hz,  1466666667, RANGE(1000000, 100000000000ull), "DRAM clock, half the transfer rate") \
    P(u32, channels,      6,     RANGE(1, 64),           "independent channels, lines interleaved")          \
    P(u32, banks,         16,    POW2_RANGE(1, 1024),    "banks per channel: a power of two")                \
    P(u32, row_bytes,     8192,  POW2_RANGE(64, MiB),    "row buffer of a bank: a power of two")             \
    P(u32, trcd,          21,    RANGE(1, 1000),         "activate to column command, in DRAM cycles")       \
    P(u32, tcl,           21,    RANGE(1, 1000),         "column command to first data, in DRAM cycles")     \
    P(u32, trp,           21,    RANGE(1, 1000),         "precharge to activate, in DRAM cycles")            \
    P(u32, tburst,        4,     RANGE(1, 1000),         "data bus time of one line, in DRAM cycles")        \
    P(u64, controller_ps, 15000, RANGE(0, 1000000),      "memory controller and wires, both ways together")

#define DRAM_STATS(S)                                              \
    S(reads,          "lines read")                                \
    S(writes,         "lines written back, and writes that pass the caches")                        \
    S(row_hits,       "accesses to the open row")                  \
    S(row_misses,     "accesses to a bank without an open row")    \
    S(row_conflicts,  "accesses that closed another row first")    \
    S(read_ps,        "time of all reads, arrival to data, in ps") \
    S(wait_ps,        "time that accesses waited for their bank or data bus, in ps")
/* clang-format on */

struct dram_cfg {
    DRAM_PARAMS(PARAM_FIELD)
};

extern const struct param dram_params[];
extern const size_t dram_params_count;

struct dram_stats {
    DRAM_STATS(STAT_FIELD)
};

struct dram_bank {
    u64 open_row; /* valid if is_open */
    u64 free;     /* DRAM cycle from which it takes a command */
    bool is_open;
};

struct dram {
    /* fixed at elaboration */
    const char *name;
    struct dram_cfg cfg;
    u32 row_lines;
    /* wiring */
    struct clock *core; /* the domain of the askers */
    /* state */
    struct dram_bank *bank; /* [channel * banks + bank] */
    u64 *bus_free;          /* [channel]: DRAM cycle from which the data bus is free */
    /* statistics */
    struct dram_stats stats;
};

void dram_init(struct dram *d, const struct dram_cfg *cfg, const char *name, struct clock *core);
void dram_fini(struct dram *d);

struct mem_port dram_port(struct dram *d);

void dram_add_stats(const struct dram *d, struct stats *reg, const char *prefix);

/* Asserts: reads + writes = row hits + misses + conflicts. */
void dram_check_identities(const struct dram *d);

#endif
