/* internal.h - what the files of virt-ext share: the current VMCS, the state switch, VM exits from
 * everywhere. Not for other folders. */
#ifndef VIRT_INTERNAL_H
#define VIRT_INTERNAL_H

#include "isa/state.h"
#include "virt-ext/controls.h"
#include "virt-ext/physical.h"
#include "virt-ext/vmx.h"

/* Bits of the guest's interruptibility state and activity: SDM Vol. 3C, "Guest Non-Register State". */
#define BLOCKING_STI     BIT(0)
#define BLOCKING_MOV_SS  BIT(1)
#define BLOCKING_SMI     BIT(2)
#define BLOCKING_NMI     BIT(3)
#define GUEST_ACTIVE     0u
#define GUEST_HLT        1u
#define GUEST_SHUTDOWN   2u
#define GUEST_WAIT_SIPI  3u
#define PENDING_DEBUG_BS BIT(14)
#define PENDING_DEBUG_DEFINED                                                                                \
    (0xfull | BIT(12) | PENDING_DEBUG_BS) /* B3..B0, an enabled breakpoint was met, BS */

/* Interruption information of entries, exits and IDT vectoring. */
#define EVENT_VALID      BIT(31)
#define EVENT_HAS_ERROR  BIT(11)
#define EVENT_TYPE(info) ((enum event_type)bits((info), 10, 8))
#define EVENT_NMI_UNBLOCKED BIT(12) /* of exits: by the IRET that faulted */
#define OTHER_PENDING_MTF   0u      /* vector of EVENT_OTHER */

#define PERF_GLOBAL_CTRL_BITS 0ull /* one per counter */
#define DEBUGCTL_BITS BIT(1) /* BTF: what WRMSR accepts */

/* The VMCS of a region in RAM, where VMPTRLD or a VM entry found a revision identifier. */
static inline struct vmcs *vmcs_at(const struct vmx *x, u64 region)
{
    return (struct vmcs *)(void *)(x->hart->mem->host + region);
}
static inline struct vmcs *current_vmcs(const struct vmx *x) { return vmcs_at(x, x->current); }

/* Adds an area of the current VMCS to the transition under way. */
static inline void touch_area(const struct vmx *x, enum vmcs_area area, bool write)
{
    u64 first = x->area[area].first;
    transition_touch(hart_vmx_record(x->hart), HPA(x->current + first), x->area[area].end - first, write);
}

/* The guest's segment registers in the order of their encodings in the VMCS: ES CS SS DS FS GS LDTR TR. */
#define GUEST_SEGMENTS 8
static inline struct segment *hart_segment(struct hart *h, unsigned n)
{
    if (n < SEG_COUNT) return &h->seg[n];
    return n == SEG_COUNT ? &h->ldtr : &h->tr;
}

/* --- vmentry_checks.c --- */

enum check_stage { STAGE_CONTROLS, STAGE_HOST, STAGE_GUEST };

/* The first rule of a stage that the current VMCS breaks; -1: none. */
int entry_check_first_broken(const struct vmx *x, enum check_stage stage);
/* Would a VM entry take this EPT pointer? */
bool eptp_is_valid(const struct vmx *x, u64 eptp);

/* --- vmcs_cache.c --- */

/* VMPTRLD: the VMCS is current. */
void vmcs_cache_load(struct vmx *x, u64 region);
/* VMCLEAR: the processor does not hold the VMCS any more. */
void vmcs_cache_clear(struct vmx *x, u64 region);

/* --- vmentry.c --- */

/* VMLAUNCH or VMRESUME at `rip`, once controls and host state are checked. */
enum outcome vmx_entry(struct vmx *x, bool launch, u64 rip);

/* --- inject.c --- */

/* Delivers the event of the entry's interruption information; it may end in a VM exit. */
void inject_event(struct vmx *x, u32 info);

/* --- preemption_timer.c --- */

/* Starts the timer of the VMCS, if it is on; a value of 0 has expired already. */
void preemption_timer_start(struct vmx *x, const struct vmcs *v);
/* Stops it and, if the VMCS asks, saves what is left. */
void preemption_timer_stop(struct vmx *x, struct vmcs *v);

/* --- vmexit.c --- */

struct exit {
    u32 reason; /* enum exit_reason, and EXIT_REASON_ENTRY_FAILURE */
    u64 qualification;
    u64 guest_linear, guest_physical;
    u32 interruption_info, error_code;
    u32 instruction_length; /* 0 where the manual leaves it undefined */
    u32 instruction_info;
    u64 rip;       /* guest RIP to save */
    bool fault_rf; /* the saved RFLAGS has RF set */
};

/* Leaves the guest: exit information, guest state, MSR lists, host state, world. */
void vmx_exit(struct vmx *x, const struct exit *e);
/* A VM entry that failed on guest state or MSRs: exit information and host state only. */
void vmx_entry_failed(struct vmx *x, const struct exit *e);
void vmx_abort(struct vmx *x, enum vmx_abort_indicator indicator);

