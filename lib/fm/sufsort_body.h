/* sufsort_body.h - the half of the suffix sorter that reads the text, for one symbol type.
 *
 * sufsort.c includes this once per type, with
 *   SYM        the symbol's C type
 *   SYM_K      the number of symbols (0 .. SYM_K - 1)
 *   SYM_KEY    how many symbols a key holds; FN(key) loads them
 *   SYM_LAST   the bits of a key that hold its last symbol
 *   FN(x)      the name of x for this type
 */

/* ---- the sample: LMS positions by their first symbols ---- */

static bool FN(is_s)(const SYM *t, int64_t n, int64_t i)
{
    while (i + 1 < n && t[i] == t[i + 1])
        i++;
    return i + 1 == n || t[i] < t[i + 1];
}

/* Writes the LMS positions in (w->from, w->to], ascending, to the places before end, and counts
 * them in w->nlms and the symbols of [from, to) by type (L, S) in w->types. Stops where the list
 * reaches `stop`; else one more place, below the last used, is overwritten. */
static void FN(collect)(const SYM *t, int64_t n, struct scratch *w, uint32_t *end,
                        const uint32_t *stop)
{
    int64_t b = w->to;
    uint32_t *dst = end;

    memset(w->types, 0, 2 * SYM_K * sizeof *w->types);
    if (b == n) /* the last symbol is a document end: type S, and no LMS position follows */
        w->types[1] = b-- > w->from;
    unsigned c1 = t[b], s1 = FN(is_s)(t, n, b);
    for (int64_t i = b - 1; i >= w->from && dst != stop; i--) {
        unsigned c0 = t[i], s0 = (c0 < c1) | ((c0 == c1) & s1);
        w->types[2 * c0 + s0]++;
        dst[-1] = (uint32_t)(i + 1);
        dst -= s1 & ~s0;
        c1 = c0;
        s1 = s0;
    }
    w->nlms = end - dst;
}

static inline uint32_t FN(digit)(const SYM *p, bool pair)
{
    return !pair ? p[0] : p[0] ? p[0] * SYM_K + p[1] : 0;
}

/* Where thread t's part of the LMS list ends while the sample is being scattered: above the upper
 * half of sa, with the spare place that collect wants. */
static inline uint32_t *FN(list_end)(const struct sufsort *s, int t)
{
    return s->sa + (s->n + 1) / 2 + (s->w[t].to + 1) / 2 + 2 * (t + 1);
}

/* Scatters the sample into sa[0..m) by its first symbol, or two when it is large, in text order
 * within a bin. Leaves the bins' ends in `ends`. Returns the number of bins. */
static uint32_t FN(scatter)(struct sufsort *s, const SYM *t, uint32_t *ends)
{
    bool pair = s->m >= SS_PAIRS;
    uint32_t bins = pair ? SYM_K * SYM_K : SYM_K, sum = 0;

#pragma omp parallel for num_threads(s->threads) schedule(static, 1)
    for (int k = 0; k < s->threads; k++) {
        const uint32_t *end = FN(list_end)(s, k);
        uint32_t *hist = s->w[k].hist;
        memset(hist, 0, bins * sizeof *hist);
        for (const uint32_t *p = end - s->w[k].nlms; p < end; p++)
            hist[FN(digit)(t + *p, pair)]++;
    }
    for (uint32_t b = 0; b < bins; b++) {
        for (int k = 0; k < s->threads; k++) {
            uint32_t len = s->w[k].hist[b];
            s->w[k].hist[b] = sum;
            sum += len;
        }
    }
#pragma omp parallel for num_threads(s->threads) schedule(static, 1)
    for (int k = 0; k < s->threads; k++) {
        const uint32_t *end = FN(list_end)(s, k);
        uint32_t *hist = s->w[k].hist;
        for (const uint32_t *p = end - s->w[k].nlms; p < end; p++)
            s->sa[hist[FN(digit)(t + *p, pair)]++] = *p;
    }
    memcpy(ends, s->w[s->threads - 1].hist, bins * sizeof *ends);
    return bins;
}

/* ---- refining groups by more symbols ---- */

/* Do the `depth` symbols at p, none of them 0, settle where the next LMS position is? */
static bool FN(decided)(const SYM *t, int64_t p, int64_t depth)
{
    int64_t i = p, end = p + depth - 1;

    while (i < end && t[i] <= t[i + 1])
        i++;
    while (i < end && t[i] >= t[i + 1])
        i++;
    return i < end;
}

