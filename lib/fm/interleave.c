/* interleave.c - see interleave.h. */
#include "fm/interleave.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum {
    STRETCH = 1 << 15, /* bytes of a long document walked at once */
    WARM_UP = 256,     /* bytes that a stretch's range is narrowed by */
    REPORT_EVERY = 1 << 16,
    WORTH_THREADS = 1 << 16, /* bytes of B */
};

/* Text positions [stop, from] of B, walked from right to left; row and rank are those of `from`. */
struct stretch {
    uint64_t from, stop, row, rank;
    enum { TO_FIND, FOUND, NOT_FOUND } state; /* of the rank */
};

struct job {
    const struct shard *a, *b;
    struct interleave *il;
    struct stretch *stretch; /* of long documents */
    size_t stretches, cap;
    uint64_t *sample_row; /* by sample of B */
    uint64_t first_sample;
    int threads;
    progress_fn *progress;
    void *ctx;
    atomic_uint_fast64_t next, done;
    atomic_bool damaged, has_reporter;
};

static bool is_long(const struct shard *b, uint64_t doc)
{
    return shard_doc_len(b, doc) >= 2 * STRETCH;
}

static struct stretch whole_document(const struct job *j, uint64_t doc)
{
    return (struct stretch){
        .from = shard_doc_start(j->b, doc + 1) - 1, /* its end, which sorts behind all ends of A */
        .stop = shard_doc_start(j->b, doc),
        .row = doc,
        .rank = j->a->head.docs,
        .state = FOUND,
    };
}

/* ---- long documents: cut, and each stretch's beginning found ---- */

static int cut_document(struct job *j, uint64_t doc, struct err *e)
{
    struct stretch all = whole_document(j, doc);
    uint64_t at = all.stop;

    for (; all.from - at >= 2 * STRETCH; at += STRETCH) {
        if (mem_reserve(&j->stretch, &j->cap, j->stretches + 1, sizeof *j->stretch, e) < 0)
            return e->code;
        j->stretch[j->stretches++] = (struct stretch){.from = at + STRETCH - 1, .stop = at};
    }
    if (mem_reserve(&j->stretch, &j->cap, j->stretches + 1, sizeof *j->stretch, e) < 0)
        return e->code;
    all.stop = at;
    j->stretch[j->stretches++] = all;
    return 0;
}

static int cut_documents(struct job *j, struct err *e)
{
    for (uint64_t d = 0; d < j->b->head.docs; d++)
        if (is_long(j->b, d) && cut_document(j, d, e) < 0)
            return e->code;
    return 0;
}

/* Up to RANK_BATCH stretches on their way from a sample of B down to where they begin. */
struct warm_up {
    struct stretch *s[RANK_BATCH];
    uint64_t row[RANK_BATCH], pos[RANK_BATCH], rank[2 * RANK_BATCH];
    uint8_t byte[2 * RANK_BATCH];
    bool end[RANK_BATCH];
    size_t k;
};

static void drop_warm(struct warm_up *w, size_t i)
{
    w->k--;
    w->s[i] = w->s[w->k];
    w->row[i] = w->row[w->k];
    w->pos[i] = w->pos[w->k];
    w->rank[2 * i] = w->rank[2 * w->k];
    w->rank[2 * i + 1] = w->rank[2 * w->k + 1];
}

static void step_warm(struct job *j, struct warm_up *w)
{
    shard_lf(j->b, w->k, w->row, w->byte, w->end);
    for (size_t i = w->k; i-- > 0;) { /* two ranks a stretch: each byte twice, from the back */
        if (w->end[i])
            atomic_store(&j->damaged, true);
        w->byte[2 * i] = w->byte[2 * i + 1] = w->byte[i];
    }
    shard_map(j->a, 2 * w->k, w->byte, w->rank);
    for (size_t i = 0; i < w->k; i++)
        w->pos[i]--;
}

static void warm_up(struct job *j, struct stretch **s, size_t k)
{
    uint64_t rate = j->b->head.rate;
    struct warm_up w = {.k = k};

    for (size_t i = 0; i < k; i++) {
        w.s[i] = s[i];
        uint64_t sample = (s[i]->from + WARM_UP + rate - 1) / rate;
        w.pos[i] = sample * rate; /* the document goes on past it */
        w.row[i] = samples_row(&j->b->samples, sample);
        w.rank[2 * i] = 0;
        w.rank[2 * i + 1] = j->a->head.n;
    }
    while (w.k && !atomic_load(&j->damaged)) {
        step_warm(j, &w);
        for (size_t i = w.k; i-- > 0;) {
            if (w.pos[i] > w.s[i]->from)
                continue;
            w.s[i]->row = w.row[i];
            w.s[i]->rank = w.rank[2 * i];
            w.s[i]->state = w.rank[2 * i] == w.rank[2 * i + 1] ? FOUND : NOT_FOUND;
            drop_warm(&w, i);
        }
    }
}

