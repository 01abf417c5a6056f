/* prop_ann_update.c - indexes that change, against a list of rows that says which are live: what a
 * search finds after every update, by every pair looked at; names, numbers, the map of a compacted
 * one; the same bytes for any number of threads and on every level; and what must be refused.
 */
#include "ann_data.h"

enum { ROWS_MAX = 4000, QUERIES = 24, K = 10 };

/* Rows as they should be: of the pool's vectors, which one each holds. */
struct model {
    struct ann_base pool;
    size_t next; /* of the pool, that comes next */
    size_t rows;
    size_t from[ROWS_MAX];
    bool live[ROWS_MAX];
    unsigned name[ROWS_MAX];
    bool named;
    enum vec_metric metric;
    uint32_t dim;
};

static size_t live_rows(const struct model *m)
{
    size_t n = 0;

    for (size_t i = 0; i < m->rows; i++)
        n += m->live[i];
    return n;
}

static size_t name_text(const struct model *m, size_t row, char text[32])
{
    return (size_t)snprintf(text, 32, "%s%u", m->name[row] % 3 ? "row\t\xc3\xa9" : "r",
                            m->name[row]);
}

/* ---- building and changing ---- */

static void begin(struct model *m, size_t pool, size_t rows, enum data_kind kind,
                  enum vec_type type, const struct ann_build_opts *o, uint32_t dim, bool named)
{
    struct ann_base first;
    struct ann_build_opts how = *o;
    struct ann_ids *ids = NULL;
    struct err e = {0};
    FILE *f = fopen("names", "w");

    *m = (struct model){.pool = ann_base_of(kind, type, pool, dim),
                        .next = rows,
                        .rows = rows,
                        .named = named,
                        .metric = o->metric,
                        .dim = dim};
    for (size_t i = 0; i < rows; i++) {
        char text[32];

        m->from[i] = i;
        m->live[i] = true;
        m->name[i] = (unsigned)(i * 7919 % 100003);
        fprintf(data_need(f), "%.*s\n", (int)name_text(m, i, text), text);
    }
    fclose(data_need(f));
    first = m->pool;
    first.rows.rows = rows;
    if (named)
        T_CHECKF(ann_ids_load(&ids, "names", rows, &e) == 0, "%s", e.msg);
    how.ids = ids;
    ann_make("u.ann", &first, &how);
    ann_ids_free(ids);
}

static struct ann_update *open_update(enum cpu_level cpu)
{
    struct ann_update *u = NULL;
    struct err e = {0};

    T_CHECKF(ann_update_open(&u, "u.ann", cpu, &e) == 0, "%s", e.msg);
    if (!u)
        exit(t_done("cannot go on"));
    return u;
}

static bool is_taken(const struct model *m, unsigned name)
{
    for (size_t i = 0; i < m->rows; i++)
        if (m->live[i] && m->name[i] == name)
            return true;
    return false;
}

static void delete_row(struct model *m, struct ann_update *u, size_t row)
{
    struct err e = {0};
    char text[32];
    int rc;

    if (m->named && !m->live[row] && is_taken(m, m->name[row]))
        return; /* the name is another's by now */
    rc = m->named ? ann_update_delete(u, text, name_text(m, row, text), &e)
                  : ann_update_delete_row(u, row, &e);

    T_CHECKF((rc == 0) == m->live[row] && (rc == 0 || rc == ERR_INPUT), "row %zu: %s", row, e.msg);
    m->live[row] = false;
}

/* The pool's next vector, under `name`. */
static void add_row(struct model *m, struct ann_update *u, unsigned name)
{
    struct err e = {0};
    char text[32];
    size_t row = m->rows;
    int rc;

    m->name[row] = name;
    T_CHECK(ann_update_next(u) == row);
    rc = ann_update_add(u, m->named ? text : NULL, name_text(m, row, text),
                        m->pool.x + m->next * m->dim, &e);
    T_CHECKF(rc == 0, "row %zu: %s", row, e.msg);
    m->from[row] = m->next++;
    m->live[row] = true;
    m->rows++;
}

