/* apicv.c - a hypervisor that gives its guest a local APIC by one of the processor's techniques.
 *
 * Words:   apic=none     every access of the APIC and of CR8 exits; interrupts are injected
 *               shadow   the TPR shadow: CR8 (in x2APIC mode its MSR too) does not exit unless it falls below the
 *                        threshold of what waits
 *               apicv    registers and virtual interrupts by the processor; only the timer's registers exit, and
 *                        its interrupts
 *               posted   timer interrupts are posted before they are due: the hardware timer's vector is the
 *                        notification
 *               ipi      posted, and IPIs by APIC ID go through the PID-pointer table
 *          verbose=on    counts of exits by reason at the end
 *
 * Models:       the registers, requests and priorities of one local APIC in xAPIC mode, and in x2APIC mode once the
 *               guest asks for it. The virtual-APIC page holds them whatever the technique.
 * Not modelled: NMI, INIT, LINT pins, a running timer's count; other processors. The guest's accesses to the page
 *               must be of EAX at [RCX] (bench/interrupts.c): they are not decoded.
 * Neighbours:   guest.c, vcpu.c and exits.c. One 1-GiB page of EPT is the guest's memory, one of 4 KiB its APIC. The
 *               hardware's local APIC, in xAPIC mode, is the monitor's own.
 * Source:       Intel SDM Vol. 3C, "APIC Virtualization and Virtual Interrupts".
 * Checked by:   tests/system/apicv.sh, monitors_on_bochs.sh
 */
#include "kit/boot.h"
#include "kit/console.h"
#include "kit/memory.h"
#include "kit/paging.h"
#include "kit/words.h"
#include "monitors/guest.h"
#include "monitors/vcpu.h"

enum { TECHNIQUE_NONE, TECHNIQUE_SHADOW, TECHNIQUE_APICV, TECHNIQUE_POSTED, TECHNIQUE_IPI };

#define TERTIARY_IPI_VIRTUALIZATION BIT(4)

/* EPT entries and pointer */
#define EPT_ALL                         7ull
#define EPT_WRITE_BACK                  (6ull << 3)
#define EPT_LARGE                       BIT(7)
#define EPT_POINTER_4_LEVELS_WRITE_BACK (6ull | 3ull << 3)

/* Registers of a local APIC */
enum {
    APIC_VERSION = 0x30,
    APIC_TPR = 0x80,
    APIC_EOI = 0xb0,
    APIC_SVR = 0xf0,
    APIC_ISR = 0x100,
    APIC_IRR = 0x200,
    APIC_ICR = 0x300,
    APIC_ICR_HIGH = 0x310,
    APIC_LVT_TIMER = 0x320,
    APIC_INITIAL = 0x380,
    APIC_DIVIDE = 0x3e0,
    APIC_SELF_IPI = 0x3f0,
};
enum { VERSION = 0x50014, SVR_RESET = 0xff, SVR_ENABLED = 0x100, DIVIDE_BY_1 = 0xb };
enum { ICR_SHORTHAND = 0xc0000, ICR_SELF = 0x40000 };
enum { ACCESS_BYTES = 2 }; /* of the guest's instruction */

#define MSR_APIC_BASE 0x1bu
#define BASE_X2APIC   BIT(10)
#define MSR_X2APIC    0x800u
#define MSR_X2APIC_TPR 0x808u
#define MSR_X2APIC_EOI 0x80bu
#define MSR_X2APIC_ICR 0x830u
#define MSR_X2APIC_SELF 0x83fu

enum { HARDWARE_TIMER = 0xf1, NOTIFICATION = 0xf2 };

static u64 technique, verbose;
static u8 *page;       /* virtual-APIC page */
static u64 *descriptor; /* posted-interrupt descriptor */
static u64 apic_base = 0xfee00900;
static u8 offered;     /* injected, or waiting for it; 0: none */

static bool by_processor(void) { return technique >= TECHNIQUE_APICV; }
static bool posts(void) { return technique >= TECHNIQUE_POSTED; }

static u32 *reg(u32 offset) { return (u32 *)(page + offset); }

/* --- the hardware's own APIC --- */

static void hardware_write(u32 offset, u32 value) { *(volatile u32 *)(LOCAL_APIC + offset) = value; }

/* --- requests and service, where the monitor does it --- */

static void set_vector(u32 set, u8 vector) { *reg(set + vector / 32u * 16) |= 1u << vector % 32; }
static void clear_vector(u32 set, u8 vector) { *reg(set + vector / 32u * 16) &= ~(1u << vector % 32); }

