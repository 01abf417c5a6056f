/* grants.c - see grants.h. */
#include "ann/grants.h"

#include <stdlib.h>

#include "ann/kind.h"

/* ---- tenants ---- */

int grants_good(struct id name, struct err *e)
{
    struct err why = {0};

    if (ids_good(name, &why) < 0)
        return err_set(e, ERR_INPUT, "a tenant's name is %s",
                       name.len == 0 ? "empty" : "not UTF-8");
    if (name.len > GRANTS_NAME_MOST)
        return err_set(e, ERR_INPUT, "a tenant's name is longer than %d bytes", GRANTS_NAME_MOST);
    return 0;
}

int grants_tenant(struct ann_grants *g, struct id name, uint32_t *tenant, struct err *e)
{
    uint32_t *slot;

    if (grants_good(name, e) < 0 || ids_table_room(&g->table, &g->names, e) < 0)
        return e->code;
    slot = ids_slot(&g->table, &g->names, name);
    if (*slot == 0) {
        if (g->names.n >= GRANTS_TENANTS_MAX)
            return err_set(e, ERR_USAGE, "there are more tenants than can be");
        if (ids_add(&g->names, name, e) < 0)
            return e->code;
        *slot = (uint32_t)g->names.n;
        g->table.used++;
    }
    *tenant = *slot - 1;
    return 0;
}

uint32_t grants_find_tenant(const struct ann_grants *g, struct id name)
{
    uint32_t slot = g->table.used ? *ids_slot(&g->table, &g->names, name) : 0;

    return slot ? slot - 1 : ANN_NO_TENANT;
}

/* ---- pairs ---- */

