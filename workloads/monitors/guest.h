/* guest.h - the guest's memory, and its image with all that a Multiboot loader owes it.
 *
 * Guest-physical address 0 lies at 1 GiB of host memory, so that 1 GiB leaves can map it; the monitor, its
 * heap and the modules stay below. At the top of guest memory, reported as reserved, is the identity mapping
 * that the guest runs on until it turns on paging (registers.c).
 *
 *   guest-physical   0            64 KiB             1 MiB                         usable_bytes     bytes
 *                    | unused     | Multiboot info   | image, its modules, free ... | identity map  |
 *
 * Not modelled: guests of more than 2 GiB, holes, video modes, symbol tables.
 * Source:       Multiboot Specification version 0.6.96; System V ABI, "Object Files".
 * Checked by:   tests/system/monitors_on_bochs.sh
 */
#ifndef MONITORS_GUEST_H
#define MONITORS_GUEST_H

#include "kit/types.h"

#define GUEST_HOST_BASE (1 * GiB)

/* The one page of devices that the guest has, at the same address in the host; all others have ports. */
#define LOCAL_APIC 0xfee00000ull

struct guest {
    u64 bytes;        /* of guest-physical memory */
    u64 usable_bytes; /* of these, what the guest is told of */
    u64 identity_cr3;
    u32 entry, multiboot_info;
};

extern struct guest guest;

/* Where an address lies that is below guest.bytes. */
static inline void *guest_pointer(u64 gpa)
{
    return (void *)(GUEST_HOST_BASE + gpa);
}

/* Takes the first Multiboot module as the guest's image and fills guest memory. The monitor's heap ends at 1
 * GiB then. No module, too little memory, or an image that cannot be loaded: one message, status 1. */
void guest_load(void);

#endif
