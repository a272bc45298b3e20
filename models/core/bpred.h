/* bpred.h - branch prediction of the timed cores: direction, targets, returns.
 *
 * Models:       two kinds. simple: gshare (bpred_gshare.h) and last targets of indirect branches (bpred_btb.h). tage:
 *               bpred_tage.h, bpred_ittage.h, and direct branches whose targets the BTB must know before decode. Both:
 *               returns by a stack that wraps around. State is updated in program order, at once.
 * Not modelled: update delay, speculation on wrong paths; simple: BTB misses of direct branches (their targets
 *               are known at decode).
 * Neighbours:   the cores ask with each branch's record.
 * Checked by:   tests/unit/test_bpred.c, test_bpred_tage.c
 */
#ifndef CORE_BPRED_H
#define CORE_BPRED_H

#include "isa/insn.h"
#include "models/core/bpred_btb.h"
#include "models/core/bpred_gshare.h"
#include "models/core/bpred_ittage.h"
#include "models/core/bpred_tage.h"
#include "models/sim/params.h"
#include "models/sim/stats.h"

/* clang-format off */
#define BPRED_PARAMS(P)                                                                                       \
    P(choice, kind,       0,  ONE_OF("by_core", "simple", "tage"), "by_core: tage for the out-of-order core, else simple") \
    P(u32, history_bits,  12,   RANGE(0, 20), "simple: global history, and 2^max(history_bits, 10) counters") \
    P(u32, table_bits,    10,   RANGE(4, 16), "tage: 2^table_bits entries in each tagged table (estimated)")  \
    P(u32, btb_entries,   4096, POW2,         "last targets; simple: of indirect branches only")              \
    P(u32, return_entries, 16,  RANGE(1, 64), "depth of the return stack")
/* clang-format on */
struct bpred_cfg {
    BPRED_PARAMS(PARAM_FIELD)
};
extern const struct param bpred_params[];
extern const size_t bpred_params_count;

/* Perfect is no choice of cpu.bpred.kind: cpu.ideal.branches. */
enum bpred_kind { BPRED_BY_CORE, BPRED_SIMPLE, BPRED_TAGE, BPRED_PERFECT };

#define BPRED_STATS(S)                                                     \
    S(branches,             "branches of all kinds")                       \
    S(mispredicts,          "branches whose direction or target was wrong") \
    S(direction_mispredicts, "conditional branches that went the other way") \
    S(target_mispredicts,   "indirect branches with another target")       \
    S(return_mispredicts,   "returns with another target")                 \
    S(late_targets,         "direct taken branches that decode had to find") \
    S(barriers,             "times that all targets were forgotten (IBPB)")
struct bpred_stats {
    BPRED_STATS(STAT_FIELD)
};

struct bpred {
    /* fixed at elaboration */
    struct bpred_cfg cfg;
    /* state */
    struct gshare gshare;
    struct tage tage;
    struct ittage ittage;
    struct branch_history history; /* tage */
    struct btb btb;
    u64 return_stack[64];
    u32 return_top;
    /* statistics */
    struct bpred_stats stats;
};

/* Late: a direct taken branch that the branch target buffer does not hold; decode finds it. */
enum prediction { PREDICTED_WRONG, PREDICTED_RIGHT, PREDICTED_LATE };

/* by_core must have been decided: it is like simple. */
void bpred_init(struct bpred *b, const struct bpred_cfg *cfg);
void bpred_fini(struct bpred *b);

/* Predicts the branch at `rip`, learns what it did, and tells whether the prediction was right (not WRONG).
 * fallthrough: address behind it; next: where the program went. */
enum prediction bpred_branch(struct bpred *b, enum flow flow, u64 rip, u64 fallthrough, bool taken, u64 next);

/* The indirect branch predictor barrier: no target learned before is predicted behind it; directions stay. */
void bpred_forget_targets(struct bpred *b);

void bpred_register_stats(struct bpred *b, struct stats *s, const char *prefix);

#endif
