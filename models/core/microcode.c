#include "models/core/microcode.h"
#include "virt-ext/transition.h"

void microcode_add_vmx(struct cost_cfg *cost, const struct vmx_cfg *vmx)
{
    for (unsigned k = 0; k < CLASS_COUNT; k++)
        cost->cycles[k] += vmx_instruction_cycles(vmx, (enum insn_class)k);
}

static bool touches_mmio(const struct insn_record *r)
{
    for (unsigned i = r->n_fetches; i < r->n_accesses; i++)
        if (r->access[i].mmio) return true;
    return false;
}

u64 microcode_cycles(const struct cost_cfg *cost, const struct vmx_cfg *vmx, const struct insn_record *r)
{
    u64 cycles = r->commands & COMMAND_BARRIER ? cost->barrier_cycles : 0;
    if (r->transition.kind != TRANSITION_NONE) return cycles + transition_microcode_cycles(vmx, &r->transition);
    if (r->info && !r->event) cycles += cost->cycles[r->info->iclass];
    if (r->event) cycles += cost->event_cycles;
    if (r->task_switched) cycles += cost->cycles[CLASS_task_switch];
    if (touches_mmio(r)) cycles += cost->mmio_cycles;
    return cycles + r->virtual_cycles;
}

/* --- references --- */

/* A walk that ended in a fault has no reference behind it, nor has one that only asked whether a whole frame
 * can be written. */
static bool has_reference(const struct insn_record *r, unsigned walk)
{
    for (unsigned i = 0; i < r->n_accesses; i++)
        if (r->access[i].walk == (int)walk) return true;
    return false;
}

void microcode_start_walks_ahead(struct walker *w, const struct insn_record *r)
{
    for (unsigned i = 0; i < r->n_walks; i++)
        if (r->walk[i].ahead) walker_start(w, &r->walk[i], WALK_TOKEN_AHEAD + r->walk[i].ahead - 1);
}

static bool find_lone_walk(const struct insn_record *r, struct microcode_cursor *at)
{
    while (at->next_walk < r->n_walks && (r->walk[at->next_walk].ahead || has_reference(r, at->next_walk))) at->next_walk++;
    return at->next_walk < r->n_walks;
}

/* Device registers answer within mmio_cycles and are in no cache: of them only walks are left. */
static bool find_access(const struct insn_record *r, struct microcode_cursor *at)
{
    while (at->next_access < r->n_accesses && r->access[at->next_access].mmio &&
           r->access[at->next_access].walk < 0)
        at->next_access++;
    return at->next_access < r->n_accesses;
}

static bool find_line(const struct insn_record *r, const struct microcode_cursor *at)
{
    return r->transition.kind != TRANSITION_NONE && at->next_line < r->transition.n_lines;
}

bool microcode_next_reference(const struct insn_record *r, struct microcode_cursor *at, struct mem_access *a,
                              enum mem_origin *origin)
{
    *origin = ORIGIN_DATA;
    if (find_lone_walk(r, at)) {
        *a = (struct mem_access){.va = r->walk[at->next_walk].va, .walk = (i8)at->next_walk};
        return true;
    }
    if (find_access(r, at)) {
        *a = r->access[at->next_access];
        if (a->mmio) a->bytes = 0;
        return true;
    }
    if (!find_line(r, at)) return false;
    *origin = ORIGIN_VMX;
    *a = (struct mem_access){.at = r->transition.line[at->next_line].at,
                             .bytes = 8,
                             .kind = r->transition.line[at->next_line].write ? ACCESS_WRITE : ACCESS_READ,
                             .walk = -1,
                             .tlb = TLB_NONE};
    return true;
}

void microcode_advance(const struct insn_record *r, struct microcode_cursor *at)
{
    if (find_lone_walk(r, at))
        at->next_walk++;
    else if (find_access(r, at))
        at->next_access++;
    else
        at->next_line++;
}

/* --- parameters --- */

/* clang-format off */
const struct param cost_params[] = {
#define COST(class, def, source) \
        {#class "_cycles", PARAM_u32, offsetof(struct cost_cfg, cycles) + CLASS_##class * sizeof(u32), def, RANGE(0, 100000), source},
#include "models/core/costs.def"
#undef COST
#define EVENT_COST(name, def, range, meaning) \
        {#name "_cycles", PARAM_u32, offsetof(struct cost_cfg, name##_cycles), def, range, meaning},
    EVENT_COSTS(EVENT_COST)
#undef EVENT_COST
};
/* clang-format on */
const size_t cost_params_count = ARRAY_LEN(cost_params);
