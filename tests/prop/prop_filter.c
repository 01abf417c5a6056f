/* prop_filter.c - searches that may find some rows only, against looking at every allowed row: no
 * row is found that is not allowed or was deleted, none twice, never less than k while there are k;
 * what is compared one by one is all there is, what is walked or scanned most of it. Masks of all
 * sizes, random and of one region, with bits of deleted rows and beyond the last row; filters that
 * queries share and such of their own; the same for any number of threads and on every level; of
 * tenants, who see a part of the rows, too.
 * Kernels of bitmaps against their definition.
 */
#include "ann_data.h"

#include "ann/allowed.h"
#include "ann/filter.h"
#include "base/rand.h"

enum { ROWS = 4000, MANY = 12000, N = 24, K = 10, WORDS = MANY / 64 + 2 };

enum mask_kind {
    MASK_NONE,
    MASK_ONE,
    MASK_LESS, /* than k */
    MASK_FEW,
    MASK_TWENTIETH,
    MASK_FIFTH,
    MASK_HALF,
    MASK_BUT_ONE,
    MASK_ALL,
    MASK_NEAR, /* the rows nearest to a row, a tenth */
    MASK_FAR,  /* those farthest from the query, a fifth */
    MASK_AWAY, /* all but those nearest to the query, a tenth, */
    MASK_SEEN, /* or a fiftieth; of each third query a half */
    MASK_LAST, /* the last rows */
    MASK_KINDS
};

static const double share_of[MASK_KINDS] = {
    [MASK_FEW] = 0.01, [MASK_TWENTIETH] = 0.05, [MASK_FIFTH] = 0.2, [MASK_HALF] = 0.5,
    [MASK_NEAR] = 0.1, [MASK_FAR] = 0.2,        [MASK_AWAY] = 0.9,  [MASK_SEEN] = 0.98,
};

/* An index and what it was made of. */
struct subject {
    struct ann_base b;
    enum vec_metric metric;
    const char *path, *what;
    bool *dead; /* [rows], or NULL */
    uint32_t effort;
    float slack;
    bool exact;         /* scores are true */
    double exact_least; /* of each exact search */
    float *q;           /* [N][dim] */
    unsigned own;       /* 0, or one tenant sees the rows own - 1, 2 own - 1, ... */
};

static struct {
    double hits, asked;
} by_plan[FILTER_ALL + 1];

static void set(uint64_t *bits, size_t row)
{
    bits[row / 64] |= UINT64_C(1) << row % 64;
}

static double key_of(const struct subject *s, const float *q, size_t row)
{
    return ann_key(s->metric, q, s->b.x + row * s->b.rows.dim, s->b.rows.dim);
}

/* The rows within the distance of the one that stands at `share` of a sample. */
static void near_rows(const struct subject *s, const float *q, double share, bool far,
                      uint64_t *bits)
{
    enum { SOME = 100 };
    size_t n = s->b.rows.rows, below = 0;
    double at = 0, key[SOME];

    for (size_t i = 0; i < SOME; i++)
        key[i] = key_of(s, q, i * n / SOME);
    for (size_t i = 0; i < SOME; i++) {
        below = 0;
        for (size_t j = 0; j < SOME; j++)
            below += key[j] < key[i];
        if (below == (size_t)(SOME * (far ? 1 - share : share)))
            at = key[i];
    }
    for (size_t i = 0; i < n; i++)
        if (far ? key_of(s, q, i) > at : key_of(s, q, i) < at)
            set(bits, i);
}

static void make_mask(const struct subject *s, enum mask_kind kind, size_t query, uint64_t *bits)
{
    size_t n = s->b.rows.rows, dim = s->b.rows.dim;
    const float *q = s->q + query * dim;

    memset(bits, 0, WORDS * sizeof *bits);
    if (kind == MASK_SEEN && query % 3 == 2)
        kind = MASK_HALF;
    for (size_t i = 0; i < n; i++)
        if (kind == MASK_ALL || kind == MASK_BUT_ONE || (kind == MASK_LAST && i + 30 >= n) ||
            (kind < MASK_BUT_ONE && data_unit() < share_of[kind]))
            set(bits, i);
    if (kind == MASK_NEAR)
        near_rows(s, s->b.x + (query * 37 % n) * dim, share_of[kind], false, bits);
    if (kind == MASK_FAR || kind == MASK_AWAY || kind == MASK_SEEN)
        near_rows(s, q, share_of[kind], true, bits);
    if (kind == MASK_ONE || kind == MASK_LESS)
        for (size_t i = 0; i < (kind == MASK_ONE ? 1 : K / 2); i++)
            set(bits, t_rand(&data_seed) % n);
    if (kind == MASK_BUT_ONE)
        bits[query % n / 64] &= ~(UINT64_C(1) << query % n % 64);
}

