/* exec_msr.c - RDMSR, WRMSR, and the registers of msrs.def. */
#include "isa/cpu_model.h"
#include "isa/exec.h"
#include "isa/mem.h"
#include "isa/msr.h"
#include "isa/state.h"

/* --- checks that rows name --- */

typedef bool (*check_fn)(const struct hart *h, u64 value);

static bool check_any(const struct hart *h, u64 value) { return (void)h, (void)value, true; }
static bool check_canonical(const struct hart *h, u64 value) { return base_is_canonical(h, value); }
static bool check_pat(const struct hart *h, u64 value) { return (void)h, pat_is_valid(value); }

/* The memory type in the low byte: UC, WC, WT, WP or WB (SDM Vol. 3A, "Memory Type Range
 * Registers (MTRRs)"). */
static bool check_mtrr_type(const struct hart *h, u64 value)
{
    (void)h;
    u8 type = (u8)value;
    return type <= 1 || (type >= 4 && type <= 6);
}

static bool check_mtrr_types(const struct hart *h, u64 value)
{
    for (unsigned i = 0; i < 8; i++)
        if (!check_mtrr_type(h, value >> (8 * i)))
            return false;
    return true;
}

/* Bits beyond MAXPHYADDR are reserved. */
static bool check_mtrr_mask(const struct hart *h, u64 value) { return !(value >> h->model->physical_bits); }

static bool check_mtrr_base(const struct hart *h, u64 value)
{
    return check_mtrr_type(h, value) && check_mtrr_mask(h, value);
}

/* --- registers with code of their own --- */

static u64 read_time_stamp_counter(struct hart *h) { return hart_read_tsc(h); }

static bool write_tsc_adjust(struct hart *h, u64 value)
{
    h->tsc_offset = value;
    if (h->bus->tsc_changed)
        h->bus->tsc_changed(h->bus_self, h);
    return true;
}

/* IA32_TSC_ADJUST moves with the counter: SDM Vol. 3B, "IA32_TSC_ADJUST Register". A guest's write does not
 * see its VMX offset. */
static bool write_time_stamp_counter(struct hart *h, u64 value)
{
    return write_tsc_adjust(h, value - h->bus->read_tsc(h->bus_self, h));
}

static u64 read_tsc_adjust(struct hart *h) { return h->tsc_offset; }

/* SDM Vol. 3A, "Protection Keys": bits 63:32 are reserved. */
static u64 read_pkrs(struct hart *h) { return h->pkrs; }

static bool write_pkrs(struct hart *h, u64 value)
{
    if (value >> 32)
        return false;
    h->pkrs = value;
    h->mmu->context_changed(h->mmu_self, h);
    return true;
}

/* --- identity --- */

static u64 read_platform_id(struct hart *h) { return h->model->platform_id; }
static u64 read_arch_capabilities(struct hart *h) { return h->model->arch_capabilities; }

/* Maximum non-turbo ratio, of 100 MHz, in bits 15:8. */
static u64 read_platform_info(struct hart *h) { return (u64)(h->model->base_mhz / 100) << 8; }

static bool refuse_write(struct hart *h, u64 value) { return (void)h, (void)value, false; }
#define write_platform_id       refuse_write
#define write_arch_capabilities refuse_write
#define write_platform_info     refuse_write

/* --- IA32_MPERF, IA32_APERF: ticks of the TSC outside idle states; the processor runs at its base frequency --- */

static u64 busy_ticks(struct hart *h) { return h->bus->read_tsc(h->bus_self, h) - h->idle_ticks; }

static u64 read_mperf(struct hart *h) { return busy_ticks(h) + h->mperf_offset; }
static u64 read_aperf(struct hart *h) { return busy_ticks(h) + h->aperf_offset; }
static bool write_mperf(struct hart *h, u64 value) { return h->mperf_offset = value - busy_ticks(h), true; }
static bool write_aperf(struct hart *h, u64 value) { return h->aperf_offset = value - busy_ticks(h), true; }

static u64 read_efer(struct hart *h) { return h->efer; }
static bool write_efer(struct hart *h, u64 value) { return hart_write_efer(h, value); }

/* --- the table --- */

enum row {
#define MSR(number, name, feature, field, writable, check, reset) ROW_##name,
#define MSR_CONSTANT(number, name, feature, value)                ROW_##name,
#define MSR_COMMAND(number, name, feature, command)               ROW_##name,
#define MSR_CODE(number, name, feature)                           ROW_##name,
#include "isa/msrs.def"
#undef MSR
#undef MSR_CONSTANT
#undef MSR_COMMAND
#undef MSR_CODE
    ROW_NONE
};

struct msr_row {
    enum cpu_feature feature;
    size_t field; /* offset in struct hart, 0: none */
    u64 writable, value; /* value: at power-up, or the constant; writable without a field: a command, which is the value */
    check_fn check;
    u64 (*read)(struct hart *h);
    bool (*write)(struct hart *h, u64 value);
};

