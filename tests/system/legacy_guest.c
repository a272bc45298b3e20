/* legacy_guest.c - what only 32-bit protected mode has, and debugging: hardware task switches, call gates, breakpoints.
 *
 * Entered as the Multiboot Specification says; checks itself and prints what it finds, one line a check, then "done".
 * Left out, since QEMU 7.2 lacks them: the T flag of a TSS, INT1, port breakpoints' traps, general detect.
 * Run by: tests/system/legacy.sh, on QEMU and on the simulator's cores: all must print the same.
 */
typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define UART      0x3f8
#define EXIT_PORT 0xf4
#define TEXT2(x)  #x
#define TEXT(x)   TEXT2(x)

#define CODE      0x08
#define DATA      0x10
#define USER_CODE 0x18
#define USER_DATA 0x20
#define TSS_MAIN  0x28
#define TSS_OTHER 0x30
#define TSS_FAULT 0x38
#define TASK_GATE 0x40
#define CALL_GATE 0x48
#define GATE16    0x50
#define CONFORM   0x58
#define CONF_GATE 0x60
#define ABSENT    0x68
#define LDT       0x70
#define TSS_OLD   0x78
#define CODE16    0x80
#define GDT_BYTES 0x88

enum { VEC_DB = 1, VEC_DF = 8, VEC_TS = 10, VEC_NP = 11, VEC_SS = 12, VEC_GP = 13, VEC_USER = 0x30, VECTORS = 0x31 };
enum { FLAG_TF = 0x100, FLAG_NT = 0x4000, FLAG_RF = 0x10000 };

struct tss {
    u32 link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags, eax, ecx, edx, ebx, esp, ebp, esi, edi;
    u32 es, cs, ss, ds, fs, gs, ldt;
    u16 trap, iomap;
};

/* In the order of the handlers' pushes. */
struct frame {
    u32 edi, esi, ebp, esp, ebx, edx, ecx, eax, vector, error, eip, cs, eflags;
};

__asm__(".section .text.unlikely, \"ax\"; .balign 4; .long 0x1badb002, 0, -0x1badb002\n"
        ".text\n"
        ".globl _start; _start: cli; mov $stack_top, %esp; call main; hlt\n"
        ".bss; .balign 16; .skip 8192; stack_top: .skip 4096; inner_stack_top: .skip 4096; .globl "
        "other_stack_top; other_stack_top: "
        ".skip 4096; .globl user_stack_top; user_stack_top:\n.text\n");
extern u8 inner_stack_top[], other_stack_top[], user_stack_top[];

static u64 gdt[GDT_BYTES / 8], idt[VECTORS], ldt[2];
static struct tss main_tss, other_tss, fault_tss;
static u16 old_tss[22];
struct pointer {
    u16 limit;
    u32 base;
} __attribute__((packed));
static struct pointer gdt_pointer = {sizeof gdt - 1, 0};
static struct pointer idt_pointer = {sizeof idt - 1, 0};

/* --- printing --- */

static void out(u16 port, u8 value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }

static void print(const char *text)
{
    while (*text) out(UART, (u8)*text++);
}

static void print_hex(u32 value)
{
    for (int shift = 28; shift >= 0; shift -= 4) out(UART, (u8) "0123456789abcdef"[value >> shift & 15]);
}

static u32 failures;

static void must_be(const char *what, u32 got, u32 wanted)
{
    print(what);
    print(": ");
    print_hex(got);
    print(got == wanted ? "\n" : " FAILED, not ");
    if (got == wanted) return;
    print_hex(wanted);
    print("\n");
    failures++;
}

/* --- traps --- */

static struct frame seen;
static u32 traps;
u32 resume_at, kernel_esp;
void user_done(void);

/* A fault goes on at resume_at, once; a trap where it came from; ring 3 comes back to run_user. */
void on_trap(struct frame *f)
{
    seen = *f;
    traps++;
    if (f->cs & 3) user_done();
    if (!resume_at) return;
    f->eip = resume_at;
    resume_at = 0;
}

