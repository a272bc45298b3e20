/* uop_cache.h - which 32-byte windows of code the micro-op cache holds.
 *
 * Models:       sets and ways of lines; a window takes one to three lines of its set, all or none; LRU.
 * Not modelled: micro-operations with long immediates that take two places; inclusion in the L1I.
 * Source:       Intel, "64 and IA-32 Architectures Optimization Reference Manual", "Decoded ICache".
 * Checked by:   tests/unit/test_uop_cache.c
 */
#ifndef CORE_OOO_UOP_CACHE_H
#define CORE_OOO_UOP_CACHE_H

#include "models/sim/types.h"

#define UOP_CACHE_SETS  256
#define UOP_CACHE_WAYS  16
#define UOP_CACHE_LINES 3 /* of a window at most */

struct uop_cache {
    /* fixed at elaboration */
    u32 sets, ways, line;
    /* state */
    struct {
        u64 window;
        u8 lines; /* 0: invalid */
        u32 used; /* time of its last use */
    } entry[UOP_CACHE_SETS][UOP_CACHE_WAYS];
    u32 time;
};

/* ways 0: there is none. line: micro-operations a line. */
void uop_cache_init(struct uop_cache *c, u32 sets, u32 ways, u32 line);
/* `window`: physical address / 32. */
bool uop_cache_find(struct uop_cache *c, u64 window);
/* The decoders have made `slots` fused micro-operations of the window. Too many for its lines: it stays out. */
void uop_cache_fill(struct uop_cache *c, u64 window, u32 slots);

#endif
