/* functions.c - VMFUNC: SDM Vol. 3C, "VM Functions" and "EPTP Switching". */
#include "isa/exec.h"
#include "virt-ext/internal.h"

#define EPTP_LIST_ENTRIES 512u

static enum outcome exit_guest(struct vmx *x, const struct insn *i)
{
    struct exit e = exit_for_instruction(x->hart, i, EXIT_vmfunc);
    vmx_exit(x, &e);
    return OUT_EXIT;
}

/* The reference that a timing core plays. */
static u64 read_list(const struct vmx *x, u64 at)
{
    struct hart *h = x->hart;
    if (!physmem_has(h->mem, HPA(at), sizeof(u64))) return ~0ull;
    physical_record(h, at, sizeof(u64), ACCESS_READ);
    return physmem_read64(h->mem, HPA(at));
}

/* Mappings of either pointer stay cached: they carry its tag. */
static enum outcome switch_eptp(struct vmx *x, const struct insn *i)
{
    struct hart *h = x->hart;
    struct vmcs *v = current_vmcs(x);
    u32 entry = (u32)h->reg[REG_RCX];
    if (entry >= EPTP_LIST_ENTRIES) return exit_guest(x, i);
    u64 eptp = read_list(x, v->eptp_list + 8 * (u64)entry);
    if (!eptp_is_valid(x, eptp)) return exit_guest(x, i);
    v->ept_pointer = eptp;
    if (x->cfg.ept_violation_ve) v->eptp_index = (u16)entry;
    physmem_note_write(h->mem, HPA(x->current), sizeof *v);
    x->stats.eptp_switches++;
    u16 vpid = secondary_on(v, SECONDARY_enable_vpid) ? v->vpid : 0;
    mmu_set_virt(x->mmu, h,
                 &(struct mmu_virt){.vpid = vpid, .ept = true, .eptp = eptp,
                                    .mode_based_execute = secondary_on(v, SECONDARY_mode_based_execute),
                                    .log_writes = secondary_on(v, SECONDARY_enable_pml)});
    return OUT_FLUSH;
}

enum outcome vm_function(struct vmx *x, const struct insn *i)
{
    struct hart *h = x->hart;
    const struct vmcs *v = current_vmcs(x);
    u32 function = (u32)h->reg[REG_RAX];
    if (!secondary_on(v, SECONDARY_enable_vm_functions) || function > 63) return hart_ud(h);
    if (!(v->vm_function_controls >> function & 1)) return exit_guest(x, i);
    return switch_eptp(x, i); /* the only function that entry checks let through */
}
