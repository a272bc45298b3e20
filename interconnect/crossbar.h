/* crossbar.h - between the cores' private caches and the shared L3: one core-side port per core, one
 * memory-side port.
 *
 * Models:       the way between a core and the slice of the L3 that holds the line, each way (crossbar, ring or mesh:
 *               topology.h); the occupancy of the slices' ports by requests and write-backs and of each core-side
 *               port by answers, first come, first served ("free at cycle n").
 * Not modelled: contention between the ports, arbitration other than order of arrival, the bandwidth that snoops take.
 * Time:         a request starts when the slice's port is free and arrives after the way; it occupies
 *               the port for one cycle, a write-back for 64 / width_bytes. An answer does the same at the
 *               asker's port. The first word leaves first.
 * Neighbours:   askers through crossbar_port(); desc.next, which must not refuse.
 * Checked by:   tests/unit/test_crossbar.c
 */
#ifndef INTERCONNECT_CROSSBAR_H
#define INTERCONNECT_CROSSBAR_H

#include "caches/port.h"
#include "interconnect/topology.h"
#include "models/sim/clock.h"
#include "models/sim/params.h"
#include "models/sim/stats.h"

/* clang-format off */
#define CROSSBAR_PARAMS(P)                                                                    \
    P(u32,    hop_cycles,   4,  RANGE(1, 10000),           "from one side to the other, each way")           \
    P(u32,    width_bytes,  32, POW2_RANGE(1, LINE_BYTES), "bytes per cycle and port: a power of two")       \
    P(choice, topology,     0,  TOPOLOGY_CHOICES,          "distances between cores and slices of the L3")   \
    P(u32,    slices,       1,  RANGE(1, TOPOLOGY_MAX_SLICES), "slices of the L3, each with a port")         \
    P(u32,    columns,      6,  RANGE(1, TOPOLOGY_MAX_SLICES), "of the mesh")                                \
    P(u32,    stop_cycles,  1,  RANGE(0, 1000),            "ring, mesh: for each stop beyond hop_cycles")

#define CROSSBAR_STATS(S)                                                               \
    S(requests,             "reads carried to the memory side")                         \
    S(answers,              "lines carried to the core side")                           \
    S(writebacks,           "lines carried to the memory side")                         \
    S(request_wait_cycles,  "cycles that requests and write-backs waited for the port") \
    S(answer_wait_cycles,   "cycles that answers waited for their core's port")
/* clang-format on */

struct crossbar_cfg {
    CROSSBAR_PARAMS(PARAM_FIELD)
};

extern const struct param crossbar_params[];
extern const size_t crossbar_params_count;

struct crossbar_stats {
    CROSSBAR_STATS(STAT_FIELD)
};

#define CROSSBAR_MAX_PORTS 64

struct crossbar_desc {
    const char *name;
    struct clock *clock;
    struct mem_port next; /* the directory, or the L3 */
    u32 ports;            /* core-side ports: 1..CROSSBAR_MAX_PORTS */
    u32 in_flight;        /* reads that all askers together can have on their way */
};

struct crossbar;

struct crossbar_side {
    struct crossbar *crossbar;
    u64 free_cycle; /* of the answers' direction */
};

/* A read between its request and its answer. */
struct crossbar_read {
    struct mem_request asked;
    i32 next_free;
    u8 served; /* enum served */
};

struct crossbar {
    /* fixed at elaboration */
    const char *name;
    u32 line_cycles, n_ports, n_reads;
    struct topology topology;
    /* wiring */
    struct clock *clock;
    struct mem_port next;
    /* state */
    u64 slice_free_cycle[TOPOLOGY_MAX_SLICES]; /* memory-side ports, the requests' direction */
    struct crossbar_side side[CROSSBAR_MAX_PORTS];
    struct crossbar_read *read;
    i32 free_read;
    u32 reads_in_flight;
    /* statistics */
    struct crossbar_stats stats;
};

void crossbar_init(struct crossbar *x, const struct crossbar_cfg *cfg, const struct crossbar_desc *desc);
void crossbar_fini(struct crossbar *x);

/* Core-side port i. It never refuses and always answers later (PORT_PENDING), but for write-backs. */
struct mem_port crossbar_port(struct crossbar *x, u32 i);

void crossbar_add_stats(const struct crossbar *x, struct stats *reg, const char *prefix);

/* Asserts: requests = answers + in flight. */
void crossbar_check_identities(const struct crossbar *x);

#endif
