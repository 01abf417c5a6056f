/* prop_fuse.c - fused lists against a slow oracle that looks for every row in every list, as the
 * formulas of fuse.h read. Lists are empty, short, of equal scores, with rows twice, of numbers
 * large and small.
 */
#include "../unit/t.h"

#include <math.h>

#include "ann/fuse.h"

enum { LISTS = 6, LONGEST = 24, ROWS = 30 };

struct list {
    uint32_t n;
    uint64_t id[LONGEST];
    float score[LONGEST];
    double weight;
};

struct question {
    struct fuse_opts o;
    struct list list[LISTS];
    uint32_t lists;
    const char *const *names; /* of rows, */
    struct names *set;        /* and the same, where they are given */
};

/* ---- the oracle ---- */

/* The first place of a row; -1: it is not there. */
static int place(const struct list *l, uint64_t id)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (l->id[i] == id)
            return (int)i;
    return -1;
}

/* Its row was not named before. */
static bool is_first(const struct list *l, uint32_t i)
{
    return place(l, l->id[i]) == (int)i;
}

/* Larger is nearer. */
static double nearness(const struct question *q, const struct list *l, uint32_t i)
{
    bool larger = q->o.near == FUSE_LARGER;

    if (q->o.near == FUSE_BY_ORDER)
        larger = l->score[0] > l->score[l->n - 1];
    return larger ? (double)l->score[i] : -(double)l->score[i];
}

static double score_in(const struct question *q, const struct list *l, int at)
{
    double lo = nearness(q, l, 0), hi = lo, mean = 0, sd = 0, rows = 0, v, last;

    for (uint32_t i = 0; i < l->n; i++)
        rows += is_first(l, i);
    for (uint32_t i = 0; i < l->n; i++) {
        if (!is_first(l, i))
            continue;
        lo = fmin(lo, nearness(q, l, i));
        hi = fmax(hi, nearness(q, l, i));
        mean += nearness(q, l, i) / rows;
    }
    for (uint32_t i = 0; i < l->n; i++)
        sd += is_first(l, i) ? pow(nearness(q, l, i) - mean, 2) / rows : 0;
    sd = sqrt(sd);
    v = at < 0 ? lo : nearness(q, l, (uint32_t)at);
    if (q->o.norm == FUSE_AS_IS)
        return v;
    if (q->o.norm == FUSE_MINMAX)
        return at < 0 ? 0 : hi > lo ? (v - lo) / (hi - lo) : 1;
    last = hi > lo ? (v - mean) / sd : 0;
    return at >= 0 ? last : last < -2 ? last : -2;
}

/* What a row comes to; -inf: no list has it. */
static double oracle(const struct question *q, uint64_t id)
{
    double sum = 0, most = -INFINITY;
    bool any = false;

    for (uint32_t i = 0; i < q->lists; i++) {
        const struct list *l = &q->list[i];
        int at = place(l, id);
        double v = 0;

        any |= at >= 0;
        if (q->o.method == FUSE_RRF)
            v = at < 0 ? 0 : l->weight / (q->o.rrf_k + at + 1);
        else if (q->o.method == FUSE_TURNS)
            v = at < 0 ? 0 : 1.0 / (1 + at * (int)q->lists + (int)i);
        else if (l->n > 0)
            v = l->weight * score_in(q, l, at);
        sum += v;
        most = at >= 0 ? fmax(most, v) : most;
    }
    if (!any)
        return -INFINITY;
    return q->o.method == FUSE_RRF || q->o.method == FUSE_SCORE ? sum : most;
}

/* ---- questions ---- */

static int falling(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x < y) - (x > y);
}

