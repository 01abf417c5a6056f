/* zoo_get.c - a model out of the store, and the whole of it checked. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic_int.h"
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

/* ---- a folder that is there whole or not at all ---- */

/* The blocks go to the folder ".NAME.new", which a signal removes. */
struct fresh {
    struct atomic_folder folder;
    int lock;
};

/* All that stands in it; "." and ".." cannot be unlinked. */
static bool is_ours(const char *name)
{
    (void)name;
    return true;
}

/* 1: locked. 0: it is not there any more, or another one of that name is. */
static int lock_folder(const char *path, int *lock, struct err *e)
{
    *lock = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*lock < 0)
        return errno == ENOENT ? 0 : err_sys(e, "cannot open", path);
    if (atomic_lock_fd(*lock, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
        close(*lock);
        return err_set(e, ERR_IO, "another process is writing '%s'", path);
    } /* without locks others stop at the name */
    if (atomic_is_named(*lock, path))
        return 1;
    close(*lock);
    return 0;
}

/* Makes the folder, or takes the one that is there: 1, and it goes on a signal. 0: not, it was
 * another's who is done. */
static int take_folder(struct fresh *f, const char *path, bool *made, struct err *e)
{
    *made = mkdir(path, 0777) == 0;
    int rc = *made || errno == EEXIST ? lock_folder(path, &f->lock, e)
                                      : err_sys(e, "cannot make", path);

    if (rc > 0) {
        f->folder = (struct atomic_folder){.path = path, .ours = is_ours};
        if (atomic_folder_begin(&f->folder, e) < 0) {
            rc = e->code;
            close(f->lock);
        }
    }
    if (rc < 0 && *made)
        rmdir(path);
    return rc;
}

/* Makes the folder. What one who was killed left of that name is removed first. */
static int fresh_begin(struct fresh *f, const char *path, struct err *e)
{
    for (;;) {
        bool made;
        atomic_hold();
        int rc = take_folder(f, path, &made, e);
        atomic_release();
        if (rc == 0)
            continue;
        if (rc < 0 || made)
            return rc < 0 ? rc : 0;
        rc = atomic_folder_remove(&f->folder, e);
        close(f->lock);
        if (rc < 0)
            return rc;
    }
}

/* No signal is to empty what has its name. */
static int give_name(struct fresh *f, const char *to, struct err *e)
{
    int rc = 0;

    atomic_hold();
    if (rename(f->folder.path, to) < 0)
        rc = err_sys(e, "cannot make", to);
    else
        atomic_folder_end(&f->folder);
    atomic_release();
    return rc;
}

/* Gives it the name `to`, or removes it if the work has failed: `done` < 0. */
static int fresh_end(struct fresh *f, const char *to, int done, struct err *e)
{
    int rc = done == 0 ? give_name(f, to, e) : done;
    struct err quiet = {0};

    if (rc < 0)
        atomic_folder_remove(&f->folder, &quiet);
    close(f->lock);
    return rc;
}

static int fill(const struct zoo *z, const struct zoo_model *m, const char *folder, struct err *e)
{
    for (size_t i = 0; i < m->blocks; i++)
        if (put_block(z, &m->block[i], folder, e) < 0)
            return e->code;
    return 0;
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
    struct fresh fresh;
    struct buf part = {0};
    struct stat st;
    int rc = m ? temporary(&part, to, e)
               : err_set(e, ERR_USAGE, "'%s' has no model '%s'", z->path, model);

    if (rc == 0)
        rc = check_model(z, m, e);
    if (rc == 0 && lstat(to, &st) == 0)
        rc = err_set(e, ERR_IO, "'%s' is there already", to);
    if (rc == 0) {
        rc = fresh_begin(&fresh, part.p, e);
        if (rc == 0)
            rc = fresh_end(&fresh, to, fill(z, m, part.p, e), e);
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
