/* exits.c - instructions that a monitor may have to handle, one kind at a time.
 *
 * Measures: a loop for each kind, behind a label marker whose id is its row in the table, from 0 on.
 *           Natively, VMCALL is an undefined instruction, and the trap is what is measured.
 * Words:    iters=200     times each
 *           op=NAME       (all) names: the table below
 * Check:    each kind counts the times that its effect was there (OUT, IN and INVLPG have none to see).
 */
#include "kit/kit.h"

enum { DIAGNOSTIC_PORT = 0x80, APIC_COUNT = 400, CPUID_LEAF_MAX = 0 };

static volatile u64 traps_skipped;

/* For instructions that may trap: RBX says where to go on. */
static void skip_instruction(struct trap_frame *frame)
{
    traps_skipped++;
    frame->rip = frame->rbx;
}

static u64 do_cpuid(u64 n)
{
    u32 first = cpuid(CPUID_LEAF_MAX, 0).eax;
    u64 good = 0;
    while (n--) good += cpuid(CPUID_LEAF_MAX, 0).eax == first;
    return good;
}

/* Either all of them trap or none does. */
static u64 do_vmcall(u64 n)
{
    u64 before = traps_skipped;
    for (u64 i = 0; i < n; i++) {
        u64 rax = 0;
        __asm__ volatile("lea 1f(%%rip), %%rbx; vmcall; 1:" : "+a"(rax) : : "rbx", "rcx", "rdx", "memory");
    }
    u64 trapped = traps_skipped - before;
    return trapped == 0 || trapped == n ? n : 0;
}

static u64 do_out(u64 n)
{
    u64 good = 0;
    for (; n--; good++) out8(DIAGNOSTIC_PORT, (u8)n);
    return good;
}

static u64 do_in(u64 n)
{
    u64 good = 0;
    for (; n--; good++) in8(DIAGNOSTIC_PORT);
    return good;
}

static u64 do_rdmsr(u64 n)
{
    u64 good = 0;
    while (n--) good += (rdmsr(MSR_EFER) & EFER_LMA) != 0;
    return good;
}

/* LSTAR is only read by SYSCALL, which nothing here executes. */
static u64 do_wrmsr(u64 n)
{
    u64 saved = rdmsr(MSR_LSTAR), good = n;
    while (n--) wrmsr(MSR_LSTAR, n);
    good = rdmsr(MSR_LSTAR) == 0 ? good : 0;
    wrmsr(MSR_LSTAR, saved);
    return good;
}

static u64 do_mov_cr3(u64 n)
{
    u64 cr3 = read_cr3(), good = 0;
    for (; n--; good++) write_cr3(cr3);
    return read_cr3() == cr3 ? good : 0;
}

static u64 do_invlpg(u64 n)
{
    u64 good = 0;
    for (; n--; good++) invlpg(DATA_VA);
    return good;
}

/* Interrupts stay off until STI's shadow, so the timer cannot fire before HLT waits for it. Other
 * interrupts may end a HLT too early; then it waits again. */
static u64 do_hlt(u64 n)
{
    u64 before = apic_timer_ticks(), flags = read_rflags();
    while (n--) {
        u64 seen = apic_timer_ticks();
        interrupts_off();
        apic_timer_start(APIC_COUNT);
        while (apic_timer_ticks() == seen) {
            interrupts_on_and_halt();
            interrupts_off();
        }
    }
    if (flags & RFLAGS_IF) interrupts_on();
    return apic_timer_ticks() - before;
}

static u64 do_page_fault(u64 n)
{
    u64 before = traps_skipped;
    while (n--)
        __asm__ volatile("lea 1f(%%rip), %%rbx; movb (%0), %%al; 1:"
                         :
                         : "r"(DATA_VA)
                         : "rax", "rbx", "memory");
    return traps_skipped - before;
}

static u64 do_undefined(u64 n)
{
    u64 before = traps_skipped;
    while (n--) __asm__ volatile("lea 1f(%%rip), %%rbx; ud2; 1:" : : : "rbx", "memory");
    return traps_skipped - before;
}

/* OP(row, name): the loop of one operation behind its label. */
#define OPS(OP)                                                                                              \
    OP(0, cpuid)                                                                                             \
    OP(1, vmcall)                                                                                            \
    OP(2, out)                                                                                               \
    OP(3, in)                                                                                                \
    OP(4, rdmsr)                                                                                             \
    OP(5, wrmsr)                                                                                             \
    OP(6, mov_cr3)                                                                                           \
    OP(7, invlpg)                                                                                            \
    OP(8, hlt)                                                                                               \
    OP(9, page_fault)                                                                                        \
    OP(10, undefined)

#define LABELLED(row, name)                                                                                  \
    static u64 labelled_##name(u64 n)                                                                        \
    {                                                                                                        \
        MARK_LABEL(row);                                                                                     \
        return do_##name(n);                                                                                 \
    }
OPS(LABELLED)

#define ROW(row, name) [row] = labelled_##name,
static u64 (*const ops[])(u64 n) = {OPS(ROW)};

#define CHOICE(row, name) "|" #name
static const char op_choices[] = "all" OPS(CHOICE);

/* choice 0 is all. Gives how many effects were seen. */
static u64 run(u64 choice, u64 n)
{
    u64 good = 0;
    for (u64 row = 0; row < COUNT_OF(ops); row++)
        if (choice == 0 || choice == row + 1) good += ops[row](n);
    return good;
}

int main(void)
{
    u64 iters = 200, op = 0;
    const struct word words[] = {
        WORD_ITERS(iters),
        {.key = "op", .kind = WORD_CHOICE, .value = &op, .choices = op_choices},
    };
    bench_start(words, COUNT_OF(words));
    trap_set_handler(VECTOR_UD, skip_instruction);
    trap_set_handler(VECTOR_PF, skip_instruction);
    apic_timer_init();

    MARK_WARM();
    run(op, (iters + 7) / 8);
    bench_begin();
    u64 good = run(op, iters);
    bench_end();

    u64 kinds = op ? 1 : COUNT_OF(ops);
    return bench_report(good == kinds * iters, "exits: ops=%llu iters=%llu done=%llu", (ull)kinds, (ull)iters,
                        (ull)good);
}
