/* ivf_update.c - lists are changed: deleted rows leave theirs, added ones enter the nearest.
 *
 * Centroids, codec and what bounds reach stay as they are, and so do the codes of rows that were
 * there, which are taken over as they stand; added rows are coded as when lists are made. A list
 * that has become several times as long as others, or as lists of so many rows would be, is cut
 * into about as many by k-means of its own, and its rows are coded anew by their new centroids;
 * that takes vectors. If more rows came or went since lists were made than are left of those they
 * were made of, and vectors are there, all is made anew; or if no row stays.
 *
 * Deleted rows stand behind all lists, where no search comes, with their vectors or finer codes.
 *
 * The base is one of all rows: live ones in the order of their numbers, then those deleted, so that
 * what makes lists (ivf_build.c) needs not know where they come from.
 *
 * Cost     a choice of the list and a code of each added row, and a copy of all else. Memory: the
 *          vectors once more, codes and lists twice.
 */
#include <math.h>
#include <stdlib.h>

#include "ann/ivf.h"
#include "base/mem.h"
#include "vec/kmeans.h"

enum {
    LONG = 4,        /* times its share a list is too long */
    FEWER = 2,       /* so many times fewer lists than by default are few */
    SHARE_LEAST = 8, /* rows */
    ROUNDS = 12,     /* of k-means */
    PART = 10,       /* a list of which less than one in so many would go is not cut */
};

/* ---- the base ---- */

/* Puts the rows that are dead, or those that are not, behind the first n of the base. */
static uint64_t gather(struct ivf_change *c, const struct ann_maker *m, const uint32_t *at,
                       bool dead, uint64_t n)
{
    const struct ann_change *by = m->change;
    const struct ann *a = by->a;

    for (uint64_t row = 0; row < by->rows; row++) {
        bool old = row < a->rows;
        const void *from = NULL;

        if (ann_is_dead(by->dead, row) != dead)
            continue;
        c->made.number[n] = (uint32_t)(by->compact ? n : row);
        c->place[n] = old ? at[row] : IVF_NEW;
        if (!old)
            from = vec_row(m->base, row - a->rows);
        else if (a->vectors)
            from = a->vectors + at[row] * a->vector_stride;
        if (from)
            memcpy(c->base + n * c->all.stride, from, c->all.stride);
        n++;
    }
    return n;
}

static int make_base(struct ivf_change *c, struct ann_maker *m, struct err *e)
{
    const struct ann_change *by = m->change;
    const struct ann *a = by->a;
    const struct ivf *was = a->state;
    uint32_t *at = mem_array(a->rows, sizeof *at, e); /* where each row stood */

    c->bytes = by->rows * a->vector_bytes + 1;
    c->place = mem_array(by->rows, sizeof *c->place, e);
    c->made.number = mem_array(by->rows, sizeof *c->made.number, e);
    c->base = mem_map(c->bytes, e);
    c->all = (struct vec_rows){c->base, by->live, a->form.dim, a->form.type, a->vector_bytes};
    if (at && c->place && c->made.number && c->base) {
        for (uint64_t i = 0; i < a->rows; i++)
            at[was->row[i]] = (uint32_t)i;
        c->made.all_rows = gather(c, m, at, false, 0);
        if (!by->compact)
            c->made.all_rows = gather(c, m, at, true, c->made.all_rows);
    }
    free(at);
    return at && c->place && c->made.number && c->base ? 0 : e->code;
}

/* ---- lists that are kept ---- */

/* The list of a row by its place. */
static uint32_t list_at(const struct ivf *v, uint64_t place)
{
    uint32_t low = 0, high = v->head.lists; /* it begins at or before the place; behind it */

    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;

        *(v->start[middle] <= place ? &low : &high) = middle;
    }
    return low;
}

