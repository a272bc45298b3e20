#include "models/board/board.h"
#include "models/board/boot.h"
#include "models/board/inspect.h"
#include "models/board/observe.h"
#include "models/board/pc.h"
#include "models/board/report.h"
#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>

struct board {
    struct pc_cfg cfg;
    struct pc pc;
    struct observer observer;
    struct stats *stats;
    struct board_options options;
    FILE *console;
    bool exited;
    u8 exit_status;
    void (*progress)(void *self);
    void *progress_self;
    enum marker_kind stop_marker; /* 0: none, or it was met */
    void (*at_stop)(void *self);
    void *at_stop_self;
};

/* Set by signal handlers, so global: one simulation per process (kernel.h). */
static atomic_bool interrupted, progress_due;

/* --- what the guest tells --- */

/* The processor that boots. */
static struct processor *boot_cpu(struct board *b) { return &b->pc.cpu[0]; }

static void sync_cores(struct board *b)
{
    for (unsigned i = 0; i < b->cfg.board.cores; i++) core_sync(&b->pc.cpu[i].core);
}

static struct sample *sample_of(struct board *b) { return boot_cpu(b)->sample; }

static void on_window(void *self, bool begins)
{
    struct board *b = self;
    (begins ? stats_window_begin : stats_window_end)(b->stats);
}

static void region_begin(struct board *b)
{
    sync_cores(b);
    stats_region_begin(b->stats);
    if (sample_of(b) && sample_of(b)->begun) sample_begin(sample_of(b), 0);
    observer_region_begin(&b->observer);
}

static void region_end(struct board *b)
{
    sync_cores(b);
    if (sample_of(b)) sample_end(sample_of(b));
    stats_region_end(b->stats);
    observer_region_end(&b->observer);
}

/* The others follow. A sampled run begins its sample here. */
static void switch_core(struct board *b)
{
    if (sample_of(b))
        sample_begin(sample_of(b), 0);
    else
        core_switch(&boot_cpu(b)->core, (enum core_kind)b->cfg.board.core);
}

static void stop_at(struct board *b, enum marker_kind kind)
{
    if (b->stop_marker != kind) return;
    b->stop_marker = 0;
    b->at_stop(b->at_stop_self);
    kernel_stop();
}

static void on_marker(void *self, u32 payload)
{
    struct board *b = self;
    enum marker_kind kind = (enum marker_kind)bits(payload, 23, 16);
    if (trace_on(b->options.trace, TRACE_board))
        trace_line(b->options.trace, TRACE_board, clock_now(&b->pc.clock), "board", "marker 0x%08x", payload);
    switch (kind) {
    case MARKER_WARM:
        if (b->cfg.run.switch_at == SWITCH_AT_WARM) switch_core(b);
        break;
    case MARKER_BEGIN:
        region_begin(b);
        if (b->cfg.run.switch_at == SWITCH_AT_BEGIN) switch_core(b);
        break;
    case MARKER_END:
        region_end(b);
        break;
    case MARKER_LABEL:
        break;
    }
    stop_at(b, kind);
}

static void on_exit_port(void *self, u8 status)
{
    struct board *b = self;
    if (b->exited) return;
    b->exited = true;
    b->exit_status = status;
    kernel_stop();
}

static void on_console(void *self, u8 byte)
{
    struct board *b = self;
    if (b->console) fputc(byte, b->console);
    if (b->options.echo_console) fputc(byte, stdout);
}

/* --- life --- */

struct board *board_new(struct config *c)
{
    struct board *b = calloc(1, sizeof *b);
    struct pc_hooks hooks = {.marker = on_marker, .exited = on_exit_port, .console = on_console, .window = on_window, .self = b};
    if (!b || !pc_cfg_bind(&b->cfg, c) || !pc_init(&b->pc, &b->cfg, &hooks)) {
        free(b);
        return NULL;
    }
    b->stats = stats_new();
    pc_register_stats(&b->pc, b->stats);
    if (sample_of(b)) stats_sample(b->stats);
    return b;
}

