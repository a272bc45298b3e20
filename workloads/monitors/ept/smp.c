#include "smp.h"
#include "kit/console.h"
#include "kit/memory.h"
#include "kit/paging.h"
#include "kit/smp.h"
#include "kit/trap.h"
#include "monitors/guest.h"
#include "virtual_apic.h"

enum { IPI_PASSED, IPI_POSTED, IPI_VIRTUAL };
enum { STACK_BYTES = 16 * 1024, MISC_TIMER_RATE = 0x1f };

#define APIC_ICR_HIGH           0x310
#define MSR_APIC_BASE           0x1bu
#define CPUID_1_ECX_X2APIC      BIT(21)
#define MISC_ACTIVITY_WAIT_SIPI BIT(8)

/* A logical processor. */
struct processor {
    unsigned number; /* its APIC ID */
    u64 vmxon_region, stack_top;
    bool idle;               /* with the lock: has nothing to run, and waits for SMP_WAKE */
    volatile u64 generation; /* of EPT, that it has no older translations of */
};

enum state { STOPPED, READY, RUNNING, HALTED };
enum intention { GO_ON, END_SLICE, HALT };

struct virtual_processor {
    struct vcpu vcpu; /* first: exits know this address */
    u64 vmcs;
    struct processor *on; /* or was on last; NULL: never ran */
    enum intention intention;

    /* with the lock */
    enum state state;
    bool initialized; /* STOPPED by an INIT: takes a start-up IPI */
    bool starts;      /* its first load begins at startup_vector */
    u8 startup_vector;

    /* statistics */
    u64 loads, migrations;
};

static struct {
    struct smp_options options;
    unsigned processors;
    bool shares; /* virtual processors take turns */
    volatile u64 lock;
    unsigned queued;
    struct virtual_processor *queue[SMP_MAX];
    u64 ept_pointer;
    volatile u64 ept_lock, ept_generation;
} smp;

static struct processor processors[SMP_MAX];
static struct virtual_processor virtual_processors[SMP_MAX];

static struct virtual_processor *of(const struct vcpu *vcpu)
{
    return &virtual_processors[vcpu->number];
}

static bool has_virtual_apics(void)
{
    return smp.options.ipi != IPI_PASSED;
}

static void lock(void)
{
    while (atomic_exchange(&smp.lock, 1)) pause();
}

static void unlock(void)
{
    atomic_exchange(&smp.lock, 0);
}

/* A guest that owns the APIC may stand between its two writes to the ICR. */
static void wake(const struct processor *p)
{
    volatile u32 *icr_high = (volatile u32 *)(LOCAL_APIC + APIC_ICR_HIGH);
    u32 high = *icr_high;
    smp_send(p->number, SMP_WAKE);
    *icr_high = high;
}

/* --- the queue; all with the lock --- */

static bool may_run(const struct virtual_processor *v, const struct processor *p)
{
    return smp.shares || v->vcpu.number == p->number;
}

static void enqueue(struct virtual_processor *v)
{
    v->state = READY;
    smp.queue[smp.queued++] = v;
    for (struct processor *p = processors; p < processors + smp.processors; p++) {
        if (!p->idle || !may_run(v, p)) continue;
        p->idle = false;
        wake(p);
        return;
    }
}

static struct virtual_processor *dequeue(const struct processor *p)
{
    for (unsigned n = 0; n < smp.queued; n++) {
        struct virtual_processor *v = smp.queue[n];
        if (!may_run(v, p)) continue;
        smp.queued--;
        memmove(&smp.queue[n], &smp.queue[n + 1], (smp.queued - n) * sizeof smp.queue[0]);
        return v;
    }
    return NULL;
}

static void enqueue_halted(void)
{
    lock();
    for (unsigned n = 0; n < smp.options.cpus; n++)
        if (virtual_processors[n].state == HALTED && virtual_apic_is_requested(&virtual_processors[n].vcpu))
            enqueue(&virtual_processors[n]);
    unlock();
}

/* --- shoot-down of EPT's translations --- */

static void flush_if_asked(struct processor *p)
{
    u64 generation = smp.ept_generation;
    if (p->generation == generation) return;
    invept(INVEPT_SINGLE_CONTEXT, smp.ept_pointer);
    p->generation = generation;
}

/* Whoever waits answers others' requests, so two that change EPT do not wait for each other. */
void smp_begin_ept_change(const struct vcpu *vcpu)
{
    while (atomic_exchange(&smp.ept_lock, 1)) {
        flush_if_asked(of(vcpu)->on);
        pause();
    }
}

void smp_end_ept_change(const struct vcpu *vcpu)
{
    struct processor *self = of(vcpu)->on;
    u64 generation = ++smp.ept_generation;
    flush_if_asked(self);
    for (struct processor *p = processors; p < processors + smp.processors; p++)
        if (p != self) wake(p);
    for (struct processor *p = processors; p < processors + smp.processors; p++)
        while (p->generation != generation) pause();
    atomic_exchange(&smp.ept_lock, 0);
}