static void make_list(struct list *l, const struct question *q, unsigned long long *seed)
{
    bool twice = t_rand(seed) % 4 == 0, rising = q->o.near == FUSE_SMALLER;
    unsigned long long most = t_rand(seed) % 3 ? 1000 : 3, levels = 1 + t_rand(seed) % most;
    double scale = pow(10, (double)(t_rand(seed) % 9) - 4);

    rising = q->o.near == FUSE_BY_ORDER ? t_rand(seed) % 2 : rising;
    l->n = t_rand(seed) % 5 ? (uint32_t)(t_rand(seed) % LONGEST) : (uint32_t)(t_rand(seed) % 3);
    l->weight = t_rand(seed) % 3 ? 1 : (double)(t_rand(seed) % 8) / 4;
    for (uint32_t i = 0; i < l->n; i++) {
        do
            l->id[i] = t_rand(seed) % ROWS;
        while (!twice && place(l, l->id[i]) < (int)i);
        l->score[i] = (float)(((double)(t_rand(seed) % levels) - 20) * scale);
    }
    qsort(l->score, l->n, sizeof *l->score, falling);
    for (uint32_t i = 0; rising && i < l->n / 2; i++) {
        float v = l->score[i];
        l->score[i] = l->score[l->n - 1 - i];
        l->score[l->n - 1 - i] = v;
    }
}

static struct names *set_of(const char *const *names)
{
    struct names *set;
    struct err e = {0};
    uint64_t number;

    T_CHECK(names_new(&set, &e) == 0);
    for (uint64_t i = 0; i < ROWS; i++)
        T_CHECK(names_add(set, names[i], strlen(names[i]), &number, &e) == 0 && number == i);
    return set;
}

static void make(struct question *q, unsigned long long *seed)
{
    static const char *const names[ROWS] = {
        "z", "y", "x", "aa", "ab", "b", "B", "",  "10", "9", "\xFF", "\x01", "c1", "c2", "c3",
        "d", "e", "f", "g",  "h",  "i", "j", "k", "l",  "m", "n",    "o",    "p",  "q",  "r"};

    q->o.method = (enum fuse_method)(t_rand(seed) % 4);
    q->o.norm = (enum fuse_norm)(t_rand(seed) % 3);
    q->o.near = (enum fuse_near)(t_rand(seed) % 3);
    if (q->o.norm == FUSE_AS_IS && q->o.near == FUSE_BY_ORDER)
        q->o.near = FUSE_LARGER;
    q->o.rrf_k = t_rand(seed) % 3 ? 60 : (double)(t_rand(seed) % 5) / 2;
    q->lists = (uint32_t)(t_rand(seed) % (LISTS + 1));
    q->names = t_rand(seed) % 2 ? names : NULL;
    q->set = q->names ? set_of(names) : NULL;
    for (uint32_t i = 0; i < q->lists; i++)
        make_list(&q->list[i], q, seed);
}

static bool tied_before(const struct question *q, uint64_t a, uint64_t b)
{
    return q->names ? strcmp(q->names[a], q->names[b]) < 0 : a < b;
}

static void check(const struct question *q, struct fuse *f, uint32_t k, unsigned long long seed)
{
    bool distances = (q->o.method == FUSE_SCORE || q->o.method == FUSE_MAX) &&
                     q->o.norm == FUSE_AS_IS && q->o.near == FUSE_SMALLER;
    uint64_t id[ROWS + 2];
    float score[ROWS + 2];
    double want[ROWS], size = 1e-30;
    bool taken[ROWS] = {false};
    uint32_t rows = 0, found = 0;
    struct err e = {0};

    for (uint64_t r = 0; r < ROWS; r++) {
        want[r] = oracle(q, r);
        rows += isfinite(want[r]);
        size = isfinite(want[r]) ? fmax(size, fabs(want[r])) : size;
    }
    for (uint32_t i = 0; i < q->lists; i++)
        T_CHECKF(fuse_add(f, &(struct neigh_list){q->list[i].n, q->list[i].id, q->list[i].score},
                          q->list[i].weight, &e) == 0,
                 "seed %llu: %s", seed, e.msg);
    T_CHECK(fuse_take(f, k, q->set, id, score, &e) == 0);
    for (; found < k && id[found] != NEIGH_NONE; found++) {
        double v = distances ? -(double)score[found] : (double)score[found];
        T_CHECKF(id[found] < ROWS, "seed %llu", seed);
        if (id[found] >= ROWS)
            return;
        T_CHECKF(!taken[id[found]], "seed %llu", seed);
        taken[id[found]] = true;
        T_CHECKF(fabs(v - want[id[found]]) <= size * 3e-7, "seed %llu, place %u: %g is not %g",
                 seed, found, v, want[id[found]]);
        if (found)
            T_CHECKF(distances ? score[found - 1] <= score[found]
                               : score[found - 1] >= score[found],
                     "seed %llu, place %u", seed, found);
        if (found && score[found - 1] == score[found])
            T_CHECKF(tied_before(q, id[found - 1], id[found]), "seed %llu, place %u", seed, found);
    }
    T_CHECKF(found == (rows < k ? rows : k), "seed %llu: %u", seed, found);
    for (uint64_t r = 0; r < ROWS && found; r++)
        if (!taken[r] && isfinite(want[r]))
            T_CHECKF(want[r] <= want[id[found - 1]] + size * 3e-7, "seed %llu", seed);
    for (uint32_t i = found; i < k; i++)
        T_CHECK(id[i] == NEIGH_NONE && isnan(score[i]));
}

