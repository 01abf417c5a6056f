/* prop_hqi.c - an index made for a workload. With all lists probed a search must find, for any
 * predicate, what looking at every row finds; with one list it must find k rows that are allowed
 * where there are k. What nodes say of a predicate is held against its rows. Batches are the same
 * as queries alone; the same bytes for any number of threads and on every level; workloads that
 * are absurd, and none.
 */
#include "ann_data.h"
#include "attrs_data.h"

#include "ann/hqi.h"

enum { ROWS = 2000, DIM = 11, QUERIES = 60, K = 10, WORK = 300 };

static struct err err;

/* Of the language what is another matter for nodes; the first ones are the workload. */
static const char *const texts[] = {
    "live",
    "year >= 2020 and genre in (\"rock\",\"jazz\")",
    "not genre = \"rock\"",
    "tags has \"a\" and year < 2010",
    "score > 1.5 or live",
    "genre is null",
    "`odd name` = 3",
    "true",
    "year between 1995 and 2000",
    "not (year < 2000 or live)",
    "not tags has \"b\"",
    "tags is empty or tags is null",
    "not tags is empty and not live",
    "big = -1 or big >= 9007199254740993",
    "key = \"key7919\"",
    "key >= \"key5\" and score is not null",
    "nothing = 5",
    "nothing is null",
    "year > 9999",
    "genre != \"a\\\\b\" and year in (1990, 1999, 2005, 2013, 2021)",
    "not tags has any (\"rare7\", \"rare8\")",
    "tags has any (\"rare7\", \"rare8\")",
};
enum { TEXTS = sizeof texts / sizeof *texts, ASKED = 8 };

struct set {
    struct ann_base base;
    struct ann_attrs attrs;
    struct ann_predicate where[WORK];
    struct ann_build_opts o;
};

static const char *text_of(size_t i)
{
    return texts[i % TEXTS];
}

static struct set set_of(size_t rows, enum vec_type type, enum vec_metric m, enum data_kind kind)
{
    struct table t = table_make(rows, 40);
    struct set s = {.base = ann_base_of(kind, type, rows, DIM)};

    table_attrs(&t, &s.attrs.attrs, cpu_detect());
    free(t.cell);
    for (size_t i = 0; i < WORK; i++)
        s.where[i] = (struct ann_predicate){text_of(i % ASKED), strlen(text_of(i % ASKED))};
    s.o = (struct ann_build_opts){.kind = ANN_HQI,
                                  .metric = m,
                                  .least = 40,
                                  .n_wheres = WORK,
                                  .threads = 2,
                                  .cpu = cpu_detect()};
    return s;
}

/* Pointers into s itself. */
static void make(struct set *s, const char *path)
{
    s->o.wheres = s->o.n_wheres ? s->where : NULL;
    s->o.attrs = &s->attrs;
    ann_make(path, &s->base, &s->o);
}

static void set_free(struct set *s)
{
    attrs_close(&s->attrs.attrs);
    ann_base_free(&s->base);
}

/* ---- what is found ---- */

struct asked {
    struct ann *a;
    struct ann_base q;
    struct ann_predicates *predicates;
    struct ann_predicate text[QUERIES];
    struct ann_allowed allowed[QUERIES];
    uint64_t id[QUERIES * K], other[QUERIES * K];
    float score[QUERIES * K], other_score[QUERIES * K];
};

static struct asked *ask(const char *path, enum cpu_level cpu)
{
    struct asked *t = data_need(calloc(1, sizeof *t));
    uint64_t done;

    t->a = ann_need(path, cpu);
    t->q = ann_base_of(DATA_NORMAL, VEC_F32, QUERIES, DIM);
    T_CHECK(ann_predicates_new(&t->predicates, t->a, 0, 2, &err) == 0);
    for (size_t i = 0; i < QUERIES; i++)
        t->text[i] = (struct ann_predicate){text_of(i * 7), strlen(text_of(i * 7))};
    T_CHECKF(ann_predicates_rows(t->predicates, t->text, QUERIES, t->allowed, &done, &err) == 0 &&
                 done == QUERIES,
             "%s", err.msg);
    return t;
}

static void asked_free(struct asked *t)
{
    ann_predicates_free(t->predicates);
    ann_close(t->a);
    ann_base_free(&t->q);
    free(t);
}

static void search(struct asked *t, uint32_t effort, int threads, bool batch, uint64_t *id,
                   float *score)
{
    struct ann_search_opts o = {.k = K,
                                .effort = effort,
                                .threads = threads,
                                .allowed = t->allowed,
                                .allowed_each = true,
                                .batch = batch};
    struct ann_search_stats stats = {0};
    struct ann_info info;
    uint64_t rows = 0;

    T_CHECKF(ann_search(t->a, &o, t->q.x, QUERIES, id, score, &stats, &err) == 0, "%s", err.msg);
    for (size_t i = 0; i < QUERIES; i++)
        rows += t->allowed[i].count;
    ann_info(t->a, &info);
    if (info.vectors && effort == ANN_EFFORT_MOST) /* no bound, which may be wrong, is trusted */
        T_CHECK(stats.exact == rows && stats.keys == 0);
}

