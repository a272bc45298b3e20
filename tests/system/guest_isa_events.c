/* guest_isa_events.c - exceptions, their error codes, and what happens between two instructions:
 * build/workloads/test-isa_events.elf.
 *
 * Checks:  error codes of #GP, #NP, #SS, #PF and #DF, double faults on their own stack, stacks of the IST,
 *          single step, STI's shadow, segment and descriptor-table loads, LAR, LSL, VERR, VERW.
 * Words:   wp=off for a hypervisor that does not model CR0.WP clear.
 * Prints:  one line per check that tells what the processor did, then "isa_events: N checks ok"; exits with 0
 *          or 1.
 * Run by:  tests/system/isa_guests.sh, on QEMU and on the simulator: both must print the same.
 */
#include "kit/kit.h"

enum {
    VEC_DE = 0,
    VEC_DB = 1,
    VEC_BP = 3,
    VEC_UD = 6,
    VEC_DF = 8,
    VEC_NP = 11,
    VEC_SS = 12,
    VEC_GP = 13,
    VEC_PF = 14
};
enum { PF_P = 1, PF_W = 2, PF_RSVD = 8, PF_I = 16 };

enum { WAITS_MAX = 20000 };

static unsigned checks, failures;
static u64 wp_can_be_cleared = true;

static void check(bool ok, const char *what, int vector, u64 error)
{
    checks++;
    failures += !ok;
    printf("%s: vector %d error 0x%llx%s\n", what, vector, (ull)error, ok ? "" : " FAILED");
}

/* The call must end in this exception. Bits of the error code that not every machine sets are left out: EXT,
 * which QEMU never sets (tests/unit/test_exceptions.c has it), and P beside RSVD. */
static void must_fault(const char *what, void (*try)(u64), u64 argument, int vector, u64 error)
{
    struct trap_outcome o = trap_try(try, argument);
    u64 seen = o.error_code;
    if (vector != VEC_PF || (seen & PF_RSVD)) seen &= ~1ull;
    check(o.vector == vector && seen == error, what, o.vector, seen);
}

static void must_pass(const char *what, void (*try)(u64), u64 argument)
{
    struct trap_outcome o = trap_try(try, argument);
    check(o.vector == TRAP_NONE, what, o.vector, 0);
}

static void must_be(const char *what, u64 got, u64 wanted)
{
    checks++;
    failures += got != wanted;
    printf("%s: 0x%llx%s\n", what, (ull)got, got == wanted ? "" : " FAILED");
}

/* --- descriptor tables of our own --- */

enum selector {
    ABSENT_CODE = 0x40,
    ABSENT_DATA = 0x48,
    READONLY_DATA = 0x50,
    EXECUTE_ONLY = 0x58,
    CONFORMING = 0x60,
    RING1_DATA = 0x68,
    LDT = 0x70,
    GATE = 0x80,
    BASED_DATA = 0x90,
    GDT_ENTRIES = 19,
    LOCAL_DATA = 0x0c
};

static u64 own_gdt[GDT_ENTRIES], own_ldt[4];

struct table_pointer {
    u16 limit;
    u64 base;
} __attribute__((packed));

struct gate {
    u16 offset_low, selector;
    u8 ist, type;
    u16 offset_middle;
    u32 offset_high, reserved;
};

static struct gate *idt;

static void load_tables(void)
{
    struct table_pointer gdtr = {sizeof own_gdt - 1, (u64)own_gdt}, idtr;
    memcpy(own_gdt, gdt, sizeof gdt);
    own_gdt[ABSENT_CODE / 8] = 0x00af1b000000ffff;
    own_gdt[ABSENT_DATA / 8] = 0x00cf13000000ffff;
    own_gdt[READONLY_DATA / 8] = 0x00cf91000000ffff;
    own_gdt[EXECUTE_ONLY / 8] = 0x00af99000000ffff;
    own_gdt[CONFORMING / 8] = 0x00af9f000000ffff;
    own_gdt[RING1_DATA / 8] = 0x00cfb3000000ffff;
    own_gdt[LDT / 8] = (sizeof own_ldt - 1) | ((u64)own_ldt & 0xffffff) << 16 | 0x82ull << 40 |
                       ((u64)own_ldt >> 24 & 0xff) << 56;
    own_gdt[GATE / 8] = 0x0000ec0000080000;
    own_gdt[BASED_DATA / 8] = 0x1200923456780fff; /* base 0x12345678, limit 0xfff */
    own_ldt[LOCAL_DATA / 8] = 0x00cf93000000ffff;
    __asm__ volatile("lgdt %0" : : "m"(gdtr));
    __asm__ volatile("sidt %0" : "=m"(idtr));
    idt = (struct gate *)idtr.base;
}

