/* random_guest.c - a guest that draws system instructions with random descriptors, gates, page-table entries and
 * rings, executes each, and prints what came of it. 32-bit protected mode, virtual-8086 mode; entered as the
 * Multiboot Specification says.
 *
 * A line is: number, operation, ring, outcome (vector, error code, where, CS, EFLAGS, SS, ESP, CR2), EDX, data
 * selectors, and a sum over the descriptors that it may have changed. Command line: cases=N seed=N.
 * Run by: tests/system/random_guest.sh, which compares with QEMU.
 *
 * Where QEMU 7.2 deviates from the manual no case is drawn; by name, with the section that it deviates from:
 *   code_accessed: far transfers do not set the accessed bit of code (SDM Vol. 3A, "Code- and Data-Segment
 *     Descriptor Types")
 *   stack_accessed: transfers do not set the accessed bit of SS (SDM Vol. 3A, "Code- and Data-Segment Descriptor
 *     Types")
 *   task_gate_table: a task gate with a selector of no TSS of the GDT is #TS (SDM Vol. 2A, "INT n", TASK-GATE: #GP)
 *   absent_ss: a return to a stack that is not present is #NP (SDM Vol. 2A, "IRET": #SS)
 *   data_limits: no limit or type checks of data accesses (SDM Vol. 3A, "Limit Checking")
 *   gate_limits: EIP of gates and returns is not checked against CS's limit (SDM Vol. 2A, "CALL"; "IRET")
 *   conforming_rpl: a gate to conforming code puts its DPL into CS's RPL (SDM Vol. 2A, "CALL", SAME-PRIVILEGE)
 *   fault_rf: RF is not set in the images of faults (SDM Vol. 3B, "Instruction-Breakpoint Exception Condition")
 *   accessed_on_fault: entries are marked by walks and halves of accesses that fault (SDM Vol. 3A, "Accessed and
 *     Dirty Flags")
 *   unknown_msrs: RDMSR of what is not there gives 0 (SDM Vol. 2B, "RDMSR")
 *   lar_limit: LAR clears bits 19:16, which processors leave (SDM Vol. 2A, "LAR": undefined)
 *   rmw_as_read: a page fault of LOCK INC is told as a read's (SDM Vol. 3A, "Page-Fault Exceptions")
 *   v86_inner_rings: a handler of ring 1 or 2 is #TS from virtual-8086 mode (SDM Vol. 2A, "INT n": #GP(CS))
 *   msr_canonical: WRMSR takes addresses that are not canonical (SDM Vol. 2B, "WRMSR")
 *   cr4_reserved: MOV to CR4 takes bits that do not exist (SDM Vol. 3A, "Control Registers")
 *   cr0_combinations: CR0.NW without CD, PG without PE are taken (SDM Vol. 3A, "Control Registers")
 */
#include "random_kit.h"

#define CODE      0x08
#define DATA      0x10
#define USER_CODE 0x18
#define USER_DATA 0x20
#define TSS       0x28
#define DRAWN     0x30 /* four random descriptors */
#define GDT_BYTES 0x50

#define LANDING   0x8000 /* INT 0x30, below 64 KiB for 16-bit code */
#define PAGE      0x400000 /* the page whose entries are random */
#define FRAME     0x9000 /* what LRET and IRET pop */

enum { VEC_PF = 14, VEC_DONE = 0x30, VEC_DRAWN = 0x40, VECTORS = 0x41 };

struct tss {
    u32 link, esp0, ss0, esp1, ss1, esp2, ss2, unused[18];
    u16 trap, iomap;
    u8 bitmap[33];
};

/* In the order of the handlers' pushes. */
struct frame {
    u32 gs, fs, es, ds, edi, esi, ebp, esp, ebx, edx, ecx, eax, vector, error, eip, cs, eflags, old_esp, old_ss;
};

__asm__(".section .text.unlikely, \"ax\"; .balign 4; .long 0x1badb002, 0, -0x1badb002\n"
        ".globl _start; _start: cli; mov $stack_top, %esp; push %ebx; call main; hlt\n"
        ".bss; .balign 4096; .skip 8192; stack_top: .skip 4096; .globl inner_stack_top; inner_stack_top:\n"
        ".skip 4096; .globl op_stack_top; op_stack_top:\n.text\n");
