/* test_control_registers.c - what MOV to CR and DR, LMSW, CLTS, INVLPG and INVPCID accept, refuse, invalidate
 * and show to a guest. */
#include "hart_bench.h"

#define MOV_CR0_RAX 0x0f, 0x22, 0xc0
#define MOV_CR3_RAX 0x0f, 0x22, 0xd8
#define MOV_CR4_RAX 0x0f, 0x22, 0xe0
#define MOV_CR8_RAX 0x44, 0x0f, 0x22, 0xc0
#define MOV_RBX_CR0 0x0f, 0x20, 0xc3
#define MOV_RBX_CR4 0x0f, 0x20, 0xe3

static void mov_refused(struct hart_bench *b, enum outcome o)
{
    assert_int_equal(o, OUT_FAULT);
    assert_fault(b, VEC_GP, 0);
}

/* 32-bit protected mode, paging off. */
static void leave_long_mode(struct hart_bench *b)
{
    b->h.cr0 = CR0_PE | CR0_ET;
    b->h.efer = 0;
    b->h.cr4 = 0;
    b->h.seg[SEG_CS] = segment_flat_code(SEL_CODE32, 0, false);
    hart_state_changed(&b->h);
}

/* --- CR0 --- */

static void cr0_refuses_impossible_combinations(void **state)
{
    static const u64 bad[] = {
        CR0_PG | CR0_ET,                  /* paging without protection */
        CR0_PE | CR0_PG | CR0_NW,         /* NW without CD */
        CR0_PE | CR0_PG | BIT(32),        /* upper half */
        CR0_PE | CR0_ET,                  /* paging off in 64-bit code */
    };
    struct hart_bench *b = *state;
    for (unsigned n = 0; n < ARRAY_LEN(bad); n++) {
        u64 old = b->h.reg[REG_RAX] = bad[n], cr0 = b->h.cr0;
        mov_refused(b, STEP(b, MOV_CR0_RAX));
        assert_int_equal(b->h.cr0, cr0);
        assert_int_equal(b->h.reg[REG_RAX], old);
    }
    assert_int_equal(b->invalidations, 0);
}

static void reserved_low_bits_of_cr0_are_ignored_and_et_stays(void **state)
{
    struct hart_bench *b = *state;
    b->h.reg[REG_RAX] = CR0_PE | CR0_PG | BIT(7);
    assert_int_equal(STEP(b, MOV_CR0_RAX), OUT_FLUSH);
    assert_int_equal(b->h.cr0, CR0_PE | CR0_PG | CR0_ET);
    assert_int_equal(b->context_changes, 1);
}

static void long_mode_starts_with_paging_and_needs_pae(void **state)
{
    struct hart_bench *b = *state;
    leave_long_mode(b);
    b->h.efer = EFER_LME;
    assert_false(hart_write_cr0(&b->h, b->h.cr0 | CR0_PG));
    b->h.cr4 = CR4_PAE;
    assert_true(hart_write_cr0(&b->h, b->h.cr0 | CR0_PG));
    assert_int_equal(b->h.efer, EFER_LME | EFER_LMA);
    assert_int_equal(b->h.mode, MODE_COMPAT32);
}

/* --- PDPTE registers: SDM Vol. 3A, "PDPTE Registers" --- */

#define PDPT_AT 0x7fe0u

static u64 *pdpt(struct hart_bench *b) { return (u64 *)(void *)(b->mem.host + PDPT_AT); }

/* PAE paging, all that CR4 may have off. */
static void start_pae_paging(struct hart_bench *b)
{
    leave_long_mode(b);
    b->h.efer = 0;
    b->h.cr4 = CR4_PAE;
    b->h.cr3 = PDPT_AT;
    for (u64 n = 0; n < PDPTES; n++) pdpt(b)[n] = 0x100000 * (n + 1) | 1;
    assert_true(hart_write_cr0(&b->h, b->h.cr0 | CR0_PG));
}

static void pae_paging_loads_the_pdptes_when_it_starts_and_at_each_mov_to_cr3(void **state)
{
    struct hart_bench *b = *state;
    start_pae_paging(b);
    assert_int_equal(b->h.pdpte[3], 0x400001);
    pdpt(b)[3] = 0x500001;
    assert_int_equal(b->h.pdpte[3], 0x400001);
    assert_true(hart_write_cr3(&b->h, PDPT_AT));
    assert_int_equal(b->h.pdpte[3], 0x500001);
}

