/* codec_osq.c - osqB: SQUASH's optimised scalar quantization (arXiv 2502.01528): B * d bits a
 * vector, B from 1 to 8, shared out by variance, with lower bounds that never fail.
 *
 * z = V (x - mean), the rows of V the covariance's eigenvectors (Karhunen-Loeve), largest variance
 * first. The bits of a vector go one after the other to the dimension with the largest variance /
 * 4^bits, 8 at most each; each dimension is cut into 2^bits cells by Lloyd's algorithm. Dimensions
 * without bits are the mean. A code names the cell of each z_j, packed without gaps; one bit, a
 * spare one if there is one, tells a vector that lies outside of what the sample has shown.
 *
 * Unlike SQUASH's, cells come in 4 classes when there are bits and samples enough: vectors are told
 * apart by energy, sum z_j^2 / variance_j, and a code begins with 2 bits of class. Of vectors that
 * differ in contrast, as pictures do, each then has cells of its own width: on fashion784 that
 * takes a quarter of the squared error away.
 *
 * Keys are those of the decoded vector, but for rounding: of squared distance sum (V (q - mean) -
 * point)^2, of ip -<mean, q> - <V q, point>; a table of the cells' terms a dimension.
 *
 * Lower bounds: a sum of what the nearest place of each cell gives, the cells at the ends infinite
 * and nothing for dimensions without bits. It is made sound against rounding. With the computed
 * z_j within g |x - mean| of the true ones (g: chains of CHUNK products, summed), a of them, the
 * whole vector is within G |x - mean|, G = g sqrt(a); V enlarges distances by s at most. As
 * |x - mean| <= |q - mean| + |x - q|, of a computed sum L^2
 *     |x - q| >= (L - 2 G |q - mean|) / (s + G),
 * no matter how far away x is. For ip cells end where the sample does (a little further), the
 * dimensions without bits together are bounded by the product of two lengths, and the codes of
 * vectors outside of that have no bound (-inf).
 *
 * Cost     training: the moments, d^3, and sorting; encoding a * d products; a query the same and
 *          its tables; a scan one look-up a dimension: 16 entries in a register (AVX2: two), larger
 *          ones in several.
 *
 * A code, code_bytes = ceil(B d / 8):
 *   bits  the class, 2 bits when there are classes; the cell of each dimension, bit[j] bits,
 *         dimension after dimension (bitpack.h)
 *   ...   zeros
 *   last  the lowest bit of the last byte: outside
 * Sections:
 *   MEA  d f32: the mean
 *   BIT  d u8: bits of each dimension, never increasing; a: how many are not 0
 *   ROT  [a][d] f32: rows of V
 *   WGT  a f32: 1 / variance
 *   CLS  classes - 1 f32, increasing: from which energies on the next class begins; 3 or none
 *   BRD  for each class, 2^bits + 1 f32 a dimension of a: borders, increasing; the first and last
 *        are for ip
 *   PNT  for each class, 2^bits f32 a dimension of a: what a cell decodes to
 *   RAD  2 f32: the longest x - mean, and the longest part of it in dimensions without bits
 * A packed list of n codes, in the order of classes, each class filled up to a multiple of 16:
 *   0   16  4 u32: codes of each class        16  48  zero
 *   64      place in the list of each code, u16; zeros up to n rounded up to 32
 *   then    columns (osq.h) of n rounded up to 16, and 16 a further class, bytes: one a dimension
 *           of 5 to 8 bits, one a pair of the others, one of the bit "outside"
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vec/bitpack.h"
#include "vec/codec_kind.h"
#include "vec/osq.h"

enum { DIM_MAX = 8192 }; /* d^2 doubles three times in training */

static int check(const struct codec_spec *s, uint32_t dim, struct err *e)
{
    if (s->a < 1 || s->a > 8 || s->has_b || s->word[0] || s->inner[0])
        return err_set(e, ERR_USAGE, "%s: there are osq1 to osq8", s->text);
    if (dim > DIM_MAX)
        return err_set(e, ERR_USAGE, "%s: %u dimensions are more than %d", s->text, dim, DIM_MAX);
    return 0;
}

/* ---- files ---- */

