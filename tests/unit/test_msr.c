/* test_msr.c - RDMSR and WRMSR: privilege, unknown registers, reserved bits, canonical values, the time-stamp
 * counter. */
#include "hart_bench.h"
#include "isa/msr.h"

static enum outcome wrmsr(struct hart_bench *b, u32 msr, u64 value)
{
    b->h.reg[REG_RCX] = msr;
    b->h.reg[REG_RAX] = (u32)value | BIT(60); /* the upper halves do not count */
    b->h.reg[REG_RDX] = value >> 32;
    return STEP(b, 0x0f, 0x30);
}

static u64 rdmsr(struct hart_bench *b, u32 msr)
{
    b->h.reg[REG_RCX] = msr;
    b->h.reg[REG_RAX] = b->h.reg[REG_RDX] = ~0ull;
    assert_int_equal(STEP(b, 0x0f, 0x32), OUT_NEXT);
    assert_int_equal((b->h.reg[REG_RAX] | b->h.reg[REG_RDX]) >> 32, 0);
    return b->h.reg[REG_RDX] << 32 | b->h.reg[REG_RAX];
}

static void refused(struct hart_bench *b, enum outcome o)
{
    assert_int_equal(o, OUT_FAULT);
    assert_fault(b, VEC_GP, 0);
}

static void unreadable(struct hart_bench *b, u32 msr)
{
    b->h.reg[REG_RCX] = msr;
    refused(b, STEP(b, 0x0f, 0x32));
}

static void an_unknown_msr_is_gp_and_remembered(void **state)
{
    struct hart_bench *b = *state;
    refused(b, wrmsr(b, 0x12345, 0));
    unreadable(b, 0x140);
    unreadable(b, 0x140);
    assert_int_equal(b->h.refused_msrs, 2);
    assert_int_equal(b->h.refused_msr[0].msr, 0x12345);
    assert_true(b->h.refused_msr[0].write);
    assert_int_equal(b->h.refused_msr[1].count, 2);
    assert_int_equal(b->h.refused_msr[1].rip, CODE_AT);
}

static void speculation_controls_are_those_of_the_preset(void **state)
{
    static struct insn_record record;
    struct hart_bench *b = *state;
    assert_int_equal(wrmsr(b, 0x48, 7), OUT_FLUSH); /* IA32_SPEC_CTRL */
    assert_int_equal(rdmsr(b, 0x48), 7);
    refused(b, wrmsr(b, 0x48, 8));
    for (unsigned n = 0; n < 2; n++) { /* IA32_PRED_CMD, IA32_FLUSH_CMD: commands */
        u32 command = n ? 0x10b : 0x49;
        assert_int_equal(wrmsr(b, command, 1), OUT_FLUSH);
        assert_int_equal(wrmsr(b, command, 0), OUT_FLUSH);
        refused(b, wrmsr(b, command, 2));
        unreadable(b, command);
    }
    b->h.record = &record;
    record.commands = 0;
    wrmsr(b, 0x49, 0);
    assert_int_equal(record.commands, 0); /* the bit is the command */
    wrmsr(b, 0x49, 1);
    assert_int_equal(record.commands, COMMAND_BARRIER);
    wrmsr(b, 0x10b, 1);
    assert_int_equal(record.commands, COMMAND_BARRIER | COMMAND_FLUSH_L1D); /* as in one MSR-load list */
    b->h.record = NULL;
    assert_int_equal(rdmsr(b, 0x10a), 0x2b); /* IA32_ARCH_CAPABILITIES */
    refused(b, wrmsr(b, 0x10a, 0x2b));
    assert_true(cpu_model_init(&b->model, "haswell"));
    unreadable(b, 0x10a);
    assert_int_equal(rdmsr(b, 0x48), 7);
    assert_true(cpu_model_init(&b->model, "tiny"));
    unreadable(b, 0x48);
}

