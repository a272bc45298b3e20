/* start.S - from the Multiboot entry to C in 64-bit mode.
 *
 * Entered as the Multiboot Specification says ("Machine state"): 32-bit protected mode, flat segments, paging
 * off, interrupts off, EAX = magic, EBX = information. The 32-bit part is as short as it can be, because a
 * monitor without unrestricted guest runs it in compatibility mode and hides CR0.PG, CR4.PAE and EFER from
 * it. The first page tables are assembled, not computed: 4 GiB of identity mapping in 2 MiB pages. C replaces
 * them.
 */
#define GDT_KERNEL_CODE 0x08
#define GDT_KERNEL_DATA 0x10

#define MULTIBOOT_MAGIC 0x1badb002
#define MULTIBOOT_FLAGS 0x3                     /* modules page-aligned; give the memory size */

    .section .multiboot, "a"
    .balign 4
    .long   MULTIBOOT_MAGIC, MULTIBOOT_FLAGS, -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

    .text
    .code32
    .globl  _start
_start:
    cli
    movl    %eax, %edi                          /* kit_start's arguments, kept out of the way */
    movl    %ebx, %esi
    lgdt    gdt_pointer
    movl    %cr4, %eax
    orl     $0x20, %eax                         /* CR4.PAE */
    movl    %eax, %cr4
    movl    $boot_pml4, %eax
    movl    %eax, %cr3
    movl    $0xc0000080, %ecx                   /* EFER.LME */
    rdmsr
    orl     $0x100, %eax
    wrmsr
    movl    %cr0, %eax
    andl    $0x9fffffff, %eax                   /* CR0.CD, CR0.NW: caches on */
    orl     $0x80010000, %eax                   /* CR0.PG, CR0.WP */
    movl    %eax, %cr0
    ljmp    $GDT_KERNEL_CODE, $long_mode

    .code64
long_mode:
    movl    $GDT_KERNEL_DATA, %eax
    movl    %eax, %ds
    movl    %eax, %es
    movl    %eax, %ss
    xorl    %eax, %eax
    movl    %eax, %fs
    movl    %eax, %gs
    movl    $boot_stack_top, %esp
    xorl    %ebp, %ebp
    call    kit_start

/* Selectors: see trap.h. SYSRET takes SS from STAR[63:48] + 8 and 64-bit CS from + 16, hence the order of
 * user segments. */
    .section .data
    .balign 16
    .globl  gdt
gdt:
    .quad   0
    .quad   0x00af9b000000ffff                  /* 08 kernel code, 64-bit */
    .quad   0x00cf93000000ffff                  /* 10 kernel data */
    .quad   0x00cffb000000ffff                  /* 18 user code, 32-bit: SYSRET's base */
    .quad   0x00cff3000000ffff                  /* 20 user data */
    .quad   0x00affb000000ffff                  /* 28 user code, 64-bit */
    .quad   0, 0                                /* 30 TSS: filled by trap_init */
gdt_end:

    .globl  gdt_pointer
gdt_pointer:
    .word   gdt_end - gdt - 1
    .quad   gdt

#define PRESENT_WRITABLE 0x03
#define PRESENT_WRITABLE_LARGE 0x83

    .balign 4096
boot_pml4:
    .quad   boot_pdpt + PRESENT_WRITABLE
    .fill   511, 8, 0
boot_pdpt:
    .quad   boot_pd + PRESENT_WRITABLE
    .quad   boot_pd + 0x1000 + PRESENT_WRITABLE
    .quad   boot_pd + 0x2000 + PRESENT_WRITABLE
    .quad   boot_pd + 0x3000 + PRESENT_WRITABLE
    .fill   508, 8, 0
boot_pd:
    .set    page, 0
    .rept   2048
    .quad   page + PRESENT_WRITABLE_LARGE
    .set    page, page + 0x200000
    .endr

    .section .bss
    .balign 16
    .skip   32768
    .globl  boot_stack_top
boot_stack_top:

    .section .note.GNU-stack, "", @progbits
