/* guest32_paging.c - 32-bit paging with PSE, and PAE paging, from inside: build/workloads/test-paging32.elf.
 *
 * Checks:  translations of small and large pages, accessed and dirty flags, rights with and without CR0.WP,
 *          reserved bits, XD, CR2 of an access that splits a page, global pages, INVLPG.
 * Prints:  one line per check, then "paging32: N checks ok"; exits with 0 or 1.
 * Entered: as the Multiboot Specification says, in 32-bit protected mode; all of its code is here.
 * Run by:  tests/system/paging_guests.sh, on QEMU and on the simulator: both must print the same.
 */
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long long u64;

#define UART      0x3f8
#define EXIT_PORT 0xf4
#define NO_FAULT  0xffffffffu

enum { P = 1, W = 2, U = 4, A = 0x20, D = 0x40, PS = 0x80, G = 0x100 };
enum { PF_P = 1, PF_W = 2, PF_RSVD = 8, PF_I = 16 };
enum { CR4_PSE = 0x10, CR4_PAE = 0x20, CR4_PGE = 0x80 };
#define CR0_PG 0x80000000u
#define CR0_WP 0x00010000u
#define CR0_CD_NW 0x60000000u

#define WINDOW 0xc0000000u /* what the tests map */
#define FRAME_A 0x00800000u
#define FRAME_B 0x00c00000u

__asm__(".text\n .balign 4\n .long 0x1badb002, 0, -0x1badb002\n"
        ".globl _start\n _start: cli\n mov $stack_top, %esp\n lgdt gdt_pointer\n ljmp $8, $1f\n"
        "1: mov $16, %ax\n mov %ax, %ds\n mov %ax, %es\n mov %ax, %ss\n call guest_main\n"
        "hang: hlt\n jmp hang\n"
        /* A fault leaves through `recover`, with what it was. */
        ".globl page_fault\n page_fault: pop fault_error\n mov %cr2, %eax\n mov %eax, fault_address\n"
        " mov recover_esp, %esp\n jmp *recover\n"
        ".data\n .balign 8\n gdt: .quad 0, 0x00cf9a000000ffff, 0x00cf92000000ffff\n"
        "gdt_pointer: .word 23\n .long gdt\n .bss\n .balign 16\n .space 16384\n stack_top:\n .text\n");

u32 fault_error, fault_address, recover, recover_esp;
void page_fault(void);
void guest_main(void);

static u32 directory[1024] __attribute__((aligned(4096))), table[1024] __attribute__((aligned(4096)));
static u32 identity[4][1024] __attribute__((aligned(4096)));
static u64 pdpt[4] __attribute__((aligned(32))), pae_directory[2][512] __attribute__((aligned(4096)));
static u64 pae_table[512] __attribute__((aligned(4096)));
static u64 idt[256];
static unsigned checks, failures;

static void out8(unsigned short port, u8 value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }
static u8 in8(unsigned short port)
{
    u8 v;
    __asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
    return v;
}

static void put(char c)
{
    while (!(in8(UART + 5) & 0x20)) continue;
    out8(UART, (u8)c);
}

static void print(const char *s)
{
    while (*s) put(*s++);
}

static void print_number(u32 n, unsigned base)
{
    char digits[12], *at = digits + sizeof digits - 1;
    *at = 0;
    do {
        *--at = "0123456789abcdef"[n % base];
        n /= base;
    } while (n);
    print(at);
}

static void must_be(const char *what, u32 got, u32 wanted)
{
    checks++;
    failures += got != wanted;
    print(what);
    print(": 0x");
    print_number(got, 16);
    print(got == wanted ? "\n" : " FAILED\n");
}

static u32 read_cr4(void)
{
    u32 v;
    __asm__ volatile("mov %%cr4, %0" : "=r"(v));
    return v;
}
static void write_cr4(u32 v) { __asm__ volatile("mov %0, %%cr4" : : "r"(v) : "memory"); }
static u32 read_cr0(void)
{
    u32 v;
    __asm__ volatile("mov %%cr0, %0" : "=r"(v));
    return v;
}
static void write_cr0(u32 v) { __asm__ volatile("mov %0, %%cr0" : : "r"(v) : "memory"); }
static void write_cr3(const void *v) { __asm__ volatile("mov %0, %%cr3" : : "r"(v) : "memory"); }
static void invlpg(u32 va) { __asm__ volatile("invlpg (%0)" : : "r"(va) : "memory"); }

