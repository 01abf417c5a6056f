/* fuzz_rows.c - what goes with the rows of an index, as text: attributes, names, rights of tenants.
 * Attributes that are read can be written as sections, opened, checked, and are the same.
 *
 *   0 1 what it is (enum)    1 1 how    then the file
 */
#include "fuzz.h"

#include "ann/attrs.h"
#include "ann/grants.h"
#include "ann/ids.h"
#include "vec/file.h"

enum { OF_ATTRS, OF_IDS, OF_GRANTS, KINDS };

static void same(const struct attrs *a, const struct attrs *b)
{
    FUZZ_CHECK(a->n == b->n && a->rows == b->rows);
    for (uint32_t c = 0; c < a->n; c++) {
        const struct attrs_column *x = &a->column[c], *y = &b->column[c];

        FUZZ_CHECK(strcmp(x->name, y->name) == 0 && x->type == y->type);
        FUZZ_CHECK(x->distinct == y->distinct && x->nulls == y->nulls);
        for (uint64_t r = 0; r < a->rows; r++)
            FUZZ_CHECK(attrs_code(x, r) == attrs_code(y, r));
    }
}

/* Written and opened again. */
static void round_trip(const struct attrs *a, enum cpu_level cpu)
{
    const char *path = fuzz_path("attrs.sect");
    struct sect_writer *w = NULL;
    struct sect_file *f = NULL;
    struct attrs again = {0};
    struct err e;

    fuzz_good(sect_create(&w, path, "test", 1, 0, &e), &e);
    fuzz_good(attrs_save(a, w, &e), &e);
    fuzz_good(sect_commit(&w, &e), &e);
    fuzz_good(sect_open(&f, path, "test", 1, &e), &e);
    fuzz_good(attrs_open(&again, f, a->rows, cpu, &e), &e);
    fuzz_good(attrs_check(&again, f, &e), &e);
    same(a, &again);
    attrs_close(&again);
    sect_close(f);
}

static void attrs(const char *path, enum cpu_level cpu, unsigned how)
{
    struct attrs a = {0};
    struct err e;

    if (attrs_read(&a, path, how & 1 ? "a,tags" : NULL, how & 2 ? 3 : VEC_UNKNOWN, cpu, &e) == 0 &&
        a.n > 0)
        round_trip(&a, cpu);
    attrs_close(&a);
}

static void ids(const char *path, unsigned how)
{
    struct ann_ids *ids = NULL;
    struct err e;

    if (ann_ids_load(&ids, path, how & 1 ? 2 : VEC_UNKNOWN, &e) == 0)
        for (uint64_t i = 0; i < ids->n; i++)
            FUZZ_CHECK(ids_find_made(ids, ids_made(ids, i)) == i);
    ann_ids_free(ids);
}

static void grants(const char *path, unsigned how)
{
    struct ann_ids *ids = NULL;
    struct ann_grants *g = NULL;
    struct err e;

    if (how & 1)
        fuzz_good(ann_ids_load(&ids, fuzz_file("ids", "a\nb\nc\n12\n", 9), 4, &e), &e);
    if (ann_grants_load(&g, path, 4, ids, &e) == 0)
        for (uint32_t t = 0; t < g->settled; t++)
            for (uint64_t i = g->start[t]; i < g->start[t + 1]; i++)
                FUZZ_CHECK(g->row[i] < 4 && grants_has(g, t, g->row[i]));
    ann_grants_free(g);
    ann_ids_free(ids);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    unsigned kind = fuzz_pick(&in, KINDS), how = fuzz_byte(&in);
    enum cpu_level cpu = fuzz_cpu(&in);
    const char *path = fuzz_file(how & 4   ? "rows.csv"
                                 : how & 8 ? "rows.jsonl"
                                           : "rows.tsv",
                                 in.p, in.len);

    if (kind == OF_ATTRS)
        attrs(path, cpu, how);
    else
        (kind == OF_IDS ? ids : grants)(path, how);
    return 0;
}
