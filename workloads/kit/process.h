/* process.h - address spaces of their own: areas, demand paging, copy-on-write clones, destruction, PCIDs.
 *
 * A process owns the PML4 slot at USER_VA (512 GiB) and shares the rest of kernel_space(). Its memory is a
 * short list of areas; a page is mapped when it is first touched. Guest-kernel practice as in the real ones:
 * entries are written with plain stores, INVLPG follows a change to a present entry, nothing follows
 * not-present -> present.
 * Not modelled: scheduling (a clone runs to its end before its parent goes on), swapping, 2 MiB user pages.
 * Source: Intel SDM Vol. 3A, "Recommended Invalidation", "Process-Context Identifiers (PCIDs)".
 */
#ifndef KIT_PROCESS_H
#define KIT_PROCESS_H

#include "kit/types.h"

#define USER_VA       (3ull << 39)
#define USER_CODE_VA  USER_VA
#define USER_DATA_VA  (USER_VA + GiB)
#define USER_STACK_VA (USER_VA + 2 * GiB) /* top; grows down */

enum { AREAS_MAX = 4, USER_STACK_BYTES = 16 * 1024 };

/* Contiguous user memory. With backing, pages show that physical range (a file in the page cache, the
 * program) and stay when unmapped; without, they are fresh zeroed pages, shared copy-on-write by clones
 * and freed with their last user. */
struct area {
    u64 start, end;
    u64 backing; /* physical; 0: none */
    u64 flags;   /* PTE_W, PTE_NX */
};

struct process {
    u64 *pml4;
    u64 pcid;   /* 0 unless processes_use_pcid() */
    bool stale; /* the PCID may have entries of its last owner: the next switch flushes */
    unsigned area_count;
    struct area areas[AREAS_MAX];
    u64 child_result;
};

/* System calls of programs that run under process_run(). */
enum {
    SYS_EXIT, /* (result)        ends the program */
    SYS_ADD,  /* (a, b) -> a + b: the empty call */
    SYS_FORK, /* () -> 1 in the parent, after the child has ended; 0 in the child */
    SYS_WAIT, /* () -> what the last child gave to SYS_EXIT */
    SYS_UNMAP, /* (start, bytes)  unmaps the touched pages; they may be touched again */
};

/* Handlers for #PF and system calls. Call once, before the first process. */
void processes_init(void);

/* Sets CR4.PCIDE if wanted and present; switches then keep the TLB. Returns whether it is on. */
bool processes_use_pcid(bool wanted);

/* A process with the user program's code and a stack, and with what kernel_space() maps now. pcid: 1 to
 * 4095, its own; ignored while PCIDs are off. */
void process_create(struct process *p, u64 pcid);
void process_add_area(struct process *p, struct area area);

/* child becomes a copy-on-write copy of parent, whose writable pages become read-only in both; parent is
 * current. */
void process_clone(struct process *child, struct process *parent, u64 pcid);

/* Gives back pages and tables. The process must not be current. */
void process_destroy(struct process *p);

/* MOV to CR3; NULL is the kernel's own space. */
void process_switch(struct process *p);

/* Maps the page that holds va as a first touch would. Handles copy-on-write if `write`. False: no such
 * memory. */
bool process_touch(struct process *p, u64 va, bool write);

/* Clears the entries of [start, start + bytes), with INVLPG for each that was present; p is current. */
void process_unmap(struct process *p, u64 start, u64 bytes);

/* Switches to p and runs a USER_CODE function in user mode until SYS_EXIT; switches back; gives the
 * result. */
u64 process_run(struct process *p, void (*program)(u64 argument), u64 argument);

/* The same, with a copy of `bytes` of data on the program's stack, whose address is the argument. */
u64 process_run_with(struct process *p, void (*program)(u64 argument), const void *data, u64 bytes);

#endif
