/* test_pipe_trace.c - the files that pipeline viewers read, to the byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "models/core/ooo/pipe_trace.h"

static struct pipe_trace t;
static char path[] = "/tmp/pipe_trace_XXXXXX";

static void open_trace(enum pipe_format format, u64 skip, u64 count)
{
    strcpy(path, "/tmp/pipe_trace_XXXXXX");
    close(mkstemp(path));
    assert_true(pipe_trace_open(&t, path, format, skip, count));
}

static void expect(const char *text)
{
    char got[2048];
    pipe_trace_close(&t);
    FILE *f = fopen(path, "r");
    got[fread(got, 1, sizeof got - 1, f)] = '\0';
    fclose(f);
    unlink(path);
    assert_string_equal(got, text);
}

static void play_one(u32 index, u64 cycle)
{
    pipe_trace_begin(&t, index, cycle, 0x1000, 0, "mov ds:[rax], ebx");
    pipe_trace_stage(&t, index, cycle, PIPE_QUEUE);
    pipe_trace_stage(&t, index, cycle + 2, PIPE_RENAME);
    pipe_trace_stage(&t, index, cycle + 3, PIPE_EXECUTE);
    pipe_trace_stage(&t, index, cycle + 7, PIPE_COMPLETE);
    pipe_trace_retire(&t, index, cycle + 7);
}

static void kanata_tells_events_in_order_of_time(void **state)
{
    (void)state;
    open_trace(PIPE_KANATA, 0, 10);
    assert_true(pipe_trace_next(&t));
    play_one(5, 100);
    expect("Kanata\t0004\nC=\t100\nI\t0\t1\t0\nL\t0\t0\t0x1000.0  mov ds [rax], ebx\nS\t0\t0\tF\n"
           "C\t2\nS\t0\t0\tRn\nC\t1\nS\t0\t0\tEx\nC\t4\nS\t0\t0\tCm\nR\t0\t0\t0\n");
}

static void o3pipeview_tells_a_life_at_its_end(void **state)
{
    (void)state;
    open_trace(PIPE_O3PIPEVIEW, 0, 10);
    play_one(5, 100);
    expect("O3PipeView:fetch:100000:0x0000000000001000:0:0:mov ds [rax], ebx\nO3PipeView:decode:100000\n"
           "O3PipeView:rename:102000\nO3PipeView:dispatch:102000\nO3PipeView:issue:103000\n"
           "O3PipeView:complete:107000\nO3PipeView:retire:107000:store:0\n");
}

static void a_window_skips_and_counts_instructions(void **state)
{
    (void)state;
    open_trace(PIPE_KANATA, 2, 3);
    for (unsigned i = 0; i < 8; i++) assert_int_equal(pipe_trace_next(&t), i >= 2 && i < 5);
    pipe_trace_restart(&t);
    for (unsigned i = 0; i < 3; i++) assert_int_equal(pipe_trace_next(&t), i >= 2);
    pipe_trace_stop(&t);
    assert_false(pipe_trace_next(&t));
    expect("Kanata\t0004\n");
}

static void what_is_not_traced_leaves_no_line(void **state)
{
    (void)state;
    open_trace(PIPE_KANATA, 0, 10);
    pipe_trace_stage(&t, 7, 50, PIPE_EXECUTE);
    pipe_trace_retire(&t, 7, 60);
    expect("Kanata\t0004\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kanata_tells_events_in_order_of_time),
        cmocka_unit_test(o3pipeview_tells_a_life_at_its_end),
        cmocka_unit_test(a_window_skips_and_counts_instructions),
        cmocka_unit_test(what_is_not_traced_leaves_no_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