/* Row numbers as a compacted index has them; -1: none. */
static void check_map(const struct model *m, const char *path)
{
    struct vec_read_opts ids = {.raw_ids = true};
    struct vec_reader *r = NULL;
    struct err e = {0};
    int32_t at, want = 0;

    T_CHECKF(vec_open(&r, path, &ids, &e) == 0, "%s", e.msg);
    for (size_t i = 0; i < m->rows; i++) {
        T_CHECK(vec_read(r, &at, 1, &e) == 1);
        T_CHECKF(at == (m->live[i] ? want : -1), "row %zu: %d", i, at);
        want += m->live[i];
    }
    T_CHECK(vec_read(r, &at, 1, &e) == 0);
    vec_close(r);
}

static void squeeze(struct model *m)
{
    size_t n = 0;

    for (size_t i = 0; i < m->rows; i++)
        if (m->live[i]) {
            m->from[n] = m->from[i];
            m->name[n] = m->name[i];
            m->live[n++] = true;
        }
    m->rows = n;
}

static void finish(struct model *m, struct ann_update *u, bool compact)
{
    struct ann_update_opts o = {.compact = compact, .map = compact ? "m.ibin" : NULL, .threads = 1};
    struct ann_update_report r;
    struct err e = {0};

    T_CHECKF(ann_update_write(u, "u.ann", &o, &r, &e) == 0, "%s", e.msg);
    ann_update_close(u);
    T_CHECK(r.live == live_rows(m));
    if (compact) {
        check_map(m, "m.ibin");
        squeeze(m);
    }
    T_CHECK(r.rows == m->rows);
}

/* ---- looking ---- */

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double kth(const struct model *m, const float *q, size_t k)
{
    double *key = data_need(malloc((m->rows + 1) * sizeof *key)), last;
    size_t n = 0;

    for (size_t i = 0; i < m->rows; i++)
        if (m->live[i])
            key[n++] = ann_key(m->metric, q, m->pool.x + m->from[i] * m->dim, m->dim);
    qsort(key, n, sizeof *key, ascending);
    last = n == 0 ? 0 : key[(k < n ? k : n) - 1];
    free(key);
    return last;
}

static double look(const struct model *m, const float *q, const uint64_t *id, const float *score,
                   size_t k, bool exact)
{
    double last = kth(m, q, k);
    size_t live = live_rows(m), want = k < live ? k : live, hits = 0, n = 0;

    for (; n < k && id[n] != NEIGH_NONE; n++) {
        double key;

        T_CHECKF(id[n] < m->rows && m->live[id[n]], "row %llu", (unsigned long long)id[n]);
        if (id[n] >= m->rows)
            return 0;
        key = ann_key(m->metric, q, m->pool.x + m->from[id[n]] * m->dim, m->dim);
        hits += key <= last + 1e-9 + 1e-6 * fabs(last);
        for (size_t i = 0; i < n; i++)
            T_CHECK(id[i] != id[n]);
        if (exact)
            T_CHECKF(fabs((m->metric == VEC_IP ? -key : key) - (double)score[n]) <=
                         2e-6 * (1 + fabs(key)),
                     "%.9g for %.9g", (double)score[n], key);
    }
    for (size_t i = n; i < k; i++)
        T_CHECK(id[i] == NEIGH_NONE && isnan(score[i]));
    T_CHECKF(n == want, "%zu found of %zu", n, want);
    return want ? (double)hits / (double)want : 1;
}

static void check_names(const struct model *m, const struct ann *a)
{
    char text[32];
    size_t len;

    for (size_t i = 0; i < m->rows; i++) {
        const char *p = ann_id(a, i, &len);
        size_t want = m->live[i] ? name_text(m, i, text) : 0;

        T_CHECKF(len == want && memcmp(p, text, len) == 0, "row %zu is '%.*s'", i, (int)len, p);
    }
}

