/* test_vmx_random.c - VM entries with random VMCSs, random guests behind them, and random instructions and events in those: every outcome is
 * one that the manual allows, and whatever the guest was, the host comes back whole. The seed is fixed.
 *
 * A VMCS is a good one with a few fields spoilt, or random altogether but for what lets it reach the later checks. */
#include "test_scale.h"
#include "virt-ext/qualification.h"
#include "vmx_bench.h"

#define CASES            20000u /* of each kind, times GIGOGNE_TEST_SCALE of the environment */
#define REASONS_AT_LEAST 25u    /* of those that can happen here */
#define STEPS            24u    /* instructions and events in a guest, if none of them exits */

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
    case 0:
        return old ^ BIT(r % 64);
    case 1:
        return r & 0xffff;
    case 2:
        return AT_MSR_LIST + (r & 0x3f8);
    default:
        return r;
    }
}

static void spoil(const struct vmx *x, struct vmcs *v, u64 *seed)
{
    (void)x;
    for (u64 n = 1 + random_u64(seed) % 4; n; n--) {
        enum vmcs_field_id f = (enum vmcs_field_id)(random_u64(seed) % VMCS_FIELDS);
        vmcs_write(v, f, false, random_value(seed, vmcs_read(v, f, false)));
    }
    v->host_rip = AT_HOST; /* where the test finds it again */
}

/* Random bits for everything. Control words are mostly made legal, since nothing else would be reached. */
static void scramble(const struct vmx *x, struct vmcs *v, u64 *seed)
{
    static const enum vmcs_field_id word[VMX_WORDS] = {[VMX_PIN] = VMCS_pin_controls,
                                                       [VMX_PRIMARY] = VMCS_primary_controls,
                                                       [VMX_SECONDARY] = VMCS_secondary_controls,
                                                       [VMX_ON_EXIT] = VMCS_exit_controls,
                                                       [VMX_ON_ENTRY] = VMCS_entry_controls};
    for (unsigned f = 0; f < VMCS_FIELDS; f++)
        if (random_u64(seed) % 64 == 0)
            vmcs_write(v, (enum vmcs_field_id)f, false,
                       random_value(seed, vmcs_read(v, (enum vmcs_field_id)f, false)));
    for (unsigned w = 0; w < VMX_WORDS; w++) {
        u64 value = vmcs_read(v, word[w], false) ^ (random_u64(seed) & random_u64(seed));
        if (random_u64(seed) % 16) value = (value | x->allowed[w].must_be_1) & x->allowed[w].may_be_1;
        vmcs_write(v, word[w], false, value);
    }
    v->host_rip = AT_HOST;
}

/* --- outcomes --- */

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

/* What the VM-exit information fields may hold: SDM Vol. 3C, "VM-Exit Information Fields". */
static void assert_exit_is_allowed(const struct vmx_bench *b)
{
    const struct vmcs *v = bench_vmcs(b);
    enum exit_reason reason = (enum exit_reason)(v->exit_reason & 0xffff);
    u32 vectored = v->exit_interruption_info, interrupted = v->idt_vectoring_info;
    assert_non_null(vmx_exit_name(reason));
    assert_int_equal(v->exit_reason & ~0xffffu, 0);
    assert_in_range(v->exit_instruction_length, 0, 15);
    if (!qualification_section(reason)) assert_int_equal(v->exit_qualification, 0);
    if (vectored >> 31) assert_true(reason == EXIT_exception_or_nmi || reason == EXIT_external_interrupt);
    if (reason == EXIT_exception_or_nmi) assert_true(vectored >> 31);
    if (interrupted >> 31) assert_true(bits(interrupted, 10, 8) != 1 && bits(interrupted, 10, 8) != 7);
    assert_false(v->entry_interruption_info >> 31);
}

/* --- guests --- */

/* Instructions that may exit, or change what the guest is. */
static const u8 instructions[][5] = {
    {0x0f, 0xa2},                   /* cpuid */
    {0xf4},                         /* hlt */
    {0x0f, 0x32},                   /* rdmsr */
    {0x0f, 0x30},                   /* wrmsr */
    {0x0f, 0x22, 0xc0},             /* mov cr0, rax */
    {0x0f, 0x22, 0xd8},             /* mov cr3, rax */
    {0x0f, 0x22, 0xe0},             /* mov cr4, rax */
    {0x0f, 0x20, 0xd8},             /* mov rax, cr3 */
    {0x0f, 0x06},                   /* clts */
    {0x0f, 0x01, 0xf0},             /* lmsw ax */
    {0x44, 0x0f, 0x22, 0xc0},       /* mov cr8, rax */
    {0x0f, 0x23, 0xf8},             /* mov dr7, rax */
    {0xe4, 0x80},                   /* in al, 0x80 */
    {0xe6, 0x80},                   /* out 0x80, al */
    {0x6e},                         /* outsb */
    {0x0f, 0x01, 0x38},             /* invlpg [rax] */
    {0x0f, 0x08},                   /* invd */
    {0x0f, 0x09},                   /* wbinvd */
    {0x0f, 0x31},                   /* rdtsc */
    {0x0f, 0x33},                   /* rdpmc */
    {0xf3, 0x90},                   /* pause */
    {0x0f, 0x01, 0x10},             /* lgdt [rax] */
    {0x0f, 0x01, 0x08},             /* sidt [rax] */
    {0x0f, 0x00, 0xd0},             /* lldt ax */
    {0x0f, 0x01, 0xc1},             /* vmcall */
    {0x0f, 0x01, 0xc3},             /* vmresume */
    {0x0f, 0x01, 0xd4},             /* vmfunc */
    {0x0f, 0x78, 0xcb},             /* vmread rbx, rcx */
    {0x0f, 0x79, 0xcb},             /* vmwrite rcx, rbx */
    {0x0f, 0xc7, 0x30},             /* vmptrld [rax] */
    {0x66, 0x0f, 0x38, 0x80, 0x08}, /* invept rcx, [rax] */
    {0x0f, 0x01, 0xd1},             /* xsetbv */
    {0xfb},                         /* sti */
    {0x8e, 0xd0},                   /* mov ss, ax */
    {0x9d},                         /* popf */
    {0xcf},                         /* iret */
    {0xcd, 0x80},                   /* int 0x80 */
    {0xcc},                         /* int3 */
    {0x0f, 0x0b},                   /* ud2 */
    {0x88, 0x18},                   /* mov [rax], bl */
};

