/* exact.c - distances from the vectors themselves: bytes with queries of whole numbers in integers,
 * all else in double, in the one order of knn.h. */
#include <math.h>
#include <stdlib.h>

#include "ann/kind.h"
#include "base/mem.h"
#include "vec/knn.h"
#include "vec/ops.h"

enum { WHOLE_DIM_MAX = 1 << 16 }; /* cells.h: l2_bytes */

int exact_init(struct exact *x, const struct ann *a, struct err *e)
{
    size_t bytes = (a->form.dim * sizeof *x->q + 63) / 64 * 64;

    *x = (struct exact){.a = a};
    x->q = aligned_alloc(64, bytes);
    x->row = aligned_alloc(64, bytes);
    x->bytes = mem_array(a->form.dim, 1, e);
    if (x->q && x->row && x->bytes)
        return 0;
    exact_free(x);
    return err_set(e, ERR_MEM, "out of memory for a search");
}

void exact_free(struct exact *x)
{
    free(x->q);
    free(x->row);
    free(x->bytes);
    *x = (struct exact){0};
}

/* Is the query one of whole numbers that fit? */
static bool whole(const struct form *f, const float *q, uint8_t *out)
{
    float least = f->type == VEC_U8 ? 0 : -128, most = f->type == VEC_U8 ? 255 : 127;

    if (f->metric != VEC_L2 || f->dim > WHOLE_DIM_MAX || (f->type != VEC_U8 && f->type != VEC_I8))
        return false;
    for (uint32_t k = 0; k < f->dim; k++) {
        int32_t v = q[k] >= least && q[k] <= most ? (int32_t)q[k] : 0;

        if ((float)v != q[k])
            return false;
        out[k] = (uint8_t)v;
    }
    return true;
}

struct exact_query exact_prepare(const struct ann *a, const float *q, uint8_t *bytes)
{
    const struct form *f = &a->form;

    return (struct exact_query){.q = q,
                                .bytes = whole(f, q, bytes) ? bytes : NULL,
                                .norm = sqrt(f->ops->dot_f64(q, q, f->dim))};
}

void exact_query(struct exact *x, const float *q)
{
    memcpy(x->q, q, x->a->form.dim * sizeof *q);
    x->now = exact_prepare(x->a, x->q, x->bytes);
}

static const uint8_t *vector_of(const struct ann *a, uint32_t row)
{
    return a->vectors + row * a->vector_stride;
}

double exact_key_of(const struct exact *x, const void *v)
{
    const struct form *f = &x->a->form;

    if (x->now.bytes)
        return (double)x->a->ops->l2_bytes(v, x->now.bytes, f->dim, f->type == VEC_I8 ? 0x80 : 0);
    if (f->type == VEC_F32)
        return knn_key(f->ops, f->metric, v, x->now.q, f->dim, x->now.norm);
    ops_to_f32(f->ops, f->type, v, f->dim, x->row);
    return knn_key(f->ops, f->metric, x->row, x->now.q, f->dim, x->now.norm);
}

double exact_key(const struct exact *x, uint32_t row)
{
    return exact_key_of(x, vector_of(x->a, row));
}

void exact_ask(const struct exact *x, uint32_t row)
{
    const uint8_t *v = vector_of(x->a, row);

    for (size_t at = 0; at < x->a->vector_bytes; at += CELLS_LINE)
        __builtin_prefetch(v + at);
}
