/* random_guest64.c - as random_guest.c, in 64-bit and compatibility mode: random descriptors, 64-bit gates with
 * interrupt stacks, page-table entries with NX at both levels under CR0.WP, rings 0 and 3.
 *
 * Run by: tests/system/random_guest.sh, which compares with QEMU.
 *
 * Where QEMU 7.2 deviates from the manual no case is drawn, beside those that random_guest.c names:
 *   canonical: returns, SYSRET, WRMSR and bases take addresses that are not canonical (SDM Vol. 1, "Canonical
 *     Addressing")
 *   idt_error_code: error codes count 16 bytes for an entry of the IDT, not 8 (SDM Vol. 3A, "Error Code")
 *   l_and_d: code with both L and D is taken (SDM Vol. 3A, "Code Segment Descriptor in 64-bit Mode")
 *   rsvd_without_p: a page fault for a reserved bit is told as one of an absent page (SDM Vol. 3A, "Page-Fault
 *     Exceptions")
 *   null_ss_rpl: a null SS is taken with any RPL, and for 32-bit code (SDM Vol. 2B, "MOV"; Vol. 2A, "IRET")
 *   lar_types: LAR and LSL answer for types that IA-32e mode does not have (SDM Vol. 2A, "LAR")
 *   ist_ss: an interrupt stack makes SS null without a change of privilege (SDM Vol. 3A, "Stack Switching in IA-32e
 *     Mode")
 *   lldt_upper_type: the type in the upper half of an LDT's descriptor may be any (SDM Vol. 3A, "Segment Descriptor
 *     Tables in IA-32e Mode")
 *   handler_order: a handler's code that is neither present nor 64-bit is #NP, here #GP (the manual's order is open)
 *   jmp_gate_absent: JMP through a gate to code that is not present is #GP (SDM Vol. 2A, "JMP": #NP)
 *   stack_canonical: #GP for #SS of such stack references (SDM Vol. 1, "Canonical Addressing")
 */
#include "random_kit.h"

#define CODE        0x08
#define DATA        0x10
#define USER_CODE   0x18
#define USER_DATA   0x20
#define USER_CODE32 0x28
#define TSS         0x30
#define DRAWN       0x40 /* four random descriptors of 16 bytes each */
#define GDT_BYTES   0x80

#define LANDING 0x8000   /* INT 0x30 */
#define FRAME   0x9000   /* what returns pop and far pointers point to */
#define PAGE    0x40000000 /* the page whose entries are random */

enum { VEC_PF = 14, VEC_DONE = 0x30, VEC_DRAWN = 0x40, VECTORS = 0x41 };

/* In the order of the handlers' pushes. */
struct frame {
    u64 fs, es, ds, r15, rdi, rsi, rbp, rbx, rdx, rcx, rax, vector, error, rip, cs, rflags, rsp, ss;
};

__asm__(".section .text.unlikely, \"ax\"; .balign 4; .long 0x1badb002, 0, -0x1badb002\n"
        ".code32; .globl _start; _start: cli; mov $stack_top, %esp; mov %ebx, multiboot\n"
        "movl $pdpt + 7, pml4; movl $low_directory + 7, pdpt; movl $directory + 7, pdpt + 8; movl $0xe7, "
        "low_directory\n" /* 2 MiB */
        "mov $0x20, %eax; mov %eax, %cr4; mov $pml4, %eax; mov %eax, %cr3\n"
        "mov $0xc0000080, %ecx; mov $0x901, %eax; xor %edx, %edx; wrmsr\n" /* SCE, LME, NXE */
        "mov $0x80010011, %eax; mov %eax, %cr0; lgdt boot_pointer; ljmp $8, $1f; .code64; 1: jmp main\n"
        "boot_gdt: .quad 0, 0x00af9b000000ffff; boot_pointer: .word 15; .long boot_gdt\n"
        ".bss; .balign 4096; .globl pml4, low_directory, directory, table, pdpt; pml4: .skip 4096; pdpt: "
        ".skip 4096\n"
        "low_directory: .skip 4096; directory: .skip 4096; table: .skip 4096\n"
        ".skip 8192; stack_top: .skip 4096; .globl inner_stack_top; inner_stack_top: .skip 4096; .globl "
        "ist_stack_top; ist_stack_top:\n"
        ".skip 4096; .globl op_stack_top; op_stack_top:\n.text\n");
