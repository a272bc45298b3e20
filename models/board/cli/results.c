#include "models/board/cli/results.h"
#include "models/sim/check.h"
#include "models/sim/files.h"
#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LEDGER_COLUMNS 11

static const char schema[] =
    "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;"
    "CREATE TABLE modes(mode TEXT PRIMARY KEY, label TEXT, position INTEGER) WITHOUT ROWID;"
    "CREATE TABLE runs(run INTEGER PRIMARY KEY, name TEXT UNIQUE, \"group\" TEXT, bench TEXT, words TEXT, "
    "varied TEXT,"
    "                  mode TEXT, label TEXT, preset TEXT, image TEXT);"
    "CREATE TABLE words(run INTEGER, key TEXT, value TEXT, number REAL, PRIMARY KEY(run, key)) WITHOUT ROWID;"
    "CREATE TABLE stats(run INTEGER, path TEXT, value INTEGER, PRIMARY KEY(run, path)) WITHOUT ROWID;"
    "CREATE TABLE histograms(run INTEGER, path TEXT, low INTEGER, high INTEGER, count INTEGER, PRIMARY KEY(run, path, low)) WITHOUT ROWID;"
    "CREATE TABLE ledger(run INTEGER, cpu INTEGER, walk INTEGER, ref INTEGER, va TEXT, access TEXT, dim TEXT, guest_level "
    "INTEGER,"
    "                    host_level INTEGER, hpa TEXT, served TEXT, cycles INTEGER, PRIMARY KEY(run, walk, "
    "ref)) WITHOUT ROWID;"
    "CREATE TABLE measures(run INTEGER, measure TEXT, value REAL, unit TEXT, PRIMARY KEY(run, measure)) "
    "WITHOUT ROWID;"
    "CREATE TABLE reference(position INTEGER PRIMARY KEY, item TEXT, measure TEXT, value REAL, unit TEXT, within REAL, "
    "                       misses TEXT);"
    "BEGIN;";

/* --- SQLite in few words --- */

static bool complain(const struct results *r, const char *what)
{
    fprintf(stderr, "%s: %s: %s\n", r->path, what, sqlite3_errmsg(r->db));
    return false;
}

static bool execute(struct results *r, const char *sql)
{
    return sqlite3_exec(r->db, sql, NULL, NULL, NULL) == SQLITE_OK || complain(r, "SQLite");
}

static sqlite3_stmt *prepare(struct results *r, const char *sql)
{
    sqlite3_stmt *s;
    int status = sqlite3_prepare_v2(r->db, sql, -1, &s, NULL);
    CHECK(status == SQLITE_OK, "SQL of the simulator's own: %s: %s", sql, sqlite3_errmsg(r->db));
    return s;
}

static void bind_text(sqlite3_stmt *s, int column, const char *text)
{
    sqlite3_bind_text(s, column, text, -1, SQLITE_TRANSIENT);
}

/* One row goes in; the statement is ready for the next. */
static bool insert(struct results *r, sqlite3_stmt *s)
{
    bool good = sqlite3_step(s) == SQLITE_DONE;
    if (!good) complain(r, "a row could not be written");
    sqlite3_reset(s);
    return good;
}

/* --- beginning and end --- */

static bool add_modes(struct results *r, const struct experiment *e)
{
    sqlite3_stmt *s = prepare(r, "INSERT INTO modes VALUES (?, ?, ?)");
    bool good = true;
    for (size_t i = 0; good && i < e->n_modes; i++) {
        bind_text(s, 1, e->mode[i].name);
        bind_text(s, 2, e->mode[i].label);
        sqlite3_bind_int64(s, 3, (sqlite3_int64)i);
        good = insert(r, s);
    }
    sqlite3_finalize(s);
    return good;
}

static bool add_reference_row(struct results *r, sqlite3_stmt *s, const struct exp_row *row, const char *measure)
{
    bind_text(s, 1, row->item);
    bind_text(s, 2, measure);
    sqlite3_bind_double(s, 3, row->value);
    bind_text(s, 4, row->unit);
    sqlite3_bind_double(s, 5, row->within);
    bind_text(s, 6, row->misses);
    return insert(r, s);
}

static bool add_reference(struct results *r, const struct exp_reference *f)
{
    sqlite3_stmt *s = prepare(r, "INSERT INTO reference VALUES (NULL, ?, ?, ?, ?, ?, ?)");
    bool good = true;
    for (size_t i = 0; i < f->n_rows; i++)
        for (size_t m = 0; good && m < f->row[i].n_measures; m++)
            good = add_reference_row(r, s, &f->row[i], f->row[i].measure[m]);
    sqlite3_finalize(s);
    return good;
}

