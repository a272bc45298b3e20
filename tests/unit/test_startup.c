/* test_startup.c - INIT and the start-up IPI outside guests and in them. */
#include "hart_bench.h"

static bool is_bootstrap;
static unsigned inits;

static bool init_signal(void *self, struct hart *h)
{
    (void)self, (void)h;
    inits++;
    return is_bootstrap;
}

static struct hart_bench *bench_with_init(void **state, bool bootstrap)
{
    static struct bus_ops bus;
    struct hart_bench *b = *state;
    bus = bench_bus;
    bus.init_signal = init_signal;
    b->h.bus = &bus;
    is_bootstrap = bootstrap;
    inits = 0;
    return b;
}

static void init_resets_the_registers_and_waits_for_startup(void **state)
{
    struct hart_bench *b = bench_with_init(state, false);
    struct hart *h = &b->h;
    h->reg[REG_RAX] = 5;
    h->cr0 |= CR0_CD;
    h->fpu.mxcsr = 0x1fa0;
    h->pat = 6;
    hart_raise_init(h);
    assert_true(isa_would_wake(h));
    assert_true(isa_take_attention(h));
    assert_int_equal(inits, 1);
    assert_int_equal(h->activity, ACTIVITY_WAIT_SIPI);
    assert_int_equal(h->mode, MODE_REAL16);
    assert_int_equal(h->cr0, CR0_CD | CR0_ET);
    assert_int_equal(h->cr4 | h->efer | h->cr3 | h->reg[REG_RAX], 0);
    assert_int_equal(h->reg[REG_RDX], b->model.signature);
    assert_int_equal(h->fpu.mxcsr, 0x1fa0);
    assert_int_equal(h->pat, 6);
    assert_int_equal(b->invalidated, INVALIDATE_ALL);
    assert_false(isa_would_wake(h));
}

static void the_bootstrap_processor_starts_anew(void **state)
{
    struct hart_bench *b = bench_with_init(state, true);
    hart_raise_init(&b->h);
    assert_true(isa_take_attention(&b->h));
    assert_int_equal(b->h.activity, ACTIVITY_ACTIVE);
    assert_int_equal(b->h.seg[SEG_CS].base, 0xffff0000);
    assert_int_equal(b->h.reg[REG_RIP], 0xfff0);
}

static void startup_begins_at_its_page_in_real_mode(void **state)
{
    struct hart_bench *b = bench_with_init(state, false);
    struct hart *h = &b->h;
    hart_raise_init(h);
    hart_raise_startup(h, 0x9a); /* right behind it, before the processor looked */
    assert_true(isa_take_attention(h));
    assert_true(isa_would_wake(h));
    assert_true(isa_take_attention(h));
    assert_int_equal(h->activity, ACTIVITY_ACTIVE);
    assert_int_equal(h->seg[SEG_CS].selector, 0x9a00);
    assert_int_equal(h->seg[SEG_CS].base, 0x9a000);
    assert_int_equal(h->reg[REG_RIP], 0);
    assert_false(h->attention & ATTENTION_STARTUP);
}

static void a_second_startup_is_not_heard(void **state)
{
    struct hart_bench *b = bench_with_init(state, false);
    hart_raise_startup(&b->h, 0x9a);
    assert_false(isa_take_attention(&b->h));
    assert_int_equal(b->h.reg[REG_RIP], CODE_AT);
}

static void only_init_and_startup_reach_a_waiting_processor(void **state)
{
    struct hart_bench *b = bench_with_init(state, false);
    hart_raise_init(&b->h);
    isa_take_attention(&b->h);
    hart_set_intr(&b->h, true);
    hart_raise_nmi(&b->h);
    assert_false(isa_would_wake(&b->h));
    assert_false(isa_take_attention(&b->h));
    assert_int_equal(b->h.activity, ACTIVITY_WAIT_SIPI);
}

static void vmx_root_operation_blocks_init(void **state)
{
    struct hart_bench *b = bench_with_init(state, false);
    hart_set_world(&b->h, WORLD_ROOT);
    hart_raise_init(&b->h);
    assert_false(isa_take_attention(&b->h));
    assert_int_equal(inits, 0);
    hart_set_world(&b->h, WORLD_NATIVE); /* VMXOFF */
    assert_true(isa_take_attention(&b->h));
    assert_int_equal(inits, 1);
}

static void a_guests_init_is_the_hypervisors(void **state)
{
    struct hart_bench *b = bench_with_init(state, false);
    bench_enter_guest(b);
    b->exits_on_interrupt = true;
    hart_raise_init(&b->h);
    assert_true(isa_take_attention(&b->h));
    assert_int_equal(inits, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(init_resets_the_registers_and_waits_for_startup),
        TEST(the_bootstrap_processor_starts_anew),
        TEST(startup_begins_at_its_page_in_real_mode),
        TEST(a_second_startup_is_not_heard),
        TEST(only_init_and_startup_reach_a_waiting_processor),
        TEST(vmx_root_operation_blocks_init),
        TEST(a_guests_init_is_the_hypervisors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
