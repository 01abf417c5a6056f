/* osq_search.c - queries of a block find their lists, and go through them: each one's nearest
 * first, so that bounds of what else may be near are good; then all others. In both, queries of a
 * list come together: its rows that may be found are in the cache.
 *
 * What is found does not depend on blocks, threads and the level of CPU: osq_index.h.
 */
#include <math.h>
#include <stdlib.h>

#include "ann/osq_seek.h"
#include "base/mem.h"
#include "vec/ops.h"

enum {
    BLOCK_MOST = 1024, /* queries, or what BLOCK_BYTES hold */
    BLOCK_BYTES = 32 << 20,
};

/* ---- which lists ---- */

/* Mean squares of distances between the query and the rows of lists. Under ip rows and query are as
 * if a component more made them `longest` long: then the nearest have the largest products. */
static void distances(struct osq_seeker *t, const struct osq_asker *q)
{
    const struct osq_index *v = t->v;
    bool ip = t->a->form.metric == VEC_IP;
    double longest = v->head.longest, square = ip ? 2 * longest * longest : q->in.square;
    double mul = ip && q->in.square > 0 ? 2 * longest / sqrt(q->in.square) : 2;
    float tile[PANEL] __attribute__((aligned(64)));

    for (size_t l = 0; l < v->head.lists; l++) {
        double key;

        if (l % PANEL == 0)
            linmap_tile(&v->centroids, l / PANEL, q->q, 1, tile);
        key = square - mul * (double)tile[l % PANEL] +
              (ip ? 0 : (double)v->norm[l] + (double)v->away[l]);
        t->near[l] = cand_of(key > 0 && isfinite(key) ? (float)key : 0, (uint32_t)l);
    }
}

uint32_t osq_find_lists(struct osq_seeker *t, const struct osq_asker *q)
{
    uint32_t lists = t->v->head.lists, n = 0;
    double times = (double)t->o.near_lists * (double)t->o.near_lists, most;
    uint64_t rows = 0;

    if (q->none)
        return 0;
    distances(t, q);
    cands_order(t->near, lists);
    most = q->all ? (double)INFINITY : times * (double)cand_key(t->near[0]);
    for (; n < lists; n++) {
        if (!((double)cand_key(t->near[n]) <= most) && rows >= t->o.k)
            break;
        rows += rows < t->o.k ? osq_rows_of(t, cand_row(t->near[n]), q->bits) : 0;
    }
    return n;
}

/* ---- a block ---- */

/* What is done to find all that a query may find. */
static void choose(struct osq_seeker *t, struct osq_asker *q, const struct ann_allowed *m)
{
    q->all = q->in.far;
    if (!m)
        return;
    q->bits = m->bits;
    switch (ann_filter_plan(t->a, &t->o, m->count).how) {
    case FILTER_NONE:
        q->none = true;
        break;
    case FILTER_EXACT:
        q->all = true;
        break;
    default:
        break;
    }
}

void osq_prepare(struct osq_seeker *t, const struct ann_queries *q, bool tables)
{
    const struct form *f = &t->a->form;
    const struct codec *c = t->v->codec;
    enum vec_metric m = f->metric == VEC_IP ? VEC_IP : VEC_L2;

    for (size_t i = 0; i < q->n; i++) {
        struct osq_asker *s = &t->asker[i];

        *s = (struct osq_asker){.best = t->best + i * t->o.k,
                                .raw = t->raw + i * t->raw_dim,
                                .q = t->q + i * t->raw_dim,
                                .turned = t->turned + i * t->raw_dim,
                                .table = t->table + i * t->table_bytes};
        memcpy(s->raw, q->x + i * f->dim, f->dim * sizeof *s->raw);
        s->in = ivf_query(&t->v->space, s->raw, s->q);
        choose(t, s, q->allowed ? q->allowed + (q->each ? i : 0) : NULL);
        if (!tables || s->none)
            continue;
        s->exact = exact_prepare(t->a, s->raw, t->bytes + i * f->dim);
        memcpy(s->turned, s->q, f->dim * sizeof *s->turned);
        osq_turn(s->turned, f->dim);
        c->spec.kind->query_init(c, m, s->q, s->table);
    }
}

/* Visits, those of a list together. */
static void go(struct osq_seeker *t, const struct osq_visit *visit, size_t n)
{
    uint32_t lists = t->v->head.lists, *at = t->at_list, begin = 0;

    memset(at, 0, ((size_t)lists + 1) * sizeof *at);
    for (size_t i = 0; i < n; i++)
        at[visit[i].list + 1]++;
    for (uint32_t l = 0; l < lists; l++)
        at[l + 1] += at[l];
    for (size_t i = 0; i < n; i++)
        t->together[at[visit[i].list]++] = visit[i];
    for (uint32_t l = 0; l < lists; begin = at[l++]) /* at[l] is now where l ends */
        for (uint32_t i = begin; i < at[l]; i++)
            osq_look(t, &t->asker[t->together[i].query], l);
}

static void search_lists(struct osq_seeker *t, size_t queries)
{
    size_t first = 0, visits = 0;

    for (uint32_t i = 0; i < queries; i++) {
        uint32_t n = osq_find_lists(t, &t->asker[i]);

        if (n > 0)
            t->first[first++] = (struct osq_visit){i, cand_row(t->near[0])};
        for (uint32_t r = 1; r < n; r++)
            t->visit[visits++] = (struct osq_visit){i, cand_row(t->near[r])};
    }
    go(t, t->first, first);
    go(t, t->visit, visits);
}