extern u8 inner_stack_top[], op_stack_top[];

static u64 gdt[GDT_BYTES / 8], idt[VECTORS];
static struct tss tss;
static u32 directory[1024] __attribute__((aligned(4096))), table[1024] __attribute__((aligned(4096)));
static struct pointer {
    u16 limit;
    u32 base;
} __attribute__((packed)) gdt_pointer = {sizeof gdt - 1, 0}, idt_pointer = {sizeof idt - 1, 0};

/* --- operations: EBX points to FRAME, EAX is a selector, ECX an address --- */

#define OPERATIONS(O)                                                                                        \
    O(mov_ds, "mov %ax, %ds")                                                                                \
    O(mov_es, "mov %ax, %es")                                                                                \
    O(mov_fs, "mov %ax, %fs")                                                                                \
    O(mov_ss, "mov %ax, %ss")                                                                                \
    O(pop_gs, "push %eax; pop %gs")                                                                          \
    O(lds, "lds (%ebx), %edx")                                                                               \
    O(lss, "mov %esp, (%ebx); lss (%ebx), %esp")                                                             \
    O(lldt, "lldt %ax")                                                                                      \
    O(lar, "lar %eax, %edx")                                                                                 \
    O(lsl, "lsl %eax, %edx")                                                                                 \
    O(verr, "verr %ax")                                                                                      \
    O(verw, "verw %ax")                                                                                      \
    O(arpl, "arpl %cx, %ax") O(jmp_far, "ljmp *(%ebx)") O(call_far, "lcall *(%ebx)")                         \
        O(ret_far, "mov %ebx, %esp; lret") O(ret_far_8, "mov %ebx, %esp; lret $8")                           \
            O(iret, "mov %ebx, %esp; iret") O(iret_16, "mov %ebx, %esp; iretw") O(int_n, "int $0x40")        \
                O(read, "mov (%ecx), %dl") O(write, "mov %dl, (%ecx)") O(update, "lock incb (%ecx)")         \
                    O(execute, "jmp *%ecx") O(split, "mov %edx, -2(%ecx)") O(popf, "push %edx; popf")        \
                        O(cli, "cli") O(sti, "sti") O(in, "mov %ecx, %edx; in %dx, %al")                     \
                            O(out_16, "mov %ecx, %edx; mov $1, %al; out %ax, %dx")                           \
                                O(invlpg, "invlpg (%ecx)") O(clts, "clts") O(mov_cr0, "mov %edx, %cr0")      \
                                    O(mov_cr4, "mov %edx, %cr4") O(rdmsr, "rdmsr") O(wrmsr, "wrmsr")         \
                                        O(str, "str %edx") O(sldt, "sldt %edx") O(smsw, "smsw %edx")         \
                                            O(sgdt, "sgdt (%ecx)") O(into, "into") O(int3, "int3")           \
                                                O(bound, "bound %edx, (%ebx)") O(ud2, "ud2")                 \
                                                    O(enter_0, "enter $16, $0") O(v86_cli, "")               \
                                                        O(v86_pushf, "") O(v86_popf, "") O(v86_int, "")      \
                                                            O(v86_iret, "") O(v86_hlt, "") O(v86_in, "")

#define O(name, text) extern u8 do_##name[];
OPERATIONS(O)
#undef O
#define O(name, text) ".balign 32; do_" #name ": " text "; int $0x30\n"
__asm__(".text; .globl operations_begin; operations_begin:\n" OPERATIONS(
    O) "operations_end:\n"
       ".code16; v86_begin:\n"
       "v86_do_cli: cli; int3\n .balign 16; v86_do_pushf: pushf; int3\n .balign 16; v86_do_popf: push %dx; "
       "popf; int3\n"
       ".balign 16; v86_do_int: int $0x40\n .balign 16; v86_do_iret: pushf; push %cs; push $(v86_landing - "
       "v86_begin); iret\n"
       "v86_landing: int3\n"
       ".balign 16; v86_do_hlt: hlt\n .balign 16; v86_do_in: in %dx, %al; int3\n"
       "v86_end: .code32\n");