static void only_bits_that_matter_to_paging_load_the_pdptes(void **state)
{
    static const struct {
        u64 cr0, cr4;
        bool loads;
    } rows[] = {{CR0_TS, 0, false},  {CR0_WP, 0, false}, {CR0_CD, 0, true},
                {0, CR4_TSD, false}, {0, CR4_PGE, true}, {0, CR4_PSE, true}};
    struct hart_bench *b = *state;
    start_pae_paging(b);
    for (unsigned n = 0; n < ARRAY_LEN(rows); n++) {
        pdpt(b)[0] = n << 12 | 1;
        u64 old = b->h.pdpte[0];
        assert_true(rows[n].cr0 ? hart_write_cr0(&b->h, b->h.cr0 ^ rows[n].cr0)
                                : hart_write_cr4(&b->h, b->h.cr4 ^ rows[n].cr4));
        assert_int_equal(b->h.pdpte[0], rows[n].loads ? (n << 12 | 1) : old);
    }
}

static void reserved_bits_of_a_present_pdpte_refuse_the_write(void **state)
{
    struct hart_bench *b = *state;
    u64 reserved = 0;
    start_pae_paging(b);
    for (unsigned bit = 1; bit < 64; bit++) {
        pdpt(b)[2] = 0x1000 | BIT(bit) | 1;
        if (hart_write_cr3(&b->h, PDPT_AT)) continue;
        assert_fault(b, VEC_GP, 0);
        reserved |= BIT(bit);
        pdpt(b)[2] &= ~1ull; /* not present: nothing is reserved */
        assert_true(hart_write_cr3(&b->h, PDPT_AT));
    }
    assert_int_equal(reserved, 0x1e6 | ~0ull << b->model.physical_bits);
}

static void leaving_paging_drops_every_translation_and_long_mode(void **state)
{
    struct hart_bench *b = *state;
    b->h.seg[SEG_CS] = segment_flat_code(SEL_CODE32, 0, false);
    hart_state_changed(&b->h);
    assert_true(hart_write_cr0(&b->h, b->h.cr0 & ~CR0_PG));
    assert_int_equal(b->invalidated, INVALIDATE_ALL);
    assert_int_equal(b->h.efer & EFER_LMA, 0);
    assert_int_equal(b->h.mode, MODE_PROT32);
}

static void leaving_paging_with_pcide_is_refused(void **state)
{
    struct hart_bench *b = *state;
    b->h.seg[SEG_CS] = segment_flat_code(SEL_CODE32, 0, false);
    b->h.cr4 |= CR4_PCIDE;
    hart_state_changed(&b->h);
    assert_false(hart_write_cr0(&b->h, b->h.cr0 & ~CR0_PG));
}

static void lmsw_sets_pe_but_never_clears_it_and_leaves_the_rest(void **state)
{
    struct hart_bench *b = *state;
    u64 old = b->h.cr0;
    b->h.reg[REG_RAX] = CR0_TS | CR0_NE | 0xff00;
    assert_int_equal(STEP(b, 0x0f, 0x01, 0xf0), OUT_FLUSH); /* lmsw ax */
    assert_int_equal(b->h.cr0, old | CR0_TS);
    assert_int_equal(STEP(b, 0x0f, 0x06), OUT_FLUSH); /* clts */
    assert_int_equal(b->h.cr0, old);
}

static void smsw_stores_as_much_as_the_operand_holds(void **state)
{
    struct hart_bench *b = *state;
    b->h.reg[REG_RAX] = ~0ull;
    STEP(b, 0x0f, 0x01, 0xe0); /* smsw eax */
    assert_int_equal(b->h.reg[REG_RAX], b->h.cr0);
    b->h.reg[REG_RAX] = ~0ull;
    STEP(b, 0x66, 0x0f, 0x01, 0xe0); /* smsw ax */
    assert_int_equal(b->h.reg[REG_RAX], (~0ull << 16) | (b->h.cr0 & 0xffff));
}

/* --- CR3 --- */

