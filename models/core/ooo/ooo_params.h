/* ooo_params.h - parameters and statistics of the out-of-order core. */
#ifndef CORE_OOO_PARAMS_H
#define CORE_OOO_PARAMS_H

#include "models/core/load_latency.h"
#include "models/core/operation.h"
#include "models/core/topdown.h"
#include "models/sim/params.h"

/* Defaults: Cascade Lake. Sizes: results/reference/presets.md and cascade-lake-measured.csv; front end and
 * registers: Intel, "64 and IA-32 Architectures Optimization Reference Manual", "Skylake Client
 * Microarchitecture"; Agner Fog, "The microarchitecture of Intel, AMD and VIA CPUs", Skylake. */
/* clang-format off */
#define OOO_PARAMS(P)                                                                                                 \
    P(choice, units, 0, OPERATION_TABLES, "ports and latencies: models/core/uops_<units>.def")                        \
    P(u32, fetch_bytes, 16, POW2_RANGE(8, 64), "aligned bytes that the legacy decoders take a cycle")                 \
    P(u32, decoders, 4, RANGE(1, 8), "instructions decoded a cycle; only the first may be several micro-operations")  \
    P(u32, complex_slots, 4, RANGE(1, 8), "most micro-operations of an instruction that is decoded, not sequenced")   \
    P(u32, sequencer_width, 4, RANGE(1, 8), "micro-operations a cycle from the microcode sequencer")                  \
    P(u32, length_change_cycles, 3, RANGE(0, 16), "pre-decoding of a prefix that changes the immediate's length")     \
    P(u32, uop_cache_sets, 32, POW2_RANGE(1, 256), "sets of the micro-op cache")                                      \
    P(u32, uop_cache_ways, 8, RANGE(0, 16), "lines a set; 0: no micro-op cache")                                      \
    P(u32, uop_cache_line, 6, RANGE(1, 8), "micro-operations a line; three lines a 32-byte window at most")           \
    P(u32, uop_cache_width, 6, RANGE(1, 8), "fused micro-operations a cycle from it, of one window")                  \
    P(u32, uop_cache_switch_cycles, 1, RANGE(0, 8), "from the micro-op cache to the legacy decoders (estimated)")     \
    P(bool, macro_fusion, true, ANY, "a comparison and the jump behind it are one micro-operation")                   \
    P(bool, micro_fusion, true, ANY, "load and operation, store address and data take one slot")                      \
    P(choice, unlamination, 1, ONE_OF("never", "three_inputs", "indexed"),                                            \
      "what is fused with an indexed reference takes a slot from rename on: nothing; what has a result apart; all")   \
    P(bool, zero_idioms, true, ANY, "zeroing a register takes no port")                                               \
    P(bool, move_elimination, true, ANY, "copying a register takes no port and no time")                              \
    P(u32, queue_entries, 64, RANGE(4, 128), "fused micro-operations between decode and rename")                      \
    P(u32, rename_width, 4, RANGE(1, 8), "fused micro-operations renamed a cycle")                                    \
    P(u32, rob_entries, 224, RANGE(4, 400), "reorder buffer, fused micro-operations")                                 \
    P(u32, scheduler_entries, 97, RANGE(2, 400), "micro-operations that wait for their operands or their port")       \
    P(u32, load_buffer_entries, 72, RANGE(2, 256), "loads from rename to retirement")                                 \
    P(u32, store_buffer_entries, 56, RANGE(2, 128), "stores from rename to their write to the L1D")                   \
    P(u32, integer_registers, 180, RANGE(20, 512), "physical integer registers, with the 16 of the architecture")     \
    P(u32, vector_registers, 168, RANGE(20, 512), "physical vector registers, with the 16 of the architecture")       \
    P(u32, retire_width, 4, RANGE(1, 16), "fused micro-operations retired a cycle")                                   \
    P(u32, mispredict_cycles, 18, RANGE(3, 64), "from a mispredicted branch's issue to that of the right path")       \
    P(u32, mispredict_indirect_cycles, 25, RANGE(3, 64), "the same for an indirect jump, call or return")              \
    P(u32, late_branch_cycles, 8, RANGE(0, 32),                                                                       \
      "bubble behind a direct branch that decode finds, not the BTB (estimated)")                                     \
    P(u32, taken_branch_cycles, 1, RANGE(0, 8), "bubble behind a taken branch that was predicted")                    \
    P(u32, return_cycles, 1, RANGE(0, 8), "added to the bubble behind a return that was predicted")                   \
    P(u32, redirect_cycles, 12, RANGE(1, 64), "refill behind serialization, events, VM transitions (estimated)")      \
    P(u32, indexed_cycles, 1, RANGE(0, 8), "added to a load with an index register that hits the L1D")                \
    P(u32, forward_cycles, 4, RANGE(1, 32), "from a store's data to the load that it answers")                        \
    P(u32, forward_fail_cycles, 8, RANGE(0, 64), "added to a load that must wait for a store's write to the L1D")     \
    P(u32, split_cycles, 7, RANGE(0, 64), "added to a load that splits a line")                                       \
    P(u32, page_split_cycles, 8, RANGE(1, 64), "added to a load that splits a page")                                  \
    P(u32, stores_in_flight, 10, RANGE(1, 64), "retired stores that wait for their line at once")                     \
    P(bool, disambiguation, true, ANY, "loads pass stores of unknown address as the predictor allows")                \
    P(u32, clear_cycles, 20, RANGE(0, 200),                                                                           \
      "added to a load that has passed a store which it depends on (estimated)")                                      \
    P(u32, lock_cycles, 10, RANGE(0, 200), "added to the load of a locked instruction")
