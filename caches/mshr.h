/* mshr.h - miss status holding registers: the misses of one cache that are in flight, and who waits for them.
 *
 * Models:       a fixed number of registers, one line each; a fixed number of waiting requests ("targets") in
 *               all registers together, answered in order of arrival.
 * Not modelled: per-register target limits, sub-line (sector) merging.
 * Neighbours:   cache.c only. All links are indices; nothing is allocated after mshr_init.
 * Checked by:   tests/unit/test_cache.c (full, merging, order of answers)
 */
#ifndef CACHES_MSHR_H
#define CACHES_MSHR_H

#include "caches/port.h"

#define MSHR_NONE (-1)

#define MSHR_NO_LINE UINT64_MAX
#define MSHR_GROUPS  64u /* of lines, by their low bits */

struct mshr {
    u64 line; /* line number: address >> LINE_SHIFT */
    bool valid;
    bool dirty;  /* a waiting write, or a write-back that met the line in flight */
    bool own;      /* somebody who waits needs the line for himself alone */
    bool prefetch; /* of this level's prefetcher, and nobody else has asked yet */
    u8 kind;     /* enum mem_kind of the request below */
    u8 origin;   /* enum mem_origin of the first asker */
    u8 served;   /* enum served, once the level below has told */
    i32 first, last; /* targets, MSHR_NONE: none */
};

struct mshr_target {
    mem_done_fn done;
    void *self;
    u64 token;
    i32 next; /* waiting: the next one of the register; free: the next free one */
};

struct mshr_file {
    /* fixed at elaboration */
    u32 n, n_targets;
    /* state */
    struct mshr *entry;
    u64 *line; /* of each register, side by side for the lookup; MSHR_NO_LINE: free */
    struct mshr_target *target;
    i32 free_target;
    u32 used;
    u16 used_by[MSHR_GROUPS]; /* registers whose line is of this group; 0, as most often: no need to look */
};

void mshr_init(struct mshr_file *f, u32 registers, u32 targets);
void mshr_fini(struct mshr_file *f);

/* The register that holds `line`, or MSHR_NONE. */
i32 mshr_find(const struct mshr_file *f, u64 line);

/* Takes a register for `line` with `r` as its first asker; MSHR_NONE if no register or no target is free. */
i32 mshr_allocate(struct mshr_file *f, u64 line, const struct mem_request *r);

/* Lets `r` wait for register i too. false: no target is free, nothing happened. */
bool mshr_merge(struct mshr_file *f, i32 i, const struct mem_request *r);

/* Frees register i and then answers its targets in order of arrival; they may send new requests at once. */
void mshr_release(struct mshr_file *f, i32 i, enum served served);

#endif
