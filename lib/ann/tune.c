/* tune.c - the cheapest setting for a recall: what effort, how many vectors read, what slack.
 *
 * Of the queries every second chooses and the others confirm. A setting is a knob, slack or effort,
 * turned until the first half reaches its goal, beside a number of vectors read (rerank), which
 * goes down from many while that makes the setting cheaper; a knob is turned no further than where
 * it costs more than the best setting so far. The best is then measured on the second half: it
 * holds when the lower end of its recall's interval (Wilson 1927, one-sided, 99 %, as more than one
 * is looked at) reaches the target; else the goal is raised by what was missing. Hits of one query
 * are not independent: the interval is that of so many trials as have the variance seen between
 * queries, at least one a query, so few queries cannot confirm a high recall.
 *
 * Cost is counted, not timed, so that the same index and queries give the same settings always:
 * cache lines read, of about 8 ns, and what else takes time, in as many of these. Of walks that is
 * hops, which wait for memory, and more so a row's links that are looked at by parts, as with a
 * slack: of each part some few codes are waited for with nothing else to do. What codes, vectors
 * and places in the pool take goes with the lines (weights fitted to times of three graphs of 60
 * and 100 thousand rows, each by ef and by slack: they differ by an eighth on average). Of lists it
 * is what computing takes for each code, vector and list.
 *
 * Cost     some 30 searches of half the queries for each target.
 */
#include <math.h>
#include <stdlib.h>

#include "ann/kind.h"
#include "base/mem.h"
#include "vec/neigh.h"

enum {
    CHOOSE,
    CONFIRM,
    HALVES,
    ROUNDS = 12,       /* goals for one target */
    WORSE = 2,         /* reranks in a row that make nothing cheaper: enough */
    WALK_HOP_COST = 6, /* in lines read */
    WALK_PART_COST = 43,
    KEY_COST = 2,
    EXACT_COST = 4,
    LIST_COST = 4,
    EFFORT_TRIED = 400, /* times k, */
    EFFORT_TRIED_LEAST = 4096,
    SLACK_STEPS = 72,
    FACTORS = 12
};
#define SLACK_FIRST .005
#define SLACK_STEP  1.1
#define Z99         2.3263478740408408

static const double factor[FACTORS] = {16, 12, 8, 6, 5, 4, 3, 2.5, 2, 1.5, 1.25, 1};

struct half {
    float *q;
    uint64_t n;
    uint64_t *truth;  /* [n][k] */
    float *kth;       /* [n], NULL: scores are not compared */
    uint32_t *tenant; /* [n], or NULL */
    uint64_t *id;     /* [n][k], what is found */
    float *score;
};

struct measured {
    uint32_t effort, rerank;
    float slack;
    int half;
    double recall, least, cost, keys, exact; /* least: the lower end of the interval */
};

struct tuner {
    const struct ann *a;
    const struct ann_tune_opts *o;
    struct half half[HALVES];
    struct measured *seen;
    size_t n_seen, cap;
    uint32_t *effort; /* those that are tried */
    size_t n_effort;
};

/* A knob: steps that make a search more thorough one after the other. */
struct knob {
    bool slack;
    size_t steps;
};

/* ---- measuring ---- */

static uint32_t hits_of(const struct tuner *t, const struct half *h, uint64_t q)
{
    const uint64_t *id = h->id + q * t->o->k, *truth = h->truth + q * t->o->k;
    bool larger = t->a->form.metric == VEC_IP;
    uint32_t hits = 0;

    for (uint32_t i = 0; i < t->o->k && id[i] != NEIGH_NONE; i++) {
        float s = h->score[q * t->o->k + i];
        bool hit = h->kth && (larger ? s >= h->kth[q] : s <= h->kth[q]);

        for (uint32_t j = 0; j < t->o->k && !hit; j++)
            hit = truth[j] == id[i];
        hits += hit;
    }
    return hits;
}

static uint32_t true_ones(const struct tuner *t, const struct half *h, uint64_t q)
{
    uint32_t n = 0;

    while (n < t->o->k && h->truth[q * t->o->k + n] != NEIGH_NONE)
        n++;
    return n;
}

