/* state.h - rules about control state that instructions, VM entry and boot share: control registers,
 * segments, mode, events.
 *
 * Models:       validity of CR0, CR3, CR4 and EFER, descriptors, code mode, I/O permission, what the executor
 *               must look up for.
 * Neighbours:   virt-ext (VM entry and exit), board (boot), the exec_*.c of this folder.
 * Checked by:   tests/unit/test_control_registers.c, test_segments.c, test_exceptions.c, test_system.c;
 *               tests/system/isa_guests.sh
 */
#ifndef ISA_STATE_H
#define ISA_STATE_H

#include "isa/hart.h"

/* --- control registers (isa/control.c) --- */

/* Bits and combinations that MOV to CR0 refuses whatever the rest of the state: SDM Vol. 3A, "Control
 * Registers". */
bool cr0_is_valid(u64 cr0);
/* Bits that this processor model has (SDM Vol. 3A, "Control Registers"; CPUID). Combinations with CR0, CR3
 * and EFER are the writer's. */
u64 cr4_allowed_bits(const struct hart *h);
bool cr4_is_valid(const struct hart *h, u64 cr4);
/* No bit beyond MAXPHYADDR. Bit 63 must be gone already. */
bool cr3_is_valid(const struct hart *h, u64 cr3);
/* Reserved bits only; LMA against LME and CR0.PG is the writer's. */
bool efer_is_valid(const struct hart *h, u64 efer);
/* Eight memory types, each 0, 1, 4, 5, 6 or 7 (SDM Vol. 3A, "IA32_PAT MSR"). */
bool pat_is_valid(u64 pat);

/* PAE paging is, or would be, in use with these values. */
bool pae_paging_is_on(u64 cr0, u64 cr4, u64 efer);
/* No present entry has a reserved bit: SDM Vol. 3A, "PDPTE Registers". */
bool pdptes_are_valid(const struct hart *h, const u64 pdpte[PDPTES]);

/* MOV to CRn and relatives after privilege and interception: checks all, loads the PDPTEs, writes,
 * invalidates, tells the MMU. False: h->fault, #GP(0) or an EPT violation of the PDPTEs; nothing done. */
bool hart_write_cr0(struct hart *h, u64 value);
bool hart_write_cr3(struct hart *h, u64 value);
bool hart_write_cr4(struct hart *h, u64 value);
/* WRMSR to IA32_EFER: LMA in `value` is ignored. False: #GP(0). */
bool hart_write_efer(struct hart *h, u64 value);

/* WRPKRU and what else writes PKRU, WRMSR to IA32_PKRS: tells the MMU. */
void hart_write_pkru(struct hart *h, u32 value);

/* An address that a register is to hold (segment and table bases, MSRs) or an invalidation names: checked by the
 * width of the processor's linear addresses, whatever CR4.LA57. Where memory is accessed or code run:
 * va_is_canonical. Intel, "5-Level Paging and 5-Level EPT", "Linear-Address Canonicality". */
bool base_is_canonical(const struct hart *h, u64 va);

/* Orders it from the timing core that plays the record; where none does there is nothing that could obey. */
static inline void hart_command(struct hart *h, enum command command)
{
    if (!h->record) return;
    h->record->commands |= command;
    h->record->io = true;
}

/* --- mode (isa/hart.c) --- */

/* Derives h->mode and the class of the soft TLB's lookups from CR0, EFER, RFLAGS.VM, h->cpl and the segments:
 * after any of them has changed. */
void hart_load_mode(struct hart *h);
static inline bool hart_in_long_mode(const struct hart *h) { return h->efer & EFER_LMA; }
static inline bool hart_in_64bit_mode(const struct hart *h) { return h->mode == MODE_LONG64; }
static inline bool hart_in_v86(const struct hart *h) { return (h->cr0 & CR0_PE) && (h->rflags & RFLAGS_VM); }
static inline bool hart_lacks_v86_iopl(const struct hart *h)
{
    return hart_in_v86(h) && (h->rflags & RFLAGS_IOPL) != RFLAGS_IOPL;
}
/* Selectors name descriptors: protected mode and IA-32e mode. Else, in real-address and virtual-8086 mode, they
 * are paragraphs: base / 16. */
