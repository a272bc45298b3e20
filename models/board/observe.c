#include "models/board/observe.h"
#include "virt-ext/qualification.h"
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static const char *const access_name[] = {[ACCESS_READ] = "read", [ACCESS_WRITE] = "write", [ACCESS_FETCH] = "fetch"};
static const char *const dim_name[] = {[DIM_GUEST] = "guest", [DIM_HOST] = "host"};
static const char *const served_name[SERVED_COUNT] = {"unknown", "psc", "ntlb", "l1", "l2", "l3", "peer", "dram"};

static const char ledger_header[] = "walk,ref,va,access,dim,guest_level,host_level,hpa,served,cycles\n";

/* --- walks --- */

static void write_ledger(struct observer *o, const struct walk_ledger *w)
{
    for (unsigned i = 0; i < w->n_refs; i++) {
        const struct walk_ref *r = &w->ref[i];
        fprintf(o->ledger, "%llu,%u,0x%llx,%s,%s,%u,%u,0x%llx,%s,%u\n", (unsigned long long)o->walks, i, (unsigned long long)w->va.v,
                access_name[w->access], dim_name[r->dim], r->guest_level, r->host_level, (unsigned long long)r->at.v, served_name[r->served],
                r->cycles);
    }
}

static void trace_walk(struct observer *o, const struct walk_ledger *w, u64 start, u64 end)
{
    trace_line(o->trace, TRACE_walk, end, "cpu0.walker", "%s va 0x%llx: %u references, %llu cycles%s%s", access_name[w->access],
               (unsigned long long)w->va.v, w->n_refs, (unsigned long long)(end - start), w->nested ? ", two-dimensional" : "",
               w->faulted ? ", faulted" : "");
}

static void on_walk(void *self, const struct walk_ledger *w, u64 start, u64 end)
{
    struct observer *o = self;
    if (o->ledger && !o->ledger_closed) write_ledger(o, w);
    if (trace_on(o->trace, TRACE_walk)) trace_walk(o, w, start, end);
    timeline_walk(&o->timeline, w, start, end);
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
    struct observer *o = self;
    char text[SYMBOL_TEXT_BYTES];
    int function = symbols_find_function(symbols_of(o, world), rip);
    if (function == o->function && world == o->function_world) return "";
    o->function = function;
    o->function_world = world;
    if (function < 0) return "";
    snprintf(o->place, sizeof o->place, "  ; %s", observer_name(o, world, rip, text));
    return o->place;
}

/* --- VM exits --- */

static void trace_exit(struct observer *o, const struct vmx_exit_event *e, const char *name)
{
    char words[QUALIFICATION_TEXT_BYTES];
    qualification_text(e, words);
    trace_line(o->trace, TRACE_vmx, clock_now(&o->pc->clock), "cpu0.vmx",
               "exit %s, qualification 0x%llx%s%s, RIP 0x%llx%s%s, GLA 0x%llx, GPA 0x%llx", vmx_exit_name(e->reason),
               (unsigned long long)e->qualification, *words ? " " : "", words, (unsigned long long)e->guest_rip, *name ? " " : "", name,
               (unsigned long long)e->guest_linear, (unsigned long long)e->guest_physical);
}

static void on_vm_exit(void *self, const struct vmx_exit_event *e)
{
    struct observer *o = self;
    char name[SYMBOL_TEXT_BYTES] = "";
    if (o->names_exits) observer_name(o, WORLD_GUEST, e->guest_rip, name);
    if (trace_on(o->trace, TRACE_vmx)) trace_exit(o, e, name);
    timeline_note_exit(&o->timeline, e, name);
}

/* --- VM entries --- */

static void on_vm_entry(void *self)
{
    struct observer *o = self;
    const struct vmx *x = &o->pc->cpu[0].vmx;
    o->entered = true;
    o->entered_vmcs = x->current;
    memcpy(&o->at_entry, x->hart->mem->host + x->current, sizeof o->at_entry);
}

const struct vmcs *observer_vmcs_at_entry(const struct observer *o)
{
    return o->entered && o->entered_vmcs == o->pc->cpu[0].vmx.current ? &o->at_entry : NULL;
}

/* --- failures --- */

static void print_place(struct observer *o, const char *label, enum world world, u64 rip, FILE *out)
{
    char name[SYMBOL_TEXT_BYTES];
    if (*observer_name(o, world, rip, name)) fprintf(out, "  %s%s\n", label, name);
}

