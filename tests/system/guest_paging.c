/* guest_paging.c - what a guest may do to its page tables, and must find again:
 * build/workloads/test-paging.elf.
 *
 * Checks:  accessed and dirty flags, rights at every level, reserved bits, changes of mappings by every kind
 *          of store, flags of read-modify-write stores, tables that are shared, recursive, recycled, large
 *          pages that come and go, many address spaces in turn. On a monitor with shadow page tables each of
 *          these is emulated work.
 * Prints:  a line for each check that failed, then "paging: N checks ok"; exits with 0 or 1.
 * Words:   timer=HZ (0: no interrupts).
 * Run by:  tests/system/monitors_on_bochs.sh; deterministic, so any machine must print the same.
 */
#include "kit/kit.h"

enum { VA_PAGES = 512, FRAMES = 8, SPACES = 24, SPACE_PAGES = 6 };
#define TEST_VA  (DATA_VA + (8ull << 30))
#define LARGE_VA (DATA_VA + (16ull << 30))
#define HUGE_VA  (DATA_VA + (32ull << 30))
#define ALIAS_VA (DATA_VA + (64ull << 30))

enum { PF_P = 1, PF_W = 2, PF_RSVD = 8, PF_I = 16 };
enum { CPUID_7_EBX_SMEP = 1 << 7, CR4_BIT_SMEP = 1 << 20 };

static unsigned checks, failures;
static u64 frames[FRAMES];

static void check(bool ok, const char *what, u64 detail)
{
    checks++;
    if (ok) return;
    failures++;
    printf("paging: FAILED: %s (0x%llx)\n", what, (unsigned long long)detail);
}

static u64 stamp_of(u64 n)
{
    return mix(n + 77);
}

static u64 read_at(u64 va)
{
    return *(volatile u64 *)va;
}

static void write_at(u64 va, u64 value)
{
    *(volatile u64 *)va = value;
}

static u64 *slot_of(u64 va)
{
    return paging_slot(kernel_space(), va, PAGE_4K);
}

/* Writes an entry and makes it known. */
static void set_slot(u64 *slot, u64 va, u64 value)
{
    *(volatile u64 *)slot = value;
    invlpg(va);
}

static u64 flags_at(const u64 *slot)
{
    return *(const volatile u64 *)slot & (PTE_A | PTE_D);
}

/* --- faults --- */

static void try_load(u64 va)
{
    read_at(va);
}

static void try_store(u64 va)
{
    write_at(va, 0);
}

static void try_call(u64 va)
{
    ((void (*)(void))va)();
}

static void check_fault(void (*try)(u64), u64 va, u64 error_code, const char *what)
{
    struct trap_outcome outcome = trap_try(try, va);
    if (outcome.error_code & PF_RSVD) outcome.error_code |= PF_P; /* QEMU leaves it out */
    check(outcome.vector == VECTOR_PF && outcome.error_code == error_code && outcome.address == va, what,
          (u64)outcome.vector << 32 | outcome.error_code);
}

static void check_no_fault(void (*try)(u64), u64 va, const char *what)
{
    struct trap_outcome outcome = trap_try(try, va);
    check(outcome.vector == TRAP_NONE, what, (u64)outcome.vector << 32 | outcome.error_code);
}

static u64 *table_slot(u64 va, unsigned level)
{
    u64 *table = kernel_space();
    for (unsigned at = 4;; at--) {
        u64 *slot = &table[va >> (12 + 9 * (at - 1)) & (TABLE_ENTRIES - 1)];
        if (at == level) return slot;
        table = (u64 *)(*slot & PTE_ADDRESS);
    }
}

static void test_leaf_rights(void)
{
    u64 va = TEST_VA, *slot = slot_of(va), good = *slot;
    set_slot(slot, va, good & ~PTE_W);
    check_no_fault(try_load, va, "read-only page is readable");
    check_fault(try_store, va, PF_P | PF_W, "store to a read-only page");
    set_slot(slot, va, good & ~PTE_P);
    check_fault(try_load, va, 0, "load from a page not present");
    check_fault(try_store, va, PF_W, "store to a page not present");
    set_slot(slot, va, good | BIT(51));
    check_fault(try_load, va, PF_P | PF_RSVD, "reserved bit");
    set_slot(slot, va, good);
    check_no_fault(try_store, va, "rights given back");
    write_at(va, stamp_of(0));
}

