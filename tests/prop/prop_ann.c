/* prop_ann.c - indexes of many kinds of clouds: what a search finds against every pair looked at,
 * scores against their formula, the same bytes for any number of threads and on every level, and
 * the smallest, most equal and most absurd of bases.
 */
#include "ann_data.h"

enum { ROWS = 1500, QUERIES = ANN_QUERIES, K = 10 };

static void try_cloud(enum data_kind kind, enum vec_type type, uint32_t dim, enum vec_metric m,
                      const char *codec, double least)
{
    struct ann_base b = ann_base_of(kind, type, ROWS, dim);
    struct ann_build_opts o = {
        .metric = m, .codec = codec, .degree = 24, .beam = 60, .threads = 2, .cpu = cpu_detect()};
    double got;

    ann_make("i.ann", &b, &o);
    got = ann_recall("i.ann", &b, m, K, 150, cpu_detect(), 2, true);
    T_CHECKF(got >= least, "cloud %d of %s, dim %u, %s, %s: recall %.3f", kind, vec_type_name(type),
             dim, vec_metric_name(m), codec ? codec : "default", got);
    ann_base_free(&b);
}

static void try_clouds(void)
{
    for (enum data_kind kind = 0; kind < DATA_KINDS; kind++) {
        /* a third of the spikes' rows are zero: equal rows fill a pool */
        try_cloud(kind, VEC_F32, 12, VEC_L2, NULL, kind == DATA_SPIKES ? 0.9 : 0.97);
        try_cloud(kind, VEC_F32, 75, VEC_L2, NULL, kind == DATA_OFFSET ? 0.85 : 0.9);
        try_cloud(kind, VEC_I8, 9, VEC_L2, NULL, 0.95);
        try_cloud(kind, VEC_U8, 33, VEC_L2, NULL, 0.95);
    }
    try_cloud(DATA_NORMAL, VEC_F32, 16, VEC_IP, NULL, 0.95);
    try_cloud(DATA_DECAY, VEC_F32, 31, VEC_IP, "int8", 0.95);
    try_cloud(DATA_OFFSET, VEC_F32, 31, VEC_COSINE, NULL, 0.9);
    try_cloud(DATA_NORMAL, VEC_F16, 20, VEC_COSINE, "int4", 0.95);
    try_cloud(DATA_NORMAL, VEC_U8, 20, VEC_COSINE, NULL, 0.95);
    try_cloud(DATA_DECAY, VEC_F32, 300, VEC_L2, NULL, 0.9);
    try_cloud(DATA_DECAY, VEC_F32, 40, VEC_L2, "leanvec30+int4", 0.9);
    try_cloud(DATA_DECAY, VEC_F16, 1, VEC_L2, NULL, 0.95);
    try_cloud(DATA_DECAY, VEC_F32, 140, VEC_L2, "int4", 0.9);
    try_cloud(DATA_DECAY, VEC_F32, 140, VEC_L2, "leanvec139+int8x1+int4", 0.9);
    try_cloud(DATA_NORMAL, VEC_F32, 70, VEC_IP, "leanvec70+int8x69+int4", 0.85);
    try_cloud(DATA_OFFSET, VEC_F16, 31, VEC_COSINE, "leanvec20+int8x7+int4", 0.85);
}

/* ---- the same bytes ---- */

static void try_same(enum vec_type type, uint32_t dim, enum vec_metric m, const char *codec)
{
    struct ann_base b = ann_base_of(DATA_DECAY, type, 3000, dim);
    struct buf first = {0};

    for (int way = 0; way < ann_ways(); way++) {
        struct ann_build_opts o = {.metric = m,
                                   .codec = codec,
                                   .degree = 16,
                                   .beam = 30,
                                   .threads = ann_way(way).threads,
                                   .cpu = ann_way(way).cpu};

        ann_make("s.ann", &b, &o);
        ann_same("s.ann", way, &first, codec ? codec : vec_type_name(type));
    }
    buf_free(&first);
    ann_base_free(&b);
}

/* A search is the same on every level and with any number of threads. */
static void try_same_search(void)
{
    struct ann_base b = ann_base_of(DATA_NORMAL, VEC_F32, ROWS, 70);
    struct ann_build_opts o = {.degree = 8, .beam = 20, .threads = 2, .cpu = cpu_detect()};
    uint64_t id[2][QUERIES * K];
    float score[2][QUERIES * K];
    struct err e = {0};

    ann_make("i.ann", &b, &o);
    for (int run = 0; run < 2 * ((int)cpu_detect() + 1); run++) {
        struct ann *a = ann_need("i.ann", (enum cpu_level)(run / 2));
        struct ann_search_opts so = {.k = K, .effort = 20, .threads = 1 + 6 * (run % 2)};
        int at = run > 0;

        T_CHECK(ann_search(a, &so, b.x, QUERIES, id[at], score[at], NULL, &e) == 0);
        T_CHECK(memcmp(id[0], id[at], sizeof id[0]) == 0 &&
                memcmp(score[0], score[at], sizeof score[0]) == 0);
        ann_close(a);
    }
    ann_base_free(&b);
}

/* ---- small, equal, absurd ---- */

