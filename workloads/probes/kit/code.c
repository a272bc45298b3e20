#include "probes/kit/code.h"

struct code code_new(u64 bytes)
{
    u8 *start = heap_run(bytes, PAGE_4K); /* the identity mapping may be executed */
    return (struct code){start, start, start + bytes};
}

void code_put(struct code *c, const void *bytes, size_t n)
{
    if ((size_t)(c->end - c->at) < n) panic("a probe's code does not fit in %llu bytes", (ull)(c->end - c->start));
    memcpy(c->at, bytes, n);
    c->at += n;
}

void code_put32(struct code *c, u32 value)
{
    code_put(c, &value, sizeof value);
}

void code_put_text(struct code *c, struct text text)
{
    code_put(c, text.start, (size_t)(text.end - text.start));
}

/* Both are an opcode and the distance from their end. */
static void put_near(struct code *c, u8 opcode, const u8 *target)
{
    code_put(c, &opcode, 1);
    code_put32(c, (u32)(target - (c->at + 4)));
}

void code_put_call(struct code *c, const u8 *target)
{
    put_near(c, 0xe8, target);
}

void code_put_jump(struct code *c, const u8 *target)
{
    put_near(c, 0xe9, target);
}

void code_nops(struct code *c, u64 n)
{
    static const u8 nop = 0x90;
    while (n--) code_put(c, &nop, 1);
}

#define READ_CLOCK "lfence; rdtsc; shl $32, %rdx; or %rdx, %rax;"

ASSEMBLE(code_head, "push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15;" READ_CLOCK
                    "mov %rax, %r15; lfence");
ASSEMBLE(code_tail, READ_CLOCK "sub %r15, %rax;"
                    "pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret");

void code_begin(struct code *c)
{
    c->at = c->start;
    code_put_text(c, TEXT(code_head));
}

void code_end(struct code *c)
{
    code_put_text(c, TEXT(code_tail));
}

/* What was stored is to be executed: Intel SDM Vol. 3A, "Handling Self- and Cross-Modifying Code". */
u64 code_run(const struct code *c, u64 rdi, u64 rsi)
{
    u64 (*run)(u64 rdi, u64 rsi) = (u64(*)(u64, u64))(u64)c->start;
    cpuid(0, 0);
    return run(rdi, rsi);
}
