/* guest_kit.c - the guest runtime's own test, a guest itself: build/workloads/test-kit.elf.
 *
 * Checks:  what benches and monitors rely on and would not notice: printf, heap, page tables of all leaf
 *          sizes, all ways to fault and to recover, the double-fault stack, user mode's walls, both timers.
 * Prints:  a line for each check that failed, a sample of printf, "kit: N checks ok"; exits with 0 or 1.
 * Run by:  tests/system/guests_on_qemu.sh; deterministic, so any machine must print the same.
 */
#include "kit/kit.h"

static unsigned checks, failures;

static void check(bool ok, const char *what)
{
    checks++;
    if (ok) return;
    failures++;
    printf("kit: FAILED: %s\n", what);
}

/* Faults that trap_try must report: the function, its argument, and what must come of it. */
static void nothing(u64 argument)
{
    (void)argument;
}

static void load(u64 va)
{
    (void)*(volatile u8 *)va;
}

static void store(u64 va)
{
    *(volatile u8 *)va = 1;
}

static void call(u64 va)
{
    ((void (*)(void))va)();
}

static void execute_ud2(u64 argument)
{
    (void)argument;
    __asm__ volatile("ud2");
}

static void divide_by(u64 divisor)
{
    __asm__ volatile("xor %%edx, %%edx; div %0" : : "r"(divisor) : "rax", "rdx");
}

static void load_segment(u64 selector)
{
    __asm__ volatile("mov %w0, %%es" : : "r"(selector));
}

enum { READ_ONLY = 0, NO_EXECUTE = 1, UNMAPPED = 2, FAULT_PAGES = 3 };

static u64 fault_page(u64 n)
{
    return DATA_VA + n * PAGE_4K;
}

static void map_fault_pages(void)
{
    u64 frame = (u64)heap_page_cleared();
    *(u8 *)frame = 0xc3; /* RET */
    paging_map(kernel_space(), fault_page(READ_ONLY), frame, PAGE_4K, PAGE_4K, 0);
    paging_map(kernel_space(), fault_page(NO_EXECUTE), frame, PAGE_4K, PAGE_4K, PTE_W | pte_nx());
}

static bool faults(void (*try)(u64), u64 argument, int vector, u64 error_code)
{
    struct trap_outcome outcome = trap_try(try, argument);
    return outcome.vector == vector && (vector == TRAP_NONE || outcome.error_code == error_code);
}

static void check_faults(void)
{
    map_fault_pages();
    check(faults(nothing, 0, TRAP_NONE, 0), "a call without a fault comes back");
    check(faults(load, fault_page(READ_ONLY), TRAP_NONE, 0), "a read-only page can be read");
    check(faults(call, fault_page(READ_ONLY), TRAP_NONE, 0), "a page without NX can be executed");
    check(faults(load, fault_page(UNMAPPED), VECTOR_PF, 0), "#PF: read, not present");
    check(faults(store, fault_page(UNMAPPED), VECTOR_PF, 2), "#PF: write, not present");
    check(faults(store, fault_page(READ_ONLY), VECTOR_PF, 3), "#PF: write to a read-only page");
    check(!pte_nx() || faults(call, fault_page(NO_EXECUTE), VECTOR_PF, 0x11), "#PF: fetch from an NX page");
    check(faults(load, 1ull << 47, VECTOR_GP, 0), "#GP: address not canonical");
    check(faults(execute_ud2, 0, VECTOR_UD, 0), "#UD");
    check(faults(divide_by, 0, 0, 0), "#DE");
    check(faults(divide_by, 3, TRAP_NONE, 0), "a division comes back");
    check(faults(load_segment, 0x1f8, VECTOR_GP, 0x1f8), "#GP: selector beyond the GDT");
    check(trap_try(load, fault_page(UNMAPPED) + 7).address == fault_page(UNMAPPED) + 7,
          "CR2 holds the address");
}

/* With the #PF gate marked not present, a page fault becomes #NP during delivery, that is, a double fault. */
static void check_double_fault(void)
{
    struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) idtr;
    __asm__ volatile("sidt %0" : "=m"(idtr));
    volatile u8 *type = (volatile u8 *)(idtr.base + VECTOR_PF * 16 + 5);
    u8 saved = *type;
    *type = saved & 0x7f;
    check(faults(load, fault_page(UNMAPPED), VECTOR_DF, 0), "#DF on its own stack");
    *type = saved;
    check(faults(load, fault_page(UNMAPPED), VECTOR_PF, 0), "#PF after #DF");
}

static void check_leaf_size(u64 va, u64 page_bytes, const char *what)
{
    static u64 target = 0x1122334455667788;
    u64 pa = (u64)&target;
    paging_map(kernel_space(), va, round_down(pa, page_bytes), page_bytes, page_bytes, PTE_W);
    u64 alias = va + (pa & (page_bytes - 1));
    check(*(volatile u64 *)alias == target && paging_translate(kernel_space(), alias) == pa, what);
}

