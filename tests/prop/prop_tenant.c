/* prop_tenant.c - indexes of many tenants, against a table of bits that says who may see what: what
 * each finds after any changes, down to the last row and no other; that who may see k rows gets k;
 * scores and recall by every pair; the same bytes for any number of threads, on every level; codes
 * of lists; files of rights; what must be refused.
 */
#include "ann_data.h"

#include "ann/tenant_code.h"
#include "base/rand.h"

enum { ROWS_MAX = 3000, TENANTS_MAX = 600, K = 10 };

/* ---- codes of lists ---- */

static void try_code(uint32_t range, size_t n, uint64_t *seed)
{
    uint64_t *chosen = data_need(malloc((n + 1) * sizeof *chosen));
    uint32_t *v = data_need(malloc((n + 1) * sizeof *v));
    uint32_t *got = data_need(malloc((n + 7) * sizeof *got));
    struct tenant_code c;
    struct buf b = {0};
    struct err e;
    size_t have = 0, some, len;
    uint64_t low = range / n;

    rand_choose(seed, range, n, chosen);
    for (size_t i = 0; i < n; i++)
        v[i] = (uint32_t)chosen[i];
    T_CHECK(tenant_code_put(&b, v, n, range, &e) == 0);
    len = b.len;
    for (unsigned bits = 0; bits < 64; bits++) /* 2 + log2(range / n) bits each, and a few */
        if (low >> bits == 1)
            T_CHECKF(8 * len <= n * (bits + 3) + 8 * 7, "%zu of %u: %zu bytes", n, range, len);
    T_CHECK(buf_add(&b, "\xff\xff\xff\xff\xff\xff\xff\xff", TENANT_CODE_PAD, &e) == 0);
    T_CHECK(tenant_code_begin(&c, (const uint8_t *)b.p, len, range));
    T_CHECK(c.n == n && tenant_code_bytes(&c, (const uint8_t *)b.p) == len);
    while (have < n && (some = tenant_code_next(&c, 5, got + have, 7 < n ? 7 : n)) > 0)
        have += some;
    T_CHECK(have == n && tenant_code_next(&c, 5, got, 1) == 0);
    for (size_t i = 0; i < n; i++)
        T_CHECK(got[i] == v[i] + 5);
    for (size_t cut = 0; cut < len; cut++)
        T_CHECK(!tenant_code_begin(&c, (const uint8_t *)b.p, cut, range));
    buf_free(&b);
    free(chosen);
    free(v);
    free(got);
}

static void try_codes(void)
{
    uint64_t seed = 1;

    for (int i = 0; i < 400; i++) {
        uint32_t range = 1 + (uint32_t)rand_below(&seed, i % 2 ? 100 : 20000);

        try_code(range, 1 + rand_below(&seed, range < 300 ? range : 300), &seed);
        try_code(range, range < 500 ? range : 1, &seed);
    }
    try_code(0x7fffffff, 1, &seed);
}

/* ---- a model ---- */

struct model {
    struct ann_base pool; /* vectors, those of rows to come among them */
    size_t rows, next;    /* next: of the pool */
    size_t from[ROWS_MAX];
    bool live[ROWS_MAX];
    bool may[TENANTS_MAX][ROWS_MAX];
    size_t tenants;
    enum vec_metric metric;
    bool vectors;
    uint64_t bits[ROWS_MAX / 64 + 1]; /* of rows that may be found */
    bool filter;                      /* only these */
};

static size_t name_of(size_t t, char name[32])
{
    return (size_t)snprintf(name, 32, t % 3 ? "t%zu" : "\xc3\xa9\t\"%zu", t);
}

/* As JSON Lines, several tenants a row; those of every seventh alone, so that some have none. */
static struct ann_grants *load_grants(const struct model *m)
{
    struct ann_grants *g = NULL;
    struct err e = {0};
    struct buf b = {0};
    FILE *f = data_need(fopen("grants.jsonl", "w"));

