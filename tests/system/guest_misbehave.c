/* guest_misbehave.c - a guest that does one thing wrong: build/workloads/test-misbehave.elf.
 *
 * Words:   how=NAME   the table below
 *          status=0   what is written to port 0xf4 if it comes to that
 *          timer=HZ   as for the benches
 * Run by:  tests/system/bad_input.sh, which knows what the simulator must say to each.
 */
#include "kit/kit.h"

#define NO_MEMORY_THERE 0xd0000000ull /* identity-mapped, but no machine has RAM or a device at it */

struct table_register {
    u16 limit;
    u64 base;
} __attribute__((packed));

/* From here on the first exception is a triple fault: there is no gate for it, nor for what follows. */
static void drop_idt(void)
{
    static const struct table_register none = {0, 0};
    __asm__ volatile("lidt %0" : : "m"(none));
}

static void do_exit(void)
{
}

static void do_triple_fault(void)
{
    drop_idt();
    __asm__ volatile("ud2");
}

static void do_hang(void)
{
    for (;;) pause();
}

/* With paging off nothing faults: the processor fetches what an empty bus answers. */
static void do_run_off(void)
{
    drop_idt();
    ((void (*)(void))NO_MEMORY_THERE)();
}

static void do_halt(void)
{
    interrupts_off();
    for (;;) halt();
}

static void do_sleep(void)
{
    for (;;) interrupts_on_and_halt();
}

/* Two of one kind and one of another; the handler skips them. */
static void skip_instruction(struct trap_frame *frame)
{
    frame->rip = frame->rbx;
}

static void do_unmodelled(void)
{
    trap_set_handler(VECTOR_UD, skip_instruction);
    for (int i = 0; i < 2; i++)
        __asm__ volatile("lea 1f(%%rip), %%rbx; .byte 0x62, 0xf1, 0x74, 0x48, 0x58, 0xc2; 1:" /* vaddps zmm */ : : : "rbx", "memory");
    __asm__ volatile("lea 1f(%%rip), %%rbx; .byte 0x62, 0xf1, 0x6d, 0x48, 0xef, 0xd2; 1:" /* vpxord zmm */ : : : "rbx", "memory");
}

#define HOWS(HOW) HOW(exit) HOW(triple_fault) HOW(hang) HOW(run_off) HOW(halt) HOW(sleep) HOW(unmodelled)
#define ROW(name) do_##name,
static void (*const hows[])(void) = {HOWS(ROW)};
#define CHOICE(name) "|" #name
static const char how_choices[] = HOWS(CHOICE);

int main(void)
{
    u64 how = 0, status = 0;
    const struct word words[] = {
        {.key = "how", .kind = WORD_CHOICE, .value = &how, .choices = how_choices + 1},
        {.key = "status", .kind = WORD_NUMBER, .value = &status, .max = 255},
    };
    bench_start(words, COUNT_OF(words));
    printf("misbehave\n");
    hows[how]();
    return (int)status;
}
