/* host_cpu.h - the host CPU as an implementation to compare with: executes one instruction of a struct
 * diff_case, with general registers, vectors and x87 state put in place.
 *
 * A signal handler loads them and returns with the trap flag set; the trap, or the fault's signal, brings what
 * the instruction left. Whoever includes it defines _DEFAULT_SOURCE without _GNU_SOURCE before: the latter's
 * <signal.h> names registers REG_RAX... as isa/insn.h does.
 */
#ifndef TESTS_HOST_CPU_H
#define TESTS_HOST_CPU_H

#include "diff.h"
#include <cpuid.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

/* Order of gregs and offsets in the signal frame's XSAVE area: struct sigcontext of the kernel's ABI. */
enum { GREG_RIP = 16, GREG_EFL = 17, GREG_TRAPNO = 20, GREGS = 23 };
enum {
    AREA_X87_END = 6,
    AREA_MXCSR = 24,
    AREA_ST = 32,
    AREA_XMM = 160,
    AREA_XSTATE_BV = 512,
    AREA_YMM = 576,
    AREA_BYTES = 832
};
static const unsigned greg_of[16] = {13, 14, 12, 11, 15, 10, 9, 8, 0, 1, 2, 3, 4, 5, 6, 7};

#define X87_IMAGE_BYTES 160  /* the first part of an FXSAVE image */
#define STEPS_MAX       1000 /* traps of one instruction: parts of a REP string, a gather that is about to fault */

/* Beside the general registers. */
struct vector_state {
    union vec vec[16];
    u8 x87[X87_IMAGE_BYTES]; /* as FXSAVE makes it */
    u32 mxcsr;
};

struct host_state {
    u64 reg[16], rip, rflags;
    struct vector_state v;
    int vector; /* of the fault, -1: none */
};

/* The signal handler has no other way to know. */
static struct {
    const struct diff_case *c;
    const struct vector_state *v; /* NULL: as they are */
    struct host_state *out;
    greg_t test[GREGS]; /* where the test goes on */
    u8 test_area[AREA_BYTES];
    unsigned steps;
} host;

static inline u8 *host_area(void *context)
{
    return (u8 *)((ucontext_t *)context)->uc_mcontext.fpregs;
}

static inline void host_load_vectors(u8 *area)
{
    u64 components = 7;
    memcpy(area, host.v->x87, AREA_MXCSR);
    memcpy(area + AREA_ST, host.v->x87 + AREA_ST, X87_IMAGE_BYTES - AREA_ST);
    memcpy(area + AREA_MXCSR, &host.v->mxcsr, 4);
    memcpy(area + AREA_XSTATE_BV, &components, 8);
    for (unsigned n = 0; n < 16; n++) {
        memcpy(area + AREA_XMM + 16 * n, host.v->vec[n].b, 16);
        memcpy(area + AREA_YMM + 16 * n, host.v->vec[n].b + 16, 16);
    }
}

/* A component that XSTATE_BV leaves out is in its initial state. */
static inline void host_store_vectors(const u8 *area)
{
    u64 components;
    struct vector_state *v = &host.out->v;
    memcpy(&components, area + AREA_XSTATE_BV, 8);
    memset(v->vec, 0, sizeof v->vec);
    memcpy(v->x87, area, X87_IMAGE_BYTES);
    memcpy(&v->mxcsr, area + AREA_MXCSR, 4);
    for (unsigned n = 0; n < 16; n++) {
        if (components & XCR0_SSE) memcpy(v->vec[n].b, area + AREA_XMM + 16 * n, 16);
        if (components & XCR0_AVX) memcpy(v->vec[n].b + 16, area + AREA_YMM + 16 * n, 16);
    }
}

static inline void host_begin(greg_t *greg, u8 *area)
{
    memcpy(host.test, greg, sizeof host.test);
    memcpy(host.test_area, area, AREA_BYTES);
    for (unsigned r = 0; r < 16; r++) greg[greg_of[r]] = (greg_t)host.c->reg[r];
    greg[GREG_RIP] = (greg_t)host.c->rip;
    greg[GREG_EFL] = (greg_t)(host.c->rflags | RFLAGS_TF | RFLAGS_IF);
    if (host.v) host_load_vectors(area);
    host.steps = 0;
}

