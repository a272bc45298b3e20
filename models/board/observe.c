#include "models/board/observe.h"
#include "models/sim/check.h"
#include "virt-ext/qualification.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const access_name[] = {[ACCESS_READ] = "read", [ACCESS_WRITE] = "write", [ACCESS_FETCH] = "fetch"};
static const char *const dim_name[] = {[DIM_GUEST] = "guest", [DIM_HOST] = "host"};
static const char *const served_name[SERVED_COUNT] = {"unknown", "psc", "ntlb", "l1", "l2", "l3", "peer", "dram"};

static const char ledger_header[] = "cpu,walk,ref,va,access,dim,guest_level,host_level,hpa,served,cycles\n";

/* --- walks --- */

static void write_ledger(struct observer *o, unsigned cpu, const struct walk_ledger *w)
{
    for (unsigned i = 0; i < w->n_refs; i++) {
        const struct walk_ref *r = &w->ref[i];
        fprintf(o->ledger, "%u,%llu,%u,0x%llx,%s,%s,%u,%u,0x%llx,%s,%u\n", cpu, (unsigned long long)o->walks, i,
                (unsigned long long)w->va.v, access_name[w->access], dim_name[r->dim], r->guest_level, r->host_level,
                (unsigned long long)r->at.v, served_name[r->served], r->cycles);
    }
}

static void trace_walk(const struct observed_cpu *c, const struct walk_ledger *w, u64 start, u64 end)
{
    trace_line(c->o->trace, TRACE_walk, end, c->cpu->name.walker, "%s va 0x%llx: %u references, %llu cycles%s%s",
               access_name[w->access], (unsigned long long)w->va.v, w->n_refs, (unsigned long long)(end - start),
               w->nested ? ", two-dimensional" : "", w->faulted ? ", faulted" : "");
}

static void on_walk(void *self, const struct walk_ledger *w, u64 start, u64 end)
{
    struct observed_cpu *c = self;
    struct observer *o = c->o;
    if (o->ledger && !o->ledger_closed) write_ledger(o, c->cpu->id, w);
    if (trace_on(o->trace, TRACE_walk)) trace_walk(c, w, start, end);
    timeline_walk(&c->timeline, w, start, end);
    o->walks++;
}

/* --- names --- */

static const struct symbols *symbols_of(struct observer *o, enum world world)
{
    if (!o->symbols_read) {
        o->booted = symbols_open(o->booted_path);
        o->guest = o->guest_path ? symbols_open(o->guest_path) : NULL;
        o->symbols_read = true;
    }
    return world == WORLD_GUEST ? o->guest : o->booted;
}

const char *observer_name(struct observer *o, enum world world, u64 address, char text[SYMBOL_TEXT_BYTES])
{
    return symbols_name(symbols_of(o, world), address, text);
}

/* The trace tells where it is when that changes: behind the first instruction of every stay in a function. */
static const char *place(void *self, enum world world, u64 rip)
{
    struct observed_cpu *c = self;
    char text[SYMBOL_TEXT_BYTES];
    int function = symbols_find_function(symbols_of(c->o, world), rip);
    if (function == c->function && world == c->function_world) return "";
    c->function = function;
    c->function_world = world;
    if (function < 0) return "";
    snprintf(c->place, sizeof c->place, "  ; %s", observer_name(c->o, world, rip, text));
    return c->place;
}

/* --- VM exits --- */

static void trace_exit(const struct observed_cpu *c, const struct vmx_exit_event *e, const char *name)
{
    char words[QUALIFICATION_TEXT_BYTES];
    qualification_text(e, words);
    trace_line(c->o->trace, TRACE_vmx, clock_now(&c->o->pc->clock), c->cpu->name.vmx,
               "exit %s, qualification 0x%llx%s%s, RIP 0x%llx%s%s, GLA 0x%llx, GPA 0x%llx", vmx_exit_name(e->reason),
               (unsigned long long)e->qualification, *words ? " " : "", words, (unsigned long long)e->guest_rip,
               *name ? " " : "", name, (unsigned long long)e->guest_linear, (unsigned long long)e->guest_physical);
}

