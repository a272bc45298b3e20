/* guest_modes.S - a guest for modes.sh and vmx_features.sh: 16-bit protected, real-address, big real and virtual-8086
 * mode, 32-bit and PAE paging, each printing what it finds. A CPUID in each is a VM exit where there is a monitor.
 * Entered as the Multiboot Specification says, in 32-bit protected mode. */
#define UART      0x3f8
#define EXIT_PORT 0xf4
#define LOW       0x8000            /* where the 16-bit code is copied to: paragraph LOW / 16 */
#define PARAGRAPH (LOW / 16)

#define CODE32 0x08
#define DATA32 0x10
#define CODE16 0x18
#define DATA16 0x20
#define TSS    0x28

#define ALIAS  0xc0000000           /* where paging shows the first pages again */

    .macro  exit                    /* to a monitor and back */
    pushal
    cpuid
    popal
    .endm

    .macro  send                    /* AL, once the UART (DX) has room */
    pushw   %ax
    addw    $5, %dx
9:  inb     %dx, %al
    testb   $0x20, %al
    jz      9b
    subw    $5, %dx
    popw    %ax
    outb    %al, %dx
    .endm

    .text
    .balign 4
    .long   0x1badb002, 0, -0x1badb002

/* --- 32-bit protected mode --- */

    .text
    .code32
    .globl  _start
_start:
    cli
    lgdt    gdt_pointer
    ljmp    $CODE32, $1f
1:  movw    $DATA32, %ax
    movw    %ax, %ds
    movw    %ax, %es
    movw    %ax, %ss
    movl    $stack_top, %esp
    movl    $text_pm32, %esi
    call    print
    exit
    movl    $low_begin, %esi
    movl    $LOW, %edi
    movl    $(low_end - low_begin), %ecx
    rep movsb
    ljmp    $CODE16, $LOW

print:                              /* the string at ESI */
    movw    $UART, %dx
1:  lodsb
    testb   %al, %al
    jz      2f
    send
    jmp     1b
2:  ret

print_hex:                          /* EAX, eight digits and a blank; keeps everything */
    pusha
    movl    %eax, %ebx
    movl    $8, %ecx
    movw    $UART, %dx
1:  roll    $4, %ebx
    movl    %ebx, %eax
    andl    $15, %eax
    movb    digits(%eax), %al
    send
    loop    1b
    movb    $' ', %al
    send
    popa
    ret

/* Back from real mode: a TSS, an IDT, and into virtual-8086 mode. */
back:
    movw    $DATA32, %ax
    movw    %ax, %ds
    movw    %ax, %es
    movw    %ax, %ss
    movl    $stack_top, %esp
    movl    $text_back, %esi
    call    print
    movl    $tss, %eax
    movw    %ax, gdt + TSS + 2
    shrl    $16, %eax
    movb    %al, gdt + TSS + 4
    movw    $TSS, %ax
    ltr     %ax
    movl    $stack_top, tss + 4
    movl    $DATA32, tss + 8
    movl    $on_breakpoint, %eax
    movl    $3, %ecx
    call    set_gate
    movl    $on_protection, %eax
    movl    $13, %ecx
    call    set_gate
    lidt    idt_pointer
    xorl    %eax, %eax
    pushl   $0x4444                 /* GS FS DS ES SS ESP EFLAGS CS EIP */
    pushl   $0x3333
    pushl   $0x2222
    pushl   $0x1111
    pushl   $PARAGRAPH
    pushl   $0x7000
    pushl   $0x20002                /* VM, IOPL 0 */
    pushl   $PARAGRAPH
    pushl   $(v86 - low_begin)
    iret

set_gate:                           /* vector ECX: handler EAX */
    movw    %ax, idt(, %ecx, 8)
    movw    $CODE32, idt + 2(, %ecx, 8)
    movw    $0xee00, idt + 4(, %ecx, 8)
    shrl    $16, %eax
    movw    %ax, idt + 6(, %ecx, 8)
    ret

on_breakpoint:
    pushl   $0                      /* as if there were an error code */
    pushl   $text_bp
    jmp     show

on_protection:
    pushl   $text_gp
show:                               /* text, error code, EIP CS EFLAGS ESP SS ES DS FS GS */
    movl    %ds, %ecx               /* null in a handler that came from virtual-8086 mode */
    movw    $DATA32, %dx
    movl    %edx, %ds
    popl    %esi
    pushl   %eax
    call    print
    movl    %ecx, %eax
    call    print_hex
    movl    %esp, %ebp
    movl    $1, %ecx
