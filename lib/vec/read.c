/* read.c - vector files as streams of rows: what all formats share, and the binary ones.
 *
 * Rows without anything between them (big-ann, npy) are read straight into the caller's memory, a
 * piece at a time that the second level cache holds, so that looking for NaN costs no second trip
 * to memory. Rows after their dimension (TEXMEX) pass through a buffer of that size.
 */
#include <stdlib.h>
#include <string.h>

#include "vec/file_int.h"

enum { PIECE_BYTES = 512 << 10, NPY_DICT_MAX = 1 << 20 };

/* ---- bytes ---- */

/* Reads until `need` bytes lie in the buffer, or the input ends; more than `most` are not wanted.
 */
static int fill(struct vec_reader *r, size_t need, uint64_t most, struct err *e)
{
    size_t left = r->len - r->at;

    if (left >= need)
        return 0;
    memmove(r->buf, r->buf + r->at, left);
    r->at = 0;
    r->len = left;
    if (need > r->cap) {
        if (mem_reserve(&r->buf, &r->cap, need, 1, e) < 0)
            return e->code;
    }
    while (r->len < need) {
        size_t room = most < r->cap ? (size_t)most : r->cap;
        int64_t n = stream_read(r->s, r->buf + r->len, room - r->len, e);
        if (n <= 0)
            return (int)n;
        r->len += (size_t)n;
    }
    return 0;
}

/* The next n bytes, or those before the end, to `dst` (NULL: nowhere); how many. */
static int64_t take(struct vec_reader *r, unsigned char *dst, uint64_t n, struct err *e)
{
    uint64_t got = r->len - r->at < n ? r->len - r->at : n;

    if (dst)
        memcpy(dst, r->buf + r->at, got);
    r->at += got;
    while (got < n) {
        uint64_t want = dst || n - got < r->cap ? n - got : r->cap;
        int64_t k = stream_read(r->s, dst ? dst + got : r->buf, want, e);
        if (k < 0)
            return k;
        if (k == 0)
            break;
        got += (uint64_t)k;
    }
    return (int64_t)got;
}

/* ---- rows ---- */

static int bad_value(const struct vec_reader *r, uint64_t row, const void *p, size_t at,
                     struct err *e)
{
    float v;

    vec_to_f32(r->type, (const char *)p + at * vec_type_size(r->type), 1, &v);
    return err_set(e, ERR_INPUT, "%s: row %llu: component %zu is %s", vec_reader_name(r),
                   (unsigned long long)row, at,
                   v != v ? "no number (NaN)" : "infinite, or beyond f32");
}

/* After n rows were put at `rows`: the good ones stay, moved together. Returns how many, or the
 * error that names the first bad one. `next` goes on by n. */
static int64_t keep_good(struct vec_reader *r, void *rows, uint64_t n, struct err *e)
{
    size_t bytes = r->dim * vec_type_size(r->type);
    uint64_t kept = 0, from = r->next;
    unsigned char *p = rows;

    r->next += n;
    if (!rows)
        return 0;
    if (vec_first_bad(r->type, rows, n * r->dim) == n * r->dim)
        return (int64_t)n;
    for (uint64_t i = 0; i < n; i++) {
        size_t at = vec_first_bad(r->type, p + i * bytes, r->dim);
        if (at < r->dim && !r->skip_bad)
            return bad_value(r, from + i, p + i * bytes, at, e);
        if (at < r->dim)
            r->skipped++;
        else if (kept++ < i)
            memcpy(p + (kept - 1) * bytes, p + i * bytes, bytes);
    }
    return (int64_t)kept;
}

static int cut_short(const struct vec_reader *r, uint64_t row, uint64_t have, struct err *e)
{
    return err_set(e, ERR_INPUT, "%s: row %llu is cut short: %llu of its %zu bytes are there",
                   vec_reader_name(r), (unsigned long long)row, (unsigned long long)have,
                   r->row_bytes);
}

/* f64 at `src` become f32 at `dst`; what is too large becomes infinite, and so a bad value. */
static void narrow(const unsigned char *src, float *dst, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        double v;
        memcpy(&v, src + 8 * i, 8);
        dst[i] = (float)v;
    }
}

static int end_of_headed(struct vec_reader *r, struct err *e)
{
    unsigned char more;
    int64_t n = take(r, &more, 1, e);

    if (n > 0)
        return err_set(e, ERR_INPUT, "%s: there is more after the %llu rows that its header tells",
                       vec_reader_name(r), (unsigned long long)r->rows);
    r->at_end = true;
    return (int)n;
}

