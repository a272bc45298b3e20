/* The timeline's file, read back by a JSON parser: slices one behind another, walks on lanes, regions, cuts in the middle. */
#include "models/board/timeline.h"
#include "models/sim/kernel.h"
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

struct bench {
    struct clock clock;
    struct timeline_file file;
    struct timeline t;
    char path[32];
    json_t *events;
};

static struct bench *bench_new(void)
{
    struct bench *b = calloc(1, sizeof *b);
    kernel_init();
    clock_init(&b->clock, "clock", 2000000000, true); /* a cycle is half a nanosecond */
    strcpy(b->path, "/tmp/timeline-XXXXXX");
    close(mkstemp(b->path));
    assert_true(timeline_open(&b->file, b->path, &b->clock, 1));
    timeline_init(&b->t, &b->file, 0);
    return b;
}

static void bench_free(struct bench *b)
{
    unlink(b->path);
    json_decref(b->events);
    clock_fini(&b->clock);
    kernel_fini();
    free(b);
}

static void finish(struct bench *b, u64 cycle, enum world world)
{
    json_error_t error;
    timeline_pause(&b->t, cycle, world);
    timeline_close(&b->file);
    b->events = json_load_file(b->path, 0, &error);
    if (!b->events) fail_msg("line %d: %s", error.line, error.text);
}

/* The n-th slice. */
static json_t *slice(const struct bench *b, unsigned n)
{
    size_t i;
    json_t *e;
    json_array_foreach(b->events, i, e)
    {
        if (!strcmp(json_string_value(json_object_get(e, "ph")), "X") && n-- == 0) return e;
    }
    return NULL;
}

static const char *text(json_t *object, const char *key) { return json_string_value(json_object_get(object, key)); }
static json_t *argument(json_t *event, const char *key) { return json_object_get(json_object_get(event, "args"), key); }

static void expect_slice(const struct bench *b, unsigned n, const char *category, const char *name, u64 begin, u64 end)
{
    json_t *e = slice(b, n);
    assert_non_null(e);
    assert_string_equal(text(e, "cat"), category);
    assert_string_equal(text(e, "name"), name);
    assert_int_equal(json_integer_value(argument(e, "cycles")), end - begin);
    assert_true(json_real_value(json_object_get(e, "ts")) == (double)begin * 0.0005);
    assert_true(json_real_value(json_object_get(e, "dur")) == (double)(end - begin) * 0.0005);
}

static void transition(struct bench *b, enum transition_kind kind, enum exit_reason reason, u64 begin, u64 end)
{
    struct vm_transition t = {.kind = (u8)kind, .reason = (u16)reason};
    timeline_transition_begins(&b->t, &t, begin);
    if (end) timeline_transition_ends(&b->t, end);
}

static void take_exit(struct bench *b, const struct vmx_exit_event *e, const char *place, u64 begin, u64 end)
{
    timeline_note_exit(&b->t, e, place);
    transition(b, TRANSITION_EXIT, e->reason, begin, end);
}

static const struct vmx_exit_event io = {
    .reason = EXIT_io_instruction, .qualification = 0x03f80000, .guest_rip = 0x101000, .guest_linear = 0x22, .guest_physical = 0x33};

static void worlds_and_transitions_stand_one_behind_another(void **state)
{
    (void)state;
    struct bench *b = bench_new();
    timeline_resume(&b->t, 10);
    transition(b, TRANSITION_ENTRY, EXIT_exception_or_nmi, 30, 40);
    take_exit(b, &io, "put+0x2 (a.c:3)", 100, 117);
    transition(b, TRANSITION_ENTRY, EXIT_io_instruction, 150, 160);
    finish(b, 200, WORLD_GUEST);
    expect_slice(b, 0, "hypervisor", "hypervisor", 10, 30);
    expect_slice(b, 1, "entry", "entry", 30, 40);
    expect_slice(b, 2, "guest", "guest", 40, 100);
    expect_slice(b, 3, "exit", "exit io_instruction", 100, 117);
    expect_slice(b, 4, "hypervisor", "hypervisor: io_instruction", 117, 150);
    expect_slice(b, 5, "entry", "entry", 150, 160);
    expect_slice(b, 6, "guest", "guest", 160, 200);
    assert_null(slice(b, 7));
    assert_null(argument(slice(b, 1), "reason")); /* no exit came before the first entry */
    assert_string_equal(json_string_value(argument(slice(b, 5), "reason")), "io_instruction");
    bench_free(b);
}