static const struct msr_row rows[] = {
#define MSR(number, name, feature, field, writable, check, reset)                                            \
    {feature, offsetof(struct hart, field), writable, reset, check_##check, NULL, NULL},
#define MSR_CONSTANT(number, name, feature, value) {feature, 0, 0, value, check_any, NULL, NULL},
#define MSR_COMMAND(number, name, feature, command) {feature, 0, 1, COMMAND_##command, check_any, NULL, NULL},
#define MSR_CODE(number, name, feature)            {feature, 0, 0, 0, check_any, read_##name, write_##name},
#include "isa/msrs.def"
#undef MSR
#undef MSR_CONSTANT
#undef MSR_COMMAND
#undef MSR_CODE
};

static enum row row_of(u32 msr)
{
    switch (msr) {
#define MSR(number, name, feature, field, writable, check, reset) case number: return ROW_##name;
#define MSR_CONSTANT(number, name, feature, value)                case number: return ROW_##name;
#define MSR_COMMAND(number, name, feature, command)               case number: return ROW_##name;
#define MSR_CODE(number, name, feature)                           case number: return ROW_##name;
#include "isa/msrs.def"
#undef MSR
#undef MSR_CONSTANT
#undef MSR_COMMAND
#undef MSR_CODE
    default: return ROW_NONE;
    }
}

static u64 *field_of(struct hart *h, const struct msr_row *r)
{
    u8 *hart = (u8 *)h;
    return (u64 *)(void *)(hart + r->field);
}

static const struct msr_row *find(const struct hart *h, u32 msr)
{
    enum row n = row_of(msr);
    return n != ROW_NONE && cpu_has(h->model, rows[n].feature) ? &rows[n] : NULL;
}

static bool is_command(const struct msr_row *r) { return !r->read && !r->field && r->writable; }

static u64 read_row(struct hart *h, const struct msr_row *r)
{
    if (r->read)
        return r->read(h);
    return r->field ? *field_of(h, r) : r->value;
}

static bool give_command(struct hart *h, const struct msr_row *r, u64 value)
{
    if (!is_command(r) || (value & ~r->writable))
        return false;
    if (value)
        hart_command(h, (enum command)r->value);
    return true;
}

static bool write_row(struct hart *h, const struct msr_row *r, u64 value)
{
    if (r->write)
        return r->write(h, value);
    if (!r->field)
        return give_command(h, r, value);
    u64 *field = field_of(h, r);
    if (((*field ^ value) & ~r->writable) || !r->check(h, value))
        return false;
    *field = value;
    h->mmu->context_changed(h->mmu_self, h); /* MTRRs and PAT: translations made from now on have other types */
    return true;
}

void msr_reset(struct hart *h)
{
    for (unsigned n = 0; n < ARRAY_LEN(rows); n++)
        if (rows[n].field)
            *field_of(h, &rows[n]) = rows[n].value;
}

/* --- VMX's registers, which may stand for the local APIC's; the local APIC's; then the table --- */

static bool apic_read(struct hart *h, u32 msr, u64 *value, bool *gp)
{
    bool mine = h->bus && h->bus->apic_rdmsr(h->bus_self, h, msr, value, gp);
    h->fetch.touched_device |= mine;
    return mine;
}

static bool apic_write(struct hart *h, u32 msr, u64 value, bool *gp)
{
    bool mine = h->bus && h->bus->apic_wrmsr(h->bus_self, h, msr, value, gp);
    h->fetch.touched_device |= mine;
    return mine;
}

bool msr_read(struct hart *h, u32 msr, u64 *value)
{
    bool gp = false;
    if (h->virt && h->virt->rdmsr(h->virt_self, h, msr, value, &gp))
        return !gp;
    if (apic_read(h, msr, value, &gp))
        return !gp;
    const struct msr_row *r = find(h, msr);
    if (!r || is_command(r))
        return false;
    *value = read_row(h, r);
    return true;
}

bool msr_write(struct hart *h, u32 msr, u64 value)
{
    bool gp = false;
    if (h->virt && h->virt->wrmsr(h->virt_self, h, msr, value, &gp))
        return !gp;
    if (apic_write(h, msr, value, &gp))
        return !gp;
    const struct msr_row *r = find(h, msr);
    return r && write_row(h, r, value);
}

/* --- instructions --- */

/* #GP(0), remembered for the report: the first REFUSED_MSRS kinds. */
static enum outcome refuse(struct hart *h, const struct insn *i, u32 msr, bool write)
{
    unsigned n = 0;
    while (n < h->refused_msrs && (h->refused_msr[n].msr != msr || h->refused_msr[n].write != write))
        n++;
    if (n == h->refused_msrs && n < REFUSED_MSRS)
        h->refused_msr[h->refused_msrs++] = (struct refused_msr){.rip = insn_rip(h, i), .msr = msr, .write = write};
    if (n < h->refused_msrs)
        h->refused_msr[n].count++;
    return hart_gp(h, 0);
}

enum outcome exec_rdmsr(struct hart *h, const struct insn *i)
{
    u32 msr = (u32)h->reg[REG_RCX];
    u64 value;
    if (h->cpl != 0)
        return hart_gp(h, 0);
    if (hart_intercepted(h, i, INTERCEPT_rdmsr, msr))
        return OUT_EXIT;
    if (!msr_read(h, msr, &value))
        return refuse(h, i, msr, false);
    h->reg[REG_RAX] = (u32)value;
    h->reg[REG_RDX] = value >> 32;
    return OUT_NEXT;
}

enum outcome exec_wrmsr(struct hart *h, const struct insn *i)
{
    u32 msr = (u32)h->reg[REG_RCX];
    if (h->cpl != 0)
        return hart_gp(h, 0);
    if (hart_intercepted(h, i, INTERCEPT_wrmsr, msr))
        return OUT_EXIT;
    if (!msr_write(h, msr, h->reg[REG_RDX] << 32 | (u32)h->reg[REG_RAX]))
        return refuse(h, i, msr, true);
    return OUT_FLUSH;
}