extern u8 inner_stack_top[], ist_stack_top[], op_stack_top[];
extern u64 directory[], table[], pml4[];
u32 multiboot;

static u64 gdt[GDT_BYTES / 8], idt[2 * VECTORS];
static u32 tss[26];
static struct pointer {
    u16 limit;
    u64 base;
} __attribute__((packed)) gdt_pointer = {sizeof gdt - 1, 0}, idt_pointer = {sizeof idt - 1, 0};

/* --- operations: RBX points to FRAME, EAX is a selector, RCX an address --- */

#define OPERATIONS(O)                                                                                        \
    O(mov_ds, "mov %eax, %ds")                                                                               \
    O(mov_es, "mov %eax, %es")                                                                               \
    O(mov_fs, "mov %eax, %fs")                                                                               \
    O(mov_ss, "mov %eax, %ss")                                                                               \
    O(pop_fs, "push %rax; pop %fs")                                                                          \
    O(lss, "lss (%rbx), %edx")                                                                               \
    O(lldt, "lldt %ax")                                                                                      \
    O(lar, "lar %eax, %edx")                                                                                 \
    O(lsl, "lsl %eax, %edx")                                                                                 \
    O(verr, "verr %ax")                                                                                      \
    O(verw, "verw %ax")                                                                                      \
    O(jmp_far, "ljmp *(%rbx)") O(jmp_far_64, ".byte 0x48, 0xff, 0x2b") O(call_far, "lcall *(%rbx)")          \
        O(call_far_64, ".byte 0x48, 0xff, 0x1b") O(ret_far, "mov %rbx, %rsp; lretq")                         \
            O(ret_far_8, "mov %rbx, %rsp; lretl $8") O(iretq, "mov %rbx, %rsp; iretq")                       \
                O(iretd, "mov %rbx, %rsp; iretl") O(int_n, "int $0x40") O(read, "mov (%rcx), %dl")           \
                    O(write, "mov %dl, (%rcx)") O(update, "lock incb (%rcx)") O(execute, "jmp *%rcx") O(     \
                        split, "mov %edx, -2(%rcx)") O(wide, "mov -4(%rcx), %rdx")                           \
                        O(popfq, "push %rdx; popfq") O(cli, "cli") O(sti, "sti") O(swapgs, "swapgs; rdmsr")  \
                            O(syscall, "syscall") O(sysretq, "mov $0x8000, %ecx; sysretq")                   \
                                O(sysretl, "mov $0x8000, %ecx; sysretl") O(clts, "clts")                     \
                                    O(mov_cr8, "mov %cr8, %rdx") O(mov_cr3, "mov %cr3, %rdx")                \
                                        O(invlpg, "invlpg (%rcx)") O(rdmsr, "rdmsr") O(str, "str %edx")      \
                                            O(sldt, "sldt %edx") O(ud2, "ud2") O(int3, "int3")               \
                                                O(push_cs, ".byte 0x0e")                                     \
                                                    O(hlt_3, "mov %cs, %eax; test $3, %al; jz 1f; hlt; 1:")

#define O(name, text) extern u8 do_##name[];
OPERATIONS(O)
#undef O
#define O(name, text) ".balign 32; do_" #name ": " text "; int $0x30\n"
__asm__(".text; .balign 32; .globl operations_begin; operations_begin:\n" OPERATIONS(O));
#undef O
extern u8 operations_begin[];

