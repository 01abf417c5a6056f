/* fuzz_beside.c - what comes to a search or an index from beside it: changes, tenants of queries,
 * lists to be fused and their map, sketches of a base.
 *
 *   0 1 what it is (enum)    1 1 how
 *   then the file; to be fused a map, a list and another, with 0x1e between them; of a sketch its
 *   sections (fuzz.h)
 */
#include "fuzz.h"

#include <fcntl.h>
#include <sys/stat.h>

#include "ann/choice.h"
#include "ann/fuse.h"
#include "vec/knn_file.h"
#include "vec/ops.h"
#include "vec/sketch.h"

enum { OF_CHANGES, OF_TENANTS, OF_FUSION, OF_SKETCH, KINDS };

enum { ROWS = 12, DIM = 3, CONTROL = 2 };

static const char *named, *shared; /* indexes: of named rows with attributes, of tenants */

/* A line a row: its number, and one of three others. */
static const char *lines(const char *name, const char *before, const char *between,
                         const char *behind)
{
    char text[ROWS * 64];
    size_t len = 0;

    for (int i = 0; i < ROWS; i++)
        len += (size_t)snprintf(text + len, sizeof text - len, "%s%d%s%d%s\n", before, i, between,
                                i % 3, behind);
    return fuzz_file(name, text, len);
}

static void make(const char *path, enum ann_kind_name kind)
{
    static float x[ROWS][DIM];
    const struct vec_rows base = {(const unsigned char *)x, ROWS, DIM, VEC_F32, sizeof x[0]};
    struct ann_build_opts o = {.kind = kind, .degree = 4, .beam = 8, .threads = 1};
    struct ann_ids *ids = NULL;
    struct ann_attrs *attrs = NULL;
    struct ann_grants *g = NULL;
    struct ann_build_report report;
    struct err e;

    for (int i = 0; i < ROWS * DIM; i++)
        x[i / DIM][i % DIM] = (float)(i * 37 % 23);
    if (kind == ANN_GRAPH) {
        fuzz_good(ann_ids_load(&ids, lines("ids", "r", "-", ""), ROWS, &e), &e);
        fuzz_good(ann_attrs_load(&attrs, lines("a.jsonl", "{\"n\":", ",\"tags\":[\"t", "\"]}"),
                                 NULL, ROWS, CPU_PORTABLE, &e),
                  &e);
    } else
        fuzz_good(ann_grants_load(&g, lines("grants", "", "\tt", ""), ROWS, NULL, &e), &e);
    o.ids = ids;
    o.attrs = attrs;
    o.grants = g;
    fuzz_good(ann_build(path, &base, &o, &report, &e), &e);
    ann_ids_free(ids);
    ann_attrs_free(attrs);
    ann_grants_free(g);
}

static void changes(const char *path, unsigned how)
{
    struct ann_update *u = NULL;
    struct ann_update_opts o = {.compact = how & 2, .threads = 1};
    struct ann_update_report r;
    struct ann *a = NULL;
    uint64_t skipped = 0;
    struct err e;

    fuzz_good(ann_update_open(&u, how & 1 ? shared : named, CPU_PORTABLE, &e), &e);
    if (ann_update_read(u, path, how & 4, &skipped, &e) == 0) {
        fuzz_good(ann_update_write(u, fuzz_path("changed"), &o, &r, &e), &e);
        fuzz_good(ann_open(&a, fuzz_path("changed"), CPU_PORTABLE, &e), &e);
        fuzz_good(ann_check(a, &e), &e);
        ann_close(a);
    }
    ann_update_close(u);
}

static void tenants(const char *path, unsigned how)
{
    struct ann_choice_opts o = {.tenants = path, .threads = 1, .most = 4};
    struct ann_search_opts s = {.k = 3, .threads = 1};
    struct ann_choice *c = NULL;
    struct ann *a = NULL;
    uint64_t done;
    struct err e;

    fuzz_good(ann_open(&a, shared, CPU_PORTABLE, &e), &e);
    if (ann_choice_open(&c, a, &o, &e) == 0) {
        for (unsigned i = 0; i <= how % 4; i++) {
            uint64_t n = how / 4 % 4 + 1;

            if (ann_choice_take(c, n, &e) < 0)
                break;
            for (uint64_t at = 0; at < n && ann_choice_next(c, &s, &done, &e) == 0; at += done)
                FUZZ_CHECK(done > 0 && done <= n - at);
        }
        ann_choice_end(c, &e);
    }
    ann_choice_close(c);
    ann_close(a);
}

