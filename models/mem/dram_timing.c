/* dram_timing.c - when the commands of one access can go: its bank's state, the channel's rules, the data bus. */
#include "models/mem/dram.h"

/* What is due up to now: all banks are closed and take nothing until the last refresh is over. */
static void refresh(struct dram_channel *c, u64 now)
{
    const struct dram_cfg *cfg = &c->dram->cfg;
    u64 last, end;

    if (cfg->trefi == 0 || now < c->refresh_due) return;
    last = now - (now - c->refresh_due) % cfg->trefi;
    end = max_u64(last, c->bus_free) + cfg->trfc;
    for (u32 bank = 0; bank < cfg->banks; bank++) {
        c->bank[bank].is_open = false;
        c->bank[bank].activate_from = max_u64(c->bank[bank].activate_from, end);
    }
    c->dram->stats.refreshes += (last - c->refresh_due) / cfg->trefi + 1;
    c->refresh_due = last + cfg->trefi;
}

/* tRRD and tFAW, both from activates of any bank. */
static u64 after_activates(const struct dram_channel *c, u64 cycle)
{
    const struct dram_cfg *cfg = &c->dram->cfg;
    const u64 last = c->activated[(c->n_activated + DRAM_ACTIVATES - 1) % DRAM_ACTIVATES];
    const u64 fourth_last = c->activated[c->n_activated % DRAM_ACTIVATES];

    if (last) cycle = max_u64(cycle, last - 1 + cfg->trrd);
    if (fourth_last) cycle = max_u64(cycle, fourth_last - 1 + cfg->tfaw);
    return cycle;
}

static void activate(struct dram_channel *c, struct dram_bank *b, u64 row, u64 cycle)
{
    const struct dram_cfg *cfg = &c->dram->cfg;

    c->activated[c->n_activated++ % DRAM_ACTIVATES] = cycle + 1;
    b->is_open = true;
    b->open_row = row;
    b->column_from = cycle + cfg->trcd;
    b->precharge_from = cycle + cfg->tras;
}

/* Opens the row if need be. Returns the cycles that its state costs by itself, from the first command to the column command. */
static u32 open_row(struct dram_channel *c, struct dram_bank *b, u64 row, u64 now)
{
    const struct dram_cfg *cfg = &c->dram->cfg;
    struct dram_stats *s = &c->dram->stats;
    const bool was_open = b->is_open;

    if (was_open && b->open_row == row) {
        s->row_hits++;
        return 0;
    }
    if (was_open) b->activate_from = max_u64(now, b->precharge_from) + cfg->trp;
    activate(c, b, row, after_activates(c, max_u64(now, b->activate_from)));
    s->row_misses += !was_open;
    s->row_conflicts += was_open;
    return was_open ? cfg->trp + cfg->trcd : cfg->trcd;
}

/* The first cycle, not before `cycle`, at which the channel takes the column command. */
static u64 column_cycle(const struct dram_channel *c, u32 group, bool writes, u64 cycle)
{
    const struct dram_cfg *cfg = &c->dram->cfg;
    const u64 turn = writes && !c->last_wrote ? cfg->trtw : 0;
    const u64 data = c->bus_free + turn;

    if (c->bus_free && group == c->last_group) cycle = max_u64(cycle, c->last_column + cfg->tccd_l);
    if (!writes && c->last_wrote) cycle = max_u64(cycle, c->written_until + cfg->twtr);
    return max_u64(cycle, data > cfg->tcl ? data - cfg->tcl : 0);
}

static void note_column(struct dram_channel *c, struct dram_bank *b, u32 group, bool writes, u64 column)
{
    const struct dram_cfg *cfg = &c->dram->cfg;
    const u64 end = column + cfg->tcl + cfg->tburst;

    c->last_column = column;
    c->last_group = group;
    c->last_wrote = writes;
    c->bus_free = end;
    if (writes) c->written_until = end;
    b->column_from = column;
    b->precharge_from = max_u64(b->precharge_from, writes ? end + cfg->twr : column + cfg->trtp);
}

u64 dram_play(struct dram_channel *c, const struct dram_access *a, bool writes, u64 now)
{
    const struct dram_cfg *cfg = &c->dram->cfg;
    struct dram_bank *b = &c->bank[a->bank];
    const u32 group = a->bank & (cfg->bank_groups - 1);
    u32 own;
    u64 column;

    refresh(c, now);
    own = open_row(c, b, a->row, now);
    column = column_cycle(c, group, writes, max_u64(now, b->column_from));
    note_column(c, b, group, writes, column);
    c->dram->stats.wait_ps += dram_cycle_to_ps(c->dram, column - a->arrival - own);
    return c->bus_free;
}
