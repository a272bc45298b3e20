/* record.h - what one executed instruction did, for a timing core to play: see ARCHITECTURE.md, section 4.
 *
 * Plain data, filled by isa (instruction, branch, accesses), the MMU (translations, walk ledgers) and virt-ext (transitions).
 */
#ifndef ISA_RECORD_H
#define ISA_RECORD_H

#include "isa/insn.h"

enum world { WORLD_NATIVE, WORLD_ROOT, WORLD_GUEST, WORLD_COUNT };

enum access { ACCESS_READ, ACCESS_WRITE, ACCESS_FETCH };

/* Whose rights an access has: SDM Vol. 3A, "Determination of Access Rights". */
enum access_by {
    BY_SUPERVISOR, /* explicitly, CPL < 3 */
    BY_USER,
    BY_PROCESSOR   /* implicitly, whatever the CPL: descriptor tables, TSS, the stack of an event delivery */
};

/* How an access may be cached: SDM Vol. 3A, "Methods of Caching Available". Write-back is 0: ordinary memory needs no word. */
enum memory_type { MEMORY_WB, MEMORY_WT, MEMORY_WP, MEMORY_WC, MEMORY_UC };

/* Who answered a translation. */
enum tlb_level { TLB_NONE /* paging off or not translated */, TLB_L1, TLB_L2, TLB_WALK };

/* Who served a memory reference. SERVED_PSC and SERVED_NTLB are references that a translation cache saved. */
enum served { SERVED_UNKNOWN, SERVED_PSC, SERVED_NTLB, SERVED_L1, SERVED_L2, SERVED_L3, SERVED_PEER, SERVED_DRAM, SERVED_COUNT };

enum walk_dim { DIM_GUEST, DIM_HOST };

/* One reference of a page walk. Levels count down from the root: 5 or 4 .. 1; host_level is 0 for a reference of the
 * guest dimension; guest_level is 0 for the host walk of the final guest-physical address. */
struct walk_ref {
    hpa_t at;         /* of the paging-structure entry */
    u8 dim;           /* enum walk_dim */
    u8 guest_level, host_level;
    u8 served;        /* enum served: filled when the timing core plays it */
    bool writes;      /* sets an accessed or dirty bit: a locked read-modify-write */
    u32 cycles;       /* from its issue to its answer, filled when played */
};

/* 35 references of a five-by-five walk, and up to 25 more that look again whether the host lets the guest's flags be written. */
#define WALK_MAX_REFS 64

struct walk_ledger {
    va_t va;
    u8 access;          /* enum access */
    u8 n_refs;
    u8 psc_skipped;     /* guest levels that a paging-structure cache saved */
    u8 ept_psc_skipped; /* host levels that an EPT paging-structure cache saved */
    u8 ntlb_hits;       /* host walks that the nested TLB saved */
    u8 cache_cycles;    /* lookups of translation caches, in cycles, in front of the references */
    u8 guest_shift;     /* log2 of the page that the guest dimension (or the only one) ends in; 0: no paging, or it ends in none */
    u8 host_shift;      /* likewise of the host dimension: of the page that holds the final guest-physical address; 0: none */
    bool nested;
    bool faulted;
    u8 ahead;           /* of a translation ahead of its use: nobody waits for the walk; mmu_page_arrived() gets this less 1. Else 0 */
    struct walk_ref ref[WALK_MAX_REFS];
};

/* One data or fetch reference after translation. An access that splits a page is two of these. */
struct mem_access {
    va_t va;
    hpa_t at;
    u16 bytes;
    u8 kind;       /* enum access */
    u8 tlb;        /* enum tlb_level */
    i8 walk;       /* index in record->walk, -1: none */
    u8 memory_type; /* enum memory_type */
    bool mmio;
    bool system;   /* implicit: descriptor tables, stack of an event delivery */
    bool rmw;      /* a load that its store follows under LOCK */
};

/* What an instruction, or the MSR-load list of a VM entry, orders from what only timing models have: caches and branch predictors. Bits. */
enum command {
    COMMAND_WRITE_BACK = 1, /* WBINVD */
    COMMAND_DROP = 2,       /* INVD */
    COMMAND_FLUSH_L1D = 4,  /* IA32_FLUSH_CMD */
    COMMAND_BARRIER = 8     /* IA32_PRED_CMD: the indirect branch predictor barrier */
};