/* The lower end of the interval of a share p of n trials. */
static double wilson(double p, double n)
{
    double z2 = Z99 * Z99;

    return (p + z2 / (2 * n) - Z99 * sqrt(p * (1 - p) / n + z2 / (4 * n * n))) / (1 + z2 / n);
}

/* Mean of the queries' recalls, and how low it may be in truth. */
static void judge(const struct tuner *t, const struct half *h, struct measured *m)
{
    double sum = 0, squares = 0, n = 0, var, trials;

    for (uint64_t q = 0; q < h->n; q++) {
        uint32_t of = true_ones(t, h, q);
        double r = of ? (double)hits_of(t, h, q) / of : 0;

        sum += r;
        squares += r * r;
        n += of > 0;
    }
    m->recall = n > 0 ? sum / n : 1;
    var = n > 0 ? squares / n - m->recall * m->recall : 0;
    trials = var > 0 ? n * m->recall * (1 - m->recall) / var : n;
    trials = trials < n ? n : trials > n * t->o->k ? n * t->o->k : trials;
    m->least = n > 0 ? wilson(m->recall, trials) : 0;
}

/* In lines read, of all queries. */
static double cost_of(const struct ann_kind *kind, const struct ann_search_stats *s)
{
    double lines = (double)s->bytes / CELLS_LINE, hops = (double)s->hops;

    if (kind->links) /* it walks, and nothing else */
        return lines + WALK_HOP_COST * hops + WALK_PART_COST * (double)s->parts;
    return lines + KEY_COST * (double)s->keys + EXACT_COST * (double)s->exact + LIST_COST * hops;
}

static int search_half(struct tuner *t, struct measured *m, struct err *e)
{
    struct half *h = &t->half[m->half];
    struct ann_search_opts o = {.k = t->o->k,
                                .effort = m->effort,
                                .rerank = m->rerank,
                                .slack = m->slack,
                                .tenant = h->tenant,
                                .tenant_each = true,
                                .threads = t->o->threads};
    struct ann_search_stats s = {0};
    double n = h->n ? (double)h->n : 1;

    if (ann_search(t->a, &o, h->q, h->n, h->id, h->score, &s, e) < 0)
        return e->code;
    m->cost = cost_of(t->a->kind, &s) / n;
    m->keys = (double)s.keys / n;
    m->exact = (double)s.exact / n;
    judge(t, h, m);
    return 0;
}

/* What is asked for in m, measured once. */
static int measure(struct tuner *t, struct measured *m, struct err *e)
{
    for (size_t i = 0; i < t->n_seen; i++) {
        const struct measured *s = &t->seen[i];

        if (s->effort == m->effort && s->rerank == m->rerank && s->half == m->half &&
            s->slack <= m->slack && s->slack >= m->slack) {
            *m = *s;
            return 0;
        }
    }
    if (search_half(t, m, e) < 0 || mem_reserve(&t->seen, &t->cap, t->n_seen + 1, sizeof *m, e) < 0)
        return e->code;
    t->seen[t->n_seen++] = *m;
    if (t->o->progress)
        t->o->progress(t->o->progress_ctx, "settings tried", t->n_seen, 0);
    return 0;
}

/* ---- choosing ---- */

static struct measured at_step(const struct tuner *t, const struct knob *k, uint32_t rerank,
                               size_t step)
{
    struct measured m = {.half = CHOOSE, .rerank = rerank};

    if (k->slack) {
        m.effort = ann_slack_effort(t->a, t->o->k);
        m.slack = (float)(SLACK_FIRST * pow(SLACK_STEP, (double)step));
    } else {
        m.effort = t->effort[step];
    }
    return m;
}

/* Turns the knob from *step on to the first step that reaches the goal, in strides that double and
 * then halve. 1: found; 0: not, or not for less than `most`. */
