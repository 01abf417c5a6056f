/* prop_ann_tune.c - tuned settings: that they keep their promise on queries that were not seen, by
 * every pair looked at; that they are the same bytes for any number of threads and on every level;
 * what an index holds beside them; damage to them. And slacks: that they are measured from a
 * squared distance, whatever the metric.
 */
#include "ann_data.h"

#include "base/rand.h"
#include "base/sect.h"

enum { ROWS = 1500, DIM = 12, QUERIES = 400, K = 10, FRESH = 200 };

static const double targets[] = {0.7, 0.9, 0.97};
enum { TARGETS = sizeof targets / sizeof *targets };

static struct ann_tune_opts tune_opts(uint32_t k, int threads)
{
    return (struct ann_tune_opts){
        .k = k, .targets = targets, .n_targets = TARGETS, .threads = threads};
}

/* Tunes `path` by its own vectors and saves to `to`. */
static void tune(const char *path, const char *to, uint32_t k, enum cpu_level cpu, int threads,
                 const float *q, struct ann_setting s[TARGETS])
{
    struct ann_tune_opts o = tune_opts(k, threads);
    struct ann *a = ann_need(path, cpu);
    struct neigh truth = {0};
    struct err e = {0};

    T_CHECKF(ann_truth(a, q, QUERIES, k, threads, &truth, &e) == 0, "%s", e.msg);
    T_CHECKF(ann_tune(a, &o, q, QUERIES, &truth, s, &e) == 0, "%s", e.msg);
    T_CHECKF(ann_save_settings(a, to, s, TARGETS, &e) == 0, "%s", e.msg);
    neigh_free(&truth);
    ann_close(a);
}

static struct ann_search_opts opts_of(const struct ann_setting *s, uint32_t k)
{
    return (struct ann_search_opts){
        .k = k, .effort = s->effort, .rerank = s->rerank, .slack = s->slack, .threads = 1};
}

/* Recall of queries by every pair. */
static double recall(const struct ann *a, const struct ann_base *b, enum vec_metric m,
                     const struct ann_search_opts *o, const float *q, size_t n,
                     struct ann_search_stats *stats)
{
    uint64_t *id = data_need(malloc(n * o->k * sizeof *id));
    float *score = data_need(malloc(n * o->k * sizeof *score));
    struct err e = {0};
    double hits = 0;

    T_CHECKF(ann_search(a, o, q, n, id, score, stats, &e) == 0, "%s", e.msg);
    for (size_t i = 0; i < n; i++) {
        double kth = ann_kth(b, m, q + i * b->rows.dim, o->k);

        for (size_t j = 0; j < o->k && id[i * o->k + j] != NEIGH_NONE; j++) {
            uint64_t row = id[i * o->k + j];

            hits += ann_key(m, q + i * b->rows.dim, b->x + row * b->rows.dim, b->rows.dim) <=
                    kth + 1e-6 * fabs(kth);
        }
    }
    free(id);
    free(score);
    return hits / (double)(n * o->k);
}

/* Codes that the smallest effort takes which finds `want` of fresh queries, reading all vectors. */
static double plain_keys(const struct ann *a, const struct ann_base *b, enum vec_metric m,
                         double want, const float *q)
{
    struct ann_search_opts o = {.k = K, .effort = K, .threads = 1};

    for (;; o.effort += o.effort / 6) {
        struct ann_search_stats s = {0};

        if (recall(a, b, m, &o, q, FRESH, &s) >= want || o.effort > ROWS)
            return (double)s.keys / FRESH;
    }
}

static void keeps_its_promise(enum data_kind kind, enum vec_type type, enum vec_metric m,
                              const char *codec)
{
    struct ann_base b = ann_base_of(kind, type, ROWS, DIM);
    struct ann_base q = ann_base_of(kind, type, QUERIES + FRESH, DIM);
    struct ann_build_opts o = {.metric = m, .codec = codec, .degree = 12, .beam = 40, .threads = 2};
    struct ann_setting s[TARGETS], got;
    struct err e = {0};
    double keys = 0, least;
    struct ann *a;

    o.cpu = cpu_detect();
    ann_make("i.ann", &b, &o);
    tune("i.ann", "t.ann", K, cpu_detect(), 1, q.x, s);
    a = ann_need("t.ann", cpu_detect());
    T_CHECKF(ann_check(a, &e) == 0, "%s", e.msg);
    for (size_t i = 0; i < TARGETS; i++) {
        struct ann_search_opts so;
        double r;

        T_CHECKF(ann_setting_for(a, targets[i], K, &got, &e) == 0, "%s", e.msg);
        T_CHECK(memcmp(&got, &s[i], sizeof got) == 0);
        so = opts_of(&got, K);
        r = recall(a, &b, m, &so, q.x + (size_t)QUERIES * DIM, FRESH, NULL);
        T_CHECKF(r >= targets[i] - 0.02, "cloud %d, %s, %s: %g for %g", kind, vec_metric_name(m),
                 codec, r, targets[i]);
        T_CHECK(got.recall >= targets[i] && got.queries == QUERIES / 2);
        T_CHECKF(got.keys >= keys * 0.8, "more recall for less: %g, %g", got.keys, keys);
        keys = got.keys;
        least = plain_keys(a, &b, m, targets[i] + 0.03, q.x + (size_t)QUERIES * DIM);
        T_CHECKF(keys <= 1.1 * least, "%g codes for a recall of %g, %g would do", keys, targets[i],
                 least);
    }
    ann_close(a);
    ann_base_free(&q);
    ann_base_free(&b);
}

