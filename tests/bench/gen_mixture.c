/* gen_mixture.c - a synthetic base of any size and queries of the same law, as fvecs: the mixture
 * of normal clouds by which indexes of a million vectors are measured.
 *
 *   gen_mixture OUT_DIR ROWS [QUERIES]     base.fvecs, query.fvecs (10,000 unless said)
 *
 *   x = (C_k + w_k s N(0, I)) R      128 components, s_j = (1 + j)^-0.6, 4000 centres C_k = s N(0,
 * I)
 *
 * with k drawn by weights (1 + k)^-0.5, w_k uniform in [0.4, 1) and R a random orthogonal matrix.
 * Row i depends on i alone, so a smaller base is the beginning of a larger one; the queries'
 * numbers begin where no base gets to. R is LAPACK's: its last bits may differ between processors.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/rand.h"
#include "vec/linalg.h"

enum { DIM = 128, CENTRES = 4000, SEED = 1, ROTATION = 2, QUERIES = 10000 };
#define FIRST_QUERY (UINT64_C(1) << 40)

struct mixture {
    double s[DIM], centre[CENTRES][DIM], w[CENTRES], upto[CENTRES]; /* upto: sums of the weights */
    double r[DIM * DIM];
};

static int mixture_init(struct mixture *m, struct err *e)
{
    uint64_t seed = SEED;
    double sum = 0;

    for (int j = 0; j < DIM; j++)
        m->s[j] = pow(1 + j, -0.6);
    for (int k = 0; k < CENTRES; k++) {
        for (int j = 0; j < DIM; j++)
            m->centre[k][j] = m->s[j] * rand_normal(&seed);
        m->w[k] = 0.4 + 0.6 * rand_unit(&seed);
        m->upto[k] = sum += pow(1 + k, -0.5);
    }
    return la_orthogonal(m->r, DIM, ROTATION, e);
}

static int centre_of(const struct mixture *m, double u)
{
    int low = 0, high = CENTRES - 1;

    u *= m->upto[CENTRES - 1];
    while (low < high) {
        int mid = (low + high) / 2;

        if (m->upto[mid] > u)
            high = mid;
        else
            low = mid + 1;
    }
    return low;
}

static void row_of(const struct mixture *m, uint64_t number, float *x)
{
    uint64_t state = number, seed = rand_u64(&state); /* apart from its neighbours' */
    int k = centre_of(m, rand_unit(&seed));
    double y[DIM] = {0};

    for (int j = 0; j < DIM; j++) {
        double v = m->centre[k][j] + m->w[k] * m->s[j] * rand_normal(&seed);

        for (int i = 0; i < DIM; i++)
            y[i] += v * m->r[j * DIM + i];
    }
    for (int i = 0; i < DIM; i++)
        x[i] = (float)y[i];
}

static int write_rows(const struct mixture *m, const char *dir, const char *name, uint64_t first,
                      uint64_t n)
{
    char path[4096];
    struct {
        int32_t dim;
        float x[DIM];
    } row = {DIM, {0}};
    FILE *f;
    bool ok = true;

    snprintf(path, sizeof path, "%s/%s", dir, name);
    f = fopen(path, "wb");
    for (uint64_t i = 0; i < n && f && ok; i++) {
        row_of(m, first + i, row.x);
        ok = fwrite(&row, sizeof row, 1, f) == 1;
    }
    if (f && fclose(f) == 0 && ok)
        return 0;
    perror(path);
    return 1;
}

int main(int argc, char **argv)
{
    static struct mixture m;
    struct err e = {0};

    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: gen_mixture OUT_DIR ROWS [QUERIES]\n");
        return 2;
    }
    if (mixture_init(&m, &e) < 0) {
        fprintf(stderr, "gen_mixture: %s\n", e.msg);
        return 1;
    }
    return write_rows(&m, argv[1], "base.fvecs", 0, strtoull(argv[2], NULL, 10)) ||
           write_rows(&m, argv[1], "query.fvecs", FIRST_QUERY,
                      argc > 3 ? strtoull(argv[3], NULL, 10) : QUERIES);
}