#define STUB(n)       ".balign 16; stub" #n ": push $0; push $" #n "; jmp common\n"
#define STUB_ERROR(n) ".balign 16; stub" #n ": push $" #n "; jmp common\n"
__asm__(".text\n" STUB(1) STUB(48) STUB_ERROR(8) STUB_ERROR(10) STUB_ERROR(11) STUB_ERROR(12) STUB_ERROR(
    13) STUB_ERROR(14) "common: pusha; push %esp; call on_trap; add $4, %esp; popa; add $8, "
                       "%esp; iret\n"
                       ".globl user_done; user_done: mov kernel_esp, %esp; popa; ret\n"
                       ".globl run_user; run_user: mov 4(%esp), %eax; pusha; mov %esp, "
                       "kernel_esp\n" /* run_user(eip) */
                       "mov $" TEXT(USER_DATA) " | 3, %ecx; mov %ecx, %ds; mov %ecx, %es; mov %ecx, %fs; "
                                               "mov %ecx, %gs\n"
                                               "push $" TEXT(USER_DATA) " | 3; push $user_stack_top; push "
                                                                        "$2; push $" TEXT(
                                                                            USER_CODE) " | 3; push %eax; "
                                                                                       "iret\n");
extern u8 stub1[], stub8[], stub10[], stub11[], stub12[], stub13[], stub14[], stub48[];
void run_user(void *eip);

static u64 descriptor(u32 base, u32 limit, u32 access, u32 flags)
{
    return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)access << 40 |
           (u64)(limit >> 16 & 15) << 48 | (u64)flags << 52 | (u64)(base >> 24) << 56;
}

static u64 gate(u32 type, u32 dpl, u32 selector, u32 offset, u32 count)
{
    return (offset & 0xffff) | selector << 16 | (u64)(count | (0x80 | dpl << 5 | type) << 8) << 32 |
           (u64)(offset >> 16) << 48;
}

static void set(u32 selector, u64 value) { gdt[selector / 8] = value; }
static void trap_to(u32 vector, void *handler, u32 dpl) { idt[vector] = gate(14, dpl, CODE, (u32)handler, 0); }
static u32 type_of(u32 selector) { return (u32)(gdt[selector / 8] >> 40) & 0xff; }

/* --- the other tasks --- */

u32 other_flags, other_runs, fault_error, fault_flags;
void other_entry(void), fault_entry(void), gate_entry(void), gate16_entry(void), conforming_entry(void);
void old_entry(void);

/* fault_entry: pops the error code, sends the faulting task on to resume_at with a good GS, goes back. */
__asm__(".text\n"
        "other_entry: pushf; pop other_flags; incl other_runs; iret; jmp other_entry\n"
        "old_entry: .code16; incw %ax; iretw; jmp old_entry; .code32\n"
        "fault_entry: pop fault_error; pushf; pop fault_flags; mov resume_at, %eax; mov fault_old, %ebx; mov "
        "%eax, 32(%ebx)\n"
        "mov 92(%ebx), %eax; mov %eax, fault_gs; movl $" TEXT(DATA) ", 92(%ebx); iret; jmp fault_entry\n");
void *fault_old = &main_tss;
u32 fault_gs;

static void fill_task(struct tss *t, void (*entry)(void), u8 *stack)
{
    *t = (struct tss){.eip = (u32)entry,
                      .eflags = 2,
                      .esp = (u32)stack,
                      .cs = CODE,
                      .ss = DATA,
                      .ds = DATA,
                      .es = DATA,
                      .fs = DATA,
                      .gs = DATA};
    t->esp0 = (u32)inner_stack_top;
    t->ss0 = DATA;
    t->iomap = sizeof *t;
}

static void fill_tables(void)
{
    set(CODE, descriptor(0, 0xfffff, 0x9b, 12));
    set(DATA, descriptor(0, 0xfffff, 0x93, 12));
    set(USER_CODE, descriptor(0, 0xfffff, 0xfb, 12));
    set(USER_DATA, descriptor(0, 0xfffff, 0xf3, 12));
    set(CODE16, descriptor((u32)old_entry, 0xffff, 0x9b, 0));
    set(TSS_MAIN, descriptor((u32)&main_tss, sizeof main_tss - 1, 0x89, 0));
    set(TSS_OTHER, descriptor((u32)&other_tss, sizeof other_tss - 1, 0x89, 0));
    set(TSS_FAULT, descriptor((u32)&fault_tss, sizeof fault_tss - 1, 0x89, 0));
    set(TSS_OLD, descriptor((u32)old_tss, sizeof old_tss - 1, 0x81, 0));
    set(TASK_GATE, gate(5, 3, TSS_OTHER, 0, 0));
    set(CALL_GATE, gate(12, 3, CODE, (u32)gate_entry, 2));
    set(GATE16, gate(4, 3, CODE16, (u32)gate16_entry - (u32)old_entry, 1));
    set(CONFORM, descriptor(0, 0xfffff, 0x9f, 12));
    set(CONF_GATE, gate(12, 3, CONFORM, (u32)conforming_entry, 2));
    set(ABSENT, descriptor(0, 0xfffff, 0x13, 12));
    set(LDT, descriptor((u32)ldt, sizeof ldt - 1, 0x82, 0));
    ldt[1] = descriptor(0, 0xfffff, 0x93, 12);
}