/* ---- the same bytes ---- */

static void same_bytes(const char *codec)
{
    struct ann_base b = ann_base_of(DATA_DECAY, VEC_F32, ROWS, DIM);
    struct ann_base q = ann_base_of(DATA_DECAY, VEC_F32, QUERIES, DIM);
    struct ann_build_opts o = {.codec = codec, .degree = 12, .beam = 40, .threads = 2};
    struct ann_setting s[TARGETS];
    struct buf first = {0};

    o.cpu = cpu_detect();
    ann_make("i.ann", &b, &o);
    for (int run = 0; run < 2 + (int)cpu_detect() + 1; run++) {
        static const int threads[] = {1, 7};
        struct buf got;

        tune("i.ann", "s.ann", K, run < 2 ? cpu_detect() : (enum cpu_level)(run - 2),
             run < 2 ? threads[run] : 1, q.x, s);
        got = ann_bytes("s.ann");
        if (run == 0)
            first = got;
        T_CHECKF(got.len == first.len && memcmp(got.p, first.p, got.len) == 0,
                 "run %d: other bytes", run);
        if (run)
            buf_free(&got);
    }
    buf_free(&first);
    ann_base_free(&q);
    ann_base_free(&b);
}

/* ---- what is kept and what is replaced ---- */

static size_t count(const char *path, uint32_t k)
{
    struct ann *a = ann_need(path, cpu_detect());
    const struct ann_setting *s;
    struct err e = {0};
    size_t n, of_k = 0;

    T_CHECKF(ann_settings(a, &s, &n, &e) == 0, "%s", e.msg);
    for (size_t i = 0; i < n; i++)
        of_k += s[i].k == k;
    ann_close(a);
    return of_k;
}

static void other_sections(void)
{
    struct sect_file *x, *y;
    struct err e = {0};

    T_CHECK(sect_open(&x, "i.ann", "ann ", 1, &e) == 0);
    T_CHECK(sect_open(&y, "t.ann", "ann ", 1, &e) == 0);
    T_CHECK(sect_count(y) == sect_count(x) + 1);
    for (size_t i = 0; i < sect_count(x); i++) {
        struct sect_row r = sect_row(x, i), s = sect_row(y, i);

        T_CHECK(memcmp(r.id, s.id, 4) == 0 && r.sum == s.sum && r.flags == s.flags);
    }
    T_CHECK(memcmp(sect_row(y, sect_count(x)).id, "TUNE", 4) == 0);
    T_CHECK(sect_row(y, sect_count(x)).flags == 0);
    sect_close(x);
    sect_close(y);
}

static void says(const struct ann *a, double target, uint32_t k, const char *what)
{
    struct ann_setting s;
    struct err e = {0};

    T_CHECK(ann_setting_for(a, target, k, &s, &e) == ERR_INPUT);
    T_CHECKF(strstr(e.msg, what) != NULL, "%s", e.msg);
}

