/* codec_pq.c - pqMxB and opqMxB: product quantization (Jegou, Douze & Schmid 2011). A vector is cut
 * into M parts of dim / M components, and each part is the number of the nearest of 2^B centroids,
 * B = 1 .. 8, found by k-means on that part of the sample. opq rotates vectors first, by the matrix
 * for which the parts lose least (pq_train.c).
 *
 * A code: part m in the bits m B .. m B + B - 1, the lowest bits of a byte first; M = 5, B = 4:
 *
 *   byte 0: part 1 << 4 | part 0      byte 1: part 3 << 4 | part 2      byte 2: part 4
 *
 * Searching: a table a part of what each centroid adds to the key, in steps of one size for all
 * parts, a byte an entry; a key is one look-up a part and integer additions. B <= 4, "fast scan"
 * (Andre, Kermarrec & Le Scouarnec 2015; 2017 for the layout): a table is 16 bytes, and one
 * instruction looks up a register full of codes. They are packed in blocks of 32 codes, a 64-byte
 * line for every four parts, zeros for parts and codes that are not there:
 *
 *   line l of a block, byte 16 k + i:   low nibble   part 4 l + k of code i        (i = 0 .. 15)
 *                                       high nibble  part 4 l + k of code 16 + i
 *
 * B > 4: blocks of 64 codes, a 64-byte line for every part, byte i that of code i; tables of 256.
 *
 * Steps: entry = round((t - least of the part) / scale), so a key is within M * scale / 2 (and the
 * rounding of floats) of the exact sum, the distance to the decoded vector. As bytes the scale is
 * the widest part's range / 255. As nibbles parts go in pairs, p and p + 4 when p / 4 is even: the
 * entries of a pair add up to 255 at most, so that two look-ups are added as bytes, and the scale
 * is the widest pair's range / 253.9.
 *
 * Sections after MET:
 *   CEN   f32 [M][2^B][dim / M]   centroids
 *   ROT   f32 [dim][dim]          opq: the rotation; row i gives component i of what is coded
 *
 * Where it differs from faiss (PQFastScan): its tables are rounded to 8 bits a part and added in 16
 * bits; here pairs share 8 bits, half a bit of precision for half of the additions.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vec/codec_kinds.h"
#include "vec/pq.h"

static bool rotates(const struct codec_spec *s)
{
    return s->kind == &codec_opq;
}

static bool as_nibbles(const struct pq *p)
{
    return p->bits <= PQ_NIBBLE;
}

static int check(const struct codec_spec *s, uint32_t dim, struct err *e)
{
    if (!s->has_a || !s->has_b || s->word[0] || s->inner[0])
        return err_set(e, ERR_USAGE, "%s: there are %s", s->text, s->kind->forms);
    if (s->b < 1 || s->b > PQ_BITS_MAX)
        return err_set(e, ERR_USAGE, "%s: a part takes 1 to %d bits", s->text, PQ_BITS_MAX);
    if (s->a < 1 || s->a > PQ_PARTS_MAX)
        return err_set(e, ERR_USAGE, "%s: there are 1 to %d parts", s->text, PQ_PARTS_MAX);
    if (dim % s->a)
        return err_set(e, ERR_USAGE, "%s: %u dimensions are not a multiple of %u", s->text, dim,
                       s->a);
    if (rotates(s) && dim > PQ_ROTATED_MAX)
        return err_set(e, ERR_USAGE, "%s: rotations have up to %d dimensions", s->text,
                       PQ_ROTATED_MAX);
    return 0;
}

/* ---- making ---- */

static void pq_free(void *state)
{
    struct pq *p = state;

    if (p) {
        free(p->centroids);
        for (uint32_t part = 0; p->near && part < p->parts; part++)
            nearest_free(&p->near[part]);
        free(p->near);
        free(p->rotation);
        linmap_free(&p->there);
        linmap_free(&p->back);
    }
    free(p);
}

static struct pq *pq_new(struct codec *c, struct err *e)
{
    struct pq *p = c->state = mem_zero(1, sizeof *p, e);

    if (!p)
        return NULL;
    p->dim = c->dim;
    p->parts = c->spec.a;
    p->bits = c->spec.b;
    p->sub = p->dim / p->parts;
    p->k = 1U << p->bits;
    p->ops = pq_ops_for(c->cpu);
    c->code_bytes = (p->parts * p->bits + 7) / 8;
    p->near = mem_zero(p->parts, sizeof *p->near, e);
    return p->near ? p : NULL;
}

