/* osq_visit.c - a query in a list: rows that may be found, those that signs leave, those that codes
 * leave, and their vectors (osq_index.h). Queries that come one after the other with the same rows
 * to be found share what is known of them. */
#include <math.h>
#include <stdlib.h>

#include "ann/osq_seek.h"
#include "base/mem.h"

enum {
    AHEAD = 4,        /* vectors asked for before they are read */
    SIGNS_AHEAD = 12, /* and signs */
    BYTE_MOST = 4095  /* what a sign weighs at most: 8 of them fit into 16 bits */
};
static const double slack = 0x1p-18; /* of squares, for the rounding of all but bounds */

/* ---- rows that may be found ---- */

/* The width outside of the loop. */
static void read_rows(const struct osq_index *v, uint64_t at, size_t n, uint32_t *id)
{
    const uint8_t *p = v->row + at * v->head.width;

    if (v->head.width == 3)
        for (size_t i = 0; i < n; i++, p += 3)
            id[i] = row_read(p, 3);
    else
        for (size_t i = 0; i < n; i++)
            id[i] = osq_row(v, at + i);
}

/* The mask of rows [at, at + n) of all places: how many are set. */
static size_t mask_of(struct osq_seeker *t, const uint64_t *bits, uint64_t at, size_t n)
{
    size_t count = n;

    read_rows(t->v, at, n, t->id);
    if (bits) {
        count = t->ops->mask(bits, t->id, n, t->mask);
    } else {
        memset(t->mask, 0xff, (n + ALLOWED_LANES - 1) / ALLOWED_LANES * sizeof *t->mask);
        if (n % ALLOWED_LANES)
            t->mask[n / ALLOWED_LANES] = (UINT32_C(1) << n % ALLOWED_LANES) - 1;
    }
    return t->a->dead ? count - allowed_drop(t->a->dead, t->id, n, t->mask) : count;
}

uint64_t osq_rows_of(struct osq_seeker *t, uint32_t l, const uint64_t *bits)
{
    uint64_t end = t->v->start[l + 1], count = 0;

    if (bits != t->counted_bits) {
        memset(t->counted, 0, t->v->head.lists * sizeof *t->counted);
        t->counted_bits = bits;
    }
    if (t->counted[l])
        return t->counted[l] - 1;
    for (uint64_t at = t->v->start[l]; at < end && count < t->o.k; at += CODEC_LIST)
        count += mask_of(t, bits, at, end - at < CODEC_LIST ? (size_t)(end - at) : CODEC_LIST);
    t->counted[l] = count + 1;
    return count;
}

/* t->room is of list l and these bits. */
static void gather(struct osq_seeker *t, uint32_t l, const uint64_t *bits)
{
    struct osq_room *r = &t->room;
    uint64_t begin = t->v->start[l], end = t->v->start[l + 1];

    if (r->there && r->list == l && r->bits == bits)
        return;
    r->bits = bits;
    r->list = l;
    r->there = true;
    r->n = 0;
    for (uint64_t at = begin; at < end; at += CODEC_LIST) {
        size_t n = end - at < CODEC_LIST ? (size_t)(end - at) : CODEC_LIST;

        if (mask_of(t, bits, at, n) == 0)
            continue;
        for (size_t i = 0; i < (n + ALLOWED_LANES - 1) / ALLOWED_LANES; i++)
            for (uint32_t word = t->mask[i]; word; word &= word - 1)
                r->place[r->n++] = (uint32_t)(at - begin + i * ALLOWED_LANES) +
                                   (unsigned)__builtin_ctz(word);
    }
}

/* ---- signs ---- */

/* What each sign of a row weighs, as whole numbers: the nearer, the more in all. */
static void weigh(struct osq_seeker *t, const struct osq_asker *q, uint32_t l)
{
    uint32_t dim = t->a->form.dim;
    const float *centre = t->v->turned + (size_t)l * dim;
    bool ip = t->a->form.metric == VEC_IP;
    float most = 0;

    for (uint32_t j = 0; j < dim; j++)
        most = fmaxf(most, fabsf(q->turned[j] - (ip ? 0 : centre[j])));
    memset(t->weight, 0, 8 * t->sign_bytes * sizeof *t->weight);
    for (uint32_t j = 0; j < dim && most > 0; j++)
        t->weight[j] = (int16_t)lrintf((q->turned[j] - (ip ? 0 : centre[j])) / most * BYTE_MOST);
}

/* Tables of what a byte of signs weighs in all. */
static void sign_tables(struct osq_seeker *t, const struct osq_asker *q, uint32_t l)
{
    const int16_t *w = t->weight;

    weigh(t, q, l);
    for (size_t b = 0; b < t->sign_bytes; b++, w += 8) {
        int16_t *table = t->signs + b * 256;

        table[0] = 0;
        for (unsigned j = 0; j < 8; j++)
            for (unsigned i = 0; i < 1U << j; i++)
                table[(1U << j) + i] = (int16_t)(table[i] + w[j]);
    }
}

