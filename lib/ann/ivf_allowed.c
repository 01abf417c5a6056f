/* ivf_allowed.c - lists, where only some rows may be found; queries go one by one, as each may have
 * rows of its own.
 *
 * Which rows of a list are allowed is found out as it is met: their numbers stand together, their
 * bits are in the cache. The first rows are asked: if some are allowed, then all are scanned, and
 * only those that may be near are asked; if hardly any, all are asked, and stretches of GAP blocks
 * of codes and more that hold nothing are not scanned. The fewer rows are allowed, the farther the
 * k-th of them, and the more lists are between: lists are scanned until there were as many allowed
 * rows as nprobe * (rows / count)^GROWTH lists hold on average, and nprobe lists that hold any. So
 * it goes on where lists near the query hold fewer than others do. Where one of the nearest nprobe
 * holds hardly any, it goes on until VAIN * nprobe lists, one after the other, brought none nearer.
 *
 * Where a list holds few allowed rows on average, which lists hold any is counted before (held.h):
 * no others are met, and where they are few in a list they are compared one by one, which reads
 * less than the codes around them.
 *
 * Few rows at all are compared one by one (gather.h); where an index has neither vectors nor finer
 * codes, all lists are scanned in that case.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ann/ivf_seek.h"
#include "ann/places.h"
#include "base/mem.h"

enum {
    GAP = 3,
    DENSE = 2,          /* so many of the first ALLOWED_LANES rows are some */
    ASK_MOST = 1 << 15, /* bytes of codes that are asked for before they are read */
    SAMPLE = 64,        /* lists whose distances say how far all are */
    HELD_SHARE = 64,    /* one of so many rows, or fewer, are allowed: lists are counted before */
    HELD_FEW = 8,       /* rows of a list that are compared one by one */
    HELD_AHEAD = 8,     /* of them, asked for before they are read */
    VAIN = 2,           /* times nprobe lists must bring nothing then */
};
static const double growth = 0.5;

static const double few = 0.5; /* of the share of allowed rows: a list that has less is bare */

/* When lists are enough. */
struct enough {
    double seen;    /* allowed rows of them */
    uint32_t lists; /* with any */
    double share;   /* of all rows, that are allowed */
};

/* What was met. */
struct met {
    double seen; /* about */
    uint32_t lists;
    uint32_t all, bare; /* of the first nprobe lists, those that are bare */
    uint32_t vain;      /* lists with any that brought no nearer row, since the last that did */
};

/* ---- a list ---- */

static size_t mask_of(struct seeker *t, const uint64_t *bits, uint64_t place, size_t n)
{
    const struct allowed_ops *ops = t->gather.ops;
    const uint32_t *row = t->v->row + place;
    size_t count = ops->mask(bits, row, n, t->mask);

    return t->a->dead ? count - allowed_drop(t->a->dead, row, n, t->mask) : count;
}

/* Blocks [from, to) of a piece. */
static void scan(struct seeker *t, struct asker *q, const struct piece *all, const uint8_t *code,
                 size_t from, size_t to)
{
    const struct codec *c = t->v->codec;
    const void *table = q->table;
    size_t at = from * ALLOWED_LANES, end = to * ALLOWED_LANES;
    struct piece p = *all;

    p.n = (end < all->n ? end : all->n) - at;
    p.factor += at;
    p.place += at;
    p.mask = p.mask ? p.mask + from : NULL;
    c->spec.kind->scan(c, &table, 1, code + c->spec.kind->packed_bytes(c, at), p.n, t->key, NULL,
                       CODEC_LIST);
    ivf_settle(t, q, &p, t->key);
    t->keys += p.n;
}

static size_t blocks_of(const struct piece *p)
{
    return (p->n + ALLOWED_LANES - 1) / ALLOWED_LANES;
}

/* A piece with allowed rows: its codes, but for what holds none. */
static void scan_piece(struct seeker *t, struct asker *q, const struct piece *p,
                       const uint8_t *code)
{
    size_t blocks = blocks_of(p), from = 0, to = 0;

    for (size_t i = 0; i < blocks; i++) {
        if (t->mask[i] == 0)
            continue;
        if (i - to >= GAP) {
            if (to > from)
                scan(t, q, p, code, from, to);
            from = i;
        }
        to = i + 1;
    }
    if (to > from)
        scan(t, q, p, code, from, to);
}