/* Recall of K among the live; queries are rows of the pool, those added and those that were not. */
static double recall_of(const char *path, const struct model *m, size_t k, uint32_t ef, bool exact)
{
    struct ann *a = ann_need(path, cpu_detect());
    struct ann_search_opts o = {.k = (uint32_t)k, .effort = ef, .threads = 1};
    float *q = data_need(malloc(QUERIES * m->dim * sizeof *q));
    uint64_t *id = data_need(malloc(QUERIES * k * sizeof *id));
    float *score = data_need(malloc(QUERIES * k * sizeof *score));
    struct ann_info info;
    struct err e = {0};
    double sum = 0;

    for (size_t i = 0; i < QUERIES; i++)
        memcpy(q + i * m->dim, m->pool.x + i * m->pool.rows.rows / QUERIES * m->dim,
               m->dim * sizeof *q);
    ann_info(a, &info);
    T_CHECK(info.rows == m->rows && info.live == live_rows(m) && info.ids == m->named);
    for (size_t i = 0; i < m->rows; i++)
        T_CHECK(ann_deleted(a, i) == !m->live[i]);
    T_CHECKF(ann_check(a, &e) == 0, "%s", e.msg);
    T_CHECKF(ann_search(a, &o, q, QUERIES, id, score, NULL, &e) == 0, "%s", e.msg);
    for (size_t i = 0; i < QUERIES; i++)
        sum += look(m, q + i * m->dim, id + i * k, score + i * k, k, exact);
    if (m->named)
        check_names(m, a);
    ann_close(a);
    free(q);
    free(id);
    free(score);
    return sum / QUERIES;
}

static double recall(const struct model *m, size_t k, uint32_t ef, bool exact)
{
    return recall_of("u.ann", m, k, ef, exact);
}

/* The same of an index that is made of the live rows now. */
static double fresh_recall(const struct model *m, const struct ann_build_opts *o, uint32_t ef)
{
    size_t row = m->dim * vec_type_size(m->pool.rows.type);
    struct ann_base b = m->pool;
    struct model now = *m;

    squeeze(&now);
    b.p = data_need(malloc(now.rows * row + 1));
    for (size_t i = 0; i < now.rows; i++)
        memcpy((char *)b.p + i * row, vec_row(&m->pool.rows, now.from[i]), row);
    b.rows.p = b.p;
    b.rows.rows = now.rows;
    now.named = false;
    ann_make("fresh.ann", &b, o);
    free(b.p);
    return recall_of("fresh.ann", &now, K, ef, !o->no_vectors);
}

/* ---- random changes ---- */

static void change_some(struct model *m, struct ann_update *u, size_t changes)
{
    for (size_t c = 0; c < changes; c++) {
        size_t row = m->rows ? t_rand(&data_seed) % m->rows : 0;
        unsigned name = 200000 + (unsigned)m->next * 3;

        if (t_rand(&data_seed) % 2 && m->rows) {
            delete_row(m, u, row);
            if (t_rand(&data_seed) % 4)
                continue;
            if (!is_taken(m, m->name[row]))
                name = m->name[row]; /* that of the row just deleted, again */
        }
        if (m->next < m->pool.rows.rows && m->rows < ROWS_MAX)
            add_row(m, u, name);
    }
}

/* Rounds of changes; tolerance: below what a fresh index finds. */
static void try_changes(const struct ann_build_opts *o, enum data_kind kind, enum vec_type type,
                        uint32_t dim, uint32_t effort, double tolerance)
{
    double got = 0, fresh = 0;
    struct model m;

    begin(&m, 1500, 600, kind, type, o, dim, dim % 2);
    for (int round = 0; round < 4; round++) {
        struct ann_update *u = open_update(cpu_detect());

        change_some(&m, u, 350);
        finish(&m, u, round == 2);
        got += recall(&m, K, effort, !o->no_vectors) / 4;
        fresh += fresh_recall(&m, o, effort) / 4;
    }
    T_CHECKF(got >= fresh - tolerance,
             "cloud %d of %s, dim %u, %s, %s: recall %.3f, of a fresh one %.3f", kind,
             vec_type_name(type), dim, vec_metric_name(o->metric), o->codec ? o->codec : "default",
             got, fresh);
    ann_base_free(&m.pool);
}

static void try_random(enum data_kind kind, enum vec_type type, uint32_t dim,
                       enum vec_metric metric, const char *codec, bool no_vectors)
{
    const struct ann_build_opts o = {.metric = metric,
                                     .codec = codec,
                                     .degree = 16,
                                     .beam = 50,
                                     .no_vectors = no_vectors,
                                     .threads = 1,
                                     .cpu = cpu_detect()};

