/* memory_bench.h - for tests of things that answer memory requests: one model between two mock neighbours.
 *
 * Above: a scripted asker, which sends request i at a given cycle and keeps the reply. Below: a mock memory
 *        of fixed latency that logs
 * what reaches it. At 1 GHz unless bench_init_at says otherwise: cycle n is at n * 1000 ps.
 */
#ifndef TESTS_MEMORY_BENCH_H
#define TESTS_MEMORY_BENCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "caches/port.h"
#include "models/sim/clock.h"

#define BENCH_MAX   1024
#define BENCH_NEVER UINT64_MAX

/* A request's reply. */
struct reply {
    enum port_answer answer;
    u64 sent, ready; /* cycles; ready is BENCH_NEVER until the data are there */
    enum served served;
    unsigned order; /* number of replies that were ready before */
};

/* The level below: answers after `latency` cycles, at once (PORT_HIT) or by a call (`calls`). */
struct mock_memory {
    struct clock *clock;
    u64 latency;
    bool calls;
    enum served served;
    unsigned n;
    struct {
        u64 cycle;
        struct mem_request r;
    } seen[BENCH_MAX];
};

struct bench {
    struct clock clock;
    unsigned tick;
    struct mem_port port; /* of the model under test */
    struct mock_memory below;
    unsigned n, n_sent, n_ready;
    struct {
        u64 cycle;
        struct mem_request r;
        struct mem_port port;
    } script[BENCH_MAX];
    struct reply reply[BENCH_MAX];
};

/* --- below --- */

static inline void mock_call(void *self, u64 i)
{
    struct mock_memory *m = self;

    if (m->seen[i].r.done) m->seen[i].r.done(m->seen[i].r.self, m->seen[i].r.token, m->served);
}

static inline enum port_answer mock_access(void *self, const struct mem_request *r, u64 *ready_cycle,
                                           enum served *served)
{
    struct mock_memory *m = self;

    assert_true(m->n < BENCH_MAX);
    m->seen[m->n].cycle = clock_now(m->clock);
    m->seen[m->n].r = *r;
    *ready_cycle = clock_now(m->clock) + m->latency;
    *served = m->served;
    if (m->calls && r->kind != MEM_WRITEBACK) clock_post(m->clock, *ready_cycle, mock_call, m, m->n);
    m->n++;
    return m->calls && r->kind != MEM_WRITEBACK ? PORT_PENDING : PORT_HIT;
}

static inline struct mem_port mock_port(struct mock_memory *m)
{
    return (struct mem_port){.access = mock_access, .self = m};
}

/* --- above --- */

static inline void bench_done(void *self, u64 token, enum served served)
{
    struct bench *b = self;

    assert_int_equal(b->reply[token].ready, BENCH_NEVER);
    b->reply[token].ready = clock_now(&b->clock);
    b->reply[token].served = served;
    b->reply[token].order = b->n_ready++;
}

static inline void bench_issue(struct bench *b, unsigned i)
{
    struct reply *reply = &b->reply[i];
    u64 ready = 0;
    enum served served = SERVED_UNKNOWN;

    reply->sent = clock_now(&b->clock);
    reply->ready = BENCH_NEVER;
    reply->answer = port_access(&b->script[i].port, &b->script[i].r, &ready, &served);
    if (reply->answer != PORT_HIT) return;
    reply->ready = ready;
    reply->served = served;
    reply->order = b->n_ready++;
}

static inline u64 bench_tick(void *self, u64 cycle)
{
    struct bench *b = self;
    u64 next = CLOCK_SLEEP;

    for (unsigned i = b->n_sent; i < b->n && b->script[i].cycle <= cycle; i++) {
        bench_issue(b, i);
        b->n_sent++;
    }
    if (b->n_sent < b->n) next = b->script[b->n_sent].cycle;
    return next;
}

/* Adds a request of line number `line` at `cycle`, not before the one added last; returns its index. */
static inline unsigned bench_add(struct bench *b, u64 cycle, enum mem_kind kind, enum mem_origin origin,
                                 u64 line)
{
    const unsigned i = b->n++;

    assert_true(i < BENCH_MAX);
    b->script[i].cycle = cycle;
    b->script[i].port = b->port;
    b->script[i].r = (struct mem_request){
        .at = HPA(line << LINE_SHIFT), .kind = (u8)kind, .origin = (u8)origin, .done = bench_done, .self = b, .token = i};
    if (kind == MEM_WRITEBACK) b->script[i].r.done = NULL;
    clock_wake(&b->clock, b->tick, cycle);
    return i;
}

static inline unsigned bench_read(struct bench *b, u64 cycle, u64 line)
{
    return bench_add(b, cycle, MEM_READ, ORIGIN_DATA, line);
}

static inline unsigned bench_write(struct bench *b, u64 cycle, u64 line)
{
    return bench_add(b, cycle, MEM_WRITE, ORIGIN_DATA, line);
}

/* Runs all cycles before `cycle`. */
static inline void bench_run(struct bench *b, u64 cycle)
{
    kernel_run_until(clock_cycle_to_ps(&b->clock, cycle));
}

/* True if the data of request i are there at `cycle`; runs up to it. Ask in order of time. */
static inline bool bench_answered_by(struct bench *b, unsigned i, u64 cycle)
{
    bench_run(b, cycle + 1);
    return b->n_sent > i && b->reply[i].ready <= cycle;
}

/* Asserts that request i is answered at `cycle` and not a cycle before. */
static inline void bench_expect_at(struct bench *b, unsigned i, u64 cycle)
{
    assert_false(bench_answered_by(b, i, cycle - 1));
    assert_true(bench_answered_by(b, i, cycle));
}

static inline void bench_init_at(struct bench *b, u64 frequency_hz, u64 latency_below)
{
    memset(b, 0, sizeof *b);
    kernel_init();
    clock_init(&b->clock, "core", frequency_hz, true);
    b->below = (struct mock_memory){.clock = &b->clock, .latency = latency_below, .served = SERVED_L3};
    b->tick = clock_add_tick(&b->clock, bench_tick, b);
}

static inline void bench_init(struct bench *b, u64 latency_below)
{
    bench_init_at(b, 1 * GHz, latency_below);
}

static inline void bench_fini(struct bench *b)
{
    clock_fini(&b->clock);
    kernel_fini();
}

#endif