/* Stretches whose beginning is not known become part of their right neighbour, which has one: the
 * document's last begins at its end. */
static void join_unknown(struct job *j)
{
    size_t to = j->stretches;

    for (size_t i = j->stretches; i-- > 0;) {
        struct stretch *s = &j->stretch[i];
        if (s->state == NOT_FOUND)
            j->stretch[to].stop = s->stop;
        else
            j->stretch[--to] = *s;
    }
    j->stretches -= to;
    if (j->stretches)
        memmove(j->stretch, j->stretch + to, j->stretches * sizeof *j->stretch);
}

static int find_stretches(struct job *j, struct err *e)
{
    if (cut_documents(j, e) < 0)
        return e->code;
#pragma omp parallel for num_threads(j->threads) schedule(dynamic) if (j->stretches > RANK_BATCH)
    for (size_t at = 0; at < j->stretches; at += RANK_BATCH) {
        struct stretch *todo[RANK_BATCH];
        size_t k = 0;
        for (size_t i = at; i < j->stretches && i < at + RANK_BATCH; i++)
            if (j->stretch[i].state == TO_FIND)
                todo[k++] = &j->stretch[i];
        warm_up(j, todo, k);
    }
    join_unknown(j);
    return 0;
}

/* ---- the walks ---- */

struct lanes {
    uint64_t row[RANK_BATCH], rank[RANK_BATCH], pos[RANK_BATCH], stop[RANK_BATCH];
    uint64_t sample[RANK_BATCH]; /* the last one at or before pos, numbered in the text of both */
    uint64_t to_set[RANK_BATCH]; /* rows of both, whose bits are being fetched */
    uint8_t byte[RANK_BATCH];
    bool end[RANK_BATCH];
    size_t k, sets;
    uint64_t steps; /* since the last report */
};

/* The next stretch, of a long document or a short one in whole. */
static bool next_stretch(struct job *j, struct stretch *s)
{
    for (;;) {
        uint64_t i = atomic_fetch_add_explicit(&j->next, 1, memory_order_relaxed);
        if (i < j->stretches) {
            *s = j->stretch[i];
            return true;
        }
        i -= j->stretches;
        if (i >= j->b->head.docs)
            return false;
        if (is_long(j->b, i))
            continue;
        *s = whole_document(j, i);
        return true;
    }
}

static void refill(struct job *j, struct lanes *l)
{
    struct stretch s;

    for (; l->k < j->b->layout->batch && next_stretch(j, &s); l->k++) {
        l->row[l->k] = s.row;
        l->rank[l->k] = s.rank;
        l->pos[l->k] = s.from;
        l->stop[l->k] = s.stop;
        l->sample[l->k] = (j->a->head.n + s.from) / j->b->head.rate;
    }
}

static void drop_lane(struct lanes *l, size_t i)
{
    l->k--;
    l->row[i] = l->row[l->k];
    l->rank[i] = l->rank[l->k];
    l->pos[i] = l->pos[l->k];
    l->stop[i] = l->stop[l->k];
    l->sample[i] = l->sample[l->k];
}

/* The rows that the lanes stand on: fetched now, marked a step later. */
static void visit(struct job *j, struct lanes *l)
{
    for (size_t i = 0; i < l->k; i++) {
        uint64_t row = l->row[i] + l->rank[i], pos = j->a->head.n + l->pos[i];
        l->to_set[i] = row;
        __builtin_prefetch(&j->il->of_b[row >> 6], 1);
        if (pos == l->sample[i] * j->b->head.rate)
            j->sample_row[l->sample[i]-- - j->first_sample] = row;
    }
    l->sets = l->k;
}

static void set_bits(struct job *j, struct lanes *l)
{
    for (size_t i = 0; i < l->sets; i++) {
        uint64_t *word = &j->il->of_b[l->to_set[i] >> 6], bit = UINT64_C(1) << (l->to_set[i] & 63);
        if (j->threads > 1)
            __atomic_fetch_or(word, bit, __ATOMIC_RELAXED);
        else
            *word |= bit;
    }
    l->sets = 0;
}

static void step(struct job *j, struct lanes *l)
{
    shard_lf(j->b, l->k, l->row, l->byte, l->end);
    for (size_t i = 0; i < l->k; i++)
        if (l->end[i]) /* before a document's beginning, which is never left */
            atomic_store(&j->damaged, true);
    shard_map(j->a, l->k, l->byte, l->rank);
    for (size_t i = 0; i < l->k; i++)
        l->pos[i]--;
}

static void report(struct job *j, struct lanes *l, bool reporter)
{
    uint64_t done = atomic_fetch_add(&j->done, l->steps) + l->steps;

    l->steps = 0;
    if (reporter && j->progress)
        j->progress(j->ctx, "merging", done, j->b->head.n);
}