/* --- state.c: between hart and VMCS --- */

/* PAE paging will be on. */
static inline bool guest_has_pdptes(const struct vmcs *v)
{
    return pae_paging_is_on(v->guest_cr0, v->guest_cr4, entry_on(v, ON_ENTRY_ia32e_mode_guest) ? EFER_LMA : 0);
}
/* The PDPTEs that a VM entry loads: of the VMCS under EPT, else from memory at CR3. */
void guest_pdptes(const struct hart *h, const struct vmcs *v, u64 pdpte[PDPTES]);

void load_guest_state(struct hart *h, const struct vmcs *v);
void save_guest_state(struct hart *h, struct vmcs *v);
void load_host_state(struct hart *h, const struct vmcs *v);

/* --- msr_list.c: SDM Vol. 3C, "Loading MSRs" and "Saving MSRs" --- */

/* Number of the entry that failed, from 1; 0: all went well. */
u32 msr_list_load(struct vmx *x, u64 at, u32 count);
u32 msr_list_store(struct vmx *x, u64 at, u32 count);

/* --- instruction_info.c: SDM Vol. 3C, "Information for VM Exits Due to Instruction Execution" --- */

/* What is exited for one instruction: RIP and length filled, the rest zero. */
struct exit exit_for_instruction(const struct hart *h, const struct insn *i, enum exit_reason reason);
/* Displacement of the memory operand and the instruction-information field of each layout. */
u64 operand_displacement(const struct hart *h, const struct insn *i);
u32 info_of_operands(const struct insn *i, bool second_register); /* a register r/m is register 1 */
u32 info_of_random(const struct insn *i);
u32 info_of_string_io(const struct insn *i);
u32 info_of_descriptor_table(const struct hart *h, const struct insn *i, unsigned identity);

/* --- apic.h has the rest: SDM Vol. 3C, "APIC Virtualization and Virtual Interrupts" --- */

/* Byte 80H of the virtual-APIC page. */
u8 virtual_tpr(const struct vmx *x);
bool vmx_read_cr8(void *self, struct hart *h, u64 *value);
bool vmx_write_cr8(void *self, struct hart *h, u64 value);
bool vmx_apic_access(void *self, struct hart *h, enum access access, bool rmw, unsigned bytes,
                     struct translation *t);
/* An x2APIC MSR of a guest with "virtualize x2APIC mode". Read, write: false: not virtualized, the local APIC's. */
bool virtual_apic_msr(const struct vmx *x, u32 msr);
bool virtual_apic_read_msr(struct vmx *x, u32 msr, u64 *value);
bool virtual_apic_write_msr(struct vmx *x, u32 msr, u64 value, bool *gp);
/* The guest world begins, by the VMCS `v`; ends. */
void apic_enter(struct vmx *x, const struct vmcs *v);
void apic_leave(struct vmx *x);
/* Delivers the pending virtual interrupt, if the guest can take it now. */
bool apic_deliver(struct vmx *x);

/* --- functions.c: SDM Vol. 3C, "VM Functions" --- */

#define VM_FUNCTION_EPTP_SWITCHING BIT(0)

/* VMFUNC in guest world. */
enum outcome vm_function(struct vmx *x, const struct insn *i);

/* --- ept_events.c: what EPT makes of accesses besides violations --- */

/* #VE in h->fault instead of a VM exit for this fault; its information area is filled. */
bool becomes_virtualization_exception(struct vmx *x, const struct fault *f);
/* `self` is a struct vmx. Page-modification logging: this page's dirty flag is about to be set. false: the log is full. */
bool log_guest_page(void *self, gpa_t page);

/* --- vmx_instructions.c --- */

enum outcome vmx_instruction(void *self, struct hart *h, const struct insn *i);

/* --- explain.c --- */

/* VEC_UD or VEC_GP. */
u8 refusal_vector(enum vmx_refusal refusal);
/* Remembers a failure of the instruction at `rip` for vmx_print_failure. */
void vmx_note_failure(struct vmx *x, const struct vmx_failure *f);

/* --- intercept.c --- */

bool vmx_intercept(void *self, struct hart *h, const struct insn *i, enum intercept what, u64 info);
bool vmx_insn_enabled(void *self, struct hart *h, enum intercept what);
u64 vmx_read_cr(void *self, struct hart *h, unsigned cr);
u64 vmx_merge_cr(void *self, struct hart *h, unsigned cr, u64 value);
bool vmx_unblock_nmi(void *self, struct hart *h);
/* One bit of a bitmap in memory. The look is a reference that a timing core plays. */
bool bitmap_bit(const struct vmx *x, u64 bitmap, u32 bit);

/* --- intercept_event.c --- */

bool vmx_intercept_event(void *self, struct hart *h, const struct fault *f, enum event_type type);
bool vmx_intercept_interrupt(void *self, struct hart *h);
bool vmx_intercept_triple_fault(void *self, struct hart *h);

#endif
