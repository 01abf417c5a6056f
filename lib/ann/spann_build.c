/* spann_build.c - an index of rows that come as a stream, which need not fit into memory: spann.h.
 *
 * 1. All rows go into section VECS of the file that is made (or, without vectors, to a spool), from
 *    where they are read again, in order, as often as they are needed.
 * 2. Of a sample, SAMPLE rows a list, come the space, the codec, the form of heads, and the heads.
 * 3. Heads are linked as a graph. All rows pass by and walk to their nearest, heads become the
 *    means of their rows, and are linked anew: MOVES steps of k-means, each a third of the time
 *    that lists take. (On glove100n 1, 4, 6 and 8 of them find .873, .893, .898 and .900 in 32
 *    lists.)
 * 4. All rows pass by again, and their codes go to the lists of heads by the closure.
 *
 * Nothing depends on threads or the bound of memory: what a bound changes is where entries wait.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "ann/graph_file.h"
#include "ann/spann.h"
#include "base/rand.h"

enum {
    ROWS_A_LIST = 50,     /* rows of a list by default */
    ROWS_RESIDENT = 200,  /* likewise where lists are in memory: codes are packed by 32 */
    SAMPLE = 8,           /* rows of the sample for each list */
    SAMPLE_LEAST = 20000, /* rows of the sample at least */
    SPACE_ROWS = 10000,   /* rows of the sample that say where the space is */
    BLOCK = 4032,         /* rows that pass together: 48 of form.h's blocks */
    PIECE = 84,           /* rows of a block that are one thread's at a time */
    MOVES = 6,            /* passes that move heads to the means of their rows */
    MOVE_BEAM = 24,       /* heads that a row's walk keeps in these, where the nearest counts */
    BEAM = 64,            /* heads that it keeps when lists are made */
    APART = 2,            /* the neighbourhood rule: heads are means, so nearer to each other */
    LONG_POWER = 39,      /* ip: lengths stay below this power of two */
    HEAD_DEGREE = 32,     /* links of a head in the graph */
    HEAD_BEAM = 96,       /* heads kept while these are made */
};

struct build {
    const struct ann_build_opts *o;
    const struct ann_stream *in;
    struct sect_writer *w;
    struct spool_room room;
    struct spool raw; /* without vectors: all rows */
    uint64_t rows;
    size_t row_bytes;
    struct spann_head head;
    struct spann_space space;
    float *mean;
    struct spool sample; /* [n_sample][padded] */
    size_t n_sample;
    float *centroid;
    double *sum; /* [lists][padded + 1]: of rows, and how many */
    struct form form;
    struct codec *codec;
    uint8_t *cells;
    size_t stride;
    struct graph graph;
    struct graph_made made;
    struct spann_lists lists;
    struct spool home; /* [rows]: the list of its nearest head */
    double spread;
    uint8_t *block; /* [BLOCK] raw rows */
};

static void say(const struct build *b, const char *phase, uint64_t done, uint64_t total)
{
    if (b->o->progress)
        b->o->progress(b->o->progress_ctx, phase, done, total);
}

uint32_t spann_lists(const struct ann_build_opts *o, uint64_t rows)
{
    uint64_t lists = o->lists ? o->lists : rows / (o->resident ? ROWS_RESIDENT : ROWS_A_LIST);

    lists = lists < rows ? lists : rows;
    lists = lists < ANN_LISTS_MOST ? lists : ANN_LISTS_MOST;
    return (uint32_t)(lists ? lists : rows > 0);
}

static uint32_t replicas_of(const struct ann_build_opts *o)
{
    return o->replicas ? o->replicas : o->resident ? 1 : ANN_REPLICAS_DEFAULT;
}

static const char *codec_of(const struct ann_build_opts *o)
{
    return o->codec ? o->codec : o->resident ? "rabitq3" : "lvq8";
}

/* ---- 1: rows to the file ---- */