/* Rows of a list, if all were of one length. */
static double share_of(const struct ivf_made *v, uint32_t lists)
{
    uint32_t few = ivf_lists_of(v->rows) / FEWER;
    double share = (double)v->rows / (lists > few ? lists : few);

    return share > SHARE_LEAST ? share : SHARE_LEAST;
}

/* Lists as they were, and in them the rows that stay and those that came. */
static int keep_lists(struct ivf_change *c, const struct ann_maker *m, uint64_t kept, struct err *e)
{
    const struct ivf *was = m->change->a->state;
    struct ivf_made *v = &c->made;
    uint32_t lists = was->head.lists;
    double most = lists + (double)v->rows / share_of(v, lists) + 1;

    v->head = was->head;
    v->space = was->space;
    v->codec = was->codec;
    v->was.v = was; /* whose they are, should anything fail */
    if (ivf_arrays(v, most < ANN_LISTS_MOST ? (uint32_t)most : ANN_LISTS_MOST, e) < 0 ||
        !(c->split = mem_zero(lists, sizeof *c->split, e)))
        return e->code;
    v->head.lists = lists;
    memcpy(v->mean, was->space.mean, v->space.dim * sizeof *v->mean);
    memcpy(v->centroid, was->centroid, (size_t)lists * v->space.padded * sizeof *v->centroid);
    v->was = (struct ivf_was){was, kept, c->place, lists, c->split};
    for (uint64_t i = 0; i < kept; i++)
        v->assign[i] = list_at(was, c->place[i]);
    if (ivf_assign(v, m, kept, e) < 0)
        return e->code;
    ivf_group(v);
    return 0;
}

/* ---- lists that are too long ---- */

/* Is it worth while: does enough of n rows go from where most are? */
static bool is_cut(const uint32_t *piece, size_t n, uint32_t pieces, uint32_t *count)
{
    uint32_t most = 0;

    memset(count, 0, pieces * sizeof *count);
    for (size_t i = 0; i < n; i++) {
        uint32_t now = ++count[piece[i]];

        most = now > most ? now : most;
    }
    return n - most >= n / PART;
}

/* List l becomes the first piece, and the others lists behind all. */
static void cut(struct ivf_change *c, uint32_t l, const uint32_t *piece, const float *centroid,
                uint32_t pieces)
{
    struct ivf_made *v = &c->made;
    size_t padded = v->space.padded;
    uint32_t next = v->head.lists;

    for (uint64_t i = 0; i < v->size[l]; i++)
        if (piece[i] > 0)
            v->assign[v->order[v->start[l] + i]] = next + piece[i] - 1;
    memcpy(v->centroid + l * padded, centroid, padded * sizeof *centroid);
    memcpy(v->centroid + next * padded, centroid + padded,
           (pieces - 1) * padded * sizeof *centroid);
    v->head.lists += pieces - 1;
    if (l < v->was.lists)
        c->split[l] = true;
}

static int cut_list(struct ivf_change *c, const struct ann_maker *m, uint32_t l, uint32_t pieces,
                    struct err *e)
{
    struct ivf_made *v = &c->made;
    size_t n = v->size[l], padded = v->space.padded;
    struct kmeans_opts how = {.ops = v->space.ops,
                              .k = pieces,
                              .iterations = ROUNDS,
                              .seed = 1,
                              .threads = m->o->threads};
    float *x = codec_array(n * padded, sizeof *x, e),
          *centroid = codec_array(pieces * padded, sizeof *centroid, e);
    uint32_t *piece = mem_array(n + pieces, sizeof *piece, e);
    int rc = x && centroid && piece ? 0 : e->code;

    for (size_t i = 0; rc == 0 && i < n; i++)
        ivf_row(&v->space, m->base, v->order[v->start[l] + i], x + i * padded);
    if (rc == 0)
        rc = kmeans(x, n, (uint32_t)padded, &how, centroid, piece, NULL, e);
    if (rc == 0 && is_cut(piece, n, pieces, piece + n))
        cut(c, l, piece, centroid, pieces);
    free(x);
    free(centroid);
    free(piece);
    return rc;
}