1:  movl    (%ebp, %ecx, 4), %eax
    cmpl    $4, %ecx
    jne     2f
    andl    $0x2ffff, %eax          /* EFLAGS without RF, which QEMU does not set */
2:  call    print_hex
    incl    %ecx
    cmpl    $11, %ecx
    jne     1b
    movl    12(%ebp), %ebx          /* the instruction at CS:EIP */
    shll    $4, %ebx
    addl    8(%ebp), %ebx
    movzbl  (%ebx), %eax
    call    print_hex
    movl    $text_newline, %esi
    call    print
    movb    (%ebx), %al
    cmpb    $0xf4, %al              /* HLT: the end */
    je      leave
    cmpb    $0x90, %al              /* behind INT3: on it goes */
    je      4f
    incl    8(%ebp)
    cmpb    $0xcd, %al              /* INT n has two bytes */
    jne     4f
    incl    8(%ebp)
4:  popl    %eax
    addl    $4, %esp
    iret

leave:
    movl    $on_page_fault, %eax
    movl    $14, %ecx
    call    set_gate
    call    page_32bit
    call    page_pae
    movl    $text_done, %esi
    call    print
    movw    $(UART + 5), %dx
1:  inb     %dx, %al
    testb   $0x40, %al              /* all is out */
    jz      1b
    xorl    %eax, %eax
    outb    %al, $EXIT_PORT
    hlt

/* --- paging: the first pages where they are and, behind a page fault, at ALIAS --- */

page_32bit:                         /* pages of 4 MiB */
    movl    $0x83, tables
    movl    %cr4, %eax
    orl     $0x10, %eax             /* PSE */
    movl    %eax, %cr4
    movl    $tables, %eax
    movl    $(tables + ALIAS / 0x400000 * 4), %edi
    movl    $0x83, %ebp
    jmp     page

page_pae:                           /* two PDPTEs, one page directory, pages of 2 MiB */
    movl    $0, tables
    movl    $(tables + 0x1001), tables + 0x20
    movl    $(tables + 0x2001), tables + 0x20 + 3 * 8
    movl    $0x83, tables + 0x1000
    movl    %cr4, %eax
    orl     $0x20, %eax             /* PAE */
    movl    %eax, %cr4
    movl    $(tables + 0x20), %eax
    movl    $(tables + 0x2000), %edi
    movl    $0x83, %ebp

page:                               /* CR3 EAX; EBP goes to the entry EDI when the page of ALIAS faults */
    movl    %eax, %cr3
    movl    %cr0, %eax
    orl     $0x80000000, %eax
    movl    %eax, %cr0
    jmp     1f
1:  exit
    movl    $(ALIAS + text_paged), %esi
    call    print
    exit
    movl    %cr3, %eax
    movl    %eax, %cr3
    movl    $(ALIAS + text_paged), %esi
    call    print
    movl    (%edi), %eax            /* accessed now */
    call    print_hex
    movl    %cr0, %eax
    andl    $0x7fffffff, %eax
    movl    %eax, %cr0
    jmp     2f
2:  exit
    movl    $text_newline, %esi
    jmp     print

on_page_fault:                      /* CR2 and error code; maps it */
    pusha
    movl    %cr2, %eax
    call    print_hex
    movl    32(%esp), %eax
    call    print_hex
    movl    %ebp, (%edi)
    popa
    addl    $4, %esp
    iret

/* --- copied to LOW: 16-bit protected mode first --- */

    .code16
low_begin:
    movw    $DATA16, %ax
    movw    %ax, %ds
    movw    %ax, %es
    movw    %ax, %ss
    movw    $0x7000, %sp
    movw    $(LOW + text_pm16 - low_begin), %si
    call    print16
    exit
    pushl   $0x12345678
    popw    %ax
    popw    %bx
    call    hex16
    movl    %cr0, %eax
    andb    $0xfe, %al
    movl    %eax, %cr0
    ljmp    $PARAGRAPH, $(real - low_begin)

print16:
    movw    $UART, %dx
1:  lodsb
    testb   %al, %al
    jz      2f
    send
    jmp     1b
2:  ret

hex16:                              /* AX, four digits and a blank; keeps everything */
    pusha
    movw    %ax, %bx
    movw    $4, %cx
    movw    $UART, %dx
