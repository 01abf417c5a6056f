/* spann.h - SPANN (Chen et al. 2021): lists of rows on the disk, their heads as a graph in memory.
 *
 * Space. Rows are x' = (x - mean) * scale as in ivf.h, and near is always the squared distance:
 * with cosine vectors are of length 1 before; with ip rows get one more component, sqrt(most -
 * |x|^2), by which all are as long (Bachrach et al. 2014), and queries are made that long, too.
 *
 * Heads are centroids of a balanced hierarchical clustering of a sample: k-means into up to 32
 * parts, evened out by penalties, each part again until each has one head; then they become the
 * means of all rows that are nearest to them, some times. They are coded as cells of 8 bits
 * (form.h) and linked as a graph (graph.h); nothing else of them is kept. (The paper's heads are
 * rows next to the centroids, which then stand in no list.)
 *
 * Closure. A row stands in the list of its nearest head, and in those of the next ones by the
 * neighbourhood rule: head h takes it unless an accepted head h' has 2 d(h, h') < d(x, h), so that
 * lists on different sides of the row have it; `replicas` at most. All distances are of cells, and
 * squared. (With the paper's 1 for 2, means, which are nearer to each other than rows are, leave
 * nearly every row in one list.) A list that is too long loses the farthest of those that are
 * elsewhere, too.
 *
 * Lists hold codes (vec/codec.h; lvq8: a byte a component), not vectors: a quarter of the bytes of
 * f32, so four copies are as large as the vectors once. The vectors stand once beside the lists, in
 * the order of rows; those of the few that are best by their codes are read as well, so that scores
 * are exact. Without vectors scores are those of the codes.
 *
 * Search. A walk finds the `nprobe` nearest heads. With a slack a quarter of their lists is read
 * first, then those of head h with d(q, h) + spread <= (1 + slack) d_k: spread is how far a row is
 * from its head, squared, on average, so that the left side is what to expect of a row of the list,
 * and d_k the k-th best so far. (The paper compares d(q, h) with that of the nearest head, which
 * says little where all are about as far: glove100n loses twice the recall by it.) A block of
 * queries goes together, and a list that several want is read once; many reads are under way at a
 * time (base/reads.h). A list is scanned when it has come, in any order: the best by (key, row) are
 * the same. Each list ends with its checksum: one that was read and differs is an error.
 *
 * Resident lists. With ann_build_opts.resident section POST is in memory: codes are short (rabitq3:
 * three bits a component, Gao et al. 2025), a row stands in one list, and what is read is vectors
 * alone, 2 k + 4 of them. In memory that is a seventh of 128 floats a row, where heads alone are a
 * fiftieth; a query of ten waits for the disk once, for 25 pages, where with lists it waits twice,
 * for 180 at the same recall of .89. The checksums of lists are looked at by ann_check() alone
 * then, as all sections' are.
 *
 * Other rows. Section HOME says for each row which list holds it in any case, that of its nearest
 * head. So where only some rows may be found it is known which lists hold any: spann_allowed.c. It
 * is not read by other searches.
 *
 * Files. Sections beside those of form, graph and codec:
 *   SPNH  struct spann_head        MIDP  f32 [dim]: the mean
 *   LIST  u32 [lists]: rows of each    HOME  u32 [rows]: a list
 *   POST  apart, unless it is resident: the lists, each at a multiple of 64: codes packed in
 *         pieces of CODEC_LIST, each a multiple of 64 bytes; u32 [n]: their rows; the XXH3 of
 *         these, zeros up to 64
 *   VECS  apart: the vectors
 *
 * Threads  immutable while it is searched.
 */
#ifndef ANN_SPANN_H
#define ANN_SPANN_H

#include "ann/graph.h"
#include "ann/ivf.h"
#include "ann/kind.h"
#include "base/spool.h"
#include "vec/codec_kind.h"

enum {
    SPANN_NPROBE_SLACK = 128, /* the most, with a slack */
    SPANN_NPROBE = 32,        /* the default */
    SPANN_SHARE = 1024,       /* queries that are searched together: the default */
    SPANN_SUM = 8,            /* bytes of a list's checksum */
};
#define SPANN_ROWS_MAX UINT64_C(0x7fffffff) /* cand.h */

/* ---- spann_space.c ---- */

struct spann_space {
    struct ivf_space in; /* l2 or cosine */
    enum vec_metric metric;
    double most; /* ip: the largest squared length */
};