static uint64_t count_of(const uint64_t *bits, size_t n)
{
    uint64_t count = 0;

    for (size_t i = 0; i < n; i++)
        count += allowed_row(bits, i);
    return count;
}

/* ---- what is found ---- */

static bool may(const struct subject *s, const uint64_t *bits, size_t row)
{
    return allowed_row(bits, row) && !(s->dead && s->dead[row]) &&
           (s->own == 0 || row % s->own == s->own - 1);
}

/* How many may be found; kth: the k-th key of these, or the last. */
static size_t kth_of(const struct subject *s, const uint64_t *bits, const float *q, size_t k,
                     double *kth)
{
    double *best = data_need(malloc((k + 1) * sizeof *best));
    size_t n = 0, all = 0;

    for (size_t i = 0; i < s->b.rows.rows; i++) {
        double key;
        size_t j;

        if (!may(s, bits, i))
            continue;
        all++;
        key = key_of(s, q, i);
        for (j = n < k ? n++ : k; j > 0 && best[j - 1] > key; j--)
            best[j] = best[j - 1];
        best[j] = key;
    }
    *kth = n ? best[n - 1] : 0;
    free(best);
    return all;
}

/* The share of what should have been found. */
static double look(const struct subject *s, const uint64_t *bits, const float *q, size_t k,
                   const uint64_t *id, const float *score)
{
    double kth, hits = 0;
    size_t all = kth_of(s, bits, q, k, &kth), want = all < k ? all : k;

    for (size_t i = 0; i < k; i++) {
        double key;

        if (i >= want) {
            T_CHECKF(id[i] == NEIGH_NONE && isnan(score[i]), "place %zu of %zu", i, want);
            continue;
        }
        T_CHECKF(id[i] < s->b.rows.rows && may(s, bits, id[i]), "place %zu of %zu: row %lld", i,
                 want, (long long)id[i]);
        if (id[i] >= s->b.rows.rows)
            return 0;
        for (size_t j = 0; j < i; j++)
            T_CHECK(id[j] != id[i]);
        T_CHECK(i == 0 ||
                (s->metric == VEC_IP ? score[i] <= score[i - 1] : score[i] >= score[i - 1]));
        key = key_of(s, q, id[i]);
        hits += key <= kth + 1e-9 + 1e-6 * fabs(kth);
        if (s->exact)
            T_CHECK(fabs((s->metric == VEC_IP ? -key : key) - (double)score[i]) <=
                    2e-6 * (1 + fabs(key)));
    }
    return want ? hits / (double)want : 1;
}

static void tally(const struct subject *s, const struct ann *a, const struct ann_search_opts *o,
                  uint64_t count, double got)
{
    struct ann_explained x = {0};

    ann_explain(a, o, count, &x);
    T_CHECK(x.why[0] && strlen(x.why) < sizeof x.why - 1);
    for (enum filter_how how = FILTER_NONE; how <= FILTER_ALL; how++)
        if (strcmp(x.plan, filter_name(how)) == 0) {
            by_plan[how].hits += got;
            by_plan[how].asked++;
            T_CHECKF(how != FILTER_EXACT || got >= s->exact_least, "%s, of %llu: %.3f", s->what,
                     (unsigned long long)count, got);
        }
}

static const uint32_t first_tenant;

struct found {
    uint64_t id[N * K];
    float score[N * K];
};

static void search(const struct subject *s, enum cpu_level level, int threads,
                   const struct ann_allowed *m, bool each, struct found *f)
{
    struct ann *a = ann_need(s->path, level);
    struct ann_search_opts o = {.k = K,
                                .effort = s->effort,
                                .slack = s->slack,
                                .threads = threads,
                                .allowed = m,
                                .allowed_each = each,
                                .tenant = s->own ? &first_tenant : NULL};
    struct err e = {0};

    T_CHECKF(ann_search(a, &o, s->q, N, f->id, f->score, NULL, &e) == 0, "%s", e.msg);
    for (size_t i = 0; i < N && threads == 1; i++) {
        const struct ann_allowed *mine = &m[each ? i : 0];

        tally(s, a, &o, mine->count,
              look(s, mine->bits, s->q + i * s->b.rows.dim, K, f->id + i * K, f->score + i * K));
    }
    ann_close(a);
}

