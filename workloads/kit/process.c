#include "kit/process.h"
#include "kit/boot.h"
#include "kit/console.h"
#include "kit/cpu.h"
#include "kit/memory.h"
#include "kit/paging.h"
#include "kit/user.h"

enum { PF_WRITE = 2, CLONE_PCID_LAST = 4095, USER_LEVEL = 3 };

static struct process *current;
static bool pcid_on;
static u64 forks_deep;  /* children that run now, each with a PCID of its own */
static u16 *page_users; /* how many processes map a heap page */

static u16 *users_of(u64 page)
{
    return &page_users[(page - heap_start()) / PAGE_4K];
}

static u64 *user_slot(u64 *pml4)
{
    return &pml4[USER_VA >> 39 & (TABLE_ENTRIES - 1)];
}

bool processes_use_pcid(bool wanted)
{
    pcid_on = wanted && cpu_has_pcid();
    if (pcid_on) write_cr4(read_cr4() | CR4_PCIDE);
    return pcid_on;
}

void process_create(struct process *p, u64 pcid)
{
    *p = (struct process){.pml4 = heap_page(), .pcid = pcid, .stale = true};
    page_copy(p->pml4, kernel_space());
    *user_slot(p->pml4) = 0;
    u64 code_bytes = (u64)(user_image_end - user_image_start);
    process_add_area(p, (struct area){USER_CODE_VA, USER_CODE_VA + code_bytes, (u64)user_image_start, 0});
    process_add_area(p, (struct area){USER_STACK_VA - USER_STACK_BYTES, USER_STACK_VA, 0, PTE_W | pte_nx()});
}

void process_add_area(struct process *p, struct area area)
{
    if (p->area_count == AREAS_MAX) panic("a process has at most %d areas", AREAS_MAX);
    p->areas[p->area_count++] = area;
}

static const struct area *area_of(const struct process *p, u64 va)
{
    for (unsigned i = 0; i < p->area_count; i++)
        if (va >= p->areas[i].start && va < p->areas[i].end) return &p->areas[i];
    return NULL;
}

/* MOV to CR3 flushes the PCID's entries unless bit 63 is set, or everything while PCIDs are off. */
static void load_cr3(struct process *p, bool flush)
{
    u64 *pml4 = p ? p->pml4 : kernel_space();
    u64 pcid = p ? p->pcid : 0;
    write_cr3(pcid_on ? (u64)pml4 | pcid | (flush ? 0 : CR3_NO_FLUSH) : (u64)pml4);
}

void process_switch(struct process *p)
{
    load_cr3(p, p && p->stale);
    if (p) p->stale = false;
    current = p;
}

static u64 fresh_page(void)
{
    u64 page = (u64)heap_page_cleared();
    *users_of(page) = 1;
    return page;
}

static void release_page(u64 page)
{
    if (--*users_of(page) == 0) heap_page_free((void *)page);
}

static void map_page(u64 *slot, const struct area *area, u64 va)
{
    u64 page = area->backing ? area->backing + (va - area->start) : fresh_page();
    *slot = page | area->flags | PTE_P | PTE_U;
}

/* The last user of a shared page takes it over: a right is added, so no TLB entry can be harmfully old. */
static void resolve_copy_on_write(u64 *slot, u64 va)
{
    u64 page = *slot & PTE_ADDRESS;
    u64 flags = (*slot & ~(PTE_ADDRESS | PTE_COW)) | PTE_W;
    if (*users_of(page) == 1) {
        *slot = page | flags;
        return;
    }
    u64 copy = (u64)heap_page();
    page_copy((void *)copy, (void *)page);
    *users_of(copy) = 1;
    release_page(page);
    *slot = copy | flags;
    invlpg(va);
}

bool process_touch(struct process *p, u64 va, bool write)
{
    const struct area *area = area_of(p, va);
    if (!area || (write && !(area->flags & PTE_W))) return false;
    u64 *slot = paging_slot(p->pml4, va, PAGE_4K);
    if (!(*slot & PTE_P))
        map_page(slot, area, round_down(va, PAGE_4K));
    else if (write && *slot & PTE_COW)
        resolve_copy_on_write(slot, va);
    return true;
}

void process_unmap(struct process *p, u64 start, u64 bytes)
{
    const struct area *area = area_of(p, start);
    for (u64 va = start; area && va < start + bytes; va += PAGE_4K) {
        u64 *slot = paging_find(p->pml4, va);
        if (!slot) continue;
        u64 page = *slot & PTE_ADDRESS;
        *slot = 0;
        invlpg(va);
        if (!area->backing) release_page(page);
    }
}

