/* list.c - gigogne list WHAT: prints the tables, so reference documents cannot go stale. */
#include "models/board/board.h"
#include "models/board/cli/cli.h"
#include "models/sim/kernel.h"
#include "virt-ext/vmx.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>

const char *cli_preset_dir(void)
{
    const char *dir = getenv("GIGOGNE_PRESETS");
    return dir ? dir : GIGOGNE_SOURCE "/models/board/presets";
}

const char *cli_workload_dir(void)
{
    const char *dir = getenv("GIGOGNE_WORKLOADS");
    return dir ? dir : GIGOGNE_BUILD "/workloads";
}

/* A machine of the default preset, to ask it for its tables; sampled, so that a sample's statistics are among them. */
static int with_board(void (*print)(struct board *b, struct config *c))
{
    struct config *c = config_new(cli_preset_dir());
    kernel_init();
    struct board *b = config_load(c, DEFAULT_PRESET) && config_set(c, "sample.on=true") ? board_new(c) : NULL;
    if (b) {
        print(b, c);
        board_free(b);
    }
    kernel_fini();
    config_free(c);
    return b ? 0 : EXIT_USE;
}

static void print_params(struct board *b, struct config *c)
{
    (void)b;
    config_print_params(c);
}

static void print_stats(struct board *b, struct config *c)
{
    (void)c;
    stats_print_list(board_stats(b));
}

static int list_params(void) { return with_board(print_params); }
static int list_stats(void) { return with_board(print_stats); }

static int list_presets(void)
{
    struct config *c = config_new(cli_preset_dir());
    config_print_presets(c);
    config_free(c);
    return 0;
}

static int is_image(const struct dirent *d)
{
    size_t n = strlen(d->d_name);
    return n > 4 && !strcmp(d->d_name + n - 4, ".elf");
}

static int list_workloads(void)
{
    struct dirent **entry;
    int n = scandir(cli_workload_dir(), &entry, is_image, alphasort);
    if (n < 0) {
        fprintf(stderr, "%s: no guest images (build them with cmake --build, or set GIGOGNE_WORKLOADS)\n", cli_workload_dir());
        return EXIT_USE;
    }
    for (int i = 0; i < n; i++) {
        printf("%s/%s\n", cli_workload_dir(), entry[i]->d_name);
        free(entry[i]);
    }
    free(entry);
    return 0;
}

static int list_exits(void)
{
    for (unsigned r = 0; r < EXIT_REASONS; r++)
        if (vmx_exit_name(r)) printf("%3u  %-28s %s\n", r, vmx_exit_name(r), vmx_exit_meaning(r));
    return 0;
}

static const struct {
    const char *name;
    int (*list)(void);
} lists[] = {
    {"params", list_params}, {"stats", list_stats}, {"presets", list_presets}, {"workloads", list_workloads}, {"exits", list_exits},
};

int cli_list(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";
    for (size_t i = 0; i < ARRAY_LEN(lists); i++)
        if (!strcmp(what, lists[i].name)) return lists[i].list();
    bool help = !strcmp(what, "--help");
    fprintf(help ? stdout : stderr, "Usage: gigogne list params|stats|presets|workloads|exits\n");
    return help ? 0 : EXIT_USE;
}