#undef O
extern u8 operations_begin[], v86_begin[], v86_end[], v86_do_cli[], v86_do_pushf[], v86_do_popf[],
    v86_do_int[], v86_do_iret[], v86_do_hlt[], v86_do_in[];

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
u32 kernel_esp;

void on_trap(struct frame *f);
void on_trap(struct frame *f) { seen = *f; }

#define STUB(n) ".balign 16; stub" #n ": push $0; push $" #n "; jmp common\n"
#define STUB_ERROR(n) ".balign 16; stub" #n ": push $" #n "; jmp common\n"
__asm__(".text; .balign 16\n" STUB(0) STUB(1) STUB(2) STUB(3) STUB(4) STUB(5) STUB(6) STUB(7) STUB_ERROR(8)
            STUB(9) STUB_ERROR(10) STUB_ERROR(11) STUB_ERROR(12) STUB_ERROR(13) STUB_ERROR(14) STUB(15)
                STUB(16) STUB_ERROR(17) STUB(48)
        /* run(frame): registers as POPA takes them, then what IRET takes; back by whatever traps */
        ".globl run; run: pusha; mov %esp, kernel_esp; mov 36(%esp), %esp; popa; iret\n"
        "common: pusha; mov %ds, %eax; push %eax; mov %es, %eax; push %eax; mov %fs, %eax; push %eax; mov "
        "%gs, %eax; push %eax\n"
        "mov $" TEXT(DATA) ", %eax; mov %eax, %ds; mov %eax, %es; mov %eax, %fs; mov %eax, %gs; cld\n"
                           "mov %ss, %eax; mov %eax, ss_now; push %esp; call on_trap\n"
                           "mov $" TEXT(DATA) ", %eax; mov %eax, %ss; mov kernel_esp, %esp; popa; ret\n");
extern u8 stub0[], stub48[];
void run(const u32 *frame);
u32 ss_now;

/* --- tables --- */

static u64 descriptor(u32 base, u32 limit, u32 access, u32 flags)
{
    return (limit & 0xffff) | (u64)(base & 0xffffff) << 16 | (u64)access << 40 |
           (u64)(limit >> 16 & 15) << 48 | (u64)flags << 52 | (u64)(base >> 24) << 56;
}

static u64 gate(u32 type_and_dpl, u32 selector, u32 offset, u32 count)
{
    return (offset & 0xffff) | selector << 16 | (u64)(count | type_and_dpl << 8) << 32 | (u64)(offset >> 16) << 48;
}

static void fill_fixed_tables(void)
{
    gdt[CODE / 8] = descriptor(0, 0xfffff, 0x9b, 12);
    gdt[DATA / 8] = descriptor(0, 0xfffff, 0x93, 12);
    gdt[USER_CODE / 8] = descriptor(0, 0xfffff, 0xfb, 12);
    gdt[USER_DATA / 8] = descriptor(0, 0xfffff, 0xf3, 12);
    gdt[TSS / 8] = descriptor((u32)&tss, sizeof tss - 1, 0x89, 0);
    for (u32 v = 0; v < 18; v++) idt[v] = gate(0x8e, CODE, (u32)stub0 + 16 * v, 0);
    idt[VEC_DONE] = gate(0xee, CODE, (u32)stub48, 0);
    tss.ss0 = DATA;
    tss.esp0 = tss.esp1 = tss.esp2 = (u32)inner_stack_top;
    tss.iomap = (u16)((u32)tss.bitmap - (u32)&tss);
    tss.bitmap[32] = 0xff;
}

static u16 draw_selector(void)
{
    static const u16 fixed[] = {0, CODE, DATA, USER_CODE, USER_DATA, TSS, GDT_BYTES, 0x1ffc};
    u32 s = chance(75) ? DRAWN + 8 * draw(4) : fixed[draw(8)];
    return (u16)(s | draw(4) | (chance(3) ? 4 : 0));
}

/* A gate, or a TSS that is too short to be switched to. */
static u64 draw_system(u32 access)
{
    u32 type = access & 15;
    if (type == 5) return gate(access, DRAWN + 8 * draw(4), 0, 0); /* task_gate_table */
    if (type == 4 || type == 6 || type == 7 || type >= 12)
        return gate(access, draw_selector(), LANDING, draw(4));
    return descriptor((u32)&tss, 0x20, access, 0);
}