/* Runs one instruction; what the fault said, or NO_FAULT. */
#define TRY(instruction, va)                                                                                       \
    ({                                                                                                             \
        u32 error_ = NO_FAULT;                                                                                     \
        __asm__ volatile("mov %%esp, recover_esp\n movl $1f, recover\n movl $-1, fault_error\n" instruction "\n1:" \
                         " mov fault_error, %0"                                                                    \
                         : "=&r"(error_)                                                                           \
                         : "r"(va)                                                                                 \
                         : "eax", "ecx", "memory");                                                                \
        error_;                                                                                                    \
    })
#define TRY_LOAD(va)  TRY("mov (%1), %%eax", va)
#define TRY_STORE(va) TRY("movl $7, (%1)", va)
#define TRY_CALL(va)  TRY("call *%1", va)

/* QEMU leaves P out of the error code of a reserved bit. */
static u32 with_p(u32 error) { return error != NO_FAULT && (error & PF_RSVD) ? error | PF_P : error; }

static u32 load(u32 va) { return *(volatile u32 *)va; }

/* --- 32-bit paging --- */

static void set(u32 *entry, u32 value)
{
    *(volatile u32 *)entry = value;
    invlpg(WINDOW);
}

static void test_small_pages(void)
{
    u32 *pte = &table[0];
    directory[WINDOW >> 22] = (u32)table | P | W;
    set(pte, FRAME_A | P | W);
    must_be("32-bit: load", load(WINDOW), 0xaaaa0000);
    must_be("its flags", *(volatile u32 *)pte & (A | D), A);
    must_be("its table's", directory[WINDOW >> 22] & (A | D), A);
    must_be("store", TRY_STORE(WINDOW + 4), NO_FAULT);
    must_be("its flags", *(volatile u32 *)pte & (A | D), A | D);
    set(pte, FRAME_A | P);
    must_be("store to a read-only page, WP clear", TRY_STORE(WINDOW + 4), NO_FAULT);
    write_cr0(read_cr0() | CR0_WP);
    must_be("and with WP", TRY_STORE(WINDOW + 4), PF_P | PF_W);
    must_be("its address", fault_address, WINDOW + 4);
    write_cr0(read_cr0() & ~CR0_WP);
    set(pte, 0);
    must_be("absent", TRY_LOAD(WINDOW + 8), 0);
    table[1] = 0;
    set(pte, FRAME_A | P | W);
    must_be("split", TRY_LOAD(WINDOW + 4094), 0);
    must_be("its address", fault_address, WINDOW + 4096);
}

static void test_four_mib_pages(void)
{
    u32 *pde = &directory[WINDOW >> 22];
    table[0] = FRAME_B | P | W;
    set(pde, (u32)table | P | W | PS);
    must_be("PS without CR4.PSE is ignored", load(WINDOW), 0xbbbb0000);
    write_cr4(read_cr4() | CR4_PSE);
    set(pde, FRAME_A | P | W | PS);
    must_be("4 MiB: load", load(WINDOW), 0xaaaa0000);
    must_be("behind its first 2 MiB", load(WINDOW + 0x200000), 0xaaaa0200);
    must_be("its flags", *(volatile u32 *)pde & (A | D), A);
    must_be("store", TRY_STORE(WINDOW + 0x300000), NO_FAULT);
    must_be("its flags", *(volatile u32 *)pde & (A | D), A | D);
    set(pde, FRAME_A | P | W | PS | 1u << 12); /* PAT */
    must_be("with PAT", load(WINDOW), 0xaaaa0000);
    set(pde, FRAME_A | P | W | PS | 1u << 21);
    must_be("reserved bit 21", with_p(TRY_LOAD(WINDOW)), PF_P | PF_RSVD);
    set(pde, (u32)table | P | W);
}

/* A global page outlives MOV to CR3; toggling CR4.PGE ends it. */
static void test_global_pages(void)
{
    write_cr4(read_cr4() | CR4_PGE);
    set(&table[0], FRAME_A | P | W | G);
    must_be("global: load", load(WINDOW), 0xaaaa0000);
    *(volatile u32 *)&table[0] = FRAME_B | P | W | G;
    write_cr4(read_cr4() & ~(u32)CR4_PGE);
    must_be("behind CR4.PGE", load(WINDOW), 0xbbbb0000);
}

/* --- PAE paging --- */

static void set_pae(u64 *entry, u64 value)
{
    *(volatile u64 *)entry = value;
    invlpg(WINDOW);
}