/* t->order: how the rows of the room stand by their signs. */
static void order_by_signs(struct osq_seeker *t)
{
    const struct osq_room *r = &t->room;
    const uint8_t *signs = t->v->sign + t->v->start[r->list] * t->sign_bytes;

    for (size_t i = 0; i < r->n; i++) {
        const uint8_t *sign = signs + r->place[i] * t->sign_bytes;
        int32_t sum = 0;

        if (i + SIGNS_AHEAD < r->n)
            __builtin_prefetch(signs + r->place[i + SIGNS_AHEAD] * t->sign_bytes);
        for (size_t b = 0; b < t->sign_bytes; b++)
            sum += t->signs[b * 256 + sign[b]];
        t->order[i] = cand_of(-(float)sum, (uint32_t)i);
    }
}

/* t->order: numbers in the room of the rows that stay; how many. */
static size_t by_signs(struct osq_seeker *t, const struct osq_asker *q, uint32_t l)
{
    size_t n = t->room.n, least = (size_t)t->o.k * t->o.factor, keep;

    keep = (size_t)ceil((double)n * t->o.effort / ANN_KEEP_MOST);
    keep = keep > least ? keep : least;
    if (q->all || t->o.effort >= ANN_KEEP_MOST || keep >= n) {
        for (size_t i = 0; i < n; i++)
            t->order[i] = cand_of(0, (uint32_t)i);
        return n;
    }
    sign_tables(t, q, l);
    order_by_signs(t);
    cands_select(t->order, n, keep);
    return keep;
}

/* ---- codes ---- */

/* Keys and lower bounds of the n rows of t->order. */
static void scan(struct osq_seeker *t, const struct osq_asker *q, uint32_t l, size_t n)
{
    const struct codec *c = t->v->codec;
    const uint8_t *code = t->v->code + t->v->start[l] * c->code_bytes;
    const void *table = q->table;

    for (size_t at = 0; at < n; at += CODEC_LIST) {
        size_t some = n - at < CODEC_LIST ? n - at : CODEC_LIST;

        for (size_t i = 0; i < some; i++)
            __builtin_prefetch(code +
                               (size_t)t->room.place[cand_row(t->order[at + i])] * c->code_bytes);
        for (size_t i = 0; i < some; i++)
            memcpy(t->code + i * c->code_bytes,
                   code + (size_t)t->room.place[cand_row(t->order[at + i])] * c->code_bytes,
                   c->code_bytes);
        c->spec.kind->pack(c, t->code, c->code_bytes, some, t->packed);
        c->spec.kind->scan(c, &table, 1, t->packed, some, t->key + at, t->low + at, CODEC_LIST);
    }
    t->keys += n;
}

/* ---- vectors ---- */

/* Rows with a larger lower bound are not among the best k. */
static float limit_of(const struct osq_seeker *t, const struct osq_asker *q)
{
    double most, longest = t->v->head.longest;

    if (!osq_full(t, q) || q->in.far)
        return INFINITY;
    most = (q->best[0].key - q->in.add) / q->in.mul;
    if (t->a->form.metric == VEC_IP)
        most += slack * (fabs(most) + sqrt(q->in.square) * longest);
    else
        most = fmax(0, most) + slack * (fmax(0, most) + q->in.square + longest * longest);
    return (float)(most + 0x1p-22 * fabs(most));
}

/* Of the n rows that were scanned the first `most` by their keys, in t->chosen, the best k of them
 * first; how many. */
static size_t by_codes(struct osq_seeker *t, size_t n, size_t most)
{
    most = most < n ? most : n;
    for (size_t i = 0; i < n; i++)
        t->chosen[i] = cand_of(t->key[i], (uint32_t)i);
    cands_select(t->chosen, n, most);
    cands_select(t->chosen, most, t->o.k);
    return most;
}

/* The place of a row that was chosen. */
static uint64_t place_at(const struct osq_seeker *t, uint32_t l, size_t i)
{
    return t->v->start[l] + t->room.place[cand_row(t->order[cand_row(t->chosen[i])])];
}

static void recheck(struct osq_seeker *t, struct osq_asker *q, uint32_t l, size_t n)
{
    float limit = limit_of(t, q);

    t->exact.now = q->exact;
    for (size_t i = 0; i < n && i < AHEAD; i++)
        exact_ask(&t->exact, (uint32_t)place_at(t, l, i));
    for (size_t i = 0; i < n; i++) {
        uint64_t place = place_at(t, l, i);
        double key;

        if (i + AHEAD < n)
            exact_ask(&t->exact, (uint32_t)place_at(t, l, i + AHEAD));
        if (t->low[cand_row(t->chosen[i])] > limit)
            continue;
        key = exact_key(&t->exact, (uint32_t)place);
        t->exacts++;
        if (osq_full(t, q) && key > q->best[0].key)
            continue;
        best_offer(q->best, &q->n, t->o.k, (struct best){key, osq_row(t->v, place)});
        limit = limit_of(t, q);
    }
}

void osq_look(struct osq_seeker *t, struct osq_asker *q, uint32_t l)
{
    size_t n;

    gather(t, l, q->bits);
    t->lists++;
    t->rows += t->room.n;
    if (t->room.n == 0)
        return;
    n = by_signs(t, q, l);
    scan(t, q, l, n);
    n = by_codes(t, n, q->all || t->o.effort >= ANN_KEEP_MOST ? n : (size_t)t->o.k * t->o.factor);
    recheck(t, q, l, n);
}