/* Code is accessed already (code_accessed); data do not expand down (data_limits). */
static u64 draw_descriptor(void)
{
    u32 dpl = chance(50) ? 3 * draw(2) : draw(4), access = dpl << 5 | (chance(88) ? 0x80 : 0) | draw(16);
    if (chance(30)) return draw_system(access);
    if (access & 8) return descriptor(0, 0xfffff, access | 0x11, 8 | (chance(80) ? 4 : 0));
    return descriptor(0, 0xfffff, (access & ~4u) | 0x10, 12);
}

static int is_conforming(u16 selector)
{
    u64 d = (selector & ~7u) < GDT_BYTES ? gdt[selector / 8] : 0;
    return (d >> 40 & 0x1c) == 0x1c;
}

/* Gates do not lead to conforming code (conforming_rpl). */
static void draw_tables(void)
{
    for (u32 n = 0; n < 4; n++) gdt[DRAWN / 8 + n] = draw_descriptor();
    for (u32 n = 0; n < 4; n++) {
        u64 d = gdt[DRAWN / 8 + n];
        if (!(d >> 44 & 1) && is_conforming((u16)(d >> 16))) gdt[DRAWN / 8 + n] = 0;
    }
    u16 handler = draw_selector();
    static const u8 types[] = {14, 15, 6, 7, 14, 14, 12, 5};
    u32 type = types[draw(8)];
    u32 access = (chance(90) ? 0x80 : 0) | (chance(70) ? 0x60 : draw(4) << 5) | type;
    if (is_conforming(handler) || type == 5) handler = type == 5 ? TSS : CODE;
    idt[VEC_DRAWN] = gate(access, handler, LANDING, 0);
    tss.ss1 = draw_selector();
    tss.ss2 = DRAWN | 2;
    for (u32 n = 0; n < 32; n++) tss.bitmap[n] = (u8)draw(256);
}

static const u8 landing[] = {0xcd, 0x30}; /* INT 0x30 */

static void copy(u32 to, const u8 *from, u32 bytes)
{
    for (u32 n = 0; n < bytes; n++) ((u8 *)to)[n] = from[n];
}

/* v86_inner_rings */
static void keep_handler_in_ring_0(void)
{
    u16 handler = (u16)(idt[VEC_DRAWN] >> 16);
    u64 d = (handler & ~7u) < GDT_BYTES ? gdt[handler / 8] : 0;
    u32 dpl = d >> 45 & 3;
    if (dpl == 1 || dpl == 2) idt[VEC_DRAWN] = gate(0xee, CODE, LANDING, 0);
}

/* The page at PAGE: its two entries lack rights, or one is not there. */
static void draw_page(void)
{
    u32 rights = draw(64);
    directory[1] = (u32)table | (rights & 6) | (chance(90) ? 1 : 0) | (chance(50) ? 0x20 : 0);
    copy(0xb000, landing, sizeof landing);
    table[0] = 0xb000 | (rights >> 2 & 6) | (chance(85) ? 1 : 0) | (draw(4) << 5);
    table[1] = 0x9000 | (chance(80) ? 7 : 0);
    table[1023] = 0xa007;
    __asm__ volatile("mov %0, %%cr3" : : "r"(directory) : "memory");
}

/* --- a case --- */

/* absent_ss */
static u16 draw_stack(void)
{
    u16 ss = draw_selector();
    u64 d = (ss & ~7u) < GDT_BYTES ? gdt[ss / 8] : 0;
    return d >> 47 & 1 ? ss : DATA;
}

