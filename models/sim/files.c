#include "models/sim/files.h"

#include "models/sim/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *files_path(const char *dir, const char *name, const char *suffix)
{
    size_t bytes = strlen(dir) + strlen(name) + strlen(suffix) + 2;
    char *path = malloc(bytes);
    CHECK(path, "no memory for the path %s/%s%s", dir, name, suffix);
    snprintf(path, bytes, "%s/%s%s", dir, name, suffix);
    return path;
}

static void forget(struct whole_file *f)
{
    free(f->path);
    free(f->temporary);
    *f = (struct whole_file){0};
}

bool whole_file_begin(struct whole_file *f, const char *path)
{
    char suffix[32];
    snprintf(suffix, sizeof suffix, ".%ld.partial", (long)getpid());
    size_t bytes = strlen(path) + sizeof suffix;
    *f = (struct whole_file){.path = strdup(path), .temporary = malloc(bytes)};
    CHECK(f->path && f->temporary, "no memory to write %s", path);
    snprintf(f->temporary, bytes, "%s%s", path, suffix);
    f->out = fopen(f->temporary, "w");
    if (f->out) return true;
    int error = errno;
    forget(f);
    errno = error;
    return false;
}

static bool close_on_disk(FILE *out)
{
    bool written = !ferror(out) && fflush(out) == 0 && fsync(fileno(out)) == 0;
    int error = errno;
    bool closed = fclose(out) == 0;
    if (!written) errno = error;
    return written && closed;
}

bool whole_file_commit(struct whole_file *f)
{
    bool done = close_on_disk(f->out) && rename(f->temporary, f->path) == 0;
    int error = errno;
    if (!done) unlink(f->temporary);
    forget(f);
    errno = error;
    return done;
}

void whole_file_abandon(struct whole_file *f)
{
    fclose(f->out);
    unlink(f->temporary);
    forget(f);
}

static bool is_directory(const char *path)
{
    struct stat s;
    if (stat(path, &s) != 0) return false;
    if (!S_ISDIR(s.st_mode)) errno = ENOTDIR;
    return S_ISDIR(s.st_mode);
}

bool files_make_directories(const char *path)
{
    char *copy = strdup(path);
    CHECK(copy, "no memory for the path %s", path);
    for (char *slash = copy + 1; *copy && (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        mkdir(copy, 0777); /* what matters is whether the last one is there in the end */
        *slash = '/';
    }
    bool made = mkdir(copy, 0777) == 0 || errno == EEXIST;
    free(copy);
    return made && is_directory(path);
}