    for (size_t r = 0; r < m->rows; r++) {
        int n = 0;

        fprintf(f, "{\"id\":%zu,\"x\":[1],\"tenant\":[", r);
        for (size_t t = 0; t < m->tenants; t++)
            if (m->may[t][r])
                fprintf(f, t % 3 ? "%s\"t%zu\"" : "%s \"\\u00e9\\t\\\"%zu\"", n++ ? "," : "", t);
        fprintf(f, "]}\n");
    }
    fclose(f);
    T_CHECKF(ann_grants_load(&g, "grants.jsonl", m->rows, NULL, &e) == 0, "%s", e.msg);
    buf_free(&b);
    return g;
}

static void begin(struct model *m, size_t rows, size_t tenants, enum data_kind kind,
                  enum vec_type type, enum vec_metric metric, uint32_t dim, uint64_t *seed)
{
    *m = (struct model){.pool = ann_base_of(kind, type, ROWS_MAX, dim),
                        .rows = rows,
                        .next = rows,
                        .tenants = tenants,
                        .metric = metric};
    for (size_t r = 0; r < rows; r++) {
        m->from[r] = r;
        m->live[r] = true;
        for (size_t t = 0; t < tenants; t++) /* of 1, all of them, and ever fewer */
            m->may[t][r] = t == 0 || (t < tenants - 1 && rand_below(seed, t + 1) == 0);
    }
}

static void build(const struct model *m, const struct ann_build_opts *o, const char *path)
{
    struct ann_base now = m->pool;
    struct ann_build_opts how = *o;
    struct ann_grants *g = load_grants(m);

    now.rows.rows = m->rows;
    how.grants = g;
    ann_make(path, &now, &how);
    ann_grants_free(g);
}

/* ---- what is found ---- */

static double key_of(const struct model *m, const float *q, size_t row)
{
    return ann_key(m->metric, q, m->pool.x + m->from[row] * m->pool.rows.dim, m->pool.rows.dim);
}

static bool sees(const struct model *m, size_t t, size_t row)
{
    return row < m->rows && m->live[row] && m->may[t][row] &&
           (!m->filter || m->bits[row / 64] >> row % 64 & 1);
}

static size_t owned(const struct model *m, size_t t)
{
    size_t n = 0;

    for (size_t r = 0; r < m->rows; r++)
        n += sees(m, t, r);
    return n;
}

/* Every n-th row or so, deleted ones among them. */
static struct ann_allowed choose(struct model *m, uint64_t n, uint64_t *seed)
{
    struct ann_allowed a = {.bits = m->bits};

    memset(m->bits, 0, sizeof m->bits);
    for (size_t r = 0; r < m->rows; r++)
        if (rand_below(seed, n) == 0) {
            m->bits[r / 64] |= UINT64_C(1) << r % 64;
            a.count++;
        }
    return a;
}

/* What was found is the tenant's, each once, scores true and in order, and as many as there are.
 * Returns how many are among the true best. */
static size_t look(const struct model *m, size_t t, const float *q, const uint64_t *id,
                   const float *score, size_t k, bool exact)
{
    size_t have = owned(m, t), want = k < have ? k : have, n = 0, hits = 0;
    uint8_t met[ROWS_MAX] = {0};
    double worst = -INFINITY;

    for (; n < k && id[n] != NEIGH_NONE; n++) {
        double key;

        T_CHECKF(sees(m, t, id[n]), "row %llu is not tenant %zu's", (unsigned long long)id[n], t);
        T_CHECK(met[id[n]]++ == 0);
        key = key_of(m, q, id[n]);
        worst = key > worst ? key : worst;
        T_CHECK(n == 0 ||
                (m->metric == VEC_IP ? score[n] <= score[n - 1] : score[n] >= score[n - 1]));
        if (exact)
            T_CHECKF(fabs((m->metric == VEC_IP ? -key : key) - (double)score[n]) <=
                         2e-6 * (1 + fabs(key)),
                     "%.9g for %.9g", (double)score[n], key);
    }
    T_CHECKF(n == want, "tenant %zu of %zu rows: %zu of %zu", t, have, n, k);
    for (size_t i = n; i < k; i++)
        T_CHECK(id[i] == NEIGH_NONE && isnan(score[i]));
    hits = n;
    for (size_t r = 0; r < m->rows && n > 0; r++) /* each that is nearer than the last was missed */
        hits -= hits > 0 && sees(m, t, r) && !met[r] &&
                key_of(m, q, r) < worst - 1e-6 * fabs(worst);
    return hits;
}