/* --- on and off a logical processor --- */

static void start_slice(void)
{
    u64 rate = rdmsr(MSR_VMX_MISC) & MISC_TIMER_RATE;
    if (smp.shares) vmwrite(PREEMPTION_TIMER_VALUE, smp.options.slice_cycles >> rate);
}

/* The VMCS is clear, so this processor may make it active. What the last one to run this virtual processor
 * invalidated, this one may still hold from before. */
static void load(struct processor *p, struct virtual_processor *v)
{
    vmptrld(v->vmcs);
    v->vcpu.launches = true;
    v->vcpu.stack_top = p->stack_top;
    vmx_write_host_tables();
    if (v->starts) vcpu_write_start_up_state(&v->vcpu, v->startup_vector, true);
    if (v->on != p) vcpu_flush_tlb(&v->vcpu);
    v->migrations += v->on && v->on != p;
    v->loads++;
    v->starts = false;
    v->on = p;
    v->intention = GO_ON;
    flush_if_asked(p);
    start_slice();
    if (has_virtual_apics()) virtual_apic_load(&v->vcpu, p->number);
}

static struct virtual_processor *take_next(struct processor *p)
{
    lock();
    struct virtual_processor *v = dequeue(p);
    p->idle = !v;
    if (v) v->state = RUNNING;
    unlock();
    return v;
}

static struct vcpu *run_next(struct processor *p)
{
    struct virtual_processor *v;
    while (!(v = take_next(p))) {
        flush_if_asked(p);
        interrupts_on_and_halt();
        interrupts_off();
        if (smp.shares) enqueue_halted();
    }
    load(p, v);
    return &v->vcpu;
}

/* --- giving it up --- */

/* False: nobody else wants the processor. */
static bool end_slice(struct virtual_processor *v)
{
    lock();
    bool wanted = smp.queued;
    if (wanted) {
        virtual_apic_unload(&v->vcpu);
        vmclear(v->vmcs);
        enqueue(v);
    }
    unlock();
    if (!wanted) start_slice();
    return wanted;
}

/* With interrupts disabled, only an INIT would end its halt. False: an interrupt ends it already. */
static bool halt_virtual(struct virtual_processor *v)
{
    bool hears = vmread(GUEST_RFLAGS) & RFLAGS_IF;
    lock();
    bool halts = !hears || virtual_apic_halt(&v->vcpu);
    if (!hears) virtual_apic_unload(&v->vcpu);
    if (halts) {
        vmclear(v->vmcs);
        v->state = hears ? HALTED : STOPPED;
    }
    unlock();
    if (!halts) virtual_apic_load(&v->vcpu, v->on->number);
    return halts;
}

struct vcpu *smp_go_on(struct vcpu *vcpu)
{
    struct virtual_processor *v = of(vcpu);
    struct processor *p = v->on;
    enum intention intention = v->intention;
    v->intention = GO_ON;
    flush_if_asked(p);
    if (intention == GO_ON) return vcpu;
    bool leaves = intention == HALT ? halt_virtual(v) : end_slice(v);
    return leaves ? run_next(p) : vcpu;
}

/* --- exits --- */

void smp_on_external_interrupt(struct vcpu *vcpu)
{
    u8 vector = (u8)vmread(EXIT_INTERRUPTION_INFORMATION);
    if (vector == SMP_WAKE) {
        smp_end_of_interrupt();
        if (smp.shares) enqueue_halted();
    } else if (smp.shares) {
        panic("interrupt 0x%x of a device: with fewer processors than cpus= nobody can take it", vector);
    } else {
        vcpu_raise_interrupt(vcpu, vector);
    }
}

void smp_on_hlt(struct vcpu *vcpu)
{
    if (smp.shares) {
        vcpu_skip_instruction();
        of(vcpu)->intention = HALT;
    } else {
        vcpu_common_handlers[EXIT_HLT](vcpu);
    }
}

void smp_on_slice_end(struct vcpu *vcpu)
{
    of(vcpu)->intention = END_SLICE;
}

/* --- start-up, by the hardware's own messages ("Other Causes of VM Exits") --- */

void smp_on_init(struct vcpu *vcpu)
{
    if (vcpu->number == 0) panic("INIT of the guest's boot processor is not modelled");
    vmwrite(GUEST_ACTIVITY_STATE, ACTIVITY_WAIT_FOR_SIPI);
}

void smp_on_startup(struct vcpu *vcpu)
{
    vcpu_write_start_up_state(vcpu, (u8)vmread(EXIT_QUALIFICATION), true);
}

/* --- start-up, by virtual APICs --- */

void smp_init(unsigned number)
{
    struct virtual_processor *v = &virtual_processors[number];
    lock();
    if (v->state != STOPPED) panic("INIT of virtual processor %u, which runs, is not modelled", number);
    v->initialized = true;
    unlock();
}

