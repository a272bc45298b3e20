/* test_exceptions.c - delivery through the IDT, double and triple faults, interception, and the order of
 * events between instructions. */
#include "hart_bench.h"

static u64 pushed(const struct hart_bench *b, unsigned n)
{
    return bench_read(b, b->h.reg[REG_RSP] + 8 * n, 8);
}

static enum outcome deliver(struct hart_bench *b, u8 vector, enum event_type type)
{
    return isa_deliver(&b->h, vector, type, false, 0, 0);
}

/* --- delivery --- */

static void a_fault_without_privilege_change_pushes_five_words_on_an_aligned_stack(void **state)
{
    struct hart_bench *b = *state;
    b->h.rflags |= RFLAGS_IF;
    assert_int_equal(deliver(b, VEC_UD, EVENT_HARDWARE), OUT_FLUSH);
    assert_int_equal(b->h.reg[REG_RSP], 0x14000 - 40);
    assert_int_equal(pushed(b, 0), CODE_AT);
    assert_int_equal(pushed(b, 1), SEL_CODE);
    assert_int_equal(pushed(b, 2), RFLAGS_ONE | RFLAGS_IF | RFLAGS_RF);
    assert_int_equal(pushed(b, 3), STACK_NOW);
    assert_int_equal(pushed(b, 4), SEL_DATA);
    assert_int_equal(b->h.reg[REG_RIP], HANDLER_AT + 16 * VEC_UD);
    assert_false(b->h.rflags & RFLAGS_IF);
    assert_int_equal(b->h.seg[SEG_SS].selector, SEL_DATA);
    assert_false(b->h.vectoring.valid);
}

static void an_error_code_comes_last(void **state)
{
    struct hart_bench *b = *state;
    isa_deliver(&b->h, VEC_GP, EVENT_HARDWARE, true, 0x1234, 0);
    assert_int_equal(pushed(b, 0), 0x1234);
    assert_int_equal(pushed(b, 1), CODE_AT);
}

static void a_trap_gate_leaves_interrupts_on_and_clears_tf_and_nt(void **state)
{
    struct hart_bench *b = *state;
    bench_gate(b, VEC_BP, TYPE_TRAP_GATE, SEL_CODE, 0, 0);
    b->h.rflags |= RFLAGS_IF | RFLAGS_TF | RFLAGS_NT;
    deliver(b, VEC_BP, EVENT_HARDWARE);
    assert_int_equal(b->h.rflags & (RFLAGS_IF | RFLAGS_TF | RFLAGS_NT), RFLAGS_IF);
}

static void from_user_mode_the_stack_is_rsp0_and_ss_is_null(void **state)
{
    struct hart_bench *b = *state;
    bench_user(b, true);
    deliver(b, 0x40, EVENT_EXTERNAL);
    assert_int_equal(b->h.reg[REG_RSP], STACK0 - 40);
    assert_int_equal(pushed(b, 1), SEL_USER_CODE | 3);
    assert_int_equal(pushed(b, 2), RFLAGS_ONE);
    assert_int_equal(pushed(b, 3), USER_STACK);
    assert_int_equal(pushed(b, 4), SEL_USER_DATA | 3);
    assert_int_equal(b->h.cpl, 0);
    assert_int_equal(b->h.seg[SEG_SS].selector, 0);
    assert_true(b->h.seg[SEG_SS].ar & AR_UNUSABLE);
    assert_int_equal(b->h.mode, MODE_LONG64);
    assert_false(b->h.soft.user);
}

static void compatibility_mode_interrupted_enters_64_bit_code(void **state)
{
    struct hart_bench *b = *state;
    bench_user(b, false);
    assert_int_equal(b->h.mode, MODE_COMPAT32);
    deliver(b, 0x40, EVENT_EXTERNAL);
    assert_int_equal(b->h.mode, MODE_LONG64);
    assert_int_equal(pushed(b, 1), SEL_USER_CODE32 | 3);
}

static void an_ist_stack_is_used_even_without_privilege_change(void **state)
{
    struct hart_bench *b = *state;
    bench_gate(b, VEC_DF, TYPE_INT_GATE, SEL_CODE, 0, 1);
    deliver(b, VEC_DF, EVENT_HARDWARE);
    assert_int_equal(b->h.reg[REG_RSP], IST1 - 40);
    assert_int_equal(b->h.seg[SEG_SS].selector, SEL_DATA);
}

