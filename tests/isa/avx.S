/* avx.S - AVX, AVX2, FMA, F16C: what three operands and 256 bits add to SSE. The upper lane against the same in the
 * lower one; fused products against exact ones; half precision there and back. */
#include "case.h"

    .section .rodata
    .balign 32
lanes:
    .quad 0x0011223344556677, 0x8899aabbccddeeff, 0x0123456789abcdef, 0xfedcba9876543210
ones:
    .quad -1, 0, -1, 0
indices:
    .long 7, 0, 6, 1, 5, 2, 4, 3
words:
    .long 10, 11, 12, 13, 14, 15, 16, 17
    .bss
    .balign 32
room:
    .skip 64

    .macro upper_is ymm, xmm, high, low
    vextracti128 $1, \ymm, \xmm
    is_vector \xmm, \high, \low
    .endm

    /* The operation on both lanes at once, and on each alone, gives the same. */
    .macro lanewise op
    row
    vmovdqu lanes(%rip), %ymm1
    vpermq $0x1b, %ymm1, %ymm2
    \op %ymm2, %ymm1, %ymm3
    \op %xmm2, %xmm1, %xmm4
    vextracti128 $1, %ymm1, %xmm5
    vextracti128 $1, %ymm2, %xmm6
    \op %xmm6, %xmm5, %xmm7
    vinserti128 $1, %xmm7, %ymm4, %ymm4
    vpxor %ymm3, %ymm4, %ymm0
    vptest %ymm0, %ymm0
    jnz fail
    .endm

    /* (a * b) + c in one rounding: a = 1 + 2^-52, b = 1 - 2^-52;
     * the product is 1 - 2^-104, which two roundings lose. */
    #define A 0x3ff0000000000001
    #define B 0x3feffffffffffffe
    #define MINUS_ONE 0xbff0000000000000
    .macro fused op, x, y, z, want
    row
    set_vector %xmm0, 0, \x
    set_vector %xmm1, 0, \y
    set_vector %xmm2, 0, \z
    \op %xmm2, %xmm1, %xmm0
    is_low %xmm0, \want
    .endm

    group avx
    row
    /* A 128-bit form clears the upper half of its register; SSE keeps it. */
    vmovdqu lanes(%rip), %ymm0
    vmovdqa %ymm0, %ymm1
    vmovdqa %xmm0, %xmm0
    upper_is %ymm0, %xmm2, 0, 0
    movdqa %xmm0, %xmm1
    upper_is %ymm1, %xmm2, 0xfedcba9876543210, 0x0123456789abcdef
    vzeroupper
    upper_is %ymm1, %xmm2, 0, 0
    .irp op, vpaddb, vpaddd, vpsubq, vpmullw, vpmulhuw, vpmuludq, vpand, vpxor, vpcmpgtd, vpcmpeqb, vpackssdw
    lanewise \op
    .endr
    .irp op, vpunpcklbw, vpunpckhqdq, vpshufb, vphaddw, vpmaddwd, vpsadbw, vpsignd, vpavgb, vpminub, vpmaxsd, vandps, vxorpd
    lanewise \op
    .endr
    row
    vmovdqu words(%rip), %ymm1
    vmovdqu indices(%rip), %ymm2
    vpermd %ymm1, %ymm2, %ymm3
    is_vector %xmm3, 0x0000000b00000010, 0x0000000a00000011
    upper_is %ymm3, %xmm4, 0x0000000d0000000e, 0x0000000c0000000f
    vpermps %ymm1, %ymm2, %ymm4
    vpxor %ymm3, %ymm4, %ymm4
    vptest %ymm4, %ymm4
    jnz fail
    row
    vmovdqu lanes(%rip), %ymm1
    vperm2i128 $0x01, %ymm1, %ymm1, %ymm2
    is_vector %xmm2, 0xfedcba9876543210, 0x0123456789abcdef
    vpbroadcastw %xmm1, %ymm3
    upper_is %ymm3, %xmm4, 0x6677667766776677, 0x6677667766776677
    vbroadcastsd lanes+24(%rip), %ymm3
    is_vector %xmm3, 0xfedcba9876543210, 0xfedcba9876543210
    vpmovmskb %ymm1, %eax
    is %rax, 0xf00fff00
    vmovmskpd %ymm1, %eax
    is %rax, 0xa

    /* Shifts by lane; counts past the width leave zeros, or signs. */
    row
    vmovdqu words(%rip), %xmm1
    set_vector %xmm2, 0x0000002000000003, 0x0000000100000000
    vpsllvd %xmm2, %xmm1, %xmm3
    is_vector %xmm3, 12<<3, (22<<32)|10
    vpsrlvd %xmm2, %xmm1, %xmm3
    is_vector %xmm3, 12>>3, (5<<32)|10
    set_vector %xmm1, 0x80000000f0000000, 0x8000000000000007
    vpsravd %xmm2, %xmm1, %xmm3
    is_vector %xmm3, 0xfffffffffe000000, 0xc000000000000007

    /* Masked loads and stores touch what the mask selects. */
    row
    vmovdqu lanes(%rip), %ymm1
    vmovdqu ones(%rip), %ymm2
    vpxor %ymm0, %ymm0, %ymm0
    vmovdqu %ymm0, room(%rip)
    vpmaskmovq %ymm1, %ymm2, room(%rip)
    vmovdqu room(%rip), %ymm3
    is_vector %xmm3, 0, 0x0011223344556677
    upper_is %ymm3, %xmm4, 0, 0x0123456789abcdef
    vmaskmovpd lanes(%rip), %ymm2, %ymm3
    upper_is %ymm3, %xmm4, 0, 0x0123456789abcdef
    /* A gather clears its mask. */
    row
    lea words(%rip), %rax
    vmovdqu indices(%rip), %ymm1
    vpcmpeqd %ymm2, %ymm2, %ymm2
    vpgatherdd %ymm2, (%rax,%ymm1,4), %ymm3
    is_vector %xmm3, (11<<32)|16, (10<<32)|17
    upper_is %ymm3, %xmm4, (13<<32)|14, (12<<32)|15
    vptest %ymm2, %ymm2
    jnz fail

    fused vfmadd213sd, A, B, MINUS_ONE, 0xb970000000000000
    fused vfmadd231sd, MINUS_ONE, A, B, 0xb970000000000000
    fused vfmadd132sd, A, MINUS_ONE, B, 0xb970000000000000
    fused vfnmadd213sd, A, B, 0x3ff0000000000000, 0x3970000000000000
    fused vfmsub213sd, A, B, 0x3ff0000000000000, 0xb970000000000000
    fused vfnmsub213sd, A, B, MINUS_ONE, 0x3970000000000000
    row
    set_vector %xmm0, 0x4000000000000000, 0x4000000000000000
    set_vector %xmm1, 0x4008000000000000, 0x4008000000000000
    set_vector %xmm2, 0x3ff0000000000000, 0x3ff0000000000000
    vfmaddsub213pd %xmm2, %xmm1, %xmm0
    is_vector %xmm0, 0x401c000000000000, 0x4014000000000000
    row
    vcmppd $0x1d, %xmm1, %xmm2, %xmm3
    is_vector %xmm3, 0, 0
    vcmppd $0x0f, %xmm1, %xmm2, %xmm3
    is_vector %xmm3, -1, -1

    /* Half precision: 1.0, -2.0, 65504 (the largest), 2^-24 (the smallest). */
    row
    set_vector %xmm0, 0, 0x00017bffc0003c00
    vcvtph2ps %xmm0, %xmm1
    is_vector %xmm1, 0x33800000477fe000, 0xc00000003f800000
    vcvtps2ph $0, %xmm1, %xmm2
    is_vector %xmm2, 0, 0x00017bffc0003c00
    vzeroall
    end_group
