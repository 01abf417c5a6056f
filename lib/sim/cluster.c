/* cluster.c - see cluster.h. */
#include "sim/cluster.h"

#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

enum type { TEXT, WHOLE, NUMBER };

#define AT(m) offsetof(struct setup, m)
static const struct member {
    const char *name;
    enum type type;
    size_t at;
} members[] = {
    {"cost", TEXT, AT(table)},
    {"model", TEXT, AT(cost_opts.model)},
    {"gpu", TEXT, AT(cost_opts.gpu)},
    {"tp", NUMBER, AT(cost_opts.tp)},
    {"link_gbs", NUMBER, AT(cost_opts.link_gbs)},
    {"link_us", NUMBER, AT(cost_opts.link_us)},
    {"budget", WHOLE, AT(budget)},
    {"max_num_seqs", WHOLE, AT(seqs)},
    {"max_model_len", WHOLE, AT(max_length)},
    {"block_size", WHOLE, AT(block)},
    {"kv_blocks", WHOLE, AT(kv_blocks)},
    {"gpu_memory_utilization", NUMBER, AT(utilization)},
    {"reserve_gib", NUMBER, AT(reserve_gib)},
    {"step_overhead_us", NUMBER, AT(overhead_us)},
    {"slower", NUMBER, AT(slower)},
};

struct place { /* for messages */
    const char *path, *member;
    size_t kind;
};

static int bad(const struct place *p, const char *what, struct err *e)
{
    return err_set(e, ERR_INPUT, "%s: kind %zu: '%s' %s", p->path, p->kind + 1, p->member, what);
}

static int take_whole(void *to, const struct json *v, const struct place *p, struct err *e)
{
    int64_t x;
    uint64_t u;

    if (!json_i64(v, &x) || x < 0)
        return bad(p, "is no whole number", e);
    u = (uint64_t)x;
    memcpy(to, &u, sizeof u);
    return 0;
}

static int take_number(void *to, const struct json *v, const struct place *p, struct err *e)
{
    double x;

    if (!json_double(v, &x) || !isfinite(x))
        return bad(p, "is no number", e);
    memcpy(to, &x, sizeof x);
    return 0;
}

/* Strings of a document end with a NUL. */
static int take_text(void *to, const struct json *v, const struct place *p, struct err *e)
{
    const char *s;
    size_t len;

    if (!json_text(v, &s, &len) || memchr(s, '\0', len))
        return bad(p, "is no text", e);
    memcpy(to, &s, sizeof s);
    return 0;
}

static int take_sched(int *to, const struct json *v, const struct place *p, struct err *e)
{
    const struct sched *s;
    const char *name;
    size_t len;

    for (size_t i = 0; json_text(v, &name, &len) && (s = sched_at(i)); i++)
        if (strcmp(s->name, name) == 0) {
            *to = (int)i;
            return 0;
        }
    return bad(p, "is none of " SCHED_NAMES, e);
}

static int take_count(uint32_t *to, const struct json *v, const struct place *p, struct err *e)
{
    int64_t x;

    if (!json_i64(v, &x) || x < 1 || x > FLEET_MOST)
        return bad(p, "is no number from 1 to 16384", e);
    *to = (uint32_t)x;
    return 0;
}

static int take(struct setup *s, uint32_t *count, const struct json *v, const struct place *p,
                struct err *e)
{
    const struct member *m = members, *end = m + sizeof members / sizeof *members;
    void *to;

    if (strcmp(p->member, "count") == 0)
        return take_count(count, v, p, e);
    if (strcmp(p->member, "sched") == 0)
        return take_sched(&s->sched, v, p, e);
    while (m < end && strcmp(m->name, p->member) != 0)
        m++;
    if (m == end)
        return bad(p, "is not known", e);
    to = (char *)s + m->at;
    return m->type == TEXT    ? take_text(to, v, p, e)
           : m->type == WHOLE ? take_whole(to, v, p, e)
                              : take_number(to, v, p, e);
}

/* A kind and its replicas. */
static int open_kind(struct cluster *c, size_t i, const char *path, const struct setup *usual,
                     struct err *e)
{
    struct place p = {.path = path, .kind = i};
    struct setup *s = &c->setup[i];
    const struct json *kind = json_at(c->root, i), *v;
    uint32_t count = 1;
    const char *wrong;
    int rc = 0;

    *s = *usual;
    for (size_t k = 0; rc == 0 && (v = json_member(kind, k, &p.member)); k++)
        rc = take(s, &count, v, &p, e);
    if (rc < 0)
        return rc;
    if ((wrong = setup_wrong(s)))
        return err_set(e, ERR_INPUT, "%s: kind %zu: %s", path, i + 1, wrong);
    if (c->n + count > FLEET_MOST)
        return err_set(e, ERR_INPUT, "%s: there are more than %d replicas", path, FLEET_MOST);
    c->opened++;
    if (setup_open(s, e) < 0)
        return err_prefix(e, "%s: kind %zu", path, i + 1);
    c->kind[i] = (struct replica_kind){&s->replay.engine, s->replay.sched, s->cost};
    for (uint32_t k = 0; k < count; k++)
        c->of[c->n++] = &c->kind[i];
    return 0;
}

int cluster_open(struct cluster *c, const char *path, const struct setup *usual, struct err *e)
{
    *c = (struct cluster){0};
    if (json_load(&c->root, path, e) < 0)
        return e->code;
    if ((c->kinds = json_len(c->root)) == 0)
        return err_set(e, ERR_INPUT, "%s: a cluster is a list of kinds, [{\"count\": 2, ...}]",
                       path);
    if (!(c->setup = mem_zero(c->kinds, sizeof *c->setup, e)) ||
        !(c->kind = mem_zero(c->kinds, sizeof *c->kind, e)) ||
        !(c->of = mem_array(FLEET_MOST, sizeof *c->of, e)))
        return e->code;
    for (size_t i = 0; i < c->kinds; i++)
        if (open_kind(c, i, path, usual, e) < 0)
            return e->code;
    return 0;
}

void cluster_close(struct cluster *c)
{
    for (size_t i = 0; i < c->opened; i++)
        setup_close(&c->setup[i]);
    free(c->setup);
    free(c->kind);
    free(c->of);
    json_free(c->root);
    *c = (struct cluster){0};
}
