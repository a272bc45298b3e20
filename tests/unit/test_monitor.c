/* test_monitor.c - MONITOR and MWAIT: who may, what is armed, what ends the rest; with decoded code in the same
 * page. How long a core rests is tested by test_core.c. */
#include "exec_bench.h"

#define WATCHED    (EXEC_DATA + 0x140)
#define MONITOR(b) step(b, "\x0f\x01\xc8", 3)
#define MWAIT(b)   step(b, "\x0f\x01\xc9", 3)

static unsigned wakes;

static void count_wake(void *self, struct hart *h)
{
    (void)self, (void)h;
    wakes++;
}

static enum outcome step(struct exec_bench *b, const char *bytes, size_t length)
{
    b->h.reg[REG_RIP] = EXEC_CODE;
    exec_bench_put(b, EXEC_CODE, bytes, length);
    return exec_bench_step(b);
}

static int set_up(void **state)
{
    struct exec_bench *b = exec_bench_new();
    b->bus.wake = count_wake;
    b->h.reg[REG_RAX] = WATCHED + 7;
    b->h.reg[REG_RBX] = WATCHED;
    wakes = 0;
    return *state = b, 0;
}

static int tear_down(void **state)
{
    return exec_bench_free(*state), 0;
}

static void rest(struct exec_bench *b, u32 extensions)
{
    b->h.reg[REG_RCX] = 0;
    assert_int_equal(MONITOR(b), OUT_NEXT);
    b->h.reg[REG_RCX] = extensions;
    assert_int_equal(MWAIT(b), OUT_FLUSH);
    assert_int_equal(b->h.activity, ACTIVITY_MWAIT);
}

/* Between two instructions: true if the hart goes on. */
static bool goes_on(struct exec_bench *b)
{
    bool would = isa_would_wake(&b->h), taken = isa_take_attention(&b->h);
    assert_false(taken);
    assert_int_equal(would, b->h.activity == ACTIVITY_ACTIVE);
    return would;
}

static void mwait_without_an_armed_monitor_does_nothing(void **state)
{
    struct exec_bench *b = *state;
    b->h.reg[REG_RCX] = 0;
    assert_int_equal(MWAIT(b), OUT_NEXT);
    assert_int_equal(b->h.activity, ACTIVITY_ACTIVE);
}

static void any_store_to_the_line_ends_the_rest_and_no_other(void **state)
{
    struct exec_bench *b = *state;
    const u64 line = WATCHED & ~(LINE_BYTES - 1);
    rest(b, 0);
    physmem_write64(&b->mem, HPA(line - 8), 1);
    physmem_write64(&b->mem, HPA(line + LINE_BYTES), 1);
    assert_false(goes_on(b));
    assert_int_equal(wakes, 0);
    physmem_write64(&b->mem, HPA(line - 4), 1);
    assert_int_equal(wakes, 1);
    assert_true(goes_on(b));
    assert_false(b->h.monitor.armed);
}

static void the_harts_own_store_between_monitor_and_mwait_counts(void **state)
{
    struct exec_bench *b = *state;
    assert_int_equal(step(b, "\x89\x03", 2), OUT_NEXT); /* mov [rbx], eax: the soft TLB knows the page */
    b->h.reg[REG_RCX] = 0;
    assert_int_equal(MONITOR(b), OUT_NEXT);
    assert_int_equal(step(b, "\x89\x03", 2), OUT_NEXT);
    assert_false(b->h.monitor.armed);
    assert_int_equal(MWAIT(b), OUT_NEXT);
    assert_int_equal(wakes, 0);
}

static void interrupts_end_the_rest_if_they_are_open_or_asked_for(void **state)
{
    struct exec_bench *b = *state;
    rest(b, 0);
    hart_set_intr(&b->h, true);
    assert_false(goes_on(b));
    hart_set_intr(&b->h, false);
    hart_set_activity(&b->h, ACTIVITY_ACTIVE);
    rest(b, 1);
    assert_false(goes_on(b));
    hart_set_intr(&b->h, true);
    assert_true(goes_on(b));
    assert_false(b->h.monitor.armed);
}

static void a_page_with_code_and_a_monitor_is_heard_until_both_are_gone(void **state)
{
    struct exec_bench *b = *state;
    const u8 *heard = &b->mem.has_code[EXEC_CODE >> PAGE_SHIFT];
    b->h.reg[REG_RAX] = EXEC_CODE + 0x800;
    b->h.reg[REG_RCX] = 0;
    assert_int_equal(MONITOR(b), OUT_NEXT);
    icache_flush(&b->icache);
    assert_int_equal(*heard, 1);
    hart_disarm_monitor(&b->h);
    assert_int_equal(*heard, 0);
    assert_int_equal(MONITOR(b), OUT_NEXT);
    hart_disarm_monitor(&b->h);
    assert_int_equal(*heard, 1);
}

static void a_vm_transition_disarms(void **state)
{
    struct exec_bench *b = *state;
    b->h.reg[REG_RCX] = 0;
    assert_int_equal(MONITOR(b), OUT_NEXT);
    assert_true(b->h.monitor.armed);
    hart_set_world(&b->h, WORLD_ROOT);
    assert_false(b->h.monitor.armed);
}

static void extensions_and_rings_are_checked(void **state)
{
    struct exec_bench *b = *state;
    b->h.reg[REG_RCX] = 1;
    assert_int_equal(MONITOR(b), OUT_FAULT);
    assert_int_equal(b->h.fault.vector, VEC_GP);
    b->h.reg[REG_RCX] = 2;
    assert_int_equal(MWAIT(b), OUT_FAULT);
    assert_int_equal(b->h.fault.vector, VEC_GP);
    b->h.reg[REG_RCX] = 0;
    b->h.reg[REG_RAX] = 1ull << 63;
    assert_int_equal(MONITOR(b), OUT_FAULT);
    assert_int_equal(b->h.fault.vector, VEC_GP);
    b->h.cpl = 3;
    assert_int_equal(MONITOR(b), OUT_FAULT);
    assert_int_equal(b->h.fault.vector, VEC_UD);
    b->h.cpl = 0;
    b->h.misc_enable &= ~BIT(18);
    assert_int_equal(MWAIT(b), OUT_FAULT);
    assert_int_equal(b->h.fault.vector, VEC_UD);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(mwait_without_an_armed_monitor_does_nothing),
        TEST(any_store_to_the_line_ends_the_rest_and_no_other),
        TEST(the_harts_own_store_between_monitor_and_mwait_counts),
        TEST(interrupts_end_the_rest_if_they_are_open_or_asked_for),
        TEST(a_page_with_code_and_a_monitor_is_heard_until_both_are_gone),
        TEST(a_vm_transition_disarms),
        TEST(extensions_and_rings_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
