#include "models/core/bpred_btb.h"
#include "models/sim/check.h"
#include <stdlib.h>
#include <string.h>

void btb_init(struct btb *b, u32 entries)
{
    b->entries = entries;
    b->entry = calloc(entries, sizeof *b->entry);
    CHECK(b->entry, "out of memory for the branch predictor");
}

void btb_fini(struct btb *b)
{
    free(b->entry);
}

void btb_clear(struct btb *b)
{
    memset(b->entry, 0, b->entries * sizeof *b->entry);
}

u64 btb_exchange(struct btb *b, u64 rip, u64 next)
{
    u32 i = (rip ^ (rip >> 12)) & (b->entries - 1);
    u64 target = b->entry[i].rip == rip ? b->entry[i].target : 0;
    b->entry[i].rip = rip;
    b->entry[i].target = next;
    return target;
}
