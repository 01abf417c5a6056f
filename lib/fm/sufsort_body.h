/* sufsort_body.h - the half of the suffix sorter that reads the text, for one symbol type.
 *
 * sufsort.c includes this once per type, with
 *   SYM       the symbol's C type
 *   SYM_K     the number of symbols (0 .. SYM_K - 1)
 *   SYM_KEY   how many symbols a 48-bit key holds, SYM_WIDTH bits each
 *   FN(x)     the name of x for this type; FN(key) is there already
 */

/* Is the suffix at i of type S (smaller than the next)? */
static bool FN(is_s)(const SYM *t, int64_t n, int64_t i)
{
    while (i + 1 < n && t[i] == t[i + 1])
        i++;
    return i + 1 == n || t[i] < t[i + 1];
}

/* Walks (a, b] from right to left, counts symbols of [a, b) by type, and writes the LMS positions
 * in (a, b] in descending places before dst. Returns how many. b == n stands for (a, n - 1]. */
static int64_t FN(collect)(const SYM *t, int64_t n, int64_t a, int64_t b, uint32_t *dst,
                           uint32_t *count)
{
    uint32_t *end = dst;

    if (b == n) {
        count[2 * 0 + 1]++;
        b = n - 1;
    }
    unsigned c1 = t[b], s1 = FN(is_s)(t, n, b);
    for (int64_t i = b - 1; i >= a; i--) {
        unsigned c0 = t[i];
        unsigned s0 = (c0 < c1) | ((c0 == c1) & s1);
        count[2 * c0 + s0]++;
        dst[-1] = (uint32_t)(i + 1);
        dst -= s1 & ~s0;
        c1 = c0;
        s1 = s0;
    }
    return end - dst;
}

/* Do the `depth` symbols at p (none of them 0) settle where the next LMS position is? */
static bool FN(decided)(const SYM *t, int64_t p, int64_t depth)
{
    int64_t i = p, end = p + depth - 1;

    while (i < end && t[i] <= t[i + 1])
        i++;
    while (i < end && t[i] >= t[i + 1])
        i++;
    return i < end;
}

/* Loads the next symbols of all members of the active groups; returns how many there are. */
static uint32_t FN(load)(const SYM *t, int64_t n, const uint32_t *lms, struct scratch *w,
                         uint32_t base, int64_t depth)
{
    const struct span *act = w->act[0];
    uint32_t e = 0, stop = act[w->nact - 1].at + act[w->nact - 1].len;

    for (uint32_t g = 0; g < w->nact; g++) {
        for (uint32_t i = act[g].at; i < act[g].at + act[g].len; i++) {
            uint32_t ahead = i + SS_AHEAD < stop ? i + SS_AHEAD : i;
            __builtin_prefetch(t + (lms[ahead] & ~SS_FLAG) + depth);
            w->key[e] = FN(key)(t, n, lms[i] + depth) | (i - base);
            w->old[i - base] = lms[i];
            w->place[e++] = (uint16_t)(i - base);
        }
    }
    return e;
}

