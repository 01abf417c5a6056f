/* parts.c - see parts.h. */
#include "fm/parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic_int.h"
#include "base/mem.h"
#include "fm/merge.h"

enum { NAME_BYTES = 48 };

static const char STATE[] = "state";

/* An index that holds parts first..last. */
struct part {
    uint64_t first, last;
    uint64_t rows, docs;
    const char *borrowed; /* its path; NULL: in the folder */
};

struct parts {
    const struct parts_opts *o;
    struct buf folder;         /* with its NUL */
    struct buf beside;         /* the folder that it lies in, likewise */
    int lock;                  /* the open state file, -1 before the folder is made */
    struct atomic_folder gone; /* on a signal too, if it is not kept */
    struct part *part;         /* the stack */
    size_t n, cap;
    struct part *found; /* left by an earlier run, by_range() */
    size_t n_found, found_cap;
    uint64_t next; /* number of the next part */
    unsigned rate; /* of the last part */
    enum cpu_level cpu;
};

/* ---- names ---- */

static void name_of(const struct part *p, char name[NAME_BYTES])
{
    snprintf(name, NAME_BYTES, "%06llu-%06llu.fmi", (unsigned long long)p->first,
             (unsigned long long)p->last);
}

static bool parse_name(const char *name, struct part *p)
{
    unsigned long long first, last;
    char back[NAME_BYTES];

    if (sscanf(name, "%llu-%llu.fmi", &first, &last) != 2 || first > last)
        return false;
    *p = (struct part){.first = first, .last = last};
    name_of(p, back);
    return strcmp(name, back) == 0;
}

/* A path in the folder, with its NUL. */
static int path_of(const struct parts *p, const char *name, struct buf *out, struct err *e)
{
    out->len = 0;
    return buf_printf(out, e, "%s/%s", p->folder.p, name) < 0 || buf_addc(out, '\0', e) < 0
               ? e->code
               : 0;
}

static int part_path(const struct parts *p, const struct part *x, struct buf *out, struct err *e)
{
    char name[NAME_BYTES];

    name_of(x, name);
    out->len = 0;
    if (!x->borrowed)
        return path_of(p, name, out, e);
    return buf_adds(out, x->borrowed, e) < 0 || buf_addc(out, '\0', e) < 0 ? e->code : 0;
}

/* Takes no memory: where that has ended, what was made must go all the same. */
static int remove_file(const struct parts *p, const char *name, struct err *e)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof path, "%s/%s", p->folder.p, name);

    if (n >= (int)sizeof path)
        errno = ENAMETOOLONG;
    return (n >= (int)sizeof path || unlink(path) < 0) && errno != ENOENT
               ? err_sys(e, "cannot remove", path)
               : 0;
}

static int remove_part(const struct parts *p, const struct part *x, struct err *e)
{
    char name[NAME_BYTES];

    name_of(x, name);
    return x->borrowed ? 0 : remove_file(p, name, e);
}

/* ---- the folder ---- */

/* Our files into p->found. */
static int list_folder(struct parts *p, struct err *e)
{
    DIR *d = opendir(p->folder.p);
    struct dirent *f;
    struct part x;
    int rc = 0;

    p->n_found = 0;
    if (!d)
        return err_sys(e, "cannot read", p->folder.p);
    while (rc == 0 && (errno = 0, f = readdir(d))) {
        if (!parse_name(f->d_name, &x))
            continue;
        rc = mem_reserve(&p->found, &p->found_cap, p->n_found + 1, sizeof x, e);
        if (rc == 0)
            p->found[p->n_found++] = x;
    }
    if (rc == 0 && errno)
        rc = err_sys(e, "cannot read", p->folder.p);
    closedir(d);
    return rc;
}

static int remove_found(struct parts *p, struct err *e)
{
    for (size_t i = 0; i < p->n_found; i++)
        if (remove_part(p, &p->found[i], e) < 0)
            return e->code;
    p->n_found = 0;
    return 0;
}

