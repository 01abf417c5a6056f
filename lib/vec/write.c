/* write.c - see file.h: rows out, the header's count taken care of by counted.c. */
#include <stdlib.h>
#include <string.h>

#include "vec/file_int.h"

static int check(const char *path, const struct vec_write_opts *o, enum vec_format f, struct err *e)
{
    if (f == VEC_AUTO)
        return err_set(e, ERR_USAGE, "cannot write '%s': its name tells no format: say which",
                       path ? path : "stdout");
    if (path && stream_name_is_packed(path))
        return err_set(e, ERR_USAGE, "cannot write '%s': compressed files are only read", path);
    if (vec_format_type(f, o->type) != o->type)
        return err_set(e, ERR_USAGE, "cannot write '%s': %s holds %s, not %s",
                       path ? path : "stdout", vec_format_name(f), vec_type_name(vec_only_type(f)),
                       vec_type_name(o->type));
    return 0;
}

/* At most NPY_HEADER bytes; how many. */
static size_t make_header(const struct vec_writer *w, uint64_t rows, unsigned char *out)
{
    if (vec_layout_of(w->format) != VEC_HEADED)
        return 0;
    if (w->format == VEC_NPY) {
        npy_make(&(struct npy){w->type, false, rows, w->dim}, out);
        return NPY_HEADER;
    }
    put_le32(out, (uint32_t)rows);
    put_le32(out + 4, w->dim);
    return 8;
}

static int too_many(const struct vec_writer *w, struct err *e)
{
    if (w->rows != VEC_UNKNOWN)
        return err_set(e, ERR_INPUT, "%s: %llu rows were told, and more came", counted_name(w->out),
                       (unsigned long long)w->rows);
    return err_set(e, ERR_INPUT, "%s: %s files hold at most 4294967295 rows", counted_name(w->out),
                   vec_format_name(w->format));
}

static uint64_t most_rows(const struct vec_writer *w)
{
    bool u32 = vec_layout_of(w->format) == VEC_HEADED && w->format != VEC_NPY;

    return u32 ? UINT32_MAX : VEC_ROWS_MAX;
}

/* Before the numbers of a line of JSON. */
static int make_key(struct vec_writer *w, const char *field, struct err *e)
{
    if (w->format != VEC_JSONL)
        return 0;
    if (buf_adds(&w->key, "{\"", e) < 0 || jsonl_encode(field, strlen(field), &w->key, e) < 0)
        return e->code;
    return buf_adds(&w->key, "\":[", e);
}

static int open_writer(struct vec_writer *w, const char *path, const struct vec_write_opts *o,
                       struct err *e)
{
    unsigned char header[NPY_HEADER];
    size_t len;

    if (check(path, o, w->format, e) < 0 || make_key(w, o->field ? o->field : "embedding", e) < 0)
        return e->code;
    len = make_header(w, w->rows, header);
    if (counted_open(&w->out, path, w->rows == VEC_UNKNOWN ? NULL : header, len, o->spool_dir, e) <
        0)
        return e->code;
    return w->rows != VEC_UNKNOWN && w->rows > most_rows(w)
               ? err_set(e, ERR_INPUT, "%s: %llu rows are too many for %s", counted_name(w->out),
                         (unsigned long long)w->rows, vec_format_name(w->format))
               : 0;
}

int vec_create(struct vec_writer **out, const char *path, const struct vec_write_opts *o,
               struct err *e)
{
    struct vec_writer *w = mem_zero(1, sizeof *w, e);

    *out = NULL;
    if (!w)
        return e->code;
    if (path && strcmp(path, "-") == 0)
        path = NULL;
    w->format = o->format || !path ? o->format : vec_format_of(path);
    w->type = o->type;
    w->dim = o->dim;
    w->rows = o->rows;
    if (open_writer(w, path, o, e) < 0) {
        vec_abort(&w);
        return e->code;
    }
    *out = w;
    return 0;
}

/* Each row after its dimension. */
static int write_prefixed(struct vec_writer *w, const unsigned char *rows, uint64_t n,
                          struct err *e)
{
    size_t bytes = w->dim * vec_type_size(w->type);
    unsigned char prefix[4];

    put_le32(prefix, w->dim);
    if (bytes + 4 > COUNTED_ROOM) {
        for (uint64_t i = 0; i < n; i++)
            if (counted_write(w->out, prefix, 4, e) < 0 ||
                counted_write(w->out, rows + i * bytes, bytes, e) < 0)
                return e->code;
        return 0;
    }
    for (uint64_t i = 0; i < n;) {
        uint64_t k = COUNTED_ROOM / (bytes + 4);
        unsigned char *p;

        k = k < n - i ? k : n - i;
        p = counted_room(w->out, k * (bytes + 4), e);
        if (!p)
            return e->code;
        for (uint64_t end = i + k; i < end; i++) {
            memcpy(p, prefix, 4);
            memcpy(p + 4, rows + i * bytes, bytes);
            p += bytes + 4;
        }
        counted_wrote(w->out, k * (bytes + 4));
    }
    return 0;
}

int vec_write(struct vec_writer *w, const void *rows, uint64_t n, struct err *e)
{
    uint64_t most = w->rows == VEC_UNKNOWN ? most_rows(w) : w->rows;

    if (n > most - w->written)
        return too_many(w, e);
    w->written += n;
    switch (vec_layout_of(w->format)) {
    case VEC_PREFIXED:
        return write_prefixed(w, rows, n, e);
    case VEC_HEADED:
        return counted_write(w->out, rows, n * w->dim * vec_type_size(w->type), e);
    case VEC_TEXT:
        return vec_write_text(w, rows, n, e);
    }
    return 0;
}

int vec_commit(struct vec_writer **pw, struct err *e)
{
    struct vec_writer *w = *pw;
    unsigned char header[NPY_HEADER];
    int rc = 0;

    if (w->rows != VEC_UNKNOWN && w->written != w->rows)
        rc = err_set(e, ERR_INPUT, "%s: %llu rows were told, and %llu came", counted_name(w->out),
                     (unsigned long long)w->rows, (unsigned long long)w->written);
    if (rc == 0) {
        make_header(w, w->written, header);
        rc = counted_commit(&w->out, header, e);
    }
    vec_abort(pw);
    return rc;
}

void vec_abort(struct vec_writer **pw)
{
    struct vec_writer *w = *pw;

    *pw = NULL;
    if (!w)
        return;
    counted_abort(&w->out);
    buf_free(&w->key);
    free(w);
}