static void test_upper_rights(void)
{
    static const char *const names[] = {"", "", "PD entry", "PDPT entry", "PML4 entry"};
    for (unsigned level = 2; level <= 4; level++) {
        u64 va = TEST_VA + PAGE_4K, *slot = table_slot(va, level), good = *slot;
        read_at(va);
        set_slot(slot, va, good & ~PTE_W);
        check_fault(try_store, va, PF_P | PF_W, names[level]);
        check_no_fault(try_load, va, names[level]);
        set_slot(slot, va, good & ~PTE_P);
        check_fault(try_load, va, 0, names[level]);
        set_slot(slot, va, good);
        check_no_fault(try_store, va, names[level]);
        write_at(va, stamp_of(1));
    }
}

static void test_no_execute(void)
{
    if (!pte_nx()) return;
    u64 va = TEST_VA + 2 * PAGE_4K, *slot = slot_of(va), good = *slot;
    *(volatile u8 *)va = 0xc3; /* RET */
    set_slot(slot, va, good & ~PTE_NX);
    check_no_fault(try_call, va, "executable page");
    set_slot(slot, va, good | PTE_NX);
    check_fault(try_call, va, PF_P | PF_I, "NX in the leaf");
    set_slot(slot, va, good & ~PTE_NX);
    u64 *upper = table_slot(va, 2);
    set_slot(upper, va, *upper | PTE_NX);
    check_fault(try_call, va, PF_P | PF_I, "NX above the leaf");
    set_slot(upper, va, *upper & ~PTE_NX);
    check_no_fault(try_call, va, "NX taken away");
    set_slot(slot, va, good);
    write_at(va, stamp_of(2));
}

/* SMEP: a page for user mode is not executable for the kernel. */
static void test_smep(void)
{
    if (!(cpuid(7, 0).ebx & CPUID_7_EBX_SMEP)) return;
    u64 va = TEST_VA + 2 * PAGE_4K, *slot = slot_of(va), good = *slot, cr4 = read_cr4();
    *(volatile u8 *)va = 0xc3; /* RET */
    write_cr4(cr4 & ~(u64)CR4_BIT_SMEP);
    set_slot(slot, va, good | PTE_U);
    check_no_fault(try_call, va, "page for user mode, without SMEP");
    write_cr4(cr4 | CR4_BIT_SMEP);
    check_fault(try_call, va, PF_P | PF_I, "page for user mode, with SMEP");
    set_slot(slot, va, good & ~PTE_U);
    check_no_fault(try_call, va, "page for the kernel, with SMEP");
    write_cr4(cr4);
    set_slot(slot, va, good);
    write_at(va, stamp_of(2));
}

/* --- events whose delivery is the first use of a stack --- */

static volatile u64 events;

static void count_event(struct trap_frame *frame)
{
    events++;
    if (frame->vector == VECTOR_UD) frame->rip += 2;
}

/* Runs an instruction on a stack whose page was not used since its entry last changed. */
#define ON_UNUSED_STACK(slot, va, instruction)                                                               \
    do {                                                                                                     \
        set_slot(slot, va, *(slot) & ~(PTE_A | PTE_D));                                                      \
        __asm__ volatile("mov %%rsp, %%rbx; mov %0, %%rsp;" instruction "; mov %%rbx, %%rsp"                 \
                         :                                                                                   \
                         : "r"((va) + PAGE_4K)                                                               \
                         : "rbx", "memory");                                                                 \
    } while (0)

