/* probe.h - "how far back from here does the corpus have this text", asked by many clients in lock
 * step. What matching and contamination are made of. Inside this domain only.
 *
 * A probe is a stretch [from, to) of a text. Its answer is `at`, the smallest start >= from such
 * that [at, to) occurs in the corpus (in one shard at least); at == to when not even the last byte
 * does. So at == from says that all of it occurs, and otherwise that every stretch over [at - 1,
 * to) is absent: the fact that lets a client skip.
 */
#ifndef FM_PROBE_H
#define FM_PROBE_H

#include "fm/set.h"

struct probe_hits {
    uint64_t count; /* occurrences, in all shards */
    size_t shard;   /* the first that has one */
    uint64_t row;   /* its first row there */
};

struct probe {
    const char *text;
    uint64_t from, to;      /* from < to */
    uint64_t at;            /* the answer */
    struct probe_hits hits; /* of [at, to), unless at == to */
};

/* Asked once to begin (first, with *p empty) and once for each answer: sets the next stretch and
 * returns true, or returns false when the client has all it wants. */
typedef bool probe_next_fn(void *client, struct probe *p, bool first);

/* Runs `n` clients of `size` bytes each, an array, to their ends. */
int probe_run(const struct fm *fm, void *clients, size_t n, size_t size, probe_next_fn *next,
              int threads, struct err *e);

/* How far does the text occur from a given start? The end is looked for by doubling steps and then
 * by halving: each present probe costs its length, an absent one only the way back to the gap.
 *
 *     extend_begin(&x, start, end, limit, step);
 *     while (extend_ask(&x, p)) ... extend_answer(&x, p);
 *
 * [start, end) occurs, or end == start; end < limit. `step` is the first to be tried.
 */
struct extend {
    uint64_t start;
    uint64_t present; /* [start, present) occurs */
    uint64_t absent;  /* [start, absent) does not; limit + 1: not known to end before the limit */
    uint64_t step;
};

void extend_begin(struct extend *x, uint64_t start, uint64_t present, uint64_t limit,
                  uint64_t step);
bool extend_ask(struct extend *x, struct probe *p); /* false: x->present is the answer */
void extend_answer(struct extend *x, const struct probe *p);

/* match.c: the longest match of each text, as fm_longest() finds it; if it is shorter than
 * known[i].min_len it does not count. No match that counts begins before known[i].from.
 * known[i].len is the length of some match of text[i], 0 if none is known: the nearer to the
 * longest, the less is to do. When it is all of the text, known[i].hits must be that match's. */
struct known_match {
    uint64_t min_len;
    uint64_t from;
    uint64_t len;
    struct probe_hits hits;
};

int match_longest(const struct fm *fm, const struct fm_text *text, const struct known_match *known,
                  size_t n, struct fm_match *out, int threads, struct err *e);

#endif