static int turn(struct tuner *t, const struct knob *k, uint32_t rerank, double goal, double most,
                size_t *step, struct measured *found, struct err *e)
{
    size_t below = *step, at = *step, stride = 1; /* `below` falls short once at moved */

    for (;; stride *= 2) {
        *found = at_step(t, k, rerank, at);
        if (measure(t, found, e) < 0)
            return e->code;
        if (found->recall >= goal)
            break;
        if (found->cost >= most || at + 1 == k->steps)
            return 0;
        below = at;
        at = at + stride < k->steps ? at + stride : k->steps - 1;
    }
    while (at > below + 1) {
        struct measured m = at_step(t, k, rerank, below + (at - below) / 2);

        if (measure(t, &m, e) < 0)
            return e->code;
        if (m.recall >= goal) {
            at = below + (at - below) / 2;
            *found = m;
        } else {
            below = below + (at - below) / 2;
        }
    }
    *step = at;
    return found->cost < most;
}

/* The reranks that are worth a try, from many to few, by one knob; *best is what is cheapest so
 * far. */
static int try_knob(struct tuner *t, const struct knob *k, double goal, struct measured *best,
                    struct err *e)
{
    size_t n = t->a->kind->rerank && t->a->vectors ? FACTORS : 1, step = 0;

    for (size_t i = 0, worse = 0; i < n && worse < WORSE; i++) {
        double most = (double)ANN_EFFORT_MOST, want = factor[i] * t->o->k;
        struct measured m;
        int rc = turn(t, k, n > 1 ? (uint32_t)(want < most ? want : most) : 0, goal, best->cost,
                      &step, &m, e);

        if (rc < 0)
            return rc;
        worse = rc ? 0 : worse + 1;
        if (rc)
            *best = m;
    }
    return 0;
}

/* The cheapest setting that reaches the goal in the half that chooses; cost INFINITY: none does. */
static int choose(struct tuner *t, double goal, struct measured *best, struct err *e)
{
    struct knob slack = {true, SLACK_STEPS}, effort = {false, t->n_effort};

    *best = (struct measured){.cost = INFINITY};
    if (t->a->kind->slack_effort > 0 && try_knob(t, &slack, goal, best, e) < 0)
        return e->code;
    return try_knob(t, &effort, goal, best, e);
}

static void put(const struct tuner *t, const struct measured *m, bool reached,
                struct ann_setting *s)
{
    s->recall = m->recall;
    s->keys = m->keys;
    s->exact = m->exact;
    s->effort = reached ? m->effort : 0;
    s->rerank = reached ? m->rerank : 0;
    s->slack = reached ? m->slack : 0;
    s->k = t->o->k;
    s->queries = (uint32_t)t->half[CONFIRM].n;
}

/* The most that can be found by the knob of effort: where no setting reaches a target. */
static int most_of(struct tuner *t, struct measured *m, struct err *e)
{
    struct knob effort = {false, t->n_effort};

    *m = at_step(t, &effort, 0, t->n_effort - 1);
    m->half = CONFIRM;
    return measure(t, m, e);
}

static int tune_one(struct tuner *t, double target, struct ann_setting *s, struct err *e)
{
    double goal = target, chosen;
    struct measured m;

    *s = (struct ann_setting){.target = target};
    for (int round = 0; round < ROUNDS && goal <= 1; round++) {
        if (choose(t, goal, &m, e) < 0)
            return e->code;
        if (!(m.cost < (double)INFINITY))
            break;
        chosen = m.recall;
        m.half = CONFIRM;
        if (measure(t, &m, e) < 0)
            return e->code;
        if (m.least >= target) {
            put(t, &m, true, s);
            return 0;
        }
        goal = fmax(goal + (target - m.least), nextafter(chosen, 2)); /* another one */
    }
    if (most_of(t, &m, e) < 0)
        return e->code;
    put(t, &m, m.least >= target, s);
    return 0;
}

/* ---- beginning ---- */

