/* spann_search.c - the searcher of the kind "spann": spann.h. A block of queries goes three steps
 * together:
 *
 *   heads     each query's, by a walk
 *   lists     in the order of the file, each read once for all queries that want it
 *   vectors   of each query's best, in the order of the file
 *
 * Pieces that stand near each other come by one read, many reads are under way at once. So a single
 * query waits for the disk twice, three times with a slack, and once where lists are in memory; of
 * many those that are asked together share what is read.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ann/spann_seek.h"
#include "base/hash.h"

enum {
    TEAM = 8,      /* queries of a scan */
    BUFFERS = 128, /* reads under way, at most, */
    BUFFERS_LEAST = 4,
    BUFFERS_BYTES = 8 << 20, /* of so many bytes together */
    RUN = 64 << 10,          /* bytes of a read, unless a list is longer */
    GAP = 16 << 10,          /* bytes between two pieces that are rather read than jumped */
    MORE = 4,                /* rerank by default: 5 k / 4, or 2 k where resident, and so many */
    WIDER = 8,               /* heads that a walk keeps beside nprobe: so many, and a quarter */
    NONE = -1,
    CACHED_ALIGN = 64, /* of reads by the page cache, so that what comes can be scanned in place */
};

uint64_t spann_block(const struct ann *a, const struct ann_search_opts *o, uint64_t n)
{
    uint64_t block = o->share ? o->share : SPANN_SHARE;

    (void)a;
    return n < block && n > 0 ? n : block;
}

uint64_t spann_rerank(const struct spann *v, const struct ann_search_opts *o)
{
    uint64_t k = o->k, usual = k + (v->codes ? k : k / 4) + MORE;
    uint64_t rerank = !v->head.vectors ? k : o->rerank ? o->rerank : usual;

    return rerank > k ? rerank : k;
}

/* ---- heads ---- */

/* The nearest lists. */
static int walk(struct seeker *t, struct asker *s)
{
    const struct spann *v = t->v;
    uint64_t *near;

    if (mem_reserve(&t->near, &t->near_cap, t->nears + t->nprobe, sizeof *t->near, &t->err) < 0)
        return t->err.code;
    near = t->near + t->nears;
    graph_walk(&v->graph, &t->fq.cells, &t->walker);
    for (size_t k = 0; k < t->walker.n && s->n < t->nprobe; k++) {
        uint32_t list = cand_row(t->walker.pool[k]);
        double d = t->fq.add + t->fq.mul * (double)cand_key(t->walker.pool[k]);

        if (v->size[list] > 0)
            near[s->n++] = cand_of((float)d, list);
    }
    s->soon = t->nprobe;
    return 0;
}

/* The lists that a query, i-th of its block, may visit; of m, unless it is NULL. */
static int find_lists(struct seeker *t, const float *x, size_t i, const struct ann_allowed *m)
{
    const struct spann *v = t->v;
    const struct codec *c = v->codec;
    struct asker *s = &t->asker[i];
    uint32_t dim = t->a->form.dim;
    float *q = t->q + i * dim;

    *s = (struct asker){.table = s->table, .pool = s->pool, .best = s->best, .near = t->nears};
    s->limit = INFINITY;
    memcpy(q, x, dim * sizeof *q);
    s->exact = exact_prepare(t->a, q, t->bytes + i * dim);
    s->in = spann_query(&v->space, q, t->xq, t->x);
    c->spec.kind->query_init(c, VEC_L2, t->x, s->table);
    form_queries(&v->form, t->x, 1, t->room, t->weights, &t->fq);
    if ((m ? spann_choose(t, s, m) : walk(t, s)) < 0)
        return t->err.code;
    s->soon = t->o.slack > 0 ? (s->soon + 3) / 4 : s->soon;
    t->nears += s->n;
    return 0;
}

/* Visits of a round: the lists of a query that it visits in any case, or the others, but for those
 * that are too far. */
