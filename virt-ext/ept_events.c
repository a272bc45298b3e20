/* ept_events.c - SDM Vol. 3C, "Virtualization Exceptions" and "Page-Modification Logging". Both write to memory by
 * host-physical address: references that a timing core plays. */
#include "isa/exec.h"
#include "virt-ext/internal.h"

static void record_store(const struct hart *h, u64 at, u16 bytes)
{
    struct insn_record *r = hart_vmx_record(h);
    if (!r || !physmem_has(h->mem, HPA(at), bytes)) return;
    if (!r->info && r->n_accesses == r->n_fetches) return; /* still fetching: fetches stand first */
    *record_add_access(r) =
        (struct mem_access){.at = HPA(at), .bytes = bytes, .kind = ACCESS_WRITE, .walk = -1, .system = true};
}

/* --- "Virtualization Exceptions" --- */

#define AREA_BUSY ~0u

/* "Virtualization-Exception Information": the layout of the area. */
struct ve_information {
    u32 exit_reason, busy;
    u64 qualification, guest_linear, guest_physical;
    u16 eptp_index;
} __attribute__((packed));

/* "Convertible EPT Violations": what the fault itself says, and what the processor is doing. */
static bool may_convert(const struct vmx *x, const struct fault *f)
{
    const struct hart *h = x->hart;
    const struct vmcs *v = current_vmcs(x);
    u64 area = v->ve_information_address;
    return f->kind == FAULT_EPT_VIOLATION && f->convertible && secondary_on(v, SECONDARY_ept_violation_ve) &&
           (h->cr0 & CR0_PE) && !h->vectoring.valid && physmem_has(h->mem, HPA(area), PAGE_BYTES) &&
           !physical_read32(h->mem, area + offsetof(struct ve_information, busy));
}

bool becomes_virtualization_exception(struct vmx *x, const struct fault *f)
{
    struct hart *h = x->hart;
    const struct vmcs *v = current_vmcs(x);
    if (!may_convert(x, f)) return false;
    struct ve_information area = {EXIT_ept_violation, AREA_BUSY, f->qualification, f->va.v, f->gpa.v, v->eptp_index};
    memcpy(h->mem->host + v->ve_information_address, &area, sizeof area);
    physmem_note_write(h->mem, HPA(v->ve_information_address), sizeof area);
    record_store(h, v->ve_information_address, sizeof area);
    x->stats.virtualization_exceptions++;
    hart_fault(h, VEC_VE);
    return true;
}

/* --- "Page-Modification Logging" --- */

#define LOG_ENTRIES 512u

bool log_guest_page(void *self, gpa_t page)
{
    struct vmx *x = self;
    const struct hart *h = x->hart;
    struct vmcs *v = current_vmcs(x);
    if (v->guest_pml_index >= LOG_ENTRIES) return false;
    u64 at = v->pml_address + 8ull * v->guest_pml_index--;
    x->stats.pages_logged++;
    physmem_note_write(h->mem, HPA(x->current), sizeof *v);
    record_store(h, at, sizeof page.v);
    if (physmem_has(h->mem, HPA(at), sizeof page.v)) physmem_write64(h->mem, HPA(at), page.v);
    return true;
}