/* The true neighbours are those of rows that are there, wherever deleted ones stand. */
static void look_truth(const struct model *m, const struct ann *a, const float *q)
{
    struct neigh truth = {0};
    struct err e = {0};
    size_t live = 0;

    for (size_t r = 0; r < m->rows; r++)
        live += m->live[r];
    T_CHECKF(ann_truth(a, q, 1, K, 2, &truth, &e) == 0, "%s", e.msg);
    for (size_t i = 0; i < K; i++) {
        uint64_t id = truth.id[i];
        size_t nearer = 0;
        double key;

        if (i >= live || id >= m->rows || !m->live[id]) {
            T_CHECKF(i >= live && id == NEIGH_NONE, "neighbour %zu of %zu rows: %llu", i, live,
                     (unsigned long long)id);
            continue;
        }
        key = key_of(m, q, id);
        for (size_t r = 0; r < m->rows; r++)
            nearer += m->live[r] && key_of(m, q, r) < key - 1e-6 * fabs(key);
        T_CHECKF(nearer <= i, "%zu rows are nearer than neighbour %zu", nearer, i);
    }
    neigh_free(&truth);
}

/* And those of tenants are the best of what they see. */
static void look_truth_of(const struct model *m, const struct ann *a)
{
    enum { SOME = 6 };
    uint32_t tenant[SOME];
    size_t t[SOME];
    struct ann_asked q = {m->pool.x, SOME, tenant};
    struct neigh truth = {0};
    struct err e = {0};
    char name[32];

    for (size_t i = 0; i < SOME; i++) {
        t[i] = i * (m->tenants - 1) / (SOME - 1);
        tenant[i] = i == 3 ? ANN_NO_TENANT : ann_tenant(a, name, name_of(t[i], name));
    }
    T_CHECKF(ann_truth_of(a, &q, K, 2, &truth, &e) == 0, "%s", e.msg);
    for (size_t i = 0; i < SOME; i++) {
        size_t have = i == 3 ? 0 : owned(m, t[i]), want = have < K ? have : K;

        if (i == 3)
            T_CHECK(truth.id[i * K] == NEIGH_NONE);
        else
            T_CHECK(look(m, t[i], m->pool.x + i * m->pool.rows.dim, truth.id + i * K,
                         truth.score + i * K, K, true) == want);
    }
    neigh_free(&truth);
}

/* All tenants, k = 1, K and all, of all rows and of some; the share that is found of the best. */
static double ask(struct model *m, const char *path, uint32_t effort, enum cpu_level cpu,
                  int threads, uint64_t *seed)
{
    enum { EACH = 3 };
    const size_t each[EACH] = {1, K, ROWS_MAX + 5};
    struct ann *a = ann_need(path, cpu);
    uint64_t *id = data_need(malloc((ROWS_MAX + 5) * sizeof *id));
    float *score = data_need(malloc((ROWS_MAX + 5) * sizeof *score));
    size_t hits = 0, all = 0;
    struct err e = {0};

    for (size_t t = 0; t <= m->tenants; t++)
        for (size_t i = 0; i < 2 * EACH; i++) {
            struct ann_allowed some = choose(m, 1 + rand_below(seed, i < 4 ? 9 : 200), seed);
            char name[32];
            uint32_t number = ann_tenant(a, name, name_of(t, name));
            struct ann_search_opts o = {.k = (uint32_t)each[i / 2],
                                        .effort = effort,
                                        .threads = threads,
                                        .tenant = &number};
            const float *q = m->pool.x + rand_below(seed, m->pool.rows.rows) * m->pool.rows.dim;

            m->filter = i % 2;
            o.allowed = m->filter ? &some : NULL;
            T_CHECKF(ann_search(a, &o, q, 1, id, score, NULL, &e) == 0, "%s", e.msg);
            if (t == m->tenants) { /* a stranger */
                T_CHECK(number == ANN_NO_TENANT && id[0] == NEIGH_NONE);
                continue;
            }
            hits += look(m, t, q, id, score, each[i / 2], m->vectors);
            all += owned(m, t) < each[i / 2] ? owned(m, t) : each[i / 2];
        }
    m->filter = false;
    T_CHECKF(ann_check(a, &e) == 0, "%s", e.msg);
    if (m->vectors) {
        look_truth(m, a, m->pool.x);
        look_truth_of(m, a);
    }
    ann_close(a);
    free(id);
    free(score);
    return all ? (double)hits / (double)all : 1;
}

