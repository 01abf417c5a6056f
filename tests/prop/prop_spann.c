/* prop_spann.c - indexes with their lists on the disk. With all lists read a search must find what
 * looking at every pair finds; each row stands in a list, none too often; so it is where lists are
 * in memory, and only vectors are read. The same bytes for any
 * number of threads, on every level, whatever the bound of memory, and of a stream; the same
 * results however the disk is read and who shares what. Damage while it is open is an error that
 * names the section; a kernel that forbids io_uring is none.
 */
#include "ann_data.h"

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "ann/spann.h"
#include "base/hash.h"

enum { ROWS = 2400, QUERIES = ANN_QUERIES, K = 10, DIM = 24 };

static const uint32_t all = ANN_EFFORT_MOST;

static struct ann_build_opts spann_opts(enum vec_metric m, const char *codec, uint32_t lists)
{
    return (struct ann_build_opts){.kind = ANN_SPANN,
                                   .metric = m,
                                   .codec = codec,
                                   .lists = lists,
                                   .threads = 2,
                                   .cpu = cpu_detect()};
}

static void check_index(const char *path)
{
    struct ann *a = ann_need(path, cpu_detect());
    struct err e = {0};

    T_CHECKF(ann_check(a, &e) == 0, "%s", e.msg);
    ann_close(a);
}

/* ---- what is found ---- */

struct answer {
    uint64_t id[QUERIES * K];
    float score[QUERIES * K];
    struct ann_search_stats stats;
};

static struct answer answer_of(const struct ann *a, const float *q, const struct ann_search_opts *o)
{
    struct answer r = {0};
    struct err e = {0};

    T_CHECKF(ann_search(a, o, q, QUERIES, r.id, r.score, &r.stats, &e) == 0, "%s", e.msg);
    return r;
}

static double found, asked;

static void try_cloud(enum data_kind kind, enum vec_type type, uint32_t dim, enum vec_metric m,
                      const char *codec)
{
    struct ann_base b = ann_base_of(kind, type, ROWS, dim);
    struct ann_build_opts o = spann_opts(m, codec, 0);
    double got;

    ann_make("s.ann", &b, &o);
    check_index("s.ann");
    got = ann_recall("s.ann", &b, m, K, all, cpu_detect(), 2, true);
    T_CHECKF(got >= 0.97, "cloud %d of %s, dim %u, %s, %s: %.4f of what there is", kind,
             vec_type_name(type), dim, vec_metric_name(m), codec ? codec : "default", got);
    found += got;
    asked++;
    got = ann_recall("s.ann", &b, m, K, 16, cpu_detect(), 2, false);
    T_CHECKF(got >= 0.3, "cloud %d of %s, dim %u, %s, %s: %.3f in 16 lists", kind,
             vec_type_name(type), dim, vec_metric_name(m), codec ? codec : "default", got);
    ann_base_free(&b);
}

static void try_clouds(void)
{
    for (enum data_kind kind = 0; kind < DATA_KINDS; kind++) {
        try_cloud(kind, VEC_F32, 13, VEC_L2, NULL);
        try_cloud(kind, VEC_F32, 40, VEC_IP, NULL);
        try_cloud(kind, VEC_I8, 9, VEC_L2, NULL);
    }
    try_cloud(DATA_NORMAL, VEC_F32, 31, VEC_COSINE, NULL);
    try_cloud(DATA_DECAY, VEC_F16, 40, VEC_COSINE, "lvq4x8");
    try_cloud(DATA_OFFSET, VEC_U8, 20, VEC_COSINE, "sq8");
    try_cloud(DATA_DECAY, VEC_F32, 24, VEC_L2, "pq24x8");
    try_cloud(DATA_NORMAL, VEC_F32, 1, VEC_L2, NULL);
    T_CHECKF(found >= 0.995 * asked, "in all %.5f of what there is", found / asked);
}

