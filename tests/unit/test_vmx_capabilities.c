/* test_vmx_capabilities.c - IA32_VMX_*: what is advertised is what controls.def and the configuration
 * offer, bit by bit. */
#include "isa/msr.h"
#include "vmx_bench.h"

static u64 capability(struct vmx_bench *b, u32 msr)
{
    u64 value = 0;
    assert_true(msr_read(&b->h, msr, &value));
    return value;
}

static const struct word {
    const char *name;
    u32 msr, true_msr, default1;
} words[VMX_WORDS] = {
#define WORD(word, msr, true_msr, default1) {#word, msr, true_msr, default1},
#include "virt-ext/controls.def"
};

static const struct control {
    enum vmx_word word;
    unsigned bit;
} controls[] = {
#define CONTROL(word, bit, name, exists, meaning) {VMX_##word, bit},
#include "virt-ext/controls.def"
};

static bool offered(enum vmx_word word, unsigned bit)
{
    for (unsigned n = 0; n < ARRAY_LEN(controls); n++)
        if (controls[n].word == word && controls[n].bit == bit) return true;
    return false;
}

static void no_control_stands_twice(void **state)
{
    (void)state;
    for (unsigned a = 0; a < ARRAY_LEN(controls); a++)
        for (unsigned b = 0; b < a; b++)
            assert_false(controls[a].word == controls[b].word && controls[a].bit == controls[b].bit);
}

static void every_bit_of_every_control_word_is_reported_as_the_table_offers_it(void **state)
{
    (void)state;
    const struct vmx_cfg cfg = bench_full_cfg();
    struct vmx_bench *b = vmx_bench_new(&cfg);
    for (unsigned w = 0; w < VMX_WORDS; w++) {
        u64 basic = capability(b, words[w].msr), exact = capability(b, words[w].true_msr);
        for (unsigned bit = 0; bit < 32; bit++) {
            bool have = offered((enum vmx_word)w, bit), default1 = words[w].default1 >> bit & 1;
            assert_int_equal(exact >> (32 + bit) & 1, have || default1);
            assert_int_equal(basic >> (32 + bit) & 1, have || default1);
            assert_int_equal(exact >> bit & 1, default1 && !have);
            assert_int_equal(basic >> bit & 1, default1);
        }
    }
    vmx_bench_free(b);
}

/* Every bit by itself: a VM entry takes it exactly if the capability MSR says so. */
static void vm_entries_accept_exactly_what_is_reported(void **state)
{
    (void)state;
    static const enum vmcs_field_id field[VMX_WORDS] = {[VMX_PIN] = VMCS_pin_controls,
                                                        [VMX_PRIMARY] = VMCS_primary_controls,
                                                        [VMX_SECONDARY] = VMCS_secondary_controls,
                                                        [VMX_ON_EXIT] = VMCS_exit_controls,
                                                        [VMX_ON_ENTRY] = VMCS_entry_controls};
    static const enum entry_check rule[VMX_WORDS] = {[VMX_PIN] = ENTRY_CHECK_pin_controls,
                                                     [VMX_PRIMARY] = ENTRY_CHECK_primary_controls,
                                                     [VMX_SECONDARY] = ENTRY_CHECK_secondary_controls,
                                                     [VMX_ON_EXIT] = ENTRY_CHECK_exit_controls,
                                                     [VMX_ON_ENTRY] = ENTRY_CHECK_entry_controls};
    for (unsigned w = 0; w < VMX_WORDS; w++) {
        for (unsigned bit = 0; bit < 32; bit++) {
            struct vmx_bench *b = vmx_bench_ready(NULL);
            u32 value = (u32)vmcs_read(bench_vmcs(b), field[w], false) ^ 1u << bit;
            vmcs_write(bench_vmcs(b), field[w], false, value);
            u64 exact = capability(b, words[w].true_msr);
            bool legal = (value & (u32)exact) == (u32)exact && !(value & ~(u32)(exact >> 32));
            VMLAUNCH(b);
            assert_int_equal(b->x.failure.check != (int)rule[w], legal);
            vmx_bench_free(b);
        }
    }
}

