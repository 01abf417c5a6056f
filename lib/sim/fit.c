/* fit.c - see fit.h. Weights and knees need several passes over the steps, which are kept with
 * their numbers as the table will look them up, rounding included.
 */
#include "sim/fit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "base/sort.h"

enum {
    FOLDS = 5,
    PASSES = 12,            /* of weights */
    KNEE_STEPS = 8,         /* measured steps at least between two knees */
    TABLE_MOST = 1 << 20,   /* places of the reader's table of decodes */
    ROUNDING_MOST = 1 << 16 /* that the reader takes */
};
#define HUBER        2.5   /* spreads that a step may be off and count whole */
#define LEAST_SPREAD 0.003 /* what is nearer than this is no error */
#define OUTLIER      5     /* spreads */
#define SETTLED      0.01  /* a change of weights */
#define LEAST_US     1e-6

const char *const fit_term_names[FIT_TERMS] = {"step",   "context", "square", "decode",
                                               "prompt", "before",  "read"};
const char *const fit_region_names[FIT_REGIONS] = {"decode", "prefill", "mixed", "all"};

/* A measured step. */
struct seen {
    double us, tokens, decodes, kv_sum; /* kv_sum: rounded as the table has it, once known */
    double chunk, before;
    double weight, scale; /* of the pass */
    double error;         /* relative */
    unsigned fold;
};

struct fitting {
    struct fit *f;
    struct seen *v;
    size_t cap;
    struct cost_piece *piece; /* of all */
    uint64_t *piece_end;
    size_t n_pieces, piece_cap, end_cap;
};

/* ---- the steps ---- */

static int take(void *ctx, const struct step *s, struct err *e)
{
    struct fitting *g = ctx;
    struct fit *f = g->f;

    if (mem_reserve(&g->v, &g->cap, f->n + 1, sizeof *g->v, e) < 0 ||
        mem_reserve(&g->piece_end, &g->end_cap, f->n + 1, sizeof *g->piece_end, e) < 0 ||
        mem_reserve(&g->piece, &g->piece_cap, g->n_pieces + s->n_pieces + 1, sizeof *g->piece, e) <
            0)
        return e->code;
    for (size_t i = 0; i < s->n_pieces; i++)
        g->piece[g->n_pieces++] = s->piece[i];
    g->piece_end[f->n] = g->n_pieces;
    g->v[f->n++] = (struct seen){.us = s->us,
                                 .tokens = s->decodes + s->prompt_tokens,
                                 .decodes = s->decodes,
                                 .kv_sum = s->kv_sum};
    f->most_decodes = fmax(f->most_decodes, s->decodes);
    if (s->decodes > 0)
        f->most_kv = fmax(f->most_kv, floor(s->kv_sum / s->decodes));
    return 0;
}

static double rounded_up(double v, double to)
{
    return ceil(v / to) * to;
}

/* To what contexts are rounded, so that the table is no larger than its reader takes. */
static int choose_rounding(struct fit *f, struct err *e)
{
    double to = 16;

    for (; (f->most_decodes + 1) * (f->most_kv / to + 2) > TABLE_MOST; to *= 2)
        if (to == ROUNDING_MOST)
            return err_set(e, ERR_INPUT,
                           "steps of up to %.0f decodes, of up to %.0f tokens of context on "
                           "average, are more than a table has room for",
                           f->most_decodes, f->most_kv);
    f->kv_rounding = to;
    f->most_kv = rounded_up(f->most_kv, to);
    return 0;
}

/* As cost_vidur.c will see them. */
static void round_steps(struct fitting *g)
{
    struct fit *f = g->f;
    double to = f->kv_rounding, end = 0;
    bool any_before = false;

    for (size_t i = 0; i < f->n; i++) {
        struct seen *s = &g->v[i];
        double squares = 0, all = 0;

        if (s->decodes > 0)
            s->kv_sum = s->decodes * rounded_up(floor(s->kv_sum / s->decodes), to);
        for (uint64_t k = i ? g->piece_end[i - 1] : 0; k < g->piece_end[i]; k++) {
            squares += (double)g->piece[k].chunk * g->piece[k].chunk;
            s->before += rounded_up(g->piece[k].kv, to);
            all += g->piece[k].chunk;
        }
        s->chunk = nearbyint(sqrt(squares));
        f->most_chunk = fmax(f->most_chunk, s->chunk);
        any_before = any_before || s->before > 0;
        end = fmax(end, rounded_up(s->before + all, to));
        f->most_tokens = fmax(f->most_tokens, s->tokens);
    }
    f->most_before = any_before ? end : 0;
}

/* ---- knees ---- */

/* Steps of more than `above` and up to `most` tokens. */
static size_t between(const struct fitting *g, double above, double most)
{
    size_t n = 0;

    for (size_t i = 0; i < g->f->n; i++)
        n += g->v[i].tokens > above && g->v[i].tokens <= most;
    return n;
}