static void the_microcode_revision_is_loaded_by_cpuid_leaf_1(void **state)
{
    struct hart_bench *b = *state;
    wrmsr(b, 0x8b, 0);
    b->h.reg[REG_RAX] = 0;
    STEP(b, 0x0f, 0xa2);
    assert_int_equal(rdmsr(b, 0x8b), 0);
    b->h.reg[REG_RAX] = 1;
    STEP(b, 0x0f, 0xa2);
    assert_int_equal(rdmsr(b, 0x8b), 0x05003604ull << 32);
    assert_int_equal(rdmsr(b, 0xce), 27 << 8); /* MSR_PLATFORM_INFO */
    refused(b, wrmsr(b, 0xce, 0));
}

static void mperf_and_aperf_stand_still_while_the_hart_is_idle(void **state)
{
    struct hart_bench *b = *state;
    b->tsc = 1000;
    assert_int_equal(wrmsr(b, 0xe7, 0), OUT_FLUSH);
    assert_int_equal(wrmsr(b, 0xe8, 50), OUT_FLUSH);
    b->tsc = 1100;
    hart_set_activity(&b->h, ACTIVITY_HLT);
    b->tsc = 5000;
    hart_set_activity(&b->h, ACTIVITY_ACTIVE);
    b->tsc = 5003;
    assert_int_equal(rdmsr(b, 0xe7), 103);
    assert_int_equal(rdmsr(b, 0xe8), 153);
}

static void debugctl_has_btf_alone(void **state)
{
    struct hart_bench *b = *state;
    assert_int_equal(wrmsr(b, 0x1d9, 2), OUT_FLUSH);
    assert_int_equal(rdmsr(b, 0x1d9), 2);
    refused(b, wrmsr(b, 0x1d9, 1));
}

static void msrs_are_for_ring_0_and_the_hypervisor_is_asked_before_the_register_is_looked_for(void **state)
{
    struct hart_bench *b = *state;
    bench_enter_guest(b);
    b->exits_on_intercept = true;
    assert_int_equal(wrmsr(b, 0x12345, 0), OUT_EXIT);
    assert_int_equal(b->last_intercept, INTERCEPT_wrmsr);
    assert_int_equal(b->last_info, 0x12345);
    bench_user(b, true);
    refused(b, wrmsr(b, 0x12345, 0));
}

static void addresses_must_be_canonical(void **state)
{
    static const u32 msrs[] = {0x175, 0x176, 0xc0000082, 0xc0000083, 0xc0000100, 0xc0000101, 0xc0000102};
    struct hart_bench *b = *state;
    for (unsigned n = 0; n < ARRAY_LEN(msrs); n++) {
        refused(b, wrmsr(b, msrs[n], BIT(47)));
        assert_int_equal(wrmsr(b, msrs[n], ~0ull << 47), OUT_FLUSH);
        assert_int_equal(rdmsr(b, msrs[n]), ~0ull << 47);
    }
}

static void the_fs_and_gs_bases_are_those_of_the_segments(void **state)
{
    struct hart_bench *b = *state;
    wrmsr(b, 0xc0000100, 0x1000);
    wrmsr(b, 0xc0000101, 0x2000);
    wrmsr(b, 0xc0000102, 0x3000);
    STEP(b, 0x0f, 0x01, 0xf8); /* swapgs */
    assert_int_equal(b->h.seg[SEG_FS].base, 0x1000);
    assert_int_equal(b->h.seg[SEG_GS].base, 0x3000);
    assert_int_equal(rdmsr(b, 0xc0000102), 0x2000);
}

static void reserved_bits_are_gp(void **state)
{
    static const struct { u32 msr; u64 value; } rows[] = {
        {0xc0000080, EFER_LME | BIT(12)},
        {0xc0000084, BIT(32)},
        {0xc0000103, BIT(32)},
        {0x1a0, 0x1801 | BIT(34)},
        {0x1d9, 1},
        {0x2ff, 0x106},
        {0xfe, 0},
        {0x179, 0},
    };
    struct hart_bench *b = *state;
    for (unsigned n = 0; n < ARRAY_LEN(rows); n++)
        refused(b, wrmsr(b, rows[n].msr, rows[n].value));
}