/* --- exceptions and error codes --- */

static void divide(u64 by)
{
    __asm__ volatile("xor %%edx, %%edx; mov $1, %%eax; div %0" : : "r"(by) : "rax", "rdx");
}
static void undefined(u64 x) { (void)x; __asm__ volatile("ud2"); }
static void breakpoint(u64 x) { (void)x; __asm__ volatile("int3"); }
static void load_ds(u64 s)
{
    __asm__ volatile("mov %w0, %%ds; mov %w1, %%ds" : : "r"(s), "r"(SELECTOR_KERNEL_DATA));
}
static void load_ss(u64 s)
{
    __asm__ volatile("mov %w0, %%ss; mov %w1, %%ss" : : "r"(s), "r"(SELECTOR_KERNEL_DATA));
}
static void load_ldt(u64 s) { __asm__ volatile("lldt %w0" : : "r"(s)); }
static void load_tr(u64 s) { __asm__ volatile("ltr %w0" : : "r"(s)); }
static void write_at(u64 va) { *(volatile u8 *)va = 1; }
static void read_at(u64 va) { (void)*(volatile u8 *)va; }
static void call_at(u64 va) { __asm__ volatile("call *%0" : : "r"(va) : "memory"); }
static void interrupt_with_bad_stack(u64 rsp)
{
    __asm__ volatile("mov %0, %%rsp; ud2" : : "r"(rsp) : "memory");
}

static void far_jump(u64 selector)
{
    struct {
        u64 offset;
        u16 selector;
    } __attribute__((packed)) pointer = {0, (u16)selector};
    __asm__ volatile("1: leaq 2f(%%rip), %%rax; movq %%rax, (%0); .byte 0x48, 0xff, 0x29; 2:" /* REX.W LJMP *(%rcx): the assemblers spell it differently */
                     :
                     : "c"(&pointer)
                     : "rax", "memory");
}

#define NON_CANONICAL 0x0000800000000000ull

static void test_plain_exceptions(void)
{
    must_fault("divide by zero", divide, 0, VEC_DE, 0);
    must_pass("divide by one", divide, 1);
    must_fault("ud2", undefined, 0, VEC_UD, 0);
    must_fault("int3", breakpoint, 0, VEC_BP, 0);
    must_fault("read non-canonical", read_at, NON_CANONICAL, VEC_GP, 0);
    must_fault("trap on a non-canonical stack", interrupt_with_bad_stack, NON_CANONICAL, VEC_DF, 0);
}

static void test_segment_loads(void)
{
    must_pass("ds := null", load_ds, 0);
    must_pass("ds := user data", load_ds, SELECTOR_USER_DATA);
    must_pass("ds := readable code", load_ds, SELECTOR_KERNEL_CODE);
    must_fault("ds := kernel data, RPL 3", load_ds, SELECTOR_KERNEL_DATA | 3, VEC_GP, SELECTOR_KERNEL_DATA);
    must_fault("ds := absent", load_ds, ABSENT_DATA, VEC_NP, ABSENT_DATA);
    must_fault("ds := execute-only code", load_ds, EXECUTE_ONLY, VEC_GP, EXECUTE_ONLY);
    must_fault("ds := beyond the table", load_ds, 0x400, VEC_GP, 0x400);
    must_pass("lldt of null", load_ldt, 0);
    must_fault("ds := local without table", load_ds, LOCAL_DATA, VEC_GP, LOCAL_DATA);
    must_pass("lldt", load_ldt, LDT);
    must_pass("ds := local", load_ds, LOCAL_DATA);
    must_fault("lldt of a data segment", load_ldt, SELECTOR_KERNEL_DATA, VEC_GP, SELECTOR_KERNEL_DATA);
    must_pass("ss := null", load_ss, 0);
    must_fault("ss := absent", load_ss, ABSENT_DATA, VEC_SS, ABSENT_DATA);
    must_fault("ss := read-only", load_ss, READONLY_DATA, VEC_GP, READONLY_DATA);
    must_fault("ss := ring 1", load_ss, RING1_DATA, VEC_GP, RING1_DATA);
    must_fault("ltr of the busy TSS", load_tr, SELECTOR_TSS, VEC_GP, SELECTOR_TSS);
}

