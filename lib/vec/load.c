/* load.c - whole files: in place by a mapping, or as a matrix of f32. */
#include <string.h>

#include "base/map.h"
#include "vec/file_int.h"

bool vec_mapped(struct vec_reader *r, struct vec_rows *rows, struct err *why)
{
    size_t prefix = vec_layout_of(r->format) == VEC_PREFIXED ? 4 : 0;
    struct err ignored;

    if (!vec_can_seek(r) || r->f8 || strcmp(r->path, "-") == 0)
        return false;
    if (!r->map.p && map_open(&r->map, r->path, why ? why : &ignored) < 0)
        return false;
    if (r->map.len != r->data_at + r->rows * r->row_bytes) /* replaced, or begun within */
        return false;
    *rows = (struct vec_rows){r->map.p + r->data_at + prefix, r->rows, r->dim, r->type,
                              r->row_bytes};
    return true;
}

/* Every row of a stream of unknown length, its room doubling. */
static int grow(struct vec_matrix *m, uint64_t rows, struct err *e)
{
    struct vec_matrix larger;

    if (vec_matrix_init(&larger, rows, m->dim, e) < 0)
        return e->code;
    memcpy(larger.v, m->v, m->rows * m->dim * sizeof *m->v);
    vec_matrix_free(m);
    *m = larger;
    return 0;
}

/* The first `most` rows. The header of what is no plain file is not believed: room grows with what
 * comes. */
static int load_first(struct vec_matrix *m, struct vec_reader *r, uint64_t most, struct err *e)
{
    bool sure = vec_can_seek(r);
    uint64_t room = sure && r->rows < most ? r->rows : most, n = 0;
    int64_t got = 1;

    room = sure || room < 4096 ? room : 4096;
    if (vec_matrix_init(m, room, r->dim, e) < 0)
        return e->code;
    while (n < most) {
        if (n == m->rows && sure)
            break;
        if (n == m->rows && grow(m, n < most / 2 ? 2 * n + 1 : most, e) < 0)
            return e->code;
        got = vec_read_f32(r, vec_matrix_row(m, n), m->rows - n, e);
        if (got <= 0)
            break;
        n += (uint64_t)got;
    }
    m->rows = n;
    return got < 0 ? (int)got : 0;
}

/* Row i * rows / most for each i, by seeking forward. */
static int load_spread(struct vec_matrix *m, struct vec_reader *r, uint64_t most, struct err *e)
{
    uint64_t step = r->rows / most, rest = r->rows % most, n = 0;

    if (vec_matrix_init(m, most, r->dim, e) < 0)
        return e->code;
    for (uint64_t i = 0; i < most; i++) {
        /* i * rows / most without overflow */
        uint64_t row = i * step + (uint64_t)((double)i * (double)rest / (double)most);
        int64_t got = row > r->next ? vec_seek(r, row, e) : 0;

        if (got == 0)
            got = vec_read_f32(r, vec_matrix_row(m, n), 1, e);
        if (got < 0)
            return (int)got;
        n += (uint64_t)got;
    }
    m->rows = n;
    return 0;
}

/* Of a stream of unknown length every step-th row is kept; when twice as many as wanted are there,
 * every other one goes and the step doubles. In the end `most` of them remain, evenly spaced. */
static int load_thinned(struct vec_matrix *m, struct vec_reader *r, uint64_t most, struct err *e)
{
    uint64_t step = 1, n = 0, seen = 0;
    size_t bytes = r->dim * sizeof *m->v;
    int64_t got;

    if (vec_matrix_init(m, 0, r->dim, e) < 0 || grow(m, 1024, e) < 0)
        return e->code;
    for (;; seen++) {
        if (n == m->rows && grow(m, 2 * n, e) < 0)
            return e->code;
        got = vec_read_f32(r, vec_matrix_row(m, n), 1, e);
        if (got <= 0)
            break;
        n += seen % step == 0;
        if (n < 2 * most)
            continue;
        n = most;
        step *= 2;
        for (uint64_t i = 0; i < n; i++)
            memmove(vec_matrix_row(m, i), vec_matrix_row(m, 2 * i), bytes);
    }
    for (uint64_t i = 0; n > most && i < most; i++)
        memmove(vec_matrix_row(m, i), vec_matrix_row(m, i * n / most), bytes);
    m->rows = n < most ? n : most;
    return got < 0 ? (int)got : 0;
}

int vec_load_f32(struct vec_matrix *out, const char *path, const struct vec_read_opts *o,
                 uint64_t most, bool spread, struct err *e)
{
    struct vec_reader *r;
    int rc;

    *out = (struct vec_matrix){0};
    if (vec_open(&r, path, o, e) < 0)
        return e->code;
    most = most ? most : VEC_ROWS_MAX;
    if (!spread || r->rows <= most || most == VEC_ROWS_MAX)
        rc = load_first(out, r, most, e);
    else if (r->rows == VEC_UNKNOWN)
        rc = load_thinned(out, r, most, e);
    else
        rc = load_spread(out, r, most, e);
    if (o && o->skipped)
        *o->skipped += vec_reader_skipped(r);
    vec_close(r);
    if (rc < 0)
        vec_matrix_free(out);
    return rc;
}
