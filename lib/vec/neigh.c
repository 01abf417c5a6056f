/* neigh.c - see neigh.h: lists in memory, and writing them. */
#include "vec/neigh.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/mem.h"
#include "base/out.h"
#include "base/stream.h"
#include "vec/decimal.h"
#include "vec/file.h"
#include "vec/neigh_int.h"

int neigh_init(struct neigh *n, uint64_t queries, uint32_t k, bool scores, struct err *e)
{
    size_t places;

    *n = (struct neigh){.queries = queries, .k = k};
    if (__builtin_mul_overflow((size_t)queries, (size_t)k, &places))
        return err_set(e, ERR_MEM, "%u neighbours of %llu queries do not fit into memory", k,
                       (unsigned long long)queries);
    n->id = mem_array(places, sizeof *n->id, e);
    n->score = scores ? mem_array(places, sizeof *n->score, e) : NULL;
    if (!n->id || (scores && !n->score)) {
        neigh_free(n);
        return e->code;
    }
    for (size_t i = 0; i < places; i++)
        n->id[i] = NEIGH_NONE;
    for (size_t i = 0; scores && i < places; i++)
        n->score[i] = NAN;
    return 0;
}

void neigh_free(struct neigh *n)
{
    free(n->id);
    free(n->score);
    *n = (struct neigh){0};
}

enum neigh_format neigh_format_of(const char *path)
{
    static const char *const name[] = {"tsv", "jsonl", "ivecs", "ibin", "truth"};

    for (int i = 0; i < 5; i++)
        if (stream_name_ends(path, name[i]))
            return (enum neigh_format)(NEIGH_TSV + i);
    return NEIGH_AUTO;
}

bool neigh_is_binary(enum neigh_format f)
{
    return f >= NEIGH_IVECS;
}

const char *neigh_write_settle(struct neigh_write_opts *o, bool json)
{
    if (o->to == NEIGH_AUTO)
        o->to = json ? NEIGH_JSONL : o->path ? neigh_format_of(o->path) : NEIGH_TSV;
    if (o->to == NEIGH_AUTO)
        o->to = NEIGH_TSV;
    if (o->path && stream_name_is_packed(o->path))
        return "'--output' is not compressed: its name ends in neither .gz nor .zst";
    if (json && o->to != NEIGH_JSONL)
        return "'--json' is '--to jsonl', and the output is to be another";
    if (o->distances && o->to != NEIGH_IVECS && o->to != NEIGH_IBIN)
        return "'--distances' stands beside ivecs or ibin";
    return NULL;
}

struct neigh_writer {
    struct neigh_write_opts o;
    uint64_t done;
    struct out *rows;             /* tsv, jsonl */
    struct vec_writer *ids, *far; /* ivecs, ibin, and distances */
    struct atomic_file *truth;    /* a named file, or standard output: */
    struct out *raw;
    bool held;        /* truth of so many queries as there will be: ids wait in `first`, too */
    struct buf first; /* truth: ids, and */
    struct buf later; /* distances, where the target cannot be sought */
    struct buf line;  /* of the batch: i32 ids, or u32 ids and f32 distances */
};

/* ---- opening ---- */

static int open_ids(struct neigh_writer *w, struct err *e)
{
    enum vec_format f = w->o.to == NEIGH_IVECS ? VEC_IVECS : VEC_IBIN;
    struct vec_write_opts o = {.format = f, .type = VEC_I32, .dim = w->o.k, .rows = w->o.queries};

    if (vec_create(&w->ids, w->o.path, &o, e) < 0)
        return e->code;
    if (!w->o.distances)
        return 0;
    o.format = VEC_FVECS;
    o.type = VEC_F32;
    return vec_create(&w->far, w->o.distances, &o, e);
}

/* Bytes of a truth file that come next. */
static int put_truth(struct neigh_writer *w, const void *p, size_t len, struct err *e)
{
    if (w->held)
        return buf_add(&w->first, p, len, e);
    if (w->truth)
        return atomic_write(w->truth, p, len, e);
    out_raw(w->raw, p, len);
    return 0; /* out_commit() tells */
}