/* 8, 12, 16, 24 ... and the largest number of tokens; what has too few steps joins the next. */
static void find_knees(struct fitting *g)
{
    struct fit *f = g->f;
    double last = 0;
    size_t room = f->n / (2 * KNEE_STEPS);

    room = room < FIT_KNEES_MOST ? room : FIT_KNEES_MOST;
    for (double k = 8, half = 12; k < f->most_tokens && f->knees + 1 < room;) {
        if (between(g, last, k) >= KNEE_STEPS && between(g, k, f->most_tokens) >= KNEE_STEPS)
            f->knee[f->knees++] = last = k;
        if (half > k) {
            k = half;
        } else {
            k = 4 * half / 3;
            half = 3 * k / 2;
        }
    }
    f->knee[f->knees++] = f->most_tokens;
}

/* ---- equations ---- */

/* Unknowns in the order of columns: what must be told apart stands first. */
enum { FIRST_KNEE = FIT_DECODE };

static size_t columns(const struct fit *f)
{
    return FIT_TERMS + f->knees;
}

/* The term of a column, or FIT_TERMS: it is a knee's. */
static size_t term_of(const struct fit *f, size_t column)
{
    if (column < FIRST_KNEE)
        return column;
    return column < FIRST_KNEE + f->knees ? FIT_TERMS : column - f->knees;
}

static void factors(const struct fit *f, const struct seen *s, double *row)
{
    double *tail = row + f->knees, last = 0;

    row[FIT_STEP] = 1;
    row[FIT_CONTEXT] = s->kv_sum;
    row[FIT_SQUARE] = s->chunk * s->chunk;
    for (size_t i = 0; i < f->knees; i++) {
        row[FIRST_KNEE + i] = fmax(fmin(s->tokens, f->knee[i]) - last, 0);
        last = f->knee[i];
    }
    tail[FIT_DECODE] = s->decodes;
    tail[FIT_PROMPT] = s->chunk > 0;
    tail[FIT_BEFORE] = s->chunk * s->before;
    tail[FIT_READ] = s->before;
}

static double predict(const struct fit *f, const struct seen *s, const double *x)
{
    double row[LSQ_MOST + 1], sum = 0;

    factors(f, s, row);
    for (size_t j = 0; j < columns(f); j++)
        sum += row[j] * x[j];
    return sum;
}

/* The step's equation, of relative errors, as far as its weight goes. */
static void add_step(struct lsq *l, const struct fit *f, const struct seen *s)
{
    double row[LSQ_MOST + 1], by = sqrt(s->weight) / s->scale;

    factors(f, s, row);
    row[l->n] = s->us;
    for (size_t j = 0; j <= l->n; j++)
        row[j] *= by;
    lsq_add(l, row);
}

/* ---- weights ---- */

static enum fit_region region_of(const struct seen *s)
{
    return s->chunk == 0 ? FIT_DECODES : s->decodes == 0 ? FIT_CHUNKS : FIT_MIXED;
}

/* How far off the steps of a region are: of a normal error its standard deviation. */
static double spread(const struct fitting *g, enum fit_region region, double *scratch)
{
    size_t n = 0;

    for (size_t i = 0; i < g->f->n; i++)
        if (region_of(&g->v[i]) == region)
            scratch[n++] = fabs(g->v[i].error);
    if (n == 0)
        return LEAST_SPREAD;
    sort_doubles(scratch, n);
    return fmax(1.4826 * scratch[n / 2], LEAST_SPREAD);
}

/* Errors under x, and the weights that follow: relative to what x says, so that a step that was
 * measured ten times too short is no nearer to 0 than others. How much the weights have changed, at
 * most. */
static double weigh(struct fitting *g, const double *x, double *scratch)
{
    double by[FIT_ALL], change = 0;

    g->f->outliers = 0;
    for (size_t i = 0; i < g->f->n; i++) {
        struct seen *s = &g->v[i];

        s->scale = fmax(predict(g->f, s, x), LEAST_US);
        s->error = s->us / s->scale - 1;
    }
    for (int region = 0; region < FIT_ALL; region++)
        by[region] = spread(g, (enum fit_region)region, scratch);
    for (size_t i = 0; i < g->f->n; i++) {
        struct seen *s = &g->v[i];
        double off = fabs(s->error) / by[region_of(s)];
        double weight = off > HUBER ? HUBER / off : 1;

        change = fmax(change, fabs(weight - s->weight));
        s->weight = weight;
        g->f->outliers += off > OUTLIER;
    }
    return change;
}

/* ---- what is told ---- */

static int untold(const struct fit *f, size_t column, struct err *e)
{
    static const char *const what[] = {"the time of every step", "attention over the context",
                                       "attention inside a chunk"};

    if (column < FIRST_KNEE)
        return err_set(e, ERR_INPUT,
                       "the %zu steps do not tell %s from the rest of the time: batches of more "
                       "kinds are needed",
                       f->n, what[column]);
    return err_set(e, ERR_INPUT,
                   "the %zu steps do not tell what a token costs in steps of up to %.0f from the "
                   "rest of the time: batches of more kinds are needed",
                   f->n, f->knee[column - FIRST_KNEE]);
}