static void unlock(struct parts *p)
{
    if (p->lock >= 0)
        close(p->lock);
    p->lock = -1;
}

/* A link to a folder elsewhere stays, and what others have put there. */
static int remove_empty(const struct parts *p, struct err *e)
{
    return rmdir(p->folder.p) < 0 && errno != ENOENT && errno != ENOTEMPTY && errno != ENOTDIR
               ? err_sys(e, "cannot remove", p->folder.p)
               : 0;
}

/* For a signal handler: only what is safe there. */
static bool is_ours(const char *name)
{
    size_t len = strspn(name, "0123456789-");

    return strcmp(name, STATE) == 0 || (len > 0 && strcmp(name + len, ".fmi") == 0);
}

/* Of one who has the lock: the state goes last, and with it the lock. */
static int remove_folder(struct parts *p, struct err *e)
{
    if (remove_file(p, STATE, e) < 0 || remove_empty(p, e) < 0)
        return e->code;
    unlock(p);
    return 0;
}

/* By first part; of those that begin with the same, the one that holds most comes first. */
static int by_range(const void *a, const void *b)
{
    const struct part *x = a, *y = b;

    if (x->first != y->first)
        return x->first < y->first ? -1 : 1;
    return (x->last < y->last) - (x->last > y->last);
}

/* ---- its state file, which is its lock too ---- */

/* Does the state file begin with, or is it all of, what is expected? */
static int compare_state(const struct parts *p, const char *expected, bool all, bool *same,
                         struct err *e)
{
    size_t len = strlen(expected);
    struct stat st;
    char *old = mem_array(len + 1, 1, e);

    if (!old)
        return e->code;
    if (fstat(p->lock, &st) < 0) {
        free(old);
        return err_sys(e, "cannot read", p->folder.p);
    }
    *same = (all ? (size_t)st.st_size == len : (size_t)st.st_size >= len) &&
            pread(p->lock, old, len, 0) == (ssize_t)len && memcmp(old, expected, len) == 0;
    free(old);
    return 0;
}

/* Where there are no locks nobody can work: what was made goes. */
static int cannot_lock(const struct parts *p, const char *path, bool made, struct err *e)
{
    if (errno == EWOULDBLOCK)
        return err_set(e, ERR_INPUT, "another build is at work in '%s'", p->folder.p);
    err_sys(e, "cannot lock", path);
    if (made) {
        unlink(path);
        rmdir(p->folder.p);
    }
    return e->code;
}

/* Locks the state file if there is one, or makes folder and file: p->lock. */
static int lock_state(struct parts *p, bool make, struct err *e)
{
    struct buf path = {0};
    int rc = path_of(p, STATE, &path, e);
    bool made;

    while (rc == 0 && p->lock < 0) { /* again, if another build has removed it meanwhile */
        made = make && mkdir(p->folder.p, 0777) == 0;
        if (make && !made && errno != EEXIST) {
            rc = err_sys(e, "cannot make the folder", p->folder.p);
            break;
        }
        p->lock = open(path.p, (make ? O_CREAT : 0) | O_RDWR | O_CLOEXEC, 0666);
        if (p->lock < 0 && errno == ENOENT && !make)
            break;
        if (p->lock < 0 && errno != ENOENT) {
            rc = err_sys(e, "cannot open", path.p);
            if (made)
                rmdir(p->folder.p);
        } else if (p->lock >= 0 && atomic_lock_fd(p->lock, LOCK_EX | LOCK_NB) < 0) {
            rc = cannot_lock(p, path.p, made, e);
        } else if (p->lock >= 0 && !atomic_is_named(p->lock, path.p)) {
            unlock(p);
        }
    }
    if (rc < 0)
        unlock(p);
    buf_free(&path);
    return rc;
}