static void pat_takes_only_memory_types(void **state)
{
    struct hart_bench *b = *state;
    assert_int_equal(rdmsr(b, 0x277), 0x0007040600070406);
    refused(b, wrmsr(b, 0x277, 0x0007040600070402));
    refused(b, wrmsr(b, 0x277, 0x0307040600070406));
    refused(b, wrmsr(b, 0x277, 0x0807040600070406));
    assert_int_equal(wrmsr(b, 0x277, 0x0706050401000000), OUT_FLUSH);
}

static void mtrrs_are_kept_and_their_types_checked(void **state)
{
    struct hart_bench *b = *state;
    assert_int_equal(rdmsr(b, 0xfe), 0x508);
    assert_int_equal(rdmsr(b, 0x2ff), 0x806);
    assert_int_equal(wrmsr(b, 0x20f, 0xfff00800), OUT_FLUSH);
    assert_int_equal(rdmsr(b, 0x20f), 0xfff00800);
    refused(b, wrmsr(b, 0x200, 0x2));
    refused(b, wrmsr(b, 0x26f, 0x0600000000000003));
    assert_int_equal(wrmsr(b, 0x26f, 0x0606060606060606), OUT_FLUSH);
}

static void the_time_stamp_counter_and_its_adjustment_move_together(void **state)
{
    struct hart_bench *b = *state;
    b->tsc = 1000;
    assert_int_equal(rdmsr(b, 0x10), 1000);
    wrmsr(b, 0x10, 5000);
    assert_int_equal(rdmsr(b, 0x3b), 4000);
    b->tsc = 1500;
    assert_int_equal(rdmsr(b, 0x10), 5500);
    wrmsr(b, 0x3b, (u64)-500);
    assert_int_equal(rdmsr(b, 0x10), 1000);
}

static void rdtsc_adds_the_vmx_offset_and_obeys_tsd(void **state)
{
    struct hart_bench *b = *state;
    b->tsc = 0x500000000;
    b->h.vmx_tsc_offset = 7;
    b->h.tsc_aux = 3;
    assert_int_equal(STEP(b, 0x0f, 0x01, 0xf9), OUT_NEXT); /* rdtscp */
    assert_int_equal(b->h.reg[REG_RAX], 7);
    assert_int_equal(b->h.reg[REG_RDX], 5);
    assert_int_equal(b->h.reg[REG_RCX], 3);
    b->h.cr4 |= CR4_TSD;
    assert_int_equal(STEP(b, 0x0f, 0x31), OUT_NEXT);
    bench_user(b, true);
    refused(b, STEP(b, 0x0f, 0x31));
    refused(b, STEP(b, 0x0f, 0x01, 0xf9));
}

static void a_register_is_absent_without_its_feature(void **state)
{
    struct hart_bench *b = *state;
    cpu_model_set_feature(&b->model, "tsc_adjust", false);
    refused(b, wrmsr(b, 0x3b, 0));
    cpu_model_set_feature(&b->model, "rdtscp", false);
    refused(b, wrmsr(b, 0xc0000103, 0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_unknown_msr_is_gp_and_remembered),
        TEST(speculation_controls_are_those_of_the_preset),
        TEST(the_microcode_revision_is_loaded_by_cpuid_leaf_1),
        TEST(mperf_and_aperf_stand_still_while_the_hart_is_idle),
        TEST(debugctl_has_btf_alone),
        TEST(msrs_are_for_ring_0_and_the_hypervisor_is_asked_before_the_register_is_looked_for),
        TEST(addresses_must_be_canonical),
        TEST(the_fs_and_gs_bases_are_those_of_the_segments),
        TEST(reserved_bits_are_gp),
        TEST(pat_takes_only_memory_types),
        TEST(mtrrs_are_kept_and_their_types_checked),
        TEST(the_time_stamp_counter_and_its_adjustment_move_together),
        TEST(rdtsc_adds_the_vmx_offset_and_obeys_tsd),
        TEST(a_register_is_absent_without_its_feature),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
