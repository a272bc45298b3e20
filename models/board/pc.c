#include "models/board/pc.h"
#include "isa/state.h"
#include <stdlib.h>

/* --- bus: which device answers where --- */

struct port_range {
    u16 first, last;
    u32 (*read)(void *self, u16 port, unsigned bytes);
    void (*write)(void *self, u16 port, u32 value, unsigned bytes);
    size_t device; /* offset in struct pc */
};

#define DEVICE(first, last, name) {first, last, name##_port_read, name##_port_write, offsetof(struct pc, name)}
static const struct port_range ports[] = {
    DEVICE(UART_COM1, UART_COM1 + 7, uart),
    DEVICE(0x20, 0x21, pic),
    DEVICE(0xa0, 0xa1, pic),
    DEVICE(0x40, 0x43, pit),
    DEVICE(0x61, 0x61, pit),
    DEVICE(0x80, 0x80, post),
    DEVICE(0xf4, 0xf4, exitport),
};

static const struct port_range *find_port(u16 port)
{
    for (size_t i = 0; i < ARRAY_LEN(ports); i++)
        if (port >= ports[i].first && port <= ports[i].last) return &ports[i];
    return NULL;
}

static u32 all_ones(unsigned bytes) { return bytes >= 4 ? UINT32_MAX : (1u << (8 * bytes)) - 1; }

static void trace_access(struct pc *pc, const char *what, u64 at, u64 value, unsigned bytes)
{
    if (trace_on(pc->trace, TRACE_dev))
        trace_line(pc->trace, TRACE_dev, clock_now(&pc->clock), "bus", "%s 0x%llx, %u bytes: 0x%llx", what, (unsigned long long)at, bytes,
                   (unsigned long long)value);
}

static u32 bus_port_read(void *self, u16 port, unsigned bytes)
{
    struct pc *pc = self;
    const struct port_range *r = find_port(port);
    core_sync_clock(&pc->core);
    u32 value = r ? r->read((char *)pc + r->device, port, bytes) : all_ones(bytes);
    pc->stats.empty_port_reads += r == NULL;
    trace_access(pc, "in", port, value, bytes);
    return value;
}

static void bus_port_write(void *self, u16 port, u32 value, unsigned bytes)
{
    struct pc *pc = self;
    const struct port_range *r = find_port(port);
    core_sync_clock(&pc->core);
    trace_access(pc, "out", port, value, bytes);
    if (r)
        r->write((char *)pc + r->device, port, value, bytes);
    else
        pc->stats.empty_port_writes++;
}

static void note_empty_mmio(struct pc *pc, hpa_t at)
{
    if (pc->first_empty_mmio == PC_UNMAPPED_NONE) pc->first_empty_mmio = at.v;
}

static u64 bus_mmio_read(void *self, hpa_t at, unsigned bytes)
{
    struct pc *pc = self;
    core_sync_clock(&pc->core);
    if (lapic_decodes(&pc->lapic, at)) {
        u64 value = lapic_mmio_read(&pc->lapic, at, bytes);
        trace_access(pc, "load", at.v, value, bytes);
        return value;
    }
    note_empty_mmio(pc, at);
    pc->stats.empty_mmio_reads++;
    return bytes >= 8 ? UINT64_MAX : BIT(8 * bytes) - 1;
}

static void bus_mmio_write(void *self, hpa_t at, u64 value, unsigned bytes)
{
    struct pc *pc = self;
    core_sync_clock(&pc->core);
    trace_access(pc, "store", at.v, value, bytes);
    if (lapic_decodes(&pc->lapic, at)) {
        lapic_mmio_write(&pc->lapic, at, value, bytes);
        return;
    }
    note_empty_mmio(pc, at);
    pc->stats.empty_mmio_writes++;
}

/* --- what else instructions reach --- */

static int bus_interrupt_acknowledge(void *self, struct hart *h)
{
    (void)h;
    return lapic_acknowledge(&((struct pc *)self)->lapic);
}

static bool bus_apic_rdmsr(void *self, struct hart *h, u32 msr, u64 *value, bool *gp)
{
    (void)h;
    struct pc *pc = self;
    core_sync_clock(&pc->core);
    return lapic_rdmsr(&pc->lapic, msr, value, gp);
}

static bool bus_apic_wrmsr(void *self, struct hart *h, u32 msr, u64 value, bool *gp)
{
    (void)h;
    struct pc *pc = self;
    core_sync_clock(&pc->core);
    return lapic_wrmsr(&pc->lapic, msr, value, gp);
}

static u64 bus_get_cr8(void *self, struct hart *h)
{
    (void)h;
    return lapic_get_cr8(&((struct pc *)self)->lapic);
}

static void bus_set_cr8(void *self, struct hart *h, u64 value)
{
    (void)h;
    lapic_set_cr8(&((struct pc *)self)->lapic, value);
}

