/* random_kit.h - what the random guests share: the console, random numbers, the command line. */
#ifndef RANDOM_KIT_H
#define RANDOM_KIT_H

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define UART      0x3f8
#define EXIT_PORT 0xf4
#define TEXT2(x)  #x
#define TEXT(x)   TEXT2(x)

static void out(u16 port, u8 value) { __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port)); }

static void print(const char *text)
{
    while (*text) out(UART, (u8)*text++);
}

static void print_hex(u64 value)
{
    int shift = 60;
    while (shift && !(value >> shift)) shift -= 4;
    for (; shift >= 0; shift -= 4) out(UART, (u8) "0123456789abcdef"[value >> shift & 15]);
    out(UART, ' ');
}

/* --- random numbers: xorshift32 --- */

static u32 random_state;

static u32 draw(u32 below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return (random_state >> 8) % below;
}

static int chance(u32 percent) { return draw(100) < percent; }

static void begin_drawing(u32 seed) { random_state = seed * 2654435769u + 1; }

/* The number behind `name` in the command line. */
static u32 word(const char *line, const char *name, u32 otherwise)
{
    for (; *line; line++) {
        u32 n = 0;
        while (name[n] && line[n] == name[n]) n++;
        if (name[n]) continue;
        u32 value = 0;
        for (line += n; *line >= '0' && *line <= '9'; line++) value = 10 * value + (u32)(*line - '0');
        return value;
    }
    return otherwise;
}

#endif
