/* boot.h - what the Multiboot loader told us, copied so that it survives the heap.
 *
 * Source: Multiboot Specification version 0.6.96, "Boot information format".
 * RAM is taken as one range from 0 to the end of upper memory, at most 3 GiB; what lies behind is left alone.
 */
#ifndef KIT_BOOT_H
#define KIT_BOOT_H

#include "kit/types.h"

enum { BOOT_MODULES_MAX = 8, BOOT_WORDS_BYTES = 512 };

struct boot_module {
    u64 start, end; /* physical; end is one past the last byte */
    char words[BOOT_WORDS_BYTES];
};

struct boot {
    char words[BOOT_WORDS_BYTES]; /* the command line */
    u64 ram_bytes;
    u32 module_count;
    struct boot_module modules[BOOT_MODULES_MAX];
};

extern struct boot boot;

/* First and one-past-last address of the loaded image, with its .bss (from the linker script). */
extern u8 image_start[], image_end[];

/* First C function, called by start.S in 64-bit mode with the loader's EAX and EBX. */
_Noreturn void kit_start(u32 magic, u32 info);

/* The program itself; its result is the status of the run. */
int main(void);

#endif
