/* sse.S - SSE to SSE4.2: scalar and packed arithmetic with MXCSR's flags and rounding, conversion, comparison,
 * shuffles, packed integers, text. Values are exact in binary, or IEEE 754's own examples of rounding. */
#include "case.h"

    .bss
mxcsr_now:
    .skip 8

    #define ONE   0x3ff0000000000000
    #define TWO   0x4000000000000000
    #define THREE 0x4008000000000000
    #define NAN   0xfff8000000000000

    .macro set_mxcsr value
    movl $(\value), mxcsr_now(%rip)
    ldmxcsr mxcsr_now(%rip)
    .endm

    .macro mxcsr_flags value
    stmxcsr mxcsr_now(%rip)
    mov mxcsr_now(%rip), %eax
    and $0x3f, %eax
    is %rax, \value
    .endm

    /* One operation with two sources; both halves of the result. */
    .macro vector op, ah, al, bh, bl, high, low
    row
    set_vector %xmm0, \ah, \al
    set_vector %xmm1, \bh, \bl
    \op %xmm1, %xmm0
    is_vector %xmm0, \high, \low
    .endm

    .macro vector_imm op, imm, ah, al, bh, bl, high, low
    row
    set_vector %xmm0, \ah, \al
    set_vector %xmm1, \bh, \bl
    \op $\imm, %xmm1, %xmm0
    is_vector %xmm0, \high, \low
    .endm

    group sse
    set_mxcsr 0x1f80
    vector addpd, ONE, TWO, TWO, ONE, THREE, THREE
    vector subsd, 7, THREE, 9, ONE, 7, TWO
    vector mulpd, ONE, TWO, THREE, ONE, THREE, TWO
    vector divpd, TWO, ONE, ONE, TWO, TWO, 0x3fe0000000000000
    vector addps, 0x3f80000040000000, 0x4040000000000000, \
        0x3f8000003f800000, 0x3f8000003f800000, 0x4000000040400000, 0x408000003f800000
    vector mulss, 1, 0x0000000540400000, 2, 0x0000000640000000, 1, 0x0000000540c00000
    vector sqrtpd, 0, 0, 0x4010000000000000, 0x4022000000000000, TWO, THREE
    vector maxpd, ONE, NAN, TWO, ONE, TWO, ONE
    vector minpd, ONE, ONE, TWO, NAN, ONE, NAN
    vector haddpd, ONE, TWO, THREE, ONE, 0x4010000000000000, THREE
    vector addsubpd, THREE, THREE, ONE, ONE, 0x4010000000000000, TWO
    vector andnpd, 0xff00ff00ff00ff00, 0, 0xffff0000ffff0000, -1, 0x00ff000000ff0000, -1
    vector unpckhpd, 1, 2, 3, 4, 3, 1
    vector_imm shufpd, 1, 1, 2, 3, 4, 4, 1
    vector_imm shufps, 0x1b, 0x0000000400000003, 0x0000000200000001, \
        0x0000000800000007, 0x0000000600000005, 0x0000000500000006, 0x0000000300000004
    vector_imm cmppd, 1, ONE, TWO, TWO, ONE, -1, 0
    vector_imm cmppd, 3, ONE, NAN, TWO, ONE, 0, -1
    vector_imm roundpd, 1, 0, 0, 0xbff8000000000000, 0x3ff8000000000000, 0xc000000000000000, ONE
    vector_imm dppd, 0x31, 0, 0, 0, 0, 0, 0
    vector_imm dppd, 0x33, ONE, TWO, THREE, TWO, 0x401c000000000000, 0x401c000000000000
    vector_imm blendpd, 2, 1, 2, 3, 4, 3, 2

    /* 1/3 is inexact, and rounds by MXCSR's control. */
    .macro third control, value
    row
    set_mxcsr \control
    set_vector %xmm0, 0, ONE
    set_vector %xmm1, 0, THREE
    divsd %xmm1, %xmm0
    mxcsr_flags 0x20
    is_low %xmm0, \value
    .endm
    third 0x1f80, 0x3fd5555555555555
    third 0x3f80, 0x3fd5555555555555
    third 0x5f80, 0x3fd5555555555556
    third 0x7f80, 0x3fd5555555555555
    row
    set_mxcsr 0x1f80
    set_vector %xmm0, 0, ONE
    xorpd %xmm1, %xmm1
    divsd %xmm1, %xmm0
    mxcsr_flags 4
    is_low %xmm0, 0x7ff0000000000000
    row
    set_mxcsr 0x1f80
    subsd %xmm0, %xmm0
    mxcsr_flags 1
    is_low %xmm0, NAN
    /* Denormal operands raise DE, or are zeros. */
    row
    set_mxcsr 0x1f80
    set_vector %xmm0, 0, 1
    addsd %xmm0, %xmm0
    mxcsr_flags 2
    is_low %xmm0, 2
    set_mxcsr 0x1fc0
    addsd %xmm0, %xmm0
    mxcsr_flags 0
    is_low %xmm0, 0
    /* 2^-1022 / 2 underflows without loss; flushed to zero if asked. */
    row
    set_mxcsr 0x9f80
    set_vector %xmm0, 0, 0x0010000000000000
    set_vector %xmm1, 0, 0x3fe0000000000001
    mulsd %xmm1, %xmm0
    mxcsr_flags 0x30
    is_low %xmm0, 0
    set_mxcsr 0x1f80

    /* Conversions. */
    row
    mov $-7, %rax
    cvtsi2sd %rax, %xmm0
    is_low %xmm0, 0xc01c000000000000
    cvttsd2si %xmm0, %ecx
    is %rcx, 0xfffffff9
    set_vector %xmm0, 0, 0x4004000000000000
    cvtsd2si %xmm0, %rcx
    is %rcx, 2
    cvttsd2si %xmm0, %rcx
    is %rcx, 2
    set_vector %xmm0, 0, 0x47e0000000000000
    cvtsd2si %xmm0, %rcx
    is %rcx, 0x8000000000000000
    cvtsd2ss %xmm0, %xmm1
    movd %xmm1, %eax
    is %rax, 0x7f000000
    row
    set_vector %xmm1, 0, 0x400000003f800000
    cvtps2pd %xmm1, %xmm0
    is_vector %xmm0, TWO, ONE
    cvtpd2dq %xmm0, %xmm0
    is_vector %xmm0, 0, 0x0000000200000001
    cvtdq2pd %xmm0, %xmm0
    is_vector %xmm0, TWO, ONE
    row
    set_mxcsr 0x1f80
    set_vector %xmm0, 0, ONE
    set_vector %xmm1, 0, TWO
    comisd %xmm1, %xmm0
    flags_are CF
    comisd %xmm0, %xmm1
    flags_are 0
    ucomisd %xmm0, %xmm0
    flags_are ZF
    set_vector %xmm1, 0, 0x7ff8000000000000
    ucomisd %xmm1, %xmm0
    flags_are (ZF|PF|CF)
    mxcsr_flags 0
    comisd %xmm1, %xmm0
    mxcsr_flags 1

    /* Packed integers. */
    vector paddq, 1, -1, 2, 1, 3, 0
    vector pmuludq, 0x00000009ffffffff, 3, 0x00000008ffffffff, 5, 0xfffffffe00000001, 15
    vector pmaddubsw, 0x0101010101010101, 0xff02030405060708, \
        0x7f7f01ff01ff01ff, 0x7f01010101010101, 0x00fe000000000000, 0x7e830007000b000f
    vector phaddd, 0x0000000400000003, 0x0000000200000001, \
        0x0000000800000007, 0x0000000600000005, 0x0000000f0000000b, 0x0000000700000003
    vector pshufb, 0x1f1e1d1c1b1a1918, 0x1716151413121110, \
        0x0001020304050607, 0x08090a0b800d0e0f, 0x1011121314151617, 0x18191a1b001d1e1f
    vector psignw, 0x0001000200030004, 5, 0xffff00000001ffff, 0xffff, 0xffff00000003fffc, 0xfffb
    vector pabsb, 0, 0, 0x80ff01007f020304, -1, 0x800101007f020304, 0x0101010101010101
    vector_imm palignr, 4, 0x0f0e0d0c0b0a0908, 0x0706050403020100, \
        0x1f1e1d1c1b1a1918, 0x1716151413121110, 0x030201001f1e1d1c, 0x1b1a191817161514
    vector pmulld, 0x0000000300000004, 0xffffffff80000000, \
        0x0000000500000006, 0x0000000200000002, 0x0000000f00000018, 0xfffffffe00000000
    vector pmuldq, 0x00000000ffffffff, 0x0000000000000007, 0x0000000000000002, 0x00000000fffffffd, -2, -21
    vector packusdw, 0x0001000000007fff, 0xffffffff00008000, 0, 5, 0x0000000000000005, 0xffff7fff00008000
    vector pminsd, 1, 0x80000000ffffffff, 2, 0x0000000100000001, 1, 0x80000000ffffffff
    vector pmaxuw, 0x0001ffff80007fff, 1, 0x00028000ffff0000, 2, 0x0002ffffffff7fff, 2
    vector pcmpeqq, 5, 6, 5, 7, -1, 0
    vector pcmpgtq, 5, -1, -5, 7, -1, 0
    vector phminposuw, 0, 0, 0x0009000800070006, 0x0005000400030004, 0, 0x00010003
    vector_imm mpsadbw, 0, 0x0f0e0d0c0b0a0908, 0x0706050403020100, 0, 0x03020100, 0x001c001800140010, 0x000c000800040000
    vector_imm pblendw, 0xaa, 0x1111222233334444, 0x5555666677778888, \
        0x9999aaaabbbbcccc, 0xddddeeeeffff0000, 0x99992222bbbb4444, 0xdddd6666ffff8888
    vector_imm insertps, 0x61, 0x0000000400000003, 0x0000000200000001, \
        0x0000000800000007, 0x0000000600000005, 0x0000000400000006, 0x0000000200000000
    vector pmovzxbw, 0, 0, 0, 0xff01020304050607, 0x00ff000100020003, 0x0004000500060007
    vector pmovsxdq, 0, 0, 0, 0x800000007fffffff, 0xffffffff80000000, 0x7fffffff
    row
    set_vector %xmm1, 0x0011223344556677, 0x8899aabbccddeeff
    pextrq $1, %xmm1, %rax
    is %rax, 0x0011223344556677
    pextrb $3, %xmm1, %eax
    is %rax, 0xcc
    mov $0x5a, %eax
    pinsrb $15, %eax, %xmm1
    pextrw $7, %xmm1, %eax
    is %rax, 0x5a11
    pslldq $8, %xmm1
    is_vector %xmm1, 0x8899aabbccddeeff, 0
    psrldq $12, %xmm1
    is_vector %xmm1, 0, 0x8899aabb
    ptest %xmm1, %xmm1
    flags_are CF
    row
    set_vector %xmm0, 0, 0xff00ff00ff00ff00
    set_vector %xmm1, 3, 0x1122334455667788
    set_vector %xmm2, 5, 0x99aabbccddeeff00
    pblendvb %xmm0, %xmm1, %xmm2
    is_vector %xmm2, 5, 0x11aa33cc55ee7700

    /* Text: equal any, ranges, equal each, equal ordered (SDM Vol. 1, "Aggregation Operation"). */
    row
    set_vector %xmm0, 0, 0x0000006f6c6c6568 /* hello */
    set_vector %xmm1, 0, 0x0000006c6c6f6863 /* c h o l l */
    pcmpistri $0x00, %xmm1, %xmm0
    is %rcx, 1
    pcmpistri $0x40, %xmm1, %xmm0
    is %rcx, 4
    set_vector %xmm0, 0, 0x7a61 /* a..z */
    set_vector %xmm1, 0, 0x0041426162 /* b a B A */
    pcmpistrm $0x04, %xmm1, %xmm0
    is_low %xmm0, 3
    set_vector %xmm0, 0, 0x6c6c /* ll */
    set_vector %xmm1, 0, 0x0000006f6c6c6568
    pcmpistri $0x0c, %xmm1, %xmm0
    is %rcx, 2
    mov $2, %eax
    mov $5, %edx
    pcmpestri $0x0c, %xmm1, %xmm0
    flags_are CF|ZF|SF, CF|ZF|SF
    is %rcx, 2
    end_group
