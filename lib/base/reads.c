/* reads.c - see reads.h. Reads that were asked for go to the kernel together, when one is waited
 * for and none has ended yet. */
#include "base/reads.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifdef SLUICE_URING
#include <liburing.h>
#endif

#include "base/mem.h"

/* A read under way: what is left of it. */
struct ask {
    unsigned char *to;
    uint64_t at;
    size_t len, need;
};

struct reads {
    int fd;
    const char *name;
    unsigned most, under_way;
    struct ask *ask;   /* [most], by tag */
    unsigned *waiting; /* tags that pread() has not come to, [most], a ring */
    unsigned first;
    bool uring;
#ifdef SLUICE_URING
    struct io_uring ring;
#endif
};

static int ended(const struct reads *r, struct err *e)
{
    return err_set(e, ERR_CORRUPT, "%s: file is truncated: it has become shorter", r->name);
}

static int failed(const struct reads *r, int error, struct err *e)
{
    errno = error;
    return err_sys(e, "cannot read", r->name);
}

/* n bytes more are there: is the read done? */
static bool advance(struct ask *a, size_t n)
{
    a->to += n;
    a->at += n;
    a->len -= n;
    a->need = a->need > n ? a->need - n : 0;
    return a->need == 0;
}

/* ---- io_uring ---- */

#ifdef SLUICE_URING

enum { PIECE = 1 << 30 /* bytes of what is asked for at once */ };

static bool uring_init(struct reads *r, int *error)
{
    struct io_uring_params how = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN};
    int rc = io_uring_queue_init_params(r->most, &r->ring, &how);

    if (rc == -EINVAL) /* before Linux 6.1 */
        rc = io_uring_queue_init(r->most, &r->ring, 0);
    *error = -rc;
    return rc == 0;
}

static void uring_put(struct reads *r, unsigned tag)
{
    struct io_uring_sqe *s = io_uring_get_sqe(&r->ring); /* there is one a tag */
    const struct ask *a = &r->ask[tag];

    io_uring_prep_read(s, r->fd, a->to, (unsigned)(a->len < PIECE ? a->len : PIECE), a->at);
    io_uring_sqe_set_data64(s, tag);
}

static int uring_take(struct reads *r, unsigned *tag, struct err *e)
{
    for (;;) {
        struct io_uring_cqe *c;
        int rc = io_uring_peek_cqe(&r->ring, &c);

        if (rc == -EAGAIN)
            rc = io_uring_submit_and_wait(&r->ring, 1);
        if (rc == -EINTR || rc > 0)
            continue;
        if (rc < 0)
            return failed(r, -rc, e);
        if (io_uring_peek_cqe(&r->ring, &c) < 0)
            continue;
        *tag = (unsigned)io_uring_cqe_get_data64(c);
        rc = c->res;
        io_uring_cqe_seen(&r->ring, c);
        if (rc == -EINTR || rc == -EAGAIN || (rc > 0 && !advance(&r->ask[*tag], (size_t)rc))) {
            uring_put(r, *tag);
            continue;
        }
        r->under_way--;
        return rc > 0 ? 0 : rc < 0 ? failed(r, -rc, e) : ended(r, e);
    }
}

static void uring_free(struct reads *r)
{
    io_uring_queue_exit(&r->ring);
}

#else

static bool uring_init(struct reads *r, int *error)
{
    (void)r;
    *error = ENOSYS;
    return false;
}

static void uring_put(struct reads *r, unsigned tag)
{
    (void)r;
    (void)tag;
}

static int uring_take(struct reads *r, unsigned *tag, struct err *e)
{
    (void)tag;
    return failed(r, ENOSYS, e);
}

static void uring_free(struct reads *r)
{
    (void)r;
}

#endif

/* ---- pread ---- */

static int pread_take(struct reads *r, unsigned *tag, struct err *e)
{
    struct ask *a;

    *tag = r->waiting[r->first];
    r->first = (r->first + 1) % r->most;
    r->under_way--;
    a = &r->ask[*tag];
    for (;;) {
        ssize_t n = pread(r->fd, a->to, a->len, (off_t)a->at);

        if (n > 0 && advance(a, (size_t)n))
            return 0;
        if (n == 0)
            return ended(r, e);
        if (n < 0 && errno != EINTR)
            return failed(r, errno, e);
    }
}

/* ---- both ---- */

void reads_free(struct reads *r)
{
    if (!r)
        return;
    if (r->uring)
        uring_free(r);
    free(r->ask);
    free(r->waiting);
    free(r);
}

int reads_new(struct reads **out, int fd, const char *name, unsigned most, enum reads_by by,
              struct err *e)
{
    struct reads *r = *out = mem_zero(1, sizeof *r, e);
    int error = 0;

    if (!r)
        return e->code;
    r->fd = fd;
    r->name = name;
    r->most = most;
    r->ask = mem_zero(most, sizeof *r->ask, e);
    r->waiting = mem_zero(most, sizeof *r->waiting, e);
    if (!r->ask || !r->waiting) {
        reads_free(r);
        *out = NULL;
        return e->code;
    }
    r->uring = by != READS_PREAD && uring_init(r, &error);
    if (r->uring || by != READS_URING)
        return 0;
    reads_free(r);
    *out = NULL;
    return err_set(e, ERR_IO, "there is no io_uring: %s", strerror(error));
}

void reads_ask(struct reads *r, unsigned tag, uint64_t at, void *to, size_t len, size_t need)
{
    r->ask[tag] = (struct ask){to, at, len, need};
    if (r->uring)
        uring_put(r, tag);
    else
        r->waiting[(r->first + r->under_way) % r->most] = tag;
    r->under_way++;
}

unsigned reads_under_way(const struct reads *r)
{
    return r->under_way;
}

int reads_take(struct reads *r, unsigned *tag, struct err *e)
{
    return r->uring ? uring_take(r, tag, e) : pread_take(r, tag, e);
}

void reads_drain(struct reads *r)
{
    struct err e = {0};
    unsigned tag;

    for (unsigned before = r->most + 1; r->under_way > 0 && r->under_way < before;) {
        before = r->under_way;
        reads_take(r, &tag, &e);
    }
}
