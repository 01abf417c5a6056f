/* fuzz_vec.c - vector files of all formats, lists of neighbours, sets of rows: read as streams, in
 * place, and from the middle; what was read both ways is the same.
 *
 *   0 1 what it is (enum)    1 1 format of that    2 1 how (enum)    then the file
 */
#include "fuzz.h"

#include <math.h>

#include "base/names.h"
#include "vec/allow.h"
#include "vec/file.h"
#include "vec/neigh.h"

enum { OF_VECTORS, OF_NEIGHBOURS, OF_ROWS, OF_ALL, KINDS };

enum { HOW_SKIP = 1, HOW_RAW = 2, HOW_NAMES = 4, HOW_SPREAD = 8, HOW_SEEK = 16 };

enum { ROWS_MOST = 200, ROW_BYTES_MOST = 1 << 20 };

/* The first rows, one after the other; a row's bytes by number into *all if it is not NULL. */
static uint64_t stream(struct vec_reader *r, unsigned char *all)
{
    size_t row_bytes = (size_t)vec_reader_dim(r) * vec_type_size(vec_reader_type(r));
    unsigned char *row = fuzz_need(malloc(row_bytes + 1));
    uint64_t n = 0;
    struct err e;

    for (; n < ROWS_MOST && vec_read(r, row, 1, &e) == 1; n++)
        if (all)
            memcpy(all + n * row_bytes, row, row_bytes);
    free(row);
    return n;
}

/* In place, and from row 1 again. */
static void compare(struct vec_reader *r, const unsigned char *all, uint64_t n, size_t row_bytes)
{
    unsigned char *row = fuzz_need(malloc(row_bytes + 1));
    struct vec_rows rows;
    struct err e;

    if (vec_mapped(r, &rows, NULL))
        for (uint64_t i = 0; i < n && i < rows.rows; i++)
            FUZZ_CHECK(memcmp(vec_row(&rows, i), all + i * row_bytes, row_bytes) == 0);
    if (n > 1 && vec_seek(r, 1, &e) == 0 && vec_read(r, row, 1, &e) == 1)
        FUZZ_CHECK(memcmp(row, all + row_bytes, row_bytes) == 0);
    free(row);
}

static void vectors(const char *path, const struct vec_read_opts *o, unsigned how)
{
    struct vec_reader *r = NULL, *again = NULL;
    unsigned char *all = NULL;
    size_t row_bytes;
    struct err e;
    uint64_t n;

    if (vec_open(&r, path, o, &e) < 0)
        return;
    row_bytes = (size_t)vec_reader_dim(r) * vec_type_size(vec_reader_type(r));
    if (row_bytes <= ROW_BYTES_MOST / ROWS_MOST && !o->skip_bad)
        all = fuzz_need(malloc(ROWS_MOST * row_bytes + 1));
    n = stream(r, all);
    FUZZ_CHECK(n == 0 || row_bytes > 0);
    if (all && how & HOW_SEEK && vec_open(&again, path, o, &e) == 0)
        compare(again, all, n, row_bytes);
    vec_close(again);
    vec_close(r);
    free(all);
}

static void load(const char *path, struct vec_read_opts o, bool spread)
{
    struct vec_matrix m = {0};
    uint64_t skipped = 0;
    struct err e;

    o.skipped = &skipped;
    if (vec_load_f32(&m, path, &o, 7, spread, &e) < 0)
        return;
    FUZZ_CHECK(m.rows <= 7);
    for (size_t i = 0; i < m.rows * m.dim; i++)
        FUZZ_CHECK(isfinite(m.v[i]));
    vec_matrix_free(&m);
}

static void lists(const char *path, enum neigh_format f, bool named)
{
    struct neigh_reader *r = NULL;
    struct names *names = NULL;
    struct neigh_list l;
    struct neigh all = {0};
    struct err e;

    fuzz_good(named ? names_new(&names, &e) : 0, &e);
    if (neigh_open(&r, path, f, names, &e) == 0)
        for (int n = 0; n < 1 << 16 && neigh_next(r, &l, &e) > 0; n++)
            for (uint32_t i = 0; i < l.n; i++)
                FUZZ_CHECK(l.id[i] != NEIGH_NONE &&
                           (!l.score || l.score[i] <= INFINITY || isnan(l.score[i])));
    neigh_close(r);
    names_free(names);
    if (!named && neigh_load(&all, path, f, &e) == 0)
        neigh_free(&all);
}

static void rows(const char *path, enum allow_format f)
{
    struct allow a = {0};
    uint64_t count = 0;
    struct err e;

    if (allow_load(&a, path, f, 1 << 20, &e) < 0)
        return;
    for (uint64_t i = 0; i < a.end && i < 1 << 16; i++)
        count += allow_has(&a, i);
    FUZZ_CHECK(count == a.count || a.end > 1 << 16);
    allow_free(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_in in = {data, size};
    unsigned kind = fuzz_pick(&in, KINDS), format = fuzz_byte(&in), how = fuzz_byte(&in);
    struct vec_read_opts o = {.format = (enum vec_format)(format % (VEC_JSONL + 1)),
                              .skip_bad = how & HOW_SKIP,
                              .raw_ids = how & HOW_RAW};
    const char *path = fuzz_file("vectors", in.p, in.len);

    switch (kind) {
    case OF_VECTORS:
        vectors(path, &o, how);
        break;
    case OF_NEIGHBOURS:
        lists(path, (enum neigh_format)(format % (NEIGH_TRUTH + 1)), how & HOW_NAMES);
        break;
    case OF_ROWS:
        rows(path, (enum allow_format)(format % (ALLOW_BITMAP + 1)));
        break;
    default:
        load(path, o, how & HOW_SPREAD);
    }
    return 0;
}
