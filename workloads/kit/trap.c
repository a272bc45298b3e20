#include "kit/trap.h"
#include "kit/console.h"
#include "kit/cpu.h"
#include "kit/memory.h"

enum {
    VECTORS = 256,
    EXCEPTIONS = 32,
    GATE_INTERRUPT = 0x8e,
    GATE_DPL3 = 0x60,
    IST_DOUBLE_FAULT = 1,
    TSS_IST1 = 36,
    TSS_IO_MAP = 102,
    DOUBLE_FAULT_STACK_BYTES = 4096,
    PIC1_DATA = 0x21,
    PIC2_DATA = 0xa1,
    MASK_ALL = 0xff,
};

/* traps.S */
extern u8 trap_stubs[];
enum { TRAP_STUB_BYTES = 16 };
void trap_try_call(void (*try)(u64), u64 argument, u64 *resume_rsp);
extern u8 trap_try_resume[];
void trap_dispatch(struct trap_frame *frame);

struct gate {
    u16 offset_low, selector;
    u8 ist, type;
    u16 offset_middle;
    u32 offset_high, reserved;
};

struct table_pointer {
    u16 limit;
    u64 base;
} __attribute__((packed));

static struct gate idt[VECTORS] __attribute__((aligned(16)));
static trap_handler_fn handlers[VECTORS];
static u8 double_fault_stack[DOUBLE_FAULT_STACK_BYTES] __attribute__((aligned(16)));
struct tss tss __attribute__((aligned(16)));

static u64 try_rsp; /* not 0 while trap_try waits */
static struct trap_outcome try_outcome;

static const char *const exception_names[EXCEPTIONS] = {
    "#DE", "#DB", "NMI", "#BP", "#OF", "#BR", "#UD", "#NM", "#DF", "9",   "#TS",
    "#NP", "#SS", "#GP", "#PF", "15",  "#MF", "#AC", "#MC", "#XM", "#VE", "#CP",
    "22",  "23",  "24",  "25",  "26",  "27",  "#HV", "#VC", "#SX", "31",
};

static void set_gate(unsigned vector, u8 type, u8 ist)
{
    u64 stub = (u64)trap_stubs + vector * TRAP_STUB_BYTES;
    idt[vector] = (struct gate){
        .offset_low = (u16)stub,
        .selector = SELECTOR_KERNEL_CODE,
        .ist = ist,
        .type = type,
        .offset_middle = (u16)(stub >> 16),
        .offset_high = (u32)(stub >> 32),
    };
}

static void load_idt(void)
{
    struct table_pointer pointer = {sizeof idt - 1, (u64)idt};
    __asm__ volatile("lidt %0" : : "m"(pointer));
}

static void fill_idt(void)
{
    for (unsigned v = 0; v < VECTORS; v++) set_gate(v, GATE_INTERRUPT, 0);
    set_gate(VECTOR_DF, GATE_INTERRUPT, IST_DOUBLE_FAULT);
    set_gate(VECTOR_INT_USER, GATE_INTERRUPT | GATE_DPL3, 0);
}

static void tss_write(struct tss *t, unsigned offset, u64 value)
{
    memcpy(t->bytes + offset, &value, sizeof value);
}

/* Available 64-bit TSS (type 9), present: Intel SDM Vol. 3A, "TSS Descriptor in 64-bit mode". */
static void load_tss(u64 *in_gdt, struct tss *t, u8 *double_fault_stack_top)
{
    u64 base = (u64)t;
    u64 limit = sizeof *t - 1;
    u16 io_map = sizeof *t;
    tss_write(t, TSS_IST1, (u64)double_fault_stack_top);
    memcpy(t->bytes + TSS_IO_MAP, &io_map, sizeof io_map);
    in_gdt[SELECTOR_TSS / 8] = limit | (base & 0xffffff) << 16 | 0x89ull << 40 | (base >> 24 & 0xff) << 56;
    in_gdt[SELECTOR_TSS / 8 + 1] = base >> 32;
    __asm__ volatile("ltr %w0" : : "r"(SELECTOR_TSS));
}

/* Firmware leaves lines unmasked that would arrive by vectors of its own, among the exceptions. */
static void mask_pics(void)
{
    out8(PIC1_DATA, MASK_ALL);
    out8(PIC2_DATA, MASK_ALL);
}

void trap_init(void)
{
    fill_idt();
    load_idt();
    load_tss(gdt, &tss, double_fault_stack + sizeof double_fault_stack);
    mask_pics();
}

/* CS and SS keep what the trampoline's tables gave them until the far return and the load below. */
static void load_gdt(const u64 *own)
{
    struct table_pointer pointer = {TRAP_GDT_ENTRIES * sizeof(u64) - 1, (u64)own};
    __asm__ volatile("lgdt %0\n\t"
                     "pushq %1\n\t"
                     "leaq 1f(%%rip), %%rax\n\t"
                     "pushq %%rax\n\t"
                     "lretq\n"
                     "1:\tmovl %2, %%eax\n\t"
                     "movl %%eax, %%ss\n\t"
                     "movl %%eax, %%ds\n\t"
                     "movl %%eax, %%es"
                     :
                     : "m"(pointer), "i"(SELECTOR_KERNEL_CODE), "i"(SELECTOR_KERNEL_DATA)
                     : "rax", "memory");
}

void trap_init_processor(u64 own_gdt[TRAP_GDT_ENTRIES], struct tss *own_tss, u8 *double_fault_stack_top)
{
    memcpy(own_gdt, gdt, sizeof gdt);
    load_gdt(own_gdt);
    load_idt();
    load_tss(own_gdt, own_tss, double_fault_stack_top);
}

void trap_set_handler(unsigned vector, trap_handler_fn handler)
{
    handlers[vector] = handler;
}

static void abandon_try(struct trap_frame *frame)
{
    try_outcome = (struct trap_outcome){(int)frame->vector, frame->error_code, read_cr2()};
    frame->rip = (u64)trap_try_resume;
    frame->rsp = try_rsp;
    try_rsp = 0;
}

static _Noreturn void report_and_stop(const struct trap_frame *frame)
{
    const char *name = frame->vector < EXCEPTIONS ? exception_names[frame->vector] : "interrupt";
    panic("unexpected trap %d (%s): error code 0x%llx rip 0x%llx rsp 0x%llx cr2 0x%llx", (int)frame->vector,
          name, (ull)frame->error_code, (ull)frame->rip, (ull)frame->rsp, (ull)read_cr2());
}

void trap_dispatch(struct trap_frame *frame)
{
    if (try_rsp && frame->vector < EXCEPTIONS)
        abandon_try(frame);
    else if (handlers[frame->vector])
        handlers[frame->vector](frame);
    else
        report_and_stop(frame);
}

struct trap_outcome trap_try(void (*try)(u64 argument), u64 argument)
{
    try_outcome = (struct trap_outcome){.vector = TRAP_NONE};
    trap_try_call(try, argument, &try_rsp);
    try_rsp = 0;
    return try_outcome;
}
