#include "models/board/cli/jobs.h"
#include "models/sim/check.h"
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define POLL_NS (250 * 1000 * 1000)

struct pool {
    struct job *job;
    size_t n, next, running;
    FILE *terminal; /* NULL: no progress line */
    double start;
    sigset_t signals, former_mask;
    struct jobs_report report;
};

static double now_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* --- starting --- */

static bool redirect(int fd, const char *path, int flags)
{
    int opened = open(path, flags, 0666);
    return opened >= 0 && dup2(opened, fd) >= 0;
}

/* In the child: never returns. */
static void become(const struct pool *p, const struct job *j)
{
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    sigprocmask(SIG_SETMASK, &p->former_mask, NULL);
    if (redirect(0, "/dev/null", O_RDONLY) && redirect(1, "/dev/null", O_WRONLY) &&
        redirect(2, j->log, O_WRONLY | O_CREAT | O_TRUNC))
        execv(j->argv[0], j->argv);
    fprintf(stderr, "%s: %s\n", j->argv[0], strerror(errno));
    _exit(127);
}

static void start(struct pool *p, struct job *j)
{
    fflush(NULL);
    pid_t pid = fork();
    CHECK(pid >= 0, "no process for %s: %s", j->name, strerror(errno));
    if (pid == 0) become(p, j);
    j->pid = pid;
    j->started_at = now_seconds();
    p->running++;
}

static void start_more(struct pool *p, unsigned at_once)
{
    while (!p->report.interrupted && p->next < p->n && p->running < at_once) start(p, &p->job[p->next++]);
}

/* --- ending --- */

static void end(struct pool *p, struct job *j, int wait_status)
{
    j->pid = 0;
    j->status = WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
    p->running--;
    p->report.done++;
    if (j->status) p->report.failed++;
}

static void reap(struct pool *p)
{
    for (size_t i = 0; i < p->next; i++) {
        int status;
        if (p->job[i].pid && waitpid(p->job[i].pid, &status, WNOHANG) == p->job[i].pid)
            end(p, &p->job[i], status);
    }
}

static void interrupt(struct pool *p)
{
    p->report.interrupted = true;
    for (size_t i = 0; i < p->next; i++)
        if (p->job[i].pid) kill(p->job[i].pid, SIGTERM);
}

/* Until a child ended, a signal came, or the progress line is old. */
static void wait_for_news(struct pool *p)
{
    struct timespec limit = {.tv_nsec = POLL_NS};
    int signal_number = sigtimedwait(&p->signals, NULL, &limit);
    if (signal_number == SIGINT || signal_number == SIGTERM) interrupt(p);
}

/* --- progress --- */

static const struct job *oldest_running(const struct pool *p)
{
    for (size_t i = 0; i < p->next; i++)
        if (p->job[i].pid) return &p->job[i];
    return NULL;
}

/* Of the same mean length as those that are done. */
static double seconds_left(const struct pool *p, double elapsed)
{
    return elapsed * (double)(p->n - p->report.done) / (double)p->report.done;
}

static void show(const struct pool *p)
{
    if (!p->terminal) return;
    double now = now_seconds(), elapsed = now - p->start;
    const struct job *oldest = oldest_running(p);
    fprintf(p->terminal, "\r\033[K%zu/%zu runs, %d:%02d", p->report.done, p->n, (int)elapsed / 60,
            (int)elapsed % 60);
    if (p->report.done) {
        int left = (int)seconds_left(p, elapsed);
        fprintf(p->terminal, ", about %d:%02d left", left / 60, left % 60);
    }
    if (oldest) fprintf(p->terminal, "; slowest: %s (%d s)", oldest->name, (int)(now - oldest->started_at));
    fflush(p->terminal);
}

static void clear(const struct pool *p)
{
    if (p->terminal) fprintf(p->terminal, "\r\033[K");
}

struct jobs_report jobs_run(struct job *jobs, size_t n, unsigned at_once, FILE *terminal)
{
    struct pool p = {
        .job = jobs, .n = n, .start = now_seconds(), .terminal = isatty(fileno(terminal)) ? terminal : NULL};
    for (size_t i = 0; i < n; i++) jobs[i].status = JOB_NOT_RUN;
    sigemptyset(&p.signals);
    sigaddset(&p.signals, SIGCHLD);
    sigaddset(&p.signals, SIGINT);
    sigaddset(&p.signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &p.signals, &p.former_mask);
    for (start_more(&p, at_once); p.running; start_more(&p, at_once)) {
        show(&p);
        wait_for_news(&p);
        reap(&p);
    }
    sigprocmask(SIG_SETMASK, &p.former_mask, NULL);
    clear(&p);
    p.report.seconds = now_seconds() - p.start;
    return p.report;
}
