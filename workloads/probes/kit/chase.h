/* chase.h - pointer chases: each load gives the address of the next, in a random order that no prefetcher guesses.
 *
 * Places are chosen by the probe, so that one chase can be run through different mappings of the same memory: what
 * differs then is translation alone.
 */
#ifndef PROBES_CHASE_H
#define PROBES_CHASE_H

#include "probes/kit/probe.h"

enum { CHASE_MAX = 1 << 16 }; /* places */

/* Address of place i; it holds 8 bytes of its own. */
typedef u64 (*chase_place)(u64 i, const void *self);

/* Links places 0..n-1 to one random cycle, always the same; n is 1..CHASE_MAX. Gives the address of place 0. */
u64 chase_link(u64 n, chase_place place, const void *self);

/* Ticks of so many loads from there on. */
u64 chase_ticks(u64 first, u64 loads);

/* Links and runs: hundredths of ticks that a load takes, warm; clocks and fences cancel. */
u64 chase_latency(u64 n, chase_place place, const void *self);

#endif