void osq_search(void *searcher, const struct ann_queries *q)
{
    struct osq_seeker *t = searcher;
    double began = q->us ? now_s() : 0;
    uint32_t k = t->o.k;

    osq_prepare(t, q, true);
    search_lists(t, q->n);
    for (size_t i = 0; i < q->n; i++) {
        best_sort(t->asker[i].best, t->asker[i].n, k);
        best_give(t->asker[i].best, t->asker[i].n, k, t->a->form.metric, q->id + i * k,
                  q->score + i * k);
    }
    for (size_t i = 0; q->us && i < q->n; i++)
        q->us[i] = (float)(1e6 * (now_s() - began) / (double)q->n);
}

/* ---- searchers ---- */

uint64_t osq_block(const struct ann *a, const struct ann_search_opts *o, uint64_t n)
{
    const struct osq_index *v = a->state;
    uint64_t each = v->codec->spec.kind->query_bytes(v->codec) + 13 * (uint64_t)a->form.dim +
                    2 * sizeof(struct osq_visit) * v->head.lists +
                    sizeof(struct best) * (uint64_t)o->k + sizeof(struct osq_asker);

    return ann_block(&(struct ann_blocks){BLOCK_MOST, BLOCK_BYTES, each}, n);
}

void osq_count(const void *searcher, struct ann_search_stats *s)
{
    const struct osq_seeker *t = searcher;

    s->keys += t->keys;
    s->hops += t->lists;
    s->exact += t->exacts;
    s->signs += t->rows;
    s->bytes += t->keys * t->v->codec->code_bytes + t->rows * t->sign_bytes +
                t->exacts * t->a->vector_bytes;
}

void osq_searcher_free(void *searcher)
{
    struct osq_seeker *t = searcher;

    if (!t)
        return;
    exact_free(&t->exact);
    free(t->asker);
    free(t->best);
    free(t->raw);
    free(t->q);
    free(t->turned);
    free(t->table);
    free(t->bytes);
    free(t->near);
    free(t->first);
    free(t->visit);
    free(t->together);
    free(t->at_list);
    free(t->counted);
    free(t->room.place);
    free(t->mask);
    free(t->id);
    free(t->weight);
    free(t->signs);
    free(t->order);
    free(t->chosen);
    free(t->code);
    free(t->packed);
    free(t->key);
    free(t->low);
    free(t);
}

/* Of queries. */
static bool make_askers(struct osq_seeker *t, struct err *e)
{
    size_t cap = t->cap, lists = t->v->head.lists, dim = t->a->form.dim;

    t->asker = mem_array(cap, sizeof *t->asker, e);
    t->best = mem_array(cap * t->o.k, sizeof *t->best, e);
    t->raw = codec_array(cap * t->raw_dim, sizeof *t->raw, e);
    t->q = codec_array(cap * t->raw_dim, sizeof *t->q, e);
    t->turned = codec_array(cap * t->raw_dim, sizeof *t->turned, e);
    t->table = codec_array(cap, t->table_bytes, e);
    t->bytes = mem_array(cap, dim, e);
    t->first = mem_array(cap, sizeof *t->first, e);
    t->visit = mem_array(cap * lists, sizeof *t->visit, e);
    t->together = mem_array(cap * lists, sizeof *t->together, e);
    return t->asker && t->best && t->raw && t->q && t->turned && t->table && t->bytes && t->first &&
           t->visit && t->together;
}

/* Of lists, and of the rows of one. */
static bool make_rows(struct osq_seeker *t, struct err *e)
{
    const struct codec *c = t->v->codec;
    size_t lists = t->v->head.lists, rows = (size_t)t->v->largest + 1;

    t->near = mem_array(lists, sizeof *t->near, e);
    t->at_list = mem_array(lists + 1, sizeof *t->at_list, e);
    t->counted = mem_zero(lists, sizeof *t->counted, e);
    t->room.place = mem_array(rows, sizeof *t->room.place, e);
    t->mask = mem_array(CODEC_LIST / ALLOWED_LANES, sizeof *t->mask, e);
    t->id = mem_array(CODEC_LIST, sizeof *t->id, e);
    t->weight = mem_array(8 * t->sign_bytes, sizeof *t->weight, e);
    t->signs = mem_array(256 * t->sign_bytes, sizeof *t->signs, e);
    t->order = mem_array(rows, sizeof *t->order, e);
    t->chosen = mem_array(rows, sizeof *t->chosen, e);
    t->code = mem_array(CODEC_LIST, c->code_bytes, e);
    t->packed = codec_array(c->spec.kind->packed_bytes(c, CODEC_LIST) + 64, 1, e);
    t->key = mem_array(rows, sizeof *t->key, e);
    t->low = mem_array(rows, sizeof *t->low, e);
    return t->near && t->at_list && t->counted && t->room.place && t->mask && t->id && t->weight &&
           t->signs && t->order && t->chosen && t->code && t->packed && t->key && t->low;
}

int osq_searcher_new(void **searcher, const struct ann *a, const struct ann_search_opts *o,
                     uint64_t block, struct err *e)
{
    struct osq_seeker *t = *searcher = mem_zero(1, sizeof *t, e);

    if (!t)
        return e->code;
    t->a = a;
    t->v = a->state;
    t->o = *o;
    t->o.near_lists = o->near_lists > 0 ? o->near_lists : ANN_NEAR_LISTS;
    t->o.factor = o->factor ? o->factor : ANN_FACTOR;
    t->cap = block;
    t->ops = allowed_ops_for(a->cpu);
    t->raw_dim = ((size_t)a->form.dim + 15) / 16 * 16;
    t->table_bytes = (t->v->codec->spec.kind->query_bytes(t->v->codec) + 63) / 64 * 64;
    t->sign_bytes = osq_sign_bytes(a->form.dim);
    if (!make_askers(t, e) || !make_rows(t, e))
        return e->code;
    return exact_init(&t->exact, a, e);
}
