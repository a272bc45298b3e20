#include "models/core/bpred_gshare.h"
#include "models/sim/check.h"
#include <stdlib.h>
#include <string.h>

#define COUNTER_TAKEN 2 /* 0, 1: not taken; 2, 3: taken */

void gshare_init(struct gshare *g, u32 history_bits)
{
    *g = (struct gshare){.history_bits = history_bits};
    g->counter_mask = (1u << (history_bits > 10 ? history_bits : 10)) - 1;
    g->counter = malloc(g->counter_mask + 1);
    CHECK(g->counter, "out of memory for the branch predictor");
    memset(g->counter, COUNTER_TAKEN - 1, g->counter_mask + 1);
}

void gshare_fini(struct gshare *g)
{
    free(g->counter);
}

bool gshare_branch(struct gshare *g, u64 rip, bool taken)
{
    u8 *counter = &g->counter[(rip ^ (rip >> 13) ^ g->history) & g->counter_mask];
    bool right = (*counter >= COUNTER_TAKEN) == taken;
    if (taken && *counter < 3) ++*counter;
    if (!taken && *counter > 0) --*counter;
    g->history = ((g->history << 1) | taken) & ((1u << g->history_bits) - 1);
    return right;
}
