/* fuzz_load.c - what users hand over: configuration files, experiments, guest images. Arbitrary bytes must give a
 * message or be accepted, never a crash, and nothing of an image may land outside RAM.
 *
 * Input: what it is, then the file.
 */
#include "machine.h"
#include "models/board/boot.h"
#include "models/board/cli/experiment.h"
#include "models/board/pc_cfg.h"
#include "models/sim/check.h"
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

/* The loaders want names. */
static const char *file_of(const u8 *data, size_t size)
{
    static int file = -1;
    static char path[32];
    if (file < 0) file = memfd_create("input", 0);
    CHECK(file >= 0 && ftruncate(file, 0) == 0 && pwrite(file, data, size, 0) == (ssize_t)size,
          "no memory for a file");
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    return path;
}

static void load_config(const char *path)
{
    static struct pc_cfg cfg;
    struct config *c = config_new(GIGOGNE_SOURCE "/models/board/presets");
    if (config_load(c, path) && pc_cfg_bind(&cfg, c)) config_check_all_used(c);
    config_free(c);
}

static void read_experiment(const char *path)
{
    struct experiment e;
    if (experiment_read(&e, path)) experiment_free(&e);
}

static void load_image(const char *path)
{
    struct fuzz_machine *m = fuzz_machine();
    struct board_options o = {.image = {path, "words"}};
    fuzz_reset(m);
    boot_multiboot(&m->mem, &m->h, &o);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
    static void (*const loaders[])(const char *path) = {load_config, read_experiment, load_image};
    if (size) loaders[data[0] % ARRAY_LEN(loaders)](file_of(data + 1, size - 1));
    return 0;
}
