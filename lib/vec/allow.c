/* allow.c - see allow.h. */
#include "vec/allow.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/stream.h"
#include "vec/file.h"

enum { LINE_MOST = 64 };

/* The bits of as many rows as a small file names may be more than memory is: so they are checked
 * before there is room for them. */
static int add(struct allow *a, uint64_t row, uint64_t rows, struct err *e)
{
    size_t had = a->bytes;

    if (rows == VEC_UNKNOWN && row >= ALLOW_ROWS_MOST)
        return err_set(e, ERR_INPUT, "row %llu is beyond any that a stream has",
                       (unsigned long long)row);
    if (row >= rows)
        return err_set(e, ERR_INPUT, "row %llu is to be allowed, but there are only %llu",
                       (unsigned long long)row, (unsigned long long)rows);
    if (mem_reserve(&a->bits, &a->bytes, row / 8 + 1, 1, e) < 0)
        return e->code;
    memset(a->bits + had, 0, a->bytes - had);
    a->bits[row / 8] |= (uint8_t)(1u << row % 8);
    a->end = row < a->end ? a->end : row + 1;
    return 0;
}

static int load_text(struct allow *a, const char *path, uint64_t rows, struct err *e)
{
    struct lines *l = NULL;
    const char *p;
    size_t len;
    uint64_t row;
    int rc = lines_open(&l, path, '\n', LINE_MOST, e);

    while (rc == 0 && (rc = lines_next_text(l, &p, &len, e)) > 0) {
        if (!num_u64(p, &row))
            rc = err_set(e, ERR_INPUT, "'%s' is no row number", p);
        else
            rc = add(a, row, rows, e);
        if (rc < 0 && e->code == ERR_INPUT)
            err_prefix(e, "%s:%llu", stream_name(lines_stream(l)),
                       (unsigned long long)lines_number(l));
    }
    lines_close(l);
    return rc;
}

static int add_ids(struct allow *a, struct vec_reader *r, int32_t *row, uint64_t rows,
                   struct err *e)
{
    uint32_t dim = vec_reader_dim(r);
    int64_t got;

    while ((got = vec_read(r, row, 1, e)) > 0)
        for (uint32_t i = 0; i < dim; i++) {
            if (row[i] < -1)
                return err_set(e, ERR_INPUT, "%s: row %llu: %d is no row number",
                               vec_reader_name(r), (unsigned long long)vec_reader_next(r) - 1,
                               row[i]);
            if (row[i] >= 0 && add(a, (uint64_t)row[i], rows, e) < 0)
                return e->code == ERR_INPUT ? err_prefix(e, "%s", vec_reader_name(r)) : e->code;
        }
    return got < 0 ? e->code : 0;
}

static int load_ids(struct allow *a, const char *path, enum vec_format format, uint64_t rows,
                    struct err *e)
{
    struct vec_read_opts o = {.format = format, .raw_ids = true};
    struct vec_reader *r;
    int32_t *row = NULL;
    int rc = vec_open(&r, path, &o, e);

    if (rc == 0 && !(row = mem_array(vec_reader_dim(r), sizeof *row, e)))
        rc = e->code;
    if (rc == 0)
        rc = add_ids(a, r, row, rows, e);
    free(row);
    vec_close(r);
    return rc;
}

static int load_bitmap(struct allow *a, const char *path, struct err *e)
{
    struct map m = {0};

    if (stream_name_is_packed(path))
        return err_set(e, ERR_INPUT, "%s: a bitmap is read in place: unpack it first", path);
    if (map_open(&m, path, e) < 0)
        return e->code;
    a->bits = mem_array(m.len, 1, e);
    if (a->bits) {
        memcpy(a->bits, m.p, m.len);
        a->bytes = m.len;
        a->end = 8 * (uint64_t)m.len;
    }
    map_close(&m);
    while (a->end && !allow_has(a, a->end - 1))
        a->end--;
    return a->bits ? 0 : e->code;
}

static enum allow_format format_of(const char *path)
{
    if (stream_name_ends(path, "ivecs"))
        return ALLOW_IVECS;
    if (stream_name_ends(path, "ibin"))
        return ALLOW_IBIN;
    return stream_name_ends(path, "bitmap") ? ALLOW_BITMAP : ALLOW_TEXT;
}

int allow_load(struct allow *a, const char *path, enum allow_format format, uint64_t rows,
               struct err *e)
{
    int rc;

    *a = (struct allow){0};
    format = format == ALLOW_AUTO ? format_of(path) : format;
    if (format == ALLOW_TEXT)
        rc = load_text(a, path, rows, e);
    else if (format == ALLOW_BITMAP)
        rc = load_bitmap(a, path, e);
    else
        rc = load_ids(a, path, format == ALLOW_IVECS ? VEC_IVECS : VEC_IBIN, rows, e);
    if (rc < 0)
        allow_free(a);
    for (size_t i = 0; i < (a->end + 7) / 8; i++)
        a->count += (unsigned)__builtin_popcount(a->bits[i]);
    return rc < 0 ? rc : 0;
}

void allow_free(struct allow *a)
{
    free(a->bits);
    *a = (struct allow){0};
}
