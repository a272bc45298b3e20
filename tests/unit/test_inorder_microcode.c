/* test_inorder_microcode.c - what the in-order core plays as microcode: devices, events, string parts, VM
 * transitions; halting. */
#include "core_bench.h"
#include "virt-ext/transition.h"

static struct core_bench *start(void)
{
    struct pc_cfg cfg = bench_cfg();
    return bench_new(&cfg, CORE_INORDER);
}

/* --- devices --- */

#define NOWHERE 0xfe000000u /* no memory and no device */

static void mmio_waits_for_older_loads_and_happens_once(void **state)
{
    (void)state;
    struct core_bench *b = start();
    b->cpu->inorder.cost.mmio_cycles = 200;
    bench_slow(b, LINE(0), 100);
    CODE(b, LOAD_EBX(LINE(0)), LOAD_EAX(NOWHERE), PROBE(LINE(1)), HLT);
    bench_run(b, 100);
    assert_int_equal(b->pc.stats.empty_mmio_reads, 0);
    bench_run(b, 101);
    assert_int_equal(b->pc.stats.empty_mmio_reads, 1);
    bench_run(b, 1000);
    assert_int_equal(b->pc.stats.empty_mmio_reads, 1);
    assert_int_equal((u32)b->cpu->hart->reg[REG_RAX], UINT32_MAX);
    assert_int_equal(bench_sent(b, LINE(1)), 100 + 200);
    assert_int_equal(bench_sent(b, NOWHERE), NEVER);
    assert_int_equal(bench_native(b, CAUSE_serialization),
                     99 + HIT_CYCLES - 1); /* and HLT waited for the probe */
    bench_free(b);
}

static void the_walk_in_front_of_mmio_is_played(void **state)
{
    (void)state;
    struct core_bench *b = start();
    bench_enable_paging(b);
    bench_poke64(b, PTE_OF(P0), NOWHERE | 0x63);
    CODE(b, LOAD_EAX(P0), HLT);
    bench_run(b, 1000);
    assert_int_equal(b->pc.stats.empty_mmio_reads, 1);
    assert_int_equal(b->cpu->walker.stats.walks, b->cpu->mmu.stats.walks);
    bench_free(b);
}

static void a_port_access_takes_its_class_cost_and_sees_its_own_cycle(void **state)
{
    (void)state;
    struct core_bench *b = start();
    b->cpu->inorder.cost.cycles[CLASS_port_io] = 400;
    bench_slow(b, LINE(0), 30);
    CODE(b, LOAD_EBX(LINE(0)), 0xe4, 0x99 /* in al, 0x99 */, RDTSC, HLT);
    bench_run(b, 1000);
    assert_int_equal(b->cpu->hart->reg[REG_RAX], 30 + 400);
    assert_int_equal(b->pc.stats.empty_port_reads, 1);
    bench_free(b);
}

/* --- microcode with references --- */

static void a_locked_instruction_takes_its_microcode_and_its_line(void **state)
{
    (void)state;
    struct core_bench *b = start();
    b->cpu->inorder.cost.cycles[CLASS_atomic] = 14;
    CODE(b, 0xf0, 0xff, 0x04, 0x25, IMM32(LINE(0)) /* lock inc dword [LINE(0)] */, PROBE(LINE(1)), HLT);
    bench_run(b, 1000);
    assert_int_equal(mock_nth(&b->l1d, LINE(0), 0), 14); /* read, then write */
    assert_int_equal(mock_nth(&b->l1d, LINE(0), 1), 15);
    assert_int_equal(bench_sent(b, LINE(1)), 15 + HIT_CYCLES);
    bench_free(b);
}

static void parts_of_a_string_instruction_overlap(void **state)
{
    (void)state;
    struct core_bench *b = start();
    struct hart *h = b->cpu->hart;
    h->reg[REG_RSI] = LINE(0), h->reg[REG_RDI] = LINE(64), h->reg[REG_RCX] = 32; /* 128 bytes: two parts */
    bench_slow(b, LINE(0), 100);
    bench_slow(b, LINE(1), 100);
    CODE(b, 0xf3, 0xa5 /* rep movsd */, PROBE(LINE(2)), HLT);
    bench_run(b, 1000);
    assert_int_equal(bench_sent(b, LINE(0)), 0);
    assert_int_equal(bench_sent(b, LINE(1)), 2); /* behind the update of RSI, RDI and RCX */
    assert_int_equal(bench_sent(b, LINE(65)), 2);
    assert_int_equal(bench_sent(b, LINE(2)), 4);
    assert_int_equal(h->instructions, 3);
    bench_free(b);
}

/* --- events --- */

/* The delivery's references, one a cycle behind its microcode, and the last one's latency; then the refill.
 * */
