#include "models/core/ideal.h"

static void drop_translations(struct insn_record *r)
{
    for (unsigned i = 0; i < r->n_accesses; i++) {
        r->access[i].walk = -1;
        if (r->access[i].tlb != TLB_NONE) r->access[i].tlb = TLB_L1;
    }
    r->n_walks = 0;
}

static void drop_host_references(struct walk_ledger *w)
{
    for (unsigned i = 0; i < w->n_refs; i++)
        if (w->ref[i].dim == DIM_HOST) w->ref[i].served = SERVED_NTLB;
}

void ideal_record(const struct ideal_cfg *cfg, struct insn_record *r)
{
    if (cfg->tlb) drop_translations(r);
    for (unsigned i = 0; cfg->nested_tlb && i < r->n_walks; i++) drop_host_references(&r->walk[i]);
    if (cfg->exits) r->transition.n_lines = 0;
}

#define PARAM_OF struct ideal_cfg
const struct param ideal_params[] = {IDEAL_PARAMS(PARAM_ROW)};
const size_t ideal_params_count = ARRAY_LEN(ideal_params);
#undef PARAM_OF
