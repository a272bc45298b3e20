/* test_timed.c - timed.c, fetch.c and mem.c with a record: what a timing core is told. */
#include "diff.h"

static struct exec_bench *b;
static struct insn_record record;

#define PUT(at, ...) exec_bench_put(b, at, (const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}))
#define DEVICE       0xfee00000u

static int set_up(void **state)
{
    (void)state;
    b = exec_bench_new();
    record.drained = true;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    exec_bench_free(b);
    return 0;
}

static void step(void)
{
    assert_true(isa_fetch(&b->h, &record));
    isa_execute(&b->h, &record);
}

static void assert_access(unsigned n, enum access kind, u64 va, unsigned bytes)
{
    assert_true(n < record.n_accesses);
    assert_int_equal(record.access[n].kind, kind);
    assert_int_equal(record.access[n].va.v, va);
    assert_int_equal(record.access[n].at.v, va);
    assert_int_equal(record.access[n].bytes, bytes);
}

static void a_line_is_fetched_once_until_the_fetch_leaves_it(void **state)
{
    (void)state;
    memset(b->mem.host + EXEC_CODE, 0x90, 256);
    for (unsigned n = 0; n < 128; n++) {
        step();
        assert_int_equal(record.n_fetches, n % 64 == 0);
        if (record.n_fetches) assert_access(0, ACCESS_FETCH, EXEC_CODE + n, 64);
    }
}

static void a_prefetch_is_a_load_that_cannot_fault(void **state)
{
    (void)state;
    PUT(EXEC_CODE, 0x0f, 0x18, 0x0b, 0x0f, 0x18, 0x0b, 0x0f, 0x18, 0x0b); /* prefetcht0 [rbx] */
    b->h.reg[REG_RBX] = EXEC_DATA + 5;
    step();
    assert_access(record.n_fetches, ACCESS_READ, EXEC_DATA + 5, 1);
    assert_int_equal(record.info->n_uops, 1);
    assert_int_equal(record.info->uop[0].kind, UOP_LOAD);
    b->h.reg[REG_RBX] = 1ull << 63;
    step();
    assert_true(record.retired && !record.event);
    assert_int_equal(record.n_accesses, record.n_fetches);
    b->h.reg[REG_RBX] = DEVICE;
    record.drained = false;
    step();
    assert_true(record.retired && !record.not_drained);
    assert_int_equal(b->device_accesses, 0);
    record.drained = true;
}

static void a_jump_inside_the_line_fetches_nothing(void **state)
{
    (void)state;
    PUT(EXEC_CODE, 0xeb, 0x10);
    PUT(EXEC_CODE + 0x12, 0xeb, 0xec);
    step();
    assert_int_equal(record.n_fetches, 1);
    assert_true(record.branch_taken);
    assert_int_equal(record.next_rip, EXEC_CODE + 0x12);
    step();
    assert_int_equal(record.n_fetches, 0);
    assert_int_equal(record.next_rip, EXEC_CODE);
}

static void an_instruction_across_lines_and_pages_fetches_both(void **state)
{
    (void)state;
    PUT(EXEC_CODE + 62, 0x05, 1, 0, 0, 0);
    b->h.reg[REG_RIP] = EXEC_CODE + 62;
    step();
    assert_int_equal(record.n_fetches, 2);
    assert_access(0, ACCESS_FETCH, EXEC_CODE, 64);
    assert_access(1, ACCESS_FETCH, EXEC_CODE + 64, 64);
    PUT(EXEC_CODE + PAGE_BYTES - 2, 0x05, 1, 0, 0, 0);
    b->h.reg[REG_RIP] = EXEC_CODE + PAGE_BYTES - 2;
    step();
    assert_int_equal(record.n_fetches, 2);
    assert_access(1, ACCESS_FETCH, EXEC_CODE + PAGE_BYTES, 64);
    assert_int_equal(b->h.reg[REG_RAX], 2);
}

static void a_flush_fetches_the_line_again(void **state)
{
    (void)state;
    PUT(EXEC_CODE, 0x90, 0x0f, 0x01, 0x3f, 0x90); /* nop; invlpg [rdi]; nop */
    step();
    step();
    assert_int_equal(record.n_fetches, 0);
    step();
    assert_int_equal(record.n_fetches, 1);
}

