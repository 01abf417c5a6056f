/* bench_hqi.c - a workload of filtered queries: kind hqi, beside one shared ivf with a filter after
 * it, and the filter before looking at all that is left.
 *
 *   bench_hqi make DIR BASE QUERIES       DIR/hqi.ann, DIR/ivf.ann, DIR/plain.ann, DIR/truth
 *   bench_hqi run DIR BASE QUERIES WHAT   WHAT: hqi, held, unseen, single, pre, post, inside, none,
 *                                         every, every-ivf
 *
 * The first ROWS rows of the base, with attributes of their own: type (20, Zipf), genre (50), year
 * (1950 to 2023), each NULL in 30 % of the rows, nothing of it to do with the vectors. TEMPLATES
 * predicates, Zipf; the first half of the queries is the workload that the index is made for, the
 * second is held out (the same predicates, other vectors); "unseen" asks predicates that were in no
 * workload. plain.ann ("none") is of kind hqi without a workload; "every" asks without a predicate.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "found.h"
#include "ann/ann.h"
#include "base/mem.h"
#include "base/rand.h"
#include "vec/knn.h"
#include "vec/vec.h"

enum { ROWS = 200000, ASKED = 5000, TEMPLATES = 40, K = 10, TEXT = 128, POST = 1000, PASSES = 3 };

static struct err err;

static unsigned zipf(unsigned n, uint64_t *state)
{
    double sum = 0, at;

    for (unsigned i = 1; i <= n; i++)
        sum += 1.0 / i;
    at = rand_unit(state) * sum;
    for (unsigned i = 1; i < n; i++)
        if ((at -= 1.0 / i) < 0)
            return i - 1;
    return n - 1;
}

static const char *path_in(const char *dir, const char *name)
{
    static char path[4096];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    return path;
}

/* ---- what is asked ---- */

static void write_attrs(const char *path)
{
    FILE *f = fopen(path, "w");
    uint64_t state = 11;

    if (!f)
        bench_stop(path);
    fprintf(f, "type\tgenre\tyear:int\n");
    for (int i = 0; i < ROWS; i++) {
        unsigned type = zipf(20, &state), genre = (unsigned)rand_below(&state, 50),
                 year = 1950 + (unsigned)rand_below(&state, 74);
        char t[16] = "", g[16] = "", y[16] = "";

        if (rand_unit(&state) >= .3)
            snprintf(t, sizeof t, "t%u", type);
        if (rand_unit(&state) >= .3)
            snprintf(g, sizeof g, "g%u", genre);
        if (rand_unit(&state) >= .3)
            snprintf(y, sizeof y, "%u", year);
        fprintf(f, "%s\t%s\t%s\n", t, g, y);
    }
    if (fclose(f))
        bench_stop(path);
}

/* One of five sorts. */
static void template(char *text, unsigned sort, uint64_t *state)
{
    unsigned type = zipf(20, state), genre = (unsigned)rand_below(state, 50),
             year = 1950 + (unsigned)rand_below(state, 60);

    switch (sort % 5) {
    case 0:
        snprintf(text, TEXT, "type = \"t%u\" and year >= %u", type, year);
        break;
    case 1:
        snprintf(text, TEXT, "genre in (\"g%u\",\"g%u\",\"g%u\")", genre, (genre + 7) % 50,
                 (genre + 13) % 50);
        break;
    case 2:
        snprintf(text, TEXT, "type = \"t%u\"", type);
        break;
    case 3:
        snprintf(text, TEXT, "year between %u and %u and not genre = \"g%u\"", year, year + 5,
                 genre);
        break;
    default:
        snprintf(text, TEXT, "genre = \"g%u\" and year < %u", genre, year + 14);
    }
}

struct work {
    char text[ASKED][TEXT];
    struct ann_predicate p[ASKED];
    const float *x; /* [ASKED][dim] */
};

/* Of a seed the same predicates, of a draw which query has which. */
static struct work *work_of(uint64_t seed, uint64_t draw, const float *x)
{
    struct work *w = bench_need(calloc(1, sizeof *w));
    char text[TEMPLATES][TEXT];

    for (unsigned t = 0; t < TEMPLATES; t++)
        template(text[t], t, &seed);
    for (int i = 0; i < ASKED; i++) {
        memcpy(w->text[i], text[zipf(TEMPLATES, &draw)], TEXT);
        w->p[i] = (struct ann_predicate){w->text[i], strlen(w->text[i])};
    }
    w->x = x;
    return w;
}

struct set {
    const char *dir;
    struct vec_matrix base, query;
    struct work *made, *held, *unseen, *every;
};