enum operation {
#define O(name, text) OP_##name,
    OPERATIONS(O)
#undef O
    OPERATION_COUNT
};
static const struct {
    const char *name;
    u8 *code;
} operations[] = {
#define O(name, text) {#name, do_##name},
    OPERATIONS(O)
#undef O
};

/* --- running one --- */

static struct frame seen;
u64 kernel_rsp;

void on_trap(const struct frame *f);
void on_trap(const struct frame *f) { seen = *f; }

#define STUB(n)       ".balign 16; stub" #n ": push $0; push $" #n "; jmp common\n"
#define STUB_ERROR(n) ".balign 16; stub" #n ": push $" #n "; jmp common\n"
__asm__(".text; .balign 16\n" STUB(0) STUB(1) STUB(2) STUB(3) STUB(4) STUB(5) STUB(6) STUB(7) STUB_ERROR(8)
            STUB(9) STUB_ERROR(10) STUB_ERROR(11) STUB_ERROR(12) STUB_ERROR(13) STUB_ERROR(14) STUB(15)
                STUB(16) STUB_ERROR(17) STUB(48)
        /* run(frame): RBX, RDX, RCX, RAX, then what IRETQ takes; back by whatever traps */
        ".globl run; run: push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; mov %rsp, "
        "kernel_rsp; mov %rdi, %rsp\n"
        "pop %rbx; pop %rdx; pop %rcx; pop %rax; iretq\n"
        "common: push %rax; push %rcx; push %rdx; push %rbx; push %rbp; push %rsi; push %rdi; push %r15\n"
        "mov %ds, %eax; push %rax; mov %es, %eax; push %rax; mov %fs, %eax; push %rax\n"
        "mov $" TEXT(
            DATA) ", %eax; mov %eax, %ds; mov %eax, %es; mov %eax, %fs; mov %eax, %gs; cld; mov %rsp, %rdi\n"
                  "mov kernel_rsp, %rsp; mov %eax, %ss; call on_trap\n"
                  "mov kernel_rsp, %rsp; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; ret\n");
extern u8 stub0[], stub48[];
void run(const u64 *frame);

/* --- tables --- */

static u64 descriptor(u64 base, u64 limit, u64 access, u64 flags)
{
    return (limit & 0xffff) | (base & 0xffffff) << 16 | access << 40 | (limit >> 16 & 15) << 48 |
           flags << 52 | (base >> 24 & 0xff) << 56;
}

static u64 gate(u64 type_and_dpl, u64 selector, u64 offset, u64 stack)
{
    return (offset & 0xffff) | selector << 16 | stack << 32 | type_and_dpl << 40 | (offset >> 16 & 0xffff) << 48;
}

static void fill_fixed_tables(void)
{
    gdt[CODE / 8] = descriptor(0, 0xfffff, 0x9b, 10);
    gdt[DATA / 8] = descriptor(0, 0xfffff, 0x93, 12);
    gdt[USER_CODE / 8] = descriptor(0, 0xfffff, 0xfb, 10);
    gdt[USER_DATA / 8] = descriptor(0, 0xfffff, 0xf3, 12);
    gdt[USER_CODE32 / 8] = descriptor(0, 0xfffff, 0xfb, 12);
    gdt[TSS / 8] = descriptor((u64)tss, sizeof tss - 1, 0x89, 0);
    for (u32 v = 0; v < 18; v++) idt[2 * v] = gate(0x8e, CODE, (u64)stub0 + 16 * v, 0);
    idt[2 * VEC_DONE] = gate(0xee, CODE, (u64)stub48, 0);
    tss[1] = tss[3] = tss[5] = (u32)(u64)inner_stack_top;
    tss[9] = (u32)(u64)ist_stack_top;
}