static size_t visits(struct seeker *t, size_t queries, bool others)
{
    size_t n = 0;

    if (mem_reserve(&t->sorted, &t->sorted_cap, t->nears, sizeof *t->sorted, &t->err) < 0)
        return 0;
    for (size_t i = 0; i < queries; i++) {
        struct asker *s = &t->asker[i];
        const uint64_t *near = t->near + s->near;
        size_t to = others || s->n < s->soon ? s->n : s->soon;
        float most = INFINITY;

        if (t->o.slack > 0 && s->have >= t->o.k)
            most = (1 + t->o.slack) * cand_key(s->pool[t->o.k - 1]) - t->v->head.spread;
        for (size_t k = others ? s->soon : 0; k < to && !(cand_key(near[k]) > most); k++) {
            t->sorted[n] = (uint64_t)cand_row(near[k]) << 32 | i;
            n += t->v->size[cand_row(near[k])] > 0; /* else HOME is damaged */
        }
    }
    return n;
}

/* ---- reads ---- */

/* Asks for items from `first` on, as many as go together; how many. */
static size_t ask(struct seeker *t, size_t first, size_t n)
{
    uint64_t from = t->item[first].at, to = from + t->item[first].len, end;
    unsigned b = t->free[--t->n_free];
    size_t i = first + 1;

    for (; i < n && t->item[i].at <= to + GAP; i++) {
        end = t->item[i].at + t->item[i].len;
        if (end - from > RUN)
            break;
        to = end > to ? end : to;
    }
    t->pages += (to + SPANN_PAGE - 1) / SPANN_PAGE - from / SPANN_PAGE;
    end = (to + t->align - 1) / t->align * t->align;
    from = from / t->align * t->align;
    t->read += end - from;
    t->run[b] = (struct run){first, i - first, from};
    reads_ask(t->reads, b, from, t->buffer + b * t->buffer_bytes, (size_t)(end - from),
              (size_t)(to - from));
    return i - first;
}

typedef void take_fn(struct seeker *t, const struct item *i, const uint8_t *p);

/* All n items pass by, in any order. */
static void fetch(struct seeker *t, size_t n, take_fn *take)
{
    size_t next = 0;

    while (t->err.code == 0) {
        struct run *r;
        unsigned b;

        while (next < n && t->n_free > 0)
            next += ask(t, next, n);
        if (reads_under_way(t->reads) == 0)
            return;
        if (reads_take(t->reads, &b, &t->err) < 0)
            break;
        r = &t->run[b];
        for (size_t i = r->first; i < r->first + r->n && t->err.code == 0; i++)
            take(t, &t->item[i], t->buffer + b * t->buffer_bytes + (t->item[i].at - r->from));
        t->free[t->n_free++] = b;
    }
    if (t->reads)
        reads_drain(t->reads);
}

/* ---- lists ---- */

/* A row of a list, unless it is there from another. */
static void offer(const struct seeker *t, struct asker *s, float key, uint32_t row)
{
    uint64_t cand = cand_of(key, row);
    size_t at = s->have ? cands_below(s->pool, s->have, cand) : 0;

    if (at == t->rerank || (at < s->have && s->pool[at] == cand))
        return;
    s->have += s->have < t->rerank;
    memmove(s->pool + at + 1, s->pool + at, (s->have - at - 1) * sizeof *s->pool);
    s->pool[at] = cand;
    if (s->have == t->rerank)
        s->limit = cand_key(s->pool[s->have - 1]);
}

static void settle(struct seeker *t, struct asker *s, const float *key, const uint8_t *rows,
                   uint64_t n)
{
    for (uint64_t i = 0; i < n; i++) {
        uint32_t row;

        if (!(key[i] <= s->limit))
            continue;
        memcpy(&row, rows + i * sizeof row, sizeof row);
        if (row < t->a->rows && (!s->bits || allowed_row(s->bits, row)))
            offer(t, s, key[i], row);
    }
}

/* A list, with n <= TEAM queries. */
static void scan(struct seeker *t, uint32_t list, const uint8_t *p, const uint64_t *who, size_t n)
{
    const struct codec *c = t->v->codec;
    uint64_t size = t->v->size[list];
    const uint8_t *rows = p + spann_rows_at(c, size);
    const void *table[TEAM];

    for (size_t j = 0; j < n; j++)
        table[j] = t->asker[(uint32_t)who[j]].table;
    for (uint64_t from = 0, m; from < size; from += m) {
        m = size - from < CODEC_LIST ? size - from : CODEC_LIST;
        c->spec.kind->scan(c, table, n, p, (size_t)m, t->key, NULL, CODEC_LIST);
        p += ivf_packed(c, m);
        for (size_t j = 0; j < n; j++)
            settle(t, &t->asker[(uint32_t)who[j]], t->key + j * CODEC_LIST,
                   rows + from * sizeof(uint32_t), m);
    }
    t->keys += size * n;
    t->lists += n;
}

