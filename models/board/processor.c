#include "models/board/processor.h"
#include "models/board/pc.h"
#include "isa/state.h"
#include <stdio.h>
#include <stdlib.h>

static void set_name(char out[PROCESSOR_NAME_BYTES], unsigned id, const char *part)
{
    snprintf(out, PROCESSOR_NAME_BYTES, "cpu%u%s", id, part);
}

static void set_names(struct processor_names *n, unsigned id)
{
    set_name(n->cpu, id, "");
    set_name(n->l1i, id, ".l1i");
    set_name(n->l1d, id, ".l1d");
    set_name(n->l2, id, ".l2");
    set_name(n->walker, id, ".walker");
    set_name(n->vmx, id, ".vmx");
    set_name(n->wc, id, ".wc");
    set_name(n->flusher, id, ".flusher");
    set_name(n->lapic, id, ".lapic");
    set_name(n->stores, id, ".stores");
    set_name(n->timer, id, ".vmx.timer");
    set_name(n->lapic_timer, id, ".lapic.timer");
    set_name(n->lapic_ipi, id, ".lapic.ipi");
}

/* cpu.ideal.exits: no microcode; their references ideal_record() takes out. */
static void make_transitions_free(struct vmx_cfg *vmx)
{
    vmx->drain_cycles = vmx->entry_microcode_cycles = vmx->exit_microcode_cycles = 0;
    vmx->controls_rewritten_cycles = vmx->inject_cycles = vmx->msr_list_cycles = vmx->entry_failed_cycles = 0;
}

static void build_hart(struct processor *p, const struct pc_cfg *cfg, const struct processor_socket *s)
{
    struct hart *h = p->hart;
    hart_init(h, p->id, s->ram, s->icache, s->model);
    h->random_state = cfg->board.seed + p->id;
    if (cfg->board.store_buffer_entries) store_buffer_init(&p->stores, cfg->board.store_buffer_entries, h);
    mmu_init(&p->mmu, &cfg->mmu);
    h->mmu = &mmu_ops;
    h->mmu_self = &p->mmu;
    h->bus = s->bus;
    h->bus_self = p;
    struct vmx_cfg vmx = cfg->vmx;
    if (cfg->ideal.exits) make_transitions_free(&vmx);
    vmx_init(&p->vmx, &vmx, h, &p->mmu);
    p->vmx.owners = &p->pc->vmcs_owners;
    hart_state_changed(h);
}

static struct mem_port build_l1(struct cache *c, const struct cache_cfg *cfg, const char *name, struct processor *p,
                                const struct processor_socket *s)
{
    const bool l2_keeps_victims = p->l2.inclusion == KEEPS_VICTIMS;
    cache_init(c, cfg, &(struct cache_desc){.name = name, .level = SERVED_L1, .clock = s->clock, .next = cache_port(&p->l2), .refuses = true,
                                            .coherence = &s->coherence, .sends_victims = l2_keeps_victims});
    return cache_port(c);
}

/* Only the core model that has the processor waits for its caches and walkers: it leaves with an empty pipe. */
static void l1_freed(void *self)
{
    struct processor *p = self;
    if (p->core.kind == CORE_OOO)
        ooo_l1_freed(p->ooo);
    else
        inorder_l1_freed(&p->inorder);
}

static void combining_freed(void *self)
{
    struct processor *p = self;
    if (p->core.kind == CORE_OOO)
        ooo_combining_freed(p->ooo);
    else
        inorder_combining_freed(&p->inorder);
}

static void walk_done(void *self, u64 token, const struct walk_ledger *played)
{
    struct processor *p = self;
    if (token >= WALK_TOKEN_AHEAD)
        mmu_page_arrived(&p->mmu, (unsigned)(token - WALK_TOKEN_AHEAD));
    else if (p->core.kind == CORE_OOO)
        ooo_walk_done(p->ooo, token, played);
    else
        inorder_walk_done(&p->inorder, token, played);
}

static void build_predictor(struct processor *p, const struct pc_cfg *cfg)
{
    struct bpred_cfg bpred = cfg->bpred;
    if (bpred.kind == BPRED_BY_CORE) bpred.kind = cfg->board.core == CORE_OOO ? BPRED_TAGE : BPRED_SIMPLE;
    if (cfg->ideal.branches) bpred.kind = BPRED_PERFECT;
    bpred_init(&p->bpred, &bpred);
}