static void try_small(void)
{
    for (size_t n = 0; n < 40; n += n < 4 ? 1 : 9)
        for (uint32_t dim = 1; dim < 8; dim += 3)
            for (enum vec_metric m = VEC_L2; m <= VEC_COSINE; m++) {
                struct ann_base b = ann_base_of(DATA_NORMAL, VEC_F32, n, dim);
                struct ann_build_opts o = {.metric = m, .degree = 4, .beam = 1 + (uint32_t)n};

                ann_make("i.ann", &b, &o);
                T_CHECKF(ann_recall("i.ann", &b, m, 50, 50, CPU_PORTABLE, 1, true) == 1, "%zu rows",
                         n);
                ann_base_free(&b);
            }
}

static void try_equal(void)
{
    struct ann_base b = ann_base_of(DATA_CONSTANT, VEC_F32, 1200, 5);
    struct ann_build_opts o = {.threads = 2, .cpu = cpu_detect()};
    struct err e = {0};
    struct ann *a;

    ann_make("i.ann", &b, &o);
    T_CHECK(ann_recall("i.ann", &b, VEC_L2, 1200, 0, cpu_detect(), 2, true) == 1);
    a = ann_need("i.ann", cpu_detect());
    T_CHECKF(ann_check(a, &e) == 0, "%s", e.msg);
    ann_close(a);
    ann_base_free(&b);
}

/* Two far heaps, and components up to the ends of the range of f32. */
static void try_far(void)
{
    struct ann_base b = ann_base_of(DATA_NORMAL, VEC_F32, 600, 6);
    struct ann_build_opts o = {.degree = 8, .beam = 10, .threads = 2, .cpu = cpu_detect()};

    for (size_t i = 0; i < 300 * 6; i++)
        b.x[i] = (b.x[i] + 1e4F);
    memcpy(b.p, b.x, 600 * 6 * sizeof *b.x);
    ann_make("i.ann", &b, &o);
    T_CHECK(ann_recall("i.ann", &b, VEC_L2, 600, 600, cpu_detect(), 2, true) == 1);
    for (size_t i = 0; i < 600 * 6; i++)
        b.x[i] = (i % 7 ? 1e18F : -3e38F) * (float)(i % 5);
    for (size_t i = 0; i < 600 * 6; i++)
        b.x[i] = isfinite(b.x[i]) ? b.x[i] : 3e38F;
    memcpy(b.p, b.x, 600 * 6 * sizeof *b.x);
    ann_make("i.ann", &b, &o);
    T_CHECK(ann_recall("i.ann", &b, VEC_L2, 600, 600, cpu_detect(), 2, false) >= 0);
    ann_base_free(&b);
}

static void try_without_vectors(void)
{
    for (enum vec_metric m = VEC_L2; m <= VEC_COSINE; m++) {
        struct ann_base b = ann_base_of(DATA_DECAY, VEC_F32, ROWS, 24);
        struct ann_build_opts o = {.metric = m, .no_vectors = true, .threads = 2};
        uint64_t id[K];
        float score[K];
        struct ann_search_opts so = {.k = K, .effort = 100};
        struct err e = {0};
        struct ann *a;

        ann_make("i.ann", &b, &o);
        T_CHECK(ann_recall("i.ann", &b, m, K, 100, cpu_detect(), 2, false) >= 0.85);
        a = ann_need("i.ann", cpu_detect());
        T_CHECK(ann_search(a, &so, b.x, 1, id, score, NULL, &e) == 0);
        for (size_t i = 0; i < K; i++) {
            double key = ann_key(m, b.x, b.x + id[i] * 24, 24), want = m == VEC_IP ? -key : key;

            T_CHECKF(fabs(want - (double)score[i]) < (m == VEC_IP ? 0.15 : 0.05) * (1 + fabs(want)),
                     "%s: %g for %g", vec_metric_name(m), (double)score[i], want);
        }
        ann_close(a);
        ann_base_free(&b);
    }
}

static void try_refused(void)
{
    static const char *const specs[] = {"",
                                        "int5",
                                        "leanvec+int8",
                                        "leanvec9+int8",
                                        "bytes",
                                        "leanvec0+int4",
                                        "int8 ",
                                        "leanvec2+bytes",
                                        "leanvec2",
                                        "int8x2+int4",
                                        "leanvec4+int8x4+int4",
                                        "leanvec4+int8x0+int4",
                                        "leanvec4+int8x2+int8"};

    ann_refuses((struct ann_build_opts){0}, specs, sizeof specs / sizeof *specs);
}

int main(void)
{
    tmp_enter();
    try_clouds();
    try_same(VEC_F32, 40, VEC_L2, NULL);
    try_same(VEC_F32, 70, VEC_COSINE, "int4");
    try_same(VEC_U8, 30, VEC_L2, "bytes");
    try_same(VEC_I8, 270, VEC_L2, "leanvec20+int8");
    try_same(VEC_F16, 17, VEC_IP, NULL);
    try_same(VEC_F32, 90, VEC_IP, "leanvec80+int8x31+int4");
    try_same_search();
    try_small();
    try_equal();
    try_far();
    try_without_vectors();
    try_refused();
    tmp_leave();
    return t_done("ann");
}
