/* prop_ann_damage.c - damaged indexes: found, and survived. One bit of every byte is flipped in
 * turn: ann_open() or ann_check() must say so, and a search must come back from what was opened.
 * The file is cut to every shorter length. Then one section at a time is noise with right
 * checksums, as only malice writes it, in a copy whose end is the end of what may be read.
 */
#include "ann_data.h"
#include "attrs_data.h"

#include <fcntl.h>

#include "ann/kind.h"
#include "base/rand.h"
#include "base/sect.h"

enum { DIM = 5, QUERIES = 3, K = 12, ROUNDS = 40 };

/* Of attrs_data.h's columns. */
static const struct ann_predicate wheres[] = {{"live", 4}, {"not year < 2000", 15}, {"true", 4}};

static void check_found(const struct ann *a, const uint64_t *id, uint64_t rows)
{
    for (size_t k = 0; k < QUERIES * K; k++)
        T_CHECK(id[k] == NEIGH_NONE || (id[k] < rows && !ann_deleted(a, id[k])));
}

/* A predicate for each query, if the columns that they name are still there. */
static void ask_where(const struct ann *a, const float *q, struct ann_search_opts o, uint64_t rows)
{
    struct ann_predicates *p = NULL;
    struct ann_allowed allowed[QUERIES];
    uint64_t id[QUERIES * K], done;
    float score[QUERIES * K];
    struct err e;

    o.allowed = allowed;
    o.allowed_each = true;
    if (ann_predicates_new(&p, a, 1, &e) == 0 &&
        ann_predicates_rows(p, wheres, QUERIES, allowed, &done, &e) == 0 && done == QUERIES &&
        ann_search(a, &o, q, QUERIES, id, score, NULL, &e) == 0)
        check_found(a, id, rows);
    ann_predicates_free(p);
}

static void ask(const struct ann *a)
{
    float q[QUERIES * DIM] = {1, 2, 3, 4, 5, -1, 0, 0, 7, 1e30F, 100, 0, 3, 3, 3};
    uint64_t id[QUERIES * K];
    float score[QUERIES * K];
    const uint32_t tenant[QUERIES] = {0, 2, 1};
    struct ann_search_opts o = {.k = K, .effort = 20};
    struct ann_tenants tenants;
    struct ann_links l;
    struct ann_lists lists;
    struct ann_info i;
    struct err e;

    ann_info(a, &i);
    if (i.dim != DIM)
        return;
    o.tenant = i.has_tenants ? tenant : NULL;
    o.tenant_each = true;
    if (ann_search(a, &o, q, QUERIES, id, score, NULL, &e) == 0)
        check_found(a, id, i.rows);
    if (i.columns > 0)
        for (o.effort = 1; o.effort < 400; o.effort *= 7)
            ask_where(a, q, o, i.rows);
    for (uint64_t row = 0; row < i.rows && i.ids; row++) {
        size_t len, sum = 0;
        const char *p = ann_id(a, row, &len);

        for (size_t k = 0; k < len; k++)
            sum += (unsigned char)p[k];
        T_CHECK(sum <= 255 * len);
    }
    if (i.has_links) {
        T_CHECK(ann_links(a, &l, &e) < 0 || l.reached <= i.rows);
    }
    if (i.has_lists) {
        ann_lists(a, &lists);
        T_CHECK(lists.most <= i.rows);
    }
    if (i.has_tenants) {
        ann_tenants(a, &tenants);
        T_CHECK(tenants.list_most <= i.rows && tenants.filter_fill <= 1);
        T_CHECK(ann_tenant(a, "t1", 2) == ANN_NO_TENANT || tenants.tenants > 0);
    }
}

/* An update of what passes all checks comes back, too. */
static void change(const char *path)
{
    struct ann_update *u = NULL;
    struct ann_update_opts o = {.compact = true};
    struct ann_update_report r;
    float x[DIM] = {3, 1, 4, 1, 5};
    struct err e = {0};

    if (ann_update_open(&u, path, cpu_detect(), &e) < 0)
        return;
    ann_update_delete_row(u, 5, &e);
    if (ann_update_add(u, NULL, 0, x, &e) < 0)
        ann_update_add(u, "new", 3, x, &e);
    ann_update_grant(u, 7, "new", 3, &e);
    ann_update_revoke(u, 8, "t0", 2, &e);
    ann_update_write(u, "changed.ann", &o, &r, &e);
    ann_update_close(u);
}

