/* words.h - the command line: `key=value` words, read strictly against a table.
 *
 * A first word that names the image (QEMU and GRUB put it there) is skipped: it holds no '=', and a '/' or
 * ".elf". Numbers are decimal or 0x..., with an optional unit K, M or G (times 1024).
 */
#ifndef KIT_WORDS_H
#define KIT_WORDS_H

#include "kit/types.h"

enum word_kind {
    WORD_NUMBER, /* within [min, max] */
    WORD_SWITCH, /* on -> 1, off -> 0 */
    WORD_CHOICE, /* one of `choices`, separated by '|' -> its position */
};

struct word {
    const char *key;
    enum word_kind kind;
    u64 *value; /* holds the default until the word is seen */
    u64 min, max;
    const char *choices;
};

/* A page size: the position in the choices, turned to bytes. */
#define PAGE_SIZE_CHOICES    "4K|2M|1G"
#define PAGE_SIZE_OF(choice) (4096ull << 9 * (choice))

/* Reads a command line. An unknown, malformed, repeated or out-of-range word: one message, end of run with
 * status 1. */
void words_read(const char *line, const struct word *words, size_t count);

#endif
