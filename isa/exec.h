/* exec.h - handlers of the instruction groups that insns.def names: exec_<group>.c defines them. */
#ifndef ISA_EXEC_H
#define ISA_EXEC_H

#include "isa/hart.h"

/* While a handler runs REG_RIP is the next instruction's address; this one's is: */
static inline u64 insn_rip(const struct hart *h, const struct insn *i) { return h->reg[REG_RIP] - i->length; }

/* exec_system.c, exec_monitor.c, exec_control.c, exec_msr.c, exec_segment.c, exec_far.c, exec_interrupt.c, exec_syscall.c:
 * one handler per mnemonic; insns.def routes to them. */
#define EXEC_SYSTEM_HANDLERS(H)                                                                            \
    H(cpuid) H(rdmsr) H(wrmsr) H(rdtsc) H(rdtscp) H(rdpmc) H(hlt) H(monitor) H(mwait) H(cli) H(sti) H(clac) H(stac)  \
    H(rdpkru) H(wrpkru)                                                                                    \
    H(clts) H(lmsw) H(smsw)                                                                                \
    H(mov_to_cr) H(mov_from_cr) H(mov_to_dr) H(mov_from_dr) H(invlpg) H(invpcid) H(wbinvd) H(invd)         \
    H(lgdt) H(lidt) H(sgdt) H(sidt) H(lldt) H(ltr) H(sldt) H(str) H(lar) H(lsl) H(verr) H(verw)            \
    H(mov_to_seg) H(mov_from_seg) H(pop_seg) H(push_seg) H(swapgs)                                         \
    H(rdfsbase) H(rdgsbase) H(wrfsbase) H(wrgsbase)                                                        \
    H(lds) H(les) H(lfs) H(lgs) H(lss) H(arpl)                                                              \
    H(syscall) H(sysret) H(sysenter) H(sysexit) H(iret) H(int_n) H(int3) H(int1) H(into) H(ud) H(jmp_far) H(call_far) H(ret_far)          \
    H(in) H(out) H(pushf) H(popf) H(pause) H(virt)

#define H(name) enum outcome exec_##name(struct hart *h, const struct insn *i);
EXEC_SYSTEM_HANDLERS(H)
#undef H

/* How decode.c hands these instructions their operands, beyond the operand functions below:
 *   mov_to_cr, mov_from_cr, mov_to_dr, mov_from_dr   imm = number of the control or debug register,
 *                                                    dst = src = the general register
 *   mov_to_seg, mov_from_seg, push_seg, pop_seg      imm = enum segreg; r/m is the other operand
 *   int_n                                            imm = vector
 *   in, out                                          imm = port, or ~0 for DX; operand size = bytes moved
 *   jmp_far, call_far                                memory operand m16:16, m16:32, m16:64; or no memory and
 *                                                    imm = offset | selector << 32
 *   ret_far                                          imm = bytes to release
 *   iret, sysret, pushf, popf, push_seg, pop_seg     insn_operand_bytes: 2, 4 or 8, with defaults and REX.W
 *   lgdt, lidt, sgdt, sidt, invlpg, invpcid          insn_linear; invpcid's type by insn_read_reg
 * INS and OUTS ask io_permitted() of isa/state.h. */

/* The cold part (mnemonic, bytes): insn_cold(h, i) of isa/icache.h. An instruction that moves control, mode,
 * CPL, flags that matter between instructions, or translations answers OUT_FLUSH; only then does run.c look
 * at h->attention and derive the fetch context again. */

/* Operand access for handlers that do not specialize (exec_operand.c): the memory or register operand and the
 * register operand, `attr` tells the form. The lead of decode.c owns how `attr` is packed; these hide it. */
unsigned insn_operand_bytes(const struct insn *i);          /* operand size: 1, 2, 4, 8 */
unsigned insn_address_bytes(const struct insn *i);          /* address size: 2, 4, 8 */
bool insn_has_memory(const struct insn *i);                 /* r/m operand is memory */
va_t insn_linear(const struct hart *h, const struct insn *i); /* linear address of the memory operand */
bool insn_read_rm(struct hart *h, const struct insn *i, unsigned bytes, u64 *out);
/* 32-bit register writes zero-extend. */
bool insn_write_rm(struct hart *h, const struct insn *i, unsigned bytes, u64 value);
u64 insn_read_reg(const struct hart *h, const struct insn *i);   /* the ModRM.reg operand, full 64 bits */
void insn_write_reg(struct hart *h, const struct insn *i, unsigned bytes, u64 value);

/* Delivery and events between instructions: exceptions.c. */
/* h->fault to its end: interception, IDT delivery, double fault, triple fault (ACTIVITY_SHUTDOWN). */
void isa_raise(struct hart *h);
/* An external interrupt, acknowledged: through the IDT, and what that raises to its end. */
void isa_take_interrupt(struct hart *h, u8 vector);
/* Handles h->attention between two instructions; true: an event was taken (interrupt, NMI, trap, VM exit),
 * nothing else happens now. */
bool isa_take_attention(struct hart *h);

/* Executes one instruction, and nothing behind it; REG_RIP is advanced by its length first. */
enum outcome isa_run_single(struct hart *h, const struct insn *i);

#endif