static void cr3_refuses_bits_beyond_maxphyaddr(void **state)
{
    struct hart_bench *b = *state;
    b->h.reg[REG_RAX] = BIT(46);
    mov_refused(b, STEP(b, MOV_CR3_RAX));
    b->h.reg[REG_RAX] = BIT(63);
    mov_refused(b, STEP(b, MOV_CR3_RAX));
    b->h.reg[REG_RAX] = BIT(45);
    assert_int_equal(STEP(b, MOV_CR3_RAX), OUT_FLUSH);
    assert_int_equal(b->h.cr3, BIT(45));
}

static void cr3_drops_the_pcid_that_it_names_unless_bit_63_says_no(void **state)
{
    struct hart_bench *b = *state;
    b->h.cr4 |= CR4_PCIDE;
    b->h.reg[REG_RAX] = 0x9005;
    STEP(b, MOV_CR3_RAX);
    assert_int_equal(b->invalidated, INVALIDATE_CR3);
    assert_int_equal(b->invalidated_pcid, 5);
    b->h.reg[REG_RAX] = BIT(63) | 0xa006;
    STEP(b, MOV_CR3_RAX);
    assert_int_equal(b->invalidations, 1);
    assert_int_equal(b->h.cr3, 0xa006);
    assert_int_equal(b->context_changes, 2);
}

/* --- CR4 --- */

static void cr4_refuses_what_cpuid_does_not_have(void **state)
{
    struct hart_bench *b = *state;
    u64 bad[] = {CR4_VMXE, CR4_SMAP, CR4_LA57, CR4_VME, CR4_PKE, CR4_PKS, BIT(15), BIT(40)};
    assert_true(cpu_model_set_feature(&b->model, "smap", false));
    assert_true(cpu_model_set_feature(&b->model, "pku", false));
    for (unsigned n = 0; n < ARRAY_LEN(bad); n++) {
        b->h.reg[REG_RAX] = CR4_PAE | bad[n];
        mov_refused(b, STEP(b, MOV_CR4_RAX));
    }
    const char *const there[] = {"vmx", "smap", "pku", "pks"};
    for (unsigned n = 0; n < ARRAY_LEN(there); n++) assert_true(cpu_model_set_feature(&b->model, there[n], true));
    b->h.reg[REG_RAX] = CR4_PAE | CR4_VMXE | CR4_SMAP | CR4_PKE | CR4_PKS;
    assert_int_equal(STEP(b, MOV_CR4_RAX), OUT_FLUSH);
}

/* Memory by the paging mode, registers and invalidations by the processor's width. */
static void canonical_addresses_follow_la57(void **state)
{
    struct hart_bench *b = *state;
    const u64 wide = 0x00ff000000000000, too_wide = 0x0100000000000000;
    assert_false(va_is_canonical(&b->h, wide) || base_is_canonical(&b->h, wide));
    assert_true(cpu_model_set_feature(&b->model, "la57", true));
    assert_false(va_is_canonical(&b->h, wide));
    assert_true(base_is_canonical(&b->h, wide));
    b->h.cr4 |= CR4_LA57;
    assert_true(va_is_canonical(&b->h, wide) && va_is_canonical(&b->h, ~wide));
    assert_false(va_is_canonical(&b->h, too_wide) || base_is_canonical(&b->h, too_wide));
}

static void cr4_keeps_pae_and_la57_in_long_mode(void **state)
{
    struct hart_bench *b = *state;
    cpu_model_set_feature(&b->model, "la57", true);
    b->h.reg[REG_RAX] = 0;
    mov_refused(b, STEP(b, MOV_CR4_RAX));
    b->h.reg[REG_RAX] = CR4_PAE | CR4_LA57;
    mov_refused(b, STEP(b, MOV_CR4_RAX));
}

static void pcide_needs_long_mode_and_pcid_0(void **state)
{
    struct hart_bench *b = *state;
    b->h.reg[REG_RAX] = CR4_PAE | CR4_PCIDE;
    b->h.cr3 = 0x1001;
    mov_refused(b, STEP(b, MOV_CR4_RAX));
    b->h.cr3 = 0x1000;
    assert_int_equal(STEP(b, MOV_CR4_RAX), OUT_FLUSH);
    assert_int_equal(b->invalidations, 0);
    leave_long_mode(b);
    assert_false(hart_write_cr4(&b->h, CR4_PAE | CR4_PCIDE));
}