/* Of a block of rows: no zero vector under cosine; the largest square. */
static int look(struct build *b, uint64_t n, float *x, struct err *e)
{
    if (b->head.metric == VEC_L2)
        return 0;
    for (uint64_t i = 0; i < n; i++) {
        double square;

        ops_to_f32(b->space.in.ops, b->in->type, b->block + i * b->row_bytes, b->in->dim, x);
        square = b->space.in.ops->dot_f64(x, x, b->in->dim);
        if (b->head.metric == VEC_COSINE && !(square > 0))
            return err_set(e, ERR_INPUT, "row %llu is a zero vector, which has no cosine",
                           (unsigned long long)(b->rows + i));
        b->head.most = square > b->head.most ? square : b->head.most;
    }
    return 0;
}

static int take_rows(struct build *b, float *x, struct err *e)
{
    bool kept = b->head.vectors;
    int64_t n;

    while ((n = b->in->read(b->in->ctx, b->block, BLOCK, e)) > 0) {
        size_t bytes = (size_t)n * b->row_bytes;

        if (b->rows + (uint64_t)n > SPANN_ROWS_MAX)
            return err_set(e, ERR_USAGE, "an index of kind spann has up to %llu rows",
                           (unsigned long long)SPANN_ROWS_MAX);
        if (look(b, (uint64_t)n, x, e) < 0 || (kept ? sect_add(b->w, b->block, bytes, e)
                                                    : spool_add(&b->raw, b->block, bytes, e)) < 0)
            return e->code;
        b->rows += (uint64_t)n;
        say(b, "reading", b->rows, 0);
    }
    return (int)n;
}

static int take_all(struct build *b, struct err *e)
{
    bool kept = b->head.vectors;
    float *x = codec_array(b->in->dim, sizeof *x, e);
    int rc = x ? 0 : e->code;

    if (rc == 0 && kept)
        rc = sect_begin(b->w, "VECS", SECT_REQUIRED | SECT_APART, e);
    if (rc == 0)
        rc = take_rows(b, x, e);
    if (rc == 0 && kept)
        rc = sect_end(b->w, e);
    free(x);
    return rc;
}

/* Up to BLOCK rows, again. */
static int again(struct build *b, uint64_t from, uint64_t n, struct vec_rows *rows, struct err *e)
{
    uint64_t at = from * b->row_bytes;

    *rows = (struct vec_rows){
        .p = b->block, .rows = n, .dim = b->in->dim, .type = b->in->type, .stride = b->row_bytes};
    if (b->head.vectors)
        return sect_reread(b->w, "VECS", at, b->block, (size_t)n * b->row_bytes, e);
    rows->p = (const unsigned char *)b->raw.p + at;
    return 0;
}

/* ---- 2: what comes of a sample ---- */

/* By n rows; products of ip must stay finite. */
static int find_space(struct build *b, const float *x, size_t n, struct err *e)
{
    struct ivf_space *s = &b->space.in;
    double *sum = mem_zero(2 * (size_t)s->dim, sizeof *sum, e);
    int power = 0;

    if (!sum)
        return e->code;
    for (size_t i = 0; i < n; i++)
        for (uint32_t k = 0; k < s->dim; k++) {
            double v = (double)x[i * s->padded + k];

            sum[k] += v / (double)n;
            sum[s->dim + k] += v * v / (double)n;
        }
    ivf_set_space(s, b->mean, sum, sum + s->dim);
    frexp(sqrt(b->head.most) * (double)s->scale, &power);
    if (b->head.metric == VEC_IP && power > LONG_POWER)
        s->scale = ldexpf(s->scale, LONG_POWER - power);
    free(sum);
    return 0;
}

/* The rows chosen, as the space has them. */
static int read_sample(struct build *b, const uint64_t *chosen, size_t n, struct err *e)
{
    uint32_t padded = b->space.in.padded;
    float *x = (float *)(void *)b->sample.p;
    struct vec_rows rows;
    size_t i = 0;

    for (uint64_t from = 0; i < n; from += BLOCK) {
        uint64_t end = b->rows - from < BLOCK ? b->rows : from + BLOCK;

        if (chosen[i] >= end)
            continue;
        if (again(b, from, end - from, &rows, e) < 0)
            return e->code;
        for (; i < n && chosen[i] < end; i++)
            spann_row(&b->space, &rows, chosen[i] - from, x + i * padded);
    }
    return 0;
}

/* What is trained wants a row, if only a zero one. */
static size_t at_least_one(size_t n)
{
    return n ? n : 1;
}