static void test_unused_stack(void)
{
    u64 va = ALIAS_VA + 7 * PAGE_1G, *slot = paging_slot(kernel_space(), va, PAGE_4K), before;
    *slot = (u64)heap_page() | PTE_P | PTE_W;
    trap_set_handler(VECTOR_UD, count_event);
    trap_set_handler(VECTOR_INT_USER, count_event);
    for (u64 round = 0; round < 3; round++) {
        ON_UNUSED_STACK(slot, va, "ud2");
        ON_UNUSED_STACK(slot, va, "int $0x80");
    }
    check(events == 6, "exceptions and software interrupts on an unused stack", events);
    apic_timer_init();
    for (before = apic_timer_ticks(); apic_timer_ticks() < before + 3;) {
        interrupts_off();
        apic_timer_start(2000);
        ON_UNUSED_STACK(slot, va, "sti; hlt; cli");
    }
    check(apic_timer_ticks() == before + 3, "interrupts on an unused stack", apic_timer_ticks());
    check((flags_at(slot) & PTE_D) != 0, "its dirty flag", *slot);
}

/* --- accessed and dirty flags --- */

static void test_flags_of_leaf(u64 va, u64 *slot, const char *what)
{
    set_slot(slot, va, *slot & ~(PTE_A | PTE_D));
    check(flags_at(slot) == 0, what, *slot);
    read_at(va);
    check(flags_at(slot) == PTE_A, what, *slot);
    write_at(va + 8, 1);
    check(flags_at(slot) == (PTE_A | PTE_D), what, *slot);
    set_slot(slot, va, *slot & ~PTE_D);
    read_at(va);
    check(flags_at(slot) == PTE_A, what, *slot);
    write_at(va + 8, 2);
    check(flags_at(slot) == (PTE_A | PTE_D), what, *slot);
    set_slot(slot, va, *slot & ~(PTE_A | PTE_D));
    write_at(va + 8, 3);
    check(flags_at(slot) == (PTE_A | PTE_D), what, *slot);
}

static void test_flags_of_tables(void)
{
    u64 va = TEST_VA + 3 * PAGE_4K;
    for (unsigned level = 2; level <= 4; level++) {
        u64 *slot = table_slot(va, level);
        read_at(va);
        set_slot(slot, va, *slot & ~PTE_A);
        read_at(va);
        check(*(volatile u64 *)slot & PTE_A, "accessed flag of a table entry", level);
    }
}

/* --- stores of every kind, to ordinary memory and to a live table --- */

/* One read-modify-write: what it makes of memory, RAX, its source register and the flags. */
struct machine_state {
    u64 memory, rax, source, flags;
};