static void FN(refine)(const SYM *t, int64_t n, uint32_t *lms, struct scratch *w, int64_t depth)
{
    while (w->nact) {
        const struct span *act = w->act[0];
        struct span *next = w->act[1];
        uint32_t nnext = 0, base = act[0].at, *out = lms + base;
        uint32_t many = FN(load)(t, n, lms, w, base, depth), from = 0, runs = 0;

        depth += SYM_KEY;
        for (uint32_t g = 0; g < w->nact; g++) {
            sort_keys(w->key + from, w->tmp, act[g].len);
            from += act[g].len;
            w->last[from - 1] = 1;
        }
        w->key[many] = 0;
        for (uint32_t e = 0, same = 0; e < many; e++) {
            uint64_t k = w->key[e];
            uint32_t was = same;
            same = ((k ^ w->key[e + 1]) >> SS_BITS == 0) & (w->last[e] ^ 1u);
            w->last[e] = 0;
            out[w->place[e]] = w->old[k & (SS_SLICE - 1)] | (was | same ? 0 : SS_FLAG);
            /* the first of several, or the last of them */
            w->run[runs] = e;
            runs += was ^ same;
        }
        for (uint32_t r = 0; r < runs; r += 2) {
            uint32_t e = w->run[r], len = w->run[r + 1] + 1 - e, at = w->place[e];
            if (!(w->key[e] & ((uint64_t)((1 << SYM_WIDTH) - 1) << SYM_PAD))) {
                for (uint32_t x = at; x < at + len; x++)
                    out[x] |= SS_FLAG;
            } else if (depth >= SS_DEEP && FN(decided)(t, out[at], depth)) {
                out[at] |= SS_FLAG;
            } else {
                next[nnext++] = (struct span){base + at, len};
            }
        }
        w->act[1] = w->act[0];
        w->act[0] = next;
        w->nact = nnext;
    }
}

/* The bins [b0, b1) of a split: bin b is lms[ends[b - 1]..ends[b]) (from `at` for b == b0), its
 * members agree on `depth` symbols; every bin that is a multiple of `period` has met its document's
 * end: the order by place is final. */
static void FN(run_bins)(const SYM *t, int64_t n, uint32_t *lms, struct scratch *w,
                         const uint32_t *ends, uint32_t b0, uint32_t b1, uint32_t at,
                         uint32_t period, int64_t depth)
{
    uint32_t base = at;

    for (uint32_t b = b0; b < b1; b++) {
        uint32_t len = ends[b] - at;
        if (len == 0)
            continue;
        if (at + len - base > SS_SLICE) {
            FN(refine)(t, n, lms, w, depth);
            base = at;
        }
        if (len == 1 || b % period == 0) {
            for (uint32_t i = at; i < at + len; i++)
                lms[i] |= SS_FLAG;
        } else if (len > SS_SLICE && depth >= SS_DEEP && FN(decided)(t, lms[at], depth)) {
            lms[at] |= SS_FLAG;
            base = at + len;
        } else if (len > SS_SLICE) {
            w->todo[w->ntodo++] = (struct todo){at, len, (uint32_t)depth};
            base = at + len;
        } else {
            w->act[0][w->nact++] = (struct span){at, len};
        }
        at += len;
        if (at - base > SS_SLICE)
            base = at;
    }
    FN(refine)(t, n, lms, w, depth);
}

static inline uint32_t FN(digit)(const SYM *p, bool pair)
{
    return !pair ? p[0] : p[0] ? p[0] * SYM_K + p[1] : 0;
}

/* Splits a group larger than a slice by its next one or two symbols. */
static void FN(split)(const SYM *t, int64_t n, uint32_t *lms, uint32_t *aux, struct scratch *w,
                      struct todo g)
{
    bool pair = g.len >= SS_PAIRS;
    uint32_t bins = pair ? SYM_K * SYM_K : SYM_K;
    uint32_t *p = lms + g.at, *q = aux + g.at, sum = g.at;
    const SYM *td = t + g.depth;

    memset(w->hist, 0, bins * sizeof *w->hist);
    for (uint32_t i = 0; i < g.len; i++) {
        __builtin_prefetch(td + p[i + SS_AHEAD < g.len ? i + SS_AHEAD : i]);
        uint32_t c = FN(digit)(td + p[i], pair);
        w->digit[i < SS_DIGITS ? i : SS_DIGITS] = c;
        w->hist[c]++;
    }
    for (uint32_t b = 0; b < bins; b++) {
        uint32_t len = w->hist[b];
        w->hist[b] = sum;
        sum += len;
    }
    uint32_t kept = g.len < SS_DIGITS ? g.len : SS_DIGITS;
    for (uint32_t i = 0; i < kept; i++)
        aux[w->hist[w->digit[i]]++] = p[i];
    for (uint32_t i = kept; i < g.len; i++) {
        __builtin_prefetch(td + p[i + SS_AHEAD < g.len ? i + SS_AHEAD : i]);
        aux[w->hist[FN(digit)(td + p[i], pair)]++] = p[i];
    }
    memcpy(p, q, g.len * sizeof *p);
    FN(run_bins)(t, n, lms, w, w->hist, 0, bins, g.at, pair ? SYM_K : bins, g.depth + 1 + pair);
}

