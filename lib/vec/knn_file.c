/* knn_file.c - see knn_file.h. */
#include "vec/knn_file.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "vec/sketch.h"

enum { BLOCK_BYTES = 16 << 20, BLOCK_LEAST = 1 << 20 }; /* of the base: half the last-level cache */

/* The base, as a search sees it. */
struct base {
    struct vec_reader *r;
    const struct allow *allow;
    struct vec_rows mapped; /* rows in place */
    bool is_mapped, prefixed;
    uint64_t block;       /* rows at a time */
    unsigned char *buf;   /* [block] rows: what is read, or gathered out of the map */
    uint64_t *ids;        /* with allow: their numbers */
    uint64_t next;        /* row */
    struct vec_rows rows; /* the block */
    uint64_t first;
};

static int open_base(struct base *b, const struct knn_files *f, struct vec_reader *r, struct err *e)
{
    size_t row = vec_reader_dim(r) * vec_type_size(vec_reader_type(r));
    uint64_t bytes = f->memory / 8; /* dim 0: an empty file, which has no row to tell */
    enum vec_format format = vec_reader_format(r);

    bytes = bytes < BLOCK_LEAST ? BLOCK_LEAST : bytes > BLOCK_BYTES ? BLOCK_BYTES : bytes;
    *b = (struct base){.r = r, .allow = f->allow, .block = row && row < bytes ? bytes / row : 1};
    b->is_mapped = vec_mapped(r, &b->mapped, NULL);
    /* Of a base that has a sketch, rows are not looked at but for candidates. */
    b->prefixed = !f->sketch && (format == VEC_FVECS || format == VEC_BVECS);
    if (b->allow)
        b->ids = mem_array(b->block, sizeof *b->ids, e);
    if (!b->is_mapped || b->allow)
        b->buf = mem_array(b->block, row, e);
    b->rows = (struct vec_rows){
        .p = b->buf, .dim = vec_reader_dim(r), .type = vec_reader_type(r), .stride = row};
    return (b->allow && !b->ids) || ((!b->is_mapped || b->allow) && !b->buf) ? e->code : 0;
}

static void close_base(struct base *b)
{
    free(b->buf);
    free(b->ids);
}

/* vec_read() would have looked at the dimension before each row. */
static int same_dims(const struct base *b, uint64_t from, uint64_t n, struct err *e)
{
    for (uint64_t i = from; b->prefixed && i < from + n; i++) {
        uint32_t dim;
        memcpy(&dim, (const unsigned char *)vec_row(&b->mapped, i) - sizeof dim, sizeof dim);
        if (dim != b->mapped.dim)
            return err_set(e, ERR_INPUT, "%s: row %llu has %u components, not %u",
                           vec_reader_name(b->r), (unsigned long long)i, dim, b->mapped.dim);
    }
    return 0;
}

/* The next rows of the map, or of them those that are allowed. */
static int next_mapped(struct base *b, struct err *e)
{
    uint64_t left = b->mapped.rows - b->next, n = left < b->block ? left : b->block, kept = 0;

    b->first = b->next;
    if (same_dims(b, b->next, n, e) < 0)
        return e->code;
    b->next += n;
    if (!b->allow) {
        b->rows = b->mapped;
        b->rows.p = vec_row(&b->mapped, b->first);
        b->rows.rows = n;
        return n > 0;
    }
    for (uint64_t i = b->first; i < b->next; i++)
        if (allow_has(b->allow, i)) {
            memcpy(b->buf + kept * b->rows.stride, vec_row(&b->mapped, i), b->rows.stride);
            b->ids[kept++] = i;
        }
    b->rows.rows = kept;
    return n > 0;
}

/* The next rows that are read; those that are not allowed are squeezed out. */
static int next_read(struct base *b, struct err *e)
{
    int64_t n = vec_read(b->r, b->buf, b->block, e);
    uint64_t kept = 0;

    if (n <= 0)
        return n < 0 ? e->code : 0;
    b->first = vec_reader_next(b->r) - (uint64_t)n;
    b->next = b->first + (uint64_t)n;
    b->rows.rows = (uint64_t)n;
    for (uint64_t i = 0; b->allow && i < (uint64_t)n; i++)
        if (allow_has(b->allow, b->first + i)) {
            memmove(b->buf + kept * b->rows.stride, b->buf + i * b->rows.stride, b->rows.stride);
            b->ids[kept++] = b->first + i;
        }
    if (b->allow)
        b->rows.rows = kept;
    return 1;
}

static int rewind_base(struct base *b, struct err *e)
{
    b->next = 0;
    return b->is_mapped ? 0 : vec_seek(b->r, 0, e);
}

/* ---- blocks of queries ---- */

struct run {
    const struct knn_files *f;
    struct base base;
    struct vec_reader *queries;
    struct neigh_writer *out;
    uint64_t block, done;
    unsigned char *rows; /* [block] queries */
    uint64_t *id;        /* [block][k] */
    float *score;
};

static void report(const struct run *r)
{
    uint64_t all = vec_reader_rows(r->base.r), queries = vec_reader_rows(r->queries);
    uint64_t passes = queries == VEC_UNKNOWN ? 0 : (queries + r->block - 1) / r->block;

    if (!r->f->progress)
        return;
    r->f->progress(r->f->progress_ctx, "rows",
                   r->done / r->block * (all == VEC_UNKNOWN ? 0 : all) + r->base.next,
                   all == VEC_UNKNOWN ? 0 : all * passes);
}

