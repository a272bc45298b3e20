/* mark.h - region markers: NOPs with a payload that the simulator understands and hardware ignores.
 *
 * A marker is NOPL disp32(%rax) = 0F 1F 80 imm32, where imm32 = 0x47 KK IIII: 'G', the kind, an identifier.
 * It touches no register, flag or memory and never causes a VM exit.
 */
#ifndef KIT_MARK_H
#define KIT_MARK_H

enum mark_kind { MARK_KIND_BEGIN = 1, MARK_KIND_END = 2, MARK_KIND_LABEL = 3, MARK_KIND_WARM = 4 };

/* Kind and id must be constants. The clobber keeps the compiler from moving work across the marker. */
#define MARK_PAYLOAD(kind, id) (0x47000000 | (kind) << 16 | (id))
#define MARK(kind, id)                                                                                       \
    __asm__ volatile(".byte 0x0f, 0x1f, 0x80; .long %c0" ::"i"(MARK_PAYLOAD(kind, id)) : "memory")

#define MARK_WARM()    MARK(MARK_KIND_WARM, 0)
#define MARK_BEGIN()   MARK(MARK_KIND_BEGIN, 0)
#define MARK_END()     MARK(MARK_KIND_END, 0)
#define MARK_LABEL(id) MARK(MARK_KIND_LABEL, id)

#endif
