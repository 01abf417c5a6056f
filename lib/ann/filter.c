/* filter.c - the choice of filter.h. */
#include "ann/filter.h"

#include <math.h>
#include <stdio.h>

enum {
    LEAVES_FEW = 128,
    RIGHTS_FEW = 64, /* rows of a tenant that are passed through while one is looked up */
};

static const double growth = 0.6;

double filter_growth(double rows, double count)
{
    return pow(rows / count, growth);
}

/* A row is a page. Lists that hold a row each, or more, are `effort`, or as many as hold effort *
 * filter_growth() * count / lists rows. */
static uint64_t few_on_disk(const struct filter_case *c)
{
    double pages = c->pages * c->effort;

    return (uint64_t)fmax(pages, (double)c->rows * pow(fmin(1, pages / c->lists), 1 / growth));
}

/* To compare a row costs the same whatever is allowed. A walk looks at rows / count of them for
 * each that it finds, and lists at about the root of that: so where the two meet goes by the root
 * of the rows. Lists that are counted before are hardly looked at in vain. The factors are measured
 * ones. */
static uint64_t few_of(const struct filter_case *c)
{
    double work = c->kind == FILTER_WALK ? 5.0 : c->counts ? 0.2 : 1.5;

    if (c->kind == FILTER_LEAVES) /* they hold hardly any others */
        return LEAVES_FEW;
    if (c->kind == FILTER_RIGHTS)
        return c->own / RIGHTS_FEW;
    if (c->kind == FILTER_DISK)
        return few_on_disk(c);
    return (uint64_t)sqrt(work * c->effort * (double)c->rows);
}

struct filter_plan filter_plan(const struct filter_case *c)
{
    struct filter_plan p = {.how = c->kind, .few = few_of(c)};

    if (c->count == 0)
        p.how = FILTER_NONE;
    else if (c->count >= c->rows)
        p.how = FILTER_ALL;
    else if (c->count <= c->k || c->count <= p.few)
        p.how = FILTER_EXACT;
    return p;
}

const char *filter_name(enum filter_how how)
{
    static const char *const name[] = {"none",   "exact",  "walk", "lists",
                                       "leaves", "rights", "disk", "all"};

    return name[how];
}

void filter_why(const struct filter_case *c, const struct filter_plan *p, char *text, size_t room)
{
    unsigned long long count = c->count, rows = c->live, few = p->few, own = c->own;
    double share = rows ? 100.0 * (double)count / (double)rows : 0;

    switch (p->how) {
    case FILTER_NONE:
        snprintf(text, room, "none of %llu rows matches", rows);
        break;
    case FILTER_ALL:
        snprintf(text, room, "all %llu rows match", rows);
        break;
    case FILTER_EXACT:
        snprintf(text, room,
                 "%llu of %llu rows match (%.3g %%), no more than the %llu that are sooner "
                 "compared one by one",
                 count, rows, share, few > c->k ? few : (unsigned long long)c->k);
        break;
    case FILTER_WALK:
        snprintf(text, room,
                 "%llu of %llu rows match (%.3g %%), more than %llu: a walk that passes over "
                 "the others is sooner done",
                 count, rows, share, few);
        break;
    case FILTER_LEAVES:
        snprintf(text, room,
                 "%llu of %llu rows match (%.3g %%), more than %llu: the nearest lists of leaves "
                 "that may hold them are sooner scanned",
                 count, rows, share, few);
        break;
    case FILTER_RIGHTS:
        snprintf(text, room,
                 "%llu of %llu rows match (%.3g %%), more than %llu: the tenant's %llu are sooner "
                 "passed through, those near the query first",
                 count, rows, share, few, own);
        break;
    case FILTER_DISK:
        snprintf(text, room,
                 "%llu of %llu rows match (%.3g %%), more than %llu: the nearest lists that hold "
                 "some are sooner read",
                 count, rows, share, few);
        break;
    case FILTER_LISTS:
        snprintf(text, room,
                 "%llu of %llu rows match (%.3g %%), more than %llu: the nearest lists, until "
                 "enough of them were met, are sooner done",
                 count, rows, share, few);
        break;
    }
}
