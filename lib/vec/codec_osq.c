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
 * of 5 to 8 bits, one a pair of the others, one of the bit "outside"
 */
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "vec/bitpack.h"
#include "vec/codec_kinds.h"
#include "vec/linalg.h"
#include "vec/osq.h"

enum {
    DIM_MAX = 8192,        /* d^2 doubles three times in training */
    CHUNK = 128,           /* products of one chain */
    BLOCK_ROWS = 64,       /* vectors that are turned together */
    SAMPLE_ROWS = 1 << 16, /* of which cells are made, at most */
    CLASS_BITS = 2,
    CLASSES = 1 << CLASS_BITS,
    CLASS_SAMPLE = 4096, /* rows from which a sample is shared out to classes */
    CLASS_BUDGET = 256,  /* bits of a code from which CLASS_BITS are well spent */
    LIST_HEAD = 64
};

/* Room around the longest of the sample. */
static const double radius_room = 1.25;

struct osq {
    uint8_t *bit;           /* [dim] */
    uint32_t active;        /* dimensions with bits */
    struct osq_shape shape; /* of these */
    float *mean;            /* [dim] */
    float *turn;            /* [active][dim] */
    float *panels;          /* the same, packed (ops.h) */
    float *weight;          /* [active]: 1 / variance */
    unsigned classes;       /* 1 or CLASSES */
    float first[CLASSES];   /* the energy from which on a vector belongs to a class */
    float *border, *point;  /* of each class, of each active dimension, one after the other */
    size_t borders, points; /* how many of a class */
    size_t tables;          /* entries of a query's tables of a class, padded */
    float radius[2];        /* of all; of the dimensions without bits */
    double gross, stretch;  /* G and s above */
    const struct osq_ops *ops;
};

static const struct osq_ops *ops_of(enum cpu_level level)
{
#if defined(__x86_64__)
    if (level >= CPU_AVX512)
        return &osq_avx512;
    if (level >= CPU_AVX2)
        return &osq_avx2;
#endif
    (void)level;
    return &osq_portable;
}

static int check(const struct codec_spec *s, uint32_t dim, struct err *e)
{
    if (s->a < 1 || s->a > 8 || s->has_b || s->word[0] || s->inner[0])
        return err_set(e, ERR_USAGE, "%s: there are osq1 to osq8", s->text);
    if (dim > DIM_MAX)
        return err_set(e, ERR_USAGE, "%s: %u dimensions are more than %d", s->text, dim, DIM_MAX);
    return 0;
}

static void osq_free(void *state)
{
    struct osq *q = state;

    if (q) {
        free(q->bit);
        free(q->mean);
        free(q->turn);
        free(q->panels);
        free(q->weight);
        free(q->border);
        free(q->point);
    }
    free(q);
}

static struct osq *osq_new(struct codec *c, struct err *e)
{
    struct osq *q = c->state = mem_zero(1, sizeof *q, e);

    if (!q)
        return NULL;
    c->code_bytes = (c->dim * c->spec.a + 7) / 8;
    q->ops = ops_of(c->cpu);
    q->classes = 1;
    return q;
}

static unsigned class_bits(const struct osq *q)
{
    return q->classes > 1 ? CLASS_BITS : 0;
}

/* Bits of cells: all but one and the class. */
static uint64_t budget_of(const struct codec *c)
{
    uint64_t all = (uint64_t)c->dim * c->spec.a, room = (uint64_t)c->code_bytes * 8 - 1;

    return (all < room ? all : room) - class_bits(c->state);
}

static uint32_t panels_of(const struct osq *q)
{
    return (q->active + PANEL - 1) / PANEL;
}

/* What follows from the bits. */
static void set_shape(struct codec *c)
{
    struct osq *q = c->state;
    double unit = 0x1p-24, chain = CHUNK + (c->dim + CHUNK - 1) / CHUNK + 8;

    q->shape.bit = q->bit;
    for (uint32_t j = 0; j < c->dim && q->bit[j] > 0; j++) {
        q->active++;
        q->shape.wide += q->bit[j] > OSQ_NARROW;
        q->points += (size_t)1 << q->bit[j];
        q->tables += osq_table(q->bit[j]);
    }
    q->shape.narrow = q->active - q->shape.wide;
    q->borders = q->points + q->active;
    q->tables += q->shape.narrow % 2 * osq_table(OSQ_NARROW);
    q->tables = (q->tables + 15) / 16 * 16;
    q->gross = 1.01 * chain * unit * sqrt(q->active);
    q->stretch = 1 + 1.01 * unit * sqrt(q->active) + 1e-9;
}

