/* test_diff_undefined.c - bytes that are no instruction here are none on the host CPU: LOCK on what cannot be
 * locked, VEX behind 66, F2, F3, REX or LOCK, more than 15 bytes, opcodes that nobody has. #UD or #GP must be
 * the same and nothing else happen. Seeded; GIGOGNE_DIFF_CASES and GIGOGNE_DIFF_SEED change the run.
 *
 * Not compared: what decodes and is not modelled, since the host may have it; LOCK MOV CR0, which is MOV CR8 on
 *               AMD's processors, and LOCK VERW, which they execute; VMCALL and relatives, which a host's
 *               hypervisor answers; AVX-512's instructions on mask registers. */
#undef _GNU_SOURCE /* its <signal.h> names registers REG_RAX... as isa/insn.h does */
#define _DEFAULT_SOURCE
#include "host_cpu.h"

enum family { LOCKED, PREFIXED_VEX, LONG, ANY, FAMILIES };
static const char *const family_names[FAMILIES] = {"LOCK", "prefixed VEX", "more than 15 bytes", "any opcode"};

static unsigned put_map(struct diff_random *r, u8 *at)
{
    unsigned n = 0;
    if (diff_chance(r, 40)) at[n++] = 0x0f;
    if (n && diff_chance(r, 30)) at[n++] = diff_chance(r, 50) ? 0x38 : 0x3a;
    return n;
}

static void random_bytes(struct diff_random *r, enum family family, u8 bytes[15])
{
    static const u8 mandatory[] = {0x66, 0xf2, 0xf3}, before_vex[] = {0x66, 0xf2, 0xf3, 0xf0, 0x40, 0x48};
    static const u8 redundant[] = {0x66, 0x2e, 0x36, 0x3e, 0x26};
    unsigned n = 0;
    for (unsigned k = 0; k < 15; k++) bytes[k] = (u8)diff_next(r);
    switch (family) {
    case LOCKED:
        bytes[n++] = 0xf0;
        if (diff_chance(r, 20)) bytes[n++] = mandatory[diff_below(r, 3)];
        put_map(r, bytes + n);
        break;
    case PREFIXED_VEX:
        bytes[n++] = before_vex[diff_below(r, ARRAY_LEN(before_vex))];
        bytes[n++] = diff_chance(r, 50) ? 0xc4 : 0xc5;
        break;
    case LONG:
        for (unsigned count = 9 + (unsigned)diff_below(r, 6); n < count;) bytes[n++] = redundant[diff_below(r, 5)];
        put_map(r, bytes + n);
        break;
    default:
        if (diff_chance(r, 40)) bytes[n++] = mandatory[diff_below(r, 3)];
        put_map(r, bytes + n);
    }
}

static bool amd_knows_it(enum family family, const u8 bytes[15])
{
    const u8 *map = memchr(bytes, 0x0f, 4);
    bool verw = map && map[1] == 0x00 && (map[2] >> 3 & 7) == 5;
    return family == LOCKED && map && ((map[1] & 0xfd) == 0x20 || verw);
}

/* VEX.0F 41 to 4B, 90 to 99, which Zydis refuses where AVX-512 says that VEX.R does not matter. */
static bool is_mask_instruction(const u8 bytes[15])
{
    u8 opcode = bytes[0] == 0xc5 ? bytes[2] : bytes[0] == 0xc4 ? bytes[3] : 0;
    return (opcode >= 0x41 && opcode <= 0x4b) || (opcode >= 0x90 && opcode <= 0x99) ||
           (opcode >= 0x30 && opcode <= 0x33);
}

static bool is_hypercall(const u8 bytes[15])
{
    const u8 *map = memchr(bytes, 0x0f, 4);
    return map && map[1] == 0x01 && (map[2] & 0xc0) == 0xc0;
}

static bool is_contentious(enum family family, const u8 bytes[15])
{
    bool xop = memchr(bytes, 0x8f, 4) != NULL; /* AMD's prefix, of whose instructions some fault otherwise */
    return xop || amd_knows_it(family, bytes) || is_hypercall(bytes) || is_mask_instruction(bytes);
}

/* Without its redundant prefixes it is one. Of undefined opcodes processors differ in how far they read, and of
 * branches with 66 in how long they are. */
static bool is_merely_long(const struct decoder *decoder, const u8 bytes[15])
{
    struct decoded_insn d;
    u8 rest[15] = {0};
    unsigned n = 0;
    while (n < 14 && (bytes[n] == 0x66 || (bytes[n] & 0xe7) == 0x26)) n++;
    unsigned kept = memchr(bytes, 0x66, n) != NULL;
    rest[0] = 0x66;
    memcpy(rest + kept, bytes + n, 15 - n);
    return decode(decoder, MODE_LONG64, rest, 15, &d) == DECODED && d.cold.mnemonic && d.hot.exec != exec_ud &&
           d.cold.flow == FLOW_NONE;
}

/* True: no instruction here; the registers point to nothing that it could touch. */
static bool try_case(struct diff_random *r, const struct decoder *decoder, enum family family, struct diff_case *c)
{
    struct decoded_insn d;
    random_bytes(r, family, c->bytes);
    if (is_contentious(family, c->bytes) || (family == LONG && !is_merely_long(decoder, c->bytes))) return false;
    if (decode(decoder, MODE_LONG64, c->bytes, 15, &d) != DECODED || d.cold.mnemonic) return false;
    diff_random_state(r, c);
    c->length = 15;
    r->cases++;
    return true;
}

static bool same(const struct diff_case *c, int vector, const struct host_state *there)
{
    return there->vector == vector && there->rip == c->rip && !memcmp(there->reg, c->reg, sizeof c->reg);
}

static void compare(struct exec_bench *b, const struct host_memory *memory, struct diff_random *r, struct diff_case *c,
                    enum family family, u64 count)
{
    u64 differences = 0, too_long = 0;
    for (u64 n = 0; n < count; n++) {
        struct host_state there;
        while (!try_case(r, &b->icache.decoder, family, c))
            ;
        diff_load(b, c);
        assert_int_equal(diff_execute(b), OUT_FAULT);
        too_long += b->h.fault.vector == VEC_GP;
        host_run(memory, c, NULL, &there);
        if (same(c, b->h.fault.vector, &there) || differences++ >= 10) continue;
        diff_print(c);
        print_message("  here vector %d, host %d\n", b->h.fault.vector, there.vector);
    }
    print_message("%s: %llu cases, %llu of them #GP\n", family_names[family], (unsigned long long)count,
                  (unsigned long long)too_long);
    assert_int_equal(differences, 0);
}

static void what_is_no_instruction_here_is_none_on_the_host(void **state)
{
    (void)state;
    struct exec_bench *b = diff_bench_new(MODE_LONG64);
    struct host_memory memory = host_init();
    struct diff_random random = {.mode = MODE_LONG64, .state = diff_setting("GIGOGNE_DIFF_SEED", 2)};
    struct diff_case *c = calloc(1, sizeof *c);
    host_give_model(b);
    for (unsigned f = 0; f < FAMILIES; f++)
        compare(b, &memory, &random, c, (enum family)f, diff_setting("GIGOGNE_DIFF_CASES", 20000) / FAMILIES);
    free(c);
    exec_bench_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_no_instruction_here_is_none_on_the_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
