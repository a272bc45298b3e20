/* startup.c - INIT and the start-up IPI: SDM Vol. 3A, "Multiple-Processor (MP) Initialization" and "Processor State
 * After Reset" with its column for INIT. */
#include "isa/state.h"

void hart_raise_init(struct hart *h)
{
    h->init_pending = true;
    hart_update_attention(h);
}

/* It is not kept for a processor that does not wait for it; one that has an INIT before it will. */
void hart_raise_startup(struct hart *h, u8 vector)
{
    if (h->activity != ACTIVITY_WAIT_SIPI && !h->init_pending) return;
    h->startup_pending = true;
    h->startup_vector = vector;
    hart_update_attention(h);
}

/* Caches, FPU, counters and most MSRs stay, and of CR0 the two cache bits. */
static void take_init(struct hart *h)
{
    bool bootstrap = h->bus->init_signal(h->bus_self, h);
    u64 cache_bits = h->cr0 & (CR0_CD | CR0_NW);
    h->init_pending = h->nmi_pending = h->nmi_blocked = false;
    h->sti_shadow = h->movss_shadow = h->shadow_seen = false;
    h->pending_debug = h->debug_hits = 0;
    hart_reset_registers(h);
    h->cr0 = cache_bits | CR0_ET;
    hart_set_activity(h, bootstrap ? ACTIVITY_ACTIVE : ACTIVITY_WAIT_SIPI);
    hart_state_changed(h);
    h->mmu->invalidate(h->mmu_self, h, INVALIDATE_ALL, 0, VA(0));
}

/* Real-address mode at the page that the vector numbers. */
static void take_startup(struct hart *h)
{
    h->startup_pending = false;
    h->seg[SEG_CS].selector = (u16)(h->startup_vector << 8);
    h->seg[SEG_CS].base = (u64)h->startup_vector << 12;
    h->reg[REG_RIP] = 0;
    hart_set_activity(h, ACTIVITY_ACTIVE);
    hart_state_changed(h);
}

bool hart_take_startup(struct hart *h)
{
    if (h->world != WORLD_NATIVE) return false;
    if (h->init_pending)
        take_init(h);
    else if (h->startup_pending && h->activity == ACTIVITY_WAIT_SIPI)
        take_startup(h);
    else
        return false;
    h->fetch.touched_device = true; /* the local APIC has changed too */
    return true;
}
