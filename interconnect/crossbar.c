/* crossbar.c - reserve a port, travel a hop; the same on the way back. */
#include "interconnect/crossbar.h"

#include "models/sim/check.h"
#include <stdlib.h>

#define NO_READ        (-1)
#define REQUEST_CYCLES 1

#define PARAM_OF struct crossbar_cfg
const struct param crossbar_params[] = {CROSSBAR_PARAMS(PARAM_ROW)};
#undef PARAM_OF
const size_t crossbar_params_count = ARRAY_LEN(crossbar_params);

/* Reserves a port that is free at *free_cycle, from now on or later; returns how long that makes the asker
 * wait. */
static u64 reserve(const struct crossbar *x, u64 *free_cycle, u32 cycles)
{
    const u64 now = clock_now(x->clock);
    const u64 start = max_u64(now, *free_cycle);

    *free_cycle = start + cycles;
    return start - now;
}

/* Cycles between a core-side port and the slice of a line. */
static u32 way_cycles(const struct crossbar *x, u32 port, hpa_t at)
{
    return topology_cycles(&x->topology, port, topology_slice(&x->topology, at.v >> LINE_SHIFT));
}

static u32 port_of(const struct crossbar_side *side)
{
    return (u32)(side - side->crossbar->side);
}

/* --- towards the core --- */

static void deliver_answer(void *self, u64 i)
{
    struct crossbar *x = self;
    const struct crossbar_read over = x->read[i];

    x->read[i].next_free = x->free_read;
    x->free_read = (i32)i;
    x->reads_in_flight--;
    x->stats.answers++;
    if (over.asked.done) over.asked.done(over.asked.self, over.asked.token, over.served);
}

static void send_answer(void *self, u64 i)
{
    struct crossbar *x = self;
    const u32 port = x->read[i].asked.asker;
    const u64 wait = reserve(x, &x->side[port].free_cycle, x->line_cycles);

    x->stats.answer_wait_cycles += wait;
    clock_post(x->clock, clock_now(x->clock) + wait + way_cycles(x, port, x->read[i].asked.at),
               deliver_answer, x, i);
}

static void answered(void *self, u64 i, enum served served)
{
    struct crossbar *x = self;

    x->read[i].served = (u8)served;
    send_answer(x, i);
}

/* --- towards memory --- */

static void deliver_request(void *self, u64 i)
{
    struct crossbar *x = self;
    struct mem_request r = x->read[i].asked;
    u64 ready_cycle;
    enum served served;
    enum port_answer answer;

    r.done = answered;
    r.self = x;
    r.token = i;
    answer = port_access(&x->next, &r, &ready_cycle, &served);
    CHECK(answer != PORT_BUSY, "%s: the memory side refuses", x->name);
    if (answer != PORT_HIT) return;
    x->read[i].served = (u8)served;
    clock_post(x->clock, ready_cycle, send_answer, x, i);
}

/* The message's argument is the line's address, with the kind in the bits of the offset. */
static void deliver_evicted(void *self, u64 address_and_kind)
{
    struct crossbar_side *side = self;
    const struct mem_request r = {.at = HPA(address_and_kind & ~(LINE_BYTES - 1)),
                                  .kind = (u8)(address_and_kind & (LINE_BYTES - 1)),
                                  .origin = ORIGIN_DATA,
                                  .asker = (u8)port_of(side)};
    u64 ready_cycle;
    enum served served;

    port_access(&side->crossbar->next, &r, &ready_cycle, &served);
}

static u64 take_read(struct crossbar *x, u32 port, const struct mem_request *r)
{
    const i32 i = x->free_read;

    CHECK(i != NO_READ, "%s: more than %u reads in flight", x->name, x->n_reads);
    x->free_read = x->read[i].next_free;
    x->reads_in_flight++;
    x->read[i].asked = *r;
    x->read[i].asked.asker = (u8)port;
    return (u64)i;
}

static enum port_answer access(void *self, const struct mem_request *r, u64 *ready_cycle, enum served *served)
{
    struct crossbar_side *side = self;
    struct crossbar *x = side->crossbar;
    const bool evicted = mem_kind_is_evicted(r->kind);
    const u32 slice = topology_slice(&x->topology, r->at.v >> LINE_SHIFT);
    const bool carries_data = r->dirty || mem_kind_writes_memory(r->kind);
    const u64 wait = reserve(x, &x->slice_free_cycle[slice], evicted || carries_data ? x->line_cycles : REQUEST_CYCLES);
    const u64 arrival = clock_now(x->clock) + wait + topology_cycles(&x->topology, port_of(side), slice);

    *ready_cycle = arrival;
    *served = SERVED_UNKNOWN;
    x->stats.request_wait_cycles += wait;
    if (evicted) {
        x->stats.writebacks++;
        clock_post(x->clock, arrival, deliver_evicted, side, (r->at.v & ~(LINE_BYTES - 1)) | r->kind);
        return PORT_HIT;
    }
    x->stats.requests++;
    clock_post(x->clock, arrival, deliver_request, x, take_read(x, port_of(side), r));
    return PORT_PENDING;
}

static void expect(void *self, u64 line)
{
    const struct crossbar_side *side = self;

    port_expect(&side->crossbar->next, line);
}

/* --- building --- */

void crossbar_init(struct crossbar *x, const struct crossbar_cfg *cfg, const struct crossbar_desc *desc)
{
    CHECK(desc->ports >= 1 && desc->ports <= CROSSBAR_MAX_PORTS, "%s: %u ports", desc->name, desc->ports);
    *x = (struct crossbar){.name = desc->name, .n_ports = desc->ports};
    x->topology =
        (struct topology){cfg->topology, cfg->slices, cfg->columns, cfg->hop_cycles, cfg->stop_cycles};
    x->line_cycles = (u32)LINE_BYTES / cfg->width_bytes;
    x->n_reads = desc->in_flight;
    x->clock = desc->clock;
    x->next = desc->next;
    x->read = calloc(x->n_reads, sizeof *x->read);
    CHECK(x->read, "%s: no host memory for %u reads", x->name, x->n_reads);
    for (u32 i = 0; i < x->n_ports; i++) x->side[i].crossbar = x;
    for (u32 i = 0; i < x->n_reads; i++) x->read[i].next_free = i + 1 < x->n_reads ? (i32)i + 1 : NO_READ;
}

void crossbar_fini(struct crossbar *x)
{
    free(x->read);
}

static enum grant warm(void *self, const struct mem_request *r)
{
    struct crossbar_side *side = self;
    struct mem_request asked = *r;

    asked.asker = (u8)port_of(side);
    return port_warm(&side->crossbar->next, &asked);
}

struct mem_port crossbar_port(struct crossbar *x, u32 i)
{
    CHECK(i < x->n_ports, "%s: no port %u", x->name, i);
    return (struct mem_port){.access = access, .self = &x->side[i], .expect = expect, .warm = warm};
}

#define STAT_OF struct crossbar_stats
static const struct stat_row stat_rows[] = {CROSSBAR_STATS(STAT_ROW)};
#undef STAT_OF

void crossbar_add_stats(const struct crossbar *x, struct stats *reg, const char *prefix)
{
    stats_add_rows(reg, prefix, stat_rows, ARRAY_LEN(stat_rows), &x->stats);
}

void crossbar_check_identities(const struct crossbar *x)
{
    CHECK(x->stats.requests == x->stats.answers + x->reads_in_flight, "%s: requests and answers", x->name);
}
