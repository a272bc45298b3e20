/* code.h - machine code made at run time: sequences whose length is what a probe varies.
 *
 * A piece of code is a C function that gives the TSC ticks between its two clocks:
 *
 *   code_begin(c)    from the start; save registers; LFENCE, RDTSC, LFENCE
 *   ... code_put_text(c, TEXT(load)), code_nops(c, n) ...
 *   code_end(c)      LFENCE, RDTSC; difference; restore registers, RET
 *
 * Between the clocks RDI and RSI hold the arguments of code_run; R15 is the clock's, RSP the stack's, all others are
 * free. Fences: Intel SDM Vol. 2B, "RDTSC" (what comes before is over, what comes behind has not begun).
 */
#ifndef PROBES_CODE_H
#define PROBES_CODE_H

#include "kit/kit.h"

struct code {
    u8 *start, *at, *end;
};

/* `bytes` of executable memory. The run ends with a message when code does not fit. */
struct code code_new(u64 bytes);

void code_put(struct code *c, const void *bytes, size_t n);
void code_put32(struct code *c, u32 value);

/* Machine code by name, assembled with the probe: ASSEMBLE(load, "mov (%rax), %rax"); code_put_text(c, TEXT(load)). It
 * may jump within itself only. */
struct text {
    const u8 *start, *end;
};
#define ASSEMBLE(name, text)                                                                \
    __asm__(".pushsection .rodata\n" #name ":\n" text "\n" #name "_end:\n.popsection"); \
    extern const u8 name[], name##_end[]
#define TEXT_OF(name) {name, name##_end}
#define TEXT(name)    ((struct text)TEXT_OF(name))
void code_put_text(struct code *c, struct text text);

/* CALL or JMP to a place in the code. */
void code_put_call(struct code *c, const u8 *target);
void code_put_jump(struct code *c, const u8 *target);

/* NOPs of one byte, each an instruction. */
void code_nops(struct code *c, u64 n);

void code_begin(struct code *c);
void code_end(struct code *c);

/* Once, cold or warm as it is. */
u64 code_run(const struct code *c, u64 rdi, u64 rsi);

#endif
