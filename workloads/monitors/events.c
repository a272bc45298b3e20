/* events.c - exceptions and interrupts on their way into the guest.
 *
 * The guest owns the interrupt controllers: it programs them and sends their EOI. The monitor only stands
 * between them and the processor. An external interrupt exits and is acknowledged by the exit itself,
 * whether or not the guest has interrupts enabled; its vector waits here until the guest can take it.
 * Source: Intel SDM Vol. 3C, "Event Injection", "Information for VM Exits That Occur During Event Delivery",
 *         "External-interrupt exiting"; Vol. 3A, "Interrupt 8-Double Fault Exception (#DF)".
 */
#include "kit/console.h"
#include "kit/trap.h"
#include "monitors/vcpu.h"

#define EVENT_VALID  (1u << 31)
#define EVENT_FIELDS 0x80000fffu /* all but the bits that are undefined in the IDT-vectoring information */

enum {
    EVENT_HAS_ERROR_CODE = 1 << 11,
    TYPE_SHIFT = 8,
    TYPE_MASK = 7,
    TYPE_EXTERNAL_INTERRUPT = 0,
    TYPE_HARDWARE_EXCEPTION = 3,
};

/* Vectors whose exceptions push an error code, and those that are contributory. */
#define ERROR_CODE_VECTORS   (BIT(8) | BIT(10) | BIT(11) | BIT(12) | BIT(13) | BIT(14) | BIT(17))
#define CONTRIBUTORY_VECTORS (BIT(0) | BIT(10) | BIT(11) | BIT(12) | BIT(13))

static u8 event_vector(u32 info)
{
    return (u8)info;
}

static u32 event_type(u32 info)
{
    return info >> TYPE_SHIFT & TYPE_MASK;
}

static bool makes_double_fault(u8 first, u8 second)
{
    bool second_contributory = CONTRIBUTORY_VECTORS & BIT(second);
    if (first == VECTOR_PF) return second_contributory || second == VECTOR_PF;
    return first < 32 && CONTRIBUTORY_VECTORS & BIT(first) && second_contributory;
}

void vcpu_inject_exception(struct vcpu *vcpu, u8 vector, u32 error_code)
{
    u32 interrupted = vcpu->event.info;
    if (interrupted && event_type(interrupted) == TYPE_HARDWARE_EXCEPTION) {
        u8 first = event_vector(interrupted);
        if (first == VECTOR_DF)
            panic("the guest's processor shut down: exception %u in its #DF handler", vector);
        if (makes_double_fault(first, vector)) {
            vector = VECTOR_DF;
            error_code = 0;
        }
    }
    vcpu->event.info = EVENT_VALID | TYPE_HARDWARE_EXCEPTION << TYPE_SHIFT | vector;
    if (ERROR_CODE_VECTORS & BIT(vector)) vcpu->event.info |= EVENT_HAS_ERROR_CODE;
    vcpu->event.error_code = error_code;
}

void vcpu_inject_gp(struct vcpu *vcpu)
{
    vcpu_inject_exception(vcpu, VECTOR_GP, 0);
}

void vcpu_raise_interrupt(struct vcpu *vcpu, u8 vector)
{
    vcpu->interrupts[vector / 64] |= BIT(vector % 64);
}

static void inject(const struct event *event)
{
    vmwrite(ENTRY_INTERRUPTION_INFORMATION, event->info);
    if (event->info & EVENT_HAS_ERROR_CODE) vmwrite(ENTRY_EXCEPTION_ERROR_CODE, event->error_code);
    if (event_type(event->info) > TYPE_HARDWARE_EXCEPTION)
        vmwrite(ENTRY_INSTRUCTION_LENGTH, event->instruction_bytes);
}

/* An exit in the middle of delivering an event: the event has to be delivered again. */
void vcpu_save_interrupted_event(struct vcpu *vcpu)
{
    u32 info = (u32)vmread(IDT_VECTORING_INFORMATION);
    vcpu->delivery_interrupted = info & EVENT_VALID;
    if (!vcpu->delivery_interrupted) return;
    if (event_type(info) == TYPE_EXTERNAL_INTERRUPT) {
        vcpu_raise_interrupt(vcpu, event_vector(info));
        return;
    }
    vcpu->event.info = info & EVENT_FIELDS;
    vcpu->event.error_code = (u32)vmread(IDT_VECTORING_ERROR_CODE);
    vcpu->event.instruction_bytes = (u32)vmread(EXIT_INSTRUCTION_LENGTH);
}

void vcpu_repeat_interrupted_event(void)
{
    u32 info = (u32)vmread(IDT_VECTORING_INFORMATION);
    if (!(info & EVENT_VALID)) return;
    inject(&(struct event){info & EVENT_FIELDS, (u32)vmread(IDT_VECTORING_ERROR_CODE),
                           (u32)vmread(EXIT_INSTRUCTION_LENGTH)});
}

static bool takes_interrupts(void)
{
    return vmread(GUEST_RFLAGS) & RFLAGS_IF &&
           !(vmread(GUEST_INTERRUPTIBILITY_STATE) & BLOCKED_BY_STI_OR_MOV_SS);
}

bool vcpu_interrupt_waits(const struct vcpu *vcpu)
{
    return vcpu->interrupts[0] | vcpu->interrupts[1] | vcpu->interrupts[2] | vcpu->interrupts[3];
}

/* The highest vector first, as the local APIC would. */
u8 vcpu_take_interrupt(struct vcpu *vcpu)
{
    unsigned word = COUNT_OF(vcpu->interrupts) - 1;
    while (!vcpu->interrupts[word]) word--;
    unsigned bit = 63 - (unsigned)__builtin_clzll(vcpu->interrupts[word]);
    vcpu->interrupts[word] &= ~BIT(bit);
    return (u8)(word * 64 + bit);
}

/* One event an entry. If an interrupt still waits, the processor is asked to exit as soon as the guest can
 * take it. */
void vcpu_deliver_events(struct vcpu *vcpu)
{
    if (vcpu->event.info) {
        inject(&vcpu->event);
        vcpu->event.info = 0;
    } else if (vcpu_interrupt_waits(vcpu) && takes_interrupts()) {
        u32 type = TYPE_EXTERNAL_INTERRUPT << TYPE_SHIFT;
        inject(&(struct event){.info = EVENT_VALID | type | vcpu_take_interrupt(vcpu)});
    }
    controls_switch(&vcpu->controls, INTERRUPT_WINDOW_EXITING, vcpu_interrupt_waits(vcpu));
}
