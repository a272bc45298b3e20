/* debug.c - which accesses and instructions DR0 to DR3 name: see debug.h. */
#include "isa/debug.h"
#include "isa/state.h"

enum { BREAKPOINTS = 4 };

/* SDM Vol. 3B, "Debug Control Register (DR7)": R/W fields. */
enum condition { ON_EXECUTION, ON_WRITE, ON_PORT, ON_ACCESS };

static bool is_enabled(const struct hart *h, unsigned n) { return h->dr[7] >> (2 * n) & 3; }

static enum condition condition_of(const struct hart *h, unsigned n) { return h->dr[7] >> (16 + 4 * n) & 3; }

/* LEN fields: 1, 2, 8, 4 bytes. */
static u64 length_of(const struct hart *h, unsigned n)
{
    static const u8 lengths[] = {1, 2, 8, 4};
    return lengths[h->dr[7] >> (18 + 4 * n) & 3];
}

static u8 watch_of(const struct hart *h, enum condition c)
{
    switch (c) {
    case ON_EXECUTION: return WATCH_CODE;
    case ON_PORT: return h->cr4 & CR4_DE ? WATCH_PORTS : 0; /* undefined without */
    default: return WATCH_DATA;
    }
}

u8 debug_watches(const struct hart *h)
{
    bool aligned = (h->cr0 & CR0_AM) && (h->rflags & RFLAGS_AC) && h->cpl == 3;
    u8 watches = aligned ? WATCH_ALIGNMENT : 0;
    for (unsigned n = 0; (h->dr[7] & DR7_ENABLED) && n < BREAKPOINTS; n++)
        if (is_enabled(h, n))
            watches |= watch_of(h, condition_of(h, n));
    return watches;
}

/* The range is aligned to its length: SDM Vol. 3B, "Breakpoint Field Recognition". */
static bool overlaps(const struct hart *h, unsigned n, u64 at, unsigned bytes)
{
    u64 length = length_of(h, n), from = h->dr[n] & ~(length - 1);
    return at < from + length && from < at + bytes;
}

static u64 matches(const struct hart *h, u64 at, unsigned bytes, u32 conditions)
{
    u64 found = 0;
    for (unsigned n = 0; n < BREAKPOINTS; n++)
        if (is_enabled(h, n) && (conditions >> condition_of(h, n) & 1) && overlaps(h, n, at, bytes))
            found |= BIT(n);
    return found;
}

u64 debug_code_matches(const struct hart *h, u64 va) { return matches(h, va, 1, 1u << ON_EXECUTION); }

void debug_note_access(struct hart *h, u64 va, unsigned bytes, bool write)
{
    h->debug_hits |= matches(h, va, bytes, 1u << ON_ACCESS | (write ? 1u << ON_WRITE : 0));
}

void debug_note_port(struct hart *h, u16 port, unsigned bytes)
{
    if (h->watch & WATCH_PORTS)
        h->debug_hits |= matches(h, port, bytes, 1u << ON_PORT);
}

void debug_enter_handler(struct hart *h)
{
    h->dr[7] &= ~(u64)DR7_GD;
    h->debugctl &= ~(u64)DEBUGCTL_BTF;
}
