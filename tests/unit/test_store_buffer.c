/* test_store_buffer.c - isa/store_buffer.c: what waits, what its own hart sees of it, and what makes it
 * visible. Memory as other processors see it is the bench's RAM. */
#include "exec_bench.h"
#include "isa/store_buffer.h"

static struct exec_bench *b;
static struct store_buffer stores;

static void run(unsigned instructions)
{
    for (unsigned n = 0; n < instructions; n++) assert_int_equal(isa_run(&b->h, 1), 1);
}

/* All instructions have been decoded before, in a run without the buffer of which nothing else stays: decoding
 * empties it. */
static void program(const u8 *bytes, size_t n, unsigned instructions)
{
    u64 registers[REG_FILE];
    static u8 ram[EXEC_RAM];
    exec_bench_put(b, EXEC_CODE, bytes, n);
    b->h.reg[REG_RIP] = EXEC_CODE;
    memcpy(registers, b->h.reg, sizeof registers);
    memcpy(ram, b->mem.host, sizeof ram);
    b->h.stores = NULL;
    run(instructions);
    memcpy(b->mem.host, ram, sizeof ram);
    memcpy(b->h.reg, registers, sizeof registers);
    soft_tlb_flush(&b->h.soft);
    b->h.stores = &stores;
}

#define PROGRAM(instructions, ...) program((const u8[]){__VA_ARGS__}, sizeof((const u8[]){__VA_ARGS__}), instructions)

#define STORE     0x48, 0x89, 0x03       /* mov %rax, (%rbx) */
#define LOAD      0x48, 0x8b, 0x0b       /* mov (%rbx), %rcx */
#define REGISTERS 0x48, 0x01, 0xca       /* add %rcx, %rdx */
#define ADVANCE   0x48, 0x83, 0xc3, 0x08 /* add $8, %rbx */

static int set_up(void **state)
{
    (void)state;
    b = exec_bench_new();
    store_buffer_init(&stores, 4, &b->h);
    b->h.reg[REG_RAX] = 0x1122334455667788;
    b->h.reg[REG_RBX] = EXEC_DATA;
    b->h.reg[REG_RSP] = EXEC_STACK;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    exec_bench_free(b);
    return 0;
}

/* What others see. */
static u64 visible(u64 at)
{
    return physmem_read64(&b->mem, HPA(at));
}

static void a_store_waits_and_its_own_hart_sees_it(void **state)
{
    (void)state;
    PROGRAM(3, STORE, LOAD, REGISTERS);
    run(1);
    assert_int_equal(visible(EXEC_DATA), 0);
    run(2);
    assert_int_equal(b->h.reg[REG_RCX], 0x1122334455667788);
    assert_int_equal(visible(EXEC_DATA), 0);
    assert_int_equal(stores.n, 1);
    assert_int_equal(stores.stats.buffered, 1);
    assert_int_equal(stores.stats.forwards, 1);
}

static void a_load_takes_each_byte_of_its_youngest_store_and_the_rest_of_memory(void **state)
{
    (void)state;
    physmem_write64(&b->mem, HPA(EXEC_DATA), 0xa0a1a2a3a4a5a6a7);
    physmem_write64(&b->mem, HPA(EXEC_DATA + 8), 0xb0b1b2b3b4b5b6b7);
    /* mov %rax, 4(%rbx); movb $0xee, 5(%rbx); mov (%rbx), %rcx; mov 8(%rbx), %rsi; mov 12(%rbx), %rdi */
    PROGRAM(5, 0x48, 0x89, 0x43, 0x04, 0xc6, 0x43, 0x05, 0xee, LOAD, 0x48, 0x8b, 0x73, 0x08, 0x48, 0x8b, 0x7b, 0x0c);
    run(5);
    assert_int_equal(b->h.reg[REG_RCX], 0x5566ee88a4a5a6a7);
    assert_int_equal(b->h.reg[REG_RSI], 0xb0b1b2b311223344);
    assert_int_equal(b->h.reg[REG_RDI], 0xb0b1b2b3);
    assert_int_equal(stores.stats.forwards, 2);
    assert_int_equal(stores.n, 2);
}

static void the_oldest_makes_room(void **state)
{
    (void)state;
    PROGRAM(9, STORE, ADVANCE, STORE, ADVANCE, STORE, ADVANCE, STORE, ADVANCE, STORE);
    run(7);
    assert_int_equal(stores.n, 4);
    assert_int_equal(visible(EXEC_DATA), 0);
    run(2);
    assert_int_equal(stores.n, 4);
    assert_int_equal(visible(EXEC_DATA), 0x1122334455667788);
    assert_int_equal(visible(EXEC_DATA + 8), 0);
}

