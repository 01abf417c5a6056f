/* prop_simparts.c - what replays are made of, each against something slow and plain: the reuse
 * curve against LRU caches of every size, the KV cache against a list of blocks, its queue without
 * blocks against all places, interpolation against the formula, percentiles against sorting.
 */
#include "../unit/t.h"

#include <math.h>

#include "sim/gaps.h"
#include "sim/grid.h"
#include "sim/kv.h"
#include "sim/metrics.h"
#include "sim/reuse.h"
#include "sim/axes.h"

static unsigned long long rng = 7;

static int below(int n)
{
    return (int)(t_rand(&rng) % (unsigned)n);
}

/* ---- reuse ---- */

enum { LRU_MOST = 64, STREAM_MOST = 400 };

/* A cache of so many blocks, the newest first. */
struct lru {
    uint64_t v[LRU_MOST];
    int n, size;
    uint64_t hits;
};

static bool touch(struct lru *c, uint64_t hash)
{
    int at = 0;
    bool there;

    while (at < c->n && c->v[at] != hash)
        at++;
    there = at < c->n;
    if (!there && c->size == 0)
        return false;
    if (!there)
        at = c->n < c->size ? c->n++ : c->size - 1;
    memmove(&c->v[1], &c->v[0], (size_t)at * sizeof *c->v);
    c->v[0] = hash;
    return there;
}

static void naive_request(struct lru *c, const uint64_t *hashes, size_t n)
{
    bool unbroken = true;

    for (size_t i = 0; i < n; i++) {
        unbroken = touch(c, hashes[i]) && unbroken;
        c->hits += unbroken;
    }
}

static void try_reuse(void)
{
    int kinds = 1 + below(LRU_MOST - 2), requests = below(30), longest = 1 + below(12);
    static struct lru cache[LRU_MOST];
    bool seen[LRU_MOST] = {false};
    uint64_t asked = 0, unique = 0;
    struct reuse *r;
    struct err e = {0};
    bool same = true;

    T_CHECK(reuse_new(&r, &e) == 0);
    for (int size = 0; size < LRU_MOST; size++)
        cache[size] = (struct lru){.size = size};
    for (int i = 0; i < requests; i++) {
        uint64_t hashes[16];
        size_t n = (size_t)below(longest + 1);

        for (size_t k = 0; k < n; k++) {
            int kind = below(4) ? below(kinds) : below(1 + kinds / 4);

            unique += !seen[kind];
            seen[kind] = true;
            hashes[k] = (uint64_t)kind * UINT64_C(0x100000001);
        }
        asked += n;
        T_CHECK(reuse_add(r, hashes, n, &e) == 0);
        for (int size = 0; size < LRU_MOST; size++)
            naive_request(&cache[size], hashes, n);
    }
    for (int size = 0; size < LRU_MOST; size++)
        same = same && reuse_hits(r, (uint64_t)size) == cache[size].hits;
    T_CHECKF(same, "%d requests of %d hashes", requests, kinds);
    T_CHECK(reuse_asked(r) == asked && reuse_unique(r) == unique);
    T_CHECK(reuse_hits(r, UINT64_MAX) == cache[LRU_MOST - 1].hits);
    reuse_free(r);
}

/* ---- the KV cache ---- */

enum { BLOCKS = 24, HOLDERS = 6 };

struct model {
    struct {
        int holders;
        bool named;
        uint64_t hash;
        long freed, when;
    } block[BLOCKS];
    int list[HOLDERS][BLOCKS], n[HOLDERS], blocks;
    long clock;
};

static int model_find(const struct model *m, uint64_t hash)
{
    int best = -1;

    for (int i = 0; i < m->blocks; i++)
        if (m->block[i].named && m->block[i].hash == hash &&
            (best < 0 || m->block[i].when < m->block[best].when))
            best = i;
    return best;
}

static uint32_t model_free(const struct model *m)
{
    uint32_t n = 0;

    for (int i = 0; i < m->blocks; i++)
        n += m->block[i].holders == 0;
    return n;
}

static void model_take(struct model *m, int who)
{
    int best = -1;

    for (int i = 0; i < m->blocks; i++)
        if (m->block[i].holders == 0 && (best < 0 || m->block[i].freed < m->block[best].freed))
            best = i;
    m->block[best].holders = 1;
    m->block[best].named = false;
    m->list[who][m->n[who]++] = best;
}

