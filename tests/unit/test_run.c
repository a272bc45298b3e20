/* test_run.c - run.c: how many steps, when it comes back, what time devices see. */
#include "exec_bench.h"

static struct exec_bench *b;

#define PUT(at, ...) exec_bench_put(b, at, (const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))
#define DEVICE       0xfee00000u /* outside RAM */

static int set_up(void **state)
{
    (void)state;
    b = exec_bench_new();
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    exec_bench_free(b);
    return 0;
}

static void it_never_exceeds_its_limit(void **state)
{
    (void)state;
    PUT(EXEC_CODE, 0xff, 0xc0, 0xff, 0xc0, 0xff, 0xc0, 0xff, 0xc0, 0xeb, 0xf6); /* four inc eax; jmp */
    for (u64 max = 1; max < 20; max++) {
        b->h.reg[REG_RIP] = EXEC_CODE;
        b->h.reg[REG_RAX] = 0;
        u64 before = b->h.instructions;
        assert_int_equal(isa_run(&b->h, max), max);
        assert_int_equal(b->h.instructions, before + max);
        assert_int_equal(b->h.reg[REG_RAX], max - max / 5);
        assert_int_equal(b->h.run_steps, max);
    }
}

static void parts_of_a_string_are_steps_but_not_instructions(void **state)
{
    (void)state;
    PUT(EXEC_CODE, 0xf3, 0xaa, 0xeb, 0xfe); /* rep stosb */
    b->h.reg[REG_RDI] = EXEC_DATA;
    b->h.reg[REG_RCX] = 64 * 10;
    assert_int_equal(isa_run(&b->h, 4), 4);
    assert_int_equal(b->h.instructions, 0);
    assert_int_equal(b->h.reg[REG_RCX], 64 * 6);
    assert_int_equal(b->h.reg[REG_RIP], EXEC_CODE);
    assert_int_equal(isa_run(&b->h, 6), 6);
    assert_int_equal(b->h.instructions, 1);
    assert_int_equal(b->h.reg[REG_RCX], 0);
    assert_int_equal(b->h.reg[REG_RIP], EXEC_CODE + 2);
}

static void a_device_sees_the_time_of_its_instruction_and_the_core_gets_control_behind_it(void **state)
{
    (void)state;
    PUT(EXEC_CODE, 0xff, 0xc0, 0xff, 0xc0, 0x89, 0x07, 0xff, 0xc0, 0xeb,
        0xfe); /* inc; inc; mov [rdi], eax; inc */
    b->h.reg[REG_RDI] = DEVICE;
    assert_int_equal(isa_run(&b->h, 100), 3);
    assert_int_equal(b->device_steps, 2);
    assert_int_equal(b->device_accesses, 1);
    assert_int_equal(b->device_value, 2);
    assert_int_equal(b->h.reg[REG_RIP], EXEC_CODE + 6);
}

static void a_device_read_happens_once(void **state)
{
    (void)state;
    PUT(EXEC_CODE, 0xff, 0xc0, 0x03, 0x0f, 0xeb, 0xfe); /* inc eax; add ecx, [rdi] */
    b->h.reg[REG_RDI] = DEVICE;
    b->device_value = 5;
    assert_int_equal(isa_run(&b->h, 100), 2);
    assert_int_equal(b->device_accesses, 1);
    assert_int_equal(b->h.reg[REG_RCX], 5);
}

static void it_comes_back_behind_a_marker(void **state)
{
    (void)state;
    PUT(EXEC_CODE, 0xff, 0xc0, 0x0f, 0x1f, 0x80, 0x07, 0x00, 0x01, 0x47, 0xff, 0xc0, 0xeb, 0xfe);
    assert_int_equal(isa_run(&b->h, 100), 2);
    assert_int_equal(b->marker, 0x47010007);
    assert_int_equal(b->h.reg[REG_RIP], EXEC_CODE + 9);
}

static void it_comes_back_behind_a_port_access(void **state)
{
    (void)state;
    PUT(EXEC_CODE, 0xff, 0xc0, 0xe6, 0x80, 0xff, 0xc0, 0xeb, 0xfe); /* inc eax; out 0x80, al */
    assert_int_equal(isa_run(&b->h, 100), 2);
    assert_int_equal(b->device_value, 1);
}

