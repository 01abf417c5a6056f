/* allow.h - which rows of a base a search may return: a set of row numbers.
 *
 *   text         a row number a line
 *   ivecs ibin   row numbers; -1 is none
 *   bitmap       bit i of byte i / 8 (the lowest is bit 0) is row i
 * By `format`, else the name's ending (.ivecs .ibin .bitmap; .zst and .gz are taken off before, but
 * a bitmap is not read compressed), else text. In any order, repeats are one. As a set of bits in
 * memory: rows / 8 bytes.
 *
 * Errors   ERR_INPUT names file and line or row.
 * Threads  read-only once loaded: share it.
 */
#ifndef VEC_ALLOW_H
#define VEC_ALLOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum allow_format { ALLOW_AUTO, ALLOW_TEXT, ALLOW_IVECS, ALLOW_IBIN, ALLOW_BITMAP };
#define ALLOW_FORMAT_NAMES "text|ivecs|ibin|bitmap" /* from ALLOW_TEXT on */

#define ALLOW_ROWS_MOST (UINT64_C(1) << 33) /* of a stream: a gigabyte of bits */

struct allow {
    uint8_t *bits;
    size_t bytes;
    uint64_t count; /* rows in it */
    uint64_t end;   /* one more than the greatest */
};

/* rows: of the base, or VEC_UNKNOWN (file.h). A row that it does not have is ERR_INPUT at once, but
 * in a bitmap or where they are not known; then one from ALLOW_ROWS_MOST on is. */
int allow_load(struct allow *a, const char *path, enum allow_format format, uint64_t rows,
               struct err *e);
void allow_free(struct allow *a); /* leaves {0}; fine on {0} */

static inline bool allow_has(const struct allow *a, uint64_t row)
{
    return row < a->end && (a->bits[row / 8] >> row % 8 & 1);
}

#endif
