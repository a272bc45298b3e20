/* exit_log.h - every VM exit in its order, kept in memory and printed at the end: `log=N` keeps the first N.
 *
 * One line an exit: "exit REASON QUALIFICATION RIP MORE" in hexadecimal, RIP as the guest stood, MORE what else the
 * reason defines: the interruption information of an exception or interrupt, the guest-physical address of an EPT
 * violation or misconfiguration, else the instruction length.
 * Checked by: tests/system/monitors_on_bochs.sh, which compares what two machines log
 */
#ifndef MONITORS_EXIT_LOG_H
#define MONITORS_EXIT_LOG_H

#include "kit/types.h"

enum { EXIT_LOG_MAX = 1 << 20 };

/* Before the first entry; 0: none. */
void exit_log_set_up(u64 exits);
/* The exit that the current VMCS tells of. */
void exit_log_add(void);
void exit_log_print(void);

#endif