/* Is a list full of rows that may be near? Then *seen is about how many. */
static bool is_dense(struct seeker *t, const struct asker *q, const struct piece *p, uint64_t size,
                     double *seen)
{
    size_t n = p->n < ALLOWED_LANES ? p->n : ALLOWED_LANES, count;

    if (!ivf_full(t, q)) /* k of them, allowed ones, are to be found here */
        return false;
    count = mask_of(t, p->bits, p->place, n);
    *seen = (double)size * (double)count / (double)n;
    return count >= DENSE;
}

static double worst_of(const struct seeker *t, const struct asker *q)
{
    return ivf_full(t, q) ? q->best[0].key : (double)INFINITY;
}

static void scan_list(struct seeker *t, struct asker *q, const struct visit *l,
                      const uint64_t *bits, const struct enough *e, struct met *met)
{
    const struct ivf *v = t->v;
    const uint8_t *code = v->fast + v->fast_at[l->list];
    uint64_t size = v->start[l->list + 1] - v->start[l->list];
    double seen = 0, worst = worst_of(t, q);
    bool dense = false;

    for (uint64_t at = 0; at < size; at += CODEC_LIST) {
        struct piece p = {.visit = l,
                          .factor = v->factor + v->factor_at[l->list] + at,
                          .lanes = ivf_factors(size) / 3,
                          .n = size - at < CODEC_LIST ? (size_t)(size - at) : CODEC_LIST,
                          .place = v->start[l->list] + at,
                          .bits = bits};

        if (dense || (at == 0 && (dense = is_dense(t, q, &p, size, &seen)))) {
            scan(t, q, &p, code, 0, blocks_of(&p));
        } else {
            size_t count = mask_of(t, bits, p.place, p.n);

            p.mask = t->mask;
            seen = (at ? seen : 0) + (double)count;
            if (count)
                scan_piece(t, q, &p, code);
        }
        code += ivf_packed(v->codec, p.n);
    }
    met->seen += seen;
    met->lists += seen > 0;
    met->bare += met->all++ < t->nprobe && seen < few * e->share * (double)size;
    met->vain = worst_of(t, q) < worst ? 0 : met->vain + (seen > 0);
    t->lists++;
}

/* ---- lists in their order ---- */

/* Where a list near a query is bare, what it looks for stands around that on all sides: then so
 * many lists that bring nothing must have been met. */
static bool is_enough(const struct seeker *t, const struct asker *q, const struct enough *e,
                      const struct met *m)
{
    return m->seen >= e->seen && m->lists >= e->lists && ivf_full(t, q) &&
           (m->bare == 0 || m->vain >= VAIN * e->lists);
}

static void ask(const void *p, uint64_t bytes)
{
    const uint8_t *at = p;

    for (uint64_t i = 0; i < bytes; i += CELLS_LINE)
        __builtin_prefetch(at + i);
}

/* The list will be scanned: it is too short for the memory to guess what comes. */
static void ask_list(const struct ivf *v, uint32_t list)
{
    uint64_t bytes = v->fast_at[list + 1] - v->fast_at[list];

    if (bytes > ASK_MOST)
        return;
    ask(v->row + v->start[list], ALLOWED_LANES * sizeof *v->row);
    ask(v->fast + v->fast_at[list], bytes);
    ask(v->factor + v->factor_at[list],
        (v->factor_at[list + 1] - v->factor_at[list]) * sizeof *v->factor);
}

/* The first n lists of t->near_lists: false when it is enough. */
static bool scan_lists(struct seeker *t, struct asker *q, const uint64_t *bits,
                       const struct enough *e, struct met *m, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct visit l = {.key = cand_key(t->near_lists[i]), .list = cand_row(t->near_lists[i])};

        if (i + 1 < n)
            ask_list(t->v, cand_row(t->near_lists[i + 1]));
        scan_list(t, q, &l, bits, e, m);
        if (is_enough(t, q, e, m))
            return false;
    }
    return true;
}

