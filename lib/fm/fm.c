/* fm.c - opening an index or a set, counting, reading. See fm.h.
 *
 * Work is cut in chunks of fixed size, so that what a thread does depends on nothing but the input.
 */
#include "fm/fm.h"

#include <stdlib.h>
#include <string.h>

#include "base/atomic.h"
#include "base/par.h"
#include "fm/set.h"

enum {
    COUNT_CHUNK = 512,
    READ_CHUNK = 64,
    READ_LEAST_BYTES = 16 << 10, /* worth a thread of its own */
};

/* What add_shard() needs for each shard. */
struct opening {
    struct fm *fm;
    size_t cap;
    const struct fm_open_opts *o;
};

enum { MANY = 10000 };

/* An index takes two mappings, and the system counts them: what then fails is any allocation. */
static int too_many(size_t open, struct err *e)
{
    if (e->code == ERR_INPUT || e->code == ERR_CORRUPT)
        return e->code;
    return err_set(e, e->code,
                   "%zu indexes are open, and the system refuses more "
                   "(vm.max_map_count, or memory)",
                   open);
}

/* Would what is going to be written take this index's place? */
static bool is_output(const struct fm_open_opts *o, const char *path)
{
    return o && o->output && strcmp(o->output, "-") != 0 && atomic_same_target(o->output, path);
}

/* A set_member_fn. */
static int add_shard(void *ctx, const char *path, struct err *e)
{
    struct opening *o = ctx;
    struct fm *fm = o->fm;
    struct shard *s;

    if (fm->n_shards == FM_SET_MAX)
        return err_set(e, ERR_INPUT, "a set names more than %d indexes", FM_SET_MAX);
    if (is_output(o->o, path))
        return err_set(e, ERR_USAGE, "'%s' is read: nothing is written in its place", path);
    if (mem_reserve(&fm->shard, &o->cap, fm->n_shards + 1, sizeof(struct shard *), e) < 0)
        return e->code;
    if (shard_open(&s, path, o->o, e) < 0)
        return fm->n_shards < MANY ? e->code : too_many(fm->n_shards, e);
    if (fm->n_shards && fm->shard[0]->head.normalize != s->head.normalize) {
        shard_close(s);
        return err_set(e, ERR_INPUT, "'%s' is normalised otherwise than the set's first index",
                       path);
    }
    fm->shard[fm->n_shards++] = s;
    return 0;
}

static int open_set(struct opening *o, const char *path, struct err *e)
{
    int rc = set_read(path, add_shard, o, e);

    if (rc == 0 && o->fm->n_shards == 0)
        return err_set(e, ERR_INPUT, "%s: the set names no index", path);
    return rc;
}

static int number_documents(struct fm *fm, struct err *e)
{
    fm->first_doc = mem_zero(fm->n_shards + 1, sizeof *fm->first_doc, e);
    if (!fm->first_doc)
        return e->code;
    for (size_t i = 0; i < fm->n_shards; i++) {
        const struct fm_head *h = &fm->shard[i]->head;
        fm->first_doc[i + 1] = fm->first_doc[i] + h->docs;
        fm->bytes += h->n - h->docs;
    }
    return 0;
}

int fm_open(struct fm **out, const char *path, const struct fm_open_opts *o, struct err *e)
{
    struct fm *fm = mem_zero(1, sizeof *fm, e);
    struct opening opening = {.fm = fm, .o = o};
    int rc;

    *out = NULL;
    if (!fm)
        return e->code;
    rc = set_is(path, e);
    if (rc >= 0)
        rc = rc ? open_set(&opening, path, e) : add_shard(&opening, path, e);
    if (rc == 0)
        rc = number_documents(fm, e);
    if (rc < 0) {
        fm_close(fm);
        return rc;
    }
    *out = fm;
    return 0;
}

void fm_close(struct fm *fm)
{
    if (!fm)
        return;
    for (size_t i = 0; i < fm->n_shards; i++)
        shard_close(fm->shard[i]);
    free(fm->shard);
    free(fm->first_doc);
    free(fm);
}