static int write_state(struct parts *p, struct err *e)
{
    int rc;

    do
        rc = ftruncate(p->lock, 0);
    while (rc < 0 && errno == EINTR);
    if (rc < 0 || lseek(p->lock, 0, SEEK_SET) < 0)
        return err_sys(e, "cannot write to", p->folder.p);
    if (atomic_write_fd(p->lock, p->folder.p, p->o->state, strlen(p->o->state), e) < 0)
        return e->code;
    return atomic_sync_fd(p->lock) < 0 ? err_sys(e, "cannot write to", p->folder.p) : 0;
}

/* What another build has left since this one looked is not ours: it goes. */
static int take_folder(struct parts *p, struct err *e)
{
    if (lock_state(p, true, e) < 0 || list_folder(p, e) < 0 || remove_found(p, e) < 0)
        return e->code;
    if (p->o->keep)
        return 0;
    p->gone = (struct atomic_folder){.path = p->folder.p, .ours = is_ours, .lock = STATE};
    return atomic_folder_begin(&p->gone, e);
}

/* Before the first file goes there. */
static int make_folder(struct parts *p, struct err *e)
{
    int rc;

    if (p->lock >= 0)
        return 0;
    atomic_hold();
    rc = take_folder(p, e);
    atomic_release();
    return rc == 0 ? write_state(p, e) : rc;
}

/* What an earlier run has left is found, or removed. Where there is no state to lock, another build
 * may be about to make it: no file in the folder is ours to remove before make_folder(). */
static int meet_earlier(struct parts *p, struct err *e)
{
    bool ours = false, same = false;
    struct stat st;

    if (stat(p->folder.p, &st) < 0)
        return 0; /* the rule, and where the name is too long for a folder */
    if (lock_state(p, false, e) < 0)
        return e->code;
    if (p->lock < 0)
        return remove_empty(p, e);
    if (compare_state(p, PARTS_STATE, false, &ours, e) < 0 ||
        compare_state(p, p->o->state, true, &same, e) < 0 || list_folder(p, e) < 0)
        return e->code;
    if (p->n_found && !ours)
        return err_set(e, ERR_INPUT, "'%s' is not the folder of a build: remove it", p->folder.p);
    if (p->o->resume && p->n_found && !same)
        return err_set(e, ERR_INPUT,
                       "'%s' is of a build with other inputs or options: repeat that one, or build "
                       "without --resume",
                       p->folder.p);
    if (p->o->spare && p->n_found && !same)
        return err_set(e, ERR_INPUT,
                       "'%s' has parts of an interrupted build: go on with fm-build --resume, or "
                       "remove them",
                       p->folder.p);
    if (p->o->resume && p->n_found) {
        qsort(p->found, p->n_found, sizeof *p->found, by_range);
        return 0;
    }
    return remove_found(p, e) < 0 ? e->code : remove_folder(p, e);
}

/* A path's folder, with its NUL. */
static int folder_of(const char *path, struct buf *out, struct err *e)
{
    const char *slash = strrchr(path, '/');
    size_t len = slash ? (size_t)(slash - path) + 1 : 0; /* with the slash: "/" too */

    return (slash ? buf_add(out, path, len, e) : buf_addc(out, '.', e)) < 0 ||
                   buf_addc(out, '\0', e) < 0
               ? e->code
               : 0;
}

int parts_open(struct parts **out, const struct parts_opts *o, struct err *e)
{
    struct parts *p = mem_zero(1, sizeof *p, e);

    *out = p;
    if (!p)
        return e->code;
    p->o = o;
    p->lock = -1;
    p->cpu = cpu_detect();
    if (buf_printf(&p->folder, e, "%s.parts", o->target) < 0 || buf_addc(&p->folder, '\0', e) < 0 ||
        folder_of(o->target, &p->beside, e) < 0)
        return e->code;
    if (meet_earlier(p, e) == 0)
        return 0;
    unlock(p); /* what is there is not ours to remove */
    return e->code;
}

/* ---- the stack ---- */