1:  rolw    $4, %bx
    movw    %bx, %ax
    andb    $15, %al
    cmpb    $10, %al
    sbbb    $0x69, %al
    das                             /* the old trick: a digit in three instructions */
    send
    loop    1b
    movb    $' ', %al
    send
    popa
    ret

real:
    movw    %cs, %ax
    movw    %ax, %ds
    xorw    %bx, %bx
    movw    %bx, %es
    movw    %bx, %ss
    movw    $0x7000, %sp
    lidt    ivt_pointer - low_begin
    movw    $(text_real - low_begin), %si
    call    print16
    exit
    movw    $(on_divide - low_begin), %es:0
    movw    %ax, %es:2
    movw    $(on_service - low_begin), %es:0x84
    movw    %ax, %es:0x86
    movw    $0xcafe, %ax
    int     $0x21
    call    hex16                   /* what the service made of it */
    movw    %sp, %ax
    call    hex16
    xorb    %cl, %cl
    divb    %cl
    pushf
    popw    %ax
    andw    $0x7000 + 0x0600, %ax
    call    hex16
    lcall   $PARAGRAPH - 0x10, $(far_code - low_begin + 0x100)
    movw    $0x1234, %ax            /* paragraph arithmetic, segment override, wrap of BX + SI */
    movw    $0xf000, %bx
    movw    $(0x1000 + text_real - low_begin), %si
    movb    (%bx, %si), %al
    call    hex16
    movw    $0x0999, %ax
    aaa
    call    hex16
    movb    $0x79, %al
    addb    $0x35, %al
    daa
    call    hex16
    movw    %sp, %bp
    enter   $8, $2
    movw    %bp, %ax
    subw    %sp, %ax
    call    hex16
    leave
    movw    %sp, %ax
    call    hex16
    lgdtl   gdt_copy - low_begin    /* big real mode: DS keeps its 4-GiB limit */
    movl    %cr0, %eax
    orb     $1, %al
    movl    %eax, %cr0
    movw    $DATA32, %bx
    movw    %bx, %ds
    andb    $0xfe, %al
    movl    %eax, %cr0
    xorw    %ax, %ax
    movw    %ax, %ds
    movl    $0x200000, %ebx
    movl    $0x8badf00d, (%ebx)
    movw    (%ebx), %ax
    call    hex16
    smsw    %ax
    andw    $1, %ax
    call    hex16
    movw    $1, %ax
    lmsw    %ax
    ljmpl   $CODE32, $back

far_code:
    movw    %cs, %ax
    call    hex16
    lret

on_divide:                          /* a fault: skip the DIV */
    pushw   %bp
    movw    %sp, %bp
    movw    2(%bp), %ax
    call    hex16
    addw    $2, 2(%bp)
    popw    %bp
    iret

on_service:
    call    hex16
    pushf
    popw    %ax
    andw    $0x0300, %ax            /* IF and TF are clear */
    call    hex16
    movw    $0xbabe, %ax
    iret

v86:
    cpuid
    movw    %ds, %ax
    int3
    nop
    cli
    int     $0x21
    pushf
    sti
    hlt

text_pm16: .asciz "16-bit protected mode: "
text_real: .asciz "\nreal mode: "
ivt_pointer: .word 0x3ff
    .long   0
gdt_copy: .word gdt_end - gdt - 1
    .long   gdt
low_end:

    .data
digits: .ascii "0123456789abcdef"
text_pm32: .asciz "32-bit protected mode\n"
text_back: .asciz "\n32-bit protected mode again\n"
text_bp: .asciz "#BP "
text_gp: .asciz "#GP "
text_newline: .asciz "\n"
text_paged: .asciz "paged "
text_done: .asciz "done\n"
    .balign 8
gdt:
    .quad   0
    .quad   0x00cf9b000000ffff      /* 08 code, 32-bit */
    .quad   0x00cf93000000ffff      /* 10 data */
    .quad   0x00009b000000ffff      /* 18 code, 16-bit */
    .quad   0x000093000000ffff      /* 20 data, 64 KiB */
    .quad   0x0000890000000067      /* 28 TSS */
gdt_end:
gdt_pointer: .word gdt_end - gdt - 1
    .long   gdt
idt_pointer: .word 32 * 8 - 1
    .long   idt

    .bss
    .balign 4096
tables: .skip 3 * 4096
idt: .skip  32 * 8
tss: .skip  104
    .skip   4096
stack_top:
