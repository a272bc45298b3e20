/* ept.h - EPT entries, for ept.c, which fills a guest's tables, and nested_ept.c, which folds two guests'
 * into one.
 *
 * Source: Intel SDM Vol. 3C, "EPT Translation Mechanism".
 */
#ifndef EPT_EPT_H
#define EPT_EPT_H

#include "kit/types.h"

/* Permissions in bits 2:0; in a leaf, the memory type in 5:3; bit 7: a leaf above level 1. */
enum {
    EPT_READ_WRITE_EXECUTE = 7,
    EPT_UNCACHEABLE = 0 << 3,
    EPT_WRITE_BACK = 6 << 3,
    EPT_LARGE = 1 << 7,
};

/* Address bits 47:39, 38:30, 29:21, 20:12 choose the entries at levels 4, 3, 2, 1. */
static inline u64 *ept_entry(u64 *table, u64 gpa, unsigned level)
{
    return &table[gpa >> (12 + 9 * (level - 1)) & 511];
}

/* Maps one page of 4 KiB (leaf_level 1), 2 MiB (2) or 1 GiB (3). Tables above it are made where missing;
 * with what they map, a leaf in the way goes. flags: rights and memory type. */
void ept_map_page(u64 *top, u64 gpa, u64 hpa, unsigned leaf_level, u64 flags);

#endif
