/* hart.h - the architectural state of one logical processor, and the tables through which it asks upwards.
 *
 * Models:       64-bit, compatibility, 32- and 16-bit protected, virtual-8086 and real-address mode.
 * Not modelled: virtual-8086 mode extensions (VME).
 * Neighbours:   hart_ops: MMU (caches), VMX (virt-ext), ports, MMIO, interrupt controller, time (board).
 * Checked by:   tests/unit/test_exec_*.c, test_real_mode.c, test_legacy_instructions.c; tests/system/isa_guests.sh, modes.sh
 */
#ifndef ISA_HART_H
#define ISA_HART_H

#include "isa/fetch.h"
#include "isa/fpu.h"
#include "isa/physmem.h"
#include "isa/record.h"
#include "isa/softtlb.h"

enum segreg { SEG_ES, SEG_CS, SEG_SS, SEG_DS, SEG_FS, SEG_GS, SEG_COUNT };

/* Segment attributes are kept in the VMCS access-rights format (SDM Vol. 3C, "Guest Register State"). */
#define AR_TYPE      0x000fu
#define AR_S         0x0010u
#define AR_DPL_SHIFT 5
#define AR_P         0x0080u
#define AR_AVL       0x1000u
#define AR_L         0x2000u
#define AR_DB        0x4000u
#define AR_G         0x8000u
#define AR_UNUSABLE  0x10000u

struct segment {
    u64 base;
    u32 limit; /* in bytes, inclusive */
    u32 ar;
    u16 selector;
};

struct desc_table {
    u64 base;
    u16 limit;
};

#define CR0_PE BIT(0)
#define CR0_MP BIT(1)
#define CR0_EM BIT(2)
#define CR0_TS BIT(3)
#define CR0_ET BIT(4)
#define CR0_NE BIT(5)
#define CR0_WP BIT(16)
#define CR0_AM BIT(18)
#define CR0_NW BIT(29)
#define CR0_CD BIT(30)
#define CR0_PG BIT(31)

#define CR4_VME        BIT(0)
#define CR4_PVI        BIT(1)
#define CR4_TSD        BIT(2)
#define CR4_DE         BIT(3)
#define CR4_PSE        BIT(4)
#define CR4_PAE        BIT(5)
#define CR4_MCE        BIT(6)
#define CR4_PGE        BIT(7)
#define CR4_PCE        BIT(8)
#define CR4_OSFXSR     BIT(9)
#define CR4_OSXMMEXCPT BIT(10)
#define CR4_UMIP       BIT(11)
#define CR4_LA57       BIT(12)
#define CR4_VMXE       BIT(13)
#define CR4_FSGSBASE   BIT(16)
#define CR4_PCIDE      BIT(17)
#define CR4_OSXSAVE    BIT(18)
#define CR4_SMEP       BIT(20)
#define CR4_SMAP       BIT(21)
#define CR4_PKE        BIT(22)
#define CR4_PKS        BIT(24)

#define EFER_SCE BIT(0)
#define EFER_LME BIT(8)
#define EFER_LMA BIT(10)
#define EFER_NXE BIT(11)

#define RFLAGS_CF   BIT(0)
#define RFLAGS_ONE  BIT(1)
#define RFLAGS_PF   BIT(2)
#define RFLAGS_AF   BIT(4)
#define RFLAGS_ZF   BIT(6)
#define RFLAGS_SF   BIT(7)
#define RFLAGS_TF   BIT(8)
#define RFLAGS_IF   BIT(9)
#define RFLAGS_DF   BIT(10)
#define RFLAGS_OF   BIT(11)
#define RFLAGS_IOPL (3ull << 12)
#define RFLAGS_NT   BIT(14)
#define RFLAGS_RF   BIT(16)
#define RFLAGS_VM   BIT(17)
#define RFLAGS_AC   BIT(18)
#define RFLAGS_VIF  BIT(19)
#define RFLAGS_VIP  BIT(20)
#define RFLAGS_ID   BIT(21)
#define RFLAGS_ARITHMETIC (RFLAGS_CF | RFLAGS_PF | RFLAGS_AF | RFLAGS_ZF | RFLAGS_SF | RFLAGS_OF)

