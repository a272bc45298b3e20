#include "virt-ext/transition.h"
#include "virt-ext/vmx.h"

void transition_begin(struct insn_record *r, enum transition_kind kind, unsigned reason)
{
    if (!r) return;
    r->transition = (struct vm_transition){.kind = (u8)kind, .reason = (u16)reason};
}

static bool is_listed(const struct vm_transition *t, u64 line, bool write)
{
    for (unsigned n = 0; n < t->n_lines; n++)
        if (t->line[n].at.v == line && t->line[n].write == write) return true;
    return false;
}

void transition_touch(struct insn_record *r, hpa_t at, u64 bytes, bool write)
{
    if (!r) return;
    struct vm_transition *t = &r->transition;
    for (u64 line = at.v & ~(LINE_BYTES - 1); line < at.v + bytes; line += LINE_BYTES) {
        if (t->n_lines == TRANSITION_MAX_LINES || is_listed(t, line, write)) continue;
        t->line[t->n_lines].at = HPA(line);
        t->line[t->n_lines++].write = write;
    }
}

static u64 entry_cycles(const struct vmx_cfg *cfg, const struct vm_transition *t)
{
    return cfg->entry_microcode_cycles + (t->controls_rewritten ? cfg->controls_rewritten_cycles : 0) +
           (t->injects ? cfg->inject_cycles : 0);
}

/* What an exit of this class costs over one by an instruction. */
static u64 exit_class_cycles(const struct vmx_cfg *cfg, enum exit_reason reason)
{
    switch (reason) {
    case EXIT_exception_or_nmi:
    case EXIT_external_interrupt:
    case EXIT_triple_fault:
    case EXIT_init_signal:
    case EXIT_sipi:
    case EXIT_interrupt_window:
    case EXIT_nmi_window:
    case EXIT_monitor_trap_flag:
    case EXIT_preemption_timer: return cfg->exit_event_cycles;
    case EXIT_ept_violation:
    case EXIT_ept_misconfiguration:
    case EXIT_page_modification_log_full: return cfg->exit_translation_cycles;
    default: return 0;
    }
}

/* An exit that injects is the end of an entry: the event's delivery caused it. */
static u64 exit_cycles(const struct vmx_cfg *cfg, const struct vm_transition *t)
{
    return cfg->exit_microcode_cycles + exit_class_cycles(cfg, (enum exit_reason)t->reason) + (t->injects ? entry_cycles(cfg, t) : 0);
}

u64 transition_microcode_cycles(const struct vmx_cfg *cfg, const struct vm_transition *t)
{
    u64 common = cfg->drain_cycles + (u64)t->n_msrs * cfg->msr_list_cycles;
    switch (t->kind) {
    case TRANSITION_ENTRY: return common + entry_cycles(cfg, t);
    case TRANSITION_EXIT: return common + exit_cycles(cfg, t);
    case TRANSITION_ENTRY_FAILED: return common + cfg->entry_failed_cycles;
    default: return 0;
    }
}

u32 vmx_instruction_cycles(const struct vmx_cfg *cfg, enum insn_class c)
{
    switch (c) {
    case CLASS_vmread: return cfg->vmread_cycles;
    case CLASS_vmwrite: return cfg->vmwrite_cycles;
    case CLASS_vmfunc: return cfg->vmfunc_cycles;
    case CLASS_vmptr: return cfg->vmptr_cycles;
    case CLASS_vmxon: return cfg->vmxon_cycles;
    case CLASS_invept: return cfg->invept_cycles;
    case CLASS_invvpid: return cfg->invvpid_cycles;
    default: return 0;
    }
}