    /* a third of the spikes' rows are equal, and fill pools */
    try_changes(&o, kind, type, dim, 120, kind == DATA_SPIKES ? 0.08 : 0.02);
}

/* The same in lists: all of them, where no row may be missed but by a bound, and a few. */
static void try_lists(enum data_kind kind, enum vec_type type, uint32_t dim, enum vec_metric metric,
                      const char *codec, bool no_vectors)
{
    const struct ann_build_opts o = {.kind = ANN_IVF,
                                     .metric = metric,
                                     .codec = codec,
                                     .no_vectors = no_vectors,
                                     .threads = 1,
                                     .cpu = cpu_detect()};

    bool bare = no_vectors && !strchr(codec, '+'); /* and no codec that suits what came */

    try_changes(&o, kind, type, dim, 1000, bare ? 0.08 : 0.02);
    try_changes(&o, kind, type, dim, 8, 0.1);
}

static void try_all_lists(void)
{
    for (enum data_kind kind = 0; kind < DATA_KINDS; kind++)
        try_lists(kind, VEC_F32, 12 + kind % 2, VEC_L2, NULL, false);
    try_lists(DATA_NORMAL, VEC_U8, 33, VEC_L2, NULL, false);
    try_lists(DATA_NORMAL, VEC_I8, 10, VEC_L2, "pq10x8", false);
    try_lists(DATA_NORMAL, VEC_F16, 21, VEC_COSINE, "opq7x4", false);
    try_lists(DATA_NORMAL, VEC_F32, 16, VEC_IP, NULL, false);
    try_lists(DATA_DECAY, VEC_F32, 31, VEC_COSINE, "pq31x5", false);
    try_lists(DATA_DECAY, VEC_F32, 24, VEC_L2, "pq12x4+int8", true);
    try_lists(DATA_DECAY, VEC_F32, 40, VEC_L2, "pq20x4", true);
    try_lists(DATA_NORMAL, VEC_U8, 20, VEC_L2, "pq10x4+bytes", true);
}

static void try_all_random(void)
{
    for (enum data_kind kind = 0; kind < DATA_KINDS; kind++)
        try_random(kind, VEC_F32, 12 + kind % 2, VEC_L2, NULL, false);
    try_random(DATA_NORMAL, VEC_U8, 33, VEC_L2, NULL, false);
    try_random(DATA_NORMAL, VEC_I8, 10, VEC_L2, NULL, false);
    try_random(DATA_NORMAL, VEC_F16, 21, VEC_COSINE, "int4", false);
    try_random(DATA_NORMAL, VEC_F32, 16, VEC_IP, NULL, false);
    try_random(DATA_DECAY, VEC_F32, 31, VEC_IP, "int4", false);
    try_random(DATA_DECAY, VEC_F32, 130, VEC_L2, "int4", false);
    try_random(DATA_DECAY, VEC_F32, 40, VEC_L2, "leanvec30+int4", false);
    try_random(DATA_DECAY, VEC_F32, 24, VEC_L2, "int8", true);
    try_random(DATA_NORMAL, VEC_F32, 200, VEC_L2, "int4", true);
    try_random(DATA_DECAY, VEC_F16, 1, VEC_L2, NULL, false);
}

/* ---- the ends ---- */