static bool is_allowed(const struct ann_allowed *m, uint64_t row)
{
    return m->bits[row / 64] >> row % 64 & 1;
}

/* Of query i the found ones against all: as many as there are, each as near as it should be. */
static void look(const struct asked *t, const struct set *s, size_t i, bool all)
{
    double best[K + 1];
    size_t n = 0, found = 0;

    for (size_t row = 0; row < s->base.rows.rows; row++) {
        double key = ann_key(s->o.metric, t->q.x + i * DIM, s->base.x + row * DIM, DIM);
        size_t j;

        if (!is_allowed(&t->allowed[i], row))
            continue;
        j = n < K ? n++ : K;
        for (; j > 0 && best[j - 1] > key; j--)
            best[j] = best[j - 1];
        best[j] = key;
    }
    for (; found < K && t->id[i * K + found] != NEIGH_NONE; found++) {
        uint64_t row = t->id[i * K + found];
        double key;

        T_CHECK(row < s->base.rows.rows && is_allowed(&t->allowed[i], row));
        for (size_t j = 0; j < found; j++)
            T_CHECK(t->id[i * K + j] != row);
        key = ann_key(s->o.metric, t->q.x + i * DIM, s->base.x + row * DIM, DIM);
        if (all)
            T_CHECKF(fabs(key - best[found]) <= 1e-9 + 1e-6 * fabs(key),
                     "query %zu (%.*s), place %zu: %.9g for %.9g", i, (int)t->text[i].len,
                     t->text[i].p, found, key, best[found]);
    }
    T_CHECKF(found == n, "query %zu (%.*s): %zu of %zu", i, (int)t->text[i].len, t->text[i].p,
             found, n);
}

static void same_scores(const struct asked *t)
{
    for (size_t i = 0; i < (size_t)QUERIES * K; i++)
        T_CHECK(t->id[i] == t->other[i] &&
                (t->score[i] == t->other_score[i] || t->id[i] == NEIGH_NONE));
}

static void finds(struct set *s)
{
    struct asked *t;

    make(s, "h.ann");
    t = ask("h.ann", cpu_detect());
    T_CHECKF(ann_check(t->a, &err) == 0, "%s", err.msg);
    for (int way = 0; way < 4; way++) {
        search(t, way < 2 ? ANN_EFFORT_MOST : 1, 1 + 6 * (way % 2), way % 2, t->id, t->score);
        for (size_t i = 0; i < QUERIES; i++)
            look(t, s, i, way < 2 && (!s->o.no_vectors));
    }
    search(t, ANN_EFFORT_MOST, 2, true, t->id, t->score);
    for (size_t i = 0; i < QUERIES; i++) { /* alone, and without the program */
        struct ann_allowed one = {.bits = t->allowed[i].bits, .count = t->allowed[i].count};
        struct ann_search_opts o = {
            .k = K, .effort = ANN_EFFORT_MOST, .threads = 1, .allowed = &one};

        T_CHECK(ann_search(t->a, &o, t->q.x + i * DIM, 1, t->other + i * K, t->other_score + i * K,
                           NULL, &err) == 0);
    }
    if (!s->o.no_vectors || !s->o.codec)
        same_scores(t);
    asked_free(t);
}

static void find_all(void)
{
    for (enum vec_metric m = VEC_L2; m <= VEC_COSINE; m++)
        for (int work = 0; work < 3; work++) {
            struct set s = set_of(ROWS, work == 1 ? VEC_I8 : VEC_F32, m, DATA_NORMAL);
            struct ann_base q = ann_base_of(DATA_NORMAL, VEC_F32, WORK, DIM);

            s.o.n_wheres = work == 2 ? 0 : WORK;
            if (work > 0) {
                s.o.queries = q.x;
                s.o.n_queries = WORK;
            }
            finds(&s);
            set_free(&s);
            ann_base_free(&q);
        }
}

static void find_codes(void)
{
    for (int i = 0; i < 2; i++) {
        struct set s = set_of(ROWS, VEC_F32, VEC_L2, DATA_DECAY);

        s.o.no_vectors = true;
        s.o.codec = i ? "pq11x4" : NULL;
        finds(&s);
        set_free(&s);
    }
}

/* ---- nodes ---- */

