/* neigh_read.c - see neigh.h: reading lists of neighbours. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "vec/file.h"
#include "vec/neigh_int.h"

/* Queries in a row without neighbours, of which text says nothing: more is a wrong number, for
 * whose empty lists there may be no memory. */
enum { LINE_MOST = 1 << 16, GAP_MOST = 1 << 24 };

struct neigh_reader {
    const char *name;
    enum neigh_format format;
    uint64_t next, queries; /* the query that comes; how many, VEC_UNKNOWN */
    uint32_t k;             /* places of a list; of text, those that there is room for */
    uint64_t *id;           /* the list handed out */
    float *score;
    size_t id_cap, score_cap;
    struct vec_reader *ids; /* ivecs, ibin */
    int32_t *row;
    struct map truth;
    struct lines *in; /* text, */
    struct names *names;
    struct neigh_entry entry; /* and the line that comes */
    bool has_entry;
};

/* ---- opening ---- */

static int open_ids(struct neigh_reader *r, const char *path, struct err *e)
{
    struct vec_read_opts o = {.format = r->format == NEIGH_IVECS ? VEC_IVECS : VEC_IBIN,
                              .raw_ids = true};

    if (vec_open(&r->ids, path, &o, e) < 0)
        return e->code;
    r->name = vec_reader_name(r->ids);
    r->k = vec_reader_dim(r->ids);
    r->queries = vec_reader_rows(r->ids);
    r->row = mem_array(r->k, sizeof *r->row, e);
    return r->row ? mem_reserve(&r->id, &r->id_cap, r->k, sizeof *r->id, e) : e->code;
}

static int open_truth(struct neigh_reader *r, const char *path, struct err *e)
{
    uint32_t head[2];
    uint64_t places;

    if (stream_name_is_packed(path))
        return err_set(e, ERR_INPUT, "%s: a truth file is read in place: unpack it first", path);
    if (map_open(&r->truth, path, e) < 0)
        return e->code;
    if (r->truth.len < TRUTH_HEAD)
        return err_set(e, ERR_INPUT, "%s: too short for a truth file", path);
    memcpy(head, r->truth.p, TRUTH_HEAD);
    places = (uint64_t)head[0] * head[1];
    if ((head[0] && !head[1]) || head[1] > VEC_DIM_MAX || r->truth.len != TRUTH_HEAD + 8 * places)
        return err_set(e, ERR_INPUT,
                       "%s: %zu bytes are not a truth file's of %u queries and %u neighbours", path,
                       r->truth.len, head[0], head[1]);
    r->queries = head[0];
    r->k = head[1];
    if (mem_reserve(&r->id, &r->id_cap, r->k, sizeof *r->id, e) < 0)
        return e->code;
    return mem_reserve(&r->score, &r->score_cap, r->k, sizeof *r->score, e);
}

static int read_entry(struct neigh_reader *r, struct err *e)
{
    int rc = neigh_entry_next(r->in, r->format == NEIGH_JSONL, r->names, &r->entry, e);

    r->has_entry = rc > 0;
    return rc < 0 ? rc : 0;
}

static int open_text(struct neigh_reader *r, const char *path, struct err *e)
{
    if (lines_open(&r->in, path, '\n', LINE_MOST, e) < 0)
        return e->code;
    r->name = stream_name(lines_stream(r->in));
    r->queries = VEC_UNKNOWN;
    return read_entry(r, e);
}

int neigh_open(struct neigh_reader **out, const char *path, enum neigh_format from,
               struct names *names, struct err *e)
{
    struct neigh_reader *r = mem_zero(1, sizeof *r, e);
    int rc;

    *out = NULL;
    if (!r)
        return e->code;
    r->name = path;
    r->names = names;
    r->format = from == NEIGH_AUTO ? neigh_format_of(path) : from;
    if (r->format == NEIGH_IVECS || r->format == NEIGH_IBIN)
        rc = open_ids(r, path, e);
    else
        rc = r->format == NEIGH_TRUTH ? open_truth(r, path, e) : open_text(r, path, e);
    if (rc < 0) {
        neigh_close(r);
        return rc;
    }
    *out = r;
    return 0;
}

void neigh_close(struct neigh_reader *r)
{
    if (!r)
        return;
    vec_close(r->ids);
    map_close(&r->truth);
    lines_close(r->in);
    free(r->row);
    free(r->id);
    free(r->score);
    free(r);
}

uint64_t neigh_queries(const struct neigh_reader *r)
{
    return r->queries;
}

const char *neigh_name(const struct neigh_reader *r)
{
    return r->name;
}

/* ---- a list ---- */

/* Nothing may stand behind the first that is absent. */
static int next_ids(struct neigh_reader *r, struct neigh_list *l, struct err *e)
{
    int64_t got = vec_read(r->ids, r->row, 1, e);
    bool end = false;

    if (got <= 0)
        return (int)got;
    *l = (struct neigh_list){.id = r->id};
    for (uint32_t i = 0; i < r->k; i++) {
        end = end || r->row[i] == -1;
        if (r->row[i] < -1 || (end && r->row[i] != -1))
            return err_set(e, ERR_INPUT, "%s: row %llu: %d is no row number here", r->name,
                           (unsigned long long)r->next, r->row[i]);
        r->id[i] = (uint64_t)r->row[i];
        l->n += !end;
    }
    return 1;
}

