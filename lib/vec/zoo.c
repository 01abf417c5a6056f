/* zoo.c - a store opened: its lists and objects. */
#include "vec/zoo.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/hash.h"
#include "base/map.h"
#include "base/num.h"
#include "base/out.h"
#include "vec/zoo_int.h"

static const char mark[] = "block-zoo 1\n";

int zoo_path(struct buf *out, const char *a, const char *b, const char *c, struct err *e)
{
    out->len = 0;
    return buf_printf(out, e, "%s/%s%s%s", a, b, c ? "/" : "", c ? c : "") < 0 ||
                   buf_addc(out, '\0', e) < 0
               ? e->code
               : 0;
}

const char *zoo_last_part(const char *path, size_t *len)
{
    size_t end = strlen(path), from;

    while (end > 0 && path[end - 1] == '/')
        end--;
    for (from = end; from > 0 && path[from - 1] != '/'; from--)
        ;
    *len = end - from;
    return path + from;
}

/* ---- names in a folder ---- */

static int by_bytes(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static int add_name(struct zoo_names *n, const char *name, struct err *e)
{
    size_t len = strlen(name) + 1;

    if (mem_reserve(&n->v, &n->cap, n->n + 1, sizeof *n->v, e) < 0 ||
        !(n->v[n->n] = mem_array(len, 1, e)))
        return e->code;
    memcpy(n->v[n->n++], name, len);
    return 0;
}

int zoo_names(struct zoo_names *out, const char *folder, struct err *e)
{
    DIR *d = opendir(folder);
    struct dirent *f;
    int rc = 0;

    *out = (struct zoo_names){0};
    if (!d)
        return err_sys(e, "cannot read", folder);
    while (rc == 0 && (errno = 0, f = readdir(d)))
        if (f->d_name[0] != '.')
            rc = add_name(out, f->d_name, e);
    if (rc == 0 && errno)
        rc = err_sys(e, "cannot read", folder);
    closedir(d);
    if (rc == 0 && out->n > 0)
        qsort(out->v, out->n, sizeof *out->v, by_bytes);
    return rc;
}

void zoo_names_free(struct zoo_names *n)
{
    for (size_t i = 0; i < n->n; i++)
        free(n->v[i]);
    free(n->v);
    *n = (struct zoo_names){0};
}

/* ---- objects ---- */

void zoo_hash(const struct zoo *z, const void *p, size_t len, char out[ZOO_OBJECT])
{
    snprintf(out, ZOO_OBJECT, "%016" PRIx64, hash64(p, len) >> (64 - z->hash_bits));
}

size_t zoo_object_from(const struct zoo *z, const char *name)
{
    size_t from = 0, to = z->objects;

    while (from < to) {
        size_t mid = from + (to - from) / 2;

        if (strcmp(z->object[mid].name, name) < 0)
            from = mid + 1;
        else
            to = mid;
    }
    return from;
}

const struct zoo_object *zoo_object(const struct zoo *z, const char *name)
{
    size_t at = zoo_object_from(z, name);

    return at < z->objects && strcmp(z->object[at].name, name) == 0 ? &z->object[at] : NULL;
}

static bool is_object_name(const char *name)
{
    size_t hex = strspn(name, "0123456789abcdef"), len = strlen(name);

    return hex == 16 && len < ZOO_OBJECT &&
           (len == 16 ||
            (name[16] == '-' && len > 17 && strspn(name + 17, "0123456789") == len - 17));
}

static int find_objects(struct zoo *z, struct err *e)
{
    struct zoo_names names = {0};
    struct buf path = {0};
    int rc = zoo_path(&path, z->path, "objects", NULL, e);

    if (rc == 0)
        rc = zoo_names(&names, path.p, e);
    if (rc == 0 && mem_reserve(&z->object, &z->objects_cap, names.n, sizeof *z->object, e) < 0)
        rc = e->code;
    for (size_t i = 0; rc == 0 && i < names.n; i++) {
        struct stat st;

        if ((rc = zoo_path(&path, z->path, "objects", names.v[i], e)) < 0)
            break;
        if (!is_object_name(names.v[i]) || stat(path.p, &st) < 0 || !S_ISREG(st.st_mode)) {
            rc = err_set(e, ERR_CORRUPT, "'%s' is no object of a store", path.p);
            break;
        }
        z->object[z->objects] = (struct zoo_object){.bytes = (uint64_t)st.st_size};
        memcpy(z->object[z->objects++].name, names.v[i], strlen(names.v[i]) + 1);
    }
    zoo_names_free(&names);
    buf_free(&path);
    return rc;
}

/* ---- lists ---- */

void zoo_model_free(struct zoo_model *m)
{
    for (size_t i = 0; i < m->blocks; i++)
        free(m->block[i].name);
    free(m->block);
    free(m->name);
    *m = (struct zoo_model){0};
}

int zoo_list(const struct zoo_model *m, struct buf *out, struct err *e)
{
    out->len = 0;
    for (size_t i = 0; i < m->blocks; i++) {
        const struct zoo_block *b = &m->block[i];

        if (buf_printf(out, e, "%s\t%" PRIu64 "\t%.9g\t%s\n", b->object, b->bytes, b->cosine,
                       b->name) < 0)
            return e->code;
    }
    return buf_printf(out, e, "# %016" PRIx64 "\n", hash64(out->p, out->len));
}

/* Up to the next tab or newline: it ends there, and *at is behind. NULL: there is none. */
static char *field(char **at, char end)
{
    char *from = *at, *to = from ? strchr(from, end) : NULL;

    if (!to)
        return NULL;
    *to = '\0';
    *at = to + 1;
    return from;
}

/* A line, of which *at becomes the end. False, and no error in *e: it is none. */
static bool take_line(struct zoo_model *m, char **at, struct err *e)
{
    char *object = field(at, '\t'), *bytes = field(at, '\t'), *cosine = field(at, '\t');
    char *name = field(at, '\n');
    struct zoo_block b = {.cosine = 0};

    if (!cosine || !name || !*name || !is_object_name(object) || !num_u64(bytes, &b.bytes) ||
        !num_double(cosine, &b.cosine) || strchr(name, '/'))
        return false;
    memcpy(b.object, object, strlen(object) + 1);
    if (mem_reserve(&m->block, &m->cap, m->blocks + 1, sizeof b, e) < 0)
        return false;
    if (!(b.name = strdup(name))) {
        err_set(e, ERR_MEM, "out of memory");
        return false;
    }
    m->block[m->blocks++] = b;
    return true;
}

/* The text, which has a NUL behind it and is changed, into m. */
static int take_list(struct zoo_model *m, char *text, size_t len, const char *path, struct err *e)
{
    char *at = text, *end = len >= 19 ? text + len - 19 : NULL;
    char hash[32];

    e->code = 0;
    if (end) {
        snprintf(hash, sizeof hash, "# %016" PRIx64 "\n", hash64(text, (size_t)(end - text)));
        if (memchr(text, '\0', len) || strcmp(hash, end) != 0)
            end = NULL;
    }
    while (end && at < end)
        if (!take_line(m, &at, e))
            end = NULL;
    if (e->code)
        return e->code;
    return end ? 0 : err_set(e, ERR_CORRUPT, "'%s' is no list of blocks, or is damaged", path);
}

int zoo_keep_model(struct zoo *z, struct zoo_model *m, struct err *e)
{
    size_t at;

    if (mem_reserve(&z->model, &z->models_cap, z->models + 1, sizeof *z->model, e) < 0)
        return e->code;
    for (at = z->models++; at > 0 && strcmp(m->name, z->model[at - 1].name) < 0; at--)
        z->model[at] = z->model[at - 1];
    z->model[at] = *m;
    *m = (struct zoo_model){0};
    return 0;
}

static int load_model(struct zoo *z, const char *name, struct err *e)
{
    struct zoo_model m = {.name = strdup(name)};
    struct buf path = {0}, text = {0};
    struct map map = {0};
    int rc = m.name ? zoo_path(&path, z->path, "models", name, e)
                    : err_set(e, ERR_MEM, "out of memory");

    if (rc == 0)
        rc = map_open(&map, path.p, e);
    if (rc == 0 && (buf_add(&text, map.p, map.len, e) < 0 || buf_addc(&text, '\0', e) < 0))
        rc = e->code;
    if (rc == 0)
        rc = take_list(&m, text.p, map.len, path.p, e);
    if (rc == 0)
        rc = zoo_keep_model(z, &m, e);
    map_close(&map);
    zoo_model_free(&m);
    buf_free(&path);
    buf_free(&text);
    return rc;
}

static int find_models(struct zoo *z, struct err *e)
{
    struct zoo_names names = {0};
    struct buf path = {0};
    int rc = zoo_path(&path, z->path, "models", NULL, e);

    if (rc == 0)
        rc = zoo_names(&names, path.p, e);
    for (size_t i = 0; rc == 0 && i < names.n; i++)
        rc = load_model(z, names.v[i], e);
    zoo_names_free(&names);
    buf_free(&path);
    return rc;
}

const struct zoo_model *zoo_find(const struct zoo *z, const char *model)
{
    size_t i = 0;

    while (i < z->models && strcmp(z->model[i].name, model) != 0)
        i++;
    return i < z->models ? &z->model[i] : NULL;
}

/* ---- the store ---- */

static int make_folder(const char *path, struct err *e)
{
    return mkdir(path, 0777) < 0 && errno != EEXIST ? err_sys(e, "cannot make", path) : 0;
}

/* The mark goes last: a store without one that has nothing else in it is being made. */
static int create_store(const char *path, struct err *e)
{
    struct buf at = {0};
    int rc = make_folder(path, e);

    if (rc == 0 && (rc = zoo_path(&at, path, "objects", NULL, e)) == 0)
        rc = make_folder(at.p, e);
    if (rc == 0 && (rc = zoo_path(&at, path, "models", NULL, e)) == 0)
        rc = make_folder(at.p, e);
    if (rc == 0 && (rc = zoo_path(&at, path, "zoo", NULL, e)) == 0)
        rc = out_bytes(at.p, mark, sizeof mark - 1, e);
    buf_free(&at);
    return rc;
}

/* Nothing there, or what creating had begun. */
static int is_blank(const char *path, bool *blank, struct err *e)
{
    struct zoo_names names = {0};
    int rc = 0;

    *blank = access(path, F_OK) < 0 && errno == ENOENT;
    if (*blank)
        return 0;
    rc = zoo_names(&names, path, e);
    *blank = rc == 0;
    for (size_t i = 0; i < names.n; i++)
        *blank &= strcmp(names.v[i], "objects") == 0 || strcmp(names.v[i], "models") == 0;
    zoo_names_free(&names);
    return rc;
}

static int check_mark(const char *path, struct err *e)
{
    struct buf at = {0};
    struct map map = {0};
    int rc = zoo_path(&at, path, "zoo", NULL, e);

    if (rc == 0 && access(at.p, F_OK) < 0 && (errno == ENOENT || errno == ENOTDIR))
        rc = err_set(e, ERR_INPUT, "'%s' is no store of blocks: it has no file 'zoo'", path);
    if (rc == 0)
        rc = map_open(&map, at.p, e);
    if (rc == 0 && (map.len != sizeof mark - 1 || memcmp(map.p, mark, map.len) != 0))
        rc = err_set(e, ERR_INPUT, "'%s' is no store of blocks that this version knows", path);
    map_close(&map);
    buf_free(&at);
    return rc;
}

int zoo_open(struct zoo *z, const char *path, bool create, struct err *e)
{
    bool blank = false;
    int rc = 0;

    *z = (struct zoo){.hash_bits = 64};
    if (!(z->path = strdup(path)))
        return err_set(e, ERR_MEM, "out of memory");
    if (create)
        rc = is_blank(path, &blank, e);
    if (rc == 0 && blank)
        rc = create_store(path, e);
    if (rc == 0)
        rc = check_mark(path, e);
    if (rc == 0)
        rc = find_objects(z, e);
    if (rc == 0)
        rc = find_models(z, e);
    if (rc < 0)
        zoo_close(z);
    return rc;
}

void zoo_close(struct zoo *z)
{
    for (size_t i = 0; i < z->models; i++)
        zoo_model_free(&z->model[i]);
    free(z->model);
    free(z->object);
    free(z->path);
    *z = (struct zoo){0};
}
