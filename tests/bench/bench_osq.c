/* bench_osq.c - indexes of the kind osq, and others, under predicates of 8 % selectivity.
 *
 *   bench_osq make DIR BASE QUERIES     attributes, predicates and truth
 *   bench_osq run IDX QUERIES DIR [KEEP NEAR FACTOR]    l2; KEEP is the effort of any kind
 *   bench_osq bounds IDX QUERIES        lower bounds of an index of kind osq against distances
 *   bench_osq launch PROCESSES MIB FAN...    how long until all processes of a tree run, that have
 * so much memory; the first fan-out is what others are compared with
 *
 * Why a tree of processes does not start sooner: the paper's functions are started by a call over
 * the network that whoever makes it waits for, and 12 waits one after the other are fewer than 84.
 * To start a process here is work, and a process that is started alone keeps both cores busy, the
 * parent's with the next fork(), the other with the child's faults and its end. 84 of them take
 * 24.3 ms on one core and 15.7 on two, so no order of starting takes less than 24.3 / 2 = .78 of
 * that; the tree, which is 27.6 ms of work, takes 1.00. For .35 there would have to be 4.4 cores.
 *
 * There are four attributes of 50 values, uniform and independent; a predicate asks for 26 or 27
 * neighbouring values of each, which .52^2 .54^2 = 7.9 % of the rows have, and every query has one
 * of its own. Predicates are evaluated before the clock of the search runs; what that takes is
 * said apart. The first QUERIES_MOST queries are asked.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "found.h"
#include "ann/osq_index.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/tree.h"
#include "vec/knn.h"
#include "vec/vec.h"

enum { K = 10, QUERIES_MOST = 1000, SEED = 6, ATTRS = 4, VALUES = 50 };

static FILE *open_at(const char *dir, const char *name, const char *mode)
{
    char path[4096];
    FILE *f;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, mode);
    if (!f)
        bench_stop(path);
    return f;
}

/* ---- making ---- */

static uint32_t width_of(int attr)
{
    return attr < 2 ? 27 : 26;
}

static void write_attrs(const char *dir, uint64_t rows, uint8_t *value)
{
    FILE *f = open_at(dir, "attrs.tsv", "w");
    uint64_t state = SEED;

    fprintf(f, "a\tb\tc\td\n");
    for (uint64_t i = 0; i < rows; i++)
        for (int j = 0; j < ATTRS; j++) {
            value[i * ATTRS + (uint64_t)j] = (uint8_t)rand_below(&state, VALUES);
            fprintf(f, "%u%c", value[i * ATTRS + (uint64_t)j], j + 1 < ATTRS ? '\t' : '\n');
        }
    if (fclose(f))
        bench_stop("attributes could not be written");
}

static bool is_true(const uint8_t *value, const uint32_t *from)
{
    for (int j = 0; j < ATTRS; j++)
        if (value[j] < from[j] || value[j] >= from[j] + width_of(j))
            return false;
    return true;
}

/* The K best of the rows for which it is true, looking at all of them. */
static void truth(const struct vec_matrix *base, const uint8_t *value, const uint32_t *from,
                  const float *q, int32_t id[K])
{
    const struct vec_ops *ops = ops_for(cpu_detect());
    double key[K];
    unsigned n = 0;

    for (uint64_t i = 0; i < base->rows; i++) {
        double v;
        unsigned j;

        if (!is_true(value + i * ATTRS, from))
            continue;
        v = knn_key(ops, VEC_L2, base->v + i * base->dim, q, base->dim, 1);
        if (n == K && v >= key[K - 1])
            continue;
        for (j = n < K ? n++ : K - 1; j > 0 && key[j - 1] > v; j--) {
            key[j] = key[j - 1];
            id[j] = id[j - 1];
        }
        key[j] = v;
        id[j] = (int32_t)i;
    }
    while (n < K)
        id[n++] = -1;
}