static int check_told(struct fitting *g, const struct lsq *l, bool *left_out, struct err *e)
{
    struct fit *f = g->f;

    if (!lsq_dependent(l, left_out))
        return 0;
    for (size_t j = 0; j < FIRST_KNEE + f->knees; j++)
        if (left_out[j])
            return untold(f, j, e);
    /* Nothing is said of what never was. */
    for (size_t term = FIT_DECODE; term < (f->most_before > 0 ? FIT_TERMS : FIT_BEFORE); term++)
        f->untold[term] = left_out[term + f->knees];
    return 0;
}

static int check_steps(const struct fit *f, struct err *e)
{
    size_t least = 2 * (FIT_TERMS + 1);

    if (f->n < least)
        return err_set(e, ERR_INPUT, "%zu steps are too few to fit a model to: %zu are needed",
                       f->n, least);
    if (f->most_decodes == 0)
        return err_set(e, ERR_INPUT, "in none of the %zu steps is there a decode", f->n);
    if (f->most_chunk == 0)
        return err_set(e, ERR_INPUT, "in none of the %zu steps is there a chunk of a prompt", f->n);
    return 0;
}

/* ---- the model ---- */

static void keep(struct fit *f, const double *x)
{
    for (size_t j = 0; j < columns(f); j++)
        if (term_of(f, j) < FIT_TERMS)
            f->us[term_of(f, j)] = x[j];
        else
            f->token_us[j - FIRST_KNEE] = x[j];
}

static int solve(struct fitting *g, bool *left_out, double *x, double *scratch, struct err *e)
{
    for (size_t i = 0; i < g->f->n; i++) {
        g->v[i].weight = 1;
        g->v[i].scale = g->v[i].us;
    }
    for (int pass = 0; pass < PASSES; pass++) {
        struct lsq l = {.n = columns(g->f)};

        for (size_t i = 0; i < g->f->n; i++)
            add_step(&l, g->f, &g->v[i]);
        if (pass == 0 && check_told(g, &l, left_out, e) < 0)
            return e->code;
        lsq_nonneg(&l, left_out, x);
        if (weigh(g, x, scratch) < SETTLED)
            break;
    }
    keep(g->f, x);
    return 0;
}

/* ---- what it is worth ---- */

static void error_of(struct distribution *d, const struct fitting *g, int region, double *scratch)
{
    size_t n = 0;

    for (size_t i = 0; i < g->f->n; i++)
        if (region == FIT_ALL || (int)region_of(&g->v[i]) == region)
            scratch[n++] = fabs(g->v[i].error);
    distribution_of(d, scratch, n);
}

/* Each part is predicted from the others; what a step weighs is what it does with all. */
static void cross_validate(struct fitting *g, const bool *left_out, double *scratch)
{
    struct lsq part[FOLDS];
    uint64_t seed = 1;
    double x[LSQ_MOST];

    for (int k = 0; k < FOLDS; k++)
        part[k] = (struct lsq){.n = columns(g->f)};
    for (size_t i = 0; i < g->f->n; i++) {
        g->v[i].fold = (unsigned)(rand_u64(&seed) % FOLDS);
        add_step(&part[g->v[i].fold], g->f, &g->v[i]);
    }
    for (unsigned k = 0; k < FOLDS; k++) {
        struct lsq others = {.n = columns(g->f)};

        for (unsigned j = 0; j < FOLDS; j++)
            if (j != k)
                lsq_merge(&others, &part[j]);
        lsq_nonneg(&others, left_out, x);
        for (size_t i = 0; i < g->f->n; i++)
            if (g->v[i].fold == k)
                g->v[i].error = predict(g->f, &g->v[i], x) / g->v[i].us - 1;
    }
    for (int region = 0; region < FIT_REGIONS; region++)
        error_of(&g->f->error[region], g, region, scratch);
}

static int fit_all(struct fitting *g, struct err *e)
{
    double *scratch, x[LSQ_MOST];
    bool left_out[LSQ_MOST] = {false};
    int rc;

    if (choose_rounding(g->f, e) < 0)
        return e->code;
    round_steps(g);
    find_knees(g);
    if (check_steps(g->f, e) < 0 || !(scratch = mem_array(g->f->n, sizeof *scratch, e)))
        return e->code;
    rc = solve(g, left_out, x, scratch, e);
    if (rc == 0)
        cross_validate(g, left_out, scratch);
    free(scratch);
    return rc;
}

int fit_steps(struct fit *f, const char *path, struct err *e)
{
    struct fitting g = {.f = f};
    int rc;

    *f = (struct fit){.n = 0};
    rc = steps_read(path, 0, take, &g, e);
    if (rc == 0) {
        rc = fit_all(&g, e);
        if (rc == ERR_INPUT)
            err_prefix(e, "%s", path);
    }
    free(g.v);
    free(g.piece);
    free(g.piece_end);
    return rc;
}
