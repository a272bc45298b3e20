#include "kit/console.h"
#include "kit/cpu.h"
#include "kit/memory.h"

enum {
    UART = 0x3f8,
    UART_IER = UART + 1,
    UART_FCR = UART + 2,
    UART_LCR = UART + 3,
    UART_MCR = UART + 4,
    UART_LSR = UART + 5,
    LCR_DLAB = 0x80,
    LCR_8N1 = 0x03,
    LSR_THR_EMPTY = 0x20,
    LSR_TRANSMITTER_EMPTY = 0x40,
    EXIT_PORT = 0xf4,
    BOCHS_SHUTDOWN_PORT = 0x8900,
};

void console_init(void)
{
    out8(UART_IER, 0);
    out8(UART_LCR, LCR_DLAB);
    out8(UART, 1);
    out8(UART_IER, 0);
    out8(UART_LCR, LCR_8N1);
    out8(UART_FCR, 0x07);
    out8(UART_MCR, 0x03);
}

void console_put(char c)
{
    while (!(in8(UART_LSR) & LSR_THR_EMPTY)) pause();
    out8(UART, (u8)c);
}

/* One conversion of a format: what follows the %. */
struct conversion {
    char kind, pad;
    int width;
    bool wide;
};

static const char *read_conversion(const char *s, struct conversion *conv)
{
    *conv = (struct conversion){.pad = ' '};
    if (*s == '0') {
        conv->pad = '0';
        s++;
    }
    while (*s >= '0' && *s <= '9') conv->width = conv->width * 10 + (*s++ - '0');
    while (*s == 'l' || *s == 'z') {
        conv->wide = true;
        s++;
    }
    conv->kind = *s;
    return *s ? s + 1 : s;
}

static void put_padding(int length, const struct conversion *conv)
{
    for (int i = length; i < conv->width; i++) console_put(conv->pad);
}

static void put_text(const char *text, const struct conversion *conv)
{
    put_padding((int)string_length(text), conv);
    while (*text) console_put(*text++);
}

/* The sign goes before zeros and behind blanks. */
static void put_number(u64 value, unsigned base, bool negative, const struct conversion *conv)
{
    char digits[24];
    int at = sizeof digits;
    do {
        digits[--at] = "0123456789abcdef"[value % base];
        value /= base;
    } while (value);
    if (negative && conv->pad == '0') console_put('-');
    put_padding((int)sizeof digits - at + negative, conv);
    if (negative && conv->pad != '0') console_put('-');
    while (at < (int)sizeof digits) console_put(digits[at++]);
}

static void put_signed(i64 value, const struct conversion *conv)
{
    put_number(value < 0 ? -(u64)value : (u64)value, 10, value < 0, conv);
}

/* va_list is handed on by address because each va_arg must advance the caller's. */
struct arguments {
    va_list list;
};

static u64 next_unsigned(struct arguments *args, bool wide)
{
    return wide ? va_arg(args->list, u64) : va_arg(args->list, unsigned);
}

static void put_conversion(const struct conversion *conv, struct arguments *args)
{
    switch (conv->kind) {
    case 'd':
    case 'i':
        put_signed(conv->wide ? va_arg(args->list, i64) : va_arg(args->list, int), conv);
        break;
    case 'u':
        put_number(next_unsigned(args, conv->wide), 10, false, conv);
        break;
    case 'x':
        put_number(next_unsigned(args, conv->wide), 16, false, conv);
        break;
    case 'p':
        put_number(va_arg(args->list, u64), 16, false, conv);
        break;
    case 's':
        put_text(va_arg(args->list, const char *), conv);
        break;
    case 'c':
        console_put((char)va_arg(args->list, int));
        break;
    default:
        console_put(conv->kind);
    }
}

void vprintf_to_console(const char *format, va_list list)
{
    struct arguments args;
    va_copy(args.list, list);
    while (*format) {
        if (*format != '%') {
            console_put(*format++);
            continue;
        }
        struct conversion conv;
        format = read_conversion(format + 1, &conv);
        put_conversion(&conv, &args);
    }
    va_end(args.list);
}

int printf(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vprintf_to_console(format, args);
    va_end(args);
    return 0;
}

void panic(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vprintf_to_console(format, args);
    va_end(args);
    console_put('\n');
    exit_run(1);
}

void exit_run(u8 status)
{
    out8(EXIT_PORT, status);
    while (!(in8(UART_LSR) & LSR_TRANSMITTER_EMPTY)) /* Bochs loses what is still in the FIFO */
        pause();
    for (const char *s = "Shutdown"; *s; s++) out8(BOCHS_SHUTDOWN_PORT, (u8)*s);
    interrupts_off();
    for (;;) halt();
}