static void scan_for_all(struct seeker *t, const struct item *i, const uint8_t *p)
{
    for (size_t j = 0; j < i->visitors; j += TEAM)
        scan(t, i->list, p, t->sorted + i->first + j,
             i->visitors - j < TEAM ? i->visitors - j : TEAM);
}

/* A list has come. */
static void take_list(struct seeker *t, const struct item *i, const uint8_t *p)
{
    uint64_t at = spann_sum_at(t->v->codec, t->v->size[i->list]), sum;

    memcpy(&sum, p + at, sizeof sum);
    if (sum != hash64(p, at))
        sect_bad(t->a->file, "POST", "a list's checksum differs", &t->err);
    else
        scan_for_all(t, i, p);
}

/* n visits, as items in the order of lists. */
static size_t lists_of(struct seeker *t, size_t n)
{
    size_t items = 0;

    if (mem_reserve(&t->item, &t->item_cap, n, sizeof *t->item, &t->err) < 0)
        return 0;
    cands_order(t->sorted, n);
    for (size_t i = 0; i < n; i++) {
        uint32_t list = (uint32_t)(t->sorted[i] >> 32);

        if (items == 0 || t->item[items - 1].list != list)
            t->item[items++] = (struct item){.at = t->v->post + t->v->at[list],
                                             .len = t->v->at[list + 1] - t->v->at[list],
                                             .first = i,
                                             .list = list};
        t->item[items - 1].visitors++;
    }
    return items;
}

static void visit_lists(struct seeker *t, size_t n)
{
    if (!t->v->codes) {
        fetch(t, n, take_list);
        return;
    }
    for (size_t i = 0; i < n; i++)
        scan_for_all(t, &t->item[i], t->v->codes + t->v->at[t->item[i].list]);
}

/* ---- vectors ---- */

static void take_vector(struct seeker *t, const struct item *i, const uint8_t *p)
{
    struct asker *s = &t->asker[i->query];

    t->exact.now = s->exact;
    s->best[i->which].row = cand_row(s->pool[i->which]);
    s->best[i->which].key = exact_key_of(&t->exact, p);
    t->exacts++;
}

static int by_file_order(const void *a, const void *b)
{
    uint64_t x = ((const struct item *)a)->at, y = ((const struct item *)b)->at;

    return (x > y) - (x < y);
}

static struct item vector_item(const struct seeker *t, uint32_t row, size_t query, uint32_t which)
{
    return (struct item){.at = t->v->vecs + row * (uint64_t)t->a->vector_bytes,
                         .len = t->a->vector_bytes,
                         .query = (uint32_t)query,
                         .which = which};
}

/* The vectors of n queries, as items in the order of rows. */
static size_t vectors_of(struct seeker *t, size_t n)
{
    size_t items = 0;

    if (mem_reserve(&t->item, &t->item_cap, n * t->rerank, sizeof *t->item, &t->err) < 0)
        return 0;
    for (size_t q = 0; q < n; q++)
        for (size_t i = 0; i < t->asker[q].have; i++)
            t->item[items++] = vector_item(t, cand_row(t->asker[q].pool[i]), q, (uint32_t)i);
    if (items > 0)
        qsort(t->item, items, sizeof *t->item, by_file_order);
    return items;
}

static void take_row(struct seeker *t, const struct item *i, const uint8_t *p)
{
    struct asker *s = &t->asker[i->query];

    t->exact.now = s->exact;
    best_offer(s->best, &s->have, t->o.k, (struct best){exact_key_of(&t->exact, p), i->which});
    t->exacts++;
}

/* The rows of those of n queries that read these instead of lists. */
static size_t rows_of(struct seeker *t, size_t n)
{
    uint32_t row[HELD_ROWS];
    size_t items = 0, got;

    for (size_t q = 0; q < n; q++) {
        const struct ann_allowed *m = t->asker[q].few;
        struct allowed_at at = {.rows = t->a->rows};

        if (!m)
            continue;
        if (mem_reserve(&t->item, &t->item_cap, items + m->count, sizeof *t->item, &t->err) < 0)
            return 0;
        at.bits = m->bits;
        while ((got = t->held.ops->next(&at, row, HELD_ROWS)) > 0)
            for (size_t i = 0; i < got && items < t->item_cap; i++)
                t->item[items++] = vector_item(t, row[i], q, row[i]);
    }
    if (items > 0)
        qsort(t->item, items, sizeof *t->item, by_file_order);
    return items;
}