/* ---- changes ---- */

static void add_row(struct model *m, struct ann_update *u, uint64_t *seed)
{
    struct err e = {0};
    char name[32];

    if (m->rows == ROWS_MAX || m->next == ROWS_MAX)
        return;
    T_CHECKF(ann_update_add(u, NULL, 0, m->pool.x + m->next * m->pool.rows.dim, &e) == 0, "%s",
             e.msg);
    m->from[m->rows] = m->next++;
    m->live[m->rows] = true;
    for (size_t t = 0; t < m->tenants; t++)
        if ((m->may[t][m->rows] = rand_below(seed, 6) == 0))
            T_CHECK(ann_update_grant(u, m->rows, name, name_of(t, name), &e) == 0);
    m->rows++;
}

static void one_change(struct model *m, struct ann_update *u, uint64_t *seed)
{
    size_t row = rand_below(seed, m->rows + 2), t = rand_below(seed, m->tenants);
    bool there = row < m->rows && m->live[row];
    struct err e = {0};
    char name[32];
    size_t len = name_of(t, name);
    int rc;

    switch (rand_below(seed, 8)) {
    case 0:
        add_row(m, u, seed);
        return;
    case 1:
        rc = ann_update_delete_row(u, row, &e);
        T_CHECK((rc == 0) == there && (there || rc == ERR_INPUT));
        for (t = 0; there && t < m->tenants; t++)
            m->may[t][row] = false;
        if (there)
            m->live[row] = false;
        return;
    case 2:
    case 3:
    case 4:
        rc = ann_update_revoke(u, row, name, len, &e);
        there = there && m->may[t][row];
        T_CHECKF((rc == 0) == there && (there || rc == ERR_INPUT), "%s", e.msg);
        if (there)
            m->may[t][row] = false;
        return;
    default:
        rc = ann_update_grant(u, row, name, len, &e);
        T_CHECK((rc == 0) == there && (there || rc == ERR_INPUT));
        if (there)
            m->may[t][row] = true;
    }
}

static void squeeze(struct model *m)
{
    size_t n = 0;

    for (size_t r = 0; r < m->rows; r++) {
        if (!m->live[r])
            continue;
        m->from[n] = m->from[r];
        m->live[n] = true;
        for (size_t t = 0; t < m->tenants; t++)
            m->may[t][n] = m->may[t][r];
        n++;
    }
    m->rows = n;
}

/* The same change three times, by other threads and levels: the same bytes. */
static void write_thrice(struct ann_update *u, bool compact)
{
    const int threads[] = {1, 2, 7};
    struct buf first = {0};

    for (int i = 0; i < 3; i++) {
        struct ann_update_opts o = {.compact = compact, .threads = threads[i]};
        struct ann_update_report r;
        struct err e = {0};
        struct buf got;

        T_CHECKF(ann_update_write(u, i ? "other.ann" : "next.ann", &o, &r, &e) == 0, "%s", e.msg);
        got = ann_bytes(i ? "other.ann" : "next.ann");
        if (i == 0)
            first = got;
        T_CHECK(got.len == first.len && memcmp(got.p, first.p, got.len) == 0);
        if (i)
            buf_free(&got);
    }
    buf_free(&first);
    T_CHECK(rename("next.ann", "t.ann") == 0);
}

