/* places.c - see places.h. */
#include "ann/places.h"

#include <stdlib.h>

#include "base/mem.h"

int places_of_rows(_Atomic(uint32_t *) *at, const uint32_t *row, uint64_t rows, struct err *e)
{
    uint32_t *place, *none = NULL;

    if (atomic_load(at))
        return 0;
    if (!(place = mem_zero((size_t)rows, sizeof *place, e)))
        return e->code;
    for (uint64_t i = 0; i < rows; i++)
        place[row[i]] = (uint32_t)i;
    if (!atomic_compare_exchange_strong(at, &none, place))
        free(place); /* another was faster */
    return 0;
}
