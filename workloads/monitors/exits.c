/* exits.c - the exits that both monitors handle in the same way. One function per reason, one table.
 *
 * Devices belong to the guest, so ports and MSRs do not exit, except the few that are listed here.
 * Source: Intel SDM Vol. 3C, "Instructions That Cause VM Exits Unconditionally" and "... Conditionally",
 * "Exit Qualification for I/O Instructions".
 */
#include "kit/console.h"
#include "kit/memory.h"
#include "kit/trap.h"
#include "monitors/exit_log.h"
#include "monitors/vcpu.h"

enum {
    CPUID_1_ECX_XSAVE = 1 << 26,
    CPUID_1_ECX_OSXSAVE = 1 << 27,
    CPUID_7_EBX_INVPCID = 1 << 10,
    CPUID_EXT_EDX_RDTSCP = 1 << 27,
};
#define CPUID_1_ECX_HYPERVISOR BIT(31)

enum {
    PORT_POST = 0x80,
    PORT_EXIT = 0xf4,
    MSR_MISC_ENABLE = 0x1a0,
    FEATURE_CONTROL_LOCKED = 1 << 0,
};

/* The guest sees the processor as it is, without VMX, and without what the monitor does not save (XSAVE). */
static void on_cpuid(struct vcpu *vcpu)
{
    u32 leaf = (u32)vcpu->gpr[RAX];
    struct cpuid id = cpuid(leaf, (u32)vcpu->gpr[RCX]);
    if (leaf == 1)
        id.ecx = (id.ecx & ~(u32)(CPUID_1_ECX_VMX | CPUID_1_ECX_XSAVE | CPUID_1_ECX_OSXSAVE)) |
                 CPUID_1_ECX_HYPERVISOR;
    if (leaf == 7 && !controls_set(&vcpu->controls, ENABLE_INVPCID)) id.ebx &= ~(u32)CPUID_7_EBX_INVPCID;
    if (leaf == 0x80000001 && !controls_set(&vcpu->controls, ENABLE_RDTSCP))
        id.edx &= ~(u32)CPUID_EXT_EDX_RDTSCP;
    if (vcpu->technique->filter_cpuid) vcpu->technique->filter_cpuid(vcpu, leaf, &id);
    vcpu->gpr[RAX] = id.eax;
    vcpu->gpr[RBX] = id.ebx;
    vcpu->gpr[RCX] = id.ecx;
    vcpu->gpr[RDX] = id.edx;
    vcpu_skip_instruction();
}

/* The processor waits in the guest's place; the next external interrupt exits. */
static void on_hlt(struct vcpu *vcpu)
{
    (void)vcpu;
    vcpu_skip_instruction();
    vmwrite(GUEST_ACTIVITY_STATE, ACTIVITY_HLT);
}

/* The only hypercall is the empty one: it measures the round trip. */
static void on_vmcall(struct vcpu *vcpu)
{
    vcpu->gpr[RAX] = 0;
    vcpu_skip_instruction();
}

static void on_external_interrupt(struct vcpu *vcpu)
{
    vcpu_raise_interrupt(vcpu, (u8)vmread(EXIT_INTERRUPTION_INFORMATION));
}

/* Nothing to do: the interrupt that waits is delivered on the way back. */
static void on_interrupt_window(struct vcpu *vcpu)
{
    (void)vcpu;
}

/* --- statistics, for verbose=on --- */

const char *vcpu_exit_name(u32 reason)
{
    static const char *const names[EXIT_REASONS] = {
#define EXIT(number, name, text) [number] = text,
#include "monitors/exits.def"
    };
    return reason < EXIT_REASONS && names[reason] ? names[reason] : "unknown";
}

static void print_exits(const struct vcpu *vcpu)
{
    printf("monitor-%s: VM exits by reason\n", vcpu->technique->name);
    for (unsigned i = 0; i < EXIT_REASONS; i++)
        if (vcpu->exits[i]) printf("  %8llu %s\n", (unsigned long long)vcpu->exits[i], vcpu_exit_name(i));
}

static void print_statistics(const struct vcpu *vcpu)
{
    print_exits(vcpu);
    if (vcpu->technique->print_statistics) vcpu->technique->print_statistics();
}

/* --- ports --- */

static void out_port(struct vcpu *vcpu, u16 port, u8 value)
{
    if (port == PORT_POST) {
        vcpu->post_code = value;
    } else if (port == PORT_EXIT) {
        if (vcpu->verbose) print_statistics(vcpu);
        exit_log_print();
        out8(port, value);
    }
}

static u8 in_port(const struct vcpu *vcpu, u16 port)
{
    return port == PORT_POST ? vcpu->post_code : in8(port);
}

/* Both ports are bytes wide: a wider access reads ones above, as on an empty bus. */
static void on_io(struct vcpu *vcpu)
{
    u64 qualification = vmread(EXIT_QUALIFICATION);
    bool in = qualification & BIT(3), string = qualification & BIT(4), byte = (qualification & 7) == 0;
    u16 port = (u16)(qualification >> 16);
    if (string) panic("string I/O to port 0x%x is not modelled", port);
    if (!in)
        out_port(vcpu, port, (u8)vcpu->gpr[RAX]);
    else if (byte)
        vcpu->gpr[RAX] = (vcpu->gpr[RAX] & ~0xffull) | in_port(vcpu, port);
    else
        vcpu->gpr[RAX] = 0xffffff00 | in_port(vcpu, port);
    vcpu_skip_instruction();
}

/* --- MSRs --- */

static bool read_msr(struct vcpu *vcpu, u32 msr, u64 *value)
{
    switch (msr) {
    case MSR_EFER:
        *value = vcpu->efer;
        return true;
    case MSR_MISC_ENABLE:
        *value = rdmsr(msr);
        return true;
    case MSR_FEATURE_CONTROL:
        *value = FEATURE_CONTROL_LOCKED;
        return true;
    default:
        return false;
    }
}

