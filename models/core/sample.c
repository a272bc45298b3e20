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

static double mean_of(const double *x, size_t stride, u64 n)
{
    double sum = 0;
    for (u64 i = 0; i < n; i++) sum += x[i * stride];
    return sum / (double)n;
}

double sample_interval(const double *x, size_t stride, u64 n, u32 confidence)
{
    double mean = mean_of(x, stride, n), squares = 0, freedom = (double)n - 1;
    for (u64 i = 0; i < n; i++) squares += (x[i * stride] - mean) * (x[i * stride] - mean);
    return student(confidences[confidence].quantile, freedom) * sqrt(squares / freedom / (double)n);
}

static u64 rounded(double value)
{
    return (u64)(value + 0.5);
}

/* Of a measured quantity in `instructions`: its estimate and the interval. */
static void estimate_measure(const struct sample *s, unsigned m, double instructions, u64 *value, u64 *interval)
{
    double scale = instructions / (double)s->cfg.window_instructions;
    const double *x = &s->seen[0][m];
    *value = rounded(mean_of(x, SAMPLE_MEASURES, s->windows) * scale);
    *interval = 0;
    if (s->windows < 2) return;
    double allowance = (double)*value * s->cfg.allowance_permille / 1000;
    *interval = rounded(sample_interval(x, SAMPLE_MEASURES, s->windows, s->cfg.confidence) * scale + allowance);
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
    e->period_instructions = s->length;
    e->instructions = s->core->hart->instructions - s->first_instruction;
    e->idle_cycles = idle_cycles(s->core) - s->first_idle;
    if (s->windows == 0) return;
    for (unsigned m = 0; m < SAMPLE_MEASURES; m++)
        estimate_measure(s, m, MILLION, &e->rate[m], &e->rate_interval[m]);
    e->cpi_millionths = e->rate[SAMPLE_CYCLES];
    e->cpi_interval_millionths = e->rate_interval[SAMPLE_CYCLES];
    estimate_measure(s, SAMPLE_CYCLES, (double)e->instructions, &e->cycles, &e->cycles_interval);
    e->cycles += e->idle_cycles;
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

/* A generator of D. Knuth's, linear and congruential: the high bits have the long period. */
static u64 draw(struct sample *s)
{
    s->generator = s->generator * 6364136223846793005ull + 1442695040888963407ull;
    return s->generator >> 24;
}

/* One of each two neighbours stays, and stands for both periods. */
static void thin_out(struct sample *s)
{
    for (u64 i = 0; i < s->windows / 2; i++) memcpy(s->seen[i], s->seen[2 * i + draw(s) % 2], sizeof s->seen[i]);
    s->windows /= 2;
    s->length *= 2;
}

static void end_window(struct sample *s)
{
    core_sync(s->core);
    s->watch.window(s->watch.self, false);
    for (unsigned m = 0; m < SAMPLE_MEASURES; m++) s->seen[s->windows][m] = (double)(measured(s, m) - s->before[m]);
    s->all_cycles += measured(s, SAMPLE_CYCLES) - s->before[SAMPLE_CYCLES];
    s->all_steps += steps_of(s->core) - s->steps_before;
    core_set_pace(s->core, s->all_cycles, s->all_steps);
    s->period += s->length;
    if (++s->windows == s->cfg.max_windows / 2 * 2) thin_out(s);
}

/* --- phases --- */

static u64 below(u64 from, u64 count)
{
    return from > count ? from - count : 0;
}

static bool warms(enum sample_phase phase)
{
    return phase == SAMPLE_WARMING || phase == SAMPLE_TRAINING;
}

static void set_phase(struct sample *s, enum sample_phase phase, u64 until)
{
    bool timed = phase == SAMPLE_DETAILED || phase == SAMPLE_WINDOW;
    if (warms(s->phase) && !warms(phase)) warm_stop(s->warm);
    if (warms(phase) && !warms(s->phase)) warm_start(s->warm);
    s->warm->trains = phase == SAMPLE_TRAINING;
    s->phase = phase;
    s->core->timed_edge = timed ? until : UINT64_MAX;
    s->core->fast_edge = timed ? UINT64_MAX : until;
    if (timed != (s->core->wanted != CORE_FAST)) core_switch(s->core, timed ? s->kind : CORE_FAST);
}

/* Where the timed core must take over for the next window, and where the predictor's training begins before. */
static u64 takeover(const struct sample *s)
{
    return below(s->next_window, s->cfg.detailed_instructions);
}

static u64 training(const struct sample *s)
{
    return below(takeover(s), s->cfg.training_instructions);
}

static void run_fast(struct sample *s)
{
    set_phase(s, SAMPLE_FAST, below(training(s), s->cfg.warming_instructions));
}

/* Anywhere in the period. */
static void place_window(struct sample *s)
{
    const struct sample_cfg *c = &s->cfg;
    u64 places = s->length - c->detailed_instructions - c->window_instructions + 1;
    s->next_window = s->period + c->detailed_instructions + draw(s) % places;
}

void sample_pass_edge(struct sample *s)
{
    switch (s->phase) {
    case SAMPLE_OFF:
        sample_begin(s, s->core->hart->instructions);
        break;
    case SAMPLE_FAST:
        set_phase(s, SAMPLE_WARMING, training(s));
        break;
    case SAMPLE_WARMING:
        set_phase(s, SAMPLE_TRAINING, takeover(s));
        break;
    case SAMPLE_TRAINING:
        set_phase(s, SAMPLE_DETAILED, s->next_window);
        break;
    case SAMPLE_DETAILED:
        begin_window(s);
        set_phase(s, SAMPLE_WINDOW, s->core->hart->instructions + s->cfg.window_instructions);
        break;
    case SAMPLE_WINDOW:
        end_window(s);
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
    s->windows = s->all_cycles = s->all_steps = 0;
    s->length = s->cfg.period_instructions;
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
