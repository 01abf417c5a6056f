/* names.c - open addressing over XXH3, at most half full. */
#include "sim/names.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

const char *names_text(const struct names *n, uint32_t number, size_t *len)
{
    uint64_t from = number ? n->end[number - 1] : 0;

    *len = (size_t)(n->end[number] - from);
    return n->text.p + from;
}

/* Where it is, or would be. */
static size_t place(const struct names *n, const char *p, size_t len)
{
    size_t at = (size_t)hash64(p, len) & (n->slots - 1);

    for (; n->slot[at]; at = (at + 1) & (n->slots - 1)) {
        size_t have;
        const char *text = names_text(n, n->slot[at] - 1, &have);

        if (have == len && memcmp(text, p, len) == 0)
            break;
    }
    return at;
}

uint32_t names_find(const struct names *n, const char *p, size_t len)
{
    return n->slots ? n->slot[place(n, p, len)] - 1 : NAMES_NONE;
}

static int grow(struct names *n, struct err *e)
{
    size_t slots = n->slots ? 2 * n->slots : 64;
    uint32_t *slot = mem_zero(slots, sizeof *slot, e);

    if (!slot)
        return e->code;
    free(n->slot);
    n->slot = slot;
    n->slots = slots;
    for (uint32_t i = 0; i < n->n; i++) {
        size_t len;
        const char *p = names_text(n, i, &len);

        n->slot[place(n, p, len)] = i + 1;
    }
    return 0;
}

int names_add(struct names *n, const char *p, size_t len, uint32_t *number, struct err *e)
{
    size_t at;

    if (2 * n->n >= n->slots && grow(n, e) < 0)
        return e->code;
    at = place(n, p, len);
    if (!n->slot[at]) {
        if (n->n >= NAMES_NONE - 1)
            return err_set(e, ERR_MEM, "more than 2^32 names");
        if (mem_reserve(&n->end, &n->end_cap, n->n + 1, sizeof *n->end, e) < 0 ||
            buf_add(&n->text, p, len, e) < 0)
            return e->code;
        n->end[n->n++] = n->text.len;
        n->slot[at] = (uint32_t)n->n;
    }
    *number = n->slot[at] - 1;
    return 0;
}

void names_free(struct names *n)
{
    free(n->slot);
    free(n->end);
    buf_free(&n->text);
    *n = (struct names){0};
}
