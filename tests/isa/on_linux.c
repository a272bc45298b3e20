/* on_linux.c - the groups as a plain static program of user mode. Linux's 32-bit user code segment has a fixed
 * selector. */
#include "groups.h"
#include <stdio.h>

unsigned short isa_code32 = 0x23, isa_data32 = 0x2b;

int main(void)
{
    setbuf(stdout, NULL);
    return isa_groups() ? 1 : 0;
}