static void draw_frame(enum operation op, u32 ring)
{
    u32 *f = (u32 *)FRAME;
    u16 cs = draw_selector(), ss = draw_stack();
    if (chance(40)) cs = ring ? USER_CODE | 3 : chance(50) ? CODE : USER_CODE | 3;
    if (chance(60)) ss = cs & 3 ? USER_DATA | 3 : DATA;
    f[0] = LANDING;
    f[1] = cs;
    if (op == OP_iret) f[2] = 2 | (draw(0x8000) & ~0x4100u), f[3] = (u32)op_stack_top, f[4] = ss;
    if (op == OP_iret_16)
        f[0] = LANDING | (u32)cs << 16, f[1] = 2 | (draw(0x8000) & ~0x4100u) | 0x8000u << 16, f[2] = ss;
    if (op == OP_ret_far) f[2] = (u32)op_stack_top, f[3] = ss;
    if (op == OP_ret_far_8) f[4] = (u32)op_stack_top, f[5] = ss;
    if (op == OP_bound) f[0] = 0x1000, f[1] = 0x8000;
    if (op == OP_lds) f[1] = cs;
}

static u32 draw_control(enum operation op)
{
    u32 cr0, cr4;
    __asm__ volatile("mov %%cr0, %0; mov %%cr4, %1" : "=r"(cr0), "=r"(cr4));
    if (op == OP_mov_cr0) return cr0 | 8;
    if (op == OP_mov_cr4) return cr4 | 4;
    if (op == OP_wrmsr) return 0; /* msr_canonical */
    return draw(2) << 31 | draw(0x7fffff);
}

static u32 draw_address(enum operation op)
{
    static const u32 msrs[] = {0x174, 0x175, 0xc0000080, 0x277};
    if (op == OP_rdmsr) return msrs[draw(4)];
    if (op == OP_wrmsr) return 0x174;
    if (op == OP_in || op == OP_out_16) return 0xe0 + draw(15); /* nobody's */
    return PAGE + (op == OP_split ? 0x1000 : op == OP_execute ? 0 : draw(0x1000));
}

static u8 *v86_code(enum operation op)
{
    switch (op) {
    case OP_v86_cli: return v86_do_cli;
    case OP_v86_pushf: return v86_do_pushf;
    case OP_v86_popf: return v86_do_popf;
    case OP_v86_int: return v86_do_int;
    case OP_v86_iret: return v86_do_iret;
    case OP_v86_hlt: return v86_do_hlt;
    default: return v86_do_in;
    }
}

#define V86_PARAGRAPH 0xa00 /* where v86_begin is copied to: 0xa000 */

static void run_v86(enum operation op, u32 iopl)
{
    u32 code = (u32)(v86_code(op) - v86_begin);
    const u32 frame[] = {1, 2, 3, 0, 5, 0xe0 + draw(15), 7, 8, code, V86_PARAGRAPH, 0x20002 | iopl << 12, 0x1000, 0x800,
                         0x1111, 0x2222, 0x3333, 0x4444};
    run(frame);
}

/* The frame lies so that ring 0's IRET, which pops no stack, leaves ESP at the top too. */
static void run_in_ring(enum operation op, u32 ring)
{
    u32 iopl = draw(4), words = ring ? 13 : 11, *frame = (u32 *)op_stack_top - words;
    const u32 values[] = {0x1111,
                          0x2222,
                          0x3333,
                          0,
                          FRAME,
                          draw_control(op),
                          draw_address(op),
                          draw_selector(),
                          (u32)operations[op].code,
                          ring ? USER_CODE | 3 : CODE,
                          2 | iopl << 12,
                          (u32)op_stack_top,
                          USER_DATA | 3};
    for (u32 n = 0; n < words; n++) frame[n] = values[n];
    u32 data = ring ? USER_DATA | 3 : DATA;
    __asm__ volatile("mov %0, %%ds; mov %0, %%es; mov %0, %%fs; mov %0, %%gs" : : "r"(data));
    run(frame);
}

static void restore(void)
{
    fill_fixed_tables();
    __asm__ volatile("lgdt %0; lldt %w1; ltr %w2; mov %%cr0, %%eax; or $0x80010001, %%eax; and $~8, %%eax; "
                     "mov %%eax, %%cr0; mov %3, %%cr4"
                     :
                     : "m"(gdt_pointer), "r"(0), "r"(TSS), "r"(0x10)
                     : "eax", "memory");
}

#define FLAGS_SHOWN 0x2efed7u /* without RF (fault_rf) */

