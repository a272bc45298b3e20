#include "monitors/vcpu.h"
#include "kit/console.h"
#include "kit/memory.h"
#include "monitors/exit_log.h"
#include "monitors/guest.h"

/* vmentry.S */
extern u8 vm_exit[];

enum {
    DR7_RESET = 0x400,
    RFLAGS_RESET = 2,
    MULTIBOOT_MAGIC = 0x2badb002,
    STACK_BYTES = 16 * 1024,
};

#define CR0_ET         BIT(4)
#define CR0_CACHES_OFF (BIT(29) | BIT(30)) /* NW, CD */

/* Access rights in the format of the VMCS ("Guest Register State"). */
enum {
    RIGHTS_CODE32 = 0xc09b,
    RIGHTS_DATA = 0xc093,
    RIGHTS_BUSY_TSS = 0x008b,
    RIGHTS_UNUSABLE = 0x10000,
    RIGHTS_REAL_MODE_CODE = 0x009b,
    RIGHTS_REAL_MODE_DATA = 0x0093,
};

static struct vcpu the_vcpu;
static u8 the_stack[STACK_BYTES] __attribute__((aligned(16)));

/* --- registers --- */

u64 vcpu_register(const struct vcpu *vcpu, unsigned number)
{
    return number == RSP ? vmread(GUEST_RSP) : vcpu->gpr[number];
}

void vcpu_set_register(struct vcpu *vcpu, unsigned number, u64 value)
{
    if (number == RSP)
        vmwrite(GUEST_RSP, value);
    else
        vcpu->gpr[number] = value;
}

u64 vcpu_cr3(const struct vcpu *vcpu)
{
    return vcpu->paging ? vcpu->cr3 : guest.identity_cr3;
}

void vcpu_skip_instruction(void)
{
    vcpu_advance(vmread(EXIT_INSTRUCTION_LENGTH));
}

void vcpu_advance(u64 instruction_bytes)
{
    vmwrite(GUEST_RIP, vmread(GUEST_RIP) + instruction_bytes);
    u64 interruptibility = vmread(GUEST_INTERRUPTIBILITY_STATE);
    if (interruptibility & BLOCKED_BY_STI_OR_MOV_SS)
        vmwrite(GUEST_INTERRUPTIBILITY_STATE, interruptibility & ~(u64)BLOCKED_BY_STI_OR_MOV_SS);
}

/* --- TLB ("Use of the INVVPID Instruction") --- */

void vcpu_flush_tlb(const struct vcpu *vcpu)
{
    if (vcpu->vpid) invvpid(INVVPID_SINGLE_CONTEXT, vcpu->vpid, 0);
}

void vcpu_flush_address(const struct vcpu *vcpu, u64 linear_address)
{
    if (vcpu->vpid) invvpid(INVVPID_ADDRESS, vcpu->vpid, linear_address);
}

/* --- guest-state area: Multiboot's "Machine state", as compatibility mode (registers.c says how) --- */

enum { ES, CS, SS, DS, FS, GS, LDTR, TR };

static void write_guest_segment(unsigned index, u16 selector, u64 base, u64 limit, u32 rights)
{
    vmwrite(GUEST_ES_SELECTOR + 2 * index, selector);
    vmwrite(GUEST_ES_LIMIT + 2 * index, limit);
    vmwrite(GUEST_ES_ACCESS_RIGHTS + 2 * index, rights);
    vmwrite(GUEST_ES_BASE + 2 * index, base);
}

static void write_data_segments(u16 selector, u64 limit, u32 rights)
{
    static const u8 data_segments[] = {ES, SS, DS, FS, GS};
    for (unsigned i = 0; i < COUNT_OF(data_segments); i++)
        write_guest_segment(data_segments[i], selector, 0, limit, rights);
}

static void write_guest_segments(void)
{
    write_data_segments(0x18, 0xffffffff, RIGHTS_DATA);
    write_guest_segment(CS, 0x10, 0, 0xffffffff, RIGHTS_CODE32);
    write_guest_segment(LDTR, 0, 0, 0, RIGHTS_UNUSABLE);
    write_guest_segment(TR, 0, 0, 0x67, RIGHTS_BUSY_TSS);
}

