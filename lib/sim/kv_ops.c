/* kv_ops.c - see kv_ops.h: reading, writing, playing. */
#include "sim/kv_ops.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/names.h"
#include "base/num.h"
#include "sim/record.h"

enum { LINE_MOST = 1 << 16, BLOCKS_MOST = 1000000000 };

enum field { FIELD_T, FIELD_OP, FIELD_REQUEST, FIELD_BLOCKS, FIELDS };

static const char *const field_names[FIELDS] = {"t", "op", "request", "blocks"};
static const char *const op_names[] = {"alloc", "grow", "free"};

struct reading {
    struct kv_ops *ops;
    struct names *names;
    bool *live; /* [requests] */
    size_t live_cap;
    struct record_form form;
    struct buf field[FIELDS];
    bool has[FIELDS];
};

static int field_named(const void *ctx, const char *p, size_t len)
{
    (void)ctx;
    for (int i = 0; i < FIELDS; i++)
        if (strlen(field_names[i]) == len && memcmp(field_names[i], p, len) == 0)
            return i;
    return -1;
}

/* ---- an operation ---- */

static int count(const struct reading *r, enum field f, uint64_t most, uint64_t *v, struct err *e)
{
    const char *text = r->field[f].p;

    if (!r->has[f])
        return err_set(e, ERR_INPUT, "there is no '%s'", field_names[f]);
    if (!num_u64(text, v) || *v > most)
        return err_set(e, ERR_INPUT, "'%s' is no number up to %llu: '%.40s'", field_names[f],
                       (unsigned long long)most, text);
    return 0;
}

static int kind_of(const struct reading *r, enum kv_op_kind *kind, struct err *e)
{
    const char *text = r->has[FIELD_OP] ? r->field[FIELD_OP].p : "";

    for (int i = 0; i < 3; i++)
        if (strcmp(text, op_names[i]) == 0) {
            *kind = (enum kv_op_kind)i;
            return 0;
        }
    return err_set(e, ERR_INPUT, "'op' is alloc, grow or free, not '%.40s'", text);
}

/* Does it hold blocks where it must, and none where it must not? */
static int check_live(struct reading *r, const struct kv_op *op, struct err *e)
{
    struct kv_ops *o = r->ops;

    if (mem_reserve(&r->live, &r->live_cap, (size_t)op->request + 1, sizeof *r->live, e) < 0)
        return e->code;
    for (; o->requests <= op->request; o->requests++)
        r->live[o->requests] = false;
    if (r->live[op->request] != (op->kind != KV_OP_ALLOC))
        return err_set(e, ERR_INPUT, "request '%.40s' %s", r->field[FIELD_REQUEST].p,
                       r->live[op->request] ? "is there already" : "is not there");
    r->live[op->request] = op->kind != KV_OP_FREE;
    return 0;
}

static int add_op(struct kv_ops *o, struct kv_op op, struct err *e)
{
    if (mem_reserve(&o->v, &o->cap, o->n + 1, sizeof *o->v, e) < 0)
        return e->code;
    o->v[o->n++] = op;
    return 0;
}

static int take_op(struct reading *r, struct err *e)
{
    struct kv_op op = {0};
    uint64_t request, blocks = 0;
    const struct kv_ops *o = r->ops;

    if (count(r, FIELD_T, UINT64_MAX, &op.t, e) < 0 || kind_of(r, &op.kind, e) < 0)
        return e->code;
    if (o->n > 0 && op.t < o->v[o->n - 1].t)
        return err_set(e, ERR_INPUT, "'t' goes back");
    if (op.kind != KV_OP_FREE && count(r, FIELD_BLOCKS, BLOCKS_MOST, &blocks, e) < 0)
        return e->code;
    if (!r->has[FIELD_REQUEST])
        return err_set(e, ERR_INPUT, "there is no 'request'");
    if (names_add(r->names, r->field[FIELD_REQUEST].p, r->field[FIELD_REQUEST].len - 1, &request,
                  e) < 0)
        return e->code;
    op.request = (uint32_t)request;
    op.blocks = (uint32_t)blocks;
    return check_live(r, &op, e) < 0 ? e->code : add_op(r->ops, op, e);
}

/* ---- lines ---- */

