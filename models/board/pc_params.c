/* pc_params.c - the machine's parameter groups: which table fills which struct, at which place of the configuration. */
#include "models/board/pc.h"

#define PARAM_OF struct board_cfg
static const struct param board_params[] = {BOARD_PARAMS(PARAM_ROW)};
#undef PARAM_OF
#define PARAM_OF struct run_cfg
static const struct param run_params[] = {RUN_PARAMS(PARAM_ROW)};
#undef PARAM_OF
#define PARAM_OF struct cpu_cfg
static const struct param cpu_params[] = {CPU_PARAMS(PARAM_ROW)};
#undef PARAM_OF

static bool check(const char *prefix, const char *problem)
{
    if (problem) fprintf(stderr, "%s: %s\n", prefix, problem);
    return problem == NULL;
}

/* Every load and store under way may need a walk (walker_start asserts that there is room), and so do translations ahead of their use. */
static const char *walker_problem(const struct pc_cfg *cfg)
{
    struct walker_cfg walker = cfg->walker;
    if (cfg->mmu.page_prefetcher) walker.queue_entries -= (u32)min_u64(walker.queue_entries, MMU_PAGES_AHEAD);
    if (cfg->board.core == CORE_OOO) return ooo_cfg_problem(&cfg->ooo, &walker);
    bool room = walker.walkers + walker.queue_entries >= cfg->inorder.loads_in_flight + cfg->inorder.store_buffer_entries;
    return room ? NULL : "walkers and queue_entries must hold a walk for each of cpu.inorder.loads_in_flight and .store_buffer_entries";
}

static const char *sample_problem(const struct pc_cfg *cfg)
{
    if (!cfg->sample.on) return NULL;
    if (cfg->board.core == CORE_FAST) return "a sampled run measures a timed core: board.core=fast has no time to measure (allowed: inorder ooo)";
    if (cfg->board.cores > 1) return "a sampled run has one processor (allowed: board.cores=1)";
    return sample_cfg_problem(&cfg->sample);
}

static bool cross_checks(const struct pc_cfg *cfg)
{
    return check("board.ram_bytes", cfg->board.ram_bytes % PAGE_BYTES ? "not a multiple of 4 KiB" : NULL) &&
           check("cpu.l1i", cache_cfg_error(&cfg->l1i)) && check("cpu.l1d", cache_cfg_error(&cfg->l1d)) &&
           check("cpu.l2", cache_cfg_error(&cfg->l2)) && check("l3", cache_cfg_error(&cfg->l3)) && check("dram", dram_cfg_error(&cfg->dram)) &&
           check("cpu.mmu", mmu_cfg_problem(&cfg->mmu)) && check("cpu.walker", walker_problem(cfg)) &&
           check("sample", sample_problem(cfg));
}

bool pc_cfg_bind(struct pc_cfg *cfg, struct config *c)
{
    const struct {
        const char *prefix;
        const struct param *table;
        size_t n;
        void *base;
    } groups[] = {
        {"board", board_params, ARRAY_LEN(board_params), &cfg->board},
        {"run", run_params, ARRAY_LEN(run_params), &cfg->run},
        {"cpu", cpu_params, ARRAY_LEN(cpu_params), &cfg->cpu},
        {"cpu.inorder", inorder_params, inorder_params_count, &cfg->inorder},
        {"cpu.ideal", ideal_params, ideal_params_count, &cfg->ideal},
        {"sample", sample_params, sample_params_count, &cfg->sample},
        {"cpu.ooo", ooo_params, ooo_params_count, &cfg->ooo},
        {"cpu.cost", cost_params, cost_params_count, &cfg->cost},
        {"cpu.bpred", bpred_params, bpred_params_count, &cfg->bpred},
        {"cpu.mmu", mmu_params, mmu_params_count, &cfg->mmu},
        {"cpu.walker", walker_params, walker_params_count, &cfg->walker},
        {"cpu.wc", write_combining_params, write_combining_params_count, &cfg->wc},
        {"cpu.flusher", flusher_params, flusher_params_count, &cfg->flusher},
        {"cpu.vmx", vmx_params, vmx_params_count, &cfg->vmx},
        {"cpu.l1i", cache_params, cache_params_count, &cfg->l1i},
        {"cpu.l1d", cache_params, cache_params_count, &cfg->l1d},
        {"cpu.l2", cache_params, cache_params_count, &cfg->l2},
        {"l3", cache_params, cache_params_count, &cfg->l3},
        {"crossbar", crossbar_params, crossbar_params_count, &cfg->crossbar},
        {"directory", directory_params, directory_params_count, &cfg->directory},
        {"dram", dram_params, dram_params_count, &cfg->dram},
        {"cpu.lapic", lapic_params, lapic_params_count, &cfg->lapic},
    };
    bool ok = true;
    for (size_t i = 0; i < ARRAY_LEN(groups); i++) ok &= config_bind(c, groups[i].prefix, groups[i].table, groups[i].n, groups[i].base);
    return ok && config_check_all_used(c) && cross_checks(cfg);
}
