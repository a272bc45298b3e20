/* console.h - text to the 16550 UART at 0x3f8, polled; and the end of a run.
 *
 * Not modelled: input, interrupts. `\n` goes out as it is.
 */
#ifndef KIT_CONSOLE_H
#define KIT_CONSOLE_H

#include <stdarg.h>
#include "kit/types.h"

/* 115200 baud, 8N1, FIFO on, no interrupts. */
void console_init(void);
void console_put(char c);

/* %c %s %% and %d %i %u %x %p; 0, a width (pads on the left), l, ll and z. */
int printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
void vprintf_to_console(const char *format, va_list args);

/* Prints the message on a line of its own and ends the run with status 1. */
_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Ends the run: status to port 0xf4, then Bochs' shutdown port, then HLT for good on other machines. */
_Noreturn void exit_run(u8 status);

#endif
