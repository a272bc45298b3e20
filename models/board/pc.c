#include "models/board/pc.h"
#include "models/board/bus.h"

/* --- what CPUID says of this machine --- */

static const char *const model_name[] = {"cascade-lake", "haswell", "nehalem", "tiny", "sandy-bridge", "skylake-sp", "zen2"};

static struct cpu_cache cpuid_cache(const struct cache_cfg *c, enum cpu_cache_type type, unsigned level, bool shared)
{
    return (struct cpu_cache){.type = type, .level = level, .ways = c->ways, .size_bytes = c->size_bytes, .shared = shared};
}

static void build_model(struct pc *pc)
{
    const struct pc_cfg *cfg = &pc->cfg;
    cpu_model_init(&pc->model, model_name[cfg->cpu.model]);
    pc->model.cache[0] = cpuid_cache(&cfg->l1d, CPU_CACHE_DATA, 1, false);
    pc->model.cache[1] = cpuid_cache(&cfg->l1i, CPU_CACHE_CODE, 1, false);
    pc->model.cache[2] = cpuid_cache(&cfg->l2, CPU_CACHE_UNIFIED, 2, false);
    pc->model.cache[3] = cpuid_cache(&cfg->l3, CPU_CACHE_UNIFIED, 3, true);
    pc->model.logical_processors = cfg->board.cores;
    pc->model.tsc_hz = cfg->cpu.frequency_hz;
    pc->model.base_mhz = pc->model.max_mhz = (u32)(cfg->cpu.frequency_hz / MHz);
    if (cfg->vmx.present) cpu_model_set_feature(&pc->model, "vmx", true);
    if (cfg->cpu.la57) cpu_model_set_feature(&pc->model, "la57", true);
    if (cfg->cpu.umip) cpu_model_set_feature(&pc->model, "umip", true);
    if (cfg->cpu.pks) cpu_model_set_feature(&pc->model, "pks", true);
}

/* --- memory, from DRAM up to the processors --- */

static void build_memory(struct pc *pc)
{
    const struct pc_cfg *cfg = &pc->cfg;
    u32 ooo = OOO_REFERENCES + cfg->ooo.load_buffer_entries + cfg->ooo.store_buffer_entries;
    u32 past_caches = (cfg->board.core == CORE_OOO ? 2 * ooo : FLIGHT_MAX + STORE_MAX) + cfg->wc.buffers; /* lines */
    u32 in_flight = cfg->board.cores * (cfg->l2.mshrs + cfg->l1i.mshrs + cfg->l1d.mshrs + past_caches);
    dram_init(&pc->dram, &cfg->dram, "dram", &pc->clock);
    cache_init(&pc->l3, &cfg->l3, &(struct cache_desc){.name = "l3", .level = SERVED_L3, .clock = &pc->clock, .next = dram_port(&pc->dram), .queue_entries = max_u32(1024, in_flight)});
    directory_init(&pc->directory, &cfg->directory,
                   &(struct directory_desc){.name = "directory", .clock = &pc->clock, .next = cache_port(&pc->l3),
                                            .topology = &pc->crossbar.topology, .cores = cfg->board.cores, .in_flight = in_flight});
    cache_set_recall(&pc->l3, directory_recall(&pc->directory));
    crossbar_init(&pc->crossbar, &cfg->crossbar,
                  &(struct crossbar_desc){.name = "crossbar", .clock = &pc->clock, .next = directory_port(&pc->directory), .ports = cfg->board.cores,
                                          .in_flight = in_flight});
}

static bool build_processors(struct pc *pc)
{
    icache_init(&pc->icache, &pc->ram);
    build_model(pc);
    for (unsigned i = 0; i < pc->cfg.board.cores; i++) {
        struct processor_socket socket = {.pc = pc, .clock = &pc->clock, .ram = &pc->ram, .icache = &pc->icache, .model = &pc->model,
                                          .memory = crossbar_port(&pc->crossbar, i), .l3 = &pc->l3,
                                          .coherence = directory_coherence(&pc->directory, i), .bus = &pc_bus_ops};
        if (!processor_init(&pc->cpu[i], i, &pc->cfg, &socket)) return false;
        directory_attach(&pc->directory, i, &pc->cpu[i].l1i);
        directory_attach(&pc->directory, i, &pc->cpu[i].l1d);
        directory_attach(&pc->directory, i, &pc->cpu[i].l2);
    }
    return true;
}

/* --- devices and their interrupts: the PIC's output is the first processor's LINT0. ISA interrupts reach PIC
 * and I/O APIC, the timer's at the latter's input 2 --- */

#define IOAPIC_ID 0 /* of a bus of its own */

static void pass_level(struct irq_line line, bool level) { line.changed(line.self, line.input, level); }