static void make(const char *dir, const char *base_path, const char *query_path)
{
    static const char names[] = "abcd";
    struct vec_matrix base, query;
    struct err e = {0};
    uint64_t state = SEED + 1;
    uint8_t *value;
    FILE *where, *ids;

    if (vec_load_f32(&base, base_path, NULL, 0, false, &e) < 0)
        bench_stop(e.msg);
    found_queries(&query, query_path, QUERIES_MOST);
    value = bench_need(malloc(base.rows * ATTRS));
    write_attrs(dir, base.rows, value);
    where = open_at(dir, "where.jsonl", "w");
    ids = open_at(dir, "truth.ivecs", "wb");
    for (uint64_t i = 0; i < query.rows; i++) {
        uint32_t from[ATTRS];
        int32_t row[1 + K] = {K};

        for (int j = 0; j < ATTRS; j++) {
            from[j] = (uint32_t)rand_below(&state, VALUES - width_of(j) + 1);
            fprintf(where, "%s%c between %u and %u%s", j ? " and " : "\"", names[j], from[j],
                    from[j] + width_of(j) - 1, j + 1 < ATTRS ? "" : "\"\n");
        }
        truth(&base, value, from, query.v + i * query.dim, row + 1);
        if (fwrite(row, sizeof row, 1, ids) != 1)
            bench_stop("the truth could not be written");
    }
    if (fclose(where) || fclose(ids))
        bench_stop("predicates could not be written");
    vec_matrix_free(&base);
    vec_matrix_free(&query);
    free(value);
}

/* ---- measuring ---- */

struct run {
    struct ann *a;
    struct vec_matrix query;
    struct neigh truth;
    uint64_t *bits; /* [queries][words] */
    struct ann_allowed *allowed;
};

/* All predicates, whose rows are copied: they are not held at once. */
static void evaluate(struct run *r, const char *dir)
{
    struct ann_predicate_file *f = NULL;
    struct ann_predicates *p = NULL;
    const struct ann_predicate *text;
    struct ann_info info;
    struct err e = {0};
    char path[4096];
    uint64_t words, n, done = 0, count = 0, evaluated;
    double seconds;

    ann_info(r->a, &info);
    words = (info.rows + 63) / 64;
    n = r->query.rows;
    r->bits = bench_need(malloc(n * words * sizeof *r->bits));
    r->allowed = bench_need(calloc(n, sizeof *r->allowed));
    snprintf(path, sizeof path, "%s/where.jsonl", dir);
    if (ann_predicates_new(&p, r->a, 0, 1, &e) < 0 || ann_predicate_file_open(&f, path, &e) < 0 ||
        ann_predicate_file_read(f, n, &text, &e) != (int64_t)n)
        bench_stop(e.msg);
    for (uint64_t at = 0; at < n; at += done) {
        if (ann_predicates_rows(p, text + at, n - at, r->allowed + at, &done, &e) < 0)
            bench_stop(e.msg);
        for (uint64_t i = at; i < at + done; i++) {
            memcpy(r->bits + i * words, r->allowed[i].bits, words * sizeof *r->bits);
            r->allowed[i].bits = r->bits + i * words;
            count += r->allowed[i].count;
        }
    }
    ann_predicates_stats(p, &evaluated, &seconds);
    printf("%llu predicates, %.1f us each, %.2f %% of the rows\n", (unsigned long long)evaluated,
           1e6 * seconds / (double)evaluated, 100 * (double)count / (double)n / (double)info.rows);
    ann_predicate_file_close(f);
    ann_predicates_free(p);
}

/* Bytes of an index beside its vectors, a row. */
static void say_bytes(const struct run *r)
{
    struct ann_section s;
    struct ann_info i;
    uint64_t vectors = 0;
    double rest;

    ann_info(r->a, &i);
    for (size_t at = 0; ann_section(r->a, at, &s); at++)
        if (memcmp(s.id, "VECS", 4) == 0)
            vectors = s.len;
    rest = (double)(i.bytes - vectors) / (double)i.rows;
    printf("%s %s, %u lists, %llu rows: %.2f bytes a row beside vectors; 5 d + 32 bits are %.2f\n",
           i.kind, i.codec, i.lists, (unsigned long long)i.rows, rest, (5.0 * i.dim + 32) / 8);
}