/* Without vectors scores are those of the codes, and few rows are missed. */
static void try_bare(void)
{
    for (enum vec_metric m = VEC_L2; m <= VEC_COSINE; m++) {
        struct ann_base b = ann_base_of(DATA_NORMAL, VEC_F32, ROWS, DIM);
        struct ann_build_opts o = spann_opts(m, NULL, 100);
        double got;

        o.no_vectors = true;
        ann_make("s.ann", &b, &o);
        check_index("s.ann");
        got = ann_recall("s.ann", &b, m, K, all, cpu_detect(), 2, false);
        T_CHECKF(got >= 0.93, "%s without vectors: %.4f", vec_metric_name(m), got);
        ann_base_free(&b);
    }
}

/* Codes in memory say which vectors to read: with all of them read nothing is missed, and on the
 * disk is nothing else. */
static void try_resident(enum vec_metric m, const char *codec, uint32_t dim, uint32_t replicas)
{
    struct ann_base b = ann_base_of(DATA_NORMAL, VEC_F32, ROWS, dim);
    struct ann_base q = ann_base_of(DATA_NORMAL, VEC_F32, QUERIES, dim);
    struct ann_build_opts o = spann_opts(m, codec, 0);
    struct ann_search_opts s = {.k = K, .effort = all, .rerank = ROWS};
    struct answer r;
    struct ann_info i;
    struct ann *a;
    double got = 0;

    o.resident = true;
    o.replicas = replicas;
    ann_make("s.ann", &b, &o);
    check_index("s.ann");
    a = ann_need("s.ann", cpu_detect());
    ann_info(a, &i);
    T_CHECKF(i.entry_mean >= 1 && (replicas || i.entry_mean <= 1), "%g lists a row", i.entry_mean);
    T_CHECK(i.apart == ROWS * dim * sizeof(float));
    r = answer_of(a, q.x, &s);
    for (size_t k = 0; k < QUERIES; k++)
        got += ann_look(&b, m, q.x + k * dim, r.id + k * K, r.score + k * K, K, true) / QUERIES;
    T_CHECKF(got > 0.9999, "%s, %s: %.4f of what there is", vec_metric_name(m),
             codec ? codec : "default", got);
    T_CHECK(r.stats.exact == (uint64_t)QUERIES * ROWS);
    s.rerank = 0; /* twice as many as are wanted, and some */
    s.share = 1;
    r = answer_of(a, q.x, &s);
    T_CHECK(r.stats.exact <= QUERIES * (2 * K + 4) && r.stats.pages <= 2 * r.stats.exact);
    ann_close(a);
    got = ann_recall("s.ann", &b, m, K, all, cpu_detect(), 2, true);
    T_CHECKF(got > 0.9, "%s, %s, usual effort: %.4f", vec_metric_name(m), codec ? codec : "default",
             got);
    ann_base_free(&b);
    ann_base_free(&q);
}

static void try_all_resident(void)
{
    for (enum vec_metric m = VEC_L2; m <= VEC_COSINE; m++)
        try_resident(m, NULL, DIM, 0);
    try_resident(VEC_L2, "lvq8", 7, 4);
    try_resident(VEC_IP, "sq8", 40, 0);
    try_resident(VEC_L2, "rabitq5", 33, 2);
}

/* ---- the same ---- */

static void same_file(const char *a, const char *b, const char *what)
{
    struct buf x = ann_bytes(a), y = ann_bytes(b);

    T_CHECKF(x.len == y.len && memcmp(x.p, y.p, x.len) == 0, "%s", what);
    buf_free(&x);
    buf_free(&y);
}