static uint64_t piece(const struct vec_reader *r, uint64_t n)
{
    uint64_t most = r->row_bytes < PIECE_BYTES ? PIECE_BYTES / r->row_bytes : 1;

    return n < most ? n : most;
}

static int64_t step_headed(struct vec_reader *r, void *rows, uint64_t n, struct err *e)
{
    uint64_t left = r->rows - r->next;
    int64_t got;

    if (left == 0)
        return end_of_headed(r, e);
    n = n < left ? n : left;
    n = rows ? piece(r, n) : n;
    if (r->f8 && rows && mem_reserve(&r->wide, &r->wide_cap, n * r->row_bytes, 1, e) < 0)
        return e->code;
    got = take(r, r->f8 && rows ? r->wide : rows, n * r->row_bytes, e);
    if (got < 0)
        return got;
    if ((uint64_t)got < n * r->row_bytes)
        return cut_short(r, r->next + (uint64_t)got / r->row_bytes, (uint64_t)got % r->row_bytes,
                         e);
    if (r->f8 && rows)
        narrow(r->wide, rows, n * r->dim);
    return keep_good(r, rows, n, e);
}

/* A row of another dimension is left out, if that is wanted and its length can be believed. */
static int other_dim(struct vec_reader *r, uint32_t dim, struct err *e)
{
    uint64_t bytes = 4 + (uint64_t)dim * (r->row_bytes - 4) / r->dim;
    int64_t got;

    if (dim < 1 || dim > VEC_DIM_MAX)
        return err_set(e, ERR_INPUT, "%s: row %llu: %d is no dimension", vec_reader_name(r),
                       (unsigned long long)r->next, (int32_t)dim);
    if (!r->skip_bad)
        return err_set(e, ERR_INPUT, "%s: row %llu has dimension %u, the rows before it %u",
                       vec_reader_name(r), (unsigned long long)r->next, dim, r->dim);
    got = take(r, NULL, bytes, e);
    if (got >= 0 && (uint64_t)got < bytes)
        return cut_short(r, r->next, (uint64_t)got, e);
    r->next++;
    r->skipped++;
    return got < 0 ? (int)got : 0;
}

static int64_t step_prefixed(struct vec_reader *r, void *rows, uint64_t n, struct err *e)
{
    unsigned char *dst = rows;
    size_t bytes = r->row_bytes - 4;
    uint64_t done = 0;

    if (r->rows != VEC_UNKNOWN && n > r->rows - r->next)
        n = r->rows - r->next; /* a file that grows meanwhile is read as it was */
    if (n && fill(r, r->row_bytes, r->jumped ? n * r->row_bytes : SIZE_MAX, e) < 0)
        return e->code;
    r->jumped = false;
    if (n == 0 || r->len == r->at) {
        r->at_end = true;
        return 0;
    }
    for (; done < n && r->len - r->at >= 4; done++) {
        uint32_t dim = le32(r->buf + r->at);
        if (dim != r->dim && done == 0)
            return other_dim(r, dim, e);
        if (dim != r->dim || r->len - r->at < r->row_bytes)
            break;
        if (dst)
            memcpy(dst + done * bytes, r->buf + r->at + 4, bytes);
        r->at += r->row_bytes;
    }
    if (done == 0)
        return cut_short(r, r->next, r->len - r->at, e);
    return keep_good(r, rows, done, e);
}

/* ---- opening ---- */

/* In bytes, where the input is a plain file; else 0. */
static uint64_t plain_size(const struct vec_reader *r)
{
    return stream_can_seek(r->s) ? stream_raw_size(r->s) : 0;
}

static int open_prefixed(struct vec_reader *r, struct err *e)
{
    uint64_t size;

    r->step = step_prefixed;
    r->type = vec_only_type(r->format);
    if (fill(r, 4, SIZE_MAX, e) < 0)
        return e->code;
    r->rows = VEC_UNKNOWN;
    r->row_bytes = 4;
    if (r->len == 0) {
        r->rows = 0;
        return 0;
    }
    if (r->len < 4)
        return cut_short(r, 0, r->len, e);
    r->dim = le32(r->buf);
    if (r->dim < 1 || r->dim > VEC_DIM_MAX)
        return err_set(e, ERR_INPUT, "%s: row 0: %d is no dimension: no %s file?",
                       vec_reader_name(r), (int32_t)r->dim, vec_format_name(r->format));
    r->row_bytes += r->dim * vec_type_size(r->type);
    size = plain_size(r);
    if (size && size % r->row_bytes == 0 && !r->skip_bad)
        r->rows = size / r->row_bytes;
    return 0;
}

