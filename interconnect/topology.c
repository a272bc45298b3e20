/* topology.c - distances between stops. */
#include "interconnect/topology.h"

#include "models/sim/check.h"

static u32 apart(u32 a, u32 b)
{
    return a > b ? a - b : b - a;
}

static u32 crossbar_steps(const struct topology *t, u32 from, u32 to)
{
    (void)t;
    (void)from;
    (void)to;
    return 0;
}

static u32 ring_steps(const struct topology *t, u32 from, u32 to)
{
    const u32 one_way = apart(from, to) % t->slices;

    return one_way < t->slices - one_way ? one_way : t->slices - one_way;
}

static u32 mesh_steps(const struct topology *t, u32 from, u32 to)
{
    return apart(from / t->columns, to / t->columns) + apart(from % t->columns, to % t->columns);
}

#define TOPOLOGY_STEPS(name, meaning) name##_steps,
static u32 (*const steps[])(const struct topology *t, u32 from, u32 to) = {TOPOLOGIES(TOPOLOGY_STEPS)};

u32 topology_cycles(const struct topology *t, u32 from, u32 to)
{
    CHECK(t->choice < ARRAY_LEN(steps), "no topology %u", t->choice);
    return t->hop_cycles + t->stop_cycles * steps[t->choice](t, from, to);
}

u32 topology_slice(const struct topology *t, u64 line)
{
    return topology_spread(line, t->slices);
}
