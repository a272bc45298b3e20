/* types.h - integer names, units and small macros that the whole guest runtime uses. */
#ifndef KIT_TYPES_H
#define KIT_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;
typedef int8_t i8;
typedef int16_t i16;
typedef int32_t i32;
typedef int64_t i64;
typedef unsigned long long ull; /* what printf's %llu and %llx take */

#define KiB 1024ull
#define MiB (1024 * KiB)
#define GiB (1024 * MiB)

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define BIT(n)          (1ull << (n))
#define ALWAYS_INLINE   inline __attribute__((always_inline)) /* for what USER_CODE calls */

static inline u64 round_up(u64 value, u64 unit)
{
    return (value + unit - 1) & ~(unit - 1);
}

static inline u64 round_down(u64 value, u64 unit)
{
    return value & ~(unit - 1);
}

static inline u64 smaller(u64 a, u64 b)
{
    return a < b ? a : b;
}

#endif
