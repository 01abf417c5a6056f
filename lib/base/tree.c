/* tree.c - see tree.h. */
#include "base/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

struct message {
    int64_t code;
    uint64_t bytes;
};
_Static_assert(sizeof(struct message) == 16, "a message has no holes");

struct child {
    pid_t pid; /* 0: reaped */
    int from;  /* read end; -1: closed */
};

struct node {
    const struct tree *t;
    uint32_t number;
    int up; /* where to write; -1: the root */
    struct child *child;
    uint32_t children;
};

/* ---- pipes ---- */

static int write_all(int to, const void *p, size_t n)
{
    const char *at = p;

    while (n > 0) {
        ssize_t done = write(to, at, n);

        if (done < 0 && errno != EINTR)
            return -1;
        at += done > 0 ? done : 0;
        n -= done > 0 ? (size_t)done : 0;
    }
    return 0;
}

/* 1; 0: the other end was closed before; -1 with errno. */
static int read_all(int from, void *p, size_t n)
{
    char *at = p;

    while (n > 0) {
        ssize_t done = read(from, at, n);

        if (done == 0 || (done < 0 && errno != EINTR))
            return done < 0 ? -1 : 0;
        at += done > 0 ? done : 0;
        n -= done > 0 ? (size_t)done : 0;
    }
    return 1;
}

/* ---- children ---- */

static uint32_t first_child(const struct node *n)
{
    uint64_t first = (uint64_t)n->number * n->t->fan + 1;

    return first < n->t->nodes ? (uint32_t)first : n->t->nodes;
}

static uint32_t count_children(const struct node *n)
{
    uint32_t rest = n->t->nodes - first_child(n);

    return rest < n->t->fan ? rest : n->t->fan;
}

/* All children end, at once if they are not done. */
static void end_children(struct node *n)
{
    for (uint32_t i = 0; i < n->children; i++) {
        struct child *c = &n->child[i];

        if (c->from >= 0)
            close(c->from);
        if (c->pid > 0)
            kill(c->pid, SIGKILL);
        while (c->pid > 0 && waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    }
    free(n->child);
    n->child = NULL;
    n->children = 0;
}

/* In a new process: n becomes the node `number`, which has what it needs of its parent's alone. */
static void become(struct node *n, uint32_t number, int up, pid_t parent)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it was too late for that */
        raise(SIGKILL);
    signal(SIGPIPE, SIG_IGN);
    for (uint32_t i = 0; i < n->children; i++)
        close(n->child[i].from);
    if (n->up >= 0)
        close(n->up);
    free(n->child);
    *n = (struct node){.t = n->t, .number = number, .up = up};
}

/* 0, TREE_CHILD in the child, or an error. */
static int start(struct node *n, uint32_t number, struct err *e)
{
    pid_t parent = getpid(), pid;
    int end[2];

    if (pipe2(end, O_CLOEXEC) < 0)
        return err_set(e, ERR_IO, "no pipe to the process of %s %u: %s", n->t->what, number - 1,
                       strerror(errno));
    pid = fork();
    if (pid == 0) {
        close(end[0]);
        become(n, number, end[1], parent);
        return TREE_CHILD;
    }
    close(end[1]);
    if (pid < 0) {
        err_set(e, ERR_IO, "no process for %s %u: %s", n->t->what, number - 1, strerror(errno));
        close(end[0]);
        return e->code;
    }
    n->child[n->children++] = (struct child){pid, end[0]};
    return 0;
}

/* Every child, before anything else is done. TREE_CHILD: this is one now. */
static int start_all(struct node *n, struct err *e)
{
    uint32_t first = first_child(n), count = count_children(n);
    int rc = 0;

    if (count > 0 && !(n->child = mem_zero(count, sizeof *n->child, e)))
        return e->code;
    for (uint32_t i = 0; i < count && rc == 0; i++)
        rc = start(n, first + i, e);
    return rc;
}

/* What became of a child that did not say, as read_all() has it. One that has closed its end is
 * ending. */
static int died(struct node *n, uint32_t i, int got, struct err *e)
{
    struct child *c = &n->child[i];
    uint32_t number = first_child(n) + i - 1;
    int status = 0;

    if (got < 0)
        return err_set(e, ERR_IO, "cannot read the answer of %s %u: %s", n->t->what, number,
                       strerror(errno));
    while (waitpid(c->pid, &status, 0) < 0 && errno == EINTR)
        ;
    c->pid = 0;
    if (WIFSIGNALED(status))
        return err_set(e, ERR_IO, "the process of %s %u was ended by signal %d", n->t->what, number,
                       WTERMSIG(status));
    return err_set(e, ERR_IO, "the process of %s %u ended before it had answered", n->t->what,
                   number);
}

/* Reads all of a child's answer. */
static int hear(struct node *n, uint32_t i, struct err *e)
{
    struct child *c = &n->child[i];
    struct buf b = {0};
    struct message m;
    int rc = 0, got = read_all(c->from, &m, sizeof m);

    if (got <= 0)
        return died(n, i, got, e);
    if (buf_reserve(&b, m.bytes + 1, e) < 0)
        return e->code;
    b.p[m.bytes] = '\0';
    if ((got = read_all(c->from, b.p, m.bytes)) <= 0)
        rc = died(n, i, got, e);
    else if (m.code < 0)
        rc = err_set(e, (int)m.code, "%s", b.p);
    else
        rc = n->t->take(n->t->ctx, b.p, m.bytes, e);
    buf_free(&b);
    return rc;
}

static int hear_all(struct node *n, struct err *e)
{
    int rc = 0;

    for (uint32_t i = 0; i < n->children && rc == 0; i++) {
        struct child *c = &n->child[i];

        rc = hear(n, i, e);
        close(c->from);
        c->from = -1;
        while (rc == 0 && waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
            ;
        c->pid = rc == 0 ? 0 : c->pid;
    }
    return rc;
}

/* The answer to the parent, who may be gone. */
static void answer(struct node *n, int rc, struct err *e)
{
    struct buf b = {0};
    struct message m;

    if (rc == 0)
        rc = n->t->give(n->t->ctx, &b, e);
    m = (struct message){rc, rc == 0 ? b.len : strlen(e->msg)};
    if (write_all(n->up, &m, sizeof m) == 0)
        write_all(n->up, rc == 0 ? b.p : e->msg, m.bytes);
    close(n->up);
    buf_free(&b);
}

int tree_run(const struct tree *t, struct err *e)
{
    struct node n = {.t = t, .up = -1};
    int rc;

    while ((rc = start_all(&n, e)) == TREE_CHILD)
        ;
    if (rc == 0 && n.number > 0)
        rc = t->work(t->ctx, n.number, e);
    if (rc == 0)
        rc = hear_all(&n, e);
    end_children(&n);
    if (n.number == 0)
        return rc;
    answer(&n, rc, e);
    return TREE_CHILD;
}