/* All go, others come, all go again; and from no row at all. */
static void try_all_deleted(enum ann_kind_name kind, bool named, size_t rows)
{
    struct ann_build_opts o = {.kind = kind, .degree = 8, .beam = 20, .threads = 1};
    struct ann_update *u;
    double got, fresh;
    struct model m;

    begin(&m, 1200, rows, DATA_NORMAL, VEC_F32, &o, 6, named);
    T_CHECK(recall(&m, 700, 700, true) == 1);
    u = open_update(CPU_PORTABLE);
    for (size_t i = 0; i < rows; i++)
        delete_row(&m, u, i);
    finish(&m, u, false);
    T_CHECK(recall(&m, 5, 5, true) == 1);
    u = open_update(cpu_detect());
    for (size_t i = 0; i < 500; i++)
        add_row(&m, u, (unsigned)i);
    finish(&m, u, false);
    got = recall(&m, K, 100, true);
    fresh = fresh_recall(&m, &o, 100);
    T_CHECKF(got >= fresh - 0.02, "%zu rows: recall %.3f, of a fresh one %.3f", rows, got, fresh);
    T_CHECK(recall(&m, 1000, 1000, true) == 1);
    u = open_update(cpu_detect());
    for (size_t i = rows; i < m.rows; i++)
        delete_row(&m, u, i);
    finish(&m, u, true);
    T_CHECK(recall(&m, 5, 5, true) == 1 && m.rows == 0);
    u = open_update(cpu_detect());
    add_row(&m, u, 7);
    finish(&m, u, false);
    T_CHECK(recall(&m, 5, 5, true) == 1);
    ann_base_free(&m.pool);
}

static uint32_t least_links(void)
{
    struct ann *a = ann_need("u.ann", CPU_PORTABLE);
    struct ann_links l = {0};
    struct err e = {0};

    T_CHECK(ann_links(a, &l, &e) == 0);
    ann_close(a);
    return l.least;
}

/* Heaps far from each other: one goes but for a few, and with it all that they were linked to. */
static void try_heaps(void)
{
    struct ann_build_opts o = {.degree = 8, .beam = 16, .threads = 1};
    struct ann_update *u;
    struct model m;

    begin(&m, 1600, 0, DATA_NORMAL, VEC_F32, &o, 5, false);
    for (size_t i = 0; i < 1600; i++)
        m.pool.x[i * 5] += (float)(i % 4) * 12;
    u = open_update(cpu_detect());
    for (size_t i = 0; i < 1400; i++)
        add_row(&m, u, 0);
    finish(&m, u, false);
    T_CHECK(recall(&m, K, 60, true) >= 0.97);
    u = open_update(cpu_detect());
    for (size_t i = 0; i < m.rows; i++)
        if (i % 4 == 1 && i % 50 != 1)
            delete_row(&m, u, i);
    finish(&m, u, false);
    T_CHECK(recall(&m, K, 60, true) >= 0.97);
    T_CHECKF(least_links() >= 4, "%u", least_links());
    u = open_update(cpu_detect());
    for (size_t i = 0; i < 200; i++)
        add_row(&m, u, 0);
    finish(&m, u, true);
    T_CHECK(recall(&m, K, 60, true) >= 0.97);
    ann_base_free(&m.pool);
}

static struct ann_lists lists_of(void)
{
    struct ann *a = ann_need("u.ann", CPU_PORTABLE);
    struct ann_lists l = {0};
    struct ann_info i;

    ann_info(a, &i);
    T_CHECK(!i.has_links);
    ann_lists(a, &l);
    ann_close(a);
    return l;
}

/* Lists that grow out of all measure are cut, where there are vectors, and rows that are all equal
 * cannot be. */
static void try_long_lists(bool no_vectors, bool equal)
{
    struct ann_build_opts o = {.kind = ANN_IVF, .no_vectors = no_vectors, .threads = 1};
    struct ann_lists was, now;
    struct ann_update *u;
    struct model m;

    begin(&m, 2800, 1500, DATA_NORMAL, VEC_F32, &o, 6, false);
    for (size_t i = 1500 * 6; i < 2800 * 6; i++)
        m.pool.x[i] = equal ? 0.1F : m.pool.x[i] / 8;
    was = lists_of();
    for (int round = 0; round < 2; round++) {
        u = open_update(cpu_detect());
        while (m.next < 2100 + 350 * (size_t)round)
            add_row(&m, u, 0);
        finish(&m, u, round == 1);
        now = lists_of();
        if (equal || no_vectors)
            T_CHECKF((double)now.most > 5 * now.mean, "%llu of %g", (unsigned long long)now.most,
                     now.mean);
        else
            T_CHECKF(now.most <= 4 * 1500 / was.mean && now.mean < was.mean * 1.4, "%llu of %g",
                     (unsigned long long)now.most, now.mean);
        T_CHECK(recall(&m, K, 1000, !no_vectors) > (no_vectors ? 0.8 : 0.98));
        T_CHECK(no_vectors || recall(&m, K, 16, true) > 0.9);
    }
    ann_base_free(&m.pool);
}

