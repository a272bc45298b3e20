#include "models/sim/params.h"

#include "models/sim/check.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

__extension__ typedef unsigned __int128 u128;

/* --- units --- */

struct unit {
    const char *name;
    u64 factor;
};

/* A quantity is recognized by the end of the parameter's name. Units ascend. */
static const struct quantity {
    const char *suffix;
    const char *type_name;
    struct unit unit[6];
} quantities[] = {
    {"_bytes", "bytes", {{"B", 1}, {"KiB", KiB}, {"MiB", MiB}, {"GiB", GiB}, {"TiB", 1024 * GiB}}},
    {"_hz", "frequency", {{"Hz", 1}, {"kHz", KHz}, {"MHz", MHz}, {"GHz", GHz}}},
    {"_ps", "time", {{"ps", 1}, {"ns", 1000}, {"us", 1000000}, {"ms", 1000000000}, {"s", 1000000000000}}},
    {"", "integer", {{"", 1}}},
};

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static const struct quantity *quantity_of(const struct param *p)
{
    const struct quantity *q = quantities;
    while (!ends_with(p->name, q->suffix)) q++;
    return q;
}

const char *param_type_name(const struct param *p)
{
    switch (p->type) {
    case PARAM_bool:
        return "switch";
    case PARAM_choice:
        return "choice";
    case PARAM_text:
        return "text";
    default:
        return quantity_of(p)->type_name;
    }
}

/* The factor of a unit's name; a number without unit is in the smallest. 0: there is no such unit. */
static u64 factor_of(const struct quantity *q, const char *name)
{
    if (!*name) return 1;
    for (const struct unit *u = q->unit; u->name; u++) {
        if (strcmp(u->name, name) == 0) return u->factor;
    }
    return 0;
}

static const char *print_quantity(const struct quantity *q, u64 value, char *text, size_t bytes)
{
    const struct unit *best = q->unit;
    for (const struct unit *u = q->unit; value && u->name; u++) {
        if (value % u->factor == 0) best = u;
    }
    snprintf(text, bytes, "%" PRIu64 "%s", value / best->factor, best->name);
    return text;
}

/* --- ranges --- */

static u64 largest(const struct param *p)
{
    return p->type == PARAM_u32 ? min_u64(p->range.max, UINT32_MAX) : p->range.max;
}

static void print_choices(const char *const *names, char *text, size_t bytes)
{
    size_t used = 0;
    for (unsigned i = 0; names[i] && used < bytes; i++) {
        used += (size_t)snprintf(text + used, bytes - used, "%s%s", i ? "|" : "", names[i]);
    }
}

static void print_interval(const struct param *p, char *text, size_t bytes)
{
    const struct quantity *q = quantity_of(p);
    const char *power = p->range.power_of_two ? "a power of two, " : "";
    char low[PARAM_VALUE_BYTES], high[PARAM_VALUE_BYTES];
    print_quantity(q, p->range.min, low, sizeof low);
    print_quantity(q, largest(p), high, sizeof high);
    if (largest(p) >= UINT32_MAX && p->range.max == UINT64_MAX)
        snprintf(text, bytes, "%sat least %s", power, low); /* the type's limit is nobody's intention */
    else
        snprintf(text, bytes, "%s%s..%s", power, low, high);
}

const char *param_print_range(const struct param *p, char text[PARAM_WHY_BYTES])
{
    switch (p->type) {
    case PARAM_bool:
        snprintf(text, PARAM_WHY_BYTES, "true|false|on|off");
        break;
    case PARAM_choice:
        print_choices(p->range.names, text, PARAM_WHY_BYTES);
        break;
    case PARAM_text:
        snprintf(text, PARAM_WHY_BYTES, "up to %d characters", PARAM_TEXT_BYTES - 1);
        break;
    default:
        print_interval(p, text, PARAM_WHY_BYTES);
    }
    return text;
}

