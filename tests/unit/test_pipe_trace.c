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

static const char *place(void *self, enum world world, u64 pc)
{
    (void)self;
    return world == WORLD_GUEST && pc == 0x1000 ? "put (a.c:3)" : "";
}

/* Two micro-operations of one instruction. */
static void play_store(u32 index, u64 cycle)
{
    pipe_trace_fetch(&t, cycle, WORLD_GUEST, 0x1000);
    pipe_trace_stall(&t, PIPE_FETCHED, cycle, PIPE_WALK);
    pipe_trace_decode(&t, index, cycle + 5, "mov ds:[rax], ebx  [sta]");
    pipe_trace_stage(&t, index, cycle + 5, PIPE_QUEUE);
    pipe_trace_begin(&t, index + 1, cycle + 5, 0x1000, 1, "[std]");
    pipe_trace_stage(&t, index + 1, cycle + 5, PIPE_QUEUE);
    for (u32 i = index; i < index + 2; i++) pipe_trace_stage(&t, i, cycle + 7, PIPE_RENAME);
    pipe_trace_wait(&t, index + 1, index, cycle + 7);
    for (u32 i = index; i < index + 2; i++) pipe_trace_stage(&t, i, cycle + 8, PIPE_EXECUTE);
    pipe_trace_stall(&t, index, cycle + 9, PIPE_STLB);
    for (u32 i = index; i < index + 2; i++) pipe_trace_stage(&t, i, cycle + 12, PIPE_COMPLETE);
    for (u32 i = index; i < index + 2; i++) pipe_trace_retire(&t, i, cycle + 13);
}

static void kanata_tells_events_in_order_of_time(void **state)
{
    (void)state;
    open_trace(PIPE_KANATA, 0, 10);
    t.place = place;
    play_store(5, 100);
    expect("Kanata\t0004\nC=\t100\nI\t0\t0\t0\nL\t0\t1\tguest world, put (a.c:3)\\n\nS\t0\t0\tF\nS\t0\t1\tWk\n"
           "C\t5\nE\t0\t1\tWk\nL\t0\t0\t0x1000.0  mov ds [rax], ebx  [sta]\nS\t0\t0\tDc\n"
           "I\t1\t0\t0\nL\t1\t0\t0x1000.1  [std]\nS\t1\t0\tDc\n"
           "C\t2\nS\t0\t0\tRn\nS\t1\t0\tRn\nW\t1\t0\t0\nC\t1\nS\t0\t0\tEx\nS\t1\t0\tEx\nC\t1\nS\t0\t1\tTl\n"
           "C\t3\nE\t0\t1\tTl\nS\t0\t0\tCm\nS\t1\t0\tCm\nC\t1\nR\t0\t0\t0\nR\t1\t1\t0\n");
}

static void o3pipeview_tells_a_life_at_its_end(void **state)
{
    (void)state;
    open_trace(PIPE_O3PIPEVIEW, 0, 10);
    play_store(5, 100);
    expect("O3PipeView:fetch:101000:0x0000000000001000:0:0:mov ds [rax], ebx  [sta] {Tl} {Wk}\nO3PipeView:decode:106000\n"
           "O3PipeView:rename:108000\nO3PipeView:dispatch:108000\nO3PipeView:issue:109000\n"
           "O3PipeView:complete:113000\nO3PipeView:retire:114000:store:0\n"
           "O3PipeView:fetch:106000:0x0000000000001000:1:1:[std]\nO3PipeView:decode:106000\n"
           "O3PipeView:rename:108000\nO3PipeView:dispatch:108000\nO3PipeView:issue:109000\n"
           "O3PipeView:complete:113000\nO3PipeView:retire:114000:store:0\n");
}

/* A comparison of the window or in front of it, and the jump that is fused with it. */
static void play_fused(bool traced)
{
    if (traced) {
        pipe_trace_fetch(&t, 10, WORLD_NATIVE, 0x1000);
        pipe_trace_decode(&t, 3, 10, "cmp eax, ebx  [branch]");
        pipe_trace_stage(&t, 3, 10, PIPE_QUEUE);
    }
    pipe_trace_fetch(&t, 11, WORLD_NATIVE, 0x1002);
    pipe_trace_mark(&t, 3, 11, "  [mispredicted]");
    pipe_trace_fuse(&t, 3, 11, "jz 0x1000");
    pipe_trace_stage(&t, 3, 12, PIPE_RENAME);
    pipe_trace_stage(&t, 3, 12, PIPE_COMPLETE);
    pipe_trace_retire(&t, 3, 14);
}

