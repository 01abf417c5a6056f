/* zoo_get.c - a model out of the store, and the whole of it checked. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/map.h"
#include "base/out.h"
#include "vec/zoo_int.h"

/* The object mapped, when its bytes are those that it is named by. */
static int open_object(const struct zoo *z, const char *name, struct map *m, struct err *e)
{
    struct buf path = {0};
    char hash[ZOO_OBJECT];
    int rc = zoo_path(&path, z->path, "objects", name, e);

    if (rc == 0)
        rc = map_open(m, path.p, e);
    if (rc == 0) {
        zoo_hash(z, m->p, m->len, hash);
        if (strncmp(hash, name, 16) != 0) {
            rc = err_set(e, ERR_CORRUPT, "'%s' is damaged: its checksum is not its name", path.p);
            map_close(m);
        }
    }
    buf_free(&path);
    return rc;
}

static int put_block(const struct zoo *z, const struct zoo_block *b, const char *folder,
                     struct err *e)
{
    struct buf path = {0};
    struct map m = {0};
    int rc = open_object(z, b->object, &m, e);

    if (rc == 0)
        rc = zoo_path(&path, folder, b->name, NULL, e);
    if (rc == 0)
        rc = out_bytes(path.p, m.p, m.len, e);
    map_close(&m);
    buf_free(&path);
    return rc;
}

/* A folder and the files in it, as far as there is one: with those that have no name yet but
 * ".NAME.new". */
static void remove_folder(const char *folder)
{
    DIR *d = opendir(folder);
    const struct dirent *f;

    while (d && (f = readdir(d)))
        unlinkat(dirfd(d), f->d_name, 0); /* "." and ".." stay */
    if (d)
        closedir(d);
    rmdir(folder);
}

/* A folder with the blocks in it, and its descriptor: by that it is emptied again, if something
 * fails, without memory or another descriptor, of which there may be none. */
static int fill(const struct zoo *z, const struct zoo_model *m, const char *folder, struct err *e)
{
    int fd = -1, rc = 0;

    if (mkdir(folder, 0777) < 0)
        return err_sys(e, "cannot make", folder);
    if ((fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC)) < 0)
        rc = err_sys(e, "cannot open", folder);
    for (size_t i = 0; rc == 0 && i < m->blocks; i++)
        rc = put_block(z, &m->block[i], folder, e);
    for (size_t i = 0; rc < 0 && fd >= 0 && i < m->blocks; i++)
        unlinkat(fd, m->block[i].name, 0);
    if (fd >= 0)
        close(fd);
    if (rc < 0)
        rmdir(folder);
    return rc;
}

/* Beside `to`: ".NAME.new". */
static int temporary(struct buf *out, const char *to, struct err *e)
{
    size_t len;
    const char *name = zoo_last_part(to, &len);

    return buf_printf(out, e, "%.*s.%.*s.new", (int)(name - to), to, (int)len, name) < 0 ||
                   buf_addc(out, '\0', e) < 0
               ? e->code
               : 0;
}

/* Is every block's object there, and as long as the block? */
static int check_model(const struct zoo *z, const struct zoo_model *m, struct err *e)
{
    for (size_t i = 0; i < m->blocks; i++) {
        const struct zoo_block *b = &m->block[i];
        const struct zoo_object *o = zoo_object(z, b->object);

        if (!o || o->bytes != b->bytes)
            return err_set(e, ERR_CORRUPT, "'%s/models/%s': block '%s' has no object", z->path,
                           m->name, b->name);
    }
    return 0;
}

int zoo_get(const struct zoo *z, const char *model, const char *to, struct err *e)
{
    const struct zoo_model *m = zoo_find(z, model);
    struct buf part = {0};
    struct stat st;
    int rc = m ? temporary(&part, to, e)
               : err_set(e, ERR_USAGE, "'%s' has no model '%s'", z->path, model);

    if (rc == 0)
        rc = check_model(z, m, e);
    if (rc == 0 && lstat(to, &st) == 0)
        rc = err_set(e, ERR_IO, "'%s' is there already", to);
    if (rc == 0) {
        remove_folder(part.p); /* of one who was killed */
        rc = fill(z, m, part.p, e);
        if (rc == 0 && rename(part.p, to) < 0) {
            rc = err_sys(e, "cannot make", to);
            remove_folder(part.p);
        }
    }
    buf_free(&part);
    return rc;
}

int zoo_whole(const struct zoo *z, struct err *e)
{
    for (size_t i = 0; i < z->models; i++)
        if (check_model(z, &z->model[i], e) < 0)
            return e->code;
    return 0;
}

int zoo_check(const struct zoo *z, struct err *e)
{
    for (size_t i = 0; i < z->objects; i++) {
        struct map m = {0};

        if (open_object(z, z->object[i].name, &m, e) < 0)
            return e->code;
        map_close(&m);
    }
    return zoo_whole(z, e);
}
