#include "caches/memory_type.h"

#define MTRR_FIXED_ENABLE BIT(10)
#define MTRR_ENABLE       BIT(11)
#define MTRR_VALID        BIT(11)
#define FIXED_END         MiB
#define VARIABLE_RANGES   8

/* --- fixed ranges: 8 of 64 KiB, 16 of 16 KiB, 64 of 4 KiB --- */

static bool fixed_ranges_on(const struct hart *h)
{
    return h->mtrr_def_type & MTRR_FIXED_ENABLE;
}

static enum memory_code fixed_code(const struct hart *h, u64 at)
{
    unsigned n = at < 0x80000 ? (unsigned)(at >> 16) : at < 0xc0000 ? 8 + (unsigned)((at - 0x80000) >> 14)
                                                                    : 24 + (unsigned)((at - 0xc0000) >> 12);
    return (enum memory_code)(h->mtrr_fixed[n / 8] >> 8 * (n % 8) & 0xff);
}

/* --- variable ranges --- */

struct range {
    u64 base, mask;
    enum memory_code code;
};

static bool read_range(const struct hart *h, unsigned n, struct range *r)
{
    u64 base = h->mtrr_variable[2 * n], mask = h->mtrr_variable[2 * n + 1];
    *r = (struct range){base & ~(PAGE_BYTES - 1), mask & ~(PAGE_BYTES - 1), (enum memory_code)(base & 0xff)};
    return mask & MTRR_VALID;
}

/* SDM Vol. 3A, "MTRR Precedences": UC wins, then WT over WB; other overlaps are undefined. */
static enum memory_code overlap(enum memory_code a, enum memory_code b)
{
    if (a == b) return a;
    bool through = (a == CODE_WT && b == CODE_WB) || (a == CODE_WB && b == CODE_WT);
    return through ? CODE_WT : CODE_UC;
}

enum memory_code mtrr_code(const struct hart *h, hpa_t at)
{
    struct range r;
    bool found = false;
    enum memory_code code = (enum memory_code)(h->mtrr_def_type & 0xff);
    if (!(h->mtrr_def_type & MTRR_ENABLE)) return CODE_UC;
    if (at.v < FIXED_END && fixed_ranges_on(h)) return fixed_code(h, at.v);
    for (unsigned n = 0; n < VARIABLE_RANGES; n++) {
        if (!read_range(h, n, &r) || ((at.v ^ r.base) & r.mask)) continue;
        code = found ? overlap(code, r.code) : r.code;
        found = true;
    }
    return code;
}

/* --- whole pages --- */

static bool fixed_is_uniform(const struct hart *h, u64 from, u64 bytes)
{
    enum memory_code first = mtrr_code(h, HPA(from));
    for (u64 at = from; at < FIXED_END && at < from + bytes; at += PAGE_BYTES)
        if (fixed_code(h, at) != first) return false;
    return from + bytes <= FIXED_END || mtrr_code(h, HPA(FIXED_END)) == first;
}

bool mtrr_is_uniform(const struct hart *h, hpa_t at, unsigned shift)
{
    u64 bytes = BIT(shift), from = at.v & ~(bytes - 1);
    struct range r;
    if (!(h->mtrr_def_type & MTRR_ENABLE)) return true;
    for (unsigned n = 0; n < VARIABLE_RANGES; n++) {
        bool splits = read_range(h, n, &r) && (r.mask & (bytes - 1));
        if (splits && !((from ^ r.base) & r.mask & ~(bytes - 1))) return false;
    }
    return from >= FIXED_END || !fixed_ranges_on(h) || fixed_is_uniform(h, from, bytes);
}

bool mtrr_is_write_back(const struct hart *h)
{
    struct range r;
    if (h->cr0 & CR0_CD) return false;
    if ((h->mtrr_def_type & (MTRR_ENABLE | 0xff)) != (MTRR_ENABLE | CODE_WB)) return false;
    for (unsigned n = 0; n < VARIABLE_RANGES; n++)
        if (read_range(h, n, &r) && r.code != CODE_WB) return false;
    for (unsigned n = 0; fixed_ranges_on(h) && n < ARRAY_LEN(h->mtrr_fixed); n++)
        if (h->mtrr_fixed[n] != 0x0606060606060606) return false;
    return true;
}

/* --- together --- */

enum memory_code pat_code(const struct hart *h, unsigned n)
{
    return (enum memory_code)(h->pat >> 8 * n & 7);
}

enum memory_type effective_type(enum memory_code range, enum memory_code page)
{
    enum { UC = MEMORY_UC, WC = MEMORY_WC, WT = MEMORY_WT, WP = MEMORY_WP, WB = MEMORY_WB };
    /* clang-format off */
    static const u8 table[8][8] = {
        /*  range        page: UC WC          WT  WP  WB  UC- */
        [CODE_UC] = {          UC, WC, 0, 0,  UC, UC, UC, UC},
        [CODE_WC] = {          UC, WC, 0, 0,  UC, UC, WC, WC},
        [CODE_WT] = {          UC, WC, 0, 0,  WT, WP, WT, UC},
        [CODE_WP] = {          UC, WC, 0, 0,  WT, WP, WP, WC},
        [CODE_WB] = {          UC, WC, 0, 0,  WT, WP, WB, UC},
    };
    /* clang-format on */
    return (enum memory_type)table[range][page];
}

enum memory_type memory_type_of(const struct hart *h, hpa_t at, enum memory_code page, int ept)
{
    if (h->cr0 & CR0_CD) return MEMORY_UC;
    if (ept < 0) return effective_type(mtrr_code(h, at), page);
    return effective_type((enum memory_code)(ept & 7), ept & (int)EPT_IGNORE_PAT ? CODE_WB : page);
}