static size_t length_of(int fd)
{
    return (size_t)lseek(fd, 0, SEEK_END);
}

static void flip_bits(const char *path)
{
    int fd = open(path, O_RDWR);
    size_t len = length_of(fd);

    for (size_t at = 0; at < len; at++) {
        struct ann *a = NULL;
        struct err e = {0};
        char c, bad;

        T_CHECK(pread(fd, &c, 1, (off_t)at) == 1);
        bad = (char)(c ^ 1 << at % 8);
        T_CHECK(pwrite(fd, &bad, 1, (off_t)at) == 1);
        if (ann_open(&a, path, cpu_detect(), &e) == 0) {
            T_CHECKF(ann_check(a, &e) < 0, "%s: byte %zu", path, at);
            ask(a);
            ann_close(a);
        }
        T_CHECK(e.msg[0] != 0);
        T_CHECK(pwrite(fd, &c, 1, (off_t)at) == 1);
    }
    close(fd);
}

static void cut(const char *path)
{
    int fd = open(path, O_RDWR);

    for (size_t len = length_of(fd); len-- > 0;) {
        struct ann *a = NULL;
        struct err e = {0};

        T_CHECK(ftruncate(fd, (off_t)len) == 0);
        T_CHECKF(ann_open(&a, path, CPU_PORTABLE, &e) < 0, "%s cut to %zu", path, len);
    }
    close(fd);
}

/* `path` again, section number `at` noise. */
static void forge(const char *path, size_t at, uint64_t *seed)
{
    struct sect_writer *w = NULL;
    struct sect_file *f = NULL;
    struct err e = {0};

    T_CHECK(sect_open(&f, path, "ann ", 1, &e) == 0);
    T_CHECK(sect_create(&w, "forged.ann", "ann ", 1, 0, &e) == 0);
    for (size_t i = 0; i < sect_count(f); i++) {
        struct sect_row row = sect_row(f, i);
        uint64_t some = rand_u64(seed);
        char *p = data_need(malloc(row.len + 1));

        T_CHECK(sect_read(f, row.id, 0, p, row.len, &e) == 0);
        for (size_t k = 0; k < row.len && i == at; k++)
            if (rand_below(seed, 4) < some % 4 + 1)
                p[k] = (char)rand_u64(seed);
        T_CHECK(sect_put(w, row.id, row.flags, p, row.len, &e) == 0);
        free(p);
    }
    T_CHECK(sect_commit(&w, &e) == 0);
    sect_close(f);
}

static void noise(const char *path, size_t sections)
{
    uint64_t seed = 5;

    for (size_t at = 0; at < sections; at++)
        for (int round = 0; round < ROUNDS; round++) {
            struct ann *a = NULL;
            struct err e = {0};

            forge(path, at, &seed);
            if (ann_open(&a, "forged.ann", (enum cpu_level)(round % ((int)cpu_detect() + 1)), &e) <
                0)
                continue;
            ann_check(a, &e);
            ask(a);
            ann_close(a);
            change("forged.ann");
        }
}

/* An index with names, in which rows were deleted. */
static void make_changed(const struct ann_base *b, struct ann_build_opts *o)
{
    FILE *f = data_need(fopen("names", "w"));
    struct ann_ids *ids = NULL;
    struct ann_update *u = NULL;
    struct ann_update_opts how = {0};
    struct ann_update_report r;
    struct err e = {0};

    for (size_t i = 0; i < b->rows.rows; i++)
        fprintf(f, "n%zu\n", i * 17 % 1009);
    fclose(f);
    T_CHECK(ann_ids_load(&ids, "names", b->rows.rows, &e) == 0);
    o->ids = ids;
    ann_make("d.ann", b, o);
    ann_ids_free(ids);
    T_CHECK(ann_update_open(&u, "d.ann", cpu_detect(), &e) == 0);
    for (uint64_t row = 0; row < b->rows.rows; row += 4)
        T_CHECK(ann_update_delete_row(u, row, &e) == 0);
    T_CHECKF(ann_update_write(u, "d.ann", &how, &r, &e) == 0, "%s", e.msg);
    ann_update_close(u);
}

