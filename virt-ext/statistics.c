/* statistics.c - names of exit reasons, counters by reason and by rule, and the identity that they keep. */
#include "models/sim/check.h"
#include "virt-ext/vmx.h"

struct exit_row {
    const char *name, *meaning;
};

static const struct exit_row exit_rows[EXIT_REASONS] = {
#define EXIT(number, name, meaning) [number] = {#name, meaning},
#include "virt-ext/exits.def"
#undef EXIT
};

static const struct stat_row check_rows[ENTRY_CHECKS] = {
#define ENTRY_CHECK(stage, name, section, fields, holds)                                                     \
    {"failed." #name, ENTRY_CHECK_##name * sizeof(u64),                                                      \
     "VM entries that failed this rule of \"" section "\""},
#include "virt-ext/entry_checks.def"
#undef ENTRY_CHECK
};

#define STAT_OF struct vmx_stats
static const struct stat_row stat_rows[] = {VMX_STATS(STAT_ROW)};
#undef STAT_OF

const char *vmx_exit_name(unsigned reason) { return reason < EXIT_REASONS ? exit_rows[reason].name : NULL; }
const char *vmx_exit_meaning(unsigned reason)
{
    return reason < EXIT_REASONS ? exit_rows[reason].meaning : NULL;
}

void vmx_account_exit(struct vmx *x, enum exit_reason reason, enum vmx_exit_part part, u64 cycles)
{
    CHECK(vmx_exit_name(reason), "no exit reason has the number %d", (int)reason);
    x->stats.cycles[reason][part] += cycles;
}

static void register_exit(const struct vmx *x, struct stats *s, const char *prefix, unsigned reason)
{
    static const struct {
        const char *name, *meaning;
    } parts[VMX_EXIT_PARTS] = {
        [VMX_CYCLES_OUT] = {"cycles_out", "cycles of the transition out of the guest"},
        [VMX_CYCLES_ROOT] = {"cycles_root", "cycles of the hypervisor between the transitions"},
        [VMX_CYCLES_IN] = {"cycles_in", "cycles of the transition back into the guest"},
    };
    char path[160];
    snprintf(path, sizeof path, "%s.vmx.exits.%s.count", prefix, exit_rows[reason].name);
    stats_add(s, path, exit_rows[reason].meaning, &x->stats.exits[reason]);
    for (unsigned p = 0; p < VMX_EXIT_PARTS; p++) {
        snprintf(path, sizeof path, "%s.vmx.exits.%s.%s", prefix, exit_rows[reason].name, parts[p].name);
        stats_add(s, path, parts[p].meaning, &x->stats.cycles[reason][p]);
    }
}

void vmx_register_stats(const struct vmx *x, struct stats *s, const char *prefix)
{
    char path[160];
    snprintf(path, sizeof path, "%s.vmx", prefix);
    stats_add_rows(s, path, stat_rows, ARRAY_LEN(stat_rows), &x->stats);
    stats_add_rows(s, path, check_rows, ARRAY_LEN(check_rows), x->stats.checks);
    for (unsigned reason = 0; reason < EXIT_REASONS; reason++)
        if (exit_rows[reason].name) register_exit(x, s, prefix, reason);
}

void vmx_check_identities(const struct vmx *x)
{
    u64 sum = 0;
    for (unsigned reason = 0; reason < EXIT_REASONS; reason++) {
        CHECK(exit_rows[reason].name || !x->stats.exits[reason], "exits of the reason %u, which has no row",
              reason);
        sum += x->stats.exits[reason];
    }
    CHECK(sum == x->stats.exits_total, "exits by reason and exits disagree");
    CHECK(x->stats.exits_total - x->stats.failed_guest <= x->stats.entries, "more exits than entries");
}