static int cut_lists(struct ivf_change *c, const struct ann_maker *m, struct err *e)
{
    struct ivf_made *v = &c->made;
    uint32_t lists = v->head.lists;
    double share = share_of(v, lists);

    for (uint32_t l = 0; l < lists; l++) {
        uint32_t pieces = v->size[l] > LONG * share ? (uint32_t)(v->size[l] / share + 0.5) : 1,
                 room = ANN_LISTS_MOST - v->head.lists + 1;

        pieces = pieces < room ? pieces : room;
        if (pieces > 1 && cut_list(c, m, l, pieces, e) < 0)
            return e->code;
    }
    if (v->head.lists > lists) {
        memset(v->size, 0, v->head.lists * sizeof *v->size);
        ivf_group(v);
    }
    return 0;
}

/* ---- all ---- */

/* How many live rows there are from before the update, and from when the lists were made. */
struct stay {
    uint64_t rows, first;
};

static struct stay count_stay(const struct ann_change *by)
{
    const struct ann *a = by->a;
    struct stay n = {0};

    for (uint64_t row = 0; row < a->rows; row++) {
        bool live = !ann_is_dead(by->dead, row);

        n.rows += live;
        n.first += live && row < a->meta.entries;
    }
    return n;
}

static bool is_anew(const struct ann_change *by, const struct stay *n)
{
    const struct ann *a = by->a;

    return n->rows == 0 || (a->vectors && (2 * n->first < by->live || 2 * n->first < a->meta.beam));
}

/* As ann-build does it, with the codec's spec and as many lists as by default. */
static int make_anew(struct ivf_change *c, const struct ann_maker *m, struct err *e)
{
    const struct ann *a = m->change->a;
    const struct ivf *was = a->state;
    const struct ann_build_opts how = {.codec = was->codec->spec.text,
                                       .no_vectors = !a->vectors && !was->cells};
    struct ivf_plan p;

    c->made.was = (struct ivf_was){.v = was, .place = c->place};
    if (ivf_plan(&p, &how, c->all.rows, a->form.dim, e) < 0)
        return e->code;
    return ivf_make(&c->made, m, &p, e);
}

static int change_lists(struct ivf_change *c, const struct ann_maker *m, uint64_t kept,
                        struct err *e)
{
    struct ivf_made *v = &c->made;

    if (keep_lists(c, m, kept, e) < 0 || (m->change->a->vectors && cut_lists(c, m, e) < 0) ||
        ivf_code(v, m, e) < 0)
        return e->code;
    return v->head.cells ? ivf_make_cells(v, m, e) : 0;
}

int ivf_update(struct ivf_change *c, struct ann_maker *m, struct err *e)
{
    const struct ann_change *by = m->change;
    struct stay stay = count_stay(by);
    bool anew = is_anew(by, &stay);

    if (by->rows > IVF_ROWS_MAX)
        return err_set(e, ERR_USAGE, "lists hold up to %llu rows",
                       (unsigned long long)IVF_ROWS_MAX);
    if (make_base(c, m, e) < 0)
        return e->code;
    c->made.rows = by->live;
    m->base = &c->all;
    if ((anew ? make_anew(c, m, e) : change_lists(c, m, stay.rows, e)) < 0)
        return e->code;
    if (anew)
        m->meta.beam = (uint32_t)by->live;
    if (anew || by->compact)
        m->meta.entries = (uint32_t)(anew ? c->made.all_rows : stay.first);
    c->all.rows = c->made.all_rows;
    m->order = c->made.order;
    m->base_is_all = true;
    return 0;
}

void ivf_change_free(struct ivf_change *c)
{
    if (c->made.was.v && c->made.codec == c->made.was.v->codec)
        c->made.codec = NULL; /* it is the index's own */
    ivf_made_free(&c->made);
    if (c->base)
        mem_unmap(c->base, c->bytes);
    free(c->place);
    free(c->split);
}