static void begin(void)
{
    fill_tables();
    trap_to(VEC_DB, stub1, 0);
    trap_to(VEC_DF, stub8, 0);
    trap_to(VEC_TS, stub10, 0);
    trap_to(VEC_NP, stub11, 0);
    trap_to(VEC_SS, stub12, 0);
    trap_to(VEC_GP, stub13, 0);
    trap_to(14, stub14, 0);
    trap_to(VEC_USER, stub48, 3);
    gdt_pointer.base = (u32)gdt;
    idt_pointer.base = (u32)idt;
    fill_task(&main_tss, other_entry, other_stack_top);
    fill_task(&other_tss, other_entry, other_stack_top);
    fill_task(&fault_tss, fault_entry, other_stack_top - 1024);
    __asm__ volatile("lgdt %0; lidt %1; ljmp %3, $1f; 1: mov %4, %%ds; mov %4, %%es; mov %4, %%fs; mov %4, "
                     "%%gs; mov %4, %%ss; ltr %w2"
                     :
                     : "m"(gdt_pointer), "m"(idt_pointer), "r"(TSS_MAIN), "i"(CODE), "r"(DATA));
}

#define FAR_CALL(selector)                                                                                   \
    __asm__ volatile("movl $1f, resume_at; lcall %0, $0; 1: movl $0, resume_at" : : "i"(selector) : "memor"  \
                                                                                                    "y")
#define FAR_JMP(selector)                                                                                    \
    __asm__ volatile("movl $1f, resume_at; ljmp %0, $0; 1: movl $0, resume_at" : : "i"(selector) : "memory")

static void must_fault(const char *what, u32 vector, u32 error)
{
    must_be(what, seen.vector << 16 | (seen.error & 0xffff), vector << 16 | error);
    seen.vector = 0;
}

/* --- tasks --- */

static u32 flags_now(void)
{
    u32 flags;
    __asm__ volatile("pushf; pop %0" : "=r"(flags));
    return flags;
}

static u32 cr0_now(void)
{
    u32 cr0;
    __asm__ volatile("mov %%cr0, %0; clts" : "=r"(cr0));
    return cr0;
}

static void check_switches(void)
{
    cr0_now();
    FAR_CALL(TSS_OTHER);
    must_be("call to a TSS: it ran", other_runs, 1);
    must_be("its NT", other_flags & FLAG_NT, FLAG_NT);
    must_be("ours", flags_now() & FLAG_NT, 0);
    must_be("its link", (u16)other_tss.link, TSS_MAIN);
    must_be("busy bits", type_of(TSS_MAIN) << 8 | type_of(TSS_OTHER), 0x8b89);
    must_be("CR0.TS", cr0_now() & 8, 8);
    must_be("saved ESP", (u32)(other_tss.esp == (u32)other_stack_top), 1);
    FAR_CALL(TASK_GATE);
    must_be("call to a task gate: it ran behind its IRET", other_runs, 2);
    other_tss.ldt = LDT;
    other_tss.ds = 0x0c;
    FAR_CALL(TASK_GATE);
    must_be("with an LDT", other_runs, 3);
    other_tss.ldt = 0;
    other_tss.ds = DATA;
}

static void check_old_tss(void)
{
    old_tss[7] = 0; /* IP */
    old_tss[8] = 2;
    old_tss[9] = 41; /* AX */
    old_tss[13] = 0x7000;
    old_tss[17] = old_tss[19] = old_tss[20] = DATA;
    old_tss[18] = CODE16;
    FAR_CALL(TSS_OLD);
    must_be("a 16-bit TSS: AX", old_tss[9], 42);
    must_be("its link", old_tss[0], TSS_MAIN);
}

