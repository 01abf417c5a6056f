/* npy.c - the header of NumPy's files (numpy.lib.format, versions 1 to 3).
 *
 *   0   6  "\x93NUMPY"
 *   6   2  version: 1 0, 2 0 or 3 0
 *   8  2/4 length of what follows: 2 bytes in version 1, 4 in the others
 *   then   {'descr': '<f4', 'fortran_order': False, 'shape': (ROWS, DIM), } in any order, blanks
 *          and a newline after it, so that the data begins at a multiple of 64
 *
 * The dictionary is Python's; only the three names, each once, with a string, a truth value and a
 * tuple of numbers, are taken. Nothing is believed: the counts have bounds.
 */
#include <stdio.h>
#include <string.h>

#include "vec/file_int.h"

static const unsigned char magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

int npy_length_bytes(const unsigned char head[8], const char *name, struct err *e)
{
    if (memcmp(head, magic, sizeof magic) != 0)
        return err_set(e, ERR_INPUT, "%s: not an npy file: it does not begin with \\x93NUMPY",
                       name);
    if (head[6] < 1 || head[6] > 3)
        return err_set(e, ERR_INPUT, "%s: npy version %u.%u is not read, only 1 to 3", name,
                       head[6], head[7]);
    return head[6] == 1 ? 2 : 4;
}

struct cursor {
    const char *p, *end;
};

static void blanks(struct cursor *c)
{
    while (c->p < c->end && (*c->p == ' ' || *c->p == '\n' || *c->p == '\t'))
        c->p++;
}

/* Is this what comes next, blanks aside? Then it is behind us. */
static bool take(struct cursor *c, const char *word)
{
    size_t n = strlen(word);

    blanks(c);
    if ((size_t)(c->end - c->p) < n || memcmp(c->p, word, n) != 0)
        return false;
    c->p += n;
    return true;
}

/* A quoted string without escapes. */
static bool take_string(struct cursor *c, const char **s, int *len)
{
    const char *close;
    char quote;

    blanks(c);
    if (c->p == c->end || (*c->p != '\'' && *c->p != '"'))
        return false;
    quote = *c->p++;
    close = memchr(c->p, quote, (size_t)(c->end - c->p));
    if (!close || close - c->p > 64)
        return false;
    *s = c->p;
    *len = (int)(close - c->p);
    c->p = close + 1;
    return true;
}

static bool take_number(struct cursor *c, uint64_t *v)
{
    const char *from;

    blanks(c);
    *v = 0;
    for (from = c->p; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++)
        if (__builtin_mul_overflow(*v, (uint64_t)10, v) ||
            __builtin_add_overflow(*v, (uint64_t)(*c->p - '0'), v))
            return false;
    if (c->p < c->end && *c->p == 'L') /* of Python 2 */
        c->p++;
    return c->p > from;
}

/* (), (N,), (N, D): the number of axes; -1 when it is none of them, 3 for more. */
static int take_shape(struct cursor *c, uint64_t axis[2])
{
    int n = 0;

    if (!take(c, "("))
        return -1;
    while (!take(c, ")")) {
        uint64_t v;
        if (!take_number(c, &v))
            return -1;
        if (n < 2)
            axis[n] = v;
        n += n < 3;
        if (!take(c, ",")) {
            if (!take(c, ")"))
                return -1;
            break;
        }
    }
    return n;
}

struct dict {
    const char *descr;
    int descr_len, axes, fortran; /* -1: not there */
    uint64_t axis[2];
    bool structure;
};

static bool take_pair(struct cursor *c, struct dict *d)
{
    const char *key;
    int len;

    if (!take_string(c, &key, &len) || !take(c, ":"))
        return false;
    if (len == 5 && memcmp(key, "descr", 5) == 0 && !d->descr) {
        d->structure = take(c, "["); /* a list of fields */
        return !d->structure && take_string(c, &d->descr, &d->descr_len);
    }
    if (len == 13 && memcmp(key, "fortran_order", 13) == 0 && d->fortran < 0) {
        d->fortran = take(c, "True") ? 1 : take(c, "False") ? 0 : -1;
        return d->fortran >= 0;
    }
    if (len == 5 && memcmp(key, "shape", 5) == 0 && d->axes < 0) {
        d->axes = take_shape(c, d->axis);
        return d->axes >= 0;
    }
    return false;
}