static int put_head(struct neigh_writer *w, uint64_t queries, struct err *e)
{
    uint32_t head[2] = {(uint32_t)queries, w->o.k};

    if (queries > UINT32_MAX)
        return err_set(e, ERR_USAGE, "a truth file holds at most %u queries", UINT32_MAX);
    return put_truth(w, head, sizeof head, e);
}

static int open_truth(struct neigh_writer *w, struct err *e)
{
    struct out_opts to_stdout = {0};
    bool named = w->o.path && strcmp(w->o.path, "-") != 0;

    if (named ? atomic_open(&w->truth, w->o.path, e) < 0 : out_open(&w->raw, &to_stdout, e) < 0)
        return e->code;
    w->held = w->o.queries == VEC_UNKNOWN;
    return w->held ? 0 : put_head(w, w->o.queries, e);
}

static int open_rows(struct neigh_writer *w, struct err *e)
{
    struct out_opts o = {.path = w->o.path, .json = w->o.to == NEIGH_JSONL};

    if (out_open(&w->rows, &o, e) < 0)
        return e->code;
    out_header(w->rows, "query rank id score");
    return 0;
}

int neigh_create(struct neigh_writer **out, const struct neigh_write_opts *o, struct err *e)
{
    struct neigh_writer *w = mem_zero(1, sizeof *w, e);
    int rc;

    *out = NULL;
    if (!w)
        return e->code;
    w->o = *o;
    if (w->o.to == NEIGH_AUTO && o->path)
        w->o.to = neigh_format_of(o->path);
    if (w->o.to == NEIGH_AUTO)
        w->o.to = NEIGH_TSV;
    if (o->distances && w->o.to != NEIGH_IVECS && w->o.to != NEIGH_IBIN)
        rc = err_set(e, ERR_USAGE, "only beside ivecs and ibin is there a file of distances");
    else if (w->o.to == NEIGH_TRUTH)
        rc = open_truth(w, e);
    else
        rc = w->o.to == NEIGH_IVECS || w->o.to == NEIGH_IBIN ? open_ids(w, e) : open_rows(w, e);
    if (rc < 0) {
        neigh_abort(&w);
        return rc;
    }
    *out = w;
    return 0;
}

/* ---- writing ---- */

static void put_row(struct neigh_writer *w, uint64_t query, uint32_t rank, uint64_t id, float score)
{
    char text[DECIMAL_MAX];
    size_t len;

    out_row(w->rows);
    out_u64(w->rows, "query", query);
    out_u64(w->rows, "rank", rank);
    if (w->o.name) {
        const char *name = w->o.name(w->o.name_ctx, id, &len);

        out_str(w->rows, "id", name, len);
    } else {
        out_u64(w->rows, "id", id);
    }
    if (isfinite(score))
        out_number(w->rows, "score", text, (size_t)(decimal_put_f32(text, score) - text));
    else
        out_double(w->rows, "score", (double)score, 0);
    out_end_row(w->rows);
}

static int write_rows(struct neigh_writer *w, const uint64_t *id, const float *score, uint64_t n)
{
    for (uint64_t q = 0; q < n && !out_failed(w->rows); q++)
        for (uint32_t i = 0; i < w->o.k && id[q * w->o.k + i] != NEIGH_NONE; i++)
            put_row(w, w->done + q, i, id[q * w->o.k + i], score[q * w->o.k + i]);
    return 0; /* out_commit() tells */
}

/* The batch's ids as 32 bits; what is absent becomes all ones, which is -1 of an i32. */
static int narrow_ids(struct neigh_writer *w, const uint64_t *id, size_t places, uint64_t most,
                      struct err *e)
{
    uint32_t *to;

    w->line.len = 0;
    if (buf_reserve(&w->line, places * 4 + 4, e) < 0)
        return e->code;
    to = (uint32_t *)(void *)w->line.p;
    for (size_t i = 0; i < places; i++) {
        if (id[i] != NEIGH_NONE && id[i] > most)
            return err_set(e, ERR_INPUT, "row number %llu does not fit into %s",
                           (unsigned long long)id[i],
                           w->o.to == NEIGH_TRUTH ? "32 bits" : "an i32");
        to[i] = id[i] == NEIGH_NONE ? TRUTH_NONE : (uint32_t)id[i];
    }
    return 0;
}

