/* types.h - the words every file shares: integers, units, bit fields, and three kinds of address.
 *
 * The three address types are structs on purpose: passing a guest-physical address where a
 * host-physical one is meant does not compile. */
#ifndef SIM_TYPES_H
#define SIM_TYPES_H

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

typedef struct { u64 v; } va_t;  /* linear address */
typedef struct { u64 v; } gpa_t; /* guest-physical address (= hpa without EPT) */
typedef struct { u64 v; } hpa_t; /* host-physical address: what caches and RAM see */

#define VA(x)  ((va_t){(x)})
#define GPA(x) ((gpa_t){(x)})
#define HPA(x) ((hpa_t){(x)})

#define KiB 1024ull
#define MiB (1024 * KiB)
#define GiB (1024 * MiB)

#define KHz 1000ull
#define MHz (1000 * KHz)
#define GHz (1000 * MHz)

#define PAGE_SHIFT 12
#define PAGE_BYTES 4096ull
#define LINE_SHIFT 6
#define LINE_BYTES 64ull /* the coherence granule of every cache in the machine */

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
#define LIKELY(x)    __builtin_expect(!!(x), 1)
#define UNLIKELY(x)  __builtin_expect(!!(x), 0)

#define BIT(n) (1ull << (n))

/* Bits hi..lo of v, moved down to bit 0. 63 >= hi >= lo. */
static inline u64 bits(u64 v, unsigned hi, unsigned lo)
{
    return (v >> lo) & (~0ull >> (63 - (hi - lo)));
}

static inline u64 min_u64(u64 a, u64 b) { return a < b ? a : b; }
#define PS_PER_SECOND 1000000000000ull

static inline u32 max_u32(u32 a, u32 b) { return a > b ? a : b; }
static inline u64 max_u64(u64 a, u64 b) { return a > b ? a : b; }

#endif