/* The TRUE MSRs as Nehalem and later report them where all that is offered here is: SDM Vol. 3D, "Reserved
 * Controls and Default Settings". */
static void true_msrs_must_be_1_are_those_of_real_processors(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_new(NULL);
    assert_int_equal((u32)capability(b, 0x48d), 0x00000016);
    assert_int_equal((u32)capability(b, 0x48e), 0x04006172);
    assert_int_equal((u32)capability(b, 0x48f), 0x00036dfb);
    assert_int_equal((u32)capability(b, 0x490), 0x000011fb);
    vmx_bench_free(b);
}

static void the_tertiary_controls_have_an_msr_of_their_own(void **state)
{
    (void)state;
    const struct vmx_cfg cfg = bench_full_cfg();
    struct vmx_bench *b = vmx_bench_new(&cfg);
    assert_int_equal(capability(b, MSR_VMX_PROCBASED_CTLS3), BIT(4)); /* IPI virtualization */
    vmx_bench_free(b);
}

static void basic_information_tells_revision_region_and_true_msrs(void **state)
{
    (void)state;
    struct vmx_cfg cfg = bench_vmx_cfg;
    cfg.revision = 0x1234;
    cfg.region_bytes = 4096;
    struct vmx_bench *b = vmx_bench_new(&cfg);
    u64 basic = capability(b, MSR_VMX_BASIC);
    assert_int_equal(bits(basic, 31, 0), 0x1234);
    assert_int_equal(bits(basic, 44, 32), 4096);
    assert_int_equal(bits(basic, 53, 50), 6);
    assert_true(basic & BIT(54));
    assert_true(basic & BIT(55));
    vmx_bench_free(b);
}

static void miscellaneous_data_offers_what_is_there(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_new(NULL);
    assert_int_equal(capability(b, MSR_VMX_MISC), BIT(30) | BIT(29) | 4 << 16 | BIT(8) | BIT(7) | BIT(6) | BIT(5) | 7);
    vmx_bench_free(b);
}

static void fixed_bits_agree_with_what_mov_to_cr_takes(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_new(NULL);
    assert_int_equal(capability(b, MSR_VMX_CR0_FIXED0), 0x80000021);
    assert_int_equal(capability(b, MSR_VMX_CR0_FIXED1), 0xffffffff);
    assert_int_equal(capability(b, MSR_VMX_CR4_FIXED0), CR4_VMXE);
    assert_int_equal(capability(b, MSR_VMX_CR4_FIXED1), cr4_allowed_bits(&b->h));
    bench_turn_on(b);
    assert_false(hart_write_cr4(&b->h, b->h.cr4 & ~CR4_VMXE));
    assert_false(hart_write_cr0(&b->h, b->h.cr0 & ~CR0_NE));
    assert_true(hart_write_cr0(&b->h, b->h.cr0 | CR0_TS));
    VMXOFF(b);
    assert_true(hart_write_cr4(&b->h, b->h.cr4 & ~CR4_VMXE));
    vmx_bench_free(b);
}

static void ept_and_vpid_capabilities_follow_the_configuration(void **state)
{
    (void)state;
    struct vmx_cfg cfg = bench_vmx_cfg;
    assert_int_equal(vmx_ept_vpid_capability(&cfg), 0x00000f0106734141); /* Skylake-SP, Cascade Lake */
    cfg.ept_advanced_info = false;
    assert_int_equal(vmx_ept_vpid_capability(&cfg), 0x00000f0106334141); /* Haswell */
    cfg.ept_1g = cfg.ept_ad = false;
    assert_int_equal(vmx_ept_vpid_capability(&cfg), 0x00000f0106114141); /* Nehalem */
    cfg.ept_2m = cfg.ept_execute_only = false;
    assert_int_equal(vmx_ept_vpid_capability(&cfg), 0x00000f0106104140);
    cfg.ept = false;
    assert_int_equal(vmx_ept_vpid_capability(&cfg), 0x00000f0100000000);
}

