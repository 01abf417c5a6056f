/* types.c - see types.h. */
#include "vec/types.h"

#include <string.h>

#include "base/mem.h"
#include "vec/f16.h"

const char *vec_type_name(enum vec_type t)
{
    static const char *const name[] = {"f32", "f16", "u8", "i8", "i32"};

    return name[t];
}

const char *vec_metric_name(enum vec_metric m)
{
    static const char *const name[] = {"l2", "ip", "cosine"};

    return name[m];
}

void vec_to_f32(enum vec_type type, const void *src, size_t n, float *dst)
{
    const unsigned char *p = src;

    switch (type) {
    case VEC_F32:
        memcpy(dst, src, n * sizeof *dst);
        break;
    case VEC_F16:
        for (size_t i = 0; i < n; i++) {
            uint16_t h;
            memcpy(&h, p + 2 * i, 2);
            dst[i] = f16_to_f32(h);
        }
        break;
    case VEC_U8:
        for (size_t i = 0; i < n; i++)
            dst[i] = p[i];
        break;
    case VEC_I8:
        for (size_t i = 0; i < n; i++)
            dst[i] = (float)(int8_t)p[i];
        break;
    case VEC_I32:
        for (size_t i = 0; i < n; i++) {
            int32_t v;
            memcpy(&v, p + 4 * i, 4);
            dst[i] = (float)v;
        }
        break;
    }
}

int vec_matrix_init(struct vec_matrix *m, uint64_t rows, uint32_t dim, struct err *e)
{
    size_t bytes;

    *m = (struct vec_matrix){0};
    if (rows > VEC_ROWS_MAX ||
        __builtin_mul_overflow((size_t)rows, (size_t)dim * sizeof *m->v, &bytes))
        return err_set(e, ERR_MEM, "%llu vectors of %u components do not fit into memory",
                       (unsigned long long)rows, dim);
    m->v = mem_map(bytes ? bytes : 1, e);
    if (!m->v)
        return e->code;
    m->rows = rows;
    m->dim = dim;
    m->bytes = bytes ? bytes : 1;
    return 0;
}

void vec_matrix_free(struct vec_matrix *m)
{
    if (m->v)
        mem_unmap(m->v, m->bytes);
    *m = (struct vec_matrix){0};
}
