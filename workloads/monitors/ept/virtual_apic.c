#include "virtual_apic.h"
#include "kit/console.h"
#include "kit/memory.h"
#include "kit/smp.h"
#include "kit/trap.h"
#include "smp.h"

enum {
    APIC_ID = 0x20,
    APIC_VERSION = 0x30,
    APIC_PPR = 0xa0,
    APIC_SVR = 0xf0,
    APIC_ICR = 0x300,
    APIC_ICR_HIGH = 0x310,
    APIC_INITIAL = 0x380,
    VERSION = 0x50014,
    SVR_RESET = 0xff,
    NOTIFY = 0xf2,
};

enum { DELIVER_FIXED = 0, DELIVER_INIT = 5, DELIVER_STARTUP = 6 };
enum { TO_DESTINATION, TO_SELF, TO_ALL, TO_OTHERS };
#define ICR_LOGICAL BIT(11)

#define TERTIARY_IPI_VIRTUALIZATION BIT(4)
#define PID_POINTER_VALID           1u

/* Posted-interrupt descriptor. */
#define CONTROL_ON BIT(0)
#define CONTROL_SN BIT(1)
#define CONTROL_TO(cpu, vector) ((u64)(cpu) << 40 | (u64)(vector) << 16) /* in xAPIC mode */

static struct virtual_apic {
    u8 *page;
    struct descriptor {
        volatile u64 requests[4];
        volatile u64 control;
        u64 unused[3];
    } *descriptor;
} apics[SMP_MAX];
static unsigned apics_count;

static volatile u32 *reg(const struct vcpu *vcpu, u32 offset)
{
    return (volatile u32 *)(apics[vcpu->number].page + offset);
}

static struct descriptor *descriptor_of(const struct vcpu *vcpu)
{
    return apics[vcpu->number].descriptor;
}

/* --- set-up --- */

u64 virtual_apic_access_page(void)
{
    static void *page;
    if (!page) page = heap_page_cleared();
    return (u64)page;
}

static void set_up_ipis(struct vcpu *vcpu)
{
    static u64 *pid_pointers;
    if (!pid_pointers) pid_pointers = heap_page_cleared();
    pid_pointers[vcpu->number] = (u64)descriptor_of(vcpu) | PID_POINTER_VALID;
    controls_require(&vcpu->controls, ACTIVATE_TERTIARY_CONTROLS);
    vmwrite(TERTIARY_CONTROLS, TERTIARY_IPI_VIRTUALIZATION);
    vmwrite(PID_POINTER_TABLE_ADDRESS, (u64)pid_pointers);
    vmwrite(LAST_PID_POINTER_INDEX, apics_count - 1);
}

static void set_up_fields(const struct vcpu *vcpu)
{
    vmwrite(VIRTUAL_APIC_ADDRESS, (u64)apics[vcpu->number].page);
    vmwrite(APIC_ACCESS_ADDRESS, virtual_apic_access_page());
    vmwrite(TPR_THRESHOLD, 0);
    vmwrite(GUEST_INTERRUPT_STATUS, 0);
    for (u32 n = 0; n < 4; n++) vmwrite(EOI_EXIT_BITMAP_0 + 2 * n, 0);
    vmwrite(POSTED_INTERRUPT_DESCRIPTOR_ADDRESS, (u64)descriptor_of(vcpu));
    vmwrite(POSTED_INTERRUPT_NOTIFICATION_VECTOR, NOTIFY);
}

static void take_notification(struct trap_frame *frame)
{
    (void)frame;
    smp_end_of_interrupt();
}

void virtual_apic_set_up(struct vcpu *vcpu, unsigned count, bool by_processor)
{
    static const enum control needed[] = {USE_TPR_SHADOW, VIRTUALIZE_APIC_ACCESSES, APIC_REGISTER_VIRTUALIZATION,
                                          VIRTUAL_INTERRUPT_DELIVERY, PROCESS_POSTED_INTERRUPTS};
    for (unsigned n = 0; n < COUNT_OF(needed); n++) controls_require(&vcpu->controls, needed[n]);
    apics_count = count;
    apics[vcpu->number] = (struct virtual_apic){heap_page_cleared(), heap_page_cleared()};
    *reg(vcpu, APIC_ID) = vcpu->number << 24;
    *reg(vcpu, APIC_VERSION) = VERSION;
    *reg(vcpu, APIC_SVR) = SVR_RESET;
    descriptor_of(vcpu)->control = CONTROL_SN;
    set_up_fields(vcpu);
    trap_set_handler(NOTIFY, take_notification);
    if (by_processor) set_up_ipis(vcpu);
}

