/* dram.c - a request's time from the state of its bank and its data bus. */
#include "models/mem/dram.h"

#include "models/sim/check.h"
#include <stdlib.h>

#define PS_PER_S 1000000000000ull

#define PARAM_OF struct dram_cfg
const struct param dram_params[] = {DRAM_PARAMS(PARAM_ROW)};
#undef PARAM_OF
const size_t dram_params_count = ARRAY_LEN(dram_params);

__extension__ typedef unsigned __int128 u128;

/* The first DRAM cycle whose edge is not before `ps`. */
static u64 ps_to_cycle(const struct dram *d, u64 ps)
{
    return (u64)(((u128)ps * d->cfg.frequency_hz + PS_PER_S - 1) / PS_PER_S);
}

static u64 cycle_to_ps(const struct dram *d, u64 cycle)
{
    return (u64)((u128)cycle * PS_PER_S / d->cfg.frequency_hz);
}

/* --- addresses --- */

struct place {
    u32 channel;
    struct dram_bank *bank;
    u64 row;
};

static struct place place_of(struct dram *d, hpa_t at)
{
    const u64 line = at.v >> LINE_SHIFT;
    const u64 row_of_channel = line / d->cfg.channels / d->row_lines;
    const u64 row = row_of_channel / d->cfg.banks;
    const u32 channel = (u32)(line % d->cfg.channels);
    const u32 bank = (u32)((row_of_channel ^ row) & (d->cfg.banks - 1));

    return (struct place){channel, &d->bank[channel * d->cfg.banks + bank], row};
}

/* --- one access --- */

/* DRAM cycles from the first command to the column command; opens the row. */
static u32 open_row(struct dram *d, const struct place *p)
{
    const bool was_open = p->bank->is_open;
    const bool same = was_open && p->bank->open_row == p->row;

    p->bank->is_open = true;
    p->bank->open_row = p->row;
    d->stats.row_hits += same;
    d->stats.row_misses += !was_open;
    d->stats.row_conflicts += was_open && !same;
    if (same) return 0;
    return was_open ? d->cfg.trp + d->cfg.trcd : d->cfg.trcd;
}

/* The DRAM cycle at which the line has crossed the data bus, for a request that reaches the banks at
 * `arrival`. */
static u64 play_access(struct dram *d, hpa_t at, u64 arrival)
{
    const struct place p = place_of(d, at);
    const u64 start = max_u64(arrival, p.bank->free);
    const u64 first_data = start + open_row(d, &p) + d->cfg.tcl;
    const u64 on_bus = max_u64(first_data, d->bus_free[p.channel]);
    const u64 end = on_bus + d->cfg.tburst;

    d->bus_free[p.channel] = end;
    p.bank->free = end - d->cfg.tcl; /* column commands follow each other as their data do */
    d->stats.wait_ps += cycle_to_ps(d, start - arrival + on_bus - first_data);
    return end;
}

static enum port_answer access(void *self, const struct mem_request *r, u64 *ready_cycle, enum served *served)
{
    struct dram *d = self;
    const u64 now_ps = clock_cycle_to_ps(d->core, clock_now(d->core));
    const u64 end = play_access(d, r->at, ps_to_cycle(d, now_ps));
    const u64 ready_ps = cycle_to_ps(d, end) + d->cfg.controller_ps;

    *ready_cycle = clock_ps_to_cycle(d->core, ready_ps);
    *served = SERVED_DRAM;
    if (mem_kind_writes_memory(r->kind)) {
        d->stats.writes++;
    } else {
        d->stats.reads++;
        d->stats.read_ps += ready_ps - now_ps;
    }
    return PORT_HIT;
}

/* --- building --- */

void dram_init(struct dram *d, const struct dram_cfg *cfg, const char *name, struct clock *core)
{
    *d = (struct dram){.name = name, .cfg = *cfg, .core = core};
    d->row_lines = cfg->row_bytes / (u32)LINE_BYTES;
    d->bank = calloc((size_t)cfg->channels * cfg->banks, sizeof *d->bank);
    d->bus_free = calloc(cfg->channels, sizeof *d->bus_free);
    CHECK(d->bank && d->bus_free, "%s: no host memory for %u banks", name, cfg->channels * cfg->banks);
}

void dram_fini(struct dram *d)
{
    free(d->bank);
    free(d->bus_free);
}

struct mem_port dram_port(struct dram *d)
{
    return (struct mem_port){access, d};
}

#define STAT_OF struct dram_stats
static const struct stat_row stat_rows[] = {DRAM_STATS(STAT_ROW)};
#undef STAT_OF

void dram_add_stats(const struct dram *d, struct stats *reg, const char *prefix)
{
    stats_add_rows(reg, prefix, stat_rows, ARRAY_LEN(stat_rows), &d->stats);
}

void dram_check_identities(const struct dram *d)
{
    const struct dram_stats *s = &d->stats;

    CHECK(s->reads + s->writes == s->row_hits + s->row_misses + s->row_conflicts, "%s: accesses by row",
          d->name);
}
