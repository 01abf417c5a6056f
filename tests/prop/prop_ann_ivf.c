/* prop_ann_ivf.c - indexes of lists. With all lists scanned a search must find what looking at
 * every pair finds: all of it where bounds are certain (bases too small to measure errors, certain
 * spread), else but for a few in a thousand. The same bytes for any number of threads and on every
 * level, and so the same results; the kernel against its formula; the smallest, most equal and most
 * absurd of bases.
 */
#include "ann_data.h"

#include "ann/ivf_near.h"
#include "base/rand.h"

enum { ROWS = 2400, QUERIES = ANN_QUERIES, K = 10 };

static const uint32_t all = ANN_EFFORT_MOST;

static struct ann_build_opts ivf_opts(enum vec_metric m, const char *codec, uint32_t lists)
{
    return (struct ann_build_opts){.kind = ANN_IVF,
                                   .metric = m,
                                   .codec = codec,
                                   .lists = lists,
                                   .threads = 2,
                                   .cpu = cpu_detect()};
}

/* ---- what is found ---- */

static double found, asked;

static void try_cloud(enum data_kind kind, enum vec_type type, uint32_t dim, enum vec_metric m,
                      const char *codec)
{
    struct ann_base b = ann_base_of(kind, type, ROWS, dim);
    struct ann_build_opts o = ivf_opts(m, codec, 0);
    double got;

    ann_make("i.ann", &b, &o);
    got = ann_recall("i.ann", &b, m, K, all, cpu_detect(), 2, true);
    T_CHECKF(got >= 0.98, "cloud %d of %s, dim %u, %s, %s: %.4f of what there is", kind,
             vec_type_name(type), dim, vec_metric_name(m), codec ? codec : "default", got);
    found += got;
    asked++;
    got = ann_recall("i.ann", &b, m, K, 12, cpu_detect(), 2, false);
    T_CHECKF(got >= 0.3, "cloud %d of %s, dim %u, %s, %s: %.3f in 12 lists", kind,
             vec_type_name(type), dim, vec_metric_name(m), codec ? codec : "default", got);
    ann_base_free(&b);
}

static void try_clouds(void)
{
    for (enum data_kind kind = 0; kind < DATA_KINDS; kind++) {
        try_cloud(kind, VEC_F32, 13, VEC_L2, NULL);
        try_cloud(kind, VEC_F32, 64, VEC_IP, NULL);
        try_cloud(kind, VEC_I8, 9, VEC_L2, NULL);
        try_cloud(kind, VEC_U8, 33, VEC_L2, "pq11x4");
    }
    try_cloud(DATA_NORMAL, VEC_F32, 31, VEC_COSINE, NULL);
    try_cloud(DATA_DECAY, VEC_F16, 40, VEC_COSINE, "opq10x4");
    try_cloud(DATA_OFFSET, VEC_F32, 20, VEC_COSINE, "pq20x4");
    try_cloud(DATA_DECAY, VEC_F32, 40, VEC_L2, "pq5x8");
    try_cloud(DATA_NORMAL, VEC_F32, 24, VEC_L2, "pq1x1");
    try_cloud(DATA_NORMAL, VEC_F32, 1, VEC_L2, NULL);
    try_cloud(DATA_DECAY, VEC_U8, 450, VEC_L2, NULL);
    T_CHECKF(found >= 0.9975 * asked, "in all %.5f of what there is", found / asked);
}

/* Of so few rows that the spread is the certain one: all. */
static void try_certain(void)
{
    size_t certain = 0;

    for (enum data_kind kind = 0; kind < DATA_KINDS; kind++)
        for (enum vec_metric m = VEC_L2; m <= VEC_IP; m++) {
            struct ann_base b = ann_base_of(kind, VEC_F32, 300, 17);
            struct ann_build_opts o = ivf_opts(m, "pq3x4", 60);
            struct ann_info i;
            struct ann *a;

            ann_make("i.ann", &b, &o);
            a = ann_need("i.ann", cpu_detect());
            ann_info(a, &i);
            ann_close(a);
            T_CHECK(i.lists == 60);
            certain += i.spread == 1;
            for (uint32_t k = 1; k < 400 && i.spread == 1; k = 3 * k + 1) /* not of spikes */
                T_CHECKF(ann_recall("i.ann", &b, m, k, all, cpu_detect(), 1, true) == 1,
                         "cloud %d, %s, k %u", kind, vec_metric_name(m), k);
            ann_base_free(&b);
        }
    T_CHECKF(certain >= DATA_KINDS, "%zu", certain);
}

/* ---- the same ---- */

static void try_same(enum vec_type type, uint32_t dim, enum vec_metric m, const char *codec,
                     bool no_vectors)
{
    struct ann_base b = ann_base_of(DATA_DECAY, type, ROWS, dim);
    struct buf first = {0};

    for (int way = 0; way < ann_ways(); way++) {
        struct ann_build_opts o = ivf_opts(m, codec, 0);

        o.no_vectors = no_vectors;
        o.threads = ann_way(way).threads;
        o.cpu = ann_way(way).cpu;
        ann_make("s.ann", &b, &o);
        ann_same("s.ann", way, &first, codec ? codec : vec_type_name(type));
    }
    buf_free(&first);
    ann_base_free(&b);
}