static void walk(struct job *j, bool reporter)
{
    struct lanes l = {.k = 0};

    for (refill(j, &l); l.k && !atomic_load_explicit(&j->damaged, memory_order_relaxed);
         refill(j, &l)) {
        visit(j, &l);
        for (size_t i = l.k; i-- > 0;)
            if (l.pos[i] == l.stop[i])
                drop_lane(&l, i);
        l.steps += l.sets;
        step(j, &l);
        set_bits(j, &l);
        if (l.steps >= REPORT_EVERY)
            report(j, &l, reporter);
    }
}

static int walk_all(struct job *j, struct err *e)
{
#pragma omp parallel num_threads(j->threads)
    walk(j, !atomic_exchange(&j->has_reporter, true));
    if (atomic_load(&j->damaged))
        return sect_bad(j->b->file, "BLKS", "its walks do not end where documents begin", e);
    return 0;
}

/* ---- what was found, by superblock ---- */

static uint64_t *words_of(const struct spool *s)
{
    return (uint64_t *)(void *)s->p;
}

static int count_rows(struct job *j, struct err *e)
{
    struct interleave *il = j->il;
    uint64_t supers = rank_supers(il->n), words = RANK_SUPER / 64, total = 0;

    il->b_before = mem_array(supers + 1, sizeof *il->b_before, e);
    if (!il->b_before)
        return e->code;
    for (uint64_t s = 0; s < supers; s++) {
        il->b_before[s] = total;
        for (uint64_t w = s * words; w < (s + 1) * words && w < il->words; w++)
            total += (unsigned)__builtin_popcountll(il->of_b[w]);
    }
    il->b_before[supers] = total;
    if (total != j->b->head.n)
        return sect_bad(j->b->file, "BLKS", "two of its rows fall together", e);
    return 0;
}

/* B's samples sorted by superblock; within one they stand in any order. */
static int place_samples(struct job *j, uint64_t samples, struct err *e)
{
    struct interleave *il = j->il;
    uint64_t supers = rank_supers(il->n), *at;

    il->sample_before = mem_zero(supers + 2, sizeof *il->sample_before, e);
    if (!il->sample_before || spool_zero(&il->samples, samples, sizeof *il->sample, e) < 0)
        return e->code;
    il->sample = words_of(&il->samples);
    at = il->sample_before + 1; /* while samples are placed: where the next one goes */
    for (uint64_t i = 0; i < samples; i++)
        at[(j->sample_row[i] >> RANK_SUPER_LOG) + 1]++;
    for (uint64_t s = 0; s < supers; s++)
        at[s + 1] += at[s];
    for (uint64_t i = 0; i < samples; i++) {
        uint64_t row = j->sample_row[i];
        il->sample[at[row >> RANK_SUPER_LOG]++] = (row & (RANK_SUPER - 1)) << 32 |
                                                  (j->first_sample + i);
    }
    return 0;
}

static int make_bits(struct interleave *il, uint64_t n, struct spool_room *room, struct err *e)
{
    const struct spool empty = {.room = room};

    *il = (struct interleave){.n = n, .words = n / 64 + 1, .bits = empty, .samples = empty};
    if (spool_zero(&il->bits, il->words, sizeof *il->of_b, e) < 0)
        return e->code;
    il->of_b = words_of(&il->bits);
    return 0;
}

int interleave_make(struct interleave *il, const struct shard *a, const struct shard *b,
                    const struct index_opts *o, struct err *e)
{
    unsigned rate = b->head.rate;
    uint64_t n = a->head.n + b->head.n, first = samples_count(a->head.n, rate);
    uint64_t samples = samples_count(n, rate) - first;
    struct spool sample_row = {.room = o->room};
    struct job j = {
        .a = a,
        .b = b,
        .il = il,
        .first_sample = first,
        .threads = b->head.n < WORTH_THREADS ? 1 : o->threads,
        .progress = o->progress,
        .ctx = o->progress_ctx,
    };
    int rc;

    rc = make_bits(il, n, o->room, e);
    if (rc == 0)
        rc = spool_zero(&sample_row, samples, sizeof *j.sample_row, e);
    j.sample_row = words_of(&sample_row);
    if (rc == 0)
        rc = find_stretches(&j, e);
    if (rc == 0)
        rc = walk_all(&j, e);
    if (rc == 0)
        rc = count_rows(&j, e);
    if (rc == 0)
        rc = place_samples(&j, samples, e);
    free(j.stretch);
    spool_free(&sample_row);
    return rc;
}

int interleave_alone(struct interleave *il, uint64_t n, struct spool_room *room, struct err *e)
{
    uint64_t supers = rank_supers(n);

    if (make_bits(il, n, room, e) < 0)
        return e->code;
    il->b_before = mem_zero(supers + 1, sizeof *il->b_before, e);
    il->sample_before = mem_zero(supers + 1, sizeof *il->sample_before, e);
    return il->b_before && il->sample_before ? 0 : ERR_MEM;
}

void interleave_free(struct interleave *il)
{
    spool_free(&il->bits);
    spool_free(&il->samples);
    free(il->b_before);
    free(il->sample_before);
    *il = (struct interleave){0};
}
