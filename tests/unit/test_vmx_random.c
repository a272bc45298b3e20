/* test_vmx_random.c - VM entries with a few fields of a good VMCS set at random: every outcome is one that the manual
 * allows, and whatever the guest was, the host comes back whole. The seed is fixed. */
#include "vmx_bench.h"

#define CASES 20000u

static u64 random_u64(u64 *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* A flipped bit, a small number, an address of a page with data, or anything. */
static u64 random_value(u64 *seed, u64 old)
{
    u64 r = random_u64(seed);
    switch (random_u64(seed) % 4) {
    case 0: return old ^ BIT(r % 64);
    case 1: return r & 0xffff;
    case 2: return AT_MSR_LIST + (r & 0x3f8);
    default: return r;
    }
}

static void spoil(struct vmcs *v, u64 *seed)
{
    for (u64 n = 1 + random_u64(seed) % 4; n; n--) {
        enum vmcs_field_id f = (enum vmcs_field_id)(random_u64(seed) % VMCS_FIELDS);
        vmcs_write(v, f, false, random_value(seed, vmcs_read(v, f, false)));
    }
    v->host_rip = AT_HOST; /* where the test finds it again */
}

static void assert_vmfail_or_entry_failure(const struct vmx_bench *b, enum outcome out)
{
    u32 reason = bench_vmcs(b)->exit_reason;
    if (out == OUT_EXIT) {
        assert_true(reason >> 31);
        assert_in_range(reason & 0xffff, EXIT_entry_failure_guest_state, EXIT_entry_failure_msr_loading);
        return;
    }
    assert_int_equal(bench_result(b, out), FAILED_VALID);
    assert_in_range(bench_vmcs(b)->vm_instruction_error, VM_ERROR_entry_controls, VM_ERROR_entry_host_state);
    assert_true(b->x.failure.check >= 0);
}

/* An interrupt, then exceptions until one exits: through an IDT that may be anywhere. */
static void leave_guest(struct vmx_bench *b, u64 *seed)
{
    hart_set_intr(&b->h, true);
    isa_take_attention(&b->h);
    for (unsigned n = 0; n < 8 && hart_in_guest(&b->h) && b->h.activity != ACTIVITY_SHUTDOWN; n++) {
        record_reset(&b->record);
        b->h.fault = (struct fault){.kind = FAULT_EXCEPTION, .vector = (u8)(random_u64(seed) % 20)};
        isa_raise(&b->h);
    }
}

static void assert_host_is_whole(const struct vmx_bench *b)
{
    assert_int_equal(b->h.world, WORLD_ROOT);
    assert_int_equal(b->h.cpl, 0);
    assert_int_equal(b->h.vmx_tsc_offset, 0);
    assert_false(b->h.attention & ATTENTION_WINDOW);
    assert_false(b->h.vectoring.valid);
    assert_int_equal(b->h.reg[REG_RIP], AT_HOST);
    assert_int_equal(b->h.mode, MODE_LONG64);
}

static void reset(struct vmx_bench *b, const struct hart *h, const struct vmcs *v, bool recorded)
{
    b->h = *h;
    b->h.record = recorded ? &b->record : NULL;
    record_reset(&b->record);
    *bench_vmcs(b) = *v;
}

/* One entry, and what follows. A VMX abort ends it: the processor is in shutdown, with no host to look at. */
static void try_entry(struct vmx_bench *b, u64 *seed)
{
    u64 entries = b->x.stats.entries, aborts = b->x.stats.aborts;
    enum outcome out = VMLAUNCH(b);
    if (b->x.stats.aborts == aborts && b->x.stats.entries == entries) assert_vmfail_or_entry_failure(b, out);
    if (hart_in_guest(&b->h)) leave_guest(b, seed);
    if (b->x.stats.aborts != aborts)
        assert_int_equal(b->h.activity, ACTIVITY_SHUTDOWN);
    else if (out == OUT_EXIT && !hart_in_guest(&b->h))
        assert_host_is_whole(b);
    vmx_check_identities(&b->x);
}

static void random_entries_end_as_the_manual_allows(void **state)
{
    (void)state;
    u64 seed = 88172645463325252;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    const struct vmcs good = *bench_vmcs(b);
    struct hart *before = malloc(sizeof *before);
    *before = b->h;
    b->told.vector = 0x40;
    for (unsigned n = 0; n < CASES; n++) {
        reset(b, before, &good, n & 1);
        spoil(bench_vmcs(b), &seed);
        try_entry(b, &seed);
    }
    assert_in_range(b->x.stats.entries, CASES / 10, CASES * 9 / 10); /* the good and the bad are both tried */
    free(before);
    vmx_bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_entries_end_as_the_manual_allows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