static void try_several_k(void)
{
    struct ann_base b = ann_base_of(DATA_NORMAL, VEC_F32, ROWS, DIM);
    struct ann_base q = ann_base_of(DATA_NORMAL, VEC_F32, QUERIES, DIM);
    struct ann_build_opts o = {.degree = 12, .beam = 40, .threads = 2, .cpu = cpu_detect()};
    struct ann_setting s[TARGETS], got;
    struct err e = {0};
    struct ann *a;

    ann_make("i.ann", &b, &o);
    a = ann_need("i.ann", cpu_detect());
    says(a, 0.5, 1, "was not tuned");
    ann_close(a);
    tune("i.ann", "t.ann", 5, cpu_detect(), 1, q.x, s);
    other_sections();
    a = ann_need("t.ann", cpu_detect()); /* open, while it is replaced */
    for (int i = 0; i < 2; i++) {
        tune("t.ann", "t.ann", 10, cpu_detect(), 1, q.x, s);
        tune("t.ann", "t.ann", 2, cpu_detect(), 1, q.x, s);
        T_CHECK(count("t.ann", 2) == 3 && count("t.ann", 5) == 3 && count("t.ann", 10) == 3);
    }
    says(a, 0.5, 10, "up to 5 neighbours, not for 10");
    T_CHECKF(ann_check(a, &e) == 0, "%s", e.msg);
    ann_close(a);
    a = ann_need("t.ann", cpu_detect());
    T_CHECK(ann_setting_for(a, 0.7000001, 3, &got, &e) == 0 && got.k == 5 && got.target >= 0.9);
    T_CHECK(ann_setting_for(a, 0.1, 1, &got, &e) == 0 && got.k == 2 && got.target < 0.8);
    T_CHECK(ann_setting_for(a, 0.97, 6, &got, &e) == 0 && got.k == 10 && got.target > 0.9);
    says(a, 0.98, 10, "a recall of up to 0.97, not for 0.98");
    says(a, 0.5, 11, "up to 10 neighbours, not for 11");
    ann_close(a);
    ann_base_free(&q);
    ann_base_free(&b);
}

/* Without vectors the truth is the caller's, and what codes lose is out of reach. */
static void try_unreachable(void)
{
    struct ann_base b = ann_base_of(DATA_NORMAL, VEC_F32, ROWS, DIM);
    struct ann_base q = ann_base_of(DATA_NORMAL, VEC_F32, QUERIES, DIM);
    struct ann_build_opts o = {.codec = "int4", .degree = 12, .beam = 40, .threads = 2};
    struct ann_tune_opts to = tune_opts(K, 1);
    struct ann_setting s[TARGETS];
    struct neigh truth = {0};
    struct err e = {0};
    struct ann *a;

    o.cpu = cpu_detect();
    ann_make("i.ann", &b, &o);
    a = ann_need("i.ann", cpu_detect());
    T_CHECK(ann_truth(a, q.x, QUERIES, K, 2, &truth, &e) == 0);
    ann_close(a);
    o.no_vectors = true;
    ann_make("i.ann", &b, &o);
    a = ann_need("i.ann", cpu_detect());
    T_CHECK(ann_truth(a, q.x, QUERIES, K, 2, &truth, &e) == ERR_USAGE);
    free(truth.score);
    truth.score = NULL;
    T_CHECKF(ann_tune(a, &to, q.x, QUERIES, &truth, s, &e) == 0, "%s", e.msg);
    T_CHECK(s[0].effort > 0 && s[0].exact <= 0 && s[2].effort == 0 && s[2].recall < 0.97);
    T_CHECK(s[2].recall > 0.5);
    T_CHECK(ann_save_settings(a, "t.ann", s, TARGETS, &e) == 0);
    ann_close(a);
    a = ann_need("t.ann", cpu_detect());
    says(a, 0.95, K, "does not reach a recall of 0.97");
    T_CHECK(ann_tune(a, &to, q.x, 1, &truth, s, &e) == ERR_USAGE);
    truth.queries--;
    T_CHECK(ann_tune(a, &to, q.x, QUERIES, &truth, s, &e) == ERR_USAGE);
    truth.queries++;
    to.k = K + 1;
    T_CHECK(ann_tune(a, &to, q.x, QUERIES, &truth, s, &e) == ERR_USAGE);
    ann_close(a);
    neigh_free(&truth);
    ann_base_free(&q);
    ann_base_free(&b);
}

/* Few queries confirm little; few or equal rows are tuned too. Where there are none no query has a
 * true neighbour. */
static void try_small(size_t n)
{
    struct ann_base b = ann_base_of(DATA_CONSTANT, VEC_F32, n, DIM);
    struct ann_base q = ann_base_of(DATA_NORMAL, VEC_F32, QUERIES, DIM);
    struct ann_build_opts o = {.degree = 4, .beam = 10};
    struct ann_tune_opts to = tune_opts(K, 1);
    struct ann_setting s[TARGETS];
    struct neigh truth = {0};
    struct err e = {0};
    struct ann *a;

    ann_make("i.ann", &b, &o);
    if (n > 0) {
        tune("i.ann", "t.ann", K, cpu_detect(), 1, q.x, s);
        T_CHECKF(s[2].effort > 0, "%zu rows", n);
    }
    a = ann_need(n > 0 ? "t.ann" : "i.ann", cpu_detect());
    T_CHECK(ann_truth(a, q.x, 8, K, 1, &truth, &e) == 0);
    if (n > 0)
        T_CHECK(ann_tune(a, &to, q.x, 8, &truth, s, &e) == 0 && s[1].effort == 0);
    else
        T_CHECK(ann_tune(a, &to, q.x, 8, &truth, s, &e) == ERR_INPUT);
    neigh_free(&truth);
    ann_close(a);
    ann_base_free(&q);
    ann_base_free(&b);
}