static void check_paging(void)
{
    check_leaf_size(DATA_VA + 1 * GiB, PAGE_4K, "a 4 KiB leaf");
    check_leaf_size(DATA_VA + 2 * GiB, PAGE_2M, "a 2 MiB leaf");
    check_leaf_size(DATA_VA + 3 * GiB, cpu_has_1g_pages() ? PAGE_1G : PAGE_2M,
                    "a 1 GiB leaf, where there are any");
    check(paging_find(kernel_space(), DATA_VA + 9 * GiB) == NULL, "nothing is found where nothing is mapped");
    u64 *slot = paging_find(kernel_space(), fault_page(READ_ONLY));
    check(slot && *slot & PTE_A && !(*slot & PTE_D), "reading sets A and not D");
    load(fault_page(NO_EXECUTE));
    store(fault_page(NO_EXECUTE));
    slot = paging_find(kernel_space(), fault_page(NO_EXECUTE));
    check(slot && *slot & PTE_A && *slot & PTE_D, "writing sets A and D");
}

static bool overlaps(u64 start, u64 end)
{
    return heap_start() < end && start < heap_end();
}

static void check_heap(void)
{
    bool clear = !overlaps((u64)image_start, (u64)image_end);
    for (u32 i = 0; i < boot.module_count; i++)
        clear = clear && !overlaps(boot.modules[i].start, boot.modules[i].end);
    check(clear && heap_end() <= boot.ram_bytes, "the heap lies in RAM, beside image and modules");
    void *page = heap_page();
    heap_page_free(page);
    check(heap_page_cleared() == page && *(u64 *)page == 0, "a freed page comes back cleared");
    check((u64)heap_run(3 * PAGE_4K, PAGE_2M) % PAGE_2M == 0, "a run is aligned");
}

/* User programs that break a rule: the handler ends them with the vector and the error code. */
static void end_program(struct trap_frame *frame)
{
    user_leave(frame->vector << 32 | frame->error_code);
}

static USER_CODE void user_halts(u64 argument)
{
    (void)argument;
    __asm__ volatile("hlt");
}

static USER_CODE void user_reads(u64 va)
{
    u64 value = *(volatile u64 *)va;
    syscall(SYS_EXIT, value, 0);
}

static USER_CODE void user_jumps(u64 va)
{
    ((void (*)(void))va)();
}

static USER_CODE void user_writes_port(u64 port)
{
    __asm__ volatile("outb %%al, %%dx" : : "a"(0), "d"(port));
}

static void check_user(void)
{
    struct process p;
    u64 area = USER_DATA_VA;
    processes_init();
    process_create(&p, 1);
    process_add_area(&p, (struct area){area, area + 2 * PAGE_4K, 0, PTE_W | pte_nx()});
    check(process_run(&p, user_reads, area) == 0, "user mode reads its memory, mapped on demand");
    trap_set_handler(VECTOR_GP, end_program);
    trap_set_handler(VECTOR_PF, end_program);
    check(process_run(&p, user_halts, 0) == (u64)VECTOR_GP << 32, "user mode may not halt");
    check(process_run(&p, user_writes_port, 0x80) == (u64)VECTOR_GP << 32, "user mode may not write ports");
    check(process_run(&p, user_reads, (u64)image_start) == ((u64)VECTOR_PF << 32 | 5),
          "user mode may not read the kernel");
    check(process_run(&p, user_reads, area + PAGE_4K) == ((u64)VECTOR_PF << 32 | 4),
          "user mode, not present");
    check(!pte_nx() || process_run(&p, user_jumps, area) == ((u64)VECTOR_PF << 32 | 0x15), "user mode, NX");
    trap_set_handler(VECTOR_GP, NULL);
    process_destroy(&p);
}

static void check_timers(void)
{
    apic_timer_init();
    interrupts_off();
    apic_timer_start(1000);
    while (apic_timer_ticks() == 0) interrupts_on_and_halt();
    check(apic_timer_ticks() == 1, "the local APIC timer fires once");
    timer_start(1000);
    while (timer_ticks() < 3) halt();
    check(apic_timer_ticks() == 1 && timer_ticks() >= 3, "the PIT ticks through the PICs");
    interrupts_off();
}

int main(void)
{
    check_faults();
    check_double_fault();
    check_paging();
    check_heap();
    check_user();
    check_timers();
    printf("kit: [%d|%5d|%05d|%u|%x|%016llx|%c|%5s|%%]\n", -7, -42, -42, ~0u, 0xbeefu, 0x123456789abcdefull,
           'c', "str");
    printf("kit: %u checks %s\n", checks, failures ? "FAILED" : "ok");
    return failures != 0;
}
