/* debug.h - breakpoints: SDM Vol. 3B, "Debug, Branch Profile, TSC, and Intel Resource Director Technology Features".
 *
 * Models:       DR0 to DR3 on instructions, data (loads and stores that touch any byte of the range) and, with CR4.DE, ports; RF;
 *               general detect; single step on branches (IA32_DEBUGCTL.BTF); alignment checks, which watch the same accesses.
 * Not modelled: data breakpoints on what the processor itself reads and writes (descriptor tables, TSSs, frames of deliveries).
 *               DR6 tells only of breakpoints that are enabled.
 * Neighbours:   mem.c and the port instructions tell of accesses, exceptions.c of instructions; exec_control.c writes the registers.
 * Checked by:   tests/unit/test_debug.c, tests/system/legacy_guest.c
 *
 * Without an enabled breakpoint h->watch is 0 and nothing of this is asked. With one, every access takes the slow path of mem.c
 * (the inline lookups find an empty class) and every instruction is a step of its own (ATTENTION_DEBUG).
 */
#ifndef ISA_DEBUG_H
#define ISA_DEBUG_H

#include "isa/hart.h"

#define DR6_BD BIT(13)
#define DR6_BS BIT(14)
#define DR6_BT BIT(15)
#define DR7_ENABLED 0xffu /* L0, G0 ... L3, G3 */
#define DR7_GD BIT(13)
#define DEBUGCTL_BTF BIT(1)

/* Bits of h->watch. */
enum watch { WATCH_CODE = 1, WATCH_DATA = 2, WATCH_PORTS = 4, WATCH_ALIGNMENT = 8 };

/* What DR7, CR4.DE, CR0.AM, RFLAGS.AC and CPL ask to watch now. */
u8 debug_watches(const struct hart *h);
/* DR6's B0 to B3 of the enabled breakpoints on an instruction at the linear address `va`. */
u64 debug_code_matches(const struct hart *h, u64 va);
/* An access that is about to be done: what it matches becomes a trap behind the instruction. */
void debug_note_access(struct hart *h, u64 va, unsigned bytes, bool write);
void debug_note_port(struct hart *h, u16 port, unsigned bytes);
/* #DB has been raised: GD and BTF are cleared. */
void debug_enter_handler(struct hart *h);

#endif
