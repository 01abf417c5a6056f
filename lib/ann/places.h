/* places.h - where rows stand: an index keeps them in an order of its own, that of its lists, say.
 * A row's position there is its place; ROWS, or what a kind has instead, says which row stands at
 * a place.
 */
#ifndef ANN_PLACES_H
#define ANN_PLACES_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"

/* *at becomes [rows], (*at)[row[i]] = i, unless it is there already. The first who wants it makes
 * it, for all threads; the index's owner frees it. */
int places_of_rows(_Atomic(uint32_t *) *at, const uint32_t *row, uint64_t rows, struct err *e);

#endif
