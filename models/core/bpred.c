#include "models/core/bpred.h"
#include "models/sim/check.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNTER_TAKEN 2 /* 0, 1: not taken; 2, 3: taken */

void bpred_init(struct bpred *b, const struct bpred_cfg *cfg)
{
    memset(b, 0, sizeof *b);
    b->cfg = *cfg;
    b->counter_mask = (1u << (cfg->history_bits > 10 ? cfg->history_bits : 10)) - 1;
    b->counter = malloc(b->counter_mask + 1);
    b->btb = calloc(cfg->btb_entries, sizeof *b->btb);
    CHECK(b->counter && b->btb, "out of memory for the branch predictor");
    memset(b->counter, COUNTER_TAKEN - 1, b->counter_mask + 1);
}

void bpred_fini(struct bpred *b)
{
    free(b->counter);
    free(b->btb);
}

static bool predict_direction(struct bpred *b, u64 rip, bool taken)
{
    u8 *counter = &b->counter[(rip ^ (rip >> 13) ^ b->history) & b->counter_mask];
    bool right = (*counter >= COUNTER_TAKEN) == taken;
    if (taken && *counter < 3) ++*counter;
    if (!taken && *counter > 0) --*counter;
    b->history = ((b->history << 1) | taken) & ((1u << b->cfg.history_bits) - 1);
    return right;
}

static bool predict_target(struct bpred *b, u64 rip, u64 next)
{
    u32 i = (rip ^ (rip >> 12)) & (b->cfg.btb_entries - 1);
    bool right = b->btb[i].rip == rip && b->btb[i].target == next;
    b->btb[i].rip = rip;
    b->btb[i].target = next;
    return right;
}

static void push_return(struct bpred *b, u64 address)
{
    b->return_top = (b->return_top + 1) % b->cfg.return_entries;
    b->return_stack[b->return_top] = address;
}

static bool predict_return(struct bpred *b, u64 next)
{
    bool right = b->return_stack[b->return_top] == next;
    b->return_top = (b->return_top + b->cfg.return_entries - 1) % b->cfg.return_entries;
    return right;
}

enum prediction bpred_branch(struct bpred *b, enum flow flow, u64 rip, u64 fallthrough, bool taken, u64 next)
{
    bool right = true;
    b->stats.branches++;
    switch (flow) {
    case FLOW_COND:
        right = predict_direction(b, rip, taken);
        b->stats.direction_mispredicts += !right;
        break;
    case FLOW_CALL:
        push_return(b, fallthrough);
        break;
    case FLOW_CALL_INDIRECT:
    case FLOW_INDIRECT:
        right = predict_target(b, rip, next);
        b->stats.target_mispredicts += !right;
        if (flow == FLOW_CALL_INDIRECT) push_return(b, fallthrough);
        break;
    case FLOW_RET:
        right = predict_return(b, next);
        b->stats.return_mispredicts += !right;
        break;
    case FLOW_FAR:
        right = false; /* far transfers always refetch */
        break;
    default: /* direct jumps: the target is known at decode */
        break;
    }
    b->stats.mispredicts += !right;
    return right ? PREDICTED_RIGHT : PREDICTED_WRONG;
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