static void by_codes(struct asker *s)
{
    for (size_t i = 0; i < s->have; i++)
        s->best[i] = (struct best){s->in.mul * (double)cand_key(s->pool[i]) + s->in.add,
                                   cand_row(s->pool[i])};
}

/* ---- the file ---- */

/* What offsets and lengths of reads past the page cache are multiples of: the disk's sector, where
 * the kernel tells it, as less is read by it. */
static uint32_t direct_align(int fd)
{
#ifdef STATX_DIOALIGN
    struct statx st;

    if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &st) == 0 && (st.stx_mask & STATX_DIOALIGN) &&
        st.stx_dio_offset_align > 0 && SPANN_PAGE % st.stx_dio_offset_align == 0)
        return st.stx_dio_offset_align > CACHED_ALIGN ? st.stx_dio_offset_align : CACHED_ALIGN;
#endif
    (void)fd;
    return SPANN_PAGE;
}

/* The file once more, past the page cache. */
static int open_direct(struct seeker *t, struct err *e)
{
    char name[64];

    snprintf(name, sizeof name, "/proc/self/fd/%d", sect_fd(t->a->file));
    t->fd = open(name, O_RDONLY | O_DIRECT | O_CLOEXEC);
    if (t->fd < 0) {
        t->fd = NONE;
        return err_sys(e, "cannot read past the page cache", sect_path(t->a->file));
    }
    t->align = direct_align(t->fd);
    return 0;
}

/* By the thread that searches: reads belong to who makes them. */
static int reads_init(struct seeker *t, struct err *e)
{
    if (t->reads)
        return 0;
    if (t->o.direct && open_direct(t, e) < 0)
        return e->code;
    return reads_new(&t->reads, t->fd == NONE ? sect_fd(t->a->file) : t->fd, sect_path(t->a->file),
                     t->buffers, t->o.io, e);
}

/* ---- a block ---- */

void spann_search(void *searcher, const struct ann_queries *q)
{
    struct seeker *t = searcher;
    double began = q->us ? now_s() : 0;
    uint32_t k = t->o.k;
    int rounds = t->o.slack > 0 ? 2 : 1, rc = reads_init(t, &t->err);

    t->nears = 0;
    for (size_t i = 0; i < q->n && rc == 0; i++)
        rc = find_lists(t, q->x + i * t->a->form.dim, i,
                        q->allowed ? q->allowed + (q->each ? i : 0) : NULL);
    for (int round = 0; round < rounds && rc == 0; round++)
        visit_lists(t, lists_of(t, visits(t, q->n, round > 0)));
    if (t->v->head.vectors && rc == 0) {
        fetch(t, vectors_of(t, q->n), take_vector);
        fetch(t, rows_of(t, q->n), take_row);
    }
    for (size_t i = 0; i < q->n; i++) {
        struct asker *s = &t->asker[i];

        if (!t->v->head.vectors)
            by_codes(s);
        s->have = t->err.code ? 0 : s->have;
        best_sort(s->best, s->have, k);
        best_give(s->best, s->have, k, t->a->form.metric, q->id + i * k, q->score + i * k);
    }
    for (size_t i = 0; q->us && i < q->n; i++)
        q->us[i] = (float)(1e6 * (now_s() - began) / (double)q->n);
}

int spann_failed(const void *searcher, struct err *e)
{
    const struct seeker *t = searcher;

    if (t->err.code)
        *e = t->err;
    return t->err.code;
}

void spann_count(const void *searcher, struct ann_search_stats *s)
{
    const struct seeker *t = searcher;

    s->keys += t->walker.keys + t->keys;
    s->hops += t->walker.hops;
    s->exact += t->exacts;
    s->lists += t->lists;
    s->pages += t->pages;
    s->bytes += t->read;
}

/* ---- a searcher ---- */

void spann_searcher_free(void *searcher)
{
    struct seeker *t = searcher;

    if (!t)
        return;
    reads_free(t->reads);
    if (t->fd != NONE)
        close(t->fd);
    graph_walker_free(&t->walker);
    exact_free(&t->exact);
    free(t->x);
    free(t->xq);
    free(t->room);
    free(t->weights);
    free(t->key);
    free(t->asker);
    free(t->table);
    free(t->bytes);
    free(t->q);
    free(t->pool);
    free(t->best);
    free(t->near);
    free(t->sorted);
    free(t->item);
    free(t->buffer);
    free(t->free);
    free(t->run);
    spann_allowed_free(t);
    free(t);
}