static u64 bus_read_tsc(void *self, struct hart *h)
{
    (void)h;
    struct pc *pc = self;
    core_sync_clock(&pc->core);
    return clock_now(&pc->clock);
}

static void bus_marker(void *self, struct hart *h, u32 payload)
{
    (void)h;
    struct pc *pc = self;
    core_sync_clock(&pc->core);
    pc->hooks.marker(pc->hooks.self, payload);
}

static const struct bus_ops bus_ops = {
    .port_read = bus_port_read,
    .port_write = bus_port_write,
    .mmio_read = bus_mmio_read,
    .mmio_write = bus_mmio_write,
    .interrupt_acknowledge = bus_interrupt_acknowledge,
    .apic_rdmsr = bus_apic_rdmsr,
    .apic_wrmsr = bus_apic_wrmsr,
    .get_cr8 = bus_get_cr8,
    .set_cr8 = bus_set_cr8,
    .read_tsc = bus_read_tsc,
    .marker = bus_marker,
};

/* --- the processor --- */

static const char *const model_name[] = {"cascade-lake", "haswell", "nehalem", "tiny"};

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
}

static void build_processor(struct pc *pc)
{
    struct hart *h = pc->hart;
    build_model(pc);
    icache_init(&pc->icache, &pc->ram);
    hart_init(h, 0, &pc->ram, &pc->icache, &pc->model);
    mmu_init(&pc->mmu, &pc->cfg.mmu);
    h->mmu = &mmu_ops;
    h->mmu_self = &pc->mmu;
    h->bus = &bus_ops;
    h->bus_self = pc;
    vmx_init(&pc->vmx, &pc->cfg.vmx, h, &pc->mmu);
    hart_state_changed(h);
}

/* --- memory: from DRAM up to the core --- */

static void build_memory(struct pc *pc)
{
    const struct pc_cfg *cfg = &pc->cfg;
    struct clock *clock = &pc->clock;
    dram_init(&pc->dram, &cfg->dram, "dram", clock);
    cache_init(&pc->l3, &cfg->l3, &(struct cache_desc){.name = "l3", .level = SERVED_L3, .clock = clock, .next = dram_port(&pc->dram)});
    crossbar_init(&pc->crossbar, &cfg->crossbar,
                  &(struct crossbar_desc){.name = "crossbar", .clock = clock, .next = cache_port(&pc->l3), .ports = 1, .in_flight = 256});
    struct mem_port below_l2 = crossbar_port(&pc->crossbar, 0);
    cache_init(&pc->l2, &cfg->l2, &(struct cache_desc){.name = "cpu0.l2", .level = SERVED_L2, .clock = clock, .next = below_l2});
    struct mem_port l2 = cache_port(&pc->l2);
    cache_init(&pc->l1i, &cfg->l1i, &(struct cache_desc){.name = "cpu0.l1i", .level = SERVED_L1, .clock = clock, .next = l2, .refuses = true});
    cache_init(&pc->l1d, &cfg->l1d, &(struct cache_desc){.name = "cpu0.l1d", .level = SERVED_L1, .clock = clock, .next = l2, .refuses = true});
}

static void build_core(struct pc *pc)
{
    const struct pc_cfg *cfg = &pc->cfg;
    struct mem_port l1d = cache_port(&pc->l1d), l2 = cache_port(&pc->l2);
    bool walks_enter_l1 = cfg->walker.enters == WALKER_ENTERS_L1D;
    core_init(&pc->core, 0, CORE_FAST,
              &(struct core_wiring){.hart = pc->hart, .mmu = &pc->mmu, .vmx = &pc->vmx, .clock = &pc->clock, .inorder = &pc->inorder});
    inorder_init(&pc->inorder, &cfg->inorder, &cfg->cost, &cfg->bpred, &pc->core, cache_port(&pc->l1i), l1d, &pc->walker);
    walker_init(&pc->walker, &cfg->walker,
                &(struct walker_desc){.name = "cpu0.walker", .clock = &pc->clock, .port = walks_enter_l1 ? l1d : l2,
                                      .done = inorder_walk_done, .done_self = &pc->inorder});
    cache_on_freed(&pc->l1i, inorder_l1_freed, &pc->inorder);
    cache_on_freed(&pc->l1d, inorder_l1_freed, &pc->inorder);
    cache_on_freed(walks_enter_l1 ? &pc->l1d : &pc->l2, walker_retry, &pc->walker);
}

/* --- devices and their interrupts --- */

static void intr_changed(void *self, unsigned input, bool level)
{
    struct pc *pc = self;
    (void)input;
    if (trace_on(pc->trace, TRACE_irq)) trace_line(pc->trace, TRACE_irq, clock_now(&pc->clock), "cpu0", "INTR %s", level ? "up" : "down");
    hart_set_intr(pc->hart, level);
    if (level) core_wake(&pc->core); /* a line that falls, as at its acknowledgement, wakes nobody */
}