static int choose_sample(struct build *b, struct err *e)
{
    uint64_t want = (uint64_t)b->head.lists * SAMPLE, seed = 1, *chosen;
    size_t some;
    int rc = 0;

    want = want > SAMPLE_LEAST ? want : SAMPLE_LEAST;
    b->n_sample = (size_t)(want < b->rows ? want : b->rows);
    some = b->n_sample < SPACE_ROWS ? b->n_sample : SPACE_ROWS;
    if (!(chosen = mem_array(b->n_sample, sizeof *chosen, e)))
        return e->code;
    rand_choose(&seed, b->rows, some, chosen);
    rc = spool_zero(&b->sample, at_least_one(b->n_sample), b->space.in.padded * sizeof(float), e);
    if (rc == 0)
        rc = read_sample(b, chosen, some, e);
    if (rc == 0)
        rc = find_space(b, (const float *)(void *)b->sample.p, some, e);
    rand_choose(&seed, b->rows, b->n_sample, chosen);
    if (rc == 0)
        rc = read_sample(b, chosen, b->n_sample, e);
    free(chosen);
    return rc;
}

static int train(struct build *b, struct err *e)
{
    uint32_t padded = b->space.in.padded;
    const float *x = (const float *)(void *)b->sample.p;
    struct codec_train t = {
        .x = x, .n = at_least_one(b->n_sample), .seed = 1, .threads = b->o->threads};
    struct vec_rows rows = {(const unsigned char *)x, t.n, padded, VEC_F32, padded * sizeof *x};
    struct form_opts how = {.spec = "int8",
                            .vectors = true,
                            .metric = VEC_L2,
                            .cpu = b->o->cpu,
                            .threads = b->o->threads};

    if (form_make(&b->form, &how, &rows, e) < 0)
        return e->code;
    return codec_train(&b->codec, codec_of(b->o), padded, b->o->cpu, &t, e);
}

static int find_heads(struct build *b, struct err *e)
{
    struct spann_tree t = {.ops = b->space.in.ops,
                           .dim = b->space.in.padded,
                           .heads = b->head.lists,
                           .threads = b->o->threads,
                           .progress = b->o->progress,
                           .progress_ctx = b->o->progress_ctx};

    say(b, "heads", 0, 0);
    if (!(b->centroid = mem_array(t.heads, t.dim * sizeof *b->centroid, e)) ||
        spann_heads(&t, (float *)(void *)b->sample.p, b->n_sample, b->centroid, e) < 0)
        return e->code;
    spool_free(&b->sample);
    return 0;
}

/* ---- 3: the graph of heads ---- */

static int link_heads(struct build *b, struct err *e)
{
    struct graph_opts how = {.degree = HEAD_DEGREE,
                             .beam = HEAD_BEAM,
                             .alpha = ANN_ALPHA_DEFAULT,
                             .threads = b->o->threads,
                             .progress = b->o->progress,
                             .progress_ctx = b->o->progress_ctx};
    uint32_t padded = b->space.in.padded;
    struct vec_rows rows = {(const unsigned char *)b->centroid, b->head.lists, padded, VEC_F32,
                            padded * sizeof(float)};

    b->stride = form_stride(&b->form);
    graph_made_free(&b->made);
    b->made = (struct graph_made){0};
    if ((!b->cells && !(b->cells = codec_array(rows.rows + 1, b->stride, e))) ||
        form_encode(&b->form, &rows, 0, rows.rows, false, b->cells, e) < 0)
        return e->code;
    b->graph = (struct graph){.rows = rows.rows,
                              .live = rows.rows,
                              .bits = 8,
                              .cells = b->cells,
                              .stride = b->stride,
                              .ops = cells_ops_for(b->o->cpu)};
    return graph_make(&b->made, &b->graph, &how, e);
}

/* ---- 4: rows to lists ---- */

/* A thread's. */
struct hand {
    struct graph_walker w;
    float *x;       /* [PIECE][padded] */
    uint8_t *cells; /* [PIECE] */
    int8_t *room;   /* weights of a row; of a head */
};