static void test_random(void)
{
    for (unsigned long long i = 1; i <= 20000; i++) {
        unsigned long long seed = i * 7919;
        struct question q;
        struct fuse *f = NULL;
        struct err e = {0};

        make(&q, &seed);
        T_CHECK(fuse_new(&f, &q.o, &e) == 0);
        check(&q, f, 1 + (uint32_t)(t_rand(&seed) % (ROWS + 2)), i);
        check(&q, f, 10, i); /* what was added is forgotten */
        fuse_free(f);
        names_free(q.set);
    }
}

/* The same sum in another order of lists is a tie. */
static void test_rounding(void)
{
    const struct fuse_opts o = {.method = FUSE_RRF, .rrf_k = 60};
    struct err e = {0};

    for (uint64_t a = 0; a < 6; a++) {
        static const int turn[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                       {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
        struct fuse *f = NULL;
        uint64_t id[3];
        float score[3];

        T_CHECK(fuse_new(&f, &o, &e) == 0);
        for (int l = 0; l < 3; l++) {
            uint64_t row[3];
            for (int i = 0; i < 3; i++)
                row[(i + turn[a][l]) % 3] = (uint64_t)i;
            T_CHECK(fuse_add(f, &(struct neigh_list){3, row, NULL}, 1, &e) == 0);
        }
        T_CHECK(fuse_take(f, 3, NULL, id, score, &e) == 0);
        T_CHECK(id[0] == 0 && id[1] == 1 && id[2] == 2 && score[0] == score[2]);
        fuse_free(f);
    }
}

static void test_errors(void)
{
    static const float bad[][3] = {{1, 2, 1}, {3, 1, 2}, {1, NAN, 1}, {INFINITY, 2, 1}};
    const uint64_t id[3] = {1, 2, 3};
    struct fuse_opts o = {.method = FUSE_SCORE};
    struct fuse *f = NULL;
    struct err e = {0};

    T_CHECK(fuse_new(&f, &o, &e) == 0);
    for (int i = 0; i < 4; i++)
        T_CHECK(fuse_add(f, &(struct neigh_list){3, id, bad[i]}, 1, &e) == ERR_INPUT);
    T_CHECK(fuse_add(f, &(struct neigh_list){3, id, NULL}, 1, &e) == ERR_INPUT);
    T_CHECK(fuse_add(f, &(struct neigh_list){0, NULL, NULL}, 1, &e) == 0);
    fuse_free(f);
    o.near = FUSE_LARGER; /* said: no order is needed */
    T_CHECK(fuse_new(&f, &o, &e) == 0);
    T_CHECK(fuse_add(f, &(struct neigh_list){3, id, bad[0]}, 1, &e) == 0);
    fuse_free(f);
    fuse_free(NULL);
}

int main(void)
{
    test_random();
    test_rounding();
    test_errors();
    return t_done("fuse");
}