static void try_changes(enum data_kind kind, enum vec_type type, enum vec_metric metric,
                        uint32_t dim, bool no_vectors, size_t rows, size_t tenants)
{
    static struct model m;
    struct ann_build_opts o = {.kind = ANN_TENANT,
                               .metric = metric,
                               .no_vectors = no_vectors,
                               .threads = 2,
                               .cpu = cpu_detect()};
    uint64_t seed = rows + tenants + dim;

    begin(&m, rows, tenants, kind, type, metric, dim, &seed);
    m.vectors = !no_vectors;
    build(&m, &o, "t.ann");
    ask(&m, "t.ann", 0, cpu_detect(), 2, &seed);
    for (int round = 0; round < 4; round++) {
        enum cpu_level cpu = (enum cpu_level)(round % ((int)cpu_detect() + 1));
        struct ann_update *u = NULL;
        struct err e = {0};

        T_CHECKF(ann_update_open(&u, "t.ann", cpu, &e) == 0, "%s", e.msg);
        for (int i = 0; i < (round == 1 ? 3000 : 500); i++)
            one_change(&m, u, &seed);
        for (int i = 0; round == 2 && i < 800; i++)
            add_row(&m, u, &seed);
        write_thrice(u, round == 3);
        ann_update_close(u);
        if (round == 3)
            squeeze(&m);
        ask(&m, "t.ann", 1 + (uint32_t)round * 50, cpu, 1, &seed);
    }
    ann_base_free(&m.pool);
}

/* ---- recall, and the same bytes ---- */

static void try_recall(enum data_kind kind, enum vec_type type, enum vec_metric metric,
                       uint32_t dim, const char *codec)
{
    static struct model m;
    struct buf first = {0};
    uint64_t seed = dim;
    double all, some;

    begin(&m, 2600, 9, kind, type, metric, dim, &seed);
    m.vectors = true;
    for (int way = 0; way < ann_ways(); way++) {
        struct ann_build_opts o = {.kind = ANN_TENANT,
                                   .metric = metric,
                                   .codec = codec,
                                   .threads = ann_way(way).threads,
                                   .cpu = ann_way(way).cpu};

        build(&m, &o, "r.ann");
        ann_same("r.ann", way, &first, codec ? codec : vec_metric_name(metric));
    }
    buf_free(&first);
    all = some = 0;
    for (int i = 0; i < 10; i++) {
        all += ask(&m, "r.ann", ANN_EFFORT_MOST, cpu_detect(), 1, &seed) / 10;
        some += ask(&m, "r.ann", 0, cpu_detect(), 1, &seed) / 10;
    }
    T_CHECKF(all >= 0.99, "cloud %d, %s, dim %u: %.4f of what there is", kind,
             vec_metric_name(metric), dim, all);
    T_CHECKF(some >= 0.9, "cloud %d, %s, dim %u: %.4f by default", kind, vec_metric_name(metric),
             dim, some);
    ann_base_free(&m.pool);
}

/* Thousands of queries in one call, each of its own tenant, by several threads: as one by one. */
static void try_many(void)
{
    enum { MANY = 500 };
    static struct model m;
    struct ann_build_opts o = {.kind = ANN_TENANT, .threads = 2, .cpu = cpu_detect()};
    static uint64_t id[2][MANY * K];
    static float score[2][MANY * K];
    uint32_t tenant[MANY];
    uint64_t seed = 3;
    struct err e = {0};
    struct ann *a;

    begin(&m, 2000, 20, DATA_NORMAL, VEC_F32, VEC_L2, 16, &seed);
    build(&m, &o, "m.ann");
    a = ann_need("m.ann", cpu_detect());
    for (size_t q = 0; q < MANY; q++)
        tenant[q] = (uint32_t)rand_below(&seed, 22);
    for (int run = 0; run < 3; run++) {
        struct ann_search_opts how = {
            .k = K, .threads = run * 3 + 1, .tenant = tenant, .tenant_each = true};
        int to = run > 0;

        T_CHECK(ann_search(a, &how, m.pool.x, MANY, id[to], score[to], NULL, &e) == 0);
        T_CHECK(memcmp(id[0], id[to], sizeof *id) == 0);
    }
    for (size_t q = 0; q < MANY; q++) {
        struct ann_search_opts how = {.k = K, .tenant = tenant + q};

        T_CHECK(ann_search(a, &how, m.pool.x + q * 16, 1, id[1], score[1], NULL, &e) == 0);
        T_CHECK(memcmp(id[0] + q * K, id[1], K * sizeof **id) == 0);
    }
    ann_close(a);
    ann_base_free(&m.pool);
}

