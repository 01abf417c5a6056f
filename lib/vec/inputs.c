/* inputs.c - see inputs.h. */
#include "vec/inputs.h"

#include <string.h>
#include <sys/stat.h>

static const char *path_of(const struct vec_inputs *in, size_t i)
{
    return in->n ? in->path[i] : "-";
}

size_t vec_inputs_count(const struct vec_inputs *in)
{
    return in->n ? in->n : 1;
}

static int open_one(const struct vec_inputs *in, size_t i, struct vec_reader **r, struct err *e)
{
    struct vec_read_opts o = in->read;
    enum vec_format f = o.format ? o.format : vec_format_of(path_of(in, i));

    o.raw_ids = !vec_format_is_text(f) || in->text_ids;
    return vec_open(r, path_of(in, i), &o, e);
}

static bool is_file(const char *path)
{
    struct stat st;

    return strcmp(path, "-") != 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

int vec_inputs_open(struct vec_inputs *in, struct err *e)
{
    size_t n = vec_inputs_count(in);

    if (open_one(in, 0, &in->r, e) < 0)
        return e->code;
    in->known = vec_reader_rows(in->r);
    in->can_seek = vec_can_seek(in->r);
    for (size_t i = 1; i < n && in->known != VEC_UNKNOWN; i++) {
        struct vec_reader *r = NULL;
        uint64_t rows = VEC_UNKNOWN;

        if (is_file(path_of(in, i))) {
            if (open_one(in, i, &r, e) < 0)
                return e->code;
            rows = vec_reader_rows(r);
            in->can_seek = in->can_seek && vec_can_seek(r);
            vec_close(r);
        }
        in->known = rows == VEC_UNKNOWN ? rows : in->known + rows;
    }
    if (in->read.skip_bad) /* how many will be left is not known */
        in->known = VEC_UNKNOWN;
    in->can_seek = in->can_seek && in->known != VEC_UNKNOWN;
    return 0;
}

int vec_inputs_step(struct vec_inputs *in, size_t i, struct err *e)
{
    uint64_t rows;

    if (i == in->at)
        return 0;
    rows = vec_reader_rows(in->r);
    in->base += rows != VEC_UNKNOWN ? rows : vec_reader_next(in->r);
    vec_inputs_close(in);
    in->at = i;
    return open_one(in, i, &in->r, e);
}

int vec_inputs_find(struct vec_inputs *in, uint64_t row, struct err *e)
{
    while (row - in->base >= vec_reader_rows(in->r))
        if (vec_inputs_step(in, in->at + 1, e) < 0)
            return e->code;
    return 0;
}

void vec_inputs_close(struct vec_inputs *in)
{
    if (in->r)
        in->skipped += vec_reader_skipped(in->r);
    vec_close(in->r);
    in->r = NULL;
}