static void a_store_waits_no_longer_than_so_many_instructions(void **state)
{
    (void)state;
    static const u8 store[] = {STORE}, registers[] = {REGISTERS};
    u8 code[sizeof store + (STORE_AGE_MAX + 1) * sizeof registers];
    memcpy(code, store, sizeof store);
    for (unsigned n = 0; n <= STORE_AGE_MAX; n++) memcpy(code + sizeof store + n * sizeof registers, registers, sizeof registers);
    program(code, sizeof code, 2 + STORE_AGE_MAX);
    run(1 + STORE_AGE_MAX);
    assert_int_equal(visible(EXEC_DATA), 0);
    run(1);
    assert_int_equal(visible(EXEC_DATA), 0x1122334455667788);
    assert_int_equal(stores.stats.drains, 0);
}

/* Each is one instruction that must find all stores before it in memory. */
static const struct drain {
    const char *name;
    u8 bytes[8], n;
} drains[] = {
    {"mfence", {0x0f, 0xae, 0xf0}, 3},
    {"sfence", {0x0f, 0xae, 0xf8}, 3},
    {"a locked addition elsewhere", {0xf0, 0x48, 0x83, 0x43, 0x40, 0x01}, 6},
    {"xchg with memory", {0x48, 0x87, 0x4b, 0x40}, 4},
    {"an addition to memory", {0x48, 0x83, 0x43, 0x40, 0x01}, 5},
    {"cpuid", {0x0f, 0xa2}, 2},
    {"out", {0xe6, 0x80}, 2},
    {"rep stosb", {0xf3, 0xaa}, 2},
    {"pause", {0xf3, 0x90}, 2},
};

static void what_is_no_move_comes_behind_all_stores(void **state)
{
    (void)state;
    for (unsigned n = 0; n < ARRAY_LEN(drains); n++) {
        u64 at = EXEC_DATA + 0x100 * n;
        static const u8 store[] = {STORE};
        exec_bench_put(b, EXEC_CODE + sizeof store, drains[n].bytes, drains[n].n);
        b->h.reg[REG_RBX] = at;
        b->h.reg[REG_RAX] = 0x1122334455667788;
        b->h.reg[REG_RCX] = 0;
        program(store, sizeof store, 2);
        run(1);
        if (visible(at)) fail_msg("%s: the store did not wait", drains[n].name);
        run(1);
        if (visible(at) != 0x1122334455667788) fail_msg("%s: the store still waits", drains[n].name);
        assert_int_equal(stores.n, 0);
        assert_int_equal(stores.stats.drains, n + 1);
    }
}

/* push %rax; call; ret; pop %rcx */
static void pushes_and_calls_wait_and_returns_see_them(void **state)
{
    (void)state;
    exec_bench_put(b, EXEC_CODE + 0x10, (const u8[]){0xc3}, 1);
    PROGRAM(4, 0x50, 0xe8, 0x0a, 0x00, 0x00, 0x00, 0x59);
    run(2);
    assert_int_equal(stores.n, 2);
    assert_int_equal(visible(EXEC_STACK - 8), 0);
    assert_int_equal(b->h.reg[REG_RIP], EXEC_CODE + 0x10);
    run(2);
    assert_int_equal(b->h.reg[REG_RCX], 0x1122334455667788);
    assert_int_equal(b->h.reg[REG_RIP], EXEC_CODE + 7);
    assert_int_equal(stores.n, 2);
}

static void a_store_to_decoded_code_is_done_at_once_behind_the_others(void **state)
{
    (void)state;
    b->h.reg[REG_RSI] = EXEC_CODE + 0x800;
    PROGRAM(2, STORE, 0x48, 0x89, 0x06); /* mov %rax, (%rsi) */
    run(2);
    assert_int_equal(stores.n, 0);
    assert_int_equal(visible(EXEC_DATA), 0x1122334455667788);
    assert_int_equal(visible(EXEC_CODE + 0x800), 0x1122334455667788);
}

static void code_that_was_just_stored_is_what_runs(void **state)
{
    (void)state;
    PROGRAM(2, STORE, 0xff, 0xe3); /* jmp *%rbx */
    b->h.reg[REG_RAX] = 0xc3c3c3c3c1ff48; /* inc %rcx */
    b->h.reg[REG_RCX] = 41;
    run(2);
    assert_int_equal(visible(EXEC_DATA), 0);
    run(1);
    assert_int_equal(b->h.reg[REG_RCX], 42);
}

static void a_fault_is_delivered_behind_all_stores(void **state)
{
    (void)state;
    PROGRAM(1, STORE);
    run(1);
    b->h.fault = (struct fault){.kind = FAULT_EXCEPTION, .vector = VEC_UD};
    isa_raise(&b->h);
    assert_int_equal(visible(EXEC_DATA), 0x1122334455667788);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_store_waits_and_its_own_hart_sees_it),
        TEST(a_load_takes_each_byte_of_its_youngest_store_and_the_rest_of_memory),
        TEST(the_oldest_makes_room),
        TEST(a_store_waits_no_longer_than_so_many_instructions),
        TEST(what_is_no_move_comes_behind_all_stores),
        TEST(pushes_and_calls_wait_and_returns_see_them),
        TEST(a_store_to_decoded_code_is_done_at_once_behind_the_others),
        TEST(code_that_was_just_stored_is_what_runs),
        TEST(a_fault_is_delivered_behind_all_stores),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
