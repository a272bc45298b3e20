/* directory_lines.h - the directory's entries and the caches that they speak of. For directory*.c only. */
#ifndef INTERCONNECT_DIRECTORY_LINES_H
#define INTERCONNECT_DIRECTORY_LINES_H

#include "interconnect/directory.h"

/* The line's entry, or NULL. */
struct directory_entry *directory_find(const struct directory *d, u64 line);

/* The line's entry, made if need be: the place of a line that nobody has any more, or of the one unused for the longest time, which is recalled.
 * NULL: all places of its set have a transaction. */
struct directory_entry *directory_find_or_take(struct directory *d, u64 line);

/* mem_port.expect of the directory. */
void directory_expect(void *self, u64 line);

/* Snoops all caches of a processor; returns the strongest state that one of them had. */
enum line_state directory_snoop_core(struct directory *d, u32 core, u64 line, enum snoop what);

/* The strongest state in the caches of a processor. */
enum line_state directory_core_state(const struct directory *d, u32 core, u64 line);

/* Writes a dirty line to the level below, at once. */
void directory_write_memory(struct directory *d, u64 line);

#endif
