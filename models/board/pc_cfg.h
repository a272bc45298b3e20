/* pc_cfg.h - every parameter of the machine, each group at its place in the configuration.
 *
 * Neighbours: pc_params.c binds the groups; processor.c and pc.c build from them.
 */
#ifndef BOARD_PC_CFG_H
#define BOARD_PC_CFG_H

#include "caches/cache.h"
#include "caches/flusher.h"
#include "caches/walker.h"
#include "interconnect/crossbar.h"
#include "interconnect/directory.h"
#include "models/core/inorder.h"
#include "models/core/ooo/ooo.h"
#include "isa/store_buffer.h"
#include "models/core/sample.h"
#include "models/dev/lapic.h"
#include "models/mem/dram.h"
#include "models/sim/config.h"

/* clang-format off */
#define BOARD_PARAMS(P)                                                                                                       \
    P(choice, core,       1,       ONE_OF("fast", "inorder", "ooo"), "core model of the measured part")                            \
    P(u32,    cores,      1,       RANGE(1, 16),                "logical processors")                                         \
    P(u32,    store_buffer_entries, 0, RANGE(0, STORE_BUFFER_MAX), "stores of a processor that others cannot see yet; 0: all are seen at once") \
    P(u64,    ram_bytes,  2 * GiB, RANGE(16 * MiB, 3 * GiB),    "RAM from address 0; a multiple of 4 KiB")                    \
    P(u64,    seed,       1,       ANY,                         "of what RDRAND and RDSEED return")                           \
    P(u32,    quantum_instructions, 256, RANGE(1, 65536),        "fast core, several processors: instructions that one runs before the next has its turn") \
    P(bool,   batching,   true,    ANY,                         "clock domains run on while nothing else is due; changes nothing but speed")
#define RUN_PARAMS(P)                                                                                                         \
    P(choice, switch_at,  0,       ONE_OF("start", "warm", "begin", "instructions"), "the fast core runs until here, then board.core: the start, the guest's `warm` or `begin` marker, or run.switch_instructions") \
    P(u64,    switch_instructions, 0, ANY,                      "instruction count for run.switch_at=instructions")
#define CPU_PARAMS(P)                                                                                                         \
    P(choice, model,      0,       ONE_OF("cascade-lake", "haswell", "nehalem", "tiny", "sandy-bridge", "skylake-sp", "zen2"), "what CPUID reports") \
    P(u64,    frequency_hz, 3100000000ull, RANGE(1 * MHz, 100 * GHz), "core clock, and the time-stamp counter's")             \
    P(bool,   la57,       false,   ANY,                         "it has 57-bit linear addresses: 5-level paging")             \
    P(bool,   umip,       false,   ANY,                         "it has user-mode instruction prevention")                    \
    P(bool,   pks,        false,   ANY,                         "it has protection keys for supervisor-mode pages")
/* clang-format on */

struct board_cfg {
    BOARD_PARAMS(PARAM_FIELD)
};
struct run_cfg {
    RUN_PARAMS(PARAM_FIELD)
};
struct cpu_cfg {
    CPU_PARAMS(PARAM_FIELD)
};

enum switch_at { SWITCH_AT_START, SWITCH_AT_WARM, SWITCH_AT_BEGIN, SWITCH_AT_INSTRUCTIONS };

/* Every parameter of the machine, each group at its place in the configuration: pc_params.c. */
struct pc_cfg {
    struct board_cfg board;
    struct run_cfg run;
    struct cpu_cfg cpu;
    struct inorder_cfg inorder;
    struct ooo_cfg ooo;
    struct ideal_cfg ideal;
    struct sample_cfg sample;
    struct cost_cfg cost;
    struct bpred_cfg bpred;
    struct mmu_cfg mmu;
    struct walker_cfg walker;
    struct write_combining_cfg wc;
    struct flusher_cfg flusher;
    struct vmx_cfg vmx;
    struct cache_cfg l1i, l1d, l2, l3;
    struct crossbar_cfg crossbar;
    struct directory_cfg directory;
    struct dram_cfg dram;
    struct lapic_cfg lapic;
};

/* false: messages printed. */
bool pc_cfg_bind(struct pc_cfg *cfg, struct config *c);

#endif
