/* lean.c - see lean.h. All matrices are row-major doubles; r x n ones are "maps", n x n "moments".
 */
#include "vec/lean.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* ---- f ---- */

/* What f and its gradients are computed with. */
struct lean {
    const double *kq, *kx;
    uint32_t n, r;
    double constant;                   /* tr(Kq Kx) */
    double *akq, *bkx, *akqkx, *other; /* r x n; other: B Kx Kq */
    double *gradient, *towards;        /* r x n */
    double *qq, *xx, *square;          /* r x r: A Kq A^T, B Kx B^T, and of a step */
};

static double dot(const double *a, const double *b, size_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += a[i] * b[i];
    return sum;
}

static int lean_init(struct lean *l, const double *kq, const double *kx, uint32_t n, uint32_t r,
                     struct err *e)
{
    size_t cells = (size_t)r * n;

    *l = (struct lean){.kq = kq, .kx = kx, .n = n, .r = r};
    l->akq = mem_array(cells, sizeof *l->akq, e);
    l->bkx = mem_array(cells, sizeof *l->bkx, e);
    l->akqkx = mem_array(cells, sizeof *l->akqkx, e);
    l->other = mem_array(cells, sizeof *l->other, e);
    l->gradient = mem_array(cells, sizeof *l->gradient, e);
    l->towards = mem_array(cells, sizeof *l->towards, e);
    l->qq = mem_array((size_t)r * r, sizeof *l->qq, e);
    l->xx = mem_array((size_t)r * r, sizeof *l->xx, e);
    l->square = mem_array((size_t)r * r, sizeof *l->square, e);
    if (!l->akq || !l->bkx || !l->akqkx || !l->other || !l->gradient || !l->towards || !l->qq ||
        !l->xx || !l->square)
        return e->code;
    l->constant = dot(kq, kx, (size_t)n * n); /* both symmetric */
    return 0;
}

static void lean_free(struct lean *l)
{
    free(l->akq);
    free(l->bkx);
    free(l->akqkx);
    free(l->other);
    free(l->gradient);
    free(l->towards);
    free(l->qq);
    free(l->xx);
    free(l->square);
}

/* moved = m K and square = m K m^T, of a map m and a moment K. */
static void move(const struct lean *l, const double *m, const double *k, double *moved,
                 double *square)
{
    la_product(false, false, l->r, l->n, l->n, 1, m, k, 0, moved);
    la_product(false, true, l->r, l->r, l->n, 1, moved, m, 0, square);
}

/* f of the maps whose products are in l. */
static double loss_of(const struct lean *l, const double *b)
{
    return dot(l->qq, l->xx, (size_t)l->r * l->r) - 2 * dot(l->akqkx, b, (size_t)l->r * l->n) +
           l->constant;
}

static double refresh(struct lean *l, const double *a, const double *b)
{
    move(l, a, l->kq, l->akq, l->qq);
    move(l, b, l->kx, l->bkx, l->xx);
    la_product(false, false, l->r, l->n, l->n, 1, l->akq, l->kx, 0, l->akqkx);
    return loss_of(l, b);
}

int lean_loss(const double *a, const double *b, const double *kq, const double *kx, uint32_t n,
              uint32_t r, double *loss, struct err *e)
{
    struct lean l;
    int rc = lean_init(&l, kq, kx, n, r, e);

    if (rc == 0)
        *loss = refresh(&l, a, b);
    lean_free(&l);
    return rc;
}

/* ---- eigenvectors ---- */

/* The r main eigenvectors of k, which is n x n and is used up. */
static int main_vectors(double *k, uint32_t n, uint32_t r, double *out, struct err *e)
{
    double *w = mem_array(n, sizeof *w, e);
    int rc = w ? la_eigen(k, n, w, e) : e->code;

    if (rc == 0)
        memcpy(out, k, (size_t)r * n * sizeof *out);
    free(w);
    return rc;
}

static int pca(const double *kx, uint32_t n, uint32_t r, double *p, struct err *e)
{
    double *k = mem_array((size_t)n * n, sizeof *k, e);
    int rc;

    if (!k)
        return e->code;
    memcpy(k, kx, (size_t)n * n * sizeof *k);
    rc = main_vectors(k, n, r, p, e);
    free(k);
    return rc;
}

/* ---- es ---- */

/* One over the trace; 0 of a zero matrix. */
static double one_over_trace(const double *k, uint32_t n)
{
    double sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += k[i * n + i];
    return sum > 0 ? 1 / sum : 0;
}

struct search {
    struct lean *l;
    double *k, *p; /* a mixture and its vectors */
    double *best, least;
};

