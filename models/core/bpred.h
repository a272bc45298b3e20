/* bpred.h - branch prediction of the in-order core: gshare direction, a branch target buffer, a return stack.
 *
 * Models:       2-bit counters indexed by address xor global history; targets of indirect jumps and calls by
 *               last target; returns by a stack that wraps around. State is updated in program order, at
 *               once.
 * Not modelled: BTB misses of direct branches (their targets are known at decode), update delay, speculation
 *               on wrong paths.
 * Neighbours:   inorder.c asks with each branch's record.
 * Checked by:   tests/unit/test_bpred.c
 */
#ifndef CORE_BPRED_H
#define CORE_BPRED_H

#include "isa/insn.h"
#include "models/sim/params.h"
#include "models/sim/stats.h"

#define BPRED_PARAMS(P)                                                                                  \
    P(u32, history_bits,   12,   RANGE(0, 20),   "global history; the counter table has 2^max(history_bits, 10) counters") \
    P(u32, btb_entries,    4096, POW2,           "last targets of indirect branches, direct-mapped")     \
    P(u32, return_entries, 16,   RANGE(1, 64),   "depth of the return stack")
struct bpred_cfg {
    BPRED_PARAMS(PARAM_FIELD)
};
extern const struct param bpred_params[];
extern const size_t bpred_params_count;

#define BPRED_STATS(S)                                                     \
    S(branches,             "branches of all kinds")                       \
    S(mispredicts,          "branches whose direction or target was wrong") \
    S(direction_mispredicts, "conditional branches that went the other way") \
    S(target_mispredicts,   "indirect branches with another target")       \
    S(return_mispredicts,   "returns with another target")
struct bpred_stats {
    BPRED_STATS(STAT_FIELD)
};

struct bpred {
    /* fixed at elaboration */
    struct bpred_cfg cfg;
    u32 counter_mask;
    /* state */
    u8 *counter; /* 2-bit, counter_mask + 1 of them */
    struct { u64 rip, target; } *btb;
    u64 return_stack[64];
    u32 return_top;
    u32 history;
    /* statistics */
    struct bpred_stats stats;
};

/* Late: a direct taken branch that the branch target buffer does not hold; decode finds it. */
enum prediction { PREDICTED_WRONG, PREDICTED_RIGHT, PREDICTED_LATE };

void bpred_init(struct bpred *b, const struct bpred_cfg *cfg);
void bpred_fini(struct bpred *b);

/* Predicts the branch at `rip`, learns what it did, and tells whether the prediction was right (not WRONG).
 * fallthrough: address behind it; next: where the program went. */
enum prediction bpred_branch(struct bpred *b, enum flow flow, u64 rip, u64 fallthrough, bool taken, u64 next);

void bpred_register_stats(struct bpred *b, struct stats *s, const char *prefix);

#endif