static void by_stream(const struct ann_base *b, const struct ann_build_opts *o)
{
    struct vec_write_opts how = {
        .format = VEC_FBIN, .type = VEC_F32, .dim = DIM, .rows = b->rows.rows};
    struct ann_build_report report;
    struct vec_writer *w = NULL;
    struct vec_reader *r = NULL;
    struct err e = {0};

    T_CHECK(vec_create(&w, "b.fbin", &how, &e) == 0 && vec_write(w, b->x, b->rows.rows, &e) == 0 &&
            vec_commit(&w, &e) == 0);
    T_CHECK(vec_open(&r, "b.fbin", NULL, &e) == 0);
    T_CHECKF(ann_build_stream("t.ann", r, o, &report, &e) == 0, "%s", e.msg);
    T_CHECK(report.rows == b->rows.rows);
    vec_close(r);
    same_file("s.ann", "t.ann", "a stream");
}

static void try_same(bool no_vectors, bool resident)
{
    static const uint64_t bounds[] = {1, 1 << 20, 64 << 20};
    struct ann_base b = ann_base_of(DATA_DECAY, VEC_F32, ROWS, DIM);
    struct ann_build_opts o = spann_opts(VEC_L2, NULL, 150);

    o.no_vectors = no_vectors;
    o.resident = resident;
    ann_make("s.ann", &b, &o);
    for (int threads = 1; threads <= 7; threads += threads == 1 ? 1 : 5) {
        o.threads = threads;
        ann_make("t.ann", &b, &o);
        same_file("s.ann", "t.ann", "threads");
    }
    for (int level = CPU_PORTABLE; level <= (int)cpu_detect(); level++) {
        o.cpu = (enum cpu_level)level;
        ann_make("t.ann", &b, &o);
        same_file("s.ann", "t.ann", "levels");
    }
    for (size_t i = 0; i < sizeof bounds / sizeof *bounds; i++) {
        o.memory = bounds[i];
        ann_make("t.ann", &b, &o);
        same_file("s.ann", "t.ann", "memory");
    }
    by_stream(&b, &o);
    ann_base_free(&b);
}

static void same_answer(const struct answer *a, const struct answer *b, const char *what)
{
    T_CHECKF(memcmp(a->id, b->id, sizeof a->id) == 0, "%s", what);
    T_CHECKF(memcmp(a->score, b->score, sizeof a->score) == 0, "%s", what);
    T_CHECKF(a->stats.lists == b->stats.lists && a->stats.exact == b->stats.exact, "%s", what);
}

static void try_ways(bool resident)
{
    struct ann_base b = ann_base_of(DATA_DECAY, VEC_F32, ROWS, DIM);
    struct ann_base q = ann_base_of(DATA_DECAY, VEC_F32, QUERIES, DIM);
    struct ann_build_opts o = spann_opts(VEC_L2, NULL, 150);
    struct ann_search_opts s = {.k = K, .effort = 20, .io = READS_PREAD, .share = 1};
    struct answer want, got;
    struct ann *a;

    o.resident = resident;
    ann_make("s.ann", &b, &o);
    a = ann_need("s.ann", cpu_detect());
    want = answer_of(a, q.x, &s);
    T_CHECKF(want.stats.lists == 20 * QUERIES, "%llu", (unsigned long long)want.stats.lists);
    T_CHECK(want.stats.pages > 0 && want.stats.bytes > 0 && want.stats.exact >= K * QUERIES);
    for (int i = 0; i < 24; i++) {
        s.io = i % 2 ? READS_AUTO : READS_PREAD;
        s.direct = i / 2 % 2;
        s.share = i / 4 % 2 ? 7 : 0;
        s.threads = 1 + i / 8;
        got = answer_of(a, q.x, &s);
        same_answer(&want, &got, "ways to read");
        T_CHECK(s.share > 0 || got.stats.pages < want.stats.pages);
    }
    ann_close(a);
    T_CHECK(ann_load(&a, "s.ann", cpu_detect(), 2, &(struct err){0}) == 0);
    got = answer_of(a, q.x, &s);
    same_answer(&want, &got, "loaded");
    ann_close(a);
    ann_base_free(&b);
    ann_base_free(&q);
}