static void a_software_interrupt_pushes_the_next_instruction(void **state)
{
    struct hart_bench *b = *state;
    assert_int_equal(STEP(b, 0xcd, 0x80), OUT_FLUSH);
    assert_int_equal(pushed(b, 0), CODE_AT + 2);
    assert_int_equal(pushed(b, 2), RFLAGS_ONE);
}

static void a_delivery_ends_hlt_and_the_sti_shadow(void **state)
{
    struct hart_bench *b = *state;
    hart_set_activity(&b->h, ACTIVITY_HLT);
    hart_start_shadow(&b->h, false);
    deliver(b, VEC_NMI, EVENT_NMI);
    assert_int_equal(b->h.activity, ACTIVITY_ACTIVE);
    assert_false(b->h.sti_shadow);
    assert_true(b->h.nmi_blocked);
}

/* --- refusals: error codes --- */

static void a_vector_beyond_the_idt_is_gp_with_the_idt_bit(void **state)
{
    struct hart_bench *b = *state;
    b->h.idtr.limit = 16 * 0x20 - 1;
    assert_int_equal(STEP(b, 0xcd, 0x20), OUT_FAULT);
    assert_fault(b, VEC_GP, 0x20 * 8 + 2);
    assert_int_equal(b->h.reg[REG_RIP], CODE_AT);
    assert_int_equal(b->h.reg[REG_RSP], STACK_NOW);
    assert_int_equal(deliver(b, 0x20, EVENT_EXTERNAL), OUT_FAULT);
    assert_fault(b, VEC_GP, 0x20 * 8 + 2 + 1);
}

static void int_n_needs_gate_dpl_but_exceptions_and_int1_do_not(void **state)
{
    struct hart_bench *b = *state;
    bench_user(b, true);
    assert_int_equal(STEP(b, 0xcd, 0x80), OUT_FAULT);
    assert_fault(b, VEC_GP, 0x80 * 8 + 2);
    assert_int_equal(STEP(b, 0xcc), OUT_FAULT);
    assert_fault(b, VEC_GP, VEC_BP * 8 + 2);
    assert_int_equal(STEP(b, 0xf1), OUT_FLUSH);
    assert_int_equal(b->h.reg[REG_RIP], HANDLER_AT + 16 * VEC_DB);
}

static void an_absent_gate_is_np(void **state)
{
    struct hart_bench *b = *state;
    bench_write(b, IDT_AT + 16 * VEC_UD + 5, 1, TYPE_INT_GATE);
    assert_int_equal(deliver(b, VEC_UD, EVENT_HARDWARE), OUT_FAULT);
    assert_fault(b, VEC_NP, VEC_UD * 8 + 2 + 1);
}

static void the_gates_code_segment_must_be_present_64_bit_code_of_inner_privilege(void **state)
{
    static const struct { u16 selector; u8 vector; u32 error; } rows[] = {
        {0, VEC_GP, 1},
        {SEL_ABSENT_CODE, VEC_NP, SEL_ABSENT_CODE + 1},
        {SEL_CODE32, VEC_GP, SEL_CODE32 + 1},
        {SEL_L_AND_D, VEC_GP, SEL_L_AND_D + 1},
        {SEL_DATA, VEC_GP, SEL_DATA + 1},
        {SEL_USER_CODE, VEC_GP, SEL_USER_CODE + 1},
        {0x400, VEC_GP, 0x400 + 1},
    };
    struct hart_bench *b = *state;
    for (unsigned n = 0; n < ARRAY_LEN(rows); n++) {
        bench_gate(b, VEC_UD, TYPE_INT_GATE, rows[n].selector, 0, 0);
        assert_int_equal(deliver(b, VEC_UD, EVENT_HARDWARE), OUT_FAULT);
        assert_fault(b, rows[n].vector, rows[n].error);
    }
}

static void a_handler_at_a_non_canonical_address_is_gp(void **state)
{
    struct hart_bench *b = *state;
    bench_gate_at(b, IDT_AT + 16 * VEC_UD, TYPE_INT_GATE, SEL_CODE, 0, 0, BIT(47));
    assert_int_equal(deliver(b, VEC_UD, EVENT_HARDWARE), OUT_FAULT);
    assert_fault(b, VEC_GP, 1);
}