/* One filter for all, and one a query; the same however it is asked. */
static void try_masks(const struct subject *s, enum mask_kind kind)
{
    uint64_t(*bits)[WORDS] = data_need(malloc(N * sizeof *bits));
    struct found *f = data_need(malloc(2 * sizeof *f));
    struct ann_allowed m[N];

    for (size_t i = 0; i < N; i++) {
        make_mask(s, kind, i, bits[i]);
        m[i] = (struct ann_allowed){.bits = bits[i], .count = count_of(bits[i], s->b.rows.rows)};
        for (size_t j = s->b.rows.rows; j < 64 * (size_t)WORDS; j += 3)
            set(bits[i], j);
    }
    for (int each = 0; each < 2; each++) {
        search(s, cpu_detect(), 1, m, each, &f[0]);
        for (int run = 0; run <= (int)cpu_detect(); run++) {
            search(s, (enum cpu_level)run, run % 2 ? 2 : 7, m, each, &f[1]);
            T_CHECKF(memcmp(&f[0], &f[1], sizeof *f) == 0, "%s, masks %d, level %d", s->what, kind,
                     run);
        }
    }
    free(bits);
    free(f);
}

static struct sum {
    double hits, asked;
} sum_of(enum filter_how from, enum filter_how to)
{
    struct sum s = {0};

    for (enum filter_how how = from; how <= to; how++) {
        s.hits += by_plan[how].hits;
        s.asked += by_plan[how].asked;
    }
    return s;
}

/* What was found of this since `then`, or 1 if nothing was asked. */
static double since(struct sum then, enum filter_how from, enum filter_how to)
{
    struct sum now = sum_of(from, to);

    return now.asked > then.asked ? (now.hits - then.hits) / (now.asked - then.asked) : 1;
}

/* Of what is walked or scanned about as much is found as without a filter; by a walk whose scores
 * are true, though none near the query is allowed. */
static void try_all_masks(struct subject *s)
{
    struct sum some = sum_of(FILTER_WALK, FILTER_DISK), all = sum_of(FILTER_ALL, FILTER_ALL);
    size_t dim = s->b.rows.dim;
    double got, without, least = 1;

    s->q = data_need(malloc(N * dim * sizeof *s->q));
    for (size_t i = 0; i < N * dim; i++)
        s->q[i] = s->b.x[i % (s->b.rows.rows * dim)] +
                  (i < 3 * dim ? 0 : 0.3F * (float)data_normal()); /* three of them rows */
    for (enum mask_kind kind = 0; kind < MASK_KINDS; kind++) {
        struct sum before = sum_of(FILTER_WALK, FILTER_LISTS);

        try_masks(s, kind);
        got = since(before, FILTER_WALK, FILTER_LISTS);
        if (s->exact && (kind == MASK_FAR || kind == MASK_AWAY || kind == MASK_SEEN))
            least = got < least ? got : least;
    }
    got = since(some, FILTER_WALK, FILTER_DISK);
    without = since(all, FILTER_ALL, FILTER_ALL);
    T_CHECKF(got >= without - 0.15, "%s: %.4f of what there is, without a filter %.4f", s->what,
             got, without);
    T_CHECKF(least >= without - 0.15, "%s: %.4f of what is around others, without a filter %.4f",
             s->what, least, without);
    free(s->q);
}

/* ---- indexes ---- */

static const char *const path_of[] = {"graph.ann", "ivf.ann", "tenant.ann", "spann.ann"};

/* Who sees every own-th row. */
static struct ann_grants *grants_of(unsigned own, size_t rows)
{
    struct ann_grants *g = NULL;
    struct err e = {0};
    FILE *f = data_need(fopen("grants", "w"));

    for (size_t i = own - 1; i < rows; i += own)
        fprintf(f, "%zu\tsome\n", i);
    fclose(f);
    T_CHECKF(ann_grants_load(&g, "grants", rows, NULL, &e) == 0, "%s", e.msg);
    return g;
}