/* A request comes: it shares what is there of its text, takes the rest, and its blocks get names.
 */
static void come(struct kv *k, struct kv_list *l, struct model *m, int who)
{
    uint64_t hash[BLOCKS];
    uint32_t n = 1 + (uint32_t)below(8), shared = 0, idle = 0, more, named;
    struct err e = {0};

    for (uint32_t i = 0; i < n; i++)
        hash[i] = 100 * i + (uint64_t)below(3);
    while (shared < n && model_find(m, hash[shared]) >= 0)
        idle += m->block[model_find(m, hash[shared++])].holders == 0;
    T_CHECK(kv_find(k, hash, n) == shared && kv_find_free(k, hash, shared) == idle);
    more = n - shared;
    if (more + idle > model_free(m))
        return;
    T_CHECK(kv_share(k, l, hash, shared, &e) == 0 && kv_take(k, l, more, &e) == 0);
    for (uint32_t i = 0; i < shared; i++) {
        int b = model_find(m, hash[i]);

        m->block[b].holders++;
        m->list[who][m->n[who]++] = b;
    }
    while (more-- > 0)
        model_take(m, who);
    named = shared + (uint32_t)below((int)(n - shared) + 1);
    kv_name(k, l, shared, named, hash);
    for (uint32_t i = shared; i < named; i++) {
        int b = m->list[who][i];

        m->block[b].named = true;
        m->block[b].hash = hash[i];
        m->block[b].when = ++m->clock;
    }
}

static void leave(struct kv *k, struct kv_list *l, struct model *m, int who)
{
    kv_give_back(k, l);
    while (m->n[who] > 0) {
        int b = m->list[who][--m->n[who]];

        if (--m->block[b].holders == 0)
            m->block[b].freed = ++m->clock;
    }
}

static void try_kv(void)
{
    struct model m = {.blocks = 1 + below(BLOCKS)};
    struct kv_list l[HOLDERS] = {{0}};
    struct err e = {0};
    struct kv k;

    for (int i = 0; i < m.blocks; i++)
        m.block[i].freed = ++m.clock;
    T_CHECK(kv_init(&k, (uint32_t)m.blocks, 1, true, &e) == 0);
    for (int step = 0; step < 60; step++) {
        int who = below(HOLDERS);
        bool same;

        if (m.n[who] > 0)
            leave(&k, &l[who], &m, who);
        else
            come(&k, &l[who], &m, who);
        same = k.free == model_free(&m) && kv_consistent(&k) && (int)l[who].n == m.n[who];
        for (int i = 0; i < m.n[who] && same; i++)
            same = (int)l[who].id[i] == m.list[who][i];
        T_CHECKF(same, "step %d of %d blocks", step, m.blocks);
    }
    for (int i = 0; i < HOLDERS; i++)
        kv_give_back(&k, &l[i]);
    T_CHECK(k.free == (uint32_t)m.blocks && kv_consistent(&k));
    k.free++;
    T_CHECK(!kv_consistent(&k));
    kv_close(&k);
}

/* ---- the queue of free blocks as numbers ---- */

enum { PLACES = 2000, QUEUE_STEPS = 60 };

/* Which places have a block that is in the queue. */
struct places {
    bool in[PLACES + 1];
    int last;
};

static void check_queue(const struct kv_queue *q, const struct places *p)
{
    uint64_t n = 0;
    bool same = q->back == (uint64_t)p->last;
    size_t hole = 0;

    for (int i = 1; i <= p->last; i++) {
        bool out = (uint64_t)i <= q->front;

        for (; hole < q->holes && q->hole[hole].to <= (uint64_t)i; hole++)
            ;
        out = out || (hole < q->holes && q->hole[hole].from <= (uint64_t)i);
        same = same && p->in[i] == !out;
        n += p->in[i];
    }
    T_CHECK(same && kv_queue_length(q) == n);
}