/* STORE(name, instruction, defined flags): %1 is RAX, %2 the source register, %3 memory. */
#define NONE  0x000ull
#define CF    0x001ull
#define LOGIC 0x8c5ull /* CF PF ZF SF OF */
#define ALL   0x8d5ull
#define STORES(STORE)                                                                                        \
    STORE(mov64, "movq %2, %3", ALL)                                                                         \
    STORE(mov32, "movl %k2, %3", ALL)                                                                        \
    STORE(mov16, "movw %w2, %3", ALL)                                                                        \
    STORE(mov8, "movb %b2, %3", ALL)                                                                         \
    STORE(mov64i, "movq $-559038738, %3", ALL)                                                               \
    STORE(mov32i, "movl $0x12345678, %3", ALL)                                                               \
    STORE(mov16i, "movw $0x1234, %3", ALL)                                                                   \
    STORE(mov8i, "movb $0x56, %3", ALL)                                                                      \
    STORE(xchg64, "xchgq %2, %3", ALL)                                                                       \
    STORE(xchg32, "xchgl %k2, %3", ALL)                                                                      \
    STORE(xchg16, "xchgw %w2, %3", ALL)                                                                      \
    STORE(xchg8, "xchgb %b2, %3", ALL)                                                                       \
    STORE(and64, "andq %2, %3", LOGIC)                                                                       \
    STORE(and8, "lock andb %b2, %3", LOGIC)                                                                  \
    STORE(and64i, "andq $-4096, %3", LOGIC)                                                                  \
    STORE(and64i8, "lock andq $-97, %3", LOGIC)                                                              \
    STORE(or64, "lock orq %2, %3", LOGIC)                                                                    \
    STORE(or32, "orl %k2, %3", LOGIC)                                                                        \
    STORE(or32i, "orl $0x10000, %3", LOGIC)                                                                  \
    STORE(or16i8, "orw $-16, %3", LOGIC)                                                                     \
    STORE(xor64, "xorq %2, %3", LOGIC)                                                                       \
    STORE(xor32i8, "xorl $0x60, %3", LOGIC)                                                                  \
    STORE(xor8i, "xorb $0x40, %3", LOGIC)                                                                    \
    STORE(cmpxchg64, "lock cmpxchgq %2, %3", ALL)                                                            \
    STORE(cmpxchg32, "cmpxchgl %k2, %3", ALL)                                                                \
    STORE(cmpxchg16, "cmpxchgw %w2, %3", ALL)                                                                \
    STORE(cmpxchg8, "lock cmpxchgb %b2, %3", ALL)                                                            \
    STORE(bts, "lock btsq $52, %3", CF)                                                                      \
    STORE(btr, "btrl $9, %3", CF)                                                                            \
    STORE(btc, "btcw $5, %3", CF)                                                                            \
    STORE(btsreg, "and $63, %2; btsq %2, %3", CF)                                                            \
    STORE(add64, "addq %2, %3", ALL)                                                                         \
    STORE(sub32, "lock subl %k2, %3", ALL)                                                                   \
    STORE(xadd, "lock xaddq %2, %3", ALL)                                                                    \
    STORE(inc, "incq %3", ALL)                                                                               \
    STORE(neg, "lock negq %3", ALL)                                                                          \
    STORE(not32, "notl %3", ALL)                                                                             \
    STORE(adc, "adcq %2, %3", ALL)                                                                           \
    STORE(shl, "shlq $3, %3", LOGIC & ~0x800ull)                                                             \
    STORE(pop, "pushq %2; popq %3", ALL)                                                                     \
    STORE(stos, "xchg %%rdi, %4; stosq; xchg %%rdi, %4; lea -8(%4), %4", ALL)                                \
    STORE(r8store, "mov %2, %%r8; mov %%r8, %3", ALL)                                                        \
    STORE(r13base, "mov %4, %%r13; mov %%ax, (%%r13)", ALL)                                                  \
    STORE(r12base, "mov %4, %%r12; mov %%eax, (%%r12)", ALL)                                                 \
    STORE(indexed, "lea -64(%4), %%r9; mov $8, %%r10d; mov %2, (%%r9,%%r10,8)", ALL)                         \
    STORE(disp32, "lea 4096(%4), %%r9; mov %2, -4096(%%r9)", ALL)                                            \
    STORE(noBase, "mov %4, %%r10; shr $3, %%r10; mov %2, 0(,%%r10,8)", NONE)                                 \
    STORE(high8, "mov %4, %%rdx; mov %%ah, (%%rdx)", ALL)

#define DEFINE_STORE(name, instruction, mask)                                                                \
    static void store_##name(u64 *at, struct machine_state *s)                                               \
    {                                                                                                        \
        u64 *base = at;                                                                                      \
        __asm__ volatile("xor %k0, %k0; inc %k0;" instruction "; pushfq; pop %0"                             \
                         : "=&r"(s->flags), "+a"(s->rax), "+&b"(s->source), "+m"(*at), "+&r"(base)           \
                         :                                                                                   \
                         : "cc", "rdx", "r8", "r9", "r10", "r12", "r13", "memory");                          \
        s->flags &= (mask);                                                                                  \
        s->memory = *(volatile u64 *)at;                                                                     \
    }
STORES(DEFINE_STORE)

#define STORE_ROW(name, instruction, mask) {#name, store_##name},
static const struct {
    const char *name;
    void (*store)(u64 *at, struct machine_state *s);
} stores[] = {STORES(STORE_ROW)};

static bool same_state(const struct machine_state *a, const struct machine_state *b)
{
    return a->memory == b->memory && a->rax == b->rax && a->source == b->source && a->flags == b->flags;
}

/* The entry is not present and stays unused, so that any value may come of it; its neighbour is what is
 * mapped. */