static void load(struct set *s, char **argv)
{
    s->dir = argv[2];
    if (vec_load_f32(&s->base, argv[3], NULL, ROWS, false, &err) < 0 ||
        vec_load_f32(&s->query, argv[4], NULL, 2 * ASKED, false, &err) < 0)
        bench_stop(err.msg);
    if (s->base.rows < ROWS || s->query.rows < 2 * ASKED)
        bench_stop("there are too few vectors");
    s->made = work_of(5, 1, s->query.v);
    s->held = work_of(5, 2, s->query.v + (size_t)ASKED * s->query.dim);
    s->every = work_of(5, 2, s->query.v + (size_t)ASKED * s->query.dim);
    for (int i = 0; i < ASKED; i++)
        s->every->p[i] = (struct ann_predicate){"true", 4};
    s->unseen = work_of(77, 3, s->query.v + (size_t)ASKED * s->query.dim);
}

/* ---- making ---- */

static void make_one(const struct set *s, const char *name, struct ann_build_opts o)
{
    struct vec_rows rows = {(const uint8_t *)s->base.v, ROWS, s->base.dim, VEC_F32,
                            s->base.dim * sizeof(float)};
    struct ann_build_report report;

    o.threads = 1;
    o.cpu = cpu_detect();
    if (ann_build(path_in(s->dir, name), &rows, &o, &report, &err) < 0)
        bench_stop(err.msg);
    printf("%s: %.1f s\n", name, report.seconds);
}

static void make(const struct set *s)
{
    struct ann_attrs *attrs = NULL;
    struct ann_build_opts o = {.kind = ANN_HQI};

    write_attrs(path_in(s->dir, "attrs.tsv"));
    if (ann_attrs_load(&attrs, path_in(s->dir, "attrs.tsv"), NULL, ROWS, cpu_detect(), &err) < 0)
        bench_stop(err.msg);
    o.attrs = attrs;
    make_one(s, "plain.ann", o);
    o.wheres = s->made->p;
    o.queries = s->made->x;
    o.n_wheres = o.n_queries = ASKED;
    make_one(s, "hqi.ann", o);
    make_one(s, "ivf.ann", (struct ann_build_opts){.kind = ANN_IVF, .attrs = attrs});
    ann_attrs_free(attrs);
}

/* ---- measuring ---- */

struct run {
    const struct set *s;
    struct ann *a;
    struct ann_predicates *predicates;
    const struct work *w;
    uint64_t *id, *truth;
    float *score;
    struct ann_allowed *allowed;
    uint64_t n;
    double evaluated; /* seconds for the predicates */
};

static void run_open(struct run *r, const struct set *s, const char *name, const struct work *w)
{
    *r = (struct run){.s = s, .w = w, .n = ASKED};
    if (ann_load(&r->a, path_in(s->dir, name), cpu_detect(), 1, &err) < 0 ||
        ann_predicates_new(&r->predicates, r->a, 0, 1, &err) < 0)
        bench_stop(err.msg);
    r->id = bench_need(malloc(ASKED * K * sizeof *r->id));
    r->truth = bench_need(malloc(ASKED * K * sizeof *r->truth));
    r->score = bench_need(malloc(ASKED * K * sizeof *r->score));
    r->allowed = bench_need(malloc(ASKED * sizeof *r->allowed));
}

/* The best K allowed rows, each looked at, as it is done by who does nothing else. */
static void look(const struct set *s, const struct vec_ops *ops, const uint32_t *row, size_t rows,
                 const float *q, uint64_t id[K])
{
    enum { AHEAD = 8 };
    double key[K];
    unsigned n = 0;

    for (size_t i = 0; i < rows; i++) {
        double v;
        unsigned j;

        for (uint32_t at = 0; i + AHEAD < rows && at < s->base.dim; at += 16)
            __builtin_prefetch(s->base.v + row[i + AHEAD] * (size_t)s->base.dim + at);
        v = ops->l2_f64(s->base.v + row[i] * (size_t)s->base.dim, q, s->base.dim);
        if (n == K && v >= key[K - 1])
            continue;
        for (j = n < K ? n++ : K - 1; j > 0 && key[j - 1] > v; j--) {
            key[j] = key[j - 1];
            id[j] = id[j - 1];
        }
        key[j] = v;
        id[j] = row[i];
    }
    while (n < K)
        id[n++] = NEIGH_NONE;
}

static void exact(const struct set *s, const struct ann_allowed *m, const float *q, uint64_t id[K])
{
    static uint32_t row[ROWS];
    size_t n = 0;

    for (uint64_t w = 0; w < ROWS / 64; w++)
        for (uint64_t left = m->bits[w]; left; left &= left - 1)
            row[n++] = (uint32_t)(w * 64) + (unsigned)__builtin_ctzll(left);
    look(s, ops_for(cpu_detect()), row, n, q, id);
}