static void a_tss_too_short_for_the_stack_is_ts(void **state)
{
    struct hart_bench *b = *state;
    bench_user(b, true);
    b->h.tr.limit = 10;
    assert_int_equal(deliver(b, 0x40, EVENT_EXTERNAL), OUT_FAULT);
    assert_fault(b, VEC_TS, SEL_TSS + 1);
}

static void a_non_canonical_stack_is_ss(void **state)
{
    struct hart_bench *b = *state;
    bench_user(b, true);
    bench_write(b, TSS_AT + 4, 8, BIT(50));
    assert_int_equal(deliver(b, 0x40, EVENT_EXTERNAL), OUT_FAULT);
    assert_fault(b, VEC_SS, 1);
}

static void a_frame_that_reaches_into_a_missing_page_writes_nothing(void **state)
{
    struct hart_bench *b = *state;
    b->h.reg[REG_RSP] = 0x15010;
    b->flat.absent_page = 0x14000;
    bench_write(b, 0x15000, 8, 0x1111);
    bench_write(b, 0x15008, 8, 0x2222);
    assert_int_equal(deliver(b, VEC_UD, EVENT_HARDWARE), OUT_FAULT);
    assert_fault(b, VEC_PF, PF_W);
    assert_int_equal(b->h.fault.va.v, 0x14ff8); /* the first push that met it, as on Bochs */
    assert_int_equal(bench_read(b, 0x15008, 8), 0x2222);
    assert_int_equal(bench_read(b, 0x15000, 8), 0x1111);
    assert_int_equal(b->h.reg[REG_RSP], 0x15010);
    assert_true(b->h.vectoring.valid);
    assert_int_equal(b->h.vectoring.vector, VEC_UD);
}

/* --- isa_raise --- */

static void raise_pf(struct hart_bench *b, u64 va)
{
    hart_page_fault(&b->h, VA(va), PF_W);
    isa_raise(&b->h);
}

static void a_page_fault_loads_cr2_and_pushes_its_error_code(void **state)
{
    struct hart_bench *b = *state;
    raise_pf(b, 0xabc123);
    assert_int_equal(b->h.cr2, 0xabc123);
    assert_int_equal(pushed(b, 0), PF_W);
}

static void a_contributory_fault_while_delivering_one_is_a_double_fault(void **state)
{
    struct hart_bench *b = *state;
    bench_gate(b, VEC_GP, TYPE_INT_GATE, SEL_ABSENT_CODE, 0, 0);
    hart_gp(&b->h, 0);
    isa_raise(&b->h);
    assert_int_equal(b->h.reg[REG_RIP], HANDLER_AT + 16 * VEC_DF);
    assert_int_equal(pushed(b, 0), 0);
    assert_int_equal(pushed(b, 1), CODE_AT);
}

static void a_page_fault_while_delivering_gp_is_handled_as_a_page_fault(void **state)
{
    struct hart_bench *b = *state;
    bench_gate(b, VEC_GP, TYPE_INT_GATE, SEL_CODE, 0, 2); /* IST2 */
    bench_write(b, TSS_AT + 44, 8, 0x18000);
    b->flat.absent_page = 0x17000;
    hart_gp(&b->h, 0);
    isa_raise(&b->h);
    assert_int_equal(b->h.reg[REG_RIP], HANDLER_AT + 16 * VEC_PF);
    assert_int_equal(b->h.cr2, 0x17ff8);
}

static void a_page_fault_while_delivering_a_page_fault_is_a_double_fault_with_the_second_cr2(void **state)
{
    struct hart_bench *b = *state;
    bench_gate(b, VEC_PF, TYPE_INT_GATE, SEL_CODE, 0, 2);
    bench_write(b, TSS_AT + 44, 8, 0x18000);
    b->flat.absent_page = 0x17000;
    raise_pf(b, 0x1234);
    assert_int_equal(b->h.reg[REG_RIP], HANDLER_AT + 16 * VEC_DF);
    assert_int_equal(b->h.cr2, 0x17ff8);
}

static void a_fault_while_delivering_an_interrupt_is_handled_alone(void **state)
{
    struct hart_bench *b = *state;
    bench_gate(b, 0x40, TYPE_INT_GATE, SEL_ABSENT_CODE, 0, 0);
    if (deliver(b, 0x40, EVENT_EXTERNAL) == OUT_FAULT)
        isa_raise(&b->h);
    assert_int_equal(b->h.reg[REG_RIP], HANDLER_AT + 16 * VEC_NP);
    assert_int_equal(pushed(b, 0), SEL_ABSENT_CODE + 1);
}

