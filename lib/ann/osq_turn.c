/* osq_turn.c - a rotation that leaves no direction as it was, so that each sign of what it gives
 * tells about as much as any other: signs at random, then Walsh and Hadamard's transform of the
 * first and of the last components, as many as a power of two; three times. d log d additions, and
 * no matrix that an index would have to keep. Its numbers are the same on every level of CPU.
 */
#include <math.h>

#include "ann/osq_index.h"
#include "base/rand.h"

enum { ROUNDS = 3, SEED = 11 };

/* n: a power of two. */
static void transform(float *x, uint32_t n)
{
    float by = 1 / sqrtf((float)n);

    for (uint32_t half = 1; half < n; half *= 2)
        for (uint32_t i = 0; i < n; i += 2 * half)
            for (uint32_t j = i; j < i + half; j++) {
                float a = x[j], b = x[j + half];

                x[j] = a + b;
                x[j + half] = a - b;
            }
    for (uint32_t i = 0; i < n; i++)
        x[i] *= by;
}

static void flip(float *x, uint32_t dim, uint64_t *state)
{
    for (uint32_t i = 0; i < dim; i++)
        x[i] = rand_below(state, 2) ? -x[i] : x[i];
}

void osq_turn(float *x, uint32_t dim)
{
    uint64_t state = SEED;
    uint32_t n = 1;

    while (2 * n <= dim)
        n *= 2;
    for (int round = 0; round < ROUNDS; round++) {
        flip(x, dim, &state);
        transform(x, n);
        if (n < dim) {
            flip(x, dim, &state);
            transform(x + dim - n, n);
        }
    }
}
