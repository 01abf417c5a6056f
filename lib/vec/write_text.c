/* write_text.c - rows as lines: numbers with commas or tabs between them, or an array in an object.
 */
#include <string.h>

#include "vec/decimal.h"
#include "vec/file_int.h"

/* Components of one call of counted_room(). */
enum { PIECE = COUNTED_ROOM / (DECIMAL_MAX + 1) };

static char *put_component(char *p, enum vec_type type, const unsigned char *src)
{
    float v;
    int32_t k;

    switch (type) {
    case VEC_U8:
        return decimal_put_i32(p, *src);
    case VEC_I8:
        return decimal_put_i32(p, (int8_t)*src);
    case VEC_I32:
        memcpy(&k, src, 4);
        return decimal_put_i32(p, k);
    case VEC_F32:
    case VEC_F16:
        break;
    }
    vec_to_f32(type, src, 1, &v);
    return decimal_put_f32(p, v);
}

/* `last` stands after the last of n components, `between` after the others. */
static int put_numbers(struct vec_writer *w, const unsigned char *src, size_t n, char between,
                       char last, struct err *e)
{
    size_t size = vec_type_size(w->type);

    for (size_t at = 0; at < n;) {
        size_t end = n - at < PIECE ? n : at + PIECE;
        unsigned char *room = counted_room(w->out, COUNTED_ROOM, e);
        char *p = (char *)room;

        if (!room)
            return e->code;
        for (; at < end; at++) {
            p = put_component(p, w->type, src + at * size);
            *p++ = at + 1 < n ? between : last;
        }
        counted_wrote(w->out, (size_t)(p - (char *)room));
    }
    return 0;
}

int vec_write_text(struct vec_writer *w, const void *rows, uint64_t n, struct err *e)
{
    bool json = w->format == VEC_JSONL;
    size_t bytes = w->dim * vec_type_size(w->type);
    char between = w->format == VEC_TSV ? '\t' : ',', last = json ? ']' : '\n';

    for (uint64_t i = 0; i < n; i++) {
        if (json && counted_write(w->out, w->key.p, w->key.len, e) < 0)
            return e->code;
        if (put_numbers(w, (const unsigned char *)rows + i * bytes, w->dim, between, last, e) < 0)
            return e->code;
        if (json && counted_write(w->out, "}\n", 2, e) < 0)
            return e->code;
    }
    return 0;
}