static int save(const struct codec *c, int level, struct sect_writer *w, struct err *e)
{
    const struct osq *q = c->state;

    if (codec_put(w, "MEA", level, q->mean, c->dim, sizeof *q->mean, e) < 0 ||
        codec_put(w, "BIT", level, q->bit, c->dim, 1, e) < 0 ||
        codec_put(w, "ROT", level, q->turn, (size_t)q->active * c->dim, sizeof *q->turn, e) < 0 ||
        codec_put(w, "WGT", level, q->weight, q->active, sizeof *q->weight, e) < 0 ||
        codec_put(w, "CLS", level, q->first + 1, q->classes - 1, sizeof *q->first, e) < 0 ||
        codec_put(w, "BRD", level, q->border, q->classes * q->borders, sizeof *q->border, e) < 0 ||
        codec_put(w, "PNT", level, q->point, q->classes * q->points, sizeof *q->point, e) < 0)
        return e->code;
    return codec_put(w, "RAD", level, q->radius, 2, sizeof *q->radius, e);
}

static int check_bits(const struct codec *c, int level, const struct sect_file *f, struct err *e)
{
    const struct osq *q = c->state;
    uint64_t sum = 0;

    for (uint32_t j = 0; j < c->dim; j++) {
        sum += q->bit[j];
        if (q->bit[j] > OSQ_BITS_MAX || (j > 0 && q->bit[j] > q->bit[j - 1]))
            return sect_bad(f, codec_id("BIT", level).s, "a dimension cannot have these bits", e);
    }
    if (sum > osq_budget(c))
        return sect_bad(f, codec_id("BIT", level).s, "more bits than a code has", e);
    return 0;
}

static int check_values(const struct codec *c, int level, const struct sect_file *f, struct err *e)
{
    const struct osq *q = c->state;
    const float *border = q->border;

    if (codec_finite(f, "MEA", level, q->mean, c->dim, e) < 0 ||
        codec_finite(f, "ROT", level, q->turn, (size_t)q->active * c->dim, e) < 0 ||
        codec_finite(f, "WGT", level, q->weight, q->active, e) < 0 ||
        codec_finite(f, "CLS", level, q->first + 1, q->classes - 1, e) < 0 ||
        codec_finite(f, "BRD", level, q->border, q->classes * q->borders, e) < 0 ||
        codec_finite(f, "PNT", level, q->point, q->classes * q->points, e) < 0 ||
        codec_finite(f, "RAD", level, q->radius, 2, e) < 0)
        return e->code;
    for (size_t j = 0; j < (size_t)q->classes * q->active; j++) {
        size_t cells = (size_t)1 << q->bit[j % q->active];

        for (size_t k = 0; k < cells; k++)
            if (border[k] > border[k + 1])
                return sect_bad(f, codec_id("BRD", level).s, "borders out of order", e);
        border += cells + 1;
    }
    return 0;
}

/* How many classes there are: their section is as long. */
static int load_classes(struct codec *c, int level, const struct sect_file *f, struct err *e)
{
    struct osq *q = c->state;
    uint64_t len = 0;

    q->classes = sect_get(f, codec_id("CLS", level).s, &len) && len > 0 ? OSQ_CLASSES : 1;
    if (q->classes > 1 && c->dim * c->spec.a < OSQ_CLASS_BUDGET)
        return sect_bad(f, codec_id("CLS", level).s, "codes are too small for classes", e);
    return codec_get(f, "CLS", level, q->first + 1, q->classes - 1, sizeof *q->first, e);
}

static int load(struct codec *c, int level, const struct sect_file *f, struct err *e)
{
    struct osq *q = osq_new(c, e);
    size_t all;

    if (!q || load_classes(c, level, f, e) < 0 ||
        !(q->mean = codec_take(f, "MEA", level, c->dim, sizeof *q->mean, e)) ||
        !(q->bit = codec_take(f, "BIT", level, c->dim, 1, e)) || check_bits(c, level, f, e) < 0)
        return e->code;
    osq_set_shape(c);
    all = q->classes;
    if (!(q->turn = codec_take(f, "ROT", level, (size_t)q->active * c->dim, sizeof *q->turn, e)) ||
        !(q->weight = codec_take(f, "WGT", level, q->active, sizeof *q->weight, e)) ||
        !(q->border = codec_take(f, "BRD", level, all * q->borders, sizeof *q->border, e)) ||
        !(q->point = codec_take(f, "PNT", level, all * q->points, sizeof *q->point, e)) ||
        codec_get(f, "RAD", level, q->radius, 2, sizeof *q->radius, e) < 0 ||
        check_values(c, level, f, e) < 0)
        return e->code;
    return osq_make_panels(c, e);
}

/* ---- encoding ---- */

/* How many inner borders are not above z: a search of bits steps. */
static inline unsigned cell_of(const float *border, unsigned bits, float z)
{
    unsigned cell = 0;

    for (unsigned step = 1u << bits >> 1; step > 0; step /= 2)
        cell += border[cell + step] <= z ? step : 0;
    return cell;
}

