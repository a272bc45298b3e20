/* observe.h - who listens to the machine for the user: trace lines of walks and VM exits, and the file of walk ledgers.
 *
 * Ledger file: CSV, one row a reference of every page walk that a timed core played in the measured region (without region markers: in the
 * whole run): walk,ref,va,access,dim,guest_level,host_level,hpa,served,cycles. Levels as in isa/record.h.
 * Checked by: tests/system/trace.sh
 */
#ifndef BOARD_OBSERVE_H
#define BOARD_OBSERVE_H

#include "models/board/pc.h"

struct observer {
    /* wiring */
    struct pc *pc;
    struct trace *trace; /* may be NULL */
    FILE *ledger;        /* NULL: none */
    /* state */
    bool ledger_closed;  /* the region has ended */
    u64 walks;
};

/* Plugs itself into the machine. ledger_path NULL: no file. false: message printed. */
bool observer_init(struct observer *o, struct pc *pc, struct trace *trace, const char *ledger_path);
void observer_fini(struct observer *o);

/* The measured region begins: rows so far were not of it. */
void observer_region_begin(struct observer *o);
void observer_region_end(struct observer *o);

#endif
