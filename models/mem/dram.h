/* dram.h - DRAM channels behind a memory controller: queues, banks, row buffers, data buses.
 *
 * Models:       open-page policy; a read and a write queue for each channel; first ready, first come first served (FR-FCFS: the
 *               oldest access to an open row, else the oldest) or first come first served; writes drained in bursts between two
 *               marks; per bank tRCD, tRP, tRAS, tRTP, tWR; per channel tRRD, tFAW, tCCD within and between bank groups, tWTR,
 *               tRTW, one data bus; refresh of all banks every tREFI for tRFC; its own clock: commands at edges of frequency_hz.
 *               A read of a line that waits to be written is answered from the write queue. A flush with a dirty line is over when the
 *               write queue has the line (below write_high), else when it is written; one without is over at once.
 * Not modelled: ranks, the command bus, refresh of single banks, closing of idle rows, power states.
 * Addresses:    line number = row | bank | column | channel, from the top; the bank is XORed with the row's low bits so that strides
 *               of a power of two spread over the banks, as Intel's controllers do; the bank's low bits are its bank group.
 * Time:         a channel chooses its next access so early that precharge, activate and column command still keep the data bus busy.
 * Neighbours:   the last cache level through dram_port(), which answers reads later (PORT_PENDING) and takes write-backs at once;
 *               `core` clock converts core cycles to ps and back.
 * Checked by:   tests/unit/test_dram.c, tests/timing/test_memory_latency.c
 */
#ifndef MEM_DRAM_H
#define MEM_DRAM_H

#include "caches/port.h"
#include "models/sim/clock.h"
#include "models/sim/params.h"
#include "models/sim/stats.h"

/* Defaults: DDR4-2933 CL21-21-21, six channels of one rank (Cascade Lake); the other times are those of JEDEC's JESD79-4 (DDR4 SDRAM) for
 * 8 Gb devices, x8, in cycles of 682 ps. */
/* clang-format off */
#define DRAM_PARAMS(P)                                                                                       \
    P(u64, frequency_hz,  1466666667, RANGE(1000000, 100000000000ull), "DRAM clock, half the transfer rate") \
    P(u32, channels,      6,     RANGE(1, DRAM_MAX_CHANNELS), "independent channels, lines interleaved")     \
    P(u32, banks,         16,    POW2_RANGE(1, 1024),    "banks per channel: a power of two")                \
    P(u32, bank_groups,   4,     POW2_RANGE(1, 1024),    "groups of these banks: a power of two, at most banks") \
    P(u32, row_bytes,     8192,  POW2_RANGE(64, MiB),    "row buffer of a bank: a power of two")             \
    P(u32, trcd,          21,    RANGE(1, 1000),         "activate to column command, in DRAM cycles")       \
    P(u32, tcl,           21,    RANGE(1, 1000),         "column command to first data, in DRAM cycles")     \
    P(u32, trp,           21,    RANGE(1, 1000),         "precharge to activate, in DRAM cycles")            \
    P(u32, tras,          47,    RANGE(1, 1000),         "activate to precharge, in DRAM cycles")            \
    P(u32, trtp,          11,    RANGE(0, 1000),         "read to precharge, in DRAM cycles")                \
    P(u32, twr,           22,    RANGE(0, 1000),         "end of written data to precharge, in DRAM cycles") \
    P(u32, twtr,          11,    RANGE(0, 1000),         "end of written data to a read, in DRAM cycles")    \
    P(u32, trtw,          2,     RANGE(0, 1000),         "data bus idle from read to written data, in DRAM cycles") \
    P(u32, trrd,          8,     RANGE(0, 1000),         "activate to activate of another bank, in DRAM cycles") \
    P(u32, tfaw,          31,    RANGE(0, 1000),         "window of four activates, in DRAM cycles")         \
    P(u32, tccd_l,        7,     RANGE(0, 1000),         "column to column command in a bank group, in DRAM cycles") \
    P(u32, trefi,         11440, RANGE(0, 1000000),      "refresh interval, in DRAM cycles; 0: no refresh")  \
    P(u32, trfc,          514,   RANGE(1, 100000),       "length of a refresh, in DRAM cycles")              \
    P(u32, tburst,        4,     RANGE(1, 1000),         "data bus time of one line, in DRAM cycles")        \
    P(choice, scheduler,  0,     ONE_OF("fr_fcfs", "fcfs"), "which waiting access is next")                  \
    P(u32, write_high,    48,    RANGE(1, 1024),         "waiting writes at which reads have to wait")       \
    P(u32, write_low,     16,    RANGE(0, 1024),         "waiting writes at which reads go on; below write_high") \
    P(u64, controller_ps, 15000, RANGE(0, 1000000),      "memory controller and wires, both ways together")