/* What comes of a block: of row i lists list[i * replicas], n[i] of them, and its code. */
struct given {
    uint32_t *list, *n;
    float *d;
    uint8_t *code; /* NULL: heads are moved, and each row has one, */
    float *x;      /* [BLOCK][padded], else NULL */
    uint32_t most;
};

static void hand_free(struct hand *h)
{
    graph_walker_free(&h->w);
    free(h->x);
    free(h->cells);
    free(h->room);
}

static int hand_init(struct hand *h, const struct build *b, size_t beam, struct err *e)
{
    *h = (struct hand){0};
    if (graph_walker_init(&h->w, b->graph.rows, beam, 0, e) < 0)
        return e->code;
    h->x = codec_array(PIECE, b->space.in.padded * sizeof *h->x, e);
    h->cells = codec_array(PIECE, b->stride, e);
    h->room = codec_array(2, b->stride, e);
    return h->x && h->cells && h->room ? 0 : e->code;
}

/* The neighbourhood rule: is an accepted head nearer to h than the row is? */
static bool hidden(const struct build *b, struct hand *h, const uint32_t *accepted, uint32_t n,
                   uint32_t head, float d)
{
    const uint8_t *cells = b->cells + head * b->stride;
    float norm = cells_norm(cells, b->stride), key[ANN_REPLICAS_MOST];
    struct cells_query q;

    cells_query_row(cells, b->stride, h->room + b->stride, &q);
    b->graph.ops->keys8(&q, b->cells, b->stride, accepted, n, key);
    for (uint32_t i = 0; i < n; i++)
        if (APART * (key[i] + norm) < d)
            return true;
    return false;
}

static void give(const struct build *b, struct hand *h, const uint8_t *cells, uint32_t most,
                 uint32_t *list, float *d, uint32_t *n)
{
    float norm = cells_norm(cells, b->stride);
    uint32_t got = 0;
    struct cells_query q;

    cells_query_row(cells, b->stride, h->room, &q);
    graph_walk(&b->graph, &q, &h->w);
    for (size_t i = 0; i < h->w.n && got < most; i++) {
        uint32_t head = cand_row(h->w.pool[i]);
        float far = cand_key(h->w.pool[i]) + norm;

        if (got > 0 && hidden(b, h, list, got, head, far))
            continue;
        list[got] = head;
        d[got++] = far > 0 ? far : 0;
    }
    *n = got;
}

/* Rows [from, from + n) of a block. */
static int give_piece(const struct build *b, struct hand *h, const struct vec_rows *rows,
                      uint64_t from, uint64_t n, const struct given *g, struct err *e)
{
    uint32_t padded = b->space.in.padded;
    float *at = g->x ? g->x + from * padded : h->x;
    struct vec_rows x = {(const unsigned char *)at, n, padded, VEC_F32, padded * sizeof(float)};

    for (uint64_t i = 0; i < n; i++)
        spann_row(&b->space, rows, from + i, at + i * padded);
    if (form_encode(&b->form, &x, 0, n, false, h->cells, e) < 0)
        return e->code;
    if (g->code &&
        b->codec->spec.kind->encode(b->codec, at, n, g->code + from * b->codec->code_bytes, e) < 0)
        return e->code;
    for (uint64_t i = 0; i < n; i++)
        give(b, h, h->cells + i * b->stride, g->most, g->list + (from + i) * g->most,
             g->d + (from + i) * g->most, &g->n[from + i]);
    return 0;
}

static int give_block(const struct build *b, struct hand *hand, const struct vec_rows *rows,
                      const struct given *g, struct err *e)
{
    struct err *mine = mem_zero((size_t)b->o->threads, sizeof *mine, e);
    int rc = mine ? 0 : e->code;

#pragma omp parallel for num_threads(b->o->threads) schedule(dynamic) if (rc == 0)
    for (int t = 0; t < b->o->threads; t++) {
        for (uint64_t at = (uint64_t)t * PIECE; mine && at < rows->rows && mine[t].code == 0;
             at += (uint64_t)b->o->threads * PIECE) {
            uint64_t n = rows->rows - at < PIECE ? rows->rows - at : PIECE;

            give_piece(b, &hand[t], rows, at, n, g, &mine[t]);
        }
    }
    for (int t = 0; t < b->o->threads && rc == 0; t++)
        if (mine[t].code < 0) {
            *e = mine[t];
            rc = e->code;
        }
    free(mine);
    return rc;
}