static u64 delivery_cycles(const struct core_bench *b, unsigned references)
{
    return b->cpu->inorder.cost.event_cycles + references - 1 + HIT_CYCLES +
           b->cpu->inorder.cfg.redirect_cycles;
}

static void an_exception_is_delivered_behind_older_loads_at_its_price(void **state)
{
    (void)state;
    struct core_bench *b = start();
    bench_set_up_idt(b, VEC_UD);
    bench_slow(b, LINE(0), 100);
    CODE(b, LOAD_EBX(LINE(0)), 0x0f, 0x0b /* ud2 */);
    bench_run(b, 2000);
    unsigned references = b->l1d.n - 2; /* without the load and the probe */
    assert_int_equal(bench_sent(b, IDT_AT + 8 * VEC_UD), 100 + b->cpu->inorder.cost.event_cycles);
    assert_int_equal(bench_sent(b, LINE(9)), 100 + delivery_cycles(b, references));
    assert_int_equal(b->cpu->inorder.stats.events, 1);
    bench_free(b);
}

static void nmi(void *self)
{
    struct core_bench *b = self;
    hart_raise_nmi(b->cpu->hart);
    core_wake(&b->cpu->core);
}

static void a_halted_core_idles_until_the_very_cycle_of_its_interrupt(void **state)
{
    (void)state;
    for (u64 at = 1000; at < 1003; at++) {
        struct core_bench *b = start();
        bench_set_up_idt(b, VEC_NMI);
        b->cpu->inorder.cost.cycles[CLASS_hlt] = 50;
        kernel_notify(kernel_event_new("nmi", KERNEL_DEVICE, nmi, b), clock_cycle_to_ps(&b->pc.clock, at));
        CODE(b, HLT);
        bench_run(b, 2000);
        assert_int_equal(bench_sent(b, LINE(9)), at + delivery_cycles(b, b->l1d.n - 1));
        assert_int_equal(bench_native(b, CAUSE_idle), at - 50); /* time stands still behind the last event */
        bench_free(b);
    }
}

static void an_interrupt_in_the_cycle_of_the_halt_is_not_lost(void **state)
{
    (void)state;
    for (u64 at = 45; at < 55; at++) {
        struct core_bench *b = start();
        bench_set_up_idt(b, VEC_NMI);
        b->cpu->inorder.cost.cycles[CLASS_hlt] = 50;
        kernel_notify(kernel_event_new("nmi", KERNEL_DEVICE, nmi, b), clock_cycle_to_ps(&b->pc.clock, at));
        CODE(b, HLT);
        bench_run(b, 2000);
        assert_int_equal(bench_sent(b, LINE(9)), max_u64(at, 50) + delivery_cycles(b, b->l1d.n - 1));
        bench_free(b);
    }
}

/* --- VM transitions: a hypervisor that is a script --- */

#define HOST_AT  0x104000u
#define GUEST_AT 0x106000u
#define VMCS_AT  0x180000u
#define VMLAUNCH 0x0f, 0x01, 0xc2

static enum outcome enter(void *self, struct hart *h, const struct insn *i)
{
    struct core_bench *b = self;
    (void)i;
    transition_begin(h->record, TRANSITION_ENTRY, (unsigned)b->cpu->vmx.exit_reason);
    transition_touch(h->record, HPA(VMCS_AT), 3 * LINE_BYTES, false);
    hart_set_world(h, WORLD_GUEST);
    h->reg[REG_RIP] = GUEST_AT;
    return OUT_EXIT;
}

static bool leave(void *self, struct hart *h, const struct insn *i, enum intercept what, u64 info)
{
    struct core_bench *b = self;
    (void)i, (void)what, (void)info;
    transition_begin(h->record, TRANSITION_EXIT, EXIT_cpuid);
    transition_touch(h->record, HPA(VMCS_AT), 2 * LINE_BYTES, true);
    hart_set_world(h, WORLD_ROOT);
    b->cpu->vmx.exit_reason = EXIT_cpuid;
    b->cpu->vmx.stats.exits_total++;
    h->reg[REG_RIP] = HOST_AT;
    return true;
}

static const struct virt_ops script = {.instruction = enter, .intercept = leave};

static struct core_bench *start_virtual(void)
{
    struct core_bench *b = start();
    b->cpu->hart->virt = &script;
    b->cpu->hart->virt_self = b;
    hart_set_world(b->cpu->hart, WORLD_ROOT);
    CODE(b, PROBE(LINE(0)), VMLAUNCH);
    b->code_end = GUEST_AT;
    CODE(b, PROBE(LINE(1)), CPUID);
    b->code_end = HOST_AT;
    CODE(b, PROBE(LINE(2)));
    return b;
}

