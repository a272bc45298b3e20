/* ideal.h - switches that take one cost out of a machine, to bound what improving it could bring.
 *
 * They change time only: what the guest computes, and what is counted as lookups, walks and exits by the models that
 * decide values (MMU, VMX), stays. (A guest that looks at the clock sees another time.)
 * Neighbours: both timed cores give every record through ideal_record; processor.c builds walkers, predictor and
 *             VMX costs accordingly.
 * Checked by: tests/unit/test_ideal.c, tests/system/ideal.sh
 */
#ifndef CORE_IDEAL_H
#define CORE_IDEAL_H

#include "isa/record.h"
#include "models/sim/params.h"

/* clang-format off */
#define IDEAL_PARAMS(P)                                                                            \
    P(bool, tlb,        false, ANY, "translations take no time: no second-level TLB, no page walk") \
    P(bool, nested_tlb, false, ANY, "host-dimension references of page walks take no time")        \
    P(bool, exits,      false, ANY, "VM exits and entries take no time; the hypervisor does")      \
    P(bool, walkers,    false, ANY, "63 page walkers instead of cpu.walker.walkers")               \
    P(bool, branches,   false, ANY, "every branch is predicted")
/* clang-format on */
struct ideal_cfg {
    IDEAL_PARAMS(PARAM_FIELD)
};
extern const struct param ideal_params[];
extern const size_t ideal_params_count;

#define IDEAL_WALKERS 63 /* as many as the walk unit can have: caches/walker.h keeps a bit for each */

/* Takes out of the record what takes no time: tlb, nested_tlb, exits. */
void ideal_record(const struct ideal_cfg *cfg, struct insn_record *r);

static inline bool ideal_changes_records(const struct ideal_cfg *cfg)
{
    return cfg->tlb || cfg->nested_tlb || cfg->exits;
}

#endif