static void a_fused_jump_is_a_row_that_retires_with_its_comparison(void **state)
{
    (void)state;
    open_trace(PIPE_KANATA, 0, 10);
    play_fused(true);
    expect("Kanata\t0004\nC=\t10\nI\t0\t0\t0\nS\t0\t0\tF\nL\t0\t0\t0x1000.0  cmp eax, ebx  [branch]\nS\t0\t0\tDc\n"
           "C\t1\nI\t1\t1\t0\nS\t1\t0\tF\nL\t0\t0\t  [mispredicted]\nL\t1\t0\t0x1002.0  jz 0x1000\nS\t1\t0\tFu\n"
           "C\t1\nS\t0\t0\tRn\nS\t0\t0\tCm\nC\t2\nR\t0\t0\t0\nR\t1\t1\t0\n");
}

static void a_jump_whose_comparison_is_not_traced_retires_all_the_same(void **state)
{
    (void)state;
    open_trace(PIPE_KANATA, 0, 10);
    play_fused(false);
    expect("Kanata\t0004\nC=\t11\nI\t0\t0\t0\nS\t0\t0\tF\nL\t0\t0\t0x1002.0  jz 0x1000\nS\t0\t0\tFu\nC\t3\nR\t0\t0\t0\n");
}

static void stages_that_were_not_entered_take_the_tick_before(void **state)
{
    (void)state;
    open_trace(PIPE_O3PIPEVIEW, 0, 10);
    play_fused(true); /* neither issues: tick 0 would mean flushed */
    expect("O3PipeView:fetch:11000:0x0000000000001000:0:0:cmp eax, ebx  [branch]  [mispredicted]\nO3PipeView:decode:11000\n"
           "O3PipeView:rename:13000\nO3PipeView:dispatch:13000\nO3PipeView:issue:13000\nO3PipeView:complete:13000\n"
           "O3PipeView:retire:15000:store:0\n"
           "O3PipeView:fetch:12000:0x0000000000001002:0:1:jz 0x1000\nO3PipeView:decode:12000\n"
           "O3PipeView:rename:13000\nO3PipeView:dispatch:13000\nO3PipeView:issue:13000\nO3PipeView:complete:13000\n"
           "O3PipeView:retire:15000:store:0\n");
}

static void fetch(unsigned i)
{
    pipe_trace_fetch(&t, i, WORLD_NATIVE, 0x1000 + i);
}

static void a_window_skips_and_counts_instructions(void **state)
{
    (void)state;
    open_trace(PIPE_KANATA, 2, 3);
    for (unsigned i = 0; i < 8; i++) {
        fetch(i);
        assert_int_equal(pipe_trace_has_fetched(&t), i >= 2 && i < 5);
    }
    pipe_trace_restart(&t);
    for (unsigned i = 0; i < 3; i++) {
        fetch(i);
        assert_int_equal(pipe_trace_has_fetched(&t), i >= 2);
    }
    pipe_trace_stop(&t);
    fetch(3);
    assert_false(pipe_trace_has_fetched(&t));
    expect("Kanata\t0004\nC=\t2\nI\t0\t2\t0\nS\t0\t0\tF\n");
}

static void what_is_not_traced_leaves_no_line(void **state)
{
    (void)state;
    open_trace(PIPE_KANATA, 0, 10);
    pipe_trace_stage(&t, 7, 50, PIPE_EXECUTE);
    pipe_trace_stall(&t, 7, 50, PIPE_WALK);
    pipe_trace_detail(&t, 7, 50, "nothing");
    pipe_trace_retire(&t, 7, 60);
    expect("Kanata\t0004\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kanata_tells_events_in_order_of_time),
        cmocka_unit_test(o3pipeview_tells_a_life_at_its_end),
        cmocka_unit_test(a_fused_jump_is_a_row_that_retires_with_its_comparison),
        cmocka_unit_test(a_jump_whose_comparison_is_not_traced_retires_all_the_same),
        cmocka_unit_test(stages_that_were_not_entered_take_the_tick_before),
        cmocka_unit_test(a_window_skips_and_counts_instructions),
        cmocka_unit_test(what_is_not_traced_leaves_no_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
