/* set.c - the text file that names the shards of a set: fm-index(5), "Set files".
 *
 * Paths are written so that a set and the indexes beside or below it can be moved together.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/stream.h"
#include "fm/set.h"

enum { SET_LINE_MAX = 1 << 16 };

static const char first_line[] = "sluice-set 1", mark[] = "\xEF\xBB\xBF"; /* byte order mark */

/* Is this how a set begins? Editors put a mark before it, and CR LF behind. */
static bool is_first_line(const char *p, size_t len)
{
    size_t m = sizeof mark - 1, n = sizeof first_line - 1;

    if (len >= m && memcmp(p, mark, m) == 0) {
        p += m;
        len -= m;
    }
    if (len < n || memcmp(p, first_line, n) != 0)
        return false;
    return len == n || p[n] == '\n' || (p[n] == '\r' && (len == n + 1 || p[n + 1] == '\n'));
}

int set_is(const char *path, struct err *e)
{
    char first[sizeof mark + sizeof first_line]; /* the ends of lines take the places of the NULs */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK), rc = 0; /* no FIFO holds us up */
    ssize_t n = 0;
    size_t have = 0;

    if (fd < 0)
        return err_sys(e, "cannot open", path);
    do {
        n = read(fd, first + have, sizeof first - have);
        have += n > 0 ? (size_t)n : 0;
    } while ((n > 0 && have < sizeof first) || (n < 0 && errno == EINTR));
    if (n < 0 && errno != EISDIR && errno != EAGAIN)
        rc = err_sys(e, "cannot read", path);
    close(fd);
    if (rc < 0)
        return rc;
    return is_first_line(first, have);
}

/* ---- reading ---- */

/* A member's path: relative to the set's folder, unless absolute. */
static int member_path(const char *set, const char *line, size_t len, struct buf *out,
                       struct err *e)
{
    const char *slash = strrchr(set, '/');

    out->len = 0;
    if (line[0] != '/' && slash && buf_add(out, set, (size_t)(slash - set) + 1, e) < 0)
        return e->code;
    if (buf_add(out, line, len, e) < 0)
        return e->code;
    return buf_addc(out, '\0', e);
}

/* crlf: lines end in CR LF, as the first did. Else a CR is of the name: an index may be called so,
 * and a set of such is written. */
static int read_members(struct lines *l, const char *path, bool crlf, set_member_fn *member,
                        void *ctx, struct err *e)
{
    struct buf name = {0};
    const char *line;
    size_t len;
    int rc;

    while ((rc = lines_next(l, &line, &len, e)) > 0) {
        len -= crlf && len && line[len - 1] == '\r';
        if (len == 0)
            continue;
        rc = member_path(path, line, len, &name, e);
        if (rc == 0 && member(ctx, name.p, e) < 0)
            rc = err_prefix(e, "%s:%llu", path, (unsigned long long)lines_number(l));
        if (rc < 0)
            break;
    }
    buf_free(&name);
    return rc;
}

int set_read(const char *path, set_member_fn *member, void *ctx, struct err *e)
{
    struct lines *l;
    const char *line;
    size_t len;
    int rc;

    if (lines_open(&l, path, '\n', SET_LINE_MAX, e) < 0)
        return e->code;
    rc = lines_next(l, &line, &len, e); /* the first line, which set_is() knows */
    if (rc >= 0)
        rc = read_members(l, path, len && line[len - 1] == '\r', member, ctx, e);
    lines_close(l);
    return rc;
}

/* ---- writing ---- */

/* The path from the root, in which the folder's links and dots are resolved but not the last part,
 * for which no file need be there. */
static int absolute(const char *path, struct buf *out, struct err *e)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char *dir, *real;
    int rc = -1;

    out->len = 0;
    if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return err_set(e, ERR_USAGE, "'%s' names no file", path);
    dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
    real = dir ? realpath(dir, NULL) : NULL;
    free(dir);
    if (!real)
        return err_sys(e, "cannot find", path);
    if ((strcmp(real, "/") == 0 || buf_adds(out, real, e) == 0) && buf_addc(out, '/', e) == 0 &&
        buf_adds(out, name, e) == 0 && buf_addc(out, '\0', e) == 0)
        rc = 0;
    free(real);
    return rc < 0 ? e->code : 0;
}

/* Do both paths lead to one file, by links or not? */
static bool same_file(const char *x, const char *y)
{
    struct stat a, b;

    return stat(x, &a) == 0 && stat(y, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* Appends a member's line. `set` is the set's own absolute path, folder_len of which is its folder,
 * with the slash. */
static int add_line(const char *member, const char *set, size_t folder_len, struct buf *full,
                    struct buf *out, struct err *e)
{
    const char *line;

    if (absolute(member, full, e) < 0)
        return e->code;
    if (strcmp(full->p, set) == 0 || same_file(member, set))
        return err_set(e, ERR_USAGE, "the set '%s' would replace an index that it names", member);
    if (strncmp(full->p, set, folder_len) == 0)
        line = full->p + folder_len;
    else
        line = member[0] == '/' ? member : full->p;
    if (strchr(line, '\n'))
        return err_set(e, ERR_USAGE, "a set cannot name '%s': there is a newline in it", member);
    if (strlen(line) > SET_LINE_MAX)
        return err_set(e, ERR_USAGE, "a set cannot name '%s': it is too long", member);
    return buf_adds(out, line, e) < 0 ? e->code : buf_addc(out, '\n', e);
}

static int set_text(const char *path, const char *const *members, size_t n, struct buf *out,
                    struct err *e)
{
    struct buf set = {0}, full = {0};
    int rc = absolute(path, &set, e);

    if (rc == 0)
        rc = buf_printf(out, e, "%s\n", first_line);
    for (size_t i = 0; rc == 0 && i < n; i++)
        rc = add_line(members[i], set.p, (size_t)(strrchr(set.p, '/') - set.p) + 1, &full, out, e);
    buf_free(&set);
    buf_free(&full);
    return rc;
}

int fm_set_write(const char *path, const char *const *members, size_t n, struct err *e)
{
    struct atomic_file *f = NULL;
    struct buf text = {0};
    int rc;

    if (n == 0 || n > FM_SET_MAX)
        return err_set(e, ERR_USAGE, "a set names 1 to %d indexes, not %zu", FM_SET_MAX, n);
    rc = set_text(path, members, n, &text, e);
    if (rc == 0)
        rc = atomic_open(&f, path, e);
    if (rc == 0)
        rc = atomic_write(f, text.p, text.len, e);
    if (rc == 0)
        rc = atomic_commit(&f, e);
    atomic_abort(&f);
    buf_free(&text);
    return rc;
}