static void a_fault_while_delivering_a_double_fault_shuts_down(void **state)
{
    struct hart_bench *b = *state;
    b->h.idtr.limit = 0;
    hart_gp(&b->h, 0);
    isa_raise(&b->h);
    assert_int_equal(b->h.activity, ACTIVITY_SHUTDOWN);
    assert_true(b->h.attention & ATTENTION_IDLE);
    assert_int_equal(b->h.reg[REG_RIP], CODE_AT);
    assert_int_equal(b->h.first_fault.vector, VEC_GP); /* for the report */
}

static void a_delivery_leaves_the_next_step_as_shy_of_devices_as_before(void **state)
{
    struct hart_bench *b = *state;
    b->h.fetch.alone = false;
    hart_fault(&b->h, VEC_UD);
    isa_raise(&b->h);
    assert_false(b->h.fetch.alone);
    b->h.rflags |= RFLAGS_IF;
    hart_set_intr(&b->h, true);
    assert_true(isa_take_attention(&b->h));
    assert_false(b->h.fetch.alone);
    assert_true(b->h.fetch.touched_device); /* the interrupt controller */
}

/* --- interception --- */

static void an_intercepted_fault_changes_neither_cr2_nor_the_stack(void **state)
{
    struct hart_bench *b = *state;
    bench_enter_guest(b);
    b->exits_on_event = true;
    raise_pf(b, 0x5000);
    assert_int_equal(b->h.cr2, 0);
    assert_int_equal(b->h.reg[REG_RSP], STACK_NOW);
    assert_int_equal(b->last_event.vector, VEC_PF);
    assert_false(b->last_vectoring.valid);
}

static void the_second_fault_is_offered_with_the_first_as_vectoring_information(void **state)
{
    struct hart_bench *b = *state;
    bench_enter_guest(b);
    bench_gate(b, VEC_GP, TYPE_INT_GATE, SEL_ABSENT_CODE, 0, 0);
    isa_deliver(&b->h, VEC_GP, EVENT_HARDWARE, true, 0x18, 0);
    b->exits_on_event = true;
    isa_raise(&b->h);
    assert_int_equal(b->last_event.vector, VEC_NP);
    assert_true(b->last_vectoring.valid);
    assert_int_equal(b->last_vectoring.vector, VEC_GP);
    assert_int_equal(b->last_vectoring.error, 0x18);
    assert_false(b->h.vectoring.valid);
}

static void a_triple_fault_in_a_guest_is_the_hypervisors(void **state)
{
    struct hart_bench *b = *state;
    bench_enter_guest(b);
    b->h.idtr.limit = 0;
    hart_gp(&b->h, 0);
    isa_raise(&b->h);
    assert_int_equal(b->triple_faults, 1);
    assert_int_equal(b->events_seen, 4); /* #GP, that of its delivery, #DF, that of its delivery */
    assert_int_equal(b->h.activity, ACTIVITY_ACTIVE);
}

static void int3_can_be_intercepted_and_int_n_cannot(void **state)
{
    struct hart_bench *b = *state;
    bench_enter_guest(b);
    b->exits_on_event = true;
    assert_int_equal(STEP(b, 0xcc), OUT_EXIT);
    assert_int_equal(b->last_type, EVENT_SOFT_EXCEPTION);
    assert_int_equal(b->last_event.insn_length, 1);
    assert_int_equal(b->h.reg[REG_RIP], CODE_AT);
    b->events_seen = 0;
    assert_int_equal(STEP(b, 0xcd, 3), OUT_FLUSH);
    assert_int_equal(b->events_seen, 0);
}

/* --- between two instructions --- */

static void an_interrupt_waits_for_if_and_is_acknowledged_once(void **state)
{
    struct hart_bench *b = *state;
    hart_set_intr(&b->h, true);
    assert_false(b->h.attention & ATTENTION_INTR);
    assert_false(isa_take_attention(&b->h));
    STEP(b, 0xfb); /* sti */
    assert_true(b->h.attention & ATTENTION_INTR);
    assert_false(isa_take_attention(&b->h)); /* shadow */
    STEP(b, 0x90);
    assert_true(isa_would_wake(&b->h));
    assert_true(isa_take_attention(&b->h));
    assert_int_equal(b->h.reg[REG_RIP], HANDLER_AT + 16 * 0x40);
    assert_int_equal(pushed(b, 0), CODE_AT + 2);
    assert_false(isa_take_attention(&b->h));
}