/* An inclusive L2 takes a line away from both L1 caches. */
static bool recall_from_l1(void *self, u64 line)
{
    struct processor *p = self;
    const bool fetched_dirty = cache_snoop(&p->l1i, line, SNOOP_INVALIDATE) == LINE_DIRTY;
    return cache_snoop(&p->l1d, line, SNOOP_INVALIDATE) == LINE_DIRTY || fetched_dirty;
}

static void build_l2(struct processor *p, const struct pc_cfg *cfg, const struct processor_socket *s)
{
    const bool l3_keeps_victims = cfg->l3.inclusion == KEEPS_VICTIMS;
    cache_init(&p->l2, &cfg->l2, &(struct cache_desc){.name = p->name.l2, .level = SERVED_L2, .clock = s->clock, .next = s->memory,
                                                      .coherence = &s->coherence, .sends_victims = l3_keeps_victims});
    cache_set_recall(&p->l2, (struct recall_port){recall_from_l1, p});
}

/* --- what records command --- */

static void caches_are_empty(void *self)
{
    core_commands_done(&((struct processor *)self)->core);
}

/* Predictors at once; caches in their time, of several commands the one that does most. */
static bool obey(void *self, u8 commands)
{
    struct processor *p = self;
    if (commands & COMMAND_BARRIER) bpred_forget_targets(&p->bpred);
    if (!(commands & ~COMMAND_BARRIER)) return false;
    if (commands & COMMAND_WRITE_BACK)
        flusher_start(&p->flusher, FLUSHER_WRITES_BACK, p->flusher.desc.n_caches);
    else if (commands & COMMAND_DROP)
        flusher_start(&p->flusher, FLUSHER_DROPS, p->flusher.desc.n_caches);
    else
        flusher_start(&p->flusher, FLUSHER_SPILLS, 1);
    return true;
}

static void build_flusher(struct processor *p, const struct pc_cfg *cfg, const struct processor_socket *s)
{
    flusher_init(&p->flusher, &cfg->flusher,
                 &(struct flusher_desc){.clock = s->clock, .cache = {&p->l1d, &p->l1i, &p->l2, s->l3}, .n_caches = 4, .done = caches_are_empty, .self = p});
    p->core.commands = (struct core_commands){obey, p};
}

static void build_core(struct processor *p, const struct pc_cfg *cfg, const struct processor_socket *s)
{
    bool walks_enter_l1 = cfg->walker.enters == WALKER_ENTERS_L1D;
    struct core_wiring wiring = {.hart = p->hart, .mmu = &p->mmu, .vmx = &p->vmx, .clock = s->clock, .inorder = &p->inorder, .ooo = p->ooo, .ideal = &cfg->ideal};
    build_l2(p, cfg, s);
    struct mem_port l1i = build_l1(&p->l1i, &cfg->l1i, p->name.l1i, p, s);
    struct mem_port l1d = build_l1(&p->l1d, &cfg->l1d, p->name.l1d, p, s);
    core_init(&p->core, p->id, CORE_FAST, &wiring);
    if (p->id != 0) p->core.leader = &p->pc->cpu[0].core;
    build_predictor(p, cfg);
    inorder_init(&p->inorder, &cfg->inorder, &cfg->cost, &p->bpred, &p->core, l1i, l1d, &p->walker, &p->wc);
    write_combining_init(&p->wc, &cfg->wc,
                         &(struct write_combining_desc){
                             .name = p->name.wc, .clock = s->clock, .port = l1d, .freed = combining_freed, .self = p});
    struct walker_cfg walker = cfg->walker;
    if (cfg->ideal.walkers) walker.walkers = IDEAL_WALKERS;
    walker_init(&p->walker, &walker,
                &(struct walker_desc){.name = p->name.walker, .clock = s->clock, .port = walks_enter_l1 ? l1d : cache_port(&p->l2),
                                      .search_cycles = cfg->mmu.stlb_entries ? cfg->mmu.stlb_hit_cycles : 0,
                                      .done = walk_done, .done_self = p});
    ooo_init(p->ooo, &(struct ooo_wiring){.cfg = &cfg->ooo, .cost = &cfg->cost, .core = &p->core, .bpred = &p->bpred,
                                          .l1i = l1i, .l1d = l1d, .walker = &p->walker, .wc = &p->wc});
    cache_on_freed(&p->l1i, l1_freed, p);
    cache_on_freed(&p->l1d, l1_freed, p);
    cache_on_freed(walks_enter_l1 ? &p->l1d : &p->l2, walker_retry, &p->walker);
}

