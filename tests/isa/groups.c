/* groups.c - runs every group of this folder: one line each, "ok NAME" or "FAIL NAME row N", or "skip NAME" where the
 * processor lacks what the group needs. Compiled for Linux with on_linux.c, for the simulator with on_gigogne.c. */
#include "groups.h"

enum { EAX, EBX, ECX, EDX };

/* What CPUID must say: leaf, register, bits. All of them. */
struct need {
    unsigned leaf;
    int reg;
    unsigned bits;
};

struct group {
    const char *name;
    int (*run)(void);
    struct need need[2];
};

/* clang-format off */
#define BIT(n) (1u << (n))
#define NEED_NONE   {{0, 0, 0}}
#define NEED_CX16   {{1, ECX, BIT(13)}}
#define NEED_BITS   {{1, ECX, BIT(22) | BIT(23)}, {7, EBX, BIT(3) | BIT(8) | BIT(19)}}
#define NEED_SSE42  {{1, ECX, BIT(0) | BIT(9) | BIT(19) | BIT(20)}}
#define NEED_AVX2   {{1, ECX, BIT(12) | BIT(27) | BIT(28) | BIT(29)}, {7, EBX, BIT(5)}}
#define NEED_CRYPTO {{1, ECX, BIT(1) | BIT(20) | BIT(25)}}
#define NEED_XSAVE  {{1, ECX, BIT(26) | BIT(27)}}

#define GROUPS(G)             \
    G(integer, NEED_NONE)     \
    G(shift,   NEED_NONE)     \
    G(muldiv,  NEED_NONE)     \
    G(bits,    NEED_BITS)     \
    G(string,  NEED_NONE)     \
    G(control, NEED_NONE)     \
    G(legacy,  NEED_NONE)     \
    G(atomic,  NEED_CX16)     \
    G(x87,     NEED_NONE)     \
    G(mmx,     NEED_NONE)     \
    G(sse,     NEED_SSE42)    \
    G(avx,     NEED_AVX2)     \
    G(crypto,  NEED_CRYPTO)   \
    G(xsave,   NEED_XSAVE)
/* clang-format on */

#define DECLARE(group_name, need) int isa_##group_name(void);
GROUPS(DECLARE)
#define ROW(group_name, need) {#group_name, isa_##group_name, need},
static const struct group groups[] = {GROUPS(ROW)};

static void cpuid(unsigned leaf, unsigned out[4])
{
    __asm__ volatile("cpuid" : "=a"(out[EAX]), "=b"(out[EBX]), "=c"(out[ECX]), "=d"(out[EDX]) : "a"(leaf), "c"(0));
}

static int has(const struct need *n)
{
    unsigned out[4];
    cpuid(n->leaf, out);
    return (out[n->reg] & n->bits) == n->bits;
}

static int run_group(const struct group *g)
{
    if (!has(&g->need[0]) || !has(&g->need[1])) {
        printf("skip %s: the processor lacks a feature\n", g->name);
        return 0;
    }
    int row = g->run();
    if (row)
        printf("FAIL %s row %d\n", g->name, row);
    else
        printf("ok %s\n", g->name);
    return row != 0;
}

int isa_groups(void)
{
    int failures = 0;
    for (unsigned n = 0; n < sizeof groups / sizeof *groups; n++) failures += run_group(&groups[n]);
    return failures;
}