/* One that does not wait for it does not hear it. */
void smp_start_up(unsigned number, u8 vector)
{
    struct virtual_processor *v = &virtual_processors[number];
    lock();
    if (v->state == STOPPED && v->initialized) {
        v->initialized = false;
        v->starts = true;
        v->startup_vector = vector;
        enqueue(v);
    }
    unlock();
}

/* --- what the guest is told --- */

void smp_filter_cpuid(const struct vcpu *vcpu, u32 leaf, struct cpuid *id)
{
    u32 cpus = (u32)smp.options.cpus;
    if (leaf == 1) {
        id->ebx = (id->ebx & 0xffff) | vcpu->number << 24 | cpus << 16;
        id->ecx &= ~(u32)CPUID_1_ECX_X2APIC;
    } else if (leaf == 0xb) {
        id->edx = vcpu->number;
        if (id->ebx > cpus) id->ebx = cpus;
    }
}

void smp_print_statistics(void)
{
    for (const struct virtual_processor *v = virtual_processors; v < virtual_processors + smp.options.cpus; v++) {
        u64 exits = 0;
        for (unsigned n = 0; n < EXIT_REASONS; n++) exits += v->vcpu.exits[n];
        printf("virtual processor %u: %llu exits, %llu loads, %llu migrations\n", v->vcpu.number, (ull)exits,
               (ull)v->loads, (ull)v->migrations);
    }
}

/* --- set-up, all by logical processor 0 --- */

u64 smp_local_apic(const struct smp_options *options)
{
    return options->ipi == IPI_PASSED ? LOCAL_APIC : virtual_apic_access_page();
}

/* IA32_APIC_BASE is the hardware's: the guest may read it. */
static void protect_apic_base(void)
{
    enum { WRITES = 2048 };
    u8 *bitmaps = (u8 *)vmread(ADDRESS_OF_MSR_BITMAPS);
    bitmaps[WRITES + MSR_APIC_BASE / 8] |= 1u << MSR_APIC_BASE % 8;
}

void smp_set_up(struct vcpu *vcpu)
{
    struct controls *c = &vcpu->controls;
    protect_apic_base();
    smp.ept_pointer = vmread(EPT_POINTER);
    if (smp.shares) {
        controls_require(c, HLT_EXITING);
        controls_require(c, ACTIVATE_PREEMPTION_TIMER);
        controls_require(c, SAVE_PREEMPTION_TIMER);
    }
    if (!has_virtual_apics()) {
        if (!(rdmsr(MSR_VMX_MISC) & MISC_ACTIVITY_WAIT_SIPI))
            panic("the processor has no wait-for-SIPI state of guests");
        return;
    }
    if (!smp.shares) controls_switch(c, HLT_EXITING, false); /* notifications end it */
    virtual_apic_set_up(vcpu, (unsigned)smp.options.cpus, smp.options.ipi == IPI_VIRTUAL);
}

static void prepare_processor(unsigned number)
{
    u64 stack = (u64)heap_run(STACK_BYTES, PAGE_4K);
    processors[number] = (struct processor){number, vmx_region(), stack + STACK_BYTES, false, 0};
}

/* Processors other than the first wait for their start-up in the guest's world, where INIT and start-up IPIs
 * exit; with virtual APICs, outside the queue. */
static void prepare_virtual_processor(unsigned number, const struct technique *technique, struct vcpu_options options)
{
    struct virtual_processor *v = &virtual_processors[number];
    v->vmcs = vmx_region();
    vmclear(v->vmcs);
    vmptrld(v->vmcs);
    vcpu_prepare(&v->vcpu, number, technique, options, guest.entry, guest.multiboot_info);
    if (number && !has_virtual_apics()) vcpu_write_start_up_state(&v->vcpu, 0, false);
    vmclear(v->vmcs);
    if (number == 0 || !has_virtual_apics()) enqueue(v);
}

static void take_wake(struct trap_frame *frame)
{
    (void)frame;
    smp_end_of_interrupt();
}

static void run(unsigned number)
{
    struct processor *p = &processors[number];
    if (number) vmx_on_processor(p->vmxon_region);
    vcpu_enter(run_next(p));
}

void smp_run(const struct technique *technique, struct vcpu_options options, const struct smp_options *o)
{
    u64 cpus = o->cpus ? o->cpus : smp_count();
    smp.options = *o;
    smp.options.cpus = cpus;
    smp.processors = (unsigned)smaller(smp_count(), cpus);
    smp.shares = smp.processors < cpus;
    if (smp.shares && o->ipi == IPI_PASSED) panic("ipi=passed needs a processor for each of cpus=");
    for (unsigned n = 0; n < smp.processors; n++) prepare_processor(n);
    for (unsigned n = 0; n < cpus; n++) prepare_virtual_processor(n, technique, options);
    trap_set_handler(SMP_WAKE, take_wake);
    smp_start(smp.processors, run);
    run(0);
    panic("the first processor has come back");
}