/* With a slack fewer lists are read; with a large one all. */
static void try_slack(void)
{
    struct ann_base b = ann_base_of(DATA_DECAY, VEC_F32, ROWS, DIM);
    struct ann_base q = ann_base_of(DATA_DECAY, VEC_F32, QUERIES, DIM);
    struct ann_build_opts o = spann_opts(VEC_L2, NULL, 150);
    struct ann_search_opts s = {.k = K, .effort = 40};
    struct answer want, got;
    uint64_t before = 0;
    struct ann *a;

    ann_make("s.ann", &b, &o);
    a = ann_need("s.ann", cpu_detect());
    want = got = answer_of(a, q.x, &s);
    for (s.slack = 0.01F; s.slack < 200; s.slack *= 3) {
        got = answer_of(a, q.x, &s);
        T_CHECK(got.stats.lists >= before && got.stats.lists <= want.stats.lists);
        before = got.stats.lists;
        s.share = 3;
    }
    same_answer(&want, &got, "a large slack");
    s.slack = 0.01F;
    got = answer_of(a, q.x, &s);
    T_CHECK(got.stats.lists < want.stats.lists * 7 / 10);
    ann_close(a);
    ann_base_free(&b);
    ann_base_free(&q);
}

static double lists_of_a_row(const struct ann_base *b, uint32_t replicas)
{
    struct ann_build_opts o = spann_opts(VEC_L2, NULL, 150);
    struct ann_info i;
    struct ann *a;

    o.replicas = replicas;
    ann_make("s.ann", b, &o);
    a = ann_need("s.ann", cpu_detect());
    ann_info(a, &i);
    ann_close(a);
    T_CHECK(i.lists == 150 && i.vectors && i.apart > 0);
    return i.entry_mean;
}

/* In two dimensions there is room for about ten heads of which none hides another. */
static void try_closure(void)
{
    struct ann_base b = ann_base_of(DATA_NORMAL, VEC_F32, ROWS, 2);
    double one = lists_of_a_row(&b, 1), most = lists_of_a_row(&b, ANN_REPLICAS_MOST);

    T_CHECKF(one >= 1 && one <= 1, "%g", one);
    T_CHECKF(most > 5 && most < 13, "%g", most);
    ann_base_free(&b);
}

/* ---- small and absurd ---- */

static void try_small(void)
{
    for (enum vec_metric m = VEC_L2; m <= VEC_COSINE; m++)
        for (size_t n = 0; n < 40; n += n < 4 ? 1 : 7) {
            struct ann_base b = ann_base_of(DATA_NORMAL, VEC_F32, n, 5);
            struct ann_build_opts o = spann_opts(m, NULL, n % 3 ? 0 : (uint32_t)n + 3);
            double got;

            o.replicas = 1 + (uint32_t)n % 9;
            ann_make("s.ann", &b, &o);
            check_index("s.ann");
            got = ann_recall("s.ann", &b, m, K, all, cpu_detect(), 2, true);
            T_CHECKF(got > 0.99, "%zu rows, %s: %.3f", n, vec_metric_name(m), got);
            ann_base_free(&b);
        }
}

/* More equal rows than a list should have, and some others. */
static void try_equal(void)
{
    struct ann_base b = ann_base_of(DATA_NORMAL, VEC_F32, 3000, 6);
    struct ann_build_opts o = spann_opts(VEC_L2, NULL, 300);
    double got;

    for (size_t i = 1; i < 2500; i++)
        memcpy((float *)b.p + i * 6, b.p, 6 * sizeof(float));
    memcpy(b.x, b.p, 3000 * 6 * sizeof(float));
    ann_make("s.ann", &b, &o);
    check_index("s.ann");
    got = ann_recall("s.ann", &b, VEC_L2, K, all, cpu_detect(), 2, true);
    T_CHECKF(got > 0.99, "equal rows: %.3f", got);
    ann_base_free(&b);
}