/* clang-format on */

struct ooo_cfg {
    OOO_PARAMS(PARAM_FIELD)
};
extern const struct param ooo_params[];
extern const size_t ooo_params_count;

/* clang-format off */
#define OOO_STATS(S)                                                                        \
    S(uops,               "micro-operations retired, unfused")                              \
    S(slots,              "micro-operations retired, as fused")                             \
    S(uops_from_cache,    "fused micro-operations that the micro-op cache delivered")       \
    S(uops_from_decoders, "fused micro-operations that the legacy decoders delivered")      \
    S(uops_from_sequencer, "fused micro-operations that the microcode sequencer delivered") \
    S(uop_cache_lookups,  "windows of 32 bytes entered")                                    \
    S(uop_cache_misses,   "of them not in the micro-op cache")                              \
    S(macro_fused,        "comparisons fused with their jump")                              \
    S(length_changes,     "prefixes that changed an immediate's length, at the decoders")   \
    S(unlaminated,        "fused micro-operations that rename takes as two")                \
    S(zero_idioms,        "registers zeroed without a port")                                \
    S(moves_eliminated,   "register copies without a port")                                 \
    S(loads,              "load references, one per line")                                  \
    S(stores,             "store references, one per line")                                 \
    S(fetches,            "instruction-fetch references, one per line")                     \
    S(forwards,           "loads that the store buffer answered")                           \
    S(forward_fails,      "loads that waited for the write of a store that they overlap")   \
    S(order_clears,       "loads that passed a store which they depend on")                 \
    S(order_waits,        "loads that waited for the addresses of older stores")            \
    S(splits,             "loads that split a line")                                        \
    S(page_splits,        "loads that split a page")                                        \
    S(walks_merged,       "references that joined a walk for their page")                   \
    S(served_l1,          "data loads that the L1D or the store buffer served")             \
    S(served_l2,          "data loads that the L2 served")                                  \
    S(served_l3,          "data loads that the L3 served")                                  \
    S(served_peer,        "data loads that another processor's cache served")               \
    S(served_dram,        "data loads that DRAM served")                                    \
    S(uncacheable,        "instructions that refer to uncacheable memory")                  \
    S(flushes,            "lines flushed or cleaned (CLFLUSH, CLFLUSHOPT, CLWB)")           \
    S(stall_rob,          "cycles in which rename waited for a ROB entry")                  \
    S(stall_scheduler,    "cycles in which rename waited for a scheduler entry")            \
    S(stall_loads,        "cycles in which rename waited for a load-buffer entry")          \
    S(stall_stores,       "cycles in which rename waited for a store-buffer entry")         \
    S(stall_registers,    "cycles in which rename waited for a physical register")          \
    S(drains,             "times that the pipe was emptied")                                \
    S(events,             "exceptions and interrupts delivered")
/* clang-format on */

struct ooo_stats {
    OOO_STATS(STAT_FIELD)
    struct load_latency load_latency;
};

#endif