static void cr4_invalidates_when_the_manual_says_so_and_not_else(void **state)
{
    static const struct { u64 from, to; bool invalidates; } rows[] = {
        {CR4_PAE, CR4_PAE | CR4_PGE, true},
        {CR4_PAE | CR4_PGE, CR4_PAE, true},
        {CR4_PAE | CR4_PCIDE, CR4_PAE, true},
        {CR4_PAE, CR4_PAE | CR4_PCIDE, false},
        {CR4_PAE, CR4_PAE | CR4_SMEP, true},
        {CR4_PAE | CR4_SMEP, CR4_PAE, false},
        {CR4_PAE, CR4_PAE | CR4_TSD, false},
    };
    struct hart_bench *b = *state;
    for (unsigned n = 0; n < ARRAY_LEN(rows); n++) {
        b->invalidations = 0;
        b->h.cr4 = rows[n].from;
        assert_true(hart_write_cr4(&b->h, rows[n].to));
        assert_int_equal(b->invalidations, rows[n].invalidates);
        if (rows[n].invalidates)
            assert_int_equal(b->invalidated, INVALIDATE_ALL);
    }
}

/* --- CR8, numbers, privilege --- */

static void cr8_takes_four_bits(void **state)
{
    struct hart_bench *b = *state;
    b->h.reg[REG_RAX] = 16;
    mov_refused(b, STEP(b, MOV_CR8_RAX));
    b->h.reg[REG_RAX] = 9;
    STEP(b, MOV_CR8_RAX);
    assert_int_equal(b->cr8, 9);
}

static void control_registers_are_for_ring_0(void **state)
{
    struct hart_bench *b = *state;
    bench_user(b, true);
    mov_refused(b, STEP(b, MOV_CR0_RAX));
    mov_refused(b, STEP(b, MOV_RBX_CR0));
    mov_refused(b, STEP(b, 0x0f, 0x06));
    mov_refused(b, STEP(b, 0x0f, 0x01, 0x38)); /* invlpg [rax] */
    assert_int_equal(STEP(b, 0x0f, 0x01, 0xe0), OUT_NEXT); /* smsw eax */
}

/* --- EFER --- */

static void efer_lme_stays_while_paging_and_lma_is_not_written(void **state)
{
    struct hart_bench *b = *state;
    assert_false(hart_write_efer(&b->h, EFER_SCE));
    assert_true(hart_write_efer(&b->h, EFER_LME | EFER_NXE));
    assert_int_equal(b->h.efer, EFER_LME | EFER_LMA | EFER_NXE);
    assert_false(hart_write_efer(&b->h, EFER_LME | BIT(1)));
    cpu_model_set_feature(&b->model, "nx", false);
    assert_false(hart_write_efer(&b->h, EFER_LME | EFER_NXE));
}

/* --- the guest's view --- */

static void a_guest_reads_shadowed_bits_and_cannot_write_owned_ones(void **state)
{
    struct hart_bench *b = *state;
    bench_enter_guest(b);
    b->cr_mask[0] = CR0_NE | CR0_TS;
    b->cr_shadow[0] = CR0_TS;
    STEP(b, MOV_RBX_CR0);
    assert_int_equal(b->h.reg[REG_RBX], (b->h.cr0 & ~CR0_NE) | CR0_TS);
    b->h.reg[REG_RAX] = CR0_PE | CR0_PG | CR0_TS;
    STEP(b, MOV_CR0_RAX);
    assert_int_equal(b->h.cr0, CR0_PE | CR0_PG | CR0_ET | CR0_NE);
    b->cr_mask[4] = CR4_PAE;
    b->cr_shadow[4] = 0;
    STEP(b, MOV_RBX_CR4);
    assert_int_equal(b->h.reg[REG_RBX], 0);
}