static int push(struct parts *p, struct part x, struct err *e)
{
    if (mem_reserve(&p->part, &p->cap, p->n + 1, sizeof x, e) < 0)
        return e->code;
    p->part[p->n++] = x;
    p->next = x.last + 1;
    return 0;
}

/* Its checksums are looked at each time: damage must not be merged into a file with new ones. */
static int open_part(const struct parts *p, const struct part *x, bool load, struct shard **out,
                     struct err *e)
{
    const struct fm_open_opts o = {.cpu = p->cpu, .load = load, .bare = true};
    struct buf path = {0};
    int rc = part_path(p, x, &path, e);

    if (rc == 0)
        rc = shard_open(out, path.p, &o, e);
    buf_free(&path);
    return rc < 0 ? rc : sect_check((*out)->file, e);
}

static int push_file(struct parts *p, struct part x, struct err *e)
{
    struct shard *s = NULL;
    int rc = open_part(p, &x, false, &s, e);

    if (rc == 0) {
        x.rows = s->head.n;
        x.docs = s->head.docs;
        p->rate = s->head.rate;
        rc = push(p, x, e);
    }
    shard_close(s);
    return rc;
}

/* Would two indexes, read into memory, and their merging stay within the bound? An index takes half
 * a byte a row, and merging a bit a row, 28 bytes a sample and 40 a document. */
static bool may_load(const struct parts *p, uint64_t rows, uint64_t docs)
{
    uint64_t need = rows / 8 * 5 + rows / p->rate * 28 + docs * 40;

    return !p->o->memory_bytes || need <= p->o->memory_bytes;
}

/* Memory that merging them may take: what the bound leaves beside them, if they are loaded. */
static struct spool_room room_of(const struct parts *p, bool load, const struct shard *a,
                                 const struct shard *b)
{
    uint64_t bound = p->o->memory_bytes, taken = index_reserve(bound);

    if (load)
        taken += sect_size(a->file) + (b ? sect_size(b->file) : 0);
    return (struct spool_room){
        .folder = p->lock >= 0 ? p->folder.p : p->beside.p,
        .left = taken < bound ? bound - taken : 0,
    };
}

/* Merges the last two into *w; one that is alone is written anew, in the layout wanted. */
static int merge_last(const struct parts *p, struct sect_writer *w, struct err *e)
{
    bool two = p->n > 1;
    const struct part *a_part = &p->part[two ? p->n - 2 : 0], *b_part = &p->part[p->n - 1];
    bool load = may_load(p, a_part->rows + (two ? b_part->rows : 0),
                         a_part->docs + (two ? b_part->docs : 0));
    struct index_opts io = *p->o->io;
    struct shard *a = NULL, *b = NULL;
    struct spool_room room;
    int rc = open_part(p, a_part, load, &a, e);

    if (rc == 0 && two)
        rc = open_part(p, b_part, load, &b, e);
    if (rc == 0) {
        room = room_of(p, load, a, b);
        io.room = p->o->memory_bytes ? &room : NULL;
        rc = merge_write(a, b, &io, w, e);
    }
    shard_close(a);
    shard_close(b);
    return rc;
}

static int create_part(struct parts *p, const struct part *x, struct sect_writer **w, struct err *e)
{
    struct buf path = {0};
    int rc = make_folder(p, e);

    if (rc == 0)
        rc = part_path(p, x, &path, e);
    if (rc == 0)
        rc = sect_create(w, path.p, FM_KIND, FM_MAJOR, FM_MINOR, e);
    buf_free(&path);
    return rc;
}

/* The last two become one. */
static int join_last(struct parts *p, struct err *e)
{
    struct part a = p->part[p->n - 2], b = p->part[p->n - 1];
    struct part both = {a.first, b.last, a.rows + b.rows, a.docs + b.docs, NULL};
    struct sect_writer *w = NULL;
    int rc = create_part(p, &both, &w, e);

    if (rc == 0)
        rc = merge_last(p, w, e);
    if (rc == 0)
        rc = sect_commit(&w, e);
    sect_abort(&w);
    if (rc < 0)
        return rc;
    p->n -= 2;
    if (push(p, both, e) < 0 || remove_part(p, &a, e) < 0)
        return e->code;
    return remove_part(p, &b, e);
}

