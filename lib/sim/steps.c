/* steps.c - see steps.h. A line's fields are spans, by column or by JSON's name, and become numbers
 * by one table of fields.
 */
#include "sim/steps.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/num.h"
#include "sim/record.h"

/* ---- out ---- */

void steps_begin(struct steps_writer *w)
{
    out_header(w->out, "begin_ns end_ns tokens decodes kv_sum kv_min kv_max running waiting "
                       "kv_blocks pieces transfer_ns replica");
}

static int put_pieces(struct buf *b, const struct cost_shape *s, struct err *e)
{
    b->len = 0;
    for (uint32_t i = 0; i < s->n_pieces; i++)
        if (buf_printf(b, e, "%s%u@%u", i ? " " : "", s->pieces[i].chunk, s->pieces[i].kv) < 0)
            return e->code;
    return b->len ? 0 : buf_addc(b, '-', e);
}

int steps_write(struct steps_writer *w, const struct replica *r, struct err *e)
{
    const struct cost_shape *s = &r->shape;
    struct out *o = w->out;

    if (put_pieces(&w->pieces, s, e) < 0)
        return e->code;
    out_row(o);
    out_i64(o, "begin_ns", r->began_ns);
    out_i64(o, "end_ns", r->end_ns);
    out_u64(o, "tokens", s->tokens);
    out_u64(o, "decodes", s->decodes);
    out_u64(o, "kv_sum", s->kv_sum);
    out_u64(o, "kv_min", s->decodes ? s->kv_min : 0);
    out_u64(o, "kv_max", s->kv_max);
    out_u64(o, "running", r->n_running);
    out_u64(o, "waiting", r->waiting.n);
    out_u64(o, "kv_blocks", r->kv.total - r->kv.free);
    out_str(o, "pieces", w->pieces.p, w->pieces.len);
    out_i64(o, "transfer_ns", r->transfer_ns);
    out_u64(o, "replica", r->number);
    out_end_row(o);
    return 0;
}

/* ---- in ---- */

enum { LINE_MOST = 1 << 24 };

/* As 2^30 tokens, and a step of eleven days. */
#define COUNT_MOST 0x1p30
#define US_MOST    1e12

static const char *const names[STEP_FIELDS] = {
    "begin_ns", "end_ns",  "ns",     "us",      "ms",      "s",         "batch",      "decodes",
    "kv_sum",   "kv_mean", "pieces", "running", "waiting", "kv_blocks", "transfer_ns"};

struct reading {
    struct step step;
    struct cost_piece *piece;
    size_t cap;
    double kv_mean;
    struct record_form form;
    struct buf text;
    unsigned needed; /* fields */
    int (*take)(void *ctx, const struct step *s, struct err *e);
    void *ctx;
    size_t n; /* steps taken */
};

static bool has(const struct step *s, enum step_field f)
{
    return s->has >> f & 1;
}

static int field_named(const void *ctx, const char *p, size_t len)
{
    (void)ctx;
    for (int i = 0; i < STEP_FIELDS; i++)
        if (strlen(names[i]) == len && memcmp(names[i], p, len) == 0)
            return i;
    return -1;
}

static int wrong(enum step_field f, const char *text, const char *what, struct err *e)
{
    return err_set(e, ERR_INPUT, "'%s' is %s: '%.40s'", names[f], what, text);
}

bool step_pair(const char *text, char between, uint64_t *a, uint64_t *b)
{
    const char *at = strchr(text, between);
    char first[24];

    if (!at || at - text >= (long)sizeof first)
        return false;
    memcpy(first, text, (size_t)(at - text));
    first[at - text] = '\0';
    return num_u64(first, a) && num_u64(at + 1, b) && *a <= 1 << 30 && *b <= 1 << 30;
}

static int add_piece(struct reading *r, double chunk, double before, struct err *e)
{
    struct step *s = &r->step;

    if (mem_reserve(&r->piece, &r->cap, s->n_pieces + 1, sizeof *r->piece, e) < 0)
        return e->code;
    r->piece[s->n_pieces++] = (struct cost_piece){(uint32_t)chunk, (uint32_t)before};
    s->piece = r->piece;
    s->prompt_tokens += chunk;
    return 0;
}