/* Refuses `text`: says what is wrong with it, and what is allowed. */
__attribute__((format(printf, 3, 4))) static bool refuse(const struct param *p, char why[PARAM_WHY_BYTES],
                                                         const char *format, ...)
{
    char range[PARAM_WHY_BYTES];
    va_list args;
    va_start(args, format);
    vsnprintf(why, PARAM_WHY_BYTES, format, args);
    va_end(args);
    size_t used = strlen(why);
    snprintf(why + used, PARAM_WHY_BYTES - used, " (allowed: %s", param_print_range(p, range));
    used = strlen(why);
    const struct quantity *q = quantity_of(p);
    if ((p->type == PARAM_u32 || p->type == PARAM_u64) && *q->suffix) {
        used += (size_t)snprintf(why + used, PARAM_WHY_BYTES - used, "; units");
        for (const struct unit *u = q->unit; u->name && used < PARAM_WHY_BYTES; u++)
            used += (size_t)snprintf(why + used, PARAM_WHY_BYTES - used, " %s", u->name);
    }
    if (used < PARAM_WHY_BYTES) snprintf(why + used, PARAM_WHY_BYTES - used, ")");
    return false;
}

/* --- reading --- */

/* A decimal number as digits and the power of ten that they are to be divided by. */
struct decimal {
    u128 digits;
    u64 divisor;
};

/* Reads digits, with a fraction or without; NULL if there is no number or one beyond all bounds. Returns what
 * follows. */
static const char *read_decimal(const char *text, struct decimal *d)
{
    unsigned n = 0;
    *d = (struct decimal){.divisor = 1};
    for (; isdigit((unsigned char)*text); text++, n++) d->digits = d->digits * 10 + (unsigned)(*text - '0');
    if (!n) return NULL;
    if (*text == '.' && isdigit((unsigned char)text[1])) {
        for (text++; isdigit((unsigned char)*text); text++, n++) {
            d->digits = d->digits * 10 + (unsigned)(*text - '0');
            d->divisor *= 10;
            if (d->divisor > 1000000000000000ull) return NULL;
        }
    }
    return n <= 20 ? text : NULL; /* 20 digits fit in the 128 bits with any unit */
}

static const char *read_hexadecimal(const char *text, struct decimal *d)
{
    unsigned n = 0;
    *d = (struct decimal){.divisor = 1};
    for (; isxdigit((unsigned char)*text); text++, n++) {
        unsigned digit =
            isdigit((unsigned char)*text) ? (unsigned)(*text - '0') : (unsigned)(tolower(*text) - 'a') + 10;
        d->digits = d->digits << 4 | digit;
    }
    return n >= 1 && n <= 16 ? text : NULL;
}

static const char *read_number(const char *text, struct decimal *d)
{
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) return read_hexadecimal(text + 2, d);
    return read_decimal(text, d);
}

static bool check_range(const struct param *p, u64 value, const char *text, char why[PARAM_WHY_BYTES])
{
    if (value < p->range.min || value > largest(p)) return refuse(p, why, "'%s' is out of range", text);
    if (p->range.power_of_two && (value & (value - 1)))
        return refuse(p, why, "'%s' is not a power of two", text);
    return true;
}

static bool read_quantity(const struct param *p, const char *text, u64 *value, char why[PARAM_WHY_BYTES])
{
    const struct quantity *q = quantity_of(p);
    struct decimal d;
    const char *unit = read_number(text, &d);
    if (!unit) return refuse(p, why, "'%s' is not a number", text);
    while (*unit == ' ') unit++;
    u64 factor = factor_of(q, unit);
    if (!factor && !*q->suffix) return refuse(p, why, "'%s' is not a plain integer", text);
    if (!factor) return refuse(p, why, "'%s' has the wrong unit", text);
    u128 exact = d.digits * factor;
    if (exact % d.divisor)
        return refuse(p, why, "'%s' is not a whole number of %s", text, *q->suffix ? q->unit->name : "units");
    exact /= d.divisor;
    if (exact > UINT64_MAX) return refuse(p, why, "'%s' is out of range", text);
    *value = (u64)exact;
    return check_range(p, *value, text, why);
}

