/* cook.c - see cook.h. */
#include "vec/cook.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"
#include "vec/ops.h"

enum { BATCH_BYTES = 1 << 20 };

int vec_cook_init(struct vec_cook *c, struct err *e)
{
    size_t row = (size_t)c->dim * sizeof(float);

    c->batch = row < BATCH_BYTES && row ? BATCH_BYTES / row : 1;
    c->raw = mem_array(c->batch, row, e);
    c->cooked = mem_array(c->batch, row, e);
    return c->raw && c->cooked ? 0 : e->code;
}

void vec_cook_free(struct vec_cook *c)
{
    free(c->raw);
    free(c->cooked);
    c->raw = c->cooked = NULL;
}

enum vec_type vec_cook_from(const struct vec_cook *c, const struct vec_reader *r)
{
    return c->normalize ? VEC_F32 : vec_reader_type(r);
}

static bool to_unit_length(float *x, uint32_t dim)
{
    double norm2 = vec_norm2(x, dim), scale;

    if (!(norm2 > 0))
        return false;
    scale = 1 / sqrt(norm2);
    for (uint32_t k = 0; k < dim; k++)
        x[k] = (float)(x[k] * scale);
    return true;
}

/* 1; 0: a bad row, with *e filled. `row` is its number. */
static int cook_row(const struct vec_cook *c, const struct vec_reader *r, uint64_t row,
                    unsigned char *raw, unsigned char *cooked, struct err *e)
{
    enum vec_type type = vec_cook_from(c, r);
    size_t fit;
    float v;

    if (c->normalize && !to_unit_length((float *)(void *)raw, c->dim)) {
        err_set(e, ERR_INPUT, "%s: row %llu is zero and has no direction", vec_reader_name(r),
                (unsigned long long)row);
        return 0;
    }
    fit = vec_convert(type, raw, c->type, cooked, c->dim);
    if (fit == c->dim)
        return 1;
    vec_to_f32(type, raw + fit * vec_type_size(type), 1, &v);
    err_set(e, ERR_INPUT, "%s: row %llu: component %zu, %g, does not fit into %s",
            vec_reader_name(r), (unsigned long long)row, fit, (double)v, vec_type_name(c->type));
    return 0;
}

int64_t vec_cook_read(struct vec_cook *c, struct vec_reader *r, uint64_t n, unsigned char **rows,
                      bool *end, struct err *e)
{
    uint64_t first = vec_reader_next(r), kept = 0;
    enum vec_type type = vec_cook_from(c, r);
    size_t from = c->dim * vec_type_size(type), to = c->dim * vec_type_size(c->type);
    int64_t got = c->normalize ? vec_read_f32(r, (float *)(void *)c->raw, n, e)
                               : vec_read(r, c->raw, n, e);

    *end = got == 0;
    *rows = c->raw;
    if (got <= 0 || (!c->normalize && type == c->type))
        return got;
    for (uint64_t i = 0; i < (uint64_t)got; i++) {
        if (cook_row(c, r, first + i, c->raw + i * from, c->cooked + kept * to, e))
            kept++;
        else if (!c->skip_bad)
            return e->code;
        else
            c->skipped++;
    }
    *rows = c->cooked;
    return (int64_t)kept;
}