static void an_intercepted_access_exits_before_its_value_is_checked_but_behind_privilege(void **state)
{
    struct hart_bench *b = *state;
    bench_enter_guest(b);
    b->exits_on_intercept = true;
    b->h.reg[REG_RAX] = ~0ull;
    assert_int_equal(STEP(b, MOV_CR4_RAX), OUT_EXIT);
    assert_int_equal(b->last_intercept, INTERCEPT_mov_to_cr);
    assert_int_equal(b->last_info, 4 | REG_RAX << 8);
    STEP(b, MOV_RBX_CR0);
    assert_int_equal(b->last_info, 0 | REG_RBX << 8);
    bench_user(b, true);
    b->intercepts_seen = 0;
    mov_refused(b, STEP(b, MOV_CR4_RAX));
    assert_int_equal(b->intercepts_seen, 0);
}

/* --- debug registers --- */

static void dr4_and_dr5_are_aliases_without_de_and_undefined_with_it(void **state)
{
    struct hart_bench *b = *state;
    b->h.reg[REG_RAX] = 0xf;
    assert_int_equal(STEP(b, 0x0f, 0x23, 0xe0), OUT_FLUSH); /* mov dr4, rax */
    assert_int_equal(b->h.dr[6], 0xffff0fff);
    STEP(b, 0x0f, 0x21, 0xeb); /* mov rbx, dr5 */
    assert_int_equal(b->h.reg[REG_RBX], 0x400);
    b->h.cr4 |= CR4_DE;
    assert_int_equal(STEP(b, 0x0f, 0x21, 0xeb), OUT_FAULT);
    assert_fault(b, VEC_UD, 0);
}

static void dr7_gd_turns_an_access_into_a_debug_fault_and_is_cleared_by_it(void **state)
{
    struct hart_bench *b = *state;
    b->h.reg[REG_RAX] = BIT(13);
    STEP(b, 0x0f, 0x23, 0xf8); /* mov dr7, rax */
    assert_int_equal(STEP(b, 0x0f, 0x21, 0xf3), OUT_FAULT); /* mov rbx, dr6 */
    assert_fault(b, VEC_DB, 0);
    isa_raise(&b->h);
    assert_int_equal(b->h.dr[7], 0x400);
    assert_int_equal(b->h.dr[6], 0xffff0ff0 | BIT(13));
}

static void the_upper_half_of_dr6_and_dr7_must_be_zero(void **state)
{
    struct hart_bench *b = *state;
    b->h.reg[REG_RAX] = BIT(32);
    mov_refused(b, STEP(b, 0x0f, 0x23, 0xf8));
    mov_refused(b, STEP(b, 0x0f, 0x23, 0xf0));
    assert_int_equal(STEP(b, 0x0f, 0x23, 0xc0), OUT_FLUSH); /* mov dr0, rax */
    assert_int_equal(b->h.dr[0], BIT(32));
}

static void mov_dr_exits_before_even_privilege_is_checked(void **state)
{
    struct hart_bench *b = *state;
    bench_enter_guest(b);
    bench_user(b, true);
    b->exits_on_intercept = true;
    assert_int_equal(STEP(b, 0x0f, 0x21, 0xf3), OUT_EXIT);
    assert_int_equal(b->last_info, 6 | REG_RBX << 8 | BIT(16));
}

/* --- invalidation --- */

static void invlpg_invalidates_its_operands_address_and_ignores_a_non_canonical_one(void **state)
{
    struct hart_bench *b = *state;
    b->h.reg[REG_RAX] = 0x123456;
    assert_int_equal(STEP(b, 0x0f, 0x01, 0x38), OUT_FLUSH);
    assert_int_equal(b->invalidated, INVALIDATE_INVLPG);
    assert_int_equal(b->invalidated_va, 0x123456);
    b->h.reg[REG_RAX] = BIT(47);
    STEP(b, 0x0f, 0x01, 0x38);
    assert_int_equal(b->invalidations, 1);
}

#define INVPCID_RCX_AT_RAX 0x66, 0x0f, 0x38, 0x82, 0x08

static enum outcome invpcid(struct hart_bench *b, u64 type, u64 pcid, u64 va)
{
    b->h.reg[REG_RCX] = type;
    b->h.reg[REG_RAX] = DATA_AT;
    bench_write(b, DATA_AT, 8, pcid);
    bench_write(b, DATA_AT + 8, 8, va);
    return STEP(b, INVPCID_RCX_AT_RAX);
}

