/* fuzz_ann.c - indexes of every kind whose sections are any bytes: opened, checked, looked at,
 * searched, and changed. A row that is found is one of the index, and not deleted.
 *
 *   0 1 level of CPU    1 1 effort    2 1 what else is asked (enum)    3 1 seed of the queries
 *   then the sections (fuzz.h)
 */
#include "fuzz.h"

#include "ann/ann.h"
#include "base/rand.h"
#include "vec/neigh.h"

enum { CONTROL = 4, QUERIES = 3, K = 7, DIM_MOST = 1 << 12 };

enum { ASK_CHANGE = 1, ASK_WHERE = 2, ASK_SLACK = 4, ASK_TRUTH = 8, ASK_LOAD = 16, ASK_BATCH = 32 };

struct asked {
    struct ann_search_opts o;
    unsigned what;
    float *q;
    uint32_t tenant[QUERIES];
};

static void check_found(const struct ann *a, const uint64_t *id, uint64_t rows)
{
    for (size_t i = 0; i < (size_t)QUERIES * K; i++)
        FUZZ_CHECK(id[i] == NEIGH_NONE || (id[i] < rows && !ann_deleted(a, id[i])));
}

static void search(const struct ann *a, const struct asked *k, uint64_t rows)
{
    uint64_t id[QUERIES * K];
    float score[QUERIES * K];
    struct ann_search_stats stats = {0};
    struct err e;

    if (ann_search(a, &k->o, k->q, QUERIES, id, score, &stats, &e) == 0)
        check_found(a, id, rows);
}

/* Columns of the seeds; whether they are still there is up to the input. */
static void search_where(const struct ann *a, struct asked k, uint64_t rows)
{
    static const struct ann_predicate text[QUERIES] = {
        {"n > 1 or s = 'b'", 16}, {"not tags has 'x' and f < 2.5", 28}, {"ok or n is null", 15}};
    struct ann_allowed allowed[QUERIES];
    struct ann_predicates *p = NULL;
    struct ann_explained why;
    uint64_t done = 0;
    struct err e;

    k.o.allowed = allowed;
    k.o.allowed_each = true;
    k.o.batch = k.what & ASK_BATCH;
    if (ann_predicates_new(&p, a, QUERIES, 1, &e) == 0 &&
        ann_predicates_rows(p, text, QUERIES, allowed, &done, &e) == 0 && done == QUERIES) {
        for (size_t i = 0; i < QUERIES; i++) {
            FUZZ_CHECK(allowed[i].count <= rows);
            ann_explain(a, &k.o, allowed[i].count, &why);
        }
        search(a, &k, rows);
    }
    ann_predicates_free(p);
}

static void look(const struct ann *a, const struct ann_info *i)
{
    const struct ann_setting *s;
    struct ann_section section;
    struct ann_links links;
    struct ann_lists lists;
    struct ann_tenants tenants;
    struct err e;
    size_t n, sum = 0;

    for (uint64_t row = 0; row < i->rows && i->ids; row++) {
        const char *p = ann_id(a, row, &n);

        for (size_t c = 0; c < n; c++)
            sum += (unsigned char)p[c];
    }
    for (uint32_t c = 0; c < i->columns; c++)
        sum += strlen(ann_column(a, c).name);
    for (n = 0; ann_section(a, n, &section); n++)
        sum += section.len;
    if (ann_settings(a, &s, &n, &e) == 0 && n > 0)
        sum += s[n - 1].effort;
    FUZZ_CHECK(sum < SIZE_MAX);
    if (i->has_links)
        FUZZ_CHECK(i->beam >= 1 && i->beam <= ANN_BEAM_MOST);
    if (i->has_links)
        FUZZ_CHECK(ann_links(a, &links, &e) < 0 || links.reached <= i->rows);
    if (i->has_lists) {
        ann_lists(a, &lists);
        FUZZ_CHECK(lists.most <= i->rows);
    }
    if (i->has_tenants) {
        ann_tenants(a, &tenants);
        FUZZ_CHECK(tenants.list_most <= i->rows && tenants.filter_fill <= 1);
    }
}

static void truth(const struct ann *a, const struct asked *k)
{
    struct neigh t = {0};
    struct err e;

    ann_truth(a, k->q, QUERIES, K, 1, &t, &e);
    neigh_free(&t);
}

static void ask(const struct ann *a, struct asked *k, unsigned seed)
{
    struct ann_info i;
    uint64_t state = seed;

    ann_info(a, &i);
    look(a, &i);
    if (i.dim > DIM_MOST)
        return;
    k->q = fuzz_need(malloc(QUERIES * i.dim * sizeof *k->q + 1));
    for (size_t c = 0; c < (size_t)QUERIES * i.dim; c++)
        k->q[c] = (float)(int)(rand_u64(&state) % 64) / 8 - 3;
    k->tenant[0] = ann_tenant(a, "t1", 2);
    k->tenant[1] = seed;
    k->o.tenant = i.has_tenants ? k->tenant : NULL;
    k->o.tenant_each = i.has_tenants;
    k->o.slack = i.slack && k->what & ASK_SLACK ? 0.5F : 0;
    search(a, k, i.rows);
    if (i.columns > 0 && k->what & ASK_WHERE)
        search_where(a, *k, i.rows);
    if (k->what & ASK_TRUTH)
        truth(a, k);
    free(k->q);
}

static void change(const char *path, enum cpu_level cpu, unsigned seed)
{
    struct ann_update *u = NULL;
    struct ann_update_opts o = {.compact = seed & 1, .threads = 1};
    struct ann_update_report r;
    struct ann_info i;
    float *x;
    struct err e;

    if (ann_update_open(&u, path, cpu, &e) < 0)
        return;
    ann_info(ann_update_index(u), &i);
    x = fuzz_need(calloc(i.dim + 1, sizeof *x));
    for (uint32_t c = 0; c < i.dim; c++)
        x[c] = (float)(c % 5) - 1.5F;
    ann_update_delete_row(u, seed % 8, &e);
    if (ann_update_attrs(u, "{\"n\":3,\"s\":\"new\"}", 17, &e) < 0 ||
        ann_update_add(u, NULL, 0, x, &e) < 0)
        ann_update_add(u, "new", 3, x, &e);
    ann_update_grant(u, 2, "t9", 2, &e);
    ann_update_revoke(u, 3, "t0", 2, &e);
    ann_update_write(u, fuzz_path("changed"), &o, &r, &e);
    ann_update_close(u);
    free(x);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    enum cpu_level cpu = fuzz_cpu(&in);
    struct asked k = {.o = {.k = K, .effort = fuzz_byte(&in), .threads = 1}};
    struct ann *a = NULL;
    struct err e;
    const char *path;
    unsigned seed;

    k.what = fuzz_byte(&in);
    seed = fuzz_byte(&in);
    path = fuzz_container(in, "ann ", 1);
    if ((k.what & ASK_LOAD ? ann_load(&a, path, cpu, 1, &e) : ann_open(&a, path, cpu, &e)) < 0)
        return 0;
    ann_check(a, &e);
    ask(a, &k, seed);
    ann_close(a);
    if (k.what & ASK_CHANGE)
        change(path, cpu, seed);
    return 0;
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    return fuzz_mutate_parts(data, size, most, seed, CONTROL);
}