uint64_t fm_docs(const struct fm *fm)
{
    return fm->first_doc[fm->n_shards];
}

uint64_t fm_bytes(const struct fm *fm)
{
    return fm->bytes;
}

enum text_rule fm_normalize(const struct fm *fm)
{
    return (enum text_rule)fm->shard[0]->head.normalize;
}

size_t fm_shard_of(const struct fm *fm, uint64_t doc, uint64_t *local)
{
    size_t lo = 0, hi = fm->n_shards;

    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (fm->first_doc[mid] <= doc)
            lo = mid;
        else
            hi = mid;
    }
    *local = doc - fm->first_doc[lo];
    return lo;
}

uint64_t fm_doc_bytes(const struct fm *fm, uint64_t doc)
{
    uint64_t local;
    size_t i = fm_shard_of(fm, doc, &local);

    return shard_doc_len(fm->shard[i], local);
}

/* ---- counting ---- */

static void count_chunk(const struct fm *fm, const struct fm_text *pat, size_t n, uint64_t *counts)
{
    struct fm_range range[COUNT_CHUNK];

    memset(counts, 0, n * sizeof *counts);
    for (size_t s = 0; s < fm->n_shards; s++) {
        shard_search(fm->shard[s], pat, n, range);
        for (size_t i = 0; i < n; i++)
            counts[i] += range[i].hi - range[i].lo;
    }
    for (size_t i = 0; i < n; i++)
        if (pat[i].len == 0)
            counts[i] = fm->bytes;
}

void fm_count(const struct fm *fm, const struct fm_text *pat, size_t n, uint64_t *counts,
              int threads)
{
    struct par_chunks c = par_split(n, RANK_BATCH, COUNT_CHUNK, threads);

#pragma omp parallel for num_threads(c.team) schedule(dynamic) if (c.team > 1)
    for (int64_t i = 0; i < c.count; i++) {
        size_t from = (size_t)i * c.size, k = n - from < c.size ? n - from : c.size;
        count_chunk(fm, pat + from, k, counts + from);
    }
}

/* ---- reading ---- */

/* Pieces [from, to) of one shard, as shard_read() takes them, a few at a time. */
static void read_run(const struct fm *fm, size_t shard, const struct fm_piece *p, size_t n)
{
    struct shard_piece local[64];

    while (n) {
        size_t k = n < 64 ? n : 64;
        for (size_t i = 0; i < k; i++)
            local[i] = (struct shard_piece){p[i].doc - fm->first_doc[shard], p[i].from, p[i].len,
                                            p[i].dst};
        shard_read(fm->shard[shard], local, k);
        p += k;
        n -= k;
    }
}

static void read_pieces(const struct fm *fm, const struct fm_piece *p, size_t n)
{
    while (n) {
        uint64_t local;
        size_t shard = fm_shard_of(fm, p->doc, &local), k = 1;
        while (k < n && p[k].doc >= fm->first_doc[shard] && p[k].doc < fm->first_doc[shard + 1])
            k++;
        read_run(fm, shard, p, k);
        p += k;
        n -= k;
    }
}

void fm_read(const struct fm *fm, const struct fm_piece *pieces, size_t n, int threads)
{
    uint64_t bytes = 0, least;
    struct par_chunks c;

    for (size_t i = 0; i < n; i++)
        bytes += pieces[i].len;
    least = bytes ? READ_LEAST_BYTES * n / bytes + 1 : n + 1;
    c = par_split(n, least, least > READ_CHUNK ? least : READ_CHUNK, threads);
#pragma omp parallel for num_threads(c.team) schedule(dynamic) if (c.team > 1)
    for (int64_t i = 0; i < c.count; i++) {
        size_t from = (size_t)i * c.size, k = n - from < c.size ? n - from : c.size;
        read_pieces(fm, pieces + from, k);
    }
}
