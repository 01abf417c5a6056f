/* kind_spann.c - the kind "spann": its sections (spann.h), checked before they are used. */
#include <math.h>
#include <stdlib.h>

#include "ann/graph_file.h"
#include "ann/spann_seek.h"
#include "base/hash.h"

static void close_spann(void *state)
{
    struct spann *v = state;

    if (!v)
        return;
    codec_free(v->codec);
    free(v->at);
    free(v);
}

/* ---- opening ---- */

static int open_head(struct ann *a, struct spann *v, struct err *e)
{
    const struct spann_head *h = &v->head;
    const void *head;

    if (sect_need(a->file, "SPNH", 1, sizeof *h, &head, e) < 0)
        return e->code;
    memcpy(&v->head, head, sizeof v->head);
    if (a->rows > SPANN_ROWS_MAX || h->dim < 1 || h->metric > VEC_COSINE || h->type > VEC_I8 ||
        h->vectors > 1 || h->resident > 1 || h->lists > ANN_LISTS_MOST || h->lists > a->rows ||
        (h->lists == 0) != (a->rows == 0) || h->padded != h->dim + (h->metric == VEC_IP) ||
        h->padded != v->form.dim || !(h->scale > 0) || !isfinite(h->scale) || !(h->most >= 0) ||
        !isfinite(h->most) || !(h->spread >= 0) || a->meta.vectors || v->form.bits != 8 ||
        v->form.type != VEC_F32 || v->form.metric != VEC_L2)
        return sect_bad(a->file, "SPNH", "its numbers contradict each other", e);
    a->form.dim = h->dim;
    a->form.type = (enum vec_type)h->type;
    a->form.metric = (enum vec_metric)h->metric;
    v->space = (struct spann_space){.in = {.ops = v->form.ops,
                                           .metric = h->metric == VEC_COSINE ? VEC_COSINE : VEC_L2,
                                           .type = a->form.type,
                                           .dim = h->dim,
                                           .padded = h->padded,
                                           .scale = h->scale},
                                    .metric = a->form.metric,
                                    .most = h->most};
    return 0;
}

static int open_graph(struct ann *a, struct spann *v, struct err *e)
{
    const struct ann_meta *m = &a->meta;

    v->graph = (struct graph){.rows = v->head.lists,
                              .live = v->head.lists,
                              .degree = m->degree,
                              .width = m->width,
                              .n_entries = m->entries,
                              .bits = 8,
                              .stride = form_stride(&v->form),
                              .ops = a->ops};
    return graph_open(&v->graph, a->file, e);
}

/* Where lists begin. */
static int open_lists(struct ann *a, struct spann *v, struct err *e)
{
    struct sect_row post;
    uint64_t entries = 0;
    const void *size, *home, *codes = NULL;

    if (sect_need(a->file, "LIST", v->head.lists, sizeof *v->size, &size, e) < 0 ||
        sect_need(a->file, "HOME", a->rows, sizeof *v->home, &home, e) < 0)
        return e->code;
    v->home = home;
    if (!sect_find(a->file, "POST", &post))
        return sect_bad(a->file, "POST", "it is missing", e);
    v->size = size;
    v->post = post.offset;
    if (!(v->at = mem_zero((size_t)v->head.lists + 1, sizeof *v->at, e)))
        return e->code;
    for (uint32_t l = 0; l < v->head.lists; l++) {
        uint64_t bytes = spann_list_bytes(v->codec, v->size[l]);

        if (v->size[l] > a->rows || bytes > post.len - v->at[l])
            return sect_bad(a->file, "POST", "it is shorter than its lists", e);
        v->at[l + 1] = v->at[l] + bytes;
        v->largest = bytes > v->largest ? bytes : v->largest;
        entries += v->size[l];
    }
    if (v->at[v->head.lists] != post.len)
        return sect_bad(a->file, "POST", "it is longer than its lists", e);
    if (v->head.resident && sect_need(a->file, "POST", post.len, 1, &codes, e) < 0)
        return e->code;
    v->codes = codes;
    if (entries != v->head.entries)
        return sect_bad(a->file, "LIST", "its sizes are not those of all entries", e);
    return 0;
}

static int open_vectors(struct ann *a, struct spann *v, struct err *e)
{
    struct sect_row vecs;

    a->vector_bytes = a->vector_stride = v->head.dim * vec_type_size(a->form.type);
    if (!v->head.vectors)
        return 0;
    if (!sect_find(a->file, "VECS", &vecs))
        return sect_bad(a->file, "VECS", "it is missing", e);
    if (vecs.len / a->vector_bytes != a->rows || vecs.len % a->vector_bytes != 0)
        return sect_bad(a->file, "VECS", "it has not as many vectors as there are rows", e);
    v->vecs = vecs.offset;
    return 0;
}