void observer_print_failure(struct observer *o, FILE *out)
{
    const struct vmx *x = &o->pc->cpu[0].vmx;
    const struct vmx_failure *f = &x->failure;
    vmx_print_failure(x, out);
    if (!f->abort) print_place(o, "where:       ", WORLD_ROOT, f->rip, out);
    if (f->abort || f->exit_reason || f->check >= 0) print_place(o, "guest:       ", WORLD_GUEST, f->values.guest_rip, out);
}

static void on_failure(void *self)
{
    observer_print_failure(self, stderr);
}

/* --- time --- */

/* Up to here the account has every cycle, once core_sync() has run. */
static u64 accounted(const struct observer *o) { return o->pc->cpu[0].core.account.until; }
static enum world world(const struct observer *o) { return (enum world)o->pc->cpu[0].hart->world; }

static void timed(void *self, bool on, u64 cycle)
{
    struct observer *o = self;
    if (on)
        timeline_resume(&o->timeline, cycle);
    else
        timeline_pause(&o->timeline, cycle, world(o));
}

static void transition_begins(void *self, const struct vm_transition *t, u64 cycle)
{
    struct observer *o = self;
    timeline_transition_begins(&o->timeline, t, cycle);
}

static void transition_ends(void *self, const struct vm_transition *t, u64 cycle)
{
    struct observer *o = self;
    (void)t;
    timeline_transition_ends(&o->timeline, cycle);
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
    o->pc->cpu[0].ooo->trace = o->pipeline;
    return o->pipeline && pipe_trace_open(o->pipeline, path, kanata ? PIPE_KANATA : PIPE_O3PIPEVIEW,
                                          options->pipeline_skip, options->pipeline_count);
}

/* Hooks cost time, so only what is wanted is plugged in. */
static void plug_in(struct observer *o)
{
    struct processor *cpu = &o->pc->cpu[0];
    bool timeline = o->timeline.out != NULL;
    o->pc->trace = cpu->core.trace = o->trace;
    if (timeline || trace_on(o->trace, TRACE_exec)) cpu->core.watch = &o->watch;
    if (timeline || o->ledger || trace_on(o->trace, TRACE_walk)) walker_set_trace(&cpu->walker, on_walk, o);
    cpu->vmx.on_exit_self = o;
    if (timeline || trace_on(o->trace, TRACE_vmx)) cpu->vmx.on_exit = on_vm_exit;
    if (o->remembers_entry) cpu->vmx.on_entry = on_vm_entry;
    if (o->explains_all) cpu->vmx.on_failure = on_failure;
}

bool observer_init(struct observer *o, struct pc *pc, const struct board_options *options)
{
    bool monitor = options->monitor.path != NULL;
    *o = (struct observer){
        .pc = pc,
        .trace = options->trace,
        .booted_path = monitor ? options->monitor.path : options->image.path,
        .guest_path = monitor ? options->image.path : NULL,
        .watch = {.self = o, .place = place, .timed = timed, .transition_begins = transition_begins, .transition_ends = transition_ends},
        .remembers_entry = options->remembers_entry,
        .explains_all = options->explain == EXPLAIN_ALWAYS,
        .names_exits = options->timeline_path || (options->trace && (options->trace->to_file & BIT(TRACE_vmx))),
        .function = -1,
    };
    if (!open_ledger(o, options->ledger_path) || !timeline_open(&o->timeline, options->timeline_path, &pc->clock) ||
        !open_pipeline(o, options))
        return false;
    plug_in(o);
    return true;
}

void observer_fini(struct observer *o)
{
    if (o->ledger) fclose(o->ledger);
    if (o->pipeline && o->pipeline->out) pipe_trace_close(o->pipeline);
    free(o->pipeline);
    if (o->timeline.out) timeline_close(&o->timeline, accounted(o), world(o));
    symbols_close(o->booted);
    symbols_close(o->guest);
}

void observer_region_begin(struct observer *o)
{
    o->walks = 0;
    o->ledger_closed = false;
    timeline_region_begin(&o->timeline, accounted(o));
    if (o->pipeline) pipe_trace_restart(o->pipeline);
    if (!o->ledger) return;
    rewind(o->ledger);
    if (ftruncate(fileno(o->ledger), 0) == 0) fputs(ledger_header, o->ledger);
}

void observer_region_end(struct observer *o)
{
    o->ledger_closed = true;
    if (o->pipeline) pipe_trace_stop(o->pipeline);
    timeline_region_end(&o->timeline, accounted(o), world(o));
}
