/* guest_isa_privilege.c - user mode and its doors, 64-bit and compatibility:
 * build/workloads/test-isa_privilege.elf.
 *
 * Checks:  privileged instructions in ring 3, error codes of INT n and page faults there, IOPL and the I/O
 *          permission bitmap, IRETQ and SYSRETL to compatibility mode, far jumps between the modes, 64-bit
 *          call gates, SYSCALL's registers and flags, POPF in ring 3.
 * Prints:  one line per check that tells what the processor did, then "isa_privilege: N checks ok"; exits
 *          with 0 or 1.
 * Run by:  tests/system/isa_guests.sh, on QEMU and on the simulator: both must print the same.
 */
#include "kit/kit.h"

enum { VEC_UD = 6, VEC_GP = 13, VEC_PF = 14, VECTORS_SEEN = 32 };
enum { PF_P = 1, PF_W = 2, PF_U = 4, PF_I = 16 };
enum { GATE = 0x40, GATE_INNER = 0x50, SELECTOR_USER_CODE32 = 0x1b, GDT_ENTRIES = 12 };

#define CODE_VA  DATA_VA
#define STACK_VA (DATA_VA + 16 * MiB)
/* Of code and stack below 4 GiB, for compatibility mode: the identity map there is for devices. */
#define LOW_VA   0xc0000000ull

static unsigned checks, failures;

static void must_be(const char *what, u64 got, u64 wanted)
{
    checks++;
    failures += got != wanted;
    printf("%s: 0x%llx%s\n", what, (ull)got, got == wanted ? "" : " FAILED");
}

/* --- running a piece of user code until it traps or calls --- */

static struct trap_frame seen;
static u64 seen_address;

static void note_and_leave(struct trap_frame *frame)
{
    seen = *frame;
    seen_address = read_cr2();
    user_leave(0);
}

static u64 user_address(const void *code) { return CODE_VA + ((u64)code - (u64)user_image_start); }
static u64 low_address(const void *code) { return LOW_VA + ((u64)code - (u64)user_image_start); }

static void run_frame(struct trap_frame frame)
{
    seen.vector = ~0ull;
    user_run(&frame);
}

static void run(const void *code, u64 argument)
{
    run_frame(user_frame(user_address(code), STACK_VA, argument));
}

static void must_fault(const char *what, const void *code, u64 argument, u64 vector, u64 error)
{
    run(code, argument);
    bool ok = seen.vector == vector && seen.error_code == error && (seen.cs & 3) == 3;
    checks++;
    failures += !ok;
    printf("%s: vector %llu error 0x%llx%s\n", what, (ull)seen.vector, (ull)seen.error_code,
           ok ? "" : " FAILED");
}

/* INT 0x80: the code's way to say that it went on; RBX tells. */
static void must_reach(const char *what, const void *code, u64 argument, u64 rbx)
{
    run(code, argument);
    must_be(what, seen.vector == VECTOR_INT_USER ? seen.rbx : ~seen.vector, rbx);
}

/* --- user code: labels of assembly between user_image_start and its end --- */