/* ---- more lists than are sorted at once ---- */

enum { LARGE = 60000, CROWD = 300 };

/* The first has all, the second half, the others one of CROWD. */
static bool may_large(size_t t, uint64_t row)
{
    return t == 0 || (t == 1 ? row % 2 == 0 : row % CROWD == t);
}

static double large_share(const struct ann_base *b, size_t t, const float *q, const uint64_t *id)
{
    double last = ann_key(VEC_L2, q, b->x + id[K - 1] * 3, 3);
    size_t nearer = 0;

    for (size_t r = 0; r < LARGE; r++)
        nearer += may_large(t, r) && ann_key(VEC_L2, q, b->x + r * 3, 3) < last;
    return nearer < K ? 1 : (double)K / (double)(nearer + 1);
}

static void look_large(const struct ann_base *b, const struct ann *a, size_t t)
{
    uint64_t *id = data_need(malloc((LARGE + 1) * sizeof *id));
    float *score = data_need(malloc((LARGE + 1) * sizeof *score));
    uint8_t *met = data_need(calloc(LARGE, 1));
    char name[32];
    uint32_t number = ann_tenant(a, name, (size_t)snprintf(name, 32, "t%zu", t));
    struct ann_search_opts o = {.k = K, .tenant = &number};
    struct err e = {0};
    double share = 0;

    for (size_t q = 0; q < 20; q++) {
        T_CHECK(ann_search(a, &o, b->x + q * 900 + 1, 1, id, score, NULL, &e) == 0);
        for (size_t i = 0; i < K; i++)
            T_CHECK(id[i] < LARGE && may_large(t, id[i]));
        share += large_share(b, t, b->x + q * 900 + 1, id) / 20;
    }
    T_CHECKF(share > 0.95, "tenant %zu: %.3f", t, share);
    o.k = LARGE + 1;
    T_CHECK(ann_search(a, &o, b->x, 1, id, score, NULL, &e) == 0);
    for (size_t i = 0; i < LARGE && id[i] != NEIGH_NONE; i++)
        T_CHECK(id[i] < LARGE && may_large(t, id[i]) && met[id[i]]++ == 0);
    for (size_t r = 0; r < LARGE; r++)
        T_CHECKF(met[r] == may_large(t, r), "tenant %zu, row %zu", t, r);
    free(id);
    free(score);
    free(met);
}

static void try_large(void)
{
    struct ann_base b = ann_base_of(DATA_NORMAL, VEC_F32, LARGE, 3);
    struct ann_build_opts o = {.kind = ANN_TENANT, .threads = 2, .cpu = cpu_detect()};
    FILE *f = data_need(fopen("large", "w"));
    struct ann_grants *g = NULL;
    struct ann_tenants s;
    struct err e = {0};
    struct ann *a;

    for (size_t r = LARGE; r-- > 0;)
        for (size_t t = 0; t < CROWD; t++)
            if (may_large(t, r))
                fprintf(f, "%zu\tt%zu\n", r, t);
    fclose(f);
    T_CHECKF(ann_grants_load(&g, "large", LARGE, NULL, &e) == 0, "%s", e.msg);
    o.grants = g;
    ann_make("l.ann", &b, &o);
    a = ann_need("l.ann", cpu_detect());
    ann_tenants(a, &s);
    T_CHECK(s.lists > 2000 && s.depth >= 2);
    T_CHECKF(ann_check(a, &e) == 0, "%s", e.msg);
    for (size_t t = 0; t < 4; t++)
        look_large(&b, a, t);
    ann_close(a);
    ann_grants_free(g);
    ann_base_free(&b);
}

