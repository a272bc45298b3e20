#include "models/core/bpred.h"
#include "models/sim/check.h"
#include <stdio.h>
#include <string.h>

static bool has_tage(const struct bpred *b)
{
    return b->cfg.kind == BPRED_TAGE;
}

void bpred_init(struct bpred *b, const struct bpred_cfg *cfg)
{
    memset(b, 0, sizeof *b);
    b->cfg = *cfg;
    btb_init(&b->btb, cfg->btb_entries);
    if (has_tage(b)) {
        tage_init(&b->tage, cfg->table_bits);
        ittage_init(&b->ittage, cfg->table_bits);
    } else {
        gshare_init(&b->gshare, cfg->history_bits);
    }
}

void bpred_fini(struct bpred *b)
{
    btb_fini(&b->btb);
    if (has_tage(b)) {
        tage_fini(&b->tage);
        ittage_fini(&b->ittage);
    } else {
        gshare_fini(&b->gshare);
    }
}

static void push_history(struct bpred *b, bool bit)
{
    history_push(&b->history, bit);
    tage_update_history(&b->tage, &b->history);
    ittage_update_history(&b->ittage, &b->history);
}

/* --- direct branches --- */

/* Where it goes the front end knows before decode only if the target buffer holds it. */
static enum prediction find_direct_target(struct bpred *b, u64 rip, u64 next)
{
    bool known = !has_tage(b) || btb_exchange(&b->btb, rip, next) == next;
    b->stats.late_targets += !known;
    return known ? PREDICTED_RIGHT : PREDICTED_LATE;
}

static enum prediction predict_direction(struct bpred *b, u64 rip, bool taken, u64 next)
{
    bool right = has_tage(b) ? tage_branch(&b->tage, rip, taken) : gshare_branch(&b->gshare, rip, taken);
    if (has_tage(b)) push_history(b, taken);
    enum prediction target = taken ? find_direct_target(b, rip, next) : PREDICTED_RIGHT;
    b->stats.direction_mispredicts += !right;
    return right ? target : PREDICTED_WRONG;
}

/* --- indirect branches --- */

/* Two bits of the target enter the history. */
static enum prediction predict_target(struct bpred *b, u64 rip, u64 next)
{
    u64 last = btb_exchange(&b->btb, rip, next);
    bool right = has_tage(b) ? ittage_branch(&b->ittage, rip, last, next) : last == next;
    if (has_tage(b)) {
        push_history(b, (next >> 4 ^ next >> 7) & 1);
        push_history(b, (next >> 5 ^ next >> 9) & 1);
    }
    b->stats.target_mispredicts += !right;
    return right ? PREDICTED_RIGHT : PREDICTED_WRONG;
}

/* --- returns --- */

static void push_return(struct bpred *b, u64 address)
{
    b->return_top = (b->return_top + 1) % b->cfg.return_entries;
    b->return_stack[b->return_top] = address;
}

static enum prediction predict_return(struct bpred *b, u64 next)
{
    bool right = b->return_stack[b->return_top] == next;
    b->return_top = (b->return_top + b->cfg.return_entries - 1) % b->cfg.return_entries;
    b->stats.return_mispredicts += !right;
    return right ? PREDICTED_RIGHT : PREDICTED_WRONG;
}

/* --- all of them --- */

static enum prediction predict(struct bpred *b, enum flow flow, u64 rip, bool taken, u64 next)
{
    switch (flow) {
    case FLOW_COND:
        return predict_direction(b, rip, taken, next);
    case FLOW_JUMP:
    case FLOW_CALL:
        return find_direct_target(b, rip, next);
    case FLOW_INDIRECT:
    case FLOW_CALL_INDIRECT:
        return predict_target(b, rip, next);
    case FLOW_RET:
        return predict_return(b, next);
    default: /* far transfers always refetch */
        return flow == FLOW_FAR ? PREDICTED_WRONG : PREDICTED_RIGHT;
    }
}

enum prediction bpred_branch(struct bpred *b, enum flow flow, u64 rip, u64 fallthrough, bool taken, u64 next)
{
    bool perfect = b->cfg.kind == BPRED_PERFECT;
    enum prediction p = perfect ? PREDICTED_RIGHT : predict(b, flow, rip, taken, next);
    if (flow == FLOW_CALL || flow == FLOW_CALL_INDIRECT) push_return(b, fallthrough);
    b->stats.branches++;
    b->stats.mispredicts += p == PREDICTED_WRONG;
    return p;
}

void bpred_forget_targets(struct bpred *b)
{
    btb_clear(&b->btb);
    if (has_tage(b)) ittage_clear(&b->ittage);
    memset(b->return_stack, 0, sizeof b->return_stack);
    b->stats.barriers++;
}

#define STAT_OF struct bpred_stats
static const struct stat_row rows[] = {BPRED_STATS(STAT_ROW)};
#undef STAT_OF

void bpred_register_stats(struct bpred *b, struct stats *s, const char *prefix)
{
    char path[64];
    snprintf(path, sizeof path, "%s.bpred", prefix);
    stats_add_rows(s, path, rows, ARRAY_LEN(rows), &b->stats);
}

#define PARAM_OF struct bpred_cfg
const struct param bpred_params[] = {BPRED_PARAMS(PARAM_ROW)};
const size_t bpred_params_count = ARRAY_LEN(bpred_params);
#undef PARAM_OF