/* Loads keys for all members of the active groups; returns how many there are. */
static uint32_t FN(load)(const SYM *t, int64_t n, const uint32_t *lms, struct scratch *w,
                         int64_t depth)
{
    const struct span *act = w->act[0];
    uint32_t base = act[0].at, stop = act[w->nact - 1].at + act[w->nact - 1].len, e = 0;

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

/* Looks at the sets of equal keys of a round, which have agreed on `depth` symbols: at the
 * document's end the order in the text is final; what is deep enough is a name; the rest goes on.
 */
static void FN(judge)(const SYM *t, uint32_t *out, uint32_t base, struct scratch *w, uint32_t runs,
                      int64_t depth)
{
    struct span *next = w->act[1];
    uint32_t nnext = 0;

    for (uint32_t r = 0; r < runs; r += 2) {
        uint32_t e = w->run[r], len = w->run[r + 1] + 1 - e, at = w->place[e];
        if ((w->key[e] & SYM_LAST) == 0)
            for (uint32_t i = at; i < at + len; i++)
                out[i] |= SS_FLAG;
        else if (depth >= SS_DEEP && FN(decided)(t, out[at], depth))
            out[at] |= SS_FLAG;
        else
            next[nnext++] = (struct span){base + at, len};
    }
    w->act[1] = w->act[0];
    w->act[0] = next;
    w->nact = nnext;
}

/* Sorts the active groups, all within one slice and equal in `depth` symbols, round by round. Keys
 * are distinct, as they end with the place in the slice, which also keeps the text order. */
static void FN(refine)(const SYM *t, int64_t n, uint32_t *lms, struct scratch *w, int64_t depth)
{
    while (w->nact > 0) {
        uint32_t base = w->act[0][0].at, *out = lms + base, from = 0, runs = 0, same = 0;
        uint32_t members = FN(load)(t, n, lms, w, depth);

        for (uint32_t g = 0; g < w->nact; g++) {
            sort_keys(w->key + from, w->tmp, w->act[0][g].len);
            from += w->act[0][g].len;
            w->last[from - 1] = 1;
        }
        for (uint32_t e = 0; e < members; e++) {
            uint32_t was = same;
            same = ((w->key[e] ^ w->key[e + 1]) >> SS_KEY_LOW == 0) & (w->last[e] ^ 1u);
            w->last[e] = 0;
            out[w->place[e]] = w->old[w->key[e] & (SS_SLICE - 1)] | (was | same ? 0 : SS_FLAG);
            w->run[runs] = e;
            runs += was ^ same;
        }
        depth += SYM_KEY;
        FN(judge)(t, out, base, w, runs, depth);
    }
}

/* The bins [b0, b1) of a split. Bin b is lms[ends[b - 1]..ends[b]), the first begins at `at`; its
 * members agree on `depth` symbols; bins that are a multiple of `period` have met the document's
 * end. Neighbouring bins are refined together while they fit a slice. */
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
        if (len == 1 || b % period == 0)
            for (uint32_t i = at; i < at + len; i++)
                lms[i] |= SS_FLAG;
        else if (len <= SS_SLICE)
            w->act[0][w->nact++] = (struct span){at, len};
        else if (depth >= SS_DEEP && FN(decided)(t, lms[at], depth))
            lms[at] |= SS_FLAG;
        else
            w->todo[w->ntodo++] = (struct todo){at, len, (uint32_t)depth};
        at += len;
        if (at - base > SS_SLICE)
            base = at;
    }
    FN(refine)(t, n, lms, w, depth);
}

/* Splits a group larger than a slice by its next one or two symbols. */
static void FN(split)(const SYM *t, int64_t n, uint32_t *lms, uint32_t *aux, struct scratch *w,
                      struct todo g)
{
    bool pair = g.len >= SS_PAIRS;
    uint32_t bins = pair ? SYM_K * SYM_K : SYM_K, sum = g.at, *p = lms + g.at;
    uint32_t kept = g.len < SS_DIGITS ? g.len : SS_DIGITS;
    const SYM *td = t + g.depth;

