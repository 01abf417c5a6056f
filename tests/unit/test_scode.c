/* test_scode.c - weights of a query as integers (vec/scode.h): near what they stand for, within the
 * bound that is said; of weights that are no numbers, as damaged codecs have them, nothing is
 * known.
 */
#include "t.h"

#include <math.h>

#include "vec/scode.h"

enum { DIM = 21 };

static struct scode_weights quantize(const struct scode_shape *s, const double *w)
{
    void *q = aligned_alloc(64, (scode_query_bytes(s) + 63) / 64 * 64);
    struct scode_weights got;

    if (!q)
        abort();
    got = scode_weights(s, w, q);
    free(q);
    return got;
}

/* Each integer is at most half a unit off. */
static void numbers(const struct scode_shape *s)
{
    double w[DIM];
    struct scode_weights got;

    for (int k = 0; k < DIM; k++)
        w[k] = sin(k) * 1e6;
    got = quantize(s, w);
    T_CHECK(got.unit > 0 && got.lost > 0 && got.lost <= got.unit * DIM / 2 * 1.000001);
    memset(w, 0, sizeof w);
    got = quantize(s, w);
    T_CHECK(got.unit == 0 && got.lost == 0);
}

static void no_numbers(const struct scode_shape *s)
{
    static const double bad[] = {INFINITY, -INFINITY, NAN};

    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double w[DIM] = {1, 2, 3};
        struct scode_weights got;

        w[i * 7] = bad[i];
        got = quantize(s, w);
        T_CHECK(got.unit == 0 && got.lost == (double)INFINITY);
        T_CHECK(got.rest4 == 0 && got.rest8 == 0);
    }
}

int main(void)
{
    for (int levels = 1; levels <= 3; levels++) {
        struct scode_shape s = scode_shape(DIM, levels & 1, levels & 2, false);

        numbers(&s);
        no_numbers(&s);
    }
    return t_done("scode");
}
