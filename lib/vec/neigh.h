/* neigh.h - lists of neighbours: what every search writes and every evaluation reads.
 *
 *   tsv jsonl   query rank id score (query and rank from 0, best first)
 *   ivecs ibin  row numbers; what is absent is -1; distances may stand beside them in an fvecs file
 *   truth       DiskANN's: u32 queries, u32 k, u32 ids, f32 distances
 * By `to` or `from`, else the name's ending (.tsv .jsonl .ivecs .ibin .truth, in any case; of an
 * input .zst and .gz are taken off before, but a truth file is not read compressed), else tsv.
 *
 * A list has `k` places a query; ids[q * k + i] is the i-th best of query q or NEIGH_NONE, and
 * nothing stands behind the first NEIGH_NONE. Scores are as printed (types.h).
 *
 * Errors   ERR_INPUT names file and row or line: a query out of order, a rank that jumps, an id
 *          that does not fit (i32 in ivecs and ibin: 2^31 - 1).
 * Threads  one thread.
 */
#ifndef VEC_NEIGH_H
#define VEC_NEIGH_H

#include "base/names.h"
#include "vec/types.h"

enum neigh_format { NEIGH_AUTO, NEIGH_TSV, NEIGH_JSONL, NEIGH_IVECS, NEIGH_IBIN, NEIGH_TRUTH };
#define NEIGH_FORMAT_NAMES "tsv|jsonl|ivecs|ibin|truth" /* from NEIGH_TSV on */

#define NEIGH_NONE UINT64_MAX

struct neigh {
    uint64_t queries;
    uint32_t k;
    uint64_t *id; /* [queries][k] */
    float *score; /* the same; NULL: none were there */
};

/* Room for lists, ids NEIGH_NONE, scores NaN. {0} is empty; neigh_free() leaves it so. */
int neigh_init(struct neigh *n, uint64_t queries, uint32_t k, bool scores, struct err *e);
void neigh_free(struct neigh *n);

/* Reads a whole file; k is the longest list's. */
int neigh_load(struct neigh *n, const char *path, enum neigh_format from, struct err *e);

/* ---- reading, a list at a time ---- */

struct neigh_reader;

/* A query's neighbours, best first, until the next is asked for. */
struct neigh_list {
    uint32_t n;
    const uint64_t *id;
    const float *score; /* NULL: not all have one */
};

/* names: ids of tsv and jsonl are any strings, and become numbers of this set; NULL: row numbers.
 */
int neigh_open(struct neigh_reader **out, const char *path, enum neigh_format from,
               struct names *names, struct err *e);
/* Of the next query, from 0: 1; 0 at the end. A query that text does not mention has none; more
 * than 2^24 of them in a row are an error. */
int neigh_next(struct neigh_reader *r, struct neigh_list *l, struct err *e);
uint64_t neigh_queries(const struct neigh_reader *r); /* UINT64_MAX: not known before the end */
const char *neigh_name(const struct neigh_reader *r); /* for messages */
void neigh_close(struct neigh_reader *r);             /* NULL is fine */

/* ---- writing ---- */

struct neigh_write_opts {
    const char *path;      /* NULL or "-": standard output */
    const char *distances; /* an fvecs file for ivecs and ibin; NULL: none */
    enum neigh_format to;
    uint32_t k;
    uint64_t queries; /* for the headers of ibin and truth; UINT64_MAX: counted at the end, for
                         which a truth file waits in memory */
    enum vec_metric metric;
    /* The name of a row, printed instead of its number in tsv and jsonl; NULL: they have none. */
    const char *(*name)(const void *ctx, uint64_t row, size_t *len);
    const void *name_ctx;
};

/* In a tool's table (cli.h), beside its path, '--output'. */
#define NEIGH_WRITE_OPTIONS(o)                                        \
    CLI_KIND(0, "to", &(o)->to, NEIGH_FORMAT_NAMES,                   \
             "the output's format (default: by its name, else tsv)"), \
        CLI_STR(0, "distances", &(o)->distances, "FILE",              \
                "scores of ivecs or ibin, as fvecs beside them")

/* By the name's ending; NEIGH_AUTO: it says nothing. */
enum neigh_format neigh_format_of(const char *path);
bool neigh_is_binary(enum neigh_format f);
/* What `to` is where it was not asked for: by '--json', the name, else tsv. NULL, or a sentence:
 * the options are at odds. */
const char *neigh_write_settle(struct neigh_write_opts *o, bool json);

struct neigh_writer;

int neigh_create(struct neigh_writer **out, const struct neigh_write_opts *o, struct err *e);
/* The lists of the next n queries: [n][k]. */
int neigh_write(struct neigh_writer *w, const uint64_t *id, const float *score, uint64_t n,
                struct err *e);
int neigh_commit(struct neigh_writer **w, struct err *e); /* frees *w either way */
void neigh_abort(struct neigh_writer **w);                /* no-op on NULL */

#endif