static void search(const struct run *r, struct ann_search_opts *o, bool filter)
{
    struct ann_search_stats best;
    uint64_t n = r->query.rows, *id = bench_need(malloc(n * K * sizeof *id));

    o->allowed = filter ? r->allowed : NULL;
    o->allowed_each = filter;
    best = found_best(r->a, o, &r->query, id);
    printf("effort %u near %g factor %u  recall@%d %.4f  qps %.0f  lists %.1f  rows %.0f  codes "
           "%.0f (%.1f %% gone before)  vectors %.1f\n",
           o->effort, (double)o->near_lists, o->factor, K,
           filter ? found_share(r->truth.id, r->truth.k, id, n, K) : 0.0, (double)n / best.seconds,
           (double)best.hops / (double)n, (double)best.signs / (double)n,
           (double)best.keys / (double)n,
           best.signs ? 100 - 100 * (double)best.keys / (double)best.signs : 0.0,
           (double)best.exact / (double)n);
    free(id);
}

static void run(int argc, char **argv)
{
    struct run r = {0};
    struct err e = {0};
    char path[4096];
    struct ann_search_opts o = {.k = K, .threads = 1};

    if (ann_load(&r.a, argv[2], cpu_detect(), 1, &e) < 0)
        bench_stop(e.msg);
    found_queries(&r.query, argv[3], QUERIES_MOST);
    snprintf(path, sizeof path, "%s/truth.ivecs", argv[4]);
    if (neigh_load(&r.truth, path, NEIGH_AUTO, &e) < 0)
        bench_stop(e.msg);
    say_bytes(&r);
    evaluate(&r, argv[4]);
    for (int i = 5; i == 5 || i + 2 < argc; i += 3) {
        if (i + 2 < argc) {
            o.effort = (uint32_t)atoi(argv[i]);
            o.near_lists = (float)atof(argv[i + 1]);
            o.factor = (uint32_t)atoi(argv[i + 2]);
        }
        search(&r, &o, true);
    }
    neigh_free(&r.truth);
    vec_matrix_free(&r.query);
    free(r.bits);
    free(r.allowed);
    ann_close(r.a);
}

/* ---- lower bounds ---- */

enum { PAIR_QUERIES = 1000, PAIR_ROWS = 1000 };

/* Pairs of a query and rows spread over an index; by codes as they are scanned. */
static void bounds(const char *index, const char *queries)
{
    struct vec_matrix query;
    struct ann *a = NULL;
    struct err e = {0};
    const struct osq_index *v;
    const struct codec *c;
    uint8_t *code, *packed;
    void *table;
    float *q, *x, *key, *low;
    double tight = 0, worst = -INFINITY;
    uint64_t pairs = 0, above = 0;

    if (ann_open(&a, index, cpu_detect(), &e) < 0)
        bench_stop(e.msg);
    found_queries(&query, queries, QUERIES_MOST);
    v = a->state;
    c = v->codec;
    code = bench_need(malloc(PAIR_ROWS * (size_t)c->code_bytes));
    packed = bench_need(codec_array(c->spec.kind->packed_bytes(c, PAIR_ROWS) + 64, 1, &e));
    table = bench_need(codec_array(c->spec.kind->query_bytes(c), 1, &e));
    q = bench_need(codec_array(c->dim, sizeof *q, &e));
    x = bench_need(codec_array((size_t)PAIR_ROWS * c->dim, sizeof *x, &e));
    key = bench_need(malloc(2 * PAIR_ROWS * sizeof *key));
    low = key + PAIR_ROWS;
    for (uint64_t i = 0; i < PAIR_ROWS; i++) {
        uint64_t place = i * v->rows / PAIR_ROWS;
        struct vec_rows row = {a->vectors, v->rows, c->dim, a->form.type, a->vector_stride};

        memcpy(code + i * c->code_bytes, v->code + place * c->code_bytes, c->code_bytes);
        ivf_row(&v->space, &row, place, x + i * c->dim);
    }
    c->spec.kind->pack(c, code, c->code_bytes, PAIR_ROWS, packed);
    for (uint64_t j = 0; j < PAIR_QUERIES && j < query.rows; j++) {
        const void *tables = table;

        ivf_query(&v->space, query.v + j * c->dim, q);
        c->spec.kind->query_init(c, VEC_L2, q, table);
        c->spec.kind->scan(c, &tables, 1, packed, PAIR_ROWS, key, low, PAIR_ROWS);
        for (uint64_t i = 0; i < PAIR_ROWS; i++) {
            double is = v->space.ops->l2_f64(x + i * c->dim, q, c->dim);

            above += (double)low[i] > is;
            worst = fmax(worst, sqrt((double)low[i]) - sqrt(is));
            tight += sqrt((double)low[i] / is);
            pairs++;
        }
    }
    printf("%llu pairs: %llu bounds above the distance, at most %g; .%03.0f of it on average\n",
           (unsigned long long)pairs, (unsigned long long)above, worst,
           1000 * tight / (double)pairs);
    ann_close(a);
}