static void loads_stores_and_read_modify_writes_are_listed_in_order(void **state)
{
    (void)state;
    PUT(EXEC_CODE, 0x8b, 0x07, 0x89, 0x07, 0x01, 0x07, 0x50); /* load; store; add [rdi], eax; push rax */
    b->h.reg[REG_RDI] = EXEC_DATA;
    step();
    assert_access(1, ACCESS_READ, EXEC_DATA, 4);
    assert_false(record.access[1].rmw);
    step();
    assert_access(0, ACCESS_WRITE, EXEC_DATA, 4);
    step();
    assert_int_equal(record.n_accesses, 2);
    assert_access(0, ACCESS_READ, EXEC_DATA, 4);
    assert_true(record.access[0].rmw);
    assert_access(1, ACCESS_WRITE, EXEC_DATA, 4);
    step();
    assert_access(0, ACCESS_WRITE, EXEC_STACK - 8, 8);
}

static void an_access_that_splits_a_page_is_two(void **state)
{
    (void)state;
    PUT(EXEC_CODE, 0x48, 0x8b, 0x07);
    b->h.reg[REG_RDI] = EXEC_DATA + PAGE_BYTES - 3;
    step();
    assert_int_equal(record.n_accesses, 3);
    assert_access(1, ACCESS_READ, EXEC_DATA + PAGE_BYTES - 3, 3);
    assert_access(2, ACCESS_READ, EXEC_DATA + PAGE_BYTES, 5);
}

static void conditional_branches_tell_their_outcome(void **state)
{
    (void)state;
    PUT(EXEC_CODE, 0x74, 0x00, 0x75, 0x00); /* jz +0; jnz +0 */
    hart_set_rflags(&b->h, RFLAGS_ONE);
    step();
    assert_int_equal(record.info->flow, FLOW_COND);
    assert_false(record.branch_taken);
    step();
    assert_true(record.branch_taken); /* even to the next instruction */
    assert_int_equal(record.next_rip, EXEC_CODE + 4);
}

static void a_string_has_a_record_per_line(void **state)
{
    (void)state;
    PUT(EXEC_CODE, 0xf3, 0xa4); /* rep movsb */
    b->h.reg[REG_RSI] = EXEC_DATA + 32;
    b->h.reg[REG_RDI] = EXEC_DATA + 0x1000;
    b->h.reg[REG_RCX] = 100;
    static const unsigned parts[] = {32, 32, 32, 4};
    for (unsigned n = 0, done = 0; n < ARRAY_LEN(parts); done += parts[n], n++) {
        step();
        unsigned first = record.n_fetches;
        assert_access(first, ACCESS_READ, EXEC_DATA + 32 + done, parts[n]);
        assert_access(first + 1, ACCESS_WRITE, EXEC_DATA + 0x1000 + done, parts[n]);
        assert_int_equal(record.retired, n == 3);
        assert_int_equal(record.next_rip, n == 3 ? EXEC_CODE + 2 : EXEC_CODE);
    }
    assert_int_equal(b->h.instructions, 1);
}

static void a_device_waits_for_the_pipe_to_drain(void **state)
{
    (void)state;
    PUT(EXEC_CODE, 0x01, 0x07); /* add [rdi], eax */
    b->h.reg[REG_RDI] = DEVICE;
    b->h.reg[REG_RAX] = 2;
    b->device_value = 3;
    record.drained = false;
    step();
    assert_true(record.not_drained);
    assert_false(record.retired);
    assert_int_equal(b->device_accesses, 0);
    assert_int_equal(record.n_accesses, record.n_fetches);
    assert_int_equal(b->h.reg[REG_RIP], EXEC_CODE);
    record.drained = true;
    isa_execute(&b->h, &record);
    assert_false(record.not_drained);
    assert_true(record.retired && record.io);
    assert_int_equal(b->device_value, 5);
    assert_true(record.access[1].mmio && record.access[2].mmio);
}

static void a_fault_is_an_event_of_its_record(void **state)
{
    (void)state;
    PUT(EXEC_CODE, 0x8b, 0x07);
    b->flat.absent_page = EXEC_DATA;
    b->h.reg[REG_RDI] = EXEC_DATA;
    step(); /* nothing to deliver it with: shutdown */
    assert_false(record.retired);
    assert_true(record.halted);
    assert_int_equal(b->h.cr2, EXEC_DATA);
    assert_false(isa_fetch(&b->h, &record));
}

