/* tenant_error.c - how far keys of codes are from true ones, by rows that stand together, each a
 * query of the others: tenant.h. */
#include <math.h>
#include <stdlib.h>

#include "ann/tenant.h"
#include "base/sort.h"
#include "vec/knn.h"
#include "vec/ops.h"

enum { WINDOWS = 64, ROWS = 48, PAIRS_LEAST = 2000 };

struct trial {
    const struct tenant_made *v;
    const struct ann_maker *m;
    float *x; /* [ROWS][wide] */
    size_t wide;
    int8_t *weights;
    float *room;
    float *self, *other; /* errors of a row to itself; of others, and their keys behind */
    double *key;
    size_t selves, others;
};

/* n rows from a place on are each other's queries. */
static void try_window(struct trial *t, uint64_t place, size_t n)
{
    const struct form *f = &t->m->form;
    cells_keys *keys = cells_keys_of(t->m->ops, form_bits(f));
    uint32_t id[ROWS];
    float estimate[ROWS];
    struct form_query q;

    for (size_t i = 0; i < n; i++) {
        id[i] = (uint32_t)(place + i);
        ops_to_f32(f->ops, f->type, ann_vector_at(t->m, t->v->order[place + i]), f->dim,
                   t->x + i * t->wide);
    }
    for (size_t i = 0; i < n; i++) {
        const float *x = t->x + i * t->wide;
        double norm = sqrt(f->ops->dot_f64(x, x, f->dim));

        form_queries(f, x, 1, t->room, t->weights, &q);
        keys(&q.cells, t->v->code, form_stride(f), id, n, estimate);
        for (size_t j = 0; j < n; j++) {
            double key = knn_key(f->ops, f->metric, t->x + j * t->wide, x, f->dim, norm);
            double error = fabs(q.add + q.mul * (double)estimate[j] - key);

            if (!isfinite(error))
                continue;
            if (i == j && f->metric != VEC_IP) {
                t->self[t->selves++] = (float)error;
            } else {
                t->key[t->others] = f->metric == VEC_IP ? norm * norm : key;
                t->other[t->others++] = (float)error;
            }
        }
    }
}

/* The value that one in TENANT_RISK exceeds. */
static float nearly_most(float *v, size_t n)
{
    sort_floats(v, n);
    return n ? v[n - 1 - n / TENANT_RISK] : 0;
}

static void conclude(struct trial *t, struct tenant_head *h)
{
    size_t n = 0;

    h->spread = INFINITY;
    h->noise = 0;
    if (t->others < PAIRS_LEAST)
        return;
    h->noise = nearly_most(t->self, t->selves);
    for (size_t i = 0; i < t->others; i++)
        if (t->key[i] > 0)
            t->other[n++] = (float)(fmax(0, (double)t->other[i] - (double)h->noise) /
                                    sqrt(t->key[i]));
    h->spread = nearly_most(t->other, n);
}

int tenant_errors(struct tenant_made *v, const struct ann_maker *m, struct err *e)
{
    size_t most = (size_t)WINDOWS * ROWS, n = v->rows < ROWS ? v->rows : ROWS;
    struct trial t = {.v = v, .m = m, .wide = ((size_t)m->form.dim + 15) / 16 * 16};
    int rc = 0;

    t.x = codec_array(ROWS * t.wide, sizeof *t.x, e);
    t.weights = codec_array(form_weights(&m->form), 1, e);
    t.room = codec_array(form_room(&m->form, 1), sizeof *t.room, e);
    t.self = mem_array(most, sizeof *t.self, e);
    t.other = mem_array(most * ROWS, sizeof *t.other, e);
    t.key = mem_array(most * ROWS, sizeof *t.key, e);
    if (!t.x || !t.weights || !t.room || !t.self || !t.other || !t.key)
        rc = e->code;
    for (uint64_t w = 0; rc == 0 && w < WINDOWS; w++)
        try_window(&t, (v->rows - n) * w / (WINDOWS - 1), n);
    if (rc == 0)
        conclude(&t, &v->head);
    free(t.x);
    free(t.weights);
    free(t.room);
    free(t.self);
    free(t.other);
    free(t.key);
    return rc;
}