bool results_begin(struct results *r, const char *dir, const struct experiment *e)
{
    *r = (struct results){.path = files_path(dir, "results", ".db"),
                          .temporary = files_path(dir, "results", ".db.partial")};
    unlink(r->temporary);
    bool good = sqlite3_open(r->temporary, &r->db) == SQLITE_OK || complain(r, "cannot be written");
    good = good && execute(r, schema) && add_modes(r, e) && add_reference(r, &e->reference);
    if (!good) results_close(r);
    return good;
}

bool results_commit(struct results *r)
{
    if (!execute(r, "COMMIT")) return false;
    if (rename(r->temporary, r->path) == 0) return true;
    fprintf(stderr, "%s: %s\n", r->path, strerror(errno));
    return false;
}

void results_close(struct results *r)
{
    sqlite3_close(r->db);
    if (r->temporary) unlink(r->temporary); /* there only if it was not committed */
    free(r->path);
    free(r->temporary);
    *r = (struct results){0};
}

/* --- a run goes in --- */

static bool add_row(struct results *r, const struct experiment *e, const struct exp_run *run,
                    sqlite3_int64 number)
{
    sqlite3_stmt *s = prepare(r, "INSERT INTO runs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    const char *text[] = {run->name,   run->group->name, run->bench->name, run->words,
                          run->varied, run->mode->name,  run->mode->label, e->preset};
    char *image = files_path(run->bench->kind, run->bench->name, ".elf");
    image[strlen(run->bench->kind)] = '-';
    sqlite3_bind_int64(s, 1, number);
    for (int i = 0; i < (int)ARRAY_LEN(text); i++) bind_text(s, i + 2, text[i]);
    bind_text(s, 10, image);
    bool good = insert(r, s);
    sqlite3_finalize(s);
    free(image);
    return good;
}

/* A number as guests read it: "64K" is 65536. false: it is none. */
static bool number_of(const char *text, double *number)
{
    static const char units[] = "KMG";
    char *end;
    *number = strtod(text, &end);
    if (end == text) return false;
    const char *unit = *end ? strchr(units, *end) : NULL;
    if (unit) *number *= (double)(1ull << (10 * (unit - units + 1)));
    return !*end || (unit && !end[1]);
}

/* Of words that occur twice the last one counts, as in the guest. */
static bool add_word(struct results *r, sqlite3_int64 run, char *word)
{
    char *equals = strchr(word, '=');
    double number;
    if (equals) *equals = '\0';
    const char *value = equals ? equals + 1 : "";
    sqlite3_stmt *s = prepare(r, "INSERT OR REPLACE INTO words VALUES (?, ?, ?, ?)");
    sqlite3_bind_int64(s, 1, run);
    bind_text(s, 2, word);
    bind_text(s, 3, value);
    if (number_of(value, &number)) sqlite3_bind_double(s, 4, number);
    bool good = insert(r, s);
    sqlite3_finalize(s);
    return good;
}

static bool add_words(struct results *r, sqlite3_int64 run, const char *words)
{
    bool good = true;
    char *copy = strdup(words), *rest = copy, *word;
    while (good && (word = strsep(&rest, " ")))
        if (*word) good = add_word(r, run, word);
    free(copy);
    return good;
}

/* An object of a run's results, to be freed; NULL: message printed. */
static json_t *load(const char *run_dir, const char *name)
{
    char *path = files_path(run_dir, name, ".json");
    json_error_t error;
    json_t *all = json_load_file(path, 0, &error);
    if (!all) fprintf(stderr, "%s: %s\n", path, error.text);
    free(path);
    return all;
}

static bool add_stats(struct results *r, sqlite3_int64 run, const char *run_dir)
{
    json_t *all = load(run_dir, "stats"), *value;
    const char *name;
    bool good = all != NULL;
    sqlite3_stmt *s = prepare(r, "INSERT INTO stats VALUES (?, ?, ?)");
    sqlite3_bind_int64(s, 1, run);
    json_object_foreach(all, name, value)
    {
        bind_text(s, 2, name);
        sqlite3_bind_int64(s, 3, json_integer_value(value));
        good = good && insert(r, s);
    }
    sqlite3_finalize(s);
    json_decref(all);
    return good;
}

static bool add_buckets(struct results *r, sqlite3_stmt *s, const json_t *buckets)
{
    static const char *const field[] = {"from", "to", "count"};
    size_t i;
    json_t *bucket;
    bool good = true;
    json_array_foreach(buckets, i, bucket)
    {
        for (int f = 0; f < (int)ARRAY_LEN(field); f++) {
            json_t *n = json_object_get(bucket, field[f]);
            if (json_is_integer(n))
                sqlite3_bind_int64(s, 3 + f, json_integer_value(n));
            else
                sqlite3_bind_null(s, 3 + f); /* no end */
        }
        good = good && insert(r, s);
    }
    return good;
}

