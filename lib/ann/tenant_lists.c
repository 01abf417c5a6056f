/* tenant_lists.c - each tenant's rows are cut into short lists along the tree, and nodes learn
 * whose rows are at or below them: tenant.h. Tenants are shared out to threads. */
#include <stdlib.h>

#include "ann/each.h"
#include "ann/tenant.h"

/* What one tenant gets. */
struct part {
    struct tenant_list *list;
    size_t lists, lists_cap;
    uint64_t rows;
    uint32_t *met; /* nodes that must let the tenant pass, those of the lists among them */
    size_t mets, mets_cap;
    struct buf bits;
};

static void part_free(struct part *p)
{
    free(p->list);
    free(p->met);
    buf_free(&p->bits);
}

static int by_number(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

/* n places below a node: room is for their offsets. */
static int cut(const struct tenant_made *v, uint32_t at, const uint32_t *place, size_t n,
               uint32_t *room, struct part *p, struct err *e)
{
    const struct tenant_node *node = &v->node[at];

    if (mem_reserve(&p->met, &p->mets_cap, p->mets + 1, sizeof *p->met, e) < 0)
        return e->code;
    p->met[p->mets++] = at;
    if (n <= TENANT_LIST || node->count == 0) {
        if (p->bits.len > UINT32_MAX)
            return err_set(e, ERR_USAGE, "a tenant's lists take more than 4 GB");
        if (mem_reserve(&p->list, &p->lists_cap, p->lists + 1, sizeof *p->list, e) < 0)
            return e->code;
        p->list[p->lists++] = (struct tenant_list){at, (uint32_t)p->bits.len};
        for (size_t i = 0; i < n; i++)
            room[i] = place[i] - node->start;
        return tenant_code_put(&p->bits, room, n, node->rows, e);
    }
    for (uint32_t c = node->first; c < node->first + node->count && n > 0; c++) {
        size_t in = 0;

        while (in < n && place[in] < v->node[c].start + v->node[c].rows)
            in++;
        if (in > 0 && cut(v, c, place, in, room, p, e) < 0)
            return e->code;
        place += in;
        n -= in;
    }
    return 0;
}

static int make_part(const struct tenant_made *v, const uint32_t *row, size_t n,
                     const uint32_t *place, struct part *p, struct err *e)
{
    uint32_t *at = mem_array(2 * n, sizeof *at, e);
    size_t kept = 0;
    int rc = at ? 0 : e->code;

    for (size_t i = 0; at && i < n; i++) {
        at[kept] = place[row[i]];
        kept += at[kept] != UINT32_MAX;
    }
    p->rows = kept;
    if (rc == 0 && kept > 0) {
        qsort(at, kept, sizeof *at, by_number);
        rc = cut(v, 0, at, kept, at + n, p, e);
    }
    free(at);
    return rc;
}

/* ---- all of them ---- */

static int append(struct tenant_made *v, const struct part *p, size_t tenant, struct err *e)
{
    struct tenant_from *from = &v->from[tenant];

    if (buf_add(&v->bits, p->bits.p, p->bits.len, e) < 0)
        return e->code;
    if (p->lists > 0) /* else there is no array */
        memcpy(v->list + from->list, p->list, p->lists * sizeof *p->list);
    from->rows = p->rows;
    from[1] = (struct tenant_from){from->list + p->lists, v->bits.len, 0};
    return 0;
}

static int join(struct tenant_made *v, const struct part *part, size_t tenants, struct err *e)
{
    for (size_t t = 0; t < tenants; t++)
        v->head.lists += part[t].lists;
    v->from = mem_zero(tenants + 1, sizeof *v->from, e);
    v->list = mem_array(v->head.lists, sizeof *v->list, e);
    if (!v->from || !v->list)
        return e->code;
    for (size_t t = 0; t < tenants; t++)
        if (append(v, &part[t], t, e) < 0)
            return e->code;
    return 0;
}

static void let_pass(uint64_t *word, uint64_t words, uint64_t tenants, uint32_t tenant)
{
    if (tenant_is_direct(words, tenants)) {
        word[tenant / 64] |= UINT64_C(1) << tenant % 64;
        return;
    }
    for (unsigned i = 0; i < TENANT_HASHES; i++) {
        uint64_t bit = tenant_bit(tenant, i, words);

        word[bit / 64] |= UINT64_C(1) << bit % 64;
    }
}

static int make_filters(struct tenant_made *v, const struct part *part, size_t tenants,
                        struct err *e)
{
    uint64_t *n = mem_zero(v->nodes, sizeof *n, e), words = 0;

    if (!n)
        return e->code;
    for (size_t t = 0; t < tenants; t++)
        for (size_t i = 0; i < part[t].mets; i++)
            n[part[t].met[i]]++;
    for (size_t i = 0; i < v->nodes; i++) {
        v->node[i].filter = (uint32_t)words;
        v->node[i].words = (uint32_t)tenant_words(n[i], tenants);
        words += v->node[i].words;
    }
    free(n);
    if (words > UINT32_MAX)
        return err_set(e, ERR_USAGE, "filters of so many tenants take more than 32 GB");
    v->filter_words = words;
    if (!(v->filter = mem_zero(words, sizeof *v->filter, e)))
        return e->code;
    for (size_t t = 0; t < tenants; t++)
        for (size_t i = 0; i < part[t].mets; i++) {
            const struct tenant_node *node = &v->node[part[t].met[i]];

            let_pass(v->filter + node->filter, node->words, tenants, (uint32_t)t);
        }
    return 0;
}

struct cutting {
    const struct tenant_made *v;
    const struct ann_grants *g;
    const uint32_t *place;
    struct part *part;
};

static int cut_tenant(void *ctx, uint64_t t, void *room, struct err *e)
{
    const struct cutting *c = ctx;
    const struct ann_grants *g = c->g;

    (void)room;
    return make_part(c->v, g->row + g->start[t], g->start[t + 1] - g->start[t], c->place,
                     &c->part[t], e);
}

int tenant_lists(struct tenant_made *v, const struct ann_grants *g, const uint32_t *place,
                 int threads, struct err *e)
{
    size_t tenants = g ? g->settled : 0;
    struct part *part = mem_zero(tenants, sizeof *part, e);
    const uint64_t zero = 0;
    int rc;

    if (!part)
        return e->code;
    rc = each(&(struct each){.n = tenants,
                             .threads = threads,
                             .ctx = &(struct cutting){v, g, place, part},
                             .one = cut_tenant},
              e);
    v->head.tenants = tenants;
    v->head.grants = tenants ? g->start[tenants] : 0;
    v->head.nodes = v->nodes;
    if (rc == 0)
        rc = join(v, part, tenants, e);
    if (rc == 0)
        rc = make_filters(v, part, tenants, e);
    if (rc == 0)
        rc = buf_add(&v->bits, &zero, TENANT_CODE_PAD, e);
    for (size_t t = 0; t < tenants; t++)
        part_free(&part[t]);
    free(part);
    return rc;
}