static void the_mmu_takes_exactly_the_ept_entries_that_are_reported(void **state)
{
    (void)state;
    struct vmx_cfg cfg = bench_vmx_cfg;
    for (unsigned n = 0; n < 16; n++) {
        cfg.ept_2m = n & 1, cfg.ept_1g = n & 2, cfg.ept_execute_only = n & 4, cfg.ept_advanced_info = n & 8;
        struct vmx_bench *b = vmx_bench_new(&cfg);
        u64 reported = capability(b, MSR_VMX_EPT_VPID_CAP);
        assert_int_equal(b->told.ept_features.execute_only, reported >> 0 & 1);
        assert_int_equal(b->told.ept_features.pages_2m, reported >> 16 & 1);
        assert_int_equal(b->told.ept_features.pages_1g, reported >> 17 & 1);
        assert_int_equal(b->told.ept_features.advanced_info, reported >> 22 & 1);
        vmx_bench_free(b);
    }
}

static void without_ept_and_vpid_their_controls_and_msr_are_gone(void **state)
{
    (void)state;
    u64 value;
    struct vmx_cfg cfg = bench_vmx_cfg;
    cfg.ept = cfg.vpid = cfg.invpcid = false;
    struct vmx_bench *b = vmx_bench_new(&cfg);
    assert_false(msr_read(&b->h, MSR_VMX_EPT_VPID_CAP, &value));
    u32 secondary = (u32)(capability(b, 0x48b) >> 32);
    assert_int_equal(secondary & (1u << SECONDARY_enable_ept | 1u << SECONDARY_enable_vpid |
                                  1u << SECONDARY_enable_invpcid),
                     0);
    assert_true(secondary & 1u << SECONDARY_enable_rdtscp);
    vmx_bench_free(b);
}

static void the_enum_msr_holds_the_highest_index(void **state)
{
    (void)state;
    struct vmx_bench *b = vmx_bench_new(NULL);
    assert_int_equal(capability(b, MSR_VMX_VMCS_ENUM), vmcs_highest_index(&b->x.cfg) << 1);
    vmx_bench_free(b);
}

static void msrs_of_what_is_not_there_and_writes_are_gp(void **state)
{
    (void)state;
    u64 value;
    struct vmx_bench *b = vmx_bench_new(NULL);
    assert_false(msr_read(&b->h, 0x492, &value)); /* tertiary controls */
    for (u32 msr = 0x480; msr <= 0x491; msr++) assert_false(msr_write(&b->h, msr, 0));
    assert_false(msr_write(&b->h, MSR_FEATURE_CONTROL, 5));
    assert_int_equal(capability(b, MSR_FEATURE_CONTROL), 5);
    vmx_bench_free(b);
}

static void without_vmx_no_msr_is_there(void **state)
{
    (void)state;
    u64 value;
    struct vmx_cfg cfg = bench_vmx_cfg;
    cfg.present = false;
    struct vmx_bench *b = vmx_bench_new(&cfg);
    assert_false(msr_read(&b->h, MSR_VMX_BASIC, &value));
    assert_false(msr_read(&b->h, MSR_FEATURE_CONTROL, &value));
    vmx_bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_control_stands_twice),
        cmocka_unit_test(every_bit_of_every_control_word_is_reported_as_the_table_offers_it),
        cmocka_unit_test(vm_entries_accept_exactly_what_is_reported),
        cmocka_unit_test(true_msrs_must_be_1_are_those_of_real_processors),
        cmocka_unit_test(the_tertiary_controls_have_an_msr_of_their_own),
        cmocka_unit_test(basic_information_tells_revision_region_and_true_msrs),
        cmocka_unit_test(miscellaneous_data_offers_what_is_there),
        cmocka_unit_test(fixed_bits_agree_with_what_mov_to_cr_takes),
        cmocka_unit_test(ept_and_vpid_capabilities_follow_the_configuration),
        cmocka_unit_test(the_mmu_takes_exactly_the_ept_entries_that_are_reported),
        cmocka_unit_test(without_ept_and_vpid_their_controls_and_msr_are_gone),
        cmocka_unit_test(the_enum_msr_holds_the_highest_index),
        cmocka_unit_test(msrs_of_what_is_not_there_and_writes_are_gp),
        cmocka_unit_test(without_vmx_no_msr_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