__asm__(".pushsection .user.text, \"ax\"\n"
        "do_hlt: hlt\n"
        "do_cli: cli\n"
        "do_invlpg: invlpg (%rax)\n"
        "do_mov_cr: mov %cr3, %rax\n"
        "do_mov_dr: mov %dr7, %rax\n"
        "do_rdmsr: rdmsr\n"
        "do_lgdt: lgdt (%rsp)\n"
        "do_swapgs: swapgs\n"
        "do_wbinvd: wbinvd\n"
        "do_ud2: ud2\n"
        "do_int3: int3\n"
        "do_int_33: int $33\n"
        "do_in: mov %edi, %edx; inb %dx, %al; mov $1, %ebx; int $0x80\n"
        "do_in_16: mov %edi, %edx; inw %dx, %ax; mov $1, %ebx; int $0x80\n"
        "do_read: movb (%rdi), %al; mov $1, %ebx; int $0x80\n"
        "do_write: movb $0, (%rdi); mov $1, %ebx; int $0x80\n"
        "do_jump: jmp *%rdi\n"
        "do_sti: sti; mov $1, %ebx; int $0x80\n"
        "do_popf: push %rdi; popfq; pushfq; pop %rbx; int $0x80\n"
        "do_sysret: sysretq\n"
        "do_load_ds: mov %edi, %ds; mov %ds, %ebx; int $0x80\n"
        /* 48 ff /3 and /5: REX.W LCALL and LJMP *(%rsp), which the assemblers spell differently */
        "do_call: mov %rsp, %r12; sub $16, %rsp; mov %rdi, 8(%rsp); .byte 0x48, 0xff, 0x1c, 0x24; mov %r12, %rbx; sub "
        "%rsp, %rbx; int $0x80\n"
        "do_jump_low: push %rdi; push $0; mov %rsi, (%rsp); .byte 0x48, 0xff, 0x2c, 0x24\n"
        "do_syscall: std; stc; mov $77, %ebx; syscall\n"
        "after_syscall: int $0x80\n"
        ".code32\n"
        "compat: mov $-1, %ebx; .byte 0x43; int $0x80\n" /* 43: INC EBX, a REX prefix in 64-bit mode */
        "compat_far: mov %edi, -8(%esp); movl $0x2b, -4(%esp); ljmp *-8(%esp)\n"
        "compat_undefined: ud2\n"
        ".code64\n"
        "back_in_64: mov $1, %ebx; shl $40, %rbx; int $0x80\n"
        ".popsection\n");

extern const u8 do_hlt[], do_cli[], do_invlpg[], do_mov_cr[], do_mov_dr[], do_rdmsr[], do_lgdt[], do_swapgs[],
    do_wbinvd[], do_ud2[], do_int3[], do_int_33[], do_in[], do_in_16[], do_read[], do_write[], do_jump[],
    do_sti[], do_popf[], do_sysret[], do_load_ds[], do_call[], do_jump_low[], do_syscall[], after_syscall[],
    compat[], compat_far[], compat_undefined[], back_in_64[];

/* --- kernel side of the doors --- */

u64 gate_cs, gate_rsp, gate_ss;

__asm__(".text\n"
        "gate_entry: mov %cs, %eax; mov %rax, gate_cs; mov %rsp, gate_rsp; mov %ss, %eax; mov %rax, gate_ss; "
        "lretq\n"
        "return_low: mov %rdi, %rcx; mov $0x202, %r11d; mov %rsi, %rsp; swapgs; sysretl\n");
extern u8 gate_entry[];
_Noreturn void return_low(u64 rip, u64 rsp);

static u64 own_gdt[GDT_ENTRIES];
static u8 own_tss[104 + 128 + 1];

struct table_pointer {
    u16 limit;
    u64 base;
} __attribute__((packed));

static void set_gate(u16 selector, u64 offset, u64 dpl)
{
    own_gdt[selector / 8] = (offset & 0xffff) | (u64)SELECTOR_KERNEL_CODE << 16 | (0x8c00 | dpl << 13) << 32 |
                            (offset >> 16 & 0xffff) << 48;
    own_gdt[selector / 8 + 1] = offset >> 32;
}

/* The kit writes RSP0 to its own TSS, so it is the same one with a longer limit: its bitmap lies behind it
 * only in a copy. */
static void load_gdt(void)
{
    struct table_pointer gdtr = {sizeof own_gdt - 1, (u64)own_gdt};
    memcpy(own_gdt, gdt, sizeof gdt);
    set_gate(GATE, (u64)gate_entry, 3);
    set_gate(GATE_INNER, (u64)gate_entry, 0);
    __asm__ volatile("lgdt %0" : : "m"(gdtr));
}

static void load_tss(void *at, u64 limit)
{
    u64 base = (u64)at;
    own_gdt[SELECTOR_TSS / 8] = limit | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
    own_gdt[SELECTOR_TSS / 8 + 1] = base >> 32;
    __asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS));
}

static void map_user(void)
{
    u64 bytes = (u64)(user_image_end - user_image_start + 2 * PAGE_4K - 1) & ~(PAGE_4K - 1);
    u64 stack = (u64)heap_page_cleared();
    paging_map(kernel_space(), CODE_VA, (u64)user_image_start, bytes, PAGE_4K, PTE_U);
    paging_map(kernel_space(), STACK_VA - PAGE_4K, stack, PAGE_4K, PAGE_4K, PTE_U | PTE_W | pte_nx());
}