/* Room for everything of that shape. */
static int make_room(struct codec *c, struct err *e)
{
    struct osq *q = c->state;

    q->turn = codec_array((size_t)q->active * c->dim, sizeof *q->turn, e);
    q->weight = codec_array(q->active, sizeof *q->weight, e);
    q->border = codec_array(q->classes * q->borders, sizeof *q->border, e);
    q->point = codec_array(q->classes * q->points, sizeof *q->point, e);
    return q->turn && q->weight && q->border && q->point ? 0 : ERR_MEM;
}

static int make_panels(struct codec *c, struct err *e)
{
    struct osq *q = c->state;

    q->panels = codec_array((size_t)panels_of(q) * PANEL * c->dim, sizeof *q->panels, e);
    for (uint32_t p = 0; q->panels && p < q->active; p += PANEL)
        panel_pack_f32(q->turn + (size_t)p * c->dim, c->dim * sizeof *q->turn,
                       q->active - p < PANEL ? q->active - p : PANEL, c->dim,
                       q->panels + (size_t)p * c->dim);
    return q->panels ? 0 : ERR_MEM;
}

/* ---- turning ---- */

/* z[i * PANEL + k]: products of n rows with one panel. Chains are short, so that their error is. */
static void turn_panel(const struct codec *c, const float *rows, size_t n, uint32_t panel, float *z)
{
    const struct osq *q = c->state;
    const float *columns = q->panels + (size_t)panel * PANEL * c->dim;
    float tile[BLOCK_ROWS * PANEL];

    memset(z, 0, n * PANEL * sizeof *z);
    for (uint32_t k = 0; k < c->dim; k += CHUNK) {
        c->ops->tile_f32(rows + k, c->dim * sizeof *rows, n, columns + (size_t)k * PANEL,
                         c->dim - k < CHUNK ? c->dim - k : CHUNK, tile);
        for (size_t i = 0; i < n * PANEL; i++)
            z[i] += tile[i];
    }
}

/* Components of up to BLOCK_ROWS centred rows: z[i * ld + j], ld whole panels. */
static void turn_rows(const struct codec *c, const float *rows, size_t n, float *z)
{
    uint32_t panels = panels_of(c->state);
    float part[BLOCK_ROWS * PANEL];

    for (uint32_t p = 0; p < panels; p++) {
        turn_panel(c, rows, n, p, part);
        for (size_t i = 0; i < n; i++)
            memcpy(z + (i * panels + p) * PANEL, part + i * PANEL, PANEL * sizeof *z);
    }
}

/* What a vector is coded by besides its components. */
struct measures {
    double norm;  /* |x - mean|^2 */
    double rest;  /* of it in dimensions without bits */
    float energy; /* which tells classes apart */
    uint8_t class;
};

static struct measures measure(const struct codec *c, const float *row, const float *z)
{
    const struct osq *q = c->state;
    struct measures s = {.norm = vec_norm2(row, c->dim)};

    s.rest = s.norm;
    for (uint32_t j = 0; j < q->active; j++) {
        s.rest -= (double)z[j] * (double)z[j];
        s.energy += z[j] * z[j] * q->weight[j];
    }
    return s;
}

static unsigned class_of(const struct osq *q, float energy)
{
    unsigned class = 0;

    while (class + 1 < q->classes && energy >= q->first[class + 1])
        class ++;
    return class;
}

/* ---- training ---- */

/* Row i of m that stand for n. */
static const float *sample_row(const struct codec_train *t, uint32_t d, size_t i, size_t m)
{
    return t->x + (size_t)((double)i * ((double)t->n / (double)m)) * d;
}

