/* names.c - see names.h: a table of numbers by hash, open addressing, at most half full. */
#include "vec/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/mem.h"

enum { FIRST = 1024 };
#define FREE UINT64_MAX

struct name {
    char *p;
    size_t len;
};

struct names {
    struct name *name;
    size_t n, cap;
    uint64_t *slot; /* numbers, or FREE */
    size_t slots;   /* a power of two */
};

/* All slots free. */
static uint64_t *make_slots(size_t n, struct err *e)
{
    uint64_t *slot = mem_array(n, sizeof *slot, e);

    for (size_t i = 0; slot && i < n; i++)
        slot[i] = FREE;
    return slot;
}

int names_new(struct names **out, struct err *e)
{
    struct names *n = mem_zero(1, sizeof *n, e);

    *out = n;
    if (!n)
        return e->code;
    n->slots = FIRST;
    n->slot = make_slots(FIRST, e);
    if (!n->slot) {
        names_free(n);
        *out = NULL;
        return e->code;
    }
    return 0;
}

void names_free(struct names *n)
{
    if (!n)
        return;
    for (size_t i = 0; i < n->n; i++)
        free(n->name[i].p);
    free(n->name);
    free(n->slot);
    free(n);
}

/* Where the name's number is, or would be. */
static size_t find(const struct names *n, const char *p, size_t len)
{
    size_t at = hash64(p, len) & (n->slots - 1);

    for (; n->slot[at] != FREE; at = (at + 1) & (n->slots - 1)) {
        const struct name *other = &n->name[n->slot[at]];
        if (other->len == len && memcmp(other->p, p, len) == 0)
            break;
    }
    return at;
}

static int grow(struct names *n, struct err *e)
{
    uint64_t *slot = make_slots(n->slots * 2, e);

    if (!slot)
        return e->code;
    free(n->slot);
    n->slot = slot;
    n->slots *= 2;
    for (size_t i = 0; i < n->n; i++)
        n->slot[find(n, n->name[i].p, n->name[i].len)] = i;
    return 0;
}

int names_add(struct names *n, const char *p, size_t len, uint64_t *number, struct err *e)
{
    size_t at;
    char *copy;

    at = find(n, p, len);
    *number = n->slot[at];
    if (*number != FREE)
        return 0;
    if (mem_reserve(&n->name, &n->cap, n->n + 1, sizeof *n->name, e) < 0 ||
        !(copy = mem_array(len + 1, 1, e)))
        return e->code;
    memcpy(copy, p, len);
    copy[len] = '\0';
    n->name[n->n] = (struct name){copy, len};
    n->slot[at] = *number = n->n++;
    return n->n * 2 > n->slots ? grow(n, e) : 0;
}

const char *names_of(const void *names, uint64_t number, size_t *len)
{
    const struct names *n = names;

    *len = n->name[number].len;
    return n->name[number].p;
}

int names_compare(const struct names *n, uint64_t a, uint64_t b)
{
    const struct name *x = &n->name[a], *y = &n->name[b];
    int rc = memcmp(x->p, y->p, x->len < y->len ? x->len : y->len);

    return rc ? rc : (x->len > y->len) - (x->len < y->len);
}
