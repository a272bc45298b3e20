/* bus.h - what the instructions of a processor reach: ports, MMIO, its local APIC, the time-stamp counter, region markers.
 *
 * The port table in bus.c is the map of the machine's I/O space; a new device is a row there. `self` of the operations is a struct processor.
 * Not modelled: latency of the bus itself (the cores price port I/O and MMIO).
 * Checked by:   tests/system
 */
#ifndef BOARD_BUS_H
#define BOARD_BUS_H

#include "models/board/pc.h"

extern const struct bus_ops pc_bus_ops;

#endif