/* Rows of the sample less the mean. */
static void centred_rows(const struct codec *c, const struct codec_train *t, size_t from, size_t n,
                         size_t m, float *rows)
{
    const struct osq *q = c->state;

    for (size_t i = 0; i < n; i++) {
        const float *x = sample_row(t, c->dim, from + i, m);

        for (uint32_t j = 0; j < c->dim; j++)
            rows[i * c->dim + j] = x[j] - q->mean[j];
    }
}

/* The measures of the sample. */
static int measure_sample(const struct codec *c, const struct codec_train *t, size_t m,
                          struct measures *s, struct err *e)
{
    size_t ld = (size_t)panels_of(c->state) * PANEL, blocks = (m + BLOCK_ROWS - 1) / BLOCK_ROWS;
    int rc = 0;

#pragma omp parallel for num_threads(t->threads) if (t->threads > 1)
    for (size_t b = 0; b < blocks; b++) {
        size_t from = b * BLOCK_ROWS, n = m - from < BLOCK_ROWS ? m - from : BLOCK_ROWS;
        struct err mine = {0};
        float *rows = mem_array(BLOCK_ROWS * (c->dim + ld), sizeof *rows, &mine);

        if (rows) {
            float *z = rows + (size_t)BLOCK_ROWS * c->dim;

            centred_rows(c, t, from, n, m, rows);
            turn_rows(c, rows, n, z);
            for (size_t i = 0; i < n; i++)
                s[from + i] = measure(c, rows + i * c->dim, z + i * ld);
        } else {
#pragma omp critical(osq_error)
            {
                *e = mine;
                rc = mine.code;
            }
        }
        free(rows);
    }
    return rc;
}

/* Radii, and classes of equal numbers of vectors. */
static int set_measures(struct osq *q, struct measures *s, size_t m, struct err *e)
{
    float *energy = mem_array(m, sizeof *energy, e);
    double all = 0, rest = 0;
    int rc = energy ? 0 : ERR_MEM;

    for (size_t i = 0; rc == 0 && i < m; i++) {
        energy[i] = s[i].energy;
        all = fmax(all, s[i].norm);
        rest = fmax(rest, s[i].rest);
    }
    q->radius[0] = (float)(radius_room * sqrt(all));
    q->radius[1] = (float)(radius_room * sqrt(rest));
    if (rc == 0 && q->classes > 1)
        rc = osq_sort(energy, m, e);
    for (unsigned k = 1; rc == 0 && k < q->classes; k++)
        q->first[k] = energy[k * m / q->classes];
    for (size_t i = 0; rc == 0 && i < m; i++)
        s[i].class = (uint8_t)class_of(q, s[i].energy);
    free(energy);
    return rc;
}

/* The components of one panel: value[k * m + i]. */
static void panel_values(const struct codec *c, const struct codec_train *t, size_t m,
                         uint32_t panel, float *rows, float *value)
{
    float z[BLOCK_ROWS * PANEL];

    for (size_t from = 0; from < m; from += BLOCK_ROWS) {
        size_t n = m - from < BLOCK_ROWS ? m - from : BLOCK_ROWS;

        centred_rows(c, t, from, n, m, rows);
        turn_panel(c, rows, n, panel, z);
        for (size_t i = 0; i < n; i++)
            for (uint32_t k = 0; k < PANEL; k++)
                value[k * m + from + i] = z[i * PANEL + k];
    }
}

/* Cells of one dimension for every class; the points of dimensions before it are `at`. A class
 * without a vector, as all may have one energy, has the cells of all. */
static int dimension_cells(const struct osq *q, const float *value, const struct measures *s,
                           size_t m, uint32_t j, size_t at, float *work, struct err *e)
{
    int rc = 0;

    for (unsigned k = 0; rc == 0 && k < q->classes; k++) {
        size_t n = 0;

        for (size_t i = 0; i < m; i++)
            if (s[i].class == k)
                work[n++] = value[i];
        if (n == 0)
            memcpy(work, value, (n = m) * sizeof *work);
        rc = osq_cells(work, n, q->bit[j], q->border + k * q->borders + at + j,
                       q->point + k * q->points + at, e);
    }
    return rc;
}