static void test_far_jumps(void)
{
    must_pass("jump to kernel code", far_jump, SELECTOR_KERNEL_CODE);
    must_pass("jump to conforming code", far_jump, CONFORMING);
    must_pass("and back", far_jump, SELECTOR_KERNEL_CODE);
    must_fault("jump to null", far_jump, 0, VEC_GP, 0);
    must_fault("jump to data", far_jump, SELECTOR_KERNEL_DATA, VEC_GP, SELECTOR_KERNEL_DATA);
    must_fault("jump to user code", far_jump, SELECTOR_USER_CODE, VEC_GP, SELECTOR_USER_CODE & ~3);
    must_fault("jump to absent code", far_jump, ABSENT_CODE, VEC_NP, ABSENT_CODE);
}

/* --- descriptor queries --- */

/* Bits 19:16 are undefined. */
static u64 lar(u64 selector)
{
    u64 result = 0x1111;
    __asm__("lar %1, %k0" : "+r"(result) : "r"((u32)selector) : "cc");
    return result & ~0xf0000ull;
}

static u64 lsl(u64 selector)
{
    u64 result = 0x1111;
    __asm__("lsl %1, %k0" : "+r"(result) : "r"((u32)selector) : "cc");
    return result;
}

static bool verr(u64 selector)
{
    bool yes;
    __asm__("verr %w1" : "=@ccz"(yes) : "r"(selector));
    return yes;
}

static bool verw(u64 selector)
{
    bool yes;
    __asm__("verw %w1" : "=@ccz"(yes) : "r"(selector));
    return yes;
}

static void test_queries(void)
{
    must_be("lar kernel data", lar(SELECTOR_KERNEL_DATA), 0xc09300);
    must_be("lar of the TSS", lar(SELECTOR_TSS), 0x8b00);
    must_be("lar of a call gate", lar(GATE), 0xec00);
    must_be("lar beyond the table", lar(0x400), 0x1111);
    must_be("lsl kernel data", lsl(SELECTOR_KERNEL_DATA), 0xffffffff);
    must_be("lsl of the TSS", lsl(SELECTOR_TSS), 103);
    must_be("lsl of a call gate", lsl(GATE), 0x1111);
    must_be("lsl in bytes", lsl(BASED_DATA), 0xfff);
    must_be("verr kernel data", verr(SELECTOR_KERNEL_DATA), true);
    must_be("verr execute-only", verr(EXECUTE_ONLY), false);
    must_be("verr of the TSS", verr(SELECTOR_TSS), false);
    must_be("verw kernel data", verw(SELECTOR_KERNEL_DATA), true);
    must_be("verw read-only", verw(READONLY_DATA), false);
    must_be("verw code", verw(SELECTOR_KERNEL_CODE), false);
}

static void test_fs_base(void)
{
    u32 selector = BASED_DATA;
    __asm__ volatile("mov %0, %%fs" : : "r"(selector));
    must_be("base of fs from its descriptor", rdmsr(0xc0000100), 0x12345678);
    wrmsr(0xc0000100, 0xffff800000000000);
    must_be("base of fs from the MSR", rdmsr(0xc0000100), 0xffff800000000000);
    __asm__ volatile("mov %0, %%fs" : : "r"(0));
}

/* --- page faults --- */

static void test_wp_clear(void)
{
    write_cr0(read_cr0() & ~CR0_WP);
    must_pass("write a read-only page with WP clear", write_at, DATA_VA);
    write_cr0(read_cr0() | CR0_WP);
}