/* The rotation and its transpose, packed. */
static int pack_rotation(struct pq *p, const struct vec_ops *ops, struct err *e)
{
    struct vec_matrix t;
    int rc = vec_matrix_init(&t, p->dim, p->dim, e);

    for (size_t i = 0; rc == 0 && i < p->dim; i++)
        for (size_t j = 0; j < p->dim; j++)
            vec_matrix_row(&t, j)[i] = p->rotation[i * p->dim + j];
    if (rc == 0)
        rc = linmap_init(&p->there, ops, p->rotation, p->dim, p->dim, e);
    if (rc == 0)
        rc = linmap_init(&p->back, ops, t.v, p->dim, p->dim, e);
    vec_matrix_free(&t);
    return rc;
}

static int pq_train(struct codec *c, const struct codec_train *t, struct err *e)
{
    struct pq *p = pq_new(c, e);

    if (!p)
        return e->code;
    if (t->n < p->k)
        return err_set(e, ERR_INPUT, "%s: %u centroids need as many vectors, and there are %zu",
                       c->spec.text, p->k, t->n);
    p->centroids = codec_array((size_t)p->parts * p->k, p->sub * sizeof *p->centroids, e);
    if (!p->centroids)
        return e->code;
    if (rotates(&c->spec)) {
        p->rotation = codec_array(p->dim, p->dim * sizeof *p->rotation, e);
        if (!p->rotation || pq_train_rotation(p, c->ops, t, e) < 0 ||
            pack_rotation(p, c->ops, e) < 0)
            return e->code;
    }
    if (pq_train_centroids(p, c->ops, t, e) < 0)
        return e->code;
    return pq_prepare(p, c->ops, e);
}

/* ---- files ---- */

static int pq_save(const struct codec *c, int level, struct sect_writer *w, struct err *e)
{
    const struct pq *p = c->state;

    if (codec_put(w, "CEN", level, p->centroids, (size_t)p->parts * p->k * p->sub,
                  sizeof *p->centroids, e) < 0)
        return e->code;
    return p->rotation ? codec_put(w, "ROT", level, p->rotation, (size_t)p->dim * p->dim,
                                   sizeof *p->rotation, e)
                       : 0;
}

/* Rows of length 1 is what a rotation has, and what is cheap to see. */
static int load_rotation(struct pq *p, const struct vec_ops *ops, int level,
                         const struct sect_file *f, struct err *e)
{
    size_t n = (size_t)p->dim * p->dim;

    p->rotation = codec_take(f, "ROT", level, n, sizeof *p->rotation, e);
    if (!p->rotation || codec_finite(f, "ROT", level, p->rotation, n, e) < 0)
        return e->code;
    for (size_t i = 0; i < p->dim; i++)
        if (fabs(vec_norm2(p->rotation + i * p->dim, p->dim) - 1) > 1e-3)
            return sect_bad(f, codec_id("ROT", level).s, "this is not a rotation", e);
    return pack_rotation(p, ops, e);
}

static int pq_load(struct codec *c, int level, const struct sect_file *f, struct err *e)
{
    struct pq *p = pq_new(c, e);
    size_t n;

    if (!p)
        return e->code;
    n = (size_t)p->parts * p->k * p->sub;
    p->centroids = codec_take(f, "CEN", level, n, sizeof *p->centroids, e);
    if (!p->centroids || codec_finite(f, "CEN", level, p->centroids, n, e) < 0 ||
        (rotates(&c->spec) && load_rotation(p, c->ops, level, f, e) < 0))
        return e->code;
    return pq_prepare(p, c->ops, e);
}

/* ---- coding ---- */

static unsigned get_part(const uint8_t *code, const struct pq *p, size_t part)
{
    size_t at = part * p->bits;
    unsigned v = code[at / 8], shift = at % 8;

    if (shift + p->bits > 8)
        v |= (unsigned)code[at / 8 + 1] << 8;
    return v >> shift & (p->k - 1);
}

static void put_part(uint8_t *code, const struct pq *p, size_t part, unsigned value)
{
    size_t at = part * p->bits;
    unsigned shift = at % 8;

    code[at / 8] |= (uint8_t)(value << shift);
    if (shift + p->bits > 8)
        code[at / 8 + 1] |= (uint8_t)(value >> (8 - shift));
}

