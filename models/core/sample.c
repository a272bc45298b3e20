#include "models/core/sample.h"
#include "models/sim/check.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PARAM_OF struct sample_cfg
const struct param sample_params[] = {SAMPLE_PARAMS(PARAM_ROW)};
#undef PARAM_OF
const size_t sample_params_count = ARRAY_LEN(sample_params);

#define MILLION 1e6
#define FEW     30 /* windows: below, their mean need not be normally distributed */

static const struct {
    const char *percent;
    double quantile; /* of the normal distribution, two-sided */
} confidences[] = {{"99.7", 2.967737925}, {"99", 2.575829304}, {"95", 1.959963985}};

const char *sample_cfg_problem(const struct sample_cfg *cfg)
{
    if (cfg->detailed_instructions + cfg->window_instructions < cfg->period_instructions) return NULL;
    return "period_instructions must be more than detailed_instructions + window_instructions";
}

/* --- estimates --- */

/* Student's t by its distance from the normal distribution: R. Fisher, E. Cornish, "The percentile points of distributions having known
 * cumulants" (Technometrics 1960). */
static double student(double z, double freedom)
{
    double z2 = z * z, z3 = z * z2, z5 = z3 * z2, z7 = z5 * z2, z9 = z7 * z2;
    double term[] = {(z3 + z) / 4, (5 * z5 + 16 * z3 + 3 * z) / 96, (3 * z7 + 19 * z5 + 17 * z3 - 15 * z) / 384,
                     (79 * z9 + 776 * z7 + 1482 * z5 - 1920 * z3 - 945 * z) / 92160};
    double t = z, power = 1;
    for (unsigned i = 0; i < ARRAY_LEN(term); i++) t += term[i] / (power *= freedom);
    return t;
}

double sample_interval(double sum, double squares, u64 n, u32 confidence)
{
    double draws = (double)n;
    double variance = (squares - sum * sum / draws) / (draws - 1);
    if (variance <= 0) return 0;
    return student(confidences[confidence].quantile, draws - 1) * sqrt(variance / draws);
}

static u64 rounded(double value)
{
    return (u64)(value + 0.5);
}

static void estimate_rate(struct sample *s, unsigned m)
{
    double scale = MILLION / (double)s->cfg.window_instructions, n = (double)s->windows;
    s->stats.rate[m] = rounded(s->sum[m] / n * scale);
    if (s->windows > 1)
        s->stats.rate_interval[m] =
            rounded(sample_interval(s->sum[m], s->squares[m], s->windows, s->cfg.confidence) * scale);
}

static u64 idle_cycles(const struct core *c)
{
    u64 sum = 0;
    for (unsigned w = 0; w < WORLD_COUNT; w++) sum += c->account.leaf[w][CAUSE_idle];
    return sum;
}

/* Without a window nothing is known of the cycles. */
static void estimate(struct sample *s)
{
    struct sample_stats *e = &s->stats;
    memset(e, 0, sizeof *e);
    e->windows = s->windows;
    e->instructions = s->core->hart->instructions - s->first_instruction;
    e->idle_cycles = idle_cycles(s->core) - s->first_idle;
    if (s->windows == 0) return;
    for (unsigned m = 0; m < SAMPLE_MEASURES; m++) estimate_rate(s, m);
    double per_cycle = (double)e->instructions / (double)s->cfg.window_instructions;
    e->cpi_millionths = e->rate[SAMPLE_CYCLES];
    e->cpi_interval_millionths = e->rate_interval[SAMPLE_CYCLES];
    e->cycles = e->idle_cycles + rounded(s->sum[SAMPLE_CYCLES] / (double)s->windows * per_cycle);
    if (s->windows > 1)
        e->cycles_interval =
            rounded(sample_interval(s->sum[SAMPLE_CYCLES], s->squares[SAMPLE_CYCLES], s->windows, s->cfg.confidence) * per_cycle);
}

/* --- windows --- */

static u64 steps_of(const struct core *c)
{
    return c->hart->instructions + c->hart->parts;
}

static u64 measured(const struct sample *s, unsigned m)
{
    if (m == SAMPLE_CYCLES) return s->core->cycles - idle_cycles(s->core);
    return *s->counter[m];
}

static void begin_window(struct sample *s)
{
    core_sync(s->core);
    s->watch.window(s->watch.self, true);
    for (unsigned m = 0; m < SAMPLE_MEASURES; m++) s->before[m] = measured(s, m);
    s->steps_before = steps_of(s->core);
}

static void end_window(struct sample *s)
{
    core_sync(s->core);
    s->watch.window(s->watch.self, false);
    for (unsigned m = 0; m < SAMPLE_MEASURES; m++) {
        double x = (double)(measured(s, m) - s->before[m]);
        s->sum[m] += x;
        s->squares[m] += x * x;
    }
    s->windows++;
    s->steps += steps_of(s->core) - s->steps_before;
    core_set_pace(s->core, (u64)s->sum[SAMPLE_CYCLES], s->steps);
}

/* --- phases --- */

static u64 below(u64 from, u64 count)
{
    return from > count ? from - count : 0;
}