static void test_page_faults(void)
{
    u64 frame = (u64)heap_page_cleared();
    paging_map(kernel_space(), DATA_VA, frame, PAGE_4K, PAGE_4K, pte_nx());
    u64 *slot = paging_slot(kernel_space(), DATA_VA, PAGE_4K);
    must_pass("read a read-only page", read_at, DATA_VA);
    must_fault("write a read-only page", write_at, DATA_VA, VEC_PF, PF_P | PF_W);
    must_fault("execute a no-execute page", call_at, DATA_VA, VEC_PF, PF_P | PF_I);
    must_be("address of the fault", trap_try(write_at, DATA_VA + 0x123).address, DATA_VA + 0x123);
    must_fault("read an absent page", read_at, DATA_VA + PAGE_4K, VEC_PF, 0);
    must_fault("write an absent page", write_at, DATA_VA + PAGE_4K, VEC_PF, PF_W);
    must_fault("execute an absent page", call_at, DATA_VA + PAGE_4K, VEC_PF, PF_I);
    if (wp_can_be_cleared) test_wp_clear();
    *slot |= BIT(51);
    invlpg(DATA_VA);
    must_fault("read with a reserved bit set", read_at, DATA_VA, VEC_PF, PF_RSVD);
    *slot = 0;
    invlpg(DATA_VA);
}

/* --- double faults and stacks --- */

static void test_double_faults(void)
{
    u8 type = idt[VEC_UD].type;
    idt[VEC_UD].type = type & 0x7f;
    must_be("#UD by an absent gate is #NP", (u64)trap_try(undefined, 0).vector,
            VEC_NP); /* QEMU's error code is vector * 16 + 2 */
    idt[VEC_UD].type = type;
    idt[VEC_NP].type &= 0x7f;
    must_fault("#NP by an absent gate is #DF", load_ds, ABSENT_DATA, VEC_DF, 0);
    idt[VEC_NP].type |= 0x80;
    idt[VEC_UD].selector = ABSENT_CODE;
    must_fault("#UD by a gate to absent code", undefined, 0, VEC_NP, ABSENT_CODE);
    idt[VEC_UD].selector = SELECTOR_KERNEL_DATA;
    must_fault("#UD by a gate to data", undefined, 0, VEC_GP, SELECTOR_KERNEL_DATA);
    idt[VEC_UD].selector = SELECTOR_KERNEL_CODE;
    must_fault("#UD on an unmapped stack", interrupt_with_bad_stack, DATA_VA + 2 * PAGE_4K, VEC_DF, 0);
}

static u64 stack_seen, pushed_rsp, interrupted_rsp;

static void note_stack(struct trap_frame *frame)
{
    stack_seen = (u64)(frame + 1);
    pushed_rsp = frame->rsp;
    frame->rip += 2;
}

/* An odd stack pointer shows the alignment that delivery makes. */
static void run_ud2(u64 skew)
{
    __asm__ volatile("mov %%rsp, %%rbx; sub %1, %%rsp; mov %%rsp, %0; ud2; mov %%rbx, %%rsp"
                     : "=m"(interrupted_rsp) : "r"(skew) : "rbx", "memory");
}

static void test_stacks(void)
{
    u8 *stack = (u8 *)heap_page();
    u64 top = (u64)stack + PAGE_4K;
    trap_set_handler(VEC_UD, note_stack);
    run_ud2(264 + 3);
    must_be("a frame's end is aligned to 16", stack_seen, interrupted_rsp & ~15ull);
    must_be("and RSP is pushed as it was", pushed_rsp - interrupted_rsp, 0);
    memcpy(tss.bytes + 36 + 8, &top, sizeof top); /* IST2 */
    idt[VEC_UD].ist = 2;
    run_ud2(256);
    must_be("the IST's stack is taken from its top", top - stack_seen, 0);
    idt[VEC_UD].ist = 0;
    trap_set_handler(VEC_UD, NULL);
}

/* --- single step, STI's shadow --- */

enum { STEPS_MAX = 16 };
static u64 step_rip[STEPS_MAX];
static unsigned steps;
extern u8 steps_start[];