static double predicates(struct run *r, uint64_t from, uint64_t n)
{
    double began = bench_now();
    uint64_t done;

    if (ann_predicates_rows(r->predicates, r->w->p + from, n, r->allowed + from, &done, &err) < 0 ||
        done < n)
        bench_stop(err.msg);
    return bench_now() - began;
}

static void truth(struct run *r)
{
    predicates(r, 0, r->n);
    for (uint64_t i = 0; i < r->n; i++)
        exact(r->s, &r->allowed[i], r->w->x + i * r->s->base.dim, r->truth + i * K);
}

static void say(const struct run *r, const char *name, uint32_t effort, uint64_t n, double seconds,
                const struct ann_search_stats *s)
{
    printf("%s  effort %u  recall@%d %.4f  qps %.0f  scanned %.0f  exact %.1f\n", name, effort, K,
           found_share(r->truth, K, r->id, n, K), (double)n / seconds, (double)s->keys / (double)n,
           (double)s->exact / (double)n);
}

/* All at once: predicates are evaluated anew, each once. */
static void together(struct run *r, const char *name, uint32_t effort, bool filter)
{
    struct ann_search_opts o = {.k = K, .effort = effort, .threads = 1, .batch = true};
    struct ann_search_stats s;
    double best = 1e9;

    for (int pass = 0; pass < PASSES; pass++) {
        double began = bench_now();

        ann_predicates_free(r->predicates);
        if (ann_predicates_new(&r->predicates, r->a, 0, 1, &err) < 0)
            bench_stop(err.msg);
        s = (struct ann_search_stats){0};
        if (filter) {
            predicates(r, 0, r->n);
            o.allowed = r->allowed;
            o.allowed_each = true;
        }
        if (ann_search(r->a, &o, r->w->x, r->n, r->id, r->score, &s, &err) < 0)
            bench_stop(err.msg);
        best = bench_now() - began < best ? bench_now() - began : best;
    }
    say(r, name, effort, r->n, best, &s);
}

/* A text that differs from all others' but says the same: its predicate is evaluated for it alone.
 */
static struct ann_predicate own(const struct work *w, uint64_t i, char *text)
{
    size_t len = w->p[i].len;

    memcpy(text, w->p[i].p, len);
    for (int b = 0; b < 13; b++)
        text[len++] = i >> b & 1 ? ' ' : '\t';
    return (struct ann_predicate){text, len};
}

/* One query after the other; shared: predicates are there before. */
static void one_by_one(struct run *r, const char *name, uint32_t effort, bool shared)
{
    struct ann_search_opts o = {.k = K, .effort = effort, .threads = 1};
    struct ann_search_stats s = {0};
    char text[2 * TEXT];
    double began;

    predicates(r, 0, r->n);
    began = bench_now();
    for (uint64_t i = 0; i < r->n; i++) {
        struct ann_allowed m = r->allowed[i];
        struct ann_predicate p = own(r->w, i, text);
        uint64_t done;

        if (!shared && ann_predicates_rows(r->predicates, &p, 1, &m, &done, &err) < 0)
            bench_stop(err.msg);
        o.allowed = &m;
        if (ann_search(r->a, &o, r->w->x + i * r->s->base.dim, 1, r->id + i * K, r->score + i * K,
                       &s, &err) < 0)
            bench_stop(err.msg);
    }
    say(r, name, effort, r->n, bench_now() - began, &s);
}

static void filter_first(struct run *r)
{
    struct ann_search_stats s = {0};
    char text[2 * TEXT];
    double began = bench_now(), evaluated = 0;

    for (uint64_t i = 0; i < r->n; i++) {
        struct ann_predicate p = own(r->w, i, text);
        double at = bench_now();
        struct ann_allowed m;
        uint64_t done;

        if (ann_predicates_rows(r->predicates, &p, 1, &m, &done, &err) < 0)
            bench_stop(err.msg);
        evaluated += bench_now() - at;
        exact(r->s, &m, r->w->x + i * r->s->base.dim, r->id + i * K);
        s.exact += m.count;
    }
    say(r, "filter, then exact", 0, r->n, bench_now() - began, &s);
    printf("  of it %.1f us a query for predicates\n", 1e6 * evaluated / (double)r->n);
}

static int by_count(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;

    return x[0] != y[0] ? (x[0] > y[0] ? 1 : -1) : (x[1] > y[1]) - (x[1] < y[1]);
}

/* Of the shared index many more than K, of which those that are allowed stay: as many more as the
 * predicate's share of the rows asks for, `more` times. Queries of a predicate are asked together.
 */