/* Row `row`, as ivf_row(). */
bool spann_row(const struct spann_space *s, const struct vec_rows *rows, uint64_t row, float *out);
/* A true key is mul * squared distance + add. q: [dim], gets a copy of x that may be changed. */
struct ivf_asked spann_query(const struct spann_space *s, const float *x, float *q, float *out);

/* ---- an index ---- */

struct spann_head {
    uint32_t dim, padded, lists;
    uint8_t type, metric, vectors, resident;
    float scale, spread; /* spread: of the space, the mean squared distance of a row to its head */
    double most;
    uint64_t entries; /* of all lists */
};
_Static_assert(sizeof(struct spann_head) == 40, "SPNH has no holes");

struct spann {
    struct spann_head head;
    struct spann_space space;
    struct form form; /* of heads; its memory is that of ann.form */
    struct graph graph;
    struct codec *codec;
    const uint32_t *size; /* section LIST */
    const uint32_t *home; /* section HOME */
    uint64_t *at;         /* [lists + 1]: where a list begins in POST */
    uint64_t post, vecs;  /* places of the sections in the file */
    const uint8_t *codes; /* section POST, if it is resident */
    uint64_t largest;     /* bytes of a list */
};

/* Where rows and checksum of a list of n begin, and where it ends. */
static inline uint64_t spann_rows_at(const struct codec *c, uint64_t n)
{
    return ivf_packed(c, n);
}

static inline uint64_t spann_sum_at(const struct codec *c, uint64_t n)
{
    return spann_rows_at(c, n) + (n * sizeof(uint32_t) + 7) / 8 * 8;
}

static inline uint64_t spann_list_bytes(const struct codec *c, uint64_t n)
{
    return n ? (spann_sum_at(c, n) + SPANN_SUM + 63) / 64 * 64 : 0;
}

/* ---- making ---- */

/* spann_heads.c: centroids of `n` rows of a sample, x: [n][dim], some of which are the same where
 * rows are; neighbours in number are near. x is put in another order. */
struct spann_tree {
    const struct vec_ops *ops;
    uint32_t dim, heads;
    int threads;
    progress_fn *progress;
    void *progress_ctx;
};
int spann_heads(const struct spann_tree *t, float *x, size_t n, float *heads, struct err *e);

/* spann_build.c */
int spann_stream(const char *path, const struct ann_stream *s, const struct ann_build_opts *o,
                 struct ann_build_report *report, struct err *e);
uint32_t spann_lists(const struct ann_build_opts *o, uint64_t rows);
void spann_plan(struct ann_plan *p, const struct vec_rows *base, const struct ann_build_opts *o);

/* spann_lists.c: rows go to lists in any order, and the lists to a file. */
struct spann_lists {
    const struct codec *codec;
    struct spool_room *room;
    struct spool *part; /* [parts]: of ranges of lists, entries as they came */
    uint32_t lists, parts, width;
    uint32_t *size; /* [lists]: rows given; then, of what is written */
    uint64_t entries;
    size_t most; /* rows of a list */
};
/* entries: how many there may be. */
int spann_lists_init(struct spann_lists *l, const struct codec *c, uint32_t lists, uint64_t entries,
                     struct spool_room *room, struct err *e);
/* The row's code; rank 0: its nearest head's list. */
int spann_lists_add(struct spann_lists *l, uint32_t list, uint32_t row, uint32_t rank, float d,
                    const uint8_t *code, struct err *e);
/* Section POST; resident: not apart. */
int spann_lists_put(struct spann_lists *l, bool resident, struct sect_writer *w, struct err *e);
void spann_lists_free(struct spann_lists *l); /* {0} is fine */

/* ---- searching: spann_search.c ---- */

/* Vectors that are read for a query, unless there are fewer rows. */
uint64_t spann_rerank(const struct spann *v, const struct ann_search_opts *o);
uint64_t spann_block(const struct ann *a, const struct ann_search_opts *o, uint64_t n);
int spann_searcher_new(void **searcher, const struct ann *a, const struct ann_search_opts *o,
                       uint64_t block, struct err *e);
void spann_search(void *searcher, const struct ann_queries *q);
void spann_count(const void *searcher, struct ann_search_stats *s);
int spann_failed(const void *searcher, struct err *e);
void spann_searcher_free(void *searcher);

#endif
