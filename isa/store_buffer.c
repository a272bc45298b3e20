#include "isa/store_buffer.h"
#include "isa/insn.h"
#include "models/sim/check.h"
#include <Zydis/Zydis.h>
#include <string.h>

void store_buffer_init(struct store_buffer *s, unsigned entries, struct hart *h)
{
    CHECK(entries > 0 && entries <= STORE_BUFFER_MAX, "a store buffer of %u entries", entries);
    memset(s, 0, sizeof *s);
    s->entries = entries;
    h->stores = s;
}

#define STAT_OF struct store_buffer_stats
static const struct stat_row rows[] = {STORE_BUFFER_STATS(STAT_ROW)};
#undef STAT_OF

void store_buffer_add_stats(const struct store_buffer *s, struct stats *reg, const char *prefix)
{
    stats_add_rows(reg, prefix, rows, ARRAY_LEN(rows), &s->stats);
}

static void retire_oldest(struct hart *h)
{
    struct store_buffer *s = h->stores;
    memcpy(h->mem->host + s->store[0].at.v, &s->store[0].value, s->store[0].bytes);
    physmem_note_write(h->mem, s->store[0].at, s->store[0].bytes);
    memmove(&s->store[0], &s->store[1], --s->n * sizeof s->store[0]);
}

void store_buffer_drain(struct hart *h)
{
    h->stores->open = false;
    h->stores->stats.drains += h->stores->n > 0;
    while (h->stores->n) retire_oldest(h);
}

/* What reaches memory by mem_load and mem_store alone. */
static bool is_move(u16 mnemonic)
{
    static const u16 moves[] = {ZYDIS_MNEMONIC_MOV,  ZYDIS_MNEMONIC_MOVZX, ZYDIS_MNEMONIC_MOVSX, ZYDIS_MNEMONIC_MOVSXD,
                                ZYDIS_MNEMONIC_PUSH, ZYDIS_MNEMONIC_POP,   ZYDIS_MNEMONIC_CALL,  ZYDIS_MNEMONIC_RET};
    for (unsigned n = 0; n < ARRAY_LEN(moves); n++)
        if (moves[n] == mnemonic) return true;
    return false;
}

static bool touches_memory(const struct insn_info *info)
{
    for (unsigned n = 0; n < info->n_uops; n++)
        if (info->uop[n].kind == UOP_LOAD || info->uop[n].kind == UOP_STORE) return true;
    return false;
}

static bool lets_stores_wait(const struct insn_info *info)
{
    bool ordinary = info->iclass == CLASS_plain && !info->locked && !info->serializing && !info->sees_time &&
                    !info->marker;
    return ordinary && info->flow != FLOW_FAR && (is_move(info->mnemonic) || !touches_memory(info));
}

void store_buffer_begin(struct hart *h, const struct insn_info *info)
{
    struct store_buffer *s = h->stores;
    u64 now = ++s->instructions;
    if (!lets_stores_wait(info)) {
        store_buffer_drain(h);
        return;
    }
    s->open = true;
    while (s->n && now - s->store[0].instruction > STORE_AGE_MAX) retire_oldest(h);
}

/* A store to decoded code is seen by the hart's next instruction. */
bool store_buffer_put(struct hart *h, hpa_t at, unsigned bytes, u64 value)
{
    struct store_buffer *s = h->stores;
    if (!s->open || h->mem->has_code[at.v >> PAGE_SHIFT]) {
        store_buffer_drain(h);
        return false;
    }
    if (s->n == s->entries) retire_oldest(h);
    s->store[s->n].at = at;
    s->store[s->n].value = value;
    s->store[s->n].bytes = bytes;
    s->store[s->n++].instruction = s->instructions;
    s->stats.buffered++;
    return true;
}

/* One byte of the youngest store that has it. */
static bool find_byte(const struct store_buffer *s, u64 at, u8 *byte)
{
    for (unsigned n = s->n; n-- > 0;) {
        u64 offset = at - s->store[n].at.v;
        if (offset >= s->store[n].bytes) continue;
        *byte = (u8)(s->store[n].value >> 8 * offset);
        return true;
    }
    return false;
}

u64 store_buffer_forward(const struct hart *h, hpa_t at, unsigned bytes, u64 value)
{
    struct store_buffer *s = h->stores;
    bool forwards = false;
    for (unsigned n = 0; n < bytes && s->n; n++) {
        u8 byte;
        if (!find_byte(s, at.v + n, &byte)) continue;
        value = (value & ~(0xffull << 8 * n)) | (u64)byte << 8 * n;
        forwards = true;
    }
    s->stats.forwards += forwards;
    return value;
}
