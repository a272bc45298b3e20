/* test_instruction_reference.c - what single instructions take on Skylake's tables, and how many micro-operations they
 * are, beside what others say: results/reference/instructions-skylake.csv. Micro-operations are equal, latencies within
 * one cycle of all copies, throughputs within a twentieth beside it. */
#include "tests/timing/instruction_bench.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

#define FIELDS     6
#define MOST_BYTES 24

enum field { FIELD_NAME, FIELD_CHAIN, FIELD_LATENCY, FIELD_STREAM, FIELD_THROUGHPUT, FIELD_UOPS };

/* Cuts a line at commas outside of quotes. */
static void split(char *line, char *field[FIELDS])
{
    bool quoted = false;
    unsigned n = 0;
    line[strcspn(line, "\n")] = 0;
    field[n++] = line;
    for (char *c = line; *c; c++) {
        if (*c == '"') quoted = !quoted;
        if (*c != ',' || quoted) continue;
        *c = 0;
        assert_true(n < FIELDS);
        field[n++] = c + 1;
    }
    assert_int_equal(n, FIELDS);
}

static unsigned read_hex(const char *text, u8 bytes[MOST_BYTES])
{
    unsigned n = 0, byte;
    for (; sscanf(text + 2 * n, "%2x", &byte) == 1; n++) {
        assert_true(n < MOST_BYTES);
        bytes[n] = (u8)byte;
    }
    return n;
}

static bool agrees(const char *name, const char *what, double simulated, const char *reference, double tolerance)
{
    double expected = atof(reference);
    if (fabs(simulated - expected) <= expected * tolerance + 1.0 / COPIES) return true;
    print_error("%s: %s %.2f, the reference says %s\n", name, what, simulated, reference);
    return false;
}

/* Number of figures that differ. */
static unsigned check_code(const struct pc_cfg *cfg, char *const field[FIELDS], enum field bytes_of, double tolerance)
{
    u8 bytes[MOST_BYTES];
    if (!*field[bytes_of]) return 0;
    struct bench_code code = {.name = field[FIELD_NAME], .mode = 64, .bytes = bytes};
    code.n_bytes = read_hex(field[bytes_of], bytes);
    struct bench_cost cost = instruction_cost(cfg, &code);
    const char *what = bytes_of == FIELD_CHAIN ? "latency" : "reciprocal throughput";
    return !agrees(code.name, what, cost.cycles, field[bytes_of + 1], tolerance) +
           !agrees(code.name, "micro-operations", cost.uops, field[FIELD_UOPS], 0);
}

static void skylake_agrees_with_its_reference(void **state)
{
    (void)state;
    struct pc_cfg cfg = instruction_cfg(TABLE_SKYLAKE);
    char line[256], *field[FIELDS];
    unsigned rows = 0, wrong = 0;
    FILE *f = fopen(GIGOGNE_SOURCE "/results/reference/instructions-skylake.csv", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f)) {
        if (line[0] == '#' || strncmp(line, "instruction,", 12) == 0) continue;
        split(line, field);
        rows++;
        wrong += check_code(&cfg, field, FIELD_CHAIN, 0) + check_code(&cfg, field, FIELD_STREAM, 0.05);
    }
    fclose(f);
    assert_true(rows >= 70);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(skylake_agrees_with_its_reference)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
