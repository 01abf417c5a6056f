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
 * line for every four parts (wide ones first, see below), zeros for what is not there:
 *
 *   line l of a block, byte 16 k + i:   low nibble   part 4 l + k of code i        (i = 0 .. 15)
 *                                       high nibble  part 4 l + k of code 16 + i
 *
 * B > 4: blocks of 64 codes, a 64-byte line for every part, byte i that of code i; tables of 256.
 *
 * Steps: entry = round((t - least of the part) / scale), so a key is within M * scale / 2 (and the
 * rounding of floats) of the exact sum, the distance to the decoded vector. As nibbles parts go in
 * pairs, p and p + 4 when p / 4 is even, whose entries add up to 255 at most, so that two look-ups
 * are added as bytes; as bytes each has 255 steps of its own. The scale is the least that all
 * allow:
 *
 *   nibbles  (range + partner's range) / 253.9; range / 126.9 if the partner is wide
 *   bytes    range / 255
 *
 * Wide parts: rotations put much into few parts, whose range would leave the others a step or two.
 * Their entries are larger: a low byte where others have theirs, of 7 bits (nibbles) or 8, and a
 * high byte, looked up in lines of their own that repeat the part's codes. These come first in a
 * block, and their sum is shifted by as many bits before the others are added. A wide part's scale
 * is range / 16382, or / 65534. Which parts: up to a quarter of all (or four nibbles'), those whose
 * box of centroids has the largest squared diagonals, in that order, a line of four (or one as
 * bytes) after the other while the widest left has more than 8 times the mean of the other three
 * quarters.
 *
 * Products: centroids are the means of their cells, so for any query the mean error over what was
 * trained on is 0 (vec-eval's ip_bias: 2e-5 of glove100n), rotated or not. But a mean is shorter
 * than what it stands for: estimates over products are a line of slope 1 - (share of the squared
 * length that is lost), roughly (ip_slope: pq25x4 .80, opq25x4 .91). That is what the least squared
 * error costs; it is not taken out, as ranks do not ask for it. rabitq has no such bias.
 *
 * Sections after MET:
 *   CEN   f32 [M][2^B][dim / M]   centroids
 *   ROT   f32 [dim][dim]          opq: the rotation; row i gives component i of what is coded
 *
 * Where it differs from faiss (PQFastScan): its tables are rounded to 8 bits a part and added in 16
 * bits; here pairs share 8 bits: a bit of precision for half of the additions; and it has no wide
 * parts.
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vec/codec_kind.h"
#include "vec/kmeans.h"
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
        free(p->wide);
        free(p->is_wide);
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
    if (kmeans_check(t->x, t->n, c->dim, e) < 0)
        return e->code;
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

/* ---- packed parts and their tables ---- */

static size_t table_entries(const struct pq *p)
{
    return as_nibbles(p) ? PQ_TABLE : PQ_BYTE_TABLE;
}

/* Lines of a block: of high bytes, and all. */
static size_t high_lines(const struct pq *p)
{
    return as_nibbles(p) ? pq_lines(p->wides) : p->wides;
}

static size_t all_lines(const struct pq *p)
{
    return high_lines(p) + (as_nibbles(p) ? pq_lines(p->parts) : p->parts);
}

/* Parts of a line. */
static size_t line_parts(const struct pq *p)
{
    return as_nibbles(p) ? PQ_LINE_PARTS : 1;
}

/* ---- queries ---- */

/* Of the fixed part and the tables: where a rotated query begins. */
static size_t tables_end(const struct pq *p)
{
    return sizeof(struct pq_query) + all_lines(p) * line_parts(p) * table_entries(p);
}

static size_t pq_query_bytes(const struct codec *c)
{
    const struct pq *p = c->state;
    size_t rotated = p->rotation ? p->dim * sizeof(float) : 0;

    return (tables_end(p) + rotated + 63) / 64 * 64;
}

/* What each centroid of a part adds to the key, and the least and the range of that. */
static float part_table(const struct pq *p, enum vec_metric m, const float *q, uint32_t part,
                        float *t, float *least)
{
    float most;

    p->ops->table(m == VEC_L2, q + (size_t)part * p->sub, p->near[part].products.panels, p->sub,
                  pq_filled(p), t);
    p->ops->range(t, pq_filled(p), least, &most);
    return most - *least;
}

/* The scale that a part of this range allows. `ranges` are those of the parts of two lines, 0 for
 * wide ones. */
static float part_scale(const struct pq *p, uint32_t part, float range, float *ranges)
{
    uint32_t partner = part ^ PQ_LINE_PARTS;
    float *own = &ranges[part % (2 * PQ_LINE_PARTS)];
    bool wide = p->is_wide[part];

    *own = wide ? 0 : range;
    if (!as_nibbles(p))
        return wide ? range / 65534 : range / 255;
    if (wide)
        return range / 16382;
    if (partner < p->parts && p->is_wide[partner])
        return range / 126.9F;
    return (part < partner ? range : range + ranges[partner % (2 * PQ_LINE_PARTS)]) / 253.9F;
}

/* The scale that all parts allow; *bias is the sum of what they add at least. */
static float find_scale(const struct pq *p, enum vec_metric m, const float *q, float *bias)
{
    float t[PQ_K_MAX], ranges[2 * PQ_LINE_PARTS] = {0}, scale = 0;
    double sum = 0;

    for (uint32_t part = 0; part < p->parts; part++) {
        float least, range = part_table(p, m, q, part, t, &least);
        float need = part_scale(p, part, range, ranges);

        sum += (double)least;
        scale = need > scale || isnan(need) ? need : scale;
    }
    *bias = (float)sum;
    return scale;
}

/* The tables of the i-th wide part: low and high bytes. */
static void wide_steps(const struct pq *p, const float *t, float least, float inverse, uint32_t i,
                       struct pq_query *q)
{
    unsigned bits = as_nibbles(p) ? PQ_HIGH_BITS : PQ_BYTE_HIGH_BITS;
    uint8_t *high = q->table + i * table_entries(p);
    uint8_t *low = q->table + (high_lines(p) * line_parts(p) + p->wide[i]) * table_entries(p);

    for (uint32_t j = 0; j < pq_filled(p); j++) {
        unsigned steps = (unsigned)((t[j] - least) * inverse + 0.5F);

        low[j] = (uint8_t)(steps & ((1U << bits) - 1));
        high[j] = (uint8_t)(steps >> bits);
    }
}

static void fill_tables(const struct pq *p, enum vec_metric m, const float *x, float inverse,
                        struct pq_query *q)
{
    uint8_t *table = q->table + high_lines(p) * line_parts(p) * table_entries(p);
    float t[PQ_K_MAX], least;

    for (uint32_t part = 0; part < p->parts; part++, table += table_entries(p))
        if (!p->is_wide[part]) {
            part_table(p, m, x, part, t, &least);
            p->ops->steps(t, pq_filled(p), least, inverse, table);
        }
    for (uint32_t i = 0; i < p->wides; i++) {
        part_table(p, m, x, p->wide[i], t, &least);
        wide_steps(p, t, least, inverse, i, q);
    }
}

static void pq_query_init(const struct codec *c, enum vec_metric m, const float *x, void *query)
{
    const struct pq *p = c->state;
    struct pq_query *q = query;
    float inverse;

    memset(q, 0, pq_query_bytes(c));
    if (p->rotation) {
        float *rotated = (float *)(void *)((char *)query + tables_end(p));

        linmap_apply(&p->there, x, 1, rotated);
        x = rotated;
    }
    q->scale = find_scale(p, m, x, &q->bias);
    inverse = 1 / q->scale;
    if (!isfinite(q->bias))
        q->bias = FLT_MAX;
    if (isfinite(q->scale) && isfinite(inverse))
        fill_tables(p, m, x, inverse, q);
    else
        q->scale = 0;
}

/* ---- lists ---- */

static size_t block_codes(const struct pq *p)
{
    return as_nibbles(p) ? PQ_NIBBLE_CODES : PQ_BYTE_CODES;
}

static size_t block_bytes(const struct pq *p)
{
    return all_lines(p) * PQ_LINE;
}

static size_t pq_packed_bytes(const struct codec *c, size_t n)
{
    const struct pq *p = c->state;

    return (n + block_codes(p) - 1) / block_codes(p) * block_bytes(p);
}

/* Code i of a block has `value` in the part that stands at `place`. */
static void pack_part(const struct pq *p, uint8_t *block, size_t place, size_t i, unsigned value)
{
    enum { HALF = PQ_NIBBLE_CODES / 2 };

    if (as_nibbles(p))
        block[place * HALF + i % HALF] |= (uint8_t)(value << (i < HALF ? 0 : 4));
    else
        block[place * PQ_LINE + i] = (uint8_t)value;
}

static void pack_code(const struct pq *p, const uint8_t *code, uint8_t *block, size_t i)
{
    size_t low = high_lines(p) * line_parts(p);

    for (uint32_t w = 0; w < p->wides; w++)
        pack_part(p, block, w, i, get_part(code, p, p->wide[w]));
    for (uint32_t part = 0; part < p->parts; part++)
        pack_part(p, block, low + part, i, get_part(code, p, part));
}

static void pq_pack(const struct codec *c, const uint8_t *code, size_t stride, size_t n,
                    uint8_t *packed)
{
    const struct pq *p = c->state;
    size_t codes = block_codes(p);

    memset(packed, 0, pq_packed_bytes(c, n));
    for (size_t i = 0; i < n; i++)
        pack_code(p, code + i * stride, packed + i / codes * block_bytes(p), i % codes);
}

static unsigned packed_part(const struct pq *p, const uint8_t *block, size_t place, size_t i)
{
    enum { HALF = PQ_NIBBLE_CODES / 2 };

    if (as_nibbles(p))
        return block[place * HALF + i % HALF] >> (i < HALF ? 0 : 4) & (p->k - 1);
    return block[place * PQ_LINE + i] & (p->k - 1);
}

static void pq_unpack(const struct codec *c, const uint8_t *packed, size_t n, uint8_t *code)
{
    const struct pq *p = c->state;
    size_t codes = block_codes(p), low = high_lines(p) * line_parts(p);

    memset(code, 0, n * c->code_bytes);
    for (size_t i = 0; i < n; i++) {
        const uint8_t *block = packed + i / codes * block_bytes(p);

        for (uint32_t part = 0; part < p->parts; part++)
            put_part(code + i * c->code_bytes, p, part,
                     packed_part(p, block, low + part, i % codes));
    }
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
        p->ops->nibbles(team, m, packed, high_lines(p), all_lines(p), n, key + j * ld, ld);
    }
    for (size_t j = 0; !as_nibbles(p) && j < nq; j++)
        p->ops->bytes(query[j], packed, high_lines(p), all_lines(p), n, j == 0, key + j * ld);
}

/* Each entry is rounded to a step: evenly within half a step. */
static float pq_rounding(const struct codec *c, const void *query)
{
    const struct pq *p = c->state;
    const struct pq_query *q = query;

    return q->scale * sqrtf((float)p->parts / 12);
}

#define PQ_KIND                                                                           \
    .check = check, .train = pq_train, .free = pq_free, .save = pq_save, .load = pq_load, \
    .encode = pq_encode, .decode = pq_decode, .query_bytes = pq_query_bytes,              \
    .query_init = pq_query_init, .packed_bytes = pq_packed_bytes, .pack = pq_pack,        \
    .unpack = pq_unpack, .scan = pq_scan, .rounding = pq_rounding

const struct codec_kind codec_pq = {
    .name = "pq",
    .forms = "pqMxB",
    .what = "M parts, each the nearest of 2^B centroids",
    .sections = "CEN",
    PQ_KIND,
};
const struct codec_kind codec_opq = {
    .name = "opq",
    .forms = "opqMxB",
    .what = "the same, turned first so that the parts lose least",
    .sections = "CENROT",
    PQ_KIND,
};
