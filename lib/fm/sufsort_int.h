/* sufsort_int.h - what the symbol-free half (sufsort.c) and the symbol half (sufsort_body.h) of the
 * suffix sorter share. Private to sufsort.c.
 */
#ifndef FM_SUFSORT_INT_H
#define FM_SUFSORT_INT_H

#include <stddef.h>
#include <stdint.h>

#define SS_FLAG 0x80000000u /* bit 31 of an entry: what it says depends on the stage */
#define SS_LAST 0x40000000u /* bit 30, only beside ordinals, which are below 2^30 */

enum {
    SS_SLICE =
        1 << 13,  /* suffixes refined at a time: their keys and text lines stay in the cache */
    SS_BITS = 16, /* low bits of a key: the place in the slice */
#ifndef DEEP
#define DEEP 20
#endif
    SS_DEEP = DEEP,     /* refine every group to this many symbols before naming it */
    SS_AHEAD = 32,      /* prefetch distance */
    SS_PAIRS = 1 << 17, /* a group of this size is split by two symbols at once */
    SS_RING = 1024,     /* pending inductions */
    SS_LAG = 96,        /* inductions between the prefetch and the use */
    SS_STEP = 32,
    SS_SMALL = 8,
    SS_DIGITS = 1 << 20,
};

/* A group of suffixes that agree on the symbols seen so far: places [at, at + len). */
struct span {
    uint32_t at, len;
};

struct todo {
    uint32_t at, len, depth;
};

/* What one thread needs to refine. */
struct scratch {
    uint64_t *key, *tmp; /* SS_SLICE each */
    uint32_t *old;       /* SS_SLICE: the slice before it is permuted */
    struct span *act[2]; /* SS_SLICE / 2 each: unfinished groups of this round and the next */
    uint16_t *place;
    uint8_t *last;
    uint32_t *run;
    uint32_t *digit;
    uint32_t nact;
    uint32_t *hist;    /* one counter per pair of symbols */
    struct todo *todo; /* groups larger than a slice */
    size_t ntodo;
};

/* sa[0..n): lms = sa[0..m) the sorted sample, aux = sa[m..) scratch of at least m entries. */
struct sufsort {
    uint32_t *sa;
    int64_t n, m, ends;
    int threads;
};

#endif
