/* fuse_run.c - see fuse.h: files read side by side, a query of each at a time. Of questions whose
 * queries stand together only one is held.
 */
#include <math.h>
#include <stdlib.h>

#include "ann/fuse.h"
#include "base/mem.h"
#include "base/num.h"
#include "base/stream.h"
#include "vec/file.h"

/* A map may leave questions out, but each has room here: so many, and some for each line of it. */
enum { MAP_LINE = 64, REPORT = 1024, QUESTIONS_FREE = 1 << 24, QUESTIONS_OF_LINE = 64 };

/* Which queries are which question. */
struct questions {
    uint64_t *of, *left; /* of a query; of a question, the queries that are still to come */
    size_t queries, n, of_cap, left_cap;
};

/* Scores that stand beside a file: those of the query at hand. */
struct beside {
    struct vec_reader *reader; /* NULL: there are none */
    float *score;              /* [dim] */
};

struct run {
    const struct fuse_files *files;
    const struct fuse_opts *o;
    uint32_t k;
    struct neigh_reader **reader;
    struct neigh_list *list; /* of each, for the next query */
    struct beside *beside;   /* of each */
    bool *ended;
    struct questions map;
    struct fuse **open;       /* [1], or of the map's questions those that are begun */
    uint64_t query, question; /* that come next */
    struct names *names;
    struct neigh_writer *out;
    uint64_t *id;
    float *score;
};

/* ---- the map ---- */

static int add_question(struct questions *m, uint64_t question, struct err *e)
{
    if (question >= QUESTIONS_FREE + QUESTIONS_OF_LINE * (m->queries + 1))
        return err_set(e, ERR_INPUT, "question %llu is too large a number for query %zu",
                       (unsigned long long)question, m->queries);
    if (mem_reserve(&m->of, &m->of_cap, m->queries + 1, sizeof *m->of, e) < 0 ||
        mem_reserve(&m->left, &m->left_cap, question + 1, sizeof *m->left, e) < 0)
        return e->code;
    while (m->n <= question)
        m->left[m->n++] = 0;
    m->of[m->queries++] = question;
    m->left[question]++;
    return 0;
}

static int read_map(struct questions *m, const char *path, struct err *e)
{
    struct lines *in = NULL;
    const char *p;
    size_t len;
    int rc = lines_open(&in, path, '\n', MAP_LINE, e);

    while (rc == 0 && (rc = lines_next_text(in, &p, &len, e)) > 0) {
        uint64_t question;
        rc = num_u64(p, &question) ? add_question(m, question, e)
                                   : err_set(e, ERR_INPUT, "'%s' is no question's number", p);
        if (rc < 0)
            err_prefix(e, "%s:%llu", stream_name_of(path), (unsigned long long)lines_number(in));
    }
    lines_close(in);
    return rc;
}

/* ---- opening ---- */

/* Files that know how many queries they hold must agree; whole groups of them. */
static int check_counts(const struct run *r, struct err *e)
{
    const struct fuse_files *f = r->files;
    uint64_t first = VEC_UNKNOWN;
    const char *name = NULL;

    for (size_t i = 0; i < f->files; i++) {
        uint64_t n = neigh_queries(r->reader[i]);
        if (n == VEC_UNKNOWN)
            continue;
        if (name && n != first)
            return err_set(e, ERR_USAGE, "'%s' has %llu queries, '%s' %llu", name,
                           (unsigned long long)first, neigh_name(r->reader[i]),
                           (unsigned long long)n);
        first = n;
        name = neigh_name(r->reader[i]);
        if (f->group && n % f->group)
            return err_set(e, ERR_USAGE, "%s: %llu queries are no whole groups of %llu", name,
                           (unsigned long long)n, (unsigned long long)f->group);
        if (f->map && n != r->map.queries)
            return err_set(e, ERR_USAGE, "'%s' has %llu queries, the map '%s' %zu", name,
                           (unsigned long long)n, f->map, r->map.queries);
    }
    return 0;
}