/* Cells of the dimensions of one panel. */
static int panel_cells(const struct codec *c, const struct codec_train *t, size_t m, uint32_t panel,
                       const struct measures *s, struct err *e)
{
    const struct osq *q = c->state;
    float *value = mem_array((PANEL + 1) * m + (size_t)BLOCK_ROWS * c->dim, sizeof *value, e);
    uint32_t first = panel * PANEL, end = q->active < first + PANEL ? q->active : first + PANEL;
    size_t at = 0;
    int rc = value ? 0 : ERR_MEM;

    for (uint32_t j = 0; j < first; j++)
        at += (size_t)1 << q->bit[j];
    if (rc == 0)
        panel_values(c, t, m, panel, value + (PANEL + 1) * m, value);
    for (uint32_t j = first; rc == 0 && j < end; j++) {
        rc = dimension_cells(q, value + (j - first) * m, s, m, j, at, value + PANEL * m, e);
        at += (size_t)1 << q->bit[j];
    }
    free(value);
    return rc;
}

static int find_cells(struct codec *c, const struct codec_train *t, struct err *e)
{
    struct osq *q = c->state;
    size_t m = t->n < SAMPLE_ROWS ? t->n : SAMPLE_ROWS;
    struct measures *s = mem_array(m, sizeof *s, e);
    int rc = s ? measure_sample(c, t, m, s, e) : ERR_MEM;

    if (rc == 0)
        rc = set_measures(q, s, m, e);
#pragma omp parallel for num_threads(t->threads) schedule(dynamic) if (t->threads > 1)
    for (uint32_t p = 0; p < panels_of(q); p++) {
        struct err mine = {0};

        if (s && panel_cells(c, t, m, p, s, &mine) < 0) {
#pragma omp critical(osq_error)
            {
                *e = mine;
                rc = mine.code;
            }
        }
    }
    free(s);
    return rc;
}

/* Mean, and the directions of the largest variance with their bits. */
static int find_turn(struct codec *c, const struct codec_train *t, struct err *e)
{
    struct osq *q = c->state;
    uint32_t d = c->dim;
    double *mean = mem_array(d, sizeof *mean, e), *variance = mem_array(d, sizeof *variance, e);
    double *v = mem_array((size_t)d * d, sizeof *v, e);
    int rc = mean && variance && v ? la_mean(t->x, t->n, d, mean, e) : ERR_MEM;

    if (rc == 0)
        rc = la_moment(t->x, t->n, d, mean, v, t->threads, e);
    if (rc == 0)
        rc = la_eigen(v, d, variance, e);
    if (rc == 0) {
        q->classes = t->n >= CLASS_SAMPLE && d * c->spec.a >= CLASS_BUDGET ? CLASSES : 1;
        osq_share_bits(variance, d, budget_of(c), q->bit);
        set_shape(c);
        rc = make_room(c, e);
    }
    for (uint32_t j = 0; rc == 0 && j < d; j++)
        q->mean[j] = (float)mean[j];
    for (uint32_t j = 0; rc == 0 && j < q->active; j++)
        q->weight[j] = (float)fmin(1 / variance[j], (double)FLT_MAX);
    for (size_t i = 0; rc == 0 && i < (size_t)q->active * d; i++)
        q->turn[i] = (float)v[i];
    free(mean);
    free(variance);
    free(v);
    return rc;
}

static int too_far(const struct codec *c, double norm, struct err *e)
{
    if (norm <= (double)FLT_MAX / 4)
        return 0;
    return err_set(e, ERR_INPUT,
                   "%s: a vector is too far from the mean, %g: squares do not fit into 32 bits",
                   c->spec.text, sqrt(norm));
}