/* Inner products meet vectors that are longer than all before, little, and out of all measure. */
static void try_longer(bool even)
{
    struct ann_build_opts o = {.metric = VEC_IP, .degree = 16, .beam = 50, .threads = 1};
    struct model m;

    begin(&m, 1200, 0, DATA_NORMAL, VEC_F32, &o, 20, false);
    for (size_t i = 0; i < 1200; i++) {
        float by = i < 800 ? 1 : i < 1000 ? 3 : i % 7 ? 0.25F : 40, len = 0;

        for (size_t k = 0; k < 20; k++)
            len += m.pool.x[i * 20 + k] * m.pool.x[i * 20 + k];
        for (size_t k = 0; k < 20; k++)
            m.pool.x[i * 20 + k] *= even ? by / sqrtf(len) : by;
    }
    memcpy(m.pool.p, m.pool.x, 1200 * 20 * sizeof *m.pool.x);
    for (size_t to = 800; to <= 1200; to += 200) {
        struct ann_update *u = open_update(cpu_detect());
        double got, fresh;

        while (m.rows < to)
            add_row(&m, u, 0);
        finish(&m, u, false);
        got = recall(&m, K, 200, true);
        fresh = fresh_recall(&m, &o, 200);
        T_CHECKF(got >= fresh - 0.02, "up to %zu, %s: recall %.3f, of a fresh one %.3f", to,
                 even ? "even" : "uneven", got, fresh);
    }
    ann_base_free(&m.pool);
}

/* ---- the same bytes ---- */

static void copy(const char *from, const char *to)
{
    char line[64];

    snprintf(line, sizeof line, "%s", to);
    T_CHECK(unlink(line) == 0 || true);
    T_CHECK(link(from, to) == 0);
}

static void try_same(enum ann_kind_name kind, const char *codec, bool no_vectors, uint32_t dim)
{
    struct ann_build_opts o = {.kind = kind,
                               .codec = codec,
                               .degree = 12,
                               .beam = 30,
                               .no_vectors = no_vectors,
                               .threads = 2};
    struct buf first = {0};
    struct model m;

    begin(&m, 3000, 2400, DATA_DECAY, VEC_F32, &o, dim, true);
    copy("u.ann", "was.ann");
    for (int run = 0; run < 3 + (int)cpu_detect() + 1; run++) {
        static const int threads[] = {1, 2, 7};
        struct ann_update_opts how = {.threads = run < 3 ? threads[run] : 2};
        struct ann_update *u = open_update(run < 3 ? cpu_detect() : (enum cpu_level)(run - 3));
        struct ann_update_report r;
        struct model again = m;
        struct err e = {0};
        struct buf got;

        for (size_t i = 0; i < 2400; i += i % 3 ? 1 : 4)
            delete_row(&again, u, i);
        while (again.next < 3000)
            add_row(&again, u, 300000 + (unsigned)again.next);
        T_CHECKF(ann_update_write(u, "s.ann", &how, &r, &e) == 0, "%s", e.msg);
        ann_update_close(u);
        got = ann_bytes("s.ann");
        if (run == 0)
            first = got;
        T_CHECKF(got.len == first.len && memcmp(got.p, first.p, got.len) == 0, "run %d", run);
        if (run)
            buf_free(&got);
    }
    buf_free(&first);
    first = ann_bytes("was.ann");
    T_CHECK(first.len > 0);
    buf_free(&first);
    ann_base_free(&m.pool);
}

/* ---- what must be refused ---- */

static void refused(int code, struct ann_update *u, const char *id, const float *x, const char *why)
{
    struct err e = {0};
    uint64_t next = ann_update_next(u);

    T_CHECKF(ann_update_add(u, id, id ? strlen(id) : 0, x, &e) == code && strstr(e.msg, why), "%s",
             e.msg);
    T_CHECK(ann_update_next(u) == next);
}