static int take_field(void *ctx, int f, const struct jsonl_span *v, struct err *e)
{
    struct reading *r = ctx;
    struct buf *b = &r->field[f];

    if (record_absent(v))
        return 0;
    if (r->has[f])
        return err_set(e, ERR_INPUT, "'%s' is there twice", field_names[f]);
    r->has[f] = true;
    b->len = 0;
    if (jsonl_decode(v, b, e) < 0 || buf_addc(b, '\0', e) < 0)
        return e->code;
    return f == FIELD_REQUEST || strlen(b->p) + 1 == b->len
               ? 0
               : err_set(e, ERR_INPUT, "'%s' has a NUL byte in it", field_names[f]);
}

static int read_header(struct reading *r, const struct record_line *l, struct err *e)
{
    int known = record_header(&r->form, '\t', l->p, l->len, e);

    if (known < 0)
        return known;
    return known == FIELDS ? 0
                           : err_set(e, ERR_INPUT,
                                     "this is no header of operations: '# t', 'op', 'request' and "
                                     "'blocks', with tabs between");
}

static int read_line(void *ctx, const struct record_line *l, struct err *e)
{
    struct reading *r = ctx;

    if (!l->first && *l->p == '#')
        return 0;
    if (l->first && *l->p != '{')
        return read_header(r, l, e);
    memset(r->has, 0, sizeof r->has);
    return record_read(&r->form, l->p, l->len, e) < 0 ? e->code : take_op(r, e);
}

int kv_ops_read(struct kv_ops *o, const char *path, struct err *e)
{
    struct reading r = {.ops = o, .form = {field_named, take_field, &r, 0, {0}, 0}};
    int rc = names_new(&r.names, e);

    *o = (struct kv_ops){0};
    if (rc == 0)
        rc = record_lines(path, LINE_MOST, read_line, &r, e);
    if (rc == 0 && o->n == 0)
        rc = err_set(e, ERR_INPUT, "%s: there are no operations", stream_name_of(path));
    names_free(r.names);
    free(r.live);
    for (int i = 0; i < FIELDS; i++)
        buf_free(&r.field[i]);
    return rc;
}

void kv_ops_write(const struct kv_ops *o, struct out *to)
{
    out_header(to, "t op request blocks");
    for (size_t i = 0; i < o->n && !out_failed(to); i++) {
        out_row(to);
        out_u64(to, "t", o->v[i].t);
        out_cstr(to, "op", op_names[o->v[i].kind]);
        out_u64(to, "request", o->v[i].request);
        out_u64(to, "blocks", o->v[i].blocks);
        out_end_row(to);
    }
}

void kv_ops_free(struct kv_ops *o)
{
    free(o->v);
    *o = (struct kv_ops){0};
}

/* ---- made of a trace ---- */

/* A request on its way, and where its tokens are. */
struct making {
    struct kv_ops *o;
    const struct trace_set *t;
    const struct kv_ops_opts *how;
    uint32_t *tokens;  /* [n]: that it has */
    uint32_t *running; /* in the order in which they came */
    uint32_t *back;    /* those that had to go, the last on top */
    size_t n_running, n_back;
    uint32_t next;
    uint64_t held, step;
};

static uint64_t blocks_for(const struct making *m, uint64_t tokens)
{
    return (tokens + m->how->block_tokens - 1) / m->how->block_tokens;
}

static int op(struct making *m, enum kv_op_kind kind, uint32_t request, uint64_t blocks,
              struct err *e)
{
    if (kind == KV_OP_FREE)
        m->held -= blocks_for(m, m->tokens[request]);
    else
        m->held += blocks;
    return add_op(m->o,
                  (struct kv_op){.t = m->step,
                                 .request = request,
                                 .blocks = kind == KV_OP_FREE ? 0 : (uint32_t)blocks,
                                 .kind = kind},
                  e);
}

/* Who is next to come; UINT32_MAX: nobody. */
static uint32_t next_to_come(struct making *m)
{
    const struct trace_set *t = m->t;

    if (m->n_back > 0)
        return m->back[m->n_back - 1];
    while (m->next < t->n &&
           blocks_for(m, (uint64_t)t->prompt[m->next] + t->output[m->next]) > m->how->most)
        m->next++;
    if (m->next == t->n)
        return UINT32_MAX;
    m->tokens[m->next] = t->prompt[m->next];
    return m->next;
}