/* Everything, with each name there once. */
static bool take_dict(struct cursor *c, struct dict *d)
{
    bool open = take(c, "{");

    while (open && !take(c, "}")) {
        if (!take_pair(c, d))
            return false;
        if (!take(c, ",")) {
            if (!take(c, "}"))
                return false;
            break;
        }
    }
    blanks(c);
    return open && c->p == c->end && d->descr && d->fortran >= 0 && d->axes >= 0;
}

static const struct kind {
    const char *descr; /* as numpy writes it */
    enum vec_type type;
    bool f8;
} kinds[] = {
    {"<f4", VEC_F32, false}, {"<f2", VEC_F16, false}, {"|u1", VEC_U8, false},
    {"|i1", VEC_I8, false},  {"<i4", VEC_I32, false}, {"<f8", VEC_F32, true},
};

static int find_kind(const struct dict *d, const char *name, struct npy *out, struct err *e)
{
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strlen(kinds[i].descr) == (size_t)d->descr_len &&
            memcmp(kinds[i].descr, d->descr, (size_t)d->descr_len) == 0) {
            out->type = kinds[i].type;
            out->f8 = kinds[i].f8;
            return 0;
        }
    if (d->descr_len > 0 && d->descr[0] == '>')
        return err_set(e, ERR_INPUT, "%s: big-endian components ('%.*s') are not read", name,
                       d->descr_len, d->descr);
    return err_set(e, ERR_INPUT,
                   "%s: components of type '%.*s' are not read, only f2 f4 f8 i1 u1 i4", name,
                   d->descr_len, d->descr);
}

static int take_counts(const struct dict *d, const char *name, struct npy *out, struct err *e)
{
    uint64_t rows = d->axes == 2 ? d->axis[0] : d->axis[0] > 0;
    uint64_t dim = d->axis[d->axes == 2];

    if (d->fortran)
        return err_set(e, ERR_INPUT,
                       "%s: Fortran order (column after column) is not read; save it with "
                       "numpy.ascontiguousarray",
                       name);
    if (d->axes < 1 || d->axes > 2)
        return err_set(e, ERR_INPUT, "%s: an array of %s axes is no set of vectors", name,
                       d->axes ? "more than two" : "no");
    if (rows > VEC_ROWS_MAX || dim > VEC_DIM_MAX || (rows && !dim))
        return err_set(e, ERR_INPUT, "%s: %llu rows of %llu components are beyond what is read",
                       name, (unsigned long long)rows, (unsigned long long)dim);
    out->rows = rows;
    out->dim = (uint32_t)dim;
    return 0;
}

int npy_parse(const char *p, size_t len, const char *name, struct npy *out, struct err *e)
{
    struct cursor c = {p, p + len};
    struct dict d = {.axes = -1, .fortran = -1};

    bool whole = take_dict(&c, &d);

    if (d.structure)
        return err_set(e, ERR_INPUT, "%s: structures are not read, only f2 f4 f8 i1 u1 i4", name);
    if (!whole)
        return err_set(e, ERR_INPUT, "%s: damaged npy header at byte %zu of its dictionary", name,
                       (size_t)(c.p - p) + 1);
    if (find_kind(&d, name, out, e) < 0)
        return e->code;
    return take_counts(&d, name, out, e);
}

void npy_make(const struct npy *h, unsigned char out[NPY_HEADER])
{
    char dict[NPY_HEADER];
    const char *descr = "";
    int n;

    for (size_t i = sizeof kinds / sizeof *kinds; i-- > 0;)
        if (kinds[i].type == h->type && !kinds[i].f8)
            descr = kinds[i].descr;
    n = snprintf(dict, sizeof dict,
                 "{'descr': '%s', 'fortran_order': False, 'shape': (%llu, %u), }", descr,
                 (unsigned long long)h->rows, h->dim);
    memset(out, ' ', NPY_HEADER);
    memcpy(out, magic, sizeof magic);
    out[6] = 1;
    out[7] = 0;
    out[8] = NPY_HEADER - 10;
    out[9] = 0;
    memcpy(out + 10, dict, (size_t)n);
    out[NPY_HEADER - 1] = '\n';
}
