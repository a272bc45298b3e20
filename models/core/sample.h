/* sample.h - a sampled run: short windows are measured in detail, and what they say of the whole run is said with its confidence interval.
 *
 *   | fast forward | functional warming, with predictor | detailed warming | window |          one period, over and over
 *     fast core      fast core, warm.h                      timed core         timed core, measured
 *
 * Models:       sampling by instructions retired, as in R. Wunderlich et al., "SMARTS: Accelerating Microarchitecture Simulation via Rigorous
 *               Statistical Sampling" (ISCA 2003); but each window lies anywhere in its period, by a generator with a fixed seed, because loops
 *               are as regular as equal distances: a window would always meet the same part of them. A window's cycles are those between two instructions that the timed core's front
 *               end takes, on a full pipe at both ends. The estimate of cycles is CPI x instructions + idle cycles; idle cycles are not
 *               sampled: the whole run counts them, and windows leave theirs out.
 * Length:       a run's length need not be known: the period begins short and doubles whenever max_windows are measured, of which one of each two
 *               neighbours stays. So a long run costs little more than its functional part, and a short one has windows enough.
 * Interval:     Student's t for the windows as independent draws, and an allowance for what repeating the draws would not show: what functional
 *               warming leaves out (warm.h), and the drained pipe at the region's ends. Full runs of the benches differ by less than
 *               half of it from estimates with narrow intervals.
 * Time:         outside the timed core a step takes the cycles that one took on average in the windows so far (1 before the first),
 *               so devices and the time-stamp counter see about the time of a full run.
 * Statistics:   of the region are sums over all windows measured in it, early parts of a long run more often, and identities hold over
 *               them; histograms hold what was timed, detailed warming included; paths below cpu0.sample are estimates of the whole. A region marker starts the sample anew; at the region's end it is complete, and the fast core runs on.
 * Not modelled: several processors; a sample that follows phases of the program; partial windows at the end are not measured.
 * Neighbours:   core.h asks at the instruction counts that stand in struct core; warm.h; the board reads statistics at the windows' edges.
 * Checked by:   tests/unit/test_sample.c; tests/system/sample.sh
 */
#ifndef CORE_SAMPLE_H
#define CORE_SAMPLE_H

#include "models/core/core.h"
#include "models/core/warm.h"

#define SAMPLE_MAX_WINDOWS 4096

/* clang-format off */
#define SAMPLE_PARAMS(P)                                                                                                              \
    P(bool,   on,                   false,  ANY,                   "the measured part runs sampled (run --sample)")                   \
    P(u64,    period_instructions,  20000,  RANGE(2, 1ull << 40),  "one window is measured in each, at first (run --sample=N)")       \
    P(u32,    max_windows,          256,    RANGE(2, SAMPLE_MAX_WINDOWS), "with so many, every other one is forgotten and the period doubles") \
    P(u64,    window_instructions,  1000,   RANGE(1, 1ull << 30),  "measured in each period")                                         \
    P(u64,    detailed_instructions, 2000,  RANGE(0, 1ull << 30),  "timed and not measured before them: they fill the pipe")          \
    P(u64,    training_instructions, 50000, RANGE(0, 1ull << 40),  "functional warming of caches, translations and branch predictor before these") \
    P(u64,    warming_instructions, 1ull << 40, RANGE(0, 1ull << 40), "the same without the predictor before these; the rest of a period runs without any") \
    P(u32,    allowance_permille,   10,     RANGE(0, 1000),        "of the estimate, in the interval for what sampling itself cannot know: warming, the region's ends") \
    P(choice, confidence,           0,      ONE_OF("99.7", "99", "95"), "of the interval, in percent")

/* What is estimated beside cycles: events per million instructions. The board says where they are counted. */
#define SAMPLE_RATES(R)                                        \
    R(l1i_misses,  "misses of the L1I")                        \
    R(l1d_misses,  "misses of the L1D")                        \
    R(l2_misses,   "misses of the L2")                         \
    R(l3_misses,   "misses of the L3")                         \
    R(dtlb_misses, "misses of the L1 DTLB")                    \
    R(walks,       "page walks")                               \
    R(mispredicts, "branch mispredicts")                       \
    R(exits,       "VM exits")