int parts_settle(struct parts *p, struct err *e)
{
    while (p->n > 1 && p->part[p->n - 2].rows <= p->part[p->n - 1].rows / 2 * 3)
        if (join_last(p, e) < 0)
            return e->code;
    return 0;
}

int parts_borrow(struct parts *p, const char *path, struct err *e)
{
    struct part x = {.first = p->next, .last = p->next, .borrowed = path};

    if (p->n_found && p->found[0].first == p->next) { /* an earlier run has merged it */
        p->next++;
        return 0;
    }
    return push_file(p, x, e);
}

int parts_resume(struct parts *p, struct err *e)
{
    uint64_t borrowed = p->next;

    for (size_t i = 0; i < p->n_found; i++) {
        uint64_t expected = p->n ? p->part[p->n - 1].last + 1 : 0;
        if (p->found[i].first != expected) { /* merged already, or of no use without its left one */
            if (remove_part(p, &p->found[i], e) < 0)
                return e->code;
            continue;
        }
        if (push_file(p, p->found[i], e) < 0)
            return e->code;
    }
    p->n_found = 0;
    p->next = p->n ? p->part[p->n - 1].last + 1 : borrowed;
    return 0;
}

int parts_begin(struct parts *p, struct sect_writer **w, struct err *e)
{
    const struct part x = {.first = p->next, .last = p->next};

    return create_part(p, &x, w, e);
}

int parts_end(struct parts *p, struct sect_writer **w, struct err *e)
{
    const struct part x = {.first = p->next, .last = p->next};

    if (sect_commit(w, e) < 0)
        return e->code;
    return push_file(p, x, e);
}

/* Removes all parts that lie in the folder, and it: also one that has its name, and of which the
 * writing has failed after that. */
static int clear(struct parts *p, struct err *e)
{
    if (p->gone.path) {
        int rc = atomic_folder_remove(&p->gone, e);
        unlock(p);
        return rc;
    }
    for (; p->n > 0; p->n--)
        if (remove_part(p, &p->part[p->n - 1], e) < 0)
            return e->code;
    return p->lock >= 0 ? remove_folder(p, e) : 0;
}

int parts_finish(struct parts *p, struct sect_writer **w, struct err *e)
{
    struct err of_clear;
    int rc = 0;

    while (rc == 0 && p->n > 2)
        rc = join_last(p, e);
    if (rc == 0)
        rc = merge_last(p, *w, e);
    if (rc == 0)
        rc = sect_commit(w, e);
    if (rc == 0)
        clear(p, &of_clear); /* the index is there, whatever else stays: parts_left() */
    return rc;
}

uint64_t parts_docs(const struct parts *p)
{
    uint64_t docs = 0;

    for (size_t i = 0; i < p->n; i++)
        docs += p->part[i].docs;
    return docs;
}

uint64_t parts_rows(const struct parts *p)
{
    uint64_t rows = 0;

    for (size_t i = 0; i < p->n; i++)
        rows += p->part[i].rows;
    return rows;
}

bool parts_left(const struct parts *p)
{
    bool left = p->n_found > 0;

    for (size_t i = 0; i < p->n; i++)
        left |= !p->part[i].borrowed;
    return left && p->o->keep;
}

void parts_close(struct parts *p)
{
    struct err e;

    if (!p)
        return;
    if (p->lock >= 0 && !parts_left(p))
        clear(p, &e); /* as well as it goes: something has failed before */
    atomic_folder_end(&p->gone);
    unlock(p);
    buf_free(&p->folder);
    buf_free(&p->beside);
    free(p->part);
    free(p->found);
    free(p);
}