/* --- the local APIC and the interrupt pins --- */

bool processor_sleeps_for_good(const struct processor *p)
{
    const struct hart *h = p->hart;
    if (h->activity == ACTIVITY_WAIT_SIPI) return true;
    if (h->activity == ACTIVITY_SHUTDOWN) return !hart_in_guest(h); /* what a guest's monitor put it into, the monitor may end */
    bool interruptible = (h->rflags & RFLAGS_IF) || h->world == WORLD_GUEST; /* a guest's monitor may get the interrupt */
    interruptible |= hart_mwait_is_over(h);
    bool rests = h->activity == ACTIVITY_HLT || h->activity == ACTIVITY_MWAIT; /* nobody else is there to store */
    return rests && !interruptible && !h->nmi_pending && !lapic_makes_nmi_of_lint0(&p->lapic);
}

static void intr_changed(void *self, unsigned input, bool level)
{
    struct processor *p = self;
    struct trace *t = p->core.trace;
    (void)input;
    if (trace_on(t, TRACE_irq)) trace_line(t, TRACE_irq, clock_now(p->core.clock), p->name.cpu, "INTR %s", level ? "up" : "down");
    hart_set_intr(p->hart, level);
    if (!level) return; /* a line that falls, as at its acknowledgement, wakes nobody */
    core_wake(&p->core);
    if (pc_sleeps_for_good(p->pc)) kernel_stop();
}

static void nmi_raised(void *self)
{
    struct processor *p = self;
    hart_raise_nmi(p->hart);
    core_wake(&p->core);
}

static u8 acknowledge_pic(void *self) { return pic_acknowledge(&((struct processor *)self)->pc->pic); }

static void init_raised(void *self)
{
    struct processor *p = self;
    hart_raise_init(p->hart);
    core_wake(&p->core);
}

static void startup_raised(void *self, u8 vector)
{
    struct processor *p = self;
    hart_raise_startup(p->hart, vector);
    core_wake(&p->core);
}

/* The deadline is compared with what WRMSR and IA32_TSC_ADJUST have made of the counter. */
static u64 deadline_tsc(void *self)
{
    struct processor *p = self;
    return p->hart->bus->read_tsc(p, p->hart) + p->hart->tsc_offset;
}

static void build_lapic(struct processor *p, const struct pc_cfg *cfg)
{
    struct lapic_desc desc = {.id = p->id, .bootstrap = p->id == 0, .intr = {.changed = intr_changed, .self = p},
                              .x2apic = cpu_has(&p->pc->model, FEATURE_x2apic), .bus = &p->pc->apic_bus,
                              .timer_name = p->name.lapic_timer, .ipi_name = p->name.lapic_ipi,
                              .init = init_raised, .startup = startup_raised, .startup_self = p,
                              .nmi = nmi_raised, .nmi_self = p, .extint = acknowledge_pic, .extint_self = p,
                              .read_tsc = deadline_tsc, .tsc_self = p, .tsc_hz = cfg->cpu.frequency_hz};
    lapic_init(&p->lapic, &cfg->lapic, &desc);
    lapic_set_virtual_wire(&p->lapic);
}

/* --- VMX's preemption timer: counts core cycles, which the time-stamp counter counts too --- */

static void preemption_timer_due(void *self)
{
    struct processor *p = self;
    vmx_timer_expired(&p->vmx);
    core_wake(&p->core);
}

static void preemption_timer_set(void *self, u64 tsc)
{
    struct processor *p = self;
    u64 due_ps = clock_cycle_to_ps(p->core.clock, tsc), now_ps = kernel_now_ps();
    kernel_notify(p->preemption_timer, due_ps > now_ps ? due_ps - now_ps : 0);
}

static void preemption_timer_cancel(void *self)
{
    kernel_cancel(((struct processor *)self)->preemption_timer);
}

static void build_preemption_timer(struct processor *p)
{
    p->preemption_timer = kernel_event_new(p->name.timer, KERNEL_DEVICE, preemption_timer_due, p);
    p->vmx.alarm = (struct vmx_alarm){preemption_timer_set, preemption_timer_cancel, p};
}