/* --- the descriptor --- */

static void set_control(struct descriptor *d, u64 value)
{
    u64 old;
    do {
        old = d->control;
    } while (!atomic_compare_exchange(&d->control, old, value | (old & CONTROL_ON)));
}

static void set_on(struct descriptor *d, u64 *before)
{
    do {
        *before = d->control;
    } while (!atomic_compare_exchange(&d->control, *before, *before | CONTROL_ON));
}

bool virtual_apic_is_requested(const struct vcpu *vcpu)
{
    const struct descriptor *d = descriptor_of(vcpu);
    return d->requests[0] | d->requests[1] | d->requests[2] | d->requests[3];
}

/* What was posted meanwhile, the processor takes at the VM entry, by a notification that waits for it. */
void virtual_apic_load(const struct vcpu *vcpu, unsigned at)
{
    u64 before;
    set_control(descriptor_of(vcpu), CONTROL_TO(at, NOTIFY));
    if (!virtual_apic_is_requested(vcpu)) return;
    set_on(descriptor_of(vcpu), &before);
    smp_send(at, NOTIFY);
}

void virtual_apic_unload(const struct vcpu *vcpu)
{
    set_control(descriptor_of(vcpu), CONTROL_SN);
}

/* Requests first go to the descriptor, then look at its control word: so what comes before this change is seen
 * here, what comes behind it wakes. */
bool virtual_apic_halt(const struct vcpu *vcpu)
{
    set_control(descriptor_of(vcpu), CONTROL_TO(smp_self(), SMP_WAKE));
    u8 requested = (u8)vmread(GUEST_INTERRUPT_STATUS);
    return !virtual_apic_is_requested(vcpu) && requested >> 4 <= (u8)*reg(vcpu, APIC_PPR) >> 4;
}

static void post(unsigned to, u8 vector)
{
    struct descriptor *d = apics[to].descriptor;
    u64 before;
    __asm__ volatile("lock orq %1, %0" : "+m"(d->requests[vector / 64]) : "r"(BIT(vector % 64)) : "memory", "cc");
    set_on(d, &before);
    if (!(before & (CONTROL_ON | CONTROL_SN))) smp_send((unsigned)(before >> 40), (u8)(before >> 16));
}

/* --- the ICR --- */

static bool is_destination(const struct vcpu *from, unsigned to, unsigned shorthand)
{
    u32 destination = *reg(from, APIC_ICR_HIGH) >> 24;
    switch (shorthand) {
    case TO_SELF: return to == from->number;
    case TO_ALL: return true;
    case TO_OTHERS: return to != from->number;
    default: return destination == to || destination == 0xff;
    }
}

static void deliver(unsigned to, u32 icr)
{
    switch (icr >> 8 & 7) {
    case DELIVER_FIXED: post(to, (u8)icr); break;
    case DELIVER_INIT: smp_init(to); break;
    case DELIVER_STARTUP: smp_start_up(to, (u8)icr); break;
    default: panic("IPI 0x%x is not modelled", icr);
    }
}

static void send(const struct vcpu *from, u32 icr)
{
    unsigned shorthand = icr >> 18 & 3;
    if (shorthand == TO_DESTINATION && icr & ICR_LOGICAL) panic("IPI 0x%x: logical destinations are not modelled", icr);
    for (unsigned to = 0; to < apics_count; to++)
        if (is_destination(from, to, shorthand)) deliver(to, icr);
}

/* The processor has written the virtual-APIC page; registers that only hold a value need no more. */
void virtual_apic_on_write(struct vcpu *vcpu)
{
    u32 offset = (u32)vmread(EXIT_QUALIFICATION), value = *reg(vcpu, offset);
    if (offset == APIC_ICR)
        send(vcpu, value);
    else if (offset == APIC_INITIAL && value)
        panic("the guest starts its local APIC's timer, which is not modelled");
}