static void test_one_store(unsigned i, u64 old, u64 rax, u64 source)
{
    static u64 ordinary;
    u64 live_va = TEST_VA + 4 * PAGE_4K, *slot = slot_of(live_va) + 100, saved = *slot;
    struct machine_state expected = {0, rax, source, 0}, found = expected;
    *(volatile u64 *)slot = old;
    *(volatile u64 *)&ordinary = old;
    stores[i].store(&ordinary, &expected);
    check(read_at(live_va) == stamp_of(4), "neighbour of a stored entry", i);
    stores[i].store(slot, &found);
    check(same_state(&expected, &found), stores[i].name, found.memory ^ expected.memory);
    *(volatile u64 *)slot = saved;
    invlpg(live_va + 100 * PAGE_4K);
}

static void test_stores(void)
{
    u64 stream = random_seeded(5);
    for (unsigned i = 0; i < COUNT_OF(stores); i++)
        for (unsigned round = 0; round < 4; round++) {
            u64 old = random_next(&stream), rax = round & 1 ? old : random_next(&stream);
            test_one_store(i, old, rax, random_next(&stream) & (round & 2 ? 63 : ~0ull));
        }
}

/* A change of a present entry by each of several instructions takes effect at INVLPG. */
static void test_remap(void)
{
    u64 va = TEST_VA + 5 * PAGE_4K, *slot = slot_of(va), flags = *slot & ~PTE_ADDRESS;
    for (u64 n = 0; n < 64; n++) {
        u64 value = frames[n * 5 % FRAMES] | flags, old = *slot;
        switch (n % 5) {
        case 0:
            __asm__ volatile("mov %1, %0" : "=m"(*slot) : "r"(value));
            break;
        case 1:
            __asm__ volatile("xchg %1, %0" : "+m"(*slot), "+r"(value));
            break;
        case 2:
            __asm__ volatile("lock cmpxchg %2, %1" : "+a"(old), "+m"(*slot) : "r"(value));
            break;
        case 3:
            __asm__ volatile("movl %k1, %0; movl %k2, 4%0" : "+o"(*slot) : "r"(value), "r"(value >> 32));
            break;
        case 4:
            __asm__ volatile("movl $0, 2%0; movq %1, %0" : "+o"(*slot) : "r"(value));
            break;
        }
        invlpg(va);
        check(read_at(va) == stamp_of(n * 5 % FRAMES), "changed mapping", n);
    }
    set_slot(slot, va, frames[5] | flags);
}

/* Stores that hit two entries at once, or two tables. */
static void test_unaligned(void)
{
    u64 va = TEST_VA + 6 * PAGE_4K, *slot = slot_of(va), first = slot[0], second = slot[1];
    read_at(va);
    read_at(va + PAGE_4K);
    u64 mixed = (frames[7] | (first & ~PTE_ADDRESS)) >> 32 | second << 32;
    __asm__ volatile("movq %1, 4(%0)" : : "r"(slot), "r"(mixed) : "memory");
    check(slot[1] >> 32 == second >> 32 && (u32)slot[1] == (u32)second, "store across two entries", slot[1]);
    slot[0] = first;
    slot[1] = second;
    invlpg(va);
    invlpg(va + PAGE_4K);
    check(read_at(va) == stamp_of(6) && read_at(va + PAGE_4K) == stamp_of(7), "mappings after it", 0);
}

/* Whole tables written by string instructions while they are in use. */
static void test_strings(void)
{
    static u64 copy[TABLE_ENTRIES] __attribute__((aligned(4096)));
    u64 va = TEST_VA, *table = slot_of(va);
    for (unsigned round = 0; round < 3; round++) {
        read_at(va);
        page_copy(copy, table);
        page_clear(table);
        write_cr3(read_cr3());
        check_fault(try_load, va, 0, "cleared table");
        page_copy(table, copy);
        check(read_at(va + PAGE_4K) == stamp_of(1), "restored table", round);
    }
}

/* A table is rewritten while its directory entry stays; before it is used again, other tables are. */
static void test_rewritten_table(void)
{
    static u64 copy[TABLE_ENTRIES] __attribute__((aligned(4096)));
    u64 va = TEST_VA, other = ALIAS_VA + 4 * PAGE_1G, *table = slot_of(va);
    paging_map(kernel_space(), other, frames[7], PAGE_4K, PAGE_4K, PTE_W);
    page_copy(copy, table);
    copy[1] = copy[2];
    read_at(va);
    page_copy(table, copy);
    write_cr3(read_cr3());
    check(read_at(other) == stamp_of(7), "new table", 0);
    check(read_at(va) == stamp_of(0) && read_at(va + PAGE_4K) == stamp_of(2), "rewritten table", 0);
    set_slot(&table[1], va + PAGE_4K, frames[1] | (table[1] & ~PTE_ADDRESS));
}

