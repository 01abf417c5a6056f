/* names.c - see names.h: a table of numbers by hash, open addressing, at most half full; the names
 * one after the other.
 */
#include "base/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

enum { FIRST = 1024 };

struct names {
    uint32_t *slot; /* [slots]: 1 + a number, or 0 */
    size_t slots;   /* a power of two */
    size_t n;
    struct buf text; /* each with a NUL behind it */
    uint64_t *end;   /* [n]: behind that */
    size_t end_cap;
};

int names_new(struct names **out, struct err *e)
{
    struct names *n = *out = mem_zero(1, sizeof *n, e);

    if (!n)
        return e->code;
    n->slots = FIRST;
    if ((n->slot = mem_zero(n->slots, sizeof *n->slot, e)))
        return 0;
    names_free(n);
    *out = NULL;
    return e->code;
}

void names_free(struct names *n)
{
    if (!n)
        return;
    free(n->slot);
    free(n->end);
    buf_free(&n->text);
    free(n);
}

const char *names_of(const void *names, uint64_t number, size_t *len)
{
    const struct names *n = names;
    uint64_t from = number ? n->end[number - 1] : 0;

    *len = (size_t)(n->end[number] - from) - 1;
    return n->text.p + from;
}

/* Where the name's number is, or would be. */
static size_t place(const struct names *n, const char *p, size_t len)
{
    size_t at = (size_t)hash64(p, len) & (n->slots - 1);

    for (; n->slot[at]; at = (at + 1) & (n->slots - 1)) {
        size_t have;
        const char *name = names_of(n, n->slot[at] - 1, &have);

        if (have == len && memcmp(name, p, len) == 0)
            break;
    }
    return at;
}

static int grow(struct names *n, struct err *e)
{
    uint32_t *slot = mem_zero(2 * n->slots, sizeof *slot, e);

    if (!slot)
        return e->code;
    free(n->slot);
    n->slot = slot;
    n->slots *= 2;
    for (size_t i = 0; i < n->n; i++) {
        size_t len;
        const char *p = names_of(n, i, &len);

        n->slot[place(n, p, len)] = (uint32_t)i + 1;
    }
    return 0;
}

int names_add(struct names *n, const char *p, size_t len, uint64_t *number, struct err *e)
{
    size_t at;

    if (2 * n->n >= n->slots && grow(n, e) < 0)
        return e->code;
    at = place(n, p, len);
    if (n->slot[at]) {
        *number = n->slot[at] - 1;
        return 0;
    }
    if (n->n == UINT32_MAX - 1)
        return err_set(e, ERR_MEM, "more than 2^32 - 2 names");
    if (mem_reserve(&n->end, &n->end_cap, n->n + 1, sizeof *n->end, e) < 0 ||
        buf_reserve(&n->text, len + 1, e) < 0)
        return e->code;
    buf_add(&n->text, p, len, e);
    buf_addc(&n->text, '\0', e);
    n->end[n->n] = n->text.len;
    *number = n->n++;
    n->slot[at] = (uint32_t)n->n;
    return 0;
}

uint64_t names_find(const struct names *n, const char *p, size_t len)
{
    uint32_t slot = n->slot[place(n, p, len)];

    return slot ? slot - 1 : NAMES_NONE;
}

size_t names_count(const struct names *n)
{
    return n->n;
}

int names_compare(const struct names *n, uint64_t a, uint64_t b)
{
    size_t x, y;
    const char *p = names_of(n, a, &x), *q = names_of(n, b, &y);
    int order = memcmp(p, q, x < y ? x : y);

    return order ? order : (x > y) - (x < y);
}
