/* compute.c - arithmetic in registers: the bench that no translation scheme should slow down.
 *
 * Measures: a chain of multiplications and additions; no memory, no system instruction.
 * Words:    iters=200000  steps of the generator
 *           seed=1        its first state
 * Check:    the n-th state of the linear congruential generator x -> a x + c, reached in O(log n) by squaring
 *           the step.
 */
#include "kit/kit.h"

static const u64 multiplier = 6364136223846793005ull;
static const u64 increment = 1442695040888963407ull;

struct step {
    u64 a, c; /* x -> a x + c, modulo 2^64 */
};

static u64 apply(struct step s, u64 x)
{
    return s.a * x + s.c;
}

/* The step that does `first` and then `second`. */
static struct step compose(struct step second, struct step first)
{
    return (struct step){second.a * first.a, apply(second, first.c)};
}

static u64 jump(u64 x, u64 n)
{
    struct step power = {multiplier, increment};
    for (; n; n >>= 1) {
        if (n & 1) x = apply(power, x);
        power = compose(power, power);
    }
    return x;
}

static u64 run(u64 x, u64 n)
{
    while (n--) x = opaque(x * multiplier + increment);
    return x;
}

int main(void)
{
    u64 iters = 200000, seed = 1;
    const struct word words[] = {WORD_ITERS(iters), WORD_SEED(seed)};
    bench_start(words, COUNT_OF(words));

    MARK_WARM();
    u64 start = run(seed, iters / 8);
    bench_begin();
    u64 result = run(start, iters);
    bench_end();

    bool ok = result == jump(seed, iters / 8 + iters);
    return bench_report(ok, "compute: iters=%llu state=0x%llx", (ull)iters, (ull)result);
}