static int read_head(struct vec_reader *r, size_t n, struct err *e)
{
    if (fill(r, n, SIZE_MAX, e) < 0)
        return e->code;
    if (r->len < n)
        return err_set(e, ERR_INPUT, "%s: the header is cut short: %zu of %zu bytes are there",
                       vec_reader_name(r), r->len, n);
    return 0;
}

static int head_of_bin(struct vec_reader *r, struct err *e)
{
    if (read_head(r, 8, e) < 0)
        return e->code;
    r->type = vec_only_type(r->format);
    r->rows = le32(r->buf);
    r->dim = le32(r->buf + 4);
    r->data_at = 8;
    if (r->dim > VEC_DIM_MAX || (r->dim == 0 && r->rows > 0))
        return err_set(e, ERR_INPUT, "%s: %u is no dimension: no %s file?", vec_reader_name(r),
                       r->dim, vec_format_name(r->format));
    return 0;
}

static int head_of_npy(struct vec_reader *r, struct err *e)
{
    struct npy h;
    int n;
    size_t dict;

    if (read_head(r, 12, e) < 0)
        return e->code;
    n = npy_length_bytes(r->buf, vec_reader_name(r), e);
    if (n < 0)
        return n;
    dict = n == 2 ? le32(r->buf + 8) & 0xffff : le32(r->buf + 8);
    if (dict > NPY_DICT_MAX)
        return err_set(e, ERR_INPUT, "%s: an npy header of %zu bytes is not read",
                       vec_reader_name(r), dict);
    r->data_at = 8 + (size_t)n + dict;
    if (read_head(r, r->data_at, e) < 0 ||
        npy_parse((const char *)r->buf + 8 + n, dict, vec_reader_name(r), &h, e) < 0)
        return e->code;
    r->type = h.type;
    r->f8 = h.f8;
    r->rows = h.rows;
    r->dim = h.dim;
    return 0;
}

static int open_headed(struct vec_reader *r, struct err *e)
{
    uint64_t size;

    r->step = step_headed;
    if ((r->format == VEC_NPY ? head_of_npy(r, e) : head_of_bin(r, e)) < 0)
        return e->code;
    r->at = r->data_at;
    r->row_bytes = r->dim * (r->f8 ? 8 : vec_type_size(r->type));
    size = plain_size(r);
    if (size && size != r->data_at + r->rows * r->row_bytes)
        return err_set(
            e, ERR_INPUT,
            "%s: its header tells %llu rows of %u components, %llu bytes in all, but the "
            "file has %llu",
            vec_reader_name(r), (unsigned long long)r->rows, r->dim,
            (unsigned long long)(r->data_at + r->rows * r->row_bytes), (unsigned long long)size);
    return 0;
}

