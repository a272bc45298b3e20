/* test_system.c - flags and privilege, ports and the I/O permission bitmap, HLT, legacy protected mode. */
#include "hart_bench.h"

static void refused(struct hart_bench *b, enum outcome o)
{
    assert_int_equal(o, OUT_FAULT);
    assert_fault(b, VEC_GP, 0);
}

/* --- flags --- */

static void rflags_survive_being_taken_apart(void **state)
{
    struct hart_bench *b = *state;
    for (u64 flags = 0; flags < 64; flags++) {
        u64 value = RFLAGS_ONE | (flags & 1) | (flags >> 1 & 1) << 2 | (flags >> 2 & 1) << 4 |
                    (flags >> 3 & 1) << 6 | (flags >> 4 & 1) << 7 | (flags >> 5 & 1) << 11;
        hart_set_rflags(&b->h, value);
        assert_int_equal(hart_rflags(&b->h), value);
    }
}

static u64 popfq(struct hart_bench *b, u64 image)
{
    bench_write(b, b->h.reg[REG_RSP], 8, image);
    STEP(b, 0x9d);
    return hart_rflags(&b->h);
}

static void popf_in_ring_0_changes_all_but_vm_vif_vip_and_rf(void **state)
{
    struct hart_bench *b = *state;
    assert_int_equal(popfq(b, ~0ull), 0x00247fd7);
    assert_int_equal(popfq(b, 0), RFLAGS_ONE);
}

static void popf_in_ring_3_obeys_iopl(void **state)
{
    struct hart_bench *b = *state;
    bench_user(b, true);
    assert_int_equal(popfq(b, RFLAGS_IF | RFLAGS_IOPL | RFLAGS_CF), RFLAGS_CF | RFLAGS_ONE);
    hart_set_rflags(&b->h, RFLAGS_IOPL);
    assert_int_equal(popfq(b, RFLAGS_IF), RFLAGS_IF | RFLAGS_IOPL | RFLAGS_ONE);
}

static void a_16_bit_popf_leaves_the_upper_flags(void **state)
{
    struct hart_bench *b = *state;
    hart_set_rflags(&b->h, RFLAGS_AC | RFLAGS_ID);
    bench_write(b, b->h.reg[REG_RSP], 2, RFLAGS_ZF);
    STEP(b, 0x66, 0x9d);
    assert_int_equal(hart_rflags(&b->h), RFLAGS_AC | RFLAGS_ID | RFLAGS_ZF | RFLAGS_ONE);
    assert_int_equal(b->h.reg[REG_RSP], STACK_NOW + 2);
}

static void pushf_shows_iopl_and_if_to_everyone(void **state)
{
    struct hart_bench *b = *state;
    bench_user(b, true);
    hart_set_rflags(&b->h, RFLAGS_IF | RFLAGS_PF | RFLAGS_IOPL);
    STEP(b, 0x9c);
    assert_int_equal(bench_read(b, USER_STACK - 8, 8), RFLAGS_IF | RFLAGS_PF | RFLAGS_IOPL | RFLAGS_ONE);
}

static void cli_and_sti_need_iopl(void **state)
{
    struct hart_bench *b = *state;
    bench_user(b, true);
    refused(b, STEP(b, 0xfa));
    refused(b, STEP(b, 0xfb));
    hart_set_rflags(&b->h, RFLAGS_IOPL);
    assert_int_equal(STEP(b, 0xfb), OUT_FLUSH);
    assert_int_equal(STEP(b, 0xfa), OUT_NEXT);
}

static void privileged_instructions_fault_in_ring_3(void **state)
{
    struct hart_bench *b = *state;
    bench_user(b, true);
    refused(b, STEP(b, 0xf4));             /* hlt */
    refused(b, STEP(b, 0x0f, 0x09));       /* wbinvd */
    refused(b, STEP(b, 0x0f, 0x33));       /* rdpmc */
    refused(b, STEP(b, 0x0f, 0x01, 0xf8)); /* swapgs */
    refused(b, STEP(b, 0x0f, 0x00, 0xd8)); /* ltr */
}

