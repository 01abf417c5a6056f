/* attrs_pack.c - numbers, texts and lists become bytes of sections: attrs_int.h. */
#include <stdlib.h>

#include "ann/attrs_int.h"

int rows_of_codes(struct rows_of *o, const uint32_t *code, const uint32_t *row, uint64_t pairs,
                  uint32_t distinct, struct err *e)
{
    uint64_t *end;

    *o = (struct rows_of){.distinct = distinct};
    o->start = mem_zero(distinct + 2ull, sizeof *o->start, e);
    o->row = mem_array(pairs, sizeof *o->row, e);
    if (!o->start || !o->row) {
        rows_of_free(o);
        return e->code;
    }
    end = o->start + 1; /* of code i, while counted: where its rows begin */
    for (uint64_t i = 0; i < pairs; i++)
        o->start[code[i] + 1ull]++;
    o->start[1] = 0;
    for (uint64_t i = 1; i <= distinct; i++)
        o->start[i + 1] += o->start[i];
    for (uint64_t i = 0; i < pairs; i++)
        if (code[i] > 0)
            o->row[end[code[i] - 1]++] = row ? row[i] : (uint32_t)i;
    return 0;
}

void rows_of_free(struct rows_of *o)
{
    free(o->start);
    free(o->row);
    *o = (struct rows_of){0};
}

/* Room for `bytes` of zero and 8 more, then up to a multiple of 64. */
static uint8_t *room(struct buf *b, uint64_t bytes, struct err *e)
{
    uint64_t whole = (bytes + 63) / 64 * 64;
    uint8_t *p;

    if (buf_reserve(b, whole + 64, e) < 0)
        return NULL;
    p = (uint8_t *)b->p + b->len;
    memset(p, 0, whole + 64);
    b->len += whole;
    return p;
}

int attrs_pack_u64(struct buf *b, const uint64_t *v, uint64_t n, unsigned bits, struct err *e)
{
    uint8_t *p = room(b, attrs_bytes(n, bits), e);

    for (uint64_t i = 0; p && i < n; i++)
        attrs_put_at(p, i * bits, v[i]);
    return p ? 0 : e->code;
}

int attrs_pack_u32(struct buf *b, const uint32_t *v, uint64_t n, unsigned bits, struct err *e)
{
    uint8_t *p = room(b, attrs_bytes(n, bits), e);

    for (uint64_t i = 0; p && i < n; i++)
        attrs_put_at(p, i * bits, v[i]);
    return p ? 0 : e->code;
}

int attrs_pack_text(struct buf *b, const void *text, size_t len, struct err *e)
{
    uint8_t *p = room(b, len, e);

    if (p && len > 0)
        memcpy(p, text, len);
    return p ? 0 : e->code;
}

int attrs_pack_lists(struct buf *b, const struct rows_of *o, uint64_t rows, bool set, uint64_t *len,
                     struct err *e)
{
    uint64_t *place = mem_array(o->distinct + 1ull, sizeof *place, e), at = 0;
    uint8_t *p;
    int rc;

    if (!place)
        return e->code;
    for (uint32_t i = 0; i < o->distinct; i++) {
        place[i] = at;
        at += list_size(o->start[i + 1] - o->start[i], rows, set);
    }
    place[o->distinct] = *len = at;
    rc = attrs_pack_u64(b, o->start, o->distinct + 1ull, attrs_width(o->start[o->distinct]), e);
    if (rc == 0)
        rc = attrs_pack_u64(b, place, o->distinct + 1ull, attrs_width(at), e);
    p = rc == 0 ? room(b, at, e) : NULL;
    for (uint32_t i = 0; p && i < o->distinct; i++)
        list_make(o->row + o->start[i], o->start[i + 1] - o->start[i], rows, set, p + place[i]);
    free(place);
    return p ? 0 : e->code;
}