/* ---- what must be refused ---- */

static void refuses(const char *text, const char *says)
{
    FILE *f = data_need(fopen("bad", "w"));
    struct ann_grants *g = NULL;
    struct err e = {0};

    fputs(text, f);
    fclose(f);
    T_CHECKF(ann_grants_load(&g, "bad", 10, NULL, &e) == ERR_INPUT, "'%s'", text);
    T_CHECKF(strstr(e.msg, says) && strstr(e.msg, "bad:"), "'%s': %s", text, e.msg);
}

static void try_refused(void)
{
    struct ann_search_opts o = {.k = 1};
    struct ann_build_opts how = {.kind = ANN_TENANT};
    struct ann_base b = ann_base_of(DATA_NORMAL, VEC_F32, 0, 3);
    uint32_t tenant = 0;
    uint64_t id;
    float score, q[3] = {1, 2, 3};
    struct err e;
    struct ann *a;

    refuses("3\ta\n10\ta\n", "bad:2: there is no row 10");
    refuses("x\ta\n", "bad:1: 'x' is no row number");
    refuses("3 a\n", "not one tab");
    refuses("3\ta\tb\n", "not one tab");
    refuses("3\t\n", "name is empty");
    refuses("3\t\xff\n", "not UTF-8");
    refuses("{\"id\":3}\n", "'tenant' is no string");
    refuses("{\"id\":\"3\",\"tenant\":\"a\"}\n", "'id' is no row number");
    refuses("{\"id\":3,\"tenant\":[\"a\",1]}\n", "holds what is no string");
    refuses("{\"id\":3,\"tenant\":\"a\"\n", "byte");
    refuses("{\"id\":3.5,\"tenant\":\"a\"}\n", "no row number");
    ann_make("e.ann", &b, &how); /* of nothing, for nobody */
    a = ann_need("e.ann", cpu_detect());
    T_CHECK(ann_search(a, &o, q, 1, &id, &score, NULL, &e) == ERR_USAGE);
    o.tenant = &tenant;
    T_CHECK(ann_search(a, &o, q, 1, &id, &score, NULL, &e) == 0 && id == NEIGH_NONE);
    ann_close(a);
    how.kind = ANN_IVF;
    ann_make("e.ann", &b, &how);
    a = ann_need("e.ann", cpu_detect());
    T_CHECK(ann_search(a, &o, q, 1, &id, &score, NULL, &e) == ERR_USAGE);
    ann_close(a);
    ann_base_free(&b);
}

int main(void)
{
    tmp_enter();
    try_codes();
    try_refused();
    try_many();
    try_large();
    try_changes(DATA_NORMAL, VEC_F32, VEC_L2, 12, false, 1000, 40);
    try_changes(DATA_DECAY, VEC_F32, VEC_IP, 30, false, 700, 7);
    try_changes(DATA_DECAY, VEC_F32, VEC_COSINE, 30, true, 700, 7);
    try_changes(DATA_OFFSET, VEC_F16, VEC_COSINE, 9, false, 300, 600);
    try_changes(DATA_BYTES, VEC_U8, VEC_L2, 1, false, 90, 3);
    try_changes(DATA_CONSTANT, VEC_F32, VEC_L2, 4, false, 400, 5);
    try_changes(DATA_NORMAL, VEC_I8, VEC_L2, 20, false, 0, 12);
    try_changes(DATA_NORMAL, VEC_F32, VEC_L2, 3, true, 1, 2);
    try_recall(DATA_NORMAL, VEC_F32, VEC_L2, 13, NULL);
    try_recall(DATA_DECAY, VEC_F32, VEC_IP, 40, NULL);
    try_recall(DATA_OFFSET, VEC_F32, VEC_COSINE, 25, "int4");
    try_recall(DATA_SPIKES, VEC_U8, VEC_L2, 33, NULL);
    try_recall(DATA_SOME, VEC_F32, VEC_L2, 70, "leanvec16+int8");
    tmp_leave();
    return t_done("tenant");
}