static void try_queue(void)
{
    struct kv_queue q = {0};
    struct places p = {.last = 0};
    struct err e;

    for (int step = 0; step < QUEUE_STEPS; step++) {
        int n = below(PLACES / QUEUE_STEPS), from = 1 + below(p.last + 1), to = from;

        while (to <= p.last && to - from < 1 + n / 4 && p.in[to])
            to++;
        if (below(3) && to > from) {
            T_CHECK(kv_queue_pull(&q, (uint64_t)from, (uint64_t)to, &e) == 0);
            memset(&p.in[from], 0, (size_t)(to - from));
        } else if (below(2)) {
            kv_queue_join(&q, (uint32_t)n);
            memset(&p.in[p.last + 1], 1, (size_t)n);
            p.last += n;
        } else if (kv_queue_length(&q) >= (uint64_t)n) {
            kv_queue_take(&q, (uint32_t)n);
            for (int i = 1; n > 0; i++)
                if (p.in[i]) {
                    p.in[i] = false;
                    n--;
                }
        }
        check_queue(&q, &p);
    }
    kv_queue_free(&q);
}

/* ---- interpolation ---- */

static bool near(double a, double b)
{
    return fabs(a - b) <= 1e-9 * (1 + fabs(a) + fabs(b));
}

/* Of points (x, v), in any order: the two around x, or the last two; below the first its value. */
static double naive_line(const double *x, const double *v, int n, double at)
{
    int lo = -1, hi = -1, first = 0, last = 0, before = -1;

    for (int i = 0; i < n; i++) {
        first = x[i] < x[first] ? i : first;
        last = x[i] > x[last] ? i : last;
        if (x[i] == at)
            return v[i];
        if (x[i] < at && (lo < 0 || x[i] > x[lo]))
            lo = i;
        if (x[i] > at && (hi < 0 || x[i] < x[hi]))
            hi = i;
    }
    if (lo < 0 || n == 1)
        return v[first];
    for (int i = 0; i < n; i++)
        if (i != last && (before < 0 || x[i] > x[before]))
            before = i;
    lo = hi < 0 ? before : lo;
    hi = hi < 0 ? last : hi;
    return v[lo] + (v[hi] - v[lo]) / (x[hi] - x[lo]) * (at - x[lo]);
}

/* Different values, in no order. */
static int some_values(double *x, int most)
{
    int n = 1 + below(most);

    for (int i = 0; i < n; i++)
        for (bool again = true; again;) {
            again = false;
            x[i] = below(60);
            for (int k = 0; k < i; k++)
                again |= x[k] == x[i];
        }
    return n;
}

static void try_grid(void)
{
    double x[10], v[10];
    int n = some_values(x, 10);
    struct grid g = {0};
    struct err e = {0};

    for (int i = 0; i < n; i++) {
        int copies = below(4) ? 1 : 3;
        double apart = below(20);

        v[i] = below(1000);
        /* Several at the same place: their mean. */
        for (int c = 0; c < copies; c++)
            T_CHECK(grid_add(&g, x[i], v[i] + (copies > 1 ? (c - 1) * apart : 0), &e) == 0);
    }
    grid_sort(&g);
    for (double at = -5; at < 80; at += 0.75)
        T_CHECKF(near(grid_at(&g, at), naive_line(x, v, n, at)), "%d points at %g", n, at);
    grid_free(&g);
}

static void try_grid2(void)
{
    double y[6], x[6][6], v[6][6], last[6], widest = 0;
    int rows = some_values(y, 6), n[6];
    struct grid2 g = {0};
    struct err e = {0};

    for (int i = 0; i < rows; i++) {
        n[i] = some_values(x[i], 6);
        last[i] = 0;
        for (int k = 0; k < n[i]; k++) {
            v[i][k] = below(1000);
            last[i] = fmax(last[i], x[i][k]);
            T_CHECK(grid2_add(&g, y[i], x[i][k], v[i][k], &e) == 0);
        }
        widest = fmax(widest, last[i]);
    }
    grid2_sort(&g);
    T_CHECK(grid2_widest(&g) == widest);
    for (int t = 0; t < 60; t++) {
        double aty = below(160) / 2.0 - 5, atx = below(160) / 2.0 - 5, column[6];

        for (int i = 0; i < rows; i++)
            column[i] = naive_line(x[i], v[i], n[i],
                                   atx <= widest && atx > last[i] ? last[i] : atx);
        T_CHECK(near(grid2_at(&g, aty, atx, widest), naive_line(y, column, rows, aty)));
    }
    grid2_free(&g);
}

/* ---- points over axes ---- */

enum { POINTS_MOST = 40 };

