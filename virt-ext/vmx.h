/* vmx.h - Intel's VMX for one logical processor: VMX operation, the current VMCS, VM entries and VM exits.
 *
 * Models:       the VMX instructions with their faults and VMfail numbers; the controls of controls.def and
 *               nothing else; entry checks of entry_checks.def; state switch, exit information, event
 *               injection, IDT vectoring, MSR lists; worlds.
 * Not modelled: SMM and dual-monitor treatment, guest-physical accesses to the APIC-access page, sub-page permissions,
 *               SGX (ENCLS is #UD in front of its control), the time of a page-modification-log entry that an
 *               instruction fetch writes.
 * Neighbours:   isa calls through vmx_ops; the MMU is told the world, VPID and EPT pointer; timing cores
 *               read record->transition.
 * Checked by:   tests/unit/test_vmcs.c, test_vmx_capabilities.c, test_entry_checks.c,
 *               test_vmx_instructions.c, test_exits.c, test_vmx_events.c, test_vmx_transitions.c,
 *               test_vmx_windows.c, test_vmx_modes.c, test_vmx_ept_events.c, test_exits_newer.c,
 *               test_vmx_timing.c, test_vmx_shadow.c, test_vmx_functions.c,
 *               test_vmx_tpr.c, test_vmx_apic_access.c, test_vmx_virtual_interrupts.c, test_vmx_posted.c,
 *               test_vmx_startup.c, test_vmcs_owners.c, test_vmx_random.c
 * Manual:       SDM Vol. 3C; comments name its section titles.
 */
#ifndef VIRT_VMX_H
#define VIRT_VMX_H

#include "caches/mmu.h"
#include "isa/hart.h"
#include "models/sim/params.h"
#include "models/sim/stats.h"
#include "virt-ext/transition.h"
#include "virt-ext/vmcs.h"
#include "virt-ext/vmcs_owners.h"
#include <stdio.h>