/* An unrestricted guest owns CR0 but for NE, and CR4 but for VMXE; nothing of EFER is hidden from it. */
static void write_unrestricted_registers(u64 cr0)
{
    vmwrite(GUEST_CR0, cr0 | (rdmsr(MSR_VMX_CR0_FIXED0) & ~(CR0_PE | CR0_PG)));
    vmwrite(CR0_READ_SHADOW, cr0);
    vmwrite(CR0_GUEST_HOST_MASK, rdmsr(MSR_VMX_CR0_FIXED0) & ~(CR0_PE | CR0_PG));
    vmwrite(GUEST_CR3, 0);
    vmwrite(GUEST_CR4, rdmsr(MSR_VMX_CR4_FIXED0));
    vmwrite(CR4_READ_SHADOW, 0);
    vmwrite(CR4_GUEST_HOST_MASK, rdmsr(MSR_VMX_CR4_FIXED0) | CR4_VMXE);
    vmwrite(GUEST_IA32_EFER, 0);
}

static void write_guest_control_registers(const struct vcpu *vcpu)
{
    if (vcpu->technique->unrestricted) {
        write_unrestricted_registers(CR0_PE | CR0_ET);
        return;
    }
    u64 cr0_fixed = rdmsr(MSR_VMX_CR0_FIXED0), cr4_fixed = rdmsr(MSR_VMX_CR4_FIXED0);
    vmwrite(GUEST_CR0, cr0_fixed | vcpu->technique->cr0_forced);
    vmwrite(CR0_READ_SHADOW, CR0_PE);
    vmwrite(CR0_GUEST_HOST_MASK, cr0_fixed | vcpu->technique->cr0_forced);
    vmwrite(GUEST_CR4, cr4_fixed | CR4_PAE);
    vmwrite(CR4_READ_SHADOW, 0);
    vmwrite(CR4_GUEST_HOST_MASK, cr4_fixed | CR4_PAE | CR4_VMXE | vcpu->technique->cr4_hidden);
    vmwrite(GUEST_IA32_EFER, EFER_LME | EFER_LMA);
}

static void write_guest_tables(u64 limit)
{
    vmwrite(GUEST_GDTR_BASE, 0);
    vmwrite(GUEST_GDTR_LIMIT, limit);
    vmwrite(GUEST_IDTR_BASE, 0);
    vmwrite(GUEST_IDTR_LIMIT, limit);
}

static void write_other_guest_state(u64 rip)
{
    vmwrite(GUEST_RIP, rip);
    vmwrite(GUEST_RSP, 0);
    vmwrite(GUEST_RFLAGS, RFLAGS_RESET);
    vmwrite(GUEST_DR7, DR7_RESET);
    vmwrite(GUEST_IA32_DEBUGCTL, 0);
    vmwrite(GUEST_IA32_SYSENTER_CS, 0);
    vmwrite(GUEST_IA32_SYSENTER_ESP, 0);
    vmwrite(GUEST_IA32_SYSENTER_EIP, 0);
    vmwrite(GUEST_ACTIVITY_STATE, 0);
    vmwrite(GUEST_INTERRUPTIBILITY_STATE, 0);
    vmwrite(GUEST_PENDING_DEBUG_EXCEPTIONS, 0);
    vmwrite(VMCS_LINK_POINTER, ~0ull);
}

static void write_guest_state(const struct vcpu *vcpu, u32 entry)
{
    write_guest_segments();
    write_guest_control_registers(vcpu);
    write_guest_tables(0);
    write_other_guest_state(entry);
}

void vcpu_write_start_up_state(struct vcpu *vcpu, u8 vector, bool active)
{
    memset(vcpu->gpr, 0, sizeof vcpu->gpr);
    write_data_segments(0, 0xffff, RIGHTS_REAL_MODE_DATA);
    write_guest_segment(CS, (u16)(vector << 8), (u64)vector << 12, 0xffff, RIGHTS_REAL_MODE_CODE);
    write_guest_segment(LDTR, 0, 0, 0xffff, RIGHTS_UNUSABLE);
    write_guest_segment(TR, 0, 0, 0xffff, RIGHTS_BUSY_TSS);
    write_unrestricted_registers(CR0_CACHES_OFF | CR0_ET);
    vmwrite(ENTRY_CONTROLS, vcpu->controls.word[ENTRY]); /* exits have set its "IA-32e mode guest" */
    write_guest_tables(0xffff);
    write_other_guest_state(0);
    if (!active) vmwrite(GUEST_ACTIVITY_STATE, ACTIVITY_HLT);
}

/* --- controls --- */