static void check_refusals(void)
{
    set(TSS_OTHER, descriptor((u32)&other_tss, sizeof other_tss - 1, 0x8b, 0));
    FAR_CALL(TSS_OTHER);
    must_fault("a busy TSS", VEC_GP, TSS_OTHER);
    set(TSS_OTHER, descriptor((u32)&other_tss, sizeof other_tss - 1, 0x09, 0));
    FAR_JMP(TASK_GATE);
    must_fault("an absent TSS", VEC_NP, TSS_OTHER);
    set(TSS_OTHER, descriptor((u32)&other_tss, 0x66, 0x89, 0));
    FAR_CALL(TASK_GATE);
    must_fault("a short TSS", VEC_TS, TSS_OTHER);
    fill_tables();
    set(TSS_MAIN, descriptor((u32)&main_tss, sizeof main_tss - 1, 0x8b, 0));
    main_tss.link = TSS_OTHER;
    __asm__ volatile(
        "movl $1f, resume_at; pushf; orl $0x4000, (%%esp); popf; iret; 1: pushf; andl $~0x4000, (%%esp); popf"
        :
        :
        : "memory");
    must_fault("IRET to a task that is not busy", VEC_TS, TSS_OTHER);
}

/* The new task's own faults, taken by a third task. */
static void check_new_tasks_fault(void)
{
    idt[VEC_TS] = gate(5, 0, TSS_FAULT, 0, 0);
    fault_old = &other_tss;
    other_tss.gs = CODE | 4;
    u32 runs = other_runs;
    fault_error = 0;
    __asm__ volatile("movl $other_entry, resume_at; lcall %0, $0" : : "i"(TSS_OTHER) : "memory");
    must_be("#TS of the new task: error code", fault_error, CODE | 4);
    must_be("its handler's link", (u16)fault_tss.link, TSS_OTHER);
    must_be("GS as the handler found it", (u16)fault_gs, CODE | 4);
    must_be("the task has run once", other_runs - runs, 1);
    fault_old = &main_tss;
    trap_to(VEC_TS, stub10, 0);
}

static void check_exceptions_to_tasks(void)
{
    idt[VEC_GP] = gate(5, 0, TSS_FAULT, 0, 0);
    __asm__ volatile("movl $1f, resume_at; mov %0, %%fs; 1:" : : "r"(0xfff0) : "memory");
    must_be("#GP through a task gate: error code", fault_error, 0xfff0);
    must_be("NT in the handler", fault_flags & FLAG_NT, FLAG_NT);
    trap_to(VEC_GP, stub13, 0);
    idt[VEC_DF] = gate(5, 0, TSS_FAULT, 0, 0);
    idt[VEC_GP] = gate(14, 0, ABSENT, 0, 0);
    fault_error = 77;
    __asm__ volatile("movl $1f, resume_at; mov %0, %%fs; 1:" : : "r"(0xfff0) : "memory");
    must_be("a double fault through a task gate: error code", fault_error, 0);
    trap_to(VEC_DF, stub8, 0);
    trap_to(VEC_GP, stub13, 0);
    idt[VEC_USER] = gate(5, 3, TSS_OTHER, 0, 0);
    u32 runs = other_runs;
    __asm__ volatile("int $0x30" : : : "memory");
    must_be("INT n to a task", other_runs - runs, 1);
    resume_at = 0;
    trap_to(VEC_USER, stub48, 3);
}

/* --- call gates --- */

u32 gate_parameters[2], gate_esp, gate_cs, conforming_cs, gate16_parameter;
void user_calls(void), user_calls_16(void), user_calls_conforming(void), user_jumps(void), user_calls_tss(void);

__asm__(".text\n"
        "gate_entry: mov 8(%esp), %eax; mov %eax, gate_parameters; mov 12(%esp), %eax; mov %eax, "
        "gate_parameters + 4\n"
        "mov %esp, gate_esp; mov %cs, gate_cs; lret $8\n"
        "conforming_entry: mov %cs, conforming_cs; lret\n"
        ".code16; gate16_entry: addr32 movw 4(%esp), %ax; addr32 movw %ax, gate16_parameter; ljmpl $" TEXT(
            CODE) ", $user_done; .code32\n"
                  "user_calls: push $0x1111; push $0x2222; mov %esp, %ebx; lcall $" TEXT(
                      CALL_GATE) ", $0; sub %esp, %ebx; int $0x30\n"
                                 "user_calls_16: pushw $0x3333; mov %esp, %ebx; lcall $" TEXT(
                                     GATE16) ", $0; sub %esp, %ebx; int $0x30\n"
                                             "user_calls_conforming: lcall $" TEXT(
                                                 CONF_GATE) ", $0; int $0x30\n"
                                                            "user_jumps: ljmp $" TEXT(
                                                                CALL_GATE) ", $0\n"
                                                                           "user_calls_tss: lcall $" TEXT(
                                                                               TSS_OTHER) ", $0\n");

