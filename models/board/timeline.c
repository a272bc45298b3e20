#include "models/board/timeline.h"
#include "virt-ext/qualification.h"
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

enum thread { THREAD_PROCESSOR = 1, THREAD_WALKS };

#define PS_PER_US 1000000u

/* --- pieces of JSON --- */

/* With its quotes; names come from images, so anything may be in them. */
static void write_string(FILE *out, const char *text)
{
    json_t *s = json_string(text);
    if (s)
        json_dumpf(s, out, JSON_ENCODE_ANY);
    else
        fputs("\"\"", out);
    json_decref(s);
}

static void write_address(FILE *out, const char *key, u64 address)
{
    fprintf(out, ",\"%s\":\"0x%" PRIx64 "\"", key, address);
}

static void write_microseconds(FILE *out, const char *key, u64 ps)
{
    fprintf(out, "\"%s\":%" PRIu64 ".%06" PRIu64 ",", key, ps / PS_PER_US, ps % PS_PER_US);
}

/* A slice up to its arguments, of which the first is its cycles; end_slice closes it. */
static void begin_slice(struct timeline *t, unsigned thread, const char *category, u64 begin, u64 end)
{
    FILE *out = t->file->out;
    u64 from = clock_cycle_to_ps(t->file->clock, begin), to = clock_cycle_to_ps(t->file->clock, end);
    fprintf(out, ",\n{\"ph\":\"X\",\"pid\":%u,\"tid\":%u,\"cat\":\"%s\",", t->cpu + 1, thread, category);
    write_microseconds(out, "ts", from);
    write_microseconds(out, "dur", to - from);
}

static void begin_arguments(struct timeline *t, u64 cycles)
{
    fprintf(t->file->out, "\"args\":{\"cycles\":%" PRIu64, cycles);
}

static void end_slice(struct timeline *t) { fputs("}}", t->file->out); }

static void name_thread(FILE *out, unsigned cpu, unsigned thread, const char *name)
{
    fprintf(out, ",\n{\"ph\":\"M\",\"pid\":%u,\"tid\":%u,\"name\":\"thread_name\",\"args\":{\"name\":\"%s\"}}", cpu + 1,
            thread, name);
}

static void write_head(struct timeline_file *f)
{
    const char *before = "[\n";
    for (u32 left = f->cpus; left; left &= left - 1) {
        unsigned cpu = (unsigned)__builtin_ctz(left);
        fprintf(f->out, "%s{\"ph\":\"M\",\"pid\":%u,\"name\":\"process_name\",\"args\":{\"name\":\"cpu%u\"}}", before,
                cpu + 1, cpu);
        name_thread(f->out, cpu, THREAD_PROCESSOR, "processor");
        name_thread(f->out, cpu, THREAD_WALKS, "page walks");
        before = ",\n";
    }
}

/* --- the processor --- */

static void write_reason(struct timeline *t)
{
    if (t->reason) fprintf(t->file->out, ",\"reason\":\"%s\"", t->reason);
}

static void write_world(struct timeline *t, enum world world, u64 end)
{
    static const char *const category[WORLD_COUNT] = {"native", "hypervisor", "guest"};
    if (end == t->since) return;
    begin_slice(t, THREAD_PROCESSOR, category[world], t->since, end);
    bool answers = world == WORLD_ROOT && t->reason;
    fprintf(t->file->out, "\"name\":\"%s%s%s\",", category[world], answers ? ": " : "", answers ? t->reason : "");
    begin_arguments(t, end - t->since);
    if (answers) write_reason(t);
    end_slice(t);
}

static void write_exit_arguments(struct timeline *t)
{
    const struct vmx_exit_event *e = &t->exit;
    char words[QUALIFICATION_TEXT_BYTES];
    write_address(t->file->out, "qualification", e->qualification);
    if (*qualification_text(e, words)) {
        fputs(",\"meaning\":", t->file->out);
        write_string(t->file->out, words);
    }
    write_address(t->file->out, "guest_rip", e->guest_rip);
    if (*t->place) {
        fputs(",\"place\":", t->file->out);
        write_string(t->file->out, t->place);
    }
    write_address(t->file->out, "guest_linear", e->guest_linear);
    write_address(t->file->out, "guest_physical", e->guest_physical);
}

static void write_transition(struct timeline *t, u64 end)
{
    bool exit = t->transition.kind == TRANSITION_EXIT, failed = t->transition.kind == TRANSITION_ENTRY_FAILED;
    begin_slice(t, THREAD_PROCESSOR, exit ? "exit" : "entry", t->since, end);
    const char *name = exit ? "exit " : failed ? "entry failed" : "entry";
    fprintf(t->file->out, "\"name\":\"%s%s\",", name, exit ? t->reason : "");
    begin_arguments(t, end - t->since);
    write_reason(t);
    if (exit || failed) write_exit_arguments(t);
    if (t->transition.injects) fputs(",\"injects\":true", t->file->out);
    if (t->transition.controls_rewritten) fputs(",\"controls_rewritten\":true", t->file->out);
    end_slice(t);
}

