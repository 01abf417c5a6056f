/* prop_ann_damage.c - damaged indexes of every kind: found, and survived (damage.h). ann_open() or
 * ann_check() must say so, and searches must come back from what was opened. Then one section at a
 * time is noise with right checksums, as only malice writes it.
 */
#include "ann_data.h"
#include "attrs_data.h"

#include "damage.h"

#include "ann/kind.h"
#include "base/rand.h"

enum { DIM = 5, QUERIES = 3, K = 12, ROUNDS = 10, ROWS = 60 };

static enum cpu_level cpu; /* asked once: virtual machines take their time to say */

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
    if (ann_predicates_new(&p, a, QUERIES, 1, &e) == 0 &&
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

    if (ann_update_open(&u, path, cpu, &e) < 0)
        return;
    ann_update_delete_row(u, 5, &e);
    if (ann_update_add(u, NULL, 0, x, &e) < 0)
        ann_update_add(u, "new", 3, x, &e);
    ann_update_grant(u, 7, "new", 3, &e);
    ann_update_revoke(u, 8, "t0", 2, &e);
    ann_update_write(u, "changed.ann", &o, &r, &e);
    ann_update_close(u);
}

/* damage.h: what it is to open, check and ask an index; it is asked every third time. */
static int look(const char *path, bool hostile, struct err *e)
{
    static unsigned n;
    struct ann *a = NULL;
    int rc = ann_open(&a, path, cpu, e);

    if (rc < 0)
        return rc;
    if (n++ % 3 == 0)
        ask(a);
    rc = ann_check(a, e);
    ann_close(a);
    if (hostile && rc == 0 && n % 2 == 0)
        change(path);
    return rc;
}

/* Section number `at` of f, in part noise, all checksums right. */
static void forge(const struct damage_file *f, size_t at, uint64_t *seed)
{
    const uint8_t *r = damage_row(f, at);
    uint64_t from = damage_get64(r + 8), len = damage_get64(r + 16), some = rand_u64(seed);
    struct damage_file forged = {data_need(malloc(f->len)), f->len};

    memcpy(forged.p, f->p, f->len);
    for (uint64_t k = 0; k < len; k++)
        if (rand_below(seed, 4) < some % 4 + 1)
            forged.p[from + k] = (uint8_t)rand_u64(seed);
    damage_seal(&forged);
    tmp_put("forged.ann", forged.p, forged.len);
    free(forged.p);
}

static void noise(const char *path)
{
    struct damage_file f = damage_read(path);
    uint64_t seed = 5;

    for (size_t at = 0; at < damage_sections(&f); at++)
        for (int round = 0; round < ROUNDS; round++) {
            struct ann *a = NULL;
            struct err e = {0};

            forge(&f, at, &seed);
            if (ann_open(&a, "forged.ann", (enum cpu_level)(round % ((int)cpu + 1)), &e) < 0)
                continue;
            ann_check(a, &e);
            ask(a);
            ann_close(a);
            if (round % 4 == 0)
                change("forged.ann");
        }
    free(f.p);
}

/* Rows have names. */
static struct ann_ids *row_names(size_t rows)
{
    FILE *f = data_need(fopen("names", "w"));
    struct ann_ids *ids = NULL;
    struct err e = {0};

    for (size_t i = 0; i < rows; i++)
        fprintf(f, "n%zu\n", i * 17 % 1009);
    fclose(f);
    T_CHECK(ann_ids_load(&ids, "names", rows, &e) == 0);
    return ids;
}

/* Every fourth row goes. */
static void delete_some(const char *path, size_t rows)
{
    struct ann_update *u = NULL;
    struct ann_update_opts how = {0};
    struct ann_update_report r;
    struct err e = {0};

    T_CHECK(ann_update_open(&u, path, cpu, &e) == 0);
    for (uint64_t row = 0; row < rows; row += 4)
        T_CHECK(ann_update_delete_row(u, row, &e) == 0);
    T_CHECKF(ann_update_write(u, path, &how, &r, &e) == 0, "%s", e.msg);
    ann_update_close(u);
}

