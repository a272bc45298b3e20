/* icache.h - the decoded-instruction cache: every instruction is decoded once, by Zydis, into a block of
 * straight-line code.
 *
 * Models:       blocks keyed by host-physical address and mode, within one page; an instruction that crosses
 *               a page is a block of its own that also depends on the second page. A write to decoded code
 *               drops the blocks that it overlaps.
 * Not modelled: stale prefetched code: a write is seen by the very next instruction, as on every recent
 *               processor.
 * Neighbours:   physmem tells of writes; fetch.c looks blocks up; several harts may share one cache.
 * Checked by:   tests/unit/test_icache.c, tests/unit/test_decode.c
 *
 * The memory is allocated once. Hot and cold parts of instructions lie in two parallel pools of two
 * halves: when a half is full every block is dropped and the other half filled, so that a record's `info`
 * stays readable while older records are in a pipeline.
 */
#ifndef ISA_ICACHE_H
#define ISA_ICACHE_H

#include "isa/decode.h"
#include "isa/hart.h"

#define ICACHE_INSNS     (1u << 18) /* both halves */
#define ICACHE_BLOCKS    (1u << 16)
#define ICACHE_HASH_BITS 15
#define ICACHE_MAX_HARTS 64
#define BLOCK_MAX_INSNS  32
#define UNMODELLED_KINDS 32

struct block {
    hpa_t at;          /* of the first byte */
    hpa_t second_page; /* crosses: the page of the second part */
    u32 first;         /* index of the first instruction in the pools */
    u32 next_in_hash;  /* block indices, 0: end */
    u32 next_in_page[2];
    u16 bytes;
    u8 count; /* instructions without the sentinel */
    u8 mode;  /* enum code_mode */
    bool crosses, stops;
};

/* Blocks of one 4 KiB page of RAM. */
struct code_page {
    u64 lines; /* 64-byte lines that hold decoded code */
    u32 first_block;
};

/* An instruction that was answered with #UD because it is not modelled. */
struct unmodelled {
    u64 rip; /* of its first occurrence */
    u64 count;
    u8 bytes[15], length, mode;
};

struct icache {
    /* wiring */
    struct physmem *mem;
    struct hart *hart[ICACHE_MAX_HARTS];
    unsigned n_harts;

    /* state */
    struct decoder decoder;
    struct insn *insn;
    struct insn_info *info;
    struct block *block;
    struct code_page *page;
    u32 *hash;
    u32 insns_used, blocks_used, half;
    struct unmodelled unmodelled[UNMODELLED_KINDS];
    unsigned n_unmodelled;

    /* statistics */
    u64 decoded, flushes, dropped_blocks;
};

/* Allocates the pools and makes the cache the ear of `mem`'s writes. */
void icache_init(struct icache *ic, struct physmem *mem);
void icache_destroy(struct icache *ic);
/* A hart that fetches from it: its soft TLB must not write to decoded code unheard. hart_init calls it. */
void icache_attach(struct icache *ic, struct hart *h);

/* The live block of decoded code at `at`, or NULL. */
struct block *icache_lookup(struct icache *ic, hpa_t at, enum code_mode mode);
/* Decodes the code at `at` (in RAM). `second_page`: NULL, or the page where an instruction that crosses
 * goes on. Returns NULL if it crosses and second_page is NULL. */
struct block *icache_decode(struct icache *ic, hpa_t at, enum code_mode mode, const hpa_t *second_page);
void icache_drop(struct icache *ic, struct block *b);
/* Drops every block. */
void icache_flush(struct icache *ic);
/* From now on every store to the page of `at` is heard, or only as long as there is code in it. */
void icache_watch(struct icache *ic, hpa_t at);
void icache_unwatch(struct icache *ic, hpa_t at);
/* Code outside RAM: a block of one instruction that answers #UD. */
struct block *icache_outside_ram(struct icache *ic);

/* What stands in place of an instruction of a dropped block, and behind the last instruction of a block:
 * OUT_CUT. */
enum outcome exec_dropped(struct hart *h, const struct insn *i);
enum outcome exec_cut(struct hart *h, const struct insn *i);
/* An instruction that decodes but has no row in insns.def: #UD, counted and remembered. */
enum outcome exec_unmodelled(struct hart *h, const struct insn *i);

/* The cold part of an instruction. */
static inline const struct insn_info *insn_cold(const struct hart *h, const struct insn *i)
{
    return &h->icache->info[i->info];
}

static inline struct fetch_entry *fetch_slot(struct hart *h, u64 rip)
{
    return &h->fetch.entry[(rip ^ rip >> FETCH_TABLE_BITS) & ((1u << FETCH_TABLE_BITS) - 1)];
}

/* The fast core's block at RIP if it was found before and nothing has changed since, else NULL: fetch_find then. */
static inline const struct fetch_entry *fetch_known(struct hart *h)
{
    u64 rip = h->reg[REG_RIP];
    const struct fetch_entry *e = fetch_slot(h, rip);
    bool known = e->rip == rip && e->context == h->fetch.context && e->first && e->first->exec != exec_dropped;
    return LIKELY(known) ? e : NULL;
}

/* --- what was not modelled --- */

unsigned isa_unmodelled_count(const struct icache *ic);
const struct unmodelled *isa_unmodelled_get(const struct icache *ic, unsigned n);

#endif