    memset(w->hist, 0, bins * sizeof *w->hist);
    for (uint32_t i = 0; i < g.len; i++) {
        __builtin_prefetch(td + p[i + SS_AHEAD < g.len ? i + SS_AHEAD : i]);
        uint32_t d = FN(digit)(td + p[i], pair);
        w->digit[i < SS_DIGITS ? i : SS_DIGITS] = d;
        w->hist[d]++;
    }
    for (uint32_t b = 0; b < bins; b++) {
        uint32_t len = w->hist[b];
        w->hist[b] = sum;
        sum += len;
    }
    for (uint32_t i = 0; i < kept; i++)
        aux[w->hist[w->digit[i]]++] = p[i];
    for (uint32_t i = kept; i < g.len; i++) {
        __builtin_prefetch(td + p[i + SS_AHEAD < g.len ? i + SS_AHEAD : i]);
        aux[w->hist[FN(digit)(td + p[i], pair)]++] = p[i];
    }
    memcpy(p, aux + g.at, g.len * sizeof *p);
    FN(run_bins)(t, n, lms, w, w->hist, 0, bins, g.at, pair ? SYM_K : bins, g.depth + 1 + pair);
}

/* Sorts the scattered sample: on return groups that agree on SS_DEEP symbols and on all up to the
 * next LMS position stay together, in text order, their first flagged; jobs has room for bins + 1.
 */
static void FN(sort_sample)(struct sufsort *s, const SYM *t, uint32_t bins, const uint32_t *ends,
                            uint32_t *jobs)
{
    uint32_t *lms = s->sa, *aux = lms + s->m, njobs = 0, from = 0;
    uint32_t period = bins == SYM_K ? bins : SYM_K;

    for (uint32_t b = 0; b < bins; b++) {
        uint32_t at = b ? ends[b - 1] : 0;
        if (b == 0 || at - from >= SS_JOB || ends[b] - at >= SS_JOB) {
            jobs[njobs++] = b;
            from = at;
        }
    }
    jobs[njobs] = bins;
#pragma omp parallel for num_threads(s->threads) schedule(dynamic, 1)
    for (uint32_t j = 0; j < njobs; j++) {
        struct scratch *w = s->w + omp_get_thread_num();
        uint32_t b = jobs[j];
        FN(run_bins)
        (t, s->n, lms, w, ends, b, jobs[j + 1], b ? ends[b - 1] : 0, period, bins == SYM_K ? 1 : 2);
        while (w->ntodo > 0)
            FN(split)(t, s->n, lms, aux, w, w->todo[--w->ntodo]);
    }
}

/* ---- the final induction ---- */

/* One pass of it: L suffixes from left to right (dir 1) or S suffixes from right to left (-1).
 * at[c] is where the next suffix of bucket c goes. */
struct FN(pass) {
    const struct sufsort *s;
    const SYM *t;
    uint32_t at[SYM_K];
    struct ring ring;
};

/* The suffix before p: its symbol, and itself with SS_FLAG if this pass is not to go on from it. A
 * document's first suffix has symbol 0 before it. */
static inline uint32_t FN(before)(const SYM *t, uint32_t p, int dir, uint32_t *c)
{
    uint32_t q = p - (p > 0), c0 = p ? t[q] : 0, c1 = q ? t[q - 1] : 0;

    *c = c0;
    return q | ((dir > 0 ? c1 < c0 : c1 > c0) ? SS_FLAG : 0);
}

/* What the entry becomes once the pass has read it: the L pass leaves unflagged what the S pass is
 * to use; the S pass leaves the final value. */
static inline uint32_t FN(after)(uint32_t p, int dir)
{
    return dir > 0 ? p ^ SS_FLAG : p & ~SS_FLAG;
}

/* Induces from the pending suffixes until at most `keep` are left. */
static inline void FN(drain)(struct FN(pass) * x, uint32_t keep, int dir)
{
    struct ring *r = &x->ring;
    uint32_t *sa = x->s->sa;

    for (; r->wr - r->rd > keep; r->rd++) {
        uint32_t c, q = FN(before)(x->t, r->at[r->rd], dir, &c);
        if (c == 0)
            continue;
        uint32_t h = x->at[c];
        x->at[c] += (uint32_t)dir;
        sa[h] = q;
        __builtin_prefetch(sa + (int64_t)h + 24 * dir, 1);
    }
    ring_trim(r);
}