/* --- the tests --- */

static void test_privileged(void)
{
    static const struct {
        const char *what;
        const u8 *code;
    } rows[] = {
        {"hlt", do_hlt},
        {"cli", do_cli},
        {"invlpg", do_invlpg},
        {"mov from cr3", do_mov_cr},
        {"mov from dr7", do_mov_dr},
        {"rdmsr", do_rdmsr},
        {"lgdt", do_lgdt},
        {"swapgs", do_swapgs},
        {"wbinvd", do_wbinvd},
        {"sysret", do_sysret},
        {"sti", do_sti},
    };
    for (unsigned n = 0; n < COUNT_OF(rows); n++) must_fault(rows[n].what, rows[n].code, 0, VEC_GP, 0);
    must_fault("ud2", do_ud2, 0, VEC_UD, 0);
    must_be("stack of the trap", (u64)seen.rsp, STACK_VA);
    must_be("ss of the trap", seen.ss, SELECTOR_USER_DATA);
    must_fault("kernel data in ds", do_load_ds, SELECTOR_KERNEL_DATA, VEC_GP, SELECTOR_KERNEL_DATA);
    must_reach("user data in ds", do_load_ds, SELECTOR_USER_DATA, SELECTOR_USER_DATA);
    must_reach("popf changes neither IF nor IOPL", do_popf, 0x3ed5, 0xcd7);
}

/* The error code is vector * 8 + 2, but QEMU's vector * 16 + 2: tests/unit/test_exceptions.c has it. */
static void test_inner_gates(void)
{
    run(do_int3, 0);
    must_be("int3 by a gate of ring 0", seen.vector, VEC_GP);
    run(do_int_33, 0);
    must_be("int 33 by a gate of ring 0", seen.vector, VEC_GP);
}

static void test_page_faults(void)
{
    must_fault("read the kernel", do_read, (u64)own_gdt, VEC_PF, PF_P | PF_U);
    must_be("address", seen_address, (u64)own_gdt);
    must_fault("write the kernel", do_write, (u64)own_gdt, VEC_PF, PF_P | PF_W | PF_U);
    must_fault("write the program", do_write, CODE_VA, VEC_PF, PF_P | PF_W | PF_U);
    must_fault("read an absent page", do_read, STACK_VA, VEC_PF, PF_U);
    must_fault("write an absent page", do_write, STACK_VA, VEC_PF, PF_W | PF_U);
    must_reach("write the stack", do_write, STACK_VA - 8, 1);
    if (pte_nx()) must_fault("execute the stack", do_jump, STACK_VA - 8, VEC_PF, PF_P | PF_U | PF_I);
    must_fault("execute the kernel", do_jump, (u64)gate_entry, VEC_PF, PF_P | PF_U | PF_I);
    must_fault("jump to a non-canonical address", do_jump, 1ull << 47, VEC_GP, 0);
}

static void test_io_bitmap(void)
{
    must_fault("in without a bitmap", do_in, 0x80, VEC_GP, 0);
    memset(own_tss, 0, sizeof own_tss);
    memcpy(own_tss, tss.bytes, sizeof tss.bytes);
    own_tss[104 + 0x80 / 8] = 0x04; /* port 0x82 is closed */
    own_tss[sizeof own_tss - 1] = 0xff;
    load_tss(own_tss, sizeof own_tss - 1);
    u64 rsp0 = (u64)heap_page() + PAGE_4K;
    memcpy(own_tss + 4, &rsp0, sizeof rsp0);
    must_reach("in of an open port", do_in, 0x80, 1);
    must_fault("in of a closed port", do_in, 0x82, VEC_GP, 0);
    must_fault("in of an open and a closed port", do_in_16, 0x81, VEC_GP, 0);
    must_fault("in beyond the bitmap", do_in, 0x480, VEC_GP, 0);
    struct trap_frame frame = user_frame(user_address(do_in), STACK_VA, 0x82);
    frame.rflags |= 3 << 12;
    run_frame(frame);
    must_be("in of a closed port with IOPL 3", seen.vector, VECTOR_INT_USER);
    load_tss(&tss, sizeof tss - 1);
}