static void choose_controls(struct vcpu *vcpu)
{
    struct controls *c = &vcpu->controls;
    controls_init(c);
    controls_require(c, EXTERNAL_INTERRUPT_EXITING);
    controls_require(c, ACKNOWLEDGE_INTERRUPT_ON_EXIT);
    controls_require(c, USE_IO_BITMAPS);
    controls_require(c, USE_MSR_BITMAPS);
    controls_require(c, CR3_LOAD_EXITING);
    controls_require(c, CR3_STORE_EXITING);
    controls_require(c, HOST_ADDRESS_SPACE_SIZE);
    controls_require(c, LOAD_IA32_EFER_ON_ENTRY);
    controls_require(c, LOAD_IA32_EFER_ON_EXIT);
    controls_request(c, ENABLE_RDTSCP);
    if (rdmsr(MSR_VMX_MISC) & MISC_ACTIVITY_STATE_HLT) controls_request(c, HLT_EXITING);
    if (vcpu->technique->unrestricted) {
        controls_require(c, UNRESTRICTED_GUEST);
        controls_require(c, SAVE_IA32_EFER_ON_EXIT);
    } else {
        controls_require(c, IA32E_MODE_GUEST);
    }
}

static void choose_vpid(struct vcpu *vcpu, bool on)
{
    if (!on) return;
    u64 needed = CAP_INVVPID | CAP_INVVPID_ADDRESS | CAP_INVVPID_SINGLE_CONTEXT;
    controls_require(&vcpu->controls, ENABLE_VPID);
    if ((rdmsr(MSR_VMX_EPT_VPID_CAP) & needed) != needed)
        panic("the processor's INVVPID lacks a type that is needed");
    vcpu->vpid = (u16)(vcpu->number + 1);
    vmwrite(VIRTUAL_PROCESSOR_ID, vcpu->vpid);
    vcpu_flush_tlb(vcpu);
}

static void write_empty_lists(void)
{
    vmwrite(EXCEPTION_BITMAP, 0);
    vmwrite(PAGE_FAULT_ERROR_CODE_MASK, 0);
    vmwrite(PAGE_FAULT_ERROR_CODE_MATCH, 0);
    vmwrite(CR3_TARGET_COUNT, 0);
    vmwrite(EXIT_MSR_STORE_COUNT, 0);
    vmwrite(EXIT_MSR_LOAD_COUNT, 0);
    vmwrite(ENTRY_MSR_LOAD_COUNT, 0);
    vmwrite(ENTRY_INTERRUPTION_INFORMATION, 0);
}

void vcpu_prepare(struct vcpu *vcpu, unsigned number, const struct technique *technique, struct vcpu_options options,
                  u32 entry, u32 multiboot_info)
{
    vcpu->number = number;
    vcpu->technique = technique;
    vcpu->verbose = options.verbose;
    vcpu->launches = true;
    vcpu->paging = technique->unrestricted; /* CR3 is its own */
    vcpu->gpr[RAX] = MULTIBOOT_MAGIC;
    vcpu->gpr[RBX] = multiboot_info;
    choose_controls(vcpu);
    choose_vpid(vcpu, options.vpid);
    vcpu_write_bitmaps(!technique->unrestricted);
    write_empty_lists();
    write_guest_state(vcpu, entry);
    vmx_write_host_state((u64)vm_exit, (u64)(vcpu->gpr + COUNT_OF(vcpu->gpr)));
    technique->set_up(vcpu);
    technique->load_address_space(vcpu);
    controls_write(&vcpu->controls);
}

void vcpu_run(const struct technique *technique, struct vcpu_options options, u32 entry, u32 multiboot_info)
{
    exit_log_set_up(options.log);
    the_vcpu.stack_top = (u64)the_stack + STACK_BYTES;
    vcpu_prepare(&the_vcpu, 0, technique, options, entry, multiboot_info);
    vcpu_enter(&the_vcpu);
}

/* --- exits --- */

static exit_handler_fn find_handler(const struct vcpu *vcpu, u32 reason)
{
    if (reason >= EXIT_REASONS) return NULL;
    exit_handler_fn own = vcpu->technique->handlers[reason];
    return own ? own : vcpu_common_handlers[reason];
}

static void handle_exit(struct vcpu *vcpu, u32 reason)
{
    exit_handler_fn handler = find_handler(vcpu, reason);
    if (!handler) panic("VM exit for reason %u (%s) is not modelled", reason, vcpu_exit_name(reason));
    vcpu_save_interrupted_event(vcpu);
    handler(vcpu);
    vcpu_deliver_events(vcpu);
}

struct vcpu *vcpu_handle_exit(struct vcpu *vcpu)
{
    const struct technique *t = vcpu->technique;
    u32 reason = vmread(EXIT_REASON) & 0xffff;
    if (reason < EXIT_REASONS) vcpu->exits[reason]++;
    vcpu->launches = false;
    exit_log_add();
    if (!t->take_exit || !t->take_exit(vcpu, reason)) handle_exit(vcpu, reason);
    return t->go_on ? t->go_on(vcpu) : vcpu;
}