static int train(struct codec *c, const struct codec_train *t, struct err *e)
{
    struct osq *q = osq_new(c, e);

    if (!q || !(q->mean = codec_array(c->dim, sizeof *q->mean, e)) ||
        !(q->bit = codec_array(c->dim, 1, e)) || find_turn(c, t, e) < 0 || make_panels(c, e) < 0 ||
        find_cells(c, t, e) < 0)
        return e->code;
    return too_far(c, (double)q->radius[0] * (double)q->radius[0], e);
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
    if (sum > budget_of(c))
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

    q->classes = sect_get(f, codec_id("CLS", level).s, &len) && len > 0 ? CLASSES : 1;
    if (q->classes > 1 && c->dim * c->spec.a < CLASS_BUDGET)
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
    set_shape(c);
    all = q->classes;
    if (!(q->turn = codec_take(f, "ROT", level, (size_t)q->active * c->dim, sizeof *q->turn, e)) ||
        !(q->weight = codec_take(f, "WGT", level, q->active, sizeof *q->weight, e)) ||
        !(q->border = codec_take(f, "BRD", level, all * q->borders, sizeof *q->border, e)) ||
        !(q->point = codec_take(f, "PNT", level, all * q->points, sizeof *q->point, e)) ||
        codec_get(f, "RAD", level, q->radius, 2, sizeof *q->radius, e) < 0 ||
        check_values(c, level, f, e) < 0)
        return e->code;
    return make_panels(c, e);
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
    struct measures s = measure(c, row, z);
    unsigned class = class_of(q, s.energy);
    const float *border = q->border + class * q->borders;
    struct bit_writer w = {.p = code};
    double all = (double)q->radius[0], rest = (double)q->radius[1];
    bool outside = s.norm > all * all || s.rest > rest * rest;

    if (too_far(c, s.norm, e) < 0)
        return ERR_INPUT;
    memset(code, 0, c->code_bytes);
    bit_put(&w, class_bits(q), class);
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
    size_t ld = (size_t)panels_of(q) * PANEL;
    float *rows = mem_array(BLOCK_ROWS * (c->dim + ld), sizeof *rows, e), *z;
    int rc = rows ? 0 : ERR_MEM;

    for (size_t from = 0; rc == 0 && from < n; from += BLOCK_ROWS) {
        size_t some = n - from < BLOCK_ROWS ? n - from : BLOCK_ROWS;

        z = rows + (size_t)BLOCK_ROWS * c->dim;
        for (size_t i = 0; i < some * c->dim; i++)
            rows[i] = x[from * c->dim + i] - q->mean[i % c->dim];
        turn_rows(c, rows, some, z);
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
        const float *point = q->point + bit_get(&r, class_bits(q)) * q->points;

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

/* ---- queries ---- */

/* Then tables of keys and of lower bounds of each class, and room for the turned query. A bound is
 *     l2   keep * max(0, sqrt(sum * (1 - sum_error)) - gross)^2
 *     ip   sum + base_low */
struct query {
    bool l2;
    float base; /* of keys */
    double sum_error, gross, keep, base_low;
};

enum { QUERY_HEAD = 64 };
_Static_assert(sizeof(struct query) <= QUERY_HEAD, "a query's head is 64 bytes");

static size_t query_bytes(const struct codec *c)
{
    const struct osq *q = c->state;

    return QUERY_HEAD +
           sizeof(float) * (2 * q->classes * q->tables + (size_t)panels_of(q) * PANEL + c->dim);
}

static float *query_table(const struct osq *q, void *query, unsigned which)
{
    return (float *)(void *)((uint8_t *)query + QUERY_HEAD) + which * q->tables;
}

/* Squares of the distances from z to each cell, the first and the last infinite. */
static void gaps(float z, const float *restrict border, size_t cells, float *restrict low)
{
    for (size_t k = 0; k < cells; k++) {
        float below = border[k] - z, above = z - border[k + 1];
        float gap = below > above ? below : above;

        low[k] = gap > 0 ? gap * gap : 0;
    }
    if (z < border[0])
        low[0] = 0;
    if (z > border[cells])
        low[cells - 1] = 0;
}

static void l2_tables(const struct osq *q, unsigned class, const float *z, float *key, float *low)
{
    const float *border = q->border + class * q->borders, *point = q->point + class * q->points;

    for (uint32_t j = 0; j < q->active; j++) {
        size_t cells = (size_t)1 << q->bit[j];

        for (size_t k = 0; k < cells; k++)
            key[k] = (z[j] - point[k]) * (z[j] - point[k]);
        gaps(z[j], border, cells, low);
        key += osq_table(q->bit[j]);
        low += osq_table(q->bit[j]);
        border += cells + 1;
        point += cells;
    }
}

/* Returns the sum of the largest magnitudes of bounds. */
static double ip_tables(const struct osq *q, unsigned class, const float *w, float *key, float *low)
{
    const float *border = q->border + class * q->borders, *point = q->point + class * q->points;
    double sum = 0;

    for (uint32_t j = 0; j < q->active; j++) {
        size_t cells = (size_t)1 << q->bit[j];

        for (size_t k = 0; k < cells; k++) {
            key[k] = -w[j] * point[k];
            low[k] = -w[j] * (w[j] > 0 ? border[k + 1] : border[k]);
        }
        sum += (double)fmaxf(fabsf(w[j] * border[0]), fabsf(w[j] * border[cells]));
        key += osq_table(q->bit[j]);
        low += osq_table(q->bit[j]);
        border += cells + 1;
        point += cells;
    }
    return sum;
}

/* What must be added to a bound of ip: the dimensions without bits, and rounding. */
static double ip_room(const struct osq *q, double norm, double rest)
{
    double all = (double)q->radius[0] * (double)q->radius[0];
    double outside = (double)q->radius[1] * (double)q->radius[1];

    return sqrt((outside + 3 * q->gross * all) * (rest + 3 * q->gross * norm)) +
           3 * q->gross * sqrt(all * norm);
}

static void query_init(const struct codec *c, enum vec_metric m, const float *x, void *query)
{
    const struct osq *q = c->state;
    struct query *p = query;
    float *z = query_table(q, query, 2 * q->classes), *row = z + (size_t)panels_of(q) * PANEL;
    double norm, rest, offset = 0, most = 0;

    memset(query, 0, QUERY_HEAD + 2 * q->classes * q->tables * sizeof *z);
    p->l2 = m == VEC_L2;
    for (uint32_t j = 0; j < c->dim; j++) {
        row[j] = p->l2 ? x[j] - q->mean[j] : x[j];
        offset -= (double)x[j] * (double)q->mean[j];
    }
    turn_rows(c, row, 1, z);
    norm = vec_norm2(row, c->dim);
    rest = fmax(0, norm - vec_norm2(z, q->active));
    p->sum_error = (q->active + 8) * 0x1p-24;
    p->gross = 2.01 * q->gross * sqrt(norm);
    p->keep = (1 - 0x1p-20) / ((q->stretch + q->gross) * (q->stretch + q->gross));
    for (unsigned k = 0; k < q->classes; k++) {
        float *key = query_table(q, query, 2 * k), *low = query_table(q, query, 2 * k + 1);

        if (p->l2)
            l2_tables(q, k, z, key, low);
        else
            most = fmax(most, ip_tables(q, k, z, key, low));
    }
    p->base = p->l2 ? (float)rest : (float)offset;
    p->base_low = offset - 1e-12 * fabs(offset) - p->sum_error * most - ip_room(q, norm, rest);
}

/* ---- lists ---- */

static size_t padded(size_t n)
{
    return (n + OSQ_LANES - 1) / OSQ_LANES * OSQ_LANES;
}

static size_t columns_of(const struct osq *q)
{
    return q->shape.wide + (q->shape.narrow + 1) / 2;
}

static size_t before_columns(size_t n)
{
    return LIST_HEAD + (n + 31) / 32 * 64;
}

static size_t column_bytes(const struct osq *q, size_t n)
{
    return padded(n) + (q->classes - 1) * OSQ_LANES;
}

/* A list, wherever it is. */
struct list {
    uint32_t *count; /* [CLASSES] */
    uint16_t *place;
    uint8_t *columns;
    size_t ld;
};

static struct list list_of(const struct osq *q, size_t n, uint8_t *packed)
{
    struct list l = {.count = (uint32_t *)(void *)packed};

    l.place = (uint16_t *)(void *)(packed + LIST_HEAD);
    l.columns = packed + before_columns(n);
    l.ld = column_bytes(q, n);
    return l;
}

static size_t packed_bytes(const struct codec *c, size_t n)
{
    const struct osq *q = c->state;

    return before_columns(n) + (columns_of(q) + 1) * column_bytes(q, n);
}

static void pack_one(const struct osq *q, const struct list *l, struct bit_reader *r, uint8_t *to)
{
    for (uint32_t j = 0; j < q->shape.wide; j++, to += l->ld)
        *to = (uint8_t)bit_get(r, q->bit[j]);
    for (uint32_t j = q->shape.wide; j < q->active; j++) {
        unsigned second = (j - q->shape.wide) % 2;

        *to |= (uint8_t)(bit_get(r, q->bit[j]) << 4 * second);
        to += second ? l->ld : 0;
    }
}

static void pack(const struct codec *c, const uint8_t *code, size_t n, uint8_t *packed)
{
    const struct osq *q = c->state;
    size_t places = 0, column = 0;
    struct list l = list_of(q, n, packed);

    memset(packed, 0, packed_bytes(c, n));
    for (unsigned k = 0; k < q->classes; column = padded(column + l.count[k++]))
        for (size_t i = 0; i < n; i++) {
            const uint8_t *from = code + i * c->code_bytes;
            struct bit_reader r = {.p = from};
            uint8_t *to = l.columns + column + l.count[k];

            if (bit_get(&r, class_bits(q)) != k)
                continue;
            pack_one(q, &l, &r, to);
            to[columns_of(q) * l.ld] = from[c->code_bytes - 1] & 1;
            l.place[places++] = (uint16_t)i;
            l.count[k]++;
        }
}

/* ---- scanning ---- */

static float l2_low(const struct query *p, double sum)
{
    double length = sqrt(sum * (1 - p->sum_error)) - p->gross;
    double low = length > 0 ? p->keep * length * length : 0;

    return low < (double)FLT_MIN ? 0 : (float)low;
}

static float ip_low(const struct query *p, double sum, bool outside)
{
    double low = sum + p->base_low;

    return outside ? -INFINITY : (float)(low - 0x1p-23 * fabs(low));
}

/* One query and the codes of one class, n > 0, in columns at `packed`. */
static void scan_class(const struct osq *q, const struct query *p, unsigned class,
                       const struct list *l, const uint8_t *packed, const uint16_t *place, size_t n,
                       float *key, float *low)
{
    const float *table = (const float *)(const void *)((const uint8_t *)p + QUERY_HEAD);
    const uint8_t *outside = packed + columns_of(q) * l->ld;
    float sum[CODEC_LIST];

    table += (size_t)2 * class * q->tables;
    q->ops->sums(&q->shape, table, packed, l->ld, padded(n), sum);
    for (size_t i = 0; i < n; i++)
        key[place[i]] = sum[i] + p->base;
    if (!low)
        return;
    q->ops->sums(&q->shape, table + q->tables, packed, l->ld, padded(n), sum);
    for (size_t i = 0; i < n; i++)
        low[place[i]] = p->l2 ? l2_low(p, (double)sum[i]) : ip_low(p, (double)sum[i], outside[i]);
}

static void scan(const struct codec *c, const void *const *query, size_t nq, const uint8_t *packed,
                 size_t n, float *key, float *low, size_t ld)
{
    const struct osq *q = c->state;
    /* Only read. */
    const struct list l = list_of(q, n, (uint8_t *)(uintptr_t)packed);
    size_t places = 0, column = 0;

    for (unsigned k = 0; k < q->classes; k++) {
        size_t some = l.count[k];

        for (size_t j = 0; some > 0 && j < nq; j++)
            scan_class(q, query[j], k, &l, l.columns + column, l.place + places, some, key + j * ld,
                       low ? low + j * ld : NULL);
        places += some;
        column = padded(column + some);
    }
}

const struct codec_kind codec_osq = {
    .name = "osq",
    .forms = "osq1 to osq8",
    .what = "cells by variance after a KLT, packed, with lower bounds that never fail",
    .check = check,
    .train = train,
    .free = osq_free,
    .save = save,
    .load = load,
    .encode = encode,
    .decode = decode,
    .query_bytes = query_bytes,
    .query_init = query_init,
    .packed_bytes = packed_bytes,
    .pack = pack,
    .scan = scan,
    .bounds = true,
};