/* ---- how processes start ---- */

struct launch {
    double began, last; /* when the last of a part of the tree ran */
};

static int launched(void *ctx, uint32_t node, struct err *e)
{
    struct launch *l = ctx;

    (void)node;
    (void)e;
    l->last = now_s() - l->began;
    return 0;
}

static int take_last(void *ctx, const void *p, size_t len, struct err *e)
{
    struct launch *l = ctx;
    double last = 0;

    (void)e;
    memcpy(&last, p, len < sizeof last ? len : sizeof last);
    l->last = last > l->last ? last : l->last;
    return 0;
}

static int give_last(void *ctx, struct buf *out, struct err *e)
{
    const struct launch *l = ctx;

    return buf_add(out, &l->last, sizeof l->last, e);
}

static double launch_once(uint32_t processes, uint32_t fan)
{
    struct launch l = {.began = now_s()};
    const struct tree t = {.nodes = processes + 1,
                           .fan = fan,
                           .what = "process",
                           .ctx = &l,
                           .work = launched,
                           .take = take_last,
                           .give = give_last};
    struct err e = {0};
    int rc = tree_run(&t, &e);

    if (rc == TREE_CHILD)
        _exit(0);
    if (rc < 0)
        bench_stop(e.msg);
    return l.last;
}

/* What starts them are as many steps, each as long, as one process after the other does. */
static uint32_t steps_of(uint32_t processes, uint32_t fan)
{
    uint32_t steps = 0;

    for (uint64_t level = fan, left = processes; left > 0; level *= fan) {
        uint64_t here = level < left ? level : left;

        steps += here < fan ? (uint32_t)here : fan;
        left -= here;
    }
    return steps;
}

static void launch(int argc, char **argv)
{
    uint32_t processes = (uint32_t)atoi(argv[2]);
    size_t bytes = (size_t)atoi(argv[3]) << 20;
    char *ballast = bench_need(malloc(bytes + 1));
    double one = 0;

    memset(ballast, 1, bytes + 1);
    for (int i = 4; i < argc; i++) {
        uint32_t fan = (uint32_t)atoi(argv[i]);
        double best = 1e9;

        for (int pass = 0; pass < 20; pass++) {
            double t = launch_once(processes, fan);

            best = t < best ? t : best;
        }
        one = i == 4 ? best : one;
        printf("%u processes, fan-out %u: all run after %.2f ms, %.2f of the first; %u starts one "
               "after the other\n",
               processes, fan, 1e3 * best, best / one, steps_of(processes, fan));
    }
    free(ballast);
}

int main(int argc, char **argv)
{
    if (argc == 5 && strcmp(argv[1], "make") == 0)
        make(argv[2], argv[3], argv[4]);
    else if (argc >= 5 && strcmp(argv[1], "run") == 0)
        run(argc, argv);
    else if (argc == 4 && strcmp(argv[1], "bounds") == 0)
        bounds(argv[2], argv[3]);
    else if (argc >= 5 && strcmp(argv[1], "launch") == 0)
        launch(argc, argv);
    else {
        fprintf(stderr, "usage: bench_osq make DIR BASE QUERIES\n"
                        "       bench_osq run IDX QUERIES DIR [KEEP NEAR FACTOR]...\n"
                        "       bench_osq bounds IDX QUERIES\n"
                        "       bench_osq launch PROCESSES MIB FAN...\n");
        return 2;
    }
    return 0;
}