static bool guest_runs(const struct vmx_bench *b)
{
    return hart_in_guest(&b->h) && b->h.activity != ACTIVITY_SHUTDOWN;
}

static void randomize_registers(struct vmx_bench *b, u64 *seed)
{
    for (unsigned r = REG_RAX; r <= REG_RDX; r++)
        if (random_u64(seed) % 2) b->h.reg[r] = random_value(seed, b->h.reg[r]);
}

/* The bench puts an instruction where RIP points, if that is RAM for it. */
static void step_instruction(struct vmx_bench *b, u64 *seed)
{
    const u8 *bytes = instructions[random_u64(seed) % ARRAY_LEN(instructions)];
    if (b->h.reg[REG_RIP] < AT_GUEST || b->h.reg[REG_RIP] >= RAM_BYTES - 16 ||
        b->h.activity != ACTIVITY_ACTIVE)
        return;
    randomize_registers(b, seed);
    if (bench_execute(b, bytes, sizeof instructions[0]) == OUT_FAULT) isa_raise(&b->h);
}

static void step_event(struct vmx_bench *b, u64 *seed)
{
    if (random_u64(seed) % 2) {
        hart_set_intr(&b->h, true);
        isa_take_attention(&b->h);
    } else {
        b->h.fault = (struct fault){.kind = FAULT_EXCEPTION, .vector = (u8)(random_u64(seed) % 20)};
        isa_raise(&b->h);
    }
}

/* Until something exits: an IDT, a stack and a RIP may be anywhere. */
static void run_guest(struct vmx_bench *b, u64 *seed)
{
    for (unsigned n = 0; n < STEPS && guest_runs(b); n++) {
        record_reset(&b->record);
        b->record.drained = b->h.fetch.alone = true; /* even MMIO may be touched */
        if (random_u64(seed) % 4)
            step_instruction(b, seed);
        else
            step_event(b, seed);
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
    if (hart_in_guest(&b->h)) run_guest(b, seed);
    if (b->x.stats.aborts != aborts)
        assert_int_equal(b->h.activity, ACTIVITY_SHUTDOWN);
    else if (out == OUT_EXIT && !hart_in_guest(&b->h))
        assert_host_is_whole(b);
    if (b->x.stats.entries != entries && b->x.stats.aborts == aborts && !hart_in_guest(&b->h))
        assert_exit_is_allowed(b);
    vmx_check_identities(&b->x);
}

typedef void (*spoil_fn)(const struct vmx *x, struct vmcs *v, u64 *seed);

/* Gives how many of the cases reached their guest. */
static u64 try_many(spoil_fn spoils, unsigned reasons_at_least)
{
    u64 seed = 88172645463325252;
    struct vmx_bench *b = vmx_bench_ready(NULL);
    const struct vmcs good = *bench_vmcs(b);
    struct hart *before = malloc(sizeof *before);
    u8 *ram = malloc(RAM_BYTES);
    *before = b->h;
    memcpy(ram, b->mem.host, RAM_BYTES);
    b->told.vector = 0x40;
    b->flat.absent_page = AT_VMCS; /* guests store anywhere else */
    for (unsigned n = 0; n < CASES * test_scale(); n++) {
        reset(b, before, &good, n & 1);
        if (n % 1024 == 0) memcpy(b->mem.host, ram, RAM_BYTES); /* guests write to it */
        *bench_vmcs(b) = good;
        spoils(&b->x, bench_vmcs(b), &seed);
        try_entry(b, &seed);
    }
    u64 entries = b->x.stats.entries;
    unsigned reasons = 0;
    for (unsigned r = 0; r < EXIT_REASONS; r++) reasons += b->x.stats.exits[r] != 0;
    print_message("%lu of %u entries reached the guest; %u exit reasons\n", (unsigned long)entries,
                  CASES * test_scale(), reasons);
    assert_in_range(reasons, reasons_at_least, EXIT_REASONS);
    free(ram);
    free(before);
    vmx_bench_free(b);
    return entries;
}

/* The good and the bad are both tried. */
static void a_few_wrong_fields_end_as_the_manual_allows(void **state)
{
    (void)state;
    assert_in_range(try_many(spoil, 12), CASES * test_scale() / 10, CASES * test_scale() * 9 / 10);
}

static void random_vmcss_end_as_the_manual_allows(void **state)
{
    (void)state;
    assert_in_range(try_many(scramble, 25), CASES * test_scale() / 50, CASES * test_scale() / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_few_wrong_fields_end_as_the_manual_allows),
        cmocka_unit_test(random_vmcss_end_as_the_manual_allows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