void board_free(struct board *b)
{
    if (b->console) fclose(b->console);
    observer_fini(&b->observer);
    stats_free(b->stats);
    pc_fini(&b->pc);
    free(b);
}

static bool open_console(struct board *b, const char *path)
{
    if (!path) return true;
    b->console = fopen(path, "w");
    if (!b->console) fprintf(stderr, "%s: %s\n", path, strerror(errno));
    return b->console != NULL;
}

static void add_signals(struct processor *p)
{
    char name[32];
    snprintf(name, sizeof name, "cpu%u_world", p->id);
    kernel_vcd_trace(name, &p->core.world, 2);
    snprintf(name, sizeof name, "cpu%u_walkers_busy", p->id);
    kernel_vcd_trace(name, &p->walker.busy, 5);
    snprintf(name, sizeof name, "cpu%u_exit_reason", p->id);
    kernel_vcd_trace(name, &p->vmx.exit_reason, 16);
}

static bool open_vcd(struct board *b, const char *path)
{
    if (!path) return true;
    if (!kernel_vcd_open(path)) {
        fprintf(stderr, "%s.vcd: cannot be written\n", path);
        return false;
    }
    for (unsigned i = 0; i < b->cfg.board.cores; i++)
        if (!b->options.traced_cpus || b->options.traced_cpus >> i & 1) add_signals(&b->pc.cpu[i]);
    return true;
}

bool board_load(struct board *b, const struct board_options *o)
{
    return boot_multiboot(&b->pc.ram, boot_cpu(b)->hart, o);
}

static void plan_switch(struct board *b)
{
    if (b->cfg.run.switch_at == SWITCH_AT_START) switch_core(b);
    if (b->cfg.run.switch_at != SWITCH_AT_INSTRUCTIONS) return;
    if (sample_of(b)) {
        sample_begin(sample_of(b), b->cfg.run.switch_instructions);
    } else {
        boot_cpu(b)->core.switch_at_instruction = b->cfg.run.switch_instructions;
        boot_cpu(b)->core.switch_to = (enum core_kind)b->cfg.board.core;
    }
}

bool board_open(struct board *b, const struct board_options *o)
{
    b->options = *o;
    if (!observer_init(&b->observer, &b->pc, o) || !open_vcd(b, o->vcd_path)) return false;
    for (unsigned i = 0; i < b->cfg.board.cores && o->max_instructions; i++) b->pc.cpu[i].core.max_instructions = o->max_instructions;
    plan_switch(b);
    return open_console(b, o->console_path);
}

/* --- running --- */

void board_interrupt(void)
{
    interrupted = true;
    kernel_interrupt();
}

void board_stop_at_marker(struct board *b, enum marker_kind kind, void (*fn)(void *self), void *self)
{
    b->stop_marker = kind;
    b->at_stop = fn;
    b->at_stop_self = self;
}

void board_ask_progress(void)
{
    progress_due = true;
    kernel_interrupt();
}

void board_on_progress(struct board *b, void (*fn)(void *self), void *self)
{
    b->progress = fn;
    b->progress_self = self;
}

static enum board_end end_of(struct board *b, enum kernel_end end)
{
    if (b->exited) return BOARD_EXITED;
    if (interrupted) return BOARD_INTERRUPTED;
    if (pc_sleeps_for_good(&b->pc) || end == KERNEL_STARVED) return BOARD_DIED;
    if (end == KERNEL_REACHED) return BOARD_HANG_LIMIT;
    return BOARD_INSTRUCTIONS;
}

static u64 limit_ps(const struct board *b)
{
    return b->options.max_cycles ? clock_cycle_to_ps(&b->pc.clock, b->options.max_cycles) : KERNEL_NEVER;
}

