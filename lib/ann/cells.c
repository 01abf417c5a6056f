/* cells.c - the table of a level, and rows as queries. */
#include "ann/cells.h"

const struct cells_ops *cells_ops_for(enum cpu_level level)
{
    return CPU_CHOICE(cells, level);
}

void cells_query_row(const uint8_t *row, size_t stride, int8_t *room, struct cells_query *q)
{
    size_t n = stride - CELLS_NORM;
    int32_t sum = 0;

    for (size_t k = 0; k < n; k++) {
        room[k] = (int8_t)(row[k] ^ 0x80);
        sum += room[k];
    }
    memset(room + n, 0, CELLS_NORM);
    *q = (struct cells_query){room, 128 * sum, 1, -2, (uint32_t)stride};
}
