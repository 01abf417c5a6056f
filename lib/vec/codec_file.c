/* codec_file.c - codecs as files: sectioned, kind "vcod", vec-codec(5).
 *
 *   MET0   0  96  the spec, NUL-padded      96  4  dim      100  4  code_bytes
 * and the sections of the kind, whose names end in "0", or "1" of a codec inside another, which has
 * its own "MET1".
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "vec/codec_kind.h"

enum { MAJOR = 1, MINOR = 0, META_BYTES = 104, SECTIONS_MAX = 16 /* of a kind, MET with them */ };

static const char file_kind[4] = {'v', 'c', 'o', 'd'};

struct codec_id codec_id(const char name[3], int level)
{
    struct codec_id id = {{name[0], name[1], name[2], (char)('0' + level), 0}};

    return id;
}

int codec_put(struct sect_writer *w, const char name[3], int level, const void *p, size_t n,
              size_t size, struct err *e)
{
    return sect_put(w, codec_id(name, level).s, SECT_REQUIRED, p, n * size, e);
}

int codec_get(const struct sect_file *f, const char name[3], int level, void *p, size_t n,
              size_t size, struct err *e)
{
    const void *from;

    if (sect_need(f, codec_id(name, level).s, n, size, &from, e) < 0)
        return e->code;
    memcpy(p, from, n * size);
    return 0;
}

void *codec_array(size_t n, size_t size, struct err *e)
{
    size_t bytes, padded;
    void *p = NULL;

    if (!__builtin_mul_overflow(n, size, &bytes) &&
        !__builtin_add_overflow(bytes, (size_t)64, &padded))
        p = aligned_alloc(64, padded / 64 * 64);
    if (!p) {
        err_set(e, ERR_MEM, "out of memory for a codec");
        return NULL;
    }
    return memset(p, 0, padded / 64 * 64);
}

void *codec_take(const struct sect_file *f, const char name[3], int level, size_t n, size_t size,
                 struct err *e)
{
    const void *from;
    void *p;

    if (sect_need(f, codec_id(name, level).s, n, size, &from, e) < 0)
        return NULL;
    p = codec_array(n, size, e);
    return p ? memcpy(p, from, n * size) : NULL;
}

int codec_finite(const struct sect_file *f, const char name[3], int level, const float *p, size_t n,
                 struct err *e)
{
    return codec_all_finite(p, n)
               ? 0
               : sect_bad(f, codec_id(name, level).s, "a number is not finite", e);
}

static int save_level(const struct codec *c, int level, struct sect_writer *w, struct err *e)
{
    unsigned char meta[META_BYTES] = {0};

    memcpy(meta, c->spec.text, CODEC_SPEC_MAX);
    memcpy(meta + 96, &c->dim, 4);
    memcpy(meta + 100, &c->code_bytes, 4);
    if (codec_put(w, "MET", level, meta, META_BYTES, 1, e) < 0)
        return e->code;
    return c->spec.kind->save(c, level, w, e);
}

int codec_save_inner(const struct codec *c, int level, struct sect_writer *w, struct err *e)
{
    return save_level(c, level + 1, w, e);
}

int codec_put_all(const struct codec *c, struct sect_writer *w, struct err *e)
{
    return save_level(c, 0, w, e);
}

int codec_save(const struct codec *c, const char *path, struct err *e)
{
    struct sect_writer *w = NULL;
    int rc = sect_create(&w, path, file_kind, MAJOR, MINOR, e);

    if (rc == 0)
        rc = save_level(c, 0, w, e);
    if (rc == 0)
        return sect_commit(&w, e);
    sect_abort(&w);
    return rc;
}