/* Parts of a batch with blanks between; of a whole batch DECODES:CONTEXT too. Changes text. */
static int parts(struct reading *r, enum step_field f, char *text, struct err *e)
{
    struct step *s = &r->step;
    char *p = text, *stop;
    uint64_t a, b;

    if (strcmp(p, "-") == 0)
        return 0;
    for (p += strspn(p, " "); *p; p = stop + strspn(stop, " ")) {
        stop = p + strcspn(p, " ");
        if (*stop)
            *stop++ = '\0';
        if (step_pair(p, '@', &a, &b) && a > 0) {
            if (add_piece(r, (double)a, (double)b, e) < 0)
                return e->code;
        } else if (f == STEP_BATCH && step_pair(p, ':', &a, &b)) {
            s->decodes += (double)a;
            s->kv_sum += (double)a * (double)b;
        } else
            return wrong(f, p, "no part of a batch", e);
    }
    return 0;
}

static int number(enum step_field f, const char *text, double *v, struct err *e)
{
    bool count = f == STEP_DECODES || (f >= STEP_RUNNING && f <= STEP_KV_BLOCKS);

    if (!num_double(text, v) || *v < 0 || (count && (*v != floor(*v) || *v > COUNT_MOST)))
        return wrong(f, text, count ? "no count" : "no number of 0 or more", e);
    return 0;
}

/* A list of contexts, or of [chunk, before]. */
static int list(struct reading *r, enum step_field f, const char *text, size_t len, struct err *e)
{
    struct json *root = NULL;
    int rc = json_parse(&root, text, len, e);

    for (size_t i = 0; rc == 0 && i < json_len(root); i++) {
        const struct json *v = json_at(root, i);
        double a = -1, b = 0;

        if (f == STEP_PIECES && json_len(v) == 2 && json_double(json_at(v, 0), &a) &&
            json_double(json_at(v, 1), &b) && a >= 1 && b >= 0 && a <= COUNT_MOST &&
            b <= COUNT_MOST)
            rc = add_piece(r, a, b, e);
        else if (f == STEP_DECODES && json_double(v, &a) && a >= 0 && a <= COUNT_MOST) {
            r->step.decodes++;
            r->step.kv_sum += a;
        } else
            rc = wrong(f, text, "no list of such", e);
    }
    json_free(root);
    return rc;
}

static double *place(struct reading *r, enum step_field f)
{
    struct step *s = &r->step;

    switch (f) {
    case STEP_BEGIN:
        return &s->begin_ns;
    case STEP_END:
        return &s->end_ns;
    case STEP_DECODES:
        return &s->decodes;
    case STEP_KV_SUM:
        return &s->kv_sum;
    case STEP_KV_MEAN:
        return &r->kv_mean;
    case STEP_RUNNING:
        return &s->running;
    case STEP_WAITING:
        return &s->waiting;
    case STEP_KV_BLOCKS:
        return &s->kv_blocks;
    case STEP_TRANSFER:
        return &s->transfer_ns;
    default:
        return &s->us;
    }
}

static int take_field(void *ctx, int field, const struct jsonl_span *v, struct err *e)
{
    static const double us_of[] = {
        [STEP_NS] = 1e-3, [STEP_US] = 1, [STEP_MS] = 1e3, [STEP_S] = 1e6};
    struct reading *r = ctx;
    enum step_field f = (enum step_field)field;
    bool is_list = v->type == JSONL_ARRAY;
    char *text;

    if (record_absent(v))
        return 0;
    if (has(&r->step, f))
        return err_set(e, ERR_INPUT, "'%s' is there twice", names[f]);
    r->step.has |= 1U << f;
    r->text.len = 0;
    if (buf_add(&r->text, v->p, v->len, e) < 0 || buf_addc(&r->text, '\0', e) < 0)
        return e->code;
    text = r->text.p;
    if (strlen(text) < v->len)
        return err_set(e, ERR_INPUT, "'%s' has a NUL byte in it", names[f]);
    if (is_list && f == STEP_DECODES) { /* contexts: their sum is there too */
        if (has(&r->step, STEP_KV_SUM))
            return err_set(e, ERR_INPUT, "'kv_sum' is there twice");
        r->step.has |= 1U << STEP_KV_SUM;
    }
    if (is_list && (f == STEP_PIECES || f == STEP_DECODES))
        return list(r, f, text, v->len, e);
    if (f == STEP_BATCH || f == STEP_PIECES)
        return parts(r, f, text, e);
    if (number(f, text, place(r, f), e) < 0)
        return e->code;
    if (f >= STEP_NS && f <= STEP_S)
        r->step.us *= us_of[f];
    return 0;
}

