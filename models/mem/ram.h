/* ram.h - the machine's memory as values: zero-filled host pages that cost nothing until they are touched.
 *
 * Models:       a flat array from host-physical address 0 (struct physmem), and its map of pages that hold
 *               decoded code.
 * Not modelled: time (dram.h), holes, ROM.
 * Neighbours:   isa, MMU, loader and devices read and write it through isa/physmem.h.
 * Checked by:   tests/unit/test_dram.c
 */
#ifndef MEM_RAM_H
#define MEM_RAM_H

#include "isa/physmem.h"

/* size_bytes: a multiple of 4096, not 0. false: the host has no such address space; errno is set. */
bool ram_init(struct physmem *m, u64 size_bytes);
void ram_fini(struct physmem *m);

/* All zero again, as at power-up; decoded code is dropped. */
void ram_clear(struct physmem *m);

#endif