/* The arithmetic flags, kept as what they are computed from (isa/flags.h).
 *   ZF = (zero == 0)   SF = bit 63 of sign   PF = even parity of sign's low byte
 *   CF = bit 63 of carries   OF = bit 63 ^ bit 62 of carries   AF = bit 3 of carries */
struct lazy_flags {
    u64 zero, sign, carries;
};

enum vector {
    VEC_DE = 0, VEC_DB = 1, VEC_NMI = 2, VEC_BP = 3, VEC_OF = 4, VEC_BR = 5, VEC_UD = 6, VEC_NM = 7, VEC_DF = 8,
    VEC_TS = 10, VEC_NP = 11, VEC_SS = 12, VEC_GP = 13, VEC_PF = 14, VEC_MF = 16, VEC_AC = 17, VEC_MC = 18, VEC_XM = 19, VEC_VE = 20
};

/* Page-fault error code (SDM Vol. 3A, "Page-Fault Exceptions"). */
#define PF_P    BIT(0)
#define PF_W    BIT(1)
#define PF_U    BIT(2)
#define PF_RSVD BIT(3)
#define PF_I    BIT(4)
#define PF_PK   BIT(5)

/* FAULT_NOT_DRAINED (timed cores only): the access is MMIO and record->drained is false; the slow path of mem.c raises it before
 * any device is touched, isa_execute answers it with record->not_drained and leaves the state as it was. */
enum fault_kind {
    FAULT_NONE, FAULT_EXCEPTION, FAULT_EPT_VIOLATION, FAULT_EPT_MISCONFIG, FAULT_LOG_FULL, FAULT_APIC_ACCESS, FAULT_NOT_DRAINED
};

/* Why an instruction or a translation could not go on. A value, never a jump. */
struct fault {
    enum fault_kind kind;
    u8 vector;         /* FAULT_EXCEPTION */
    bool has_error;
    u32 error;
    bool convertible;  /* EPT violation: it may become #VE */
    va_t va;           /* #PF: CR2; EPT: guest-linear address */
    gpa_t gpa;         /* EPT: guest-physical address */
    u64 qualification; /* APIC access: the whole of it; EPT violation: SDM Vol. 3C, "Exit Qualification for EPT Violations", without bit 12 (NMI unblocking);
                        * #DB: the DR6 bits that it would set */
    u8 soft;           /* INT n / INT3 / INTO / ICEBP: enum event_type; 0 else */
    u8 insn_length;    /* of that instruction; RIP still points at it */
    bool nmi_unblocked; /* it comes from an IRET that had unblocked NMIs already */
};

/* The first four as the VMCS numbers them; in an MWAIT a guest counts as active there. */
enum activity { ACTIVITY_ACTIVE, ACTIVITY_HLT, ACTIVITY_SHUTDOWN, ACTIVITY_WAIT_SIPI, ACTIVITY_MWAIT };

/* The line that MONITOR watches: SDM Vol. 3A, "MONITOR and MWAIT Instructions" of "Multiple-Processor Management". */
struct monitor {
    bool armed;        /* a store to the line disarms it, which ends MWAIT */
    bool masked_wakes; /* MWAIT with ECX[0]: an interrupt ends it whatever RFLAGS.IF */
    hpa_t line;
};

/* Event types as in VM-entry interruption information. */
enum event_type { EVENT_EXTERNAL = 0, EVENT_NMI = 2, EVENT_HARDWARE = 3, EVENT_SOFT_INT = 4, EVENT_PRIV_SOFT = 5, EVENT_SOFT_EXCEPTION = 6, EVENT_OTHER = 7 };