/* Lengths from nothing to what no f32 can square. */
static void try_huge(void)
{
    for (enum vec_metric m = VEC_L2; m <= VEC_COSINE; m++) {
        struct ann_base b = ann_base_of(DATA_NORMAL, VEC_F32, 500, 7);
        struct ann_build_opts o = spann_opts(m, NULL, 0);
        float *x = b.p;

        for (size_t i = 0; i < 500; i++)
            for (size_t k = 0; k < 7; k++)
                x[i * 7 + k] *= powf(10, (float)(i % 70) - 35);
        x[3] = 3e38F;
        memcpy(b.x, x, 500 * 7 * sizeof *x);
        ann_make("s.ann", &b, &o);
        check_index("s.ann");
        ann_recall("s.ann", &b, m, K, all, cpu_detect(), 2, false);
        ann_base_free(&b);
    }
}

static void try_refused(void)
{
    struct ann_base b = ann_base_of(DATA_NORMAL, VEC_F32, 9, 4);
    struct ann_build_opts o = spann_opts(VEC_COSINE, NULL, 0);
    struct ann_build_report r;
    struct ann_update *u = NULL;
    struct err e = {0};

    memset((float *)b.p + 12, 0, 4 * sizeof(float));
    T_CHECK(ann_build("r.ann", &b.rows, &o, &r, &e) == ERR_INPUT && strstr(e.msg, "row 3"));
    o.metric = VEC_L2;
    o.codec = "qavq4";
    T_CHECKF(ann_build("r.ann", &b.rows, &o, &r, &e) == ERR_USAGE, "%s", e.msg);
    o.codec = "lvq9";
    T_CHECK(ann_build("r.ann", &b.rows, &o, &r, &e) == ERR_USAGE);
    T_CHECK(access("r.ann", F_OK) != 0);
    o.codec = NULL;
    ann_make("r.ann", &b, &o);
    T_CHECK(ann_update_open(&u, "r.ann", cpu_detect(), &e) == ERR_USAGE && strstr(e.msg, "spann"));
    ann_base_free(&b);
}

/* ---- while it is open ---- */

static void flip(const char *path, uint64_t at)
{
    int fd = open(path, O_RDWR);
    char c = 0;

    T_CHECK(pread(fd, &c, 1, (off_t)at) == 1);
    c ^= 4;
    T_CHECK(pwrite(fd, &c, 1, (off_t)at) == 1);
    close(fd);
}

static struct ann_section section_of(const struct ann *a, const char *id)
{
    struct ann_section s = {0};

    for (size_t i = 0; ann_section(a, i, &s); i++)
        if (strcmp(s.id, id) == 0)
            return s;
    T_CHECKF(false, "no section %s", id);
    return s;
}

static void expect(const struct ann *a, const float *q, const char *what)
{
    struct ann_search_opts o = {.k = K, .effort = all};
    struct answer r;

    for (int i = 0; i < 4; i++) {
        struct err e = {0};

        o.io = i % 2 ? READS_AUTO : READS_PREAD;
        o.threads = 1 + i / 2;
        T_CHECK(ann_search(a, &o, q, QUERIES, r.id, r.score, NULL, &e) == ERR_CORRUPT);
        T_CHECKF(strstr(e.msg, what), "%s", e.msg);
    }
}

/* A list whose second row is its first once more, under right checksums. */
static void repeat_row(const char *path, const char *to)
{
    struct ann *a = ann_need(path, cpu_detect());
    const struct spann *v = a->state;
    struct ann_section s = section_of(a, "POST");
    uint8_t *p = data_need(malloc(s.len)), *list;
    struct sect_writer *w = NULL;
    struct err e = {0};
    uint64_t sum;
    uint32_t l = 0;

    while (v->size[l] < 2)
        l++;
    T_CHECK(sect_read(a->file, "POST", 0, p, s.len, &e) == 0);
    list = p + v->at[l];
    memcpy(list + spann_rows_at(v->codec, v->size[l]) + 4,
           list + spann_rows_at(v->codec, v->size[l]), 4);
    sum = hash64(list, spann_sum_at(v->codec, v->size[l]));
    memcpy(list + spann_sum_at(v->codec, v->size[l]), &sum, sizeof sum);
    T_CHECK(sect_create(&w, to, "ann ", 1, 0, &e) == 0);
    T_CHECK(sect_copy(w, a->file, "POST", &e) == 0);
    T_CHECK(sect_put(w, "POST", SECT_REQUIRED | SECT_APART, p, s.len, &e) == 0);
    T_CHECK(sect_commit(&w, &e) == 0);
    free(p);
    ann_close(a);
}