/* clang-format off */
#define VMX_PARAMS(P)                                                                                        \
    P(bool, present,                   true, ANY,                  "CPUID.1:ECX.VMX and all behind it")      \
    P(bool, bios_enabled,              true, ANY,                  "IA32_FEATURE_CONTROL allows VMXON")      \
    P(u32,  revision,                  0x11, RANGE(1, 0x7fffffff), "VMCS revision identifier")               \
    P(u32,  region_bytes,              1024, RANGE(1024, 4096),    "region size that is reported")           \
    P(u32,  vmcs_held,                 4,    RANGE(1, 16),         "VMCSs that the processor holds at once") \
    P(bool, ept,                       true, ANY,                  "extended page tables")                   \
    P(bool, ept_2m,                    true, ANY,                  "2-MByte pages in EPT")                   \
    P(bool, ept_1g,                    true, ANY,                  "1-GByte pages in EPT")                   \
    P(bool, ept_ad,                    true, ANY,                  "accessed and dirty flags in EPT")        \
    P(bool, ept_execute_only,          true, ANY,                  "execute-only translations in EPT")       \
    P(bool, ept_advanced_info,         true, ANY,                  "violations tell the page's rights")      \
    P(bool, vpid,                      true, ANY,                  "virtual-processor identifiers")          \
    P(bool, unrestricted_guest,        true, ANY,                  "guests without paging, in real mode")    \
    P(bool, invpcid,                   true, ANY,                  "enable INVPCID, if there is INVPCID")    \
    P(bool, rdrand_exiting,            true, ANY,                  "RDRAND exiting, if there is RDRAND")     \
    P(bool, rdseed_exiting,            true, ANY,                  "RDSEED exiting, if there is RDSEED")     \
    P(bool, xsaves,                    true, ANY,                  "enable XSAVES, if there is XSAVES")      \
    P(bool, encls_exiting,             true, ANY,                  "ENCLS exiting (there is no SGX)")        \
    P(bool, perf_global_ctrl,          true, ANY,                  "load IA32_PERF_GLOBAL_CTRL")             \
    P(bool, pml,                       true, ANY,                  "page-modification logging")              \
    P(bool, ept_violation_ve,          true, ANY,                  "EPT-violation #VE")                      \
    P(bool, mode_based_execute,        true, ANY,                  "mode-based execute control for EPT")     \
    P(bool, preemption_timer,          true, ANY,                  "VMX-preemption timer")                   \
    P(u32,  preemption_timer_rate,     7,    RANGE(0, 31),         "TSC bit whose changes it counts")        \
    P(bool, pause_loop_exiting,        true, ANY,                  "PAUSE-loop exiting")                     \
    P(bool, tsc_scaling,               true, ANY,                  "TSC multiplier")                         \
    P(bool, inject_length_0,           true, ANY,                  "entries inject events of length 0")      \
    P(bool, ept_5_level,               false, ANY,                 "5-level EPT")                            \
    P(bool, vmfunc,                    true, ANY,                  "VMFUNC with EPTP switching")             \
    P(bool, vmcs_shadowing,            true, ANY,                  "shadow VMCSs")                           \
    P(bool, vmwrite_any,               true, ANY,                  "VMWRITE to read-only fields")            \
    P(bool, virtualize_apic,           true, ANY,                  "APIC-access page")                       \
    P(bool, virtualize_x2apic,         true, ANY,                  "virtualize x2APIC mode, if there is one") \
    P(bool, apic_registers,            true, ANY,                  "APIC-register virtualization")           \
    P(bool, virtual_interrupts,        true, ANY,                  "virtual-interrupt delivery")             \
    P(bool, posted_interrupts,         true, ANY,                  "posted-interrupt processing") \
    P(bool, ipi_virtualization,        false, ANY,                 "IPI virtualization, tertiary controls")  \
    P(u32,  exit_microcode_cycles,     300,  ANY,                  "exit: besides memory references")        \
    P(u32,  exit_event_cycles,         0,    ANY,                  "exit by an event, over an instruction's: no published figure") \
    P(u32,  exit_translation_cycles,   0,    ANY,                  "exit by EPT or a full log, likewise")    \
    P(u32,  entry_microcode_cycles,    280,  ANY,                  "entry: besides memory references")       \
    P(u32,  drain_cycles,              20,   ANY,                  "either: pipeline empties and starts")    \
    P(u32,  controls_rewritten_cycles, 400,  ANY,                  "entry: a control was just written")      \
    P(u32,  entry_failed_cycles,       500,  ANY,                  "entry that fails on guest state")        \
    P(u32,  inject_cycles,             60,   ANY,                  "entry that injects: besides delivery")   \
    P(u32,  msr_list_cycles,           60,   ANY,                  "per entry of an MSR list")               \
    P(u32,  vmread_cycles,             25,   ANY,                  "VMREAD")                                 \
    P(u32,  vmwrite_cycles,            25,   ANY,                  "VMWRITE")                                \
    P(u32,  vmfunc_cycles,             134,  ANY,                  "VMFUNC that switches the EPT pointer")   \
    P(u32,  vmptr_cycles,              80,   ANY,                  "VMPTRLD, VMPTRST, VMCLEAR")              \
    P(u32,  vmxon_cycles,              200,  ANY,                  "VMXON, VMXOFF")                          \
    P(u32,  invept_cycles,             250,  ANY,                  "INVEPT")                                 \
    P(u32,  invvpid_cycles,            200,  ANY,                  "INVVPID")                                \
    P(u32,  apic_access_cycles,        30,   ANY,                  "a virtualized APIC-page access (estimated)") \
    P(u32,  apic_write_cycles,         40,   ANY,                  "emulation behind a virtual APIC write (estimated)") \
    P(u32,  virtual_interrupt_cycles,  60,   ANY,                  "virtual interrupt: besides its delivery (estimated)") \
    P(u32,  posted_interrupt_cycles,   150,  ANY,                  "posted-interrupt processing (estimated)") \
    P(u32,  virtual_ipi_cycles,        60,   ANY,                  "IPI virtualization (estimated)")