/* Why the executor must look up between two instructions: bits of h->attention. */
enum attention {
    ATTENTION_INTR = 1,    /* the interrupt controller has something */
    ATTENTION_NMI = 2,
    ATTENTION_TF = 4,      /* single step */
    ATTENTION_WINDOW = 8,  /* virtualization wants to be asked between two instructions: a window, an expired timer */
    ATTENTION_SHADOW = 16, /* STI or MOV SS shadow ends behind the next instruction */
    ATTENTION_IDLE = 32,   /* not ACTIVITY_ACTIVE */
    ATTENTION_STOP = 64,   /* the core asks the executor to return */
    ATTENTION_STEP = 128,  /* virtualization wants to be asked behind the next step: monitor trap flag */
    ATTENTION_STARTUP = 256, /* an INIT or start-up IPI */
    ATTENTION_DEBUG = 512 /* a breakpoint is enabled, or RFLAGS.RF is to be cleared */
};

/* The event whose delivery through the IDT is under way, or was when a fault stopped it. Valid from isa_deliver's start until it
 * has succeeded or isa_raise has seen the fault to its end: during a VM exit it is the IDT-vectoring information. */
struct vectoring {
    bool valid;
    u8 vector;
    u8 type;        /* enum event_type */
    bool has_error;
    u32 error;
    u8 insn_length; /* software interrupts and exceptions */
};

enum code_mode { MODE_REAL16, MODE_PROT16, MODE_PROT32, MODE_COMPAT16, MODE_COMPAT32, MODE_LONG64 };

/* One page's worth of a translation. */
struct translation {
    hpa_t at;
    u8 *host;          /* in RAM: where the byte is; NULL: MMIO */
    u8 tlb;            /* enum tlb_level */
    i8 walk;           /* ledger in the record, -1: none */
    u8 memory_type;    /* enum memory_type; timed cores only */
    bool cacheable_soft; /* the executor's soft TLB may keep it */
    u8 page_shift;     /* size of the translation: 12, 21 or 30 */
};

enum invalidate_kind {
    INVALIDATE_INVLPG,          /* va in the current context (+ globals); SDM Vol. 3A, "Operations that Invalidate TLBs and Paging-Structure Caches" */
    INVALIDATE_CR3,             /* MOV to CR3: non-global of the current PCID, unless bit 63 */
    INVALIDATE_ALL_NONGLOBAL,   /* every PCID, globals stay */
    INVALIDATE_ALL,             /* every PCID, globals too (CR4.PGE/PCIDE/..., CR0.PG) */
    INVALIDATE_PCID_ADDRESS,    /* INVPCID type 0 */
    INVALIDATE_PCID             /* INVPCID type 1 */
};

/* Instructions and events that a hypervisor may ask to intercept. One row each: isa/intercepts.def. */
enum intercept {
#define INTERCEPT(name, meaning) INTERCEPT_##name,
#include "isa/intercepts.def"
#undef INTERCEPT
    INTERCEPT_COUNT
};

#define PDPTES 4

/* Upward calls. `self` pointers are per table. All return values; none jumps. */
struct mmu_ops {
    /* Translates one byte's page for an access with these rights. false: h->fault is set. Records TLB level and ledger into
     * h->record when that is not NULL. */
    bool (*translate)(void *self, struct hart *h, va_t va, enum access access, enum access_by by, struct translation *out);
    void (*invalidate)(void *self, struct hart *h, enum invalidate_kind kind, u64 pcid, va_t va);
    /* CR0, CR3, CR4, EFER, PKRU, IA32_PKRS or the VMX world changed: re-read the context (no invalidation by itself). */
    void (*context_changed)(void *self, struct hart *h);
    /* Would translate succeed, by the tables as they are in memory? Sets no flag in them, touches nothing else, h->fault neither. */
    bool (*allows)(void *self, struct hart *h, va_t va, enum access access, enum access_by by);
    /* The four page-directory-pointer-table entries of PAE paging at CR3 = `cr3`, a guest's through EPT. false: h->fault, an EPT violation
     * or misconfiguration. */
    bool (*read_pdptes)(void *self, struct hart *h, u64 cr3, u64 pdpte[PDPTES]);
};