/* A directory entry gets another table. INVLPG, wherever it points, makes the processor forget the old one.
 */
static void test_exchanged_table(void)
{
    u64 va = ALIAS_VA + 5 * PAGE_1G, elsewhere = TEST_VA, *pd_slot = paging_slot(kernel_space(), va, PAGE_2M);
    u64 *tables[2] = {heap_page_cleared(), heap_page_cleared()};
    for (u64 i = 0; i < TABLE_ENTRIES; i++) {
        tables[0][i] = frames[0] | PTE_P | PTE_W;
        tables[1][i] = frames[1] | PTE_P | PTE_W;
    }
    for (u64 n = 0; n < 16; n++) {
        *(volatile u64 *)pd_slot = (u64)tables[n & 1] | PTE_P | PTE_W;
        invlpg(elsewhere);
        check(read_at(va + n * PAGE_4K) == stamp_of(n & 1), "exchanged table", n);
    }
    *pd_slot = 0;
    write_cr3(read_cr3());
}

/* A store that begins in the page before a live table and ends in the table. */
static void test_store_into_table_from_below(void)
{
    u64 *page = heap_run(2 * PAGE_4K, PAGE_4K), *table = page + TABLE_ENTRIES, va = ALIAS_VA + 6 * PAGE_1G;
    u64 entry = frames[6] | PTE_P | PTE_W;
    page_clear(page);
    page_clear(table);
    u64 *pd_slot = paging_slot(kernel_space(), va, PAGE_2M);
    *pd_slot = (u64)table | PTE_P | PTE_W;
    table[0] = frames[5] | PTE_P | PTE_W;
    check(read_at(va) == stamp_of(5), "table behind a page", 0);
    __asm__ volatile("movq %1, -4(%0)" : : "r"(table), "r"(entry << 32 | 0x1234) : "memory");
    invlpg(va);
    check((u32)table[0] == (u32)entry && table[0] >> 32 == 0, "upper half of a store", table[0]);
    check(page[TABLE_ENTRIES - 1] >> 32 == 0x1234, "its lower half", page[TABLE_ENTRIES - 1]);
    check(read_at(va) == stamp_of(6), "mapping after it", 0);
    *pd_slot = 0;
    invlpg(va);
}

/* --- tables in unusual places --- */

/* One page table below two page-directory entries: a change shows at both addresses. */
static void test_shared_table(void)
{
    u64 va = TEST_VA + 8 * PAGE_4K, *slot = slot_of(va);
    *paging_slot(kernel_space(), ALIAS_VA, PAGE_2M) = *table_slot(va, 2);
    u64 alias = ALIAS_VA + 8 * PAGE_4K, old = *slot;
    for (u64 n = 0; n < FRAMES; n++) {
        *slot = frames[n] | (old & ~PTE_ADDRESS);
        invlpg(va);
        invlpg(alias);
        check(read_at(va) == stamp_of(n) && read_at(alias) == stamp_of(n), "shared table", n);
    }
    *paging_slot(kernel_space(), ALIAS_VA, PAGE_2M) = 0;
    invlpg(alias);
    check_fault(try_load, alias, 0, "shared table taken away");
    set_slot(slot, va, old);
}

/* PML4 entry 300 points to the PML4 itself: all tables appear as data, each also as a table of a lower
 * level. */
static void test_recursive_table(void)
{
    u64 self = 300, *pml4 = kernel_space();
    u64 va = TEST_VA + 9 * PAGE_4K, old = *slot_of(va);
    pml4[self] = (u64)pml4 | PTE_P | PTE_W;
    u64 base = 0xffff000000000000ull | self << 39;
    u64 mirror = base | (va >> 9 & 0x7ffffffff8ull);
    check(read_at(mirror) == *slot_of(va), "recursive mapping", read_at(mirror));
    for (u64 n = 0; n < FRAMES; n++) {
        write_at(mirror, frames[n] | (old & ~PTE_ADDRESS));
        invlpg(va);
        check(read_at(va) == stamp_of(n), "entry changed through the recursive mapping", n);
    }
    write_at(mirror, old);
    pml4[self] = 0;
    write_cr3(read_cr3());
    check_fault(try_load, mirror, 0, "recursive mapping taken away");
    check(read_at(va) == stamp_of(1), "mapping after it", 0);
}