static bool instruction_limit_reached(const struct board *b)
{
    for (unsigned i = 0; i < b->cfg.board.cores; i++)
        if (b->pc.cpu[i].hart->instructions >= b->pc.cpu[i].core.max_instructions) return true;
    return false;
}

/* A stop may be just the alarm that draws the progress line: then the run goes on. */
static enum kernel_end run_on(struct board *b)
{
    for (;;) {
        enum kernel_end end = kernel_run_until(limit_ps(b));
        if (!progress_due || end != KERNEL_STOPPED) return end;
        progress_due = false;
        if (b->progress) b->progress(b->progress_self);
        if (b->exited || interrupted || pc_sleeps_for_good(&b->pc) || instruction_limit_reached(b)) return end;
    }
}

enum board_end board_run(struct board *b, u8 *status)
{
    enum board_end end = end_of(b, run_on(b));
    *status = b->exit_status;
    board_check(b);
    if (b->console) fflush(b->console);
    if (b->options.vcd_path) kernel_vcd_close();
    return end;
}

/* A run may be cut short while the core waits: its time goes on to the very end. */
static void catch_up(struct clock *c)
{
    clock_advance(c, max_u64(clock_now(c), clock_ps_to_cycle(c, kernel_now_ps())));
}

void board_check(struct board *b)
{
    catch_up(&b->pc.clock);
    sync_cores(b);
    if (sample_of(b)) sample_end(sample_of(b));
    pc_check_identities(&b->pc);
}

struct stats *board_stats(struct board *b) { return b->stats; }
u64 board_instructions(const struct board *b) { return pc_instructions(&b->pc); }
u64 board_now_ps(const struct board *b)
{
    (void)b;
    return kernel_now_ps();
}

/* --- reports --- */

static const char *died_because(const struct board *b, enum board_end end)
{
    for (unsigned i = 0; i < b->cfg.board.cores; i++)
        if (b->pc.cpu[i].hart->activity == ACTIVITY_SHUTDOWN) return "triple fault (shutdown)";
    if (end == BOARD_DIED) return "halted, and no interrupt can come";
    return "hang limit reached (--max-cycles)";
}

/* What a triple fault began with. */
static void print_first_fault(const struct fault *f, FILE *out)
{
    fprintf(out, "; it began with vector %u", f->vector);
    if (f->has_error) fprintf(out, ", error code 0x%x", f->error);
    if (f->vector == VEC_PF) fprintf(out, ", CR2 0x%llx", (unsigned long long)f->va.v);
}

static void print_place(struct board *b, const struct processor *p, FILE *out)
{
    const struct hart *h = p->hart;
    char name[SYMBOL_TEXT_BYTES];
    fprintf(out, "%s world, CPL %u, RIP 0x%llx, %llu instructions, cycle %llu", world_name[h->world], h->cpl,
            (unsigned long long)h->reg[REG_RIP], (unsigned long long)h->instructions, (unsigned long long)p->core.cycles);
    if (*observer_name(&b->observer, (enum world)h->world, h->reg[REG_RIP], name)) fprintf(out, ", in %s", name);
    if (h->activity == ACTIVITY_SHUTDOWN) print_first_fault(&h->first_fault, out);
}

/* Processors that nobody has started are nowhere. */
static void print_places(struct board *b, FILE *out)
{
    for (unsigned i = 0; i < b->cfg.board.cores; i++) {
        const struct processor *p = &b->pc.cpu[i];
        if (p->hart->activity == ACTIVITY_WAIT_SIPI) continue;
        if (b->cfg.board.cores > 1) fprintf(out, "\n  cpu%u: ", i);
        print_place(b, p, out);
    }
    if (b->pc.first_empty_mmio != PC_UNMAPPED_NONE)
        fprintf(out, "; first access where no memory is: physical address 0x%llx", (unsigned long long)b->pc.first_empty_mmio);
    fputc('\n', out);
}