static void on_vm_exit(void *self, const struct vmx_exit_event *e)
{
    struct observed_cpu *c = self;
    struct observer *o = c->o;
    char name[SYMBOL_TEXT_BYTES] = "";
    if (o->names_exits) observer_name(o, WORLD_GUEST, e->guest_rip, name);
    if (trace_on(o->trace, TRACE_vmx)) trace_exit(c, e, name);
    timeline_note_exit(&c->timeline, e, name);
}

/* --- VM entries --- */

static void on_vm_entry(void *self)
{
    struct observed_cpu *c = self;
    const struct vmx *x = &c->cpu->vmx;
    c->entered = true;
    c->entered_vmcs = x->current;
    memcpy(&c->at_entry, x->hart->mem->host + x->current, sizeof c->at_entry);
}

const struct vmcs *observer_vmcs_at_entry(const struct observer *o, unsigned cpu)
{
    const struct observed_cpu *c = &o->cpu[cpu];
    return c->entered && c->entered_vmcs == c->cpu->vmx.current ? &c->at_entry : NULL;
}

/* --- failures --- */

static void print_place(struct observer *o, const char *label, enum world world, u64 rip, FILE *out)
{
    char name[SYMBOL_TEXT_BYTES];
    if (*observer_name(o, world, rip, name)) fprintf(out, "  %s%s\n", label, name);
}

void observer_print_failure(struct observer *o, unsigned cpu, FILE *out)
{
    const struct vmx *x = &o->pc->cpu[cpu].vmx;
    const struct vmx_failure *f = &x->failure;
    if (o->pc->cfg.board.cores > 1) fprintf(out, "cpu%u: ", cpu);
    vmx_print_failure(x, out);
    if (!f->abort) print_place(o, "where:       ", WORLD_ROOT, f->rip, out);
    if (f->abort || f->exit_reason || f->check >= 0)
        print_place(o, "guest:       ", WORLD_GUEST, f->values.guest_rip, out);
}

static void on_failure(void *self)
{
    struct observed_cpu *c = self;
    observer_print_failure(c->o, c->cpu->id, stderr);
}

/* --- time --- */

/* Up to here the account has every cycle, once core_sync() has run. */
static u64 accounted(const struct observed_cpu *c) { return c->cpu->core.account.until; }
static enum world world(const struct observed_cpu *c) { return (enum world)c->cpu->hart->world; }

static void timed(void *self, bool on, u64 cycle)
{
    struct observed_cpu *c = self;
    if (on)
        timeline_resume(&c->timeline, cycle);
    else
        timeline_pause(&c->timeline, cycle, world(c));
}

static void transition_begins(void *self, const struct vm_transition *t, u64 cycle)
{
    struct observed_cpu *c = self;
    timeline_transition_begins(&c->timeline, t, cycle);
}

static void transition_ends(void *self, const struct vm_transition *t, u64 cycle)
{
    struct observed_cpu *c = self;
    (void)t;
    timeline_transition_ends(&c->timeline, cycle);
}

/* --- life --- */

static bool open_ledger(struct observer *o, const char *path)
{
    if (!path) return true;
    o->ledger = fopen(path, "w");
    if (o->ledger) fputs(ledger_header, o->ledger);
    if (!o->ledger) fprintf(stderr, "%s: %s\n", path, strerror(errno));
    return o->ledger != NULL;
}

static const char *pipeline_place(void *self, enum world world, u64 pc)
{
    struct observer *o = self;
    return observer_name(o, world, pc, o->pipeline_place);
}

static bool open_pipeline(struct observer *o, const struct board_options *options)
{
    bool kanata = options->kanata_path != NULL;
    const char *path = kanata ? options->kanata_path : options->pipeview_path;
    if (!path) return true;
    if (o->pc->cfg.board.core != CORE_OOO) {
        fprintf(stderr, "%s: only the out-of-order core has a pipeline to trace (board.core=ooo)\n", path);
        return false;
    }
    o->pipeline = calloc(1, sizeof *o->pipeline);
    CHECK(o->pipeline, "no host memory for the pipeline's trace");
    o->pc->cpu[options->pipeline_cpu].ooo->trace = o->pipeline;
    if (!pipe_trace_open(o->pipeline, path, kanata ? PIPE_KANATA : PIPE_O3PIPEVIEW, options->pipeline_skip,
                         options->pipeline_count))
        return false;
    o->pipeline->thread = options->pipeline_cpu;
    o->pipeline->place = pipeline_place;
    o->pipeline->place_self = o;
    return true;
}

