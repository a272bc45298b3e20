/* walk.h - the guest's own page tables, walked by software as the processor would walk them.
 *
 * Models:       4-level paging with 4K, 2M and 1G pages; present, write, user, execute rights, CR0.WP,
 *               EFER.NXE, CR4.SMEP, reserved bits; accessed and dirty flags set where the access is allowed.
 * Not modelled: 5-level paging, PAE and 32-bit paging, protection keys, SMAP: hidden from the guest or
 *               refused.
 * Source:       Intel SDM Vol. 3A, "4-Level Paging", "Determination of Access Rights", "Page-Fault
 *               Exceptions".
 * Checked by:   tests/system/monitors_on_bochs.sh
 */
#ifndef SHADOW_WALK_H
#define SHADOW_WALK_H

#include "monitors/vcpu.h"

/* Error code of a page fault, and in the same format the access that is asked about. */
enum { PF_PRESENT = 1, PF_WRITE = 2, PF_USER = 4, PF_RESERVED = 8, PF_FETCH = 16 };

enum { ROOT_LEVEL = 4 };

/* Arrays are indexed by level: 4 = PML4 ... 1 = page table. */
struct walk {
    unsigned level;            /* of the leaf: 1 = 4K, 2 = 2M, 3 = 1G; where it stopped, if it faulted */
    u32 error_code;            /* only if it faulted */
    u64 table[ROOT_LEVEL + 1]; /* guest-physical address of the table at each level */
    u64 entry[ROOT_LEVEL + 1]; /* what its entry holds, after accessed and dirty flags were set */
    u64 gpa;                   /* that the linear address translates to */
};

/* Position of va's entry in a table of this level. */
static inline unsigned entry_index(u64 va, unsigned level)
{
    return va >> (12 + 9 * (level - 1)) & 511;
}

/* Bytes that one entry of a table of this level covers. */
static inline u64 entry_bytes(unsigned level)
{
    return 4096ull << (9 * (level - 1));
}

/* Walks for an access (of PF_WRITE, PF_USER, PF_FETCH). False: the access faults. */
bool walk_guest(const struct vcpu *vcpu, u64 va, u32 access, struct walk *w);

/* Where va lies in host memory, or NULL if it is not mapped. Rights do not matter, no flag is set. */
const u8 *walk_pointer(const struct vcpu *vcpu, u64 va);

#endif
