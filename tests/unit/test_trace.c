/* test_trace.c - category traces, the ring that a failing assertion prints, and the progress line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "models/sim/check.h"
#include "models/sim/kernel.h"
#include "models/sim/progress.h"
#include "models/sim/trace.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static char path[64];
static struct trace *trace;
static char heard[65536];

static int setup(void **state)
{
    (void)state;
    strcpy(path, "/tmp/test_trace.XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    trace = NULL;
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    trace_close(trace);
    return unlink(path);
}

static void read_into_heard(FILE *f)
{
    rewind(f);
    heard[fread(heard, 1, sizeof heard - 1, f)] = 0;
    fclose(f);
}

/* Runs `body` in a process of its own, keeps what it writes to stderr, and returns how it ended. */
static int in_child(void (*body)(void))
{
    FILE *ear = tmpfile();
    pid_t child = fork();
    if (child == 0) {
        dup2(fileno(ear), STDERR_FILENO);
        signal(SIGABRT, SIG_DFL);
        body();
        fflush(stderr);
        _exit(0);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    read_into_heard(ear);
    return status;
}

static void only_selected_categories_reach_the_file(void **state)
{
    (void)state;
    assert_non_null(trace = trace_open(path, "exec,walk"));
    assert_true(trace_on(trace, TRACE_exec));
    assert_true(trace_on(trace, TRACE_walk));
    assert_false(trace_on(trace, TRACE_mem));
    trace_line(trace, TRACE_exec, 12, "cpu0", "%#x nop", 0x100000);
    trace_line(trace, TRACE_mem, 13, "cpu0", "not wanted");
    trace_line(trace, TRACE_vmx, 14, "cpu0", "kept for the ring, not asked for");
    trace_line(trace, TRACE_walk, 15, "cpu0.walker", "%d references", 24);
    fflush(trace->file);
    read_into_heard(fopen(path, "r"));
    assert_string_equal(heard, "12 cpu0 0x100000 nop\n15 cpu0.walker 24 references\n");
}

static void all_means_every_category(void **state)
{
    (void)state;
    assert_non_null(trace = trace_open(path, "all"));
    for (unsigned c = 0; c < TRACE_N_CATEGORIES; c++) assert_true(trace_on(trace, c));
}

static void without_selection_only_rare_categories_are_on(void **state)
{
    (void)state;
    assert_non_null(trace = trace_open(NULL, NULL));
    assert_true(trace_on(trace, TRACE_vmx));
    assert_true(trace_on(trace, TRACE_core));
    assert_false(trace_on(trace, TRACE_exec));
    assert_false(trace_on(trace, TRACE_dev));
}

static void a_model_without_trace_is_silent(void **state)
{
    (void)state;
    assert_false(trace_on(NULL, TRACE_vmx));
    trace_line(NULL, TRACE_vmx, 1, "cpu0", "nobody hears this");
}

static void open_unknown(void)
{
    _exit(trace_open(path, "exec,wlak") ? 0 : 2);
}
static void open_empty(void)
{
    _exit(trace_open(path, "exec,") ? 0 : 2);
}
static void open_unwritable(void)
{
    _exit(trace_open("/nonexistent/trace", "exec") ? 0 : 2);
}

static void an_unknown_category_is_refused_with_those_that_exist(void **state)
{
    (void)state;
    assert_int_equal(WEXITSTATUS(in_child(open_unknown)), 2);
    assert_string_equal(
        heard, "--trace: 'wlak' is not a category (allowed: all exec state core except mem walk "
               "vmx irq dev board)\n");
    assert_int_equal(WEXITSTATUS(in_child(open_empty)), 2);
    assert_non_null(strstr(heard, "--trace: '' is not a category"));
}

static void a_file_that_can_t_be_written_is_told(void **state)
{
    (void)state;
    assert_int_equal(WEXITSTATUS(in_child(open_unwritable)), 2);
    assert_string_equal(heard, "/nonexistent/trace: can't be written: No such file or directory\n");
}

static void the_ring_keeps_the_last_lines_in_order(void **state)
{
    (void)state;
    assert_non_null(trace = trace_open(NULL, NULL));
    for (unsigned i = 0; i < 3 * TRACE_RING_LINES + 5; i++)
        trace_line(trace, TRACE_vmx, i, "cpu0", "exit %u", i);
    FILE *out = tmpfile();
    trace_print_ring(trace, out);
    read_into_heard(out);
    char *line = heard;
    for (unsigned i = 2 * TRACE_RING_LINES + 5; i < 3 * TRACE_RING_LINES + 5; i++) {
        char expected[64];
        int bytes = snprintf(expected, sizeof expected, "    %u cpu0 exit %u\n", i, i);
        assert_memory_equal(line, expected, (size_t)bytes);
        line += bytes;
    }
    assert_string_equal(line, "");
}

static void a_long_line_is_cut_in_the_ring_only(void **state)
{
    (void)state;
    static char text[1000];
    memset(text, 'x', sizeof text - 1);
    assert_non_null(trace = trace_open(path, "vmx"));
    trace_line(trace, TRACE_vmx, 1, "cpu0", "%s", text);
    assert_int_equal(strlen(trace->ring[0]), TRACE_LINE_BYTES - 1);
    fflush(trace->file);
    read_into_heard(fopen(path, "r"));
    assert_int_equal(strlen(heard), strlen("1 cpu0 ") + sizeof text - 1 + 1);
}

static void fail_a_check(void)
{
    kernel_init();
    trace_line(trace, TRACE_vmx, 77, "cpu0", "VM exit: cpuid");
    CHECK(2 + 2 == 5, "the sum is %d", 4);
}

static void a_failing_check_tells_where_when_and_what_happened_before(void **state)
{
    (void)state;
    assert_non_null(trace = trace_open(NULL, NULL));
    int status = in_child(fail_a_check);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_non_null(strstr(heard, "gigogne: simulator error at "));
    assert_non_null(strstr(heard, "test_trace.c:"));
    assert_non_null(strstr(heard, ": the sum is 4 (2 + 2 == 5 does not hold)\n"));
    assert_non_null(strstr(heard, "  simulated time: 0 ps\n"));
    assert_non_null(strstr(heard, "  recent trace:\n    77 cpu0 VM exit: cpuid\n"));
}

static void a_holding_check_is_silent(void **state)
{
    (void)state;
    CHECK(2 + 2 == 4, "never printed");
}

/* --- the progress line --- */

static void assert_line(struct progress_state now, u64 elapsed_ms, const char *expected)
{
    char line[160];
    unsigned bytes = progress_format(line, sizeof line, &now, elapsed_ms);
    assert_string_equal(line, expected);
    assert_int_equal(bytes, strlen(expected));
}

static void progress_says_what_is_known(void **state)
{
    (void)state;
    assert_line((struct progress_state){.done = 3}, 1000, "3 done");
    assert_line((struct progress_state){.total = 10}, 1000, "0/10 done");
    assert_line((struct progress_state){.done = 5, .total = 10}, 30000, "5/10 done, 30s left");
    assert_line((struct progress_state){.done = 1, .total = 10}, 30000, "1/10 done, 4m30s left");
    assert_line((struct progress_state){.done = 1, .total = 1001}, 30000, "1/1001 done, 8h20m left");
    assert_line((struct progress_state){.done = 10, .total = 10}, 30000, "10/10 done, 0s left");
    assert_line((struct progress_state){.done = 2, .simulated_ps = 1500000000, .instructions = 80000000},
                2000, "2 done, 1.500 ms simulated, 40.0 MIPS");
}

static void a_line_is_cut_where_its_room_ends(void **state)
{
    (void)state;
    char line[12];
    struct progress_state now = {.done = 123456, .total = 999999};
    assert_int_equal(progress_format(line, sizeof line, &now, 10), 11);
    assert_string_equal(line, "123456/9999");
}

static void progress_is_silent_in_a_pipe(void **state)
{
    (void)state;
    FILE *out = tmpfile();
    struct progress *p = progress_new(out);
    assert_false(progress_is_shown(p));
    usleep((PROGRESS_INTERVAL_MS + 20) * 1000);
    progress_update(p, 1, 2, 0, 0);
    progress_free(p);
    read_into_heard(out);
    assert_string_equal(heard, "");
}

static void progress_on_a_terminal_writes_over_its_old_line_and_clears_it(void **state)
{
    (void)state;
    int master = posix_openpt(O_RDWR | O_NOCTTY);
    assert_int_equal(grantpt(master), 0);
    assert_int_equal(unlockpt(master), 0);
    FILE *out = fopen(ptsname(master), "w");
    struct progress *p = progress_new(out);
    assert_true(progress_is_shown(p));
    progress_update(p, 5, 0, 0, 0); /* too early */
    usleep((PROGRESS_INTERVAL_MS + 20) * 1000);
    progress_update(p, 100, 0, 0, 0);
    usleep((PROGRESS_INTERVAL_MS + 20) * 1000);
    progress_update(p, 7, 0, 0, 0);
    progress_free(p);
    fclose(out);
    ssize_t bytes, total = 0;
    while ((bytes = read(master, heard + total, 100)) > 0) total += bytes;
    heard[total] = 0;
    assert_string_equal(heard, "\r100 done\r7 done  \r      \r");
    close(master);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(only_selected_categories_reach_the_file),
        T(all_means_every_category),
        T(without_selection_only_rare_categories_are_on),
        T(a_model_without_trace_is_silent),
        T(an_unknown_category_is_refused_with_those_that_exist),
        T(a_file_that_can_t_be_written_is_told),
        T(the_ring_keeps_the_last_lines_in_order),
        T(a_long_line_is_cut_in_the_ring_only),
        T(a_failing_check_tells_where_when_and_what_happened_before),
        T(a_holding_check_is_silent),
        cmocka_unit_test(progress_says_what_is_known),
        cmocka_unit_test(a_line_is_cut_where_its_room_ends),
        cmocka_unit_test(progress_is_silent_in_a_pipe),
        cmocka_unit_test(progress_on_a_terminal_writes_over_its_old_line_and_clears_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