static void nmi_raised(void *self)
{
    struct pc *pc = self;
    hart_raise_nmi(pc->hart);
    core_wake(&pc->core);
}

static u8 acknowledge_pic(void *self) { return pic_acknowledge(&((struct pc *)self)->pic); }
static u64 deadline_tsc(void *self) { return bus_read_tsc(self, NULL); }

static void build_lapic(struct pc *pc)
{
    struct lapic_desc desc = {.id = 0, .bootstrap = true, .intr = {.changed = intr_changed, .self = pc},
                              .nmi = nmi_raised, .nmi_self = pc, .extint = acknowledge_pic, .extint_self = pc,
                              .read_tsc = deadline_tsc, .tsc_self = pc, .tsc_hz = pc->cfg.cpu.frequency_hz};
    lapic_init(&pc->lapic, &pc->cfg.lapic, &desc);
    lapic_set_virtual_wire(&pc->lapic);
}

static void build_devices(struct pc *pc)
{
    const struct pc_hooks *hooks = &pc->hooks;
    build_lapic(pc);
    pic_init(&pc->pic, &(struct pic_desc){.intr = lapic_lint0(&pc->lapic)});
    pit_init(&pc->pit, &(struct pit_desc){.irq = pic_input(&pc->pic, 0)});
    uart_init(&pc->uart, &(struct uart_desc){.base = UART_COM1, .sink = hooks->console, .sink_self = hooks->self, .irq = pic_input(&pc->pic, 4)});
    exitport_init(&pc->exitport, &(struct exitport_desc){.exited = hooks->exited, .self = hooks->self});
    post_init(&pc->post);
}

bool pc_init(struct pc *pc, const struct pc_cfg *cfg, const struct pc_hooks *hooks)
{
    memset(pc, 0, sizeof *pc);
    pc->cfg = *cfg;
    pc->hooks = *hooks;
    pc->first_empty_mmio = PC_UNMAPPED_NONE;
    pc->hart = calloc(1, sizeof *pc->hart);
    if (!pc->hart || !ram_init(&pc->ram, cfg->board.ram_bytes)) {
        perror("board.ram_bytes");
        free(pc->hart);
        return false;
    }
    clock_init(&pc->clock, "socket0", cfg->cpu.frequency_hz, cfg->board.batching);
    build_processor(pc);
    build_memory(pc);
    build_core(pc);
    build_devices(pc);
    return true;
}

void pc_fini(struct pc *pc)
{
    inorder_fini(&pc->inorder);
    walker_fini(&pc->walker);
    cache_fini(&pc->l1i);
    cache_fini(&pc->l1d);
    cache_fini(&pc->l2);
    crossbar_fini(&pc->crossbar);
    cache_fini(&pc->l3);
    dram_fini(&pc->dram);
    mmu_fini(&pc->mmu);
    icache_destroy(&pc->icache);
    clock_fini(&pc->clock);
    ram_fini(&pc->ram);
    free(pc->hart);
}

/* --- statistics --- */

#define STAT_OF struct pc_stats
static const struct stat_row rows[] = {PC_STATS(STAT_ROW)};
#undef STAT_OF

void pc_register_stats(struct pc *pc, struct stats *s)
{
    core_register_stats(&pc->core, s);
    inorder_register_stats(&pc->inorder, s, "cpu0");
    mmu_register_stats(&pc->mmu, s, "cpu0");
    walker_add_stats(&pc->walker, s, "cpu0.walker");
    vmx_register_stats(&pc->vmx, s, "cpu0");
    cache_add_stats(&pc->l1i, s, "cpu0.l1i");
    cache_add_stats(&pc->l1d, s, "cpu0.l1d");
    cache_add_stats(&pc->l2, s, "cpu0.l2");
    cache_add_stats(&pc->l3, s, "l3");
    crossbar_add_stats(&pc->crossbar, s, "crossbar");
    dram_add_stats(&pc->dram, s, "dram");
    uart_add_stats(&pc->uart, s, "uart");
    pic_add_stats(&pc->pic, s, "pic");
    pit_add_stats(&pc->pit, s, "pit");
    lapic_add_stats(&pc->lapic, s, "cpu0.lapic");
    stats_add_rows(s, "bus", rows, ARRAY_LEN(rows), &pc->stats);
}

void pc_check_identities(struct pc *pc)
{
    core_check_identities(&pc->core);
    mmu_check_identities(&pc->mmu);
    walker_check_identities(&pc->walker);
    vmx_check_identities(&pc->vmx);
    cache_check_identities(&pc->l1i);
    cache_check_identities(&pc->l1d);
    cache_check_identities(&pc->l2);
    cache_check_identities(&pc->l3);
    crossbar_check_identities(&pc->crossbar);
    dram_check_identities(&pc->dram);
}