/* Hooks cost time, so only what is wanted is plugged in. */
static void plug_in(struct observer *o, unsigned id)
{
    struct observed_cpu *c = &o->cpu[id];
    struct processor *cpu = &o->pc->cpu[id];
    bool watched = o->cpus >> id & 1, timeline = watched && o->timeline.out;
    *c = (struct observed_cpu){
        .o = o,
        .cpu = cpu,
        .watch = {.self = c,
                  .place = place,
                  .timed = timed,
                  .transition_begins = transition_begins,
                  .transition_ends = transition_ends},
        .function = -1,
    };
    timeline_init(&c->timeline, &o->timeline, id);
    cpu->vmx.on_exit_self = c;
    if (o->remembers_entry) cpu->vmx.on_entry = on_vm_entry;
    if (o->explains_all) cpu->vmx.on_failure = on_failure;
    if (!watched) return;
    cpu->core.trace = o->trace;
    if (timeline || trace_on(o->trace, TRACE_exec)) cpu->core.watch = &c->watch;
    if (timeline || o->ledger || trace_on(o->trace, TRACE_walk)) walker_set_trace(&cpu->walker, on_walk, c);
    if (timeline || trace_on(o->trace, TRACE_vmx)) cpu->vmx.on_exit = on_vm_exit;
}

/* The last processor of a set is one of the machine. false: message printed. */
static bool cpus_exist(const struct observer *o, u32 cpus)
{
    u32 cores = o->pc->cfg.board.cores;
    if (cpus >> (cores - 1) <= 1) return true;
    fprintf(stderr, "there is no processor %d to watch (board.cores=%u)\n", 31 - __builtin_clz(cpus), cores);
    return false;
}

bool observer_init(struct observer *o, struct pc *pc, const struct board_options *options)
{
    bool monitor = options->monitor.path != NULL;
    u32 all = (1u << pc->cfg.board.cores) - 1;
    *o = (struct observer){
        .pc = pc,
        .trace = options->trace,
        .booted_path = monitor ? options->monitor.path : options->image.path,
        .guest_path = monitor ? options->image.path : NULL,
        .cpus = options->traced_cpus ? options->traced_cpus : all,
        .remembers_entry = options->remembers_entry,
        .explains_all = options->explain == EXPLAIN_ALWAYS,
        .names_exits = options->timeline_path || (options->trace && (options->trace->to_file & BIT(TRACE_vmx))),
    };
    if (!cpus_exist(o, o->cpus | 1u << options->pipeline_cpu)) return false;
    if (!open_ledger(o, options->ledger_path) ||
        !timeline_open(&o->timeline, options->timeline_path, &pc->clock, o->cpus) || !open_pipeline(o, options))
        return false;
    pc->trace = o->trace;
    for (unsigned i = 0; i < pc->cfg.board.cores; i++) plug_in(o, i);
    return true;
}

/* Those that are plugged in: none if the machine did not come so far. */
#define EACH_CPU(c, o) for (struct observed_cpu *c = (o)->cpu; c < (o)->cpu + PC_MAX_PROCESSORS && c->cpu; c++)

void observer_fini(struct observer *o)
{
    if (o->ledger) fclose(o->ledger);
    if (o->pipeline && o->pipeline->out) pipe_trace_close(o->pipeline);
    free(o->pipeline);
    EACH_CPU (c, o) timeline_pause(&c->timeline, accounted(c), world(c));
    timeline_close(&o->timeline);
    symbols_close(o->booted);
    symbols_close(o->guest);
}

void observer_region_begin(struct observer *o)
{
    o->walks = 0;
    o->ledger_closed = false;
    timeline_restart(&o->timeline);
    EACH_CPU (c, o) timeline_region_begin(&c->timeline, accounted(c));
    if (o->pipeline) pipe_trace_restart(o->pipeline);
    if (!o->ledger) return;
    rewind(o->ledger);
    if (ftruncate(fileno(o->ledger), 0) == 0) fputs(ledger_header, o->ledger);
}

void observer_region_end(struct observer *o)
{
    o->ledger_closed = true;
    if (o->pipeline) pipe_trace_stop(o->pipeline);
    EACH_CPU (c, o) timeline_region_end(&c->timeline, accounted(c), world(c));
}