struct virt_ops {
    /* Asked before an interceptable instruction does anything, in guest world only. true: the VM exit was taken. `i` is NULL for
     * a task switch that an event starts. */
    bool (*intercept)(void *self, struct hart *h, const struct insn *i, enum intercept what, u64 info);
    /* A fault or trap is about to be delivered in guest world: true if it became a VM exit (exception bitmap, EPT violation, ...). False of
     * an EPT violation: it became a fault of the guest's own, in h->fault. */
    bool (*intercept_event)(void *self, struct hart *h, const struct fault *f, enum event_type type);
    /* Between two instructions of a guest, before anything is taken there: true if it became a VM exit. h->pending_debug, if MOV SS
     * does not hold it back, is a trap that is due now. */
    bool (*intercept_interrupt)(void *self, struct hart *h);
    /* A triple fault in guest world: true if it became a VM exit. */
    bool (*intercept_triple_fault)(void *self, struct hart *h);
    /* VMXON ... INVVPID, VMCALL, VMFUNC: executes one. */
    enum outcome (*instruction)(void *self, struct hart *h, const struct insn *i);
    /* Virtualization's MSRs. false: not one of them. *gp: the access faults. */
    bool (*rdmsr)(void *self, struct hart *h, u32 msr, u64 *value, bool *gp);
    bool (*wrmsr)(void *self, struct hart *h, u32 msr, u64 value, bool *gp);
    /* CR0 or CR4 value acceptable in the current VMX operation (fixed bits)? */
    bool (*cr0_allowed)(void *self, struct hart *h, u64 value);
    bool (*cr4_allowed)(void *self, struct hart *h, u64 value);
    /* CR0 or CR4 (cr 0, 4) as guest software reads it: host-owned bits from the read shadow. Guest world only. */
    u64 (*read_cr)(void *self, struct hart *h, unsigned cr);
    /* What a guest's write of `value` to CR0 or CR4 (not intercepted) puts there: host-owned bits keep the register's. Guest world only. */
    u64 (*merge_cr)(void *self, struct hart *h, unsigned cr, u64 value);
    /* A guest's CR8 that nothing intercepts. false: no virtual one, the local APIC's is meant. */
    bool (*read_cr8)(void *self, struct hart *h, u64 *value);
    bool (*write_cr8)(void *self, struct hart *h, u64 value);
    /* A guest's access to its APIC-access page (hart_maps_apic_access), translated by `t`: a load, store or fetch; `rmw`: a load that its
     * store follows. true: *t leads to the virtual-APIC page instead. false: h->fault is
     * FAULT_APIC_ACCESS. */
    bool (*apic_access)(void *self, struct hart *h, enum access access, bool rmw, unsigned bytes, struct translation *t);
    /* An IRET in guest world: ends what NMI blocking it ends there; true if there was some. */
    bool (*unblock_nmi)(void *self, struct hart *h);
    /* false: INTERCEPT_rdtscp, _invpcid, _xsaves or _xrstors is #UD in this guest: the control that enables it is clear.
     * Guest world only. */
    bool (*insn_enabled)(void *self, struct hart *h, enum intercept what);
};