static u8 highest(u32 set)
{
    for (unsigned n = 8; n-- > 0;) {
        u32 word = *reg(set + n * 16);
        if (word) return (u8)(n * 32 + 31 - (unsigned)__builtin_clz(word));
    }
    return 0;
}

static u8 larger(u8 a, u8 b) { return a > b ? a : b; }

/* What was offered before and does not wait any more has been delivered. */
static void settle(struct vcpu *vcpu)
{
    bool waits = vcpu->interrupts[offered / 64] >> offered % 64 & 1;
    if (offered && !waits) {
        clear_vector(APIC_IRR, offered);
        set_vector(APIC_ISR, offered);
        offered = 0;
    }
}

/* The exit that comes when the TPR lets in what waits now. */
static void set_threshold(u8 waiting)
{
    u8 class = waiting >> 4, priority = (u8)*reg(APIC_TPR) >> 4;
    if (technique == TECHNIQUE_SHADOW) vmwrite(TPR_THRESHOLD, class <= priority ? class : 0);
}

static void offer(struct vcpu *vcpu)
{
    if (by_processor()) return;
    u8 waiting = highest(APIC_IRR), priority = larger((u8)*reg(APIC_TPR) & 0xf0, highest(APIC_ISR) & 0xf0);
    memset(vcpu->interrupts, 0, sizeof vcpu->interrupts);
    offered = (waiting & 0xf0) > priority ? waiting : 0;
    if (offered) vcpu_raise_interrupt(vcpu, offered);
    set_threshold(waiting);
}

static void request(u8 vector)
{
    u64 status = by_processor() ? vmread(GUEST_INTERRUPT_STATUS) : 0;
    set_vector(APIC_IRR, vector);
    if (by_processor() && vector > (u8)status) vmwrite(GUEST_INTERRUPT_STATUS, (status & 0xff00) | vector);
}

/* --- registers --- */

/* What is posted now is taken when the notification comes, and that is when the timer fires. */
static void start_timer(u32 count)
{
    u8 vector = (u8)*reg(APIC_LVT_TIMER);
    if (posts()) {
        descriptor[vector / 64] |= BIT(vector % 64);
        descriptor[4] |= 1;
    }
    hardware_write(APIC_INITIAL, count);
}

static void send_ipi(u32 icr)
{
    bool to_self = (icr & ICR_SHORTHAND) == ICR_SELF || !(icr & ICR_SHORTHAND); /* there is nobody else */
    if (!to_self) panic("IPI 0x%x is not modelled", icr);
    request((u8)icr);
}

static void write_register(u32 offset, u32 value)
{
    *reg(offset) = value;
    switch (offset) {
    case APIC_EOI: clear_vector(APIC_ISR, highest(APIC_ISR)); break;
    case APIC_ICR: send_ipi(value); break;
    case APIC_SELF_IPI: request((u8)value); break;
    case APIC_INITIAL: start_timer(value); break;
    default: break;
    }
}

/* --- exits --- */

static void on_apic_access(struct vcpu *vcpu)
{
    u64 qualification = vmread(EXIT_QUALIFICATION);
    u32 offset = qualification & 0xff0;
    settle(vcpu);
    if (qualification >> 12 == 0)
        vcpu->gpr[RAX] = *reg(offset);
    else
        write_register(offset, (u32)vcpu->gpr[RAX]);
    vcpu_advance(ACCESS_BYTES);
    offer(vcpu);
}

/* The processor has written the virtual-APIC page. */
static void on_apic_write(struct vcpu *vcpu)
{
    u32 offset = (u32)vmread(EXIT_QUALIFICATION);
    (void)vcpu;
    write_register(offset, *reg(offset));
}

static void on_cr_access(struct vcpu *vcpu)
{
    u64 qualification = vmread(EXIT_QUALIFICATION);
    unsigned number = qualification >> 8 & 15;
    if ((qualification & 15) != 8) {
        vcpu_handle_cr_access(vcpu);
        return;
    }
    settle(vcpu);
    if (qualification >> 4 & 1)
        vcpu_set_register(vcpu, number, *reg(APIC_TPR) >> 4);
    else
        *reg(APIC_TPR) = (u32)vcpu_register(vcpu, number) << 4;
    vcpu_skip_instruction();
    offer(vcpu);
}

static void on_tpr_below_threshold(struct vcpu *vcpu)
{
    settle(vcpu);
    offer(vcpu);
}