static void try_own(enum data_kind kind, enum vec_type type, size_t rows, uint32_t dim,
                    struct ann_build_opts o, uint32_t effort, float slack, unsigned own)
{
    struct ann_grants *g = own ? grants_of(own, rows) : NULL;
    struct subject s = {.b = ann_base_of(kind, type, rows, dim),
                        .metric = o.metric,
                        .path = path_of[o.kind],
                        .own = own,
                        .effort = effort,
                        .slack = slack,
                        .exact = !o.no_vectors,
                        .exact_least = o.no_vectors ? 0
                                       : own        ? .8
                                                    : 1};
    char what[200];

    snprintf(what, sizeof what, "%s of %zu x %u, cloud %d of %s, %s, codec %s%s, effort %u", s.path,
             rows, dim, kind, vec_type_name(type), vec_metric_name(o.metric),
             o.codec ? o.codec : "default", o.no_vectors ? ", no vectors" : "", effort);
    s.what = what;
    o.threads = 2;
    o.cpu = cpu_detect();
    o.grants = g;
    ann_make(s.path, &s.b, &o);
    try_all_masks(&s);
    ann_base_free(&s.b);
    ann_grants_free(g);
}

static void try_index(enum data_kind kind, enum vec_type type, size_t rows, uint32_t dim,
                      struct ann_build_opts o, uint32_t effort, float slack)
{
    try_own(kind, type, rows, dim, o, effort, slack, 0);
}

/* Of the subject's rows each is deleted with a chance of one in `one_in`. */
static void delete_some(struct subject *s, unsigned one_in)
{
    struct ann_update_opts uo = {.threads = 2};
    struct ann_update_report r;
    struct ann_update *u = NULL;
    struct err e = {0};

    s->dead = data_need(calloc(s->b.rows.rows, sizeof *s->dead));
    T_CHECK(ann_update_open(&u, s->path, cpu_detect(), &e) == 0);
    for (size_t i = 0; i < s->b.rows.rows; i++)
        if (t_rand(&data_seed) % one_in == 0) {
            s->dead[i] = true;
            T_CHECK(ann_update_delete_row(u, i, &e) == 0);
        }
    T_CHECK(ann_update_write(u, s->path, &uo, &r, &e) == 0);
    ann_update_close(u);
}

/* A third of the rows deleted. */
static void try_deleted(void)
{
    struct ann_build_opts o = {.threads = 2, .cpu = cpu_detect(), .degree = 16};
    struct subject s = {.b = ann_base_of(DATA_NORMAL, VEC_F32, 1500, 16),
                        .path = "deleted.ann",
                        .what = "with deleted rows",
                        .effort = 4,
                        .exact = true,
                        .exact_least = 1};

    ann_make(s.path, &s.b, &o);
    delete_some(&s, 3);
    try_all_masks(&s);
    free(s.dead);
    ann_base_free(&s.b);
}

/* What is found of the rows of `bits`, of all live ones or all but one, with them as a filter or
 * without one. */
static double found_of(const struct subject *s, const uint64_t *bits, bool filter)
{
    struct ann_allowed m = {.bits = bits, .count = count_of(bits, s->b.rows.rows)};
    struct ann_search_opts o = {
        .k = K, .effort = s->effort, .threads = 1, .allowed = filter ? &m : NULL};
    struct ann *a = ann_need(s->path, cpu_detect());
    struct found *f = data_need(malloc(sizeof *f));
    struct err e = {0};
    double got = 0;

    T_CHECKF(ann_search(a, &o, s->q, N, f->id, f->score, NULL, &e) == 0, "%s", e.msg);
    for (size_t i = 0; i < N; i++)
        got += look(s, bits, s->q + i * s->b.rows.dim, K, f->id + i * K, f->score + i * K) / N;
    free(f);
    ann_close(a);
    return got;
}

/* In a graph of few links a filter that leaves nearly all, or all rows that are not deleted, costs
 * nearly nothing of what is found. */