static void nodes(void)
{
    struct set s = set_of(ROWS, VEC_F32, VEC_L2, DATA_NORMAL);
    struct where_space space = {0};
    uint64_t bits[ATTRS_WORDS(ROWS)], count, known = 0, all = 0, rare = 0;
    uint8_t room[64];
    struct ann *a;
    const struct hqi *h;

    make(&s, "n.ann");
    a = ann_need("n.ann", cpu_detect());
    h = a->state;
    T_CHECK(h->head.leaves >= 10 && h->head.depth < HQI_DEPTH_MOST);
    for (size_t i = 0; i < TEXTS; i++) {
        struct where *w;

        T_CHECKF(where_compile(&w, &a->attrs, text_of(i), strlen(text_of(i)), &err) == 0, "%s",
                 err.msg);
        T_CHECK(where_run(w, &space, NULL, bits, &count, &err) == 0);
        for (uint32_t n = 0; n < h->head.nodes; n++) {
            const struct hqi_node *node = &h->node[n];
            enum hqi_truth is = hqi_truth(w, h->seen + n * h->head.columns, room);
            uint64_t got = 0, rows = 0;

            for (uint64_t r = h->ivf.start[node->first];
                 r < h->ivf.start[node->first + node->lists]; r++, rows++)
                got += bits[h->ivf.row[r] / 64] >> h->ivf.row[r] % 64 & 1;
            T_CHECK(rows == node->rows && rows >= s.o.least);
            T_CHECKF(is == HQI_SOME || got == (is == HQI_ALL ? rows : 0), "%s: %d of %u",
                     text_of(i), is, n);
            rare += i == TEXTS - 1 && node->size == 1 && is == HQI_NONE;
            if (i < ASKED && i != 3) { /* which rows have a string is not seen */
                known += node->size == 1 && is != HQI_SOME;
                all += node->size == 1;
            }
        }
        where_free(w);
    }
    T_CHECKF(known > all * 2 / 3, "%llu of %llu leaves are known", (unsigned long long)known,
             (unsigned long long)all);
    T_CHECKF(rare > h->head.leaves / 2 && rare < h->head.leaves,
             "of rare strings %llu of %u leaves have none", (unsigned long long)rare,
             h->head.leaves);
    where_space_free(&space);
    ann_close(a);
    set_free(&s);
}

/* ---- the same ---- */

static void same_bytes(bool queries)
{
    struct set s = set_of(ROWS, VEC_F32, VEC_IP, DATA_DECAY);
    struct ann_base q = ann_base_of(DATA_NORMAL, VEC_F32, WORK, DIM);
    struct buf first = {0};

    s.o.queries = queries ? q.x : NULL;
    s.o.n_queries = queries ? WORK : 0;
    s.o.least = queries ? 5 : 40; /* so that cells cut, too */
    for (int way = 0; way < ann_ways(); way++) {
        s.o.threads = ann_way(way).threads;
        s.o.cpu = ann_way(way).cpu;
        make(&s, "s.ann");
        ann_same("s.ann", way, &first, queries ? "with queries" : "without queries");
    }
    for (int cpu = 0; cpu <= (int)cpu_detect(); cpu++) {
        struct asked *t = ask("s.ann", (enum cpu_level)cpu);

        search(t, 20, 1, true, t->id, t->score);
        search(t, 20, 7, true, t->other, t->other_score);
        same_scores(t);
        asked_free(t);
    }
    buf_free(&first);
    ann_base_free(&q);
    set_free(&s);
}

/* ---- what may be asked of it ---- */

static void small(void)
{
    for (size_t rows = 0; rows < 70; rows = 2 * rows + 1)
        for (enum data_kind kind = 0; kind < DATA_KINDS; kind++) {
            struct set s = set_of(rows, VEC_F32, VEC_L2, kind);

            s.o.least = 1;
            finds(&s);
            set_free(&s);
        }
}

/* Every predicate another, more than count; and no attributes. */
static void absurd(void)
{
    struct set s = set_of(ROWS, VEC_F32, VEC_L2, DATA_NORMAL);
    struct ann_base q = ann_base_of(DATA_NORMAL, VEC_F32, WORK, DIM);
    char text[WORK][80];
    struct ann_build_report report;

    for (int i = 0; i < WORK; i++)
        s.where[i] = (struct ann_predicate){text[i],
                                            (size_t)snprintf(text[i], sizeof text[i],
                                                             "year = %d or score < %d or big > %d",
                                                             1990 + i % 40, i % 50, i)};
    finds(&s);
    s.where[7] = (struct ann_predicate){"yaer = 5", 8};
    T_CHECK(ann_build("x.ann", &s.base.rows, &s.o, &report, &err) == ERR_USAGE);
    T_CHECKF(strncmp(err.msg, "predicate 8 of the workload: column 1: ", 39) == 0, "%s", err.msg);
    s.o.queries = q.x;
    s.o.n_queries = WORK - 1;
    T_CHECK(ann_build("x.ann", &s.base.rows, &s.o, &report, &err) == ERR_USAGE);
    s.o.attrs = NULL;
    s.o.wheres = NULL;
    s.o.n_wheres = 0;
    ann_make("x.ann", &s.base, &s.o);
    T_CHECK(ann_recall("x.ann", &s.base, VEC_L2, K, ANN_EFFORT_MOST, cpu_detect(), 2, true) == 1);
    T_CHECK(ann_recall("x.ann", &s.base, VEC_L2, K, 20, cpu_detect(), 2, true) > .8);
    ann_base_free(&q);
    set_free(&s);
}

int main(void)
{
    tmp_enter();
    find_all();
    find_codes();
    nodes();
    same_bytes(false);
    same_bytes(true);
    small();
    absurd();
    tmp_leave();
    return t_done("hqi");
}