/* n <= PQ_ROWS. */
static void encode_rows(const struct pq *p, const float *x, size_t n, float *own, uint8_t *code,
                        size_t code_bytes)
{
    uint32_t best[PQ_ROWS];

    memset(code, 0, n * code_bytes);
    for (uint32_t part = 0; part < p->parts; part++) {
        pq_assign(p, x, n, part, own, best);
        for (size_t i = 0; i < n; i++)
            put_part(code + i * code_bytes, p, part, best[i]);
    }
}

static int pq_encode(const struct codec *c, const float *x, size_t n, uint8_t *code, struct err *e)
{
    const struct pq *p = c->state;
    size_t room = (size_t)PQ_ROWS * p->sub; /* of a part, and before it of rotated rows */
    size_t rotated = p->rotation ? (size_t)PQ_ROWS * p->dim : 0;
    float *own = codec_array(rotated + room, sizeof *own, e);

    if (!own)
        return e->code;
    for (size_t i = 0; i < n; i += PQ_ROWS) {
        size_t rows = n - i < PQ_ROWS ? n - i : PQ_ROWS;
        const float *from = x + i * p->dim;

        if (p->rotation)
            linmap_apply(&p->there, from, rows, own);
        encode_rows(p, p->rotation ? own : from, rows, own + rotated, code + i * c->code_bytes,
                    c->code_bytes);
    }
    free(own);
    return 0;
}

static void decode_row(const struct pq *p, const uint8_t *code, float *x)
{
    for (uint32_t part = 0; part < p->parts; part++)
        memcpy(x + (size_t)part * p->sub,
               p->centroids + ((size_t)part * p->k + get_part(code, p, part)) * p->sub,
               p->sub * sizeof *x);
}

static int pq_decode(const struct codec *c, const uint8_t *code, size_t n, float *x, struct err *e)
{
    const struct pq *p = c->state;
    float *rotated = p->rotation ? codec_array(n * p->dim, sizeof *rotated, e) : NULL;

    if (p->rotation && !rotated)
        return e->code;
    for (size_t i = 0; i < n; i++)
        decode_row(p, code + i * c->code_bytes, (rotated ? rotated : x) + i * p->dim);
    if (rotated)
        linmap_apply(&p->back, rotated, n, x);
    free(rotated);
    return 0;
}

/* ---- queries ---- */

static size_t table_entries(const struct pq *p)
{
    return as_nibbles(p) ? PQ_TABLE : PQ_BYTE_TABLE;
}

/* Of the fixed part and the tables: where a rotated query begins. */
static size_t tables_end(const struct pq *p)
{
    size_t parts = as_nibbles(p) ? pq_lines(p) * PQ_LINE_PARTS : p->parts;

    return sizeof(struct pq_query) + parts * table_entries(p);
}

static size_t pq_query_bytes(const struct codec *c)
{
    const struct pq *p = c->state;
    size_t rotated = p->rotation ? p->dim * sizeof(float) : 0;

    return (tables_end(p) + rotated + 63) / 64 * 64;
}

/* What each centroid of a part adds to the key, for at least PQ_TABLE of them. */
static void part_table(const struct pq *p, enum vec_metric m, const float *q, uint32_t part,
                       float *t)
{
    p->ops->table(m == VEC_L2, q + (size_t)part * p->sub, p->near[part].products.panels, p->sub,
                  pq_filled(p), t);
}

/* The sum of the parts' least, and the step. Ranges are of a part, or of the pair that it ends. */
static void find_steps(const struct pq *p, enum vec_metric m, const float *q, float *step,
                       float *bias)
{
    float t[PQ_K_MAX], ranges[2 * PQ_LINE_PARTS] = {0}, widest = 0;
    double sum = 0;

    for (uint32_t part = 0; part < p->parts; part++) {
        float least, most, *range = &ranges[part % (2 * PQ_LINE_PARTS)];

        part_table(p, m, q, part, t);
        p->ops->range(t, pq_filled(p), &least, &most);
        sum += (double)least;
        *range = most - least;
        if (as_nibbles(p) && part & PQ_LINE_PARTS)
            *range += range[-PQ_LINE_PARTS];
        widest = *range > widest || isnan(*range) ? *range : widest;
    }
    *step = widest / (as_nibbles(p) ? PQ_PAIR_STEPS : 255);
    *bias = (float)sum;
}