/* stack_accessed: what transfers do to the descriptor of SS. */
static u32 sum_of_tables(enum operation op)
{
    u32 rights = op >= OP_jmp_far && op <= OP_int_n ? ~0x100u : ~0u;
    u32 kept = seen.vector == VEC_PF ? ~0x60u : ~0u; /* accessed_on_fault */
    u32 sum = (table[0] & kept) * 31 + (directory[1] & kept) * 7 + (table[1] & kept) * 3;
    for (u32 n = 0; n < 4; n++) sum = sum * 33 + ((u32)(gdt[DRAWN / 8 + n] >> 32) & rights) + (u32)gdt[DRAWN / 8 + n];
    return sum;
}

static u32 place(u32 eip)
{
    u32 begin = (u32)operations_begin;
    return eip >= begin && eip < begin + 32 * OPERATION_COUNT ? (eip - begin) % 32 : eip;
}

static void print_outcome(enum operation op)
{
    u32 cr2 = 0;
    if (seen.vector == VEC_PF) __asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
    print_hex(seen.vector);
    print_hex(seen.error & (op == OP_update ? 0xfffdu : 0xffffu)); /* rmw_as_read */
    print_hex(place(seen.eip));
    print_hex((u16)seen.cs);
    print_hex(seen.eflags & FLAGS_SHOWN);
    print_hex(seen.cs & 3 || seen.eflags & 0x20000 ? (u16)seen.old_ss : (u16)ss_now);
    print_hex(seen.cs & 3 ? seen.old_esp : 0);
    print_hex(cr2);
    print_hex(op == OP_lar ? seen.edx & ~0xf0000u : seen.edx); /* lar_limit */
    print_hex((u16)seen.ds << 16 | (u16)seen.es);
    print_hex((u16)seen.fs << 16 | (u16)seen.gs);
    print_hex(sum_of_tables(op));
    print("\n");
}

static void do_case(u32 number)
{
    enum operation op = draw(OPERATION_COUNT);
    u32 ring = draw(2) * 3, wp = draw(2) << 16;
    draw_tables();
    if (op == OP_v86_int) keep_handler_in_ring_0();
    draw_page();
    draw_frame(op, ring);
    __asm__ volatile("mov %%cr0, %%eax; and $~0x10000, %%eax; or %0, %%eax; mov %%eax, %%cr0" : : "r"(wp) : "eax");
    print_hex(number);
    print(operations[op].name);
    print(" ");
    print_hex(ring);
    if (op >= OP_v86_cli)
        run_v86(op, draw(4));
    else
        run_in_ring(op, ring);
    print_outcome(op);
    restore();
}

/* Both low 4 MiB are identity-mapped for everyone; the UART needs no mapping. */
static void begin(void)
{
    fill_fixed_tables();
    gdt_pointer.base = (u32)gdt;
    idt_pointer.base = (u32)idt;
    copy(LANDING, landing, sizeof landing);
    copy(V86_PARAGRAPH << 4, v86_begin, (u32)(v86_end - v86_begin));
    directory[0] = 0x87 | 0x60;
    out(0x21, 0xff); /* no interrupts */
    out(0xa1, 0xff);
    __asm__ volatile("lgdt %0; lidt %1; ljmp %3, $1f; 1: mov %4, %%ds; mov %4, %%es; mov %4, %%fs; mov %4, "
                     "%%gs; mov %4, %%ss; ltr %w2"
                     :
                     : "m"(gdt_pointer), "m"(idt_pointer), "r"(TSS), "i"(CODE), "r"(DATA));
    __asm__ volatile("mov %%cr4, %%eax; or $0x10, %%eax; mov %%eax, %%cr4; mov %0, %%cr3; mov %%cr0, %%eax; "
                     "or $0x80010000, %%eax; mov "
                     "%%eax, %%cr0"
                     :
                     : "r"(directory)
                     : "eax", "memory");
}

int main(const u32 *multiboot);
int main(const u32 *multiboot)
{
    const char *line = (const char *)multiboot[4];
    u32 cases = word(line, "cases=", 1000);
    begin_drawing(word(line, "seed=", 1));
    begin();
    for (u32 n = 0; n < cases; n++) do_case(n);
    print("done\n");
    out(EXIT_PORT, 0);
    return 0;
}