static u64 transition_cycles(const struct core_bench *b, enum transition_kind kind, unsigned lines)
{
    const struct vm_transition t = {.kind = (u8)kind};
    return transition_microcode_cycles(&b->cpu->vmx.cfg, &t) + lines - 1 + HIT_CYCLES +
           b->cpu->inorder.cfg.redirect_cycles;
}

static u64 exit_part(const struct core_bench *b, enum vmx_exit_part part)
{
    return b->cpu->vmx.stats.cycles[EXIT_cpuid][part];
}

static void a_vm_exit_and_entry_cost_their_parts(void **state)
{
    (void)state;
    struct core_bench *b = start_virtual();
    CODE(b, HLT);
    bench_run(b, 20000);
    u64 entry = transition_cycles(b, TRANSITION_ENTRY, 3), exit = transition_cycles(b, TRANSITION_EXIT, 2);
    assert_int_equal(bench_sent(b, LINE(1)), HIT_CYCLES + entry); /* the probe's data, then the entry */
    assert_int_equal(bench_sent(b, LINE(2)), bench_sent(b, LINE(1)) + HIT_CYCLES + exit);
    assert_int_equal(exit_part(b, VMX_CYCLES_OUT), exit);
    core_sync(&b->cpu->core);
    assert_int_equal(bench_account(b, WORLD_GUEST, CAUSE_vm_exit), exit);
    assert_int_equal(bench_account(b, WORLD_ROOT, CAUSE_vm_entry), entry);
    bench_free(b);
}

static void the_first_entry_belongs_to_no_exit(void **state)
{
    (void)state;
    struct core_bench *b = start_virtual();
    CODE(b, HLT);
    bench_run(b, 20000);
    for (unsigned reason = 0; reason < EXIT_REASONS; reason++)
        assert_int_equal(b->cpu->vmx.stats.cycles[reason][VMX_CYCLES_IN], 0);
    assert_int_equal(b->cpu->core.transition.first_entry_cycles, transition_cycles(b, TRANSITION_ENTRY, 3));
    bench_free(b);
}

static void cycles_of_the_hypervisor_go_to_the_exit_that_called_it(void **state)
{
    (void)state;
    struct core_bench *b = start_virtual();
    CODE(b, LFENCE, VMLAUNCH);
    for (u64 cycle = 0; mock_nth(&b->l1d, LINE(1), 1) == NEVER; cycle++) bench_run(b, cycle);
    u64 back = mock_nth(&b->l1d, LINE(1), 1);
    u64 entry = transition_cycles(b, TRANSITION_ENTRY, 3);
    assert_int_equal(exit_part(b, VMX_CYCLES_IN), entry);
    assert_int_equal(exit_part(b, VMX_CYCLES_ROOT), back - entry - bench_sent(b, LINE(2)));
    bench_free(b);
}

static void an_intercepted_cpuid_waits_for_older_loads_before_it_exits(void **state)
{
    (void)state;
    struct core_bench *b = start_virtual();
    b->code_end = GUEST_AT;
    CODE(b, LOAD_EBX(LINE(1)), CPUID);
    bench_slow(b, LINE(1), 500);
    b->code_end = HOST_AT + 7;
    CODE(b, HLT);
    bench_run(b, 20000);
    core_sync(&b->cpu->core);
    assert_int_equal(bench_sent(b, LINE(2)),
                     bench_sent(b, LINE(1)) + 500 + transition_cycles(b, TRANSITION_EXIT, 2));
    assert_int_equal(bench_account(b, WORLD_GUEST, CAUSE_serialization),
                     499); /* CPUID must not begin before: not the exit's */
    bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mmio_waits_for_older_loads_and_happens_once),
        cmocka_unit_test(the_walk_in_front_of_mmio_is_played),
        cmocka_unit_test(a_port_access_takes_its_class_cost_and_sees_its_own_cycle),
        cmocka_unit_test(a_locked_instruction_takes_its_microcode_and_its_line),
        cmocka_unit_test(parts_of_a_string_instruction_overlap),
        cmocka_unit_test(an_exception_is_delivered_behind_older_loads_at_its_price),
        cmocka_unit_test(a_halted_core_idles_until_the_very_cycle_of_its_interrupt),
        cmocka_unit_test(an_interrupt_in_the_cycle_of_the_halt_is_not_lost),
        cmocka_unit_test(a_vm_exit_and_entry_cost_their_parts),
        cmocka_unit_test(the_first_entry_belongs_to_no_exit),
        cmocka_unit_test(cycles_of_the_hypervisor_go_to_the_exit_that_called_it),
        cmocka_unit_test(an_intercepted_cpuid_waits_for_older_loads_before_it_exits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