/* ---- damage ---- */

/* t.ann with these bytes for TUNE, as d.ann, by what the settings then are. */
static int forged(const void *p, size_t len)
{
    struct sect_writer *w;
    struct sect_file *f;
    const struct ann_setting *s;
    struct ann *a;
    struct err e = {0};
    size_t n;
    int rc;

    T_CHECK(sect_open(&f, "t.ann", "ann ", 1, &e) == 0);
    T_CHECK(sect_create(&w, "d.ann", "ann ", 1, 0, &e) == 0);
    T_CHECK(sect_copy(w, f, "TUNE", &e) == 0 && sect_put(w, "TUNE", 0, p, len, &e) == 0);
    T_CHECK(sect_commit(&w, &e) == 0);
    sect_close(f);
    a = ann_need("d.ann", cpu_detect());
    rc = ann_settings(a, &s, &n, &e);
    T_CHECK((ann_check(a, &e) == 0) == (rc == 0));
    T_CHECK(rc == 0 || strstr(e.msg, "'TUNE'"));
    ann_close(a);
    return rc;
}

static void try_forged(const struct ann_setting *good, size_t n)
{
    struct ann_setting s[TARGETS];
    uint64_t r = 3;

    T_CHECK(forged(good, n * sizeof *good) == 0 && forged(good, 0) == 0);
    T_CHECK(forged(good, n * sizeof *good - 1) == ERR_CORRUPT);
    for (int i = 0; i < 13; i++) {
        memcpy(s, good, sizeof s);
        switch (i) {
        case 0:
            s[0].target = 0;
            break;
        case 1:
            s[2].target = 1.5;
            break;
        case 2:
            s[1].target = (double)NAN;
            break;
        case 3:
            s[1].target = s[0].target;
            break;
        case 4:
            s[1].recall = -1;
            break;
        case 5:
            s[1].keys = (double)INFINITY;
            break;
        case 6:
            s[1].exact = -1;
            break;
        case 7:
            s[0].k = 0;
            break;
        case 8:
            s[2].k = s[1].k - 1;
            break;
        case 9:
            s[2].effort = ANN_EFFORT_MOST + 1;
            break;
        case 10:
            s[2].rerank = UINT32_MAX;
            break;
        case 11:
            s[2].slack = NAN;
            break;
        default:
            s[0].zero[2] = 1;
        }
        T_CHECKF(forged(s, sizeof s) == ERR_CORRUPT, "forgery %d", i);
    }
    for (int i = 0; i < 50; i++) {
        for (size_t k = 0; k < sizeof s; k++)
            ((unsigned char *)s)[k] = (unsigned char)rand_below(&r, 256);
        forged(s, sizeof s);
    }
}

static void try_flips(void)
{
    struct buf b = ann_bytes("t.ann");
    size_t at = b.len;
    struct err e = {0};
    struct sect_file *f;

    T_CHECK(sect_open(&f, "t.ann", "ann ", 1, &e) == 0);
    for (size_t i = 0; i < sect_count(f); i++)
        if (memcmp(sect_row(f, i).id, "TUNE", 4) == 0)
            at = sect_row(f, i).offset;
    sect_close(f);
    for (size_t i = 0; i < TARGETS * sizeof(struct ann_setting); i++) {
        const struct ann_setting *s;
        struct ann_setting got;
        struct ann *a;
        size_t n;

        b.p[at + i] ^= (char)(1 << i % 8);
        tmp_put("d.ann", b.p, b.len);
        a = ann_need("d.ann", cpu_detect()); /* a search without it goes on */
        T_CHECK(ann_settings(a, &s, &n, &e) == ERR_CORRUPT && strstr(e.msg, "'TUNE'"));
        T_CHECK(ann_setting_for(a, 0.9, K, &got, &e) == ERR_CORRUPT);
        T_CHECK(ann_check(a, &e) == ERR_CORRUPT);
        ann_close(a);
        b.p[at + i] ^= (char)(1 << i % 8);
    }
    buf_free(&b);
}