static void an_exit_tells_what_it_was_and_where(void **state)
{
    (void)state;
    struct bench *b = bench_new();
    timeline_resume(&b->t, 0);
    take_exit(b, &io, "odd \"name\"\\+0x2", 5, 9);
    finish(b, 9, WORLD_ROOT);
    json_t *e = slice(b, 1);
    assert_string_equal(json_string_value(argument(e, "meaning")), "OUT 1 byte to port 0x3f8");
    assert_string_equal(json_string_value(argument(e, "place")), "odd \"name\"\\+0x2");
    assert_string_equal(json_string_value(argument(e, "qualification")), "0x3f80000");
    assert_string_equal(json_string_value(argument(e, "guest_rip")), "0x101000");
    assert_string_equal(json_string_value(argument(e, "guest_linear")), "0x22");
    assert_string_equal(json_string_value(argument(e, "guest_physical")), "0x33");
    bench_free(b);
}

static void a_failed_entry_is_not_an_exit_and_the_hypervisor_goes_on(void **state)
{
    (void)state;
    struct bench *b = bench_new();
    struct vmx_exit_event e = {.reason = EXIT_entry_failure_guest_state, .qualification = 4};
    timeline_resume(&b->t, 0);
    timeline_note_exit(&b->t, &e, "");
    transition(b, TRANSITION_ENTRY_FAILED, e.reason, 10, 20);
    finish(b, 30, WORLD_ROOT);
    expect_slice(b, 1, "entry", "entry failed", 10, 20);
    assert_string_equal(json_string_value(argument(slice(b, 1), "meaning")), "VMCS link pointer");
    expect_slice(b, 2, "hypervisor", "hypervisor: entry_failure_guest_state", 20, 30);
    bench_free(b);
}

static void a_run_cut_inside_a_transition_ends_it_there(void **state)
{
    (void)state;
    struct bench *b = bench_new();
    timeline_resume(&b->t, 0);
    timeline_note_exit(&b->t, &io, "");
    transition(b, TRANSITION_EXIT, EXIT_io_instruction, 10, 0);
    finish(b, 14, WORLD_ROOT);
    expect_slice(b, 1, "exit", "exit io_instruction", 10, 14);
    assert_null(slice(b, 2));
    bench_free(b);
}

static void only_the_region_stays(void **state)
{
    (void)state;
    struct bench *b = bench_new();
    timeline_resume(&b->t, 0);
    take_exit(b, &io, "", 10, 20);
    timeline_restart(&b->file);
    timeline_region_begin(&b->t, 50);
    transition(b, TRANSITION_ENTRY, EXIT_io_instruction, 60, 70);
    timeline_region_end(&b->t, 80, WORLD_GUEST);
    take_exit(b, &io, "", 90, 95);
    finish(b, 100, WORLD_ROOT);
    expect_slice(b, 0, "hypervisor", "hypervisor: io_instruction", 50, 60);
    expect_slice(b, 1, "entry", "entry", 60, 70);
    expect_slice(b, 2, "guest", "guest", 70, 80);
    assert_null(slice(b, 3));
    bench_free(b);
}

static void what_no_core_times_is_not_told(void **state)
{
    (void)state;
    struct bench *b = bench_new();
    take_exit(b, &io, "", 10, 20);
    timeline_resume(&b->t, 30);
    timeline_pause(&b->t, 40, WORLD_NATIVE);
    timeline_resume(&b->t, 60);
    finish(b, 60, WORLD_NATIVE);
    expect_slice(b, 0, "native", "native", 30, 40);
    assert_null(slice(b, 1)); /* a stay of no cycles is none */
    bench_free(b);
}