static void try_nearly_all(void)
{
    struct ann_build_opts o = {.threads = 2, .cpu = cpu_detect(), .degree = 8};
    struct subject s = {.b = ann_base_of(DATA_NORMAL, VEC_F32, ROWS, 16),
                        .path = "narrow.ann",
                        .effort = 64,
                        .exact = true};
    uint64_t bits[WORDS] = {0};
    double without, with;

    s.q = data_need(malloc(N * 16 * sizeof *s.q));
    for (size_t i = 0; i < N * 16; i++)
        s.q[i] = (float)data_normal();
    ann_make(s.path, &s.b, &o);
    for (size_t i = 0; i < ROWS; i++)
        set(bits, i);
    without = found_of(&s, bits, false);
    bits[0] ^= 1;
    with = found_of(&s, bits, true);
    T_CHECKF(with >= without - 0.03, "but one: %.4f, without a filter %.4f", with, without);
    delete_some(&s, 2);
    for (size_t i = 0; i < ROWS; i++)
        bits[i / 64] &= ~((uint64_t)s.dead[i] << i % 64);
    without = found_of(&s, bits, false);
    with = found_of(&s, bits, true);
    T_CHECKF(with >= without - 0.03, "all live: %.4f, without a filter %.4f", with, without);
    free(s.q);
    free(s.dead);
    ann_base_free(&s.b);
}

static void try_graphs(void)
{
    struct ann_build_opts o = {.kind = ANN_GRAPH, .degree = 24};

    try_index(DATA_NORMAL, VEC_F32, ROWS, 24, o, 10, 0);
    try_index(DATA_DECAY, VEC_F32, ROWS, 40, o, 40, 0);
    try_index(DATA_NORMAL, VEC_F32, 1000, 3, o, 1, 0);
    try_index(DATA_NORMAL, VEC_F32, MANY, 8, o, 10, 0); /* walks where a tenth is allowed */
    try_index(DATA_BYTES, VEC_U8, 1200, 20, o, 4, 0);
    try_index(DATA_CONSTANT, VEC_F32, 700, 5, o, 2, 0);
    o.codec = "int4";
    try_index(DATA_NORMAL, VEC_F32, ROWS, 24, o, 1000, 0); /* exact, of many rows */
    o.codec = "leanvec4+int8"; /* which tells little: most vectors are read */
    try_index(DATA_NORMAL, VEC_F32, ROWS, 24, o, 1000, 0);
    o.codec = NULL;
    o.metric = VEC_IP;
    try_index(DATA_OFFSET, VEC_F32, 1200, 17, o, 30, 0);
    o.metric = VEC_COSINE;
    try_index(DATA_SOME, VEC_F16, 1200, 30, o, 20, 0.3F);
    o.codec = "int4";
    try_index(DATA_DECAY, VEC_F32, 1200, 30, o, 20, 0);
    o.no_vectors = true;
    try_index(DATA_DECAY, VEC_F32, 1200, 30, o, 20, 0);
    o = (struct ann_build_opts){.kind = ANN_GRAPH, .codec = "leanvec8+int8"};
    try_index(DATA_DECAY, VEC_F32, 1200, 30, o, 20, 0);
    o.codec = NULL;
    for (size_t rows = 1; rows < 200; rows = rows * 3 + 1)
        try_index(DATA_NORMAL, VEC_F32, rows, 6, o, 1, 0);
}

static void try_lists(void)
{
    struct ann_build_opts o = {.kind = ANN_IVF};

    try_index(DATA_NORMAL, VEC_F32, ROWS, 24, o, 8, 0);
    try_index(DATA_DECAY, VEC_F32, ROWS, 40, o, 30, 0);
    o.lists = 2;
    try_index(DATA_NORMAL, VEC_F32, 3000, 7, o, 1, 0);
    o.lists = 0;
    try_index(DATA_BYTES, VEC_U8, 1200, 20, o, 4, 0);
    try_index(DATA_CONSTANT, VEC_F32, 700, 5, o, 2, 0);
    o.metric = VEC_IP;
    try_index(DATA_OFFSET, VEC_F32, 1200, 17, o, 30, 0);
    o.metric = VEC_COSINE;
    try_index(DATA_SOME, VEC_F16, 1200, 30, o, 20, 0);
    o.no_vectors = true;
    try_index(DATA_DECAY, VEC_F32, 1200, 30, o, 20, 0);
    o.codec = "pq15x4";
    try_index(DATA_DECAY, VEC_F32, 1200, 30, o, 20, 0);
    o = (struct ann_build_opts){.kind = ANN_IVF};
    for (size_t rows = 1; rows < 200; rows = rows * 3 + 1)
        try_index(DATA_NORMAL, VEC_F32, rows, 6, o, 1, 0);
}