/* The hardware timer's; notifications are the processor's. */
static void on_external_interrupt(struct vcpu *vcpu)
{
    u8 vector = (u8)vmread(EXIT_INTERRUPTION_INFORMATION);
    if (vector != HARDWARE_TIMER) panic("interrupt 0x%x is nobody's", vector);
    hardware_write(APIC_EOI, 0);
    settle(vcpu);
    request((u8)*reg(APIC_LVT_TIMER));
    offer(vcpu);
}

/* --- MSRs --- */

static void intercept_msr(u8 *bitmaps, u32 msr, bool reads, bool writes)
{
    enum { WRITES = 2048 };
    if (reads) bitmaps[msr / 8] |= (u8)(1u << msr % 8);
    if (writes) bitmaps[WRITES + msr / 8] |= (u8)(1u << msr % 8);
}

static bool write_is_the_processors(u32 msr)
{
    if (msr == MSR_X2APIC_TPR) return technique != TECHNIQUE_NONE;
    if (msr == MSR_X2APIC_ICR) return technique == TECHNIQUE_IPI;
    return by_processor() && (msr == MSR_X2APIC_EOI || msr == MSR_X2APIC_SELF);
}

static bool read_is_the_processors(u32 msr)
{
    return by_processor() || (msr == MSR_X2APIC_TPR && technique == TECHNIQUE_SHADOW);
}

/* In x2APIC mode; before, the hardware's own refuses them all. */
static void choose_msrs(void)
{
    u8 *bitmaps = (u8 *)vmread(ADDRESS_OF_MSR_BITMAPS);
    for (u32 msr = MSR_X2APIC; msr < MSR_X2APIC + 0x100; msr++)
        intercept_msr(bitmaps, msr, !read_is_the_processors(msr), !write_is_the_processors(msr));
}

static bool is_x2apic(u32 msr) { return msr >> 8 == MSR_X2APIC >> 8; }

static void on_rdmsr(struct vcpu *vcpu)
{
    u32 msr = (u32)vcpu->gpr[RCX];
    if (!is_x2apic(msr) && msr != MSR_APIC_BASE) {
        vcpu_common_handlers[EXIT_RDMSR](vcpu);
        return;
    }
    settle(vcpu);
    vcpu->gpr[RAX] = msr == MSR_APIC_BASE ? apic_base : *reg((msr & 0xff) << 4);
    vcpu->gpr[RDX] = 0;
    vcpu_skip_instruction();
    offer(vcpu);
}

/* From the page to MSRs: "virtualize x2APIC mode" takes the place of "virtualize APIC accesses". */
static void enter_x2apic(struct vcpu *vcpu)
{
    choose_msrs();
    controls_switch(&vcpu->controls, VIRTUALIZE_APIC_ACCESSES, false);
    if (technique != TECHNIQUE_NONE) controls_require(&vcpu->controls, VIRTUALIZE_X2APIC_MODE);
    controls_write(&vcpu->controls);
}

static void write_base(struct vcpu *vcpu, u64 value)
{
    if ((value & BASE_X2APIC) && !(apic_base & BASE_X2APIC)) enter_x2apic(vcpu);
    apic_base = value;
}

static void on_wrmsr(struct vcpu *vcpu)
{
    u32 msr = (u32)vcpu->gpr[RCX];
    if (!is_x2apic(msr) && msr != MSR_APIC_BASE) {
        vcpu_common_handlers[EXIT_WRMSR](vcpu);
        return;
    }
    settle(vcpu);
    if (msr == MSR_APIC_BASE)
        write_base(vcpu, (u32)vcpu->gpr[RAX]);
    else
        write_register((msr & 0xff) << 4, (u32)vcpu->gpr[RAX]);
    vcpu_skip_instruction();
    offer(vcpu);
}

/* --- setting up --- */

static u64 *table(void) { return heap_page_cleared(); }

/* Guest memory, and what answers at the APIC's address: the APIC-access page, which holds nothing. */
static void map_memory(struct vcpu *vcpu, u64 access_page)
{
    u64 *top = table(), *gib = table(), *directory = table(), *pages = table();
    top[0] = (u64)gib | EPT_ALL;
    for (u64 at = 0; at < guest.bytes; at += GiB) gib[at >> 30] = (GUEST_HOST_BASE + at) | EPT_ALL | EPT_WRITE_BACK | EPT_LARGE;
    gib[LOCAL_APIC >> 30] = (u64)directory | EPT_ALL;
    directory[LOCAL_APIC >> 21 & 511] = (u64)pages | EPT_ALL;
    pages[LOCAL_APIC >> 12 & 511] = access_page | EPT_ALL | EPT_WRITE_BACK;
    vmwrite(EPT_POINTER, (u64)top | EPT_POINTER_4_LEVELS_WRITE_BACK);
    controls_require(&vcpu->controls, ENABLE_EPT);
}

