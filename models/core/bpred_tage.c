#include "models/core/bpred_tage.h"
#include "models/sim/check.h"
#include <stdlib.h>
#include <string.h>

#define TAG_BITS     13 /* two folds of prime widths: patterns of few periods cancel out in both */
#define OTHER_BITS   11
#define AGE_INTERVAL (1u << 18) /* branches between two agings of the useful bits */
#define NO_TABLE     (-1)

static const u8 history_length[TAGE_TABLES] = {5, 9, 15, 27, 48, 84, 150};

/* What the tables say about one branch. */
struct lookup {
    u32 index[TAGE_TABLES];
    u16 tag[TAGE_TABLES];
    int provider, alternative; /* tables, NO_TABLE: the bimodal one */
    bool provider_says, alternative_says, says;
    bool fresh;                /* the provider has not been useful yet, and is weak */
};

void tage_init(struct tage *t, u32 table_bits)
{
    memset(t, 0, sizeof *t);
    t->table_bits = table_bits;
    t->base = malloc(1u << TAGE_BASE_BITS);
    CHECK(t->base, "out of memory for the branch predictor");
    memset(t->base, 1, 1u << TAGE_BASE_BITS);
    for (unsigned i = 0; i < TAGE_TABLES; i++) {
        t->table[i] = calloc(1u << table_bits, sizeof *t->table[i]);
        CHECK(t->table[i], "out of memory for the branch predictor");
        t->index[i] = history_fold_of(history_length[i], table_bits);
        t->tag[i][0] = history_fold_of(history_length[i], TAG_BITS);
        t->tag[i][1] = history_fold_of(history_length[i], OTHER_BITS);
    }
}

void tage_fini(struct tage *t)
{
    free(t->base);
    for (unsigned i = 0; i < TAGE_TABLES; i++) free(t->table[i]);
}

void tage_update_history(struct tage *t, const struct branch_history *h)
{
    for (unsigned i = 0; i < TAGE_TABLES; i++) {
        fold_update(&t->index[i], h);
        fold_update(&t->tag[i][0], h);
        fold_update(&t->tag[i][1], h);
    }
}

/* --- prediction --- */

static u8 *base_of(struct tage *t, u64 rip)
{
    return &t->base[(rip ^ rip >> TAGE_BASE_BITS) & ((1u << TAGE_BASE_BITS) - 1)];
}

static struct tage_entry *entry_of(struct tage *t, const struct lookup *l, int table)
{
    return &t->table[table][l->index[table]];
}

static void hash(const struct tage *t, u64 rip, struct lookup *l)
{
    u32 mask = (1u << t->table_bits) - 1, pc = (u32)(rip ^ rip >> t->table_bits);
    for (unsigned i = 0; i < TAGE_TABLES; i++) {
        l->index[i] = (pc ^ pc >> (i + 1) ^ t->index[i].value) & mask;
        l->tag[i] = (u16)((rip ^ t->tag[i][0].value ^ t->tag[i][1].value << 1) & ((1u << TAG_BITS) - 1));
    }
}

/* The longest history below `from` whose tag matches. */
static int find_match(struct tage *t, const struct lookup *l, int from)
{
    while (--from >= 0)
        if (entry_of(t, l, from)->tag == l->tag[from]) return from;
    return NO_TABLE;
}

static bool table_says(struct tage *t, const struct lookup *l, int table, u64 rip)
{
    return table == NO_TABLE ? *base_of(t, rip) >= 2 : entry_of(t, l, table)->counter >= 0;
}

static void look_up(struct tage *t, u64 rip, struct lookup *l)
{
    hash(t, rip, l);
    l->provider = find_match(t, l, TAGE_TABLES);
    l->alternative = l->provider == NO_TABLE ? NO_TABLE : find_match(t, l, l->provider);
    l->provider_says = table_says(t, l, l->provider, rip);
    l->alternative_says = table_says(t, l, l->alternative, rip);
    l->fresh = false;
    if (l->provider != NO_TABLE) {
        const struct tage_entry *e = entry_of(t, l, l->provider);
        l->fresh = e->useful == 0 && (e->counter == 0 || e->counter == -1);
    }
    l->says = l->fresh && t->trust_fresh < 0 ? l->alternative_says : l->provider_says;
}

/* --- learning --- */

static void count(i8 *counter, bool up, i8 lowest, i8 highest)
{
    if (up && *counter < highest) ++*counter;
    if (!up && *counter > lowest) --*counter;
}

static void train_base(struct tage *t, u64 rip, bool taken)
{
    u8 *counter = base_of(t, rip);
    if (taken && *counter < 3) ++*counter;
    if (!taken && *counter > 0) --*counter;
}

static void train_provider(struct tage *t, u64 rip, const struct lookup *l, bool taken)
{
    if (l->provider == NO_TABLE) {
        train_base(t, rip, taken);
        return;
    }
    struct tage_entry *e = entry_of(t, l, l->provider);
    bool differ = l->provider_says != l->alternative_says;
    if (l->fresh && differ) count(&t->trust_fresh, l->provider_says == taken, -8, 7);
    count(&e->counter, taken, -4, 3);
    if (differ && l->provider_says == taken && e->useful < 3) e->useful++;
    if (differ && l->provider_says != taken && e->useful > 0) e->useful--;
    if (e->useful == 0 && l->alternative == NO_TABLE) train_base(t, rip, taken);
}

/* A longer history may know better: the shortest of them that has a useless entry gets it. */
static void allocate(struct tage *t, const struct lookup *l, bool taken)
{
    for (int i = l->provider + 1; i < TAGE_TABLES; i++) {
        struct tage_entry *e = entry_of(t, l, i);
        if (e->useful) continue;
        *e = (struct tage_entry){.tag = l->tag[i], .counter = taken ? 0 : -1};
        return;
    }
    for (int i = l->provider + 1; i < TAGE_TABLES; i++) entry_of(t, l, i)->useful--;
}

static void age(struct tage *t)
{
    if (++t->updates % AGE_INTERVAL) return;
    for (unsigned i = 0; i < TAGE_TABLES; i++)
        for (u32 e = 0; e < 1u << t->table_bits; e++) t->table[i][e].useful >>= 1;
}

bool tage_branch(struct tage *t, u64 rip, bool taken)
{
    struct lookup l;
    look_up(t, rip, &l);
    train_provider(t, rip, &l, taken);
    if (l.says != taken) allocate(t, &l, taken);
    age(t);
    return l.says == taken;
}
