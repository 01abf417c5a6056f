/* ivf_seek.h - the searcher of the kind "ivf", inside: ivf_search.c, and ivf_allowed.c where only
 * some rows may be found.
 */
#ifndef ANN_IVF_SEEK_H
#define ANN_IVF_SEEK_H

#include "ann/gather.h"
#include "ann/held.h"
#include "ann/ivf.h"

enum {
    TEAM = 8,  /* queries of a scan: as many as pq's kernels take */
    TILE = 84, /* queries that meet centroids together */
};

/* A list that a query visits; `key` as centroids give it. */
struct visit {
    float key;
    uint32_t list, slot; /* slot: which of the lists that may be visited */
};

#define IVF_WHOLE UINT32_MAX

/* Lists that may be visited, and which of their rows may be found, where it is known before. */
struct ivf_some {
    uint32_t n, panels;
    uint32_t *list;  /* [n], ascending */
    uint32_t *mask;  /* [n]: where in `masks` the list's begin; IVF_WHOLE: all rows */
    uint32_t *panel; /* [panels]: of centroids, that the lists are of */
    uint32_t *masks; /* a word for ALLOWED_LANES rows */
    const uint64_t *bits;
};

/* A query on its way. */
struct asker {
    struct ivf_asked in;
    struct exact_query exact;
    struct form_query cells;
    float tables;      /* what their rounding may make a key too large by */
    struct best *best; /* [k], a heap: the worst first */
    size_t n;
    float *q;    /* [padded] */
    void *table; /* of the codec */
};

struct seeker {
    const struct ann *a;
    const struct ivf *v;
    struct ann_search_opts o;
    uint32_t nprobe;
    const struct ivf_some *some; /* NULL: all lists, all rows */
    size_t first;                /* the asker that visits begin with */
    bool bare;                   /* keys are those of codes */
    size_t cap;                  /* queries there is room for */
    const struct ivf_ops *ops;
    struct asker *asker; /* [cap] */
    struct best *best;   /* [cap][k] */
    float *q;            /* [cap][padded] */
    uint8_t *table;      /* [cap][table_bytes] */
    size_t table_bytes;
    float *raw; /* [cap][dim rounded up]: queries as they came */
    size_t raw_dim;
    uint8_t *bytes; /* [cap][dim] */
    int8_t *weights;
    float *form_room;
    struct exact exact;
    size_t visits;       /* room for them */
    struct visit *visit; /* of a query nprobe */
    uint64_t *near_lists;
    float *centre_key;      /* [TILE][lists rounded up] */
    float *some_key;        /* [lists] */
    uint32_t *at_list;      /* [lists + 1] */
    struct visiting *order; /* [visits] */
    float *key;             /* [TEAM][CODEC_LIST] */
    uint16_t *hit;          /* [CODEC_LIST] */
    uint64_t *cand;         /* [CODEC_LIST] */
    uint64_t keys, lists, exacts;
    struct gather gather; /* where rows are allowed */
    uint32_t *mask;       /* [CODEC_LIST / ALLOWED_LANES], likewise */
    struct held held;
    uint32_t *held_at; /* [lists]: where in held_place their rows end; UINT32_MAX: nowhere */
    uint32_t *held_place;
};

/* A piece of a list: n rows from a place on. */
struct piece {
    const struct visit *visit;
    const float *factor;
    size_t lanes, n;
    uint64_t place;
    const uint64_t *bits; /* of allowed rows, by their numbers; NULL: all are */
    const uint32_t *mask; /* the same by their order here; NULL: not known */
};

/* Has a query k rows? */
static inline bool ivf_full(const struct seeker *t, const struct asker *q)
{
    return q->n == t->o.k;
}

/* One query's keys of a piece are there: rows that may be near are looked at. */
void ivf_settle(struct seeker *t, struct asker *q, const struct piece *p, float *key);
/* t->centre_key of up to TILE queries from i on; how far apart they are. */
size_t ivf_centres(struct seeker *t, size_t i, size_t n);

/* ivf_search.c: a block's queries, before lists; n of them from `first` on visit t->nprobe lists of
 * t->some, n * nprobe <= t->visits; one visits all of these; what is found of all is given. */
void ivf_prepare(struct seeker *t, const struct ann_queries *q);
void ivf_search_some(struct seeker *t, size_t first, size_t n);
void ivf_search_every(struct seeker *t, size_t query);
void ivf_give(struct seeker *t, const struct ann_queries *q);
/* The row at a place is compared with a query whose exact is t->exact.now, not if t->bare; it will
 * be. */
void ivf_compare(struct seeker *t, struct asker *q, uint64_t place);
void ivf_ask(const struct seeker *t, uint64_t place);

/* ivf_allowed.c: a block whose queries are asked, but for their lists. */
void ivf_search_allowed(struct seeker *t, const struct ann_queries *q);
int ivf_allowed_init(struct seeker *t, struct err *e);

#endif
