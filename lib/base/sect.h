/* sect.h - sectioned, checksummed, memory-mapped files: the container of all our own formats.
 *
 *   offset 0    header, 64 bytes
 *               0  8  magic: 0x89 'S' 'L' 'U' 'I' 'C' 'E' '\n'
 *               8  4  kind, four letters ("fm  ")
 *              12  2  format version, major: a reader refuses another
 *              14  2  format version, minor: a reader ignores what it does not know
 *              16  8  file size in bytes
 *              24  8  offset of the section table
 *              32  4  number of sections
 *              36 20  zero
 *              56  8  XXH3 of the 56 bytes before
 *   offset 64   sections, each at a multiple of 64, zero bytes between them
 *   then        section table, at a multiple of 64, one 32-byte row a section, in file order:
 *               0  4  id, four letters
 *               4  4  flags (1: a reader must know it; 2: stands apart; the rest 0)
 *               8  8  offset               16  8  length      24  8  XXH3 of the section
 *               and after the rows 8 bytes: XXH3 of the rows. The file ends there.
 * All numbers little-endian. Letters are printable ASCII.
 *
 * A section that stands apart begins at a multiple of 4096. It is for what is much larger than
 * memory: an open file does not map or load it, sect_get() gives no pointer; it is read through
 * sect_fd() at its offset, or by sect_read().
 *
 * sect_open() checks size, magic, kind, version, header and table checksums, and that sections are
 * aligned, ordered, apart, inside and of different names; the caller checks each section's length
 * against its counts. sect_check() reads everything: each section's checksum and that all padding
 * is zero, so that any flipped bit of the file is found.
 *
 * Errors   ERR_CORRUPT naming path and section, ERR_IO, ERR_MEM. After a failed call a writer can
 *          only be aborted.
 * Memory   pointers from sect_get() live until sect_close(), and are multiples of 64. A file
 *          replaced meanwhile stays as it was; one cut short in place is a SIGBUS (map.h), unless
 *          it was loaded. A writer holds 1 MB.
 * Threads  an open file is immutable: share it. A writer belongs to one thread.
 */
#ifndef BASE_SECT_H
#define BASE_SECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
    SECT_ALIGN = 64,
    SECT_REQUIRED = 1,
    SECT_APART = 2,
    SECT_APART_ALIGN = 4096,
    SECT_MAX = 256
};

struct sect_writer;

int sect_create(struct sect_writer **out, const char *path, const char kind[4], uint16_t major,
                uint16_t minor, struct err *e);
/* Sections are written one after the other: begin, add any number of pieces, end. At most SECT_MAX,
 * each id once. */
int sect_begin(struct sect_writer *w, const char id[4], uint32_t flags, struct err *e);
int sect_add(struct sect_writer *w, const void *p, size_t len, struct err *e);
int sect_end(struct sect_writer *w, struct err *e);
/* All three at once. */
int sect_put(struct sect_writer *w, const char id[4], uint32_t flags, const void *p, size_t len,
             struct err *e);
/* All sections of an open file, in its order, with their flags, but those in `without`, four
 * letters each: the caller puts its own in their place. ERR_CORRUPT when a checksum differs, so
 * that what is damaged does not get a new, right one. The two are of one kind and version. */
struct sect_file;
int sect_copy(struct sect_writer *w, const struct sect_file *f, const char *without, struct err *e);
/* Bytes of a section that was ended, back out of the file: for sections made in several passes over
 * an earlier one. */
int sect_reread(struct sect_writer *w, const char id[4], uint64_t at, void *p, size_t len,
                struct err *e);
/* What is written is the open file `f` (sect_open()), changed: where it goes to the name that f has,
 * however that is spelled, the commit fails with ERR_INPUT when this name is another file's by then
 * (atomic_replaces()). */
void sect_replaces(struct sect_writer *w, const struct sect_file *f);
/* Would it fail now, if it went to `path`? */
int sect_unchanged(const struct sect_file *f, const char *path, struct err *e);
/* Table, header, sync, rename. Frees *w either way and clears it. */
int sect_commit(struct sect_writer **w, struct err *e);
void sect_abort(struct sect_writer **w); /* no-op on NULL */

struct sect_row {
    char id[5]; /* NUL-terminated */
    uint32_t flags;
    uint64_t offset, len, sum;
};

int sect_open(struct sect_file **out, const char *path, const char kind[4], uint16_t major,
              struct err *e);
/* The same, and the file is then read into huge pages (map.h): what is open is a copy. */
int sect_load(struct sect_file **out, const char *path, const char kind[4], uint16_t major,
              int threads, struct err *e);
/* The same of a file's bytes in memory, which stays the caller's and outlives *out; p a multiple of
 * 64 if sections are to be. `name` stands for the path in messages. */
int sect_open_mem(struct sect_file **out, const void *p, uint64_t len, const char *name,
                  const char kind[4], uint16_t major, struct err *e);
/* ERR_CORRUPT if a section that a reader must know (SECT_REQUIRED) is not in `ids`, four letters
 * each: "SUPRTEXT". */
int sect_known(const struct sect_file *f, const char *ids, struct err *e);
/* The section and its length in bytes; NULL, with len 0 and *e untouched, when it is absent or
 * stands apart. */
const void *sect_get(const struct sect_file *f, const char id[4], uint64_t *len);
/* The same, and its length must be n * size: ERR_CORRUPT when absent, apart, or another length. */
int sect_need(const struct sect_file *f, const char id[4], uint64_t n, uint64_t size,
              const void **p, struct err *e);
/* The place of a section; false when it is absent. */
bool sect_find(const struct sect_file *f, const char id[4], struct sect_row *row);
/* The file itself, for reads of sections that stand apart; -1 where all is mapped or in memory. */
int sect_fd(const struct sect_file *f);
/* Bytes [at, at + len) of a section that is there and has so many. ERR_IO; ERR_CORRUPT when the
 * file has become shorter. */
int sect_read(const struct sect_file *f, const char id[4], uint64_t at, void *p, size_t len,
              struct err *e);
size_t sect_count(const struct sect_file *f);
struct sect_row sect_row(const struct sect_file *f, size_t i);
const char *sect_path(const struct sect_file *f);
uint64_t sect_size(const struct sect_file *f);  /* of the file */
uint16_t sect_minor(const struct sect_file *f); /* format version, minor */
void sect_random(const struct sect_file *f);    /* reads will be scattered: no read-ahead */
/* ERR_CORRUPT with "PATH: section 'ID' is damaged: WHAT" for the caller that finds it. */
int sect_bad(const struct sect_file *f, const char id[4], const char *what, struct err *e);
/* One section's checksum: for small sections that say what the others must be. */
int sect_verify(const struct sect_file *f, const char id[4], struct err *e);
int sect_check(const struct sect_file *f, struct err *e);
void sect_close(struct sect_file *f);

#endif