struct bus_ops {
    u32 (*port_read)(void *self, u16 port, unsigned bytes);
    void (*port_write)(void *self, u16 port, u32 value, unsigned bytes);
    u64 (*mmio_read)(void *self, hpa_t at, unsigned bytes);
    void (*mmio_write)(void *self, hpa_t at, u64 value, unsigned bytes);
    /* Acknowledges the pending external interrupt: its vector, or -1 if it went away. */
    int (*interrupt_acknowledge)(void *self, struct hart *h);
    /* Local APIC registers that instructions reach: CR8 and IA32_APIC_BASE, x2APIC MSRs. false: not handled. */
    bool (*apic_rdmsr)(void *self, struct hart *h, u32 msr, u64 *value, bool *gp);
    bool (*apic_wrmsr)(void *self, struct hart *h, u32 msr, u64 value, bool *gp);
    u64 (*get_cr8)(void *self, struct hart *h);
    void (*set_cr8)(void *self, struct hart *h, u64 value);
    /* The local APIC's part of an INIT. Returns whether this is the bootstrap processor. */
    bool (*init_signal)(void *self, struct hart *h);
    /* The time-stamp counter jumped: WRMSR of it or of IA32_TSC_ADJUST. May be NULL. */
    void (*tsc_changed)(void *self, struct hart *h);
    /* What APIC virtualization does to the local APIC: ends its highest interrupt in service; sends a fixed IPI
     * to one physical destination; tells the mode. NULL where nothing virtualizes. */
    void (*apic_eoi)(void *self, struct hart *h);
    void (*apic_send)(void *self, struct hart *h, u8 vector, u32 destination);
    bool (*apic_in_x2apic_mode)(void *self, struct hart *h);
    /* Time-stamp counter without VMX offset, in TSC ticks. */
    u64 (*read_tsc)(void *self, struct hart *h);
    /* A store has ended what an idle hart waits for in MWAIT. */
    void (*wake)(void *self, struct hart *h);
    /* A region marker NOP was executed: payload 0x47KKIIII. */
    void (*marker)(void *self, struct hart *h, u32 payload);
};

/* Functional warming: who hears what the functional core does, to keep caches, TLBs and predictors as if it had been timed. Ordinary
 * memory only. */
struct warm_ops {
    /* An access was made: inside a page, after its translation. A read-modify-write may be told as its store alone. */
    void (*data)(void *self, va_t va, hpa_t at, unsigned bytes, enum access access, enum access_by by);
    /* CLFLUSH and its relatives, behind their access; `stays`: CLWB, which leaves the line. */
    void (*flush)(void *self, hpa_t at, bool stays);
    /* A block is about to run... */
    void (*fetch)(void *self, const struct fetch_entry *e);
    /* ...and of its instructions the first `executed` have retired; RIP is where the program goes on. */
    void (*block)(void *self, const struct fetch_entry *e, unsigned executed);
};

/* RDMSR or WRMSR that was answered with #GP(0) for its number or value. */
#define REFUSED_MSRS 16
struct refused_msr {
    u64 rip, count; /* rip: of the first */
    u32 msr;
    bool write;
};

struct icache; /* decoded-instruction cache: isa/icache.h */
struct cpu_model; /* CPUID leaves and MSR values of a preset: isa/cpu_model.h */

struct hart {
    /* state: hot */
    u64 reg[REG_FILE];
    struct lazy_flags flags;
    u64 rflags;          /* all but the arithmetic flags; bit 1 set */
    u32 attention;       /* enum attention bits */
    u8 cpl;
    u8 mode;             /* enum code_mode, derived */
    u8 world;            /* enum world, kept by virt-ext */
    u8 activity;         /* enum activity */
    struct insn_record *record; /* NULL on the fast core */
    const struct warm_ops *warm; /* NULL but in functional warming, which is the fast core's */
    struct soft_tlb soft;
    struct fetch_state fetch;
    const struct insn *at;  /* of a chain of instructions (operand.h's go_on): the last one begun */
    struct insn single[2];  /* an instruction that runs alone, and what ends the chain behind it: isa_run_single */
    u64 loaded;             /* by the slow path of a load, for its handler */

    /* state: segments and tables */
    struct segment seg[SEG_COUNT];
    struct segment ldtr, tr;
    struct desc_table gdtr, idtr;

    /* state: x87, SSE, AVX */
    struct fpu_state fpu;