static inline bool hart_has_descriptors(const struct hart *h)
{
    return (h->cr0 & CR0_PE) && !(h->rflags & RFLAGS_VM);
}
/* Native, root or guest; attention and the MMU's context follow with hart_state_changed. */
void hart_set_world(struct hart *h, enum world world);
/* Recomputes h->attention's interrupt, NMI, TF, shadow and idle bits from the state. WINDOW, STEP and STOP
 * belong to their setters. */
void hart_update_attention(struct hart *h);
/* Enters an activity state: HLT, shutdown, or active again. */
void hart_set_activity(struct hart *h, enum activity activity);
/* Registers after power-up and INIT alike. SDM Vol. 3A, "Processor State After Reset". */
void hart_reset_registers(struct hart *h);
/* INIT and start-up IPI outside guests (isa/startup.c): true if one was taken. VMX root operation blocks INIT. */
bool hart_take_startup(struct hart *h);
/* Does it run, or rest so that an interrupt would end that (HLT, MWAIT)? */
static inline bool hart_takes_interrupts(const struct hart *h)
{
    return h->activity <= ACTIVITY_HLT || h->activity == ACTIVITY_MWAIT;
}
/* Watches a line of RAM for stores, or no longer (isa/exec_monitor.c). */
void hart_arm_monitor(struct hart *h, hpa_t at);
void hart_disarm_monitor(struct hart *h);
/* A store to the line was seen: disarms, and wakes the core of a hart in MWAIT. */
void hart_monitor_hit(struct hart *h);
/* What ends MWAIT beside events that are delivered. */
static inline bool hart_mwait_is_over(const struct hart *h)
{
    return h->activity == ACTIVITY_MWAIT && (!h->monitor.armed || (h->monitor.masked_wakes && h->intr_line));
}
/* RFLAGS.IF with the STI and MOV SS shadows: may a maskable interrupt be taken at this boundary? */
bool hart_interrupts_open(const struct hart *h);
/* The next step goes on with a repeated string instruction. */
static inline bool hart_is_in_repeat(const struct hart *h)
{
    return h->part_of == h->instructions && h->part_rip == h->reg[REG_RIP];
}
static inline void hart_note_part(struct hart *h)
{
    h->parts++;
    h->part_of = h->instructions;
    h->part_rip = h->reg[REG_RIP];
}
/* Starts the shadow of STI (movss false) or of MOV SS and POP SS. */
void hart_start_shadow(struct hart *h, bool movss);

/* Linear address of a stack slot, and the stack pointer after moving by `delta`, by the width of the current
 * stack. */
va_t hart_stack_at(const struct hart *h, u64 rsp);
u64 hart_stack_add(const struct hart *h, u64 rsp, i64 delta);
bool hart_push(struct hart *h, unsigned bytes, u64 value); /* false: h->fault, RSP unchanged */
bool hart_pop(struct hart *h, unsigned bytes, u64 *value);

/* --- segments (isa/segment.c): SDM Vol. 3A, "Segment Descriptors" --- */

#define DESC_CODE       0x8u /* of AR_TYPE, when AR_S */
#define DESC_CONFORMING 0x4u /* code */
#define DESC_EXPAND_DOWN 0x4u /* data */
#define DESC_READABLE   0x2u /* code; data: writable */
#define DESC_ACCESSED   0x1u

#define TYPE_LDT        0x2u
#define TYPE_TSS16      0x1u
#define TYPE_CALL_GATE16 0x4u
#define TYPE_TASK_GATE  0x5u
#define TYPE_INT_GATE16 0x6u
#define TYPE_TRAP_GATE16 0x7u
#define TYPE_TSS        0x9u /* available; | TSS_BUSY */
#define TYPE_CALL_GATE  0xcu
#define TYPE_INT_GATE   0xeu
#define TYPE_TRAP_GATE  0xfu
#define TSS_BUSY        0x2u

/* A code or data descriptor, or the low half of a system descriptor, as the hidden part of a segment
 * register. */
struct segment segment_from_descriptor(u16 selector, u64 descriptor);
/* A null selector's segment: unusable, DPL kept for SS. */
struct segment segment_null(u16 selector, unsigned dpl);
/* Flat 4 GiB code (64-bit or 32-bit) and data, as SYSCALL and VM exits load them. */
struct segment segment_flat_code(u16 selector, unsigned dpl, bool is_64bit);
struct segment segment_flat_data(u16 selector, unsigned dpl);

