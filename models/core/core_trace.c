#include "models/core/core_trace.h"
#include "isa/icache.h"
#include <stdio.h>

#define TEXT_BYTES 128
#define UNIT_BYTES 16
#define STATE_LINE_INSTRUCTIONS 256

static const char *const tlb_name[] = {
    [TLB_NONE] = "untranslated", [TLB_L1] = "L1 TLB", [TLB_L2] = "STLB", [TLB_WALK] = "walk"};
static const char *const access_name[] = {
    [ACCESS_READ] = "read", [ACCESS_WRITE] = "write", [ACCESS_FETCH] = "fetch"};

static const char *unit_name(const struct core *c, char unit[UNIT_BYTES])
{
    snprintf(unit, UNIT_BYTES, "cpu%u", c->id);
    return unit;
}

static void print_instruction(struct core *c, u64 rip, const u8 *bytes, unsigned length)
{
    char text[TEXT_BYTES], hex[3 * 15 + 1] = "", unit[UNIT_BYTES];
    length = isa_disassemble(bytes, length, (enum code_mode)c->hart->mode, rip, text, sizeof text);
    for (unsigned i = 0; i < length; i++) snprintf(hex + 3 * i, 4, "%02x ", bytes[i]);
    const char *place = c->watch ? c->watch->place(c->watch->self, (enum world)c->world, rip) : "";
    trace_line(c->trace, TRACE_exec, clock_now(c->clock), unit_name(c, unit), "%s 0x%llx  %-30s %s%s",
               world_name[c->world], (unsigned long long)rip, hex, text, place);
}

static u64 fold_word(u64 digest, u64 word)
{
    return (digest ^ word) * 0x100000001b3; /* as the hash of Fowler, Noll and Vo */
}

static u64 fold(u64 digest, const void *from, size_t bytes)
{
    for (size_t at = 0; at + sizeof(u64) <= bytes; at += sizeof(u64)) {
        u64 word;
        memcpy(&word, (const u8 *)from + at, sizeof word);
        digest = fold_word(digest, word);
    }
    return digest;
}

/* Registers, flags, segments, control registers, vector and x87 registers. */
static u64 fold_state(u64 digest, const struct hart *h)
{
    const u64 control[] = {hart_rflags(h), h->cr0, h->cr2, h->cr3, h->cr4, h->efer, h->cpl, h->world};
    digest = fold(digest, h->reg, sizeof h->reg);
    digest = fold(digest, control, sizeof control);
    for (unsigned s = 0; s < SEG_COUNT; s++)
        digest = fold_word(fold_word(digest, h->seg[s].base), (u64)h->seg[s].limit << 32 | h->seg[s].selector);
    u8 x87[512] = {0}; /* packed: the registers' own struct has holes */
    x87_to_image(&h->fpu.x87, x87, true);
    digest = fold(digest, x87, sizeof x87);
    return fold_word(fold(digest, h->fpu.vec, sizeof h->fpu.vec), h->fpu.mxcsr);
}

void core_trace_state(struct core *c)
{
    const struct hart *h = c->hart;
    char unit[UNIT_BYTES];
    if (h->instructions == c->digested_instructions) return;
    c->digested_instructions = h->instructions;
    c->state_digest = fold_state(c->state_digest, h);
    if (h->instructions % STATE_LINE_INSTRUCTIONS == 0)
        trace_line(c->trace, TRACE_state, clock_now(c->clock), unit_name(c, unit), "%llu instructions 0x%016llx",
                   (unsigned long long)h->instructions, (unsigned long long)c->state_digest);
}

void core_trace_next(struct core *c)
{
    if (!trace_on(c->trace, TRACE_exec)) return;
    const struct hart *h = c->hart;
    c->world = h->world; /* it changes within a tick of the fast core */
    u64 rip = h->reg[REG_RIP] + (h->mode == MODE_LONG64 ? 0 : h->seg[SEG_CS].base);
    hpa_t at;
    u8 bytes[15] = {0};
    if (!mmu_peek(c->mmu, h, VA(rip), &at) || !physmem_has(h->mem, at, sizeof bytes)) return;
    memcpy(bytes, h->mem->host + at.v, sizeof bytes);
    print_instruction(c, rip, bytes, sizeof bytes);
}

static void print_accesses(struct core *c, const struct insn_record *r)
{
    char unit[UNIT_BYTES];
    for (unsigned i = 0; i < r->n_accesses; i++) {
        const struct mem_access *a = &r->access[i];
        trace_line(c->trace, TRACE_mem, clock_now(c->clock), unit_name(c, unit),
                   "%s va 0x%llx hpa 0x%llx %u bytes%s, %s", access_name[a->kind],
                   (unsigned long long)a->va.v, (unsigned long long)a->at.v, a->bytes,
                   a->mmio ? " (MMIO)" : "", tlb_name[a->tlb]);
    }
}

void core_trace_record(struct core *c, const struct insn_record *r)
{
    char unit[UNIT_BYTES];
    if (trace_on(c->trace, TRACE_exec) && r->info)
        print_instruction(c, r->rip, r->info->bytes, r->info->length);
    if (trace_on(c->trace, TRACE_state)) core_trace_state(c);
    if (trace_on(c->trace, TRACE_mem)) print_accesses(c, r);
    if (trace_on(c->trace, TRACE_except) && r->event)
        trace_line(c->trace, TRACE_except, clock_now(c->clock), unit_name(c, unit),
                   "vector %u at RIP 0x%llx, handler 0x%llx", r->vector, (unsigned long long)r->rip,
                   (unsigned long long)r->next_rip);
}
