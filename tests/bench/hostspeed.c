/* hostspeed.c - how fast is this host, now: a fixed loop of dependent integer work, and one of dependent loads. Two numbers that stand
 * beside every measurement of the simulator's speed, since hosts differ and share their cores. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { STEPS = 100000000, LOADS = 20000000, CHAIN = 1 << 20 }; /* 4 MiB: beyond an L2, within an L3 */

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint64_t xorshift(uint64_t x)
{
    x ^= x << 13;
    x ^= x >> 7;
    return x ^ x << 17;
}

static double time_steps(uint64_t *result)
{
    double start = seconds();
    for (int i = 0; i < STEPS; i++) *result = xorshift(*result);
    return (seconds() - start) * 1e9 / STEPS;
}

/* One cycle through all elements (Sattolo's shuffle). */
static void link_chain(uint32_t *next)
{
    uint64_t random = 1;
    for (uint32_t i = 0; i < CHAIN; i++) next[i] = i;
    for (uint32_t i = CHAIN - 1; i > 0; i--) {
        random = xorshift(random);
        uint32_t j = (uint32_t)(random % i), t = next[i];
        next[i] = next[j];
        next[j] = t;
    }
}

static double time_loads(const uint32_t *next, uint32_t *at)
{
    double start = seconds();
    for (int i = 0; i < LOADS; i++) *at = next[*at];
    return (seconds() - start) * 1e9 / LOADS;
}

int main(void)
{
    uint32_t *next = malloc(CHAIN * sizeof *next), at = 0;
    uint64_t x = 88172645463325252u;
    if (!next) return 1;
    double step_ns = time_steps(&x);
    link_chain(next);
    double load_ns = time_loads(next, &at);
    printf("host: %.2f ns per step of xorshift64, %.1f ns per dependent load within 4 MiB\n", step_ns, load_ns);
    free(next);
    return x == 0 && at == 0; /* keeps the results */
}