/* Puts lists [from, to) in order, as far as it matters: eighths of what is nearer than each. */
static void order(uint64_t *list, size_t from, size_t to)
{
    size_t half = from + (to - from) / 2;

    if (to - from <= 1 || (from > 0 && to - from <= from / 8 + 1))
        return;
    cands_select(list + from, to - from, half - from);
    order(list, from, half);
    order(list, half, to);
}

/* Distances that about 1 / SAMPLE, 2 / SAMPLE ... of the lists are within. */
static void sample(const float *key, size_t lists, float within[SAMPLE])
{
    uint64_t cand[SAMPLE];

    for (size_t i = 0; i < SAMPLE; i++)
        cand[i] = cand_of(key[i * lists / SAMPLE], 0);
    cands_sort(cand, SAMPLE);
    for (size_t i = 0; i < SAMPLE; i++)
        within[i] = cand_key(cand[i]);
}

/* Lists that are farther than `from`, unless they are the first, and not farther than `to`. */
static size_t between(uint64_t *list, const float *key, size_t lists, bool first, float from,
                      float to)
{
    size_t n = 0;

    for (size_t i = 0; i < lists; i++) {
        list[n] = cand_of(key[i], (uint32_t)i);
        n += (first | (key[i] > from)) & !(key[i] > to);
    }
    return n;
}

/* About as many lists as will be needed first, then the double, and so on. */
static void search(struct seeker *t, struct asker *q, const float *key, const uint64_t *bits,
                   const struct enough *e, double need)
{
    size_t lists = t->v->head.lists, at = (size_t)(need / (double)lists * SAMPLE) + 1;
    float within[SAMPLE], from = 0, to;
    struct met m = {0};
    bool first = true, more = true;

    sample(key, lists, within);
    for (; more && (first || from < INFINITY); at *= 2) {
        size_t n;

        to = at < SAMPLE ? within[at] : INFINITY;
        n = between(t->near_lists, key, lists, first, from, to);
        order(t->near_lists, 0, n);
        more = scan_lists(t, q, bits, e, &m, n);
        from = to;
        first = false;
    }
}

/* ---- lists that hold any ---- */

/* The rows of those of lists near[n] that have few, list after list, into held_place; held_at says
 * where a list's end. How many in all. */
static uint32_t place_few(struct seeker *t, const uint64_t *near, size_t n)
{
    const uint32_t *place = atomic_load(&t->v->place);
    const struct held *h = &t->held;
    uint32_t total = 0;

    for (size_t i = 0; i < n; i++) {
        uint32_t l = cand_row(near[i]), rows = h->count[l];

        if (rows > HELD_FEW)
            continue;
        t->held_at[l] = total;
        total += rows;
    }
    for (uint64_t i = 0; total > 0 && i < h->rows; i++) {
        uint32_t *to = &t->held_at[h->in[i]];

        if (*to != UINT32_MAX)
            t->held_place[(*to)++] = place[h->row[i]];
    }
    return total;
}

/* Rows [from, to) of those that were placed, of all `total`, which are asked for ahead. */
static void compare_few(struct seeker *t, struct asker *q, uint32_t from, uint32_t to,
                        uint32_t total)
{
    for (uint32_t i = from; i < to; i++) {
        if (i + HELD_AHEAD < total)
            ivf_ask(t, t->held_place[i + HELD_AHEAD]);
        ivf_compare(t, q, t->held_place[i]);
    }
}

static void search_held(struct seeker *t, struct asker *q, const float *key, const uint64_t *bits,
                        const struct enough *e)
{
    struct held_need need = {e->seen, e->lists, t->o.k};
    uint64_t *near = t->near_lists;
    struct met m = {0};
    uint32_t total;
    size_t n;

    held_count(&t->held, (struct allowed_at){.bits = bits, .dead = t->a->dead, .rows = t->v->rows},
               atomic_load(&t->v->list), t->v->head.lists);
    for (size_t i = 0; i < t->held.n; i++)
        near[i] = cand_of(key[t->held.list[i]], t->held.list[i]);
    n = held_enough(&t->held, near, &need);
    total = place_few(t, near, n);
    for (uint32_t i = 0; i < total && i < HELD_AHEAD; i++)
        ivf_ask(t, t->held_place[i]);
    t->exact.now = q->exact;
    for (size_t i = 0; i < n; i++) {
        struct visit l = {.key = cand_key(near[i]), .list = cand_row(near[i])};
        uint32_t rows = t->held.count[l.list], *end = &t->held_at[l.list];

        if (*end == UINT32_MAX)
            scan_list(t, q, &l, bits, e, &m);
        else
            compare_few(t, q, *end - rows, *end, total);
        *end = UINT32_MAX;
    }
}

