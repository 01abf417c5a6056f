/* base.c - a file's rows in memory: base.h. */
#include "vec/base.h"

#include <string.h>

#include "base/mem.h"

enum { FIRST_ROWS = 4096 };

void vec_base_free(struct vec_base *b)
{
    if (b->p)
        mem_unmap(b->p, b->bytes);
    *b = (struct vec_base){0};
}

/* Room for n rows; those that are there move. */
static int make_room(struct vec_base *b, uint64_t n, struct err *e)
{
    size_t bytes;
    void *p;

    if (__builtin_mul_overflow(n, b->rows.stride, &bytes) || bytes == SIZE_MAX)
        return err_set(e, ERR_MEM, "out of memory for vectors");
    if (!(p = mem_map(bytes + 1, e)))
        return e->code;
    if (b->p) {
        memcpy(p, b->p, b->rows.rows * b->rows.stride);
        mem_unmap(b->p, b->bytes);
    }
    b->p = p;
    b->rows.p = p;
    b->bytes = bytes + 1;
    return 0;
}

static int read_all(struct vec_base *b, struct vec_reader *r, struct err *e)
{
    bool sure = vec_can_seek(r) &&
                vec_reader_rows(r) != VEC_UNKNOWN; /* else the header is not believed */
    uint64_t room = sure ? vec_reader_rows(r) : FIRST_ROWS;
    int64_t got = 1;

    if (make_room(b, room, e) < 0)
        return e->code;
    while (got > 0 && !(sure && b->rows.rows == room)) {
        if (b->rows.rows == room && make_room(b, room *= 2, e) < 0)
            return e->code;
        got = vec_read(r, (unsigned char *)b->p + b->rows.rows * b->rows.stride,
                       room - b->rows.rows, e);
        b->rows.rows += got > 0 ? (uint64_t)got : 0;
    }
    return got < 0 ? (int)got : 0;
}

int vec_base_load(struct vec_base *b, const char *path, const struct vec_read_opts *o,
                  struct err *e)
{
    struct vec_reader *r = NULL;
    int rc = vec_open(&r, path, o, e);

    *b = (struct vec_base){0};
    if (rc < 0)
        return rc;
    b->rows.type = vec_reader_type(r);
    b->rows.dim = vec_reader_dim(r);
    b->rows.stride = b->rows.dim * vec_type_size(b->rows.type);
    rc = read_all(b, r, e);
    vec_close(r);
    if (rc < 0)
        vec_base_free(b);
    return rc;
}
