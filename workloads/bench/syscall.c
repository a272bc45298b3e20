/* syscall.c - a user program that does nothing but call the kernel.
 *
 * Measures: the round trip to ring 0 and back. The kernel saves and restores all registers and adds two
 *           numbers.
 * Words:    iters=5000          calls
 *           entry=syscall|int   (syscall) SYSCALL and SYSRET, or INT 0x80 and IRETQ
 * Check:    the chain of additions: after n calls the program must hold n (n - 1) / 2.
 */
#include "kit/kit.h"

enum { ENTRY_SYSCALL, ENTRY_INT };

static USER_CODE void call_by_syscall(u64 count)
{
    u64 sum = 0;
    for (u64 i = 0; i < count; i++) sum = syscall(SYS_ADD, sum, i);
    syscall(SYS_EXIT, sum, 0);
}

static USER_CODE void call_by_int(u64 count)
{
    u64 sum = 0;
    for (u64 i = 0; i < count; i++) sum = int_syscall(SYS_ADD, sum, i);
    syscall(SYS_EXIT, sum, 0);
}

int main(void)
{
    u64 iters = 5000, entry = ENTRY_SYSCALL;
    const struct word words[] = {
        WORD_ITERS(iters),
        {.key = "entry", .kind = WORD_CHOICE, .value = &entry, .choices = "syscall|int"},
    };
    struct process p;
    bench_start(words, COUNT_OF(words));
    processes_init();
    process_create(&p, 1);
    void (*program)(u64) = entry == ENTRY_INT ? call_by_int : call_by_syscall;

    MARK_WARM();
    process_run(&p, program, iters / 4);
    bench_begin();
    u64 sum = process_run(&p, program, iters);
    bench_end();

    bool ok = sum == iters * (iters - 1) / 2;
    return bench_report(ok, "syscall: iters=%llu sum=%llu", (ull)iters, (ull)sum);
}