static int askers_init(struct seeker *t, struct err *e)
{
    const struct codec *c = t->v->codec;
    size_t table = (c->spec.kind->query_bytes(c) + 63) / 64 * 64, dim = t->a->form.dim;

    t->asker = mem_zero(t->cap, sizeof *t->asker, e);
    t->table = codec_array(t->cap, table, e);
    t->bytes = mem_array(t->cap, dim, e);
    t->q = codec_array(t->cap, dim * sizeof *t->q, e);
    t->pool = mem_array(t->cap, t->rerank * sizeof *t->pool, e);
    t->best = mem_array(t->cap, t->rerank * sizeof *t->best, e);
    if (!t->asker || !t->table || !t->bytes || !t->q || !t->pool || !t->best)
        return e->code;
    for (uint64_t i = 0; i < t->cap; i++)
        t->asker[i] = (struct asker){.table = t->table + i * table,
                                     .pool = t->pool + i * t->rerank,
                                     .best = t->best + i * t->rerank};
    return 0;
}

/* Room for a run or the largest piece, with what is read before and behind it. */
static int buffers_init(struct seeker *t, struct err *e)
{
    uint64_t one = t->v->largest > t->a->vector_bytes ? t->v->largest : t->a->vector_bytes;
    uint64_t n;

    one = one > RUN ? one : RUN;
    t->buffer_bytes = (size_t)((one + SPANN_PAGE - 1) / SPANN_PAGE + 2) * SPANN_PAGE;
    n = BUFFERS_BYTES / t->buffer_bytes;
    t->buffers = n > BUFFERS ? BUFFERS : n < BUFFERS_LEAST ? BUFFERS_LEAST : (unsigned)n;
    t->free = mem_array(t->buffers, sizeof *t->free, e);
    t->run = mem_array(t->buffers, sizeof *t->run, e);
    t->buffer = aligned_alloc(SPANN_PAGE, t->buffers * t->buffer_bytes);
    if (!t->buffer)
        return err_set(e, ERR_MEM, "out of memory for a search");
    if (!t->free || !t->run)
        return e->code;
    for (unsigned i = 0; i < t->buffers; i++)
        t->free[t->n_free++] = i;
    return 0;
}

static void set_numbers(struct seeker *t, uint64_t block)
{
    uint64_t rows = t->a->rows ? t->a->rows : 1;
    uint64_t usual = t->o.slack > 0 ? ann_slack_effort(t->a, t->o.k) : SPANN_NPROBE;
    uint64_t effort = t->o.effort ? t->o.effort : usual;
    uint64_t rerank = spann_rerank(t->v, &t->o);

    t->rerank = (uint32_t)(rerank < rows ? rerank : rows);
    t->nprobe = (uint32_t)(effort < t->v->head.lists ? effort : t->v->head.lists);
    t->cap = block;
    t->fd = NONE;
    t->align = CACHED_ALIGN;
}

int spann_searcher_new(void **searcher, const struct ann *a, const struct ann_search_opts *o,
                       uint64_t block, struct err *e)
{
    const struct spann *v = a->state;
    const struct form *f = &v->form;
    struct seeker *t = *searcher = mem_zero(1, sizeof *t, e);

    if (!t)
        return e->code;
    t->a = a;
    t->v = v;
    t->o = *o;
    set_numbers(t, block);
    t->x = codec_array(f->dim, sizeof *t->x, e);
    t->xq = codec_array(f->dim, sizeof *t->xq, e);
    t->room = mem_array(form_room(f, 1), sizeof *t->room, e);
    t->weights = codec_array(1, form_weights(f), e);
    t->key = codec_array(TEAM * CODEC_LIST, sizeof *t->key, e);
    if (!t->x || !t->xq || !t->room || !t->weights || !t->key || exact_init(&t->exact, a, e) < 0 ||
        graph_walker_init(&t->walker, v->graph.rows, t->nprobe + t->nprobe / 4 + WIDER, 0, e) < 0 ||
        askers_init(t, e) < 0 || buffers_init(t, e) < 0)
        return e->code;
    return o->allowed ? spann_allowed_init(t, e) : 0;
}