static void filter_after(struct run *r, uint32_t effort, double more)
{
    uint64_t n = POST, *order = bench_need(malloc(n * 2 * sizeof *order));
    uint32_t dim = r->s->base.dim;
    float *x = bench_need(malloc(n * dim * sizeof *x));
    struct ann_search_stats s = {0};
    double began = bench_now();
    char name[64];

    predicates(r, 0, n);
    for (uint64_t i = 0; i < n; i++) {
        order[2 * i] = r->allowed[i].count;
        order[2 * i + 1] = i;
    }
    qsort(order, n, 2 * sizeof *order, by_count);
    for (uint64_t from = 0, to; from < n; from = to) {
        double share = ((double)order[2 * from] + 1) / ROWS, want = more * K / share;
        struct ann_search_opts o = {.effort = effort, .threads = 1};
        uint64_t *id;
        float *score;

        o.k = want < ROWS ? (uint32_t)want + 1 : ROWS;
        for (to = from; to < n && order[2 * to] == order[2 * from]; to++)
            memcpy(x + (to - from) * dim, r->w->x + order[2 * to + 1] * dim, dim * sizeof *x);
        id = bench_need(malloc((to - from) * o.k * sizeof *id));
        score = bench_need(malloc((to - from) * o.k * sizeof *score));
        if (ann_search(r->a, &o, x, to - from, id, score, &s, &err) < 0)
            bench_stop(err.msg);
        for (uint64_t i = from; i < to; i++) {
            uint64_t q = order[2 * i + 1], *found = r->id + q * K;
            const uint64_t *have = id + (i - from) * o.k;
            unsigned got = 0;

            for (uint32_t j = 0; j < o.k && got < K && have[j] != NEIGH_NONE; j++)
                if (r->allowed[q].bits[have[j] / 64] >> have[j] % 64 & 1)
                    found[got++] = have[j];
            while (got < K)
                found[got++] = NEIGH_NONE;
        }
        free(id);
        free(score);
    }
    snprintf(name, sizeof name, "ivf, then filter, %.1f times", more);
    say(r, name, effort, n, bench_now() - began, &s);
    free(order);
    free(x);
}

static void same_as_exact(struct run *r, const char *name)
{
    struct ann_info i;
    uint64_t all = r->n;

    ann_info(r->a, &i);
    r->n = 200;
    together(r, name, i.lists, true);
    r->n = all;
}

static void run(const struct set *s, const char *what, int efforts, char **effort)
{
    bool ivf = strcmp(what, "post") == 0 || strcmp(what, "inside") == 0 ||
               strcmp(what, "every-ivf") == 0;
    bool held = strcmp(what, "held") == 0, unseen = strcmp(what, "unseen") == 0;
    struct run r;

    run_open(&r, s,
             ivf                         ? "ivf.ann"
             : strcmp(what, "none") == 0 ? "plain.ann"
                                         : "hqi.ann",
             strncmp(what, "every", 5) == 0 ? s->every
             : held                         ? s->held
             : unseen                       ? s->unseen
                                            : s->made);
    if (strcmp(what, "post") == 0 || strncmp(what, "every", 5) == 0)
        r.n = POST;
    truth(&r);
    if (strcmp(what, "pre") == 0)
        filter_first(&r);
    if (efforts == 0 && !ivf)
        same_as_exact(&r, "all lists");
    for (int i = 0; i < efforts; i++) {
        uint32_t e = (uint32_t)atoi(effort[i]);

        if (strcmp(what, "post") == 0) {
            filter_after(&r, e, 1.5);
            filter_after(&r, e, 2);
        } else if (strcmp(what, "single") == 0) {
            one_by_one(&r, "one by one", e, false);
            one_by_one(&r, "one by one, predicates shared", e, true);
        } else {
            together(&r, what, e, true);
        }
    }
    ann_predicates_free(r.predicates);
    ann_close(r.a);
    free(r.id);
    free(r.truth);
    free(r.score);
    free(r.allowed);
}

int main(int argc, char **argv)
{
    struct set s = {0};

    if (argc < 5 || (strcmp(argv[1], "make") != 0 && argc < 6)) {
        fprintf(stderr, "usage: bench_hqi make DIR BASE QUERIES\n"
                        "       bench_hqi run DIR BASE QUERIES WHAT [EFFORT...]\n");
        return 2;
    }
    load(&s, argv);
    if (strcmp(argv[1], "make") == 0)
        make(&s);
    else
        run(&s, argv[5], argc - 6, argv + 6);
    free(s.made);
    free(s.held);
    free(s.unseen);
    free(s.every);
    vec_matrix_free(&s.base);
    vec_matrix_free(&s.query);
    return 0;
}