static u16 draw_selector(void)
{
    static const u16 fixed[] = {0, CODE, DATA, USER_CODE, USER_DATA, USER_CODE32, TSS, 0x1ffc};
    u32 s = chance(70) ? DRAWN + 16 * draw(4) : fixed[draw(8)];
    return (u16)(s ? s | draw(4) | (chance(3) ? 4 : 0) : 0); /* null_ss_rpl */
}

/* Without the types of 16-bit TSSs and gates (lar_types). */
static u64 draw_system(u64 access)
{
    u64 type = access & 15;
    if (chance(70)) return gate((access & 0xf0) | 12, draw_selector(), LANDING, 0);
    return descriptor((u64)tss, 0x67, type == 1 || (type >= 3 && type < 8) ? access | 8 : access, 0);
}

/* Code does not have both L and D (l_and_d). */
static u64 draw_descriptor(void)
{
    u64 dpl = chance(50) ? 3 * draw(2) : draw(4), access = dpl << 5 | (chance(88) ? 0x80 : 0) | draw(16);
    if (chance(30)) return draw_system(access);
    if (access & 8) return descriptor(0, 0xfffff, access | 0x11, chance(70) ? 10 : chance(50) ? 12 : 8);
    return descriptor(0, 0xfffff, (access & ~4ull) | 0x10, 12);
}

static int is_conforming(u16 selector)
{
    u64 d = (selector & ~7u) < GDT_BYTES ? gdt[selector / 8] : 0;
    return (d >> 40 & 0x1c) == 0x1c;
}

/* handler_order */
static int is_absent_32_bit_code(u16 selector)
{
    u64 d = (selector & ~7u) < GDT_BYTES ? gdt[selector / 8] : 0;
    return (d >> 40 & 0x98) == 0x18 && !(d >> 53 & 1);
}

/* jmp_gate_absent */
static int is_gate_to_absent_code(u16 selector)
{
    u64 d = (selector & ~7u) < GDT_BYTES ? gdt[selector / 8] : 0;
    u16 code = (u16)(d >> 16);
    return (d >> 40 & 0x1f) == 12 && (code & ~7u) < GDT_BYTES && !(gdt[code / 8] >> 47 & 1);
}

static void draw_tables(void)
{
    for (u32 n = 0; n < 4; n++) {
        gdt[DRAWN / 8 + 2 * n] = draw_descriptor();
        gdt[DRAWN / 8 + 2 * n + 1] = chance(10) ? 0x0f00ull << 32 : 0; /* a type in the upper half */
    }
    for (u32 n = 0; n < 4; n++) {
        u64 d = gdt[DRAWN / 8 + 2 * n];
        if (!(d >> 44 & 1) && is_conforming((u16)(d >> 16))) gdt[DRAWN / 8 + 2 * n] = 0;
    }
    u16 handler = draw_selector();
    static const u8 types[] = {14, 15, 14, 15, 14, 12, 6, 5};
    u64 access = (chance(90) ? 0x80 : 0) | (chance(70) ? 0x60 : draw(4) << 5) | types[draw(8)];
    if (is_conforming(handler) || is_absent_32_bit_code(handler)) handler = CODE;
    idt[2 * VEC_DRAWN] = gate(access, handler, LANDING, chance(30));
}

static const u8 landing[] = {0xcd, 0x30}; /* INT 0x30 */

static void copy(u64 to, const u8 *from, u32 bytes)
{
    for (u32 n = 0; n < bytes; n++) ((volatile u8 *)to)[n] = from[n];
}

static u64 draw_nx(u32 percent) { return (u64)chance(percent) << 63; }