/* Neither told nor in the name: then only npy's magic helps. */
static int find_format(struct vec_reader *r, struct err *e)
{
    static const unsigned char npy[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

    if (fill(r, sizeof npy, SIZE_MAX, e) < 0)
        return e->code;
    if (r->len >= sizeof npy && memcmp(r->buf, npy, sizeof npy) == 0)
        r->format = VEC_NPY;
    else if (r->format == VEC_AUTO)
        return err_set(e, ERR_USAGE, "%s: neither name nor content tell the format: say which",
                       vec_reader_name(r));
    return 0;
}

static int open_binary(struct vec_reader *r, bool look, struct err *e)
{
    r->cap = PIECE_BYTES;
    r->buf = mem_array(r->cap, 1, e);
    if (!r->buf || stream_open(&r->s, r->path, e) < 0 || (look && find_format(r, e) < 0))
        return e->code;
    if ((vec_layout_of(r->format) == VEC_HEADED ? open_headed(r, e) : open_prefixed(r, e)) < 0)
        return e->code;
    if (r->type == VEC_I32 && !r->raw_ids)
        return err_set(e, ERR_INPUT,
                       "%s: these are 32-bit integers, as for lists of ids, no vectors",
                       vec_reader_name(r));
    return 0;
}

static int open_reader(struct vec_reader *r, const char *path, enum vec_format told,
                       const char *field, struct err *e)
{
    r->path = strdup(path);
    r->field = strdup(field ? field : "embedding");
    if (!r->path || !r->field)
        return err_set(e, ERR_MEM, "out of memory");
    r->format = told ? told : vec_format_of(path);
    if (vec_format_is_text(r->format))
        return vec_read_text_open(r, e);
    return open_binary(r, told == VEC_AUTO, e);
}

int vec_open(struct vec_reader **out, const char *path, const struct vec_read_opts *o,
             struct err *e)
{
    static const struct vec_read_opts defaults;
    struct vec_reader *r = mem_zero(1, sizeof *r, e);

    *out = NULL;
    if (!r)
        return e->code;
    o = o ? o : &defaults;
    r->skip_bad = o->skip_bad;
    r->raw_ids = o->raw_ids;
    r->stop = VEC_UNKNOWN;
    if (open_reader(r, path, o->format, o->field, e) < 0) {
        vec_close(r);
        return e->code;
    }
    *out = r;
    return 0;
}

void vec_close(struct vec_reader *r)
{
    if (!r)
        return;
    map_close(&r->map);
    stream_close(r->s);
    lines_close(r->l);
    free(r->wide);
    free(r->buf);
    free(r->row);
    free(r->conv);
    free(r->path);
    free(r->field);
    free(r);
}

/* ---- what is known ---- */

enum vec_type vec_reader_type(const struct vec_reader *r)
{
    return r->type;
}

enum vec_format vec_reader_format(const struct vec_reader *r)
{
    return r->format;
}

uint32_t vec_reader_dim(const struct vec_reader *r)
{
    return r->dim;
}

uint64_t vec_reader_rows(const struct vec_reader *r)
{
    return r->rows;
}

uint64_t vec_reader_skipped(const struct vec_reader *r)
{
    return r->skipped;
}

uint64_t vec_reader_next(const struct vec_reader *r)
{
    return r->next;
}

static const struct stream *stream_of(const struct vec_reader *r)
{
    return r->l ? lines_stream(r->l) : r->s;
}

const char *vec_reader_name(const struct vec_reader *r)
{
    return stream_name(stream_of(r));
}

uint64_t vec_reader_pos(const struct vec_reader *r)
{
    return stream_raw_pos(stream_of(r));
}

uint64_t vec_reader_size(const struct vec_reader *r)
{
    return stream_raw_size(stream_of(r));
}

/* ---- reading ---- */

int64_t vec_read(struct vec_reader *r, void *rows, uint64_t n, struct err *e)
{
    size_t bytes = r->dim * vec_type_size(r->type);
    uint64_t done = 0;

    while (done < n && !r->at_end && r->next < r->stop) {
        uint64_t want = n - done < r->stop - r->next ? n - done : r->stop - r->next;
        int64_t got = r->step(r, (unsigned char *)rows + done * bytes, want, e);
        if (got < 0)
            return got;
        done += (uint64_t)got;
    }
    return (int64_t)done;
}

int64_t vec_read_f32(struct vec_reader *r, float *rows, uint64_t n, struct err *e)
{
    size_t bytes = r->dim * vec_type_size(r->type);
    uint64_t done = 0, most = bytes && bytes < PIECE_BYTES ? PIECE_BYTES / bytes : 1;
    int64_t got = 1;

    if (r->type == VEC_F32)
        return vec_read(r, rows, n, e);
    if (!r->conv && !(r->conv = mem_array(most, bytes, e)))
        return e->code;
    while (done < n && got > 0) {
        got = vec_read(r, r->conv, n - done < most ? n - done : most, e);
        if (got < 0)
            return got;
        vec_to_f32(r->type, r->conv, (size_t)got * r->dim, rows + done * r->dim);
        done += (uint64_t)got;
    }
    return (int64_t)done;
}

bool vec_can_seek(const struct vec_reader *r)
{
    return r->s && stream_can_seek(r->s) && r->rows != VEC_UNKNOWN;
}

void vec_stop_at(struct vec_reader *r, uint64_t row)
{
    r->stop = row;
}

/* By reading; rows on the way are not looked at, and bad ones not counted. */
static int read_to(struct vec_reader *r, uint64_t row, struct err *e)
{
    uint64_t skipped = r->skipped;

    if (row < r->next && !r->waits) /* rows before the one that waits were bad */
        return err_set(e, ERR_USAGE, "%s: cannot go back to row %llu: not a plain file",
                       vec_reader_name(r), (unsigned long long)row);
    while (r->next < row && !r->at_end)
        if (r->step(r, NULL, row - r->next, e) < 0)
            return e->code;
    r->skipped = skipped;
    return 0;
}

int vec_seek(struct vec_reader *r, uint64_t row, struct err *e)
{
    if (!vec_can_seek(r))
        return read_to(r, row, e);
    row = row < r->rows ? row : r->rows;
    if (stream_seek(r->s, r->data_at + row * r->row_bytes, e) < 0)
        return e->code;
    r->at = r->len = 0;
    r->next = row;
    r->at_end = false;
    r->jumped = true;
    return 0;
}