static void set_phase(struct sample *s, enum sample_phase phase, u64 until)
{
    bool timed = phase == SAMPLE_DETAILED || phase == SAMPLE_WINDOW;
    if (s->phase == SAMPLE_WARMING && phase != SAMPLE_WARMING) warm_stop(s->warm);
    if (phase == SAMPLE_WARMING && s->phase != SAMPLE_WARMING) warm_start(s->warm);
    s->phase = phase;
    s->core->timed_edge = timed ? until : UINT64_MAX;
    s->core->fast_edge = timed ? UINT64_MAX : until;
    if (timed != (s->core->wanted != CORE_FAST)) core_switch(s->core, timed ? s->kind : CORE_FAST);
}

/* Where the timed core must take over for the next window. */
static u64 takeover(const struct sample *s)
{
    return below(s->next_window, s->cfg.detailed_instructions);
}

static void run_fast(struct sample *s)
{
    set_phase(s, SAMPLE_FAST, below(takeover(s), s->cfg.warming_instructions));
}

/* Anywhere in the period: D. Knuth's linear congruential generator, whose high bits have the long period. */
static void place_window(struct sample *s)
{
    const struct sample_cfg *c = &s->cfg;
    u64 places = c->period_instructions - c->detailed_instructions - c->window_instructions + 1;
    s->generator = s->generator * 6364136223846793005ull + 1442695040888963407ull;
    s->next_window = s->period + c->detailed_instructions + (s->generator >> 24) % places;
}

void sample_pass_edge(struct sample *s)
{
    switch (s->phase) {
    case SAMPLE_OFF:
        sample_begin(s, s->core->hart->instructions);
        break;
    case SAMPLE_FAST:
        set_phase(s, SAMPLE_WARMING, takeover(s));
        break;
    case SAMPLE_WARMING:
        set_phase(s, SAMPLE_DETAILED, s->next_window);
        break;
    case SAMPLE_DETAILED:
        begin_window(s);
        set_phase(s, SAMPLE_WINDOW, s->core->hart->instructions + s->cfg.window_instructions);
        break;
    case SAMPLE_WINDOW:
        end_window(s);
        s->period += s->cfg.period_instructions;
        place_window(s);
        run_fast(s);
        break;
    }
}

void sample_begin(struct sample *s, u64 instruction)
{
    u64 now = s->core->hart->instructions;
    if (instruction > now) {
        s->core->fast_edge = instruction;
        return;
    }
    core_sync(s->core);
    s->begun = true;
    s->first_instruction = now;
    s->first_idle = idle_cycles(s->core);
    s->windows = s->steps = 0;
    memset(s->sum, 0, sizeof s->sum);
    memset(s->squares, 0, sizeof s->squares);
    s->period = now;
    s->generator = 1;
    place_window(s);
    run_fast(s);
}

void sample_end(struct sample *s)
{
    if (!s->begun) return;
    core_sync(s->core);
    estimate(s);
    set_phase(s, SAMPLE_OFF, UINT64_MAX);
    s->begun = false;
}

void sample_init(struct sample *s, const struct sample_wiring *w)
{
    memset(s, 0, sizeof *s);
    s->cfg = *w->cfg;
    s->core = w->core;
    s->warm = w->warm;
    s->kind = w->kind;
    s->watch = w->watch;
    memcpy(s->counter, w->counter, sizeof s->counter);
    s->core->sample = s;
    mmu_keep_structures(s->core->mmu);
}

/* --- reports --- */

#define STAT_OF struct sample_stats
/* clang-format off */
static const struct stat_row rows[] = {
    SAMPLE_STATS(STAT_ROW)
#define SAMPLE_ROWS(name, meaning)                                                                                              \
    {#name "_per_million", offsetof(STAT_OF, rate[SAMPLE_##name]), meaning ": estimate of those in a million instructions"}, \
    {#name "_per_million_interval", offsetof(STAT_OF, rate_interval[SAMPLE_##name]), "interval of these"},
    SAMPLE_RATES(SAMPLE_ROWS)
#undef SAMPLE_ROWS
};
/* clang-format on */
#undef STAT_OF

void sample_register_stats(const struct sample *s, struct stats *reg, const char *prefix)
{
    char path[64];
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        snprintf(path, sizeof path, "%s.sample.%s", prefix, rows[i].name);
        stats_add_level(reg, path, rows[i].meaning, (const u64 *)(const void *)((const char *)&s->stats + rows[i].offset));
    }
}

void sample_print(const struct sample *s, FILE *out)
{
    const struct sample_stats *e = &s->stats;
    double cycles = (double)e->cycles;
    if (e->windows < 2) {
        fprintf(out, "sampled: %llu windows in %llu instructions: no estimate; sample.period_instructions is too long\n",
                (unsigned long long)e->windows, (unsigned long long)e->instructions);
        return;
    }
    fprintf(out, "sampled: %llu windows of %llu instructions: CPI %.4f +- %.4f, %llu cycles +- %.2f %% (%s %% confidence)%s\n",
            (unsigned long long)e->windows, (unsigned long long)s->cfg.window_instructions, (double)e->cpi_millionths / MILLION,
            (double)e->cpi_interval_millionths / MILLION, (unsigned long long)e->cycles, cycles > 0 ? 100 * (double)e->cycles_interval / cycles : 0,
            confidences[s->cfg.confidence].percent, e->windows < FEW ? "; few windows: do not trust the interval" : "");
}