/* clang-format on */

struct sample_cfg {
    SAMPLE_PARAMS(PARAM_FIELD)
};
extern const struct param sample_params[];
extern const size_t sample_params_count;

/* Measured quantities: cycles first. */
enum sample_measure {
    SAMPLE_CYCLES,
#define SAMPLE_MEASURE(name, meaning) SAMPLE_##name,
    SAMPLE_RATES(SAMPLE_MEASURE)
#undef SAMPLE_MEASURE
    SAMPLE_MEASURES
};

/* clang-format off */
#define SAMPLE_STATS(S)                                                                                \
    S(windows,             "measured windows that the estimates are from")                             \
    S(period_instructions, "each of them stands for so many")                                          \
    S(instructions,        "instructions of the region, all of them")                                  \
    S(cycles,              "estimate of the region's cycles")                                          \
    S(cycles_interval,     "the full run is within so many cycles of it, with sample.confidence")      \
    S(idle_cycles,         "of the estimate: idle cycles, counted and not sampled")                    \
    S(cpi_millionths,      "cycles per instruction without idle ones")                                 \
    S(cpi_interval_millionths, "interval of these")
/* clang-format on */

struct sample_stats {
    SAMPLE_STATS(STAT_FIELD)
    u64 rate[SAMPLE_MEASURES], rate_interval[SAMPLE_MEASURES]; /* per million instructions; [SAMPLE_CYCLES] is cpi_millionths */
};

/* Called at the edges of windows, and where the sample ends: accounts are closed up to now. */
struct sample_watch {
    void (*window)(void *self, bool begins);
    void *self;
};

enum sample_phase { SAMPLE_OFF, SAMPLE_FAST, SAMPLE_WARMING, SAMPLE_TRAINING, SAMPLE_DETAILED, SAMPLE_WINDOW };

struct sample {
    /* fixed at elaboration */
    struct sample_cfg cfg;
    /* wiring */
    struct core *core;
    struct warm *warm;
    struct sample_watch watch;
    const u64 *counter[SAMPLE_MEASURES]; /* [SAMPLE_CYCLES]: NULL, the core's account */
    enum core_kind kind;                 /* of the windows */
    /* state */
    enum sample_phase phase;
    bool begun;                    /* once sample_begin() was called */
    u64 period;                    /* instruction count at which the period of now begins */
    u64 next_window;               /* at which its window begins */
    u64 generator;
    u64 first_instruction, first_idle; /* of the region */
    u64 before[SAMPLE_MEASURES];   /* counters at the window's begin */
    u64 steps_before;
    u64 length;                    /* of the period of now */
    u64 windows;
    double seen[SAMPLE_MAX_WINDOWS][SAMPLE_MEASURES]; /* in the windows that count; integers */
    u64 all_cycles, all_steps;     /* of every window, forgotten ones too */
    /* statistics */
    struct sample_stats stats;
};

struct sample_wiring {
    const struct sample_cfg *cfg;
    struct core *core; /* its MMU keeps its structures from now on */
    struct warm *warm;
    enum core_kind kind;
    struct sample_watch watch;
    const u64 *counter[SAMPLE_MEASURES];
};

void sample_init(struct sample *s, const struct sample_wiring *w);

/* What is wrong with a configuration whose values are each in range, or NULL. */
const char *sample_cfg_problem(const struct sample_cfg *cfg);

/* The region begins at this instruction count (not before the next one), or begins anew: sampled from here on. */
void sample_begin(struct sample *s, u64 instruction);
/* Completes the estimates; the fast core runs on. Nothing if it has not begun, or has ended. */
void sample_end(struct sample *s);

/* The instruction count of core->fast_edge or core->timed_edge is reached: for core.c and timed cores. */
void sample_pass_edge(struct sample *s);

/* Half the width of the interval of the mean of n draws, `stride` doubles from one to the next; n > 1. `confidence`: as the parameter. */
double sample_interval(const double *x, size_t stride, u64 n, u32 confidence);

/* Paths <prefix>.sample.*: levels (stats.h). */
void sample_register_stats(const struct sample *s, struct stats *reg, const char *prefix);

/* One line that says what the sample says. */
void sample_print(const struct sample *s, FILE *out);

#endif