    /* state: control */
    u64 cr0, cr2, cr3, cr4;
    u64 pdpte[PDPTES];   /* PAE paging: the registers that MOV to CR0, CR3, CR4 and VM transitions load */
    u64 dr[8];
    u64 efer;
    u32 pkru;            /* rights by protection key of user-mode pages; an XSAVE component */
    u64 pkrs;            /* of supervisor-mode pages: IA32_PKRS */
    u64 star, lstar, cstar, fmask, kernel_gs_base, tsc_aux;
    u64 sysenter_cs, sysenter_esp, sysenter_eip;
    u64 perf_global_ctrl; /* no counter is modelled: all its bits are reserved */
    u64 pat, misc_enable, debugctl, bios_sign_id, mcg_status;
    u64 mtrr_def_type, mtrr_variable[16], mtrr_fixed[11]; /* timed cores heed them */
    u64 random_state;    /* of RDRAND and RDSEED; the board sets it to the run's seed */
    u64 tsc_offset;      /* what WRMSR IA32_TIME_STAMP_COUNTER moved; equals IA32_TSC_ADJUST */
    u64 vmx_tsc_offset;  /* guest world with TSC offsetting, else 0 */
    u64 vmx_tsc_multiplier; /* guest world with TSC scaling: 2^-48ths, else 0 */
    bool sti_shadow, movss_shadow, nmi_blocked, nmi_pending;
    bool intr_line;      /* the interrupt controller's INTR, whatever RFLAGS.IF */
    bool virtual_interrupt; /* guest world: a pending virtual interrupt is recognized, whatever RFLAGS.IF */
    u64 apic_access_page;   /* number of the APIC-access page; NO_APIC_ACCESS_PAGE */
    bool init_pending, startup_pending; /* INIT, start-up IPI */
    u8 startup_vector;
    bool shadow_seen;    /* the STI or MOV SS shadow covers the instruction that runs now: it ends behind it */
    bool tf_armed;       /* RFLAGS.TF was set when the instruction that runs now began */
    bool stepped;        /* ATTENTION_STEP: the step is done, or under way */
    u64 pending_debug;   /* DR6 bits of a trap to deliver behind this instruction */
    u64 debug_hits;      /* of these, what the instruction that runs now has met: they count once it is done */
    u8 watch;            /* enum watch of isa/debug.h, derived: what must be asked about every access */
    bool branched;       /* with tf_armed: the instruction took a branch */
    u64 part_of, part_rip; /* a part of a repeated string instruction was the last step: `instructions` and RIP then */
    u64 spec_ctrl;
    u64 idle_since, idle_ticks; /* TSC ticks: of the idle state of now, 0 none; of all before */
    u64 mperf_offset, aperf_offset;
    struct fault fault;
    struct fault first_fault; /* what the last delivery of exceptions began with: a triple fault's report */
    struct vectoring vectoring;
    struct monitor monitor;

    /* state: counts that any core keeps */
    u64 instructions;    /* retired */
    u64 run_steps;       /* see isa_run */
    u64 parts;           /* of repeated string instructions, but for the last of each */
    struct refused_msr refused_msr[REFUSED_MSRS]; /* for the report */
    unsigned refused_msrs;
    u64 unmodelled;      /* instructions answered with #UD because they are not modelled */

    /* wiring */
    unsigned id;
    struct physmem *mem;
    struct icache *icache;
    const struct cpu_model *model;
    const struct mmu_ops *mmu;
    void *mmu_self;
    const struct virt_ops *virt;
    void *virt_self;
    const struct bus_ops *bus;
    void *bus_self;
    void *warm_self;
    struct store_buffer *stores; /* NULL: none, every store is seen at once (store_buffer.h) */
    struct insn_record *warm_record; /* in functional warming: the references that VMX makes by itself */
};

/* Who hears of references that VMX makes by itself; NULL: nobody. */
static inline struct insn_record *hart_vmx_record(const struct hart *h) { return h->record ? h->record : h->warm_record; }

/* Power-up wiring; state as after INIT but in flat 32-bit protected mode is set by boot protocols, not here. */
void hart_init(struct hart *h, unsigned id, struct physmem *mem, struct icache *ic, const struct cpu_model *model);