void board_print_end(struct board *b, enum board_end end, FILE *out)
{
    switch (end) {
    case BOARD_EXITED:
        fprintf(out, "guest exited with status %u\n", b->exit_status);
        return;
    case BOARD_DIED:
    case BOARD_HANG_LIMIT:
        fprintf(out, "guest died: %s; ", died_because(b, end));
        break;
    case BOARD_INSTRUCTIONS:
        fprintf(out, "stopped: instruction limit; ");
        break;
    case BOARD_INTERRUPTED:
        fprintf(out, "interrupted; ");
        break;
    }
    print_places(b, out);
}

static void print_unmodelled(const struct unmodelled *u, FILE *out)
{
    char text[128];
    isa_disassemble(u->bytes, u->length, (enum code_mode)u->mode, u->rip, text, sizeof text);
    fprintf(out, "  %8llu x  0x%016llx ", (unsigned long long)u->count, (unsigned long long)u->rip);
    for (unsigned i = 0; i < u->length; i++) fprintf(out, " %02x", u->bytes[i]);
    fprintf(out, "  %s\n", text);
}

static void print_refused_msrs(const struct hart *h, FILE *out)
{
    for (unsigned n = 0; n < h->refused_msrs; n++) {
        const struct refused_msr *r = &h->refused_msr[n];
        fprintf(out, "  %8llu x  0x%016llx  %s 0x%x\n", (unsigned long long)r->count, (unsigned long long)r->rip,
                r->write ? "wrmsr" : "rdmsr", r->msr);
    }
}

/* A refusal that the guest expected is no news. */
static bool failure_is_news(const struct board *b, unsigned cpu, enum board_end end)
{
    const struct vmx_failure *f = &b->pc.cpu[cpu].vmx.failure;
    bool well = end == BOARD_EXITED && b->exit_status == 0;
    return f->happened && b->options.explain == EXPLAIN_FAILURES && !(well && f->refusal);
}

static void print_all_refused_msrs(const struct board *b, FILE *out)
{
    u64 refused = 0;
    for (unsigned i = 0; i < b->cfg.board.cores; i++) refused += b->pc.cpu[i].hart->refused_msrs;
    if (refused) fprintf(out, "RDMSR and WRMSR that were answered with #GP(0):\n");
    for (unsigned i = 0; i < b->cfg.board.cores; i++) print_refused_msrs(b->pc.cpu[i].hart, out);
}

void board_print_sample(struct board *b, FILE *out)
{
    if (sample_of(b)) sample_print(sample_of(b), out);
}

void board_print_accounts(struct board *b, FILE *out)
{
    if (b->cfg.board.core != CORE_FAST) report_print(b->stats, b->cfg.board.cores, out);
}

void board_print_report(struct board *b, enum board_end end, FILE *out)
{
    const struct pc_stats *s = &b->pc.stats;
    unsigned n = isa_unmodelled_count(&b->pc.icache);
    if (n) fprintf(out, "instructions that are not modelled, answered with #UD:\n");
    for (unsigned i = 0; i < n; i++) print_unmodelled(isa_unmodelled_get(&b->pc.icache, i), out);
    print_all_refused_msrs(b, out);
    u64 nowhere = s->empty_port_reads + s->empty_port_writes + s->empty_mmio_reads + s->empty_mmio_writes;
    if (nowhere) fprintf(out, "accesses to ports or addresses where no device is: %llu\n", (unsigned long long)nowhere);
    for (unsigned i = 0; i < b->cfg.board.cores; i++)
        if (failure_is_news(b, i, end)) observer_print_failure(&b->observer, i, out);
}

/* --- looking into it --- */

bool board_print_walk(struct board *b, unsigned cpu, va_t va, FILE *out)
{
    return inspect_walk(&b->pc.cpu[cpu].mmu, b->pc.cpu[cpu].hart, va, out);
}

bool board_print_vmcs(struct board *b, unsigned cpu, FILE *out)
{
    return inspect_vmcs(&b->pc.cpu[cpu].vmx, observer_vmcs_at_entry(&b->observer, cpu), out);
}