int grants_add(struct ann_grants *g, uint32_t tenant, uint64_t row, struct err *e)
{
    if (mem_reserve(&g->come, &g->cap, g->n + 1, sizeof *g->come, e) < 0)
        return e->code;
    g->come[g->n++] = (struct grant){tenant, (uint32_t)row};
    return 0;
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* Sorts the n rows of a tenant that ascend already if the file went by rows; returns how many are
 * different. */
static uint64_t sort_rows(uint32_t *row, uint64_t n)
{
    bool ascend = true;
    uint64_t kept = 0;

    for (uint64_t i = 1; i < n && ascend; i++)
        ascend = row[i - 1] <= row[i];
    if (!ascend)
        qsort(row, n, sizeof *row, by_number);
    for (uint64_t i = 0; i < n; i++)
        if (kept == 0 || row[kept - 1] != row[i])
            row[kept++] = row[i];
    return kept;
}

int grants_settle(struct ann_grants *g, struct err *e)
{
    size_t tenants = g->names.n;
    uint64_t same[2], begin = 0, kept = 0;

    g->start = mem_zero(tenants + 2, sizeof *g->start, e);
    g->row = mem_array(g->n + 1, sizeof *g->row, e);
    if (!g->start || !g->row || ids_sort(&g->names, same, e) < 0)
        return e->code;
    for (size_t i = 0; i < g->n; i++)
        g->start[g->come[i].tenant + 2]++;
    for (size_t t = 0; t < tenants; t++)
        g->start[t + 2] += g->start[t + 1];
    for (size_t i = 0; i < g->n; i++)
        g->row[g->start[g->come[i].tenant + 1]++] = g->come[i].row;
    for (size_t t = 0; t < tenants; t++) { /* start[t + 1] is now where t ends */
        uint64_t end = g->start[t + 1], n = sort_rows(g->row + begin, end - begin);

        memmove(g->row + kept, g->row + begin, n * sizeof *g->row);
        begin = end;
        g->start[t + 1] = kept += n;
    }
    free(g->come);
    g->come = NULL;
    g->n = g->cap = 0;
    g->settled = tenants;
    return 0;
}

bool grants_has(const struct ann_grants *g, uint32_t tenant, uint64_t row)
{
    uint64_t from = 0, to = 0;

    if (tenant < g->settled) {
        from = g->start[tenant];
        to = g->start[tenant + 1];
    }
    while (from < to) {
        uint64_t middle = from + (to - from) / 2;

        if (g->row[middle] == row)
            return true;
        if (g->row[middle] < row)
            from = middle + 1;
        else
            to = middle;
    }
    return false;
}

void grants_free(struct ann_grants *g)
{
    ids_free(&g->names);
    free(g->table.slot);
    free(g->come);
    free(g->start);
    free(g->row);
    *g = (struct ann_grants){0};
}

void ann_grants_free(struct ann_grants *g)
{
    if (g)
        grants_free(g);
    free(g);
}

/* ---- changes ---- */

#define NO_PAIR UINT64_MAX /* no tenant has the number */
#define GRANTED (UINT64_C(1) << 31)

static uint64_t *find_pair(const struct grants_changes *c, uint64_t pair)
{
    uint64_t at = pair * UINT64_C(0x9e3779b97f4a7c15);

    for (at = (at ^ at >> 32) & (c->slots - 1); c->slot[at] != NO_PAIR;
         at = (at + 1) & (c->slots - 1))
        if ((c->slot[at] & ~GRANTED) == pair)
            break;
    return &c->slot[at];
}

static int grow(struct grants_changes *c, struct err *e)
{
    struct grants_changes more = {.slots = c->slots ? 2 * c->slots : 1024, .used = c->used};

    if (!(more.slot = mem_array(more.slots, sizeof *more.slot, e)))
        return e->code;
    memset(more.slot, 0xff, more.slots * sizeof *more.slot);
    for (size_t i = 0; i < c->slots; i++)
        if (c->slot[i] != NO_PAIR)
            *find_pair(&more, c->slot[i] & ~GRANTED) = c->slot[i];
    free(c->slot);
    *c = more;
    return 0;
}

int grants_change(struct grants_changes *c, uint32_t tenant, uint64_t row, bool granted,
                  struct err *e)
{
    uint64_t pair = (uint64_t)tenant << 32 | row, *slot;

    if (2 * c->used >= c->slots && grow(c, e) < 0)
        return e->code;
    slot = find_pair(c, pair);
    c->used += *slot == NO_PAIR;
    *slot = pair | (granted ? GRANTED : 0);
    return 0;
}

bool grants_now(const struct grants_changes *c, const struct ann_grants *g, uint32_t tenant,
                uint64_t row)
{
    uint64_t slot = c->slots ? *find_pair(c, (uint64_t)tenant << 32 | row) : NO_PAIR;

    if (slot != NO_PAIR)
        return slot & GRANTED;
    return grants_has(g, tenant, row);
}

static int add_all(const struct grants_changes *c, const struct ann_grants *g, const uint64_t *dead,
                   struct ann_grants *out, struct err *e)
{
    for (uint32_t t = 0; t < g->settled; t++)
        for (uint64_t i = g->start[t]; i < g->start[t + 1]; i++)
            if (!ann_is_dead(dead, g->row[i]) && grants_now(c, g, t, g->row[i]) &&
                grants_add(out, t, g->row[i], e) < 0)
                return e->code;
    for (size_t i = 0; i < c->slots; i++) {
        uint64_t pair = c->slot[i], row = pair & (GRANTED - 1);

        if (pair != NO_PAIR && (pair & GRANTED) && !ann_is_dead(dead, row) &&
            grants_add(out, (uint32_t)(pair >> 32), row, e) < 0)
            return e->code;
    }
    return 0;
}

int grants_changed(const struct grants_changes *c, const struct ann_grants *g, const uint64_t *dead,
                   struct ann_grants *out, struct err *e)
{
    uint32_t tenant;

    for (size_t t = 0; t < g->names.n; t++)
        if (grants_tenant(out, ids_made(&g->names, t), &tenant, e) < 0)
            return e->code;
    return add_all(c, g, dead, out, e) < 0 ? e->code : grants_settle(out, e);
}

void grants_changes_free(struct grants_changes *c)
{
    free(c->slot);
    *c = (struct grants_changes){0};
}
