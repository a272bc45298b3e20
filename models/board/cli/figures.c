#include "models/board/cli/figures.h"
#include "models/sim/check.h"
#include "models/sim/files.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_COLUMNS 32

static bool complain(const char *path)
{
    fprintf(stderr, "%s: %s\n", path, strerror(errno));
    return false;
}

/* --- names --- */

/* "/a/b/name.gp" -> "name" and, for the second, "/a/b/name<suffix>"; both allocated. */
static char *stem_of(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    const char *dot = strrchr(name, '.');
    return strndup(name, dot ? (size_t)(dot - name) : strlen(name));
}

static char *replace_suffix(const char *path, const char *suffix)
{
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    size_t length = dot && (!slash || dot > slash) ? (size_t)(dot - path) : strlen(path);
    char *renamed = malloc(length + strlen(suffix) + 1);
    CHECK(renamed, "no memory for the path %s", path);
    memcpy(renamed, path, length);
    strcpy(renamed + length, suffix);
    return renamed;
}

static bool check_readable(char *path)
{
    bool good = access(path, R_OK) == 0 || complain(path);
    free(path);
    return good;
}

bool figures_check(const struct experiment *e)
{
    bool good = !e->table || check_readable(experiment_path(e, e->table));
    for (size_t i = 0; good && i < e->n_figures; i++) {
        char *script = experiment_path(e, e->figure[i]);
        good = check_readable(replace_suffix(script, ".sql")) && check_readable(strdup(script));
        free(script);
    }
    return good;
}

/* --- data --- */

static char *read_file(const char *path)
{
    FILE *in = fopen(path, "r");
    char *text = NULL;
    size_t bytes = 0;
    if (!in) return NULL;
    if (getdelim(&text, &bytes, '\0', in) < 0) { /* empty */
        free(text);
        text = strdup("");
    }
    fclose(in);
    return text;
}

static bool write_query(struct results *r, const char *query, const char *path)
{
    char *sql = read_file(query);
    struct whole_file f;
    bool good = sql || complain(query);
    if (good && !whole_file_begin(&f, path))
        good = complain(path);
    else if (good && !results_query(r, sql, query, f.out)) {
        whole_file_abandon(&f);
        good = false;
    } else if (good)
        good = whole_file_commit(&f) || complain(path);
    free(sql);
    return good;
}

/* --- the table --- */

/* Cells of a line of the table; no cell holds a comma. */
static size_t split(char *line, char *cell[MAX_COLUMNS])
{
    size_t n = 0;
    line[strcspn(line, "\n")] = '\0';
    while (n < MAX_COLUMNS && (cell[n] = strsep(&line, ","))) n++;
    return n;
}

static void measure(FILE *in, size_t width[MAX_COLUMNS])
{
    char *line = NULL, *cell[MAX_COLUMNS];
    size_t bytes = 0;
    while (getline(&line, &bytes, in) > 0) {
        size_t n = split(line, cell);
        for (size_t i = 0; i < n; i++) width[i] = max_u64(width[i], strlen(cell[i]));
    }
    free(line);
    rewind(in);
}

static void print_columns(FILE *in, FILE *out)
{
    size_t width[MAX_COLUMNS] = {0}, bytes = 0;
    char *line = NULL, *cell[MAX_COLUMNS];
    measure(in, width);
    while (getline(&line, &bytes, in) > 0) {
        size_t n = split(line, cell);
        for (size_t i = 0; i < n; i++) fprintf(out, i ? "  %*s" : "%-*s", (int)width[i], cell[i]);
        fputc('\n', out);
    }
    free(line);
}

bool figures_write_table(const struct experiment *e, struct results *r, const char *dir, FILE *out)
{
    if (!e->table) return true;
    char *query = experiment_path(e, e->table), *path = files_path(dir, "table", ".csv");
    bool good = write_query(r, query, path);
    FILE *in = good ? fopen(path, "r") : NULL;
    if (in) {
        print_columns(in, out);
        fclose(in);
    }
    free(query);
    free(path);
    return good;
}

/* --- drawing --- */

/* In the child: never returns. gnuplot runs where the script is, so that it can load what lies beside. */
static void become_gnuplot(const char *script, const char *data, const char *output)
{
    char *dir = strdup(script);
    char *slash = strrchr(dir, '/');
    if (slash) *slash = '\0';
    if (slash && chdir(dir) != 0) complain(dir);
    setenv("LC_ALL", "C.UTF-8", 1); /* what the scripts are written in; the same figure in every locale */
    execlp("gnuplot", "gnuplot", "-c", slash ? slash + 1 : script, data, output, (char *)NULL);
    fprintf(stderr, "gnuplot: %s\n", strerror(errno));
    _exit(127);
}

static bool run_gnuplot(const char *script, const char *data, const char *output)
{
    int status;
    fflush(NULL);
    pid_t pid = fork();
    CHECK(pid >= 0, "no process for gnuplot: %s", strerror(errno));
    if (pid == 0) become_gnuplot(script, data, output);
    CHECK(waitpid(pid, &status, 0) == pid, "gnuplot is lost: %s", strerror(errno));
    if (status == 0) return true;
    fprintf(stderr, "%s: gnuplot failed; %s is not drawn\n", script, output);
    unlink(output);
    return false;
}

static bool draw(struct results *r, const char *script, const char *dir)
{
    char *name = stem_of(script), *query = replace_suffix(script, ".sql"),
         *data_dir = files_path(dir, "data", "");
    char *data = files_path(data_dir, name, ".csv"), *svg = files_path(dir, name, ".svg"),
         *png = files_path(dir, name, ".png");
    bool good = files_make_directories(data_dir) || complain(data_dir);
    good = good && write_query(r, query, data) && run_gnuplot(script, data, svg) &&
           run_gnuplot(script, data, png);
    free(name);
    free(query);
    free(data_dir);
    free(data);
    free(svg);
    free(png);
    return good;
}

bool figures_draw(const struct experiment *e, struct results *r, const char *dir)
{
    bool good = true;
    char *whole_dir = realpath(dir, NULL);
    if (!whole_dir) return complain(dir);
    for (size_t i = 0; i < e->n_figures; i++) {
        char *script = experiment_path(e, e->figure[i]);
        good = draw(r, script, whole_dir) && good;
        free(script);
    }
    free(whole_dir);
    return good;
}
