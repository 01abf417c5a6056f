/* fuse.c - see fuse.h: the lists of one question. Every place of a list is an entry; sorted by row,
 * the entries of a row lie side by side, those of a list that names it twice the better first.
 * O(n log n) for n places, and for norms that count absent rows, rows times lists.
 */
#include "ann/fuse.h"

#include <math.h>
#include <stdlib.h>

#include "base/mem.h"

struct entry {
    uint64_t id;
    double value; /* weighted */
    uint32_t list, rank;
};

struct fused {
    uint64_t id;
    float score; /* larger is better */
};

struct fuse {
    struct fuse_opts o;
    struct entry *entry;
    double *absent; /* of a list: what a row counts that it does not name */
    bool *first;    /* of the list at hand: its places, but those of rows that it named before */
    struct fused *sum;
    size_t n, lists, entry_cap, absent_cap, first_cap, sum_cap;
};

int fuse_new(struct fuse **out, const struct fuse_opts *o, struct err *e)
{
    *out = mem_zero(1, sizeof **out, e);
    if (!*out)
        return e->code;
    (*out)->o = *o;
    return 0;
}

void fuse_free(struct fuse *f)
{
    if (!f)
        return;
    free(f->entry);
    free(f->absent);
    free(f->first);
    free(f->sum);
    free(f);
}

static bool by_scores(const struct fuse *f)
{
    return f->o.method == FUSE_SCORE || f->o.method == FUSE_MAX;
}

static int by_row(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;

    if (x->id != y->id)
        return x->id < y->id ? -1 : 1;
    if (x->list != y->list)
        return x->list < y->list ? -1 : 1;
    return (x->rank > y->rank) - (x->rank < y->rank);
}

/* ---- a list ---- */

/* 1: larger is nearer; -1: smaller is; 0: the scores are in no order. A list is best first. */
static int sign_of(const struct fuse *f, const struct neigh_list *l)
{
    int sign = 0;

    if (f->o.near != FUSE_BY_ORDER)
        return f->o.near == FUSE_LARGER ? 1 : -1;
    for (uint32_t i = 1; i < l->n; i++) {
        int step = (l->score[i] < l->score[i - 1]) - (l->score[i] > l->score[i - 1]);
        if (sign && step && step != sign)
            return 0;
        sign = step ? step : sign;
    }
    return sign ? sign : 1;
}

/* value = (sign * score - from) / by, but `equal` where all are. */
struct norm {
    int sign;
    double from, by, equal, absent;
};

/* f->first of a list, whose entries are not there yet: their place is used. */
static void mark_first(struct fuse *f, const struct neigh_list *l)
{
    struct entry *x = f->entry + f->n;

    for (uint32_t i = 0; i < l->n; i++)
        x[i] = (struct entry){.id = l->id[i], .rank = i};
    qsort(x, l->n, sizeof *x, by_row);
    for (uint32_t i = 0; i < l->n; i++)
        f->first[x[i].rank] = i == 0 || x[i].id != x[i - 1].id;
}

/* A row that is named again does not count again. */
static struct norm norm_of(const struct fuse *f, const struct neigh_list *l, int sign)
{
    struct norm m = {sign, 0, 1, 0, 0};
    double least = INFINITY, most = -INFINITY, sum = 0, squares = 0, n = 0;

    for (uint32_t i = 0; i < l->n; i++) {
        double v = sign * (double)l->score[i];

        if (!f->first[i])
            continue;
        n++;
        least = fmin(least, v);
        most = fmax(most, v);
        sum += v;
    }
    m.absent = least;
    if (f->o.norm == FUSE_MINMAX) {
        m = (struct norm){sign, least, most - least, 1, 0};
    } else if (f->o.norm == FUSE_Z) {
        m.from = sum / n;
        for (uint32_t i = 0; i < l->n; i++) {
            double d = sign * (double)l->score[i] - m.from;
            squares += f->first[i] ? d * d : 0;
        }
        m.by = most > least ? sqrt(squares / n) : 0;
        m.absent = m.by > 0 ? fmin((least - m.from) / m.by, -2) : -2;
    }
    return m;
}

static double normalised(const struct norm *m, float score)
{
    return m->by > 0 ? (m->sign * (double)score - m->from) / m->by : m->equal;
}

