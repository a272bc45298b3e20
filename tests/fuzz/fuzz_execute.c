/* fuzz_execute.c - arbitrary bytes as code, in every mode, with registers and tables from the input: decoder and
 * executor must not crash, hang or fail a check, and guest code must not reach host memory outside its RAM.
 *
 * Input: mode (bit 7: timed), flags, sixteen register codes, count of pokes, pokes, code. A poke is a place in
 * units of 8 bytes (bit 15: only its low byte is written) and a value code.
 */
#include "machine.h"
#include "models/sim/check.h"

#define STEPS 100

struct input {
    const u8 *at, *end;
};

static u8 take(struct input *in)
{
    return in->at < in->end ? *in->at++ : 0;
}

static void poke(struct fuzz_machine *m, struct input *in)
{
    u16 place = (u16)(take(in) | take(in) << 8);
    u64 at = (place & 0x7fffu) * 8 % (FUZZ_RAM_BYTES - 8);
    u64 value = fuzz_value(take(in));
    memcpy(m->mem.host + at, &value, place & 0x8000 ? 1 : 8);
    m->mem.code_written(m->mem.code_self, HPA(at), 8);
}

static void set_registers(struct fuzz_machine *m, struct input *in)
{
    u8 flags = take(in);
    for (unsigned r = 0; r < 16; r++) m->h.reg[r] = fuzz_value(take(in));
    if (m->h.reg[REG_RSP] == 0) m->h.reg[REG_RSP] = FUZZ_CODE - 0x800; /* a stack in every mode */
    u64 kept = hart_rflags(&m->h) & (RFLAGS_VM | RFLAGS_IOPL);
    u64 control = (flags & 8 ? RFLAGS_DF : 0) | (flags & 2 ? RFLAGS_TF : 0);
    hart_set_rflags(&m->h, kept | control | RFLAGS_ONE | (flags & RFLAGS_ARITHMETIC));
    hart_update_attention(&m->h);
}

static void check_state(const struct fuzz_machine *m)
{
    const struct hart *h = &m->h;
    CHECK(h->reg[REG_ZERO] == 0, "the register that is zero is not");
    CHECK(h->cpl <= 3 && (h->rflags & RFLAGS_ONE), "CPL %u, RFLAGS %#llx", h->cpl,
          (unsigned long long)h->rflags);
    CHECK(h->mode == MODE_LONG64 || h->reg[REG_RIP] <= 0xffffffff, "EIP %#llx",
          (unsigned long long)h->reg[REG_RIP]);
    vmx_check_identities(&m->vmx);
    mmu_check_identities(&m->mmu);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    struct fuzz_machine *m = fuzz_machine();
    struct input in = {data, data + size};
    u8 mode = take(&in);
    fuzz_reset(m);
    fuzz_enter(m, (enum fuzz_mode)((mode & 0x7f) % FUZZ_MODES));
    set_registers(m, &in);
    for (u8 pokes = take(&in) % 8; pokes; pokes--) poke(m, &in);
    memcpy(m->mem.host + FUZZ_CODE, in.at, min_u64((u64)(in.end - in.at), FUZZ_HANDLER - FUZZ_CODE));
    fuzz_run(m, mode & 0x80, STEPS);
    check_state(m);
    return 0;
}
