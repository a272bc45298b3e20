/* groups.h - between groups.c and the two programs around it. */
#ifndef TESTS_ISA_GROUPS_H
#define TESTS_ISA_GROUPS_H

int printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Runs all groups; how many failed. */
int isa_groups(void);

/* A code segment of 32 bits at the current privilege with base 0, its data segment; 0: there is none. For legacy.S. */
extern unsigned short isa_code32, isa_data32;

#endif