static int spool_block(struct build *b, uint64_t first, uint64_t rows, const struct given *g,
                       struct err *e)
{
    for (uint64_t i = 0; i < rows; i++) {
        b->spread += (double)g->d[i * g->most] / (double)b->rows;
        if (spool_add(&b->home, &g->list[i * g->most], sizeof *g->list, e) < 0)
            return e->code;
        for (uint32_t r = 0; r < g->n[i]; r++)
            if (spann_lists_add(&b->lists, g->list[i * g->most + r], (uint32_t)(first + i), r,
                                g->d[i * g->most + r], g->code + i * b->codec->code_bytes, e) < 0)
                return e->code;
    }
    return 0;
}

static void sum_block(struct build *b, uint64_t rows, const struct given *g)
{
    uint32_t padded = b->space.in.padded;

    for (uint64_t i = 0; i < rows; i++) {
        double *sum = b->sum + (size_t)g->list[i] * (padded + 1);

        for (uint32_t k = 0; k < padded; k++)
            sum[k] += (double)g->x[i * padded + k];
        sum[padded]++;
    }
}

static int pass(struct build *b, struct hand *hand, const struct given *g, struct err *e)
{
    struct vec_rows rows;

    for (uint64_t from = 0; from < b->rows; from += BLOCK) {
        uint64_t n = b->rows - from < BLOCK ? b->rows - from : BLOCK;

        if (again(b, from, n, &rows, e) < 0 || give_block(b, hand, &rows, g, e) < 0)
            return e->code;
        if (g->x)
            sum_block(b, n, g);
        else if (spool_block(b, from, n, g, e) < 0)
            return e->code;
        say(b, g->x ? "heads" : "lists", from + n, b->rows);
    }
    return 0;
}

/* All rows pass by: they move heads, or go to lists. */
static int give_all(struct build *b, bool move, struct err *e)
{
    size_t most = move ? 1 : b->o->replicas, x = b->space.in.padded * sizeof(float);
    struct hand *hand = mem_zero((size_t)b->o->threads, sizeof *hand, e);
    struct given g = {.list = mem_array(BLOCK * most, sizeof *g.list, e),
                      .d = mem_array(BLOCK * most, sizeof *g.d, e),
                      .n = mem_array(BLOCK, sizeof *g.n, e),
                      .code = move ? NULL : mem_array(BLOCK, b->codec->code_bytes, e),
                      .x = move ? mem_array(BLOCK, x, e) : NULL,
                      .most = (uint32_t)most};
    int rc = hand && g.list && g.d && g.n && (g.code || g.x) ? 0 : e->code;

    for (int t = 0; rc == 0 && t < b->o->threads; t++)
        rc = hand_init(&hand[t], b, move ? MOVE_BEAM : BEAM, e);
    if (rc == 0)
        rc = pass(b, hand, &g, e);
    for (int t = 0; hand && t < b->o->threads; t++)
        hand_free(&hand[t]);
    free(hand);
    free(g.list);
    free(g.d);
    free(g.n);
    free(g.code);
    free(g.x);
    return rc;
}

/* Heads of few rows of a sample become the means of all rows that are nearest to them. */
static int move_heads(struct build *b, struct err *e)
{
    uint32_t padded = b->space.in.padded;

    if (!(b->sum = mem_zero(b->head.lists, (padded + 1) * sizeof *b->sum, e)) ||
        give_all(b, true, e) < 0)
        return e->code;
    for (uint32_t l = 0; l < b->head.lists; l++) {
        const double *sum = b->sum + (size_t)l * (padded + 1);

        for (uint32_t k = 0; k < padded && sum[padded] > 0; k++)
            b->centroid[(size_t)l * padded + k] = (float)(sum[k] / sum[padded]);
    }
    free(b->sum);
    b->sum = NULL;
    return 0;
}

static int make_lists(struct build *b, struct err *e)
{
    if (spann_lists_init(&b->lists, b->codec, b->head.lists, b->rows * b->o->replicas, &b->room,
                         e) < 0)
        return e->code;
    return give_all(b, false, e);
}