/* From as few as make a difference, a sixteenth more each time. */
static int set_efforts(struct tuner *t, struct err *e)
{
    uint64_t most = (uint64_t)EFFORT_TRIED * t->o->k, effort = 1;
    size_t cap = 0;

    if (t->a->kind->pool) /* of which k are kept anyway */
        effort = t->o->k < t->a->live ? t->o->k : t->a->live;
    most = most > EFFORT_TRIED_LEAST ? most : EFFORT_TRIED_LEAST;
    most = most < t->a->kind->effort_most ? most : t->a->kind->effort_most;
    most = most < t->a->live ? most : t->a->live;
    effort = effort > 0 ? effort : 1;
    do {
        if (mem_reserve(&t->effort, &cap, t->n_effort + 1, sizeof *t->effort, e) < 0)
            return e->code;
        t->effort[t->n_effort++] = (uint32_t)effort;
        if (effort >= most)
            break;
        effort += effort / 16 + 1;
        effort = effort < most ? effort : most;
    } while (true);
    return 0;
}

/* Without any true neighbour there is nothing to be found or missed. */
static int check_half(const struct tuner *t, const struct half *h, struct err *e)
{
    for (uint64_t q = 0; q < h->n; q++)
        if (true_ones(t, h, q) > 0)
            return 0;
    return err_set(e, ERR_INPUT,
                   "too few queries have a true neighbour: of every second one, which chooses, and "
                   "of the others, which confirm, at least one is needed");
}

static int half_init(struct tuner *t, int which, const float *queries, uint64_t n,
                     const struct neigh *truth, struct err *e)
{
    struct half *h = &t->half[which];
    uint32_t dim = t->a->form.dim, k = t->o->k;

    h->n = (n + (which == CHOOSE)) / 2;
    h->q = mem_array(h->n, dim * sizeof *h->q, e);
    h->truth = mem_array(h->n, k * sizeof *h->truth, e);
    h->id = mem_array(h->n, k * sizeof *h->id, e);
    h->score = mem_array(h->n, k * sizeof *h->score, e);
    h->kth = truth->score ? mem_array(h->n, sizeof *h->kth, e) : NULL;
    h->tenant = t->o->tenant ? mem_array(h->n, sizeof *h->tenant, e) : NULL;
    if (!h->q || !h->truth || !h->id || !h->score || (truth->score && !h->kth) ||
        (t->o->tenant && !h->tenant))
        return e->code;
    for (uint64_t i = 0; i < h->n; i++) {
        uint64_t from = 2 * i + (uint64_t)which;
        uint32_t of;

        memcpy(h->q + i * dim, queries + from * dim, dim * sizeof *h->q);
        memcpy(h->truth + i * k, truth->id + from * truth->k, k * sizeof *h->truth);
        if (h->tenant)
            h->tenant[i] = t->o->tenant[from];
        of = true_ones(t, h, i);
        if (h->kth)
            h->kth[i] = of ? truth->score[from * truth->k + of - 1] : NAN;
    }
    return check_half(t, h, e);
}

static void tuner_free(struct tuner *t)
{
    for (int i = 0; i < HALVES; i++) {
        free(t->half[i].q);
        free(t->half[i].truth);
        free(t->half[i].kth);
        free(t->half[i].tenant);
        free(t->half[i].id);
        free(t->half[i].score);
    }
    free(t->seen);
    free(t->effort);
}

int ann_tune(const struct ann *a, const struct ann_tune_opts *o, const float *queries, uint64_t n,
             const struct neigh *truth, struct ann_setting *s, struct err *e)
{
    struct tuner t = {.a = a, .o = o};
    int rc;

    if (n < HALVES || n > UINT32_MAX)
        return err_set(e, ERR_USAGE, "tuning needs at least %d queries", HALVES);
    if (truth->queries != n || truth->k < o->k)
        return err_set(e, ERR_USAGE,
                       "the truth is of %llu queries and %u neighbours, not %llu and %u",
                       (unsigned long long)truth->queries, truth->k, (unsigned long long)n, o->k);
    rc = set_efforts(&t, e);
    for (int i = 0; i < HALVES && rc == 0; i++)
        rc = half_init(&t, i, queries, n, truth, e);
    for (size_t i = 0; i < o->n_targets && rc == 0; i++)
        rc = tune_one(&t, o->targets[i], &s[i], e);
    tuner_free(&t);
    return rc;
}