static void check_call_gates(void)
{
    run_user(user_calls);
    must_be("a call gate's parameters", gate_parameters[0] << 16 | gate_parameters[1], 0x22221111);
    must_be("the frame on the inner stack", (u32)inner_stack_top - gate_esp, 24);
    must_be("CS behind it", gate_cs, CODE);
    must_be("back in ring 3, released", seen.ebx, 0u - 8);
    must_be("SS there", seen.vector << 16 | (seen.cs & 0xffff), VEC_USER << 16 | USER_CODE | 3);
    run_user(user_calls_16);
    must_be("a 16-bit gate's parameter", gate16_parameter, 0x3333);
    run_user(user_calls_conforming);
    must_be("conforming code", conforming_cs & ~3u, CONFORM); /* QEMU puts the segment's DPL into RPL, not CPL */
    run_user(user_jumps);
    must_fault("a jump inward", VEC_GP, CODE);
    run_user(user_calls_tss);
    must_fault("a TSS from ring 3", VEC_GP, TSS_OTHER);
    gdt[CALL_GATE / 8] &= ~(0x80ull << 40);
    run_user(user_calls);
    must_fault("an absent gate", VEC_NP, CALL_GATE);
    fill_tables();
    set(TSS_MAIN, descriptor((u32)&main_tss, sizeof main_tss - 1, 0x8b, 0));
}

/* --- breakpoints --- */

static void set_dr(u32 n, u32 at, u32 dr7)
{
    if (n == 0) __asm__ volatile("mov %0, %%dr0" : : "r"(at));
    if (n == 1) __asm__ volatile("mov %0, %%dr1" : : "r"(at));
    if (n == 2) __asm__ volatile("mov %0, %%dr2" : : "r"(at));
    __asm__ volatile("mov %0, %%dr6; mov %1, %%dr7" : : "r"(0), "r"(dr7));
}

static u32 dr6(void)
{
    u32 value;
    __asm__ volatile("mov %%dr6, %0" : "=r"(value));
    __asm__ volatile("mov %0, %%dr7" : : "r"(0x400));
    return value & 0xe00f;
}

u32 watched[4];

static void check_breakpoints(void)
{
    u32 here;
    set_dr(0, (u32)&watched[1], 0x000d0402); /* write, 4 bytes, G0 */
    __asm__ volatile("movl $5, watched + 4; movl $2f, %0; 2: nop" : "=r"(here) : : "memory");
    must_be("a store: DR6", dr6(), 1);
    must_be("it is done", watched[1], 5);
    set_dr(2, (u32)&watched[1] + 2, 0x07000420); /* access, 2 bytes, G2 */
    seen.eip = 0;
    __asm__ volatile("movl watched + 4, %%eax; 3: nop; movl $3b, %0" : "=r"(here) : : "eax", "memory");
    must_be("a load that overlaps: DR6", dr6(), 4);
    must_be("the trap stands behind it", seen.eip - here, 0);
    traps = 0;
    set_dr(1, (u32)&watched[2], 0x00d00408); /* write, 4 bytes, G1 */
    __asm__ volatile("rep stosb" : : "D"(watched), "a"(1), "c"(16) : "memory");
    must_be("REP STOSB: traps", traps, 4);
    must_be("DR6", dr6(), 2);
    traps = 0;
    resume_at = 0;
    __asm__ volatile("movl $4f, %0" : "=r"(here));
    set_dr(0, here, 0x00000402);
    __asm__ volatile("movl $5f, resume_at; nop; 4: movl $9, watched; 5: nop" : : : "memory");
    must_be("an instruction breakpoint: DR6", dr6(), 1);
    must_be("the instruction was not executed", watched[0], 0x01010101);
    must_be("its address", seen.eip - here, 0);
    must_be("traps", traps, 1);
}

static void check_steps(void)
{
    traps = 0;
    set_dr(0, 0, 0x400);
    __asm__ volatile("pushf; orl $0x100, (%%esp); popf; nop; nop; pushf; andl $~0x100, (%%esp); popf; nop"
                     :
                     :
                     : "memory");
    must_be("single steps", traps, 5);
    must_be("DR6", dr6(), 0x4000);
}

int main(void)
{
    begin();
    check_switches();
    check_old_tss();
    check_refusals();
    check_new_tasks_fault();
    check_exceptions_to_tasks();
    check_call_gates();
    check_breakpoints();
    check_steps();
    print(failures ? "FAILED\n" : "done\n");
    out(EXIT_PORT, failures != 0);
    return 0;
}
