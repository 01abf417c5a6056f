/* sufsort_int.h - what the symbol-free half (sufsort.c) and the symbol half (sufsort_body.h) of the
 * suffix sorter share. Private to sufsort.c.
 */
#ifndef FM_SUFSORT_INT_H
#define FM_SUFSORT_INT_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Bit 31 of an entry of the suffix array says, by stage: the first of its group (refine); an
 * ordinal, not a position (rank); a suffix of the type that the running pass does not induce. */
#define SS_FLAG 0x80000000u
/* Bit 30, only beside ordinals and group numbers, which are below 2^30: the last of its group;
 * in the ranks: a group this sweep is done with. */
#define SS_LAST 0x40000000u
#define SS_ORD  (SS_LAST - 1)

enum {
    SS_DEEP = 20,        /* refine every group to this many symbols before it is named */
    SS_SLICE = 1 << 13,  /* suffixes refined at a time: keys and text lines stay in the L2 cache */
    SS_KEY_LOW = 16,     /* bits of a key below the symbols: the suffix's place in the slice */
    SS_PAIRS = 1 << 17,  /* a group of this size is split by two symbols at once */
    SS_DIGITS = 1 << 18, /* digits remembered between the two passes of a split */
    SS_JOB = 1 << 16,    /* suffixes per unit of parallel work */
    SS_AHEAD = 64,       /* prefetch distance in plain loops */
    SS_STEP = 32,        /* ring: this many entries in at a time, */
    SS_LAG = 96,         /* so many between prefetch and use, */
    SS_RING = 1024,      /* and its size */
    SS_SMALL = 8,        /* groups up to this size may be visited more than once in a sweep */
    SS_CHUNK = 1 << 15,  /* entries that one thread takes at a time in the parallel induction, */
    SS_CHUNKS = 256,     /* and the most and the least entries per step */
    SS_BLOCK_MIN = 1 << 16,
    SS_SERIAL = 1 << 16, /* texts up to this length use one thread */
    SS_THREADS_MAX = 256,
};

/* Indices on their way from a prefetch to their use. */
struct ring {
    uint32_t at[SS_RING];
    uint32_t rd, wr;
};

/* A group of suffixes that agree on the symbols seen so far: places [at, at + len). */
struct span {
    uint32_t at, len;
};

struct todo {
    uint32_t at, len, depth;
};

/* What belongs to one thread. */
struct scratch {
    uint32_t *hist;  /* a counter per pair of symbols */
    uint32_t *digit; /* SS_DIGITS + 1 */
    struct todo *todo;
    size_t ntodo;

    /* A slice under refinement; e-th active member: its key, its place, is it the group's last. */
    uint64_t *key, *tmp;
    uint16_t *place;
    uint8_t *last;
    uint32_t *old;       /* the slice before it is permuted */
    uint32_t *run;       /* first and last member of each set of equal keys */
    struct span *act[2]; /* groups to refine in this round, in the next */
    uint32_t nact;

    /* This thread's part (from, to] of the text, the number of LMS positions in it and before it.
     */
    int64_t from, to, nlms, first;
    uint32_t *types;
};

/* Induced suffixes of a chunk on their way to the buckets. */
struct chunk {
    uint32_t *val;
    uint16_t *sym;
    uint32_t *count; /* per symbol; then where the chunk's first goes */
    uint32_t nval;
};

struct sufsort {
    uint32_t *sa;
    int64_t n, m; /* symbols; LMS positions */
    int threads;
    struct scratch *w; /* one per thread */
    uint32_t nchunks;  /* 0 with one thread */
    struct chunk *chunk;
    uint32_t *val, *count;
    uint16_t *sym;
};

/* The t-th of the points that cut [0, n) into equal parts. */
static inline int64_t cut(int64_t n, int t, int parts)
{
    return n / parts * t + n % parts * t / parts;
}

/* Makes room for SS_STEP more. */
static inline void ring_trim(struct ring *r)
{
    if (r->wr <= SS_RING - SS_STEP)
        return;
    memmove(r->at, r->at + r->rd, (r->wr - r->rd) * sizeof *r->at);
    r->wr -= r->rd;
    r->rd = 0;
}

#endif