/* Absent ones are the farthest there is: readers of vectors take no NaN. */
static int write_distances(struct neigh_writer *w, const float *score, uint64_t n, struct err *e)
{
    size_t places = (size_t)n * w->o.k;
    float *to;

    w->line.len = 0;
    if (buf_reserve(&w->line, places * 4 + 4, e) < 0)
        return e->code;
    to = (float *)(void *)w->line.p;
    for (size_t i = 0; i < places; i++)
        to[i] = !isnan(score[i]) ? score[i] : w->o.metric == VEC_IP ? -FLT_MAX : FLT_MAX;
    return vec_write(w->far, to, n, e);
}

static int write_ids(struct neigh_writer *w, const uint64_t *id, const float *score, uint64_t n,
                     struct err *e)
{
    if (narrow_ids(w, id, (size_t)n * w->o.k, INT32_MAX, e) < 0 ||
        vec_write(w->ids, w->line.p, n, e) < 0)
        return e->code;
    return w->far ? write_distances(w, score, n, e) : 0;
}

static int write_truth(struct neigh_writer *w, const uint64_t *id, const float *score, uint64_t n,
                       struct err *e)
{
    size_t places = (size_t)n * w->o.k;
    uint64_t at = TRUTH_HEAD + 4 * (w->o.queries + w->done) * w->o.k; /* not of what is held */

    if (narrow_ids(w, id, places, UINT32_MAX - 1, e) < 0 ||
        put_truth(w, w->line.p, places * 4, e) < 0)
        return e->code;
    if (!w->held && w->truth && atomic_can_seek(w->truth))
        return atomic_pwrite(w->truth, score, places * 4, at, e);
    return buf_add(&w->later, score, places * 4, e);
}

int neigh_write(struct neigh_writer *w, const uint64_t *id, const float *score, uint64_t n,
                struct err *e)
{
    int rc;

    if (!w->rows && n > w->o.queries - w->done)
        return err_set(e, ERR_INPUT, "there are more than the %llu queries that were promised",
                       (unsigned long long)w->o.queries);
    if (w->rows)
        rc = write_rows(w, id, score, n);
    else
        rc = w->o.to == NEIGH_TRUTH ? write_truth(w, id, score, n, e)
                                    : write_ids(w, id, score, n, e);
    w->done += n;
    return rc;
}

/* ---- ending ---- */

static int commit_truth(struct neigh_writer *w, struct err *e)
{
    bool held = w->held;

    w->held = false;
    if (held && put_head(w, w->done, e) < 0)
        return e->code;
    if (w->first.len && put_truth(w, w->first.p, w->first.len, e) < 0)
        return e->code;
    if (w->later.len && put_truth(w, w->later.p, w->later.len, e) < 0)
        return e->code;
    return w->truth ? atomic_commit(&w->truth, e) : out_commit(&w->raw, e);
}

static int commit(struct neigh_writer *w, struct err *e)
{
    if (w->rows)
        return out_commit(&w->rows, e);
    if (w->o.queries != VEC_UNKNOWN && w->done != w->o.queries)
        return err_set(e, ERR_INPUT, "there are only %llu of the %llu queries that were promised",
                       (unsigned long long)w->done, (unsigned long long)w->o.queries);
    if (w->o.to == NEIGH_TRUTH)
        return commit_truth(w, e);
    if (w->far && vec_commit(&w->far, e) < 0)
        return e->code;
    return vec_commit(&w->ids, e);
}

int neigh_commit(struct neigh_writer **w, struct err *e)
{
    int rc = commit(*w, e);

    neigh_abort(w);
    return rc;
}

void neigh_abort(struct neigh_writer **wp)
{
    struct neigh_writer *w = *wp;

    if (!w)
        return;
    out_abort(&w->rows);
    vec_abort(&w->ids);
    vec_abort(&w->far);
    atomic_abort(&w->truth);
    out_abort(&w->raw);
    buf_free(&w->first);
    buf_free(&w->later);
    buf_free(&w->line);
    free(w);
    *wp = NULL;
}