static void fusion(struct fuzz_in in, unsigned how)
{
    struct fuzz_in map = fuzz_until(&in, 0x1e), first = fuzz_until(&in, 0x1e);
    const char *const paths[] = {fuzz_file("first", first.p, first.len),
                                 fuzz_file("second", in.p, in.len)};
    struct fuse_files f = {.path = paths,
                           .files = in.len > 0 ? 2 : 1,
                           .from = how & 1 ? NEIGH_JSONL : NEIGH_TSV,
                           .depth = how & 2 ? 3 : 0,
                           .names = how & 4};
    struct fuse_opts o = {.method = (enum fuse_method)(how / 8 % 4),
                          .norm = (enum fuse_norm)(how / 32 % 3),
                          .near = FUSE_LARGER,
                          .rrf_k = FUSE_RRF_K};
    struct neigh_write_opts w = {.path = fuzz_path("fused"), .to = NEIGH_TSV, .k = 4};
    struct err e;

    f.map = map.len > 0 ? fuzz_file("map", map.p, map.len) : NULL;
    f.group = f.map ? 0 : 1;
    fuse_run(&f, &o, &w, &e);
}

/* Its base is as old as the world: what a sketch says of it does not change. */
static const char *sketched_base(void)
{
    static const struct timespec never[2];
    unsigned char rows[ROWS][4 + 4 * DIM];
    const char *path;

    for (int i = 0; i < ROWS; i++) {
        const float x[DIM] = {(float)i, (float)(i * 7 % 5), (float)(i % 3) - 1};

        memcpy(rows[i], &(uint32_t){DIM}, 4);
        memcpy(rows[i] + 4, x, sizeof x);
    }
    path = fuzz_file("base.fvecs", rows, sizeof rows);
    FUZZ_CHECK(utimensat(AT_FDCWD, path, never, 0) == 0);
    return path;
}

static void sketch(struct fuzz_in in, unsigned how)
{
    struct knn_files f = {.knn = {.metric = (enum vec_metric)(how % 3),
                                  .k = 4,
                                  .threads = 1,
                                  .cpu = (enum cpu_level)(how / 4 % (cpu_detect() + 1))},
                          .memory = 1 << 20};
    struct neigh_write_opts w = {
        .path = fuzz_path("near"), .to = NEIGH_TSV, .k = 4, .queries = ROWS};
    const char *path = sketched_base();
    struct vec_reader *base = NULL, *queries = NULL;
    struct neigh_writer *out = NULL;
    struct sketch s = {0};
    struct err e;

    fuzz_good(vec_open(&base, path, NULL, &e), &e);
    fuzz_good(vec_open(&queries, path, NULL, &e), &e);
    if (sketch_open(&s, fuzz_container(in, "vskt", 1), base, ops_for(f.knn.cpu), NULL, NULL, &e) ==
        0) {
        f.sketch = &s;
        fuzz_good(neigh_create(&out, &w, &e), &e);
        knn_files(&f, base, queries, out, &e);
        neigh_abort(&out);
    }
    sketch_close(&s);
    vec_close(base);
    vec_close(queries);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    unsigned kind = fuzz_pick(&in, KINDS), how = fuzz_byte(&in);

    if (!named) {
        named = fuzz_path("named.ann");
        shared = fuzz_path("shared.ann");
        make(named, ANN_GRAPH);
        make(shared, ANN_TENANT);
    }
    switch (kind) {
    case OF_CHANGES:
        changes(fuzz_file("changes", in.p, in.len), how);
        break;
    case OF_TENANTS:
        tenants(fuzz_file("tenants", in.p, in.len), how);
        break;
    case OF_FUSION:
        fusion(in, how);
        break;
    default:
        sketch(in, how);
    }
    return 0;
}

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t most) __attribute__((weak));

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t most, unsigned seed)
{
    return size > 0 && data[0] % KINDS == OF_SKETCH
               ? fuzz_mutate_parts(data, size, most, seed, CONTROL)
               : LLVMFuzzerMutate(data, size, most);
}
