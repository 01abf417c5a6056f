/* prompts.c - see prompts.h. */
#include "sim/prompts.h"

#include <stdlib.h>
#include <string.h>

#include "base/jsonl.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/stream.h"
#include "sim/record.h"

struct reader {
    struct prompts *p;
    const struct prompts_opts *o;
    enum prompts_kind kind;
    size_t n_atoms, atoms_cap, v_cap, end_cap;
    struct buf ids;
};

/* ---- a line ---- */

static int add_atom(struct reader *r, const char *p, size_t len, struct err *e)
{
    uint64_t x = 0;
    bool good = len > 0;

    for (size_t i = 0; i < len && good; i++) {
        unsigned d = (unsigned char)p[i] - '0';

        good = d <= 9 && x <= (UINT64_MAX - d) / 10;
        x = 10 * x + d;
    }
    if (!good)
        return err_set(e, ERR_INPUT, "'%.*s' is no token id", (int)(len < 40 ? len : 40), p);
    if (mem_reserve(&r->p->atoms, &r->atoms_cap, r->n_atoms + 1, sizeof *r->p->atoms, e) < 0)
        return e->code;
    r->p->atoms[r->n_atoms++] = x;
    return 0;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static int add_ids(struct reader *r, const char *p, size_t len, struct err *e)
{
    for (const char *end = p + len, *from; p < end;) {
        for (; p < end && is_blank(*p); p++)
            ;
        for (from = p; p < end && !is_blank(*p); p++)
            ;
        if (p > from && add_atom(r, from, (size_t)(p - from), e) < 0)
            return e->code;
    }
    return 0;
}

static int add_list(struct reader *r, const struct jsonl_span *list, struct err *e)
{
    const char *at = NULL;
    struct jsonl_span one;

    if (list->type != JSONL_ARRAY)
        return err_set(e, ERR_INPUT, "'prompt' is no list of token ids");
    while (jsonl_item(list, &at, &one))
        if (add_atom(r, one.p, one.len, e) < 0)
            return e->code;
    return 0;
}

static int add_id(struct reader *r, const struct jsonl_span *id, struct err *e)
{
    if (!id->p || id->type == JSONL_NULL)
        return buf_printf(&r->ids, e, "%u", r->p->n);
    if (id->type != JSONL_STRING && id->type != JSONL_NUMBER)
        return err_set(e, ERR_INPUT, "'id' is no string");
    return jsonl_decode(id, &r->ids, e);
}

enum { ID, PROMPT, MEMBERS };

static int read_object(const char *line, size_t len, struct jsonl_span v[MEMBERS], struct err *e)
{
    static const char *const names[MEMBERS] = {[ID] = "id", [PROMPT] = "prompt"};

    return jsonl_members(line, len, names, v, MEMBERS, e);
}

static int add_line(struct reader *r, const char *line, size_t len, struct err *e)
{
    struct prompts *p = r->p;
    struct jsonl_span v[MEMBERS] = {{0}};
    size_t from = r->n_atoms, n;

    if (p->n == UINT32_MAX - 1)
        return err_set(e, ERR_USAGE, "there are fewer than 2^32 prompts");
    if (mem_reserve(&p->v, &r->v_cap, (size_t)p->n + 1, sizeof *p->v, e) < 0 ||
        mem_reserve(&p->id_end, &r->end_cap, (size_t)p->n + 1, sizeof *p->id_end, e) < 0)
        return e->code;
    if (r->kind == PROMPTS_IDS ? add_ids(r, line, len, e) < 0
                               : read_object(line, len, v, e) < 0 || add_list(r, &v[PROMPT], e) < 0)
        return e->code;
    n = r->n_atoms - from;
    if (n == 0 || n > TRACE_TOKENS_MOST)
        return err_set(e, ERR_INPUT, "a prompt has 1 to %d tokens", TRACE_TOKENS_MOST);
    if (add_id(r, &v[ID], e) < 0)
        return e->code;
    p->id_end[p->n] = r->ids.len;
    p->v[p->n++] = (struct prompt){.atoms = (uint32_t)n, .tokens = (uint32_t)n};
    p->tokens += n;
    return 0;
}

/* ---- a file ---- */

/* What the first line says. */
static enum prompts_kind kind_of(const char *line, size_t len)
{
    struct jsonl_span v[MEMBERS];
    struct err e = {0};

    for (; len > 0 && is_blank(*line); len--)
        line++;
    if (len > 0 && *line >= '0' && *line <= '9')
        return PROMPTS_IDS;
    return read_object(line, len, v, &e) == 0 && v[PROMPT].type == JSONL_ARRAY ? PROMPTS_JSONL
                                                                               : PROMPTS_TRACE;
}

/* 1: it is the first of a trace. */
static int read_line(void *ctx, const struct record_line *l, struct err *e)
{
    struct reader *r = ctx;

    if (jsonl_is_blank(l->p, l->len))
        return 0;
    if (r->kind == PROMPTS_AUTO && (r->kind = kind_of(l->p, l->len)) == PROMPTS_TRACE)
        return 1;
    if (add_line(r, l->p, l->len, e) < 0)
        return e->code;
    if (r->o->progress)
        r->o->progress(r->o->progress_ctx, "reading", stream_raw_pos(l->input),
                       stream_raw_size(l->input));
    return 0;
}

static int read_trace(struct prompts *p, const char *path, const struct prompts_opts *o,
                      struct err *e)
{
    const struct trace_load_opts how = {.read = {.format = TRACE_AUTO},
                                        .any_times = true,
                                        .progress = o->progress,
                                        .progress_ctx = o->progress_ctx};
    uint64_t bad;

    if (trace_load(&p->trace, path, &how, &bad, e) < 0)
        return e->code;
    if (!p->trace.hash_end)
        return err_set(e, ERR_INPUT,
                       "%s has no hashes: nothing tells which of its prompts begin alike", path);
    return prompts_of_trace(p, &p->trace, e);
}

static int read_text(struct reader *r, const char *path, struct err *e)
{
    struct prompts *p = r->p;
    int rc = record_lines(path, 0, read_line, r, e);
    const uint64_t *at = p->atoms;

    for (uint32_t i = 0; rc == 0 && i < p->n; at += p->v[i++].atoms)
        p->v[i].atom = at;
    p->ids = r->ids.p;
    p->atom_tokens = 1;
    return rc;
}

int prompts_read(struct prompts *p, const char *path, const struct prompts_opts *o, struct err *e)
{
    struct reader r = {.p = p, .o = o, .kind = o->kind};
    int rc = 1;

    *p = (struct prompts){0};
    if (o->kind != PROMPTS_TRACE)
        rc = read_text(&r, path, e);
    if (rc == 1 && o->kind != PROMPTS_TRACE && strcmp(path, "-") == 0)
        rc = err_set(e, ERR_USAGE, "a trace on standard input needs '--from trace'");
    if (rc == 1)
        rc = read_trace(p, path, o, e);
    if (rc < 0)
        prompts_free(p);
    return rc;
}

int prompts_of_trace(struct prompts *p, const struct trace_set *t, struct err *e)
{
    p->n = t->n;
    p->atom_tokens = t->block ? t->block : 1;
    if (!(p->v = mem_array(t->n, sizeof *p->v, e)))
        return e->code;
    for (uint32_t i = 0; i < t->n; i++) {
        uint32_t n;
        const uint64_t *hashes = trace_set_hashes(t, i, &n);
        uint32_t whole = t->prompt[i] / p->atom_tokens; /* the others are of the output */

        p->v[i] = (struct prompt){
            .atom = hashes, .atoms = n < whole ? n : whole, .tokens = t->prompt[i]};
        p->tokens += t->prompt[i];
    }
    return 0;
}

int prompts_reuse(const struct prompts *p, uint32_t block_tokens, struct reuse *r, struct err *e)
{
    uint32_t block = block_tokens / p->atom_tokens;
    uint64_t *hashes = NULL, state;
    size_t cap = 0;
    int rc = 0;

    for (uint32_t i = 0; i < p->n && rc == 0; i++) {
        const struct prompt *v = &p->v[i];
        size_t n = v->atoms / block;
        uint64_t text = 0;

        if ((rc = mem_reserve(&hashes, &cap, n + 1, sizeof *hashes, e)) < 0)
            break;
        for (size_t k = 0; k < n * block; k++) {
            state = text ^ v->atom[k];
            text = rand_u64(&state);
            hashes[k / block] = text;
        }
        rc = reuse_add(r, hashes, n, e);
    }
    free(hashes);
    return rc;
}

void prompts_free(struct prompts *p)
{
    free(p->v);
    free(p->ids);
    free(p->id_end);
    free(p->atoms);
    trace_set_free(&p->trace);
    *p = (struct prompts){0};
}