/* ---- the file ---- */

static int put_rest(struct build *b, struct err *e)
{
    struct graph_kept kept = {b->cells, b->stride, b->graph.rows, row_width(b->graph.rows)};
    struct ann_meta m = {.rows = b->rows,
                         .degree = b->graph.degree,
                         .width = kept.width,
                         .entries = b->graph.n_entries,
                         .beam = HEAD_BEAM,
                         .alpha = ANN_ALPHA_DEFAULT,
                         .form = form_head(&b->form)};

    memcpy(m.kind, ann_kind_spann.id, sizeof m.kind);
    b->head.scale = b->space.in.scale;
    b->head.spread = (float)(b->spread * (double)b->form.step * (double)b->form.step);
    b->head.entries = b->lists.entries;
    if (sect_put(b->w, "META", SECT_REQUIRED, &m, sizeof m, e) < 0 ||
        form_save(&b->form, b->w, e) < 0 ||
        sect_put(b->w, "SPNH", SECT_REQUIRED, &b->head, sizeof b->head, e) < 0 ||
        sect_put(b->w, "MIDP", SECT_REQUIRED, b->mean, b->in->dim * sizeof *b->mean, e) < 0 ||
        sect_put(b->w, "LIST", SECT_REQUIRED, b->lists.size, b->head.lists * sizeof(uint32_t), e) <
            0 ||
        sect_put(b->w, "HOME", SECT_REQUIRED, b->home.p, b->home.len, e) < 0 ||
        graph_put(b->w, &b->graph, &b->made, &kept, e) < 0 || codec_put_all(b->codec, b->w, e) < 0)
        return e->code;
    if (b->o->ids && ids_save(b->o->ids, "ID", b->w, e) < 0)
        return e->code;
    return b->o->attrs ? attrs_save(&b->o->attrs->attrs, b->w, e) : 0;
}

/* Codes whose keys are squared distances, and whose sections the kind knows. */
static bool codec_suits(const char *spec)
{
    static const char *const names[] = {"lvq", "sq", "pq", "opq", "rabitq"};
    struct codec_spec s;
    struct err e;

    if (codec_parse(spec, &s, &e) < 0)
        return true; /* what is wrong with it codec_train() says */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(s.kind->name, names[i]) == 0)
            return true;
    return false;
}

static int check_opts(const struct build *b, struct err *e)
{
    if (b->o->codec && !codec_suits(b->o->codec))
        return err_set(e, ERR_USAGE, "%s: lists are coded by lvq, sq, pq, opq or rabitq",
                       b->o->codec);
    if (b->in->dim == 0)
        return err_set(e, ERR_INPUT, "it holds no vector, and does not say of what dimension");
    if (b->space.in.padded >= CELLS_DIM_MAX)
        return err_set(e, ERR_USAGE, "an index of kind spann takes vectors of up to %u components",
                       CELLS_DIM_MAX - 2);
    return 0;
}

static int begin(struct build *b, struct err *e)
{
    const struct ann_stream *in = b->in;
    bool ip = b->o->metric == VEC_IP;
    uint32_t padded = in->dim + ip;

    b->row_bytes = in->dim * vec_type_size(in->type);
    b->head = (struct spann_head){.dim = in->dim,
                                  .padded = padded,
                                  .type = (uint8_t)in->type,
                                  .metric = (uint8_t)b->o->metric,
                                  .vectors = !b->o->no_vectors,
                                  .resident = b->o->resident};
    b->space.metric = b->o->metric;
    b->space.in = (struct ivf_space){.ops = ops_for(b->o->cpu),
                                     .metric = ip ? VEC_L2 : b->o->metric,
                                     .type = in->type,
                                     .dim = in->dim,
                                     .padded = padded,
                                     .scale = 1};
    if (check_opts(b, e) < 0)
        return e->code;
    b->block = codec_array(BLOCK, b->row_bytes, e);
    b->mean = mem_zero(in->dim, sizeof *b->mean, e);
    b->space.in.mean = b->mean;
    return b->block && b->mean ? 0 : e->code;
}