static inline void host_end(greg_t *greg, u8 *area)
{
    for (unsigned r = 0; r < 16; r++) host.out->reg[r] = (u64)greg[greg_of[r]];
    host.out->rip = (u64)greg[GREG_RIP];
    host.out->rflags = (u64)greg[GREG_EFL];
    host.out->vector = greg[GREG_TRAPNO] == VEC_DB ? -1 : (int)greg[GREG_TRAPNO];
    if (host.v) host_store_vectors(area);
    memcpy(greg, host.test, sizeof host.test);
    memcpy(area, host.test_area, AREA_BYTES);
}

/* A trap with a part of the instruction done. */
static inline bool host_goes_on(const greg_t *greg)
{
    bool has_parts = host.c->is_string || host.v;
    return greg[GREG_TRAPNO] == VEC_DB && has_parts && (u64)greg[GREG_RIP] == host.c->rip && host.steps++ < STEPS_MAX;
}

/* SIGUSR1 starts a case: the interrupted registers are kept. Any other signal ends it, or one part of it. */
static inline void host_on_signal(int signal_number, siginfo_t *info, void *context)
{
    greg_t *greg = ((ucontext_t *)context)->uc_mcontext.gregs;
    (void)info;
    if (signal_number == SIGUSR1)
        host_begin(greg, host_area(context));
    else if (!host_goes_on(greg))
        host_end(greg, host_area(context));
}

static inline u8 *host_map_file(FILE *file, void *wanted, u64 bytes, int protection)
{
    u8 *got = mmap(wanted, bytes, protection, MAP_SHARED | (wanted ? MAP_FIXED_NOREPLACE : 0), fileno(file), 0);
    assert_ptr_not_equal(got, MAP_FAILED);
    assert_true(!wanted || got == wanted);
    return got;
}

/* Memory that instructions see at `at` with `protection`; returns where the test writes it. */
static inline u8 *host_map(u64 at, u64 bytes, int protection)
{
    FILE *file = tmpfile();
    assert_non_null(file);
    assert_int_equal(ftruncate(fileno(file), (off_t)bytes), 0);
    host_map_file(file, (void *)(uintptr_t)at, bytes, protection);
    return host_map_file(file, NULL, bytes, PROT_READ | PROT_WRITE);
}

/* The areas of a case, as the test writes them. */
struct host_memory {
    u8 *code, *data;
};

static inline struct host_memory host_init(void)
{
    static const int signals[] = {SIGUSR1, SIGTRAP, SIGSEGV, SIGBUS, SIGILL, SIGFPE};
    static u8 stack[64 * KiB];
    stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_sigaction = host_on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_NODEFER};
    assert_int_equal(sigaltstack(&alternate, NULL), 0);
    for (unsigned n = 0; n < ARRAY_LEN(signals); n++)
        assert_int_equal(sigaction(signals[n], &action, NULL), 0);
    return (struct host_memory){.code = host_map(DIFF_CODE, DIFF_CODE_BYTES, PROT_READ | PROT_EXEC),
                                .data = host_map(DIFF_DATA, DIFF_DATA_BYTES, PROT_READ | PROT_WRITE)};
}

/* v: NULL where the instruction has nothing to do with vectors and x87 state. */
static inline void host_run(const struct host_memory *m, const struct diff_case *c, const struct vector_state *v,
                            struct host_state *out)
{
    memcpy(m->code + (c->rip - DIFF_CODE), c->bytes, c->length);
    memcpy(m->data, c->data, DIFF_DATA_BYTES);
    host.c = c;
    host.v = v;
    host.out = out;
    raise(SIGUSR1);
}

/* An address that faults here may be the test program's own memory, more so under a sanitizer. */
static inline bool host_owns(u64 va)
{
    unsigned char resident;
    return mincore((void *)(uintptr_t)(va & ~(PAGE_BYTES - 1)), PAGE_BYTES, &resident) == 0;
}

/* What CPUID says there is. */
static inline bool host_has(u32 leaf, enum cpuid_reg reg, unsigned bit)
{
    u32 r[CPUID_REGS] = {0};
    return __get_cpuid_count(leaf, leaf == 0xd ? 1 : 0, &r[CPUID_EAX], &r[CPUID_EBX], &r[CPUID_ECX], &r[CPUID_EDX]) &&
           (r[reg] >> bit & 1);
}

/* The processor here is the host's: what that lacks is #UD, or an older instruction, on both. */
static inline void host_give_model(struct exec_bench *b)
{
#define FEATURE(name, leaf, reg, bit, modelled, presets) b->model.has[FEATURE_##name] = host_has(leaf, reg, bit);
#include "isa/features.def"
#undef FEATURE
    decoder_set_model(&b->icache.decoder, &b->model);
}

#endif