static void set_nxe(u32 on)
{
    __asm__ volatile("rdmsr\n and $~0x800, %%eax\n or %1, %%eax\n wrmsr"
                     :
                     : "c"(0xc0000080u), "r"(on << 11)
                     : "eax", "edx");
}

static void enter_pae(void)
{
    for (u32 n = 0; n < 8; n++) pae_directory[0][n] = (u64)n << 21 | P | W | PS; /* 16 MiB, one to one */
    pdpt[0] = (u32)pae_directory[0] | P;
    pdpt[WINDOW >> 30] = (u32)pae_directory[1] | P;
    pae_directory[1][0] = (u32)pae_table | P | W;
    write_cr0(read_cr0() & ~CR0_PG);
    write_cr4((read_cr4() & ~(u32)CR4_PSE) | CR4_PAE);
    write_cr3(pdpt);
    write_cr0(read_cr0() | CR0_PG);
}

static void test_pae_small_pages(void)
{
    u64 *pte = &pae_table[0];
    set_pae(pte, FRAME_A | P | W);
    must_be("PAE: load", load(WINDOW), 0xaaaa0000);
    must_be("its flags", (u32) * (volatile u64 *)pte & (A | D), A);
    must_be("store", TRY_STORE(WINDOW + 4), NO_FAULT);
    must_be("its flags", (u32) * (volatile u64 *)pte & (A | D), A | D);
    set_pae(pte, FRAME_A | P | W | 1ull << 62);
    must_be("reserved bit 62", with_p(TRY_LOAD(WINDOW)), PF_P | PF_RSVD);
    must_be("a PDPT entry that is absent", TRY_LOAD(0x50000000), 0);
}

static void test_execute_disable(void)
{
    *(volatile u8 *)FRAME_A = 0xc3; /* RET */
    set_nxe(0);
    set_pae(&pae_table[0], FRAME_A | P | W | 1ull << 63);
    must_be("XD without NXE is reserved", with_p(TRY_LOAD(WINDOW)), PF_P | PF_RSVD);
    set_nxe(1);
    invlpg(WINDOW);
    must_be("with NXE: load", TRY_LOAD(WINDOW), NO_FAULT);
    must_be("and call", TRY_CALL(WINDOW), PF_P | PF_I);
    set_pae(&pae_table[0], FRAME_A | P | W);
    must_be("call without XD", TRY_CALL(WINDOW), NO_FAULT);
    *(volatile u32 *)FRAME_A = 0xaaaa0000;
}

static void test_two_mib_pages(void)
{
    set_pae(&pae_directory[1][0], FRAME_A | P | W | PS);
    must_be("2 MiB, whatever CR4.PSE: load", load(WINDOW + 0x1ff000), 0xaaaa01ff);
    set_pae(&pae_directory[1][0], FRAME_A | P | W | PS | 1u << 13);
    must_be("reserved bit 13", with_p(TRY_LOAD(WINDOW)), PF_P | PF_RSVD);
}

static void set_up(void)
{
    u32 handler = (u32)page_fault;
    idt[14] = (handler & 0xffff) | 8ull << 16 | 0x8e00ull << 32 | (u64)(handler >> 16) << 48;
    struct { unsigned short limit; u32 base; } __attribute__((packed)) pointer = {sizeof idt - 1, (u32)idt};
    __asm__ volatile("lidt %0" : : "m"(pointer));
    for (u32 page = 0; page < 1024; page++) {
        *(volatile u32 *)(FRAME_A + page * 4096) = 0xaaaa0000 + page;
        *(volatile u32 *)(FRAME_B + page * 4096) = 0xbbbb0000 + page;
    }
    for (u32 n = 0; n < 4; n++) {
        directory[n] = (u32)identity[n] | P | W;
        for (u32 page = 0; page < 1024; page++) identity[n][page] = n << 22 | page << 12 | P | W;
    }
    write_cr3(directory);
    write_cr0((read_cr0() & ~(CR0_WP | CR0_CD_NW)) | CR0_PG);
}

void guest_main(void)
{
    set_up();
    test_small_pages();
    test_four_mib_pages();
    test_global_pages();
    enter_pae();
    test_pae_small_pages();
    test_execute_disable();
    test_two_mib_pages();
    print("paging32: ");
    print_number(checks - failures, 10);
    print(failures ? " checks ok, some not\n" : " checks ok\n");
    out8(EXIT_PORT, failures != 0);
}