/* One time, and one batch. */
static int settle(struct reading *r, struct err *e)
{
    struct step *s = &r->step;
    int times = has(s, STEP_NS) + has(s, STEP_US) + has(s, STEP_MS) + has(s, STEP_S);
    bool span = has(s, STEP_BEGIN) && has(s, STEP_END);
    const unsigned its_parts = 1U << STEP_DECODES | 1U << STEP_KV_SUM | 1U << STEP_KV_MEAN |
                               1U << STEP_PIECES;

    if (times > 1)
        return err_set(e, ERR_INPUT, "there are several times, and one is needed");
    if (times == 0 && !span)
        return err_set(e, ERR_INPUT,
                       "there is no time: 'ns', 'us', 'ms' or 's', or 'begin_ns' and 'end_ns'");
    if (times == 0)
        s->us = 1e-3 * (s->end_ns - s->begin_ns);
    s->us -= 1e-3 * s->transfer_ns;
    if (!(s->us > 0 && s->us <= US_MOST))
        return err_set(e, ERR_INPUT, "a step of %g us is none", s->us);
    if (has(s, STEP_BATCH) && s->has & its_parts)
        return err_set(e, ERR_INPUT, "there is 'batch', and its parts too");
    if (!has(s, STEP_BATCH) && !has(s, STEP_DECODES) && !has(s, STEP_PIECES))
        return err_set(e, ERR_INPUT, "there is no batch: 'batch', or 'decodes' and 'pieces'");
    if (s->decodes > 0 && has(s, STEP_DECODES) && !has(s, STEP_KV_SUM) && !has(s, STEP_KV_MEAN))
        return err_set(e, ERR_INPUT, "there are decodes, and no 'kv_sum' or 'kv_mean'");
    if (has(s, STEP_KV_MEAN) && !has(s, STEP_KV_SUM))
        s->kv_sum = s->decodes * r->kv_mean;
    if (s->kv_sum > COUNT_MOST * COUNT_MOST || (s->decodes == 0 && s->kv_sum > 0))
        return err_set(e, ERR_INPUT, "%g decodes have no %g tokens of context", s->decodes,
                       s->kv_sum);
    if (s->decodes + s->prompt_tokens < 1 || s->decodes + s->prompt_tokens > COUNT_MOST)
        return err_set(e, ERR_INPUT, "a step of %.0f tokens is none",
                       s->decodes + s->prompt_tokens);
    return 0;
}

/* ---- lines ---- */

static int read_header(struct reading *r, const struct record_line *l, struct err *e)
{
    char between = memchr(l->p, '\t', l->len) ? '\t' : ',';
    int known = record_header(&r->form, between, l->p, l->len, e);

    if (known != 0)
        return known < 0 ? known : 0;
    return err_set(e, ERR_INPUT, "this is no header of steps: none of its %zu columns is known",
                   r->form.columns);
}

static int check_needed(const struct step *s, unsigned needed, struct err *e)
{
    for (int i = 0; i < STEP_FIELDS; i++)
        if (needed >> i & ~(s->has >> i) & 1)
            return err_set(e, ERR_INPUT, "there is no '%s'", names[i]);
    return 0;
}

static int read_line(void *ctx, const struct record_line *l, struct err *e)
{
    struct reading *r = ctx;

    if (l->first && *l->p != '{')
        return read_header(r, l, e);
    if (*l->p == '#')
        return 0;
    r->step = (struct step){.has = 0};
    if (record_read(&r->form, l->p, l->len, e) < 0 || settle(r, e) < 0 ||
        check_needed(&r->step, r->needed, e) < 0)
        return e->code;
    r->n++;
    return r->take(r->ctx, &r->step, e);
}

int steps_read(const char *path, unsigned needed,
               int (*take)(void *ctx, const struct step *s, struct err *e), void *ctx,
               struct err *e)
{
    struct reading r = {.needed = needed,
                        .take = take,
                        .ctx = ctx,
                        .form = {field_named, take_field, &r, 0, {0}, 0}};
    int rc = record_lines(path, LINE_MOST, read_line, &r, e);

    if (rc == 0 && r.n == 0)
        rc = err_set(e, ERR_INPUT, "%s: there are no steps", stream_name_of(path));
    free(r.piece);
    buf_free(&r.text);
    return rc;
}