/* A page is table, data, and table again. */
static void test_recycled_table(void)
{
    u64 va = ALIAS_VA + PAGE_1G, stream = random_seeded(3);
    for (u64 round = 0; round < 6; round++) {
        u64 *slot = paging_slot(kernel_space(), va, PAGE_4K), *table = slot - (va >> 12 & 511);
        *slot = frames[round] | PTE_P | PTE_W;
        check(read_at(va) == stamp_of(round), "new table", round);
        *table_slot(va, 2) = 0;
        write_cr3(read_cr3());
        u64 sum = 0;
        for (unsigned i = 0; i < TABLE_ENTRIES; i++) sum += table[i] = random_next(&stream);
        for (unsigned i = 0; i < TABLE_ENTRIES; i++) sum -= *(volatile u64 *)&table[i];
        check(sum == 0, "table recycled as data", sum);
        heap_page_free(table);
    }
}

/* --- large pages --- */

/* A 2 MiB page becomes a table of 4 KiB pages with one of them elsewhere, and large again. */
static void test_split_and_merge(void)
{
    u64 frame = (u64)heap_run(PAGE_2M, PAGE_2M), *slot = paging_slot(kernel_space(), LARGE_VA, PAGE_2M);
    u64 *table = heap_page(), large = frame | PTE_P | PTE_W | PTE_PS;
    for (u64 i = 0; i < TABLE_ENTRIES; i++) {
        write_at(frame + i * PAGE_4K, i);
        table[i] = (frame + i * PAGE_4K) | PTE_P | PTE_W;
    }
    table[33] = frames[3] | PTE_P | PTE_W;
    for (unsigned round = 0; round < 3; round++) {
        *(volatile u64 *)slot = large;
        write_cr3(read_cr3());
        check(read_at(LARGE_VA + 33 * PAGE_4K) == 33, "large page", round);
        *(volatile u64 *)slot = (u64)table | PTE_P | PTE_W;
        write_cr3(read_cr3());
        check(read_at(LARGE_VA + 33 * PAGE_4K) == stamp_of(3), "page within a split large page", round);
        check(read_at(LARGE_VA + 34 * PAGE_4K) == 34, "its neighbour", round);
    }
    set_slot(slot, LARGE_VA, large);
    test_flags_of_leaf(LARGE_VA, slot, "flags of a 2 MiB page");
    set_slot(slot, LARGE_VA, *slot & ~PTE_W);
    check_fault(try_store, LARGE_VA + PAGE_4K, PF_P | PF_W, "store to a read-only 2 MiB page");
    set_slot(slot, LARGE_VA, *slot | BIT(13));
    check_fault(try_load, LARGE_VA + PAGE_4K, PF_P | PF_RSVD, "reserved bit of a 2 MiB page");
    set_slot(slot, LARGE_VA, 0);
}

/* A table that the processor is using is stored to through a large page that covers it. */
static void test_table_in_large_page(void)
{
    u64 region = (u64)heap_run(PAGE_2M, PAGE_2M), *slot = paging_slot(kernel_space(), LARGE_VA, PAGE_2M);
    u64 va = LARGE_VA + PAGE_1G, *table = (u64 *)(region + 7 * PAGE_4K);
    set_slot(slot, LARGE_VA, region | PTE_P | PTE_W | PTE_PS);
    write_at(LARGE_VA, 1);
    page_clear(table);
    *paging_slot(kernel_space(), va, PAGE_2M) = (u64)table | PTE_P | PTE_W;
    for (u64 n = 0; n < FRAMES; n++) {
        write_at(LARGE_VA + 7 * PAGE_4K, frames[n] | PTE_P | PTE_W);
        invlpg(va);
        check(read_at(va) == stamp_of(n), "table stored to through a large page", n);
        check(read_at(LARGE_VA) == 1, "the large page", n);
    }
    *paging_slot(kernel_space(), va, PAGE_2M) = 0;
    invlpg(va);
    set_slot(slot, LARGE_VA, 0);
}