/* Induces the L suffixes from the document ends and the LMS suffixes. On entry an LMS suffix stands
 * at the end of its bucket. An entry with SS_FLAG has an S suffix before it. On exit, an L suffix
 * without it is to be used by induce_s. */
static void FN(induce_l)(const struct sufsort *s, const SYM *t, const uint32_t *start,
                         const uint32_t *types, const uint32_t *nlms)
{
    uint32_t *sa = s->sa, ring[SS_RING], head[SYM_K], rd = 0, wr = 0;

    memcpy(head, start, sizeof head);
#define INDUCE(p)                                                   \
    do {                                                            \
        uint32_t q_ = (p)-1, c0_ = t[q_], c1_ = q_ ? t[q_ - 1] : 0; \
        uint32_t h_ = head[c0_]++;                                  \
        sa[h_] = q_ | (c1_ < c0_ ? SS_FLAG : 0);                    \
        __builtin_prefetch(sa + h_ + 24, 1);                        \
    } while (0)
    for (int64_t i = 0; i < s->ends; i++) {
        uint32_t p = sa[i], ahead = sa[i + SS_AHEAD < s->ends ? i + SS_AHEAD : i];
        __builtin_prefetch(t + ahead - (ahead > 0));
        if (p > 0 && t[p - 1] != 0)
            INDUCE(p);
    }
    for (uint32_t c = 1; c < SYM_K; c++) {
        uint32_t i = start[c], stop = i + types[2 * c];
        while (i < stop) {
            uint32_t lim = head[c] - i > SS_STEP ? i + SS_STEP : head[c], was = wr, keep = SS_LAG;
            if (lim == i)
                keep = 0;
            for (; i < lim; i++) {
                ring[wr] = sa[i];
                wr += !(sa[i] >> 31);
                sa[i] ^= SS_FLAG;
            }
            for (; was < wr; was++)
                __builtin_prefetch(t + ring[was] - 1);
            for (; wr - rd > keep; rd++)
                INDUCE(ring[rd]);
            if (wr > SS_RING - SS_STEP) {
                memmove(ring, ring + rd, (wr - rd) * sizeof *ring);
                wr -= rd;
                rd = 0;
            }
        }
        stop = start[c] + types[2 * c] + types[2 * c + 1];
        i = stop - nlms[c];
        while (i < stop) {
            uint32_t lim = stop - i > SS_STEP ? i + SS_STEP : stop, was = wr;
            for (; i < lim; i++)
                ring[wr++] = sa[i];
            for (; was < wr; was++)
                __builtin_prefetch(t + ring[was] - 1);
            for (; wr - rd > SS_LAG; rd++)
                INDUCE(ring[rd]);
            if (wr > SS_RING - SS_STEP) {
                memmove(ring, ring + rd, (wr - rd) * sizeof *ring);
                wr -= rd;
                rd = 0;
            }
        }
    }
#undef INDUCE
}

