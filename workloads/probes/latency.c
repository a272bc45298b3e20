/* latency.c - how long instructions take of which each needs the result of the one before: a slope over straight code.
 *
 * A chain is what prepares the registers, once, and the link that is repeated. RDI points to memory in the L1D that
 * holds, where a load of the chain looks, that place's own address. */
#include "probes/kit/probe.h"

enum { LINE_SPLIT_AT = 0x13c, PAGE_SPLIT_AT = PAGE_4K - 4, LINKS = 128 };

static bool always(void)
{
    return true;
}
static bool has_popcnt(void)
{
    return cpuid(1, 0).ecx & BIT(23);
}
static bool has_fma(void)
{
    return cpuid(1, 0).ecx & BIT(12);
}
static bool has_rdtscp(void)
{
    return cpuid(0x80000001, 0).edx & BIT(27);
}

#define ONE_IN_XMM "mov $0x3ff0000000000000, %rax; movq %rax, %xmm0; movaps %xmm0, %xmm1"

/* CHAIN(item, needs, prepare, link) */
/* clang-format off */
#define CHAINS(CHAIN)                                                                                              \
    CHAIN(l1d_hit,            always, "mov %rdi, %rax",               "mov (%rax), %rax")                          \
    CHAIN(l1d_hit_indexed,    always, "mov %rdi, %rax; xor %ecx, %ecx", "mov (%rax, %rcx), %rax")                  \
    CHAIN(line_split,         always, "lea 0x13c(%rdi), %rax",        "mov (%rax), %rax")                          \
    CHAIN(page_split,         always, "lea 0xffc(%rdi), %rax",        "mov (%rax), %rax")                          \
    CHAIN(add,                always, "mov $1, %eax",                 "add $1, %rax")                              \
    CHAIN(shl_imm,            always, "mov $1, %eax",                 "shl $3, %rax")                              \
    CHAIN(cmov,               always, "xor %eax, %eax",               "cmovz %rbx, %rax")                          \
    CHAIN(adc,                always, "xor %eax, %eax",               "adc $1, %rax")                              \
    CHAIN(imul,               always, "mov $3, %eax",                 "imul %rax, %rax")                           \
    CHAIN(popcnt,             has_popcnt, "mov $3, %eax",             "popcnt %rax, %rax")                         \
    CHAIN(bsr,                always, "mov $3, %eax",                 "bsr %rax, %rax")                            \
    CHAIN(lea3,               always, "mov $1, %eax; mov $1, %ebx",   "lea 1(%rax, %rbx), %rax")                   \
    CHAIN(shl_cl,             always, "mov $1, %eax; mov $3, %ecx",   "shl %cl, %rax")                             \
    CHAIN(div32,              always, "mov $99, %eax; mov $1, %ebx",  "xor %edx, %edx; div %ebx")                  \
    CHAIN(div64,              always, "mov $99, %eax; mov $1, %ebx",  "xor %edx, %edx; div %rbx")                  \
    CHAIN(div64_wide,         always, "mov $99, %eax; mov $3, %ebx",  "mov $1, %edx; div %rbx")                    \
    CHAIN(idiv64,             always, "mov $99, %eax; mov $1, %ebx",  "xor %edx, %edx; idiv %rbx")                 \
    CHAIN(addsd,              always, ONE_IN_XMM,                     "addsd %xmm1, %xmm0")                        \
    CHAIN(mulsd,              always, ONE_IN_XMM,                     "mulsd %xmm1, %xmm0")                        \
    CHAIN(fma,                has_fma, ONE_IN_XMM,                    "vfmadd213sd %xmm1, %xmm1, %xmm0")           \
    CHAIN(divsd,              always, ONE_IN_XMM,                     "divsd %xmm1, %xmm0")                        \
    CHAIN(sqrtsd,             always, ONE_IN_XMM,                     "sqrtsd %xmm0, %xmm0")                       \
    CHAIN(store_forward,      always, "xor %eax, %eax",               "mov %rax, (%rdi); mov (%rdi), %rax")        \
    CHAIN(store_forward_fail, always, "xor %eax, %eax", "mov %eax, (%rdi); mov %eax, 4(%rdi); mov (%rdi), %rax")   \
    CHAIN(lock_add,           always, "xor %eax, %eax",               "lock addq $1, (%rdi)")                      \
    CHAIN(xchg,               always, "xor %eax, %eax",               "xchg %rax, (%rdi)")                         \
    CHAIN(lock_cmpxchg,       always, "xor %eax, %eax",               "lock cmpxchg %rbx, (%rdi)")                 \
    CHAIN(mfence,             always, "xor %eax, %eax",               "mfence")                                    \
    CHAIN(lfence,             always, "xor %eax, %eax",               "lfence")                                    \
    CHAIN(rdtsc,              always, "xor %eax, %eax",               "rdtsc")                                     \
    CHAIN(rdtscp,             has_rdtscp, "xor %eax, %eax",           "rdtscp")
/* clang-format on */

#define ASSEMBLE_CHAIN(item, needs, prepare, link) \
    ASSEMBLE(prepare_##item, prepare);             \
    ASSEMBLE(link_##item, link);
CHAINS(ASSEMBLE_CHAIN)

struct chain {
    bool (*available)(void);
    struct text prepare, link;
};

#define ROW_OF_CHAIN(item, needs, prepare, link) \
    static const struct chain chain_##item = {needs, TEXT_OF(prepare_##item), TEXT_OF(link_##item)};
CHAINS(ROW_OF_CHAIN)

static void emit_chain(struct code *c, u64 n, const void *self)
{
    const struct chain *chain = self;
    code_put_text(c, chain->prepare);
    while (n--) code_put_text(c, chain->link);
}

/* Places that hold their own addresses. */
static u64 make_data(void)
{
    static const u64 places[] = {0, LINE_SPLIT_AT, PAGE_SPLIT_AT};
    static u8 *data;
    if (!data) data = probe_page();
    for (size_t i = 0; i < COUNT_OF(places); i++) *(u64 *)(data + places[i]) = (u64)data + places[i];
    return (u64)data;
}

static u64 measure_chain(const void *self)
{
    const struct chain *chain = self;
    return chain->available() ? probe_slope(emit_chain, LINKS, self, make_data()) : PROBE_ABSENT;
}

#define PROBE_OF_CHAIN(item, needs, prepare, link) {#item, "cycles", measure_chain, &chain_##item},
static const struct probe probes[] = {CHAINS(PROBE_OF_CHAIN)};

int main(void)
{
    return probe_main(probes, COUNT_OF(probes));
}
