/* vmx_instructions.c - SDM Vol. 3D, chapter "VMX Instruction Reference": faults, VM exits and VMfail in
 * the order of the manual's operations. */
#include "isa/exec.h"
#include "isa/icache.h"
#include "isa/mem.h"
#include "virt-ext/internal.h"

/* --- how a VMX instruction ends: "Conventions" --- */

static void set_flags(struct hart *h, u64 flags)
{
    hart_set_rflags(h, (hart_rflags(h) & ~RFLAGS_ARITHMETIC) | flags);
}

static enum outcome succeed(struct vmx *x)
{
    set_flags(x->hart, 0);
    return OUT_NEXT;
}

/* No VMCS: VMfailInvalid, and nobody learns the error's number. */
static enum outcome fail_in(struct vmx *x, u64 region, enum vm_error error, int check)
{
    bool valid = region != VMCS_NONE;
    x->stats.vmfails++;
    vmx_note_failure(x, &(struct vmx_failure){.rejected = !valid,
                                              .rip = x->rip,
                                              .instruction = x->instruction,
                                              .has_operand = x->has_operand,
                                              .operand = x->operand,
                                              .error = error,
                                              .check = check});
    set_flags(x->hart, valid ? RFLAGS_ZF : RFLAGS_CF);
    if (valid) vmcs_at(x, region)->vm_instruction_error = error;
    return OUT_NEXT;
}

static enum outcome fail_with(struct vmx *x, enum vm_error error, int check)
{
    return fail_in(x, x->current, error, check);
}

static enum outcome fail(struct vmx *x, enum vm_error error)
{
    return fail_with(x, error, -1);
}
static enum outcome fail_invalid(struct vmx *x)
{
    return fail_with(x, VM_ERROR_none, -1);
}

/* #UD or #GP, with the reason kept for vmx_print_failure; where a guest gets it, that is the guest's affair. */
static enum outcome refuse(struct vmx *x, enum vmx_refusal refusal)
{
    struct hart *h = x->hart;
    if (!hart_in_guest(h)) {
        x->stats.refusals++;
        vmx_note_failure(x,
                         &(struct vmx_failure){
                             .rip = x->rip, .instruction = x->instruction, .check = -1, .refusal = refusal});
    }
    return refusal_vector(refusal) == VEC_UD ? hart_ud(h) : hart_gp(h, 0);
}

/* --- operands --- */

static u64 note_operand(struct vmx *x, u64 operand)
{
    x->has_operand = true;
    return x->operand = operand;
}

/* The instruction did its work, and what follows is undefined. */
static void note_hazard(struct vmx *x, enum vmx_hazard hazard, unsigned peer)
{
    if (hazard == HAZARD_none) return;
    x->stats.hazards++;
    vmx_note_failure(x, &(struct vmx_failure){.rip = x->rip,
                                              .instruction = x->instruction,
                                              .has_operand = true,
                                              .operand = x->operand,
                                              .check = -1,
                                              .hazard = hazard,
                                              .peer = peer});
}

typedef enum vmx_hazard (*owners_fn)(struct vmcs_owners *o, unsigned cpu, u64 region, unsigned *peer);

static void tell_owners(struct vmx *x, owners_fn what, u64 region)
{
    unsigned peer = 0;
    enum vmx_hazard hazard = x->owners ? what(x->owners, x->hart->id, region, &peer) : HAZARD_none;
    note_hazard(x, hazard, peer);
}

/* 64-bit physical address in memory. false: h->fault. */
static bool read_region(struct vmx *x, const struct insn *i, u64 *region)
{
    if (!insn_read_rm(x->hart, i, 8, region)) return false;
    note_operand(x, *region);
    return true;
}

static bool read_descriptor(struct hart *h, const struct insn *i, u64 word[2])
{
    va_t at = insn_linear(h, i);
    return mem_load(h, i->segment, at, 8, &word[0]) && mem_load(h, i->segment, VA(at.v + 8), 8, &word[1]);
}

static bool revision_is(const struct vmx *x, u64 region, u64 shadow)
{
    return (physical_read32(x->hart->mem, region) & ~shadow) == x->cfg.revision &&
           physmem_has(x->hart->mem, HPA(region), PAGE_BYTES);
}