/* More queries than a block has, and a few alone: bounds differ, what is found hardly. */
static void try_same_search(enum vec_metric m, bool no_vectors)
{
    enum { MANY = 700 };
    struct ann_base b = ann_base_of(DATA_NORMAL, VEC_F32, ROWS, 30);
    struct ann_build_opts o = ivf_opts(m, NULL, 40);
    uint64_t(*id)[MANY * K] = data_need(malloc(2 * sizeof *id));
    float(*score)[MANY * K] = data_need(malloc(2 * sizeof *score));
    struct err e = {0};

    o.no_vectors = no_vectors;
    ann_make("i.ann", &b, &o);
    for (int run = 0; run < 2 * ((int)cpu_detect() + 1); run++) {
        struct ann *a = ann_need("i.ann", (enum cpu_level)(run / 2));
        struct ann_search_opts so = {.k = K, .effort = 9, .threads = 1 + 6 * (run % 2)};
        struct ann_search_stats stats = {0};
        int at = run > 0;

        T_CHECK(ann_search(a, &so, b.x, MANY, id[at], score[at], &stats, &e) == 0);
        T_CHECK(stats.hops == MANY * 9 && stats.exact < stats.keys && stats.exact >= MANY * K);
        T_CHECK(memcmp(id[0], id[at], sizeof *id) == 0 &&
                memcmp(score[0], score[at], sizeof *score) == 0);
        ann_close(a);
    }
    free(id);
    free(score);
    ann_base_free(&b);
}

static void try_near(void)
{
    enum { N = 200 };
    float key[N], factor[3 * N];
    uint16_t want[N], got[N];
    uint64_t state = 1;

    for (int round = 0; round < 600; round++) {
        size_t n = rand_below(&state, 130), lanes = 160, hits;
        struct ivf_limit l = {(float)rand_unit(&state), (float)rand_unit(&state),
                              (float)rand_normal(&state)};

        for (size_t i = 0; i < N; i++)
            key[i] = rand_below(&state, 40) ? (float)rand_normal(&state)
                     : round % 2            ? INFINITY
                                            : NAN;
        for (size_t i = 0; i < 3 * (size_t)N; i++)
            factor[i] = (float)rand_unit(&state);
        if (round % 5 == 0)
            l.most = INFINITY;
        hits = 0;
        for (size_t i = 0; i < n; i++)
            if (!(fmaf(-l.width, factor[320 + i],
                       fmaf(factor[i], key[i] - l.shift, factor[160 + i])) > l.most))
                want[hits++] = (uint16_t)i;
        for (int level = 0; level <= (int)cpu_detect(); level++)
            T_CHECK(ivf_ops_for((enum cpu_level)level)->near(&l, key, factor, lanes, n, got) ==
                        hits &&
                    memcmp(want, got, hits * sizeof *got) == 0);
    }
}

/* ---- small, equal, absurd ---- */

static void try_small(void)
{
    for (size_t n = 0; n < 40; n += n < 4 ? 1 : 9)
        for (uint32_t dim = 1; dim < 8; dim += 3)
            for (enum vec_metric m = VEC_L2; m <= VEC_COSINE; m++)
                for (uint32_t lists = 0; lists < 50; lists = 4 * lists + 3) {
                    struct ann_base b = ann_base_of(DATA_NORMAL, VEC_F32, n, dim);
                    struct ann_build_opts o = ivf_opts(m, NULL, lists);

                    o.threads = 1;
                    ann_make("i.ann", &b, &o);
                    T_CHECKF(ann_recall("i.ann", &b, m, 50, 50, CPU_PORTABLE, 1, true) == 1,
                             "%zu rows", n);
                    ann_base_free(&b);
                }
}

static void check_index(void)
{
    struct ann *a = ann_need("i.ann", cpu_detect());
    struct ann_lists l;
    struct ann_info i;
    struct err e = {0};

    T_CHECKF(ann_check(a, &e) == 0, "%s", e.msg);
    ann_info(a, &i);
    ann_lists(a, &l);
    T_CHECK(l.least <= l.most && l.imbalance >= 0.9999 &&
            fabs(l.mean * i.lists - (double)i.rows) < 1e-6 * (double)(i.rows + 1));
    ann_close(a);
}

static void try_equal(void)
{
    struct ann_base b = ann_base_of(DATA_CONSTANT, VEC_F32, 700, 5);

    for (enum vec_metric m = VEC_L2; m <= VEC_COSINE; m++) {
        struct ann_build_opts o = ivf_opts(m, NULL, 7);

        ann_make("i.ann", &b, &o);
        T_CHECK(ann_recall("i.ann", &b, m, 700, all, cpu_detect(), 2, true) == 1);
        T_CHECK(ann_recall("i.ann", &b, m, 5, 1, cpu_detect(), 2, true) == 1);
        check_index();
    }
    ann_base_free(&b);
}