static void sti_with_if_set_has_no_shadow(void **state)
{
    struct hart_bench *b = *state;
    b->h.rflags |= RFLAGS_IF;
    assert_int_equal(STEP(b, 0xfb), OUT_NEXT);
    assert_false(b->h.sti_shadow);
}

static void sti_then_hlt_sleeps_and_the_interrupt_wakes_it(void **state)
{
    struct hart_bench *b = *state;
    STEP(b, 0xfb);
    assert_false(isa_take_attention(&b->h));
    hart_set_intr(&b->h, true);
    STEP(b, 0xf4);
    assert_int_equal(b->h.activity, ACTIVITY_HLT);
    assert_true(isa_take_attention(&b->h));
    assert_int_equal(b->h.activity, ACTIVITY_ACTIVE);
    assert_int_equal(pushed(b, 0), CODE_AT + 2);
}

static void an_nmi_comes_before_an_interrupt_and_blocks_the_next(void **state)
{
    struct hart_bench *b = *state;
    b->h.rflags |= RFLAGS_IF;
    hart_set_intr(&b->h, true);
    hart_raise_nmi(&b->h);
    assert_true(isa_take_attention(&b->h));
    assert_int_equal(b->h.reg[REG_RIP], HANDLER_AT + 16 * VEC_NMI);
    hart_raise_nmi(&b->h);
    assert_false(isa_take_attention(&b->h));
    assert_int_equal(STEP(b, 0x48, 0xcf), OUT_FLUSH); /* iretq */
    assert_true(isa_take_attention(&b->h));
    assert_int_equal(b->h.reg[REG_RIP], HANDLER_AT + 16 * VEC_NMI);
}

/* popfq with TF, nop, then the trap behind the nop. */
static void single_step_traps_behind_the_instruction_after_the_one_that_set_tf(void **state)
{
    struct hart_bench *b = *state;
    bench_write(b, STACK_NOW, 8, RFLAGS_TF | RFLAGS_ONE);
    assert_int_equal(STEP(b, 0x9d), OUT_FLUSH);
    assert_false(isa_take_attention(&b->h));
    STEP(b, 0x90);
    assert_true(isa_take_attention(&b->h));
    assert_int_equal(b->h.reg[REG_RIP], HANDLER_AT + 16 * VEC_DB);
    assert_int_equal(pushed(b, 0), CODE_AT + 2);
    assert_true(pushed(b, 2) & RFLAGS_TF);
    assert_int_equal(b->h.dr[6], 0xffff0ff0 | BIT(14));
    assert_false(isa_take_attention(&b->h));
}

static void a_single_step_trap_comes_before_an_interrupt(void **state)
{
    struct hart_bench *b = *state;
    hart_set_rflags(&b->h, RFLAGS_TF);
    assert_false(isa_take_attention(&b->h));
    STEP(b, 0x90);
    b->h.rflags |= RFLAGS_IF;
    hart_set_intr(&b->h, true);
    assert_true(isa_take_attention(&b->h));
    assert_int_equal(b->h.reg[REG_RIP], HANDLER_AT + 16 * VEC_DB);
}

static void mov_ss_holds_back_the_trap_of_itself_only(void **state)
{
    struct hart_bench *b = *state;
    hart_set_rflags(&b->h, RFLAGS_TF);
    b->h.reg[REG_RAX] = SEL_DATA;
    assert_false(isa_take_attention(&b->h));
    assert_int_equal(STEP(b, 0x8e, 0xd0), OUT_FLUSH); /* mov ss, eax */
    assert_false(isa_take_attention(&b->h));
    STEP(b, 0x90);
    assert_true(isa_take_attention(&b->h));
    assert_int_equal(pushed(b, 0), CODE_AT + 3);
}

