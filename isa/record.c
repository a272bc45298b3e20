/* record.c - room in an instruction record. */
#include "isa/record.h"
#include <assert.h>

struct mem_access *record_add_access(struct insn_record *r)
{
    assert(r->n_accesses < RECORD_MAX_ACCESSES);
    struct mem_access *a = &r->access[r->n_accesses++];
    *a = (struct mem_access){.walk = -1};
    return a;
}

struct walk_ledger *record_add_walk(struct insn_record *r)
{
    assert(r->n_walks < RECORD_MAX_WALKS);
    return &r->walk[r->n_walks++];
}
