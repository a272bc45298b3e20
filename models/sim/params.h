/* params.h - a model's parameters are one list macro; this expands it into struct fields, defaults, ranges
 * and help.
 *
 *   #define CACHE_PARAMS(P)                                                             \
 *       P(u32, size_bytes, 32 * KiB, POW2,    "data capacity")                          \
 *       P(u32, ways,       8,        NONZERO, "associativity")                          \
 *       P(choice, policy,  0,        ONE_OF("lru", "random"), "replacement policy")
 *   struct cache_cfg { CACHE_PARAMS(PARAM_FIELD) };
 *   #define PARAM_OF struct cache_cfg
 *   const struct param cache_params[] = {CACHE_PARAMS(PARAM_ROW)};
 *   #undef PARAM_OF
 *   struct cache_cfg cfg = {CACHE_PARAMS(PARAM_DEFAULT)};
 *
 * Types: u32 u64 bool choice (an index into the names) text (a string of up to PARAM_TEXT_BYTES-1; its
 * default is 0, empty). Units come from the name: _bytes takes B KiB MiB GiB TiB, _hz takes Hz kHz MHz GHz,
 * _ps takes ps ns us ms s; others take a plain integer. A plain integer is in the unit of the name. Decimal
 * fractions are exact or refused: "3.1GHz" is 3100000000.
 * Checked by: tests/unit/test_params.c
 */
#ifndef SIM_PARAMS_H
#define SIM_PARAMS_H

#include "models/sim/types.h"

#define PARAM_TEXT_BYTES 128

enum param_type { PARAM_u32, PARAM_u64, PARAM_bool, PARAM_choice, PARAM_text };

typedef u32 param_u32_t;
typedef u64 param_u64_t;
typedef bool param_bool_t;
typedef u32 param_choice_t;
typedef struct {
    char s[PARAM_TEXT_BYTES];
} param_text_t;

struct param_range {
    u64 min, max;
    bool power_of_two;
    const char *const *names; /* choices, NULL-terminated */
};

struct param {
    const char *name;
    enum param_type type;
    size_t offset; /* of the field in the configuration struct */
    u64 def;
    struct param_range range;
    const char *meaning;
};

/* clang-format off */
#define ANY           {0, UINT64_MAX, false, NULL}
#define NONZERO       {1, UINT64_MAX, false, NULL}
#define POW2          {1, UINT64_MAX, true, NULL}
#define RANGE(lo, hi) {(lo), (hi), false, NULL}
#define POW2_RANGE(lo, hi) {(lo), (hi), true, NULL}
#define ONE_OF(...)   {0, 0, false, (const char *const[]){__VA_ARGS__, NULL}}
/* clang-format on */

#define PARAM_FIELD(type, name, def, range, meaning) param_##type##_t name;

/* One row of a table over the fields of PARAM_OF. */
#define PARAM_ROW(type, name, def, range, meaning)                                                           \
    {#name, PARAM_##type, offsetof(PARAM_OF, name), (def), range, meaning},

/* One designated initializer of the configuration struct. */
#define PARAM_DEFAULT(type, name, def, range, meaning) .name = PARAM_DEFAULT_##type(def),
#define PARAM_DEFAULT_u32(def)                         (def)
#define PARAM_DEFAULT_u64(def)                         (def)
#define PARAM_DEFAULT_bool(def)                        (def)
#define PARAM_DEFAULT_choice(def)                      (def)
#define PARAM_DEFAULT_text(def)                                                                              \
    {                                                                                                        \
        {                                                                                                    \
            0                                                                                                \
        }                                                                                                    \
    }

#define PARAM_VALUE_BYTES 256 /* enough for any value in print */
#define PARAM_WHY_BYTES   1024

/* Sets the field below `base` to its default. */
void param_set_default(const struct param *p, void *base);

/* Sets the field from text. false: it stays as it was, and `why` says what is wrong and what is allowed, as
 * in
 * "'3' is not a power of two (allowed: a power of two, at least 1)". */
bool param_set(const struct param *p, void *base, const char *text, char why[PARAM_WHY_BYTES]);

/* The value as param_set reads it back, with the largest unit that is exact: "32KiB". */
const char *param_print(const struct param *p, const void *base, char text[PARAM_VALUE_BYTES]);
/* The default, likewise. */
const char *param_print_default(const struct param *p, char text[PARAM_VALUE_BYTES]);

/* What is allowed: "1..64", "64B..1GiB", "lru|random", "a power of two, at least 1". */
const char *param_print_range(const struct param *p, char text[PARAM_WHY_BYTES]);
/* "bytes", "frequency", "time", "integer", "switch", "choice" or "text". */
const char *param_type_name(const struct param *p);

#endif