static int open_spann(struct ann *a, struct err *e)
{
    struct spann *v = a->state = mem_zero(1, sizeof *v, e);
    const void *mean;

    if (!v)
        return e->code;
    v->form = a->form;
    if (open_head(a, v, e) < 0 ||
        sect_need(a->file, "MIDP", v->head.dim, sizeof(float), &mean, e) < 0 ||
        codec_take_all(&v->codec, a->file, a->cpu, e) < 0)
        return e->code;
    v->space.in.mean = mean;
    if (v->codec->dim != v->head.padded)
        return sect_bad(a->file, "MET0", "this is not the codec of its lists", e);
    if (open_graph(a, v, e) < 0 || open_lists(a, v, e) < 0)
        return e->code;
    return open_vectors(a, v, e);
}

/* ---- looking at it ---- */

static void info(const struct ann *a, struct ann_info *i)
{
    const struct spann *v = a->state;

    memcpy(i->codec, v->codec->spec.text, sizeof i->codec - 1);
    i->codec[sizeof i->codec - 1] = 0;
    i->code_bytes = v->codec->code_bytes;
    i->lists = v->head.lists;
    i->entry_mean = a->rows ? (double)v->head.entries / (double)a->rows : 0;
    i->vectors = v->head.vectors;
    i->apart = (v->head.resident ? 0 : v->at[v->head.lists]) +
               (v->head.vectors ? a->rows * a->vector_bytes : 0);
}

static void lists(const struct ann *a, struct ann_lists *l)
{
    const struct spann *v = a->state;

    ann_lists_of(l, v->size, v->head.lists);
}

/* A list's bytes are what they were, and its rows, each once, are there. met: of each row one more
 * than the last list that has it; *home counts those whose home it is. */
static int check_list(const struct ann *a, uint32_t list, uint8_t *p, uint32_t *met, uint64_t *home,
                      struct err *e)
{
    const struct spann *v = a->state;
    uint64_t n = v->size[list], sum;

    if (sect_read(a->file, "POST", v->at[list], p, (size_t)(v->at[list + 1] - v->at[list]), e) < 0)
        return e->code;
    memcpy(&sum, p + spann_sum_at(v->codec, n), sizeof sum);
    if (sum != hash64(p, spann_sum_at(v->codec, n)))
        return sect_bad(a->file, "POST", "a list's checksum differs", e);
    for (uint64_t i = 0; i < n; i++) {
        uint32_t row;

        memcpy(&row, p + spann_rows_at(v->codec, n) + i * sizeof row, sizeof row);
        if (row >= a->rows)
            return sect_bad(a->file, "POST", "a list holds a row that is not there", e);
        if (met[row] == list + 1)
            return sect_bad(a->file, "POST", "a list holds a row twice", e);
        met[row] = list + 1;
        *home += v->home[row] == list;
    }
    return 0;
}

static int check(const struct ann *a, struct err *e)
{
    const struct spann *v = a->state;
    uint32_t *met = mem_zero((size_t)a->rows, sizeof *met, e);
    uint8_t *p = mem_array(v->largest, 1, e);
    uint64_t home = 0;
    int rc = met && p ? graph_check(&v->graph, a->file, e) : e->code;

    for (uint32_t l = 0; rc == 0 && l < v->head.lists; l++)
        if (v->size[l] > 0)
            rc = check_list(a, l, p, met, &home, e);
    for (uint64_t row = 0; rc == 0 && row < a->rows; row++)
        if (!met[row])
            rc = sect_bad(a->file, "POST", "a row is in no list", e);
    if (rc == 0 && home != a->rows)
        rc = sect_bad(a->file, "HOME", "a row is not in the list that it names", e);
    free(met);
    free(p);
    return rc;
}

const struct ann_kind ann_kind_spann = {
    .name = "spann",
    .id = {'s', 'p', 'n', ' '},
    .sections = ANN_SECTIONS "SPNHMIDPLISTHOMEPOSTENTRCODELINKMET0MEA0CEN0ROT0LOW0STP0SGN0",
    .effort = "nprobe",
    .effort_default = SPANN_NPROBE,
    .effort_most = ANN_EFFORT_MOST,
    .filter = FILTER_DISK,
    .filter_more = spann_filter_more,
    .slack_effort = SPANN_NPROBE_SLACK,
    .rerank = true,
    .stream = spann_stream,
    .open = open_spann,
    .close = close_spann,
    .block = spann_block,
    .searcher_new = spann_searcher_new,
    .search = spann_search,
    .count = spann_count,
    .failed = spann_failed,
    .searcher_free = spann_searcher_free,
    .lists = lists,
    .check = check,
    .info = info,
    .plan = spann_plan,
};