static int run(struct build *b, struct err *e)
{
    if (take_all(b, e) < 0)
        return e->code;
    if (b->o->ids && b->o->ids->n != b->rows)
        return err_set(e, ERR_INPUT, "there are %zu ids for %llu vectors", b->o->ids->n,
                       (unsigned long long)b->rows);
    if (b->o->attrs && b->o->attrs->attrs.rows != b->rows)
        return err_set(e, ERR_INPUT, "there are attributes of %llu rows for %llu vectors",
                       (unsigned long long)b->o->attrs->attrs.rows, (unsigned long long)b->rows);
    b->head.lists = spann_lists(b->o, b->rows);
    b->space.most = b->head.most;
    if (choose_sample(b, e) < 0 || train(b, e) < 0 || find_heads(b, e) < 0 || link_heads(b, e) < 0)
        return e->code;
    for (int i = 0; i < MOVES; i++)
        if (move_heads(b, e) < 0 || link_heads(b, e) < 0)
            return e->code;
    if (make_lists(b, e) < 0)
        return e->code;
    say(b, "writing", 0, 0);
    if (spann_lists_put(&b->lists, b->o->resident, b->w, e) < 0)
        return e->code;
    return put_rest(b, e);
}

static void build_free(struct build *b)
{
    sect_abort(&b->w);
    spool_free(&b->raw);
    spool_free(&b->sample);
    spool_free(&b->home);
    spann_lists_free(&b->lists);
    graph_made_free(&b->made);
    form_free(&b->form);
    codec_free(b->codec);
    free(b->cells);
    free(b->centroid);
    free(b->sum);
    free(b->mean);
    free(b->block);
}

/* The folder of a path, for temporary files. */
static void put_folder(const char *path, char *folder)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) + (slash == path) : 1;

    memcpy(folder, slash ? path : ".", n);
    folder[n] = 0;
}

int spann_stream(const char *path, const struct ann_stream *s, const struct ann_build_opts *o,
                 struct ann_build_report *report, struct err *e)
{
    struct ann_build_opts own = *o;
    struct build b = {.o = &own, .in = s};
    char *folder = mem_array(strlen(path) + 2, 1, e);
    double began = now_s();
    int rc = folder ? 0 : e->code;

    own.threads = o->threads > 0 ? o->threads : 1;
    own.replicas = replicas_of(o);
    if (folder)
        put_folder(path, folder);
    b.room = (struct spool_room){folder, o->memory ? o->memory : UINT64_MAX / 2};
    b.raw.room = b.sample.room = b.home.room = &b.room;
    if (rc == 0)
        rc = begin(&b, e);
    if (rc == 0)
        rc = sect_create(&b.w, path, "ann ", 1, 0, e);
    if (rc == 0)
        rc = run(&b, e);
    if (rc == 0)
        rc = sect_commit(&b.w, e);
    *report = (struct ann_build_report){
        .rows = b.rows, .repaired = b.made.repaired, .seconds = now_s() - began};
    build_free(&b);
    free(folder);
    return rc;
}

/* Seconds are measured ones of a core of 2024 (Zen 5, 2.6 GHz), shared out. */
void spann_plan(struct ann_plan *p, const struct vec_rows *base, const struct ann_build_opts *o)
{
    uint64_t rows = base->rows, lists = spann_lists(o, rows), dim = base->dim + 1;
    uint64_t replicas = replicas_of(o);
    uint64_t entry = o->resident ? dim / 2 + 16 : (dim + 12) * 3 / 4;
    struct graph_opts how = {.degree = HEAD_DEGREE, .beam = HEAD_BEAM, .threads = o->threads};
    uint64_t heads = lists * (dim * 13 + CELLS_LINE) + graph_make_bytes(lists, &how);

    p->memory_bytes = heads + (uint64_t)(o->threads > 0 ? o->threads : 1) * lists + (8 << 20);
    p->file_bytes = rows * (4 + entry * replicas) + lists * (dim + 3 * HEAD_DEGREE);
    if (!o->no_vectors)
        p->file_bytes += rows * base->dim * vec_type_size(base->type);
    p->seconds = (double)rows * (1.5e-5 + 4.2e-7 * (double)dim) / (o->threads > 0 ? o->threads : 1);
}