static void walk(struct bench *b, u64 begin, u64 end)
{
    struct walk_ledger w = {.va = VA(0x7000), .access = ACCESS_WRITE, .n_refs = 3, .nested = true};
    w.ref[0].dim = w.ref[1].dim = DIM_HOST;
    timeline_walk(&b->t, &w, begin, end);
}

static json_int_t thread(const struct bench *b, unsigned n) { return json_integer_value(json_object_get(slice(b, n), "tid")); }

static void walks_at_once_have_lanes_of_their_own(void **state)
{
    (void)state;
    struct bench *b = bench_new();
    timeline_resume(&b->t, 0);
    walk(b, 10, 20);
    walk(b, 15, 30);
    walk(b, 20, 35); /* behind the first */
    walk(b, 30, 36); /* behind the second */
    finish(b, 0, WORLD_GUEST);
    assert_int_equal(thread(b, 0), 2);
    assert_int_equal(thread(b, 1), 3);
    assert_int_equal(thread(b, 2), 2);
    assert_int_equal(thread(b, 3), 3);
    assert_int_equal(json_integer_value(argument(slice(b, 0), "references")), 3);
    assert_int_equal(json_integer_value(argument(slice(b, 0), "guest")), 1);
    assert_int_equal(json_integer_value(argument(slice(b, 0), "host")), 2);
    assert_string_equal(json_string_value(argument(slice(b, 0), "access")), "write");
    expect_slice(b, 0, "walk", "walk in two dimensions", 10, 20);
    bench_free(b);
}

static void processors_are_processes_with_slices_of_their_own(void **state)
{
    (void)state;
    struct bench *b = bench_new();
    struct timeline other;
    b->file.cpus = 0x6;
    timeline_restart(&b->file);
    timeline_init(&b->t, &b->file, 1);
    timeline_init(&other, &b->file, 2);
    timeline_resume(&b->t, 0);
    timeline_resume(&other, 5);
    take_exit(b, &io, "", 10, 20);
    timeline_pause(&other, 30, WORLD_NATIVE);
    finish(b, 40, WORLD_ROOT);
    assert_int_equal(json_array_size(b->events), 6 + 4);
    assert_string_equal(json_string_value(argument(json_array_get(b->events, 0), "name")), "cpu1");
    assert_string_equal(json_string_value(argument(json_array_get(b->events, 3), "name")), "cpu2");
    static const json_int_t process[] = {2, 2, 3, 2};
    for (unsigned n = 0; n < ARRAY_LEN(process); n++) assert_int_equal(json_integer_value(json_object_get(slice(b, n), "pid")), process[n]);
    expect_slice(b, 2, "native", "native", 5, 30);
    expect_slice(b, 3, "hypervisor", "hypervisor: io_instruction", 20, 40);
    bench_free(b);
}

static void without_a_path_nothing_happens(void **state)
{
    (void)state;
    struct timeline_file file;
    struct timeline t;
    assert_true(timeline_open(&file, NULL, NULL, 1));
    timeline_init(&t, &file, 0);
    timeline_resume(&t, 0);
    timeline_restart(&file);
    timeline_region_begin(&t, 5);
    timeline_note_exit(&t, &io, "");
    timeline_region_end(&t, 10, WORLD_GUEST);
    timeline_pause(&t, 20, WORLD_GUEST);
    timeline_close(&file);
    assert_null(file.out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(worlds_and_transitions_stand_one_behind_another),
        cmocka_unit_test(an_exit_tells_what_it_was_and_where),
        cmocka_unit_test(a_failed_entry_is_not_an_exit_and_the_hypervisor_goes_on),
        cmocka_unit_test(a_run_cut_inside_a_transition_ends_it_there),
        cmocka_unit_test(only_the_region_stays),
        cmocka_unit_test(what_no_core_times_is_not_told),
        cmocka_unit_test(walks_at_once_have_lanes_of_their_own),
        cmocka_unit_test(processors_are_processes_with_slices_of_their_own),
        cmocka_unit_test(without_a_path_nothing_happens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