static void test_call_gates(void)
{
    must_reach("call through a gate and return", do_call, (u64)GATE, 16);
    must_be("cs in the gate", gate_cs, SELECTOR_KERNEL_CODE);
    must_be("ss in the gate", gate_ss, 0);
    must_be("cs behind the gate", seen.cs, SELECTOR_USER_CODE);
    must_fault("call through a gate of ring 0", do_call, (u64)GATE_INNER, VEC_GP, GATE_INNER);
    must_fault("call of kernel code", do_call, (u64)SELECTOR_KERNEL_CODE, VEC_GP, SELECTOR_KERNEL_CODE);
}

/* The kit's handler sees SYSCALL as a trap of vector 0x80. */
static void test_syscall(void)
{
    run(do_syscall, 0);
    must_be("rcx of syscall", seen.rcx - user_address(after_syscall), 0);
    must_be("r11 of syscall", seen.r11 & 0xfff, 0x403);
    must_be("rip of the frame", seen.rip - user_address(after_syscall), 0);
}

#define LOW_STACK (LOW_VA + 2 * MiB)

/* Answers a system call by SYSRETL to code of compatibility mode. */
static void return_to_compatibility(struct trap_frame *frame)
{
    (void)frame;
    user_set_syscall_handler(note_and_leave);
    return_low(low_address(compat), LOW_STACK);
}

static void test_sysret_low(void)
{
    user_set_syscall_handler(return_to_compatibility);
    run(do_syscall, 0);
    must_be("sysretl to compatibility mode", seen.cs << 32 | seen.rbx, (u64)SELECTOR_USER_CODE32 << 32);
    must_be("ss behind sysretl", seen.ss, SELECTOR_USER_DATA);
}

/* Compatibility mode needs code and stack below 4 GiB. */
static void test_compatibility(void)
{
    u64 *space = kernel_space();
    u64 bytes = (u64)(user_image_end - user_image_start + 2 * PAGE_4K - 1) & ~(PAGE_4K - 1);
    u64 *slot = paging_find(space, LOW_VA), saved = *slot;
    *slot = 0;
    write_cr3(read_cr3());
    paging_map(space, LOW_VA, (u64)user_image_start, bytes, PAGE_4K, PTE_U);
    paging_map(space, LOW_STACK - PAGE_4K, (u64)heap_page_cleared(), PAGE_4K, PAGE_4K, PTE_U | PTE_W);

    struct trap_frame frame = user_frame(low_address(compat), LOW_STACK | 1ull << 40, 0);
    frame.cs = SELECTOR_USER_CODE32;
    run_frame(frame);
    must_be("iretq to compatibility mode", seen.cs << 32 | seen.rbx, (u64)SELECTOR_USER_CODE32 << 32);
    must_be("its stack pointer", seen.rsp, LOW_STACK);
    frame.rip = low_address(compat_far);
    frame.rdi = low_address(back_in_64);
    run_frame(frame);
    must_be("far jump back to 64-bit mode", seen.cs << 48 | seen.rbx >> 40,
            (u64)SELECTOR_USER_CODE << 48 | 1);
    frame.rip = low_address(compat_undefined);
    run_frame(frame);
    must_be("a fault in compatibility mode", seen.vector << 32 | (seen.rip - low_address(compat_undefined)),
            (u64)VEC_UD << 32);

    frame = user_frame(low_address(do_jump_low), LOW_STACK, SELECTOR_USER_CODE32);
    frame.rsi = low_address(compat);
    run_frame(frame);
    must_be("far jump to compatibility mode", seen.cs << 32 | seen.rbx, (u64)SELECTOR_USER_CODE32 << 32);
    test_sysret_low();
    *slot = saved;
    write_cr3(read_cr3());
}

int main(void)
{
    load_gdt();
    map_user();
    for (unsigned v = 0; v < VECTORS_SEEN; v++) trap_set_handler(v, note_and_leave);
    user_set_syscall_handler(note_and_leave);
    test_privileged();
    test_inner_gates();
    test_page_faults();
    test_io_bitmap();
    test_call_gates();
    test_syscall();
    test_compatibility();
    printf("isa_privilege: %u checks %s\n", checks, failures ? "FAILED" : "ok");
    return failures != 0;
}
