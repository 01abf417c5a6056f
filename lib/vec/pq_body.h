/* pq_body.h - the kernels of pq.h that are one source on all levels, on vectors of sixteen floats
 * that the compiler cuts to the width at hand. The includer has defined, before,
 *   least16(&v), most16(&v)   the smallest and largest of sixteen lanes
 */

static inline void distances16(bool l2, const float *q, const float *col, uint32_t sub, f32x16 *sum)
{
    *sum = (f32x16){0};
    for (uint32_t d = 0; d < sub; d++, col += PANEL) {
        f32x16 c, by;

        memcpy(&c, col, sizeof c);
        by = q[d] - c;
        *sum += l2 ? by * by : -q[d] * c;
    }
}

static void pq_table(bool l2, const float *q, const float *panels, uint32_t sub, uint32_t k,
                     float *t)
{
    for (uint32_t j = 0; j < k; j += 16) {
        const float *col = panels + (size_t)(j / PANEL) * sub * PANEL + j % PANEL;
        f32x16 v;

        if (l2)
            distances16(true, q, col, sub, &v);
        else
            distances16(false, q, col, sub, &v);
        memcpy(t + j, &v, sizeof v);
    }
}

static void pq_range(const float *t, uint32_t k, float *least, float *most)
{
    *least = __builtin_inff();
    *most = -__builtin_inff();
    for (uint32_t j = 0; j < k; j += 16) {
        f32x16 v;
        float low, high;

        memcpy(&v, t + j, sizeof v);
        low = least16(&v);
        high = most16(&v);
        *least = low < *least ? low : *least;
        *most = high > *most ? high : *most;
    }
}

static void pq_steps(const float *t, uint32_t k, float least, float inverse, uint8_t *out)
{
    for (uint32_t j = 0; j < k; j += 16) {
        f32x16 v;
        u8x16 steps;

        memcpy(&v, t + j, sizeof v);
        v = (v - least) * inverse + 0.5F;
        steps = __builtin_convertvector(__builtin_convertvector(v, i32x16), u8x16);
        memcpy(out + j, &steps, sizeof steps);
    }
}

/* One query's key of a sum. */
static inline float key_of(const struct pq_query *q, uint32_t sum)
{
    return __builtin_fmaf((float)sum, q->scale, q->bias);
}