static void a_fault_forgets_the_single_step_of_the_instruction_that_faulted(void **state)
{
    struct hart_bench *b = *state;
    hart_set_rflags(&b->h, RFLAGS_TF);
    assert_false(isa_take_attention(&b->h));
    assert_int_equal(STEP(b, 0x0f, 0x0b), OUT_FAULT); /* ud2 */
    isa_raise(&b->h);
    assert_int_equal(b->h.reg[REG_RIP], HANDLER_AT + 16 * VEC_UD);
    assert_false(isa_take_attention(&b->h));
    assert_int_equal(b->h.dr[6], 0xffff0ff0);
}

static void in_a_guest_the_hypervisor_is_asked_before_an_interrupt_is_delivered(void **state)
{
    struct hart_bench *b = *state;
    bench_enter_guest(b);
    hart_set_intr(&b->h, true); /* IF is clear: external-interrupt exiting does not care */
    assert_true(b->h.attention & ATTENTION_INTR);
    assert_false(isa_take_attention(&b->h));
    b->exits_on_interrupt = true;
    assert_true(isa_take_attention(&b->h));
    assert_int_equal(b->h.reg[REG_RIP], CODE_AT);
}

static void a_spurious_interrupt_that_went_away_takes_nothing(void **state)
{
    struct hart_bench *b = *state;
    b->h.rflags |= RFLAGS_IF;
    b->vector_to_acknowledge = -1;
    hart_set_intr(&b->h, true);
    assert_false(isa_take_attention(&b->h));
    assert_int_equal(b->h.reg[REG_RIP], CODE_AT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_fault_without_privilege_change_pushes_five_words_on_an_aligned_stack),
        TEST(an_error_code_comes_last),
        TEST(a_trap_gate_leaves_interrupts_on_and_clears_tf_and_nt),
        TEST(from_user_mode_the_stack_is_rsp0_and_ss_is_null),
        TEST(compatibility_mode_interrupted_enters_64_bit_code),
        TEST(an_ist_stack_is_used_even_without_privilege_change),
        TEST(a_software_interrupt_pushes_the_next_instruction),
        TEST(a_delivery_ends_hlt_and_the_sti_shadow),
        TEST(a_vector_beyond_the_idt_is_gp_with_the_idt_bit),
        TEST(int_n_needs_gate_dpl_but_exceptions_and_int1_do_not),
        TEST(an_absent_gate_is_np),
        TEST(the_gates_code_segment_must_be_present_64_bit_code_of_inner_privilege),
        TEST(a_handler_at_a_non_canonical_address_is_gp),
        TEST(a_tss_too_short_for_the_stack_is_ts),
        TEST(a_non_canonical_stack_is_ss),
        TEST(a_frame_that_reaches_into_a_missing_page_writes_nothing),
        TEST(a_page_fault_loads_cr2_and_pushes_its_error_code),
        TEST(a_contributory_fault_while_delivering_one_is_a_double_fault),
        TEST(a_page_fault_while_delivering_gp_is_handled_as_a_page_fault),
        TEST(a_page_fault_while_delivering_a_page_fault_is_a_double_fault_with_the_second_cr2),
        TEST(a_fault_while_delivering_an_interrupt_is_handled_alone),
        TEST(a_fault_while_delivering_a_double_fault_shuts_down),
        TEST(a_delivery_leaves_the_next_step_as_shy_of_devices_as_before),
        TEST(an_intercepted_fault_changes_neither_cr2_nor_the_stack),
        TEST(the_second_fault_is_offered_with_the_first_as_vectoring_information),
        TEST(a_triple_fault_in_a_guest_is_the_hypervisors),
        TEST(int3_can_be_intercepted_and_int_n_cannot),
        TEST(an_interrupt_waits_for_if_and_is_acknowledged_once),
        TEST(sti_with_if_set_has_no_shadow),
        TEST(sti_then_hlt_sleeps_and_the_interrupt_wakes_it),
        TEST(an_nmi_comes_before_an_interrupt_and_blocks_the_next),
        TEST(single_step_traps_behind_the_instruction_after_the_one_that_set_tf),
        TEST(a_single_step_trap_comes_before_an_interrupt),
        TEST(mov_ss_holds_back_the_trap_of_itself_only),
        TEST(a_fault_forgets_the_single_step_of_the_instruction_that_faulted),
        TEST(in_a_guest_the_hypervisor_is_asked_before_an_interrupt_is_delivered),
        TEST(a_spurious_interrupt_that_went_away_takes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
