/* zoo_add.c - a model into the store. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/map.h"
#include "base/out.h"
#include "vec/zoo_int.h"

/* Of a block that is not the same: a list, which keeps nine digits, tells it from 1. */
static const double near_most = 1 - 1e-9;

/* A block that is added. */
struct add {
    struct zoo *z;
    const char *path;
    struct map map;
    char hash[ZOO_OBJECT];
    double near;
    struct buf object; /* a path */
    struct err *e;
};

static int object_path(struct add *a, const char *name)
{
    return zoo_path(&a->object, a->z->path, "objects", name, a->e);
}

/* Those that hash alike stand together. */
static bool hashes_so(const struct add *a, const char *name)
{
    return strncmp(name, a->hash, 16) == 0;
}

/* The object that is the same, into *same; NULL: there is none. */
static int find_same(struct add *a, const struct zoo_object **same)
{
    const struct zoo *z = a->z;

    *same = NULL;
    for (size_t i = zoo_object_from(z, a->hash);
         !*same && i < z->objects && hashes_so(a, z->object[i].name); i++) {
        struct map other = {0};

        if (z->object[i].bytes != a->map.len)
            continue;
        if (object_path(a, z->object[i].name) < 0 || map_open(&other, a->object.p, a->e) < 0)
            return a->e->code;
        if (other.len == a->map.len && memcmp(other.p, a->map.p, other.len) == 0)
            *same = &z->object[i];
        map_close(&other);
    }
    return 0;
}

/* The object that is nearest, if that is near enough. Arrays of one type and shape have files of
 * one size. */
static int find_near(struct add *a, const struct zoo_object **nearest, double *cosine)
{
    const struct zoo *z = a->z;

    *nearest = NULL;
    *cosine = a->near;
    for (size_t i = 0; a->near <= 1 && i < z->objects; i++) {
        double c;

        if (z->object[i].bytes != a->map.len)
            continue;
        if (object_path(a, z->object[i].name) < 0 ||
            zoo_cosine(a->path, a->object.p, *cosine, &c, a->e) < 0)
            return a->e->code;
        if (c > *cosine) {
            *nearest = &z->object[i];
            *cosine = c;
        }
    }
    return 0;
}

static int put_object(struct add *a, char name[ZOO_OBJECT])
{
    struct zoo *z = a->z;
    size_t at;

    memcpy(name, a->hash, ZOO_OBJECT);
    for (unsigned k = 1; zoo_object(z, name); k++)
        snprintf(name, ZOO_OBJECT, "%.16s-%u", a->hash, k);
    if (mem_reserve(&z->object, &z->objects_cap, z->objects + 1, sizeof *z->object, a->e) < 0 ||
        object_path(a, name) < 0 || out_bytes(a->object.p, a->map.p, a->map.len, a->e) < 0)
        return a->e->code;
    at = zoo_object_from(z, name);
    memmove(&z->object[at + 1], &z->object[at], (z->objects++ - at) * sizeof *z->object);
    z->object[at] = (struct zoo_object){.bytes = a->map.len};
    memcpy(z->object[at].name, name, ZOO_OBJECT);
    return 0;
}

/* Into *b, of which the name is set. */
static int store(struct add *a, struct zoo_block *b, struct zoo_added *sum)
{
    const struct zoo_object *same;

    b->cosine = 1;
    b->bytes = a->map.len;
    sum->blocks++;
    sum->bytes += a->map.len;
    if (find_same(a, &same) < 0)
        return a->e->code;
    sum->shared += same != NULL;
    if (!same) {
        double cosine;

        if (find_near(a, &same, &cosine) < 0)
            return a->e->code;
        b->cosine = same ? fmin(cosine, near_most) : 1;
        sum->near += same != NULL;
    }
    if (same) {
        memcpy(b->object, same->name, ZOO_OBJECT);
        return 0;
    }
    sum->new_bytes += a->map.len;
    return put_object(a, b->object);
}

static int add_block(struct zoo *z, struct zoo_model *m, const char *path, const char *name,
                     double near, struct zoo_added *sum, struct err *e)
{
    struct add a = {.z = z, .path = path, .near = near, .e = e};
    struct zoo_block b = {.cosine = 1};
    int rc;

    for (const char *c = name; *c; c++)
        if ((unsigned char)*c < ' ')
            return err_set(e, ERR_INPUT, "'%s': a name with control characters is not kept", path);
    if (mem_reserve(&m->block, &m->cap, m->blocks + 1, sizeof b, e) < 0 ||
        map_open(&a.map, path, e) < 0)
        return e->code;
    zoo_hash(z, a.map.p, a.map.len, a.hash);
    rc = store(&a, &b, sum);
    if (rc == 0 && !(b.name = strdup(name)))
        rc = err_set(e, ERR_MEM, "out of memory");
    if (rc == 0)
        m->block[m->blocks++] = b;
    map_close(&a.map);
    buf_free(&a.object);
    return rc;
}

static int add_folder(struct zoo *z, struct zoo_model *m, const char *folder, double near,
                      struct zoo_added *sum, struct err *e)
{
    struct zoo_names names = {0};
    struct buf path = {0};
    int rc = zoo_names(&names, folder, e);

    if (rc == 0 && names.n == 0)
        rc = err_set(e, ERR_INPUT, "'%s' is empty: no model", folder);
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        rc = zoo_path(&path, folder, names.v[i], NULL, e);
        if (rc == 0)
            rc = add_block(z, m, path.p, names.v[i], near, sum, e);
    }
    zoo_names_free(&names);
    buf_free(&path);
    return rc;
}

static int name_of(char **out, const char *path, struct err *e)
{
    size_t len;
    const char *name = zoo_last_part(path, &len);

    if (len == 0 || *name == '.')
        return err_set(e, ERR_INPUT, "'%s' gives a model no name", path);
    return (*out = strndup(name, len)) ? 0 : err_set(e, ERR_MEM, "out of memory");
}

static int write_list(struct zoo *z, const struct zoo_model *m, struct err *e)
{
    struct buf path = {0}, text = {0};
    int rc = zoo_path(&path, z->path, "models", m->name, e);

    if (rc == 0)
        rc = zoo_list(m, &text, e);
    if (rc == 0)
        rc = out_bytes(path.p, text.p, text.len, e);
    buf_free(&path);
    buf_free(&text);
    return rc;
}

int zoo_add(struct zoo *z, const char *from, double near, struct zoo_added *sum, struct err *e)
{
    struct zoo_model m = {0};
    struct stat st;
    int rc = name_of(&m.name, from, e);

    *sum = (struct zoo_added){0};
    if (rc == 0 && zoo_find(z, m.name))
        rc = err_set(e, ERR_USAGE, "'%s' has a model '%s' already", z->path, m.name);
    if (rc == 0 && stat(from, &st) < 0)
        rc = err_sys(e, "cannot open", from);
    if (rc == 0)
        rc = S_ISDIR(st.st_mode) ? add_folder(z, &m, from, near, sum, e)
                                 : add_block(z, &m, from, m.name, near, sum, e);
    if (rc == 0)
        rc = write_list(z, &m, e);
    if (rc == 0)
        rc = zoo_keep_model(z, &m, e);
    zoo_model_free(&m);
    return rc;
}