/* The reference to a line of the VMCS that VMREAD and VMWRITE make. */
static void record_field(const struct vmx *x, u64 region, int field, bool write)
{
    if (!hart_vmx_record(x->hart)) return;
    struct mem_access *a = record_add_access(hart_vmx_record(x->hart));
    a->at = HPA(region + vmcs_fields[field].offset);
    a->bytes = vmcs_fields[field].bytes;
    a->kind = write ? ACCESS_WRITE : ACCESS_READ;
    a->system = true;
}

/* --- VMXON, VMXOFF --- */

/* none: VMXON may go on. */
static enum vmx_refusal vmxon_refusal(const struct vmx *x)
{
    const struct hart *h = x->hart;
    if (!vmx_cr0_is_legal(h->cr0, false)) return REFUSAL_cr0_fixed;
    if (!vmx_cr4_is_legal(x, h->cr4)) return REFUSAL_cr4_fixed;
    return x->cfg.bios_enabled ? REFUSAL_none : REFUSAL_feature_control;
}

static enum outcome vmxon(struct vmx *x, const struct insn *i)
{
    struct hart *h = x->hart;
    u64 region;
    enum vmx_refusal refusal = vmxon_refusal(x);
    if (refusal) return refuse(x, refusal);
    if (!read_region(x, i, &region)) return OUT_FAULT;
    if (!is_page_address(h, region) || !revision_is(x, region, 0)) return fail_invalid(x);
    x->on = true;
    x->vmxon_region = region;
    x->current = VMCS_NONE;
    x->held.n = 0;
    tell_owners(x, vmcs_owners_vmxon, region);
    hart_set_world(h, WORLD_ROOT);
    succeed(x);
    return OUT_FLUSH;
}

static enum outcome vmxon_again(struct vmx *x, const struct insn *i)
{
    (void)i;
    return fail(x, VM_ERROR_vmxon_in_root);
}

static enum outcome vmxoff(struct vmx *x, const struct insn *i)
{
    (void)i;
    x->on = false;
    x->current = VMCS_NONE;
    if (x->owners) vmcs_owners_vmxoff(x->owners, x->hart->id);
    hart_set_world(x->hart, WORLD_NATIVE);
    succeed(x);
    return OUT_FLUSH;
}

/* --- VMCLEAR, VMPTRLD, VMPTRST --- */

static enum outcome vmclear(struct vmx *x, const struct insn *i)
{
    u64 region;
    if (!read_region(x, i, &region)) return OUT_FAULT;
    if (!is_page_address(x->hart, region)) return fail(x, VM_ERROR_vmclear_address);
    if (region == x->vmxon_region) return fail(x, VM_ERROR_vmclear_vmxon_pointer);
    if (physmem_has(x->hart->mem, HPA(region), PAGE_BYTES)) {
        struct vmcs *v = (struct vmcs *)(void *)(x->hart->mem->host + region);
        v->launch_state = VMCS_LAUNCH_CLEAR;
        v->controls_rewritten = 1;
        vmcs_cache_clear(x, region);
        tell_owners(x, vmcs_owners_clear, region);
        physmem_note_write(x->hart->mem, HPA(region), sizeof *v);
    }
    if (region == x->current) x->current = VMCS_NONE;
    return succeed(x);
}

static enum outcome vmptrld(struct vmx *x, const struct insn *i)
{
    u64 region;
    if (!read_region(x, i, &region)) return OUT_FAULT;
    if (!is_page_address(x->hart, region)) return fail(x, VM_ERROR_vmptrld_address);
    if (region == x->vmxon_region) return fail(x, VM_ERROR_vmptrld_vmxon_pointer);
    u64 shadow = x->cfg.vmcs_shadowing ? VMCS_SHADOW : 0;
    if (!revision_is(x, region, shadow)) return fail(x, VM_ERROR_vmptrld_revision);
    x->current = region;
    vmcs_cache_load(x, region);
    tell_owners(x, vmcs_owners_load, region);
    return succeed(x);
}

