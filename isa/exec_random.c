/* exec_random.c - RDRAND, RDSEED: numbers from the run's seed, the same in every run; RDPID.
 *
 * One generator (splitmix64) serves both; it never runs dry, so CF is always 1. SDM Vol. 2B, "RDRAND-Read Random
 * Number".
 */
#include "isa/cpu_model.h"
#include "isa/operand.h"
#include "isa/state.h"

static u64 next_random(struct hart *h)
{
    u64 z = h->random_state += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

/* CF says that the number is there; OF, SF, ZF, AF and PF are cleared: a sign of 1 has SF = 0 and an odd low
 * byte. */
ALWAYS_INLINE enum outcome random_number(struct hart *h, const struct insn *i, enum intercept what, unsigned bytes)
{
    if (hart_intercepted(h, i, what, i->dst)) return OUT_EXIT;
    reg_write(h, i->dst, bytes, next_random(h));
    h->flags = (struct lazy_flags){.zero = 1, .sign = 1};
    flags_set_carries(&h->flags, true, false, false);
    return OUT_NEXT;
}

FORM_WIDE(rdrand, R, random_number(h, i, INTERCEPT_rdrand, BYTES))
FORM_WIDE(rdseed, R, random_number(h, i, INTERCEPT_rdseed, BYTES))
const exec_family exec_rdrand_family = {ROW_WIDE(rdrand, R)};
const exec_family exec_rdseed_family = {ROW_WIDE(rdseed, R)};

/* In a guest "enable RDTSCP" decides for it too: SDM Vol. 3C, "Changes to Instruction Behavior in VMX Non-Root
 * Operation". */
enum outcome exec_rdpid(struct hart *h, const struct insn *i)
{
    if (hart_in_guest(h) && !h->virt->insn_enabled(h->virt_self, h, INTERCEPT_rdtscp)) return hart_ud(h);
    h->reg[i->dst] = (u32)h->tsc_aux;
    return OUT_NEXT;
}
