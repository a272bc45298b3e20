/* shift.S - SHL SHR SAR ROL ROR RCL RCR SHLD SHRD by immediate and by CL, in every size, for counts from 0 past the
 * operand's width. Results are the assembler's; CF is the last bit out; OF is checked for counts of 1, where it is
 * defined. */
#include "case.h"

    .set ones_8, 0xff
    .set ones_16, 0xffff
    .set ones_32, 0xffffffff
    .set ones_64, -1
    #define BIT_OF(v, n) (((v)>>(n))&1)

    /* rax = a, shifted by CL = count, CF before; want and carry after, OF if count is 1. */
    .macro shift op, bits, suffix, ra, a, count, carry, want, cf, of
    row
    movabs $(\a), %rax
    mov $(\count), %ecx
    set_flags \carry
    \op\suffix %cl, %\ra
    .if \count == 1
    flags_are ((\cf)*CF)|((\of)*OF), CF|OF
    .else
    flags_are (\cf)*CF, CF
    .endif
    .if \bits < 32
    is %rax, ((\a)&~ones_\bits)|((\want)&ones_\bits)
    .else
    is %rax, (\want)&ones_\bits
    .endif
    .endm

    /* The counts are below the width here, and not 0. */
    .macro shifts bits, suffix, ra, a, n
    .set x, (\a) & ones_\bits
    .set top, BIT_OF(x, \bits - 1)
    .set left, (x << \n) & ones_\bits
    .set right, (x >> \n) & ones_\bits
    .set cl_out, BIT_OF(x, \bits - \n)
    .set cr_out, BIT_OF(x, \n - 1)
    shift shl, \bits, \suffix, \ra, \a, \n, 1, left, cl_out, BIT_OF(left,\bits-1)^cl_out
    shift shr, \bits, \suffix, \ra, \a, \n, 1, right, cr_out, top
    .set fill, (-top) & ones_\bits & ~(ones_\bits >> \n & ((1 << (\bits - \n)) - 1))
    shift sar, \bits, \suffix, \ra, \a, \n, 1, right|fill, cr_out, 0
    .set rol, left | BIT_OF(x, \bits - \n) | ((x >> (\bits - \n)) & ((1 << \n) - 1))
    shift rol, \bits, \suffix, \ra, \a, \n, 0, rol, rol&1, BIT_OF(rol,\bits-1)^(rol&1)
    .set ror, right | ((x << (\bits - \n)) & ones_\bits)
    shift ror, \bits, \suffix, \ra, \a, \n, 0, ror, BIT_OF(ror,\bits-1), BIT_OF(ror,\bits-1)^BIT_OF(ror,\bits-2)
    .irp carry, 0, 1
    .set rcl, left | (\carry << (\n - 1)) | ((x >> (\bits - \n) >> 1) & ((1 << (\n - 1)) - 1))
    shift rcl, \bits, \suffix, \ra, \a, \n, \carry, rcl, cl_out, BIT_OF(rcl,\bits-1)^cl_out
    .set rcr, right | (\carry << (\bits - \n)) | ((x << (\bits - \n) << 1) & ones_\bits)
    shift rcr, \bits, \suffix, \ra, \a, \n, \carry, rcr, cr_out, BIT_OF(rcr,\bits-1)^BIT_OF(rcr,\bits-2)
    .endr
    .endm

    /* A count that the mask makes 0 changes no flag; 32-bit forms clear the upper half all the same. */
    .macro nothing op
    nothing_sized \op, b, al, 0x20, 0x8182838485868788
    nothing_sized \op, w, ax, 0x20, 0x8182838485868788
    nothing_sized \op, l, eax, 0x20, 0x85868788
    nothing_sized \op, q, rax, 0x40, 0x8182838485868788
    .endm

    .macro nothing_sized op, suffix, ra, count, want
    row
    movabs $0x8182838485868788, %rax
    mov $(\count), %ecx
    set_flags ALL_FLAGS
    \op\suffix %cl, %\ra
    flags_are ALL_FLAGS
    is %rax, \want
    .endm

    group shift
    .irp a, 1, 0x80, 0x8001, 0x40000001, 0x80000000, 0x123456789abcdef1, 0x8182838485868788
    .irp n, 1, 3, 7
    shifts 8, b, al, \a, \n
    .endr
    .irp n, 1, 3, 15
    shifts 16, w, ax, \a, \n
    .endr
    .irp n, 1, 4, 31
    shifts 32, l, eax, \a, \n
    .endr
    .irp n, 1, 4, 33, 63
    shifts 64, q, rax, \a, \n
    .endr
    .endr
    .irp op, shl, shr, sar, rol, ror, rcl, rcr
    nothing \op
    .endr

    /* Counts from the width on: shifted out whole, or rotated modulo the width, through carry modulo one more. */
    .macro wide text:vararg
    row
    movabs $0x8182838485868788, %rax
    mov $17, %ecx
    set_flags CF
    \text
    .endm
    wide shlb %cl, %al
    is %rax, 0x8182838485868700
    wide sarb %cl, %al
    is %rax, 0x81828384858687ff
    wide rolb %cl, %al
    is %rax, 0x8182838485868711
    wide rorw %cl, %ax
    is %rax, 0x81828384858643c4
    wide rclw %cl, %ax
    flags_are CF, CF
    is %rax, 0x8182838485868788
    wide rclb $9, %al
    flags_are CF, CF
    is %rax, 0x8182838485868788

    /* Double shifts are shifts of the pair. */
    .irp n, 1, 4, 31
    row
    movabs $0x12345678, %rax
    movabs $0x9abcdef0, %rbx
    shld $\n, %ebx, %eax
    flags_are BIT_OF(0x12345678,32-\n)*CF, CF
    is %rax, ((0x123456789abcdef0<<\n)>>32)&0xffffffff
    row
    mov $0x12345678, %eax
    shrd $\n, %ebx, %eax
    flags_are BIT_OF(0x12345678,\n-1)*CF, CF
    is %rax, (0x9abcdef012345678>>\n)&0xffffffff
    .endr
    row
    movabs $0x8000000000000001, %rax
    movabs $0x4000000000000003, %rbx
    mov $2, %ecx
    shld %cl, %rbx, %rax
    is %rax, 5
    shrd %cl, %rbx, %rax
    is %rax, 0xc000000000000001
    end_group