static void note_step(struct trap_frame *frame)
{
    if (steps < STEPS_MAX) step_rip[steps++] = frame->rip - (u64)steps_start;
}

/* TF is set by POPF, seen behind the next instruction, put aside by the handler's gate, and cleared by a POPF
 * that still traps. */
static void run_single_steps(void)
{
    __asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq\n"
                     "steps_start:\n"
                     "nop\n"                     /* 0, trap at 1 */
                     "mov %%eax, %%ecx\n"         /* 1, trap at 3 */
                     "pushfq\n"                  /* 3, trap at 4 */
                     "andq $~0x100, (%%rsp)\n"   /* 4, trap at 12 */
                     "popfq\n"                   /* 12, trap at 13 */
                     "nop\n"
                     : : : "rcx", "memory", "cc");
}

static void test_single_step(void)
{
    static const u64 wanted[] = {1, 3, 4, 12, 13};
    u64 dr6;
    trap_set_handler(VEC_DB, note_step);
    __asm__ volatile("mov %0, %%dr6" : : "r"(0ull));
    run_single_steps();
    must_be("single steps", steps, COUNT_OF(wanted));
    for (unsigned n = 0; n < COUNT_OF(wanted); n++) must_be("step at", step_rip[n], wanted[n]);
    __asm__ volatile("mov %%dr6, %0" : "=r"(dr6));
    must_be("DR6 after single steps", dr6 & 0xf00f, 0x4000);
    trap_set_handler(VEC_DB, NULL);
}

#define LOCAL_APIC     0xfee00000ull
#define APIC_REQUESTS  0x200
#define APIC_EOI       0xb0

static u64 interrupt_rip;

static u32 apic_read(u32 at) { return *(volatile u32 *)(LOCAL_APIC + at); }
static void apic_write(u32 at, u32 value) { *(volatile u32 *)(LOCAL_APIC + at) = value; }

static void note_interrupt(struct trap_frame *frame)
{
    interrupt_rip = frame->rip;
    apic_write(APIC_EOI, 0);
}

static bool is_requested(void)
{
    return apic_read(APIC_REQUESTS + VECTOR_APIC_TIMER / 32 * 16) >> VECTOR_APIC_TIMER % 32 & 1;
}

/* Interrupts are off: the timer's request waits in the APIC, or in a hypervisor, which does not show it:
 * hence the limit. */
static void make_interrupt_pending(void)
{
    apic_timer_start(100);
    for (unsigned n = 0; n < WAITS_MAX && !is_requested(); n++) pause();
}

extern u8 sti_start[];

static void run_sti(void)
{
    __asm__ volatile("sti\nsti_start: nop\nnop\nnop\ncli" : : : "memory");
}

static void test_shadows(void)
{
    apic_timer_init();
    trap_set_handler(VECTOR_APIC_TIMER, note_interrupt);
    make_interrupt_pending();
    run_sti();
    must_be("the interrupt comes one instruction behind STI", interrupt_rip - (u64)sti_start, 1);
    interrupt_rip = 0;
    make_interrupt_pending();
    interrupts_on_and_halt();
    interrupts_off();
    must_be("STI and HLT wake", interrupt_rip != 0, true);
}

/* IRETQ with NT set, which asks for a task switch that 64-bit mode does not have. */
static void iret_with_nt(u64 x)
{
    (void)x;
    __asm__ volatile("pushfq; orq $0x4000, (%%rsp); popfq; iretq" : : : "memory", "cc");
}

int main(void)
{
    const struct word words[] = {{.key = "wp", .kind = WORD_SWITCH, .value = &wp_can_be_cleared}};
    words_read(boot.words, words, COUNT_OF(words));
    load_tables();
    test_plain_exceptions();
    test_segment_loads();
    test_far_jumps();
    test_queries();
    test_fs_base();
    test_page_faults();
    test_double_faults();
    test_stacks();
    test_single_step();
    test_shadows();
    must_fault("IRET with NT", iret_with_nt, 0, VEC_GP, 0);
    printf("isa_events: %u checks %s\n", checks, failures ? "FAILED" : "ok");
    return failures != 0;
}