/* f of the vectors of a mixture; keeps the best. */
static int try_mixture(struct search *s, double t, double *loss, struct err *e)
{
    const struct lean *l = s->l;
    double wq = t * one_over_trace(l->kq, l->n), wx = (1 - t) * one_over_trace(l->kx, l->n);

    for (size_t i = 0; i < (size_t)l->n * l->n; i++)
        s->k[i] = wq * l->kq[i] + wx * l->kx[i];
    if (main_vectors(s->k, l->n, l->r, s->p, e) < 0)
        return e->code;
    *loss = refresh(s->l, s->p, s->p);
    if (*loss < s->least) {
        s->least = *loss;
        memcpy(s->best, s->p, (size_t)l->r * l->n * sizeof *s->p);
    }
    return 0;
}

/* The ends first, so that es is never worse than pca. */
static int golden_section(struct search *s, struct err *e)
{
    enum { NARROWINGS = 14 }; /* to a thousandth */
    const double cut = 0.6180339887498949;
    double low = 0, high = 1, t[2] = {1 - cut, cut}, f[2], end;

    if (try_mixture(s, low, &end, e) < 0 || try_mixture(s, high, &end, e) < 0 ||
        try_mixture(s, t[0], &f[0], e) < 0 || try_mixture(s, t[1], &f[1], e) < 0)
        return e->code;
    for (int i = 0; i < NARROWINGS; i++) {
        int worse = f[0] < f[1]; /* the side that is cut off */

        if (worse)
            high = t[1];
        else
            low = t[0];
        t[worse] = t[!worse];
        f[worse] = f[!worse];
        t[!worse] = worse ? high - cut * (high - low) : low + cut * (high - low);
        if (try_mixture(s, t[!worse], &f[!worse], e) < 0)
            return e->code;
    }
    return 0;
}

static int eigenvector_search(struct lean *l, double *p, struct err *e)
{
    struct search s = {.l = l, .best = p, .least = INFINITY};
    int rc;

    s.k = mem_array((size_t)l->n * l->n, sizeof *s.k, e);
    s.p = mem_array((size_t)l->r * l->n, sizeof *s.p, e);
    rc = s.k && s.p ? golden_section(&s, e) : e->code;
    free(s.k);
    free(s.p);
    return rc;
}

/* ---- fw ---- */

/* One map as f sees it while the other stands still:
 * f = tr(m K m^T S) - 2 <m, T> + constant. */
struct side {
    double *m;        /* r x n */
    const double *k;  /* its moment */
    const double *mk; /* m K */
    const double *s;  /* r x r: the other's square */
    const double *t;  /* the other, moved by both moments */
};

/* towards = the polar factor of minus the gradient, less m; gradient = half of it. */
static int aim(struct lean *l, const struct side *side, struct err *e)
{
    size_t cells = (size_t)l->r * l->n;

    la_product(false, false, l->r, l->n, l->r, 1, side->s, side->mk, 0, l->gradient);
    for (size_t i = 0; i < cells; i++) {
        l->gradient[i] -= side->t[i];
        l->towards[i] = -l->gradient[i];
    }
    if (la_polar(l->towards, l->r, l->n, NULL, e) < 0)
        return e->code;
    for (size_t i = 0; i < cells; i++)
        l->towards[i] -= side->m[i];
    return 0;
}

/* Along `towards`, f changes by 2 g slope + g^2 bend: to the least of that within [0, 1]. */
static int step(struct lean *l, const struct side *side, struct err *e)
{
    size_t cells = (size_t)l->r * l->n;
    double slope, bend, g;

    if (aim(l, side, e) < 0)
        return e->code;
    slope = dot(l->gradient, l->towards, cells);
    move(l, l->towards, side->k, l->gradient, l->square); /* the gradient is not needed any more */
    bend = dot(l->square, side->s, (size_t)l->r * l->r);
    g = slope < 0 ? 1 : 0;
    if (slope < 0 && -slope < bend)
        g = -slope / bend;
    for (size_t i = 0; i < cells; i++)
        side->m[i] += g * l->towards[i];
    return 0;
}

static int step_both(struct lean *l, double *a, double *b, struct err *e)
{
    struct side of_a = {a, l->kq, l->akq, l->xx, l->other},
                of_b = {b, l->kx, l->bkx, l->qq, l->akqkx};

    la_product(false, false, l->r, l->n, l->n, 1, l->bkx, l->kq, 0, l->other);
    if (step(l, &of_a, e) < 0)
        return e->code;
    move(l, a, l->kq, l->akq, l->qq);
    la_product(false, false, l->r, l->n, l->n, 1, l->akq, l->kx, 0, l->akqkx);
    if (step(l, &of_b, e) < 0)
        return e->code;
    move(l, b, l->kx, l->bkx, l->xx);
    return 0;
}

