/* mmx.S - MMX: saturation, packing, products, shifts, comparison; each lane against the assembler's arithmetic. */
#include "case.h"

    .macro mmx op, a, b, want
    row
    movabs $(\a), %rax
    movq %rax, %mm0
    movabs $(\b), %rax
    movq %rax, %mm1
    \op %mm1, %mm0
    movq %mm0, %rax
    is %rax, \want
    .endm

    .macro mmx_shift op, a, n, want
    row
    movabs $(\a), %rax
    movq %rax, %mm0
    \op $\n, %mm0
    movq %mm0, %rax
    is %rax, \want
    .endm

    group mmx
    mmx paddb, 0x01ff7f8000102030, 0x010101ff00f0e0d0, 0x0200807f00000000
    mmx paddw, 0x7fff8000ffff1234, 0x0001ffff00011111, 0x80007fff00002345
    mmx paddd, 0x7fffffffffffffff, 0x0000000100000001, 0x8000000000000000
    mmx paddsb, 0x7f807f0180010203, 0x018001ffff010101, 0x7f807f0080020304
    mmx psubusb, 0x1020304050607080, 0x2010302040507090, 0x0010002010100000
    mmx paddusw, 0xffff80007fff0001, 0x0001800000010001, 0xffffffff80000002
    mmx psubsw, 0x80007fff00011234, 0x0001ffff00021234, 0x80007fffffff0000
    mmx pmullw, 0x000200030004ffff, 0x0003000500070002, 0x0006000f001cfffe
    mmx pmulhw, 0x40004000c000ffff, 0x000400080004ffff, 0x00010002ffff0000
    mmx pmaddwd, 0x0002000300040005, 0x0006000700080009, 0x000000210000004d
    mmx packsswb, 0x0001ff80007f0080, 0x7fff8000000affff, 0x7f800aff01807f7f
    mmx packuswb, 0x0001ffff00ff0100, 0x7fff8000000a0080, 0xff000a800100ffff
    mmx packssdw, 0x0000800000007fff, 0xffff7fff00000001, 0x800000017fff7fff
    mmx punpcklbw, 0x8877665544332211, 0x000000000d0c0b0a, 0x0d440c330b220a11
    mmx punpckhwd, 0x4444333322221111, 0x8888777766665555, 0x8888444477773333
    mmx punpckldq, 0x2222222211111111, 0x4444444433333333, 0x3333333311111111
    mmx pcmpeqb, 0x0102030405060708, 0x0100030005000700, 0xff00ff00ff00ff00
    mmx pcmpgtw, 0x0001ffff80007fff, 0x0000000000007fff, 0xffff000000000000
    mmx pand, 0xff00ff00ff00ff00, 0x0ff00ff00ff00ff0, 0x0f000f000f000f00
    mmx pandn, 0xff00ff00ff00ff00, 0x0ff00ff00ff00ff0, 0x00f000f000f000f0
    mmx por, 0xff00ff00ff00ff00, 0x0ff00ff00ff00ff0, 0xfff0fff0fff0fff0
    mmx pxor, 0xff00ff00ff00ff00, 0x0ff00ff00ff00ff0, 0xf0f0f0f0f0f0f0f0
    mmx pavgb, 0x0001ff0004050607, 0x0102ff0004060608, 0x0102ff0004060608
    mmx psadbw, 0x0102030405060708, 0x0807060504030201, 32
    mmx pminub, 0x01ff807f00000000, 0x0201ff8000000000, 0x0101807f00000000
    mmx pmaxsw, 0x8000000100007fff, 0x0000ffff00010000, 0x0000000100017fff
    mmx_shift psllw, 0x8001800180018001, 1, 0x0002000200020002
    mmx_shift psrlw, 0x8001800180018001, 15, 0x0001000100010001
    mmx_shift psraw, 0x8001800180018001, 15, 0xffffffffffffffff
    mmx_shift psrad, 0x8000000040000000, 30, 0xfffffffe00000001
    mmx_shift psllq, 0x8000000000000001, 63, 0x8000000000000000
    mmx_shift psrlq, 0x8000000000000001, 64, 0
    row
    movabs $0x8001800180018001, %rax
    movq %rax, %mm2
    pmovmskb %mm2, %ecx
    is %rcx, 0xaa
    pshufw $0x1b, %mm2, %mm3
    movq %mm3, %rax
    is %rax, 0x8001800180018001
    movd %mm2, %eax
    is %rax, 0x80018001
    /* MMX registers are the significands of the x87's; EMMS empties them. */
    row
    emms
    fld1
    movq %mm7, %rax
    is %rax, 0x8000000000000000
    emms
    fninit
    end_group