static int admit_some(struct making *m, struct err *e)
{
    uint32_t i;

    while ((i = next_to_come(m)) != UINT32_MAX &&
           m->held + blocks_for(m, m->tokens[i]) <= m->how->most) {
        m->n_back -= m->n_back > 0;
        m->next += i == m->next;
        m->running[m->n_running++] = i;
        if (op(m, KV_OP_ALLOC, i, blocks_for(m, m->tokens[i]), e) < 0)
            return e->code;
    }
    return 0;
}

/* Room for a block of the request at i: the last that runs go, it too if it is one of them. */
static int make_room(struct making *m, size_t i, struct err *e)
{
    while (m->held + 1 > m->how->most && m->n_running > i) {
        uint32_t last = m->running[--m->n_running];

        m->back[m->n_back++] = last;
        if (op(m, KV_OP_FREE, last, 0, e) < 0)
            return e->code;
    }
    return 0;
}

/* A token of each. */
static int run_step(struct making *m, struct err *e)
{
    size_t kept = 0;

    for (size_t i = 0; i < m->n_running; i++) {
        uint32_t r = m->running[i];
        bool more = m->tokens[r] % m->how->block_tokens == 0;

        if (more && make_room(m, i, e) < 0)
            return e->code;
        if (i == m->n_running)
            break;
        if (more && op(m, KV_OP_GROW, r, 1, e) < 0)
            return e->code;
        if (++m->tokens[r] < m->t->prompt[r] + m->t->output[r])
            m->running[kept++] = r;
        else if (op(m, KV_OP_FREE, r, 0, e) < 0)
            return e->code;
    }
    m->n_running = kept;
    m->step++;
    return 0;
}

int kv_ops_make(struct kv_ops *o, const struct trace_set *t, const struct kv_ops_opts *how,
                struct err *e)
{
    struct making m = {.o = o, .t = t, .how = how};
    int rc = 0;

    *o = (struct kv_ops){.requests = t->n};
    if (!(m.tokens = mem_zero(t->n, sizeof *m.tokens, e)) ||
        !(m.running = mem_array(t->n, sizeof *m.running, e)) ||
        !(m.back = mem_array(t->n, sizeof *m.back, e)))
        rc = e->code;
    do {
        if (rc == 0)
            rc = admit_some(&m, e);
        if (rc == 0)
            rc = run_step(&m, e);
    } while (rc == 0 && (m.n_running > 0 || next_to_come(&m) != UINT32_MAX));
    if (rc == 0 && o->n == 0)
        rc = err_set(e, ERR_USAGE, "none of the trace's requests fits into %u blocks", how->most);
    free(m.tokens);
    free(m.running);
    free(m.back);
    return rc;
}

/* ---- played ---- */

int kv_player_init(struct kv_player *p, const struct kv_ops *ops, struct kv_alloc *a, struct err *e)
{
    *p = (struct kv_player){.ops = ops, .a = a};
    if (!(p->held = mem_array(ops->requests, sizeof *p->held, e)))
        return e->code;
    for (uint32_t i = 0; i < ops->requests; i++)
        p->held[i] = KV_HELD_NONE;
    return 0;
}

static void play(struct kv_player *p, const struct kv_op *op)
{
    struct kv_held *h = &p->held[op->request];

    if (op->kind != KV_OP_FREE) {
        p->done.refused += !kv_alloc_grow(p->a, h, op->blocks);
        return;
    }
    if (h->blocks > 0) {
        p->done.frees++;
        p->done.copies += kv_alloc_copies(p->a, h, 0, h->blocks);
    }
    kv_alloc_release(p->a, h);
}

bool kv_player_go(struct kv_player *p, size_t most)
{
    size_t left = p->ops->n - p->at, n = most < left ? most : left;

    for (size_t i = 0; i < n; i++)
        play(p, &p->ops->v[p->at + i]);
    p->at += n;
    return p->at < p->ops->n;
}

void kv_player_free(struct kv_player *p)
{
    free(p->held);
    *p = (struct kv_player){0};
}
