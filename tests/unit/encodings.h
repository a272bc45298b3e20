/* encodings.h - visits every opcode of the legacy and the VEX maps, with each mandatory prefix, operand-size
 * bit, and ModRM form that can change which instruction it is. */
#ifndef TESTS_ENCODINGS_H
#define TESTS_ENCODINGS_H

#include "models/sim/types.h"

#define ENCODING_BYTES 15

typedef void encoding_fn(void *self, const u8 bytes[ENCODING_BYTES]);

/* ModRM: memory and register forms of every ModRM.reg, the latter with every ModRM.rm. */
static inline void encodings_visit_modrm(u8 bytes[ENCODING_BYTES], unsigned at, encoding_fn *fn, void *self)
{
    for (unsigned reg = 0; reg < 8; reg++) {
        bytes[at] = (u8)(reg << 3);
        fn(self, bytes);
        bytes[at] = (u8)(reg << 3 | 4); /* a SIB byte: gathers want one */
        fn(self, bytes);
        for (unsigned rm = 0; rm < 8; rm++) {
            bytes[at] = (u8)(0xc0 | reg << 3 | rm);
            fn(self, bytes);
        }
    }
}

static inline void encodings_visit_opcodes(const u8 *prefix, unsigned length, encoding_fn *fn, void *self)
{
    u8 bytes[ENCODING_BYTES] = {0};
    for (unsigned n = 0; n < length; n++) bytes[n] = prefix[n];
    for (unsigned opcode = 0; opcode < 256; opcode++) {
        bytes[length] = (u8)opcode;
        encodings_visit_modrm(bytes, length + 1, fn, self);
    }
}

/* The maps without prefix, 0F, 0F 38, 0F 3A behind one of four mandatory prefixes, with and without REX.W. */
static inline void encodings_visit_legacy(bool rex, encoding_fn *fn, void *self)
{
    static const u8 mandatory[] = {0, 0x66, 0xf2, 0xf3}, maps[4][2] = {{0, 0}, {0x0f, 0}, {0x0f, 0x38}, {0x0f, 0x3a}};
    for (unsigned p = 0; p < 4; p++)
        for (unsigned wide = 0; wide <= rex; wide++)
            for (unsigned map = 0; map < 4; map++) {
                u8 prefix[4];
                unsigned n = 0;
                if (mandatory[p]) prefix[n++] = mandatory[p];
                if (wide) prefix[n++] = 0x48;
                for (unsigned k = 0; k < 2 && maps[map][k]; k++) prefix[n++] = maps[map][k];
                encodings_visit_opcodes(prefix, n, fn, self);
            }
}

/* Three-byte VEX with VEX.vvvv = 1111b or not, every pp, L and W. */
static inline void encodings_visit_vex(encoding_fn *fn, void *self)
{
    for (unsigned map = 1; map <= 3; map++)
        for (unsigned low = 0; low < 8; low++)
            for (unsigned w = 0; w < 2; w++)
                for (unsigned none = 0; none < 2; none++) {
                    const u8 prefix[3] = {0xc4, (u8)(0xe0 | map), (u8)(w << 7 | (none ? 0x78 : 0x70) | low)};
                    encodings_visit_opcodes(prefix, 3, fn, self);
                }
}

/* rex: 64-bit mode. */
static inline void encodings_visit(bool rex, encoding_fn *fn, void *self)
{
    encodings_visit_legacy(rex, fn, self);
    encodings_visit_vex(fn, self);
}

#endif