static bool add_histograms(struct results *r, sqlite3_int64 run, const char *run_dir)
{
    json_t *all = load(run_dir, "histograms"), *value;
    const char *name;
    bool good = all != NULL;
    sqlite3_stmt *s = prepare(r, "INSERT INTO histograms VALUES (?, ?, ?, ?, ?)");
    sqlite3_bind_int64(s, 1, run);
    json_object_foreach(all, name, value)
    {
        bind_text(s, 2, name);
        good = good && add_buckets(r, s, json_object_get(value, "buckets"));
    }
    sqlite3_finalize(s);
    json_decref(all);
    return good;
}

/* A line of ledger.csv; the table's column types turn numbers into numbers. */
static bool add_ledger_line(struct results *r, sqlite3_stmt *s, char *line, const char *origin)
{
    int column = 0;
    char *field;
    line[strcspn(line, "\n")] = '\0';
    while ((field = strsep(&line, ",")) && column < LEDGER_COLUMNS) bind_text(s, 2 + column++, field);
    if (column == LEDGER_COLUMNS && !field) return insert(r, s);
    fprintf(stderr, "%s: a line that is no reference of a page walk\n", origin);
    return false;
}

static bool add_ledger(struct results *r, sqlite3_int64 run, const char *run_dir)
{
    char *path = files_path(run_dir, "ledger", ".csv"), *line = NULL;
    size_t bytes = 0;
    FILE *in = fopen(path, "r");
    bool good = in && getline(&line, &bytes, in) > 0; /* the columns' names */
    if (!good) fprintf(stderr, "%s: no ledger\n", path);
    sqlite3_stmt *s = prepare(r, "INSERT INTO ledger VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)");
    sqlite3_bind_int64(s, 1, run);
    while (good && getline(&line, &bytes, in) > 0) good = add_ledger_line(r, s, line, path);
    sqlite3_finalize(s);
    if (in) fclose(in);
    free(line);
    free(path);
    return good;
}

/* A line "measure: <name> <value> <unit>" of the console. Others are none: true. */
static bool add_measure(struct results *r, sqlite3_stmt *s, char *line, const char *origin)
{
    static const char mark[] = "measure: ";
    char name[64], unit[32];
    double value;
    int end = 0;
    if (strncmp(line, mark, strlen(mark)) != 0) return true;
    line[strcspn(line, "\n")] = '\0';
    line += strlen(mark);
    if (sscanf(line, "%63s %lf %31s%n", name, &value, unit, &end) != 3 || line[end]) {
        fprintf(stderr, "%s: '%s%s' (allowed: measure: NAME NUMBER UNIT)\n", origin, mark, line);
        return false;
    }
    bind_text(s, 2, name);
    sqlite3_bind_double(s, 3, value);
    bind_text(s, 4, unit);
    return insert(r, s);
}

static bool add_measures(struct results *r, sqlite3_int64 run, const char *run_dir)
{
    char *path = files_path(run_dir, "console", ".log"), *line = NULL;
    size_t bytes = 0;
    FILE *in = fopen(path, "r");
    bool good = true;
    sqlite3_stmt *s = prepare(r, "INSERT INTO measures VALUES (?, ?, ?, ?)");
    sqlite3_bind_int64(s, 1, run);
    while (good && in && getline(&line, &bytes, in) > 0) good = add_measure(r, s, line, path);
    sqlite3_finalize(s);
    if (in) fclose(in);
    free(line);
    free(path);
    return good;
}

bool results_add_run(struct results *r, const struct experiment *e, const struct exp_run *run,
                     const char *run_dir)
{
    sqlite3_int64 number = run - e->run;
    return add_row(r, e, run, number) && add_words(r, number, run->words) &&
           add_words(r, number, run->varied) && add_stats(r, number, run_dir) &&
           add_histograms(r, number, run_dir) && add_measures(r, number, run_dir) &&
           (!run->group->ledger || add_ledger(r, number, run_dir));
}

/* --- queries --- */

bool results_find(struct results *r, const char *run, const char *path, double *value)
{
    sqlite3_stmt *s = prepare(r, "SELECT value FROM stats JOIN runs USING (run) WHERE name = ? AND path = ?");
    bind_text(s, 1, run);
    bind_text(s, 2, path);
    bool found = sqlite3_step(s) == SQLITE_ROW;
    if (found) *value = sqlite3_column_double(s, 0);
    sqlite3_finalize(s);
    return found;
}

