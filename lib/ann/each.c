/* each.c - see each.h. */
#include "ann/each.h"

#include <stdlib.h>

#include "base/mem.h"

int each(const struct each *f, struct err *e)
{
    uint64_t bad = UINT64_MAX;

#pragma omp parallel num_threads(f->threads > 1 ? f->threads : 1)
    {
        struct err mine = {0};
        void *room = mem_zero(1, f->room, &mine);
        int rc = room ? 0 : mine.code;

        if (rc == 0 && f->begin)
            rc = f->begin(room, f->ctx, &mine);
#pragma omp for schedule(dynamic)
        for (uint64_t i = 0; i < f->n; i++)
            if (rc < 0 || f->one(f->ctx, i, room, &mine) < 0)
#pragma omp critical(ann_each)
                if (i < bad) {
                    bad = i;
                    *e = mine;
                }
        if (room && f->end)
            f->end(room);
        free(room);
    }
    return bad == UINT64_MAX ? 0 : e->code;
}
