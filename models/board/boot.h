/* boot.h - boot protocols: puts images into RAM and a hart into the state that the protocol promises.
 *
 * Models:       Multiboot 1 (Multiboot Specification 0.6.96: "OS image format", "Machine state", "Boot information format"): ELF32 and ELF64
 *               images for x86, command line, modules, memory map, boot loader name.
 * Not modelled: a.out kludge, video modes, VBE, drives, APM.
 * Errors:       missing, truncated, non-ELF, wrong-machine, overlapping or out-of-memory images: one message "file: what", false.
 * Checked by:   tests/unit/test_boot.c
 */
#ifndef BOARD_BOOT_H
#define BOARD_BOOT_H

#include "isa/hart.h"
#include "models/board/board.h"

/* Loads image (or monitor with image as module 0) and modules. Modules are page-aligned, above the image, in order, below 1 GiB. */
bool boot_multiboot(struct physmem *mem, struct hart *h, const struct board_options *o);

/* Multiboot "Machine state": 32-bit protected mode, flat segments, paging off, EAX magic, EBX information. */
void boot_enter_multiboot(struct hart *h, u32 entry, u32 info);

#endif