static void pq_query_init(const struct codec *c, enum vec_metric m, const float *x, void *query)
{
    const struct pq *p = c->state;
    struct pq_query *q = query;
    float t[PQ_K_MAX], inverse;

    memset(q, 0, pq_query_bytes(c));
    if (p->rotation) {
        float *rotated = (float *)(void *)((char *)query + tables_end(p));

        linmap_apply(&p->there, x, 1, rotated);
        x = rotated;
    }
    find_steps(p, m, x, &q->scale, &q->bias);
    inverse = 1 / q->scale;
    if (!isfinite(q->bias))
        q->bias = FLT_MAX;
    if (!isfinite(q->scale) || !isfinite(inverse)) {
        q->scale = 0;
        return;
    }
    for (uint32_t part = 0; part < p->parts; part++) {
        float least, most;

        part_table(p, m, x, part, t);
        p->ops->range(t, pq_filled(p), &least, &most);
        p->ops->steps(t, pq_filled(p), least, inverse, q->table + part * table_entries(p));
    }
}

/* ---- lists ---- */

static size_t pq_packed_bytes(const struct codec *c, size_t n)
{
    const struct pq *p = c->state;

    return as_nibbles(p) ? (n + PQ_NIBBLE_CODES - 1) / PQ_NIBBLE_CODES * pq_lines(p) * PQ_LINE
                         : (n + PQ_BYTE_CODES - 1) / PQ_BYTE_CODES * p->parts * PQ_LINE;
}

static void pack_nibbles(const struct pq *p, const uint8_t *code, size_t code_bytes, size_t n,
                         uint8_t *block)
{
    enum { HALF = PQ_NIBBLE_CODES / 2 };

    for (size_t i = 0; i < n; i++, code += code_bytes)
        for (uint32_t part = 0; part < p->parts; part++)
            block[part * (size_t)HALF + i % HALF] |= (uint8_t)(get_part(code, p, part)
                                                               << (i < HALF ? 0 : 4));
}

static void pack_bytes(const struct pq *p, const uint8_t *code, size_t code_bytes, size_t n,
                       uint8_t *block)
{
    for (size_t i = 0; i < n; i++, code += code_bytes)
        for (uint32_t part = 0; part < p->parts; part++)
            block[part * (size_t)PQ_LINE + i] = (uint8_t)get_part(code, p, part);
}

static void pq_pack(const struct codec *c, const uint8_t *code, size_t n, uint8_t *packed)
{
    const struct pq *p = c->state;
    size_t codes = as_nibbles(p) ? PQ_NIBBLE_CODES : PQ_BYTE_CODES;
    size_t bytes = pq_packed_bytes(c, codes);

    memset(packed, 0, pq_packed_bytes(c, n));
    for (size_t from = 0; from < n; from += codes, packed += bytes)
        (as_nibbles(p) ? pack_nibbles : pack_bytes)(p, code + from * c->code_bytes, c->code_bytes,
                                                    n - from < codes ? n - from : codes, packed);
}

static void pq_scan(const struct codec *c, const void *const *query, size_t nq,
                    const uint8_t *packed, size_t n, float *key, float *low, size_t ld)
{
    const struct pq *p = c->state;

    (void)low;
    for (size_t j = 0; as_nibbles(p) && j < nq; j += PQ_QUERIES) {
        const struct pq_query *team[PQ_QUERIES];
        size_t m = nq - j < PQ_QUERIES ? nq - j : PQ_QUERIES;

        for (size_t i = 0; i < m; i++)
            team[i] = query[j + i];
        p->ops->nibbles(team, m, packed, pq_lines(p), n, key + j * ld, ld);
    }
    for (size_t j = 0; !as_nibbles(p) && j < nq; j++)
        p->ops->bytes(query[j], packed, p->parts, n, j == 0, key + j * ld);
}

#define PQ_KIND                                                                           \
    .check = check, .train = pq_train, .free = pq_free, .save = pq_save, .load = pq_load, \
    .encode = pq_encode, .decode = pq_decode, .query_bytes = pq_query_bytes,              \
    .query_init = pq_query_init, .packed_bytes = pq_packed_bytes, .pack = pq_pack, .scan = pq_scan

const struct codec_kind codec_pq = {
    .name = "pq",
    .forms = "pqMxB",
    .what = "M parts, each the nearest of 2^B centroids",
    PQ_KIND,
};
const struct codec_kind codec_opq = {
    .name = "opq",
    .forms = "opqMxB",
    .what = "the same, turned first so that the parts lose least",
    PQ_KIND,
};
