/* record.c - room in an instruction record. */
#include "isa/record.h"
#include "models/sim/check.h"

struct mem_access *record_add_access(struct insn_record *r)
{
    CHECK(r->n_accesses < RECORD_MAX_ACCESSES, "instruction at %#llx", (unsigned long long)r->rip);
    struct mem_access *a = &r->access[r->n_accesses++];
    *a = (struct mem_access){.walk = -1};
    return a;
}

struct walk_ledger *record_add_walk(struct insn_record *r)
{
    CHECK(r->n_walks < RECORD_MAX_WALKS, "instruction at %#llx", (unsigned long long)r->rip);
    return &r->walk[r->n_walks++];
}