static void try_damage(void)
{
    struct ann_base b = ann_base_of(DATA_NORMAL, VEC_F32, 100, DIM);
    struct ann_base q = ann_base_of(DATA_NORMAL, VEC_F32, QUERIES, DIM);
    struct ann_build_opts o = {.degree = 8, .beam = 20};
    struct ann_setting s[TARGETS];

    ann_make("i.ann", &b, &o);
    tune("i.ann", "t.ann", K, cpu_detect(), 1, q.x, s);
    try_forged(s, TARGETS);
    try_flips();
    ann_base_free(&q);
    ann_base_free(&b);
}

/* ---- slacks ---- */

/* A wide slack is all but the walk of the same effort; less slack, less done; a slack is the same
 * for queries of any length where lengths do not count. */
static void try_slack(enum vec_metric m, enum data_kind kind, const char *codec)
{
    struct ann_base b = ann_base_of(kind, VEC_F32, ROWS, DIM);
    struct ann_base q = ann_base_of(kind, VEC_F32, FRESH, DIM);
    struct ann_build_opts o = {.metric = m, .codec = codec, .degree = 16, .beam = 60, .threads = 2};
    static const float slack[] = {100, 1, 0.3F, 0.1F, 0.02F};
    struct ann_search_opts so = {.k = K, .effort = 200, .rerank = 200, .threads = 1};
    struct ann_search_stats fixed = {0}, first = {0}, last = {0};
    struct ann *a;
    double least;

    o.cpu = cpu_detect();
    ann_make("i.ann", &b, &o);
    a = ann_need("i.ann", cpu_detect());
    least = recall(a, &b, m, &so, q.x, FRESH, &fixed);
    for (size_t i = 0; i < sizeof slack / sizeof *slack; i++) {
        struct ann_search_stats s = {0};
        double r;

        so.slack = slack[i];
        r = recall(a, &b, m, &so, q.x, FRESH, &s);
        if (i == 0)
            first = s;
        T_CHECKF(i > 1 || r >= least - 0.02, "%s, cloud %d, slack %g: recall %g, not %g",
                 vec_metric_name(m), kind, (double)slack[i], r, least);
        T_CHECKF(r > 0.25, "%s, cloud %d, slack %g: recall %g", vec_metric_name(m), kind,
                 (double)slack[i], r);
        T_CHECK(i == 0 || s.keys <= last.keys);
        last = s;
    }
    T_CHECKF(first.keys <= fixed.keys && first.keys > fixed.keys - fixed.keys / 100 &&
                 first.exact < fixed.exact / 2,
             "%s, cloud %d: %llu codes of %llu, %llu vectors of %llu", vec_metric_name(m), kind,
             (unsigned long long)first.keys, (unsigned long long)fixed.keys,
             (unsigned long long)first.exact, (unsigned long long)fixed.exact);
    so.rerank = K; /* what is read is none of the walk's business */
    first = (struct ann_search_stats){0};
    recall(a, &b, m, &so, q.x, FRESH, &first);
    T_CHECK(first.keys == last.keys && first.hops == last.hops);
    T_CHECK(first.exact == (uint64_t)FRESH * K && last.exact > first.exact);
    T_CHECKF(last.keys < fixed.keys / 2, "%llu of %llu", (unsigned long long)last.keys,
             (unsigned long long)fixed.keys);
    for (size_t i = 0; i < (size_t)FRESH * DIM && m != VEC_L2; i++)
        q.x[i] *= 8;
    first = (struct ann_search_stats){0};
    recall(a, &b, m, &so, q.x, FRESH, &first);
    T_CHECK(m == VEC_L2 || (first.keys == last.keys && first.hops == last.hops));
    ann_close(a);
    ann_base_free(&q);
    ann_base_free(&b);
}

int main(void)
{
    tmp_enter();
    try_slack(VEC_L2, DATA_NORMAL, NULL);
    try_slack(VEC_L2, DATA_OFFSET, "int4");
    try_slack(VEC_IP, DATA_NORMAL, NULL);
    try_slack(VEC_COSINE, DATA_NORMAL, "int8");
    keeps_its_promise(DATA_NORMAL, VEC_F32, VEC_L2, "int4");
    keeps_its_promise(DATA_DECAY, VEC_U8, VEC_L2, "bytes");
    keeps_its_promise(DATA_DECAY, VEC_F32, VEC_IP, "int8");
    keeps_its_promise(DATA_OFFSET, VEC_F32, VEC_COSINE, "int8");
    same_bytes("int8");
    same_bytes("leanvec9+int4");
    try_several_k();
    try_unreachable();
    try_small(0);
    for (size_t n = 1; n < 30; n = 3 * n + 1)
        try_small(n);
    try_damage();
    tmp_leave();
    return t_done("ann_tune");
}