#define VMX_STATS(S)                                                                        \
    S(entries,       "VM entries that reached the guest")                                   \
    S(failed_checks, "VM entries that failed a check on controls or host state (VMfail)")   \
    S(failed_guest,  "VM entries that failed on guest state or on loading MSRs")            \
    S(exits_total,   "VM exits, the failed entries of failed_guest included")               \
    S(injections,    "events injected by VM entries")                                       \
    S(instructions,  "VMX instructions executed outside a guest, failing ones included")    \
    S(vmfails,       "of them, those that ended in VMfailInvalid or VMfailValid")           \
    S(vmreads,       "VMREAD")                                                              \
    S(vmwrites,      "VMWRITE")                                                             \
    S(shadow_accesses, "VMREAD and VMWRITE that guests made on a shadow VMCS")              \
    S(eptp_switches, "VMFUNC that switched the EPT pointer")                                \
    S(pages_logged,  "pages that page-modification logging wrote down")                     \
    S(virtualization_exceptions, "EPT violations that became #VE")                          \
    S(controls_rewritten, "VM entries that had their controls checked again")               \
    S(refusals,      "VMX instructions that were #UD or #GP outside a guest")                \
    S(vmcs_loads,    "VMPTRLD of a VMCS that the processor did not hold")                   \
    S(vmcs_write_backs, "VMCSs written back: by VMCLEAR, or to make room for another")      \
    S(hazards,       "VMX instructions that broke a rule which no processor checks (VMCS ownership)")              \
    S(aborts,        "VMX aborts")                                                          \
    S(virtual_interrupts, "virtual interrupts delivered")                                   \
    S(virtual_eois,  "EOIs virtualized, those that exit included")                          \
    S(virtual_self_ipis, "self IPIs virtualized")                                           \
    S(virtual_ipis,  "IPIs virtualized: posted to a descriptor")                            \
    S(posted_interrupts, "notifications processed")                                         \
    S(posted_vectors, "interrupts that they moved from descriptors to the virtual-APIC page") \
    S(apic_page_reads, "loads from the APIC-access page that were virtualized")             \
    S(apic_page_writes, "stores to it that were virtualized")                               \
    S(apic_msr_reads, "RDMSR of the virtual x2APIC")                                        \
    S(apic_msr_writes, "WRMSR of the virtual x2APIC")
/* clang-format on */

struct vmx_cfg {
    VMX_PARAMS(PARAM_FIELD)
};

extern const struct param vmx_params[];
extern const size_t vmx_params_count;

enum exit_reason {
#define EXIT(number, name, meaning) EXIT_##name = (number),
#include "virt-ext/exits.def"
#undef EXIT
    EXIT_REASONS = 65
};

#define EXIT_REASON_ENTRY_FAILURE BIT(31)

enum vm_error {
    VM_ERROR_none,
#define VM_ERROR(number, name, meaning, asks) VM_ERROR_##name = (number),
#include "virt-ext/vm_errors.def"
#undef VM_ERROR
};

enum vmx_abort_indicator {
    ABORT_none,
#define ABORT(number, name, meaning) ABORT_##name = (number),
#include "virt-ext/aborts.def"
#undef ABORT
};

enum vmx_refusal {
    REFUSAL_none,
#define REFUSAL(name, vector, section, asks) REFUSAL_##name,
#include "virt-ext/refusals.def"
#undef REFUSAL
};

enum entry_check {
#define ENTRY_CHECK(stage, name, section, fields, holds) ENTRY_CHECK_##name,
#include "virt-ext/entry_checks.def"
#undef ENTRY_CHECK
    ENTRY_CHECKS
};

/* The parts of an exit's price that a core reports. */
enum vmx_exit_part { VMX_CYCLES_OUT, VMX_CYCLES_ROOT, VMX_CYCLES_IN, VMX_EXIT_PARTS };

struct vmx_stats {
    VMX_STATS(STAT_FIELD)
    u64 exits[EXIT_REASONS];
    u64 cycles[EXIT_REASONS][VMX_EXIT_PARTS];
    u64 checks[ENTRY_CHECKS]; /* failed entries by rule */
};