/* Axis k of the points that agree on all axes before it. */
static double naive_axes(const struct axes_point *p, int n, int k, const double *key)
{
    double x[POINTS_MOST], v[POINTS_MOST];
    int values = 0;

    if (k == AXES)
        return p[0].v;
    for (int i = 0; i < n; i++) {
        struct axes_point of[POINTS_MOST];
        int m = 0;
        bool known = false;

        for (int j = 0; j < values; j++)
            known |= x[j] == p[i].key[k];
        if (known)
            continue;
        for (int j = 0; j < n; j++)
            if (p[j].key[k] == p[i].key[k])
                of[m++] = p[j];
        x[values] = p[i].key[k];
        v[values++] = naive_axes(of, m, k + 1, key);
    }
    return naive_line(x, v, values, key[k]);
}

static void try_axes(void)
{
    struct axes_point p[POINTS_MOST];
    int n = 1 + below(POINTS_MOST);
    struct axes t = {0};
    struct err e = {0};
    int same = 0;

    for (int i = 0; i < n; i++) {
        for (int k = 0; k < AXES; k++)
            p[i].key[k] = 10 * below(4);
        p[i].v = below(100);
        for (int j = 0; j < i; j++)
            same += memcmp(p[i].key, p[j].key, sizeof p[i].key) == 0;
        T_CHECK(axes_add(&t, p[i].key, p[i].v, &e) == 0);
    }
    if (same > 0) {
        T_CHECK(axes_build(&t, &e) == ERR_INPUT);
        axes_free(&t);
        return;
    }
    T_CHECK(axes_build(&t, &e) == 0);
    for (int i = 0; i < 40; i++) {
        double key[AXES], most[AXES] = {0};
        bool holds = true;

        for (int k = 0; k < AXES; k++)
            key[k] = below(90) / 2.0 - 3;
        for (int k = 0; k < AXES; k++) {
            for (int j = 0; j < n; j++)
                most[k] = fmax(most[k], p[j].key[k]);
            holds &= key[k] <= most[k];
        }
        T_CHECK(near(axes_at(&t, key), naive_axes(p, n, 0, key)));
        T_CHECK(axes_holds(&t, key, 0) == holds);
        T_CHECK(!axes_holds(&t, key, most[AXES - 1] + 1));
    }
    axes_free(&t);
}

/* ---- percentiles ---- */

static int rising(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static void try_percentiles(void)
{
    static double v[2000], sorted[2000], marked[2000];
    int n = below(4) ? below(40) : below(2000), kinds = 1 + below(1000), marks = 0;
    struct distribution d;
    struct gaps g = {0};
    struct err e = {0};
    double sum = 0;

    for (int i = 0; i < n; i++) {
        v[i] = sorted[i] = i > 0 && below(3) == 0
                               ? v[i - 1]
                               : (double)below(kinds) * (double)(1 + below(3) * 1000003);
        sum += v[i];
        T_CHECK(gaps_add(&g, (int64_t)v[i], 1, &e) == 0);
        if (kinds % 3 == 0 || below(4))
            continue;
        marked[marks++] = v[i];
        gaps_mark(&g);
    }
    qsort(marked, (size_t)marks, sizeof *marked, rising);
    qsort(sorted, (size_t)n, sizeof *sorted, rising);
    distribution_of(&d, v, (size_t)n);
    T_CHECK(gaps_sort(&g, &e) == 0 && g.marked == (uint64_t)marks);
    T_CHECK(d.n == (uint64_t)n && g.n == (uint64_t)n);
    T_CHECK(near(d.mean, n ? sum / n : 0) && near(g.sum, sum));
    T_CHECK(d.least == (n ? sorted[0] : 0) && d.most == (n ? sorted[n - 1] : 0));
    for (int p = 0; p < METRIC_POINTS; p++) {
        int at = (int)floor(metric_points[p] * n);
        double want = n ? sorted[at < n ? at : n - 1] : 0;

        T_CHECK(d.point[p] == want && (double)gaps_percentile(&g, metric_points[p]) == want);
        at = (int)floor(metric_points[p] * marks);
        want = marks ? marked[at < marks ? at : marks - 1] : 0;
        T_CHECK((double)gaps_marked_percentile(&g, metric_points[p]) == want);
    }
    gaps_free(&g);
}

int main(void)
{
    for (int i = 0; i < 300; i++) {
        try_reuse();
        try_kv();
        try_queue();
        try_grid();
        try_grid2();
        try_axes();
        try_percentiles();
    }
    return t_done("prop_simparts");
}
