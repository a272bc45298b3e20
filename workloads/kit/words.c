#include "kit/words.h"
#include "kit/console.h"
#include "kit/memory.h"

struct text {
    const char *start;
    size_t length;
};

static struct text next_word(const char **line)
{
    while (**line == ' ') (*line)++;
    struct text word = {*line, 0};
    while (**line && **line != ' ') {
        (*line)++;
        word.length++;
    }
    return word;
}

/* Position of c in the text, or its length. */
static size_t find_char(struct text text, char c)
{
    size_t i = 0;
    while (i < text.length && text.start[i] != c) i++;
    return i;
}

static bool text_is(struct text text, const char *s)
{
    return text.length == string_length(s) && memcmp(text.start, s, text.length) == 0;
}

static bool names_image(struct text word)
{
    if (find_char(word, '=') < word.length) return false;
    if (find_char(word, '/') < word.length) return true;
    return word.length > 4 && memcmp(word.start + word.length - 4, ".elf", 4) == 0;
}

static void print_key(const struct word *word)
{
    if (word->kind == WORD_CHOICE)
        printf(" %s=%s", word->key, word->choices);
    else if (word->kind == WORD_SWITCH)
        printf(" %s=on|off", word->key);
    else
        printf(" %s=%llu..%llu", word->key, (ull)word->min, (ull)word->max);
}

static _Noreturn void refuse(struct text text, const char *why, const struct word *words, size_t count)
{
    printf("\"");
    for (size_t i = 0; i < text.length; i++) console_put(text.start[i]);
    printf("\": %s; words:", why);
    for (size_t i = 0; i < count; i++) print_key(&words[i]);
    printf("\n");
    exit_run(1);
}

static bool digit_value(char c, unsigned base, u64 *value)
{
    unsigned v = c >= '0' && c <= '9'   ? (unsigned)(c - '0')
                 : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
                                        : 16;
    *value = v;
    return v < base;
}

static unsigned unit_shift(char c)
{
    return c == 'K' ? 10 : c == 'M' ? 20 : c == 'G' ? 30 : 0;
}

static bool read_number(struct text text, u64 *value)
{
    unsigned base = 10;
    if (text.length > 2 && text.start[0] == '0' && text.start[1] == 'x') {
        base = 16;
        text = (struct text){text.start + 2, text.length - 2};
    }
    unsigned shift = text.length > 1 ? unit_shift(text.start[text.length - 1]) : 0;
    size_t digits = text.length - (shift ? 1 : 0);
    if (digits == 0 || digits > 15) return false;
    *value = 0;
    for (size_t i = 0; i < digits; i++) {
        u64 digit;
        if (!digit_value(text.start[i], base, &digit)) return false;
        *value = *value * base + digit;
    }
    bool fits = *value << shift >> shift == *value;
    *value <<= shift;
    return fits;
}

static bool read_choice(struct text text, const char *choices, u64 *value)
{
    struct text rest = {choices, string_length(choices)};
    for (*value = 0;; ++*value) {
        size_t length = find_char(rest, '|');
        if (length == text.length && memcmp(rest.start, text.start, length) == 0) return true;
        if (length == rest.length) return false;
        rest = (struct text){rest.start + length + 1, rest.length - length - 1};
    }
}

/* NULL, or what is wrong. */
static const char *read_value(const struct word *word, struct text text)
{
    u64 value;
    if (word->kind == WORD_NUMBER) {
        if (!read_number(text, &value)) return "not a number";
        if (value < word->min || value > word->max) return "out of range";
    } else if (word->kind == WORD_SWITCH) {
        if (!read_choice(text, "off|on", &value)) return "neither on nor off";
    } else if (!read_choice(text, word->choices, &value)) {
        return "not one of the choices";
    }
    *word->value = value;
    return NULL;
}

static const struct word *find_word(struct text key, const struct word *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (text_is(key, words[i].key)) return &words[i];
    return NULL;
}

static const char *read_word(struct text text, const struct word *words, size_t count, u32 *seen)
{
    size_t equals = find_char(text, '=');
    if (equals == text.length) return "not key=value";
    const struct word *word = find_word((struct text){text.start, equals}, words, count);
    if (!word) return "no such word";
    u32 bit = 1u << (word - words);
    if (*seen & bit) return "given twice";
    *seen |= bit;
    return read_value(word, (struct text){text.start + equals + 1, text.length - equals - 1});
}

void words_read(const char *line, const struct word *words, size_t count)
{
    u32 seen = 0;
    struct text text = next_word(&line);
    if (names_image(text)) text = next_word(&line);
    for (; text.length; text = next_word(&line)) {
        const char *wrong = read_word(text, words, count, &seen);
        if (wrong) refuse(text, wrong, words, count);
    }
}