/* First half of a parallel step: what n entries from i on induce, into a chunk's buffers. */
static inline void FN(gather)(struct FN(pass) * x, struct chunk *w, uint32_t i, uint32_t n, int dir)
{
    uint32_t *sa = x->s->sa, *val = w->val, in = 0, done = 0, out = 0;

    memset(w->count, 0, SYM_K * sizeof *w->count);
    while (n > 0 || done < in) {
        uint32_t step = n < SS_STEP ? n : SS_STEP, was = in, keep = n > step ? SS_LAG : 0;
        n -= step;
        for (; step > 0; step--, i += (uint32_t)dir) {
            val[in] = sa[i];
            in += !(sa[i] >> 31);
            sa[i] = FN(after)(sa[i], dir);
        }
        for (; was < in; was++)
            __builtin_prefetch(x->t + val[was] - (val[was] > 0));
        for (; in - done > keep; done++) {
            uint32_t c, q = FN(before)(x->t, val[done], dir, &c);
            val[out] = q;
            w->sym[out] = (uint16_t)c;
            w->count[c]++;
            out += c > 0;
        }
    }
    w->nval = out;
}

/* Second half: the chunk's suffixes into the buckets, from w->count on. */
static inline void FN(put)(struct FN(pass) * x, struct chunk *w, int dir)
{
    uint32_t *sa = x->s->sa, *at = w->count;

    for (uint32_t i = 0; i < w->nval; i++) {
        uint32_t h = at[w->sym[i]];
        at[w->sym[i]] += (uint32_t)dir;
        sa[h] = w->val[i];
        __builtin_prefetch(sa + (int64_t)h + 24 * dir, 1);
    }
}

/* The n entries from i on, all of them there already, by all threads. Where a chunk's suffixes go
 * depends on the chunks before it only, not on who did them. */
static inline void FN(block)(struct FN(pass) * x, uint32_t i, uint32_t n, int dir)
{
    const struct sufsort *s = x->s;
    uint32_t chunks = (n + SS_CHUNK - 1) / SS_CHUNK;

#pragma omp parallel num_threads(s->threads)
    {
#pragma omp for schedule(dynamic, 1)
        for (uint32_t k = 0; k < chunks; k++) {
            uint32_t from = k * SS_CHUNK, len = n - from < SS_CHUNK ? n - from : SS_CHUNK;
            FN(gather)(x, s->chunk + k, i + (uint32_t)dir * from, len, dir);
        }
#pragma omp single
        for (uint32_t k = 0; k < chunks; k++) {
            for (uint32_t c = 1; c < SYM_K; c++) {
                uint32_t len = s->chunk[k].count[c];
                s->chunk[k].count[c] = x->at[c];
                x->at[c] += (uint32_t)dir * len;
            }
        }
#pragma omp for schedule(dynamic, 1)
        for (uint32_t k = 0; k < chunks; k++)
            FN(put)(x, s->chunk + k, dir);
    }
}

/* Reads n entries of bucket c from i on and induces from them. If `grows`, entries are there only
 * up to at[c], and come as the pass goes on. */
static inline void FN(scan)(struct FN(pass) * x, uint32_t c, uint32_t i, uint32_t n, bool grows,
                            int dir)
{
    uint32_t *sa = x->s->sa;
    struct ring *r = &x->ring;

    while (n > 0) {
        uint32_t there = grows ? (x->at[c] - i) * (uint32_t)dir : n, was = r->wr;
        if (x->s->nchunks > 0 && there >= SS_BLOCK_MIN) {
            uint32_t max = x->s->nchunks * SS_CHUNK;
            FN(drain)(x, 0, dir);
            there = there < max ? there : max;
            FN(block)(x, i, there, dir);
            i += (uint32_t)dir * there;
            n -= there;
            continue;
        }
        if (there == 0) {
            FN(drain)(x, 0, dir);
            continue;
        }
        uint32_t step = there < SS_STEP ? there : SS_STEP;
        n -= step;
        for (; step > 0; step--, i += (uint32_t)dir) {
            r->at[r->wr] = sa[i];
            r->wr += !(sa[i] >> 31);
            sa[i] = FN(after)(sa[i], dir);
        }
        for (; was < r->wr; was++)
            __builtin_prefetch(x->t + r->at[was] - (r->at[was] > 0));
        FN(drain)(x, SS_LAG, dir);
    }
}

/* On entry the document ends fill bucket 0 and the sorted LMS suffixes stand at the end of the
 * other buckets. The L pass reads a bucket's L suffixes, then its LMS suffixes; the S pass its S
 * suffixes, then its L suffixes. */