static bool write_msr(struct vcpu *vcpu, u32 msr, u64 value)
{
    switch (msr) {
    case MSR_EFER:
        return vcpu_write_efer(vcpu, value);
    case MSR_MISC_ENABLE:
        wrmsr(msr, value);
        return true;
    default:
        return false;
    }
}

static void on_rdmsr(struct vcpu *vcpu)
{
    const struct technique *t = vcpu->technique;
    u32 msr = (u32)vcpu->gpr[RCX];
    u64 value;
    if (!(t->read_msr && t->read_msr(msr, &value)) && !read_msr(vcpu, msr, &value)) {
        vcpu_inject_gp(vcpu);
        return;
    }
    vcpu->gpr[RAX] = (u32)value;
    vcpu->gpr[RDX] = value >> 32;
    vcpu_skip_instruction();
}

static void on_wrmsr(struct vcpu *vcpu)
{
    u64 value = vcpu->gpr[RDX] << 32 | (u32)vcpu->gpr[RAX];
    if (write_msr(vcpu, (u32)vcpu->gpr[RCX], value))
        vcpu_skip_instruction();
    else
        vcpu_inject_gp(vcpu);
}

/* --- the bitmaps: what of all that exits ("I/O-Bitmap Addresses", "MSR-Bitmap Address") --- */

static void set_bit(u8 *bitmap, u32 bit)
{
    bitmap[bit / 8] |= (u8)(1u << bit % 8);
}

/* Four bitmaps of 1 KiB: reads of low and of high MSRs, then writes. */
static void intercept_msr(u8 *bitmaps, u32 msr)
{
    enum { READ_LOW = 0, READ_HIGH = 1024, WRITES = 2048 };
    u8 *reads = bitmaps + (msr >> 31 ? READ_HIGH : READ_LOW);
    set_bit(reads, msr & 0x1fff);
    set_bit(reads + WRITES, msr & 0x1fff);
}

void vcpu_write_bitmaps(bool intercepts_efer)
{
    u8 *io_bitmap_a = heap_page_cleared(), *msr_bitmaps = heap_page_cleared();
    set_bit(io_bitmap_a, PORT_POST);
    set_bit(io_bitmap_a, PORT_EXIT);
    if (intercepts_efer) intercept_msr(msr_bitmaps, MSR_EFER);
    intercept_msr(msr_bitmaps, MSR_MISC_ENABLE);
    intercept_msr(msr_bitmaps, MSR_FEATURE_CONTROL);
    for (u32 msr = MSR_VMX_BASIC; msr <= MSR_VMX_LAST; msr++) intercept_msr(msr_bitmaps, msr);
    vmwrite(ADDRESS_OF_IO_BITMAP_A, (u64)io_bitmap_a);
    vmwrite(ADDRESS_OF_IO_BITMAP_B, (u64)heap_page_cleared());
    vmwrite(ADDRESS_OF_MSR_BITMAPS, (u64)msr_bitmaps);
}

/* --- what the guest must not or cannot do --- */

/* VMX and XSETBV, which CPUID hides. */
static void on_hidden_instruction(struct vcpu *vcpu)
{
    vcpu_inject_exception(vcpu, VECTOR_UD, 0);
}

static void on_invd(struct vcpu *vcpu)
{
    (void)vcpu;
    __asm__ volatile("wbinvd" : : : "memory");
    vcpu_skip_instruction();
}

static void on_triple_fault(struct vcpu *vcpu)
{
    (void)vcpu;
    panic("the guest's processor shut down: triple fault at rip 0x%llx",
          (unsigned long long)vmread(GUEST_RIP));
}

static void on_entry_failure(struct vcpu *vcpu)
{
    (void)vcpu;
    panic("VM entry failed: reason %u, qualification %llu", (unsigned)vmread(EXIT_REASON) & 0xffff,
          (unsigned long long)vmread(EXIT_QUALIFICATION));
}

const exit_handler_fn vcpu_common_handlers[EXIT_REASONS] = {
    [EXIT_EXTERNAL_INTERRUPT] = on_external_interrupt,
    [EXIT_TRIPLE_FAULT] = on_triple_fault,
    [EXIT_INTERRUPT_WINDOW] = on_interrupt_window,
    [EXIT_CPUID] = on_cpuid,
    [EXIT_HLT] = on_hlt,
    [EXIT_INVD] = on_invd,
    [EXIT_VMCALL] = on_vmcall,
    [EXIT_VMCLEAR] = on_hidden_instruction,
    [EXIT_VMLAUNCH] = on_hidden_instruction,
    [EXIT_VMPTRLD] = on_hidden_instruction,
    [EXIT_VMPTRST] = on_hidden_instruction,
    [EXIT_VMREAD] = on_hidden_instruction,
    [EXIT_VMRESUME] = on_hidden_instruction,
    [EXIT_VMWRITE] = on_hidden_instruction,
    [EXIT_VMXOFF] = on_hidden_instruction,
    [EXIT_VMXON] = on_hidden_instruction,
    [EXIT_CR_ACCESS] = vcpu_handle_cr_access,
    [EXIT_IO_INSTRUCTION] = on_io,
    [EXIT_RDMSR] = on_rdmsr,
    [EXIT_WRMSR] = on_wrmsr,
    [EXIT_INVALID_GUEST_STATE] = on_entry_failure,
    [EXIT_MSR_LOADING] = on_entry_failure,
    [EXIT_INVEPT] = on_hidden_instruction,
    [EXIT_INVVPID] = on_hidden_instruction,
    [EXIT_XSETBV] = on_hidden_instruction,
};
