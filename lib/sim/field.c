/* field.c - see field.h. */
#include "sim/field.h"

#include <string.h>

/* The quote that closes a field, whose text begins at p; NULL: there is none. *doubled: are there
 * such inside, each of which stands for one? */
static const char *closing_quote(const char *p, const char *end, bool *doubled)
{
    while ((p = memchr(p, '"', (size_t)(end - p))) && p + 1 < end && p[1] == '"') {
        *doubled = true;
        p += 2;
    }
    return p;
}

static int quoted(const char **p, const char *end, struct jsonl_span *v)
{
    const char *text = *p + 1, *stop = closing_quote(text, end, &v->escaped);

    if (!stop || (stop + 1 < end && stop[1] != ','))
        return -1;
    v->p = text;
    v->len = (size_t)(stop - text);
    *p = stop + 2;
    return 1;
}

int field_next(const char **p, const char *end, char between, struct jsonl_span *v)
{
    const char *q = *p, *stop;

    if (q > end)
        return 0;
    *v = (struct jsonl_span){q, 0, JSONL_NUMBER, false};
    if (between == ',' && q < end && *q == '"')
        return quoted(p, end, v);
    stop = memchr(q, between, (size_t)(end - q));
    stop = stop ? stop : end;
    v->len = (size_t)(stop - q);
    if (v->len >= 2 && *q == '"' && stop[-1] == '"') {
        v->p++;
        v->len -= 2;
    }
    *p = stop + 1;
    return 1;
}