static enum outcome vmptrst(struct vmx *x, const struct insn *i)
{
    if (!insn_write_rm(x->hart, i, 8, x->current)) return OUT_FAULT;
    return succeed(x);
}

/* --- VMREAD, VMWRITE: the ModRM.reg operand is the field --- */

static unsigned field_bytes(const struct hart *h)
{
    return hart_in_64bit_mode(h) ? 8 : 4;
}

/* In a guest they reach the shadow VMCS that its own VMCS links to: "Virtualizing VMREAD and VMWRITE". */
static u64 accessed_region(struct vmx *x)
{
    if (!hart_in_guest(x->hart)) return x->current;
    x->stats.shadow_accesses++;
    return current_vmcs(x)->vmcs_link_pointer;
}

static enum outcome vmread(struct vmx *x, const struct insn *i)
{
    struct hart *h = x->hart;
    u64 region = accessed_region(x);
    x->stats.vmreads++;
    if (region == VMCS_NONE) return fail_in(x, region, VM_ERROR_none, -1);
    u64 encoding = note_operand(x, insn_read_reg(h, i));
    int field = vmcs_find(&x->cfg, encoding);
    if (field < 0) return fail_in(x, region, VM_ERROR_unsupported_component, -1);
    u64 value = vmcs_read(vmcs_at(x, region), (enum vmcs_field_id)field, VMCS_HIGH(encoding));
    if (!insn_write_rm(h, i, field_bytes(h), value)) return OUT_FAULT;
    record_field(x, region, field, false);
    return succeed(x);
}

static bool is_control_word(int field)
{
    return field == VMCS_pin_controls || field == VMCS_primary_controls || field == VMCS_secondary_controls ||
           field == VMCS_exit_controls || field == VMCS_entry_controls;
}

static enum outcome vmwrite(struct vmx *x, const struct insn *i)
{
    struct hart *h = x->hart;
    u64 value;
    u64 region = accessed_region(x);
    x->stats.vmwrites++;
    if (region == VMCS_NONE) return fail_in(x, region, VM_ERROR_none, -1);
    u64 encoding = note_operand(x, insn_read_reg(h, i));
    int field = vmcs_find(&x->cfg, encoding);
    if (field < 0) return fail_in(x, region, VM_ERROR_unsupported_component, -1);
    if (vmcs_fields[field].read_only && !x->cfg.vmwrite_any)
        return fail_in(x, region, VM_ERROR_vmwrite_read_only, -1);
    if (!insn_read_rm(h, i, field_bytes(h), &value)) return OUT_FAULT;
    struct vmcs *v = vmcs_at(x, region);
    vmcs_write(v, (enum vmcs_field_id)field, VMCS_HIGH(encoding), value);
    if (is_control_word(field)) v->controls_rewritten = 1;
    physmem_note_write(h->mem, HPA(region), sizeof *v);
    record_field(x, region, field, true);
    return succeed(x);
}

/* --- VMLAUNCH, VMRESUME, VMCALL --- */

static enum outcome fail_checks(struct vmx *x, enum vm_error error, int check)
{
    x->stats.failed_checks++;
    return fail_with(x, error, check);
}

static enum outcome enter(struct vmx *x, bool launch)
{
    if (x->current == VMCS_NONE || current_vmcs(x)->revision & VMCS_SHADOW)
        return fail_in(x, VMCS_NONE, VM_ERROR_none, -1);
    if (x->hart->movss_shadow) return fail(x, VM_ERROR_entry_blocked_by_mov_ss);
    bool clear = current_vmcs(x)->launch_state == VMCS_LAUNCH_CLEAR;
    if (launch && !clear) return fail(x, VM_ERROR_vmlaunch_not_clear);
    if (!launch && clear) return fail(x, VM_ERROR_vmresume_not_launched);
    int broken = entry_check_first_broken(x, STAGE_CONTROLS);
    if (broken >= 0) return fail_checks(x, VM_ERROR_entry_controls, broken);
    broken = entry_check_first_broken(x, STAGE_HOST);
    if (broken >= 0) return fail_checks(x, VM_ERROR_entry_host_state, broken);
    return vmx_entry(x, launch, x->rip);
}