/* Of four tenants the first has all rows. */
static struct ann_grants *grants_of(size_t rows)
{
    FILE *f = data_need(fopen("grants", "w"));
    struct ann_grants *g = NULL;
    struct err e = {0};

    for (size_t i = 0; i < rows; i++)
        for (size_t t = 0; t < 4; t++)
            if (i % (t + 1) == 0)
                fprintf(f, "%zu\tt%zu\n", i, t);
    fclose(f);
    T_CHECK(ann_grants_load(&g, "grants", rows, NULL, &e) == 0);
    return g;
}

static void damage(enum ann_kind_name kind, enum vec_type type, enum vec_metric m,
                   const char *codec, bool no_vectors, bool changed)
{
    struct ann_base b = ann_base_of(DATA_NORMAL, type, kind == ANN_TENANT ? 130 : 60, DIM);
    struct ann_grants *g = kind == ANN_TENANT ? grants_of(b.rows.rows) : NULL;
    struct ann_build_opts o = {.kind = kind,
                               .metric = m,
                               .codec = codec,
                               .degree = 5,
                               .beam = 8,
                               .grants = g,
                               .no_vectors = no_vectors};
    struct ann_section s;
    struct ann *a;
    struct ann_attrs attrs = {0};
    size_t sections = 0;

    if (kind == ANN_HQI) {
        struct table t = table_make(60, 30);

        table_attrs(&t, &attrs.attrs, cpu_detect());
        free(t.cell);
        o.attrs = &attrs;
        o.wheres = wheres;
        o.n_wheres = QUERIES;
        o.least = 5;
    }
    if (changed)
        make_changed(&b, &o);
    else
        ann_make("d.ann", &b, &o);
    a = ann_need("d.ann", CPU_PORTABLE);
    while (ann_section(a, sections, &s))
        sections++;
    ann_close(a);
    attrs_close(&attrs.attrs);
    noise("d.ann", sections);
    flip_bits("d.ann");
    cut("d.ann");
    ann_grants_free(g);
    ann_base_free(&b);
}

int main(void)
{
    tmp_enter();
    damage(ANN_GRAPH, VEC_F32, VEC_L2, "leanvec3+int8", false, false);
    damage(ANN_GRAPH, VEC_F32, VEC_IP, "int4", true, false);
    damage(ANN_GRAPH, VEC_U8, VEC_L2, "bytes", false, false);
    damage(ANN_GRAPH, VEC_F16, VEC_COSINE, "int8", false, false);
    damage(ANN_GRAPH, VEC_F32, VEC_L2, "int4", false, true);
    damage(ANN_IVF, VEC_F32, VEC_L2, NULL, false, false);
    damage(ANN_HQI, VEC_F32, VEC_L2, NULL, false, false);
    damage(ANN_IVF, VEC_F32, VEC_IP, "opq3x4+int4", true, false);
    damage(ANN_IVF, VEC_U8, VEC_L2, "pq5x2", false, false);
    damage(ANN_IVF, VEC_F32, VEC_L2, "pq5x4", true, false);
    damage(ANN_IVF, VEC_F16, VEC_COSINE, NULL, false, false);
    damage(ANN_IVF, VEC_F32, VEC_L2, NULL, false, true);
    damage(ANN_IVF, VEC_F32, VEC_L2, "pq5x6+int8", true, true);
    damage(ANN_TENANT, VEC_F32, VEC_L2, NULL, false, true);
    damage(ANN_TENANT, VEC_U8, VEC_L2, NULL, false, false);
    damage(ANN_SPANN, VEC_F32, VEC_L2, NULL, false, false);
    damage(ANN_SPANN, VEC_F32, VEC_IP, "pq6x4", true, false);
    damage(ANN_OSQ, VEC_F32, VEC_L2, NULL, false, false);
    damage(ANN_OSQ, VEC_U8, VEC_IP, "osq2", false, false);
    tmp_leave();
    return t_done("ann_damage");
}