static bool read_switch(const struct param *p, const char *text, u64 *value, char why[PARAM_WHY_BYTES])
{
    static const char *const words[] = {"false", "true", "off", "on"};
    for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
        if (strcmp(text, words[i]) != 0) continue;
        *value = i & 1;
        return true;
    }
    return refuse(p, why, "'%s' is not a switch", text);
}

static bool read_choice(const struct param *p, const char *text, u64 *value, char why[PARAM_WHY_BYTES])
{
    for (unsigned i = 0; p->range.names[i]; i++) {
        if (strcmp(text, p->range.names[i]) != 0) continue;
        *value = i;
        return true;
    }
    return refuse(p, why, "'%s' is not one of the choices", text);
}

/* --- fields --- */

static void store(const struct param *p, void *base, u64 value)
{
    char *field = (char *)base + p->offset;
    switch (p->type) {
    case PARAM_u32:
        *(u32 *)(void *)field = (u32)value;
        break;
    case PARAM_u64:
        *(u64 *)(void *)field = value;
        break;
    case PARAM_bool:
        *(bool *)field = value;
        break;
    case PARAM_choice:
        *(param_choice_t *)(void *)field = (u32)value;
        break;
    case PARAM_text:
        memset(field, 0, PARAM_TEXT_BYTES);
        break;
    }
}

static u64 load(const struct param *p, const void *base)
{
    const char *field = (const char *)base + p->offset;
    switch (p->type) {
    case PARAM_u32:
        return *(const u32 *)(const void *)field;
    case PARAM_u64:
        return *(const u64 *)(const void *)field;
    case PARAM_bool:
        return *(const bool *)field;
    case PARAM_choice:
        return *(const param_choice_t *)(const void *)field;
    default:
        return 0;
    }
}

void param_set_default(const struct param *p, void *base)
{
    char why[PARAM_WHY_BYTES];
    bool sane = (p->type != PARAM_u32 && p->type != PARAM_u64) || check_range(p, p->def, "the default", why);
    CHECK(sane, "parameter %s: %s", p->name, why);
    store(p, base, p->def);
}

static bool set_text(const struct param *p, void *base, const char *text, char why[PARAM_WHY_BYTES])
{
    if (strlen(text) >= PARAM_TEXT_BYTES) return refuse(p, why, "the text is too long");
    store(p, base, 0);
    strcpy((char *)base + p->offset, text);
    return true;
}

bool param_set(const struct param *p, void *base, const char *text, char why[PARAM_WHY_BYTES])
{
    u64 value = 0;
    bool good;
    switch (p->type) {
    case PARAM_bool:
        good = read_switch(p, text, &value, why);
        break;
    case PARAM_choice:
        good = read_choice(p, text, &value, why);
        break;
    case PARAM_text:
        return set_text(p, base, text, why);
    default:
        good = read_quantity(p, text, &value, why);
    }
    if (good) store(p, base, value);
    return good;
}

static const char *print_value(const struct param *p, u64 value, char text[PARAM_VALUE_BYTES])
{
    switch (p->type) {
    case PARAM_bool:
        strcpy(text, value ? "true" : "false");
        return text;
    case PARAM_choice:
        snprintf(text, PARAM_VALUE_BYTES, "%s", p->range.names[value]);
        return text;
    default:
        return print_quantity(quantity_of(p), value, text, PARAM_VALUE_BYTES);
    }
}

const char *param_print(const struct param *p, const void *base, char text[PARAM_VALUE_BYTES])
{
    if (p->type != PARAM_text) return print_value(p, load(p, base), text);
    snprintf(text, PARAM_VALUE_BYTES, "%s", (const char *)base + p->offset);
    return text;
}

const char *param_print_default(const struct param *p, char text[PARAM_VALUE_BYTES])
{
    if (p->type != PARAM_text) return print_value(p, p->def, text);
    *text = 0;
    return text;
}