static int check_scores(const struct neigh_list *l, struct err *e)
{
    if (!l->score)
        return err_set(e, ERR_INPUT, "there are no scores, which only rrf and turns do without");
    for (uint32_t i = 0; i < l->n; i++)
        if (!isfinite(l->score[i]))
            return err_set(e, ERR_INPUT, "the score at rank %u is not finite", i);
    return 0;
}

/* The norm of a list's scores. */
static int find_norm(struct fuse *f, const struct neigh_list *l, struct norm *m, struct err *e)
{
    int sign;

    if (check_scores(l, e) < 0)
        return e->code;
    sign = sign_of(f, l);
    if (sign == 0)
        return err_set(e, ERR_INPUT,
                       "scores neither fall nor rise from rank to rank: name the metric");
    mark_first(f, l);
    *m = norm_of(f, l, sign);
    return 0;
}

static int add_values(struct fuse *f, const struct neigh_list *l, double weight, struct err *e)
{
    struct norm m = {0};
    struct entry *to = f->entry + f->n;
    bool scores = by_scores(f) && l->n;

    if (scores && find_norm(f, l, &m, e) < 0)
        return e->code;
    f->absent[f->lists] = weight * m.absent;
    for (uint32_t i = 0; i < l->n; i++)
        to[i] = (struct entry){
            l->id[i], weight * (scores ? normalised(&m, l->score[i]) : 1 / (f->o.rrf_k + 1 + i)),
            (uint32_t)f->lists, i};
    return 0;
}

int fuse_add(struct fuse *f, const struct neigh_list *l, double weight, struct err *e)
{
    if (f->lists == UINT32_MAX)
        return err_set(e, ERR_INPUT, "more than %u lists for one question", UINT32_MAX);
    if (mem_reserve(&f->entry, &f->entry_cap, f->n + l->n, sizeof *f->entry, e) < 0 ||
        mem_reserve(&f->first, &f->first_cap, l->n, sizeof *f->first, e) < 0 ||
        mem_reserve(&f->absent, &f->absent_cap, f->lists + 1, sizeof *f->absent, e) < 0 ||
        add_values(f, l, weight, e) < 0)
        return e->code;
    f->n += l->n;
    f->lists++;
    return 0;
}

/* ---- all of them ---- */

/* What a row's entries [0, n) come to; of a list that names it twice the better counts. */
static double combine(const struct fuse *f, const struct entry *x, size_t n)
{
    double sum = 0, most = -INFINITY;
    size_t i = 0;

    if (f->o.method == FUSE_MAX || f->o.method == FUSE_TURNS) {
        for (; i < n; i++) {
            double turn = (double)x[i].rank * (double)f->lists + x[i].list;
            most = fmax(most, f->o.method == FUSE_MAX ? x[i].value : 1 / (1 + turn));
        }
        return most;
    }
    for (uint32_t l = 0; l < f->lists; l++) {
        bool there = i < n && x[i].list == l;
        sum += there ? x[i].value : f->absent[l];
        while (i < n && x[i].list == l)
            i++;
    }
    return sum;
}

static int by_score(const void *a, const void *b, void *names)
{
    const struct fused *x = a, *y = b;
    const struct names *const *set = names;

    if (x->score != y->score)
        return x->score > y->score ? -1 : 1;
    if (*set)
        return names_compare(*set, x->id, y->id);
    return (x->id > y->id) - (x->id < y->id);
}

int fuse_take(struct fuse *f, uint32_t k, const struct names *names, uint64_t *id, float *score,
              struct err *e)
{
    bool distances = by_scores(f) && f->o.norm == FUSE_AS_IS && f->o.near == FUSE_SMALLER;
    size_t rows = 0, n;

    if (mem_reserve(&f->sum, &f->sum_cap, f->n, sizeof *f->sum, e) < 0)
        return e->code;
    if (f->n)
        qsort(f->entry, f->n, sizeof *f->entry, by_row);
    for (size_t i = 0; i < f->n; i += n) {
        for (n = 1; i + n < f->n && f->entry[i + n].id == f->entry[i].id;)
            n++;
        f->sum[rows++] = (struct fused){f->entry[i].id, (float)combine(f, f->entry + i, n)};
    }
    if (rows)
        qsort_r(f->sum, rows, sizeof *f->sum, by_score, &names);
    for (uint32_t i = 0; i < k; i++) {
        id[i] = i < rows ? f->sum[i].id : NEIGH_NONE;
        score[i] = i >= rows ? NAN : distances ? 0 - f->sum[i].score : f->sum[i].score;
    }
    f->n = f->lists = 0;
    return 0;
}