/* --- life --- */

bool processor_init(struct processor *p, unsigned id, const struct pc_cfg *cfg, const struct processor_socket *socket)
{
    p->id = id;
    p->pc = socket->pc;
    p->hart = calloc(1, sizeof *p->hart);
    p->ooo = calloc(1, sizeof *p->ooo);
    if (!p->hart || !p->ooo) return false;
    set_names(&p->name, id);
    build_hart(p, cfg, socket);
    build_core(p, cfg, socket);
    build_flusher(p, cfg, socket);
    if (id != 0) hart_set_activity(p->hart, ACTIVITY_WAIT_SIPI); /* an application processor */
    build_lapic(p, cfg);
    build_preemption_timer(p);
    return true;
}

bool processor_add_sample(struct processor *p, const struct pc_cfg *cfg, const struct cache *l3, struct sample_watch watch)
{
    struct warm_wiring warm = {.hart = p->hart, .mmu = &p->mmu, .bpred = &p->bpred, .l1i = &p->l1i, .l1d = &p->l1d, .l2 = &p->l2,
                               .walks_enter_l1 = cfg->walker.enters == WALKER_ENTERS_L1D};
    struct sample_wiring sample = {.cfg = &cfg->sample, .core = &p->core, .kind = (enum core_kind)cfg->board.core, .watch = watch};
    p->warm = calloc(1, sizeof *p->warm);
    p->sample = calloc(1, sizeof *p->sample);
    if (!p->warm || !p->sample) return false;
    warm_init(p->warm, &warm);
    sample.warm = p->warm;
    sample.counter[SAMPLE_l1i_misses] = &p->l1i.stats.misses;
    sample.counter[SAMPLE_l1d_misses] = &p->l1d.stats.misses;
    sample.counter[SAMPLE_l2_misses] = &p->l2.stats.misses;
    sample.counter[SAMPLE_l3_misses] = &l3->stats.misses;
    sample.counter[SAMPLE_dtlb_misses] = &p->mmu.dtlb_stats.misses;
    sample.counter[SAMPLE_walks] = &p->mmu.stats.walks;
    sample.counter[SAMPLE_mispredicts] = &p->bpred.stats.mispredicts;
    sample.counter[SAMPLE_exits] = &p->vmx.stats.exits_total;
    sample_init(p->sample, &sample);
    return true;
}

void processor_fini(struct processor *p)
{
    core_fini(&p->core);
    free(p->warm);
    free(p->sample);
    ooo_fini(p->ooo);
    free(p->ooo);
    bpred_fini(&p->bpred);
    walker_fini(&p->walker);
    cache_fini(&p->l1i);
    cache_fini(&p->l1d);
    cache_fini(&p->l2);
    mmu_fini(&p->mmu);
    free(p->hart);
}

void processor_register_stats(struct processor *p, struct stats *s)
{
    core_register_stats(&p->core, s);
    inorder_register_stats(&p->inorder, s, p->name.cpu);
    ooo_register_stats(p->ooo, s, p->name.cpu);
    bpred_register_stats(&p->bpred, s, p->name.cpu);
    mmu_register_stats(&p->mmu, s, p->name.cpu);
    walker_add_stats(&p->walker, s, p->name.walker);
    write_combining_add_stats(&p->wc, s, p->name.wc);
    flusher_add_stats(&p->flusher, s, p->name.flusher);
    vmx_register_stats(&p->vmx, s, p->name.cpu);
    cache_add_stats(&p->l1i, s, p->name.l1i);
    cache_add_stats(&p->l1d, s, p->name.l1d);
    cache_add_stats(&p->l2, s, p->name.l2);
    lapic_add_stats(&p->lapic, s, p->name.lapic);
    store_buffer_add_stats(&p->stores, s, p->name.stores);
    if (p->sample) sample_register_stats(p->sample, s, p->name.cpu);
}

void processor_check_identities(struct processor *p)
{
    core_check_identities(&p->core);
    mmu_check_identities(&p->mmu);
    walker_check_identities(&p->walker);
    write_combining_check_identities(&p->wc);
    vmx_check_identities(&p->vmx);
    cache_check_identities(&p->l1i);
    cache_check_identities(&p->l1d);
    cache_check_identities(&p->l2);
}