static void isa_irq_changed(void *self, unsigned irq, bool level)
{
    struct pc *pc = self;
    pass_level(pic_input(&pc->pic, irq), level);
    pass_level(ioapic_input(&pc->ioapic, irq == 0 ? 2 : irq), level);
}

static struct irq_line isa_irq(struct pc *pc, unsigned irq)
{
    return (struct irq_line){.changed = isa_irq_changed, .self = pc, .input = irq};
}

static void build_devices(struct pc *pc)
{
    const struct pc_hooks *hooks = &pc->hooks;
    pic_init(&pc->pic, &(struct pic_desc){.intr = lapic_lint0(&pc->cpu[0].lapic)});
    ioapic_init(&pc->ioapic, IOAPIC_ID, &pc->apic_bus);
    apic_bus_attach_ioapic(&pc->apic_bus, &pc->ioapic);
    pit_init(&pc->pit, &(struct pit_desc){.irq = isa_irq(pc, 0)});
    uart_init(&pc->uart, &(struct uart_desc){.base = UART_COM1, .sink = hooks->console, .sink_self = hooks->self, .irq = isa_irq(pc, 4)});
    exitport_init(&pc->exitport, &(struct exitport_desc){.exited = hooks->exited, .self = hooks->self});
    post_init(&pc->post);
}

/* --- life --- */

bool pc_init(struct pc *pc, const struct pc_cfg *cfg, const struct pc_hooks *hooks)
{
    memset(pc, 0, sizeof *pc);
    pc->cfg = *cfg;
    pc->hooks = *hooks;
    pc->first_empty_mmio = PC_UNMAPPED_NONE;
    if (!ram_init(&pc->ram, cfg->board.ram_bytes)) {
        perror("board.ram_bytes");
        return false;
    }
    clock_init(&pc->clock, "socket0", cfg->cpu.frequency_hz, cfg->board.batching);
    clock_set_quantum(&pc->clock, cfg->board.quantum_instructions);
    build_memory(pc);
    if (!build_processors(pc)) {
        perror("board.cores");
        return false;
    }
    build_devices(pc);
    struct sample_watch watch = {pc->hooks.window, pc->hooks.self};
    if (cfg->sample.on && !processor_add_sample(&pc->cpu[0], cfg, &pc->l3, watch)) {
        perror("sample.on");
        return false;
    }
    return true;
}

void pc_fini(struct pc *pc)
{
    for (unsigned i = 0; i < pc->cfg.board.cores; i++) processor_fini(&pc->cpu[i]);
    crossbar_fini(&pc->crossbar);
    directory_fini(&pc->directory);
    cache_fini(&pc->l3);
    dram_fini(&pc->dram);
    icache_destroy(&pc->icache);
    clock_fini(&pc->clock);
    ram_fini(&pc->ram);
}

/* --- all processors together --- */

static bool shut_down(const struct processor *p)
{
    return p->hart->activity == ACTIVITY_SHUTDOWN && processor_sleeps_for_good(p);
}

bool pc_sleeps_for_good(const struct pc *pc)
{
    unsigned asleep = 0;
    for (unsigned i = 0; i < pc->cfg.board.cores; i++) {
        if (shut_down(&pc->cpu[i])) return true;
        asleep += processor_sleeps_for_good(&pc->cpu[i]);
    }
    return asleep == pc->cfg.board.cores;
}

u64 pc_instructions(const struct pc *pc)
{
    u64 sum = 0;
    for (unsigned i = 0; i < pc->cfg.board.cores; i++) sum += pc->cpu[i].hart->instructions;
    return sum;
}

/* --- statistics --- */

#define STAT_OF struct pc_stats
static const struct stat_row rows[] = {PC_STATS(STAT_ROW)};
#undef STAT_OF

void pc_register_stats(struct pc *pc, struct stats *s)
{
    for (unsigned i = 0; i < pc->cfg.board.cores; i++) processor_register_stats(&pc->cpu[i], s);
    cache_add_stats(&pc->l3, s, "l3");
    crossbar_add_stats(&pc->crossbar, s, "crossbar");
    directory_add_stats(&pc->directory, s, "directory");
    dram_add_stats(&pc->dram, s, "dram");
    uart_add_stats(&pc->uart, s, "uart");
    pic_add_stats(&pc->pic, s, "pic");
    pit_add_stats(&pc->pit, s, "pit");
    ioapic_add_stats(&pc->ioapic, s, "ioapic");
    stats_add_rows(s, "bus", rows, ARRAY_LEN(rows), &pc->stats);
}

void pc_check_identities(struct pc *pc)
{
    for (unsigned i = 0; i < pc->cfg.board.cores; i++) processor_check_identities(&pc->cpu[i]);
    cache_check_identities(&pc->l3);
    crossbar_check_identities(&pc->crossbar);
    directory_check_identities(&pc->directory);
    dram_check_identities(&pc->dram);
}