static int open_beside(struct beside *b, const char *path, struct err *e)
{
    if (vec_open(&b->reader, path, NULL, e) < 0)
        return e->code;
    b->score = mem_array(vec_reader_dim(b->reader), sizeof *b->score, e);
    return b->score ? 0 : e->code;
}

static int open_inputs(struct run *r, struct err *e)
{
    const struct fuse_files *f = r->files;

    r->reader = mem_zero(f->files, sizeof *r->reader, e);
    r->list = mem_zero(f->files, sizeof *r->list, e);
    r->ended = mem_zero(f->files, sizeof *r->ended, e);
    r->beside = mem_zero(f->files, sizeof *r->beside, e);
    if (!r->reader || !r->list || !r->ended || !r->beside ||
        (f->names && names_new(&r->names, e) < 0) || (f->map && read_map(&r->map, f->map, e) < 0))
        return e->code;
    r->open = mem_zero(f->map ? r->map.n : 1, sizeof(struct fuse *), e);
    if (!r->open)
        return e->code;
    for (size_t i = 0; i < f->files; i++)
        if (neigh_open(&r->reader[i], f->path[i], f->from, r->names, e) < 0 ||
            (f->scores && f->scores[i] && open_beside(&r->beside[i], f->scores[i], e) < 0))
            return e->code;
    return check_counts(r, e);
}

/* How many questions there will be, if that is known. */
static uint64_t questions_of(const struct run *r)
{
    const struct fuse_files *f = r->files;

    for (size_t i = 0; i < f->files && !f->map; i++)
        if (neigh_queries(r->reader[i]) != VEC_UNKNOWN)
            return neigh_queries(r->reader[i]) / f->group;
    return f->map ? r->map.n : VEC_UNKNOWN;
}

static int open_output(struct run *r, const struct neigh_write_opts *w, struct err *e)
{
    struct neigh_write_opts o = *w;

    r->id = mem_array(r->k, sizeof *r->id, e);
    r->score = mem_array(r->k, sizeof *r->score, e);
    if (!r->id || !r->score)
        return e->code;
    o.queries = questions_of(r);
    o.name = r->names ? names_of : NULL;
    o.name_ctx = r->names;
    /* What is absent is the farthest. */
    o.metric = r->o->norm == FUSE_AS_IS && r->o->near == FUSE_SMALLER ? VEC_L2 : VEC_IP;
    return neigh_create(&r->out, &o, e);
}

static void run_free(struct run *r)
{
    for (size_t i = 0; i < r->files->files && r->reader; i++)
        neigh_close(r->reader[i]);
    for (size_t i = 0; i < r->files->files && r->beside; i++) {
        vec_close(r->beside[i].reader);
        free(r->beside[i].score);
    }
    for (size_t i = 0; r->open && i < (r->files->map ? r->map.n : 1); i++)
        fuse_free(r->open[i]);
    neigh_abort(&r->out);
    names_free(r->names);
    free(r->reader);
    free(r->list);
    free(r->ended);
    free(r->beside);
    free(r->open);
    free(r->map.of);
    free(r->map.left);
    free(r->id);
    free(r->score);
}

/* ---- going through ---- */

static int write_question(struct run *r, struct fuse *f, struct err *e)
{
    for (uint32_t i = 0; !f && i < r->k; i++)
        r->id[i] = NEIGH_NONE, r->score[i] = NAN;
    if (f && fuse_take(f, r->k, r->names, r->id, r->score, e) < 0)
        return e->code;
    r->question++;
    return neigh_write(r->out, r->id, r->score, 1, e);
}

/* The questions whose last query has been read, in their order. */
static int write_ended(struct run *r, struct err *e)
{
    if (!r->files->map)
        return r->query % r->files->group ? 0 : write_question(r, r->open[0], e);
    while (r->question < r->map.n && r->map.left[r->question] == 0) {
        uint64_t at = r->question;
        if (write_question(r, r->open[at], e) < 0)
            return e->code;
        fuse_free(r->open[at]);
        r->open[at] = NULL;
    }
    return 0;
}