static void try_refused(void)
{
    struct ann_build_opts o = {.metric = VEC_COSINE};
    float good[4] = {1, 2, 3, 4}, nan[4] = {1, NAN, 3, 4}, inf[4] = {1, 2, 3, -INFINITY},
          zero[4] = {0}, half[4] = {1, 2, 3, 2.5F}, large[4] = {1, 2, 256, 4};
    struct ann_update *u;
    struct err e = {0};
    struct model m;
    char name[32];

    begin(&m, 60, 40, DATA_NORMAL, VEC_F32, &o, 4, true);
    name[name_text(&m, 3, name)] = 0;
    u = open_update(CPU_PORTABLE);
    refused(ERR_INPUT, u, "x", nan, "component 1 is not finite");
    refused(ERR_INPUT, u, "x", inf, "component 3 is not finite");
    refused(ERR_INPUT, u, "x", zero, "zero vector");
    refused(ERR_INPUT, u, NULL, good, "one is missing");
    refused(ERR_INPUT, u, "", good, "empty");
    refused(ERR_INPUT, u, "\xff", good, "UTF-8");
    refused(ERR_INPUT, u, name, good, "is there already");
    T_CHECK(ann_update_add(u, "x", 1, good, &e) == 0);
    refused(ERR_INPUT, u, "x", good, "'x' is there already");
    T_CHECK(ann_update_delete(u, "x", 1, &e) == 0);
    T_CHECK(ann_update_delete(u, "x", 1, &e) == ERR_INPUT);
    T_CHECK(ann_update_delete(u, "y", 1, &e) == ERR_INPUT && strstr(e.msg, "'y'"));
    T_CHECK(ann_update_add(u, "x", 1, good, &e) == 0 && ann_update_next(u) == 42);
    ann_update_close(u);
    ann_base_free(&m.pool);

    o.metric = VEC_L2;
    begin(&m, 60, 40, DATA_NORMAL, VEC_U8, &o, 4, false);
    u = open_update(CPU_PORTABLE);
    refused(ERR_INPUT, u, NULL, half, "component 3 is 2.5, and the index holds u8");
    refused(ERR_INPUT, u, NULL, large, "component 2 is 256");
    refused(ERR_INPUT, u, "x", good, "numbers");
    T_CHECK(ann_update_delete_row(u, 40, &e) == ERR_INPUT && strstr(e.msg, "no row 40"));
    T_CHECK(ann_update_delete(u, "7", 1, &e) == ERR_INPUT);
    T_CHECK(ann_update_delete_row(u, 7, &e) == 0);
    T_CHECK(ann_update_delete_row(u, 7, &e) == ERR_INPUT && strstr(e.msg, "already"));
    ann_update_close(u);
    ann_base_free(&m.pool);

    o.metric = VEC_IP;
    o.no_vectors = true;
    begin(&m, 60, 40, DATA_NORMAL, VEC_F32, &o, 4, false);
    u = open_update(CPU_PORTABLE);
    refused(ERR_INPUT, u, NULL, large, "only an index with vectors");
    ann_update_close(u);
    ann_base_free(&m.pool);
}

int main(void)
{
    tmp_enter();
    try_all_random();
    try_all_lists();
    for (enum ann_kind_name kind = ANN_GRAPH; kind <= ANN_IVF; kind++) {
        try_all_deleted(kind, false, 300);
        try_all_deleted(kind, true, 300);
        try_all_deleted(kind, true, 0);
        try_all_deleted(kind, false, 1);
    }
    try_heaps();
    try_long_lists(false, false);
    try_long_lists(false, true);
    try_long_lists(true, false);
    try_longer(false);
    try_longer(true);
    try_same(ANN_GRAPH, NULL, false, 40);
    try_same(ANN_GRAPH, "int4", false, 70);
    try_same(ANN_GRAPH, "int4", true, 30);
    try_same(ANN_IVF, NULL, false, 40);
    try_same(ANN_IVF, "opq10x4", false, 30);
    try_same(ANN_IVF, "pq15x4+int4", true, 30);
    try_refused();
    tmp_leave();
    return t_done("ann_update");
}