size_t results_find_measure(struct results *r, const char *measure, double *value)
{
    sqlite3_stmt *s = prepare(r, "SELECT COUNT(*), MAX(value) FROM measures WHERE measure = ?");
    bind_text(s, 1, measure);
    sqlite3_step(s); /* an aggregate has a row */
    size_t runs = (size_t)sqlite3_column_int64(s, 0);
    *value = sqlite3_column_double(s, 1);
    sqlite3_finalize(s);
    return runs;
}

static void write_text(const char *text, FILE *out)
{
    if (!text[strcspn(text, ",\"\n")]) {
        fputs(text, out);
        return;
    }
    fputc('"', out);
    for (; *text; text++) fprintf(out, *text == '"' ? "\"\"" : "%c", *text);
    fputc('"', out);
}

static void write_value(sqlite3_stmt *s, int column, FILE *out)
{
    if (column) fputc(',', out);
    switch (sqlite3_column_type(s, column)) {
    case SQLITE_NULL:
        break;
    case SQLITE_FLOAT:
        fprintf(out, "%.6g", sqlite3_column_double(s, column));
        break;
    default:
        write_text((const char *)sqlite3_column_text(s, column), out);
    }
}

static bool write_rows(struct results *r, sqlite3_stmt *s, const char *origin, FILE *out)
{
    int n = sqlite3_column_count(s), status;
    for (int i = 0; i < n; i++) {
        if (i) fputc(',', out);
        write_text(sqlite3_column_name(s, i), out);
    }
    if (n) fputc('\n', out);
    while ((status = sqlite3_step(s)) == SQLITE_ROW) {
        for (int i = 0; i < n; i++) write_value(s, i, out);
        fputc('\n', out);
    }
    if (status != SQLITE_DONE) fprintf(stderr, "%s: %s\n", origin, sqlite3_errmsg(r->db));
    return status == SQLITE_DONE;
}

bool results_query(struct results *r, const char *sql, const char *origin, FILE *out)
{
    bool good = true, first = true;
    while (good && *sql) {
        sqlite3_stmt *s;
        good = sqlite3_prepare_v2(r->db, sql, -1, &s, &sql) == SQLITE_OK;
        if (!good) fprintf(stderr, "%s: %s\n", origin, sqlite3_errmsg(r->db));
        if (!good || !s) continue; /* an error, or nothing but white space */
        bool has_rows = sqlite3_column_count(s) > 0;
        if (has_rows && !first) fputs("\n\n", out);
        if (has_rows) first = false;
        good = write_rows(r, s, origin, out);
        sqlite3_finalize(s);
    }
    return good;
}

/* --- results.csv --- */

static void write_csv_head(sqlite3_stmt *paths, FILE *out)
{
    fputs("run,group,bench,words,varied,mode,label,preset,image", out);
    while (sqlite3_step(paths) == SQLITE_ROW) fprintf(out, ",%s", sqlite3_column_text(paths, 0));
    sqlite3_reset(paths);
    fputc('\n', out);
}

/* What the run does not have counts nothing: 0. */
static void write_csv_row(sqlite3_stmt *row, sqlite3_stmt *values, FILE *out)
{
    int n = sqlite3_column_count(row);
    for (int i = 1; i < n; i++) {
        if (i > 1) fputc(',', out);
        write_text((const char *)sqlite3_column_text(row, i), out);
    }
    sqlite3_bind_int64(values, 1, sqlite3_column_int64(row, 0));
    while (sqlite3_step(values) == SQLITE_ROW)
        fprintf(out, ",%lld", (long long)sqlite3_column_int64(values, 0));
    sqlite3_reset(values);
    fputc('\n', out);
}

#define COUNTED_PATHS "(SELECT path FROM stats GROUP BY path HAVING SUM(value <> 0))"

static void write_csv(struct results *r, FILE *out)
{
    sqlite3_stmt *paths = prepare(r, "SELECT path FROM " COUNTED_PATHS " ORDER BY path");
    sqlite3_stmt *rows = prepare(r, "SELECT * FROM runs ORDER BY run");
    sqlite3_stmt *values =
        prepare(r, "SELECT COALESCE(value, 0) FROM " COUNTED_PATHS " AS p "
                   "LEFT JOIN stats AS s ON s.run = ? AND s.path = p.path ORDER BY p.path");
    write_csv_head(paths, out);
    while (sqlite3_step(rows) == SQLITE_ROW) write_csv_row(rows, values, out);
    sqlite3_finalize(paths);
    sqlite3_finalize(rows);
    sqlite3_finalize(values);
}

bool results_write_csv(struct results *r, const char *dir)
{
    char *path = files_path(dir, "results", ".csv");
    struct whole_file f;
    bool good = whole_file_begin(&f, path);
    if (good) {
        write_csv(r, f.out);
        good = whole_file_commit(&f);
    }
    if (!good) fprintf(stderr, "%s: %s\n", path, strerror(errno));
    free(path);
    return good;
}