void timeline_resume(struct timeline *t, u64 cycle)
{
    if (!t->file->out || t->closed) return;
    t->running = true;
    t->in_transition = false;
    t->since = cycle;
}

void timeline_pause(struct timeline *t, u64 cycle, enum world world)
{
    if (!t->running) return;
    if (t->in_transition)
        write_transition(t, cycle);
    else
        write_world(t, world, cycle);
    t->running = t->in_transition = false;
}

void timeline_note_exit(struct timeline *t, const struct vmx_exit_event *e, const char *place)
{
    if (!t->file->out) return;
    t->exit = *e;
    if (!t->running) t->reason = vmx_exit_name(e->reason);
    snprintf(t->place, sizeof t->place, "%s", place);
}

/* An entry leaves the hypervisor; so does one whose injected event exits at once, and that is an exit. */
void timeline_transition_begins(struct timeline *t, const struct vm_transition *transition, u64 cycle)
{
    if (!t->running) return;
    bool exit = transition->kind == TRANSITION_EXIT;
    write_world(t, exit && !transition->injects ? WORLD_GUEST : WORLD_ROOT, cycle);
    t->since = cycle;
    t->in_transition = true;
    t->transition = *transition;
    if (exit || transition->kind == TRANSITION_ENTRY_FAILED) t->reason = vmx_exit_name(transition->reason);
}

void timeline_transition_ends(struct timeline *t, u64 cycle)
{
    if (!t->running) return;
    write_transition(t, cycle);
    t->in_transition = false;
    t->since = cycle;
}

/* --- page walks --- */

/* Walks are told as they end. Of the lanes that were free when this one began, the one that was free for the
 * shortest time: so no more lanes are used than walks ran at once. */
static unsigned find_lane(const struct timeline *t, u64 begin)
{
    unsigned best = TIMELINE_LANES - 1;
    bool found = false;
    for (unsigned lane = 0; lane < TIMELINE_LANES; lane++) {
        if (t->lane_end[lane] > begin || (found && t->lane_end[lane] <= t->lane_end[best])) continue;
        best = lane;
        found = true;
    }
    return best;
}

static unsigned references_of(const struct walk_ledger *w, enum walk_dim dim)
{
    unsigned n = 0;
    for (unsigned i = 0; i < w->n_refs; i++) n += w->ref[i].dim == dim;
    return n;
}

void timeline_walk(struct timeline *t, const struct walk_ledger *w, u64 begin, u64 end)
{
    static const char *const access_name[] = {
        [ACCESS_READ] = "read", [ACCESS_WRITE] = "write", [ACCESS_FETCH] = "fetch"};
    if (!t->running) return;
    unsigned lane = find_lane(t, begin);
    t->lane_end[lane] = end;
    begin_slice(t, THREAD_WALKS + lane, "walk", begin, end);
    fprintf(t->file->out, "\"name\":\"%s\",", w->nested ? "walk in two dimensions" : "walk");
    begin_arguments(t, end - begin);
    fprintf(t->file->out, ",\"access\":\"%s\"", access_name[w->access]);
    write_address(t->file->out, "va", w->va.v);
    fprintf(t->file->out, ",\"references\":%u,\"guest\":%u,\"host\":%u%s", w->n_refs, references_of(w, DIM_GUEST),
            references_of(w, DIM_HOST), w->faulted ? ",\"faulted\":true" : "");
    end_slice(t);
}

/* --- life --- */

bool timeline_open(struct timeline_file *f, const char *path, const struct clock *clock, u32 cpus)
{
    *f = (struct timeline_file){.clock = clock, .cpus = cpus};
    if (!path) return true;
    f->out = fopen(path, "w");
    if (f->out)
        write_head(f);
    else
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
    return f->out != NULL;
}

void timeline_restart(struct timeline_file *f)
{
    if (!f->out) return;
    rewind(f->out);
    if (ftruncate(fileno(f->out), 0) == 0) write_head(f);
}

void timeline_close(struct timeline_file *f)
{
    if (!f->out) return;
    fputs("\n]\n", f->out);
    fclose(f->out);
    f->out = NULL;
}

void timeline_init(struct timeline *t, const struct timeline_file *f, unsigned cpu)
{
    *t = (struct timeline){.file = f, .cpu = cpu};
}

void timeline_region_begin(struct timeline *t, u64 cycle)
{
    t->closed = false;
    if (t->running) t->since = cycle;
}

void timeline_region_end(struct timeline *t, u64 cycle, enum world world)
{
    timeline_pause(t, cycle, world);
    t->closed = true;
}