static void invpcid_maps_its_types(void **state)
{
    static const enum invalidate_kind kinds[] = {INVALIDATE_PCID_ADDRESS, INVALIDATE_PCID, INVALIDATE_ALL,
                                                 INVALIDATE_ALL_NONGLOBAL};
    struct hart_bench *b = *state;
    b->h.cr4 |= CR4_PCIDE;
    for (unsigned type = 0; type < ARRAY_LEN(kinds); type++) {
        assert_int_equal(invpcid(b, type, 7, 0x4000), OUT_FLUSH);
        assert_int_equal(b->invalidated, kinds[type]);
        assert_int_equal(b->invalidated_pcid, 7);
    }
}

static void invpcid_refuses_bad_descriptors(void **state)
{
    struct hart_bench *b = *state;
    mov_refused(b, invpcid(b, 4, 0, 0));
    mov_refused(b, invpcid(b, 1, BIT(12), 0));
    mov_refused(b, invpcid(b, 1, 1, 0)); /* PCIDs are off */
    mov_refused(b, invpcid(b, 0, 0, BIT(47)));
    assert_int_equal(invpcid(b, 1, 0, BIT(47)), OUT_FLUSH);
    b->flat.absent_page = DATA_AT;
    soft_tlb_flush(&b->h.soft);
    assert_int_equal(invpcid(b, 1, 0, 0), OUT_FAULT);
    assert_fault(b, VEC_PF, 0);
}

static void invpcid_is_undefined_without_the_feature_and_where_the_hypervisor_hides_it(void **state)
{
    struct hart_bench *b = *state;
    bench_enter_guest(b);
    b->insns_enabled = false;
    assert_int_equal(invpcid(b, 2, 0, 0), OUT_FAULT);
    assert_fault(b, VEC_UD, 0);
    hart_set_world(&b->h, WORLD_NATIVE);
    assert_int_equal(invpcid(b, 2, 0, 0), OUT_FLUSH);
    cpu_model_set_feature(&b->model, "invpcid", false);
    assert_int_equal(invpcid(b, 2, 0, 0), OUT_FAULT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(cr0_refuses_impossible_combinations),
        TEST(reserved_low_bits_of_cr0_are_ignored_and_et_stays),
        TEST(long_mode_starts_with_paging_and_needs_pae),
        TEST(pae_paging_loads_the_pdptes_when_it_starts_and_at_each_mov_to_cr3),
        TEST(only_bits_that_matter_to_paging_load_the_pdptes),
        TEST(reserved_bits_of_a_present_pdpte_refuse_the_write),
        TEST(leaving_paging_drops_every_translation_and_long_mode),
        TEST(leaving_paging_with_pcide_is_refused),
        TEST(lmsw_sets_pe_but_never_clears_it_and_leaves_the_rest),
        TEST(smsw_stores_as_much_as_the_operand_holds),
        TEST(cr3_refuses_bits_beyond_maxphyaddr),
        TEST(cr3_drops_the_pcid_that_it_names_unless_bit_63_says_no),
        TEST(cr4_refuses_what_cpuid_does_not_have),
        TEST(canonical_addresses_follow_la57),
        TEST(cr4_keeps_pae_and_la57_in_long_mode),
        TEST(pcide_needs_long_mode_and_pcid_0),
        TEST(cr4_invalidates_when_the_manual_says_so_and_not_else),
        TEST(cr8_takes_four_bits),
        TEST(control_registers_are_for_ring_0),
        TEST(efer_lme_stays_while_paging_and_lma_is_not_written),
        TEST(a_guest_reads_shadowed_bits_and_cannot_write_owned_ones),
        TEST(an_intercepted_access_exits_before_its_value_is_checked_but_behind_privilege),
        TEST(dr4_and_dr5_are_aliases_without_de_and_undefined_with_it),
        TEST(dr7_gd_turns_an_access_into_a_debug_fault_and_is_cleared_by_it),
        TEST(the_upper_half_of_dr6_and_dr7_must_be_zero),
        TEST(mov_dr_exits_before_even_privilege_is_checked),
        TEST(invlpg_invalidates_its_operands_address_and_ignores_a_non_canonical_one),
        TEST(invpcid_maps_its_types),
        TEST(invpcid_refuses_bad_descriptors),
        TEST(invpcid_is_undefined_without_the_feature_and_where_the_hypervisor_hides_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
