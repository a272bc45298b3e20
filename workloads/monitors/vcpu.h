/* vcpu.h - the guest's processor: registers, what it believes, events on their way to it, and its exits.
 *
 * Models:       a virtual processor in 64-bit or compatibility mode, paging from the first instruction
 *               (registers.c says how); or in every mode, by the control "unrestricted guest".
 * Not modelled: NMIs, SMM, debug registers and FPU state of its own (the monitor uses neither).
 * Neighbours:   vmx.h below; exits.c handles what both monitors share; a technique (ept.c, shadow.c) the
 *               rest.
 * Checked by:   tests/system/monitors_on_bochs.sh
 */
#ifndef MONITORS_VCPU_H
#define MONITORS_VCPU_H

#include "kit/cpu.h"
#include "monitors/vmx.h"

/* Interruptibility state: the shadow of STI or of a load of SS. */
enum { BLOCKED_BY_STI_OR_MOV_SS = 3 };

/* Activity state: "Guest Non-Register State". */
enum { ACTIVITY_ACTIVE = 0, ACTIVITY_HLT = 1, ACTIVITY_WAIT_FOR_SIPI = 3 };

enum gpr { RAX, RCX, RDX, RBX, RSP, RBP, RSI, RDI };

enum exit_reason {
#define EXIT(number, name, text) EXIT_##name = number,
#include "monitors/exits.def"
    EXIT_REASONS = 64
};

struct vcpu;
typedef void (*exit_handler_fn)(struct vcpu *vcpu);

/* What tells one way of virtualizing memory from another. */
struct technique {
    const char *name;
    u64 cr0_forced; /* bits that stay 1 whatever the guest writes */
    u64 cr4_hidden; /* bits that the guest cannot set: #GP */
    bool unrestricted; /* the guest has every mode, and CR0 (but for NE), CR3 and EFER of its own */

    /* Adds its controls and fields before the first entry. */
    void (*set_up)(struct vcpu *vcpu);
    /* Makes vcpu_cr3() the guest's address space, and flushes. */
    void (*load_address_space)(struct vcpu *vcpu);

    /* These may be NULL: the first look at every exit (true: it is dealt with); who goes on behind an exit, with
     * the current VMCS its own; features to hide or to show; MSRs of its own (false: it has no such MSR); counts
     * for verbose=on; own handlers, before those of exits.c. */
    bool (*take_exit)(struct vcpu *vcpu, u32 reason);
    struct vcpu *(*go_on)(struct vcpu *vcpu);
    void (*filter_cpuid)(const struct vcpu *vcpu, u32 leaf, struct cpuid *id);
    bool (*read_msr)(u32 msr, u64 *value);
    void (*print_statistics)(void);
    exit_handler_fn handlers[EXIT_REASONS];
};

/* An event that the next VM entry injects, in the format of the VM-entry fields. info 0: none. */
struct event {
    u32 info, error_code, instruction_bytes;
};

struct vcpu {
    /* vmentry.S depends on this order */
    u64 gpr[16]; /* gpr[RSP] is unused */
    u64 stack_top; /* the monitor's, for its exits */
    bool launches; /* the next VM entry is the first one with its VMCS */

    /* fixed when set up */
    const struct technique *technique;
    unsigned number; /* the boot processor is 0; its APIC ID */
    u16 vpid;        /* 0: VPID off */
    bool verbose;

    /* what the guest has written where the processor holds something else */
    u64 cr3, efer;
    bool paging;
    u8 post_code;

    /* state */
    struct controls controls;
    struct event event;
    bool delivery_interrupted; /* by the exit that is being handled */
    u64 interrupts[4];         /* vectors taken from the hardware that the guest has yet to take */

    /* statistics */
    u64 exits[EXIT_REASONS];
};

struct vcpu_options {
    bool vpid, verbose;
    u64 log; /* exits that exit_log.c keeps */
};

/* Prepares the VMCS for a guest entered at `entry` with EBX = `multiboot_info`, and runs it. Does not come
 * back. */
_Noreturn void vcpu_run(const struct technique *technique, struct vcpu_options options, u32 entry,
                        u32 multiboot_info);

/* Its parts, for several virtual processors: prepares the current VMCS for number `number`, which has a
 * stack_top; and enters the guest by the current VMCS, for the first time (vcpu->launches) or again. */
void vcpu_prepare(struct vcpu *vcpu, unsigned number, const struct technique *technique, struct vcpu_options options,
                  u32 entry, u32 multiboot_info);
_Noreturn void vcpu_enter(struct vcpu *vcpu);

/* An unrestricted guest as INIT and a start-up IPI leave a processor: in real-address mode at `vector` << 12,
 * or, not `active`, halted until one comes ("Processor State After Reset", "MP Initialization"). */
void vcpu_write_start_up_state(struct vcpu *vcpu, u8 vector, bool active);

/* Called by vmentry.S at each VM exit. Gives the virtual processor that goes on. */
struct vcpu *vcpu_handle_exit(struct vcpu *vcpu);

/* General registers by their number in an instruction. */
u64 vcpu_register(const struct vcpu *vcpu, unsigned number);
void vcpu_set_register(struct vcpu *vcpu, unsigned number, u64 value);

/* CR3 that translates for the guest now: its own, or the identity mapping while it believes that paging is
 * off. */
u64 vcpu_cr3(const struct vcpu *vcpu);

/* Moves RIP past an instruction that the monitor has done for the guest, and ends the interrupt shadow of
 * the one before. vcpu_skip_instruction takes the length from the exit; page faults do not give it. */
void vcpu_advance(u64 instruction_bytes);
void vcpu_skip_instruction(void);

/* Invalidates what the processor cached for the guest. Without VPID every VM entry does so by itself. */
void vcpu_flush_tlb(const struct vcpu *vcpu);
void vcpu_flush_address(const struct vcpu *vcpu, u64 linear_address);

/* events.c: an exception for the guest (contributory pairs become #DF), an interrupt for when it can take
 * one. */
void vcpu_inject_exception(struct vcpu *vcpu, u8 vector, u32 error_code);
void vcpu_inject_gp(struct vcpu *vcpu);
void vcpu_raise_interrupt(struct vcpu *vcpu, u8 vector);
bool vcpu_interrupt_waits(const struct vcpu *vcpu);
u8 vcpu_take_interrupt(struct vcpu *vcpu);
void vcpu_save_interrupted_event(struct vcpu *vcpu);
void vcpu_deliver_events(struct vcpu *vcpu);
/* The event that the last exit interrupted, once more, as it was. */
void vcpu_repeat_interrupted_event(void);

/* registers.c: the guest's moves to control registers and EFER (false: #GP). */
void vcpu_handle_cr_access(struct vcpu *vcpu);
bool vcpu_write_efer(struct vcpu *vcpu, u64 value);

/* exits.c: the handlers that both monitors share, by exit reason; the reasons' names; the bitmaps that say
 * which ports and MSRs exit. */
extern const exit_handler_fn vcpu_common_handlers[EXIT_REASONS];
const char *vcpu_exit_name(u32 reason);
void vcpu_write_bitmaps(bool intercepts_efer);

#endif
