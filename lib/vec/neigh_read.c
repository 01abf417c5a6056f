/* neigh_read.c - see neigh.h: reading lists of neighbours. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/jsonl.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/stream.h"
#include "vec/decimal.h"
#include "vec/file.h"
#include "vec/neigh.h"
#include "vec/neigh_int.h"

enum { LINE_MOST = 1 << 16, NUMBER = 40 };

/* ---- ivecs, ibin ---- */

/* One query's ids: nothing may stand behind the first that is absent. */
static int take_ids(struct neigh *n, uint64_t query, const int32_t *id, const char *name,
                    struct err *e)
{
    bool end = false;

    for (uint32_t i = 0; i < n->k; i++) {
        end = end || id[i] == -1;
        if (id[i] < -1 || (end && id[i] != -1))
            return err_set(e, ERR_INPUT, "%s: row %llu: %d is no row number here", name,
                           (unsigned long long)query, id[i]);
        n->id[query * n->k + i] = end ? NEIGH_NONE : (uint64_t)id[i];
    }
    return 0;
}

static int load_ids(struct neigh *n, struct vec_reader *r, struct err *e)
{
    const char *name = vec_reader_name(r);
    uint32_t k = vec_reader_dim(r);
    int32_t *row = mem_array(k, sizeof *row, e);
    size_t cap = 0;
    int64_t got = 0;

    if (!row)
        return e->code;
    *n = (struct neigh){.k = k};
    while ((got = vec_read(r, row, 1, e)) > 0) {
        size_t need;
        if (__builtin_mul_overflow((size_t)n->queries + 1, (size_t)k, &need) ||
            mem_reserve(&n->id, &cap, need, sizeof *n->id, e) < 0 ||
            take_ids(n, n->queries, row, name, e) < 0)
            break;
        n->queries++;
    }
    free(row);
    return got == 0 ? 0 : e->code;
}

static int load_binary(struct neigh *n, const char *path, enum neigh_format from, struct err *e)
{
    struct vec_read_opts o = {.format = from == NEIGH_IVECS ? VEC_IVECS : VEC_IBIN,
                              .raw_ids = true};
    struct vec_reader *r;
    int rc = vec_open(&r, path, &o, e);

    if (rc == 0)
        rc = load_ids(n, r, e);
    vec_close(r);
    return rc;
}

/* ---- truth ---- */

static int take_truth(struct neigh *n, const struct map *m, const char *path, struct err *e)
{
    uint32_t head[2];
    uint64_t places;

    if (m->len < TRUTH_HEAD)
        return err_set(e, ERR_INPUT, "%s: too short for a truth file", path);
    memcpy(head, m->p, TRUTH_HEAD);
    places = (uint64_t)head[0] * head[1];
    if (places > UINT64_MAX / 16 || m->len != TRUTH_HEAD + 8 * places)
        return err_set(e, ERR_INPUT,
                       "%s: %zu bytes are not a truth file's of %u queries and %u neighbours", path,
                       m->len, head[0], head[1]);
    if (neigh_init(n, head[0], head[1], true, e) < 0)
        return e->code;
    for (uint64_t i = 0; i < places; i++) {
        uint32_t id;
        memcpy(&id, m->p + TRUTH_HEAD + 4 * i, 4);
        n->id[i] = id == TRUTH_NONE ? NEIGH_NONE : id;
        if (i % n->k && n->id[i] != NEIGH_NONE && n->id[i - 1] == NEIGH_NONE)
            return err_set(e, ERR_INPUT, "%s: query %llu: a neighbour behind one that is absent",
                           path, (unsigned long long)(i / n->k));
    }
    memcpy(n->score, m->p + TRUTH_HEAD + 4 * places, 4 * places);
    return 0;
}

static int load_truth(struct neigh *n, const char *path, struct err *e)
{
    struct map m = {0};
    int rc = map_open(&m, path, e);

    if (rc == 0)
        rc = take_truth(n, &m, path, e);
    map_close(&m);
    return rc;
}

/* ---- text ---- */

/* What has been read: lists one after the other. */
struct listed {
    uint64_t *id;
    float *score;
    size_t n, id_cap, score_cap;
    uint64_t *end; /* of each query's list */
    size_t queries, end_cap;
    uint32_t k;
    bool scores;
};

struct entry {
    uint64_t query, rank, id;
    float score;
    bool has_score;
};

static int add_entry(struct listed *l, const struct entry *x, struct err *e)
{
    uint64_t before = l->queries > 1 ? l->end[l->queries - 2] : 0, have = 0;

    if (x->query >= VEC_ROWS_MAX || x->query + 1 < l->queries)
        return err_set(e, ERR_INPUT, "query %llu is out of order", (unsigned long long)x->query);
    if (x->query + 1 == l->queries)
        have = l->n - before;
    if (x->rank != have || have >= VEC_DIM_MAX)
        return err_set(e, ERR_INPUT, "rank %llu of query %llu should be %llu",
                       (unsigned long long)x->rank, (unsigned long long)x->query,
                       (unsigned long long)have);
    if (mem_reserve(&l->end, &l->end_cap, x->query + 1, sizeof *l->end, e) < 0 ||
        mem_reserve(&l->id, &l->id_cap, l->n + 1, sizeof *l->id, e) < 0 ||
        mem_reserve(&l->score, &l->score_cap, l->n + 1, sizeof *l->score, e) < 0)
        return e->code;
    for (; l->queries <= x->query; l->queries++)
        l->end[l->queries] = l->n;
    l->scores = (l->scores || l->n == 0) && x->has_score;
    l->id[l->n] = x->id;
    l->score[l->n++] = x->score;
    l->end[x->query] = l->n;
    l->k = l->k > have + 1 ? l->k : (uint32_t)have + 1;
    return 0;
}

