/* diff_coverage.h - which mnemonics a differential test owes cases, and the table of those that it had. */
#ifndef TESTS_DIFF_COVERAGE_H
#define TESTS_DIFF_COVERAGE_H

#include "diff.h"
#include "encodings.h"

struct diff_owed {
    const struct decoder *decoder;
    bool (*belongs)(const struct decoded_insn *d); /* to this test */
    bool owed[DIFF_MNEMONICS];
};

static inline void diff_note_owed(void *self, const u8 bytes[ENCODING_BYTES])
{
    struct diff_owed *o = self;
    struct decoded_insn d;
    bool is_one = decode(o->decoder, MODE_LONG64, bytes, ENCODING_BYTES, &d) == DECODED;
    if (is_one && d.cold.mnemonic && d.hot.exec != exec_unmodelled && o->belongs(&d)) o->owed[d.cold.mnemonic] = true;
}

/* Mnemonics of 64-bit mode that `decoder` (the host's model) knows, are executed and belong to the test, and
 * had no case. Names each. */
static inline unsigned diff_count_uncovered(const struct diff_random *r, const struct decoder *decoder,
                                            bool (*belongs)(const struct decoded_insn *d))
{
    static struct diff_owed o;
    unsigned count = 0;
    o = (struct diff_owed){.decoder = decoder, .belongs = belongs};
    encodings_visit(true, diff_note_owed, &o);
    for (unsigned m = 0; m < DIFF_MNEMONICS; m++) {
        if (!o.owed[m] || r->seen[m]) continue;
        print_message("no case of %s\n", ZydisMnemonicGetString((ZydisMnemonic)m));
        count++;
    }
    return count;
}

/* The coverage table: of each mnemonic its cases, how many went through, how many faulted. */
static inline void diff_print_coverage(const struct diff_random *r)
{
    for (unsigned m = 0; m < DIFF_MNEMONICS; m++)
        if (r->seen[m])
            print_message("coverage %-18s %9llu %9llu %9llu\n", ZydisMnemonicGetString((ZydisMnemonic)m),
                          (unsigned long long)r->seen[m], (unsigned long long)(r->seen[m] - r->faulted[m]),
                          (unsigned long long)r->faulted[m]);
}

/* `--coverage` on the command line asks for the table at the end. */
static inline bool diff_wants_coverage(int argc, char **argv)
{
    return argc > 1 && !strcmp(argv[1], "--coverage");
}

#endif