static void share_page(u64 *pml4, u64 *slot, const struct area *area, u64 va)
{
    if (*slot & PTE_W && !area->backing) *slot = (*slot & ~PTE_W) | PTE_COW;
    *paging_slot(pml4, va, PAGE_4K) = *slot & ~(PTE_A | PTE_D);
    if (!area->backing) ++*users_of(*slot & PTE_ADDRESS);
}

void process_clone(struct process *child, struct process *parent, u64 pcid)
{
    *child = *parent;
    child->pml4 = heap_page();
    child->pcid = pcid;
    child->stale = true;
    page_copy(child->pml4, kernel_space());
    *user_slot(child->pml4) = 0;
    for (unsigned i = 0; i < parent->area_count; i++) {
        const struct area *area = &parent->areas[i];
        for (u64 va = area->start; va < area->end; va += PAGE_4K) {
            u64 *slot = paging_find(parent->pml4, va);
            if (slot) share_page(child->pml4, slot, area, va);
        }
    }
    load_cr3(parent, true);
}

/* No INVLPG: the process never runs again, and the next owner of its PCID starts with a flush. */
void process_destroy(struct process *p)
{
    for (unsigned i = 0; i < p->area_count; i++) {
        const struct area *area = &p->areas[i];
        for (u64 va = area->start; !area->backing && va < area->end; va += PAGE_4K) {
            u64 *slot = paging_find(p->pml4, va);
            if (slot) release_page(*slot & PTE_ADDRESS);
        }
    }
    u64 user = *user_slot(p->pml4);
    if (user & PTE_P) paging_free_tables((u64 *)(user & PTE_ADDRESS), USER_LEVEL);
    heap_page_free(p->pml4);
}

/* The child runs inside its parent's system call, from a copy of the parent's registers. */
static u64 fork_and_run(struct trap_frame *frame)
{
    struct process child;
    struct process *parent = current;
    struct trap_frame child_frame = *frame;
    child_frame.rax = 0;
    process_clone(&child, parent, CLONE_PCID_LAST - forks_deep++);
    process_switch(&child);
    parent->child_result = user_run(&child_frame);
    process_switch(parent);
    process_destroy(&child);
    forks_deep--;
    return 1;
}

static void take_syscall(struct trap_frame *frame)
{
    switch (frame->rax) {
    case SYS_EXIT:
        user_leave(frame->rdi);
    case SYS_ADD:
        frame->rax = frame->rdi + frame->rsi;
        break;
    case SYS_FORK:
        frame->rax = fork_and_run(frame);
        break;
    case SYS_WAIT:
        frame->rax = current->child_result;
        break;
    case SYS_UNMAP:
        process_unmap(current, frame->rdi, frame->rsi);
        frame->rax = 0;
        break;
    default:
        panic("system call %llu does not exist", (ull)frame->rax);
    }
}

static void take_page_fault(struct trap_frame *frame)
{
    u64 va = read_cr2();
    if (current && process_touch(current, va, frame->error_code & PF_WRITE)) return;
    panic("page fault at 0x%llx, error code 0x%llx, rip 0x%llx", (ull)va, (ull)frame->error_code,
          (ull)frame->rip);
}

void processes_init(void)
{
    u64 heap_pages = (heap_end() - heap_start()) / PAGE_4K;
    page_users = heap_run(heap_pages * sizeof *page_users, PAGE_4K);
    trap_set_handler(VECTOR_PF, take_page_fault);
    user_set_syscall_handler(take_syscall);
}

/* The stack starts as after a CALL, so that the compiled code finds it aligned; the program does not
 * return. */
static u64 run_below(u64 stack, void (*program)(u64 argument), u64 argument)
{
    u64 rip = USER_CODE_VA + ((u64)program - (u64)user_image_start);
    struct trap_frame frame = user_frame(rip, stack - 8, argument);
    return user_run(&frame);
}

u64 process_run(struct process *p, void (*program)(u64 argument), u64 argument)
{
    struct process *caller = current;
    process_switch(p);
    u64 result = run_below(USER_STACK_VA, program, argument);
    process_switch(caller);
    return result;
}

u64 process_run_with(struct process *p, void (*program)(u64 argument), const void *data, u64 bytes)
{
    struct process *caller = current;
    u64 copy = round_down(USER_STACK_VA - bytes, 16);
    process_switch(p);
    memcpy((void *)copy, data, bytes);
    u64 result = run_below(copy, program, copy);
    process_switch(caller);
    return result;
}