static void draw_page(void)
{
    u32 rights = draw(16);
    copy(0xb000, landing, sizeof landing);
    directory[0] = (u64)table | (rights & 3) << 1 | chance(92) | draw_nx(15);
    table[0] = 0xb000 | (rights >> 2 & 3) << 1 | chance(88) | draw(4) << 5 | draw_nx(20) | (u64)chance(6) << 51;
    table[1] = 0x9000 | (chance(80) ? 7 : 0) | draw_nx(20);
    __asm__ volatile("mov %0, %%cr3" : : "r"(pml4) : "memory");
    __asm__ volatile("mov %%cr0, %%rax; and $~0x10000, %%eax; or %0, %%eax; mov %%rax, %%cr0; mov %1, %%cr4"
                     :
                     : "r"(draw(2) << 16), "r"(0x20ull)
                     : "rax", "memory");
}

/* --- a case --- */

/* absent_ss, null_ss_rpl */
static u16 draw_stack(void)
{
    u16 ss = draw_selector();
    u64 d = (ss & ~7u) < GDT_BYTES ? gdt[ss / 8] : 0;
    return d >> 47 & 1 ? ss : DATA;
}

static void draw_frame(enum operation op, u32 ring)
{
    u64 *f = (u64 *)FRAME, stack = (u64)op_stack_top, flags = 2 | (draw(0x8000) & ~0x4100u);
    u32 *g = (u32 *)FRAME;
    u16 cs = draw_selector(), ss = draw_stack();
    if (chance(40)) cs = ring || chance(50) ? (chance(50) ? USER_CODE : USER_CODE32) | 3 : CODE;
    if (chance(60)) ss = cs & 3 ? USER_DATA | 3 : DATA;
    if ((op == OP_jmp_far || op == OP_jmp_far_64) && is_gate_to_absent_code(cs)) cs = CODE;
    f[0] = LANDING;
    if (op == OP_iretq) f[1] = cs, f[2] = flags, f[3] = stack, f[4] = ss;
    if (op == OP_ret_far) f[1] = cs, f[2] = stack, f[3] = ss;
    if (op == OP_iretd) g[1] = cs, g[2] = (u32)flags, g[3] = (u32)stack, g[4] = ss;
    if (op == OP_ret_far_8) g[1] = cs, g[4] = (u32)stack, g[5] = ss;
    if (op == OP_jmp_far || op == OP_call_far || op == OP_lss) g[1] = cs;
    if (op == OP_jmp_far_64 || op == OP_call_far_64) f[1] = cs;
}

static u64 draw_address(enum operation op)
{
    static const u32 msrs[] = {0xc0000080, 0xc0000082, 0xc0000102, 0x277};
    if (op == OP_rdmsr) return msrs[draw(4)];
    if (op == OP_swapgs) return 0xc0000102;
    if (op >= OP_read && op <= OP_update && chance(6)) return 0x800000000000ull + draw(4096);
    return PAGE + (op == OP_split || op == OP_wide ? 0x1000 : op == OP_execute ? 0 : draw(0x1000));
}

static void run_in_ring(enum operation op, u32 ring)
{
    u64 flags = 2 | draw(4) << 12, stack = (u64)op_stack_top;
    const u64 frame[] = {FRAME,
                         draw(2) << 31 | draw(0x7fffff),
                         draw_address(op),
                         draw_selector(),
                         (u64)operations[op].code,
                         ring ? USER_CODE | 3 : CODE,
                         flags,
                         stack,
                         ring ? USER_DATA | 3 : DATA};
    u32 data = ring ? USER_DATA | 3 : DATA;
    __asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs" : : "r"(data));
    run(frame);
}

static void restore(void)
{
    fill_fixed_tables();
    __asm__ volatile("lgdt %0; lldt %w1; ltr %w2; mov $0x20, %%eax; mov %%rax, %%cr4"
                     :
                     : "m"(gdt_pointer), "r"(0), "r"(TSS)
                     : "rax", "memory");
    __asm__ volatile("wrmsr" : : "c"(0xc0000102), "a"(0x1234), "d"(0));
}

#define FLAGS_SHOWN 0x2efed7u /* without RF (fault_rf) */