/* The row of scores that belongs to the next list of a file, or to none as the file has ended. */
static int read_beside(struct run *r, size_t i, bool ended, struct err *e)
{
    struct beside *b = &r->beside[i];
    struct neigh_list *l = &r->list[i];
    const char *name = vec_reader_name(b->reader), *list = neigh_name(r->reader[i]);
    int64_t got = vec_read_f32(b->reader, b->score, 1, e);

    if (got < 0)
        return (int)got;
    if ((got == 0) != ended)
        return err_set(e, ERR_INPUT, "%s: scores of %s queries than '%s' has", name,
                       ended ? "more" : "fewer", list);
    if (ended)
        return 0;
    if (l->n > vec_reader_dim(b->reader))
        return err_set(e, ERR_INPUT,
                       "%s: %u scores a query, and '%s' has %u neighbours of query "
                       "%llu",
                       name, vec_reader_dim(b->reader), list, l->n, (unsigned long long)r->query);
    l->score = b->score;
    return 0;
}

/* The list of each file for the next query, empty where the file has ended; 0 where all have. */
static int read_lists(struct run *r, struct err *e)
{
    int any = 0;

    for (size_t i = 0; i < r->files->files; i++) {
        int rc = r->ended[i] ? 0 : neigh_next(r->reader[i], &r->list[i], e);
        if (rc < 0 || (!r->ended[i] && r->beside[i].reader && read_beside(r, i, rc == 0, e) < 0))
            return e->code;
        r->ended[i] = rc == 0;
        if (rc == 0)
            r->list[i] = (struct neigh_list){0};
        any |= rc;
    }
    return any;
}

static double weight_of(const struct run *r, size_t file)
{
    const struct fuse_files *f = r->files;

    if (!f->weights)
        return 1;
    return f->weights[f->files > 1 || !f->group ? file : r->query % f->group];
}

static int add_lists(struct run *r, struct err *e)
{
    const struct fuse_files *f = r->files;
    uint64_t question = f->map ? r->map.of[r->query] : 0;
    struct fuse **to = &r->open[question];
    int rc = *to ? 0 : fuse_new(to, r->o, e);

    for (size_t i = 0; i < f->files && rc == 0; i++) {
        struct neigh_list l = r->list[i];
        l.n = f->depth && f->depth < l.n ? f->depth : l.n;
        rc = fuse_add(*to, &l, weight_of(r, i), e);
        if (rc == ERR_INPUT)
            err_prefix(e, "%s: query %llu", neigh_name(r->reader[i]), (unsigned long long)r->query);
    }
    if (rc == 0 && f->map)
        r->map.left[question]--;
    r->query += rc == 0;
    return rc;
}

/* Text ends with the last query that has neighbours: what its question or the map lacks is empty.
 */
static bool is_whole(const struct run *r)
{
    return r->files->map ? r->query >= r->map.queries : r->query % r->files->group == 0;
}

static int go_through(struct run *r, struct err *e)
{
    const struct fuse_files *f = r->files;
    int more = 1;

    while (((more = read_lists(r, e)) > 0 || !is_whole(r)) && more >= 0) {
        if (f->map && r->query >= r->map.queries)
            return err_set(e, ERR_INPUT, "%s: there is no line for query %llu", f->map,
                           (unsigned long long)r->query);
        if (add_lists(r, e) < 0 || write_ended(r, e) < 0)
            return e->code;
        if (f->progress && r->query % REPORT == 0)
            f->progress(f->progress_ctx, "fusing", r->query, 0);
    }
    return more;
}

int fuse_run(const struct fuse_files *files, const struct fuse_opts *o,
             const struct neigh_write_opts *w, struct err *e)
{
    struct run r = {.files = files, .o = o, .k = w->k};
    int rc = open_inputs(&r, e);

    if (rc == 0)
        rc = open_output(&r, w, e);
    if (rc == 0)
        rc = go_through(&r, e);
    if (rc == 0)
        rc = neigh_commit(&r.out, e);
    run_free(&r);
    return rc;
}
