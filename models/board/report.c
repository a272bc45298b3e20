#include "models/board/report.h"
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES 96
#define LEAVES     6    /* at most, of an account */
#define SMALLEST   0.01 /* share that is named */

struct share {
    const char *name;
    u64 value;
};

static u64 value_of(const struct stats *s, const char *path)
{
    u64 value = 0;
    if (stats_region_seen(s))
        stats_find_region(s, path, &value);
    else
        stats_find(s, path, &value);
    return value;
}

static u64 value_for(const struct stats *s, unsigned cpu, const char *name)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "cpu%u.%s", cpu, name);
    return value_of(s, path);
}

static int by_value(const void *a, const void *b)
{
    const struct share *x = a, *y = b;
    if (x->value != y->value) return x->value < y->value ? 1 : -1;
    return strcmp(x->name, y->name);
}

/* The statistics below a path, largest first; how many. */
static size_t collect(const struct stats *s, unsigned cpu, const char *below, struct share *out, size_t most)
{
    char prefix[PATH_BYTES];
    size_t n = 0, bytes = (size_t)snprintf(prefix, sizeof prefix, "cpu%u.%s.", cpu, below);
    for (size_t i = 0; i < stats_count(s) && n < most; i++) {
        const char *path = stats_path(s, i);
        if (!strncmp(path, prefix, bytes)) out[n++] = (struct share){path + bytes, value_of(s, path)};
    }
    qsort(out, n, sizeof *out, by_value);
    return n;
}

static void print_shares(const char *title, const struct share *share, size_t n, u64 whole, FILE *out)
{
    const char *separator = "";
    fprintf(out, "  %s ", title);
    for (size_t i = 0; i < n; i++) {
        double part = (double)share[i].value / (double)whole;
        if (part < SMALLEST) continue;
        fprintf(out, "%s%s %.0f %%", separator, share[i].name, 100 * part);
        separator = ", ";
    }
    fputc('\n', out);
}

static void print_account(const struct stats *s, unsigned cpu, u64 cycles, FILE *out)
{
    struct share leaf[128];
    size_t n = collect(s, cpu, "account", leaf, ARRAY_LEN(leaf));
    print_shares("cycles:", leaf, n < LEAVES ? n : LEAVES, cycles, out);
}

/* `cycles` stands among the categories, and is none. */
static void print_slots(const struct stats *s, unsigned cpu, FILE *out)
{
    struct share all[16], category[16];
    size_t n = collect(s, cpu, "topdown", all, ARRAY_LEN(all)), categories = 0;
    u64 slots = 0;
    for (size_t i = 0; i < n; i++) {
        if (!strcmp(all[i].name, "cycles")) continue;
        category[categories++] = all[i];
        slots += all[i].value;
    }
    if (slots) print_shares("slots: ", category, categories, slots, out);
}

static void print_exits(const struct stats *s, unsigned cpu, FILE *out)
{
    static const char *const part[] = {"cycles_out", "cycles_root", "cycles_in"};
    u64 exits = value_for(s, cpu, "vmx.exits_total"), cycles[ARRAY_LEN(part)] = {0};
    struct share all[512];
    if (!exits) return;
    size_t n = collect(s, cpu, "vmx.exits", all, ARRAY_LEN(all));
    for (size_t i = 0; i < n; i++)
        for (unsigned p = 0; p < ARRAY_LEN(part); p++) {
            const char *dot = strchr(all[i].name, '.');
            if (dot && !strcmp(dot + 1, part[p])) cycles[p] += all[i].value;
        }
    fprintf(out, "  VM exits: %llu; each %.0f cycles out, %.0f in the hypervisor, %.0f back in\n",
            (unsigned long long)exits, (double)cycles[0] / (double)exits, (double)cycles[1] / (double)exits,
            (double)cycles[2] / (double)exits);
}

void report_print(const struct stats *s, unsigned cpus, FILE *out)
{
    for (unsigned cpu = 0; cpu < cpus; cpu++) {
        u64 cycles = value_for(s, cpu, "cycles"), instructions = value_for(s, cpu, "instructions");
        if (!cycles || !instructions) continue;
        fprintf(out, "cpu%u%s: %llu instructions, %llu cycles, CPI %.2f\n", cpu,
                stats_region_seen(s) ? ", measured region" : "", (unsigned long long)instructions,
                (unsigned long long)cycles, (double)cycles / (double)instructions);
        print_account(s, cpu, cycles, out);
        print_slots(s, cpu, out);
        print_exits(s, cpu, out);
    }
}
