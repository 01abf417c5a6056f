/* ops.c - see ops.h: choosing a level, packing, products of whole matrices. */
#include "vec/ops_level.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { BLOCK_ROWS = 64 }; /* of a, that meet all panels before the next */

const struct vec_ops *ops_for(enum cpu_level level)
{
    return CPU_CHOICE(ops, level);
}

void ops_to_f32(const struct vec_ops *ops, enum vec_type type, const void *src, size_t n,
                float *dst)
{
    if (type == VEC_U8)
        ops->from_u8(src, n, dst);
    else if (type == VEC_I8)
        ops->from_i8(src, n, dst);
    else if (type == VEC_F16)
        ops->from_f16(src, n, dst);
    else
        memcpy(dst, src, n * sizeof *dst);
}

void panel_pack_f32(const void *cols, size_t stride, size_t nc, uint32_t dim, float *panel)
{
    memset(panel, 0, (size_t)dim * PANEL * sizeof *panel);
    for (size_t j = 0; j < nc; j++) {
        const unsigned char *col = (const unsigned char *)cols + j * stride;

        for (uint32_t k = 0; k < dim; k++)
            memcpy(&panel[k * (size_t)PANEL + j], col + 4 * (size_t)k, 4);
    }
}

void panel_pack_bytes(const void *cols, size_t stride, size_t nc, uint32_t dim, unsigned char flip,
                      void *panel)
{
    memset(panel, 0, panel_bytes(dim));
    for (size_t j = 0; j < nc; j++) {
        const unsigned char *col = (const unsigned char *)cols + j * stride;
        unsigned char *to = (unsigned char *)panel + 4 * j;

        for (uint32_t k = 0; k < dim; k++)
            to[k / 4 * (size_t)(4 * PANEL) + k % 4] = col[k] ^ flip;
    }
}

void dots_pack_plain(const void *q, enum vec_type t, size_t nq, uint32_t dim, void *to)
{
    memcpy(to, q, nq * dim * vec_type_size(t));
}

/* The products of up to BLOCK_ROWS rows with every panel. */
static void block_products(const struct vec_ops *ops, const float *a, size_t na,
                           const float *panels, size_t nb, uint32_t dim, float *out, size_t ldo)
{
    float tile[BLOCK_ROWS * PANEL];

    for (size_t j = 0; j < nb; j += PANEL) {
        size_t nc = nb - j < PANEL ? nb - j : PANEL;

        ops->tile_f32(a, dim * sizeof *a, na, panels + j * dim, dim, tile);
        for (size_t i = 0; i < na; i++)
            memcpy(out + i * ldo + j, tile + i * PANEL, nc * sizeof *out);
    }
}

int vec_products(const struct vec_ops *ops, const float *a, size_t na, const float *b, size_t nb,
                 uint32_t dim, float *out, size_t ldo, int threads, struct err *e)
{
    size_t panels = (nb + PANEL - 1) / PANEL, blocks = (na + BLOCK_ROWS - 1) / BLOCK_ROWS;
    struct vec_matrix packed = {0};

    if (vec_matrix_init(&packed, panels * PANEL, dim, e) < 0)
        return e->code;
    for (size_t p = 0; p < panels; p++)
        panel_pack_f32(b + p * PANEL * dim, dim * sizeof *b,
                       nb - p * PANEL < PANEL ? nb - p * PANEL : PANEL, dim,
                       packed.v + p * PANEL * dim);
#pragma omp parallel for num_threads(threads) if (threads > 1)
    for (size_t i = 0; i < blocks; i++) {
        size_t from = i * BLOCK_ROWS, n = na - from < BLOCK_ROWS ? na - from : BLOCK_ROWS;

        block_products(ops, a + from * dim, n, packed.v, nb, dim, out + from * ldo, ldo);
    }
    vec_matrix_free(&packed);
    return 0;
}

double vec_norm2(const float *x, uint32_t dim)
{
    double sum = 0;

    for (uint32_t k = 0; k < dim; k++)
        sum += (double)x[k] * (double)x[k];
    return sum;
}