static int frank_wolfe(struct lean *l, double *a, double *b, double *loss, uint32_t *steps,
                       struct err *e)
{
    loss[0] = refresh(l, a, b);
    for (*steps = 0; *steps < LEAN_STEPS;) {
        double before = loss[*steps];

        if (step_both(l, a, b, e) < 0)
            return e->code;
        loss[++*steps] = loss_of(l, b);
        if (before - loss[*steps] <= before * 1e-3)
            break;
    }
    return 0;
}

int lean_frank_wolfe(const double *kq, const double *kx, uint32_t n, uint32_t r, double *a,
                     double *b, double loss[LEAN_STEPS + 1], uint32_t *steps, struct err *e)
{
    struct lean l;
    int rc = lean_init(&l, kq, kx, n, r, e);

    if (rc == 0)
        rc = frank_wolfe(&l, a, b, loss, steps, e);
    lean_free(&l);
    return rc;
}

/* ---- sphering ---- */

enum { SEED = 1 }; /* of the rotation */

/* A = T^-1 P W^-1 and B = T P W give the same products for every T. T = R w^(-1/4), w the
 * eigenvalues and R a rotation, leaves Aq and Bx the same spread, and the same in each component,
 * which loses least when Bx is quantized in equal steps. */
static int balance(const double *w, uint32_t n, uint32_t r, double *a, double *b, struct err *e)
{
    const double least = 1e-12; /* of w, of the largest */
    double *turn = mem_array((size_t)r * r, sizeof *turn, e);
    double *old = mem_array((size_t)r * n, sizeof *old, e);
    int rc = turn && old ? la_orthogonal(turn, r, SEED, e) : e->code;

    for (size_t side = 0; rc == 0 && side < 2; side++) {
        double *m = side == 0 ? a : b;

        for (size_t i = 0; i < (size_t)r * n; i++) {
            double share = w[0] > 0 ? sqrt(sqrt(fmax(w[i / n] / w[0], least))) : 1;

            old[i] = side == 0 ? m[i] * share : m[i] / share;
        }
        la_product(false, false, r, n, r, 1, turn, old, 0, m);
    }
    free(turn);
    free(old);
    return rc;
}

static int sphering(const double *kq, const double *kx, uint32_t n, uint32_t r, double *a,
                    double *b, struct err *e)
{
    const double least = 1e-9; /* of Kq's eigenvalues, of the largest */
    size_t cells = (size_t)n * n;
    double *root = mem_array(cells, sizeof *root, e), *inverse = mem_array(cells, sizeof *root, e);
    double *k = mem_array(cells, sizeof *k, e), *half = mem_array(cells, sizeof *half, e);
    double *w = mem_array(n, sizeof *w, e);
    int rc = root && inverse && k && half && w ? la_roots(kq, n, least, root, inverse, e) : e->code;

    if (rc == 0) {
        la_product(false, false, n, n, n, 1, root, kx, 0, half);
        la_product(false, false, n, n, n, 1, half, root, 0, k);
        rc = la_eigen(k, n, w, e);
    }
    if (rc == 0) {
        la_product(false, false, r, n, n, 1, k, inverse, 0, a);
        la_product(false, false, r, n, n, 1, k, root, 0, b);
        rc = balance(w, n, r, a, b, e);
    }
    free(root);
    free(inverse);
    free(k);
    free(half);
    free(w);
    return rc;
}

int lean_maps(enum lean_method m, const double *kq, const double *kx, uint32_t n, uint32_t r,
              double *a, double *b, struct err *e)
{
    double loss[LEAN_STEPS + 1];
    uint32_t steps;
    struct lean l;
    int rc;

    if (m == LEAN_SPHERING || m == LEAN_NEAR)
        return sphering(kq, kx, n, r, a, b, e);
    if (m == LEAN_PCA) {
        rc = pca(kx, n, r, a, e);
    } else {
        rc = lean_init(&l, kq, kx, n, r, e);
        if (rc == 0)
            rc = eigenvector_search(&l, a, e);
        lean_free(&l);
    }
    if (rc < 0)
        return rc;
    memcpy(b, a, (size_t)r * n * sizeof *b);
    return m == LEAN_FW ? lean_frank_wolfe(kq, kx, n, r, a, b, loss, &steps, e) : 0;
}