static inline unsigned segment_dpl(const struct segment *s) { return (s->ar >> AR_DPL_SHIFT) & 3; }
static inline bool segment_is_code(const struct segment *s) { return (s->ar & AR_S) && (s->ar & DESC_CODE); }
static inline bool segment_is_conforming(const struct segment *s)
{
    return segment_is_code(s) && (s->ar & DESC_CONFORMING);
}
static inline bool segment_is_writable_data(const struct segment *s)
{
    return (s->ar & (AR_S | DESC_CODE | DESC_READABLE)) == (AR_S | DESC_READABLE);
}
static inline bool selector_is_null(u16 selector) { return (selector & ~3u) == 0; }
static inline u32 selector_error(u16 selector) { return selector & ~3u; }

enum lookup {
    LOOKUP_OK,
    LOOKUP_OUTSIDE /* beyond the table's limit, or no LDT */,
    LOOKUP_FAULT /* h->fault */
};

/* Reads the 8 bytes that `selector` names in the GDT or LDT. */
enum lookup descriptor_read(struct hart *h, u16 selector, u64 *descriptor);
/* Bytes 8..15 of a 16-byte system descriptor (IA-32e mode). */
enum lookup descriptor_read_high(struct hart *h, u16 selector, u64 *high);
/* Sets the accessed bit of a code or data descriptor in memory if it is clear. false: h->fault. */
bool descriptor_set_accessed(struct hart *h, u16 selector, u64 descriptor);

/* MOV and POP to ES, SS, DS, FS, GS: descriptor checks by the current CPL, loads it. False: h->fault. */
bool segment_load(struct hart *h, enum segreg seg, u16 selector);
/* The checks of a stack segment for privilege `cpl`; faults with `vector` (#GP or #TS) | ext, not present
 * with #SS. Loads nothing. */
bool segment_check_stack(struct hart *h, u16 selector, unsigned cpl, enum vector vector, u32 ext,
                         struct segment *out);
/* ES, DS, FS or GS outside real-address and virtual-8086 mode; faults with `vector` (#GP or #TS) | ext, not
 * present with #NP. h->mode is the caller's to derive again. False: h->fault. */
bool segment_load_data(struct hart *h, enum segreg seg, u16 selector, enum vector vector, u32 ext);
/* Reads the code descriptor that a far transfer names: null, limit, type, L with D, faults with `vector` (#GP or
 * #TS) | ext; then privilege and presence are the caller's to check, in this order. False: h->fault. */
bool segment_read_code(struct hart *h, u16 selector, enum vector vector, u32 ext, struct segment *out);
/* Puts a checked code segment into CS with RPL = `cpl`, and derives CPL, mode and the privilege class of
 * lookups. */
void segment_enter_code(struct hart *h, const struct segment *cs, u16 selector, unsigned cpl);
/* Are all `bytes` from `offset` inside the limit, which expand-down segments have below? SDM Vol. 3A, "Limit
 * Checking". */
bool segment_contains(const struct segment *s, u64 offset, unsigned bytes);
/* Usable, and of a type for this access of data: SDM Vol. 3A, "Type Checking". */
bool segment_allows(const struct segment *s, enum access access);
/* Real-address and virtual-8086 mode: the segment that `seg` becomes. The former leaves limit and attributes as
 * they are ("big real mode"): SDM Vol. 3B, "Real-Address Mode Operation" and "Virtual-8086 Mode". */
struct segment segment_from_paragraph(const struct hart *h, enum segreg seg, u16 selector);
/* RIP acceptable in this code segment: canonical in 64-bit code, inside the limit else. */
bool segment_holds_rip(const struct hart *h, const struct segment *cs, u64 rip);

/* --- permission --- */

/* IN, OUT, INS, OUTS: IOPL and the TSS's I/O permission bitmap (SDM Vol. 1, "I/O Permission Bit Map"). False:
 * h->fault. */
bool io_permitted(struct hart *h, u16 port, unsigned bytes);
/* In guest world: asks whether `what` is intercepted. True: the VM exit was taken, return OUT_EXIT. */
bool hart_intercepted(struct hart *h, const struct insn *i, enum intercept what, u64 info);

/* TSC as RDTSC reads it: the bus's counter, IA32_TSC_ADJUST, VMX multiplier and offset. */
u64 hart_read_tsc(struct hart *h);

#endif
