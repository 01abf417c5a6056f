/* combine.c - several finished indexes, or sets of them, as one: merged, or named in a set. */
#include <stdlib.h>

#include "fm/merge.h"
#include "fm/parts.h"
#include "fm/set.h"

static int borrow_shards(struct parts *p, const struct fm *fm, struct err *e)
{
    for (size_t i = 0; i < fm->n_shards; i++)
        if (parts_settle(p, e) < 0 || parts_borrow(p, sect_path(fm->shard[i]->file), e) < 0)
            return e->code;
    return 0;
}

/* All are opened before work begins: those that cannot be merged are known at once. */
static int open_all(struct fm **fm, const char *const *paths, size_t n, bool for_set, struct err *e)
{
    const struct fm_open_opts o = {.cpu = cpu_detect(), .bare = true};

    for (size_t i = 0; i < n; i++) {
        if (fm_open(&fm[i], paths[i], &o, e) < 0)
            return e->code;
        for (size_t s = 0; s < fm[i]->n_shards; s++)
            if (merge_check(fm[0]->shard[0], fm[i]->shard[s], for_set, e) < 0)
                return e->code;
    }
    return 0;
}

static int merge_all(struct fm **fm, size_t n, const struct parts_opts *po, struct err *e)
{
    struct sect_writer *w = NULL;
    struct parts *p = NULL;
    int rc = parts_open(&p, po, e);

    if (rc == 0)
        rc = sect_create(&w, po->target, FM_KIND, FM_MAJOR, FM_MINOR, e);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = borrow_shards(p, fm[i], e);
    if (rc == 0)
        rc = parts_finish(p, &w, e);
    sect_abort(&w);
    parts_close(p);
    return rc;
}

static void close_all(struct fm **fm, size_t n)
{
    for (size_t i = 0; fm && i < n; i++)
        fm_close(fm[i]);
    free(fm);
}

int fm_merge(const char *index, const char *const *paths, size_t n, const struct fm_merge_opts *o,
             struct err *e)
{
    struct fm **fm = mem_zero(n, sizeof(struct fm *), e);
    struct index_opts io = {.threads = index_threads(o->threads),
                            .progress = o->progress,
                            .progress_ctx = o->progress_ctx};
    const struct parts_opts po = {.target = index,
                                  .state = PARTS_STATE "fm-merge\n",
                                  .spare = true,
                                  .memory_bytes = o->memory_bytes,
                                  .io = &io};
    int rc = fm ? open_all(fm, paths, n, false, e) : e->code;

    if (rc == 0) {
        io.layout = o->layout ? rank_layout_of(o->layout) : fm[0]->shard[0]->layout;
        rc = merge_all(fm, n, &po, e);
    }
    close_all(fm, n);
    return rc;
}

/* The paths of all shards, in *path, as the sets have them. */
static size_t list_shards(struct fm *const *fm, size_t n, const char **path)
{
    size_t k = 0;

    for (size_t i = 0; i < n; i++)
        for (size_t s = 0; s < fm[i]->n_shards; s++, k++)
            if (path)
                path[k] = sect_path(fm[i]->shard[s]->file);
    return k;
}

int fm_set_of(const char *set, const char *const *paths, size_t n, struct err *e)
{
    struct fm **fm = mem_zero(n, sizeof(struct fm *), e);
    const char **path = NULL;
    int rc = fm ? open_all(fm, paths, n, true, e) : e->code;

    if (rc == 0) {
        path = mem_array(list_shards(fm, n, NULL), sizeof *path, e);
        rc = path ? fm_set_write(set, path, list_shards(fm, n, path), e) : e->code;
    }
    free(path);
    close_all(fm, n);
    return rc;
}