static void a_fetch_fault_has_no_instruction(void **state)
{
    (void)state;
    b->flat.absent_page = EXEC_CODE;
    step();
    assert_null(record.info);
    assert_int_equal(b->h.cr2, EXEC_CODE);
}

static void changed_code_is_decoded_again(void **state)
{
    (void)state;
    PUT(EXEC_CODE, 0xc6, 0x05, 0x01, 0, 0, 0, 0xc8, 0xff, 0xc0); /* makes the inc eax behind it a dec eax */
    step();
    step();
    assert_int_equal((u32)b->h.reg[REG_RAX], 0xffffffff);
}

static void code_that_changes_between_fetch_and_execution_is_fetched_again(void **state)
{
    (void)state;
    PUT(EXEC_CODE, 0xff, 0xc0); /* inc eax */
    assert_true(isa_fetch(&b->h, &record));
    physmem_write64(&b->mem, HPA(EXEC_CODE), 0x05c083); /* add eax, 5: another hart or a device wrote it */
    isa_execute(&b->h, &record);
    assert_int_equal(b->h.reg[REG_RAX], 5);
    assert_int_equal(record.info->mnemonic, ZYDIS_MNEMONIC_ADD);
    assert_int_equal(record.n_fetches, 1);
    assert_int_equal(record.next_rip, EXEC_CODE + 3);
}

static void the_soft_tlb_stays_empty(void **state)
{
    (void)state;
    PUT(EXEC_CODE, 0x89, 0x07, 0x8b, 0x07);
    b->h.reg[REG_RDI] = EXEC_DATA;
    step();
    step();
    for (unsigned n = 0; n < SOFT_TLB_ENTRIES; n++)
        assert_true(b->h.soft.read[0][n].tag == ~0ull && b->h.soft.write[0][n].tag == ~0ull &&
                    b->h.soft.fetch[0][n].tag == ~0ull);
}

/* One case on the timed path; parts of strings until it is through. Faults are left out: they are
 * delivered. */
static void timed_run(struct exec_bench *t, const struct diff_case *c)
{
    diff_load(t, c);
    fetch_restart(&t->h);
    do {
        assert_true(isa_fetch(&t->h, &record));
        isa_execute(&t->h, &record);
    } while (!record.retired);
}

static void timed_and_functional_execution_leave_the_same_state(void **state)
{
    (void)state;
    struct exec_bench *t = diff_bench_new(MODE_LONG64), *f = diff_bench_new(MODE_LONG64);
    struct diff_random random = {.mode = MODE_LONG64, .state = 3};
    struct diff_case *c = calloc(1, sizeof *c);
    for (unsigned n = 0; n < 20000; n++) {
        diff_generate(&random, &f->icache.decoder, c);
        diff_load(f, c);
        if (diff_execute(f) == OUT_FAULT) continue;
        timed_run(t, c);
        assert_memory_equal(t->h.reg, f->h.reg, 17 * sizeof(u64));
        assert_int_equal(hart_rflags(&t->h), hart_rflags(&f->h));
        assert_memory_equal(t->mem.host + DIFF_DATA, f->mem.host + DIFF_DATA, DIFF_DATA_BYTES);
    }
    free(c);
    exec_bench_free(t);
    exec_bench_free(f);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_line_is_fetched_once_until_the_fetch_leaves_it),
        TEST(a_prefetch_is_a_load_that_cannot_fault),
        TEST(a_jump_inside_the_line_fetches_nothing),
        TEST(an_instruction_across_lines_and_pages_fetches_both),
        TEST(a_flush_fetches_the_line_again),
        TEST(loads_stores_and_read_modify_writes_are_listed_in_order),
        TEST(an_access_that_splits_a_page_is_two),
        TEST(conditional_branches_tell_their_outcome),
        TEST(a_string_has_a_record_per_line),
        TEST(a_device_waits_for_the_pipe_to_drain),
        TEST(a_fault_is_an_event_of_its_record),
        TEST(a_fetch_fault_has_no_instruction),
        TEST(changed_code_is_decoded_again),
        TEST(code_that_changes_between_fetch_and_execution_is_fetched_again),
        TEST(the_soft_tlb_stays_empty),
        TEST(timed_and_functional_execution_leave_the_same_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