/* A span that is no string of its own yet. */
static bool span_u64(const char *p, size_t len, uint64_t *v)
{
    char text[NUMBER];

    if (len >= sizeof text)
        return false;
    memcpy(text, p, len);
    text[len] = '\0';
    return num_u64(text, v);
}

static bool span_score(const char *p, size_t len, float *v)
{
    char text[NUMBER];
    const char *end;

    if (len >= sizeof text)
        return false;
    memcpy(text, p, len);
    text[len] = '\0';
    end = decimal_get_f32(text, v);
    return end && *end == '\0';
}

/* query TAB rank TAB id [TAB score] */
static int tsv_entry(struct entry *x, const char *p, size_t len, struct err *e)
{
    static const char *const name[] = {"query", "rank", "id", "score"};
    uint64_t *const to[] = {&x->query, &x->rank, &x->id};
    const char *end = p + len;
    int field = 0;

    *x = (struct entry){.score = NAN};
    for (; field < 4; field++) {
        const char *tab = memchr(p, '\t', (size_t)(end - p));
        size_t n = (size_t)((tab ? tab : end) - p);

        x->has_score = field == 3;
        if (field < 3 ? !span_u64(p, n, to[field]) : !span_score(p, n, &x->score))
            return err_set(e, ERR_INPUT, "no %s in field %d", name[field], field + 1);
        if (!tab)
            return field < 2 ? err_set(e, ERR_INPUT, "fewer than three fields") : 0;
        p = tab + 1;
    }
    return err_set(e, ERR_INPUT, "more than four fields");
}

static int json_entry(struct entry *x, const char *p, size_t len, struct err *e)
{
    static const char *const name[] = {"query", "rank", "id"};
    uint64_t *const to[] = {&x->query, &x->rank, &x->id};
    unsigned seen = 0;
    struct jsonl j;
    struct jsonl_member m;
    int rc;

    *x = (struct entry){.score = NAN};
    jsonl_begin(&j, p, len);
    while ((rc = jsonl_next(&j, &m, e)) > 0) {
        for (unsigned i = 0; i < 3; i++)
            if (jsonl_equals(&m.key, name[i], strlen(name[i]))) {
                if (m.value.type != JSONL_NUMBER || !span_u64(m.value.p, m.value.len, to[i]))
                    return err_set(e, ERR_INPUT, "member '%s' is no whole number", name[i]);
                seen |= 1u << i;
            }
        if (jsonl_equals(&m.key, "score", 5) && m.value.type == JSONL_NUMBER)
            x->has_score = span_score(m.value.p, m.value.len, &x->score);
    }
    if (rc == 0 && seen != 7)
        return err_set(e, ERR_INPUT, "not all of query, rank and id are there");
    return rc;
}

static int read_lists(struct listed *l, struct lines *in, bool json, struct err *e)
{
    const char *p;
    size_t len;
    struct entry x;
    int rc;

    while ((rc = lines_next(in, &p, &len, e)) > 0) {
        if (!json && (len == 0 || *p == '#'))
            continue;
        if ((json ? json_entry(&x, p, len, e) : tsv_entry(&x, p, len, e)) < 0 ||
            add_entry(l, &x, e) < 0)
            return e->code == ERR_INPUT ? err_prefix(e, "%s:%llu", stream_name(lines_stream(in)),
                                                     (unsigned long long)lines_number(in))
                                        : e->code;
    }
    return rc;
}

static int lay_out(struct neigh *n, const struct listed *l, struct err *e)
{
    uint64_t from = 0;

    if (neigh_init(n, l->queries, l->k, l->scores, e) < 0)
        return e->code;
    for (size_t q = 0; q < l->queries; from = l->end[q++]) {
        memcpy(n->id + q * n->k, l->id + from, (l->end[q] - from) * sizeof *n->id);
        if (l->scores)
            memcpy(n->score + q * n->k, l->score + from, (l->end[q] - from) * sizeof *n->score);
    }
    return 0;
}

static int load_text(struct neigh *n, const char *path, bool json, struct err *e)
{
    struct listed l = {0};
    struct lines *in = NULL;
    int rc = lines_open(&in, path, '\n', LINE_MOST, e);

    if (rc == 0)
        rc = read_lists(&l, in, json, e);
    if (rc == 0)
        rc = lay_out(n, &l, e);
    lines_close(in);
    free(l.id);
    free(l.score);
    free(l.end);
    return rc;
}

int neigh_load(struct neigh *n, const char *path, enum neigh_format from, struct err *e)
{
    int rc;

    *n = (struct neigh){0};
    from = from == NEIGH_AUTO ? neigh_format_of(path) : from;
    if (from == NEIGH_IVECS || from == NEIGH_IBIN)
        rc = load_binary(n, path, from, e);
    else if (from == NEIGH_TRUTH)
        rc = load_truth(n, path, e);
    else
        rc = load_text(n, path, from == NEIGH_JSONL, e);
    if (rc < 0)
        neigh_free(n);
    return rc;
}