/* Allowed 0-settings (bits that must be 1) and 1-settings of one control word. */
struct vmx_allowed {
    u32 must_be_1, may_be_1;
};

enum vmx_word {
#define WORD(word, msr, true_msr, default1) VMX_##word,
#include "virt-ext/controls.def"
    VMX_WORDS
};

/* What the last failed VMX instruction, VM entry or VM exit failed of. */
struct vmx_failure {
    bool happened;
    bool rejected;       /* VMfailInvalid: there was no current VMCS to hold an error number */
    u64 rip;             /* of the instruction; of a VMX abort: the guest's */
    enum exit_reason instruction; /* by the reason of its VM exits in a guest */
    bool has_operand;
    u64 operand;         /* region, field or type */
    u32 region_begins;   /* VMPTRLD: what stands where the revision identifier should */
    enum vm_error error; /* VMfail; none: one of the following, or VMfailInvalid */
    u32 exit_reason;     /* entry failure */
    int check;           /* enum entry_check, -1: none of them */
    u32 msr_entry;       /* EXIT_entry_failure_msr_loading: number of the list's entry, from 1 */
    enum vmx_refusal refusal;       /* the instruction was #UD or #GP */
    enum vmx_abort_indicator abort; /* the exit ended in a VMX abort */
    enum vmx_hazard hazard;         /* the instruction did its work and broke a rule... */
    unsigned peer;                  /* ...which concerns this processor too */
    u64 cr0, cr4;        /* then */
    u8 cpl;
    struct vmcs values;  /* the VMCS as it was */
};

/* One VM exit as a trace sees it. */
struct vmx_exit_event {
    enum exit_reason reason;
    u64 qualification;
    u64 guest_rip, guest_linear, guest_physical;
    u32 interruption_info, error_code;
};
typedef void (*vmx_exit_fn)(void *self, const struct vmx_exit_event *e);

/* How the VMX-preemption timer asks to be woken: vmx_timer_expired is due when the time-stamp counter without
 * any offset is `tsc`. One request at a time. */
struct vmx_alarm {
    void (*set)(void *self, u64 tsc);
    void (*cancel)(void *self);
    void *self;
};

#define VMCS_NONE (~0ull) /* the current-VMCS pointer after VMXON and VMCLEAR */

#define VMX_VMCS_HELD_MAX 16

struct vmx {
    /* fixed at elaboration */
    struct vmx_cfg cfg;
    struct vmx_allowed allowed[VMX_WORDS]; /* as the TRUE MSRs say: what VM entries check against */
    struct {
        u64 first, end;
    } area[VMCS_AREAS]; /* bytes in struct vmcs */

    /* wiring */
    struct hart *hart;
    struct mmu *mmu;
    vmx_exit_fn on_exit;          /* may be NULL */
    void (*on_entry)(void *self); /* a VM entry has reached the guest; may be NULL */
    void (*on_failure)(void *self); /* `failure` is new; may be NULL */
    void *on_exit_self;           /* of all three */
    struct vmcs_owners *owners;   /* shared by all processors; may be NULL: nobody watches */
    struct vmx_alarm alarm;       /* set NULL: the preemption timer never expires by itself */

    /* state */
    bool on; /* in VMX operation */
    u64 vmxon_region;
    u64 current;     /* VMCS_NONE: no current VMCS */
    struct {
        unsigned n;
        u64 region[VMX_VMCS_HELD_MAX]; /* last used first */
    } held;
    u64 rip;         /* of the VMX instruction under way... */
    enum exit_reason instruction; /* ...which it is... */
    bool has_operand;
    u64 operand;     /* ...and what it works on */
    bool injecting;  /* the VM entry of this instruction delivers its event now */
    struct {
        bool written;  /* guest world: a store to the APIC-access page waits for its emulation */
        u32 offset;    /* of that store */
        bool due;      /* guest world: an exit that comes behind the instruction */
        u8 reason;     /* of that exit */
        u64 qualification;
    } apic;
    bool virtual_nmi_blocked; /* guest world with virtual NMIs */
    struct {
        bool runs, expired;
        u64 end_ticks; /* of the time-stamp counter shifted by the rate */
    } timer;
    struct {
        u64 first_tsc, last_tsc; /* of the loop of PAUSEs; last 0: none since the VM entry */
    } pause_loop;
    u64 exit_reason; /* basic reason of the last VM exit; u64 for waveforms */
    struct vmx_failure failure;