/* Lists on the disk. */
static void try_disk(void)
{
    struct ann_build_opts o = {.kind = ANN_SPANN};

    try_index(DATA_NORMAL, VEC_F32, ROWS, 24, o, 8, 0);
    try_index(DATA_DECAY, VEC_F32, MANY, 20, o, 4, 0);
    try_index(DATA_DECAY, VEC_F32, ROWS, 40, o, 30, 0.2F);
    o.lists = 5;
    try_index(DATA_NORMAL, VEC_F32, 3000, 7, o, 1, 0);
    o.lists = 1500; /* of two rows, and k is more */
    try_index(DATA_NORMAL, VEC_F32, 3000, 7, o, 1, 0);
    o = (struct ann_build_opts){.kind = ANN_SPANN, .metric = VEC_IP};
    try_index(DATA_OFFSET, VEC_F32, 1200, 17, o, 8, 0);
    o.metric = VEC_COSINE;
    try_index(DATA_SOME, VEC_F16, 1200, 30, o, 8, 0);
    o.no_vectors = true;
    try_index(DATA_DECAY, VEC_F32, 1200, 30, o, 8, 0);
    o = (struct ann_build_opts){.kind = ANN_SPANN};
    try_index(DATA_BYTES, VEC_U8, 1200, 20, o, 4, 0);
    try_index(DATA_CONSTANT, VEC_F32, 700, 5, o, 2, 0);
    for (size_t rows = 1; rows < 200; rows = rows * 3 + 1)
        try_index(DATA_NORMAL, VEC_F32, rows, 6, o, 1, 0);
    o.resident = true;
    try_index(DATA_NORMAL, VEC_F32, ROWS, 24, o, 8, 0);
    try_index(DATA_DECAY, VEC_F32, MANY, 20, o, 4, 0.2F);
    try_index(DATA_BYTES, VEC_U8, 1200, 20, o, 4, 0);
    for (size_t rows = 1; rows < 200; rows = rows * 3 + 1)
        try_index(DATA_NORMAL, VEC_F32, rows, 6, o, 1, 0);
}

static void try_tenants(void)
{
    struct ann_build_opts o = {.kind = ANN_TENANT};

    try_own(DATA_NORMAL, VEC_F32, ROWS, 24, o, 100, 0, 1);
    try_own(DATA_DECAY, VEC_F32, MANY, 8, o, 50, 0, 2);
    try_own(DATA_DECAY, VEC_F32, ROWS, 40, o, 0, 0, 3);
    try_own(DATA_NORMAL, VEC_F32, ROWS, 9, o, 1, 0, 100);
    o.metric = VEC_IP;
    try_own(DATA_OFFSET, VEC_F32, 1200, 17, o, 50, 0, 2);
    o.metric = VEC_COSINE;
    o.no_vectors = true;
    try_own(DATA_SOME, VEC_F16, 1200, 30, o, 50, 0, 3);
    o = (struct ann_build_opts){.kind = ANN_TENANT};
    try_own(DATA_BYTES, VEC_U8, 1200, 20, o, 20, 0, 2);
    try_own(DATA_CONSTANT, VEC_F32, 700, 5, o, 20, 0, 2);
    for (size_t rows = 1; rows < 200; rows = rows * 3 + 1)
        try_own(DATA_NORMAL, VEC_F32, rows, 6, o, 1, 0, 2);
}

/* ---- the plan, and kernels ---- */

static void try_plan(void)
{
    for (int kind = FILTER_WALK; kind <= FILTER_DISK; kind++)
        for (uint64_t rows = 1; rows < UINT64_C(1) << 31; rows = rows * 5 + 3) {
            enum filter_how last = FILTER_NONE;

            for (uint64_t count = 0; count < rows; count = count * 2 + 1) {
                struct filter_case c = {.kind = (enum filter_how)kind,
                                        .rows = rows,
                                        .live = rows,
                                        .count = count,
                                        .k = K,
                                        .effort = 32,
                                        .own = rows / 2,
                                        .pages = 3,
                                        .lists = (double)rows / 50};
                struct filter_plan p = filter_plan(&c);

                T_CHECK((p.how == FILTER_NONE) == (count == 0) && p.how != FILTER_ALL);
                T_CHECK(count == 0 || count > K || p.how == FILTER_EXACT);
                T_CHECK(p.how == FILTER_EXACT || p.how == FILTER_NONE || (int)p.how == kind);
                T_CHECK(p.how >= last);
                last = p.how;
            }
            T_CHECKF(rows < 1000000 || (int)last == kind, "half of %llu rows: %s",
                     (unsigned long long)rows, filter_name(last));
            T_CHECK(filter_plan(&(struct filter_case){.kind = (enum filter_how)kind,
                                                      .rows = rows,
                                                      .count = rows,
                                                      .k = K,
                                                      .effort = 32})
                        .how == FILTER_ALL);
        }
}

