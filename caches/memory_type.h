/* memory_type.h - which memory type an access has: MTRRs, PAT, EPT.
 *
 * Models:       fixed and variable range MTRRs, their default and precedence; the page attribute table; how both
 *               combine; EPT memory types with "ignore PAT", which stand in for the MTRRs; CR0.CD as UC everywhere.
 * Not modelled: no-fill mode (CR0.CD makes every access uncacheable instead); types of the paging structures
 *               themselves: page walks are always cached. Undefined overlaps of MTRRs are UC.
 * Neighbours:   mmu_walk.c asks; models/core plays the type.
 * Checked by:   tests/unit/test_memory_type.c
 * Sources:      SDM Vol. 3A, "Memory Cache Control"; Vol. 3C, "EPT and Memory Typing".
 */
#ifndef CACHES_MEMORY_TYPE_H
#define CACHES_MEMORY_TYPE_H

#include "isa/hart.h"

/* The types as MTRRs, IA32_PAT and EPT encode them. */
enum memory_code { CODE_UC = 0, CODE_WC = 1, CODE_WT = 4, CODE_WP = 5, CODE_WB = 6, CODE_UC_MINUS = 7 };

#define EPT_IGNORE_PAT BIT(3) /* beside a code: bits 6:3 of an EPT entry, shifted down */

/* By the MTRRs: SDM Vol. 3A, "Memory Type Range Registers (MTRRs)", "MTRR Precedences". */
enum memory_code mtrr_code(const struct hart *h, hpa_t at);
/* One type for all of the 2^shift bytes that hold `at`. */
bool mtrr_is_uniform(const struct hart *h, hpa_t at, unsigned shift);
/* True if every address is WB by the MTRRs, and CR0.CD is clear. */
bool mtrr_is_write_back(const struct hart *h);

/* An entry of IA32_PAT, n 0..7. */
enum memory_code pat_code(const struct hart *h, unsigned n);

/* SDM Vol. 3A, "Selecting Memory Types for Pentium III and More Recent Processor Families". `range`: of the MTRRs or an
 * EPT entry; `page`: of the PAT. */
enum memory_type effective_type(enum memory_code range, enum memory_code page);

/* Of a whole translation that ends at `at`. `pat`: its index; `ept`: bits 6:3 of the EPT leaf, or -1 without EPT. */
enum memory_type memory_type_of(const struct hart *h, hpa_t at, enum memory_code page, int ept);

#endif