/* Induces the S suffixes from the L suffixes and clears every flag. */
static void FN(induce_s)(const struct sufsort *s, const SYM *t, const uint32_t *start,
                         const uint32_t *types)
{
    uint32_t *sa = s->sa, ring[SS_RING], tail[SYM_K], rd = 0, wr = 0;

    for (uint32_t c = 0; c < SYM_K; c++)
        tail[c] = start[c] + types[2 * c] + types[2 * c + 1];
#define INDUCE(p)                                                    \
    do {                                                             \
        uint32_t p_ = (p), q_ = p_ - (p_ > 0), c0_ = p_ ? t[q_] : 0; \
        if (c0_ > 0) {                                               \
            uint32_t c1_ = q_ ? t[q_ - 1] : 0, h_ = --tail[c0_];     \
            sa[h_] = q_ | (c1_ > c0_ ? SS_FLAG : 0);                 \
            __builtin_prefetch(sa + h_ - 24, 1);                     \
        }                                                            \
    } while (0)
    for (uint32_t c = SYM_K - 1; c >= 1; c--) {
        uint32_t s_part = start[c] + types[2 * c], i = s_part + types[2 * c + 1];
        while (i > start[c]) {
            uint32_t lo = i > s_part ? tail[c] : start[c], keep = SS_LAG, was = wr;
            if (lo == i)
                keep = 0;
            else if (i - lo > SS_STEP)
                lo = i - SS_STEP;
            while (i > lo) {
                uint32_t p = sa[--i];
                ring[wr] = p;
                wr += !(p >> 31);
                sa[i] = p & ~SS_FLAG;
            }
            for (; was < wr; was++)
                __builtin_prefetch(t + ring[was] - (ring[was] > 0));
            for (; wr - rd > keep; rd++)
                INDUCE(ring[rd]);
            if (wr > SS_RING - SS_STEP) {
                memmove(ring, ring + rd, (wr - rd) * sizeof *ring);
                wr -= rd;
                rd = 0;
            }
        }
    }
#undef INDUCE
}

/* Sorts the sample by keys: groups that agree on a whole LMS substring and SS_DEEP symbols stay
 * together, in text order, the first flagged. */
static void FN(sort_sample)(struct sufsort *s, const SYM *t, struct scratch *w)
{
    uint32_t *lms = s->sa, *aux = s->sa + s->m;

    memmove(lms, s->sa + s->n - s->m, (size_t)s->m * sizeof *lms);
    if (s->m > 0)
        w->todo[w->ntodo++] = (struct todo){0, (uint32_t)s->m, 0};
    while (w->ntodo > 0)
        FN(split)(t, s->n, lms, aux, w, w->todo[--w->ntodo]);
}

static int FN(sufsort)(struct sufsort *s, const SYM *t, struct scratch *w, struct err *e)
{
    uint32_t types[2 * SYM_K] = {0}, start[SYM_K], nlms[SYM_K] = {0}, *sa = s->sa, sum = 0;

    s->m = FN(collect)(t, s->n, 0, s->n, sa + s->n, types);
    s->ends = types[0] + types[1];
    for (uint32_t c = 0; c < SYM_K; c++) {
        start[c] = sum;
        sum += types[2 * c] + types[2 * c + 1];
    }
    for (int64_t i = s->n - s->m; i < s->n; i++)
        nlms[t[sa[i]]]++;
    FN(sort_sample)(s, t, w);
    if (name_sample(s, w)) {
        if (rank_sample(s, w, e) < 0)
            return e->code;
        uint32_t dummy[2 * SYM_K] = {0};
        uint32_t *end = sa + 2 * s->m + 1; /* collect writes one place below its last */
        const uint32_t *place = end - FN(collect)(t, s->n, 0, s->n, end, dummy);
        for (int64_t i = 0; i < s->m; i++)
            if (sa[i] & SS_FLAG)
                sa[i] = place[sa[i] & (SS_LAST - 1)];
    }
    uint32_t from = (uint32_t)s->m;
    for (uint32_t c = SYM_K - 1; c >= 1; c--) {
        from -= nlms[c];
        memmove(sa + start[c] + types[2 * c] + types[2 * c + 1] - nlms[c], sa + from,
                nlms[c] * sizeof *sa);
    }
    for (int64_t i = 0, k = 0; k < s->ends; i++) {
        sa[k] = (uint32_t)i;
        k += t[i] == 0;
    }
    FN(induce_l)(s, t, start, types, nlms);
    FN(induce_s)(s, t, start, types);
    return 0;
}