    /* statistics */
    struct vmx_stats stats;
};

extern const struct virt_ops vmx_ops;

/* Powers up outside VMX operation and plugs vmx_ops into the hart. Features that the hart's processor
 * model lacks are taken from `cfg`. */
void vmx_init(struct vmx *x, const struct vmx_cfg *cfg, struct hart *h, struct mmu *mmu);

/* The alarm that `alarm` was asked for: the VMX-preemption timer is at zero. */
void vmx_timer_expired(struct vmx *x);

/* --- for cores, reports and tools --- */

/* "cpuid", "ept_violation"...; NULL: no such reason. */
const char *vmx_exit_name(unsigned reason);
const char *vmx_exit_meaning(unsigned reason);

/* Adds cycles to one part of an exit's price. */
void vmx_account_exit(struct vmx *x, enum exit_reason reason, enum vmx_exit_part part, u64 cycles);

/* <prefix>.vmx.entries ..., <prefix>.vmx.exits.<reason>.{count,cycles_out,cycles_root,cycles_in},
 * <prefix>.vmx.failed.<rule> */
void vmx_register_stats(const struct vmx *x, struct stats *s, const char *prefix);

/* Assertion at the end of every run: the exits are the sum over their reasons. */
void vmx_check_identities(const struct vmx *x);

/* What the last failed VM entry, VMX instruction or VM exit failed of: the rule, what it asks, its section of the
 * manual, and the fields it looks at. */
void vmx_print_failure(const struct vmx *x, FILE *out);
/* What a rule asks, in words. */
const char *vmx_entry_check_asks(enum entry_check check);

/* --- capabilities.c: SDM Vol. 3D, "VMX Capability Reporting Facility" --- */

#define MSR_FEATURE_CONTROL  0x3au
#define MSR_VMX_BASIC        0x480u
#define MSR_VMX_MISC         0x485u
#define MSR_VMX_CR0_FIXED0   0x486u
#define MSR_VMX_CR0_FIXED1   0x487u
#define MSR_VMX_CR4_FIXED0   0x488u
#define MSR_VMX_CR4_FIXED1   0x489u
#define MSR_VMX_VMCS_ENUM    0x48au
#define MSR_VMX_EPT_VPID_CAP 0x48cu
#define MSR_VMX_VMFUNC       0x491u
#define MSR_VMX_PROCBASED_CTLS3 0x492u
#define MSR_VMX_LAST         0x492u

#define VMX_CR3_TARGETS  4u

/* False: RDMSR of it is #GP, since the processor lacks what it would report. */
bool vmx_capability(const struct vmx *x, u32 msr, u64 *value);
/* Computes the allowed settings from controls.def. non_true: without the TRUE MSRs' liberties. */
struct vmx_allowed vmx_allowed_settings(const struct vmx_cfg *cfg, enum vmx_word word, bool non_true);
u64 vmx_ept_vpid_capability(const struct vmx_cfg *cfg);
/* IA32_VMX_VMFUNC: the VM functions that there are. */
u64 vmx_functions(const struct vmx_cfg *cfg);
/* IA32_VMX_PROCBASED_CTLS3: allowed 1-settings of the tertiary controls. */
u64 vmx_tertiary_controls(const struct vmx_cfg *cfg);
/* Fixed bits of VMX operation; an unrestricted guest's PE and PG are free. */
bool vmx_cr0_is_legal(u64 cr0, bool unrestricted);
bool vmx_cr4_is_legal(const struct vmx *x, u64 cr4);

#endif
