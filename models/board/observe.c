#include "models/board/observe.h"
#include <errno.h>
#include <unistd.h>

static const char *const access_name[] = {[ACCESS_READ] = "read", [ACCESS_WRITE] = "write", [ACCESS_FETCH] = "fetch"};
static const char *const dim_name[] = {[DIM_GUEST] = "guest", [DIM_HOST] = "host"};
static const char *const served_name[SERVED_COUNT] = {"unknown", "psc", "ntlb", "l1", "l2", "l3", "dram"};

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
    o->walks++;
}

/* --- VM exits --- */

static void on_vm_exit(void *self, const struct vmx_exit_event *e)
{
    struct observer *o = self;
    trace_line(o->trace, TRACE_vmx, clock_now(&o->pc->clock), "cpu0.vmx", "exit %s, qualification 0x%llx, RIP 0x%llx, GLA 0x%llx, GPA 0x%llx",
               vmx_exit_name(e->reason), (unsigned long long)e->qualification, (unsigned long long)e->guest_rip,
               (unsigned long long)e->guest_linear, (unsigned long long)e->guest_physical);
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

bool observer_init(struct observer *o, struct pc *pc, struct trace *trace, const char *ledger_path)
{
    *o = (struct observer){.pc = pc, .trace = trace};
    if (!open_ledger(o, ledger_path)) return false;
    struct processor *cpu = &pc->cpu[0];
    pc->trace = cpu->core.trace = trace;
    if (o->ledger || trace_on(trace, TRACE_walk)) walker_set_trace(&cpu->walker, on_walk, o);
    if (trace_on(trace, TRACE_vmx)) {
        cpu->vmx.on_exit = on_vm_exit;
        cpu->vmx.on_exit_self = o;
    }
    return true;
}

void observer_fini(struct observer *o)
{
    if (o->ledger) fclose(o->ledger);
}

void observer_region_begin(struct observer *o)
{
    o->walks = 0;
    o->ledger_closed = false;
    if (!o->ledger) return;
    rewind(o->ledger);
    if (ftruncate(fileno(o->ledger), 0) == 0) fputs(ledger_header, o->ledger);
}

void observer_region_end(struct observer *o) { o->ledger_closed = true; }