/* Two far heaps, rows that have no place, and components up to the ends of the range of f32. */
static void try_far(void)
{
    struct ann_base b = ann_base_of(DATA_NORMAL, VEC_F32, 600, 6);
    struct ann_build_opts o = ivf_opts(VEC_L2, NULL, 0);
    size_t bytes = 600 * 6 * sizeof *b.x;

    for (size_t i = 0; i < 300 * 6; i++)
        b.x[i] = (b.x[i] + 1e4F);
    memcpy(b.p, b.x, bytes);
    ann_make("i.ann", &b, &o);
    T_CHECK(ann_recall("i.ann", &b, VEC_L2, 10, all, cpu_detect(), 2, true) >= 0.99);
    for (size_t i = 0; i < 12; i++)
        b.x[i * 6] = 1e19F;
    memcpy(b.p, b.x, bytes);
    ann_make("i.ann", &b, &o);
    T_CHECK(ann_recall("i.ann", &b, VEC_L2, 600, all, cpu_detect(), 2, true) == 1);
    for (size_t i = 0; i < 600 * 6; i++)
        b.x[i] = (i % 7 ? 1e18F : -3e38F) * (float)(i % 5);
    for (size_t i = 0; i < 600 * 6; i++)
        b.x[i] = isfinite(b.x[i]) ? b.x[i] : 3e38F;
    memcpy(b.p, b.x, bytes);
    ann_make("i.ann", &b, &o);
    T_CHECK(ann_recall("i.ann", &b, VEC_L2, 600, all, cpu_detect(), 2, false) >= 0);
    for (size_t i = 0; i < 600 * 6; i++)
        b.x[i] = (float)(i % 11) * 1e-42F;
    memcpy(b.p, b.x, bytes);
    ann_make("i.ann", &b, &o);
    T_CHECK(ann_recall("i.ann", &b, VEC_L2, 10, all, cpu_detect(), 2, true) == 1);
    check_index();
    ann_base_free(&b);
}

static void try_long(void)
{
    struct ann_base b = ann_base_of(DATA_NORMAL, VEC_F32, 40, 20001);
    struct ann_build_opts o = ivf_opts(VEC_L2, NULL, 2);

    ann_make("i.ann", &b, &o);
    T_CHECK(ann_recall("i.ann", &b, VEC_L2, 3, all, cpu_detect(), 2, false) == 1);
    ann_base_free(&b);
}

static void try_without_vectors(void)
{
    for (enum vec_metric m = VEC_L2; m <= VEC_COSINE; m++) {
        static const char *const codecs[] = {NULL, "pq12x4+int8", "pq24x4", "pq6x4+leanvec20+int8"};

        for (size_t i = 0; i < sizeof codecs / sizeof *codecs; i++) {
            struct ann_base b = ann_base_of(DATA_DECAY, VEC_F32, ROWS, 24);
            struct ann_build_opts o = ivf_opts(m, codecs[i], 0);
            double got;

            o.no_vectors = true;
            ann_make("i.ann", &b, &o);
            got = ann_recall("i.ann", &b, m, K, all, cpu_detect(), 2, false);
            T_CHECKF(got >= (i < 3 ? 0.85 : 0.7), "%s, %s: %.3f", vec_metric_name(m),
                     codecs[i] ? codecs[i] : "default", got);
            ann_base_free(&b);
        }
    }
}

static void try_refused(void)
{
    static const char *const bare[] = {"pq2x4+int5"};
    static const char *const specs[] = {"",           "int8",   "pq",    "pq4", "pq5x4",
                                        "pq0x4",      "pq4x9",  "sq8",   "+",   "pq2x4+",
                                        "pq2x4+int8", "pq2x4+", "lvq4x8"};
    struct ann_build_opts o = ivf_opts(VEC_COSINE, NULL, 0);

    ann_refuses(o, specs, sizeof specs / sizeof *specs);
    o.no_vectors = true;
    ann_refuses(o, bare, sizeof bare / sizeof *bare);
}

int main(void)
{
    tmp_enter();
    try_near();
    try_small();
    try_equal();
    try_far();
    try_long();
    try_certain();
    try_clouds();
    try_same(VEC_F32, 41, VEC_L2, NULL, false);
    try_same(VEC_F16, 20, VEC_COSINE, "opq10x4", false);
    try_same(VEC_U8, 30, VEC_L2, NULL, false);
    try_same(VEC_I8, 270, VEC_IP, "pq27x4", false);
    try_same(VEC_F32, 17, VEC_IP, NULL, true);
    try_same(VEC_U8, 17, VEC_L2, "pq17x4", true);
    try_same_search(VEC_L2, false);
    try_same_search(VEC_IP, false);
    try_same_search(VEC_COSINE, true);
    try_without_vectors();
    try_refused();
    tmp_leave();
    return t_done("ann_ivf");
}