static void vmx_instructions_are_undefined_without_a_hypervisor(void **state)
{
    struct hart_bench *b = *state;
    assert_int_equal(STEP(b, 0x0f, 0x01, 0xc1), OUT_FAULT); /* vmcall */
    assert_fault(b, VEC_UD, 0);
}

static void stac_is_undefined_without_smap(void **state)
{
    struct hart_bench *b = *state;
    assert_true(cpu_model_set_feature(&b->model, "smap", false));
    assert_int_equal(STEP(b, 0x0f, 0x01, 0xcb), OUT_FAULT);
    assert_fault(b, VEC_UD, 0);
}

static void stac_and_clac_write_ac_at_cpl_0_only(void **state)
{
    struct hart_bench *b = *state;
    assert_int_equal(STEP(b, 0x0f, 0x01, 0xcb), OUT_FLUSH); /* stac */
    assert_true(b->h.rflags & RFLAGS_AC);
    assert_int_equal(STEP(b, 0x0f, 0x01, 0xca), OUT_FLUSH); /* clac */
    assert_false(b->h.rflags & RFLAGS_AC);
    bench_user(b, true);
    assert_int_equal(STEP(b, 0x0f, 0x01, 0xcb), OUT_FAULT);
    assert_fault(b, VEC_UD, 0);
}

/* SDM Vol. 2B, "RDPKRU", and 2D, "WRPKRU". */
static void rdpkru_and_wrpkru_need_cr4_pke_and_zeros(void **state)
{
    struct hart_bench *b = *state;
    struct hart *h = &b->h;
    h->reg[REG_RAX] = 0xffffffff11223344;
    h->reg[REG_RCX] = h->reg[REG_RDX] = 0xffffffff00000000; /* 32 bits count */
    assert_int_equal(STEP(b, 0x0f, 0x01, 0xef), OUT_FAULT); /* wrpkru */
    assert_fault(b, VEC_UD, 0);
    h->cr4 |= CR4_PKE;
    assert_int_equal(STEP(b, 0x0f, 0x01, 0xef), OUT_FLUSH);
    assert_int_equal(h->pkru, 0x11223344);
    h->reg[REG_RAX] = ~0ull;
    assert_int_equal(STEP(b, 0x0f, 0x01, 0xee), OUT_NEXT); /* rdpkru */
    assert_int_equal(h->reg[REG_RAX], 0x11223344);
    assert_int_equal(h->reg[REG_RDX], 0);
    h->reg[REG_RDX] = 1;
    assert_int_equal(STEP(b, 0x0f, 0x01, 0xef), OUT_FAULT);
    assert_fault(b, VEC_GP, 0);
    h->reg[REG_RCX] = 1;
    assert_int_equal(STEP(b, 0x0f, 0x01, 0xee), OUT_FAULT);
    assert_fault(b, VEC_GP, 0);
    h->cr4 &= ~CR4_PKE;
    assert_int_equal(STEP(b, 0x0f, 0x01, 0xee), OUT_FAULT);
    assert_fault(b, VEC_UD, 0);
}

/* --- ports --- */

static void in_merges_into_the_accumulator_as_its_size_says(void **state)
{
    struct hart_bench *b = *state;
    b->port_value = 0xaabbccdd;
    b->h.reg[REG_RDX] = 0xffff03f8;
    b->h.reg[REG_RAX] = ~0ull;
    assert_int_equal(STEP(b, 0xec), OUT_NEXT); /* in al, dx */
    assert_int_equal(b->port, 0x3f8);
    assert_int_equal(b->port_bytes, 1);
    assert_int_equal(b->h.reg[REG_RAX], 0xffffffffffffffdd);
    STEP(b, 0x66, 0xe5, 0x40); /* in ax, 0x40 */
    assert_int_equal(b->port, 0x40);
    assert_int_equal(b->h.reg[REG_RAX], 0xffffffffffffccdd);
    STEP(b, 0xed); /* in eax, dx */
    assert_int_equal(b->h.reg[REG_RAX], 0xaabbccdd);
}