/* ---- queries ---- */

static void search_one(struct seeker *t, struct asker *q, const float *centre_key,
                       const struct ann_allowed *m)
{
    struct filter_plan plan = ann_filter_plan(t->a, &t->o, m->count);
    const struct ivf *v = t->v;
    double count = (double)m->count,
           need = t->nprobe * pow(1 / ann_allowed_share(t->a, m->count), growth);
    struct enough e = {.seen = need * count / v->head.lists,
                       .lists = t->nprobe,
                       .share = ann_allowed_share(t->a, m->count)};

    if (plan.how == FILTER_NONE)
        return;
    if (plan.how == FILTER_EXACT && !t->bare) {
        t->exact.now = q->exact;
        q->n = gather(&t->gather, m, &q->cells, q->best);
        return;
    }
    if (plan.how == FILTER_EXACT)
        e.seen = INFINITY;
    if (!t->bare && m->count <= v->rows / HELD_SHARE) {
        search_held(t, q, centre_key, m->bits, &e);
        return;
    }
    search(t, q, centre_key, m->bits, &e, need < v->head.lists ? need : v->head.lists);
}

void ivf_search_allowed(struct seeker *t, const struct ann_queries *q)
{
    for (size_t i = 0; i < q->n; i += TILE) {
        size_t n = q->n - i < TILE ? q->n - i : TILE, wide = ivf_centres(t, i, n);

        for (size_t j = 0; j < n; j++)
            search_one(t, &t->asker[i + j], t->centre_key + j * wide,
                       q->allowed + (q->each ? i + j : 0));
    }
}

/* ---- */

/* The list of each row, once for all searches; deleted ones are in none. */
static int lists_of_rows(struct ivf *v, struct err *e)
{
    uint32_t *list, *none = NULL;

    if (atomic_load(&v->list))
        return 0;
    if (!(list = mem_zero((size_t)v->rows, sizeof *list, e)))
        return e->code;
    for (uint32_t l = 0; l < v->head.lists; l++)
        for (uint64_t i = v->start[l]; i < v->start[l + 1]; i++)
            list[v->row[i]] = l;
    if (!atomic_compare_exchange_strong(&v->list, &none, list))
        free(list); /* another was faster */
    return 0;
}

/* Room for lists that hold few rows. */
static int held_room(struct seeker *t, struct err *e)
{
    size_t lists = t->v->head.lists;

    t->held_at = mem_array(lists, sizeof *t->held_at, e);
    t->held_place = mem_array(lists * HELD_FEW, sizeof *t->held_place, e);
    if (!t->held_at || !t->held_place)
        return e->code;
    memset(t->held_at, 0xff, lists * sizeof *t->held_at);
    return held_init(&t->held, lists, t->v->rows / HELD_SHARE + 1, t->a->cpu, e);
}

int ivf_allowed_init(struct seeker *t, struct err *e)
{
    struct ivf *v = t->a->state;

    if (places_of_rows(&v->place, v->row, v->rows, e) < 0 || lists_of_rows(v, e) < 0 ||
        held_room(t, e) < 0 ||
        !(t->mask = mem_array(CODEC_LIST / ALLOWED_LANES, sizeof *t->mask, e)))
        return e->code;
    t->gather = (struct gather){.a = t->a,
                                .cells = t->a->vectors ? NULL : t->v->cells,
                                .stride = t->v->cells_stride,
                                .place = atomic_load(&t->v->place),
                                .row = t->v->row,
                                .exact = &t->exact};
    return gather_init(&t->gather, &t->o, e);
}