static int next_truth(struct neigh_reader *r, struct neigh_list *l, struct err *e)
{
    const unsigned char *at = r->truth.p + TRUTH_HEAD + 4 * r->next * r->k;
    bool end = false;

    if (r->next == r->queries)
        return 0;
    *l = (struct neigh_list){.id = r->id, .score = r->score};
    for (uint32_t i = 0; i < r->k; i++) {
        uint32_t id;
        memcpy(&id, at + 4 * (size_t)i, 4);
        if (end && id != TRUTH_NONE)
            return err_set(e, ERR_INPUT, "%s: query %llu: a neighbour behind one that is absent",
                           r->name, (unsigned long long)r->next);
        end = id == TRUTH_NONE;
        r->id[i] = id;
        l->n += !end;
    }
    memcpy(r->score, at + 4 * r->queries * r->k, 4 * (size_t)r->k);
    return 1;
}

/* The entry that came goes behind the list so far. */
static int take_entry(struct neigh_reader *r, struct neigh_list *l, bool *scores, struct err *e)
{
    const struct neigh_entry *x = &r->entry;

    if (x->rank != l->n || l->n >= VEC_DIM_MAX) {
        err_set(e, ERR_INPUT, "rank %llu of query %llu should be %u", (unsigned long long)x->rank,
                (unsigned long long)x->query, l->n);
        return neigh_entry_bad(r->in, e);
    }
    if (mem_reserve(&r->id, &r->id_cap, (size_t)l->n + 1, sizeof *r->id, e) < 0 ||
        mem_reserve(&r->score, &r->score_cap, (size_t)l->n + 1, sizeof *r->score, e) < 0)
        return e->code;
    r->id[l->n] = x->id;
    r->score[l->n++] = x->score;
    *scores &= x->has_score;
    return 0;
}

static int next_text(struct neigh_reader *r, struct neigh_list *l, struct err *e)
{
    bool scores = true;

    *l = (struct neigh_list){0};
    if (!r->has_entry)
        return 0;
    while (r->has_entry && r->entry.query == r->next)
        if (take_entry(r, l, &scores, e) < 0 || read_entry(r, e) < 0)
            return e->code;
    if (r->has_entry && r->entry.query < r->next) {
        err_set(e, ERR_INPUT, "query %llu is out of order", (unsigned long long)r->entry.query);
        return neigh_entry_bad(r->in, e);
    }
    if (r->has_entry && r->entry.query - r->next > GAP_MOST) {
        err_set(e, ERR_INPUT, "query %llu comes, and of the %llu before it there is none",
                (unsigned long long)r->entry.query, (unsigned long long)(r->entry.query - r->next));
        return neigh_entry_bad(r->in, e);
    }
    l->id = r->id;
    l->score = scores ? r->score : NULL;
    return 1;
}

int neigh_next(struct neigh_reader *r, struct neigh_list *l, struct err *e)
{
    int rc = r->ids ? next_ids(r, l, e) : r->in ? next_text(r, l, e) : next_truth(r, l, e);

    r->next += rc > 0;
    return rc;
}

/* ---- whole files ---- */

/* What has been read: lists one after the other. */
struct listed {
    uint64_t *id;
    float *score;
    size_t n, id_cap, score_cap;
    uint64_t *end; /* of each query's list */
    size_t queries, end_cap;
    uint32_t k;
    bool scores; /* all lists have */
};

static int add_list(struct listed *all, const struct neigh_list *l, struct err *e)
{
    size_t n = all->n + l->n;

    if (mem_reserve(&all->end, &all->end_cap, all->queries + 1, sizeof *all->end, e) < 0 ||
        mem_reserve(&all->id, &all->id_cap, n, sizeof *all->id, e) < 0)
        return e->code;
    all->scores &= l->score || !l->n;
    if (all->scores && mem_reserve(&all->score, &all->score_cap, n, sizeof *all->score, e) < 0)
        return e->code;
    if (l->n)
        memcpy(all->id + all->n, l->id, l->n * sizeof *l->id);
    if (l->n && all->scores)
        memcpy(all->score + all->n, l->score, l->n * sizeof *l->score);
    all->k = all->k > l->n ? all->k : l->n;
    all->n = n;
    all->end[all->queries++] = n;
    return 0;
}

/* Lists that are all full lie as they should, and are not copied. */
static int lay_out(struct neigh *n, struct listed *l, struct err *e)
{
    uint64_t from = 0;

    if (l->n && l->n == l->queries * l->k) {
        *n = (struct neigh){l->queries, l->k, l->id, l->scores ? l->score : NULL};
        l->id = NULL;
        l->score = n->score ? NULL : l->score;
        return 0;
    }
    if (neigh_init(n, l->queries, l->k, l->scores && l->n, e) < 0)
        return e->code;
    for (size_t q = 0; q < l->queries; q++) {
        size_t have = l->end[q] - from;
        if (have)
            memcpy(n->id + q * n->k, l->id + from, have * sizeof *n->id);
        if (have && n->score)
            memcpy(n->score + q * n->k, l->score + from, have * sizeof *n->score);
        from = l->end[q];
    }
    return 0;
}

int neigh_load(struct neigh *n, const char *path, enum neigh_format from, struct err *e)
{
    struct listed all = {.scores = true};
    struct neigh_reader *r = NULL;
    struct neigh_list l;
    int rc = neigh_open(&r, path, from, NULL, e);

    *n = (struct neigh){0};
    while (rc == 0 && (rc = neigh_next(r, &l, e)) > 0)
        rc = add_list(&all, &l, e);
    if (rc == 0) {
        all.k = r->k > all.k ? r->k : all.k; /* binary lists may be shorter than their places */
        rc = lay_out(n, &all, e);
    }
    if (rc < 0)
        neigh_free(n);
    neigh_close(r);
    free(all.id);
    free(all.score);
    free(all.end);
    return rc;
}