static void FN(induce)(const struct sufsort *s, const SYM *t, const uint32_t *start,
                       const uint32_t *nl, const uint32_t *nlms)
{
    struct FN(pass) x = {.s = s, .t = t};

    memcpy(x.at, start, SYM_K * sizeof *start);
    for (uint32_t i = 0; i < start[1]; i++) {
        uint32_t ahead = s->sa[i + SS_AHEAD < start[1] ? i + SS_AHEAD : i];
        __builtin_prefetch(t + ahead - (ahead > 0));
        x.ring.at[x.ring.wr++] = s->sa[i];
        FN(drain)(&x, 0, 1);
    }
    for (uint32_t c = 1; c < SYM_K; c++) {
        FN(scan)(&x, c, start[c], nl[c], true, 1);
        FN(scan)(&x, c, start[c + 1] - nlms[c], nlms[c], false, 1);
    }
    FN(drain)(&x, 0, 1);
    for (uint32_t c = 0; c < SYM_K; c++)
        x.at[c] = start[c + 1] - 1;
    for (uint32_t c = SYM_K - 1; c > 0; c--) {
        uint32_t ns = start[c + 1] - start[c] - nl[c];
        FN(scan)(&x, c, start[c + 1] - 1, ns, true, -1);
        FN(scan)(&x, c, start[c] + nl[c] - 1, nl[c], false, -1);
    }
}

/* ---- all of it ---- */

static void FN(collect_all)(struct sufsort *s, const SYM *t)
{
    s->m = 0;
#pragma omp parallel for num_threads(s->threads) schedule(static, 1)
    for (int k = 0; k < s->threads; k++) {
        s->w[k].from = cut(s->n, k, s->threads);
        s->w[k].to = cut(s->n, k + 1, s->threads);
        FN(collect)(t, s->n, s->w + k, FN(list_end)(s, k), NULL);
    }
    for (int k = 0; k < s->threads; k++) {
        s->w[k].first = s->m;
        s->m += s->w[k].nlms;
    }
}

/* Turns the ordinals in the sorted sample into positions: the list is made once more. */
static void FN(ordinals_to_positions)(struct sufsort *s, const SYM *t)
{
    uint32_t *list = s->sa + s->m, *lms = s->sa;

#pragma omp parallel for num_threads(s->threads) schedule(static, 1)
    for (int k = 0; k < s->threads; k++) {
        uint32_t *from = list + s->w[k].first;
        FN(collect)(t, s->n, s->w + k, from + s->w[k].nlms, from);
    }
#pragma omp parallel for num_threads(s->threads) schedule(static, 1)
    for (int k = 0; k < s->threads; k++) {
        int64_t to = cut(s->m, k + 1, s->threads);
        for (int64_t i = cut(s->m, k, s->threads); i < to; i++) {
            uint32_t ahead = lms[i + SS_AHEAD < to ? i + SS_AHEAD : i];
            if (ahead & SS_FLAG)
                __builtin_prefetch(list + (ahead & SS_ORD));
            if (lms[i] & SS_FLAG)
                lms[i] = list[lms[i] & SS_ORD];
        }
    }
}

/* Moves the sorted LMS suffixes to the ends of their buckets and fills bucket 0. */
static void FN(place_sample)(struct sufsort *s, const SYM *t, const uint32_t *start,
                             const uint32_t *nlms)
{
    uint32_t *sa = s->sa, from = (uint32_t)s->m;

    for (uint32_t c = SYM_K - 1; c > 0; c--) {
        from -= nlms[c];
        memmove(sa + start[c + 1] - nlms[c], sa + from, nlms[c] * sizeof *sa);
    }
    for (uint32_t i = 0, k = 0; k < start[1]; i++) {
        sa[k] = i;
        k += t[i] == 0;
    }
}

static void FN(sufsort)(struct sufsort *s, const SYM *t, uint32_t *ends, uint32_t *jobs)
{
    uint32_t start[SYM_K + 1] = {0}, nl[SYM_K] = {0}, nlms[SYM_K] = {0}, bins;

    FN(collect_all)(s, t);
    bins = FN(scatter)(s, t, ends);
    for (uint32_t c = 0; c < SYM_K; c++) {
        start[c + 1] = start[c];
        for (int k = 0; k < s->threads; k++) {
            nl[c] += s->w[k].types[2 * c];
            start[c + 1] += s->w[k].types[2 * c] + s->w[k].types[2 * c + 1];
        }
        uint32_t per = bins / SYM_K, b = c * per;
        nlms[c] = ends[b + per - 1] - (b ? ends[b - 1] : 0);
    }
    FN(sort_sample)(s, t, bins, ends, jobs);
    if (name_groups(s)) {
        rank_sample(s);
        FN(ordinals_to_positions)(s, t);
    }
    FN(place_sample)(s, t, start, nlms);
    FN(induce)(s, t, start, nl, nlms);
}
