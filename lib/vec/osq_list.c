/* osq_list.c - see osq.h: queries, packed lists, scans. */
#include <float.h>
#include <math.h>
#include <string.h>

#include "vec/bitpack.h"
#include "vec/osq.h"

enum { LIST_HEAD = 64 };

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

size_t osq_query_bytes(const struct codec *c)
{
    const struct osq *q = c->state;

    return QUERY_HEAD +
           sizeof(float) * (2 * q->classes * q->tables + (size_t)osq_panels(q) * PANEL + c->dim);
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

void osq_query_init(const struct codec *c, enum vec_metric m, const float *x, void *query)
{
    const struct osq *q = c->state;
    struct query *p = query;
    float *z = query_table(q, query, 2 * q->classes), *row = z + (size_t)osq_panels(q) * PANEL;
    double norm, rest, offset = 0, most = 0;

    memset(query, 0, QUERY_HEAD + 2 * q->classes * q->tables * sizeof *z);
    p->l2 = m == VEC_L2;
    for (uint32_t j = 0; j < c->dim; j++) {
        row[j] = p->l2 ? x[j] - q->mean[j] : x[j];
        offset -= (double)x[j] * (double)q->mean[j];
    }
    osq_turn_rows(c, row, 1, z);
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
    uint32_t *count; /* [OSQ_CLASSES] */
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

size_t osq_packed_bytes(const struct codec *c, size_t n)
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

void osq_pack(const struct codec *c, const uint8_t *code, size_t stride, size_t n, uint8_t *packed)
{
    const struct osq *q = c->state;
    size_t places = 0, column = 0;
    struct list l = list_of(q, n, packed);

    memset(packed, 0, osq_packed_bytes(c, n));
    for (unsigned k = 0; k < q->classes; column = padded(column + l.count[k++]))
        for (size_t i = 0; i < n; i++) {
            const uint8_t *from = code + i * stride;
            struct bit_reader r = {.p = from};
            uint8_t *to = l.columns + column + l.count[k];

            if (bit_get(&r, osq_class_bits(q)) != k)
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

void osq_scan(const struct codec *c, const void *const *query, size_t nq, const uint8_t *packed,
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