static enum outcome vmlaunch(struct vmx *x, const struct insn *i)
{
    (void)i;
    return enter(x, true);
}

static enum outcome vmresume(struct vmx *x, const struct insn *i)
{
    (void)i;
    return enter(x, false);
}

/* Without dual-monitor treatment of SMM. */
static enum outcome vmcall(struct vmx *x, const struct insn *i)
{
    (void)i;
    return fail(x, VM_ERROR_vmcall_in_root);
}

/* --- INVEPT, INVVPID --- */

static enum outcome invept(struct vmx *x, const struct insn *i)
{
    struct hart *h = x->hart;
    u64 type = note_operand(x, insn_read_reg(h, i)), descriptor[2];
    if (type != INVEPT_SINGLE && type != INVEPT_ALL) return fail(x, VM_ERROR_invalid_operand);
    if (!read_descriptor(h, i, descriptor)) return OUT_FAULT;
    bool legal = type == INVEPT_ALL || (eptp_is_valid(x, descriptor[0]) && !descriptor[1]);
    if (!legal) return fail(x, VM_ERROR_invalid_operand);
    mmu_invept(x->mmu, h, (enum invept_type)type, descriptor[0]);
    succeed(x);
    return OUT_FLUSH;
}

static bool invvpid_is_legal(const struct hart *h, u64 type, const u64 descriptor[2])
{
    if (descriptor[0] >> 16) return false;
    if (type != INVVPID_ALL && !descriptor[0]) return false;
    return type != INVVPID_ADDRESS || base_is_canonical(h, descriptor[1]);
}

static enum outcome invvpid(struct vmx *x, const struct insn *i)
{
    struct hart *h = x->hart;
    u64 type = note_operand(x, insn_read_reg(h, i)), descriptor[2];
    if (type > INVVPID_SINGLE_RETAIN_GLOBALS) return fail(x, VM_ERROR_invalid_operand);
    if (!read_descriptor(h, i, descriptor)) return OUT_FAULT;
    if (!invvpid_is_legal(h, type, descriptor)) return fail(x, VM_ERROR_invalid_operand);
    mmu_invvpid(x->mmu, h, (enum invvpid_type)type, (u16)descriptor[0], VA(descriptor[1]));
    succeed(x);
    return OUT_FLUSH;
}

/* --- all of them --- */

enum operands { NO_OPERANDS, MEMORY, MEMORY_AND_REGISTER };

struct vmx_insn {
    u16 mnemonic;
    enum exit_reason reason; /* in a guest */
    enum operands operands;
    enum outcome (*run)(struct vmx *x, const struct insn *i); /* in root operation at CPL 0 */
};

static const struct vmx_insn instructions[] = {
    {ZYDIS_MNEMONIC_VMREAD, EXIT_vmread, MEMORY_AND_REGISTER, vmread},
    {ZYDIS_MNEMONIC_VMWRITE, EXIT_vmwrite, MEMORY_AND_REGISTER, vmwrite},
    {ZYDIS_MNEMONIC_VMRESUME, EXIT_vmresume, NO_OPERANDS, vmresume},
    {ZYDIS_MNEMONIC_VMLAUNCH, EXIT_vmlaunch, NO_OPERANDS, vmlaunch},
    {ZYDIS_MNEMONIC_VMCALL, EXIT_vmcall, NO_OPERANDS, vmcall},
    {ZYDIS_MNEMONIC_VMPTRLD, EXIT_vmptrld, MEMORY, vmptrld},
    {ZYDIS_MNEMONIC_VMPTRST, EXIT_vmptrst, MEMORY, vmptrst},
    {ZYDIS_MNEMONIC_VMCLEAR, EXIT_vmclear, MEMORY, vmclear},
    {ZYDIS_MNEMONIC_VMXON, EXIT_vmxon, MEMORY, vmxon_again},
    {ZYDIS_MNEMONIC_VMXOFF, EXIT_vmxoff, NO_OPERANDS, vmxoff},
    {ZYDIS_MNEMONIC_INVEPT, EXIT_invept, MEMORY_AND_REGISTER, invept},
    {ZYDIS_MNEMONIC_INVVPID, EXIT_invvpid, MEMORY_AND_REGISTER, invvpid},
};

