/* params.h - a model's parameters are one list macro; this expands it into struct fields, defaults, ranges and help.
 *
 *   #define CACHE_PARAMS(P)                                                             \
 *       P(u32, size_bytes, 32 * KiB, POW2,    "data capacity")                          \
 *       P(u32, ways,       8,        NONZERO, "associativity")                          \
 *       P(choice, policy,  0,        ONE_OF("lru", "random"), "replacement policy")
 *   struct cache_cfg { CACHE_PARAMS(PARAM_FIELD) };
 *   static const struct param cache_params[] = { PARAM_ROWS(CACHE_PARAMS, struct cache_cfg) };
 *   (PARAM_ROW needs PARAM_STRUCT defined as the struct: see PARAM_TABLE.)
 *
 * Types: u32 u64 bool choice (an index into the names) text (a string of up to PARAM_TEXT_BYTES-1).
 * Units come from the name: _bytes takes B KiB MiB GiB, _hz takes Hz kHz MHz GHz, _ps takes ps ns us ms; others take a plain integer.
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
typedef struct { char s[PARAM_TEXT_BYTES]; } param_text_t;

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

#define ANY          {0, UINT64_MAX, false, NULL}
#define NONZERO      {1, UINT64_MAX, false, NULL}
#define POW2         {1, UINT64_MAX, true, NULL}
#define RANGE(lo, hi) {(lo), (hi), false, NULL}
#define POW2_RANGE(lo, hi) {(lo), (hi), true, NULL}
#define ONE_OF(...)  {0, 0, false, (const char *const[]){__VA_ARGS__, NULL}}

#define PARAM_FIELD(type, name, def, range, meaning) param_##type##_t name;

/* static const struct param NAME[] for LIST over the fields of `struct STRUCT`; define PARAM_OF as that struct first. */
#define PARAM_ROW(type, name, def, range, meaning) {#name, PARAM_##type, offsetof(PARAM_OF, name), (def), range, meaning},
#define PARAM_DEFAULT(type, name, def, range, meaning) .name = (def),

#endif