static void try_next(const struct allowed_ops *ops, const uint64_t *bits, const uint64_t *dead,
                     size_t rows, size_t room)
{
    struct allowed_at at = {.bits = bits, .dead = dead, .rows = rows};
    uint32_t *row = data_need(malloc(room * sizeof *row));
    size_t next = 0, n;

    while ((n = ops->next(&at, row, room)) > 0) {
        T_CHECK(n <= room);
        for (size_t i = 0; i < n; i++, next++) {
            while (next < rows && (!allowed_row(bits, next) || (dead && allowed_row(dead, next))))
                next++;
            T_CHECK(row[i] == next);
        }
    }
    for (; next < rows; next++)
        T_CHECK(!allowed_row(bits, next) || (dead && allowed_row(dead, next)));
    free(row);
}

static void try_links(const struct allowed_ops *ops, const uint64_t *bits, size_t rows)
{
    enum { MOST = 256 };
    static const unsigned least = 2, most = 4;
    uint32_t got[MOST], want[MOST] = {0};

    for (unsigned width = least; width <= most; width++)
        for (uint32_t n = 0; n <= MOST; n += n < 70 ? 1 : 31) {
            uint8_t *link = data_need(malloc((size_t)n * width + 1));
            size_t hits = 0;

            for (uint32_t i = 0; i < n; i++) {
                uint64_t to = t_rand(&data_seed) % (rows + 3);
                size_t row = to < rows ? to : rows - 1;

                for (unsigned b = 0; b < width; b++)
                    link[i * width + b] = (uint8_t)(to >> 8 * b);
                if (allowed_row(bits, row))
                    want[hits++] = (uint32_t)row;
            }
            T_CHECK(ops->links(bits, link, width, n, (uint32_t)rows - 1, got) == hits &&
                    memcmp(got, want, hits * sizeof *got) == 0);
            free(link);
        }
}

static void try_mask(const struct allowed_ops *ops, const uint64_t *bits, size_t rows)
{
    for (size_t n = 1; n <= 200; n++) {
        uint32_t *row = data_need(malloc(n * sizeof *row)), mask[8] = {0};
        size_t hits = 0;

        for (size_t i = 0; i < n; i++) {
            row[i] = (uint32_t)(t_rand(&data_seed) % rows);
            hits += allowed_row(bits, row[i]);
        }
        T_CHECK(ops->mask(bits, row, n, mask) == hits);
        for (size_t i = 0; i < 32 * ((n + 31) / 32); i++)
            T_CHECK((mask[i / 32] >> i % 32 & 1) == (i < n && allowed_row(bits, row[i])));
        free(row);
    }
}

static void try_kernels(void)
{
    static const double shares[] = {0, 0.002, 0.1, 0.5, 1};

    for (size_t i = 0; i < sizeof shares / sizeof *shares; i++)
        for (size_t rows = 1; rows < 9000; rows = rows * 3 + 7) {
            size_t words = (rows + 63) / 64;
            uint64_t *bits = data_need(calloc(words, 8)), *dead = data_need(calloc(words, 8));

            for (size_t r = 0; r < 64 * words; r++) {
                if (data_unit() < shares[i])
                    set(bits, r);
                if (data_unit() < 0.3)
                    set(dead, r);
            }
            for (int level = 0; level <= (int)cpu_detect(); level++) {
                const struct allowed_ops *ops = allowed_ops_for((enum cpu_level)level);

                try_next(ops, bits, NULL, rows, ALLOWED_ROOM);
                try_next(ops, bits, dead, rows, 1000);
                try_links(ops, bits, rows);
                try_mask(ops, bits, rows);
            }
            free(bits);
            free(dead);
        }
}

int main(void)
{
    tmp_enter();
    try_plan();
    try_kernels();
    try_graphs();
    try_deleted();
    try_nearly_all();
    try_lists();
    try_disk();
    try_tenants();
    for (enum filter_how how = FILTER_NONE; how <= FILTER_ALL; how++)
        printf("%s: %.0f searches, %.4f of what there is\n", filter_name(how), by_plan[how].asked,
               by_plan[how].hits / by_plan[how].asked);
    tmp_leave();
    return t_done("filter");
}