static int pass(struct run *r, struct knn *s, struct err *e)
{
    struct base *b = &r->base;
    int rc;

    while ((rc = b->is_mapped ? next_mapped(b, e) : next_read(b, e)) > 0) {
        if (knn_feed(s, &b->rows, b->first, b->ids, e) < 0)
            return e->code == ERR_INPUT ? err_prefix(e, "%s", vec_reader_name(b->r)) : e->code;
        report(r);
    }
    if (rc == 0 && b->allow && b->allow->end > b->next)
        return err_set(e, ERR_INPUT, "%s: row %llu is to be allowed, but there are only %llu",
                       vec_reader_name(b->r), (unsigned long long)b->allow->end - 1,
                       (unsigned long long)b->next);
    return rc;
}

static int search_block(struct run *r, uint64_t n, struct err *e)
{
    enum vec_type t = vec_reader_type(r->queries);
    uint32_t dim = vec_reader_dim(r->queries);
    struct vec_rows rows = {r->rows, n, dim, t, dim * vec_type_size(t)};
    struct knn_opts o = r->f->knn;
    struct knn *s;
    int rc;

    o.first_query = r->done;
    if (knn_open(&s, &o, &rows, vec_reader_type(r->base.r), e) < 0)
        return e->code == ERR_INPUT ? err_prefix(e, "%s", vec_reader_name(r->queries)) : e->code;
    rc = r->f->sketch ? knn_use_sketch(s, r->f->sketch, e) : 0;
    if (rc < 0)
        err_prefix(e, "%s", vec_reader_name(r->base.r));
    else
        rc = pass(r, s, e);
    if (rc == 0) {
        knn_results(s, r->id, r->score);
        rc = neigh_write(r->out, r->id, r->score, n, e);
    }
    knn_close(s);
    r->done += n;
    return rc;
}

/* Queries until the block is full or the input ends; how many. */
static int64_t read_queries(struct run *r, struct err *e)
{
    size_t size = vec_reader_dim(r->queries) * vec_type_size(vec_reader_type(r->queries));
    uint64_t n = 0;

    while (n < r->block) {
        int64_t got = vec_read(r->queries, r->rows + n * size, r->block - n, e);
        if (got < 0)
            return got;
        if (got == 0)
            break;
        n += (uint64_t)got;
    }
    return (int64_t)n;
}

static int cannot_read_twice(const struct run *r, struct err *e)
{
    return err_set(e, ERR_USAGE,
                   "%s cannot be read twice, and only %llu queries fit into the memory allowed",
                   vec_reader_name(r->base.r), (unsigned long long)r->block);
}

static int search_all(struct run *r, struct err *e)
{
    uint64_t all = vec_reader_rows(r->queries);
    bool again = r->base.is_mapped || vec_can_seek(r->base.r);
    int64_t n;

    if (!again && all != VEC_UNKNOWN && all > r->block)
        return cannot_read_twice(r, e);
    while ((n = read_queries(r, e)) > 0) {
        if (r->done && !again)
            return cannot_read_twice(r, e);
        if ((r->done && rewind_base(&r->base, e) < 0) || search_block(r, (uint64_t)n, e) < 0)
            return e->code;
    }
    return n < 0 ? e->code : 0;
}

/* How many queries at a time: what is left of the memory by the base's block. */
static uint64_t queries_at_a_time(const struct knn_files *f, const struct vec_reader *queries)
{
    uint64_t each = knn_query_bytes(&f->knn, vec_reader_dim(queries)), n, all;
    uint64_t room = f->memory / 4 * 3;

    n = room / each;
    all = vec_reader_rows(queries);
    n = n < 1 ? 1 : f->sketch && n > KNN_SKETCH_QUERIES ? KNN_SKETCH_QUERIES : n;
    return n < all ? n : all ? all : 1;
}

int knn_files(const struct knn_files *f, struct vec_reader *base, struct vec_reader *queries,
              struct neigh_writer *out, struct err *e)
{
    struct run r = {.f = f, .queries = queries, .out = out};
    size_t size = vec_reader_dim(queries) * vec_type_size(vec_reader_type(queries));
    int rc = 0;

    if (vec_reader_rows(queries) == 0)
        return 0;
    if (vec_reader_rows(base) != 0 && vec_reader_dim(base) != vec_reader_dim(queries))
        return err_set(e, ERR_USAGE, "%s has vectors of %u components, %s of %u",
                       vec_reader_name(base), vec_reader_dim(base), vec_reader_name(queries),
                       vec_reader_dim(queries));
    r.block = queries_at_a_time(f, queries);
    r.rows = mem_array(r.block, size, e);
    r.id = mem_array(r.block, f->knn.k * sizeof *r.id, e);
    r.score = mem_array(r.block, f->knn.k * sizeof *r.score, e);
    if (!r.rows || !r.id || !r.score || open_base(&r.base, f, base, e) < 0)
        rc = e->code;
    if (rc == 0)
        rc = search_all(&r, e);
    close_base(&r.base);
    free(r.rows);
    free(r.id);
    free(r.score);
    return rc;
}
