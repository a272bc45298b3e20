/* kit.h - the guest runtime: everything that a bench or a monitor may use, in reading order.
 *
 * Models:       a small single-processor kernel in long mode: identity mapping, heap, traps, timer, user
 *               mode, processes.
 * Not modelled: several processors, SSE, files. No emulator-only device except the exit ports.
 * Neighbours:   Multiboot loader below (GRUB, QEMU, Bochs, Gigogne), main() above.
 * Checked by:   tests/system/guests_on_qemu.sh, which runs every bench on QEMU.
 */
#ifndef KIT_H
#define KIT_H

#include "kit/types.h"
#include "kit/cpu.h"
#include "kit/mark.h"
#include "kit/console.h"
#include "kit/memory.h"
#include "kit/boot.h"
#include "kit/words.h"
#include "kit/random.h"
#include "kit/paging.h"
#include "kit/trap.h"
#include "kit/timer.h"
#include "kit/user.h"
#include "kit/process.h"
#include "kit/bench.h"

#endif