static void it_comes_back_when_asked_to_stop(void **state)
{
    (void)state;
    PUT(EXEC_CODE, 0xeb, 0xfe);
    b->h.attention |= ATTENTION_STOP;
    assert_int_equal(isa_run(&b->h, 100), 0);
    assert_int_equal(isa_run(&b->h, 100), 100);
}

static void a_halted_hart_does_nothing(void **state)
{
    (void)state;
    PUT(EXEC_CODE, 0xf4, 0xeb, 0xfd); /* hlt; jmp */
    assert_int_equal(isa_run(&b->h, 100), 1);
    assert_int_equal(b->h.activity, ACTIVITY_HLT);
    assert_int_equal(isa_run(&b->h, 100), 0);
}

static void endless_faults_end_in_shutdown(void **state)
{
    (void)state;
    PUT(EXEC_CODE, 0x0f, 0x0b); /* no IDT: #UD, #GP, double fault, triple fault */
    assert_int_equal(isa_run(&b->h, 100), 1);
    assert_int_equal(b->h.activity, ACTIVITY_SHUTDOWN);
    assert_int_equal(b->h.instructions, 0);
}

static void conditional_branches_leave_their_block_only_when_taken(void **state)
{
    (void)state;
    /* l: dec ecx; jz out; inc eax; jmp l; out: jmp out */
    PUT(EXEC_CODE, 0xff, 0xc9, 0x74, 0x04, 0xff, 0xc0, 0xeb, 0xf8, 0xeb, 0xfe);
    b->h.reg[REG_RCX] = 10;
    assert_int_equal(isa_run(&b->h, 9 * 4 + 2), 38);
    assert_int_equal(b->h.reg[REG_RAX], 9);
    assert_int_equal(b->h.reg[REG_RIP], EXEC_CODE + 8);
}

static void a_translation_that_is_dropped_is_looked_up_again(void **state)
{
    (void)state;
    PUT(EXEC_CODE, 0x8b, 0x07, 0xeb, 0xfc); /* l: mov eax, [rdi]; jmp l */
    b->h.reg[REG_RDI] = EXEC_DATA;
    isa_run(&b->h, 100);
    unsigned before = b->flat.translations;
    isa_run(&b->h, 100);
    assert_int_equal(b->flat.translations, before);
    soft_tlb_drop(&b->h.soft, VA(EXEC_DATA + 0x123));
    isa_run(&b->h, 100);
    assert_int_equal(b->flat.translations, before + 1);
    soft_tlb_drop(&b->h.soft, VA(EXEC_CODE));
    isa_run(&b->h, 100);
    assert_int_equal(b->flat.translations, before + 2);
}

static void address_spaces_do_not_mix(void **state)
{
    (void)state;
    PUT(EXEC_CODE, 0x8b, 0x07, 0xeb, 0xfc);
    b->h.reg[REG_RDI] = EXEC_DATA;
    isa_run(&b->h, 100);
    unsigned before = b->flat.translations;
    b->h.soft.space = 1;
    isa_run(&b->h, 100);
    assert_int_equal(b->flat.translations, before + 2);
    b->h.cpl = 3;
    hart_load_mode(&b->h);
    isa_run(&b->h, 100);
    assert_int_equal(b->flat.translations, before + 4);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(it_never_exceeds_its_limit),
        TEST(parts_of_a_string_are_steps_but_not_instructions),
        TEST(a_device_sees_the_time_of_its_instruction_and_the_core_gets_control_behind_it),
        TEST(a_device_read_happens_once),
        TEST(it_comes_back_behind_a_marker),
        TEST(it_comes_back_behind_a_port_access),
        TEST(it_comes_back_when_asked_to_stop),
        TEST(a_halted_hart_does_nothing),
        TEST(endless_faults_end_in_shutdown),
        TEST(conditional_branches_leave_their_block_only_when_taken),
        TEST(a_translation_that_is_dropped_is_looked_up_again),
        TEST(address_spaces_do_not_mix),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