/* stack_accessed, accessed_on_fault: see random_guest.c. */
static u64 sum_of_tables(enum operation op)
{
    u64 rights = op >= OP_jmp_far && op <= OP_int_n ? ~(1ull << 40) : ~0ull,
        kept = seen.vector == VEC_PF ? ~0x60ull : ~0ull;
    u64 sum = (table[0] & kept) * 31 + (directory[0] & kept) * 7 + (table[1] & kept) * 3;
    for (u32 n = 0; n < 4; n++) sum = sum * 33 + (gdt[DRAWN / 8 + 2 * n] & rights);
    return sum;
}

static u64 place(u64 rip)
{
    u64 begin = (u64)operations_begin;
    return rip >= begin && rip < begin + 32 * OPERATION_COUNT ? (rip - begin) % 32 : rip;
}

/* rmw_as_read, rsvd_without_p, idt_error_code */
static u64 shown_error(enum operation op)
{
    u64 error = seen.error & 0xffff;
    if (error & 8 && seen.vector == VEC_PF) error |= 1;
    if (seen.vector == VEC_PF) return op == OP_update ? error & ~2ull : error;
    return error & 2 ? error & 3 : error;
}

static void print_outcome(enum operation op)
{
    u64 cr2 = 0, shows_edx = op == OP_lar ? ~0xf0000ull : op == OP_mov_cr3 ? 0 : ~0ull;
    if (seen.vector == VEC_PF) __asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
    print_hex(seen.vector);
    print_hex(shown_error(op));
    print_hex(place(seen.rip));
    print_hex(seen.cs);
    print_hex(seen.rflags & FLAGS_SHOWN);
    print_hex(op == OP_int_n ? 0 : seen.ss); /* ist_ss */
    print_hex(seen.rsp);
    print_hex(cr2);
    print_hex(seen.rdx & shows_edx);
    print_hex((u16)seen.ds << 16 | (u16)seen.es);
    print_hex((u16)seen.fs);
    print_hex(sum_of_tables(op));
    print("\n");
}

static void do_case(u32 number)
{
    enum operation op = draw(OPERATION_COUNT);
    u32 ring = draw(2) * 3;
    draw_tables();
    for (u32 n = 0; op == OP_lldt && n < 4; n++) gdt[DRAWN / 8 + 2 * n + 1] = 0; /* lldt_upper_type */
    draw_frame(op, ring);
    draw_page();
    print_hex(number);
    print(operations[op].name);
    print(" ");
    print_hex(ring);
    run_in_ring(op, ring);
    print_outcome(op);
    restore();
}

static void write_msr(u32 msr, u32 high, u32 low) { __asm__ volatile("wrmsr" : : "c"(msr), "a"(low), "d"(high)); }

static void begin(void)
{
    fill_fixed_tables();
    gdt_pointer.base = (u64)gdt;
    idt_pointer.base = (u64)idt;
    copy(LANDING, landing, sizeof landing);
    out(0x21, 0xff); /* no interrupts */
    out(0xa1, 0xff);
    write_msr(0xc0000081, 8 << 16 | CODE, 0); /* SYSRET's: 8 + 16 and 8 + 8 */
    write_msr(0xc0000082, 0, LANDING);
    write_msr(0xc0000084, 0, 0x500);
    __asm__ volatile("lgdt %0; lidt %1; mov %3, %%ds; mov %3, %%es; mov %3, %%fs; mov %3, %%gs; mov %3, %%ss; ltr %w2"
                     :
                     : "m"(gdt_pointer), "m"(idt_pointer), "r"(TSS), "r"(DATA));
}

void main(void);
void main(void)
{
    const char *line = (const char *)(u64)((const u32 *)(u64)multiboot)[4];
    u32 cases = word(line, "cases=", 1000);
    begin_drawing(word(line, "seed=", 1));
    begin();
    for (u32 n = 0; n < cases; n++) do_case(n);
    print("done\n");
    out(EXIT_PORT, 0);
    for (;;) continue;
}
