#include "models/board/cli/machine_args.h"
#include "models/board/cli/cli.h"
#include "models/board/pc.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { KEY_MODULE = 1024, KEY_MAX_CYCLES, KEY_MAX_INSTRUCTIONS }; /* apart from the keys of the commands */

static const struct argp_option options[] = {
    {"config", 'c', "PRESET|FILE", 0,
     "the machine: a preset's name or a YAML file (default: " DEFAULT_PRESET ")", 0},
    {"set", 's', "PATH=VALUE", 0, "override one parameter; may be repeated", 0},
    {"monitor", 'm', "FILE[:WORDS]", 0, "boot this monitor; IMAGE becomes its guest", 0},
    {"module", KEY_MODULE, "FILE[:WORDS]", 0, "a further Multiboot module; may be repeated", 0},
    {"max-cycles", KEY_MAX_CYCLES, "N", 0, "a guest that runs longer has hung: exit status 3", 0},
    {"max-instructions", KEY_MAX_INSTRUCTIONS, "N", 0, "end the run after N instructions", 0},
    {0},
};

/* Splits "FILE:WORDS" in place. */
static struct boot_image split_image(char *text)
{
    char *colon = strchr(text, ':');
    if (colon) *colon = '\0';
    return (struct boot_image){.path = text, .words = colon ? colon + 1 : ""};
}

u64 machine_args_count(struct argp_state *state, const char *option, const char *text)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(text, &end, 0);
    if (errno || *end || end == text || v == 0 || *text == '-')
        argp_error(state, "--%s: '%s' is not a number (allowed: 1..%llu)", option, text,
                   (unsigned long long)UINT64_MAX);
    return v;
}

/* Reads a number up to what is no digit. */
static bool read_cpu(const char **text, unsigned *cpu)
{
    char *end;
    if (**text < '0' || **text > '9') return false;
    unsigned long n = strtoul(*text, &end, 10);
    *text = end;
    *cpu = (unsigned)n;
    return n < PC_MAX_PROCESSORS;
}

unsigned machine_args_cpu(struct argp_state *state, const char *option, const char *text)
{
    unsigned cpu = 0;
    const char *at = text;
    if (!read_cpu(&at, &cpu) || *at)
        argp_error(state, "--%s: '%s' is no processor (allowed: 0..%u)", option, text, PC_MAX_PROCESSORS - 1);
    return cpu;
}

/* One item of a list: "2" or "2-3". */
static bool read_range(const char **text, u32 *cpus)
{
    unsigned first, last;
    if (!read_cpu(text, &first)) return false;
    last = first;
    if (**text == '-') {
        ++*text;
        if (!read_cpu(text, &last) || last < first) return false;
    }
    for (; first <= last; first++) *cpus |= 1u << first;
    return true;
}

u32 machine_args_cpus(struct argp_state *state, const char *option, const char *text)
{
    u32 cpus = 0;
    const char *at = text;
    bool good = read_range(&at, &cpus);
    while (good && *at == ',') good = (at++, read_range(&at, &cpus));
    if (!good || *at) argp_error(state, "--%s: '%s' is no list of processors (like 0,2-3; allowed: 0..%u)", option, text, PC_MAX_PROCESSORS - 1);
    return cpus;
}

static void add_module(struct argp_state *state, struct machine_args *a, char *text)
{
    if (a->board.n_modules == BOARD_MAX_MODULES) argp_error(state, "more than %d modules", BOARD_MAX_MODULES);
    a->board.module[a->board.n_modules++] = split_image(text);
}

static void add_setting(struct argp_state *state, struct machine_args *a, const char *text)
{
    if (a->n_set == ARRAY_LEN(a->set)) argp_error(state, "more than %zu settings", ARRAY_LEN(a->set));
    a->set[a->n_set++] = text;
}

/* The first argument is the image, the others are the guest's words. */
static void add_argument(struct machine_args *a, const char *text)
{
    if (!a->board.image.path) {
        a->board.image.path = text;
        return;
    }
    size_t old = a->words ? strlen(a->words) : 0;
    a->words = realloc(a->words, old + strlen(text) + 2);
    sprintf(a->words + old, "%s%s", old ? " " : "", text);
    a->board.image.words = a->words;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
    struct machine_args *a = state->input;
    switch (key) {
    case 'c':
        a->config_name = arg;
        break;
    case 's':
        add_setting(state, a, arg);
        break;
    case 'm':
        a->board.monitor = split_image(arg);
        break;
    case KEY_MODULE:
        add_module(state, a, arg);
        break;
    case KEY_MAX_CYCLES:
        a->board.max_cycles = machine_args_count(state, "max-cycles", arg);
        break;
    case KEY_MAX_INSTRUCTIONS:
        a->board.max_instructions = machine_args_count(state, "max-instructions", arg);
        break;
    case ARGP_KEY_ARG:
        add_argument(a, arg);
        break;
    case ARGP_KEY_END:
        if (!a->board.image.path) argp_error(state, "no guest image");
        break;
    default:
        return ARGP_ERR_UNKNOWN;
    }
    return 0;
}

const struct argp machine_argp = {.options = options, .parser = parse};

struct config *machine_args_configure(const struct machine_args *a)
{
    struct config *c = config_new(cli_preset_dir());
    bool ok = config_load(c, a->config_name ? a->config_name : DEFAULT_PRESET);
    for (unsigned i = 0; ok && i < a->n_set; i++) ok = config_set(c, a->set[i]);
    if (ok) return c;
    config_free(c);
    return NULL;
}

void machine_args_free(struct machine_args *a)
{
    free(a->words);
}