static const struct vmx_insn *find(u16 mnemonic)
{
    for (unsigned n = 0; n < ARRAY_LEN(instructions); n++)
        if (instructions[n].mnemonic == mnemonic) return &instructions[n];
    return NULL;
}

static enum outcome exit_guest(struct vmx *x, const struct insn *i, const struct vmx_insn *what)
{
    struct exit e = exit_for_instruction(x->hart, i, what->reason);
    if (what->operands != NO_OPERANDS) {
        e.instruction_info = info_of_operands(i, what->operands == MEMORY_AND_REGISTER);
        e.qualification = insn_has_memory(i) ? operand_displacement(x->hart, i) : 0;
    }
    vmx_exit(x, &e);
    return OUT_EXIT;
}

/* Real and virtual-8086 mode, compatibility mode; VMCALL exits from any mode of a guest. */
static bool mode_is_wrong(const struct hart *h, u16 mnemonic)
{
    if (hart_in_guest(h) && mnemonic == ZYDIS_MNEMONIC_VMCALL) return false;
    bool compatibility = hart_in_long_mode(h) && !hart_in_64bit_mode(h);
    return !(h->cr0 & CR0_PE) || (h->rflags & RFLAGS_VM) || compatibility;
}

/* Does the guest's VMREAD or VMWRITE go to its shadow VMCS? Bits 14:0 of the encoding select a bit of the
 * bitmap that says exit. */
static bool is_shadowed(const struct vmx *x, const struct insn *i, u16 mnemonic)
{
    const struct vmcs *v = current_vmcs(x);
    bool reads = mnemonic == ZYDIS_MNEMONIC_VMREAD;
    if (!secondary_on(v, SECONDARY_vmcs_shadowing) || !(reads || mnemonic == ZYDIS_MNEMONIC_VMWRITE))
        return false;
    u64 encoding = insn_read_reg(x->hart, i);
    return !(encoding >> 15) && !bitmap_bit(x, reads ? v->vmread_bitmap : v->vmwrite_bitmap, (u32)encoding);
}

static bool is_absent(const struct vmx *x, u16 mnemonic)
{
    return !x->cfg.present || (mnemonic == ZYDIS_MNEMONIC_INVEPT && !x->cfg.ept) ||
           (mnemonic == ZYDIS_MNEMONIC_INVVPID && !x->cfg.vpid);
}

/* What refuses an instruction before its VM exit in a guest; the privilege level comes behind that. */
static enum vmx_refusal early_refusal(const struct vmx *x, u16 mnemonic, bool turns_on)
{
    if (is_absent(x, mnemonic)) return REFUSAL_no_vmx;
    if (mode_is_wrong(x->hart, mnemonic)) return REFUSAL_mode;
    if (turns_on) return x->hart->cr4 & CR4_VMXE ? REFUSAL_none : REFUSAL_vmxe;
    return x->on ? REFUSAL_none : REFUSAL_outside_vmx;
}

enum outcome vmx_instruction(void *self, struct hart *h, const struct insn *i)
{
    struct vmx *x = self;
    u16 mnemonic = insn_cold(h, i)->mnemonic;
    if (mnemonic == ZYDIS_MNEMONIC_VMFUNC) return hart_in_guest(h) ? vm_function(x, i) : hart_ud(h);
    const struct vmx_insn *what = find(mnemonic);
    if (!what) return hart_ud(h);
    bool turns_on = mnemonic == ZYDIS_MNEMONIC_VMXON && !x->on, guest = hart_in_guest(h);
    x->rip = insn_rip(h, i);
    x->instruction = what->reason;
    x->has_operand = false;
    enum vmx_refusal refusal = early_refusal(x, mnemonic, turns_on);
    if (refusal) return refuse(x, refusal);
    if (guest && !is_shadowed(x, i, mnemonic)) return exit_guest(x, i, what);
    if (h->cpl) return refuse(x, REFUSAL_cpl);
    x->stats.instructions += !guest;
    return turns_on ? vmxon(x, i) : what->run(x, i);
}
