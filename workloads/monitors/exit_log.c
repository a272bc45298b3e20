#include "monitors/exit_log.h"
#include "kit/console.h"
#include "kit/memory.h"
#include "monitors/vcpu.h"

struct record {
    u64 reason, qualification, rip, more;
};

static struct {
    struct record *record;
    u64 size, used;
} log;

void exit_log_set_up(u64 exits)
{
    log.size = exits;
    if (exits) log.record = heap_run(exits * sizeof *log.record, 4096);
}

static enum vmcs_field more_about(u64 reason)
{
    switch (reason) {
    case EXIT_EXCEPTION_OR_NMI:
    case EXIT_EXTERNAL_INTERRUPT: return EXIT_INTERRUPTION_INFORMATION;
    case EXIT_EPT_VIOLATION:
    case EXIT_EPT_MISCONFIG: return GUEST_PHYSICAL_ADDRESS;
    default: return EXIT_INSTRUCTION_LENGTH;
    }
}

void exit_log_add(void)
{
    if (log.used == log.size) return;
    u64 reason = vmread(EXIT_REASON);
    log.record[log.used++] =
        (struct record){reason, vmread(EXIT_QUALIFICATION), vmread(GUEST_RIP), vmread(more_about(reason))};
}

void exit_log_print(void)
{
    for (const struct record *r = log.record; r < log.record + log.used; r++)
        printf("exit %llx %llx %llx %llx\n", (ull)r->reason, (ull)r->qualification, (ull)r->rip,
               (ull)r->more);
}
