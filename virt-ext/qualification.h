/* qualification.h - what the exit qualification of a VM exit says, in words: one decoder per layout.
 *
 * Models:     every layout of the table in qualification.c; each row names its section of SDM Vol. 3C.
 * Neighbours: vmx_exit_event, as traces see exits; reasons without a row have no qualification.
 * Checked by: tests/unit/test_qualification.c
 */
#ifndef VIRT_QUALIFICATION_H
#define VIRT_QUALIFICATION_H

#include "virt-ext/vmx.h"

#define QUALIFICATION_TEXT_BYTES 128

/* "MOV to CR3 from RAX", "OUT 1 byte to port 0x3f8"... without commas; "" if the reason has none. Returns text. */
const char *qualification_text(const struct vmx_exit_event *e, char text[QUALIFICATION_TEXT_BYTES]);

/* The title of the section of SDM Vol. 3C, chapter "VM Exits", that describes a reason's qualification; NULL: it has none. */
const char *qualification_section(enum exit_reason reason);

#endif