enum transition_kind { TRANSITION_NONE, TRANSITION_EXIT, TRANSITION_ENTRY, TRANSITION_ENTRY_FAILED };

#define TRANSITION_MAX_LINES 128

/* A VM exit or entry: which lines of the VMCS and the MSR lists it touched. */
struct vm_transition {
    u8 kind;          /* enum transition_kind */
    u16 reason;       /* basic exit reason of an exit (SDM Vol. 3D, "VMX Basic Exit Reasons"); of an entry: of the exit before it */
    bool flushed_tlbs; /* VPID off */
    bool injects;     /* the entry delivers an event; of an exit: its delivery by the entry of this same record caused the exit */
    bool controls_rewritten; /* the entry checks its controls anew: one was written since the last entry */
    u16 n_msrs;       /* entries of MSR lists stored and loaded */
    u8 n_lines;
    struct { hpa_t at; bool write; } line[TRANSITION_MAX_LINES];
};

/* ENTER with 31 levels, a call gate with 31 parameters or a task switch, each of which may fault into a delivery, whose fault is
 * delivered in its turn, perhaps by another task. Without any TLB all walk. */
#define RECORD_MAX_ACCESSES 160
#define RECORD_MAX_WALKS    128

struct insn_record {
    u64 rip;                      /* of this instruction */
    const struct insn_info *info; /* NULL: no instruction, an event delivery or a fetch fault */
    u8 world;                     /* enum world when it began */
    u8 cpl;
    bool retired;                 /* counts as an instruction (not: a part of a REP, a fault, an event delivery) */
    bool branch_taken;
    u64 next_rip;                 /* where the program goes on */
    bool event;                   /* an exception or interrupt was delivered through the IDT */
    u8 vector;
    bool task_switched;           /* a hardware task switch was done */
    bool interrupt_taken;         /* began with an external interrupt, NMI or pending VM exit instead of an instruction */
    bool halted;                  /* ended in a HLT (or other inactive) state */
    u8 commands;                  /* enum command bits; `io` is then set, too */
    bool walks_ahead;             /* some of walk[] are ahead of their use */
    bool io;                      /* touched a port, MMIO or a virtualized APIC's page, or commands something */
    u32 virtual_cycles;           /* microcode of APIC virtualization */
    bool wide_dividend;           /* of the last 64-bit division: more than RAX alone, extended */
    bool drained;                 /* in: set by the core when older records have left the pipe */
    bool not_drained;             /* out: nothing was done, since it would touch MMIO; drain and execute again */
    u8 n_fetches;                 /* of access[]: the first ones are instruction fetches */
    u8 n_accesses;
    u8 n_walks;
    struct vm_transition transition;
    struct mem_access access[RECORD_MAX_ACCESSES];
    struct walk_ledger walk[RECORD_MAX_WALKS];
};

static inline void record_reset(struct insn_record *r)
{
    r->info = NULL;
    r->retired = r->branch_taken = r->event = r->task_switched = r->interrupt_taken = r->halted = r->io = r->not_drained = false;
    r->n_fetches = r->n_accesses = r->n_walks = 0;
    r->transition.kind = TRANSITION_NONE;
    r->transition.n_lines = 0;
    r->commands = 0;
    r->walks_ahead = false;
    r->virtual_cycles = 0;
}

/* The non-temporal hint makes write-combining memory of what may be cached: SDM Vol. 1, "Caching of Temporal vs.
 * Non-Temporal Data". */
static inline enum memory_type record_store_type(const struct insn_record *r, const struct mem_access *a)
{
    bool streams = r->info && r->info->streams && !r->event;
    bool may = a->memory_type == MEMORY_WB || a->memory_type == MEMORY_WT;
    return streams && may ? MEMORY_WC : (enum memory_type)a->memory_type;
}

/* The next free access or ledger; an instruction that needs more is the simulator's own error (asserted). */
struct mem_access *record_add_access(struct insn_record *r);
struct walk_ledger *record_add_walk(struct insn_record *r);

#endif