#define DRAM_STATS(S)                                              \
    S(reads,          "lines read, counted when their turn comes")  \
    S(writes,         "lines written back, and writes that pass the caches")                        \
    S(row_hits,       "accesses to the open row")                  \
    S(row_misses,     "accesses to a bank without an open row")    \
    S(row_conflicts,  "accesses that closed another row first")    \
    S(forwarded,      "reads answered from the write queue: no access") \
    S(reordered,      "accesses taken before an older one of their queue") \
    S(drains,         "times that waiting writes stopped the reads") \
    S(refreshes,      "refreshes, of a channel each")              \
    S(read_ps,        "time of all reads, arrival to data, in ps") \
    S(wait_ps,        "of the accesses, beyond what their row's state asks for: queues, banks, buses, in ps")
/* clang-format on */

struct dram_cfg {
    DRAM_PARAMS(PARAM_FIELD)
};

extern const struct param dram_params[];
extern const size_t dram_params_count;

struct dram_stats {
    DRAM_STATS(STAT_FIELD)
};

#define DRAM_MAX_CHANNELS 64
#define DRAM_ACTIVATES    4 /* in a window of tFAW */
#define DRAM_NONE         (-1)

/* All times below are DRAM cycles. */
struct dram_bank {
    u64 open_row; /* valid if is_open */
    bool is_open;
    u64 activate_from, precharge_from, column_from; /* the first cycle at which it takes the command */
};

/* An access that waits. */
struct dram_access {
    struct mem_request asked;
    u64 arrival;
    u64 row;
    u32 bank;
    i32 next; /* in its queue, by age; or in the free list */
};

struct dram_queue {
    i32 first, last; /* DRAM_NONE: empty */
    u32 length;
};

struct dram_channel {
    struct dram *dram;
    struct dram_bank *bank; /* [banks] */
    struct dram_queue reads, writes;
    bool draining;        /* writes go first until write_low */
    bool decision_posted; /* decide() will be called */
    u64 bus_free;         /* the data bus */
    u64 last_column;
    u32 last_group;
    bool last_wrote;
    u64 written_until;             /* end of the last written data */
    u64 activated[DRAM_ACTIVATES]; /* a ring of the last activates, plus one so that 0 means never */
    u32 n_activated;
    u64 refresh_due;
};

struct dram {
    /* fixed at elaboration */
    const char *name;
    struct dram_cfg cfg;
    u32 row_lines;
    /* wiring */
    struct clock *core; /* the domain of the askers */
    /* state */
    struct dram_channel channel[DRAM_MAX_CHANNELS];
    struct dram_access *access;
    i32 free_access;
    /* statistics */
    struct dram_stats stats;
};

/* What is wrong with a configuration whose values are each in range, or NULL. */
const char *dram_cfg_error(const struct dram_cfg *cfg);

void dram_init(struct dram *d, const struct dram_cfg *cfg, const char *name, struct clock *core);
void dram_fini(struct dram *d);

struct mem_port dram_port(struct dram *d);

/* The time of a DRAM cycle, or of so many, in ps: floor. */
u64 dram_cycle_to_ps(const struct dram *d, u64 cycle);

/* For the channels: plays one access from DRAM cycle `now` on; returns the cycle at which its data have crossed the bus. */
u64 dram_play(struct dram_channel *c, const struct dram_access *a, bool writes, u64 now);

void dram_add_stats(const struct dram *d, struct stats *reg, const char *prefix);

/* Asserts: reads + writes = row hits + misses + conflicts + forwarded. */
void dram_check_identities(const struct dram *d);

#endif
