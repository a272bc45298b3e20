/* exec_monitor.c - MONITOR and MWAIT: a hart that rests until somebody stores to a line, or an interrupt comes.
 *
 * A monitored line makes its page one whose writes are heard (physmem.has_code), as decoded code does: stores
 * of every hart and device are seen, the hart's own between MONITOR and MWAIT included. The hint in EAX is not
 * looked at: every state is as deep as HLT's. SDM Vol. 2B, "MONITOR-Set Up Monitor Address", "MWAIT-Monitor
 * Wait". */
#include "isa/cpu_model.h"
#include "isa/exec.h"
#include "isa/icache.h"
#include "isa/mem.h"
#include "isa/state.h"

#define MISC_ENABLE_MONITOR BIT(18)
#define MWAIT_MASKED_WAKES  BIT(0)

void hart_disarm_monitor(struct hart *h)
{
    if (!h->monitor.armed) return;
    h->monitor.armed = false;
    icache_unwatch(h->icache, h->monitor.line);
}

void hart_arm_monitor(struct hart *h, hpa_t at)
{
    hart_disarm_monitor(h);
    h->monitor.armed = true;
    h->monitor.line = HPA(at.v & ~(LINE_BYTES - 1));
    icache_watch(h->icache, h->monitor.line);
}

void hart_monitor_hit(struct hart *h)
{
    hart_disarm_monitor(h);
    if (h->activity == ACTIVITY_MWAIT) h->bus->wake(h->bus_self, h);
}

/* Other rings do not know them (IA32_MISC_ENABLE[18] clear: nor does any). */
static bool is_known(const struct hart *h)
{
    return cpu_has(h->model, FEATURE_monitor) && (h->misc_enable & MISC_ENABLE_MONITOR) && h->cpl == 0;
}

/* Only write-back memory can be watched: nothing is armed on a device. */
enum outcome exec_monitor(struct hart *h, const struct insn *i)
{
    struct mem_span line;
    if (!is_known(h)) return hart_ud(h);
    if (hart_intercepted(h, i, INTERCEPT_monitor, 0)) return OUT_EXIT;
    if ((u32)h->reg[REG_RCX]) return hart_gp(h, 0); /* extensions: there is none */
    if (!mem_get_span(h, i->segment, insn_linear(h, i), 1, ACCESS_READ, &line)) return OUT_FAULT;
    if (line.host)
        hart_arm_monitor(h, line.at);
    else
        hart_disarm_monitor(h);
    return OUT_NEXT;
}

/* Without an armed monitor it does nothing. */
enum outcome exec_mwait(struct hart *h, const struct insn *i)
{
    u32 extensions = (u32)h->reg[REG_RCX];
    if (!is_known(h)) return hart_ud(h);
    if (hart_intercepted(h, i, INTERCEPT_mwait, h->monitor.armed)) return OUT_EXIT;
    if (extensions & ~MWAIT_MASKED_WAKES) return hart_gp(h, 0);
    if (!h->monitor.armed) return OUT_NEXT;
    h->monitor.masked_wakes = extensions & MWAIT_MASKED_WAKES;
    hart_set_activity(h, ACTIVITY_MWAIT);
    if (h->record) h->record->halted = true;
    return OUT_FLUSH;
}