/* As ann-tune leaves it. */
static void keep_settings(const char *path)
{
    const struct ann_setting s[] = {{.target = 0.5, .recall = 0.75, .keys = 9, .k = 3, .effort = 7},
                                    {.target = 0.9, .recall = 0.95, .keys = 60, .k = 3}};
    struct ann *a = ann_need(path, cpu);
    struct err e = {0};

    T_CHECKF(ann_save_settings(a, path, s, 2, &e) == 0, "%s", e.msg);
    ann_close(a);
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

/* ---- the kinds ---- */

enum { BARE = 1, NAMES = 2, DELETED = 4, ATTRS = 8, TUNED = 16, RESIDENT = 32 };

/* Each as small as it can be. A new kind, or a new section of one, is a row. */
static const struct kind {
    enum ann_kind_name kind;
    enum vec_type type;
    enum vec_metric metric;
    const char *codec; /* NULL: the default */
    unsigned with;
} kinds[] = {
    {ANN_GRAPH, VEC_F32, VEC_L2, "leanvec3+int8", 0},
    {ANN_GRAPH, VEC_F32, VEC_L2, "leanvec4+int8x1+int4", 0},
    {ANN_GRAPH, VEC_F32, VEC_IP, "int4", BARE},
    {ANN_GRAPH, VEC_U8, VEC_L2, "bytes", TUNED},
    {ANN_GRAPH, VEC_F16, VEC_COSINE, "int8", 0},
    {ANN_GRAPH, VEC_F32, VEC_L2, "int4", NAMES | DELETED},
    {ANN_GRAPH, VEC_I8, VEC_L2, NULL, ATTRS | NAMES | DELETED | TUNED},
    {ANN_IVF, VEC_F32, VEC_L2, NULL, 0},
    {ANN_IVF, VEC_F32, VEC_IP, "opq3x4+int4", BARE},
    {ANN_IVF, VEC_U8, VEC_L2, "pq5x2", 0},
    {ANN_IVF, VEC_F32, VEC_L2, "pq5x4", BARE},
    {ANN_IVF, VEC_F16, VEC_COSINE, NULL, 0},
    {ANN_IVF, VEC_F32, VEC_L2, NULL, NAMES | DELETED},
    {ANN_IVF, VEC_F32, VEC_L2, "pq5x6+int8", BARE | NAMES | DELETED},
    {ANN_IVF, VEC_F32, VEC_L2, NULL, ATTRS | TUNED},
    {ANN_HQI, VEC_F32, VEC_L2, NULL, ATTRS},
    {ANN_HQI, VEC_F32, VEC_L2, "pq5x4", ATTRS | BARE | NAMES},
    {ANN_TENANT, VEC_F32, VEC_L2, NULL, NAMES | DELETED},
    {ANN_TENANT, VEC_U8, VEC_L2, NULL, 0},
    {ANN_TENANT, VEC_F32, VEC_L2, NULL, ATTRS},
    {ANN_SPANN, VEC_F32, VEC_L2, NULL, 0},
    {ANN_SPANN, VEC_F32, VEC_IP, "pq6x4", BARE},
    {ANN_SPANN, VEC_F32, VEC_L2, NULL, ATTRS | NAMES},
    {ANN_SPANN, VEC_F32, VEC_L2, NULL, RESIDENT},
    {ANN_OSQ, VEC_F32, VEC_L2, NULL, 0},
    {ANN_OSQ, VEC_U8, VEC_IP, "osq2", 0},
    {ANN_OSQ, VEC_F32, VEC_L2, NULL, ATTRS | NAMES},
};

static void make(const char *path, const struct kind *k)
{
    struct ann_base b = ann_base_of(DATA_NORMAL, k->type, k->kind == ANN_TENANT ? 130 : ROWS, DIM);
    struct ann_grants *g = k->kind == ANN_TENANT ? grants_of(b.rows.rows) : NULL;
    struct ann_attrs attrs = {0};
    struct ann_ids *ids = k->with & NAMES ? row_names(b.rows.rows) : NULL;
    struct ann_build_opts o = {.kind = k->kind,
                               .metric = k->metric,
                               .codec = k->codec,
                               .degree = k->kind == ANN_GRAPH || k->kind == ANN_SPANN ? 5 : 0,
                               .beam = k->kind == ANN_GRAPH || k->kind == ANN_SPANN ? 8 : 0,
                               .grants = g,
                               .ids = ids,
                               .resident = k->with & RESIDENT,
                               .no_vectors = k->with & BARE};

    if (k->with & ATTRS) {
        struct table t = table_make(b.rows.rows, 30);

        table_attrs(&t, &attrs.attrs, cpu);
        free(t.cell);
        o.attrs = &attrs;
    }
    if (k->kind == ANN_HQI) {
        o.wheres = wheres;
        o.n_wheres = QUERIES;
        o.least = 5;
    }
    ann_make(path, &b, &o);
    if (k->with & DELETED)
        delete_some(path, b.rows.rows);
    if (k->with & TUNED)
        keep_settings(path);
    attrs_close(&attrs.attrs);
    ann_ids_free(ids);
    ann_grants_free(g);
    ann_base_free(&b);
}

static void note_sections(const char *path, struct buf *seen)
{
    struct damage_file f = damage_read(path);
    struct err e = {0};

    for (size_t i = 0; i < damage_sections(&f); i++)
        buf_add(seen, (const char *)damage_row(&f, i), 4, &e);
    free(f.p);
}

/* No section that ann-index(5) names is left out. */
static void check_seen(struct buf *seen)
{
    static const char all[] = "METAMEANMAPBCODELINKENTRVECSHQIHHQITHQIDATTHATTDATTCATTLTUNEDEAD"
                              "IDSTIDSOIDSPIVFHMIDPCENTLISTROWSFASTFACTTNTHNODECELLBLOMTNSTTNSO"
                              "TNSPTNFRTNLSSPNHHOMEPOSTOSQHAWAYOROWSIGN";
    struct err e = {0};

    buf_addc(seen, '\0', &e);
    for (const char *id = all; *id; id += 4) {
        char name[5] = {id[0], id[1], id[2], id[3], 0};

        T_CHECKF(strstr(seen->p, name), "no kind here has a section %s", name);
    }
}

int main(void)
{
    struct buf seen = {0};
    size_t bytes = 0;

    cpu = cpu_detect();
    tmp_enter();
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char name[64];
        struct err e = {0};

        snprintf(name, sizeof name, "%zu-%s-%u.ann", i, kinds[i].codec ? kinds[i].codec : "",
                 kinds[i].with);
        make(name, &kinds[i]);
        T_CHECKF(look(name, false, &e) == 0, "%s: %s", name, e.msg);
        note_sections(name, &seen);
        damage_versions(name, look);
        noise(name);
        damage_hostile(name, look);
        bytes += damage_small(name, look);
    }
    check_seen(&seen);
    buf_free(&seen);
    printf("%zu kinds, %zu bytes, each flipped and cut at\n", sizeof kinds / sizeof *kinds, bytes);
    tmp_leave();
    return t_done("ann_damage");
}
