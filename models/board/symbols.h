/* symbols.h - what an address of a loaded image is called: "function+0x12 (file.c:34)".
 *
 * Models:       functions and code labels of an image's symbol table (libelf), source lines of its DWARF (libdw). Guests are ELF32
 *               containers whose 64-bit twin NAME.debug beside NAME.elf holds the DWARF: the twin is taken if it is there.
 * Not modelled: inlined functions, modules relocated by their loader: an address is what the image was linked for.
 * Neighbours:   observe.c and board.c ask; which image an address belongs to, they know.
 * Checked by:   tests/unit/test_symbols.c
 */
#ifndef BOARD_SYMBOLS_H
#define BOARD_SYMBOLS_H

#include "models/sim/types.h"

#define SYMBOL_TEXT_BYTES 160

struct symbols;

/* Reads the tables of an image. NULL: it has none, or is no ELF file; every function below takes that for "no name is known". */
struct symbols *symbols_open(const char *image_path);
void symbols_close(struct symbols *s);

/* The function that holds `address`, as a number from 0; -1: none does. */
int symbols_find_function(const struct symbols *s, u64 address);

/* Writes "function+0x12 (file.c:34)", without what is not known; "" if nothing is. Returns text. */
const char *symbols_name(const struct symbols *s, u64 address, char text[SYMBOL_TEXT_BYTES]);

#endif