static void choose_posting(struct vcpu *vcpu)
{
    controls_require(&vcpu->controls, PROCESS_POSTED_INTERRUPTS);
    descriptor = heap_page_cleared();
    descriptor[4] = (u64)NOTIFICATION << 16; /* to APIC 0 */
    vmwrite(POSTED_INTERRUPT_DESCRIPTOR_ADDRESS, (u64)descriptor);
    vmwrite(POSTED_INTERRUPT_NOTIFICATION_VECTOR, NOTIFICATION);
}

static void choose_ipis(struct vcpu *vcpu)
{
    u64 *pid_pointers = heap_page_cleared();
    pid_pointers[0] = (u64)descriptor | 1;
    controls_require(&vcpu->controls, ACTIVATE_TERTIARY_CONTROLS);
    vmwrite(TERTIARY_CONTROLS, TERTIARY_IPI_VIRTUALIZATION);
    vmwrite(PID_POINTER_TABLE_ADDRESS, (u64)pid_pointers);
    vmwrite(LAST_PID_POINTER_INDEX, 0);
}

static void choose_delivery(struct vcpu *vcpu)
{
    controls_require(&vcpu->controls, APIC_REGISTER_VIRTUALIZATION);
    controls_require(&vcpu->controls, VIRTUAL_INTERRUPT_DELIVERY);
    vcpu->controls.word[PRIMARY] &= ~(u32)BIT(7); /* HLT exiting: the processor wakes the guest */
    vmwrite(GUEST_INTERRUPT_STATUS, 0);
    for (u32 n = 0; n < 4; n++) vmwrite(EOI_EXIT_BITMAP_0 + 2 * n, 0);
}

static void choose_technique(struct vcpu *vcpu)
{
    struct controls *c = &vcpu->controls;
    if (technique == TECHNIQUE_NONE) {
        controls_require(c, CR8_LOAD_EXITING);
        controls_require(c, CR8_STORE_EXITING);
    } else {
        controls_require(c, USE_TPR_SHADOW);
        vmwrite(VIRTUAL_APIC_ADDRESS, (u64)page);
        vmwrite(TPR_THRESHOLD, 0);
    }
    controls_require(c, VIRTUALIZE_APIC_ACCESSES);
    if (by_processor()) choose_delivery(vcpu);
    if (posts()) choose_posting(vcpu);
    if (technique == TECHNIQUE_IPI) choose_ipis(vcpu);
}

static void set_up(struct vcpu *vcpu)
{
    u64 access_page = (u64)heap_page_cleared();
    page = heap_page_cleared();
    *reg(APIC_VERSION) = VERSION;
    *reg(APIC_SVR) = SVR_RESET;
    map_memory(vcpu, access_page);
    vmwrite(APIC_ACCESS_ADDRESS, access_page);
    intercept_msr((u8 *)vmread(ADDRESS_OF_MSR_BITMAPS), MSR_APIC_BASE, true, true);
    choose_technique(vcpu);
    hardware_write(APIC_SVR, SVR_ENABLED | 0xff);
    hardware_write(APIC_DIVIDE, DIVIDE_BY_1);
    hardware_write(APIC_LVT_TIMER, posts() ? NOTIFICATION : HARDWARE_TIMER);
}

static void load_address_space(struct vcpu *vcpu)
{
    vmwrite(GUEST_CR3, vcpu_cr3(vcpu));
}

static const struct technique apic_technique = {
    .name = "apicv",
    .set_up = set_up,
    .load_address_space = load_address_space,
    .handlers =
        {
            [EXIT_EXTERNAL_INTERRUPT] = on_external_interrupt,
            [EXIT_CR_ACCESS] = on_cr_access,
            [EXIT_RDMSR] = on_rdmsr,
            [EXIT_WRMSR] = on_wrmsr,
            [EXIT_TPR_BELOW_THRESHOLD] = on_tpr_below_threshold,
            [EXIT_APIC_ACCESS] = on_apic_access,
            [EXIT_APIC_WRITE] = on_apic_write,
        },
};

int main(void)
{
    const struct word words[] = {
        {"apic", WORD_CHOICE, &technique, 0, 0, "none|shadow|apicv|posted|ipi"},
        {"verbose", WORD_SWITCH, &verbose, 0, 0, NULL},
    };
    words_read(boot.words, words, COUNT_OF(words));
    vmx_on();
    guest_load();
    vcpu_run(&apic_technique, (struct vcpu_options){.vpid = true, .verbose = verbose}, guest.entry,
             guest.multiboot_info);
}
