/* predicates.c - predicates of queries become rows that are allowed (ann.h): each different text is
 * compiled and evaluated once, for as long as there is room for its rows.
 */
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "ann/kind.h"
#include "ann/where.h"
#include "base/mem.h"
#include "base/names.h"

/* Predicates that are held at once. Memory that was written before is written again in a tenth of
 * the time that new pages take, so they are no more than a batch of queries is sped up by. */
enum { LEAST = 16, MOST = 1 << 16 };

struct held {
    uint64_t count;
    struct where *program;
};

struct ann_predicates {
    const struct ann *a;
    struct names *texts; /* a number is a place in held[], and of a bitmap */
    struct held *held;
    size_t cap, had;
    uint64_t most, words;      /* held at once; of a bitmap, with what is between two */
    uint64_t *bits;            /* [most][words], in pages that come when they are written */
    struct where_space *space; /* of each thread */
    int threads;
    uint64_t evaluated;
    double seconds;
};

static int init(struct ann_predicates *s, uint64_t most, struct err *e)
{
    uint64_t bytes;

    s->words = (ATTRS_WORDS(s->a->rows) + 7) / 8 * 8 + 8;
    bytes = s->words * sizeof *s->bits;
    s->most = ANN_PREDICATES_BYTES / bytes;
    s->most = s->most < LEAST ? LEAST : s->most > MOST ? MOST : s->most;
    s->most = most > 0 && most < s->most ? most : s->most;
    s->bits = mem_zero(s->most, bytes, e);
    s->space = mem_zero((size_t)s->threads, sizeof *s->space, e);
    return s->bits && s->space ? names_new(&s->texts, e) : e->code;
}

int ann_predicates_new(struct ann_predicates **out, const struct ann *a, uint64_t most, int threads,
                       struct err *e)
{
    struct ann_predicates *s = mem_zero(1, sizeof *s, e);

    *out = NULL;
    if (!s)
        return e->code;
    s->a = a;
    s->threads = threads > 1 ? threads : 1;
    if (init(s, most, e) < 0) {
        ann_predicates_free(s);
        return e->code;
    }
    *out = s;
    return 0;
}

void ann_predicates_free(struct ann_predicates *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->had; i++)
        where_free(s->held[i].program);
    for (int i = 0; s->space && i < s->threads; i++)
        where_space_free(&s->space[i]);
    free(s->bits);
    free(s->held);
    free(s->space);
    names_free(s->texts);
    free(s);
}

void ann_predicates_stats(const struct ann_predicates *s, uint64_t *evaluated, double *seconds)
{
    *evaluated = s->evaluated;
    *seconds = s->seconds;
}

static int forget(struct ann_predicates *s, struct err *e)
{
    names_free(s->texts);
    s->texts = NULL;
    return names_new(&s->texts, e);
}

/* Room for a predicate that has the next number. */
static int make_room(struct ann_predicates *s, size_t number, struct err *e)
{
    if (number < s->had)
        return 0;
    if (mem_reserve(&s->held, &s->cap, number + 1, sizeof *s->held, e) < 0)
        return e->code;
    s->held[number] = (struct held){0};
    s->had = number + 1;
    return 0;
}

/* The number of a predicate that is there or, compiled, comes to be: 1; 0: there is no room. */
static int find(struct ann_predicates *s, const struct ann_predicate *p, uint64_t *number,
                struct err *e)
{
    uint64_t next = names_count(s->texts);

    *number = names_find(s->texts, p->p, p->len);
    if (*number != NAMES_NONE)
        return 1;
    if (next == s->most)
        return 0;
    if (make_room(s, next, e) < 0)
        return e->code;
    where_free(s->held[next].program); /* of one that made room */
    s->held[next].program = NULL;
    if (where_compile(&s->held[next].program, &s->a->attrs, p->p, p->len, e) < 0 ||
        names_add(s->texts, p->p, p->len, number, e) < 0)
        return e->code;
    return 1;
}

/* Those from `from` on, which were compiled only. */
static int run(struct ann_predicates *s, uint64_t from, struct err *e)
{
    uint64_t to = names_count(s->texts);
    int threads = to - from < (uint64_t)s->threads ? (int)(to - from) : s->threads, rc = 0;

    if (threads == 0)
        return 0;
#pragma omp parallel for schedule(dynamic) num_threads(threads)
    for (uint64_t i = from; i < to; i++) {
        struct held *h = &s->held[i];
        struct err why = {0};

        if (where_run(h->program, &s->space[omp_get_thread_num()], s->a->dead,
                      s->bits + i * s->words, &h->count, &why) < 0)
#pragma omp critical(ann_predicates)
        {
            *e = why;
            rc = why.code;
        }
    }
    s->evaluated += to - from;
    return rc;
}

/* The first of n that are there, or come to be, whose numbers are written into `count`; or an
 * error. */
static int find_all(struct ann_predicates *s, const struct ann_predicate *text, uint64_t n,
                    struct ann_allowed *allowed, uint64_t *done, struct err *e)
{
    for (*done = 0; *done < n; ++*done) {
        int rc = find(s, &text[*done], &allowed[*done].count, e);

        if (rc <= 0)
            return rc;
    }
    return 0;
}

int ann_predicates_rows(struct ann_predicates *s, const struct ann_predicate *text, uint64_t n,
                        struct ann_allowed *allowed, uint64_t *done, struct err *e)
{
    double began = now_s();
    uint64_t from = names_count(s->texts);
    int rc = find_all(s, text, n, allowed, done, e);

    if (rc == 0 && *done == 0 && n > 0) { /* what is held makes room */
        from = 0;
        rc = forget(s, e);
        if (rc == 0)
            rc = find_all(s, text, n, allowed, done, e);
    }
    if (rc == 0)
        rc = run(s, from, e);
    for (uint64_t i = 0; i < *done && rc == 0; i++) {
        uint64_t number = allowed[i].count;

        allowed[i] = (struct ann_allowed){s->bits + number * s->words, s->held[number].count,
                                          s->held[number].program};
    }
    s->seconds += now_s() - began;
    return rc;
}