/* Homes that are others, or none, under a right checksum: they are found out, and searched. */
static void move_homes(const struct ann_base *b, uint32_t by)
{
    struct ann *a = ann_need("s.ann", cpu_detect());
    const struct spann *v = a->state;
    uint32_t *home = data_need(malloc(a->rows * sizeof *home));
    uint64_t bits[12] = {UINT64_MAX, UINT64_MAX}, id[K];
    struct ann_allowed m = {.bits = bits, .count = 128};
    struct ann_search_opts o = {.k = K, .effort = 2, .allowed = &m};
    struct sect_writer *w = NULL;
    struct err e = {0};
    float score[K];

    for (uint64_t i = 0; i < a->rows; i++)
        home[i] = by < v->head.lists ? (v->home[i] + by) % v->head.lists : by;
    T_CHECK(sect_create(&w, "moved.ann", "ann ", 1, 0, &e) == 0);
    T_CHECK(sect_copy(w, a->file, "HOME", &e) == 0);
    T_CHECK(sect_put(w, "HOME", SECT_REQUIRED, home, a->rows * sizeof *home, &e) == 0);
    T_CHECK(sect_commit(&w, &e) == 0);
    ann_close(a);
    a = ann_need("moved.ann", cpu_detect());
    T_CHECKF(ann_check(a, &e) == ERR_CORRUPT && strstr(e.msg, "'HOME'"), "%s", e.msg);
    T_CHECKF(ann_search(a, &o, b->x, 1, id, score, NULL, &e) == 0, "%s", e.msg);
    for (size_t i = 0; i < K && id[i] != NEIGH_NONE; i++)
        T_CHECK(id[i] < 128);
    ann_close(a);
    free(home);
}

/* Lists in memory are looked at by the check of the file; what is read of the disk still is when it
 * is read. */
static void try_resident_damage(void)
{
    struct ann_base b = ann_base_of(DATA_DECAY, VEC_F32, 700, DIM);
    struct ann_base q = ann_base_of(DATA_DECAY, VEC_F32, QUERIES, DIM);
    struct ann_build_opts o = spann_opts(VEC_L2, NULL, 30);
    struct ann_section post, vecs;
    struct ann *a;
    struct err e = {0};

    o.resident = true;
    ann_make("s.ann", &b, &o);
    a = ann_need("s.ann", cpu_detect());
    post = section_of(a, "POST");
    vecs = section_of(a, "VECS");
    ann_close(a);
    for (uint64_t at = 0; at < post.len; at += 397) {
        struct ann_search_opts s = {.k = K, .effort = all};

        flip("s.ann", post.offset + at);
        a = ann_need("s.ann", cpu_detect());
        T_CHECK(ann_check(a, &e) == ERR_CORRUPT && strstr(e.msg, "'POST'"));
        answer_of(a, q.x, &s); /* others, maybe, but none that are not there */
        ann_close(a);
        flip("s.ann", post.offset + at);
    }
    T_CHECK(ann_load(&a, "s.ann", cpu_detect(), 1, &e) == 0);
    T_CHECK(truncate("s.ann", (off_t)(vecs.offset + vecs.len / 2)) == 0);
    expect(a, q.x, "truncated");
    ann_close(a);
    ann_base_free(&b);
    ann_base_free(&q);
}