static int encode_one(const struct codec *c, const float *row, const float *z, uint8_t *code,
                      struct err *e)
{
    const struct osq *q = c->state;
    struct osq_measures s = osq_measure(c, row, z);
    unsigned class = osq_class_of(q, s.energy);
    const float *border = q->border + class * q->borders;
    struct bit_writer w = {.p = code};
    double all = (double)q->radius[0], rest = (double)q->radius[1];
    bool outside = s.norm > all * all || s.rest > rest * rest;

    if (osq_too_far(c, s.norm, e) < 0)
        return ERR_INPUT;
    memset(code, 0, c->code_bytes);
    bit_put(&w, osq_class_bits(q), class);
    for (uint32_t j = 0; j < q->active; j++) {
        unsigned bits = q->bit[j];

        bit_put(&w, bits, cell_of(border, bits, z[j]));
        outside |= z[j] < border[0] || z[j] > border[1u << bits];
        border += (1u << bits) + 1;
    }
    bit_end(&w);
    code[c->code_bytes - 1] |= outside;
    return 0;
}

static int encode(const struct codec *c, const float *x, size_t n, uint8_t *code, struct err *e)
{
    const struct osq *q = c->state;
    size_t ld = (size_t)osq_panels(q) * PANEL;
    float *rows = mem_array(OSQ_BLOCK * (c->dim + ld), sizeof *rows, e), *z;
    int rc = rows ? 0 : ERR_MEM;

    for (size_t from = 0; rc == 0 && from < n; from += OSQ_BLOCK) {
        size_t some = n - from < OSQ_BLOCK ? n - from : OSQ_BLOCK;

        z = rows + (size_t)OSQ_BLOCK * c->dim;
        for (size_t i = 0; i < some * c->dim; i++)
            rows[i] = x[from * c->dim + i] - q->mean[i % c->dim];
        osq_turn_rows(c, rows, some, z);
        for (size_t i = 0; rc == 0 && i < some; i++)
            rc = encode_one(c, rows + i * c->dim, z + i * ld, code + (from + i) * c->code_bytes, e);
    }
    free(rows);
    return rc;
}

/* y[i * active + j]: the points of n codes. */
static void points_of(const struct codec *c, const uint8_t *code, size_t n, float *y)
{
    const struct osq *q = c->state;

    for (size_t i = 0; i < n; i++, code += c->code_bytes) {
        struct bit_reader r = {.p = code};
        const float *point = q->point + bit_get(&r, osq_class_bits(q)) * q->points;

        for (uint32_t j = 0; j < q->active; j++) {
            *y++ = point[bit_get(&r, q->bit[j])];
            point += (size_t)1 << q->bit[j];
        }
    }
}

/* x = mean + V^T y, by exact products with the columns of V. */
static int decode(const struct codec *c, const uint8_t *code, size_t n, float *x, struct err *e)
{
    const struct osq *q = c->state;
    float *panel = codec_array((size_t)q->active * PANEL, sizeof *panel, e);
    float *y = codec_array(n * (q->active + PANEL), sizeof *y, e);
    int rc = panel && y ? 0 : ERR_MEM;

    if (rc == 0)
        points_of(c, code, n, y);
    for (uint32_t first = 0; rc == 0 && first < c->dim; first += PANEL) {
        uint32_t nc = c->dim - first < PANEL ? c->dim - first : PANEL;
        float *tile = y + n * q->active;

        for (uint32_t j = 0; j < q->active; j++)
            memcpy(panel + (size_t)j * PANEL, q->turn + (size_t)j * c->dim + first,
                   nc * sizeof *panel);
        c->ops->tile_f32(y, q->active * sizeof *y, n, panel, q->active, tile);
        for (size_t i = 0; i < n; i++)
            for (uint32_t k = 0; k < nc; k++)
                x[i * c->dim + first + k] = q->mean[first + k] + tile[i * PANEL + k];
    }
    free(panel);
    free(y);
    return rc;
}

const struct codec_kind codec_osq = {
    .name = "osq",
    .forms = "osq1 to osq8",
    .what = "cells by variance after a KLT, packed, with lower bounds that never fail",
    .sections = "MEABITROTWGTCLSBRDPNTRAD",
    .check = check,
    .train = osq_train,
    .free = osq_free,
    .save = save,
    .load = load,
    .encode = encode,
    .decode = decode,
    .query_bytes = osq_query_bytes,
    .query_init = osq_query_init,
    .packed_bytes = osq_packed_bytes,
    .pack = osq_pack,
    .scan = osq_scan,
    .bounds = true,
};