static void test_huge_page(void)
{
    if (!cpu_has_1g_pages()) return;
    u64 *slot = paging_slot(kernel_space(), HUGE_VA, PAGE_1G);
    set_slot(slot, HUGE_VA, PTE_P | PTE_W | PTE_PS);
    check(read_at(HUGE_VA + frames[2]) == stamp_of(2), "1 GiB page", 0);
    test_flags_of_leaf(HUGE_VA + frames[2], slot, "flags of a 1 GiB page");
    u64 *table = slot_of(TEST_VA);
    check(read_at(HUGE_VA + (u64)table) == *table, "a table seen through a 1 GiB page", 0);
    set_slot(slot, HUGE_VA, 0);
    check_fault(try_load, HUGE_VA + frames[2], 0, "1 GiB page taken away");
}

/* --- many address spaces --- */

static u64 *make_space(u64 n)
{
    u64 *pml4 = heap_page();
    page_copy(pml4, kernel_space());
    pml4[TEST_VA >> 39 & 511] = 0;
    for (u64 page = 0; page < SPACE_PAGES; page++)
        paging_map(pml4, TEST_VA + page * PAGE_2M, frames[(n + page) % FRAMES], PAGE_4K, PAGE_4K, PTE_W);
    return pml4;
}

static void check_space(u64 *pml4, u64 n)
{
    write_cr3((u64)pml4);
    for (u64 page = 0; page < SPACE_PAGES; page++)
        check(read_at(TEST_VA + page * PAGE_2M) == stamp_of((n + page) % FRAMES), "page of an address space",
              n);
}

static void test_spaces(void)
{
    static u64 *spaces[SPACES];
    u64 home = read_cr3();
    for (u64 round = 0; round < 3; round++)
        for (u64 n = 0; n < SPACES; n++) {
            if (round == 0) spaces[n] = make_space(n);
            check_space(spaces[n], n + (round == 2 && n % 2));
            if (round == 1 && n % 2)
                for (u64 page = 0; page < SPACE_PAGES; page++)
                    set_slot(paging_slot(spaces[n], TEST_VA + page * PAGE_2M, PAGE_4K),
                             TEST_VA + page * PAGE_2M, frames[(n + 1 + page) % FRAMES] | PTE_P | PTE_W);
        }
    write_cr3(home);
}

static void set_up(void)
{
    for (u64 i = 0; i < FRAMES; i++) {
        frames[i] = (u64)heap_page();
        *(u64 *)frames[i] = stamp_of(i);
    }
    for (u64 page = 0; page < VA_PAGES; page++)
        paging_map(kernel_space(), TEST_VA + page * PAGE_4K, frames[page % FRAMES], PAGE_4K, PAGE_4K, PTE_W);
}

int main(void)
{
    u64 hz = 0;
    const struct word words[] = {{.key = "timer", .kind = WORD_NUMBER, .value = &hz, .max = TIMER_HZ_MAX}};
    words_read(boot.words, words, COUNT_OF(words));
    set_up();
    test_unused_stack();
    if (hz) timer_start(hz);
    test_leaf_rights();
    test_upper_rights();
    test_no_execute();
    test_smep();
    test_flags_of_leaf(TEST_VA + 4 * PAGE_4K, slot_of(TEST_VA + 4 * PAGE_4K), "flags of a 4 KiB page");
    test_flags_of_tables();
    test_stores();
    test_remap();
    test_unaligned();
    test_strings();
    test_rewritten_table();
    test_exchanged_table();
    test_store_into_table_from_below();
    test_shared_table();
    test_recursive_table();
    test_recycled_table();
    test_split_and_merge();
    test_table_in_large_page();
    test_huge_page();
    test_spaces();
    interrupts_off();
    printf("paging: %u checks %s\n", checks, failures ? "made, some failed" : "ok");
    return failures != 0;
}
