/* store.h - decodes the stores by which programs change page-table entries.
 *
 * Models:       in 64-bit mode MOV, XCHG, AND, OR, XOR, CMPXCHG, BTS, BTR, BTC (immediate) to memory, of 1
 *               to 8 bytes, with or without LOCK.
 * Not modelled: everything else (string instructions, FS and GS, AH to DH): the caller has another way for
 *               these.
 * Source:       Intel SDM Vol. 2, "Instruction Format", "Instruction Set Reference".
 * Checked by:   tests/system/monitors_on_bochs.sh
 */
#ifndef SHADOW_STORE_H
#define SHADOW_STORE_H

#include "monitors/vcpu.h"

enum store_operation {
    STORE_MOV,
    STORE_XCHG,
    STORE_AND,
    STORE_OR,
    STORE_XOR,
    STORE_CMPXCHG,
    STORE_BTS,
    STORE_BTR,
    STORE_BTC
};

struct store {
    enum store_operation operation;
    u8 operand_bytes, instruction_bytes;
    u8 reg;      /* general register of XCHG */
    u64 source;  /* register or immediate, or the bit's number */
    u64 address; /* linear */
};

/* The instruction at the guest's RIP; false if it is not one of those above. */
bool store_decode(const struct vcpu *vcpu, struct store *store);

/* Does it to the operand in memory; changes the guest's registers and flags and moves its RIP on. */
void store_execute(struct vcpu *vcpu, const struct store *store, void *operand);

#endif
