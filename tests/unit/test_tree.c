/* test_tree.c - trees of processes: all do their part once, whatever the fan-out; one that fails or
 * dies, anywhere, is an error with its number; none is left.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "t.h"

#include "base/tree.h"

/* Each node finds its number, in `wide` copies. */
struct part {
    uint32_t bad;
    char how; /* of `bad`: e rror, k illed, q uits */
    size_t wide;
    struct buf found;
};

static int work(void *ctx, uint32_t node, struct err *e)
{
    struct part *p = ctx;

    if (node == p->bad && p->how == 'e')
        return err_set(e, ERR_INPUT, "node %u will not", node);
    if (node == p->bad && p->how == 'k')
        raise(SIGKILL);
    if (node == p->bad && p->how == 'q')
        _exit(0);
    for (size_t i = 0; i < p->wide; i++)
        if (buf_add(&p->found, &node, sizeof node, e) < 0)
            return e->code;
    return 0;
}

static int take(void *ctx, const void *p, size_t len, struct err *e)
{
    return buf_add(&((struct part *)ctx)->found, p, len, e);
}

static int give(void *ctx, struct buf *out, struct err *e)
{
    const struct part *p = ctx;

    return buf_add(out, p->found.p, p->found.len, e);
}

static int run(struct part *p, uint32_t nodes, uint32_t fan, struct err *e)
{
    const struct tree t = {.nodes = nodes,
                           .fan = fan,
                           .what = "part",
                           .ctx = p,
                           .work = work,
                           .take = take,
                           .give = give};
    int rc = tree_run(&t, e);

    if (rc == TREE_CHILD)
        _exit(0);
    errno = 0;
    T_CHECKF(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD, "a child is left");
    return rc;
}

static void try_all(uint32_t nodes, uint32_t fan, size_t wide)
{
    struct part p = {.wide = wide};
    uint32_t *times = calloc(nodes + 1, sizeof *times);
    struct err e = {0};

    T_CHECKF(times && run(&p, nodes, fan, &e) == 0, "%s", e.msg);
    T_CHECK(p.found.len == (nodes - 1) * wide * sizeof(uint32_t));
    for (size_t i = 0; times && i < p.found.len; i += sizeof(uint32_t)) {
        uint32_t node;

        memcpy(&node, p.found.p + i, sizeof node);
        T_CHECK(node >= 1 && node < nodes);
        times[node < nodes ? node : 0]++;
    }
    for (uint32_t i = 1; times && i < nodes; i++)
        T_CHECK(times[i] == wide);
    free(times);
    buf_free(&p.found);
}

static void try_bad(uint32_t nodes, uint32_t fan, uint32_t bad, char how)
{
    struct part p = {.wide = 40000, .bad = bad, .how = how}; /* more than a pipe holds */
    struct err e = {0};
    char number[32];

    snprintf(number, sizeof number, how == 'e' ? "node %u " : "part %u ",
             how == 'e' ? bad : bad - 1);
    T_CHECK(run(&p, nodes, fan, &e) == (how == 'e' ? ERR_INPUT : ERR_IO));
    T_CHECKF(strstr(e.msg, number), "'%s' without '%s'", e.msg, number);
    T_CHECKF(how != 'k' || strstr(e.msg, "signal 9"), "%s", e.msg);
    buf_free(&p.found);
}

int main(void)
{
    static const uint32_t fans[] = {1, 2, 4, 50};

    for (size_t f = 0; f < 4; f++) {
        try_all(1, fans[f], 1);
        try_all(2, fans[f], 1);
        try_all(22, fans[f], 1);
        try_all(9, fans[f], 30000);
        for (uint32_t bad = 1; bad < 9; bad += 3)
            for (const char *how = "ekq"; *how; how++)
                try_bad(9, fans[f], bad, *how);
    }
    return t_done("test_tree");
}