/* Appends the ids of a codec of that spec, and of the one inside it. */
static void add_known(const struct codec_spec *s, int level, char *ids, size_t room)
{
    size_t len = strlen(ids);
    struct codec_spec inner;
    struct err e = {0};

    len += (size_t)snprintf(ids + len, room - len, "MET%d", level);
    for (const char *p = s->kind->sections; *p; p += 3)
        len += (size_t)snprintf(ids + len, room - len, "%.3s%d", p, level);
    if (s->inner[0] && codec_parse(s->inner, &inner, &e) == 0)
        add_known(&inner, level + 1, ids, room);
}

static int check_known(const struct codec_spec *s, const struct sect_file *f, struct err *e)
{
    char ids[4 * 2 * SECTIONS_MAX + 1] = "";

    add_known(s, 0, ids, sizeof ids);
    return sect_known(f, ids, e);
}

/* `alone`: the file holds nothing else. */
static int load_level(struct codec **out, int level, const struct sect_file *f, bool alone,
                      enum cpu_level cpu, struct err *e)
{
    unsigned char meta[META_BYTES];
    struct codec_spec s;
    struct codec *c;
    uint32_t dim, code_bytes;
    struct err why = {0};

    if (codec_get(f, "MET", level, meta, META_BYTES, 1, e) < 0)
        return e->code;
    memcpy(&dim, meta + 96, 4);
    memcpy(&code_bytes, meta + 100, 4);
    if (meta[CODEC_SPEC_MAX - 1] || dim == 0 || dim > VEC_DIM_MAX)
        return sect_bad(f, codec_id("MET", level).s, "no spec, or no dimension", e);
    if (codec_parse((const char *)meta, &s, &why) < 0 || s.kind->check(&s, dim, &why) < 0)
        return sect_bad(f, codec_id("MET", level).s, why.msg, e);
    if (alone && check_known(&s, f, e) < 0)
        return e->code;
    c = codec_new(&s, dim, cpu, e);
    if (!c)
        return e->code;
    if (s.kind->load(c, level, f, e) < 0 ||
        (c->code_bytes != code_bytes &&
         sect_bad(f, codec_id("MET", level).s, "codes have another size", e) < 0)) {
        codec_free(c);
        return e->code;
    }
    *out = c;
    return 0;
}

int codec_load_inner(struct codec **out, const struct codec *outer, uint32_t dim, int level,
                     const struct sect_file *f, struct err *e)
{
    *out = NULL;
    if (load_level(out, level + 1, f, false, outer->cpu, e) < 0)
        return e->code;
    if ((*out)->dim == dim && strcmp((*out)->spec.text, outer->spec.inner) == 0)
        return 0;
    codec_free(*out);
    *out = NULL;
    return sect_bad(f, codec_id("MET", level + 1).s, "this is not the codec inside", e);
}

int codec_take_all(struct codec **out, const struct sect_file *f, enum cpu_level cpu, struct err *e)
{
    *out = NULL;
    return load_level(out, 0, f, false, cpu, e);
}

/* A checksum of the sections' names, lengths and checksums. */
static int identify(struct codec *c, const struct sect_file *f, struct err *e)
{
    struct hasher *h = NULL;

    if (hasher_new(&h, e) < 0)
        return e->code;
    for (size_t i = 0; i < sect_count(f); i++) {
        struct sect_row row = sect_row(f, i);

        hasher_add(h, row.id, 4);
        hasher_add(h, &row.len, sizeof row.len);
        hasher_add(h, &row.sum, sizeof row.sum);
    }
    c->id = hasher_value(h);
    hasher_free(h);
    return 0;
}

int codec_open(struct codec **out, const char *path, enum cpu_level cpu, struct err *e)
{
    struct sect_file *f = NULL;
    int rc = sect_open(&f, path, file_kind, MAJOR, e);

    *out = NULL;
    if (rc == 0)
        rc = sect_check(f, e);
    if (rc == 0)
        rc = load_level(out, 0, f, true, cpu, e);
    if (rc == 0)
        rc = identify(*out, f, e);
    sect_close(f);
    if (rc < 0) {
        codec_free(*out);
        *out = NULL;
    }
    return rc;
}
