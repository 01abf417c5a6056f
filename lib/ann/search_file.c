/* search_file.c - see search_file.h. */
#include "ann/search_file.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/sort.h"
#include "vec/vec.h"

enum { BATCH_BYTES = 32 << 20, WHOLE_BYTES = 1 << 30, BATCH_MOST = 1 << 16, BATCH_LEAST = 64 };

struct batch {
    const struct ann *a;
    const struct ann_file_opts *o;
    struct ann_search_opts now;
    struct ann_choice *choice;
    struct vec_reader *r;
    struct vec_matrix q;
    uint64_t *id; /* [q.rows][k], as score: of what was searched last */
    float *score;
    float *us; /* of all queries so far */
    size_t us_cap;
    struct ann_file_report *report;
};

uint64_t ann_file_batch(const struct ann *a, const struct ann_file_opts *o, uint64_t rows)
{
    struct ann_info i;
    uint64_t each, most;

    ann_info(a, &i);
    each = 4 * (uint64_t)i.dim + 12 * (uint64_t)o->o.k;
    most = (o->o.batch ? WHOLE_BYTES : BATCH_BYTES) / each;
    most = o->o.batch || most < BATCH_MOST ? most : BATCH_MOST;
    most = most > BATCH_LEAST ? most : BATCH_LEAST;
    return o->o.batch && rows < most ? rows + (rows == 0) : most;
}

static int batch_init(struct batch *b, struct err *e)
{
    uint64_t rows = ann_file_batch(b->a, b->o, vec_reader_rows(b->r));
    size_t k = b->o->o.k;
    struct ann_info i;

    /* Not touched before there are queries for it: most files have far fewer than what a batch
     * may be, of which nothing else would take as long. */
    ann_info(b->a, &i);
    if (vec_matrix_init(&b->q, rows, i.dim, e) < 0 ||
        !(b->id = mem_array(rows, k * sizeof *b->id, e)) ||
        !(b->score = mem_array(rows, k * sizeof *b->score, e)))
        return e->code;
    return 0;
}

static void batch_free(struct batch *b)
{
    vec_matrix_free(&b->q);
    free(b->id);
    free(b->score);
    free(b->us);
}

/* As many queries as fit, or all that are left: how many. */
static int64_t fill(struct batch *b, struct err *e)
{
    uint64_t n = 0;
    int64_t got = 1;

    while (got > 0 && n < b->q.rows) {
        got = vec_read_f32(b->r, vec_matrix_row(&b->q, n), b->q.rows - n, e);
        n += got > 0 ? (uint64_t)got : 0;
    }
    return got < 0 ? got : (int64_t)n;
}

/* n queries from the batch's query `from` on. */
static int search_some(struct batch *b, uint64_t from, uint64_t n, struct err *e)
{
    struct ann_search_stats *stats = &b->report->stats;
    const float *x = vec_matrix_row(&b->q, from);
    uint64_t *id = b->id + from * b->o->o.k;
    float *score = b->score + from * b->o->o.k;
    int rc;

    stats->us = b->us ? b->us + b->report->queries : NULL;
    b->now.first_query = b->report->queries;
    b->report->queries += n;
    rc = b->o->fan ? ann_search_tree(b->a, &b->now, b->o->fan, x, n, id, score, stats, e)
                   : ann_search(b->a, &b->now, x, n, id, score, stats, e);
    stats->us = NULL;
    return rc == ERR_INPUT ? err_prefix(e, "%s", vec_reader_name(b->r)) : rc;
}

static int search_batch(struct batch *b, uint64_t n, struct err *e)
{
    int rc = ann_choice_take(b->choice, n, e);

    if (rc == 0 && b->o->times)
        rc = mem_reserve(&b->us, &b->us_cap, b->report->queries + n, sizeof *b->us, e);
    for (uint64_t at = 0, done = 0; at < n && rc == 0; at += done) {
        rc = ann_choice_next(b->choice, &b->now, &done, e);
        if (rc == 0)
            rc = search_some(b, at, done, e);
    }
    return rc;
}

static int search_all(struct batch *b, struct neigh_writer *w, struct err *e)
{
    uint64_t all = vec_reader_rows(b->r);
    int64_t n = 1;
    int rc = 0;

    while (rc == 0 && all != 0 && (n = fill(b, e)) != 0) {
        rc = n < 0 ? (int)n : search_batch(b, (uint64_t)n, e);
        if (rc == 0)
            rc = neigh_write(w, b->id, b->score, (uint64_t)n, e);
        if (b->o->progress)
            b->o->progress(b->o->progress_ctx, "searching", b->report->queries,
                           all == VEC_UNKNOWN ? 0 : all);
    }
    return rc == 0 ? ann_choice_end(b->choice, e) : rc;
}

int ann_search_file(const struct ann *a, const struct ann_file_opts *o, struct ann_choice *c,
                    struct vec_reader *r, struct neigh_writer *w, struct ann_file_report *report,
                    struct err *e)
{
    struct batch b = {.a = a, .o = o, .now = o->o, .choice = c, .r = r, .report = report};
    int rc = batch_init(&b, e);

    *report = (struct ann_file_report){0};
    if (rc == 0)
        rc = search_all(&b, w, e);
    if (rc == 0 && b.us) {
        sort_floats(b.us, report->queries);
        report->p50 = sorted_at(b.us, report->queries, .5);
        report->p99 = sorted_at(b.us, report->queries, .99);
    }
    batch_free(&b);
    return rc;
}