/* RFLAGS whole, arithmetic flags included. */
u64 hart_rflags(const struct hart *h);
void hart_set_rflags(struct hart *h, u64 value);

/* Derives mode, cpl tables, attention and the MMU's context after control state changed from outside (VM transitions, boot, restore). */
void hart_state_changed(struct hart *h);

/* Accesses to this page are APIC accesses: translations of it have no host address, so that no soft TLB keeps them. */
#define NO_APIC_ACCESS_PAGE UINT64_MAX
static inline bool hart_maps_apic_access(const struct hart *h, hpa_t at) { return UNLIKELY(at.v >> PAGE_SHIFT == h->apic_access_page); }

static inline bool hart_in_guest(const struct hart *h) { return h->world == WORLD_GUEST; }

/* The interrupt controller's INTR line, NMI. */
void hart_set_intr(struct hart *h, bool asserted);
void hart_raise_nmi(struct hart *h);

/* INIT, and the start-up IPI with its vector, which only a processor in the wait-for-SIPI state hears
 * (isa/startup.c). */
void hart_raise_init(struct hart *h);
void hart_raise_startup(struct hart *h, u8 vector);

/* Fault values. Each returns OUT_FAULT so that a handler can `return hart_gp(h, 0);`. */
enum outcome hart_fault(struct hart *h, enum vector vector);
enum outcome hart_fault_error(struct hart *h, enum vector vector, u32 error);
enum outcome hart_page_fault(struct hart *h, va_t va, u32 error);
/* Fault-class #DB with these DR6 bits (debug-register access with DR7.GD). */
enum outcome hart_debug_fault(struct hart *h, u64 dr6_bits);
static inline enum outcome hart_gp(struct hart *h, u32 error) { return hart_fault_error(h, VEC_GP, error); }
static inline enum outcome hart_ud(struct hart *h) { return hart_fault(h, VEC_UD); }

/* --- running (isa/run.c) --- */

/* Functional: runs at most `max` steps (a step is an instruction, a part of a REP string, or an event delivery) and returns how many
 * it did, 0 only if the hart is idle. Returns early behind an instruction that touched a port or MMIO, a marker, a VM transition, when the hart goes
 * idle, or when ATTENTION_STOP is set. h->run_steps counts the steps done before the current one of this call whenever an upward call is made
 * (bus, virt), so that a device sees the time of the very instruction. */
u64 isa_run(struct hart *h, u64 max);

/* From now on the functional core tells `ops` (NULL: nobody) what it does; `record` is as in struct hart. */
void isa_set_warming(struct hart *h, const struct warm_ops *ops, void *self, struct insn_record *record);

/* Timed, in two halves with h->record set. isa_fetch finds what comes next: an event to take (record->interrupt_taken), a fetch fault, or a decoded
 * instruction (record->info), with the fetch accesses in the record. The core then lets older records leave if info->sees_time or serializing, and calls
 * isa_execute, which does it and fills the rest. Returns false from isa_fetch if the hart is idle and nothing wakes it. */
bool isa_fetch(struct hart *h, struct insn_record *r);
void isa_execute(struct hart *h, struct insn_record *r);

/* True if the hart would leave an idle state now: an interrupt it may take, NMI, ... */
bool isa_would_wake(const struct hart *h);

/* Delivers an exception or interrupt through the IDT in the current world (no interception): used by VM entry's event injection.
 * RIP is the address to return to; for the software types that of the instruction, and insn_length is added. `has_error` pushes `error`.
 * Returns OUT_FLUSH when delivered; OUT_FAULT when delivery faulted: nothing changed, h->fault and h->vectoring tell, isa_raise goes on;
 * OUT_EXIT when a task gate made it a VM exit. */
enum outcome isa_deliver(struct hart *h, u8 vector, enum event_type type, bool has_error, u32 error, unsigned insn_length);

#endif
