/* pq_body.h - the kernels of pq.h that are one source on all levels, on vectors as wide as the
 * level's registers. The includer has defined, before,
 *   LANES                       floats of a register
 *   least_of(&v), most_of(&v)   the smallest and largest of the lanes
 * Vectors are handed on by address only: how they travel by value differs between levels.
 */
static inline void add_terms(bool l2, const float *q, const float *col, uint32_t sub, lanes *sum)
{
    *sum = (lanes){0};
    for (uint32_t d = 0; d < sub; d++, col += PANEL) {
        lanes c, by;

        memcpy(&c, col, sizeof c);
        by = q[d] - c;
        *sum += l2 ? by * by : -q[d] * c;
    }
}

static void pq_table(bool l2, const float *q, const float *panels, uint32_t sub, uint32_t k,
                     float *t)
{
    for (uint32_t j = 0; j < k; j += LANES) {
        const float *col = panels + (size_t)(j / PANEL) * sub * PANEL + j % PANEL;
        lanes v;

        if (l2)
            add_terms(true, q, col, sub, &v);
        else
            add_terms(false, q, col, sub, &v);
        memcpy(t + j, &v, sizeof v);
    }
}

static void pq_range(const float *t, uint32_t k, float *least, float *most)
{
    const lanes zero = {0}, inf = zero + __builtin_inff();

    *least = __builtin_inff();
    *most = -__builtin_inff();
    for (uint32_t j = 0; j < k; j += LANES) {
        float low, high;
        int_lanes finite;
        lanes v;

        memcpy(&v, t + j, sizeof v);
        finite = v - v == zero;
        v = (lanes)(((int_lanes)v & finite) | ((int_lanes)inf & ~finite));
        low = least_of(&v);
        high = most_of(&v);
        *least = low < *least ? low : *least;
        *most = high > *most ? high : *most;
    }
}

static void pq_steps(const float *t, uint32_t k, float least, float inverse, uint8_t *out)
{
    for (uint32_t j = 0; j < k; j += LANES) {
        lanes v;
        byte_lanes steps;

        memcpy(&v, t + j, sizeof v);
        v = (v - least) * inverse + 0.5F;
        steps = __builtin_convertvector(__builtin_convertvector(v, int_lanes), byte_lanes);
        memcpy(out + j, &steps, sizeof steps);
    }
}

/* One query's key of a sum. */
static inline float key_of(const struct pq_query *q, uint32_t sum)
{
    return __builtin_fmaf((float)sum, q->scale, q->bias);
}