static void out_writes_the_low_bytes(void **state)
{
    struct hart_bench *b = *state;
    b->h.reg[REG_RAX] = 0x1122334455667788;
    STEP(b, 0xe6, 0xf4); /* out 0xf4, al */
    assert_int_equal(b->port, 0xf4);
    assert_int_equal(b->port_value, 0x88);
    b->h.reg[REG_RDX] = 0x8900;
    STEP(b, 0xef); /* out dx, eax */
    assert_int_equal(b->port, 0x8900);
    assert_int_equal(b->port_value, 0x55667788);
}

static void the_bitmap_decides_in_ring_3(void **state)
{
    struct hart_bench *b = *state;
    bench_user(b, true);
    refused(b, STEP(b, 0xe4, 0x40)); /* TSS ends before the map */
    b->h.tr.limit = 104 + 32;
    bench_write(b, TSS_AT + 104 + 8, 2, 0x0004); /* port 0x42 is closed */
    assert_int_equal(STEP(b, 0xe4, 0x41), OUT_NEXT);
    refused(b, STEP(b, 0xe4, 0x42));
    refused(b, STEP(b, 0x66, 0xe5, 0x41)); /* 0x41 and 0x42 */
    refused(b, STEP(b, 0xe5, 0x3f));       /* 0x3f to 0x42: over the byte's end */
    assert_int_equal(STEP(b, 0xe4, 0xff), OUT_NEXT); /* the last byte of the map is read with its neighbour */
    b->h.tr.limit = 104 + 31;
    refused(b, STEP(b, 0xe4, 0xff));
    hart_set_rflags(&b->h, RFLAGS_IOPL);
    assert_int_equal(STEP(b, 0xe4, 0x42), OUT_NEXT);
}

static void a_guests_port_access_is_offered_behind_the_permission_check(void **state)
{
    struct hart_bench *b = *state;
    bench_enter_guest(b);
    b->exits_on_intercept = true;
    b->h.reg[REG_RDX] = 0x3f8;
    assert_int_equal(STEP(b, 0xec), OUT_EXIT);
    assert_int_equal(b->last_intercept, INTERCEPT_io);
    assert_int_equal(b->last_info, 0x3f8 | 1 << 16 | 1 << 24);
    STEP(b, 0xe7, 0x42); /* out 0x42, eax */
    assert_int_equal(b->last_info, 0x42 | 4 << 16 | 1 << 27);
    bench_user(b, true);
    b->intercepts_seen = 0;
    refused(b, STEP(b, 0xec));
    assert_int_equal(b->intercepts_seen, 0);
}

/* --- HLT --- */

static void hlt_stops_until_an_event(void **state)
{
    struct hart_bench *b = *state;
    b->h.rflags |= RFLAGS_IF;
    STEP(b, 0xf4);
    assert_int_equal(b->h.attention & ATTENTION_IDLE, ATTENTION_IDLE);
    assert_false(isa_would_wake(&b->h));
    hart_set_intr(&b->h, true);
    assert_true(isa_would_wake(&b->h));
}

static void hlt_without_if_wakes_for_nmi_only(void **state)
{
    struct hart_bench *b = *state;
    STEP(b, 0xf4);
    hart_set_intr(&b->h, true);
    assert_false(isa_would_wake(&b->h));
    assert_false(isa_take_attention(&b->h));
    hart_raise_nmi(&b->h);
    assert_true(isa_would_wake(&b->h));
    assert_true(isa_take_attention(&b->h));
    assert_int_equal(b->h.activity, ACTIVITY_ACTIVE);
}

/* --- 32-bit protected mode --- */