static void try_damage(void)
{
    struct ann_base b = ann_base_of(DATA_DECAY, VEC_F32, 700, DIM);
    struct ann_base same = ann_base_of(DATA_CONSTANT, VEC_F32, 700, DIM);
    struct ann_base q = ann_base_of(DATA_DECAY, VEC_F32, QUERIES, DIM);
    struct ann_build_opts o = spann_opts(VEC_L2, NULL, 30);
    struct ann_section s;
    struct ann *a;
    struct err e = {0};

    ann_make("s.ann", &same, &o); /* most lists are empty */
    for (uint32_t by = 1; by < 9; by++)
        move_homes(&same, by);
    ann_make("s.ann", &b, &o);
    move_homes(&b, 7);
    move_homes(&b, 1000000);
    repeat_row("s.ann", "twice.ann");
    a = ann_need("twice.ann", cpu_detect());
    T_CHECKF(ann_check(a, &e) == ERR_CORRUPT && strstr(e.msg, "a row twice"), "%s", e.msg);
    ann_close(a);
    a = ann_need("s.ann", cpu_detect());
    s = section_of(a, "POST");
    for (uint64_t at = 0; at < s.len; at += 997) {
        flip("s.ann", s.offset + at);
        T_CHECK(ann_check(a, &e) == ERR_CORRUPT && strstr(e.msg, "'POST'"));
        flip("s.ann", s.offset + at);
    }
    flip("s.ann", s.offset);
    expect(a, q.x, "'POST'");
    flip("s.ann", s.offset);
    flip("s.ann", section_of(a, "VECS").offset + 5);
    T_CHECK(ann_check(a, &e) == ERR_CORRUPT && strstr(e.msg, "'VECS'"));
    ann_close(a);
    T_CHECK(ann_load(&a, "s.ann", cpu_detect(), 1, &e) == 0); /* what is mapped would be gone */
    T_CHECK(truncate("s.ann", (off_t)(s.offset + s.len / 2)) == 0);
    expect(a, q.x, "truncated");
    T_CHECK(ann_check(a, &e) == ERR_CORRUPT);
    ann_close(a);
    ann_base_free(&b);
    ann_base_free(&same);
    ann_base_free(&q);
}

/* ---- no io_uring ---- */

static void forbid_uring(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 1 /* EPERM */),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog prog = {4, code};

    T_CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
            prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &prog) == 0);
}

static void try_forbidden(void)
{
    struct ann_base b = ann_base_of(DATA_DECAY, VEC_F32, ROWS, DIM);
    struct ann_base q = ann_base_of(DATA_DECAY, VEC_F32, QUERIES, DIM);
    struct ann_build_opts o = spann_opts(VEC_L2, NULL, 150);
    struct ann_search_opts s = {.k = K, .effort = 20};
    struct answer want, got;
    struct err e = {0};
    struct ann *a;

    ann_make("s.ann", &b, &o);
    a = ann_need("s.ann", cpu_detect());
    want = answer_of(a, q.x, &s);
    forbid_uring();
    got = answer_of(a, q.x, &s);
    same_answer(&want, &got, "io_uring is forbidden");
    s.io = READS_URING;
    T_CHECK(ann_search(a, &s, q.x, QUERIES, got.id, got.score, NULL, &e) == ERR_IO &&
            strstr(e.msg, "io_uring"));
    ann_close(a);
    ann_base_free(&b);
    ann_base_free(&q);
}

int main(void)
{
    tmp_enter();
    try_clouds();
    try_bare();
    try_all_resident();
    try_same(false, false);
    try_same(true, false);
    try_same(false, true);
    try_ways(false);
    try_ways(true);
    try_slack();
    try_closure();
    try_small();
    try_equal();
    try_huge();
    try_refused();
    try_damage();
    try_resident_damage();
    try_forbidden(); /* the last: it is for good */
    tmp_leave();
    return t_done("spann");
}
