/* fleet_setup.c - see fleet_setup.h. */
#include "sim/fleet_setup.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/num.h"

/* 31 years: a clock that counts to 146 has room for a few of them. */
static const double seconds_most = 1e9;

static bool is_time(double s, double least)
{
    return s >= least && s <= seconds_most;
}

/* ---- numbers ---- */

static const char *migrate_wrong(const struct fleet_setup *f)
{
    const struct migrate_opts *m = &f->migrate;

    if (!is_time(m->interval_s, 1e-6))
        return "'--migrate-interval' is 1e-6 to 1e9 seconds";
    if (!(m->link_gbs > 0))
        return "'--migrate-link-gbs' is above 0";
    if (!is_time(1e-3 * m->downtime_ms, 0))
        return "'--migrate-downtime-ms' is 0 to 1e12";
    if (!(m->out <= m->in))
        return "'--migrate-out' is no more than '--migrate-in'";
    if (m->last_blocks < 1 || m->last_blocks > UINT32_MAX || m->stages < 1 ||
        m->stages > UINT32_MAX)
        return "'--migrate-last-blocks' and '--migrate-stages' are 1 to 4294967295";
    return f->headroom > TRACE_TOKENS_MOST ? "'--headroom' is up to 1073741824" : NULL;
}

static const char *scale_wrong(const struct fleet_setup *f)
{
    if (!is_time(f->scale.interval_s, 1e-3))
        return "'--scale-interval' is 0.001 to 1e9 seconds";
    if (!is_time(f->scale.startup_s, 0) || !is_time(f->notice_s, 0))
        return "'--startup' and '--fail-notice' are 0 to 1e9 seconds";
    return f->scale.up < f->scale.down ? NULL : "'--scale-up' is below '--scale-down'";
}

/* ---- text ---- */

/* Text up to `len` as a number, 0 or more. */
static bool number(const char *text, size_t len, double *v)
{
    char copy[40];

    if (len >= sizeof copy)
        return false;
    memcpy(copy, text, len);
    copy[len] = '\0';
    return num_double(copy, v) && *v >= 0;
}

static bool count(const char *text, size_t len, uint32_t *n)
{
    double v;

    if (!number(text, len, &v) || v > FLEET_MOST || v < floor(v) || v > floor(v))
        return false;
    *n = (uint32_t)v;
    return true;
}

static bool parse_scale(struct scale_opts *s, const char *text)
{
    const char *colon = strchr(text, ':');

    return colon && count(text, (size_t)(colon - text), &s->least) &&
           count(colon + 1, strlen(colon + 1), &s->most) && s->least >= 1 && s->most >= s->least;
}

/* REPLICA@SECONDS[+SECONDS] */
static bool parse_failure(struct failure *f, const char *text, size_t len)
{
    const char *at = memchr(text, '@', len), *end = text + len, *plus;
    double s, back;

    if (!at || !count(text, (size_t)(at - text), &f->replica))
        return false;
    plus = memchr(at, '+', (size_t)(end - at));
    if (!number(at + 1, (size_t)((plus ? plus : end) - at - 1), &s) || s > seconds_most)
        return false;
    f->at_ns = llround(1e9 * s);
    f->back_ns = FLIGHT_NEVER;
    if (!plus)
        return true;
    if (!number(plus + 1, (size_t)(end - plus - 1), &back) || !(back > 0) || back > seconds_most)
        return false;
    f->back_ns = f->at_ns + llround(1e9 * back);
    return true;
}

static int parse_failures(struct fleet_setup *f, uint32_t replicas, struct err *e)
{
    for (const char *text = f->fail; text; text = *text ? text + 1 : NULL) {
        size_t len = strcspn(text, ",");
        struct failure x;

        if (!parse_failure(&x, text, len))
            return err_set(e, ERR_USAGE,
                           "'--fail' is like 2@60.5,0@100+30: replica 2 after 60.5 s");
        if (x.replica >= replicas)
            return err_set(e, ERR_USAGE, "'--fail': there is no replica %u, the first is 0",
                           x.replica);
        if (mem_reserve(&f->failure, &f->cap, f->failures + 1, sizeof *f->failure, e) < 0)
            return e->code;
        f->failure[f->failures++] = x;
        text += len;
    }
    return 0;
}

/* ---- all ---- */

static int set_scale(struct fleet_setup *f, struct fleet_opts *o, bool all, struct err *e)
{
    struct scale_opts *s = &f->scale;

    if (!parse_scale(s, f->autoscale))
        return err_set(e, ERR_USAGE, "'--autoscale' is like 1:8, up to %d", FLEET_MOST);
    if (all && s->most != o->n)
        return err_set(e, ERR_USAGE, "'--autoscale' is up to all %u replicas of the cluster", o->n);
    s->begin = all || o->n == 0 ? s->least : o->n;
    if (s->begin < s->least || s->begin > s->most)
        return err_set(e, ERR_USAGE, "'--replicas' is within '--autoscale'");
    o->n = s->most;
    o->scale = s;
    return 0;
}

int fleet_setup(struct fleet_setup *f, struct fleet_opts *o, bool all, struct err *e)
{
    const char *wrong = migrate_wrong(f);

    wrong = wrong ? wrong : scale_wrong(f);
    if (wrong)
        return err_set(e, ERR_USAGE, "%s", wrong);
    if (f->autoscale && set_scale(f, o, all, e) < 0)
        return e->code;
    o->n = o->n ? o->n : 1;
    o->migrate = f->migrate.policy == MIGRATE_OFF ? NULL : &f->migrate;
    o->headroom = (uint32_t)f->headroom;
    if (parse_failures(f, o->n, e) < 0)
        return e->code;
    o->failure = f->failure;
    o->failures = f->failures;
    o->notice_s = f->notice_s;
    return 0;
}

void fleet_setup_free(struct fleet_setup *f)
{
    free(f->failure);
}