static void enter_legacy_mode(struct hart_bench *b)
{
    struct hart *h = &b->h;
    h->cr0 &= ~CR0_PG;
    h->efer = 0;
    h->seg[SEG_CS] = segment_flat_code(SEL_CODE32, 0, false);
    h->idtr.limit = 256 * 8 - 1;
    h->tr.limit = 0x67;
    hart_state_changed(h);
    for (unsigned v = 0; v < 256; v++)
        bench_gate_at(b, IDT_AT + 8u * v, TYPE_INT_GATE, SEL_CODE32, 3, 0, HANDLER_AT + 16 * v);
    bench_write(b, TSS_AT + 4, 4, STACK0);
    bench_write(b, TSS_AT + 8, 2, SEL_DATA);
}

static void legacy_delivery_without_privilege_change_pushes_three_words(void **state)
{
    struct hart_bench *b = *state;
    enter_legacy_mode(b);
    assert_int_equal(b->h.mode, MODE_PROT32);
    assert_int_equal(STEP(b, 0xcd, 0x30), OUT_FLUSH);
    assert_int_equal(b->h.reg[REG_RSP], STACK_NOW - 12);
    assert_int_equal(bench_read(b, STACK_NOW - 12, 4), CODE_AT + 2);
    assert_int_equal(bench_read(b, STACK_NOW - 8, 4), SEL_CODE32);
    assert_int_equal(STEP(b, 0xcf), OUT_FLUSH);
    assert_int_equal(b->h.reg[REG_RIP], CODE_AT + 2);
    assert_int_equal(b->h.reg[REG_RSP], STACK_NOW);
}

static void legacy_delivery_from_ring_3_takes_ss0_and_esp0_and_iret_goes_back(void **state)
{
    struct hart_bench *b = *state;
    enter_legacy_mode(b);
    bench_user(b, false);
    assert_int_equal(b->h.mode, MODE_PROT32);
    assert_int_equal(STEP(b, 0xcd, 0x30), OUT_FLUSH);
    assert_int_equal(b->h.cpl, 0);
    assert_int_equal(b->h.seg[SEG_SS].selector, SEL_DATA);
    assert_int_equal(b->h.reg[REG_RSP], STACK0 - 20);
    assert_int_equal(bench_read(b, STACK0 - 8, 4), USER_STACK);
    assert_int_equal(STEP(b, 0xcf), OUT_FLUSH);
    assert_int_equal(b->h.cpl, 3);
    assert_int_equal(b->h.reg[REG_RSP], USER_STACK);
    assert_int_equal(b->h.seg[SEG_SS].selector, SEL_USER_DATA | 3);
}

static void a_bad_legacy_ring_0_stack_is_ts(void **state)
{
    struct hart_bench *b = *state;
    enter_legacy_mode(b);
    bench_user(b, false);
    bench_write(b, TSS_AT + 8, 2, SEL_READONLY);
    assert_int_equal(STEP(b, 0xcd, 0x30), OUT_FAULT);
    assert_fault(b, VEC_TS, SEL_READONLY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(rflags_survive_being_taken_apart),
        TEST(popf_in_ring_0_changes_all_but_vm_vif_vip_and_rf),
        TEST(popf_in_ring_3_obeys_iopl),
        TEST(a_16_bit_popf_leaves_the_upper_flags),
        TEST(pushf_shows_iopl_and_if_to_everyone),
        TEST(cli_and_sti_need_iopl),
        TEST(privileged_instructions_fault_in_ring_3),
        TEST(vmx_instructions_are_undefined_without_a_hypervisor),
        TEST(stac_is_undefined_without_smap),
        TEST(stac_and_clac_write_ac_at_cpl_0_only),
        TEST(rdpkru_and_wrpkru_need_cr4_pke_and_zeros),
        TEST(in_merges_into_the_accumulator_as_its_size_says),
        TEST(out_writes_the_low_bytes),
        TEST(the_bitmap_decides_in_ring_3),
        TEST(a_guests_port_access_is_offered_behind_the_permission_check),
        TEST(hlt_stops_until_an_event),
        TEST(hlt_without_if_wakes_for_nmi_only),
        TEST(legacy_delivery_without_privilege_change_pushes_three_words),
        TEST(legacy_delivery_from_ring_3_takes_ss0_and_esp0_and_iret_goes_back),
        TEST(a_bad_legacy_ring_0_stack_is_ts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
